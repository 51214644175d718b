/* SPDX-License-Identifier: Apache-2.0 */
#include "conn.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "io.h"
#include "say.h"

/* What a client may send ahead while an answer is under way. */
#define PENDING_MAX ((size_t)256 << 10)
/* Full reads in one turn, so that an upload does not hold up the others. */
#define READS_A_TURN 16
/* Kept for the next answer of a connection. */
#define OUT_KEEP_MAX ((size_t)64 << 10)
/* A reset must not overtake what was written before. */
#define RESET_DELAY_NS UINT64_C(20000000)
#define DRAIN_NS       UINT64_C(1000000000)

static struct sim_stats *stats_of(struct sim_conn *conn)
{
    return &conn->worker->shared->stats;
}

static void close_conn(struct sim_conn *conn)
{
    if (conn->dead)
        return;
    if (conn->counted)
        sim_stats_sub(&stats_of(conn)->open, 1);
    sim_stats_sub(&stats_of(conn)->connections_open, 1);
    event_del(&conn->read_event);
    event_del(&conn->write_event);
    sim_wheel_clear(&conn->worker->wheel, &conn->timer);
    SSL_free(conn->tls);
    close(conn->fd);
    conn->dead = true;
    conn->next_dead = conn->worker->dead;
    conn->worker->dead = conn;
}

