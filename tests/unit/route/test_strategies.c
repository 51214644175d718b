/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: each strategy chooses what its name says, among those that are
 * available, in small sets and in large ones that are sampled.
 * Method: deployments by hand; shares counted over many picks.
 */
#include "helper.h"

enum { PICKS = 20000 };

/* The share of each of `count` deployments, in per mille, over many picks that
 * are reported at once. */
static void shares_of(struct llmp_route_set *set, struct llmp_route_request *r,
                      uint32_t *shares, size_t count)
{
    uint64_t random = 42;

    memset(shares, 0, count * sizeof(*shares));
    for (int i = 0; i < PICKS; i++) {
        struct llmp_route_attempt a;

        r->random = next_random(&random);
        assert_int_equal(llmp_route_pick(&a, set, r, S), LLMP_OK);
        assert_true(a.index < count);
        shares[a.index]++;
        llmp_route_report(&a, NULL, S);
    }
    for (size_t i = 0; i < count; i++)
        shares[i] = shares[i] * 1000 / PICKS;
}

static void assert_near(uint32_t permille, uint32_t expect)
{
    assert_true(permille + 20 >= expect && permille <= expect + 20);
}

#define ID(name) .id = { name, sizeof(name) - 1 }

static void ordered(void **state)
{
    struct llmp_route_deployment d[] = { { ID("a") },
                                         { ID("b") },
                                         { ID("c") } };
    struct llmp_router *router = router_of(NULL, 0, 0);
    struct llmp_route_set *set = set_of(router, LLMP_ROUTE_ORDERED, d, 3);
    struct llmp_route_request r = ask(1);
    uint64_t tried = 0;

    (void)state;
    r.tried = &tried;
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pick_report(set, &r, LLMP_OUTCOME_ABANDONED, S), i);
    assert_int_equal(tried, 7);
    assert_int_equal(pick_report(set, &r, LLMP_OUTCOME_ABANDONED, S), SIZE_MAX);
    llmp_route_set_unref(set);
    llmp_router_free(router);
}

static void weighted(void **state)
{
    struct llmp_route_deployment d[] = {
        { ID("a"), .weight = 1 },    { ID("b"), .weight = 2 },
        { ID("c"), .weight = 5 },    { ID("d") /* 1 */ },
        { ID("e"), .weight = 1000 },
    };
    struct llmp_router *router = router_of(NULL, 0, 0);
    struct llmp_route_set *set = set_of(router, LLMP_ROUTE_WEIGHTED, d, 5);
    struct llmp_route_request r = ask(0);
    uint64_t allowed = 0xf;
    uint32_t shares[5];

    (void)state;
    /* The heavy one is not allowed: nearly every draw is drawn again, and the
     * proportions of the others stay. */
    r.allowed = &allowed;
    shares_of(set, &r, shares, 5);
    assert_near(shares[0], 111);
    assert_near(shares[1], 222);
    assert_near(shares[2], 556);
    assert_near(shares[3], 111);
    assert_int_equal(shares[4], 0);
    llmp_route_set_unref(set);
    llmp_router_free(router);
}

static void least_busy(void **state)
{
    struct llmp_route_deployment d[] = { { ID("a") },
                                         { ID("b"), .weight = 3 } };
    struct llmp_router *router = router_of(NULL, 0, 0);
    struct llmp_route_set *set = set_of(router, LLMP_ROUTE_BUSY, d, 2);
    struct llmp_route_attempt a[40];
    uint32_t counts[2] = { 0, 0 }, shares[2];
    uint64_t random = 7;
    struct llmp_route_request r = ask(0);

    (void)state;
    shares_of(set, &r, shares, 2); /* all idle: by weight */
    assert_near(shares[0], 250);
    for (size_t i = 0; i < COUNT(a); i++) {
        r.random = next_random(&random);
        assert_int_equal(llmp_route_pick(&a[i], set, &r, S), LLMP_OK);
        counts[a[i].index]++;
    }
    assert_in_range(counts[0], 9, 11);
    for (size_t i = 0; i < COUNT(a); i++)
        llmp_route_report(&a[i], NULL, S);
    llmp_route_set_unref(set);
    llmp_router_free(router);
}

static void report_often(struct llmp_route_set *set, uint64_t bit,
                         const struct llmp_route_outcome *outcome)
{
    struct llmp_route_request r = ask(3);

    r.allowed = &bit;
    for (int i = 0; i < 30; i++) {
        struct llmp_route_attempt a;

        assert_int_equal(llmp_route_pick(&a, set, &r, S), LLMP_OK);
        llmp_route_report(&a, outcome, S);
    }
}

