/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: variables alone make a gateway, under the same rules as a file.
 * Method: sets of variables, and where names of models lead.
 */
#include "gateway/config.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "config_fixture.h"
#include "faulty_heap.h"

typedef const char *const pairs[][2];

static int start(struct llmp_config **out, const char *const (*env)[2],
                 struct llmp_error *err)
{
    struct fixture fixture = { .env = env };
    const struct llmp_config_source source = fixture_source(&fixture);

    return llmp_config_from_env(out, &source, err);
}

static struct llmp_config *started(const char *const (*env)[2])
{
    struct llmp_config *config = NULL;
    struct llmp_error err = { 0 };

    if (start(&config, env, &err) < 0)
        fail_msg("%s", err.message);
    return config;
}

static void assert_leads(const struct llmp_config *config, const char *asked,
                         const char *provider, const char *strip)
{
    const struct llmp_model *model =
        llmp_config_model(config, llmp_str_of(asked));

    print_message("# %s\n", asked);
    assert_non_null(model);
    assert_true(llmp_str_eq(model->deployments[0].provider->name,
                            llmp_str_of(provider)));
    assert_true(llmp_str_eq(model->strip, llmp_str_of(strip)));
}

static void one_key_is_enough(void **state)
{
    static pairs env = { { "OPENAI_API_KEY", "sk-abcdef" },
                         { "ANTHROPIC_API_KEY", "" },
                         { NULL, NULL } };
    struct llmp_config *config = started(env);

    (void)state;
    assert_int_equal(config->provider_count, 1);
    assert_string_equal(config->providers[0].origin.host, "api.openai.com");
    assert_true(llmp_str_eq(config->providers[0].credentials[0].value,
                            LLMP_STR("Bearer sk-abcdef")));
    assert_string_equal(config->server.listen[0], "127.0.0.1:8080");
    assert_leads(config, "gpt-4o", "openai", "");
    assert_leads(config, "openai/gpt-4o", "openai", "openai/");
    assert_leads(config, "anything", "openai", "");
    llmp_config_unref(config);
}

static void several_keys_share_the_names(void **state)
{
    static pairs env = { { "GEMINI_API_KEY", "g" },
                         { "ANTHROPIC_API_KEY", "a" },
                         { "OPENAI_API_KEY", "o" },
                         { "MISTRAL_API_KEY", "m" },
                         { NULL, NULL } };
    struct llmp_config *config = started(env);

    (void)state;
    assert_int_equal(config->provider_count, 4);
    assert_leads(config, "gpt-4o", "openai", "");
    assert_leads(config, "claude-sonnet-4-5", "anthropic", "");
    assert_leads(config, "gemini-2.5-pro", "gemini", "");
    assert_leads(config, "codestral-latest", "mistral", "");
    assert_leads(config, "anthropic/claude-x", "anthropic", "anthropic/");
    assert_leads(config, "openai/claude-x", "openai", "openai/");
    assert_leads(config, "other", "openai", "");
    llmp_config_unref(config);
}

static void the_first_takes_the_rest(void **state)
{
    static pairs env = { { "GROQ_API_KEY", "g" },
                         { "DEEPSEEK_API_KEY", "d" },
                         { NULL, NULL } };
    struct llmp_config *config = started(env);

    (void)state;
    assert_leads(config, "llama-3", "groq", "");
    assert_leads(config, "groq/openai/gpt-oss-120b", "groq", "groq/");
    assert_leads(config, "deepseek-chat", "deepseek", "");
    llmp_config_unref(config);
}

static void a_base_url_alone_is_enough(void **state)
{
    static pairs env = { { "OPENAI_BASE_URL", "http://127.0.0.1:8000/v1" },
                         { NULL, NULL } };
    struct llmp_config *config = started(env);

    (void)state;
    assert_string_equal(config->providers[0].origin.authority,
                        "127.0.0.1:8000");
    assert_int_equal(config->providers[0].header_count, 0);
    llmp_config_unref(config);
}

/* Anthropic's own clients add /v1 to the variable, OpenAI's do not. */
static void base_urls_mean_what_they_do_elsewhere(void **state)
{
    static const struct {
        const char *name, *url, *path;
    } rows[] = {
        { "ANTHROPIC", "https://proxy", "/v1" },
        { "ANTHROPIC", "https://proxy/", "/v1" },
        { "ANTHROPIC", "https://proxy/claude/v1", "/claude/v1" },
        { "OPENAI", "https://proxy", "" },
        { "OPENAI", "https://proxy/v1/", "/v1" },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(rows); i++) {
        char key[32], url[32];

        (void)snprintf(key, sizeof(key), "%s_API_KEY", rows[i].name);
        (void)snprintf(url, sizeof(url), "%s_BASE_URL", rows[i].name);

        const char *const env[][2] = { { key, "abcdef" },
                                       { url, rows[i].url },
                                       { NULL, NULL } };
        struct llmp_config *config = started(env);

        print_message("# %s\n", rows[i].url);
        assert_string_equal(config->providers[0].origin.host, "proxy");
        assert_true(llmp_str_eq(config->providers[0].base_path,
                                llmp_str_of(rows[i].path)));
        llmp_config_unref(config);
    }
}

