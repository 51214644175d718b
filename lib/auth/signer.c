/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that sign our own tokens: Ed25519, or P-256 for those who cannot verify
 * it. Made of 32 secret bytes, so that whoever keeps secrets keeps all alike.
 */
#include "auth/signer.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>

#include "auth/base64url.h"
#include "auth/text.h"
#include "base/alloc.h"
#include "base/internal.h"

struct llmp_signer *llmp_signer_ref(struct llmp_signer *signer)
{
    if (signer)
        atomic_fetch_add_explicit(&signer->refs, 1, memory_order_relaxed);
    return signer;
}

void llmp_signer_unref(struct llmp_signer *signer)
{
    if (!signer ||
        atomic_fetch_sub_explicit(&signer->refs, 1, memory_order_acq_rel) != 1)
        return;
    EVP_PKEY_free(signer->key);
    llmp_free(signer);
}

static void signer_unrefp(struct llmp_signer **signer)
{
    llmp_signer_unref(*signer);
}

/* ---------------------------------------------------------------- making -- */

static bool kid_is_sound(struct llmp_str kid)
{
    for (size_t i = 0; i < kid.len; i++) {
        char c = kid.ptr[i];

        if (!((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
              (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '-'))
            return false;
    }
    return kid.len > 0 && kid.len <= LLMP_SIGNER_KID_MAX;
}

static int ed25519_make(struct llmp_signer *signer, const uint8_t secret[32])
{
    size_t size = sizeof(signer->x);

    signer->key =
        EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, secret, 32);
    if (!signer->key ||
        EVP_PKEY_get_raw_public_key(signer->key, signer->x, &size) != 1)
        return LLMP_E_NOMEM;
    return LLMP_OK;
}

/* The public point that belongs to the scalar, uncompressed. */
static bool p256_point(const BIGNUM *scalar, uint8_t point[65])
{
    EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
    EC_POINT *result = group ? EC_POINT_new(group) : NULL;
    bool ok = result && EC_POINT_mul(group, result, scalar, NULL, NULL, NULL) &&
              EC_POINT_point2oct(group, result, POINT_CONVERSION_UNCOMPRESSED,
                                 point, 65, NULL) == 65;

    EC_POINT_free(result);
    EC_GROUP_free(group);
    return ok;
}

static EVP_PKEY *p256_key(const BIGNUM *scalar, const uint8_t point[65])
{
    OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    OSSL_PARAM *params = NULL;
    EVP_PKEY *key = NULL;

    if (builder && ctx &&
        OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME,
                                        "P-256", 0) &&
        OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY,
                                         point, 65) &&
        OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_PRIV_KEY, scalar))
        params = OSSL_PARAM_BLD_to_param(builder);
    if (params && (EVP_PKEY_fromdata_init(ctx) != 1 ||
                   EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_KEYPAIR, params) != 1))
        key = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(builder);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* A scalar is 1 … order - 1; below 2^256 only one in 2^32 is not. */
static bool scalar_is_sound(const BIGNUM *scalar)
{
    static const uint8_t order[32] = { 0xFF, 0xFF, 0xFF, 0xFF, 0x00, 0x00, 0x00,
                                       0x00, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                                       0xFF, 0xFF, 0xBC, 0xE6, 0xFA, 0xAD, 0xA7,
                                       0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2,
                                       0xFC, 0x63, 0x25, 0x51 };
    BIGNUM *end = BN_bin2bn(order, sizeof(order), NULL);
    bool ok = end && !BN_is_zero(scalar) && BN_cmp(scalar, end) < 0;

    BN_free(end);
    return ok;
}

static int p256_make(struct llmp_signer *signer, const uint8_t secret[32])
{
    BIGNUM *scalar = BN_secure_new();
    uint8_t point[65];
    int rc = LLMP_E_NOMEM;

    if (!scalar || !BN_bin2bn(secret, 32, scalar))
        goto done;
    rc = LLMP_E_INVALID;
    if (!scalar_is_sound(scalar))
        goto done;
    rc = LLMP_E_NOMEM;
    if (!p256_point(scalar, point))
        goto done;
    signer->key = p256_key(scalar, point);
    memcpy(signer->x, point + 1, sizeof(signer->x));
    memcpy(signer->y, point + 33, sizeof(signer->y));
    rc = signer->key ? LLMP_OK : LLMP_E_NOMEM;
done:
    BN_clear_free(scalar);
    return rc;
}

