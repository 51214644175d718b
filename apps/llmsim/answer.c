/* SPDX-License-Identifier: Apache-2.0 */
#include "answer.h"

#include <stdio.h>

#include "face.h"
#include "media.h"

/* A model's name may be longer, but means nothing then. */
#define MODEL_MAX 1024

static const struct sim_endpoint *const endpoints[] = {
    &sim_chat,        &sim_completions, &sim_responses, &sim_embeddings,
    &sim_moderations, &sim_rerank,      &sim_images,    &sim_transcriptions,
    &sim_speech,      &sim_models,
};

uint64_t sim_field_u64(const struct llmp_json_field *field, uint64_t fallback)
{
    uint64_t value = fallback;

    if (field->found && field->type == LLMP_JSON_NUMBER &&
        llmp_json_u64(field->text, &value) != LLMP_OK)
        return fallback;
    return value;
}

bool sim_field_is_true(const struct llmp_json_field *field)
{
    return field->found && field->type == LLMP_JSON_TRUE;
}

struct llmp_str sim_field_text(const struct llmp_json_field *field)
{
    if (field->found && field->type == LLMP_JSON_STRING)
        return field->text;
    return (struct llmp_str){ "", 0 };
}

void sim_answer_error(struct sim_conn *conn, unsigned status, const char *code,
                      const char *message)
{
    conn->reply.face->error(conn, status, code, message);
}

static void add_too_long(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_printf(out,
                   "This model's maximum context length is %llu tokens. "
                   "However, your messages resulted in %llu tokens. Please "
                   "reduce the length of the messages.",
                   (unsigned long long)reply->how.context_length,
                   (unsigned long long)reply->prompt_tokens);
}

static void say_error(struct sim_conn *conn, unsigned status, const char *code,
                      const char *message)
{
    struct sim_buf *body = &conn->worker->body;
    const char *type = status >= 500 || status == 200 ? "server_error"
                       : status == 429                ? "requests"
                                                      : "invalid_request_error";

    body->len = 0;
    sim_buf_text(body, "{\"error\":{\"message\":\"");
    if (code && strcmp(code, SIM_CODE_CONTEXT) == 0)
        add_too_long(&conn->reply, body);
    else
        sim_buf_escape(body, (struct llmp_str){ message, strlen(message) });
    sim_buf_printf(body, "\",\"type\":\"%s\",\"param\":null,\"code\":", type);
    if (code)
        sim_buf_printf(body, "\"%s\"}}", code);
    else
        sim_buf_text(body, "null}}");
    sim_conn_say_json(conn, status);
}

void sim_answer_error_200(struct sim_conn *conn)
{
    sim_answer_error(conn, 200, NULL,
                     "The server had an error while processing your request.");
}

static void begin_reply(struct sim_conn *conn)
{
    sim_reply_reset(&conn->reply);
    conn->reply.face = &sim_openai;
    conn->reply.how = conn->worker->shared->opts->how;
    conn->reply.first_ns = 0;
    conn->worker->body.len = 0;
}

void sim_answer_bad(struct sim_conn *conn, const char *why)
{
    begin_reply(conn);
    sim_behaviour_init(&conn->reply.how);
    conn->reply.how.close = true;
    sim_answer_error(conn, conn->request.too_large ? 413 : 400, NULL, why);
}

static void say_why(struct sim_conn *conn, struct sim_buf *why)
{
    sim_buf_add(why, (struct llmp_str){ "", 1 });
    sim_answer_error(conn, 400, NULL, why->ptr);
    sim_buf_fini(why);
}

/* The model as a person wrote it: JSON in it has quotes. */
static struct llmp_str plain_model(struct sim_reply *reply)
{
    struct llmp_str raw = sim_buf_str(&reply->model);

    if (raw.len == 0 || !memchr(raw.ptr, '\\', raw.len))
        return raw;
    reply->meant.len = 0;
    sim_buf_reserve(&reply->meant, raw.len);
    reply->meant.len = llmp_json_unescape(reply->meant.ptr, raw);
    return sim_buf_str(&reply->meant);
}

