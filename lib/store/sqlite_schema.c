/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tables, as a list of migrations that is only ever added to. The file's
 * user_version says how many were done; its application_id says that it is
 * ours.
 */
#include <string.h>

#include "base/internal.h"
#include "store/sqlite.h"

/* "llmp" */
#define APPLICATION_ID "1819045232"
static const int64_t application_id = 1819045232;

struct migration {
    const char *sql;
};

/* Rows of docs and events are large, so they are found by an index and not
 * kept in one; counters are small and are nothing but their key. */
static const struct migration migrations[] = {
    { "CREATE TABLE sequence ("
      " name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
      "INSERT INTO sequence VALUES ('doc', 0);"
      "CREATE TABLE docs ("
      " kind TEXT NOT NULL, id TEXT NOT NULL, version INTEGER NOT NULL,"
      " lookup TEXT, updated_ns INTEGER NOT NULL, body TEXT NOT NULL,"
      " deleted INTEGER NOT NULL, UNIQUE (kind, id)) STRICT;"
      "CREATE UNIQUE INDEX docs_version ON docs (version);"
      "CREATE UNIQUE INDEX docs_lookup ON docs (kind, lookup)"
      " WHERE lookup IS NOT NULL;"
      "CREATE TABLE events ("
      " seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
      " wall_ns INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,"
      " object_kind TEXT NOT NULL, object_id TEXT NOT NULL,"
      " before TEXT NOT NULL, after TEXT NOT NULL) STRICT;"
      "CREATE TABLE usage ("
      " seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,"
      " wall_ns INTEGER NOT NULL, key TEXT NOT NULL, user TEXT NOT NULL,"
      " team TEXT NOT NULL, org TEXT NOT NULL, model TEXT NOT NULL,"
      " deployment TEXT NOT NULL, operation TEXT NOT NULL,"
      " status TEXT NOT NULL, basis INTEGER NOT NULL, input INTEGER NOT NULL,"
      " cached INTEGER NOT NULL, output INTEGER NOT NULL,"
      " reasoning INTEGER NOT NULL, requests INTEGER NOT NULL,"
      " cost_nano INTEGER NOT NULL, currency TEXT NOT NULL,"
      " cost_known INTEGER NOT NULL, price_version TEXT NOT NULL,"
      " reserved_input INTEGER NOT NULL, reserved_output INTEGER NOT NULL,"
      " reserved_cost_nano INTEGER NOT NULL) STRICT;"
      "CREATE INDEX usage_wall ON usage (wall_ns);"
      "CREATE INDEX usage_key ON usage (key, wall_ns);"
      "CREATE TABLE counters ("
      " name TEXT NOT NULL, window INTEGER NOT NULL, used INTEGER NOT NULL,"
      " PRIMARY KEY (name, window)) STRICT, WITHOUT ROWID;"
      "CREATE TABLE leases ("
      " name TEXT NOT NULL, window INTEGER NOT NULL, holder TEXT NOT NULL,"
      " amount INTEGER NOT NULL, expires_ns INTEGER NOT NULL,"
      " PRIMARY KEY (name, window, holder)) STRICT, WITHOUT ROWID;"
      "PRAGMA application_id = " APPLICATION_ID ";"
      "PRAGMA user_version = 1;" },
    /* Most rows have none, and are not in its index. */
    { "ALTER TABLE usage ADD COLUMN object TEXT;"
      "CREATE INDEX usage_object ON usage (object) WHERE object IS NOT NULL;"
      "PRAGMA user_version = 2;" },
};

static int exec(struct llmp_sqlite *self, const char *sql,
                struct llmp_error *err)
{
    int rc = sqlite3_exec(self->db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? LLMP_OK : llmp_sqlite_fail(self, rc, err);
}

static int read_number(struct llmp_sqlite *self, const char *sql, int64_t *out,
                       struct llmp_error *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(self->db, sql, -1, &statement, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(statement, 0);
    (void)sqlite3_finalize(statement);
    return rc == SQLITE_ROW ? LLMP_OK : llmp_sqlite_fail(self, rc, err);
}

/* Whose file it is and how far it has come; a new one is at 0. */
static int read_version(struct llmp_sqlite *self, int64_t *version,
                        struct llmp_error *err)
{
    int64_t id = 0, tables = 0;

    LLMP_TRY(read_number(self, "PRAGMA user_version", version, err));
    LLMP_TRY(read_number(self, "PRAGMA application_id", &id, err));
    LLMP_TRY(
        read_number(self, "SELECT count(*) FROM sqlite_schema", &tables, err));
    LLMP_ENSURE(id == application_id || (id == 0 && tables == 0), err,
                LLMP_E_CORRUPT, "%s is the database of another program",
                self->path);
    LLMP_ENSURE(*version >= 0 && *version <= (int64_t)LLMP_COUNT(migrations),
                err, LLMP_E_UNSUPPORTED,
                "%s has schema %lld, this library knows up to %zu: it was "
                "made by a later version",
                self->path, (long long)*version, LLMP_COUNT(migrations));
    return LLMP_OK;
}

/* Reads the version again inside: another process may have been quicker. */
static int migrate_one(struct llmp_sqlite *self, struct llmp_error *err)
{
    int64_t version = 0;
    int rc;

    LLMP_TRY(llmp_sqlite_begin(self, err));
    rc = read_version(self, &version, err);
    if (rc == LLMP_OK && version < (int64_t)LLMP_COUNT(migrations))
        rc = exec(self, migrations[version].sql, err);
    return llmp_sqlite_finish(self, rc, err);
}

int llmp_sqlite_migrate(struct llmp_sqlite *self, struct llmp_error *err)
{
    int64_t version = 0;

    for (;;) {
        LLMP_TRY(read_version(self, &version, err));
        if (version == (int64_t)LLMP_COUNT(migrations))
            return LLMP_OK;
        LLMP_TRY(migrate_one(self, err));
    }
}
