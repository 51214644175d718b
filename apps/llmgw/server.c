/* SPDX-License-Identifier: Apache-2.0 */
/* The process as a whole: see server.h. */
#define _GNU_SOURCE
#include "server.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "access_log.h"
#include "control.h"
#include "loop.h"
#include "random.h"
#include "store.h"
#include "tls.h"

/* The configuration allows no more. */
#define WORKERS_MAX 1024

static int no_memory(struct llmp_error *err)
{
    *err = (struct llmp_error){ .status = LLMP_E_NOMEM };
    (void)snprintf(err->message, sizeof(err->message), "out of memory");
    return LLMP_E_NOMEM;
}

int gw_server_new(struct gw_server **out, struct llmp_config *config,
                  const char *const *listen, size_t listen_count,
                  struct llmp_error *err)
{
    const struct llmp_random random = { .fill = gw_random_fill };
    struct gw_server *server = gw_alloc(sizeof(*server));
    int status;

    if (!server)
        return no_memory(err);
    server->listen = listen;
    server->listen_count = listen_count;
    server->log_fd = server->predecessor_fd = -1;
    (void)pthread_mutex_init(&server->synced.lock, NULL);
    server->ticket_keys = gw_ticket_keys_new();
    status = server->ticket_keys
                 ? llmp_gateway_new(&server->gateway, config, &random, err)
                 : no_memory(err);
    if (status != LLMP_OK) {
        gw_server_free(server);
        return status;
    }
    *out = server;
    return LLMP_OK;
}

/* ---- start --------------------------------------------------------------- */

static size_t usable_cores(void)
{
    cpu_set_t set;

    if (sched_getaffinity(0, sizeof(set), &set) != 0)
        return 1;
    return (size_t)CPU_COUNT(&set);
}

static size_t count_workers(const struct llmp_server_config *conf)
{
    size_t count = conf->workers > 0 ? conf->workers : usable_cores();

    return count > WORKERS_MAX ? WORKERS_MAX : count;
}

/* Moves the predecessor's endpoint of that name to `out`. */
static bool take_inherited(struct gw_server *server, const char *name,
                           struct gw_endpoint *out)
{
    for (size_t i = 0; i < server->inherited_count; i++) {
        struct gw_endpoint *endpoint = &server->inherited[i];

        if (!endpoint->name || strcmp(endpoint->name, name) != 0)
            continue;
        *out = *endpoint;
        *endpoint = (struct gw_endpoint){ 0 };
        return true;
    }
    return false;
}

static int open_endpoint(struct gw_server *server, const char *name, bool admin,
                         struct llmp_error *err)
{
    struct gw_endpoint *endpoint = &server->endpoints[server->endpoint_count];
    bool inherited = take_inherited(server, name, endpoint);
    int status =
        inherited ? gw_endpoint_extend(endpoint, server->worker_count, err)
                  : gw_endpoint_open(endpoint, name, server->worker_count, err);

    endpoint->admin = admin;
    server->endpoint_count += inherited || status == LLMP_OK;
    return status;
}

/* What nobody asked for may be missing. */
static int open_admin(struct gw_server *server,
                      const struct llmp_admin_config *admin,
                      struct llmp_error *err)
{
    int status = admin->listen ? open_endpoint(server, admin->listen, true, err)
                               : LLMP_OK;

    if (status == LLMP_OK || !admin->by_default)
        return status;
    gw_say("no administration by HTTP: %s; 'admin.listen' says where else, or "
           "'off'",
           err->message);
    return LLMP_OK;
}

static int open_endpoints(struct gw_server *server,
                          const struct llmp_server_config *conf,
                          const struct llmp_admin_config *admin,
                          struct llmp_error *err)
{
    const char *const *names = server->listen ? server->listen : conf->listen;
    size_t count = server->listen ? server->listen_count : conf->listen_count;

