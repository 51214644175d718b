/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every exchange is booked once: as it ended, or as unknown when the
 * process ended first; what does not fit the queue comes later; the policy
 * decides only when nothing can be kept.
 * Method: a journal in plain memory, a store on script; "the process is killed"
 * is a second journal, writer and ledger over the same memory and store.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/internal.h"
#include "base/str.h"
#include "faulty_heap.h"
#include "scripted_store.h"
#include "store/ledger_codec.h"
#include "store_fixture.h"

enum { SIZE = 64 << 10, SEGMENTS = 3, QUEUE = 8 };

struct set {
    struct scripted_store script;
    struct llmp_store *store, *kept; /* kept: survives the "process" */
    uint8_t *memory[SEGMENTS];
    struct llmp_journal *journal;
    struct llmp_store_writer *writer;
    struct llmp_ledger *ledger;
    struct llmp_buf seen;
};

static void start(struct set *set, enum llmp_store_failure policy)
{
    struct llmp_journal_options journal;
    struct llmp_store_writer_options writer;
    struct llmp_ledger_options ledger;

    llmp_journal_options_init(&journal);
    journal.segment_size = SIZE;
    assert_int_equal(llmp_journal_new(&set->journal, &journal, NULL), LLMP_OK);
    for (int i = 0; i < SEGMENTS; i++)
        assert_int_equal(llmp_journal_add(set->journal, set->memory[i], NULL),
                         LLMP_OK);
    assert_int_equal(llmp_journal_prepare(set->journal, 1, 2), LLMP_OK);
    llmp_store_writer_options_init(&writer);
    writer.items_max = QUEUE;
    set->store = scripted_store_open(&set->script);
    /* The one data of all "processes". */
    llmp_store_close(set->script.inner);
    assert_int_equal(llmp_store_open_again(&set->script.inner, set->kept, NULL),
                     LLMP_OK);
    assert_int_equal(
        llmp_store_writer_new(&set->writer, set->store, &writer, NULL),
        LLMP_OK);
    llmp_ledger_options_init(&ledger);
    ledger.on_store_failure = policy;
    assert_int_equal(
        llmp_ledger_new(&set->ledger, set->journal, set->writer, &ledger, NULL),
        LLMP_OK);
}

static void stop(struct set *set)
{
    llmp_store_writer_free(set->writer);
    llmp_ledger_free(set->ledger);
    llmp_journal_free(set->journal);
}

/* The next process books what this one left. */
static void restart(struct set *set, uint64_t outcomes, uint64_t intents)
{
    uint64_t found_outcomes, found_intents;

    stop(set);
    start(set, LLMP_STORE_SERVE);
    assert_true(
        llmp_ledger_recover(set->ledger, &found_outcomes, &found_intents) >= 0);
    assert_int_equal(found_outcomes, outcomes);
    assert_int_equal(found_intents, intents);
}

static void pump(struct set *set)
{
    for (int i = 0; i < 100; i++) {
        bool more = llmp_ledger_pump(set->ledger);

        if (llmp_store_writer_pump(set->writer, 0) == UINT64_MAX && !more)
            return;
    }
}

static int open_set(void **state)
{
    struct set *set = calloc(1, sizeof(*set));

    for (int i = 0; i < SEGMENTS; i++) {
        set->memory[i] = aligned_alloc(16, SIZE);
        memset(set->memory[i], 0, SIZE);
    }
    assert_int_equal(llmp_store_open_memory(&set->kept, NULL), LLMP_OK);
    start(set, LLMP_STORE_SERVE);
    *state = set;
    return 0;
}

static int close_set(void **state)
{
    struct set *set = *state;

    stop(set);
    llmp_store_close(set->kept);
    for (int i = 0; i < SEGMENTS; i++)
        free(set->memory[i]);
    llmp_buf_fini(&set->seen);
    free(set);
    return 0;
}

