/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: edits change what they name and nothing else, usage is read wherever
 * a provider puts it, and no error text carries a key to a client.
 * Method: tables of text in and text out; memory fails at 0, 1, 2, ….
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"
#include "wire/dialect.h"
#include "wire/passing.h"

static void read_whole(struct llmp_request_reader *request,
                       enum llmp_shape shape, struct llmp_str body)
{
    struct llmp_error err;

    llmp_request_init(request, shape, 0);
    if (llmp_request_feed(request, body, true, &err) != LLMP_END)
        fail_msg("%.*s: %s", (int)body.len, body.ptr, err.message);
}

static void edits_touch_only_what_they_name(void **state)
{
    static const struct {
        const char *in, *model;
        bool usage;
        const char *out;
    } cases[] = {
        { "{\"model\":\"a\",\"messages\":[]}", "bb", false,
          "{\"model\":\"bb\",\"messages\":[]}" },
        { " { \"n\" : 1.0e0 , \"model\" : \"a\" , \"messages\" : [ ] } ", "q\"",
          false,
          " { \"n\" : 1.0e0 , \"model\" : \"q\\\"\" , \"messages\" : [ ] } " },
        { "{\"messages\":[],\"model\":\"a\",\"stream\":true}", "", true,
          "{\"stream_options\":{\"include_usage\":true},\"messages\":[],"
          "\"model\":\"a\",\"stream\":true}" },
        { "{\"stream_options\":{},\"model\":\"a\",\"messages\":[]}", "b", true,
          "{\"stream_options\":{\"include_usage\":true},\"model\":\"b\","
          "\"messages\":[]}" },
        { "{\"model\":\"a\",\"messages\":[],\"stream_options\":null}", "b",
          true,
          "{\"model\":\"b\",\"messages\":[],\"stream_options\":"
          "{\"include_usage\":true}}" },
        { "{\"model\":\"a\",\"messages\":[],\"stream_options\":{ \"x\":[1]}}",
          "", true,
          "{\"model\":\"a\",\"messages\":[],\"stream_options\":"
          "{\"include_usage\":true, \"x\":[1]}}" },
        { "{\"model\":\"a\",\"messages\":[],"
          "\"stream_options\":{\"include_usage\":false,\"y\":2}}",
          "", true,
          "{\"model\":\"a\",\"messages\":[],"
          "\"stream_options\":{\"include_usage\":true,\"y\":2}}" },
        /* "model" further down is somebody else's member. */
        { "{\"metadata\":{\"model\":\"z\"},\"model\":\"a\",\"messages\":[]}",
          "b", false,
          "{\"metadata\":{\"model\":\"z\"},\"model\":\"b\",\"messages\":[]}" },
        { "{\"mod\\u0065l\":\"a\",\"messages\":[]}", "b", false,
          "{\"mod\\u0065l\":\"b\",\"messages\":[]}" },
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_request_reader request;
        struct llmp_str parts[LLMP_REQUEST_PARTS_MAX];
        struct llmp_str body = llmp_str_of(cases[i].in);
        struct llmp_arena arena;
        struct llmp_buf out = { 0 };

        llmp_arena_init(&arena, 256);
        read_whole(&request, LLMP_SHAPE_CHAT, body);

        struct llmp_request_plan plan;

        llmp_request_plan(&request, body, &plan);

        size_t count =
            llmp_request_edit(&plan, body, llmp_str_of(cases[i].model),
                              cases[i].usage, &arena, parts);

        for (size_t p = 0; p < count; p++)
            (void)llmp_buf_add(&out, parts[p]);
        (void)llmp_buf_add(&out, (struct llmp_str){ "", 1 });
        assert_string_equal(out.ptr, cases[i].out);
        llmp_buf_fini(&out);
        llmp_request_fini(&request);
        llmp_arena_fini(&arena);
    }
}

