/* SPDX-License-Identifier: Apache-2.0 */
/* Opening sockets and accepting connections: see listen.h. */
#define _GNU_SOURCE
#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "conn.h"
#include "server.h"

#define BACKLOG 4096
/* Connections of one listener in a row; the rest waits for the next turn. */
#define ACCEPTS_A_TURN 64
#define EVICT_LOOK_MAX 64 /* idle connections that are considered */
#define FRESH_NS       1000000000U

static int fail(struct llmp_error *err, int status, const char *format, ...)
    LLMP_PRINTF(3, 4);

static int fail(struct llmp_error *err, int status, const char *format, ...)
{
    va_list args;

    *err = (struct llmp_error){ .status = status };
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return status;
}

/* ---- addresses ----------------------------------------------------------- */

struct address {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un local;
        struct sockaddr_storage storage;
    };
    socklen_t size;
};

static int read_unix(struct address *out, const char *path,
                     struct llmp_error *err)
{
    size_t len = strlen(path);

    if (len == 0 || len >= sizeof(out->local.sun_path))
        return fail(err, LLMP_E_INVALID, "unix:%s: not a usable path", path);
    out->local.sun_family = AF_UNIX;
    memcpy(out->local.sun_path, path, len + 1);
    out->size = (socklen_t)sizeof(out->local);
    return LLMP_OK;
}

/* "host:port" or "[host]:port". */
static int read_inet(struct address *out, const char *name,
                     struct llmp_error *err)
{
    const struct addrinfo hints = { .ai_flags = AI_PASSIVE,
                                    .ai_socktype = SOCK_STREAM };
    const char *colon = strrchr(name, ':');
    struct addrinfo *found = NULL;
    char host[256];
    size_t len = colon ? (size_t)(colon - name) : 0;
    int status;

    if (!colon || len >= sizeof(host) || colon[1] == '\0')
        return fail(err, LLMP_E_INVALID,
                    "%s: write HOST:PORT, [IPV6]:PORT or unix:PATH", name);
    memcpy(host, name, len);
    host[len] = '\0';
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        host[len - 1] = '\0';
        memmove(host, host + 1, len - 1);
    }
    status = getaddrinfo(host[0] ? host : NULL, colon + 1, &hints, &found);
    if (status != 0)
        return fail(err, LLMP_E_INVALID, "%s: %s", name, gai_strerror(status));
    memcpy(&out->storage, found->ai_addr, found->ai_addrlen);
    out->size = found->ai_addrlen;
    freeaddrinfo(found);
    return LLMP_OK;
}

static int read_address(struct address *out, const char *name,
                        struct llmp_error *err)
{
    *out = (struct address){ .size = 0 };
    if (strncmp(name, "unix:", 5) == 0)
        return read_unix(out, name + 5, err);
    return read_inet(out, name, err);
}

/* The address of `fd` as text, with its real port. */
static void describe(char text[128], int fd, const char *name)
{
    struct address address = { .size = sizeof(address.storage) };
    char host[INET6_ADDRSTRLEN];

    if (getsockname(fd, &address.any, &address.size) != 0 ||
        address.any.sa_family == AF_UNIX) {
        (void)snprintf(text, 128, "%s", name);
        return;
    }
    if (address.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &address.v6.sin6_addr, host, sizeof(host));
        (void)snprintf(text, 128, "[%s]:%u", host, ntohs(address.v6.sin6_port));
        return;
    }
    (void)inet_ntop(AF_INET, &address.v4.sin_addr, host, sizeof(host));
    (void)snprintf(text, 128, "%s:%u", host, ntohs(address.v4.sin_port));
}

/* ---- opening ------------------------------------------------------------- */

static void set_option(int fd, int level, int name, int value)
{
    (void)setsockopt(fd, level, name, &value, sizeof(value));
}

/* A socket without SO_REUSEPORT finds out whether another program has the
 * address, which one with it might silently share. */
