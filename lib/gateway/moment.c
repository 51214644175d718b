/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/moment.h"

#include <llmproxy/limit.h>
#include <stdio.h>

#include "base/internal.h"
#include "base/str.h"

static bool digits(struct llmp_str text, size_t at, size_t count, uint64_t *out)
{
    return text.len >= at + count &&
           llmp_str_to_u64((struct llmp_str){ text.ptr + at, count }, out);
}

/* Days since 1970, or UINT64_MAX if there is no such day: the calendar's
 * windows know where months begin. */
static uint64_t days_of(uint64_t year, uint64_t month, uint64_t day)
{
    uint64_t days = (year - 1970) * 365, first;

    if (year < 1970 || year > 9999 || month < 1 || month > 12 || day < 1 ||
        day > 31)
        return UINT64_MAX;
    /* From a day in January of that year, month by month. */
    days += (year - 1969) / 4 - (year - 1901) / 100 + (year - 1601) / 400;
    first = days;
    for (uint64_t m = 1; m < month; m++)
        first = llmp_limit_window_start_s(
                    LLMP_WINDOW_MONTH, (first + 31) * 86400 * LLMP_NS_PER_S) /
                86400;
    if (llmp_limit_window_start_s(LLMP_WINDOW_MONTH,
                                  (first + day - 1) * 86400 * LLMP_NS_PER_S) /
            86400 !=
        first)
        return UINT64_MAX;
    return first + day - 1;
}

bool llmp_moment_parse(struct llmp_str text, uint64_t *wall_ns)
{
    uint64_t year, month, day, h = 24, m = 0, s = 0, days;

    if (text.len != 10 && text.len != 20)
        return false;
    if (!digits(text, 0, 4, &year) || text.ptr[4] != '-' ||
        !digits(text, 5, 2, &month) || text.ptr[7] != '-' ||
        !digits(text, 8, 2, &day))
        return false;
    if (text.len == 20 && (text.ptr[10] != 'T' || !digits(text, 11, 2, &h) ||
                           text.ptr[13] != ':' || !digits(text, 14, 2, &m) ||
                           text.ptr[16] != ':' || !digits(text, 17, 2, &s) ||
                           text.ptr[19] != 'Z' || h > 23 || m > 59 || s > 59))
        return false;
    days = days_of(year, month, day);
    if (days > 200 * 366) /* what nanoseconds can hold */
        return false;
    *wall_ns = (days * 86400 + h * 3600 + m * 60 + s) * LLMP_NS_PER_S;
    return true;
}

/* A proleptic Gregorian calendar in eras of 400 years that begin in March, so
 * that a leap day is the last of its year. */
size_t llmp_moment_write_day(char out[LLMP_MOMENT_SIZE], uint64_t days)
{
    uint64_t since = days + 719468; /* days since 0000-03-01 */
    uint64_t era = since / 146097, day = since % 146097;
    uint64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    uint64_t rest = day - (365 * year + year / 4 - year / 100);
    uint64_t month = (5 * rest + 2) / 153; /* from March */

    rest -= (153 * month + 2) / 5;
    year += era * 400 + (month >= 10);
    month = month < 10 ? month + 3 : month - 9;
    return (size_t)snprintf(out, LLMP_MOMENT_SIZE, "%04u-%02u-%02u",
                            (unsigned)(year % 10000), (unsigned)month,
                            (unsigned)(rest + 1));
}

size_t llmp_moment_write(char out[LLMP_MOMENT_SIZE], uint64_t wall_ns)
{
    uint64_t s = wall_ns / LLMP_NS_PER_S;
    size_t len = llmp_moment_write_day(out, s / 86400);

    s %= 86400;
    return len + (size_t)snprintf(out + len, LLMP_MOMENT_SIZE - len,
                                  "T%02u:%02u:%02uZ", (unsigned)(s / 3600),
                                  (unsigned)(s / 60 % 60), (unsigned)(s % 60));
}
