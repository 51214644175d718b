/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connections: see conn.h.
 *
 * Sockets are edge-triggered and registered once for both directions, so what
 * the kernel has said is remembered here: `readable` until a read came back
 * short, `blocked` from a short write to the next edge, `peer_closed` for ever.
 */
#include "conn.h"

#include <assert.h>
#include <string.h>

#include "conn_io.h"
#include "server.h"
#include "tls.h"

/* Reads of one connection in a row, so that one upload does not starve the
 * others; what is left waits for the next turn. */
#define READS_A_TURN 2
#define PARTS_MAX    16
/* What is discarded of a client that sends on after its answer. */
#define LINGER_BYTES_MAX (16U << 20)
/* Dead connections that are kept for the next ones: about 0.5 MiB. */
#define SPARE_MAX 512

static struct gw_conn *conn_of(void *ctx)
{
    struct gw_conn *conn = ctx;

    assert(conn->magic == GW_CONN_MAGIC);
    return conn;
}

/* ---- output -------------------------------------------------------------- */

/* Output without memory for it: the connection cannot be saved. */
static void give_up(struct gw_conn *conn)
{
    conn->broken = true;
    gw_conn_dirty(conn);
}

uint8_t *gw_conn_reserve(struct gw_conn *conn, size_t len)
{
    uint8_t *room;

    if (conn->state == GW_CONN_DEAD || conn->broken)
        return NULL;
    room = gw_queue_reserve(&conn->out, &conn->worker->blocks, len);
    if (!room)
        give_up(conn);
    return room;
}

void gw_conn_commit(struct gw_conn *conn, size_t len)
{
    gw_queue_commit(&conn->out, len);
    gw_conn_dirty(conn);
}

void gw_conn_write(struct gw_conn *conn, const void *bytes, size_t len)
{
    if (conn->state == GW_CONN_DEAD || conn->broken)
        return;
    if (gw_queue_write(&conn->out, &conn->worker->blocks, bytes, len))
        gw_conn_dirty(conn);
    else
        give_up(conn);
}

static void consume(struct gw_conn *conn, size_t len)
{
    gw_queue_consume(&conn->out, &conn->worker->blocks, len);
}

/* A slow client has its time from the last byte it took. */
static void watch_progress(struct gw_conn *conn, bool progress)
{
    if (!conn->blocked) {
        if (conn->timer.timeout == GW_TIMEOUT_WRITE)
            gw_conn_arm(conn, GW_TIMEOUT_NONE);
        return;
    }
    if (progress || conn->timer.timeout != GW_TIMEOUT_WRITE)
        gw_conn_arm(conn, GW_TIMEOUT_WRITE);
}

static void flush(struct gw_conn *conn)
{
    bool progress = false;

    if (conn->out.size == 0 || conn->handshaking)
        return;
    while (conn->out.size > 0 && !conn->blocked && !conn->broken) {
        struct iovec parts[PARTS_MAX];
        int count = gw_queue_collect(&conn->out, parts, PARTS_MAX);
        ssize_t taken = gw_io_write(conn, parts, count);

        if (taken == GW_IO_FAILED)
            conn->broken = true;
        if (taken <= 0)
            break;
        consume(conn, (size_t)taken);
        progress = true;
    }
    watch_progress(conn, progress);
}

void gw_conn_write_now(struct gw_conn *conn, const void *bytes, size_t len)
{
    struct iovec parts[PARTS_MAX + 1];
    size_t before = conn->out.size;

    if (conn->blocked || conn->handshaking || conn->broken ||
        conn->state == GW_CONN_DEAD) {
        gw_conn_write(conn, bytes, len);
        return;
    }
    int count = gw_queue_collect(&conn->out, parts, PARTS_MAX);

    if (count == PARTS_MAX) { /* a long queue: order before speed */
        gw_conn_write(conn, bytes, len);
        return;
    }
    parts[count++] =
        (struct iovec){ .iov_base = (void *)(uintptr_t)bytes, .iov_len = len };
    ssize_t taken = gw_io_write(conn, parts, count);

    if (taken == GW_IO_FAILED)
        conn->broken = true;
    size_t done = taken > 0 ? (size_t)taken : 0;
    size_t of_queue = done < before ? done : before;

    consume(conn, of_queue);
    gw_conn_write(conn, (const uint8_t *)bytes + (done - of_queue),
                  len - (done - of_queue));
    watch_progress(conn, done > 0);
    gw_conn_dirty(conn);
}

