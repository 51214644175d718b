/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams: the events that every reader gives alike, and what writers share.
 * Parts never overlap here: a provider that mixes them has its text parts
 * closed and opened again, which changes nothing for who reads the text.
 */
#include "base/internal.h"
#include "wire/dialect.h"

static int give(const struct llmp_event *event,
                const struct llmp_event_sink *sink)
{
    return sink->take(event, sink->ctx);
}

int llmp_wire_start(struct llmp_wire_reader *reader, struct llmp_str id,
                    struct llmp_str model, uint64_t created_s,
                    const struct llmp_event_sink *sink)
{
    if (reader->started)
        return LLMP_OK;
    reader->started = true;
    return give(&(struct llmp_event){ .kind = LLMP_EVENT_START,
                                      .id = id,
                                      .model = model,
                                      .created_s = created_s,
                                      .usage = reader->usage },
                sink);
}

int llmp_wire_close(struct llmp_wire_reader *reader,
                    const struct llmp_event_sink *sink)
{
    if (!reader->part_open)
        return LLMP_OK;
    reader->part_open = false;
    return give(&(struct llmp_event){ .kind = LLMP_EVENT_PART_END,
                                      .choice = reader->choice,
                                      .part = { .kind = reader->part } },
                sink);
}

int llmp_wire_open(struct llmp_wire_reader *reader, uint32_t choice,
                   const struct llmp_part *part,
                   const struct llmp_event_sink *sink)
{
    const struct llmp_str none = { NULL, 0 };

    LLMP_TRY(llmp_wire_start(reader, none, none, 0, sink));
    LLMP_TRY(llmp_wire_close(reader, sink));
    reader->part_open = true;
    reader->part = part->kind;
    reader->choice = choice;
    reader->tool_seen |= part->kind == LLMP_PART_TOOL_CALL;
    return give(&(struct llmp_event){ .kind = LLMP_EVENT_PART,
                                      .choice = choice,
                                      .part = *part },
                sink);
}

int llmp_wire_delta(struct llmp_wire_reader *reader, uint32_t choice,
                    enum llmp_part_kind kind, struct llmp_str text,
                    const struct llmp_event_sink *sink)
{
    if (text.len == 0)
        return LLMP_OK;
    if (!reader->part_open || reader->part != kind || reader->choice != choice)
        LLMP_TRY(llmp_wire_open(reader, choice,
                                &(struct llmp_part){ .kind = kind }, sink));
    return give(&(struct llmp_event){ .kind = LLMP_EVENT_DELTA,
                                      .choice = choice,
                                      .part = { .kind = kind },
                                      .text = text },
                sink);
}

int llmp_wire_sign(struct llmp_wire_reader *reader, struct llmp_str signature,
                   const struct llmp_event_sink *sink)
{
    if (signature.len == 0 || !reader->part_open)
        return LLMP_OK;
    return give(&(struct llmp_event){ .kind = LLMP_EVENT_SIGNATURE,
                                      .choice = reader->choice,
                                      .part = { .kind = reader->part },
                                      .text = signature },
                sink);
}

int llmp_wire_stop(struct llmp_wire_reader *reader, uint32_t choice,
                   enum llmp_stop stop, struct llmp_str sequence,
                   const struct llmp_event_sink *sink)
{
    const struct llmp_str none = { NULL, 0 };

    LLMP_TRY(llmp_wire_start(reader, none, none, 0, sink));
    LLMP_TRY(llmp_wire_close(reader, sink));
    reader->stopped = true;
    return give(&(struct llmp_event){ .kind = LLMP_EVENT_STOP,
                                      .choice = choice,
                                      .stop = stop,
                                      .stop_sequence = sequence },
                sink);
}

int llmp_wire_finish(struct llmp_wire_reader *reader,
                     const struct llmp_event_sink *sink)
{
    if (reader->ended)
        return LLMP_OK;
    LLMP_TRY(llmp_wire_close(reader, sink));
    reader->ended = true;
    if (reader->usage.reported)
        LLMP_TRY(give(&(struct llmp_event){ .kind = LLMP_EVENT_USAGE,
                                            .usage = reader->usage },
                      sink));
    return give(&(struct llmp_event){ .kind = LLMP_EVENT_END }, sink);
}

