/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: whatever is wrong is named with its place and what was probably meant.
 * Method: a table of texts and whole messages. P stands for the provider that
 * a configuration needs to be one.
 */
#include <llmproxy/config.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/internal.h"
#include "config_fixture.h"

#define P "\nproviders: [{name: openai}]\n"

struct row {
    const char *yaml;
    int status;
    const char *message; /* after "gateway.yaml:" */
};

static const char *const env[][2] = {
    { "KEY", "canary-value" },
    { "NUMBER", "12" },
    { "NOT_A_NUMBER", "canary-number" },
    { "LISTEN", "canary-listen" },
    { "EMPTY", "" },
    { "TYPO", "opnai" },
    { "MULTILINE", "canary\nline" },
    { NULL, NULL },
};
static const char *const files[][2] = { { "/there", "canary-file" },
                                        { NULL, NULL } };
static struct fixture fixture = { .env = env, .files = files };

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct llmp_config *config = NULL;
        struct llmp_error err = { 0 };
        char wanted[512];

        print_message("# %s\n", rows[i].message);

        int rc = fixture_parse(&config, rows[i].yaml, &fixture, &err);

        (void)snprintf(wanted, sizeof(wanted), "gateway.yaml:%s",
                       rows[i].message);
        assert_int_equal(rc < 0, 1);
        assert_string_equal(err.message, wanted);
        assert_int_equal(rc, rows[i].status);
        assert_int_equal(err.status, rc);
        assert_int_equal(err.line, strtoul(rows[i].message, NULL, 10));
        assert_int_equal(err.column,
                         strtoul(strchr(rows[i].message, ':') + 1, NULL, 10));
        assert_null(config);
        assert_null(strstr(err.message, "canary"));
    }
}

static void unknown_keys(void **state)
{
    static const struct row rows[] = {
        { "providrs: []", LLMP_E_INVALID,
          "1:1: unknown key 'providrs'; did you mean 'providers'?" },
        { "server:\n  lisen: 127.0.0.1:1" P, LLMP_E_INVALID,
          "2:3: unknown key 'lisen'; did you mean 'listen'?" },
        { "server: {tls: {certificate: x}}" P, LLMP_E_INVALID,
          "1:16: unknown key 'certificate'" },
        { "# über\nserver: {'é': 1, ü: 2}" P, LLMP_E_INVALID,
          "2:10: unknown key 'é'" },
        { "server: {http2: true,   wörkers: 1}" P, LLMP_E_INVALID,
          "1:25: unknown key 'wörkers'; did you mean 'workers'?" },
        { "server:\r\n  limits:\r\n    bdy: 1MiB\r\n", LLMP_E_INVALID,
          "3:5: unknown key 'bdy'; did you mean 'body'?" },
        { "models: [{name: a, strp: b}]", LLMP_E_INVALID,
          "1:20: unknown key 'strp'; did you mean 'strip'?" },
        { "\"a\\e[31m\\nb\": 1", LLMP_E_INVALID,
          "1:1: unknown key 'a?[31m?b'" },
        { "\"a\\x9b31m\": 1", LLMP_E_INVALID, "1:1: unknown key 'a??31m'" },
        { "? a very long key that goes on and on and on and on and on\n: 1",
          LLMP_E_INVALID,
          "1:3: unknown key 'a very long key that goes on and on and on an"
          "d o...'" },
    };

    (void)state;
    check(rows, LLMP_COUNT(rows));
}

