/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a request never leaves the regions that its model, its key and the
 * key's owners allow, whatever fails and whatever would do instead; who can be
 * answered nowhere hears so. Without such a rule the nearer region goes first.
 * Method: six deployments, told apart by their ports, that answer or fail.
 */
#include <llmproxy/config.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "gateway/record.h"
#include "routing_fixture.h"

#define PROVIDER(name, port, region)                                           \
    "  - { name: " name ", base_url: 'http://127.0.0.1:900" port "/v1'" region \
    " }\n"

/* 1 and 2 are in the EU, 3 in the US, 4 nowhere. */
static const char yaml[] = "providers:\n" PROVIDER(
    "us", "3", ", region: us-east") PROVIDER("nowhere", "4", "")
    PROVIDER("west", "1", ", region: eu-west") PROVIDER(
        "north", "2",
        ", region: eu-north") "models:\n"
                              "  - name: m\n"
                              "    deployments: [{ provider: us }, { provider: "
                              "nowhere },\n"
                              "                  { provider: west }, { "
                              "provider: north }]\n"
                              "    fallbacks: { context_length: far }\n"
                              "  - { name: far, provider: us }\n"
                              "  - { name: european, residency: [eu-west, "
                              "eu-north],\n"
                              "      fallbacks: { context_length: far },\n"
                              "      deployments: [{ provider: us }, { "
                              "provider: west },\n"
                              "                    { provider: north }] }\n"
                              "keys:\n"
                              "  - { name: a, key: " KEY_A
                              ", residency: [eu-west, us-east] }\n"
                              "  - { name: b, key: " KEY_B
                              ", team: research }\n"
                              "  - { name: c, key: " KEY_C
                              ", user: anna, residency: eu-west }\n"
                              "teams: [{ name: research, residency: [eu-north, "
                              "eu-west] }]\n"
                              "users: [{ name: anna, residency: us-east }]\n";

static const char too_long[] =
    "{\"error\":{\"code\":\"context_length_exceeded\",\"message\":\"too "
    "long\"}}";

static const struct answers
    west_fails = { .status = { [1] = 500 } },
    europe_fails = { .status = { [1] = 500, [2] = 500 } },
    all_too_long = { .status = { [1] = 400, [2] = 400, [3] = 400, [4] = 400 },
                     .body = { [1] = too_long,
                               [2] = too_long,
                               [3] = too_long,
                               [4] = too_long } };

static void nothing_leaves_its_regions(void **state)
{
    static const struct {
        const char *what;
        struct asked asked;
        uint16_t status;
        const char *calls;
    } rows[] = {
        { "a key's list, in the model's order",
          { .key = KEY_A, .body = HI("m") },
          200,
          "3" },
        { "a team's list", { .key = KEY_B, .body = HI("m") }, 200, "1" },
        { "the next in it when one fails",
          { .key = KEY_B, .body = HI("m"), .answers = &west_fails },
          200,
          "12" },
        { "and then nobody",
          { .key = KEY_B, .body = HI("m"), .answers = &europe_fails },
          502,
          "12" },
        { "a model's list",
          { .key = KEY_A, .body = HI("european") },
          200,
          "1" },
        { "both lists: one fails, the other is outside",
          { .key = KEY_A, .body = HI("european"), .answers = &west_fails },
          502,
          "1" },
        { "a model that would do instead is elsewhere",
          { .key = KEY_B, .body = HI("m"), .answers = &all_too_long },
          400,
          "1" },
        { "also where the model asked for says so",
          { .key = KEY_A, .body = HI("european"), .answers = &all_too_long },
          400,
          "1" },
        { "a model that would do instead is inside",
          { .key = KEY_A, .body = HI("m"), .answers = &all_too_long },
          400,
          "33" },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(rows); i++) {
        struct routed r;
        struct came came;

        print_message("# %s\n", rows[i].what);
        routed_open(&r, yaml);
        came = routed_ask(&r, &rows[i].asked);
        assert_string_equal(came.calls, rows[i].calls);
        assert_int_equal(came.status >= 500 ? 502 : came.status,
                         rows[i].status);
        routed_close(&r);
    }
}

static void who_can_go_nowhere_hears_where_it_must_stay(void **state)
{
    struct routed r;
    struct came came;

    (void)state;
    routed_open(&r, yaml);
    came = routed_ask(&r, &(struct asked){ .key = KEY_B, .body = HI("far") });
    assert_int_equal(came.status, 403);
    assert_string_equal(came.calls, "");
    assert_non_null(strstr(came.body, "\"code\":\"residency\""));
    assert_non_null(strstr(came.body, "eu-west"));
    assert_non_null(strstr(came.body, "eu-north"));
    assert_null(strstr(came.body, "us-east"));
    /* Of a key here and a user there nothing is left. */
    came = routed_ask(&r, &(struct asked){ .key = KEY_C, .body = HI("m") });
    assert_int_equal(came.status, 403);
    assert_string_equal(came.calls, "");
    assert_non_null(strstr(came.body, "no region is in all of its lists"));
    routed_close(&r);
}

