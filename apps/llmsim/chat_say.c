/* SPDX-License-Identifier: Apache-2.0 */
/* An answer in OpenAI's form from a plan; see chat.c for the usual ones. */
#include "chat.h"

static const struct sim_shape shape = { .start = { [SIM_TOOL] = 1 } };

#define NO_FILTER_HIT "{\"filtered\":false,\"severity\":\"safe\"}"

void sim_azure_filters(struct sim_buf *out, bool hit)
{
    sim_buf_text(out, "{\"hate\":" NO_FILTER_HIT ",\"self_harm\":" NO_FILTER_HIT
                      ",\"sexual\":" NO_FILTER_HIT ",\"violence\":");
    sim_buf_text(out, hit ? "{\"filtered\":true,\"severity\":\"medium\"}}"
                          : NO_FILTER_HIT "}");
}

static bool is_azure(const struct sim_reply *reply)
{
    return reply->plan->variant;
}

static void add_prompt_filters(const struct sim_reply *reply,
                               struct sim_buf *out)
{
    if (!is_azure(reply))
        return;
    sim_buf_text(out, ",\"prompt_filter_results\":[{\"prompt_index\":0,"
                      "\"content_filter_results\":");
    sim_azure_filters(out, false);
    sim_buf_text(out, "}]");
}

static void add_finish(const struct sim_reply *reply, bool ended,
                       struct sim_buf *out)
{
    static const char *const reasons[SIM_FINISHES] = {
        [SIM_FINISH_STOP] = "\"stop\"",
        [SIM_FINISH_LENGTH] = "\"length\"",
        [SIM_FINISH_TOOLS] = "\"tool_calls\"",
        [SIM_FINISH_SEQUENCE] = "\"stop\"",
        [SIM_FINISH_FILTER] = "\"content_filter\"",
        [SIM_FINISH_REFUSAL] = "\"stop\"",
    };
    enum sim_finish finish = reply->plan->finish;

    sim_buf_text(out, ",\"finish_reason\":");
    sim_buf_text(out, ended ? reasons[finish] : "null");
    if (is_azure(reply)) {
        sim_buf_text(out, ",\"content_filter_results\":");
        sim_azure_filters(out, ended && finish == SIM_FINISH_FILTER);
    }
    sim_buf_text(out, "}");
}

static void add_usage(const struct sim_reply *reply, struct sim_buf *out)
{
    const struct sim_plan *plan = reply->plan;
    uint64_t output = plan->output * reply->choices;

    sim_buf_printf(
        out,
        "{\"prompt_tokens\":%llu,\"completion_tokens\":%llu,"
        "\"total_tokens\":%llu,\"prompt_tokens_details\":{\"cached_tokens\":"
        "%llu,\"audio_tokens\":0},\"completion_tokens_details\":{"
        "\"reasoning_tokens\":%llu,\"audio_tokens\":0,"
        "\"accepted_prediction_tokens\":0,\"rejected_prediction_tokens\":0}}",
        (unsigned long long)reply->prompt_tokens, (unsigned long long)output,
        (unsigned long long)(reply->prompt_tokens + output),
        (unsigned long long)plan->cache_read,
        (unsigned long long)(plan->thinking * reply->choices));
}

static void add_call(const struct sim_reply *reply,
                     const struct sim_block *block, bool full,
                     struct sim_buf *out)
{
    sim_buf_printf(out,
                   "\"id\":\"call_sim_%llu_%llu\",\"type\":\"function\","
                   "\"function\":{\"name\":",
                   (unsigned long long)reply->ordinal,
                   (unsigned long long)block->number);
    sim_buf_quote(out, sim_block_name(reply->plan, block));
    sim_buf_text(out, ",\"arguments\":\"");
    if (full)
        sim_block_text(reply, block, out);
    sim_buf_text(out, "\"}}");
}

/* One piece as a token with its probability; the alternatives are made up. */
static void add_logprob(const struct sim_reply *reply,
                        const struct sim_block *block, uint64_t number,
                        struct sim_buf *out)
{
    uint64_t top = reply->plan->top_logprobs;

    sim_buf_text(out, "{\"token\":\"");
    sim_block_piece(reply, block, number, out);
    sim_buf_text(out, "\",\"logprob\":-0.125,\"bytes\":null,"
                      "\"top_logprobs\":[");
    for (uint64_t i = 0; i < top && i < 20; i++) {
        sim_buf_text(out, i ? ",{\"token\":\"" : "{\"token\":\"");
        sim_block_piece(reply, block, number + i, out);
        sim_buf_printf(out, "\",\"logprob\":-%llu.125,\"bytes\":null}",
                       (unsigned long long)i);
    }
    sim_buf_text(out, "]}");
}

