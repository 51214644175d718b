/* SPDX-License-Identifier: Apache-2.0 */
/* Rolling limits, but for the part that every request walks (cell.h). */
#include "base/internal.h"
#include "limit/cell.h"

static uint64_t load(const struct llmp_cell *cell)
{
    return atomic_load_explicit(&cell->word, memory_order_relaxed);
}

static bool swap(struct llmp_cell *cell, uint64_t *seen, uint64_t next)
{
    return atomic_compare_exchange_weak_explicit(
        &cell->word, seen, next, memory_order_relaxed, memory_order_relaxed);
}

void llmp_rolling_add(struct llmp_cell *cell, uint64_t cost_ns, uint64_t now_ns,
                      uint64_t *mark)
{
    uint64_t tat = load(cell), next;

    do
        next = llmp_rolling_after(tat, cost_ns, now_ns);
    while (!swap(cell, &tat, next));
    *mark = next;
}

uint64_t llmp_rolling_give(struct llmp_cell *cell, uint64_t cost_ns,
                           uint64_t mark, uint64_t now_ns)
{
    uint64_t tat = load(cell), back;

    do { /* ours lies in [mark - cost, mark); what is before now has drained */
        uint64_t ours = mark > now_ns ? mark - now_ns : 0;
        uint64_t all = tat > now_ns ? tat - now_ns : 0;

        back = cost_ns < ours ? cost_ns : ours;
        back = back < all ? back : all;
        if (back == 0)
            return 0;
    } while (!swap(cell, &tat, tat - back));
    return back;
}

static uint64_t remaining(const struct llmp_law *law, uint64_t tat,
                          uint64_t now_ns)
{
    uint64_t used_ns = tat > now_ns ? tat - now_ns : 0;

    if (law->closed || used_ns >= law->pace.burst_ns)
        return 0;
    return llmp_pace_units(&law->pace, law->pace.burst_ns - used_ns);
}

void llmp_rolling_refusal(const struct llmp_cell *cell,
                          const struct llmp_taking *t, uint64_t now_ns,
                          struct llmp_limit_refusal *refusal)
{
    uint64_t tat = load(cell);
    const struct llmp_law *law = t->law;

    refusal->period_ns = law->rule.period_ns;
    refusal->remaining = remaining(law, tat, now_ns);
    refusal->retry_after_ns = UINT64_MAX;
    if (law->closed || t->cost > law->pace.burst_ns)
        return;

    uint64_t over = llmp_rolling_after(tat, t->cost, now_ns) - now_ns;

    /* Somebody gave back since it was refused: at once, then. */
    refusal->retry_after_ns =
        over > law->pace.burst_ns ? over - law->pace.burst_ns : 1;
}

void llmp_rolling_look(const struct llmp_cell *cell, const struct llmp_law *law,
                       uint64_t now_ns, struct llmp_limit_state *state)
{
    uint64_t tat = load(cell);

    state->remaining = remaining(law, tat, now_ns);
    state->reset_ns = tat > now_ns ? tat - now_ns : 0;
    state->used =
        law->closed ? 0 : llmp_pace_units(&law->pace, state->reset_ns);
}
