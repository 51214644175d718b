/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a method and a path are the operation that the manual says, and no
 * path leads anywhere else, here or at a provider.
 * Method: a table of what is served, and tables of what is not.
 */
#include "gateway/operation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"

static const struct {
    const char *method, *path, *name;
    enum llmp_body_kind body;
    enum llmp_local local;
    bool model_required;
} served[] = {
    { "POST", "/v1/chat/completions", "chat", LLMP_BODY_JSON, LLMP_LOCAL_NO,
      true },
    { "POST", "/v1/completions", "completions", LLMP_BODY_JSON, LLMP_LOCAL_NO,
      true },
    { "POST", "/v1/embeddings", "embeddings", LLMP_BODY_JSON, LLMP_LOCAL_NO,
      true },
    { "POST", "/v1/responses", "responses", LLMP_BODY_JSON, LLMP_LOCAL_NO,
      true },
    { "POST", "/v1/images/generations", "images", LLMP_BODY_PASS, LLMP_LOCAL_NO,
      true },
    { "POST", "/v1/images/edits", "images", LLMP_BODY_PASS, LLMP_LOCAL_NO,
      true },
    { "POST", "/v1/audio/speech", "audio", LLMP_BODY_PASS, LLMP_LOCAL_NO,
      true },
    { "POST", "/v1/audio/transcriptions", "audio", LLMP_BODY_PASS,
      LLMP_LOCAL_NO, true },
    { "POST", "/v1/moderations", "moderations", LLMP_BODY_PASS, LLMP_LOCAL_NO,
      false },
    { "POST", "/v1/rerank", "rerank", LLMP_BODY_PASS, LLMP_LOCAL_NO, true },
    { "GET", "/v1/models", "models", LLMP_BODY_NONE, LLMP_LOCAL_MODELS, false },
    { "GET", "/v1/models/gpt-4o", "model", LLMP_BODY_NONE, LLMP_LOCAL_MODEL,
      false },
    { "GET", "/v1/models/ft:gpt-4o:org::id", "model", LLMP_BODY_NONE,
      LLMP_LOCAL_MODEL, false },
    { "GET", "/v1/models/org/name@1.0", "model", LLMP_BODY_NONE,
      LLMP_LOCAL_MODEL, false },
    { "GET", "/health/live", "live", LLMP_BODY_NONE, LLMP_LOCAL_LIVE, false },
    { "GET", "/health/ready", "ready", LLMP_BODY_NONE, LLMP_LOCAL_READY,
      false },
    { "GET", "/metrics", "metrics", LLMP_BODY_NONE, LLMP_LOCAL_METRICS, false },
};

static void every_surface_is_found(void **state)
{
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(served); i++) {
        const char *allowed = "untouched";
        const struct llmp_operation *op =
            llmp_operation_find(llmp_str_of(served[i].method),
                                llmp_str_of(served[i].path), &allowed);

        print_message("# %s\n", served[i].path);
        assert_non_null(op);
        assert_null(allowed);
        assert_true(llmp_str_eq(op->name, llmp_str_of(served[i].name)));
        assert_int_equal(op->body, served[i].body);
        assert_int_equal(op->local, served[i].local);
        assert_int_equal(op->model_required, served[i].model_required);
        /* What is held whole has a place of its own upstream, and a shape. */
        if (op->shape != LLMP_SHAPE_GEMINI &&
            op->shape != LLMP_SHAPE_GEMINI_OTHER) /* the face knows theirs */
            assert_int_equal(op->upstream.len > 0, op->body == LLMP_BODY_JSON);
        assert_int_equal(op->usage, op->body == LLMP_BODY_JSON);
        assert_int_equal(op->body == LLMP_BODY_JSON,
                         op->body != LLMP_BODY_NONE &&
                             op->shape != LLMP_SHAPE_ANY);
    }
}

static void other_methods_are_told_the_right_one(void **state)
{
    static const char *const methods[] = { "GET",    "POST",  "PUT",     "HEAD",
                                           "DELETE", "PATCH", "OPTIONS", "get",
                                           "POSTS",  "POS",   "" };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(served); i++)
        for (size_t k = 0; k < LLMP_COUNT(methods); k++) {
            const char *allowed = NULL;

            if (strcmp(methods[k], served[i].method) == 0 ||
                (strcmp(methods[k], "HEAD") == 0 && served[i].local))
                continue;
            assert_null(llmp_operation_find(llmp_str_of(methods[k]),
                                            llmp_str_of(served[i].path),
                                            &allowed));
            assert_string_equal(allowed, served[i].method);
        }
}

