/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The level that the prompt needs, in it the cheapest. When none of it is
 * available the next better one, and a worse one only after all better ones.
 * What level a prompt needs is said by llmp_route_complexity().
 */
#include "route/strategy.h"

static void order(const struct llmp_member *member, uint64_t keys[2])
{
    keys[0] = member->level;
    keys[1] = member->price;
}

/* The first place of that level or a better one. */
static uint32_t begin_of(const struct llmp_pick *pick,
                         const struct llmp_group *group, uint32_t level)
{
    uint32_t begin = 0, end = group->count;

    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;

        if (pick->set->members[group->members[middle]].level < level)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

static uint32_t choose(struct llmp_pick *pick, const struct llmp_group *group)
{
    uint32_t end = begin_of(pick, group, pick->request->level);
    uint32_t index = llmp_draw_runs(pick, group, end, group->count);

    while (index == LLMP_NO_INDEX && end > 0) {
        uint32_t level = pick->set->members[group->members[end - 1]].level;
        uint32_t begin = begin_of(pick, group, level);

        index = llmp_draw_runs(pick, group, begin, end);
        end = begin;
    }
    return index;
}

/* Distance of levels, better ones first, then the price; both cut to half of
 * the number. */
static uint64_t score(const struct llmp_pick *pick, uint32_t index)
{
    const struct llmp_member *m = &pick->set->members[index];
    uint32_t want = pick->request->level;
    uint64_t away = m->level >= want
                        ? m->level - want
                        : UINT64_C(0x7fffffff) + (want - m->level) / 2;
    uint64_t price = m->price < UINT32_MAX ? m->price : UINT32_MAX;

    return (away < UINT32_MAX ? away : UINT32_MAX) << 32 | price;
}

const struct llmp_strategy llmp_strategy_complexity = {
    .size = sizeof(struct llmp_strategy),
    .lost = LLMP_WHY_OTHER_LEVEL,
    .order = order,
    .choose = choose,
    .score = score,
};
