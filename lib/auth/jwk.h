/* SPDX-License-Identifier: Apache-2.0 */
/* One key that verifies signatures, bound to the algorithms it may be used
 * with. */
#ifndef LLMP_AUTH_JWK_H
#define LLMP_AUTH_JWK_H

#include <llmproxy/auth.h>
#include <openssl/evp.h>
#include <stdatomic.h>

enum { LLMP_KID_MAX = 128, LLMP_JWK_SECRET_MAX = 1024 };

struct llmp_jwk {
    struct llmp_str kid;  /* may be empty */
    uint32_t algorithms;  /* bits: what it may verify */
    EVP_PKEY *public_key; /* NULL: it is a secret */
    struct llmp_str secret;
};

/* A JWK's members as text; absent ones are empty. */
struct llmp_jwk_members {
    struct llmp_str kty, kid, use, alg, crv, x, y, n, e, k;
    bool key_ops, verifies; /* it has key_ops; "verify" is among them */
    bool is_private;        /* it has parts that nobody should see */
    bool odd;               /* a member has another type than it should */
};

/*
 * Makes a key, with memory for its texts from `arena`.
 *
 * LLMP_OK; LLMP_MISS: it cannot verify, is weak, or is not allowed;
 * LLMP_E_NOMEM.
 */
struct llmp_arena;
int llmp_jwk_init(struct llmp_jwk *key, const struct llmp_jwk_members *members,
                  uint32_t allowed, struct llmp_arena *arena);
void llmp_jwk_fini(struct llmp_jwk *key);

/* Whether `signature` is this key's for `text` under one algorithm of its
 * own. LLMP_OK, LLMP_AUTH_TOKEN_SIGNATURE, LLMP_E_NOMEM. */
int llmp_jwk_verify(const struct llmp_jwk *key, uint32_t algorithm,
                    struct llmp_str text, struct llmp_str signature);

/* A set, as llmp_jwks_parse() makes it. */
struct llmp_jwks {
    atomic_uint refs;
    size_t count, skipped;
    struct llmp_jwk *keys;
    struct llmp_arena *arena; /* for texts and secrets */
};

/* The key for a token's header; NULL: there is none. */
const struct llmp_jwk *llmp_jwks_find(const struct llmp_jwks *keys,
                                      bool has_kid, struct llmp_str kid,
                                      uint32_t algorithm);

#endif
