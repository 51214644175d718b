/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GigaChat's face: POST /api/v2/oauth gives a token for Basic credentials;
 * below /api/v1/ are chat with functions, embeddings and models.
 */
#include "gigachat.h"

#include "media.h"
#include "token.h"

/* --- reading --- */

static bool refuse(struct sim_conn *conn, const char *why)
{
    sim_answer_error(conn, 422, NULL, why);
    return false;
}

/* A function's result is text that should be JSON. */
static void read_result(struct sim_ask *ask, const struct sim_node *message)
{
    struct llmp_str content = sim_text(sim_get(message, "content"));

    sim_ask_result_begin(ask, (struct llmp_str){ "", 0 },
                         sim_text(sim_get(message, "name")), false);
    if (sim_tree_read(&ask->inner, content, NULL) == LLMP_END &&
        ask->inner.root->type == LLMP_JSON_STRING)
        sim_ask_text(ask, "tool", ask->inner.root->text);
    else
        sim_ask_text(ask, "tool", content);
    sim_ask_result_end(ask);
}

static bool read_message(struct sim_conn *conn, const struct sim_node *message)
{
    struct sim_ask *ask = &conn->worker->ask;
    const struct sim_node *role = sim_get(message, "role");
    const struct sim_node *call = sim_get(message, "function_call");
    const struct sim_node *file = sim_first(sim_get(message, "attachments"));
    struct llmp_str content = sim_text(sim_get(message, "content"));
    bool user = sim_text_is(role, "user");

    if (sim_text_is(role, "system")) {
        sim_ask_system(ask, content);
        return true;
    }
    if (sim_text_is(role, "function")) {
        read_result(ask, message);
        return true;
    }
    if (!user && !sim_text_is(role, "assistant"))
        return refuse(conn, "Invalid params: unknown role of a message");
    if (content.len)
        sim_ask_text(ask, user ? "user" : "assistant", content);
    for (; file; file = file->next)
        sim_ask_link(ask, "user", "document", sim_text(file));
    if (call)
        sim_ask_call(ask, (struct llmp_str){ "", 0 },
                     sim_text(sim_get(call, "name")),
                     sim_get(call, "arguments"), LLMP_STR("{}"));
    if (call && sim_get(call, "arguments") &&
        sim_get(call, "arguments")->type != LLMP_JSON_OBJECT)
        return refuse(conn, "Invalid params: arguments must be an object");
    return true;
}

/* One call an answer is all this API has. */
static void read_functions(struct sim_ask *ask, const struct sim_node *root)
{
    const struct sim_node *choice = sim_get(root, "function_call");
    const struct sim_node *one = sim_first(sim_get(root, "functions"));

    for (; one; one = one->next)
        sim_ask_tool(ask, sim_text(sim_get(one, "name")),
                     sim_text(sim_get(one, "description")),
                     sim_get(one, "parameters"));
    ask->chosen = sim_text(sim_get(choice, "name"));
    if (ask->chosen.len)
        ask->choice = SIM_CHOOSE_ANY;
    else if (sim_text_is(choice, "none"))
        ask->choice = SIM_CHOOSE_NONE;
}

static void read_format(struct sim_ask *ask, const struct sim_node *format)
{
    const struct sim_node *schema = sim_get(format, "schema");

    if (!schema)
        schema = sim_get(sim_get(format, "json_schema"), "schema");
    if (format && !sim_text_is(sim_get(format, "type"), "text"))
        sim_ask_schema(ask, schema);
}

static bool read_request(struct sim_conn *conn, const struct sim_node *root)
{
    struct sim_ask *ask = &conn->worker->ask;
    const struct sim_node *one = sim_first(sim_get(root, "messages"));

    if (sim_text(sim_get(root, "model")).len == 0)
        return refuse(conn, "Invalid params: model is required");
    if (!one)
        return refuse(conn, "Invalid params: messages must not be empty");
    for (; one; one = one->next)
        if (!read_message(conn, one))
            return false;
    read_functions(ask, root);
    read_format(ask, sim_get(root, "response_format"));
    sim_ask_limit(ask, sim_get(root, "max_tokens"));
    sim_ask_sampling(ask, "temperature", sim_get(root, "temperature"));
    sim_ask_sampling(ask, "top_p", sim_get(root, "top_p"));
    sim_ask_sampling(ask, "repetition_penalty",
                     sim_get(root, "repetition_penalty"));
    ask->effort = sim_text(sim_get(root, "reasoning_effort"));
    return true;
}

/* --- endpoints --- */

static void answer_chat(struct sim_conn *conn)
{
    struct sim_node *root =
        sim_face_read(conn, (struct llmp_str){ NULL, 0 }, NULL);

    if (root && read_request(conn, root) && sim_face_goes_on(conn))
        sim_gigachat_say(conn, sim_is_true(sim_get(root, "stream")));
}