bool sim_answer_behaviour(struct sim_conn *conn)
{
    struct sim_request *request = &conn->request;
    struct sim_reply *reply = &conn->reply;
    struct sim_buf why = { 0 };
    bool ok = sim_behaviour_model(&reply->how, plain_model(reply), &why) &&
              sim_behaviour_list(&reply->how,
                                 sim_request_text(request, request->how), &why);

    if (ok)
        return true;
    sim_behaviour_init(&reply->how);
    say_why(conn, &why);
    return false;
}

/* Members that only the slower way of answering looks at. */
static bool asks_more(const struct llmp_json_token *key)
{
    switch (key->depth) {
    case 1:
        return sim_str_is(key->text, "response_format") ||
               sim_str_is(key->text, "logprobs");
    case 5: /* messages.[].content.[].… */
        return sim_str_is(key->text, "image_url") ||
               sim_str_is(key->text, "input_audio") ||
               sim_str_is(key->text, "file");
    default:
        return false;
    }
}

/* Reads the body up to its end or, for a model that asks for it, up to the
 * model's name. */
static int read_fields(struct sim_conn *conn, uint32_t count,
                       struct llmp_str body, struct llmp_error *err)
{
    struct sim_worker *worker = conn->worker;
    struct llmp_json_field *model = &worker->fields[SIM_MODEL];
    struct llmp_json_pick pick;
    struct llmp_json_token token;
    struct llmp_json reader;
    int rc;

    llmp_json_init(&reader, 0);
    llmp_json_feed(&reader, body, true);
    llmp_json_pick_init(&pick, worker->fields, count);
    while ((rc = llmp_json_next(&reader, &token, err)) == LLMP_OK) {
        llmp_json_pick_token(&pick, &token);
        if (token.type == LLMP_JSON_KEY && asks_more(&token))
            conn->reply.whole = true;
        if (token.depth == 1 && model->found &&
            sim_str_starts(sim_field_text(model), "sim-fast"))
            break;
    }
    llmp_json_fini(&reader);
    return rc;
}

static bool has(struct sim_conn *conn, const struct sim_endpoint *endpoint,
                const char *path)
{
    char message[128];

    for (uint32_t i = 0; path && i < endpoint->count; i++)
        if (strcmp(endpoint->paths[i], path) == 0) {
            if (conn->worker->fields[i].found)
                return true;
            (void)snprintf(message, sizeof(message),
                           "Missing required parameter: '%s'.", path);
            sim_answer_error(conn, 400, "missing_required_parameter", message);
            return false;
        }
    return true;
}

static bool read_body(struct sim_conn *conn,
                      const struct sim_endpoint *endpoint,
                      struct llmp_str given)
{
    struct sim_worker *worker = conn->worker;
    struct llmp_str body = sim_request_body(&conn->request);
    struct llmp_error err;

    for (uint32_t i = 0; i < endpoint->count; i++)
        worker->fields[i].path = endpoint->paths[i];
    if (read_fields(conn, endpoint->count, body, &err) < 0) {
        sim_answer_error(conn, 400, NULL, err.message);
        return false;
    }

    struct llmp_str model = sim_field_text(&worker->fields[SIM_MODEL]);

    if (model.len > MODEL_MAX)
        model.len = 0;
    if (given.ptr)
        sim_buf_quote_inside(&conn->reply.model, given);
    else
        sim_buf_add(&conn->reply.model, model);
    if (!sim_answer_behaviour(conn))
        return false;
    return conn->reply.how.fast ||
           ((given.ptr || has(conn, endpoint, "model")) &&
            has(conn, endpoint, endpoint->required));
}

