/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a tree: whether two are the same, and where one is. */
#ifndef LLMP_BASE_JSON_VALUE_H
#define LLMP_BASE_JSON_VALUE_H

#include "base/json_tree.h"

/* The place that "#/a/b~1c" names, in percent-encoded form (RFC 6901, 6); NULL:
 * there is none, or it is no such pointer. */
const struct llmp_json_value *llmp_json_pointer(
    const struct llmp_json_value *root, struct llmp_str pointer);

/* Whether two values are the same: numbers by what they are, objects whatever
 * the order of their members. Each comparison takes one of `left`; when there
 * is none left, or no memory, it is 0 and the answer is false. */
bool llmp_json_equal(const struct llmp_json_value *a,
                     const struct llmp_json_value *b, uint32_t *left);

/* -1, 0, 1: decimal numbers as JSON writes them, however long. */
int llmp_json_compare(struct llmp_str a, struct llmp_str b);

/* "1", "1.0", "1e2" are. */
bool llmp_json_is_integer(struct llmp_str number);

/* Whether a / b is an integer; true also where the digits are too many to tell.
 */
bool llmp_json_is_multiple(struct llmp_str a, struct llmp_str b);

#endif
