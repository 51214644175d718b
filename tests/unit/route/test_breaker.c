/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the breaker does in each state and at each event what its table says,
 * and its times are those that were promised.
 * Method: the whole table, written down once more; words made by events only.
 */
#include "route/breaker.h"

#include "helper.h"

static const uint64_t now_ns = 5000 * S;

static struct llmp_health defaults(void)
{
    struct llmp_health h;
    struct llmp_route_health exact = exact_health();

    assert_int_equal(llmp_health_read(&h, &exact, NULL), LLMP_OK);
    return h;
}

static uint64_t step(uint64_t word, enum llmp_breaker_event event,
                     const struct llmp_health *h, uint64_t at_ns,
                     uint64_t retry_after_ns, uint64_t random)
{
    struct llmp_breaker_news news = {
        .health = h,
        .now_ns = at_ns,
        .open_ns = h->open_ns,
        .retry_after_ns = retry_after_ns,
        .random = random,
    };

    return llmp_breaker_next(word, event, &news);
}

/* A word in each state, as events make it. */
static uint64_t in_state(enum llmp_route_breaker state,
                         const struct llmp_health *h)
{
    uint64_t open = step(0, LLMP_BREAKER_TRIP, h, now_ns, 0, 0);

    switch (state) {
    case LLMP_BREAKER_OPEN:
        return open;
    case LLMP_BREAKER_DOWN:
        return step(0, LLMP_BREAKER_FATAL, h, now_ns, 0, 0);
    case LLMP_BREAKER_PROBING:
        return step(open, LLMP_BREAKER_DUE, h, now_ns + 15 * S + TICK, 0, 0);
    case LLMP_BREAKER_CLOSED:
    default:
        return 0;
    }
}

static void whole_table(void **state)
{
    enum {
        C = LLMP_BREAKER_CLOSED,
        O = LLMP_BREAKER_OPEN,
        D = LLMP_BREAKER_DOWN,
        P = LLMP_BREAKER_PROBING
    };
    /* due, ok, failed, trip, fatal, probe: ok, failed, fatal, mute; proof,
     * back */
    static const int after[LLMP_BREAKER_STATES][LLMP_BREAKER_EVENTS] = {
        [C] = { C, C, C, O, D, C, C, C, C, C, C },
        [O] = { P, O, O, O, D, O, O, O, O, C, O },
        [D] = { P, D, D, D, D, D, D, D, D, C, O },
        [P] = { P, P, P, P, P, C, O, D, O, C, P },
    };
    struct llmp_health h = defaults();

    (void)state;
    for (int s = 0; s < LLMP_BREAKER_STATES; s++)
        for (int e = 0; e < LLMP_BREAKER_EVENTS; e++) {
            uint64_t word = in_state((enum llmp_route_breaker)s, &h);
            uint64_t next = step(word, (enum llmp_breaker_event)e, &h,
                                 now_ns + 20 * S, 0, 0);

            print_message("# state %d, event %d\n", s, e);
            assert_int_equal(llmp_breaker_state(word), s);
            assert_int_equal(llmp_breaker_state(next), after[s][e]);
            /* Where the table stays, nothing at all changes. */
            if (after[s][e] == s && e != LLMP_BREAKER_DUE &&
                !(s == O && e == LLMP_BREAKER_BACK)) /* due at once */
                assert_true(next == word);
        }
}

static uint64_t open_time(uint64_t word, uint64_t since_ns)
{
    return llmp_breaker_when_ns(word) - since_ns;
}

/* Not before, and not a tick later than it must. */
static void assert_time(uint64_t ns, uint64_t expect_ns)
{
    assert_true(ns >= expect_ns);
    assert_true(ns <= expect_ns + TICK);
}

static void doubles_up_to_a_bound(void **state)
{
    static const uint64_t expect_s[] = { 15, 30, 60, 120, 120, 120 };
    struct llmp_health h = defaults();
    uint64_t at_ns = now_ns, word = step(0, LLMP_BREAKER_TRIP, &h, at_ns, 0, 0);

    (void)state;
    for (size_t i = 0; i < COUNT(expect_s); i++) {
        assert_int_equal(llmp_breaker_state(word), LLMP_BREAKER_OPEN);
        assert_time(open_time(word, at_ns), expect_s[i] * S);
        assert_false(llmp_breaker_is_due(word, at_ns + expect_s[i] * S - 1));
        at_ns = llmp_breaker_when_ns(word);
        assert_true(llmp_breaker_is_due(word, at_ns));
        word = step(word, LLMP_BREAKER_DUE, &h, at_ns, 0, 0);
        word = step(word, LLMP_BREAKER_PROBE_FAILED, &h, at_ns, 0, 0);
    }
    for (int i = 0; i < 100; i++) { /* the streak has an end */
        word = step(word, LLMP_BREAKER_DUE, &h, at_ns, 0, 0);
        word = step(word, LLMP_BREAKER_PROBE_FAILED, &h, at_ns, 0, 0);
    }
    assert_time(open_time(word, at_ns), 120 * S);
}