/* ---- input --------------------------------------------------------------- */

/* Makes room behind the kept input: at least a quarter of what there is. */
static bool grow_input(struct gw_conn *conn)
{
    struct gw_block *in = conn->in;
    size_t held = in->end - in->start;

    if (in->start > 0) {
        memmove(in->data, in->data + in->start, held);
        in->start = 0;
        in->end = held;
    }
    if (in->cap - held >= in->cap / 4)
        return true;

    struct gw_block *larger = gw_block_take(&conn->worker->blocks, in->cap * 2);

    if (!larger)
        return false;
    memcpy(larger->data, in->data, held);
    larger->end = held;
    conn->in = larger;
    gw_block_give(&conn->worker->blocks, in);
    return true;
}

/* Gives `len` bytes to the protocol and keeps what it leaves. The bytes are
 * the worker's scratch, or the kept input itself. */
static void feed(struct gw_conn *conn, uint8_t *data, size_t len)
{
    size_t used = conn->protocol->input(conn, data, len);
    size_t left = len - used;

    assert(used <= len);
    if (conn->state == GW_CONN_DEAD)
        return;
    if (conn->in) {
        conn->in->start += used;
        if (left == 0) {
            gw_block_give(&conn->worker->blocks, conn->in);
            conn->in = NULL;
        }
        return;
    }
    if (left == 0)
        return;
    conn->in = gw_block_take(&conn->worker->blocks, left);
    if (!conn->in) {
        conn->broken = true;
        gw_conn_dirty(conn);
        return;
    }
    memcpy(conn->in->data, data + used, left);
    conn->in->end = left;
}

/* One read and what follows of it. False: there is no more for now. */
static bool read_once(struct gw_conn *conn)
{
    uint8_t *data = conn->worker->scratch;
    size_t room = GW_SCRATCH_SIZE;
    size_t kept = 0;

    if (conn->in) {
        if (!grow_input(conn)) {
            gw_conn_drop(conn);
            return false;
        }
        data = conn->in->data;
        kept = conn->in->end;
        room = conn->in->cap - kept;
    }
    ssize_t got = gw_io_read(conn, data + kept, room);

    if (got == GW_IO_AGAIN)
        return false;
    if (got <= 0) {
        gw_conn_drop(conn); /* half a connection is none: see server.md */
        return false;
    }
    if (conn->in)
        conn->in->end += (size_t)got;
    feed(conn, data, kept + (size_t)got);
    return true;
}

static void read_input(struct gw_conn *conn)
{
    for (int i = 0; i < READS_A_TURN; i++)
        if (!gw_conn_is_open(conn) || !conn->wants_input || !conn->readable ||
            !read_once(conn))
            break;
    if (gw_conn_is_open(conn) && conn->wants_input && conn->readable)
        gw_conn_dirty(conn); /* which puts off the rest */
}

static void discard_input(struct gw_conn *conn)
{
    for (int i = 0; i < READS_A_TURN; i++) {
        ssize_t got = gw_io_read(conn, conn->worker->scratch, GW_SCRATCH_SIZE);

        if (got == GW_IO_AGAIN)
            return;
        if (got > 0)
            conn->lingered += (size_t)got;
        if (got <= 0 || conn->lingered > LINGER_BYTES_MAX) {
            gw_conn_drop(conn);
            return;
        }
    }
    gw_worker_go_on(conn->worker, conn);
}

/* ---- events -------------------------------------------------------------- */

/* TLS has agreed: the protocol is known. */
static bool finish_handshake(struct gw_conn *conn)
{
    int status = gw_io_handshake(conn);

    if (status == GW_IO_AGAIN) {
        if (conn->peer_closed)
            gw_conn_drop(conn);
        return false;
    }
    if (status == GW_IO_FAILED) {
        gw_conn_drop(conn);
        return false;
    }
    conn->handshaking = false;
    conn->tls_name = gw_tls_client_name(conn->ssl);
    conn->readable = true; /* what came with the last flight */
    gw_conn_arm(conn, GW_TIMEOUT_IDLE);
    if (gw_tls_chose_http2(conn->ssl) && !gw_http2_begin(conn)) {
        gw_conn_drop(conn);
        return false;
    }
    return true;
}

