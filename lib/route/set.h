/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set, laid out for picking: tiers, each with a group of all its deployments
 * and one group a region; a group is an array in the strategy's order with
 * prefix sums of weights. All of it lies in one arena and never changes.
 */
#ifndef LLMP_ROUTE_SET_H
#define LLMP_ROUTE_SET_H

#include "base/alloc.h"
#include "route/router.h"

#define LLMP_NO_INDEX UINT32_MAX

/* One deployment of a set. */
struct llmp_member {
    struct llmp_route_state *state;
    uint64_t price;
    uint32_t weight, tier, level, region;
    uint32_t load_unit; /* busy: what one in flight counts, for its weight */
    uint32_t credential_count;
    uint32_t slot_bits; /* the same as `slots`, as a set */
    uint8_t slots[LLMP_ROUTE_CREDENTIALS_MAX]; /* in the state, by index */
};

/* hash: a point of the ring and whose it is. */
struct llmp_point {
    uint32_t at, index;
};

struct llmp_group {
    uint32_t *members; /* indexes of the set */
    uint64_t *sums;    /* count + 1: weights of all before */
    uint32_t count;
    uint32_t region; /* 0 for the group of all, or of those in no region */
    struct llmp_point *points; /* hash: sorted */
    uint32_t point_count;
};

struct llmp_tier {
    struct llmp_group all;
    struct llmp_group *regions; /* of 1 to LLMP_ROUTE_REGIONS_MAX + 1 */
    uint32_t region_count;
    uint32_t tier;
};

struct llmp_route_set {
    _Atomic uint32_t refs;
    struct llmp_router *router;
    const struct llmp_strategy *strategy;
    struct llmp_member *members;
    uint32_t count;
    struct llmp_tier *tiers;
    uint32_t tier_count;
    uint32_t hash_load_permille, hash_load_min;
    _Atomic uint64_t hash_load;     /* in flight in all, as last counted */
    _Atomic uint64_t hash_count_ns; /* when it is to be counted again */
    bool own_budget;
    struct llmp_retry_budget budget;
    struct llmp_arena arena;
};

static inline struct llmp_retry_budget *llmp_set_budget(
    struct llmp_route_set *set)
{
    return set->own_budget ? &set->budget : &set->router->budget;
}

/* groups.c: `members` are there; all in the arena. */
int llmp_set_group(struct llmp_route_set *set, struct llmp_error *err);

#endif