static void measure(struct llmp_route_set *set, uint64_t bit, uint64_t ttft_ns,
                    uint64_t token_ns)
{
    struct llmp_route_outcome o;

    llmp_route_outcome_init(&o);
    o.outcome = LLMP_OUTCOME_OK;
    o.ttft_ns = ttft_ns;
    o.output_tokens = 101;
    o.duration_ns = ttft_ns + 100 * token_ns;
    report_often(set, bit, &o);
}

/* Answers in one piece. */
static void measure_whole(struct llmp_route_set *set, uint64_t bit,
                          uint64_t whole_ns)
{
    struct llmp_route_outcome o;

    llmp_route_outcome_init(&o);
    o.outcome = LLMP_OUTCOME_OK;
    o.whole = true;
    o.ttft_ns = o.duration_ns = whole_ns;
    o.output_tokens = 101;
    report_often(set, bit, &o);
}

static void lowest_latency(void **state)
{
    struct llmp_route_deployment d[] = {
        { ID("a") }, { ID("b") }, { ID("c") }, { ID("new") }
    };
    struct llmp_router *router = router_of(NULL, 0, 0);
    struct llmp_route_set *set = set_of(router, LLMP_ROUTE_LATENCY, d, 4);
    struct llmp_route_request r = ask(0);
    struct llmp_route_look look;
    uint64_t allowed = 7;
    uint32_t shares[4];

    (void)state;
    measure(set, 1, 200 * MS, 20 * MS);
    measure(set, 2, 210 * MS, 20 * MS);
    measure(set, 4, 900 * MS, 5 * MS);
    llmp_route_look(set, 2, S, &look);
    assert_int_equal(look.ttft_ns, 900 * MS);
    assert_int_equal(look.token_ns, 5 * MS);
    shares_of(set, &r, shares, 4); /* who was never measured is */
    assert_int_equal(shares[3], 1000);
    r.allowed = &allowed;
    r.output_tokens = 5;
    shares_of(set, &r, shares, 4); /* two are as good as each other */
    assert_near(shares[0], 500);
    assert_near(shares[1], 500);
    r.output_tokens = 2000;
    shares_of(set, &r, shares, 4);
    assert_int_equal(shares[2], 1000);
    llmp_route_set_unref(set);
    llmp_router_free(router);
}

static void whole_answers_teach_where_no_stream_did(void **state)
{
    struct llmp_route_deployment d[] = { { ID("a") }, { ID("b") } };
    struct llmp_router *router = router_of(NULL, 0, 0);
    struct llmp_route_set *set = set_of(router, LLMP_ROUTE_LATENCY, d, 2);
    struct llmp_route_look look;

    (void)state;
    measure(set, 1, 200 * MS, 0);
    measure_whole(set, 1, 9 * S); /* it wrote much */
    llmp_route_look(set, 0, S, &look);
    assert_int_equal(look.ttft_ns, 200 * MS);
    measure_whole(set, 2, 9 * S); /* better than nothing */
    llmp_route_look(set, 1, S, &look);
    assert_int_equal(look.ttft_ns, 9 * S);
    measure(set, 2, 200 * MS, 0);
    llmp_route_look(set, 1, S, &look);
    assert_true(look.ttft_ns < S);
    llmp_route_set_unref(set);
    llmp_router_free(router);
}

static void cheapest(void **state)
{
    struct llmp_route_deployment d[] = {
        { ID("dear"), .price = 30 },
        { ID("a"), .price = 10, .weight = 1 },
        { ID("free"), .price = 0 },
        { ID("b"), .price = 10, .weight = 3 },
    };
    struct llmp_router *router = router_of(NULL, 0, 0);
    struct llmp_route_set *set = set_of(router, LLMP_ROUTE_CHEAPEST, d, 4);
    struct llmp_route_request r = ask(0);
    uint64_t allowed = 0xf;
    uint32_t shares[4];

    (void)state;
    r.allowed = &allowed;
    shares_of(set, &r, shares, 4);
    assert_int_equal(shares[2], 1000);
    allowed = 0xb;
    shares_of(set, &r, shares, 4);
    assert_near(shares[1], 250);
    assert_near(shares[3], 750);
    allowed = 0x1;
    shares_of(set, &r, shares, 4);
    assert_int_equal(shares[0], 1000);
    llmp_route_set_unref(set);
    llmp_router_free(router);
}

