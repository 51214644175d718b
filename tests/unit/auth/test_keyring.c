/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the ring finds exactly the keys that are in it, in the state they are
 * in; a change leaves the ring it came from as it was; readers need no lock.
 * Method: keys made by numbers, rings compared with a plain list over random
 * changes, chosen times, memory that fails at every request in turn, and a
 * thread that reads while another changes.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth_fixture.h"
#include "faulty_heap.h"

static const struct llmp_pepper pepper = { { 1, 2, 3 } };

/* The text of key number `n`, generation `g`. */
static void text_make(char text[LLMP_API_KEY_SIZE], unsigned n, unsigned g)
{
    uint64_t seed = n * 977u + g * 31u + 5;
    struct llmp_random random = { fixture_fill, &seed };

    llmp_api_key_make(text, &random);
}

static void generation_make(struct llmp_key_generation *generation, unsigned n,
                            unsigned g)
{
    char text[LLMP_API_KEY_SIZE];

    text_make(text, n, g);
    llmp_api_key_hash(generation->hash, &pepper, llmp_str_of(text));
}

static void options_make(struct llmp_key_options *opts, char id[16], unsigned n)
{
    llmp_key_options_init(opts);
    (void)snprintf(id, 16, "key-%u", n);
    opts->id = llmp_str_of(id);
    opts->user = S("ann");
    opts->grant.role = LLMP_ROLE_DEVELOPER;
    generation_make(&opts->generations[0], n, 0);
}

static struct llmp_key *key_make(unsigned n)
{
    struct llmp_key_options opts;
    struct llmp_key *key = NULL;
    char id[16];

    options_make(&opts, id, n);
    assert_int_equal(llmp_key_new(&key, &opts, NULL), LLMP_OK);
    return key;
}

static int check(const struct llmp_keyring *ring, unsigned n, unsigned g,
                 uint64_t wall_ns, struct llmp_key_use *use)
{
    char text[LLMP_API_KEY_SIZE];

    text_make(text, n, g);
    return llmp_keyring_check(ring, llmp_str_of(text), wall_ns, use);
}

static struct llmp_keyring *ring_of(struct llmp_key *key)
{
    struct llmp_keyring *ring = NULL;

    assert_int_equal(llmp_keyring_new(&ring, &pepper, &key, key != NULL, NULL),
                     LLMP_OK);
    llmp_key_unref(key);
    return ring;
}

static void answers_are_the_states(void **state)
{
    (void)state;
    static const struct {
        uint64_t expires_s, until_s, at_s;
        bool revoked, disabled;
        unsigned generation;
        int expected;
    } steps[] = {
        { 0, 0, 1000, false, false, 0, LLMP_OK },
        { 100, 0, 99, false, false, 0, LLMP_OK },
        { 100, 0, 100, false, false, 0, LLMP_AUTH_KEY_EXPIRED },
        { 0, 50, 49, false, false, 1, LLMP_OK },
        { 0, 50, 50, false, false, 1, LLMP_AUTH_KEY_SUPERSEDED },
        { 0, 50, 50, false, false, 0, LLMP_OK },
        { 0, 0, 10, true, false, 0, LLMP_AUTH_KEY_REVOKED },
        { 0, 0, 10, true, true, 1, LLMP_AUTH_KEY_REVOKED },
        { 0, 0, 10, false, true, 0, LLMP_AUTH_KEY_DISABLED },
        { 0, 0, 10, false, false, 2, LLMP_AUTH_KEY_UNKNOWN },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        struct llmp_key_options opts;
        struct llmp_key_use use;
        struct llmp_key *key = NULL;
        struct llmp_keyring *ring;
        char id[16];

        print_message("# step %zu\n", i);
        options_make(&opts, id, 1);
        generation_make(&opts.generations[1], 1, 1);
        opts.generations[1].until_ns = steps[i].until_s * LLMP_NS_PER_S;
        opts.grant.expires_ns = steps[i].expires_s * LLMP_NS_PER_S;
        opts.revoked = steps[i].revoked;
        opts.disabled = steps[i].disabled;
        assert_int_equal(llmp_key_new(&key, &opts, NULL), LLMP_OK);
        ring = ring_of(key);
        assert_int_equal(check(ring, 1, steps[i].generation,
                               steps[i].at_s * LLMP_NS_PER_S, &use),
                         steps[i].expected);
        if (steps[i].expected != LLMP_AUTH_KEY_UNKNOWN) {
            assert_ptr_equal(use.key, key);
            assert_int_equal(use.generation, steps[i].generation);
            assert_int_equal(use.superseded, steps[i].generation == 1);
        }
        assert_int_equal(llmp_key_last_used_s(key),
                         steps[i].expected == LLMP_OK ? steps[i].at_s : 0);
        llmp_keyring_unref(ring);
    }
}

