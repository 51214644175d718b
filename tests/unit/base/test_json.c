/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the reader gives the same tokens however a document is cut into
 * pieces, refuses what it must, and says where; picks find what they name.
 * Method: tokens are written out as text and compared; every document is read
 * whole, cut in two at every place, and byte by byte; memory fails at every
 * request in turn; JSONTestSuite decides what is JSON where it is present.
 */
#include <dirent.h>
#include <inttypes.h>
#include <llmproxy/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/json_keys.h"
#include "base/str.h"
#include "faulty_heap.h"

static const char *const type_names[] = {
    [LLMP_JSON_NULL] = "null",     [LLMP_JSON_FALSE] = "false",
    [LLMP_JSON_TRUE] = "true",     [LLMP_JSON_NUMBER] = "number",
    [LLMP_JSON_STRING] = "string", [LLMP_JSON_KEY] = "key",
    [LLMP_JSON_OBJECT] = "{",      [LLMP_JSON_OBJECT_END] = "}",
    [LLMP_JSON_ARRAY] = "[",       [LLMP_JSON_ARRAY_END] = "]",
};

static void write_token(struct llmp_buf *out, const struct llmp_json_token *t,
                        struct llmp_str document)
{
    assert_true(t->offset + t->size <= document.len);
    llmp_buf_printf(out, "%s %u +%" PRIu64 " %" PRIu64 "%s ",
                    type_names[t->type], t->depth, t->offset, t->size,
                    t->escaped ? " escaped" : "");
    if (t->cut) {
        assert_int_equal(t->text.len, 0);
        assert_true(t->size > LLMP_JSON_CARRY_MAX);
    } else {
        bool quoted = t->type == LLMP_JSON_STRING || t->type == LLMP_JSON_KEY;
        struct llmp_str raw = { document.ptr + t->offset + quoted,
                                (size_t)t->size - 2 * quoted };

        assert_true(llmp_str_eq(raw, t->text));
    }
    llmp_buf_add(out, LLMP_STR("\n"));
}

/* Reads `document` in pieces that end at `cuts` and at its end; each piece is
 * a block of its own, so that a sanitizer sees whoever leaves it. */
static int read_pieces(struct llmp_buf *out, struct llmp_str document,
                       const size_t *cuts, size_t cut_count)
{
    struct llmp_json reader;
    struct llmp_json_token token;
    struct llmp_error err;
    size_t at = 0;
    int rc = LLMP_AGAIN;

    llmp_json_init(&reader, 0);
    for (size_t i = 0; i <= cut_count && rc == LLMP_AGAIN; i++) {
        size_t end = i < cut_count ? cuts[i] : document.len;
        char *piece = malloc(end - at + 1);

        memcpy(piece, document.ptr + at, end - at);
        piece[end - at] = '"'; /* must not be read */
        llmp_json_feed(&reader, (struct llmp_str){ piece, end - at },
                       i == cut_count);
        while ((rc = llmp_json_next(&reader, &token, &err)) == LLMP_OK)
            write_token(out, &token, document);
        free(piece);
        at = end;
    }
    if (rc < 0) {
        assert_int_equal(err.status, rc);
        llmp_buf_printf(out, "%s", err.message);
        assert_int_equal(llmp_json_next(&reader, &token, &err), rc);
    }
    llmp_json_fini(&reader);
    assert_int_not_equal(rc, LLMP_AGAIN);
    return rc;
}

static int read_whole(struct llmp_buf *out, struct llmp_str document)
{
    return read_pieces(out, document, NULL, 0);
}

static void assert_same_text(const struct llmp_buf *a, const struct llmp_buf *b)
{
    if (!llmp_str_eq(llmp_buf_str(a), llmp_buf_str(b)))
        fail_msg("tokens differ:\n%.*s\n-- and --\n%.*s", (int)a->len, a->ptr,
                 (int)b->len, b->ptr);
}

/* Every cut in two, and one byte a piece, give what the whole gives. */
static int check_cuts(struct llmp_str document)
{
    struct llmp_buf whole = { 0 }, pieces = { 0 };
    int rc = read_whole(&whole, document);

    for (size_t cut = 0; cut <= document.len; cut++) {
        pieces.len = 0;
        assert_int_equal(read_pieces(&pieces, document, &cut, 1), rc);
        assert_same_text(&whole, &pieces);
    }

    size_t *cuts = calloc(document.len + 1, sizeof(*cuts));

    for (size_t i = 0; i < document.len; i++)
        cuts[i] = i + 1;
    pieces.len = 0;
    assert_int_equal(read_pieces(&pieces, document, cuts, document.len), rc);
    assert_same_text(&whole, &pieces);
    free(cuts);
    llmp_buf_fini(&whole);
    llmp_buf_fini(&pieces);
    return rc;
}