static void wrong_types(void **state)
{
    static const struct row rows[] = {
        { "- a", LLMP_E_TYPE, "1:1: a configuration is a mapping, not a list" },
        { "hello", LLMP_E_TYPE,
          "1:1: a configuration is a mapping, not a single value" },
        { "server: 1", LLMP_E_TYPE,
          "1:9: 'server' must be a mapping, not a single value" },
        { "server: []", LLMP_E_TYPE,
          "1:9: 'server' must be a mapping, not a list" },
        { "providers: openai", LLMP_E_TYPE,
          "1:12: 'providers' must be a list, not a single value" },
        { "providers:\n  openai:\n    api_key: x", LLMP_E_TYPE,
          "2:3: 'providers' must be a list, not a mapping" },
        { "providers: [openai]", LLMP_E_TYPE,
          "1:13: an entry of 'providers' must be a mapping, not a single "
          "value" },
        { "server: {workers: many}", LLMP_E_TYPE,
          "1:19: 'workers' must be a whole number" },
        { "server: {workers: 1.5}", LLMP_E_TYPE,
          "1:19: 'workers' must be a whole number" },
        { "server: {workers: '2'}", LLMP_E_TYPE,
          "1:19: 'workers' must be a whole number, without quotes" },
        { "server: {workers: [2]}", LLMP_E_TYPE,
          "1:19: 'workers' must be a single value, not a list" },
        { "server:\n  workers:\n", LLMP_E_TYPE,
          "2:11: 'workers' has no value; it must be a single value" },
        { "server: {http2: yes}", LLMP_E_TYPE,
          "1:17: 'http2' must be true or false; did you mean 'true'?" },
        { "server: {http2: flase}", LLMP_E_TYPE,
          "1:17: 'http2' must be true or false; did you mean 'false'?" },
        { "server: {http2: 'true'}", LLMP_E_TYPE,
          "1:17: 'http2' must be true or false, without quotes" },
        { "server: {listen: {a: b}}", LLMP_E_TYPE,
          "1:18: 'listen' must be a text or a list of texts, not a mapping" },
        { "server: {listen: 8080}", LLMP_E_TYPE,
          "1:18: 'listen' must be a text, not a number: put it in quotes" },
        { "server: {timeouts: {idle: 30}}", LLMP_E_TYPE,
          "1:27: 'idle' needs a unit: ms, s, m, h or d" },
        { "providers: [{name: 12}]", LLMP_E_TYPE,
          "1:20: 'name' must be a text, not a number: put it in quotes" },
        { "providers: [{name: true}]", LLMP_E_TYPE,
          "1:20: 'name' must be a text, not a boolean: put it in quotes" },
        { "providers: [{name: ~}]", LLMP_E_TYPE,
          "1:20: 'name' has no value; it must be a single value" },
        { "providers: [{name: a, headers: [b]}]", LLMP_E_TYPE,
          "1:32: 'headers' must be a mapping, not a list" },
        { "providers: [{name: a, headers: {b: {c: d}}}]", LLMP_E_TYPE,
          "1:36: 'headers' must be a single value, not a mapping" },
        { "providers: [{name: a, api_key: 1234567}]", LLMP_E_TYPE,
          "1:32: 'api_key' must be a text, not a number: put it in quotes" },
    };

    (void)state;
    check(rows, LLMP_COUNT(rows));
}

