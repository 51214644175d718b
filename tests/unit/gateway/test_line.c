/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: who waits for room gets a turn in order of importance and arrival, each
 * freed room is one turn, a turn that is not used is the next one's, and the
 * last of the least important leaves a full line.
 * Method: places with wakers of made-up exchanges, in a time that is given;
 * then threads that come, go and give turns (for the sanitizers).
 */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "gateway/line.h"

enum { WAITERS = 6, HIGH = 2, NORMAL = 3, LOW = 4 };

#define S LLMP_NS_PER_S

static char exchanges[WAITERS]; /* never looked into */

static struct {
    struct llmp_mailbox *box;
    struct llmp_lines *lines;
    struct llmp_place places[WAITERS];
} t;

enum { A = 1, B = 2, BOTH = A | B }; /* bits of deployments */

static size_t capacity;

static void begin(size_t places)
{
    capacity = places;
    memset(&t, 0, sizeof(t));
    t.box = llmp_mailbox_new();
    assert_int_equal(llmp_lines_new(&t.lines, NULL), LLMP_OK);
    for (size_t i = 0; i < WAITERS; i++)
        t.places[i].waker = llmp_waker_new(
            t.box, (struct llmp_exchange *)(void *)&exchanges[i]);
}

static void end(void)
{
    assert_int_equal(llmp_lines_count(t.lines), 0);
    for (size_t i = 0; i < WAITERS; i++)
        llmp_waker_drop(t.places[i].waker);
    llmp_lines_free(t.lines);
    llmp_mailbox_close(t.box);
    llmp_mailbox_unref(t.box);
}

static int join_for(size_t i, uint32_t priority, uint64_t reach)
{
    t.places[i].reach = (struct llmp_reach){ reach, reach };
    t.places[i].priority = priority;
    return llmp_lines_join(t.lines, &t.places[i], capacity, S + i);
}

static int join(size_t i, uint32_t priority)
{
    return join_for(i, priority, A);
}

static void turn(uint64_t bit)
{
    llmp_lines_turn(t.lines, bit, S);
}

static enum llmp_place_state state_of(size_t i)
{
    return llmp_lines_look(t.lines, &t.places[i]);
}

static void leave(size_t i, bool used)
{
    llmp_lines_leave(t.lines, &t.places[i], used, S);
}

/* The one that was woken; -1: nobody. */
static int woken(void)
{
    const char *who = (const char *)llmp_mailbox_take(t.box);

    return who ? (int)(who - exchanges) : -1;
}

static void turns_go_by_importance_and_arrival(void **state)
{
    const int order[] = { 2, 0, 3, 1 };
    (void)state;

    begin(10);
    assert_int_equal(join(0, NORMAL), LLMP_OK);
    assert_int_equal(join(1, LOW), LLMP_OK);
    assert_int_equal(join(2, HIGH), LLMP_OK);
    assert_int_equal(join(3, NORMAL), LLMP_OK);
    assert_int_equal(woken(), -1);
    for (size_t i = 0; i < LLMP_COUNT(order); i++) {
        assert_true(llmp_lines_busy(t.lines, A));
        turn(A);
        assert_int_equal(woken(), order[i]);
        assert_int_equal(woken(), -1); /* one room, one turn */
        assert_int_equal(state_of((size_t)order[i]), LLMP_PLACE_TURN);
        leave((size_t)order[i], true);
    }
    assert_false(llmp_lines_busy(t.lines, A));
    end();
}

static void an_unused_turn_is_the_next_ones(void **state)
{
    (void)state;
    begin(10);
    assert_int_equal(join(0, NORMAL), LLMP_OK);
    assert_int_equal(join(1, NORMAL), LLMP_OK);
    turn(A);
    assert_int_equal(woken(), 0);
    leave(0, false); /* its client has left */
    assert_int_equal(woken(), 1);
    leave(1, true);
    end();
}

static void a_turn_in_vain_keeps_its_place(void **state)
{
    (void)state;
    begin(10);
    assert_int_equal(join(0, LOW), LLMP_OK);
    turn(A);
    assert_int_equal(woken(), 0);
    assert_int_equal(join(1, HIGH), LLMP_OK);
    assert_int_equal(join(0, LOW), LLMP_OK); /* somebody took it */
    assert_int_equal(woken(), -1);
    turn(A);
    assert_int_equal(woken(), 0);
    leave(0, true);
    leave(1, false);
    end();
}

static void a_full_line_sheds_from_the_back(void **state)
{
    (void)state;
    begin(2);
    assert_int_equal(join(0, LOW), LLMP_OK);
    assert_int_equal(join(1, LOW), LLMP_OK);
    assert_int_equal(join(2, LOW), LLMP_FULL);
    assert_int_equal(join(3, HIGH), LLMP_OK);
    assert_int_equal(woken(), 1); /* the last that came */
    assert_int_equal(state_of(1), LLMP_PLACE_SHED);
    assert_int_equal(state_of(0), LLMP_PLACE_WAITS);
    leave(1, false);
    leave(0, false);
    leave(3, false);
    assert_int_equal(woken(), -1);
    end();
}

