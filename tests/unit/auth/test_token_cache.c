/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the cache gives back exactly the token of exactly this text, as long
 * as it counts.
 * Method: chosen times, changed texts, swapped keys, more tokens than room.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth_fixture.h"
#include "faulty_heap.h"

struct fixture {
    struct llmp_signer *signer;
    struct llmp_jwks *keys;
    struct llmp_issuer *issuer;
    struct llmp_token_cache *cache;
};

static uint64_t seed = 3;
static const struct llmp_random random_source = { fixture_fill, &seed };

static struct llmp_time at(uint64_t s)
{
    return (struct llmp_time){ (s + 50) * LLMP_NS_PER_S,
                               WALL_NS + s * LLMP_NS_PER_S };
}

static void set_up(struct fixture *f, size_t capacity)
{
    static const struct llmp_str audience = { "gw", 2 };
    struct llmp_token_policy_options policy;
    struct llmp_issuer_options opts;

    f->signer = fixture_signer(LLMP_ALG_EDDSA, "k", 1);
    f->keys = fixture_keys(f->signer);
    llmp_token_policy_options_init(&policy);
    policy.issuer = S("own");
    policy.audiences = &audience;
    policy.audience_count = 1;
    policy.role_default = LLMP_ROLE_USER;
    llmp_issuer_options_init(&opts);
    opts.keys = f->keys;
    assert_int_equal(llmp_token_policy_new(&opts.policy, &policy, NULL), 0);
    assert_int_equal(llmp_issuer_new(&f->issuer, &opts, NULL), 0);
    llmp_token_policy_unref(opts.policy);
    assert_int_equal(
        llmp_token_cache_new(&f->cache, capacity, 300, &random_source, NULL),
        0);
}

static void tear_down(struct fixture *f)
{
    llmp_token_cache_free(f->cache);
    llmp_issuer_unref(f->issuer);
    llmp_jwks_unref(f->keys);
    llmp_signer_unref(f->signer);
}

/* Verifies a token of that user and keeps it; the caller frees the text. */
static char *keep(struct fixture *f, const char *user, uint64_t exp_s,
                  struct llmp_token **out)
{
    struct llmp_token *token = NULL;
    char claims[200], *text;

    (void)snprintf(claims, sizeof(claims),
                   "{\"iss\":\"own\",\"aud\":\"gw\",\"sub\":\"%s\","
                   "\"exp\":%llu}",
                   user, (unsigned long long)(WALL_S + exp_s));
    text =
        fixture_token(f->signer, "{\"alg\":\"EdDSA\",\"kid\":\"k\"}", claims);
    assert_int_equal(
        llmp_issuer_verify(f->issuer, &token, llmp_str_of(text), at(0), NULL),
        LLMP_OK);
    llmp_token_cache_put(f->cache, llmp_str_of(text), token, at(0));
    llmp_token_unref(token);
    if (out)
        *out = token;
    return text;
}

static void gives_back_what_was_put(void **state)
{
    struct fixture f;
    struct llmp_token *token;
    struct llmp_principal p;
    char *text;

    (void)state;
    set_up(&f, 16);
    text = keep(&f, "ann", 1000, &token);
    assert_ptr_equal(llmp_token_cache_get(f.cache, llmp_str_of(text), at(1)),
                     token);
    llmp_token_principal(token, &p);
    assert_true(llmp_str_eq(p.user, S("ann")));
    /* Any other text is another token: cut, prolonged, changed. */
    for (size_t i = 0; i < strlen(text); i++) {
        assert_null(
            llmp_token_cache_get(f.cache, (struct llmp_str){ text, i }, at(1)));
        text[i] ^= 1;
        assert_null(llmp_token_cache_get(f.cache, llmp_str_of(text), at(1)));
        text[i] ^= 1;
    }
    assert_non_null(llmp_token_cache_get(f.cache, llmp_str_of(text), at(1)));
    free(text);
    tear_down(&f);
}

static void entries_end(void **state)
{
    struct fixture f;
    char *text, *brief;

    (void)state;
    set_up(&f, 16);
    text = keep(&f, "ann", 1000, NULL);
    brief = keep(&f, "bob", 10, NULL); /* and 30 s of leeway */
    assert_non_null(llmp_token_cache_get(f.cache, llmp_str_of(brief), at(39)));
    assert_null(llmp_token_cache_get(f.cache, llmp_str_of(brief), at(40)));
    assert_null(llmp_token_cache_get(f.cache, llmp_str_of(brief), at(1)));
    assert_non_null(llmp_token_cache_get(f.cache, llmp_str_of(text), at(299)));
    assert_null(llmp_token_cache_get(f.cache, llmp_str_of(text), at(300)));
    free(text);
    free(brief);
    tear_down(&f);
}

static void new_keys_void_entries(void **state)
{
    struct fixture f;
    char *text;

    (void)state;
    set_up(&f, 16);
    text = keep(&f, "ann", 1000, NULL);
    assert_int_equal(llmp_issuer_set_keys(f.issuer, f.keys), LLMP_OK);
    assert_null(llmp_token_cache_get(f.cache, llmp_str_of(text), at(1)));
    free(text);
    text = keep(&f, "ann", 1000, NULL);
    assert_non_null(llmp_token_cache_get(f.cache, llmp_str_of(text), at(1)));
    llmp_issuer_revoke_before(f.issuer, WALL_S);
    assert_null(llmp_token_cache_get(f.cache, llmp_str_of(text), at(1)));
    free(text);
    tear_down(&f);
}

static void room_is_bounded(void **state)
{
    struct fixture f;
    char *texts[200];
    unsigned found = 0;

    (void)state;
    set_up(&f, 16);
    for (unsigned i = 0; i < 200; i++) {
        char user[16];

        (void)snprintf(user, sizeof(user), "user%u", i);
        texts[i] = keep(&f, user, 1000, NULL);
        assert_non_null(
            llmp_token_cache_get(f.cache, llmp_str_of(texts[i]), at(1)));
    }
    for (unsigned i = 0; i < 200; i++) {
        found +=
            llmp_token_cache_get(f.cache, llmp_str_of(texts[i]), at(1)) != NULL;
        free(texts[i]);
    }
    assert_int_equal(found, 16);
    tear_down(&f);
}

static void options_and_memory(void **state)
{
    struct llmp_token_cache *cache = NULL;

    (void)state;
    assert_int_equal(llmp_token_cache_new(&cache, LLMP_TOKEN_CACHE_MAX + 1, 0,
                                          &random_source, NULL),
                     LLMP_E_LIMIT);
    assert_int_equal(llmp_token_cache_new(&cache, 0, 0, NULL, NULL),
                     LLMP_E_INVALID);
    faulty_heap_arm(0);
    assert_int_equal(llmp_token_cache_new(&cache, 0, 0, &random_source, NULL),
                     LLMP_E_NOMEM);
    faulty_heap_off();
    assert_null(cache);
    llmp_token_cache_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_what_was_put),
        cmocka_unit_test(entries_end),
        cmocka_unit_test(new_keys_void_entries),
        cmocka_unit_test(room_is_bounded),
        cmocka_unit_test(options_and_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
