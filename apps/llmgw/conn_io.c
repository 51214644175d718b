/* SPDX-License-Identifier: Apache-2.0 */
/* Socket and TLS calls of one connection: see conn_io.h. */
#include "conn_io.h"

#include <errno.h>
#include <linux/sockios.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "conn.h"

/* What a call of OpenSSL that did not succeed means. */
static int tls_status(struct gw_conn *conn, int result)
{
    switch (SSL_get_error(conn->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        conn->readable = false;
        return GW_IO_AGAIN;
    case SSL_ERROR_WANT_WRITE:
        conn->blocked = true;
        return GW_IO_AGAIN;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        return GW_IO_FAILED;
    }
}

static ssize_t tls_read(struct gw_conn *conn, uint8_t *data, size_t room)
{
    size_t got = 0;
    int result;

    ERR_clear_error();
    result = SSL_read_ex(conn->ssl, data, room, &got);
    return result == 1 ? (ssize_t)got : tls_status(conn, result);
}

ssize_t gw_io_read(struct gw_conn *conn, uint8_t *data, size_t room)
{
    ssize_t got;

    if (conn->ssl)
        return tls_read(conn, data, room);
    do
        got = recv(conn->fd, data, room, 0);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        if (errno != EAGAIN)
            return GW_IO_FAILED;
        conn->readable = false;
        return GW_IO_AGAIN;
    }
    /* A short read emptied the socket, and the next byte raises a new edge. A
     * FIN that is already there raised its edge: then read on up to it. */
    if ((size_t)got < room && !conn->peer_closed)
        conn->readable = false;
    return got;
}

/* One record a part; a block is never larger than a record, so that a retry
 * after WANT_WRITE presents at least the bytes of the first try. */
static ssize_t tls_write(struct gw_conn *conn, const struct iovec *parts,
                         int part_count)
{
    ssize_t total = 0;

    for (int i = 0; i < part_count; i++) {
        const uint8_t *data = parts[i].iov_base;
        size_t left = parts[i].iov_len;

        while (left > 0) {
            size_t piece = left < GW_BLOCK_CAP ? left : GW_BLOCK_CAP;
            size_t taken = 0;

            ERR_clear_error();
            int result = SSL_write_ex(conn->ssl, data, piece, &taken);

            if (result != 1) {
                int status = tls_status(conn, result);

                /* WANT_READ in a write is a key update: wait for it. */
                conn->blocked = true;
                if (status != GW_IO_AGAIN)
                    return GW_IO_FAILED;
                return total > 0 ? total : GW_IO_AGAIN;
            }
            total += (ssize_t)taken;
            data += taken;
            left -= taken;
        }
    }
    return total;
}

ssize_t gw_io_write(struct gw_conn *conn, const struct iovec *parts,
                    int part_count)
{
    const struct msghdr message = {
        .msg_iov = (struct iovec *)(uintptr_t)parts,
        .msg_iovlen = (size_t)part_count,
    };
    size_t asked = 0;
    ssize_t taken;

    if (conn->ssl)
        return tls_write(conn, parts, part_count);
    for (int i = 0; i < part_count; i++)
        asked += parts[i].iov_len;
    /* On sockets, send() costs less than write(), which looks at files first */
    do
        taken = part_count == 1 ? send(conn->fd, parts[0].iov_base,
                                       parts[0].iov_len, MSG_NOSIGNAL)
                                : sendmsg(conn->fd, &message, MSG_NOSIGNAL);
    while (taken < 0 && errno == EINTR);
    if (taken < 0 && errno != EAGAIN)
        return GW_IO_FAILED;
    conn->blocked = taken < 0 || (size_t)taken < asked;
    return taken < 0 ? GW_IO_AGAIN : taken;
}

int gw_io_handshake(struct gw_conn *conn)
{
    int result;

    ERR_clear_error();
    result = SSL_do_handshake(conn->ssl);
    if (result == 1)
        return 1;
    result = tls_status(conn, result);
    return result == GW_IO_AGAIN ? GW_IO_AGAIN : GW_IO_FAILED;
}

void gw_io_shutdown(struct gw_conn *conn)
{
    if (conn->ssl && !conn->handshaking && !conn->broken) {
        ERR_clear_error();
        (void)SSL_shutdown(conn->ssl);
    }
    (void)shutdown(conn->fd, SHUT_WR);
}

void gw_io_close(struct gw_conn *conn, bool reset)
{
    if (reset) {
        struct linger now = { .l_onoff = 1, .l_linger = 0 };

        (void)setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    }
    if (conn->ssl) {
        /* Without this a session of a connection that was not shut down by
         * both sides could not be resumed. */
        SSL_set_shutdown(conn->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(conn->ssl);
        conn->ssl = NULL;
    }
    (void)close(conn->fd);
    conn->fd = -1;
}

bool gw_io_peer_is_there(struct gw_conn *conn)
{
    uint8_t byte;
    ssize_t got;

    if (conn->peer_closed)
        return false;
    got = recv(conn->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

size_t gw_io_unsent(const struct gw_conn *conn)
{
    int unsent = 0;

    return ioctl(conn->fd, SIOCOUTQ, &unsent) == 0 && unsent > 0
               ? (size_t)unsent
               : 0;
}
