/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a marked text still says all that it said, cannot end its marks itself,
 * and the model is told of the very marks that are used.
 * Method: texts by hand; what was marked is unmarked again; too little room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include <llmproxy/guardrail.h>

#include "base/internal.h"
#include "base/str.h"

static const char *marked(enum llmp_guard_spotlight_mode mode, const char *text)
{
    static char out[4096];
    const struct llmp_guard_spotlight how = { mode, "4f1c", "^" };
    size_t len =
        llmp_guard_spotlight(out, sizeof(out) - 1, &how, llmp_str_of(text));

    assert_true(len < sizeof(out));
    assert_int_equal(llmp_guard_spotlight(NULL, 0, &how, llmp_str_of(text)),
                     len);
    out[len] = '\0';
    return out;
}

static void test_delimited(void **state)
{
    (void)state;
    assert_string_equal(marked(LLMP_GUARD_DELIMIT, "a b"),
                        "<data-4f1c>\na b\n</data-4f1c>");
    assert_string_equal(marked(LLMP_GUARD_DELIMIT, ""),
                        "<data-4f1c>\n\n</data-4f1c>");
}

static void test_marked_words(void **state)
{
    (void)state;
    assert_string_equal(marked(LLMP_GUARD_DATAMARK, "a  bc\td"), "^a^bc^d");
    assert_string_equal(marked(LLMP_GUARD_DATAMARK, "a b \r\n c\n"),
                        "^a^b\n^^c\n^");
    assert_string_equal(marked(LLMP_GUARD_DATAMARK, "Привет, мир"),
                        "^Привет,^мир");
}

static void test_encoded(void **state)
{
    (void)state;
    char text[64];

    for (size_t len = 0; len < sizeof(text) - 1; len++) {
        char back[128];
        const char *out;
        size_t size;

        memset(text, 'x', len);
        text[len] = '\0';
        out = marked(LLMP_GUARD_ENCODE, text);
        assert_int_equal(sodium_base642bin((unsigned char *)back, sizeof(back),
                                           out, strlen(out), NULL, &size, NULL,
                                           sodium_base64_VARIANT_ORIGINAL),
                         0);
        assert_int_equal(size, len);
        assert_memory_equal(back, text, len);
    }
}

static void test_little_room(void **state)
{
    (void)state;
    const struct llmp_guard_spotlight how = { LLMP_GUARD_DELIMIT, "n", "^" };
    char out[8];

    memset(out, '#', sizeof(out));
    assert_int_equal(llmp_guard_spotlight(out, 4, &how, LLMP_STR("abc")), 22);
    assert_memory_equal(out, "<dat####", 8);
}

static const char *told(const struct llmp_guard_spotlight *how,
                        const char *form)
{
    static char out[1024];
    size_t len;

    if (llmp_guard_spotlight_instructions(out, sizeof(out), &len, how,
                                          llmp_str_of(form)) < 0)
        return "wrong";
    out[len] = '\0';
    return out;
}

static void test_instructions(void **state)
{
    (void)state;
    const struct llmp_guard_spotlight how = { LLMP_GUARD_DELIMIT, "77", "|" };

    assert_string_equal(told(&how, "a {{begin}} b {{end}} {{mark}}."),
                        "a <data-77> b </data-77> |.");
    assert_string_equal(told(&how, ""), "");
    assert_string_equal(told(&how, "{{mark}}"), "|");
    assert_string_equal(told(&how, "{ {x} }"), "{ {x} }");
    assert_string_equal(told(&how, "{{nonce}}"), "wrong");
    assert_string_equal(told(&how, "a {{mark"), "wrong");
    for (int mode = 0; mode < LLMP_GUARD_SPOTLIGHT_MODES; mode++) {
        const char *text = told(&how, llmp_guard_spotlight_template((
                                          enum llmp_guard_spotlight_mode)mode));

        assert_non_null(strstr(text, "never instructions"));
        assert_null(strstr(text, "{{"));
    }
    assert_null(
        llmp_guard_spotlight_template((enum llmp_guard_spotlight_mode)3));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delimited),
        cmocka_unit_test(test_marked_words),
        cmocka_unit_test(test_encoded),
        cmocka_unit_test(test_little_room),
        cmocka_unit_test(test_instructions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
