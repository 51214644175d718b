/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines in a heap: O(log n) to set and to clear, the next one at hand. */
#ifndef LLMP_RUNTIME_TIMERS_H
#define LLMP_RUNTIME_TIMERS_H

#include <llmproxy/base.h>

struct llmp_timer {
    uint64_t at_ns;
    size_t place; /* in the heap, from 1; 0: not set */
    void (*fire)(struct llmp_timer *timer);
};

struct llmp_timers {
    struct llmp_timer **heap; /* heap[0] is unused */
    size_t count, cap;
};

void llmp_timers_fini(struct llmp_timers *timers);

/* Sets or moves. LLMP_E_NOMEM: as before. */
int llmp_timers_set(struct llmp_timers *timers, struct llmp_timer *timer,
                    uint64_t at_ns);
void llmp_timers_clear(struct llmp_timers *timers, struct llmp_timer *timer);

/* UINT64_MAX when there is none. */
uint64_t llmp_timers_next(const struct llmp_timers *timers);

/* Takes out one timer that is due, or NULL. */
struct llmp_timer *llmp_timers_due(struct llmp_timers *timers, uint64_t now_ns);

#endif
