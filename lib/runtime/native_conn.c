/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of the native transport: connecting, TLS, writing and
 * reading. It reads into the driver's one buffer and keeps nothing between
 * reads, so an open stream costs its parser and its socket only.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/internal.h"
#include "runtime/native.h"

enum {
    GATHER_MAX = 16 * 1024,
    IOV_PARTS = 10,
    SEND_MAX = 128 * 1024,   /* a turn: copying more holds up all others */
    TOGETHER_MAX = 8 * 1024, /* below it, copying costs less than a vector */
};

static void conn_ready(struct llmp_watch *watch, unsigned events);

/* ---- TLS ---------------------------------------------------------------- */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct native_conn *conn = SSL_get_app_data(ssl);

    SSL_SESSION_free(conn->origin->session);
    conn->origin->session = session;
    return 1; /* the reference is ours */
}

int llmp_native_tls_context(struct native_origin *origin)
{
    static const unsigned char alpn[] = "\x08http/1.1";
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (!ctx)
        return LLMP_E_NOMEM;
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS |
                                    SSL_MODE_ENABLE_PARTIAL_WRITE |
                                    SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT |
                                                  SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, keep_session);
    SSL_CTX_set_verify(ctx, origin->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE,
                       NULL);

    int trusted = origin->ca_file
                      ? SSL_CTX_load_verify_file(ctx, origin->ca_file)
                      : SSL_CTX_set_default_verify_paths(ctx);

    if (!trusted || SSL_CTX_set_alpn_protos(ctx, alpn, sizeof(alpn) - 1) != 0) {
        SSL_CTX_free(ctx);
        ERR_clear_error();
        return LLMP_E_IO;
    }
    origin->ctx = ctx;
    return LLMP_OK;
}

static bool is_literal(const char *host)
{
    unsigned char bytes[16];

    return inet_pton(AF_INET, host, bytes) == 1 ||
           inet_pton(AF_INET6, host, bytes) == 1;
}

static int tls_begin(struct native_conn *conn)
{
    const struct native_origin *origin = conn->origin;

    conn->ssl = SSL_new(origin->ctx);
    if (!conn->ssl || SSL_set_fd(conn->ssl, conn->fd) != 1)
        return LLMP_E_NOMEM;
    SSL_set_app_data(conn->ssl, conn);
    SSL_set_connect_state(conn->ssl);
    if (is_literal(origin->host)) {
        if (!X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(conn->ssl),
                                           origin->host))
            return LLMP_E_NOMEM;
    } else if (!SSL_set1_host(conn->ssl, origin->host) ||
               !SSL_set_tlsext_host_name(conn->ssl, origin->host)) {
        return LLMP_E_NOMEM;
    }
    if (origin->session)
        (void)SSL_set_session(conn->ssl, origin->session);
    return LLMP_OK;
}

/* > 0: bytes; 0: the end; -1: later; -2: broken. */
static ssize_t tls_result(struct native_conn *conn, int rc)
{
    if (rc > 0)
        return rc;
    switch (SSL_get_error(conn->ssl, rc)) {
    case SSL_ERROR_WANT_READ:
        return -1;
    case SSL_ERROR_WANT_WRITE:
        conn->want_write = true;
        return -1;
    case SSL_ERROR_ZERO_RETURN:
        return 0;
    default:
        ERR_clear_error();
        return -2;
    }
}

static ssize_t socket_result(ssize_t n)
{
    if (n >= 0)
        return n;
    return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? -1 : -2;
}

static ssize_t conn_recv(struct native_conn *conn, char *to, size_t size)
{
    if (conn->ssl)
        return tls_result(conn, SSL_read(conn->ssl, to, (int)size));
    return socket_result(recv(conn->fd, to, size, 0));
}

