/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: whatever way the bytes are cut and the events interleave, an exchange
 * gives the client the same answer, tells the truth about it, and ends once.
 * Method: scripts under many seeds; every seed must give the same result.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"
#include "sim.h"

static const char config[] =
    "providers:\n"
    "  - name: sim\n"
    "    base_url: http://127.0.0.1:9/v1\n"
    "    api_key: sk-very-secret-key\n"
    "    timeouts: { first_byte: 2s, idle: 1s }\n"
    "models:\n"
    "  - { name: gpt-4o, provider: sim }\n"
    "  - { name: small, provider: sim, model: gpt-4o-mini }\n";

#define JSON_CHAT(more)                                                \
    LLMP_STR("{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\"," \
             "\"content\":\"caf\\u00e9 \xF0\x9F\x98\x80\"}]" more "}")

#define EVENT(text)                                            \
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":" \
    "{\"content\":\"" text "\"},\"finish_reason\":null}],\"usage\":null}\n\n"
#define FINISH                                                    \
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{}," \
    "\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"
#define USAGE                                                            \
    "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":9," \
    "\"completion_tokens\":12,\"total_tokens\":21}}\n\n"
#define DONE "data: [DONE]\n\n"

static struct sim *sim;

static int set_up(void **state)
{
    (void)state;
    sim = sim_new(config);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sim_free(sim);
    return 0;
}

#define FOR_EACH_SEED(seed)                \
    for (uint64_t seed = sim_seed_first(); \
         seed < sim_seed_first() + sim_seed_count(); seed++)

static void expect_text(const struct sim_script *script, uint64_t seed,
                        const struct llmp_buf *got, struct llmp_str want)
{
    if (!llmp_str_eq(llmp_buf_str(got), want))
        fail_msg("%s: seed %llu: got\n%.*s\nwant\n%.*s", script->name,
                 (unsigned long long)seed, (int)got->len, got->ptr,
                 (int)want.len, want.ptr);
}

static bool has(const struct llmp_buf *text, const char *part)
{
    return llmp_str_find(llmp_buf_str(text), llmp_str_of(part)) != SIZE_MAX;
}

static void unary_answer_passes_unaltered(void **state)
{
    static const char answer[] =
        "{ \"id\":\"x\", \"choices\":[{\"message\":{\"content\":\"hi\"}}],"
        "\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":5,"
        "\"prompt_tokens_details\":{\"cached_tokens\":2}} }";
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200 },
        { 1, SIM_BODY, .bytes = { answer, sizeof(answer) - 1 } },
        { 0, SIM_END },
    };
    const struct sim_script script = { "unary", .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(""), .provider = steps,
                                       .steps = LLMP_COUNT(steps) };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.status, 200);
        expect_text(&script, seed, &r.body, steps[1].bytes);
        expect_text(&script, seed, &r.call_body, script.body);
        assert_int_equal(r.summary.ending, LLMP_END_COMPLETE);
        assert_int_equal(r.summary.usage_basis, LLMP_USAGE_REPORTED);
        assert_int_equal(r.summary.input_tokens, 3);
        assert_int_equal(r.summary.output_tokens, 5);
        assert_int_equal(r.summary.cached_tokens, 2);
        assert_true(has(&r.call_head, "POST /v1/chat/completions\n"));
        assert_true(has(&r.call_head, "authorization: Bearer sk-very"));
        assert_false(has(&r.head, "x-inside"));
        assert_true(has(&r.head, "x-request-id: req_"));
        sim_result_fini(&r);
    }
}

/* The simulator looks whether a body that is still being sent is there. */
static void a_large_body_stays_until_it_is_sent(void **state)
{
    static char body[20000];
    int len = snprintf(
        body, sizeof(body),
        "{\"model\":\"gpt-4o\",\"messages\":[],\"a\":\"%015000d\"}", 0);
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200 },
        { 1, SIM_BODY, .bytes = LLMP_STR("{\"id\":1}"), .repeat = 3 },
        { 0, SIM_END },
    };
    const struct sim_script script = { "large body",
                                       .path = "/v1/chat/completions",
                                       .body = { body, (size_t)len },
                                       .provider = steps,
                                       .steps = LLMP_COUNT(steps) };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.status, 200);
        sim_result_fini(&r);
    }
}

