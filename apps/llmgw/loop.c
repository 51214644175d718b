/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop of a worker: libevent's raw events lent to the library, the
 * turn, the timers, and the orders from the main thread.
 *
 * The turn's end is an event that the first callback of a turn activates: as
 * libevent works through its queue in order, it runs after every callback that
 * epoll_wait() brought, and before the next one. News from a provider are
 * settled with their callback already, because a stream's client waits.
 */
#include "loop.h"

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "conn.h"
#include "listen.h"
#include "server.h"
#include "tls.h"

#define NS_PER_MS 1000000U
#define TICK_MS   500
/* Time for a client that keeps an idle connection to use it once more, and to
 * be told that it ends. */
#define DRAIN_IDLE_MS 2000
#define LINGER_MS     3000
/* Time for handshakes that have begun; a client farther away than this may see
 * a reset, as it would have before. */
#define QUIET_MS 20

/* ---- what the library is lent -------------------------------------------- */

struct watch {
    struct event read, write;
    struct gw_worker *worker;
    void *token;
    unsigned events;
    struct watch *next_free;
};

static void settle_turn(struct gw_worker *worker);

/* What a provider sent goes on to its client at once: at the turn's end it
 * would wait for the reads of all others that came in the same moment. */
static void on_watch(evutil_socket_t fd, short what, void *ctx)
{
    struct watch *watch = ctx;
    struct gw_worker *worker = watch->worker;
    unsigned events = 0;

    (void)fd;
    if (what & EV_READ)
        events |= LLMP_READ;
    if (what & EV_WRITE)
        events |= LLMP_WRITE;
    gw_worker_ask_turn(worker);
    llmp_driver_ready(worker->driver, watch->token, events);
    settle_turn(worker);
}

/* One event a direction, so that a change is one epoll_ctl. */
static void change_watch(struct watch *watch, unsigned events)
{
    unsigned changed = watch->events ^ events;

    watch->events = events;
    if (changed & LLMP_READ)
        (void)((events & LLMP_READ) ? event_add(&watch->read, NULL)
                                    : event_del(&watch->read));
    if (changed & LLMP_WRITE)
        (void)((events & LLMP_WRITE) ? event_add(&watch->write, NULL)
                                     : event_del(&watch->write));
}

static void *watch_new(int fd, unsigned events, void *token, void *loop)
{
    struct gw_worker *worker = loop;
    struct watch *watch = worker->free_watches;

    if (watch)
        worker->free_watches = watch->next_free;
    else
        watch = gw_alloc(sizeof(*watch));
    if (!watch)
        return NULL;
    *watch = (struct watch){ .worker = worker, .token = token };
    (void)event_assign(&watch->read, worker->base, fd, EV_READ | EV_PERSIST,
                       on_watch, watch);
    (void)event_assign(&watch->write, worker->base, fd, EV_WRITE | EV_PERSIST,
                       on_watch, watch);
    change_watch(watch, events);
    return watch;
}

static void watch_set(void *handle, unsigned events, void *loop)
{
    (void)loop;
    change_watch(handle, events);
}

static void watch_free(void *handle, void *loop)
{
    struct gw_worker *worker = loop;
    struct watch *watch = handle;

    change_watch(watch, 0);
    watch->next_free = worker->free_watches;
    worker->free_watches = watch;
}

static struct timeval until(uint64_t at_ns, uint64_t now_ns)
{
    uint64_t us = at_ns > now_ns ? (at_ns - now_ns + 999) / 1000 : 0;

    return (struct timeval){ .tv_sec = (time_t)(us / 1000000),
                             .tv_usec = (suseconds_t)(us % 1000000) };
}

static void arm_driver_timer(struct gw_worker *worker)
{
    struct timeval after =
        until(worker->driver_wanted_ns, gw_worker_now(worker)->mono_ns);

    worker->driver_timer_ns = worker->driver_wanted_ns;
    (void)event_add(&worker->driver_timer, &after);
}

