/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of messages (Anthropic API reference, "Streaming Messages"). The
 * reason for stopping and the counts come together at the end, so the writer
 * keeps both until then.
 */
#include "base/internal.h"
#include "wire/anthropic.h"

#define K(text) LLMP_STR(text)

/* ---- read --------------------------------------------------------------- */

static int read_start(struct llmp_wire_reader *reader,
                      const struct llmp_json_value *data,
                      const struct llmp_event_sink *sink)
{
    const struct llmp_json_value *message = llmp_json_get(data, K("message"));

    llmp_anthropic_take_usage(&reader->usage,
                              llmp_json_get(message, K("usage")));
    return llmp_wire_start(reader, llmp_wire_text_at(message, K("id")),
                           llmp_wire_text_at(message, K("model")), 0, sink);
}

/* A block that has something already gives it as its first delta. */
static int read_block(struct llmp_wire_reader *reader,
                      const struct llmp_json_value *data,
                      const struct llmp_event_sink *sink)
{
    const struct llmp_json_value *block =
        llmp_json_get(data, K("content_block"));
    struct llmp_part part = { .kind = LLMP_PART_TEXT };

    if (!llmp_anthropic_take_block(&part, block))
        return llmp_wire_close(reader, sink); /* nobody asked for it */
    LLMP_TRY(llmp_wire_open(reader, 0, &part, sink));
    if (part.kind == LLMP_PART_TOOL_CALL || part.redacted)
        return LLMP_OK;
    return llmp_wire_delta(reader, 0, part.kind, part.text, sink);
}

static int read_delta(struct llmp_wire_reader *reader,
                      const struct llmp_json_value *data,
                      const struct llmp_event_sink *sink)
{
    const struct llmp_json_value *delta = llmp_json_get(data, K("delta"));
    const struct llmp_json_value *type = llmp_json_get(delta, K("type"));
    const struct llmp_json_value *citation =
        llmp_json_get(delta, K("citation"));

    if (!reader->part_open)
        return LLMP_OK; /* of a block that has no part */
    if (llmp_json_text_is(type, K("text_delta")))
        return llmp_wire_delta(reader, 0, LLMP_PART_TEXT,
                               llmp_wire_text_at(delta, K("text")), sink);
    if (llmp_json_text_is(type, K("input_json_delta")))
        return llmp_wire_delta(reader, 0, LLMP_PART_TOOL_CALL,
                               llmp_wire_text_at(delta, K("partial_json")),
                               sink);
    if (llmp_json_text_is(type, K("thinking_delta")))
        return llmp_wire_delta(reader, 0, LLMP_PART_REASONING,
                               llmp_wire_text_at(delta, K("thinking")), sink);
    if (llmp_json_text_is(type, K("signature_delta")))
        return llmp_wire_sign(reader, llmp_wire_text_at(delta, K("signature")),
                              sink);
    if (llmp_json_text_is(type, K("citations_delta")) &&
        llmp_json_is(citation, LLMP_JSON_OBJECT))
        return sink->take(
            &(struct llmp_event){ .kind = LLMP_EVENT_CITATION,
                                  .part = { .kind = reader->part },
                                  .text = citation->text },
            sink->ctx);
    return LLMP_OK;
}

static int read_message_delta(struct llmp_wire_reader *reader,
                              const struct llmp_json_value *data,
                              const struct llmp_event_sink *sink)
{
    const struct llmp_json_value *delta = llmp_json_get(data, K("delta"));
    const struct llmp_json_value *reason =
        llmp_json_get(delta, K("stop_reason"));

    llmp_anthropic_take_usage(&reader->usage, llmp_json_get(data, K("usage")));
    if (!reason || reader->stopped)
        return LLMP_OK;
    return llmp_wire_stop(reader, 0, llmp_anthropic_stop_of(reason),
                          llmp_wire_text_at(delta, K("stop_sequence")), sink);
}

