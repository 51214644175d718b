/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Budgets of a calendar window. The present window is turned by the first
 * caller that finds its end behind it; others meanwhile go on in the old one,
 * whose limit holds as before. A clock that jumps back changes nothing: the
 * window that was reached stays.
 */
#include "base/internal.h"
#include "limit/limiter.h"

struct llmp_budget *llmp_budget_new(const struct llmp_backing *backing)
{
    void *memory;
    struct llmp_budget *budget = llmp_alloc_line(sizeof(*budget), &memory);

    if (budget) {
        budget->memory = memory;
        budget->backing = backing;
        atomic_flag_clear(&budget->turning);
    }
    return budget;
}

static struct llmp_budget_window *window_of(struct llmp_budget *budget,
                                            uint64_t turn)
{
    return &budget->windows[turn % 2];
}

static void turn_window(struct llmp_budget *budget, enum llmp_limit_window kind,
                        uint64_t wall_ns)
{
    struct llmp_span span = llmp_window_at(kind, wall_ns);
    uint64_t turn = atomic_load(&budget->turn) + 1;
    struct llmp_budget_window *next = window_of(budget, turn);
    struct llmp_lease_window *lease = &budget->leases[turn % 2];

    atomic_store(&lease->returned, 0);
    atomic_store(&lease->elsewhere, 0);
    atomic_store(&lease->held, 0);
    atomic_store(&lease->seen_s, 0);
    atomic_store(&next->begin_s, span.begin_s);
    atomic_store(&next->used, 0);
    atomic_store(&next->granted, 0);
    atomic_store(&next->soft_said, false);
    atomic_store(&budget->missed_sum, 0);
    atomic_store(&budget->missed_max, 0);
    atomic_store(&budget->quiet_s, 0);
    atomic_store(&budget->low, 0);
    atomic_store_explicit(&budget->turn, turn, memory_order_release);
    atomic_store_explicit(&budget->end_s, span.end_s, memory_order_release);
}

struct llmp_budget_window *llmp_calendar_window(struct llmp_budget *budget,
                                                enum llmp_limit_window kind,
                                                uint64_t wall_ns,
                                                uint64_t *turn)
{
    uint64_t s = wall_ns / LLMP_NS_PER_S;
    uint64_t end_s;

    while (s >= (end_s = atomic_load_explicit(&budget->end_s,
                                              memory_order_acquire))) {
        if (!atomic_flag_test_and_set_explicit(&budget->turning,
                                               memory_order_acquire)) {
            if (s >= atomic_load(&budget->end_s))
                turn_window(budget, kind, wall_ns);
            atomic_flag_clear_explicit(&budget->turning, memory_order_release);
        } else if (end_s != 0) {
            break; /* somebody else is at it: the old window will do */
        }
    }
    *turn = atomic_load_explicit(&budget->turn, memory_order_acquire);
    return window_of(budget, *turn);
}

static bool is_alone(const struct llmp_budget *budget, uint64_t wall_s)
{
    return atomic_load_explicit(&budget->backing->alone_until_s,
                                memory_order_relaxed) > wall_s;
}

/* Of `used`, where it is leased. Who is alone goes on as if others used no more
 * than they had when they were last heard of. */
static uint64_t leased_limit(const struct llmp_law *law,
                             struct llmp_budget *budget,
                             struct llmp_budget_window *window, uint64_t wall_s)
{
    const struct llmp_lease_window *lease =
        &budget->leases[window - budget->windows];
    uint64_t granted, most, others;

    granted = atomic_load_explicit(&window->granted, memory_order_relaxed);
    if (!is_alone(budget, wall_s))
        return granted;
    most = llmp_add_sat(law->rule.amount, atomic_load(&lease->returned));
    others = atomic_load(&lease->elsewhere);
    most = most > others ? most - others : 0;
    return most > granted ? most : granted;
}

/* What stands behind the cell; as a rule nothing does. */
static void see_backing(struct llmp_taking *t, struct llmp_budget *budget,
                        struct llmp_budget_window *window, uint64_t wall_ns)
{
    uint32_t kind =
        atomic_load_explicit(&budget->backing->kind, memory_order_relaxed);

