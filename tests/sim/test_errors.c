/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an error is known as one, and nothing of the provider's own words shows
 * a secret. Method: scripts of a provider's errors, wherever they are, under
 * many seeds; every seed must give the same result.
 */
#include "cases.h"

static void provider_error_is_cleaned(void **state)
{
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 429, .field = "retry-after", .value = "7" },
        { 1, SIM_BODY,
          .bytes = LLMP_STR("{\"error\":{\"message\":\"Limit for org-abc123XYZ "
                            "with sk-very-secret-key\",\"type\":\"tokens\","
                            "\"code\":\"rate_limit_exceeded\"}}") },
        { 0, SIM_END },
    };
    const struct sim_script script = { "429", .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(""), .provider = steps,
                                       .steps = LLMP_COUNT(steps) };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.status, 429);
        expect_text(&script, seed, &r.body,
                    LLMP_STR("{\"error\":{\"message\":\"Limit for *** with "
                             "***\",\"type\":\"tokens\",\"param\":null,"
                             "\"code\":\"rate_limit_exceeded\"}}"));
        assert_true(has(&r.head, "retry-after: 7\n"));
        assert_int_equal(r.summary.ending, LLMP_END_UPSTREAM_ERROR);
        assert_int_equal(r.summary.usage_basis, LLMP_USAGE_NONE);
        sim_result_fini(&r);
    }
}

static void refused_credentials_are_not_the_clients_matter(void **state)
{
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 401 },
        { 1, SIM_BODY,
          .bytes = LLMP_STR("{\"error\":{\"message\":\"Incorrect API key: "
                            "sk-very-secret-key\"}}") },
        { 0, SIM_END },
    };
    const struct sim_script script = { "401", .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(""), .provider = steps,
                                       .steps = LLMP_COUNT(steps) };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.status, 502);
        assert_false(has(&r.body, "sk-"));
        assert_true(has(&r.body, "refused the gateway's credentials"));
        sim_result_fini(&r);
    }
}

static void error_events_show_no_secret(void **state)
{
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200, .type = "text/event-stream" },
        { 1, SIM_BODY,
          .bytes = LLMP_STR(EVENT(
              "sk-very-secret-key") "data: {\"error\": "
                                    "{\"message\":\"sk-very-secret-key of "
                                    "org-abc123XYZ\"}}\n\n") },
        { 0, SIM_END },
    };
    const struct sim_script script = { "error event",
                                       .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(",\"stream\":true"),
                                       .provider = steps,
                                       .steps = LLMP_COUNT(steps) };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_true(has(
            &r.body,
            EVENT("sk-very-secret-key") "data: {\"error\": {\"message\":\"*** "
                                        "of ***\"}}\n\n"));
        assert_false(has(&r.body, "upstream_incomplete"));
        assert_int_equal(r.summary.ending, LLMP_END_UPSTREAM_ERROR);
        sim_result_fini(&r);
    }
}

/* Whatever may be an error is the provider's own words. */
static void obscure_events_show_no_secret(void **state)
{
    static const struct {
        const char *path;
        struct llmp_str event, shown;
    } cases[] = {
        { "/v1/responses",
          LLMP_STR(
              "data: {\"error\":{\"message\":\"sk-very-secret-key\"}}\n\n"),
          LLMP_STR("data: {\"error\":{\"message\":\"***\"}}\n\n") },
        { "/v1/responses",
          LLMP_STR("event: error\ndata: {\"message\":\"org-abc123XYZ\"}\n\n"),
          LLMP_STR("event: error\ndata: {\"message\":\"***\"}\n\n") },
        { "/v1/chat/completions",
          LLMP_STR("data: {\"error\":1,\"error\":\"sk-very-secret-key\"}\n\n"),
          LLMP_STR("data: {\"error\":1,\"error\":\"***\"}\n\n") },
        { "/v1/chat/completions",
          LLMP_STR("event: error\ndata: bad key sk-very-secret-key\n\n"),
          LLMP_STR("event: error\ndata: bad key ***\n\n") },
        { "/v1/chat/completions",
          LLMP_STR("data: {\"message\":\"sk-very-secret-key\"}\n\n"),
          LLMP_STR("data: {\"message\":\"***\"}\n\n") },
        { "/v1/audio/speech",
          LLMP_STR("data: {\"error\":\"sk-very-secret-key\"}\n\n"),
          LLMP_STR("data: {\"error\":\"***\"}\n\n") },
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        const struct sim_step steps[] = {
            { 5, SIM_HEAD, .status = 200, .type = "text/event-stream" },
            { 1, SIM_BODY, .bytes = cases[i].event },
            { 0, SIM_END },
        };
        const struct sim_script script = {
            "obscure event",
            .path = cases[i].path,
            .type = "application/json",
            .body = LLMP_STR("{\"model\":\"gpt-4o\",\"stream\":true,"
                             "\"messages\":[],\"input\":\"\"}"),
            .provider = steps,
            .steps = LLMP_COUNT(steps)
        };
        FOR_EACH_SEED(seed)
        {
            struct sim_result r;

            sim_run(sim, &script, seed, &r);
            assert_true(llmp_str_starts(llmp_buf_str(&r.body), cases[i].shown));
            assert_false(has(&r.body, "secret-key"));
            sim_result_fini(&r);
        }
    }
}

