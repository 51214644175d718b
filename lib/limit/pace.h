/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rate as nanoseconds an amount: `amount` units pass in `period_ns`, `burst`
 * of them at once. Pure arithmetic.
 */
#ifndef LLMP_LIMIT_PACE_H
#define LLMP_LIMIT_PACE_H

#include <stdbool.h>
#include <stdint.h>

/* No span is longer: what is above it is as good as never, and two of them
 * still fit into a word. */
#define LLMP_PACE_NS_MAX (UINT64_C(1) << 62)

struct llmp_pace {
    uint64_t factor;   /* nanoseconds of a unit, times 2^shift, rounded up */
    uint64_t rounding; /* what makes a part of a nanosecond a whole one */
    uint32_t shift;    /* below 64 */
    uint64_t burst_ns;
};

/* False if a bucket would be more than LLMP_PACE_NS_MAX deep. All > 0. */
bool llmp_pace_init(struct llmp_pace *pace, uint64_t amount, uint64_t period_ns,
                    uint64_t burst);

/* The time that `units` take: rounded up, at most LLMP_PACE_NS_MAX. */
static inline uint64_t llmp_pace_ns(const struct llmp_pace *pace,
                                    uint64_t units)
{
    unsigned __int128 product =
        (unsigned __int128)units * pace->factor + pace->rounding;
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    uint32_t shift = pace->shift & 63; /* as it is; the compiler sees it */

    if (high >> shift)
        return LLMP_PACE_NS_MAX;

    uint64_t ns = (uint64_t)(((unsigned __int128)high << 64 | low) >> shift);

    return ns > LLMP_PACE_NS_MAX ? LLMP_PACE_NS_MAX : ns;
}

/* The most units that take no longer than `ns`. */
uint64_t llmp_pace_units(const struct llmp_pace *pace, uint64_t ns);

#endif
