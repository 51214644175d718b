/* SPDX-License-Identifier: Apache-2.0 */
#include "limit/pace.h"

#include "base/internal.h"

typedef unsigned __int128 u128;

/*
 * The factor has as many binary digits behind its point as fit, so a span is
 * wrong by less than one nanosecond in 2^62, and always on the long side.
 */
bool llmp_pace_init(struct llmp_pace *pace, uint64_t amount, uint64_t period_ns,
                    uint64_t burst)
{
    uint32_t shift = 63;

    assert(amount > 0 && period_ns > 0 && burst > 0);
    while (shift > 0 &&
           (((u128)period_ns << shift) + amount - 1) / amount > UINT64_MAX)
        shift--;

    u128 factor = (((u128)period_ns << shift) + amount - 1) / amount;

    if (factor > UINT64_MAX)
        return false;
    pace->factor = (uint64_t)factor;
    pace->shift = shift;
    pace->rounding = (UINT64_C(1) << shift) - 1;
    pace->burst_ns = llmp_pace_ns(pace, burst);
    return pace->burst_ns < LLMP_PACE_NS_MAX;
}

uint64_t llmp_pace_units(const struct llmp_pace *pace, uint64_t ns)
{
    u128 units = ((u128)ns << pace->shift) / pace->factor;

    return units > UINT64_MAX ? UINT64_MAX : (uint64_t)units;
}
