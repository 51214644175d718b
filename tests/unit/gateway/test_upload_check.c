/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: nothing that a provider's reader could take for a model of the body's
 * own gets by, wherever it comes and however the pieces are cut; ordinary
 * bodies pass.
 * Method: tables of bodies, each fed whole, cut in two at every place and byte
 * by byte, from memory that ends where the piece ends.
 */
#include "gateway/upload_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"

#define FORM       "multipart/form-data; boundary=B"
#define JSON       "application/json"
#define PART(name) "Content-Disposition: form-data; name=\"" name "\"\r\n"

static int feed(struct llmp_upload_check *check, const char *text, size_t len,
                bool last)
{
    char *piece = malloc(len + (len == 0));
    struct llmp_error err;

    memcpy(piece, text, len);

    int rc = llmp_upload_check_feed(check, (struct llmp_str){ piece, len },
                                    last, &err);

    free(piece);
    return rc;
}

/* The first failure, or LLMP_OK. */
static int verdict(const char *type, const char *text, size_t cut)
{
    struct llmp_upload_check *check;
    size_t len = strlen(text);
    int rc;

    assert_int_equal(
        llmp_upload_check_new(&check, llmp_str_of(type), LLMP_STR("right"), 64),
        0);
    rc = feed(check, text, cut, false);
    if (rc == LLMP_OK)
        rc = feed(check, text + cut, len - cut, true);
    llmp_upload_check_free(check);
    return rc;
}

static int verdict_by_bytes(const char *type, const char *text)
{
    struct llmp_upload_check *check;
    int rc = LLMP_OK;

    assert_int_equal(
        llmp_upload_check_new(&check, llmp_str_of(type), LLMP_STR("right"), 64),
        0);
    for (size_t i = 0; text[i] && rc == LLMP_OK; i++)
        rc = feed(check, text + i, 1, false);
    if (rc == LLMP_OK)
        rc = feed(check, "", 0, true);
    llmp_upload_check_free(check);
    return rc;
}

struct body {
    const char *type, *text;
};

static void expect(const struct body *bodies, size_t count, int status)
{
    for (size_t i = 0; i < count; i++) {
        print_message("# case %zu\n", i);
        for (size_t cut = 0; cut <= strlen(bodies[i].text); cut++)
            assert_int_equal(verdict(bodies[i].type, bodies[i].text, cut),
                             status);
        assert_int_equal(verdict_by_bytes(bodies[i].type, bodies[i].text),
                         status);
    }
}

static void ordinary_bodies_pass(void **state)
{
    static const struct body bodies[] = {
        { JSON, "{\"model\":\"right\",\"prompt\":\"model\"}" },
        { JSON, "{\"prompt\":{\"model\":\"wrong\"},\"m\\u006fdel\":"
                "\"r\\u0069ght\"}" },
        { JSON, "{\"model\":null}" },
        { JSON, "[]" },
        { FORM, "--B\r\n" PART("model") "\r\nright\r\n--B--\r\n" },
        { FORM,
          "--B\r\n" PART("file") "\r\n\r\nname=\"model\"\r\n-\r\n--\r\n--A"
                                 "\r\n--B \t\r\n" PART(
                                     "model") "\r\nright\r\n--B--\r\nrest" },
        { FORM, "--B\r\n\r\nno fields\r\n--B--" },
        { FORM, "--B\r\n" PART("models") "\r\nx\r\n--B\r\n" PART(
                    "xmodel") "\r\nx\r\n--B\r\nContent-Disposition: form-data; "
                              "name=\"file\";"
                              " filename=\"model\"\r\n\r\nx\r\n--B--" },
        { FORM, "--B--" },
        { "audio/wav", "--B\r\n" PART("model") "\r\nwrong\r\n--B--" },
    };
    (void)state;
    expect(bodies, LLMP_COUNT(bodies), LLMP_OK);
}

