/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every row that was taken is committed once, in order, and reported
 * once; a store that fails loses nothing and holds nobody; a full queue says
 * so.
 * Method: time is a number; the store answers as scripted; threads queue while
 * one pumps. Run under TSan too.
 */
#include <pthread.h>
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
#include "store_fixture.h"

#define MS LLMP_NS_PER_MS

struct set {
    struct scripted_store script;
    struct llmp_store *store;
    struct llmp_store_writer *writer;
    int ok, state, other; /* how rows ended */
    int wakes;
    struct llmp_buf seen;
};

static void count_wake(void *ctx)
{
    ++((struct set *)ctx)->wakes;
}

static struct set *open_with(uint32_t items_max, uint32_t batch_max)
{
    struct set *set = calloc(1, sizeof(*set));
    struct llmp_store_writer_options opts;

    set->store = scripted_store_open(&set->script);
    llmp_store_writer_options_init(&opts);
    opts.items_max = items_max;
    opts.batch_max = batch_max;
    opts.wake = count_wake;
    opts.wake_ctx = set;
    assert_int_equal(
        llmp_store_writer_new(&set->writer, set->store, &opts, NULL), LLMP_OK);
    return set;
}

static int open_set(void **state)
{
    *state = open_with(100, 10);
    return 0;
}

static int close_set(void **state)
{
    struct set *set = *state;

    llmp_store_writer_free(set->writer);
    llmp_buf_fini(&set->seen);
    free(set);
    return 0;
}

static void note_done(int status, void *ctx)
{
    struct set *set = ctx;

    set->ok += status == LLMP_OK;
    set->state += status == LLMP_E_STATE;
    set->other += status != LLMP_OK && status != LLMP_E_STATE;
}

static int queue(struct set *set, const char *id)
{
    struct llmp_ledger_row row = usage_row(id);
    const struct llmp_counter_add adds[] = { { LLMP_STR("a"), 1, 2 },
                                             { LLMP_STR("b"), 1, 3 } };
    const struct llmp_ledger_entry entry = { &row, adds, 2 };

    return llmp_store_writer_row(set->writer, &entry, note_done, set, NULL);
}

static int queue_number(struct set *set, int number)
{
    char id[16];

    (void)snprintf(id, sizeof(id), "r%d", number);
    return queue(set, id);
}

static int note_row(const struct llmp_ledger_row *row, uint64_t seq, void *ctx)
{
    struct set *set = ctx;

    (void)seq;
    llmp_buf_printf(&set->seen, "%.*s ", (int)row->id.len, row->id.ptr);
    return 0;
}

static void assert_rows(struct set *set, const char *expected)
{
    struct llmp_ledger_query query;

    llmp_ledger_query_init(&query);
    set->seen.len = 0;
    assert_int_equal(
        llmp_store_ledger_rows(set->store, &query, note_row, set, NULL),
        LLMP_OK);
    assert_true(llmp_buf_add(&set->seen, (struct llmp_str){ "", 1 }));
    assert_string_equal(set->seen.ptr, expected);
}

static struct llmp_store_health health(const struct set *set)
{
    struct llmp_store_health out;

    llmp_store_writer_health(set->writer, &out);
    return out;
}

static int64_t counter(struct set *set, const char *name)
{
    struct llmp_counter out;

    assert_int_equal(
        llmp_store_counter(set->store, llmp_str_of(name), 1, 0, &out, NULL),
        LLMP_OK);
    return out.used;
}

/* ---- committing ---------------------------------------------------------- */

static void what_has_come_together_is_one_commit(void **state)
{
    struct set *set = *state;

    assert_int_equal(llmp_store_writer_pump(set->writer, 0), UINT64_MAX);
    for (int i = 0; i < 4; i++)
        assert_int_equal(queue_number(set, i), LLMP_OK);
    assert_int_equal(set->wakes, 4);
    assert_int_equal(health(set).items, 4);
    assert_int_equal(set->ok, 0);
    assert_int_equal(llmp_store_writer_pump(set->writer, 0), UINT64_MAX);
    assert_int_equal(set->ok, 4);
    assert_int_equal(set->script.commits, 1);
    assert_rows(set, "r0 r1 r2 r3 ");
    assert_int_equal(counter(set, "a"), 8);
    assert_int_equal(counter(set, "b"), 12);
    assert_int_equal(health(set).items, 0);
    assert_int_equal(health(set).bytes, 0);
    assert_int_equal(health(set).committed, 4);
}

