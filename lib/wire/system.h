/* SPDX-License-Identifier: Apache-2.0 */
/*
 * More is said in a request's system prompt: behind what stands there, or in
 * one that is put in. All else stays byte for byte.
 */
#ifndef LLMP_WIRE_SYSTEM_H
#define LLMP_WIRE_SYSTEM_H

#include "base/json_tree.h"
#include "base/str.h"
#include "wire/passing.h"

/* Whether requests of this shape have system prompts. */
bool llmp_wire_has_system(enum llmp_shape shape);

/*
 * Adds the request to `out` with `plain` in its system prompt, as a paragraph
 * of its own.
 *
 * @param root  of `document`
 * @retval LLMP_MISS     it has none, and cannot have one
 * @retval LLMP_E_NOMEM  out of memory, or beyond the buffer's limit
 */
int llmp_wire_add_system(struct llmp_buf *out, enum llmp_shape shape,
                         struct llmp_str document,
                         const struct llmp_json_value *root,
                         struct llmp_str plain);

#endif
