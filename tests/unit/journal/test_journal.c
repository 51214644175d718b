/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what was appended is handed over once and only while it is not
 * settled, also by the next process; segments are used again; nothing open is
 * ever cleared, and no open intent keeps the journal from going on.
 * Method: small segments in plain memory; "the next process" is a second
 * journal over the same memory; threads that append and end, with one that
 * prepares. Run under TSan too.
 */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/internal.h"
#include "base/str.h"
#include "faulty_heap.h"
#include "journal/journal.h"

enum { SIZE = LLMP_JOURNAL_SEGMENT_MIN, SEGMENTS = 3 };

struct set {
    struct llmp_journal *journal;
    uint8_t *memory[SEGMENTS];
    struct llmp_buf seen;
};

static void open_journal(struct set *set, uint32_t open_max)
{
    struct llmp_journal_options opts;

    llmp_journal_options_init(&opts);
    opts.segment_size = SIZE;
    opts.open_max = open_max;
    assert_int_equal(llmp_journal_new(&set->journal, &opts, NULL), LLMP_OK);
    for (int i = 0; i < SEGMENTS; i++)
        assert_int_equal(llmp_journal_add(set->journal, set->memory[i], NULL),
                         LLMP_OK);
    assert_int_equal(llmp_journal_prepare(set->journal, 1, 2), LLMP_OK);
}

static int open_set(void **state)
{
    struct set *set = calloc(1, sizeof(*set));

    for (int i = 0; i < SEGMENTS; i++) {
        set->memory[i] = aligned_alloc(16, SIZE);
        memset(set->memory[i], 0, SIZE);
    }
    open_journal(set, 0);
    *state = set;
    return 0;
}

static int close_set(void **state)
{
    struct set *set = *state;

    llmp_journal_free(set->journal);
    for (int i = 0; i < SEGMENTS; i++)
        free(set->memory[i]);
    llmp_buf_fini(&set->seen);
    free(set);
    return 0;
}

/* As if the process were killed here. */
static void next_process(struct set *set)
{
    llmp_journal_free(set->journal);
    open_journal(set, 0);
}

static llmp_journal_at append(struct set *set, enum llmp_journal_type type,
                              const char *text, llmp_journal_at intent)
{
    struct llmp_str payload = llmp_str_of(text);
    llmp_journal_at at = 0;

    assert_int_equal(
        llmp_journal_append(set->journal, type, &payload, 1, intent, &at),
        LLMP_OK);
    return at;
}

static int note(const struct llmp_journal_record *record, void *ctx)
{
    struct set *set = ctx;

    llmp_buf_printf(&set->seen, "%.*s ", (int)record->payload.len,
                    record->payload.ptr);
    return 0;
}

static int note_and_settle(const struct llmp_journal_record *record, void *ctx)
{
    struct set *set = ctx;

    (void)note(record, ctx);
    llmp_journal_settle(set->journal, record->at);
    return 0;
}

static void assert_scan(struct set *set, enum llmp_journal_type type,
                        const char *expected)
{
    set->seen.len = 0;
    assert_int_equal(llmp_journal_scan(set->journal, type, note, set), LLMP_OK);
    assert_true(llmp_buf_add(&set->seen, (struct llmp_str){ "", 1 }));
    assert_string_equal(set->seen.ptr, expected);
}

static struct llmp_journal_stats stats(const struct set *set)
{
    struct llmp_journal_stats out;

    llmp_journal_stats(set->journal, &out);
    return out;
}

/* ---- handing over -------------------------------------------------------- */

