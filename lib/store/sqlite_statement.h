/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every statement of the SQLite backend: its name and its text. None is ever
 * made at run time; what a query leaves open is a parameter.
 */
#ifndef LLMP_STORE_SQLITE_STATEMENT_H
#define LLMP_STORE_SQLITE_STATEMENT_H

#define LLMP_SQLITE_DOC                              \
    "SELECT kind, id, version, ifnull(lookup, ''), " \
    "updated_ns, body, deleted FROM docs "
#define LLMP_SQLITE_ROW                                                  \
    "SELECT seq, id, wall_ns, key, user, team, org, model, deployment, " \
    "operation, status, basis, input, cached, output, reasoning, "       \
    "requests, cost_nano, currency, cost_known, price_version, "         \
    "reserved_input, reserved_output, reserved_cost_nano, "              \
    "ifnull(object, '') FROM usage WHERE "
#define LLMP_SQLITE_FILTER            \
    "wall_ns >= ?1 AND wall_ns < ?2 " \
    "AND (?3 IS NULL OR key = ?3) "   \
    "AND (?4 IS NULL OR user = ?4) "  \
    "AND (?5 IS NULL OR team = ?5) "  \
    "AND (?6 IS NULL OR org = ?6) "   \
    "AND (?7 IS NULL OR model = ?7) "

