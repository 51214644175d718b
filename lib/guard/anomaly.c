/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See anomaly.h. A table of principals, found by their hash, replaced by CLOCK:
 * an entry that was used since the hand came by is passed over once.
 *
 * Vocabulary: a habit is the mean and variance of a feature, where each
 * request's weight halves in `half_life_ns`; a trend is the same of the last
 * 16 requests only, of which there is the mean.
 */
#include "guard/anomaly.h"

#include "base/alloc.h"
#include "base/internal.h"
#include "guard/anomaly_math.h"

enum { RING = 8 };

#define RATE_HALF_NS  (60 * LLMP_NS_PER_S)
#define TELL_EVERY_NS (600 * LLMP_NS_PER_S)
#define WEIGHT_MAX    4096.0f
#define TREND         (1.0f / 16)
/* Deviations: from here on it counts, up to here it is learned; all of it. */
#define NEAR 3.0f
#define FAR  8.0f

struct habit {
    float weight, mean, squares; /* squares: of distances, weighted */
};

struct entry {
    uint64_t principal;
    uint64_t since_ns, last_ns, told_ns;
    uint32_t next; /* in its chain: index + 1; 0: none */
    uint8_t ring_at;
    bool used, was_told;
    float lately; /* requests, of which half is forgotten in a minute */
    float refused, repeated; /* trends */
    struct habit habits[LLMP_ANOMALY_FEATURES];
    uint8_t ring[RING][LLMP_ANOMALY_LANES];
};

_Static_assert(sizeof(struct entry) <= 256, "docs/internals/anomaly.md");

struct llmp_anomaly {
    struct llmp_anomaly_options options;
    uint32_t count, hand, mask;
    uint32_t *heads; /* index + 1; 0: none */
    struct entry *entries;
};

const char *llmp_anomaly_feature_name(enum llmp_anomaly_feature feature)
{
    static const char *const names[LLMP_ANOMALY_FEATURES] = {
        [LLMP_ANOMALY_RATE] = "rate",
        [LLMP_ANOMALY_REFUSALS] = "refusals",
        [LLMP_ANOMALY_LENGTH] = "length",
        [LLMP_ANOMALY_ENTROPY] = "entropy",
        [LLMP_ANOMALY_REPEATS] = "repeats",
    };

    return names[feature];
}

/* ---- the table ----------------------------------------------------------- */

int llmp_anomaly_new(struct llmp_anomaly **out,
                     const struct llmp_anomaly_options *opts,
                     struct llmp_error *err)
{
    struct llmp_anomaly *made;
    uint32_t heads = 1;

    LLMP_ENSURE(opts->principals >= 1 &&
                    opts->principals <= LLMP_ANOMALY_PRINCIPALS_MAX,
                err, LLMP_E_INVALID, "principals are 1 to %d",
                LLMP_ANOMALY_PRINCIPALS_MAX);
    LLMP_ENSURE(opts->half_life_ns > 0, err, LLMP_E_INVALID,
                "half_life_ns must be positive");
    while (heads < opts->principals)
        heads *= 2;
    made = llmp_alloc(sizeof(*made));
    if (made) {
        made->options = *opts;
        made->mask = heads - 1;
        made->heads = llmp_alloc_array(heads, sizeof(*made->heads));
        made->entries =
            llmp_alloc_array(opts->principals, sizeof(*made->entries));
    }
    if (!made || !made->heads || !made->entries) {
        llmp_anomaly_free(made);
        return llmp_fail(err, LLMP_E_NOMEM, "no memory for %u principals",
                         opts->principals);
    }
    *out = made;
    return LLMP_OK;
}

void llmp_anomaly_free(struct llmp_anomaly *anomaly)
{
    if (!anomaly)
        return;
    llmp_free(anomaly->heads);
    llmp_free(anomaly->entries);
    llmp_free(anomaly);
}

uint32_t llmp_anomaly_count(const struct llmp_anomaly *anomaly)
{
    return anomaly->count;
}

static uint32_t *head_of(struct llmp_anomaly *a, uint64_t principal)
{
    return &a->heads[(principal ^ principal >> 32) & a->mask];
}

static void unlink_entry(struct llmp_anomaly *a, uint32_t index)
{
    uint32_t *at = head_of(a, a->entries[index].principal);

    while (*at != index + 1)
        at = &a->entries[*at - 1].next;
    *at = a->entries[index].next;
}

