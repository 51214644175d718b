/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the part named "model" is found at a form's front as soon as it is
 * whole, and a form that cannot be understood is known as such.
 * Method: tables of forms; each is shown from its first byte to its last, as
 * it comes: "more" until the answer, and the answer never changes again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "gateway/multipart.h"

#define TYPE       "multipart/form-data; boundary=B"
#define PART(name) "Content-Disposition: form-data; name=\"" name "\"\r\n"

/* Every front of `form`, each in memory of its own. */
static void check_form(const char *type, const char *form, int expected,
                       const char *model)
{
    size_t len = strlen(form);
    int before = 0;

    for (size_t n = 0; n <= len; n++) {
        char *front = malloc(n + (n == 0));
        struct llmp_str value = { NULL, 0 };

        memcpy(front, form, n);

        int rc = llmp_multipart_model(llmp_str_of(type),
                                      (struct llmp_str){ front, n }, &value);

        if (before != 0)
            assert_int_equal(rc, before);
        if (rc == 1) {
            assert_true(value.ptr >= front && value.len > 0);
            assert_true(value.ptr + value.len <= front + n);
            assert_true(llmp_str_eq(value, llmp_str_of(model)));
        }
        before = rc;
        free(front);
    }
    assert_int_equal(before, expected);
}

static void the_model_is_found_at_every_split(void **state)
{
    static const struct {
        const char *form, *model;
    } cases[] = {
        { "--B\r\n" PART("model") "\r\nwhisper-1\r\n--B--\r\n", "whisper-1" },
        { "--B\r\n" PART("model") "\r\nwhisper-1\r\n--B\r\n", "whisper-1" },
        { "--B\r\n" PART("language") "\r\nde\r\n--B\r\n" PART(
              "model") "\r\nm\r\n--B--",
          "m" },
        /* Case of names, other fields, no blank behind the semicolon. */
        { "--B\r\nContent-Type: text/plain\r\ncontent-disposition:form-data;"
          "name=\"model\"\r\nX: y\r\n\r\nm\r\n--B--",
          "m" },
        { "--B \t\r\n" PART("model") "\r\nm\r\n--B--", "m" },
        /* A body that looks like a boundary, almost. */
        { "--B\r\n" PART("a") "\r\n\r\n--A\r\n-B\r\n--B\r\n" PART(
              "model") "\r\nx\r\n\r\n-y\r\n--B--",
          "x\r\n\r\n-y" },
        /* The first one counts. */
        { "--B\r\n" PART("model") "\r\na\r\n--B\r\n" PART(
              "model") "\r\nb\r\n--B--",
          "a" },
        /* An empty part before it. */
        { "--B\r\n" PART("x") "\r\n\r\n--B\r\n" PART("model") "\r\nm\r\n--B--",
          "m" },
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        print_message("# case %zu\n", i);
        check_form(TYPE, cases[i].form, 1, cases[i].model);
    }
}

static void forms_without_a_model_are_known(void **state)
{
    static const char *const forms[] = {
        "--B--",
        "--B--\r\n",
        "--B\r\n" PART("a") "\r\nx\r\n--B--",
        "--B\r\n" PART("models") "\r\nx\r\n--B--",
        "--B\r\n" PART("xmodel") "\r\nx\r\n--B--",
        "--B\r\nX: ; name=\"model\"\r\n\r\nx\r\n--B--",
        "--B\r\n" PART("model") "\r\n\r\n--B--", /* empty */
        "preamble\r\n--B\r\n" PART("model") "\r\nm\r\n--B--",
        "--C\r\n" PART("model") "\r\nm\r\n--C--",
        "{\"model\":\"m\"}",
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(forms); i++) {
        print_message("# case %zu\n", i);
        check_form(TYPE, forms[i], -1, NULL);
    }
}

static void unfinished_forms_want_more(void **state)
{
    static const char *const forms[] = {
        "",
        "--",
        "--B",
        "--B\r\n",
        "--B\r\n" PART("model"),
        "--B\r\n" PART("model") "\r\n",
        "--B\r\n" PART("model") "\r\nwhisper-1",
        "--B\r\n" PART("model") "\r\nwhisper-1\r\n-",
        "--B\r\n" PART("model") "\r\nwhisper-1\r\n--",
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(forms); i++)
        check_form(TYPE, forms[i], 0, NULL);
}

static void the_boundary_is_taken_from_the_type(void **state)
{
    static const char form[] = "--B\r\n" PART("model") "\r\nm\r\n--B--";
    static const char *const good[] = {
        "multipart/form-data; boundary=B",
        "multipart/form-data;boundary=B",
        "multipart/form-data; boundary=B; charset=utf-8",
        "multipart/form-data; charset=utf-8; boundary=B ",
        "multipart/form-data; boundary=\"B\"",
        "multipart/form-data; boundary=\"B\"; x=y",
        "Multipart/Form-Data; Boundary=B",
        "multipart/form-data ; boundary = B ;",
        "multipart/form-data; xboundary=A; boundary=B",
        "multipart/form-data; x=\"; boundary=A\"; boundary=B",
    };
    static const char *const bad[] = { "",
                                       "multipart/form-data",
                                       "multipart/form-data; boundary",
                                       "multipart/form-data; boundary=",
                                       "multipart/form-data; boundary=;",
                                       "multipart/form-data; boundary=\"",
                                       "multipart/form-data; boundary=\"B",
                                       "multipart/form-data; boundary=\"\"",
                                       "multipart/form-data; boundary=\"\\B\"",
                                       "multipart/form-data; boundary=B; "
                                       "boundary=B",
                                       "multipart/form-datax; boundary=B",
                                       "multipart/mixed; boundary=B",
                                       "application/json; boundary=B",
                                       "multipart/form-data; boundary="
                                       "123456789012345678901234567890123456789"
                                       "01234567890123456789012345678901" };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(good); i++)
        check_form(good[i], form, 1, "m");
    for (size_t i = 0; i < LLMP_COUNT(bad); i++)
        check_form(bad[i], form, -1, NULL);
}

/* As long as RFC 2046 lets it be. */
static void a_long_boundary_fits(void **state)
{
#define LONG \
    "1234567890123456789012345678901234567890123456789012345678901234567890"
    (void)state;
    check_form("multipart/form-data; boundary=" LONG,
               "--" LONG "\r\n" PART("model") "\r\nm\r\n--" LONG "--", 1, "m");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_is_found_at_every_split),
        cmocka_unit_test(forms_without_a_model_are_known),
        cmocka_unit_test(unfinished_forms_want_more),
        cmocka_unit_test(the_boundary_is_taken_from_the_type),
        cmocka_unit_test(a_long_boundary_fits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
