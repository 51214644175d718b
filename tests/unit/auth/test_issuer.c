/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: of any number of callers one fetches; keys are found, refreshed and
 * kept while the issuer is down; unknown kids cannot make us fetch at will.
 * Method: time is a number, documents are fed by hand, two threads verify and
 * fetch at once, memory fails at every request in turn.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth_fixture.h"
#include "faulty_heap.h"

#define NAME "https://i.example"
#define DISCOVERY \
    "{\"issuer\":\"" NAME "\",\"jwks_uri\":\"" NAME "/keys\",\"x\":[1]}"
#define CLAIMS                                            \
    "{\"iss\":\"" NAME "\",\"aud\":\"gw\",\"sub\":\"a\"," \
    "\"exp\":1750999999,\"iat\":1750000000}"

static struct llmp_time at(uint64_t s)
{
    return (struct llmp_time){ (s + 1000) * LLMP_NS_PER_S,
                               WALL_NS + s * LLMP_NS_PER_S };
}

static int issuer_make(struct llmp_issuer **out,
                       const struct llmp_issuer_options *from)
{
    static const struct llmp_str audience = { "gw", 2 };
    struct llmp_token_policy_options policy;
    struct llmp_issuer_options opts = *from;
    int rc;

    llmp_token_policy_options_init(&policy);
    policy.issuer = S(NAME);
    policy.audiences = &audience;
    policy.audience_count = 1;
    policy.role_default = LLMP_ROLE_USER;
    opts.policy = NULL;
    rc = llmp_token_policy_new(&opts.policy, &policy, NULL);
    if (rc == LLMP_OK)
        rc = llmp_issuer_new(out, &opts, NULL);
    llmp_token_policy_unref(opts.policy);
    return rc;
}

static struct llmp_issuer *issuer_new(void)
{
    struct llmp_issuer_options opts;
    struct llmp_issuer *issuer = NULL;

    llmp_issuer_options_init(&opts);
    assert_int_equal(issuer_make(&issuer, &opts), LLMP_OK);
    return issuer;
}

/* A key set of one key, and a token by it. */
struct pair {
    char keys[512];
    char *token;
};

static void pair_init(struct pair *pair, const char *kid, uint8_t seed)
{
    struct llmp_signer *signer = fixture_signer(LLMP_ALG_EDDSA, kid, seed);
    char header[100];

    (void)snprintf(header, sizeof(header), "{\"alg\":\"EdDSA\",\"kid\":\"%s\"}",
                   kid);
    assert_true(llmp_signer_jwks(signer, pair->keys, sizeof(pair->keys)) > 0);
    pair->token = fixture_token(signer, header, CLAIMS);
    llmp_signer_unref(signer);
}

static int verify(struct llmp_issuer *issuer, const struct pair *pair,
                  uint64_t s)
{
    struct llmp_token *token = NULL;
    int rc = llmp_issuer_verify(issuer, &token, llmp_str_of(pair->token), at(s),
                                NULL);

    assert_int_equal(token != NULL, rc == LLMP_OK);
    llmp_token_unref(token);
    return rc;
}

static int fed(struct llmp_issuer *issuer, uint64_t id, const char *body,
               uint64_t max_age_s, uint64_t s)
{
    return llmp_issuer_fed(issuer, id, llmp_str_of(body), max_age_s, at(s),
                           NULL);
}

/* Discovers and gets keys. */
static void start(struct llmp_issuer *issuer, const char *keys, uint64_t s)
{
    struct llmp_issuer_fetch fetch;

    assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(s)), LLMP_OK);
    assert_true(fetch.discovery);
    assert_string_equal(fetch.url, NAME "/.well-known/openid-configuration");
    assert_int_equal(fed(issuer, fetch.id, DISCOVERY, 0, s), LLMP_AGAIN);
    assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(s)), LLMP_OK);
    assert_false(fetch.discovery);
    assert_string_equal(fetch.url, NAME "/keys");
    assert_int_equal(fed(issuer, fetch.id, keys, 300, s), LLMP_OK);
}

