/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anthropic's face: POST /v1/messages and /v1/messages/count_tokens, and GET
 * /v1/models for those who say anthropic-version. Members that the API does
 * not have are refused, as it does itself.
 */
#include "anthropic.h"

#include <stdio.h>

/* --- reading --- */

static bool refuse(struct sim_conn *conn, const char *why)
{
    sim_answer_error(conn, 400, NULL, why);
    return false;
}

static void note_cache(struct sim_ask *ask, const struct sim_node *node)
{
    if (sim_get(node, "cache_control"))
        ask->caches = true;
}

static bool read_media(struct sim_conn *conn, const char *role,
                       const struct sim_node *node)
{
    struct sim_ask *ask = &conn->worker->ask;
    const struct sim_node *from = sim_get(node, "source");
    const struct sim_node *type = sim_get(from, "type");
    const char *kind =
        sim_text_is(sim_get(node, "type"), "image") ? "image" : "document";

    if (sim_text_is(type, "base64"))
        return sim_ask_media(ask, role, kind,
                             sim_text(sim_get(from, "media_type")),
                             sim_text(sim_get(from, "data"))) ||
               refuse(conn, "source.base64.data: Invalid base64 data");
    if (sim_text_is(type, "url"))
        sim_ask_link(ask, role, kind, sim_text(sim_get(from, "url")));
    else if (sim_text_is(type, "file"))
        sim_ask_link(ask, role, kind, sim_text(sim_get(from, "file_id")));
    else
        sim_ask_text(ask, role, sim_text(sim_get(from, "data")));
    return true;
}

static bool read_blocks(struct sim_conn *conn, const char *role,
                        const struct sim_node *content);

static bool read_result(struct sim_conn *conn, const struct sim_node *node)
{
    struct sim_ask *ask = &conn->worker->ask;

    sim_ask_result_begin(ask, sim_text(sim_get(node, "tool_use_id")),
                         (struct llmp_str){ "", 0 },
                         sim_is_true(sim_get(node, "is_error")));
    if (!read_blocks(conn, "tool", sim_get(node, "content")))
        return false;
    sim_ask_result_end(ask);
    return true;
}

static bool read_block(struct sim_conn *conn, const char *role,
                       const struct sim_node *node)
{
    struct sim_ask *ask = &conn->worker->ask;
    const struct sim_node *type = sim_get(node, "type");

    note_cache(ask, node);
    if (sim_text_is(type, "image") || sim_text_is(type, "document"))
        return read_media(conn, role, node);
    if (sim_text_is(type, "tool_result"))
        return read_result(conn, node);
    if (sim_text_is(type, "thinking"))
        sim_ask_thought(ask, sim_text(sim_get(node, "thinking")),
                        sim_text(sim_get(node, "signature")));
    else if (sim_text_is(type, "redacted_thinking"))
        sim_ask_thought(ask, (struct llmp_str){ "", 0 },
                        sim_text(sim_get(node, "data")));
    else if (sim_text_is(type, "tool_use"))
        sim_ask_call(ask, sim_text(sim_get(node, "id")),
                     sim_text(sim_get(node, "name")), sim_get(node, "input"),
                     (struct llmp_str){ "", 0 });
    else
        sim_ask_text(ask, role, sim_text(sim_get(node, "text")));
    return true;
}

static bool read_blocks(struct sim_conn *conn, const char *role,
                        const struct sim_node *content)
{
    const struct sim_node *one = sim_first(content);

    if (content && content->type == LLMP_JSON_STRING)
        sim_ask_text(&conn->worker->ask, role, content->text);
    for (; one; one = one->next)
        if (!read_block(conn, role, one))
            return false;
    return true;
}

/* Whether a message has a block of that type with that id. */
static bool has_block(const struct sim_node *message, const char *type,
                      const char *name, struct llmp_str id)
{
    const struct sim_node *one = sim_first(sim_get(message, "content"));

    for (; one; one = one->next) {
        struct llmp_str other = sim_text(sim_get(one, name));

        if (sim_text_is(sim_get(one, "type"), type) && other.len == id.len &&
            memcmp(other.ptr, id.ptr, id.len) == 0)
            return true;
    }
    return false;
}

