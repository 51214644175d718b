/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's sockets and its timer on the driver's loop. libcurl says "remove"
 * after every transfer and "add" before the next: heeding that costs two
 * epoll_ctl a request, so a socket stays watched until it is closed, and what
 * is not wanted is switched off only when it comes.
 *
 * A socket that never came to be connected is closed without on_close (7.88),
 * and "remove" is said afterwards, when its number may be somebody else's
 * already: it is not watched any longer than that, and where we know that the
 * handle goes, no longer than before.
 */
#include <unistd.h>

#include "base/internal.h"
#include "runtime/curl_inside.h"

void llmp_curl_action(struct curl *curl, curl_socket_t fd, int events)
{
    int running;

    curl->inside = true;
    (void)curl_multi_socket_action(curl->multi, fd, events, &running);
    curl->inside = false;
    llmp_curl_collect(curl);
}

static void watch_set(struct curl_socket *s, unsigned events)
{
    if (s->watched == events)
        return;
    s->watched = events;
    llmp_driver_watch_set(s->curl->base.driver, &s->watch, events);
}

static void socket_ready(struct llmp_watch *watch, unsigned events)
{
    struct curl_socket *s = (struct curl_socket *)watch;
    unsigned wanted = events & s->wanted;
    int bits = (wanted & LLMP_READ ? CURL_CSELECT_IN : 0) |
               (wanted & LLMP_WRITE ? CURL_CSELECT_OUT : 0);

    if (bits)
        llmp_curl_action(s->curl, s->fd, bits);
    else
        watch_set(s, s->wanted); /* a kept connection that its server ends */
}

static struct curl_socket **place_of(struct curl *curl, curl_socket_t fd)
{
    size_t index = (size_t)fd;

    if (index >= curl->sockets_cap) {
        size_t cap = index < 64 ? 128 : index * 2;
        void *grown = llmp_resize(curl->sockets, cap * sizeof(*curl->sockets));

        if (!grown)
            return NULL;
        curl->sockets = grown;
        memset(curl->sockets + curl->sockets_cap, 0,
               (cap - curl->sockets_cap) * sizeof(*curl->sockets));
        curl->sockets_cap = cap;
    }
    return &curl->sockets[index];
}

static void drop_socket(struct curl_socket **place)
{
    struct curl_socket *s = *place;

    if (s->opening)
        s->curl->opening--;
    llmp_driver_unwatch(s->curl->base.driver, &s->watch);
    llmp_free(s);
    *place = NULL;
}

void llmp_curl_stop_opening(struct curl *curl, CURL *easy)
{
    for (size_t i = 0; curl->opening && i < curl->sockets_cap; i++)
        if (curl->sockets[i] && curl->sockets[i]->opening == easy)
            drop_socket(&curl->sockets[i]);
}

static struct curl_socket *new_socket(struct curl *curl, curl_socket_t fd,
                                      unsigned wanted, CURL *easy)
{
    struct curl_socket *s = llmp_alloc(sizeof(*s));

    if (!s)
        return NULL;
    *s = (struct curl_socket){ .watch = { .ready = socket_ready },
                               .curl = curl,
                               .fd = fd,
                               .watched = wanted };
    if (llmp_driver_watch(curl->base.driver, &s->watch, fd, wanted) < 0) {
        llmp_free(s);
        return NULL;
    }
    if (wanted == LLMP_WRITE) {
        s->opening = easy;
        curl->opening++;
    }
    return s;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx,
                     void *socket_ctx)
{
    struct curl *curl = ctx;
    struct curl_socket **place = place_of(curl, fd);
    unsigned wanted = (what & CURL_POLL_IN ? LLMP_READ : 0u) |
                      (what & CURL_POLL_OUT ? LLMP_WRITE : 0u);

    (void)socket_ctx;
    if (what == CURL_POLL_REMOVE)
        wanted = 0;
    if (!place)
        return wanted ? -1 : 0;
    if (!*place && wanted && !(*place = new_socket(curl, fd, wanted, easy)))
        return -1;
    if (!*place)
        return 0;
    if ((*place)->opening && !wanted) {
        drop_socket(place);
        return 0;
    }
    if ((*place)->opening && wanted & LLMP_READ) {
        (*place)->opening = NULL;
        curl->opening--;
    }
    (*place)->wanted = wanted;
    /* Reading stays on without need; all other changes are made now. */
    if (wanted & ~(*place)->watched || (*place)->watched & LLMP_WRITE)
        watch_set(*place, wanted | LLMP_READ);
    return 0;
}

/* libcurl closes a connection: its watch goes first. */
static int on_close(void *ctx, curl_socket_t fd)
{
    struct curl *curl = ctx;
    struct curl_socket **place =
        (size_t)fd < curl->sockets_cap ? &curl->sockets[fd] : NULL;

    if (place && *place)
        drop_socket(place);
    return close(fd);
}

static int on_timer(CURLM *multi, long timeout_ms, void *ctx)
{
    struct curl *curl = ctx;
    uint64_t at_ns;

    (void)multi;
    if (timeout_ms < 0) {
        llmp_driver_timer_clear(curl->base.driver, &curl->timer);
        return 0;
    }
    at_ns = llmp_now_ns() + (uint64_t)timeout_ms * LLMP_NS_PER_MS;
    return llmp_driver_timer_set(curl->base.driver, &curl->timer, at_ns) < 0
               ? -1
               : 0;
}

static void timer_fired(struct llmp_timer *timer)
{
    struct curl *curl =
        (struct curl *)((char *)timer - offsetof(struct curl, timer));

    llmp_curl_action(curl, CURL_SOCKET_TIMEOUT, 0);
}

void llmp_curl_sockets_init(struct curl *curl)
{
    curl->timer.fire = timer_fired;
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
}

void llmp_curl_watch_handle(struct curl *curl, CURL *easy)
{
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, curl);
}

/* After curl_multi_cleanup(): a pipe of libcurl's own may be left. */
void llmp_curl_sockets_fini(struct curl *curl)
{
    for (size_t i = 0; i < curl->sockets_cap; i++)
        if (curl->sockets[i])
            drop_socket(&curl->sockets[i]);
    llmp_free(curl->sockets);
    llmp_driver_timer_clear(curl->base.driver, &curl->timer);
}