static int note_row(const struct llmp_ledger_row *row, uint64_t seq, void *ctx)
{
    struct set *set = ctx;

    (void)seq;
    llmp_buf_printf(&set->seen, "%.*s:%d ", (int)row->id.len, row->id.ptr,
                    (int)row->basis);
    return 0;
}

static void assert_rows(struct set *set, const char *expected)
{
    struct llmp_ledger_query query;

    llmp_ledger_query_init(&query);
    set->seen.len = 0;
    assert_int_equal(
        llmp_store_ledger_rows(set->kept, &query, note_row, set, NULL),
        LLMP_OK);
    assert_true(llmp_buf_add(&set->seen, (struct llmp_str){ "", 1 }));
    assert_string_equal(set->seen.ptr, expected);
}

static int64_t booked(struct set *set)
{
    struct llmp_counter out;

    assert_int_equal(
        llmp_store_counter(set->kept, LLMP_STR("spend"), 1, 0, &out, NULL),
        LLMP_OK);
    return out.used;
}

static int begin(struct set *set, const char *id, llmp_journal_at *at)
{
    struct llmp_ledger_row row = usage_row(id);
    const struct llmp_counter_add add = { LLMP_STR("spend"), 1, 100 };
    const struct llmp_ledger_entry entry = { &row, &add, 1 };

    row.basis = LLMP_USAGE_UNKNOWN;
    row.input = row.output = row.cost_nano = 0;
    row.reserved_input = 77;
    return llmp_ledger_begin(set->ledger, &entry, at, NULL);
}

static int end(struct set *set, const char *id, llmp_journal_at at)
{
    struct llmp_ledger_row row = usage_row(id);
    const struct llmp_counter_add add = { LLMP_STR("spend"), 1, 7 };
    const struct llmp_ledger_entry entry = { &row, &add, 1 };

    return llmp_ledger_end(set->ledger, at, &entry, NULL);
}

static uint64_t open_records(const struct set *set)
{
    struct llmp_journal_stats stats;

    llmp_journal_stats(set->journal, &stats);
    return stats.intents_open + stats.outcomes_open;
}

/* ---- without a crash ----------------------------------------------------- */

static void an_exchange_is_booked_as_it_ended(void **state)
{
    struct set *set = *state;
    llmp_journal_at a, b;

    assert_int_equal(begin(set, "a", &a), LLMP_OK);
    assert_int_equal(begin(set, "b", &b), LLMP_OK);
    assert_int_equal(end(set, "b", b), LLMP_OK);
    llmp_ledger_cancel(set->ledger, a);
    pump(set);
    assert_rows(set, "b:1 ");
    assert_int_equal(booked(set), 7);
    assert_int_equal(open_records(set), 0);
    restart(set, 0, 0);
}

static void what_does_not_fit_the_queue_comes_later(void **state)
{
    struct set *set = *state;
    char id[8];

    atomic_store(&set->script.answer, LLMP_E_IO);
    for (int i = 0; i < 3 * QUEUE; i++) {
        llmp_journal_at at;

        (void)snprintf(id, sizeof(id), "r%02d", i);
        assert_int_equal(begin(set, id, &at), LLMP_OK);
        assert_int_equal(end(set, id, at), LLMP_OK);
    }
    assert_true(llmp_ledger_pump(set->ledger));
    assert_int_equal(open_records(set), 3 * QUEUE);
    atomic_store(&set->script.answer, LLMP_OK);
    pump(set);
    assert_int_equal(booked(set), 7 * 3 * QUEUE);
    assert_int_equal(open_records(set), 0);
}

static void a_row_that_is_refused_leaves_the_journal(void **state)
{
    struct set *set = *state;
    llmp_journal_at at;

    set->script.poison = "bad";
    assert_int_equal(begin(set, "bad", &at), LLMP_OK);
    assert_int_equal(end(set, "bad", at), LLMP_OK);
    pump(set);
    assert_int_equal(open_records(set), 0);
}

/* ---- killed -------------------------------------------------------------- */

