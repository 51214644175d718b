/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program to be killed: books exchanges from several threads and says on its
 * output what it has begun and what was acknowledged, a line each, by one
 * write() after the call returned. tests/crash/run.py kills it.
 *
 * usage: crash_writer run FOLDER ROUND    until it is killed
 *        crash_writer check FOLDER        recovers, then prints every row
 */
#include <llmproxy/runtime.h>
#include <llmproxy/store.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { THREADS = 3, HELD = 4, SPENT = 7, RESERVED = 100 };

struct program {
    struct llmp_store_thread *store;
    struct llmp_journal_file *journal;
    const char *round;
    char database[512], folder[512];
};

static struct program program;

static void die(const char *what, const struct llmp_error *err)
{
    fprintf(stderr, "%s: %s\n", what, err->message);
    exit(1);
}

static void fill_random(void *bytes, size_t size, void *ctx)
{
    (void)ctx;
    if (getrandom(bytes, size, 0) != (ssize_t)size)
        abort();
}

static struct llmp_store *open_store(void)
{
    struct llmp_store_sqlite_options opts;
    struct llmp_store *store = NULL;
    struct llmp_error err;

    llmp_store_sqlite_options_init(&opts);
    opts.path = program.database;
    if (llmp_store_open_sqlite(&store, &opts, &err) != LLMP_OK)
        die("store", &err);
    return store;
}

/* Small sizes: segments and queue fill up and begin anew in every round. */
static void start(void)
{
    struct llmp_journal_file_options journal;
    struct llmp_store_thread_options opts;
    struct llmp_store_writer_options writer;
    struct llmp_ledger_options ledger;
    struct llmp_error err;

    llmp_journal_file_options_init(&journal);
    journal.folder = program.folder;
    journal.segment_size = 128 << 10;
    journal.segments_max = 8;
    journal.random.fill = fill_random;
    if (llmp_journal_file_open(&program.journal, &journal, llmp_clock().wall_ns,
                               &err) != LLMP_OK)
        die("journal", &err);
    llmp_store_writer_options_init(&writer);
    writer.items_max = 200;
    llmp_ledger_options_init(&ledger);
    ledger.on_store_failure = LLMP_STORE_REFUSE;
    llmp_store_thread_options_init(&opts);
    opts.journal = program.journal;
    opts.writer = &writer;
    opts.ledger = &ledger;
    if (llmp_store_thread_start(&program.store, open_store(), &opts, &err) !=
        LLMP_OK)
        die("thread", &err);
}

static struct llmp_ledger_row new_row(const char *id,
                                      enum llmp_usage_basis basis)
{
    return (struct llmp_ledger_row){
        .size = sizeof(struct llmp_ledger_row),
        .id = { id, strlen(id) },
        .wall_ns = llmp_clock().wall_ns,
        .key = LLMP_STR("key"),
        .model = LLMP_STR("model"),
        .basis = basis,
        .requests = 1,
        .input = basis == LLMP_USAGE_REPORTED ? 10 : 0,
        .reserved_input = 50,
    };
}

static void say(char what, const char *id)
{
    char line[64];
    int len = snprintf(line, sizeof(line), "%c %s\n", what, id);

    if (write(STDOUT_FILENO, line, (size_t)len) != len)
        exit(1);
}

static void begin(const char *id, llmp_journal_at *at)
{
    const struct llmp_ledger_row row = new_row(id, LLMP_USAGE_UNKNOWN);
    const struct llmp_counter_add add = { LLMP_STR("spend"), 0, RESERVED };
    const struct llmp_ledger_entry entry = { &row, &add, 1 };
    int rc;

    while ((rc = llmp_ledger_begin(llmp_store_thread_ledger(program.store),
                                   &entry, at, NULL)) == LLMP_FULL)
        (void)sched_yield();
    if (rc != LLMP_OK)
        exit(1);
    say('B', id);
}

static void end(const char *id, llmp_journal_at at)
{
    const struct llmp_ledger_row row = new_row(id, LLMP_USAGE_REPORTED);
    const struct llmp_counter_add add = { LLMP_STR("spend"), 0, SPENT };
    const struct llmp_ledger_entry entry = { &row, &add, 1 };
    int rc;

    while ((rc = llmp_ledger_end(llmp_store_thread_ledger(program.store), at,
                                 &entry, NULL)) == LLMP_FULL)
        (void)sched_yield();
    if (rc < 0)
        exit(1);
    /* LLMP_AGAIN promises less. */
    say(rc == LLMP_OK ? 'E' : 'Q', id);
}

/* Some are always open; each ends after a few others have begun. */
static void *exchanges(void *ctx)
{
    char ids[HELD][32] = { { 0 } };
    llmp_journal_at at[HELD];

    for (unsigned i = 0;; i++) {
        unsigned slot = (i * 3) % HELD;

        if (ids[slot][0])
            end(ids[slot], at[slot]);
        (void)snprintf(ids[slot], sizeof(ids[slot]), "%s-%d-%u", program.round,
                       *(const int *)ctx, i);
        begin(ids[slot], &at[slot]);
    }
    return NULL;
}

static void run(void)
{
    static const int numbers[THREADS] = { 0, 1, 2 };
    pthread_t threads[THREADS];

    start();
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, exchanges,
                           (void *)(uintptr_t)&numbers[i]) != 0)
            exit(1);
    for (;;)
        (void)pause();
}

static int print_row(const struct llmp_ledger_row *row, uint64_t seq, void *ctx)
{
    *(uint64_t *)ctx = seq;
    printf("R %.*s %d %lld %lld\n", (int)row->id.len, row->id.ptr,
           (int)row->basis, (long long)row->input,
           (long long)row->reserved_input);
    return 0;
}

static void check(void)
{
    struct llmp_ledger_query query;
    struct llmp_journal_stats stats;
    struct llmp_counter counter;
    struct llmp_store *store;
    uint64_t after = 0;

    start();
    llmp_store_thread_stop(program.store, 60000);
    llmp_journal_stats(llmp_journal_file_journal(program.journal), &stats);
    llmp_journal_file_close(program.journal);
    store = open_store();
    llmp_ledger_query_init(&query);
    query.rows_max = LLMP_STORE_ROWS_MAX;
    do {
        query.after_seq = after;
        if (llmp_store_ledger_rows(store, &query, print_row, &after, NULL) !=
            LLMP_OK)
            exit(1);
    } while (after != query.after_seq);
    if (llmp_store_counter(store, LLMP_STR("spend"), 0, 0, &counter, NULL) !=
        LLMP_OK)
        exit(1);
    printf("C %lld\nJ %llu\n", (long long)counter.used,
           (unsigned long long)(stats.intents_open + stats.outcomes_open));
    llmp_store_close(store);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    (void)snprintf(program.database, sizeof(program.database), "%s/store.db",
                   argv[2]);
    (void)snprintf(program.folder, sizeof(program.folder), "%s/journal",
                   argv[2]);
    if (strcmp(argv[1], "run") == 0 && argc == 4) {
        program.round = argv[3];
        run();
    }
    check();
    return 0;
}
