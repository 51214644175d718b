/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One exchange on one HTTP/2 stream.
 *
 * Both windows are in the exchange's hands: the client's is opened again when
 * the exchange took the bytes, and the answer waits in `out` until the client
 * opens ours. nghttp2 forgets a stream in the middle of its own calls, so a
 * stream is never touched after gw_stream_free().
 */
#include <assert.h>
#include <string.h>

#include "conn.h"
#include "http2.h"
#include "respond.h"
#include "server.h"

/* What is read and dropped of a request that was answered early. */
#define SKIP_MAX (1U << 20)

#define OWN_FIELDS 5 /* :status, server, date, content-length, HSTS */

static const struct llmp_client_ops client_ops;

static struct gw_stream *stream_of(void *ctx)
{
    struct gw_stream *stream = ctx;

    assert(stream->magic == GW_STREAM_MAGIC);
    return stream;
}

static struct gw_worker *worker_of(const struct gw_stream *stream)
{
    return stream->http2->conn->worker;
}

static nghttp2_session *session_of(const struct gw_stream *stream)
{
    return stream->http2->session;
}

/* There is something to do for it when the turn ends. */
static void note(struct gw_stream *stream)
{
    gw_link_remove(&stream->work);
    gw_link_append(&stream->http2->work, &stream->work);
    gw_conn_dirty(stream->http2->conn);
}

static void arm(struct gw_stream *stream, enum gw_timeout timeout)
{
    struct gw_worker *worker = worker_of(stream);

    gw_timer_set(&worker->timers, &stream->timer, timeout,
                 gw_worker_now(worker)->mono_ns);
}

static void await_body(struct gw_stream *stream)
{
    if (stream->timer.timeout == GW_TIMEOUT_BODY &&
        stream->body_piece < GW_BODY_PIECE)
        return;
    stream->body_piece = 0;
    arm(stream, GW_TIMEOUT_BODY);
}

/* A stream waits for its client in one of two ways. */
static void set_timer(struct gw_stream *stream)
{
    if (stream->closing || stream->answer_sent)
        return;
    if (stream->out.size > 0)
        arm(stream, GW_TIMEOUT_WRITE);
    else if (stream->drive && !stream->request_ended && !stream->paused)
        await_body(stream);
    else
        arm(stream, GW_TIMEOUT_NONE);
}

/* ---- the answer ---------------------------------------------------------- */

static ssize_t next_data(nghttp2_session *session, int32_t stream_id,
                         uint8_t *buf, size_t len, uint32_t *flags,
                         nghttp2_data_source *source, void *user_data)
{
    struct gw_stream *stream = stream_of(source->ptr);
    size_t size = stream->out.size < len ? stream->out.size : len;

    (void)session, (void)stream_id, (void)buf, (void)user_data;
    if (size == 0 && !stream->answer_ended)
        return NGHTTP2_ERR_DEFERRED;
    *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
    if (size == stream->out.size && stream->answer_ended)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)size;
}

int gw_stream_send_data(nghttp2_session *session, nghttp2_frame *frame,
                        const uint8_t *frame_head, size_t len,
                        nghttp2_data_source *source, void *user_data)
{
    struct gw_stream *stream = stream_of(source->ptr);
    struct gw_conn *conn = stream->http2->conn;

    (void)session, (void)frame, (void)user_data;
    gw_conn_write(conn, frame_head, 9);
    stream->taken += len;
    while (len > 0) {
        struct iovec part;

        (void)gw_queue_collect(&stream->out, &part, 1);
        if (part.iov_len > len)
            part.iov_len = len;
        gw_conn_write(conn, part.iov_base, part.iov_len);
        gw_queue_consume(&stream->out, &conn->worker->blocks, part.iov_len);
        len -= part.iov_len;
    }
    note(stream);
    set_timer(stream);
    return 0;
}

