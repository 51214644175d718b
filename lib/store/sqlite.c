/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite backend: connections, transactions, what its errors mean.
 *
 * WAL with synchronous=FULL: a commit that returned survives the machine's
 * crash. Checkpoints are made here and not by SQLite itself, which would
 * swallow a failed sync of the main file.
 */
#include "store/sqlite.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"

enum {
    BUSY_TIMEOUT_MS = 5000,
    CHECKPOINT_PAGES = 1000, /* SQLite's own default */
    WAL_TRIES = 200,         /* 10 ms apart */
};

/* ---- errors -------------------------------------------------------------- */

static int status_of(int code)
{
    switch (code & 0xFF) {
    case SQLITE_NOMEM:
        return LLMP_E_NOMEM;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return LLMP_E_CORRUPT;
    case SQLITE_TOOBIG:
    case SQLITE_CONSTRAINT: /* a sum above 2^63 is no INTEGER any more */
        return LLMP_E_LIMIT;
    default:
        return LLMP_E_IO;
    }
}

static bool is_failed_sync(int code)
{
    return code == SQLITE_IOERR_FSYNC || code == SQLITE_IOERR_DIR_FSYNC;
}

/* SQLITE_ERROR is "integer overflow" of a sum, or our own mistake. */
static bool is_overflow(sqlite3 *db, int code)
{
    return code == SQLITE_ERROR &&
           strcmp(sqlite3_errmsg(db), "integer overflow") == 0;
}

int llmp_sqlite_fail(struct llmp_sqlite *self, int code, struct llmp_error *err)
{
    int status = is_overflow(self->db, code) ? LLMP_E_LIMIT : status_of(code);

    if (is_failed_sync(code))
        self->dead = true;
    status =
        llmp_fail(err, status, "%s: %s", self->path,
                  self->db ? sqlite3_errmsg(self->db) : sqlite3_errstr(code));
    if (err && (code & 0xFF) == SQLITE_READONLY)
        err->retryable = false;
    if (err && self->dead) {
        err->retryable = false;
        err->object_dead = true;
    }
    return status;
}

static int check_alive(struct llmp_sqlite *self, struct llmp_error *err)
{
    if (!self->dead)
        return LLMP_OK;
    (void)llmp_fail(err, LLMP_E_IO,
                    "%s: a sync has failed; close it and open it anew",
                    self->path);
    if (err) {
        err->retryable = false;
        err->object_dead = true;
    }
    return LLMP_E_IO;
}

/* ---- transactions -------------------------------------------------------- */

static int run(struct llmp_sqlite *self, enum llmp_sqlite_statement which,
               struct llmp_error *err)
{
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, which);
    return llmp_sqlite_run(&call, err);
}

int llmp_sqlite_begin(struct llmp_sqlite *self, struct llmp_error *err)
{
    LLMP_TRY(check_alive(self, err));
    return run(self, LLMP_SQLITE_BEGIN, err);
}

/* After the commit, so its failure is not the commit's: but when it was a sync
 * that failed, this connection takes nothing more. Busy is no failure. */