static int check_free(const struct address *address, const char *name,
                      struct llmp_error *err)
{
    int fd = socket(address->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int status = 0;

    if (fd >= 0) {
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        if (address->any.sa_family == AF_INET6)
            set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        status = bind(fd, &address->any, address->size);
    }
    if (fd < 0 || status != 0) {
        int cause = errno;

        if (fd >= 0)
            (void)close(fd);
        return fail(err, LLMP_E_IO, "cannot listen on %s: %s", name,
                    strerror(cause));
    }
    (void)close(fd);
    return LLMP_OK;
}

static int open_inet(const struct address *address, const char *name,
                     struct llmp_error *err)
{
    int fd = socket(address->any.sa_family,
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd >= 0) {
        set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
        if (address->any.sa_family == AF_INET6)
            set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
        /* Accepted sockets inherit these. */
        set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
        set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    }
    if (fd < 0 || bind(fd, &address->any, address->size) != 0 ||
        listen(fd, BACKLOG) != 0) {
        int cause = errno;

        if (fd >= 0)
            (void)close(fd);
        return fail(err, LLMP_E_IO, "cannot listen on %s: %s", name,
                    strerror(cause));
    }
    return fd;
}

/* A name that a dead process left behind is removed; a living one keeps it. */
static bool remove_stale(const struct address *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct stat st;
    bool stale;

    if (fd < 0)
        return false;
    stale =
        connect(fd, &address->any, address->size) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    if (!stale || lstat(address->local.sun_path, &st) != 0 ||
        !S_ISSOCK(st.st_mode))
        return false;
    return unlink(address->local.sun_path) == 0;
}

static int open_unix(const struct address *address, const char *name,
                     struct llmp_error *err)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0117); /* 0660; only the main thread runs yet */
    int status = fd < 0 ? -1 : bind(fd, &address->any, address->size);

    if (status != 0 && fd >= 0 && errno == EADDRINUSE && remove_stale(address))
        status = bind(fd, &address->any, address->size);
    if (status == 0)
        status = listen(fd, BACKLOG);
    int cause = errno;

    (void)umask(mask);
    if (status == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return fail(err, LLMP_E_IO, "cannot listen on %s: %s", name,
                strerror(cause));
}

static int endpoint_init(struct gw_endpoint *endpoint, const char *name,
                         size_t fd_count, struct llmp_error *err)
{
    *endpoint = (struct gw_endpoint){
        .name = gw_copy_text(name, strlen(name)),
        .is_unix = strncmp(name, "unix:", 5) == 0,
        .fds = gw_alloc(fd_count * sizeof(int)),
    };
    if (endpoint->name && endpoint->fds)
        return LLMP_OK;
    gw_endpoint_close(endpoint, false);
    return fail(err, LLMP_E_NOMEM, "no memory for a listener");
}

/* The port the kernel chose for the first socket holds for the others. */
static void keep_port(struct address *address, int fd)
{
    address->size = sizeof(address->storage);
    (void)getsockname(fd, &address->any, &address->size);
}

int gw_endpoint_open(struct gw_endpoint *endpoint, const char *name,
                     size_t socket_count, struct llmp_error *err)
{
    struct address address;
    int status = read_address(&address, name, err);

    if (status != LLMP_OK)
        return status;
    status = endpoint_init(endpoint, name, socket_count, err);
    if (status != LLMP_OK)
        return status;
    if (endpoint->is_unix)
        socket_count = 1;
    else
        status = check_free(&address, name, err);
    while (status >= 0 && endpoint->fd_count < socket_count) {
        status = endpoint->is_unix ? open_unix(&address, name, err)
                                   : open_inet(&address, name, err);
        if (status < 0)
            break;
        endpoint->fds[endpoint->fd_count++] = status;
        if (!endpoint->is_unix)
            keep_port(&address, status);
    }
    if (status < 0) {
        gw_endpoint_close(endpoint, true);
        return status;
    }
    describe(endpoint->text, endpoint->fds[0], name);
    return LLMP_OK;
}