/* Deadlines mostly move away: the timer that is armed already then fires once
 * in vain and is armed anew, instead of being moved at every change. */
static void set_timer(uint64_t at_ns, void *loop)
{
    struct gw_worker *worker = loop;

    worker->driver_wanted_ns = at_ns;
    if (at_ns < worker->driver_timer_ns)
        arm_driver_timer(worker);
}

static void on_driver_timer(evutil_socket_t fd, short what, void *ctx)
{
    struct gw_worker *worker = ctx;

    (void)fd;
    (void)what;
    worker->driver_timer_ns = UINT64_MAX;
    if (worker->driver_wanted_ns == UINT64_MAX)
        return;
    if (worker->driver_wanted_ns > gw_worker_now(worker)->mono_ns) {
        arm_driver_timer(worker);
        return;
    }
    worker->driver_wanted_ns = UINT64_MAX;
    gw_worker_ask_turn(worker);
    llmp_driver_timer(worker->driver);
}

static void ask_driver_turn(void *loop)
{
    struct gw_worker *worker = loop;

    worker->driver_turn_is_asked = true;
    gw_worker_ask_turn(worker);
}

static void wake(void *loop)
{
    gw_worker_order(loop, GW_ORDER_WOKEN);
}

static const struct llmp_loop_ops loop_ops = {
    .size = sizeof(loop_ops),
    .watch_new = watch_new,
    .watch_set = watch_set,
    .watch_free = watch_free,
    .timer = set_timer,
    .turn_end = ask_driver_turn,
    .wake = wake,
};

/* ---- the turn ------------------------------------------------------------ */

const struct llmp_time *gw_worker_now(struct gw_worker *worker)
{
    if (!worker->now_is_known) {
        worker->now = llmp_clock();
        worker->now_is_known = true;
        gw_worker_ask_turn(worker); /* which forgets it */
    }
    return &worker->now;
}

void gw_worker_ask_turn(struct gw_worker *worker)
{
    if (worker->turn_is_asked)
        return;
    worker->turn_is_asked = true;
    event_active(&worker->turn_event, 0, 0);
}

void gw_worker_go_on(struct gw_worker *worker, struct gw_conn *conn)
{
    const struct timeval at_once = { 0 };

    if (gw_link_alone(&worker->again))
        (void)event_add(&worker->again_event, &at_once);
    gw_link_remove(&conn->dirty);
    gw_link_append(&worker->again, &conn->dirty);
}

static void on_again(evutil_socket_t fd, short what, void *ctx)
{
    struct gw_worker *worker = ctx;
    struct gw_link batch;

    (void)fd;
    (void)what;
    /* What puts itself off once more belongs to the next turn. */
    gw_link_init(&batch);
    while (!gw_link_alone(&worker->again)) {
        struct gw_link *link = worker->again.next;

        gw_link_remove(link);
        gw_link_append(&batch, link);
    }
    while (!gw_link_alone(&batch)) {
        struct gw_link *link = batch.next;

        gw_link_remove(link);
        gw_conn_go_on(GW_OWNER(link, struct gw_conn, dirty));
    }
}

/* The library's writes to providers first, then ours to clients; each may make
 * work for the other, which ends because nothing is read meanwhile. */
static void settle_turn(struct gw_worker *worker)
{
    for (;;) {
        if (worker->driver_turn_is_asked) {
            worker->driver_turn_is_asked = false;
            llmp_driver_turn_end(worker->driver);
        }
        if (gw_link_alone(&worker->dirty)) {
            if (worker->driver_turn_is_asked)
                continue;
            return;
        }
        struct gw_link *link = worker->dirty.next;

        gw_link_remove(link);
        gw_conn_turn(GW_OWNER(link, struct gw_conn, dirty));
    }
}