/* A free place, or that of somebody who was not heard of for long. */
static uint32_t take_place(struct llmp_anomaly *a)
{
    uint32_t index;

    if (a->count < a->options.principals)
        return a->count++;
    while (a->entries[a->hand].used) {
        a->entries[a->hand].used = false;
        a->hand = (a->hand + 1) % a->options.principals;
    }
    index = a->hand;
    a->hand = (a->hand + 1) % a->options.principals;
    unlink_entry(a, index);
    return index;
}

static struct entry *find(struct llmp_anomaly *a, uint64_t principal,
                          uint64_t now_ns)
{
    uint32_t *head = head_of(a, principal), index;
    struct entry *entry;

    for (uint32_t at = *head; at; at = a->entries[at - 1].next)
        if (a->entries[at - 1].principal == principal)
            return &a->entries[at - 1];
    index = take_place(a);
    entry = &a->entries[index];
    *entry = (struct entry){ .principal = principal,
                             .since_ns = now_ns,
                             .last_ns = now_ns,
                             .next = *head };
    *head = index + 1;
    return entry;
}

/* ---- one feature --------------------------------------------------------- */

/* What is never less, however even somebody's requests were: the square of a
 * deviation. Counts vary as counts do (Poisson), shares of 16 likewise. */
static float variance_floor(enum llmp_anomaly_feature feature, float mean)
{
    switch (feature) {
    case LLMP_ANOMALY_RATE:
        return 1 + mean;
    case LLMP_ANOMALY_LENGTH:
        return .5625f; /* three quarters of a doubling */
    case LLMP_ANOMALY_ENTROPY:
        return .0625f; /* a quarter of a bit */
    case LLMP_ANOMALY_REFUSALS:
    case LLMP_ANOMALY_REPEATS:
        break;
    }
    return .0064f;
}

static bool is_trend(enum llmp_anomaly_feature feature)
{
    return feature == LLMP_ANOMALY_REFUSALS || feature == LLMP_ANOMALY_REPEATS;
}

static float deviation_of(const struct habit *habit,
                          enum llmp_anomaly_feature feature)
{
    float floor = variance_floor(feature, habit->mean), variance = 0;

    if (habit->weight > 1)
        variance = habit->squares / habit->weight;
    if (is_trend(feature))
        variance *= TREND / (2 - TREND); /* of a mean of the last ones */
    return llmp_root(variance > floor ? variance : floor);
}

static uint32_t score_of(float distance, float deviation)
{
    float z = distance / deviation;

    if (z <= NEAR)
        return 0;
    return z >= FAR ? 100 : (uint32_t)((z - NEAR) * 100 / (FAR - NEAR));
}

/* West (1979), with weights that fade. */
static void learn(struct habit *habit, float value)
{
    float step = value - habit->mean;

    habit->weight += 1;
    if (habit->weight > WEIGHT_MAX) {
        habit->squares *= WEIGHT_MAX / habit->weight;
        habit->weight = WEIGHT_MAX;
    }
    habit->mean += step / habit->weight;
    habit->squares += step * (value - habit->mean);
}

/* What is unlike is learned by halves: values up to where it begins to count,
 * of shares, which are 0 or 1 for one request, a quarter while they count. */
static float temper(const struct habit *habit, float lesson, float most,
                    bool trend, uint32_t score)
{
    if (trend)
        return score ? habit->mean + (lesson - habit->mean) / 4 : lesson;
    if (lesson > habit->mean + most)
        return habit->mean + most;
    return lesson < habit->mean - most ? habit->mean - most : lesson;
}

/* Judges a value, and learns another: of trends the one request's. */
static uint32_t judge(struct habit *habit, enum llmp_anomaly_feature feature,
                      float value, float lesson, bool known)
{
    float deviation = deviation_of(habit, feature);
    float distance = value - habit->mean;
    float most = NEAR * deviation;
    uint32_t score = 0;

    known = known && habit->weight >= LLMP_ANOMALY_WARM;
    if (feature == LLMP_ANOMALY_ENTROPY && distance < 0)
        distance = -distance;
    if (known)
        score = score_of(distance, deviation);
    if (known)
        lesson = temper(habit, lesson, most, is_trend(feature), score);
    learn(habit, lesson);
    return score;
}

/* ---- a request ----------------------------------------------------------- */

