/* SPDX-License-Identifier: Apache-2.0 */
#include "say.h"

#include <stdio.h>

#include "face.h"
#include "io.h"

/* Above this, no event is made before the client has taken some. */
#define OUT_MAX ((size_t)256 << 10)

static const char *reason_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } table[] = {
        { 200, "OK" },
        { 400, "Bad Request" },
        { 401, "Unauthorized" },
        { 403, "Forbidden" },
        { 404, "Not Found" },
        { 405, "Method Not Allowed" },
        { 408, "Request Timeout" },
        { 409, "Conflict" },
        { 413, "Content Too Large" },
        { 422, "Unprocessable Content" },
        { 429, "Too Many Requests" },
        { 500, "Internal Server Error" },
        { 502, "Bad Gateway" },
        { 503, "Service Unavailable" },
        { 504, "Gateway Timeout" },
        { 529, "Site Overloaded" },
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].status == status)
            return table[i].reason;
    return "Simulated";
}

static enum sim_framing framing_of(const struct sim_conn *conn, bool stream)
{
    enum sim_framing framing = (enum sim_framing)conn->reply.how.framing;

    if (framing == SIM_FRAMING_AUTO && stream)
        framing = SIM_FRAMING_CHUNKED;
    if (framing == SIM_FRAMING_CHUNKED && conn->request.parser.http_minor == 0)
        framing = SIM_FRAMING_CLOSE;
    return framing;
}

/* How long the answer, or its first token, is held back. */
static uint64_t wait_ms(const struct sim_conn *conn)
{
    uint64_t first_ns = conn->reply.first_ns, now_ns = conn->worker->now_ns;

    return first_ns > now_ns ? (first_ns - now_ns) / 1000000 : 0;
}

static void add_head(struct sim_conn *conn, unsigned status, const char *type,
                     enum sim_framing framing, uint64_t length)
{
    struct sim_buf *out = &conn->out.buf;
    bool keep = conn->request.keep_alive && !conn->reply.how.close &&
                framing != SIM_FRAMING_CLOSE;

    sim_buf_text(out, "HTTP/1.1 ");
    sim_buf_u64(out, status);
    sim_buf_text(out, " ");
    sim_buf_text(out, reason_of(status));
    sim_buf_text(out, "\r\ncontent-type: ");
    sim_buf_text(out, type);
    if (conn->reply.face == &sim_openai) {
        sim_buf_text(out, "\r\nx-request-id: req_sim_");
        sim_buf_u64(out, conn->reply.ordinal);
        sim_buf_text(out, "\r\nopenai-processing-ms: ");
        sim_buf_u64(out, wait_ms(conn));
    } else {
        sim_buf_printf(out, "\r\n%s: req_sim_%llu", conn->reply.face->id_field,
                       (unsigned long long)conn->reply.ordinal);
    }
    sim_buf_text(out, "\r\n");
    sim_buf_add(out, sim_buf_str(&conn->reply.headers));
    if (framing == SIM_FRAMING_CHUNKED)
        sim_buf_text(out, "transfer-encoding: chunked\r\n");
    if (framing == SIM_FRAMING_AUTO) {
        sim_buf_text(out, "content-length: ");
        sim_buf_u64(out, length);
        sim_buf_text(out, "\r\n");
    }
    if (!keep)
        sim_buf_text(out, "connection: close\r\n");
    else if (conn->request.parser.http_minor == 0)
        sim_buf_text(out, "connection: keep-alive\r\n");
    sim_buf_text(out, "\r\n");
    conn->end = keep ? SIM_END_KEEP : SIM_END_CLOSE;
}

static void add_chunk_head(struct sim_buf *out, size_t size)
{
    char text[20];
    size_t at = sizeof(text);

    text[--at] = '\n';
    text[--at] = '\r';
    do {
        text[--at] = "0123456789abcdef"[size % 16];
        size /= 16;
    } while (size);
    sim_buf_add(out, (struct llmp_str){ text + at, sizeof(text) - at });
}

static size_t piece_size(const struct sim_piece *piece)
{
    return piece->body.len + piece->large.len;
}

/* The first half only. */
static void halve(struct sim_piece *piece)
{
    size_t half = piece_size(piece) / 2;
    size_t large_end = piece->large_at + piece->large.len;

    if (half >= large_end) {
        piece->body.len = half - piece->large.len;
    } else if (half >= piece->large_at) {
        piece->large.len = half - piece->large_at;
        piece->body.len = piece->large_at;
    } else {
        piece->large.len = 0;
        piece->body.len = half;
    }
}

static void add_body(struct sim_conn *conn, const struct sim_piece *piece,
                     enum sim_framing framing)
{
    struct sim_out *out = &conn->out;

    if (framing == SIM_FRAMING_CHUNKED && piece_size(piece))
        add_chunk_head(&out->buf, piece_size(piece));
    out->large = piece->large;
    out->large_at = out->buf.len + piece->large_at;
    sim_buf_add(&out->buf, piece->body);
}

