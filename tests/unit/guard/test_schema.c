/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a document conforms to a schema exactly if the drafts say so; neither a
 * schema nor a document can take long.
 * Method: the JSON Schema Test Suite, draft 7, where it is installed; schemas
 * by hand, and ones that are made to take long.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <llmproxy/guardrail.h>

#include "base/internal.h"
#include "base/str.h"
#include "guard/schema.h"
#include "policy_fixture.h"

#define SUITE "/usr/share/json-schema-test-suite/tests/draft7"

static const struct llmp_json_value *tree(struct llmp_arena *arena,
                                          const char *text)
{
    const struct llmp_json_value *root;

    assert_int_equal(llmp_json_tree(&root, llmp_str_of(text), 0, arena, NULL),
                     LLMP_OK);
    return root;
}

static int check(const char *schema, const char *value)
{
    const struct llmp_json_value *wrong;
    struct llmp_arena arena;
    int rc;

    llmp_arena_init(&arena, 4096);
    rc = llmp_schema_check(tree(&arena, schema), tree(&arena, value), &wrong);
    assert_int_equal(wrong != NULL, rc == LLMP_MISS);
    llmp_arena_fini(&arena);
    return rc;
}

/* ---- the suite ------------------------------------------------------------
 */

/* What needs other documents, or names of places ("$id"): a reference is
 * refused there, never passed over. */
static bool is_elsewhere(const char *file)
{
    static const char *const files[] = { "refRemote.json", "definitions.json" };

    for (size_t i = 0; i < LLMP_COUNT(files); i++)
        if (strcmp(file, files[i]) == 0)
            return true;
    return false;
}

struct tally {
    unsigned good, bad, refused;
};

static void run_group(const char *file, const struct llmp_json_value *group,
                      struct tally *tally)
{
    const struct llmp_json_value *schema =
        llmp_json_get(group, LLMP_STR("schema"));
    const struct llmp_json_value *tests =
        llmp_json_get(group, LLMP_STR("tests"));

    for (const struct llmp_json_value *t = tests->first; t; t = t->next) {
        const struct llmp_json_value *valid =
            llmp_json_get(t, LLMP_STR("valid"));
        const struct llmp_json_value *data = t->first, *wrong;
        int rc, want = valid->type == LLMP_JSON_TRUE ? LLMP_OK : LLMP_MISS;

        while (!llmp_str_eq(data->key, LLMP_STR("data")))
            data = data->next;
        /* What stands beside "$ref" counts since draft 2019-09. */
        if (llmp_json_text_is(llmp_json_get(t, LLMP_STR("description")),
                              LLMP_STR("ref valid, maxItems ignored")))
            want = LLMP_MISS;
        rc = llmp_schema_check(schema, data, &wrong);
        if (rc == LLMP_E_UNSUPPORTED) {
            tally->refused++;
        } else if (rc == want) {
            tally->good++;
        } else {
            struct llmp_str what =
                llmp_json_text(llmp_json_get(t, LLMP_STR("description")));

            print_error("%s: %.*s: %d, not %d\n", file, (int)what.len, what.ptr,
                        rc, want);
            tally->bad++;
        }
    }
}

static void run_file(const char *file, struct tally *tally)
{
    static char text[1 << 18];
    char path[512];
    struct llmp_arena arena;
    size_t len;
    FILE *in;

    (void)snprintf(path, sizeof(path), "%s/%s", SUITE, file);
    in = fopen(path, "rb");
    assert_non_null(in);
    len = fread(text, 1, sizeof(text) - 1, in);
    (void)fclose(in);
    text[len] = '\0';
    llmp_arena_init(&arena, 65536);
    for (const struct llmp_json_value *group = tree(&arena, text)->first; group;
         group = group->next)
        run_group(file, group, tally);
    llmp_arena_fini(&arena);
}

static void test_the_suite(void **state)
{
    struct tally tally = { 0, 0, 0 };
    struct dirent *entry;
    DIR *folder = opendir(SUITE);

    (void)state;
    if (!folder) {
        print_message("# not installed: " SUITE "\n");
        skip();
    }
    while ((entry = readdir(folder)))
        if (strstr(entry->d_name, ".json") && !is_elsewhere(entry->d_name))
            run_file(entry->d_name, &tally);
    (void)closedir(folder);
    print_message("# %u as the suite says, %u refused\n", tally.good,
                  tally.refused);
    assert_int_equal(tally.bad, 0);
    assert_true(tally.good > 380);
    assert_true(tally.refused < 20);
}

/* ---- by hand ---------------------------------------------------------------
 */