static void unwanted_usage_chunk_is_removed(void **state)
{
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200, .type = "text/event-stream" },
        { 1, SIM_BODY,
          .bytes =
              LLMP_STR(EVENT("a") ": ping\n\n" EVENT("b") FINISH USAGE DONE) },
        { 0, SIM_END },
    };
    const struct sim_script script = { "stream", .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(",\"stream\":true"),
                                       .provider = steps,
                                       .steps = LLMP_COUNT(steps) };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        expect_text(&script, seed, &r.body,
                    LLMP_STR(EVENT("a") ": ping\n\n" EVENT("b") FINISH DONE));
        expect_text(
            &script, seed, &r.call_body,
            LLMP_STR("{\"stream_options\":{\"include_usage\":true},"
                     "\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\","
                     "\"content\":\"caf\\u00e9 \xF0\x9F\x98\x80\"}],"
                     "\"stream\":true}"));
        assert_int_equal(r.summary.ending, LLMP_END_COMPLETE);
        assert_int_equal(r.summary.output_tokens, 12);
        assert_true(r.summary.complete);
        sim_result_fini(&r);
    }
}

static void wanted_usage_chunk_stays(void **state)
{
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200, .type = "text/event-stream" },
        { 1, SIM_BODY, .bytes = LLMP_STR(EVENT("a") FINISH USAGE DONE) },
        { 0, SIM_END },
    };
    const struct sim_script script = {
        "usage wanted", .path = "/v1/chat/completions",
        .body = JSON_CHAT(
            ",\"stream\":true,\"stream_options\":{\"include_usage\":true}"),
        .provider = steps, .steps = LLMP_COUNT(steps)
    };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        expect_text(&script, seed, &r.body, steps[1].bytes);
        expect_text(&script, seed, &r.call_body, script.body);
        sim_result_fini(&r);
    }
}

static void cut_stream_ends_in_an_error_event(void **state)
{
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200, .type = "text/event-stream" },
        { 1, SIM_BODY, .bytes = LLMP_STR(EVENT("a") "data: {\"id\":\"c") },
        { 3, SIM_FAIL, .failure = LLMP_CALL_RECEIVE, .sent = true },
    };
    const struct sim_script script = { "cut", .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(",\"stream\":true"),
                                       .provider = steps,
                                       .steps = LLMP_COUNT(steps) };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        expect_text(
            &script, seed, &r.body,
            LLMP_STR(EVENT("a") "data: {\"error\":{\"message\":\"The "
                                "connection to the provider broke.\",\"type\":"
                                "\"server_error\",\"param\":null,\"code\":"
                                "\"upstream_broke\"}}\n\n"));
        assert_int_equal(r.summary.ending, LLMP_END_CUT);
        assert_int_equal(r.summary.usage_basis, LLMP_USAGE_UNKNOWN);
        assert_true(r.summary.complete);
        sim_result_fini(&r);
    }
}

static void clean_end_without_done_is_a_cut(void **state)
{
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200, .type = "text/event-stream" },
        { 1, SIM_BODY, .bytes = LLMP_STR(EVENT("a")) },
        { 3, SIM_END },
    };
    const struct sim_script script = { "no end", .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(",\"stream\":true"),
                                       .provider = steps,
                                       .steps = LLMP_COUNT(steps) };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.summary.ending, LLMP_END_CUT);
        assert_true(has(&r.body, "upstream_incomplete"));
        sim_result_fini(&r);
    }
}

static void silent_provider_times_out(void **state)
{
    const struct sim_step steps[] = { { 0, SIM_HANG } };
    const struct sim_script script = { "hang", .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(""), .provider = steps,
                                       .steps = 1 };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.status, 504);
        assert_int_equal(r.cancels, 1);
        assert_in_range(r.ended_ms, 3000, 3300);
        assert_int_equal(r.summary.ending, LLMP_END_TIMEOUT);
        assert_int_equal(r.summary.usage_basis, LLMP_USAGE_UNKNOWN);
        sim_result_fini(&r);
    }
}

