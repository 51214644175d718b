/* SPDX-License-Identifier: Apache-2.0 */
/* Fewest attempts in flight for its weight; among equals by lot. */
#include "route/strategy.h"

static uint64_t score(const struct llmp_pick *pick, uint32_t index)
{
    uint64_t load = atomic_load_explicit(&llmp_pick_state(pick, index)->load,
                                         memory_order_relaxed);

    return (uint64_t)llmp_load_in_flight(load) *
           pick->set->members[index].load_unit;
}

static uint32_t choose(struct llmp_pick *pick, const struct llmp_group *group)
{
    return llmp_choose_least(pick, group, score, 0);
}

const struct llmp_strategy llmp_strategy_busy = {
    .size = sizeof(struct llmp_strategy),
    .lost = LLMP_WHY_BUSIER,
    .choose = choose,
    .score = score,
};
