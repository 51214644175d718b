/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cells that share a budget with other processes: they spend slices which the
 * shared store grants. A slice is a 32nd of the whole, or what the largest
 * refused request needed; the next is asked for when half of one is left.
 */
#include "base/internal.h"
#include "limit/limiter.h"

enum { SLICES = 32, QUIET_S = 1 };

static uint64_t slice_of(const struct llmp_law *law,
                         const struct llmp_budget *budget)
{
    uint64_t slice = law->rule.amount / SLICES + 1;
    uint64_t missed = atomic_load(&budget->missed);

    slice = missed > slice ? missed : slice;
    return slice < law->rule.amount ? slice : law->rule.amount;
}

static bool wants(struct llmp_limit_scope *scope, uint32_t i,
                  struct llmp_time now, struct llmp_limit_want *want)
{
    const struct llmp_law *law = atomic_load(&scope->cells[i].law);
    uint64_t turn;

    if (!law || !law->rule.leased || law->closed)
        return false;

    struct llmp_budget *budget = scope->cells[i].budget;
    struct llmp_budget_window *w =
        llmp_calendar_window(budget, law->rule.window, now.wall_ns, &turn);
    uint64_t granted = atomic_load(&w->granted), used = atomic_load(&w->used);
    uint64_t left = used < granted ? granted - used : 0;
    uint64_t slice = slice_of(law, budget);

    if (left > slice / 2 ||
        now.wall_ns / LLMP_NS_PER_S < atomic_load(&budget->quiet_s))
        return false;
    *want = (struct llmp_limit_want){
        .scope = llmp_limit_scope_ref(scope),
        .unit = law->rule.unit,
        .window = law->rule.window,
        .window_start_s = atomic_load(&w->begin_s),
        .limit = law->rule.amount,
        .want = slice + (used > granted ? used - granted : 0),
    };
    return true;
}

/* The cursor counts (shard, scope in it, cell): 6, 42 and 16 bits. */
static bool next_in_shard(struct llmp_shard *shard, uint64_t *scope_at,
                          uint64_t *cell_at, struct llmp_time now,
                          struct llmp_limit_want *want)
{
    uint64_t seen = 0;

    for (size_t k = 0; k < shard->synced.chain_count; k++)
        for (struct llmp_limit_scope *s = shard->synced.chains[k]; s;
             s = s->next, seen++) {
            if (seen < *scope_at)
                continue;
            for (uint32_t i = (uint32_t)*cell_at; i < s->cell_count; i++)
                if (wants(s, i, now, want)) {
                    *scope_at = seen;
                    *cell_at = i + 1;
                    return true;
                }
            *cell_at = 0;
        }
    return false;
}

bool llmp_limit_lease_next(struct llmp_limiter *limiter, uint64_t *cursor,
                           struct llmp_time now, struct llmp_limit_want *want)
{
    uint64_t shard = *cursor >> 58;
    uint64_t scope = *cursor >> 16 & ((UINT64_C(1) << 42) - 1);
    uint64_t cell = *cursor & 0xffff;

    for (; shard < LLMP_SHARDS; shard++, scope = cell = 0) {
        llmp_spin_lock(&limiter->shards[shard].locked);
        bool found =
            next_in_shard(&limiter->shards[shard], &scope, &cell, now, want);
        llmp_spin_unlock(&limiter->shards[shard].locked);
        if (found) {
            *cursor = shard << 58 | scope << 16 | cell;
            return true;
        }
    }
    return false;
}

static struct llmp_budget *budget_of(struct llmp_limit_scope *scope,
                                     enum llmp_limit_unit unit,
                                     enum llmp_limit_window window)
{
    uint32_t cells =
        atomic_load_explicit(&scope->cell_count, memory_order_acquire);

    for (uint32_t i = 0; i < cells; i++)
        if (llmp_scope_is_calendar(scope, i) && scope->units[i] == unit &&
            scope->windows[i] == window)
            return scope->cells[i].budget;
    return NULL;
}

void llmp_limit_lease_grant(const struct llmp_limit_want *want,
                            uint64_t granted, struct llmp_time now)
{
    struct llmp_budget *budget =
        budget_of(want->scope, want->unit, want->window);
    uint64_t turn;

    if (!budget)
        return;

    struct llmp_budget_window *w =
        llmp_calendar_window(budget, want->window, now.wall_ns, &turn);

    if (granted == 0)
        atomic_store(&budget->quiet_s, now.wall_ns / LLMP_NS_PER_S + QUIET_S);
    if (atomic_load(&w->begin_s) != want->window_start_s)
        return; /* granted for a window that is over: counts as used */
    atomic_fetch_add(&w->granted, granted);
    atomic_store(&budget->missed, 0);
}

uint64_t llmp_limit_lease_reclaim(struct llmp_limit_scope *scope,
                                  enum llmp_limit_unit unit,
                                  enum llmp_limit_window window,
                                  uint64_t window_start_s)
{
    struct llmp_budget *budget = budget_of(scope, unit, window);

    for (size_t i = 0; budget && i < 2; i++) {
        struct llmp_budget_window *w = &budget->windows[i];
        uint64_t granted, used;

        if (atomic_load(&w->begin_s) != window_start_s ||
            atomic_load(&w->granted) == 0)
            continue;
        /* First nothing more can be taken, then what is left is counted. */
        granted = atomic_exchange(&w->granted, 0);
        used = atomic_load(&w->used);
        if (used >= granted)
            return 0;
        return granted - used;
    }
    return 0;
}