static void what_is_open_comes_to_the_next_process(void **state)
{
    struct set *set = *state;
    llmp_journal_at a = append(set, LLMP_JOURNAL_INTENT, "a", 0);
    llmp_journal_at b = append(set, LLMP_JOURNAL_INTENT, "b", 0);
    llmp_journal_at c = append(set, LLMP_JOURNAL_INTENT, "c", 0);
    llmp_journal_at d = append(set, LLMP_JOURNAL_OUTCOME, "d", a);

    llmp_journal_settle(set->journal, c);
    (void)append(set, LLMP_JOURNAL_OUTCOME, "e", 0);
    llmp_journal_settle(set->journal, d);
    assert_int_equal(stats(set).intents_open, 1);
    assert_int_equal(stats(set).outcomes_open, 1);
    /* All of it is somebody's here. */
    assert_scan(set, LLMP_JOURNAL_INTENT, "");
    assert_scan(set, LLMP_JOURNAL_OUTCOME, "");

    next_process(set);
    assert_int_equal(stats(set).intents_open, 1);
    assert_scan(set, LLMP_JOURNAL_INTENT, "b ");
    assert_scan(set, LLMP_JOURNAL_OUTCOME, "e ");
    assert_scan(set, LLMP_JOURNAL_OUTCOME, ""); /* handed over already */

    /* It was not settled, so it comes once more. */
    next_process(set);
    assert_int_equal(llmp_journal_scan(set->journal, LLMP_JOURNAL_OUTCOME,
                                       note_and_settle, set),
                     LLMP_OK);
    next_process(set);
    assert_scan(set, LLMP_JOURNAL_OUTCOME, "");
    assert_scan(set, LLMP_JOURNAL_INTENT, "b ");
    (void)b;
}

static int refuse(const struct llmp_journal_record *record, void *ctx)
{
    (void)record;
    (void)ctx;
    return 42;
}

static void what_is_released_is_handed_over_again(void **state)
{
    struct set *set = *state;
    llmp_journal_at a = append(set, LLMP_JOURNAL_OUTCOME, "a", 0);

    (void)append(set, LLMP_JOURNAL_OUTCOME, "b", 0);
    llmp_journal_release(set->journal, a);
    assert_int_equal(
        llmp_journal_scan(set->journal, LLMP_JOURNAL_OUTCOME, refuse, NULL),
        42);
    assert_scan(set, LLMP_JOURNAL_OUTCOME, "a ");
    assert_scan(set, LLMP_JOURNAL_OUTCOME, "");
}

static void a_payload_comes_in_pieces(void **state)
{
    struct set *set = *state;
    const struct llmp_str parts[] = { LLMP_STR("ab"), LLMP_STR(""),
                                      LLMP_STR("cde") };
    char *large = calloc(1, SIZE);
    struct llmp_str too_much = { large, SIZE / 4 + 1 };
    llmp_journal_at at;

    assert_int_equal(llmp_journal_append(set->journal, LLMP_JOURNAL_OUTCOME,
                                         parts, 3, 0, &at),
                     LLMP_OK);
    assert_int_equal(llmp_journal_payload_max(set->journal), SIZE / 4);
    assert_int_equal(llmp_journal_append(set->journal, LLMP_JOURNAL_OUTCOME,
                                         &too_much, 1, 0, &at),
                     LLMP_E_LIMIT);
    assert_int_equal(llmp_journal_append(set->journal, LLMP_JOURNAL_OUTCOME,
                                         parts, 0, 0, &at),
                     LLMP_E_LIMIT);
    next_process(set);
    assert_scan(set, LLMP_JOURNAL_OUTCOME, "abcde ");
    free(large);
}

static void a_failed_journal_takes_nothing(void **state)
{
    struct set *set = *state;
    struct llmp_str payload = LLMP_STR("x");
    llmp_journal_at at;

    llmp_journal_fail(set->journal);
    assert_int_equal(llmp_journal_append(set->journal, LLMP_JOURNAL_INTENT,
                                         &payload, 1, 0, &at),
                     LLMP_E_IO);
    assert_true(stats(set).failed);
}