static void stalled_stream_ends_in_an_error_event(void **state)
{
    const struct sim_step steps[] = {
        { 900, SIM_HEAD, .status = 200, .type = "text/event-stream" },
        { 900, SIM_BODY, .bytes = LLMP_STR(EVENT("a")) },
        { 0, SIM_HANG },
    };
    const struct sim_script script = { "stall", .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(",\"stream\":true"),
                                       .provider = steps,
                                       .steps = LLMP_COUNT(steps) };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.summary.ending, LLMP_END_TIMEOUT);
        assert_int_equal(r.cancels, 1);
        assert_true(has(&r.body, EVENT("a") "data: {\"error\":"));
        assert_true(has(&r.body, "upstream_timeout"));
        sim_result_fini(&r);
    }
}

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

static void unreachable_provider_is_said_plainly(void **state)
{
    const struct sim_step steps[] = { { 2, SIM_FAIL,
                                        .failure = LLMP_CALL_CONNECT } };
    const struct sim_script script = { "connect", .path = "/v1/embeddings",
                                       .body = LLMP_STR("{\"model\":\"gpt-4o\","
                                                        "\"input\":\"x\"}"),
                                       .provider = steps, .steps = 1 };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.status, 502);
        assert_string_equal(r.error_code, "upstream_unreachable");
        assert_int_equal(r.summary.usage_basis, LLMP_USAGE_NONE);
        sim_result_fini(&r);
    }
}

static void client_that_leaves_cancels_the_call(void **state)
{
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200, .type = "text/event-stream" },
        { 1, SIM_BODY, .bytes = LLMP_STR(EVENT("a")), .repeat = 100000 },
    };
    const struct sim_script script = { "gone",
                                       .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(",\"stream\":true"),
                                       .provider = steps,
                                       .steps = LLMP_COUNT(steps),
                                       .client_gone_ms = 300 };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.summary.ending, LLMP_END_CLIENT_GONE);
        assert_false(r.summary.complete);
        assert_int_equal(r.ended_ms, 1300);
        assert_int_equal(r.cancels, r.calls);
        sim_result_fini(&r);
    }
}

static void slow_reader_holds_the_provider_back(void **state)
{
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200, .type = "text/event-stream" },
        { 0, SIM_BODY, .bytes = LLMP_STR(EVENT("abcdefgh")), .repeat = 2000 },
        { 0, SIM_BODY, .bytes = LLMP_STR(FINISH DONE) },
        { 0, SIM_END },
    };
    const struct sim_script script = { "slow reader",
                                       .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(",\"stream\":true"),
                                       .provider = steps,
                                       .steps = LLMP_COUNT(steps),
                                       .client_rate = 10000 };
    (void)state;
    for (uint64_t seed = sim_seed_first(), n = 0; n <= sim_seed_count() / 20;
         n++, seed++) {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.summary.ending, LLMP_END_COMPLETE);
        assert_true(r.pauses > 0 && r.resumes > 0);
        assert_in_range(r.unsent_max, 64 * 1024, 70 * 1024);
        assert_int_equal(r.summary.events, 2002);
        sim_result_fini(&r);
    }
}

#define FORM(model)                                                           \
    "--b0undary\r\nContent-Disposition: form-data; name=\"language\"\r\n\r\n" \
    "en\r\n--b0undary\r\nContent-Disposition: form-data; "                    \
    "name=\"model\"\r\n\r\n" model "\r\n--b0undary\r\n"                       \
    "Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n"   \
    "\r\n0123456789\r\n--b0undary--\r\n"

