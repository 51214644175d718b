/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long answers are: the 90th percentile by stochastic approximation, in
 * sixteenths of an octave. An answer above the estimate raises it by nine
 * steps, one below lowers it by one: they balance where one in ten is above.
 * An entry is one word: 32 bits of the pair's hash, how many were seen, the
 * estimate. Threads may lose one another's updates; an estimate bears that.
 */
#include "base/internal.h"
#include "limit/limiter.h"

enum { SEEN_FIRST = 8, SEEN_MAX = 255, STEP_UP = 9, PARTS = 16 };

struct guess {
    uint32_t tag;
    uint32_t seen;
    uint32_t level; /* log2 of tokens, in 1/(16 * PARTS) */
};

#define SCALE (16 * PARTS)

static struct guess unpack(uint64_t word)
{
    return (struct guess){ (uint32_t)(word >> 32),
                           (uint32_t)(word >> 24 & 0xff),
                           (uint32_t)(word & 0xffffff) };
}

static uint64_t pack(struct guess g)
{
    return (uint64_t)g.tag << 32 | (uint64_t)g.seen << 24 | g.level;
}

/* log2 of n + 1, in 1/SCALE: the exponent, and the mantissa taken as linear,
 * which is off by less than a tenth of an octave. */
static uint32_t level_of(uint64_t n)
{
    uint64_t v = n < UINT64_MAX ? n + 1 : n;
    uint32_t e = 63 - (uint32_t)__builtin_clzll(v);
    uint64_t fraction = e >= 8 ? (v >> (e - 8)) & 0xff : (v << (8 - e)) & 0xff;

    return e * SCALE + (uint32_t)fraction * SCALE / 256;
}

static uint64_t tokens_of(uint32_t level)
{
    uint32_t e = level / SCALE;
    uint64_t mantissa = SCALE + level % SCALE;

    return e >= 55 ? UINT64_C(1) << 55 : (mantissa << e) / SCALE;
}

static _Atomic uint64_t *entry_of(const struct llmp_limiter *limiter,
                                  uint64_t pair)
{
    struct llmp_limiter *l = (struct llmp_limiter *)(uintptr_t)limiter;

    return &l->guesses[pair % LLMP_GUESSES];
}

uint64_t llmp_limit_guess(const struct llmp_limiter *limiter, uint64_t pair,
                          uint64_t otherwise)
{
    struct guess g = unpack(
        atomic_load_explicit(entry_of(limiter, pair), memory_order_relaxed));

    return g.tag == (uint32_t)(pair >> 32) && g.seen >= SEEN_FIRST
               ? tokens_of(g.level)
               : otherwise;
}

/* Large steps at first, small ones later. */
static uint32_t step_of(uint32_t seen)
{
    return seen < 16 ? 8 : seen < 64 ? 4 : 2;
}

void llmp_limit_learn(struct llmp_limiter *limiter, uint64_t pair,
                      uint64_t output_tokens)
{
    _Atomic uint64_t *entry = entry_of(limiter, pair);
    struct guess g = unpack(atomic_load_explicit(entry, memory_order_relaxed));
    uint32_t level = level_of(output_tokens);

    if (g.tag != (uint32_t)(pair >> 32) || g.seen == 0) {
        g = (struct guess){ (uint32_t)(pair >> 32), 1, level };
    } else {
        uint32_t step = step_of(g.seen);

        if (level > g.level) /* not past what was seen */
            g.level += level - g.level < STEP_UP * step ? level - g.level
                                                        : STEP_UP * step;
        else if (level < g.level)
            g.level -= g.level - level < step ? g.level - level : step;
        g.seen += g.seen < SEEN_MAX;
    }
    atomic_store_explicit(entry, pack(g), memory_order_relaxed);
}
