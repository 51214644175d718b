/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of streamGenerateContent with alt=sse: each event is an answer with
 * what has come since, and the connection's end is the stream's. A call comes
 * whole, so the writer collects its arguments; why a choice stopped is held
 * back until the counts are known, which come in the same event.
 *
 * A seal on a text is left out of streams: Google does not require it back,
 * and no other dialect has a place for it.
 */
#include "base/internal.h"
#include "wire/gemini.h"

#define K(text) LLMP_STR(text)

/* ---- log probabilities -------------------------------------------------- */

static void put_token(struct llmp_json_out *out,
                      const struct llmp_json_value *value)
{
    const struct llmp_json_value *p =
        llmp_gemini_get(value, K("logProbability"));

    llmp_out_text(out, K("token"), llmp_gemini_text(value, K("token")));
    llmp_out_raw(out, K("logprob"),
                 llmp_json_is(p, LLMP_JSON_NUMBER) ? p->text : K("0"));
    llmp_out_raw(out, K("bytes"), K("null"));
}

bool llmp_gemini_take_logprobs(struct llmp_buf *buf,
                               const struct llmp_json_value *candidate)
{
    struct llmp_json_out o = { .buf = buf }, *out = &o;
    const struct llmp_json_value *result =
        llmp_gemini_get(candidate, K("logprobsResult"));
    const struct llmp_json_value *chosen =
        llmp_gemini_get(result, K("chosenCandidates"));
    const struct llmp_json_value *tops =
        llmp_gemini_get(result, K("topCandidates"));
    const struct llmp_json_value *top;

    if (!llmp_json_is(chosen, LLMP_JSON_ARRAY))
        return false;
    top = llmp_json_is(tops, LLMP_JSON_ARRAY) ? tops->first : NULL;
    llmp_out_array(out, LLMP_NO_KEY);
    for (const struct llmp_json_value *v = chosen->first; v; v = v->next) {
        const struct llmp_json_value *list =
            llmp_gemini_get(top, K("candidates"));

        llmp_out_object(out, LLMP_NO_KEY);
        put_token(out, v);
        llmp_out_array(out, K("top_logprobs"));
        for (const struct llmp_json_value *t =
                 llmp_json_is(list, LLMP_JSON_ARRAY) ? list->first : NULL;
             t; t = t->next) {
            llmp_out_object(out, LLMP_NO_KEY);
            put_token(out, t);
            llmp_out_end_object(out);
        }
        llmp_out_end_array(out);
        llmp_out_end_object(out);
        top = top ? top->next : NULL;
    }
    llmp_out_end_array(out);
    return true;
}

static void put_candidate(struct llmp_json_out *out,
                          const struct llmp_json_value *token)
{
    const struct llmp_json_value *p = llmp_json_get(token, K("logprob"));

    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_text(out, K("token"), llmp_wire_text_at(token, K("token")));
    if (llmp_json_is(p, LLMP_JSON_NUMBER))
        llmp_out_raw(out, K("logProbability"), p->text);
    llmp_out_end_object(out);
}

int llmp_gemini_put_logprobs(struct llmp_json_out *out, struct llmp_str tokens,
                             struct llmp_arena *arena)
{
    const struct llmp_json_value *list;

    LLMP_TRY(llmp_json_tree(&list, tokens, 0, arena, NULL));
    if (list->type != LLMP_JSON_ARRAY)
        return LLMP_OK;
    llmp_out_object(out, K("logprobsResult"));
    llmp_out_array(out, K("topCandidates"));
    for (const struct llmp_json_value *v = list->first; v; v = v->next) {
        const struct llmp_json_value *tops =
            llmp_json_get(v, K("top_logprobs"));

        llmp_out_object(out, LLMP_NO_KEY);
        llmp_out_array(out, K("candidates"));
        for (const struct llmp_json_value *t =
                 llmp_json_is(tops, LLMP_JSON_ARRAY) ? tops->first : NULL;
             t; t = t->next)
            put_candidate(out, t);
        llmp_out_end_array(out);
        llmp_out_end_object(out);
    }
    llmp_out_end_array(out);
    llmp_out_array(out, K("chosenCandidates"));
    for (const struct llmp_json_value *v = list->first; v; v = v->next)
        put_candidate(out, v);
    llmp_out_end_array(out);
    llmp_out_end_object(out);
    return LLMP_OK;
}

