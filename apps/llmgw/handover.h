/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A running process hands its listening sockets and ticket keys to its
 * successor, over a Unix socket that only its own user can reach. Closing a
 * socket with SO_REUSEPORT resets what waits in its queue; handing it over
 * does not, so no connection is lost.
 *
 *   successor                       predecessor
 *   connects, "hello"          →
 *                              ←    ticket keys, endpoints with sockets, "end"
 *   starts its workers
 *   "ready"                    →
 *                                   drains, without accepting any more
 *                              ←    closes, when all of it is in the store
 *   knows what it booked
 *
 * A successor that goes away before "ready" changes nothing.
 */
#ifndef LLMGW_HANDOVER_H
#define LLMGW_HANDOVER_H

#include "server.h"

/* The predecessor's side. */
struct gw_handover {
    const char *path; /* NULL: off */
    int listen_fd;    /* -1: off */
    int peer_fd;      /* a successor that is not ready yet, or -1 */
    int successor_fd; /* one that is; closed when we have booked all, or -1 */
    uint64_t inode;   /* of the socket's name, to remove only our own */
};

/* Waits for a successor at `path` from now on. */
int gw_handover_listen(struct gw_handover *handover, const char *path,
                       struct llmp_error *err);
/* Somebody connected: gives it everything. */
void gw_handover_offer(struct gw_handover *handover, struct gw_server *server);
/* The peer has something to say: true when it is "ready". */
bool gw_handover_is_ready(struct gw_handover *handover);
void gw_handover_close(struct gw_handover *handover);
/* Last of all: tells the successor that this process books nothing more. */
void gw_handover_end(struct gw_handover *handover);

/*
 * The successor's side: fills `server->inherited` and the ticket keys.
 *
 * @param peer_fd  receives the connection, for gw_handover_confirm()
 */
int gw_handover_take(struct gw_server *server, const char *path, int *peer_fd,
                     struct llmp_error *err);
/* Says "ready", and keeps the connection as `server->predecessor_fd` until
 * gw_handover_is_over(); -1: there is no predecessor. */
void gw_handover_confirm(struct gw_server *server, int peer_fd);
/* Something came of the predecessor: true when that is its end. */
bool gw_handover_is_over(struct gw_server *server);

#endif
