/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a limiter asks a store. Scopes that want it are pushed to a list by
 * whoever finds out; one thread takes them and asks: what was used before
 * (cells that nobody shares), or for a slice of what is left (leased ones).
 *
 * A slice is a 32nd of the whole, less when less is left, and more when more
 * was refused. The next is asked for when half of one is left. Leases that
 * nobody uses are ended, so that what is left is where it is needed. All of one
 * that is not left then is used, for the store; what requests that are under
 * way give back later ("late") is taken off its counter. What was used beyond
 * all grants ("debt") is asked for with the next lease, or added to the counter
 * at the end.
 */
#include "base/internal.h"
#include "limit/limiter.h"

enum {
    SLICES = 32,
    SLICES_OF_REST = 16,
    QUIET_S = 1,
    IDLE_S = 5,
    AGE_S = 1800, /* stores end a lease by themselves some time after that */
};

void llmp_limiter_back(struct llmp_limiter *limiter,
                       enum llmp_limit_backing backing)
{
    atomic_store(&limiter->backing.kind, (uint32_t)backing);
}

void llmp_limiter_alone(struct llmp_limiter *limiter, uint64_t until_wall_ns)
{
    uint64_t until_s = until_wall_ns / LLMP_NS_PER_S;

    if (atomic_load(&limiter->backing.alone_until_s) != until_s)
        atomic_store(&limiter->backing.alone_until_s, until_s);
}

/* ---- who wants something ------------------------------------------------- */

void llmp_scope_hunger(struct llmp_limit_scope *scope)
{
    struct llmp_limiter *limiter = scope->limiter;

    if (atomic_load_explicit(&scope->hungry, memory_order_relaxed) ||
        atomic_exchange(&scope->hungry, true))
        return;
    (void)llmp_limit_scope_ref(scope);
    scope->hungry_next = atomic_load(&limiter->hungry);
    while (!atomic_compare_exchange_weak(&limiter->hungry, &scope->hungry_next,
                                         scope))
        ;
}

bool llmp_limit_lease_wanted(const struct llmp_limiter *limiter)
{
    return atomic_load_explicit(&limiter->hungry, memory_order_relaxed) != NULL;
}

/* The next scope of the list; may be pushed again as soon as it is taken, so
 * that nothing that comes after the look at its cells is lost. */
static struct llmp_limit_scope *take_hungry(struct llmp_limiter *limiter)
{
    struct llmp_limit_scope *scope = limiter->asker.hungry;

    if (!scope)
        return NULL;
    limiter->asker.hungry = scope->hungry_next;
    atomic_store(&scope->hungry, false);
    return scope;
}

static void note_holding(struct llmp_limit_scope *scope)
{
    struct llmp_limiter *limiter = scope->limiter;

    if (scope->holds)
        return;
    scope->holds = true;
    scope->holding_next = limiter->asker.holding;
    limiter->asker.holding = llmp_limit_scope_ref(scope);
}

static uint64_t debt_of(const struct llmp_limit_scope *scope, uint32_t cell,
                        uint32_t window)
{
    const struct llmp_law *law = atomic_load(&scope->cells[cell].law);
    struct llmp_budget *budget = scope->cells[cell].budget;

    return law && llmp_budget_is_leased(budget, law)
               ? llmp_budget_debt(&budget->windows[window])
               : 0;
}

static void note_late(struct llmp_limit_scope *scope)
{
    for (uint32_t n = 0; n < 2 * atomic_load(&scope->cell_count); n++)
        if (llmp_scope_is_calendar(scope, n / 2) &&
            (llmp_budget_has_late(scope->cells[n / 2].budget, n % 2) ||
             debt_of(scope, n / 2, n % 2)))
            note_holding(scope);
}

/* In all that were pushed, without taking any: who ends asks for nothing. */
static void note_all_late(struct llmp_limiter *limiter)
{
    struct llmp_limit_scope **at = &limiter->asker.hungry;

    while (*at)
        at = &(*at)->hungry_next;
    *at = atomic_exchange(&limiter->hungry, NULL);
    for (struct llmp_limit_scope *scope = limiter->asker.hungry; scope;
         scope = scope->hungry_next)
        note_late(scope);
}