    server->endpoints = gw_alloc((count + 1) * sizeof(*server->endpoints));
    if (!server->endpoints)
        return no_memory(err);
    for (size_t i = 0; i < count; i++) {
        int status = open_endpoint(server, names[i], false, err);

        if (status != LLMP_OK)
            return status;
    }
    return open_admin(server, admin, err);
}

/* Which sockets of `endpoint` belong to worker `index`: each to one, in turn,
 * but a Unix socket to all. */
static bool is_for(const struct gw_endpoint *endpoint, size_t fd_index,
                   const struct gw_server *server, size_t index)
{
    return endpoint->is_unix || fd_index % server->worker_count == index;
}

static struct gw_listener *listeners_of(const struct gw_server *server,
                                        size_t index, size_t *count)
{
    size_t max = 0;

    for (size_t e = 0; e < server->endpoint_count; e++)
        max += server->endpoints[e].fd_count;
    struct gw_listener *listeners = gw_alloc(max * sizeof(*listeners));

    *count = 0;
    for (size_t e = 0; listeners && e < server->endpoint_count; e++) {
        const struct gw_endpoint *endpoint = &server->endpoints[e];

        for (size_t i = 0; i < endpoint->fd_count; i++) {
            if (!is_for(endpoint, i, server, index))
                continue;
            /* Each holder closes its own: the endpoint's is for handing over */
            listeners[(*count)++] = (struct gw_listener){
                .fd = dup(endpoint->fds[i]),
                .is_unix = endpoint->is_unix,
                .admin = endpoint->admin,
            };
        }
    }
    return listeners;
}

static int start_workers(struct gw_server *server, struct llmp_error *err)
{
    size_t wanted = server->worker_count;

    server->workers = gw_alloc(wanted * sizeof(struct gw_worker *));
    if (!server->workers)
        return no_memory(err);
    for (size_t i = 0; i < wanted; i++) {
        size_t count = 0;
        struct gw_listener *listeners = listeners_of(server, i, &count);
        int status = listeners
                         ? gw_worker_start(&server->workers[i], server,
                                           (unsigned)i, listeners, count, err)
                         : no_memory(err);

        if (status != LLMP_OK)
            return status;
    }
    return LLMP_OK;
}

int gw_server_start(struct gw_server *server, struct llmp_error *err)
{
    struct llmp_config *config = llmp_gateway_config(server->gateway);
    const struct llmp_server_config *conf = llmp_config_server(config);
    const char *log = conf->access_log ? conf->access_log : "off";
    int status;

    server->worker_count = count_workers(conf);
    server->log_target = gw_copy_text(log, strlen(log));
    status = server->log_target ? gw_log_open(&server->log_fd, log, err)
                                : no_memory(err);
    if (status == LLMP_OK)
        status =
            gw_tls_new(&server->synced.tls, conf, server->ticket_keys, err);
    if (status == LLMP_OK)
        status = gw_store_open(&server->store, server->gateway, err);
    if (status == LLMP_OK)
        status = open_endpoints(server, conf, llmp_config_admin(config), err);
    if (status == LLMP_OK)
        status = start_workers(server, err);
    llmp_config_unref(config);
    return status;
}

/* ---- reload -------------------------------------------------------------- */

static void order_all(struct gw_server *server, unsigned orders)
{
    for (size_t i = 0; i < server->worker_count; i++)
        if (server->workers && server->workers[i])
            gw_worker_order(server->workers[i], orders);
}

static void swap_tls(struct gw_server *server, struct gw_tls *tls)
{
    struct gw_tls *old;

    (void)pthread_mutex_lock(&server->synced.lock);
    old = server->synced.tls;
    server->synced.tls = tls;
    (void)pthread_mutex_unlock(&server->synced.lock);
    gw_tls_unref(old);
}

int gw_server_reload(struct gw_server *server, struct llmp_config *config,
                     struct llmp_error *err)
{
    struct gw_tls *tls = NULL;
    int status =
        gw_tls_new(&tls, llmp_config_server(config), server->ticket_keys, err);

