/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: several processes that lease slices of one budget never spend more
 * than it, spend nearly all of it, and give back what they did not need.
 * Method: two limiters and a counter that plays the shared store.
 */
#include "helper.h"

enum { LIMIT = 10000 };

/* What a store does: never more than the limit in all. */
static uint64_t grant(uint64_t *given, const struct llmp_limit_want *want)
{
    uint64_t left = want->limit - *given;
    uint64_t n = want->want < left ? want->want : left;

    *given += n;
    return n;
}

static void feed(struct llmp_limiter *l, uint64_t *given, struct llmp_time now)
{
    struct llmp_limit_want want;
    uint64_t cursor = 0;

    while (llmp_limit_lease_next(l, &cursor, now, &want)) {
        uint64_t granted = grant(given, &want);

        llmp_limit_lease_grant(&want, granted, *given, now);
        llmp_limit_scope_unref(want.scope);
    }
}

static const struct llmp_limit_rule shared = { .unit = LLMP_LIMIT_TOKENS,
                                               .window = LLMP_WINDOW_DAY,
                                               .amount = LIMIT,
                                               .leased = true };

/* What the process returns; `all`: it ends. */
static uint64_t returned(struct llmp_limiter *l, bool all, struct llmp_time now)
{
    struct llmp_limit_want spare;
    uint64_t cursor = 0, sum = 0;

    while (llmp_limit_lease_spare(l, &cursor, all, now, &spare)) {
        assert_int_equal(spare.unit, LLMP_LIMIT_TOKENS);
        sum += spare.want;
        llmp_limit_scope_unref(spare.scope);
    }
    return sum;
}

static bool takes(struct llmp_limit_scope *scope, uint64_t amount,
                  struct llmp_time now, struct llmp_limit_refusal *why)
{
    struct llmp_limit_amounts a = amounts_of(LLMP_LIMIT_TOKENS, amount);
    struct booking b;

    booking_init(&b);
    return llmp_limit_reserve(&b.r, &scope, 1, &a, now, why, NULL) == LLMP_OK;
}

static struct llmp_limit_state look_at(struct llmp_limit_scope *scope,
                                       struct llmp_time now)
{
    struct llmp_limit_state look[LLMP_LIMIT_RULES_MAX];

    assert_int_equal(llmp_limit_look(scope, now, look), 1);
    return look[0];
}

static void two_share_one_budget(void **state)
{
    struct llmp_limiter *l[2];
    struct llmp_limit_scope *scope[2];
    uint64_t given = 0, spent = 0, refused = 0;
    struct llmp_time now = at_ns(0);

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(llmp_limiter_new(&l[i], 0, NULL), LLMP_OK);
        scope[i] = scope_of(l[i], LLMP_LIMIT_TEAM, "t", &shared, 1);
    }
    for (int n = 0; n < 1700; n++) {
        struct booking b;
        int i = n % 3 == 0; /* one is busier */
        struct llmp_limit_amounts a =
            amounts_of(LLMP_LIMIT_TOKENS, 1 + (uint64_t)n % 13);

        booking_init(&b);
        now.wall_ns += 500 * MS;
        now.mono_ns += 500 * MS;
        if (llmp_limit_reserve(&b.r, &scope[i], 1, &a, now, NULL, NULL) ==
            LLMP_OK)
            spent += a.of[LLMP_LIMIT_TOKENS];
        else
            refused++;
        feed(l[i], &given, now);
        assert_true(spent <= given);
        assert_true(given <= LIMIT);
    }
    assert_true(spent > LIMIT * 99 / 100);
    assert_true(refused > 0);
    for (int i = 0; i < 2; i++) {
        struct llmp_limit_refusal why;

        given -= returned(l[i], true, now);
        assert_false(takes(scope[i], 1, now, &why)); /* it was given back */
        llmp_limit_scope_unref(scope[i]);
        llmp_limiter_free(l[i]);
    }
    assert_int_equal(given, spent);
}

