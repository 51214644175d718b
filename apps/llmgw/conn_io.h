/* SPDX-License-Identifier: Apache-2.0 */
/* A connection's socket, plain or under TLS, as two calls that never block. */
#ifndef LLMGW_CONN_IO_H
#define LLMGW_CONN_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct gw_conn;

enum { GW_IO_AGAIN = -1, GW_IO_FAILED = -2 };

/* Bytes read, 0 at the end, GW_IO_AGAIN or GW_IO_FAILED. Keeps
 * `conn->readable` true to the kernel's state. */
ssize_t gw_io_read(struct gw_conn *conn, uint8_t *data, size_t room);

/* Bytes taken, GW_IO_AGAIN or GW_IO_FAILED. Sets `conn->blocked`. */
ssize_t gw_io_write(struct gw_conn *conn, const struct iovec *parts,
                    int part_count);

/* Goes on with TLS: 1 when it has agreed, GW_IO_AGAIN or GW_IO_FAILED. */
int gw_io_handshake(struct gw_conn *conn);

/* Says that nothing more will be sent: FIN, after close_notify under TLS. */
void gw_io_shutdown(struct gw_conn *conn);

/* Closes the descriptor, with RST if `reset`. */
void gw_io_close(struct gw_conn *conn, bool reset);

/* Whether the client is still there, without taking bytes of it. */
bool gw_io_peer_is_there(struct gw_conn *conn);

/* Bytes the kernel has not delivered yet. */
size_t gw_io_unsent(const struct gw_conn *conn);

#endif
