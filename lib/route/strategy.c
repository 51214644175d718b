/* SPDX-License-Identifier: Apache-2.0 */
/* The list of strategies. */
#include "route/strategy.h"

#include "base/internal.h"

const struct llmp_strategy *llmp_strategy_find(enum llmp_route_strategy s)
{
    static const struct llmp_strategy *const all[LLMP_ROUTE_STRATEGIES] = {
        [LLMP_ROUTE_ORDERED] = &llmp_strategy_ordered,
        [LLMP_ROUTE_WEIGHTED] = &llmp_strategy_weighted,
        [LLMP_ROUTE_BUSY] = &llmp_strategy_busy,
        [LLMP_ROUTE_LATENCY] = &llmp_strategy_latency,
        [LLMP_ROUTE_CHEAPEST] = &llmp_strategy_cheapest,
        [LLMP_ROUTE_ROOM] = &llmp_strategy_room,
        [LLMP_ROUTE_HASH] = &llmp_strategy_hash,
        [LLMP_ROUTE_COMPLEXITY] = &llmp_strategy_complexity,
    };

    return (unsigned)s < LLMP_COUNT(all) ? all[s] : NULL;
}
