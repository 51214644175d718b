/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See admin_call.h. With a configuration whose admin listener is a Unix socket
 * the server that runs is asked, which knows what budgets have used just now;
 * otherwise the store's file is opened beside it: the server sees what was
 * changed within half a second.
 */
#define _GNU_SOURCE
#include "admin_call.h"

#include <errno.h>
#include <llmproxy/admin.h>
#include <llmproxy/store.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "config_file.h"
#include "mem.h"
#include "random.h"

#define ANSWER_MAX  (32u << 20)
#define TIMEOUT_S   60
#define HEAD_SIZE   8192
#define HTTP_PREFIX "http://"

static bool complain(const char *what, const char *why)
{
    (void)fprintf(stderr, "llmgw: %s: %s\n", what, why);
    return false;
}

static bool keep(struct gw_admin_call *call, const char *bytes, size_t len)
{
    call->answer = gw_copy_text(bytes, len);
    call->answer_len = len;
    return call->answer || complain("the answer", "out of memory");
}

/* ---- over HTTP ----------------------------------------------------------- */

static int connect_unix(const char *path)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd;

    if (strlen(path) >= sizeof(address.sun_path)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 &&
        connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        int cause = errno;

        (void)close(fd);
        errno = cause;
        return -1;
    }
    return fd;
}

static int connect_inet(const char *host, const char *port)
{
    const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
    struct addrinfo *found = NULL;
    int fd = -1;

    if (getaddrinfo(host, port, &hints, &found) != 0) {
        errno = EHOSTUNREACH;
        return -1;
    }
    for (struct addrinfo *at = found; at && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) != 0) {
            int cause = errno;

            (void)close(fd);
            errno = cause;
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

/* "http://host:port" or "unix:/path"; `authority` receives the Host field. */
static int connect_to(const char *url, char authority[256])
{
    char host[256];
    char *colon;
    size_t len;

    (void)snprintf(authority, 256, "localhost");
    if (strncmp(url, "unix:", 5) == 0)
        return connect_unix(url + 5);
    errno = EINVAL;
    if (strncmp(url, HTTP_PREFIX, strlen(HTTP_PREFIX)) != 0)
        return -1;
    url += strlen(HTTP_PREFIX);
    len = strcspn(url, "/");
    if (len == 0 || len >= sizeof(host))
        return -1;
    memcpy(host, url, len);
    host[len] = '\0';
    (void)snprintf(authority, 256, "%s", host);
    colon = strrchr(host, ':');
    if (!colon || strchr(colon, ']'))
        return connect_inet(host, "80");
    *colon = '\0';
    if (host[0] == '[' && colon > host + 1 && colon[-1] == ']') {
        colon[-1] = '\0';
        return connect_inet(host + 1, colon + 1);
    }
    return connect_inet(host, colon + 1);
}

static bool send_all(int fd, const char *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);

        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

static bool send_request(int fd, const struct gw_admin_call *call,
                         const char *authority)
{
    char head[HEAD_SIZE];
    int len =
        snprintf(head, sizeof(head),
                 "%s %s HTTP/1.1\r\nhost: %s\r\nconnection: close\r\n"
                 "user-agent: llmgw/" LLMP_VERSION "\r\n"
                 "content-length: %zu\r\n%s%s%s%s\r\n",
                 call->method, call->target, authority, call->body.len,
                 call->body.len ? "content-type: application/json\r\n" : "",
                 call->key ? "authorization: Bearer " : "",
                 call->key ? call->key : "", call->key ? "\r\n" : "");

    return len > 0 && (size_t)len < sizeof(head) &&
           send_all(fd, head, (size_t)len) &&
           send_all(fd, call->body.ptr, call->body.len);
}

/* All that comes until the end; our answers are never chunked here. */
static char *receive_all(int fd, size_t *len)
{
    char piece[16384], *all = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&all, &size);

    if (!out)
        return NULL;
    for (;;) {
        ssize_t got = recv(fd, piece, sizeof(piece), 0);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0 || size > ANSWER_MAX)
            break;
        (void)fwrite(piece, 1, (size_t)got, out);
        (void)fflush(out);
    }
    if (fclose(out) != 0) {
        gw_free(all);
        return NULL;
    }
    *len = size;
    return all;
}

static bool read_answer(struct gw_admin_call *call, const char *all, size_t len)
{
    const char *end = memmem(all, len, "\r\n\r\n", 4);

    if (!end || sscanf(all, "HTTP/1.%*c %u", &call->status) != 1)
        return complain(call->url, "no proper answer came");
    end += 4;
    return keep(call, end, len - (size_t)(end - all));
}

static bool call_http(struct gw_admin_call *call, int fd, const char *authority)
{
    const struct timeval patience = { .tv_sec = TIMEOUT_S };
    size_t len = 0;
    char *all = NULL;
    bool ok = false;

    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    if (send_request(fd, call, authority))
        all = receive_all(fd, &len);
    ok = all ? read_answer(call, all, len)
             : complain(call->url, strerror(errno));
    if (all)
        explicit_bzero(all, len);
    gw_free(all);
    (void)close(fd);
    return ok;
}

