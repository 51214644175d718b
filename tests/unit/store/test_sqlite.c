/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a SQLite file that cannot be used is refused with words that help; a
 * disk that fails loses nothing that was acknowledged and is not trusted
 * again.
 * Method: files of the wrong kind, version, mode; a file layer that fails on
 * demand; the database looked at through a connection of the test's own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/internal.h"
#include "base/str.h"
#include "faulty_heap.h"
#include "faulty_vfs.h"
#include "store_fixture.h"

struct place {
    char folder[64], path[96];
};

static struct place place;

static int new_place(void **state)
{
    (void)state;
    store_fixture_folder(place.folder);
    (void)snprintf(place.path, sizeof(place.path), "%s/store.db", place.folder);
    return 0;
}

static int remove_place(void **state)
{
    (void)state;
    faulty_vfs_fail_syncs(FAULTY_NONE);
    faulty_vfs_fail_writes(0);
    (void)chmod(place.folder, 0700);
    store_fixture_remove(place.folder);
    return 0;
}

static int open_as(struct llmp_store **out, const char *path, const char *vfs,
                   struct llmp_error *err)
{
    struct llmp_store_sqlite_options opts;

    llmp_store_sqlite_options_init(&opts);
    opts.path = path;
    opts.vfs = vfs;
    opts.busy_timeout_ms = 50;
    opts.full_check = true;
    return llmp_store_open_sqlite(out, &opts, err);
}

static void assert_refused(int status, const char *words)
{
    struct llmp_store *store = NULL;
    struct llmp_error err = { 0 };

    assert_int_equal(open_as(&store, place.path, NULL, &err), status);
    assert_null(store);
    assert_int_equal(err.status, status);
    if (!strstr(err.message, words))
        fail_msg("\"%s\" is not in \"%s\"", words, err.message);
}

static void run_sql(const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(place.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    (void)sqlite3_close(db);
}

static struct llmp_store *open_store(const char *vfs)
{
    struct llmp_store *store = NULL;

    assert_int_equal(open_as(&store, place.path, vfs, NULL), LLMP_OK);
    return store;
}

static int book(struct llmp_store *store, const char *id,
                struct llmp_error *err)
{
    struct llmp_ledger_row row = usage_row(id);
    const struct llmp_ledger_entry entry = { &row, NULL, 0 };
    struct llmp_store_op op = { .kind = LLMP_STORE_USAGE, .of.usage = &entry };

    return llmp_store_commit(store, &op, 1, err);
}

static int count_row(const struct llmp_ledger_row *row, uint64_t seq, void *ctx)
{
    (void)row;
    (void)seq;
    ++*(int *)ctx;
    return 0;
}

static int rows(struct llmp_store *store)
{
    struct llmp_ledger_query query;
    int count = 0;

    llmp_ledger_query_init(&query);
    assert_int_equal(
        llmp_store_ledger_rows(store, &query, count_row, &count, NULL),
        LLMP_OK);
    return count;
}

/* ---- opening ------------------------------------------------------------- */

static void nobody_else_may_read_it(void **state)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    struct llmp_store *store = open_store(NULL);
    (void)state;

    assert_int_equal(book(store, "r1", NULL), LLMP_OK);
    for (size_t i = 0; i < LLMP_COUNT(suffixes); i++) {
        char name[128];
        struct stat now;

        (void)snprintf(name, sizeof(name), "%s%s", place.path, suffixes[i]);
        assert_int_equal(stat(name, &now), 0);
        assert_int_equal(now.st_mode & 0777, 0600);
    }
    assert_string_equal(llmp_store_name(store), "sqlite");
    llmp_store_close(store);
}

static void what_was_written_is_there_when_opened_again(void **state)
{
    struct llmp_store *store = open_store(NULL);
    (void)state;

    assert_int_equal(book(store, "r1", NULL), LLMP_OK);
    llmp_store_close(store);
    store = open_store(NULL);
    assert_int_equal(rows(store), 1);
    llmp_store_close(store);
}

