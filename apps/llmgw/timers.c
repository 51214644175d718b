/* SPDX-License-Identifier: Apache-2.0 */
/* Timeout lists: see timers.h. */
#include "timers.h"

void gw_timers_init(struct gw_timers *timers)
{
    for (int i = 0; i < GW_TIMEOUT_COUNT; i++) {
        gw_link_init(&timers->lists[i]);
        timers->length_ns[i] = UINT64_MAX;
    }
}

void gw_timer_init(struct gw_timer *timer, void (*fire)(struct gw_timer *))
{
    timer->fire = fire;
    gw_link_init(&timer->link);
    timer->timeout = GW_TIMEOUT_NONE;
    timer->deadline_ns = UINT64_MAX;
}

static uint64_t add_sat(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

void gw_timers_set_length(struct gw_timers *timers, enum gw_timeout timeout,
                          uint64_t length_ns, uint64_t now_ns)
{
    struct gw_link *list = &timers->lists[timeout];
    uint64_t latest_ns = add_sat(now_ns, length_ns);

    timers->length_ns[timeout] = length_ns;
    for (struct gw_link *link = list->next; link != list; link = link->next) {
        struct gw_timer *timer = GW_OWNER(link, struct gw_timer, link);

        if (timer->deadline_ns > latest_ns)
            timer->deadline_ns = latest_ns;
    }
}

void gw_timer_set(struct gw_timers *timers, struct gw_timer *timer,
                  enum gw_timeout timeout, uint64_t now_ns)
{
    gw_link_remove(&timer->link);
    timer->timeout = timeout;
    if (timeout == GW_TIMEOUT_NONE)
        return;
    timer->deadline_ns = add_sat(now_ns, timers->length_ns[timeout]);
    gw_link_append(&timers->lists[timeout], &timer->link);
}

static struct gw_timer *take_expired(struct gw_link *list, uint64_t now_ns)
{
    struct gw_timer *first = GW_OWNER(list->next, struct gw_timer, link);

    if (gw_link_alone(list) || first->deadline_ns > now_ns)
        return NULL;
    gw_link_remove(&first->link);
    return first;
}

void gw_timers_fire(struct gw_timers *timers, uint64_t now_ns)
{
    for (int i = GW_TIMEOUT_NONE + 1; i < GW_TIMEOUT_COUNT; i++) {
        struct gw_timer *timer;

        while ((timer = take_expired(&timers->lists[i], now_ns)))
            timer->fire(timer);
    }
}
