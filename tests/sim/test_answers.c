/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: whatever way the bytes are cut and the events interleave, the client
 * gets the same answer, the exchange tells the truth about it, and ends once.
 * Method: scripts of how a provider's answer reaches the client: whole, cut,
 * slow, an error, under many seeds; every seed must give the same result.
 */
#include "cases.h"

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
        assert_int_equal(r.summary.usage_basis, LLMP_USAGE_ESTIMATED);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_TEST(unary_answer_passes_unaltered),
        SIM_TEST(a_large_body_stays_until_it_is_sent),
        SIM_TEST(unwanted_usage_chunk_is_removed),
        SIM_TEST(wanted_usage_chunk_stays),
        SIM_TEST(cut_stream_ends_in_an_error_event),
        SIM_TEST(clean_end_without_done_is_a_cut),
        SIM_TEST(what_breaks_behind_the_end_does_not_matter),
        SIM_TEST(silent_provider_times_out),
        SIM_TEST(stalled_stream_ends_in_an_error_event),
        SIM_TEST(waiting_in_vain_is_not_own_time),
        SIM_TEST(unreachable_provider_is_said_plainly),
        SIM_TEST(client_that_leaves_cancels_the_call),
        SIM_TEST(slow_reader_holds_the_provider_back),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
