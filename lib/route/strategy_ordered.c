/* SPDX-License-Identifier: Apache-2.0 */
/* The first available one of the list. */
#include "route/strategy.h"

static uint32_t choose(struct llmp_pick *pick, const struct llmp_group *group)
{
    for (uint32_t i = 0; i < group->count; i++)
        if (llmp_pick_takes(pick, group->members[i]))
            return group->members[i];
    return LLMP_NO_INDEX;
}

static uint64_t score(const struct llmp_pick *pick, uint32_t index)
{
    (void)pick;
    return index;
}

const struct llmp_strategy llmp_strategy_ordered = {
    .size = sizeof(struct llmp_strategy),
    .lost = LLMP_WHY_LATER,
    .choose = choose,
    .score = score,
};