static void bad_values(void **state)
{
    static const struct row rows[] = {
        { "server: {workers: -1}", LLMP_E_INVALID,
          "1:19: 'workers' must be from 0 to 1024" },
        { "server: {workers: 99999999999999999999}", LLMP_E_INVALID,
          "1:19: 'workers' must be from 0 to 1024" },
        { "server: {limits: {body: 32MB}}", LLMP_E_INVALID,
          "1:25: 'body' must be a size such as 512KiB, 32MiB or 1GiB" },
        { "server: {limits: {body: 2GiB}}", LLMP_E_INVALID,
          "1:25: 'body' must be from 1KiB to 1GiB" },
        { "server: {limits: {body: 1073741825}}", LLMP_E_INVALID,
          "1:25: 'body' must be from 1KiB to 1GiB" },
        { "server: {limits: {body: 1023}}", LLMP_E_INVALID,
          "1:25: 'body' must be from 1KiB to 1GiB" },
        { "server: {workers: 1025}", LLMP_E_INVALID,
          "1:19: 'workers' must be from 0 to 1024" },
        { "server: {limits: {body: 1}}", LLMP_E_INVALID,
          "1:25: 'body' must be from 1KiB to 1GiB" },
        { "server: {timeouts: {idle: 1w}}", LLMP_E_INVALID,
          "1:27: 'idle' must be a duration such as 500ms, 30s, 5m or 1h" },
        { "server: {timeouts: {idle: 2d}}", LLMP_E_INVALID,
          "1:27: 'idle' must be from 1ms to 1d" },
        { "server:\n  tls: {client_auth: required}", LLMP_E_INVALID,
          "2:22: 'client_auth' cannot be 'required'; did you mean "
          "'require'?" },
        { "server:\n  tls: {client_auth: certainly}", LLMP_E_INVALID,
          "2:22: 'client_auth' must be one of none, optional, require" },
        { "server: {access_log: ''}", LLMP_E_INVALID,
          "1:22: 'access_log' is empty" },
        { "server: {access_log: \"a\\0b\"}", LLMP_E_INVALID,
          "1:22: 'access_log' contains a control character" },
        { "server: {listen: []}", LLMP_E_INVALID,
          "1:18: 'listen' must have from 1 to 64 entries" },
        { "providers: []", LLMP_E_INVALID,
          "1:12: 'providers' must have from 1 to 1000 entries" },
        { "", LLMP_E_INVALID, "1:1: 'providers' is missing" },
        { "# nothing yet\n", LLMP_E_INVALID, "1:1: 'providers' is missing" },
        { "server: {}\nproviders:\n", LLMP_E_INVALID,
          "1:1: 'providers' is missing" },
        { "models:\n  - provider: a\n", LLMP_E_INVALID,
          "2:5: 'name' is missing" },
        { "server: {tls: {cert: a}}" P, LLMP_E_INVALID,
          "1:15: 'key' is missing" },
        { "server: {tls: {}}" P, LLMP_E_INVALID, "1:15: 'cert' is missing" },
    };

    (void)state;
    check(rows, LLMP_COUNT(rows));
}

static void not_yaml(void **state)
{
    static const struct row rows[] = {
        { "a:\n\t- b", LLMP_E_SYNTAX,
          "2:1: YAML is indented with blanks, not tabs" },
        { "a: b: c", LLMP_E_SYNTAX,
          "1:5: not valid YAML: mapping values are not allowed in this "
          "context" },
        { "x:\n  - \"abc\n", LLMP_E_SYNTAX,
          "2:5: not valid YAML: found unexpected end of stream while "
          "scanning a quoted scalar" },
        { "server: {listen: [::]:80}", LLMP_E_SYNTAX,
          "1:19: not valid YAML: did not find expected node content while "
          "parsing a flow node; a text that begins with [ or { needs "
          "quotes" },
        { "a: \xff", LLMP_E_SYNTAX,
          "1:4: not valid YAML: invalid leading UTF-8 octet" },
        { "é: \x01", LLMP_E_SYNTAX,
          "1:5: not valid YAML: control characters are not allowed" },
        { "é: 1\nprovider: *", LLMP_E_SYNTAX,
          "2:11: not valid YAML: did not find expected alphabetic or numeric "
          "character while scanning an alias; a text that begins with * or & "
          "needs quotes" },
        { "a: &x 1\nb: *x", LLMP_E_SYNTAX,
          "1:4: anchors (&) and aliases (*) are not accepted; a text that "
          "begins with & or * needs quotes" },
        { "a: *x", LLMP_E_SYNTAX,
          "1:4: anchors (&) and aliases (*) are not accepted; a text that "
          "begins with & or * needs quotes" },
        { "a: !!str b", LLMP_E_SYNTAX,
          "1:4: tags (!) are not accepted; a text that begins with ! needs "
          "quotes" },
        { "%YAML 1.2\n%TAG ! x\n---\na: 1", LLMP_E_SYNTAX,
          "2:1: %TAG is not accepted" },
        { "a: 1\nb: 2\na: 3", LLMP_E_SYNTAX,
          "3:1: the key 'a' is there twice" },
        { "x: {é: 1, 'é': 2}", LLMP_E_SYNTAX,
          "1:12: the key 'é' is there twice" },
        { "[a]: 1", LLMP_E_SYNTAX, "1:1: a key must be a word, not a list" },
        { "---\na: 1\n---\nb: 1", LLMP_E_SYNTAX,
          "3:1: a second document begins here" },
        { "a: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]", LLMP_E_LIMIT,
          "1:19: nested deeper than 16 levels" },
    };

    (void)state;
    check(rows, LLMP_COUNT(rows));
}

