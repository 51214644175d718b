/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gemini's face: an answer in one piece, as events, or as an array whose
 * elements come one by one. Every element looks like a whole answer.
 */
#include "gemini.h"

static const struct sim_shape shape = { .whole_tools = true };

#define SIGNATURE "c2ltdWxhdGVkIHRob3VnaHQgc2lnbmF0dXJl"

static const char *finish_of(const struct sim_plan *plan)
{
    static const char *const reasons[SIM_FINISHES] = {
        [SIM_FINISH_STOP] = "STOP",
        [SIM_FINISH_LENGTH] = "MAX_TOKENS",
        [SIM_FINISH_TOOLS] = "STOP",
        [SIM_FINISH_SEQUENCE] = "STOP",
        [SIM_FINISH_FILTER] = "SAFETY",
        [SIM_FINISH_REFUSAL] = "PROHIBITED_CONTENT",
    };

    return reasons[plan->finish];
}

static void add_usage(const struct sim_reply *reply, bool full,
                      struct sim_buf *out)
{
    const struct sim_plan *plan = reply->plan;
    uint64_t answer = (plan->output - plan->thinking) * plan->candidates;
    uint64_t total = reply->prompt_tokens;

    if (reply->how.no_usage)
        return;
    sim_buf_text(out, ",\"usageMetadata\":{\"promptTokenCount\":");
    sim_buf_u64(out, reply->prompt_tokens);
    if (full) {
        total += answer + plan->thinking;
        sim_buf_text(out, ",\"candidatesTokenCount\":");
        sim_buf_u64(out, answer);
        if (plan->thinking) {
            sim_buf_text(out, ",\"thoughtsTokenCount\":");
            sim_buf_u64(out, plan->thinking);
        }
    }
    if (plan->cache_read) {
        sim_buf_text(out, ",\"cachedContentTokenCount\":");
        sim_buf_u64(out, plan->cache_read);
    }
    sim_buf_text(out, ",\"totalTokenCount\":");
    sim_buf_u64(out, total);
    sim_buf_text(out, ",\"promptTokensDetails\":[{\"modality\":\"TEXT\","
                      "\"tokenCount\":");
    sim_buf_u64(out, reply->prompt_tokens);
    sim_buf_text(out, "}]}");
}

static void end_answer(const struct sim_reply *reply, bool full,
                       struct sim_buf *out)
{
    add_usage(reply, full, out);
    sim_buf_text(out, ",\"modelVersion\":\"");
    sim_buf_add(out, sim_buf_str(&reply->model));
    sim_buf_text(out, "\",\"responseId\":\"sim-");
    sim_buf_u64(out, reply->ordinal);
    sim_buf_text(out, "\"}");
}

/* One part, with a piece of the block, or all of it. */
static void add_part(const struct sim_reply *reply,
                     const struct sim_block *block,
                     const struct sim_place *piece, struct sim_buf *out)
{
    bool first = !piece || piece->number == 0;

    if (block->kind == SIM_TOOL) {
        sim_buf_text(out, "{\"functionCall\":{\"name\":");
        sim_buf_quote(out, sim_block_name(reply->plan, block));
        sim_buf_text(out, ",\"args\":");
        sim_buf_add(out, sim_block_raw(reply->plan, block));
        sim_buf_text(out, block->number == 0
                              ? "},\"thoughtSignature\":\"" SIGNATURE "\"}"
                              : "}}");
        return;
    }
    sim_buf_text(out, "{\"text\":\"");
    if (piece)
        sim_block_piece(reply, block, piece->number, out);
    else
        sim_block_text(reply, block, out);
    sim_buf_text(out, "\"");
    if (block->kind == SIM_THINKING)
        sim_buf_text(out, ",\"thought\":true");
    if (block->kind == SIM_TEXT && reply->plan->thinking && first)
        sim_buf_text(out, ",\"thoughtSignature\":\"" SIGNATURE "\"");
    sim_buf_text(out, "}");
}

static void add_citations(uint64_t count, struct sim_buf *out)
{
    for (uint64_t i = 0; i < count; i++)
        sim_buf_printf(out,
                       "%s{\"startIndex\":0,\"endIndex\":%llu,\"uri\":"
                       "\"https://example.com/%llu\"}%s",
                       i ? "," : ",\"citationMetadata\":{\"citationSources\":[",
                       (unsigned long long)i + 1, (unsigned long long)i,
                       i + 1 == count ? "]}" : "");
}

