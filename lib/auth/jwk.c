/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JSON Web Key becomes a key of OpenSSL's, if it is one that we would trust:
 * the right kind and use, strong, not known to be broken, and bound to the
 * algorithms it may verify (never the other way round).
 */
#include "auth/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "auth/alg.h"
#include "auth/base64url.h"
#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"

enum {
    MODULUS_BITS_MIN = 2048,
    MODULUS_BITS_MAX = 8192, /* verifying takes cubic time */
    EXPONENT_SIZE_MAX = 8,
    NUMBER_SIZE_MAX = 1100
};

/* Bytes of a member, in memory of its own size at most. */
struct number {
    uint8_t bytes[NUMBER_SIZE_MAX];
    size_t size;
};

static bool number_read(struct number *out, struct llmp_str text)
{
    return text.len && LLMP_BASE64URL_BYTES(text.len) <= NUMBER_SIZE_MAX &&
           llmp_base64url_decode(out->bytes, &out->size, text) && out->size;
}

static void bn_freep(BIGNUM **bn)
{
    BN_free(*bn);
}

static void builder_freep(OSSL_PARAM_BLD **builder)
{
    OSSL_PARAM_BLD_free(*builder);
}

/* A public key of the built parameters; NULL if OpenSSL does not like them. */
static EVP_PKEY *key_make(const char *type, OSSL_PARAM_BLD *builder)
{
    OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    EVP_PKEY *key = NULL;

    if (params && ctx && EVP_PKEY_fromdata_init(ctx) == 1 &&
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1)
        key = NULL;
    EVP_PKEY_CTX_free(ctx);
    OSSL_PARAM_free(params);
    return key;
}

/* ------------------------------------------------------------------- RSA -- */

/* Whether `residue` is a power of 65537 modulo the prime. */
static bool is_power(BN_ULONG residue, BN_ULONG prime)
{
    BN_ULONG power = 1;

    for (BN_ULONG i = 0; i < prime; i++) {
        if (power == residue)
            return true;
        power = power * 65537 % prime;
    }
    return false;
}

/*
 * ROCA (CVE-2017-15361): the library that made such primes as k·M + 65537^a
 * mod M leaves a modulus that is a power of 65537 modulo every small prime.
 * A proper modulus is that with a chance of less than 2^-27.
 */
static bool is_roca(const BIGNUM *modulus)
{
    for (BN_ULONG prime = 3; prime <= 167; prime += 2) {
        bool composite = false;

        for (BN_ULONG d = 3; d * d <= prime; d += 2)
            composite |= prime % d == 0;
        if (!composite && !is_power(BN_mod_word(modulus, prime), prime))
            return false;
    }
    return true;
}

static bool rsa_is_sound(const BIGNUM *modulus, const BIGNUM *exponent)
{
    int bits = BN_num_bits(modulus);

    return bits >= MODULUS_BITS_MIN && bits <= MODULUS_BITS_MAX &&
           BN_is_odd(modulus) && BN_is_odd(exponent) && !BN_is_one(exponent) &&
           !is_roca(modulus);
}

static EVP_PKEY *rsa_make(const struct llmp_jwk_members *members)
{
    struct number n, e;
    LLMP_AUTO(bn_freep) BIGNUM *modulus = NULL;
    LLMP_AUTO(bn_freep) BIGNUM *exponent = NULL;
    LLMP_AUTO(builder_freep) OSSL_PARAM_BLD *builder = NULL;

    if (!number_read(&n, members->n) || !number_read(&e, members->e) ||
        e.size > EXPONENT_SIZE_MAX)
        return NULL;
    modulus = BN_bin2bn(n.bytes, (int)n.size, NULL);
    exponent = BN_bin2bn(e.bytes, (int)e.size, NULL);
    builder = OSSL_PARAM_BLD_new();
    if (!modulus || !exponent || !builder || !rsa_is_sound(modulus, exponent) ||
        !OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, modulus) ||
        !OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, exponent))
        return NULL;
    return key_make("RSA", builder);
}

/* ---------------------------------------------------------------- curves -- */

static const struct curve {
    struct llmp_str kty, name;
    uint32_t algorithm;
    const char *group; /* of OpenSSL; NULL: a raw key of `type` */
    int type;
    size_t size; /* of a coordinate */
} curves[] = {
    { { "EC", 2 }, { "P-256", 5 }, LLMP_ALG_ES256, "P-256", 0, 32 },
    { { "EC", 2 }, { "P-384", 5 }, LLMP_ALG_ES384, "P-384", 0, 48 },
    { { "EC", 2 }, { "P-521", 5 }, LLMP_ALG_ES512, "P-521", 0, 66 },
    { { "OKP", 3 },
      { "Ed25519", 7 },
      LLMP_ALG_EDDSA,
      NULL,
      EVP_PKEY_ED25519,
      32 },
    { { "OKP", 3 }, { "Ed448", 5 }, LLMP_ALG_EDDSA, NULL, EVP_PKEY_ED448, 57 },
};