static void open_intents_have_a_limit(void **state)
{
    struct set *set = *state;
    struct llmp_str payload = LLMP_STR("x");
    llmp_journal_at a, b, c;

    llmp_journal_free(set->journal);
    open_journal(set, 2);
    assert_int_equal(llmp_journal_append(set->journal, LLMP_JOURNAL_INTENT,
                                         &payload, 1, 0, &a),
                     LLMP_OK);
    assert_int_equal(llmp_journal_append(set->journal, LLMP_JOURNAL_INTENT,
                                         &payload, 1, 0, &b),
                     LLMP_OK);
    assert_int_equal(llmp_journal_append(set->journal, LLMP_JOURNAL_INTENT,
                                         &payload, 1, 0, &c),
                     LLMP_FULL);
    llmp_journal_settle(set->journal, a);
    assert_int_equal(llmp_journal_append(set->journal, LLMP_JOURNAL_INTENT,
                                         &payload, 1, 0, &c),
                     LLMP_OK);
}

/* ---- segments ------------------------------------------------------------ */

static void count_switch(void *ctx)
{
    ++*(int *)ctx;
}

/* Ten times what there is room for. */
static void settled_segments_are_used_again(void **state)
{
    struct set *set = *state;
    int switches = 0, full = 0;

    llmp_journal_on_switch(set->journal, count_switch, &switches);
    for (int i = 0; i < 10 * SEGMENTS * SIZE / 80; i++) {
        struct llmp_str payload = LLMP_STR("0123456789012345678901234567890123"
                                           "456789012345678901234567890123");
        llmp_journal_at at;

        if (llmp_journal_append(set->journal, LLMP_JOURNAL_OUTCOME, &payload, 1,
                                0, &at) == LLMP_FULL) {
            full++;
            assert_int_equal(llmp_journal_prepare(set->journal, 1, 2), LLMP_OK);
            continue;
        }
        llmp_journal_settle(set->journal, at);
    }
    /* Each switch took the only one that was ready. */
    assert_true(switches >= 10 * SEGMENTS - 1);
    assert_true(full >= switches - 1);
    assert_int_equal(stats(set).outcomes_open, 0);
}

static void what_is_not_settled_is_never_cleared(void **state)
{
    struct set *set = *state;
    struct llmp_str payload = LLMP_STR("0123456789012345");
    llmp_journal_at at, first = 0;
    int kept = 0, rc;

    for (;;) {
        rc = llmp_journal_append(set->journal, LLMP_JOURNAL_OUTCOME, &payload,
                                 1, 0, &at);
        if (rc == LLMP_FULL &&
            llmp_journal_prepare(set->journal, 1, 2) == LLMP_FULL)
            break;
        if (rc == LLMP_OK && ++kept == 1)
            first = at;
    }
    assert_int_equal(kept, SEGMENTS * ((SIZE - 64) / 32));
    assert_int_equal(stats(set).outcomes_open, kept);
    assert_int_equal(stats(set).segments_free, 0);
    llmp_journal_settle(set->journal, first);
    assert_int_equal(llmp_journal_prepare(set->journal, 1, 2), LLMP_FULL);
    assert_int_equal(stats(set).outcomes_open, kept - 1);
}

/* One intent stays open while hundreds of segments come and go. */
static void an_open_intent_is_carried_along(void **state)
{
    struct set *set = *state;
    llmp_journal_at lasting = append(set, LLMP_JOURNAL_INTENT, "lasting", 0);
    llmp_journal_at other = append(set, LLMP_JOURNAL_INTENT, "other", 0);

    for (int i = 0; i < 20000; i++) {
        struct llmp_str payload = LLMP_STR("passing");
        llmp_journal_at at;

        if (llmp_journal_append(set->journal, LLMP_JOURNAL_INTENT, &payload, 1,
                                0, &at) == LLMP_FULL) {
            assert_int_equal(llmp_journal_prepare(set->journal, 1, 2), LLMP_OK);
            continue;
        }
        llmp_journal_settle(set->journal, at);
        if (i == 10000)
            llmp_journal_settle(set->journal, other);
    }
    assert_int_equal(stats(set).intents_open, 1);
    next_process(set);
    assert_scan(set, LLMP_JOURNAL_INTENT, "lasting ");
    next_process(set);
    (void)lasting;
}