static bool call_url(struct gw_admin_call *call)
{
    char authority[256];
    int fd = connect_to(call->url, authority);

    if (fd >= 0)
        return call_http(call, fd, authority);
    if (errno == EINVAL)
        return complain(call->url, "write http://HOST:PORT or unix:PATH");
    if (errno == ECONNREFUSED || errno == ENOENT)
        return complain(call->url, "no server runs there");
    return complain(call->url, strerror(errno));
}

/* ---- by the library ------------------------------------------------------ */

struct local {
    struct gw_admin_call *call;
    bool over;
    int status;
};

static void over(int status, void *ctx)
{
    struct local *local = ctx;

    local->over = true;
    local->status = status;
}

static void done(const struct llmp_admin_answer *answer, void *ctx)
{
    struct local *local = ctx;

    local->call->status = answer->status;
    local->status = keep(local->call, answer->body.ptr, answer->body.len)
                        ? LLMP_OK
                        : LLMP_E_NOMEM;
    local->over = true;
}

/* This thread is the store's. */
static void pump(struct llmp_store_writer *writer, struct local *local)
{
    while (!local->over)
        (void)llmp_store_writer_pump(writer, llmp_clock().mono_ns);
}

static bool run(struct gw_admin_call *call, struct llmp_gateway *gateway,
                struct llmp_store_writer *writer)
{
    const struct llmp_admin_request request = {
        .size = sizeof(request),
        .principal = { .size = sizeof(request.principal),
                       .kind = LLMP_PRINCIPAL_LOCAL,
                       .role = LLMP_ROLE_ADMIN,
                       .name = { "local", 5 } },
        .method = { call->method, strlen(call->method) },
        .target = { call->target, strlen(call->target) },
        .content_type = { "application/json", 16 },
        .body = call->body,
    };
    struct local local = { .call = call };
    struct llmp_error err;

    llmp_gateway_set_store(gateway, writer, over, &local);
    pump(writer, &local);
    local.over = false;
    if (local.status < 0 ||
        llmp_gateway_restore_limits(gateway, writer, llmp_clock(), over,
                                    &local) != LLMP_OK)
        return complain("the store", llmp_status_text(local.status));
    pump(writer, &local);
    local.over = false;
    if (llmp_admin_begin(gateway, &request, llmp_clock(), done, &local, &err) !=
        LLMP_OK)
        return complain("the store", err.message);
    pump(writer, &local);
    return local.status == LLMP_OK;
}

static bool call_store(struct gw_admin_call *call, struct llmp_config *config)
{
    const struct llmp_random random = { .fill = gw_random_fill };
    struct llmp_store_sqlite_options options;
    struct llmp_store_writer *writer = NULL;
    struct llmp_gateway *gateway = NULL;
    struct llmp_store *store = NULL;
    struct llmp_error err;
    bool ok = false;

    if (strncmp(call->target, "/admin/v1/budgets", 17) == 0)
        (void)fprintf(stderr,
                      "llmgw: the store is asked and no server: what limits a "
                      "minute and at a time have used is not known here\n");
    llmp_store_sqlite_options_init(&options);
    options.path = llmp_config_store(config)->path;
    if (llmp_gateway_new(&gateway, config, &random, &err) != LLMP_OK)
        return complain("the configuration", err.message);
    if (llmp_store_open_sqlite(&store, &options, &err) != LLMP_OK ||
        llmp_store_writer_new(&writer, store, NULL, &err) != LLMP_OK) {
        llmp_store_close(store);
        (void)complain(options.path, err.message);
    } else {
        ok = run(call, gateway, writer);
    }
    llmp_gateway_set_store(gateway, NULL, NULL, NULL);
    llmp_store_writer_free(writer);
    llmp_gateway_free(gateway);
    return ok;
}

static bool call_config(struct gw_admin_call *call)
{
    struct llmp_config *config = NULL;
    struct llmp_error err;
    char authority[256];
    const char *listen;
    int fd = -1;
    bool ok;

    if (gw_config_load(&config, call->config_path, NULL, NULL, &err) != LLMP_OK)
        return complain("the configuration", err.message);
    listen = llmp_config_admin(config)->listen;
    if (listen && strncmp(listen, "unix:", 5) == 0)
        fd = connect_to(listen, authority);
    if (fd >= 0) {
        call->url = listen;
        ok = call_http(call, fd, authority);
    } else if (!llmp_config_store(config)->path) {
        ok = complain(call->config_path, "there is no 'store' in it");
    } else {
        ok = call_store(call, config);
    }
    llmp_config_unref(config);
    return ok;
}

bool gw_admin_call(struct gw_admin_call *call)
{
    if (call->url)
        return call_url(call);
    if (call->config_path)
        return call_config(call);
    return complain("which gateway?",
                    "give its configuration with -c FILE, or --url URL");
}
