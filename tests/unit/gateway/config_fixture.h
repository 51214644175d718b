/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A source of a configuration that tests write down: variables and files are
 * pairs of name and value.
 */
#ifndef CONFIG_FIXTURE_H
#define CONFIG_FIXTURE_H

#include <llmproxy/config.h>
#include <stdio.h>
#include <string.h>

struct fixture {
    const char *const (*env)[2];   /* ends with { NULL, NULL } */
    const char *const (*files)[2]; /* the same */
};

static inline bool fixture_find(const char *const (*pairs)[2], const char *name,
                                struct llmp_str *value)
{
    for (; pairs && (*pairs)[0]; pairs++)
        if (strcmp((*pairs)[0], name) == 0) {
            *value = (struct llmp_str){ (*pairs)[1], strlen((*pairs)[1]) };
            return true;
        }
    return false;
}

static inline bool fixture_env(const char *name, struct llmp_str *value,
                               void *ctx)
{
    return fixture_find(((struct fixture *)ctx)->env, name, value);
}

static inline bool fixture_file(const char *path, struct llmp_str *value,
                                char reason[128], void *ctx)
{
    (void)snprintf(reason, 128, "No such file");
    return fixture_find(((struct fixture *)ctx)->files, path, value);
}

static inline struct llmp_config_source fixture_source(struct fixture *fixture)
{
    return (struct llmp_config_source){
        .size = sizeof(struct llmp_config_source),
        .name = "gateway.yaml",
        .env = fixture_env,
        .file = fixture_file,
        .ctx = fixture,
    };
}

static inline int fixture_parse(struct llmp_config **out, const char *yaml,
                                struct fixture *fixture, struct llmp_error *err)
{
    const struct llmp_config_source source = fixture_source(fixture);

    return llmp_config_parse(out, (struct llmp_str){ yaml, strlen(yaml) },
                             &source, err);
}

/* Collects what a writer writes. */
struct collected {
    char text[128 * 1024];
    size_t len;
};

static inline void collect(struct llmp_str piece, void *ctx)
{
    struct collected *c = ctx;

    if (piece.len < sizeof(c->text) - c->len) {
        memcpy(c->text + c->len, piece.ptr, piece.len);
        c->len += piece.len;
        c->text[c->len] = '\0';
    }
}

#endif
