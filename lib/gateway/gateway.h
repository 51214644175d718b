/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all exchanges share: the gateway (configuration in force, the list of
 * workers for the metrics) and the worker (pool, randomness, its own metrics).
 */
#ifndef LLMP_GATEWAY_GATEWAY_H
#define LLMP_GATEWAY_GATEWAY_H

#include <llmproxy/gateway.h>
#include <llmproxy/store.h>
#include <pthread.h>
#include <stdatomic.h>

#include "gateway/access.h"
#include "gateway/anomalies.h"
#include "gateway/checks.h"
#include "gateway/config.h"
#include "gateway/line.h"
#include "gateway/metrics.h"
#include "gateway/tokens.h"
#include "gateway/wake.h"

enum { LLMP_ADMIN_SHARES = 256 };

/* What the store's thread keeps of the store (sync.c). */
struct llmp_stored {
    struct llmp_store_writer *writer;
    struct llmp_directory directory; /* changed under `change` only */
    bool loaded;                     /* likewise */
    bool stale;          /* memory was short: all has to be made anew */
    uint64_t used_at_ns; /* when times of last use were written */
    uint64_t trim_at_ns; /* when to look for what is old */
    atomic_bool syncing; /* the job below is queued */
    struct llmp_store_job job;
    struct llmp_time now; /* of the job */
    void (*loaded_fn)(int status, void *ctx);
    void *loaded_ctx;
    atomic_uint requests;                  /* of administration, under way */
    atomic_uint shares[LLMP_ADMIN_SHARES]; /* of them, by who asks */
};

/* How long nobody waits for a store that does not answer; until it does. It is
 * counted from when it was asked, and a locked one takes seconds to say no. */
#define LLMP_ALONE_NS (15 * LLMP_NS_PER_S)

/* What limits ask of the store, and give back (share.c). */
struct llmp_sharing {
    struct llmp_store_job job;
    atomic_bool asking;   /* the job is queued or runs */
    atomic_bool ending;   /* all leases are to be given back */
    bool gives_all;       /* the job does that */
    bool gave_all;        /* and did before, in vain */
    bool refuse;          /* nobody passes whom the store knows nothing of */
    struct llmp_time now; /* of the job */
    _Atomic uint64_t retry_ns;     /* monotonic: do not ask before */
    char holder[33];               /* of our leases */
    struct llmp_wait_list waiting; /* requests that need its answer */
};

struct llmp_gateway {
    struct llmp_random random;
    atomic_bool draining;
    atomic_uint_fast64_t version; /* of the configuration; from 1 */
    struct llmp_limiter *limiter;
    struct llmp_router *router;
    struct llmp_lines *lines;           /* who waits for a deployment's room */
    struct llmp_ledger *_Atomic ledger; /* the embedder's; or NULL */
    struct llmp_stored stored;
    struct llmp_tokens tokens; /* of providers */
    struct llmp_checks checks; /* likewise: of their health */
    struct llmp_anomalies anomalies;
    uint8_t spotlight_key[16]; /* of marks that nobody can guess */
    struct llmp_remote_health {
        atomic_uint failures;          /* in a row */
        atomic_uint_fast64_t until_ns; /* it is left alone */
    } remotes[LLMP_GUARD_STAGES_MAX];  /* whom guards ask, by stage */
    struct llmp_wait_list keys;        /* who waits for an issuer's keys */
    struct llmp_sharing sharing;
    pthread_mutex_t change; /* before `lock` */
    pthread_mutex_t lock;
    struct {
        struct llmp_config *config;
        struct llmp_access *access; /* made from it */
        struct llmp_worker *workers;
    } synced;
};

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
    uint64_t held;             /* bytes of bodies that exchanges hold */
    uint64_t begun;            /* exchanges so far */
    struct llmp_arena scratch; /* of one feed; empty between two */
    uint8_t random[4096];
    uint32_t random_left;
    struct llmp_guard_scanner *scanner; /* made when it is wanted; or NULL */
    const struct llmp_guard_policy *scanner_of;
    struct llmp_metrics metrics;
    struct llmp_mailbox *mailbox; /* exchanges that were woken */
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

/* Makes it what is in force; takes the reference over. Under `change`. */
void llmp_gateway_swap(struct llmp_gateway *gateway,
                       struct llmp_access *access);

/* Makes all of it anew. Under `change`. @param config  NULL: the same */
int llmp_gateway_rebuild(struct llmp_gateway *gateway,
                         struct llmp_config *config, struct llmp_error *err);

/* sync.c: what changed in the store comes into force. On its thread. */
int llmp_gateway_sync_now(struct llmp_gateway *gateway,
                          struct llmp_store *store, struct llmp_error *err);

/* retention.c: deletes a little of what is too old. On the store's thread. */
void llmp_gateway_trim(struct llmp_gateway *gateway, struct llmp_store *store,
                       struct llmp_time now);
/* share.c: all leases are given back, by a job that is queued. */
void llmp_gateway_return_limits(struct llmp_gateway *gateway,
                                struct llmp_time now);

/* share.c: once, when there is a store: how limits depend on it. */
void llmp_gateway_share(struct llmp_gateway *gateway);
/* Has the store asked what limits want to know, unless that is under way. From
 * any thread. */
void llmp_gateway_ask(struct llmp_gateway *gateway, struct llmp_time now);
/* Does it, and ends leases that nobody needs. On the store's thread. */
int llmp_gateway_share_now(struct llmp_gateway *gateway,
                           struct llmp_store *store, struct llmp_time now,
                           struct llmp_error *err);

bool llmp_gateway_draining(const struct llmp_gateway *gateway);

#endif