/* A request larger than a slice gets one that is large enough. */
static void a_large_request_asks_for_what_it_needs(void **state)
{
    struct llmp_limiter *l;
    struct llmp_limit_refusal why;
    struct booking b;
    uint64_t given = 0;
    struct llmp_limit_amounts a = amounts_of(LLMP_LIMIT_TOKENS, 5000);

    (void)state;
    assert_int_equal(llmp_limiter_new(&l, 0, NULL), LLMP_OK);
    struct llmp_limit_scope *scope =
        scope_of(l, LLMP_LIMIT_TEAM, "t", &shared, 1);
    booking_init(&b);
    assert_int_equal(
        llmp_limit_reserve(&b.r, &scope, 1, &a, at_ns(0), &why, NULL),
        LLMP_LIMITED);
    assert_int_equal(why.retry_after_ns, 0);
    assert_true(why.pending);
    feed(l, &given, at_ns(0));
    assert_int_equal(
        llmp_limit_reserve(&b.r, &scope, 1, &a, at_ns(0), &why, NULL), LLMP_OK);
    a = amounts_of(LLMP_LIMIT_TOKENS, LIMIT + 1);
    b.r.count = 0;
    assert_int_equal(
        llmp_limit_reserve(&b.r, &scope, 1, &a, at_ns(0), &why, NULL),
        LLMP_LIMITED);
    assert_true(why.retry_after_ns == UINT64_MAX);
    assert_false(why.pending);
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(l);
}

/* Nothing left: the store is left alone for a second. A grant that comes when
 * its window is over is not spent in the next one. */
static void waits_and_turns(void **state)
{
    struct llmp_limiter *l;
    struct llmp_limit_want want, again;
    uint64_t cursor = 0;
    struct llmp_time tomorrow = at_ns(86400 * S);
    struct llmp_limit_refusal why;

    (void)state;
    assert_int_equal(llmp_limiter_new(&l, 0, NULL), LLMP_OK);
    struct llmp_limit_scope *scope =
        scope_of(l, LLMP_LIMIT_TEAM, "t", &shared, 1);
    assert_false(llmp_limit_lease_wanted(l)); /* who needs nothing asks not */
    assert_false(takes(scope, 1, at_ns(0), &why));
    assert_true(llmp_limit_lease_wanted(l));
    assert_true(llmp_limit_lease_next(l, &cursor, at_ns(0), &want));
    assert_false(llmp_limit_lease_next(l, &cursor, at_ns(0), &again));
    llmp_limit_lease_grant(&want, 0, LIMIT, at_ns(0));
    assert_false(takes(scope, 1, at_ns(S / 2), &why));
    assert_false(why.pending); /* it was asked just now */
    assert_int_equal(why.retry_after_ns, 12 * 3600 * S - S / 2);
    assert_false(llmp_limit_lease_wanted(l));
    assert_false(takes(scope, 1, at_ns(S), &why));
    assert_true(why.pending);
    cursor = 0;
    assert_true(llmp_limit_lease_next(l, &cursor, at_ns(S), &again));
    llmp_limit_scope_unref(again.scope);
    llmp_limit_lease_grant(&want, 100, 100, tomorrow);
    assert_false(takes(scope, 1, tomorrow, &why));
    llmp_limit_scope_unref(want.scope);
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(l);
}

/* What nobody uses goes back after five seconds, and only once; what was used
 * stays used, and the next slice is a new one. */
