/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A breaker as one word, and its table of state × event. Pure: no clock, no
 * lock, no allocation; whoever owns the word swaps it.
 *
 *     63  62 | 61      56 | 55        48 | 47           0
 *      state |   streak   |  generation  |  when, ticks
 *
 * `when`: closed, since when; open or down, until when; probing, when the probe
 * is given up. `streak`: how often it opened in a row. `generation` tells the
 * successive owners of a slot apart. Zero is a new, closed breaker.
 */
#ifndef LLMP_ROUTE_BREAKER_H
#define LLMP_ROUTE_BREAKER_H

#include <llmproxy/route.h>

#include "route/health.h"

enum llmp_breaker_event {
    LLMP_BREAKER_DUE, /* a pick came after `when` */
    LLMP_BREAKER_OK,
    LLMP_BREAKER_FAILED, /* but not often enough */
    LLMP_BREAKER_TRIP,   /* too often, or told not to come */
    LLMP_BREAKER_FATAL,
    LLMP_BREAKER_PROBE_OK,
    LLMP_BREAKER_PROBE_FAILED,
    LLMP_BREAKER_PROBE_FATAL,
    LLMP_BREAKER_PROBE_MUTE, /* it ended without a verdict */
    LLMP_BREAKER_PROOF,      /* forced through, and answered */
    LLMP_BREAKER_BACK        /* a check says that it may work again */
};
#define LLMP_BREAKER_STATES 4
#define LLMP_BREAKER_EVENTS 11

/* What the event comes with. */
struct llmp_breaker_news {
    const struct llmp_health *health;
    uint64_t now_ns;
    uint64_t open_ns; /* the first open time */
    uint64_t retry_after_ns;
    uint64_t random;
};

/* Whole ticks of about a millisecond. Times of breakers are rounded up, the
 * present down, so nothing is due too early. */
enum { LLMP_BREAKER_TICK_BITS = 20 };
#define LLMP_BREAKER_WHEN ((UINT64_C(1) << 48) - 1)

static inline uint64_t llmp_breaker_tick(uint64_t ns)
{
    return ns >> LLMP_BREAKER_TICK_BITS;
}
enum llmp_route_breaker llmp_breaker_state(uint64_t word);
uint32_t llmp_breaker_streak(uint64_t word);
uint8_t llmp_breaker_generation(uint64_t word);
uint64_t llmp_breaker_when_ns(uint64_t word);

/* A new, closed breaker of the next generation. */
uint64_t llmp_breaker_renew(uint64_t word);

/* A closed breaker of the same generation. */
uint64_t llmp_breaker_owner(uint64_t word);

/* A breaker that closes now, as it is rounded. */
uint64_t llmp_breaker_closed_at(uint64_t now_ns);

/* Whether an attempt may pass: closed, or to be won by LLMP_BREAKER_DUE. */
static inline bool llmp_breaker_is_closed(uint64_t word)
{
    return word >> 62 == LLMP_BREAKER_CLOSED;
}
static inline bool llmp_breaker_is_due(uint64_t word, uint64_t now_ns)
{
    return !llmp_breaker_is_closed(word) &&
           (word & LLMP_BREAKER_WHEN) <= llmp_breaker_tick(now_ns);
}

/* The word after the event; the same word where nothing happens. */
uint64_t llmp_breaker_next(uint64_t word, enum llmp_breaker_event event,
                           const struct llmp_breaker_news *news);

#endif