/* Does what the kernel's news allow. */
static void advance(struct gw_conn *conn)
{
    if (conn->handshaking && !finish_handshake(conn))
        return;
    if (conn->state == GW_CONN_LINGER) {
        if (conn->readable)
            discard_input(conn);
        return;
    }
    if (!gw_conn_is_open(conn))
        return;
    if (conn->wants_input)
        read_input(conn);
    else if (conn->readable && !gw_io_peer_is_there(conn))
        conn->peer_closed = true;
    if (conn->peer_closed && conn->state != GW_CONN_DEAD)
        gw_conn_dirty(conn);
}

static void on_event(evutil_socket_t fd, short what, void *ctx)
{
    struct gw_conn *conn = conn_of(ctx);

    (void)fd;
    if (what & (EV_READ | EV_CLOSED))
        conn->readable = true;
    if (what & EV_CLOSED)
        conn->peer_closed = true;
    if (conn->blocked && ((what & EV_WRITE) || conn->ssl)) {
        conn->blocked = false;
        gw_conn_dirty(conn);
    }
    advance(conn);
}

void gw_conn_dirty(struct gw_conn *conn)
{
    if (conn->state == GW_CONN_DEAD)
        return;
    gw_link_remove(&conn->dirty);
    gw_link_append(&conn->worker->dirty, &conn->dirty);
    gw_worker_ask_turn(conn->worker);
}

/* All output is gone: end the connection in the way that was asked for. */
static void end_now(struct gw_conn *conn)
{
    switch (conn->state) {
    case GW_CONN_CLOSING:
        gw_io_shutdown(conn);
        gw_conn_drop(conn);
        return;
    case GW_CONN_DRAINING:
        gw_io_shutdown(conn);
        conn->state = GW_CONN_LINGER;
        gw_conn_arm(conn, GW_TIMEOUT_LINGER);
        if (conn->readable)
            discard_input(conn);
        return;
    case GW_CONN_CUTTING:
        /* RST would take back what the kernel still holds: let it leave. */
        if (gw_io_unsent(conn) == 0)
            gw_conn_drop(conn);
        else if (conn->timer.timeout != GW_TIMEOUT_LINGER)
            gw_conn_arm(conn, GW_TIMEOUT_LINGER);
        return;
    default:
        return;
    }
}

void gw_conn_turn(struct gw_conn *conn)
{
    if (conn->broken) {
        gw_conn_drop(conn);
        return;
    }
    if (conn->state == GW_CONN_LINGER) {
        if (conn->readable)
            discard_input(conn);
        return;
    }
    conn->protocol->turn(conn);
    if (gw_conn_is_open(conn) && conn->wants_input && conn->in)
        feed(conn, conn->in->data + conn->in->start,
             conn->in->end - conn->in->start);
    if (conn->state == GW_CONN_DEAD)
        return;
    flush(conn);
    conn->protocol->written(conn);

    bool gone =
        conn->peer_closed &&
        (conn->out.size > 0 || (gw_conn_is_open(conn) && !conn->wants_input));

    if (conn->broken || (gone && gw_link_alone(&conn->dirty)))
        gw_conn_drop(conn);
    else if (conn->out.size == 0 && !gw_conn_is_open(conn))
        end_now(conn);
    else if (gw_conn_is_open(conn) && conn->wants_input && conn->readable &&
             gw_link_alone(&conn->dirty))
        gw_worker_go_on(conn->worker, conn);
}

void gw_conn_go_on(struct gw_conn *conn)
{
    advance(conn);
}

void gw_conn_arm(struct gw_conn *conn, enum gw_timeout timeout)
{
    struct gw_worker *worker = conn->worker;

    gw_timer_set(&worker->timers, &conn->timer, timeout,
                 timeout == GW_TIMEOUT_NONE ? 0
                                            : gw_worker_now(worker)->mono_ns);
}

struct gw_conn *gw_conn_of_timer(struct gw_timer *timer)
{
    return conn_of(GW_OWNER(timer, struct gw_conn, timer));
}

static void on_timeout(struct gw_timer *timer)
{
    struct gw_conn *conn = gw_conn_of_timer(timer);
    enum gw_timeout timeout = conn->timer.timeout;

    conn->timer.timeout = GW_TIMEOUT_NONE;
    if (timeout == GW_TIMEOUT_WRITE || timeout == GW_TIMEOUT_LINGER ||
        conn->handshaking || !gw_conn_is_open(conn)) {
        if (timeout == GW_TIMEOUT_WRITE)
            conn->broken = true; /* no use in keeping what it does not take */
        gw_conn_drop(conn);
        return;
    }
    conn->protocol->timeout(conn, timeout);
}