static void pass_by(struct set *set, int count)
{
    struct llmp_str payload = LLMP_STR("passing");
    llmp_journal_at at;

    for (int i = 0; i < count; i++)
        if (llmp_journal_append(set->journal, LLMP_JOURNAL_INTENT, &payload, 1,
                                0, &at) == LLMP_FULL)
            assert_int_equal(llmp_journal_prepare(set->journal, 1, 2), LLMP_OK);
        else
            llmp_journal_settle(set->journal, at);
}

static void its_end_finds_it_where_it_is(void **state)
{
    struct set *set = *state;
    llmp_journal_at lasting = append(set, LLMP_JOURNAL_INTENT, "lasting", 0);

    pass_by(set, 2000);
    assert_int_equal(llmp_journal_prepare(set->journal, 1, 2), LLMP_OK);
    (void)append(set, LLMP_JOURNAL_OUTCOME, "end", lasting);
    assert_int_equal(stats(set).intents_open, 0);
    next_process(set);
    assert_scan(set, LLMP_JOURNAL_INTENT, "");
    assert_scan(set, LLMP_JOURNAL_OUTCOME, "end ");
}

/* The two steps of an intent's end, with carrying between them. */
static void an_end_in_the_midst_of_carrying_leaves_nothing(void **state)
{
    struct set *set = *state;
    llmp_journal_at at = append(set, LLMP_JOURNAL_INTENT, "lasting", 0);
    struct llmp_tickets *tickets = &set->journal->tickets;
    uint64_t place = atomic_exchange(&tickets->places[(uint32_t)at], 0);

    pass_by(set, 2000);
    llmp_journal_settle_place(set->journal, place);
    llmp_tickets_give(tickets, (uint32_t)at);
    assert_int_equal(stats(set).intents_open, 0);
    next_process(set);
    assert_scan(set, LLMP_JOURNAL_INTENT, "");
}

static void segments_are_looked_at_before_they_are_taken(void **state)
{
    struct set *set = *state;
    struct llmp_error err;
    uint8_t *other = aligned_alloc(16, SIZE);

    memset(other, 'x', SIZE);
    assert_int_equal(llmp_journal_add(set->journal, other, &err),
                     LLMP_E_CORRUPT);
    memcpy(other, set->memory[0], SIZE);
    other[8] = 2;
    assert_int_equal(llmp_journal_add(set->journal, other, &err),
                     LLMP_E_UNSUPPORTED);
    assert_int_equal(stats(set).segments, SEGMENTS);
    free(other);
}

/* ---- threads ------------------------------------------------------------- */

/* The intents that all threads hold fill half a segment: they are carried. */
enum { THREADS = 3, EACH = 10000, HELD = 11 };

static struct set *shared;
static atomic_int running, held;

/* Begins and ends exchanges, several at once, out of order. */
static void *exchange(void *ctx)
{
    llmp_journal_at open[HELD] = { 0 };
    unsigned number = (unsigned)(uintptr_t)ctx;

    for (unsigned i = 0; i < EACH; i++) {
        unsigned slot = (i * 7 + number) % HELD;
        char text[64];
        struct llmp_str payload = {
            text,
            (size_t)snprintf(text, sizeof(text), "%u-%u-%.*s", number, i,
                             (int)(i % 30), "..............................")
        };
        llmp_journal_at outcome;

        /* Without room the outcome goes elsewhere, as the ledger does it. */
        if (open[slot] &&
            llmp_journal_append(shared->journal, LLMP_JOURNAL_OUTCOME, &payload,
                                1, open[slot], &outcome) == LLMP_OK)
            llmp_journal_settle(shared->journal, outcome);
        else if (open[slot])
            llmp_journal_settle(shared->journal, open[slot]);
        open[slot] = 0;
        if (llmp_journal_append(shared->journal, LLMP_JOURNAL_INTENT, &payload,
                                1, 0, &open[slot]) != LLMP_OK)
            (void)sched_yield();
    }
    for (unsigned slot = 0; slot < HELD; slot++)
        (void)atomic_fetch_add(&held, open[slot] != 0);
    (void)atomic_fetch_sub(&running, 1);
    return NULL;
}

