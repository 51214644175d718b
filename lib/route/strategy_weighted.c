/* SPDX-License-Identifier: Apache-2.0 */
/* By lot, in proportion to weights. */
#include "route/strategy.h"

static uint32_t choose(struct llmp_pick *pick, const struct llmp_group *group)
{
    return llmp_draw(pick, group, 0, group->count);
}

const struct llmp_strategy llmp_strategy_weighted = {
    .size = sizeof(struct llmp_strategy),
    .lost = LLMP_WHY_NOT_DRAWN,
    .choose = choose,
};
