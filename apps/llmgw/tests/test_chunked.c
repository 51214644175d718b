/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a chunked body is what was sent, or is refused; its end is exact.
 * Method: a table of codings, each at once and byte by byte.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the headers above */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "chunked.h"

struct result {
    enum gw_chunked_status status;
    char body[64];
    size_t len, left;
};

static struct result decode(const char *coded, size_t step)
{
    struct gw_chunked decoder = { 0 };
    struct result r = { .status = GW_CHUNKED_MORE };
    size_t size = strlen(coded);

    for (size_t at = 0; at < size && r.status == GW_CHUNKED_MORE;) {
        size_t piece = step < size - at ? step : size - at;
        struct llmp_str input = { coded + at, piece };
        struct llmp_str body;

        while ((r.status = gw_chunked_next(&decoder, &input, &body)) ==
               GW_CHUNKED_BODY) {
            assert_true(r.len + body.len < sizeof(r.body));
            memcpy(r.body + r.len, body.ptr, body.len);
            r.len += body.len;
        }
        at += piece;
        r.left = size - at + input.len;
    }
    return r;
}

static void codings(void **state)
{
    static const struct {
        const char *coded;
        enum gw_chunked_status status;
        const char *body;
        size_t left; /* bytes behind the end */
    } cases[] = {
        { "0\r\n\r\n", GW_CHUNKED_END, "", 0 },
        { "5\r\nhello\r\n0\r\n\r\nGET", GW_CHUNKED_END, "hello", 3 },
        { "1\r\na\r\n00002\r\nbc\r\n000\r\n\r\n", GW_CHUNKED_END, "abc", 0 },
        { "A;x=\"y z\";b\r\n0123456789\r\n0;q\r\n\r\n", GW_CHUNKED_END,
          "0123456789", 0 },
        { "a\r\n\r\n\r\n\r\n\r\n\r\n\r\n0\r\n\r\n", GW_CHUNKED_END,
          "\r\n\r\n\r\n\r\n\r\n", 0 },
        { "0\r\nA: b\r\nC:\td\r\n\r\n", GW_CHUNKED_END, "", 0 },
        { "5\r\nhel", GW_CHUNKED_MORE, "hel", 0 },
        { "5\r\nhello\r\n0\r\n", GW_CHUNKED_MORE, "hello", 0 },
        { "\r\n", GW_CHUNKED_BAD, "", 0 },
        { ";a\r\n", GW_CHUNKED_BAD, "", 0 },
        { "g\r\n", GW_CHUNKED_BAD, "", 0 },
        { "5 \r\nhello", GW_CHUNKED_BAD, "", 0 },
        { "5\nhello", GW_CHUNKED_BAD, "", 0 },
        { "5\r\rhello", GW_CHUNKED_BAD, "", 0 },
        { "5;a\nhello", GW_CHUNKED_BAD, "", 0 },
        { "2\r\nabc\r\n", GW_CHUNKED_BAD, "ab", 0 },
        { "2\r\nab\n0\r\n\r\n", GW_CHUNKED_BAD, "ab", 0 },
        { "0\r\nA: b\nC: d\r\n\r\n", GW_CHUNKED_BAD, "", 0 },
        { "fffffffffffffff\r\n", GW_CHUNKED_MORE, "", 0 },
        { "1000000000000000\r\n", GW_CHUNKED_BAD, "", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (size_t step = 1; step <= 64; step *= 8) {
            struct result r = decode(cases[i].coded, step);

            print_message("# case %zu, step %zu\n", i, step);
            assert_int_equal(r.status, cases[i].status);
            assert_int_equal(r.len, strlen(cases[i].body));
            assert_memory_equal(r.body, cases[i].body, r.len);
            if (r.status == GW_CHUNKED_END)
                assert_int_equal(r.left, cases[i].left);
        }
    }
}

static void what_is_not_body_is_bounded(void **state)
{
    static char coded[20000];

    (void)state;
    memset(coded, 'x', sizeof(coded) - 1);
    memcpy(coded, "5;", 2);
    assert_int_equal(decode(coded, 100).status, GW_CHUNKED_BAD);
    memcpy(coded, "0\r\nA", 4);
    assert_int_equal(decode(coded, 100).status, GW_CHUNKED_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codings),
        cmocka_unit_test(what_is_not_body_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