static void gives_tokens_with_places(void **state)
{
    (void)state;
    struct llmp_buf out = { 0 };
    static const char expected[] = "{ 0 +0 1 \n"
                                   "key 1 +1 3 \n"
                                   "[ 1 +5 1 \n"
                                   "number 2 +6 5 \n"
                                   "null 2 +13 4 \n"
                                   "] 1 +17 1 \n"
                                   "key 1 +19 4 escaped \n"
                                   "string 1 +25 2 \n"
                                   "} 0 +28 1 \n";

    assert_int_equal(
        read_whole(&out, LLMP_STR("{\"a\":[-1e+2, null],\"\\n\": \"\" }")),
        LLMP_END);
    llmp_buf_add(&out, (struct llmp_str){ "", 1 });
    assert_string_equal(out.ptr, expected);
    llmp_buf_fini(&out);
}

#define TEN     "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN
#define LONG    HUNDRED HUNDRED HUNDRED

static const char *const good_documents[] = {
    "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi "
    "\\u00e9\\uD83D\\uDE00\\n\"},{\"role\":\"assistant\",\"content\":null}],"
    "\"temperature\":0.7e-1,\"stream\":true,\"n\":12,\"stop\":[],\"x\":{}}",
    " [ 0 , -0.0 , 1E5 , 1e+5 , -12.5e-10 , true , false , null ] \r\n\t",
    "\"\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80 \xED\x9F\xBF \xEE\x80\x80 "
    "\xF4\x8F\xBF\xBF \x7F\"",
    "[\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uD800\\uDC00\\uDC00x\\uD800\"]",
    "7",
    "-0",
    "0",
    "1.5",
    "true",
    "\"\"",
    "[[[]]]",
    "{}",
    "{\"\":1,\"a\":{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]}},\"b\":\"\"}",
    "[\"" LONG "\",{\"" LONG "\":1,\"" LONG "x\":2},1" LONG "." LONG "]",
};

static void every_cut_gives_the_same(void **state)
{
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(good_documents); i++) {
        print_message("# document %zu\n", i);
        assert_int_equal(check_cuts(llmp_str_of(good_documents[i])), LLMP_END);
    }
}

