/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: threads that pick and report together lose nothing: limits hold, one
 * probe passes, retries stay within their budget, and sets come and go under
 * them.
 * Method: real threads, chosen time; run under TSan by scripts/test.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "helper.h"

enum { THREADS = 4, ROUNDS = 4000, LIMIT = 3, DEPLOYMENTS = 4 };

static const struct llmp_str keys[] = { { "k0", 2 }, { "k1", 2 } };
static const struct llmp_route_deployment list[DEPLOYMENTS] = {
    { .id = { "a", 1 }, .in_flight_max = LIMIT },
    { .id = { "b", 1 }, .credentials = keys, .credential_count = 2 },
    { .id = { "c", 1 }, .region = { "eu", 2 } },
    { .id = { "d", 1 }, .tier = 1 },
};

static struct {
    struct llmp_router *router;
    struct llmp_route_set *set;
    _Atomic uint32_t running[DEPLOYMENTS], probes;
    _Atomic uint64_t passed, clock_ns;
    _Atomic bool wrong;
} shared;

static void together(void *(*run)(void *))
{
    pthread_t threads[THREADS];
    static uint64_t seeds[THREADS];

    for (int i = 0; i < THREADS; i++) {
        seeds[i] = (uint64_t)i + 1;
        assert_int_equal(pthread_create(&threads[i], NULL, run, &seeds[i]), 0);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_false(shared.wrong);
}

static struct llmp_route_set *set_by(uint64_t n)
{
    return set_of(shared.router,
                  (enum llmp_route_strategy)(n % LLMP_ROUTE_STRATEGIES), list,
                  DEPLOYMENTS);
}

static enum llmp_route_class any_outcome(uint64_t *random)
{
    uint64_t n = (next_random(random) >> 33) % 40;

    return n < LLMP_ROUTE_CLASSES ? (enum llmp_route_class)n : LLMP_OUTCOME_OK;
}

static void *mixed(void *arg)
{
    uint64_t random = *(uint64_t *)arg;

    for (uint64_t i = 0; i < ROUNDS; i++) {
        struct llmp_route_request r = ask(next_random(&random));
        struct llmp_route_outcome o;
        struct llmp_route_attempt a;
        struct llmp_route_set *own = NULL, *set = shared.set;
        uint64_t now_ns = S + atomic_fetch_add(&shared.clock_ns, 3 * MS);

        if (i % 64 == 0) /* a reload */
            set = own = set_by(i / 64);
        if (llmp_route_pick(&a, set, &r, now_ns) == LLMP_OK) {
            if (atomic_fetch_add(&shared.running[a.index], 1) >= LIMIT &&
                a.index == 0)
                shared.wrong = true;
            llmp_route_set_unref(own); /* before the attempt has ended */
            own = NULL;
            llmp_route_outcome_init(&o);
            o.outcome = any_outcome(&random);
            o.ttft_ns = 1 + next_random(&random) % S;
            o.duration_ns = 2 * S;
            o.output_tokens = 50;
            atomic_fetch_sub(&shared.running[a.index], 1);
            llmp_route_report(&a, &o, now_ns);
            atomic_fetch_add(&shared.passed, 1);
        }
        llmp_route_set_unref(own);
    }
    return NULL;
}

static void pick_report_reload(void **state)
{
    struct llmp_route_health health;
    struct llmp_route_look look;

    (void)state;
    llmp_route_health_init(&health);
    health.adaptive = true;
    health.open_ns = health.open_ns_max = health.down_ns =
        20 * MS; /* so that it goes on */
    memset(&shared, 0, sizeof(shared));
    shared.router = router_of(&health, 0, 0);
    shared.set = set_by(LLMP_ROUTE_BUSY);
    together(mixed);
    print_message("# %llu passed\n", (unsigned long long)shared.passed);
    assert_true(shared.passed > ROUNDS * THREADS / 4);
    for (size_t i = 0; i < DEPLOYMENTS; i++) {
        llmp_route_look(shared.set, i, S, &look);
        assert_int_equal(look.in_flight, 0);
    }
    llmp_route_set_unref(shared.set);
    assert_int_equal(llmp_router_count(shared.router), 0);
    llmp_router_free(shared.router);
}

static const uint64_t due_ns = 100 * S;

static void *probe(void *arg)
{
    uint64_t random = *(uint64_t *)arg;

    for (int i = 0; i < 20000; i++) {
        struct llmp_route_request r = ask(next_random(&random));
        struct llmp_route_attempt a;

        if (llmp_route_pick(&a, shared.set, &r, due_ns) != LLMP_OK)
            continue;
        if (!a.probe || atomic_fetch_add(&shared.probes, 1) != 0)
            shared.wrong = true;
        atomic_fetch_add(&shared.passed, 1);
        atomic_fetch_sub(&shared.probes, 1);
        report(&a, LLMP_OUTCOME_ABANDONED, due_ns);
    }
    return NULL;
}

static void one_probe_of_all(void **state)
{
    struct llmp_route_request r = ask(1);

    (void)state;
    memset(&shared, 0, sizeof(shared));
    shared.router = router_of(NULL, 0, 0);
    shared.set = set_of(shared.router, LLMP_ROUTE_WEIGHTED, list, 1);
    for (int i = 0; i < 5; i++)
        (void)pick_report(shared.set, &r, LLMP_OUTCOME_TRANSIENT, S);
    together(probe);
    assert_true(shared.passed > 0);
    llmp_route_set_unref(shared.set);
    llmp_router_free(shared.router);
}

/* Nobody holds a set for long, so deployments are forgotten and known again all
 * the time. */
static void *come_and_go(void *arg)
{
    uint64_t random = *(uint64_t *)arg;

    for (uint64_t i = 0; i < 3000; i++) {
        struct llmp_route_request r = ask(next_random(&random));
        struct llmp_route_set *set =
            set_of(shared.router, LLMP_ROUTE_ORDERED, list, 1);
        struct llmp_route_attempt a;
        int rc = llmp_route_pick(&a, set, &r, S);

        llmp_route_set_unref(set);
        if (rc != LLMP_OK)
            continue; /* all places are taken */
        report(&a, LLMP_OUTCOME_OK, S);
        atomic_fetch_add(&shared.passed, 1);
    }
    return NULL;
}

static void forgotten_and_known_again(void **state)
{
    (void)state;
    memset(&shared, 0, sizeof(shared));
    shared.router = router_of(NULL, 0, 0);
    together(come_and_go);
    assert_true(shared.passed > 3000);
    assert_int_equal(llmp_router_count(shared.router), 0);
    llmp_router_free(shared.router);
}

static void *retry(void *arg)
{
    uint64_t random = *(uint64_t *)arg;

    for (int i = 0; i < 1000; i++) {
        struct llmp_route_request r = ask(next_random(&random));
        struct llmp_route_attempt a;

        r.kind = i % 2 ? LLMP_ATTEMPT_RETRY : LLMP_ATTEMPT_FIRST;
        if (llmp_route_pick(&a, shared.set, &r, S) != LLMP_OK)
            continue;
        atomic_fetch_add(&shared.passed, i % 2 ? 1 : 0);
        llmp_route_report(&a, NULL, S);
    }
    return NULL;
}

static void one_budget_of_all(void **state)
{
    (void)state;
    memset(&shared, 0, sizeof(shared));
    shared.router = router_of(NULL, 0, 0);
    shared.set = set_of(shared.router, LLMP_ROUTE_ORDERED, list + 1, 1);
    together(retry);
    /* 2,000 requests, and a retry after each wanted: all that may pass do. */
    assert_in_range(shared.passed, 395, 410);
    llmp_route_set_unref(shared.set);
    llmp_router_free(shared.router);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pick_report_reload),
        cmocka_unit_test(one_probe_of_all),
        cmocka_unit_test(forgotten_and_known_again),
        cmocka_unit_test(one_budget_of_all),
    };

    return cmocka_run_group_tests_name("route/threads", tests, NULL, NULL);
}
