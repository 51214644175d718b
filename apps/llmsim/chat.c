/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/chat/completions. */
#include "chat.h"
#include "text.h"

enum {
    USAGE = SIM_OWN,
    MESSAGES,
    MAX_TOKENS,
    MAX_COMPLETION_TOKENS,
    N,
    TOOL_NAME,
    TOOL_CHOICE,
    TOOL_CHOICE_NAME,
};

static const char *const paths[] = {
    [SIM_MODEL] = "model",
    [SIM_STREAM] = "stream",
    [USAGE] = "stream_options.include_usage",
    [MESSAGES] = "messages",
    [MAX_TOKENS] = "max_tokens",
    [MAX_COMPLETION_TOKENS] = "max_completion_tokens",
    [N] = "n",
    [TOOL_NAME] = "tools.[].function.name",
    [TOOL_CHOICE] = "tool_choice",
    [TOOL_CHOICE_NAME] = "tool_choice.function.name",
};

#define CHOICES_MAX 128

/* Whether the request wants a tool called, and which. */
static struct llmp_str tool_of(const struct llmp_json_field *fields,
                               const struct sim_behaviour *how)
{
    struct llmp_str choice = sim_field_text(&fields[TOOL_CHOICE]);
    struct llmp_str named = sim_field_text(&fields[TOOL_CHOICE_NAME]);
    struct llmp_str first = sim_field_text(&fields[TOOL_NAME]);

    if (sim_str_is(choice, "none"))
        return (struct llmp_str){ "", 0 };
    if (named.len)
        return named;
    return sim_str_is(choice, "required") || how->tool
               ? first
               : (struct llmp_str){ "", 0 };
}

static void add_finish(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_text(out, reply->tool.len       ? "\"tool_calls\""
                      : reply->cut_by_limit ? "\"length\""
                                            : "\"stop\"");
}

static void add_call_id(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_text(out, "\"call_sim_");
    sim_buf_u64(out, reply->ordinal);
    sim_buf_text(out, "\",\"type\":\"function\",\"function\":{\"name\":\"");
    sim_buf_add(out, sim_buf_str(&reply->tool));
    sim_buf_text(out, "\",\"arguments\":\"");
}

void sim_chat_prefix(struct sim_reply *reply, bool stream)
{
    const char *object = stream ? "chat.completion.chunk" : "chat.completion";
    struct sim_buf *out = &reply->prefix;

    sim_buf_text(out, "{\"id\":\"chatcmpl-sim");
    sim_buf_u64(out, reply->ordinal);
    sim_buf_text(out, "\",\"object\":\"");
    sim_buf_text(out, object);
    sim_buf_text(out, "\",\"created\":" SIM_CREATED ",\"model\":\"");
    sim_buf_add(out, sim_buf_str(&reply->model));
    sim_buf_text(out, "\",\"service_tier\":\"default\","
                      "\"system_fingerprint\":\"fp_sim\",");
}

static void begin_chunk(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_reserve(out, 1024);
    sim_buf_text(out, "data: ");
    sim_buf_add(out, sim_buf_str(&reply->prefix));
    if (reply->how.stamp) {
        sim_buf_text(out, "\"sim_sent_ns\":");
        sim_buf_u64(out, reply->now_ns);
        sim_buf_text(out, ",");
    }
    sim_buf_text(out, "\"choices\":[");
}

static void begin_choice(const struct sim_reply *reply, uint64_t choice,
                         struct sim_buf *out)
{
    begin_chunk(reply, out);
    sim_buf_text(out, "{\"index\":");
    sim_buf_u64(out, choice);
    sim_buf_text(out, ",\"delta\":{");
}

static void end_chunk(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_text(out, reply->wants_usage ? "],\"usage\":null}\n\n" : "]}\n\n");
}

static void end_choice(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_text(out, "},\"logprobs\":null,\"finish_reason\":null}");
    end_chunk(reply, out);
}

static void add_role(const struct sim_reply *reply, uint64_t choice,
                     struct sim_buf *out)
{
    begin_choice(reply, choice, out);
    if (reply->tool.len) {
        sim_buf_text(out, "\"role\":\"assistant\",\"content\":null,"
                          "\"tool_calls\":[{\"index\":0,\"id\":");
        add_call_id(reply, out);
        sim_buf_text(out, "\"}}],\"refusal\":null");
    } else {
        sim_buf_text(out, "\"role\":\"assistant\",\"content\":\"\","
                          "\"refusal\":null");
    }
    end_choice(reply, out);
}

static void add_token(const struct sim_reply *reply, uint64_t index,
                      uint64_t choice, struct sim_buf *out)
{
    begin_choice(reply, choice, out);
    if (reply->tool.len) {
        sim_buf_text(out, "\"tool_calls\":[{\"index\":0,\"function\":"
                          "{\"arguments\":\"");
        sim_reply_argument(index, out);
        sim_buf_text(out, "\"}}]");
    } else {
        sim_buf_text(out, "\"content\":\"");
        sim_reply_token(reply, index, out);
        sim_buf_text(out, "\"");
    }
    end_choice(reply, out);
}

static void add_last(const struct sim_reply *reply, uint64_t choice,
                     struct sim_buf *out)
{
    begin_choice(reply, choice, out);
    sim_buf_text(out, "},\"logprobs\":null,\"finish_reason\":");
    add_finish(reply, out);
    sim_buf_text(out, "}");
    end_chunk(reply, out);
}