static void wrong_types_are_named(void **state)
{
    static const struct {
        enum llmp_shape shape;
        const char *in, *param;
    } cases[] = {
        { LLMP_SHAPE_CHAT, "[1]", NULL },
        { LLMP_SHAPE_CHAT, "{\"messages\":[]}", "model" },
        { LLMP_SHAPE_CHAT, "{\"model\":null,\"messages\":[]}", "model" },
        { LLMP_SHAPE_CHAT, "{\"model\":\"a\"}", "messages" },
        { LLMP_SHAPE_CHAT, "{\"model\":\"a\",\"messages\":{}}", "messages" },
        { LLMP_SHAPE_CHAT,
          "{\"model\":\"a\",\"messages\":[],\"stream\":\"yes\"}", "stream" },
        { LLMP_SHAPE_CHAT,
          "{\"model\":\"a\",\"messages\":[],\"max_tokens\":\"9\"}",
          "max_tokens" },
        { LLMP_SHAPE_CHAT,
          "{\"model\":\"a\",\"messages\":[],"
          "\"stream_options\":{\"include_usage\":1}}",
          "stream_options.include_usage" },
        { LLMP_SHAPE_EMBEDDINGS, "{\"model\":\"a\"}", "input" },
        { LLMP_SHAPE_EMBEDDINGS, "{\"model\":\"a\",\"input\":3}", "input" },
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_request_reader request;
        struct llmp_error err;
        const char *param;

        read_whole(&request, cases[i].shape, llmp_str_of(cases[i].in));
        assert_int_equal(llmp_request_check(&request, &param, &err),
                         LLMP_E_TYPE);
        if (cases[i].param)
            assert_string_equal(param, cases[i].param);
        else
            assert_null(param);
        llmp_request_fini(&request);
    }
}

static void usage_is_read_at_every_split(void **state)
{
    static const char text[] =
        "{\"choices\":[{\"message\":{\"content\":\"\\\"usage\\\":{}\"},"
        "\"usage\":{\"prompt_tokens\":777}}],\"usage\":{\"prompt_tokens\":12,"
        "\"completion_tokens\":345,\"total_tokens\":357,"
        "\"prompt_tokens_details\":{\"cached_tokens\":10},"
        "\"completion_tokens_details\":{\"reasoning_tokens\":300}}}";
    size_t len = sizeof(text) - 1;
    (void)state;

    for (size_t cut = 0; cut <= len; cut++) {
        struct llmp_peek reader;
        struct llmp_token_usage usage;

        llmp_peek_init(&reader, LLMP_SHAPE_CHAT);
        llmp_peek_feed(&reader, (struct llmp_str){ text, cut });
        llmp_peek_feed(&reader, (struct llmp_str){ text + cut, len - cut });
        assert_false(llmp_peek_end(&reader, &usage));
        assert_true(usage.reported);
        assert_int_equal(usage.input, 12);
        assert_int_equal(usage.output, 345);
        assert_int_equal(usage.cached, 10);
        assert_int_equal(usage.reasoning, 300);
    }
}

static void answers_are_told_apart(void **state)
{
    static const struct {
        const char *text;
        bool error, reported;
    } cases[] = {
        { "{\"choices\":[],\"usage\":null}", false, false },
        { "{\"choices\":[]}", false, false },
        { "[{\"usage\":{\"prompt_tokens\":1}}]", false, false },
        { "{\"error\":{\"message\":\"x\"}}", true, false },
        { "{\"error\" : null ,\"usage\" : {\"prompt_tokens\":1} }", false,
          true },
        { "{\"a\":{\"error\":1},\"b\":[\"error\",{\"error\":1}]}", false,
          false },
        { "{\"a\":\"\\\"error\\\":1\"}", false, false },
        { "{\"errors\":1,\"erro\":1,\"usage\\u0000\":{}}", false, false },
        { "}}]]{\"usage", false, false },
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_peek reader;
        struct llmp_token_usage usage;

        llmp_peek_init(&reader, LLMP_SHAPE_CHAT);
        llmp_peek_feed(&reader, llmp_str_of(cases[i].text));
        print_message("# case %zu\n", i);
        assert_int_equal(llmp_peek_end(&reader, &usage), cases[i].error);
        assert_int_equal(usage.reported, cases[i].reported);
    }
}