static void error_with_status_200_is_an_error(void **state)
{
    static const struct llmp_str bodies[] = {
        LLMP_STR("{\"error\":{\"message\":\"no sk-very-secret-key\"}}"),
        LLMP_STR(" {\n \"error\" : {\"message\":\"no sk-very-secret-key\"} }"),
    };
    static const char *const paths[] = { "/v1/chat/completions",
                                         "/v1/responses", "/v1/moderations" };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(bodies) * LLMP_COUNT(paths); i++) {
        const struct sim_step steps[] = {
            { 5, SIM_HEAD, .status = 200 },
            { 1, SIM_BODY, .bytes = bodies[i % LLMP_COUNT(bodies)] },
            { 0, SIM_END },
        };
        const struct sim_script script = { "error 200",
                                           .path =
                                               paths[i / LLMP_COUNT(bodies)],
                                           .type = "application/json",
                                           .body = JSON_CHAT(""),
                                           .provider = steps,
                                           .steps = LLMP_COUNT(steps) };
        FOR_EACH_SEED(seed)
        {
            struct sim_result r;

            sim_run(sim, &script, seed, &r);
            assert_int_equal(r.status, 502);
            assert_true(has(&r.body, "\"message\":\"no ***\""));
            assert_int_equal(r.summary.ending, LLMP_END_UPSTREAM_ERROR);
            assert_int_equal(r.summary.usage_basis, LLMP_USAGE_NONE);
            sim_result_fini(&r);
        }
    }
}

/* Responses say "error":null first, and not every document is an object. */
static void answers_are_no_errors_by_their_first_bytes(void **state)
{
    static const struct llmp_str bodies[] = {
        LLMP_STR("{\"error\":null,\"id\":\"x\"}"),
        LLMP_STR("{ \"id\" : \"x\" , \"error\" : null }"),
        LLMP_STR("{\"error\":false,\"id\":1}"),
        LLMP_STR("[1,2]"),
        LLMP_STR("17"),
        LLMP_STR("{}"),
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(bodies); i++) {
        const struct sim_step steps[] = {
            { 5, SIM_HEAD, .status = 200 },
            { 1, SIM_BODY, .bytes = bodies[i] },
            { 0, SIM_END },
        };
        const struct sim_script script = {
            "no error", .path = "/v1/chat/completions", .body = JSON_CHAT(""),
            .provider = steps, .steps = LLMP_COUNT(steps)
        };
        FOR_EACH_SEED(seed)
        {
            struct sim_result r;

            sim_run(sim, &script, seed, &r);
            assert_int_equal(r.status, 200);
            expect_text(&script, seed, &r.body, bodies[i]);
            assert_int_equal(r.summary.ending, LLMP_END_COMPLETE);
            sim_result_fini(&r);
        }
    }
}

/* An answer of which not a byte is known is no answer; nor is a page. */
static void empty_answers_and_pages_are_errors(void **state)
{
    static const struct {
        const char *type;
        struct llmp_str body;
    } cases[] = {
        { "application/json", LLMP_STR("") },
        { "text/html; charset=utf-8", LLMP_STR("<h1>Welcome</h1>") },
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        const struct sim_step steps[] = {
            { 5, SIM_HEAD, .status = 200, .type = cases[i].type },
            { 1, SIM_BODY, .bytes = cases[i].body },
            { 0, SIM_END },
        };
        const struct sim_script script = {
            "no answer", .path = "/v1/chat/completions", .body = JSON_CHAT(""),
            .provider = steps, .steps = LLMP_COUNT(steps)
        };
        FOR_EACH_SEED(seed)
        {
            struct sim_result r;

            sim_run(sim, &script, seed, &r);
            assert_int_equal(r.status, 502);
            assert_true(has(&r.body, "\"type\":\"server_error\""));
            assert_int_equal(r.summary.ending, LLMP_END_UPSTREAM_ERROR);
            sim_result_fini(&r);
        }
    }
}

