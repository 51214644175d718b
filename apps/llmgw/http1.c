/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/1 on a connection: requests in, one exchange at a time, answers out.
 * The table of states is in docs/internals/server.md.
 *
 * The library's callbacks arrive at any depth; they fill the output and set
 * flags. What follows from a flag (next request, end of the connection) is
 * done in turn(), where nothing is half-way.
 */
#include "http1.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "conn.h"
#include "server.h"

/* No new request begins while so much of the answers before waits. */
#define OUTPUT_MAX 65536

void gw_http1_set_wants_input(struct gw_conn *conn)
{
    const struct gw_http1 *h = &conn->http1;
    bool wants = false;

    switch (h->state) {
    case GW_HTTP1_IDLE:
    case GW_HTTP1_HEAD:
        wants = conn->out.size <= OUTPUT_MAX;
        break;
    case GW_HTTP1_BODY:
        wants = h->drive && !h->paused;
        break;
    case GW_HTTP1_SKIP:
        wants = true;
        break;
    default:
        break;
    }
    conn->wants_input = wants && gw_conn_is_open(conn);
}

/* Every state has one timeout; a blocked output has its own: see conn.c. */
void gw_http1_set_state(struct gw_conn *conn, enum gw_http1_state state)
{
    static const enum gw_timeout timeouts[] = {
        [GW_HTTP1_IDLE] = GW_TIMEOUT_IDLE,
        [GW_HTTP1_HEAD] = GW_TIMEOUT_HEAD,
        [GW_HTTP1_BODY] = GW_TIMEOUT_BODY,
        [GW_HTTP1_SKIP] = GW_TIMEOUT_BODY,
        [GW_HTTP1_ANSWER] = GW_TIMEOUT_NONE,
        [GW_HTTP1_REFUSED] = GW_TIMEOUT_NONE,
        [GW_HTTP1_CLOSING] = GW_TIMEOUT_NONE,
    };

    conn->http1.state = state;
    gw_http1_set_wants_input(conn);
    if (!conn->blocked)
        gw_conn_arm(conn, timeouts[state]);
}

/* ---- the client's side --------------------------------------------------- */

/* There is no memory even for the exchange that would say so. */
static void refuse_without_exchange(struct gw_conn *conn)
{
    static const char answer[] =
        "HTTP/1.1 503 Service Unavailable\r\nserver: llmgw\r\n"
        "content-type: application/json\r\ncontent-length: 94\r\n"
        "retry-after: 1\r\nconnection: close\r\n\r\n"
        "{\"error\":{\"message\":\"out of memory\",\"type\":\"server_error\","
        "\"code\":\"overloaded\",\"param\":null}}\n\n";

    gw_conn_write(conn, answer, sizeof(answer) - 1);
    gw_http1_set_state(conn, GW_HTTP1_CLOSING);
    gw_conn_finish(conn, GW_CONN_DRAINING);
}

static bool open_drive(struct gw_conn *conn)
{
    struct gw_http1 *h = &conn->http1;

    if (llmp_drive_open(&h->drive, conn->worker->driver, &gw_http1_client_ops,
                        conn) == LLMP_OK)
        return true;
    h->drive = NULL;
    refuse_without_exchange(conn);
    return false;
}

/* Forgets the request before, keeps what belongs to the connection. */
static void reset_request(struct gw_http1 *h)
{
    bool served = h->served;

    *h = (struct gw_http1){ .state = h->state, .served = served };
}

static void abort_drive(struct gw_conn *conn)
{
    struct gw_http1 *h = &conn->http1;

    if (h->drive)
        llmp_drive_abort(h->drive);
    assert(!h->drive);
}

