/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits as written -> rules of the limiter. They hold for keys, users, teams,
 * organisations, models and providers alike.
 */
#include "base/internal.h"
#include "gateway/config_check.h"

/* One line a limit that is a plain number. */
static const struct {
    size_t offset; /* of the setting in the draft */
    enum llmp_limit_unit unit;
    enum llmp_limit_window window;
} counts[] = {
#define AT(member) offsetof(struct llmp_draft_allowance, member)
    { AT(requests), LLMP_LIMIT_REQUESTS, LLMP_WINDOW_ROLLING },
    { AT(requests_day), LLMP_LIMIT_REQUESTS, LLMP_WINDOW_DAY },
    { AT(tokens), LLMP_LIMIT_TOKENS, LLMP_WINDOW_ROLLING },
    { AT(tokens_day), LLMP_LIMIT_TOKENS, LLMP_WINDOW_DAY },
    { AT(tokens_month), LLMP_LIMIT_TOKENS, LLMP_WINDOW_MONTH },
    { AT(input_tokens), LLMP_LIMIT_INPUT_TOKENS, LLMP_WINDOW_ROLLING },
    { AT(output_tokens), LLMP_LIMIT_OUTPUT_TOKENS, LLMP_WINDOW_ROLLING },
    { AT(concurrency), LLMP_LIMIT_CONCURRENCY, LLMP_WINDOW_ROLLING },
#undef AT
};

static const struct {
    size_t offset;
    const char *name;
    enum llmp_limit_window window;
} budgets[] = {
#define AT(member) offsetof(struct llmp_draft_budget, member)
    { AT(day), "day", LLMP_WINDOW_DAY },
    { AT(week), "week", LLMP_WINDOW_WEEK },
    { AT(month), "month", LLMP_WINDOW_MONTH },
    { AT(total), "total", LLMP_WINDOW_TOTAL },
#undef AT
};

static int add_rule(struct llmp_reading *reading, const struct llmp_node *node,
                    struct llmp_allowance *out,
                    const struct llmp_limit_rule *rule)
{
    if (out->count == LLMP_LIMIT_RULES_MAX)
        return llmp_reading_fail(reading, node, LLMP_E_LIMIT,
                                 "one owner has at most %d limits",
                                 LLMP_LIMIT_RULES_MAX);
    out->rules[out->count++] = *rule;
    return LLMP_OK;
}

static int add_counts(struct llmp_reading *reading,
                      const struct llmp_draft_allowance *draft,
                      struct llmp_allowance *out)
{
    for (size_t i = 0; i < LLMP_COUNT(counts); i++) {
        const struct llmp_setting *setting =
            (const void *)((const char *)draft + counts[i].offset);
        struct llmp_limit_rule rule = { .unit = counts[i].unit,
                                        .window = counts[i].window,
                                        .amount = setting->number };

        if (!setting->node || setting->number == 0)
            continue;
        if (setting == &draft->requests)
            rule.burst = draft->requests_burst.number;
        LLMP_TRY(add_rule(reading, setting->node, out, &rule));
    }
    return LLMP_OK;
}

static int add_budgets(struct llmp_reading *reading,
                       const struct llmp_draft_budget *draft,
                       struct llmp_allowance *out)
{
    for (size_t i = 0; i < LLMP_COUNT(budgets); i++) {
        const struct llmp_setting *setting =
            (const void *)((const char *)draft + budgets[i].offset);
        struct llmp_limit_rule rule = {
            .unit = LLMP_LIMIT_MONEY,
            .window = budgets[i].window,
            .soft_permille = (uint16_t)(draft->soft.number * 10),
        };

        if (!setting->node)
            continue;
        if (llmp_nanos_parse(setting->text, &rule.amount) < 0 ||
            rule.amount > UINT64_C(1) << 62)
            return llmp_reading_fail(
                reading, setting->node, LLMP_E_INVALID,
                "'%s' must be an amount of money such as \"12.50\"",
                budgets[i].name);
        LLMP_TRY(add_rule(reading, setting->node, out, &rule));
    }
    if (draft->downgrade.node && !draft->day.node && !draft->week.node &&
        !draft->month.node && !draft->total.node)
        return llmp_reading_fail(reading, draft->downgrade.node, LLMP_E_INVALID,
                                 "'downgrade' does nothing without a budget");
    out->downgrade = draft->downgrade.text;
    return LLMP_OK;
}

int llmp_check_allowance(struct llmp_reading *reading,
                         const struct llmp_draft_allowance *draft,
                         struct llmp_allowance *out)
{
    if (draft->requests_burst.node && draft->requests.number == 0)
        return llmp_reading_fail(reading, draft->requests_burst.node,
                                 LLMP_E_INVALID,
                                 "'requests_burst' does nothing without "
                                 "'requests'");
    LLMP_TRY(add_counts(reading, draft, out));
    return add_budgets(reading, &draft->budget, out);
}
