/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The answering half of HTTP/1: what the library calls. It may call at any
 * depth, so nothing is decided here: bytes go to the output, flags are set,
 * and http1.c acts on them when the turn ends.
 */
#include <assert.h>

#include "conn.h"

/* From here on a piece of a body goes to the kernel from where it lies. */
#define LARGE_PIECE 16384

static struct gw_conn *conn_of(void *ctx)
{
    struct gw_conn *conn = ctx;

    assert(conn->magic == GW_CONN_MAGIC);
    return conn;
}

static enum gw_body_framing choose_framing(
    struct gw_http1 *h, const struct llmp_response_head *head)
{
    bool bare = head->status == 204 || head->status == 304;

    h->answer_has_no_body = h->head_only || bare;
    h->answer_left = UINT64_MAX;
    if (bare)
        return GW_FRAMING_NONE;
    if (head->body_size != LLMP_BODY_UNKNOWN) {
        h->answer_left = head->body_size;
        return GW_FRAMING_LENGTH;
    }
    if (h->head_only)
        return GW_FRAMING_NONE;
    if (h->old) {
        h->answer_until_close = true;
        return GW_FRAMING_NONE;
    }
    h->answer_is_chunked = true;
    return GW_FRAMING_CHUNKED;
}

static void respond(const struct llmp_response_head *head, void *ctx)
{
    struct gw_conn *conn = conn_of(ctx);
    struct gw_http1 *h = &conn->http1;
    struct gw_worker *worker = conn->worker;
    enum gw_body_framing framing = choose_framing(h, head);

    /* Answered while the client still sends a lot, or waits to be told to. */
    bool early = h->state == GW_HTTP1_BODY && head->status >= 300 &&
                 (h->owes_continue || h->body_left > GW_HTTP1_SKIP_MAX);

    h->responded = true;
    h->close = h->close || head->close || early || !h->keep_alive ||
               h->answer_until_close || worker->state != GW_SERVING;
    gw_date_set(&worker->date, gw_worker_now(worker)->wall_ns);

    const struct gw_response_format format = {
        .date = &worker->date,
        .framing = framing,
        .close = h->close,
        .keep_alive = h->old && !h->close,
        .hsts_seconds = conn->ssl ? worker->conf->hsts_seconds : 0,
    };
    uint8_t *room = gw_conn_reserve(conn, gw_response_size(head));

    if (room)
        gw_conn_commit(conn, gw_response_write(room, head, &format));
}

static void write_chunk_size(struct gw_conn *conn, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    char line[18];
    size_t at = sizeof(line) - 2;

    line[at] = '\r';
    line[at + 1] = '\n';
    do {
        line[--at] = hex[size & 15];
        size >>= 4;
    } while (size > 0);
    gw_conn_write(conn, line + at, sizeof(line) - at);
}

static void write_body(struct llmp_str bytes, void *ctx)
{
    struct gw_conn *conn = conn_of(ctx);
    struct gw_http1 *h = &conn->http1;

    if (bytes.len == 0 || !gw_conn_is_open(conn))
        return;
    h->unreported += bytes.len;
    if (h->answer_has_no_body) {
        gw_conn_dirty(conn);
        return;
    }
    if (bytes.len > h->answer_left) {
        /* More than was announced would be read as the next answer. */
        gw_conn_finish(conn, GW_CONN_CUTTING);
        return;
    }
    if (h->answer_left != UINT64_MAX)
        h->answer_left -= bytes.len;
    if (h->answer_is_chunked)
        write_chunk_size(conn, bytes.len);
    if (bytes.len >= LARGE_PIECE)
        gw_conn_write_now(conn, bytes.ptr, bytes.len);
    else
        gw_conn_write(conn, bytes.ptr, bytes.len);
    if (h->answer_is_chunked)
        gw_conn_write(conn, "\r\n", 2);
}

static void done(const struct llmp_summary *summary, void *ctx)
{
    struct gw_conn *conn = conn_of(ctx);
    struct gw_http1 *h = &conn->http1;

    h->drive = NULL;
    h->ended = true;
    h->whole = summary->complete && h->responded &&
               (h->answer_left == UINT64_MAX || h->answer_left == 0 ||
                h->answer_has_no_body);
    gw_log_add(&conn->worker->log, summary);
    if (conn->state == GW_CONN_DEAD)
        return;
    if (h->whole && h->answer_is_chunked && !h->answer_has_no_body)
        gw_conn_write(conn, "0\r\n\r\n", 5);
    gw_http1_set_wants_input(conn);
    gw_conn_dirty(conn);
    gw_worker_ask_turn(conn->worker);
}

static void pause_body(bool paused, void *ctx)
{
    struct gw_conn *conn = conn_of(ctx);
    struct gw_http1 *h = &conn->http1;

    h->paused = paused;
    if (h->state != GW_HTTP1_BODY || !gw_conn_is_open(conn))
        return;
    gw_http1_set_wants_input(conn);
    if (!conn->blocked) /* time during which we do not read is not its fault */
        gw_conn_arm(conn, paused ? GW_TIMEOUT_NONE : GW_TIMEOUT_BODY);
    gw_conn_dirty(conn);
}

const struct llmp_client_ops gw_http1_client_ops = {
    .size = sizeof(gw_http1_client_ops),
    .respond = respond,
    .write = write_body,
    .done = done,
    .pause = pause_body,
};