int gw_endpoint_adopt(struct gw_endpoint *endpoint, const char *name,
                      const int *fds, size_t fd_count, struct llmp_error *err)
{
    int status = endpoint_init(endpoint, name, fd_count, err);

    if (status != LLMP_OK)
        return status;
    memcpy(endpoint->fds, fds, fd_count * sizeof(int));
    endpoint->fd_count = fd_count;
    describe(endpoint->text, fds[0], name);
    return LLMP_OK;
}

int gw_endpoint_extend(struct gw_endpoint *endpoint, size_t count,
                       struct llmp_error *err)
{
    struct address address;
    int *fds;

    if (endpoint->is_unix || endpoint->fd_count >= count)
        return LLMP_OK;
    fds = gw_alloc(count * sizeof(int));
    if (!fds)
        return fail(err, LLMP_E_NOMEM, "no memory for a listener");
    memcpy(fds, endpoint->fds, endpoint->fd_count * sizeof(int));
    gw_free(endpoint->fds);
    endpoint->fds = fds;
    keep_port(&address, fds[0]);
    while (endpoint->fd_count < count) {
        int fd = open_inet(&address, endpoint->name, err);

        if (fd < 0)
            return fd;
        endpoint->fds[endpoint->fd_count++] = fd;
    }
    return LLMP_OK;
}

void gw_endpoint_close(struct gw_endpoint *endpoint, bool unlink_path)
{
    for (size_t i = 0; i < endpoint->fd_count; i++)
        (void)close(endpoint->fds[i]);
    if (unlink_path && endpoint->is_unix && endpoint->fd_count > 0)
        (void)unlink(endpoint->name + strlen("unix:"));
    gw_free(endpoint->fds);
    gw_free(endpoint->name);
    *endpoint = (struct gw_endpoint){ 0 };
}

/* ---- accepting ----------------------------------------------------------- */

static void describe_peer(char text[47], const struct address *peer)
{
    text[0] = '\0';
    if (peer->any.sa_family == AF_INET)
        (void)inet_ntop(AF_INET, &peer->v4.sin_addr, text, 47);
    else if (peer->any.sa_family == AF_INET6)
        (void)inet_ntop(AF_INET6, &peer->v6.sin6_addr, text, 47);
}

/* A connection that waits for its next request may go when another client
 * waits to be let in; one that has just come has a second for its first. */
static bool may_go(struct gw_worker *worker, const struct gw_conn *conn)
{
    uint64_t idle_ns = worker->timers.length_ns[GW_TIMEOUT_IDLE];
    uint64_t left_ns = conn->timer.deadline_ns - gw_worker_now(worker)->mono_ns;

    return conn->http1.served || conn->http2 ||
           left_ns > idle_ns /* long over */ || idle_ns - left_ns > FRESH_NS;
}

/* Descriptors or the configured maximum are used up and somebody waits: the
 * connection that was idle longest makes room, else the queue waits until
 * something closes. */
static void make_room(struct gw_worker *worker)
{
    struct gw_link *idle = &worker->timers.lists[GW_TIMEOUT_IDLE];
    struct gw_link *link = idle->next;

    for (int i = 0; i < EVICT_LOOK_MAX && link != idle; i++) {
        struct gw_conn *conn =
            gw_conn_of_timer(GW_OWNER(link, struct gw_timer, link));

        if (may_go(worker, conn)) {
            gw_conn_drop(conn);
            return;
        }
        link = link->next;
    }
    gw_listeners_pause(worker);
}

static bool somebody_waits(const struct gw_listener *listener)
{
    struct pollfd poll_fd = { .fd = listener->fd, .events = POLLIN };

    return poll(&poll_fd, 1, 0) > 0;
}

