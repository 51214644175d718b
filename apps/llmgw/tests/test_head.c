/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a head has one meaning or is refused, also when it comes byte by byte.
 * Method: tables of heads. What is refused over a socket, and how, is in
 * tests/integration/test_server_http1.py; here are the spans and the limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the headers above */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "head.h"

struct parsed {
    char bytes[65536];
    size_t size;
    struct llmp_header fields[GW_HEAD_FIELDS_MAX];
    struct gw_head head;
    struct gw_head_error error;
};

static enum gw_head_status scan(struct parsed *p, size_t step, size_t max)
{
    struct gw_head_scan state = { 0 };
    enum gw_head_status status = GW_HEAD_MORE;
    size_t len = strlen(p->bytes);

    for (size_t at = 0; at < len && status == GW_HEAD_MORE;) {
        at += step < len - at ? step : len - at;
        status = gw_head_scan(&state, (const uint8_t *)p->bytes, at, max,
                              &p->size, &p->error);
    }
    return status;
}

static bool parse(struct parsed *p, const char *text)
{
    memset(p, 0, sizeof(*p));
    snprintf(p->bytes, sizeof(p->bytes), "%s", text);
    assert_int_equal(scan(p, 1, 32768), GW_HEAD_WHOLE);
    assert_int_equal(scan(p, SIZE_MAX, 32768), GW_HEAD_WHOLE);
    p->head.fields = p->fields;
    return gw_head_parse(&p->head, (uint8_t *)p->bytes, p->size, &p->error);
}

static void assert_text(struct llmp_str text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.ptr, expected, text.len);
}

static void finds_method_target_and_fields(void **state)
{
    struct parsed *p = *state;

    assert_true(parse(p, "POST /v1/x?a=1 HTTP/1.1\r\nHost: a:80\r\nX-Empty:\r\n"
                         "X-Spaces:  \t a b \t\r\nCONTENT-Length: 12\r\n"
                         "\r\nhello"));
    assert_text(p->head.method, "POST");
    assert_text(p->head.target, "/v1/x?a=1");
    assert_text(p->head.host, "a:80");
    assert_int_equal(p->head.field_count, 4);
    assert_text(p->fields[1].name, "x-empty");
    assert_text(p->fields[1].value, "");
    assert_text(p->fields[2].value, "a b");
    assert_text(p->fields[3].name, "content-length");
    assert_int_equal(p->head.body_size, 12);
    assert_int_equal(p->size, strlen(p->bytes) - 5);
    assert_true(p->head.keep_alive);
}

static void knows_how_the_connection_goes_on(void **state)
{
    static const struct {
        const char *version, *field;
        bool keep_alive;
    } cases[] = {
        { "1.1", "", true },
        { "1.1", "Connection: close\r\n", false },
        { "1.1", "Connection: keep-alive, CLOSE\r\n", false },
        { "1.0", "", false },
        { "1.0", "Connection: keep-alive\r\n", true },
        { "1.0", "Connection: close\r\n", false },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];

        snprintf(text, sizeof(text), "GET / HTTP/%s\r\nHost: x\r\n%s\r\n",
                 cases[i].version, cases[i].field);
        assert_true(parse(*state, text));
        assert_int_equal(((struct parsed *)*state)->head.keep_alive,
                         cases[i].keep_alive);
    }
}

static void makes_origin_form(void **state)
{
    static const char *const cases[][3] = {
        { "http://h/a?b", "h", "/a?b" },
        { "HTTP://H/a", "h", "/a" },
        { "https://h:1/a", "h:1", "/a" },
        { "http://h", "h", "/" },
        { "//a", "h", "//a" },
        { "/http://y/", "h", "/http://y/" },
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[256];

        snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n",
                 cases[i][0], cases[i][1]);
        assert_true(parse(*state, text));
        assert_text(((struct parsed *)*state)->head.target, cases[i][2]);
    }
}