/* ---- read --------------------------------------------------------------- */

static int read_call(struct llmp_wire_reader *reader, uint32_t choice,
                     const struct llmp_part *part,
                     const struct llmp_event_sink *sink)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf quoted = { 0 };

    LLMP_TRY(llmp_wire_open(reader, choice, part, sink));
    LLMP_TRY(llmp_wire_sign(reader, part->signature, sink));
    if (!llmp_buf_json(&quoted, part->arguments))
        return LLMP_E_NOMEM;
    LLMP_TRY(llmp_wire_delta(
        reader, choice, LLMP_PART_TOOL_CALL,
        (struct llmp_str){ quoted.ptr + 1, quoted.len - 2 }, sink));
    return llmp_wire_close(reader, sink);
}

/* A stream has no arena: a part needs one for a moment only. */
static int read_part(struct llmp_wire_reader *reader, uint32_t choice,
                     const struct llmp_json_value *value, struct llmp_str id,
                     const struct llmp_event_sink *sink)
{
    LLMP_AUTO(llmp_arena_fini) struct llmp_arena arena;
    struct llmp_part part = { .kind = LLMP_PART_TEXT };
    int rc;

    llmp_arena_init(&arena, 256);
    rc = llmp_gemini_take_part(&part, value, id, reader->block, &arena);
    if (rc == LLMP_E_NOMEM)
        return rc;
    if (rc != LLMP_OK)
        return LLMP_OK; /* of a tool of Google's, which was not asked for */
    switch (part.kind) {
    case LLMP_PART_TOOL_CALL:
        reader->block++;
        return read_call(reader, choice, &part, sink);
    case LLMP_PART_REASONING:
        LLMP_TRY(llmp_wire_delta(reader, choice, part.kind, part.text, sink));
        if (reader->part == LLMP_PART_REASONING)
            return llmp_wire_sign(reader, part.signature, sink);
        return LLMP_OK;
    case LLMP_PART_TEXT:
        return llmp_wire_delta(reader, choice, part.kind, part.text, sink);
    default:
        return LLMP_OK; /* a picture: no dialect streams one */
    }
}

static int read_candidate(struct llmp_wire_reader *reader,
                          const struct llmp_json_value *value,
                          struct llmp_str id,
                          const struct llmp_event_sink *sink)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf tokens = { 0 };
    const struct llmp_json_value *parts =
        llmp_gemini_get(llmp_gemini_get(value, K("content")), K("parts"));
    const struct llmp_json_value *index = llmp_gemini_get(value, K("index"));
    uint32_t choice = llmp_json_is(index, LLMP_JSON_NUMBER)
                          ? (uint32_t)llmp_wire_u64(index->text, 0)
                          : 0;
    enum llmp_stop stop;

    for (const struct llmp_json_value *v =
             llmp_json_is(parts, LLMP_JSON_ARRAY) ? parts->first : NULL;
         v; v = v->next)
        LLMP_TRY(read_part(reader, choice, v, id, sink));
    if (llmp_gemini_take_logprobs(&tokens, value)) {
        if (tokens.failed)
            return LLMP_E_NOMEM;
        LLMP_TRY(
            sink->take(&(struct llmp_event){ .kind = LLMP_EVENT_LOGPROBS,
                                             .choice = choice,
                                             .text = llmp_buf_str(&tokens) },
                       sink->ctx));
    }
    stop = llmp_gemini_stop_of(value, reader->tool_seen);
    if (stop == LLMP_STOP_UNSAID)
        return LLMP_OK;
    return llmp_wire_stop(reader, choice, stop, (struct llmp_str){ NULL, 0 },
                          sink);
}

