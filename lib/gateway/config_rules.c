/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules: conditions as they are asked at a request, and what follows:
 * deployments as bits of the model's list, or a priority.
 */
#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_check.h"

/* What says who calls is not for rules: their values would be secrets. */
static bool is_credential(struct llmp_str name)
{
    static const struct llmp_str names[] = {
        LLMP_STR("authorization"), LLMP_STR("proxy-authorization"),
        LLMP_STR("x-api-key"),     LLMP_STR("api-key"),
        LLMP_STR("cookie"),
    };

    for (size_t i = 0; i < LLMP_COUNT(names); i++)
        if (llmp_str_eq(names[i], name))
            return true;
    return false;
}

/* As requests have it: in lower case. */
static int lower_name(struct llmp_reading *reading,
                      const struct llmp_setting *item, struct llmp_str *out)
{
    *out =
        llmp_config_join(&reading->config->memory, &item->node->key->text, 1);
    if (!out->ptr)
        return llmp_reading_nomem(reading);

    char *c = (char *)(uintptr_t)out->ptr; /* it is ours */

    for (size_t i = 0; i < out->len; i++)
        if (c[i] >= 'A' && c[i] <= 'Z')
            c[i] = (char)(c[i] - 'A' + 'a');
    if (is_credential(*out))
        return llmp_reading_fail(reading, item->node->key, LLMP_E_INVALID,
                                 "a rule cannot ask for a credential; use "
                                 "'key'");
    return LLMP_OK;
}

/* Its place among the fields that any rule asks for. */
static int field_index(struct llmp_reading *reading,
                       const struct llmp_setting *item, uint32_t *index)
{
    struct llmp_config *config = reading->config;
    struct llmp_str name;

    LLMP_TRY(lower_name(reading, item, &name));
    if (!config->rule_fields)
        config->rule_fields =
            llmp_config_take_array(&config->memory, LLMP_RULE_FIELDS_MAX,
                                   sizeof(*config->rule_fields));
    if (!config->rule_fields)
        return llmp_reading_nomem(reading);
    for (*index = 0; *index < config->rule_field_count; ++*index)
        if (llmp_str_eq(config->rule_fields[*index], name))
            return LLMP_OK;
    if (*index == LLMP_RULE_FIELDS_MAX)
        return llmp_reading_fail(reading, item->node, LLMP_E_LIMIT,
                                 "rules ask for at most %d different headers",
                                 LLMP_RULE_FIELDS_MAX);
    config->rule_fields[config->rule_field_count++] = name;
    return LLMP_OK;
}

static int take_fields(struct llmp_reading *reading,
                       const struct llmp_settings *settings,
                       struct llmp_when *when)
{
    struct llmp_rule_field *fields = llmp_config_take_array(
        &reading->config->memory, settings->count, sizeof(*fields));

    if (!fields && settings->count)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < settings->count; i++) {
        LLMP_TRY(field_index(reading, &settings->items[i], &fields[i].index));
        fields[i].value = settings->items[i].text;
    }
    when->fields = fields;
    when->field_count = settings->count;
    return LLMP_OK;
}

static int take_names(struct llmp_reading *reading,
                      const struct llmp_settings *settings,
                      struct llmp_names *out)
{
    return llmp_take_texts(reading, settings, &out->items, &out->count);
}

static int take_when(struct llmp_reading *reading,
                     const struct llmp_draft_when *draft,
                     struct llmp_when *when)
{
    LLMP_TRY(take_fields(reading, &draft->header, when));
    LLMP_TRY(take_names(reading, &draft->tag, &when->tags));
    LLMP_TRY(take_names(reading, &draft->key, &when->keys));
    LLMP_TRY(take_names(reading, &draft->team, &when->teams));
    when->tokens_min = draft->prompt_tokens_min.number;
    when->tokens_max = draft->prompt_tokens_max.number
                           ? draft->prompt_tokens_max.number
                           : UINT64_MAX;
    if (when->tokens_min > when->tokens_max)
        return llmp_reading_fail(reading, draft->prompt_tokens_min.node,
                                 LLMP_E_INVALID,
                                 "'prompt_tokens_min' is above "
                                 "'prompt_tokens_max': this never holds");
    return LLMP_OK;
}

static int find_deployment(struct llmp_reading *reading,
                           const struct llmp_setting *wanted,
                           const struct llmp_model *model, size_t *index)
{
    struct llmp_guess guess = llmp_guess_begin(wanted->text);

    for (*index = 0; *index < model->deployment_count; ++*index) {
        const struct llmp_deployment *d = &model->deployments[*index];

        if (llmp_str_eq(d->id, wanted->text) ||
            llmp_str_eq(d->name, wanted->text))
            return LLMP_OK;
        llmp_guess_offer(&guess, d->name.len ? d->name : d->id);
    }
    return llmp_reading_fail(reading, wanted->node, LLMP_E_NOT_FOUND,
                             "the model has no deployment of this name%s",
                             wanted->referenced ? ""
                                                : llmp_guess_hint(&guess).text);
}

static int take_allowed(struct llmp_reading *reading,
                        const struct llmp_settings *settings,
                        const struct llmp_model *model,
                        struct llmp_model_rule *rule)
{
    uint64_t *allowed = llmp_config_take_array(
        &reading->config->memory, (model->deployment_count + 63) / 64,
        sizeof(*allowed));
    size_t index;

    if (!allowed)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < settings->count; i++) {
        LLMP_TRY(find_deployment(reading, &settings->items[i], model, &index));
        allowed[index / 64] |= UINT64_C(1) << index % 64;
    }
    rule->allowed = allowed;
    return LLMP_OK;
}

int llmp_check_rules(struct llmp_reading *reading,
                     const struct llmp_drafts *drafts, struct llmp_model *model)
{
    const struct llmp_draft_rule *items = drafts->items;
    struct llmp_model_rule *rules = llmp_config_take_array(
        &reading->config->memory, drafts->count, sizeof(*rules));

    if (!rules && drafts->count)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < drafts->count; i++) {
        LLMP_TRY(take_when(reading, &items[i].when, &rules[i].when));
        LLMP_TRY(
            take_allowed(reading, &items[i].deployments, model, &rules[i]));
    }
    model->rules = rules;
    model->rule_count = drafts->count;
    return LLMP_OK;
}

int llmp_check_priorities(struct llmp_reading *reading,
                          const struct llmp_drafts *drafts,
                          struct llmp_queue_config *queue)
{
    const struct llmp_draft_priority *items = drafts->items;
    struct llmp_priority_rule *rules = llmp_config_take_array(
        &reading->config->memory, drafts->count, sizeof(*rules));

    if (!rules && drafts->count)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < drafts->count; i++) {
        LLMP_TRY(take_when(reading, &items[i].when, &rules[i].when));
        rules[i].priority =
            LLMP_PRIORITY_CRITICAL + (uint32_t)items[i].priority.number;
    }
    queue->rules = rules;
    queue->rule_count = drafts->count;
    return LLMP_OK;
}
