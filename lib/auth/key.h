/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key is made of. What a check looks at comes first, so that it touches
 * two cache lines.
 */
#ifndef LLMP_AUTH_KEY_H
#define LLMP_AUTH_KEY_H

#include <llmproxy/auth.h>
#include <stdatomic.h>

struct llmp_key {
    uint8_t hashes[LLMP_KEY_GENERATIONS][LLMP_KEY_HASH_SIZE];
    uint64_t until_ns[LLMP_KEY_GENERATIONS]; /* wall; 0: as long as the key */
    uint64_t expires_ns;
    uint8_t generation_count;
    bool revoked, disabled;
    atomic_uint refs;
    atomic_uint_fast64_t last_used_s;
    struct llmp_str id, name, user, team, org;
    struct llmp_grant grant;
    struct llmp_address_set *allow, *deny;
    uint64_t created_ns;
    void *data;
    void (*data_free)(void *data);
    char text[]; /* of the lists, then of the strings */
};

/* Notes a use; a key that is used all the time is written once a second. */
static inline void llmp_key_touch(struct llmp_key *key, uint64_t wall_s)
{
    if (atomic_load_explicit(&key->last_used_s, memory_order_relaxed) < wall_s)
        atomic_store_explicit(&key->last_used_s, wall_s, memory_order_relaxed);
}

#endif
