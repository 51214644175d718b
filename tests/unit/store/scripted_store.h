/* SPDX-License-Identifier: Apache-2.0 */
/* A memory store whose commits answer as a test says: in front of the real
 * one, which is asked when the script says LLMP_OK. */
#ifndef SCRIPTED_STORE_H
#define SCRIPTED_STORE_H

#include <llmproxy/store.h>
#include <stdatomic.h>

struct scripted_store {
    struct llmp_store *inner; /* owned */
    atomic_int answer;        /* of commits from now on */
    atomic_bool dead;         /* what a failing commit says of the store */
    const char *poison;       /* a row with this id is refused for ever */
    atomic_int commits, largest;
    atomic_bool held; /* commits that have begun wait for it to end */
};

/* `script` must outlive the store. */
struct llmp_store *scripted_store_open(struct scripted_store *script);

#endif
