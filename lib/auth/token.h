/* SPDX-License-Identifier: Apache-2.0 */
/* A token that was verified, and what the issuer and the cache need of it. */
#ifndef LLMP_AUTH_TOKEN_H
#define LLMP_AUTH_TOKEN_H

#include <stdatomic.h>

#include "auth/jws.h"
#include "auth/token_policy.h"

struct llmp_token {
    atomic_uint refs;
    struct llmp_arena arena; /* for the principal's texts */
    struct llmp_principal principal;
    uint64_t issued_s; /* 0: not said */
    uint64_t ends_ns;  /* exp with leeway, wall */
    /* Of llmp_issuer_verify(): whose keys, and which version of them. */
    struct llmp_issuer *issuer; /* a reference, or NULL */
    uint64_t version;
};

/* Checks type and claims of a token whose signature was verified, and makes
 * it. Answers as llmp_token_verify(). */
int llmp_token_new(struct llmp_token **out,
                   const struct llmp_token_policy *policy,
                   const struct llmp_jws *jws, uint64_t wall_ns,
                   struct llmp_error *err);

#endif