static void rubbish_is_not_hashed(void **state)
{
    struct llmp_keyring *ring = ring_of(key_make(1));
    struct llmp_key_use use;

    (void)state;
    assert_int_equal(llmp_keyring_check(ring, S(""), 0, &use),
                     LLMP_AUTH_KEY_MALFORMED);
    assert_int_equal(llmp_keyring_check(ring, S("llmgw_x"), 0, NULL),
                     LLMP_AUTH_KEY_MALFORMED);
    assert_null(use.key);
    llmp_keyring_unref(ring);
}

/* A plain list of what is in; rings must agree with it after each change. */
enum { KEYS = 3000, CHANGES = 6000 };

static void agrees_with_a_list(void **state)
{
    static bool in[KEYS];
    struct llmp_keyring *ring = ring_of(NULL);
    uint64_t seed = 99;
    size_t count = 0;

    (void)state;
    for (unsigned i = 0; i < CHANGES; i++) {
        struct llmp_keyring *next = NULL;
        uint32_t n;
        char id[16];

        fixture_fill(&n, sizeof(n), &seed);
        n %= KEYS;
        if (in[n] && i % 3) {
            (void)snprintf(id, sizeof(id), "key-%u", n);
            assert_int_equal(
                llmp_keyring_without(&next, ring, llmp_str_of(id), NULL),
                LLMP_OK);
            count--;
            in[n] = false;
        } else {
            struct llmp_key *key = key_make(n);

            assert_int_equal(llmp_keyring_with(&next, ring, key, NULL),
                             LLMP_OK);
            llmp_key_unref(key);
            count += !in[n];
            in[n] = true;
        }
        assert_int_equal(llmp_keyring_count(next), count);
        assert_int_equal(check(next, n, 0, 1, NULL),
                         in[n] ? LLMP_OK : LLMP_AUTH_KEY_UNKNOWN);
        llmp_keyring_unref(ring);
        ring = next;
    }
    for (unsigned n = 0; n < KEYS; n++)
        assert_int_equal(check(ring, n, 0, 1, NULL),
                         in[n] ? LLMP_OK : LLMP_AUTH_KEY_UNKNOWN);
    llmp_keyring_unref(ring);
}

static void a_change_leaves_the_old_ring(void **state)
{
    struct llmp_keyring *old = ring_of(key_make(1)), *added = NULL,
                        *removed = NULL;
    struct llmp_key *two = key_make(2);

    (void)state;
    assert_int_equal(llmp_keyring_with(&added, old, two, NULL), LLMP_OK);
    assert_int_equal(llmp_keyring_without(&removed, added, S("key-1"), NULL),
                     LLMP_OK);
    assert_int_equal(llmp_keyring_without(&removed, old, S("key-9"), NULL),
                     LLMP_MISS);
    assert_int_equal(check(old, 1, 0, 1, NULL), LLMP_OK);
    assert_int_equal(check(old, 2, 0, 1, NULL), LLMP_AUTH_KEY_UNKNOWN);
    assert_int_equal(check(added, 1, 0, 1, NULL), LLMP_OK);
    assert_int_equal(check(removed, 1, 0, 1, NULL), LLMP_AUTH_KEY_UNKNOWN);
    assert_int_equal(check(removed, 2, 0, 1, NULL), LLMP_OK);
    llmp_key_unref(two);
    llmp_keyring_unref(old);
    llmp_keyring_unref(added);
    llmp_keyring_unref(removed);
}

