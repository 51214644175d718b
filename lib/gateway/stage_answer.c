/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upstream's answer on its way to the client: which fields pass, bodies
 * forwarded as they come, streams event by event, usage read on the way, and
 * what the client is told when it breaks.
 */
#include "base/internal.h"
#include "gateway/exchange.h"
#include "gateway/multipart.h"

/* Only these pass; anything else could tell of our account or the provider's
 * inside. Names ending in '-' are prefixes. */
static const struct llmp_str passed[] = {
    { "content-type", 12 },         { "content-encoding", 16 },
    { "content-disposition", 19 },  { "retry-after", 11 },
    { "retry-after-ms", 14 },       { "x-ratelimit-", 12 },
    { "openai-processing-ms", 20 }, { "openai-model", 12 },
    { "openai-version", 14 },       { "x-should-retry", 14 },
};

static bool passes(struct llmp_str name)
{
    for (size_t i = 0; i < LLMP_COUNT(passed); i++)
        if (passed[i].ptr[passed[i].len - 1] == '-'
                ? llmp_str_starts(name, passed[i])
                : llmp_str_eq(name, passed[i]))
            return true;
    return false;
}

static struct llmp_str find_header(const struct llmp_response_head *head,
                                   struct llmp_str name)
{
    for (size_t i = 0; i < head->header_count; i++)
        if (llmp_str_eq(head->headers[i].name, name))
            return head->headers[i].value;
    return (struct llmp_str){ NULL, 0 };
}

/* Milliseconds with microseconds behind the point. */
static char *put_ms(char *to, uint64_t ns)
{
    uint64_t us = ns / 1000;

    to = llmp_put_u64(to, us / 1000);
    *to++ = '.';
    for (uint64_t unit = 100; unit; unit /= 10)
        *to++ = (char)('0' + us % 1000 / unit % 10);
    return to;
}

void llmp_x_server_timing(struct llmp_exchange *x)
{
    uint64_t own = llmp_x_own_ns(x);
    uint64_t all = x->now.mono_ns - x->begun_ns;
    char *text = llmp_arena_take(&x->arena, 96);

    if (!text)
        return;

    char *end = put_ms(llmp_put_str(text, LLMP_STR("gateway;dur=")), own);

    if (x->attempt->call.id) {
        end = llmp_put_str(end, LLMP_STR(", upstream;dur="));
        end = put_ms(end, all > own ? all - own : 0);
    }
    llmp_x_header(x, LLMP_STR("server-timing"),
                  (struct llmp_str){ text, (size_t)(end - text) });
}

/* A field whose value has one of our secrets in it is not passed. */
static void pass_field(struct llmp_exchange *x, const struct llmp_header *field)
{
    const struct llmp_provider *provider = x->attempt->deployment->provider;

    if (passes(field->name) &&
        !llmp_wire_has_secret(field->value, provider->secrets,
                              provider->secret_count))
        llmp_x_header(x, field->name, field->value);
}

/* The upstream's head goes away with the feed that brought it. */
static void keep_headers(struct llmp_exchange *x)
{
    bool ok = true;

    for (size_t i = 0; i < x->attempt->response.header_count; i++) {
        x->attempt->headers[i].name =
            llmp_arena_str(&x->arena, x->attempt->headers[i].name, &ok);
        x->attempt->headers[i].value =
            llmp_arena_str(&x->arena, x->attempt->headers[i].value, &ok);
    }
    if (!ok)
        x->attempt->response.header_count = 0;
}

static void pass_head(struct llmp_exchange *x,
                      const struct llmp_response_head *head)
{
    x->attempt->response = (struct llmp_response_head){
        .status = head->status,
        .headers = x->attempt->headers,
        .body_size = head->body_size,
        .close = !x->request_ended,
    };
    for (size_t i = 0; i < head->header_count; i++)
        if (!llmp_x_is_limited(x) ||
            !llmp_str_starts(head->headers[i].name, LLMP_STR("x-ratelimit-")))
            pass_field(x, &head->headers[i]);
    if (x->attempt->answer != LLMP_ANSWER_OPAQUE)
        keep_headers(x); /* sent when it is known what the body is */
    llmp_x_header(x, LLMP_STR("x-request-id"), x->request_id);
    if (x->summary.upstream_request_id.len)
        llmp_x_header(x, LLMP_STR("x-upstream-request-id"),
                      x->summary.upstream_request_id);
    if (llmp_x_is_limited(x))
        llmp_x_limit_fields(x); /* ours, in place of the provider's */
    if (x->summary.downgraded_to.len)
        llmp_x_header(x, LLMP_STR("x-llmproxy-downgraded-to"),
                      x->summary.downgraded_to);
    llmp_x_server_timing(x);
}

