/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: reservations decide as the definition of a bucket, a budget and a
 * count says: nothing too much, nothing too little, nothing used by a refusal.
 * Method: random schedules over six cells in three scopes, beside an oracle
 * that keeps levels in exact fractions and knows nothing of arrival times.
 * Chosen time; the seed is said when it fails. LLMP_SEEDS chooses how many.
 */
#include <stdlib.h>

#include "helper.h"

typedef __int128 i128;

static uint64_t rng;
static uint64_t now_seed; /* 0: none runs */

static uint64_t rnd(uint64_t below)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng % below;
}

/* A bucket as a level that drains: in units of (unit × period), so that all is
 * whole. */
struct level {
    uint64_t amount, period, burst;
    uint64_t then;
    i128 level;
};

static void drain(struct level *l, uint64_t now)
{
    i128 gone = (i128)(now - l->then) * l->amount;

    l->level = l->level > gone ? l->level - gone : 0;
    l->then = now;
}

/* The oracle's copy of a cell. */
struct cell {
    struct llmp_limit_rule rule;
    struct level bucket;
    uint64_t used, window; /* calendar, concurrency */
    uint64_t last_used;    /* of the window before */
};

static void turn(struct cell *c, uint64_t wall_s)
{
    uint64_t w = wall_s / 86400; /* only days are used here */

    if (c->rule.window == LLMP_WINDOW_DAY && w > c->window) {
        c->last_used = c->window + 1 == w ? c->used : 0;
        c->window = w;
        c->used = 0;
    }
}

static bool rolling(const struct cell *c)
{
    return c->rule.unit != LLMP_LIMIT_CONCURRENCY &&
           c->rule.window == LLMP_WINDOW_ROLLING;
}

static uint64_t cut(const struct cell *c, const struct llmp_limit_amounts *a)
{
    uint64_t of = a->of[c->rule.unit], sure = a->sure[c->rule.unit];
    uint64_t most = rolling(c) ? c->bucket.burst : c->rule.amount;

    return of <= most ? of : sure > most ? sure : most;
}

static bool would_pass(struct cell *c, uint64_t n, struct llmp_time now)
{
    if (!rolling(c)) {
        turn(c, now.wall_ns / S);
        return c->used <= c->rule.amount && n <= c->rule.amount - c->used;
    }
    drain(&c->bucket, now.mono_ns);
    return c->bucket.level + (i128)n * c->bucket.period <=
           (i128)c->bucket.burst * c->bucket.period;
}

static void book(struct cell *c, uint64_t n)
{
    if (rolling(c))
        c->bucket.level += (i128)n * c->bucket.period;
    else
        c->used += n;
}

enum { CELLS = 6, SCOPES = 3, OPEN = 12, STEPS = 400 };

/* One open reservation, as the oracle has it. */
struct entry {
    bool open;
    struct booking b;
    uint64_t took[CELLS], window[CELLS];
    i128 tail[CELLS]; /* of a bucket: level right after it was booked */
    uint64_t at;
};

struct world {
    struct llmp_limiter *limiter;
    struct llmp_limit_scope *scopes[SCOPES];
    struct cell cells[CELLS];
    struct entry entries[OPEN];
    struct llmp_time now;
};

static const struct {
    int scope;
    struct llmp_limit_rule rule;
} layout[CELLS] = {
    { 0, { LLMP_LIMIT_REQUESTS, LLMP_WINDOW_ROLLING, 60, 60 * S, 5, 0, 0 } },
    { 0, { LLMP_LIMIT_TOKENS, LLMP_WINDOW_ROLLING, 6000, 60 * S, 0, 0, 0 } },
    { 0, { LLMP_LIMIT_CONCURRENCY, 0, 4, 0, 0, 0, 0 } },
    { 1, { LLMP_LIMIT_TOKENS, LLMP_WINDOW_DAY, 40000, 0, 0, 0, 0 } },
    { 1, { LLMP_LIMIT_REQUESTS, LLMP_WINDOW_ROLLING, 120, 60 * S, 8, 0, 0 } },
    { 2,
      { LLMP_LIMIT_INPUT_TOKENS, LLMP_WINDOW_ROLLING, 3000, 30 * S, 4000, 0,
        0 } },
};

