/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is counted over time is counted right: sliding windows, quantiles,
 * moving means, and the limit that adapts.
 * Method: chosen times; quantiles beside sorted samples; the gradient beside a
 * provider that grows slow at a known concurrency.
 */
#include <stdlib.h>

#include "helper.h"
#include "route/gradient.h"
#include "route/quantile.h"
#include "route/rolling.h"
#include "route/speed.h"

static void window_slides(void **state)
{
    /* Just started, long up, and around the wrap of the turns' number. */
    static const uint64_t begins_s[] = { 0, 5, 86400 * 40, 1048576 * 5 - 20 };

    (void)state;
    for (size_t i = 0; i < COUNT(begins_s); i++) {
        struct llmp_rolling r = { { 0 } };
        uint64_t t = begins_s[i] * S;

        llmp_rolling_add_first(&r, 5 * S, t);
        llmp_rolling_add_second(&r, 5 * S, t);
        llmp_rolling_add_second(&r, 5 * S, t + 10 * S);
        assert_int_equal(llmp_rolling_sum(&r, 5 * S, t + 10 * S).first, 1);
        assert_int_equal(llmp_rolling_sum(&r, 5 * S, t + 24 * S).second, 2);
        assert_int_equal(llmp_rolling_sum(&r, 5 * S, t + 31 * S).second, 1);
        assert_int_equal(llmp_rolling_sum(&r, 5 * S, t + 31 * S).first, 0);
        assert_int_equal(llmp_rolling_sum(&r, 5 * S, t + 45 * S).second, 0);
        /* A word is taken over by a new turn. */
        llmp_rolling_add_first(&r, 5 * S, t + 300 * S);
        assert_int_equal(llmp_rolling_sum(&r, 5 * S, t + 300 * S).first, 1);
        assert_int_equal(llmp_rolling_sum(&r, 5 * S, t + 300 * S).second, 0);
        /* Somebody whose time is behind does not turn it back. */
        llmp_rolling_add_first(&r, 5 * S, t + 300 * S - 1 * MS);
        assert_int_equal(llmp_rolling_sum(&r, 5 * S, t + 300 * S).first, 2);
    }
}

static void full_counts_keep_their_proportion(void **state)
{
    struct llmp_rolling r = { { 0 } };

    (void)state;
    for (int i = 0; i < 5000000; i++) {
        llmp_rolling_add_first(&r, 5 * S, 7 * S);
        if (i % 4 == 0)
            llmp_rolling_add_second(&r, 5 * S, 7 * S);
    }

    struct llmp_rolling_sum sum = llmp_rolling_sum(&r, 5 * S, 7 * S);

    assert_true(sum.first > 2000000 && sum.first < 5000000);
    assert_true(sum.second * 1000 / sum.first >= 249 &&
                sum.second * 1000 / sum.first <= 251);
}

