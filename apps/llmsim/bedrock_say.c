/* SPDX-License-Identifier: Apache-2.0 */
/* Bedrock's face: Converse's answer in one piece, or as binary events. */
#include "bedrock.h"
#include "eventstream.h"

/* Only tools have a start; reasoning ends with its signature. */
static const struct sim_shape shape = {
    .start = { [SIM_TOOL] = 1 },
    .stop = { [SIM_THINKING] = 2, [SIM_TEXT] = 1, [SIM_TOOL] = 1 },
};

#define SIGNATURE "c2ltdWxhdGVkIHNpZ25hdHVyZQ=="

static const char *stop_of(const struct sim_plan *plan)
{
    static const char *const reasons[SIM_FINISHES] = {
        [SIM_FINISH_STOP] = "end_turn",
        [SIM_FINISH_LENGTH] = "max_tokens",
        [SIM_FINISH_TOOLS] = "tool_use",
        [SIM_FINISH_SEQUENCE] = "stop_sequence",
        [SIM_FINISH_FILTER] = "content_filtered",
        [SIM_FINISH_REFUSAL] = "end_turn",
    };

    return plan->blocked ? "guardrail_intervened" : reasons[plan->finish];
}

static void add_usage(const struct sim_reply *reply, struct sim_buf *out)
{
    const struct sim_plan *plan = reply->plan;

    if (!reply->how.no_usage)
        sim_buf_printf(out,
                       "\"usage\":{\"inputTokens\":%llu,\"outputTokens\":%llu,"
                       "\"totalTokens\":%llu,\"cacheReadInputTokens\":%llu,"
                       "\"cacheWriteInputTokens\":%llu},",
                       (unsigned long long)plan->input,
                       (unsigned long long)plan->output,
                       (unsigned long long)(plan->input + plan->cache_read +
                                            plan->cache_write + plan->output),
                       (unsigned long long)plan->cache_read,
                       (unsigned long long)plan->cache_write);
    sim_buf_text(out, "\"metrics\":{\"latencyMs\":1}");
}

static void add_tool_head(const struct sim_reply *reply,
                          const struct sim_block *block, struct sim_buf *out)
{
    sim_buf_printf(out,
                   "{\"toolUse\":{\"toolUseId\":\"tooluse_sim%llu_%llu\","
                   "\"name\":",
                   (unsigned long long)reply->ordinal,
                   (unsigned long long)block->number);
    sim_buf_quote(out, sim_block_name(reply->plan, block));
}

static void add_citation(uint64_t number, struct sim_buf *out)
{
    sim_buf_printf(out,
                   "{\"title\":\"Document %llu\",\"sourceContent\":[{\"text\":"
                   "\"source %llu\"}],\"location\":{\"documentChar\":{"
                   "\"documentIndex\":%llu,\"start\":0,\"end\":8}}}",
                   (unsigned long long)number, (unsigned long long)number,
                   (unsigned long long)number);
}

static void add_cited(const struct sim_reply *reply,
                      const struct sim_block *block, struct sim_buf *out)
{
    sim_buf_text(out, "{\"citationsContent\":{\"content\":[{\"text\":\"");
    sim_block_text(reply, block, out);
    sim_buf_text(out, "\"}],\"citations\":[");
    for (uint64_t i = 0; i < reply->how.citations; i++) {
        sim_buf_text(out, i ? "," : "");
        add_citation(i, out);
    }
    sim_buf_text(out, "]}}");
}

static void add_block(const struct sim_reply *reply,
                      const struct sim_block *block, struct sim_buf *out)
{
    if (block->kind == SIM_TOOL) {
        add_tool_head(reply, block, out);
        sim_buf_text(out, ",\"input\":");
        sim_buf_add(out, sim_block_raw(reply->plan, block));
        sim_buf_text(out, "}}");
    } else if (block->kind == SIM_THINKING) {
        sim_buf_text(out,
                     "{\"reasoningContent\":{\"reasoningText\":{\"text\":\"");
        sim_block_text(reply, block, out);
        sim_buf_text(out, "\",\"signature\":\"" SIGNATURE "\"}}}");
    } else if (reply->how.citations) {
        add_cited(reply, block, out);
    } else {
        sim_buf_text(out, "{\"text\":\"");
        sim_block_text(reply, block, out);
        sim_buf_text(out, "\"}");
    }
}

static void say_whole(struct sim_conn *conn)
{
    const struct sim_reply *reply = &conn->reply;
    struct sim_buf *out = &conn->worker->body;

    sim_buf_text(out, "{\"output\":{\"message\":{\"role\":\"assistant\","
                      "\"content\":[");
    for (uint32_t i = 0; i < reply->plan->count; i++) {
        sim_buf_text(out, i ? "," : "");
        add_block(reply, &reply->plan->blocks[i], out);
    }
    sim_buf_printf(out, "]}},\"stopReason\":\"%s\",", stop_of(reply->plan));
    add_usage(reply, out);
    sim_buf_text(out, "}");
    sim_face_say(conn);
}

/* --- events --- */

/* The real service fills events up, so that their sizes tell nothing. */
#define PADDING ",\"p\":\"abcdefghij\"}"