static void upload_streams_with_its_model_renamed(void **state)
{
    const struct sim_step steps[] = {
        { 500, SIM_HEAD, .status = 200 },
        { 1, SIM_BODY, .bytes = LLMP_STR("{\"text\":\"ok\"}") },
        { 0, SIM_END },
    };
    const struct sim_script script = {
        "upload",
        .path = "/v1/audio/transcriptions",
        .type = "multipart/form-data; boundary=b0undary",
        .body = LLMP_STR(FORM("small")),
        .provider = steps,
        .steps = LLMP_COUNT(steps),
        .call_full = true,
    };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.status, 200);
        expect_text(&script, seed, &r.call_body, LLMP_STR(FORM("gpt-4o-mini")));
        assert_true(has(&r.call_head, "POST /v1/audio/transcriptions\n"));
        sim_result_fini(&r);
    }
}

static void answer_may_begin_before_the_upload_ends(void **state)
{
    const struct sim_step steps[] = {
        { 0, SIM_HEAD, .status = 200, .type = "text/plain" },
        { 0, SIM_BODY, .bytes = LLMP_STR("listening ") },
        { 900, SIM_BODY, .bytes = LLMP_STR("done") },
        { 0, SIM_END },
    };
    const struct sim_script script = {
        "early answer",
        .path = "/v1/audio/transcriptions",
        .type = "multipart/form-data; boundary=b0undary",
        .body = LLMP_STR(FORM("gpt-4o")),
        .provider = steps,
        .steps = LLMP_COUNT(steps),
        .call_full = true,
    };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.status, 200);
        expect_text(&script, seed, &r.body, LLMP_STR("listening done"));
        expect_text(&script, seed, &r.call_body, script.body);
        assert_int_equal(r.summary.ending, LLMP_END_COMPLETE);
        sim_result_fini(&r);
    }
}

static void slow_upload_is_not_a_slow_provider(void **state)
{
    const struct sim_step steps[] = {
        { 60000, SIM_HEAD, .status = 200 },
        { 0, SIM_END },
    };
    const struct sim_script script = {
        "slow upload",
        .path = "/v1/audio/transcriptions",
        .type = "multipart/form-data; boundary=b0undary",
        .body = LLMP_STR(FORM("gpt-4o")),
        .provider = steps,
        .steps = LLMP_COUNT(steps),
        .send_ms = 1900,
    };
    bool ever_longer = false;
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        /* The provider is given up 2 s after the last piece, not before. */
        sim_run(sim, &script, seed, &r);
        expect_text(&script, seed, &r.call_body, script.body);
        assert_int_equal(r.status, r.ended_ms < 61000 ? 504 : 200);
        ever_longer |= r.ended_ms > 10000;
        sim_result_fini(&r);
    }
    assert_true(ever_longer);
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

static void what_breaks_behind_the_end_does_not_matter(void **state)
{
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200, .type = "text/event-stream" },
        { 1, SIM_BODY, .bytes = LLMP_STR(EVENT("a") FINISH DONE) },
        { 1, SIM_FAIL, .failure = LLMP_CALL_RECEIVE, .sent = true },
    };
    const struct sim_script script = { "late break",
                                       .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(",\"stream\":true"),
                                       .provider = steps,
                                       .steps = LLMP_COUNT(steps) };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        expect_text(&script, seed, &r.body, LLMP_STR(EVENT("a") FINISH DONE));
        assert_int_equal(r.summary.ending, LLMP_END_COMPLETE);
        sim_result_fini(&r);
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

/* What a provider takes is not booked as the gateway's time. */
static void waiting_in_vain_is_not_own_time(void **state)
{
    const struct sim_step steps[] = { { 0, SIM_HANG } };
    const struct sim_script script = { "hang", .path = "/v1/chat/completions",
                                       .body = JSON_CHAT(""), .provider = steps,
                                       .steps = LLMP_COUNT(steps) };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.status, 504);
        assert_true(r.summary.own_ns < r.summary.duration_ns / 2);
        assert_true(has(&r.head, "server-timing: gateway;dur="));
        assert_int_equal(r.summary.usage_basis, LLMP_USAGE_UNKNOWN);
        sim_result_fini(&r);
    }
}

