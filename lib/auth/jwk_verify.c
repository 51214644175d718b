/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is this signature that key's? The algorithm is one that the key is bound to;
 * what the signature must look like follows from it alone.
 */
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>
#include <sodium.h>

#include "auth/alg.h"
#include "auth/jwk.h"
#include "base/internal.h"
#include "base/str.h"

enum { COORDINATE_MAX = 66, DER_MAX = 2 * (COORDINATE_MAX + 3) + 4 };

/* A positive integer in DER: no leading zeros, but one before a high bit. */
static uint8_t *put_integer(uint8_t *to, const uint8_t *bytes, size_t size)
{
    while (size > 1 && *bytes == 0) {
        bytes++;
        size--;
    }

    bool high = *bytes & 0x80;

    *to++ = 0x02;
    *to++ = (uint8_t)(size + high);
    if (high)
        *to++ = 0;
    memcpy(to, bytes, size);
    return to + size;
}

/* r ‖ s becomes SEQUENCE { r, s }; returns its size. */
static size_t der_of(uint8_t der[DER_MAX], const uint8_t *raw, size_t size)
{
    uint8_t body[DER_MAX], *at = der;
    uint8_t *end = put_integer(put_integer(body, raw, size), raw + size, size);
    size_t len = (size_t)(end - body);

    *at++ = 0x30;
    if (len > 127)
        *at++ = 0x81;
    *at++ = (uint8_t)len;
    memcpy(at, body, len);
    return (size_t)(at - der) + len;
}

static bool set_pss(EVP_PKEY_CTX *ctx)
{
    return EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING) == 1 &&
           EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST) == 1;
}

static int verify_public(const struct llmp_jwk *key,
                         const struct llmp_alg_info *info, struct llmp_str text,
                         const uint8_t *signature, size_t size)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *key_ctx;
    int rc = LLMP_AUTH_TOKEN_SIGNATURE;

    if (!ctx)
        return LLMP_E_NOMEM;
    if (EVP_DigestVerifyInit(ctx, &key_ctx, info->hash ? info->hash() : NULL,
                             NULL, key->public_key) != 1)
        rc = LLMP_E_NOMEM;
    else if ((info->kind != LLMP_ALG_KIND_RSA_PSS || set_pss(key_ctx)) &&
             EVP_DigestVerify(ctx, signature, size, (const uint8_t *)text.ptr,
                              text.len) == 1)
        rc = LLMP_OK;
    EVP_MD_CTX_free(ctx);
    if (rc != LLMP_OK)
        ERR_clear_error();
    return rc;
}

static int verify_hmac(const struct llmp_jwk *key,
                       const struct llmp_alg_info *info, struct llmp_str text,
                       struct llmp_str signature)
{
    uint8_t mac[EVP_MAX_MD_SIZE];
    unsigned size = 0;

    if (signature.len != info->size)
        return LLMP_AUTH_TOKEN_SIGNATURE;
    if (!HMAC(info->hash(), key->secret.ptr, (int)key->secret.len,
              (const uint8_t *)text.ptr, text.len, mac, &size))
        return LLMP_E_NOMEM;
    return sodium_memcmp(mac, signature.ptr, info->size) == 0
               ? LLMP_OK
               : LLMP_AUTH_TOKEN_SIGNATURE;
}

int llmp_jwk_verify(const struct llmp_jwk *key, uint32_t algorithm,
                    struct llmp_str text, struct llmp_str signature)
{
    const struct llmp_alg_info *info = llmp_alg_info(algorithm);
    const uint8_t *bytes = (const uint8_t *)signature.ptr;
    uint8_t der[DER_MAX];

    assert(info && (key->algorithms & algorithm));
    if (info->kind == LLMP_ALG_KIND_HMAC)
        return verify_hmac(key, info, text, signature);
    if (info->kind != LLMP_ALG_KIND_EC)
        return verify_public(key, info, text, bytes, signature.len);
    if (signature.len != 2 * info->size)
        return LLMP_AUTH_TOKEN_SIGNATURE;
    return verify_public(key, info, text, der, der_of(der, bytes, info->size));
}
