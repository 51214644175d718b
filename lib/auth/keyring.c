/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All keys, as a snapshot: a root of shards by hash and by id. A change copies
 * the root and the shards that it touches; all other shards are shared with
 * the ring it came from. Readers hold a ring and need no lock.
 */
#include <sodium.h>
#include <stdatomic.h>

#include "auth/key.h"
#include "auth/keyring_shard.h"
#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"

enum { SHARDS = 256 };

struct llmp_keyring {
    atomic_uint refs;
    struct llmp_pepper pepper;
    uint8_t id_key[crypto_shorthash_KEYBYTES];
    size_t count;
    struct llmp_key_shard *by_hash[SHARDS]; /* by its first byte */
    struct llmp_key_shard *by_id[SHARDS];
};

static uint64_t load_u64(const uint8_t *at)
{
    uint64_t value;

    memcpy(&value, at, sizeof(value));
    return value;
}

/* Bytes of the hash that the shard's index does not use. */
static uint64_t hash_tag(const uint8_t hash[LLMP_KEY_HASH_SIZE])
{
    return load_u64(hash + 8);
}

static uint64_t id_tag(const struct llmp_keyring *ring, struct llmp_str id)
{
    uint8_t out[crypto_shorthash_BYTES];

    (void)crypto_shorthash(out, (const uint8_t *)id.ptr, id.len, ring->id_key);
    return load_u64(out);
}

static struct llmp_key_shard **id_shard(struct llmp_keyring *ring, uint64_t tag)
{
    return &ring->by_id[tag >> 56];
}

/* -------------------------------------------------------------- lifetime -- */

struct llmp_keyring *llmp_keyring_ref(struct llmp_keyring *ring)
{
    if (ring)
        atomic_fetch_add_explicit(&ring->refs, 1, memory_order_relaxed);
    return ring;
}