#define PROVIDERS                                                    \
    "providers:\n"                                                   \
    "  - { name: a, base_url: http://127.0.0.1:9/v1, api_key: k }\n" \
    "  - { name: b, base_url: http://127.0.0.1:8/openai }\n"         \
    "models:\n"

/* The provider's own answer, which passes as it came. */
#define THEIRS "[ {\"any\": 1.0} ]"

static void models_behind_patterns_are_the_providers_to_list(void **state)
{
    static const struct {
        const char *models, *path;
        uint16_t status;
        const char *call; /* what the provider is asked; NULL: nothing */
        const char *part; /* of the answer */
    } cases[] = {
        { "  - { name: '*', provider: a }\n", "/v1/models", 200,
          "GET /v1/models\n", THEIRS },
        { "  - { name: 'x*', provider: b }\n  - { name: 'y/*', provider: b }\n",
          "/v1/models", 200, "GET /openai/models\n", THEIRS },
        { "  - { name: '*', provider: a }\n  - { name: 'x*', provider: b }\n",
          "/v1/models", 200, NULL, "{\"object\":\"list\",\"data\":[]}" },
        { "  - { name: '*', provider: a }\n  - { name: m, provider: a }\n",
          "/v1/models", 200, NULL, "\"id\":\"m\"" },
        { "  - { name: '*', provider: a }\n  - { name: m, provider: b }\n",
          "/v1/models/m", 200, NULL, "\"owned_by\":\"b\"" },
        { "  - { name: '*', provider: a }\n  - { name: m, provider: b }\n",
          "/v1/models/mm?x=1", 200, "GET /v1/models/mm\n", THEIRS },
        { "  - { name: 'b/*', provider: b, strip: b/ }\n",
          "/v1/models/b/org/m:7", 200, "GET /openai/models/org/m:7\n", THEIRS },
        { "  - { name: 'b/*', provider: b, model: other }\n", "/v1/models/b/m",
          200, "GET /openai/models/other\n", THEIRS },
        { "  - { name: 'b/*', provider: b, model: 'a b/../?' }\n",
          "/v1/models/b/m", 200, NULL, "\"id\":\"b/m\"" },
        { "  - { name: 'b/*', provider: b, strip: b/ }\n", "/v1/models/b/", 404,
          NULL, "model_not_found" },
        { "  - { name: 'b/*', provider: b, strip: b/ }\n", "/v1/models/c", 404,
          NULL, "model_not_found" },
        { "  - { name: '*', provider: a }\n", "/v1/models/caf%C3%A9%20x", 200,
          "GET /v1/models/caf%C3%A9%20x\n", THEIRS },
        { "  - { name: 'caf\xC3\xA9', provider: a }\n", "/v1/models/caf%c3%A9",
          200, NULL, "\"owned_by\":\"a\"" },
        { "  - { name: '*', provider: a }\n", "/v1/models/a%0a", 404, NULL,
          "model_not_found" },
        { "  - { name: '*', provider: a }\n", "/v1/models/a%2f..", 404, NULL,
          "model_not_found" },
    };
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200 },
        { 1, SIM_BODY, .bytes = LLMP_STR(THEIRS) },
        { 0, SIM_END },
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        const struct sim_script script = { cases[i].models, .method = "GET",
                                           .path = cases[i].path,
                                           .provider = steps,
                                           .steps = LLMP_COUNT(steps) };
        char yaml[512];

        (void)snprintf(yaml, sizeof(yaml), PROVIDERS "%s", cases[i].models);

        struct sim *own = sim_new(yaml);
        struct sim_result r;

        sim_run(own, &script, sim_seed_first(), &r);
        assert_int_equal(r.status, cases[i].status);
        assert_int_equal(r.calls, cases[i].call != NULL);
        assert_true(has(&r.body, cases[i].part));
        if (cases[i].call)
            assert_true(has(&r.call_head, cases[i].call));
        sim_result_fini(&r);
        sim_free(own);
    }
}