/* Nobody says that a limit has risen: then time gives turns, one after the
 * other as long as there is room. */
static void time_gives_turns_too(void **state)
{
    (void)state;
    begin(10);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(join(i, NORMAL), LLMP_OK);
    llmp_lines_poll(t.lines, &t.places[2], S);
    assert_int_equal(woken(), 0);
    llmp_lines_poll(t.lines, &t.places[2], 5 * S); /* it has not used it yet */
    assert_int_equal(woken(), -1);
    leave(0, true);
    assert_int_equal(woken(), 1); /* there may be room for more */
    assert_int_equal(join(1, NORMAL), LLMP_OK);
    llmp_lines_poll(t.lines, &t.places[2], S + S / 20);
    assert_int_equal(woken(), -1); /* not that soon again */
    llmp_lines_poll(t.lines, &t.places[2], 2 * S);
    assert_int_equal(woken(), 1);
    leave(1, false);
    assert_int_equal(woken(), 2);
    leave(2, true);
    end();
}

/* Room at one deployment is for the most important one that may go there,
 * whatever else it may reach; who cannot use it passes it on. */
static void lines_share_what_both_may_use(void **state)
{
    (void)state;
    begin(10);
    assert_int_equal(join_for(0, LOW, A), LLMP_OK);
    assert_int_equal(join_for(1, HIGH, BOTH), LLMP_OK);
    assert_int_equal(join_for(2, HIGH, B), LLMP_OK);
    assert_int_equal(join_for(3, NORMAL, A), LLMP_OK);
    assert_false(llmp_lines_busy(t.lines, 4));
    turn(4); /* nobody here may go there */
    assert_int_equal(woken(), -1);
    turn(A);
    assert_int_equal(woken(), 1);
    assert_int_equal(woken(), -1);
    assert_int_equal(join_for(1, HIGH, BOTH), LLMP_OK); /* in vain */
    assert_int_equal(woken(), 3);                       /* another line's */
    leave(3, true);
    turn(B);
    assert_int_equal(woken(), 1); /* it came before 2 */
    leave(1, true);
    turn(B);
    assert_int_equal(woken(), 2);
    leave(2, false); /* and nobody else may use it */
    assert_int_equal(woken(), -1);
    turn(A);
    assert_int_equal(woken(), 0);
    leave(0, true);
    end();
}

/* More kinds than lines: some share one. */
static void there_are_always_lines(void **state)
{
    static struct llmp_place many[200];
    (void)state;

    begin(10);
    memset(many, 0, sizeof(many));
    for (size_t i = 0; i < LLMP_COUNT(many); i++) {
        many[i].waker = t.places[0].waker;
        many[i].priority = NORMAL;
        many[i].reach = (struct llmp_reach){ i + 1, A };
        assert_int_equal(llmp_lines_join(t.lines, &many[i], 10, S), LLMP_OK);
    }
    assert_int_equal(llmp_lines_count(t.lines), LLMP_COUNT(many));
    for (size_t i = 0; i < LLMP_COUNT(many); i++)
        llmp_lines_leave(t.lines, &many[i], false, S);
    while (woken() >= 0)
        ;
    end();
}

/* ---- threads ------------------------------------------------------------- */

static atomic_uint turns_used, gone, running;

static void *wait_often(void *ctx)
{
    struct llmp_place *place = ctx;

    for (int i = 0; i < 2000; i++) {
        uint32_t priority = 1 + (uint32_t)i % 4;
        enum llmp_place_state state;

        place->reach = (struct llmp_reach){ i % 2 ? A : BOTH, A };
        place->priority = priority;
        if (llmp_lines_join(t.lines, place, 4, S) != LLMP_OK)
            continue;
        for (int k = 0; k < 50; k++) {
            state = llmp_lines_look(t.lines, place);
            if (state != LLMP_PLACE_WAITS)
                break;
            (void)sched_yield();
        }
        atomic_fetch_add(state == LLMP_PLACE_TURN ? &turns_used : &gone, 1);
        llmp_lines_leave(t.lines, place, state == LLMP_PLACE_TURN, S);
    }
    atomic_fetch_sub(&running, 1);
    return NULL;
}

static void many_at_once(void **state)
{
    pthread_t threads[WAITERS];
    (void)state;

    begin(4);
    atomic_store(&running, WAITERS);
    for (size_t i = 0; i < WAITERS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, wait_often, &t.places[i]), 0);
    while (atomic_load(&running)) {
        turn(A);
        (void)sched_yield();
    }
    for (size_t i = 0; i < WAITERS; i++)
        (void)pthread_join(threads[i], NULL);
    assert_true(atomic_load(&turns_used) > 0);
    while (woken() >= 0)
        ;
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(turns_go_by_importance_and_arrival),
        cmocka_unit_test(an_unused_turn_is_the_next_ones),
        cmocka_unit_test(a_turn_in_vain_keeps_its_place),
        cmocka_unit_test(a_full_line_sheds_from_the_back),
        cmocka_unit_test(time_gives_turns_too),
        cmocka_unit_test(lines_share_what_both_may_use),
        cmocka_unit_test(there_are_always_lines),
        cmocka_unit_test(many_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