static void an_intent_without_outcome_is_unknown_once(void **state)
{
    struct set *set = *state;
    llmp_journal_at a, b;

    assert_int_equal(begin(set, "a", &a), LLMP_OK);
    assert_int_equal(begin(set, "b", &b), LLMP_OK);
    assert_int_equal(end(set, "a", a), LLMP_OK);
    restart(set, 1, 1);
    /* Killed again before anything was committed: the same once more. */
    restart(set, 1, 1);
    pump(set);
    assert_rows(set, "a:1 b:3 ");
    assert_int_equal(booked(set), 107);
    restart(set, 0, 0);
    pump(set);
    assert_int_equal(booked(set), 107);
}

/* After a power failure marks may be lost: everything looks open again. */
static void lost_marks_book_nothing_twice(void **state)
{
    struct set *set = *state;
    uint8_t *copy = malloc(SIZE);
    llmp_journal_at a, b;

    assert_int_equal(begin(set, "a", &a), LLMP_OK);
    assert_int_equal(begin(set, "b", &b), LLMP_OK);
    memcpy(copy, set->memory[0], SIZE);
    assert_int_equal(end(set, "a", a), LLMP_OK);
    pump(set);
    /* The intents are open as before, the outcome as committed as it is. */
    memcpy(set->memory[0], copy, 64 + 600);
    restart(set, 0, 2);
    pump(set);
    assert_rows(set, "a:1 b:3 ");
    assert_int_equal(booked(set), 107);
    free(copy);
}

/* The commit succeeded, but nobody lived to settle the outcome. */
static void committed_but_not_settled_books_nothing_twice(void **state)
{
    struct set *set = *state;
    uint8_t *copy = malloc(SIZE);
    llmp_journal_at a;

    assert_int_equal(begin(set, "a", &a), LLMP_OK);
    assert_int_equal(end(set, "a", a), LLMP_OK);
    memcpy(copy, set->memory[0], SIZE);
    pump(set);
    memcpy(set->memory[0], copy, SIZE);
    restart(set, 1, 0);
    pump(set);
    assert_rows(set, "a:1 ");
    assert_int_equal(booked(set), 7);
    free(copy);
}

static void more_than_the_queue_holds_is_recovered(void **state)
{
    struct set *set = *state;
    char id[8];

    for (int i = 0; i < 3 * QUEUE; i++) {
        llmp_journal_at at;

        (void)snprintf(id, sizeof(id), "r%02d", i);
        assert_int_equal(begin(set, id, &at), LLMP_OK);
        if (i % 2)
            assert_int_equal(end(set, id, at), LLMP_OK);
    }
    restart(set, QUEUE, 0);
    pump(set);
    assert_int_equal(booked(set), 3 * QUEUE / 2 * 107);
    assert_int_equal(open_records(set), 0);
}

static void what_is_no_entry_is_counted(void **state)
{
    struct set *set = *state;
    struct llmp_str payload = LLMP_STR("not an entry");
    struct llmp_ledger_stats stats;
    llmp_journal_at at;

    assert_int_equal(llmp_journal_append(set->journal, LLMP_JOURNAL_OUTCOME,
                                         &payload, 1, 0, &at),
                     LLMP_OK);
    restart(set, 0, 0);
    llmp_ledger_stats(set->ledger, &stats);
    assert_int_equal(stats.damaged, 1);
    assert_int_equal(open_records(set), 0);
}

/* ---- nothing can be kept ------------------------------------------------- */

static void the_policy_decides(void **state)
{
    struct set *set = *state;
    struct llmp_ledger_stats stats;
    llmp_journal_at at = 9;

    llmp_journal_fail(set->journal);
    assert_int_equal(begin(set, "a", &at), LLMP_OK);
    assert_int_equal(at, 0);
    assert_int_equal(end(set, "a", at), LLMP_AGAIN); /* by the queue alone */
    pump(set);
    assert_rows(set, "a:1 ");
    llmp_ledger_stats(set->ledger, &stats);
    assert_int_equal(stats.unkept, 1);

    stop(set);
    start(set, LLMP_STORE_REFUSE);
    llmp_journal_fail(set->journal);
    assert_int_equal(begin(set, "b", &at), LLMP_FULL);
}