static void one_secret_belongs_to_one_key(void **state)
{
    struct llmp_keyring *ring = ring_of(key_make(1)), *next = NULL;
    struct llmp_key *twins[2] = { key_make(3), key_make(3) };
    struct llmp_key_options opts;
    struct llmp_key *thief = NULL;
    char id[16];

    (void)state;
    options_make(&opts, id, 1);
    opts.id = S("other");
    assert_int_equal(llmp_key_new(&thief, &opts, NULL), LLMP_OK);
    assert_int_equal(llmp_keyring_with(&next, ring, thief, NULL),
                     LLMP_E_INVALID);
    assert_int_equal(llmp_keyring_new(&next, &pepper, twins, 2, NULL),
                     LLMP_E_INVALID);
    assert_null(next);
    llmp_key_unref(thief);
    llmp_key_unref(twins[0]);
    llmp_key_unref(twins[1]);
    llmp_keyring_unref(ring);
}

static void rotation_overlaps(void **state)
{
    struct llmp_key_options opts;
    struct llmp_key_generation second;
    struct llmp_key *key = NULL;
    struct llmp_keyring *ring;
    char id[16];

    (void)state;
    options_make(&opts, id, 1);
    generation_make(&second, 1, 1);
    assert_int_equal(llmp_key_rotate(opts.generations, second.hash,
                                     LLMP_KEY_OVERLAP_S_MAX + 1, 0),
                     LLMP_E_LIMIT);
    assert_int_equal(
        llmp_key_rotate(opts.generations, second.hash, 60, 100 * LLMP_NS_PER_S),
        LLMP_OK);
    assert_int_equal(llmp_key_new(&key, &opts, NULL), LLMP_OK);
    ring = ring_of(key);
    assert_int_equal(check(ring, 1, 0, 159 * LLMP_NS_PER_S, NULL), LLMP_OK);
    assert_int_equal(check(ring, 1, 0, 160 * LLMP_NS_PER_S, NULL),
                     LLMP_AUTH_KEY_SUPERSEDED);
    assert_int_equal(check(ring, 1, 1, 160 * LLMP_NS_PER_S, NULL), LLMP_OK);
    llmp_keyring_unref(ring);
    /* A third secret pushes the first out, and prolongs nothing. */
    opts.generations[0].until_ns = 5;
    assert_int_equal(llmp_key_rotate(opts.generations, second.hash, 60, 0),
                     LLMP_OK);
    assert_int_equal(opts.generations[1].until_ns, 5);
}

/* What was done with a secret counts as long as that secret does. */
static void a_tag_ends_with_its_secret(void **state)
{
    struct llmp_key_options opts;
    struct llmp_key_generation second;
    struct llmp_key *key = NULL;
    char id[16], first[LLMP_KEY_TAG_SIZE], fresh[LLMP_KEY_TAG_SIZE];
    char none[LLMP_KEY_TAG_SIZE];

    (void)state;
    options_make(&opts, id, 1);
    assert_int_equal(llmp_key_new(&key, &opts, NULL), LLMP_OK);
    llmp_key_tag(key, 0, first);
    llmp_key_tag(key, 1, none);
    assert_int_equal(strlen(first), 16);
    assert_string_equal(none, "");
    assert_int_equal(llmp_key_tag_state(key, first, 1), LLMP_OK);
    assert_int_equal(llmp_key_tag_state(key, "", 1), LLMP_AUTH_KEY_SUPERSEDED);
    llmp_key_unref(key);

    generation_make(&second, 1, 1);
    assert_int_equal(llmp_key_rotate(opts.generations, second.hash, 60, 0),
                     LLMP_OK);
    opts.grant.expires_ns = 1000 * LLMP_NS_PER_S;
    assert_int_equal(llmp_key_new(&key, &opts, NULL), LLMP_OK);
    llmp_key_tag(key, 0, fresh);
    assert_string_not_equal(fresh, first);
    assert_int_equal(llmp_key_tag_state(key, first, 60 * LLMP_NS_PER_S - 1),
                     LLMP_OK);
    assert_int_equal(llmp_key_tag_state(key, first, 60 * LLMP_NS_PER_S),
                     LLMP_AUTH_KEY_SUPERSEDED);
    assert_int_equal(llmp_key_tag_state(key, fresh, 60 * LLMP_NS_PER_S),
                     LLMP_OK);
    assert_int_equal(llmp_key_tag_state(key, fresh, 1000 * LLMP_NS_PER_S),
                     LLMP_AUTH_KEY_EXPIRED);
    llmp_key_unref(key);
}

