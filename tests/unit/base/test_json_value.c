/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: two values are the same if they say the same, however they are written;
 * a pointer leads where RFC 6901 says, and nowhere else.
 * Method: numbers, values and pointers by hand; RFC 6901's own examples.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/json_value.h"
#include "base/str.h"

static const struct llmp_json_value *tree(struct llmp_arena *arena,
                                          const char *text)
{
    const struct llmp_json_value *root;

    assert_int_equal(llmp_json_tree(&root, llmp_str_of(text), 0, arena, NULL),
                     LLMP_OK);
    return root;
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int order;
    } pairs[] = {
        { "0", "-0.0", 0 },
        { "1", "1.0", 0 },
        { "100", "1e2", 0 },
        { "0.001", "1E-3", 0 },
        { "12.5", "1.25e+1", 0 },
        { "-1", "0", -1 },
        { "2", "10", -1 },
        { "0.2", "0.10", 1 },
        { "-2", "-10", 1 },
        { "1e400", "9e399", 1 },
        { "12345678901234567890", "12345678901234567891", -1 },
        { "0.1", "0.1000000000000000055511151231257827", -1 },
        { "1.5", "1.25", 1 },
        { "0", "0.0001", -1 },
        { "0e9", "0", 0 },
        { "10.01", "10.1", -1 },
    };

    for (size_t i = 0; i < LLMP_COUNT(pairs); i++) {
        struct llmp_str a = llmp_str_of(pairs[i].a);
        struct llmp_str b = llmp_str_of(pairs[i].b);

        if (llmp_json_compare(a, b) != pairs[i].order ||
            llmp_json_compare(b, a) != -pairs[i].order)
            fail_msg("%s and %s", pairs[i].a, pairs[i].b);
    }
    assert_true(llmp_json_is_integer(LLMP_STR("1e2")));
    assert_true(llmp_json_is_integer(LLMP_STR("10.50e1")));
    assert_true(llmp_json_is_integer(LLMP_STR("0.0")));
    assert_false(llmp_json_is_integer(LLMP_STR("1e-1")));
    assert_false(llmp_json_is_integer(LLMP_STR("10.5")));
    assert_true(llmp_json_is_multiple(LLMP_STR("4.5"), LLMP_STR("1.5")));
    assert_false(llmp_json_is_multiple(LLMP_STR("4.5"), LLMP_STR("2")));
    assert_true(llmp_json_is_multiple(LLMP_STR("0.0075"), LLMP_STR("1e-4")));
}

static bool same(const char *a, const char *b, uint32_t left)
{
    struct llmp_arena arena;
    bool yes;

    llmp_arena_init(&arena, 1024);
    yes = llmp_json_equal(tree(&arena, a), tree(&arena, b), &left);
    llmp_arena_fini(&arena);
    return yes;
}

static void test_values(void **state)
{
    (void)state;
    assert_true(same("{\"a\":[1,\"\\u0041\"],\"b\":null}",
                     "{\"b\":null,\"a\":[1.0,\"A\"]}", 100));
    assert_false(same("{\"a\":1}", "{\"a\":1,\"b\":1}", 100));
    assert_false(same("[1,2]", "[2,1]", 100));
    assert_false(same("0", "false", 100));
    assert_false(same("[1,2,3]", "[1,2,3]", 3)); /* that many steps are not left
                                                  */
}

static void check_pointer(const char *pointer, const char *want)
{
    static const char document[] =
        "{\"foo\":[\"bar\",\"baz\"],\"\":0,\"a/b\":1,\"c%d\":2,"
        "\"e^f\":3,\"k\\\"l\":6,\" \":7,\"m~n\":8,\"x\":null}";
    struct llmp_arena arena;
    const struct llmp_json_value *at;

    llmp_arena_init(&arena, 1024);
    at = llmp_json_pointer(tree(&arena, document), llmp_str_of(pointer));
    if ((at == NULL) != (want == NULL) ||
        (at && !llmp_str_eq(at->text, llmp_str_of(want))))
        fail_msg("%s", pointer);
    llmp_arena_fini(&arena);
}

/* RFC 6901, 5 and 6. */
static void test_pointers(void **state)
{
    (void)state;
    check_pointer("#/foo/0", "bar");
    check_pointer("#/", "0");
    check_pointer("#/a~1b", "1");
    check_pointer("#/c%25d", "2");
    check_pointer("#/e%5Ef", "3");
    check_pointer("#/k%22l", "6");
    check_pointer("#/%20", "7");
    check_pointer("#/m~0n", "8");
    check_pointer("#/x", "null");
    check_pointer("#/foo/2", NULL);
    check_pointer("#/foo/bar", NULL);
    check_pointer("#/c%2", NULL);
    check_pointer("#/m~2n", NULL);
    check_pointer("#foo", NULL);
    check_pointer("/foo", NULL);
    check_pointer("", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_pointers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
