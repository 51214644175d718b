/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: both ways of writing a moment agree with the calendar.
 * Method: known moments, every day of 530 years there and back, and texts
 * that are none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "cloud/civil.h"

static void known_moments(void **state)
{
    (void)state;
    static const struct {
        uint64_t s;
        const char *basic, *text;
    } steps[] = {
        { 0, "19700101T000000Z", "1970-01-01T00:00:00Z" },
        { 951827696, "20000229T123456Z", "2000-02-29T12:34:56Z" },
        { 1440938160, "20150830T123600Z", "2015-08-30T12:36:00.25Z" },
        { 4107542399, "21000228T235959Z", "2100-02-28T23:59:59Z" },
        { 4107542400, "21000301T000000Z", "2100-03-01T00:00:00Z" },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        char basic[LLMP_CIVIL_BASIC_SIZE];
        uint64_t wall_ns = 0;

        llmp_civil_basic(basic, steps[i].s * LLMP_NS_PER_S + 999);
        assert_string_equal(basic, steps[i].basic);
        assert_true(llmp_civil_parse(llmp_str_of(steps[i].text), &wall_ns));
        assert_int_equal(wall_ns, steps[i].s * LLMP_NS_PER_S);
    }
}

/* One day follows the other: the calendar counted with a table of months. */
static void every_day(void **state)
{
    (void)state;
    static const unsigned months[] = { 31, 28, 31, 30, 31, 30,
                                       31, 31, 30, 31, 30, 31 };
    uint64_t s = 0;

    for (unsigned year = 1970; year < 2500; year++)
        for (unsigned month = 1; month <= 12; month++) {
            unsigned leap =
                year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            unsigned last = months[month - 1] + (month == 2 ? leap : 0);
            char text[64], basic[LLMP_CIVIL_BASIC_SIZE], expected[64];
            uint64_t wall_ns;

            for (unsigned day = 1; day <= last; day++, s += 86400) {
                (void)snprintf(text, sizeof(text), "%04u-%02u-%02uT00:00:00Z",
                               year, month, day);
                (void)snprintf(expected, sizeof(expected),
                               "%04u%02u%02uT000000Z", year, month, day);
                assert_true(llmp_civil_parse(llmp_str_of(text), &wall_ns));
                assert_int_equal(wall_ns, s * LLMP_NS_PER_S);
                llmp_civil_basic(basic, wall_ns);
                assert_string_equal(basic, expected);
            }
            (void)snprintf(text, sizeof(text), "%04u-%02u-%02uT00:00:00Z", year,
                           month, last + 1);
            assert_false(llmp_civil_parse(llmp_str_of(text), &wall_ns));
        }
}

static void other_texts_are_none(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "2015-08-30",
        "2015-08-30T12:36:00",
        "2015-08-30T12:36:00.Z",
        "2015-08-30T12:36:00.5",
        "2015-08-30T12:36:00+00:00",
        "2015-08-30T12:36:00Zx",
        "2015-08-30 12:36:00Z",
        "2015-08-30T24:00:00Z",
        "2015-08-30T12:60:00Z",
        "2015-08-30T12:36:60Z",
        "2015-13-30T12:36:00Z",
        "2015-00-30T12:36:00Z",
        "2015-08-00T12:36:00Z",
        "2015-8-030T12:36:00Z",
        "1969-12-31T23:59:59Z",
        "2500-01-01T00:00:00Z",
        "-015-08-30T12:36:00Z",
    };
    uint64_t wall_ns = 7;

    for (size_t i = 0; i < LLMP_COUNT(texts); i++) {
        if (llmp_civil_parse(llmp_str_of(texts[i]), &wall_ns))
            fail_msg("%s was read", texts[i]);
        assert_int_equal(wall_ns, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_moments),
        cmocka_unit_test(every_day),
        cmocka_unit_test(other_texts_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
