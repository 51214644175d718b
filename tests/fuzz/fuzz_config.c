/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the text is: it becomes a valid configuration or an error with a
 * place inside the text; secrets are in no output; a failure leaves *out
 * alone.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/internal.h"
#include "base/str.h"
#include "fuzz.h"
#include "gateway/config.h"

#define CANARY "canary-7f3a"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

/* Names tell what they hold, so that a fuzzer can reach everything. */
static bool env(const char *name, struct llmp_str *value, void *ctx)
{
    static const char *const values[][2] = {
        { "KEY", CANARY },
        { "URL", "https://" CANARY ".example/v1" },
        { "PROXY", "http://user:" CANARY "@proxy:3128" },
        { "NUMBER", "3" },
        { "BAD", CANARY "\n\x01" },
        { "EMPTY", "" },
    };

    (void)ctx;
    for (size_t i = 0; i < LLMP_COUNT(values); i++)
        if (strcmp(values[i][0], name) == 0) {
            *value = llmp_str_of(values[i][1]);
            return true;
        }
    return false;
}

static bool file(const char *path, struct llmp_str *value, char reason[128],
                 void *ctx)
{
    (void)ctx;
    if (strlen(path) % 2) {
        (void)snprintf(reason, 128, "no such file");
        return false;
    }
    *value = LLMP_STR(CANARY "\n");
    return true;
}

static void check_summary(struct llmp_str piece, void *ctx)
{
    (void)ctx;
    CHECK(llmp_str_find(piece, LLMP_STR(CANARY)) == SIZE_MAX);
}

static void check_model(const struct llmp_config *config, size_t index)
{
    const struct llmp_model *model = &config->models[index];
    bool literal = index < config->literal_count;
    struct llmp_str name = model->name;
    struct llmp_str near[LLMP_NEAREST_MAX];

    CHECK(model->index == index);
    CHECK(model->deployments[0].provider >= config->providers &&
          model->deployments[0].provider <
              config->providers + config->provider_count);
    CHECK(name.len > 0 && (name.ptr[name.len - 1] == '*') == !literal);
    if (literal)
        CHECK(llmp_config_model(config, name) == model);
    CHECK(llmp_str_starts(name, model->strip));
    CHECK(llmp_config_nearest(config, name, near) <= LLMP_NEAREST_MAX);
    if (literal && name.len <= 64)
        CHECK(llmp_config_nearest(config, name, near) > 0);
}

static void check_config(const struct llmp_config *config)
{
    CHECK(config->provider_count > 0 && config->model_count > 0);
    CHECK(config->server.listen_count > 0);
    for (size_t i = 0; i < config->provider_count; i++) {
        const struct llmp_provider *provider = &config->providers[i];

        CHECK(provider->origin.id && provider->origin.port > 0);
        for (size_t j = 0; j < provider->header_count; j++)
            CHECK(!memchr(provider->headers[j].value.ptr, '\n',
                          provider->headers[j].value.len));
    }
    for (size_t i = 0; i < config->model_count; i++)
        check_model(config, i);
    llmp_config_write_summary(config, check_summary, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct llmp_config_source source = {
        .size = sizeof(source), .name = "f", .env = env, .file = file
    };
    const struct llmp_str text = { (const char *)data, size };
    struct llmp_config *config = NULL;
    struct llmp_error err = { 0 };

    /* What the text itself says under another key is not a secret. */
    if (llmp_str_find(text, LLMP_STR(CANARY)) != SIZE_MAX)
        return 0;

    int rc = llmp_config_parse(&config, text, &source, &err);

    if (rc == LLMP_OK) {
        check_config(config);
        llmp_config_unref(config);
        return 0;
    }
    CHECK(rc < 0 && rc == err.status && !config);
    CHECK(strlen(err.message) > 0 && !strstr(err.message, CANARY));
    CHECK(rc == LLMP_E_NOMEM || (err.line > 0 && err.column > 0));
    CHECK(err.line <= size + 1 && err.column <= size + 1);
    return 0;
}