int llmp_gemini_read_event(struct llmp_wire_reader *reader,
                           struct llmp_str name,
                           const struct llmp_json_value *data,
                           const struct llmp_event_sink *sink)
{
    const struct llmp_json_value *candidates =
        llmp_gemini_get(data, K("candidates"));
    struct llmp_str id = llmp_gemini_text(data, K("responseId"));

    (void)name; /* there are none */
    if (llmp_gemini_get(data, K("error"))) {
        struct llmp_provider_error error;

        llmp_gemini_read_error(&error, 500, data);
        return llmp_wire_fail(reader, &error, sink);
    }
    llmp_gemini_take_usage(&reader->usage, data);
    LLMP_TRY(llmp_wire_start(
        reader, id, llmp_gemini_text(data, K("modelVersion")), 0, sink));
    if (!candidates && llmp_gemini_is_blocked(data) && !reader->stopped)
        return llmp_wire_stop(reader, 0, LLMP_STOP_FILTER,
                              (struct llmp_str){ NULL, 0 }, sink);
    for (const struct llmp_json_value *v =
             llmp_json_is(candidates, LLMP_JSON_ARRAY) ? candidates->first
                                                       : NULL;
         v; v = v->next)
        LLMP_TRY(read_candidate(reader, v, id, sink));
    return LLMP_OK;
}

int llmp_gemini_read_end(struct llmp_wire_reader *reader,
                         const struct llmp_event_sink *sink)
{
    return reader->stopped ? llmp_wire_finish(reader, sink) : LLMP_E_SYNTAX;
}

/* ---- write -------------------------------------------------------------- */

/* Up to the candidate's members. */
static struct llmp_json_out begin_event(struct llmp_wire_writer *w)
{
    struct llmp_json_out out = { .buf = w->out };

    llmp_wire_begin_sse(w->out, K(""));
    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_array(&out, K("candidates"));
    llmp_out_object(&out, LLMP_NO_KEY);
    return out;
}

static void end_event(struct llmp_wire_writer *w, struct llmp_json_out *out,
                      uint32_t choice, bool last)
{
    llmp_out_u64(out, K("index"), choice);
    llmp_out_end_object(out);
    llmp_out_end_array(out);
    if (last && w->usage.reported)
        llmp_gemini_put_usage(out, &w->usage);
    llmp_out_text(out, K("modelVersion"), w->model);
    llmp_out_text(out, K("responseId"), w->id);
    llmp_out_end_object(out);
    llmp_wire_end_sse(w->out);
}

static void put_content(struct llmp_json_out *out, const struct llmp_part *part)
{
    llmp_out_object(out, K("content"));
    llmp_out_array(out, K("parts"));
    llmp_gemini_put_part(out, part);
    llmp_out_end_array(out);
    llmp_out_text(out, K("role"), K("model"));
    llmp_out_end_object(out);
}

static void write_part(struct llmp_wire_writer *w, uint32_t choice,
                       const struct llmp_part *part)
{
    struct llmp_json_out out = begin_event(w);

    put_content(&out, part);
    end_event(w, &out, choice, false);
}

/* What is no object is the client's to see, as elsewhere. */
static int write_call(struct llmp_wire_writer *w, uint32_t choice)
{
    LLMP_AUTO(llmp_arena_fini) struct llmp_arena arena;
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf odd = { 0 };
    struct llmp_wire wire = { .arena = &arena };
    struct llmp_part call = { .kind = LLMP_PART_TOOL_CALL,
                              .id = w->call_id,
                              .name = w->call_name,
                              .signature = w->signature };
    int rc;

    llmp_arena_init(&arena, 1024);
    rc = llmp_wire_unquote_object(&call.arguments, llmp_buf_str(&w->gathered),
                                  &wire);
    if (rc == LLMP_E_TYPE) {
        (void)llmp_buf_add(&odd, K("{\"_invalid_arguments\":\""));
        (void)llmp_buf_add(&odd, llmp_buf_str(&w->gathered));
        (void)llmp_buf_add(&odd, K("\"}"));
        call.arguments = llmp_buf_str(&odd);
        rc = odd.failed ? LLMP_E_NOMEM : LLMP_OK;
    }
    LLMP_TRY(rc);
    write_part(w, choice, &call);
    return LLMP_OK;
}

