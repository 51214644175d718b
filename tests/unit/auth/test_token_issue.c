/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what we issue we verify, with the same principal, within bounds.
 * Method: both algorithms, issued and verified by public calls; bounds at
 * their edges; memory fails at every request in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth_fixture.h"
#include "faulty_heap.h"

static uint64_t seed = 3;
static const struct llmp_random random_source = { fixture_fill, &seed };

static struct llmp_principal principal_of(void)
{
    return (struct llmp_principal){
        .size = sizeof(struct llmp_principal),
        .kind = LLMP_PRINCIPAL_TOKEN,
        .role = LLMP_ROLE_DEVELOPER,
        .name = S("Ann \"A\" \xC3\xA4"),
        .user = S("ann"),
        .team = S("red"),
        .org = S("acme"),
        .acr = S("gold"),
        .amr = LLMP_AMR_PWD | LLMP_AMR_OTP | LLMP_AMR_WIA,
        .auth_time_s = WALL_S - 5,
    };
}

static int issue(const struct llmp_signer *signer,
                 const struct llmp_principal *principal, uint64_t lifetime_s,
                 char *out, size_t size)
{
    struct llmp_token_options opts = { .size = sizeof(opts),
                                       .issuer = S("gateway"),
                                       .audience = S("gw"),
                                       .principal = principal,
                                       .lifetime_s = lifetime_s,
                                       .wall_ns = WALL_NS,
                                       .random = &random_source };
    size_t len = 0;
    int rc = llmp_token_issue(signer, out, size, &len, &opts, NULL);

    if (rc == LLMP_OK)
        assert_int_equal(len, strlen(out));
    return rc;
}

static int verify(const struct llmp_signer *signer, const char *text,
                  uint64_t wall_ns, struct llmp_token **out)
{
    static const struct llmp_str audience = { "gw", 2 };
    struct llmp_jwks *keys = fixture_keys(signer);
    struct llmp_token_policy_options opts;
    struct llmp_token_policy *policy = NULL;
    int rc;

    llmp_token_policy_options_init(&opts);
    opts.issuer = S("gateway");
    opts.audiences = &audience;
    opts.audience_count = 1;
    opts.own = true;
    assert_int_equal(llmp_token_policy_new(&policy, &opts, NULL), LLMP_OK);
    rc = llmp_token_verify(out, policy, keys, llmp_str_of(text), wall_ns, NULL);
    llmp_token_policy_unref(policy);
    llmp_jwks_unref(keys);
    return rc;
}

static void what_we_issue_we_verify(void **state)
{
    static const enum llmp_alg algs[] = { LLMP_ALG_EDDSA, LLMP_ALG_ES256 };
    struct llmp_principal given = principal_of(), p;

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        struct llmp_signer *signer =
            fixture_signer(algs[i % 2], "own-1", (uint8_t)(i + 1));
        struct llmp_token *token = NULL;
        char text[2048];

        assert_int_equal(issue(signer, &given, 0, text, sizeof(text)), LLMP_OK);
        assert_int_equal(verify(signer, text, WALL_NS, &token), LLMP_OK);
        llmp_token_principal(token, &p);
        assert_true(llmp_str_eq(p.user, given.user));
        assert_true(llmp_str_eq(p.name, given.name));
        assert_true(llmp_str_eq(p.team, given.team));
        assert_true(llmp_str_eq(p.org, given.org));
        assert_true(llmp_str_eq(p.acr, given.acr));
        assert_int_equal(p.role, given.role);
        assert_int_equal(p.amr, given.amr);
        assert_int_equal(p.auth_time_s, given.auth_time_s);
        assert_int_equal(p.id.len, 22);
        assert_true(p.expires_ns == (WALL_S + 3630) * LLMP_NS_PER_S);
        llmp_token_unref(token);
        llmp_signer_unref(signer);
    }
}

/* The key it was issued with, or the one that the issuing token was. */
static void a_token_names_its_grantor(void **state)
{
    struct llmp_signer *signer = fixture_signer(LLMP_ALG_EDDSA, "k", 1);
    struct llmp_principal given = principal_of(), p;
    char text[2048];

    (void)state;
    given.id = S("key_1");
    memcpy(given.grantor_tag, "0123456789abcdef", LLMP_KEY_TAG_SIZE);
    for (unsigned i = 0; i < 3; i++) {
        static const char *const expected[] = { "", "key_1", "key_2" };
        struct llmp_token *token = NULL;

        given.kind = i == 1 ? LLMP_PRINCIPAL_KEY : LLMP_PRINCIPAL_TOKEN;
        given.grantor = i == 2 ? S("key_2") : S("");
        assert_int_equal(issue(signer, &given, 0, text, sizeof(text)), LLMP_OK);
        assert_int_equal(verify(signer, text, WALL_NS, &token), LLMP_OK);
        llmp_token_principal(token, &p);
        assert_true(llmp_str_eq(p.grantor, llmp_str_of(expected[i])));
        assert_string_equal(p.grantor_tag, "0123456789abcdef");
        llmp_token_unref(token);
    }
    llmp_signer_unref(signer);
}