static void leave_if_done(struct gw_worker *worker)
{
    if (worker->state == GW_SERVING || worker->conn_count > 0 ||
        worker->listener_count > 0)
        return;
    worker->state = GW_CLOSED;
    (void)event_base_loopbreak(worker->base);
}

static void on_turn_end(evutil_socket_t fd, short what, void *ctx)
{
    struct gw_worker *worker = ctx;

    (void)fd;
    (void)what;
    settle_turn(worker);
    gw_log_flush(&worker->log);
    if (!gw_link_alone(&worker->dead)) {
        gw_conn_reap(worker);
        gw_listeners_resume(worker);
        leave_if_done(worker);
    }
    if (worker->now_is_known)
        llmp_driver_took(worker->driver,
                         llmp_clock().mono_ns - worker->now.mono_ns);
    worker->turn_is_asked = false;
    worker->now_is_known = false;
}

/* ---- timers -------------------------------------------------------------- */

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
    struct gw_worker *worker = ctx;

    (void)fd;
    (void)what;
    worker->is_ticking = false;
    gw_timers_fire(&worker->timers, gw_worker_now(worker)->mono_ns);
    gw_listeners_resume(worker);
    if (worker->conn_count > 0)
        gw_worker_tick(worker);
}

void gw_worker_tick(struct gw_worker *worker)
{
    const struct timeval tick = { .tv_usec = TICK_MS * 1000 };

    if (worker->is_ticking)
        return;
    worker->is_ticking = true;
    (void)event_add(&worker->tick_event, &tick);
}

static void set_timeouts(struct gw_worker *worker)
{
    const struct llmp_server_config *conf = worker->conf;
    const struct {
        enum gw_timeout timeout;
        uint64_t length_ms;
    } lengths[] = {
        { GW_TIMEOUT_HEAD, conf->header_timeout_ms },
        { GW_TIMEOUT_BODY, conf->body_timeout_ms },
        { GW_TIMEOUT_IDLE, conf->idle_timeout_ms },
        { GW_TIMEOUT_WRITE, conf->write_timeout_ms },
        { GW_TIMEOUT_LINGER, LINGER_MS },
    };

    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
        gw_timers_set_length(&worker->timers, lengths[i].timeout,
                             lengths[i].length_ms * NS_PER_MS,
                             gw_worker_now(worker)->mono_ns);
}

/* ---- orders -------------------------------------------------------------- */

static void take_config(struct gw_worker *worker)
{
    llmp_config_unref(worker->config);
    worker->config = llmp_gateway_config(worker->server->gateway);
    worker->conf = llmp_config_server(worker->config);
    gw_tls_unref(worker->tls);
    worker->tls = gw_server_tls(worker->server);
    set_timeouts(worker);
}

/* Closing a listener resets what has connected and was not accepted yet, also
 * between the last look into its queue and the close. So nobody new comes in
 * first, then what is on its way is let in, then it closes. */
static void on_quiet(evutil_socket_t fd, short what, void *ctx)
{
    struct gw_worker *worker = ctx;

    (void)fd;
    (void)what;
    gw_worker_ask_turn(worker);
    gw_listeners_close(worker, true);
    leave_if_done(worker);
}

static void close_listeners(struct gw_worker *worker, bool accept_queued)
{
    const struct timeval quiet = { .tv_usec = QUIET_MS * 1000 };

    if (accept_queued)
        gw_listeners_quiet(worker);
    if (!accept_queued || event_add(&worker->quiet_event, &quiet) != 0)
        gw_listeners_close(worker, accept_queued);
}

static void drain(struct gw_worker *worker, bool accept_queued)
{
    uint64_t now_ns = gw_worker_now(worker)->mono_ns;

    if (worker->state != GW_SERVING)
        return;
    close_listeners(worker, accept_queued);
    worker->state = GW_DRAINING;
    gw_timers_set_length(&worker->timers, GW_TIMEOUT_IDLE,
                         (uint64_t)DRAIN_IDLE_MS * NS_PER_MS, now_ns);
    for (struct gw_link *link = worker->conns.next; link != &worker->conns;) {
        struct gw_conn *conn = GW_OWNER(link, struct gw_conn, all);

        link = link->next; /* the connection may leave the list */
        conn->protocol->drain(conn);
    }
    leave_if_done(worker);
}

