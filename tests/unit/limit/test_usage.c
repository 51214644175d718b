/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a report becomes one that agrees with itself, nothing is lowered, and
 * one that agrees already is left alone; sums stop at the end of the range.
 * Method: tables of contradictions; random reports checked by invariants.
 */
#include "limit/usage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "random_usage.h"

static void wholes_are_raised_to_their_parts(void **state)
{
    static const struct {
        struct llmp_usage in;
        uint64_t input, cached, audio, image, output;
        bool raised;
    } cases[] = {
        { { .input_tokens = 10, .cached_tokens = 4, .output_tokens = 3 },
          10,
          4,
          0,
          0,
          3,
          false },
        /* The cached tokens are left out of the input. */
        { { .input_tokens = 10, .cached_tokens = 1000 },
          1000,
          1000,
          0,
          0,
          0,
          true },
        { { .input_tokens = 10,
            .cached_tokens = 5,
            .cache_write_5m_tokens = 4,
            .cache_write_1h_tokens = 3 },
          12,
          5,
          0,
          0,
          0,
          true },
        /* The reasoning is left out of the output. */
        { { .output_tokens = 10, .reasoning_tokens = 300 },
          0,
          0,
          0,
          0,
          300,
          true },
        { { .output_tokens = 5,
            .reasoning_tokens = 2,
            .audio_output_tokens = 2,
            .image_output_tokens = 2 },
          0,
          0,
          0,
          0,
          6,
          true },
        { { .input_tokens = 7,
            .audio_input_tokens = 4,
            .image_input_tokens = 4 },
          8,
          0,
          4,
          4,
          0,
          true },
        /* From the innermost part to the outermost whole. */
        { { .cached_audio_tokens = 3, .cached_image_tokens = 4 },
          7,
          7,
          3,
          4,
          0,
          true },
        { { .input_tokens = 5,
            .audio_input_tokens = UINT64_MAX,
            .image_input_tokens = UINT64_MAX },
          UINT64_MAX,
          0,
          UINT64_MAX,
          UINT64_MAX,
          0,
          true },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_usage usage = cases[i].in;

        print_message("# case %zu\n", i);
        usage.size = sizeof(usage);
        assert_int_equal(llmp_usage_normalise(&usage), cases[i].raised);
        assert_true(usage.input_tokens == cases[i].input);
        assert_true(usage.cached_tokens == cases[i].cached);
        assert_true(usage.audio_input_tokens == cases[i].audio);
        assert_true(usage.image_input_tokens == cases[i].image);
        assert_true(usage.output_tokens == cases[i].output);
        assert_false(llmp_usage_normalise(&usage));
    }
}

static void nothing_is_lowered(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct llmp_usage before = random_usage(&seed), after = before;
        const uint64_t *from = &before.input_tokens, *to = &after.input_tokens;
        bool raised = llmp_usage_normalise(&after);
        bool differs = false;

        for (const uint64_t *end = &before.requests; from <= end; from++) {
            assert_true(*to >= *from);
            differs = differs || *to != *from;
            to++;
        }
        assert_int_equal(raised, differs);
        assert_true(after.input_tokens >= after.cached_tokens);
        assert_true(after.input_tokens >= after.audio_input_tokens);
        assert_true(after.output_tokens >= after.reasoning_tokens);
        assert_false(llmp_usage_normalise(&after));
    }
}

static void every_member_is_added(void **state)
{
    struct llmp_usage sum, more;

    (void)state;
    llmp_usage_init(&sum);
    llmp_usage_init(&more);
    assert_int_equal(sum.requests, 1);
    for (uint64_t *at = &more.input_tokens, n = 1; at <= &more.requests; at++)
        *at = n++;
    llmp_usage_add(&sum, &more);
    llmp_usage_add(&sum, &more);
    for (uint64_t *at = &sum.input_tokens, n = 1; at < &sum.requests; at++)
        assert_int_equal(*at, 2 * n++);
    assert_int_equal(sum.requests, 1 + 2 * more.requests);

    more.output_tokens = UINT64_MAX;
    llmp_usage_add(&sum, &more);
    assert_true(sum.output_tokens == UINT64_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wholes_are_raised_to_their_parts),
        cmocka_unit_test(nothing_is_lowered),
        cmocka_unit_test(every_member_is_added),
    };

    return cmocka_run_group_tests_name("usage", tests, NULL, NULL);
}