static void references(void **state)
{
    static const struct row rows[] = {
        { "providers:\n- name: openai\n  api_key: ${UNSET}", LLMP_E_NOT_FOUND,
          "3:12: the variable 'UNSET' is not set" },
        { "providers: [{name: openai, api_key: '${gsk_canary}'}]",
          LLMP_E_NOT_FOUND, "1:37: this variable is not set" },
        { "providers: [{name: openai, api_key: '${sk-canary}'}]",
          LLMP_E_INVALID,
          "1:37: a reference is written '${NAME}', '${NAME:-default}' or "
          "'${file:PATH}'" },
        { "providers: [{name: openai, api_key: '${file:/not}'}]",
          LLMP_E_NOT_FOUND,
          "1:37: the file '/not' cannot be read: No such file" },
        { "providers: [{name: openai, api_key: '${file:}'}]", LLMP_E_INVALID,
          "1:37: a file is written '${file:PATH}'" },
        { "providers: [{name: openai, api_key: '${KEY'}]", LLMP_E_INVALID,
          "1:37: the '}' of a reference is missing" },
        { "providers: [{name: openai, api_key: '${}'}]", LLMP_E_INVALID,
          "1:37: a reference is written '${NAME}', '${NAME:-default}' or "
          "'${file:PATH}'" },
        { "providers: [{name: openai, api_key: '${A:-${KEY}}'}]",
          LLMP_E_INVALID, "1:37: references do not nest" },
        { "providers: [{name: openai, api_key: $KEY}]", LLMP_E_INVALID,
          "1:37: a '$' alone is written '$$', a reference '${NAME}'" },
        { "providers: [{name: openai, api_key: '${EMPTY}'}]", LLMP_E_INVALID,
          "1:37: 'api_key' is empty" },
        { "providers: [{name: openai, api_key: 'a ${KEY}'}]", LLMP_E_INVALID,
          "1:37: 'api_key' contains a blank or another character that no key "
          "has" },
        { "providers: [{name: openai, api_key: '${MULTILINE}'}]",
          LLMP_E_INVALID, "1:37: 'api_key' contains a control character" },
        { "providers: [{name: openai, base_url: '${KEY}'}]", LLMP_E_INVALID,
          "1:38: 'base_url' must be a URL with scheme, such as "
          "https://host/path" },
        { "providers: [{name: openai, preset: '${KEY}'}]", LLMP_E_INVALID,
          "1:36: 'preset' must be one of openai, anthropic, mistral, groq, "
          "deepseek, openrouter, gemini, gemini-openai, cloudru, xai, "
          "together, fireworks, "
          "cerebras, ollama, vllm, lmstudio" },
        { "providers: [{name: openai, transport: '${TYPO}'}]", LLMP_E_INVALID,
          "1:39: 'transport' must be one of native, curl" },
        { "providers: [{name: openai, preset: 'x${TYPO}'}]", LLMP_E_INVALID,
          "1:36: 'preset' must be one of openai, anthropic, mistral, groq, "
          "deepseek, openrouter, gemini, gemini-openai, cloudru, xai, "
          "together, fireworks, "
          "cerebras, ollama, vllm, lmstudio" },
        { "providers: [{name: '${TYPO}'}]", LLMP_E_INVALID,
          "1:13: this provider needs 'base_url' or 'preset'" },
        { "models: [{name: a, provider: '${TYPO}'}]" P, LLMP_E_NOT_FOUND,
          "1:30: there is no such provider" },
        { "providers: [{name: '${KEY}'}]", LLMP_E_INVALID,
          "1:13: this provider needs 'base_url' or 'preset'" },
        { "server: {workers: '${NOT_A_NUMBER}'}", LLMP_E_TYPE,
          "1:19: 'workers' must be a whole number" },
        { "server: {http2: '${NUMBER}'}", LLMP_E_TYPE,
          "1:17: 'http2' must be true or false" },
        { "server: {listen: '${LISTEN}'}" P, LLMP_E_INVALID,
          "1:18: 'listen' must be ADDRESS:PORT, [IPv6]:PORT or unix:PATH" },
        { "models: [{name: a, provider: '${KEY}'}]" P, LLMP_E_NOT_FOUND,
          "1:30: there is no such provider" },
    };

    (void)state;
    check(rows, LLMP_COUNT(rows));
}

