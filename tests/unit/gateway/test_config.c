/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is written arrives in the structs, what is not written gets the
 * documented default, and nothing is left behind when memory is short.
 * Method: whole texts, read through the public calls; every member looked at.
 */
#include "gateway/config.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "config_fixture.h"
#include "faulty_heap.h"

static const char everything[] =
    "server:\n"
    "  listen: [\"127.0.0.1:8443\", \"[::1]:8443\", 'unix:/run/llmgw.sock',\n"
    "           0.0.0.0:443]\n"
    "  tls:\n"
    "    cert: a.pem\n"
    "    key: b.pem\n"
    "    client_ca: ca.pem\n"
    "    client_auth: require\n"
    "    min_version: \"1.2\"\n"
    "    hsts: 365d\n"
    "  workers: 2\n"
    "  access_log: /var/log/llmgw.log\n"
    "  http2: false\n"
    "  watch: false\n"
    "  limits: { body: 1MiB, passthrough: 2MiB, error: 2KiB, event: 4KiB,\n"
    "            header: 16384, json_depth: 32, connections: 5, streams: 7 }\n"
    "  timeouts: { header: 1s, body: 2s, idle: 3s, write: 4s, drain: 5s }\n"
    "providers:\n"
    "  - name: one\n"
    "    base_url: https://API.Example.com:8443/v1/\n"
    "    api_key: ${KEY_ONE}\n"
    "    headers: { OpenAI-Organization: org-1, x-token: '${TOKEN}' }\n"
    "    http2: true\n"
    "    ca_file: /etc/ca.pem\n"
    "    proxy: http://user:proxy-password@proxy:3128\n"
    "    timeouts: { connect: 1s, first_byte: 2m, idle: 250ms }\n"
    "    connections: 9\n"
    "    stream_usage: false\n"
    "  - name: two\n"
    "    base_url: http://[::1]:11434/v1\n"
    "    tls_verify: false\n"
    "models:\n"
    "  - { name: '*', provider: two }\n"
    "  - { name: gpt-4o, provider: one, model: gpt-4o-2024-08-06 }\n"
    "  - { name: 'one/*', provider: one, strip: one/ }\n"
    "  - { name: 'one/gpt*', provider: two }\n"
    "  - { name: alpha, provider: two }\n";

static const char *const some_env[][2] = {
    { "KEY_ONE", "sk-one-1234567890" },
    { "TOKEN", "Bearer tok-abcdef" },
    { NULL, NULL },
};
static struct fixture some = { .env = some_env };

static struct llmp_config *parse(const char *yaml)
{
    struct llmp_config *config = NULL;
    struct llmp_error err = { 0 };
    int rc = fixture_parse(&config, yaml, &some, &err);

    if (rc != LLMP_OK)
        print_message("# %s\n", err.message);
    assert_int_equal(rc, LLMP_OK);
    assert_non_null(config);
    return config;
}

static void assert_str(struct llmp_str got, const char *wanted)
{
    if (!llmp_str_eq(got, llmp_str_of(wanted)))
        fail_msg("'%.*s' is not '%s'", (int)got.len, got.ptr, wanted);
}

static void server_arrives(void **state)
{
    struct llmp_config *config = parse(everything);
    const struct llmp_server_config *server = llmp_config_server(config);

    (void)state;
    assert_int_equal(server->size, sizeof(*server));
    assert_int_equal(server->listen_count, 4);
    assert_string_equal(server->listen[0], "127.0.0.1:8443");
    assert_string_equal(server->listen[1], "[::1]:8443");
    assert_string_equal(server->listen[2], "unix:/run/llmgw.sock");
    assert_string_equal(server->listen[3], "0.0.0.0:443");
    assert_int_equal(server->workers, 2);
    assert_true(server->tls);
    assert_string_equal(server->tls_cert_file, "a.pem");
    assert_string_equal(server->tls_key_file, "b.pem");
    assert_string_equal(server->tls_client_ca_file, "ca.pem");
    assert_int_equal(server->tls_client_auth, LLMP_CLIENT_AUTH_REQUIRED);
    assert_true(server->tls_allow_1_2);
    assert_int_equal(server->hsts_seconds, 31536000);
    assert_false(server->http2);
    assert_int_equal(server->connections_max, 5);
    assert_int_equal(server->streams_max, 7);
    assert_int_equal(server->header_bytes_max, 16384);
    assert_int_equal(server->header_timeout_ms, 1000);
    assert_int_equal(server->body_timeout_ms, 2000);
    assert_int_equal(server->idle_timeout_ms, 3000);
    assert_int_equal(server->write_timeout_ms, 4000);
    assert_int_equal(server->drain_timeout_ms, 5000);
    assert_string_equal(server->access_log, "/var/log/llmgw.log");
    assert_false(server->watch_config);
    assert_int_equal(config->limits.body_bytes_max, 1 << 20);
    assert_int_equal(config->limits.passthrough_bytes_max, 2 << 20);
    assert_int_equal(config->limits.error_bytes_max, 2048);
    assert_int_equal(config->limits.event_bytes_max, 4096);
    assert_int_equal(config->limits.json_depth_max, 32);
    llmp_config_unref(config);
}

