/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request: from its head to a body that is understood. JSON bodies are
 * held and read as they come, so that a broken one is refused at the broken
 * byte. Bodies that are only streamed through: stage_upload.c.
 */
#include "base/internal.h"
#include "gateway/decide.h"
#include "gateway/exchange.h"
#include "gateway/multipart.h"

enum { REQUEST_ID_MAX = 128, PRESIZE_MAX = 1 << 20 };

/* Of a body, to guess its tokens by: English prose has four and a half
 * characters a token, JSON adds some, other scripts have more bytes. */
enum { BYTES_PER_TOKEN = 4 };

static const struct {
    uint16_t status;
    const char *code, *message;
} bad_requests[] = {
    [LLMP_BAD_SYNTAX] = { 400, "bad_request", "This is not a valid request" },
    [LLMP_BAD_HEAD_TOO_LARGE] = { 431, "headers_too_large",
                                  "The request's head is too large" },
    [LLMP_BAD_URI_TOO_LONG] = { 414, "uri_too_long", "The URI is too long" },
    [LLMP_BAD_HEAD_TIMEOUT] = { 408, "request_timeout",
                                "The request's head did not arrive in time" },
    [LLMP_BAD_VERSION] = { 505, "http_version_not_supported",
                           "This version of HTTP is not spoken here" },
    [LLMP_BAD_EXPECTATION] = { 417, "expectation_failed",
                               "This expectation cannot be met" },
};

/* Letters, digits and a few marks: safe in a header, a log and a trace. */
static bool is_plain_id(struct llmp_str id)
{
    if (id.len == 0 || id.len > REQUEST_ID_MAX)
        return false;
    for (size_t i = 0; i < id.len; i++) {
        char c = id.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' ||
              c == ':'))
            return false;
    }
    return true;
}

/* "req_" and 120 random bits in Crockford's base 32. */
static struct llmp_str make_request_id(struct llmp_exchange *x)
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    enum { BYTES = 15, DIGITS = BYTES * 8 / 5 };
    uint8_t random[BYTES];
    char *id = llmp_arena_take(&x->arena, 4 + DIGITS);
    uint32_t bits = 0, have = 0;

    if (!id)
        return (struct llmp_str){ NULL, 0 };
    memcpy(id, "req_", 4);
    llmp_worker_random(x->worker, random, sizeof(random));
    for (size_t i = 0, n = 0; n < DIGITS; n++) {
        if (have < 5) {
            bits = bits << 8 | random[i++];
            have += 8;
        }
        have -= 5;
        id[4 + n] = digits[bits >> have & 31];
    }
    return (struct llmp_str){ id, 4 + DIGITS };
}

static struct llmp_str keep(struct llmp_exchange *x, struct llmp_str text)
{
    bool ok = true;

    return llmp_arena_str(&x->arena, text, &ok);
}

