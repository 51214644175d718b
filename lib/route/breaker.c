/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of state × event is the documentation: docs/internals/route.md
 * shows the same one with its reasons.
 */
#include "route/breaker.h"

#include "base/internal.h"

enum { STREAK_MAX = 63, DOUBLINGS_MAX = 32 };

enum action {
    STAY,
    OPEN,    /* for longer each time */
    DOWN,    /* for long */
    EXTEND,  /* not before Retry-After */
    PROBE,   /* this one attempt */
    RELEASE, /* the next may probe at once */
    CLOSE,
};

/* clang-format off */
static const uint8_t table[LLMP_BREAKER_STATES][LLMP_BREAKER_EVENTS] = {
/*             due    ok    failed trip    fatal  p.ok   p.failed p.fatal p.mute   proof  back */
[LLMP_BREAKER_CLOSED] =
             { STAY,  STAY, STAY,  OPEN,   DOWN,  STAY,  STAY,    STAY,   STAY,    STAY,  STAY    },
[LLMP_BREAKER_OPEN] =
             { PROBE, STAY, STAY,  EXTEND, DOWN,  STAY,  STAY,    STAY,   STAY,    CLOSE, RELEASE },
[LLMP_BREAKER_DOWN] =
             { PROBE, STAY, STAY,  EXTEND, STAY,  STAY,  STAY,    STAY,   STAY,    CLOSE, RELEASE },
[LLMP_BREAKER_PROBING] =
             { PROBE, STAY, STAY,  STAY,   STAY,  CLOSE, OPEN,    DOWN,   RELEASE, CLOSE, STAY    },
};
/* clang-format on */

static uint64_t tick_up(uint64_t ns)
{
    uint64_t whole = (UINT64_C(1) << LLMP_BREAKER_TICK_BITS) - 1;

    return llmp_add_sat(ns, whole) >> LLMP_BREAKER_TICK_BITS;
}

enum llmp_route_breaker llmp_breaker_state(uint64_t word)
{
    return (enum llmp_route_breaker)(word >> 62);
}

uint32_t llmp_breaker_streak(uint64_t word)
{
    return (uint32_t)(word >> 56 & STREAK_MAX);
}

uint8_t llmp_breaker_generation(uint64_t word)
{
    return (uint8_t)(word >> 48);
}

uint64_t llmp_breaker_when_ns(uint64_t word)
{
    return (word & LLMP_BREAKER_WHEN) << LLMP_BREAKER_TICK_BITS;
}

uint64_t llmp_breaker_renew(uint64_t word)
{
    return (uint64_t)(uint8_t)(llmp_breaker_generation(word) + 1) << 48;
}

uint64_t llmp_breaker_owner(uint64_t word)
{
    return (uint64_t)llmp_breaker_generation(word) << 48;
}

uint64_t llmp_breaker_closed_at(uint64_t now_ns)
{
    return tick_up(now_ns) & LLMP_BREAKER_WHEN;
}

static uint64_t pack(uint64_t old, enum llmp_route_breaker state,
                     uint32_t streak, uint64_t when)
{
    return (uint64_t)state << 62 | (uint64_t)streak << 56 |
           (uint64_t)llmp_breaker_generation(old) << 48 |
           (when & LLMP_BREAKER_WHEN);
}

/* 1 ± jitter, in parts of 2^16; the lot is as fine as that. */
static uint64_t jittered(uint64_t ns, uint64_t permille, uint64_t random)
{
    uint64_t span = 2 * permille * 65536 / 1000;
    uint64_t factor = 65536 - span / 2 + (random & 0xffff) * span / 65535;

    return ns / 65536 * factor + ns % 65536 * factor / 65536;
}

static uint64_t floor_of(const struct llmp_breaker_news *news)
{
    uint64_t most = news->health->retry_after_ns_max;

    return news->retry_after_ns < most ? news->retry_after_ns : most;
}

static uint64_t open_ns(const struct llmp_breaker_news *news, uint32_t streak)
{
    const struct llmp_health *h = news->health;
    uint32_t doublings =
        streak - 1 < DOUBLINGS_MAX ? streak - 1 : DOUBLINGS_MAX;
    uint64_t ns = llmp_mul_sat(news->open_ns, UINT64_C(1) << doublings);
    uint64_t floor_ns = floor_of(news);

    ns = jittered(ns < h->open_ns_max ? ns : h->open_ns_max, h->jitter_permille,
                  news->random);
    return ns > floor_ns ? ns : floor_ns;
}

static uint64_t after(const struct llmp_breaker_news *news, uint64_t ns)
{
    return tick_up(llmp_add_sat(news->now_ns, ns));
}

/* What failed its probe, or was closed only shortly, goes on doubling. */
static uint64_t opened(uint64_t word, const struct llmp_breaker_news *news)
{
    uint32_t streak = llmp_breaker_streak(word);
    bool again = !llmp_breaker_is_closed(word) ||
                 news->now_ns < llmp_add_sat(llmp_breaker_when_ns(word),
                                             news->health->open_ns_max);

    streak = !again ? 1 : streak < STREAK_MAX ? streak + 1 : STREAK_MAX;
    return pack(word, LLMP_BREAKER_OPEN, streak,
                after(news, open_ns(news, streak)));
}

static uint64_t downed(uint64_t word, const struct llmp_breaker_news *news)
{
    uint64_t ns = news->health->down_ns, floor_ns = floor_of(news);

    return pack(word, LLMP_BREAKER_DOWN, llmp_breaker_streak(word),
                after(news, ns > floor_ns ? ns : floor_ns));
}

static uint64_t extended(uint64_t word, const struct llmp_breaker_news *news)
{
    uint64_t floor_ns = floor_of(news), when = after(news, floor_ns);

    if (!floor_ns || when <= (word & LLMP_BREAKER_WHEN))
        return word;
    return pack(word, llmp_breaker_state(word), llmp_breaker_streak(word),
                when);
}

uint64_t llmp_breaker_next(uint64_t word, enum llmp_breaker_event event,
                           const struct llmp_breaker_news *news)
{
    enum llmp_route_breaker state = llmp_breaker_state(word);
    uint32_t streak = llmp_breaker_streak(word);

    switch ((enum action)table[state][event]) {
    case OPEN:
        return opened(word, news);
    case DOWN:
        return downed(word, news);
    case EXTEND:
        return extended(word, news);
    case PROBE:
        return pack(word, LLMP_BREAKER_PROBING, streak,
                    after(news, news->health->probe_ns));
    case RELEASE:
        return pack(word, LLMP_BREAKER_OPEN, streak,
                    llmp_breaker_tick(news->now_ns));
    case CLOSE:
        return pack(word, LLMP_BREAKER_CLOSED, streak, tick_up(news->now_ns));
    case STAY:
    default:
        return word;
    }
}