static void add_logprobs(const struct sim_reply *reply,
                         const struct sim_block *block, uint64_t from,
                         uint64_t to, struct sim_buf *out)
{
    if (!reply->plan->logprobs || !block || block->kind != SIM_TEXT) {
        sim_buf_text(out, ",\"logprobs\":null");
        return;
    }
    sim_buf_text(out, ",\"logprobs\":{\"content\":[");
    for (uint64_t i = from; i < to; i++) {
        sim_buf_text(out, i > from ? "," : "");
        add_logprob(reply, block, i, out);
    }
    sim_buf_text(out, "],\"refusal\":null}");
}

static void add_annotations(uint64_t count, struct sim_buf *out)
{
    sim_buf_text(out, "\"annotations\":[");
    for (uint64_t i = 0; i < count; i++)
        sim_buf_printf(out,
                       "%s{\"type\":\"url_citation\",\"url_citation\":{"
                       "\"start_index\":0,\"end_index\":8,\"title\":"
                       "\"Document %llu\",\"url\":\"https://example.com/"
                       "%llu\"}}",
                       i ? "," : "", (unsigned long long)i,
                       (unsigned long long)i);
    sim_buf_text(out, "]");
}

static const struct sim_block *block_of(const struct sim_plan *plan,
                                        enum sim_kind kind)
{
    for (uint32_t i = 0; i < plan->count; i++)
        if (plan->blocks[i].kind == kind)
            return &plan->blocks[i];
    return NULL;
}

/* "name":"text", or null. */
static void add_text(const struct sim_reply *reply, const char *name,
                     const struct sim_block *block, struct sim_buf *out)
{
    sim_buf_printf(out, ",\"%s\":%s", name, block ? "\"" : "null");
    if (!block)
        return;
    sim_block_text(reply, block, out);
    sim_buf_text(out, "\"");
}

static void add_message(const struct sim_reply *reply, struct sim_buf *out)
{
    const struct sim_plan *plan = reply->plan;
    const struct sim_block *thought = block_of(plan, SIM_THINKING);
    const struct sim_block *text = block_of(plan, SIM_TEXT);
    const struct sim_block *tool = block_of(plan, SIM_TOOL);
    bool refused = reply->how.refusal;

    sim_buf_text(out, "{\"role\":\"assistant\"");
    add_text(reply, "content", refused ? NULL : text, out);
    if (thought)
        add_text(reply, "reasoning_content", thought, out);
    for (uint32_t i = 0; tool && i < plan->count; i++) {
        if (plan->blocks[i].kind != SIM_TOOL)
            continue;
        sim_buf_text(out, plan->blocks[i].number ? ",{" : ",\"tool_calls\":[{");
        add_call(reply, &plan->blocks[i], true, out);
    }
    sim_buf_text(out, tool ? "]" : "");
    add_text(reply, "refusal", refused ? text : NULL, out);
    sim_buf_text(out, ",");
    add_annotations(reply->how.citations, out);
    sim_buf_text(out, "}");
}

static void say_whole(struct sim_conn *conn)
{
    const struct sim_reply *reply = &conn->reply;
    const struct sim_block *text = block_of(reply->plan, SIM_TEXT);
    struct sim_buf *out = &conn->worker->body;

    sim_buf_add(out, sim_buf_str(&reply->prefix));
    sim_buf_text(out, "\"choices\":[");
    for (uint64_t i = 0; i < reply->choices; i++) {
        sim_buf_text(out, i ? ",{\"index\":" : "{\"index\":");
        sim_buf_u64(out, i);
        sim_buf_text(out, ",\"message\":");
        add_message(reply, out);
        add_logprobs(reply, text, 0, text ? text->pieces : 0, out);
        add_finish(reply, true, out);
    }
    sim_buf_text(out, "]");
    add_prompt_filters(reply, out);
    if (!reply->how.no_usage) {
        sim_buf_text(out, ",\"usage\":");
        add_usage(reply, out);
    }
    sim_buf_text(out, "}\n");
    sim_face_say(conn);
}

/* --- chunks --- */

static void begin_chunk(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_text(out, "data: ");
    sim_buf_add(out, sim_buf_str(&reply->prefix));
    if (reply->how.stamp)
        sim_buf_printf(out, "\"sim_sent_ns\":%llu,",
                       (unsigned long long)reply->now_ns);
    sim_buf_text(out, "\"choices\":[");
}

static void end_chunk(const struct sim_reply *reply, struct sim_buf *out)
{
    sim_buf_text(out, reply->wants_usage ? "],\"usage\":null}\n\n" : "]}\n\n");
}

static void add_piece(const struct sim_reply *reply,
                      const struct sim_block *block, uint64_t number,
                      struct sim_buf *out)
{
    if (block->kind == SIM_TOOL)
        sim_buf_printf(out,
                       "\"tool_calls\":[{\"index\":%llu,\"function\":{"
                       "\"arguments\":\"",
                       (unsigned long long)block->number);
    else
        sim_buf_text(out, block->kind == SIM_THINKING
                              ? "\"reasoning_content\":\""
                          : reply->how.refusal ? "\"refusal\":\""
                                               : "\"content\":\"");
    sim_block_piece(reply, block, number, out);
    sim_buf_text(out, block->kind == SIM_TOOL ? "\"}}]" : "\"");
}