static void a_long_error_leaves_room_for_usage(void **state)
{
    struct llmp_peek reader;
    struct llmp_token_usage usage;
    (void)state;

    llmp_peek_init(&reader, LLMP_SHAPE_CHAT);
    llmp_peek_feed(&reader, LLMP_STR("{\"error\":\""));
    for (int i = 0; i < 1000; i++)
        llmp_peek_feed(&reader, LLMP_STR("0123456789"));
    llmp_peek_feed(&reader,
                   LLMP_STR("\",\"usage\":{\"completion_tokens\":8}}"));
    assert_true(llmp_peek_end(&reader, &usage));
    assert_int_equal(usage.output, 8);
}

static void events_are_understood(void **state)
{
    static const struct {
        enum llmp_shape shape;
        const char *data;
        struct llmp_peek_event want;
    } cases[] = {
        { LLMP_SHAPE_CHAT, "[DONE]", { .done = true } },
        { LLMP_SHAPE_CHAT, "", { .done = false } },
        { LLMP_SHAPE_CHAT,
          "{\"choices\":[{\"delta\":{\"content\":\"x\"},"
          "\"finish_reason\":null}]}",
          { .done = false } },
        { LLMP_SHAPE_CHAT,
          "{\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}",
          { .finished = true } },
        { LLMP_SHAPE_CHAT,
          "{\"error\":{\"message\":\"x\"}}",
          { .error = true } },
        /* Said by the model, not by the provider. */
        { LLMP_SHAPE_CHAT,
          "{\"choices\":[{\"delta\":{\"content\":\"\\\"error\\\"\"}}],"
          "\"error\":null}",
          { .error = false } },
        { LLMP_SHAPE_CHAT,
          "{\"choices\":[],\"usage\":{\"prompt_tokens\":1,"
          "\"completion_tokens\":2}}",
          { .usage_only = true,
            .usage = { .reported = true, .input = 1, .output = 2 } } },
        /* The last content chunk may carry the usage too. */
        { LLMP_SHAPE_CHAT,
          "{\"choices\":[{\"delta\":{},\"finish_reason\":\"length\"}],"
          "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":2}}",
          { .finished = true,
            .usage = { .reported = true, .input = 1, .output = 2 } } },
        { LLMP_SHAPE_RESPONSES,
          "{\"type\":\"response.completed\",\"response\":{\"usage\":"
          "{\"input_tokens\":5,\"output_tokens\":6}}}",
          { .done = true,
            .finished = true,
            .usage = { .reported = true, .input = 5, .output = 6 } } },
        { LLMP_SHAPE_RESPONSES,
          "{\"type\":\"response.output_text.delta\"}",
          { .done = false } },
        { LLMP_SHAPE_RESPONSES,
          "{\"type\":\"error\",\"code\":\"x\",\"message\":\"y\"}",
          { .done = true, .error = true } },
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_peek_event seen;

        struct llmp_token_usage sofar = { .reported = false };

        llmp_peek_event_read(cases[i].shape, (struct llmp_str){ NULL, 0 },
                             llmp_str_of(cases[i].data), &sofar, &seen);
        print_message("# case %zu\n", i);
        assert_int_equal(seen.done, cases[i].want.done);
        assert_int_equal(seen.finished, cases[i].want.finished);
        assert_int_equal(seen.error, cases[i].want.error);
        assert_int_equal(seen.usage_only, cases[i].want.usage_only);
        assert_int_equal(seen.usage.reported, cases[i].want.usage.reported);
        assert_int_equal(seen.usage.input, cases[i].want.usage.input);
        assert_int_equal(seen.usage.output, cases[i].want.usage.output);
    }
}

