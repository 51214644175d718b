/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: see cli.h. */
#include "cli.h"

#include <llmproxy/config.h>
#include <stdio.h>
#include <string.h>

#include "config_file.h"
#include "tls.h"

static const char help[] =
    "llmgw " LLMP_VERSION " - a gateway between programs and LLM providers\n"
    "\n"
    "usage: llmgw [-c FILE] [options]      serve\n"
    "       llmgw check FILE               read a configuration and say what "
    "it means\n"
    "       llmgw explain [-c FILE] [options] REQUEST.json\n"
    "                                      say who would answer a request, and "
    "why\n"
    "       llmgw redteam [options] FILE   try attacks on a configuration's "
    "guards\n"
    "       llmgw schema                   print its JSON Schema, for editors\n"
    "       llmgw reference                print its reference page "
    "(Markdown)\n"
    "       llmgw key make [--pepper FILE]\n"
    "                                      print a fresh API key, for the "
    "configuration\n"
    "       llmgw key|user|team|organisation|usage|budget|event|\n"
    "             prices|reprice ...\n"
    "                                      administer what is in the store: "
    "llmgw key --help\n"
    "       llmgw openapi                  print the admin API's document\n"
    "       llmgw version\n"
    "\n"
    "Serving without a file takes providers from the environment:\n"
    "\n"
    "  OPENAI_API_KEY=sk-... llmgw\n"
    "  curl http://127.0.0.1:8080/v1/chat/completions \\\n"
    "    -H 'content-type: application/json' \\\n"
    "    -d "
    "'{\"model\":\"gpt-4o-mini\",\"messages\":[{\"role\":\"user\",\"content\":"
    "\"Hi\"}]}'\n"
    "\n"
    "and any OpenAI client does the same with base_url "
    "http://127.0.0.1:8080/v1.\n"
    "\n"
    "options:\n"
    "  -c, --config FILE   the configuration (YAML). Secrets in it are written "
    "as\n"
    "                      ${VARIABLE} or ${file:PATH}.\n"
    "      --listen ADDR   listen here instead: 127.0.0.1:8080, [::1]:8080,\n"
    "                      unix:/run/llmgw.sock; port 0 takes a free one. May "
    "be\n"
    "                      repeated. Addresses beyond this machine need to be\n"
    "                      in the configuration, which says who may come.\n"
    "      --control PATH  a socket at which a successor may take over\n"
    "      --take-over PATH  take the listening sockets and ticket keys of "
    "the\n"
    "                      process whose --control socket this is; it then\n"
    "                      finishes what it has begun, and no request fails\n"
    "  -h, --help          this text\n"
    "  -V, --version\n"
    "\n"
    "environment (without a file; any number of keys together):\n"
    "  OPENAI_API_KEY, OPENAI_BASE_URL      OpenAI, or anything that speaks "
    "like it\n"
    "  ANTHROPIC_API_KEY, ANTHROPIC_BASE_URL\n"
    "                      `llmgw reference` lists every provider's variables\n"
    "  LLMGW_LISTEN        where to listen; default 127.0.0.1:8080\n"
    "  LLMGW_ALLOW_ANONYMOUS=true   anybody who reaches it may use it\n"
    "  LLMGW_ALLOW_PLAIN_HTTP=true  providers may be spoken to without TLS\n"
    "\n"
    "signals:\n"
    "  TERM, INT           drain: not ready any more, no new connections, what "
    "runs\n"
    "                      finishes (server.timeouts.drain); the second one "
    "ends it\n"
    "  HUP                 read configuration and certificates again; a bad "
    "file\n"
    "                      changes nothing. A changed file does the same by "
    "itself\n"
    "                      unless server.watch is false\n"
    "  USR1                open the access log again\n"
    "\n"
    "addresses served: /v1/..., /health/live, /health/ready, /metrics\n"
    "exit codes: 0 done, 1 the configuration or an address is not usable, 2 "
    "usage\n";

/* Takes the value of an option that wants one: "--name value", "--name=value"
 * or "-n value". Returns false if `arg` is another option. */
static bool take_value(const char *name, char letter, int argc, char **argv,
                       int *at, const char **value)
{
    const char *arg = argv[*at];
    size_t len = strlen(name);

    if (strncmp(arg, name, len) == 0 && arg[len] == '=') {
        *value = arg + len + 1;
        return true;
    }
    if (strcmp(arg, name) != 0 &&
        !(letter && arg[0] == '-' && arg[1] == letter && arg[2] == '\0'))
        return false;
    *value = *at + 1 < argc ? argv[++*at] : NULL;
    return true;
}