/* False: too few words to say. */
static bool compare(struct entry *entry, const struct llmp_anomaly_print *print,
                    bool *repeats)
{
    uint32_t words = 0;

    *repeats = false;
    for (size_t i = 0; i < LLMP_ANOMALY_LANES; i++)
        words += print->lanes[i] != 0;
    if (!words)
        return false;
    for (size_t i = 0; i < RING && !*repeats; i++) {
        struct llmp_anomaly_print other = { .size = 0 };

        memcpy(other.lanes, entry->ring[i], sizeof(other.lanes));
        *repeats = llmp_anomaly_alike(print, &other);
    }
    memcpy(entry->ring[entry->ring_at], print->lanes, sizeof(print->lanes));
    entry->ring_at = (uint8_t)((entry->ring_at + 1) % RING);
    return true;
}

static void judge_text(struct entry *entry,
                       const struct llmp_anomaly_print *print, bool known,
                       uint32_t of[LLMP_ANOMALY_FEATURES])
{
    float length = llmp_log2((float)print->size + 1);
    bool repeats;

    of[LLMP_ANOMALY_LENGTH] = judge(&entry->habits[LLMP_ANOMALY_LENGTH],
                                    LLMP_ANOMALY_LENGTH, length, length, known);
    if (print->entropy >= 0)
        of[LLMP_ANOMALY_ENTROPY] =
            judge(&entry->habits[LLMP_ANOMALY_ENTROPY], LLMP_ANOMALY_ENTROPY,
                  print->entropy, print->entropy, known);
    if (!compare(entry, print, &repeats))
        return;
    entry->repeated += ((float)repeats - entry->repeated) * TREND;
    of[LLMP_ANOMALY_REPEATS] =
        judge(&entry->habits[LLMP_ANOMALY_REPEATS], LLMP_ANOMALY_REPEATS,
              entry->repeated, (float)repeats, known);
}

/* Time passes: what was is worth less. */
static void fade(struct llmp_anomaly *a, struct entry *entry, uint64_t now_ns)
{
    uint64_t gap = now_ns > entry->last_ns ? now_ns - entry->last_ns : 0;
    float kept = llmp_decay(gap, a->options.half_life_ns);

    entry->lately *= llmp_decay(gap, RATE_HALF_NS);
    for (size_t i = 0; i < LLMP_ANOMALY_FEATURES; i++) {
        entry->habits[i].weight *= kept;
        entry->habits[i].squares *= kept;
    }
    entry->last_ns += gap;
}

/* As if features were independent: each lets through what it does not see. */
static void join(struct llmp_anomaly_verdict *verdict)
{
    float passes = 1;

    for (uint32_t i = 0; i < LLMP_ANOMALY_FEATURES; i++) {
        passes *= 1 - (float)verdict->of[i] / 100;
        if (verdict->of[i] > verdict->of[verdict->strongest])
            verdict->strongest = (enum llmp_anomaly_feature)i;
    }
    verdict->score = (uint32_t)((1 - passes) * 100 + .5f);
}

void llmp_anomaly_note(struct llmp_anomaly *anomaly,
                       const struct llmp_anomaly_request *request,
                       uint32_t tell, struct llmp_anomaly_verdict *verdict)
{
    struct entry *entry = find(anomaly, request->principal, request->now_ns);
    bool known;

    *verdict = (struct llmp_anomaly_verdict){ .score = 0 };
    entry->used = true;
    fade(anomaly, entry, request->now_ns);
    known = entry->last_ns - entry->since_ns >= anomaly->options.warm_ns &&
            entry->habits[LLMP_ANOMALY_RATE].weight >= LLMP_ANOMALY_WARM;
    verdict->known = known;
    entry->lately += 1;
    verdict->of[LLMP_ANOMALY_RATE] =
        judge(&entry->habits[LLMP_ANOMALY_RATE], LLMP_ANOMALY_RATE,
              entry->lately, entry->lately, known);
    entry->refused += ((float)request->refused - entry->refused) * TREND;
    verdict->of[LLMP_ANOMALY_REFUSALS] =
        judge(&entry->habits[LLMP_ANOMALY_REFUSALS], LLMP_ANOMALY_REFUSALS,
              entry->refused, (float)request->refused, known);
    if (request->print)
        judge_text(entry, request->print, known, verdict->of);
    join(verdict);
    if (!known || verdict->score < tell)
        return;
    verdict->told =
        entry->was_told && entry->last_ns - entry->told_ns < TELL_EVERY_NS;
    if (!verdict->told)
        entry->told_ns = entry->last_ns;
    entry->was_told = true;
}
