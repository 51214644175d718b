/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reservations over many cells: they are taken one after the other, and given
 * back when a later one refuses. Where a scope refused the last time, all are
 * looked at before any is taken, so that those who are turned away in numbers
 * do not push one another about; elsewhere each cache line is visited once.
 */
#include "base/internal.h"
#include "limit/limiter.h"

/* One cell of a scope that the request concerns. */
struct claim {
    struct llmp_limit_scope *scope;
    uint32_t cell;
    struct llmp_taking taking;
};

size_t llmp_limit_holds(struct llmp_limit_scope *const *scopes, size_t count)
{
    size_t holds = 0;

    for (size_t i = 0; i < count; i++)
        if (scopes[i])
            holds += atomic_load_explicit(&scopes[i]->cell_count,
                                          memory_order_acquire);
    return holds;
}

/* A guess that no bucket could hold is cut to what it can hold. */
static inline uint64_t amount_for(const struct llmp_limit_rule *rule,
                                  const struct llmp_limit_amounts *amounts)
{
    uint64_t of = amounts->of[rule->unit], sure = amounts->sure[rule->unit];

    if (of <= rule->burst)
        return of;
    return sure > rule->burst ? sure : rule->burst;
}

static inline bool see_running(const struct llmp_cell *cell,
                               struct llmp_taking *t)
{
    t->seen = atomic_load_explicit(&cell->word, memory_order_relaxed);
    return t->seen + t->amount <= t->law->rule.amount;
}

static inline bool take_running(struct llmp_cell *cell, struct llmp_taking *t)
{
    while (!atomic_compare_exchange_weak_explicit(
        &cell->word, &t->seen, t->seen + t->amount, memory_order_relaxed,
        memory_order_relaxed))
        if (t->seen + t->amount > t->law->rule.amount)
            return false;
    return true;
}

static bool see(struct claim *c, struct llmp_time now)
{
    struct llmp_cell *cell = &c->scope->cells[c->cell];

    switch (c->taking.law->kind) {
    case LLMP_CELL_ROLLING:
        return llmp_rolling_see(cell, &c->taking, now.mono_ns);
    case LLMP_CELL_CALENDAR:
        return llmp_calendar_see(cell, &c->taking, now.wall_ns);
    case LLMP_CELL_RUNNING:
        break;
    }
    return see_running(cell, &c->taking);
}

static inline bool take(struct claim *c, bool *crossed, struct llmp_time now)
{
    struct llmp_cell *cell = &c->scope->cells[c->cell];
    struct llmp_taking *t = &c->taking;

    switch (t->law->kind) {
    case LLMP_CELL_ROLLING:
        return llmp_rolling_see(cell, t, now.mono_ns) &&
               llmp_rolling_take(cell, t, now.mono_ns);
    case LLMP_CELL_CALENDAR:
        return llmp_calendar_see(cell, t, now.wall_ns) &&
               llmp_calendar_take(cell, t, now.wall_ns, crossed);
    case LLMP_CELL_RUNNING:
        break;
    }
    return see_running(cell, t) && take_running(cell, t);
}

/* Gives `back` units of a hold back; `cost` is their time in a rolling cell. */
static void give(const struct llmp_limit_hold *hold, uint64_t back,
                 struct llmp_time now)
{
    struct llmp_cell *cell = &hold->scope->cells[hold->cell];

    if (hold->unit == LLMP_LIMIT_CONCURRENCY) {
        atomic_fetch_sub_explicit(&cell->word, back, memory_order_relaxed);
        return;
    }
    if (llmp_scope_is_calendar(hold->scope, hold->cell)) {
        if (llmp_calendar_give(cell, back, hold->mark))
            llmp_scope_hunger(hold->scope);
        return;
    }

    const struct llmp_law *law =
        atomic_load_explicit(&cell->law, memory_order_acquire);

    /* Rounded up like all: all of a hold is all of its time again. Part of it
     * is the whole less what stays, so nothing is given back too much. */
    if (law && !law->closed)
        (void)llmp_rolling_give(
            cell,
            llmp_pace_ns(&law->pace, hold->amount) -
                llmp_pace_ns(&law->pace, hold->amount - back),
            hold->mark, now.mono_ns);
}

static void refuse(const struct claim *c, struct llmp_time now,
                   struct llmp_limit_refusal *refusal)
{
    struct llmp_cell *cell = &c->scope->cells[c->cell];
    const struct llmp_limit_rule *rule = &c->taking.law->rule;

