/* SPDX-License-Identifier: Apache-2.0 */
/* Handing sockets from process to process: see handover.h. */
#define _GNU_SOURCE
#include "handover.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control.h"
#include "mem.h"
#include "tls.h"

#define MAGIC           0x6c6d6777U /* and the version of this protocol */
#define VERSION         1U
#define FDS_A_MESSAGE   128 /* the kernel allows 253 */
#define ENDPOINTS_MAX   256
#define NAME_SIZE       256
#define PEER_PATIENCE_S 5

enum message_kind { HELLO = 1, KEYS, ENDPOINT, END, READY };

/* Both sides run on one machine: no byte order to agree about. */
struct message {
    uint32_t magic, version;
    uint32_t kind;
    uint32_t fd_count; /* sockets that come with it */
    char name[NAME_SIZE];
    struct gw_ticket_key keys[GW_TICKET_KEY_COUNT];
};

static int fail(struct llmp_error *err, const char *format, ...)
    LLMP_PRINTF(2, 3);

static int fail(struct llmp_error *err, const char *format, ...)
{
    va_list args;

    *err = (struct llmp_error){ .status = LLMP_E_IO };
    va_start(args, format);
    (void)vsnprintf(err->message, sizeof(err->message), format, args);
    va_end(args);
    return LLMP_E_IO;
}

/* ---- messages ------------------------------------------------------------ */

/* Room for the sockets of one message, aligned as the kernel wants it. */
union control_data {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(FDS_A_MESSAGE * sizeof(int))];
};

static bool send_message(int fd, enum message_kind kind,
                         struct message *message, const int *fds,
                         size_t fd_count)
{
    union control_data control = { .bytes = { 0 } };
    struct iovec part = { .iov_base = message, .iov_len = sizeof(*message) };
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };

    message->magic = MAGIC;
    message->version = VERSION;
    message->kind = kind;
    message->fd_count = (uint32_t)fd_count;
    if (fd_count > 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *cmsg = CMSG_FIRSTHDR(&header);

        cmsg->cmsg_level = SOL_SOCKET;
        cmsg->cmsg_type = SCM_RIGHTS;
        cmsg->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(cmsg), fds, fd_count * sizeof(int));
    }
    return sendmsg(fd, &header, MSG_NOSIGNAL) == (ssize_t)sizeof(*message);
}

/* Takes the sockets out of a received message; returns their number. */
static size_t take_fds(struct msghdr *header, int fds[FDS_A_MESSAGE])
{
    size_t count = 0;

    for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(header); cmsg;
         cmsg = CMSG_NXTHDR(header, cmsg)) {
        size_t size = cmsg->cmsg_len - CMSG_LEN(0);

        if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
            continue;
        count = size / sizeof(int);
        memcpy(fds, CMSG_DATA(cmsg), size);
    }
    return count;
}

/* False when the peer is gone, too slow, or something else. */
static bool receive_message(int fd, struct message *message,
                            int fds[FDS_A_MESSAGE], size_t *fd_count)
{
    union control_data control;
    struct iovec part = { .iov_base = message, .iov_len = sizeof(*message) };
    struct msghdr header = { .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes) };
    ssize_t got = recvmsg(fd, &header, MSG_CMSG_CLOEXEC);

    *fd_count = got >= 0 ? take_fds(&header, fds) : 0;
    if (got == (ssize_t)sizeof(*message) && message->magic == MAGIC &&
        message->version == VERSION && message->fd_count == *fd_count &&
        memchr(message->name, '\0', NAME_SIZE))
        return true;
    for (size_t i = 0; i < *fd_count; i++)
        (void)close(fds[i]);
    *fd_count = 0;
    return false;
}

static bool is_message(int fd, enum message_kind kind)
{
    struct message message;
    int fds[FDS_A_MESSAGE];
    size_t fd_count = 0;
    bool right = receive_message(fd, &message, fds, &fd_count) &&
                 message.kind == kind && fd_count == 0;

    for (size_t i = 0; i < fd_count; i++)
        (void)close(fds[i]);
    return right;
}