/* ---- how much ------------------------------------------------------------ */

struct stand {
    uint64_t left;      /* of what was granted */
    uint64_t debt;      /* used beyond it */
    uint64_t left_over; /* of the whole, as far as is known */
};

static struct stand stand_of(const struct llmp_law *law,
                             struct llmp_budget *budget,
                             struct llmp_budget_window *w)
{
    uint64_t granted = atomic_load(&w->granted), used = atomic_load(&w->used);
    uint64_t all = llmp_add_sat(llmp_budget_own(budget, w),
                                llmp_budget_elsewhere(budget, w));

    return (struct stand){
        .left = used < granted ? granted - used : 0,
        .debt = used > granted ? used - granted : 0,
        .left_over = all < law->rule.amount ? law->rule.amount - all : 0,
    };
}

/* Those who wait may have counted themselves more than once: no more than half
 * of the rest for them, but always enough for each of them alone. */
static uint64_t need_of(const struct llmp_law *law, struct llmp_budget *budget,
                        const struct stand *stand, uint64_t missed_max)
{
    uint64_t slice = law->rule.amount / SLICES + 1;
    uint64_t rest = stand->left_over / SLICES_OF_REST + 1;
    uint64_t waiting = atomic_exchange(&budget->missed_sum, 0);
    uint64_t half = stand->left_over / 2 + 1;
    uint64_t need = slice < rest ? slice : rest;

    waiting = waiting < half ? waiting : half;
    need = need > waiting ? need : waiting;
    return need > missed_max ? need : missed_max;
}

/* False: not now. */
static bool wants_lease(const struct llmp_law *law, struct llmp_budget *budget,
                        struct llmp_budget_window *w, uint64_t wall_s,
                        struct llmp_limit_want *want)
{
    struct stand stand = stand_of(law, budget, w);
    uint64_t missed_max, need;

    if (law->closed || wall_s < atomic_load(&budget->quiet_s))
        return false;
    missed_max = atomic_exchange(&budget->missed_max, 0);
    if (!missed_max &&
        llmp_budget_has_late(budget, (uint32_t)(w - budget->windows)))
        return false; /* it is here to give something back */
    need = need_of(law, budget, &stand, missed_max);
    if (stand.left > need / 2 && stand.left >= missed_max)
        return false;
    want->want = llmp_add_sat(need, stand.debt);
    return true;
}

static bool wants(struct llmp_limit_scope *scope, uint32_t i,
                  struct llmp_time now, struct llmp_limit_want *want)
{
    const struct llmp_law *law = atomic_load(&scope->cells[i].law);
    uint64_t turn;

    if (!law || !llmp_scope_is_calendar(scope, i))
        return false;

    struct llmp_budget *budget = scope->cells[i].budget;
    struct llmp_budget_window *w =
        llmp_calendar_window(budget, law->rule.window, now.wall_ns, &turn);

    *want = (struct llmp_limit_want){
        .unit = law->rule.unit,
        .window = law->rule.window,
        .window_start_s = atomic_load(&w->begin_s),
        .limit = law->rule.amount,
    };
    if (llmp_budget_is_leased(budget, law)) {
        if (!wants_lease(law, budget, w, now.wall_ns / LLMP_NS_PER_S, want))
            return false;
    } else {
        want->unknown = llmp_budget_is_backed(budget, LLMP_BACKING_RESTORED) &&
                        !atomic_load(&budget->known);
        if (!want->unknown)
            return false;
    }
    want->scope = llmp_limit_scope_ref(scope);
    return true;
}

/* The cursor is the next cell of the scope that is being asked for, and one
 * more. What is pushed meanwhile is the next round's. */
bool llmp_limit_lease_next(struct llmp_limiter *limiter, uint64_t *cursor,
                           struct llmp_time now, struct llmp_limit_want *want)
{
    struct llmp_limit_scope *scope = limiter->asker.asked;