int llmp_wire_fail(struct llmp_wire_reader *reader,
                   const struct llmp_provider_error *error,
                   const struct llmp_event_sink *sink)
{
    if (reader->ended)
        return LLMP_OK;
    reader->ended = true;
    return give(
        &(struct llmp_event){ .kind = LLMP_EVENT_ERROR, .error = *error },
        sink);
}

/* ---- replay ------------------------------------------------------------- */

static int replay_part(struct llmp_wire_reader *reader, uint32_t choice,
                       const struct llmp_part *part,
                       const struct llmp_event_sink *sink)
{
    LLMP_TRY(llmp_wire_open(reader, choice, part, sink));
    if (part->kind != LLMP_PART_TOOL_CALL)
        LLMP_TRY(llmp_wire_delta(reader, choice, part->kind, part->text, sink));
    LLMP_TRY(llmp_wire_sign(reader, part->signature, sink));
    return llmp_wire_close(reader, sink);
}

/* A call's arguments are a document here and JSON text in a stream. */
static int replay_call(struct llmp_wire_reader *reader, uint32_t choice,
                       const struct llmp_part *part,
                       const struct llmp_event_sink *sink)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf quoted = { 0 };

    LLMP_TRY(llmp_wire_open(reader, choice, part, sink));
    if (!llmp_buf_json(&quoted, part->arguments))
        return LLMP_E_NOMEM;
    LLMP_TRY(llmp_wire_delta(
        reader, choice, LLMP_PART_TOOL_CALL,
        (struct llmp_str){ quoted.ptr + 1, quoted.len - 2 }, sink));
    return llmp_wire_close(reader, sink);
}

int llmp_answer_replay(const struct llmp_answer *answer,
                       const struct llmp_event_sink *sink)
{
    struct llmp_wire_reader reader = { .usage = answer->usage };

    LLMP_TRY(llmp_wire_start(&reader, answer->id, answer->model,
                             answer->created_s, sink));
    for (const struct llmp_choice *c = answer->first; c; c = c->next) {
        for (const struct llmp_part *p = c->first; p; p = p->next)
            LLMP_TRY(p->kind == LLMP_PART_TOOL_CALL
                         ? replay_call(&reader, c->index, p, sink)
                         : replay_part(&reader, c->index, p, sink));
        if (c->logprobs.len)
            LLMP_TRY(
                sink->take(&(struct llmp_event){ .kind = LLMP_EVENT_LOGPROBS,
                                                 .choice = c->index,
                                                 .text = c->logprobs },
                           sink->ctx));
        LLMP_TRY(
            llmp_wire_stop(&reader, c->index, c->stop, c->stop_sequence, sink));
    }
    return llmp_wire_finish(&reader, sink);
}

/* ---- writers ------------------------------------------------------------ */

static int keep(struct llmp_wire_writer *writer, struct llmp_str *place,
                struct llmp_str text)
{
    bool ok = true;

    if (!place->len && text.len)
        *place = llmp_arena_str(writer->arena, text, &ok);
    return ok ? LLMP_OK : LLMP_E_NOMEM;
}

int llmp_wire_begin(struct llmp_wire_writer *writer,
                    const struct llmp_event *start)
{
    writer->started = true;
    if (!writer->created_s)
        writer->created_s = start->created_s;
    if (!writer->usage.reported)
        writer->usage = start->usage;
    LLMP_TRY(keep(writer, &writer->id, start->id));
    return keep(writer, &writer->model, start->model);
}

void llmp_wire_writer_fini(struct llmp_wire_writer *writer)
{
    if (!writer)
        return;
    llmp_buf_fini(&writer->gathered);
    llmp_buf_fini(&writer->items);
}

int llmp_wire_gather(struct llmp_wire_writer *writer, struct llmp_str text)
{
    if (writer->gathered.len + text.len > writer->gather_max)
        return LLMP_E_LIMIT;
    return llmp_buf_add(&writer->gathered, text) ? LLMP_OK : LLMP_E_NOMEM;
}

void llmp_wire_begin_sse(struct llmp_buf *out, struct llmp_str name)
{
    if (name.len) {
        (void)llmp_buf_add(out, LLMP_STR("event: "));
        (void)llmp_buf_add(out, name);
        (void)llmp_buf_add(out, LLMP_STR("\n"));
    }
    (void)llmp_buf_add(out, LLMP_STR("data: "));
}

void llmp_wire_end_sse(struct llmp_buf *out)
{
    (void)llmp_buf_add(out, LLMP_STR("\n\n"));
}
