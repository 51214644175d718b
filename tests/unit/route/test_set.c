/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is known survives a change of sets and is forgotten when nobody
 * needs it; what cannot be made leaves nothing behind.
 * Method: sets over the same ids; bad lists; failing memory.
 */
#include "faulty_heap.h"
#include "helper.h"

#define ID(name) .id = { name, sizeof(name) - 1 }

static void knowledge_survives_sets(void **state)
{
    struct llmp_route_deployment one[] = { { ID("a") }, { ID("b") } };
    struct llmp_route_deployment two[] = { { ID("c") }, { ID("a") } };
    struct llmp_route_health h = exact_health();
    struct llmp_router *router = router_of(&h, 0, 0);
    struct llmp_route_set *before = set_of(router, LLMP_ROUTE_ORDERED, one, 2);
    struct llmp_route_request r = ask(1);
    struct llmp_route_look look;

    (void)state;
    assert_int_equal(llmp_router_count(router), 2);
    assert_int_equal(pick_report(before, &r, LLMP_OUTCOME_NOT_FOUND, S), 0);

    struct llmp_route_set *after = set_of(router, LLMP_ROUTE_ORDERED, two, 2);

    llmp_route_set_unref(before);
    assert_int_equal(llmp_router_count(router), 2); /* b is forgotten */
    llmp_route_look(after, 1, S, &look);
    assert_int_equal(look.breaker, LLMP_BREAKER_DOWN);
    assert_memory_equal(llmp_route_set_id(after, 1).ptr, "a", 1);
    llmp_route_set_unref(after);
    assert_int_equal(llmp_router_count(router), 0);
    /* Somebody names it again: it begins anew. */
    before = set_of(router, LLMP_ROUTE_ORDERED, one, 2);
    llmp_route_look(before, 0, S, &look);
    assert_int_equal(look.breaker, LLMP_BREAKER_CLOSED);
    llmp_route_set_unref(before);
    llmp_router_free(router);
}

static void an_attempt_outlives_its_set(void **state)
{
    struct llmp_route_deployment d[] = { { ID("a") } };
    struct llmp_router *router = router_of(NULL, 0, 0);
    struct llmp_route_set *set = set_of(router, LLMP_ROUTE_ORDERED, d, 1);
    struct llmp_route_request r = ask(1);
    struct llmp_route_attempt one, two;

    (void)state;
    assert_int_equal(llmp_route_pick(&one, set, &r, S), LLMP_OK);
    assert_int_equal(llmp_route_pick(&two, set, &r, S), LLMP_OK);
    llmp_route_set_unref(set);
    assert_int_equal(llmp_router_count(router), 1);
    report(&one, LLMP_OUTCOME_OK, S);
    report(&one, LLMP_OUTCOME_OK, S); /* once more does nothing */
    assert_int_equal(llmp_router_count(router), 1);
    llmp_route_report(&two, NULL, S);
    assert_int_equal(llmp_router_count(router), 0);
    llmp_router_free(router);
}

/* A slot whose credential nobody names goes to another; an attempt that still
 * used the old one does not speak against the new one. */