static void most_room(void **state)
{
    struct llmp_route_deployment d[] = { { ID("a") },
                                         { ID("b") },
                                         { ID("c") } };
    struct llmp_router *router = router_of(NULL, 0, 0);
    struct llmp_route_set *set = set_of(router, LLMP_ROUTE_ROOM, d, 3);
    struct llmp_route_request r = ask(1);
    uint64_t room[] = { 5, 1, 9 };

    (void)state;
    assert_int_equal(llmp_router_set_room(router, text("none"), 1), LLMP_MISS);
    assert_int_equal(llmp_router_set_room(router, text("a"), 1000), LLMP_OK);
    assert_int_equal(llmp_router_set_room(router, text("b"), 1500), LLMP_OK);
    assert_int_equal(llmp_router_set_room(router, text("c"), 100), LLMP_OK);
    r.tokens = 600; /* what is taken off is seen by the next pick */
    assert_int_equal(pick_report(set, &r, LLMP_OUTCOME_OK, S), 1);
    assert_int_equal(pick_report(set, &r, LLMP_OUTCOME_OK, S), 0);
    assert_int_equal(pick_report(set, &r, LLMP_OUTCOME_OK, S), 1);
    assert_int_equal(pick_report(set, &r, LLMP_OUTCOME_OK, S), 0);
    assert_int_equal(pick_report(set, &r, LLMP_OUTCOME_OK, S), 1);
    r.room = room;
    assert_int_equal(pick_report(set, &r, LLMP_OUTCOME_OK, S), 2);
    llmp_route_set_unref(set);
    llmp_router_free(router);
}

static void complexity(void **state)
{
    struct llmp_route_deployment d[] = {
        { ID("large"), .level = 2, .price = 50 },
        { ID("small"), .level = 0, .price = 1 },
        { ID("middle-dear"), .level = 1, .price = 9 },
        { ID("middle"), .level = 1, .price = 5 },
    };
    /* What is chosen when it is not available comes next, and so on. */
    static const size_t orders[3][4] = { { 1, 3, 2, 0 },
                                         { 3, 2, 0, 1 },
                                         { 0, 3, 2, 1 } };
    struct llmp_router *router = router_of(NULL, 0, 0);
    struct llmp_route_set *set = set_of(router, LLMP_ROUTE_COMPLEXITY, d, 4);

    (void)state;
    for (uint32_t level = 0; level < 3; level++) {
        struct llmp_route_request r = ask(1);
        uint64_t tried = 0;

        r.tried = &tried;
        r.level = level;
        for (int i = 0; i < 4; i++)
            assert_int_equal(pick_report(set, &r, LLMP_OUTCOME_ABANDONED, S),
                             orders[level][i]);
    }
    llmp_route_set_unref(set);
    llmp_router_free(router);
}

enum { MANY = 1000 };

static struct llmp_route_set *many_of(struct llmp_router *router,
                                      enum llmp_route_strategy strategy,
                                      size_t count)
{
    static struct llmp_route_deployment d[MANY];
    static char ids[MANY][24];

    memset(d, 0, sizeof(d));
    for (size_t i = 0; i < count; i++) {
        snprintf(ids[i], sizeof(ids[i]), "d%zu", i);
        d[i].id = text(ids[i]);
        d[i].price = i;
    }
    return set_of(router, strategy, d, count);
}

static void hash_meets_again(void **state)
{
    enum { HASHES = 2000 };
    struct llmp_router *router = router_of(NULL, 0, 0);
    struct llmp_route_set *ten = many_of(router, LLMP_ROUTE_HASH, 10);
    struct llmp_route_set *eleven = many_of(router, LLMP_ROUTE_HASH, 11);
    uint32_t counts[11] = { 0 }, moved = 0;
    struct llmp_route_request r = ask(1);

    (void)state;
    for (uint64_t h = 0; h < HASHES; h++) {
        size_t one, other;

        r.hash = h;
        one = pick_report(ten, &r, LLMP_OUTCOME_ABANDONED, S);
        r.random = h + 99;
        assert_int_equal(pick_report(ten, &r, LLMP_OUTCOME_ABANDONED, S), one);
        other = pick_report(eleven, &r, LLMP_OUTCOME_ABANDONED, S);
        counts[one]++;
        moved += other != one;
        assert_true(other == one || other == 10); /* only to the new one */
    }
    for (int i = 0; i < 10; i++)
        assert_in_range(counts[i], HASHES / 20, HASHES / 6);
    assert_in_range(moved, HASHES / 22, HASHES / 6);
    llmp_route_set_unref(ten);
    llmp_route_set_unref(eleven);
    llmp_router_free(router);
}

