/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Scopes and where they are found. A scope never moves and its cells keep
 * their (unit, window) for life, so what holds a reference needs no lock.
 */
#ifndef LLMP_LIMIT_LIMITER_H
#define LLMP_LIMIT_LIMITER_H

#include "limit/cell.h"

enum { LLMP_SHARDS = 64, LLMP_LAW_CHAINS = 1 << 14, LLMP_GUESSES = 1 << 16 };

/* What a request needs of a scope with two limits is one cache line. */
struct llmp_limit_scope {
    _Atomic uint32_t cell_count; /* grows only */
    _Atomic uint32_t refs;
    uint16_t id_len;
    uint8_t kind;          /* enum llmp_limit_kind */
    _Atomic uint8_t tight; /* its last answer was a refusal */
    struct llmp_cell cells[LLMP_LIMIT_CELLS_MAX];
    uint8_t units[LLMP_LIMIT_CELLS_MAX];
    uint8_t windows[LLMP_LIMIT_CELLS_MAX];
    struct llmp_limit_scope *next; /* in its chain; under the shard's lock */
    void *memory;                  /* where the allocation begins */
    uint64_t hash;
    struct llmp_limiter *limiter;
    atomic_bool hungry; /* in the limiter's list of those, or being asked for */
    bool holds;         /* in the list of those that hold leases */
    struct llmp_limit_scope *hungry_next, *holding_next;
    char id[];
};

/* Held for a look-up or a change of rules: nothing that a request's path needs
 * once its scopes are known. */
struct llmp_shard {
    atomic_flag locked;
    struct {
        struct llmp_limit_scope **chains;
        size_t chain_count; /* a power of two */
        size_t scope_count;
        size_t swept; /* chain that the next sweep begins at */
    } synced;
};

struct llmp_limiter {
    struct llmp_shard shards[LLMP_SHARDS];
    _Atomic uint64_t scope_count;
    uint64_t scopes_max;
    atomic_flag laws_locked;
    struct llmp_law *laws[LLMP_LAW_CHAINS]; /* by hash of the rule */
    size_t law_count;
    _Atomic uint32_t sweep_shard;
    struct llmp_backing backing;
    /* Scopes that want to be asked for, with a reference each: pushed by any
     * thread, all taken at once by the one that asks. */
    struct llmp_limit_scope *_Atomic hungry;
    struct {                             /* the thread that asks, only */
        struct llmp_limit_scope *hungry; /* not yet asked for */
        struct llmp_limit_scope *asked;  /* being asked for */
        struct llmp_limit_scope *holding, **spare_at;
    } asker;
    _Atomic uint64_t guesses[LLMP_GUESSES];
};

/* Zeroed memory that begins with a cache line, so that what threads share is
 * not torn over two; `*memory` is what llmp_free() wants. */
void *llmp_alloc_line(size_t size, void **memory);

/* lease.c: somebody is to ask the store about it. */
void llmp_scope_hunger(struct llmp_limit_scope *scope);
/* lease.c: all processes together have used or hold so much. */
void llmp_budget_note_taken(struct llmp_budget *budget,
                            struct llmp_budget_window *w, uint64_t taken);
/* lease.c: drops what the lists refer to. */
void llmp_leases_free(struct llmp_limiter *limiter);

void llmp_spin_lock(atomic_flag *flag);
void llmp_spin_unlock(atomic_flag *flag);

static inline bool llmp_scope_is_rolling(const struct llmp_limit_scope *scope,
                                         uint32_t cell)
{
    return scope->units[cell] != LLMP_LIMIT_CONCURRENCY &&
           scope->windows[cell] == LLMP_WINDOW_ROLLING;
}

static inline bool llmp_scope_is_calendar(const struct llmp_limit_scope *scope,
                                          uint32_t cell)
{
    return scope->units[cell] != LLMP_LIMIT_CONCURRENCY &&
           scope->windows[cell] != LLMP_WINDOW_ROLLING;
}

/* law.c: the shared one that says the same; `out` untouched on failure. */
int llmp_law_get(const struct llmp_law **out, struct llmp_limiter *limiter,
                 const struct llmp_limit_rule *rule, struct llmp_error *err);
/* Whether it is what llmp_law_get() gives for the rule. */
bool llmp_law_says(const struct llmp_law *law,
                   const struct llmp_limit_rule *rule);
void llmp_laws_free(struct llmp_limiter *limiter);

#endif
