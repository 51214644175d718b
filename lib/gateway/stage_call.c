/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a model's name to a call: which provider, which fields, which edits.
 * The destination comes from the configuration only, and a provider's key is
 * part of that provider's fields, so it cannot go anywhere else.
 */
#include "base/internal.h"
#include "gateway/exchange.h"

static void refuse_nameless(struct llmp_exchange *x)
{
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 400,
                                          .code = "invalid_value",
                                          .param = "model",
                                          .ending = LLMP_END_REFUSED },
                  "'model' must name a model.");
}

void llmp_x_refuse_unknown(struct llmp_exchange *x, struct llmp_str model)
{
    struct llmp_str near[3];
    size_t count = llmp_config_nearest(x->config, model, near);
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf list = { 0 };

    for (size_t i = 0; i < count; i++)
        (void)llmp_buf_printf(&list, "%s'%.*s'", i ? ", " : "",
                              (int)near[i].len, near[i].ptr);
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 404,
                                          .code = "model_not_found",
                                          .type = "invalid_request_error",
                                          .param = "model",
                                          .ending = LLMP_END_REFUSED },
                  "The model '%.*s' does not exist here%s%.*s%s",
                  (int)(model.len < 128 ? model.len : 128), model.ptr,
                  list.len ? "; did you mean " : "", (int)list.len,
                  list.len ? list.ptr : "", list.len ? "?" : ".");
}

/* Whether the provider would be asked for a model without a name: "openai/"
 * under the pattern "openai/" "*". Where a model may be left out, it may. */
static bool leaves_no_name(const struct llmp_exchange *x, struct llmp_str model)
{
    const struct llmp_model *found = x->model;

    if (found->upstream.len)
        return false;
    return model.len == 0 ? x->operation->model_required
                          : llmp_str_eq(model, found->strip);
}

bool llmp_x_route(struct llmp_exchange *x, struct llmp_str model)
{
    bool ok = true;

    x->summary.model = llmp_arena_str(&x->arena, model, &ok);
    x->model = llmp_config_model(x->config, model);
    if (!x->model || leaves_no_name(x, model)) {
        x->model = NULL;
        if (model.len)
            llmp_x_refuse_unknown(x, model);
        else
            refuse_nameless(x);
        return false;
    }
    if (!llmp_x_may(x,
                    x->operation->local == LLMP_LOCAL_NO
                        ? LLMP_ACTION_MODEL_USE
                        : LLMP_ACTION_MODEL_LIST,
                    model)) {
        x->model = NULL;
        return false;
    }
    x->routed = x->summary.model;
    llmp_x_downgrade(x);
    x->summary.provider = x->model->provider->name;
    return true;
}

struct llmp_str llmp_x_renamed(struct llmp_exchange *x, struct llmp_str model)
{
    struct llmp_str name = llmp_model_upstream(x->model, x->routed);

    if (llmp_str_eq(name, model))
        name.len = 0;
    x->summary.upstream_model = name.len ? name : x->summary.model;
    return name;
}

static void add_header(struct llmp_exchange *x, struct llmp_str name,
                       struct llmp_str value)
{
    if (value.len && x->call.header_count < LLMP_X_CALL_HEADERS)
        x->call_headers[x->call.header_count++] =
            (struct llmp_header){ name, value };
}

static void fill_headers(struct llmp_exchange *x)
{
    const struct llmp_provider *provider = x->model->provider;

    x->call.headers = x->call_headers;
    x->call.header_count = 0;
    for (size_t i = 0; i < provider->header_count; i++)
        add_header(x, provider->headers[i].name, provider->headers[i].value);
    add_header(x, LLMP_STR("content-type"), x->content_type);
    add_header(x, LLMP_STR("accept"),
               x->summary.stream ? LLMP_STR("text/event-stream")
                                 : LLMP_STR("*/*"));
    add_header(x, LLMP_STR("user-agent"), LLMP_STR("llmgw/" LLMP_VERSION));
    add_header(x, LLMP_STR("x-request-id"), x->request_id);
    add_header(x, LLMP_STR("traceparent"), x->traceparent);
    add_header(x, LLMP_STR("tracestate"), x->tracestate);
    add_header(x, LLMP_STR("openai-beta"), x->beta);
}