static void stop_all(struct gw_worker *worker)
{
    gw_listeners_close(worker, false);
    if (worker->state == GW_SERVING)
        worker->state = GW_DRAINING;
    for (struct gw_link *link = worker->conns.next; link != &worker->conns;) {
        struct gw_conn *conn = GW_OWNER(link, struct gw_conn, all);

        link = link->next;
        conn->protocol->stop(conn);
    }
    settle_turn(worker); /* what can be said is on its way now */
    while (!gw_link_alone(&worker->conns))
        gw_conn_drop(GW_OWNER(worker->conns.next, struct gw_conn, all));
    leave_if_done(worker);
}

static void on_wake(evutil_socket_t fd, short what, void *ctx)
{
    struct gw_worker *worker = ctx;
    uint64_t count;
    unsigned orders;

    (void)what;
    (void)!read(fd, &count, sizeof(count));
    orders = atomic_exchange(&worker->shared.orders, 0);
    gw_worker_ask_turn(worker);
    if (orders & GW_ORDER_WOKEN)
        llmp_driver_woken(worker->driver);
    if (orders & GW_ORDER_RELOAD)
        take_config(worker);
    if (orders & (GW_ORDER_DRAIN | GW_ORDER_HAND_OVER))
        drain(worker, (orders & GW_ORDER_DRAIN) != 0);
    if (orders & GW_ORDER_STOP)
        stop_all(worker);
}

void gw_worker_order(struct gw_worker *worker, unsigned orders)
{
    const uint64_t one = 1;

    /* Whoever finds orders pending knows that the wake-up is under way. */
    if (atomic_fetch_or(&worker->shared.orders, orders) == 0)
        (void)!write(worker->shared.wake_fd, &one, sizeof(one));
}

/* ---- begin and end ------------------------------------------------------- */