static bool is_hex(struct llmp_str text, size_t at, size_t len)
{
    bool zero = true;

    for (size_t i = at; i < at + len; i++) {
        char c = text.ptr[i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        zero = zero && c == '0';
    }
    return len == 2 || !zero; /* an id is not all zeros */
}

/* W3C Trace Context, 3.2: version-trace-parent-flags; later versions may add to
 * it. What is invalid must not be passed on, nor its tracestate. */
static bool is_traceparent(struct llmp_str text)
{
    return text.len >= 55 && text.len <= 512 && is_hex(text, 0, 2) &&
           memcmp(text.ptr, "ff", 2) != 0 && text.ptr[2] == '-' &&
           is_hex(text, 3, 32) && text.ptr[35] == '-' && is_hex(text, 36, 16) &&
           text.ptr[52] == '-' && is_hex(text, 53, 2) &&
           (text.len == 55 ||
            (memcmp(text.ptr, "00", 2) != 0 && text.ptr[55] == '-'));
}

/* The few fields that matter; everything else the client says stays here. */
static void read_fields(struct llmp_exchange *x,
                        const struct llmp_request_head *head)
{
    struct llmp_str timeout = { NULL, 0 }, hedge = { NULL, 0 };
    const struct {
        struct llmp_str name;
        struct llmp_str *value;
    } wanted[] = {
        { LLMP_STR("content-type"), &x->content_type },
        { LLMP_STR("content-encoding"), &x->content_encoding },
        { LLMP_STR("traceparent"), &x->traceparent },
        { LLMP_STR("tracestate"), &x->tracestate },
        { LLMP_STR("openai-beta"), &x->beta },
        { LLMP_STR("x-llmproxy-model"), &x->model_header },
        { LLMP_STR("x-llmproxy-tags"), &x->tags },
        { LLMP_STR("x-request-id"), &x->request_id },
        { LLMP_STR("x-request-timeout"), &timeout },
        { LLMP_STR("x-llmproxy-hedge"), &hedge },
        { LLMP_STR("anthropic-version"), &x->dialect_version },
        { LLMP_STR("anthropic-beta"), &x->beta },
    };

    for (size_t i = 0; i < head->header_count; i++) {
        const struct llmp_header *h = &head->headers[i];

        for (size_t k = 0; k < LLMP_COUNT(wanted); k++)
            if (llmp_str_eq(h->name, wanted[k].name) && !wanted[k].value->len) {
                *wanted[k].value = keep(x, h->value);
                break;
            }
    }
    if (!is_traceparent(x->traceparent))
        x->traceparent.len = x->tracestate.len = 0;
    llmp_x_read_timeout(x, timeout);
    llmp_x_hedge_mark(x, hedge);
    if (!is_plain_id(x->request_id))
        x->request_id = make_request_id(x);
}

/* What rules of models want to know; false: no memory, and without them a
 * request might go elsewhere. */
static bool keep_rule_fields(struct llmp_exchange *x,
                             const struct llmp_request_head *head)
{
    size_t count = x->config->rule_field_count;
    struct llmp_str *fields;
    bool ok = true;

    if (!count)
        return true;
    fields = llmp_arena_take(&x->arena, count * sizeof(*fields));
    if (!fields)
        return false;
    memset(fields, 0, count * sizeof(*fields));
    llmp_rule_fields_read(fields, x->config, head->headers, head->header_count);
    for (size_t i = 0; i < count; i++)
        fields[i] = llmp_arena_str(&x->arena, fields[i], &ok);
    x->rule_fields = fields;
    return ok;
}

void llmp_x_refuse_too_large(struct llmp_exchange *x, uint64_t limit)
{
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 413,
                                          .code = "body_too_large",
                                          .ending = LLMP_END_REFUSED },
                  "The body is larger than the %llu bytes that are accepted.",
                  (unsigned long long)limit);
}

/* What cannot be read cannot be guarded. */
static void refuse_encoded(struct llmp_exchange *x)
{
    llmp_x_refuse(
        x,
        &(struct llmp_refusal){ .status = 415,
                                .code = "unsupported_encoding",
                                .ending = LLMP_END_REFUSED },
        "A body with content-encoding '%.*s' is not accepted; send "
        "it as it is.",
        (int)(x->content_encoding.len < 64 ? x->content_encoding.len : 64),
        x->content_encoding.ptr);
}

bool llmp_x_is_json(const struct llmp_exchange *x)
{
    return llmp_is_media_type(x->content_type, LLMP_STR("application/json"));
}

static void begin_body(struct llmp_exchange *x)
{
    if (x->operation->object && !llmp_x_objects_served(x))
        return;

    bool held = x->operation->body == LLMP_BODY_JSON;
    uint64_t limit = held ? x->config->limits.body_bytes_max
                          : x->config->limits.passthrough_bytes_max;

    if (x->body_size != LLMP_BODY_UNKNOWN && x->body_size > limit) {
        llmp_x_refuse_too_large(x, limit);
        return;
    }
    if (x->content_encoding.len &&
        !llmp_str_eq(x->content_encoding, LLMP_STR("identity"))) {
        refuse_encoded(x);
        return;
    }
    if (held && x->body_size <= PRESIZE_MAX)
        (void)llmp_buf_reserve(&x->body, (size_t)x->body_size);
    if (held || llmp_x_is_json(x)) {
        llmp_request_init(&x->attempt->reader.request, x->operation->shape,
                          x->config->limits.json_depth_max);
        x->attempt->reads = LLMP_READS_REQUEST;
    }
    x->state = LLMP_X_BODY;
}

static void refuse_bad(struct llmp_exchange *x,
                       const struct llmp_request_head *head)
{
    llmp_x_refuse(
        x,
        &(struct llmp_refusal){ .status = bad_requests[head->bad].status,
                                .code = bad_requests[head->bad].code,
                                .ending = LLMP_END_REFUSED },
        "%s%s%s.", bad_requests[head->bad].message,
        head->bad_reason ? ": " : "", head->bad_reason ? head->bad_reason : "");
}

static bool read_json(struct llmp_exchange *x, struct llmp_str bytes,
                      bool last);

static void refuse_path(struct llmp_exchange *x, struct llmp_str path,
                        const char *allowed)
{
    if (allowed)
        llmp_x_refuse(x,
                      &(struct llmp_refusal){ .status = 405,
                                              .code = "method_not_allowed",
                                              .allow = allowed,
                                              .ending = LLMP_END_REFUSED },
                      "This path takes %s.", allowed);
    else
        llmp_x_refuse(x,
                      &(struct llmp_refusal){ .status = 404,
                                              .code = "unknown_path",
                                              .ending = LLMP_END_REFUSED },
                      "There is no '%.*s' here.",
                      (int)(path.len < 200 ? path.len : 200), path.ptr);
}

