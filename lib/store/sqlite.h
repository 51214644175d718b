/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SQLite connection with its prepared statements, as the files of this
 * backend share it.
 */
#ifndef LLMP_STORE_SQLITE_H
#define LLMP_STORE_SQLITE_H

#include <llmproxy/store.h>
#include <sqlite3.h>

#include "store/sqlite_statement.h"
#include "store/store.h"

struct llmp_sqlite {
    sqlite3 *db;
    sqlite3_stmt *statements[LLMP_SQLITE_STATEMENTS]; /* NULL: not yet */
    char *path, *vfs;                                 /* for opening again */
    uint32_t busy_timeout_ms;
    int wal_pages; /* in the log after the last commit */
    bool dead;     /* a sync failed */
};

/* ---- sqlite.c ------------------------------------------------------------ */

/* Records what SQLite says about `code` (which may be extended). */
int llmp_sqlite_fail(struct llmp_sqlite *self, int code,
                     struct llmp_error *err);

int llmp_sqlite_begin(struct llmp_sqlite *self, struct llmp_error *err);
/* Commits when `status` is LLMP_OK, else rolls back; returns the worst. */
int llmp_sqlite_finish(struct llmp_sqlite *self, int status,
                       struct llmp_error *err);

/* ---- sqlite_statement.c: one use of a statement -------------------------- */

struct llmp_sqlite_call {
    struct llmp_sqlite *self;
    sqlite3_stmt *statement;
    int bound;  /* parameters so far */
    int column; /* read so far */
    int rc;     /* the first failure */
};

void llmp_sqlite_call(struct llmp_sqlite_call *call, struct llmp_sqlite *self,
                      enum llmp_sqlite_statement which);
/* Parameters, in order. The text must stay until the call's end. */
void llmp_sqlite_text(struct llmp_sqlite_call *call, struct llmp_str text);
/* NULL for a text without pointer. */
void llmp_sqlite_text_or_null(struct llmp_sqlite_call *call,
                              struct llmp_str text);
void llmp_sqlite_int(struct llmp_sqlite_call *call, int64_t value);

/* LLMP_AGAIN: a row is there. LLMP_OK: no more. */
int llmp_sqlite_step(struct llmp_sqlite_call *call, struct llmp_error *err);
/* Columns of the row, in order. The text holds until the next step. */
struct llmp_str llmp_sqlite_get_text(struct llmp_sqlite_call *call);
int64_t llmp_sqlite_get_int(struct llmp_sqlite_call *call);

void llmp_sqlite_end(struct llmp_sqlite_call *call);

/* Steps once and ends the call, whose rows do not matter. */
int llmp_sqlite_run(struct llmp_sqlite_call *call, struct llmp_error *err);
/* The first column of the first row; `none` if there is no row. */
int llmp_sqlite_value(struct llmp_sqlite_call *call, int64_t none, int64_t *out,
                      struct llmp_error *err);

void llmp_sqlite_finalize(struct llmp_sqlite *self);

/* ---- sqlite_file.c, sqlite_schema.c -------------------------------------- */

/* Makes an empty file with mode 0600 where there is none. */
int llmp_sqlite_create(const char *path, struct llmp_error *err);

/* Makes or migrates the tables; refuses what is not ours. */
int llmp_sqlite_migrate(struct llmp_sqlite *self, struct llmp_error *err);

/* ---- operations and readings, as in struct llmp_store_ops ---------------- */

int llmp_sqlite_put(struct llmp_sqlite *self, struct llmp_store_op *op,
                    struct llmp_error *err);
int llmp_sqlite_event(struct llmp_sqlite *self, struct llmp_store_op *op,
                      struct llmp_error *err);
int llmp_sqlite_usage(struct llmp_sqlite *self, struct llmp_store_op *op,
                      struct llmp_error *err);
int llmp_sqlite_reprice(struct llmp_sqlite *self, struct llmp_store_op *op,
                        struct llmp_error *err);
int llmp_sqlite_trim(struct llmp_sqlite *self, struct llmp_store_op *op,
                     struct llmp_error *err);
int llmp_sqlite_add(struct llmp_sqlite *self,
                    const struct llmp_counter_add *add, int64_t *value,
                    struct llmp_error *err);
int llmp_sqlite_forget(struct llmp_sqlite *self,
                       const struct llmp_counter_add *add,
                       struct llmp_error *err);

int llmp_sqlite_get(void *self, struct llmp_str kind, struct llmp_str id,
                    bool by_lookup, llmp_store_doc_fn *see, void *ctx,
                    struct llmp_error *err);
int llmp_sqlite_list(void *self, const struct llmp_store_list *list,
                     llmp_store_doc_fn *see, void *ctx, struct llmp_error *err);
int llmp_sqlite_changes(void *self, uint64_t after, uint32_t rows_max,
                        llmp_store_doc_fn *see, void *ctx,
                        struct llmp_error *err);
int llmp_sqlite_events(void *self, uint64_t after, uint32_t rows_max,
                       llmp_store_event_fn *see, void *ctx,
                       struct llmp_error *err);
int llmp_sqlite_usage_sums(void *self, const struct llmp_ledger_query *query,
                           llmp_ledger_sum_fn *see, void *ctx,
                           struct llmp_error *err);
int llmp_sqlite_usage_rows(void *self, const struct llmp_ledger_query *query,
                           llmp_ledger_row_fn *see, void *ctx,
                           struct llmp_error *err);
int llmp_sqlite_counter(void *self, struct llmp_str name, uint64_t window,
                        uint64_t now_wall_ns, struct llmp_counter *out,
                        struct llmp_error *err);
int llmp_sqlite_lease(void *self, const struct llmp_lease *lease,
                      int64_t *granted, struct llmp_error *err);
int llmp_sqlite_lease_return(void *self, struct llmp_str counter,
                             uint64_t window, struct llmp_str holder,
                             int64_t unused, uint64_t now_wall_ns,
                             struct llmp_error *err);

#endif