/* "After so many events" is half-way for an answer in one piece. */
static bool breaks(struct sim_conn *conn)
{
    const struct sim_behaviour *how = &conn->reply.how;

    if (how->cut_after != SIM_NEVER)
        conn->end = SIM_END_CUT;
    if (how->reset_after != SIM_NEVER)
        conn->end = SIM_END_RESET;
    return how->cut_after != SIM_NEVER || how->reset_after != SIM_NEVER ||
           how->stall_after != SIM_NEVER;
}

void sim_conn_say(struct sim_conn *conn, const struct sim_piece *piece)
{
    const struct sim_behaviour *how = &conn->reply.how;
    struct sim_piece said = *piece;
    enum sim_framing framing = framing_of(conn, false);

    if (piece->status == 200 && how->malformed_at != SIM_NEVER)
        halve(&said);
    add_head(conn, piece->status, piece->type, framing, piece_size(&said));
    conn->state = SIM_WAITING;
    if (piece->status == 200 && breaks(conn)) {
        halve(&said);
        add_body(conn, &said, framing);
        if (how->stall_after != SIM_NEVER)
            conn->state = SIM_SILENT;
        return;
    }
    add_body(conn, &said, framing);
    if (framing == SIM_FRAMING_CHUNKED)
        sim_buf_text(&conn->out.buf, "\r\n0\r\n\r\n");
}

void sim_conn_say_json(struct sim_conn *conn, unsigned status)
{
    sim_conn_say(conn, &(struct sim_piece){
                           .status = status,
                           .type = "application/json",
                           .body = sim_buf_str(&conn->worker->body),
                       });
}

void sim_conn_hang(struct sim_conn *conn)
{
    conn->state = SIM_SILENT;
}

void sim_conn_stream(struct sim_conn *conn)
{
    struct sim_reply *reply = &conn->reply;

    const char *type = reply->script->type;

    add_head(conn, 200, type ? type : "text/event-stream; charset=utf-8",
             framing_of(conn, true), 0);
    reply->next = 0;
    reply->count = reply->script->lead(reply) + reply->tokens * reply->choices +
                   reply->script->tail(reply);
    if (reply->how.drip_bytes)
        reply->interval_ns = 0; /* the drip is the pace */
    conn->state = SIM_STREAMING;
}

#define ERROR_MEMBERS                                                      \
    "\"message\":\"The server had an error while processing your request." \
    "\",\"type\":\"server_error\",\"param\":null,\"code\":null"

/* A broken or refusing event instead of the one that is due. */
static bool replace_event(struct sim_conn *conn, struct sim_buf *event)
{
    struct sim_reply *reply = &conn->reply;
    const char *error = reply->script->error;
    bool malformed = reply->next == reply->how.malformed_at;

    if (!malformed && reply->next != reply->how.error_at)
        return false;
    if (!malformed)
        reply->count = reply->next + 1;
    if (reply->script->fault) {
        reply->script->fault(
            reply, malformed ? SIM_FAULT_MALFORMED : SIM_FAULT_ERROR, event);
    } else if (malformed) {
        sim_buf_text(event, "data: {\"id\":\"chatcmpl-broken\",\"choices\":"
                            "[{\"index\":0,\"delta\":{\"con\n\n");
    } else {
        sim_buf_text(
            event, error ? error : "data: {\"error\":{" ERROR_MEMBERS "}}\n\n");
    }
    return true;
}

static void make_event(struct sim_conn *conn)
{
    struct sim_buf *event = &conn->worker->event, *out = &conn->out.buf;
    struct sim_reply *reply = &conn->reply;
    bool chunked = framing_of(conn, true) == SIM_FRAMING_CHUNKED;

    event->len = 0;
    reply->now_ns = conn->worker->now_ns;
    if (!replace_event(conn, event))
        reply->script->event(reply, reply->next, event);
    reply->next++;
    if (chunked)
        add_chunk_head(out, event->len);
    sim_buf_add(out, sim_buf_str(event));
    if (chunked)
        sim_buf_text(out, "\r\n");
}

/* Whether the stream stops before the next event, for better or worse. */
static bool stops(struct sim_conn *conn)
{
    const struct sim_reply *reply = &conn->reply;
    const struct sim_behaviour *how = &reply->how;

    if (reply->next == how->stall_after) {
        conn->state = SIM_SILENT;
        return true;
    }
    if (reply->next == how->cut_after)
        conn->end = SIM_END_CUT;
    else if (reply->next == how->reset_after)
        conn->end = SIM_END_RESET;
    else if (reply->next < reply->count)
        return false;
    else if (framing_of(conn, true) == SIM_FRAMING_CHUNKED)
        sim_buf_text(&conn->out.buf, "0\r\n\r\n");
    conn->state = SIM_ENDING;
    return true;
}

void sim_conn_make_events(struct sim_conn *conn)
{
    struct sim_reply *reply = &conn->reply;
    struct sim_worker *worker = conn->worker;

    while (sim_out_left(&conn->out) < OUT_MAX && !stops(conn)) {
        uint64_t due_ns = sim_reply_due_ns(reply, reply->next);

        if (due_ns > worker->now_ns) {
            sim_wheel_set(&worker->wheel, &conn->timer, due_ns);
            return;
        }
        make_event(conn);
    }
}