static void refuses_and_names_the_place(void **state)
{
    (void)state;
    static const struct {
        const char *document, *message;
    } steps[] = {
        { "", "the text ends too early at byte 0" },
        { " ", "the text ends too early at byte 1" },
        { "\xEF\xBB\xBF{}", "a byte order mark is not allowed at byte 0" },
        { "{\"a\":1", "the text ends too early at byte 6" },
        { "[1}", "expected ',' or ']' at byte 2" },
        { "{\"a\":1]", "expected ',' or '}' at byte 6" },
        { "[1,]", "expected a value at byte 3" },
        { "[,", "expected a value or ']' at byte 1" },
        { "{\"a\":1,}", "expected a key at byte 7" },
        { "{1", "expected a key or '}' at byte 1" },
        { "{\"a\" 1", "expected ':' at byte 5" },
        { "{\"a\"}", "expected ':' at byte 4" },
        { "{\"a\":}", "expected a value at byte 5" },
        { "]", "expected a value at byte 0" },
        { "1 2", "unexpected text behind the document at byte 2" },
        { "{}}", "unexpected text behind the document at byte 2" },
        { "\"a", "the text ends inside a string at byte 2" },
        { "\"\n\"", "a control character in a string at byte 1" },
        { "\"\\x\"", "an unknown escape at byte 2" },
        { "\"\\u12g4\"", "\\u without four hexadecimal digits at byte 5" },
        { "\"\\u12\"", "\\u without four hexadecimal digits at byte 5" },
        { "nul", "expected null, true or false at byte 3" },
        { "nulL", "expected null, true or false at byte 3" },
        { "True", "expected a value at byte 0" },
        { "-", "expected a digit at byte 1" },
        { "1.e", "expected a digit at byte 2" },
        { "1e+]", "expected a digit at byte 3" },
        { "[01]", "a number with a leading zero at byte 2" },
        { "[-01]", "a number with a leading zero at byte 3" },
        { "\"\xC0\x80\"", "invalid UTF-8 at byte 1" },
        { "\"a\x80\"", "invalid UTF-8 at byte 2" },
        { "\"\xE0\x9F\xBF\"", "invalid UTF-8 at byte 2" },
        { "\"\xED\xA0\x80\"", "invalid UTF-8 at byte 2" },
        { "\"\xF0\x8F\xBF\xBF\"", "invalid UTF-8 at byte 2" },
        { "\"\xF4\x90\x80\x80\"", "invalid UTF-8 at byte 2" },
        { "\"\xF5\x80\x80\x80\"", "invalid UTF-8 at byte 1" },
        { "\"\xE2\x82\"", "invalid UTF-8 at byte 3" },
        { "\"\xE2\x82", "the text ends inside a string at byte 3" },
        { "{\"a\":1,\"b\":2,\"a\":3}", "a key twice in one object at byte 13" },
        { "{\"a\":1,\"\\u0061\":3}", "a key twice in one object at byte 7" },
        { "{\"\":1,\"\":3}", "a key twice in one object at byte 6" },
        { "{\"\\uD83D\\uDE00\":1,\"\xF0\x9F\x98\x80\":3}",
          "a key twice in one object at byte 18" },
        { "{\"abcdefgh\\n\":1,\"abcdefg\\u0068\\u000a\":3}",
          "a key twice in one object at byte 16" },
        { "{\"\\ud800\":1,\"\\ufffd\":3}",
          "a key twice in one object at byte 12" },
        { "{\"\\ud800x\":1,\"\\ud801x\":3}",
          "a key twice in one object at byte 13" },
        { "{\"" LONG "\":1,\"" LONG "\":3}",
          "a key twice in one object at byte 306" },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        struct llmp_str document = llmp_str_of(steps[i].document);
        struct llmp_json_field field = { .path = "x" };
        struct llmp_error err;

        print_message("# step %zu\n", i);
        assert_int_equal(check_cuts(document), LLMP_E_SYNTAX);
        assert_int_equal(llmp_json_pick_all(document, &field, 1, &err),
                         LLMP_E_SYNTAX);
        assert_string_equal(err.message, steps[i].message);
        assert_true(strtoul(strrchr(err.message, ' '), NULL, 10) + 1 ==
                    err.column);
    }
}

static void keys_of_different_objects_may_be_equal(void **state)
{
    (void)state;
    assert_int_equal(
        check_cuts(LLMP_STR("[{\"a\":{\"a\":1,\"b\":2},\"b\":{\"a\":1}},"
                            "{\"a\":1,\"A\":2,\"a \":3,\"a\\u0000\":4}]")),
        LLMP_END);
    /* A lone surrogate counts, before text, an escape and the end. */
    assert_int_equal(
        check_cuts(LLMP_STR("{\"\\ud800x\":1,\"x\":2,\"\\ud800\\n\":3,"
                            "\"\\n\":4,\"\\ud800\":5,\"\":6,"
                            "\"\\ud800\\ud800\":7,\"x\\ud800\":8}")),
        LLMP_END);
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    char text[2 * LLMP_JSON_DEPTH_MAX + 2];

    for (uint32_t max = 1; max <= LLMP_JSON_DEPTH_MAX; max++)
        for (uint32_t depth = max; depth <= max + 1; depth++) {
            struct llmp_json reader;
            struct llmp_json_token token;
            struct llmp_error err;
            int rc;

            memset(text, '[', depth);
            memset(text + depth, ']', depth);
            llmp_json_init(&reader, max);
            llmp_json_feed(&reader, (struct llmp_str){ text, 2 * depth }, true);
            while ((rc = llmp_json_next(&reader, &token, &err)) == LLMP_OK)
                ;
            assert_int_equal(rc, depth > max ? LLMP_E_LIMIT : LLMP_END);
            assert_true(rc == LLMP_END || err.column == max + 1);
            llmp_json_fini(&reader);
        }
}

/* An object of `count` members, of which member `twin` has the name of
 * member 1. */
static void write_object(struct llmp_buf *out, int count, int twin)
{
    llmp_buf_add(out, LLMP_STR("{"));
    for (int i = 0; i < count; i++)
        llmp_buf_printf(out, "%s\"key %d\":%d", i ? "," : "", i == twin ? 1 : i,
                        i);
    llmp_buf_add(out, LLMP_STR("}"));
}