static void another_model_does_not_get_by(void **state)
{
    static const struct body bodies[] = {
        { JSON, "{\"a\":1,\"model\":\"wrong\"}" },
        { JSON, "{\"model\":\"right \"}" },
        { JSON, "{\"model\":7}" },
        { "Application/JSON; charset=utf-8", "{\"model\":\"wrong\"}" },
        { "Multipart/Form-Data; Boundary=B",
          "--B\r\n" PART("model") "\r\nwrong\r\n--B--" },
        { FORM,
          "--B\r\ncontent-disposition: form-data; name=\"mo\\del\"\r\n\r\nw"
          "\r\n--B--" },
        { FORM, "--B\r\ncontent-disposition: form-data; name*=utf-8'en'%6dodel"
                "\r\n\r\nw\r\n--B--" },
        { FORM,
          "--B\r\ncontent-disposition: form-data; name=\r\n \"model\"\r\n\r\nw"
          "\r\n--B--" },
        { JSON, "{\"model\":[\"right\"]}" },
        { FORM, "--B\r\n" PART("model") "\r\nwrong\r\n--B--" },
        { FORM, "--B\r\n" PART("model") "\r\nright\r\n--B\r\n" PART(
                    "model") "\r\nwrong\r\n--B--" },
        { FORM, "--B\r\n" PART("model") "\r\nright\r\n\r\n--B--" },
        { FORM, "--B\r\n" PART("model") "\r\n\r\n--B--" },
        { FORM, "--B\r\n" PART("model") "\r\nright" }, /* never ends */
        { FORM,
          "--B\r\ncontent-disposition:form-data;NAME=model\r\n\r\nw\r\n--B--" },
        { FORM, "--B\r\ncontent-disposition: form-data; name*=utf-8''model\r\n"
                "\r\nw\r\n--B--" },
        { FORM,
          "--B\r\ncontent-disposition: form-data; name = \"model\" ; x\r\n"
          "\r\nw\r\n--B--" },
        { FORM, "--B\r\ncontent-disposition: form-data;\r\n name=\"model\"\r\n"
                "\r\nw\r\n--B--" },
    };
    (void)state;
    expect(bodies, LLMP_COUNT(bodies), LLMP_E_TYPE);
}

static void broken_bodies_are_refused(void **state)
{
    static const struct body bodies[] = {
        { JSON, "{\"model\":\"right\",\"model\":\"right\"}" },
        { JSON, "{\"a\":1" },
        { FORM, "--B\r\n" PART("a") "\r\nx\r\n--Bx\r\n" PART(
                    "model") "\r\nwrong\r\n--B--" },
    };
    (void)state;
    expect(bodies, LLMP_COUNT(bodies), LLMP_E_SYNTAX);
}

static void what_is_kept_has_an_end(void **state)
{
    char *text = malloc(20000);
    int len = snprintf(text, 20000, "--B\r\nX: ");
    (void)state;

    memset(text + len, 'a', 10000);
    memcpy(text + len + 10000, "\r\n\r\n", 5);
    assert_int_equal(verdict(FORM, text, 0), LLMP_E_LIMIT);

    len = snprintf(text, 20000, "--B\r\n" PART("model") "\r\n");
    memset(text + len, 'a', 10000);
    text[len + 10000] = '\0';
    assert_int_equal(verdict(FORM, text, 0), LLMP_E_TYPE);
    free(text);
}

static void lack_of_memory_is_said(void **state)
{
    struct llmp_upload_check *check;
    (void)state;

    faulty_heap_arm(0);
    assert_int_equal(
        llmp_upload_check_new(&check, LLMP_STR(FORM), LLMP_STR("m"), 64),
        LLMP_E_NOMEM);
    assert_null(check);
    assert_int_equal(faulty_heap_live(), 0);
    faulty_heap_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary_bodies_pass),
        cmocka_unit_test(another_model_does_not_get_by),
        cmocka_unit_test(broken_bodies_are_refused),
        cmocka_unit_test(what_is_kept_has_an_end),
        cmocka_unit_test(lack_of_memory_is_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
