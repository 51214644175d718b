/* SPDX-License-Identifier: Apache-2.0 */
/* Anthropic's face: a message in one piece, or as events. */
#include "anthropic.h"

/* Reasoning ends with its signature. */
static const struct sim_shape shape = {
    .start = { [SIM_THINKING] = 1, [SIM_TEXT] = 1, [SIM_TOOL] = 1 },
    .stop = { [SIM_THINKING] = 2, [SIM_TEXT] = 1, [SIM_TOOL] = 1 },
};

#define SIGNATURE "c2ltdWxhdGVkIHNpZ25hdHVyZSBvZiB0aGUgcmVhc29uaW5n"

static void add_stop(const struct sim_plan *plan, struct sim_buf *out)
{
    static const char *const reasons[SIM_FINISHES] = {
        [SIM_FINISH_STOP] = "end_turn",
        [SIM_FINISH_LENGTH] = "max_tokens",
        [SIM_FINISH_TOOLS] = "tool_use",
        [SIM_FINISH_SEQUENCE] = "stop_sequence",
        [SIM_FINISH_FILTER] = "refusal",
        [SIM_FINISH_REFUSAL] = "refusal",
    };

    sim_buf_printf(out, "\"stop_reason\":\"%s\",\"stop_sequence\":",
                   reasons[plan->finish]);
    if (plan->stop.len)
        sim_buf_quote(out, plan->stop);
    else
        sim_buf_text(out, "null");
}

static void add_usage(const struct sim_reply *reply, uint64_t output,
                      struct sim_buf *out)
{
    const struct sim_plan *plan = reply->plan;
    unsigned long long none = reply->how.no_usage ? 0 : 1;

    sim_buf_printf(out,
                   "\"usage\":{\"input_tokens\":%llu,"
                   "\"cache_creation_input_tokens\":%llu,"
                   "\"cache_read_input_tokens\":%llu,"
                   "\"cache_creation\":{\"ephemeral_5m_input_tokens\":%llu,"
                   "\"ephemeral_1h_input_tokens\":0},"
                   "\"output_tokens\":%llu,\"service_tier\":\"standard\"}",
                   none * plan->input, none * plan->cache_write,
                   none * plan->cache_read, none * plan->cache_write,
                   none * output);
}

static void begin_message(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_text(out, "{\"id\":\"msg_sim");
    sim_buf_u64(out, reply->ordinal);
    sim_buf_text(out, "\",\"type\":\"message\",\"role\":\"assistant\","
                      "\"model\":\"");
    sim_buf_add(out, sim_buf_str(&reply->model));
    sim_buf_text(out, "\",\"content\":[");
}

static void add_citation(uint64_t number, struct sim_buf *out)
{
    sim_buf_printf(out,
                   "{\"type\":\"char_location\",\"cited_text\":\"source "
                   "%llu\",\"document_index\":%llu,\"document_title\":"
                   "\"Document %llu\",\"start_char_index\":0,"
                   "\"end_char_index\":8}",
                   (unsigned long long)number, (unsigned long long)number,
                   (unsigned long long)number);
}

/* A block's members but its content. */
static void begin_block(const struct sim_reply *reply,
                        const struct sim_block *block, struct sim_buf *out)
{
    if (block->kind == SIM_TOOL) {
        sim_buf_printf(out,
                       "{\"type\":\"tool_use\",\"id\":\"toolu_sim%llu_%llu"
                       "\",\"name\":",
                       (unsigned long long)reply->ordinal,
                       (unsigned long long)block->number);
        sim_buf_quote(out, sim_block_name(reply->plan, block));
        sim_buf_text(out, ",\"input\":");
        return;
    }
    sim_buf_text(out, block->kind == SIM_TEXT
                          ? "{\"type\":\"text\",\"text\":"
                          : "{\"type\":\"thinking\",\"thinking\":");
}

static void add_block(const struct sim_reply *reply,
                      const struct sim_block *block, struct sim_buf *out)
{
    begin_block(reply, block, out);
    if (block->kind == SIM_TOOL) {
        sim_buf_add(out, sim_block_raw(reply->plan, block));
        sim_buf_text(out, "}");
        return;
    }
    sim_buf_text(out, "\"");
    sim_block_text(reply, block, out);
    sim_buf_text(out, "\"");
    if (block->kind == SIM_THINKING)
        sim_buf_text(out, ",\"signature\":\"" SIGNATURE "\"");
    for (uint64_t i = 0; block->kind == SIM_TEXT && i < reply->how.citations;
         i++) {
        sim_buf_text(out, i ? "," : ",\"citations\":[");
        add_citation(i, out);
        sim_buf_text(out, i + 1 == reply->how.citations ? "]" : "");
    }
    sim_buf_text(out, "}");
}

static void say_whole(struct sim_conn *conn)
{
    const struct sim_reply *reply = &conn->reply;
    const struct sim_plan *plan = reply->plan;
    struct sim_buf *out = &conn->worker->body;

    begin_message(reply, out);
    for (uint32_t i = 0; i < plan->count; i++) {
        sim_buf_text(out, i ? "," : "");
        add_block(reply, &plan->blocks[i], out);
    }
    sim_buf_text(out, "],");
    add_stop(plan, out);
    sim_buf_text(out, ",");
    add_usage(reply, plan->output, out);
    sim_buf_text(out, "}");
    sim_face_say(conn);
}

