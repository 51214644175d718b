/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many timers at the cost of one: a wheel of slots of one millisecond. Setting
 * and clearing is constant work, and all that is due in one millisecond is
 * done in one turn, which is what makes thousands of paced streams cheap.
 */
#ifndef LLMSIM_WHEEL_H
#define LLMSIM_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#define SIM_WHEEL_SLOTS 4096

struct sim_timer {
    struct sim_timer *prev, *next; /* NULL: not set */
    uint64_t tick;
};

struct sim_wheel {
    struct sim_timer slots[SIM_WHEEL_SLOTS];
    uint64_t used[SIM_WHEEL_SLOTS / 64]; /* a bit a slot; may be stale */
    uint64_t tick;                       /* the last one that was run */
    uint64_t count;                      /* timers that are set */
};

void sim_wheel_init(struct sim_wheel *wheel, uint64_t now_ns);

/* Runs at the first tick that is not before `at_ns`, once. */
void sim_wheel_set(struct sim_wheel *wheel, struct sim_timer *timer,
                   uint64_t at_ns);
void sim_wheel_clear(struct sim_wheel *wheel, struct sim_timer *timer);

/* When to call sim_wheel_run() next; UINT64_MAX: no timer is set. */
uint64_t sim_wheel_next_ns(struct sim_wheel *wheel);

/* Runs what is due. `run` may set and clear any timer. */
void sim_wheel_run(struct sim_wheel *wheel, uint64_t now_ns,
                   void (*run)(struct sim_timer *timer));

#endif