static void what_is_not_used_goes_back(void **state)
{
    struct llmp_limiter *l;
    struct llmp_limit_refusal why;
    uint64_t given = 0, slice;

    (void)state;
    assert_int_equal(llmp_limiter_new(&l, 0, NULL), LLMP_OK);
    struct llmp_limit_scope *scope =
        scope_of(l, LLMP_LIMIT_TEAM, "t", &shared, 1);
    assert_false(takes(scope, 10, at_ns(0), &why));
    feed(l, &given, at_ns(0));
    slice = given;
    assert_true(slice >= 10 && slice <= LIMIT / 16);
    assert_true(takes(scope, 10, at_ns(S), NULL));
    assert_int_equal(returned(l, false, at_ns(2 * S)), 0);
    assert_int_equal(returned(l, false, at_ns(6 * S)), 0);
    assert_int_equal(returned(l, false, at_ns(7 * S)), slice - 10);
    given -= slice - 10;
    assert_int_equal(returned(l, false, at_ns(7 * S)), 0);
    assert_int_equal(look_at(scope, at_ns(7 * S)).used, 10);
    assert_false(takes(scope, 1, at_ns(7 * S), &why));
    assert_true(why.pending);
    feed(l, &given, at_ns(7 * S));
    assert_true(takes(scope, 1, at_ns(7 * S), NULL));
    assert_int_equal(look_at(scope, at_ns(7 * S)).used, 11);
    given -= returned(l, true, at_ns(7 * S));
    assert_int_equal(given, 11);
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(l);
}

/* The window is over: what was left of it goes back, to it. */
static void a_window_that_is_over_goes_back(void **state)
{
    struct llmp_limiter *l;
    struct llmp_limit_want spare;
    struct llmp_time tomorrow = at_ns(86400 * S);
    uint64_t given = 0, cursor = 0;

    (void)state;
    assert_int_equal(llmp_limiter_new(&l, 0, NULL), LLMP_OK);
    struct llmp_limit_scope *scope =
        scope_of(l, LLMP_LIMIT_TEAM, "t", &shared, 1);
    assert_false(takes(scope, 10, at_ns(0), NULL));
    feed(l, &given, at_ns(0));
    assert_true(takes(scope, 10, at_ns(0), NULL));
    assert_false(takes(scope, 10, tomorrow, NULL)); /* it turns */
    assert_true(llmp_limit_lease_spare(l, &cursor, false, tomorrow, &spare));
    assert_int_equal(spare.want, given - 10);
    assert_int_equal(
        spare.window_start_s,
        llmp_limit_window_start_s(LLMP_WINDOW_DAY, at_ns(0).wall_ns));
    llmp_limit_scope_unref(spare.scope);
    assert_false(llmp_limit_lease_spare(l, &cursor, false, tomorrow, &spare));
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(l);
}

static uint64_t late(struct llmp_limiter *l, bool all, struct llmp_time now)
{
    struct llmp_limit_want spare;
    uint64_t cursor = 0, sum = 0;

    while (llmp_limit_lease_spare(l, &cursor, all, now, &spare)) {
        sum += spare.late ? spare.want : 0;
        llmp_limit_scope_unref(spare.scope);
    }
    return sum;
}

/* A request reserves 2,000, and that is all that was granted. */
static void reserve_a_lease(struct llmp_limiter *l,
                            struct llmp_limit_scope *scope, struct booking *b,
                            uint64_t *given)
{
    struct llmp_limit_amounts a = amounts_of(LLMP_LIMIT_TOKENS, 2000);

    booking_init(b);
    assert_false(takes(scope, 2000, at_ns(0), NULL));
    feed(l, given, at_ns(0));
    assert_int_equal(
        llmp_limit_reserve(&b->r, &scope, 1, &a, at_ns(0), NULL, NULL),
        LLMP_OK);
}

/* A slow answer: the lease ends while the request holds more than it will
 * have used. That comes back when it settles: at the next look but one, since
 * the first is for who asks; or at the end, or when the window is over. */