static void a_batch_has_an_end(void **state)
{
    struct set *set = *state;

    for (int i = 0; i < 25; i++)
        assert_int_equal(queue_number(set, i), LLMP_OK);
    assert_int_equal(llmp_store_writer_pump(set->writer, 0), 0);
    assert_int_equal(llmp_store_writer_pump(set->writer, 0), 0);
    assert_int_equal(llmp_store_writer_pump(set->writer, 0), UINT64_MAX);
    assert_int_equal(set->script.largest, 10);
    assert_int_equal(set->ok, 25);
}

static void events_are_queued_too(void **state)
{
    struct set *set = *state;
    const struct llmp_store_event event = { .id = LLMP_STR("e1"),
                                            .actor = LLMP_STR("root"),
                                            .action = LLMP_STR("login"),
                                            .after = LLMP_STR("{}") };

    for (int i = 0; i < 2; i++)
        assert_int_equal(
            llmp_store_writer_event(set->writer, &event, note_done, set, NULL),
            LLMP_OK);
    assert_int_equal(llmp_store_writer_pump(set->writer, 0), UINT64_MAX);
    assert_int_equal(set->ok, 2);
}

static void a_full_queue_says_so(void **state)
{
    struct set *set = *state;
    int taken = 0;

    while (queue_number(set, taken) == LLMP_OK)
        taken++;
    assert_int_equal(taken, 100);
    assert_int_equal(queue(set, "late"), LLMP_FULL);
    assert_int_equal(health(set).full, 2);
    assert_int_equal(health(set).items, 100);
    assert_false(health(set).has_room);
    assert_int_equal(llmp_store_writer_pump(set->writer, 0), 0);
    assert_int_equal(queue(set, "late"), LLMP_OK);
    assert_true(health(set).has_room);
}

static void bad_rows_are_refused_at_once(void **state)
{
    struct set *set = *state;
    struct llmp_ledger_row row = usage_row("");
    const struct llmp_ledger_entry entry = { &row, NULL, 0 };

    assert_int_equal(
        llmp_store_writer_row(set->writer, &entry, note_done, set, NULL),
        LLMP_E_INVALID);
    assert_int_equal(health(set).items, 0);
}

/* ---- failing ------------------------------------------------------------- */

static void what_fails_is_tried_again_later_and_later(void **state)
{
    static const uint64_t pauses_ms[] = { 100,  200,  400,   800,  1600,
                                          3200, 6400, 10000, 10000 };
    struct set *set = *state;
    uint64_t now = 5 * MS;

    atomic_store(&set->script.answer, LLMP_E_IO);
    assert_int_equal(queue(set, "r1"), LLMP_OK);
    for (size_t i = 0; i < LLMP_COUNT(pauses_ms); i++) {
        assert_int_equal(llmp_store_writer_pump(set->writer, now),
                         pauses_ms[i] * MS);
        assert_int_equal(set->script.commits, i + 1);
        assert_int_equal(health(set).state, LLMP_STORE_FAILS);
        assert_int_equal(health(set).failing_since_ns, 5 * MS);
        /* Woken in between, it does not try. */
        assert_int_equal(
            llmp_store_writer_pump(set->writer, now + pauses_ms[i] * MS - 1),
            1);
        assert_int_equal(set->script.commits, i + 1);
        now += pauses_ms[i] * MS;
    }
    assert_int_equal(queue(set, "r2"), LLMP_OK);
    atomic_store(&set->script.answer, LLMP_OK);
    assert_int_equal(llmp_store_writer_pump(set->writer, now), UINT64_MAX);
    assert_int_equal(health(set).state, LLMP_STORE_WORKS);
    assert_int_equal(health(set).failing_since_ns, 0);
    assert_rows(set, "r1 r2 ");
    assert_int_equal(set->ok, 2);
}

static void a_dead_store_is_left_alone(void **state)
{
    struct set *set = *state;

    atomic_store(&set->script.answer, LLMP_E_IO);
    atomic_store(&set->script.dead, true);
    assert_int_equal(queue(set, "r1"), LLMP_OK);
    assert_int_equal(llmp_store_writer_pump(set->writer, 0), UINT64_MAX);
    assert_int_equal(llmp_store_writer_pump(set->writer, 1000000 * MS),
                     UINT64_MAX);
    assert_int_equal(set->script.commits, 1);
    assert_int_equal(health(set).state, LLMP_STORE_DEAD);
    assert_int_equal(health(set).items, 1);
}

