/* SPDX-License-Identifier: Apache-2.0 */
/* See explain.h. Reads a configuration and a request; the library does the
 * rest. */
#include "explain.h"

#include <errno.h>
#include <llmproxy/gateway.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "config_file.h"
#include "control.h"
#include "mem.h"
#include "random.h"

enum { HEADERS_MAX = 64, BODY_BYTES_MAX = 32 << 20 };

static const char usage[] =
    "usage: llmgw explain [-c FILE] [options] REQUEST.json\n"
    "\n"
    "Prints which deployment would be chosen for a request and why, and why "
    "not\n"
    "the others. Nothing is called. `-` reads the request from the standard "
    "input.\n"
    "\n"
    "  -c, --config FILE     without it: from the environment\n"
    "      --key NAME        the key of the configuration that asks\n"
    "      --header 'NAME: VALUE'\n"
    "                        a header field of the request; may be repeated\n"
    "      --path PATH       default /v1/chat/completions\n"
    "      --json            for programs\n"
    "\n"
    "exit codes: 0 explained (also that it would be refused), 1 something is "
    "not\n"
    "usable, 2 usage\n";

struct explain {
    const char *config, *request, *path, *key;
    struct llmp_header fields[HEADERS_MAX];
    size_t header_count;
    bool json;
    bool help;
};

static bool complain(const char *what, const char *about)
{
    (void)fprintf(stderr, "llmgw explain: %s%s; try llmgw explain --help\n",
                  what, about);
    return false;
}

/* "Name: value" in two: the name in lower case, the value without blanks. */
static bool add_header(struct explain *e, char *text)
{
    struct llmp_header *field = &e->fields[e->header_count];
    char *colon = text ? strchr(text, ':') : NULL;

    if (!colon || colon == text || e->header_count == HEADERS_MAX)
        return complain("a header is 'NAME: VALUE', not ", text ? text : "''");
    for (char *c = text; c < colon; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');

    const char *value = colon + 1 + strspn(colon + 1, " \t");

    field->name = (struct llmp_str){ text, (size_t)(colon - text) };
    field->value = (struct llmp_str){ value, strlen(value) };
    e->header_count++;
    return true;
}

static bool parse_one(struct explain *e, int argc, char **argv, int *at)
{
    const char *arg = argv[*at];
    const struct {
        const char *name, *other;
        const char **value;
    } options[] = { { "--config", "-c", &e->config },
                    { "--key", NULL, &e->key },
                    { "--path", NULL, &e->path } };

    if (strcmp(arg, "--json") == 0 || strcmp(arg, "-h") == 0 ||
        strcmp(arg, "--help") == 0) {
        *(strcmp(arg, "--json") == 0 ? &e->json : &e->help) = true;
        return true;
    }
    if (strcmp(arg, "--header") == 0)
        return add_header(e, *at + 1 < argc ? argv[++*at] : NULL);
    for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
        if (strcmp(arg, options[i].name) == 0 ||
            (options[i].other && strcmp(arg, options[i].other) == 0)) {
            *options[i].value = *at + 1 < argc ? argv[++*at] : NULL;
            return *options[i].value ||
                   complain("a value is missing after ", arg);
        }
    if (arg[0] == '-' && arg[1])
        return complain("unknown option ", arg);
    if (e->request)
        return complain("one request at a time, not also ", arg);
    e->request = arg;
    return true;
}

/* NULL after saying why; given back with gw_free(). */
static char *read_request(const char *path, size_t *len)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
    char *bytes = file ? gw_alloc(BODY_BYTES_MAX) : NULL;

    *len = 0;
    if (bytes)
        *len = fread(bytes, 1, BODY_BYTES_MAX, file);
    if (!file || (bytes && ferror(file)))
        (void)fprintf(stderr, "llmgw: %s: %s\n", path, strerror(errno));
    else if (!bytes || *len == BODY_BYTES_MAX)
        (void)fprintf(stderr, "llmgw: %s is too large\n", path);

    bool good = bytes && !ferror(file) && *len < BODY_BYTES_MAX;

    if (file && file != stdin)
        (void)fclose(file);
    if (!good) {
        gw_free(bytes);
        bytes = NULL;
    }
    return bytes;
}

static void print_text(struct llmp_str text, void *ctx)
{
    (void)ctx;
    (void)fwrite(text.ptr, 1, text.len, stdout);
}

static int explain(const struct explain *e, struct llmp_config *config,
                   struct llmp_str body)
{
    const struct llmp_random random = { .fill = gw_random_fill };
    struct llmp_gateway *gateway = NULL;
    struct llmp_explain_options options;
    struct llmp_error err;
    int status = llmp_gateway_new(&gateway, config, &random, &err);

    llmp_explain_options_init(&options);
    options.body = body;
    if (e->path)
        options.path = (struct llmp_str){ e->path, strlen(e->path) };
    if (e->key)
        options.key = (struct llmp_str){ e->key, strlen(e->key) };
    options.headers = e->fields;
    options.header_count = e->header_count;
    options.json = e->json;
    if (status == LLMP_OK)
        status = llmp_gateway_explain(gateway, &options, llmp_clock(),
                                      print_text, NULL, &err);
    if (status < 0)
        (void)fprintf(stderr, "llmgw: %s\n", err.message);
    llmp_gateway_free(gateway);
    return status;
}

int gw_explain_main(int argc, char **argv)
{
    struct explain e = { .config = NULL };
    struct llmp_config *config = NULL;
    struct llmp_error err;
    int status = LLMP_E_IO;
    size_t len;

    for (int i = 2; i < argc; i++)
        if (!parse_one(&e, argc, argv, &i))
            return 2;
    if (e.help)
        return fputs(usage, stdout) < 0;
    if (!e.request) {
        (void)complain("which request?", "");
        return 2;
    }
    if (gw_config_load(&config, e.config, NULL, NULL, &err) != LLMP_OK) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }

    char *body = read_request(e.request, &len);

    if (body)
        status = explain(&e, config, (struct llmp_str){ body, len });
    gw_free(body);
    llmp_config_unref(config);
    return status == LLMP_OK && fflush(stdout) == 0 ? 0 : 1;
}