/* What the body will be to us. A redirect is an error too: following it could
 * take a key elsewhere. A page is what a server in between says. */
static enum llmp_x_answer kind_of_answer(const struct llmp_exchange *x,
                                         const struct llmp_response_head *head)
{
    struct llmp_str type = find_header(head, LLMP_STR("content-type"));
    bool api = x->operation->body == LLMP_BODY_JSON;
    bool events = llmp_is_media_type(type, LLMP_STR("text/event-stream")) ||
                  llmp_is_media_type(
                      type, LLMP_STR("application/vnd.amazon.eventstream"));

    if (head->status >= 300 ||
        (api && llmp_is_media_type(type, LLMP_STR("text/html"))))
        return LLMP_ANSWER_ERROR;
    if (llmp_x_tells_what_it_made(x) &&
        llmp_is_media_type(type, LLMP_STR("application/json")))
        return LLMP_ANSWER_MADE;
    if (x->attempt->foreign)
        return events ? LLMP_ANSWER_EVENTS : LLMP_ANSWER_WHOLE;
    if (head->status == 204) /* no body, whatever its type */
        return LLMP_ANSWER_OPAQUE;
    /* What guards cannot read is no answer. */
    if (find_header(head, LLMP_STR("content-encoding")).len)
        return llmp_x_guards_answer(x) ? LLMP_ANSWER_ERROR : LLMP_ANSWER_OPAQUE;
    if (events)
        return LLMP_ANSWER_EVENTS;
    if (llmp_x_guards_answer(x))
        return LLMP_ANSWER_WHOLE;
    return llmp_is_media_type(type, LLMP_STR("application/json"))
               ? LLMP_ANSWER_JSON
               : LLMP_ANSWER_OPAQUE;
}

/* The error's text is collected; the call stays open until it is there. */
static void begin_error(struct llmp_exchange *x)
{
    x->state = LLMP_X_ERROR;
    x->out.limit = (size_t)x->config->limits.error_bytes_max;
}

/* Seconds, or milliseconds in a field of its own; dates are rare and say
 * nothing to us. */
static uint64_t retry_after(const struct llmp_response_head *head)
{
    uint64_t n;

    if (llmp_str_to_u64(find_header(head, LLMP_STR("retry-after-ms")), &n))
        return llmp_mul_sat(n, LLMP_NS_PER_MS);
    if (llmp_str_to_u64(find_header(head, LLMP_STR("retry-after")), &n))
        return llmp_mul_sat(n, LLMP_NS_PER_S);
    return 0;
}

/* What is left under the provider's limits, as it says itself. */
static void note_room(struct llmp_exchange *x,
                      const struct llmp_response_head *head)
{
    struct llmp_str left =
        find_header(head, LLMP_STR("x-ratelimit-remaining-tokens"));
    uint64_t tokens;

    if (!left.len)
        left =
            find_header(head, LLMP_STR("anthropic-ratelimit-tokens-remaining"));
    if (x->model->strategy == LLMP_ROUTE_ROOM && llmp_str_to_u64(left, &tokens))
        (void)llmp_router_set_room(x->worker->gateway->router,
                                   x->attempt->deployment->id, tokens);
}

/* What AWS says in the head, because bodies are of whoever made the model. */
static void note_amazon(struct llmp_exchange *x,
                        const struct llmp_response_head *head)
{
    bool ok = true;

    x->attempt->error_type = llmp_arena_str(
        &x->arena, find_header(head, LLMP_STR("x-amzn-errortype")), &ok);
    (void)llmp_str_to_u64(
        find_header(head, LLMP_STR("x-amzn-bedrock-input-token-count")),
        &x->attempt->input_told);
}