    if (*cursor == 0 && !scope && !limiter->asker.hungry)
        limiter->asker.hungry = atomic_exchange(&limiter->hungry, NULL);
    *cursor += *cursor == 0;
    for (;;) {
        if (!scope) {
            scope = limiter->asker.asked = take_hungry(limiter);
            *cursor = 1;
        }
        if (!scope)
            return false;
        note_late(scope);
        while (*cursor <= atomic_load(&scope->cell_count))
            if (wants(scope, (uint32_t)(*cursor)++ - 1, now, want))
                return true;
        llmp_limit_scope_unref(scope);
        scope = limiter->asker.asked = NULL;
    }
}

/* ---- what was granted ---------------------------------------------------- */

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

/* Less what the store has of us: all that it ever granted but what it got
 * back. */
void llmp_budget_note_taken(struct llmp_budget *budget,
                            struct llmp_budget_window *w, uint64_t taken)
{
    struct llmp_lease_window *lease = &budget->leases[w - budget->windows];
    uint64_t ours = atomic_load(&w->granted) - atomic_load(&lease->returned);

    atomic_store(&lease->elsewhere, taken > ours ? taken - ours : 0);
}

void llmp_limit_lease_grant(const struct llmp_limit_want *want,
                            uint64_t granted, uint64_t taken,
                            struct llmp_time now)
{
    struct llmp_budget *budget =
        budget_of(want->scope, want->unit, want->window);
    uint64_t turn, wall_s = now.wall_ns / LLMP_NS_PER_S;

    if (!budget)
        return;

    struct llmp_budget_window *w =
        llmp_calendar_window(budget, want->window, now.wall_ns, &turn);
    struct llmp_lease_window *lease = &budget->leases[w - budget->windows];

    if (atomic_load(&w->begin_s) != want->window_start_s)
        return; /* granted for a window that is over: counts as used */
    if (granted < want->want)
        atomic_store(&budget->quiet_s, wall_s + QUIET_S);
    if (granted > 0 && atomic_fetch_add(&lease->held, granted) == 0) {
        atomic_store(&lease->since_s, wall_s);
        atomic_store(&lease->seen_s, wall_s);
        note_holding(want->scope);
    }
    atomic_store(&budget->low, granted / 2);
    atomic_fetch_add(&w->granted, granted);
    llmp_budget_note_taken(budget, w, taken);
}

/* ---- what is not needed -------------------------------------------------- */

static bool is_over(const struct llmp_limit_scope *scope, uint32_t cell,
                    uint32_t window, struct llmp_time now)
{
    struct llmp_span span = llmp_window_at(
        (enum llmp_limit_window)scope->windows[cell], now.wall_ns);

    return atomic_load(&scope->cells[cell].budget->windows[window].begin_s) <
           span.begin_s;
}

static bool is_spare(const struct llmp_limit_scope *scope, uint32_t cell,
                     uint32_t window, struct llmp_time now)
{
    struct llmp_budget *budget = scope->cells[cell].budget;
    struct llmp_lease_window *lease = &budget->leases[window];
    uint64_t wall_s = now.wall_ns / LLMP_NS_PER_S;
    uint64_t used = atomic_load(&budget->windows[window].used);

    if (used != atomic_load(&lease->seen_used)) {
        atomic_store(&lease->seen_used, used);
        atomic_store(&lease->seen_s, wall_s);
    }
    return is_over(scope, cell, window, now) ||
           wall_s >= atomic_load(&lease->seen_s) + IDLE_S ||
           wall_s >= atomic_load(&lease->since_s) + AGE_S;
}

/* Takes what is left as a request would: from then on it is ours alone. Not
 * more than the lease has: the rest of it is late. */
static uint64_t take_back(struct llmp_budget *budget, uint32_t window,
                          bool late)
{
    struct llmp_budget_window *w = &budget->windows[window];
    struct llmp_lease_window *lease = &budget->leases[window];
    uint64_t held = atomic_exchange(&lease->held, 0);
    uint64_t granted = atomic_load(&w->granted);
    uint64_t used = atomic_load(&w->used), back;

    do {
        back = used < granted ? granted - used : 0;
        back = late || back < held ? back : held;
    } while (back &&
             !atomic_compare_exchange_weak(&w->used, &used, used + back));
    atomic_fetch_add(&lease->returned, back);
    return back;
}

