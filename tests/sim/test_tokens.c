/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: tokens work with the first request and while keys change, however slow
 * or absent the issuer is, and nobody can make the gateway hammer it.
 * Method: the issuer is scripted like a provider; what it is asked is counted.
 */
#include "auth/auth_fixture.h"
#include "cases.h"

#define ISSUER  "http://127.0.0.1:7/issuer"
#define PATH    "/v1/chat/completions"
#define BODY    "{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\"}]}"
#define MINUTES (60 * 1000)

enum { CROWD = 20, TOKEN_SIZE = 1024 };

static const char by_discovery[] =
    CONFIG "auth:\n"
           "  issuers:\n"
           "    - { issuer: \"" ISSUER "\", audience: llm, role: user,\n"
           "        allow_plain_http: true }\n";

static const char by_uri[] =
    CONFIG "auth:\n"
           "  issuers:\n"
           "    - { issuer: \"" ISSUER "\", audience: llm, role: user,\n"
           "        jwks_uri: \"" ISSUER "/keys\", allow_plain_http: true }\n";

/* ---- tokens and keys ---------------------------------------------------- */

static struct llmp_signer *signers[2];
static char key_sets[2][512];

static int make_keys(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 2; i++) {
        signers[i] = fixture_signer(LLMP_ALG_EDDSA, i ? "new" : "old", i + 1);
        assert_true(
            llmp_signer_jwks(signers[i], key_sets[i], sizeof(key_sets[i])) > 0);
    }
    return 0;
}

static int drop_keys(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++)
        llmp_signer_unref(signers[i]);
    return 0;
}