int llmp_signer_new(struct llmp_signer **out, enum llmp_alg alg,
                    struct llmp_str kid, const uint8_t secret[32],
                    struct llmp_error *err)
{
    LLMP_AUTO(signer_unrefp) struct llmp_signer *signer = NULL;
    int rc;

    LLMP_ENSURE(alg == LLMP_ALG_EDDSA || alg == LLMP_ALG_ES256, err,
                LLMP_E_INVALID, "own tokens are signed by EdDSA or ES256");
    LLMP_ENSURE(kid_is_sound(kid), err, LLMP_E_INVALID,
                "a kid is 1 to %d of A-Z a-z 0-9 . _ -", LLMP_SIGNER_KID_MAX);
    signer = llmp_alloc(sizeof(*signer));
    LLMP_ENSURE(signer, err, LLMP_E_NOMEM, "no memory for the signer");
    atomic_init(&signer->refs, 1);
    signer->alg = alg;
    (void)llmp_put_str(signer->kid, kid);
    rc = alg == LLMP_ALG_EDDSA ? ed25519_make(signer, secret)
                               : p256_make(signer, secret);
    ERR_clear_error();
    LLMP_ENSURE(rc == LLMP_OK, err, rc, "the secret makes no key");
    *out = llmp_steal(&signer);
    return LLMP_OK;
}

size_t llmp_signer_jwks(const struct llmp_signer *signer, char *out,
                        size_t size)
{
    char x[LLMP_BASE64URL_LEN(32) + 1] = "", y[LLMP_BASE64URL_LEN(32) + 1] = "";

    (void)llmp_base64url_encode(x, signer->x, sizeof(signer->x));
    (void)llmp_base64url_encode(y, signer->y, sizeof(signer->y));
    if (signer->alg == LLMP_ALG_EDDSA)
        return llmp_text_print(
            out, size,
            "{\"keys\":[{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"use\":\"sig\","
            "\"alg\":\"EdDSA\",\"kid\":\"%s\",\"x\":\"%s\"}]}",
            signer->kid, x);
    return llmp_text_print(
        out, size,
        "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"use\":\"sig\","
        "\"alg\":\"ES256\",\"kid\":\"%s\",\"x\":\"%s\",\"y\":\"%s\"}]}",
        signer->kid, x, y);
}

/* --------------------------------------------------------------- signing -- */

/* SEQUENCE { r, s } becomes r ‖ s. */
static bool raw_of(uint8_t out[LLMP_SIGNATURE_SIZE], const uint8_t *der,
                   size_t size)
{
    ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &der, (long)size);
    bool ok = sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), out, 32) == 32 &&
              BN_bn2binpad(ECDSA_SIG_get0_s(sig), out + 32, 32) == 32;

    ECDSA_SIG_free(sig);
    return ok;
}

bool llmp_signer_sign(const struct llmp_signer *signer, struct llmp_str text,
                      uint8_t out[LLMP_SIGNATURE_SIZE])
{
    bool ec = signer->alg == LLMP_ALG_ES256;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t signature[80];
    size_t size = sizeof(signature);
    bool ok = ctx &&
              EVP_DigestSignInit(ctx, NULL, ec ? EVP_sha256() : NULL, NULL,
                                 signer->key) == 1 &&
              EVP_DigestSign(ctx, signature, &size, (const uint8_t *)text.ptr,
                             text.len) == 1;

    EVP_MD_CTX_free(ctx);
    if (ok && ec)
        ok = raw_of(out, signature, size);
    else if (ok)
        memcpy(out, signature, LLMP_SIGNATURE_SIZE);
    ERR_clear_error();
    return ok;
}