static void a_missing_folder_is_named(void **state)
{
    (void)state;
    (void)snprintf(place.path, sizeof(place.path), "%s/none/store.db",
                   place.folder);
    assert_refused(LLMP_E_NOT_FOUND, "/none/store.db cannot be made: No such");
}

static void names_that_are_no_files_are_refused(void **state)
{
    struct llmp_store *store;
    (void)state;

    assert_int_equal(open_as(&store, ":memory:", NULL, NULL), LLMP_E_INVALID);
    assert_int_equal(open_as(&store, "", NULL, NULL), LLMP_E_INVALID);
    assert_int_equal(open_as(&store, NULL, NULL, NULL), LLMP_E_INVALID);
}

static void another_kind_of_file_is_refused(void **state)
{
    int fd = open(place.path, O_CREAT | O_WRONLY, 0600);
    char text[4096];
    (void)state;

    memset(text, 'x', sizeof(text));
    assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
    (void)close(fd);
    assert_refused(LLMP_E_CORRUPT, "not a database");
}

static void another_programs_database_is_refused(void **state)
{
    (void)state;
    run_sql("CREATE TABLE t (a); PRAGMA user_version = 1");
    assert_refused(LLMP_E_CORRUPT, "another program");
}

static void a_later_version_is_refused(void **state)
{
    (void)state;
    llmp_store_close(open_store(NULL));
    run_sql("PRAGMA user_version = 1000");
    assert_refused(LLMP_E_UNSUPPORTED, "has schema 1000");
}

static int keep_object(const struct llmp_ledger_row *row, uint64_t seq,
                       void *ctx)
{
    char *text = ctx;

    (void)seq;
    (void)snprintf(text + strlen(text), 64 - strlen(text), "%.*s=%.*s ",
                   (int)row->id.len, row->id.ptr, (int)row->object.len,
                   row->object.ptr);
    return 0;
}

/* As version 1 left it; its rows stay, and new ones have what is new. */
static void an_earlier_version_is_migrated(void **state)
{
    struct llmp_ledger_query query;
    struct llmp_store *store;
    char seen[64] = "";
    (void)state;

    store = open_store(NULL);
    assert_int_equal(book(store, "r1", NULL), LLMP_OK);
    llmp_store_close(store);
    run_sql("DROP INDEX usage_object; ALTER TABLE usage DROP COLUMN object;"
            "PRAGMA user_version = 1");
    store = open_store(NULL);
    assert_int_equal(book(store, "r2", NULL), LLMP_OK);
    llmp_ledger_query_init(&query);
    assert_int_equal(
        llmp_store_ledger_rows(store, &query, keep_object, seen, NULL),
        LLMP_OK);
    assert_string_equal(seen, "r1= r2=resp_1 ");
    llmp_store_close(store);
}