static nghttp2_nv make_field(struct llmp_str name, struct llmp_str value)
{
    return (nghttp2_nv){
        .name = (uint8_t *)(uintptr_t)name.ptr,
        .namelen = name.len,
        .value = (uint8_t *)(uintptr_t)value.ptr,
        .valuelen = value.len,
    };
}

static struct llmp_str text(const char *bytes, size_t len)
{
    return (struct llmp_str){ bytes, len };
}

static void respond(const struct llmp_response_head *head, void *ctx)
{
    struct gw_stream *stream = stream_of(ctx);
    struct gw_worker *worker = worker_of(stream);
    nghttp2_nv fields[OWN_FIELDS + GW_HEAD_FIELDS_MAX];
    nghttp2_data_provider body = { .source.ptr = stream,
                                   .read_callback = next_data };
    char status[20], length[20], hsts[48];
    size_t count = 0;

    stream->responded = true;
    stream->has_no_body = stream->head_only || head->status == 204 ||
                          head->status == 304 || head->body_size == 0;
    gw_date_set(&worker->date, gw_worker_now(worker)->wall_ns);
    fields[count++] =
        make_field(LLMP_STR(":status"),
                   text(status, gw_decimal_write(status, head->status)));
    fields[count++] = make_field(LLMP_STR("server"), LLMP_STR("llmgw"));
    fields[count++] = make_field(
        LLMP_STR("date"), text(worker->date.value, strlen(worker->date.value)));
    if (head->body_size != LLMP_BODY_UNKNOWN && head->status != 204)
        fields[count++] =
            make_field(LLMP_STR("content-length"),
                       text(length, gw_decimal_write(length, head->body_size)));
    if (worker->conf->hsts_seconds > 0 && stream->http2->conn->ssl)
        fields[count++] = make_field(
            LLMP_STR("strict-transport-security"),
            text(hsts, gw_hsts_write(hsts, worker->conf->hsts_seconds)));
    for (size_t i = 0; i < head->header_count && i < GW_HEAD_FIELDS_MAX; i++)
        fields[count++] =
            make_field(head->headers[i].name, head->headers[i].value);
    if (nghttp2_submit_response(session_of(stream), stream->id, fields, count,
                                stream->has_no_body ? NULL : &body) != 0)
        (void)nghttp2_submit_rst_stream(session_of(stream), NGHTTP2_FLAG_NONE,
                                        stream->id, NGHTTP2_INTERNAL_ERROR);
    gw_conn_dirty(stream->http2->conn);
}

static void write_body(struct llmp_str bytes, void *ctx)
{
    struct gw_stream *stream = stream_of(ctx);
    struct gw_conn *conn = stream->http2->conn;

    if (bytes.len == 0 || stream->closing || conn->broken)
        return;
    if (stream->has_no_body) {
        stream->taken += bytes.len;
        note(stream);
        return;
    }
    if (!gw_queue_write(&stream->out, &conn->worker->blocks, bytes.ptr,
                        bytes.len))
        conn->broken = true;
    if (stream->timer.timeout != GW_TIMEOUT_WRITE)
        set_timer(stream);
    (void)nghttp2_session_resume_data(session_of(stream), stream->id);
    gw_conn_dirty(conn);
}

static void done(const struct llmp_summary *summary, void *ctx)
{
    struct gw_stream *stream = stream_of(ctx);
    struct gw_conn *conn = stream->http2->conn;

    stream->drive = NULL;
    gw_log_add(&conn->worker->log, summary);
    if (stream->closing || conn->state == GW_CONN_DEAD)
        return;
    if (summary->complete && stream->responded) {
        stream->answer_ended = true;
        if (!stream->has_no_body)
            (void)nghttp2_session_resume_data(session_of(stream), stream->id);
    } else {
        (void)nghttp2_submit_rst_stream(session_of(stream), NGHTTP2_FLAG_NONE,
                                        stream->id, NGHTTP2_INTERNAL_ERROR);
    }
    set_timer(stream);
    note(stream); /* what is held of the request is not wanted any more */
}

