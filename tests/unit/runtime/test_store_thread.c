/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the thread commits what is queued without being asked, runs jobs, goes
 * on when the store works again, and is stopped in time.
 * Method: a store on script behind it; a semaphore that a job posts says when
 * what was queued before it has been committed. Run under TSan too.
 */
#include <llmproxy/runtime.h>
#include <llmproxy/store.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/internal.h"
#include "base/str.h"
#include "faulty_heap.h"
#include "store/scripted_store.h"
#include "store/store_fixture.h"

struct set {
    struct scripted_store script;
    struct llmp_store *kept; /* another connection to the same data */
    struct llmp_journal_file *journal;
    struct llmp_store_thread *thread;
    char folder[64];
};

static struct set set;

static void fill_random(void *bytes, size_t size, void *ctx)
{
    (void)ctx;
    memset(bytes, 0x5A, size);
}

static void start(void)
{
    struct llmp_journal_file_options journal;
    struct llmp_store_thread_options opts;
    struct llmp_store_writer_options writer;
    struct llmp_ledger_options ledger;
    struct llmp_store *store = scripted_store_open(&set.script);

    llmp_store_close(set.script.inner);
    assert_int_equal(llmp_store_open_again(&set.script.inner, set.kept, NULL),
                     LLMP_OK);
    llmp_journal_file_options_init(&journal);
    journal.folder = set.folder;
    journal.segment_size = 4 << 20;
    journal.segments_max = 16;
    journal.random.fill = fill_random;
    assert_int_equal(llmp_journal_file_open(&set.journal, &journal, 1, NULL),
                     LLMP_OK);
    llmp_store_thread_options_init(&opts);
    llmp_store_writer_options_init(&writer);
    writer.items_max = 64;
    writer.retry_min_ms = writer.retry_max_ms = 5;
    opts.journal = set.journal;
    opts.writer = &writer;
    llmp_ledger_options_init(&ledger);
    ledger.on_store_failure = LLMP_STORE_REFUSE;
    opts.ledger = &ledger;
    assert_int_equal(llmp_store_thread_start(&set.thread, store, &opts, NULL),
                     LLMP_OK);
}

static void stop(uint64_t patience_ms)
{
    llmp_store_thread_stop(set.thread, patience_ms);
    llmp_journal_file_close(set.journal);
}

static int open_set(void **state)
{
    (void)state;
    memset(&set, 0, sizeof(set));
    store_fixture_folder(set.folder);
    return llmp_store_open_memory(&set.kept, NULL);
}

static int close_set(void **state)
{
    (void)state;
    llmp_store_close(set.kept);
    store_fixture_remove(set.folder);
    return 0;
}

static int64_t booked(void)
{
    struct llmp_counter out;

    assert_int_equal(
        llmp_store_counter(set.kept, LLMP_STR("spend"), 1, 0, &out, NULL),
        LLMP_OK);
    return out.used;
}

static int begin(const char *id, llmp_journal_at *at)
{
    struct llmp_ledger_row row = usage_row(id);
    const struct llmp_counter_add add = { LLMP_STR("spend"), 1, 100 };
    const struct llmp_ledger_entry entry = { &row, &add, 1 };

    row.basis = LLMP_USAGE_UNKNOWN;
    return llmp_ledger_begin(llmp_store_thread_ledger(set.thread), &entry, at,
                             NULL);
}

static int end(const char *id, llmp_journal_at at)
{
    struct llmp_ledger_row row = usage_row(id);
    const struct llmp_counter_add add = { LLMP_STR("spend"), 1, 7 };
    const struct llmp_ledger_entry entry = { &row, &add, 1 };

    return llmp_ledger_end(llmp_store_thread_ledger(set.thread), at, &entry,
                           NULL);
}

struct job {
    struct llmp_store_job job; /* first */
    sem_t done;
};

static int run_job(struct llmp_store_job *job, struct llmp_store *store,
                   struct llmp_error *err)
{
    (void)job;
    (void)store;
    (void)err;
    return LLMP_OK;
}

static void job_done(struct llmp_store_job *job, int status,
                     const struct llmp_error *err)
{
    (void)status;
    (void)err;
    (void)sem_post(&((struct job *)job)->done);
}

/* Waits until what was queued has been committed. */
static void wait_for_commits(void)
{
    struct job job = { { NULL, run_job, job_done }, { { 0 } } };

    assert_int_equal(sem_init(&job.done, 0, 0), 0);
    llmp_store_writer_job(llmp_store_thread_writer(set.thread), &job.job);
    assert_int_equal(sem_wait(&job.done), 0);
    (void)sem_destroy(&job.done);
}