static void providers(void **state)
{
    static const struct row rows[] = {
        { "providers: [{name: a b}]", LLMP_E_INVALID,
          "1:20: a provider's 'name' has 1 to 64 letters, digits, '.', '_' or "
          "'-'" },
        { "providers: [{name: openai}, {name: openai}]", LLMP_E_INVALID,
          "1:36: a provider of this 'name' is there twice" },
        { "providers: [{name: opnai}]", LLMP_E_INVALID,
          "1:13: this provider needs 'base_url' or 'preset'; did you mean "
          "'openai'?" },
        { "providers: [{name: x, preset: opnai}]", LLMP_E_INVALID,
          "1:31: 'preset' cannot be 'opnai'; did you mean 'openai'?" },
        { "providers: [{name: x, base_url: 'ftp://h'}]", LLMP_E_INVALID,
          "1:33: 'base_url' must begin with https:// or http://" },
        { "providers: [{name: x, base_url: 'https://canary:canary@h'}]",
          LLMP_E_INVALID,
          "1:33: 'base_url' may have no user and password before '@'" },
        { "providers: [{name: x, base_url: 'https://h?key=canary'}]",
          LLMP_E_INVALID,
          "1:33: 'base_url' may have no query (?) and no fragment (#)" },
        { "providers: [{name: x, base_url: 'http://h/v1', api_key: abc}]",
          LLMP_E_INVALID,
          "1:33: plain http would send a secret readable to another machine: "
          "use https or, to allow it, 'allow_plain_http: true'" },
        { "providers:\n- name: x\n  base_url: http://h\n"
          "  headers: {x-api-key: abc}",
          LLMP_E_INVALID,
          "3:13: plain http would send a secret readable to another machine: "
          "use https or, to allow it, 'allow_plain_http: true'" },
        { "providers: [{name: x, base_url: 'http://127.0.0.1', http2: true}]",
          LLMP_E_INVALID, "1:60: 'http2' needs an https base_url" },
        { "providers: [{name: openai, transport: native, http2: true}]",
          LLMP_E_INVALID, "1:54: 'http2' needs 'transport: curl'" },
        { "providers: [{name: openai, transport: native,\n"
          "  proxy: 'http://canary:3128'}]",
          LLMP_E_INVALID, "2:10: 'proxy' needs 'transport: curl'" },
        { "providers: [{name: openai, proxy: 'ftp://canary'}]", LLMP_E_INVALID,
          "1:35: 'proxy' must begin with http://, https://, socks5:// or "
          "socks5h://" },
        { "providers: [{name: openai, proxy: 'http://canary/x'}]",
          LLMP_E_INVALID, "1:35: 'proxy' may have no path" },
        { "providers: [{name: openai, tls_verify: false}]", LLMP_E_INVALID,
          "1:40: 'tls_verify: false' is accepted for this machine "
          "(127.0.0.1, ::1, localhost) only; name the authority with "
          "'ca_file'" },
    };

    (void)state;
    check(rows, LLMP_COUNT(rows));
}

