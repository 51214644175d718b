/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A strategy: how a group is ordered when a set is made, and how one of its
 * available deployments is chosen. One file each, none of which keeps anything:
 * what they learn from is in the states.
 */
#ifndef LLMP_ROUTE_STRATEGY_H
#define LLMP_ROUTE_STRATEGY_H

#include "route/pick.h"
#include "route/set.h"

struct llmp_strategy {
    size_t size; /* of this struct */
    /* Why those that were available were not chosen. Required. */
    enum llmp_route_why lost;
    /* The order in a group, ascending; NULL: as listed. */
    void (*order)(const struct llmp_member *member, uint64_t keys[2]);
    /* More that it wants of a group; LLMP_OK or a failure; NULL: nothing. */
    int (*prepare)(struct llmp_route_set *set, struct llmp_group *group,
                   struct llmp_error *err);
    /* An index of the set for which llmp_pick_takes(), or LLMP_NO_INDEX if
     * there is none. Required. */
    uint32_t (*choose)(struct llmp_pick *pick, const struct llmp_group *group);
    /* What it compares, lower is better; NULL: nothing. */
    uint64_t (*score)(const struct llmp_pick *pick, uint32_t index);
};

/* By enum llmp_route_strategy; NULL: no such one. */
const struct llmp_strategy *llmp_strategy_find(enum llmp_route_strategy s);

extern const struct llmp_strategy llmp_strategy_ordered;
extern const struct llmp_strategy llmp_strategy_weighted;
extern const struct llmp_strategy llmp_strategy_busy;
extern const struct llmp_strategy llmp_strategy_latency;
extern const struct llmp_strategy llmp_strategy_cheapest;
extern const struct llmp_strategy llmp_strategy_room;
extern const struct llmp_strategy llmp_strategy_hash;
extern const struct llmp_strategy llmp_strategy_complexity;

/* draw.c: by lot among those of [begin, end) of the group that are taken, in
 * proportion to their weights. */
uint32_t llmp_draw(struct llmp_pick *pick, const struct llmp_group *group,
                   uint32_t begin, uint32_t end);

/* draw.c: the first run of [begin, end) that has one which is taken; in it by
 * lot. A run is of those whose keys are the same. */
uint32_t llmp_draw_runs(struct llmp_pick *pick, const struct llmp_group *group,
                        uint32_t begin, uint32_t end);

/* draw.c: among the best by score of those that are taken; all whose score is
 * at most `spread_permille` above the best are as good, and one of them is
 * drawn by weight. Of a large group only some are looked at. */
uint32_t llmp_choose_least(struct llmp_pick *pick,
                           const struct llmp_group *group,
                           uint64_t (*score)(const struct llmp_pick *pick,
                                             uint32_t index),
                           uint32_t spread_permille);

#endif
