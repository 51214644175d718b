/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One limit's state: a word that threads share. What the word is depends on
 * the unit and window that the cell has for its whole life; the law it is
 * judged by may be replaced at any time.
 *
 *   rolling      TAT: the monotonic time at which the bucket is full again
 *   concurrency  how many run
 *   calendar     a pointer to a budget: the present window's count and the one
 *                before it, and what a store behind it said
 *
 * Each kind has the same four functions: see (would it pass?), take (by
 * compare-and-swap), add (debt, unasked), give (back).
 */
#ifndef LLMP_LIMIT_CELL_H
#define LLMP_LIMIT_CELL_H

#include <llmproxy/limit.h>
#include <stdatomic.h>

#include "base/internal.h"
#include "limit/pace.h"
#include "limit/window.h"

enum llmp_cell_kind {
    LLMP_CELL_ROLLING,
    LLMP_CELL_RUNNING,
    LLMP_CELL_CALENDAR
};

/* A rule made ready. Immutable; shared by all cells that obey it; lives as
 * long as the limiter. */
struct llmp_law {
    struct llmp_limit_rule rule; /* defaults filled in: `burst` is the most
                                    that one request can ever take */
    enum llmp_cell_kind kind;    /* as the rule says */
    struct llmp_pace pace;       /* rolling; closed: never passes */
    uint64_t soft;               /* calendar: units; 0: none */
    bool closed;                 /* amount 0 */
    struct llmp_law *next;
};

struct llmp_budget_window {
    _Atomic uint64_t begin_s;
    _Atomic uint64_t used;    /* leased: with what was returned */
    _Atomic uint64_t granted; /* leased: so far, returned or not */
    atomic_bool soft_said;
};

/* What a leased window is to others. Only `used` above decides what passes:
 * what is returned is taken there first, like a request's amount, so nobody
 * can spend it meanwhile. */
struct llmp_lease_window {
    _Atomic uint64_t returned;  /* to the store, of what was granted */
    _Atomic uint64_t elsewhere; /* used or held by others, as last heard */
    _Atomic uint64_t held;      /* what the store has as our lease */
    _Atomic uint64_t seen_used; /* the last time that somebody looked at it */
    _Atomic uint64_t seen_s;    /* since when `used` has been that */
    _Atomic uint64_t since_s;   /* when the lease was begun */
};

/* `turn` counts windows: window number n is at n % 2, so that who is late for
 * a turn writes to the one before, not to the new one. */
struct llmp_budget {
    struct llmp_budget_window windows[2]; /* a cache line */
    _Atomic uint64_t end_s;               /* of the present one; 0: unused */
    _Atomic uint64_t turn;
    const struct llmp_backing *backing; /* the limiter's */
    atomic_flag turning;         /* or what is left is being taken back */
    atomic_bool known;           /* what had been used before was restored */
    _Atomic uint64_t low;        /* leased: ask again when so much is left */
    _Atomic uint64_t quiet_s;    /* leased: do not ask again before */
    _Atomic uint64_t missed_sum; /* leased: what was refused since, */
    _Atomic uint64_t missed_max; /* and the largest of it */
    struct llmp_lease_window leases[2];
    void *memory; /* where the allocation begins */
};

/* What stands behind all calendar's cells of a limiter: read by all, written
 * hardly ever. */
struct llmp_backing {
    _Atomic uint32_t kind; /* enum llmp_limit_backing */
    /* Until then (seconds since 1970) cells go on by what they know. */
    _Atomic uint64_t alone_until_s;
};

struct llmp_cell {
    const struct llmp_law *_Atomic law; /* NULL: no limit now */
    union {
        _Atomic uint64_t word;
        struct llmp_budget *budget;
    };
};

static inline bool llmp_law_is_rolling(const struct llmp_limit_rule *rule)
{
    return rule->unit != LLMP_LIMIT_CONCURRENCY &&
           rule->window == LLMP_WINDOW_ROLLING;
}

/* What one cell would have to do. `see` notes what it saw, `take` begins with
 * that: in the ordinary case nothing is read twice. */
struct llmp_taking {
    const struct llmp_law *law;
    uint64_t amount; /* units */
    uint64_t cost;   /* rolling: nanoseconds; else units */
    uint64_t seen;   /* the word that is to be replaced */
    uint64_t mark;   /* see struct llmp_limit_hold */
    uint64_t limit;  /* calendar: of the word, for us, when it was seen */
    bool leased;     /* calendar: the limit is what was granted */
    bool hungry;     /* calendar: the store is to be asked */
    bool pending;    /* it did not pass, but may when the store has answered */
};

/* Fills in all but the scope on refusal. */
struct llmp_limit_refusal;

/* Rolling limits by GCRA (ITU-T I.371): the state is the theoretical arrival
 * time, TAT. What was taken lies in front of it like a queue that drains with
 * time; a bucket of depth B admits what ends no later than now + B. */
