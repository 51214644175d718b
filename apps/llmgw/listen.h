/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listening sockets. An endpoint is one address of the configuration; it has a
 * socket for each worker (SO_REUSEPORT), or one that all share (Unix).
 */
#ifndef LLMGW_LISTEN_H
#define LLMGW_LISTEN_H

#include <event2/event_struct.h>
#include <llmproxy/base.h>

struct gw_worker;

struct gw_endpoint {
    char *name;     /* as configured */
    char text[128]; /* "127.0.0.1:8080", with the port that was got */
    bool is_unix;
    bool admin; /* for administration */
    int *fds;
    size_t fd_count;
};

/*
 * Opens `socket_count` sockets for `name`: "127.0.0.1:8080", "[::]:443",
 * "localhost:0", "unix:/run/llmgw.sock".
 *
 * @retval LLMP_E_INVALID  the name cannot be read or resolved
 * @retval LLMP_E_IO       in use, or refused by the system
 */
int gw_endpoint_open(struct gw_endpoint *endpoint, const char *name,
                     size_t socket_count, struct llmp_error *err);

/* Takes over `fds` (copied; ownership too) that were opened for `name`. */
int gw_endpoint_adopt(struct gw_endpoint *endpoint, const char *name,
                      const int *fds, size_t fd_count, struct llmp_error *err);

/* Opens more sockets for the address of an adopted endpoint, up to `count`. */
int gw_endpoint_extend(struct gw_endpoint *endpoint, size_t count,
                       struct llmp_error *err);

/* Closes the sockets. @param unlink_path  remove a Unix socket's name, too */
void gw_endpoint_close(struct gw_endpoint *endpoint, bool unlink_path);

/* One socket as one worker sees it. */
struct gw_listener {
    int fd; /* owned */
    bool is_unix;
    bool admin;
    struct gw_worker *worker;
    struct event event;
};

/* Begins to accept on the worker's listeners. */
int gw_listeners_watch(struct gw_worker *worker);
/* Leaves what comes in the kernel's queue for now. */
void gw_listeners_pause(struct gw_worker *worker);
void gw_listeners_resume(struct gw_worker *worker);
/* Lets no new connection begin, while those that have begun still arrive: a
 * client's SYN goes unanswered and is repeated after a second, when the socket
 * is closed and refuses it. A socket that others keep open stays as it is. */
void gw_listeners_quiet(struct gw_worker *worker);
/* Takes what is queued, if `accept_queued`, then closes the listeners. */
void gw_listeners_close(struct gw_worker *worker, bool accept_queued);

#endif
