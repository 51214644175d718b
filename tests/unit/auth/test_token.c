/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: claims become the principal that the policy describes, or a refusal
 * with the right name.
 * Method: tokens with chosen claims, rightly signed, at chosen times; memory
 * fails at every request in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth_fixture.h"
#include "faulty_heap.h"

#define HEADER "{\"alg\":\"EdDSA\",\"kid\":\"k\",\"typ\":\"JWT\"}"
#define GOOD                                                        \
    "\"iss\":\"https://i.example\",\"aud\":\"gw\",\"sub\":\"ann\"," \
    "\"exp\":1750000600,\"iat\":1749999990"

static const struct llmp_str audiences[] = { { "gw", 2 }, { "api", 3 } };
static const struct llmp_role_rule roles[] = {
    { { "gw-user", 7 }, LLMP_ROLE_USER },
    { { "gw-admin", 8 }, LLMP_ROLE_ADMIN },
    { { "gw-dev", 6 }, LLMP_ROLE_DEVELOPER },
};

static void policy_defaults(struct llmp_token_policy_options *opts)
{
    llmp_token_policy_options_init(opts);
    opts->issuer = S("https://i.example");
    opts->audiences = audiences;
    opts->audience_count = 2;
    opts->roles = roles;
    opts->role_count = LLMP_COUNT(roles);
    opts->role_path = S("realm_access.roles");
    opts->team_path = S("groups");
    opts->org_path = S("https://x\\.example/org");
    opts->role_default = LLMP_ROLE_USER;
}

static int verify_with(const struct llmp_token_policy_options *opts,
                       const char *header, const char *claims,
                       struct llmp_token **out)
{
    struct llmp_signer *signer = fixture_signer(LLMP_ALG_EDDSA, "k", 1);
    struct llmp_jwks *keys = fixture_keys(signer);
    struct llmp_token_policy *policy = NULL;
    char *text = fixture_token(signer, header, claims);
    int rc;

    assert_int_equal(llmp_token_policy_new(&policy, opts, NULL), LLMP_OK);
    rc = llmp_token_verify(out, policy, keys, llmp_str_of(text), WALL_NS, NULL);
    free(text);
    llmp_token_policy_unref(policy);
    llmp_jwks_unref(keys);
    llmp_signer_unref(signer);
    return rc;
}

static int verify(const char *claims)
{
    struct llmp_token_policy_options opts;
    struct llmp_token *token = NULL;
    int rc;

    policy_defaults(&opts);
    rc = verify_with(&opts, HEADER, claims, &token);
    assert_int_equal(token != NULL, rc == LLMP_OK);
    llmp_token_unref(token);
    return rc;
}

