/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: threads that share cells admit exactly what is allowed together, lose
 * nothing when they give back, and turn a window once.
 * Method: real threads, chosen time that all share; run under TSan by
 * scripts/test.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "helper.h"

enum { THREADS = 4, TRIES = 40000, LIMIT = 5000 };

static struct {
    struct llmp_limiter *limiter;
    struct llmp_limit_scope *scopes[3];
    struct llmp_time now;
    _Atomic uint64_t passed, crossings;
    bool give_back;
} shared;

static void *contend(void *arg)
{
    struct llmp_limit_amounts a = { { 0 }, { 0 } };
    uint64_t nothing[LLMP_LIMIT_UNITS] = { 0 };

    (void)arg;
    for (int u = 0; u < LLMP_LIMIT_UNITS; u++)
        a.of[u] = a.sure[u] = 1;
    for (int i = 0; i < TRIES; i++) {
        struct booking b;
        struct llmp_limit_news news = { .crossing_count = 0 };

        booking_init(&b);
        if (llmp_limit_reserve(&b.r, shared.scopes, 3, &a, shared.now, NULL,
                               &news) != LLMP_OK)
            continue;
        atomic_fetch_add(&shared.passed, 1);
        if (shared.give_back)
            llmp_limit_settle(&b.r, nothing, shared.now, &news);
        atomic_fetch_add(&shared.crossings, news.crossing_count);
    }
    return NULL;
}

static void run(uint64_t in_team, uint64_t on_day, uint64_t running)
{
    pthread_t threads[THREADS];
    struct llmp_limit_rule key[] = {
        { .unit = LLMP_LIMIT_CONCURRENCY, .amount = running },
        { .unit = LLMP_LIMIT_TOKENS, .amount = 10 * LIMIT },
    };
    struct llmp_limit_rule team = { .unit = LLMP_LIMIT_REQUESTS,
                                    .amount = in_team };
    struct llmp_limit_rule model = { .unit = LLMP_LIMIT_MONEY,
                                     .window = LLMP_WINDOW_DAY,
                                     .amount = on_day,
                                     .soft_permille = 500 };

    shared.passed = shared.crossings = 0;
    shared.now = at_ns(0);
    assert_int_equal(llmp_limiter_new(&shared.limiter, 0, NULL), LLMP_OK);
    shared.scopes[0] = scope_of(shared.limiter, LLMP_LIMIT_KEY, "k", key, 2);
    shared.scopes[1] = scope_of(shared.limiter, LLMP_LIMIT_TEAM, "t", &team, 1);
    shared.scopes[2] =
        scope_of(shared.limiter, LLMP_LIMIT_MODEL, "m", &model, 1);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, contend, NULL), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void end(void)
{
    for (int i = 0; i < 3; i++)
        llmp_limit_scope_unref(shared.scopes[i]);
    llmp_limiter_free(shared.limiter);
}

static uint64_t used_of(int scope, size_t cell)
{
    struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX];

    assert_true(llmp_limit_look(shared.scopes[scope], shared.now, states) >
                cell);
    return states[cell].used;
}

static void exactly_the_limit_passes(void **state)
{
    (void)state;
    shared.give_back = false;
    run(LIMIT, 2 * LIMIT, 1000000); /* a rolling cell is the tightest */
    assert_int_equal(shared.passed, LIMIT);
    assert_int_equal(used_of(2, 0), LIMIT); /* refusals left nothing */
    assert_int_equal(used_of(0, 0), LIMIT);
    assert_int_equal(used_of(0, 1), LIMIT);
    assert_int_equal(shared.crossings, 1);
    end();
    run(2 * LIMIT, LIMIT, 1000000); /* a budget is */
    assert_int_equal(shared.passed, LIMIT);
    assert_int_equal(used_of(1, 0), LIMIT);
    end();
    run(2 * LIMIT, 2 * LIMIT, LIMIT); /* the last that is taken is */
    assert_int_equal(shared.passed, LIMIT);
    assert_int_equal(used_of(1, 0), LIMIT);
    assert_int_equal(used_of(2, 0), LIMIT);
    end();
}

static void what_is_given_back_is_all_there(void **state)
{
    (void)state;
    shared.give_back = true;
    run(3, 3, 3);
    assert_true(shared.passed > TRIES / 2);
    for (int scope = 0; scope < 3; scope++)
        assert_int_equal(used_of(scope, 0), 0);
    assert_int_equal(used_of(0, 1), 0);
    end();
}

/* Each thread has its own idea of the time around the turn of a minute. */
static void *around_the_minute(void *arg)
{
    struct llmp_limit_amounts a = amounts_of(LLMP_LIMIT_REQUESTS, 1);
    uint64_t skew = (uint64_t)(uintptr_t)arg;

    for (uint64_t i = 0; i < 3000; i++) {
        struct booking b;
        struct llmp_time now = at_ns(i * 60 * MS + skew * 7 * MS);

        booking_init(&b);
        if (llmp_limit_reserve(&b.r, shared.scopes, 1, &a, now, NULL, NULL) ==
            LLMP_OK)
            atomic_fetch_add(&shared.passed, 1);
    }
    return NULL;
}

static void a_window_turns_once(void **state)
{
    pthread_t threads[THREADS];
    struct llmp_limit_rule rule = { .unit = LLMP_LIMIT_REQUESTS,
                                    .window = LLMP_WINDOW_MINUTE,
                                    .amount = 100 };

    (void)state;
    shared.passed = 0;
    assert_int_equal(llmp_limiter_new(&shared.limiter, 0, NULL), LLMP_OK);
    shared.scopes[0] = scope_of(shared.limiter, LLMP_LIMIT_KEY, "k", &rule, 1);
    for (int i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, around_the_minute,
                       (void *)(uintptr_t)i);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    /* 3,000 × 60 ms and the skew: three minutes and the first of a fourth */
    assert_in_range(shared.passed, 300, 400);
    llmp_limit_scope_unref(shared.scopes[0]);
    llmp_limiter_free(shared.limiter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exactly_the_limit_passes),
        cmocka_unit_test(what_is_given_back_is_all_there),
        cmocka_unit_test(a_window_turns_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