static void duplicates_are_found_at_every_size(void **state)
{
    (void)state;
    static const int counts[] = { 2,  3,  15, 16, 17,   31,   32,
                                  33, 34, 64, 65, 1000, 4095, 4096 };

    for (size_t i = 0; i < LLMP_COUNT(counts); i++)
        for (int twin = 0; twin < counts[i]; twin += 1 + counts[i] / 7) {
            struct llmp_buf text = { 0 }, out = { 0 };

            write_object(&text, counts[i], twin);
            assert_int_equal(read_whole(&out, llmp_buf_str(&text)),
                             twin == 1 ? LLMP_END : LLMP_E_SYNTAX);
            llmp_buf_fini(&text);
            llmp_buf_fini(&out);
        }
}

static void members_have_a_limit(void **state)
{
    (void)state;
    struct llmp_buf text = { 0 }, out = { 0 };

    write_object(&text, LLMP_JSON_MEMBERS_MAX, -1);
    assert_int_equal(read_whole(&out, llmp_buf_str(&text)), LLMP_END);
    text.len = 0;
    write_object(&text, LLMP_JSON_MEMBERS_MAX + 1, -1);
    assert_int_equal(read_whole(&out, llmp_buf_str(&text)), LLMP_E_LIMIT);
    llmp_buf_fini(&text);
    llmp_buf_fini(&out);
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    struct llmp_buf text = { 0 };

    write_object(&text, 1000, -1);
    for (int n = 0;; n++) {
        struct llmp_json_field field = { .path = "key 999" };
        struct llmp_error err;

        faulty_heap_arm(n);
        int rc = llmp_json_pick_all(llmp_buf_str(&text), &field, 1, &err);

        assert_int_equal(faulty_heap_live(), 0);
        faulty_heap_off();
        if (rc == LLMP_OK) {
            assert_true(field.found && n > 0);
            break;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_int_equal(err.status, rc);
        assert_true(err.retryable);
        assert_false(field.found);
    }
    llmp_buf_fini(&text);
}

static void misuse_is_an_error_not_a_crash(void **state)
{
    (void)state;
    struct llmp_json reader;
    struct llmp_json_token token;

    llmp_json_init(&reader, 0);
    assert_int_equal(llmp_json_next(&reader, &token, NULL), LLMP_AGAIN);
    llmp_json_feed(&reader, LLMP_STR("[1"), false);
    llmp_json_feed(&reader, LLMP_STR("]"), true); /* "[1" was not read */
    assert_int_equal(llmp_json_next(&reader, &token, NULL), LLMP_E_STATE);
    llmp_json_fini(&reader);
    llmp_json_fini(NULL);
}

static void asking_again_changes_nothing(void **state)
{
    (void)state;
    struct llmp_json reader;
    struct llmp_json_token token;

    llmp_json_init(&reader, 0);
    llmp_json_feed(&reader, LLMP_STR("\"ab"), false);
    for (int i = 0; i < 3; i++)
        assert_int_equal(llmp_json_next(&reader, &token, NULL), LLMP_AGAIN);
    llmp_json_feed(&reader, LLMP_STR(""), false);
    assert_int_equal(llmp_json_next(&reader, &token, NULL), LLMP_AGAIN);
    llmp_json_feed(&reader, LLMP_STR("c\""), true);
    assert_int_equal(llmp_json_next(&reader, &token, NULL), LLMP_OK);
    assert_true(llmp_str_eq(token.text, LLMP_STR("abc")));
    for (int i = 0; i < 3; i++)
        assert_int_equal(llmp_json_next(&reader, &token, NULL), LLMP_END);
    llmp_json_fini(&reader);
}

static void unescapes_in_place(void **state)
{
    (void)state;
    static const struct {
        const char *raw, *text;
    } steps[] = {
        { "", "" },
        { "plain", "plain" },
        { "a\\nb\\\\\\\"\\/\\b\\f\\r\\t", "a\nb\\\"/\b\f\r\t" },
        { "\\u0041\\u00e9\\u20AC", "A\xC3\xA9\xE2\x82\xAC" },
        { "\\uD83D\\uDE00!", "\xF0\x9F\x98\x80!" },
        { "\\uD83Dx", "\xEF\xBF\xBDx" },
        { "\\uDE00\\uD83D", "\xEF\xBF\xBD\xEF\xBF\xBD" },
        { "\\uD83D\\u0041", "\xEF\xBF\xBD"
                            "A" },
        { "\\", "\\" },
        { "\\u12", "\\u12" },
        { "\\q", "\\q" },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        struct llmp_str raw = llmp_str_of(steps[i].raw);
        char *room = malloc(raw.len + 1);

        memcpy(room, raw.ptr, raw.len);

        size_t len =
            llmp_json_unescape(room, (struct llmp_str){ room, raw.len });

        assert_true(llmp_str_eq((struct llmp_str){ room, len },
                                llmp_str_of(steps[i].text)));
        free(room);
    }
}

static void reads_integers_exactly(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
        uint64_t value;
    } steps[] = {
        { "0", LLMP_OK, 0 },
        { "12", LLMP_OK, 12 },
        { "1e3", LLMP_OK, 1000 },
        { "12.0", LLMP_OK, 12 },
        { "1.5e1", LLMP_OK, 15 },
        { "1500e-2", LLMP_OK, 15 },
        { "0e999999999999", LLMP_OK, 0 },
        { "0.0000000000000000000000001e25", LLMP_OK, 1 },
        { "10.000000000000000000000000", LLMP_OK, 10 },
        { "9007199254740993", LLMP_OK, UINT64_C(9007199254740993) },
        { "18446744073709551615", LLMP_OK, UINT64_MAX },
        { "184467440737095516150000e-4", LLMP_OK, UINT64_MAX },
        { "18446744073709551616", LLMP_E_TYPE, 0 },
        { "1e20", LLMP_E_TYPE, 0 },
        { "1e999999999999999999999", LLMP_E_TYPE, 0 },
        { "1e-999999999999999999999", LLMP_E_TYPE, 0 },
        { "-1", LLMP_E_TYPE, 0 },
        { "1.5", LLMP_E_TYPE, 0 },
        { "1e-1", LLMP_E_TYPE, 0 },
        { "", LLMP_E_TYPE, 0 },
        { "1x", LLMP_E_TYPE, 0 },
        { "x", LLMP_E_TYPE, 0 },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        uint64_t value = 77;

        print_message("# step %zu\n", i);
        assert_int_equal(llmp_json_u64(llmp_str_of(steps[i].text), &value),
                         steps[i].rc);
        assert_true(value == (steps[i].rc ? 77 : steps[i].value));
    }
}