static void closed_for_long_begins_anew(void **state)
{
    struct llmp_health h = defaults();
    uint64_t word = in_state(LLMP_BREAKER_PROBING, &h);
    uint64_t closed_ns = now_ns + 16 * S, at_ns = closed_ns + 10 * S;

    (void)state;
    word = step(word, LLMP_BREAKER_PROBE_OK, &h, closed_ns, 0, 0);
    assert_time(
        open_time(step(word, LLMP_BREAKER_TRIP, &h, at_ns, 0, 0), at_ns),
        30 * S);
    at_ns = closed_ns + 121 * S;
    assert_time(
        open_time(step(word, LLMP_BREAKER_TRIP, &h, at_ns, 0, 0), at_ns),
        15 * S);
}

static void retry_after_is_a_floor(void **state)
{
    static const struct {
        enum llmp_route_breaker from;
        enum llmp_breaker_event event;
        uint64_t retry_s, expect_s;
    } rows[] = {
        { LLMP_BREAKER_CLOSED, LLMP_BREAKER_TRIP, 1, 15 },
        { LLMP_BREAKER_CLOSED, LLMP_BREAKER_TRIP, 40, 40 },
        { LLMP_BREAKER_CLOSED, LLMP_BREAKER_TRIP, 7 * 86400, 86400 },
        { LLMP_BREAKER_CLOSED, LLMP_BREAKER_FATAL, 60, 1800 },
        { LLMP_BREAKER_CLOSED, LLMP_BREAKER_FATAL, 3600, 3600 },
        { LLMP_BREAKER_PROBING, LLMP_BREAKER_PROBE_FAILED, 500, 500 },
        { LLMP_BREAKER_PROBING, LLMP_BREAKER_PROBE_FAILED, 5, 30 },
        { LLMP_BREAKER_OPEN, LLMP_BREAKER_TRIP, 300, 300 },
        { LLMP_BREAKER_DOWN, LLMP_BREAKER_TRIP, 7200, 7200 },
    };
    struct llmp_health h = defaults();

    (void)state;
    for (size_t i = 0; i < COUNT(rows); i++) {
        uint64_t word = step(in_state(rows[i].from, &h), rows[i].event, &h,
                             now_ns, rows[i].retry_s * S, 0);

        print_message("# row %zu\n", i);
        assert_time(open_time(word, now_ns), rows[i].expect_s * S);
    }
    /* What is open for longer already is not made shorter. */
    uint64_t open = step(0, LLMP_BREAKER_TRIP, &h, now_ns, 90 * S, 0);

    assert_true(step(open, LLMP_BREAKER_TRIP, &h, now_ns, 10 * S, 0) == open);
}

static void jitter_stays_within_its_bounds(void **state)
{
    struct llmp_route_health o;
    struct llmp_health h;
    uint64_t random = 1, least = UINT64_MAX, most = 0;

    (void)state;
    llmp_route_health_init(&o);
    assert_int_equal(llmp_health_read(&h, &o, NULL), LLMP_OK);
    for (int i = 0; i < 10000; i++) {
        uint64_t ns = open_time(
            step(0, LLMP_BREAKER_TRIP, &h, now_ns, 0, next_random(&random)),
            now_ns);

        least = ns < least ? ns : least;
        most = ns > most ? ns : most;
    }
    assert_true(least >= 13500 * MS && least < 13600 * MS);
    assert_true(most > 16400 * MS && most <= 16500 * MS + TICK);
}

static void a_probe_that_is_mute_is_replaced(void **state)
{
    struct llmp_health h = defaults();
    uint64_t word = in_state(LLMP_BREAKER_PROBING, &h), at_ns;

    (void)state;
    at_ns = llmp_breaker_when_ns(word);
    assert_false(llmp_breaker_is_due(word, at_ns - 1));
    assert_true(llmp_breaker_is_due(word, at_ns));

    uint64_t second = step(word, LLMP_BREAKER_DUE, &h, at_ns, 0, 0);

    assert_int_equal(llmp_breaker_state(second), LLMP_BREAKER_PROBING);
    assert_true(second != word); /* so the first one's verdict is not its */
}

static void a_new_owner_has_a_closed_breaker(void **state)
{
    struct llmp_health h = defaults();
    uint64_t open = in_state(LLMP_BREAKER_OPEN, &h), word = open;

    (void)state;
    word = llmp_breaker_renew(word);
    assert_true(llmp_breaker_is_closed(word));
    assert_int_equal(llmp_breaker_streak(word), 0);
    assert_int_not_equal(llmp_breaker_generation(word),
                         llmp_breaker_generation(open));
    assert_int_equal(llmp_breaker_generation(
                         step(word, LLMP_BREAKER_TRIP, &h, now_ns, 0, 0)),
                     llmp_breaker_generation(word));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_table),
        cmocka_unit_test(doubles_up_to_a_bound),
        cmocka_unit_test(closed_for_long_begins_anew),
        cmocka_unit_test(retry_after_is_a_floor),
        cmocka_unit_test(jitter_stays_within_its_bounds),
        cmocka_unit_test(a_probe_that_is_mute_is_replaced),
        cmocka_unit_test(a_new_owner_has_a_closed_breaker),
    };

    return cmocka_run_group_tests_name("route/breaker", tests, NULL, NULL);
}