static void end_candidate(const struct sim_reply *reply, bool full,
                          uint64_t number, struct sim_buf *out)
{
    sim_buf_text(out, "],\"role\":\"model\"}");
    if (full) {
        sim_buf_printf(out, ",\"finishReason\":\"%s\"", finish_of(reply->plan));
        add_citations(reply->how.citations, out);
    }
    if (full && reply->plan->finish == SIM_FINISH_FILTER)
        sim_buf_text(out, ",\"safetyRatings\":[{\"category\":"
                          "\"HARM_CATEGORY_DANGEROUS_CONTENT\","
                          "\"probability\":\"HIGH\",\"blocked\":true}]");
    sim_buf_text(out, ",\"index\":");
    sim_buf_u64(out, number);
    sim_buf_text(out, "}");
}

static void add_blocked(struct sim_buf *out)
{
    sim_buf_text(out, "{\"promptFeedback\":{\"blockReason\":\"SAFETY\","
                      "\"safetyRatings\":[{\"category\":"
                      "\"HARM_CATEGORY_DANGEROUS_CONTENT\",\"probability\":"
                      "\"HIGH\",\"blocked\":true}]}");
}

/* All candidates say the same. `place` NULL: everything; a place behind the
 * blocks: only why it ends. */
static void add_answer(const struct sim_reply *reply,
                       const struct sim_place *place, struct sim_buf *out)
{
    const struct sim_plan *plan = reply->plan;
    bool full = !place || place->part == SIM_AFTER;

    if (plan->blocked) {
        add_blocked(out);
        end_answer(reply, true, out);
        return;
    }
    sim_buf_text(out, "{\"candidates\":[");
    for (uint64_t n = 0; n < plan->candidates; n++) {
        sim_buf_text(out, n ? ",{\"content\":{\"parts\":["
                            : "{\"content\":{\"parts\":[");
        for (uint32_t i = 0; !place && i < plan->count; i++) {
            sim_buf_text(out, i ? "," : "");
            add_part(reply, &plan->blocks[i], NULL, out);
        }
        if (place && !full)
            add_part(reply, &plan->blocks[place->block], place, out);
        if (place && full)
            sim_buf_text(out, "{\"text\":\"\"}");
        end_candidate(reply, full, n, out);
    }
    sim_buf_text(out, "]");
    end_answer(reply, full, out);
}

/* What stands before and after an element, in either form. */
static void begin_element(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_text(out, !reply->plan->variant ? "data: "
                      : reply->next == 0    ? "["
                                            : ",\r\n");
}

static void end_element(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_text(out, !reply->plan->variant             ? "\r\n\r\n"
                      : reply->next + 1 == reply->count ? "]"
                                                        : "");
}

static void event(const struct sim_reply *reply, uint64_t index,
                  struct sim_buf *out)
{
    struct sim_place place = sim_plan_at(reply->plan, index);

    begin_element(reply, out);
    add_answer(reply, &place, out);
    end_element(reply, out);
}

static void fault(const struct sim_reply *reply, enum sim_fault what,
                  struct sim_buf *out)
{
    begin_element(reply, out);
    if (what == SIM_FAULT_MALFORMED)
        sim_buf_text(out, "{\"candidates\":[{\"content\":{\"par");
    else
        sim_gemini_add_error(reply, 500, NULL,
                             LLMP_STR("Internal error encountered."), out);
    end_element(reply, out);
}

static const struct sim_script events = {
    .lead = sim_plan_lead,
    .tail = sim_plan_tail,
    .event = event,
    .fault = fault,
    .type = "text/event-stream",
};

static const struct sim_script array = {
    .lead = sim_plan_lead,
    .tail = sim_plan_tail,
    .event = event,
    .fault = fault,
    .type = "application/json; charset=UTF-8",
};

#define CITATIONS_MAX 100

void sim_gemini_say(struct sim_conn *conn, enum sim_gemini_form form)
{
    struct sim_reply *reply = &conn->reply;

    if (reply->how.citations > CITATIONS_MAX)
        reply->how.citations = CITATIONS_MAX;
    sim_plan_make(conn, &shape);
    reply->plan->variant = form == SIM_GEMINI_ARRAY;
    if (form != SIM_GEMINI_WHOLE) {
        sim_plan_stream(conn, form == SIM_GEMINI_ARRAY ? &array : &events,
                        &(struct sim_around){ .after = 1 });
    } else if (reply->how.error_at != SIM_NEVER) {
        sim_answer_error(conn, 200, NULL, "Internal error encountered.");
    } else {
        add_answer(reply, NULL, &conn->worker->body);
        sim_face_say(conn);
    }
}