int llmp_anthropic_read_event(struct llmp_wire_reader *reader,
                              struct llmp_str name,
                              const struct llmp_json_value *data,
                              const struct llmp_event_sink *sink)
{
    const struct llmp_json_value *type = llmp_json_get(data, K("type"));

    (void)name; /* the same as the type, which some servers leave out */
    if (llmp_json_text_is(type, K("content_block_delta")))
        return read_delta(reader, data, sink);
    if (llmp_json_text_is(type, K("content_block_start")))
        return read_block(reader, data, sink);
    if (llmp_json_text_is(type, K("content_block_stop")))
        return llmp_wire_close(reader, sink);
    if (llmp_json_text_is(type, K("message_start")))
        return read_start(reader, data, sink);
    if (llmp_json_text_is(type, K("message_delta")))
        return read_message_delta(reader, data, sink);
    if (llmp_json_text_is(type, K("message_stop")))
        return llmp_wire_finish(reader, sink);
    if (llmp_json_text_is(type, K("error"))) {
        struct llmp_provider_error error;

        llmp_anthropic_read_error(&error, 500, data);
        return llmp_wire_fail(reader, &error, sink);
    }
    return LLMP_OK; /* "ping", and what may come */
}

int llmp_anthropic_read_end(struct llmp_wire_reader *reader,
                            const struct llmp_event_sink *sink)
{
    return reader->stopped ? llmp_wire_finish(reader, sink) : LLMP_E_SYNTAX;
}

/* ---- write -------------------------------------------------------------- */

static struct llmp_json_out begin_event(struct llmp_wire_writer *w,
                                        struct llmp_str type)
{
    struct llmp_json_out out = { .buf = w->out };

    llmp_wire_begin_sse(w->out, type);
    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_text(&out, K("type"), type);
    return out;
}

static void end_event(struct llmp_wire_writer *w, struct llmp_json_out *out)
{
    llmp_out_end_object(out);
    llmp_wire_end_sse(w->out);
}

static void write_start(struct llmp_wire_writer *w)
{
    struct llmp_json_out out = begin_event(w, K("message_start"));

    llmp_out_object(&out, K("message"));
    llmp_out_text(&out, K("id"), w->id);
    llmp_out_text(&out, K("type"), K("message"));
    llmp_out_text(&out, K("role"), K("assistant"));
    llmp_out_text(&out, K("model"), w->model);
    llmp_out_raw(&out, K("content"), K("[]"));
    llmp_out_raw(&out, K("stop_reason"), K("null"));
    llmp_out_raw(&out, K("stop_sequence"), K("null"));
    llmp_anthropic_put_usage(&out, K("usage"), &w->usage);
    llmp_out_end_object(&out);
    end_event(w, &out);
}

static void write_part(struct llmp_wire_writer *w, const struct llmp_event *e)
{
    struct llmp_json_out out = begin_event(w, K("content_block_start"));

    llmp_out_u64(&out, K("index"), w->blocks);
    llmp_out_object(&out, K("content_block"));
    if (e->part.kind == LLMP_PART_TOOL_CALL) {
        llmp_out_text(&out, K("type"), K("tool_use"));
        llmp_out_text(&out, K("id"), e->part.id);
        llmp_out_text(&out, K("name"), e->part.name);
        llmp_out_raw(&out, K("input"), K("{}"));
    } else if (e->part.kind == LLMP_PART_REASONING && e->part.redacted) {
        llmp_out_text(&out, K("type"), K("redacted_thinking"));
        llmp_out_text(&out, K("data"), e->part.text);
    } else if (e->part.kind == LLMP_PART_REASONING) {
        llmp_out_text(&out, K("type"), K("thinking"));
        llmp_out_text(&out, K("thinking"), K(""));
        llmp_out_text(&out, K("signature"), K(""));
    } else {
        llmp_out_text(&out, K("type"), K("text"));
        llmp_out_text(&out, K("text"), K(""));
    }
    llmp_out_end_object(&out);
    end_event(w, &out);
}

