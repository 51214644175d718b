/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all exchanges share: the gateway (configuration in force, the list of
 * workers for the metrics) and the worker (pool, randomness, its own metrics).
 */
#ifndef LLMP_GATEWAY_GATEWAY_H
#define LLMP_GATEWAY_GATEWAY_H

#include <llmproxy/gateway.h>
#include <llmproxy/store.h>
#include <stdatomic.h>

#include "gateway/access.h"
#include "gateway/config.h"
#include "gateway/metrics.h"

enum { LLMP_POOL_MAX = 256 }; /* exchanges kept by a worker for reuse */

struct llmp_worker {
    struct llmp_gateway *gateway;
    struct llmp_worker *next; /* in the gateway's list */
    struct llmp_config
        *config; /* this worker's reference to what is in force */
    struct llmp_access *access; /* likewise, made from it */
    struct llmp_token_cache *tokens;
    uint64_t config_version;
    struct llmp_exchange *free;
    uint32_t free_count;
    uint64_t held;  /* bytes of bodies that exchanges hold */
    uint64_t begun; /* exchanges so far */
    uint8_t random[4096];
    uint32_t random_left;
    struct llmp_metrics metrics;
};

/* The configuration in force, without taking a reference. Cheap: a version
 * number is compared, the lock is taken after a reload only. */
struct llmp_config *llmp_worker_config(struct llmp_worker *worker);

/* Verified tokens, made when the first is wanted; NULL: no memory. */
struct llmp_token_cache *llmp_worker_tokens(struct llmp_worker *worker);

/* Where usage is booked; NULL: nowhere. */
struct llmp_ledger *llmp_worker_ledger(const struct llmp_worker *worker);

/* The limits that all workers share. */
struct llmp_limiter *llmp_worker_limiter(const struct llmp_worker *worker);

/* Fills `size` (at most 64) unpredictable bytes. */
void llmp_worker_random(struct llmp_worker *worker, void *bytes, size_t size);

/* exchange.c: frees what the pool holds. */
void llmp_exchange_pool_free(struct llmp_worker *worker);

/* What is in force; the caller owns the reference. */
struct llmp_access *llmp_gateway_access(struct llmp_gateway *gateway);

bool llmp_gateway_draining(const struct llmp_gateway *gateway);

#endif