static void pause_body(bool paused, void *ctx)
{
    struct gw_stream *stream = stream_of(ctx);

    stream->paused = paused;
    if (stream->closing)
        return;
    note(stream);
    if (stream->timer.timeout != GW_TIMEOUT_WRITE)
        set_timer(stream);
}

static const struct llmp_client_ops client_ops = {
    .size = sizeof(client_ops),
    .respond = respond,
    .write = write_body,
    .done = done,
    .pause = pause_body,
};

void gw_stream_answer_sent(struct gw_stream *stream)
{
    stream->answer_sent = true;
    /* Nobody will read the rest of the request (RFC 9113, 8.1). A reset right
     * behind the answer would make some clients lose that: curl 7.88 does. So
     * the rest is skipped within a bound, and the reset comes later. */
    if (!stream->request_ended)
        arm(stream, GW_TIMEOUT_LINGER);
}

/* ---- the request --------------------------------------------------------- */

static void give_end(struct gw_stream *stream)
{
    if (!stream->request_ended || stream->end_given || !stream->drive ||
        stream->held.size > 0)
        return;
    stream->end_given = true;
    llmp_drive_end(stream->drive);
}

static void send_continue(struct gw_stream *stream)
{
    const nghttp2_nv status = make_field(LLMP_STR(":status"), LLMP_STR("100"));

    if (!stream->owes_continue || stream->paused || stream->responded ||
        !stream->drive || stream->request_ended)
        return;
    stream->owes_continue = false;
    (void)nghttp2_submit_headers(session_of(stream), NGHTTP2_FLAG_NONE,
                                 stream->id, NULL, &status, 1, NULL);
}

/* Opens the windows for bytes that are not kept any more. */
static void consumed(struct gw_stream *stream, size_t len)
{
    if (!stream->closing)
        (void)nghttp2_session_consume_stream(session_of(stream), stream->id,
                                             len);
}

void gw_stream_body(struct gw_stream *stream, const uint8_t *data, size_t len)
{
    struct gw_conn *conn = stream->http2->conn;

    /* The connection's window is for all streams: one that is paused must not
     * keep it shut. Its own bounds what is held. */
    (void)nghttp2_session_consume_connection(session_of(stream), len);
    stream->owes_continue = false;
    if (stream->drive && (stream->paused || stream->held.size > 0)) {
        if (!gw_queue_write(&stream->held, &conn->worker->blocks, data, len))
            conn->broken = true;
        return;
    }
    if (stream->drive) {
        stream->body_piece += len;
        llmp_drive_body(stream->drive, text((const char *)data, len));
        set_timer(stream);
    } else {
        stream->skipped += len;
        if (stream->skipped > SKIP_MAX)
            return; /* the window stays shut */
    }
    consumed(stream, len);
}

void gw_stream_request_end(struct gw_stream *stream)
{
    give_end(stream);
    if (stream->timer.timeout != GW_TIMEOUT_WRITE)
        set_timer(stream);
}

/* Feeds what was held while the exchange was paused. */
void gw_stream_turn(struct gw_stream *stream)
{
    struct gw_block_pool *pool = &worker_of(stream)->blocks;

    if (stream->closing)
        return;
    while (stream->held.size > 0 && !(stream->drive && stream->paused)) {
        struct iovec part;

        (void)gw_queue_collect(&stream->held, &part, 1);
        if (stream->drive)
            llmp_drive_body(stream->drive, text(part.iov_base, part.iov_len));
        gw_queue_consume(&stream->held, pool, part.iov_len);
        consumed(stream, part.iov_len);
    }
    give_end(stream);
    send_continue(stream);
    if (stream->taken > 0)
        note(stream); /* for gw_stream_written() */
}

void gw_stream_written(struct gw_stream *stream)
{
    size_t taken = stream->taken;

    stream->taken = 0;
    if (taken > 0 && stream->drive)
        llmp_drive_drained(stream->drive, taken);
}