static void model_without_a_name_is_not_asked_for(void **state)
{
    static const struct {
        const char *path, *body;
        uint16_t status;
    } cases[] = {
        { "/v1/chat/completions", "{\"model\":\"b/\",\"messages\":[]}", 404 },
        { "/v1/chat/completions", "{\"model\":\"\",\"messages\":[]}", 400 },
        { "/v1/chat/completions", "{\"model\":\"b/m\",\"messages\":[]}", 200 },
        { "/v1/moderations", "{\"input\":\"x\"}", 200 },
    };
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200 },
        { 0, SIM_BODY, .bytes = LLMP_STR("{}") },
        { 0, SIM_END },
    };
    struct sim *own =
        sim_new(PROVIDERS "  - { name: '*', provider: a }\n"
                          "  - { name: 'b/*', provider: b, strip: b/ }\n");
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++)
        FOR_EACH_SEED(seed)
        {
            const struct sim_script script = {
                cases[i].body, .path = cases[i].path,
                .body = llmp_str_of(cases[i].body), .provider = steps,
                .steps = LLMP_COUNT(steps)
            };
            struct sim_result r;

            sim_run(own, &script, seed, &r);
            assert_int_equal(r.status, cases[i].status);
            assert_int_equal(r.calls, cases[i].status == 200);
            sim_result_fini(&r);
        }
    sim_free(own);
}

static void broken_json_is_refused_at_its_byte(void **state)
{
    const struct sim_script script = { "broken json",
                                       .path = "/v1/chat/completions",
                                       .body = LLMP_STR("{\"model\":\"gpt-4o\","
                                                        "\"messages\":[}]}") };
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim_result r;

        sim_run(sim, &script, seed, &r);
        assert_int_equal(r.status, 400);
        assert_int_equal(r.calls, 0);
        assert_true(has(&r.body, "byte 30"));
        assert_string_equal(r.error_code, "invalid_json");
        sim_result_fini(&r);
    }
}

static void refusals_name_what_is_wrong(void **state)
{
    static const struct {
        struct sim_script script;
        uint16_t status;
        const char *part;
    } cases[] = {
        { { "no model", .path = "/v1/chat/completions",
            .body = LLMP_STR("{\"messages\":[]}") },
          400,
          "'model' is required" },
        { { "wrong type", .path = "/v1/chat/completions",
            .body = LLMP_STR("{\"model\":\"gpt-4o\",\"messages\":7}") },
          400,
          "'messages' must be an array (at byte 29)" },
        { { "no message", .path = "/v1/chat/completions",
            .body = LLMP_STR("{\"model\":\"gpt-4o\",\"messages\":[1]}") },
          400,
          "'messages[0]' must be an object (at byte 30)" },
        { { "second message", .path = "/v1/chat/completions",
            .body = LLMP_STR("{\"messages\":[{\"role\":\"user\"},[]]}") },
          400,
          "'messages[1]' must be an object" },
        { { "role", .path = "/v1/chat/completions",
            .body = LLMP_STR("{\"messages\":[{\"role\":7}]}") },
          400,
          "\"param\":\"messages[0].role\"" },
        { { "content", .path = "/v1/chat/completions",
            .body = LLMP_STR("{\"messages\":[{\"content\":{\"role\":1}}]}") },
          400,
          "'messages[0].content' must be a string or an array" },
        { { "temperature", .path = "/v1/chat/completions",
            .body = LLMP_STR("{\"model\":\"gpt-4o\",\"messages\":[],"
                             "\"temperature\":\"x\"}") },
          400,
          "'temperature' must be a number" },
        { { "twice", .path = "/v1/chat/completions",
            .body = LLMP_STR("{\"model\":\"a\",\"m\\u006fdel\":\"b\"}") },
          400,
          "invalid_json" },
        { { "unknown model", .path = "/v1/chat/completions",
            .body = LLMP_STR("{\"model\":\"gpt-4\",\"messages\":[]}") },
          404,
          "did you mean 'gpt-4o'" },
        { { "dated model", .path = "/v1/chat/completions",
            .body =
                LLMP_STR("{\"model\":\"gpt-4o-2024-08-06\",\"messages\":[]}") },
          404,
          "did you mean 'gpt-4o'" },
        { { "family", .path = "/v1/chat/completions",
            .body = LLMP_STR("{\"model\":\"gpt\",\"messages\":[]}") },
          404,
          "did you mean 'gpt-4o'" },
        { { "encoded", .path = "/v1/chat/completions", .body = LLMP_STR("\x1f"),
            .field = "content-encoding", .value = "gzip" },
          415,
          "content-encoding 'gzip' is not accepted" },
        { { "too large", .path = "/v1/chat/completions", .body = LLMP_STR("{"),
            .body_size = UINT64_C(1) << 40 },
          413,
          "body_too_large" },
        { { "path", .path = "/v1/nothing", .body = LLMP_STR("{}") },
          404,
          "There is no '/v1/nothing' here" },
        { { "climbing", .path = "/v1/images/../files", .body = LLMP_STR("{}") },
          404,
          "unknown_path" },
        { { "method", .method = "GET", .path = "/v1/embeddings" },
          405,
          "takes POST" },
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++)
        FOR_EACH_SEED(seed)
        {
            struct sim_result r;

            sim_run(sim, &cases[i].script, seed, &r);
            if (r.status != cases[i].status || !has(&r.body, cases[i].part))
                fail_msg("%s: %u %.*s", cases[i].script.name, r.status,
                         (int)r.body.len, r.body.ptr);
            assert_int_equal(r.calls, 0);
            sim_result_fini(&r);
        }
}