/* Errors that the behaviour asks for; true when one was said. */
static bool say_fault(struct sim_conn *conn)
{
    struct sim_reply *reply = &conn->reply;
    const struct sim_behaviour *how = &reply->how;
    uint64_t status = how->status;

    if (how->context_length && reply->prompt_tokens > how->context_length) {
        sim_answer_error(conn, 400, SIM_CODE_CONTEXT,
                         "The prompt is too long.");
        return true;
    }
    if (how->fail_rate > 0) {
        bool fails = sim_random_unit(&reply->random) < how->fail_rate;

        status = !fails ? 0 : status ? status : 503;
    }
    if (status < 400 || status > 599)
        return false;
    if (how->retry_after != SIM_NEVER)
        sim_buf_printf(&reply->headers, "retry-after: %llu\r\n",
                       (unsigned long long)how->retry_after);
    if (how->html) {
        sim_conn_say(conn, &(struct sim_piece){
                               .status = (unsigned)status,
                               .type = "text/html",
                               .body = LLMP_STR(
                                   "<html>\r\n<head><title>Bad Gateway</title>"
                                   "</head>\r\n<body><center><h1>Bad Gateway"
                                   "</h1></center></body>\r\n</html>\r\n"),
                           });
        return true;
    }
    sim_answer_error(conn, (unsigned)status,
                     status == 429   ? "rate_limit_exceeded"
                     : status == 404 ? "model_not_found"
                                     : NULL,
                     "The simulated provider was asked to fail.");
    return true;
}

static void set_echo(struct sim_conn *conn)
{
    struct llmp_str body = sim_request_body(&conn->request);
    struct sim_reply *reply = &conn->reply;
    char hex[SIM_HEX_SIZE];

    sim_sha256_hex(hex, body);
    (void)snprintf(reply->echo, sizeof(reply->echo), "sha256=%s bytes=%zu", hex,
                   body.len);
    sim_buf_printf(&reply->headers,
                   "x-sim-body-sha256: %s\r\nx-sim-body-bytes: %zu\r\n", hex,
                   body.len);
}

static void set_pace(struct sim_conn *conn)
{
    struct sim_reply *reply = &conn->reply;
    const struct sim_behaviour *how = &reply->how;
    double rate = how->tokens_per_second;

    if (how->paced > 0)
        rate = how->paced;
    reply->interval_ns = rate > 0 ? (uint64_t)(1e9 / rate) : 0;
    reply->first_ns =
        conn->worker->now_ns + sim_delay_ns(&how->ttft_ms, &reply->random);
    reply->tokens = how->tokens;
    reply->prompt_tokens = 1 + sim_request_body(&conn->request).len / 4;
}

void sim_answer_limit(struct sim_reply *reply, uint64_t limit)
{
    reply->cut_by_limit = limit && limit < reply->tokens;
    if (reply->cut_by_limit)
        reply->tokens = limit;
    if (reply->echo[0])
        reply->tokens = 1;
}

void sim_answer_wait(struct sim_reply *reply)
{
    if (reply->how.tokens_per_second > 0)
        reply->first_ns += reply->tokens * reply->interval_ns;
}

void sim_answer_number(struct sim_conn *conn)
{
    struct sim_shared *shared = conn->worker->shared;
    struct sim_reply *reply = &conn->reply;

    reply->ordinal = atomic_fetch_add_explicit(&shared->stats.ordinal, 1,
                                               memory_order_relaxed);
    reply->random = sim_random_of(shared->opts->seed, reply->ordinal);
}

bool sim_answer_goes_on(struct sim_conn *conn)
{
    struct sim_reply *reply = &conn->reply;

    set_pace(conn);
    if (reply->how.echo)
        set_echo(conn);
    if (reply->how.hang)
        sim_conn_hang(conn);
    return !reply->how.hang && !say_fault(conn);
}

void sim_answer_as(struct sim_conn *conn, const struct sim_endpoint *endpoint,
                   struct llmp_str model)
{
    sim_answer_number(conn);
    if (endpoint->paths ? !read_body(conn, endpoint, model)
                        : !sim_answer_behaviour(conn))
        return;
    if (sim_answer_goes_on(conn))
        endpoint->answer(conn);
}

static bool allows(struct sim_conn *conn)
{
    if (sim_key_opens(conn, sim_bearer(conn)))
        return true;
    sim_answer_error(conn, 401, "invalid_api_key",
                     conn->request.authorization.at
                         ? "Incorrect API key provided."
                         : "You didn't provide an API key.");
    return false;
}

const struct sim_endpoint *sim_endpoint_of(struct sim_conn *conn,
                                           struct llmp_str path, bool *known)
{
    const char *method = sim_request_method(&conn->request);