static inline uint64_t llmp_rolling_after(uint64_t tat, uint64_t cost_ns,
                                          uint64_t now_ns)
{
    return llmp_add_sat(tat > now_ns ? tat : now_ns, cost_ns);
}

static inline bool llmp_rolling_passes(struct llmp_taking *t, uint64_t now_ns)
{
    t->mark = llmp_rolling_after(t->seen, t->cost, now_ns);
    return t->mark - now_ns <= t->law->pace.burst_ns;
}

static inline bool llmp_rolling_see(const struct llmp_cell *cell,
                                    struct llmp_taking *t, uint64_t now_ns)
{
    t->seen = atomic_load_explicit(&cell->word, memory_order_relaxed);
    return llmp_rolling_passes(t, now_ns);
}

static inline bool llmp_rolling_take(struct llmp_cell *cell,
                                     struct llmp_taking *t, uint64_t now_ns)
{
    while (!atomic_compare_exchange_weak_explicit(&cell->word, &t->seen,
                                                  t->mark, memory_order_relaxed,
                                                  memory_order_relaxed))
        if (!llmp_rolling_passes(t, now_ns))
            return false;
    return true;
}

/* cell_rolling.c */
void llmp_rolling_add(struct llmp_cell *cell, uint64_t cost_ns, uint64_t now_ns,
                      uint64_t *mark);
/* Gives back what has not drained of `cost_ns`, taken when TAT became `mark`;
 * returns it. */
uint64_t llmp_rolling_give(struct llmp_cell *cell, uint64_t cost_ns,
                           uint64_t mark, uint64_t now_ns);
void llmp_rolling_refusal(const struct llmp_cell *cell,
                          const struct llmp_taking *t, uint64_t now_ns,
                          struct llmp_limit_refusal *refusal);
void llmp_rolling_look(const struct llmp_cell *cell, const struct llmp_law *law,
                       uint64_t now_ns, struct llmp_limit_state *state);

/* cell_calendar.c */
struct llmp_budget *llmp_budget_new(const struct llmp_backing *backing);
bool llmp_calendar_see(struct llmp_cell *cell, struct llmp_taking *t,
                       uint64_t wall_ns);
bool llmp_calendar_take(struct llmp_cell *cell, struct llmp_taking *t,
                        uint64_t wall_ns, bool *crossed);
/* To the window `mark` while it is remembered; what belongs to an older one is
 * the ledger's only. True: it is beyond what was granted, and there is no lease
 * whose end would tell the store. */
bool llmp_calendar_add(struct llmp_cell *cell, uint64_t amount, uint64_t mark,
                       bool *crossed);
/* True: what came back is of a lease that has ended, so the store is to be told
 * of it. */
bool llmp_calendar_give(struct llmp_cell *cell, uint64_t amount, uint64_t mark);
void llmp_calendar_refusal(struct llmp_cell *cell, const struct llmp_taking *t,
                           uint64_t wall_ns,
                           struct llmp_limit_refusal *refusal);
void llmp_calendar_look(struct llmp_cell *cell, const struct llmp_law *law,
                        uint64_t wall_ns, struct llmp_limit_state *state);
/* The present window, turned if its time has come. */
struct llmp_budget_window *llmp_calendar_window(struct llmp_budget *budget,
                                                enum llmp_limit_window window,
                                                uint64_t wall_ns,
                                                uint64_t *turn);

static inline bool llmp_budget_is_backed(const struct llmp_budget *budget,
                                         enum llmp_limit_backing kind)
{
    return atomic_load_explicit(&budget->backing->kind, memory_order_relaxed) ==
           (uint32_t)kind;
}

static inline bool llmp_budget_is_leased(const struct llmp_budget *budget,
                                         const struct llmp_law *law)
{
    return law->rule.leased ||
           llmp_budget_is_backed(budget, LLMP_BACKING_SHARED);
}

/* Of a lease that has ended, there is something left: it came back since. */
static inline bool llmp_budget_has_late(struct llmp_budget *budget,
                                        uint32_t window)
{
    struct llmp_budget_window *w = &budget->windows[window];

    return atomic_load(&w->used) < atomic_load(&w->granted) &&
           atomic_load(&budget->leases[window].held) == 0;
}

/* More was used than was granted. */
static inline uint64_t llmp_budget_debt(struct llmp_budget_window *window)
{
    uint64_t used = atomic_load(&window->used);
    uint64_t granted = atomic_load(&window->granted);

    return used > granted ? used - granted : 0;
}

/* What this process has used of the window. */
static inline uint64_t llmp_budget_own(struct llmp_budget *budget,
                                       struct llmp_budget_window *window)
{
    uint64_t used = atomic_load(&window->used);
    uint64_t returned =
        atomic_load(&budget->leases[window - budget->windows].returned);

    return used > returned ? used - returned : 0;
}

/* And what others have or hold, as far as is known. */
static inline uint64_t llmp_budget_elsewhere(struct llmp_budget *budget,
                                             struct llmp_budget_window *window)
{
    return atomic_load(&budget->leases[window - budget->windows].elsewhere);
}

#endif
