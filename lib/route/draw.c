/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two ways to choose that strategies share: by lot in proportion to weights,
 * and the best by a score.
 */
#include "base/internal.h"
#include "route/strategy.h"

enum {
    DRAWS_MIN = 1, /* before all are looked at */
    DRAWS_MAX = 32,
    SCAN_MAX = 64,   /* larger groups are sampled: */
    SAMPLE = 16,     /* of so many that will do the best is taken, */
    SAMPLE_MAX = 48, /* or of those that are found in so many draws */
};

/* ---- by lot -------------------------------------------------------------- */

/* The last place whose sum is not above `at`. */
static uint32_t place_of(const struct llmp_group *group, uint32_t begin,
                         uint32_t end, uint64_t at)
{
    while (end - begin > 1) {
        uint32_t middle = begin + (end - begin) / 2;

        if (group->sums[middle] <= at)
            begin = middle;
        else
            end = middle;
    }
    return begin;
}

/* Exact, and looks at each: of what was kept so far, the next takes over with
 * the probability that its weight has in the sum. */
static uint32_t draw_from_all(struct llmp_pick *pick,
                              const struct llmp_group *group, uint32_t begin,
                              uint32_t end)
{
    uint32_t chosen = LLMP_NO_INDEX;
    uint64_t sum = 0;

    for (uint32_t i = begin; i < end; i++) {
        uint32_t index = group->members[i];
        uint64_t weight = pick->set->members[index].weight;

        if (!llmp_pick_takes(pick, index))
            continue;
        sum += weight;
        if (llmp_pick_lot_below(pick, sum) < weight)
            chosen = index;
    }
    return chosen;
}

/* As many as cost about what a look at each would. */
static uint32_t draws_of(uint32_t count)
{
    uint32_t draws = count / 4;

    return draws < DRAWS_MIN   ? DRAWS_MIN
           : draws > DRAWS_MAX ? DRAWS_MAX
                               : draws;
}

uint32_t llmp_draw(struct llmp_pick *pick, const struct llmp_group *group,
                   uint32_t begin, uint32_t end)
{
    uint64_t low = group->sums[begin], span = group->sums[end] - low;

    if (end - begin == 1)
        return llmp_pick_takes(pick, group->members[begin])
                   ? group->members[begin]
                   : LLMP_NO_INDEX;
    /* Drawing again what is not available leaves the proportions of the rest
     * as they are. */
    for (uint32_t i = draws_of(end - begin); i > 0; i--) {
        uint64_t at = low + llmp_pick_lot_below(pick, span);
        uint32_t index = group->members[place_of(group, begin, end, at)];

        if (llmp_pick_takes(pick, index))
            return index;
    }
    return draw_from_all(pick, group, begin, end);
}

static bool is_level(const struct llmp_pick *pick,
                     const struct llmp_group *group, uint32_t a, uint32_t b)
{
    const struct llmp_member *all = pick->set->members;
    uint64_t left[2] = { 0, 0 }, right[2] = { 0, 0 };

    pick->set->strategy->order(&all[group->members[a]], left);
    pick->set->strategy->order(&all[group->members[b]], right);
    return left[0] == right[0] && left[1] == right[1];
}

/* The end of those that are ordered as the one at `begin` is. They are sorted,
 * so the step may double while it succeeds. */
static uint32_t run_end(const struct llmp_pick *pick,
                        const struct llmp_group *group, uint32_t begin,
                        uint32_t end)
{
    uint32_t known = begin; /* the last one that is known to be in it */

    for (uint32_t step = 1; step > 0;) {
        if (step < end - known && is_level(pick, group, begin, known + step)) {
            known += step;
            step *= 2;
        } else {
            step /= 2;
        }
    }
    return known + 1;
}

uint32_t llmp_draw_runs(struct llmp_pick *pick, const struct llmp_group *group,
                        uint32_t begin, uint32_t end)
{
    uint32_t index = LLMP_NO_INDEX;

    while (begin < end && index == LLMP_NO_INDEX) {
        uint32_t next = run_end(pick, group, begin, end);

        index = llmp_draw(pick, group, begin, next);
        begin = next;
    }
    return index;
}

/* ---- the best ------------------------------------------------------------ */

/* Candidates that were looked at. */
struct field {
    uint32_t indexes[SCAN_MAX];
    uint64_t scores[SCAN_MAX];
    uint32_t count;
    uint64_t best;
};

typedef uint64_t score_fn(const struct llmp_pick *pick, uint32_t index);

static void look_at(struct field *field, const struct llmp_pick *pick,
                    uint32_t index, score_fn *score)
{
    if (!llmp_pick_takes(pick, index))
        return;

    uint64_t s = score(pick, index);

    field->indexes[field->count] = index;
    field->scores[field->count++] = s;
    if (s < field->best)
        field->best = s;
}

static uint32_t draw_from(const struct field *field, struct llmp_pick *pick,
                          uint32_t spread_permille)
{
    uint64_t most = llmp_add_sat(
        field->best, llmp_mul_sat(field->best / 1000, spread_permille));
    uint64_t sum = 0, at;

    for (uint32_t i = 0; i < field->count; i++)
        if (field->scores[i] <= most)
            sum += pick->set->members[field->indexes[i]].weight;
    if (sum == 0)
        return LLMP_NO_INDEX;
    at = llmp_pick_lot_below(pick, sum);
    for (uint32_t i = 0;; i++) {
        uint64_t weight = pick->set->members[field->indexes[i]].weight;

        if (field->scores[i] > most)
            continue;
        if (at < weight)
            return field->indexes[i];
        at -= weight;
    }
}

/* Of a large group of which a sample had none that will do: most are broken or
 * full, and a look at each is the price. */
static uint32_t least_of_all(struct llmp_pick *pick,
                             const struct llmp_group *group, score_fn *score)
{
    uint64_t best = UINT64_MAX;
    uint32_t chosen = LLMP_NO_INDEX;

    for (uint32_t i = 0; i < group->count; i++) {
        uint32_t index = group->members[i];

        if (!llmp_pick_takes(pick, index))
            continue;

        uint64_t s = score(pick, index);

        if (chosen == LLMP_NO_INDEX || s < best) {
            best = s;
            chosen = index;
        }
    }
    return chosen;
}

uint32_t llmp_choose_least(struct llmp_pick *pick,
                           const struct llmp_group *group, score_fn *score,
                           uint32_t spread_permille)
{
    struct field field;

    field.count = 0;
    field.best = UINT64_MAX;
    if (group->count <= SCAN_MAX) {
        for (uint32_t i = 0; i < group->count; i++)
            look_at(&field, pick, group->members[i], score);
        return draw_from(&field, pick, spread_permille);
    }
    for (int i = 0; i < SAMPLE_MAX && field.count < SAMPLE; i++) {
        uint64_t at = llmp_pick_lot_below(pick, group->count);

        look_at(&field, pick, group->members[at], score);
    }
    return field.count ? draw_from(&field, pick, spread_permille)
                       : least_of_all(pick, group, score);
}
