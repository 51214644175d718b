/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guards as configured -> a policy. What goes together is known there: its
 * opinion is the message.
 */
#include <sodium.h>

#include "base/internal.h"
#include "gateway/config_check.h"

enum { KEY_MIN = 32 };

static struct llmp_guard_list list_of(struct llmp_reading *reading,
                                      const struct llmp_settings *settings,
                                      int *status)
{
    struct llmp_guard_list list = { NULL, 0 };

    if (*status == LLMP_OK)
        *status = llmp_take_texts(reading, settings, &list.items, &list.count);
    return list;
}

static int take_rule(struct llmp_reading *reading,
                     const struct llmp_draft_guard_rule *draft,
                     struct llmp_guard_rule *rule)
{
    int status = LLMP_OK;

    llmp_guard_rule_init(rule);
    rule->name = draft->name.text.ptr;
    rule->pattern = draft->pattern.node ? draft->pattern.text.ptr : NULL;
    rule->keywords = list_of(reading, &draft->keywords, &status);
    rule->context = list_of(reading, &draft->context, &status);
    rule->exact_case = draft->exact_case.number != 0;
    rule->language = draft->language.node ? draft->language.text.ptr : NULL;
    rule->severity = (enum llmp_guard_severity)draft->severity.number;
    rule->label = draft->label.text.ptr;
    return status;
}

static int take_rules(struct llmp_reading *reading,
                      const struct llmp_drafts *drafts,
                      struct llmp_guard_stage *stage)
{
    const struct llmp_draft_guard_rule *items = drafts->items;
    struct llmp_guard_rule *rules = llmp_config_take_array(
        &reading->scratch, drafts->count, sizeof(*rules));

    if (!rules)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < drafts->count; i++)
        LLMP_TRY(take_rule(reading, &items[i], &rules[i]));
    stage->rules = rules;
    stage->rule_count = drafts->count;
    return LLMP_OK;
}

static int take_parts(struct llmp_reading *reading,
                      const struct llmp_settings *settings, uint32_t *parts)
{
    for (size_t i = 0; i < settings->count; i++) {
        const struct llmp_setting *item = &settings->items[i];
        struct llmp_guess guess = llmp_guess_begin(item->text);
        int part = -1;

        for (int p = 0; p < LLMP_GUARD_PARTS; p++) {
            struct llmp_str name =
                llmp_str_of(llmp_guard_part_name((enum llmp_guard_part)p));

            if (llmp_str_eq(name, item->text))
                part = p;
            llmp_guess_offer(&guess, name);
        }
        if (part < 0)
            return llmp_reading_fail(
                reading, item->node, LLMP_E_INVALID, "there is no part '%s'%s",
                llmp_show(item->text).text, llmp_guess_hint(&guess).text);
        *parts |= 1u << part;
    }
    return LLMP_OK;
}

/* "after: injection" means nothing without somebody to ask. */
static int take_doubt(struct llmp_reading *reading,
                      const struct llmp_draft_guard_stage *draft,
                      struct llmp_guard_stage *stage)
{
    if (draft->doubt.node && !draft->after.node)
        return llmp_reading_fail(reading, draft->doubt.node, LLMP_E_INVALID,
                                 "'doubt' is of the stage that 'after' names");
    stage->after = draft->after.node ? draft->after.text.ptr : NULL;
    stage->doubt_from = (uint32_t)draft->doubt.from.number;
    stage->doubt_to = (uint32_t)draft->doubt.to.number;
    return LLMP_OK;
}

static int take_stage(struct llmp_reading *reading,
                      const struct llmp_draft_guard_stage *draft,
                      struct llmp_guard_stage *stage)
{
    const struct llmp_setting *actions[] = { &draft->actions.low,
                                             &draft->actions.medium,
                                             &draft->actions.high,
                                             &draft->actions.critical };
    int status = LLMP_OK;

    llmp_guard_stage_init(stage);
    stage->check = draft->check.text.ptr;
    stage->name = draft->name.node ? draft->name.text.ptr : NULL;
    stage->mode = LLMP_GUARD_SHADOW + (unsigned)draft->mode.number;
    for (size_t i = 0; i < LLMP_COUNT(actions); i++)
        stage->actions[i] = (enum llmp_guard_action)actions[i]->number;
    stage->only = list_of(reading, &draft->only, &status);
    stage->except = list_of(reading, &draft->except, &status);
    stage->allow = list_of(reading, &draft->allow, &status);
    stage->models = list_of(reading, &draft->models, &status);
    stage->keys = list_of(reading, &draft->keys, &status);
    stage->roles = list_of(reading, &draft->roles, &status);
    stage->sample_permille = (uint32_t)draft->sample.number * 10;
    stage->sure_min = (uint32_t)draft->sure.number;
    stage->fail_open = draft->on_failure.number != 0;
    stage->style = (enum llmp_guard_style)draft->style.number;
    LLMP_TRY(status);
    LLMP_TRY(take_doubt(reading, draft, stage));
    LLMP_TRY(take_parts(reading, &draft->parts, &stage->parts));
    return take_rules(reading, &draft->rules, stage);
}

