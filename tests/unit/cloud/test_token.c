/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a token is fetched once, ahead of its end, used as long as it holds,
 * and not asked for again and again when fetching fails.
 * Method: time is a number we choose; memory fails at every request in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "cloud/token.h"
#include "faulty_heap.h"

#define S LLMP_NS_PER_S

static void put(struct llmp_cloud_token *token, const char *access,
                uint64_t lifetime_s)
{
    const struct llmp_cloud_grant grant = {
        .access = llmp_str_of(access),
        .secret = LLMP_STR("secret"),
        .session = LLMP_STR("session"),
        .lifetime_ns = lifetime_s * S,
    };

    assert_int_equal(llmp_cloud_token_put(token, &grant, NULL), LLMP_OK);
}

static void check_grant(const struct llmp_cloud_token *token, uint64_t now_s,
                        const char *access)
{
    const struct llmp_cloud_grant *grant =
        llmp_cloud_token_grant(token, now_s * S);

    if (!access) {
        assert_null(grant);
        return;
    }
    assert_non_null(grant);
    assert_true(llmp_str_eq(grant->access, llmp_str_of(access)));
    assert_true(llmp_str_eq(grant->secret, LLMP_STR("secret")));
    assert_true(llmp_str_eq(grant->session, LLMP_STR("session")));
}

static void a_life_of_an_hour(void **state)
{
    (void)state;
    enum event { ASK, PUT, FAIL };
    static const struct {
        uint64_t at_s;
        enum event event;
        enum llmp_cloud_want want;
        const char *access; /* what holds then */
    } steps[] = {
        { 1000, ASK, LLMP_CLOUD_FETCH, NULL },
        { 1001, ASK, LLMP_CLOUD_WAIT, NULL }, /* one fetch at a time */
        { 1002, PUT, 0, "one" },
        { 1002, ASK, LLMP_CLOUD_USE, "one" },
        /* 3600 s from the begin of the fetch, less 10 s, less 300 s. */
        { 4289, ASK, LLMP_CLOUD_USE, "one" },
        { 4290, ASK, LLMP_CLOUD_FETCH, "one" },
        { 4291, ASK, LLMP_CLOUD_USE, "one" },
        { 4300, FAIL, 0, "one" },
        { 4300, ASK, LLMP_CLOUD_USE, "one" },
        { 4301, ASK, LLMP_CLOUD_FETCH, "one" }, /* a second later */
        { 4400, FAIL, 0, "one" },
        { 4401, ASK, LLMP_CLOUD_USE, "one" },
        { 4402, ASK, LLMP_CLOUD_FETCH, "one" }, /* two seconds later */
        { 4589, ASK, LLMP_CLOUD_USE, "one" },
        { 4590, ASK, LLMP_CLOUD_WAIT, NULL },
        { 4600, FAIL, 0, NULL },
        { 4603, ASK, LLMP_CLOUD_FAILED, NULL },
        { 4604, ASK, LLMP_CLOUD_FETCH, NULL },
        { 4605, PUT, 0, "two" },
        { 7893, ASK, LLMP_CLOUD_USE, "two" },
        { 7894, ASK, LLMP_CLOUD_FETCH, "two" },
        { 7895, FAIL, 0, "two" },
        { 7896, ASK, LLMP_CLOUD_FETCH, "two" }, /* counted anew */
    };
    struct llmp_cloud_token token = { .memory = NULL };
    int puts = 0;

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        print_message("# step %zu\n", i);
        if (steps[i].event == ASK)
            assert_int_equal(llmp_cloud_token_want(&token, steps[i].at_s * S),
                             steps[i].want);
        else if (steps[i].event == PUT)
            put(&token, puts++ ? "two" : "one", 3600);
        else
            llmp_cloud_token_failed(&token, steps[i].at_s * S, true, 0);
        check_grant(&token, steps[i].at_s, steps[i].access);
    }
    llmp_cloud_token_fini(&token);
    assert_false(token.fetching);
    llmp_cloud_token_fini(&token);
    llmp_cloud_token_fini(NULL);
}

static void a_short_life_has_short_margins(void **state)
{
    (void)state;
    struct llmp_cloud_token token = { .memory = NULL };

    assert_int_equal(llmp_cloud_token_want(&token, 100 * S), LLMP_CLOUD_FETCH);
    put(&token, "a", 60);
    assert_int_equal(llmp_cloud_token_want(&token, 148 * S - 1),
                     LLMP_CLOUD_USE);
    assert_int_equal(llmp_cloud_token_want(&token, 148 * S), LLMP_CLOUD_FETCH);
    check_grant(&token, 153, "a");
    check_grant(&token, 154, NULL);
    put(&token, "b", UINT64_MAX / S); /* nothing overflows */
    assert_int_equal(llmp_cloud_token_want(&token, UINT64_MAX / 2),
                     LLMP_CLOUD_USE);
    llmp_cloud_token_fini(&token);
}

