/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/line.h"

#include "base/alloc.h"
#include "base/internal.h"

enum { LINES = 8 };

#define POLL_NS (100 * LLMP_NS_PER_MS)

struct line {
    struct llmp_route_queue *queue; /* NULL until somebody waits */
    uint32_t turns;                 /* given and not used yet */
    uint64_t turn_ns;               /* when the last one was given */
    atomic_uint waiting;            /* of the queue, with `turns` */
};

struct llmp_lines {
    pthread_mutex_t lock; /* of everything but what is atomic */
    size_t capacity;
    atomic_uint waiting; /* of all lines: a look at it needs no lock */
    struct line lines[LINES];
};

int llmp_lines_new(struct llmp_lines **out, size_t capacity,
                   struct llmp_error *err)
{
    struct llmp_lines *lines = llmp_alloc(sizeof(*lines));

    LLMP_ENSURE(lines, err, LLMP_E_NOMEM, "no memory for a line");
    if (pthread_mutex_init(&lines->lock, NULL) != 0) {
        llmp_free(lines);
        return llmp_fail(err, LLMP_E_NOMEM, "no lock for a line");
    }
    lines->capacity = capacity;
    *out = lines;
    return LLMP_OK;
}

void llmp_lines_free(struct llmp_lines *lines)
{
    if (!lines)
        return;
    for (size_t i = 0; i < LINES; i++)
        llmp_route_queue_free(lines->lines[i].queue);
    (void)pthread_mutex_destroy(&lines->lock);
    llmp_free(lines);
}

uint32_t llmp_lines_find(uint64_t where)
{
    return (uint32_t)((where * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % LINES;
}

bool llmp_lines_busy(const struct llmp_lines *lines, uint32_t line)
{
    return atomic_load_explicit(&lines->lines[line].waiting,
                                memory_order_relaxed) > 0;
}

size_t llmp_lines_count(const struct llmp_lines *lines)
{
    return atomic_load_explicit(&lines->waiting, memory_order_relaxed);
}

static struct llmp_place *place_of(uint64_t who)
{
    return (struct llmp_place *)(uintptr_t)who;
}

static void add_waiting(struct llmp_lines *lines, struct line *line, int by)
{
    atomic_fetch_add_explicit(&line->waiting, (unsigned)by,
                              memory_order_relaxed);
    atomic_fetch_add_explicit(&lines->waiting, (unsigned)by,
                              memory_order_relaxed);
}

static void give_turn(struct line *line, bool by_time, uint64_t now_ns)
{
    uint64_t who;

    line->turn_ns = now_ns;
    if (!line->queue ||
        llmp_route_queue_next(line->queue, now_ns, &who) != LLMP_OK)
        return;
    line->turns++;
    place_of(who)->state = LLMP_PLACE_TURN;
    place_of(who)->by_time = by_time;
    llmp_waker_wake(place_of(who)->waker);
}

static int make_queue(struct llmp_lines *lines, struct line *line)
{
    struct llmp_route_queue_options options;

    if (line->queue)
        return LLMP_OK;
    llmp_route_queue_options_init(&options);
    options.capacity = lines->capacity;
    return llmp_route_queue_new(&line->queue, &options, NULL);
}

static int join(struct llmp_lines *lines, struct llmp_place *place,
                uint32_t priority, uint64_t now_ns)
{
    struct line *line = &lines->lines[place->line];
    uint64_t shed;
    int rc;

    LLMP_TRY(make_queue(lines, line));
    rc = llmp_route_queue_join(line->queue, priority, (uintptr_t)place, now_ns,
                               &place->ticket, &shed);
    if (rc == LLMP_FULL)
        return rc;
    place->state = LLMP_PLACE_WAITS;
    add_waiting(lines, line, 1);
    if (rc == LLMP_LIMITED) {
        place_of(shed)->state = LLMP_PLACE_SHED;
        add_waiting(lines, line, -1);
        llmp_waker_wake(place_of(shed)->waker);
    }
    return LLMP_OK;
}

static void leave(struct llmp_lines *lines, struct llmp_place *place, bool used,
                  uint64_t now_ns)
{
    struct line *line = &lines->lines[place->line];

    if (place->state == LLMP_PLACE_WAITS)
        (void)llmp_route_queue_leave(line->queue, place->ticket);
    if (place->state == LLMP_PLACE_WAITS || place->state == LLMP_PLACE_TURN)
        add_waiting(lines, line, -1);
    if (place->state == LLMP_PLACE_TURN) {
        line->turns--;
        if (!used || place->by_time)
            give_turn(line, place->by_time, now_ns);
    }
    place->state = LLMP_PLACE_NONE;
}

int llmp_lines_join(struct llmp_lines *lines, struct llmp_place *place,
                    uint32_t line, uint32_t priority, uint64_t now_ns)
{
    int rc;

    (void)pthread_mutex_lock(&lines->lock);
    if (place->state == LLMP_PLACE_TURN) { /* it was in vain */
        lines->lines[place->line].turns--;
        add_waiting(lines, &lines->lines[place->line], -1);
    }
    place->state = LLMP_PLACE_NONE;
    place->line = line;
    rc = join(lines, place, priority, now_ns);
    (void)pthread_mutex_unlock(&lines->lock);
    return rc;
}

enum llmp_place_state llmp_lines_look(struct llmp_lines *lines,
                                      struct llmp_place *place)
{
    enum llmp_place_state state;

    (void)pthread_mutex_lock(&lines->lock);
    state = place->state;
    (void)pthread_mutex_unlock(&lines->lock);
    return state;
}

void llmp_lines_leave(struct llmp_lines *lines, struct llmp_place *place,
                      bool used, uint64_t now_ns)
{
    (void)pthread_mutex_lock(&lines->lock);
    leave(lines, place, used, now_ns);
    (void)pthread_mutex_unlock(&lines->lock);
}

void llmp_lines_turn(struct llmp_lines *lines, uint64_t now_ns)
{
    if (!llmp_lines_count(lines))
        return;
    (void)pthread_mutex_lock(&lines->lock);
    for (size_t i = 0; i < LINES; i++)
        give_turn(&lines->lines[i], false, now_ns);
    (void)pthread_mutex_unlock(&lines->lock);
}

void llmp_lines_poll(struct llmp_lines *lines, uint32_t line, uint64_t now_ns)
{
    struct line *l = &lines->lines[line];

    (void)pthread_mutex_lock(&lines->lock);
    if (!l->turns && now_ns >= llmp_add_sat(l->turn_ns, POLL_NS))
        give_turn(l, true, now_ns);
    (void)pthread_mutex_unlock(&lines->lock);
}