/* ---- the head ------------------------------------------------------------ */

/* What becomes of the fields, and where they are wrong. */
struct reading {
    struct llmp_request_head *request;
    struct llmp_header *fields;
    struct llmp_str authority, host, length, expect;
    unsigned hosts, lengths, expects;
};

static bool is(struct llmp_str name, struct llmp_str what)
{
    return name.len == what.len && memcmp(name.ptr, what.ptr, what.len) == 0;
}

static void read_field(struct reading *r, struct llmp_str name,
                       struct llmp_str value)
{
    struct llmp_request_head *request = r->request;

    if (name.len > 0 && name.ptr[0] == ':') {
        if (is(name, LLMP_STR(":method")))
            request->method = value;
        else if (is(name, LLMP_STR(":path")))
            request->target = value;
        else if (is(name, LLMP_STR(":authority")))
            r->authority = value;
        return;
    }
    if (is(name, LLMP_STR("host"))) {
        r->hosts++;
        r->host = value;
    } else if (is(name, LLMP_STR("content-length"))) {
        r->lengths++;
        r->length = value;
    } else if (is(name, LLMP_STR("expect"))) {
        r->expects++;
        r->expect = value;
    }
    r->fields[request->header_count++] =
        (struct llmp_header){ .name = name, .value = value };
}

static void read_fields(struct reading *r, const struct gw_http2_head *head)
{
    const uint8_t *at = head->block ? head->block->data : NULL;

    for (size_t i = 0; i < head->field_count; i++) {
        size_t lengths[2];

        memcpy(lengths, at, sizeof(lengths));
        at += sizeof(lengths);
        read_field(r, text((const char *)at, lengths[0]),
                   text((const char *)at + lengths[0], lengths[1]));
        at += lengths[0] + lengths[1];
    }
}

static void refuse(struct llmp_request_head *request, enum llmp_bad_request bad,
                   const char *reason)
{
    if (request->bad != LLMP_BAD_NONE)
        return;
    request->bad = bad;
    request->bad_reason = reason;
}

static uint64_t read_length(struct llmp_str digits)
{
    uint64_t value = 0;

    /* nghttp2 has checked that these are digits and that they fit. */
    for (size_t i = 0; i < digits.len; i++)
        value = value * 10 + (uint64_t)(digits.ptr[i] - '0');
    return value;
}

static void check(struct reading *r, struct gw_stream *stream)
{
    struct llmp_request_head *request = r->request;
    struct llmp_str host = r->authority.len > 0 ? r->authority : r->host;

    if (r->hosts > 1 || (r->hosts == 1 && r->authority.len > 0 &&
                         !gw_str_equal_nocase(r->host, r->authority)))
        refuse(request, LLMP_BAD_SYNTAX, "Host and :authority differ");
    request->host = host;
    if (!gw_host_is_valid(host))
        refuse(request, LLMP_BAD_SYNTAX, "the host is missing or not valid");
    if (request->target.len == 0 || request->target.ptr[0] != '/')
        refuse(request, LLMP_BAD_SYNTAX, "the request target is not a path");
    if (r->lengths > 1)
        refuse(request, LLMP_BAD_SYNTAX, "Content-Length is repeated");
    request->body_size = stream->request_ended ? 0
                         : r->lengths == 1     ? read_length(r->length)
                                               : LLMP_BODY_UNKNOWN;
    if (r->expects == 0)
        return;
    if (r->expects > 1 ||
        !gw_str_equal_nocase(r->expect, LLMP_STR("100-continue")))
        refuse(request, LLMP_BAD_EXPECTATION,
               "only \"100-continue\" can be expected");
    stream->owes_continue = request->body_size > 0;
}

/* Opens the exchange that answers `request`, whatever it is. */
static void open_exchange(struct gw_stream *stream,
                          struct llmp_request_head *request)
{
    struct gw_conn *conn = stream->http2->conn;