static void waits_longer_each_time(void **state)
{
    (void)state;
    static const struct {
        bool retryable;
        uint64_t chance, wait_ns;
    } steps[] = {
        { true, 0, 1 * S },         { true, 0, 2 * S },
        { true, S - 1, 3 * S + 1 }, { true, 0, 8 * S },
        { true, 0, 16 * S },        { true, 0, 32 * S },
        { true, 0, 60 * S },        { true, 15 * S - 1, 45 * S + 1 },
        { true, 15 * S, 60 * S },   { false, 0, 60 * S },
    };
    struct llmp_cloud_token token = { .memory = NULL };
    uint64_t now_ns = 5;

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        print_message("# step %zu\n", i);
        assert_int_equal(llmp_cloud_token_want(&token, now_ns),
                         LLMP_CLOUD_FETCH);
        llmp_cloud_token_failed(&token, now_ns, steps[i].retryable,
                                steps[i].chance);
        now_ns += steps[i].wait_ns;
        assert_int_equal(token.retry_at_ns, now_ns);
        assert_int_equal(llmp_cloud_token_want(&token, now_ns - 1),
                         LLMP_CLOUD_FAILED);
    }
    llmp_cloud_token_fini(&token);
    assert_int_equal(llmp_cloud_token_want(&token, 0), LLMP_CLOUD_FETCH);
    llmp_cloud_token_failed(&token, 0, false, 0); /* a minute at once */
    assert_int_equal(token.retry_at_ns, 60 * S);
    llmp_cloud_token_fini(&token);
}

static void who_went_away_has_not_failed(void **state)
{
    (void)state;
    struct llmp_cloud_token token = { .memory = NULL };

    assert_int_equal(llmp_cloud_token_want(&token, 0), LLMP_CLOUD_FETCH);
    assert_int_equal(llmp_cloud_token_want(&token, 0), LLMP_CLOUD_WAIT);
    llmp_cloud_token_abandoned(&token);
    assert_int_equal(llmp_cloud_token_want(&token, 0), LLMP_CLOUD_FETCH);
    llmp_cloud_token_failed(&token, 0, true, 0);
    assert_int_equal(llmp_cloud_token_want(&token, 1 * S), LLMP_CLOUD_FETCH);
    llmp_cloud_token_abandoned(&token); /* what failed before still counts */
    assert_int_equal(llmp_cloud_token_want(&token, 1 * S), LLMP_CLOUD_FETCH);
    llmp_cloud_token_failed(&token, 1 * S, true, 0);
    assert_int_equal(llmp_cloud_token_want(&token, 3 * S - 1),
                     LLMP_CLOUD_FAILED);
    llmp_cloud_token_fini(&token);
}

static void a_refused_grant_is_given_up(void **state)
{
    (void)state;
    struct llmp_cloud_token token = { .memory = NULL };

    assert_int_equal(llmp_cloud_token_want(&token, 0), LLMP_CLOUD_FETCH);
    put(&token, "new", 3600);
    llmp_cloud_token_refused(&token, LLMP_STR("old")); /* somebody is late */
    check_grant(&token, 1, "new");
    llmp_cloud_token_refused(&token, LLMP_STR("new"));
    check_grant(&token, 1, NULL);
    assert_int_equal(llmp_cloud_token_want(&token, 10 * S - 1),
                     LLMP_CLOUD_FAILED);
    assert_int_equal(llmp_cloud_token_want(&token, 10 * S), LLMP_CLOUD_FETCH);
    put(&token, "newer", 3600);
    check_grant(&token, 20, "newer");
    llmp_cloud_token_refused(&token, LLMP_STR("newer"));
    llmp_cloud_token_refused(&token, LLMP_STR("")); /* there is none */
    assert_int_equal(llmp_cloud_token_want(&token, 20 * S), LLMP_CLOUD_FETCH);
    llmp_cloud_token_fini(&token);
}

static void without_memory_the_old_grant_stays(void **state)
{
    (void)state;
    struct llmp_cloud_token token = { .memory = NULL };
    const struct llmp_cloud_grant grant = { .access = LLMP_STR("two"),
                                            .lifetime_ns = 3600 * S };
    struct llmp_error err;

    faulty_heap_arm(-1);
    assert_int_equal(llmp_cloud_token_want(&token, 0), LLMP_CLOUD_FETCH);
    put(&token, "one", 3600);
    assert_int_equal(llmp_cloud_token_want(&token, 3400 * S), LLMP_CLOUD_FETCH);
    faulty_heap_fail_from(0);
    assert_int_equal(llmp_cloud_token_put(&token, &grant, &err), LLMP_E_NOMEM);
    check_grant(&token, 3400, "one");
    assert_int_equal(llmp_cloud_token_want(&token, 3400 * S), LLMP_CLOUD_USE);
    llmp_cloud_token_failed(&token, 3400 * S, err.retryable, 0);
    assert_int_equal(llmp_cloud_token_want(&token, 3401 * S), LLMP_CLOUD_FETCH);
    llmp_cloud_token_fini(&token);
    assert_int_equal(faulty_heap_live(), 0);
    faulty_heap_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_life_of_an_hour),
        cmocka_unit_test(a_short_life_has_short_margins),
        cmocka_unit_test(waits_longer_each_time),
        cmocka_unit_test(who_went_away_has_not_failed),
        cmocka_unit_test(a_refused_grant_is_given_up),
        cmocka_unit_test(without_memory_the_old_grant_stays),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
