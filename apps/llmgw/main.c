/* SPDX-License-Identifier: Apache-2.0 */
/* llmgw: a gateway between programs and LLM providers. The order of starting
 * and ending; everything else has a file of its own. */
#include <llmproxy/gateway.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "admin_cli.h"
#include "cli.h"
#include "config_file.h"
#include "control.h"
#include "explain.h"
#include "handover.h"
#include "redteam.h"
#include "server.h"

/* A connection is a descriptor, and so is its call to a provider. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
}

static bool is_local(const char *address)
{
    static const char *const local[] = { "127.",
                                         "[::1]:", "localhost:", "unix:" };

    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
        if (strncmp(address, local[i], strlen(local[i])) == 0)
            return true;
    return false;
}

/* The configuration says who may come from other machines; --listen must not
 * open a door that it keeps shut. */
static bool may_listen(const struct gw_options *options,
                       const struct llmp_server_config *conf)
{
    bool open = false;

    for (size_t i = 0; i < conf->listen_count; i++)
        open = open || !is_local(conf->listen[i]);
    for (size_t i = 0; i < options->listen_count; i++) {
        if (open || is_local(options->listen[i]))
            continue;
        gw_say("--listen %s reaches beyond this machine: say so in the "
               "configuration, under server.listen",
               options->listen[i]);
        return false;
    }
    return true;
}

/* What the summary lists: lines that begin with "provider" or "model". */
struct counts {
    unsigned providers, models;
    bool any_model;
};

static void count_lines(struct llmp_str piece, void *ctx)
{
    struct counts *counts = ctx;

    for (size_t at = 0; at < piece.len;) {
        const char *line = piece.ptr + at;
        const char *end = memchr(line, '\n', piece.len - at);
        size_t len = end ? (size_t)(end - line) : piece.len - at;

        counts->providers += len > 8 && memcmp(line, "provider", 8) == 0;
        counts->models += len > 5 && memcmp(line, "model", 5) == 0;
        counts->any_model =
            counts->any_model ||
            (len > 6 && memcmp(line, "model", 5) == 0 && line[len - 1] == '*');
        at += len + 1;
    }
}

static void tell_ready(const struct gw_server *server,
                       const struct llmp_config *config)
{
    bool tls = llmp_config_server(config)->tls;
    struct counts counts = { 0 };
    char models[32] = "all models";

    llmp_config_write_summary(config, count_lines, &counts);
    if (!counts.any_model)
        (void)snprintf(models, sizeof(models), "%u model%s", counts.models,
                       counts.models == 1 ? "" : "s");
    for (size_t i = 0; i < server->endpoint_count; i++) {
        const struct gw_endpoint *endpoint = &server->endpoints[i];
        const char *scheme = endpoint->is_unix ? ""
                             : tls             ? "https://"
                                               : "http://";

        if (endpoint->admin) {
            gw_say("administration is at %s%s", scheme, endpoint->text);
            continue;
        }
        (void)fprintf(
            stderr,
            "llmgw " LLMP_VERSION " is serving on %s%s%s (%s, %u provider%s)\n",
            scheme, endpoint->text, endpoint->is_unix ? "" : "/v1", models,
            counts.providers, counts.providers == 1 ? "" : "s");
    }
}

/* Opens everything, with what a predecessor hands over. */
static int start(struct gw_server *server, const struct gw_options *options,
                 struct gw_handover *handover, struct llmp_error *err)
{
    int predecessor = -1;
    int status = LLMP_OK;

    if (options->take_over_path)
        status = gw_handover_take(server, options->take_over_path, &predecessor,
                                  err);
    if (status == LLMP_OK)
        status = gw_server_start(server, err);
    if (status == LLMP_OK && options->control_path)
        status = gw_handover_listen(handover, options->control_path, err);
    if (status == LLMP_OK)
        gw_handover_confirm(server, predecessor);
    else if (predecessor >= 0)
        (void)close(predecessor); /* which tells it to go on */
    return status;
}

static int serve_config(struct llmp_config *config,
                        const struct gw_options *options,
                        struct gw_watch *watch)
{
    struct gw_handover handover = { .listen_fd = -1,
                                    .peer_fd = -1,
                                    .successor_fd = -1 };
    struct gw_server *server = NULL;
    struct llmp_error err;
    int code = 1;
    int status = gw_server_new(
        &server, config, options->listen_count > 0 ? options->listen : NULL,
        options->listen_count, &err);

    if (status == LLMP_OK)
        status = start(server, options, &handover, &err);
    if (status == LLMP_OK) {
        tell_ready(server, config);
        code = gw_control_run(server, options, &handover, watch);
    } else {
        gw_say("%s", err.message);
    }
    gw_handover_close(&handover);
    gw_server_free(server);
    gw_handover_end(&handover);
    return code;
}

static int serve(const struct gw_options *options)
{
    struct llmp_config *config = NULL;
    struct gw_watch watch = { 0 };
    struct llmp_error err;
    int code = 1;

    gw_watch_config(&watch, options->config_path);
    if (gw_config_load(&config, options->config_path,
                       options->listen_count > 0 ? options->listen[0] : NULL,
                       &watch, &err) != LLMP_OK) {
        gw_say("%s", err.message);
        gw_watch_config(&watch, NULL); /* gives its memory back */
        return 1;
    }
    gw_config_warn(config);
    gw_watch_tls(&watch, llmp_config_server(config));
    raise_descriptor_limit();
    gw_control_block_signals();
    if (may_listen(options, llmp_config_server(config)))
        code = serve_config(config, options, &watch);
    gw_watch_config(&watch, NULL);
    llmp_config_unref(config);
    return code;
}

int main(int argc, char **argv)
{
    struct gw_options options;

    if (argc > 1 && gw_admin_is_command(argv[1]))
        return gw_admin_main(argc, argv);
    if (argc > 1 && strcmp(argv[1], "explain") == 0)
        return gw_explain_main(argc, argv);
    if (argc > 1 && strcmp(argv[1], "redteam") == 0)
        return gw_redteam_main(argc, argv);
    if (!gw_cli_parse(&options, argc, argv))
        return 2;
    if (options.command != GW_COMMAND_SERVE)
        return gw_cli_run(&options);
    return serve(&options);
}