static void a_poisoned_row_leaves_alone(void **state)
{
    struct set *set = *state;

    set->script.poison = "r2";
    for (int i = 0; i < 5; i++)
        assert_int_equal(queue_number(set, i), LLMP_OK);
    assert_int_equal(llmp_store_writer_pump(set->writer, 0), UINT64_MAX);
    assert_rows(set, "r0 r1 r3 r4 ");
    assert_int_equal(set->ok, 4);
    assert_int_equal(set->other, 1);
    assert_int_equal(health(set).refused, 1);
    assert_int_equal(health(set).state, LLMP_STORE_WORKS);
}

static void what_waits_at_the_end_is_reported(void **state)
{
    struct set *set = open_with(100, 10);
    (void)state;

    atomic_store(&set->script.answer, LLMP_E_IO);
    assert_int_equal(queue(set, "r1"), LLMP_OK);
    assert_int_equal(llmp_store_writer_pump(set->writer, 0), 100 * MS);
    assert_int_equal(queue(set, "r2"), LLMP_OK);
    llmp_store_writer_free(set->writer);
    assert_int_equal(set->state, 2);
    free(set);
}

/* ---- jobs ---------------------------------------------------------------- */

struct job {
    struct llmp_store_job job; /* first */
    struct set *set;
    const char *expected; /* what it reads */
    int ran, status;
};

static int run_job(struct llmp_store_job *job, struct llmp_store *store,
                   struct llmp_error *err)
{
    struct job *self = (struct job *)job;

    (void)err;
    assert_ptr_equal(store, self->set->store);
    self->ran++;
    assert_rows(self->set, self->expected);
    return LLMP_MISS;
}

static void job_done(struct llmp_store_job *job, int status,
                     const struct llmp_error *err)
{
    struct job *self = (struct job *)job;

    (void)err;
    self->status = status;
}

static struct job new_job(struct set *set, const char *expected)
{
    return (struct job){ { NULL, run_job, job_done }, set, expected, 0, 99 };
}

static void a_job_sees_what_was_queued_before_it(void **state)
{
    struct set *set = *state;
    struct job job = new_job(set, "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 ");

    for (int i = 0; i < 12; i++)
        assert_int_equal(queue_number(set, i), LLMP_OK);
    llmp_store_writer_job(set->writer, &job.job);
    assert_int_equal(llmp_store_writer_pump(set->writer, 0), 0);
    assert_int_equal(job.ran, 0);
    assert_int_equal(llmp_store_writer_pump(set->writer, 0), UINT64_MAX);
    assert_int_equal(job.ran, 1);
    assert_int_equal(job.status, LLMP_MISS);
}

static void rows_that_keep_coming_do_not_hold_a_job(void **state)
{
    struct set *set = *state;
    struct job job = new_job(set, "r0 r1 r2 r3 r4 r5 r6 r7 r8 r9 r10 r11 r12 "
                                  "r13 r14 r15 r16 r17 r18 r19 ");
    int number = 0;

    while (number < 12)
        assert_int_equal(queue_number(set, number++), LLMP_OK);
    llmp_store_writer_job(set->writer, &job.job);
    for (int i = 0; i < 2; i++) {
        (void)llmp_store_writer_pump(set->writer, 0);
        for (int j = 0; j < 10; j++)
            assert_int_equal(queue_number(set, number++), LLMP_OK);
    }
    assert_int_equal(job.ran, 1);
}

static void a_failing_store_does_not_hold_a_job(void **state)
{
    struct set *set = *state;
    struct job job = new_job(set, "");

    atomic_store(&set->script.answer, LLMP_E_IO);
    assert_int_equal(queue(set, "r1"), LLMP_OK);
    llmp_store_writer_job(set->writer, &job.job);
    (void)llmp_store_writer_pump(set->writer, 0);
    assert_int_equal(job.ran, 1);
}

