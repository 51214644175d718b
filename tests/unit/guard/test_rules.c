/* SPDX-License-Identifier: Apache-2.0 */
/* Goal: each rule of ours can be run, and is well formed. Method: both engines
 * compile each pattern by itself; names and widths are looked at. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <hs.h>
#include <pcre2.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "guard/rule.h"

static const struct llmp_rules *const tables[] = {
    &llmp_rules_pii,  &llmp_rules_national,  &llmp_rules_russia,
    &llmp_rules_keys, &llmp_rules_secrets,   &llmp_rules_urls,
    &llmp_rules_leak, &llmp_rules_injection, &llmp_rules_lexicon,
};

typedef void check_fn(const struct llmp_rule *rule);

static void each(check_fn *check)
{
    for (size_t i = 0; i < LLMP_COUNT(tables); i++)
        for (size_t k = 0; k < tables[i]->count; k++)
            check(&tables[i]->items[k]);
}

/* As it stands where Vectorscan has all of it, else as a filter. */
static void is_bounded(const struct llmp_rule *rule)
{
    unsigned flags = HS_FLAG_UTF8 | HS_FLAG_MULTILINE |
                     (rule->flags & LLMP_RULE_CASELESS ? HS_FLAG_CASELESS : 0u);
    hs_expr_info_t *info = NULL;
    hs_compile_error_t *error = NULL;

    if (hs_expression_info(rule->pattern, flags, &info, &error)) {
        hs_free_compile_error(error);
        flags |= HS_FLAG_PREFILTER;
        if (hs_expression_info(rule->pattern, flags, &info, &error))
            fail_msg("%s: %s: %s", rule->name, rule->pattern, error->message);
    }
    if (info->min_width < 5 || info->max_width > LLMP_RULE_SPAN_MAX)
        print_error("%s: %u to %u bytes: %s\n", rule->name, info->min_width,
                    info->max_width, rule->pattern);
    assert_in_range(info->min_width, 5, LLMP_RULE_SPAN_MAX);
    assert_in_range(info->max_width, 5, LLMP_RULE_SPAN_MAX);
    free(info);
}

static void vectorscan_has_it_bounded(void **state)
{
    (void)state;
    each(is_bounded);
}

static void compiles(const struct llmp_rule *rule)
{
    int code;
    PCRE2_SIZE at;
    uint32_t flags = PCRE2_UTF | PCRE2_MULTILINE | PCRE2_MATCH_INVALID_UTF |
                     (rule->flags & LLMP_RULE_CASELESS ? PCRE2_CASELESS : 0u);
    uint32_t groups = 0;
    pcre2_code *compiled =
        pcre2_compile((PCRE2_SPTR)rule->pattern, PCRE2_ZERO_TERMINATED, flags,
                      &code, &at, NULL);

    if (!compiled)
        fail_msg("%s: at %zu: %s", rule->name, (size_t)at, rule->pattern);
    (void)pcre2_pattern_info(compiled, PCRE2_INFO_CAPTURECOUNT, &groups);
    if (groups > 1)
        fail_msg("%s has %u groups: %s", rule->name, groups, rule->pattern);
    pcre2_code_free(compiled);
}

static void pcre_has_it(void **state)
{
    (void)state;
    each(compiles);
}

static bool made_of(const char *text, const char *characters)
{
    return *text && strspn(text, characters) == strlen(text);
}

static void is_well_formed(const struct llmp_rule *rule)
{
    const char *dot = strchr(rule->name, '.');
    bool wordy = rule->flags & LLMP_RULE_NEEDS_CONTEXT;

    if (!dot || dot == rule->name ||
        !made_of(dot + 1, "abcdefghijklmnopqrstuvwxyz0123456789_") ||
        (strncmp(rule->name, "pii.", 4) && strncmp(rule->name, "secret.", 7) &&
         strncmp(rule->name, "url.", 4) && strncmp(rule->name, "leak.", 5) &&
         strncmp(rule->name, "injection.", 10) &&
         strncmp(rule->name, "moderation.", 11)))
        fail_msg("name %s", rule->name);
    if (!made_of(rule->label, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_"))
        fail_msg("%s: label %s", rule->name, rule->label);
    if (wordy ? !rule->context || rule->sure != 0 : rule->sure < 40)
        fail_msg("%s: sure %u without context", rule->name, rule->sure);
    if (rule->sure_in_context < rule->sure || rule->sure_in_context > 99)
        fail_msg("%s: sure %u in context", rule->name, rule->sure_in_context);
    if (rule->severity > LLMP_GUARD_CRITICAL)
        fail_msg("%s: severity %u", rule->name, rule->severity);
    if (rule->tail && (rule->tail[0] != '[' || !strchr(rule->tail, ']')))
        fail_msg("%s: tail %s", rule->name, rule->tail);
}

static void names_and_figures_make_sense(void **state)
{
    (void)state;
    each(is_well_formed);
}

static void no_rule_is_there_twice(void **state)
{
    const struct llmp_rule *all[1024];
    size_t count = 0;

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(tables); i++)
        for (size_t k = 0; k < tables[i]->count; k++)
            all[count++] = &tables[i]->items[k];
    assert_in_range(count, 150, LLMP_COUNT(all));
    for (size_t i = 0; i < count; i++)
        for (size_t k = i + 1; k < count; k++)
            if (strcmp(all[i]->name, all[k]->name) == 0 &&
                strcmp(all[i]->pattern, all[k]->pattern) == 0)
                fail_msg("%s is there twice: %s", all[i]->name,
                         all[i]->pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectorscan_has_it_bounded),
        cmocka_unit_test(pcre_has_it),
        cmocka_unit_test(names_and_figures_make_sense),
        cmocka_unit_test(no_rule_is_there_twice),
    };

    return cmocka_run_group_tests_name("guard/rules", tests, NULL, NULL);
}
