/* SPDX-License-Identifier: Apache-2.0 */
/* A compact JWS taken apart: decoded, its header read, nothing believed. */
#ifndef LLMP_AUTH_JWS_H
#define LLMP_AUTH_JWS_H

#include "auth/jwk.h"
#include "base/alloc.h"

struct llmp_jws {
    struct llmp_str signed_text; /* header.payload, as it came */
    struct llmp_str payload, signature;
    bool has_kid, has_type;
    struct llmp_str kid, type; /* without escapes */
    uint32_t algorithm;        /* a bit; 0: unknown, such as "none" */
};

/* LLMP_OK, LLMP_AUTH_TOKEN_MALFORMED, _HEADER, LLMP_E_NOMEM. What is decoded
 * lies in `arena`. */
int llmp_jws_open(struct llmp_jws *out, struct llmp_str text,
                  struct llmp_arena *arena);

/* Only the payload, of a token that nobody verifies. */
int llmp_jws_payload(struct llmp_str *out, struct llmp_str text,
                     struct llmp_arena *arena);

/* LLMP_OK; LLMP_AUTH_TOKEN_ALGORITHM, _KEY_UNKNOWN, _SIGNATURE;
 * LLMP_E_NOMEM. */
int llmp_jws_verify(const struct llmp_jws *jws, const struct llmp_jwks *keys,
                    uint32_t allowed);

#endif