static int begin_part(struct llmp_wire_writer *w, const struct llmp_event *e)
{
    bool ok = true;

    w->part_open = true;
    if (e->part.kind != LLMP_PART_TOOL_CALL)
        return LLMP_OK;
    w->gathered.len = 0;
    w->signature = K("");
    w->call_id = llmp_arena_str(w->arena, e->part.id, &ok);
    w->call_name = llmp_arena_str(w->arena, e->part.name, &ok);
    return ok ? LLMP_OK : LLMP_E_NOMEM;
}

static int write_signature(struct llmp_wire_writer *w,
                           const struct llmp_event *e)
{
    bool ok = true;

    if (e->part.kind == LLMP_PART_TOOL_CALL)
        w->signature = llmp_arena_str(w->arena, e->text, &ok);
    else
        write_part(
            w, e->choice,
            &(struct llmp_part){ .kind = e->part.kind, .signature = e->text });
    return ok ? LLMP_OK : LLMP_E_NOMEM;
}

static void flush_stop(struct llmp_wire_writer *w, bool last)
{
    struct llmp_json_out out = begin_event(w);

    put_content(&out, &(struct llmp_part){ .kind = LLMP_PART_TEXT });
    llmp_out_text(&out, K("finishReason"), llmp_gemini_stop_name(w->stop));
    end_event(w, &out, w->choice, last);
    w->stop = LLMP_STOP_UNSAID;
}

static void write_stop(struct llmp_wire_writer *w, const struct llmp_event *e)
{
    if (w->stop != LLMP_STOP_UNSAID)
        flush_stop(w, false);
    w->choice = e->choice;
    w->stop = e->stop == LLMP_STOP_UNSAID ? LLMP_STOP_END : e->stop;
}

static int write_logprobs(struct llmp_wire_writer *w,
                          const struct llmp_event *e)
{
    LLMP_AUTO(llmp_arena_fini) struct llmp_arena arena;
    struct llmp_json_out out = begin_event(w);

    llmp_arena_init(&arena, 4096);
    LLMP_TRY(llmp_gemini_put_logprobs(&out, e->text, &arena));
    end_event(w, &out, e->choice, false);
    return LLMP_OK;
}

static int write_event(struct llmp_wire_writer *w, const struct llmp_event *e)
{
    switch (e->kind) {
    case LLMP_EVENT_START:
        return llmp_wire_begin(w, e);
    case LLMP_EVENT_PART:
        return begin_part(w, e);
    case LLMP_EVENT_DELTA:
        if (e->part.kind == LLMP_PART_TOOL_CALL)
            return llmp_wire_gather(w, e->text);
        write_part(
            w, e->choice,
            &(struct llmp_part){ .kind = e->part.kind, .text = e->text });
        break;
    case LLMP_EVENT_SIGNATURE:
        return write_signature(w, e);
    case LLMP_EVENT_PART_END:
        return e->part.kind == LLMP_PART_TOOL_CALL ? write_call(w, e->choice)
                                                   : LLMP_OK;
    case LLMP_EVENT_LOGPROBS:
        return write_logprobs(w, e);
    case LLMP_EVENT_STOP:
        write_stop(w, e);
        break;
    case LLMP_EVENT_USAGE:
        w->usage = e->usage;
        break;
    case LLMP_EVENT_END:
        if (w->stop != LLMP_STOP_UNSAID)
            flush_stop(w, true);
        w->ended = true;
        break;
    case LLMP_EVENT_CITATION: /* Google's are of pages, not of documents */
    case LLMP_EVENT_ERROR:    /* the exchange's, see write_error_event */
        break;
    }
    return LLMP_OK;
}

int llmp_gemini_write_event(const struct llmp_event *e, void *writer)
{
    struct llmp_wire_writer *w = writer;

    LLMP_TRY(write_event(w, e));
    return w->out->failed ? LLMP_E_NOMEM : LLMP_OK;
}