/* A TLS record for the head and a small body together, not one for each. */
static ssize_t tls_send(struct native_conn *conn, const struct iovec *iov,
                        int count)
{
    char together[GATHER_MAX];
    size_t len = 0;

    if (count == 1 || iov[0].iov_len >= GATHER_MAX)
        return tls_result(
            conn, SSL_write(conn->ssl, iov[0].iov_base,
                            (int)(iov[0].iov_len < (1 << 20) ? iov[0].iov_len
                                                             : (1 << 20))));
    for (int i = 0; i < count && len < GATHER_MAX; i++) {
        size_t room = GATHER_MAX - len;
        size_t n = iov[i].iov_len < room ? iov[i].iov_len : room;

        memcpy(together + len, iov[i].iov_base, n);
        len += n;
    }
    return tls_result(conn, SSL_write(conn->ssl, together, (int)len));
}

static ssize_t conn_send(struct native_conn *conn, struct iovec *iov, int count)
{
    struct msghdr message = { .msg_iov = iov, .msg_iovlen = (size_t)count };

    if (conn->ssl)
        return tls_send(conn, iov, count);
    if (count == 1)
        return socket_result(
            send(conn->fd, iov[0].iov_base, iov[0].iov_len, MSG_NOSIGNAL));
    return socket_result(sendmsg(conn->fd, &message, MSG_NOSIGNAL));
}

/* ---- opening and closing ------------------------------------------------ */

