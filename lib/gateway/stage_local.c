/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gateway answers itself: health, metrics, the list of models. Names
 * behind a pattern are the provider's to list and describe, so where there
 * are only patterns, it is asked: here if there is one provider, in
 * stage_models.c if there are several.
 */
#include <inttypes.h>

#include "base/internal.h"
#include "base/json_scan.h"
#include "gateway/exchange.h"

static void list_models(struct llmp_exchange *x)
{
    const struct llmp_config *config = x->config;

    (void)llmp_buf_add(&x->out, LLMP_STR("{\"object\":\"list\",\"data\":["));
    for (size_t i = 0, shown = 0; i < config->literal_count; i++) {
        if (!llmp_grant_has_model(x->principal.grant, config->models[i].name))
            continue;
        if (shown++)
            (void)llmp_buf_add(&x->out, LLMP_STR(","));
        llmp_x_add_model(&x->out, &config->models[i], config->models[i].name);
    }
    (void)llmp_buf_add(&x->out, LLMP_STR("]}"));
}

static void answer_json(struct llmp_exchange *x, uint16_t status)
{
    if (x->out.failed)
        llmp_x_refuse_nomem(x);
    else
        llmp_x_answer_whole(x, status, LLMP_STR("application/json"),
                            LLMP_END_COMPLETE);
}

/* The one that all patterns lead to, if there are no literal names; or NULL. */
static const struct llmp_model *only_pattern(const struct llmp_config *config)
{
    const struct llmp_model *first = config->models;
    const struct llmp_provider *provider;

    if (config->literal_count || !config->model_count)
        return NULL;
    provider = first->deployments[0].provider;
    for (size_t i = 0; i < config->model_count; i++)
        if (config->models[i].deployment_count > 1 ||
            config->models[i].deployments[0].provider != provider)
            return NULL;
    /* Another dialect's list is read and written anew. */
    return provider->face == LLMP_FACE_OPENAI ? first : NULL;
}

/* A provider's list cannot be passed on as it is to who may not use all. */
static bool is_narrowed(const struct llmp_grant *grant)
{
    for (; grant; grant = grant->grantor)
        if (grant->model_count)
            return true;
    return false;
}

static void answer_models(struct llmp_exchange *x)
{
    if (!llmp_x_may(x, LLMP_ACTION_MODEL_LIST, (struct llmp_str){ NULL, 0 }))
        return;
    if (!is_narrowed(x->principal.grant))
        x->model = only_pattern(x->config);
    if (x->model) {
        x->attempt->deployment = &x->model->deployments[0];
        x->summary.provider = x->attempt->deployment->provider->name;
        llmp_x_call_get(x, LLMP_STR("/models"), &llmp_x_answer_receiver);
        return;
    }
    if (x->config->literal_count == 0) {
        llmp_x_list_models(x);
        return;
    }
    list_models(x);
    answer_json(x, 200);
}

static bool is_literal(const struct llmp_exchange *x)
{
    return x->model->index < x->config->literal_count;
}

/* A name as a path's last part (RFC 3986). Providers' names have slashes in
 * them, and those stay. */
static void add_to_path(struct llmp_buf *path, struct llmp_str name)
{
    for (size_t i = 0; i < name.len; i++) {
        struct llmp_str one = { name.ptr + i, 1 };

        if (one.ptr[0] == '/' || llmp_operation_plain_tail(one))
            (void)llmp_buf_add(path, one);
        else
            (void)llmp_buf_printf(path, "%%%02X", (unsigned char)one.ptr[0]);
    }
}

/* Nothing that leads elsewhere when a server resolves it. */
static bool leads_astray(struct llmp_str name)
{
    return name.len == 0 || name.ptr[0] == '/' ||
           llmp_str_find(name, LLMP_STR("..")) != SIZE_MAX ||
           llmp_str_find(name, LLMP_STR("//")) != SIZE_MAX;
}