static void without_a_journal_the_queue_is_all(void **state)
{
    struct set *set = *state;
    struct llmp_ledger_options opts;
    struct llmp_ledger *ledger = set->ledger;
    llmp_journal_at at;
    char id[8];

    llmp_ledger_options_init(&opts);
    opts.on_store_failure = LLMP_STORE_REFUSE;
    assert_int_equal(
        llmp_ledger_new(&set->ledger, NULL, set->writer, &opts, NULL), LLMP_OK);
    assert_int_equal(llmp_ledger_recover(set->ledger, NULL, NULL), LLMP_OK);
    for (int i = 0; i < QUEUE; i++) {
        (void)snprintf(id, sizeof(id), "r%d", i);
        assert_int_equal(begin(set, id, &at), LLMP_OK);
        assert_int_equal(end(set, id, at), LLMP_OK);
    }
    assert_int_equal(begin(set, "late", &at), LLMP_FULL);
    assert_int_equal(end(set, "late", 0), LLMP_FULL);
    pump(set);
    assert_int_equal(booked(set), 7 * QUEUE);
    llmp_ledger_free(set->ledger);
    set->ledger = ledger;
}

/* The row waits in the queue and its intent in the journal. */
static void a_full_journal_leaves_the_intent_until_the_commit(void **state)
{
    struct set *set = *state;
    struct llmp_str filler = LLMP_STR("filler");
    llmp_journal_at a, at;

    assert_int_equal(begin(set, "a", &a), LLMP_OK);
    for (;;) {
        int rc = llmp_journal_append(set->journal, LLMP_JOURNAL_OUTCOME,
                                     &filler, 1, 0, &at);

        if (rc == LLMP_FULL &&
            llmp_journal_prepare(set->journal, 1, 2) == LLMP_FULL)
            break;
    }
    assert_int_equal(end(set, "a", a), LLMP_AGAIN);
    uint64_t before = open_records(set);

    pump(set);
    assert_int_equal(open_records(set), before - 1);
    assert_rows(set, "a:1 ");
}

/* ---- bytes --------------------------------------------------------------- */

/* clang-format off */
#define UP_TO_PRICES                                                        \
    1, 1, 'U', 'S', 'D',                                 /* basis, cost … */ \
    0xE8, 3, 0, 0, 0, 0, 0, 0,                           /* wall time */    \
    10, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0,     /* input, cached */ \
    5, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0,      /* output, reasoning */ \
    1, 0, 0, 0, 0, 0, 0, 0,                              /* requests */     \
    0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,      /* cost: -1 */     \
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,      /* reserved */     \
    0, 0, 0, 0, 0, 0, 0, 0,                              /* reserved cost */ \
    2, 0, 'i', 'd', 5, 0, 'k', 'e', 'y', '-', '1',       /* id, key */      \
    3, 0, 'a', 'n', 'n', 3, 0, 'r', 'e', 'd',            /* user, team */   \
    0, 0, 3, 0, 'g', 'p', 't',                           /* org, model */   \
    10, 0, 'o', 'p', 'e', 'n', 'a', 'i', '/', 'g', 'p', 't', /* deployment */ \
    4, 0, 'c', 'h', 'a', 't',                            /* operation */    \
    8, 0, 'c', 'o', 'm', 'p', 'l', 'e', 't', 'e',        /* status */       \
    7, 0, '2', '0', '2', '6', '-', '0', '1'              /* prices */
#define COUNTER                                                             \
    1, 1, 0, 'c', 9, 0, 0, 0, 0, 0, 0, 0,                                   \
    0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF       /* -2 */

static const uint8_t golden[] = {
    2, UP_TO_PRICES, 6, 0, 'r', 'e', 's', 'p', '_', '1', COUNTER
};
static const uint8_t golden_1[] = { 1, UP_TO_PRICES, COUNTER };
/* clang-format on */