static void note_head(struct llmp_exchange *x,
                      const struct llmp_response_head *head)
{
    const struct llmp_provider *provider = x->attempt->deployment->provider;
    struct llmp_str id = find_header(head, LLMP_STR("x-request-id"));
    bool ok = true;

    if (!id.len)
        id = find_header(head, LLMP_STR("request-id"));
    if (!id.len)
        id = find_header(head, LLMP_STR("x-amzn-requestid"));
    x->attempt->call_sent_ns = head->sent_ns;
    x->summary.upstream_status = head->status;
    x->attempt->call_reached = true;
    x->attempt->request_sent = head->request_sent;
    x->attempt->retry_after_ns = retry_after(head);
    if (provider->face == LLMP_FACE_BEDROCK)
        note_amazon(x, head);
    note_room(x, head);
    if (id.len && id.len <= 128 &&
        !llmp_wire_has_secret(id, provider->secrets, provider->secret_count))
        x->summary.upstream_request_id = llmp_arena_str(&x->arena, id, &ok);
}

/* What never becomes an answer does not keep the client waiting longer than it
 * will; what has begun to be one is not broken off for that. */
static void put_off_deadline(struct llmp_exchange *x)
{
    uint64_t idle_ns = llmp_mul_sat(
        x->attempt->deployment->provider->idle_timeout_ms, LLMP_NS_PER_MS);

    x->deadline_ns = llmp_add_sat(x->now.mono_ns, idle_ns);
    if (!x->responded && x->deadline_ns > x->route.until_ns)
        x->deadline_ns = x->route.until_ns;
}

void llmp_x_answer_begin(struct llmp_exchange *x)
{
    llmp_x_hedge_answers(x);
    llmp_x_first_token(x);
    if (x->attempt->request_sent &&
        !(x->rival && x->rival->lent)) { /* nobody will be sent it again */
        llmp_x_release_body(x);
        if (x->attempt->foreign)
            llmp_buf_fini(&x->attempt->foreign->body);
    }
    llmp_x_respond(x);
    if (x->attempt->call_open && !x->attempt->call_paused)
        put_off_deadline(x);
}

static void answer_head(struct llmp_exchange *x,
                        const struct llmp_response_head *head)
{
    if (x->state != LLMP_X_CALLING && x->state != LLMP_X_UPLOAD)
        return; /* a second head: the transport's mistake, not the client's */
    note_head(x, head);
    llmp_x_call_deadline(x, x->attempt->deployment->provider->idle_timeout_ms);
    x->attempt->answer = kind_of_answer(x, head);
    pass_head(x, head);
    x->out.len = 0;
    x->state = LLMP_X_ANSWERING;
    switch (x->attempt->answer) {
    case LLMP_ANSWER_ERROR:
        begin_error(x);
        return;
    case LLMP_ANSWER_JSON:
        llmp_peek_init(&x->attempt->reader.answer, x->operation->shape);
        x->attempt->reads = LLMP_READS_ANSWER;
        return; /* the client hears of it when it is no error */
    case LLMP_ANSWER_WHOLE:
        x->out.limit = (size_t)x->config->limits.body_bytes_max;
        return;
    case LLMP_ANSWER_MADE:
        x->out.limit = LLMP_X_MADE_MAX;
        return;
    case LLMP_ANSWER_EVENTS:
        llmp_x_stream_begin(x);
        return; /* likewise */
    case LLMP_ANSWER_OPAQUE:
        break;
    }
    llmp_x_answer_begin(x);
}

/* ---- JSON --------------------------------------------------------------- */

/* Longer than anything that comes before an answer's first member. */
enum { UNDECIDED_MAX = 4096 };

/* What calls itself JSON and does not even begin like it. */
static bool is_no_answer(const struct llmp_exchange *x, struct llmp_str bytes)
{
    struct llmp_str front =
        llmp_str_trim(x->out.len ? llmp_buf_str(&x->out) : bytes);

    return x->operation->body == LLMP_BODY_JSON && front.len &&
           !memchr("{[\"-0123456789tfn", front.ptr[0], 17);
}

/*
 * Providers say "200" and then {"error": …}. So the answer is held until its
 * first member is known, or as long as the piece that it comes in: a small
 * answer comes in one. Nearly always this is the first piece.
 */
