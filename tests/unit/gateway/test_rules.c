/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the first rule whose conditions all hold says which deployments may
 * have a request; a client chooses with headers and tags among what it may use
 * anyway, and reaches nothing else with them.
 * Method: deployments told apart by their ports.
 */
#include <llmproxy/config.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "routing_fixture.h"

#define PROVIDER(name, port, more)                                           \
    "  - { name: " name ", base_url: 'http://127.0.0.1:900" port "/v1'" more \
    " }\n"

static const char yaml[] = "providers:\n" PROVIDER("one", "1", ", region: eu")
    PROVIDER("two", "2", "") PROVIDER("three", "3", "") PROVIDER(
        "four", "4",
        ", region: us") "models:\n"
                        "  - name: m\n"
                        "    deployments:\n"
                        "      - { provider: one }\n"
                        "      - { provider: two, name: gold }\n"
                        "      - { provider: three, model: x }\n"
                        "      - { provider: four, name: last }\n"
                        "    rules:\n"
                        "      - { when: { header: { X-Plan: gold, x-tier: '1' "
                        "} },\n"
                        "          deployments: gold }\n"
                        "      - { when: { tag: [batch, night] }, deployments: "
                        "[three/x, last] }\n"
                        "      - { when: { key: [b], prompt_tokens_max: 40 },\n"
                        "          deployments: [last] }\n"
                        "      - { when: { team: research }, deployments: "
                        "[last, gold] }\n"
                        "      - { when: { prompt_tokens_min: 100 }, "
                        "deployments: three/x }\n"
                        "    fallbacks: { context_length: n }\n"
                        "  - name: n\n"
                        "    deployments: [{ provider: one }, { provider: two "
                        "}]\n"
                        "    rules: [{ when: { tag: night }, deployments: "
                        "two/n }]\n"
                        "keys:\n"
                        "  - { name: a, key: " KEY_A " }\n"
                        "  - { name: b, key: " KEY_B " }\n"
                        "  - { name: c, key: " KEY_C
                        ", team: research, residency: us }\n";

#define LONG_TEXT                                                      \
    "0123456789012345678901234567890123456789012345678901234567890123" \
    "0123456789012345678901234567890123456789012345678901234567890123" \
    "0123456789012345678901234567890123456789012345678901234567890123" \
    "0123456789012345678901234567890123456789012345678901234567890123" \
    "0123456789012345678901234567890123456789012345678901234567890123" \
    "0123456789012345678901234567890123456789012345678901234567890123"
#define LONG(model)                                                         \
    "{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\",\"content\"" \
    ":\"" LONG_TEXT LONG_TEXT "\"}]}"

static const struct answers all_fail = {
    .status = { [1] = 500, [2] = 500, [3] = 500, [4] = 500 }
};
static const struct answers third_too_long = {
    .status = { [3] = 400 },
    .body = { [3] = "{\"error\":{\"code\":\"context_length_exceeded\","
                    "\"message\":\"too long\"}}" }
};

static void the_first_rule_that_holds_counts(void **state)
{
    static const struct {
        const char *what;
        struct asked asked;
        const char *calls;
    } rows[] = {
        { "none holds: all, in order", { .key = KEY_A, .body = HI("m") }, "1" },
        { "both headers, in whatever case they are configured",
          { .key = KEY_A,
            .headers = { "x-plan", "gold", "x-tier", "1" },
            .body = HI("m") },
          "2" },
        { "one header is not enough",
          { .key = KEY_A, .headers = { "x-plan", "gold" }, .body = HI("m") },
          "1" },
        { "nor another value",
          { .key = KEY_A,
            .headers = { "x-plan", "golden", "x-tier", "1" },
            .body = HI("m") },
          "1" },
        { "of two lines the first counts",
          { .key = KEY_A,
            .headers = { "x-plan", "gold", "x-tier", "2", "x-tier", "1" },
            .body = HI("m") },
          "1" },
        { "a tag among others",
          { .key = KEY_A,
            .headers = { "x-llmproxy-tags", "a, night ,b" },
            .body = HI("m") },
          "3" },
        { "a part of a tag is none",
          { .key = KEY_A,
            .headers = { "x-llmproxy-tags", "nigh,,midnight," },
            .body = HI("m") },
          "1" },
        { "only what the rule says is asked, also when it fails",
          { .key = KEY_A,
            .headers = { "x-llmproxy-tags", "batch" },
            .body = HI("m"),
            .answers = &all_fail },
          "34" },
        { "a key and a short prompt", { .key = KEY_B, .body = HI("m") }, "4" },
        { "a long one with that key",
          { .key = KEY_B, .body = LONG("m") },
          "3" },
        { "the first of two that hold",
          { .key = KEY_B,
            .headers = { "x-llmproxy-tags", "night" },
            .body = HI("m") },
          "3" },
        { "a team, within its regions",
          { .key = KEY_C, .body = HI("m") },
          "4" },
        { "what a client sends leads out of no region",
          { .key = KEY_C,
            .headers = { "x-plan", "gold", "x-tier", "1" },
            .body = HI("m") },
          "" },
        { "a model that does instead has rules of its own",
          { .key = KEY_A,
            .headers = { "x-llmproxy-tags", "night" },
            .body = HI("m"),
            .answers = &third_too_long },
          "32" },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(rows); i++) {
        struct routed r;
        struct came came;

        print_message("# %s\n", rows[i].what);
        routed_open(&r, yaml);
        came = routed_ask(&r, &rows[i].asked);
        assert_string_equal(came.calls, rows[i].calls);
        if (!*rows[i].calls)
            assert_int_equal(came.status, 403);
        routed_close(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_rule_that_holds_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
