/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who waits for a turn: a list for each class over one array of places, made at
 * the start, so that waiting takes no memory. Pure: the caller owns the
 * waiting, the waking, and a lock if several threads share a queue.
 *
 * A ticket is the place and how often it was used, so an old ticket is
 * nobody's.
 */
#include "base/alloc.h"
#include "base/internal.h"
#include "route/router.h"

enum { CAPACITY_MAX = 1000000 };
#define NOWHERE UINT32_MAX

struct place {
    uint64_t who;
    uint64_t until_ns; /* waits no longer */
    uint32_t next, before;
    uint32_t uses; /* odd while somebody waits here */
    uint32_t priority;
};

struct line {
    uint32_t first, last;
    int64_t credit; /* turns that it is owed, in parts of its weight */
};

struct llmp_route_queue {
    struct llmp_route_queue_options o;
    struct line lines[LLMP_ROUTE_PRIORITIES];
    struct place *places;
    uint32_t free; /* chain by `next` */
    size_t count;
};

void llmp_route_queue_options_init_sized(struct llmp_route_queue_options *opts,
                                         size_t size)
{
    memset(opts, 0, size);
    opts->size = size;
}

static void make_places(struct llmp_route_queue *queue)
{
    for (uint32_t i = 0; i < queue->o.capacity; i++)
        queue->places[i].next = i + 1 < queue->o.capacity ? i + 1 : NOWHERE;
    for (int i = 0; i < LLMP_ROUTE_PRIORITIES; i++)
        queue->lines[i] = (struct line){ NOWHERE, NOWHERE, 0 };
}

static void queue_freep(struct llmp_route_queue **queue)
{
    llmp_route_queue_free(*queue);
}

int llmp_route_queue_new(struct llmp_route_queue **out,
                         const struct llmp_route_queue_options *opts,
                         struct llmp_error *err)
{
    struct llmp_route_queue_options o = { .size = sizeof(o) };
    LLMP_AUTO(queue_freep) struct llmp_route_queue *queue = NULL;

    LLMP_ENSURE(out && opts, err, LLMP_E_INVALID, "out and opts are required");
    LLMP_TRY(
        llmp_options_read(&o, sizeof(o), sizeof(o), opts, opts->size, err));
    LLMP_ENSURE(o.capacity >= 1 && o.capacity <= CAPACITY_MAX, err,
                LLMP_E_INVALID, "a queue has 1 to %d places", CAPACITY_MAX);
    queue = llmp_alloc(sizeof(*queue));
    LLMP_ENSURE(queue, err, LLMP_E_NOMEM, "no memory for a queue");
    queue->places = llmp_alloc_array(o.capacity, sizeof(*queue->places));
    LLMP_ENSURE(queue->places, err, LLMP_E_NOMEM, "no memory for a queue");
    queue->o = o;
    make_places(queue);
    *out = llmp_steal(&queue);
    return LLMP_OK;
}

void llmp_route_queue_free(struct llmp_route_queue *queue)
{
    if (queue)
        llmp_free(queue->places);
    llmp_free(queue);
}

size_t llmp_route_queue_count(const struct llmp_route_queue *queue)
{
    return queue->count;
}

/* ---- places -------------------------------------------------------------- */

static uint64_t ticket_of(const struct llmp_route_queue *queue, uint32_t at)
{
    return (uint64_t)queue->places[at].uses << 32 | at;
}

static void append(struct llmp_route_queue *queue, uint32_t at)
{
    struct place *place = &queue->places[at];
    struct line *line = &queue->lines[place->priority];

    place->next = NOWHERE;
    place->before = line->last;
    if (line->last == NOWHERE)
        line->first = at;
    else
        queue->places[line->last].next = at;
    line->last = at;
    queue->count++;
}

/* Takes out of its line; returns who it was. */
static uint64_t take_out(struct llmp_route_queue *queue, uint32_t at)
{
    struct place *place = &queue->places[at];
    struct line *line = &queue->lines[place->priority];

    assert(place->uses & 1);
    if (place->before == NOWHERE)
        line->first = place->next;
    else
        queue->places[place->before].next = place->next;
    if (place->next == NOWHERE)
        line->last = place->before;
    else
        queue->places[place->next].before = place->before;
    if (line->first == NOWHERE && line->credit > 0)
        line->credit = 0; /* who does not wait saves nothing up */
    place->uses++;
    place->next = queue->free;
    queue->free = at;
    queue->count--;
    return place->who;
}

/* ---- joining ------------------------------------------------------------- */

/* The line to shed from for one of `priority`: the least important one, if it
 * is less important. */
static uint32_t shed_line(const struct llmp_route_queue *queue,
                          uint32_t priority)
{
    for (uint32_t i = LLMP_ROUTE_PRIORITIES - 1; i > priority; i--)
        if (queue->lines[i].last != NOWHERE)
            return i;
    return NOWHERE;
}