static void set_patience(int fd)
{
    const struct timeval patience = { .tv_sec = PEER_PATIENCE_S };

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

/* Sockets and ticket keys go to, and come from, the same user or root only. */
static bool is_trusted(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static bool make_address(struct sockaddr_un *address, const char *path,
                         const char *suffix)
{
    int len = snprintf(address->sun_path, sizeof(address->sun_path), "%s%s",
                       path, suffix);

    address->sun_family = AF_UNIX;
    return len > 0 && (size_t)len < sizeof(address->sun_path);
}

/* ---- the predecessor ----------------------------------------------------- */

/* The name appears by rename(), so that it never refers to nobody while a
 * predecessor still owns it. */
int gw_handover_listen(struct gw_handover *handover, const char *path,
                       struct llmp_error *err)
{
    struct sockaddr_un address;
    struct stat st;
    char suffix[32];
    mode_t mask;
    int fd;
    bool bound;

    (void)snprintf(suffix, sizeof(suffix), ".%ld", (long)getpid());
    if (!make_address(&address, path, suffix))
        return fail(err, "--control %s: the path is too long", path);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return fail(err, "--control %s: %s", path, strerror(errno));
    mask = umask(0177);
    bound = bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
            listen(fd, 4) == 0;
    (void)umask(mask);
    if (!bound || stat(address.sun_path, &st) != 0 ||
        rename(address.sun_path, path) != 0) {
        (void)fail(err, "--control %s: %s", path, strerror(errno));
        (void)unlink(address.sun_path);
        (void)close(fd);
        return LLMP_E_IO;
    }
    *handover = (struct gw_handover){ .path = path,
                                      .listen_fd = fd,
                                      .peer_fd = -1,
                                      .successor_fd = -1,
                                      .inode = (uint64_t)st.st_ino };
    return LLMP_OK;
}

static bool send_endpoint(int fd, const struct gw_endpoint *endpoint)
{
    struct message message = { 0 };

    if (strlen(endpoint->name) >= NAME_SIZE)
        return false;
    (void)snprintf(message.name, NAME_SIZE, "%s", endpoint->name);
    for (size_t i = 0; i < endpoint->fd_count; i += FDS_A_MESSAGE) {
        size_t left = endpoint->fd_count - i;

        if (!send_message(fd, ENDPOINT, &message, endpoint->fds + i,
                          left < FDS_A_MESSAGE ? left : FDS_A_MESSAGE))
            return false;
    }
    return true;
}

static bool send_all(int fd, struct gw_server *server)
{
    struct message message = { 0 };
    bool sent;

    gw_ticket_keys_export(server->ticket_keys, message.keys);
    sent = send_message(fd, KEYS, &message, NULL, 0);
    OPENSSL_cleanse(&message, sizeof(message));
    for (size_t i = 0; sent && i < server->endpoint_count; i++)
        sent = send_endpoint(fd, &server->endpoints[i]);
    return sent && send_message(fd, END, &message, NULL, 0);
}

void gw_handover_offer(struct gw_handover *handover, struct gw_server *server)
{
    int fd = accept4(handover->listen_fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    set_patience(fd);
    if (handover->peer_fd >= 0 || server->draining || !is_trusted(fd) ||
        !is_message(fd, HELLO) || !send_all(fd, server)) {
        gw_say("refused to hand over: %s",
               handover->peer_fd >= 0 ? "another successor is at it"
                                      : "the caller is not a successor");
        (void)close(fd);
        return;
    }
    server->lent = true;
    gw_say("handed the sockets to a successor");
    handover->peer_fd = fd;
}

bool gw_handover_is_ready(struct gw_handover *handover)
{
    bool ready = is_message(handover->peer_fd, READY);

    if (ready) {
        handover->successor_fd = handover->peer_fd;
    } else {
        gw_say("the successor went away; serving on");
        (void)close(handover->peer_fd);
    }
    handover->peer_fd = -1;
    return ready;
}

void gw_handover_close(struct gw_handover *handover)
{
    struct stat st;

    if (handover->peer_fd >= 0)
        (void)close(handover->peer_fd);
    if (handover->listen_fd >= 0)
        (void)close(handover->listen_fd);
    /* A successor has put its own socket there. */
    if (handover->path && stat(handover->path, &st) == 0 &&
        (uint64_t)st.st_ino == handover->inode)
        (void)unlink(handover->path);
    *handover = (struct gw_handover){ .listen_fd = -1,
                                      .peer_fd = -1,
                                      .successor_fd = handover->successor_fd };
}

void gw_handover_end(struct gw_handover *handover)
{
    if (handover->successor_fd >= 0)
        (void)close(handover->successor_fd);
    handover->successor_fd = -1;
}

/* ---- the successor ------------------------------------------------------- */

static int connect_to(const char *path, struct llmp_error *err)
{
    struct sockaddr_un address;
    int fd;

    if (!make_address(&address, path, ""))
        return fail(err, "--take-over %s: the path is too long", path);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address))) {
        (void)fail(err, "--take-over %s: %s", path, strerror(errno));
        if (fd >= 0)
            (void)close(fd);
        return LLMP_E_IO;
    }
    set_patience(fd);
    if (!is_trusted(fd)) {
        (void)close(fd);
        return fail(err, "--take-over %s: it belongs to another user", path);
    }
    return fd;
}