static void answer_embeddings(struct sim_conn *conn)
{
    struct sim_worker *worker = conn->worker;
    struct sim_buf *out = &worker->body;
    struct sim_node *root =
        sim_face_read(conn, (struct llmp_str){ NULL, 0 }, NULL);
    const struct sim_node *input = sim_get(root, "input");
    const struct sim_node *one =
        input && input->type == LLMP_JSON_STRING ? input : sim_first(input);

    if (!root || (!one && !refuse(conn, "Invalid params: input is required")) ||
        !sim_face_goes_on(conn))
        return;
    sim_buf_text(out, "{\"object\":\"list\",\"data\":[");
    for (uint64_t i = 0; one; one = one == input ? NULL : one->next, i++) {
        sim_buf_printf(out,
                       "%s{\"object\":\"embedding\",\"index\":%llu,"
                       "\"usage\":{\"prompt_tokens\":%zu},\"embedding\":",
                       i ? "," : "", (unsigned long long)i,
                       1 + one->text.len / 4);
        if (!sim_embedding(out, worker->shared->opts->seed,
                           conn->reply.how.dimensions, sim_text(one)))
            break;
        sim_buf_text(out, "}");
    }
    sim_buf_text(out, "],\"model\":\"");
    sim_buf_add(out, sim_buf_str(&conn->reply.model));
    sim_buf_text(out, "\"}");
    sim_face_say(conn);
}

static void answer_models(struct sim_conn *conn)
{
    struct sim_buf *out = &conn->worker->body;
    const char *name = "GigaChat";

    sim_buf_text(out, "{\"object\":\"list\",\"data\":[");
    for (size_t i = 0; name; name = sim_behaviour_name(i++))
        sim_buf_printf(out,
                       "%s{\"id\":\"%s\",\"object\":\"model\",\"owned_by\":"
                       "\"salutedevices\",\"type\":\"chat\"}",
                       i ? "," : "", name);
    sim_buf_text(out, "]}");
    sim_conn_say_json(conn, 200);
}

static void answer_token(struct sim_conn *conn)
{
    struct sim_buf *out = &conn->worker->body;
    struct llmp_str scope =
        sim_query_get(sim_request_body(&conn->request), "scope");
    uint64_t end_ms;

    if (!sim_face_read_head(conn) || !sim_face_goes_on(conn))
        return;
    if (sim_field(conn, "rquid").len == 0) {
        sim_answer_error(conn, 400, NULL, "RqUID is required");
    } else if (!sim_str_starts(scope, "GIGACHAT_API_")) {
        sim_answer_error(conn, 400, NULL, "scope data format invalid");
    } else {
        sim_buf_text(out, "{\"access_token\":\"");
        end_ms =
            sim_token_add(conn->worker->shared->opts, conn->reply.ordinal, out);
        sim_buf_printf(out, "\",\"expires_at\":%llu}",
                       (unsigned long long)end_ms);
        sim_face_say(conn);
    }
}

static void answer(struct sim_conn *conn, struct llmp_str path)
{
    bool post = sim_method_is(conn, "POST");

    if (post && sim_str_is(path, "/api/v2/oauth"))
        answer_token(conn);
    else if (post && sim_str_is(path, "/api/v1/chat/completions"))
        answer_chat(conn);
    else if (post && sim_str_is(path, "/api/v1/embeddings"))
        answer_embeddings(conn);
    else if (!post && sim_str_is(path, "/api/v1/models"))
        answer_models(conn);
    else
        sim_answer_error(conn, 404, NULL, "Not Found");
}

static bool owns(struct sim_conn *conn, struct llmp_str path)
{
    (void)conn;
    return sim_str_is(path, "/api/v2/oauth") ||
           sim_str_starts(path, "/api/v1/");
}

static bool has_basic(struct sim_conn *conn)
{
    const char *pair = conn->worker->shared->opts->gigachat_credentials;
    struct llmp_str basic =
        sim_behind(sim_field(conn, "authorization"), "Basic ");
    struct sim_buf given = { 0 };
    bool right = basic.len && sim_base64_decode(&given, basic) &&
                 (!pair || sim_str_is(sim_buf_str(&given), pair));

    sim_buf_fini(&given);
    return right;
}

static bool allows(struct sim_conn *conn)
{
    const struct sim_options *opts = conn->worker->shared->opts;
    struct llmp_str bearer = sim_bearer(conn);
    bool oauth = sim_str_starts(sim_request_target(&conn->request), "/api/v2/");

    if (oauth ? has_basic(conn)
        : opts->gigachat_credentials
            ? sim_token_is_good(opts, bearer) ||
                  (opts->api_key && sim_key_opens(conn, bearer))
            : sim_key_opens(conn, bearer))
        return true;
    sim_answer_error(conn, 401, NULL,
                     oauth        ? "Credentials doesn't match db data"
                     : bearer.len ? "Token has expired"
                                  : "Unauthorized");
    return false;
}

/* Of the oauth endpoint a code, of the others the status. */
static void error(struct sim_conn *conn, unsigned status, const char *code,
                  const char *message)
{
    struct sim_buf *out = &conn->worker->body;
    bool oauth = sim_str_starts(sim_request_target(&conn->request), "/api/v2/");

    if (code && strcmp(code, SIM_CODE_CONTEXT) == 0) {
        status = 422;
        message = "Invalid params: the prompt has more tokens than the model "
                  "can take";
    }
    out->len = 0;
    sim_buf_printf(out, "{\"%s\":%u,\"message\":", oauth ? "code" : "status",
                   oauth           ? status == 401 ? 4u : 1u
                   : status == 200 ? 500
                                   : status);
    sim_buf_quote(out, (struct llmp_str){ message, strlen(message) });
    sim_buf_text(out, "}");
    sim_conn_say_json(conn, status);
}

const struct sim_face sim_gigachat = {
    .id_field = "x-request-id",
    .owns = owns,
    .allows = allows,
    .answer = answer,
    .error = error,
};