static bool complain(const char *what, const char *about)
{
    (void)fprintf(stderr, "llmgw: %s%s; try llmgw --help\n", what, about);
    return false;
}

static bool add_listen(struct gw_options *options, const char *value)
{
    if (options->listen_count == GW_LISTEN_MAX)
        return complain("too many --listen", "");
    options->listen[options->listen_count++] = value;
    return true;
}

/* An option of serving. */
static bool parse_option(struct gw_options *options, int argc, char **argv,
                         int *at)
{
    const char *arg = argv[*at];
    const char *value = "";
    bool known = true;

    if (take_value("--config", 'c', argc, argv, at, &value))
        options->config_path = value;
    else if (take_value("--control", 0, argc, argv, at, &value))
        options->control_path = value;
    else if (take_value("--take-over", 0, argc, argv, at, &value))
        options->take_over_path = value;
    else if (take_value("--listen", 0, argc, argv, at, &value))
        known = !value || add_listen(options, value);
    else
        return complain(arg[0] == '-' ? "unknown option " : "unknown command ",
                        arg);
    if (!value || *value == '\0')
        return complain("a value is missing after ", arg);
    return known;
}

static bool parse_command(struct gw_options *options, int argc, char **argv)
{
    static const struct {
        const char *name;
        enum gw_command command;
    } commands[] = {
        { "check", GW_COMMAND_CHECK },
        { "schema", GW_COMMAND_SCHEMA },
        { "reference", GW_COMMAND_REFERENCE },
        { "version", GW_COMMAND_VERSION },
        { "help", GW_COMMAND_HELP },
    };

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        if (strcmp(argv[1], commands[i].name) != 0)
            continue;
        options->command = commands[i].command;
        if (options->command != GW_COMMAND_CHECK)
            return argc == 2 || complain("unexpected argument ", argv[2]);
        if (argc == 3)
            options->config_path = argv[2];
        return argc == 3 || complain("usage: llmgw check FILE", "");
    }
    return false;
}

bool gw_cli_parse(struct gw_options *options, int argc, char **argv)
{
    *options = (struct gw_options){ .command = GW_COMMAND_SERVE };
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            options->command = GW_COMMAND_HELP;
            return true;
        }
        if (strcmp(argv[i], "-V") == 0 || strcmp(argv[i], "--version") == 0) {
            options->command = GW_COMMAND_VERSION;
            return true;
        }
    }
    if (argc > 1 && argv[1][0] != '-' && strcmp(argv[1], "serve") != 0) {
        bool known = parse_command(options, argc, argv);

        if (!known && options->command == GW_COMMAND_SERVE)
            return complain("unknown command ", argv[1]);
        return known;
    }
    for (int i = argc > 1 && argv[1][0] != '-' ? 2 : 1; i < argc; i++)
        if (!parse_option(options, argc, argv, &i))
            return false;
    return true;
}

static void print_piece(struct llmp_str piece, void *ctx)
{
    (void)fwrite(piece.ptr, 1, piece.len, ctx);
}

/* What the server would find when it starts. */
static bool certificates_fit(struct llmp_config *config, struct llmp_error *err)
{
    struct gw_ticket_keys *keys = gw_ticket_keys_new();
    struct gw_tls *tls = NULL;
    int status = LLMP_E_NOMEM;

    (void)snprintf(err->message, sizeof(err->message), "out of memory");
    if (keys)
        status = gw_tls_new(&tls, llmp_config_server(config), keys, err);
    gw_tls_unref(tls);
    gw_ticket_keys_free(keys);
    return status == LLMP_OK;
}

static int check(const char *path)
{
    struct llmp_config *config = NULL;
    struct llmp_error err;

    if (gw_config_load(&config, path, NULL, NULL, &err) != LLMP_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    if (!certificates_fit(config, &err)) {
        (void)fprintf(stderr, "%s\n", err.message);
        llmp_config_unref(config);
        return 1;
    }
    gw_config_warn(config);
    llmp_config_write_summary(config, print_piece, stdout);
    llmp_config_unref(config);
    return 0;
}

int gw_cli_run(const struct gw_options *options)
{
    switch (options->command) {
    case GW_COMMAND_CHECK:
        return check(options->config_path);
    case GW_COMMAND_SCHEMA:
        llmp_config_write_schema(print_piece, stdout);
        break;
    case GW_COMMAND_REFERENCE:
        llmp_config_write_reference(print_piece, stdout);
        break;
    case GW_COMMAND_VERSION:
        (void)printf("llmgw %s\n", llmp_version());
        break;
    case GW_COMMAND_HELP:
    case GW_COMMAND_SERVE:
        (void)fputs(help, stdout);
        break;
    }
    return fflush(stdout) == 0 ? 0 : 1;
}