static size_t begin_event(const char *type, struct sim_buf *out)
{
    size_t began = sim_frame_begin(out, "event", type);

    sim_buf_text(out, "{");
    return began;
}

static void end_event(size_t began, struct sim_buf *out)
{
    sim_buf_text(out, PADDING);
    sim_frame_end(out, began);
}

static void add_start(const struct sim_reply *reply, uint32_t index,
                      struct sim_buf *out)
{
    size_t began = begin_event("contentBlockStart", out);

    sim_buf_text(out, "\"start\":");
    add_tool_head(reply, &reply->plan->blocks[index], out);
    sim_buf_printf(out, "}},\"contentBlockIndex\":%u", index);
    end_event(began, out);
}

static void add_piece(const struct sim_reply *reply, struct sim_place place,
                      struct sim_buf *out)
{
    static const char *const heads[SIM_KINDS] = {
        [SIM_THINKING] = "\"delta\":{\"reasoningContent\":{\"text\":\"",
        [SIM_TEXT] = "\"delta\":{\"text\":\"",
        [SIM_TOOL] = "\"delta\":{\"toolUse\":{\"input\":\"",
    };
    const struct sim_block *block = &reply->plan->blocks[place.block];
    size_t began = begin_event("contentBlockDelta", out);

    sim_buf_text(out, heads[block->kind]);
    sim_block_piece(reply, block, place.number, out);
    sim_buf_text(out, block->kind == SIM_TEXT ? "\"}" : "\"}}");
    sim_buf_printf(out, ",\"contentBlockIndex\":%u", place.block);
    end_event(began, out);
}

/* The signature or the citations, then the end of the block. */
static void add_block_end(const struct sim_reply *reply, struct sim_place place,
                          struct sim_buf *out)
{
    enum sim_kind kind = reply->plan->blocks[place.block].kind;
    bool last = place.number + 1 == reply->plan->shape.stop[kind];
    size_t began =
        begin_event(last ? "contentBlockStop" : "contentBlockDelta", out);

    if (!last && kind == SIM_THINKING) {
        sim_buf_text(out, "\"delta\":{\"reasoningContent\":{\"signature\":"
                          "\"" SIGNATURE "\"}},");
    } else if (!last) {
        sim_buf_text(out, "\"delta\":{\"citation\":");
        add_citation(place.number, out);
        sim_buf_text(out, "},");
    }
    sim_buf_printf(out, "\"contentBlockIndex\":%u", place.block);
    end_event(began, out);
}

static void add_end(const struct sim_reply *reply, uint64_t number,
                    struct sim_buf *out)
{
    size_t began = begin_event(number ? "metadata" : "messageStop", out);

    if (number)
        add_usage(reply, out);
    else
        sim_buf_printf(out, "\"stopReason\":\"%s\"", stop_of(reply->plan));
    end_event(began, out);
}

static void event(const struct sim_reply *reply, uint64_t index,
                  struct sim_buf *out)
{
    struct sim_place place;
    size_t began;

    if (index == 0) {
        began = begin_event("messageStart", out);
        sim_buf_text(out, "\"role\":\"assistant\"");
        end_event(began, out);
        return;
    }
    place = sim_plan_at(reply->plan, index - 1);
    if (place.part == SIM_START)
        add_start(reply, place.block, out);
    else if (place.part == SIM_PIECE)
        add_piece(reply, place, out);
    else if (place.part == SIM_STOP)
        add_block_end(reply, place, out);
    else
        add_end(reply, place.number, out);
}

/* What is malformed here is the frame: its checksum is wrong. */
static void fault(const struct sim_reply *reply, enum sim_fault what,
                  struct sim_buf *out)
{
    size_t began;

    (void)reply;
    if (what == SIM_FAULT_ERROR) {
        began = sim_frame_begin(out, "exception", "modelStreamErrorException");
        sim_buf_text(out, "{\"message\":\"The model had an error while it "
                          "answered.\",\"originalStatusCode\":500}");
        sim_frame_end(out, began);
        return;
    }
    began = begin_event("contentBlockDelta", out);
    sim_buf_text(out, "\"delta\":{\"text\":\"broken\"}");
    end_event(began, out);
    out->ptr[out->len - 1] ^= 1;
}

static const struct sim_script script = {
    .lead = sim_plan_lead,
    .tail = sim_plan_tail,
    .event = event,
    .fault = fault,
    .type = "application/vnd.amazon.eventstream",
};

#define CITATIONS_MAX 100

void sim_bedrock_say(struct sim_conn *conn, bool stream)
{
    struct sim_reply *reply = &conn->reply;

    if (reply->how.citations > CITATIONS_MAX)
        reply->how.citations = CITATIONS_MAX;
    sim_plan_make(conn, &shape);
    reply->plan->shape.stop[SIM_TEXT] = (uint8_t)(1 + reply->how.citations);
    if (stream)
        sim_plan_stream(conn, &script,
                        &(struct sim_around){ .before = 1, .after = 2 });
    else if (reply->how.error_at != SIM_NEVER)
        sim_answer_error(conn, 200, NULL,
                         "The model had an error while it answered.");
    else
        say_whole(conn);
}
