/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may come back, event by event, in the client's dialect. Each text of an
 * answer (a choice's content, its thoughts, the arguments of a call) is a
 * stream of its own; an event goes on with what its text has let go, which may
 * be nothing, or more than it brought. What is still held when a text ends is
 * said by one more event like the last one.
 */
#include "base/internal.h"
#include "gateway/inspect.h"

/* One event under way. */
struct event {
    struct llmp_exchange *x;
    struct llmp_guard_scanner *scanner;
    const struct llmp_sse_event *raw;
    struct llmp_x_edits edits;
};

static struct llmp_buf *out_of(struct llmp_exchange *x)
{
    return &x->guard->stream.outs[x->guard->stream.filled];
}

/* ---- texts -------------------------------------------------------------- */

static void text_free(struct llmp_x_text_stream *text)
{
    llmp_guard_stream_free(text->stream);
    llmp_buf_fini(&text->event); /* the rest is in the arena */
}

static struct llmp_x_text_stream *find_text(struct llmp_x_guard *g,
                                            const struct llmp_wire_text *of)
{
    for (struct llmp_x_text_stream *t = g->stream.texts; t; t = t->next)
        if (t->part == of->part && t->choice == of->choice &&
            t->block == of->block && !t->ended)
            return t;
    return NULL;
}

static struct llmp_guard_stream *new_stream(struct llmp_exchange *x,
                                            enum llmp_text_part part)
{
    struct llmp_guard_stream_options opts;
    struct llmp_guard_stream *stream;

    llmp_guard_stream_options_init(&opts);
    opts.part = (enum llmp_guard_part)part;
    opts.hold_bytes = x->config->guard.hold_bytes;
    opts.hold_ns = x->config->guard.hold_ns;
    opts.hold_words = llmp_guard_session_restores(x->guard->session);
    return llmp_guard_stream_new(&stream, x->guard->session, &opts, NULL) ==
                   LLMP_OK
               ? stream
               : NULL;
}

static struct llmp_x_text_stream *text_of(struct llmp_exchange *x,
                                          const struct llmp_wire_text *of)
{
    struct llmp_x_text_stream *text = find_text(x->guard, of);

    if (text)
        return text;
    text = llmp_arena_take(&x->arena, sizeof(*text));
    if (!text)
        return NULL;
    *text = (struct llmp_x_text_stream){ .next = x->guard->stream.texts,
                                         .part = of->part,
                                         .choice = of->choice,
                                         .block = of->block,
                                         .stream = new_stream(x, of->part) };
    if (!text->stream)
        return NULL;
    x->guard->stream.texts = text;
    return text;
}

/* ---- what goes on ------------------------------------------------------- */

static bool write_event(struct llmp_buf *out, struct llmp_str name,
                        struct llmp_str data)
{
    size_t at;
    bool ok = true;

    if (name.len)
        ok = llmp_buf_add(out, LLMP_STR("event: ")) &&
             llmp_buf_add(out, name) && llmp_buf_add(out, LLMP_STR("\n"));
    ok = ok && llmp_buf_add(out, LLMP_STR("data: "));
    at = out->len;
    ok = ok && llmp_buf_add(out, data) && llmp_buf_add(out, LLMP_STR("\n\n"));
    /* Between the lines of a document a blank is as good. */
    for (; ok && at + 2 < out->len; at++)
        if (out->ptr[at] == '\n' || out->ptr[at] == '\r')
            out->ptr[at] = ' ';
    return ok;
}

/* What the client gets of an answer's text: its own values again. */
static int restored(struct llmp_exchange *x, struct llmp_str text,
                    struct llmp_str *out)
{
    return llmp_guard_restore(x->guard->session, text, out);
}

static int note_flow(struct llmp_exchange *x,
                     const struct llmp_guard_flow *flow)
{
    llmp_x_guard_note(x, flow->findings, flow->finding_count, flow->action);
    if (flow->action != LLMP_GUARD_BLOCK)
        return LLMP_OK;
    x->guard->stream.blocked = true;
    return LLMP_E_STATE;
}

/* What a text has let go since its last event, as one more of those. */
static int say_more(struct llmp_exchange *x, struct llmp_x_text_stream *text,
                    struct llmp_str more)
{
    struct llmp_buf data = { 0 };
    struct llmp_wire_replacement one;
    int rc;

    if (more.len == 0)
        return LLMP_OK;
    LLMP_TRY(restored(x, more, &more));
    one = (struct llmp_wire_replacement){
        .json = { text->event.ptr + text->at, text->size }, .plain = more
    };
    rc = llmp_wire_replace(&data, llmp_buf_str(&text->event), &one, 1);
    if (rc == LLMP_OK &&
        !write_event(out_of(x), text->name, llmp_buf_str(&data)))
        rc = LLMP_E_NOMEM;
    llmp_buf_fini(&data);
    return rc;
}

static int end_text(struct llmp_exchange *x, struct llmp_guard_scanner *scanner,
                    struct llmp_x_text_stream *text)
{
    struct llmp_guard_flow flow;
    int rc;

    text->ended = true;
    LLMP_TRY(llmp_guard_stream_end(scanner, text->stream, &flow));
    llmp_x_guard_runs(x, flow.runs, flow.run_count);
    rc = note_flow(x, &flow);
    LLMP_TRY(say_more(x, text, flow.text));
    return rc;
}

/* Those that an event says are complete. */
static int end_texts(struct event *e, const struct llmp_wire_text *of)
{
    struct llmp_x_text_stream *text = e->x->guard->stream.texts;

    for (; text; text = text->next)
        if (!text->ended &&
            (of->ends == LLMP_TEXT_ALL_END ||
             (text->choice == of->choice &&
              (of->ends == LLMP_TEXT_CHOICE_ENDS || text->block == of->block))))
            LLMP_TRY(end_text(e->x, e->scanner, text));
    return LLMP_OK;
}

/* ---- an event ----------------------------------------------------------- */

/* The event that more of this text would be like. */
static int keep_event(struct event *e, struct llmp_x_text_stream *text,
                      struct llmp_str json)
{
    bool ok = true;

    text->event.len = 0;
    text->at = (size_t)(json.ptr - e->raw->data.ptr);
    text->size = json.len;
    if (!llmp_str_eq(text->name, e->raw->name))
        text->name = llmp_arena_str(&e->x->arena, e->raw->name, &ok);
    return ok && llmp_buf_add(&text->event, e->raw->data) ? LLMP_OK
                                                          : LLMP_E_NOMEM;
}

static int take_piece(struct event *e, const struct llmp_wire_text *of,
                      struct llmp_str plain)
{
    struct llmp_x_text_stream *text = text_of(e->x, of);
    struct llmp_guard_flow flow;
    struct llmp_str out;
    int rc;

    if (!text)
        return LLMP_E_NOMEM;
    LLMP_TRY(keep_event(e, text, of->json));
    LLMP_TRY(llmp_guard_stream_feed(e->scanner, text->stream, plain,
                                    e->x->now.mono_ns, &flow));
    rc = note_flow(e->x, &flow);
    LLMP_TRY(restored(e->x, flow.text, &out));
    if (!llmp_str_eq(out, plain))
        LLMP_TRY(llmp_x_edits_add(&e->edits, e->x, of->json, out));
    return rc;
}

/* A text that an event has whole: as if it had come in pieces. */
static int take_whole(struct event *e, const struct llmp_wire_text *of,
                      struct llmp_str plain)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf all = { 0 };
    struct llmp_guard_stream *stream = new_stream(e->x, of->part);
    struct llmp_guard_flow flow;
    struct llmp_str out;
    int rc = LLMP_E_NOMEM;

    if (stream)
        rc = llmp_guard_stream_feed(e->scanner, stream, plain, 0, &flow);
    if (rc == LLMP_OK && !llmp_buf_add(&all, flow.text))
        rc = LLMP_E_NOMEM;
    if (rc == LLMP_OK)
        rc = llmp_guard_stream_end(e->scanner, stream, &flow);
    if (rc == LLMP_OK && !llmp_buf_add(&all, flow.text))
        rc = LLMP_E_NOMEM;
    if (rc == LLMP_OK)
        rc = flow.action == LLMP_GUARD_BLOCK ? LLMP_E_STATE : LLMP_OK;
    e->x->guard->stream.blocked |= rc == LLMP_E_STATE;
    if (rc == LLMP_OK)
        rc = restored(e->x, llmp_buf_str(&all), &out);
    if (rc == LLMP_OK && !of->is_key && !llmp_str_eq(out, plain))
        rc = llmp_x_edits_add(&e->edits, e->x, of->json, out);
    llmp_guard_stream_free(stream);
    return rc;
}

