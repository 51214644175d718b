/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that were verified, by a keyed 128-bit hash of their whole text. Sets
 * of four, the one used longest ago gives way; the issuer's version says
 * whether an entry still counts. One thread, no lock.
 */
#include <sodium.h>

#include "auth/issuer.h"
#include "auth/token.h"
#include "base/internal.h"
#include "base/str.h"

enum { WAYS = 4, CAPACITY = 1024, TTL_S = 300 };

struct entry {
    uint8_t hash[crypto_shorthash_siphashx24_BYTES];
    struct llmp_token *token; /* a reference; NULL: free */
    uint64_t until_ns;        /* monotonic: its time in the cache */
    uint64_t used;            /* a count of uses, for who gives way */
};

struct llmp_token_cache {
    uint8_t key[crypto_shorthash_siphashx24_KEYBYTES];
    uint64_t ttl_ns, clock;
    size_t mask; /* of the index of a set */
    struct entry entries[];
};

int llmp_token_cache_new(struct llmp_token_cache **out, size_t capacity,
                         uint64_t ttl_s, const struct llmp_random *random,
                         struct llmp_error *err)
{
    struct llmp_token_cache *cache;
    size_t sets = 1;

    LLMP_ENSURE(out && random && random->fill, err, LLMP_E_INVALID,
                "out and random are required");
    LLMP_ENSURE(capacity <= LLMP_TOKEN_CACHE_MAX && ttl_s <= UINT32_MAX, err,
                LLMP_E_LIMIT, "a token cache has at most %d entries",
                LLMP_TOKEN_CACHE_MAX);
    while (sets * WAYS < (capacity ? capacity : CAPACITY))
        sets *= 2;
    cache =
        llmp_alloc(sizeof(*cache) + sets * WAYS * sizeof(cache->entries[0]));
    LLMP_ENSURE(cache, err, LLMP_E_NOMEM, "no memory for the token cache");
    random->fill(cache->key, sizeof(cache->key), random->ctx);
    cache->ttl_ns = (ttl_s ? ttl_s : TTL_S) * LLMP_NS_PER_S;
    cache->mask = sets - 1;
    *out = cache;
    return LLMP_OK;
}

static void entry_clear(struct entry *entry)
{
    llmp_token_unref(entry->token);
    entry->token = NULL;
}

void llmp_token_cache_free(struct llmp_token_cache *cache)
{
    if (!cache)
        return;
    for (size_t i = 0; i < (cache->mask + 1) * WAYS; i++)
        entry_clear(&cache->entries[i]);
    sodium_memzero(cache->key, sizeof(cache->key));
    llmp_free(cache);
}

/* The set that a text belongs to. */
static struct entry *set_of(struct llmp_token_cache *cache,
                            struct llmp_str text,
                            uint8_t hash[crypto_shorthash_siphashx24_BYTES])
{
    uint64_t index;

    (void)crypto_shorthash_siphashx24(hash, (const uint8_t *)text.ptr, text.len,
                                      cache->key);
    memcpy(&index, hash, sizeof(index));
    return &cache->entries[(index & cache->mask) * WAYS];
}

static struct entry *entry_find(
    struct entry *set, const uint8_t hash[crypto_shorthash_siphashx24_BYTES])
{
    for (unsigned i = 0; i < WAYS; i++)
        if (set[i].token &&
            sodium_memcmp(set[i].hash, hash, sizeof(set[i].hash)) == 0)
            return &set[i];
    return NULL;
}

static bool counts(const struct entry *entry, struct llmp_time now)
{
    const struct llmp_token *token = entry->token;

    return now.mono_ns < entry->until_ns && now.wall_ns < token->ends_ns &&
           atomic_load_explicit(&token->issuer->version,
                                memory_order_acquire) == token->version;
}

struct llmp_token *llmp_token_cache_get(struct llmp_token_cache *cache,
                                        struct llmp_str text,
                                        struct llmp_time now)
{
    uint8_t hash[crypto_shorthash_siphashx24_BYTES];
    struct entry *entry = entry_find(set_of(cache, text, hash), hash);

    if (!entry)
        return NULL;
    if (!counts(entry, now)) {
        entry_clear(entry);
        return NULL;
    }
    entry->used = ++cache->clock;
    return entry->token;
}

static struct entry *entry_choose(struct entry *set)
{
    struct entry *oldest = set;

    for (unsigned i = 0; i < WAYS; i++) {
        if (!set[i].token)
            return &set[i];
        if (set[i].used < oldest->used)
            oldest = &set[i];
    }
    return oldest;
}

void llmp_token_cache_put(struct llmp_token_cache *cache, struct llmp_str text,
                          struct llmp_token *token, struct llmp_time now)
{
    uint8_t hash[crypto_shorthash_siphashx24_BYTES];
    struct entry *set = set_of(cache, text, hash);
    struct entry *entry = entry_find(set, hash);

    if (!token || !token->issuer)
        return;
    if (!entry)
        entry = entry_choose(set);
    (void)llmp_token_ref(token);
    entry_clear(entry);
    *entry = (struct entry){
        .token = token,
        .until_ns = llmp_add_sat(now.mono_ns, cache->ttl_ns),
        .used = ++cache->clock,
    };
    memcpy(entry->hash, hash, sizeof(hash));
}