static bool make_base(struct gw_worker *worker)
{
    struct event_config *config = event_config_new();

    if (!config)
        return false;
    (void)event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    (void)event_config_require_features(config,
                                        EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
    worker->base = event_base_new_with_config(config);
    event_config_free(config);
    if (!worker->base)
        return false;
    (void)event_assign(&worker->turn_event, worker->base, -1, EV_PERSIST,
                       on_turn_end, worker);
    (void)evtimer_assign(&worker->driver_timer, worker->base, on_driver_timer,
                         worker);
    (void)evtimer_assign(&worker->quiet_event, worker->base, on_quiet, worker);
    (void)evtimer_assign(&worker->tick_event, worker->base, on_tick, worker);
    (void)evtimer_assign(&worker->again_event, worker->base, on_again, worker);
    (void)event_assign(&worker->wake_event, worker->base,
                       worker->shared.wake_fd, EV_READ | EV_PERSIST, on_wake,
                       worker);
    return event_add(&worker->wake_event, NULL) == 0;
}

static int fail(struct gw_worker *worker, const char *what)
{
    struct llmp_error *err = &worker->shared.start_error;

    *err = (struct llmp_error){ .status = LLMP_E_IO };
    (void)snprintf(err->message, sizeof(err->message), "worker %u: %s: %s",
                   worker->index, what, strerror(errno));
    return LLMP_E_IO;
}

static int begin(struct gw_worker *worker)
{
    int status;

    worker->scratch = gw_alloc(GW_SCRATCH_SIZE);
    if (!worker->scratch || !make_base(worker) ||
        !gw_log_buffer_init(&worker->log, worker->server->log_fd))
        return fail(worker, "no event loop");
    status =
        llmp_driver_new(&worker->driver, worker->server->gateway, &loop_ops,
                        worker, NULL, &worker->shared.start_error);
    if (status != LLMP_OK)
        return status;
    take_config(worker);
    if (gw_listeners_watch(worker) != LLMP_OK)
        return fail(worker, "no listener");
    return LLMP_OK;
}

static void end(struct gw_worker *worker)
{
    if (worker->base)
        settle_turn(worker);
    gw_conn_reap(worker);
    llmp_driver_free(worker->driver);
    gw_listeners_close(worker, false);
    gw_log_buffer_fini(&worker->log);
    gw_conn_free_spare(worker);
    while (worker->free_watches) {
        struct watch *watch = worker->free_watches;

        worker->free_watches = watch->next_free;
        gw_free(watch);
    }
    gw_block_pool_fini(&worker->blocks);
    gw_tls_unref(worker->tls);
    llmp_config_unref(worker->config);
    gw_free(worker->scratch);
    if (worker->base)
        event_base_free(worker->base);
}

static void *run(void *ctx)
{
    struct gw_worker *worker = ctx;
    int status = begin(worker);

    worker->shared.start_status = status;
    (void)sem_post(&worker->shared.started);
    if (status == LLMP_OK)
        (void)event_base_loop(worker->base, EVLOOP_NO_EXIT_ON_EMPTY);
    end(worker);
    atomic_store(&worker->shared.ended, true);
    return NULL;
}

/* Signals are the main thread's. */
static int start_thread(struct gw_worker *worker)
{
    sigset_t all, before;
    int status;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    status = pthread_create(&worker->shared.thread, NULL, run, worker);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = status;
    return status == 0 ? LLMP_OK : fail(worker, "no thread");
}

static void drop_listeners(struct gw_listener *listeners, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)close(listeners[i].fd);
    gw_free(listeners);
}

int gw_worker_start(struct gw_worker **out, struct gw_server *server,
                    unsigned index, struct gw_listener *listeners,
                    size_t listener_count, struct llmp_error *err)
{
    struct gw_worker *worker = gw_alloc(sizeof(*worker));
    int status;

    if (!worker) {
        drop_listeners(listeners, listener_count);
        *err = (struct llmp_error){ .status = LLMP_E_NOMEM };
        (void)snprintf(err->message, sizeof(err->message), "out of memory");
        return LLMP_E_NOMEM;
    }
    worker->server = server;
    worker->index = index;
    worker->listeners = listeners;
    worker->listener_count = listener_count;
    worker->driver_timer_ns = UINT64_MAX;
    worker->driver_wanted_ns = UINT64_MAX;
    worker->log.fd = -1;
    gw_timers_init(&worker->timers);
    gw_link_init(&worker->conns);
    gw_link_init(&worker->dirty);
    gw_link_init(&worker->again);
    gw_link_init(&worker->dead);
    (void)sem_init(&worker->shared.started, 0, 0);
    worker->shared.wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    status = worker->shared.wake_fd < 0 ? fail(worker, "no eventfd")
                                        : start_thread(worker);
    if (status != LLMP_OK) {
        *err = worker->shared.start_error;
        drop_listeners(listeners, listener_count);
        if (worker->shared.wake_fd >= 0)
            (void)close(worker->shared.wake_fd);
        gw_free(worker);
        return status;
    }
    while (sem_wait(&worker->shared.started) != 0)
        ;
    *out = worker;
    if (worker->shared.start_status != LLMP_OK)
        *err = worker->shared.start_error;
    return worker->shared.start_status;
}

void gw_worker_join(struct gw_worker *worker)
{
    if (!worker)
        return;
    (void)pthread_join(worker->shared.thread, NULL);
    (void)close(worker->shared.wake_fd);
    (void)sem_destroy(&worker->shared.started);
    gw_free(worker->listeners);
    gw_free(worker);
}
