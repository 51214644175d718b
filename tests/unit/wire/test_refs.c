/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every id of something at the provider is noted, however it is written
 * and wherever the vendors' references put it; what is the caller's own is not.
 * Method: bodies read whole and byte by byte; kinds and strings compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "wire/passing.h"

static const struct {
    enum llmp_shape shape;
    const char *body, *refs; /* f: file, i: input, r: response, o: other */
} cases[] = {
    { LLMP_SHAPE_RESPONSES, "{\"previous_response_id\":\"resp_1\"}",
      "r:resp_1 " },
    { LLMP_SHAPE_RESPONSES, "{\"previous_response_id\":null}", "" },
    { LLMP_SHAPE_RESPONSES,
      "{\"input\":[{\"content\":[{\"type\":\"input_file\",\"file_id\":"
      "\"file-1\"},{\"type\":\"input_image\",\"file_id\":\"file-2\"}]}]}",
      "f:file-1 f:file-2 " },
    { LLMP_SHAPE_RESPONSES,
      "{\"tools\":[{\"type\":\"file_search\",\"vector_store_ids\":[\"vs_1\","
      "\"vs_2\"]},{\"container\":{\"type\":\"auto\",\"file_ids\":[\"f1\"]}},"
      "{\"container\":\"cntr_1\"}]}",
      "o:vs_1 o:vs_2 f:f1 o:cntr_1 " },
    { LLMP_SHAPE_RESPONSES, "{\"conversation\":\"conv_1\",\"x\":\"y\"}",
      "o:conv_1 " },
    { LLMP_SHAPE_RESPONSES,
      "{\"conversation\":{\"a\":\"b\",\"id\":\"conv_2\"},\"id\":\"mine\"}",
      "o:conv_2 " },
    { LLMP_SHAPE_RESPONSES,
      "{\"conversation\":{\"a\":{\"id\":\"deeper\"}},\"x\":1}", "" },
    /* the caller's own */
    { LLMP_SHAPE_RESPONSES,
      "{\"metadata\":{\"file_id\":\"mine\",\"a\":[{\"file_id\":\"b\"}]},"
      "\"tools\":[{\"parameters\":{\"properties\":{\"file_id\":{\"type\":"
      "\"string\",\"default\":\"x\"},\"container\":\"y\"}}}],"
      "\"previous_response_id\":\"resp_2\"}",
      "r:resp_2 " },
    { LLMP_SHAPE_RESPONSES,
      "{\"input\":[{\"arguments\":\"{\\\"file_id\\\":\\\"mine\\\"}\"},"
      "{\"file_id\":\"file-3\"}]}",
      "f:file-3 " },
    { LLMP_SHAPE_CHAT,
      "{\"messages\":[{\"content\":[{\"type\":\"file\",\"file\":{\"file_id\":"
      "\"file-4\"}}]}],\"metadata\":{}}",
      "f:file-4 " },
    { LLMP_SHAPE_MESSAGES,
      "{\"messages\":[{\"content\":[{\"type\":\"document\",\"source\":"
      "{\"type\":\"file\",\"file_id\":\"file_5\"}},{\"type\":\"tool_use\","
      "\"input\":{\"file_id\":\"mine\"}},{\"type\":\"tool_result\","
      "\"content\":[{\"source\":{\"file_id\":\"file_6\"}}]}]}],"
      "\"container\":\"c_1\"}",
      "f:file_5 f:file_6 o:c_1 " },
    { LLMP_SHAPE_GEMINI,
      "{\"contents\":[{\"parts\":[{\"fileData\":{\"fileUri\":\"https://x/1\"}},"
      "{\"file_data\":{\"file_uri\":\"https://x/2\"}},{\"functionCall\":"
      "{\"args\":{\"fileUri\":\"mine\"}}}]}],\"cachedContent\":\"cc/1\"}",
      "o:https://x/1 o:https://x/2 o:cc/1 " },
    { LLMP_SHAPE_ANY, "{\"input_file_id\":\"file-7\",\"endpoint\":\"/v1\"}",
      "i:file-7 " },
    /* written with escapes */
    { LLMP_SHAPE_RESPONSES,
      "{\"previous\\u005fresponse\\u005fid\":\"resp_\\u0033\"}",
      "r:resp_\\u0033 " },
    { LLMP_SHAPE_CHAT,
      "{\"a\":{\"\\u0066\\u0069\\u006c\\u0065\\u005f\\u0069\\u0064\":\"f8\"}}",
      "f:f8 " },
    /* not a string, not a name */
    { LLMP_SHAPE_CHAT, "{\"file_id\":1,\"x\":\"file_id\",\"y\":[\"file_id\"]}",
      "" },
    { LLMP_SHAPE_CHAT, "{\"file_ids\":[],\"z\":\"n\"}", "" },
    { LLMP_SHAPE_CHAT, "{\"file_ids\":[1,\"f9\",null],\"z\":\"n\"}", "f:f9 " },
    { LLMP_SHAPE_EMBEDDINGS, "{\"input\":\"x\",\"model\":\"m\"}", "" },
};

static void read(size_t i, size_t piece, char *out, size_t room)
{
    struct llmp_request_reader reader;
    struct llmp_str body = llmp_str_of(cases[i].body);
    size_t used = 0;

    llmp_request_init(&reader, cases[i].shape, 32);
    for (size_t at = 0; at < body.len; at += piece) {
        size_t len = body.len - at < piece ? body.len - at : piece;
        int rc =
            llmp_request_feed(&reader, (struct llmp_str){ body.ptr + at, len },
                              at + len == body.len, NULL);

        assert_true(rc == LLMP_AGAIN || rc == LLMP_END);
    }
    out[0] = '\0';
    for (size_t k = 0; k < reader.refs.count; k++) {
        const struct llmp_ref *ref = &reader.refs.items[k];

        assert_int_equal(body.ptr[ref->offset], '"');
        used += (size_t)snprintf(out + used, room - used, "%c:%.*s ",
                                 "-firo"[ref->kind], (int)ref -> size - 2,
                                 body.ptr + ref->offset + 1);
    }
    llmp_request_fini(&reader);
}

static void ids_are_noted(void **state)
{
    static const size_t pieces[] = { 4096, 1, 7 };
    char seen[512];
    (void)state;

    for (size_t i = 0; i < LLMP_COUNT(cases); i++)
        for (size_t p = 0; p < LLMP_COUNT(pieces); p++) {
            read(i, pieces[p], seen, sizeof(seen));
            if (strcmp(seen, cases[i].refs) != 0)
                fail_msg("%s\ngives '%s', not '%s'", cases[i].body, seen,
                         cases[i].refs);
        }
}

static void too_many_are_said_to_be(void **state)
{
    struct llmp_request_reader reader;
    char body[1024] = "{\"file_ids\":[\"f\"";
    (void)state;

    for (int i = 1; i < LLMP_REFS_MAX; i++)
        strcat(body, ",\"f\"");
    for (int more = 0; more < 2; more++) {
        size_t len = strlen(body);

        strcat(body, "]}");
        llmp_request_init(&reader, LLMP_SHAPE_CHAT, 32);
        assert_int_equal(
            llmp_request_feed(&reader, llmp_str_of(body), true, NULL),
            LLMP_END);
        assert_int_equal(reader.refs.count, LLMP_REFS_MAX);
        assert_int_equal(reader.refs.too_many, more);
        llmp_request_fini(&reader);
        body[len] = '\0';
        strcat(body, ",\"f\"");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_noted),
        cmocka_unit_test(too_many_are_said_to_be),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
