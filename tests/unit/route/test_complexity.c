/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a prompt's score is the sum of the rules that hold, and says which.
 * Method: texts by hand.
 */
#include "helper.h"

static void counts_what_can_be_seen(void **state)
{
    static const struct {
        const char *text;
        uint64_t code, questions, steps, maths;
    } rows[] = {
        { "", 0, 0, 0, 0 },
        { "Hello there", 0, 0, 0, 0 },
        { "Why? How?", 0, 2, 0, 0 },
        { "```c\nint x = 1;\n```\n", 2, 0, 0, 1 },
        { "not a fence ``` here", 0, 0, 0, 0 },
        { "- one\n* two\n  12. three\n3) four\n-five\n2026 six\n1.5 seven", 0,
          0, 4, 0 },
        { "-", 0, 0, 0, 0 },
        { "12", 0, 0, 0, 0 },
        { "1234. no", 0, 0, 0, 0 },
        { "a < b, c >= d, e^2", 0, 0, 0, 4 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llmp_route_features f = { { 0 } };

        print_message("# row %zu\n", i);
        llmp_route_features_add(&f, text(rows[i].text));
        assert_int_equal(f.of[LLMP_FEATURE_BYTES], strlen(rows[i].text));
        assert_int_equal(f.of[LLMP_FEATURE_CODE], rows[i].code);
        assert_int_equal(f.of[LLMP_FEATURE_QUESTIONS], rows[i].questions);
        assert_int_equal(f.of[LLMP_FEATURE_STEPS], rows[i].steps);
        assert_int_equal(f.of[LLMP_FEATURE_MATHS], rows[i].maths);
    }
}

static const struct llmp_route_rule rules[] = {
    { LLMP_FEATURE_TOKENS, 3, 2000, { NULL, 0 } },
    { LLMP_FEATURE_CODE, 4, 0, { NULL, 0 } },
    { LLMP_FEATURE_TERM, 5, 0, { "prove", 5 } },
    { LLMP_FEATURE_TERM, -6, 0, { "translate", 9 } },
    { LLMP_FEATURE_QUESTIONS, 1, 3, { NULL, 0 } },
    { LLMP_FEATURE_TERM, 2, 2, { "step by step", 12 } },
};
static const int32_t thresholds[] = { 3, 8 };

static struct llmp_route_score score_of(const char *prompt, uint64_t tokens)
{
    struct llmp_route_features f = { { [LLMP_FEATURE_TOKENS] = tokens } };
    struct llmp_str t = text(prompt);
    struct llmp_route_score score;

    llmp_route_features_add(&f, t);
    assert_int_equal(llmp_route_complexity(&score, rules, COUNT(rules), &f, &t,
                                           1, thresholds, COUNT(thresholds)),
                     LLMP_OK);
    return score;
}

static void sums_the_rules_that_hold(void **state)
{
    static const struct {
        const char *prompt;
        uint64_t tokens;
        int32_t score;
        uint32_t level;
        uint64_t rules;
    } rows[] = {
        { "What is the capital of France?", 8, 0, 0, 0 },
        { "Please PROVE that this ends.", 8, 5, 1, 1 << 2 },
        { "improve this; proven; prove_it", 8, 0, 0, 0 }, /* not the word */
        { "prove", 8, 5, 1, 1 << 2 },
        { "Translate: prove", 8, -1, 0, 1 << 2 | 1 << 3 },
        { "```\nx\n```\nProve it.", 2000, 12, 2, 1 << 0 | 1 << 1 | 1 << 2 },
        { "? ? ?", 1999, 1, 0, 1 << 4 },
        { "step by step, Step By Step", 0, 2, 0, 1 << 5 },
        { "step by step", 0, 0, 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct llmp_route_score s = score_of(rows[i].prompt, rows[i].tokens);

        print_message("# row %zu\n", i);
        assert_int_equal(s.score, rows[i].score);
        assert_int_equal(s.level, rows[i].level);
        assert_int_equal(s.rules, rows[i].rules);
    }
}

static void refuses_what_is_no_rule(void **state)
{
    static const struct llmp_route_rule bad[] = {
        { (enum llmp_route_feature)99, 1, 0, { NULL, 0 } },
        { LLMP_FEATURE_TERM, 1, 0, { NULL, 0 } },
        { LLMP_FEATURE_CODE, 1, 0, { "x", 1 } },
    };
    struct llmp_route_features f = { { 0 } };
    struct llmp_route_score s;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(
            llmp_route_complexity(&s, &bad[i], 1, &f, NULL, 0, NULL, 0),
            LLMP_E_INVALID);
    assert_int_equal(llmp_route_complexity(&s, rules, LLMP_ROUTE_RULES_MAX + 1,
                                           &f, NULL, 0, NULL, 0),
                     LLMP_E_INVALID);
    assert_int_equal(llmp_route_complexity(&s, NULL, 0, &f, NULL, 0, NULL, 0),
                     LLMP_OK);
    assert_int_equal(s.score, 0);
}

static void points_do_not_overflow(void **state)
{
    static const struct llmp_route_rule much[] = {
        { LLMP_FEATURE_BYTES, INT32_MAX, 0, { NULL, 0 } },
        { LLMP_FEATURE_BYTES, INT32_MAX, 0, { NULL, 0 } },
    };
    struct llmp_route_features f = { { 0 } };
    struct llmp_route_score s;

    (void)state;
    llmp_route_features_add(&f, text("x"));
    assert_int_equal(llmp_route_complexity(&s, much, 2, &f, NULL, 0, NULL, 0),
                     LLMP_OK);
    assert_int_equal(s.score, INT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_what_can_be_seen),
        cmocka_unit_test(sums_the_rules_that_hold),
        cmocka_unit_test(refuses_what_is_no_rule),
        cmocka_unit_test(points_do_not_overflow),
    };

    return cmocka_run_group_tests_name("route/complexity", tests, NULL, NULL);
}