/* Every call is answered in the next message, and nothing else is. */
static bool is_paired(const struct sim_node *before,
                      const struct sim_node *message, const char *type,
                      const char *name, const char *other_type,
                      const char *other_name)
{
    const struct sim_node *one = sim_first(sim_get(message, "content"));

    for (; one; one = one->next)
        if (sim_text_is(sim_get(one, "type"), type) &&
            !has_block(before, other_type, other_name,
                       sim_text(sim_get(one, name))))
            return false;
    return true;
}

static bool pairs_hold(struct sim_conn *conn, const struct sim_node *before,
                       const struct sim_node *message)
{
    if (!is_paired(before, message, "tool_result", "tool_use_id", "tool_use",
                   "id"))
        return refuse(conn, "messages: unexpected `tool_use_id` found in "
                            "`tool_result` blocks. Each `tool_result` block "
                            "must have a corresponding `tool_use` block in the "
                            "previous message.");
    if (message->next && !is_paired(message->next, message, "tool_use", "id",
                                    "tool_result", "tool_use_id"))
        return refuse(conn, "messages: `tool_use` ids were found without "
                            "`tool_result` blocks immediately after.");
    return true;
}

static bool read_messages(struct sim_conn *conn, const struct sim_node *root)
{
    const struct sim_node *one = sim_first(sim_get(root, "messages"));
    const struct sim_node *before = NULL;

    if (!one)
        return refuse(conn, "messages: at least one message is required");
    for (; one; before = one, one = one->next) {
        bool user = sim_text_is(sim_get(one, "role"), "user");

        if (!pairs_hold(conn, before, one))
            return false;
        if (!read_blocks(conn, user ? "user" : "assistant",
                         sim_get(one, "content")))
            return false;
    }
    return true;
}

static void read_system(struct sim_ask *ask, const struct sim_node *system)
{
    const struct sim_node *one = sim_first(system);

    if (system && system->type == LLMP_JSON_STRING)
        sim_ask_system(ask, system->text);
    for (; one; one = one->next) {
        sim_ask_system(ask, sim_text(sim_get(one, "text")));
        note_cache(ask, one);
    }
}

static bool read_tools(struct sim_conn *conn, const struct sim_node *root)
{
    struct sim_ask *ask = &conn->worker->ask;
    const struct sim_node *choice = sim_get(root, "tool_choice");
    const struct sim_node *type = sim_get(choice, "type");
    const struct sim_node *one = sim_first(sim_get(root, "tools"));

    if (choice && !one)
        return refuse(conn, "tool_choice: may only be specified while "
                            "providing tools");
    for (; one; one = one->next) {
        const struct sim_node *kind = sim_get(one, "type");

        if ((!kind || sim_text_is(kind, "custom")) &&
            !sim_get(one, "input_schema"))
            return refuse(conn, "tools.0.custom.input_schema: Field required");
        note_cache(ask, one);
        sim_ask_tool(ask, sim_text(sim_get(one, "name")),
                     sim_text(sim_get(one, "description")),
                     sim_get(one, "input_schema"));
    }
    if (sim_text_is(type, "any") || sim_text_is(type, "tool"))
        ask->choice = SIM_CHOOSE_ANY;
    else if (sim_text_is(type, "none"))
        ask->choice = SIM_CHOOSE_NONE;
    ask->chosen = sim_text(sim_get(choice, "name"));
    ask->one_tool_only =
        sim_is_true(sim_get(choice, "disable_parallel_tool_use"));
    return true;
}