#define LLMP_SQLITE_STATEMENT_TABLE(X)                                         \
    X(BEGIN, "BEGIN IMMEDIATE")                                                \
    X(COMMIT, "COMMIT")                                                        \
    X(ROLLBACK, "ROLLBACK")                                                    \
    X(DOC_VERSION, "SELECT CASE WHEN deleted THEN 0 ELSE version END "         \
                   "FROM docs WHERE kind = ? AND id = ?")                      \
    X(NEXT_VERSION, "UPDATE sequence SET value = value + 1 "                   \
                    "WHERE name = 'doc' RETURNING value")                      \
    X(DOC_PUT,                                                                 \
      "INSERT INTO docs (kind, id, version, lookup, updated_ns, body, "        \
      "deleted) VALUES (?, ?, ?, nullif(?, ''), ?, ?, ?) "                     \
      "ON CONFLICT (kind, id) DO UPDATE SET version = excluded.version, "      \
      "lookup = excluded.lookup, updated_ns = excluded.updated_ns, "           \
      "body = excluded.body, deleted = excluded.deleted")                      \
    X(DOC_GET, LLMP_SQLITE_DOC "WHERE kind = ? AND id = ? AND NOT deleted")    \
    X(DOC_FIND,                                                                \
      LLMP_SQLITE_DOC "WHERE kind = ? AND lookup = ? AND NOT deleted")         \
    X(DOC_LIST,                                                                \
      LLMP_SQLITE_DOC "WHERE kind = ?1 AND id >= ?2 AND id > ?3 "              \
                      "AND substr(id, 1, length(?2)) = ?2 AND NOT deleted "    \
                      "ORDER BY id LIMIT ?4")                                  \
    X(DOC_CHANGES,                                                             \
      LLMP_SQLITE_DOC "WHERE version > ? ORDER BY version LIMIT ?")            \
    X(EVENT_PUT,                                                               \
      "INSERT INTO events (id, wall_ns, actor, action, object_kind, "          \
      "object_id, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "             \
      "ON CONFLICT (id) DO NOTHING RETURNING 1")                               \
    X(EVENT_LIST,                                                              \
      "SELECT seq, id, wall_ns, actor, action, object_kind, object_id, "       \
      "before, after FROM events WHERE seq > ? ORDER BY seq LIMIT ?")          \
    X(USAGE_PUT,                                                               \
      "INSERT INTO usage (id, wall_ns, key, user, team, org, model, "          \
      "deployment, operation, status, basis, input, cached, output, "          \
      "reasoning, requests, cost_nano, currency, cost_known, "                 \
      "price_version, reserved_input, reserved_output, "                       \
      "reserved_cost_nano, object) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "  \
      "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, '')) "                    \
      "ON CONFLICT (id) DO NOTHING RETURNING 1")                               \
    X(USAGE_REPRICE,                                                           \
      "UPDATE usage SET cost_known = ?1, cost_nano = ?2, currency = ?3, "      \
      "price_version = ?4 WHERE id = ?5 AND cost_known = ?6 "                  \
      "AND (NOT ?6 OR cost_nano = ?7) RETURNING 1")                            \
    X(USAGE_TRIM, "DELETE FROM usage WHERE seq IN (SELECT seq FROM usage "     \
                  "WHERE wall_ns < ? ORDER BY wall_ns LIMIT ?)")               \
    X(EVENT_TRIM, "DELETE FROM events WHERE seq IN (SELECT seq FROM events "   \
                  "WHERE wall_ns < ? ORDER BY seq LIMIT ?)")                   \
    X(DOC_TRIM, "DELETE FROM docs WHERE rowid IN (SELECT rowid FROM docs "     \
                "WHERE deleted AND updated_ns < ? LIMIT ?)")                   \
    X(USAGE_ROWS,                                                              \
      LLMP_SQLITE_ROW LLMP_SQLITE_FILTER "AND seq > ?8 ORDER BY seq LIMIT ?9") \
    X(USAGE_OBJECT, LLMP_SQLITE_ROW LLMP_SQLITE_FILTER                         \
      "AND seq > ?8 AND object = ?10 ORDER BY seq LIMIT ?9")                   \
    X(USAGE_SUMS,                                                              \
      "SELECT CASE WHEN ?8 & 1 THEN wall_ns / 86400000000000 ELSE 0 END g1, "  \
      "CASE WHEN ?8 & 2 THEN org ELSE '' END g2, "                             \
      "CASE WHEN ?8 & 4 THEN team ELSE '' END g3, "                            \
      "CASE WHEN ?8 & 8 THEN user ELSE '' END g4, "                            \
      "CASE WHEN ?8 & 16 THEN key ELSE '' END g5, "                            \
      "CASE WHEN ?8 & 32 THEN model ELSE '' END g6, currency, "                \
      "count(*), sum(requests), sum(input), sum(cached), sum(output), "        \
      "sum(reasoning), sum(iif(cost_known, cost_nano, 0)), "                   \
      "sum(basis = 0), sum(basis = 1), sum(basis = 2), sum(basis = 3), "       \
      "sum(NOT cost_known), sum(iif(basis = 3, reserved_input, 0)), "          \
      "sum(iif(basis = 3, reserved_output, 0)), "                              \
      "sum(iif(basis = 3, reserved_cost_nano, 0)) "                            \
      "FROM usage WHERE " LLMP_SQLITE_FILTER                                   \
      "GROUP BY g1, g2, g3, g4, g5, g6, currency "                             \
      "ORDER BY g1, g2, g3, g4, g5, g6, currency LIMIT ?9 OFFSET ?10")         \
    X(COUNTER_ADD,                                                             \
      "INSERT INTO counters (name, window, used) VALUES (?, ?, ?) "            \
      "ON CONFLICT (name, window) DO UPDATE SET used = used + excluded.used "  \
      "RETURNING used")                                                        \
    X(COUNTER_FORGET, "DELETE FROM counters WHERE name = ? AND window < ?")    \
    X(LEASE_FORGET, "DELETE FROM leases WHERE name = ? AND window < ?")        \
    X(COUNTER_READ, "SELECT ifnull((SELECT used FROM counters "                \
                    "WHERE name = ?1 AND window = ?2), 0) + "                  \
                    "ifnull(sum(amount) FILTER (WHERE expires_ns <= ?3), 0), " \
                    "ifnull(sum(amount) FILTER (WHERE expires_ns > ?3), 0) "   \
                    "FROM leases WHERE name = ?1 AND window = ?2")             \
    X(LEASE_EXPIRE_COUNT,                                                      \
      "INSERT INTO counters (name, window, used) "                             \
      "SELECT name, window, sum(amount) FROM leases "                          \
      "WHERE name = ? AND window = ? AND expires_ns <= ? "                     \
      "GROUP BY name, window "                                                 \
      "ON CONFLICT (name, window) DO UPDATE SET used = used + excluded.used")  \
    X(LEASE_EXPIRE, "DELETE FROM leases "                                      \
                    "WHERE name = ? AND window = ? AND expires_ns <= ?")       \
    X(LEASE_EXTEND,                                                            \
      "UPDATE leases SET amount = amount + ?, expires_ns = ? "                 \
      "WHERE name = ? AND window = ? AND holder = ? RETURNING 1")              \
    X(LEASE_PUT, "INSERT INTO leases (name, window, holder, amount, "          \
                 "expires_ns) VALUES (?, ?, ?, ?, ?)")                         \
    X(LEASE_END, "DELETE FROM leases WHERE name = ? AND window = ? "           \
                 "AND holder = ? RETURNING amount")

enum llmp_sqlite_statement {
#define LLMP_SQLITE_STATEMENT_ENUM(name, text) LLMP_SQLITE_##name,
    LLMP_SQLITE_STATEMENT_TABLE(LLMP_SQLITE_STATEMENT_ENUM)
#undef LLMP_SQLITE_STATEMENT_ENUM
        LLMP_SQLITE_STATEMENTS
};

#endif