void llmp_x_request_head(struct llmp_exchange *x,
                         const struct llmp_request_head *head)
{
    struct llmp_summary *s = &x->summary;
    const char *allowed;

    x->body_size = head->body_size;
    x->request_ended = head->body_size == 0;
    read_fields(x, head);

    struct llmp_str path = keep(x, head->target);
    const char *query = path.len ? memchr(path.ptr, '?', path.len) : NULL;

    if (query) {
        size_t at = (size_t)(query - path.ptr);

        x->query = (struct llmp_str){ query + 1, path.len - at - 1 };
        path.len = at;
    }
    s->request_id = x->request_id;
    s->method = keep(x, head->method);
    s->path = path;
    s->peer = keep(x, head->peer);
    if (!x->request_id.len || (head->target.len && !path.ptr) ||
        !keep_rule_fields(x, head)) {
        llmp_x_refuse_nomem(x);
        return;
    }
    if (head->bad != LLMP_BAD_NONE) {
        x->connection_over = true; /* whatever follows is not read */
        refuse_bad(x, head);
        return;
    }
    if (head->admin) {
        llmp_x_admin_head(x, head);
        return;
    }
    x->operation = llmp_operation_find(s->method, path, &allowed);
    if (!x->operation) {
        refuse_path(x, path, allowed);
        return;
    }
    s->operation = x->operation->name;
    if (llmp_x_authenticate(x, head))
        llmp_x_request_known(x);
}

/* What came of the body while its sender was being found out is held, and read
 * now. */
static bool catch_up(struct llmp_exchange *x)
{
    if (x->attempt->reads == LLMP_READS_REQUEST &&
        !read_json(x, llmp_buf_str(&x->body), false))
        return false;
    if (x->operation->body == LLMP_BODY_PASS)
        llmp_x_pass_front(x);
    return x->state == LLMP_X_BODY;
}

void llmp_x_request_known(struct llmp_exchange *x)
{
    if (x->operation->body == LLMP_BODY_OURS)
        llmp_x_admin_body(x);
    else if (x->operation->body == LLMP_BODY_NONE)
        llmp_x_local(x, x->summary.path);
    else
        begin_body(x);
    if (x->state != LLMP_X_BODY || (x->body.len && !catch_up(x)))
        return;
    if (x->request_ended)
        llmp_x_request_end(x);
}

/* ---- JSON, held whole --------------------------------------------------- */

void llmp_x_refuse_json(struct llmp_exchange *x, int status, const char *param,
                        const struct llmp_error *err)
{
    if (status == LLMP_E_NOMEM) {
        llmp_x_refuse_nomem(x);
        return;
    }
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 400,
                                          .code = status == LLMP_E_TYPE
                                                      ? "invalid_value"
                                                      : "invalid_json",
                                          .param = param,
                                          .ending = LLMP_END_REFUSED },
                  status == LLMP_E_TYPE ? "%s."
                                        : "The body is not usable "
                                          "JSON: %s.",
                  err->message);
}

static void refuse_full(struct llmp_exchange *x)
{
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 503,
                                          .code = "overloaded",
                                          .retry_after = "1",
                                          .ending = LLMP_END_REFUSED },
                  "The gateway holds as many bodies as it may; ask again.");
}

static bool hold(struct llmp_exchange *x, struct llmp_str bytes)
{
    if (x->worker->held + bytes.len > x->config->limits.held_bytes_max) {
        refuse_full(x);
        return false;
    }
    x->held += bytes.len;
    x->worker->held += bytes.len;
    if (llmp_buf_add(&x->body, bytes))
        return true;
    if (x->body.len + bytes.len > x->body.limit)
        llmp_x_refuse_too_large(x, x->body.limit);
    else
        llmp_x_refuse_nomem(x);
    return false;
}

/* Returns false when the exchange was ended. */
static bool read_json(struct llmp_exchange *x, struct llmp_str bytes, bool last)
{
    struct llmp_error err;
    int rc = llmp_request_feed(&x->attempt->reader.request, bytes, last, &err);

    if (rc >= 0)
        return true;
    llmp_x_refuse_json(
        x, rc, rc == LLMP_E_TYPE ? x->attempt->reader.request.wrong : NULL,
        &err);
    return false;
}

uint64_t llmp_x_input_tokens(const struct llmp_exchange *x)
{
    return x->operation->body == LLMP_BODY_JSON ? x->body.len / BYTES_PER_TOKEN
                                                : 0;
}

