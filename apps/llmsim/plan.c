/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include "behaviour.h"
#include "text.h"

/* A literal comes in about so many pieces, none shorter than this. */
#define PIECES_ABOUT 64
#define PIECE_MIN    6

/* Reasoning, if the request wants some and nobody says how much. */
#define REASONING_DEFAULT 8

void sim_plan_reset(struct sim_plan *plan)
{
    struct sim_buf text = plan->text;

    text.len = 0;
    *plan = (struct sim_plan){ .text = text };
}

void sim_plan_free(struct sim_plan *plan)
{
    if (plan)
        sim_buf_fini(&plan->text);
    sim_free(plan);
}

static struct sim_block *add_block(struct sim_plan *plan, enum sim_kind kind)
{
    struct sim_block *block = &plan->blocks[plan->count++];

    *block = (struct sim_block){ .kind = kind, .at = plan->text.len };
    return block;
}

static size_t piece_size(const struct sim_block *block)
{
    size_t size = block->len / PIECES_ABOUT;

    return size > PIECE_MIN ? size : PIECE_MIN;
}

/* What was added to plan->text since the block began is what it says. */
static void end_literal(struct sim_plan *plan, struct sim_block *block)
{
    block->literal = true;
    block->len = plan->text.len - block->at;
    block->pieces = (block->len + piece_size(block) - 1) / piece_size(block);
    if (block->pieces == 0)
        block->pieces = 1;
}

static struct llmp_str tool_name(const struct sim_ask *ask, uint64_t number)
{
    const char *name = ask->names.ptr;

    if (ask->chosen.len)
        return ask->chosen;
    for (number %= ask->tool_count; number; number--)
        name += strlen(name) + 1;
    return (struct llmp_str){ name, strlen(name) };
}

/* An object of exactly so many bytes, 9 at least. */
static void add_sized(struct sim_buf *out, uint64_t size)
{
    static const char around[] = "{\"x\":\"\"}";
    uint64_t left = size > sizeof(around) - 1 ? size - sizeof(around) + 1 : 1;

    sim_buf_text(out, "{\"x\":\"");
    for (uint64_t offset = 0; offset < left;) {
        struct llmp_str span = sim_text_span(offset, left - offset);

        sim_buf_add(out, span);
        offset += span.len;
    }
    sim_buf_text(out, "\"}");
}

static void add_arguments(const struct sim_behaviour *how, uint64_t number,
                          struct sim_buf *out)
{
    struct llmp_str given = how->tool_args;
    double size;

    if (given.len && given.ptr[0] != '{' && sim_number_parse(&size, given))
        add_sized(out, (uint64_t)size);
    else if (given.len)
        sim_buf_add(out, given);
    else if (number == 0)
        sim_buf_text(out, "{\"location\":\"Paris, France\"}");
    else
        sim_buf_printf(out, "{\"location\":\"Paris, France\",\"number\":%llu}",
                       (unsigned long long)number);
}

static void add_tool(struct sim_plan *plan, const struct sim_ask *ask,
                     const struct sim_behaviour *how, uint64_t number)
{
    struct llmp_str name = tool_name(ask, number);
    struct sim_block *block = add_block(plan, SIM_TOOL);

    block->number = number;
    block->name_at = plan->text.len;
    block->name_len = name.len;
    sim_buf_add(&plan->text, name);
    block->at = plan->text.len;
    add_arguments(how, number, &plan->text);
    end_literal(plan, block);
    if (plan->shape.whole_tools)
        block->pieces = 1;
}

static uint64_t tools_of(const struct sim_ask *ask,
                         const struct sim_behaviour *how)
{
    uint64_t count = how->tools, max = SIM_BLOCKS_MAX - 2;

    if (!ask->tool_count || ask->choice == SIM_CHOOSE_NONE)
        return 0;
    if (!count)
        count = ask->choice == SIM_CHOOSE_ANY || how->tool;
    if (count > 1 && ask->one_tool_only)
        count = 1;
    return count < max ? count : max;
}

