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

    for (size_t i = 0; i < found->deployment_count; i++)
        if (found->deployments[i].upstream.len)
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
                    x->operation->local == LLMP_LOCAL_NO ||
                            x->operation->local == LLMP_LOCAL_OBJECT
                        ? LLMP_ACTION_MODEL_USE
                        : LLMP_ACTION_MODEL_LIST,
                    model)) {
        x->model = NULL;
        return false;
    }
    x->routed = x->summary.model;
    llmp_x_stay(x, x->model);
    llmp_x_downgrade(x);
    return true;
}

struct llmp_str llmp_x_renamed(struct llmp_exchange *x, struct llmp_str model)
{
    struct llmp_str name =
        llmp_model_upstream(x->model, x->attempt->deployment, x->routed);

    if (llmp_str_eq(name, model))
        name.len = 0;
    x->summary.upstream_model = name.len ? name : x->summary.model;
    return name;
}

void llmp_x_call_header(struct llmp_exchange *x, struct llmp_str name,
                        struct llmp_str value)
{
    if (value.len && x->attempt->call.header_count < LLMP_X_CALL_HEADERS)
        x->attempt->call_headers[x->attempt->call.header_count++] =
            (struct llmp_header){ name, value };
}

/* Versions and experiments of a vendor's API: what the client said, where it
 * speaks that API itself. */
static void add_dialect_fields(struct llmp_exchange *x, enum llmp_face face)
{
    bool same = !x->attempt->foreign;

    if (face == LLMP_FACE_ANTHROPIC) {
        llmp_x_call_header(x, LLMP_STR("anthropic-version"),
                           same && x->dialect_version.len
                               ? x->dialect_version
                               : LLMP_STR("2023-06-01"));
        if (same)
            llmp_x_call_header(x, LLMP_STR("anthropic-beta"), x->beta);
    } else if (same) {
        llmp_x_call_header(x, LLMP_STR("openai-beta"), x->beta);
    }
}

static void fill_headers(struct llmp_exchange *x)
{
    const struct llmp_provider *provider = x->attempt->deployment->provider;

    x->attempt->call.headers = x->attempt->call_headers;
    x->attempt->call.header_count = 0;
    if (provider->credential_count) {
        size_t which = x->attempt->pick.credential;

        llmp_x_call_header(x, provider->credentials[which].name,
                           provider->credentials[which].value);
    }
    llmp_x_call_header(x, LLMP_STR("authorization"), x->attempt->bearer);
    for (size_t i = 0; i < provider->header_count; i++)
        llmp_x_call_header(x, provider->headers[i].name,
                           provider->headers[i].value);
    llmp_x_call_header(x, LLMP_STR("content-type"), x->content_type);
    llmp_x_call_header(x, LLMP_STR("accept"),
                       provider->face == LLMP_FACE_BEDROCK ? LLMP_STR("*/*")
                       : x->summary.stream ? LLMP_STR("text/event-stream")
                                           : LLMP_STR("*/*"));
    llmp_x_call_header(x, LLMP_STR("user-agent"),
                       LLMP_STR("llmgw/" LLMP_VERSION));
    llmp_x_call_header(x, LLMP_STR("x-request-id"), x->request_id);
    llmp_x_call_header(x, LLMP_STR("traceparent"), x->traceparent);
    llmp_x_call_header(x, LLMP_STR("tracestate"), x->tracestate);
    add_dialect_fields(x, provider->face);
}

int llmp_x_sign(struct llmp_exchange *x, const struct llmp_provider *provider,
                const struct llmp_str *body, size_t parts)
{
    struct llmp_sigv4_headers fields;
    struct llmp_sigv4_key key;
    const struct llmp_sigv4_request request = {
        .method = x->attempt->call.method,
        .host = llmp_str_of(provider->origin.authority),
        .path = x->attempt->call.path,
        .body = body,
        .body_count = parts,
    };
    int rc;

    if (!provider->aws.access.len)
        return LLMP_OK;
    LLMP_TRY(llmp_sigv4_key_make(&key, &provider->aws, provider->aws_region,
                                 LLMP_STR("bedrock"), x->now.wall_ns, NULL));
    rc = llmp_sigv4_sign(&fields, &request, &key, provider->aws.session,
                         x->now.wall_ns, &x->arena, NULL);
    llmp_sigv4_key_wipe(&key);
    LLMP_TRY(rc);
    llmp_x_call_header(x, LLMP_STR("authorization"), fields.authorization);
    llmp_x_call_header(x, LLMP_STR("x-amz-date"), fields.date);
    llmp_x_call_header(x, LLMP_STR("x-amz-security-token"),
                       fields.security_token);
    return LLMP_OK;
}

static void refuse_unsigned(struct llmp_exchange *x)
{
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 502,
                                          .code = "unsigned_call",
                                          .ending = LLMP_END_REFUSED },
                  "The call of the provider could not be signed.");
}

/* Where the operation lives behind the provider's base path. */
static struct llmp_str call_path(struct llmp_exchange *x)
{
    const struct llmp_provider *provider = x->attempt->deployment->provider;
    struct llmp_face_call call = {
        .base = provider->base_path,
        .rest = x->operation->upstream,
        .model = x->summary.upstream_model,
        .method = x->path_method,
        .api_version = provider->api_version,
        .stream = x->summary.stream,
        .task = llmp_shape_task(x->operation->shape),
    };