int llmp_route_queue_join(struct llmp_route_queue *queue, uint32_t priority,
                          uint64_t who, uint64_t now_ns, uint64_t *ticket,
                          uint64_t *shed)
{
    int rc = LLMP_OK;

    if (priority >= LLMP_ROUTE_PRIORITIES)
        priority = LLMP_ROUTE_PRIORITIES - 1;
    if (queue->free == NOWHERE) {
        uint32_t line = shed_line(queue, priority);

        if (line == NOWHERE)
            return LLMP_FULL;
        *shed = take_out(queue, queue->lines[line].last);
        rc = LLMP_LIMITED;
    }

    uint32_t at = queue->free;
    struct place *place = &queue->places[at];
    uint64_t wait_ns = queue->o.wait_ns_max[priority];

    queue->free = place->next;
    place->who = who;
    place->priority = priority;
    place->until_ns = wait_ns ? llmp_add_sat(now_ns, wait_ns) : UINT64_MAX;
    place->uses++;
    append(queue, at);
    *ticket = ticket_of(queue, at);
    return rc;
}

int llmp_route_queue_leave(struct llmp_route_queue *queue, uint64_t ticket)
{
    uint32_t at = (uint32_t)ticket;

    if (at >= queue->o.capacity || ticket_of(queue, at) != ticket ||
        !(queue->places[at].uses & 1))
        return LLMP_MISS;
    (void)take_out(queue, at);
    return LLMP_OK;
}

/* ---- turns --------------------------------------------------------------- */

/* The first of a line who has not waited too long; those before stay for
 * llmp_route_queue_expire(). All of a line wait equally long, so whoever came
 * first is the first to have waited too long. */
static uint32_t first_alive(const struct llmp_route_queue *queue, uint32_t line,
                            uint64_t now_ns)
{
    uint32_t at = queue->lines[line].first;

    while (at != NOWHERE && queue->places[at].until_ns <= now_ns)
        at = queue->places[at].next;
    return at;
}

/* Smooth weighted round robin: each that waits is owed its weight, the one that
 * is owed most has the turn and pays for all. Weights of 0: in order. */
static uint32_t line_to_serve(struct llmp_route_queue *queue,
                              const uint32_t firsts[])
{
    uint32_t best = NOWHERE;
    int64_t sum = 0;

    for (uint32_t i = 0; i < LLMP_ROUTE_PRIORITIES; i++) {
        struct line *line = &queue->lines[i];

        if (firsts[i] == NOWHERE)
            continue;
        line->credit += queue->o.weights[i];
        sum += queue->o.weights[i];
        if (best == NOWHERE || line->credit > queue->lines[best].credit)
            best = i;
    }
    if (best != NOWHERE)
        queue->lines[best].credit -= sum;
    return best;
}

int llmp_route_queue_next(struct llmp_route_queue *queue, uint64_t now_ns,
                          uint64_t *who)
{
    uint32_t firsts[LLMP_ROUTE_PRIORITIES], line;

    for (uint32_t i = 0; i < LLMP_ROUTE_PRIORITIES; i++)
        firsts[i] = first_alive(queue, i, now_ns);
    line = line_to_serve(queue, firsts);
    if (line == NOWHERE)
        return LLMP_MISS;
    *who = take_out(queue, firsts[line]);
    return LLMP_OK;
}

int llmp_route_queue_first(const struct llmp_route_queue *queue,
                           uint64_t now_ns, uint64_t *who)
{
    for (uint32_t i = 0; i < LLMP_ROUTE_PRIORITIES; i++) {
        uint32_t at = first_alive(queue, i, now_ns);

        if (at == NOWHERE)
            continue;
        *who = queue->places[at].who;
        return LLMP_OK;
    }
    return LLMP_MISS;
}

int llmp_route_queue_expire(struct llmp_route_queue *queue, uint64_t now_ns,
                            uint64_t *who)
{
    for (int i = LLMP_ROUTE_PRIORITIES - 1; i >= 0; i--) {
        uint32_t at = queue->lines[i].first;

        if (at == NOWHERE || queue->places[at].until_ns > now_ns)
            continue;
        *who = take_out(queue, at);
        return LLMP_OK;
    }
    return LLMP_MISS;
}

uint64_t llmp_route_queue_expires_ns(const struct llmp_route_queue *queue)
{
    uint64_t first_ns = LLMP_ROUTE_NEVER;

    for (int i = 0; i < LLMP_ROUTE_PRIORITIES; i++) {
        uint32_t at = queue->lines[i].first;

        if (at != NOWHERE && queue->places[at].until_ns < first_ns)
            first_ns = queue->places[at].until_ns;
    }
    return first_ns;
}