/* A literal name is described here; what a pattern takes, over there. */
static void answer_model(struct llmp_exchange *x, struct llmp_str id)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf path = { 0 };

    if (!llmp_x_route(x, id))
        return;
    x->attempt->deployment = &x->model->deployments[0];
    x->summary.provider = x->attempt->deployment->provider->name;

    struct llmp_str name = llmp_x_renamed(x, id);

    if (name.len == 0)
        name = id;
    if (leads_astray(id)) {
        llmp_x_refuse_unknown(x, id);
        return;
    }
    if (is_literal(x) || leads_astray(name)) {
        llmp_x_add_model(&x->out, x->model, id);
        answer_json(x, 200);
        return;
    }
    (void)llmp_buf_add(&path, LLMP_STR("/models/"));
    add_to_path(&path, name);
    if (path.failed)
        llmp_x_refuse_nomem(x);
    else
        llmp_x_call_get(x, llmp_buf_str(&path), &llmp_x_answer_receiver);
}

/* An id as it is meant: clients write what does not fit a path as %XX. Empty:
 * it cannot be. */
static struct llmp_str decode_id(struct llmp_exchange *x, struct llmp_str id)
{
    char *text = llmp_arena_take(&x->arena, id.len + 1);
    size_t len = 0;

    for (size_t i = 0; text && i < id.len; i++) {
        char c = id.ptr[i];

        if (c == '%') {
            unsigned high =
                i + 2 < id.len ? llmp_hex_digit((uint8_t)id.ptr[i + 1]) : 16;
            unsigned low =
                high < 16 ? llmp_hex_digit((uint8_t)id.ptr[i + 2]) : 16;

            if (low > 15 || (high << 4 | low) < 0x20)
                return (struct llmp_str){ NULL, 0 };
            c = (char)(high << 4 | low);
            i += 2;
        }
        text[len++] = c;
    }
    return (struct llmp_str){ text, len };
}

static void collect(struct llmp_str piece, void *ctx)
{
    (void)llmp_buf_add(ctx, piece);
}

void llmp_x_local(struct llmp_exchange *x, struct llmp_str path)
{
    struct llmp_str models = LLMP_STR("/v1/models/");
    bool draining = llmp_gateway_draining(x->worker->gateway);

    x->out.len = 0;
    if (x->operation->local == LLMP_LOCAL_METRICS &&
        !llmp_x_may(x, LLMP_ACTION_METRICS_READ, (struct llmp_str){ NULL, 0 }))
        return;
    switch (x->operation->local) {
    case LLMP_LOCAL_MODELS:
        answer_models(x);
        return;
    case LLMP_LOCAL_MODEL:
        answer_model(x,
                     decode_id(x, (struct llmp_str){ path.ptr + models.len,
                                                     path.len - models.len }));
        return;
    case LLMP_LOCAL_LIVE:
        (void)llmp_buf_add(&x->out, LLMP_STR("{\"status\":\"live\"}"));
        answer_json(x, 200);
        return;
    case LLMP_LOCAL_READY:
        (void)llmp_buf_add(&x->out, draining
                                        ? LLMP_STR("{\"status\":\"draining\"}")
                                        : LLMP_STR("{\"status\":\"ready\"}"));
        answer_json(x, draining ? 503 : 200);
        return;
    case LLMP_LOCAL_CAPABILITIES:
        llmp_x_show_capabilities(x);
        return;
    case LLMP_LOCAL_JWKS:
        llmp_x_show_jwks(x);
        return;
    case LLMP_LOCAL_OBJECT:
        llmp_x_object_request(x);
        return;
    case LLMP_LOCAL_OBJECTS:
        llmp_x_refuse_list(x);
        return;
    case LLMP_LOCAL_ADMIN:
    case LLMP_LOCAL_TOKENS:
    case LLMP_LOCAL_METRICS:
    case LLMP_LOCAL_NO:
        break;
    }
    if (llmp_gateway_write_metrics(x->worker->gateway, collect, &x->out) < 0 ||
        x->out.failed)
        llmp_x_refuse_nomem(x);
    else
        llmp_x_answer_whole(
            x, 200, LLMP_STR("text/plain; version=0.0.4; charset=utf-8"),
            LLMP_END_COMPLETE);
}
