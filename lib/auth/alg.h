/* SPDX-License-Identifier: Apache-2.0 */
/* What each signature algorithm is made of. */
#ifndef LLMP_AUTH_ALG_H
#define LLMP_AUTH_ALG_H

#include <llmproxy/auth.h>
#include <openssl/evp.h>

enum llmp_alg_kind {
    LLMP_ALG_KIND_RSA,
    LLMP_ALG_KIND_RSA_PSS,
    LLMP_ALG_KIND_EC,
    LLMP_ALG_KIND_EDWARDS,
    LLMP_ALG_KIND_HMAC
};

struct llmp_alg_info {
    uint32_t bit;
    enum llmp_alg_kind kind;
    const EVP_MD *(*hash)(void); /* NULL: inside the algorithm */
    size_t size; /* EC: of a coordinate; HMAC: of the hash, and the least of
                    a secret */
};

#define LLMP_ALG_RSA                                                     \
    (LLMP_ALG_RS256 | LLMP_ALG_RS384 | LLMP_ALG_RS512 | LLMP_ALG_PS256 | \
     LLMP_ALG_PS384 | LLMP_ALG_PS512)
#define LLMP_ALG_HMAC (LLMP_ALG_HS256 | LLMP_ALG_HS384 | LLMP_ALG_HS512)

/* Of a single bit; NULL for anything else. */
const struct llmp_alg_info *llmp_alg_info(uint32_t bit);

#endif
