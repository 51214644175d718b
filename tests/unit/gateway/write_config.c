/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes what is generated from the table: `write_config
 * reference|schema|openapi`; or reads a file from standard input and writes its
 * summary: `write_config summary`, with variables from the environment.
 */
#include <llmproxy/admin.h>
#include <llmproxy/config.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void sink(struct llmp_str piece, void *ctx)
{
    (void)fwrite(piece.ptr, 1, piece.len, ctx);
}

static bool env(const char *name, struct llmp_str *value, void *ctx)
{
    const char *text = getenv(name);

    (void)ctx;
    if (!text)
        return false;
    *value = (struct llmp_str){ text, strlen(text) };
    return true;
}

static int write_summary(bool from_env)
{
    static char text[1 << 20];
    const struct llmp_config_source source = { .size = sizeof(source),
                                               .env = env };
    struct llmp_config *config = NULL;
    struct llmp_error err;
    struct llmp_str yaml = { text, 0 };

    if (!from_env)
        yaml.len = fread(text, 1, sizeof(text), stdin);

    int rc = from_env ? llmp_config_from_env(&config, &source, &err)
                      : llmp_config_parse(&config, yaml, &source, &err);

    if (rc < 0) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    llmp_config_write_summary(config, sink, stdout);
    llmp_config_unref(config);
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc == 2 ? argv[1] : "";

    if (strcmp(what, "summary") == 0)
        return write_summary(false);
    if (strcmp(what, "env") == 0)
        return write_summary(true);
    if (strcmp(what, "reference") == 0)
        llmp_config_write_reference(sink, stdout);
    else if (strcmp(what, "openapi") == 0)
        llmp_admin_write_openapi(sink, stdout);
    else if (strcmp(what, "schema") == 0)
        llmp_config_write_schema(sink, stdout);
    else
        return 2;
    return 0;
}