static void what_settles_late_goes_back(void **state)
{
    enum { NEXT_LOOK, AT_THE_END, TOMORROW, CASES };
    const uint64_t used[LLMP_LIMIT_UNITS] = { [LLMP_LIMIT_TOKENS] = 25 };

    (void)state;
    for (int i = 0; i < CASES; i++) {
        struct llmp_limiter *l;
        struct booking b;
        struct llmp_time then = at_ns(i == TOMORROW ? 86400 * S : 9 * S);
        uint64_t given = 0;

        assert_int_equal(llmp_limiter_new(&l, 0, NULL), LLMP_OK);
        struct llmp_limit_scope *scope =
            scope_of(l, LLMP_LIMIT_TEAM, "t", &shared, 1);
        reserve_a_lease(l, scope, &b, &given);
        feed(l, &given, at_ns(0));
        given -= returned(l, false, at_ns(S));
        given -= returned(l, false, at_ns(6 * S));
        assert_int_equal(given, 2000);
        assert_int_equal(late(l, false, at_ns(7 * S)), 0);
        if (i == TOMORROW)
            assert_false(takes(scope, 1, then, NULL)); /* it turns */
        llmp_limit_settle(&b.r, used, then, NULL);
        llmp_limit_scope_unref(scope);
        for (int n = 0; n < 64; n++)
            assert_int_equal(llmp_limiter_sweep(l, at_ns(9 * S)), 0);
        if (i != AT_THE_END) {
            uint64_t before = given;

            feed(l, &given, then);
            assert_true(i == TOMORROW || given == before); /* no new slice */
            given = before;
        }
        given -= late(l, i == AT_THE_END, then);
        assert_int_equal(given, 25);
        assert_int_equal(late(l, true, then), 0);
        llmp_limiter_free(l);
    }
}

/* What the store has as used once this process has given all back. */
static uint64_t counted(struct llmp_limiter *l, uint64_t given, bool all,
                        struct llmp_time now)
{
    struct llmp_limit_want spare;
    uint64_t cursor = 0;

    while (llmp_limit_lease_spare(l, &cursor, all, now, &spare)) {
        given = given - spare.want + spare.debt;
        llmp_limit_scope_unref(spare.scope);
    }
    return given;
}

/* Answers that cost more than was set aside for them: nothing of it is lost. */
static void what_is_used_beyond_counts(void **state)
{
    enum { AT_THE_END, TOMORROW, AFTER_THE_LEASE, NEXT_LEASE, CASES };
    const uint64_t used[LLMP_LIMIT_UNITS] = { [LLMP_LIMIT_TOKENS] = 2400 };

    (void)state;
    for (int i = 0; i < CASES; i++) {
        struct llmp_limiter *l;
        struct booking b;
        struct llmp_time then = at_ns(i == TOMORROW ? 86400 * S : 9 * S);
        uint64_t given = 0;

        print_message("# case %d\n", i);
        assert_int_equal(llmp_limiter_new(&l, 0, NULL), LLMP_OK);
        struct llmp_limit_scope *scope =
            scope_of(l, LLMP_LIMIT_TEAM, "t", &shared, 1);
        reserve_a_lease(l, scope, &b, &given);
        assert_int_equal(given, 2000);
        if (i == AFTER_THE_LEASE) {
            assert_int_equal(counted(l, given, false, at_ns(S)), 2000);
            assert_int_equal(counted(l, given, false, at_ns(7 * S)), 2000);
        }
        llmp_limit_settle(&b.r, used, at_ns(8 * S), NULL);
        if (i == NEXT_LEASE) {
            assert_false(takes(scope, 1, at_ns(8 * S), NULL));
            feed(l, &given, at_ns(8 * S));
            assert_true(given > 2400);
            assert_true(takes(scope, 1, at_ns(8 * S), NULL));
        }
        if (i == TOMORROW)
            assert_false(takes(scope, 1, then, NULL)); /* it turns */
        if (i == AFTER_THE_LEASE) /* not yet: the next lease may have it */
            assert_int_equal(counted(l, given, false, then), 2000);
        given = counted(l, given, i != TOMORROW, then);
        assert_int_equal(given, i == NEXT_LEASE ? 2401 : 2400);
        assert_int_equal(counted(l, given, true, then), given);
        llmp_limit_scope_unref(scope);
        llmp_limiter_free(l);
    }
}

/* Nobody waits for a store that is away: what is left by what is known. What
 * that takes beyond the grants is asked for when it is back. */
