/* SPDX-License-Identifier: Apache-2.0 */
#include "io.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>

static ssize_t status_of_errno(void)
{
    return errno == EAGAIN || errno == EINTR ? SIM_IO_AGAIN : SIM_IO_GONE;
}

static ssize_t status_of_tls(SSL *tls, int rc)
{
    int why = SSL_get_error(tls, rc);

    ERR_clear_error();
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE
               ? SIM_IO_AGAIN
               : SIM_IO_GONE;
}

static int tls_size(size_t size)
{
    return size < 1 << 30 ? (int)size : 1 << 30;
}

ssize_t sim_io_read(struct sim_conn *conn, char *to, size_t size)
{
    if (conn->tls) {
        int n = SSL_read(conn->tls, to, tls_size(size));

        return n > 0 ? n : status_of_tls(conn->tls, n);
    }

    ssize_t n = recv(conn->fd, to, size, 0);

    if (n < 0)
        return status_of_errno();
    return n ? n : SIM_IO_GONE;
}

size_t sim_out_left(const struct sim_out *out)
{
    return out->buf.len + out->large.len - out->sent;
}

static int add_part(struct iovec *parts, int count, struct llmp_str bytes,
                    size_t *skip, size_t *max)
{
    size_t skipped = *skip < bytes.len ? *skip : bytes.len;
    size_t len = bytes.len - skipped < *max ? bytes.len - skipped : *max;

    *skip -= skipped;
    *max -= len;
    if (len == 0)
        return count;
    parts[count].iov_base = (void *)(uintptr_t)(bytes.ptr + skipped);
    parts[count].iov_len = len;
    return count + 1;
}

static int unsent_parts(const struct sim_out *out, size_t max,
                        struct iovec parts[3])
{
    const char *buf = out->buf.ptr;
    size_t at = out->large.len ? out->large_at : out->buf.len;
    size_t skip = out->sent;
    int count = 0;

    count = add_part(parts, count, (struct llmp_str){ buf, at }, &skip, &max);
    count = add_part(parts, count, out->large, &skip, &max);
    return add_part(parts, count,
                    (struct llmp_str){ buf + at, out->buf.len - at }, &skip,
                    &max);
}

ssize_t sim_io_write(struct sim_conn *conn, size_t max)
{
    struct iovec parts[3];
    struct msghdr message = { .msg_iov = parts };
    int count = unsent_parts(&conn->out, max, parts);

    if (conn->tls) {
        int n =
            SSL_write(conn->tls, parts[0].iov_base, tls_size(parts[0].iov_len));

        return n > 0 ? n : status_of_tls(conn->tls, n);
    }
    message.msg_iovlen = (size_t)count;

    ssize_t n = sendmsg(conn->fd, &message, MSG_NOSIGNAL);

    return n < 0 ? status_of_errno() : n;
}

static _Noreturn void die(const char *what, const char *file)
{
    fprintf(stderr, "llmsim: %s %s\n", what, file);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static int choose_http1(SSL *tls, const unsigned char **out,
                        unsigned char *out_len, const unsigned char *in,
                        unsigned in_len, void *arg)
{
    static const unsigned char http1[] = "\x08http/1.1";
    unsigned char *chosen;

    (void)tls;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, http1, sizeof(http1) - 1, in,
                              in_len) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_NOACK;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *sim_tls_new(const char *cert, const char *key)
{
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());

    if (!tls || !SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION))
        die("no TLS", "");
    if (SSL_CTX_use_certificate_chain_file(tls, cert) != 1)
        die("cannot use the certificate in", cert);
    if (SSL_CTX_use_PrivateKey_file(tls, key, SSL_FILETYPE_PEM) != 1)
        die("cannot use the key in", key);
    SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_alpn_select_cb(tls, choose_http1, NULL);
    return tls;
}