static void claims_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *claims;
        int expected;
    } steps[] = {
        { "{" GOOD "}", LLMP_OK },
        { "{" GOOD ",\"x\":{\"iss\":\"other\",\"exp\":1}}", LLMP_OK },
        { "{\"iss\":\"https://i.example\",\"aud\":[\"x\",\"api\"],"
          "\"sub\":\"a\",\"exp\":1750000600.75}",
          LLMP_OK },
        { "{\"iss\":\"https:\\/\\/i.example\",\"aud\":\"g\\u0077\","
          "\"sub\":\"a\",\"exp\":1.7500006e9}",
          LLMP_OK },
        { "{\"iss\":\"https://i.example/\",\"aud\":\"gw\",\"sub\":\"a\","
          "\"exp\":1750000600}",
          LLMP_AUTH_TOKEN_ISSUER },
        { "{\"aud\":\"gw\",\"sub\":\"a\",\"exp\":1750000600}",
          LLMP_AUTH_TOKEN_ISSUER },
        { "{\"iss\":\"https://i.example\",\"aud\":\"gw2\",\"sub\":\"a\","
          "\"exp\":1750000600}",
          LLMP_AUTH_TOKEN_AUDIENCE },
        { "{\"iss\":\"https://i.example\",\"aud\":[],\"sub\":\"a\","
          "\"exp\":1750000600}",
          LLMP_AUTH_TOKEN_AUDIENCE },
        { "{\"iss\":\"https://i.example\",\"aud\":[[\"gw\"]],\"sub\":\"a\","
          "\"exp\":1750000600}",
          LLMP_AUTH_TOKEN_AUDIENCE },
        { "{\"iss\":\"https://i.example\",\"aud\":{\"gw\":1},\"sub\":\"a\","
          "\"exp\":1750000600}",
          LLMP_AUTH_TOKEN_AUDIENCE },
        { "{\"iss\":\"https://i.example\",\"aud\":\"gw\",\"sub\":\"a\"}",
          LLMP_AUTH_TOKEN_CLAIMS },
        { "{\"iss\":\"https://i.example\",\"aud\":\"gw\",\"sub\":\"a\","
          "\"exp\":\"1750000600\"}",
          LLMP_AUTH_TOKEN_CLAIMS },
        { "{\"iss\":\"https://i.example\",\"aud\":\"gw\",\"sub\":\"a\","
          "\"exp\":-1}",
          LLMP_AUTH_TOKEN_CLAIMS },
        { "{\"iss\":\"https://i.example\",\"aud\":\"gw\",\"sub\":7,"
          "\"exp\":1750000600}",
          LLMP_AUTH_TOKEN_CLAIMS },
        { "{\"iss\":\"https://i.example\",\"aud\":\"gw\","
          "\"exp\":1750000600}",
          LLMP_AUTH_TOKEN_CLAIMS },
        /* 30 s of leeway */
        { "{\"iss\":\"https://i.example\",\"aud\":\"gw\",\"sub\":\"a\","
          "\"exp\":1749999971}",
          LLMP_OK },
        { "{\"iss\":\"https://i.example\",\"aud\":\"gw\",\"sub\":\"a\","
          "\"exp\":1749999970}",
          LLMP_AUTH_TOKEN_EXPIRED },
        { "{" GOOD ",\"nbf\":1750000030}", LLMP_OK },
        { "{" GOOD ",\"nbf\":1750000031}", LLMP_AUTH_TOKEN_NOT_YET },
        { "{\"iss\":\"https://i.example\",\"aud\":\"gw\",\"sub\":\"a\","
          "\"exp\":1750000600,\"iat\":1750000031}",
          LLMP_AUTH_TOKEN_NOT_YET },
        { "{\"iss\":\"https://i.example\",\"aud\":\"gw\",\"sub\":\"a\","
          "\"exp\":18446744073709551615}",
          LLMP_OK },
        { "{" GOOD ",\"sub\":\"eve\"}", LLMP_AUTH_TOKEN_MALFORMED },
        { "["
          "1"
          "]",
          LLMP_AUTH_TOKEN_MALFORMED },
        { "\"x\"", LLMP_AUTH_TOKEN_MALFORMED },
        { "", LLMP_AUTH_TOKEN_MALFORMED },
        { "{" GOOD "", LLMP_AUTH_TOKEN_MALFORMED },
        { "{" GOOD "}}", LLMP_AUTH_TOKEN_MALFORMED },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        print_message("# step %zu\n", i);
        assert_int_equal(verify(steps[i].claims), steps[i].expected);
    }
}

static void claims_become_a_principal(void **state)
{
    struct llmp_token_policy_options opts;
    struct llmp_principal p;
    struct llmp_token *token = NULL;

    (void)state;
    policy_defaults(&opts);
    assert_int_equal(
        verify_with(&opts, HEADER,
                    "{" GOOD ",\"preferred_username\":\"Ann \\u00e4\","
                    "\"jti\":\"j1\",\"groups\":[\"red\",\"blue\"],"
                    "\"https://x.example/org\":\"acme\",\"acr\":\"gold\","
                    "\"amr\":[\"pwd\",\"otp\",\"odd\"],"
                    "\"auth_time\":1749990000,\"realm_access\":{\"roles\":"
                    "[\"gw-user\",\"gw-dev\",\"x\"],\"other\":[\"gw-admin\"]},"
                    "\"resource\":{\"realm_access\":{\"roles\":[\"gw-admin\"]}"
                    "}}",
                    &token),
        LLMP_OK);
    llmp_token_principal(token, &p);
    assert_int_equal(p.kind, LLMP_PRINCIPAL_TOKEN);
    assert_int_equal(p.role, LLMP_ROLE_DEVELOPER);
    assert_true(llmp_str_eq(p.user, S("ann")));
    assert_true(llmp_str_eq(p.name, S("Ann \xC3\xA4")));
    assert_true(llmp_str_eq(p.id, S("j1")));
    assert_true(llmp_str_eq(p.team, S("red")));
    assert_true(llmp_str_eq(p.org, S("acme")));
    assert_true(llmp_str_eq(p.acr, S("gold")));
    assert_int_equal(p.amr, LLMP_AMR_PWD | LLMP_AMR_OTP);
    assert_int_equal(p.auth_time_s, 1749990000);
    assert_true(p.expires_ns == 1750000630 * LLMP_NS_PER_S);
    llmp_token_unref(token);
}

