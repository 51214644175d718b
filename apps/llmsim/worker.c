/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* accept4 */
#include "worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "conn.h"

/* Connections taken in one turn, so that those which are open get their turn.
 */
#define ACCEPTS_A_TURN 64

void sim_worker_turn_begin(struct sim_worker *worker)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    worker->now_ns =
        (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void sim_worker_turn_end(struct sim_worker *worker)
{
    uint64_t at_ns = sim_wheel_next_ns(&worker->wheel);
    uint64_t wait_us;

    sim_conn_free_dead(worker);
    /* One that fires too early finds nothing to do and is set anew. */
    if (at_ns >= worker->wheel_ns)
        return;
    worker->wheel_ns = at_ns;
    wait_us = at_ns > worker->now_ns ? (at_ns - worker->now_ns) / 1000 + 1 : 0;
    event_add(&worker->wheel_event,
              &(struct timeval){ .tv_sec = (time_t)(wait_us / 1000000),
                                 .tv_usec = (suseconds_t)(wait_us % 1000000) });
}

static void on_wheel(evutil_socket_t fd, short what, void *arg)
{
    struct sim_worker *worker = arg;

    (void)fd;
    (void)what;
    sim_worker_turn_begin(worker);
    worker->wheel_ns = UINT64_MAX;
    sim_wheel_run(&worker->wheel, worker->now_ns, sim_conn_on_timer);
    sim_worker_turn_end(worker);
}

static void on_accept(evutil_socket_t listener, short what, void *arg)
{
    struct sim_worker *worker = arg;

    (void)what;
    for (int i = 0; i < ACCEPTS_A_TURN; i++) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

        if (fd < 0)
            return;
        sim_conn_new(worker, fd);
    }
}

static struct event_base *new_base(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    /* Timers finer than epoll's milliseconds, for pacing. */
    if (config &&
        event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0 &&
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0)
        base = event_base_new_with_config(config);
    if (!base) {
        fputs("llmsim: no event loop\n", stderr);
        exit(1);
    }
    event_config_free(config);
    return base;
}

void sim_worker_run(struct sim_shared *shared, int listener)
{
    struct sim_worker *worker = sim_alloc(sizeof(*worker));

    worker->shared = shared;
    worker->listener = listener;
    worker->base = new_base();
    worker->wheel_ns = UINT64_MAX;
    sim_worker_turn_begin(worker);
    sim_wheel_init(&worker->wheel, worker->now_ns);
    evtimer_assign(&worker->wheel_event, worker->base, on_wheel, worker);
    event_assign(&worker->accept_event, worker->base, listener,
                 EV_READ | EV_PERSIST, on_accept, worker);
    event_add(&worker->accept_event, NULL);
    event_base_dispatch(worker->base);
}