static void test_structured_output(void **state)
{
    (void)state;
    static const char schema[] =
        "{\"type\":\"object\",\"properties\":{\"kind\":{\"enum\":[\"a\",\"b\"]}"
        ","
        "\"next\":{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]},"
        "\"n\":{\"$ref\":\"#/$defs/small%20one\"}},\"required\":[\"kind\","
        "\"next\"],\"additionalProperties\":false,\"$defs\":{\"small one\":"
        "{\"type\":\"integer\",\"maximum\":9}}}";

    assert_int_equal(check(schema, "{\"kind\":\"\\u0061\",\"next\":{\"kind\":"
                                   "\"b\",\"next\":null,\"n\":9.0}}"),
                     LLMP_OK);
    assert_int_equal(
        check(schema, "{\"kind\":\"a\",\"next\":{\"kind\":\"b\"}}"), LLMP_MISS);
    assert_int_equal(check(schema, "{\"kind\":\"c\",\"next\":null}"),
                     LLMP_MISS);
    assert_int_equal(check(schema, "{\"kind\":\"a\",\"next\":null,\"n\":10}"),
                     LLMP_MISS);
    assert_int_equal(check(schema, "{\"kind\":\"a\",\"next\":null,\"x\":1}"),
                     LLMP_MISS);
    /* Google's */
    assert_int_equal(check("{\"type\":\"STRING\",\"nullable\":true}", "null"),
                     LLMP_OK);
    assert_int_equal(check("{\"type\":\"STRING\"}", "null"), LLMP_MISS);
    assert_int_equal(check("{\"prefixItems\":[{\"type\":\"string\"}],\"items\":"
                           "{\"type\":\"number\"}}",
                           "[\"a\",1,\"b\"]"),
                     LLMP_MISS);
}

static void test_what_cannot_be_known(void **state)
{
    (void)state;
    assert_int_equal(check("{\"$ref\":\"http://a/b\"}", "1"),
                     LLMP_E_UNSUPPORTED);
    assert_int_equal(check("{\"$ref\":\"#/nowhere\"}", "1"),
                     LLMP_E_UNSUPPORTED);
    assert_int_equal(check("{\"$ref\":\"#name\"}", "1"), LLMP_E_UNSUPPORTED);
    assert_int_equal(check("{\"$ref\":\"#/a%\",\"a\":{}}", "1"),
                     LLMP_E_UNSUPPORTED);
    assert_int_equal(check("{\"$ref\":\"#\"}", "1"), LLMP_E_LIMIT);
}

static uint64_t milliseconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Text of `front`, `count` times `again`, `back`. */
static char *repeated(const char *front, const char *again, size_t count,
                      const char *back)
{
    size_t one = strlen(again), at = strlen(front);
    char *text = malloc(at + one * count + strlen(back) + 1);

    assert_non_null(text);
    memcpy(text, front, at);
    for (size_t i = 0; i < count; i++, at += one)
        memcpy(text + at, again, one);
    memcpy(text + at, back, strlen(back) + 1);
    return text;
}

static void test_nothing_takes_long(void **state)
{
    (void)state;
    char *many = repeated("[0", ",{}", 20000, "]");
    char *text = repeated("\"", "a\\n", 300000, "\"");
    char *letters = repeated("\"", "a", 50000, "!\"");
    char *any =
        repeated("{\"anyOf\":[false", ",{\"minLength\":9999999}", 2000, "]}");
    uint64_t begun = milliseconds();

    assert_int_equal(
        check("{\"allOf\":[{\"$ref\":\"#\"},{\"$ref\":\"#\"}]}", "1"),
        LLMP_E_LIMIT);
    assert_int_equal(check("{\"items\":{\"anyOf\":[{\"$ref\":\"#\"},"
                           "{\"$ref\":\"#\"},false]},\"type\":\"array\","
                           "\"maxItems\":1}",
                           "[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]"),
                     LLMP_E_LIMIT);
    assert_int_equal(check("{\"uniqueItems\":true}", many), LLMP_MISS);
    assert_int_equal(check(any, text), LLMP_E_LIMIT);
    assert_int_equal(check("{\"pattern\":\"^(a+)+$\"}", letters), LLMP_E_LIMIT);
    assert_true(milliseconds() - begun < 20000); /* also under valgrind */
    free(any);
    free(letters);
    free(text);
    free(many);
}

/* ---- a policy ---------------------------------------------------------- */

static void test_answers(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *kind;
        size_t begin, end;
    } cases[] = {
        { "{\"a\": \"x\"}", NULL, 0, 0 },
        { "{\"a\": \"xyz\"}", "schema.violation", 6, 11 },
        { " {}", "schema.violation", 1, 3 },
        { "Here it is: {}", "schema.no_json", 0, 14 },
    };
    const struct llmp_guard_stage stage = stage_of("schema", LLMP_GUARD_BLOCK);
    struct policy_fixture f;

    policy_begin(&f, &stage, 1);
    assert_null(llmp_guard_session_whole(f.session, LLMP_GUARD_OUTPUT));
    assert_int_equal(llmp_guard_session_expect(f.session, LLMP_STR("{"), NULL),
                     LLMP_E_SYNTAX);
    assert_int_equal(llmp_guard_session_expect(
                         f.session,
                         LLMP_STR("{\"required\":[\"a\"],\"properties\":{\"a\":"
                                  "{\"maxLength\":2}}}"),
                         NULL),
                     LLMP_OK);
    assert_string_equal(llmp_guard_session_whole(f.session, LLMP_GUARD_OUTPUT),
                        "schema");
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        (void)policy_scan(&f, LLMP_GUARD_OUTPUT, llmp_str_of(cases[i].answer));
        assert_int_equal(f.report.finding_count, cases[i].kind != NULL);
        if (!cases[i].kind)
            continue;
        assert_string_equal(f.report.findings[0].kind, cases[i].kind);
        assert_int_equal(f.report.findings[0].begin, cases[i].begin);
        assert_int_equal(f.report.findings[0].end, cases[i].end);
    }
    policy_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_suite),
        cmocka_unit_test(test_structured_output),
        cmocka_unit_test(test_what_cannot_be_known),
        cmocka_unit_test(test_nothing_takes_long),
        cmocka_unit_test(test_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