static int look_at_name(struct event *e, const struct llmp_wire_text *text)
{
    struct llmp_guard_report report;
    int rc = llmp_x_look_at_name(e->x, e->scanner, text, &report);

    e->x->guard->stream.blocked |= rc == LLMP_E_STATE;
    return rc;
}

static int take_text(const struct llmp_wire_text *text, void *ctx)
{
    struct event *e = ctx;
    struct llmp_str plain;
    int rc;

    if (!text->json.ptr)
        return end_texts(e, text);
    if (text->is_call_name && llmp_x_guards_names(e->x))
        LLMP_TRY(look_at_name(e, text));
    rc = llmp_x_plain(e->x, text, &plain);
    if (rc != LLMP_OK)
        return rc == LLMP_MISS ? LLMP_OK : rc;
    return text->piece ? take_piece(e, text, plain)
                       : take_whole(e, text, plain);
}

/* As it goes to the client, and as an end of the stream will remember it. */
static int send(struct event *e, const struct llmp_json_value *root)
{
    struct llmp_x_guard *g = e->x->guard;
    struct llmp_buf data = { 0 };
    int rc;

    if (!e->edits.list.len) {
        rc = llmp_wire_passing_event(&g->stream.passing, e->raw->name, root);
        return rc == LLMP_OK && !llmp_buf_add(out_of(e->x), e->raw->raw)
                   ? LLMP_E_NOMEM
                   : rc;
    }
    rc = llmp_x_edits_make(&e->edits, &data, e->raw->data);
    if (rc == LLMP_OK &&
        !write_event(out_of(e->x), e->raw->name, llmp_buf_str(&data)))
        rc = LLMP_E_NOMEM;
    if (rc == LLMP_OK)
        rc = llmp_json_tree(&root, llmp_buf_str(&data), 0,
                            &e->x->worker->scratch, NULL);
    if (rc == LLMP_OK)
        rc = llmp_wire_passing_event(&g->stream.passing, e->raw->name, root);
    llmp_buf_fini(&data);
    return rc;
}