static void providers_arrive(void **state)
{
    struct llmp_config *config = parse(everything);
    const struct llmp_provider *one = &config->providers[0];
    const struct llmp_provider *two = &config->providers[1];

    (void)state;
    assert_int_equal(config->provider_count, 2);
    assert_str(one->name, "one");
    assert_string_equal(one->origin.scheme, "https");
    assert_string_equal(one->origin.host, "api.example.com");
    assert_int_equal(one->origin.port, 8443);
    assert_string_equal(one->origin.authority, "api.example.com:8443");
    assert_str(one->base_path, "/v1");
    assert_int_equal(one->origin.transport, LLMP_TRANSPORT_CURL);
    assert_true(one->origin.http2);
    assert_true(one->origin.tls_verify);
    assert_string_equal(one->origin.ca_file, "/etc/ca.pem");
    assert_string_equal(one->origin.proxy,
                        "http://user:proxy-password@proxy:3128");
    assert_int_equal(one->origin.connect_timeout_ms, 1000);
    assert_int_equal(one->origin.connections_max, 9);
    assert_int_equal(one->first_byte_timeout_ms, 120000);
    assert_int_equal(one->idle_timeout_ms, 250);
    assert_false(one->inject_usage);

    assert_str(two->name, "two");
    assert_string_equal(two->origin.scheme, "http");
    assert_string_equal(two->origin.host, "::1");
    assert_string_equal(two->origin.authority, "[::1]:11434");
    assert_int_equal(two->origin.transport, LLMP_TRANSPORT_NATIVE);
    assert_false(two->origin.tls_verify);
    assert_null(two->origin.ca_file);
    assert_null(two->origin.proxy);
    assert_int_equal(two->header_count, 0);
    assert_int_equal(two->secret_count, 0);
    assert_true(two->inject_usage);
    llmp_config_unref(config);
}

static void headers_and_secrets_arrive(void **state)
{
    static const char *const secrets[] = { "sk-one-1234567890",
                                           "Bearer tok-abcdef", "tok-abcdef",
                                           "user:proxy-password",
                                           "proxy-password" };
    struct llmp_config *config = parse(everything);
    const struct llmp_provider *one = &config->providers[0];

    (void)state;
    assert_int_equal(one->credential_count, 1);
    assert_int_equal(one->header_count, 2);
    assert_str(one->credentials[0].name, "authorization");
    assert_str(one->credentials[0].value, "Bearer sk-one-1234567890");
    assert_str(one->headers[0].name, "openai-organization");
    assert_str(one->headers[0].value, "org-1");
    assert_str(one->headers[1].name, "x-token");
    assert_int_equal(one->secret_count, LLMP_COUNT(secrets));
    for (size_t i = 0; i < LLMP_COUNT(secrets); i++)
        assert_str(one->secrets[i], secrets[i]);
    llmp_config_unref(config);
}