static bool has_usage(const struct sim_reply *reply)
{
    return reply->wants_usage && !reply->how.no_usage;
}

static void add_usage(const struct sim_reply *reply, struct sim_buf *out)
{
    begin_chunk(reply, out);
    sim_buf_text(out, "],\"usage\":");
    sim_reply_usage(reply, out);
    sim_buf_text(out, "}\n\n");
}

static size_t lead(const struct sim_reply *reply)
{
    return reply->choices;
}

static size_t tail(const struct sim_reply *reply)
{
    return reply->choices + has_usage(reply) + !reply->how.no_done;
}

static void event(const struct sim_reply *reply, uint64_t index,
                  struct sim_buf *out)
{
    uint64_t choices = reply->choices;

    if (index < choices) {
        add_role(reply, index, out);
        return;
    }
    index -= choices;
    if (index < reply->tokens * choices) {
        add_token(reply, index / choices, index % choices, out);
        return;
    }
    index -= reply->tokens * choices;
    if (index < choices)
        add_last(reply, index, out);
    else if (index == choices && has_usage(reply))
        add_usage(reply, out);
    else
        sim_buf_text(out, "data: [DONE]\n\n");
}

static const struct sim_script script = {
    .lead = lead,
    .tail = tail,
    .event = event,
};

/* One choice of an answer in one piece. A long text is not added but left in
 * `piece`, to be written from where it is. */
static void add_choice(const struct sim_reply *reply, uint64_t choice,
                       struct sim_buf *out, struct sim_piece *piece)
{
    sim_buf_text(out, choice ? ",{\"index\":" : "{\"index\":");
    sim_buf_u64(out, choice);
    sim_buf_text(out, ",\"message\":{\"role\":\"assistant\",\"content\":");
    if (reply->tool.len) {
        sim_buf_text(out, "null,\"tool_calls\":[{\"id\":");
        add_call_id(reply, out);
        for (uint64_t i = 0; i < SIM_TOOL_PIECES; i++)
            sim_reply_argument(i, out);
        sim_buf_text(out, "\"}}]");
    } else {
        sim_buf_text(out, "\"");
        sim_reply_text(reply, out, reply->choices == 1 ? piece : NULL);
        sim_buf_text(out, "\"");
    }
    sim_buf_text(out, ",\"refusal\":null,\"annotations\":[]},"
                      "\"logprobs\":null,\"finish_reason\":");
    add_finish(reply, out);
    sim_buf_text(out, "}");
}

static void say_whole(struct sim_conn *conn)
{
    struct sim_reply *reply = &conn->reply;
    struct sim_buf *out = &conn->worker->body;
    struct sim_piece piece = { .status = 200, .type = "application/json" };

    sim_answer_wait(reply);
    sim_buf_add(out, sim_buf_str(&reply->prefix));
    sim_buf_text(out, "\"choices\":[");
    for (uint64_t i = 0; i < reply->choices; i++)
        add_choice(reply, i, out, &piece);
    sim_buf_text(out, "]");
    if (!reply->how.no_usage) {
        sim_buf_text(out, ",\"usage\":");
        sim_reply_usage(reply, out);
    }
    sim_buf_text(out, "}\n");
    piece.body = sim_buf_str(out);
    sim_conn_say(conn, &piece);
}

/* The request is read again, all of it. */
static void answer_whole(struct sim_conn *conn)
{
    struct sim_worker *worker = conn->worker;

    if (sim_tree_read(&worker->tree, sim_request_body(&conn->request), NULL) !=
        LLMP_END) {
        sim_answer_error(conn, 400, NULL, "The body is not JSON.");
        return;
    }
    sim_ask_reset(&worker->ask);
    if (sim_chat_read(conn, worker->tree.root))
        sim_chat_say(conn, worker->tree.root);
}

static void answer(struct sim_conn *conn)
{
    const struct llmp_json_field *fields = conn->worker->fields;
    struct sim_reply *reply = &conn->reply;
    bool stream = sim_field_is_true(&fields[SIM_STREAM]);
    uint64_t limit = sim_field_u64(&fields[MAX_TOKENS], 0);

    if (reply->whole || reply->how.whole) {
        answer_whole(conn);
        return;
    }
    limit = sim_field_u64(&fields[MAX_COMPLETION_TOKENS], limit);
    sim_answer_limit(reply, limit);
    reply->choices = sim_field_u64(&fields[N], 1);
    if (reply->choices < 1 || reply->choices > CHOICES_MAX) {
        sim_answer_error(conn, 400, NULL, "'n' must be 1 to 128.");
        return;
    }
    sim_buf_add(&reply->tool, tool_of(fields, &reply->how));
    if (reply->tool.len)
        reply->tokens = SIM_TOOL_PIECES;
    reply->wants_usage = sim_field_is_true(&fields[USAGE]);
    sim_chat_prefix(reply, stream);
    if (stream) {
        reply->script = &script;
        sim_conn_stream(conn);
    } else if (reply->how.error_at != SIM_NEVER) {
        sim_answer_error_200(conn);
    } else {
        say_whole(conn);
    }
}

const struct sim_endpoint sim_chat = {
    .method = "POST",
    .path = "/v1/chat/completions",
    .paths = paths,
    .count = sizeof(paths) / sizeof(paths[0]),
    .required = "messages",
    .answer = answer,
};
