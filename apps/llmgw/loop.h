/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker: one thread with an event loop, a driver of the library, listeners
 * and connections. Everything in here belongs to that thread, except what is
 * marked as shared.
 */
#ifndef LLMGW_LOOP_H
#define LLMGW_LOOP_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <llmproxy/gateway.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "access_log.h"
#include "head.h"
#include "list.h"
#include "mem.h"
#include "respond.h"
#include "timers.h"

struct gw_server;
struct gw_listener;
struct gw_tls;

#define GW_SCRATCH_SIZE 65536

enum gw_worker_state { GW_SERVING, GW_DRAINING, GW_CLOSED };

/* Orders to a worker from the main thread. */
enum gw_order {
    GW_ORDER_WOKEN = 1,     /* the library's: see llmp_loop_ops.wake */
    GW_ORDER_RELOAD = 2,    /* take the configuration and certificates anew */
    GW_ORDER_DRAIN = 4,     /* finish; accept what is queued first */
    GW_ORDER_HAND_OVER = 8, /* finish; a successor accepts */
    GW_ORDER_STOP = 16      /* drop everything */
};

struct gw_worker {
    struct gw_server *server;
    unsigned index;
    enum gw_worker_state state;

    struct event_base *base;
    struct llmp_driver *driver;
    struct llmp_config *config;            /* the one in force here */
    const struct llmp_server_config *conf; /* part of it */
    struct gw_tls *tls;                    /* or NULL */

    struct llmp_time now; /* read once a turn */
    bool now_is_known;
    bool turn_is_asked, driver_turn_is_asked;
    struct event turn_event;

    struct event driver_timer;
    uint64_t driver_timer_ns; /* what it is armed for; UINT64_MAX: not */
    uint64_t driver_wanted_ns;

    struct event quiet_event; /* the listeners have been quiet for a while */
    struct event tick_event;  /* twice a second while there are connections */
    bool is_ticking;
    struct gw_timers timers;

    struct gw_link conns; /* gw_conn.all */
    struct gw_link dirty; /* gw_conn.dirty: have something to do at turn end */
    struct gw_link again; /* gw_conn.dirty: go on in the next turn */
    struct gw_link dead;  /* gw_conn.all: freed at turn end */
    struct event again_event;
    size_t conn_count;
    void *free_conns;
    unsigned free_conn_count;
    void *free_watches;

    struct gw_listener *listeners;
    size_t listener_count;
    bool accepts; /* the listeners are being watched */

    struct gw_block_pool blocks;
    struct gw_log_buffer log;
    struct gw_date date;
    uint8_t *scratch; /* GW_SCRATCH_SIZE: where sockets are read into */
    struct llmp_header fields[GW_HEAD_FIELDS_MAX];

    struct event wake_event;

    /* From any thread. */
    struct {
        atomic_uint orders;
        int wake_fd;
        pthread_t thread;
        sem_t started; /* posted once `start_status` is set */
        int start_status;
        struct llmp_error start_error;
        atomic_bool ended;
    } shared;
};

/*
 * Starts a worker's thread and waits until it serves.
 *
 * @param listeners  taken over, also on failure
 */
int gw_worker_start(struct gw_worker **out, struct gw_server *server,
                    unsigned index, struct gw_listener *listeners,
                    size_t listener_count, struct llmp_error *err);

/* Any thread. */
void gw_worker_order(struct gw_worker *worker, unsigned orders);

/* Waits for the thread's end and frees the worker. Accepts NULL. */
void gw_worker_join(struct gw_worker *worker);

/* The time of this turn. */
const struct llmp_time *gw_worker_now(struct gw_worker *worker);

/* Has the turn's end run, once, after the callbacks that wait now. */
void gw_worker_ask_turn(struct gw_worker *worker);

/* Has gw_conn_go_on() called in the next turn. */
struct gw_conn;
void gw_worker_go_on(struct gw_worker *worker, struct gw_conn *conn);

/* Connections exist: look at their timers from now on. */
void gw_worker_tick(struct gw_worker *worker);

#endif
