/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/*
 * HTTP/2 connections: the session, its settings, and what keeps one client
 * from costing more than it should.
 *
 *  attack                             | defence
 *  rapid reset (CVE-2023-44487),      | allowance of wasted streams: what is
 *  MadeYouReset (CVE-2025-8671)       | closed unanswered costs one, whoever
 *                                     | resets; an answered one earns one
 *  CONTINUATION flood                 | 16 frames a head
 *  header bomb                        | bytes are counted as they are unpacked;
 *                                     | above the limit: 431, above eight
 *                                     | times the limit the connection ends
 *  SETTINGS, PING, PRIORITY, empty    | allowance of frames that carry nothing
 *  DATA flood                         |
 *  answers that nobody takes          | no new input above 256 KiB of output;
 *                                     | a timeout a stream and a connection
 *  too many streams                   | SETTINGS, refused by nghttp2
 */
/* clang-format on */
#include "http2.h"

#include <assert.h>
#include <string.h>

#include "conn.h"
#include "server.h"

#define NS_PER_S 1000000000U

#define CONTINUATIONS_MAX 16
#define BOMB_TIMES        8 /* the limit for a head */
/* Frames are made while less than this waits, and bytes are read while less
 * than that does: acknowledgements, mostly. */
#define OUTPUT_FULL    65536
#define OUTPUT_FLOODED 262144
/* nghttp2 keeps frames of its own that nobody takes, such as RST_STREAM. */
#define FRAMES_MAX     1000
#define STREAM_WINDOW  262144
#define SESSION_WINDOW 1048576

/* Per connection: how many at once, and how many a second afterwards. */
struct tariff {
    uint64_t burst, per_s;
};
static const struct tariff wasted_tariff = { 200, 33 };
static const struct tariff overhead_tariff = { 1000, 100 };

/* Takes one. False: the allowance is used up. */
static bool allowance_take(struct gw_allowance *allowance,
                           const struct tariff *tariff, uint64_t now_ns)
{
    uint64_t passed_ns = now_ns - allowance->since_ns;
    uint64_t gained = passed_ns / (NS_PER_S / tariff->per_s);

    if (gained > 0) {
        allowance->since_ns = now_ns;
        allowance->left += gained;
        if (allowance->left > tariff->burst)
            allowance->left = tariff->burst;
    }
    if (allowance->left == 0)
        return false;
    allowance->left--;
    return true;
}

static struct gw_http2 *http2_of(void *user_data)
{
    struct gw_http2 *http2 = user_data;

    assert(http2->conn->magic == GW_CONN_MAGIC);
    return http2;
}

static uint64_t now_ns(struct gw_http2 *http2)
{
    return gw_worker_now(http2->conn->worker)->mono_ns;
}

static struct gw_stream *stream_of(struct gw_http2 *http2, int32_t id)
{
    struct gw_stream *stream =
        nghttp2_session_get_stream_user_data(http2->session, id);

    assert(!stream || stream->magic == GW_STREAM_MAGIC);
    return stream;
}

