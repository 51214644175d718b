/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: calendar windows begin and end where the calendar says, and a rate
 * becomes nanoseconds exactly.
 * Method: days are walked one by one from 1970 to 2200 by the calendar's own
 * rules, and every boundary is asked for; spans against 128-bit division.
 */
#include "helper.h"

#include "limit/pace.h"
#include "limit/window.h"

#define DAY UINT64_C(86400)

static uint64_t days_in(uint64_t year, uint64_t month)
{
    static const uint8_t days[] = { 31, 28, 31, 30, 31, 30,
                                    31, 31, 30, 31, 30, 31 };
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);

    return days[month - 1] + (month == 2 && leap ? 1u : 0u);
}

static void expect(enum llmp_limit_window w, uint64_t s, uint64_t begin,
                   uint64_t end)
{
    struct llmp_span span = llmp_window_at(w, s * S);

    assert_int_equal(span.begin_s, begin);
    assert_int_equal(span.end_s, end);
}

static void every_day_has_its_windows(void **state)
{
    uint64_t day = 0, monday = 0; /* the first, short week */

    (void)state;
    for (uint64_t year = 1970; year < 2200; year++)
        for (uint64_t month = 1; month <= 12; month++) {
            uint64_t first = day, next = first + days_in(year, month);

            for (; day < next; day++) {
                if (day % 7 == 4)
                    monday = day;
                for (int edge = 0; edge < 2; edge++) {
                    uint64_t s = day * DAY + (edge ? DAY - 1 : 0);

                    expect(LLMP_WINDOW_DAY, s, day * DAY, (day + 1) * DAY);
                    expect(LLMP_WINDOW_MONTH, s, first * DAY, next * DAY);
                    expect(LLMP_WINDOW_WEEK, s, monday * DAY,
                           (monday ? monday + 7 : 4) * DAY);
                    expect(LLMP_WINDOW_MINUTE, s, s / 60 * 60,
                           s / 60 * 60 + 60);
                    expect(LLMP_WINDOW_TOTAL, s, 0, UINT64_MAX);
                }
            }
        }
}

static void spans_are_exact_and_never_short(void **state)
{
    static const uint64_t amounts[] = {
        1, 3, 7, 60, 300, 1000, 99991, 1000000, 1u << 31, UINT64_C(1) << 40
    };
    static const uint64_t periods[] = { MS, S, 60 * S, DAY * S, 366 * DAY * S };

    (void)state;
    for (size_t i = 0; i < sizeof(amounts) / sizeof(*amounts); i++)
        for (size_t k = 0; k < sizeof(periods) / sizeof(*periods); k++) {
            struct llmp_pace pace;

            assert_true(
                llmp_pace_init(&pace, amounts[i], periods[k], amounts[i]));
            for (uint64_t n = 1; n <= amounts[i]; n = n * 3 + 1) {
                unsigned __int128 exact =
                    ((unsigned __int128)n * periods[k] + amounts[i] - 1) /
                    amounts[i];
                uint64_t ns = llmp_pace_ns(&pace, n);

                assert_true(ns >= exact);
                assert_true(ns - exact <= 1);
                assert_true(llmp_pace_units(&pace, ns) >= n);
            }
        }
}

static void absurd_buckets_are_refused(void **state)
{
    struct llmp_pace pace;

    (void)state;
    assert_false(llmp_pace_init(&pace, 1, DAY * S, UINT64_C(1) << 40));
    assert_true(llmp_pace_init(&pace, 1, DAY * S, 365));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_day_has_its_windows),
        cmocka_unit_test(spans_are_exact_and_never_short),
        cmocka_unit_test(absurd_buckets_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
