/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: timers come out in order of their time, whatever was set, moved and
 * cleared before.
 * Method: random steps beside a plain array that is searched from end to end;
 * the heap's own rules are looked at after every step; memory fails.
 */
#include "runtime/timers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"

enum { TIMERS = 200, STEPS = 40000 };

/* `at` is what the timer should be set to; UINT64_MAX: not set. */
struct oracle {
    struct llmp_timer timer[TIMERS];
    uint64_t at[TIMERS];
};

static uint64_t next_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed >> 11;
}

static void check_heap(const struct llmp_timers *timers,
                       const struct oracle *oracle)
{
    uint64_t first = UINT64_MAX;
    size_t set = 0;

    for (size_t i = 0; i < TIMERS; i++) {
        const struct llmp_timer *timer = &oracle->timer[i];

        assert_int_equal(timer->place != 0, oracle->at[i] != UINT64_MAX);
        if (!timer->place)
            continue;
        set++;
        first = oracle->at[i] < first ? oracle->at[i] : first;
        assert_int_equal(timer->at_ns, oracle->at[i]);
        assert_true(timer->place <= timers->count);
        assert_ptr_equal(timers->heap[timer->place], timer);
        if (timer->place > 1)
            assert_true(timers->heap[timer->place / 2]->at_ns <= timer->at_ns);
    }
    assert_int_equal(timers->count, set);
    assert_int_equal(llmp_timers_next(timers), first);
}

/* Everything that is due, in order, and nothing else. */
static void take_due(struct llmp_timers *timers, struct oracle *oracle,
                     uint64_t now_ns)
{
    struct llmp_timer *timer;
    uint64_t before = 0;

    while ((timer = llmp_timers_due(timers, now_ns))) {
        size_t i = (size_t)(timer - oracle->timer);

        assert_int_equal(timer->at_ns, oracle->at[i]);
        assert_true(timer->at_ns >= before && timer->at_ns <= now_ns);
        assert_int_equal(timer->place, 0);
        before = timer->at_ns;
        oracle->at[i] = UINT64_MAX;
    }
    for (size_t i = 0; i < TIMERS; i++)
        assert_true(oracle->at[i] > now_ns);
}

static void random_steps_agree_with_an_array(void **state)
{
    struct oracle *oracle = calloc(1, sizeof(*oracle));
    struct llmp_timers timers = { 0 };
    uint64_t seed = 88172645463325252u, now_ns = 1000;
    (void)state;

    for (size_t i = 0; i < TIMERS; i++)
        oracle->at[i] = UINT64_MAX;
    for (int step = 0; step < STEPS; step++) {
        size_t i = next_random(&seed) % TIMERS;

        switch (next_random(&seed) % 8) {
        case 0:
            llmp_timers_clear(&timers, &oracle->timer[i]);
            oracle->at[i] = UINT64_MAX;
            break;
        case 1:
            now_ns += next_random(&seed) % 16;
            take_due(&timers, oracle, now_ns);
            break;
        default: /* small numbers, so that many are equal */
            oracle->at[i] = now_ns + 1 + next_random(&seed) % 64;
            assert_int_equal(
                llmp_timers_set(&timers, &oracle->timer[i], oracle->at[i]),
                LLMP_OK);
        }
        check_heap(&timers, oracle);
    }
    take_due(&timers, oracle, UINT64_MAX - 1);
    assert_int_equal(timers.count, 0);
    llmp_timers_fini(&timers);
    free(oracle);
}

static void an_empty_heap_has_nothing(void **state)
{
    struct llmp_timers timers = { 0 };
    struct llmp_timer timer = { 0 };
    (void)state;

    assert_int_equal(llmp_timers_next(&timers), UINT64_MAX);
    assert_null(llmp_timers_due(&timers, UINT64_MAX));
    llmp_timers_clear(&timers, &timer);
    llmp_timers_fini(&timers);
}

static void a_timer_is_due_at_its_time(void **state)
{
    struct llmp_timers timers = { 0 };
    struct llmp_timer timer = { 0 };
    (void)state;

    assert_int_equal(llmp_timers_set(&timers, &timer, 7), LLMP_OK);
    assert_null(llmp_timers_due(&timers, 6));
    assert_ptr_equal(llmp_timers_due(&timers, 7), &timer);
    assert_null(llmp_timers_due(&timers, 7));
    llmp_timers_fini(&timers);
}

/* Sets as many as go; those that were set stay, and can be moved. */
static void without_memory_all_stays_as_it_was(void **state)
{
    (void)state;
    for (int nth = 0; nth < 3; nth++) {
        struct llmp_timers timers = { 0 };
        struct llmp_timer timer[300] = { 0 };
        size_t set = 0;

        faulty_heap_arm(nth);
        while (set < LLMP_COUNT(timer) &&
               llmp_timers_set(&timers, &timer[set], 1000 - set) == LLMP_OK)
            set++;
        assert_true(set < LLMP_COUNT(timer));
        assert_int_equal(timers.count, set);
        assert_int_equal(timer[set].place, 0);
        if (set) {
            assert_int_equal(llmp_timers_set(&timers, &timer[0], 1), LLMP_OK);
            assert_ptr_equal(llmp_timers_due(&timers, 1), &timer[0]);
        }
        llmp_timers_fini(&timers);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_steps_agree_with_an_array),
        cmocka_unit_test(an_empty_heap_has_nothing),
        cmocka_unit_test(a_timer_is_due_at_its_time),
        cmocka_unit_test(without_memory_all_stays_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