static void finds_its_keys_once(void **state)
{
    struct llmp_issuer *issuer = issuer_new();
    struct llmp_issuer_fetch fetch, other;
    struct pair pair;

    (void)state;
    pair_init(&pair, "k1", 1);
    assert_int_equal(verify(issuer, &pair, 0), LLMP_AGAIN);
    assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(0)), LLMP_OK);
    assert_int_equal(llmp_issuer_fetch(issuer, &other, at(0)), LLMP_MISS);
    assert_int_equal(verify(issuer, &pair, 1), LLMP_AGAIN);
    assert_int_equal(fed(issuer, fetch.id, DISCOVERY, 0, 1), LLMP_AGAIN);
    assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(1)), LLMP_OK);
    assert_int_equal(fed(issuer, fetch.id, pair.keys, 0, 1), LLMP_OK);
    assert_int_equal(fed(issuer, fetch.id, pair.keys, 0, 1), LLMP_MISS);
    assert_int_equal(verify(issuer, &pair, 2), LLMP_OK);
    assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(2)), LLMP_MISS);
    free(pair.token);
    llmp_issuer_unref(issuer);
}

static void a_lost_fetch_is_given_to_another(void **state)
{
    struct llmp_issuer *issuer = issuer_new();
    struct llmp_issuer_fetch first, second;

    (void)state;
    assert_int_equal(llmp_issuer_fetch(issuer, &first, at(0)), LLMP_OK);
    assert_int_equal(llmp_issuer_fetch(issuer, &second, at(14)), LLMP_MISS);
    assert_int_equal(llmp_issuer_fetch(issuer, &second, at(15)), LLMP_OK);
    assert_int_equal(fed(issuer, first.id, DISCOVERY, 0, 16), LLMP_MISS);
    llmp_issuer_failed(issuer, first.id, at(16)); /* changes nothing */
    assert_int_equal(fed(issuer, second.id, DISCOVERY, 0, 16), LLMP_AGAIN);
    llmp_issuer_unref(issuer);
}

static void refresh_is_clamped(void **state)
{
    (void)state;
    static const struct {
        uint64_t max_age_s, refresh_s;
    } steps[] = { { 0, 600 },     { 1, 60 },        { 60, 60 },
                  { 3600, 3600 }, { 86400, 86400 }, { UINT64_MAX, 86400 } };
    struct pair pair;

    pair_init(&pair, "k1", 1);
    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        struct llmp_issuer_options opts;
        struct llmp_issuer *issuer = NULL;
        struct llmp_issuer_fetch fetch;

        llmp_issuer_options_init(&opts);
        opts.jwks_uri = S("https://keys.example/jwks");
        assert_int_equal(issuer_make(&issuer, &opts), LLMP_OK);
        assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(0)), LLMP_OK);
        assert_string_equal(fetch.url, "https://keys.example/jwks");
        assert_int_equal(
            fed(issuer, fetch.id, pair.keys, steps[i].max_age_s, 0), LLMP_OK);
        assert_true(llmp_issuer_due_ns(issuer) ==
                    at(steps[i].refresh_s).mono_ns);
        llmp_issuer_unref(issuer);
    }
    free(pair.token);
}

/* Who leaves is no failure of the issuer's, and another fetches soon. */
static void a_returned_fetch_is_no_failure(void **state)
{
    struct llmp_issuer *issuer = issuer_new();
    struct llmp_issuer_fetch first, second;
    struct llmp_issuer_status status;
    struct llmp_time soon = at(1);
    struct pair pair;

    (void)state;
    pair_init(&pair, "k1", 1);
    soon.mono_ns += 50 * LLMP_NS_PER_MS;
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(llmp_issuer_fetch(issuer, &first, at(1)), LLMP_OK);
        llmp_issuer_return(issuer, first.id, at(1));
        assert_int_equal(verify(issuer, &pair, 1), LLMP_AGAIN);
        assert_int_equal(llmp_issuer_fetch(issuer, &second, at(1)), LLMP_MISS);
        assert_int_equal(llmp_issuer_fetch(issuer, &second, soon), LLMP_OK);
        llmp_issuer_return(issuer, first.id, soon); /* not its own any more */
        llmp_issuer_status(issuer, &status);
        assert_true(status.fetching);
        assert_int_equal(status.failures, 0);
        llmp_issuer_return(issuer, second.id, at(0));
    }
    free(pair.token);
    llmp_issuer_unref(issuer);
}

