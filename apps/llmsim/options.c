/* SPDX-License-Identifier: Apache-2.0 */
#include "options.h"

#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
    "llmsim: a simulated LLM provider, for tests, benchmarks and first steps.\n"
    "\n"
    "It answers like the APIs of OpenAI, Anthropic, Gemini, Bedrock, Azure "
    "and\n"
    "GigaChat, at the pace and with the faults that it is told, and always "
    "the\n"
    "same for one seed.\n"
    "\n"
    "  llmsim                                        serve on 127.0.0.1:9090\n"
    "  llmsim --listen 127.0.0.1:0 --print-address   any port; say which\n"
    "  llmsim --ttft-ms lognormal:300:0.4 --tokens-per-second 60\n"
    "  curl localhost:9090/v1/chat/completions -d \\\n"
    "    '{\"model\":\"sim-cut:2\",\"stream\":true,\"messages\":[]}'\n"
    "\n"
    "Options:\n"
    "  --listen HOST:PORT  default 127.0.0.1:9090; IPv6 in brackets\n"
    "  --workers N         threads, each with a socket of its own; default 1\n"
    "  --seed N            default 1\n"
    "  --api-key KEY       answer 401 to requests without it\n"
    "  --sigv4-secret ACCESS:SECRET  answer 403 on Bedrock's paths to "
    "requests\n"
    "                      that are not signed with it\n"
    "  --gigachat-credentials USER:PASS  GigaChat's paths need a token, given "
    "for\n"
    "                      these\n"
    "  --entra-credentials ID:SECRET     what Entra's tokens are given for\n"
    "  --google-key FILE   the key (PEM, public) that signs Google's "
    "assertions\n"
    "  --token-seconds N   how long tokens are good; default 1800\n"
    "  --tls-cert FILE     with --tls-key FILE: HTTPS (PEM)\n"
    "  --print-address     the ready line is JSON\n"
    "  --help, --version\n"
    "\n"
    "Endpoints: POST /v1/{chat/completions, completions, embeddings, "
    "responses,\n"
    "moderations, rerank, images/generations, audio/transcriptions, "
    "audio/speech};\n"
    "GET /v1/models[/ID]; GET /sim/stats, GET /sim/last, POST /sim/reset.\n"
    "Other faces: /v1/messages; /v1beta/models/M:generateContent; "
    "/model/ID/converse;\n"
    "/openai/deployments/NAME/...; /api/v1/chat/completions; tokens: "
    "/api/v2/oauth,\n"
    "/token, /oauth2/v2.0/token.\n";

static _Noreturn void die(const char *what, const char *which)
{
    fprintf(stderr, "llmsim: %s '%s'; see llmsim --help\n", what, which);
    exit(2);
}

static uint64_t number(const char *text, uint64_t max)
{
    char *end;
    unsigned long long value = strtoull(text, &end, 10);

    if (*text < '0' || *text > '9' || *end || value > max)
        die("not a number in range:", text);
    return value;
}

/* Splits in place, because the options live as long as argv. */
static void set_listen(struct sim_options *opts, char *text)
{
    char *colon = strrchr(text, ':');

    if (!colon)
        die("not HOST:PORT:", text);
    *colon = '\0';
    opts->port = (uint16_t)number(colon + 1, 65535);
    if (*text == '[' && colon[-1] == ']') {
        colon[-1] = '\0';
        text++;
    }
    opts->host = text;
}

static void help(void)
{
    puts(usage);
    sim_behaviour_help();
    exit(0);
}

static bool read_flag(struct sim_options *opts, const char *name)
{
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0)
        help();
    if (strcmp(name, "--version") == 0) {
        puts("llmsim " LLMP_VERSION);
        exit(0);
    }
    if (strcmp(name, "--print-address") == 0)
        return opts->print_address = true;
    return false;
}

static void read_key(struct sim_options *opts, const char *name,
                     const char *value)
{
    struct sim_buf why = { 0 };

    if (strncmp(name, "--", 2) != 0)
        die("unknown argument", name);
    if (sim_behaviour_set(&opts->how,
                          (struct llmp_str){ name + 2, strlen(name) - 2 },
                          (struct llmp_str){ value, strlen(value) }, &why))
        return;
    sim_buf_add(&why, LLMP_STR("\0"));
    die("bad option:", why.ptr);
}

static void read_value(struct sim_options *opts, const char *name, char *value)
{
    if (strcmp(name, "--listen") == 0)
        set_listen(opts, value);
    else if (strcmp(name, "--workers") == 0)
        opts->workers = (unsigned)number(value, 256);
    else if (strcmp(name, "--seed") == 0)
        opts->seed = number(value, UINT64_MAX);
    else if (strcmp(name, "--api-key") == 0)
        opts->api_key = value;
    else if (strcmp(name, "--sigv4-secret") == 0)
        opts->sigv4_secret = value;
    else if (strcmp(name, "--gigachat-credentials") == 0)
        opts->gigachat_credentials = value;
    else if (strcmp(name, "--entra-credentials") == 0)
        opts->entra_credentials = value;
    else if (strcmp(name, "--google-key") == 0)
        opts->google_key = value;
    else if (strcmp(name, "--token-seconds") == 0)
        opts->token_seconds = number(value, UINT32_MAX);
    else if (strcmp(name, "--tls-cert") == 0)
        opts->tls_cert = value;
    else if (strcmp(name, "--tls-key") == 0)
        opts->tls_key = value;
    else
        read_key(opts, name, value);
}

void sim_options_read(struct sim_options *opts, int argc, char **argv)
{
    *opts = (struct sim_options){
        .host = "127.0.0.1",
        .port = 9090,
        .workers = 1,
        .seed = 1,
        .token_seconds = 1800,
    };
    sim_behaviour_init(&opts->how);
    for (int i = 1; i < argc; i++) {
        if (read_flag(opts, argv[i]))
            continue;
        if (i + 1 == argc)
            die("unknown, or without its value:", argv[i]);
        read_value(opts, argv[i], argv[i + 1]);
        i++;
    }
    if (!opts->tls_cert != !opts->tls_key)
        die("needs its pair:", opts->tls_cert ? "--tls-cert" : "--tls-key");
    if (opts->workers == 0)
        die("not a number in range:", "0");
}