static void an_entry_has_the_golden_bytes(void **state)
{
    struct llmp_ledger_row row = usage_row("id");
    const struct llmp_counter_add add = { LLMP_STR("c"), 9, -2 };
    const struct llmp_ledger_entry entry = { &row, &add, 1 };
    uint8_t bytes[LLMP_LEDGER_BYTES_MAX];
    struct llmp_ledger_decoded decoded;
    (void)state;

    row.org.len = 0;
    row.cost_nano = -1;
    assert_int_equal(llmp_ledger_encode(&entry, bytes), sizeof(golden));
    assert_memory_equal(bytes, golden, sizeof(golden));
    assert_true(llmp_ledger_decode(
        &decoded, (struct llmp_str){ (const char *)golden, sizeof(golden) }));
    assert_int_equal(llmp_ledger_encode(&decoded.entry, bytes), sizeof(golden));
    assert_memory_equal(bytes, golden, sizeof(golden));
}

/* What an earlier version left in its journal is booked by this one. */
static void an_entry_of_version_1_is_read(void **state)
{
    struct llmp_ledger_decoded decoded;
    (void)state;

    assert_true(
        llmp_ledger_decode(&decoded, (struct llmp_str){ (const char *)golden_1,
                                                        sizeof(golden_1) }));
    assert_true(llmp_str_eq(decoded.row.status, LLMP_STR("complete")));
    assert_int_equal(decoded.row.object.len, 0);
    assert_int_equal(decoded.entry.counter_count, 1);
}

static void no_prefix_of_an_entry_is_one(void **state)
{
    struct llmp_ledger_decoded decoded;
    (void)state;

    for (size_t len = 0; len < sizeof(golden); len++) {
        char *copy = malloc(len + 1);

        memcpy(copy, golden, len);
        assert_false(
            llmp_ledger_decode(&decoded, (struct llmp_str){ copy, len }));
        free(copy);
    }
}

static void without_memory_there_is_no_ledger(void **state)
{
    struct set *set = *state;
    struct llmp_ledger *ledger = NULL;

    faulty_heap_arm(0);
    assert_int_equal(
        llmp_ledger_new(&ledger, set->journal, set->writer, NULL, NULL),
        LLMP_E_NOMEM);
    assert_null(ledger);
    faulty_heap_off();
}

/* No memory for the queue: the outcome waits in the journal. */
static void without_memory_an_end_comes_later(void **state)
{
    struct set *set = *state;
    llmp_journal_at at;

    assert_int_equal(begin(set, "a", &at), LLMP_OK);
    faulty_heap_arm(0);
    assert_int_equal(end(set, "a", at), LLMP_OK);
    faulty_heap_off();
    pump(set);
    assert_rows(set, "a:1 ");
}

#define ON_A_SET(test) \
    cmocka_unit_test_setup_teardown(test, open_set, close_set)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_SET(an_exchange_is_booked_as_it_ended),
        ON_A_SET(what_does_not_fit_the_queue_comes_later),
        ON_A_SET(a_row_that_is_refused_leaves_the_journal),
        ON_A_SET(an_intent_without_outcome_is_unknown_once),
        ON_A_SET(lost_marks_book_nothing_twice),
        ON_A_SET(committed_but_not_settled_books_nothing_twice),
        ON_A_SET(more_than_the_queue_holds_is_recovered),
        ON_A_SET(what_is_no_entry_is_counted),
        ON_A_SET(the_policy_decides),
        ON_A_SET(without_a_journal_the_queue_is_all),
        ON_A_SET(a_full_journal_leaves_the_intent_until_the_commit),
        cmocka_unit_test(an_entry_has_the_golden_bytes),
        cmocka_unit_test(an_entry_of_version_1_is_read),
        cmocka_unit_test(no_prefix_of_an_entry_is_one),
        ON_A_SET(without_memory_there_is_no_ledger),
        ON_A_SET(without_memory_an_end_comes_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