/* Has an exchange answer what is not a request, and ends the connection. */
static void refuse(struct gw_conn *conn, const struct gw_head *head,
                   const struct gw_head_error *error)
{
    struct gw_http1 *h = &conn->http1;
    struct gw_worker *worker = conn->worker;
    bool responded = h->responded;

    abort_drive(conn);
    if (conn->state == GW_CONN_DEAD)
        return;
    if (responded) { /* its answer has begun: there is no room for another */
        gw_http1_set_state(conn, GW_HTTP1_CLOSING);
        gw_conn_finish(conn, GW_CONN_CUTTING);
        return;
    }
    reset_request(h);
    h->close = true;
    gw_http1_set_state(conn, GW_HTTP1_REFUSED);
    if (!open_drive(conn))
        return;

    const struct llmp_request_head request = {
        .bad = error->bad,
        .bad_reason = error->reason,
        .method = head ? head->method : (struct llmp_str){ 0 },
        .target = head ? head->target : (struct llmp_str){ 0 },
        .received_ns = gw_worker_now(worker)->mono_ns,
        .peer = { conn->peer, conn->peer_len },
        .admin = conn->admin,
        .http_major = 1,
        .http_minor = 1,
        .tls = conn->ssl != NULL,
        .tls_name = { conn->tls_name,
                      conn->tls_name ? strlen(conn->tls_name) : 0 },
    };

    llmp_drive_head(h->drive, &request);
    if (h->drive)
        llmp_drive_end(h->drive);
}

static void await_request(struct gw_conn *conn)
{
    reset_request(&conn->http1);
    conn->http1.served = true;
    gw_http1_set_state(conn, GW_HTTP1_IDLE);
}

static void end_body(struct gw_conn *conn)
{
    struct gw_http1 *h = &conn->http1;

    if (h->state == GW_HTTP1_SKIP) {
        await_request(conn);
        return;
    }
    gw_http1_set_state(conn, GW_HTTP1_ANSWER);
    if (h->drive)
        llmp_drive_end(h->drive);
}

static void begin_exchange(struct gw_conn *conn, const struct gw_head *head)
{
    struct gw_http1 *h = &conn->http1;
    const struct llmp_request_head request = {
        .method = head->method,
        .target = head->target,
        .headers = head->fields,
        .header_count = head->field_count,
        .body_size = head->body_size,
        .received_ns = gw_worker_now(conn->worker)->mono_ns,
        .peer = { conn->peer, conn->peer_len },
        .host = head->host,
        .admin = conn->admin,
        .admin_local = conn->admin_local,
        .http_major = head->http_major,
        .http_minor = head->http_minor,
        .tls = conn->ssl != NULL,
        .tls_name = { conn->tls_name,
                      conn->tls_name ? strlen(conn->tls_name) : 0 },
    };

    reset_request(h);
    h->old = head->http_minor == 0;
    h->keep_alive = head->keep_alive;
    h->head_only = gw_str_equal_nocase(head->method, LLMP_STR("HEAD"));
    h->owes_continue = head->expects_continue;
    h->body_left = head->body_size;
    if (!open_drive(conn))
        return;
    gw_http1_set_state(conn,
                       head->body_size > 0 ? GW_HTTP1_BODY : GW_HTTP1_ANSWER);
    llmp_drive_head(h->drive, &request);
    if (head->body_size == 0 && h->drive)
        llmp_drive_end(h->drive);
    gw_http1_set_wants_input(conn);
}

/* Whether these bytes begin an HTTP/2 connection, as far as they go. */
static bool may_be_http2(const struct gw_conn *conn, const uint8_t *data,
                         size_t len)
{
    size_t size = len < GW_HTTP2_PREFACE_SIZE ? len : GW_HTTP2_PREFACE_SIZE;

    return data[0] == 'P' && !conn->http1.served && !conn->ssl &&
           conn->worker->conf->http2 &&
           memcmp(data, GW_HTTP2_PREFACE, size) == 0;
}

/* Empty lines before a request line mean nothing (RFC 9112, 2.2). */
static size_t skip_empty_lines(const uint8_t *data, size_t len)
{
    size_t used = 0;

    while (used + 2 <= len && data[used] == '\r' && data[used + 1] == '\n')
        used += 2;
    return used;
}