static void a_job_that_did_not_run_is_told(void **state)
{
    struct set *set = open_with(100, 10);
    struct job job = new_job(set, "");
    (void)state;

    llmp_store_writer_job(set->writer, &job.job);
    llmp_store_writer_free(set->writer);
    assert_int_equal(job.ran, 0);
    assert_int_equal(job.status, LLMP_E_STATE);
    free(set);
}

/* ---- threads ------------------------------------------------------------- */

enum { THREADS = 3, EACH = 3000 };

static struct set *shared;
static atomic_int running;

static void *produce(void *ctx)
{
    int number = (int)(intptr_t)ctx;

    for (int i = 0; i < EACH; i++) {
        struct llmp_ledger_row row;
        struct llmp_ledger_entry entry = { &row, NULL, 0 };
        const struct llmp_counter_add add = { LLMP_STR("a"), 1, 1 };
        char id[24];

        (void)snprintf(id, sizeof(id), "t%d-%d", number, i);
        row = usage_row(id);
        entry.counters = &add;
        entry.counter_count = 1;
        while (llmp_store_writer_row(shared->writer, &entry, note_done, shared,
                                     NULL) != LLMP_OK)
            ;
    }
    (void)atomic_fetch_sub(&running, 1);
    return NULL;
}

static void many_threads_queue_while_one_pumps(void **state)
{
    pthread_t threads[THREADS];
    struct llmp_store_writer_options opts;
    (void)state;

    shared = calloc(1, sizeof(*shared));
    shared->store = scripted_store_open(&shared->script);
    llmp_store_writer_options_init(&opts);
    opts.items_max = 500;
    assert_int_equal(
        llmp_store_writer_new(&shared->writer, shared->store, &opts, NULL),
        LLMP_OK);
    atomic_store(&running, THREADS);
    for (intptr_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, produce, (void *)i),
                         0);
    while (atomic_load(&running))
        (void)llmp_store_writer_pump(shared->writer, 0);
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    while (llmp_store_writer_pump(shared->writer, 0) != UINT64_MAX)
        ;
    assert_int_equal(shared->ok, THREADS * EACH);
    assert_int_equal(counter(shared, "a"), THREADS * EACH);
    assert_int_equal(health(shared).bytes, 0);
    llmp_store_writer_free(shared->writer);
    free(shared);
}

/* ---- memory -------------------------------------------------------------- */

static void memory_may_be_short(void **state)
{
    struct scripted_store script = { 0 };
    struct llmp_store *store = scripted_store_open(&script);
    struct llmp_store_writer *writer = NULL;
    struct llmp_ledger_row row = usage_row("r1");
    const struct llmp_ledger_entry entry = { &row, NULL, 0 };
    struct llmp_store_health out;
    (void)state;

    for (int n = 0; n < 2; n++) {
        faulty_heap_arm(n);
        assert_int_equal(llmp_store_writer_new(&writer, store, NULL, NULL),
                         LLMP_E_NOMEM);
        assert_null(writer);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_arm(2);
    assert_int_equal(llmp_store_writer_new(&writer, store, NULL, NULL),
                     LLMP_OK);
    assert_int_equal(llmp_store_writer_row(writer, &entry, NULL, NULL, NULL),
                     LLMP_E_NOMEM);
    llmp_store_writer_health(writer, &out);
    assert_int_equal(out.items + out.bytes, 0);
    faulty_heap_off();
    llmp_store_writer_free(writer);
}

#define ON_A_SET(test) \
    cmocka_unit_test_setup_teardown(test, open_set, close_set)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_SET(what_has_come_together_is_one_commit),
        ON_A_SET(a_batch_has_an_end),
        ON_A_SET(events_are_queued_too),
        ON_A_SET(a_full_queue_says_so),
        ON_A_SET(bad_rows_are_refused_at_once),
        ON_A_SET(what_fails_is_tried_again_later_and_later),
        ON_A_SET(a_dead_store_is_left_alone),
        ON_A_SET(a_poisoned_row_leaves_alone),
        cmocka_unit_test(what_waits_at_the_end_is_reported),
        ON_A_SET(a_job_sees_what_was_queued_before_it),
        ON_A_SET(rows_that_keep_coming_do_not_hold_a_job),
        ON_A_SET(a_failing_store_does_not_hold_a_job),
        cmocka_unit_test(a_job_that_did_not_run_is_told),
        cmocka_unit_test(many_threads_queue_while_one_pumps),
        cmocka_unit_test(memory_may_be_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