static void the_rules_hold_here_too(void **state)
{
    static const struct {
        const char *const env[3][2];
        int status;
        const char *message;
    } rows[] = {
        { { { "OPENAI_API_KEY", "a canary" } },
          LLMP_E_INVALID,
          "environment: OPENAI_API_KEY: 'api_key' contains a blank or another "
          "character that no key has" },
        { { { "OPENAI_BASE_URL", "canary" } },
          LLMP_E_INVALID,
          "environment: OPENAI_BASE_URL: 'base_url' must be a URL with "
          "scheme, such as https://host/path" },
        { { { "OPENAI_BASE_URL", "http://canary/v1" },
            { "OPENAI_API_KEY", "x" } },
          LLMP_E_INVALID,
          "environment: OPENAI_BASE_URL: plain http would send a secret "
          "readable to another machine: use https or, to allow it, set "
          "LLMGW_ALLOW_PLAIN_HTTP=true" },
        { { { "OPENAI_API_KEY", "x" }, { "LLMGW_LISTEN", "0.0.0.0:80" } },
          LLMP_E_INVALID,
          "environment: LLMGW_LISTEN: this listener can be reached from "
          "other machines, without authentication; to allow that, set "
          "LLMGW_ALLOW_ANONYMOUS=true" },
        { { { "OPENAI_API_KEY", "x" }, { "LLMGW_LISTEN", "80" } },
          LLMP_E_INVALID,
          "environment: LLMGW_LISTEN: 'listen' must be ADDRESS:PORT, "
          "[IPv6]:PORT or unix:PATH" },
        { { { "OPENAI_API_KEY", "x" }, { "LLMGW_ALLOW_ANONYMOUS", "1" } },
          LLMP_E_TYPE,
          "environment: LLMGW_ALLOW_ANONYMOUS: 'allow_anonymous' must be true "
          "or false" },
        { { { "PATH", "x" } },
          LLMP_E_NOT_FOUND,
          "no provider in the environment: set OPENAI_BASE_URL or one of "
          "OPENAI_API_KEY, ANTHROPIC_API_KEY, MISTRAL_API_KEY, GROQ_API_KEY, "
          "DEEPSEEK_API_KEY, OPENROUTER_API_KEY, GEMINI_API_KEY, "
          "CLOUDRU_API_KEY, XAI_API_KEY, …" },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(rows); i++) {
        struct llmp_config *config = NULL;
        struct llmp_error err = { 0 };

        assert_int_equal(start(&config, rows[i].env, &err), rows[i].status);
        assert_string_equal(err.message, rows[i].message);
        assert_int_equal(err.line, 0);
        assert_null(config);
    }
}

static void the_exceptions_can_be_allowed(void **state)
{
    static pairs env = { { "OPENAI_API_KEY", "x" },
                         { "OPENAI_BASE_URL", "http://vllm:8000/v1" },
                         { "LLMGW_LISTEN", "[::]:80" },
                         { "LLMGW_ALLOW_ANONYMOUS", "true" },
                         { "LLMGW_ALLOW_PLAIN_HTTP", "true" },
                         { NULL, NULL } };
    struct llmp_config *config = started(env);

    (void)state;
    assert_string_equal(config->server.listen[0], "[::]:80");
    llmp_config_unref(config);
}

static void a_source_is_required(void **state)
{
    const struct llmp_config_source source = { .size = sizeof(source) };
    struct llmp_config *config = NULL;
    struct llmp_error err;

    (void)state;
    assert_int_equal(llmp_config_from_env(&config, NULL, &err), LLMP_E_INVALID);
    assert_int_equal(llmp_config_from_env(&config, &source, &err),
                     LLMP_E_INVALID);
    assert_int_equal(llmp_config_from_env(NULL, &source, &err), LLMP_E_INVALID);
}

static void survives_every_allocation_failure(void **state)
{
    static pairs env = { { "OPENAI_API_KEY", "x" },
                         { "ANTHROPIC_API_KEY", "y" },
                         { NULL, NULL } };

    (void)state;
    for (int n = 0;; n++) {
        struct llmp_config *config = NULL;
        struct llmp_error err = { 0 };

        faulty_heap_arm(n);

        int rc = start(&config, env, &err);

        if (rc == LLMP_OK) {
            llmp_config_unref(config);
            assert_int_equal(faulty_heap_live(), 0);
            assert_true(n > 3);
            break;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_null(config);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_key_is_enough),
        cmocka_unit_test(several_keys_share_the_names),
        cmocka_unit_test(the_first_takes_the_rest),
        cmocka_unit_test(a_base_url_alone_is_enough),
        cmocka_unit_test(base_urls_mean_what_they_do_elsewhere),
        cmocka_unit_test(the_rules_hold_here_too),
        cmocka_unit_test(the_exceptions_can_be_allowed),
        cmocka_unit_test(a_source_is_required),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