static void lifetimes_are_bounded(void **state)
{
    struct llmp_signer *signer = fixture_signer(LLMP_ALG_EDDSA, "k", 1);
    struct llmp_principal p = principal_of();
    struct llmp_grant grant = { .size = sizeof(grant),
                                .role = LLMP_ROLE_ADMIN };
    struct llmp_token *token = NULL;
    char text[2048];

    (void)state;
    assert_int_equal(issue(signer, &p, 3599, text, sizeof(text)),
                     LLMP_E_INVALID);
    assert_int_equal(issue(signer, &p, 86401, text, sizeof(text)),
                     LLMP_E_INVALID);
    assert_int_equal(issue(signer, &p, 86400, text, sizeof(text)), LLMP_OK);
    /* It ends with what it came from. */
    p.expires_ns = (WALL_S + 100) * LLMP_NS_PER_S;
    p.grant = &grant;
    grant.expires_ns = (WALL_S + 50) * LLMP_NS_PER_S;
    assert_int_equal(issue(signer, &p, 0, text, sizeof(text)), LLMP_OK);
    assert_int_equal(
        verify(signer, text, (WALL_S + 79) * LLMP_NS_PER_S, &token), LLMP_OK);
    llmp_token_unref(token);
    token = NULL;
    assert_int_equal(
        verify(signer, text, (WALL_S + 80) * LLMP_NS_PER_S, &token),
        LLMP_AUTH_TOKEN_EXPIRED);
    grant.expires_ns = WALL_NS;
    assert_int_equal(issue(signer, &p, 0, text, sizeof(text)), LLMP_E_STATE);
    llmp_signer_unref(signer);
}

static void what_is_required(void **state)
{
    struct llmp_signer *signer = fixture_signer(LLMP_ALG_EDDSA, "k", 1);
    struct llmp_principal p = principal_of();
    char text[2048];

    (void)state;
    p.user = S("");
    assert_int_equal(issue(signer, &p, 0, text, sizeof(text)), LLMP_E_INVALID);
    p = principal_of();
    p.role = LLMP_ROLE_NONE;
    assert_int_equal(issue(signer, &p, 0, text, sizeof(text)), LLMP_E_INVALID);
    assert_int_equal(issue(signer, NULL, 0, text, sizeof(text)),
                     LLMP_E_INVALID);
    p = principal_of();
    assert_int_equal(issue(signer, &p, 0, text, 100), LLMP_E_LIMIT);
    llmp_signer_unref(signer);
}

static void signers_are_checked(void **state)
{
    static const uint8_t zero[32], high[32] = { 0xFF, 0xFF, 0xFF, 0xFF, 0xFF };
    struct llmp_signer *signer = NULL;

    (void)state;
    assert_int_equal(
        llmp_signer_new(&signer, LLMP_ALG_ES256, S("k"), zero, NULL),
        LLMP_E_INVALID);
    assert_int_equal(
        llmp_signer_new(&signer, LLMP_ALG_ES256, S("k"), high, NULL),
        LLMP_E_INVALID);
    assert_int_equal(
        llmp_signer_new(&signer, LLMP_ALG_RS256, S("k"), high, NULL),
        LLMP_E_INVALID);
    assert_int_equal(
        llmp_signer_new(&signer, LLMP_ALG_EDDSA, S("a\"b"), high, NULL),
        LLMP_E_INVALID);
    assert_int_equal(
        llmp_signer_new(&signer, LLMP_ALG_EDDSA, S(""), high, NULL),
        LLMP_E_INVALID);
    assert_null(signer);
}

static void survives_every_allocation_failure(void **state)
{
    static const uint8_t secret[32] = { 1 };
    struct llmp_principal p = principal_of();
    char text[2048];

    (void)state;
    for (int n = 0;; n++) {
        struct llmp_signer *signer = NULL;
        int rc;

        faulty_heap_arm(n);
        rc = llmp_signer_new(&signer, LLMP_ALG_ES256, S("k"), secret, NULL);
        if (rc == LLMP_OK)
            rc = issue(signer, &p, 0, text, sizeof(text));
        llmp_signer_unref(signer);
        assert_int_equal(faulty_heap_live(), 0);
        if (rc == LLMP_OK)
            break;
        assert_int_equal(rc, LLMP_E_NOMEM);
    }
    faulty_heap_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_we_issue_we_verify),
        cmocka_unit_test(a_token_names_its_grantor),
        cmocka_unit_test(lifetimes_are_bounded),
        cmocka_unit_test(what_is_required),
        cmocka_unit_test(signers_are_checked),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