static void world_init(struct world *w)
{
    static const enum llmp_limit_kind kinds[SCOPES] = { LLMP_LIMIT_KEY,
                                                        LLMP_LIMIT_TEAM,
                                                        LLMP_LIMIT_MODEL };

    memset(w, 0, sizeof(*w));
    assert_int_equal(llmp_limiter_new(&w->limiter, 0, NULL), LLMP_OK);
    w->now = at_ns(rnd(86400) * S);
    for (int s = 0; s < SCOPES; s++) {
        struct llmp_limit_rule rules[CELLS];
        size_t n = 0;

        for (int i = 0; i < CELLS; i++)
            if (layout[i].scope == s)
                rules[n++] = layout[i].rule;
        w->scopes[s] = scope_of(w->limiter, kinds[s], "x", rules, n);
    }
    for (int i = 0; i < CELLS; i++) {
        const struct llmp_limit_rule *r = &layout[i].rule;

        w->cells[i].rule = *r;
        w->cells[i].bucket = (struct level){ r->amount, r->period_ns,
                                             r->burst ? r->burst : r->amount,
                                             w->now.mono_ns, 0 };
        w->cells[i].window = w->now.wall_ns / S / 86400;
    }
}

static void world_fini(struct world *w)
{
    for (int i = 0; i < SCOPES; i++)
        llmp_limit_scope_unref(w->scopes[i]);
    llmp_limiter_free(w->limiter);
}

static struct llmp_limit_amounts random_request(void)
{
    struct llmp_limit_amounts a = { { 0 }, { 0 } };
    uint64_t in = 1 + rnd(600), out = rnd(4) ? rnd(900) : 1 + rnd(9000);

    a.of[LLMP_LIMIT_REQUESTS] = a.sure[LLMP_LIMIT_REQUESTS] = 1;
    a.of[LLMP_LIMIT_CONCURRENCY] = a.sure[LLMP_LIMIT_CONCURRENCY] = 1;
    a.of[LLMP_LIMIT_INPUT_TOKENS] = a.sure[LLMP_LIMIT_INPUT_TOKENS] = in;
    a.of[LLMP_LIMIT_TOKENS] = in + out;
    a.sure[LLMP_LIMIT_TOKENS] = in;
    return a;
}

static void reserve(struct world *w, struct entry *e)
{
    struct llmp_limit_amounts a = random_request();
    struct llmp_limit_refusal why;
    bool passes = true;

    for (int i = 0; i < CELLS; i++)
        passes =
            would_pass(&w->cells[i], cut(&w->cells[i], &a), w->now) && passes;
    booking_init(&e->b);

    int rc =
        llmp_limit_reserve(&e->b.r, w->scopes, SCOPES, &a, w->now, &why, NULL);

    assert_int_equal(rc, passes ? LLMP_OK : LLMP_LIMITED);
    if (!passes) {
        assert_int_equal(e->b.r.count, 0);
        assert_true(why.retry_after_ns > 0 ||
                    why.unit == LLMP_LIMIT_CONCURRENCY);
        return;
    }
    e->open = true;
    e->at = w->now.mono_ns;
    for (int i = 0; i < CELLS; i++) {
        e->took[i] = cut(&w->cells[i], &a);
        book(&w->cells[i], e->took[i]);
        e->window[i] = w->cells[i].window;
        e->tail[i] = w->cells[i].bucket.level;
    }
}

static void settle_count(struct cell *c, const struct entry *e, int i,
                         uint64_t used, uint64_t wall_s)
{
    uint64_t *count = &c->used;

    turn(c, wall_s);
    if (c->rule.unit == LLMP_LIMIT_CONCURRENCY)
        used = 0;
    else if (e->window[i] != c->window)
        count = e->window[i] + 1 == c->window ? &c->last_used : NULL;
    if (count)
        *count = *count - e->took[i] + used;
}

static void settle_bucket(struct level *l, const struct entry *e, int i,
                          uint64_t used, uint64_t now)
{
    drain(l, now);
    if (used >= e->took[i]) {
        l->level += (i128)(used - e->took[i]) * l->period;
        return;
    }

    /* Only what has not drained since is still there to be given back. */
    i128 gone = (i128)(now - e->at) * l->amount;
    i128 mine = e->tail[i] > gone ? e->tail[i] - gone : 0;
    i128 back = (i128)(e->took[i] - used) * l->period;

    back = back < mine ? back : mine;
    l->level -= back < l->level ? back : l->level;
}

