/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How hard a prompt is: what the configuration says, or what is sensible where
 * it only names the strategy.
 */
#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_check.h"

/* Length, material and structure; docs/routing.md has the same table. */
static const struct llmp_route_rule default_rules[] = {
    { .feature = LLMP_FEATURE_TOKENS, .at_least = 1000, .points = 1 },
    { .feature = LLMP_FEATURE_TOKENS, .at_least = 4000, .points = 1 },
    { .feature = LLMP_FEATURE_TOKENS, .at_least = 16000, .points = 2 },
    { .feature = LLMP_FEATURE_OUTPUT_TOKENS, .at_least = 4000, .points = 1 },
    { .feature = LLMP_FEATURE_TURNS, .at_least = 8, .points = 1 },
    { .feature = LLMP_FEATURE_TOOLS, .at_least = 1, .points = 1 },
    { .feature = LLMP_FEATURE_TOOLS, .at_least = 8, .points = 1 },
    { .feature = LLMP_FEATURE_MEDIA, .at_least = 1, .points = 1 },
    { .feature = LLMP_FEATURE_CODE, .at_least = 2, .points = 2 },
    { .feature = LLMP_FEATURE_STEPS, .at_least = 3, .points = 1 },
    { .feature = LLMP_FEATURE_QUESTIONS, .at_least = 3, .points = 1 },
    { .feature = LLMP_FEATURE_MATHS, .at_least = 8, .points = 1 },
};
static const int32_t default_thresholds[] = { 2, 5 };

static int take_rule(struct llmp_reading *reading,
                     const struct llmp_draft_points *draft,
                     struct llmp_route_rule *rule)
{
    enum llmp_route_feature feature =
        (enum llmp_route_feature)draft->feature.number;

    if ((feature == LLMP_FEATURE_TERM) != (draft->term.node != NULL))
        return llmp_reading_fail(
            reading, draft->term.node ? draft->term.node : draft->feature.node,
            LLMP_E_INVALID, "'term' and 'feature: term' go together");
    *rule = (struct llmp_route_rule){
        .feature = feature,
        .points = (int32_t)(int64_t)draft->points.number,
        .at_least = draft->at_least.number,
        .term = draft->term.text,
    };
    return LLMP_OK;
}

static int take_rules(struct llmp_reading *reading,
                      const struct llmp_drafts *drafts,
                      struct llmp_complexity_config *out)
{
    const struct llmp_draft_points *items = drafts->items;
    struct llmp_route_rule *rules = llmp_config_take_array(
        &reading->config->memory, drafts->count, sizeof(*rules));

    if (!rules)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < drafts->count; i++)
        LLMP_TRY(take_rule(reading, &items[i], &rules[i]));
    out->rules = rules;
    out->rule_count = drafts->count;
    return LLMP_OK;
}

static int take_thresholds(struct llmp_reading *reading,
                           const struct llmp_settings *settings,
                           struct llmp_complexity_config *out)
{
    int32_t *thresholds = llmp_config_take_array(
        &reading->config->memory, settings->count, sizeof(*thresholds));

    if (!thresholds)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < settings->count; i++) {
        thresholds[i] = (int32_t)(int64_t)settings->items[i].number;
        if (i && thresholds[i] <= thresholds[i - 1])
            return llmp_reading_fail(reading, settings->items[i].node,
                                     LLMP_E_INVALID, "'thresholds' must rise");
    }
    out->thresholds = thresholds;
    out->threshold_count = settings->count;
    return LLMP_OK;
}

int llmp_check_complexity(struct llmp_reading *reading,
                          const struct llmp_draft_complexity *draft,
                          struct llmp_model *model)
{
    if (model->strategy != LLMP_ROUTE_COMPLEXITY) {
        if (draft->node)
            return llmp_reading_fail(reading, draft->node, LLMP_E_INVALID,
                                     "'complexity' does nothing without "
                                     "'strategy: complexity'");
        return LLMP_OK;
    }
    model->complexity = (struct llmp_complexity_config){
        .rules = default_rules,
        .rule_count = LLMP_COUNT(default_rules),
        .thresholds = default_thresholds,
        .threshold_count = LLMP_COUNT(default_thresholds),
    };
    if (draft->rules.count)
        LLMP_TRY(take_rules(reading, &draft->rules, &model->complexity));
    if (draft->thresholds.count)
        LLMP_TRY(
            take_thresholds(reading, &draft->thresholds, &model->complexity));
    return LLMP_OK;
}