static void json_body(struct llmp_exchange *x, struct llmp_str bytes)
{
    llmp_peek_feed(&x->attempt->reader.answer, bytes);
    if (x->responded) {
        x->input = bytes;
        return;
    }

    enum llmp_peek_verdict verdict =
        llmp_peek_verdict(&x->attempt->reader.answer);

    switch (is_no_answer(x, bytes) ? LLMP_PEEK_ERROR : verdict) {
    case LLMP_PEEK_ERROR:
        begin_error(x);
        (void)llmp_buf_add(&x->out, bytes);
        return;
    case LLMP_PEEK_UNDECIDED:
        if (x->out.len + bytes.len > UNDECIDED_MAX)
            break;
        if (!llmp_buf_add(&x->out, bytes)) {
            llmp_x_report(x, LLMP_OUTCOME_ABANDONED); /* our own lack */
            llmp_x_refuse_nomem(x);
        }
        return;
    case LLMP_PEEK_CONTENT:
        break;
    }
    llmp_x_answer_begin(x);
    llmp_x_write(x, llmp_buf_str(&x->out)); /* what was held */
    x->input = bytes;
}

bool llmp_x_answer_pump(struct llmp_exchange *x)
{
    if (x->attempt->answer == LLMP_ANSWER_EVENTS)
        return llmp_x_stream_pump(x);
    llmp_x_write(x, x->input);
    x->input.len = 0;
    return x->ask_count > 0;
}

static void answer_body(struct llmp_exchange *x, struct llmp_str bytes)
{
    if (!x->attempt->call_paused)
        put_off_deadline(x);
    if (x->state == LLMP_X_ERROR) {
        (void)llmp_buf_add(&x->out, bytes); /* too long: said plainly below */
        return;
    }
    if (x->state != LLMP_X_ANSWERING)
        return;
    if (x->attempt->answer == LLMP_ANSWER_JSON) {
        json_body(x, bytes);
        return;
    }
    if (x->attempt->answer == LLMP_ANSWER_WHOLE ||
        x->attempt->answer == LLMP_ANSWER_MADE) {
        (void)llmp_buf_add(&x->out, bytes); /* too long: said at the end */
        return;
    }
    if (x->attempt->answer == LLMP_ANSWER_EVENTS)
        llmp_x_stream_feed(x, bytes);
    x->input = bytes;
}

/* ---- the end ------------------------------------------------------------ */

/* Fields about a body that is not sent. */
static void drop_content_fields(struct llmp_exchange *x)
{
    for (size_t i = 0; i < x->attempt->response.header_count; i++)
        if (llmp_str_starts(x->attempt->headers[i].name, LLMP_STR("content-")))
            x->attempt->headers[i--] =
                x->attempt->headers[--x->attempt->response.header_count];
    llmp_x_header(x, LLMP_STR("content-type"), LLMP_STR("application/json"));
}

static void answer_out(struct llmp_exchange *x, enum llmp_ending ending)
{
    x->attempt->response.body_size = x->out.len;
    drop_content_fields(x);
    llmp_x_answer_begin(x);
    llmp_x_write(x, llmp_buf_str(&x->out));
    llmp_x_end(x, ending, true);
}

static void show_error(struct llmp_exchange *x,
                       const struct llmp_provider_error *error)
{
    const struct llmp_provider *provider = x->attempt->deployment->provider;
    uint16_t status = x->summary.upstream_status;
    struct llmp_buf clean = { 0 };

    /* Our credentials are no business of the client's, nor is a redirect; and
     * they do not become better by asking again, as clients do after a 502. */
    if (status == 401 || status == 403 || status == 407 ||
        (status >= 300 && status < 400))
        llmp_x_header(x, LLMP_STR("x-should-retry"), LLMP_STR("false"));
    if (status == 401 || status == 403 || status == 407 || status < 400)
        x->attempt->response.status = 502;
    if (!llmp_wire_error_clean(&clean, llmp_shape_errors(x->operation->shape),
                               status < 300 ? 502 : status, error,
                               x->request_id, provider->secrets,
                               provider->secret_count)) {
        llmp_buf_fini(&clean);
        llmp_x_refuse_nomem(x);
        return;
    }
    llmp_buf_fini(&x->out);
    x->out = clean;
    answer_out(x, LLMP_END_UPSTREAM_ERROR);
}

