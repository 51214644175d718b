/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the guess of an answer's length comes to lie above nine answers in
 * ten, follows when they change, and says nothing before it knows.
 * Method: lengths drawn from known distributions, a fixed generator.
 */
#include "helper.h"

static uint64_t rng = 88172645463325252u;

static uint64_t rnd(uint64_t below)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return rng % below;
}

/* Long-tailed, like answers: a product of two. */
static uint64_t draw(uint64_t scale)
{
    return (1 + rnd(100)) * (1 + rnd(100)) * scale / 100;
}

static void rises_above_nine_in_ten(struct llmp_limiter *l, uint64_t pair,
                                    uint64_t scale)
{
    uint64_t below = 0, total = 0, reserved = 0, used = 0;

    for (int n = 0; n < 6000; n++) {
        uint64_t tokens = draw(scale);

        if (n >= 1000) {
            uint64_t guess = llmp_limit_guess(l, pair, 0);

            below += tokens <= guess;
            reserved += guess;
            used += tokens;
            total++;
        }
        llmp_limit_learn(l, pair, tokens);
    }
    assert_in_range(below * 100 / total, 83, 96);
    assert_true(reserved < used * 4);
}

static void learns_a_high_quantile(void **state)
{
    (void)state;
    struct llmp_limiter *l;

    assert_int_equal(llmp_limiter_new(&l, 0, NULL), LLMP_OK);
    assert_int_equal(llmp_limit_guess(l, 7, 512), 512);
    for (int i = 0; i < 7; i++)
        llmp_limit_learn(l, 7, 100);
    assert_int_equal(llmp_limit_guess(l, 7, 512), 512);
    llmp_limit_learn(l, 7, 100);
    assert_in_range(llmp_limit_guess(l, 7, 512), 90, 111);
    rises_above_nine_in_ten(l, UINT64_C(1) << 32 | 9, 10);
    rises_above_nine_in_ten(l, UINT64_C(1) << 32 | 9, 300); /* it changed */
    rises_above_nine_in_ten(l, UINT64_C(1) << 32 | 9, 1);
    llmp_limiter_free(l);
}

static void others_and_extremes_do_no_harm(void **state)
{
    (void)state;
    struct llmp_limiter *l;

    assert_int_equal(llmp_limiter_new(&l, 0, NULL), LLMP_OK);
    for (int i = 0; i < 100; i++)
        llmp_limit_learn(l, 5, UINT64_MAX);
    assert_true(llmp_limit_guess(l, 5, 1) >= UINT64_C(1) << 54);
    /* the same entry, another pair */
    assert_int_equal(llmp_limit_guess(l, UINT64_C(3) << 32 | 5, 77), 77);
    for (int i = 0; i < 100; i++)
        llmp_limit_learn(l, UINT64_C(3) << 32 | 5, 0);
    assert_int_equal(llmp_limit_guess(l, UINT64_C(3) << 32 | 5, 77), 1);
    llmp_limiter_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(learns_a_high_quantile),
        cmocka_unit_test(others_and_extremes_do_no_harm),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