static bool read_thinking(struct sim_conn *conn, const struct sim_node *root)
{
    struct sim_ask *ask = &conn->worker->ask;
    const struct sim_node *node = sim_get(root, "thinking");
    bool enabled = sim_text_is(sim_get(node, "type"), "enabled");

    ask->budget = sim_u64(sim_get(node, "budget_tokens"), 0);
    ask->thinks = enabled || sim_text_is(sim_get(node, "type"), "adaptive");
    ask->effort = sim_text(sim_get(sim_get(root, "output_config"), "effort"));
    if (enabled && ask->budget < 1024)
        return refuse(conn, "thinking.enabled.budget_tokens: Input should be "
                            "greater than or equal to 1024");
    if (enabled && ask->has_limit && ask->limit <= ask->budget)
        return refuse(conn, "`max_tokens` must be greater than "
                            "`thinking.budget_tokens`");
    return true;
}

static void read_format(struct sim_ask *ask, const struct sim_node *root)
{
    const struct sim_node *wanted =
        sim_get(sim_get(root, "output_config"), "format");

    if (!wanted)
        wanted = sim_get(root, "output_format");
    if (wanted)
        sim_ask_schema(ask, sim_get(wanted, "schema"));
}

static bool read_request(struct sim_conn *conn, const struct sim_node *root)
{
    struct sim_ask *ask = &conn->worker->ask;

    note_cache(ask, root);
    read_system(ask, sim_get(root, "system"));
    if (!read_messages(conn, root) || !read_tools(conn, root))
        return false;
    sim_ask_limit(ask, sim_get(root, "max_tokens"));
    if (ask->has_limit && ask->limit == 0)
        return refuse(conn, "max_tokens: Input should be greater than or "
                            "equal to 1");
    sim_ask_sampling(ask, "temperature", sim_get(root, "temperature"));
    sim_ask_sampling(ask, "top_p", sim_get(root, "top_p"));
    sim_ask_sampling(ask, "top_k", sim_get(root, "top_k"));
    sim_ask_stop(ask, sim_get(root, "stop_sequences"));
    read_format(ask, root);
    return read_thinking(conn, root);
}

/* --- endpoints --- */

static void answer_messages(struct sim_conn *conn)
{
    struct sim_node *root =
        sim_face_read(conn, (struct llmp_str){ NULL, 0 }, sim_anthropic_rules);

    if (root && read_request(conn, root) && sim_face_goes_on(conn))
        sim_anthropic_say(conn, sim_is_true(sim_get(root, "stream")));
}

static void answer_count(struct sim_conn *conn)
{
    struct sim_node *root = sim_face_read(conn, (struct llmp_str){ NULL, 0 },
                                          sim_anthropic_count_rules);

    if (!root || !read_request(conn, root) || !sim_face_goes_on(conn))
        return;
    sim_buf_printf(&conn->worker->body, "{\"input_tokens\":%llu}",
                   (unsigned long long)conn->reply.prompt_tokens);
    sim_face_say(conn);
}

static void add_model(struct sim_buf *out, struct llmp_str id)
{
    sim_buf_text(out, "{\"type\":\"model\",\"id\":");
    sim_buf_quote(out, id);
    sim_buf_text(out, ",\"display_name\":");
    sim_buf_quote(out, id);
    sim_buf_text(out, ",\"created_at\":\"2025-01-01T00:00:00Z\","
                      "\"lifecycle\":\"active\"}");
}

static void answer_models(struct sim_conn *conn)
{
    struct sim_buf *out = &conn->worker->body;
    const char *name = "claude-sim", *last = name;

    sim_buf_text(out, "{\"data\":[");
    for (size_t i = 0; name; name = sim_behaviour_name(i++)) {
        sim_buf_text(out, i ? "," : "");
        add_model(out, (struct llmp_str){ name, strlen(name) });
        last = name;
    }
    sim_buf_printf(out,
                   "],\"has_more\":false,\"first_id\":\"claude-sim\","
                   "\"last_id\":\"%s\"}",
                   last);
    sim_conn_say_json(conn, 200);
}

static void answer_model(struct sim_conn *conn, struct llmp_str id)
{
    if (sim_str_starts(id, "missing") || sim_str_is(id, "sim-404")) {
        sim_answer_error(conn, 404, NULL, "model: not found");
        return;
    }
    add_model(&conn->worker->body, id);
    sim_conn_say_json(conn, 200);
}

