/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is wrong is refused by name, uploads go on as they come, models
 * are listed as they can be asked for. Method: scripts of what clients ask,
 * under many seeds; every seed must give the same result.
 */
#include "cases.h"

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

static void patterns_of_several_providers_are_listed_together(void **state)
{
    const struct sim_step good[] = {
        { 5, SIM_HEAD, .status = 200 },
        { 1, SIM_BODY,
          .bytes = LLMP_STR(
              "{\"object\":\"list\",\"data\":[{\"id\":\"gpt-\\u0034\","
              "\"x\":{\"id\":\"no\"}},{\"id\":\"tts\"}],\"id\":\"no\"}") },
        { 0, SIM_END },
    };
    const struct sim_step slow[] = { { 5, SIM_HEAD, .status = 200 },
                                     { 0, SIM_HANG } };
    const struct sim_step refused[] = {
        { 5, SIM_HEAD, .status = 401 },
        { 0, SIM_BODY, .bytes = LLMP_STR("{\"data\":[{\"id\":\"gpt-4\"}]}") },
        { 0, SIM_END }
    };
    const struct sim_step broken[] = { { 5, SIM_FAIL,
                                         .failure = LLMP_CALL_CONNECT } };
    const struct {
        const char *name;
        const struct sim_step *steps;
        size_t count;
        const char *data;
    } cases[] = {
        { "good", good, 3,
          "[{\"id\":\"gpt-4\",\"object\":\"model\",\"created\":0,\"owned_by\":"
          "\"a\"},{\"id\":\"b/gpt-4\",\"object\":\"model\",\"created\":0,"
          "\"owned_by\":\"b\"},{\"id\":\"b/"
          "tts\",\"object\":\"model\",\"created\":"
          "0,\"owned_by\":\"b\"}]" },
        { "slow", slow, 2, "[]" },
        { "refused", refused, 3, "[]" },
        { "broken", broken, 1, "[]" },
    };
    struct sim *own =
        sim_new(PROVIDERS "  - { name: 'gpt-*', provider: a }\n"
                          "  - { name: 'b/*', provider: b, strip: b/ }\n");
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++)
        FOR_EACH_SEED(seed)
        {
            const struct sim_script script = { cases[i].name, .method = "GET",
                                               .path = "/v1/models",
                                               .provider = cases[i].steps,
                                               .steps = cases[i].count };
            struct sim_result r;

            sim_run(own, &script, seed, &r);
            assert_int_equal(r.status, 200);
            assert_int_equal(r.calls, 2);
            assert_true(has(&r.body, cases[i].data));
            sim_result_fini(&r);
        }
    sim_free(own);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_TEST(upload_streams_with_its_model_renamed),
        SIM_TEST(answer_may_begin_before_the_upload_ends),
        SIM_TEST(slow_upload_is_not_a_slow_provider),
        SIM_TEST(models_behind_patterns_are_the_providers_to_list),
        SIM_TEST(patterns_of_several_providers_are_listed_together),
        SIM_TEST(model_without_a_name_is_not_asked_for),
        SIM_TEST(broken_json_is_refused_at_its_byte),
        SIM_TEST(refusals_name_what_is_wrong),
        SIM_TEST(only_valid_traces_are_carried_on),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