static void begin_event(const char *type, struct sim_buf *out)
{
    sim_buf_text(out, "event: ");
    sim_buf_text(out, type);
    sim_buf_text(out, "\ndata: {\"type\":\"");
    sim_buf_text(out, type);
    sim_buf_text(out, "\"");
}

static void begin_block_event(const char *type, uint32_t index,
                              struct sim_buf *out)
{
    begin_event(type, out);
    sim_buf_text(out, ",\"index\":");
    sim_buf_u64(out, index);
}

static void add_start(const struct sim_reply *reply, uint32_t index,
                      struct sim_buf *out)
{
    const struct sim_block *block = &reply->plan->blocks[index];

    begin_block_event("content_block_start", index, out);
    sim_buf_text(out, ",\"content_block\":");
    begin_block(reply, block, out);
    sim_buf_text(out, block->kind == SIM_TOOL       ? "{}}"
                      : block->kind == SIM_THINKING ? "\"\",\"signature\":\"\"}"
                                                    : "\"\"}");
}

static void add_piece(const struct sim_reply *reply, struct sim_place place,
                      struct sim_buf *out)
{
    static const char *const deltas[SIM_KINDS] = {
        [SIM_THINKING] = "{\"type\":\"thinking_delta\",\"thinking\":\"",
        [SIM_TEXT] = "{\"type\":\"text_delta\",\"text\":\"",
        [SIM_TOOL] = "{\"type\":\"input_json_delta\",\"partial_json\":\"",
    };
    const struct sim_block *block = &reply->plan->blocks[place.block];

    begin_block_event("content_block_delta", place.block, out);
    sim_buf_text(out, ",\"delta\":");
    sim_buf_text(out, deltas[block->kind]);
    sim_block_piece(reply, block, place.number, out);
    sim_buf_text(out, "\"}");
}

/* The signature or the citations, then the end of the block. */
static void add_block_end(const struct sim_reply *reply, struct sim_place place,
                          struct sim_buf *out)
{
    enum sim_kind kind = reply->plan->blocks[place.block].kind;

    if (place.number + 1 == reply->plan->shape.stop[kind]) {
        begin_block_event("content_block_stop", place.block, out);
        return;
    }
    begin_block_event("content_block_delta", place.block, out);
    if (kind == SIM_THINKING) {
        sim_buf_text(out, ",\"delta\":{\"type\":\"signature_delta\","
                          "\"signature\":\"" SIGNATURE "\"}");
        return;
    }
    sim_buf_text(out, ",\"delta\":{\"type\":\"citations_delta\","
                      "\"citation\":");
    add_citation(place.number, out);
    sim_buf_text(out, "}");
}

static void add_end(const struct sim_reply *reply, uint64_t number,
                    struct sim_buf *out)
{
    if (number > 0) {
        begin_event("message_stop", out);
        return;
    }
    begin_event("message_delta", out);
    sim_buf_text(out, ",\"delta\":{");
    add_stop(reply->plan, out);
    sim_buf_text(out, "},");
    add_usage(reply, reply->plan->output, out);
}

static void add_message_start(const struct sim_reply *reply,
                              struct sim_buf *out)
{
    begin_event("message_start", out);
    sim_buf_text(out, ",\"message\":");
    begin_message(reply, out);
    sim_buf_text(out, "],\"stop_reason\":null,\"stop_sequence\":null,");
    add_usage(reply, 1, out);
    sim_buf_text(out, "}");
}

/* The ping comes behind the start of the first block, as from the real one. */
#define PING_AT 2

static void event(const struct sim_reply *reply, uint64_t index,
                  struct sim_buf *out)
{
    struct sim_place place;

    if (index == 0) {
        add_message_start(reply, out);
    } else if (index == PING_AT) {
        begin_event("ping", out);
    } else {
        place = sim_plan_at(reply->plan, index - (index > PING_AT) - 1);
        if (place.part == SIM_START)
            add_start(reply, place.block, out);
        else if (place.part == SIM_PIECE)
            add_piece(reply, place, out);
        else if (place.part == SIM_STOP)
            add_block_end(reply, place, out);
        else
            add_end(reply, place.number, out);
    }
    sim_buf_text(out, "}\n\n");
}

static void fault(const struct sim_reply *reply, enum sim_fault what,
                  struct sim_buf *out)
{
    (void)reply;
    sim_buf_text(out,
                 what == SIM_FAULT_MALFORMED
                     ? "event: content_block_delta\ndata: {\"type\":"
                       "\"content_block_delta\",\"index\":0,\"delta\":{\"te\n\n"
                     : "event: error\ndata: {\"type\":\"error\",\"error\":{"
                       "\"type\":\"overloaded_error\",\"message\":"
                       "\"Overloaded\"}}\n\n");
}

static const struct sim_script script = {
    .lead = sim_plan_lead,
    .tail = sim_plan_tail,
    .event = event,
    .fault = fault,
};

#define CITATIONS_MAX 100

void sim_anthropic_say(struct sim_conn *conn, bool stream)
{
    struct sim_reply *reply = &conn->reply;

    if (reply->how.citations > CITATIONS_MAX)
        reply->how.citations = CITATIONS_MAX;
    sim_plan_make(conn, &shape);
    reply->plan->shape.stop[SIM_TEXT] = (uint8_t)(1 + reply->how.citations);
    if (stream)
        sim_plan_stream(conn, &script,
                        &(struct sim_around){ .before = 2, .after = 2 });
    else if (reply->how.error_at != SIM_NEVER)
        sim_answer_error(conn, 200, NULL, "Overloaded");
    else
        say_whole(conn);
}
