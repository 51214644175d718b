/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: scopes are found again, change their rules without forgetting, are
 * swept when nothing is left of them; refusals tell the truth about when to
 * come back; nothing stays behind when memory is short.
 * Method: chosen time; memory fails at every request in turn.
 */
#include "helper.h"

#include "faulty_heap.h"

static int try_one(struct llmp_limit_scope *scope, enum llmp_limit_unit unit,
                   uint64_t n, uint64_t ns, struct llmp_limit_refusal *why)
{
    struct booking b;
    struct llmp_limit_amounts a = amounts_of(unit, n);

    booking_init(&b);
    return llmp_limit_reserve(&b.r, &scope, 1, &a, at_ns(ns), why, NULL);
}

static struct llmp_limiter *limiter_of(uint64_t scopes_max)
{
    struct llmp_limiter *l = NULL;

    assert_int_equal(llmp_limiter_new(&l, scopes_max, NULL), LLMP_OK);
    return l;
}

static void says_when_to_come_back(void **state)
{
    static const struct {
        uint64_t at_ms, cost;
        int expect;
        uint64_t retry_ms, remaining;
    } steps[] = {
        { 0, 2, LLMP_OK, 0, 0 },           { 0, 1, LLMP_LIMITED, 100, 0 },
        { 99, 1, LLMP_LIMITED, 1, 0 },     { 100, 1, LLMP_OK, 0, 0 },
        { 150, 2, LLMP_LIMITED, 150, 0 },  { 200, 2, LLMP_LIMITED, 100, 1 },
        { 5000, 2, LLMP_OK, 0, 0 }, /* idling earns the burst, not more */
        { 5000, 1, LLMP_LIMITED, 100, 0 },
    };
    struct llmp_limiter *l = limiter_of(0);
    struct llmp_limit_rule rule = {
        .unit = LLMP_LIMIT_REQUESTS, .amount = 10, .period_ns = S, .burst = 2
    };
    struct llmp_limit_scope *scope = scope_of(l, LLMP_LIMIT_KEY, "a", &rule, 1);

    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct llmp_limit_refusal why = { 0 };

        print_message("# step %zu\n", i);
        assert_int_equal(try_one(scope, LLMP_LIMIT_REQUESTS, steps[i].cost,
                                 steps[i].at_ms * MS, &why),
                         steps[i].expect);
        assert_int_equal(why.retry_after_ns, steps[i].retry_ms * MS);
        assert_int_equal(why.remaining, steps[i].remaining);
        if (steps[i].expect != LLMP_OK) {
            assert_ptr_equal(why.scope, scope);
            assert_int_equal(why.limit, 10);
        }
    }
    struct llmp_limit_refusal why;

    assert_int_equal(try_one(scope, LLMP_LIMIT_REQUESTS, 3, 0, &why),
                     LLMP_LIMITED);
    assert_true(why.retry_after_ns == UINT64_MAX);
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(l);
}

static void rules_change_and_counts_stay(void **state)
{
    struct llmp_limiter *l = limiter_of(0);
    struct llmp_limit_rule day = { .unit = LLMP_LIMIT_TOKENS,
                                   .window = LLMP_WINDOW_DAY,
                                   .amount = 100 };
    struct llmp_limit_scope *scope = scope_of(l, LLMP_LIMIT_TEAM, "t", &day, 1);
    struct llmp_limit_scope *again;
    struct llmp_limit_refusal why;

    (void)state;
    assert_int_equal(try_one(scope, LLMP_LIMIT_TOKENS, 60, 0, NULL), LLMP_OK);
    assert_int_equal(try_one(scope, LLMP_LIMIT_TOKENS, 60, 0, &why),
                     LLMP_LIMITED);
    assert_int_equal(why.remaining, 40);
    assert_int_equal(why.retry_after_ns, 12 * 3600 * S); /* it is noon */
    day.amount = 150;
    again = scope_of(l, LLMP_LIMIT_TEAM, "t", &day, 1);
    assert_ptr_equal(again, scope);
    assert_int_equal(try_one(scope, LLMP_LIMIT_TOKENS, 60, 0, NULL), LLMP_OK);
    llmp_limit_scope_unref(again);
    again = scope_of(l, LLMP_LIMIT_TEAM, "t", NULL, 0); /* no limits */
    assert_int_equal(try_one(scope, LLMP_LIMIT_TOKENS, 9999, 0, NULL), LLMP_OK);
    llmp_limit_scope_unref(again);
    again = scope_of(l, LLMP_LIMIT_TEAM, "t", &day, 1);
    assert_int_equal(try_one(scope, LLMP_LIMIT_TOKENS, 31, 0, NULL),
                     LLMP_LIMITED);
    assert_int_equal(try_one(scope, LLMP_LIMIT_TOKENS, 30, 0, NULL), LLMP_OK);
    day.amount = 0; /* nothing passes, and never will */
    llmp_limit_scope_unref(again);
    again = scope_of(l, LLMP_LIMIT_TEAM, "t", &day, 1);
    assert_int_equal(try_one(scope, LLMP_LIMIT_TOKENS, 1, 86400 * S, &why),
                     LLMP_LIMITED);
    assert_true(why.retry_after_ns == UINT64_MAX);
    llmp_limit_scope_unref(again);
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(l);
}