static int count_record(const struct llmp_journal_record *record, void *ctx)
{
    (void)record;
    ++*(int *)ctx;
    return 0;
}

static void threads_append_while_one_prepares(void **state)
{
    pthread_t threads[THREADS];
    int left = 0, seen = 0;

    shared = *state;
    atomic_store(&running, THREADS);
    atomic_store(&held, 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, exchange, (void *)i),
                         0);
    while (atomic_load(&running)) {
        assert_true(llmp_journal_prepare(shared->journal, 1, 2) >= 0);
        assert_true(llmp_journal_scan(shared->journal, LLMP_JOURNAL_OUTCOME,
                                      count_record, &seen) >= 0);
        (void)sched_yield();
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(seen, 0); /* all had owners */
    assert_int_equal(stats(shared).intents_open, atomic_load(&held));
    assert_int_equal(stats(shared).outcomes_open, 0);
    next_process(shared);
    assert_int_equal(llmp_journal_scan(shared->journal, LLMP_JOURNAL_INTENT,
                                       count_record, &left),
                     LLMP_OK);
    assert_int_equal(left, atomic_load(&held));
}

/* ---- memory and options -------------------------------------------------- */

static void without_memory_there_is_no_journal(void **state)
{
    struct llmp_journal *journal = NULL;
    (void)state;

    for (int n = 0; n < 2; n++) {
        faulty_heap_arm(n);
        assert_int_equal(llmp_journal_new(&journal, NULL, NULL), LLMP_E_NOMEM);
        assert_null(journal);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_arm(2);
    assert_int_equal(llmp_journal_new(&journal, NULL, NULL), LLMP_OK);
    assert_int_equal(llmp_journal_segment_size(journal), 4 << 20);
    llmp_journal_free(journal);
    assert_int_equal(faulty_heap_live(), 0);
    faulty_heap_off();
}

static void sizes_are_checked(void **state)
{
    struct llmp_journal_options opts;
    struct llmp_journal *journal;
    (void)state;

    llmp_journal_options_init(&opts);
    opts.segment_size = 4097;
    assert_int_equal(llmp_journal_new(&journal, &opts, NULL), LLMP_E_INVALID);
    opts.segment_size = 2048;
    assert_int_equal(llmp_journal_new(&journal, &opts, NULL), LLMP_E_INVALID);
    opts.segment_size = 0;
    opts.open_max = UINT32_MAX;
    assert_int_equal(llmp_journal_new(&journal, &opts, NULL), LLMP_E_INVALID);
    llmp_journal_free(NULL);
}

#define ON_A_SET(test) \
    cmocka_unit_test_setup_teardown(test, open_set, close_set)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_SET(what_is_open_comes_to_the_next_process),
        ON_A_SET(what_is_released_is_handed_over_again),
        ON_A_SET(a_payload_comes_in_pieces),
        ON_A_SET(a_failed_journal_takes_nothing),
        ON_A_SET(open_intents_have_a_limit),
        ON_A_SET(settled_segments_are_used_again),
        ON_A_SET(what_is_not_settled_is_never_cleared),
        ON_A_SET(an_open_intent_is_carried_along),
        ON_A_SET(its_end_finds_it_where_it_is),
        ON_A_SET(an_end_in_the_midst_of_carrying_leaves_nothing),
        ON_A_SET(segments_are_looked_at_before_they_are_taken),
        ON_A_SET(threads_append_while_one_prepares),
        cmocka_unit_test(without_memory_there_is_no_journal),
        cmocka_unit_test(sizes_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