static void retries_are_a_part_of_requests(void **state)
{
    struct llmp_rolling r = { { 0 } };
    uint64_t taken = 0;

    (void)state;
    for (int i = 0; i < 10; i++)
        taken += llmp_rolling_take_second(&r, 1 * S, 9 * S, 3, 200);
    assert_int_equal(taken, 3); /* the floor */
    for (int i = 0; i < 100; i++)
        llmp_rolling_add_first(&r, 1 * S, 9 * S);
    for (int i = 0; i < 100; i++)
        taken += llmp_rolling_take_second(&r, 1 * S, 9 * S, 3, 200);
    assert_int_equal(taken, 23);
    llmp_rolling_give_second(&r, 1 * S, 9 * S);
    assert_true(llmp_rolling_take_second(&r, 1 * S, 9 * S, 3, 200));
    assert_false(llmp_rolling_take_second(&r, 1 * S, 9 * S, 3, 200));
    assert_true(llmp_rolling_take_second(&r, 1 * S, 99 * S, 3, 200));
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void quantiles_are_near(void **state)
{
    enum { N = 1000 };
    static const uint32_t permilles[] = { 10, 500, 900, 950, 990 };
    static struct llmp_quantile q;
    uint64_t samples[N], random = 99;

    (void)state;
    assert_int_equal(llmp_quantile_get(&q, 500), 0);
    for (int i = 0; i < N; i++) {
        samples[i] = 2 * MS + next_random(&random) % (900 * MS);
        samples[i] = samples[i] * (i % 10 == 0 ? 20 : 1);
        llmp_quantile_add(&q, samples[i]);
    }
    qsort(samples, N, sizeof(samples[0]), compare);
    for (size_t i = 0; i < COUNT(permilles); i++) {
        uint64_t got = llmp_quantile_get(&q, permilles[i]);
        uint64_t want = samples[permilles[i] * N / 1000 - 1];

        print_message("# p%u: %llu, exact %llu\n", permilles[i],
                      (unsigned long long)got, (unsigned long long)want);
        assert_true(got >= want - want * 7 / 100);
        assert_true(got <= want + want * 7 / 100);
    }
}

static void quantiles_forget(void **state)
{
    static struct llmp_quantile q;

    (void)state;
    for (int i = 0; i < 3000; i++)
        llmp_quantile_add(&q, 100 * MS);
    assert_true(llmp_quantile_get(&q, 950) < 110 * MS);
    for (int i = 0; i < 3000; i++)
        llmp_quantile_add(&q, 2 * S);
    assert_true(llmp_quantile_get(&q, 500) > 1800 * MS);
    llmp_quantile_add(&q, 0); /* outside either end */
    llmp_quantile_add(&q, UINT64_MAX);
    assert_true(llmp_quantile_get(&q, 1000) >= 2 * S);
}

static void speed_is_not_how_much_was_asked_for(void **state)
{
    struct llmp_speed a = { 0 }, b = { 0 };

    (void)state;
    assert_int_equal(llmp_speed_cost(&a, 100, 30 * S, 0), 0);
    for (int i = 0; i < 50; i++) {
        llmp_speed_add(&a, 300 * MS, 10 * MS, 1 * S);
        llmp_speed_add(&b, 900 * MS, 2 * MS, 1 * S);
    }
    assert_int_equal(llmp_speed_get(&a).ttft_ns, 300 * MS);
    assert_int_equal(llmp_speed_get(&a).token_ns, 10 * MS);
    /* Few tokens: the one that begins sooner; many: the one that goes faster.
     */
    assert_true(llmp_speed_cost(&a, 10, 30 * S, 1 * S) <
                llmp_speed_cost(&b, 10, 30 * S, 1 * S));
    assert_true(llmp_speed_cost(&a, 1000, 30 * S, 1 * S) >
                llmp_speed_cost(&b, 1000, 30 * S, 1 * S));
    /* Old news counts less and less. */
    assert_int_equal(llmp_speed_cost(&a, 10, 30 * S, 30 * S), 400 * MS);
    assert_int_equal(llmp_speed_cost(&a, 10, 30 * S, 31 * S), 200 * MS);
    assert_int_equal(llmp_speed_cost(&a, 10, 30 * S, 61 * S), 100 * MS);
    assert_int_equal(llmp_speed_cost(&a, 10, 30 * S, 86400 * S), 0);
    for (int i = 0; i < 100; i++) /* and means follow */
        llmp_speed_add(&a, 600 * MS, 0, 1 * S);
    assert_true(llmp_speed_get(&a).ttft_ns > 595 * MS);
    assert_int_equal(llmp_speed_get(&a).token_ns, 10 * MS);
}

static struct llmp_health adaptive(void)
{
    struct llmp_route_health o;
    struct llmp_health h;

    llmp_route_health_init(&o);
    o.adaptive = true;
    assert_int_equal(llmp_health_read(&h, &o, NULL), LLMP_OK);
    return h;
}

/* A provider that serves 40 at a time: more only wait. All of the limit is
 * used, for an hour: the mean must not learn from the queue that the limit
 * makes. */
static void limit_settles_near_what_is_served(void **state)
{
    struct llmp_health h = adaptive();
    struct llmp_gradient_state g = { 0 };
    double least = 1e9, most = 0;

    (void)state;
    for (int i = 0; i < 3600; i++) {
        double running = g.limit > 0 ? g.limit : 20;
        struct llmp_gradient_window w = {
            .mean_us = 200000 * (running > 40 ? running / 40 : 1),
            .in_flight_max = (uint32_t)running,
        };

        llmp_gradient_step(&g, &w, &h);
        if (i < 300 || g.kept > 0)
            continue;
        least = g.limit < least ? g.limit : least;
        most = g.limit > most ? g.limit : most;
    }
    print_message("# limit between %.1f and %.1f\n", least, most);
    assert_true(least >= 40);
    assert_true(most <= 70);
}

/* One that becomes slow by itself, not by load: its limit comes back. */
static void limit_forgives_what_is_no_queue(void **state)
{
    struct llmp_health h = adaptive();
    struct llmp_gradient_state g = { 0 };
    double low = 0;

    (void)state;
    for (int i = 0; i < 1200; i++) {
        struct llmp_gradient_window w = {
            .mean_us = i < 200 ? 200000 : 800000,
            .in_flight_max = (uint32_t)(g.limit > 0 ? g.limit : 20),
        };

        llmp_gradient_step(&g, &w, &h);
        if (i == 230)
            low = g.limit;
    }
    assert_true(low < 20);
    assert_true(g.limit > 100);
}

static void limit_keeps_its_bounds(void **state)
{
    struct llmp_health h = adaptive();
    struct llmp_gradient_state g = { 0 };
    struct llmp_gradient_window idle = { 200000, 1, false };
    struct llmp_gradient_window busy = { 200000, UINT32_MAX, false };
    struct llmp_gradient_window broken = { 200000, UINT32_MAX, true };

    (void)state;
    for (int i = 0; i < 100; i++)
        llmp_gradient_step(&g, &idle, &h);
    assert_true(g.limit == 20); /* nobody knows what more would do */
    for (int i = 0; i < 10000; i++)
        llmp_gradient_step(&g, &busy, &h);
    assert_true(g.limit == 1000 || g.kept == 1000);
    g.kept = 0;
    g.crowded = 0;
    for (int i = 0; i < 59; i++)
        llmp_gradient_step(&g, &broken, &h);
    assert_true(g.limit == 4);
}

static void windows_have_enough_samples(void **state)
{
    struct llmp_health h = adaptive();
    static struct llmp_gradient g;
    uint32_t limit = 0;

    (void)state;
    atomic_flag_clear(&g.step.busy);
    for (int i = 0; i < 9; i++)
        assert_false(
            llmp_gradient_add(&g, 100 * MS, 20, false, &h, 9 * S, &limit));
    assert_false(llmp_gradient_add(&g, 0, 20, false, &h, 9 * S, &limit));
    assert_true(llmp_gradient_add(&g, 100 * MS, 20, false, &h, 9 * S, &limit));
    assert_int_equal(limit, 20); /* 20.8 */
    for (int i = 0; i < 30; i++) /* enough, but not a second later */
        assert_false(llmp_gradient_add(&g, 100 * MS, 20, false, &h,
                                       9 * S + 999 * MS, &limit));
    assert_true(llmp_gradient_add(&g, 100 * MS, 20, false, &h, 10 * S, &limit));
    assert_int_equal(limit, 21);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(window_slides),
        cmocka_unit_test(full_counts_keep_their_proportion),
        cmocka_unit_test(retries_are_a_part_of_requests),
        cmocka_unit_test(quantiles_are_near),
        cmocka_unit_test(quantiles_forget),
        cmocka_unit_test(speed_is_not_how_much_was_asked_for),
        cmocka_unit_test(limit_settles_near_what_is_served),
        cmocka_unit_test(limit_forgives_what_is_no_queue),
        cmocka_unit_test(limit_keeps_its_bounds),
        cmocka_unit_test(windows_have_enough_samples),
    };

    return cmocka_run_group_tests_name("route/counts", tests, NULL, NULL);
}
