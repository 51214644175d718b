/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model's deployments: a list of them, or the one that the short form names.
 */
#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_check.h"

/* The provider that `wanted` names; unwritten, the only one there is. */
static int find_provider(struct llmp_reading *reading,
                         const struct llmp_setting *wanted,
                         const struct llmp_node *node,
                         const struct llmp_provider **out)
{
    const struct llmp_config *config = reading->config;
    struct llmp_guess guess = llmp_guess_begin(wanted->text);

    if (!wanted->node && config->provider_count == 1) {
        *out = &config->providers[0];
        return LLMP_OK;
    }
    if (!wanted->node)
        return llmp_reading_fail(reading, node, LLMP_E_INVALID,
                                 "'provider' is missing; there are %zu",
                                 config->provider_count);
    *out = llmp_provider_find(config, wanted->text);
    if (*out)
        return LLMP_OK;
    if (wanted->referenced)
        return llmp_reading_fail(reading, wanted->node, LLMP_E_NOT_FOUND,
                                 "there is no such provider");
    for (size_t i = 0; i < config->provider_count; i++)
        llmp_guess_offer(&guess, config->providers[i].name);
    return llmp_reading_fail(
        reading, wanted->node, LLMP_E_NOT_FOUND, "there is no provider '%s'%s",
        llmp_show(wanted->text).text, llmp_guess_hint(&guess).text);
}

/* Behind a pattern all names together are one deployment: what can be said of
 * a provider's health holds for each of them. */
static int make_id(struct llmp_reading *reading, const struct llmp_model *model,
                   struct llmp_deployment *deployment)
{
    const struct llmp_str parts[] = {
        deployment->provider->name,
        LLMP_STR("/"),
        deployment->upstream.len ? deployment->upstream : model->name,
    };

    deployment->id = llmp_config_join(&reading->config->memory, parts, 3);
    return deployment->id.ptr ? LLMP_OK : llmp_reading_nomem(reading);
}

static int check_deployment(struct llmp_reading *reading,
                            const struct llmp_draft_deployment *draft,
                            const struct llmp_model *model,
                            struct llmp_deployment *out)
{
    LLMP_TRY(
        find_provider(reading, &draft->provider, draft->node, &out->provider));
    out->name = draft->name.text;
    out->upstream = draft->model.text;
    out->region =
        draft->region.node ? draft->region.text : out->provider->region;
    out->weight = (uint32_t)draft->weight.number;
    out->tier = (uint32_t)draft->tier.number;
    out->level = (uint32_t)draft->level.number;
    out->max_tokens = draft->max_tokens.number;
    out->in_flight_max = (uint32_t)draft->concurrency.number;
    return make_id(reading, model, out);
}

static int check_twice(struct llmp_reading *reading,
                       const struct llmp_draft_deployment *items,
                       const struct llmp_model *model)
{
    for (size_t i = 1; i < model->deployment_count; i++)
        for (size_t k = 0; k < i; k++)
            if (llmp_str_eq(model->deployments[i].id, model->deployments[k].id))
                return llmp_reading_fail(
                    reading, items[i].node, LLMP_E_INVALID,
                    "this provider's model is in the list twice; 'weight' "
                    "gives it more");
    for (size_t i = 1; i < model->deployment_count; i++)
        for (size_t k = 0; k < i && items[i].name.node; k++)
            if (llmp_str_eq(items[i].name.text, items[k].name.text))
                return llmp_reading_fail(
                    reading, items[i].name.node, LLMP_E_INVALID,
                    "a deployment of this 'name' is there twice");
    return LLMP_OK;
}

static struct llmp_deployment *take(struct llmp_reading *reading,
                                    struct llmp_model *model, size_t count)
{
    model->deployments = llmp_config_take_array(&reading->config->memory, count,
                                                sizeof(*model->deployments));
    model->deployment_count = count;
    return model->deployments;
}

int llmp_imply_deployment(struct llmp_reading *reading,
                          struct llmp_model *model,
                          const struct llmp_provider *provider)
{
    struct llmp_deployment *deployment = take(reading, model, 1);

    if (!deployment)
        return llmp_reading_nomem(reading);
    *deployment = (struct llmp_deployment){ .provider = provider,
                                            .region = provider->region,
                                            .weight = 1 };
    return make_id(reading, model, deployment);
}

int llmp_check_deployments(struct llmp_reading *reading,
                           const struct llmp_draft_model *draft,
                           struct llmp_model *model)
{
    const struct llmp_draft_deployment *items = draft->deployments.items;
    const struct llmp_provider *provider;

    if (draft->deployments.count == 0) {
        LLMP_TRY(
            find_provider(reading, &draft->provider, draft->node, &provider));
        LLMP_TRY(llmp_imply_deployment(reading, model, provider));
        model->deployments[0].upstream = draft->model.text;
        return make_id(reading, model, &model->deployments[0]);
    }
    if (draft->provider.node || draft->model.node)
        return llmp_reading_fail(
            reading,
            draft->provider.node ? draft->provider.node : draft->model.node,
            LLMP_E_INVALID, "stands in each of 'deployments' then");
    if (!take(reading, model, draft->deployments.count))
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < draft->deployments.count; i++)
        LLMP_TRY(check_deployment(reading, &items[i], model,
                                  &model->deployments[i]));
    return check_twice(reading, items, model);
}