    if (!refusal)
        return;
    *refusal = (struct llmp_limit_refusal){
        .scope = c->scope,
        .unit = rule->unit,
        .window = rule->window,
        .limit = rule->amount,
        .asked = c->taking.amount,
    };
    if (rule->unit == LLMP_LIMIT_CONCURRENCY) {
        uint64_t running = atomic_load(&cell->word);

        refusal->remaining =
            running < rule->amount ? rule->amount - running : 0;
        refusal->retry_after_ns =
            c->taking.amount > rule->amount ? UINT64_MAX : 0;
    } else if (llmp_law_is_rolling(rule)) {
        llmp_rolling_refusal(cell, &c->taking, now.mono_ns, refusal);
    } else {
        llmp_calendar_refusal(cell, &c->taking, now.wall_ns, refusal);
    }
}

static void report(struct llmp_limit_news *news,
                   const struct llmp_limit_scope *scope, uint32_t i,
                   struct llmp_time now)
{
    struct llmp_limit_scope *s = (struct llmp_limit_scope *)(uintptr_t)scope;
    const struct llmp_law *law = atomic_load(&s->cells[i].law);
    struct llmp_limit_state state = { 0 };

    if (!news || !law || news->crossing_count == LLMP_LIMIT_CROSSINGS_MAX)
        return;
    llmp_calendar_look(&s->cells[i], law, now.wall_ns, &state);
    news->crossings[news->crossing_count++] = (struct llmp_limit_crossing){
        .scope = scope,
        .unit = law->rule.unit,
        .window = law->rule.window,
        .used = state.used,
        .limit = law->rule.amount,
    };
}

/* ---- reserving ---------------------------------------------------------- */

/* What the request wants of a cell; false: nothing. */
static inline bool claim_of(struct claim *c, struct llmp_limit_scope *scope,
                            uint32_t cell,
                            const struct llmp_limit_amounts *amounts)
{
    const struct llmp_law *law =
        atomic_load_explicit(&scope->cells[cell].law, memory_order_acquire);

    if (!law || amounts->of[law->rule.unit] == 0)
        return false;
    c->scope = scope;
    c->cell = cell;
    c->taking.law = law;
    c->taking.amount = amount_for(&law->rule, amounts);
    if (law->kind == LLMP_CELL_ROLLING)
        c->taking.cost = llmp_pace_ns(&law->pace, c->taking.amount);
    return true;
}

/* Takes claim `c` into the next hold. */
static bool hold(struct llmp_reservation *r, struct claim *c,
                 struct llmp_time now, struct llmp_limit_news *news)
{
    bool crossed = false;

    if (r->count == r->capacity)
        return true; /* a cell that came this instant: the next one's */
    if (!take(c, &crossed, now))
        return false;
    r->holds[r->count++] = (struct llmp_limit_hold){
        .scope = c->scope,
        .amount = c->taking.amount,
        .mark = c->taking.mark,
        .cell = c->cell,
        .unit = c->taking.law->rule.unit,
    };
    if (crossed)
        report(news, c->scope, c->cell, now);
    if (c->taking.hungry) {
        c->taking.hungry = false; /* `c` goes on to the next cell */
        llmp_scope_hunger(c->scope);
    }
    return true;
}

static void roll_back(struct llmp_reservation *r, struct llmp_time now)
{
    while (r->count > 0) {
        const struct llmp_limit_hold *last = &r->holds[--r->count];

        give(last, last->amount, now);
    }
}

/* How many cells there are, and whether one of the scopes refused lately. */
static inline size_t survey(struct llmp_limit_scope *const *scopes,
                            size_t count, bool *tight)
{
    size_t cells = 0;

    *tight = false;
    for (size_t i = 0; i < count; i++)
        if (scopes[i]) {
            cells += atomic_load_explicit(&scopes[i]->cell_count,
                                          memory_order_acquire);
            *tight |= atomic_load_explicit(&scopes[i]->tight,
                                           memory_order_relaxed) != 0;
        }
    return cells;
}

static void relax(struct llmp_limit_scope *const *scopes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (scopes[i])
            atomic_store_explicit(&scopes[i]->tight, 0, memory_order_relaxed);
}

/* Walks all cells: looks at them (`r` is NULL) or takes them. False: *c did
 * not pass. */
static inline bool walk(struct llmp_reservation *r, struct claim *c,
                        struct llmp_limit_scope *const *scopes, size_t count,
                        const struct llmp_limit_amounts *amounts,
                        struct llmp_time now, struct llmp_limit_news *news)
{
    for (size_t i = 0; i < count; i++) {
        struct llmp_limit_scope *scope = scopes[i];
        uint32_t cells = scope ? atomic_load_explicit(&scope->cell_count,
                                                      memory_order_acquire)
                               : 0;

        for (uint32_t k = 0; k < cells; k++)
            if (claim_of(c, scope, k, amounts) &&
                !(r ? hold(r, c, now, news) : see(c, now)))
                return false;
    }
    return true;
}