static void settle(struct world *w, struct entry *e)
{
    uint64_t used[LLMP_LIMIT_UNITS] = { 0 };
    uint64_t in = rnd(700), out = rnd(3) ? rnd(500) : rnd(4000);

    used[LLMP_LIMIT_REQUESTS] = rnd(5) > 0;
    used[LLMP_LIMIT_INPUT_TOKENS] = in;
    used[LLMP_LIMIT_TOKENS] = in + out;
    llmp_limit_settle(&e->b.r, used, w->now, NULL);
    llmp_limit_settle(&e->b.r, used, w->now, NULL); /* changes nothing */
    for (int i = 0; i < CELLS; i++) {
        struct cell *c = &w->cells[i];

        if (rolling(c))
            settle_bucket(&c->bucket, e, i, used[c->rule.unit], w->now.mono_ns);
        else
            settle_count(c, e, i, used[c->rule.unit], w->now.wall_ns / S);
    }
    e->open = false;
}

static void looks_alike(struct world *w)
{
    struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX];

    for (int s = 0, i = 0; s < SCOPES; s++) {
        size_t n = llmp_limit_look(w->scopes[s], w->now, states);

        for (size_t k = 0; k < n; k++, i++) {
            struct cell *c = &w->cells[i];

            (void)would_pass(c, 0, w->now); /* drains, turns */
            if (rolling(c))
                assert_int_equal(states[k].used, (uint64_t)(c->bucket.level /
                                                            c->bucket.period));
            else
                assert_int_equal(states[k].used, c->used);
        }
    }
}

static void play(uint64_t seed)
{
    struct world w;

    rng = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    world_init(&w);
    for (int step = 0; step < STEPS; step++) {
        struct entry *e = &w.entries[rnd(OPEN)];
        uint64_t pass = rnd(50) == 0 ? rnd(40000) * S : rnd(3000) * MS;

        w.now.mono_ns += pass;
        w.now.wall_ns += pass;
        if (e->open)
            settle(&w, e);
        else
            reserve(&w, e);
        looks_alike(&w);
    }
    for (int i = 0; i < OPEN; i++)
        if (w.entries[i].open)
            settle(&w, &w.entries[i]);
    assert_int_equal(w.cells[2].used, 0); /* nothing runs any more */
    looks_alike(&w);
    world_fini(&w);
}

static void decides_like_the_oracle(void **state)
{
    const char *asked = getenv("LLMP_SEEDS");
    uint64_t seeds = asked ? strtoull(asked, NULL, 10) : 2000;

    (void)state;
    for (now_seed = 1; now_seed <= seeds; now_seed++)
        play(now_seed);
    now_seed = 0;
}

static int say_seed(void **state)
{
    (void)state;
    if (now_seed)
        print_message("# failed with seed %llu\n",
                      (unsigned long long)now_seed);
    return 0;
}

/* What fractions of nanoseconds do: never too much, and too little by less
 * than a nanosecond a request. */
static void uneven_rate(uint64_t rate)
{
    struct llmp_limiter *limiter;
    struct llmp_limit_rule rule = { .unit = LLMP_LIMIT_REQUESTS,
                                    .amount = rate };
    struct level l = { rate, 60 * S, rate, at_ns(0).mono_ns, 0 };
    struct llmp_limit_amounts a = amounts_of(LLMP_LIMIT_REQUESTS, 1);
    struct llmp_time now = at_ns(0);
    uint64_t wrong = 0, passed = 0;

    rng = rate;
    assert_int_equal(llmp_limiter_new(&limiter, 0, NULL), LLMP_OK);
    struct llmp_limit_scope *scope =
        scope_of(limiter, LLMP_LIMIT_KEY, "k", &rule, 1);
    for (int n = 0; n < 200000; n++) {
        struct booking b;

        booking_init(&b);
        now.mono_ns += rnd(60 * S / rate);
        drain(&l, now.mono_ns);
        bool may = l.level + (i128)l.period <= (i128)l.burst * l.period;
        int rc = llmp_limit_reserve(&b.r, &scope, 1, &a, now, NULL, NULL);

        assert_false(rc == LLMP_OK && !may);
        wrong += rc != LLMP_OK && may;
        if (rc == LLMP_OK) {
            l.level += (i128)l.period;
            passed++;
        }
    }
    assert_true(passed > 50000 && passed < 200000);
    assert_true(wrong * 1000 <= passed);
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(limiter);
}

static void uneven_rates_never_admit_too_much(void **state)
{
    (void)state;
    uneven_rate(7);
    uneven_rate(13);
    uneven_rate(997);
    uneven_rate(99991);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(decides_like_the_oracle, say_seed),
        cmocka_unit_test(uneven_rates_never_admit_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
