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
        llmp_limit_lease_grant(&want, grant(given, &want), now);
        llmp_limit_scope_unref(want.scope);
    }
}

static const struct llmp_limit_rule shared = { .unit = LLMP_LIMIT_TOKENS,
                                               .window = LLMP_WINDOW_DAY,
                                               .amount = LIMIT,
                                               .leased = true };

static uint64_t left_of(struct llmp_limit_scope *scope, struct llmp_time now)
{
    struct llmp_limit_state look[LLMP_LIMIT_RULES_MAX];

    assert_int_equal(llmp_limit_look(scope, now, look), 1);
    return look[0].remaining;
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
    assert_true(spent > LIMIT * 95 / 100);
    assert_true(refused > 0);
    for (int i = 0; i < 2; i++) {
        given -= llmp_limit_lease_reclaim(
            scope[i], LLMP_LIMIT_TOKENS, LLMP_WINDOW_DAY,
            llmp_limit_window_start_s(LLMP_WINDOW_DAY, now.wall_ns));
        assert_int_equal(left_of(scope[i], now), 0); /* it was given back */
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
    feed(l, &given, at_ns(0));
    assert_int_equal(
        llmp_limit_reserve(&b.r, &scope, 1, &a, at_ns(0), &why, NULL), LLMP_OK);
    a = amounts_of(LLMP_LIMIT_TOKENS, LIMIT + 1);
    b.r.count = 0;
    assert_int_equal(
        llmp_limit_reserve(&b.r, &scope, 1, &a, at_ns(0), &why, NULL),
        LLMP_LIMITED);
    assert_true(why.retry_after_ns == UINT64_MAX);
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
    struct llmp_limit_state look[LLMP_LIMIT_RULES_MAX];

    (void)state;
    assert_int_equal(llmp_limiter_new(&l, 0, NULL), LLMP_OK);
    struct llmp_limit_scope *scope =
        scope_of(l, LLMP_LIMIT_TEAM, "t", &shared, 1);
    assert_true(llmp_limit_lease_next(l, &cursor, at_ns(0), &want));
    assert_false(llmp_limit_lease_next(l, &cursor, at_ns(0), &again));
    llmp_limit_lease_grant(&want, 0, at_ns(0));
    cursor = 0;
    assert_false(llmp_limit_lease_next(l, &cursor, at_ns(S / 2), &again));
    assert_true(llmp_limit_lease_next(l, &cursor, at_ns(S), &again));
    llmp_limit_scope_unref(again.scope);
    llmp_limit_lease_grant(&want, 100, tomorrow);
    assert_int_equal(llmp_limit_look(scope, tomorrow, look), 1);
    assert_int_equal(look[0].remaining, 0);
    llmp_limit_scope_unref(want.scope);
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_share_one_budget),
        cmocka_unit_test(a_large_request_asks_for_what_it_needs),
        cmocka_unit_test(waits_and_turns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