static void the_last_good_set_is_kept(void **state)
{
    struct llmp_issuer *issuer = issuer_new();
    struct llmp_issuer_fetch fetch;
    struct llmp_issuer_status status;
    struct pair pair;
    uint64_t s = 300;

    (void)state;
    pair_init(&pair, "k1", 1);
    start(issuer, pair.keys, 0);
    for (unsigned i = 0; i < 10; i++) { /* 1, 2, 4, … 60, 60 s apart */
        assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(s)), LLMP_OK);
        if (i % 2)
            llmp_issuer_failed(issuer, fetch.id, at(s));
        else
            assert_true(fed(issuer, fetch.id, "{\"keys\":[]}", 0, s) < 0);
        assert_int_equal(verify(issuer, &pair, s), LLMP_OK);
        s += i < 6 ? UINT64_C(1) << i : 60;
        assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(s - 1)),
                         LLMP_MISS);
    }
    llmp_issuer_status(issuer, &status);
    assert_int_equal(status.failures, 10);
    assert_int_equal(status.key_count, 1);
    assert_int_equal(verify(issuer, &pair, 300 + 86399), LLMP_OK);
    /* Too old; and after a failed attempt nobody waits any more. */
    assert_int_equal(verify(issuer, &pair, 300 + 86400), LLMP_AGAIN);
    assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(86700)), LLMP_OK);
    llmp_issuer_failed(issuer, fetch.id, at(86700));
    assert_int_equal(verify(issuer, &pair, 86700), LLMP_AUTH_ISSUER_DOWN);
    /* After failures the keys may have moved. */
    start(issuer, pair.keys, 86800);
    assert_int_equal(verify(issuer, &pair, 86800), LLMP_OK);
    free(pair.token);
    llmp_issuer_unref(issuer);
}

static void an_unknown_kid_fetches_once(void **state)
{
    struct llmp_issuer *issuer = issuer_new();
    struct llmp_issuer_fetch fetch;
    struct llmp_issuer_status status;
    struct pair old, fresh, odd;

    (void)state;
    pair_init(&old, "k1", 1);
    pair_init(&fresh, "k2", 2);
    pair_init(&odd, "odd", 3);
    start(issuer, old.keys, 0);
    /* Within the cooldown of a fetch nobody asks again. */
    assert_int_equal(verify(issuer, &fresh, 10), LLMP_AUTH_TOKEN_KEY_UNKNOWN);
    assert_int_equal(verify(issuer, &fresh, 30), LLMP_AGAIN);
    assert_int_equal(verify(issuer, &odd, 30), LLMP_AGAIN);
    assert_int_equal(verify(issuer, &old, 30), LLMP_OK);
    assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(30)), LLMP_OK);
    assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(30)), LLMP_MISS);
    assert_int_equal(fed(issuer, fetch.id, fresh.keys, 0, 31), LLMP_OK);
    assert_int_equal(verify(issuer, &fresh, 31), LLMP_OK);
    assert_int_equal(verify(issuer, &old, 31), LLMP_AUTH_TOKEN_KEY_UNKNOWN);
    /* One that stays unknown asks once in ten minutes. */
    assert_int_equal(verify(issuer, &odd, 61), LLMP_AGAIN);
    assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(61)), LLMP_OK);
    assert_int_equal(fed(issuer, fetch.id, fresh.keys, 3600, 61), LLMP_OK);
    llmp_issuer_status(issuer, &status);
    assert_int_equal(status.version, 3); /* the same document: no new one */
    assert_int_equal(verify(issuer, &odd, 100), LLMP_AUTH_TOKEN_KEY_UNKNOWN);
    assert_int_equal(verify(issuer, &odd, 660), LLMP_AUTH_TOKEN_KEY_UNKNOWN);
    assert_int_equal(verify(issuer, &odd, 661), LLMP_AGAIN);
    free(old.token);
    free(fresh.token);
    free(odd.token);
    llmp_issuer_unref(issuer);
}

