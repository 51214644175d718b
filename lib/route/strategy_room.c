/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Most room left under the providers' limits. The room is a number that the
 * caller hands in or has set; one of which nobody said anything has plenty.
 */
#include "route/strategy.h"

static uint64_t score(const struct llmp_pick *pick, uint32_t index)
{
    const uint64_t *room = pick->request->room;

    return UINT64_MAX -
           (room ? room[index]
                 : atomic_load_explicit(&llmp_pick_state(pick, index)->room,
                                        memory_order_relaxed));
}

static uint32_t choose(struct llmp_pick *pick, const struct llmp_group *group)
{
    return llmp_choose_least(pick, group, score, 0);
}

const struct llmp_strategy llmp_strategy_room = {
    .size = sizeof(struct llmp_strategy),
    .lost = LLMP_WHY_LESS_ROOM,
    .choose = choose,
    .score = score,
};
