/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One of a ring's shards: an open hash table from 64-bit tags to keys. Shared
 * by counting; whoever holds the only reference may change it.
 */
#ifndef LLMP_AUTH_KEYRING_SHARD_H
#define LLMP_AUTH_KEYRING_SHARD_H

#include <llmproxy/auth.h>
#include <stdatomic.h>

struct llmp_key_shard {
    atomic_uint refs;
    uint32_t count, mask; /* slots: mask + 1; half of them stay free */
    struct llmp_key_slot {
        uint64_t tag;
        struct llmp_key *key; /* a reference; NULL: free */
    } slots[];
};

struct llmp_key_shard *llmp_key_shard_ref(struct llmp_key_shard *shard);
void llmp_key_shard_unref(struct llmp_key_shard *shard);

/* Makes *shard changeable and gives it room for one more key: a copy if
 * others hold it, a larger one if it is full. *shard may be NULL (empty).
 * False without memory; nothing is changed then. */
bool llmp_key_shard_own(struct llmp_key_shard **shard);

/* Of a shard that llmp_key_shard_own() was called for. Takes a reference. */
void llmp_key_shard_add(struct llmp_key_shard *shard, uint64_t tag,
                        struct llmp_key *key);

/* Of an owned shard in which it is. */
void llmp_key_shard_remove(struct llmp_key_shard *shard, uint64_t tag,
                           const struct llmp_key *key);

/* Visits the keys of one tag. */
struct llmp_key_shard_walk {
    const struct llmp_key_shard *shard;
    uint64_t tag;
    uint32_t at;
};

static inline struct llmp_key_shard_walk llmp_key_shard_walk(
    const struct llmp_key_shard *shard, uint64_t tag)
{
    return (struct llmp_key_shard_walk){ shard, tag,
                                         shard ? (uint32_t)tag & shard->mask
                                               : 0 };
}

static inline struct llmp_key *llmp_key_shard_next(
    struct llmp_key_shard_walk *walk)
{
    const struct llmp_key_shard *shard = walk->shard;

    while (shard && shard->slots[walk->at].key) {
        const struct llmp_key_slot *slot = &shard->slots[walk->at];

        walk->at = (walk->at + 1) & shard->mask;
        if (slot->tag == walk->tag)
            return slot->key;
    }
    return NULL;
}

#endif
