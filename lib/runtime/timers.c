/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap; each timer knows its place, so that clearing is direct. */
#include "runtime/timers.h"

#include "base/alloc.h"
#include "base/internal.h"

void llmp_timers_fini(struct llmp_timers *timers)
{
    llmp_free(timers->heap);
    *timers = (struct llmp_timers){ 0 };
}

static void put(struct llmp_timers *timers, size_t place,
                struct llmp_timer *timer)
{
    timers->heap[place] = timer;
    timer->place = place;
}

static void sift_up(struct llmp_timers *timers, size_t place)
{
    struct llmp_timer *timer = timers->heap[place];

    while (place > 1 && timers->heap[place / 2]->at_ns > timer->at_ns) {
        put(timers, place, timers->heap[place / 2]);
        place /= 2;
    }
    put(timers, place, timer);
}

static void sift_down(struct llmp_timers *timers, size_t place)
{
    struct llmp_timer *timer = timers->heap[place];

    for (;;) {
        size_t child = place * 2;

        if (child > timers->count)
            break;
        if (child < timers->count &&
            timers->heap[child + 1]->at_ns < timers->heap[child]->at_ns)
            child++;
        if (timers->heap[child]->at_ns >= timer->at_ns)
            break;
        put(timers, place, timers->heap[child]);
        place = child;
    }
    put(timers, place, timer);
}

static int grow(struct llmp_timers *timers)
{
    size_t cap = timers->cap ? timers->cap * 2 : 64;
    void *heap = llmp_resize(timers->heap, cap * sizeof(*timers->heap));

    if (!heap)
        return LLMP_E_NOMEM;
    timers->heap = heap;
    timers->cap = cap;
    return LLMP_OK;
}

int llmp_timers_set(struct llmp_timers *timers, struct llmp_timer *timer,
                    uint64_t at_ns)
{
    if (timer->place) {
        uint64_t before = timer->at_ns;

        timer->at_ns = at_ns;
        if (at_ns < before)
            sift_up(timers, timer->place);
        else
            sift_down(timers, timer->place);
        return LLMP_OK;
    }
    if (timers->count + 1 >= timers->cap)
        LLMP_TRY(grow(timers));
    timer->at_ns = at_ns;
    put(timers, ++timers->count, timer);
    sift_up(timers, timers->count);
    return LLMP_OK;
}

void llmp_timers_clear(struct llmp_timers *timers, struct llmp_timer *timer)
{
    size_t place = timer->place;

    if (!place)
        return;
    timer->place = 0;

    struct llmp_timer *last = timers->heap[timers->count--];

    if (last == timer)
        return;
    put(timers, place, last);
    sift_up(timers, place);
    sift_down(timers, last->place);
}

uint64_t llmp_timers_next(const struct llmp_timers *timers)
{
    return timers->count ? timers->heap[1]->at_ns : UINT64_MAX;
}

struct llmp_timer *llmp_timers_due(struct llmp_timers *timers, uint64_t now_ns)
{
    struct llmp_timer *first = timers->count ? timers->heap[1] : NULL;

    if (!first || first->at_ns > now_ns)
        return NULL;
    llmp_timers_clear(timers, first);
    return first;
}