/* A fault of the provider's goes to another one, if there is. */
static void upstream_error(struct llmp_exchange *x)
{
    uint16_t status = x->summary.upstream_status;
    struct llmp_str text = llmp_buf_str(&x->out);
    struct llmp_provider_error error;

    if (x->out.failed)
        text.len = 0;
    if (status == 401)
        llmp_x_credential_refused(x);
    /* A 200 with an error in it, a redirect, a page: it does not work. */
    llmp_x_read_error(x, status < 400 ? 502 : status, text, &error);
    x->attempt->refused |=
        error.message.len || error.type.len || error.code.len;
    if (!llmp_x_fail_over(x, llmp_x_class_of(error.fault)))
        show_error(x, &error);
    llmp_arena_reset(&x->worker->scratch);
}

/* An answer in the client's own dialect, collected because guards look at it.
 */
static int read_answer(struct llmp_exchange *x)
{
    struct llmp_peek *peek = &x->attempt->reader.answer;
    struct llmp_token_usage usage;

    llmp_peek_init(peek, x->operation->shape);
    llmp_peek_feed(peek, llmp_buf_str(&x->out));
    x->attempt->reads = LLMP_READS_ANSWER;
    if (is_no_answer(x, (struct llmp_str){ NULL, 0 }) ||
        llmp_peek_verdict(peek) != LLMP_PEEK_CONTENT)
        return LLMP_E_TYPE;
    if (llmp_peek_end(peek, &usage))
        return LLMP_E_TYPE;
    llmp_x_note_usage(x, &usage);
    llmp_x_note_response(x, llmp_peek_object(peek));
    return LLMP_OK;
}

static void answer_complete(struct llmp_exchange *x)
{
    answer_out(x, LLMP_END_COMPLETE);
}

/* The whole answer is there: in the client's dialect. */
static void end_whole(struct llmp_exchange *x)
{
    int rc = LLMP_E_LIMIT;

    if (!x->out.failed)
        rc = x->attempt->foreign ? llmp_x_translate_answer(x) : read_answer(x);
    if (rc == LLMP_OK) {
        if (llmp_x_inspect_answer(x, answer_complete))
            answer_complete(x);
        return;
    }
    if (rc == LLMP_E_NOMEM)
        llmp_x_refuse_nomem(x);
    else
        upstream_error(x); /* it may say what is wrong */
}

/* What was made is booked before the client hears of it. */
static void end_made(struct llmp_exchange *x)
{
    if (x->out.failed) {
        llmp_x_refuse_nomem(x);
        return;
    }
    llmp_x_note_made(x);
    if (llmp_x_inspect_answer(x, answer_complete))
        answer_complete(x);
}

static void end_json(struct llmp_exchange *x)
{
    struct llmp_token_usage usage;
    bool error = llmp_peek_end(&x->attempt->reader.answer, &usage);

    if (!x->responded) { /* not even a first member came */
        begin_error(x);
        upstream_error(x);
        return;
    }
    llmp_x_note_usage(x, &usage);
    llmp_x_note_response(x, llmp_peek_object(&x->attempt->reader.answer));
    llmp_x_end(x, error ? LLMP_END_UPSTREAM_ERROR : LLMP_END_COMPLETE, true);
}

static const struct {
    const char *code, *message;
} failures[] = {
    [LLMP_CALL_RESOLVE] = { "upstream_unresolved",
                            "The provider's address could not be found." },
    [LLMP_CALL_CONNECT] = { "upstream_unreachable",
                            "The provider could not be reached." },
    [LLMP_CALL_TLS] = { "upstream_tls",
                        "No trusted connection to the provider was possible." },
    [LLMP_CALL_SEND] = { "upstream_broke",
                         "The connection to the provider broke." },
    [LLMP_CALL_RECEIVE] = { "upstream_broke",
                            "The connection to the provider broke." },
    [LLMP_CALL_PROTOCOL] = { "upstream_protocol",
                             "The provider's answer is not valid HTTP." },
    [LLMP_CALL_RESOURCES] = { "gateway_resources",
                              "The gateway has no room for another call." },
};

