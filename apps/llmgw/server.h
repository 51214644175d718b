/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process: engine, endpoints, workers, certificates. Started, reloaded and
 * drained by the main thread; workers reach into it for what is shared.
 */
#ifndef LLMGW_SERVER_H
#define LLMGW_SERVER_H

#include <llmproxy/gateway.h>
#include <pthread.h>
#include <stdatomic.h>

#include "listen.h"

struct gw_tls;
struct gw_ticket_keys;
struct gw_worker;

struct gw_store;
struct gw_server {
    /* The main thread's. */
    struct llmp_gateway *gateway;
    struct gw_store *store; /* or NULL */
    struct gw_endpoint *endpoints;
    size_t endpoint_count;
    struct gw_endpoint *inherited; /* from a predecessor: see handover.c */
    size_t inherited_count;
    struct gw_worker **workers;
    size_t worker_count;
    const char *const *listen; /* from the command line, or NULL */
    size_t listen_count;
    int log_fd;
    char *log_target;
    bool draining;
    bool handed_over;   /* a successor has the sockets and their names */
    bool borrowed;      /* a predecessor has them until we are ready */
    bool lent;          /* a successor has them, and is not ready yet */
    int predecessor_fd; /* closed by one that still drains, or -1 */

    struct gw_ticket_keys *ticket_keys; /* thread safe; or NULL */
    atomic_uint connections;            /* of all workers */

    struct {
        pthread_mutex_t lock;
        struct gw_tls *tls; /* what new connections use; or NULL */
    } synced;
};

/*
 * Prepares a server with the engine for `config`; opens nothing yet.
 *
 * @param listen  addresses instead of the configuration's, or NULL
 */
int gw_server_new(struct gw_server **out, struct llmp_config *config,
                  const char *const *listen, size_t listen_count,
                  struct llmp_error *err);

/* Opens the endpoints that were not handed over, and starts the workers. */
int gw_server_start(struct gw_server *server, struct llmp_error *err);

/* Swaps configuration and certificates, or fails and changes nothing. */
int gw_server_reload(struct gw_server *server, struct llmp_config *config,
                     struct llmp_error *err);

/* Reads certificates anew under the same configuration. */
int gw_server_reload_tls(struct gw_server *server, struct llmp_error *err);

/* Lets what runs finish. @param handed_over  a successor accepts already */
void gw_server_drain(struct gw_server *server, bool handed_over);

/* Whether every worker has ended. */
bool gw_server_has_ended(const struct gw_server *server);

/* Ends what still runs. */
void gw_server_stop(struct gw_server *server);

/* Stops, waits, frees. Accepts NULL. */
void gw_server_free(struct gw_server *server);

/* ---- for workers, any thread ---- */

/* A reference to the certificates in force, or NULL. */
struct gw_tls *gw_server_tls(struct gw_server *server);

/* Counts one more connection, unless there are `max` (0: no bound). */
bool gw_server_admit_conn(struct gw_server *server, uint32_t max);
/* Counts one less; closes `fd` unless it is -1. */
void gw_server_forget_conn(struct gw_server *server, int fd);

#endif
