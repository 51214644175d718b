/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GigaChat's face: an answer in one piece or as events. A function is called
 * in one piece, its arguments being an object.
 */
#include "gigachat.h"

static const struct sim_shape shape = { .whole_tools = true };

#define STATE "77d3fb14-457a-46ba-937e-8d856156d003"

static const char *finish_of(const struct sim_plan *plan)
{
    static const char *const reasons[SIM_FINISHES] = {
        [SIM_FINISH_STOP] = "stop",
        [SIM_FINISH_LENGTH] = "length",
        [SIM_FINISH_TOOLS] = "function_call",
        [SIM_FINISH_SEQUENCE] = "stop",
        [SIM_FINISH_FILTER] = "blacklist",
        [SIM_FINISH_REFUSAL] = "blacklist",
    };

    return reasons[plan->finish];
}

static void end_answer(const struct sim_reply *reply, bool stream, bool last,
                       struct sim_buf *out)
{
    const struct sim_plan *plan = reply->plan;

    sim_buf_text(out, "],\"created\":" SIM_CREATED ",\"model\":\"");
    sim_buf_add(out, sim_buf_str(&reply->model));
    sim_buf_text(out, ":1.0.26.20\",\"object\":\"chat.completion\"");
    if (last && !reply->how.no_usage)
        sim_buf_printf(
            out,
            ",\"usage\":{\"prompt_tokens\":%llu,\"completion_tokens\":%llu,"
            "\"total_tokens\":%llu,\"precached_prompt_tokens\":%llu}",
            (unsigned long long)reply->prompt_tokens,
            (unsigned long long)plan->output,
            (unsigned long long)(reply->prompt_tokens + plan->output),
            (unsigned long long)plan->cache_read);
    sim_buf_text(out, stream ? "}\n\n" : "}");
}

/* The first call: this API has no more than one an answer. */
static void add_call(const struct sim_reply *reply,
                     const struct sim_block *block, struct sim_buf *out)
{
    sim_buf_text(out, "\"function_call\":{\"name\":");
    sim_buf_quote(out, sim_block_name(reply->plan, block));
    sim_buf_text(out, ",\"arguments\":");
    sim_buf_add(out, sim_block_raw(reply->plan, block));
    sim_buf_text(out, "},\"functions_state_id\":\"" STATE "\"");
}

static const char *name_of(const struct sim_block *block)
{
    return block->kind == SIM_THINKING ? "\"reasoning_content\":\""
                                       : "\"content\":\"";
}

static void say_whole(struct sim_conn *conn)
{
    const struct sim_reply *reply = &conn->reply;
    const struct sim_plan *plan = reply->plan;
    struct sim_buf *out = &conn->worker->body;
    bool text = false;

    sim_buf_text(out, "{\"choices\":[{\"message\":{\"role\":\"assistant\"");
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct sim_block *block = &plan->blocks[i];

        sim_buf_text(out, ",");
        if (block->kind == SIM_TOOL) {
            add_call(reply, block, out);
            continue;
        }
        text |= block->kind == SIM_TEXT;
        sim_buf_text(out, name_of(block));
        sim_block_text(reply, block, out);
        sim_buf_text(out, "\"");
    }
    sim_buf_text(out, text ? "}" : ",\"content\":\"\"}");
    sim_buf_printf(out, ",\"index\":0,\"finish_reason\":\"%s\"}",
                   finish_of(plan));
    end_answer(reply, false, true, out);
    sim_face_say(conn);
}

static void add_delta(const struct sim_reply *reply, struct sim_place place,
                      struct sim_buf *out)
{
    const struct sim_block *block = &reply->plan->blocks[place.block];

    if (block->kind == SIM_TOOL) {
        sim_buf_text(out, "\"content\":\"\",");
        add_call(reply, block, out);
        return;
    }
    sim_buf_text(out, name_of(block));
    sim_block_piece(reply, block, place.number, out);
    sim_buf_text(out, "\"");
}

static void event(const struct sim_reply *reply, uint64_t index,
                  struct sim_buf *out)
{
    struct sim_place place = sim_plan_at(reply->plan, index);
    bool last = place.part == SIM_AFTER;

    if (last && place.number) {
        sim_buf_text(out, "data: [DONE]\n\n");
        return;
    }
    sim_buf_text(out, "data: {\"choices\":[{\"delta\":{");
    if (index == 0)
        sim_buf_text(out, "\"role\":\"assistant\",");
    if (last)
        sim_buf_text(out, "\"content\":\"\"");
    else
        add_delta(reply, place, out);
    sim_buf_text(out, "},\"index\":0");
    if (last)
        sim_buf_printf(out, ",\"finish_reason\":\"%s\"",
                       finish_of(reply->plan));
    sim_buf_text(out, "}");
    end_answer(reply, true, last, out);
}

static const struct sim_script script = {
    .lead = sim_plan_lead,
    .tail = sim_plan_tail,
    .event = event,
    .error = "data: {\"status\":500,\"message\":\"Internal Server Error\"}\n\n",
    .type = "text/event-stream",
};

void sim_gigachat_say(struct sim_conn *conn, bool stream)
{
    struct sim_reply *reply = &conn->reply;

    if (reply->how.tools > 1)
        reply->how.tools = 1;
    sim_plan_make(conn, &shape);
    if (stream)
        sim_plan_stream(conn, &script,
                        &(struct sim_around){
                            .after = 1,
                            .last = !reply->how.no_done,
                        });
    else if (reply->how.error_at != SIM_NEVER)
        sim_answer_error(conn, 200, NULL, "Internal Server Error");
    else
        say_whole(conn);
}
