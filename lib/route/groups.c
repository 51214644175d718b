/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sorting a set into tiers and groups. All deployments are sorted once, by tier
 * and by the strategy's order; the groups of regions are parts of that.
 */
#include <stdlib.h>

#include "base/internal.h"
#include "route/strategy.h"

struct rank {
    uint64_t keys[2];
    uint32_t tier, index;
};

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_ranks(const void *left, const void *right)
{
    const struct rank *a = left, *b = right;
    int d = compare_u64(a->tier, b->tier);

    d = d ? d : compare_u64(a->keys[0], b->keys[0]);
    d = d ? d : compare_u64(a->keys[1], b->keys[1]);
    return d ? d : compare_u64(a->index, b->index);
}

static int group_init(struct llmp_group *group, struct llmp_route_set *set,
                      const struct rank *ranks, uint32_t count,
                      struct llmp_error *err)
{
    group->members =
        llmp_arena_take(&set->arena, count * sizeof(*group->members));
    group->sums =
        llmp_arena_take(&set->arena, (count + 1) * sizeof(*group->sums));
    LLMP_ENSURE(group->members && group->sums, err, LLMP_E_NOMEM,
                "no memory for a group of deployments");
    group->count = count;
    group->sums[0] = 0;
    for (uint32_t i = 0; i < count; i++) {
        group->members[i] = ranks[i].index;
        group->sums[i + 1] =
            group->sums[i] + set->members[ranks[i].index].weight;
    }
    return set->strategy->prepare ? set->strategy->prepare(set, group, err)
                                  : LLMP_OK;
}

/* `part` has room for all of the tier. */
static int add_region(struct llmp_tier *tier, struct llmp_route_set *set,
                      uint32_t region, struct rank *part,
                      struct llmp_error *err)
{
    struct llmp_group *group = &tier->regions[tier->region_count];
    uint32_t count = 0;

    for (uint32_t i = 0; i < tier->all.count; i++)
        if (set->members[tier->all.members[i]].region == region)
            part[count++] = (struct rank){ .index = tier->all.members[i] };
    if (count == 0)
        return LLMP_OK;
    *group = (struct llmp_group){ .region = region };
    tier->region_count++;
    return group_init(group, set, part, count, err);
}

static int tier_init(struct llmp_tier *tier, struct llmp_route_set *set,
                     const struct rank *ranks, uint32_t count,
                     struct rank *part, struct llmp_error *err)
{
    *tier = (struct llmp_tier){ .tier = ranks[0].tier };
    LLMP_TRY(group_init(&tier->all, set, ranks, count, err));
    tier->regions = llmp_arena_take(&set->arena, (LLMP_ROUTE_REGIONS_MAX + 1) *
                                                     sizeof(*tier->regions));
    LLMP_ENSURE(tier->regions, err, LLMP_E_NOMEM,
                "no memory for a tier of deployments");
    for (uint32_t region = 0; region <= LLMP_ROUTE_REGIONS_MAX; region++)
        LLMP_TRY(add_region(tier, set, region, part, err));
    return LLMP_OK;
}

static void rank_all(struct rank *ranks, const struct llmp_route_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        ranks[i] = (struct rank){ .tier = set->members[i].tier, .index = i };
        if (set->strategy->order)
            set->strategy->order(&set->members[i], ranks[i].keys);
    }
    qsort(ranks, set->count, sizeof(*ranks), compare_ranks);
}

static int count_tiers(const struct rank *ranks, uint32_t count)
{
    int tiers = 1;

    for (uint32_t i = 1; i < count; i++)
        tiers += ranks[i].tier != ranks[i - 1].tier;
    return tiers;
}

/* `ranks` and, behind them, room for as many again. */
static int group_ranked(struct llmp_route_set *set, struct rank *ranks,
                        struct llmp_error *err)
{
    size_t tiers = (size_t)count_tiers(ranks, set->count);

    LLMP_ENSURE(tiers <= LLMP_ROUTE_TIERS_MAX, err, LLMP_E_LIMIT,
                "a set has at most %d tiers", LLMP_ROUTE_TIERS_MAX);
    set->tiers = llmp_arena_take(&set->arena, tiers * sizeof(*set->tiers));
    LLMP_ENSURE(set->tiers, err, LLMP_E_NOMEM,
                "no memory for tiers of deployments");
    for (uint32_t begin = 0, end; begin < set->count; begin = end) {
        for (end = begin + 1;
             end < set->count && ranks[end].tier == ranks[begin].tier; end++)
            ;
        LLMP_TRY(tier_init(&set->tiers[set->tier_count], set, &ranks[begin],
                           end - begin, ranks + set->count, err));
        set->tier_count++;
    }
    return LLMP_OK;
}

int llmp_set_group(struct llmp_route_set *set, struct llmp_error *err)
{
    struct rank *ranks =
        llmp_alloc_array(2 * (size_t)set->count, sizeof(*ranks));

    LLMP_ENSURE(ranks, err, LLMP_E_NOMEM, "no memory to sort deployments");
    rank_all(ranks, set);

    int rc = group_ranked(set, ranks, err);

    llmp_free(ranks);
    return rc;
}