/* The store is asked about `refused` and at once about all cells behind it
 * that want it, too, so that a request waits only once. */
static void hunger(const struct claim *refused,
                   struct llmp_limit_scope *const *scopes, size_t count,
                   const struct llmp_limit_amounts *amounts,
                   struct llmp_time now)
{
    bool behind = false;
    struct claim c = { .scope = NULL };

    llmp_scope_hunger(refused->scope);
    for (size_t i = 0; i < count; i++) {
        uint32_t cells = scopes[i] ? atomic_load(&scopes[i]->cell_count) : 0;

        for (uint32_t k = 0; k < cells; k++) {
            if (behind && claim_of(&c, scopes[i], k, amounts) &&
                !see(&c, now) && c.taking.hungry)
                llmp_scope_hunger(scopes[i]);
            behind |= scopes[i] == refused->scope && k == refused->cell;
        }
    }
}

int llmp_limit_reserve(struct llmp_reservation *reservation,
                       struct llmp_limit_scope *const *scopes, size_t count,
                       const struct llmp_limit_amounts *amounts,
                       struct llmp_time now, struct llmp_limit_refusal *refusal,
                       struct llmp_limit_news *news)
{
    bool tight;
    size_t cells = survey(scopes, count, &tight);
    struct claim c = { .scope = NULL };

    assert(reservation->count == 0);
    if (cells > reservation->capacity)
        return LLMP_E_INVALID;
    if ((tight && !walk(NULL, &c, scopes, count, amounts, now, NULL)) ||
        !walk(reservation, &c, scopes, count, amounts, now, news)) {
        roll_back(reservation, now);
        atomic_store_explicit(&c.scope->tight, 1, memory_order_relaxed);
        if (c.taking.pending)
            hunger(&c, scopes, count, amounts, now);
        refuse(&c, now, refusal);
        return LLMP_LIMITED;
    }
    if (tight)
        relax(scopes, count);
    return LLMP_OK;
}

/* ---- charging and settling ---------------------------------------------- */

/* Debt: whatever the limit says. */
static void raise_to(struct llmp_limit_hold *hold, uint64_t used,
                     struct llmp_time now, struct llmp_limit_news *news)
{
    struct llmp_cell *cell = &hold->scope->cells[hold->cell];
    uint64_t more = used - hold->amount;
    bool crossed = false;

    if (llmp_scope_is_calendar(hold->scope, hold->cell)) {
        if (llmp_calendar_add(cell, more, hold->mark, &crossed))
            llmp_scope_hunger(hold->scope);
    } else {
        const struct llmp_law *law =
            atomic_load_explicit(&cell->law, memory_order_acquire);

        if (law && !law->closed)
            llmp_rolling_add(cell, llmp_pace_ns(&law->pace, more), now.mono_ns,
                             &hold->mark);
    }
    hold->amount = used;
    if (crossed)
        report(news, hold->scope, hold->cell, now);
}

void llmp_limit_charge(struct llmp_reservation *reservation,
                       const uint64_t used[LLMP_LIMIT_UNITS],
                       struct llmp_time now, struct llmp_limit_news *news)
{
    for (uint32_t i = 0; i < reservation->count; i++) {
        struct llmp_limit_hold *h = &reservation->holds[i];

        if (h->unit != LLMP_LIMIT_CONCURRENCY && used[h->unit] != UINT64_MAX &&
            used[h->unit] > h->amount)
            raise_to(h, used[h->unit], now, news);
    }
}

void llmp_limit_settle(struct llmp_reservation *reservation,
                       const uint64_t used[LLMP_LIMIT_UNITS],
                       struct llmp_time now, struct llmp_limit_news *news)
{
    for (uint32_t i = 0; i < reservation->count; i++) {
        struct llmp_limit_hold *h = &reservation->holds[i];

        if (h->unit == LLMP_LIMIT_CONCURRENCY)
            give(h, h->amount, now);
        else if (used[h->unit] == UINT64_MAX)
            continue;
        else if (used[h->unit] > h->amount)
            raise_to(h, used[h->unit], now, news);
        else if (used[h->unit] < h->amount)
            give(h, h->amount - used[h->unit], now);
    }
    reservation->count = 0;
}
