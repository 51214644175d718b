/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a text that rules of numbers are not asked about has no match of them,
 * however it comes.
 * Method: least counts of patterns that are hard to read; digits close together
 * beside a count by hand, for each cut of random texts; and each of our rules
 * of numbers beside PCRE2 alone, on texts of what numbers are made of.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "guard/digits_least.h"
#include "guard/digits_near.h"
#include "guard/ruleset_in.h"

static void least_digits_of_patterns(void **state)
{
    static const struct {
        const char *pattern;
        unsigned least;
    } cases[] = {
        { "", 0 },
        { "12", 2 },
        { "\\d{3}-\\d{2}-\\d{4}", 9 },
        { "\\d{3,}x{2}", 3 },
        { "\\d?\\d*\\d+\\d{2}?\\d++", 4 },
        { "(?:\\d{4}|\\d{2}x|[0-9]{3})", 2 },
        { "(?:[ -]?\\d){5,14}", 5 },
        { "(?:a(?:\\d\\d|b)){3}1", 1 },
        { "[0-9]\\d[123][1-39]", 4 },
        { "[0-9A-F][^0-9][\\d-][a\\d]", 0 },
        { "[]0][-1][1-][0-a][\\d-9]", 0 },
        { "(?=\\d{9})(?<!\\d)\\d(?!1)(?<=1)", 1 },
        { "(?i:a1)(?-s:2)(3)(?>4)", 4 },
        { "\\x30\\x{31}\\031\\1\\p{Nd}\\P{L}\\N{U+30}", 0 },
        { "\\\\d\\.1\\D1", 2 },
        { "\\c1\\b1\\B", 1 },
        { "a{b}1{", 1 },
        { "1{,3}", 0 },        /* a quantifier since PCRE2 10.43 */
        { "[[:digit:]]1", 0 }, /* not read */
        { "(?x) 1 # 2", 0 },
        { "(?i)12", 0 },
        { "\\Q1\\E1", 0 },
        { "(1)(?1)", 0 },
        { "(?(?=1)1|11)1", 0 },
        { "(?<n>1)1", 0 },
        { "(*UTF)1", 0 },
        { "\\d{200}\\d{200}", 255 },
        { "\\d{99999}", 255 },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        print_message("# %s\n", cases[i].pattern);
        assert_int_equal(llmp_digits_least(cases[i].pattern), cases[i].least);
    }
}

static uint32_t random_next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static struct llmp_str random_text(char *text, size_t size, const char *of,
                                   uint32_t *seed)
{
    size_t len = random_next(seed) % size;

    for (size_t i = 0; i < len; i++)
        text[i] = of[random_next(seed) % strlen(of)];
    return (struct llmp_str){ text, len };
}

/* Whether the digit at `at` is the last one of enough, close together. */
static bool is_near(struct llmp_str text, size_t at)
{
    size_t from =
        at >= LLMP_DIGITS_NEAR_WITHIN ? at + 1 - LLMP_DIGITS_NEAR_WITHIN : 0;
    size_t count = 0;

    for (size_t i = from; i <= at; i++)
        count += text.ptr[i] >= '0' && text.ptr[i] <= '9';
    return count >= LLMP_DIGITS_NEAR && text.ptr[at] >= '0' &&
           text.ptr[at] <= '9';
}

