/* SPDX-License-Identifier: Apache-2.0 */
/* Reading and writing a socket, plain or TLS. */
#ifndef LLMSIM_IO_H
#define LLMSIM_IO_H

#include "conn.h"

enum { SIM_IO_AGAIN = -1, SIM_IO_GONE = -2 };

/* Bytes read, SIM_IO_AGAIN, or SIM_IO_GONE when the peer has closed. */
ssize_t sim_io_read(struct sim_conn *conn, char *to, size_t size);

/* Writes what is left of conn->out, at most `max` bytes; bytes written, or as
 * above. */
ssize_t sim_io_write(struct sim_conn *conn, size_t max);

size_t sim_out_left(const struct sim_out *out);

/* The server's side of TLS; ends the program when the files are no good. */
SSL_CTX *sim_tls_new(const char *cert, const char *key);

#endif
