/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: no number is given to two holders at once, and none is lost.
 * Method: all of them in order; four threads that take and give and mark what
 * they hold. Run under TSan too.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"
#include "journal/tickets.h"

enum { MAX = 8, THREADS = 4, ROUNDS = 20000 };

static void each_is_given_once(void **state)
{
    struct llmp_tickets tickets = { 0 };
    uint32_t number, seen = 0;
    (void)state;

    assert_true(llmp_tickets_init(&tickets, MAX));
    for (int i = 0; i < MAX; i++) {
        assert_true(llmp_tickets_take(&tickets, &number));
        assert_true(number < MAX);
        assert_false(seen & 1u << number);
        seen |= 1u << number;
    }
    assert_false(llmp_tickets_take(&tickets, &number));
    llmp_tickets_give(&tickets, 5);
    llmp_tickets_give(&tickets, 2);
    assert_true(llmp_tickets_take(&tickets, &number));
    assert_int_equal(number, 2);
    assert_true(llmp_tickets_take(&tickets, &number));
    assert_int_equal(number, 5);
    assert_false(llmp_tickets_take(&tickets, &number));
    llmp_tickets_fini(&tickets);
}

static struct llmp_tickets shared;
static atomic_int holders[MAX], clashes;

static void *take_and_give(void *ctx)
{
    (void)ctx;
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t a, b;

        if (!llmp_tickets_take(&shared, &a))
            continue;
        if (atomic_fetch_add(&holders[a], 1) != 0)
            (void)atomic_fetch_add(&clashes, 1);
        if (llmp_tickets_take(&shared, &b)) {
            if (atomic_fetch_add(&holders[b], 1) != 0)
                (void)atomic_fetch_add(&clashes, 1);
            (void)atomic_fetch_sub(&holders[b], 1);
            llmp_tickets_give(&shared, b);
        }
        (void)atomic_fetch_sub(&holders[a], 1);
        llmp_tickets_give(&shared, a);
    }
    return NULL;
}

static void threads_do_not_clash(void **state)
{
    pthread_t threads[THREADS];
    uint32_t number;
    (void)state;

    assert_true(llmp_tickets_init(&shared, MAX));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_and_give, NULL),
                         0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(clashes, 0);
    for (int i = 0; i < MAX; i++)
        assert_true(llmp_tickets_take(&shared, &number));
    assert_false(llmp_tickets_take(&shared, &number));
    llmp_tickets_fini(&shared);
}

static void without_memory_there_are_none(void **state)
{
    struct llmp_tickets tickets = { 0 };
    (void)state;

    faulty_heap_arm(0);
    assert_false(llmp_tickets_init(&tickets, MAX));
    faulty_heap_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_given_once),
        cmocka_unit_test(threads_do_not_clash),
        cmocka_unit_test(without_memory_there_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