/* The stage or the rule that the message is about. */
static int say(struct llmp_reading *reading,
               const struct llmp_draft_guardrails *draft, int status,
               const struct llmp_error *err)
{
    if (status == LLMP_E_NOMEM)
        return llmp_reading_nomem(reading);
    return llmp_reading_fail(reading, draft->stages.node, LLMP_E_INVALID, "%s",
                             err->message);
}

static int make_policy(struct llmp_reading *reading,
                       const struct llmp_draft_guardrails *draft,
                       struct llmp_guard_options *opts)
{
    uint8_t key[LLMP_GUARD_KEY_SIZE];
    struct llmp_error err;
    int rc;

    if (draft->key.node) {
        if (draft->key.text.len < KEY_MIN)
            return llmp_reading_fail(reading, draft->key.node, LLMP_E_INVALID,
                                     "'key' has at least %d characters",
                                     KEY_MIN);
        (void)crypto_generichash(key, sizeof(key),
                                 (const uint8_t *)draft->key.text.ptr,
                                 draft->key.text.len, NULL, 0);
        opts->key = key;
    }
    rc = llmp_guard_policy_new(&reading->config->guard.policy, opts, &err);
    sodium_memzero(key, sizeof(key));
    return rc == LLMP_OK ? LLMP_OK : say(reading, draft, rc, &err);
}

static int take_spotlight(struct llmp_reading *reading,
                          const struct llmp_draft_spotlight *draft)
{
    struct llmp_spotlight_config *out = &reading->config->guard.spotlight;
    struct llmp_guard_spotlight how = { .nonce = "", .mark = "" };
    size_t len;

    if (!draft->node)
        return LLMP_OK;
    out->on = true;
    out->mode = (enum llmp_guard_spotlight_mode)draft->mode.number;
    out->mark = draft->mark.text.ptr;
    LLMP_TRY(take_parts(reading, &draft->parts, &out->parts));
    if (!out->parts)
        out->parts = 1u << LLMP_GUARD_TOOL_RESULT | 1u << LLMP_GUARD_DOCUMENT;
    out->instructions =
        draft->instructions.node
            ? draft->instructions.text
            : llmp_str_of(llmp_guard_spotlight_template(out->mode));
    if (llmp_guard_spotlight_instructions(NULL, 0, &len, &how,
                                          out->instructions) < 0)
        return llmp_reading_fail(reading, draft->instructions.node,
                                 LLMP_E_INVALID,
                                 "'instructions' may have {{begin}}, {{end}} "
                                 "and {{mark}}, and no other variable");
    return LLMP_OK;
}

int llmp_check_guardrails(struct llmp_reading *reading,
                          const struct llmp_draft_guardrails *draft)
{
    const struct llmp_draft_guard_stage *items = draft->stages.items;
    struct llmp_guard_options opts;
    struct llmp_guard_stage *stages;

    LLMP_TRY(take_spotlight(reading, &draft->spotlight));
    reading->config->guard.canary = draft->canary.number != 0;
    if (!draft->stages.count && !draft->spotlight.node && !draft->canary.number)
        return LLMP_OK;
    stages = llmp_config_take_array(&reading->scratch, draft->stages.count,
                                    sizeof(*stages));
    if (!stages)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < draft->stages.count; i++)
        LLMP_TRY(take_stage(reading, &items[i], &stages[i]));
    LLMP_TRY(llmp_check_remotes(reading, &draft->stages));
    llmp_guard_options_init(&opts);
    opts.stages = stages;
    opts.stage_count = draft->stages.count;
    opts.text_max = draft->text_max.number;
    opts.cache = reading->source.guard_cache;
    reading->config->guard.hold_bytes = draft->hold.bytes.number;
    reading->config->guard.hold_ns =
        llmp_mul_sat(draft->hold.time.number, LLMP_NS_PER_MS);
    return make_policy(reading, draft, &opts);
}
