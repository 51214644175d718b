/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The six hooks over poll(). A slot without a token is free; poll() passes
 * over negative descriptors, so ~fd is one that is kept but not watched.
 */
#include "poll_loop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { WATCHES = 64 };

static struct pollfd slots[WATCHES]; /* slot 0 is for waking up */
static void *tokens[WATCHES];
static uint64_t timer_ns = UINT64_MAX;
static bool want_turn_end;

static void watch_set(void *watch, unsigned events, void *loop)
{
    struct pollfd *slot = watch;
    int fd = slot->fd < 0 ? ~slot->fd : slot->fd;

    (void)loop;
    slot->fd = events ? fd : ~fd;
    slot->events = (short)((events & LLMP_READ ? POLLIN : 0) |
                           (events & LLMP_WRITE ? POLLOUT : 0));
}

static void *watch_new(int fd, unsigned events, void *token, void *loop)
{
    for (int i = 1; i < WATCHES; i++)
        if (!tokens[i]) {
            tokens[i] = token;
            slots[i] = (struct pollfd){ .fd = fd };
            watch_set(&slots[i], events, loop);
            return &slots[i];
        }
    return NULL;
}

static void watch_free(void *watch, void *loop)
{
    struct pollfd *slot = watch;

    (void)loop;
    tokens[slot - slots] = NULL;
    *slot = (struct pollfd){ .fd = -1 };
}

static void set_timer(uint64_t at_ns, void *loop)
{
    (void)loop;
    timer_ns = at_ns;
}

static void turn_end(void *loop)
{
    (void)loop;
    want_turn_end = true;
}

static void wake(void *loop) /* from any thread */
{
    (void)loop;
    (void)!write(slots[0].fd, &(uint64_t){ 1 }, sizeof(uint64_t));
}

const struct llmp_loop_ops poll_loop = {
    sizeof(poll_loop), watch_new, watch_set, watch_free,
    set_timer,         turn_end,  wake,
};

bool poll_loop_init(void)
{
    for (int i = 0; i < WATCHES; i++)
        slots[i].fd = -1;
    slots[0] = (struct pollfd){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
                                .events = POLLIN };
    return slots[0].fd >= 0;
}

void poll_loop_fini(void)
{
    (void)close(slots[0].fd);
}

void poll_loop_turn(struct llmp_driver *driver)
{
    uint64_t now_ns = llmp_clock().mono_ns;
    uint64_t ms = timer_ns > now_ns ? (timer_ns - now_ns) / 1000000 + 1 : 0;

    if (want_turn_end)
        ms = 0;
    (void)poll(slots, WATCHES, ms > 60000 ? 60000 : (int)ms);
    if (slots[0].revents & POLLIN) {
        (void)!read(slots[0].fd, &(uint64_t){ 0 }, sizeof(uint64_t));
        llmp_driver_woken(driver);
    }
    for (int i = 1; i < WATCHES; i++) {
        short got = slots[i].revents;
        unsigned ready = (got & (POLLIN | POLLERR | POLLHUP) ? LLMP_READ : 0) |
                         (got & (POLLOUT | POLLERR) ? LLMP_WRITE : 0);

        slots[i].revents = 0;
        if (tokens[i] && ready)
            llmp_driver_ready(driver, tokens[i], ready);
    }
    if (llmp_clock().mono_ns >= timer_ns) {
        timer_ns = UINT64_MAX;
        llmp_driver_timer(driver);
    }
    if (want_turn_end) {
        want_turn_end = false;
        llmp_driver_turn_end(driver);
    }
}