static void headers(void **state)
{
    static const struct row rows[] = {
        { "providers: [{name: openai, headers: {Host: canary}}]",
          LLMP_E_INVALID,
          "1:38: the header 'host' is set by the gateway itself" },
        { "providers: [{name: openai, headers: {'a b': canary}}]",
          LLMP_E_INVALID, "1:38: this is not a header's name" },
        { "providers: [{name: openai, headers: {'a:': canary}}]",
          LLMP_E_INVALID, "1:38: this is not a header's name" },
        { "providers: [{name: openai, headers: {X-A: b, x-a: canary}}]",
          LLMP_E_INVALID, "1:46: the header 'x-a' is there twice" },
        { "providers:\n- name: openai\n  api_key: abcdef\n"
          "  headers: {Authorization: canary}",
          LLMP_E_INVALID,
          "4:13: the header 'authorization' is there twice ('api_key' sets "
          "authorization)" },
        { "providers: [{name: openai, headers: {a: \"b\\r\\nc: canary\"}}]",
          LLMP_E_INVALID, "1:41: 'headers' contains a control character" },
        { "providers: [{name: openai, headers: {a: ' canary'}}]",
          LLMP_E_INVALID,
          "1:41: a header's value may not begin or end with a blank" },
        { "providers: [{name: openai, headers: {a: ''}}]", LLMP_E_INVALID,
          "1:41: 'headers' is empty" },
    };

    (void)state;
    check(rows, LLMP_COUNT(rows));
}

static void every_framing_header_is_refused(void **state)
{
    static const char *const names[] = {
        "Content-Length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "content-type",
        "content-encoding",
        "accept-encoding",
        "proxy-authorization",
        "HTTP2-Settings",
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(names); i++) {
        struct llmp_config *config = NULL;
        char yaml[128];

        (void)snprintf(yaml, sizeof(yaml),
                       "providers: [{name: openai, headers: {%s: a}}]",
                       names[i]);
        assert_int_equal(fixture_parse(&config, yaml, &fixture, NULL),
                         LLMP_E_INVALID);
    }
}

static void models(void **state)
{
    static const struct row rows[] = {
        { "models: [{name: a, provider: opnai}]" P, LLMP_E_NOT_FOUND,
          "1:30: there is no provider 'opnai'; did you mean 'openai'?" },
        { "models: [{name: a, provider: zzz}]" P, LLMP_E_NOT_FOUND,
          "1:30: there is no provider 'zzz'" },
        { "models: [{name: a}]\nproviders: [{name: groq}, {name: xai}]",
          LLMP_E_INVALID, "1:10: 'provider' is missing; there are 2" },
        { "models:\n- name: a\n- name: b\n- name: a" P, LLMP_E_INVALID,
          "4:9: a model of this 'name' is there twice" },
        { "models: [{name: 'a*'}, {name: 'a*'}]" P, LLMP_E_INVALID,
          "1:31: a model of this 'name' is there twice" },
        { "models: [{name: 'a*b'}]" P, LLMP_E_INVALID,
          "1:17: '*' is possible at the end of a 'name' only" },
        { "models: [{name: a/b, strip: b/}]" P, LLMP_E_INVALID,
          "1:29: the 'name' does not begin with 'strip', or nothing would be "
          "left of it" },
        { "models: [{name: a, strip: a}]" P, LLMP_E_INVALID,
          "1:27: the 'name' does not begin with 'strip', or nothing would be "
          "left of it" },
        { "models: [{name: ab, strip: a, model: c}]" P, LLMP_E_INVALID,
          "1:28: 'strip' does nothing beside 'model'" },
    };

    (void)state;
    check(rows, LLMP_COUNT(rows));
}

