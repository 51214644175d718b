/* SPDX-License-Identifier: Apache-2.0 */
/* Lowest price first; among those of one price by weight. */
#include "route/strategy.h"

static void order(const struct llmp_member *member, uint64_t keys[2])
{
    keys[0] = member->price;
}

static uint32_t choose(struct llmp_pick *pick, const struct llmp_group *group)
{
    return llmp_draw_runs(pick, group, 0, group->count);
}

static uint64_t score(const struct llmp_pick *pick, uint32_t index)
{
    return pick->set->members[index].price;
}

const struct llmp_strategy llmp_strategy_cheapest = {
    .size = sizeof(struct llmp_strategy),
    .lost = LLMP_WHY_DEARER,
    .order = order,
    .choose = choose,
    .score = score,
};