static void reset_conn(struct sim_conn *conn)
{
    struct linger now = { .l_onoff = 1, .l_linger = 0 };

    (void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    close_conn(conn);
}

static void peer_gone(struct sim_conn *conn)
{
    if (conn->counted &&
        !(conn->state == SIM_ENDING && conn->end == SIM_END_RESET))
        sim_stats_add(&stats_of(conn)->aborted, 1);
    close_conn(conn);
}

void sim_conn_free_dead(struct sim_worker *worker)
{
    while (worker->dead) {
        struct sim_conn *conn = worker->dead;

        worker->dead = conn->next_dead;
        sim_request_fini(&conn->request);
        sim_reply_fini(&conn->reply);
        sim_buf_fini(&conn->pending);
        sim_buf_fini(&conn->out.buf);
        sim_free(conn);
    }
}

static void set_reads(struct sim_conn *conn, bool reads)
{
    if (conn->reads == reads)
        return;
    conn->reads = reads;
    if (reads)
        event_add(&conn->read_event, NULL);
    else
        event_del(&conn->read_event);
}

static void clear_out(struct sim_conn *conn)
{
    if (conn->out.buf.cap > OUT_KEEP_MAX)
        sim_buf_fini(&conn->out.buf);
    conn->out.buf.len = conn->out.sent = 0;
    conn->out.large = (struct llmp_str){ NULL, 0 };
}

static void uncount(struct sim_conn *conn, bool cut)
{
    if (!conn->counted)
        return;
    conn->counted = false;
    sim_stats_add(cut ? &stats_of(conn)->cut : &stats_of(conn)->completed, 1);
    sim_stats_sub(&stats_of(conn)->open, 1);
}

static void drain(struct sim_conn *conn)
{
    (void)shutdown(conn->fd, SHUT_WR);
    conn->state = SIM_DRAINING;
    sim_wheel_set(&conn->worker->wheel, &conn->timer,
                  conn->worker->now_ns + DRAIN_NS);
}

/* The last byte of an answer is written. */
static void finish(struct sim_conn *conn)
{
    if (conn->end == SIM_END_RESET) {
        uncount(conn, true);
        sim_wheel_set(&conn->worker->wheel, &conn->timer,
                      conn->worker->now_ns + RESET_DELAY_NS);
        return;
    }
    uncount(conn, conn->end == SIM_END_CUT);
    if (conn->end != SIM_END_KEEP) {
        if (conn->tls && conn->end == SIM_END_CLOSE)
            (void)SSL_shutdown(conn->tls);
        if (conn->request.whole)
            close_conn(conn);
        else
            drain(conn);
        return;
    }
    conn->state = SIM_READING;
    sim_request_reset(&conn->request);
    set_reads(conn, true);
}

static void flush(struct sim_conn *conn)
{
    uint64_t drip = conn->reply.how.drip_bytes;

    while (sim_out_left(&conn->out)) {
        ssize_t n = sim_io_write(conn, drip ? (size_t)drip : SIZE_MAX);

        if (n == SIM_IO_AGAIN) {
            event_add(&conn->write_event, NULL);
            return;
        }
        if (n == SIM_IO_GONE) {
            peer_gone(conn);
            return;
        }
        conn->out.sent += (size_t)n;
        sim_stats_add(&stats_of(conn)->bytes_out, (uint64_t)n);
        if (drip && sim_out_left(&conn->out)) {
            sim_wheel_set(&conn->worker->wheel, &conn->timer,
                          conn->worker->now_ns +
                              conn->reply.how.drip_ms * UINT64_C(1000000));
            return;
        }
    }
    clear_out(conn);
    if (conn->state == SIM_ENDING)
        finish(conn);
}

/* Does what is due of an answer. */
static void advance(struct sim_conn *conn)
{
    struct sim_reply *reply = &conn->reply;

    if (conn->state == SIM_WAITING) {
        if (conn->worker->now_ns < reply->first_ns) {
            sim_wheel_set(&conn->worker->wheel, &conn->timer, reply->first_ns);
            return;
        }
        conn->state = SIM_ENDING;
    }
    do {
        if (conn->state == SIM_STREAMING)
            sim_conn_make_events(conn);
        if (conn->state == SIM_STREAMING && reply->next == 0 &&
            !reply->how.head_first)
            return; /* the head goes with the first event */
        flush(conn);
    } while (!conn->dead && conn->state == SIM_STREAMING && !conn->timer.next &&
             sim_out_left(&conn->out) == 0);
}

static void count_request(struct sim_conn *conn)
{
    struct llmp_str target = sim_request_target(&conn->request);

    if (conn->counted || !conn->request.head_done ||
        sim_str_starts(target, "/sim/"))
        return;
    conn->counted = true;
    sim_stats_add(&stats_of(conn)->requests, 1);
    sim_stats_add(&stats_of(conn)->open, 1);
}

static void say_continue(struct sim_conn *conn)
{
    if (!conn->request.expects_continue || !conn->request.head_done)
        return;
    conn->request.expects_continue = false;
    sim_buf_text(&conn->out.buf, "HTTP/1.1 100 Continue\r\n\r\n");
    flush(conn);
}

/* Reads requests out of `input` and answers them, until one answer is under
 * way; keeps what is left for later. */
static void take(struct sim_conn *conn, struct llmp_str input)
{
    while (conn->state == SIM_READING && !conn->dead && input.len) {
        const char *why = "";
        size_t used;
        bool ok = sim_request_feed(&conn->request, input, &used, &why);

        input = (struct llmp_str){ input.ptr + used, input.len - used };
        count_request(conn);
        if (ok && !conn->request.whole) {
            say_continue(conn);
            continue;
        }
        if (ok)
            sim_answer(conn);
        else
            sim_answer_bad(conn, why);
        advance(conn);
    }
    if (input.len && !conn->dead && conn->state != SIM_DRAINING)
        sim_buf_add(&conn->pending, input);
}

static void take_pending(struct sim_conn *conn)
{
    while (conn->state == SIM_READING && !conn->dead && conn->pending.len) {
        struct sim_buf input = conn->pending;

        conn->pending = (struct sim_buf){ 0 };
        take(conn, sim_buf_str(&input));
        sim_buf_fini(&input);
    }
}

/* False: nothing more for now. */
static bool read_once(struct sim_conn *conn)
{
    struct llmp_str room = { NULL, 0 };

    if (conn->state == SIM_READING)
        room = sim_request_room(&conn->request, SIM_SCRATCH_SIZE);
    if (room.len == 0)
        room = (struct llmp_str){ conn->worker->scratch, SIM_SCRATCH_SIZE };

    char *to = (char *)(uintptr_t)room.ptr;
    ssize_t n = sim_io_read(conn, to, room.len);

    if (n == SIM_IO_GONE)
        peer_gone(conn);
    if (n < 0)
        return false;
    sim_stats_add(&stats_of(conn)->bytes_in, (uint64_t)n);
    take(conn, (struct llmp_str){ to, (size_t)n });
    if (conn->dead)
        return false;
    if (conn->pending.len > PENDING_MAX)
        set_reads(conn, false);
    return conn->reads &&
           ((size_t)n == room.len || (conn->tls && SSL_pending(conn->tls) > 0));
}

static void on_read(evutil_socket_t fd, short what, void *arg)
{
    struct sim_conn *conn = arg;
    struct sim_worker *worker = conn->worker;

    (void)fd;
    (void)what;
    sim_worker_turn_begin(worker);
    for (int i = 0; i < READS_A_TURN && read_once(conn); i++)
        ;
    take_pending(conn);
    sim_worker_turn_end(worker);
}

static void on_write(evutil_socket_t fd, short what, void *arg)
{
    struct sim_conn *conn = arg;
    struct sim_worker *worker = conn->worker;

    (void)fd;
    (void)what;
    sim_worker_turn_begin(worker);
    advance(conn);
    take_pending(conn);
    sim_worker_turn_end(worker);
}

void sim_conn_on_timer(struct sim_timer *timer)
{
    struct sim_conn *conn = (struct sim_conn *)(void *)timer;

    if (conn->state == SIM_ENDING && conn->end == SIM_END_RESET &&
        sim_out_left(&conn->out) == 0) {
        reset_conn(conn);
        return;
    }
    if (conn->state == SIM_DRAINING) {
        close_conn(conn);
        return;
    }
    advance(conn);
    take_pending(conn);
}

void sim_conn_new(struct sim_worker *worker, int fd)
{
    struct sim_conn *conn = sim_alloc(sizeof(*conn));

    conn->worker = worker;
    conn->fd = fd;
    if (worker->shared->tls) {
        conn->tls = SSL_new(worker->shared->tls);
        SSL_set_accept_state(conn->tls);
        SSL_set_fd(conn->tls, fd);
    }
    sim_request_init(&conn->request);
    event_assign(&conn->read_event, worker->base, fd, EV_READ | EV_PERSIST,
                 on_read, conn);
    event_assign(&conn->write_event, worker->base, fd, EV_WRITE, on_write,
                 conn);
    set_reads(conn, true);
    sim_stats_add(&stats_of(conn)->connections, 1);
    sim_stats_add(&stats_of(conn)->connections_open, 1);
}
