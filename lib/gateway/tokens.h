/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Providers' bearer tokens, which all exchanges share: kept under the id of
 * their configuration, so that a reload does not fetch them anew. One exchange
 * fetches (stage_credential.c), the others wait or use the one before.
 */
#ifndef LLMP_GATEWAY_TOKENS_H
#define LLMP_GATEWAY_TOKENS_H

#include <pthread.h>

#include "base/alloc.h"
#include "cloud/token.h"
#include "gateway/wake.h"

struct llmp_vendor_token {
    struct llmp_vendor_token *next;
    struct llmp_cloud_token token; /* under the list's lock */
    char id[65];
};

struct llmp_tokens {
    struct llmp_wait_list waiting; /* who needs one that is being fetched */
    pthread_mutex_t lock;
    struct {
        struct llmp_vendor_token *first; /* never removed: as many as there
                                            were configurations of them */
    } synced;
};

int llmp_tokens_init(struct llmp_tokens *tokens);
void llmp_tokens_fini(struct llmp_tokens *tokens);

/* The one with this id, made if need be. NULL: no memory. */
struct llmp_vendor_token *llmp_tokens_find(struct llmp_tokens *tokens,
                                           struct llmp_str id);

/*
 * What to do now (cloud/token.h).
 *
 * @param bearer  receives "Bearer …" in `arena` where there is one to use:
 *                with LLMP_CLOUD_USE always
 */
int llmp_tokens_want(struct llmp_tokens *tokens,
                     struct llmp_vendor_token *token, uint64_t now_ns,
                     struct llmp_arena *arena, struct llmp_str *bearer);

/* The end of a fetch; wakes those who wait.
 * @param grant  NULL: it failed */
void llmp_tokens_report(struct llmp_tokens *tokens,
                        struct llmp_vendor_token *token,
                        const struct llmp_cloud_grant *grant, bool retryable,
                        uint64_t now_ns, uint64_t chance);

/* Nobody knows how the fetch would have ended; wakes those who wait. */
void llmp_tokens_abandon(struct llmp_tokens *tokens,
                         struct llmp_vendor_token *token);

/* @param bearer  the one that a provider refused */
void llmp_tokens_refused(struct llmp_tokens *tokens,
                         struct llmp_vendor_token *token,
                         struct llmp_str bearer);

#endif
