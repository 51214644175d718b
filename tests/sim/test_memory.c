/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an exchange that gets none ends properly and leaves nothing behind.
 * Method: memory fails at every request in turn, in scripts of every kind.
 */
#include "cases.h"

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
            struct sim *fresh = sim_new(CONFIG);
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

#define SMALL_FORM                                                           \
    "--B\r\ncontent-disposition: form-data; name=\"model\"\r\n\r\nsmall\r\n" \
    "--B\r\ncontent-disposition: form-data; "                                \
    "name=\"file\"\r\n\r\nabc\r\n--B--\r\n"

static void lack_of_memory_leaves_nothing_behind(void **state)
{
    const struct sim_step good[] = {
        { 5, SIM_HEAD, .status = 200 },
        { 1, SIM_BODY, .bytes = LLMP_STR("{\"data\":[{\"id\":\"gpt-4\"}]}") },
        { 0, SIM_END },
    };
    const struct sim_step bad[] = {
        { 5, SIM_HEAD, .status = 400 },
        { 1, SIM_BODY, .bytes = LLMP_STR("{\"error\":{\"message\":\"m\"}}") },
        { 0, SIM_END },
    };
    struct sim_script scripts[] = {
        { "unary", .path = "/v1/chat/completions",
          .body = LLMP_STR("{\"model\":\"small\",\"messages\":[]}"),
          .provider = good, .steps = LLMP_COUNT(good) },
        { "error", .path = "/v1/chat/completions",
          .body = LLMP_STR("{\"model\":\"small\",\"messages\":[]}"),
          .provider = bad, .steps = LLMP_COUNT(bad) },
        { "unknown", .path = "/v1/embeddings",
          .body = LLMP_STR("{\"model\":\"x\",\"input\":\"\"}") },
        { "form", .path = "/v1/audio/transcriptions",
          .type = "multipart/form-data; boundary=B",
          .body = LLMP_STR(SMALL_FORM), .provider = good,
          .steps = LLMP_COUNT(good) },
        { "models", .method = "GET", .path = "/v1/models", .provider = good,
          .steps = LLMP_COUNT(good) },
        { "metrics", .method = "GET", .path = "/metrics" },
    };
    static const char *const models[] = {
        "  - { name: small, provider: a, model: gpt-4o-mini }\n",
        "  - { name: 'gpt-*', provider: a }\n  - { name: '*', provider: b }\n",
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(scripts) * 2; i++)
        for (int n = 1; n < 40; n++) {
            char text[1024];

            (void)snprintf(text, sizeof(text), PROVIDERS "%s", models[i % 2]);

            struct sim *fresh = sim_new(text);
            struct sim_result r;

            scripts[i / 2].fail_allocation = n;
            sim_run(fresh, &scripts[i / 2], sim_seed_first(), &r);
            /* Refused, or untouched by it. Half an answer is never whole. */
            assert_true(r.status != 0 || !r.summary.complete);
            if (r.status == 503)
                assert_true(has(&r.body, "out_of_memory") ||
                            has(&r.body, "gateway_resources"));
            sim_result_fini(&r);
            sim_free(fresh);
            assert_int_equal(faulty_heap_live(), 0);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_TEST(lack_of_memory_ends_an_exchange_properly),
        SIM_TEST(lack_of_memory_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