/* The text, if it is one that has to be said whole. */
static bool add_literal(struct sim_plan *plan, const struct sim_reply *reply,
                        const struct sim_ask *ask)
{
    struct sim_buf *out = &plan->text;

    if (reply->how.mirror)
        sim_ask_mirror(ask, out);
    else if (reply->echo[0])
        sim_buf_text(out, reply->echo);
    else if (reply->how.refusal)
        sim_buf_text(out, "I cannot help with that.");
    else if (ask->format == SIM_FORMAT_SCHEMA)
        sim_sample(ask->schema, ask->schema, out);
    else if (ask->format == SIM_FORMAT_JSON)
        sim_buf_text(out, "{\"answer\":\"This answer was made\"}");
    else if (ask->media_count) {
        sim_buf_printf(out, "%u attached: ", ask->media_count);
        sim_buf_add(out, sim_buf_str(&ask->media));
    } else
        return false;
    return true;
}

/* Words stop at the limit; what has to be whole does not. */
static void add_text(struct sim_plan *plan, const struct sim_reply *reply,
                     const struct sim_ask *ask)
{
    struct sim_block *block = add_block(plan, SIM_TEXT);

    if (add_literal(plan, reply, ask)) {
        end_literal(plan, block);
        return;
    }
    block->pieces = reply->how.tokens;
    if (ask->has_limit && ask->limit < block->pieces) {
        block->pieces = ask->limit;
        plan->finish = SIM_FINISH_LENGTH;
    }
}

static void set_finish(struct sim_plan *plan, const struct sim_reply *reply,
                       const struct sim_ask *ask, uint64_t tools)
{
    const struct sim_behaviour *how = &reply->how;

    if (how->finish)
        plan->finish = (enum sim_finish)how->finish;
    else if (how->refusal)
        plan->finish = SIM_FINISH_REFUSAL;
    else if (tools)
        plan->finish = SIM_FINISH_TOOLS;
    else if (plan->finish == SIM_FINISH_AUTO)
        plan->finish = SIM_FINISH_STOP;
    if (plan->finish == SIM_FINISH_SEQUENCE) {
        struct llmp_str stop = ask->stop;
        size_t at = plan->text.len;

        sim_buf_add(&plan->text, stop.len ? stop : LLMP_STR("\n"));
        plan->stop = (struct llmp_str){ NULL, plan->text.len - at };
    }
}

/* Of a prompt that is cached on request, a half is new there and a quarter was
 * there already, so that every figure has a value of its own. */
static void set_usage(struct sim_plan *plan, const struct sim_reply *reply,
                      const struct sim_ask *ask)
{
    uint64_t prompt = reply->prompt_tokens;

    plan->input = prompt;
    if (ask->caches) {
        plan->cache_write = prompt / 2;
        plan->cache_read = prompt / 4;
    }
    if (reply->how.cached_tokens) {
        plan->cache_write = 0;
        plan->cache_read = reply->how.cached_tokens < prompt
                               ? reply->how.cached_tokens
                               : prompt;
    }
    plan->input -= plan->cache_write + plan->cache_read;
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct sim_block *block = &plan->blocks[i];

        plan->output += block->pieces;
        if (block->kind == SIM_THINKING)
            plan->thinking += block->pieces;
    }
}

static void add_blocks(struct sim_plan *plan, const struct sim_reply *reply,
                       const struct sim_ask *ask)
{
    uint64_t reasoning = reply->how.reasoning;
    uint64_t tools = reply->how.refusal ? 0 : tools_of(ask, &reply->how);

    if (!reasoning && ask->thinks)
        reasoning = REASONING_DEFAULT;
    if (reasoning)
        add_block(plan, SIM_THINKING)->pieces = reasoning;
    if (!tools || reply->how.mirror)
        add_text(plan, reply, ask);
    for (uint64_t i = 0; i < tools; i++)
        add_tool(plan, ask, &reply->how, i);
    set_finish(plan, reply, ask, tools);
}

void sim_plan_make(struct sim_conn *conn, const struct sim_shape *shape)
{
    struct sim_reply *reply = &conn->reply;
    const struct sim_ask *ask = &conn->worker->ask;
    struct sim_plan *plan = reply->plan;

    if (!plan)
        plan = reply->plan = sim_alloc(sizeof(*plan));
    sim_plan_reset(plan);
    plan->shape = *shape;
    plan->candidates = ask->candidates;
    plan->logprobs = ask->logprobs;
    plan->top_logprobs = ask->top_logprobs;
    plan->blocked = reply->how.content_filter;
    if (plan->blocked)
        plan->finish = SIM_FINISH_FILTER;
    else
        add_blocks(plan, reply, ask);
    if (plan->stop.len)
        plan->stop.ptr = plan->text.ptr + plan->text.len - plan->stop.len;
    set_usage(plan, reply, ask);
}