static void late_error_leaves_the_cost_unknown(void **state)
{
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200, .type = "text/event-stream" },
        { 1, SIM_BODY,
          .bytes = LLMP_STR(EVENT("a") EVENT("b") "data: {\"error\":{}}\n\n") },
        { 0, SIM_END },
    };
    const struct sim_script script = { "late error",
                                       .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(",\"stream\":true"),
                                       .provider = steps,
                                       .steps = LLMP_COUNT(steps) };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.summary.ending, LLMP_END_UPSTREAM_ERROR);
        assert_int_equal(r.summary.usage_basis, LLMP_USAGE_UNKNOWN);
        sim_result_fini(&r);
    }
}

/* Fields that pass could be a provider's echo of what it was sent. */
static void fields_show_no_secret(void **state)
{
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200, .field = "x-ratelimit-key",
          .value = "of sk-very-secret-key" },
        { 1, SIM_BODY, .bytes = LLMP_STR("{\"id\":1}") },
        { 0, SIM_END },
    };
    const struct sim_script script = { "field", .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(""), .provider = steps,
                                       .steps = LLMP_COUNT(steps) };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.status, 200);
        assert_false(has(&r.head, "secret-key"));
        sim_result_fini(&r);
    }
}

/* An exchange that ended in the middle of an error is used again. */
static void nothing_of_an_error_stays_in_a_pooled_exchange(void **state)
{
    const struct sim_step stalled[] = {
        { 5, SIM_HEAD, .status = 400 },
        { 1, SIM_BODY, .bytes = LLMP_STR("{\"error\":\"abcdefghij\"}"),
          .repeat = 4000 },
        { 0, SIM_HANG },
    };
    const struct sim_step masked[] = {
        { 5, SIM_HEAD, .status = 200, .type = "text/event-stream" },
        { 1, SIM_BODY,
          .bytes = LLMP_STR(
              "data: {\"message\":\"sk-abcdefghi\"}\n\n" FINISH DONE) },
        { 0, SIM_END },
    };
    const struct sim_script first = {
        "stalled error", .path = "/v1/chat/completions", .body = JSON_CHAT(""),
        .provider = stalled, .steps = LLMP_COUNT(stalled)
    };
    const struct sim_script second = { "masked event",
                                       .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(",\"stream\":true"),
                                       .provider = masked,
                                       .steps = LLMP_COUNT(masked) };
    (void)state;
    for (uint64_t seed = sim_seed_first(), n = 0; n < 5; n++, seed++) {
        struct sim *own =
            sim_new("server: { limits: { error: 1KiB } }\n"
                    "providers:\n- { name: p, base_url: http://127.0.0.1:9/v1, "
                    "timeouts: { first_byte: 2s, idle: 1s } }\n");
        struct sim_result r;

        sim_run(own, &first, seed, &r);
        assert_int_equal(r.status, 400); /* it came; its text did not */
        assert_true(has(&r.body, "upstream_error"));
        sim_result_fini(&r);
        sim_run(own, &second, seed, &r);
        expect_text(&second, seed, &r.body,
                    LLMP_STR("data: {\"message\":\"***\"}\n\n" FINISH DONE));
        sim_result_fini(&r);
        sim_free(own);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_TEST(provider_error_is_cleaned),
        SIM_TEST(refused_credentials_are_not_the_clients_matter),
        SIM_TEST(error_events_show_no_secret),
        SIM_TEST(obscure_events_show_no_secret),
        SIM_TEST(error_with_status_200_is_an_error),
        SIM_TEST(answers_are_no_errors_by_their_first_bytes),
        SIM_TEST(empty_answers_and_pages_are_errors),
        SIM_TEST(late_error_leaves_the_cost_unknown),
        SIM_TEST(fields_show_no_secret),
        SIM_TEST(nothing_of_an_error_stays_in_a_pooled_exchange),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