/* What cannot be read cannot be looked at. */
static int look_at(struct llmp_exchange *x, const struct llmp_sse_event *raw)
{
    struct event e = { .x = x, .scanner = llmp_x_scanner(x), .raw = raw };
    const struct llmp_wire_text_sink sink = { take_text, &e };
    const struct llmp_json_value *root = NULL;
    int rc = LLMP_OK;

    if (!e.scanner)
        return LLMP_E_NOMEM;
    if (raw->kind != LLMP_SSE_EVENT)
        return LLMP_E_LIMIT;
    if (raw->data.len == 0)
        return llmp_buf_add(out_of(x), raw->raw) ? LLMP_OK : LLMP_E_NOMEM;
    if (!llmp_str_eq(llmp_str_trim(raw->data), LLMP_STR("[DONE]")))
        rc = llmp_json_tree(&root, raw->data, x->config->limits.json_depth_max,
                            &x->worker->scratch, NULL);
    if (rc == LLMP_OK)
        rc = llmp_wire_event_texts(llmp_x_guard_shape(x), raw->name, root,
                                   &sink);
    if (rc == LLMP_OK)
        rc = send(&e, root);
    llmp_buf_fini(&e.edits.list);
    llmp_arena_reset(&x->worker->scratch);
    return rc;
}

/* ---- the stream --------------------------------------------------------- */

void llmp_x_guard_stream_drop(struct llmp_exchange *x)
{
    struct llmp_x_guard *g = x->guard;

    for (struct llmp_x_text_stream *t = g->stream.texts; t; t = t->next)
        text_free(t);
    g->stream.texts = NULL;
    llmp_wire_passing_fini(&g->stream.passing);
    if (g->stream.sse_open)
        llmp_sse_fini(&g->stream.sse);
    g->stream.sse_open = false;
    for (size_t i = 0; i < LLMP_X_GUARD_OUTS; i++)
        llmp_buf_fini(&g->stream.outs[i]);
}

/* With the first of what the client is told: no other attempt got so far. */
static void begin_stream(struct llmp_exchange *x)
{
    struct llmp_x_guard *g = x->guard;

    g->stream.passing = (struct llmp_wire_passing){
        .shape = llmp_x_guard_shape(x),
        .arena = &x->arena,
        .created_s = x->now.wall_ns / LLMP_NS_PER_S,
        .wants_usage = x->client_wants_usage,
        .gather_max = (size_t)x->config->limits.event_bytes_max,
    };
    llmp_sse_init(&g->stream.sse, (size_t)x->config->limits.event_bytes_max);
    g->stream.sse_open = true;
}

/* When the first of the texts has to go on. */
static void set_due(struct llmp_exchange *x)
{
    uint64_t due = UINT64_MAX;

    for (struct llmp_x_text_stream *t = x->guard->stream.texts; t;
         t = t->next) {
        uint64_t one =
            t->ended ? UINT64_MAX : llmp_guard_stream_due_ns(t->stream);

        due = one < due ? one : due;
    }
    x->guard_ns = 0;
    if (due != UINT64_MAX)
        llmp_x_guard_at(x, due);
}

