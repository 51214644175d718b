/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that wait until a deployment has room, of all models and workers: in
 * lines, each of those that may go to the same deployments, in a line by
 * priority. Whoever frees room gives a turn to the most important one that
 * could use it; it is woken and chooses again, and where that is in vain the
 * turn is another line's. All calls from any thread.
 */
#ifndef LLMP_GATEWAY_LINE_H
#define LLMP_GATEWAY_LINE_H

#include <llmproxy/route.h>

#include "gateway/wake.h"

enum llmp_place_state {
    LLMP_PLACE_NONE,
    LLMP_PLACE_WAITS,
    LLMP_PLACE_TURN, /* it may choose now */
    LLMP_PLACE_SHED  /* it had to leave for somebody more important */
};

/* Where a request may go. */
struct llmp_reach {
    uint64_t key;  /* the same for the same deployments */
    uint64_t bits; /* llmp_reach_bit() of each */
};

/* Who waits; in its exchange, the lines' own but for `waker`, `reach` and
 * `priority`. */
struct llmp_place {
    struct llmp_waker *waker; /* lives as long as it has a place */
    struct llmp_reach reach;
    uint32_t priority; /* from 1; 0 is whose turn was in vain */
    uint32_t line;
    uint64_t ticket, since_ns;
    enum llmp_place_state state;
    bool by_time;   /* the turn's: nobody said that there is room */
    uint64_t room;  /* the turn's: the bit of what has room */
    uint64_t tried; /* the turn's: lines that could not use it, and its own */
};

struct llmp_lines;

int llmp_lines_new(struct llmp_lines **out, struct llmp_error *err);
void llmp_lines_free(struct llmp_lines *lines); /* accepts NULL */

/* A bit for a deployment; others may have the same. */
uint64_t llmp_reach_bit(struct llmp_str deployment);

/* Somebody waits who may go to the same deployments, or has a turn that it has
 * not used yet: who comes now stands behind. */
bool llmp_lines_busy(struct llmp_lines *lines, uint64_t key);

/* Joins the end of its class; after a turn in vain the front of its line.
 * @param capacity  of a line that is empty
 * @retval LLMP_OK       waits
 * @retval LLMP_FULL     the line is full of what is as important or more
 * @retval LLMP_E_NOMEM  out of memory */
int llmp_lines_join(struct llmp_lines *lines, struct llmp_place *place,
                    size_t capacity, uint64_t now_ns);

enum llmp_place_state llmp_lines_look(struct llmp_lines *lines,
                                      struct llmp_place *place);

/* Gives the place up, whatever its state. @param used  the turn was; else it
 * is another one's */
void llmp_lines_leave(struct llmp_lines *lines, struct llmp_place *place,
                      bool used, uint64_t now_ns);

/* A deployment with this bit has room again. */
void llmp_lines_turn(struct llmp_lines *lines, uint64_t bit, uint64_t now_ns);

/* There may be room that nobody has said: if nobody in the place's line had a
 * turn for a while. */
void llmp_lines_poll(struct llmp_lines *lines, const struct llmp_place *place,
                     uint64_t now_ns);

/* How many wait. */
size_t llmp_lines_count(const struct llmp_lines *lines);

#endif
