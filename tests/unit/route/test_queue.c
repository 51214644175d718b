/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a queue serves the important first, sheds the unimportant from the
 * back, forgets nobody and never holds more than it may. Method: small cases by
 * hand; random schedules beside a plain array.
 */
#include "faulty_heap.h"
#include "helper.h"

static struct llmp_route_queue *queue_of(size_t capacity,
                                         const uint32_t *weights,
                                         uint64_t wait_ns)
{
    struct llmp_route_queue_options o;
    struct llmp_route_queue *queue = NULL;

    llmp_route_queue_options_init(&o);
    o.capacity = capacity;
    for (int i = 0; i < LLMP_ROUTE_PRIORITIES; i++) {
        o.weights[i] = weights ? weights[i] : 0;
        o.wait_ns_max[i] = wait_ns;
    }
    assert_int_equal(llmp_route_queue_new(&queue, &o, NULL), LLMP_OK);
    return queue;
}

static uint64_t next_of(struct llmp_route_queue *queue, uint64_t now_ns)
{
    uint64_t who = 0;

    return llmp_route_queue_next(queue, now_ns, &who) == LLMP_OK ? who : 0;
}

static void sheds_from_the_back(void **state)
{
    struct llmp_route_queue *q = queue_of(3, NULL, 0);
    uint64_t ticket, shed = 0;

    (void)state;
    assert_int_equal(llmp_route_queue_join(q, 1, 11, 0, &ticket, &shed),
                     LLMP_OK);
    assert_int_equal(llmp_route_queue_join(q, 2, 21, 0, &ticket, &shed),
                     LLMP_OK);
    assert_int_equal(llmp_route_queue_join(q, 2, 22, 0, &ticket, &shed),
                     LLMP_OK);
    /* As important as the least important: no. */
    assert_int_equal(llmp_route_queue_join(q, 2, 23, 0, &ticket, &shed),
                     LLMP_FULL);
    assert_int_equal(llmp_route_queue_join(q, 0, 1, 0, &ticket, &shed),
                     LLMP_LIMITED);
    assert_int_equal(shed, 22); /* who came last */
    assert_int_equal(llmp_route_queue_join(q, 1, 12, 0, &ticket, &shed),
                     LLMP_LIMITED);
    assert_int_equal(shed, 21);
    assert_int_equal(llmp_route_queue_count(q), 3);
    assert_int_equal(next_of(q, 0), 1);
    assert_int_equal(next_of(q, 0), 11);
    assert_int_equal(next_of(q, 0), 12);
    assert_int_equal(next_of(q, 0), 0);
    llmp_route_queue_free(q);
}

static void weights_share_turns(void **state)
{
    static const uint32_t weights[LLMP_ROUTE_PRIORITIES] = { 6, 3, 1 };
    struct llmp_route_queue *q = queue_of(3000, weights, 0);
    uint64_t ticket, shed, turns[4] = { 0 };

    (void)state;
    for (uint64_t i = 0; i < 3000; i++)
        assert_int_equal(llmp_route_queue_join(q, (uint32_t)(i % 3), i % 3 + 1,
                                               0, &ticket, &shed),
                         LLMP_OK);
    for (int i = 0; i < 1000; i++)
        turns[next_of(q, 0)]++;
    assert_int_equal(turns[1], 600);
    assert_int_equal(turns[2], 300);
    assert_int_equal(turns[3], 100);
    llmp_route_queue_free(q);
}

static void nobody_waits_too_long(void **state)
{
    struct llmp_route_queue *q = queue_of(4, NULL, 10 * S);
    uint64_t first, second, third, shed, who = 0;

    (void)state;
    assert_true(llmp_route_queue_expires_ns(q) == LLMP_ROUTE_NEVER);
    assert_int_equal(llmp_route_queue_join(q, 0, 1, 0, &first, &shed), LLMP_OK);
    assert_int_equal(llmp_route_queue_join(q, 0, 2, 5 * S, &second, &shed),
                     LLMP_OK);
    assert_int_equal(llmp_route_queue_join(q, 3, 3, 6 * S, &third, &shed),
                     LLMP_OK);
    assert_int_equal(llmp_route_queue_expires_ns(q), 10 * S);
    assert_int_equal(llmp_route_queue_expire(q, 10 * S - 1, &who), LLMP_MISS);
    assert_int_equal(next_of(q, 10 * S), 2); /* the first is too late */
    assert_int_equal(llmp_route_queue_expire(q, 10 * S, &who), LLMP_OK);
    assert_int_equal(who, 1);
    assert_int_equal(llmp_route_queue_expire(q, 10 * S, &who), LLMP_MISS);
    assert_int_equal(llmp_route_queue_leave(q, third), LLMP_OK);
    /* Tickets of those who left are nobody's, also when the place is used. */
    assert_int_equal(llmp_route_queue_join(q, 3, 4, 6 * S, &first, &shed),
                     LLMP_OK);
    assert_int_equal(llmp_route_queue_leave(q, third), LLMP_MISS);
    assert_int_equal(llmp_route_queue_leave(q, second), LLMP_MISS);
    assert_int_equal(llmp_route_queue_leave(q, UINT64_MAX), LLMP_MISS);
    assert_int_equal(llmp_route_queue_count(q), 1);
    llmp_route_queue_free(q);
}

