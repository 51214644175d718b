/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a timer fires once, after its class's length, and not when disarmed.
 * Method: time is a number we choose.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka needs the headers above */
#include <cmocka.h>

#include "timers.h"

struct watched {
    struct gw_timer timer;
    struct gw_timers *timers;
    unsigned fired;
    uint64_t rearm_at; /* 0: does not */
};

static void on_fire(struct gw_timer *timer)
{
    struct watched *w = GW_OWNER(timer, struct watched, timer);

    w->fired++;
    if (w->rearm_at)
        gw_timer_set(w->timers, timer, timer->timeout, w->rearm_at);
}

static void init(struct gw_timers *timers, struct watched *w, size_t count)
{
    gw_timers_init(timers);
    gw_timers_set_length(timers, GW_TIMEOUT_HEAD, 10, 0);
    gw_timers_set_length(timers, GW_TIMEOUT_IDLE, 100, 0);
    for (size_t i = 0; i < count; i++) {
        w[i] = (struct watched){ .timers = timers };
        gw_timer_init(&w[i].timer, on_fire);
    }
}

static void fires_in_time(void **state)
{
    struct gw_timers timers;
    struct watched w[3];

    (void)state;
    init(&timers, w, 3);
    gw_timer_set(&timers, &w[0].timer, GW_TIMEOUT_HEAD, 0);
    gw_timer_set(&timers, &w[1].timer, GW_TIMEOUT_HEAD, 5);
    gw_timer_set(&timers, &w[2].timer, GW_TIMEOUT_IDLE, 5);
    gw_timers_fire(&timers, 9);
    assert_int_equal(w[0].fired + w[1].fired + w[2].fired, 0);
    gw_timers_fire(&timers, 10);
    assert_int_equal(w[0].fired, 1);
    gw_timers_fire(&timers, 1000);
    gw_timers_fire(&timers, 2000);
    assert_int_equal(w[0].fired, 1);
    assert_int_equal(w[1].fired, 1);
    assert_int_equal(w[2].fired, 1);
}

static void is_rearmed_and_disarmed(void **state)
{
    struct gw_timers timers;
    struct watched w[2];

    (void)state;
    init(&timers, w, 2);
    gw_timer_set(&timers, &w[0].timer, GW_TIMEOUT_HEAD, 0);
    gw_timer_set(&timers, &w[1].timer, GW_TIMEOUT_HEAD, 0);
    gw_timer_set(&timers, &w[0].timer, GW_TIMEOUT_IDLE, 0);
    gw_timer_set(&timers, &w[1].timer, GW_TIMEOUT_NONE, 0);
    gw_timers_fire(&timers, 50);
    assert_int_equal(w[0].fired + w[1].fired, 0);
    w[0].rearm_at = 100;
    gw_timers_fire(&timers, 100);
    gw_timers_fire(&timers, 199);
    assert_int_equal(w[0].fired, 1);
    w[0].rearm_at = 200;
    gw_timers_fire(&timers, 200);
    assert_int_equal(w[0].fired, 2);
}

static void a_shorter_length_holds_for_what_runs(void **state)
{
    struct gw_timers timers;
    struct watched w[1];

    (void)state;
    init(&timers, w, 1);
    gw_timer_set(&timers, &w[0].timer, GW_TIMEOUT_IDLE, 0);
    gw_timers_set_length(&timers, GW_TIMEOUT_IDLE, 5, 20);
    gw_timers_fire(&timers, 24);
    assert_int_equal(w[0].fired, 0);
    gw_timers_fire(&timers, 25);
    assert_int_equal(w[0].fired, 1);
}

static void endless_lengths_do_not_wrap(void **state)
{
    struct gw_timers timers;
    struct watched w[1];

    (void)state;
    init(&timers, w, 1);
    gw_timers_set_length(&timers, GW_TIMEOUT_HEAD, UINT64_MAX, 7);
    gw_timer_set(&timers, &w[0].timer, GW_TIMEOUT_HEAD, 7);
    gw_timers_fire(&timers, UINT64_MAX - 1);
    assert_int_equal(w[0].fired, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fires_in_time),
        cmocka_unit_test(is_rearmed_and_disarmed),
        cmocka_unit_test(a_shorter_length_holds_for_what_runs),
        cmocka_unit_test(endless_lengths_do_not_wrap),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