static int punish(struct gw_http2 *http2)
{
    http2->abusive = true;
    return NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* ---- frames -------------------------------------------------------------- */

static bool is_overhead(const struct gw_http2 *http2,
                        const nghttp2_frame_hd *head)
{
    switch (head->type) {
    case NGHTTP2_DATA:
        return head->length == 0 && !(head->flags & NGHTTP2_FLAG_END_STREAM);
    case NGHTTP2_HEADERS:
    case NGHTTP2_CONTINUATION:
        return false;
    case NGHTTP2_WINDOW_UPDATE: /* what a download consists of, upstream */
        return http2->stream_count == 0;
    default:
        return true;
    }
}

static int on_begin_frame(nghttp2_session *session,
                          const nghttp2_frame_hd *head, void *user_data)
{
    struct gw_http2 *http2 = http2_of(user_data);

    (void)session;
    if (head->type == NGHTTP2_CONTINUATION) {
        if (++http2->continuations > CONTINUATIONS_MAX)
            return punish(http2);
        return 0;
    }
    http2->continuations = 0;
    if (is_overhead(http2, head) &&
        !allowance_take(&http2->overhead, &overhead_tariff, now_ns(http2)))
        return punish(http2);
    return 0;
}

static int on_begin_headers(nghttp2_session *session,
                            const nghttp2_frame *frame, void *user_data)
{
    struct gw_http2 *http2 = http2_of(user_data);
    struct gw_stream *stream;

    if (frame->hd.type != NGHTTP2_HEADERS ||
        frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0; /* trailers */
    stream = gw_stream_new(http2, frame->hd.stream_id);
    if (!stream)
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    (void)nghttp2_session_set_stream_user_data(session, stream->id, stream);
    http2->arriving = stream;
    http2->head.field_count = 0;
    http2->head.bad = LLMP_BAD_NONE;
    http2->unpacked = 0;
    return 0;
}

/* Keeps the field's bytes; the lengths stand before them. */
static bool keep_field(struct gw_http2 *http2, const uint8_t *name,
                       size_t name_len, const uint8_t *value, size_t value_len)
{
    struct gw_block_pool *pool = &http2->conn->worker->blocks;
    struct gw_block *block = http2->head.block;
    size_t lengths[2] = { name_len, value_len };
    size_t need = sizeof(lengths) + name_len + value_len;

    if (!block || block->cap - block->end < need) {
        size_t used = block ? block->end : 0;
        struct gw_block *larger = gw_block_take(pool, 2 * used + need);

        if (!larger)
            return false;
        if (used > 0)
            memcpy(larger->data, block->data, used);
        larger->end = used;
        gw_block_give(pool, block);
        http2->head.block = block = larger;
    }
    memcpy(block->data + block->end, lengths, sizeof(lengths));
    block->end += sizeof(lengths);
    memcpy(block->data + block->end, name, name_len);
    block->end += name_len;
    memcpy(block->data + block->end, value, value_len);
    block->end += value_len;
    http2->head.field_count++;
    return true;
}

static void refuse_head(struct gw_http2 *http2, enum llmp_bad_request bad,
                        const char *reason)
{
    if (http2->head.bad != LLMP_BAD_NONE)
        return;
    http2->head.bad = bad;
    http2->head.bad_reason = reason;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame,
                     const uint8_t *name, size_t name_len, const uint8_t *value,
                     size_t value_len, uint8_t flags, void *user_data)
{
    struct gw_http2 *http2 = http2_of(user_data);
    const struct gw_block *block = http2->head.block;
    size_t used = block ? block->end : 0;
    size_t bytes_max = http2->conn->worker->conf->header_bytes_max;

    (void)session;
    (void)flags;
    http2->unpacked += name_len + value_len;
    if (http2->unpacked > BOMB_TIMES * bytes_max)
        return punish(http2);
    if (!http2->arriving || http2->arriving->id != frame->hd.stream_id ||
        http2->head.bad != LLMP_BAD_NONE)
        return 0;
    if (name_len == 5 && memcmp(name, ":path", 5) == 0 &&
        value_len > GW_URI_BYTES_MAX) {
        refuse_head(http2, LLMP_BAD_URI_TOO_LONG, "the request target is long");
        return 0;
    }
    if (http2->head.field_count == GW_HEAD_FIELDS_MAX ||
        used + name_len + value_len > bytes_max) {
        refuse_head(http2, LLMP_BAD_HEAD_TOO_LARGE, "the head is too large");
        return 0;
    }
    if (!keep_field(http2, name, name_len, value, value_len))
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    return 0;
}

static int on_invalid_header(nghttp2_session *session,
                             const nghttp2_frame *frame, const uint8_t *name,
                             size_t name_len, const uint8_t *value,
                             size_t value_len, uint8_t flags, void *user_data)
{
    struct gw_http2 *http2 = http2_of(user_data);

    (void)session, (void)name, (void)name_len;
    (void)value, (void)value_len, (void)flags;
    if (http2->arriving && http2->arriving->id == frame->hd.stream_id)
        refuse_head(http2, LLMP_BAD_SYNTAX, "a field is not valid");
    return 0;
}

static void forget_head(struct gw_http2 *http2)
{
    http2->arriving = NULL;
    gw_block_give(&http2->conn->worker->blocks, http2->head.block);
    http2->head.block = NULL;
}

static int on_frame_recv(nghttp2_session *session, const nghttp2_frame *frame,
                         void *user_data)
{
    struct gw_http2 *http2 = http2_of(user_data);
    struct gw_stream *stream;
    bool ends = (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;

    (void)session;
    if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
        return 0;
    stream = stream_of(http2, frame->hd.stream_id);
    if (!stream)
        return 0;
    if (ends)
        stream->request_ended = true;
    if (http2->arriving == stream && frame->hd.type == NGHTTP2_HEADERS) {
        gw_stream_head(stream);
        forget_head(http2);
    }
    if (ends)
        gw_stream_request_end(stream);
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id,
                   const uint8_t *data, size_t len, void *user_data)
{
    struct gw_http2 *http2 = http2_of(user_data);
    struct gw_stream *stream = stream_of(http2, stream_id);

    (void)flags;
    if (stream)
        gw_stream_body(stream, data, len);
    else
        (void)nghttp2_session_consume_connection(session, len);
    return 0;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *frame,
                         void *user_data)
{
    struct gw_http2 *http2 = http2_of(user_data);
    bool ends =
        (frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS) &&
        (frame->hd.flags & NGHTTP2_FLAG_END_STREAM);
    struct gw_stream *stream = stream_of(http2, frame->hd.stream_id);

    (void)session;
    if (ends && stream)
        gw_stream_answer_sent(stream);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id,
                           uint32_t error_code, void *user_data)
{
    struct gw_http2 *http2 = http2_of(user_data);
    struct gw_stream *stream = stream_of(http2, stream_id);
    bool answered;

    (void)error_code;
    if (!stream)
        return 0;
    answered = stream->answer_sent;
    if (http2->arriving == stream)
        forget_head(http2);
    (void)nghttp2_session_set_stream_user_data(session, stream_id, NULL);
    stream->closing = true;
    gw_stream_free(stream);
    if (!answered)
        return allowance_take(&http2->wasted, &wasted_tariff, now_ns(http2))
                   ? 0
                   : punish(http2);
    if (http2->wasted.left < wasted_tariff.burst)
        http2->wasted.left++;
    return 0;
}

/* ---- the session --------------------------------------------------------- */

static nghttp2_session_callbacks *make_callbacks(void)
{
    nghttp2_session_callbacks *c = NULL;

    if (nghttp2_session_callbacks_new(&c) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_begin_frame_callback(c, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(c,
                                                            on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(c, on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(c,
                                                             on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, on_frame_recv);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(c, on_data);
    nghttp2_session_callbacks_set_on_frame_send_callback(c, on_frame_send);
    nghttp2_session_callbacks_set_on_stream_close_callback(c, on_stream_close);
    nghttp2_session_callbacks_set_send_data_callback(c, gw_stream_send_data);
    return c;
}

static nghttp2_option *make_options(void)
{
    nghttp2_option *option = NULL;

    if (nghttp2_option_new(&option) != 0)
        return NULL;
    nghttp2_option_set_no_auto_window_update(option, 1);
    nghttp2_option_set_no_closed_streams(option, 1);
    nghttp2_option_set_max_outbound_ack(option, 256);
    nghttp2_option_set_max_settings(option, 32);
    return option;
}

static bool submit_settings(struct gw_http2 *http2)
{
    const struct llmp_server_config *conf = http2->conn->worker->conf;
    const nghttp2_settings_entry entries[] = {
        { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, conf->streams_max },
        { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, conf->header_bytes_max },
        { NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW },
        { NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
    };

    return nghttp2_submit_settings(http2->session, NGHTTP2_FLAG_NONE, entries,
                                   sizeof(entries) / sizeof(entries[0])) == 0 &&
           nghttp2_session_set_local_window_size(
               http2->session, NGHTTP2_FLAG_NONE, 0, SESSION_WINDOW) == 0;
}

static bool open_session(struct gw_http2 *http2)
{
    nghttp2_session_callbacks *callbacks = make_callbacks();
    nghttp2_option *option = make_options();
    bool made = callbacks && option &&
                nghttp2_session_server_new2(&http2->session, callbacks, http2,
                                            option) == 0;

    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);
    return made && submit_settings(http2);
}

bool gw_http2_begin(struct gw_conn *conn)
{
    struct gw_http2 *http2 = gw_alloc(sizeof(*http2));

    if (!http2)
        return false;
    http2->conn = conn;
    gw_link_init(&http2->streams);
    gw_link_init(&http2->work);
    http2->wasted.left = wasted_tariff.burst;
    http2->wasted.since_ns = now_ns(http2);
    http2->overhead.left = overhead_tariff.burst;
    http2->overhead.since_ns = http2->wasted.since_ns;
    if (!open_session(http2)) {
        gw_http2_free(http2);
        return false;
    }
    conn->http2 = http2;
    conn->protocol = &gw_http2_protocol;
    conn->wants_input = true;
    if (conn->worker->state != GW_SERVING) /* it came at the last moment */
        (void)nghttp2_submit_shutdown_notice(http2->session);
    gw_conn_dirty(conn);
    return true;
}

void gw_http2_free(struct gw_http2 *http2)
{
    if (!http2)
        return;
    assert(gw_link_alone(&http2->streams));
    if (http2->head.block)
        forget_head(http2);
    nghttp2_session_del(http2->session);
    gw_free(http2);
}

/* ---- the connection's side ----------------------------------------------- */

/* One timeout at a time: a head that is not whole, or nothing to do. */
static void set_timer(struct gw_http2 *http2)
{
    struct gw_conn *conn = http2->conn;
    enum gw_timeout wanted = http2->arriving            ? GW_TIMEOUT_HEAD
                             : http2->stream_count == 0 ? GW_TIMEOUT_IDLE
                                                        : GW_TIMEOUT_NONE;

    if (conn->blocked || !gw_conn_is_open(conn) ||
        conn->timer.timeout == wanted)
        return;
    gw_conn_arm(conn, wanted);
}

static size_t input(struct gw_conn *conn, uint8_t *data, size_t len)
{
    struct gw_http2 *http2 = conn->http2;
    ssize_t used = nghttp2_session_mem_recv(http2->session, data, len);

    gw_conn_dirty(conn);
    if (used < 0) {
        (void)nghttp2_session_terminate_session(
            http2->session, http2->abusive ? NGHTTP2_ENHANCE_YOUR_CALM
                                           : NGHTTP2_PROTOCOL_ERROR);
        gw_conn_finish(conn, GW_CONN_CLOSING);
        return len;
    }
    set_timer(http2);
    return len;
}

/* Has nghttp2 make frames, as far as there is room for them. */
static void pump(struct gw_conn *conn)
{
    nghttp2_session *session = conn->http2->session;

    while (conn->out.size < OUTPUT_FULL && !conn->broken) {
        const uint8_t *frame = NULL;
        ssize_t len = nghttp2_session_mem_send(session, &frame);

        if (len < 0)
            conn->broken = true;
        if (len <= 0)
            break;
        gw_conn_write(conn, frame, (size_t)len);
    }
    if (gw_conn_is_open(conn) && !nghttp2_session_want_read(session) &&
        !nghttp2_session_want_write(session))
        gw_conn_finish(conn, GW_CONN_DRAINING);
}

/* Calls `act` for the streams that have something noted; what they note
 * meanwhile is for the next time. */
static void do_work(struct gw_http2 *http2, void (*act)(struct gw_stream *))
{
    struct gw_link batch;

    gw_link_init(&batch);
    while (!gw_link_alone(&http2->work)) {
        struct gw_link *link = http2->work.next;

        gw_link_remove(link);
        gw_link_append(&batch, link);
    }
    while (!gw_link_alone(&batch)) {
        struct gw_link *link = batch.next;

        gw_link_remove(link);
        act(GW_OWNER(link, struct gw_stream, work));
    }
}

static void turn(struct gw_conn *conn)
{
    do_work(conn->http2, gw_stream_turn);
    pump(conn);
}

static void written(struct gw_conn *conn)
{
    struct gw_http2 *http2 = conn->http2;

    do_work(http2, gw_stream_written);
    if (gw_conn_is_open(conn))
        conn->wants_input = conn->out.size < OUTPUT_FLOODED &&
                            nghttp2_session_get_outbound_queue_size(
                                http2->session) < FRAMES_MAX;
    if (conn->out.size < OUTPUT_FULL &&
        nghttp2_session_want_write(http2->session) && !conn->blocked)
        gw_conn_dirty(conn);
    set_timer(http2);
}

static void gone(struct gw_conn *conn)
{
    struct gw_http2 *http2 = conn->http2;

    http2->arriving = NULL;
    while (!gw_link_alone(&http2->streams)) {
        struct gw_stream *stream =
            GW_OWNER(http2->streams.next, struct gw_stream, all);

        stream->closing = true;
        gw_stream_free(stream);
    }
}

static void timeout(struct gw_conn *conn, enum gw_timeout timeout)
{
    (void)nghttp2_session_terminate_session(conn->http2->session,
                                            timeout == GW_TIMEOUT_HEAD
                                                ? NGHTTP2_ENHANCE_YOUR_CALM
                                                : NGHTTP2_NO_ERROR);
    gw_conn_finish(conn, GW_CONN_DRAINING);
}

/* The client hears of it at once, may finish what it has begun, and is closed
 * once it has been idle: what was on its way when it heard is still answered.
 */
static void drain(struct gw_conn *conn)
{
    (void)nghttp2_submit_shutdown_notice(conn->http2->session);
    gw_conn_dirty(conn);
}

static void stop(struct gw_conn *conn)
{
    struct gw_http2 *http2 = conn->http2;

    for (struct gw_link *link = http2->streams.next; link != &http2->streams;) {
        struct gw_stream *stream = GW_OWNER(link, struct gw_stream, all);

        link = link->next;
        if (stream->drive)
            llmp_drive_stop(stream->drive);
    }
    gw_conn_dirty(conn);
}

const struct gw_protocol gw_http2_protocol = {
    .name = "h2",
    .input = input,
    .turn = turn,
    .written = written,
    .gone = gone,
    .timeout = timeout,
    .drain = drain,
    .stop = stop,
};