/* Paths that several methods have, and ids that lead nowhere else. */
static void objects_are_found_by_plain_ids(void **state)
{
    static const struct {
        const char *method, *path, *name;
        enum llmp_body_kind body;
        enum llmp_local local;
        enum llmp_object_use object;
    } found[] = {
        { "POST", "/v1/files", "files", LLMP_BODY_PASS, LLMP_LOCAL_NO,
          LLMP_OBJECT_FILE_MADE },
        { "GET", "/v1/files", "files", LLMP_BODY_NONE, LLMP_LOCAL_OBJECTS, 0 },
        { "GET", "/v1/files/file-1", "files", LLMP_BODY_NONE, LLMP_LOCAL_OBJECT,
          LLMP_OBJECT_USED },
        { "DELETE", "/v1/files/file-1", "files", LLMP_BODY_NONE,
          LLMP_LOCAL_OBJECT, LLMP_OBJECT_USED },
        { "GET", "/v1/files/file-1/content", "files", LLMP_BODY_NONE,
          LLMP_LOCAL_OBJECT, LLMP_OBJECT_USED },
        { "POST", "/v1/batches", "batches", LLMP_BODY_JSON, LLMP_LOCAL_NO,
          LLMP_OBJECT_BATCH_MADE },
        { "GET", "/v1/batches/batch_1", "batches", LLMP_BODY_NONE,
          LLMP_LOCAL_OBJECT, LLMP_OBJECT_BATCH_SHOWN },
        { "POST", "/v1/batches/batch_1/cancel", "batches", LLMP_BODY_NONE,
          LLMP_LOCAL_OBJECT, LLMP_OBJECT_USED },
        { "GET", "/v1/responses/resp_1", "responses", LLMP_BODY_NONE,
          LLMP_LOCAL_OBJECT, LLMP_OBJECT_USED },
        { "DELETE", "/v1/responses/resp_1", "responses", LLMP_BODY_NONE,
          LLMP_LOCAL_OBJECT, LLMP_OBJECT_USED },
        { "GET", "/v1/responses/resp_1/input_items", "responses",
          LLMP_BODY_NONE, LLMP_LOCAL_OBJECT, LLMP_OBJECT_USED },
        { "POST", "/v1/responses/resp_1/cancel", "responses", LLMP_BODY_NONE,
          LLMP_LOCAL_OBJECT, LLMP_OBJECT_USED },
    };
    static const char *const nowhere[] = {
        "/v1/files/",
        "/v1/files/a/b",
        "/v1/files/a/../b",
        "/v1/files/../b",
        "/v1/files/a%2fb",
        "/v1/files/a.b",
        "/v1/files/a/content/",
        "/v1/files//content",
        "/v1/files/a/b/content",
        "/v1/responses/a/b/cancel",
        "/v1/files/a?b",
    };
    const char *allowed;
    (void)state;

    for (size_t i = 0; i < LLMP_COUNT(found); i++) {
        const struct llmp_operation *op = llmp_operation_find(
            llmp_str_of(found[i].method), llmp_str_of(found[i].path), &allowed);

        print_message("# %s %s\n", found[i].method, found[i].path);
        assert_non_null(op);
        assert_true(llmp_str_eq(op->name, llmp_str_of(found[i].name)));
        assert_true(llmp_str_eq(op->method, llmp_str_of(found[i].method)));
        assert_int_equal(op->body, found[i].body);
        assert_int_equal(op->local, found[i].local);
        assert_int_equal(op->object, found[i].object);
    }
    for (size_t i = 0; i < LLMP_COUNT(nowhere); i++) {
        print_message("# %s\n", nowhere[i]);
        assert_null(llmp_operation_find(LLMP_STR("GET"),
                                        llmp_str_of(nowhere[i]), &allowed));
    }
}

static void other_paths_are_nothing(void **state)
{
    static const char *const paths[] = {
        "",
        "/",
        "/v1",
        "/v1/",
        "v1/chat/completions",
        "/V1/chat/completions",
        "/v1/chat/completions/",
        "/v1/chat/completions/x",
        "/v1/chat",
        "//v1/chat/completions",
        "/v1//chat/completions",
        "/v1/./chat/completions",
        "/v1/chat/completions?x",
        "/v1/images",
        "/v1/images/",
        "/v1/audio/",
        "/v1/models/",
        "/health",
        "/metrics/",
        "*",
        "http://host/v1/models",
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(paths); i++) {
        const char *allowed = "untouched";

        print_message("# %s\n", paths[i]);
        assert_null(llmp_operation_find(LLMP_STR("POST"), llmp_str_of(paths[i]),
                                        &allowed));
        assert_null(allowed);
    }
}

static void a_path_s_tail_stays_where_it_is(void **state)
{
    static const struct llmp_str bad[] = {
        { "", 0 },     { "..", 2 },   { "../files", 8 }, { "a/../files", 10 },
        { "a/..", 4 }, { "a..b", 4 }, { "%2e%2e/x", 8 }, { "a%2fb", 5 },
        { "a//b", 4 }, { "a\\b", 3 }, { "a b", 3 },      { "a?b", 3 },
        { "a#b", 3 },  { "a;b", 3 },  { "a&b", 3 },      { "a\r\nb", 4 },
        { "a\0b", 3 }, { "\0", 1 },   { "a\x7f", 2 },    { "\xC3\xA4", 2 },
        { "a*", 2 },   { "a=b", 3 },  { "edits\0", 6 },  { "a,b", 3 },
    };
    static const char *const good[] = {
        "edits", "a/b", "a.b", "a-b_c:d@e", "A9", ".", "a/",
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(bad); i++) {
        char path[64] = "/v1/images/";
        const char *allowed;

        print_message("# %zu\n", i);
        assert_false(llmp_operation_plain_tail(bad[i]));
        memcpy(path + 11, bad[i].ptr, bad[i].len);
        assert_null(llmp_operation_find(
            LLMP_STR("POST"), (struct llmp_str){ path, 11 + bad[i].len },
            &allowed));
        assert_null(allowed);
    }
    for (size_t i = 0; i < LLMP_COUNT(good); i++)
        assert_true(llmp_operation_plain_tail(llmp_str_of(good[i])));
}

/* Each byte alone: nothing but letters, digits and a few marks. */
static void no_other_byte_is_plain(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        const char byte = (char)c;
        bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                     (c >= 'A' && c <= 'Z') ||
                     (c != 0 && strchr("/-_.:@", c) != NULL);

        if (c == '/')
            continue; /* never first */
        assert_int_equal(
            llmp_operation_plain_tail((struct llmp_str){ &byte, 1 }), plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_surface_is_found),
        cmocka_unit_test(other_methods_are_told_the_right_one),
        cmocka_unit_test(objects_are_found_by_plain_ids),
        cmocka_unit_test(other_paths_are_nothing),
        cmocka_unit_test(a_path_s_tail_stays_where_it_is),
        cmocka_unit_test(no_other_byte_is_plain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