/* ---- begin and end ------------------------------------------------------- */

static struct gw_conn *take_conn(struct gw_worker *worker)
{
    struct gw_conn *conn = worker->free_conns;

    if (!conn)
        return gw_alloc(sizeof(*conn));
    memcpy(&worker->free_conns, conn, sizeof(void *));
    worker->free_conn_count--;
    memset(conn, 0, sizeof(*conn));
    return conn;
}

static void give_conn(struct gw_worker *worker, struct gw_conn *conn)
{
    gw_free(conn->tls_name);
    if (worker->free_conn_count >= SPARE_MAX) {
        gw_free(conn);
        return;
    }
    memcpy(conn, &worker->free_conns, sizeof(void *));
    worker->free_conns = conn;
    worker->free_conn_count++;
}

void gw_conn_free_spare(struct gw_worker *worker)
{
    while (worker->free_conns)
        gw_free(take_conn(worker));
}

void gw_conn_new(struct gw_worker *worker, int fd, const char *peer,
                 struct gw_tls *tls, bool admin, bool admin_local)
{
    struct gw_conn *conn = take_conn(worker);
    short events = EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST;

    if (!conn)
        goto no_memory;
    conn->magic = GW_CONN_MAGIC;
    conn->worker = worker;
    conn->fd = fd;
    conn->admin = admin;
    conn->admin_local = admin_local;
    conn->peer_len = (uint8_t)strnlen(peer, sizeof(conn->peer));
    memcpy(conn->peer, peer, conn->peer_len);
    gw_timer_init(&conn->timer, on_timeout);
    gw_link_init(&conn->all);
    gw_link_init(&conn->dirty);
    gw_http1_init(conn);
    if (tls && !(conn->ssl = gw_tls_accept(tls, fd)))
        goto no_memory;
    conn->handshaking = tls != NULL;
    if (event_assign(&conn->event, worker->base, fd, events, on_event, conn) !=
            0 ||
        event_add(&conn->event, NULL) != 0)
        goto no_memory;
    gw_link_append(&worker->conns, &conn->all);
    worker->conn_count++;
    gw_conn_arm(conn, tls ? GW_TIMEOUT_HEAD : GW_TIMEOUT_IDLE);
    gw_worker_tick(worker);
    return;

no_memory:
    if (conn && conn->ssl) {
        gw_io_close(conn, false);
        fd = -1;
    }
    if (conn)
        give_conn(worker, conn);
    gw_server_forget_conn(worker->server, fd);
}

void gw_conn_finish(struct gw_conn *conn, enum gw_conn_state how)
{
    assert(how != GW_CONN_OPEN && how != GW_CONN_DEAD);
    if (!gw_conn_is_open(conn))
        return;
    conn->state = how;
    conn->wants_input = false;
    if (conn->timer.timeout != GW_TIMEOUT_WRITE)
        gw_conn_arm(conn, GW_TIMEOUT_NONE);
    gw_conn_dirty(conn);
}

void gw_conn_drop(struct gw_conn *conn)
{
    struct gw_worker *worker = conn->worker;
    bool reset = conn->broken || conn->state == GW_CONN_CUTTING;

    if (conn->state == GW_CONN_DEAD)
        return;
    conn->state = GW_CONN_DEAD;
    conn->wants_input = false;
    conn->protocol->gone(conn);
    (void)event_del(&conn->event);
    gw_io_close(conn, reset);
    gw_timer_set(&worker->timers, &conn->timer, GW_TIMEOUT_NONE, 0);
    gw_link_remove(&conn->dirty);
    gw_link_remove(&conn->all);
    gw_link_append(&worker->dead, &conn->all);
    worker->conn_count--;
    gw_server_forget_conn(worker->server, -1);
    gw_worker_ask_turn(worker);
}

void gw_conn_reap(struct gw_worker *worker)
{
    while (!gw_link_alone(&worker->dead)) {
        struct gw_conn *conn = GW_OWNER(worker->dead.next, struct gw_conn, all);

        gw_link_remove(&conn->all);
        gw_queue_clear(&conn->out, &worker->blocks);
        gw_block_give(&worker->blocks, conn->in);
        gw_http2_free(conn->http2);
        conn->magic = 0;
        give_conn(worker, conn);
    }
}