enum { CAPACITY = 7, STEPS = 2000 };

/* The plain one: in the order of joining. */
struct plain {
    struct {
        uint64_t who, ticket;
        uint32_t priority;
    } all[CAPACITY + 1];
    size_t count;
};

static void drop(struct plain *p, size_t at)
{
    for (; at + 1 < p->count; at++)
        p->all[at] = p->all[at + 1];
    p->count--;
}

/* First of the most important class, or last of the least important. */
static size_t extreme(const struct plain *p, bool back)
{
    size_t best = 0;

    for (size_t i = 1; i < p->count; i++)
        if (back ? p->all[i].priority >= p->all[best].priority
                 : p->all[i].priority < p->all[best].priority)
            best = i;
    return best;
}

static void join_both(struct llmp_route_queue *q, struct plain *p,
                      uint64_t *random, uint64_t who)
{
    uint32_t priority = (uint32_t)(next_random(random) >> 33) % 4;
    uint64_t ticket = 0, shed = 0;
    int rc = llmp_route_queue_join(q, priority, who, 0, &ticket, &shed);

    if (p->count == CAPACITY) {
        size_t back = extreme(p, true);

        if (p->all[back].priority <= priority) {
            assert_int_equal(rc, LLMP_FULL);
            return;
        }
        assert_int_equal(rc, LLMP_LIMITED);
        assert_int_equal(shed, p->all[back].who);
        drop(p, back);
    } else {
        assert_int_equal(rc, LLMP_OK);
    }
    p->all[p->count].who = who;
    p->all[p->count].ticket = ticket;
    p->all[p->count++].priority = priority;
}

static void as_a_plain_array(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        struct llmp_route_queue *q = queue_of(CAPACITY, NULL, 0);
        struct plain p = { .count = 0 };
        uint64_t random = seed;

        for (uint64_t i = 1; i <= STEPS; i++) {
            uint64_t what = (next_random(&random) >> 40) % 8;

            if (what < 4) {
                join_both(q, &p, &random, i);
            } else if (p.count == 0) {
                assert_int_equal(next_of(q, 0), 0);
            } else if (what < 7) {
                size_t front = extreme(&p, false);

                assert_int_equal(next_of(q, 0), p.all[front].who);
                drop(&p, front);
            } else {
                size_t at = (next_random(&random) >> 40) % p.count;

                assert_int_equal(llmp_route_queue_leave(q, p.all[at].ticket),
                                 LLMP_OK);
                drop(&p, at);
            }
            assert_int_equal(llmp_route_queue_count(q), p.count);
        }
        llmp_route_queue_free(q);
    }
}

static void refuses_what_it_cannot_be(void **state)
{
    struct llmp_route_queue_options o;
    struct llmp_route_queue *q = NULL;

    (void)state;
    llmp_route_queue_options_init(&o);
    assert_int_equal(llmp_route_queue_new(&q, &o, NULL), LLMP_E_INVALID);
    o.capacity = 1000001;
    assert_int_equal(llmp_route_queue_new(&q, &o, NULL), LLMP_E_INVALID);
    o.size = 3;
    assert_int_equal(llmp_route_queue_new(&q, &o, NULL), LLMP_E_ABI);
    assert_null(q);
    llmp_route_queue_free(NULL);
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct llmp_route_queue_options o;
        struct llmp_route_queue *q = NULL;
        struct llmp_error err;

        llmp_route_queue_options_init(&o);
        o.capacity = 10;
        faulty_heap_arm(n);

        int rc = llmp_route_queue_new(&q, &o, &err);

        llmp_route_queue_free(q);
        assert_int_equal(faulty_heap_live(), 0);
        faulty_heap_off();
        if (rc == LLMP_OK) {
            assert_int_equal(n, 2);
            return;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_int_equal(err.status, rc);
        assert_null(q);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sheds_from_the_back),
        cmocka_unit_test(weights_share_turns),
        cmocka_unit_test(nobody_waits_too_long),
        cmocka_unit_test(as_a_plain_array),
        cmocka_unit_test(refuses_what_it_cannot_be),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests_name("route/queue", tests, NULL, NULL);
}
