/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules, checked and made ready. Thousands of keys obey the same few: each
 * exists once, and stays until the limiter goes, so that a thread may read a
 * law that has just been replaced.
 */
#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"
#include "limit/limiter.h"

/* As many keys may each have limits of their own. */
enum { LAWS_MAX = 1 << 20 };

#define PERIOD_NS_MIN LLMP_NS_PER_MS
#define PERIOD_NS_MAX (UINT64_C(366) * 86400 * LLMP_NS_PER_S)
#define AMOUNT_MAX    (UINT64_C(1) << 62)

static int check(const struct llmp_limit_rule *rule, struct llmp_error *err)
{
    LLMP_ENSURE((unsigned)rule->unit < LLMP_LIMIT_UNITS &&
                    (unsigned)rule->window < LLMP_LIMIT_WINDOWS,
                err, LLMP_E_INVALID, "a limit's unit or window is unknown");
    LLMP_ENSURE(rule->amount <= AMOUNT_MAX && rule->burst <= AMOUNT_MAX, err,
                LLMP_E_INVALID, "a limit's amount is too large");
    LLMP_ENSURE(
        rule->period_ns >= PERIOD_NS_MIN && rule->period_ns <= PERIOD_NS_MAX,
        err, LLMP_E_INVALID, "a limit's period must be 1 ms to 366 days");
    LLMP_ENSURE(rule->soft_permille <= 1000, err, LLMP_E_INVALID,
                "a soft threshold is at most 1000 permille");
    LLMP_ENSURE(!rule->leased || (rule->unit != LLMP_LIMIT_CONCURRENCY &&
                                  rule->window != LLMP_WINDOW_ROLLING),
                err, LLMP_E_INVALID, "only a calendar's limit can be leased");
    return LLMP_OK;
}

/* One way to say each thing, so that equal rules are equal bytes. */
static struct llmp_limit_rule normal(const struct llmp_limit_rule *rule)
{
    struct llmp_limit_rule r = *rule;

    if (!r.period_ns || !llmp_law_is_rolling(&r))
        r.period_ns = 60 * LLMP_NS_PER_S;
    if (!r.burst || !llmp_law_is_rolling(&r))
        r.burst = r.amount;
    if (r.unit == LLMP_LIMIT_CONCURRENCY)
        r.window = LLMP_WINDOW_ROLLING;
    return r;
}

static bool same(const struct llmp_limit_rule *a,
                 const struct llmp_limit_rule *b)
{
    return a->unit == b->unit && a->window == b->window &&
           a->amount == b->amount && a->period_ns == b->period_ns &&
           a->burst == b->burst && a->soft_permille == b->soft_permille &&
           a->leased == b->leased;
}

/* amount * permille / 1000, rounded up: there is no overflow below 2^62. */
static uint64_t soft_of(const struct llmp_limit_rule *rule)
{
    return (uint64_t)(((unsigned __int128)rule->amount * rule->soft_permille +
                       999) /
                      1000);
}

static int law_new(struct llmp_law **out, const struct llmp_limit_rule *rule,
                   struct llmp_error *err)
{
    struct llmp_law *law = llmp_alloc(sizeof(*law));

    LLMP_ENSURE(law, err, LLMP_E_NOMEM, "no memory for a limit");
    law->rule = *rule;
    law->kind = rule->unit == LLMP_LIMIT_CONCURRENCY ? LLMP_CELL_RUNNING
                : llmp_law_is_rolling(rule)          ? LLMP_CELL_ROLLING
                                                     : LLMP_CELL_CALENDAR;
    law->closed = rule->amount == 0;
    law->soft = soft_of(rule);
    law->pace = (struct llmp_pace){ .rounding = 1 }; /* 1 ns > depth 0 */
    if (!law->closed && llmp_law_is_rolling(rule) &&
        !llmp_pace_init(&law->pace, rule->amount, rule->period_ns,
                        rule->burst)) {
        llmp_free(law);
        return llmp_fail(err, LLMP_E_INVALID,
                         "a limit's burst would take centuries to refill");
    }
    *out = law;
    return LLMP_OK;
}

static struct llmp_law **chain_of(struct llmp_limiter *limiter,
                                  const struct llmp_limit_rule *rule)
{
    const uint64_t parts[] = { rule->amount, rule->period_ns, rule->burst,
                               (uint64_t)rule->unit << 32 |
                                   (uint64_t)rule->window << 24 |
                                   (uint64_t)rule->soft_permille << 8 |
                                   rule->leased };
    uint64_t hash = llmp_str_hash(
        (struct llmp_str){ (const char *)parts, sizeof(parts) }, 0);

    return &limiter->laws[hash % LLMP_LAW_CHAINS];
}

static int get_locked(const struct llmp_law **out, struct llmp_limiter *limiter,
                      const struct llmp_limit_rule *rule,
                      struct llmp_error *err)
{
    struct llmp_law **chain = chain_of(limiter, rule), *law;

    for (law = *chain; law; law = law->next)
        if (same(&law->rule, rule)) {
            *out = law;
            return LLMP_OK;
        }
    LLMP_ENSURE(limiter->law_count < LAWS_MAX, err, LLMP_E_LIMIT,
                "more than %d different limits", LAWS_MAX);
    LLMP_TRY(law_new(&law, rule, err));
    law->next = *chain;
    *chain = law;
    limiter->law_count++;
    *out = law;
    return LLMP_OK;
}

int llmp_law_get(const struct llmp_law **out, struct llmp_limiter *limiter,
                 const struct llmp_limit_rule *rule, struct llmp_error *err)
{
    struct llmp_limit_rule r = normal(rule);

    LLMP_TRY(check(&r, err));
    llmp_spin_lock(&limiter->laws_locked);
    int rc = get_locked(out, limiter, &r, err);
    llmp_spin_unlock(&limiter->laws_locked);
    return rc;
}

bool llmp_law_says(const struct llmp_law *law,
                   const struct llmp_limit_rule *rule)
{
    struct llmp_limit_rule r = normal(rule);

    return law && same(&law->rule, &r);
}

void llmp_laws_free(struct llmp_limiter *limiter)
{
    for (size_t i = 0; i < LLMP_LAW_CHAINS; i++)
        while (limiter->laws[i]) {
            struct llmp_law *law = limiter->laws[i];

            limiter->laws[i] = law->next;
            llmp_free(law);
        }
}
