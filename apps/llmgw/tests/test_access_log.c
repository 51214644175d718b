/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every line is JSON, whatever clients and providers have named things.
 * Method: lines through a pipe, compared as text; hostile bytes in every text.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the headers above */
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "access_log.h"

static size_t lines_of(char *out, size_t size,
                       const struct llmp_summary *summary, int count)
{
    struct gw_log_buffer log;
    size_t total = 0;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    assert_true(gw_log_buffer_init(&log, fds[1]));
    for (int i = 0; i < count; i++)
        gw_log_add(&log, summary);
    gw_log_buffer_fini(&log);
    close(fds[1]);
    for (;;) {
        ssize_t got = read(fds[0], out + total, size - total);

        if (got <= 0)
            break;
        total += (size_t)got;
    }
    close(fds[0]);
    out[total] = '\0';
    return total;
}

static void a_line(void **state)
{
    const struct llmp_summary summary = {
        .size = sizeof(summary),
        .ending = LLMP_END_COMPLETE,
        .request_id = LLMP_STR("req_1"),
        .method = LLMP_STR("POST"),
        .path = LLMP_STR("/v1/x"),
        .status = 200,
        .started_wall_ns = 1700000000u * 1000000000ull + 7000000,
        .duration_ns = 1234567,
        .usage_basis = LLMP_USAGE_REPORTED,
        .input_tokens = 3,
    };
    char text[4096];

    (void)state;
    lines_of(text, sizeof(text) - 1, &summary, 1);
    assert_string_equal(
        text,
        "{\"time\":\"2023-11-14T22:13:20.007Z\",\"request_id\":\"req_1\","
        "\"method\":\"POST\",\"path\":\"/v1/x\",\"status\":200,"
        "\"ending\":\"complete\",\"stream\":false,\"request_bytes\":0,"
        "\"response_bytes\":0,\"duration_us\":1234,\"own_us\":0,"
        "\"usage\":\"reported\",\"input_tokens\":3,\"output_tokens\":0}\n");
}

static void texts_are_escaped(void **state)
{
    static const struct {
        struct llmp_str in;
        const char *out;
    } cases[] = {
        { LLMP_STR("a\"b\\c"), "a\\\"b\\\\c" },
        { LLMP_STR("\n\r\t\x01\x7f"), "\\u000a\\u000d\\u0009\\u0001\\u007f" },
        { LLMP_STR("a\0b"), "a\\u0000b" },
        { LLMP_STR("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
          "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
        { LLMP_STR("\xff\xc3"), "\\ufffd\\ufffd" },
        { LLMP_STR("\xc0\xaf"), "\\ufffd\\ufffd" },
        { LLMP_STR("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct llmp_summary summary = { .model = cases[i].in };
        char text[4096], expected[256];

        lines_of(text, sizeof(text) - 1, &summary, 1);
        snprintf(expected, sizeof(expected), "\"model\":\"%s\"", cases[i].out);
        assert_non_null(strstr(text, expected));
    }
}

static void the_largest_lines_fit(void **state)
{
    static char hostile[20000];
    static char text[60000];
    const struct llmp_str all = { hostile, sizeof(hostile) };
    const struct llmp_summary summary = {
        .request_id = all,
        .operation = all,
        .method = all,
        .path = all,
        .model = all,
        .provider = all,
        .error_code = all,
        .upstream_model = all,
        .upstream_request_id = all,
        .peer = all,
    };

    (void)state;
    memset(hostile, 1, sizeof(hostile));
    for (int i = 0; i < 3; i++)
        assert_true(lines_of(text, sizeof(text) - 1, &summary, 1) > 20000);
}

static void nothing_is_written_while_off(void **state)
{
    const struct llmp_summary summary = { .status = 200 };
    struct gw_log_buffer log;

    (void)state;
    assert_true(gw_log_buffer_init(&log, -1));
    gw_log_add(&log, &summary);
    gw_log_flush(&log);
    assert_null(log.bytes);
    gw_log_buffer_fini(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line),
        cmocka_unit_test(texts_are_escaped),
        cmocka_unit_test(the_largest_lines_fit),
        cmocka_unit_test(nothing_is_written_while_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
