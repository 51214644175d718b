/* SPDX-License-Identifier: Apache-2.0 */
/* See gradient.h. Constants are those of the original unless a comment says
 * why not. */
#include "route/gradient.h"

#include "base/internal.h"

#define WINDOW_NS   LLMP_NS_PER_S
#define WINDOW_MIN  10 /* samples */
#define WARM_UP     10 /* windows whose plain mean begins the long-term one */
#define LONG_WINDOW 600.0
#define SMOOTHING   0.2
#define QUEUE       4.0
#define BACK_OFF    0.9
#define TRY_AFTER                                                          \
    60             /* crowded windows; not in the original, see gradient.h \
                    */
#define TRY_MAX 30 /* windows until what is in flight has come down */

#define US_BITS 48
#define US_MAX  ((UINT64_C(1) << 32) - 1) /* of one sample: 71 minutes */

static double clamp(double value, double least, double most)
{
    return value < least ? least : value > most ? most : value;
}

static void learn_long(struct llmp_gradient_state *state, double mean_us)
{
    double part = 2.0 / (LONG_WINDOW + 1);

    if (state->windows < WARM_UP)
        part = 1.0 / ++state->windows;
    state->long_us += (mean_us - state->long_us) * part;
    /* What was slow for long must not forgive everything when it is over. */
    if (state->long_us > 2 * mean_us)
        state->long_us *= 0.95;
}

/* The limit is halved: once no more than that are in flight, the time is that
 * of a deployment without a queue, and is believed at once. */
static void try_less(struct llmp_gradient_state *state,
                     const struct llmp_gradient_window *window)
{
    bool came_down = window->in_flight_max <= state->limit;

    if (!came_down && ++state->crowded < TRY_MAX)
        return;
    if (came_down)
        state->long_us = window->mean_us;
    state->limit = state->kept;
    state->kept = 0;
    state->crowded = 0;
}

/* After a minute without room another limit is tried. */
static void count_crowded(struct llmp_gradient_state *state, bool crowded,
                          const struct llmp_health *health)
{
    state->crowded = crowded ? state->crowded + 1 : 0;
    if (state->crowded < TRY_AFTER)
        return;
    state->crowded = 0;
    state->kept = state->limit;
    state->limit = clamp(state->limit / 2, (double)health->limit_min,
                         (double)health->limit_max);
}

static double follow(const struct llmp_gradient_state *state, double mean_us,
                     const struct llmp_health *health)
{
    double tolerance = (double)health->tolerance_permille / 1000;
    double gradient = clamp(tolerance * state->long_us / mean_us, 0.5, 1.0);
    double next = state->limit * gradient + QUEUE;

    return state->limit * (1 - SMOOTHING) + next * SMOOTHING;
}

void llmp_gradient_step(struct llmp_gradient_state *state,
                        const struct llmp_gradient_window *window,
                        const struct llmp_health *health)
{
    if (state->limit < 1)
        state->limit = (double)health->limit_first;
    if (state->kept > 0) {
        try_less(state, window);
        return;
    }

    bool used = window->in_flight_max >= state->limit / 2;
    bool faster = window->mean_us < state->long_us;

    if (!used || faster || state->windows < WARM_UP)
        learn_long(state, window->mean_us);
    if (window->dropped)
        state->limit *= BACK_OFF;
    else if (used) /* else nobody knows what more would do */
        state->limit = follow(state, window->mean_us, health);
    state->limit = clamp(state->limit, (double)health->limit_min,
                         (double)health->limit_max);
    count_crowded(state, used, health);
}

static void raise_to(_Atomic uint32_t *most, uint32_t value)
{
    uint32_t old = atomic_load_explicit(most, memory_order_relaxed);

    while (old < value &&
           !atomic_compare_exchange_weak_explicit(
               most, &old, value, memory_order_relaxed, memory_order_relaxed))
        ;
}

/* Under `busy`. */
static bool close_window(struct llmp_gradient *g,
                         const struct llmp_health *health, uint64_t now_ns,
                         uint32_t *limit)
{
    uint64_t sum = atomic_load(&g->sum);

    if (now_ns < atomic_load(&g->end_ns) || sum >> US_BITS < WINDOW_MIN)
        return false; /* somebody was faster */
    sum = atomic_exchange(&g->sum, 0);

    double us = (double)(sum & ((UINT64_C(1) << US_BITS) - 1));
    struct llmp_gradient_window window = {
        .mean_us = clamp(us / (double)(sum >> US_BITS), 1, us + 1),
        .in_flight_max = atomic_exchange(&g->in_flight_max, 0),
        .dropped = atomic_exchange(&g->dropped, false),
    };

    atomic_store(&g->end_ns, llmp_add_sat(now_ns, WINDOW_NS));
    llmp_gradient_step(&g->step.state, &window, health);
    *limit = (uint32_t)g->step.state.limit;
    return true;
}

bool llmp_gradient_add(struct llmp_gradient *g, uint64_t ttft_ns,
                       uint32_t in_flight, bool dropped,
                       const struct llmp_health *health, uint64_t now_ns,
                       uint32_t *limit)
{
    uint64_t us = ttft_ns / 1000 < US_MAX ? ttft_ns / 1000 : US_MAX;
    uint64_t sum = atomic_load_explicit(&g->sum, memory_order_relaxed);
    bool closed = false;

    raise_to(&g->in_flight_max, in_flight);
    if (dropped)
        atomic_store_explicit(&g->dropped, true, memory_order_relaxed);
    if (ttft_ns && sum >> US_BITS < UINT16_MAX / 2)
        sum = atomic_fetch_add_explicit(&g->sum, UINT64_C(1) << US_BITS | us,
                                        memory_order_relaxed) +
              (UINT64_C(1) << US_BITS);
    if (sum >> US_BITS < WINDOW_MIN ||
        now_ns < atomic_load_explicit(&g->end_ns, memory_order_relaxed) ||
        atomic_flag_test_and_set(&g->step.busy))
        return false;
    closed = close_window(g, health, now_ns, limit);
    atomic_flag_clear(&g->step.busy);
    return closed;
}
