/* SPDX-License-Identifier: Apache-2.0 */
/* Open addressing with linear probing; see the header for who may change it. */
#include "auth/keyring_shard.h"

#include "base/alloc.h"
#include "base/internal.h"

struct llmp_key_shard *llmp_key_shard_ref(struct llmp_key_shard *shard)
{
    if (shard)
        atomic_fetch_add_explicit(&shard->refs, 1, memory_order_relaxed);
    return shard;
}

void llmp_key_shard_unref(struct llmp_key_shard *shard)
{
    if (!shard ||
        atomic_fetch_sub_explicit(&shard->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i <= shard->mask; i++)
        llmp_key_unref(shard->slots[i].key);
    llmp_free(shard);
}

static void put(struct llmp_key_shard *shard, uint64_t tag,
                struct llmp_key *key)
{
    uint32_t at = (uint32_t)tag & shard->mask;

    assert(shard->count * 2 <= shard->mask + 1);
    while (shard->slots[at].key)
        at = (at + 1) & shard->mask;
    shard->slots[at] = (struct llmp_key_slot){ tag, key };
    shard->count++;
}

static uint32_t slots_for(const struct llmp_key_shard *shard)
{
    uint32_t slots = shard ? shard->mask + 1 : 4;

    return shard && (shard->count + 1) * 2 > slots ? slots * 2 : slots;
}

bool llmp_key_shard_own(struct llmp_key_shard **shard)
{
    struct llmp_key_shard *old = *shard, *grown;
    uint32_t slots = slots_for(old);

    if (old && slots == old->mask + 1 &&
        atomic_load_explicit(&old->refs, memory_order_acquire) == 1)
        return true;
    grown = llmp_alloc(sizeof(*grown) + slots * sizeof(grown->slots[0]));
    if (!grown)
        return false;
    atomic_init(&grown->refs, 1);
    grown->mask = slots - 1;
    for (uint32_t i = 0; old && i <= old->mask; i++)
        if (old->slots[i].key)
            put(grown, old->slots[i].tag, llmp_key_ref(old->slots[i].key));
    llmp_key_shard_unref(old);
    *shard = grown;
    return true;
}

void llmp_key_shard_add(struct llmp_key_shard *shard, uint64_t tag,
                        struct llmp_key *key)
{
    put(shard, tag, llmp_key_ref(key));
}

/* Whether what lies at `at` may move to the free slot `hole`: its own place is
 * not between the two. */
static bool may_move(const struct llmp_key_shard *shard, uint32_t at,
                     uint32_t hole)
{
    uint32_t home = (uint32_t)shard->slots[at].tag & shard->mask;

    return ((at - home) & shard->mask) >= ((at - hole) & shard->mask);
}

void llmp_key_shard_remove(struct llmp_key_shard *shard, uint64_t tag,
                           const struct llmp_key *key)
{
    uint32_t hole = (uint32_t)tag & shard->mask;

    while (shard->slots[hole].key != key || shard->slots[hole].tag != tag) {
        assert(shard->slots[hole].key);
        hole = (hole + 1) & shard->mask;
    }
    llmp_key_unref(shard->slots[hole].key);
    shard->count--;
    /* No gap may stay in the middle of a run, or walks would end there. */
    for (uint32_t at = (hole + 1) & shard->mask; shard->slots[at].key;
         at = (at + 1) & shard->mask)
        if (may_move(shard, at, hole)) {
            shard->slots[hole] = shard->slots[at];
            hole = at;
        }
    shard->slots[hole].key = NULL;
}
