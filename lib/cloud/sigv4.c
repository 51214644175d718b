/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three hashes in a chain: of the body, of the canonical request with that,
 * and, keyed, of the "string to sign" with that. The body's is OpenSSL's,
 * which uses the processor's instructions; the short ones are libsodium's,
 * which cannot fail and leave their state on our stack, where it is wiped.
 */
#include "cloud/sigv4.h"

#include <openssl/evp.h>
#include <sodium.h>

#include "base/internal.h"
#include "base/str.h"
#include "cloud/civil.h"
#include "cloud/sigv4_canonical.h"

/* ------------------------------------------------------------------- key -- */

static void hmac(uint8_t out[32], const void *key, size_t key_size,
                 struct llmp_str text)
{
    crypto_auth_hmacsha256_state state;

    (void)crypto_auth_hmacsha256_init(&state, key, key_size);
    (void)crypto_auth_hmacsha256_update(&state, (const uint8_t *)text.ptr,
                                        text.len);
    (void)crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof(state));
}

/* Letters, digits, '-' and '_': nothing that separates parts of a scope. */
static bool is_plain(struct llmp_str text, size_t max)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
              (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return text.len > 0 && text.len <= max;
}

/* Writes access/date/region/service/aws4_request; the lengths are checked. */
static size_t put_credential(char out[LLMP_SIGV4_CREDENTIAL_MAX],
                             struct llmp_str access, struct llmp_str date,
                             struct llmp_str region, struct llmp_str service)
{
    const struct llmp_str parts[] = { access, date, region, service };
    char *at = out;

    for (size_t i = 0; i < LLMP_COUNT(parts); i++) {
        at = llmp_put_str(at, parts[i]);
        *at++ = '/';
    }
    at = llmp_put_str(at, LLMP_STR("aws4_request"));
    return (size_t)(at - out);
}

int llmp_sigv4_key_make(struct llmp_sigv4_key *key,
                        const struct llmp_aws_credentials *credentials,
                        struct llmp_str region, struct llmp_str service,
                        uint64_t wall_ns, struct llmp_error *err)
{
    struct llmp_str secret = credentials->secret;
    char moment[LLMP_CIVIL_BASIC_SIZE], start[4 + LLMP_AWS_SECRET_MAX];
    struct llmp_str date = { moment, LLMP_CIVIL_DATE_LEN };

    LLMP_ENSURE(is_plain(credentials->access, LLMP_AWS_ACCESS_MAX), err,
                LLMP_E_INVALID, "the AWS access key is not one");
    LLMP_ENSURE(secret.len > 0 && secret.len <= LLMP_AWS_SECRET_MAX, err,
                LLMP_E_INVALID, "the AWS secret key has 1 to %d bytes",
                LLMP_AWS_SECRET_MAX);
    LLMP_ENSURE(is_plain(region, LLMP_SIGV4_NAME_MAX), err, LLMP_E_INVALID,
                "the AWS region is not one");
    LLMP_ENSURE(is_plain(service, LLMP_SIGV4_NAME_MAX), err, LLMP_E_INVALID,
                "the AWS service is not one");
    llmp_civil_basic(moment, wall_ns);
    key->access_len = credentials->access.len;
    key->credential_len = put_credential(key->credential, credentials->access,
                                         date, region, service);
    (void)llmp_put_str(llmp_put_str(start, LLMP_STR("AWS4")), secret);
    hmac(key->key, start, 4 + secret.len, date);
    hmac(key->key, key->key, sizeof(key->key), region);
    hmac(key->key, key->key, sizeof(key->key), service);
    hmac(key->key, key->key, sizeof(key->key), LLMP_STR("aws4_request"));
    sodium_memzero(start, sizeof(start));
    return LLMP_OK;
}

bool llmp_sigv4_key_fits(const struct llmp_sigv4_key *key,
                         struct llmp_str access, struct llmp_str region,
                         struct llmp_str service, uint64_t wall_ns)
{
    char moment[LLMP_CIVIL_BASIC_SIZE], credential[LLMP_SIGV4_CREDENTIAL_MAX];

    if (access.len > LLMP_AWS_ACCESS_MAX || region.len > LLMP_SIGV4_NAME_MAX ||
        service.len > LLMP_SIGV4_NAME_MAX)
        return false;
    llmp_civil_basic(moment, wall_ns);

    size_t len = put_credential(
        credential, access, (struct llmp_str){ moment, LLMP_CIVIL_DATE_LEN },
        region, service);

    return llmp_str_eq(
        (struct llmp_str){ credential, len },
        (struct llmp_str){ key->credential, key->credential_len });
}

void llmp_sigv4_key_wipe(struct llmp_sigv4_key *key)
{
    if (key)
        sodium_memzero(key, sizeof(*key));
}

/* ------------------------------------------------------------------ sign -- */

static bool hash_body(char hex[64], const struct llmp_sigv4_request *request)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    uint8_t hash[32];
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

    for (size_t i = 0; ok && i < request->body_count; i++)
        ok = EVP_DigestUpdate(ctx, request->body[i].ptr,
                              request->body[i].len) == 1;
    ok = ok && EVP_DigestFinal_ex(ctx, hash, NULL) == 1;
    EVP_MD_CTX_free(ctx);
    if (ok)
        (void)llmp_put_hex(hex, hash, sizeof(hash));
    return ok;
}