    t->limit = t->law->rule.amount;
    t->pending = t->hungry = false;
    t->leased = t->law->rule.leased || kind == LLMP_BACKING_SHARED;
    if (t->leased)
        t->limit =
            leased_limit(t->law, budget, window, wall_ns / LLMP_NS_PER_S);
    else if (kind == LLMP_BACKING_RESTORED &&
             !atomic_load_explicit(&budget->known, memory_order_relaxed))
        t->pending = t->hungry = !is_alone(budget, wall_ns / LLMP_NS_PER_S);
}

static bool passes(const struct llmp_taking *t, uint64_t used)
{
    return !t->law->closed && used <= t->limit && t->amount <= t->limit - used;
}

static void note_missed(struct llmp_budget *budget, uint64_t amount)
{
    uint64_t seen =
        atomic_load_explicit(&budget->missed_max, memory_order_relaxed);

    while (amount > seen && !atomic_compare_exchange_weak_explicit(
                                &budget->missed_max, &seen, amount,
                                memory_order_relaxed, memory_order_relaxed))
        ;
    atomic_fetch_add_explicit(&budget->missed_sum, amount,
                              memory_order_relaxed);
}

static bool may_ask(const struct llmp_budget *budget, uint64_t wall_s)
{
    return atomic_load_explicit(&budget->quiet_s, memory_order_relaxed) <=
           wall_s;
}

/* It did not pass. Whether it may after the store was asked: not where the
 * store has just said that there is no more, or is not waited for. */
static void miss(struct llmp_budget *budget, struct llmp_taking *t,
                 uint64_t wall_s)
{
    if (!t->leased || t->law->closed || t->amount > t->law->rule.amount ||
        !may_ask(budget, wall_s))
        return;
    note_missed(budget, t->amount);
    t->hungry = true;
    t->pending = !is_alone(budget, wall_s);
}

bool llmp_calendar_see(struct llmp_cell *cell, struct llmp_taking *t,
                       uint64_t wall_ns)
{
    struct llmp_budget_window *window = llmp_calendar_window(
        cell->budget, t->law->rule.window, wall_ns, &t->mark);

    see_backing(t, cell->budget, window, wall_ns);
    if (t->pending)
        return false;
    t->seen = atomic_load_explicit(&window->used, memory_order_relaxed);
    if (passes(t, t->seen))
        return true;
    miss(cell->budget, t, wall_ns / LLMP_NS_PER_S);
    return false;
}

/* @param used  as the window has it */
static bool crosses(const struct llmp_law *law, struct llmp_budget *budget,
                    struct llmp_budget_window *w, uint64_t used)
{
    const struct llmp_lease_window *lease =
        &budget->leases[w - budget->windows];

    if (!law->soft || atomic_load_explicit(&w->soft_said, memory_order_relaxed))
        return false;
    used = llmp_add_sat(used, atomic_load(&lease->elsewhere));
    /* Compared by sums: what was returned may have grown since. */
    return used >= llmp_add_sat(law->soft, atomic_load(&lease->returned)) &&
           !atomic_exchange(&w->soft_said, true);
}

bool llmp_calendar_take(struct llmp_cell *cell, struct llmp_taking *t,
                        uint64_t wall_ns, bool *crossed)
{
    struct llmp_budget *budget = cell->budget;
    struct llmp_budget_window *window = window_of(budget, t->mark);

    while (!atomic_compare_exchange_weak_explicit(
        &window->used, &t->seen, t->seen + t->amount, memory_order_relaxed,
        memory_order_relaxed))
        if (!passes(t, t->seen)) {
            miss(budget, t, wall_ns / LLMP_NS_PER_S);
            return false;
        }
    *crossed = crosses(t->law, budget, window, t->seen + t->amount);
    t->hungry = t->leased &&
                t->limit - t->seen - t->amount <=
                    atomic_load_explicit(&budget->low, memory_order_relaxed) &&
                may_ask(budget, wall_ns / LLMP_NS_PER_S);
    return true;
}