/* However many names are tried: one fetch a cooldown. */
static void a_spray_of_kids_is_bounded(void **state)
{
    struct llmp_issuer *issuer = issuer_new();
    struct llmp_issuer_fetch fetch;
    struct llmp_issuer_status status;
    struct pair pair;

    (void)state;
    pair_init(&pair, "k1", 1);
    start(issuer, pair.keys, 0);
    for (unsigned i = 0; i < 300; i++) { /* one a second */
        struct pair spray;
        char kid[16];

        (void)snprintf(kid, sizeof(kid), "spray%u", i);
        pair_init(&spray, kid, 2);
        (void)verify(issuer, &spray, i);
        if (llmp_issuer_fetch(issuer, &fetch, at(i)) == LLMP_OK)
            assert_int_equal(fed(issuer, fetch.id, pair.keys, 3600, i),
                             LLMP_OK);
        free(spray.token);
    }
    llmp_issuer_status(issuer, &status);
    assert_in_range(status.fetches, 8, 2 + 10);
    free(pair.token);
    llmp_issuer_unref(issuer);
}

static void a_forged_token_fetches_nothing(void **state)
{
    struct llmp_issuer *issuer = issuer_new();
    struct pair real, forged;

    (void)state;
    pair_init(&real, "k1", 1);
    pair_init(&forged, "k1", 2);
    start(issuer, real.keys, 0);
    assert_int_equal(verify(issuer, &forged, 100), LLMP_AUTH_TOKEN_SIGNATURE);
    assert_true(llmp_issuer_due_ns(issuer) == at(300).mono_ns);
    free(real.token);
    free(forged.token);
    llmp_issuer_unref(issuer);
}

static void documents_are_checked(void **state)
{
    (void)state;
    static const char *const documents[] = {
        "",
        "[]",
        "{}",
        "{\"issuer\":\"" NAME "\"}",
        "{\"issuer\":\"" NAME "/\",\"jwks_uri\":\"" NAME "/keys\"}",
        "{\"issuer\":\"https://evil.example\",\"jwks_uri\":\"" NAME "/k\"}",
        "{\"issuer\":\"" NAME "\",\"jwks_uri\":\"https://evil.example/k\"}",
        "{\"issuer\":\"" NAME "\",\"jwks_uri\":\"" NAME ".evil.example/k\"}",
        "{\"issuer\":\"" NAME "\",\"jwks_uri\":\"" NAME "@evil.example/k\"}",
        "{\"issuer\":\"" NAME "\",\"jwks_uri\":\"" NAME ":8443/k\"}",
        "{\"issuer\":\"" NAME "\",\"jwks_uri\":\"http://i.example/k\"}",
        "{\"issuer\":\"" NAME "\",\"jwks_uri\":\"file:///etc/passwd\"}",
        "{\"issuer\":\"" NAME "\",\"jwks_uri\":\"" NAME "/k\\u000d\\u000aX\"}",
        "{\"issuer\":\"" NAME "\",\"jwks_uri\":[\"" NAME "/k\"]}",
        "{\"issuer\":\"" NAME "\",\"issuer\":\"" NAME "\",\"jwks_uri\":\"" NAME
        "/k\"}",
    };

    for (size_t i = 0; i < LLMP_COUNT(documents); i++) {
        struct llmp_issuer *issuer = issuer_new();
        struct llmp_issuer_fetch fetch;

        print_message("# step %zu\n", i);
        assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(0)), LLMP_OK);
        assert_true(fed(issuer, fetch.id, documents[i], 0, 0) < 0);
        assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(0)), LLMP_MISS);
        assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(1)), LLMP_OK);
        llmp_issuer_unref(issuer);
    }
}