static void models_are_found(void **state)
{
    static const struct {
        const char *asked, *name, *provider, *upstream, *strip;
    } rows[] = {
        { "gpt-4o", "gpt-4o", "one", "gpt-4o-2024-08-06", "" },
        { "alpha", "alpha", "two", "", "" },
        { "alpha2", "*", "two", "", "" },
        { "one/gpt-x", "one/gpt*", "two", "", "" },
        { "one/other", "one/*", "one", "", "one/" },
        { "one/", "one/*", "one", "", "one/" },
        { "", "*", "two", "", "" },
    };
    struct llmp_config *config = parse(everything);

    (void)state;
    assert_int_equal(config->model_count, 5);
    assert_int_equal(config->literal_count, 2);
    for (size_t i = 0; i < LLMP_COUNT(rows); i++) {
        const struct llmp_model *model =
            llmp_config_model(config, llmp_str_of(rows[i].asked));

        print_message("# %s\n", rows[i].asked);
        assert_non_null(model);
        assert_str(model->name, rows[i].name);
        assert_str(model->deployments[0].provider->name, rows[i].provider);
        assert_str(model->deployments[0].upstream, rows[i].upstream);
        assert_str(model->strip, rows[i].strip);
        assert_ptr_equal(&config->models[model->index], model);
    }
    llmp_config_unref(config);
}

static void defaults_are_the_documented_ones(void **state)
{
    struct llmp_config *config = parse("providers: [{name: openai}]\n");
    const struct llmp_server_config *server = llmp_config_server(config);
    const struct llmp_provider *provider = &config->providers[0];

    (void)state;
    assert_int_equal(server->listen_count, 1);
    assert_string_equal(server->listen[0], "127.0.0.1:8080");
    assert_int_equal(server->workers, 0);
    assert_false(server->tls);
    assert_null(server->tls_cert_file);
    assert_int_equal(server->tls_client_auth, LLMP_CLIENT_AUTH_NONE);
    assert_false(server->tls_allow_1_2);
    assert_int_equal(server->hsts_seconds, 0);
    assert_true(server->http2);
    assert_true(server->watch_config);
    assert_string_equal(server->access_log, "stdout");
    assert_int_equal(server->connections_max, 10000);
    assert_int_equal(server->streams_max, 100);
    assert_int_equal(server->header_bytes_max, 32768);
    assert_int_equal(server->header_timeout_ms, 10000);
    assert_int_equal(server->body_timeout_ms, 30000);
    assert_int_equal(server->idle_timeout_ms, 75000);
    assert_int_equal(server->write_timeout_ms, 60000);
    assert_int_equal(server->drain_timeout_ms, 30000);
    assert_int_equal(config->limits.body_bytes_max, 32 << 20);
    assert_int_equal(config->limits.json_depth_max, 64);

    assert_string_equal(provider->origin.authority, "api.openai.com");
    assert_int_equal(provider->origin.port, 443);
    assert_str(provider->base_path, "/v1");
    assert_int_equal(provider->origin.connect_timeout_ms, 5000);
    assert_int_equal(provider->origin.connections_max, 0);
    assert_int_equal(provider->first_byte_timeout_ms, 120000);
    assert_int_equal(provider->idle_timeout_ms, 60000);
    assert_true(provider->origin.tls_verify);
    assert_int_equal(provider->header_count, 0);
    llmp_config_unref(config);
}

static void models_are_implied(void **state)
{
    struct llmp_config *config = parse("providers: [{name: openai}]\n"
                                       "models:\n");
    const struct llmp_model *model;

    (void)state;
    assert_int_equal(config->model_count, 1);
    assert_str(llmp_config_model(config, LLMP_STR("x"))->name, "*");
    llmp_config_unref(config);

    config = parse("providers: [{name: openai}, {name: ollama}]\n");
    assert_int_equal(config->model_count, 2);
    assert_null(llmp_config_model(config, LLMP_STR("x")));
    model = llmp_config_model(config, LLMP_STR("ollama/llama3"));
    assert_str(model->deployments[0].provider->name, "ollama");
    assert_str(model->strip, "ollama/");
    llmp_config_unref(config);
}

static void a_single_provider_need_not_be_named(void **state)
{
    struct llmp_config *config = parse("providers: [{name: openai}]\n"
                                       "models: [{name: a}, {name: 'b*'}]\n");

    (void)state;
    assert_str(
        llmp_config_model(config, LLMP_STR("a"))->deployments[0].provider->name,
        "openai");
    assert_null(llmp_config_model(config, LLMP_STR("c")));
    llmp_config_unref(config);
}