static int role_of(const struct llmp_token_policy_options *opts,
                   const char *claims, enum llmp_role *role)
{
    struct llmp_token *token = NULL;
    struct llmp_principal p;
    int rc = verify_with(opts, HEADER, claims, &token);

    if (rc == LLMP_OK) {
        llmp_token_principal(token, &p);
        *role = p.role;
    }
    llmp_token_unref(token);
    return rc;
}

static void roles_come_by_table(void **state)
{
    struct llmp_token_policy_options opts;
    enum llmp_role role = LLMP_ROLE_NONE;

    (void)state;
    policy_defaults(&opts);
    assert_int_equal(role_of(&opts, "{" GOOD "}", &role), LLMP_OK);
    assert_int_equal(role, LLMP_ROLE_USER);
    opts.role_default = LLMP_ROLE_NONE;
    assert_int_equal(role_of(&opts, "{" GOOD "}", &role), LLMP_AUTH_TOKEN_ROLE);
    /* What calls itself admin is not one. */
    assert_int_equal(role_of(&opts,
                             "{" GOOD ",\"role\":\"admin\",\"realm_access\":"
                             "{\"roles\":\"admin\"}}",
                             &role),
                     LLMP_AUTH_TOKEN_ROLE);
    assert_int_equal(role_of(&opts,
                             "{" GOOD ",\"realm_access\":{\"roles\":"
                             "\"gw-admin\"}}",
                             &role),
                     LLMP_OK);
    assert_int_equal(role, LLMP_ROLE_ADMIN);
    /* The same name elsewhere is not meant. */
    assert_int_equal(role_of(&opts,
                             "{" GOOD ",\"other\":{\"roles\":[\"gw-admin\"]},"
                             "\"roles\":[\"gw-admin\"],\"realm_access\":"
                             "{\"x\":{\"roles\":[\"gw-admin\"]}}}",
                             &role),
                     LLMP_AUTH_TOKEN_ROLE);
    /* A name with a dot in it is no path. */
    assert_int_equal(role_of(&opts,
                             "{" GOOD ",\"realm_access.roles\":"
                             "[\"gw-admin\"]}",
                             &role),
                     LLMP_AUTH_TOKEN_ROLE);
}

static void types_are_checked(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        bool access_only;
        int expected;
    } steps[] = {
        { "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\"}", true, LLMP_OK },
        { "{\"alg\":\"EdDSA\",\"typ\":\"application/at+JWT\"}", true, LLMP_OK },
        { "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"}", true, LLMP_AUTH_TOKEN_TYPE },
        { "{\"alg\":\"EdDSA\"}", true, LLMP_AUTH_TOKEN_TYPE },
        { "{\"alg\":\"EdDSA\",\"typ\":\"jwt\"}", false, LLMP_OK },
        { "{\"alg\":\"EdDSA\"}", false, LLMP_OK },
        { "{\"alg\":\"EdDSA\",\"typ\":\"\"}", false, LLMP_AUTH_TOKEN_TYPE },
        { "{\"alg\":\"EdDSA\",\"typ\":\"logout+jwt\"}", false,
          LLMP_AUTH_TOKEN_TYPE },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        struct llmp_token_policy_options opts;
        struct llmp_token *token = NULL;

        print_message("# step %zu\n", i);
        policy_defaults(&opts);
        opts.access_tokens_only = steps[i].access_only;
        assert_int_equal(
            verify_with(&opts, steps[i].header, "{" GOOD "}", &token),
            steps[i].expected);
        llmp_token_unref(token);
    }
}

