/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies that are only streamed through: the model is looked for at their
 * front, renamed there, and what follows goes to the call as it comes, watched
 * to its end. Such a body is sent once: another provider cannot be asked.
 */
#include "base/internal.h"
#include "gateway/exchange.h"
#include "gateway/multipart.h"

static void refuse_no_model(struct llmp_exchange *x)
{
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 400,
                                          .code = "model_not_found_in_body",
                                          .param = "model",
                                          .ending = LLMP_END_REFUSED },
                  "'model' must come within the first %d KiB of the body, or "
                  "in the field x-llmproxy-model.",
                  LLMP_X_PASS_WINDOW / 1024);
}

/* 1: the model is in *model, 0: more is needed, -1: there is none. */
static int find_model(struct llmp_exchange *x, struct llmp_str *model)
{
    struct llmp_str front = llmp_buf_str(&x->body);

    /* However the pieces were cut, the same bytes are looked at. */
    if (front.len > LLMP_X_PASS_WINDOW)
        front.len = LLMP_X_PASS_WINDOW;
    if (x->attempt->reads != LLMP_READS_REQUEST)
        return llmp_multipart_model(x->content_type, front, model);
    if (!llmp_request_has_model(&x->attempt->reader.request))
        return x->request_ended ? -1 : 0;
    *model = llmp_request_model(&x->attempt->reader.request, front, &x->arena);
    return model->len ? 1 : -1;
}

static void refuse_upload(struct llmp_exchange *x, int status,
                          const struct llmp_error *err)
{
    if (x->responded) { /* too late to say why */
        llmp_x_end(x, LLMP_END_REFUSED, false);
        return;
    }
    if (status == LLMP_E_NOMEM || llmp_x_is_json(x)) {
        llmp_x_refuse_json(x, status, status == LLMP_E_TYPE ? "model" : NULL,
                           err);
        return;
    }
    llmp_x_refuse(
        x,
        &(struct llmp_refusal){ .status = 400,
                                .code = "invalid_value",
                                .param = status == LLMP_E_TYPE ? "model" : NULL,
                                .ending = LLMP_END_REFUSED },
        "%s.", err->message);
}

/* Returns false when the exchange was ended. */
static bool check_upload(struct llmp_exchange *x, struct llmp_str bytes,
                         bool last)
{
    struct llmp_error err;
    int rc = llmp_upload_check_feed(x->upload_check, bytes, last, &err);

    if (rc < 0)
        refuse_upload(x, rc, &err);
    return rc == LLMP_OK;
}

/* Types in which nobody looks for a model by name. */
static bool is_opaque(struct llmp_str type)
{
    static const struct llmp_str kinds[] = {
        LLMP_STR("audio/"), LLMP_STR("image/"), LLMP_STR("video/"),
        LLMP_STR("application/octet-stream")
    };

    for (size_t i = 0; i < LLMP_COUNT(kinds); i++)
        if (type.len >= kinds[i].len &&
            llmp_str_eq_nocase((struct llmp_str){ type.ptr, kinds[i].len },
                               kinds[i]))
            return true;
    return type.len == 0;
}

static void refuse_type(struct llmp_exchange *x)
{
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 415,
                                          .code = "unsupported_type",
                                          .ending = LLMP_END_REFUSED },
                  "A body here is JSON, multipart/form-data with a plain "
                  "boundary, or a file's own type.");
}

/* The provider is told `name`, and nothing else, in the front's parts. */
static bool check_front(struct llmp_exchange *x, struct llmp_str name,
                        size_t parts)
{
    if (llmp_upload_check_new(&x->upload_check, x->content_type, name,
                              x->config->limits.json_depth_max) < 0) {
        llmp_x_refuse_nomem(x);
        return false;
    }
    if (!x->upload_check && !is_opaque(x->content_type)) {
        refuse_type(x);
        return false;
    }
    for (size_t i = 0; i < parts; i++)
        if (!check_upload(x, x->attempt->parts[i], false))
            return false;
    return !x->request_ended ||
           check_upload(x, (struct llmp_str){ NULL, 0 }, true);
}

