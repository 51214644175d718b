/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: whoever waits is woken, once for many wakings, never after it has gone,
 * and whoever wakes may outlive both exchange and worker.
 * Method: mailboxes with made-up exchanges; then threads that wake while
 * others come and go (for the sanitizers).
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/internal.h"
#include "gateway/wake.h"

/* Never looked into: any address will do. */
static char places[64];

static struct llmp_exchange *exchange_of(size_t i)
{
    return (struct llmp_exchange *)(void *)&places[i];
}

static void count(void *ctx)
{
    ++*(unsigned *)ctx;
}

static void many_wakings_are_one(void **state)
{
    struct llmp_mailbox *box = llmp_mailbox_new();
    struct llmp_waker *one = llmp_waker_new(box, exchange_of(1));
    struct llmp_waker *two = llmp_waker_new(box, exchange_of(2));
    unsigned hooked = 0;

    (void)state;
    llmp_mailbox_set_hook(box, count, &hooked);
    assert_null(llmp_mailbox_take(box));
    llmp_waker_wake(one);
    llmp_waker_wake(two);
    llmp_waker_wake(one);
    assert_int_equal(hooked, 2);
    assert_ptr_equal(llmp_mailbox_take(box), exchange_of(1));
    llmp_waker_wake(one); /* again, from now on */
    assert_ptr_equal(llmp_mailbox_take(box), exchange_of(2));
    assert_ptr_equal(llmp_mailbox_take(box), exchange_of(1));
    assert_null(llmp_mailbox_take(box));
    llmp_waker_drop(one);
    llmp_waker_drop(two);
    llmp_mailbox_close(box);
    llmp_mailbox_unref(box);
}

static void who_has_gone_is_not_woken(void **state)
{
    struct llmp_mailbox *box = llmp_mailbox_new();
    struct llmp_waker *waker = llmp_waker_new(box, exchange_of(1));
    struct llmp_waker *held = llmp_waker_ref(waker);

    (void)state;
    llmp_waker_wake(waker);
    llmp_waker_drop(waker);
    assert_null(llmp_mailbox_take(box));
    llmp_waker_wake(held);
    /* The worker goes, too; whoever wanted to wake is still there. */
    llmp_mailbox_close(box);
    llmp_mailbox_unref(box);
    llmp_waker_wake(held);
    llmp_waker_unref(held);
}

static void a_list_wakes_who_is_in_it_by_then(void **state)
{
    struct llmp_mailbox *box = llmp_mailbox_new();
    struct llmp_waker *wakers[8];
    struct llmp_wait_list list;

    (void)state;
    assert_int_equal(llmp_wait_list_init(&list), LLMP_OK);
    for (size_t i = 0; i < 8; i++) {
        wakers[i] = llmp_waker_new(box, exchange_of(i));
        llmp_wait_list_add(&list, wakers[i]);
        llmp_wait_list_add(&list, wakers[i]); /* once will do */
    }
    llmp_wait_list_remove(&list, wakers[0]);
    llmp_wait_list_remove(&list, wakers[4]);
    llmp_wait_list_remove(&list, wakers[7]);
    llmp_wait_list_remove(&list, wakers[7]);
    llmp_wait_list_wake(&list);
    for (size_t i = 1; i < 7; i++)
        if (i != 4)
            assert_ptr_equal(llmp_mailbox_take(box), exchange_of(i));
    assert_null(llmp_mailbox_take(box));
    llmp_wait_list_wake(&list); /* nobody */
    assert_null(llmp_mailbox_take(box));
    llmp_wait_list_add(&list, wakers[4]);
    llmp_wait_list_wake(&list);
    assert_ptr_equal(llmp_mailbox_take(box), exchange_of(4));
    for (size_t i = 0; i < 8; i++)
        llmp_waker_drop(wakers[i]);
    llmp_mailbox_close(box);
    llmp_mailbox_unref(box);
    llmp_wait_list_fini(&list);
}

/* ---- threads ------------------------------------------------------------ */

enum { ROUNDS = 3000 };

static struct {
    struct llmp_wait_list list;
    atomic_bool over;
} shared;

static void *wake_all(void *ctx)
{
    (void)ctx;
    while (!atomic_load(&shared.over)) {
        llmp_wait_list_wake(&shared.list);
        (void)sched_yield(); /* valgrind runs one thread at a time */
    }
    return NULL;
}

/* A worker: exchanges join, are woken or leave before that. */
static void *work(void *ctx)
{
    struct llmp_mailbox *box = llmp_mailbox_new();
    size_t *woken = ctx;

    for (size_t i = 0; i < ROUNDS; i++) {
        struct llmp_waker *waker = llmp_waker_new(box, exchange_of(1));

        llmp_wait_list_add(&shared.list, waker);
        if (i % 3)
            while (llmp_mailbox_take(box) != exchange_of(1))
                (void)sched_yield();
        *woken += i % 3 != 0;
        llmp_wait_list_remove(&shared.list, waker);
        llmp_waker_drop(waker);
    }
    llmp_mailbox_close(box);
    llmp_mailbox_unref(box);
    return NULL;
}

static void nobody_is_forgotten(void **state)
{
    pthread_t waking, workers[2];
    size_t woken[2] = { 0, 0 };

    (void)state;
    assert_int_equal(llmp_wait_list_init(&shared.list), LLMP_OK);
    assert_int_equal(pthread_create(&waking, NULL, wake_all, NULL), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&workers[i], NULL, work, &woken[i]), 0);
    for (size_t i = 0; i < 2; i++)
        assert_int_equal(pthread_join(workers[i], NULL), 0);
    atomic_store(&shared.over, true);
    assert_int_equal(pthread_join(waking, NULL), 0);
    assert_int_equal(woken[0] + woken[1], 2 * (ROUNDS - (ROUNDS + 2) / 3));
    llmp_wait_list_fini(&shared.list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_wakings_are_one),
        cmocka_unit_test(who_has_gone_is_not_woken),
        cmocka_unit_test(a_list_wakes_who_is_in_it_by_then),
        cmocka_unit_test(nobody_is_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