/* Not even the least bad one is outside. */
static void an_open_breaker_does_not_open_a_border(void **state)
{
    struct routed r;

    (void)state;
    routed_open(&r, yaml);
    for (int i = 0; i < 20; i++) {
        struct came came = routed_ask(
            &r, &(struct asked){
                    .key = KEY_B, .body = HI("m"), .answers = &europe_fails });

        assert_true(came.status >= 500);
        assert_int_equal(strspn(came.calls, "12"), strlen(came.calls));
        assert_true(came.calls[0]);
    }
    routed_close(&r);
}

static void a_budget_leads_nowhere_else(void **state)
{
    static const char spent[] =
        "providers:\n" PROVIDER("west", "1", ", region: eu-west")
            PROVIDER("us", "3",
                     ", region: us-east") "models: [{ name: m, provider: west "
                                          "}, { name: far, provider: us }]\n"
                                          "prices: { unknown: allow }\n"
                                          "keys: [{ name: a, key: " KEY_A
                                          ", residency: eu-west,\n"
                                          "  limits: { budget: { day: '0', "
                                          "soft: 1, downgrade: far } } },\n"
                                          "  { name: b, key: " KEY_B ",\n"
                                          "  limits: { budget: { day: '0', "
                                          "soft: 1, downgrade: far } } }]\n";
    struct routed r;

    (void)state;
    routed_open(&r, spent);
    assert_string_equal(
        routed_ask(&r, &(struct asked){ .key = KEY_A, .body = HI("m") }).calls,
        "1");
    assert_string_equal(
        routed_ask(&r, &(struct asked){ .key = KEY_B, .body = HI("m") }).calls,
        "3");
    routed_close(&r);
}

/* A key of the store, as its owners and whoever made it bound it. */
static struct llmp_regions regions_of(struct routed *r, const char *created_by,
                                      const char *team)
{
    struct llmp_access *access = llmp_gateway_access(r->gateway);
    struct llmp_directory nothing = { .kinds = { { .count = 0 } } };
    struct llmp_regions regions;
    struct llmp_record *record;
    struct llmp_key *key;
    struct llmp_error err;

    assert_int_equal(llmp_record_new(&record, LLMP_RECORD_KEY), LLMP_OK);
    record->id = LLMP_STR("key_1");
    record->role = LLMP_ROLE_USER;
    record->generations[0].hash[0] = 1;
    record->created_by = llmp_str_of(created_by);
    record->team = llmp_str_of(team);
    if (llmp_access_key(&key, access, &nothing, record, NULL, &err) < 0)
        fail_msg("%s", err.message);
    regions = ((struct llmp_holder *)llmp_key_data(key))->regions;
    llmp_key_unref(key);
    llmp_record_unref(record);
    llmp_access_unref(access);
    return regions;
}

static uint64_t bit_of(struct routed *r, const char *region)
{
    uint32_t number;

    assert_int_equal(llmp_router_region(&number, r->gateway->router,
                                        llmp_str_of(region), NULL),
                     LLMP_OK);
    return llmp_route_region_bit(number);
}

static void keys_of_the_store_inherit(void **state)
{
    struct routed r;

    (void)state;
    routed_open(&r, yaml);

    uint64_t west = bit_of(&r, "eu-west"), north = bit_of(&r, "eu-north"),
             us = bit_of(&r, "us-east");

    assert_false(regions_of(&r, "local", NULL).bound);
    assert_true(regions_of(&r, "key:a", NULL).bound);
    assert_int_equal(regions_of(&r, "key:a", NULL).bits, west | us);
    assert_int_equal(regions_of(&r, "local", "research").bits, west | north);
    assert_int_equal(regions_of(&r, "key:a", "research").bits, west);
    /* The maker's team, too. */
    assert_int_equal(regions_of(&r, "key:b", NULL).bits, west | north);
    assert_true(regions_of(&r, "key:c", NULL).bound);
    assert_int_equal(regions_of(&r, "key:c", NULL).bits, 0);
    routed_close(&r);
}

static void the_nearer_region_goes_first(void **state)
{
    static const char near[] = "providers:\n" PROVIDER("us", "3",
                                                       ", region: us-east")
        PROVIDER("west", "1",
                 ", region: eu-west") "models: [{ name: m, deployments: [{ "
                                      "provider: us },\n"
                                      "                                  { "
                                      "provider: west }] }]\n"
                                      "routing: { local_region: eu-west }\n";
    struct routed r;

    (void)state;
    routed_open(&r, near);
    assert_string_equal(
        routed_ask(&r, &(struct asked){ .body = HI("m") }).calls, "1");
    assert_string_equal(
        routed_ask(&r,
                   &(struct asked){ .body = HI("m"), .answers = &west_fails })
            .calls,
        "13");
    routed_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_leaves_its_regions),
        cmocka_unit_test(who_can_go_nowhere_hears_where_it_must_stay),
        cmocka_unit_test(an_open_breaker_does_not_open_a_border),
        cmocka_unit_test(a_budget_leads_nowhere_else),
        cmocka_unit_test(keys_of_the_store_inherit),
        cmocka_unit_test(the_nearer_region_goes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