static void a_preset_can_have_another_name(void **state)
{
    struct llmp_config *config =
        parse("providers: [{name: eu, preset: mistral}]\n");

    (void)state;
    assert_str(config->providers[0].name, "eu");
    assert_string_equal(config->providers[0].origin.host, "api.mistral.ai");
    llmp_config_unref(config);
}

static void values_take_references(void **state)
{
    static const char *const env[][2] = {
        { "PORT", "9000" }, { "N", "3" },       { "YES", "true" },
        { "EMPTY", "" },    { "SIZE", "2MiB" }, { NULL, NULL },
    };
    static const char *const files[][2] = {
        { "/run/key", "file-key-1\n" },
        { "two\nlines", "" },
        { "/run/crlf", "file-key-2\r\n" },
        { NULL, NULL },
    };
    struct fixture fixture = { .env = env, .files = files };
    struct llmp_config *config = NULL;
    struct llmp_error err;

    (void)state;
    assert_int_equal(
        fixture_parse(
            &config,
            "server:\n"
            "  listen: 127.0.0.1:${PORT}\n"
            "  workers: ${N}\n"
            "  allow_anonymous: \"${YES}\"\n"
            "  access_log: a$$b${EMPTY}c$${N}${UNSET:-d}${EMPTY:-e}${N:-f}\n"
            "  limits: { body: '${SIZE}' }\n"
            "providers:\n"
            "- { name: openai, api_key: '${file:/run/key}' }\n"
            "- { name: groq, api_key: '${file:/run/crlf}' }\n",
            &fixture, &err),
        LLMP_OK);
    assert_string_equal(config->server.listen[0], "127.0.0.1:9000");
    assert_int_equal(config->server.workers, 3);
    assert_string_equal(config->server.access_log, "a$bc${N}de3");
    assert_int_equal(config->limits.body_bytes_max, 2 << 20);
    assert_str(config->providers[0].credentials[0].value, "Bearer file-key-1");
    assert_str(config->providers[1].credentials[0].value, "Bearer file-key-2");
    llmp_config_unref(config);
}

/* The proxy's password goes to the proxy; nothing secret goes in plain. */
static void a_proxy_does_not_make_plain_http_secret(void **state)
{
    struct llmp_config *config =
        parse("providers: [{name: x, base_url: 'http://models.example/v1',\n"
              "  proxy: 'http://user:password@proxy:3128'}]\n");

    (void)state;
    assert_int_equal(config->providers[0].secret_count, 2);
    llmp_config_unref(config);
}

static void ids_tell_connections_apart(void **state)
{
    static const char *const different[] = {
        "https://h/v1}",
        "http://h/v1}",
        "https://g/v1}",
        "https://h:444/v1}",
        "https://h/v1, transport: curl}",
        "https://h/v1, http2: true}",
        "https://h/v1, ca_file: a}",
        "https://h/v1, ca_file: b}",
        "https://h/v1, proxy: 'http://p:1'}",
        "https://h/v1, proxy: 'http://u:secret@p:1'}",
        "https://h/v1, proxy: 'http://u:secres@p:1'}",
        "https://127.0.0.1/v1}",
        "https://127.0.0.1/v1, tls_verify: false}",
    };
    static const char *const same[] = {
        "https://H:443/other, connections: 3, timeouts: {connect: 1s}}",
        "https://h, api_key: abcdef}",
    };
    struct llmp_config *configs[LLMP_COUNT(different)];
    char yaml[256];

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(different); i++) {
        (void)snprintf(yaml, sizeof(yaml),
                       "providers: [{name: x, base_url: %s]", different[i]);
        configs[i] = parse(yaml);
        print_message("# %s\n", configs[i]->providers[0].origin.id);
        assert_null(strstr(configs[i]->providers[0].origin.id, "secre"));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(configs[i]->providers[0].origin.id,
                                    configs[j]->providers[0].origin.id);
    }
    for (size_t i = 0; i < LLMP_COUNT(same); i++) {
        (void)snprintf(yaml, sizeof(yaml),
                       "providers: [{name: x, base_url: %s]", same[i]);

        struct llmp_config *config = parse(yaml);

        assert_string_equal(config->providers[0].origin.id,
                            configs[0]->providers[0].origin.id);
        llmp_config_unref(config);
    }
    for (size_t i = 0; i < LLMP_COUNT(different); i++)
        llmp_config_unref(configs[i]);
}

