/* SPDX-License-Identifier: Apache-2.0 */
#include "limit/window.h"

#include "base/internal.h"

#define DAY_S UINT64_C(86400)

/*
 * Days since 1970 to the first day of their month and of the next, by Howard
 * Hinnant's civil calendar (chrono-Compatible Low-Level Date Algorithms):
 * years begin in March, so that the leap day is the last.
 */
static uint64_t days_of_month(uint64_t year, uint64_t month)
{
    uint64_t y = month > 2 ? year : year - 1;
    uint64_t era = y / 400, of_era = y % 400;
    uint64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5;
    uint64_t day_of_era =
        of_era * 365 + of_era / 4 - of_era / 100 + day_of_year;

    return era * 146097 + day_of_era - 719468;
}

static void civil_of_days(uint64_t days, uint64_t *year, uint64_t *month)
{
    uint64_t z = days + 719468, era = z / 146097, of_era = z % 146097;
    uint64_t year_of_era =
        (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    uint64_t day_of_year =
        of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t mp = (5 * day_of_year + 2) / 153;

    *month = mp < 10 ? mp + 3 : mp - 9;
    *year = year_of_era + era * 400 + (*month <= 2 ? 1 : 0);
}

static struct llmp_span month_at(uint64_t days)
{
    uint64_t year, month;

    civil_of_days(days, &year, &month);
    return (struct llmp_span){
        .begin_s = days_of_month(year, month) * DAY_S,
        .end_s = (month == 12 ? days_of_month(year + 1, 1)
                              : days_of_month(year, month + 1)) *
                 DAY_S,
    };
}

/* 1970-01-01 was a Thursday: Monday was three days before. */
static struct llmp_span week_at(uint64_t days)
{
    uint64_t monday = days - (days + 3) % 7;

    if ((days + 3) % 7 > days) /* the week that 1970 began in */
        return (struct llmp_span){ 0, 4 * DAY_S };
    return (struct llmp_span){ monday * DAY_S, (monday + 7) * DAY_S };
}

struct llmp_span llmp_window_at(enum llmp_limit_window window, uint64_t wall_ns)
{
    uint64_t s = wall_ns / LLMP_NS_PER_S, days = s / DAY_S;

    switch (window) {
    case LLMP_WINDOW_MINUTE:
        return (struct llmp_span){ s / 60 * 60, s / 60 * 60 + 60 };
    case LLMP_WINDOW_DAY:
        return (struct llmp_span){ days * DAY_S, (days + 1) * DAY_S };
    case LLMP_WINDOW_WEEK:
        return week_at(days);
    case LLMP_WINDOW_MONTH:
        return month_at(days);
    case LLMP_WINDOW_ROLLING:
    case LLMP_WINDOW_TOTAL:
        break;
    }
    return (struct llmp_span){ 0, UINT64_MAX };
}

uint64_t llmp_limit_window_start_s(enum llmp_limit_window window,
                                   uint64_t wall_ns)
{
    return llmp_window_at(window, wall_ns).begin_s;
}