static void listeners(void **state)
{
    static const char open[] =
        "this listener can be reached from other machines, without "
        "authentication: add 'keys', set 'tls.client_auth: require' or, to "
        "allow that, "
        "'server.allow_anonymous: true'";
    char open_1_18[256], open_1_31[256], open_2_11[256], open_2_23[256];
    const struct row rows[] = {
        { "server: {listen: '0.0.0.0:80'}" P, LLMP_E_INVALID, open_1_18 },
        { "server: {listen: ['[::1]:80', '[::]:80']}" P, LLMP_E_INVALID,
          open_1_31 },
        { "server:\n  listen: '10.0.0.1:443'\n  tls: {cert: a, key: b}" P,
          LLMP_E_INVALID, open_2_11 },
        { "server:\n  listen: ['unix:/a', '[::]:1']\n"
          "  tls: {cert: a, key: b, client_ca: c, client_auth: optional}" P,
          LLMP_E_INVALID, open_2_23 },
        { "server: {listen: 'localhost:80'}" P, LLMP_E_INVALID,
          "1:18: 'listen' must begin with an address, such as 127.0.0.1, "
          "0.0.0.0, [::1] or [::]; did you mean '127.0.0.1:80'?" },
        { "server: {listen: '*:80'}" P, LLMP_E_INVALID,
          "1:18: 'listen' must begin with an address, such as 127.0.0.1, "
          "0.0.0.0, [::1] or [::]; did you mean '0.0.0.0:80'?" },
        { "server: {listen: ':80'}" P, LLMP_E_INVALID,
          "1:18: 'listen' must begin with an address, such as 127.0.0.1, "
          "0.0.0.0, [::1] or [::]; did you mean '0.0.0.0:80'?" },
        { "server: {listen: '80'}" P, LLMP_E_INVALID,
          "1:18: 'listen' must be ADDRESS:PORT, [IPv6]:PORT or unix:PATH; did "
          "you mean '127.0.0.1:80'?" },
        { "server: {listen: '127.0.0.1:99999'}" P, LLMP_E_INVALID,
          "1:18: 'listen' has a port that is not from 0 to 65535" },
        { "server: {listen: ['127.0.0.1:1', '127.0.0.1:1']}" P, LLMP_E_INVALID,
          "1:34: 'listen' has this address twice" },
        { "server:\n  tls: {cert: a, key: b, client_auth: require}" P,
          LLMP_E_INVALID, "2:39: 'client_auth' needs 'client_ca'" },
        { "server:\n  tls: {cert: a, key: b, client_ca: c}" P, LLMP_E_INVALID,
          "2:37: 'client_ca' does nothing without 'client_auth: require' or "
          "'client_auth: optional'" },
    };

    (void)state;
    (void)snprintf(open_1_18, sizeof(open_1_18), "1:18: %s", open);
    (void)snprintf(open_1_31, sizeof(open_1_31), "1:31: %s", open);
    (void)snprintf(open_2_11, sizeof(open_2_11), "2:11: %s", open);
    (void)snprintf(open_2_23, sizeof(open_2_23), "2:23: %s", open);
    check(rows, LLMP_COUNT(rows));
}

static void stores(void **state)
{
    static const struct row rows[] = {
        { "store: {path: s, retention: {ledger: 31d}}" P, LLMP_E_INVALID,
          "1:38: 'ledger' is at least 32d, or 0s: for ever" },
        { "store: {path: s, retention: {events: 1h}}" P, LLMP_E_INVALID,
          "1:38: 'events' is at least 1d, or 0s: for ever" },
        { "admin: {listen: '127.0.0.1:1'}" P, LLMP_E_INVALID,
          "1:8: 'admin' needs a 'store'" },
        { "store: {path: s}\nadmin: {listen: '0.0.0.0:1'}" P, LLMP_E_INVALID,
          "2:17: this listener can be reached from other machines: say from "
          "which, with 'allow'" },
    };
    (void)state;

    check(rows, LLMP_COUNT(rows));
}

static void limits_hold(void **state)
{
    static char text[5 << 20];
    struct llmp_config *config = NULL;
    struct llmp_error err;

    (void)state;
    memset(text, '#', sizeof(text) - 1);
    assert_int_equal(fixture_parse(&config, text, &fixture, &err),
                     LLMP_E_LIMIT);
    assert_string_equal(err.message,
                        "gateway.yaml:1:1: the text is larger than 4 MiB");

    /* "[a,a,a,…": more values than anybody writes. */
    for (size_t i = 0; i < sizeof(text) - 1; i++)
        text[i] = i % 2 ? 'a' : ',';
    text[0] = '[';
    text[4 << 20] = '\0';
    assert_int_equal(fixture_parse(&config, text, &fixture, &err),
                     LLMP_E_LIMIT);
    assert_string_equal(err.message,
                        "gateway.yaml:1:1: more than 200000 values");
}