    *known = false;
    for (size_t i = 0; i < sizeof(endpoints) / sizeof(endpoints[0]); i++) {
        if (!sim_str_is(path, endpoints[i]->path))
            continue;
        *known = true;
        if (strcmp(method, endpoints[i]->method) == 0)
            return endpoints[i];
    }
    return NULL;
}

static void answer_other(struct sim_conn *conn, struct llmp_str path)
{
    struct llmp_str id = sim_behind(path, "/v1/models/");
    bool known;

    (void)sim_endpoint_of(conn, path, &known);
    if (id.len && sim_method_is(conn, "GET"))
        sim_model_answer(conn, id);
    else if (known)
        sim_answer_error(conn, 405, "method_not_supported",
                         "Not allowed to use this method on this URL.");
    else
        sim_answer_error(conn, 404, "unknown_url", "Unknown request URL.");
}

const struct sim_face sim_openai = {
    .id_field = "x-request-id",
    .allows = allows,
    .answer = answer_other,
    .error = say_error,
};

/* A path of OpenAI's that is asked for as usual needs no look at the others. */
static void route(struct sim_conn *conn, struct llmp_str path)
{
    bool known;
    const struct sim_endpoint *endpoint = sim_endpoint_of(conn, path, &known);

    if (!endpoint || endpoint == &sim_models) {
        conn->reply.face = sim_face_of(conn, path);
        if (conn->reply.face != &sim_openai)
            endpoint = NULL;
    }
    if (!conn->reply.face->allows(conn))
        return;
    if (endpoint)
        sim_answer_as(conn, endpoint, (struct llmp_str){ NULL, 0 });
    else
        conn->reply.face->answer(conn, path);
}

void sim_answer(struct sim_conn *conn)
{
    struct sim_request *request = &conn->request;
    struct llmp_str path = sim_request_target(request);
    const char *query = memchr(path.ptr, '?', path.len);

    if (query)
        path.len = (size_t)(query - path.ptr);
    begin_reply(conn);
    if (sim_str_starts(path, "/sim/")) {
        sim_behaviour_init(&conn->reply.how);
        sim_control_answer(conn, path);
        return;
    }
    sim_last_set(&conn->worker->shared->last, sim_request_method(request),
                 sim_buf_str(&request->head), request->head_bytes,
                 sim_request_body(request));
    route(conn, path);
}

/* The end of the value that begins at `token`. */
static uint64_t skip_value(struct llmp_json *reader,
                           const struct llmp_json_token *first)
{
    struct llmp_json_token token = *first;

    while (token.depth > first->depth || (token.type != LLMP_JSON_ARRAY_END &&
                                          token.type != LLMP_JSON_OBJECT_END))
        if (llmp_json_next(reader, &token, NULL) != LLMP_OK)
            break;
    return token.offset + token.size;
}

uint64_t sim_each_input(
    const struct llmp_json_field *field, struct llmp_str body,
    void (*each)(struct llmp_str text, uint64_t index, void *ctx), void *ctx)
{
    struct llmp_str value = { body.ptr + field->offset, (size_t)field->size };
    struct llmp_json_token token;
    struct llmp_json reader;
    uint64_t count = 0;

    if (field->type != LLMP_JSON_ARRAY) {
        each(value, 0, ctx);
        return 1;
    }
    llmp_json_init(&reader, 0);
    llmp_json_feed(&reader, value, true);
    while (llmp_json_next(&reader, &token, NULL) == LLMP_OK) {
        if (token.depth != 1)
            continue;
        if (token.type == LLMP_JSON_NUMBER) { /* tokens of one text */
            each(value, 0, ctx);
            count = 1;
            break;
        }

        uint64_t begin = token.offset, end = begin + token.size;

        if (token.type == LLMP_JSON_ARRAY || token.type == LLMP_JSON_OBJECT)
            end = skip_value(&reader, &token);
        each((struct llmp_str){ value.ptr + begin, (size_t)(end - begin) },
             count++, ctx);
    }
    llmp_json_fini(&reader);
    return count;
}