static void nearest_names_come_in_order(void **state)
{
    struct llmp_config *config =
        parse("providers: [{name: openai}]\n"
              "models: [{name: gpt-4o}, {name: gpt-4o-mini}, {name: gpt-4.1},\n"
              "  {name: gpt-4}, {name: o1}, {name: claude}, {name: 'gpt-*'}]");
    struct llmp_str out[LLMP_NEAREST_MAX];

    (void)state;
    assert_int_equal(llmp_config_nearest(config, LLMP_STR("gtp-4o"), out), 2);
    assert_str(out[0], "gpt-4o");
    assert_str(out[1], "gpt-4");
    assert_int_equal(llmp_config_nearest(config, LLMP_STR("gpt4o-mini"), out),
                     1);
    assert_str(out[0], "gpt-4o-mini");
    assert_int_equal(llmp_config_nearest(config, LLMP_STR("cluade"), out), 1);
    assert_str(out[0], "claude");
    assert_int_equal(llmp_config_nearest(config, LLMP_STR("zzzzzzzz"), out), 0);
    assert_int_equal(llmp_config_nearest(config, LLMP_STR(""), out), 1);
    llmp_config_unref(config);
}

static void many_models_are_found(void **state)
{
    static char yaml[600000];
    size_t len = (size_t)snprintf(yaml, sizeof(yaml),
                                  "providers: [{name: openai}]\nmodels:\n");
    struct llmp_str out[LLMP_NEAREST_MAX];
    char name[16];

    (void)state;
    for (int i = 0; i < 10000; i++)
        len += (size_t)snprintf(yaml + len, sizeof(yaml) - len,
                                "- name: m%05d%s\n", (i * 7919) % 10000,
                                i % 100 ? "" : "*");

    struct llmp_config *config = parse(yaml);

    for (int i = 0; i < 10000; i++) {
        (void)snprintf(name, sizeof(name), "m%05d", i);
        assert_non_null(llmp_config_model(config, llmp_str_of(name)));
    }
    assert_null(llmp_config_model(config, LLMP_STR("m1")));
    assert_int_equal(llmp_config_nearest(config, LLMP_STR("m0123"), out), 3);
    llmp_config_unref(config);
}

static void references_keep_it_alive(void **state)
{
    struct llmp_config *config = parse(everything);

    (void)state;
    assert_ptr_equal(llmp_config_ref(config), config);
    llmp_config_unref(config);
    assert_str(config->providers[0].name, "one");
    llmp_config_unref(config);
    llmp_config_unref(NULL);
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct llmp_config *config = NULL;
        struct llmp_error err = { 0 };

        faulty_heap_arm(n);

        int rc = fixture_parse(&config, everything, &some, &err);

        if (rc == LLMP_OK) {
            llmp_config_unref(config);
            assert_int_equal(faulty_heap_live(), 0);
            assert_true(n > 3);
            break;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_int_equal(err.status, rc);
        assert_true(err.retryable);
        assert_null(config);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_off();
}

static void failures_leave_nothing_behind(void **state)
{
    static const char *const texts[] = {
        "a: [",
        "x: 1",
        "providers: [{}]",
        "{providers: [{name: groq}], models: [{name: a}, {name: a}]}",
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(texts); i++) {
        struct llmp_config *config = NULL;

        faulty_heap_arm(-1);
        assert_true(fixture_parse(&config, texts[i], &some, NULL) < 0);
        assert_null(config);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(server_arrives),
        cmocka_unit_test(providers_arrive),
        cmocka_unit_test(headers_and_secrets_arrive),
        cmocka_unit_test(models_are_found),
        cmocka_unit_test(defaults_are_the_documented_ones),
        cmocka_unit_test(models_are_implied),
        cmocka_unit_test(a_single_provider_need_not_be_named),
        cmocka_unit_test(a_preset_can_have_another_name),
        cmocka_unit_test(values_take_references),
        cmocka_unit_test(a_proxy_does_not_make_plain_http_secret),
        cmocka_unit_test(ids_tell_connections_apart),
        cmocka_unit_test(nearest_names_come_in_order),
        cmocka_unit_test(many_models_are_found),
        cmocka_unit_test(references_keep_it_alive),
        cmocka_unit_test(survives_every_allocation_failure),
        cmocka_unit_test(failures_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
