/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Coarse timeouts of connections. Every class has one length, so a list in
 * order of arming is a list in order of expiry: arming and disarming is a few
 * pointers, and nothing but the head is ever looked at.
 *
 * No clock, no system call: the worker looks twice a second.
 */
#ifndef LLMGW_TIMERS_H
#define LLMGW_TIMERS_H

#include <stdint.h>

#include "list.h"

enum gw_timeout {
    GW_TIMEOUT_NONE,
    GW_TIMEOUT_HEAD,   /* first byte to end of head; the TLS handshake */
    GW_TIMEOUT_BODY,   /* for every GW_BODY_PIECE of a request body */
    GW_TIMEOUT_IDLE,   /* between requests */
    GW_TIMEOUT_WRITE,  /* a client that takes nothing */
    GW_TIMEOUT_LINGER, /* ended, still discarding what arrives */
    GW_TIMEOUT_COUNT
};

/* A client that sends byte by byte must not hold a request open for ever: its
 * time begins anew only with so many bytes. */
#define GW_BODY_PIECE 16384

/* Part of what it watches, which waits for one thing at a time. */
struct gw_timer {
    struct gw_link link;
    void (*fire)(struct gw_timer *timer);
    uint64_t deadline_ns;
    enum gw_timeout timeout;
};

struct gw_timers {
    struct gw_link lists[GW_TIMEOUT_COUNT];
    uint64_t length_ns[GW_TIMEOUT_COUNT];
};

void gw_timers_init(struct gw_timers *timers);
void gw_timer_init(struct gw_timer *timer, void (*fire)(struct gw_timer *));
/* Changes the length of a class; timers that run are cut to it, too. */
void gw_timers_set_length(struct gw_timers *timers, enum gw_timeout timeout,
                          uint64_t length_ns, uint64_t now_ns);
/* Arms `timer` anew; GW_TIMEOUT_NONE disarms. */
void gw_timer_set(struct gw_timers *timers, struct gw_timer *timer,
                  enum gw_timeout timeout, uint64_t now_ns);
/* Fires what is over; a timer is disarmed before, but says what it was for. */
void gw_timers_fire(struct gw_timers *timers, uint64_t now_ns);

#endif