#define TRACE_ID "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"

static void only_valid_traces_are_carried_on(void **state)
{
    static const struct {
        const char *value;
        bool passes;
    } cases[] = {
        { "00-" TRACE_ID "-01", true },
        { "01-" TRACE_ID "-00-what-comes-later", true },
        { "00-" TRACE_ID "-01-more", false },
        { "ff-" TRACE_ID "-01", false },
        { "00-" TRACE_ID "-0G", false },
        { "00-00000000000000000000000000000000-b7ad6b7169203331-01", false },
        { "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01", false },
        { "garbage", false },
        { "", false },
    };
    const struct sim_step steps[] = { { 5, SIM_HEAD, .status = 200 },
                                      { 0, SIM_BODY, .bytes = LLMP_STR("{}") },
                                      { 0, SIM_END } };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        const struct sim_script script = { cases[i].value,
                                           .path = "/v1/chat/completions",
                                           .body = JSON_CHAT(""),
                                           .field = "traceparent",
                                           .value = cases[i].value,
                                           .provider = steps,
                                           .steps = LLMP_COUNT(steps) };
        struct sim_result r;

        sim_run(sim, &script, sim_seed_first(), &r);
        assert_int_equal(has(&r.call_head, "\ntraceparent: "), cases[i].passes);
        sim_result_fini(&r);
    }
}