static void admit_json(struct llmp_exchange *x)
{
    bool admitted =
        x->operation->object /* a batch: as much output again as input */
            ? llmp_x_admit(x, x->object.input_tokens, x->object.input_tokens)
            : llmp_x_admit(x, llmp_x_input_tokens(x), x->output_max);

    if (admitted)
        llmp_x_call_plain(x);
}

void llmp_x_json_known(struct llmp_exchange *x)
{
    if (llmp_x_route(x, x->object.model))
        admit_json(x);
}

static bool is_gemini(const struct llmp_exchange *x)
{
    return x->operation->shape == LLMP_SHAPE_GEMINI ||
           x->operation->shape == LLMP_SHAPE_GEMINI_OTHER;
}

/* Google's clients say in the path what others say in the body. False: the
 * exchange was ended. */
static bool read_gemini_path(struct llmp_exchange *x, struct llmp_str *model)
{
    if (!llmp_gemini_path(x->summary.path, model, &x->path_method)) {
        refuse_path(x, x->summary.path, NULL);
        return false;
    }
    x->summary.stream =
        llmp_str_eq(x->path_method, LLMP_STR("streamGenerateContent"));
    x->client_wants_usage = true;
    if (!x->summary.stream ||
        llmp_str_find(x->query, LLMP_STR("alt=sse")) != SIZE_MAX)
        return true;
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 400,
                                          .code = "invalid_value",
                                          .param = "alt",
                                          .ending = LLMP_END_REFUSED },
                  "Streams are server-sent events here: ask with '?alt=sse'.");
    return false;
}

static void json_complete(struct llmp_exchange *x)
{
    struct llmp_request_reader *request = &x->attempt->reader.request;
    struct llmp_str body = llmp_buf_str(&x->body), model;
    struct llmp_refs refs;
    struct llmp_error err;
    const char *param;

    llmp_x_anomaly_look(x);
    if (!read_json(x, (struct llmp_str){ NULL, 0 }, true))
        return;

    int rc = llmp_request_check(request, &param, &err);

    if (rc < 0) {
        llmp_x_refuse_json(x, rc, param, &err);
        return;
    }
    x->summary.stream = llmp_request_stream(request);
    x->client_wants_usage = llmp_request_wants_usage(request);
    x->output_max = llmp_request_output_max(request, body);
    llmp_request_plan(request, body, &x->plan);
    model = llmp_request_model(request, body, &x->arena);
    refs = request->refs;
    llmp_x_stop_reading(x);
    if (is_gemini(x) && !read_gemini_path(x, &model))
        return;
    if (llmp_x_refers(x, &refs, model))
        return;
    x->object.model = model;
    llmp_x_json_known(x);
}

/* ---- what the frame calls ------------------------------------------------ */

/* A provider may begin its answer while it still reads: both go on. */
bool llmp_x_uploads(const struct llmp_exchange *x)
{
    return x->state == LLMP_X_UPLOAD ||
           (x->state == LLMP_X_ANSWERING && x->attempt->call_open &&
            !x->upload_ended);
}

void llmp_x_request_body(struct llmp_exchange *x, struct llmp_str bytes)
{
    if (x->state != LLMP_X_BODY && x->state != LLMP_X_AUTH &&
        x->state != LLMP_X_LIMITS) {
        llmp_x_upload(x, bytes, false);
        return;
    }
    if (!hold(x, bytes) || x->state == LLMP_X_AUTH)
        return;
    if (x->attempt->reads == LLMP_READS_REQUEST && !read_json(x, bytes, false))
        return;
    if (x->operation->body == LLMP_BODY_PASS && x->state == LLMP_X_BODY)
        llmp_x_pass_front(x);
}

void llmp_x_request_end(struct llmp_exchange *x)
{
    if (x->state != LLMP_X_BODY)
        llmp_x_upload(x, (struct llmp_str){ NULL, 0 }, true);
    else if (x->operation->local == LLMP_LOCAL_TOKENS)
        llmp_x_issue_token(x);
    else if (x->operation->body == LLMP_BODY_OURS)
        llmp_x_admin_end(x);
    else if (x->operation->body == LLMP_BODY_JSON)
        json_complete(x);
    else if (x->attempt->reads != LLMP_READS_REQUEST ||
             read_json(x, (struct llmp_str){ NULL, 0 }, true))
        llmp_x_pass_front(x);
}

/* Of an upload the front is looked at anew: more of it may have come. */
void llmp_x_admit_again(struct llmp_exchange *x, bool ended)
{
    if (x->admit) {
        x->admit(x);
        return;
    }
    if (x->operation->body == LLMP_BODY_JSON) {
        admit_json(x);
        return;
    }
    llmp_upload_check_free(x->upload_check);
    x->upload_check = NULL;
    if (ended)
        llmp_x_request_end(x);
    else
        llmp_x_pass_front(x);
}