static void credentials_come_and_go(void **state)
{
    struct llmp_route_health h = exact_health();
    struct llmp_router *router = router_of(&h, 0, 0);
    struct llmp_route_deployment d[] = { { ID("a"), .credential_count = 16 } };
    struct llmp_str ids[2][LLMP_ROUTE_CREDENTIALS_MAX];
    char names[2][LLMP_ROUTE_CREDENTIALS_MAX][24];
    struct llmp_route_request r = ask(1);
    struct llmp_route_attempt old;
    struct llmp_route_look look;

    (void)state;
    for (int s = 0; s < 2; s++)
        for (int i = 0; i < LLMP_ROUTE_CREDENTIALS_MAX; i++) {
            snprintf(names[s][i], sizeof(names[s][i]), "%d-%d", s, i);
            ids[s][i] = text(names[s][i]);
        }
    d[0].credentials = ids[0];

    struct llmp_route_set *first = set_of(router, LLMP_ROUTE_ORDERED, d, 1);
    struct llmp_route_set *second = NULL;
    struct llmp_route_set_options o;

    assert_int_equal(llmp_route_pick(&old, first, &r, S), LLMP_OK);
    d[0].credentials = ids[1];
    llmp_route_set_options_init(&o);
    o.deployments = d;
    o.count = 1;
    /* All slots are named by the set that still lives. */
    assert_int_equal(llmp_route_set_new(&second, router, &o, NULL),
                     LLMP_E_LIMIT);
    llmp_route_set_unref(first);
    second = set_of(router, LLMP_ROUTE_ORDERED, d, 1);
    report(&old, LLMP_OUTCOME_AUTH, S);
    llmp_route_look(second, 0, S, &look);
    assert_int_equal(look.good_credentials, 16);
    llmp_route_set_unref(second);
    llmp_router_free(router);
}

static void refuses_bad_lists(void **state)
{
    static char long_id[LLMP_ROUTE_ID_MAX + 1];
    static const struct llmp_str twice[] = { { "k", 1 }, { "k", 1 } };
    struct llmp_route_deployment bad[][2] = {
        { { ID("a") }, { ID("a") } },
        { { ID("a") }, { .id = { NULL, 0 } } },
        { { ID("a") }, { .id = { long_id, sizeof(long_id) } } },
        { { ID("a") }, { ID("b"), .weight = 1000001 } },
        { { ID("a") }, { ID("b"), .credential_count = 1 } },
        { { ID("a") },
          { ID("b"), .credentials = twice, .credential_count = 2 } },
        { { ID("a") }, { ID("b"), .region = { "x\0y", 3 } } },
    };
    struct llmp_router *router = router_of(NULL, 0, 0);
    struct llmp_route_set *set = NULL;
    struct llmp_route_set_options o;
    struct llmp_error err;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        llmp_route_set_options_init(&o);
        o.deployments = bad[i];
        o.count = 2;
        print_message("# list %zu\n", i);
        assert_int_equal(llmp_route_set_new(&set, router, &o, &err),
                         LLMP_E_INVALID);
        assert_int_equal(llmp_router_count(router), 0);
    }
    o.strategy = (enum llmp_route_strategy)99;
    assert_int_equal(llmp_route_set_new(&set, router, &o, &err),
                     LLMP_E_INVALID);
    llmp_route_set_options_init(&o);
    assert_int_equal(llmp_route_set_new(&set, router, &o, &err),
                     LLMP_E_INVALID);
    o.size = sizeof(o) - 1;
    assert_int_equal(llmp_route_set_new(&set, router, &o, &err), LLMP_E_ABI);
    llmp_route_set_unref(NULL);
    llmp_router_free(router);
    llmp_router_free(NULL);
}

/* A caller that was built with a newer header: what it does not use is no
 * harm. */
static void entries_may_be_larger(void **state)
{
    struct newer {
        struct llmp_route_deployment d;
        uint64_t more;
    } list[2] = { { { ID("a") }, 0 }, { { ID("b") }, 0 } };
    struct llmp_router *router = router_of(NULL, 0, 0);
    struct llmp_route_set *set = NULL;
    struct llmp_route_set_options o;

    (void)state;
    llmp_route_set_options_init(&o);
    o.deployments = &list[0].d;
    o.count = 2;
    o.deployment_size = sizeof(list[0]);
    assert_int_equal(llmp_route_set_new(&set, router, &o, NULL), LLMP_OK);
    assert_memory_equal(llmp_route_set_id(set, 1).ptr, "b", 1);
    llmp_route_set_unref(set);
    list[1].more = 1;
    assert_int_equal(llmp_route_set_new(&set, router, &o, NULL), LLMP_E_ABI);
    llmp_router_free(router);
}