static void exchanges(const char *prefix, int count)
{
    for (int i = 0; i < count; i++) {
        llmp_journal_at at;
        char id[24];

        (void)snprintf(id, sizeof(id), "%s-%d", prefix, i);
        /* Full for a moment while a file is made: tried again. */
        while (begin(id, &at) == LLMP_FULL)
            (void)sched_yield();
        while (end(id, at) == LLMP_FULL)
            (void)sched_yield();
    }
}

static void what_is_queued_is_committed(void **state)
{
    (void)state;
    start();
    exchanges("a", 20);
    wait_for_commits();
    assert_int_equal(booked(), 140);
    /* It sleeps now, and is woken again. */
    exchanges("b", 1);
    wait_for_commits();
    assert_int_equal(booked(), 147);
    stop(1000);
}

static void stopping_commits_the_rest(void **state)
{
    (void)state;
    start();
    exchanges("a", 300); /* more than the queue holds */
    stop(5000);
    assert_int_equal(booked(), 2100);
}

static void *let_go(void *ctx)
{
    const struct timespec a_while = { .tv_nsec = 100 * 1000 * 1000 };

    (void)ctx;
    (void)nanosleep(&a_while, NULL);
    atomic_store(&set.script.held, false);
    return NULL;
}

/* It stops while a commit is under way: what came meanwhile is not left, be it
 * in the queue or, because that was full, in the journal. */
static void what_comes_during_the_last_commit_is_committed(void **state)
{
    pthread_t thread;
    (void)state;

    start();
    atomic_store(&set.script.held, true);
    exchanges("a", 1);
    while (atomic_load(&set.script.commits) == 0)
        (void)sched_yield();
    exchanges("b", 300);
    assert_int_equal(pthread_create(&thread, NULL, let_go, NULL), 0);
    stop(20000);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(booked(), 301 * 7);
}

static void a_store_that_fails_is_tried_again(void **state)
{
    (void)state;
    start();
    atomic_store(&set.script.answer, LLMP_E_IO);
    exchanges("a", 300);
    assert_int_equal(booked(), 0);
    atomic_store(&set.script.answer, LLMP_OK);
    stop(5000);
    assert_int_equal(booked(), 2100);
}

static void what_could_not_be_committed_comes_with_the_next_start(void **state)
{
    const struct llmp_time before = llmp_clock();
    llmp_journal_at at;
    (void)state;

    start();
    atomic_store(&set.script.answer, LLMP_E_IO);
    exchanges("a", 300);
    assert_int_equal(begin("open", &at), LLMP_OK);
    stop(50);
    assert_int_equal(booked(), 0);
    assert_true(llmp_clock().mono_ns - before.mono_ns < 5 * LLMP_NS_PER_S);

    atomic_store(&set.script.answer, LLMP_OK);
    start();
    stop(5000);
    assert_int_equal(booked(), 2200);
    start();
    stop(5000);
    assert_int_equal(booked(), 2200);
}

static void *run_exchanges(void *ctx)
{
    exchanges(ctx, 1500);
    return NULL;
}

static void many_threads_book_at_once(void **state)
{
    static char names[][4] = { "t1", "t2", "t3" };
    pthread_t threads[3];
    (void)state;

    start();
    for (int i = 0; i < 3; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, run_exchanges, names[i]), 0);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    stop(20000);
    assert_int_equal(booked(), 3 * 1500 * 7);
}

static void without_memory_there_is_no_thread(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct llmp_store *store;
        struct llmp_store_thread *thread = NULL;
        int rc;

        faulty_heap_arm(n);
        faulty_heap_pause(1);
        assert_int_equal(llmp_store_open_memory(&store, NULL), LLMP_OK);
        faulty_heap_pause(0);
        rc = llmp_store_thread_start(&thread, store, NULL, NULL);
        faulty_heap_pause(1);
        llmp_store_thread_stop(thread, 0);
        assert_int_equal(faulty_heap_live(), 0); /* the store is gone, too */
        faulty_heap_off();
        if (rc == LLMP_OK) {
            assert_true(n > 3);
            return;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_null(thread);
    }
}

#define ON_A_SET(test) \
    cmocka_unit_test_setup_teardown(test, open_set, close_set)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ON_A_SET(what_is_queued_is_committed),
        ON_A_SET(stopping_commits_the_rest),
        ON_A_SET(what_comes_during_the_last_commit_is_committed),
        ON_A_SET(a_store_that_fails_is_tried_again),
        ON_A_SET(what_could_not_be_committed_comes_with_the_next_start),
        ON_A_SET(many_threads_book_at_once),
        cmocka_unit_test(without_memory_there_is_no_thread),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