static void picks_by_path(void **state)
{
    (void)state;
    static const char document[] =
        "{\"usage\":{\"prompt_tokens\":7,\"details\":{\"cached\":3}},"
        "\"x\":{\"usage\":{\"prompt_tokens\":9}},\"m\\u006fdel\":\"g\\n\","
        "\"choices\":[{\"i\":0},{\"delta\":{\"content\":\"a\"}},"
        "{\"delta\":{\"content\":\"b\"}}],\"stream\":true,\"list\":[1,[2]],"
        "\"[]\":5}";
    struct llmp_json_field f[] = {
        { .path = "usage.prompt_tokens" },
        { .path = "model" },
        { .path = "choices.[].delta.content" },
        { .path = "usage" },
        { .path = "stream" },
        { .path = "stream.x" },
        { .path = "list.[].[]" },
        { .path = "" },
        { .path = "choices.i" },
        { .path = "usage.[]" },
        { .path = "prompt_tokens" },
        { .path = "list.[]" },
    };
    static const char *const texts[] = {
        "7",
        "\"g\\n\"",
        "\"a\"",
        "{\"prompt_tokens\":7,\"details\":"
        "{\"cached\":3}}",
        "true",
        NULL,
        "2",
        document,
        NULL,
        NULL,
        NULL,
        "1",
    };

    assert_int_equal(
        llmp_json_pick_all(llmp_str_of(document), f, LLMP_COUNT(f), NULL),
        LLMP_OK);
    for (size_t i = 0; i < LLMP_COUNT(f); i++) {
        print_message("# %s\n", f[i].path);
        assert_int_equal(f[i].found, texts[i] != NULL);
        if (texts[i])
            assert_true(llmp_str_eq(
                (struct llmp_str){ document + f[i].offset, (size_t)f[i].size },
                llmp_str_of(texts[i])));
    }
    assert_true(f[1].escaped);
    assert_true(llmp_str_eq(f[1].text, LLMP_STR("g\\n")));
}