static void write_delta(struct llmp_wire_writer *w, struct llmp_str type,
                        struct llmp_str key, struct llmp_str text)
{
    struct llmp_json_out out = begin_event(w, K("content_block_delta"));

    llmp_out_u64(&out, K("index"), w->blocks);
    llmp_out_object(&out, K("delta"));
    llmp_out_text(&out, K("type"), type);
    if (llmp_str_eq(type, K("citations_delta")))
        llmp_out_raw_line(&out, key, text);
    else
        llmp_out_text(&out, key, text);
    llmp_out_end_object(&out);
    end_event(w, &out);
}

static void write_part_delta(struct llmp_wire_writer *w,
                             const struct llmp_event *e)
{
    if (e->part.kind == LLMP_PART_TOOL_CALL)
        write_delta(w, K("input_json_delta"), K("partial_json"), e->text);
    else if (e->part.kind == LLMP_PART_REASONING)
        write_delta(w, K("thinking_delta"), K("thinking"), e->text);
    else
        write_delta(w, K("text_delta"), K("text"), e->text);
}

static void write_part_end(struct llmp_wire_writer *w)
{
    struct llmp_json_out out = begin_event(w, K("content_block_stop"));

    llmp_out_u64(&out, K("index"), w->blocks++);
    end_event(w, &out);
}

static void write_end(struct llmp_wire_writer *w)
{
    struct llmp_json_out out = begin_event(w, K("message_delta"));

    llmp_out_object(&out, K("delta"));
    llmp_out_text(&out, K("stop_reason"), llmp_anthropic_stop_name(w->stop));
    if (w->stop_sequence.len)
        llmp_out_text(&out, K("stop_sequence"), w->stop_sequence);
    else
        llmp_out_raw(&out, K("stop_sequence"), K("null"));
    llmp_out_end_object(&out);
    llmp_anthropic_put_usage(&out, K("usage"), &w->usage);
    end_event(w, &out);
    out = begin_event(w, K("message_stop"));
    end_event(w, &out);
    w->ended = true;
}

/* There is no place for another choice than the first, nor was it asked for. */
static int write_of_choice(struct llmp_wire_writer *w,
                           const struct llmp_event *e)
{
    bool ok = true;

    switch (e->kind) {
    case LLMP_EVENT_PART:
        write_part(w, e);
        break;
    case LLMP_EVENT_DELTA:
        write_part_delta(w, e);
        break;
    case LLMP_EVENT_SIGNATURE:
        if (e->part.kind == LLMP_PART_REASONING)
            write_delta(w, K("signature_delta"), K("signature"), e->text);
        break;
    case LLMP_EVENT_CITATION:
        write_delta(w, K("citations_delta"), K("citation"), e->text);
        break;
    case LLMP_EVENT_PART_END:
        write_part_end(w);
        break;
    case LLMP_EVENT_STOP:
        w->stop = e->stop;
        w->stop_sequence = llmp_arena_str(w->arena, e->stop_sequence, &ok);
        break;
    default:
        break;
    }
    return ok ? LLMP_OK : LLMP_E_NOMEM;
}

int llmp_anthropic_write_event(const struct llmp_event *e, void *writer)
{
    struct llmp_wire_writer *w = writer;

    switch (e->kind) {
    case LLMP_EVENT_START:
        LLMP_TRY(llmp_wire_begin(w, e));
        write_start(w);
        break;
    case LLMP_EVENT_USAGE:
        w->usage = e->usage;
        break;
    case LLMP_EVENT_END:
        write_end(w);
        break;
    default:
        if (e->choice == 0)
            LLMP_TRY(write_of_choice(w, e));
        break;
    }
    return w->out->failed ? LLMP_E_NOMEM : LLMP_OK;
}