static void alone_it_goes_on_by_what_it_knows(void **state)
{
    struct llmp_limiter *l;
    struct llmp_limit_refusal why;
    struct llmp_limit_want want;
    uint64_t cursor = 0;
    struct llmp_time now = at_ns(0);

    (void)state;
    assert_int_equal(llmp_limiter_new(&l, 0, NULL), LLMP_OK);
    llmp_limiter_back(l, LLMP_BACKING_SHARED);
    const struct llmp_limit_rule plain = { .unit = LLMP_LIMIT_TOKENS,
                                           .window = LLMP_WINDOW_DAY,
                                           .amount = LIMIT };
    struct llmp_limit_scope *scope =
        scope_of(l, LLMP_LIMIT_TEAM, "t", &plain, 1);
    assert_false(takes(scope, 1, now, &why));
    assert_true(llmp_limit_lease_next(l, &cursor, now, &want));
    llmp_limit_lease_grant(&want, want.want, 4000 + want.want, now);
    llmp_limit_scope_unref(want.scope);
    assert_true(look_at(scope, now).rule.leased);
    assert_int_equal(look_at(scope, now).used, 4000); /* others have it */
    llmp_limiter_alone(l, now.wall_ns + 5 * S);
    assert_true(takes(scope, 6000, now, NULL));
    assert_false(takes(scope, 1, now, NULL));
    assert_false(takes(scope, 1, at_ns(5 * S), NULL)); /* not any more */
    cursor = 0;
    assert_true(llmp_limit_lease_next(l, &cursor, at_ns(5 * S), &want));
    assert_true(want.want >= 6000 - LIMIT / 32 - 1);
    llmp_limit_scope_unref(want.scope);
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(l);
}

/* A store that only we write to: a new cell waits to hear what was used. */
static void a_new_cell_is_restored_before_it_is_used(void **state)
{
    static const struct llmp_limit_rule rule = { .unit = LLMP_LIMIT_TOKENS,
                                                 .window = LLMP_WINDOW_DAY,
                                                 .amount = 100 };
    struct llmp_limiter *l;
    struct llmp_limit_refusal why;
    struct llmp_limit_want want;
    uint64_t cursor = 0;
    struct llmp_time now = at_ns(0), tomorrow = at_ns(86400 * S);

    (void)state;
    assert_int_equal(llmp_limiter_new(&l, 0, NULL), LLMP_OK);
    llmp_limiter_back(l, LLMP_BACKING_RESTORED);
    struct llmp_limit_scope *scope =
        scope_of(l, LLMP_LIMIT_DEPLOYMENT, "p/m", &rule, 1);
    assert_false(takes(scope, 1, now, &why));
    assert_true(why.pending);
    assert_true(llmp_limit_lease_next(l, &cursor, now, &want));
    assert_true(want.unknown && want.scope == scope);
    llmp_limit_restore(scope, want.unit, want.window, want.window_start_s, 98,
                       now);
    llmp_limit_scope_unref(want.scope);
    assert_false(llmp_limit_lease_next(l, &cursor, now, &want));
    assert_true(takes(scope, 2, now, &why));
    assert_false(takes(scope, 1, now, &why));
    assert_false(why.pending);
    assert_true(takes(scope, 100, tomorrow, &why)); /* a new day is known */

    /* Nobody refers to it: after a minute it can be told again. */
    llmp_limit_scope_unref(scope);
    for (int i = 0; i < 64; i++)
        assert_int_equal(llmp_limiter_sweep(l, tomorrow), 0);
    tomorrow.wall_ns += 61 * S;
    for (int i = 0; i < 64; i++)
        (void)llmp_limiter_sweep(l, tomorrow);
    assert_int_equal(llmp_limiter_count(l), 0);
    llmp_limiter_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_share_one_budget),
        cmocka_unit_test(a_large_request_asks_for_what_it_needs),
        cmocka_unit_test(waits_and_turns),
        cmocka_unit_test(what_is_not_used_goes_back),
        cmocka_unit_test(a_window_that_is_over_goes_back),
        cmocka_unit_test(what_settles_late_goes_back),
        cmocka_unit_test(what_is_used_beyond_counts),
        cmocka_unit_test(alone_it_goes_on_by_what_it_knows),
        cmocka_unit_test(a_new_cell_is_restored_before_it_is_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