static void a_mapping_has_an_end(void **state)
{
    char text[8192];
    size_t len = 0;
    struct llmp_config *config = NULL;
    struct llmp_error err;

    (void)state;
    for (int i = 0; i < 300; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "k%d: 1\n", i);
    assert_int_equal(fixture_parse(&config, text, &fixture, &err),
                     LLMP_E_LIMIT);
    assert_string_equal(
        err.message, "gateway.yaml:257:1: more than 256 keys in one mapping");
}

static bool large_env(const char *name, struct llmp_str *value, void *ctx)
{
    static char text[60000];

    (void)name;
    (void)ctx;
    memset(text, 'a', sizeof(text));
    *value = (struct llmp_str){ text, sizeof(text) };
    return true;
}

/* Few bytes of text must not become gigabytes. */
static void expansion_has_an_end(void **state)
{
    static char text[100000];
    const struct llmp_config_source source = { .size = sizeof(source),
                                               .env = large_env };
    size_t len = (size_t)snprintf(text, sizeof(text), "models:\n");
    struct llmp_config *config = NULL;
    struct llmp_error err;
    const struct llmp_str twice = LLMP_STR("models: [{name: '${A}${B}'}]");

    (void)state;
    assert_int_equal(llmp_config_parse(&config, twice, &source, &err),
                     LLMP_E_LIMIT);
    assert_string_equal(err.message,
                        "config:1:17: a value of more than 64 KiB or 32 parts");
    for (int i = 0; i < 2000; i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len,
                                "- {name: '${A}'}\n");
    assert_int_equal(llmp_config_parse(&config, (struct llmp_str){ text, len },
                                       &source, &err),
                     LLMP_E_LIMIT);
    assert_non_null(strstr(err.message, "all values together exceed 64 MiB"));
}

static void sources_are_optional(void **state)
{
    struct llmp_config *config = NULL;
    struct llmp_error err;
    struct llmp_config_source source = { .size = sizeof(source) + 8 };
    const struct llmp_str yaml = LLMP_STR("a: 1");
    char name[300];

    (void)state;
    assert_int_equal(llmp_config_parse(&config, yaml, NULL, &err),
                     LLMP_E_INVALID);
    assert_string_equal(err.message, "config:1:1: unknown key 'a'");
    assert_int_equal(llmp_config_parse(&config, yaml, NULL, NULL),
                     LLMP_E_INVALID);
    assert_int_equal(llmp_config_parse(NULL, yaml, NULL, &err), LLMP_E_INVALID);
    source.size = 3;
    assert_int_equal(llmp_config_parse(&config, yaml, &source, &err),
                     LLMP_E_ABI);
    source.size = sizeof(source);
    assert_int_equal(llmp_config_parse(&config,
                                       LLMP_STR("server: {access_log: '${A}'}"),
                                       &source, &err),
                     LLMP_E_NOT_FOUND);
    assert_int_equal(llmp_config_parse(
                         &config, LLMP_STR("server: {access_log: '${file:a}'}"),
                         &source, &err),
                     LLMP_E_NOT_FOUND);

    /* Of a long name the end is shown. */
    memset(name, 'x', sizeof(name));
    (void)snprintf(name + 280, 20, "/gateway.yaml");
    source.name = name;
    assert_int_equal(llmp_config_parse(&config, yaml, &source, &err),
                     LLMP_E_INVALID);
    assert_non_null(strstr(err.message, "/gateway.yaml:1:1: unknown key 'a'"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_keys),
        cmocka_unit_test(wrong_types),
        cmocka_unit_test(bad_values),
        cmocka_unit_test(not_yaml),
        cmocka_unit_test(references),
        cmocka_unit_test(providers),
        cmocka_unit_test(headers),
        cmocka_unit_test(every_framing_header_is_refused),
        cmocka_unit_test(models),
        cmocka_unit_test(listeners),
        cmocka_unit_test(stores),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_mapping_has_an_end),
        cmocka_unit_test(expansion_has_an_end),
        cmocka_unit_test(sources_are_optional),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