static void checkpoint(struct llmp_sqlite *self)
{
    if (self->wal_pages < CHECKPOINT_PAGES)
        return;

    int rc = sqlite3_wal_checkpoint_v2(self->db, NULL,
                                       SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

    if (is_failed_sync(sqlite3_extended_errcode(self->db)) && rc != SQLITE_OK)
        self->dead = true;
}

int llmp_sqlite_finish(struct llmp_sqlite *self, int status,
                       struct llmp_error *err)
{
    if (status == LLMP_OK)
        status = run(self, LLMP_SQLITE_COMMIT, err);
    /* Some failures have rolled back already. */
    if (status != LLMP_OK && !sqlite3_get_autocommit(self->db))
        (void)run(self, LLMP_SQLITE_ROLLBACK, NULL);
    if (status == LLMP_OK)
        checkpoint(self);
    return status;
}

static int run_op(struct llmp_sqlite *self, struct llmp_store_op *op,
                  struct llmp_error *err)
{
    switch (op->kind) {
    case LLMP_STORE_PUT:
    case LLMP_STORE_DELETE:
        return llmp_sqlite_put(self, op, err);
    case LLMP_STORE_EVENT:
        return llmp_sqlite_event(self, op, err);
    case LLMP_STORE_USAGE:
        return llmp_sqlite_usage(self, op, err);
    case LLMP_STORE_ADD:
        return llmp_sqlite_add(self, op->of.add, &op->result, err);
    case LLMP_STORE_FORGET:
        return llmp_sqlite_forget(self, op->of.add, err);
    case LLMP_STORE_REPRICE:
        return llmp_sqlite_reprice(self, op, err);
    case LLMP_STORE_TRIM:
        return llmp_sqlite_trim(self, op, err);
    }
    return llmp_fail(err, LLMP_E_INVALID, "an operation of no known kind");
}

static int commit(void *ctx, struct llmp_store_op *ops, size_t count,
                  struct llmp_error *err)
{
    struct llmp_sqlite *self = ctx;
    int rc;

    LLMP_TRY(rc = llmp_sqlite_begin(self, err));
    for (size_t i = 0; rc == LLMP_OK && i < count; i++)
        rc = llmp_store_op_end(&ops[i], run_op(self, &ops[i], err));
    return llmp_sqlite_finish(self, rc, err);
}

/* ---- connections --------------------------------------------------------- */

static void close_sqlite(void *ctx)
{
    struct llmp_sqlite *self = ctx;

    if (!self)
        return;
    llmp_sqlite_finalize(self);
    (void)sqlite3_close(self->db);
    llmp_free(self->path);
    llmp_free(self->vfs);
    llmp_free(self);
}

static void closep(struct llmp_sqlite **self)
{
    close_sqlite(*self);
}

static int note_wal_size(void *ctx, sqlite3 *db, const char *name, int pages)
{
    struct llmp_sqlite *self = ctx;
    (void)db;
    (void)name;

    self->wal_pages = pages;
    return SQLITE_OK;
}

/* Two processes that open a new file at once meet here: SQLite gives up at
 * once where waiting could be a deadlock. */
static int set_wal(struct llmp_sqlite *self, struct llmp_error *err)
{
    int rc = SQLITE_BUSY;

    for (int i = 0; rc == SQLITE_BUSY && i < WAL_TRIES; i++) {
        rc = sqlite3_exec(self->db, "PRAGMA journal_mode = WAL", NULL, NULL,
                          NULL);
        if ((rc & 0xFF) == SQLITE_BUSY) {
            rc = SQLITE_BUSY;
            (void)sqlite3_sleep(10);
        }
    }
    return rc == SQLITE_OK ? LLMP_OK : llmp_sqlite_fail(self, rc, err);
}

static int set_up(struct llmp_sqlite *self, struct llmp_error *err)
{
    static const char pragmas[] = "PRAGMA synchronous = FULL;"
                                  "PRAGMA foreign_keys = ON;"
                                  "PRAGMA trusted_schema = OFF;"
                                  "PRAGMA cell_size_check = ON;";
    int rc;

    (void)sqlite3_extended_result_codes(self->db, 1);
    (void)sqlite3_busy_timeout(self->db, (int)self->busy_timeout_ms);
    LLMP_TRY(set_wal(self, err));
    rc = sqlite3_exec(self->db, pragmas, NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return llmp_sqlite_fail(self, rc, err);
    /* Instead of the hook that checkpoints by itself. */
    (void)sqlite3_wal_hook(self->db, note_wal_size, self);
    return llmp_sqlite_migrate(self, err);
}

static int check_all(struct llmp_sqlite *self, struct llmp_error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(self->db, "PRAGMA quick_check(1)", -1,
                                &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW) {
        (void)sqlite3_finalize(statement);
        return llmp_sqlite_fail(self, rc, err);
    }

    const char *text = (const char *)sqlite3_column_text(statement, 0);
    bool ok = text && strcmp(text, "ok") == 0;

    if (!ok)
        (void)llmp_fail(err, LLMP_E_CORRUPT, "%s is damaged: %s", self->path,
                        text ? text : "");
    (void)sqlite3_finalize(statement);
    return ok ? LLMP_OK : LLMP_E_CORRUPT;
}

static int open_file(struct llmp_sqlite *self, struct llmp_error *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                      SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW |
                      SQLITE_OPEN_EXRESCODE;
    int rc = sqlite3_open_v2(self->path, &self->db, flags, self->vfs);

    if (rc != SQLITE_OK)
        return llmp_sqlite_fail(self, rc, err);
    /* SQLite is content with reading where it may not write. */
    LLMP_ENSURE(sqlite3_db_readonly(self->db, "main") == 0, err, LLMP_E_IO,
                "%s may not be written", self->path);
    return LLMP_OK;
}

static int open_sqlite(void **out, const struct llmp_store_sqlite_options *opts,
                       struct llmp_error *err)
{
    LLMP_AUTO(closep) struct llmp_sqlite *self = llmp_alloc(sizeof(*self));

    LLMP_ENSURE(self, err, LLMP_E_NOMEM, "no memory for a store");
    self->busy_timeout_ms = opts->busy_timeout_ms;
    self->path = llmp_strdup(llmp_str_of(opts->path));
    self->vfs = opts->vfs ? llmp_strdup(llmp_str_of(opts->vfs)) : NULL;
    LLMP_ENSURE(self->path && (self->vfs || !opts->vfs), err, LLMP_E_NOMEM,
                "no memory for a store");
    LLMP_TRY(llmp_sqlite_create(self->path, err));
    LLMP_TRY(open_file(self, err));
    LLMP_TRY(set_up(self, err));
    if (opts->full_check)
        LLMP_TRY(check_all(self, err));
    *out = llmp_steal(&self);
    return LLMP_OK;
}

static int open_again(void **out, void *ctx, struct llmp_error *err)
{
    const struct llmp_sqlite *self = ctx;
    struct llmp_store_sqlite_options opts;

    llmp_store_sqlite_options_init(&opts);
    opts.path = self->path;
    opts.vfs = self->vfs;
    opts.busy_timeout_ms = self->busy_timeout_ms;
    return open_sqlite(out, &opts, err);
}

static const struct llmp_store_ops sqlite_ops = {
    .size = sizeof(sqlite_ops),
    .name = "sqlite",
    .close = close_sqlite,
    .open_again = open_again,
    .commit = commit,
    .get = llmp_sqlite_get,
    .list = llmp_sqlite_list,
    .changes = llmp_sqlite_changes,
    .events = llmp_sqlite_events,
    .usage_sums = llmp_sqlite_usage_sums,
    .usage_rows = llmp_sqlite_usage_rows,
    .counter = llmp_sqlite_counter,
    .lease = llmp_sqlite_lease,
    .lease_return = llmp_sqlite_lease_return,
};

void llmp_store_sqlite_options_init_sized(
    struct llmp_store_sqlite_options *opts, size_t size)
{
    const struct llmp_store_sqlite_options defaults = { .size = size,
                                                        .busy_timeout_ms =
                                                            BUSY_TIMEOUT_MS };

    memcpy(opts, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

int llmp_store_open_sqlite(struct llmp_store **out,
                           const struct llmp_store_sqlite_options *opts,
                           struct llmp_error *err)
{
    struct llmp_store_sqlite_options o;
    void *self = NULL;

    LLMP_ENSURE(out && opts, err, LLMP_E_INVALID, "out and opts are required");
    llmp_store_sqlite_options_init(&o);
    LLMP_TRY(
        llmp_options_read(&o, sizeof(o), sizeof(o), opts, opts->size, err));
    /* A name with a colon first is not a file to SQLite. */
    LLMP_ENSURE(o.path && o.path[0] && o.path[0] != ':', err, LLMP_E_INVALID,
                "a store needs the path of a file");
    LLMP_ENSURE(o.busy_timeout_ms <= INT32_MAX, err, LLMP_E_INVALID,
                "the busy timeout is too long");
    LLMP_TRY(open_sqlite(&self, &o, err));

    int rc = llmp_store_new(out, &sqlite_ops, self, err);

    if (rc < 0)
        close_sqlite(self);
    return rc;
}