void llmp_x_pass_on(struct llmp_exchange *x, struct llmp_str events)
{
    struct llmp_x_guard *g = x->guard;
    struct llmp_sse_event event;
    int rc;

    if (!llmp_x_guards_answer(x)) {
        llmp_x_write(x, events);
        return;
    }
    if (events.len == 0 || g->stream.blocked || g->stream.failed)
        return;
    if (!g->stream.sse_open)
        begin_stream(x);
    llmp_sse_feed(&g->stream.sse, events);
    while ((rc = llmp_sse_next(&g->stream.sse, &event)) == LLMP_OK)
        if ((rc = look_at(x, &event)) < 0)
            break;
    g->stream.failed = rc < 0 && !g->stream.blocked;
    set_due(x);
}

/* A guard has stopped it: it ends as if the provider's own filter had. */
static void end_blocked(struct llmp_exchange *x)
{
    struct llmp_buf *out = out_of(x);
    struct llmp_wire_passing *passing = &x->guard->stream.passing;
    int rc;

    passing->usage.reported = x->summary.usage_basis == LLMP_USAGE_REPORTED;
    passing->usage.input = x->summary.input_tokens;
    passing->usage.output = x->summary.output_tokens;
    rc = llmp_wire_passing_end(passing, out, (struct llmp_str){ NULL, 0 });
    llmp_x_write(x, llmp_buf_str(out));
    x->input.len = 0;
    x->summary.error_code = LLMP_STR("content_filter");
    llmp_x_report(x, LLMP_OUTCOME_OK); /* the provider did its work */
    llmp_x_cancel_call(x);
    llmp_x_end(x, LLMP_END_CUT, rc == LLMP_OK);
}

static void end_failed(struct llmp_exchange *x)
{
    llmp_x_write(x, llmp_buf_str(out_of(x)));
    x->guard->over = true;
    x->input.len = 0;
    llmp_x_report(x, LLMP_OUTCOME_ABANDONED);
    llmp_x_cancel_call(x);
    llmp_x_stream_cut(x, LLMP_END_CUT, "content_filter",
                      "The guards could not look at the answer.");
}

bool llmp_x_guard_emit(struct llmp_exchange *x)
{
    struct llmp_x_guard *g = x->guard;

    if (!llmp_x_guards_answer(x) || x->state == LLMP_X_ENDED)
        return x->state != LLMP_X_ENDED;
    if (!x->responded)
        return true;
    if (g->stream.blocked) {
        end_blocked(x);
        return false;
    }
    if (g->stream.failed) {
        end_failed(x);
        return false;
    }
    if (out_of(x)->len == 0)
        return true;
    llmp_x_write(x, llmp_buf_str(out_of(x)));
    if (g->stream.filled + 1 < LLMP_X_GUARD_OUTS)
        g->stream.filled++;
    return true;
}

void llmp_x_guard_reuse(struct llmp_exchange *x)
{
    if (!llmp_x_guards_answer(x) || x->ask_count)
        return;
    for (size_t i = 0; i < LLMP_X_GUARD_OUTS; i++)
        x->guard->stream.outs[i].len = 0;
    x->guard->stream.filled = 0;
}

void llmp_x_guard_flush(struct llmp_exchange *x)
{
    struct llmp_guard_scanner *scanner;
    int rc = LLMP_OK;

    if (!llmp_x_guards_answer(x) || x->guard->stream.blocked)
        return;
    scanner = llmp_x_scanner(x);
    for (struct llmp_x_text_stream *t = x->guard->stream.texts;
         t && rc == LLMP_OK; t = t->next)
        if (!t->ended)
            rc = scanner ? end_text(x, scanner, t) : LLMP_E_NOMEM;
    x->guard->stream.failed |= rc < 0 && !x->guard->stream.blocked;
    x->guard_ns = 0;
}

/* What has waited long enough goes on. */
void llmp_x_guard_tick(struct llmp_exchange *x)
{
    struct llmp_guard_scanner *scanner = llmp_x_scanner(x);
    int rc = scanner ? LLMP_OK : LLMP_E_NOMEM;

    x->guard_ns = 0;
    llmp_x_guard_reuse(x);
    for (struct llmp_x_text_stream *t = x->guard->stream.texts;
         t && rc == LLMP_OK; t = t->next) {
        struct llmp_guard_flow flow;

        if (t->ended || llmp_guard_stream_due_ns(t->stream) > x->now.mono_ns)
            continue;
        rc = llmp_guard_stream_tick(scanner, t->stream, x->now.mono_ns, &flow);
        if (rc == LLMP_OK)
            rc = note_flow(x, &flow);
        if (rc == LLMP_OK)
            rc = say_more(x, t, flow.text);
    }
    x->guard->stream.failed |= rc < 0 && !x->guard->stream.blocked;
    if (llmp_x_guard_emit(x))
        set_due(x);
}
