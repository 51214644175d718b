/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When to try again, and whether: pure functions. Both kinds of jitter are
 * those of "Exponential Backoff And Jitter" (AWS, 2015).
 */
#include "base/internal.h"
#include "route/router.h"

enum { DOUBLINGS_MAX = 40 };

/* By lot in [low, high]. */
static uint64_t between(uint64_t low, uint64_t high, uint64_t random)
{
    uint64_t span = high - low;

    return span == UINT64_MAX
               ? random
               : low + (uint64_t)((unsigned __int128)random * (span + 1) >> 64);
}

uint64_t llmp_route_backoff_full(uint64_t base_ns, uint64_t cap_ns,
                                 uint32_t attempt, uint64_t random)
{
    uint32_t n = attempt ? attempt - 1 : 0;
    uint64_t most = llmp_mul_sat(
        base_ns, UINT64_C(1) << (n < DOUBLINGS_MAX ? n : DOUBLINGS_MAX));

    return between(0, most < cap_ns ? most : cap_ns, random);
}

uint64_t llmp_route_backoff_decorrelated(uint64_t base_ns, uint64_t cap_ns,
                                         uint64_t previous_ns, uint64_t random)
{
    uint64_t before = previous_ns > base_ns ? previous_ns : base_ns;
    uint64_t most = llmp_mul_sat(before, 3);
    uint64_t wait_ns = between(base_ns, most, random);

    return wait_ns < cap_ns ? wait_ns : cap_ns;
}

bool llmp_route_is_worth(uint64_t remaining_ns, uint64_t wait_ns,
                         uint64_t expected_ns)
{
    return remaining_ns > llmp_add_sat(wait_ns, expected_ns);
}