/* As if it had been granted: what comes back of it later is late. */
static uint64_t take_debt(struct llmp_limit_scope *scope, uint32_t cell,
                          uint32_t window)
{
    struct llmp_budget *budget = scope->cells[cell].budget;
    uint64_t debt = debt_of(scope, cell, window);

    if (debt)
        atomic_fetch_add(&budget->windows[window].granted, debt);
    return debt;
}

/* No turn may come in between: what was left of one window would be taken off
 * another. `last`: nothing will be asked for any more. */
static bool take_spare(struct llmp_limit_scope *scope, uint32_t cell,
                       uint32_t window, bool last,
                       struct llmp_limit_want *spare)
{
    struct llmp_budget *budget = scope->cells[cell].budget;
    bool late;
    uint64_t begin_s, back, debt;

    llmp_spin_lock(&budget->turning);
    late = atomic_load(&budget->leases[window].held) == 0;
    begin_s = atomic_load(&budget->windows[window].begin_s);
    back = take_back(budget, window, late);
    debt = last ? take_debt(scope, cell, window) : 0;
    llmp_spin_unlock(&budget->turning);
    if (late && back == 0 && debt == 0)
        return false; /* a request was faster */
    *spare = (struct llmp_limit_want){
        .scope = llmp_limit_scope_ref(scope),
        .unit = (enum llmp_limit_unit)scope->units[cell],
        .window = (enum llmp_limit_window)scope->windows[cell],
        .window_start_s = begin_s,
        .want = back,
        .late = late,
        .debt = debt,
    };
    return true;
}

/* `*holds`: there is a lease that is still wanted. */
static bool find_spare(struct llmp_limit_scope *scope, bool all,
                       struct llmp_time now, struct llmp_limit_want *spare,
                       bool *holds)
{
    *holds = false;
    for (uint32_t n = 0; n < 2 * atomic_load(&scope->cell_count); n++) {
        uint32_t cell = n / 2, window = n % 2;

        if (!llmp_scope_is_calendar(scope, cell))
            continue;

        struct llmp_budget *budget = scope->cells[cell].budget;
        bool held = atomic_load(&budget->leases[window].held) != 0;
        bool last = all || is_over(scope, cell, window, now);
        bool owes = debt_of(scope, cell, window) != 0;

        if (!held && !owes && !llmp_budget_has_late(budget, window))
            continue;
        if (!last && (held ? !is_spare(scope, cell, window, now) : owes))
            *holds = true;
        else if (take_spare(scope, cell, window, last, spare))
            return true;
    }
    return false;
}

/* The cursor says only whether it goes on: at `asker.spare_at`. */
bool llmp_limit_lease_spare(struct llmp_limiter *limiter, uint64_t *cursor,
                            bool all, struct llmp_time now,
                            struct llmp_limit_want *spare)
{
    struct llmp_limit_scope **at =
        *cursor ? limiter->asker.spare_at : &limiter->asker.holding;

    if (all && *cursor == 0)
        note_all_late(limiter);
    *cursor = 1;
    while (*at) {
        struct llmp_limit_scope *scope = *at;
        bool holds;

        if (find_spare(scope, all, now, spare, &holds)) {
            limiter->asker.spare_at = at;
            return true;
        }
        if (holds) {
            at = &scope->holding_next;
            continue;
        }
        *at = scope->holding_next;
        scope->holds = false;
        llmp_limit_scope_unref(scope);
    }
    return false;
}

void llmp_leases_free(struct llmp_limiter *limiter)
{
    struct llmp_limit_scope *scope;

    llmp_limit_scope_unref(limiter->asker.asked);
    do {
        while ((scope = take_hungry(limiter)))
            llmp_limit_scope_unref(scope);
        limiter->asker.hungry = atomic_exchange(&limiter->hungry, NULL);
    } while (limiter->asker.hungry);
    while ((scope = limiter->asker.holding)) {
        limiter->asker.holding = scope->holding_next;
        llmp_limit_scope_unref(scope);
    }
}