static void answer_fail(struct llmp_exchange *x, enum llmp_call_failure failure,
                        bool sent)
{
    x->attempt->call_reached |= sent;
    if (x->responded) {
        if (x->attempt->answer == LLMP_ANSWER_EVENTS)
            llmp_x_stream_cut(x, LLMP_END_CUT, failures[failure].code,
                              failures[failure].message);
        else
            llmp_x_end(x, LLMP_END_CUT, false);
        return;
    }
    if (x->state == LLMP_X_ERROR) {
        upstream_error(x); /* a status came; its text is as far as it came */
        return;
    }
    if (failure == LLMP_CALL_RESOURCES) /* our own fault */
        llmp_x_report(x, LLMP_OUTCOME_ABANDONED);
    else if (llmp_x_fail_over(x, LLMP_OUTCOME_TRANSIENT))
        return;
    llmp_x_refuse(x,
                  &(struct llmp_refusal){
                      .status = failure == LLMP_CALL_RESOURCES ? 503 : 502,
                      .code = failures[failure].code,
                      .ending = LLMP_END_UPSTREAM_FAILED },
                  "%s", failures[failure].message);
}

/* A provider is not to blame for who does not want to wait, or does not send
 * what the provider waits for. */
static enum llmp_route_class class_of_timeout(const struct llmp_exchange *x)
{
    bool unsent = x->state == LLMP_X_UPLOAD && !x->request_paused;

    return unsent || x->now.mono_ns >= x->route.until_ns
               ? LLMP_OUTCOME_ABANDONED
               : LLMP_OUTCOME_TRANSIENT;
}

static void answer_late(struct llmp_exchange *x)
{
    enum llmp_route_class outcome = class_of_timeout(x);

    x->attempt->call_reached = true; /* it may well have been */
    if (x->state == LLMP_X_ERROR) {
        llmp_x_cancel_call(x);
        upstream_error(x); /* a status came; its text is as far as it came */
        return;
    }
    if (x->responded)
        llmp_x_report(x, outcome);
    if (x->responded && x->attempt->answer == LLMP_ANSWER_EVENTS) {
        llmp_x_cancel_call(x);
        llmp_x_stream_cut(x, LLMP_END_TIMEOUT, "upstream_timeout",
                          "The provider stopped sending.");
    } else if (x->responded) {
        llmp_x_end(x, LLMP_END_TIMEOUT, false);
    } else if (!llmp_x_fail_over(x, outcome)) {
        x->attempt->response.header_count = 0;
        llmp_x_refuse(x,
                      &(struct llmp_refusal){ .status = 504,
                                              .code = "upstream_timeout",
                                              .ending = LLMP_END_TIMEOUT },
                      "The provider did not answer in time.");
    }
}

static void answer_end(struct llmp_exchange *x)
{
    switch (x->state) {
    case LLMP_X_ERROR:
        upstream_error(x);
        return;
    case LLMP_X_ANSWERING:
        break;
    default: /* an end without a head */
        answer_fail(x, LLMP_CALL_PROTOCOL, true);
        return;
    }
    if (x->attempt->answer == LLMP_ANSWER_EVENTS)
        llmp_x_stream_end(x);
    else if (x->attempt->answer == LLMP_ANSWER_JSON)
        end_json(x);
    else if (x->attempt->answer == LLMP_ANSWER_WHOLE)
        end_whole(x);
    else if (x->attempt->answer == LLMP_ANSWER_MADE)
        end_made(x);
    else
        llmp_x_end(x, LLMP_END_COMPLETE, true);
}

static void answer_over(struct llmp_exchange *x, const struct llmp_x_over *over)
{
    switch (over->how) {
    case LLMP_X_ENDED_WELL:
        answer_end(x);
        break;
    case LLMP_X_FAILED:
        answer_fail(x, over->failure, over->sent);
        break;
    case LLMP_X_LATE:
        answer_late(x);
        break;
    }
}

const struct llmp_x_receiver llmp_x_answer_receiver = {
    .costs = true,
    .head = answer_head,
    .body = answer_body,
    .over = answer_over,
};

void llmp_x_answer_stop(struct llmp_exchange *x)
{
    static const char text[] = "The gateway is shutting down.";

    llmp_x_win(x);
    llmp_x_report(x, LLMP_OUTCOME_ABANDONED);
    if (x->responded && x->attempt->answer == LLMP_ANSWER_EVENTS) {
        llmp_x_cancel_call(x);
        llmp_x_stream_cut(x, LLMP_END_CUT, "shutting_down", text);
    } else if (x->responded) {
        llmp_x_end(x, LLMP_END_CUT, false);
    } else {
        x->connection_over = true;
        llmp_x_refuse(x,
                      &(struct llmp_refusal){ .status = 503,
                                              .code = "shutting_down",
                                              .retry_after = "1",
                                              .ending = LLMP_END_REFUSED },
                      text);
    }
}