/* A path that matched half-way is forgotten where that container ends. */
static void picks_step_back(void **state)
{
    (void)state;
    static const char document[] =
        "[{\"a\":{\"c\":1},\"x\":{\"b\":2},\"y\":[{\"b\":3}]},{\"b\":4},"
        "[{\"b\":5}],{\"a\":7},{\"a\":{\"b\":6}}]";
    struct llmp_json_field f[] = {
        { .path = "[].a.b" },
        { .path = "[].b" },
        { .path = "[].[].b" },
        { .path = "[].a.c.d" },
    };
    static const char *const texts[] = { "6", "4", "5", NULL };

    assert_int_equal(
        llmp_json_pick_all(llmp_str_of(document), f, LLMP_COUNT(f), NULL),
        LLMP_OK);
    for (size_t i = 0; i < LLMP_COUNT(f); i++) {
        print_message("# %s\n", f[i].path);
        assert_int_equal(f[i].found, texts[i] != NULL);
        if (texts[i])
            assert_true(llmp_str_eq(f[i].text, llmp_str_of(texts[i])));
    }
}

static void writes_strings(void **state)
{
    (void)state;
    struct llmp_buf buf = { 0 };

    assert_true(llmp_buf_json(
        &buf, LLMP_STR("a\"\\\b\f\n\r\t\x01\x1F\x7F/\0z\xC3\xA9\xFF\xED\xA0\x80"
                       "\xF0\x9F\x98\x80\xE2\x82")));
    assert_true(llmp_str_eq(
        llmp_buf_str(&buf),
        LLMP_STR("\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u001f\x7F/\\u0000z\xC3\xA9"
                 "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"
                 "\xF0\x9F\x98\x80\xEF\xBF\xBD\xEF\xBF\xBD\"")));
    llmp_buf_fini(&buf);
    buf.limit = 4;
    assert_false(llmp_buf_json(&buf, LLMP_STR("abcdef")));
    assert_true(buf.failed);
    llmp_buf_fini(&buf);
}

static struct llmp_buf read_file(const char *folder, const char *name)
{
    struct llmp_buf path = { 0 }, text = { 0 };

    llmp_buf_printf(&path, "%s/%s", folder, name);

    FILE *file = fopen(path.ptr, "rb");

    assert_non_null(file);
    for (size_t got = 1; got;) {
        assert_true(llmp_buf_reserve(&text, 4096));
        got = fread(text.ptr + text.len, 1, 4096, file);
        text.len += got;
    }
    fclose(file);
    llmp_buf_fini(&path);
    return text;
}

/* The suite's y_ files must parse, n_ must not, i_ may do either. One y_ file
 * each has a duplicate key: refused here on purpose. */
static void check_suite_file(const char *folder, const char *name)
{
    struct llmp_buf text = read_file(folder, name), out = { 0 };
    int rc = text.len < 2000 ? check_cuts(llmp_buf_str(&text))
                             : read_whole(&out, llmp_buf_str(&text));
    bool twin = strstr(name, "duplicated_key") != NULL;

    if (name[0] == 'y' && rc != (twin ? LLMP_E_SYNTAX : LLMP_END))
        fail_msg("%s was refused", name);
    if (name[0] == 'n' && rc == LLMP_END)
        fail_msg("%s was accepted", name);
    llmp_buf_fini(&text);
    llmp_buf_fini(&out);
}

static void agrees_with_jsontestsuite(void **state)
{
    (void)state;
    const char *vectors = getenv("LLMP_TEST_VECTORS");
    char folder[4096];
    int count = 0;

    (void)snprintf(folder, sizeof(folder), "%s/jsontestsuite",
                   vectors ? vectors : ".");

    DIR *dir = opendir(folder);

    if (!dir) {
        /* cmocka's skip() counts as a failure in TAP. */
        print_message("# skipped: JSONTestSuite is not here\n");
        return;
    }
    for (struct dirent *entry; (entry = readdir(dir));)
        if (strstr(entry->d_name, ".json")) {
            check_suite_file(folder, entry->d_name);
            count++;
        }
    closedir(dir);
    print_message("# %d files\n", count);
    assert_true(count > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_tokens_with_places),
        cmocka_unit_test(every_cut_gives_the_same),
        cmocka_unit_test(refuses_and_names_the_place),
        cmocka_unit_test(keys_of_different_objects_may_be_equal),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(duplicates_are_found_at_every_size),
        cmocka_unit_test(members_have_a_limit),
        cmocka_unit_test(survives_every_allocation_failure),
        cmocka_unit_test(misuse_is_an_error_not_a_crash),
        cmocka_unit_test(asking_again_changes_nothing),
        cmocka_unit_test(unescapes_in_place),
        cmocka_unit_test(reads_integers_exactly),
        cmocka_unit_test(picks_by_path),
        cmocka_unit_test(picks_step_back),
        cmocka_unit_test(writes_strings),
        cmocka_unit_test(agrees_with_jsontestsuite),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
