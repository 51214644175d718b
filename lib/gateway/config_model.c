/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models: the names clients ask for, and which of them is meant.
 *
 * Literal names are sorted for binary search; patterns follow, the longest
 * first, so that the first that fits is the right one.
 */
#include <stdlib.h>

#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_check.h"

#define NAME_LEN_MAX 256

static int compare(struct llmp_str a, struct llmp_str b)
{
    size_t len = a.len < b.len ? a.len : b.len;
    int order = len ? memcmp(a.ptr, b.ptr, len) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool is_pattern(struct llmp_str name)
{
    return name.len && name.ptr[name.len - 1] == '*';
}

/* Literal names in order, then patterns from long to short. */
static int compare_models(const void *a, const void *b)
{
    const struct llmp_model *x = a, *y = b;
    bool x_pattern = is_pattern(x->name), y_pattern = is_pattern(y->name);

    if (x_pattern != y_pattern)
        return x_pattern ? 1 : -1;
    if (x_pattern && x->name.len != y->name.len)
        return x->name.len > y->name.len ? -1 : 1;
    return compare(x->name, y->name);
}

/* The first literal that is not below `name`. */
static size_t lower_bound(const struct llmp_config *config,
                          struct llmp_str name)
{
    size_t low = 0, high = config->literal_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare(config->models[middle].name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct llmp_model *llmp_config_model(const struct llmp_config *config,
                                           struct llmp_str name)
{
    size_t at = lower_bound(config, name);

    if (at < config->literal_count &&
        llmp_str_eq(config->models[at].name, name))
        return &config->models[at];
    for (size_t i = config->literal_count; i < config->model_count; i++) {
        struct llmp_str head = config->models[i].name;

        head.len--; /* the '*' */
        if (llmp_str_starts(name, head))
            return &config->models[i];
    }
    return NULL;
}

struct llmp_str llmp_model_upstream(const struct llmp_model *model,
                                    const struct llmp_deployment *deployment,
                                    struct llmp_str name)
{
    struct llmp_str strip = model->strip;

    if (deployment->upstream.len)
        return deployment->upstream;
    if (strip.len && llmp_str_starts(name, strip))
        return (struct llmp_str){ name.ptr + strip.len, name.len - strip.len };
    return name;
}

bool llmp_provider_speaks(const struct llmp_provider *provider,
                          enum llmp_shape shape)
{
    return llmp_face_speaks(provider->face, shape) &&
           (shape != LLMP_SHAPE_RESPONSES || provider->responses);
}

struct llmp_wire llmp_deployment_wire(const struct llmp_model *model,
                                      const struct llmp_deployment *deployment)
{
    const struct llmp_provider *provider = deployment->provider;

    return (struct llmp_wire){
        .drop = model->drop_unsupported,
        .is_openai = provider->is_openai,
        .no_stream_usage = !provider->inject_usage,
        .is_vertex = provider->face == LLMP_FACE_VERTEX,
        .max_tokens = deployment->max_tokens,
    };
}

const struct llmp_deployment *llmp_config_deployment_at(
    const struct llmp_config *config, const struct llmp_provider *provider)
{
    for (size_t m = 0; m < config->model_count; m++)
        for (size_t d = 0; d < config->models[m].deployment_count; d++)
            if (config->models[m].deployments[d].provider == provider)
                return &config->models[m].deployments[d];
    return NULL;
}

/* ---- the nearest names ---- */

#define NEAREST_TRIES 128 /* distances computed for one question */

struct nearest {
    struct llmp_str name;
    struct llmp_str *out;
    size_t distances[LLMP_NEAREST_MAX];
    size_t count;
    size_t distance_max; /* anything beyond is no likeness */
    size_t tries;
};

/* Names of which one begins with the other are near: dated ones, families. */
static size_t likeness(const struct nearest *n, struct llmp_str candidate)
{
    size_t gap = candidate.len > n->name.len ? candidate.len - n->name.len
                                             : n->name.len - candidate.len;

    if (candidate.len >= 3 && n->name.len >= 3 &&
        (llmp_str_starts(candidate, n->name) ||
         llmp_str_starts(n->name, candidate)))
        return 1 + gap / 16;
    return gap > n->distance_max ? SIZE_MAX
                                 : llmp_str_distance(n->name, candidate);
}

static void consider(struct nearest *n, struct llmp_str candidate)
{
    size_t distance = likeness(n, candidate);
    size_t at = n->count;

    n->tries++;

    if (distance > n->distance_max)
        return;
    while (at > 0 && n->distances[at - 1] > distance)
        at--;
    if (at == LLMP_NEAREST_MAX)
        return;
    if (n->count < LLMP_NEAREST_MAX)
        n->count++;
    for (size_t i = n->count - 1; i > at; i--) {
        n->out[i] = n->out[i - 1];
        n->distances[i] = n->distances[i - 1];
    }
    n->out[at] = candidate;
    n->distances[at] = distance;
}

size_t llmp_config_nearest(const struct llmp_config *config,
                           struct llmp_str name,
                           struct llmp_str out[LLMP_NEAREST_MAX])
{
    struct nearest n = { .name = name,
                         .out = out,
                         .distance_max = name.len < 6 ? 3 : name.len / 2 };
    size_t up = lower_bound(config, name);
    size_t down = up;

    /* Neighbours in order share their beginning: from the place where the
     * name would stand, outwards. */
    while (n.tries < NEAREST_TRIES &&
           (down > 0 || up < config->literal_count)) {
        if (up < config->literal_count)
            consider(&n, config->models[up++].name);
        if (down > 0)
            consider(&n, config->models[--down].name);
    }
    for (size_t i = config->literal_count;
         i < config->model_count && n.tries < 2 * NEAREST_TRIES; i++)
        consider(&n, config->models[i].name);
    return n.count;
}

/* ---- from the draft ---- */

static int check_name(struct llmp_reading *reading,
                      const struct llmp_draft_model *draft)
{
    const struct llmp_str name = draft->name.text;
    const struct llmp_str strip = draft->strip.text;
    size_t star = llmp_str_find(name, LLMP_STR("*"));
    struct llmp_str head = name;

    if (name.len > NAME_LEN_MAX)
        return llmp_reading_fail(reading, draft->name.node, LLMP_E_INVALID,
                                 "a model's 'name' has at most %d bytes",
                                 NAME_LEN_MAX);
    if (star != SIZE_MAX && star != name.len - 1)
        return llmp_reading_fail(reading, draft->name.node, LLMP_E_INVALID,
                                 "'*' is possible at the end of a 'name' only");
    if (!draft->strip.node)
        return LLMP_OK;
    if (draft->model.node)
        return llmp_reading_fail(reading, draft->strip.node, LLMP_E_INVALID,
                                 "'strip' does nothing beside 'model'");
    if (star != SIZE_MAX)
        head.len--;
    if (!llmp_str_starts(head, strip) || strip.len == name.len)
        return llmp_reading_fail(reading, draft->strip.node, LLMP_E_INVALID,
                                 "the 'name' does not begin with 'strip', or "
                                 "nothing would be left of it");
    return LLMP_OK;
}

static int check_model(struct llmp_reading *reading,
                       const struct llmp_draft_model *draft,
                       struct llmp_model *model)
{
    LLMP_TRY(check_name(reading, draft));
    model->name = draft->name.text;
    model->strip = draft->strip.text;
    model->strategy = (enum llmp_route_strategy)draft->strategy.number;
    model->retries = (uint32_t)draft->retries.number;
    model->drop_unsupported = draft->on_unsupported.number != 0;
    model->on_context = draft->fallbacks.context_length.text;
    model->on_filter = draft->fallbacks.content_filter.text;
    model->hedge = (struct llmp_hedge_config){
        .when = (enum llmp_hedge_when)draft->hedge.when.number,
        .after_ns = llmp_mul_sat(draft->hedge.after.number, LLMP_NS_PER_MS),
    };
    LLMP_TRY(llmp_take_texts(reading, &draft->residency,
                             &model->residency.regions,
                             &model->residency.count));
    LLMP_TRY(llmp_check_deployments(reading, draft, model));
    LLMP_TRY(llmp_check_rules(reading, &draft->rules, model));
    LLMP_TRY(llmp_check_complexity(reading, &draft->complexity, model));
    return llmp_check_allowance(reading, &draft->limits, &model->limits);
}

/* Nothing was said about models: everything goes to the one provider, or to
 * the one that is named before a '/'. */
static int imply_models(struct llmp_reading *reading)
{
    struct llmp_config *config = reading->config;
    struct llmp_config_memory *memory = &config->memory;

    config->models = llmp_config_take_array(memory, config->provider_count,
                                            sizeof(*config->models));
    if (!config->models)
        return llmp_reading_nomem(reading);
    config->model_count = config->provider_count;
    for (size_t i = 0; i < config->provider_count; i++) {
        const struct llmp_provider *provider = &config->providers[i];
        const struct llmp_str parts[] = { provider->name, LLMP_STR("/"),
                                          LLMP_STR("*") };
        struct llmp_model *model = &config->models[i];

        model->name = LLMP_STR("*");
        if (config->provider_count > 1) {
            model->name = llmp_config_join(memory, parts, 3);
            model->strip = llmp_config_join(memory, parts, 2);
            if (!model->name.ptr || !model->strip.ptr)
                return llmp_reading_nomem(reading);
        }
        LLMP_TRY(llmp_imply_deployment(reading, model, provider));
    }
    return LLMP_OK;
}

/* Sorting has brought equal names together; the text tells which is second. */
static int check_twice(struct llmp_reading *reading,
                       const struct llmp_drafts *drafts)
{
    const struct llmp_config *config = reading->config;
    const struct llmp_draft_model *items = drafts->items;

    for (size_t i = 1; i < config->model_count; i++) {
        struct llmp_str name = config->models[i].name;
        const struct llmp_node *node = NULL;

        if (!llmp_str_eq(config->models[i - 1].name, name))
            continue;
        for (size_t j = 0; j < drafts->count; j++)
            if (llmp_str_eq(items[j].name.text, name))
                node = items[j].name.node;
        return llmp_reading_fail(reading, node, LLMP_E_INVALID,
                                 "a model of this 'name' is there twice");
    }
    return LLMP_OK;
}

static void finish(struct llmp_config *config)
{
    qsort(config->models, config->model_count, sizeof(*config->models),
          compare_models);
    for (size_t i = 0; i < config->model_count; i++) {
        config->models[i].index = (uint32_t)i;
        config->literal_count += !is_pattern(config->models[i].name);
    }
}

static int check_fallback(struct llmp_reading *reading,
                          const struct llmp_setting *setting,
                          struct llmp_str own)
{
    if (!setting->node)
        return LLMP_OK;
    if (llmp_str_eq(setting->text, own))
        return llmp_reading_fail(reading, setting->node, LLMP_E_INVALID,
                                 "a model cannot stand in for itself");
    if (!llmp_config_model(reading->config, setting->text))
        return llmp_reading_fail(reading, setting->node, LLMP_E_NOT_FOUND,
                                 "there is no model of this name");
    return LLMP_OK;
}

static int check_fallbacks(struct llmp_reading *reading,
                           const struct llmp_drafts *drafts)
{
    const struct llmp_draft_model *items = drafts->items;

    for (size_t i = 0; i < drafts->count; i++) {
        const struct llmp_draft_fallbacks *draft = &items[i].fallbacks;

        LLMP_TRY(check_fallback(reading, &draft->context_length,
                                items[i].name.text));
        LLMP_TRY(check_fallback(reading, &draft->content_filter,
                                items[i].name.text));
    }
    return LLMP_OK;
}

int llmp_check_models(struct llmp_reading *reading,
                      const struct llmp_drafts *drafts)
{
    struct llmp_config *config = reading->config;
    const struct llmp_draft_model *items = drafts->items;

    if (drafts->count == 0) {
        LLMP_TRY(imply_models(reading));
        finish(config);
        return LLMP_OK;
    }
    config->models = llmp_config_take_array(&config->memory, drafts->count,
                                            sizeof(*config->models));
    if (!config->models)
        return llmp_reading_nomem(reading);
    config->model_count = drafts->count;
    for (size_t i = 0; i < drafts->count; i++)
        LLMP_TRY(check_model(reading, &items[i], &config->models[i]));
    finish(config);
    LLMP_TRY(check_twice(reading, drafts));
    return check_fallbacks(reading, drafts);
}