/* Rules that are in force already are recognised; others never taken for
 * them. */
static void the_same_rules_again(void **state)
{
    struct llmp_limiter *l = limiter_of(0);
    struct llmp_limit_rule rules[] = {
        { .unit = LLMP_LIMIT_REQUESTS, .amount = 60 },
        { .unit = LLMP_LIMIT_TOKENS, .amount = 900 },
    };
    struct llmp_limit_scope *scope = scope_of(l, LLMP_LIMIT_KEY, "k", rules, 2);
    struct llmp_limit_scope *again;
    struct llmp_limit_state look[LLMP_LIMIT_RULES_MAX];

    (void)state;
    again = scope_of(l, LLMP_LIMIT_KEY, "k", rules, 2);
    assert_ptr_equal(again, scope);
    llmp_limit_scope_unref(again);
    rules[1] = rules[0]; /* not the two that hold, though each of them does */
    assert_int_equal(llmp_limiter_scope(&again, l, LLMP_LIMIT_KEY,
                                        LLMP_STR("k"), rules, 2, NULL),
                     LLMP_E_INVALID);
    again = scope_of(l, LLMP_LIMIT_KEY, "k", rules, 1);
    assert_int_equal(llmp_limit_look(scope, at_ns(0), look), 1);
    llmp_limit_scope_unref(again);
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(l);
}

static void a_clock_that_jumps_back_stays_in_its_window(void **state)
{
    struct llmp_limiter *l = limiter_of(0);
    struct llmp_limit_rule day = { .unit = LLMP_LIMIT_REQUESTS,
                                   .window = LLMP_WINDOW_DAY,
                                   .amount = 2 };
    struct llmp_limit_scope *scope = scope_of(l, LLMP_LIMIT_TEAM, "t", &day, 1);
    struct llmp_limit_refusal why;

    (void)state;
    assert_int_equal(try_one(scope, LLMP_LIMIT_REQUESTS, 2, 0, NULL), LLMP_OK);
    assert_int_equal(try_one(scope, LLMP_LIMIT_REQUESTS, 2, 86400 * S, NULL),
                     LLMP_OK);
    assert_int_equal(try_one(scope, LLMP_LIMIT_REQUESTS, 1, 0, &why),
                     LLMP_LIMITED);
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(l);
}

/* Reserved before midnight, settled after it: yesterday's budget has it back,
 * today's is as it was. */
static void late_settlements_go_where_they_belong(void **state)
{
    struct llmp_limiter *l = limiter_of(0);
    struct llmp_limit_rule day = { .unit = LLMP_LIMIT_MONEY,
                                   .window = LLMP_WINDOW_DAY,
                                   .amount = 100 };
    struct llmp_limit_scope *scope = scope_of(l, LLMP_LIMIT_TEAM, "t", &day, 1);
    struct llmp_limit_amounts a = amounts_of(LLMP_LIMIT_MONEY, 80);
    struct llmp_limit_state look[LLMP_LIMIT_RULES_MAX];
    uint64_t used[LLMP_LIMIT_UNITS] = { 0 };
    struct booking b;

    (void)state;
    booking_init(&b);
    assert_int_equal(
        llmp_limit_reserve(&b.r, &scope, 1, &a, at_ns(0), NULL, NULL), LLMP_OK);
    assert_int_equal(try_one(scope, LLMP_LIMIT_MONEY, 90, 86400 * S, NULL),
                     LLMP_OK);
    used[LLMP_LIMIT_MONEY] = 200;
    llmp_limit_charge(&b.r, used, at_ns(86400 * S), NULL); /* debt */
    used[LLMP_LIMIT_MONEY] = 10;
    llmp_limit_settle(&b.r, used, at_ns(86400 * S), NULL);
    llmp_limit_look(scope, at_ns(86400 * S), look);
    assert_int_equal(look[0].used, 90);
    llmp_limit_restore(
        scope, LLMP_LIMIT_MONEY, LLMP_WINDOW_DAY,
        llmp_limit_window_start_s(LLMP_WINDOW_DAY, at_ns(86400 * S).wall_ns),
        95, at_ns(86400 * S));
    llmp_limit_restore(scope, LLMP_LIMIT_MONEY, LLMP_WINDOW_DAY, 0, 5,
                       at_ns(86400 * S)); /* long gone */
    llmp_limit_look(scope, at_ns(86400 * S), look);
    assert_int_equal(look[0].used, 95); /* not added to what it knew */
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(l);
}