static size_t take_head(struct gw_conn *conn, uint8_t *data, size_t len)
{
    struct gw_http1 *h = &conn->http1;
    struct gw_head head = { .fields = conn->worker->fields };
    struct gw_head_error error;
    size_t size = 0;

    switch (gw_head_scan(&h->scan, data, len,
                         conn->worker->conf->header_bytes_max, &size, &error)) {
    case GW_HEAD_MORE:
        if (h->state == GW_HTTP1_IDLE)
            gw_http1_set_state(conn, GW_HTTP1_HEAD);
        return 0;
    case GW_HEAD_BAD:
        refuse(conn, NULL, &error);
        return len;
    case GW_HEAD_WHOLE:
        break;
    }
    if (gw_head_parse(&head, data, size, &error))
        begin_exchange(conn, &head);
    else
        refuse(conn, &head, &error);
    return size;
}

static size_t take_begin(struct gw_conn *conn, uint8_t *data, size_t len)
{
    size_t skipped;

    if (may_be_http2(conn, data, len)) {
        if (len < GW_HTTP2_PREFACE_SIZE)
            return 0;
        if (!gw_http2_begin(conn)) {
            refuse_without_exchange(conn);
            return len;
        }
        return conn->protocol->input(conn, data, len);
    }
    skipped = skip_empty_lines(data, len);
    if (skipped > 0)
        return skipped;
    return take_head(conn, data, len);
}

static size_t take_sized(struct gw_conn *conn, uint8_t *data, size_t len)
{
    struct gw_http1 *h = &conn->http1;

    if (len > h->body_left)
        len = (size_t)h->body_left;
    h->body_left -= len;
    if (h->drive)
        llmp_drive_body(h->drive, (struct llmp_str){ (const char *)data, len });
    if (h->body_left == 0)
        end_body(conn);
    return len;
}

static size_t take_chunked(struct gw_conn *conn, uint8_t *data, size_t len)
{
    static const struct gw_head_error bad_chunk = {
        .bad = LLMP_BAD_SYNTAX, .reason = "the chunked body is malformed"
    };
    struct gw_http1 *h = &conn->http1;
    struct llmp_str input = { (const char *)data, len };
    struct llmp_str body;

    while (conn->wants_input) {
        switch (gw_chunked_next(&h->chunked, &input, &body)) {
        case GW_CHUNKED_BODY:
            if (h->drive)
                llmp_drive_body(h->drive, body);
            continue;
        case GW_CHUNKED_MORE:
            return len;
        case GW_CHUNKED_END:
            end_body(conn);
            return len - input.len;
        case GW_CHUNKED_BAD:
            refuse(conn, NULL, &bad_chunk);
            return len;
        }
    }
    return len - input.len;
}

static size_t take_body(struct gw_conn *conn, uint8_t *data, size_t len)
{
    struct gw_http1 *h = &conn->http1;
    size_t used;

    h->body_began = true;
    used = h->body_left == LLMP_BODY_UNKNOWN ? take_chunked(conn, data, len)
                                             : take_sized(conn, data, len);
    h->body_piece += used;
    if (h->state == GW_HTTP1_BODY && conn->wants_input && !conn->blocked &&
        (h->body_piece >= GW_BODY_PIECE ||
         conn->timer.timeout != GW_TIMEOUT_BODY)) {
        h->body_piece = 0;
        gw_conn_arm(conn, GW_TIMEOUT_BODY);
    }
    return used;
}

/* The client waits to hear that its body is welcome. */
static void send_continue(struct gw_conn *conn)
{
    struct gw_http1 *h = &conn->http1;

    if (!h->owes_continue || h->state != GW_HTTP1_BODY || !h->drive ||
        h->responded || h->paused)
        return;
    h->owes_continue = false;
    if (!h->body_began)
        gw_conn_write(conn, "HTTP/1.1 100 Continue\r\n\r\n", 25);
}

static size_t input(struct gw_conn *conn, uint8_t *data, size_t len)
{
    struct gw_http1 *h = &conn->http1;
    size_t used = 0;

    while (used < len && conn->wants_input) {
        size_t taken;

        if (h->state == GW_HTTP1_IDLE)
            taken = take_begin(conn, data + used, len - used);
        else if (h->state == GW_HTTP1_HEAD)
            taken = take_head(conn, data + used, len - used);
        else
            taken = take_body(conn, data + used, len - used);
        used += taken;
        if (taken == 0 || conn->protocol != &gw_http1_protocol)
            break;
    }
    if (conn->state == GW_CONN_DEAD)
        return len;
    if (conn->protocol == &gw_http1_protocol)
        send_continue(conn);
    return used;
}