/* Whether a process of our own user, or root, is at the other end. */
static bool is_own_user(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

/* False: nothing more to accept for now. At most `max` connections. */
static bool accept_one(struct gw_listener *listener, uint32_t max)
{
    struct gw_worker *worker = listener->worker;
    struct address peer;
    char text[47];
    int fd;

    if (!gw_server_admit_conn(worker->server, max)) {
        if (!somebody_waits(listener))
            return false;
        make_room(worker);
        return worker->accepts;
    }
    peer.size = sizeof(peer.storage);
    fd = accept4(listener->fd, &peer.any, &peer.size,
                 SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        int cause = errno;

        gw_server_forget_conn(worker->server, -1);
        if (cause == EMFILE || cause == ENFILE || cause == ENOBUFS ||
            cause == ENOMEM) {
            make_room(worker);
            return worker->accepts;
        }
        return cause == ECONNABORTED || cause == EINTR;
    }
    describe_peer(text, &peer);
    gw_conn_new(worker, fd, text, listener->is_unix ? NULL : worker->tls,
                listener->admin,
                listener->admin && listener->is_unix && is_own_user(fd));
    return true;
}

static void on_connection(evutil_socket_t fd, short what, void *ctx)
{
    struct gw_listener *listener = ctx;

    (void)fd;
    (void)what;
    for (int i = 0; i < ACCEPTS_A_TURN; i++)
        if (!accept_one(listener, listener->worker->conf->connections_max))
            return;
}

int gw_listeners_watch(struct gw_worker *worker)
{
    for (size_t i = 0; i < worker->listener_count; i++) {
        struct gw_listener *listener = &worker->listeners[i];

        listener->worker = worker;
        if (event_assign(&listener->event, worker->base, listener->fd,
                         EV_READ | EV_PERSIST, on_connection, listener) != 0 ||
            event_add(&listener->event, NULL) != 0)
            return LLMP_E_IO;
    }
    worker->accepts = true;
    return LLMP_OK;
}

void gw_listeners_pause(struct gw_worker *worker)
{
    if (!worker->accepts)
        return;
    worker->accepts = false;
    for (size_t i = 0; i < worker->listener_count; i++)
        (void)event_del(&worker->listeners[i].event);
    gw_worker_tick(worker);
}

void gw_listeners_resume(struct gw_worker *worker)
{
    if (worker->accepts || worker->state != GW_SERVING)
        return;
    worker->accepts = true;
    for (size_t i = 0; i < worker->listener_count; i++)
        (void)event_add(&worker->listeners[i].event, NULL);
}

/* Linux shows a listener's filter the segment from its TCP header on. */
#define TCP_FLAGS_OFFSET 13

void gw_listeners_quiet(struct gw_worker *worker)
{
    static struct sock_filter drop_syn[] = {
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, TCP_FLAGS_OFFSET),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, TH_SYN, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
    };
    const struct sock_fprog program = {
        .len = sizeof(drop_syn) / sizeof(drop_syn[0]), .filter = drop_syn
    };

    if (worker->server->borrowed || worker->server->lent)
        return;
    for (size_t i = 0; i < worker->listener_count; i++)
        if (!worker->listeners[i].is_unix)
            (void)setsockopt(worker->listeners[i].fd, SOL_SOCKET,
                             SO_ATTACH_FILTER, &program, sizeof(program));
}

void gw_listeners_close(struct gw_worker *worker, bool accept_queued)
{
    for (size_t i = 0; i < worker->listener_count; i++) {
        struct gw_listener *listener = &worker->listeners[i];

        /* Closing the socket would reset what waits in its queue, which is
         * bounded, so the maximum does not matter any more. */
        while (accept_queued && accept_one(listener, UINT32_MAX))
            ;
        if (worker->accepts)
            (void)event_del(&listener->event);
        (void)close(listener->fd);
    }
    worker->accepts = false;
    worker->listener_count = 0;
}
