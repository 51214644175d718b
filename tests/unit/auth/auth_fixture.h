/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of lib/auth share: repeatable randomness, tokens made by
 * hand, signed by a signer of ours. */
#ifndef AUTH_FIXTURE_H
#define AUTH_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "auth/base64url.h"
#include "auth/signer.h"
#include "base/internal.h"
#include "base/str.h"

#define S(text) LLMP_STR(text)
#define WALL_S  UINT64_C(1750000000)
#define WALL_NS (WALL_S * LLMP_NS_PER_S)

/* xorshift: the same bytes in every run. */
static inline void fixture_fill(void *bytes, size_t size, void *ctx)
{
    uint64_t *state = ctx;
    uint8_t *at = bytes;

    for (size_t i = 0; i < size; i++) {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        at[i] = (uint8_t)(*state >> 24);
    }
}

static inline struct llmp_signer *fixture_signer(enum llmp_alg alg,
                                                 const char *kid, uint8_t seed)
{
    struct llmp_signer *signer = NULL;
    uint8_t secret[32];

    memset(secret, seed, sizeof(secret));
    if (llmp_signer_new(&signer, alg, llmp_str_of(kid), secret, NULL) !=
        LLMP_OK)
        abort();
    return signer;
}

static inline struct llmp_jwks *fixture_keys(const struct llmp_signer *signer)
{
    struct llmp_jwks *keys = NULL;
    char text[512];
    size_t len = llmp_signer_jwks(signer, text, sizeof(text));

    if (llmp_jwks_parse(&keys, (struct llmp_str){ text, len }, 0, NULL) !=
        LLMP_OK)
        abort();
    return keys;
}

/* A token of any header and claims; the caller frees it. */
static inline char *fixture_token(const struct llmp_signer *signer,
                                  const char *header, const char *claims)
{
    size_t size = (strlen(header) + strlen(claims)) * 4 / 3 + 200;
    char *token = malloc(size), *at = token;
    uint8_t signature[LLMP_SIGNATURE_SIZE];

    at = llmp_base64url_encode(at, header, strlen(header));
    *at++ = '.';
    at = llmp_base64url_encode(at, claims, strlen(claims));
    if (!llmp_signer_sign(signer,
                          (struct llmp_str){ token, (size_t)(at - token) },
                          signature))
        abort();
    *at++ = '.';
    at = llmp_base64url_encode(at, signature, sizeof(signature));
    *at = '\0';
    return token;
}

#endif