static void options_are_checked(void **state)
{
    struct llmp_issuer_options opts;
    struct llmp_issuer *issuer = NULL;

    (void)state;
    llmp_issuer_options_init(&opts);
    assert_int_equal(llmp_issuer_new(&issuer, &opts, NULL), LLMP_E_INVALID);
    opts.jwks_uri = S("http://i.example/keys");
    assert_int_equal(issuer_make(&issuer, &opts), LLMP_E_INVALID);
    opts.http_allowed = true;
    assert_int_equal(issuer_make(&issuer, &opts), LLMP_OK);
    llmp_issuer_unref(issuer);
    issuer = NULL;
    opts.jwks_uri = S("https://i.example@evil.example/keys");
    assert_int_equal(issuer_make(&issuer, &opts), LLMP_E_INVALID);
    opts.jwks_uri = S("https://i.example/keys#x");
    assert_int_equal(issuer_make(&issuer, &opts), LLMP_E_INVALID);
    opts.jwks_uri = S("");
    opts.cooldown_s = 0;
    assert_int_equal(issuer_make(&issuer, &opts), LLMP_E_INVALID);
}

static void keys_at_hand_are_swapped(void **state)
{
    struct llmp_signer *one = fixture_signer(LLMP_ALG_EDDSA, "k1", 1),
                       *two = fixture_signer(LLMP_ALG_EDDSA, "k2", 2);
    struct llmp_jwks *first = fixture_keys(one), *second = fixture_keys(two);
    struct llmp_issuer_options opts;
    struct llmp_issuer *issuer = NULL;
    struct llmp_issuer_fetch fetch;
    struct pair a, b;

    (void)state;
    pair_init(&a, "k1", 1);
    pair_init(&b, "k2", 2);
    llmp_issuer_options_init(&opts);
    opts.keys = first;
    assert_int_equal(issuer_make(&issuer, &opts), LLMP_OK);
    assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(0)), LLMP_MISS);
    assert_true(llmp_issuer_due_ns(issuer) == UINT64_MAX);
    assert_int_equal(verify(issuer, &a, 0), LLMP_OK);
    assert_int_equal(verify(issuer, &b, 0), LLMP_AUTH_TOKEN_KEY_UNKNOWN);
    assert_int_equal(llmp_issuer_set_keys(issuer, second), LLMP_OK);
    assert_int_equal(verify(issuer, &a, 0), LLMP_AUTH_TOKEN_KEY_UNKNOWN);
    assert_int_equal(verify(issuer, &b, 0), LLMP_OK);
    llmp_issuer_revoke_before(issuer, WALL_S);
    assert_int_equal(verify(issuer, &b, 0), LLMP_OK);
    llmp_issuer_revoke_before(issuer, WALL_S + 1);
    assert_int_equal(verify(issuer, &b, 0), LLMP_AUTH_TOKEN_EXPIRED);
    llmp_issuer_unref(issuer);
    llmp_jwks_unref(first);
    llmp_jwks_unref(second);
    llmp_signer_unref(one);
    llmp_signer_unref(two);
    free(a.token);
    free(b.token);
}