static void expiry_follows_the_policy(void **state)
{
    uint64_t at;

    (void)state;
    assert_int_equal(llmp_key_expiry(0, 0, 0, false, &at), LLMP_OK);
    assert_int_equal(at, UINT64_C(90) * 86400 * LLMP_NS_PER_S);
    assert_int_equal(llmp_key_expiry(0, 0, 86400, false, &at), LLMP_OK);
    assert_int_equal(at, UINT64_C(86400) * LLMP_NS_PER_S);
    assert_int_equal(llmp_key_expiry(0, 86401, 86400, false, &at),
                     LLMP_E_LIMIT);
    assert_int_equal(llmp_key_expiry(0, 0, 86400, true, &at), LLMP_E_LIMIT);
    assert_int_equal(llmp_key_expiry(0, 0, 0, true, &at), LLMP_OK);
    assert_int_equal(at, 0);
}

static unsigned freed;

static void data_free(void *data)
{
    freed += data == &freed;
}

static void key_holds_what_it_was_given(void **state)
{
    static const struct llmp_str models[] = { { "gpt-*", 5 }, { "m", 1 } };
    static const struct llmp_str deny[] = { { "10.0.0.0/8", 10 } };
    struct llmp_key_options opts;
    struct llmp_principal principal;
    struct llmp_address address;
    struct llmp_key *key = NULL;
    char id[16];

    (void)state;
    freed = 0;
    options_make(&opts, id, 1);
    opts.grant.models = models;
    opts.grant.model_count = 2;
    opts.deny = deny;
    opts.deny_count = 1;
    opts.data = &freed;
    opts.data_free = data_free;
    assert_int_equal(llmp_key_new(&key, &opts, NULL), LLMP_OK);
    llmp_key_principal(key, &principal);
    assert_int_equal(principal.kind, LLMP_PRINCIPAL_KEY);
    assert_true(llmp_str_eq(principal.user, S("ann")));
    assert_true(llmp_grant_has_model(principal.grant, S("gpt-4o")));
    assert_false(llmp_grant_has_model(principal.grant, S("claude")));
    assert_int_equal(llmp_address_parse(&address, S("10.1.2.3"), false), 0);
    assert_int_equal(llmp_key_check_address(key, &address),
                     LLMP_AUTH_ADDRESS_DENIED);
    assert_int_equal(freed, 0);
    llmp_key_unref(key);
    assert_int_equal(freed, 1);
}

static void unusable_options_are_refused(void **state)
{
    static const struct llmp_str bad[] = { { "10.0.0.1/8", 10 } };
    static char large[LLMP_KEY_TEXT_MAX + 1];
    struct llmp_key_options opts;
    struct llmp_key *key = NULL;
    struct llmp_error err;
    char id[16];

    (void)state;
    options_make(&opts, id, 1);
    opts.id = S("");
    assert_int_equal(llmp_key_new(&key, &opts, &err), LLMP_E_INVALID);
    options_make(&opts, id, 1);
    opts.grant.role = LLMP_ROLE_NONE;
    assert_int_equal(llmp_key_new(&key, &opts, &err), LLMP_E_INVALID);
    options_make(&opts, id, 1);
    memset(opts.generations, 0, sizeof(opts.generations));
    assert_int_equal(llmp_key_new(&key, &opts, &err), LLMP_E_INVALID);
    options_make(&opts, id, 1);
    opts.allow = bad;
    opts.allow_count = 1;
    assert_int_equal(llmp_key_new(&key, &opts, &err), LLMP_E_SYNTAX);
    options_make(&opts, id, 1);
    opts.name = (struct llmp_str){ large, sizeof(large) };
    assert_int_equal(llmp_key_new(&key, &opts, &err), LLMP_E_LIMIT);
    opts.size = 8;
    assert_int_equal(llmp_key_new(&key, &opts, &err), LLMP_E_ABI);
    assert_null(key);
}

