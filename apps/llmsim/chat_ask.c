/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a chat request in OpenAI's form, all of it. */
#include "chat.h"
#include "media.h"

#define CHOICES_MAX 128

static bool refuse(struct sim_conn *conn, const char *why)
{
    sim_answer_error(conn, 400, NULL, why);
    return false;
}

static bool read_url(struct sim_conn *conn, const char *role, const char *kind,
                     struct llmp_str url)
{
    struct sim_ask *ask = &conn->worker->ask;
    struct llmp_str type, base64;

    if (sim_data_url(url, &type, &base64))
        return sim_ask_media(ask, role, kind, type, base64) ||
               refuse(conn, "Invalid base64 data in a data URL.");
    if (sim_str_starts(url, "data:"))
        return refuse(conn, "Invalid data URL.");
    sim_ask_link(ask, role, kind, url);
    return true;
}

static bool read_audio(struct sim_conn *conn, const char *role,
                       const struct sim_node *audio)
{
    struct sim_buf *type = &conn->worker->event;

    type->len = 0;
    sim_buf_text(type, "audio/");
    sim_buf_add(type, sim_text(sim_get(audio, "format")));
    return sim_ask_media(&conn->worker->ask, role, "audio", sim_buf_str(type),
                         sim_text(sim_get(audio, "data"))) ||
           refuse(conn, "Invalid base64 data in input_audio.");
}

static bool read_part(struct sim_conn *conn, const char *role,
                      const struct sim_node *part)
{
    struct sim_ask *ask = &conn->worker->ask;
    const struct sim_node *type = sim_get(part, "type");
    const struct sim_node *image = sim_get(part, "image_url");
    const struct sim_node *file = sim_get(part, "file");

    if (sim_text_is(type, "image_url"))
        return read_url(conn, role, "image", sim_text(sim_get(image, "url")));
    if (sim_text_is(type, "input_audio"))
        return read_audio(conn, role, sim_get(part, "input_audio"));
    if (sim_text_is(type, "file") && sim_get(file, "file_data"))
        return read_url(conn, role, "document",
                        sim_text(sim_get(file, "file_data")));
    if (sim_text_is(type, "file"))
        sim_ask_link(ask, role, "document", sim_text(sim_get(file, "file_id")));
    else if (sim_text_is(type, "refusal"))
        sim_ask_text(ask, role, sim_text(sim_get(part, "refusal")));
    else if (sim_text_is(type, "text"))
        sim_ask_text(ask, role, sim_text(sim_get(part, "text")));
    else
        return refuse(conn, "Invalid value for 'type' of a content part.");
    return true;
}

bool sim_chat_content(struct sim_conn *conn, const char *role,
                      const struct sim_node *content)
{
    const struct sim_node *one = sim_first(content);

    if (content && content->type == LLMP_JSON_STRING)
        sim_ask_text(&conn->worker->ask, role, content->text);
    for (; one; one = one->next)
        if (!read_part(conn, role, one))
            return false;
    return true;
}

static void read_system(struct sim_ask *ask, const struct sim_node *content)
{
    const struct sim_node *one = sim_first(content);

    if (content && content->type == LLMP_JSON_STRING)
        sim_ask_system(ask, content->text);
    for (; one; one = one->next)
        sim_ask_system(ask, sim_text(sim_get(one, "text")));
}

static bool read_assistant(struct sim_conn *conn,
                           const struct sim_node *message)
{
    struct sim_ask *ask = &conn->worker->ask;
    const struct sim_node *thought = sim_get(message, "reasoning_content");
    const struct sim_node *call = sim_first(sim_get(message, "tool_calls"));

    if (thought)
        sim_ask_thought(ask, sim_text(thought), (struct llmp_str){ "", 0 });
    if (!sim_chat_content(conn, "assistant", sim_get(message, "content")))
        return false;
    for (; call; call = call->next) {
        const struct sim_node *function = sim_get(call, "function");

        sim_ask_call(ask, sim_text(sim_get(call, "id")),
                     sim_text(sim_get(function, "name")), NULL,
                     sim_text(sim_get(function, "arguments")));
    }
    return true;
}