/* More sockets of an endpoint that came in a message before. */
static bool append_fds(struct gw_endpoint *endpoint, const int *fds,
                       size_t count)
{
    size_t total = endpoint->fd_count + count;
    int *all = gw_alloc(total * sizeof(int));

    if (!all)
        return false;
    memcpy(all, endpoint->fds, endpoint->fd_count * sizeof(int));
    memcpy(all + endpoint->fd_count, fds, count * sizeof(int));
    gw_free(endpoint->fds);
    endpoint->fds = all;
    endpoint->fd_count = total;
    return true;
}

static bool inherit(struct gw_server *server, const char *name, const int *fds,
                    size_t count, struct llmp_error *err)
{
    size_t last = server->inherited_count;

    if (last > 0 && strcmp(server->inherited[last - 1].name, name) == 0)
        return append_fds(&server->inherited[last - 1], fds, count);
    if (last == ENDPOINTS_MAX || count == 0 ||
        gw_endpoint_adopt(&server->inherited[last], name, fds, count, err) !=
            LLMP_OK)
        return false;
    server->inherited_count++;
    return true;
}

static int receive_all(struct gw_server *server, int fd, const char *path,
                       struct llmp_error *err)
{
    for (;;) {
        struct message message;
        int fds[FDS_A_MESSAGE];
        size_t count = 0;

        if (!receive_message(fd, &message, fds, &count))
            return fail(err, "--take-over %s: no sockets came", path);
        switch (message.kind) {
        case KEYS:
            gw_ticket_keys_import(server->ticket_keys, message.keys);
            OPENSSL_cleanse(&message, sizeof(message));
            break;
        case ENDPOINT:
            if (!inherit(server, message.name, fds, count, err))
                return fail(err, "--take-over %s: too many sockets", path);
            break;
        case END:
            return LLMP_OK;
        default:
            return fail(err, "--take-over %s: an unknown message", path);
        }
    }
}

int gw_handover_take(struct gw_server *server, const char *path, int *peer_fd,
                     struct llmp_error *err)
{
    struct message hello = { 0 };
    int status = connect_to(path, err);
    int fd = status;

    if (status < 0)
        return status;
    server->borrowed = true;
    server->inherited = gw_alloc(ENDPOINTS_MAX * sizeof(struct gw_endpoint));
    if (!server->inherited || !send_message(fd, HELLO, &hello, NULL, 0))
        status = fail(err, "--take-over %s: no answer", path);
    else
        status = receive_all(server, fd, path, err);
    if (status != LLMP_OK) {
        (void)close(fd);
        return status;
    }
    *peer_fd = fd;
    return LLMP_OK;
}

void gw_handover_confirm(struct gw_server *server, int peer_fd)
{
    struct message ready = { 0 };

    server->borrowed = false;
    if (peer_fd < 0)
        return;
    (void)send_message(peer_fd, READY, &ready, NULL, 0);
    server->predecessor_fd = peer_fd;
}

bool gw_handover_is_over(struct gw_server *server)
{
    char byte;
    ssize_t got = recv(server->predecessor_fd, &byte, 1, MSG_DONTWAIT);

    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)))
        return false; /* it has nothing to say */
    (void)close(server->predecessor_fd);
    server->predecessor_fd = -1;
    return true;
}