static void lack_of_memory_ends_an_exchange_properly(void **state)
{
    const struct sim_step steps[] = {
        { 5, SIM_HEAD, .status = 200, .type = "text/event-stream" },
        { 1, SIM_BODY, .bytes = LLMP_STR(EVENT("a") EVENT("b")), .repeat = 9 },
        { 1, SIM_BODY, .bytes = LLMP_STR(FINISH USAGE) },
        { 3, SIM_FAIL, .failure = LLMP_CALL_RECEIVE, .sent = true },
    };
    struct sim_script script = {
        "no memory", .path = "/v1/chat/completions",
        .body = LLMP_STR("{\"model\":\"small\",\"stream\":true,"
                         "\"messages\":[],\"a\":1,\"b\":1,\"c\":1,"
                         "\"d\":1,\"e\":1,\"f\":1,\"g\":1,\"h\":1,"
                         "\"i\":1,\"j\":1,\"k\":1,\"l\":1,\"m\":1,"
                         "\"n\":1,\"o\":1}"),
        .provider = steps, .steps = LLMP_COUNT(steps)
    };
    bool ever_complete = false;
    (void)state;

    for (int n = 1; n < 40; n++)
        for (uint64_t seed = sim_seed_first(), k = 0; k < 5; k++, seed++) {
            struct sim *fresh = sim_new(config);
            struct sim_result r;

            script.fail_allocation = n;
            sim_run(fresh, &script, seed, &r);
            /* Refused with 503, cut short, or untouched by it: but ended. */
            assert_true(r.status == 503 || r.status == 200);
            if (r.status == 503)
                assert_int_equal(r.summary.ending, LLMP_END_REFUSED);
            else
                assert_int_equal(r.summary.ending, LLMP_END_CUT);
            ever_complete |= r.status == 200 && r.summary.complete;
            sim_result_fini(&r);
            sim_free(fresh);
            assert_int_equal(faulty_heap_live(), 0);
        }
    assert_true(ever_complete);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(unary_answer_passes_unaltered, sim_name_seed),
        cmocka_unit_test_teardown(a_large_body_stays_until_it_is_sent,
                                  sim_name_seed),
        cmocka_unit_test_teardown(unwanted_usage_chunk_is_removed,
                                  sim_name_seed),
        cmocka_unit_test_teardown(wanted_usage_chunk_stays, sim_name_seed),
        cmocka_unit_test_teardown(cut_stream_ends_in_an_error_event,
                                  sim_name_seed),
        cmocka_unit_test_teardown(clean_end_without_done_is_a_cut,
                                  sim_name_seed),
        cmocka_unit_test_teardown(silent_provider_times_out, sim_name_seed),
        cmocka_unit_test_teardown(stalled_stream_ends_in_an_error_event,
                                  sim_name_seed),
        cmocka_unit_test_teardown(provider_error_is_cleaned, sim_name_seed),
        cmocka_unit_test_teardown(
            refused_credentials_are_not_the_clients_matter, sim_name_seed),
        cmocka_unit_test_teardown(unreachable_provider_is_said_plainly,
                                  sim_name_seed),
        cmocka_unit_test_teardown(client_that_leaves_cancels_the_call,
                                  sim_name_seed),
        cmocka_unit_test_teardown(slow_reader_holds_the_provider_back,
                                  sim_name_seed),
        cmocka_unit_test_teardown(upload_streams_with_its_model_renamed,
                                  sim_name_seed),
        cmocka_unit_test_teardown(answer_may_begin_before_the_upload_ends,
                                  sim_name_seed),
        cmocka_unit_test_teardown(slow_upload_is_not_a_slow_provider,
                                  sim_name_seed),
        cmocka_unit_test_teardown(error_events_show_no_secret, sim_name_seed),
        cmocka_unit_test_teardown(error_with_status_200_is_an_error,
                                  sim_name_seed),
        cmocka_unit_test_teardown(obscure_events_show_no_secret, sim_name_seed),
        cmocka_unit_test_teardown(answers_are_no_errors_by_their_first_bytes,
                                  sim_name_seed),
        cmocka_unit_test_teardown(empty_answers_and_pages_are_errors,
                                  sim_name_seed),
        cmocka_unit_test_teardown(what_breaks_behind_the_end_does_not_matter,
                                  sim_name_seed),
        cmocka_unit_test_teardown(late_error_leaves_the_cost_unknown,
                                  sim_name_seed),
        cmocka_unit_test_teardown(fields_show_no_secret, sim_name_seed),
        cmocka_unit_test_teardown(waiting_in_vain_is_not_own_time,
                                  sim_name_seed),
        cmocka_unit_test_teardown(
            models_behind_patterns_are_the_providers_to_list, sim_name_seed),
        cmocka_unit_test_teardown(model_without_a_name_is_not_asked_for,
                                  sim_name_seed),
        cmocka_unit_test_teardown(broken_json_is_refused_at_its_byte,
                                  sim_name_seed),
        cmocka_unit_test_teardown(refusals_name_what_is_wrong, sim_name_seed),
        cmocka_unit_test_teardown(only_valid_traces_are_carried_on,
                                  sim_name_seed),
        cmocka_unit_test_teardown(lack_of_memory_ends_an_exchange_properly,
                                  sim_name_seed),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
