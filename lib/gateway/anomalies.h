/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who behaves unlike themselves: one table for all workers, over which a
 * sender's connections are spread (docs/internals/anomaly.md).
 */
#ifndef LLMP_GATEWAY_ANOMALIES_H
#define LLMP_GATEWAY_ANOMALIES_H

#include <pthread.h>

#include "base/str.h"
#include "gateway/config.h"
#include "guard/anomaly.h"

enum { LLMP_ANOMALIES_KEY = 16 };

struct llmp_anomalies {
    uint8_t key[LLMP_ANOMALIES_KEY]; /* nobody chooses a place */
    pthread_mutex_t lock;
    struct {
        struct llmp_anomaly *table; /* made when it is wanted; or NULL */
        struct llmp_anomaly_options options; /* it is made with */
    } synced;
};

int llmp_anomalies_init(struct llmp_anomalies *anomalies,
                        const struct llmp_random *random);
void llmp_anomalies_fini(struct llmp_anomalies *anomalies);

/*
 * Notes a request; see llmp_anomaly_note(). Where the configuration's options
 * are others than before, all begins anew. From any thread.
 *
 * @param principal  whose request; `request->principal` is made of it
 * @return false: there is no memory, nothing is known
 */
bool llmp_anomalies_note(struct llmp_anomalies *anomalies,
                         const struct llmp_anomaly_config *config,
                         struct llmp_str principal,
                         struct llmp_anomaly_request *request,
                         struct llmp_anomaly_verdict *verdict);

#endif