/* All ask for the same prefix: its deployment takes at most its part, and the
 * rest goes to few others. */
static void hash_bounds_load(void **state)
{
    enum { DEPLOYMENTS = 10, LOAD = 400 };
    static struct llmp_route_attempt a[LOAD];
    struct llmp_router *router = router_of(NULL, 0, 0);
    struct llmp_route_set *set = many_of(router, LLMP_ROUTE_HASH, DEPLOYMENTS);
    struct llmp_route_request r = ask(1);
    uint32_t counts[DEPLOYMENTS] = { 0 };

    (void)state;
    r.hash = 77;
    for (uint32_t i = 0; i < LOAD; i++) {
        assert_int_equal(llmp_route_pick(&a[i], set, &r, S), LLMP_OK);
        counts[a[i].index]++;
        if (i < 4) /* the few that may be there at any rate */
            assert_int_equal(a[i].index, a[0].index);
        assert_true(counts[a[i].index] <= 4 ||
                    counts[a[i].index] <= (i + 1) * 1250 / 1000 / 10 + 1);
    }
    for (int i = 0; i < DEPLOYMENTS; i++)
        assert_in_range(counts[i], 0, LOAD / 8 + 1);
    for (uint32_t i = 0; i < LOAD; i++)
        llmp_route_report(&a[i], NULL, S);
    /* Idle again: home again. */
    assert_int_equal(pick_report(set, &r, LLMP_OUTCOME_OK, S), a[0].index);
    llmp_route_set_unref(set);
    llmp_router_free(router);
}

static void large_sets_are_sampled_well(void **state)
{
    struct llmp_router *router = router_of(NULL, 0, 0);
    struct llmp_route_set *set = many_of(router, LLMP_ROUTE_ROOM, MANY);
    struct llmp_route_request r = ask(0);
    static uint64_t room[MANY], allowed[MANY / 64 + 1];
    uint64_t random = 11, sum = 0;

    (void)state;
    for (size_t i = 0; i < MANY; i++)
        room[i] = i;
    r.room = room;
    for (int i = 0; i < 1000; i++) {
        r.random = next_random(&random);
        sum += pick_report(set, &r, LLMP_OUTCOME_OK, S);
    }
    assert_true(sum / 1000 > 920); /* 16 of 17 parts */
    /* Only one will do: a sample hardly has it, and it is found all the same.
     */
    allowed[777 / 64] = UINT64_C(1) << 777 % 64;
    r.allowed = allowed;
    for (int i = 0; i < 100; i++) {
        r.random = next_random(&random);
        assert_int_equal(pick_report(set, &r, LLMP_OUTCOME_OK, S), 777);
    }
    llmp_route_set_unref(set);
    llmp_router_free(router);
}

/* Whatever the strategy: the one that is left is found, nothing else is. */
static void each_finds_the_last_one(void **state)
{
    static const size_t counts[] = { 1, 5, 64, 65, 130, MANY };

    (void)state;
    for (int s = 0; s < LLMP_ROUTE_STRATEGIES; s++)
        for (size_t c = 0; c < COUNT(counts); c++) {
            struct llmp_router *router = router_of(NULL, 0, 0);
            struct llmp_route_set *set =
                many_of(router, (enum llmp_route_strategy)s, counts[c]);
            static uint64_t tried[MANY / 64 + 1];
            struct llmp_route_request r = ask((uint64_t)s + 5);
            size_t left = counts[c] / 2;

            memset(tried, 0xff, sizeof(tried));
            tried[left / 64] &= ~(UINT64_C(1) << left % 64);
            r.tried = tried;
            assert_int_equal(pick_report(set, &r, LLMP_OUTCOME_OK, S), left);
            assert_int_equal(pick_report(set, &r, LLMP_OUTCOME_OK, S),
                             SIZE_MAX);
            llmp_route_set_unref(set);
            llmp_router_free(router);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordered),
        cmocka_unit_test(weighted),
        cmocka_unit_test(least_busy),
        cmocka_unit_test(lowest_latency),
        cmocka_unit_test(whole_answers_teach_where_no_stream_did),
        cmocka_unit_test(cheapest),
        cmocka_unit_test(most_room),
        cmocka_unit_test(complexity),
        cmocka_unit_test(hash_meets_again),
        cmocka_unit_test(hash_bounds_load),
        cmocka_unit_test(large_sets_are_sampled_well),
        cmocka_unit_test(each_finds_the_last_one),
    };

    return cmocka_run_group_tests_name("route/strategies", tests, NULL, NULL);
}