static void answer(struct sim_conn *conn, struct llmp_str path)
{
    struct llmp_str id = sim_behind(path, "/v1/models/");
    bool post = sim_method_is(conn, "POST");

    if (sim_field(conn, "anthropic-version").len == 0)
        sim_answer_error(conn, 400, NULL,
                         "anthropic-version: header is required");
    else if (post && sim_str_is(path, "/v1/messages"))
        answer_messages(conn);
    else if (post && sim_str_is(path, "/v1/messages/count_tokens"))
        answer_count(conn);
    else if (!post && sim_str_is(path, "/v1/models"))
        answer_models(conn);
    else if (!post && id.len)
        answer_model(conn, id);
    else
        sim_answer_error(conn, sim_str_is(path, "/v1/messages") ? 405 : 404,
                         NULL, "Not Found");
}

static bool owns(struct sim_conn *conn, struct llmp_str path)
{
    return sim_str_is(path, "/v1/messages") ||
           sim_str_starts(path, "/v1/messages/") ||
           (sim_str_starts(path, "/v1/models") && sim_method_is(conn, "GET") &&
            sim_field(conn, "anthropic-version").len);
}

static bool allows(struct sim_conn *conn)
{
    struct llmp_str key = sim_field(conn, "x-api-key");

    if (key.len == 0)
        key = sim_bearer(conn);
    if (sim_key_opens(conn, key))
        return true;
    sim_answer_error(conn, 401, NULL,
                     key.len ? "invalid x-api-key"
                             : "x-api-key header is required");
    return false;
}

/* --- errors --- */

static const char *type_of(unsigned status)
{
    switch (status) {
    case 400:
        return "invalid_request_error";
    case 401:
        return "authentication_error";
    case 403:
        return "permission_error";
    case 404:
    case 405:
        return "not_found_error";
    case 413:
        return "request_too_large";
    case 429:
        return "rate_limit_error";
    case 200:
    case 503:
    case 529:
        return "overloaded_error";
    case 504:
        return "timeout_error";
    default:
        return status < 500 ? "invalid_request_error" : "api_error";
    }
}

static void error(struct sim_conn *conn, unsigned status, const char *code,
                  const char *message)
{
    const struct sim_reply *reply = &conn->reply;
    struct sim_buf *out = &conn->worker->body;

    out->len = 0;
    sim_buf_printf(out,
                   "{\"type\":\"error\",\"error\":{\"type\":\"%s\","
                   "\"message\":\"",
                   type_of(status));
    if (code && strcmp(code, SIM_CODE_CONTEXT) == 0)
        sim_buf_printf(out, "prompt is too long: %llu tokens > %llu maximum",
                       (unsigned long long)reply->prompt_tokens,
                       (unsigned long long)reply->how.context_length);
    else
        sim_buf_quote_inside(out,
                             (struct llmp_str){ message, strlen(message) });
    sim_buf_printf(out, "\"},\"request_id\":\"req_sim_%llu\"}",
                   (unsigned long long)reply->ordinal);
    sim_conn_say_json(conn, status);
}

static void problem(struct sim_conn *conn, const struct sim_problem *found)
{
    static const char *const why[] = {
        [SIM_UNKNOWN_MEMBER] = "Extra inputs are not permitted",
        [SIM_MISSING_MEMBER] = "Field required",
        [SIM_WRONG_TYPE] = "Input should be of another type",
        [SIM_WRONG_VALUE] = "Input should be one of the permitted values",
    };
    char message[300];

    (void)snprintf(message, sizeof(message), "%.*s: %s",
                   found->path.len > 200 ? 200 : (int)found->path.len,
                   found->path.len ? found->path.ptr : "", why[found->what]);
    sim_answer_error(conn, 400, NULL, message);
}

const struct sim_face sim_anthropic = {
    .id_field = "request-id",
    .owns = owns,
    .allows = allows,
    .answer = answer,
    .error = error,
    .problem = problem,
};
