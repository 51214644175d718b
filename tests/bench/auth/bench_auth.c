/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long it takes to know who is calling: a key in a ring of one and of a
 * million, a token in the cache, tokens that are verified. Prints "name
 * value" lines in nanoseconds: the best of several rounds, because the
 * machine is shared and what disturbs only adds.
 */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "auth/base64url.h"
#include "auth/signer.h"
#include "base/internal.h"

#define WALL_NS UINT64_C(1750000000000000000)
#define MANY    1000000u
#define CHECK(cond)                                       \
    do {                                                  \
        if (!(cond)) {                                    \
            fprintf(stderr, "line %d: " #cond, __LINE__); \
            exit(1);                                      \
        }                                                 \
    } while (0)

static const struct llmp_time now = { 1000000000, WALL_NS };
static unsigned rounds = 15;

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * LLMP_NS_PER_S + (uint64_t)t.tv_nsec;
}

static void fill(void *bytes, size_t size, void *ctx)
{
    uint64_t *state = ctx;
    uint8_t *at = bytes;

    for (size_t i = 0; i < size; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        at[i] = (uint8_t)(*state >> 56);
    }
}

/* Calls `work` with 0 … count - 1 in every round; prints the best. */
static void measure(const char *name, unsigned count,
                    void (*work)(unsigned index, void *ctx), void *ctx)
{
    uint64_t best = UINT64_MAX;

    for (unsigned round = 0; round < rounds; round++) {
        uint64_t begin = clock_ns(), took;

        for (unsigned i = 0; i < count; i++)
            work(i, ctx);
        took = clock_ns() - begin;
        best = took < best ? took : best;
    }
    printf("%s_ns %.1f\n", name, (double)best / count);
    fflush(stdout);
}

/* ------------------------------------------------------------------ keys -- */

static void text_make(char text[LLMP_API_KEY_SIZE], uint64_t n)
{
    uint64_t state = n * 2654435761u + 1;
    struct llmp_random random = { fill, &state };

    llmp_api_key_make(text, &random);
}

struct keys {
    struct llmp_keyring *ring;
    char (*texts)[LLMP_API_KEY_SIZE]; /* asked for, in no order */
    unsigned count;
};

static void check_key(unsigned index, void *ctx)
{
    struct keys *keys = ctx;
    struct llmp_key_use use;
    const char *text = keys->texts[index % keys->count];

    CHECK(llmp_keyring_check(keys->ring,
                             (struct llmp_str){ text, LLMP_API_KEY_LEN },
                             WALL_NS, &use) == LLMP_OK);
}

static void check_rubbish(unsigned index, void *ctx)
{
    struct keys *keys = ctx;

    CHECK(llmp_keyring_check(
              keys->ring,
              LLMP_STR("llmgw_000000000000000000000000000000000000"),
              WALL_NS + index, NULL) == LLMP_AUTH_KEY_MALFORMED);
}

static struct llmp_key *key_make(uint64_t n, const struct llmp_pepper *pepper)
{
    struct llmp_key_options opts;
    struct llmp_key *key = NULL;
    char id[32], text[LLMP_API_KEY_SIZE];

    llmp_key_options_init(&opts);
    opts.id =
        (struct llmp_str){ id, (size_t)snprintf(id, sizeof(id), "key-%llu",
                                                (unsigned long long)n) };
    opts.user = LLMP_STR("somebody");
    opts.grant.role = LLMP_ROLE_DEVELOPER;
    text_make(text, n);
    llmp_api_key_hash(opts.generations[0].hash, pepper,
                      (struct llmp_str){ text, LLMP_API_KEY_LEN });
    CHECK(llmp_key_new(&key, &opts, NULL) == LLMP_OK);
    return key;
}

static void bench_change(struct llmp_keyring *ring, struct llmp_key *key)
{
    uint64_t best = UINT64_MAX;

    for (unsigned i = 0; i < 20; i++) {
        uint64_t begin = clock_ns(), took;
        struct llmp_keyring *next = NULL;

        CHECK(llmp_keyring_with(&next, ring, key, NULL) == LLMP_OK);
        took = clock_ns() - begin;
        best = took < best ? took : best;
        llmp_keyring_unref(next);
    }
    printf("key_change_1000000_ns %.0f\n", (double)best);
}