    request->received_ns = gw_worker_now(conn->worker)->mono_ns;
    request->peer = text(conn->peer, conn->peer_len);
    request->http_major = 2;
    request->tls = conn->ssl != NULL;
    if (conn->tls_name)
        request->tls_name = text(conn->tls_name, strlen(conn->tls_name));
    request->admin = conn->admin;
    request->admin_local = conn->admin_local;
    if (llmp_drive_open(&stream->drive, conn->worker->driver, &client_ops,
                        stream) != LLMP_OK) {
        stream->drive = NULL;
        (void)nghttp2_submit_rst_stream(session_of(stream), NGHTTP2_FLAG_NONE,
                                        stream->id, NGHTTP2_REFUSED_STREAM);
        return;
    }
    llmp_drive_head(stream->drive, request);
    if (request->bad != LLMP_BAD_NONE && stream->drive && !stream->end_given) {
        stream->end_given = true;
        llmp_drive_end(stream->drive);
    }
}

void gw_stream_head(struct gw_stream *stream)
{
    const struct gw_http2_head *head = &stream->http2->head;
    struct llmp_request_head request = { .bad = head->bad,
                                         .bad_reason = head->bad_reason };
    struct reading reading = { .request = &request,
                               .fields = worker_of(stream)->fields };

    read_fields(&reading, head);
    request.headers = reading.fields;
    check(&reading, stream);
    stream->head_only = is(request.method, LLMP_STR("HEAD"));
    open_exchange(stream, &request);
    send_continue(stream);
    set_timer(stream);
}

/* ---- begin and end ------------------------------------------------------- */

static void on_timeout(struct gw_timer *timer)
{
    struct gw_stream *stream = GW_OWNER(timer, struct gw_stream, timer);
    struct llmp_request_head request = {
        .bad = LLMP_BAD_HEAD_TIMEOUT,
        .bad_reason = "the body did not come in time",
    };
    enum gw_timeout timeout = timer->timeout;

    timer->timeout = GW_TIMEOUT_NONE;
    if (timeout != GW_TIMEOUT_BODY || stream->responded) {
        (void)nghttp2_submit_rst_stream(
            session_of(stream), NGHTTP2_FLAG_NONE, stream->id,
            stream->answer_sent ? NGHTTP2_NO_ERROR : NGHTTP2_CANCEL);
        gw_conn_dirty(stream->http2->conn);
        return;
    }
    stream->closing = true; /* not for the abort to reset it */
    if (stream->drive)
        llmp_drive_abort(stream->drive);
    stream->closing = false;
    stream->end_given = false;
    open_exchange(stream, &request);
    gw_conn_dirty(stream->http2->conn);
}

struct gw_stream *gw_stream_new(struct gw_http2 *http2, int32_t id)
{
    struct gw_stream *stream = gw_alloc(sizeof(*stream));

    if (!stream)
        return NULL;
    stream->magic = GW_STREAM_MAGIC;
    stream->id = id;
    stream->http2 = http2;
    gw_timer_init(&stream->timer, on_timeout);
    gw_link_init(&stream->work);
    gw_link_init(&stream->all);
    gw_link_append(&http2->streams, &stream->all);
    http2->stream_count++;
    return stream;
}

void gw_stream_free(struct gw_stream *stream)
{
    struct gw_worker *worker = worker_of(stream);

    if (stream->drive)
        llmp_drive_abort(stream->drive);
    assert(!stream->drive);
    gw_timer_set(&worker->timers, &stream->timer, GW_TIMEOUT_NONE, 0);
    gw_link_remove(&stream->all);
    gw_link_remove(&stream->work);
    gw_queue_clear(&stream->out, &worker->blocks);
    gw_queue_clear(&stream->held, &worker->blocks);
    stream->http2->stream_count--;
    stream->magic = 0;
    gw_free(stream);
}
