/* SPDX-License-Identifier: Apache-2.0 */
/* The key and the issuer of our own tokens. */
#include "gateway/own_tokens.h"

#include <sodium.h>

#include "base/internal.h"

enum { JWK_MAX = 512, KID_SIZE = 18 };

struct llmp_own_tokens *llmp_own_tokens_ref(struct llmp_own_tokens *tokens)
{
    if (tokens)
        atomic_fetch_add_explicit(&tokens->refs, 1, memory_order_relaxed);
    return tokens;
}

void llmp_own_tokens_unref(struct llmp_own_tokens *tokens)
{
    if (!tokens ||
        atomic_fetch_sub_explicit(&tokens->refs, 1, memory_order_acq_rel) != 1)
        return;
    llmp_signer_unref(tokens->signer);
    llmp_issuer_unref(tokens->issuer);
    llmp_buf_fini(&tokens->jwks);
    llmp_free(tokens);
}

static void own_tokens_unrefp(struct llmp_own_tokens **tokens)
{
    llmp_own_tokens_unref(*tokens);
}

/* A key's name follows from its secret and tells nothing of it: replicas agree
 * on it, and a new secret is another name. */
static void name_key(char kid[KID_SIZE], const uint8_t secret[32])
{
    struct llmp_pepper pepper;
    uint8_t name[32];

    memcpy(pepper.bytes, secret, sizeof(pepper.bytes));
    llmp_pepper_derive(name, &pepper, LLMP_STR("llmproxy token kid"));
    sodium_memzero(&pepper, sizeof(pepper));
    kid[0] = 'k';
    *llmp_put_hex(kid + 1, name, (KID_SIZE - 2) / 2) = '\0';
}

/* Adds one key to the set; the first signs. */
static int add_key(struct llmp_own_tokens *tokens, enum llmp_alg alg,
                   const uint8_t secret[32], struct llmp_error *err)
{
    struct llmp_str head = LLMP_STR("{\"keys\":[");
    struct llmp_signer *signer;
    char kid[KID_SIZE], text[JWK_MAX];
    bool first = tokens->jwks.len == head.len;
    size_t len;

    name_key(kid, secret);
    LLMP_TRY(llmp_signer_new(&signer, alg, llmp_str_of(kid), secret, err));
    len = llmp_signer_jwks(signer, text, sizeof(text));
    assert(len > head.len + 2);
    if (!first)
        (void)llmp_buf_add(&tokens->jwks, LLMP_STR(","));
    (void)llmp_buf_add(&tokens->jwks, (struct llmp_str){ text + head.len,
                                                         len - head.len - 2 });
    if (first)
        tokens->signer = signer;
    else
        llmp_signer_unref(signer);
    return LLMP_OK;
}

static int make_keys(struct llmp_own_tokens *tokens,
                     const struct llmp_token_config *config,
                     struct llmp_error *err)
{
    (void)llmp_buf_add(&tokens->jwks, LLMP_STR("{\"keys\":["));
    for (size_t i = 0; i < config->secret_count; i++) {
        bool again = false;

        for (size_t k = 0; k < i; k++)
            again = again || memcmp(config->secrets[k], config->secrets[i],
                                    sizeof(config->secrets[i])) == 0;
        if (!again)
            LLMP_TRY(add_key(tokens, config->alg, config->secrets[i], err));
    }
    (void)llmp_buf_add(&tokens->jwks, LLMP_STR("]}"));
    LLMP_ENSURE(!tokens->jwks.failed, err, LLMP_E_NOMEM,
                "no memory for the gateway's own keys");
    return LLMP_OK;
}

static int make_issuer(struct llmp_own_tokens *tokens,
                       const struct llmp_token_config *config,
                       struct llmp_error *err)
{
    struct llmp_token_policy_options policy;
    struct llmp_issuer_options options;

    llmp_token_policy_options_init(&policy);
    policy.issuer = config->issuer;
    policy.audiences = &config->audience;
    policy.audience_count = 1;
    policy.lifetime_s_max = LLMP_TOKEN_LIFETIME_S_MAX;
    policy.own = true;
    llmp_issuer_options_init(&options);
    LLMP_TRY(
        llmp_jwks_parse(&options.keys, llmp_buf_str(&tokens->jwks), 0, err));

    int rc = llmp_token_policy_new(&options.policy, &policy, err);

    if (rc == LLMP_OK)
        rc = llmp_issuer_new(&tokens->issuer, &options, err);
    llmp_token_policy_unref(options.policy);
    llmp_jwks_unref(options.keys);
    return rc;
}

int llmp_own_tokens_new(struct llmp_own_tokens **out,
                        const struct llmp_token_config *config,
                        struct llmp_error *err)
{
    LLMP_AUTO(own_tokens_unrefp)
    struct llmp_own_tokens *tokens = llmp_alloc(sizeof(*tokens));

    LLMP_ENSURE(tokens, err, LLMP_E_NOMEM, "no memory for tokens");
    atomic_init(&tokens->refs, 1);
    LLMP_TRY(make_keys(tokens, config, err));
    LLMP_TRY(make_issuer(tokens, config, err));
    *out = llmp_steal(&tokens);
    return LLMP_OK;
}

bool llmp_own_tokens_same(const struct llmp_token_config *a,
                          const struct llmp_token_config *b)
{
    return a->enabled == b->enabled && a->alg == b->alg &&
           llmp_str_eq(a->issuer, b->issuer) &&
           llmp_str_eq(a->audience, b->audience) &&
           a->secret_count == b->secret_count &&
           memcmp(a->secrets, b->secrets, sizeof(a->secrets)) == 0;
}