static const struct curve *curve_find(const struct llmp_jwk_members *members)
{
    for (size_t i = 0; i < LLMP_COUNT(curves); i++)
        if (llmp_str_eq(curves[i].kty, members->kty) &&
            llmp_str_eq(curves[i].name, members->crv))
            return &curves[i];
    return NULL;
}

/* OpenSSL refuses a point that is not on the curve. */
static EVP_PKEY *ec_make(const struct curve *curve, const uint8_t *x,
                         const uint8_t *y)
{
    LLMP_AUTO(builder_freep) OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
    uint8_t point[1 + 2 * 66] = { 4 }; /* uncompressed */

    memcpy(point + 1, x, curve->size);
    memcpy(point + 1 + curve->size, y, curve->size);
    if (!builder ||
        !OSSL_PARAM_BLD_push_utf8_string(builder, OSSL_PKEY_PARAM_GROUP_NAME,
                                         curve->group, 0) ||
        !OSSL_PARAM_BLD_push_octet_string(builder, OSSL_PKEY_PARAM_PUB_KEY,
                                          point, 1 + 2 * curve->size))
        return NULL;
    return key_make("EC", builder);
}

static EVP_PKEY *curve_make(const struct curve *curve,
                            const struct llmp_jwk_members *members)
{
    struct number x, y;

    if (!number_read(&x, members->x) || x.size != curve->size)
        return NULL;
    if (!curve->group)
        return EVP_PKEY_new_raw_public_key(curve->type, NULL, x.bytes, x.size);
    if (!number_read(&y, members->y) || y.size != curve->size)
        return NULL;
    return ec_make(curve, x.bytes, y.bytes);
}

/* --------------------------------------------------------------- binding -- */

/* HS* that a secret is long enough for (RFC 7518, 3.2). */
static uint32_t secret_algorithms(size_t size)
{
    return (size >= 32 ? LLMP_ALG_HS256 : 0u) |
           (size >= 48 ? LLMP_ALG_HS384 : 0u) |
           (size >= 64 ? LLMP_ALG_HS512 : 0u);
}

static int secret_init(struct llmp_jwk *key, struct llmp_str text,
                       struct llmp_arena *arena)
{
    uint8_t *bytes;
    size_t size;

    if (text.len > LLMP_JWK_SECRET_MAX)
        return LLMP_MISS;
    bytes = llmp_arena_take(arena, LLMP_BASE64URL_BYTES(text.len));
    if (!bytes)
        return LLMP_E_NOMEM;
    if (!llmp_base64url_decode(bytes, &size, text))
        return LLMP_MISS;
    key->secret = (struct llmp_str){ (char *)bytes, size };
    key->algorithms &= secret_algorithms(size);
    return key->algorithms ? LLMP_OK : LLMP_MISS;
}

/* All that kty and crv could mean; then what `alg` leaves of it. "ES521" is
 * what some call ES512, also in RFC 7520. */
static uint32_t bound_algorithms(const struct llmp_jwk_members *members)
{
    const struct curve *curve = curve_find(members);
    uint32_t possible = 0, named;

    if (curve)
        possible = curve->algorithm;
    else if (llmp_str_eq(members->kty, LLMP_STR("RSA")))
        possible = LLMP_ALG_RSA;
    else if (llmp_str_eq(members->kty, LLMP_STR("oct")))
        possible = LLMP_ALG_HMAC;
    if (members->alg.len == 0)
        return possible;
    named = llmp_str_eq(members->alg, LLMP_STR("ES521"))
                ? (uint32_t)LLMP_ALG_ES512
                : llmp_alg_find(members->alg);
    return possible & named;
}

bool llmp_jwk_is_for_signatures(const struct llmp_jwk_members *members)
{
    if (members->use.len && !llmp_str_eq(members->use, LLMP_STR("sig")))
        return false;
    return !members->key_ops || members->verifies;
}

static int jwk_make(struct llmp_jwk *key,
                    const struct llmp_jwk_members *members, uint32_t allowed,
                    struct llmp_arena *arena)
{
    const struct curve *curve = curve_find(members);
    bool secret = llmp_str_eq(members->kty, LLMP_STR("oct")), ok = true;

    *key =
        (struct llmp_jwk){ .algorithms = bound_algorithms(members) & allowed };
    if (members->odd || members->is_private || !key->algorithms ||
        !llmp_jwk_is_for_signatures(members) || members->kid.len > LLMP_KID_MAX)
        return LLMP_MISS;
    key->kid = llmp_arena_str(arena, members->kid, &ok);
    if (!ok)
        return LLMP_E_NOMEM;
    if (secret)
        return secret_init(key, members->k, arena);
    key->public_key = curve ? curve_make(curve, members) : rsa_make(members);
    return key->public_key ? LLMP_OK : LLMP_MISS;
}

int llmp_jwk_init(struct llmp_jwk *key, const struct llmp_jwk_members *members,
                  uint32_t allowed, struct llmp_arena *arena)
{
    int rc = jwk_make(key, members, allowed, arena);

    /* What OpenSSL says about a bad key would be taken for a TLS error by
     * whoever uses this thread next. */
    ERR_clear_error();
    return rc;
}

void llmp_jwk_fini(struct llmp_jwk *key)
{
    EVP_PKEY_free(key->public_key);
}
