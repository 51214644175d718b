/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same deployment for the same hash, so that a provider's prefix cache is
 * met again: consistent hashing on a ring, with bounded loads (Mirrokni,
 * Thorup, Zadimoghaddam): who carries more than its part of the mean load is
 * passed by, and the next on the ring is the same one again for the same hash.
 */
#include <stdlib.h>

#include "base/internal.h"
#include "route/strategy.h"

enum {
    POINTS = 64,          /* of a deployment of mean weight */
    POINTS_MIN = 8,       /* in a large group */
    POINTS_MAX = 1 << 16, /* of a group, about */
    WALK_MAX = 64,        /* points; beyond it the least busy one is as good */
    COUNT_AT_ONCE = 64,   /* members whose load is counted at every pick */
};
#define COUNT_AGAIN_NS (10 * LLMP_NS_PER_MS)

static uint32_t mix(uint64_t z)
{
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)((z ^ z >> 31) >> 32);
}

static int compare_points(const void *left, const void *right)
{
    const struct llmp_point *a = left, *b = right;

    return a->at != b->at ? (a->at < b->at ? -1 : 1)
                          : (a->index < b->index ? -1 : a->index > b->index);
}

/* In proportion to its weight, but some at any rate. */
static uint32_t points_of(const struct llmp_route_set *set,
                          const struct llmp_group *group, uint32_t index)
{
    uint64_t per = POINTS_MAX / group->count;
    uint64_t points;

    per = per > POINTS ? POINTS : per < POINTS_MIN ? POINTS_MIN : per;
    points = per * group->count * set->members[index].weight /
             group->sums[group->count];
    return points ? (uint32_t)points : 1;
}

/* Points hang on ids alone: a deployment that comes or goes moves only what
 * meets it. */
static int prepare(struct llmp_route_set *set, struct llmp_group *group,
                   struct llmp_error *err)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < group->count; i++)
        count += points_of(set, group, group->members[i]);
    group->points =
        llmp_arena_take(&set->arena, count * sizeof(*group->points));
    LLMP_ENSURE(group->points, err, LLMP_E_NOMEM, "no memory for a hash ring");
    for (uint32_t i = 0; i < group->count; i++) {
        uint32_t index = group->members[i];
        uint64_t hash = set->members[index].state->hash;

        for (uint32_t n = points_of(set, group, index); n > 0; n--)
            group->points[group->point_count++] = (struct llmp_point){
                mix(hash + n * UINT64_C(0x9e3779b97f4a7c15)), index
            };
    }
    assert(group->point_count == count);
    qsort(group->points, count, sizeof(*group->points), compare_points);
    return LLMP_OK;
}

static uint32_t in_flight(const struct llmp_route_set *set, uint32_t index)
{
    return llmp_load_in_flight(atomic_load_explicit(
        &set->members[index].state->load, memory_order_relaxed));
}

/* In flight in all; of a large set as it was some milliseconds ago: counting is
 * a cache line each. */
static uint64_t load_of_all(const struct llmp_pick *pick)
{
    struct llmp_route_set *set = pick->set;
    uint64_t sum = 0, again_ns = atomic_load_explicit(&set->hash_count_ns,
                                                      memory_order_relaxed);

    if (set->count > COUNT_AT_ONCE && pick->now_ns < again_ns)
        return atomic_load_explicit(&set->hash_load, memory_order_relaxed);
    for (uint32_t i = 0; i < set->count; i++)
        sum += in_flight(set, i);
    atomic_store_explicit(&set->hash_load, sum, memory_order_relaxed);
    atomic_store_explicit(&set->hash_count_ns,
                          llmp_add_sat(pick->now_ns, COUNT_AGAIN_NS),
                          memory_order_relaxed);
    return sum;
}

static uint64_t most_of(const struct llmp_pick *pick)
{
    uint64_t part = (load_of_all(pick) + 1) * pick->set->hash_load_permille;
    uint64_t most = (part + 1000 * (uint64_t)pick->set->count - 1) /
                    (1000 * (uint64_t)pick->set->count);

    return most > pick->set->hash_load_min ? most : pick->set->hash_load_min;
}

static uint32_t first_point(const struct llmp_group *group, uint32_t at)
{
    uint32_t begin = 0, end = group->point_count;

    while (begin < end) {
        uint32_t middle = begin + (end - begin) / 2;

        if (group->points[middle].at < at)
            begin = middle + 1;
        else
            end = middle;
    }
    return begin;
}

static uint64_t load_score(const struct llmp_pick *pick, uint32_t index)
{
    return in_flight(pick->set, index);
}

static uint32_t choose(struct llmp_pick *pick, const struct llmp_group *group)
{
    uint32_t point = first_point(group, mix(pick->request->hash));
    uint32_t steps =
        group->point_count < WALK_MAX ? group->point_count : WALK_MAX;
    uint64_t most = most_of(pick);

    for (uint32_t i = 0; i < steps; i++, point++) {
        uint32_t index = group->points[point % group->point_count].index;

        if (in_flight(pick->set, index) < most && llmp_pick_takes(pick, index))
            return index;
    }
    return llmp_choose_least(pick, group, load_score, 0);
}

const struct llmp_strategy llmp_strategy_hash = {
    .size = sizeof(struct llmp_strategy),
    .lost = LLMP_WHY_OTHER_HASH,
    .prepare = prepare,
    .choose = choose,
};