static bool read_message(struct sim_conn *conn, const struct sim_node *message)
{
    struct sim_ask *ask = &conn->worker->ask;
    const struct sim_node *role = sim_get(message, "role");
    const struct sim_node *content = sim_get(message, "content");

    if (sim_text_is(role, "system") || sim_text_is(role, "developer")) {
        read_system(ask, content);
        return true;
    }
    if (sim_text_is(role, "assistant"))
        return read_assistant(conn, message);
    if (sim_text_is(role, "user"))
        return sim_chat_content(conn, "user", content);
    if (!sim_text_is(role, "tool"))
        return refuse(conn, "Invalid value for 'role' of a message.");
    sim_ask_result_begin(ask, sim_text(sim_get(message, "tool_call_id")),
                         (struct llmp_str){ "", 0 }, false);
    if (!sim_chat_content(conn, "tool", content))
        return false;
    sim_ask_result_end(ask);
    return true;
}

static void read_tools(struct sim_ask *ask, const struct sim_node *root)
{
    const struct sim_node *choice = sim_get(root, "tool_choice");
    const struct sim_node *parallel = sim_get(root, "parallel_tool_calls");
    const struct sim_node *one = sim_first(sim_get(root, "tools"));

    for (; one; one = one->next) {
        const struct sim_node *function = sim_get(one, "function");

        sim_ask_tool(ask, sim_text(sim_get(function, "name")),
                     sim_text(sim_get(function, "description")),
                     sim_get(function, "parameters"));
    }
    ask->chosen = sim_text(sim_get(sim_get(choice, "function"), "name"));
    if (ask->chosen.len || sim_text_is(choice, "required"))
        ask->choice = SIM_CHOOSE_ANY;
    else if (sim_text_is(choice, "none"))
        ask->choice = SIM_CHOOSE_NONE;
    ask->one_tool_only = parallel && parallel->type == LLMP_JSON_FALSE;
}

static void read_format(struct sim_ask *ask, const struct sim_node *format)
{
    const struct sim_node *type = sim_get(format, "type");

    if (sim_text_is(type, "json_schema"))
        sim_ask_schema(ask, sim_get(sim_get(format, "json_schema"), "schema"));
    else if (sim_text_is(type, "json_object"))
        sim_ask_schema(ask, NULL);
}

static void read_sampling(struct sim_ask *ask, const struct sim_node *root)
{
    static const char *const same[] = {
        "temperature",      "top_p", "top_k", "seed", "presence_penalty",
        "frequency_penalty"
    };
    const struct sim_node *limit = sim_get(root, "max_completion_tokens");

    sim_ask_limit(ask, limit ? limit : sim_get(root, "max_tokens"));
    if (ask->limit == 0)
        ask->has_limit = false; /* 0 is no limit, as in chat.c */
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        sim_ask_sampling(ask, same[i], sim_get(root, same[i]));
    sim_ask_stop(ask, sim_get(root, "stop"));
    ask->effort = sim_text(sim_get(root, "reasoning_effort"));
    ask->logprobs = sim_is_true(sim_get(root, "logprobs"));
    ask->top_logprobs = sim_u64(sim_get(root, "top_logprobs"), 0);
    ask->candidates = sim_u64(sim_get(root, "n"), 1);
}

bool sim_chat_read(struct sim_conn *conn, const struct sim_node *root)
{
    struct sim_ask *ask = &conn->worker->ask;
    const struct sim_node *messages = sim_get(root, "messages");

    if (!messages) {
        sim_answer_error(conn, 400, "missing_required_parameter",
                         "Missing required parameter: 'messages'.");
        return false;
    }
    for (const struct sim_node *one = sim_first(messages); one; one = one->next)
        if (!read_message(conn, one))
            return false;
    read_tools(ask, root);
    read_format(ask, sim_get(root, "response_format"));
    read_sampling(ask, root);
    if (ask->candidates < 1 || ask->candidates > CHOICES_MAX)
        return refuse(conn, "'n' must be 1 to 128.");
    return true;
}