static void lifetimes_are_bounded(void **state)
{
    struct llmp_token_policy_options opts;
    enum llmp_role role;

    (void)state;
    policy_defaults(&opts);
    opts.lifetime_s_max = 610;
    assert_int_equal(role_of(&opts, "{" GOOD "}", &role), LLMP_OK);
    opts.lifetime_s_max = 609;
    assert_int_equal(role_of(&opts, "{" GOOD "}", &role),
                     LLMP_AUTH_TOKEN_LIFETIME);
    assert_int_equal(role_of(&opts,
                             "{\"iss\":\"https://i.example\",\"aud\":\"gw\","
                             "\"sub\":\"a\",\"exp\":1750000600}",
                             &role),
                     LLMP_AUTH_TOKEN_CLAIMS);
}

static void the_issuer_can_be_peeked_at(void **state)
{
    struct llmp_signer *signer = fixture_signer(LLMP_ALG_EDDSA, "k", 1);
    char *text = fixture_token(signer, HEADER, "{" GOOD "}");
    char out[64];

    (void)state;
    assert_true(llmp_token_is_likely(llmp_str_of(text)));
    assert_false(llmp_token_is_likely(S("llmgw_abc")));
    assert_int_equal(
        llmp_token_peek_issuer(out, sizeof(out), llmp_str_of(text)), LLMP_OK);
    assert_string_equal(out, "https://i.example");
    assert_int_equal(llmp_token_peek_issuer(out, 8, llmp_str_of(text)),
                     LLMP_AUTH_TOKEN_MALFORMED);
    assert_int_equal(llmp_token_peek_issuer(out, sizeof(out), S("a.b.c")),
                     LLMP_AUTH_TOKEN_MALFORMED);
    free(text);
    llmp_signer_unref(signer);
}

static void policies_are_checked(void **state)
{
    struct llmp_token_policy_options opts;
    struct llmp_token_policy *policy = NULL;

    (void)state;
    policy_defaults(&opts);
    opts.issuer = S("");
    assert_int_equal(llmp_token_policy_new(&policy, &opts, NULL),
                     LLMP_E_INVALID);
    policy_defaults(&opts);
    opts.audience_count = 0;
    assert_int_equal(llmp_token_policy_new(&policy, &opts, NULL),
                     LLMP_E_INVALID);
    policy_defaults(&opts);
    opts.role_path = S("a..b");
    assert_int_equal(llmp_token_policy_new(&policy, &opts, NULL),
                     LLMP_E_INVALID);
    policy_defaults(&opts);
    opts.role_path = S("a.b.c.d.e.f.g");
    assert_int_equal(llmp_token_policy_new(&policy, &opts, NULL),
                     LLMP_E_INVALID);
    policy_defaults(&opts);
    opts.leeway_s = 301;
    assert_int_equal(llmp_token_policy_new(&policy, &opts, NULL),
                     LLMP_E_INVALID);
    assert_null(policy);
}

static void survives_every_allocation_failure(void **state)
{
    struct llmp_signer *signer = fixture_signer(LLMP_ALG_EDDSA, "k", 1);
    struct llmp_jwks *keys = fixture_keys(signer);
    char *text = fixture_token(signer, HEADER, "{" GOOD ",\"acr\":\"a\"}");

    (void)state;
    for (int n = 0;; n++) {
        struct llmp_token_policy_options opts;
        struct llmp_token_policy *policy = NULL;
        struct llmp_token *token = NULL;
        int rc;

        policy_defaults(&opts);
        opts.team = S("t");
        faulty_heap_arm(n);
        rc = llmp_token_policy_new(&policy, &opts, NULL);
        if (rc == LLMP_OK)
            rc = llmp_token_verify(&token, policy, keys, llmp_str_of(text),
                                   WALL_NS, NULL);
        llmp_token_unref(token);
        llmp_token_policy_unref(policy);
        assert_int_equal(faulty_heap_live(), 0);
        if (rc == LLMP_OK) {
            assert_true(n > 4);
            break;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_null(token);
    }
    faulty_heap_off();
    free(text);
    llmp_jwks_unref(keys);
    llmp_signer_unref(signer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(claims_are_checked),
        cmocka_unit_test(claims_become_a_principal),
        cmocka_unit_test(roles_come_by_table),
        cmocka_unit_test(types_are_checked),
        cmocka_unit_test(lifetimes_are_bounded),
        cmocka_unit_test(the_issuer_can_be_peeked_at),
        cmocka_unit_test(policies_are_checked),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