static void add_call_start(const struct sim_reply *reply,
                           const struct sim_block *block, struct sim_buf *out)
{
    sim_buf_printf(out, "\"tool_calls\":[{\"index\":%llu,",
                   (unsigned long long)block->number);
    add_call(reply, block, false, out);
    sim_buf_text(out, "]");
}

static void add_role(const struct sim_reply *reply, struct sim_buf *out)
{
    bool text = block_of(reply->plan, SIM_TEXT) && !reply->how.refusal;

    sim_buf_text(out, "\"role\":\"assistant\",\"content\":");
    sim_buf_text(out, text ? "\"\",\"refusal\":null" : "null,\"refusal\":null");
}

/* Event `index` of one choice: its role, the blocks, and why it ends. */
static void add_choice(const struct sim_reply *reply, uint64_t index,
                       uint64_t choice, struct sim_buf *out)
{
    const struct sim_plan *plan = reply->plan;
    struct sim_place place = { SIM_AFTER, 0, 0 };
    const struct sim_block *block = NULL;

    if (index)
        place = sim_plan_at(plan, index - 1);
    if (place.part != SIM_AFTER)
        block = &plan->blocks[place.block];
    begin_chunk(reply, out);
    sim_buf_text(out, "{\"index\":");
    sim_buf_u64(out, choice);
    sim_buf_text(out, ",\"delta\":{");
    if (index == 0)
        add_role(reply, out);
    else if (place.part == SIM_START)
        add_call_start(reply, block, out);
    else if (place.part == SIM_PIECE)
        add_piece(reply, block, place.number, out);
    else if (reply->how.citations)
        add_annotations(reply->how.citations, out);
    sim_buf_text(out, "}");
    add_logprobs(reply, place.part == SIM_PIECE ? block : NULL, place.number,
                 place.number + 1, out);
    add_finish(reply, index && !block, out);
    end_chunk(reply, out);
}

static bool has_usage(const struct sim_reply *reply)
{
    return reply->wants_usage && !reply->how.no_usage;
}

/* What is not of a choice: in front Azure's word on the prompt, at the end
 * usage and [DONE]. */
static void add_frame(const struct sim_reply *reply, uint64_t left,
                      struct sim_buf *out)
{
    if (left == 1 && !reply->how.no_done) {
        sim_buf_text(out, "data: [DONE]\n\n");
        return;
    }
    begin_chunk(reply, out);
    sim_buf_text(out, "]");
    if (reply->next == 0) {
        add_prompt_filters(reply, out);
    } else {
        sim_buf_text(out, ",\"usage\":");
        add_usage(reply, out);
    }
    sim_buf_text(out, "}\n\n");
}

static void event(const struct sim_reply *reply, uint64_t index,
                  struct sim_buf *out)
{
    uint64_t last = has_usage(reply) + !reply->how.no_done;
    uint64_t left = reply->count - index;

    if (index < reply->plan->before || left <= last) {
        add_frame(reply, left, out);
        return;
    }
    index -= reply->plan->before;
    add_choice(reply, index / reply->choices, index % reply->choices, out);
}

static const struct sim_script script = {
    .lead = sim_plan_lead,
    .tail = sim_plan_tail,
    .event = event,
};

#define CITATIONS_MAX 100

static void say_filtered(struct sim_conn *conn, bool azure)
{
    sim_answer_error(conn, 400,
                     azure ? SIM_CODE_FILTER : "content_policy_violation",
                     "Your request was rejected as a result of our safety "
                     "system.");
}

void sim_chat_say(struct sim_conn *conn, const struct sim_node *root)
{
    struct sim_reply *reply = &conn->reply;
    bool stream = sim_is_true(sim_get(root, "stream"));
    bool azure = reply->face == &sim_azure;

    if (reply->how.citations > CITATIONS_MAX)
        reply->how.citations = CITATIONS_MAX;
    if (reply->how.content_filter) {
        say_filtered(conn, azure);
        return;
    }
    reply->choices = conn->worker->ask.candidates;
    reply->wants_usage =
        sim_is_true(sim_get(sim_get(root, "stream_options"), "include_usage"));
    sim_plan_make(conn, &shape);
    reply->plan->variant = azure;
    sim_chat_prefix(reply, stream);
    if (stream)
        sim_plan_stream(conn, &script,
                        &(struct sim_around){
                            .first = azure,
                            .before = 1,
                            .after = 1,
                            .last = has_usage(reply) + !reply->how.no_done,
                        });
    else if (reply->how.error_at != SIM_NEVER)
        sim_answer_error_200(conn);
    else
        say_whole(conn);
}
