/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The proleptic Gregorian calendar in eras of 400 years that begin in March,
 * so that the leap day is the last of its year (Howard Hinnant, chrono-
 * Compatible Low-Level Date Algorithms).
 */
#include "cloud/civil.h"

#include "base/internal.h"
#include "base/str.h"

enum { DAYS_TO_1970 = 719468, DAYS_OF_ERA = 146097 };

static uint64_t days_of(uint64_t year, uint64_t month, uint64_t day)
{
    uint64_t y = month > 2 ? year : year - 1, of_era = y % 400;
    uint64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5;

    return y / 400 * DAYS_OF_ERA + of_era * 365 + of_era / 4 - of_era / 100 +
           of_year + day - 1 - DAYS_TO_1970;
}

static void date_of(uint64_t days, uint64_t *year, uint64_t *month,
                    uint64_t *day)
{
    uint64_t since = days + DAYS_TO_1970;
    uint64_t era = since / DAYS_OF_ERA, of_era = since % DAYS_OF_ERA;
    uint64_t y =
        (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t of_year = of_era - (365 * y + y / 4 - y / 100);
    uint64_t m = (5 * of_year + 2) / 153; /* from March */

    *day = of_year - (153 * m + 2) / 5 + 1;
    *month = m < 10 ? m + 3 : m - 9;
    *year = era * 400 + y + (*month <= 2);
}

static char *put_digits(char *to, uint64_t value, size_t count)
{
    for (size_t i = count; i > 0; i--, value /= 10)
        to[i - 1] = (char)('0' + value % 10);
    return to + count;
}

void llmp_civil_basic(char out[LLMP_CIVIL_BASIC_SIZE], uint64_t wall_ns)
{
    uint64_t s = wall_ns / LLMP_NS_PER_S, year, month, day;

    date_of(s / 86400, &year, &month, &day);
    out = put_digits(out, year, 4);
    out = put_digits(out, month, 2);
    out = put_digits(out, day, 2);
    *out++ = 'T';
    out = put_digits(out, s / 3600 % 24, 2);
    out = put_digits(out, s / 60 % 60, 2);
    out = put_digits(out, s % 60, 2);
    *out++ = 'Z';
    *out = '\0';
}

static bool digits(struct llmp_str text, size_t at, size_t count, uint64_t *out)
{
    return llmp_str_to_u64((struct llmp_str){ text.ptr + at, count }, out);
}

/* What is behind the seconds: "Z", or ".123Z". */
static bool ends_well(struct llmp_str text)
{
    size_t at = 0;

    if (text.ptr[at] == '.') {
        at++;
        while (at < text.len && text.ptr[at] >= '0' && text.ptr[at] <= '9')
            at++;
        if (at == 1)
            return false;
    }
    return at + 1 == text.len && text.ptr[at] == 'Z';
}

bool llmp_civil_parse(struct llmp_str text, uint64_t *wall_ns)
{
    uint64_t year, month, day, h, m, s;

    if (text.len < 20 || text.ptr[4] != '-' || text.ptr[7] != '-' ||
        text.ptr[10] != 'T' || text.ptr[13] != ':' || text.ptr[16] != ':' ||
        !ends_well((struct llmp_str){ text.ptr + 19, text.len - 19 }))
        return false;
    if (!digits(text, 0, 4, &year) || !digits(text, 5, 2, &month) ||
        !digits(text, 8, 2, &day) || !digits(text, 11, 2, &h) ||
        !digits(text, 14, 2, &m) || !digits(text, 17, 2, &s))
        return false;
    if (year < 1970 || year > 2499 || month < 1 || month > 12 || day < 1 ||
        h > 23 || m > 59 || s > 59)
        return false;

    uint64_t y, mon, d, days = days_of(year, month, day);

    date_of(days, &y, &mon, &d); /* the 30th of February is another day */
    if (d != day)
        return false;
    *wall_ns = (days * 86400 + h * 3600 + m * 60 + s) * LLMP_NS_PER_S;
    return true;
}