static void bench_keys(unsigned count)
{
    static const struct llmp_pepper pepper = { { 5 } };
    struct llmp_key **keys = calloc(count, sizeof(*keys));
    struct keys work = { .count = count < 4096 ? count : 65536 };
    uint64_t state = 77, begin;
    char name[64];

    work.texts = calloc(work.count, sizeof(*work.texts));
    for (unsigned i = 0; i < count; i++)
        keys[i] = key_make(i, &pepper);
    begin = clock_ns();
    CHECK(llmp_keyring_new(&work.ring, &pepper, keys, count, NULL) == LLMP_OK);
    if (count > 1)
        printf("keyring_load_%u_ms %.0f\n", count,
               (double)(clock_ns() - begin) / 1e6);
    for (unsigned i = 0; i < work.count; i++) {
        uint32_t n;

        fill(&n, sizeof(n), &state);
        text_make(work.texts[i], n % count);
    }
    (void)snprintf(name, sizeof(name), "key_check_%u", count);
    measure(name, work.count > 100000 ? work.count : 100000, check_key, &work);
    if (count == 1)
        measure("key_rubbish", 100000, check_rubbish, &work);
    else
        bench_change(work.ring, keys[1]);
    for (unsigned i = 0; i < count; i++)
        llmp_key_unref(keys[i]);
    llmp_keyring_unref(work.ring);
    free(work.texts);
    free(keys);
}

/* ---------------------------------------------------------------- tokens -- */

#define CLAIMS                                                          \
    "{\"iss\":\"https://login.example.com/realms/main\",\"aud\":"       \
    "\"llm-gateway\",\"sub\":\"8f14e45f-ceea-467f-a8a4-2f0a4b4e6f21\"," \
    "\"exp\":1750003600,\"iat\":1750000000,\"auth_time\":1749999000,"   \
    "\"jti\":\"c1f0a2b7-6f0d-4b7c-8f39-57d7f1f0a001\",\"acr\":\"1\","   \
    "\"preferred_username\":\"ann\",\"groups\":[\"red\"],"              \
    "\"realm_access\":{\"roles\":[\"offline_access\",\"gw-user\"]}}"

struct tokens {
    struct llmp_issuer *issuer;
    struct llmp_token_cache *cache;
    char *text;
};

static void verify_token(unsigned index, void *ctx)
{
    struct tokens *tokens = ctx;
    struct llmp_token *token = NULL;

    (void)index;
    CHECK(llmp_issuer_verify(
              tokens->issuer, &token,
              (struct llmp_str){ tokens->text, strlen(tokens->text) }, now,
              NULL) == LLMP_OK);
    llmp_token_unref(token);
}

static void cached_token(unsigned index, void *ctx)
{
    struct tokens *tokens = ctx;

    (void)index;
    CHECK(llmp_token_cache_get(
        tokens->cache, (struct llmp_str){ tokens->text, strlen(tokens->text) },
        now));
}

static struct llmp_issuer *issuer_make(const char *jwks)
{
    static const struct llmp_str audience = { "llm-gateway", 11 };
    static const struct llmp_role_rule roles[] = { { { "gw-user", 7 },
                                                     LLMP_ROLE_USER } };
    struct llmp_token_policy_options policy;
    struct llmp_issuer_options opts;
    struct llmp_issuer *issuer = NULL;

    llmp_token_policy_options_init(&policy);
    policy.issuer = LLMP_STR("https://login.example.com/realms/main");
    policy.audiences = &audience;
    policy.audience_count = 1;
    policy.roles = roles;
    policy.role_count = 1;
    policy.role_path = LLMP_STR("realm_access.roles");
    llmp_issuer_options_init(&opts);
    CHECK(llmp_token_policy_new(&opts.policy, &policy, NULL) == LLMP_OK);
    CHECK(llmp_jwks_parse(&opts.keys, (struct llmp_str){ jwks, strlen(jwks) },
                          0, NULL) == LLMP_OK);
    CHECK(llmp_issuer_new(&issuer, &opts, NULL) == LLMP_OK);
    llmp_token_policy_unref(opts.policy);
    llmp_jwks_unref(opts.keys);
    return issuer;
}

