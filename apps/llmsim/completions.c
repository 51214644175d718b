/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/completions. */
#include "answer.h"

enum { USAGE = SIM_OWN, PROMPT, MAX_TOKENS };

static const char *const paths[] = {
    [SIM_MODEL] = "model",
    [SIM_STREAM] = "stream",
    [USAGE] = "stream_options.include_usage",
    [PROMPT] = "prompt",
    [MAX_TOKENS] = "max_tokens",
};

static void make_prefix(struct sim_reply *reply)
{
    struct sim_buf *out = &reply->prefix;

    sim_buf_text(out, "{\"id\":\"cmpl-sim");
    sim_buf_u64(out, reply->ordinal);
    sim_buf_text(out,
                 "\",\"object\":\"text_completion\",\"created\":" SIM_CREATED
                 ",\"model\":\"");
    sim_buf_add(out, sim_buf_str(&reply->model));
    sim_buf_text(out, "\",\"system_fingerprint\":\"fp_sim\",\"choices\":[");
}

static void begin_chunk(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_text(out, "data: ");
    sim_buf_add(out, sim_buf_str(&reply->prefix));
}

static void end_chunk(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_text(out, reply->wants_usage ? "],\"usage\":null}\n\n" : "]}\n\n");
}

static const char *finish_of(const struct sim_reply *reply)
{
    return reply->cut_by_limit ? "\"length\"}" : "\"stop\"}";
}

static void add_token(const struct sim_reply *reply, uint64_t index,
                      struct sim_buf *out)
{
    begin_chunk(reply, out);
    sim_buf_text(out, "{\"text\":\"");
    sim_reply_token(reply, index, out);
    sim_buf_text(out, "\",\"index\":0,\"logprobs\":null,"
                      "\"finish_reason\":null}");
    end_chunk(reply, out);
}

static void add_last(const struct sim_reply *reply, struct sim_buf *out)
{
    begin_chunk(reply, out);
    sim_buf_text(out, "{\"text\":\"\",\"index\":0,\"logprobs\":null,"
                      "\"finish_reason\":");
    sim_buf_text(out, finish_of(reply));
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
    (void)reply;
    return 0;
}

static size_t tail(const struct sim_reply *reply)
{
    return 1u + has_usage(reply) + !reply->how.no_done;
}

static void event(const struct sim_reply *reply, uint64_t index,
                  struct sim_buf *out)
{
    if (index < reply->tokens)
        add_token(reply, index, out);
    else if (index == reply->tokens)
        add_last(reply, out);
    else if (index == reply->tokens + 1 && has_usage(reply))
        add_usage(reply, out);
    else
        sim_buf_text(out, "data: [DONE]\n\n");
}

static const struct sim_script script = {
    .lead = lead,
    .tail = tail,
    .event = event,
};

static void say_whole(struct sim_conn *conn)
{
    struct sim_reply *reply = &conn->reply;
    struct sim_buf *out = &conn->worker->body;
    struct sim_piece piece = { .status = 200, .type = "application/json" };

    sim_answer_wait(reply);
    sim_buf_add(out, sim_buf_str(&reply->prefix));
    sim_buf_text(out, "{\"text\":\"");
    sim_reply_text(reply, out, &piece);
    sim_buf_text(out, "\",\"index\":0,\"logprobs\":null,\"finish_reason\":");
    sim_buf_text(out, finish_of(reply));
    sim_buf_text(out, "]");
    if (!reply->how.no_usage) {
        sim_buf_text(out, ",\"usage\":");
        sim_reply_usage(reply, out);
    }
    sim_buf_text(out, "}\n");
    piece.body = sim_buf_str(out);
    sim_conn_say(conn, &piece);
}

static void answer(struct sim_conn *conn)
{
    const struct llmp_json_field *fields = conn->worker->fields;
    struct sim_reply *reply = &conn->reply;

    sim_answer_limit(reply, sim_field_u64(&fields[MAX_TOKENS], 0));
    reply->wants_usage = sim_field_is_true(&fields[USAGE]);
    make_prefix(reply);
    if (sim_field_is_true(&fields[SIM_STREAM])) {
        reply->script = &script;
        sim_conn_stream(conn);
    } else if (reply->how.error_at != SIM_NEVER) {
        sim_answer_error_200(conn);
    } else {
        say_whole(conn);
    }
}

const struct sim_endpoint sim_completions = {
    .method = "POST",
    .path = "/v1/completions",
    .paths = paths,
    .count = sizeof(paths) / sizeof(paths[0]),
    .required = "prompt",
    .answer = answer,
};