static uint64_t block_events(const struct sim_plan *plan, uint32_t i)
{
    enum sim_kind kind = plan->blocks[i].kind;

    return plan->shape.start[kind] + plan->blocks[i].pieces +
           plan->shape.stop[kind];
}

void sim_plan_stream(struct sim_conn *conn, const struct sim_script *script,
                     const struct sim_around *around)
{
    struct sim_reply *reply = &conn->reply;
    struct sim_plan *plan = reply->plan;
    uint64_t start = 0, stop = 0, events = 0;

    for (uint32_t i = 0; i < plan->count; i++)
        events += block_events(plan, i);
    if (plan->count) {
        start = plan->shape.start[plan->blocks[0].kind];
        stop = plan->shape.stop[plan->blocks[plan->count - 1].kind];
    }
    plan->before = around->first;
    plan->lead = around->first + reply->choices * (around->before + start);
    plan->tail = reply->choices * (around->after + stop) + around->last;
    reply->tokens = events - start - stop;
    reply->script = script;
    sim_conn_stream(conn);
}

size_t sim_plan_lead(const struct sim_reply *reply)
{
    return reply->plan->lead;
}

size_t sim_plan_tail(const struct sim_reply *reply)
{
    return reply->plan->tail;
}

struct sim_place sim_plan_at(const struct sim_plan *plan, uint64_t index)
{
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct sim_block *block = &plan->blocks[i];
        uint64_t start = plan->shape.start[block->kind];
        uint64_t events = block_events(plan, i);

        if (index >= events) {
            index -= events;
            continue;
        }
        if (index < start)
            return (struct sim_place){ SIM_START, i, index };
        index -= start;
        if (index < block->pieces)
            return (struct sim_place){ SIM_PIECE, i, index };
        return (struct sim_place){ SIM_STOP, i, index - block->pieces };
    }
    return (struct sim_place){ SIM_AFTER, plan->count, index };
}

/* A piece's beginning: not within a character. */
static size_t piece_at(struct llmp_str text, uint64_t number, size_t size)
{
    size_t at = (size_t)number * size;

    while (at < text.len && ((unsigned char)text.ptr[at] & 0xC0) == 0x80)
        at++;
    return at < text.len ? at : text.len;
}

void sim_block_piece(const struct sim_reply *reply,
                     const struct sim_block *block, uint64_t number,
                     struct sim_buf *out)
{
    struct llmp_str text = sim_block_raw(reply->plan, block);
    size_t size = piece_size(block);

    if (!block->literal) {
        if (block->kind == SIM_THINKING && number == 0)
            sim_buf_text(out, "Reasoning:");
        else if (block->kind == SIM_THINKING)
            sim_buf_add(out, sim_text_token(number, reply->how.token_bytes));
        else
            sim_reply_token(reply, number, out);
        return;
    }
    if (block->pieces > 1) {
        size_t from = piece_at(text, number, size);

        text.len = piece_at(text, number + 1, size) - from;
        text.ptr += from;
    }
    sim_buf_quote_inside(out, text);
}

void sim_block_text(const struct sim_reply *reply,
                    const struct sim_block *block, struct sim_buf *out)
{
    if (block->literal) {
        sim_buf_quote_inside(out, sim_block_raw(reply->plan, block));
        return;
    }
    for (uint64_t i = 0; i < block->pieces; i++)
        sim_block_piece(reply, block, i, out);
}

struct llmp_str sim_block_raw(const struct sim_plan *plan,
                              const struct sim_block *block)
{
    return (struct llmp_str){ plan->text.ptr + block->at, block->len };
}

struct llmp_str sim_block_name(const struct sim_plan *plan,
                               const struct sim_block *block)
{
    return (struct llmp_str){ plan->text.ptr + block->name_at,
                              block->name_len };
}
