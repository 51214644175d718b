/* SPDX-License-Identifier: Apache-2.0 */
/* What a token must be and where its claims are, checked and copied once. */
#ifndef LLMP_AUTH_TOKEN_POLICY_H
#define LLMP_AUTH_TOKEN_POLICY_H

#include <stdatomic.h>

#include "auth/claims.h"

/* Claims by the index of their paths. */
enum llmp_claim {
    LLMP_CLAIM_ISS,
    LLMP_CLAIM_AUD,
    LLMP_CLAIM_EXP,
    LLMP_CLAIM_NBF,
    LLMP_CLAIM_IAT,
    LLMP_CLAIM_AUTH_TIME,
    LLMP_CLAIM_ACR,
    LLMP_CLAIM_AMR,
    LLMP_CLAIM_JTI,
    LLMP_CLAIM_USER,
    LLMP_CLAIM_NAME,
    LLMP_CLAIM_TEAM,
    LLMP_CLAIM_ORG,
    LLMP_CLAIM_ROLE,
    LLMP_CLAIM_GRANTOR,
    LLMP_CLAIM_GRANTOR_TAG,
    LLMP_CLAIM_REGISTERED,
    LLMP_CLAIM_ABOVE,
    LLMP_CLAIM_COUNT
};

struct llmp_token_policy {
    atomic_uint refs;
    struct llmp_arena arena;
    struct llmp_claim_path paths[LLMP_CLAIM_COUNT];
    struct llmp_str issuer;
    struct llmp_str *audiences;
    size_t audience_count;
    struct llmp_role_rule *roles;
    size_t role_count;
    enum llmp_role role_default;
    struct llmp_str team, org; /* of everybody */
    uint32_t algorithms;
    bool access_tokens_only;
    uint64_t leeway_s, lifetime_s_max;
};

#endif