/* NULL if the window has been forgotten. Between this look and its use two
 * turns would have to pass for a wrong one to be written to: a minute. */
static struct llmp_budget_window *remembered(struct llmp_budget *budget,
                                             uint64_t mark)
{
    uint64_t turn = atomic_load_explicit(&budget->turn, memory_order_acquire);

    return turn - mark <= 1 ? window_of(budget, mark) : NULL;
}

bool llmp_calendar_add(struct llmp_cell *cell, uint64_t amount, uint64_t mark,
                       bool *crossed)
{
    struct llmp_budget_window *window = remembered(cell->budget, mark);
    const struct llmp_law *law = atomic_load(&cell->law);
    uint64_t used, next;

    *crossed = false;
    if (!window)
        return false;
    used = atomic_load_explicit(&window->used, memory_order_relaxed);
    do
        next = llmp_add_sat(used, amount);
    while (!atomic_compare_exchange_weak_explicit(&window->used, &used, next,
                                                  memory_order_relaxed,
                                                  memory_order_relaxed));
    *crossed = law && crosses(law, cell->budget, window, next);
    return law && llmp_budget_is_leased(cell->budget, law) &&
           llmp_budget_debt(window) &&
           atomic_load(&cell->budget->leases[mark % 2].held) == 0;
}

/* In one order with the end of the lease: either that finds what is given
 * here, or it is seen here that there is no lease any more. */
bool llmp_calendar_give(struct llmp_cell *cell, uint64_t amount, uint64_t mark)
{
    struct llmp_budget_window *window = remembered(cell->budget, mark);

    if (!window)
        return false;
    atomic_fetch_sub(&window->used, amount);
    return llmp_budget_has_late(cell->budget, (uint32_t)(mark % 2));
}

static uint64_t until_end_ns(const struct llmp_budget *budget, uint64_t wall_ns)
{
    uint64_t end_s = atomic_load(&budget->end_s);

    if (end_s == UINT64_MAX)
        return UINT64_MAX;
    return end_s * LLMP_NS_PER_S > wall_ns ? end_s * LLMP_NS_PER_S - wall_ns
                                           : 1;
}

void llmp_calendar_refusal(struct llmp_cell *cell, const struct llmp_taking *t,
                           uint64_t wall_ns, struct llmp_limit_refusal *refusal)
{
    uint64_t turn;
    const struct llmp_law *law = t->law;
    struct llmp_budget_window *window =
        llmp_calendar_window(cell->budget, law->rule.window, wall_ns, &turn);
    uint64_t used = atomic_load(&window->used), limit = law->rule.amount;

    if (t->leased)
        limit =
            leased_limit(law, cell->budget, window, wall_ns / LLMP_NS_PER_S);
    refusal->remaining = used < limit ? limit - used : 0;
    refusal->pending = t->pending;
    if (law->closed || t->amount > law->rule.amount)
        refusal->retry_after_ns = UINT64_MAX;
    else if (t->pending)
        refusal->retry_after_ns = 0;
    else
        refusal->retry_after_ns = until_end_ns(cell->budget, wall_ns);
}

void llmp_calendar_look(struct llmp_cell *cell, const struct llmp_law *law,
                        uint64_t wall_ns, struct llmp_limit_state *state)
{
    uint64_t turn;
    struct llmp_budget_window *window =
        llmp_calendar_window(cell->budget, law->rule.window, wall_ns, &turn);
    uint64_t limit = law->rule.amount;

    state->rule.leased = llmp_budget_is_leased(cell->budget, law);
    state->used = llmp_add_sat(llmp_budget_own(cell->budget, window),
                               llmp_budget_elsewhere(cell->budget, window));
    state->remaining = state->used < limit ? limit - state->used : 0;
    state->window_start_s = atomic_load(&window->begin_s);
    state->reset_ns = until_end_ns(cell->budget, wall_ns);
    if (state->reset_ns == UINT64_MAX)
        state->reset_ns = 0;
}