    if (status != LLMP_OK)
        return status;
    status = llmp_gateway_reload(server->gateway, config, err);
    if (status != LLMP_OK) {
        gw_tls_unref(tls);
        return status;
    }
    swap_tls(server, tls);
    gw_store_restore(server->store);
    gw_log_reopen(server->log_fd, server->log_target);
    order_all(server, GW_ORDER_RELOAD);
    return LLMP_OK;
}

int gw_server_reload_tls(struct gw_server *server, struct llmp_error *err)
{
    struct llmp_config *config = llmp_gateway_config(server->gateway);
    struct gw_tls *tls = NULL;
    int status =
        gw_tls_new(&tls, llmp_config_server(config), server->ticket_keys, err);

    if (status == LLMP_OK) {
        swap_tls(server, tls);
        order_all(server, GW_ORDER_RELOAD);
    }
    llmp_config_unref(config);
    return status;
}

/* ---- end ----------------------------------------------------------------- */

static void close_endpoints(struct gw_server *server)
{
    for (size_t i = 0; i < server->endpoint_count; i++)
        gw_endpoint_close(&server->endpoints[i],
                          !server->handed_over && !server->borrowed);
    gw_free(server->endpoints);
    server->endpoints = NULL;
    server->endpoint_count = 0;
}

void gw_server_drain(struct gw_server *server, bool handed_over)
{
    if (server->draining)
        return;
    server->draining = true;
    server->handed_over = handed_over;
    llmp_gateway_drain(server->gateway, true);
    /* The workers hold sockets of their own and close them last. */
    close_endpoints(server);
    order_all(server, handed_over ? GW_ORDER_HAND_OVER : GW_ORDER_DRAIN);
}

bool gw_server_has_ended(const struct gw_server *server)
{
    for (size_t i = 0; i < server->worker_count; i++)
        if (server->workers[i] &&
            !atomic_load(&server->workers[i]->shared.ended))
            return false;
    return true;
}

void gw_server_stop(struct gw_server *server)
{
    order_all(server, GW_ORDER_STOP);
}

void gw_server_free(struct gw_server *server)
{
    if (!server)
        return;
    gw_server_stop(server);
    for (size_t i = 0; server->workers && i < server->worker_count; i++)
        gw_worker_join(server->workers[i]);
    gw_free(server->workers);
    close_endpoints(server);
    for (size_t i = 0; i < server->inherited_count; i++)
        gw_endpoint_close(&server->inherited[i], false);
    gw_free(server->inherited);
    gw_store_close(server->store);
    llmp_gateway_free(server->gateway);
    gw_tls_unref(server->synced.tls);
    gw_ticket_keys_free(server->ticket_keys);
    if (server->log_fd >= 0)
        (void)close(server->log_fd);
    if (server->predecessor_fd >= 0)
        (void)close(server->predecessor_fd);
    gw_free(server->log_target);
    (void)pthread_mutex_destroy(&server->synced.lock);
    gw_free(server);
}

/* ---- for workers --------------------------------------------------------- */

struct gw_tls *gw_server_tls(struct gw_server *server)
{
    struct gw_tls *tls;

    (void)pthread_mutex_lock(&server->synced.lock);
    tls = gw_tls_ref(server->synced.tls);
    (void)pthread_mutex_unlock(&server->synced.lock);
    return tls;
}

bool gw_server_admit_conn(struct gw_server *server, uint32_t max)
{
    unsigned before = atomic_fetch_add_explicit(&server->connections, 1,
                                                memory_order_relaxed);

    if (max == 0 || before < max)
        return true;
    gw_server_forget_conn(server, -1);
    return false;
}

void gw_server_forget_conn(struct gw_server *server, int fd)
{
    if (fd >= 0)
        (void)close(fd);
    (void)atomic_fetch_sub_explicit(&server->connections, 1,
                                    memory_order_relaxed);
}