/* Anthropic says that it is an error before it says which. */
static void a_type_tells_errors_from_messages(void **state)
{
    static const struct {
        const char *text;
        enum llmp_peek_verdict verdict;
    } cases[] = {
        { "{\"type\":\"error\"", LLMP_PEEK_ERROR },
        { " { \"type\" : \"error\" ,", LLMP_PEEK_ERROR },
        { "{\"type\":\"err", LLMP_PEEK_UNDECIDED },
        { "{\"type\"", LLMP_PEEK_UNDECIDED },
        { "{\"type\":\"message\",", LLMP_PEEK_CONTENT },
        { "{\"id\":\"msg_1\",", LLMP_PEEK_CONTENT },
        { "{\"error\":{", LLMP_PEEK_ERROR },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_str text = llmp_str_of(cases[i].text);

        for (size_t cut = 0; cut <= text.len; cut++) {
            struct llmp_peek reader;

            llmp_peek_init(&reader, LLMP_SHAPE_MESSAGES);
            llmp_peek_feed(&reader, (struct llmp_str){ text.ptr, cut });
            llmp_peek_feed(&reader,
                           (struct llmp_str){ text.ptr + cut, text.len - cut });
            assert_int_equal(llmp_peek_verdict(&reader), cases[i].verdict);
        }
    }
}

/* An upstream's body, cleaned as the exchange does it. */
static bool clean_error(struct llmp_buf *out, uint16_t status,
                        struct llmp_str body, const struct llmp_str *secrets,
                        size_t count)
{
    const struct llmp_json_value *root = NULL;
    struct llmp_provider_error error;
    struct llmp_arena arena;
    bool ok;

    llmp_arena_init(&arena, 256);
    if (llmp_json_tree(&root, body, 0, &arena, NULL) < 0)
        root = NULL;
    llmp_dialect_openai.read_error(&error, status, root);
    ok = llmp_wire_error_clean(out, &llmp_dialect_openai, status, &error,
                               (struct llmp_str){ NULL, 0 }, secrets, count);
    llmp_arena_fini(&arena);
    return ok;
}

static void error_texts_carry_no_key(void **state)
{
    static const struct llmp_str secrets[] = { { "topsecret!", 10 } };
    static const struct {
        uint16_t status;
        const char *in, *out;
    } cases[] = {
        { 400, "{\"error\":{\"message\":\"no \\u0073k-abcdef123 here\"}}",
          "{\"error\":{\"message\":\"no *** here\",\"type\":"
          "\"invalid_request_error\",\"param\":null,\"code\":null}}" },
        { 400, "{\"error\":{\"message\":\"xtopsecret!y\",\"param\":\"n\"}}",
          "{\"error\":{\"message\":\"x***y\",\"type\":"
          "\"invalid_request_error\",\"param\":\"n\",\"code\":null}}" },
        /* Not in its other members either. */
        { 400,
          "{\"error\":{\"message\":\"m\",\"type\":\"xtopsecret!\","
          "\"param\":\"sk-abcdef123\",\"code\":\"a.topsecret\"}}",
          "{\"error\":{\"message\":\"m\",\"type\":"
          "\"invalid_request_error\",\"param\":null,"
          "\"code\":\"a.topsecret\"}}" },
        { 400,
          "{\"error\":{\"message\":\"a task-oriented risk-averse model\"}}",
          "{\"error\":{\"message\":\"a task-oriented risk-averse model\","
          "\"type\":\"invalid_request_error\",\"param\":null,\"code\":null}}" },
        { 502, "<html>10.0.0.1 backend down</html>",
          "{\"error\":{\"message\":\"The provider failed to answer the "
          "request.\",\"type\":\"server_error\",\"param\":null,\"code\":"
          "\"upstream_error\"}}" },
        { 401, "{\"error\":{\"message\":\"bad key\"}}",
          "{\"error\":{\"message\":\"The provider refused the gateway's "
          "credentials.\",\"type\":\"authentication_error\",\"param\":null,"
          "\"code\":\"upstream_error\"}}" },
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_buf out = { 0 };

        assert_true(clean_error(&out, cases[i].status, llmp_str_of(cases[i].in),
                                secrets, 1));
        (void)llmp_buf_add(&out, (struct llmp_str){ "", 1 });
        assert_string_equal(out.ptr, cases[i].out);
        llmp_buf_fini(&out);
    }
}

/* ---- without memory ----------------------------------------------------- */

/* One request, read in two pieces and edited. Returns whether it came to its
 * end; if it did, it has to be right. */