static void survives_every_allocation_failure(void **state)
{
    struct pair pair;

    (void)state;
    pair_init(&pair, "k1", 1);
    for (int n = 0;; n++) {
        struct llmp_issuer_options opts;
        struct llmp_issuer *issuer = NULL;
        struct llmp_issuer_fetch fetch;
        struct llmp_token *token = NULL;
        int rc;

        llmp_issuer_options_init(&opts);
        opts.jwks_uri = S(NAME "/keys");
        faulty_heap_arm(n);
        rc = issuer_make(&issuer, &opts);
        if (rc == LLMP_OK) {
            assert_int_equal(llmp_issuer_fetch(issuer, &fetch, at(0)), LLMP_OK);
            rc = fed(issuer, fetch.id, pair.keys, 0, 0);
        }
        if (rc == LLMP_OK)
            rc = llmp_issuer_verify(issuer, &token, llmp_str_of(pair.token),
                                    at(0), NULL);
        llmp_issuer_unref(issuer); /* a token holds its issuer */
        llmp_token_unref(token);
        assert_int_equal(faulty_heap_live(), 0);
        if (rc == LLMP_OK)
            break;
        assert_int_equal(rc, LLMP_E_NOMEM);
    }
    faulty_heap_off();
    free(pair.token);
}

struct shared {
    struct llmp_issuer *issuer;
    struct pair pairs[2];
    atomic_uint fetching;
    atomic_ullong clock_s;
    atomic_bool wrong;
};

/* Verifies, fetches when told, with documents that change all the time. */
static void *work(void *ctx)
{
    struct shared *shared = ctx;

    for (unsigned i = 0; i < 3000; i++) {
        uint64_t s = atomic_fetch_add(&shared->clock_s, 7) / 7;
        struct pair *pair = &shared->pairs[i % 2];
        struct llmp_issuer_fetch fetch;
        struct llmp_token *token = NULL;
        int rc = llmp_issuer_verify(shared->issuer, &token,
                                    llmp_str_of(pair->token), at(s), NULL);

        if (rc != LLMP_OK && rc != LLMP_AGAIN &&
            rc != LLMP_AUTH_TOKEN_KEY_UNKNOWN && rc != LLMP_AUTH_ISSUER_DOWN)
            atomic_store(&shared->wrong, true);
        llmp_token_unref(token);
        if (llmp_issuer_fetch(shared->issuer, &fetch, at(s)) != LLMP_OK)
            continue;
        if (atomic_fetch_add(&shared->fetching, 1) != 0)
            atomic_store(&shared->wrong, true);
        atomic_fetch_sub(&shared->fetching, 1);
        if (fetch.id % 5 == 0) {
            llmp_issuer_failed(shared->issuer, fetch.id, at(s));
            continue;
        }
        rc = fed(shared->issuer, fetch.id,
                 fetch.discovery ? DISCOVERY : shared->pairs[s / 50 % 2].keys,
                 60, s);
        if (rc < 0)
            atomic_store(&shared->wrong, true);
    }
    return NULL;
}

static void threads_share_an_issuer(void **state)
{
    struct llmp_issuer_options opts;
    struct shared shared = { .issuer = NULL };
    struct llmp_issuer_status status;
    pthread_t threads[2];

    (void)state;
    llmp_issuer_options_init(&opts);
    opts.lease_s = 86400; /* the clock runs fast here */
    assert_int_equal(issuer_make(&shared.issuer, &opts), LLMP_OK);
    pair_init(&shared.pairs[0], "k1", 1);
    pair_init(&shared.pairs[1], "k2", 2);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &shared), 0);
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_false(atomic_load(&shared.wrong));
    llmp_issuer_status(shared.issuer, &status);
    assert_true(status.version > 10);
    free(shared.pairs[0].token);
    free(shared.pairs[1].token);
    llmp_issuer_unref(shared.issuer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_its_keys_once),
        cmocka_unit_test(a_lost_fetch_is_given_to_another),
        cmocka_unit_test(refresh_is_clamped),
        cmocka_unit_test(a_returned_fetch_is_no_failure),
        cmocka_unit_test(the_last_good_set_is_kept),
        cmocka_unit_test(an_unknown_kid_fetches_once),
        cmocka_unit_test(a_spray_of_kids_is_bounded),
        cmocka_unit_test(a_forged_token_fetches_nothing),
        cmocka_unit_test(documents_are_checked),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(keys_at_hand_are_swapped),
        cmocka_unit_test(survives_every_allocation_failure),
        cmocka_unit_test(threads_share_an_issuer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
