/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a key is made of. What a check of the current secret looks at comes
 * first and is 64 bytes: of a million keys none is in a cache.
 */
#ifndef LLMP_AUTH_KEY_H
#define LLMP_AUTH_KEY_H

#include <llmproxy/auth.h>
#include <stdatomic.h>

/* One of its secrets. */
struct llmp_key_secret {
    uint8_t hash[LLMP_KEY_HASH_SIZE];
    uint64_t until_ns; /* wall; 0: as long as the key */
};

struct llmp_key {
    struct llmp_key_secret current;
    uint64_t expires_ns;
    atomic_uint_fast64_t last_used_s;
    atomic_uint refs;
    uint8_t secret_count;
    bool revoked, disabled;
    struct llmp_key_secret before; /* if there are two */
    struct llmp_str id, name, user, team, org;
    struct llmp_grant grant;
    struct llmp_address_set *allow, *deny;
    uint64_t created_ns;
    void *data;
    void (*data_free)(void *data);
    char text[]; /* of the lists, then of the strings */
};

static inline const struct llmp_key_secret *llmp_key_secret(
    const struct llmp_key *key, unsigned generation)
{
    return generation == 0 ? &key->current : &key->before;
}

/* Notes a use; a key that is used all the time is written once a second. */
static inline void llmp_key_touch(struct llmp_key *key, uint64_t wall_s)
{
    if (atomic_load_explicit(&key->last_used_s, memory_order_relaxed) < wall_s)
        atomic_store_explicit(&key->last_used_s, wall_s, memory_order_relaxed);
}

#endif
