/* SPDX-License-Identifier: Apache-2.0 */
/* POST /v1/responses. The output is one message or one function call. */
#include "answer.h"

enum { INPUT = SIM_OWN, MAX_TOKENS, TOOL_NAME, TOOL_CHOICE, TOOL_CHOICE_NAME };

static const char *const paths[] = {
    [SIM_MODEL] = "model",
    [SIM_STREAM] = "stream",
    [INPUT] = "input",
    [MAX_TOKENS] = "max_output_tokens",
    [TOOL_NAME] = "tools.[].name",
    [TOOL_CHOICE] = "tool_choice",
    [TOOL_CHOICE_NAME] = "tool_choice.name",
};

static struct llmp_str tool_of(const struct llmp_json_field *fields,
                               const struct sim_behaviour *how)
{
    struct llmp_str choice = sim_field_text(&fields[TOOL_CHOICE]);
    struct llmp_str named = sim_field_text(&fields[TOOL_CHOICE_NAME]);
    bool wanted = sim_str_is(choice, "required") || how->tool;

    if (sim_str_is(choice, "none") || (!named.len && !wanted))
        return (struct llmp_str){ "", 0 };
    return named.len ? named : sim_field_text(&fields[TOOL_NAME]);
}

static void add_text(const struct sim_reply *reply, struct sim_buf *out,
                     struct sim_piece *piece)
{
    if (!reply->tool.len) {
        sim_reply_text(reply, out, piece);
        return;
    }
    for (uint64_t i = 0; i < SIM_TOOL_PIECES; i++)
        sim_reply_argument(i, out);
}

static void add_part(const struct sim_reply *reply, bool full,
                     struct sim_buf *out, struct sim_piece *piece)
{
    sim_buf_text(out, "{\"type\":\"output_text\",\"annotations\":[],"
                      "\"logprobs\":[],\"text\":\"");
    if (full)
        add_text(reply, out, piece);
    sim_buf_text(out, "\"}");
}

static void add_item_id(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_text(out, reply->tool.len ? "\"fc_sim" : "\"msg_sim");
    sim_buf_u64(out, reply->ordinal);
    sim_buf_text(out, "\"");
}

static void add_item(const struct sim_reply *reply, bool full,
                     struct sim_buf *out, struct sim_piece *piece)
{
    const char *status = full ? "\"completed\"" : "\"in_progress\"";

    sim_buf_text(out, "{\"id\":");
    add_item_id(reply, out);
    sim_buf_text(out, ",\"status\":");
    sim_buf_text(out, status);
    if (reply->tool.len) {
        sim_buf_text(out,
                     ",\"type\":\"function_call\",\"call_id\":\"call_sim_");
        sim_buf_u64(out, reply->ordinal);
        sim_buf_text(out, "\",\"name\":\"");
        sim_buf_add(out, sim_buf_str(&reply->tool));
        sim_buf_text(out, "\",\"arguments\":\"");
        if (full)
            add_text(reply, out, piece);
        sim_buf_text(out, "\"}");
        return;
    }
    sim_buf_text(out, ",\"type\":\"message\",\"role\":\"assistant\","
                      "\"content\":[");
    if (full)
        add_part(reply, true, out, piece);
    sim_buf_text(out, "]}");
}

static void add_usage(const struct sim_reply *reply, struct sim_buf *out)
{
    if (reply->how.no_usage) {
        sim_buf_text(out, "null");
        return;
    }
    sim_buf_text(out, "{\"input_tokens\":");
    sim_buf_u64(out, reply->prompt_tokens);
    sim_buf_text(out, ",\"input_tokens_details\":{\"cached_tokens\":0},"
                      "\"output_tokens\":");
    sim_buf_u64(out, reply->tokens);
    sim_buf_text(out, ",\"output_tokens_details\":{\"reasoning_tokens\":0},"
                      "\"total_tokens\":");
    sim_buf_u64(out, reply->prompt_tokens + reply->tokens);
    sim_buf_text(out, "}");
}

/* The response as a whole, before or after its output. */
static void add_response(const struct sim_reply *reply, bool full,
                         struct sim_buf *out, struct sim_piece *piece)
{
    bool incomplete = full && reply->cut_by_limit;

    sim_buf_text(out, "{\"id\":\"resp_sim");
    sim_buf_u64(out, reply->ordinal);
    sim_buf_text(out, "\",\"object\":\"response\",\"created_at\":" SIM_CREATED
                      ",\"status\":");
    sim_buf_text(out, incomplete ? "\"incomplete\""
                      : full     ? "\"completed\""
                                 : "\"in_progress\"");
    sim_buf_text(out, ",\"error\":null,\"incomplete_details\":");
    sim_buf_text(out,
                 incomplete ? "{\"reason\":\"max_output_tokens\"}" : "null");
    sim_buf_text(out, ",\"instructions\":null,\"metadata\":{},\"model\":\"");
    sim_buf_add(out, sim_buf_str(&reply->model));
    sim_buf_text(out, "\",\"parallel_tool_calls\":true,\"temperature\":1.0,"
                      "\"tool_choice\":\"auto\",\"tools\":[],\"top_p\":1.0,"
                      "\"output\":[");
    if (full)
        add_item(reply, true, out, piece);
    sim_buf_text(out, "],\"usage\":");
    if (full)
        add_usage(reply, out);
    else
        sim_buf_text(out, "null");
    sim_buf_text(out, "}");
}

static void begin_event(const char *type, uint64_t index, struct sim_buf *out)
{
    sim_buf_text(out, "event: ");
    sim_buf_text(out, type);
    sim_buf_text(out, "\ndata: {\"type\":\"");
    sim_buf_text(out, type);
    sim_buf_text(out, "\",\"sequence_number\":");
    sim_buf_u64(out, index);
}

