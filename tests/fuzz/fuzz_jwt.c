/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the bytes are: as a token they are refused; as header and claims
 * (cut at the first newline) of a token that is rightly signed they give a
 * principal whose role the policy's table can give, or a named answer.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/base64url.h"
#include "auth/signer.h"
#include "base/alloc.h"
#include "fuzz.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

#define WALL_NS UINT64_C(1750000000000000000)

struct fixture {
    struct llmp_signer *signer;
    struct llmp_jwks *keys;
    struct llmp_token_policy *policy;
};

static bool set_up(struct fixture *f)
{
    static const struct llmp_str audience = { "gw", 2 };
    static const struct llmp_role_rule roles[] = { { { "r", 1 },
                                                     LLMP_ROLE_DEVELOPER } };
    static const uint8_t secret[32] = { 9 };
    struct llmp_token_policy_options opts;
    char keys[512];
    size_t len;

    llmp_token_policy_options_init(&opts);
    opts.issuer = LLMP_STR("i");
    opts.audiences = &audience;
    opts.audience_count = 1;
    opts.roles = roles;
    opts.role_count = 1;
    opts.role_path = LLMP_STR("a.r");
    opts.team_path = LLMP_STR("t");
    opts.role_default = LLMP_ROLE_USER;
    if (llmp_signer_new(&f->signer, LLMP_ALG_EDDSA, LLMP_STR("k"), secret,
                        NULL) != LLMP_OK)
        return false;
    len = llmp_signer_jwks(f->signer, keys, sizeof(keys));
    return llmp_jwks_parse(&f->keys, (struct llmp_str){ keys, len }, 0, NULL) ==
               LLMP_OK &&
           llmp_token_policy_new(&f->policy, &opts, NULL) == LLMP_OK;
}

static void tear_down(struct fixture *f)
{
    llmp_token_policy_unref(f->policy);
    llmp_jwks_unref(f->keys);
    llmp_signer_unref(f->signer);
}

static void check_signed(const struct fixture *f, struct llmp_str header,
                         struct llmp_str claims)
{
    char *text = malloc((header.len + claims.len) * 2 + 200), *at = text;
    uint8_t signature[LLMP_SIGNATURE_SIZE];
    struct llmp_token *token = NULL;
    struct llmp_principal p;
    char issuer[64];
    int rc;

    at = llmp_base64url_encode(at, header.ptr, header.len);
    *at++ = '.';
    at = llmp_base64url_encode(at, claims.ptr, claims.len);
    CHECK(llmp_signer_sign(
        f->signer, (struct llmp_str){ text, (size_t)(at - text) }, signature));
    *at++ = '.';
    at = llmp_base64url_encode(at, signature, sizeof(signature));
    rc = llmp_token_verify(&token, f->policy, f->keys,
                           (struct llmp_str){ text, (size_t)(at - text) },
                           WALL_NS, NULL);
    CHECK(rc >= 0 && llmp_auth_answer_http(rc) != (rc ? 500u : 0u));
    if (rc == LLMP_OK) {
        llmp_token_principal(token, &p);
        CHECK(p.user.len > 0);
        CHECK(p.role == LLMP_ROLE_USER || p.role == LLMP_ROLE_DEVELOPER);
        CHECK(p.expires_ns > WALL_NS);
        CHECK(llmp_token_peek_issuer(
                  issuer, sizeof(issuer),
                  (struct llmp_str){ text, (size_t)(at - text) }) == LLMP_OK);
        CHECK(strcmp(issuer, "i") == 0);
    }
    llmp_token_unref(token);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct llmp_str text = { (const char *)data, size };
    const char *newline = size ? memchr(text.ptr, '\n', size) : NULL;
    struct llmp_token *token = NULL;
    struct fixture f = { NULL, NULL, NULL };

    if (size > 8192)
        return 0;
    if (!set_up(&f))
        abort();
    CHECK(llmp_token_verify(&token, f.policy, f.keys, text, WALL_NS, NULL) > 0);
    if (newline)
        check_signed(
            &f, (struct llmp_str){ text.ptr, (size_t)(newline - text.ptr) },
            (struct llmp_str){ newline + 1,
                               size - (size_t)(newline - text.ptr) - 1 });
    tear_down(&f);
    return 0;
}
