/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of chat completions (OpenAI API reference, "The chat completion
 * chunk object"): one chunk an event, `[DONE]` at the end.
 */
#include "base/internal.h"
#include "wire/openai_chat.h"

#define K(text) LLMP_STR(text)

/* ---- read --------------------------------------------------------------- */

/* Whether a piece belongs to the call that is open. Some servers repeat its id
 * and name in every piece; others give whole calls, all with index 0. */
static bool is_more(const struct llmp_wire_reader *reader, uint32_t choice,
                    uint32_t index, struct llmp_str id)
{
    return reader->part_open && reader->part == LLMP_PART_TOOL_CALL &&
           reader->choice == choice && reader->block == index &&
           (id.len == 0 || reader->call_id == llmp_str_hash(id, 0));
}

/* A call's first piece has its id and name; the others its index only. Servers
 * give the pieces of one call after the other. */
static int read_call(struct llmp_wire_reader *reader, uint32_t choice,
                     const struct llmp_json_value *call,
                     const struct llmp_event_sink *sink)
{
    const struct llmp_json_value *function = llmp_json_get(call, K("function"));
    const struct llmp_json_value *name = llmp_json_get(function, K("name"));
    const struct llmp_json_value *google =
        llmp_json_get(llmp_json_get(call, K("extra_content")), K("google"));
    struct llmp_str id = llmp_wire_text_at(call, K("id"));
    uint32_t index = (uint32_t)llmp_wire_u64(
        llmp_json_text(llmp_json_get(call, K("index"))), 0);

    if (!is_more(reader, choice, index, id)) {
        if (!llmp_json_is(name, LLMP_JSON_STRING))
            return LLMP_E_SYNTAX; /* a piece of a call that is closed */
        reader->block = index;
        reader->call_id = llmp_str_hash(id, 0);
        LLMP_TRY(llmp_wire_open(
            reader, choice,
            &(struct llmp_part){
                .kind = LLMP_PART_TOOL_CALL, .id = id, .name = name->text },
            sink));
    }
    LLMP_TRY(llmp_wire_sign(
        reader, llmp_wire_text_at(google, K("thought_signature")), sink));
    return llmp_wire_delta(reader, choice, LLMP_PART_TOOL_CALL,
                           llmp_wire_text_at(function, K("arguments")), sink);
}

static int read_thinking(struct llmp_wire_reader *reader, uint32_t choice,
                         const struct llmp_json_value *blocks,
                         const struct llmp_event_sink *sink)
{
    for (const struct llmp_json_value *v = blocks->first; v; v = v->next) {
        struct llmp_part part = { .kind = LLMP_PART_REASONING };

        LLMP_TRY(llmp_openai_take_thinking(&part, v));
        if (part.redacted) {
            LLMP_TRY(llmp_wire_open(reader, choice, &part, sink));
            continue;
        }
        /* Its text came as `reasoning_content`, in the same or an earlier
         * chunk. */
        LLMP_TRY(llmp_wire_sign(reader, part.signature, sink));
    }
    return LLMP_OK;
}

static int read_delta(struct llmp_wire_reader *reader, uint32_t choice,
                      const struct llmp_json_value *delta,
                      const struct llmp_event_sink *sink)
{
    const struct llmp_json_value *thoughts =
        llmp_json_get(delta, K("reasoning_content"));
    const struct llmp_json_value *blocks =
        llmp_json_get(delta, K("thinking_blocks"));
    const struct llmp_json_value *calls = llmp_json_get(delta, K("tool_calls"));

    if (!thoughts)
        thoughts = llmp_json_get(delta, K("reasoning"));
    if (llmp_json_is(thoughts, LLMP_JSON_STRING))
        LLMP_TRY(llmp_wire_delta(reader, choice, LLMP_PART_REASONING,
                                 thoughts->text, sink));
    if (llmp_json_is(blocks, LLMP_JSON_ARRAY))
        LLMP_TRY(read_thinking(reader, choice, blocks, sink));
    LLMP_TRY(llmp_wire_delta(reader, choice, LLMP_PART_TEXT,
                             llmp_wire_text_at(delta, K("content")), sink));
    LLMP_TRY(llmp_wire_delta(reader, choice, LLMP_PART_REFUSAL,
                             llmp_wire_text_at(delta, K("refusal")), sink));
    if (!llmp_json_is(calls, LLMP_JSON_ARRAY))
        return LLMP_OK;
    for (const struct llmp_json_value *v = calls->first; v; v = v->next)
        LLMP_TRY(read_call(reader, choice, v, sink));
    return LLMP_OK;
}

static int read_choice(struct llmp_wire_reader *reader,
                       const struct llmp_json_value *value,
                       const struct llmp_event_sink *sink)
{
    const struct llmp_json_value *logprobs =
        llmp_json_get(llmp_json_get(value, K("logprobs")), K("content"));
    const struct llmp_json_value *reason =
        llmp_json_get(value, K("finish_reason"));
    uint32_t choice = (uint32_t)llmp_wire_u64(
        llmp_json_text(llmp_json_get(value, K("index"))), 0);

    LLMP_TRY(
        read_delta(reader, choice, llmp_json_get(value, K("delta")), sink));
    if (llmp_json_is(logprobs, LLMP_JSON_ARRAY))
        LLMP_TRY(sink->take(&(struct llmp_event){ .kind = LLMP_EVENT_LOGPROBS,
                                                  .choice = choice,
                                                  .text = logprobs->text },
                            sink->ctx));
    if (!reason)
        return LLMP_OK;
    return llmp_wire_stop(reader, choice, llmp_openai_stop_of(reason),
                          (struct llmp_str){ NULL, 0 }, sink);
}

int llmp_openai_read_event(struct llmp_wire_reader *reader,
                           struct llmp_str name,
                           const struct llmp_json_value *data,
                           const struct llmp_event_sink *sink)
{
    const struct llmp_json_value *choices;

    if (!data) /* [DONE] */
        return llmp_wire_finish(reader, sink);
    if (llmp_json_get(data, K("error")) || llmp_str_eq(name, K("error"))) {
        struct llmp_provider_error error;

        llmp_openai_read_error(&error, 500, data);
        return llmp_wire_fail(reader, &error, sink);
    }
    LLMP_TRY(llmp_wire_start(
        reader, llmp_wire_text_at(data, K("id")),
        llmp_wire_text_at(data, K("model")),
        llmp_wire_u64(llmp_json_text(llmp_json_get(data, K("created"))), 0),
        sink));
    llmp_openai_take_usage(&reader->usage, llmp_json_get(data, K("usage")));
    choices = llmp_json_get(data, K("choices"));
    if (!llmp_json_is(choices, LLMP_JSON_ARRAY))
        return LLMP_OK;
    for (const struct llmp_json_value *v = choices->first; v; v = v->next)
        LLMP_TRY(read_choice(reader, v, sink));
    return LLMP_OK;
}

/* Some servers never say [DONE]; what has a finish_reason is complete. */
int llmp_openai_read_end(struct llmp_wire_reader *reader,
                         const struct llmp_event_sink *sink)
{
    return reader->stopped ? llmp_wire_finish(reader, sink) : LLMP_E_SYNTAX;
}

/* ---- write -------------------------------------------------------------- */

/* Up to the choice's delta, which is left open. */
static void begin_chunk(struct llmp_json_out *out,
                        const struct llmp_wire_writer *w)
{
    llmp_wire_begin_sse(w->out, K(""));
    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_text(out, K("id"), w->id);
    llmp_out_text(out, K("object"), K("chat.completion.chunk"));
    llmp_out_u64(out, K("created"), w->created_s);
    llmp_out_text(out, K("model"), w->model);
    llmp_out_array(out, K("choices"));
}

static void end_chunk(struct llmp_json_out *out,
                      const struct llmp_wire_writer *w)
{
    llmp_out_end_array(out);
    if (w->wants_usage)
        llmp_out_raw(out, K("usage"), K("null"));
    llmp_out_end_object(out);
    llmp_wire_end_sse(w->out);
}

static void begin_delta(struct llmp_json_out *out,
                        const struct llmp_wire_writer *w, uint32_t choice)
{
    begin_chunk(out, w);
    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_u64(out, K("index"), choice);
    llmp_out_object(out, K("delta"));
}

static void end_delta(struct llmp_json_out *out,
                      const struct llmp_wire_writer *w)
{
    llmp_out_end_object(out);
    llmp_out_raw(out, K("finish_reason"), K("null"));
    llmp_out_end_object(out);
    end_chunk(out, w);
}

static void write_text(struct llmp_wire_writer *w, uint32_t choice,
                       struct llmp_str key, struct llmp_str text)
{
    struct llmp_json_out out = { .buf = w->out };

    begin_delta(&out, w, choice);
    llmp_out_text(&out, key, text);
    end_delta(&out, w);
}

/* The first chunk of a choice says the role. */
static void write_role(struct llmp_wire_writer *w, uint32_t choice)
{
    struct llmp_json_out out = { .buf = w->out };

    begin_delta(&out, w, choice);
    llmp_out_text(&out, K("role"), K("assistant"));
    llmp_out_text(&out, K("content"), K(""));
    end_delta(&out, w);
}

static void write_call(struct llmp_wire_writer *w, uint32_t choice,
                       const struct llmp_part *part, struct llmp_str arguments)
{
    struct llmp_json_out out = { .buf = w->out };

    begin_delta(&out, w, choice);
    llmp_out_array(&out, K("tool_calls"));
    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_u64(&out, K("index"), w->calls - 1);
    if (part) {
        llmp_out_text(&out, K("id"), part->id);
        llmp_out_text(&out, K("type"), K("function"));
    }
    llmp_out_object(&out, K("function"));
    if (part)
        llmp_out_text(&out, K("name"), part->name);
    llmp_out_text(&out, K("arguments"), arguments);
    llmp_out_end_object(&out);
    llmp_out_end_object(&out);
    llmp_out_end_array(&out);
    end_delta(&out, w);
}

static void write_thinking(struct llmp_wire_writer *w, uint32_t choice,
                           struct llmp_str sealed, struct llmp_str signature)
{
    struct llmp_json_out out = { .buf = w->out };

    begin_delta(&out, w, choice);
    llmp_out_array(&out, K("thinking_blocks"));
    llmp_out_object(&out, LLMP_NO_KEY);
    if (sealed.len) {
        llmp_out_text(&out, K("type"), K("redacted_thinking"));
        llmp_out_text(&out, K("data"), sealed);
    } else {
        llmp_out_text(&out, K("type"), K("thinking"));
        llmp_out_text(&out, K("thinking"), K(""));
        llmp_out_text(&out, K("signature"), signature);
    }
    llmp_out_end_object(&out);
    llmp_out_end_array(&out);
    end_delta(&out, w);
}

static void write_call_signature(struct llmp_wire_writer *w, uint32_t choice,
                                 struct llmp_str signature)
{
    struct llmp_json_out out = { .buf = w->out };

    begin_delta(&out, w, choice);
    llmp_out_array(&out, K("tool_calls"));
    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_u64(&out, K("index"), w->calls - 1);
    llmp_out_raw(&out, K("function"), K("{\"arguments\":\"\"}"));
    llmp_out_object(&out, K("extra_content"));
    llmp_out_object(&out, K("google"));
    llmp_out_text(&out, K("thought_signature"), signature);
    llmp_out_end_object(&out);
    llmp_out_end_object(&out);
    llmp_out_end_object(&out);
    llmp_out_end_array(&out);
    end_delta(&out, w);
}

/* A raw value in the delta, or beside it for logprobs. */
static void write_raw(struct llmp_wire_writer *w, const struct llmp_event *e)
{
    struct llmp_json_out out = { .buf = w->out };

    begin_delta(&out, w, e->choice);
    if (e->kind == LLMP_EVENT_CITATION) {
        llmp_out_raw_line(&out, K("citation"), e->text);
        end_delta(&out, w);
        return;
    }
    llmp_out_end_object(&out);
    llmp_out_object(&out, K("logprobs"));
    llmp_out_raw_line(&out, K("content"), e->text);
    llmp_out_end_object(&out);
    llmp_out_raw(&out, K("finish_reason"), K("null"));
    llmp_out_end_object(&out);
    end_chunk(&out, w);
}

static void write_stop(struct llmp_wire_writer *w, const struct llmp_event *e)
{
    struct llmp_json_out out = { .buf = w->out };

    begin_chunk(&out, w);
    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_u64(&out, K("index"), e->choice);
    llmp_out_raw(&out, K("delta"), K("{}"));
    llmp_out_text(&out, K("finish_reason"), llmp_openai_stop_name(e->stop));
    llmp_out_end_object(&out);
    end_chunk(&out, w);
}

static void write_usage(struct llmp_wire_writer *w,
                        const struct llmp_token_usage *usage)
{
    struct llmp_json_out out = { .buf = w->out };

    if (!w->wants_usage)
        return;
    begin_chunk(&out, w);
    llmp_out_end_array(&out);
    llmp_openai_put_usage(&out, K("usage"), usage);
    llmp_out_end_object(&out);
    llmp_wire_end_sse(w->out);
}

static void write_part(struct llmp_wire_writer *w, const struct llmp_event *e)
{
    if (e->part.kind == LLMP_PART_TOOL_CALL) {
        w->calls++;
        write_call(w, e->choice, &e->part, K(""));
    } else if (e->part.redacted) {
        write_thinking(w, e->choice, e->part.text, K(""));
    }
}

static void write_delta(struct llmp_wire_writer *w, const struct llmp_event *e)
{
    switch (e->part.kind) {
    case LLMP_PART_TOOL_CALL:
        write_call(w, e->choice, NULL, e->text);
        break;
    case LLMP_PART_REASONING:
        write_text(w, e->choice, K("reasoning_content"), e->text);
        break;
    case LLMP_PART_REFUSAL:
        write_text(w, e->choice, K("refusal"), e->text);
        break;
    default:
        write_text(w, e->choice, K("content"), e->text);
        break;
    }
}

int llmp_openai_write_event(const struct llmp_event *e, void *writer)
{
    struct llmp_wire_writer *w = writer;

    switch (e->kind) {
    case LLMP_EVENT_START:
        LLMP_TRY(llmp_wire_begin(w, e));
        write_role(w, e->choice);
        break;
    case LLMP_EVENT_PART:
        write_part(w, e);
        break;
    case LLMP_EVENT_DELTA:
        write_delta(w, e);
        break;
    case LLMP_EVENT_SIGNATURE:
        if (e->part.kind == LLMP_PART_TOOL_CALL)
            write_call_signature(w, e->choice, e->text);
        else
            write_thinking(w, e->choice, K(""), e->text);
        break;
    case LLMP_EVENT_CITATION:
    case LLMP_EVENT_LOGPROBS:
        write_raw(w, e);
        break;
    case LLMP_EVENT_STOP:
        write_stop(w, e);
        break;
    case LLMP_EVENT_USAGE:
        write_usage(w, &e->usage);
        break;
    case LLMP_EVENT_END:
        (void)llmp_buf_add(w->out, K("data: [DONE]\n\n"));
        w->ended = true;
        break;
    case LLMP_EVENT_PART_END:
    case LLMP_EVENT_ERROR: /* the exchange's, see write_error_event */
        break;
    }
    return w->out->failed ? LLMP_E_NOMEM : LLMP_OK;
}
