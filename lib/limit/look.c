/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How cells stand, for answers and administration; what they had used before a
 * start; names for people.
 */
#include "base/internal.h"
#include "limit/limiter.h"

static void look_running(const struct llmp_cell *cell,
                         const struct llmp_law *law,
                         struct llmp_limit_state *state)
{
    state->used = atomic_load(&cell->word);
    state->remaining =
        state->used < law->rule.amount ? law->rule.amount - state->used : 0;
}

static const struct llmp_law *law_of(const struct llmp_cell *cell)
{
    return atomic_load_explicit(&cell->law, memory_order_acquire);
}

size_t llmp_limit_look(const struct llmp_limit_scope *scope,
                       struct llmp_time now,
                       struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX])
{
    return llmp_limit_look_at(scope, ~0u, now, states);
}

bool llmp_limit_has(const struct llmp_limit_scope *scope, unsigned units)
{
    struct llmp_limit_scope *s = (struct llmp_limit_scope *)(uintptr_t)scope;
    uint32_t cells = atomic_load_explicit(&s->cell_count, memory_order_acquire);

    for (uint32_t i = 0; i < cells; i++)
        if (units & 1u << s->units[i] && law_of(&s->cells[i]))
            return true;
    return false;
}

size_t llmp_limit_look_at(const struct llmp_limit_scope *scope,
                          unsigned windows, struct llmp_time now,
                          struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX])
{
    /* Looking may turn a window, which changes nothing that a caller sees. */
    struct llmp_limit_scope *s = (struct llmp_limit_scope *)(uintptr_t)scope;
    uint32_t cells = atomic_load_explicit(&s->cell_count, memory_order_acquire);
    size_t count = 0;

    for (uint32_t i = 0; i < cells; i++) {
        struct llmp_cell *cell = &s->cells[i];
        const struct llmp_law *law =
            windows & 1u << s->windows[i] ? law_of(cell) : NULL;

        if (!law)
            continue;

        struct llmp_limit_state *state = &states[count++];

        *state = (struct llmp_limit_state){ .rule = law->rule };
        if (law->rule.unit == LLMP_LIMIT_CONCURRENCY)
            look_running(cell, law, state);
        else if (llmp_law_is_rolling(&law->rule))
            llmp_rolling_look(cell, law, now.mono_ns, state);
        else
            llmp_calendar_look(cell, law, now.wall_ns, state);
    }
    return count;
}

/* A calendar's cell in the window that begins there; the one behind `*from`.
 * NULL: no other. */
static struct llmp_budget_window *next_window(
    struct llmp_limit_scope *scope, uint32_t *from, enum llmp_limit_unit unit,
    enum llmp_limit_window window, uint64_t start_s, uint64_t wall_ns)
{
    uint32_t cells =
        atomic_load_explicit(&scope->cell_count, memory_order_acquire);

    for (; *from < cells; ++*from) {
        struct llmp_budget_window *w;
        uint64_t turn;

        if (!llmp_scope_is_calendar(scope, *from) ||
            scope->units[*from] != unit || scope->windows[*from] != window)
            continue;
        w = llmp_calendar_window(scope->cells[*from].budget, window, wall_ns,
                                 &turn);
        if (atomic_load(&w->begin_s) == start_s)
            return w;
    }
    return NULL;
}

static bool is_leased(const struct llmp_cell *cell)
{
    const struct llmp_law *law = atomic_load(&cell->law);

    return law && llmp_budget_is_leased(cell->budget, law);
}

void llmp_limit_restore(struct llmp_limit_scope *scope,
                        enum llmp_limit_unit unit,
                        enum llmp_limit_window window, uint64_t window_start_s,
                        uint64_t used, struct llmp_time now)
{
    struct llmp_budget_window *w;

    for (uint32_t i = 0; (w = next_window(scope, &i, unit, window,
                                          window_start_s, now.wall_ns));
         i++) {
        uint64_t seen = atomic_load(&w->used);

        if (is_leased(&scope->cells[i])) {
            llmp_budget_note_taken(scope->cells[i].budget, w, used);
            continue;
        }
        while (seen < used &&
               !atomic_compare_exchange_weak(&w->used, &seen, used))
            ;
        atomic_store(&scope->cells[i].budget->known, true);
    }
}

static uint64_t corrected(uint64_t used, int64_t by)
{
    uint64_t less = by < 0 ? (uint64_t)0 - (uint64_t)by : 0;

    if (by >= 0)
        return llmp_add_sat(used, (uint64_t)by);
    return used > less ? used - less : 0;
}

void llmp_limit_correct(struct llmp_limit_scope *scope,
                        enum llmp_limit_unit unit,
                        enum llmp_limit_window window, uint64_t window_start_s,
                        int64_t by, struct llmp_time now)
{
    struct llmp_budget_window *w;

    for (uint32_t i = 0; (w = next_window(scope, &i, unit, window,
                                          window_start_s, now.wall_ns));
         i++) {
        uint64_t seen = atomic_load(&w->used);

        while (
            !is_leased(&scope->cells[i]) &&
            !atomic_compare_exchange_weak(&w->used, &seen, corrected(seen, by)))
            ;
    }
}

const char *llmp_limit_kind_name(enum llmp_limit_kind kind)
{
    static const char *const names[LLMP_LIMIT_KINDS] = {
        [LLMP_LIMIT_KEY] = "key",     [LLMP_LIMIT_USER] = "user",
        [LLMP_LIMIT_TEAM] = "team",   [LLMP_LIMIT_ORG] = "organisation",
        [LLMP_LIMIT_MODEL] = "model", [LLMP_LIMIT_DEPLOYMENT] = "deployment",
    };

    return (unsigned)kind < LLMP_LIMIT_KINDS ? names[kind] : "unknown";
}

const char *llmp_limit_unit_name(enum llmp_limit_unit unit)
{
    static const char *const names[LLMP_LIMIT_UNITS] = {
        [LLMP_LIMIT_REQUESTS] = "requests",
        [LLMP_LIMIT_INPUT_TOKENS] = "input_tokens",
        [LLMP_LIMIT_OUTPUT_TOKENS] = "output_tokens",
        [LLMP_LIMIT_TOKENS] = "tokens",
        [LLMP_LIMIT_MONEY] = "money",
        [LLMP_LIMIT_CONCURRENCY] = "concurrency",
    };

    return (unsigned)unit < LLMP_LIMIT_UNITS ? names[unit] : "unknown";
}

const char *llmp_limit_window_name(enum llmp_limit_window window)
{
    static const char *const names[LLMP_LIMIT_WINDOWS] = {
        [LLMP_WINDOW_ROLLING] = "rolling", [LLMP_WINDOW_MINUTE] = "minute",
        [LLMP_WINDOW_DAY] = "day",         [LLMP_WINDOW_WEEK] = "week",
        [LLMP_WINDOW_MONTH] = "month",     [LLMP_WINDOW_TOTAL] = "total",
    };

    return (unsigned)window < LLMP_LIMIT_WINDOWS ? names[window] : "unknown";
}