/* Tries the origin's addresses from `conn->address` on. */
static int begin_connect(struct native_conn *conn)
{
    const struct llmp_addresses *all = &conn->origin->addresses;

    for (; conn->address < all->count; conn->address++) {
        const struct llmp_address *a = &all->at[conn->address];
        int one = 1;

        conn->fd = socket(a->address.ss_family,
                          SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (conn->fd < 0)
            continue;
        (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
        (void)setsockopt(conn->fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof(one));
        if ((connect(conn->fd, (const struct sockaddr *)&a->address, a->size) ==
                 0 ||
             errno == EINPROGRESS) &&
            llmp_driver_watch(conn->origin->native->base.driver, &conn->watch,
                              conn->fd, LLMP_WRITE) == LLMP_OK) {
            conn->state = NATIVE_CONNECTING;
            return LLMP_OK;
        }
        (void)close(conn->fd);
        conn->fd = -1;
    }
    return LLMP_E_IO;
}

int llmp_native_conn_open(struct native_conn **out,
                          struct native_origin *origin)
{
    struct native_conn *conn = llmp_alloc(sizeof(*conn));

    if (!conn)
        return LLMP_E_NOMEM;
    conn->origin = origin;
    conn->fd = -1;
    conn->watch.ready = conn_ready;
    if (begin_connect(conn) < 0) {
        llmp_free(conn);
        return LLMP_E_IO;
    }
    origin->open++;
    *out = conn;
    return LLMP_OK;
}

static void drop_socket(struct native_conn *conn)
{
    llmp_driver_unwatch(conn->origin->native->base.driver, &conn->watch);
    /* Else OpenSSL takes the session of a connection that ends without both
     * goodbyes for a broken one, and it is not resumed. */
    if (conn->ssl && SSL_is_init_finished(conn->ssl))
        SSL_set_shutdown(conn->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(conn->ssl);
    conn->ssl = NULL;
    if (conn->fd >= 0)
        (void)close(conn->fd);
    conn->fd = -1;
}

void llmp_native_conn_close(struct native_conn *conn)
{
    drop_socket(conn);
    conn->origin->open--;
    llmp_free(conn);
}

/* ---- events ------------------------------------------------------------- */

void llmp_native_conn_watch(struct native_conn *conn)
{
    const struct native_transfer *t = conn->transfer;
    unsigned events = t && t->paused ? 0 : LLMP_READ;

    if (conn->want_write)
        events |= LLMP_WRITE;
    llmp_driver_watch_set(conn->origin->native->base.driver, &conn->watch,
                          events);
}

static void handshake(struct native_conn *conn)
{
    conn->want_write = false;

    ssize_t rc = tls_result(conn, SSL_do_handshake(conn->ssl));

    if (rc > 0) {
        llmp_native_connected(conn);
    } else if (rc == -1) {
        llmp_driver_watch_set(conn->origin->native->base.driver, &conn->watch,
                              conn->want_write ? LLMP_WRITE : LLMP_READ);
    } else {
        llmp_native_broke(conn, LLMP_CALL_TLS);
    }
}

static void connect_done(struct native_conn *conn)
{
    int error = 0;
    socklen_t size = sizeof(error);

    if (getsockopt(conn->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0 ||
        error != 0) {
        drop_socket(conn);
        conn->address++;
        if (begin_connect(conn) < 0)
            llmp_native_broke(conn, LLMP_CALL_CONNECT);
        return;
    }
    if (!conn->origin->tls) {
        llmp_native_connected(conn);
    } else if (tls_begin(conn) < 0) {
        llmp_native_broke(conn, LLMP_CALL_TLS);
    } else {
        conn->state = NATIVE_HANDSHAKE;
        handshake(conn);
    }
}

/* Adds a part as far as there is room; returns whether it went in whole. */
static bool add_part(struct iovec *iov, int *count, const char *ptr, size_t len,
                     size_t *room)
{
    size_t n = len < *room ? len : *room;

    if (n)
        iov[(*count)++] = (struct iovec){ (void *)(uintptr_t)ptr, n };
    *room -= n;
    return n == len;
}

/* A small body goes behind its head, as one piece of memory. */
static void put_together(struct native_transfer *t)
{
    const struct llmp_call *call = t->call;

    if (!call->body || t->part || t->part_at ||
        call->body_size > TOGETHER_MAX ||
        !llmp_buf_reserve(&t->out, (size_t)call->body_size))
        return;
    for (; t->part < call->body_parts; t->part++)
        (void)llmp_buf_add(&t->out, call->body[t->part]);
}

static int next_parts(const struct native_transfer *t, struct iovec *iov)
{
    size_t room = SEND_MAX;
    int count = 0;

    if (t->out.len)
        add_part(iov, &count, t->out.ptr, t->out.len, &room);
    for (size_t i = t->part; i < t->call->body_parts && count < IOV_PARTS;
         i++) {
        size_t skip = i == t->part ? t->part_at : 0;
        struct llmp_str part = t->call->body[i];

        if (!add_part(iov, &count, part.ptr + skip, part.len - skip, &room))
            break;
    }
    return count;
}

static void advance(struct native_transfer *t, size_t n)
{
    size_t head = n < t->out.len ? n : t->out.len;

    llmp_buf_consume(&t->out, head);
    n -= head;
    while (t->part < t->call->body_parts) {
        size_t left = t->call->body[t->part].len - t->part_at;

        if (n < left) {
            t->part_at += n;
            return;
        }
        n -= left;
        t->part++;
        t->part_at = 0;
    }
}

/* Sends what there is. 0: all of it or as much as the socket takes. */
int llmp_native_conn_flush(struct native_conn *conn)
{
    struct native_transfer *t = conn->transfer;
    struct iovec iov[IOV_PARTS];
    bool before = conn->want_write;
    int count;

    conn->want_write = false;
    put_together(t);
    while ((count = next_parts(t, iov)) > 0) {
        ssize_t n = conn_send(conn, iov, count);

        if (n == -1) {
            conn->want_write = true;
            break;
        }
        if (n <= 0)
            return LLMP_E_IO;
        advance(t, (size_t)n);
        if ((size_t)n >= SEND_MAX) {
            conn->want_write = true; /* go on when the loop comes round */
            break;
        }
    }
    if (count == 0) {
        t->sent = t->call->body || t->upload_last || t->call->body_size == 0;
        if (!t->sent_ns)
            t->sent_ns = llmp_now_ns();
    }
    if (t->upload_full && t->out.len < NATIVE_UPLOAD_HIGH / 2)
        llmp_native_resume_later(t); /* there is room again */
    if (conn->want_write != before)
        llmp_native_conn_watch(conn);
    return LLMP_OK;
}

/* Returns false when the connection is gone. */
static bool flush_ready(struct native_conn *conn)
{
    if (llmp_native_conn_flush(conn) < 0) {
        /* The answer may be there already: a server that refuses a long
         * upload says why and closes. Reading finds out. */
        llmp_native_conn_read(conn);
        return false;
    }
    return true;
}

void llmp_native_conn_resume(struct native_conn *conn)
{
    struct native_transfer *t = conn->transfer;

    if (t->upload_full && t->out.len < NATIVE_UPLOAD_HIGH / 2) {
        t->upload_full = false;
        t->reporting = true;
        llmp_transfer_writable(&t->base);
        t->reporting = false;
        if (t->dead) {
            llmp_native_broke(conn, LLMP_CALL_SEND);
            return;
        }
    }
    if (!t->paused)
        llmp_native_conn_read(conn);
}

/* After the parser stopped: what does it mean? */
static bool parsed(struct native_conn *conn, llhttp_errno_t rc, size_t left)
{
    struct native_transfer *t = conn->transfer;

    if (t->complete) {
        llmp_native_finished(conn, left == 0 && t->sent &&
                                       llhttp_should_keep_alive(&conn->parser));
        return false;
    }
    if (t->dead || rc != HPE_OK) {
        llmp_native_broke(conn, LLMP_CALL_PROTOCOL);
        return false;
    }
    return true;
}

static void end_of_input(struct native_conn *conn)
{
    struct native_transfer *t = conn->transfer;

    /* An answer without a length ends with the connection. A TLS connection
     * that is cut without close_notify is not an end. */
    t->reporting = true;
    llhttp_errno_t rc =
        t->got_bytes ? llhttp_finish(&conn->parser) : HPE_INVALID_EOF_STATE;
    t->reporting = false;
    if (t->complete && (rc == HPE_OK || rc == HPE_PAUSED))
        llmp_native_finished(conn, false);
    else
        llmp_native_broke(conn, LLMP_CALL_RECEIVE);
}

void llmp_native_conn_read(struct native_conn *conn)
{
    char *buffer = conn->origin->native->buffer;

    for (int i = 0; i < NATIVE_READS_A_TURN; i++) {
        struct native_transfer *t = conn->transfer;
        ssize_t n = conn_recv(conn, buffer, NATIVE_READ_SIZE);

        if (n == -1)
            break;
        if (n == 0) {
            end_of_input(conn);
            return;
        }
        if (n < 0) {
            llmp_native_broke(conn, LLMP_CALL_RECEIVE);
            return;
        }
        t->got_bytes = true;
        t->reporting = true;
        llhttp_errno_t rc = llhttp_execute(&conn->parser, buffer, (size_t)n);
        t->reporting = false;
        size_t used =
            rc == HPE_OK
                ? (size_t)n
                : (size_t)(llhttp_get_error_pos(&conn->parser) - buffer);

        if (!parsed(conn, rc, (size_t)n - used))
            return;
        if (t->paused)
            return;
        if (!conn->ssl && n < NATIVE_READ_SIZE)
            return;
    }
    if (conn->ssl && SSL_pending(conn->ssl) > 0)
        llmp_native_resume_later(conn->transfer);
    if (conn->want_write)
        llmp_native_conn_watch(conn);
}

static void conn_ready(struct llmp_watch *watch, unsigned events)
{
    struct native_conn *conn = (struct native_conn *)watch;

    switch (conn->state) {
    case NATIVE_CONNECTING:
        connect_done(conn);
        return;
    case NATIVE_HANDSHAKE:
        handshake(conn);
        return;
    case NATIVE_IDLE:
        llmp_native_idle_ended(conn);
        return;
    case NATIVE_BUSY:
        break;
    }
    if (events & LLMP_WRITE && !flush_ready(conn))
        return;
    if (events & LLMP_READ)
        llmp_native_conn_read(conn);
}