    if (x->upstream_path.len) /* a list of models: no face's matter */
        return llmp_arena_printf(&x->arena, "%.*s%.*s", (int)call.base.len,
                                 call.base.ptr, (int)x->upstream_path.len,
                                 x->upstream_path.ptr);
    if (x->attempt->foreign)
        call.rest.len = call.method.len = 0;
    else if (call.rest.len == 0) /* "/v1/audio/speech" is "/audio/speech" */
        call.rest = (struct llmp_str){ x->summary.path.ptr + 3,
                                       x->summary.path.len - 3 };
    return llmp_face_path(provider->face, &call, &x->arena);
}

void llmp_x_call(struct llmp_exchange *x, const struct llmp_str *body,
                 size_t parts, uint64_t body_size)
{
    const struct llmp_provider *provider = x->attempt->deployment->provider;
    bool whole = x->request_ended || x->operation->body == LLMP_BODY_NONE;

    x->attempt->call = (struct llmp_call){
        .id = ++x->calls,
        .origin = &provider->origin,
        .method = x->operation->method,
        .path = call_path(x),
        .body_size = body_size,
        .body = whole ? body : NULL,
        .body_parts = whole ? parts : 0,
    };
    if (!x->attempt->call.path.len) {
        llmp_x_refuse_nomem(x);
        return;
    }
    fill_headers(x);
    if (llmp_x_sign(x, provider, body, parts) < 0) {
        refuse_unsigned(x);
        return;
    }
    x->attempt->receiver = &llmp_x_answer_receiver;
    x->attempt->call_open = true;
    x->attempt->called = true;
    if (llmp_x_races(x))
        x->route.hedged = x->rival->called = true;
    x->route.attempts++;
    x->summary.attempts = x->route.attempts;
    if (!x->call_begun_ns) /* own time ends with the first call */
        x->call_begun_ns = x->now.mono_ns;
    x->upload_ended = whole;
    x->state = whole ? LLMP_X_CALLING : LLMP_X_UPLOAD;
    llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_CALL,
                                     .id = x->attempt->call.id,
                                     .call = &x->attempt->call });
    for (size_t i = 0; !whole && i < parts; i++)
        llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_CALL_BODY,
                                         .id = x->attempt->call.id,
                                         .bytes = body[i] });
    llmp_x_call_deadline(x, provider->first_byte_timeout_ms);
    llmp_x_hedge_later(x);
}

static void call_parts(struct llmp_exchange *x, size_t count)
{
    uint64_t size = 0;

    for (size_t i = 0; i < count; i++)
        size += x->attempt->parts[i].len;
    llmp_x_call(x, x->attempt->parts, count, size);
}

static void call_edited(struct llmp_exchange *x)
{
    struct llmp_str name = llmp_x_renamed(x, x->summary.model);
    size_t count;

    x->attempt->usage_injected =
        x->summary.stream && !x->client_wants_usage &&
        x->attempt->deployment->provider->inject_usage &&
        (x->operation->shape == LLMP_SHAPE_CHAT ||
         x->operation->shape == LLMP_SHAPE_COMPLETIONS);
    count = llmp_request_edit(&x->plan, llmp_buf_str(&x->body), name,
                              x->attempt->usage_injected, &x->arena,
                              x->attempt->parts);
    if (count == 0)
        llmp_x_refuse_nomem(x);
    else
        call_parts(x, count);
}

/* What one deployment cannot be told another may understand; that says nothing
 * about either. */
static void call_translated(struct llmp_exchange *x)
{
    char param[LLMP_WIRE_PATH_MAX] = "";
    struct llmp_error err = { .status = 0 };
    int rc = llmp_x_translate_request(x, &x->attempt->parts[0], param, &err);

    if (rc == LLMP_OK) {
        call_parts(x, 1);
    } else if (rc == LLMP_E_NOMEM) {
        llmp_x_refuse_nomem(x);
    } else if (rc != LLMP_E_UNSUPPORTED || !llmp_x_pass_over(x)) {
        llmp_x_refuse(x,
                      &(struct llmp_refusal){ .status = 400,
                                              .code = rc == LLMP_E_UNSUPPORTED
                                                          ? "unsupported_value"
                                                          : "invalid_value",
                                              .param = param[0] ? param : NULL,
                                              .ending = LLMP_END_REFUSED },
                      "%s.", err.message);
    }
}

void llmp_x_call_plain(struct llmp_exchange *x)
{
    x->attempt->make_call = llmp_x_call_plain;
    if (!llmp_x_inspect(x))
        return;
    if (!llmp_x_has_credential(x))
        return; /* it is being fetched, or the exchange was ended */
    if (llmp_provider_speaks(x->attempt->deployment->provider,
                             x->operation->shape))
        call_edited(x);
    else
        call_translated(x);
}

void llmp_x_call_get(struct llmp_exchange *x, struct llmp_str path,
                     const struct llmp_x_receiver *receiver)
{
    bool ok = true;

    x->upstream_path = llmp_arena_str(&x->arena, path, &ok);
    if (!ok) {
        llmp_x_refuse_nomem(x);
        return;
    }
    llmp_x_call(x, NULL, 0, 0);
    x->attempt->receiver = receiver;
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
    if (x->attempt->reads == LLMP_READS_REQUEST) {
        struct llmp_request_plan plan;

        llmp_request_plan(&x->attempt->reader.request, front, &plan);
        return llmp_request_edit(&plan, front, name, false, &x->arena, parts);
    }
    at = (size_t)(model.ptr - front.ptr);
    parts[0] = (struct llmp_str){ front.ptr, at };
    parts[1] = name;
    parts[2] = (struct llmp_str){ front.ptr + at + model.len,
                                  front.len - at - model.len };
    return 3;
}
