/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets by the leading one bit and the three bits below it. */
#include "route/quantile.h"

enum { FIRST_BIT = 20, STEP_BITS = 3, FULL = 1024 };

static uint32_t bucket_of(uint64_t ns)
{
    if (ns < UINT64_C(1) << FIRST_BIT)
        return 0;

    uint32_t bit = 63 - (uint32_t)__builtin_clzll(ns);
    uint32_t step =
        (uint32_t)(ns >> (bit - STEP_BITS)) & (LLMP_QUANTILE_STEPS - 1);
    uint32_t bucket = (bit - FIRST_BIT) * LLMP_QUANTILE_STEPS + step;

    return bucket < LLMP_QUANTILE_BUCKETS ? bucket : LLMP_QUANTILE_BUCKETS - 1;
}

/* Its lower end; that of the next one is its upper end. */
static uint64_t begin_of(uint32_t bucket)
{
    uint64_t steps = LLMP_QUANTILE_STEPS + bucket % LLMP_QUANTILE_STEPS;

    return steps << (FIRST_BIT - STEP_BITS + bucket / LLMP_QUANTILE_STEPS);
}

/* By the one thread that saw it full. */
static void halve(struct llmp_quantile *q)
{
    uint32_t total = 0;

    for (int i = 0; i < LLMP_QUANTILE_BUCKETS; i++) {
        uint32_t n = atomic_load_explicit(&q->counts[i], memory_order_relaxed);

        /* Rounded up, or rare long times would be forgotten first. */
        atomic_fetch_sub_explicit(&q->counts[i], n / 2, memory_order_relaxed);
        total += n - n / 2;
    }
    atomic_store_explicit(&q->total, total, memory_order_relaxed);
}

void llmp_quantile_add(struct llmp_quantile *q, uint64_t ns)
{
    atomic_fetch_add_explicit(&q->counts[bucket_of(ns)], 1,
                              memory_order_relaxed);
    if (atomic_fetch_add_explicit(&q->total, 1, memory_order_relaxed) + 1 ==
        FULL)
        halve(q);
}

bool llmp_quantile_any(const struct llmp_quantile *q)
{
    return atomic_load_explicit(&q->total, memory_order_relaxed) != 0;
}

uint64_t llmp_quantile_get(const struct llmp_quantile *q, uint32_t permille)
{
    uint64_t sum = 0, below = 0, want;

    for (int i = 0; i < LLMP_QUANTILE_BUCKETS; i++)
        sum += atomic_load_explicit(&q->counts[i], memory_order_relaxed);
    if (sum == 0)
        return 0;
    want = (sum * permille + 999) / 1000;
    want = want ? want : 1;
    for (uint32_t i = 0; i < LLMP_QUANTILE_BUCKETS; i++) {
        below += atomic_load_explicit(&q->counts[i], memory_order_relaxed);
        if (below >= want)
            return begin_of(i) + (begin_of(i + 1) - begin_of(i)) / 2;
    }
    return begin_of(LLMP_QUANTILE_BUCKETS);
}
