/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where in a text digits stand close together. Patterns of numbers have no
 * match elsewhere, and most of prose is elsewhere. Goes from digit to digit, so
 * that it does not matter in which pieces a text comes.
 */
#ifndef LLMP_GUARD_DIGITS_NEAR_H
#define LLMP_GUARD_DIGITS_NEAR_H

#include <llmproxy/base.h>

enum {
    LLMP_DIGITS_NEAR = 4,         /* so many digits … */
    LLMP_DIGITS_NEAR_WITHIN = 112 /* … in so many bytes */
};

struct llmp_digits_near {
    uint64_t last[LLMP_DIGITS_NEAR]; /* where digits were, as a ring */
    size_t count;
};

/*
 * Looks for the next digit that has LLMP_DIGITS_NEAR - 1 others close before
 * it.
 *
 * @param text   the piece, from `*at` on; moved behind the digit
 * @param begin  of the piece in the whole text
 * @param place  of the digit in the whole text
 */
bool llmp_digits_near_next(struct llmp_digits_near *near, struct llmp_str text,
                           size_t *at, uint64_t begin, uint64_t *place);

#endif
