/* SPDX-License-Identifier: Apache-2.0 */
#include "wheel.h"

#include <stddef.h>

#define TICK_NS UINT64_C(1000000)

static void list_init(struct sim_timer *list)
{
    list->prev = list->next = list;
}

static void link_last(struct sim_timer *list, struct sim_timer *timer)
{
    timer->prev = list->prev;
    timer->next = list;
    list->prev->next = timer;
    list->prev = timer;
}

void sim_wheel_init(struct sim_wheel *wheel, uint64_t now_ns)
{
    for (size_t i = 0; i < SIM_WHEEL_SLOTS; i++)
        list_init(&wheel->slots[i]);
    for (size_t i = 0; i < SIM_WHEEL_SLOTS / 64; i++)
        wheel->used[i] = 0;
    wheel->tick = now_ns / TICK_NS;
    wheel->count = 0;
}

static void insert(struct sim_wheel *wheel, struct sim_timer *timer)
{
    uint64_t slot = timer->tick % SIM_WHEEL_SLOTS;

    link_last(&wheel->slots[slot], timer);
    wheel->used[slot / 64] |= UINT64_C(1) << slot % 64;
    wheel->count++;
}

void sim_wheel_set(struct sim_wheel *wheel, struct sim_timer *timer,
                   uint64_t at_ns)
{
    uint64_t tick = at_ns / TICK_NS + (at_ns % TICK_NS != 0);

    sim_wheel_clear(wheel, timer);
    timer->tick = tick > wheel->tick ? tick : wheel->tick + 1;
    insert(wheel, timer);
}

void sim_wheel_clear(struct sim_wheel *wheel, struct sim_timer *timer)
{
    if (!timer->next)
        return;
    timer->prev->next = timer->next;
    timer->next->prev = timer->prev;
    timer->prev = timer->next = NULL;
    wheel->count--;
}

/* Whether the slot holds a timer; forgets its bit if it does not. */
static bool is_used(struct sim_wheel *wheel, uint64_t slot)
{
    uint64_t bit = UINT64_C(1) << slot % 64;

    if (wheel->slots[slot].next == &wheel->slots[slot])
        wheel->used[slot / 64] &= ~bit;
    return wheel->used[slot / 64] & bit;
}

/* A timer that is due after more than one round wakes once a round. */
uint64_t sim_wheel_next_ns(struct sim_wheel *wheel)
{
    uint64_t tick = wheel->tick + 1, end = tick + SIM_WHEEL_SLOTS;

    if (wheel->count == 0)
        return UINT64_MAX;
    while (tick < end) {
        uint64_t slot = tick % SIM_WHEEL_SLOTS;
        uint64_t word = wheel->used[slot / 64] >> slot % 64;

        if (word == 0) {
            tick += 64 - slot % 64;
            continue;
        }
        tick += (uint64_t)__builtin_ctzll(word);
        if (is_used(wheel, tick % SIM_WHEEL_SLOTS))
            return tick * TICK_NS;
    }
    return UINT64_MAX;
}

static void run_slot(struct sim_wheel *wheel, uint64_t slot,
                     void (*run)(struct sim_timer *timer))
{
    struct sim_timer *list = &wheel->slots[slot];
    struct sim_timer due;

    if (list->next == list)
        return;
    /* Moved aside: what `run` sets now must wait for its own tick. */
    due = *list;
    due.next->prev = due.prev->next = &due;
    list_init(list);
    while (due.next != &due) {
        struct sim_timer *timer = due.next;

        sim_wheel_clear(wheel, timer);
        if (timer->tick > wheel->tick)
            insert(wheel, timer);
        else
            run(timer);
    }
}

void sim_wheel_run(struct sim_wheel *wheel, uint64_t now_ns,
                   void (*run)(struct sim_timer *timer))
{
    uint64_t now = now_ns / TICK_NS;
    uint64_t first = wheel->tick + 1;

    /* A late turn runs each slot once, whatever it missed. */
    if (now >= first + SIM_WHEEL_SLOTS)
        first = now - SIM_WHEEL_SLOTS + 1;
    for (uint64_t tick = first; tick <= now; tick++) {
        wheel->tick = tick;
        run_slot(wheel, tick % SIM_WHEEL_SLOTS, run);
    }
}
