/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: waits before retries lie within their bounds and fill them; an attempt
 * that cannot end in time is not worth it.
 * Method: the ends of the range of random numbers, and many of them.
 */
#include "helper.h"

static void full_jitter(void **state)
{
    static const struct {
        uint64_t base_ns, cap_ns;
        uint32_t attempt;
        uint64_t random, expect_ns;
    } rows[] = {
        { 100 * MS, 10 * S, 1, 0, 0 },
        { 100 * MS, 10 * S, 1, UINT64_MAX, 100 * MS },
        { 100 * MS, 10 * S, 4, UINT64_MAX, 800 * MS },
        { 100 * MS, 10 * S, 4, UINT64_MAX / 2, 400 * MS },
        { 100 * MS, 10 * S, 20, UINT64_MAX, 10 * S },
        { 100 * MS, 10 * S, UINT32_MAX, UINT64_MAX, 10 * S },
        { UINT64_MAX, UINT64_MAX, 9, UINT64_MAX, UINT64_MAX },
        { 100 * MS, 10 * S, 0, UINT64_MAX, 100 * MS },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t ns = llmp_route_backoff_full(rows[i].base_ns, rows[i].cap_ns,
                                              rows[i].attempt, rows[i].random);

        print_message("# row %zu\n", i);
        assert_int_equal(ns, rows[i].expect_ns);
    }
}

static void decorrelated_jitter(void **state)
{
    uint64_t random = 5, before = 0, most = 0;

    (void)state;
    assert_int_equal(llmp_route_backoff_decorrelated(MS, S, 0, 0), MS);
    assert_int_equal(llmp_route_backoff_decorrelated(MS, S, 0, UINT64_MAX),
                     3 * MS);
    for (int i = 0; i < 10000; i++) {
        uint64_t ns = llmp_route_backoff_decorrelated(MS, S, before,
                                                      next_random(&random));

        assert_true(ns >= MS && ns <= S);
        assert_true(ns <= 3 * (before > MS ? before : MS));
        most = ns > most ? ns : most;
        before = i % 20 == 0 ? 0 : ns;
    }
    assert_int_equal(most, S);
}

static void no_attempt_without_time(void **state)
{
    (void)state;
    assert_true(llmp_route_is_worth(2 * S, 500 * MS, 1 * S));
    assert_false(llmp_route_is_worth(2 * S, 1 * S, 1 * S));
    assert_false(llmp_route_is_worth(0, 0, 0));
    assert_false(llmp_route_is_worth(UINT64_MAX - 1, UINT64_MAX, 1));
}

static void remedies(void **state)
{
    (void)state;
    for (int c = 0; c < LLMP_ROUTE_CLASSES; c++) {
        enum llmp_route_remedy r =
            llmp_route_remedy_for((enum llmp_route_class)c);

        print_message("# %s\n",
                      llmp_route_class_name((enum llmp_route_class)c));
        assert_int_equal(
            r == LLMP_REMEDY_NONE,
            (c <= LLMP_OUTCOME_FILTER && c != LLMP_OUTCOME_CONTEXT) ||
                c == LLMP_OUTCOME_OVERTAKEN);
        assert_string_not_equal(llmp_route_class_name((enum llmp_route_class)c),
                                "unknown");
    }
    assert_int_equal(llmp_route_remedy_for(LLMP_OUTCOME_CONTEXT),
                     LLMP_REMEDY_LARGER);
    assert_int_equal(llmp_route_remedy_for(LLMP_OUTCOME_QUOTA),
                     LLMP_REMEDY_CREDENTIAL);
    assert_int_equal(llmp_route_remedy_for((enum llmp_route_class)99),
                     LLMP_REMEDY_NONE);
    for (int w = 0; w < LLMP_ROUTE_WHYS; w++)
        assert_string_not_equal(llmp_route_why_name((enum llmp_route_why)w),
                                "unknown");
    for (int s = 0; s < LLMP_ROUTE_STRATEGIES; s++)
        assert_string_not_equal(
            llmp_route_strategy_name((enum llmp_route_strategy)s), "unknown");
    assert_string_equal(llmp_route_breaker_name(LLMP_BREAKER_PROBING),
                        "probing");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_jitter),
        cmocka_unit_test(decorrelated_jitter),
        cmocka_unit_test(no_attempt_without_time),
        cmocka_unit_test(remedies),
    };

    return cmocka_run_group_tests_name("route/retry", tests, NULL, NULL);
}
