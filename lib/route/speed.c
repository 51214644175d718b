/* SPDX-License-Identifier: Apache-2.0 */
/* Moving means of speed; whole numbers, so that a pair is one word. */
#include "route/speed.h"

#include "base/internal.h"

uint32_t llmp_mean_next(uint32_t mean, uint64_t sample)
{
    int64_t s = sample > UINT32_MAX ? UINT32_MAX : sample ? (int64_t)sample : 1;
    int64_t next = mean ? (int64_t)mean + (s - (int64_t)mean) / 8 : s;

    return next > 0 ? (uint32_t)next : 1;
}

static uint64_t next(uint64_t means, uint64_t ttft_ns, uint64_t token_ns)
{
    uint32_t ttft_us = (uint32_t)(means >> 32), token = (uint32_t)means;

    if (ttft_ns)
        ttft_us = llmp_mean_next(ttft_us, ttft_ns / 1000);
    if (token_ns)
        token = llmp_mean_next(token, token_ns);
    return (uint64_t)ttft_us << 32 | token;
}

void llmp_speed_add(struct llmp_speed *speed, uint64_t ttft_ns,
                    uint64_t token_ns, uint64_t now_ns)
{
    uint64_t old = atomic_load_explicit(&speed->means, memory_order_relaxed);

    if (!ttft_ns && !token_ns)
        return;
    while (!atomic_compare_exchange_weak_explicit(
        &speed->means, &old, next(old, ttft_ns, token_ns), memory_order_relaxed,
        memory_order_relaxed))
        ;
    atomic_store_explicit(&speed->seen_ns, now_ns, memory_order_relaxed);
}

struct llmp_pace llmp_speed_get(const struct llmp_speed *speed)
{
    uint64_t means = atomic_load_explicit(&speed->means, memory_order_relaxed);

    return (struct llmp_pace){ (means >> 32) * 1000, means & UINT32_MAX };
}

uint64_t llmp_speed_cost(const struct llmp_speed *speed, uint64_t tokens,
                         uint64_t stale_ns, uint64_t now_ns)
{
    struct llmp_pace pace = llmp_speed_get(speed);
    uint64_t cost =
        llmp_add_sat(pace.ttft_ns, llmp_mul_sat(pace.token_ns, tokens));
    uint64_t seen_ns =
        atomic_load_explicit(&speed->seen_ns, memory_order_relaxed);
    uint64_t age_ns = now_ns > seen_ns ? now_ns - seen_ns : 0;

    /* Halved once a period; the division is left out where it gives 0. */
    if (age_ns < stale_ns)
        return cost;
    return age_ns / stale_ns < 64 ? cost >> (age_ns / stale_ns) : 0;
}
