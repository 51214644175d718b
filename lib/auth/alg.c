/* SPDX-License-Identifier: Apache-2.0 */
/* The signature algorithms of RFC 7518 and RFC 8037 as a table. */
#include "auth/alg.h"

#include "base/internal.h"
#include "base/str.h"

uint32_t llmp_alg_find(struct llmp_str name)
{
#define ALG_FIND(alg, bit, text)           \
    if (llmp_str_eq(name, LLMP_STR(text))) \
        return LLMP_ALG_##alg;
    LLMP_ALG_TABLE(ALG_FIND)
#undef ALG_FIND
    return 0;
}

const struct llmp_alg_info *llmp_alg_info(uint32_t bit)
{
    static const struct llmp_alg_info infos[] = {
        { LLMP_ALG_RS256, LLMP_ALG_KIND_RSA, EVP_sha256, 0 },
        { LLMP_ALG_RS384, LLMP_ALG_KIND_RSA, EVP_sha384, 0 },
        { LLMP_ALG_RS512, LLMP_ALG_KIND_RSA, EVP_sha512, 0 },
        { LLMP_ALG_PS256, LLMP_ALG_KIND_RSA_PSS, EVP_sha256, 0 },
        { LLMP_ALG_PS384, LLMP_ALG_KIND_RSA_PSS, EVP_sha384, 0 },
        { LLMP_ALG_PS512, LLMP_ALG_KIND_RSA_PSS, EVP_sha512, 0 },
        { LLMP_ALG_ES256, LLMP_ALG_KIND_EC, EVP_sha256, 32 },
        { LLMP_ALG_ES384, LLMP_ALG_KIND_EC, EVP_sha384, 48 },
        { LLMP_ALG_ES512, LLMP_ALG_KIND_EC, EVP_sha512, 66 },
        { LLMP_ALG_EDDSA, LLMP_ALG_KIND_EDWARDS, NULL, 0 },
        { LLMP_ALG_HS256, LLMP_ALG_KIND_HMAC, EVP_sha256, 32 },
        { LLMP_ALG_HS384, LLMP_ALG_KIND_HMAC, EVP_sha384, 48 },
        { LLMP_ALG_HS512, LLMP_ALG_KIND_HMAC, EVP_sha512, 64 },
    };

    for (size_t i = 0; i < LLMP_COUNT(infos); i++)
        if (infos[i].bit == bit)
            return &infos[i];
    return NULL;
}
