/* SPDX-License-Identifier: Apache-2.0 */
#include "reply.h"

#include "plan.h"
#include "text.h"

void sim_reply_fini(struct sim_reply *reply)
{
    sim_buf_fini(&reply->model);
    sim_buf_fini(&reply->meant);
    sim_buf_fini(&reply->tool);
    sim_buf_fini(&reply->prefix);
    sim_buf_fini(&reply->headers);
    sim_plan_free(reply->plan);
}

void sim_reply_reset(struct sim_reply *reply)
{
    reply->model.len = reply->tool.len = 0;
    reply->prefix.len = reply->headers.len = 0;
    reply->echo[0] = '\0';
    reply->prompt_tokens = reply->tokens = 0;
    reply->choices = 1;
    reply->whole = reply->wants_usage = reply->cut_by_limit = false;
    reply->script = NULL;
    if (reply->plan)
        sim_plan_reset(reply->plan);
    reply->next = reply->count = 0;
    reply->first_ns = reply->interval_ns = 0;
}

static void add_text(struct sim_buf *out, uint64_t offset, uint64_t size)
{
    while (size) {
        struct llmp_str span = sim_text_span(offset, size);

        sim_buf_add(out, span);
        offset += span.len;
        size -= span.len;
    }
}

static bool is_giant(const struct sim_reply *reply, uint64_t index)
{
    return reply->how.giant_bytes && index == reply->how.giant_at;
}

void sim_reply_token(const struct sim_reply *reply, uint64_t index,
                     struct sim_buf *out)
{
    if (reply->echo[0])
        sim_buf_text(out, reply->echo);
    else if (is_giant(reply, index))
        add_text(out, 0, reply->how.giant_bytes);
    else
        sim_buf_add(out, sim_text_token(index, reply->how.token_bytes));
}

/* From here on, not copying pays. */
#define LARGE_MIN 4096

void sim_reply_text(const struct sim_reply *reply, struct sim_buf *out,
                    struct sim_piece *piece)
{
    uint64_t size = sim_text_size(reply->tokens, reply->how.token_bytes);

    if (reply->echo[0]) {
        sim_buf_text(out, reply->echo);
        return;
    }
    if (reply->how.giant_bytes)
        size = reply->how.giant_bytes;
    if (!piece || size < LARGE_MIN || size > SIM_TEXT_SPAN_MAX) {
        add_text(out, 0, size);
        return;
    }
    piece->large = sim_text_span(0, size);
    piece->large_at = out->len;
}

void sim_reply_argument(uint64_t index, struct sim_buf *out)
{
    static const char *const pieces[SIM_TOOL_PIECES] = {
        "{\\\"", "location", "\\\":\\\"", "Paris, ", "France", "\\\"", "}",
    };

    sim_buf_text(out, pieces[index % SIM_TOOL_PIECES]);
}

void sim_reply_usage(const struct sim_reply *reply, struct sim_buf *out)
{
    uint64_t output = reply->tokens * reply->choices;

    sim_buf_text(out, "{\"prompt_tokens\":");
    sim_buf_u64(out, reply->prompt_tokens);
    sim_buf_text(out, ",\"completion_tokens\":");
    sim_buf_u64(out, output);
    sim_buf_text(out, ",\"total_tokens\":");
    sim_buf_u64(out, reply->prompt_tokens + output);
    sim_buf_text(out, ",\"prompt_tokens_details\":{\"cached_tokens\":0,"
                      "\"audio_tokens\":0},\"completion_tokens_details\":{"
                      "\"reasoning_tokens\":0,\"audio_tokens\":0,"
                      "\"accepted_prediction_tokens\":0,"
                      "\"rejected_prediction_tokens\":0}}");
}

/* What leads comes with the first token, what follows with the last. */
uint64_t sim_reply_due_ns(const struct sim_reply *reply, uint64_t index)
{
    uint64_t lead = reply->script->lead(reply), token = 0;

    if (reply->tokens == 0)
        return reply->first_ns;
    if (index >= lead)
        token = (index - lead) / reply->choices;
    if (token >= reply->tokens)
        token = reply->tokens - 1;
    return reply->first_ns + token * reply->interval_ns;
}
