/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A limit of concurrency that adapts to the time to the first token, after
 * "Gradient2" of Netflix's concurrency-limits: the limit follows the ratio of a
 * long-term mean to the mean of the latest second or more, times a tolerance,
 * plus a few for a queue; only while it is in use.
 *
 * Where the limit is always in use, the long-term mean would learn from the
 * queue that the limit made, and both would grow without end. So it learns from
 * windows with room left, and where there are none, once a minute the limit is
 * halved until it holds, as Envoy's adaptive concurrency does: a deployment
 * that is slow by itself is as slow then, a queue is gone.
 *
 * Adding a sample is one atomic addition. Whoever closes a window by a
 * compare-and-swap computes the step alone.
 */
#ifndef LLMP_ROUTE_GRADIENT_H
#define LLMP_ROUTE_GRADIENT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "route/health.h"

/* The arithmetic's own state. */
struct llmp_gradient_state {
    double limit;     /* 0: not begun */
    double long_us;   /* long-term mean; 0: none yet */
    double kept;      /* the limit while another one is tried; 0: none is */
    uint32_t windows; /* that the mean has learned from, up to ten */
    uint32_t crowded; /* in a row without room; while trying: of the trial */
};

/* What a window saw. */
struct llmp_gradient_window {
    double mean_us;
    uint32_t in_flight_max;
    bool dropped; /* something was refused or broke */
};

/* Pure. */
void llmp_gradient_step(struct llmp_gradient_state *state,
                        const struct llmp_gradient_window *window,
                        const struct llmp_health *health);

struct llmp_gradient {
    _Atomic uint64_t sum;    /* of the window: 16 bits count, 48 bits µs */
    _Atomic uint64_t end_ns; /* before it the window is not closed */
    _Atomic uint32_t in_flight_max;
    atomic_bool dropped;
    struct {
        atomic_flag busy;
        struct llmp_gradient_state state;
    } step; /* of the thread that has raised `busy`; nobody waits for it */
};

/* One attempt that ended: its time to the first token (0: none), how many were
 * in flight with it. True: `*limit` is the new one. */
bool llmp_gradient_add(struct llmp_gradient *gradient, uint64_t ttft_ns,
                       uint32_t in_flight, bool dropped,
                       const struct llmp_health *health, uint64_t now_ns,
                       uint32_t *limit);

#endif