static void refuses_bad_health(void **state)
{
    struct llmp_route_health bad[6];
    struct llmp_router_options o;
    struct llmp_router *router = NULL;

    (void)state;
    for (size_t i = 0; i < COUNT(bad); i++)
        llmp_route_health_init(&bad[i]);
    bad[0].error_permille = 1001;
    bad[1].window_ns = 1;
    bad[2].limit_min = 50;
    bad[3].open_ns = 200 * S;
    bad[4].open_ns_max = UINT64_MAX;
    bad[5].jitter_permille = 1001;
    for (size_t i = 0; i < COUNT(bad); i++) {
        llmp_router_options_init(&o);
        o.health = &bad[i];
        assert_int_equal(llmp_router_new(&router, &o, NULL), LLMP_E_INVALID);
    }
    llmp_router_options_init(&o);
    o.budget.permille = 20000;
    assert_int_equal(llmp_router_new(&router, &o, NULL), LLMP_E_INVALID);
    assert_null(router);
}

static void regions_have_numbers(void **state)
{
    struct llmp_router *router = router_of(NULL, 0, 0);
    char name[24];
    uint32_t region = 9;

    (void)state;
    assert_int_equal(llmp_router_region(&region, router, text(""), NULL),
                     LLMP_OK);
    assert_int_equal(region, 0);
    assert_int_equal(llmp_route_region_bit(0), 0);
    for (uint32_t i = 1; i <= LLMP_ROUTE_REGIONS_MAX; i++) {
        snprintf(name, sizeof(name), "r%u", i);
        for (int again = 0; again < 2; again++) {
            assert_int_equal(
                llmp_router_region(&region, router, text(name), NULL), LLMP_OK);
            assert_int_equal(region, i);
        }
    }
    assert_true(llmp_route_region_bit(64) == UINT64_C(1) << 63);
    assert_int_equal(llmp_router_region(&region, router, text("more"), NULL),
                     LLMP_E_LIMIT);
    llmp_router_free(router);
}

static int make_all(struct llmp_error *err)
{
    static const struct llmp_str keys[] = { { "k1", 2 }, { "k2", 2 } };
    struct llmp_route_health own;
    struct llmp_route_deployment d[70] = { { .weight = 1 } };
    struct llmp_router *router = NULL;
    struct llmp_route_set *set = NULL;
    struct llmp_route_set_options o;
    char ids[70][24];
    int rc = llmp_router_new(&router, NULL, err);

    if (rc != LLMP_OK) {
        assert_null(router);
        return rc;
    }
    llmp_route_health_init(&own);
    own.adaptive = true;
    for (uint32_t i = 0; i < 70; i++) {
        snprintf(ids[i], sizeof(ids[i]), "d%u", i);
        d[i].id = text(ids[i]);
        d[i].region = text(i % 2 ? "eu" : "us");
        d[i].tier = i / 20;
        d[i].health = i % 3 ? NULL : &own;
        d[i].credentials = keys;
        d[i].credential_count = 2;
    }
    llmp_route_set_options_init(&o);
    o.strategy = LLMP_ROUTE_HASH;
    o.deployments = d;
    o.count = 70;
    rc = llmp_route_set_new(&set, router, &o, err);
    assert_int_equal(rc == LLMP_OK, set != NULL);
    assert_int_equal(llmp_router_count(router), set ? 70 : 0);
    llmp_route_set_unref(set);
    llmp_router_free(router);
    return rc;
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct llmp_error err = { .status = 0 };

        faulty_heap_arm(n);

        int rc = make_all(&err);

        assert_int_equal(faulty_heap_live(), 0);
        faulty_heap_off();
        if (rc == LLMP_OK) {
            assert_true(n > 200);
            return;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_int_equal(err.status, rc);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(knowledge_survives_sets),
        cmocka_unit_test(an_attempt_outlives_its_set),
        cmocka_unit_test(credentials_come_and_go),
        cmocka_unit_test(refuses_bad_lists),
        cmocka_unit_test(entries_may_be_larger),
        cmocka_unit_test(refuses_bad_health),
        cmocka_unit_test(regions_have_numbers),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests_name("route/set", tests, NULL, NULL);
}