static char *unsigned_token(const char *alg, char **end)
{
    char header[100], *text = malloc(4096), *at = text;

    (void)snprintf(header, sizeof(header), "{\"alg\":\"%s\",\"kid\":\"k\"}",
                   alg);
    at = llmp_base64url_encode(at, header, strlen(header));
    *at++ = '.';
    *end = llmp_base64url_encode(at, CLAIMS, sizeof(CLAIMS) - 1);
    return text;
}

static void bench_cache(struct tokens *tokens)
{
    uint64_t state = 5;
    struct llmp_random random = { fill, &state };
    struct llmp_token *token = NULL;
    struct llmp_str text = { tokens->text, strlen(tokens->text) };

    CHECK(llmp_token_cache_new(&tokens->cache, 0, 0, &random, NULL) == LLMP_OK);
    CHECK(llmp_issuer_verify(tokens->issuer, &token, text, now, NULL) ==
          LLMP_OK);
    llmp_token_cache_put(tokens->cache, text, token, now);
    llmp_token_unref(token);
    printf("token_bytes %zu\n", text.len);
    measure("token_cached", 100000, cached_token, tokens);
    llmp_token_cache_free(tokens->cache);
}

static void bench_signer(const char *name, const char *alg_name,
                         enum llmp_alg alg, unsigned count)
{
    static const uint8_t secret[32] = { 3, 1, 4 };
    struct llmp_signer *signer = NULL;
    struct tokens tokens = { NULL, NULL, NULL };
    uint8_t signature[LLMP_SIGNATURE_SIZE];
    char jwks[512], *end;

    CHECK(llmp_signer_new(&signer, alg, LLMP_STR("k"), secret, NULL) ==
          LLMP_OK);
    CHECK(llmp_signer_jwks(signer, jwks, sizeof(jwks)) > 0);
    tokens.issuer = issuer_make(jwks);
    tokens.text = unsigned_token(alg_name, &end);
    CHECK(llmp_signer_sign(
        signer, (struct llmp_str){ tokens.text, (size_t)(end - tokens.text) },
        signature));
    *end++ = '.';
    *llmp_base64url_encode(end, signature, sizeof(signature)) = '\0';
    if (alg == LLMP_ALG_ES256)
        bench_cache(&tokens);
    measure(name, count, verify_token, &tokens);
    llmp_issuer_unref(tokens.issuer);
    llmp_signer_unref(signer);
    free(tokens.text);
}

static void bench_rsa(void)
{
    EVP_PKEY *key = EVP_RSA_gen(2048);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    BIGNUM *n = NULL;
    struct tokens tokens = { NULL, NULL, NULL };
    uint8_t modulus[256], signature[256];
    size_t size = sizeof(signature);
    char text[400] = "", jwks[600], *end;

    CHECK(key && EVP_PKEY_get_bn_param(key, "n", &n) == 1);
    CHECK(BN_bn2binpad(n, modulus, sizeof(modulus)) == 256);
    (void)llmp_base64url_encode(text, modulus, sizeof(modulus));
    (void)snprintf(jwks, sizeof(jwks),
                   "{\"keys\":[{\"kty\":\"RSA\",\"e\":\"AQAB\",\"kid\":\"k\","
                   "\"n\":\"%s\"}]}",
                   text);
    tokens.issuer = issuer_make(jwks);
    tokens.text = unsigned_token("RS256", &end);
    CHECK(EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) == 1);
    CHECK(EVP_DigestSign(ctx, signature, &size, (uint8_t *)tokens.text,
                         (size_t)(end - tokens.text)) == 1);
    *end++ = '.';
    *llmp_base64url_encode(end, signature, size) = '\0';
    measure("token_rs256", 2000, verify_token, &tokens);
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(key);
    BN_free(n);
    llmp_issuer_unref(tokens.issuer);
    free(tokens.text);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--quick") == 0)
        rounds = 5;
    bench_keys(1);
    bench_signer("token_es256", "ES256", LLMP_ALG_ES256, 500);
    bench_signer("token_eddsa", "EdDSA", LLMP_ALG_EDDSA, 500);
    bench_rsa();
    bench_keys(MANY);
    return 0;
}
