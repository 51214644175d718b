/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker: one thread with an event loop, a listening socket of its own and
 * the connections it accepted. Only `shared` is seen by more than one thread.
 */
#ifndef LLMSIM_WORKER_H
#define LLMSIM_WORKER_H

#include <event2/event.h>
#include <event2/event_struct.h>
#include <llmproxy/json.h>
#include <openssl/ssl.h>

#include "ask.h"
#include "options.h"
#include "stats.h"
#include "wheel.h"

#define SIM_SCRATCH_SIZE 65536

struct sim_shared {
    const struct sim_options *opts; /* never changes while workers run */
    SSL_CTX *tls;                   /* or NULL */
    struct sim_stats stats;
    struct sim_last last;
};

struct sim_conn;

struct sim_worker {
    struct sim_shared *shared;
    int listener;
    struct event_base *base;
    struct event accept_event;
    struct event wheel_event;
    struct sim_wheel wheel;
    uint64_t wheel_ns;     /* what wheel_event is set for; UINT64_MAX: not */
    uint64_t now_ns;       /* of this turn */
    struct sim_conn *dead; /* freed when the turn ends */

    /* For use within one call only. */
    struct llmp_json_field fields[LLMP_JSON_FIELDS_MAX];
    struct sim_tree tree; /* of a request that is read whole */
    struct sim_ask ask;
    struct sim_buf body, event;
    char scratch[SIM_SCRATCH_SIZE];
};

/* Serves for ever. `listener` is bound and listens. */
void sim_worker_run(struct sim_shared *shared, int listener);

/* Around everything that an event of the loop sets off. */
void sim_worker_turn_begin(struct sim_worker *worker);
void sim_worker_turn_end(struct sim_worker *worker);

#endif
