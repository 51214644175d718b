/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of routing share: sets in one line, picks, reports. */
#ifndef TESTS_ROUTE_HELPER_H
#define TESTS_ROUTE_HELPER_H

#include <llmproxy/route.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h> /* cmocka wants it */

#include <cmocka.h>

#define MS           UINT64_C(1000000)
#define S            (1000 * MS)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
/* What a breaker's times are rounded to. */
#define TICK (UINT64_C(1) << 20)

static inline struct llmp_str text(const char *s)
{
    return (struct llmp_str){ s, strlen(s) };
}

static inline struct llmp_router *router_of(
    const struct llmp_route_health *health, uint32_t permille, uint32_t floor)
{
    struct llmp_router *router = NULL;
    struct llmp_router_options o;

    llmp_router_options_init(&o);
    o.health = health;
    o.budget.permille = permille;
    o.budget.floor = floor;
    assert_int_equal(llmp_router_new(&router, &o, NULL), LLMP_OK);
    return router;
}

/* Without jitter, so that times are exact. */
static inline struct llmp_route_health exact_health(void)
{
    struct llmp_route_health h;

    llmp_route_health_init(&h);
    h.jitter_permille = LLMP_ROUTE_OFF;
    return h;
}

static inline struct llmp_route_set *set_of(
    struct llmp_router *router, enum llmp_route_strategy strategy,
    const struct llmp_route_deployment *deployments, size_t count)
{
    struct llmp_route_set *set = NULL;
    struct llmp_route_set_options o;
    struct llmp_error err;

    llmp_route_set_options_init(&o);
    o.strategy = strategy;
    o.deployments = deployments;
    o.count = count;
    if (llmp_route_set_new(&set, router, &o, &err) != LLMP_OK)
        fail_msg("%s", err.message);
    return set;
}

static inline struct llmp_route_request ask(uint64_t random)
{
    struct llmp_route_request r;

    llmp_route_request_init(&r);
    r.random = random;
    return r;
}

static inline void report(struct llmp_route_attempt *attempt,
                          enum llmp_route_class outcome, uint64_t now_ns)
{
    struct llmp_route_outcome o;

    llmp_route_outcome_init(&o);
    o.outcome = outcome;
    llmp_route_report(attempt, &o, now_ns);
}

/* Picks and returns the index; SIZE_MAX: none. */
static inline size_t pick_report(struct llmp_route_set *set,
                                 const struct llmp_route_request *r,
                                 enum llmp_route_class outcome, uint64_t now_ns)
{
    struct llmp_route_attempt a;

    if (llmp_route_pick(&a, set, r, now_ns) != LLMP_OK)
        return SIZE_MAX;
    report(&a, outcome, now_ns);
    return a.index;
}

static inline uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;

    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    *state = x;
    return x * UINT64_C(0x2545f4914f6cdd1d);
}

#endif