/* Where the operation lives behind the provider's base path. */
static struct llmp_str call_path(struct llmp_exchange *x)
{
    struct llmp_str base = x->model->provider->base_path;
    struct llmp_str rest = x->operation->upstream;

    if (x->upstream_path.len)
        rest = x->upstream_path;
    else if (rest.len == 0) /* "/v1/audio/speech" is "/audio/speech" there */
        rest = (struct llmp_str){ x->summary.path.ptr + 3,
                                  x->summary.path.len - 3 };
    char *path = llmp_arena_take(&x->arena, base.len + rest.len + 1);

    if (!path)
        return (struct llmp_str){ NULL, 0 };
    if (base.len)
        memcpy(path, base.ptr, base.len);
    memcpy(path + base.len, rest.ptr, rest.len);
    path[base.len + rest.len] = '\0';
    return (struct llmp_str){ path, base.len + rest.len };
}

void llmp_x_call(struct llmp_exchange *x, const struct llmp_str *body,
                 size_t parts, uint64_t body_size)
{
    const struct llmp_provider *provider = x->model->provider;
    bool whole = x->request_ended || x->operation->body == LLMP_BODY_NONE;

    x->call = (struct llmp_call){
        .id = x->call.id + 1,
        .origin = &provider->origin,
        .method = x->operation->method,
        .path = call_path(x),
        .body_size = body_size,
        .body = whole ? body : NULL,
        .body_parts = whole ? parts : 0,
    };
    if (!x->call.path.len) {
        llmp_x_refuse_nomem(x);
        return;
    }
    fill_headers(x);
    x->call_open = true;
    if (!x->call_begun_ns) /* own time ends with the first call */
        x->call_begun_ns = x->now.mono_ns;
    x->upload_ended = whole;
    x->state = whole ? LLMP_X_CALLING : LLMP_X_UPLOAD;
    llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_CALL,
                                     .id = x->call.id,
                                     .call = &x->call });
    for (size_t i = 0; !whole && i < parts; i++)
        llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_CALL_BODY,
                                         .id = x->call.id,
                                         .bytes = body[i] });
    llmp_x_deadline(x, provider->first_byte_timeout_ms);
}

void llmp_x_call_plain(struct llmp_exchange *x)
{
    const struct llmp_request_reader *request = &x->reader.request;
    struct llmp_str name = llmp_x_renamed(x, x->summary.model);
    uint64_t size = 0;

    x->usage_injected = x->summary.stream && !x->client_wants_usage &&
                        x->model->provider->inject_usage &&
                        (x->operation->shape == LLMP_SHAPE_CHAT ||
                         x->operation->shape == LLMP_SHAPE_COMPLETIONS);

    size_t count = llmp_request_edit(request, llmp_buf_str(&x->body), name,
                                     x->usage_injected, &x->arena, x->parts);

    if (count == 0) {
        llmp_x_refuse_nomem(x);
        return;
    }
    for (size_t i = 0; i < count; i++)
        size += x->parts[i].len;
    llmp_x_stop_reading(x);
    llmp_x_call(x, x->parts, count, size);
}

void llmp_x_call_get(struct llmp_exchange *x, struct llmp_str path)
{
    bool ok = true;

    x->upstream_path = llmp_arena_str(&x->arena, path, &ok);
    if (ok)
        llmp_x_call(x, NULL, 0, 0);
    else
        llmp_x_refuse_nomem(x);
}

size_t llmp_x_pass_edit(struct llmp_exchange *x, struct llmp_str front,
                        struct llmp_str model, struct llmp_str name,
                        struct llmp_str parts[LLMP_REQUEST_PARTS_MAX])
{
    size_t at;

    if (model.len == 0 || front.len == 0 || llmp_str_eq(model, name)) {
        parts[0] = front; /* nothing to rename in it */
        return front.len ? 1 : 0;
    }
    if (x->reads == LLMP_READS_REQUEST)
        return llmp_request_edit(&x->reader.request, front, name, false,
                                 &x->arena, parts);
    at = (size_t)(model.ptr - front.ptr);
    parts[0] = (struct llmp_str){ front.ptr, at };
    parts[1] = name;
    parts[2] = (struct llmp_str){ front.ptr + at + model.len,
                                  front.len - at - model.len };
    return 3;
}
