/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/line.h"

#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"

enum { LINES = 64, FRONT = 0 };

#define POLL_NS    (100 * LLMP_NS_PER_MS)
#define EVERYTHING UINT64_MAX

struct line {
    struct llmp_route_queue *queue; /* NULL until somebody waits */
    size_t capacity;
    uint64_t key;
    uint64_t reach;   /* of all who wait or have waited since it was empty */
    uint32_t waiting; /* with those who have a turn */
    uint32_t turns;   /* given and not used yet */
    uint64_t turn_ns; /* when the last one was given */
};

struct llmp_lines {
    pthread_mutex_t lock; /* of everything but what is atomic */
    atomic_uint waiting;  /* in all lines: a look at it needs no lock */
    struct line lines[LINES];
};

int llmp_lines_new(struct llmp_lines **out, struct llmp_error *err)
{
    struct llmp_lines *lines = llmp_alloc(sizeof(*lines));

    LLMP_ENSURE(lines, err, LLMP_E_NOMEM, "no memory for lines");
    if (pthread_mutex_init(&lines->lock, NULL) != 0) {
        llmp_free(lines);
        return llmp_fail(err, LLMP_E_NOMEM, "no lock for lines");
    }
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

uint64_t llmp_reach_bit(struct llmp_str deployment)
{
    return UINT64_C(1) << (llmp_str_hash(deployment, 0) >> 16) % 64;
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
    line->waiting += (uint32_t)by;
    atomic_fetch_add_explicit(&lines->waiting, (unsigned)by,
                              memory_order_relaxed);
}

/* ---- turns --------------------------------------------------------------- */

/* The one that is next in a line; NULL: nobody waits. */
static struct llmp_place *first_of(const struct line *line, uint64_t now_ns)
{
    uint64_t who;

    if (!line->queue ||
        llmp_route_queue_first(line->queue, now_ns, &who) != LLMP_OK)
        return NULL;
    return place_of(who);
}

static void give(struct line *line, struct llmp_place *place, uint64_t now_ns)
{
    (void)llmp_route_queue_leave(line->queue, place->ticket);
    line->turn_ns = now_ns;
    line->turns++;
    place->state = LLMP_PLACE_TURN;
    llmp_waker_wake(place->waker);
}

static bool goes_before(const struct llmp_place *a, const struct llmp_place *b)
{
    return a->priority != b->priority ? a->priority < b->priority
                                      : a->since_ns < b->since_ns;
}

/* To the most important one that may be able to use it. */
static void give_best(struct llmp_lines *lines, uint64_t room, uint64_t tried,
                      uint64_t now_ns)
{
    struct llmp_place *best = NULL;

    for (size_t i = 0; i < LINES; i++) {
        struct line *line = &lines->lines[i];
        struct llmp_place *first;

        if (!line->waiting || !(line->reach & room) || tried >> i & 1)
            continue;
        first = first_of(line, now_ns);
        if (first && (!best || goes_before(first, best)))
            best = first;
    }
    if (!best)
        return;
    best->by_time = false;
    best->room = room;
    best->tried = tried | UINT64_C(1) << best->line;
    give(&lines->lines[best->line], best, now_ns);
}

static void give_by_time(struct line *line, uint64_t now_ns)
{
    struct llmp_place *first = first_of(line, now_ns);

    line->turn_ns = now_ns;
    if (!first)
        return;
    first->by_time = true;
    first->room = EVERYTHING;
    first->tried = EVERYTHING;
    give(line, first, now_ns);
}

/* ---- joining ------------------------------------------------------------- */

/* The line of that key; SIZE_MAX: nobody waits in such a one. */
static size_t find(const struct llmp_lines *lines, uint64_t key)
{
    for (size_t i = 0; i < LINES; i++)
        if (lines->lines[i].waiting && lines->lines[i].key == key)
            return i;
    return SIZE_MAX;
}

/* Where there are too many kinds, two share a line. */
static uint32_t line_for(struct llmp_lines *lines, uint64_t key)
{
    size_t found = find(lines, key);

    for (size_t i = 0; i < LINES && found == SIZE_MAX; i++)
        if (!lines->lines[i].waiting)
            found = i;
    return (uint32_t)(found == SIZE_MAX ? key % LINES : found);
}

static int make_queue(struct line *line, uint64_t key, size_t capacity)
{
    struct llmp_route_queue_options options;

    if (line->waiting)
        return LLMP_OK;
    line->key = key;
    line->reach = 0;
    line->turn_ns = 0;
    if (line->queue && line->capacity == capacity)
        return LLMP_OK;
    llmp_route_queue_free(line->queue);
    line->queue = NULL;
    llmp_route_queue_options_init(&options);
    options.capacity = line->capacity = capacity;
    return llmp_route_queue_new(&line->queue, &options, NULL);
}

static int join(struct llmp_lines *lines, struct llmp_place *place,
                uint32_t class, size_t capacity, uint64_t now_ns)
{
    uint32_t at = line_for(lines, place->reach.key);
    struct line *line = &lines->lines[at];
    uint64_t shed;
    int rc;

    LLMP_TRY(make_queue(line, place->reach.key, capacity));
    rc = llmp_route_queue_join(line->queue, class, (uintptr_t)place, now_ns,
                               &place->ticket, &shed);
    if (rc == LLMP_FULL)
        return rc;
    place->line = at;
    place->state = LLMP_PLACE_WAITS;
    line->reach |= place->reach.bits;
    add_waiting(lines, line, 1);
    if (rc == LLMP_LIMITED) {
        place_of(shed)->state = LLMP_PLACE_SHED;
        add_waiting(lines, line, -1);
        llmp_waker_wake(place_of(shed)->waker);
    }
    return LLMP_OK;
}

static void end_turn(struct llmp_lines *lines, struct llmp_place *place)
{
    lines->lines[place->line].turns--;
    add_waiting(lines, &lines->lines[place->line], -1);
    place->state = LLMP_PLACE_NONE;
}

static int join_again(struct llmp_lines *lines, struct llmp_place *place,
                      size_t capacity, uint64_t now_ns)
{
    uint64_t room = place->room, tried = place->tried;
    bool by_time = place->by_time;
    int rc;

    end_turn(lines, place);
    rc = join(lines, place, FRONT, capacity, now_ns);
    if (!by_time) /* another line may be able to use it */
        give_best(lines, room, tried, now_ns);
    return rc;
}

static void leave(struct llmp_lines *lines, struct llmp_place *place, bool used,
                  uint64_t now_ns)
{
    struct line *line = &lines->lines[place->line];
    enum llmp_place_state state = place->state;

    place->state = LLMP_PLACE_NONE;
    if (state == LLMP_PLACE_WAITS) {
        (void)llmp_route_queue_leave(line->queue, place->ticket);
        add_waiting(lines, line, -1);
    } else if (state == LLMP_PLACE_TURN) {
        end_turn(lines, place);
        if (place->by_time)
            give_by_time(line, now_ns); /* there may be room for more */
        else if (!used)
            give_best(lines, place->room,
                      place->tried & ~(UINT64_C(1) << place->line), now_ns);
    }
}

/* ---- under the lock ------------------------------------------------------ */

bool llmp_lines_busy(struct llmp_lines *lines, uint64_t key)
{
    bool busy;

    if (!llmp_lines_count(lines))
        return false;
    (void)pthread_mutex_lock(&lines->lock);
    busy = find(lines, key) != SIZE_MAX;
    (void)pthread_mutex_unlock(&lines->lock);
    return busy;
}

int llmp_lines_join(struct llmp_lines *lines, struct llmp_place *place,
                    size_t capacity, uint64_t now_ns)
{
    int rc;

    (void)pthread_mutex_lock(&lines->lock);
    if (place->state == LLMP_PLACE_TURN) {
        rc = join_again(lines, place, capacity, now_ns);
    } else {
        place->since_ns = now_ns;
        rc = join(lines, place, place->priority, capacity, now_ns);
    }
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

void llmp_lines_turn(struct llmp_lines *lines, uint64_t bit, uint64_t now_ns)
{
    if (!llmp_lines_count(lines))
        return;
    (void)pthread_mutex_lock(&lines->lock);
    give_best(lines, bit, 0, now_ns);
    (void)pthread_mutex_unlock(&lines->lock);
}

void llmp_lines_poll(struct llmp_lines *lines, const struct llmp_place *place,
                     uint64_t now_ns)
{
    struct line *line = &lines->lines[place->line];

    (void)pthread_mutex_lock(&lines->lock);
    if (place->state == LLMP_PLACE_WAITS && !line->turns &&
        now_ns >= llmp_add_sat(line->turn_ns, POLL_NS))
        give_by_time(line, now_ns);
    (void)pthread_mutex_unlock(&lines->lock);
}