/* A price that was wrong: by a difference, in one window, never below nothing.
 */
static void what_was_used_is_corrected(void **state)
{
    struct llmp_limiter *l = limiter_of(0);
    struct llmp_limit_rule day = { .unit = LLMP_LIMIT_MONEY,
                                   .window = LLMP_WINDOW_DAY,
                                   .amount = 100 };
    struct llmp_limit_scope *scope = scope_of(l, LLMP_LIMIT_TEAM, "t", &day, 1);
    const uint64_t today =
        llmp_limit_window_start_s(LLMP_WINDOW_DAY, at_ns(0).wall_ns);
    struct llmp_limit_state look[LLMP_LIMIT_RULES_MAX];
    static const struct {
        int64_t by;
        uint64_t before, used; /* windows before today; what is seen then */
    } steps[] = { { 30, 0, 120 },
                  { -50, 0, 70 },
                  { -50, 1, 70 },
                  { -INT64_MAX, 0, 0 },
                  { 5, 0, 5 },
                  { INT64_MIN, 0, 0 },
                  { INT64_MAX, 0, INT64_MAX } };

    (void)state;
    assert_int_equal(try_one(scope, LLMP_LIMIT_MONEY, 90, 0, NULL), LLMP_OK);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        llmp_limit_correct(scope, LLMP_LIMIT_MONEY, LLMP_WINDOW_DAY,
                           today - steps[i].before * 86400, steps[i].by,
                           at_ns(0));
        llmp_limit_look(scope, at_ns(0), look);
        assert_true(look[0].used == steps[i].used);
    }
    llmp_limit_correct(scope, LLMP_LIMIT_MONEY, LLMP_WINDOW_DAY, today, 1,
                       at_ns(0)); /* full is full */
    assert_int_equal(try_one(scope, LLMP_LIMIT_MONEY, 1, 0, NULL),
                     LLMP_LIMITED);
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(l);
}

/* Debt is repaid before anybody passes; an unknown end keeps what is held. */
static void streams_run_into_debt(void **state)
{
    struct llmp_limiter *l = limiter_of(0);
    struct llmp_limit_rule rule = { .unit = LLMP_LIMIT_TOKENS, .amount = 600 };
    struct llmp_limit_scope *scope = scope_of(l, LLMP_LIMIT_KEY, "k", &rule, 1);
    struct llmp_limit_amounts a = amounts_of(LLMP_LIMIT_TOKENS, 100);
    struct llmp_limit_refusal why;
    uint64_t used[LLMP_LIMIT_UNITS] = { 0 };
    struct booking b;

    (void)state;
    booking_init(&b);
    assert_int_equal(
        llmp_limit_reserve(&b.r, &scope, 1, &a, at_ns(0), NULL, NULL), LLMP_OK);
    used[LLMP_LIMIT_TOKENS] = 900;
    llmp_limit_charge(&b.r, used, at_ns(0), NULL);
    used[LLMP_LIMIT_TOKENS] = 500; /* lower reports change nothing */
    llmp_limit_charge(&b.r, used, at_ns(0), NULL);
    assert_int_equal(try_one(scope, LLMP_LIMIT_TOKENS, 1, 0, &why),
                     LLMP_LIMITED);
    assert_int_equal(why.retry_after_ns, 301 * 100 * MS);
    used[LLMP_LIMIT_TOKENS] = UINT64_MAX; /* nobody knows */
    llmp_limit_settle(&b.r, used, at_ns(0), NULL);
    assert_int_equal(
        try_one(scope, LLMP_LIMIT_TOKENS, 1, 301 * 100 * MS - 1, &why),
        LLMP_LIMITED);
    assert_int_equal(try_one(scope, LLMP_LIMIT_TOKENS, 1, 301 * 100 * MS, &why),
                     LLMP_OK);
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(l);
}