static void add_place(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_text(out, ",\"item_id\":");
    add_item_id(reply, out);
    sim_buf_text(out, ",\"output_index\":0");
    if (!reply->tool.len)
        sim_buf_text(out, ",\"content_index\":0");
}

/* Events in the order of the stream; the parts of a message are left out for
 * a function call. */
enum step {
    CREATED,
    IN_PROGRESS,
    ITEM_ADDED,
    PART_ADDED,
    DELTA,
    TEXT_DONE,
    PART_DONE,
    ITEM_DONE,
    COMPLETED,
};

static size_t lead(const struct sim_reply *reply)
{
    return reply->tool.len ? 3 : 4;
}

static size_t tail(const struct sim_reply *reply)
{
    return reply->tool.len ? 3 : 4;
}

static enum step step_of(const struct sim_reply *reply, uint64_t index)
{
    uint64_t first = lead(reply);

    if (index < first)
        return (enum step)index;
    if (index < first + reply->tokens)
        return DELTA;
    index -= first + reply->tokens;
    if (reply->tool.len && index > 0)
        index++;
    return (enum step)(TEXT_DONE + index);
}

static void add_delta(const struct sim_reply *reply, uint64_t index,
                      struct sim_buf *out)
{
    begin_event(reply->tool.len ? "response.function_call_arguments.delta"
                                : "response.output_text.delta",
                index, out);
    add_place(reply, out);
    sim_buf_text(out, ",\"delta\":\"");
    if (reply->tool.len)
        sim_reply_argument(index - lead(reply), out);
    else
        sim_reply_token(reply, index - lead(reply), out);
    sim_buf_text(out, reply->tool.len ? "\"" : "\",\"logprobs\":[]");
}

static void add_text_done(const struct sim_reply *reply, uint64_t index,
                          struct sim_buf *out)
{
    begin_event(reply->tool.len ? "response.function_call_arguments.done"
                                : "response.output_text.done",
                index, out);
    add_place(reply, out);
    sim_buf_text(out, reply->tool.len ? ",\"arguments\":\"" : ",\"text\":\"");
    add_text(reply, out, NULL);
    sim_buf_text(out, "\"");
}

static void add_part_event(const struct sim_reply *reply, bool done,
                           uint64_t index, struct sim_buf *out)
{
    begin_event(done ? "response.content_part.done"
                     : "response.content_part.added",
                index, out);
    add_place(reply, out);
    sim_buf_text(out, ",\"part\":");
    add_part(reply, done, out, NULL);
}

static void add_item_event(const struct sim_reply *reply, bool done,
                           uint64_t index, struct sim_buf *out)
{
    begin_event(done ? "response.output_item.done"
                     : "response.output_item.added",
                index, out);
    sim_buf_text(out, ",\"output_index\":0,\"item\":");
    add_item(reply, done, out, NULL);
}

static void add_response_event(const struct sim_reply *reply, enum step step,
                               uint64_t index, struct sim_buf *out)
{
    begin_event(step == CREATED       ? "response.created"
                : step == IN_PROGRESS ? "response.in_progress"
                : reply->cut_by_limit ? "response.incomplete"
                                      : "response.completed",
                index, out);
    sim_buf_text(out, ",\"response\":");
    add_response(reply, step == COMPLETED, out, NULL);
}

static void event(const struct sim_reply *reply, uint64_t index,
                  struct sim_buf *out)
{
    enum step step = step_of(reply, index);

    switch (step) {
    case CREATED:
    case IN_PROGRESS:
    case COMPLETED:
        add_response_event(reply, step, index, out);
        break;
    case ITEM_ADDED:
    case ITEM_DONE:
        add_item_event(reply, step == ITEM_DONE, index, out);
        break;
    case PART_ADDED:
    case PART_DONE:
        add_part_event(reply, step == PART_DONE, index, out);
        break;
    case DELTA:
        add_delta(reply, index, out);
        break;
    case TEXT_DONE:
        add_text_done(reply, index, out);
        break;
    }
    sim_buf_text(out, "}\n\n");
}

static const struct sim_script script = {
    .lead = lead,
    .tail = tail,
    .event = event,
    .error = "event: error\ndata: {\"type\":\"error\",\"sequence_number\":0,"
             "\"code\":\"server_error\",\"message\":\"The server had an error "
             "while processing your request.\",\"param\":null}\n\n",
};

static void say_whole(struct sim_conn *conn)
{
    struct sim_reply *reply = &conn->reply;
    struct sim_buf *out = &conn->worker->body;
    struct sim_piece piece = { .status = 200, .type = "application/json" };

    sim_answer_wait(reply);
    add_response(reply, true, out, &piece);
    piece.body = sim_buf_str(out);
    sim_conn_say(conn, &piece);
}

static void answer(struct sim_conn *conn)
{
    const struct llmp_json_field *fields = conn->worker->fields;
    struct sim_reply *reply = &conn->reply;

    sim_answer_limit(reply, sim_field_u64(&fields[MAX_TOKENS], 0));
    sim_buf_add(&reply->tool, tool_of(fields, &reply->how));
    if (reply->tool.len) {
        reply->tokens = SIM_TOOL_PIECES;
        reply->cut_by_limit = false;
    }
    if (sim_field_is_true(&fields[SIM_STREAM])) {
        reply->script = &script;
        sim_conn_stream(conn);
    } else if (reply->how.error_at != SIM_NEVER) {
        sim_answer_error_200(conn);
    } else {
        say_whole(conn);
    }
}

const struct sim_endpoint sim_responses = {
    .method = "POST",
    .path = "/v1/responses",
    .paths = paths,
    .count = sizeof(paths) / sizeof(paths[0]),
    .required = "input",
    .answer = answer,
};
