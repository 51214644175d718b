/* SPDX-License-Identifier: Apache-2.0 */
/* See anomalies.h. */
#include "gateway/anomalies.h"

#include <sodium.h>

#include "base/internal.h"

_Static_assert(LLMP_ANOMALIES_KEY == crypto_shorthash_KEYBYTES, "SipHash's");

int llmp_anomalies_init(struct llmp_anomalies *anomalies,
                        const struct llmp_random *random)
{
    *anomalies = (struct llmp_anomalies){ .synced.table = NULL };
    random->fill(anomalies->key, sizeof(anomalies->key), random->ctx);
    return pthread_mutex_init(&anomalies->lock, NULL) == 0 ? LLMP_OK
                                                           : LLMP_E_NOMEM;
}

void llmp_anomalies_fini(struct llmp_anomalies *anomalies)
{
    llmp_anomaly_free(anomalies->synced.table);
    (void)pthread_mutex_destroy(&anomalies->lock);
}

static uint64_t hash_of(const struct llmp_anomalies *anomalies,
                        struct llmp_str principal)
{
    uint8_t out[crypto_shorthash_BYTES];
    uint64_t hash;

    (void)crypto_shorthash(out, (const uint8_t *)principal.ptr, principal.len,
                           anomalies->key);
    memcpy(&hash, out, sizeof(hash));
    return hash;
}

static bool is_same(const struct llmp_anomaly_options *a,
                    const struct llmp_anomaly_options *b)
{
    return a->principals == b->principals &&
           a->half_life_ns == b->half_life_ns && a->warm_ns == b->warm_ns;
}

/* Under the lock: a table is made once for a configuration. */
static struct llmp_anomaly *table_for(struct llmp_anomalies *anomalies,
                                      const struct llmp_anomaly_options *want)
{
    if (anomalies->synced.table && is_same(&anomalies->synced.options, want))
        return anomalies->synced.table;
    llmp_anomaly_free(anomalies->synced.table);
    anomalies->synced.table = NULL;
    anomalies->synced.options = *want;
    return llmp_anomaly_new(&anomalies->synced.table, want, NULL) == LLMP_OK
               ? anomalies->synced.table
               : NULL;
}

bool llmp_anomalies_note(struct llmp_anomalies *anomalies,
                         const struct llmp_anomaly_config *config,
                         struct llmp_str principal,
                         struct llmp_anomaly_request *request,
                         struct llmp_anomaly_verdict *verdict)
{
    struct llmp_anomaly *table;

    request->principal = hash_of(anomalies, principal);
    (void)pthread_mutex_lock(&anomalies->lock);
    table = table_for(anomalies, &config->options);
    if (table)
        llmp_anomaly_note(table, request, config->score, verdict);
    (void)pthread_mutex_unlock(&anomalies->lock);
    return table != NULL;
}