static int build_all(struct llmp_keyring **out)
{
    static const struct llmp_str allow[] = { { "10.0.0.0/8", 10 } };
    struct llmp_keyring *first = NULL, *second = NULL;
    struct llmp_key_options opts;
    struct llmp_key *key = NULL;
    char id[16];
    int rc;

    options_make(&opts, id, 1);
    opts.allow = opts.deny = allow;
    opts.allow_count = opts.deny_count = 1;
    rc = llmp_key_new(&key, &opts, NULL);
    if (rc == LLMP_OK)
        rc = llmp_keyring_new(&first, &pepper, &key, 1, NULL);
    if (rc == LLMP_OK)
        rc = llmp_keyring_with(&second, first, key, NULL);
    if (rc == LLMP_OK)
        rc = llmp_keyring_without(out, second, opts.id, NULL);
    llmp_key_unref(key);
    llmp_keyring_unref(first);
    llmp_keyring_unref(second);
    return rc;
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct llmp_keyring *ring = NULL;
        int rc;

        faulty_heap_arm(n);
        rc = build_all(&ring);
        llmp_keyring_unref(ring);
        assert_int_equal(faulty_heap_live(), 0);
        if (rc == LLMP_OK) {
            assert_true(n > 5);
            break;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_null(ring);
    }
    faulty_heap_off();
}

/* A reader holds rings that a writer replaces: a spin flag stands for how the
 * embedder swaps. Key 1 is always there, key 2 comes and goes. */
struct shared {
    atomic_flag swap;
    struct llmp_keyring *ring;
    atomic_bool done;
};

static struct llmp_keyring *shared_take(struct shared *shared)
{
    struct llmp_keyring *ring;

    while (atomic_flag_test_and_set(&shared->swap))
        ;
    ring = llmp_keyring_ref(shared->ring);
    atomic_flag_clear(&shared->swap);
    return ring;
}

static void *read_rings(void *ctx)
{
    struct shared *shared = ctx;
    size_t wrong = 0;

    while (!atomic_load(&shared->done)) {
        struct llmp_keyring *ring = shared_take(shared);

        wrong += check(ring, 1, 0, LLMP_NS_PER_S, NULL) != LLMP_OK;
        wrong +=
            check(ring, 2, 0, LLMP_NS_PER_S, NULL) !=
            (llmp_keyring_count(ring) == 2 ? LLMP_OK : LLMP_AUTH_KEY_UNKNOWN);
        llmp_keyring_unref(ring);
    }
    return (void *)wrong;
}

static void readers_need_no_lock(void **state)
{
    struct shared shared = { .swap = ATOMIC_FLAG_INIT };
    struct llmp_key *two = key_make(2);
    pthread_t thread;
    void *wrong;

    (void)state;
    shared.ring = ring_of(key_make(1));
    assert_int_equal(pthread_create(&thread, NULL, read_rings, &shared), 0);
    for (unsigned i = 0; i < 400; i++) {
        struct llmp_keyring *next = NULL, *old = shared.ring;
        int rc = i % 2 ? llmp_keyring_without(&next, old, S("key-2"), NULL)
                       : llmp_keyring_with(&next, old, two, NULL);

        assert_int_equal(rc, LLMP_OK);
        while (atomic_flag_test_and_set(&shared.swap))
            ;
        shared.ring = next;
        atomic_flag_clear(&shared.swap);
        llmp_keyring_unref(old);
    }
    atomic_store(&shared.done, true);
    pthread_join(thread, &wrong);
    assert_null(wrong);
    llmp_key_unref(two);
    llmp_keyring_unref(shared.ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_the_states),
        cmocka_unit_test(rubbish_is_not_hashed),
        cmocka_unit_test(agrees_with_a_list),
        cmocka_unit_test(a_change_leaves_the_old_ring),
        cmocka_unit_test(one_secret_belongs_to_one_key),
        cmocka_unit_test(rotation_overlaps),
        cmocka_unit_test(a_tag_ends_with_its_secret),
        cmocka_unit_test(expiry_follows_the_policy),
        cmocka_unit_test(key_holds_what_it_was_given),
        cmocka_unit_test(unusable_options_are_refused),
        cmocka_unit_test(survives_every_allocation_failure),
        cmocka_unit_test(readers_need_no_lock),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
