/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words around a find that say what it is: "ИНН", "account no". They are
 * compared as a reader sees them: without case, in any script, with one blank
 * for whatever stands between words.
 */
#ifndef LLMP_GUARD_CONTEXT_H
#define LLMP_GUARD_CONTEXT_H

#include "base/alloc.h"
#include "base/str.h"

enum { LLMP_CONTEXT_TEXT_MAX = 1024 };

struct llmp_context {
    struct llmp_str words; /* folded, each ends with '|'; empty: none */
    uint64_t first[4];     /* bytes that they begin with, a bit each */
};

/*
 * @param words  whole words separated by '|'; "паспорт*" is whatever begins so
 * @retval LLMP_OK        done; lives in the arena
 * @retval LLMP_E_NOMEM   out of memory
 */
int llmp_context_init(struct llmp_context *out, struct llmp_arena *arena,
                      struct llmp_str words);

/* Whether one of the words is in either text. */
bool llmp_context_found(const struct llmp_context *context,
                        struct llmp_str before, struct llmp_str after);

#endif
