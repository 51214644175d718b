/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose is what lies at a provider: asked of the store's ledger, where the
 * making of it was booked. docs/internals/objects.md has the reasons.
 */
#ifndef LLMP_GATEWAY_OBJECTS_H
#define LLMP_GATEWAY_OBJECTS_H

#include <llmproxy/store.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "gateway/wake.h"

enum { LLMP_OBJECTS_MAX = 8 };

/* Who calls, or who was booked. */
struct llmp_object_owner {
    struct llmp_str key, user, team, org;
};

struct llmp_object {
    bool found;
    struct llmp_object_owner owner;
    struct llmp_str model, deployment; /* it was asked for, and made by */
    uint64_t input_tokens;             /* that were set aside for it */
};

/* Several at a time. Counted: the exchange has one reference, the job one. */
struct llmp_object_look {
    atomic_uint refs;
    atomic_bool done;
    int status; /* once done: LLMP_OK, or the store does not answer */
    size_t count;
    struct llmp_object objects[LLMP_OBJECTS_MAX];
    struct llmp_str ids[LLMP_OBJECTS_MAX];
    struct llmp_arena *texts;
    struct llmp_waker *waker; /* a reference */
    struct llmp_store_job job;
};

/* Asks; `waker` is woken when it is done.
 * @retval LLMP_E_NOMEM  out of memory */
int llmp_objects_look(struct llmp_object_look **out,
                      struct llmp_store_writer *writer,
                      const struct llmp_str *ids, size_t count,
                      struct llmp_waker *waker);
void llmp_object_look_unref(struct llmp_object_look *look); /* accepts NULL */

/* Whether it is the caller's: its team's; without one its organisation's, its
 * user's, its key's.
 * @param alone  the caller is an end user, who shares with nobody */
bool llmp_object_is_of(const struct llmp_object *object,
                       const struct llmp_object_owner *caller, bool alone);

/* An id that may stand in a path: letters, digits, '-' and '_'. */
bool llmp_object_is_id(struct llmp_str text);

#endif