static void bad_rules_are_refused_whole(void **state)
{
    struct llmp_limiter *l = limiter_of(3);
    const struct llmp_limit_rule bad[][2] = {
        { { .unit = LLMP_LIMIT_UNITS, .amount = 1 } },
        { { .unit = LLMP_LIMIT_TOKENS, .amount = 1, .period_ns = 1 } },
        { { .unit = LLMP_LIMIT_TOKENS, .amount = 1, .soft_permille = 1001 } },
        { { .unit = LLMP_LIMIT_TOKENS, .amount = 1, .leased = true } },
        { { .unit = LLMP_LIMIT_TOKENS, .amount = UINT64_MAX } },
        { { .unit = LLMP_LIMIT_TOKENS, .amount = 1, .burst = 1ull << 60 } },
        { { .unit = LLMP_LIMIT_TOKENS, .amount = 1 },
          { .unit = LLMP_LIMIT_TOKENS, .amount = 2 } },
    };
    struct llmp_limit_scope *scope = NULL, *more[3] = { NULL };
    struct llmp_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(llmp_limiter_scope(&scope, l, LLMP_LIMIT_KEY,
                                            LLMP_STR("k"), bad[i],
                                            bad[i][1].amount ? 2 : 1, &err),
                         LLMP_E_INVALID);
    assert_int_equal(llmp_limiter_scope(&scope, l, LLMP_LIMIT_KEY, LLMP_STR(""),
                                        NULL, 0, &err),
                     LLMP_E_INVALID);
    assert_null(scope);
    for (int i = 0; i < 3; i++) {
        char id[2] = { (char)('k' + i), '\0' };

        more[i] = scope_of(l, LLMP_LIMIT_KEY, id, NULL, 0);
    }
    assert_int_equal(llmp_limiter_scope(&scope, l, LLMP_LIMIT_USER,
                                        LLMP_STR("k"), NULL, 0, &err),
                     LLMP_E_LIMIT);
    assert_int_equal(
        llmp_limiter_find(&scope, l, LLMP_LIMIT_USER, LLMP_STR("k")),
        LLMP_E_NOT_FOUND);
    assert_int_equal(
        llmp_limiter_find(&scope, l, LLMP_LIMIT_KEY, LLMP_STR("k")), LLMP_OK);
    assert_ptr_equal(scope, more[0]);
    llmp_limit_scope_unref(scope);
    for (int i = 0; i < 3; i++)
        llmp_limit_scope_unref(more[i]);
    llmp_limiter_free(l);
}

static size_t sweep_all(struct llmp_limiter *l, struct llmp_time now)
{
    size_t freed = 0;

    for (int i = 0; i < 64 * 4; i++)
        freed += llmp_limiter_sweep(l, now);
    return freed;
}

static void idle_scopes_are_swept(void **state)
{
    struct llmp_limiter *l = limiter_of(0);
    struct llmp_limit_rule rules[] = {
        { .unit = LLMP_LIMIT_REQUESTS, .amount = 60 },
        { .unit = LLMP_LIMIT_TOKENS, .window = LLMP_WINDOW_DAY, .amount = 9 },
    };
    char id[16];

    (void)state;
    for (unsigned i = 0; i < 10000; i++) {
        struct llmp_limit_scope *scope;

        memset(id, 0, sizeof(id));
        for (unsigned n = i, k = 0; k < 6; k++, n /= 10)
            id[k] = (char)('0' + n % 10);
        scope = scope_of(l, LLMP_LIMIT_USER, id, rules, 2);
        if (i % 2)
            assert_int_equal(try_one(scope, LLMP_LIMIT_REQUESTS, 1, 0, NULL),
                             LLMP_OK);
        if (i % 5 == 0)
            assert_int_equal(try_one(scope, LLMP_LIMIT_TOKENS, 1, 0, NULL),
                             LLMP_OK);
        if (i != 42)
            llmp_limit_scope_unref(scope);
    }
    assert_int_equal(llmp_limiter_count(l), 10000);
    assert_int_equal(sweep_all(l, at_ns(0)), 4000 - 1);
    assert_int_equal(sweep_all(l, at_ns(S)), 4000);
    assert_int_equal(sweep_all(l, at_ns(86400 * S)), 2000);
    assert_int_equal(llmp_limiter_count(l), 1); /* referred to */

    struct llmp_limit_scope *kept;

    assert_int_equal(
        llmp_limiter_find(&kept, l, LLMP_LIMIT_USER, LLMP_STR("240000")),
        LLMP_OK);
    llmp_limit_scope_unref(kept);
    llmp_limit_scope_unref(kept);
    llmp_limiter_free(l);
}