void llmp_keyring_unref(struct llmp_keyring *ring)
{
    if (!ring ||
        atomic_fetch_sub_explicit(&ring->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned i = 0; i < SHARDS; i++) {
        llmp_key_shard_unref(ring->by_hash[i]);
        llmp_key_shard_unref(ring->by_id[i]);
    }
    sodium_memzero(&ring->pepper, sizeof(ring->pepper));
    llmp_free(ring);
}

static void ring_unrefp(struct llmp_keyring **ring)
{
    llmp_keyring_unref(*ring);
}

static struct llmp_keyring *ring_copy(const struct llmp_keyring *ring)
{
    struct llmp_keyring *copy = llmp_alloc(sizeof(*copy));

    if (!copy)
        return NULL;
    atomic_init(&copy->refs, 1);
    copy->pepper = ring->pepper;
    memcpy(copy->id_key, ring->id_key, sizeof(copy->id_key));
    copy->count = ring->count;
    for (unsigned i = 0; i < SHARDS; i++) {
        copy->by_hash[i] = llmp_key_shard_ref(ring->by_hash[i]);
        copy->by_id[i] = llmp_key_shard_ref(ring->by_id[i]);
    }
    return copy;
}

/* --------------------------------------------------------------- looking -- */

struct llmp_key *llmp_keyring_find(const struct llmp_keyring *ring,
                                   struct llmp_str id)
{
    uint64_t tag = id_tag(ring, id);
    struct llmp_key_shard_walk walk =
        llmp_key_shard_walk(ring->by_id[tag >> 56], tag);
    struct llmp_key *key;

    while ((key = llmp_key_shard_next(&walk)))
        if (llmp_str_eq(key->id, id))
            return key;
    return NULL;
}

size_t llmp_keyring_count(const struct llmp_keyring *ring)
{
    return ring->count;
}

void llmp_keyring_each(const struct llmp_keyring *ring,
                       bool (*visit)(struct llmp_key *key, void *ctx),
                       void *ctx)
{
    for (unsigned i = 0; i < SHARDS; i++) {
        const struct llmp_key_shard *shard = ring->by_id[i];

        for (uint32_t j = 0; shard && j <= shard->mask; j++)
            if (shard->slots[j].key && !visit(shard->slots[j].key, ctx))
                return;
    }
}

/* The key one of whose secrets has this hash. */
static struct llmp_key *find_hash(const struct llmp_keyring *ring,
                                  const uint8_t hash[LLMP_KEY_HASH_SIZE],
                                  unsigned *generation)
{
    struct llmp_key_shard_walk walk =
        llmp_key_shard_walk(ring->by_hash[hash[0]], hash_tag(hash));
    struct llmp_key *key;

    while ((key = llmp_key_shard_next(&walk)))
        for (unsigned i = 0; i < key->secret_count; i++)
            if (sodium_memcmp(llmp_key_secret(key, i)->hash, hash,
                              LLMP_KEY_HASH_SIZE) == 0) {
                *generation = i;
                return key;
            }
    return NULL;
}

static int use_check(struct llmp_key *key, unsigned generation,
                     uint64_t wall_ns)
{
    uint64_t until_ns = llmp_key_secret(key, generation)->until_ns;
    int rc = llmp_key_state(key, wall_ns);

    if (rc != LLMP_OK)
        return rc;
    if (until_ns && wall_ns >= until_ns)
        return LLMP_AUTH_KEY_SUPERSEDED;
    llmp_key_touch(key, wall_ns / LLMP_NS_PER_S);
    return LLMP_OK;
}

int llmp_keyring_check(const struct llmp_keyring *ring, struct llmp_str text,
                       uint64_t wall_ns, struct llmp_key_use *use)
{
    uint8_t hash[LLMP_KEY_HASH_SIZE];
    unsigned generation = 0;
    struct llmp_key *key;

    if (use)
        *use = (struct llmp_key_use){ 0 };
    if (!llmp_api_key_is_valid(text))
        return LLMP_AUTH_KEY_MALFORMED;
    llmp_api_key_hash(hash, &ring->pepper, text);
    key = find_hash(ring, hash, &generation);
    if (!key)
        return LLMP_AUTH_KEY_UNKNOWN;
    if (use)
        *use = (struct llmp_key_use){
            .key = key,
            .generation = generation,
            .until_ns = llmp_key_secret(key, generation)->until_ns,
            .superseded = generation > 0,
        };
    return use_check(key, generation, wall_ns);
}

/* -------------------------------------------------------------- changing -- */

/* All of it on a ring that nobody else has yet; a failure frees it. */

static int add_hashes(struct llmp_keyring *ring, struct llmp_key *key,
                      struct llmp_error *err)
{
    for (unsigned i = 0; i < key->secret_count; i++) {
        const uint8_t *hash = llmp_key_secret(key, i)->hash;
        struct llmp_key_shard **shard = &ring->by_hash[hash[0]];
        unsigned generation;

        LLMP_ENSURE(!find_hash(ring, hash, &generation), err, LLMP_E_INVALID,
                    "another key has this secret");
        LLMP_ENSURE(llmp_key_shard_own(shard), err, LLMP_E_NOMEM,
                    "no memory for the key ring");
        llmp_key_shard_add(*shard, hash_tag(hash), key);
    }
    return LLMP_OK;
}

static int add_key(struct llmp_keyring *ring, struct llmp_key *key,
                   struct llmp_error *err)
{
    uint64_t tag = id_tag(ring, key->id);
    struct llmp_key_shard **shard = id_shard(ring, tag);

    LLMP_TRY(add_hashes(ring, key, err));
    LLMP_ENSURE(llmp_key_shard_own(shard), err, LLMP_E_NOMEM,
                "no memory for the key ring");
    llmp_key_shard_add(*shard, tag, key);
    ring->count++;
    return LLMP_OK;
}

static int remove_key(struct llmp_keyring *ring, const struct llmp_key *key,
                      struct llmp_error *err)
{
    uint64_t tag = id_tag(ring, key->id);
    struct llmp_key_shard **shard = id_shard(ring, tag);

    for (unsigned i = 0; i < key->secret_count; i++) {
        const uint8_t *hash = llmp_key_secret(key, i)->hash;
        struct llmp_key_shard **hashes = &ring->by_hash[hash[0]];

        LLMP_ENSURE(llmp_key_shard_own(hashes), err, LLMP_E_NOMEM,
                    "no memory for the key ring");
        llmp_key_shard_remove(*hashes, hash_tag(hash), key);
    }
    LLMP_ENSURE(llmp_key_shard_own(shard), err, LLMP_E_NOMEM,
                "no memory for the key ring");
    llmp_key_shard_remove(*shard, tag, key);
    ring->count--;
    return LLMP_OK;
}

static void id_key_make(struct llmp_keyring *ring)
{
    static const uint8_t purpose[] = "llmproxy key ids";

    (void)crypto_generichash(ring->id_key, sizeof(ring->id_key), purpose,
                             sizeof(purpose), ring->pepper.bytes,
                             sizeof(ring->pepper.bytes));
}

int llmp_keyring_new(struct llmp_keyring **out,
                     const struct llmp_pepper *pepper,
                     struct llmp_key *const *keys, size_t count,
                     struct llmp_error *err)
{
    LLMP_AUTO(ring_unrefp) struct llmp_keyring *ring = NULL;

    LLMP_ENSURE(out && pepper, err, LLMP_E_INVALID,
                "out and pepper are required");
    LLMP_ENSURE(sodium_init() >= 0, err, LLMP_E_IO, "libsodium has no entropy");
    ring = llmp_alloc(sizeof(*ring));
    LLMP_ENSURE(ring, err, LLMP_E_NOMEM, "no memory for the key ring");
    atomic_init(&ring->refs, 1);
    ring->pepper = *pepper;
    id_key_make(ring);
    for (size_t i = 0; i < count; i++) {
        LLMP_ENSURE(!llmp_keyring_find(ring, keys[i]->id), err, LLMP_E_INVALID,
                    "two keys have the id \"%.*s\"", (int)keys[i]->id.len,
                    keys[i]->id.ptr);
        LLMP_TRY(add_key(ring, keys[i], err));
    }
    *out = llmp_steal(&ring);
    return LLMP_OK;
}

int llmp_keyring_with(struct llmp_keyring **out, struct llmp_keyring *ring,
                      struct llmp_key *key, struct llmp_error *err)
{
    LLMP_AUTO(ring_unrefp) struct llmp_keyring *copy = ring_copy(ring);
    const struct llmp_key *old = llmp_keyring_find(ring, key->id);

    LLMP_ENSURE(copy, err, LLMP_E_NOMEM, "no memory for the key ring");
    if (old)
        LLMP_TRY(remove_key(copy, old, err));
    LLMP_TRY(add_key(copy, key, err));
    *out = llmp_steal(&copy);
    return LLMP_OK;
}

int llmp_keyring_without(struct llmp_keyring **out, struct llmp_keyring *ring,
                         struct llmp_str id, struct llmp_error *err)
{
    const struct llmp_key *old = llmp_keyring_find(ring, id);
    LLMP_AUTO(ring_unrefp) struct llmp_keyring *copy = NULL;

    if (!old)
        return LLMP_MISS;
    copy = ring_copy(ring);
    LLMP_ENSURE(copy, err, LLMP_E_NOMEM, "no memory for the key ring");
    LLMP_TRY(remove_key(copy, old, err));
    *out = llmp_steal(&copy);
    return LLMP_OK;
}