/* An exchange ended: what becomes of the connection? */
static void settle(struct gw_conn *conn)
{
    struct gw_http1 *h = &conn->http1;
    bool is_small = h->body_left <= GW_HTTP1_SKIP_MAX && !h->owes_continue;

    h->ended = false;
    if (!h->whole) {
        gw_http1_set_state(conn, GW_HTTP1_CLOSING);
        gw_conn_finish(conn, GW_CONN_CUTTING);
    } else if (!h->close && h->state == GW_HTTP1_ANSWER) {
        await_request(conn);
    } else if (!h->close && h->state == GW_HTTP1_BODY && is_small) {
        gw_http1_set_state(conn, GW_HTTP1_SKIP);
    } else {
        /* Closing over bytes that nobody read would reset the connection. */
        bool unread = h->state != GW_HTTP1_ANSWER || conn->readable || conn->in;

        gw_http1_set_state(conn, GW_HTTP1_CLOSING);
        gw_conn_finish(conn, unread ? GW_CONN_DRAINING : GW_CONN_CLOSING);
    }
}

static void turn(struct gw_conn *conn)
{
    if (conn->http1.ended)
        settle(conn);
    else
        send_continue(conn);
}

static void written(struct gw_conn *conn)
{
    struct gw_http1 *h = &conn->http1;
    /* Of what is left in the buffer, at most that much is body. */
    size_t held =
        h->unreported < conn->out.size ? h->unreported : conn->out.size;
    size_t taken = h->unreported - held;

    h->unreported = held;
    if (taken > 0 && h->drive)
        llmp_drive_drained(h->drive, taken);
    if (!gw_conn_is_open(conn) || conn->out.size > 0)
        return;
    if (!conn->wants_input) {
        gw_http1_set_wants_input(conn);
        if (conn->wants_input)
            gw_conn_dirty(conn);
    }
    if (conn->wants_input && conn->timer.timeout == GW_TIMEOUT_NONE)
        gw_http1_set_state(conn,
                           h->state); /* its timeout, after a blocked output */
}

static void gone(struct gw_conn *conn)
{
    abort_drive(conn);
}

static void timeout(struct gw_conn *conn, enum gw_timeout timeout)
{
    static const struct gw_head_error slow_head = {
        .bad = LLMP_BAD_HEAD_TIMEOUT, .reason = "the head did not come in time"
    };
    static const struct gw_head_error slow_body = {
        .bad = LLMP_BAD_HEAD_TIMEOUT, .reason = "the body did not come in time"
    };

    switch (timeout) {
    case GW_TIMEOUT_HEAD:
        refuse(conn, NULL, &slow_head);
        return;
    case GW_TIMEOUT_BODY:
        if (conn->http1.state == GW_HTTP1_SKIP) {
            gw_conn_drop(conn);
            return;
        }
        refuse(conn, NULL, &slow_body);
        return;
    default:
        gw_conn_drop(conn);
        return;
    }
}

/* Idle connections end by their timer, which the worker has shortened; the
 * others hear of it with their next answer. */
static void drain(struct gw_conn *conn)
{
    (void)conn;
}

static void stop(struct gw_conn *conn)
{
    struct gw_http1 *h = &conn->http1;

    h->close = true;
    if (h->drive)
        llmp_drive_stop(h->drive);
}

const struct gw_protocol gw_http1_protocol = {
    .name = "http/1.1",
    .input = input,
    .turn = turn,
    .written = written,
    .gone = gone,
    .timeout = timeout,
    .drain = drain,
    .stop = stop,
};

void gw_http1_init(struct gw_conn *conn)
{
    conn->protocol = &gw_http1_protocol;
    conn->wants_input = true;
    conn->http1.state = GW_HTTP1_IDLE;
}