static void looks_at_what_is_asked_for(void **state)
{
    struct llmp_limiter *l = limiter_of(0);
    const struct llmp_limit_rule rules[] = {
        { .unit = LLMP_LIMIT_REQUESTS, .amount = 60 },
        { .unit = LLMP_LIMIT_TOKENS, .window = LLMP_WINDOW_DAY, .amount = 9 },
        { .unit = LLMP_LIMIT_CONCURRENCY, .amount = 3 },
    };
    struct llmp_limit_scope *scope = scope_of(l, LLMP_LIMIT_KEY, "k", rules, 3);
    struct llmp_limit_state look[LLMP_LIMIT_RULES_MAX];

    (void)state;
    assert_int_equal(llmp_limit_look(scope, at_ns(0), look), 3);
    assert_int_equal(
        llmp_limit_look_at(scope, LLMP_WINDOWS_ROLLING, at_ns(0), look), 2);
    assert_int_equal(look[1].rule.unit, LLMP_LIMIT_CONCURRENCY);
    assert_int_equal(
        llmp_limit_look_at(scope, LLMP_WINDOWS_CALENDAR, at_ns(0), look), 1);
    assert_int_equal(look[0].rule.unit, LLMP_LIMIT_TOKENS);
    assert_true(llmp_limit_has(scope, 1u << LLMP_LIMIT_TOKENS));
    assert_false(llmp_limit_has(scope, 1u << LLMP_LIMIT_MONEY));
    llmp_limit_scope_unref(scope);
    scope = scope_of(l, LLMP_LIMIT_KEY, "k", NULL, 0);
    assert_false(llmp_limit_has(scope, ~0u));
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(l);
}

/* As many as there are keys with limits of their own. */
static void many_different_limits(void **state)
{
    struct llmp_limiter *l = limiter_of(0);

    (void)state;
    for (unsigned i = 1; i <= 100000; i++) {
        const struct llmp_limit_rule rule = { .unit = LLMP_LIMIT_MONEY,
                                              .window = LLMP_WINDOW_MONTH,
                                              .amount = i };

        llmp_limit_scope_unref(scope_of(l, LLMP_LIMIT_KEY, "k", &rule, 1));
    }
    llmp_limiter_free(l);
}

static int build(struct llmp_limiter **l)
{
    struct llmp_limit_rule rules[] = {
        { .unit = LLMP_LIMIT_REQUESTS, .amount = 60 },
        { .unit = LLMP_LIMIT_TOKENS, .window = LLMP_WINDOW_DAY, .amount = 9 },
    };
    struct llmp_limit_scope *scope;
    int rc = llmp_limiter_new(l, 0, NULL);

    for (int i = 0; i < 40 && rc == LLMP_OK; i++) {
        char id[2] = { (char)('0' + i), '\0' };

        rc = llmp_limiter_scope(&scope, *l, LLMP_LIMIT_TEAM,
                                (struct llmp_str){ id, 1 }, rules, 2, NULL);
        if (rc == LLMP_OK)
            llmp_limit_scope_unref(scope);
    }
    return rc;
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct llmp_limiter *l = NULL;

        faulty_heap_arm(n);
        int rc = build(&l);
        llmp_limiter_free(l);
        assert_int_equal(faulty_heap_live(), 0);
        faulty_heap_off();
        if (rc == LLMP_OK) {
            assert_true(n > 50);
            return;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_when_to_come_back),
        cmocka_unit_test(rules_change_and_counts_stay),
        cmocka_unit_test(the_same_rules_again),
        cmocka_unit_test(a_clock_that_jumps_back_stays_in_its_window),
        cmocka_unit_test(late_settlements_go_where_they_belong),
        cmocka_unit_test(what_was_used_is_corrected),
        cmocka_unit_test(streams_run_into_debt),
        cmocka_unit_test(bad_rules_are_refused_whole),
        cmocka_unit_test(idle_scopes_are_swept),
        cmocka_unit_test(looks_at_what_is_asked_for),
        cmocka_unit_test(many_different_limits),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