/* What is only streamed through can be neither translated nor put off until a
 * token has come. False: the exchange was ended. */
static bool takes_uploads(struct llmp_exchange *x)
{
    const struct llmp_provider *provider = x->attempt->deployment->provider;

    if (llmp_provider_speaks(provider, x->operation->shape) &&
        provider->oauth.kind == LLMP_OAUTH_NONE)
        return true;
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 400,
                                          .code = "unsupported_operation",
                                          .ending = LLMP_END_REFUSED },
                  "'%.*s' cannot be asked of the provider of '%.*s'.",
                  (int)x->operation->name.len, x->operation->name.ptr,
                  (int)x->summary.model.len, x->summary.model.ptr);
    return false;
}

/*
 * Replaces the model's name in the held front and begins the call with it;
 * what comes later follows as it comes.
 */
static void begin_upload(struct llmp_exchange *x, struct llmp_str model,
                         struct llmp_str in_body)
{
    uint64_t size = x->body_size;
    struct llmp_str front = llmp_buf_str(&x->body);

    if (!llmp_x_route(x, model) || !llmp_x_pick(x) || !takes_uploads(x))
        return;

    struct llmp_str name = x->summary.model;
    struct llmp_str renamed = llmp_x_renamed(x, name);

    if (renamed.len)
        name = renamed;

    size_t count = llmp_x_pass_edit(x, front, in_body, name, x->attempt->parts);

    if (count == 0 && front.len) {
        llmp_x_refuse_nomem(x);
        return;
    }
    if (!check_front(x, name, count) || !llmp_x_admit(x, 0, 0))
        return;

    size_t edited = 0;

    for (size_t i = 0; i < count; i++)
        edited += x->attempt->parts[i].len;
    if (x->request_ended)
        size = edited;
    else if (size != LLMP_BODY_UNKNOWN)
        size = size - front.len + edited;
    llmp_x_stop_reading(x);
    llmp_x_call(x, x->attempt->parts, count, size);
}

/* A field may name the model of a body whose own comes late or not at all; if
 * the front has one, it is replaced. */
void llmp_x_pass_front(struct llmp_exchange *x)
{
    struct llmp_str in_body = { NULL, 0 }, named = x->model_header;
    int found = find_model(x, &in_body);
    bool over =
        found < 0 || x->request_ended || x->body.len >= LLMP_X_PASS_WINDOW;

    if (!named.len && x->operation->object)
        named = x->config->objects.model;
    if (named.len && (found > 0 || over))
        begin_upload(x, named, in_body);
    else if (found > 0 || (over && !x->operation->model_required &&
                           (found < 0 || x->request_ended)))
        begin_upload(x, in_body, in_body);
    else if (over)
        refuse_no_model(x);
}

/* The provider has as long as ever from the last byte it was given on. */
static void put_off_deadline(struct llmp_exchange *x)
{
    const struct llmp_provider *provider = x->attempt->deployment->provider;

    if (!x->attempt->call_paused)
        llmp_x_call_deadline(x, x->state == LLMP_X_UPLOAD
                                    ? provider->first_byte_timeout_ms
                                    : provider->idle_timeout_ms);
}

void llmp_x_upload(struct llmp_exchange *x, struct llmp_str bytes, bool last)
{
    if (x->body_seen > x->config->limits.passthrough_bytes_max) {
        if (x->responded)
            llmp_x_end(x, LLMP_END_REFUSED, false);
        else
            llmp_x_refuse_too_large(x, x->config->limits.passthrough_bytes_max);
        return;
    }
    if (!check_upload(x, bytes, last))
        return;
    put_off_deadline(x);
    x->upload_ended = last;
    llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_CALL_BODY,
                                     .id = x->attempt->call.id,
                                     .bytes = bytes,
                                     .last = last });
    if (last && x->state == LLMP_X_UPLOAD)
        x->state = LLMP_X_CALLING;
}