static void digits_near_each_other(void **state)
{
    /* '/' and ':' stand beside the digits; bytes above ASCII are none. */
    static const char of[] = "0951/:abcdefghijklmnopqrst xyz\xd0\xb0\xb5 .,;!?"
                             "ABCDEFGHIJKLMNOPQRST-_()[]{}@#%&*+=~<>^`|";
    uint32_t seed = 7;
    unsigned found = 0;

    (void)state;
    for (int round = 0; round < 2000; round++) {
        char bytes[600];
        struct llmp_str text = random_text(bytes, sizeof(bytes), of, &seed);
        size_t piece = 1 + random_next(&seed) % 40, next = 0;
        struct llmp_digits_near near = { .count = 0 };

        for (size_t begin = 0; begin < text.len; begin += piece) {
            struct llmp_str part = { text.ptr + begin, text.len - begin < piece
                                                           ? text.len - begin
                                                           : piece };
            size_t at = 0;
            uint64_t place;

            while (llmp_digits_near_next(&near, part, &at, begin, &place)) {
                for (; next < place; next++)
                    assert_false(is_near(text, next));
                assert_true(is_near(text, next++));
                found++;
            }
        }
        for (; next < text.len; next++)
            assert_false(is_near(text, next));
    }
    assert_true(found > 1000);
}

/* ---- each rule ----------------------------------------------------------- */

struct finds {
    uint32_t rule; /* of interest */
    size_t count;
    size_t begins[256];
};

static void note(const struct llmp_rule_find *find, void *ctx)
{
    struct finds *finds = ctx;

    if (find->rule == finds->rule && finds->count < LLMP_COUNT(finds->begins))
        finds->begins[finds->count++] = find->begin;
}

/* What PCRE2 finds, told that there may be something everywhere. */
static void compare(const struct llmp_ruleset *set,
                    struct llmp_ruleset_scratch *scratch, uint32_t rule,
                    struct llmp_str text)
{
    uint64_t bits[LLMP_RULESET_RULES_MAX / 64] = { 0 };
    struct finds want = { .rule = rule }, have = { .rule = rule };
    size_t done = 0;

    if (text.len == 0)
        return;
    bits[rule / 64] = UINT64_C(1) << (rule % 64);
    (void)llmp_ruleset_confirm(set, scratch, text,
                               (struct llmp_rule_hits){ rule, 1, text.len },
                               &done, note, &want);
    (void)llmp_ruleset_scan(set, scratch, text, (struct llmp_rule_mask){ bits },
                            note, &have);
    if (have.count != want.count ||
        memcmp(have.begins, want.begins, want.count * sizeof(size_t)) != 0)
        fail_msg("%s: %zu instead of %zu in '%.*s'",
                 set->rules[rule].rule->pattern, have.count, want.count,
                 (int)text.len, text.ptr);
}

static void numbers_are_found_as_pcre2_would(void **state)
{
    static const char *const of[] = {
        "0123456789-",
        "0123456789 .-/:()+",
        "0123456789ABCDEFXKZT",
        "123456789 account no: card words and other prose between them, and ",
    };
    static const struct llmp_rules *const all[] = { &llmp_rules_pii,
                                                    &llmp_rules_national,
                                                    &llmp_rules_russia };
    struct llmp_rules tables[] = { *all[0], *all[1], *all[2] };
    struct llmp_ruleset *set;
    struct llmp_ruleset_scratch *scratch;
    uint32_t seed = 11;
    size_t numbers = 0;

    (void)state;
    assert_int_equal(
        llmp_ruleset_new(&set, tables, LLMP_COUNT(tables), NULL, NULL),
        LLMP_OK);
    assert_int_equal(llmp_ruleset_scratch_new(&scratch, set, NULL), LLMP_OK);
    for (uint32_t rule = 0; rule < set->count; rule++) {
        numbers += set->rules[rule].number;
        for (int round = 0; round < 60 && set->rules[rule].number; round++) {
            char bytes[400];

            compare(set, scratch, rule,
                    random_text(bytes, sizeof(bytes),
                                of[(size_t)round % LLMP_COUNT(of)], &seed));
        }
    }
    assert_true(numbers > 90);
    llmp_ruleset_scratch_free(scratch);
    llmp_ruleset_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(least_digits_of_patterns),
        cmocka_unit_test(digits_near_each_other),
        cmocka_unit_test(numbers_are_found_as_pcre2_would),
    };

    return cmocka_run_group_tests_name("guard/digits", tests, NULL, NULL);
}