/* A look for an object must not read the ledger. */
static void an_object_is_found_by_an_index(void **state)
{
    sqlite3_stmt *plan = NULL;
    sqlite3 *db;
    (void)state;

    llmp_store_close(open_store(NULL));
    assert_int_equal(sqlite3_open(place.path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db,
                           "EXPLAIN QUERY PLAN SELECT seq FROM usage "
                           "WHERE wall_ns >= ?1 AND wall_ns < ?2 "
                           "AND seq > ?3 AND object = ?4 ORDER BY seq LIMIT 1",
                           -1, &plan, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(plan), SQLITE_ROW);
    assert_non_null(
        strstr((const char *)sqlite3_column_text(plan, 3), "usage_object"));
    (void)sqlite3_finalize(plan);
    (void)sqlite3_close(db);
}

static void damage_is_found(void **state)
{
    struct llmp_store *store = open_store(NULL);
    char zeros[4096] = { 0 };
    char id[16];
    (void)state;

    for (int i = 0; i < 200; i++) {
        (void)snprintf(id, sizeof(id), "r%d", i);
        assert_int_equal(book(store, id, NULL), LLMP_OK);
    }
    llmp_store_close(store); /* which empties the log */

    int fd = open(place.path, O_WRONLY);
    struct stat now;

    assert_int_equal(fstat(fd, &now), 0);
    for (off_t at = 4096 * 12; at < now.st_size; at += 4096)
        assert_int_equal(pwrite(fd, zeros, sizeof(zeros), at), sizeof(zeros));
    (void)close(fd);
    assert_refused(LLMP_E_CORRUPT, place.path);
}

/* Root may write anywhere: such a test runs as nobody. */
static void become_nobody(int on)
{
    if (getuid() == 0)
        assert_int_equal(seteuid(on ? 65534 : 0), 0);
}

static void a_folder_that_is_read_only_is_refused(void **state)
{
    (void)state;
    assert_int_equal(chmod(place.folder, 0555), 0);
    become_nobody(1);
    assert_refused(LLMP_E_IO, "cannot be made");
    become_nobody(0);
}

static void a_file_that_is_read_only_is_refused(void **state)
{
    (void)state;
    llmp_store_close(open_store(NULL));
    assert_int_equal(chmod(place.path, 0444), 0);
    assert_int_equal(chmod(place.folder, 0777), 0);
    become_nobody(1);
    assert_refused(LLMP_E_IO, "may not be written");
    become_nobody(0);
}

static void a_locked_file_is_tried_again(void **state)
{
    struct llmp_store *store = open_store(NULL);
    struct llmp_error err = { 0 };
    sqlite3 *db;
    (void)state;

    assert_int_equal(sqlite3_open(place.path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(book(store, "r1", &err), LLMP_E_IO);
    assert_true(err.retryable);
    assert_false(err.object_dead);
    assert_int_equal(rows(store), 0); /* reading goes on */
    (void)sqlite3_close(db);
    assert_int_equal(book(store, "r1", &err), LLMP_OK);
    llmp_store_close(store);
}

/* ---- a disk that fails --------------------------------------------------- */

static void a_failed_sync_is_fatal_for_the_connection(void **state)
{
    struct llmp_store *store = open_store(FAULTY_VFS);
    struct llmp_error err = { 0 };
    int syncs;
    (void)state;

    assert_int_equal(book(store, "r1", &err), LLMP_OK);
    faulty_vfs_fail_syncs(FAULTY_SYNCS);
    assert_int_equal(book(store, "r2", &err), LLMP_E_IO);
    assert_true(err.object_dead);
    assert_false(err.retryable);
    faulty_vfs_fail_syncs(FAULTY_NONE);
    /* The disk says that it works again, but is not believed. */
    syncs = faulty_vfs_syncs();
    memset(&err, 0, sizeof(err));
    assert_int_equal(book(store, "r3", &err), LLMP_E_IO);
    assert_true(err.object_dead);
    assert_int_equal(faulty_vfs_syncs(), syncs);
    llmp_store_close(store);

    /* Opened anew: what was acknowledged is there, and the row of which nobody
     * knows may be booked again without harm. */
    store = open_store(FAULTY_VFS);
    assert_in_range(rows(store), 1, 2);
    assert_int_equal(book(store, "r2", &err), LLMP_OK);
    assert_int_equal(rows(store), 2);
    llmp_store_close(store);
}

static int count_body(const struct llmp_store_doc *doc, void *ctx)
{
    *(size_t *)ctx = doc->body.len;
    return 0;
}

/* The log is synced, so commits succeed until there is a checkpoint, whose sync
 * of the main file fails. */
static void a_failed_sync_of_a_checkpoint_is_fatal_too(void **state)
{
    static char body[LLMP_STORE_BODY_MAX];
    struct llmp_store *store = open_store(FAULTY_VFS);
    struct llmp_store_doc doc = { .kind = LLMP_STR("big"),
                                  .id = LLMP_STR("x"),
                                  .version = LLMP_STORE_ANY };
    struct llmp_store_op op = { .kind = LLMP_STORE_PUT, .of.doc = &doc };
    struct llmp_error err = { 0 };
    size_t committed = 0, read = 0;
    (void)state;

    memset(body, 'x', sizeof(body));
    faulty_vfs_fail_syncs(FAULTY_MAIN_SYNCS);
    for (int i = 0; i < 20; i++) {
        doc.body = (struct llmp_str){ body, sizeof(body) - (size_t)i };
        if (llmp_store_commit(store, &op, 1, &err) != LLMP_OK)
            break;
        committed = doc.body.len;
    }
    assert_true(err.object_dead);
    assert_true(committed > sizeof(body) - 19);
    faulty_vfs_fail_syncs(FAULTY_NONE);
    llmp_store_close(store);

    store = open_store(FAULTY_VFS);
    assert_int_equal(
        llmp_store_get(store, doc.kind, doc.id, count_body, &read, NULL),
        LLMP_OK);
    assert_int_equal(read, committed);
    llmp_store_close(store);
}

static void a_full_disk_is_tried_again(void **state)
{
    struct llmp_store *store = open_store(FAULTY_VFS);
    struct llmp_error err = { 0 };
    (void)state;

    assert_int_equal(book(store, "r1", &err), LLMP_OK);
    faulty_vfs_fail_writes(1);
    assert_int_equal(book(store, "r2", &err), LLMP_E_IO);
    assert_true(err.retryable);
    assert_false(err.object_dead);
    assert_non_null(strstr(err.message, "full"));
    assert_int_equal(rows(store), 1);
    faulty_vfs_fail_writes(0);
    assert_int_equal(book(store, "r2", &err), LLMP_OK);
    assert_int_equal(rows(store), 2);
    llmp_store_close(store);
}

static void without_memory_there_is_no_store(void **state)
{
    struct llmp_store *store = NULL;
    (void)state;

    for (int n = 0; n < 4; n++) {
        faulty_heap_arm(n);

        int rc = open_as(&store, place.path, FAULTY_VFS, NULL);

        faulty_heap_pause(1);
        if (rc == LLMP_OK)
            fail_msg("opened with %d pieces of memory", n);
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_null(store);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_arm(4);
    assert_int_equal(open_as(&store, place.path, FAULTY_VFS, NULL), LLMP_OK);
    llmp_store_close(store);
    assert_int_equal(faulty_heap_live(), 0);
    faulty_heap_off();
}

#define IN_A_PLACE(test) \
    cmocka_unit_test_setup_teardown(test, new_place, remove_place)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_A_PLACE(nobody_else_may_read_it),
        IN_A_PLACE(what_was_written_is_there_when_opened_again),
        IN_A_PLACE(a_missing_folder_is_named),
        IN_A_PLACE(names_that_are_no_files_are_refused),
        IN_A_PLACE(another_kind_of_file_is_refused),
        IN_A_PLACE(another_programs_database_is_refused),
        IN_A_PLACE(a_later_version_is_refused),
        IN_A_PLACE(an_earlier_version_is_migrated),
        IN_A_PLACE(an_object_is_found_by_an_index),
        IN_A_PLACE(damage_is_found),
        IN_A_PLACE(a_folder_that_is_read_only_is_refused),
        IN_A_PLACE(a_file_that_is_read_only_is_refused),
        IN_A_PLACE(a_locked_file_is_tried_again),
        IN_A_PLACE(a_failed_sync_is_fatal_for_the_connection),
        IN_A_PLACE(a_failed_sync_of_a_checkpoint_is_fatal_too),
        IN_A_PLACE(a_full_disk_is_tried_again),
        IN_A_PLACE(without_memory_there_is_no_store),
    };

    faulty_vfs_register();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
