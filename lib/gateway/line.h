/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of one model that wait until a deployment has room: in lines, each
 * of those that may go to the same deployments, in a line by priority. Whoever
 * frees room gives a turn to the first of every line; it is woken and chooses
 * again. All calls from any thread.
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

/* Who waits; in its exchange, and its own but for `state` and `ticket`. */
struct llmp_place {
    struct llmp_waker *waker; /* lives as long as it has a place */
    uint32_t line;
    uint64_t ticket;
    enum llmp_place_state state;
    bool by_time; /* the turn's: nobody said that there is room */
};

struct llmp_lines;

/* @param capacity  places of each line */
int llmp_lines_new(struct llmp_lines **out, size_t capacity,
                   struct llmp_error *err);
void llmp_lines_free(struct llmp_lines *lines); /* accepts NULL */

/* The line of those who may go where these bits say. */
uint32_t llmp_lines_find(uint64_t where);

/* Somebody waits there, or has a turn that it has not used yet: who comes now
 * stands behind. */
bool llmp_lines_busy(const struct llmp_lines *lines, uint32_t line);

/* Joins the end of a class, or with priority 0 the front of the line.
 * @retval LLMP_OK       waits
 * @retval LLMP_FULL     the line is full of what is as important or more
 * @retval LLMP_E_NOMEM  out of memory */
int llmp_lines_join(struct llmp_lines *lines, struct llmp_place *place,
                    uint32_t line, uint32_t priority, uint64_t now_ns);

enum llmp_place_state llmp_lines_look(struct llmp_lines *lines,
                                      struct llmp_place *place);

/* Gives the place up, whatever its state. @param used  the turn was; else it
 * is the next one's */
void llmp_lines_leave(struct llmp_lines *lines, struct llmp_place *place,
                      bool used, uint64_t now_ns);

/* Something has room again. */
void llmp_lines_turn(struct llmp_lines *lines, uint64_t now_ns);

/* There may be room that nobody has said: if nobody had a turn for a while. */
void llmp_lines_poll(struct llmp_lines *lines, uint32_t line, uint64_t now_ns);

/* How many wait. */
size_t llmp_lines_count(const struct llmp_lines *lines);

#endif