static void expectation_counts_with_a_body_only(void **state)
{
    struct parsed *p = *state;

    assert_true(parse(p, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
                         "Expect: 100-Continue\r\n\r\n"));
    assert_true(p->head.expects_continue);
    assert_true(parse(p, "GET / HTTP/1.1\r\nHost: x\r\n"
                         "Expect: 100-continue\r\n\r\n"));
    assert_false(p->head.expects_continue);
    assert_false(parse(p, "POST / HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n"));
    assert_int_equal(p->error.bad, LLMP_BAD_EXPECTATION);
}

static void limits_are_exact(void **state)
{
    struct parsed *p = *state;
    const char *head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    size_t size = strlen(head);

    snprintf(p->bytes, sizeof(p->bytes), "%s", head);
    assert_int_equal(scan(p, 1, size), GW_HEAD_WHOLE);
    assert_int_equal(scan(p, SIZE_MAX, size), GW_HEAD_WHOLE);
    assert_int_equal(scan(p, SIZE_MAX, size - 1), GW_HEAD_BAD);
    assert_int_equal(p->error.bad, LLMP_BAD_HEAD_TOO_LARGE);
}

static void a_long_target_is_told_from_a_large_head(void **state)
{
    static const struct {
        size_t len;
        enum llmp_bad_request bad;
    } cases[] = {
        { GW_URI_BYTES_MAX, LLMP_BAD_NONE },
        { GW_URI_BYTES_MAX + 1, LLMP_BAD_URI_TOO_LONG },
    };

    for (size_t i = 0; i < 2; i++) {
        char *text = calloc(1, 16384);

        assert_non_null(text);
        strncpy(text, "GET /", 6);
        memset(text + 5, 'a', cases[i].len - 1);
        memcpy(text + 4 + cases[i].len, " HTTP/1.1\r\nHost: x\r\n\r\n", 23);
        assert_int_equal(parse(*state, text), cases[i].bad == LLMP_BAD_NONE);
        if (cases[i].bad != LLMP_BAD_NONE)
            assert_int_equal(((struct parsed *)*state)->error.bad,
                             cases[i].bad);
        free(text);
    }
}

static void too_many_fields_are_a_large_head(void **state)
{
    struct parsed *p = *state;

    for (int count = GW_HEAD_FIELDS_MAX; count <= GW_HEAD_FIELDS_MAX + 1;
         count++) {
        char text[8192] = "GET / HTTP/1.1\r\nHost: x\r\n";
        size_t len = strlen(text);

        for (int i = 1; i < count; i++) {
            memcpy(text + len, "A: b\r\n", 6);
            len += 6;
        }
        memcpy(text + len, "\r\n", 3);
        assert_int_equal(parse(p, text), count == GW_HEAD_FIELDS_MAX);
    }
    assert_int_equal(p->error.bad, LLMP_BAD_HEAD_TOO_LARGE);
}

static void hosts(void **state)
{
    static const struct {
        const char *host;
        bool valid;
    } cases[] = {
        { "a.example", true },
        { "127.0.0.1:8080", true },
        { "[::1]:8080", true },
        { "a_b-c~%41", true },
        { "", false },
        { "a b", false },
        { "a/b", false },
        { "a@b", false },
        { "a\\b", false },
        { "a?b", false },
        { "a#b", false },
        { "a\"b", false },
        { "\xc3\xa4.example", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(gw_host_is_valid((struct llmp_str){
                             cases[i].host, strlen(cases[i].host) }),
                         cases[i].valid);
}

static int make(void **state)
{
    *state = calloc(1, sizeof(struct parsed));
    return *state ? 0 : -1;
}

static int drop(void **state)
{
    free(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_method_target_and_fields),
        cmocka_unit_test(knows_how_the_connection_goes_on),
        cmocka_unit_test(makes_origin_form),
        cmocka_unit_test(expectation_counts_with_a_body_only),
        cmocka_unit_test(limits_are_exact),
        cmocka_unit_test(a_long_target_is_told_from_a_large_head),
        cmocka_unit_test(too_many_fields_are_a_large_head),
        cmocka_unit_test(hosts),
    };

    return cmocka_run_group_tests(tests, make, drop);
}
