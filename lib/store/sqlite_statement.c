/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prepared statements: made at their first use, kept with the connection. A
 * call binds parameters in order, steps, reads columns in order and ends; the
 * first failure is remembered and comes out of the step.
 */
#include "store/sqlite.h"

#include "base/internal.h"

static const char *text_of(enum llmp_sqlite_statement which)
{
    static const char *const texts[] = {
#define STATEMENT_TEXT(name, text) text,
        LLMP_SQLITE_STATEMENT_TABLE(STATEMENT_TEXT)
#undef STATEMENT_TEXT
    };

    return texts[which];
}

void llmp_sqlite_call(struct llmp_sqlite_call *call, struct llmp_sqlite *self,
                      enum llmp_sqlite_statement which)
{
    sqlite3_stmt **statement = &self->statements[which];

    *call = (struct llmp_sqlite_call){ .self = self, .rc = SQLITE_OK };
    if (!*statement)
        call->rc =
            sqlite3_prepare_v3(self->db, text_of(which), -1,
                               SQLITE_PREPARE_PERSISTENT, statement, NULL);
    call->statement = *statement;
}

static void note(struct llmp_sqlite_call *call, int rc)
{
    if (call->rc == SQLITE_OK)
        call->rc = rc;
}

void llmp_sqlite_text(struct llmp_sqlite_call *call, struct llmp_str text)
{
    call->bound++;
    if (call->rc == SQLITE_OK)
        note(call, sqlite3_bind_text(call->statement, call->bound,
                                     text.ptr ? text.ptr : "", (int)text.len,
                                     SQLITE_STATIC));
}

void llmp_sqlite_text_or_null(struct llmp_sqlite_call *call,
                              struct llmp_str text)
{
    if (text.ptr)
        llmp_sqlite_text(call, text);
    else
        call->bound++; /* unbound is NULL */
}

void llmp_sqlite_int(struct llmp_sqlite_call *call, int64_t value)
{
    call->bound++;
    if (call->rc == SQLITE_OK)
        note(call, sqlite3_bind_int64(call->statement, call->bound, value));
}

int llmp_sqlite_step(struct llmp_sqlite_call *call, struct llmp_error *err)
{
    call->column = 0;
    if (call->rc == SQLITE_OK) {
        int rc = sqlite3_step(call->statement);

        if (rc == SQLITE_ROW)
            return LLMP_AGAIN;
        if (rc == SQLITE_DONE)
            return LLMP_OK;
        call->rc = rc;
    }
    return llmp_sqlite_fail(call->self, call->rc, err);
}

struct llmp_str llmp_sqlite_get_text(struct llmp_sqlite_call *call)
{
    int column = call->column++;
    const void *text = sqlite3_column_text(call->statement, column);
    int len = sqlite3_column_bytes(call->statement, column);

    return (struct llmp_str){ text ? text : "", text ? (size_t)len : 0 };
}

int64_t llmp_sqlite_get_int(struct llmp_sqlite_call *call)
{
    return sqlite3_column_int64(call->statement, call->column++);
}

void llmp_sqlite_end(struct llmp_sqlite_call *call)
{
    if (!call->statement)
        return;
    (void)sqlite3_reset(call->statement); /* its failure was step's */
    (void)sqlite3_clear_bindings(call->statement);
}

int llmp_sqlite_run(struct llmp_sqlite_call *call, struct llmp_error *err)
{
    int rc = llmp_sqlite_step(call, err);

    llmp_sqlite_end(call);
    return rc < 0 ? rc : LLMP_OK;
}

int llmp_sqlite_value(struct llmp_sqlite_call *call, int64_t none, int64_t *out,
                      struct llmp_error *err)
{
    int rc = llmp_sqlite_step(call, err);

    if (rc >= 0)
        *out = rc == LLMP_AGAIN ? llmp_sqlite_get_int(call) : none;
    llmp_sqlite_end(call);
    return rc < 0 ? rc : LLMP_OK;
}

void llmp_sqlite_finalize(struct llmp_sqlite *self)
{
    for (size_t i = 0; i < LLMP_SQLITE_STATEMENTS; i++) {
        (void)sqlite3_finalize(self->statements[i]);
        self->statements[i] = NULL;
    }
}