/* "Bearer …" of somebody, signed by one of the two under any `kid`. */
static void bearer_of(char out[TOKEN_SIZE], size_t signer, const char *kid,
                      const char *subject)
{
    char header[256], claims[512];

    (void)snprintf(header, sizeof(header),
                   "{\"alg\":\"EdDSA\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                   kid);
    (void)snprintf(claims, sizeof(claims),
                   "{\"iss\":\"" ISSUER "\",\"aud\":\"llm\","
                   "\"iat\":1700000000,\"exp\":1700080000,\"sub\":\"%s\"}",
                   subject);

    char *token = fixture_token(signers[signer], header, claims);

    (void)snprintf(out, TOKEN_SIZE, "Bearer %s", token);
    free(token);
}

/* ---- the issuer --------------------------------------------------------- */

static struct {
    size_t keys; /* which set it has */
    uint64_t after_ms;
    bool down, hangs, wrong;
} issuer;

static const struct sim_step *answer_issuer(struct llmp_str path, size_t *steps)
{
    static struct sim_step said[3];
    bool discovery = llmp_str_find(path, LLMP_STR("/.well-known/")) != SIZE_MAX;

    if (!discovery)
        assert_true(llmp_str_eq(path, LLMP_STR("/issuer/keys")));
    said[0] = (struct sim_step){ issuer.after_ms, SIM_HEAD,
                                 .status = issuer.wrong ? 500 : 200,
                                 .field = "cache-control",
                                 .value = "public, max-age=600" };
    said[1] = (struct sim_step){
        1, SIM_BODY,
        .bytes = discovery ? LLMP_STR("{\"issuer\":\"" ISSUER
                                      "\",\"jwks_uri\":\"" ISSUER "/keys\"}")
                           : llmp_str_of(key_sets[issuer.keys])
    };
    said[2] = (struct sim_step){ 0, SIM_END };
    if (issuer.down)
        said[0] =
            (struct sim_step){ 5, SIM_FAIL, .failure = LLMP_CALL_CONNECT };
    if (issuer.hangs)
        said[0] = (struct sim_step){ 0, SIM_HANG };
    *steps = issuer.down || issuer.hangs ? 1 : 3;
    return said;
}

static const struct sim_step provider[] = {
    { 20, SIM_HEAD, .status = 200 },
    { 1, SIM_BODY, .bytes = LLMP_STR("{\"id\":\"x\",\"choices\":[]}") },
    { 0, SIM_END },
};

static struct sim_script call_with(const char *bearer)
{
    return (struct sim_script){ .name = "token",
                                .path = PATH,
                                .body = LLMP_STR(BODY),
                                .field = "authorization",
                                .value = bearer,
                                .provider = provider,
                                .steps = LLMP_COUNT(provider),
                                .issuer = answer_issuer };
}

struct crowd {
    size_t ok, fetches;
    uint16_t other; /* a status that is not 200 */
    char code[64], user[64];
    uint64_t took_ms;
};

static struct crowd run(struct sim *s, const struct sim_script *scripts,
                        size_t count, uint64_t seed)
{
    static struct sim_result results[CROWD];
    struct crowd sum = { 0 };
    uint64_t begun = sim_now(s).mono_ns;

    sim_run_many(s, scripts, count, seed, results);
    sum.took_ms = (sim_now(s).mono_ns - begun) / LLMP_NS_PER_MS;
    for (size_t i = 0; i < count; i++) {
        sum.ok += results[i].status == 200;
        sum.fetches += results[i].fetches;
        if (results[i].status && results[i].status != 200) {
            sum.other = results[i].status;
            memcpy(sum.code, results[i].error_code, sizeof(sum.code));
        }
        memcpy(sum.user, results[i].user, sizeof(sum.user));
        if (results[i].status == 200 && results[i].calls)
            assert_true(llmp_str_eq(llmp_buf_str(&results[i].call_body),
                                    scripts[i].body));
        sim_result_fini(&results[i]);
    }
    return sum;
}

static struct crowd run_one(struct sim *s, const char *bearer, uint64_t seed)
{
    struct sim_script script = call_with(bearer);

    return run(s, &script, 1, seed);
}

static struct sim *begin(const char *yaml)
{
    memset(&issuer, 0, sizeof(issuer));
    return sim_new(yaml);
}

/* ---- tests -------------------------------------------------------------- */

static void of_all_who_want_keys_one_fetches(void **state)
{
    struct sim_script scripts[CROWD];
    char bearer[TOKEN_SIZE];

    (void)state;
    bearer_of(bearer, 0, "old", "ann");
    for (size_t i = 0; i < CROWD; i++) {
        scripts[i] = call_with(bearer);
        scripts[i].start_ms = i % 7;
        scripts[i].send_anyway = i % 2;
    }
    FOR_EACH_SEED(seed)
    {
        struct sim *s = begin(seed % 2 ? by_discovery : by_uri);

        issuer.after_ms = seed % 5 * 100;

        struct crowd sum = run(s, scripts, CROWD, seed);

        assert_int_equal(sum.ok, CROWD);
        assert_int_equal(sum.fetches, seed % 2 ? 2 : 1);
        /* Woken when the keys came, not found by a timer later on. */
        assert_true(sum.took_ms < issuer.after_ms * 2 + 300);
        assert_int_equal(run(s, scripts, CROWD, seed).fetches, 0);
        sim_free(s);
    }
}

static void an_issuer_out_of_reach_is_said_and_not_hammered(void **state)
{
    struct sim_script scripts[CROWD];
    char bearer[TOKEN_SIZE];
    size_t fetches = 0;

    (void)state;
    bearer_of(bearer, 0, "old", "ann");
    for (size_t i = 0; i < CROWD; i++)
        scripts[i] = call_with(bearer);
    for (int how = 0; how < 3; how++) {
        struct sim *s = begin(by_uri);

        issuer.down = how == 0;
        issuer.hangs = how == 1;
        issuer.wrong = how == 2;
        fetches = 0;
        for (uint64_t i = 0; i < 20; i++) {
            struct crowd sum = run(s, scripts, CROWD, i + 1);

            assert_int_equal(sum.ok, 0);
            assert_int_equal(sum.other, 503);
            assert_string_equal(sum.code, "issuer_down");
            assert_true(sum.took_ms < 5500);
            fetches += sum.fetches;
            sim_sleep(s, 500);
        }
        assert_in_range(fetches, 2, 8);
        issuer.down = issuer.hangs = issuer.wrong = false;
        sim_sleep(s, 61000);
        assert_int_equal(run(s, scripts, CROWD, 1).ok, CROWD);
        sim_free(s);
    }
}

static void new_keys_are_found_and_old_ones_forgotten(void **state)
{
    char old[TOKEN_SIZE], new[TOKEN_SIZE];
    struct sim *s = begin(by_discovery);
    struct crowd sum;

    (void)state;
    bearer_of(old, 0, "old", "ann");
    bearer_of(new, 1, "new", "ann");
    assert_int_equal(run_one(s, old, 1).ok, 1);
    issuer.keys = 1; /* rotated; nobody has asked yet */
    sim_sleep(s, 31000);
    assert_int_equal(run_one(s, old, 2).ok, 1);
    sum = run_one(s, new, 3);
    assert_int_equal(sum.ok, 1);
    assert_int_equal(sum.fetches, 1);
    sum = run_one(s, old, 4); /* in a cache, but of keys that are gone */
    assert_int_equal(sum.other, 401);
    assert_string_equal(sum.code, "token_key_unknown");
    sim_free(s);
}

/* A key that its issuer took back counts no longer than Cache-Control says. */
static void keys_are_fetched_again_in_time(void **state)
{
    char old[TOKEN_SIZE];
    struct sim *s = begin(by_uri);

    (void)state;
    bearer_of(old, 0, "old", "ann");
    assert_int_equal(run_one(s, old, 1).ok, 1);
    issuer.keys = 1;
    sim_sleep(s, 9 * MINUTES);
    assert_int_equal(run_one(s, old, 2).ok, 1);
    sim_sleep(s, 2 * MINUTES);
    assert_int_equal(run_one(s, old, 3).other, 401);
    sim_free(s);
}

static void the_last_good_keys_count_while_the_issuer_is_down(void **state)
{
    char old[TOKEN_SIZE];
    struct sim *s = begin(by_uri);
    size_t fetches = 0;

    (void)state;
    bearer_of(old, 0, "old", "ann");
    assert_int_equal(run_one(s, old, 1).ok, 1);
    issuer.down = true;
    sim_sleep(s, 10 * MINUTES);
    for (uint64_t i = 0; i < 600; i++) {
        struct crowd sum = run_one(s, old, i + 2);

        assert_int_equal(sum.ok, 1);
        fetches += sum.fetches;
        sim_sleep(s, 1000);
    }
    assert_in_range(fetches, 5, 20);
    sim_free(s);
}

/* The same file again, while the issuer is away, shuts nobody out. */
static void a_reload_keeps_the_keys(void **state)
{
    char old[TOKEN_SIZE];
    struct sim *s = begin(by_uri);

    (void)state;
    bearer_of(old, 0, "old", "ann");
    assert_int_equal(run_one(s, old, 1).ok, 1);
    issuer.down = true;
    sim_reload(s, by_uri);
    assert_int_equal(run_one(s, old, 2).ok, 1);
    sim_free(s);
}

/* Who fetches and leaves takes nothing with it. */
static void a_client_that_leaves_gives_the_fetch_back(void **state)
{
    struct sim_script scripts[CROWD];
    char bearer[TOKEN_SIZE];

    (void)state;
    bearer_of(bearer, 0, "old", "ann");
    FOR_EACH_SEED(seed)
    {
        struct sim *s = begin(by_uri);
        struct crowd sum;

        issuer.after_ms = 300;
        for (size_t i = 0; i < CROWD; i++) {
            scripts[i] = call_with(bearer);
            scripts[i].start_ms = i ? 100 : 0;
        }
        scripts[0].client_gone_ms = 200;
        sum = run(s, scripts, CROWD, seed);
        assert_int_equal(sum.ok, CROWD - 1);
        assert_int_equal(sum.fetches, 2);
        assert_true(sum.took_ms < 900);
        sim_free(s);
    }
}

static void who_comes_and_leaves_cannot_hammer_the_issuer(void **state)
{
    char bearer[TOKEN_SIZE];
    struct sim *s = begin(by_uri);
    struct sim_script script;
    size_t fetches = 0;

    (void)state;
    bearer_of(bearer, 0, "old", "ann");
    issuer.after_ms = 300;
    script = call_with(bearer);
    script.client_gone_ms = 2;
    for (uint64_t i = 0; i < 500; i++) /* a second in all */
        fetches += run(s, &script, 1, i + 1).fetches;
    assert_in_range(fetches, 1, 25);
    sim_sleep(s, 100);
    script.client_gone_ms = 0;
    assert_int_equal(run(s, &script, 1, 1).ok, 1);
    sim_free(s);
}

static void a_flood_of_unknown_kids_fetches_once_in_a_while(void **state)
{
    char bearer[TOKEN_SIZE], kid[32];
    struct sim *s = begin(by_uri);
    size_t fetches = 0;

    (void)state;
    for (uint64_t i = 0; i < 600; i++) { /* a minute */
        (void)snprintf(kid, sizeof(kid), "unknown-%u", (unsigned)i);
        bearer_of(bearer, 1, kid, "eve");

        struct crowd sum = run_one(s, bearer, i + 1);

        assert_int_equal(sum.other, 401);
        assert_string_equal(sum.code, "token_key_unknown");
        fetches += sum.fetches;
        sim_sleep(s, 100);
    }
    assert_in_range(fetches, 1, 4);
    sim_free(s);
}

/* CVE-2026-35030: a cache by a token's beginning confuses identities. */
static void tokens_with_a_long_common_beginning_are_two(void **state)
{
    char ann[TOKEN_SIZE], bob[TOKEN_SIZE];
    char long_name[] = "somebody-with-a-long-name-that-ends-in-a";
    struct sim *s = begin(by_uri);
    size_t common = 0;

    (void)state;
    bearer_of(ann, 0, "old", long_name);
    long_name[sizeof(long_name) - 2] = 'b';
    bearer_of(bob, 0, "old", long_name);
    while (ann[common] == bob[common])
        common++;
    assert_true(common > 200);
    for (uint64_t i = 0; i < 6; i++) {
        struct crowd sum = run_one(s, i % 2 ? ann : bob, i + 1);

        assert_int_equal(sum.ok, 1);
        assert_int_equal(sum.user[strlen(sum.user) - 1], i % 2 ? 'a' : 'b');
    }
    /* The signature of one under the claims of the other. */
    memcpy(strrchr(bob, '.'), strrchr(ann, '.'), strlen(strrchr(ann, '.')));
    assert_int_equal(run_one(s, bob, 9).other, 401);
    sim_free(s);
}

static void a_gateway_that_stops_ends_the_waiting(void **state)
{
    char bearer[TOKEN_SIZE];

    (void)state;
    bearer_of(bearer, 0, "old", "ann");
    FOR_EACH_SEED(seed)
    {
        struct sim *s = begin(by_uri);
        struct sim_script script = call_with(bearer);

        issuer.after_ms = seed % 100;
        script.stop_ms = seed % 90 + 5;
        script.send_anyway = seed % 2;

        struct crowd sum = run(s, &script, 1, seed);

        assert_true(sum.ok || sum.other == 503);
        sim_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_TEST(of_all_who_want_keys_one_fetches),
        SIM_TEST(an_issuer_out_of_reach_is_said_and_not_hammered),
        SIM_TEST(new_keys_are_found_and_old_ones_forgotten),
        SIM_TEST(keys_are_fetched_again_in_time),
        SIM_TEST(the_last_good_keys_count_while_the_issuer_is_down),
        SIM_TEST(a_reload_keeps_the_keys),
        SIM_TEST(a_client_that_leaves_gives_the_fetch_back),
        SIM_TEST(who_comes_and_leaves_cannot_hammer_the_issuer),
        SIM_TEST(a_flood_of_unknown_kids_fetches_once_in_a_while),
        SIM_TEST(tokens_with_a_long_common_beginning_are_two),
        SIM_TEST(a_gateway_that_stops_ends_the_waiting),
    };

    (void)set_up;
    (void)tear_down;
    (void)expect_text;
    (void)sim;
    return cmocka_run_group_tests(tests, make_keys, drop_keys);
}
