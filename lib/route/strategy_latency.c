/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shortest expected time: to the first token, and for as many tokens as are
 * expected. One that nobody has measured is tried first. Those within a tenth
 * of the best share, or the second best would never be measured again.
 */
#include "route/strategy.h"

enum { SPREAD_PERMILLE = 100, OUTPUT_TOKENS = 100 };

static uint64_t score(const struct llmp_pick *pick, uint32_t index)
{
    const struct llmp_route_state *state = llmp_pick_state(pick, index);
    const struct llmp_health *health =
        atomic_load_explicit(&state->health, memory_order_relaxed);
    uint32_t tokens = pick->request->output_tokens;

    return llmp_speed_cost(&state->speed, tokens ? tokens : OUTPUT_TOKENS,
                           health->stale_ns, pick->now_ns);
}

static uint32_t choose(struct llmp_pick *pick, const struct llmp_group *group)
{
    return llmp_choose_least(pick, group, score, SPREAD_PERMILLE);
}

const struct llmp_strategy llmp_strategy_latency = {
    .size = sizeof(struct llmp_strategy),
    .lost = LLMP_WHY_SLOWER,
    .choose = choose,
    .score = score,
};