/* Headers that signing adds; a caller's own of these names would be a second
 * one, of which nobody knows which the server takes. */
static bool is_ours(struct llmp_str name)
{
    static const struct llmp_str ours[] = {
        { "host", 4 },
        { "authorization", 13 },
        { "x-amz-date", 10 },
        { "x-amz-security-token", 20 },
        { "x-amz-content-sha256", 20 },
    };

    for (size_t i = 0; i < LLMP_COUNT(ours); i++)
        if (llmp_str_eq_nocase(name, ours[i]))
            return true;
    return false;
}

static int collect(struct llmp_sigv4_canonical *canonical,
                   const struct llmp_sigv4_request *request,
                   const struct llmp_sigv4_headers *added,
                   struct llmp_error *err)
{
    const struct llmp_sigv4_header ours[] = {
        { LLMP_STR("host"), request->host },
        { LLMP_STR("x-amz-date"), added->date },
        { LLMP_STR("x-amz-security-token"), added->security_token },
        { LLMP_STR("x-amz-content-sha256"), added->content_sha256 },
    };
    size_t count = 0;

    LLMP_ENSURE(request->header_count <=
                    LLMP_SIGV4_HEADERS_MAX - LLMP_COUNT(ours),
                err, LLMP_E_LIMIT, "too many headers to sign");
    for (size_t i = 0; i < LLMP_COUNT(ours); i++)
        if (ours[i].value.len)
            canonical->headers[count++] = ours[i];
    for (size_t i = 0; i < request->header_count; i++) {
        LLMP_ENSURE(!is_ours(request->headers[i].name), err, LLMP_E_INVALID,
                    "header %zu is one that signing adds", i);
        canonical->headers[count++] = request->headers[i];
    }
    canonical->header_count = count;
    return LLMP_OK;
}

static void sign_hash(char hex[64], const struct llmp_sigv4_key *key,
                      struct llmp_str date, const uint8_t request_hash[32])
{
    struct llmp_str scope = { key->credential + key->access_len + 1,
                              key->credential_len - key->access_len - 1 };
    char request_hex[64];
    const struct llmp_str parts[] = {
        LLMP_STR("AWS4-HMAC-SHA256\n"),
        date,
        LLMP_STR("\n"),
        scope,
        LLMP_STR("\n"),
        { request_hex, sizeof(request_hex) },
    };
    crypto_auth_hmacsha256_state state;
    uint8_t signature[32];

    (void)llmp_put_hex(request_hex, request_hash, 32);
    (void)crypto_auth_hmacsha256_init(&state, key->key, sizeof(key->key));
    for (size_t i = 0; i < LLMP_COUNT(parts); i++)
        (void)crypto_auth_hmacsha256_update(
            &state, (const uint8_t *)parts[i].ptr, parts[i].len);
    (void)crypto_auth_hmacsha256_final(&state, signature);
    sodium_memzero(&state, sizeof(state));
    (void)llmp_put_hex(hex, signature, sizeof(signature));
}

int llmp_sigv4_sign(struct llmp_sigv4_headers *out,
                    const struct llmp_sigv4_request *request,
                    const struct llmp_sigv4_key *key, struct llmp_str session,
                    uint64_t wall_ns, struct llmp_arena *arena,
                    struct llmp_error *err)
{
    char moment[LLMP_CIVIL_BASIC_SIZE], body_hash[64], signature[64];
    struct llmp_sigv4_headers added = { .security_token = session };
    struct llmp_sigv4_canonical canonical = {
        .method = request->method,
        .path = request->path,
        .query = request->query,
        .body_hash = { body_hash, sizeof(body_hash) },
    };
    struct llmp_str names;
    uint8_t hash[32];
    bool ok = true;

    LLMP_ENSURE(request->method.len && request->host.len, err, LLMP_E_INVALID,
                "a method and a host are required");
    llmp_civil_basic(moment, wall_ns);
    LLMP_ENSURE(memcmp(key->credential + key->access_len + 1, moment,
                       LLMP_CIVIL_DATE_LEN) == 0,
                err, LLMP_E_STATE, "the signing key is of another day");
    LLMP_ENSURE(hash_body(body_hash, request), err, LLMP_E_NOMEM,
                "no memory to hash the body");
    added.date = llmp_arena_str(
        arena, (struct llmp_str){ moment, sizeof(moment) - 1 }, &ok);
    if (request->send_body_hash)
        added.content_sha256 = llmp_arena_str(arena, canonical.body_hash, &ok);
    LLMP_ENSURE(ok, err, LLMP_E_NOMEM, "no memory for the headers");
    LLMP_TRY(collect(&canonical, request, &added, err));
    LLMP_TRY(llmp_sigv4_canonical_hash(hash, &names, &canonical, arena, err));
    sign_hash(signature, key, added.date, hash);
    added.authorization = llmp_arena_printf(
        arena,
        "AWS4-HMAC-SHA256 Credential=%.*s, SignedHeaders=%.*s, Signature=%.*s",
        (int)key->credential_len, key->credential, (int)names.len, names.ptr,
        (int)sizeof(signature), signature);
    LLMP_ENSURE(added.authorization.ptr, err, LLMP_E_NOMEM,
                "no memory for the signature");
    *out = added;
    return LLMP_OK;
}