static bool read_and_edit(struct llmp_str body, const char *want)
{
    struct llmp_request_reader request;
    struct llmp_request_plan plan;
    struct llmp_str parts[LLMP_REQUEST_PARTS_MAX];
    struct llmp_str front = { body.ptr, body.len / 2 };
    struct llmp_str rest = { body.ptr + front.len, body.len - front.len };
    struct llmp_arena arena;
    size_t count = 0, at = 0;
    int rc;

    llmp_arena_init(&arena, 64);
    llmp_request_init(&request, LLMP_SHAPE_CHAT, 0);
    rc = llmp_request_feed(&request, front, false, NULL);
    if (rc == LLMP_AGAIN)
        rc = llmp_request_feed(&request, rest, true, NULL);
    llmp_request_plan(&request, body, &plan);
    if (rc == LLMP_END && llmp_request_model(&request, body, &arena).len)
        count = llmp_request_edit(&plan, body, LLMP_STR("b\"b"), true, &arena,
                                  parts);
    else if (rc != LLMP_END)
        assert_int_equal(rc, LLMP_E_NOMEM);
    for (size_t i = 0; i < count; i++) {
        assert_memory_equal(parts[i].ptr, want + at, parts[i].len);
        at += parts[i].len;
    }
    assert_true(count == 0 || at == strlen(want));
    llmp_request_fini(&request);
    llmp_arena_fini(&arena);
    return count > 0;
}

static void a_request_without_memory_leaves_nothing_behind(void **state)
{
    static const char edited[] =
        "{\"stream_options\":{\"include_usage\":true},\"model\":\"b\\\"b\",";
    char rest[2048] = "\"messages\":[],\"metadata\":{", body[2100], want[2200];
    size_t len = strlen(rest);
    int nth = 0;

    (void)state;
    for (int i = 0; i < 100; i++) /* the reader keeps keys to compare them */
        len += (size_t)snprintf(rest + len, sizeof(rest) - len,
                                "%s\"member%d\":%d", i ? "," : "", i, i);
    (void)snprintf(rest + len, sizeof(rest) - len, "}}");
    (void)snprintf(body, sizeof(body), "{\"model\":\"a\",%s", rest);
    (void)snprintf(want, sizeof(want), "%s%s", edited, rest);
    for (bool done = false; !done; nth++) {
        assert_true(nth < 100);
        faulty_heap_arm(nth);
        done = read_and_edit(llmp_str_of(body), want);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_off();
    assert_true(nth > 3); /* it did fail */
}

static void an_error_without_memory_leaves_nothing_behind(void **state)
{
    static const struct llmp_str secrets[] = { { "topsecret!", 10 } };
    static const char *const bodies[] = {
        "{\"error\":{\"message\":\"a long one: topsecret! sk-abcdef123 "
        "0123456789 0123456789 0123456789 0123456789 0123456789 0123456789\","
        "\"type\":\"t\",\"param\":\"p\",\"code\":\"c\"}}",
        "<html>it is down</html>",
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(bodies); i++) {
        int nth = 0;

        print_message("# case %zu\n", i);
        for (bool done = false; !done; nth++) {
            struct llmp_buf out = { 0 };

            assert_true(nth < 100);
            faulty_heap_arm(nth);
            done = clean_error(&out, 400, llmp_str_of(bodies[i]), secrets, 1);
            assert_false(done && out.failed);
            if (done)
                assert_true(llmp_str_find(llmp_buf_str(&out),
                                          LLMP_STR("topsecret")) == SIZE_MAX);
            llmp_buf_fini(&out);
            assert_int_equal(faulty_heap_live(), 0);
        }
        faulty_heap_off();
        assert_true(nth > 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edits_touch_only_what_they_name),
        cmocka_unit_test(wrong_types_are_named),
        cmocka_unit_test(usage_is_read_at_every_split),
        cmocka_unit_test(answers_are_told_apart),
        cmocka_unit_test(a_long_error_leaves_room_for_usage),
        cmocka_unit_test(events_are_understood),
        cmocka_unit_test(a_type_tells_errors_from_messages),
        cmocka_unit_test(error_texts_carry_no_key),
        cmocka_unit_test(a_request_without_memory_leaves_nothing_behind),
        cmocka_unit_test(an_error_without_memory_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
