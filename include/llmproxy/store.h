/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file llmproxy/store.h
 * What outlives the process: documents (keys, teams, settings), the usage
 * ledger, shared counters with leases, and the list of what administrators
 * did. SQLite and memory are built in; other databases are a table of
 * functions (struct llmp_store_ops).
 *
 * From top to bottom: what is stored, the store's calls, the writer (a queue
 * with group commit), the ledger (journal and writer together), and what the
 * author of a backend fills in.
 *
 * Every call of a store blocks: it belongs on the writer's thread
 * (llmp_store_thread_start() in runtime.h) or another that may wait, never on
 * an event loop.
 */
#ifndef LLMPROXY_STORE_H
#define LLMPROXY_STORE_H

#include <llmproxy/base.h>
#include <llmproxy/journal.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Opaque: one connection to a store. Used by one thread at a time; any number
 *  of connections, in any number of processes, may be open at once. */
struct llmp_store;

/** The longest texts, in bytes. All text is UTF-8 without NUL. */
enum {
    LLMP_STORE_KIND_MAX = 32,  /**< of documents and of operations, states */
    LLMP_STORE_ID_MAX = 64,    /**< of ledger rows, events, lease holders */
    LLMP_STORE_NAME_MAX = 128, /**< of everything else that has a name */
    LLMP_STORE_BODY_MAX = 1 << 20,
    LLMP_STORE_BATCH_MAX = 4096,               /**< operations in one commit */
    LLMP_STORE_COUNTERS_MAX = 48,              /**< fed by one ledger row */
    LLMP_STORE_ROWS_MAX = 10000,               /**< one call delivers */
    LLMP_LEDGER_BASES = LLMP_USAGE_UNKNOWN + 1 /**< of enum llmp_usage_basis */
};

/** The largest count of tokens or requests and the largest amount of money
 *  in one ledger row or counter step: what leaves room for sums. */
#define LLMP_STORE_COUNT_MAX (INT64_C(1) << 40)
#define LLMP_STORE_MONEY_MAX (INT64_C(1) << 53)

/* ---- documents ----------------------------------------------------------- */

#define LLMP_STORE_ANY UINT64_MAX /**< as a version: whatever it is */

/** A document: JSON text under (kind, id). */
struct llmp_store_doc {
    struct llmp_str kind, id;
    /**
     * When putting or deleting: the version that is to be replaced; 0: there
     * must be none; LLMP_STORE_ANY. When read: its version, which is also its
     * place in the change feed. No two writes in a store give one version, and
     * later ones give greater ones.
     */
    uint64_t version;
    struct llmp_str body;     /**< JSON; not looked into */
    struct llmp_str lookup;   /**< unique in its kind; empty: none */
    uint64_t updated_wall_ns; /**< as the writer said */
    bool deleted;             /**< read from the change feed only */
};

/* ---- what administrators did --------------------------------------------- */

/** One line of the record of administration. Never changed; it goes with
 *  LLMP_STORE_TRIM only. */
struct llmp_store_event {
    uint64_t seq;       /**< read: its place; ascending, not without gaps */
    struct llmp_str id; /**< given twice, it is stored once */
    uint64_t wall_ns;
    struct llmp_str actor, action, object_kind, object_id;
    struct llmp_str before, after; /**< JSON; empty: nothing */
};

/* ---- the usage ledger ---------------------------------------------------- */

/** One row of the ledger: one exchange, or one attempt of it. */
struct llmp_ledger_row {
    size_t size;        /**< sizeof(struct llmp_ledger_row) */
    struct llmp_str id; /**< given twice, the row is booked once */
    uint64_t wall_ns;
    struct llmp_str key, user, team, org; /**< who; any may be empty */
    struct llmp_str model, deployment;    /**< deployment: provider/model */
    struct llmp_str operation, status;
    struct llmp_str object; /**< that was made at the provider: a file's, a
                                 batch's, a response's id; or empty */
    enum llmp_usage_basis basis;
    int64_t input, cached, output, reasoning; /**< tokens; cached is part of
                                                   input, reasoning of output */
    int64_t requests;
    int64_t cost_nano;             /**< 10^-9 of the currency's unit */
    char currency[4];              /**< "USD"; empty: none */
    bool cost_known;               /**< else cost_nano says nothing */
    struct llmp_str price_version; /**< which prices it was made with */
    /** What had been set aside: what a row of unknown basis may have cost at
     *  most. */
    int64_t reserved_input, reserved_output, reserved_cost_nano;
};

/** A step of a counter. */
struct llmp_counter_add {
    struct llmp_str name;
    uint64_t window; /**< which period, by the caller's reckoning */
    int64_t amount;  /**< may be negative */
};

/** A ledger row with the counters that it moves. They move when the row is
 *  booked, in the same commit, and not when it was there already. */
struct llmp_ledger_entry {
    const struct llmp_ledger_row *row;
    const struct llmp_counter_add *counters;
    size_t counter_count;
};

/** Another cost for a row that was booked. Nothing else of it changes, and no
 *  counter moves by itself: who wants that adds LLMP_STORE_ADD to the batch. */
struct llmp_ledger_price {
    struct llmp_str id;
    /** What the row says now; LLMP_CONFLICT if it says something else, or is
     *  not there. */
    bool was_known;
    int64_t was_nano; /**< not looked at unless `was_known` */
    bool cost_known;
    int64_t cost_nano;
    char currency[4];
    struct llmp_str price_version;
};

/** What may be deleted because it is old. */
enum llmp_store_age {
    LLMP_STORE_OLD_ROWS,   /**< of the ledger; counters stay as they are */
    LLMP_STORE_OLD_EVENTS, /**< of administration */
    /** Documents deleted before then. Who has not read the change feed since
     *  will not hear of it. */
    LLMP_STORE_OLD_TOMBSTONES
};

struct llmp_store_trim {
    enum llmp_store_age what;
    uint64_t before_wall_ns;
    uint32_t rows_max; /**< so many at most; 1 to LLMP_STORE_ROWS_MAX */
};

/** What a query groups by. Rows of several currencies are never added up:
 *  the currency is always one of the groups. */
enum llmp_ledger_group {
    LLMP_LEDGER_BY_DAY = 1, /**< UTC */
    LLMP_LEDGER_BY_ORG = 2,
    LLMP_LEDGER_BY_TEAM = 4,
    LLMP_LEDGER_BY_USER = 8,
    LLMP_LEDGER_BY_KEY = 16,
    LLMP_LEDGER_BY_MODEL = 32
};

struct llmp_ledger_query {
    size_t size;           /**< set by llmp_ledger_query_init() */
    uint64_t from_wall_ns; /**< from here on */
    uint64_t to_wall_ns;   /**< before this; 0: no end */
    /** ptr NULL: any; empty: rows without. */
    struct llmp_str key, user, team, org, model;
    unsigned groups;        /**< of enum llmp_ledger_group; sums only */
    uint32_t rows_max;      /**< 0: 1000; at most LLMP_STORE_ROWS_MAX */
    uint64_t rows_skip;     /**< sums only: pass over so many first */
    uint64_t after_seq;     /**< rows only: those behind that one */
    struct llmp_str object; /**< rows only, as `key`: quickly found */
};

LLMP_API void llmp_ledger_query_init_sized(struct llmp_ledger_query *query,
                                           size_t size);

static inline void llmp_ledger_query_init(struct llmp_ledger_query *query)
{
    llmp_ledger_query_init_sized(query, sizeof(*query));
}

/** One group of a query; what is not grouped by is empty. */
struct llmp_ledger_sum {
    uint64_t day; /**< since 1970-01-01 */
    struct llmp_str org, team, user, key, model;
    char currency[4];
    int64_t rows, requests, input, cached, output, reasoning, cost_nano;
    int64_t rows_by_basis[LLMP_LEDGER_BASES];
    int64_t rows_cost_unknown;
    /** Of rows whose basis is unknown. */
    int64_t reserved_input, reserved_output, reserved_cost_nano;
};

/* ---- counters and leases ------------------------------------------------- */

struct llmp_counter {
    int64_t used;   /**< counted, returned as spent, or leased and expired */
    int64_t leased; /**< handed out to holders, not expired */
};

/**
 * A slice of what is left of a counter, for one holder to spend without
 * asking. A holder's further leases of the same counter add to its slice and
 * move its end. A counter is fed either by adds or by leases: who does both
 * for the same thing counts it twice.
 */
struct llmp_lease {
    struct llmp_str counter;
    uint64_t window;
    struct llmp_str holder; /**< unique among processes */
    int64_t want;           /**< 0: only move the end of what is held */
    int64_t limit;          /**< of used and leased together */
    uint64_t now_wall_ns;
    uint64_t ttl_ns; /**< afterwards the slice counts as used */
};

/* ---- the store's calls --------------------------------------------------- */

enum llmp_store_op_kind {
    LLMP_STORE_PUT,     /**< of.doc */
    LLMP_STORE_DELETE,  /**< of.doc: kind, id, version, updated_wall_ns; a
                             tombstone stays in the change feed */
    LLMP_STORE_EVENT,   /**< of.event */
    LLMP_STORE_USAGE,   /**< of.usage */
    LLMP_STORE_ADD,     /**< of.add: counted each time; see llmp_ledger_entry */
    LLMP_STORE_FORGET,  /**< of.add: drops the counter's windows (and leases)
                             before `window`; amount is not looked at */
    LLMP_STORE_REPRICE, /**< of.price */
    LLMP_STORE_TRIM     /**< of.trim; the batch has nothing else */
};

/** One operation of a batch. */
struct llmp_store_op {
    enum llmp_store_op_kind kind;
    /** Out. After LLMP_CONFLICT: LLMP_CONFLICT here is the one that met it.
     *  After a failure: negative here is the one that failed. */
    int status;
    /** Out. PUT and DELETE: the new version. EVENT and USAGE: 1 stored, 0 it
     *  was there already. ADD: the counter's new value. TRIM: how many were
     *  deleted. */
    int64_t result;
    union {
        const struct llmp_store_doc *doc;
        const struct llmp_store_event *event;
        const struct llmp_ledger_entry *usage;
        const struct llmp_counter_add *add;
        const struct llmp_ledger_price *price;
        const struct llmp_store_trim *trim;
    } of;
};

/*
 * Callbacks get what is read row by row. They are called within the call,
 * pointers hold during the callback, and the store must not be called from
 * it. Another value than 0 ends the call, which returns it.
 */
typedef int llmp_store_doc_fn(const struct llmp_store_doc *doc, void *ctx);
typedef int llmp_store_event_fn(const struct llmp_store_event *event,
                                void *ctx);
typedef int llmp_ledger_sum_fn(const struct llmp_ledger_sum *sum, void *ctx);
typedef int llmp_ledger_row_fn(const struct llmp_ledger_row *row, uint64_t seq,
                               void *ctx);

/*
 * What all calls of a store may return beside what each names:
 *   LLMP_E_INVALID  an argument is not acceptable: NULL, not UTF-8, a NUL
 *   LLMP_E_LIMIT    a text or number is too large, or a sum would be
 *   LLMP_E_NOMEM    out of memory; nothing was changed
 *   LLMP_E_IO       the database does not answer: it is locked, full, away.
 *                   err->object_dead says that this connection can only be
 *                   closed (after a failed fsync, the file is not to be
 *                   trusted before it was opened anew)
 *   LLMP_E_CORRUPT  the database is damaged
 * `err` may be NULL.
 */

struct llmp_store_sqlite_options {
    size_t size;              /**< set by llmp_store_sqlite_options_init() */
    const char *path;         /**< required; made with mode 0600 */
    uint32_t busy_timeout_ms; /**< how long to wait for others; default 5000 */
    bool full_check;          /**< read all of it once when opening */
    const char *vfs;          /**< SQLite's file layer; NULL: the default */
};

LLMP_API void llmp_store_sqlite_options_init_sized(
    struct llmp_store_sqlite_options *opts, size_t size);

static inline void llmp_store_sqlite_options_init(
    struct llmp_store_sqlite_options *opts)
{
    llmp_store_sqlite_options_init_sized(opts, sizeof(*opts));
}

/**
 * Opens a SQLite file, making or migrating it if need be.
 *
 * @retval LLMP_OK            done
 * @retval LLMP_E_INVALID     no path
 * @retval LLMP_E_NOT_FOUND   its folder does not exist
 * @retval LLMP_E_IO          it cannot be opened, read or written
 * @retval LLMP_E_CORRUPT     not a database, damaged, or of another program
 * @retval LLMP_E_UNSUPPORTED made by a later version of this library
 * @retval LLMP_E_NOMEM       out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_store_open_sqlite(
    struct llmp_store **out, const struct llmp_store_sqlite_options *opts,
    struct llmp_error *err);

/** Opens a store that lives until its last connection is closed. Its ledger
 *  keeps the last 65536 rows or a few more; nothing else has an end.
 *  @retval LLMP_E_NOMEM  out of memory */
LLMP_API LLMP_MUST_USE int llmp_store_open_memory(struct llmp_store **out,
                                                  struct llmp_error *err);

/** Another connection to the same data. From the thread that uses `store`. */
LLMP_API LLMP_MUST_USE int llmp_store_open_again(struct llmp_store **out,
                                                 struct llmp_store *store,
                                                 struct llmp_error *err);

/** Accepts NULL. */
LLMP_API void llmp_store_close(struct llmp_store *store);

/** "sqlite", "memory". */
LLMP_API const char *llmp_store_name(const struct llmp_store *store);

/**
 * Commits all operations, or none. When it returns LLMP_OK they survive the
 * machine's crash, as far as the backend promises.
 *
 * @param ops  read; `status` and `result` of each are written
 * @retval LLMP_OK        done
 * @retval LLMP_CONFLICT  a document has another version, or its lookup key is
 *                        taken: nothing was changed
 */
LLMP_API LLMP_MUST_USE int llmp_store_commit(struct llmp_store *store,
                                             struct llmp_store_op *ops,
                                             size_t count,
                                             struct llmp_error *err);

/** Shows one document. @retval LLMP_MISS  there is none */
LLMP_API LLMP_MUST_USE int llmp_store_get(struct llmp_store *store,
                                          struct llmp_str kind,
                                          struct llmp_str id,
                                          llmp_store_doc_fn *see, void *ctx,
                                          struct llmp_error *err);

/** Shows the document with that lookup key. @retval LLMP_MISS  none */
LLMP_API LLMP_MUST_USE int llmp_store_find(struct llmp_store *store,
                                           struct llmp_str kind,
                                           struct llmp_str lookup,
                                           llmp_store_doc_fn *see, void *ctx,
                                           struct llmp_error *err);

struct llmp_store_list {
    struct llmp_str kind;
    struct llmp_str prefix; /**< of the id; empty: all */
    struct llmp_str after;  /**< ids behind this one: the last of a page */
    uint32_t rows_max;      /**< 0: 1000; at most LLMP_STORE_ROWS_MAX */
};

/** Shows documents of a kind in the order of their ids' bytes. */
LLMP_API LLMP_MUST_USE int llmp_store_list(struct llmp_store *store,
                                           const struct llmp_store_list *list,
                                           llmp_store_doc_fn *see, void *ctx,
                                           struct llmp_error *err);

/**
 * Shows the documents written or deleted behind `after`, oldest change first,
 * each once as it is now. From 0 it shows everything there is. Keep the last
 * version shown and ask again: how other processes learn of a change.
 *
 * @param rows_max  0: 1000; at most LLMP_STORE_ROWS_MAX
 */
LLMP_API LLMP_MUST_USE int llmp_store_changes(struct llmp_store *store,
                                              uint64_t after, uint32_t rows_max,
                                              llmp_store_doc_fn *see, void *ctx,
                                              struct llmp_error *err);

/** Shows events behind `after`, oldest first. @param rows_max as above */
LLMP_API LLMP_MUST_USE int llmp_store_events(struct llmp_store *store,
                                             uint64_t after, uint32_t rows_max,
                                             llmp_store_event_fn *see,
                                             void *ctx, struct llmp_error *err);

/** Shows sums in the order of day, org, team, user, key, model, currency. */
LLMP_API LLMP_MUST_USE int llmp_store_ledger_sums(
    struct llmp_store *store, const struct llmp_ledger_query *query,
    llmp_ledger_sum_fn *see, void *ctx, struct llmp_error *err);

/** Shows rows in the order in which they were booked. */
LLMP_API LLMP_MUST_USE int llmp_store_ledger_rows(
    struct llmp_store *store, const struct llmp_ledger_query *query,
    llmp_ledger_row_fn *see, void *ctx, struct llmp_error *err);

/** Reads a counter; one that never was is 0. */
LLMP_API LLMP_MUST_USE int llmp_store_counter(
    struct llmp_store *store, struct llmp_str name, uint64_t window,
    uint64_t now_wall_ns, struct llmp_counter *out, struct llmp_error *err);

/** Leases as much of `want` as is left. @param granted 0: nothing is left */
LLMP_API LLMP_MUST_USE int llmp_store_lease(struct llmp_store *store,
                                            const struct llmp_lease *lease,
                                            int64_t *granted,
                                            struct llmp_error *err);

/**
 * Ends a holder's lease: `unused` is free again, the rest counts as used.
 *
 * @retval LLMP_MISS       there is no such lease, or it has expired: all of
 *                         it counts as used
 * @retval LLMP_E_INVALID  `unused` is more than was leased
 */
LLMP_API LLMP_MUST_USE int llmp_store_lease_return(
    struct llmp_store *store, struct llmp_str counter, uint64_t window,
    struct llmp_str holder, int64_t unused, uint64_t now_wall_ns,
    struct llmp_error *err);

/* ---- the writer: a queue and group commit -------------------------------- */

/**
 * Opaque: collects ledger rows and events of many threads and commits them
 * together. What fails stays and is tried again, 100 ms to 10 s apart. Works
 * when llmp_store_writer_pump() is called, which the runtime's thread does.
 */
struct llmp_store_writer;

struct llmp_store_writer_options {
    size_t size;        /**< set by llmp_store_writer_options_init() */
    uint32_t items_max; /**< waiting; default 65536 */
    uint64_t bytes_max; /**< waiting; default 64 MiB */
    uint32_t batch_max; /**< in one commit; default 1024 */
    uint64_t retry_min_ms, retry_max_ms; /**< defaults 100, 10000 */
    /** Something was queued: have pump called. From any thread. NULL: none. */
    void (*wake)(void *ctx);
    void *wake_ctx;
};

LLMP_API void llmp_store_writer_options_init_sized(
    struct llmp_store_writer_options *opts, size_t size);

static inline void llmp_store_writer_options_init(
    struct llmp_store_writer_options *opts)
{
    llmp_store_writer_options_init_sized(opts, sizeof(*opts));
}

/**
 * @param store  taken over: used by the pumping thread, closed with the writer;
 *               stays the caller's when this fails
 * @param opts   NULL: defaults
 */
LLMP_API LLMP_MUST_USE int llmp_store_writer_new(
    struct llmp_store_writer **out, struct llmp_store *store,
    const struct llmp_store_writer_options *opts, struct llmp_error *err);

/** What still waits gets LLMP_E_STATE, jobs too. No other thread may use the
 *  writer any more. Accepts NULL. */
LLMP_API void llmp_store_writer_free(struct llmp_store_writer *writer);

/**
 * A row's end, on the pumping thread, once: LLMP_OK it is committed (or was
 * before); LLMP_E_STATE the writer was freed first; another failure: the store
 * refuses this row for ever. Must not block.
 */
typedef void llmp_store_done_fn(int status, void *ctx);

/**
 * Queues a ledger row; copied. From any thread, without a lock.
 *
 * @param done  may be NULL
 * @retval LLMP_OK    queued: `done` will be called
 * @retval LLMP_FULL  the queue is full: `done` will not be called
 */
LLMP_API LLMP_MUST_USE int llmp_store_writer_row(
    struct llmp_store_writer *writer, const struct llmp_ledger_entry *entry,
    llmp_store_done_fn *done, void *ctx, struct llmp_error *err);

/** Queues an event likewise; its id is required. */
LLMP_API LLMP_MUST_USE int llmp_store_writer_event(
    struct llmp_store_writer *writer, const struct llmp_store_event *event,
    llmp_store_done_fn *done, void *ctx, struct llmp_error *err);

/** What is to be done with the store on the pumping thread: an administrator's
 *  reading or writing. The caller's memory until `done` is called. */
struct llmp_store_job {
    struct llmp_store_job *next; /**< the writer's */
    /** On the pumping thread; may block. `store` must not be kept. Required.
     *  `err` is there to be passed on. */
    int (*run)(struct llmp_store_job *job, struct llmp_store *store,
               struct llmp_error *err);
    /** On the pumping thread, afterwards: what run() returned, or LLMP_E_STATE
     *  if it did not run. Required. */
    void (*done)(struct llmp_store_job *job, int status,
                 const struct llmp_error *err);
};

/** Queues a job, from any thread. Rows queued before it by the same thread are
 *  committed first, unless the store fails. Jobs have no limit: who takes
 *  requests limits them. */
LLMP_API void llmp_store_writer_job(struct llmp_store_writer *writer,
                                    struct llmp_store_job *job);

/**
 * Commits one batch and runs the jobs at hand. One thread at a time; blocks as
 * the store does. Calls `done` of rows and jobs.
 *
 * @return nanoseconds until it wants to be called again; 0: at once;
 *         UINT64_MAX: after the next wake
 */
LLMP_API uint64_t llmp_store_writer_pump(struct llmp_store_writer *writer,
                                         uint64_t now_ns);

enum llmp_store_state {
    LLMP_STORE_WORKS,
    LLMP_STORE_FAILS, /**< the last commit failed; it is tried again */
    LLMP_STORE_DEAD   /**< the connection can only be closed: no more tries */
};

struct llmp_store_health {
    enum llmp_store_state state;
    uint64_t failing_since_ns; /**< as given to pump; 0: works */
    uint64_t items, bytes;     /**< waiting */
    uint64_t committed;        /**< rows and events so far */
    uint64_t refused;          /**< by the store for ever, so far */
    uint64_t full;             /**< times that the queue was full */
    bool has_room;             /**< a row of ordinary size would be taken */
};

/** From any thread. */
LLMP_API void llmp_store_writer_health(const struct llmp_store_writer *writer,
                                       struct llmp_store_health *out);

/* ---- the ledger: journal and writer together ----------------------------- */

/**
 * Opaque: books every exchange once, also when the process is killed in
 * between. Begin before the first byte goes to a provider, end when the usage
 * is known. Without a journal it is only the writer.
 */
struct llmp_ledger;

/** What begin does when the entry cannot be kept. */
enum llmp_store_failure {
    LLMP_STORE_SERVE, /**< goes on; counted as `unkept` */
    LLMP_STORE_REFUSE /**< answers LLMP_FULL: refuse the exchange */
};

struct llmp_ledger_options {
    size_t size; /**< set by llmp_ledger_options_init() */
    enum llmp_store_failure on_store_failure;
};

LLMP_API void llmp_ledger_options_init_sized(struct llmp_ledger_options *opts,
                                             size_t size);

static inline void llmp_ledger_options_init(struct llmp_ledger_options *opts)
{
    llmp_ledger_options_init_sized(opts, sizeof(*opts));
}

/**
 * @param journal  NULL: none; must outlive the ledger
 * @param writer   must outlive the ledger's last begin and end, and be freed
 *                 before the ledger (its rows report here)
 * @param opts     NULL: defaults
 */
LLMP_API LLMP_MUST_USE int llmp_ledger_new(
    struct llmp_ledger **out, struct llmp_journal *journal,
    struct llmp_store_writer *writer, const struct llmp_ledger_options *opts,
    struct llmp_error *err);

/** Accepts NULL. */
LLMP_API void llmp_ledger_free(struct llmp_ledger *ledger);

/**
 * An exchange begins.
 *
 * @param entry  what is to be booked if nothing more is heard: basis unknown,
 *               with the reserved numbers and the counters that they move
 * @param at     receives what llmp_ledger_end() wants; 0: not kept
 * @retval LLMP_OK    go on
 * @retval LLMP_FULL  it cannot be kept, and the policy is to refuse
 */
LLMP_API LLMP_MUST_USE int llmp_ledger_begin(
    struct llmp_ledger *ledger, const struct llmp_ledger_entry *entry,
    llmp_journal_at *at, struct llmp_error *err);

/**
 * An exchange has ended: its row, under the id that it began with. From any
 * thread, once for each begin that returned LLMP_OK.
 *
 * @retval LLMP_OK    it will be booked, also when the process is killed now
 * @retval LLMP_AGAIN queued, but the journal had no room: booked, unless the
 *                    process is killed first; then its intent is, as unknown
 * @retval LLMP_FULL  neither was possible, which is counted as `unkept`: call
 * it again later, or the intent, if there is one, is booked as unknown at the
 * next start
 */
LLMP_API LLMP_MUST_USE int llmp_ledger_end(
    struct llmp_ledger *ledger, llmp_journal_at at,
    const struct llmp_ledger_entry *entry, struct llmp_error *err);

/** Nothing was sent to a provider after all: nothing is booked. */
LLMP_API void llmp_ledger_cancel(struct llmp_ledger *ledger,
                                 llmp_journal_at at);

/**
 * At start, before the first begin: queues what an earlier process left:
 * outcomes that were not committed, then intents without outcome as rows of
 * unknown basis. On the pumping thread; what the queue has no room for
 * follows with llmp_ledger_pump().
 *
 * @param outcomes,intents  receive how many; may be NULL
 * @retval LLMP_OK     all of it is queued
 * @retval LLMP_AGAIN  the rest follows with llmp_ledger_pump()
 */
LLMP_API LLMP_MUST_USE int llmp_ledger_recover(struct llmp_ledger *ledger,
                                               uint64_t *outcomes,
                                               uint64_t *intents);

/** Queues from the journal what the writer had no room for. On the pumping
 *  thread, before each pump. @return whether more waits there */
LLMP_API bool llmp_ledger_pump(struct llmp_ledger *ledger);

/** Whether the next llmp_ledger_pump() finds something. Who pumps asks after
 *  llmp_store_writer_pump(), before it sleeps: what found the queue full until
 *  then is in the journal. From any thread. */
LLMP_API bool llmp_ledger_is_behind(const struct llmp_ledger *ledger);

struct llmp_ledger_stats {
    uint64_t begun, ended;
    uint64_t unkept;  /**< neither journalled nor queued */
    uint64_t damaged; /**< journal records that could not be read */
};

/** From any thread. */
LLMP_API void llmp_ledger_stats(const struct llmp_ledger *ledger,
                                struct llmp_ledger_stats *out);

/* ---- for authors of backends --------------------------------------------- */

/**
 * A backend. Arguments were checked: texts, numbers and counts are within the
 * limits above, `rows_max` is not 0. An empty string's pointer may be NULL.
 * `self` is one connection; one thread uses it at a time. A weaker promise
 * than the rest of this header: slots may be added at the end.
 */
struct llmp_store_ops {
    size_t size;      /**< sizeof(struct llmp_store_ops) */
    const char *name; /**< required */
    /** Required. */
    void (*close)(void *self);
    /** Another connection to the same data. Required. */
    int (*open_again)(void **out, void *self, struct llmp_error *err);
    /** All or nothing, in the order given; a later operation sees what an
     *  earlier one did. Versions come in the order of commits: who reads
     *  changes up to N will never see a new one below N. Required. */
    int (*commit)(void *self, struct llmp_store_op *ops, size_t count,
                  struct llmp_error *err);
    /** By id or by lookup key. LLMP_MISS: none. Required. */
    int (*get)(void *self, struct llmp_str kind, struct llmp_str id,
               bool by_lookup, llmp_store_doc_fn *see, void *ctx,
               struct llmp_error *err);
    /** Required, and so are all that follow. */
    int (*list)(void *self, const struct llmp_store_list *list,
                llmp_store_doc_fn *see, void *ctx, struct llmp_error *err);
    int (*changes)(void *self, uint64_t after, uint32_t rows_max,
                   llmp_store_doc_fn *see, void *ctx, struct llmp_error *err);
    int (*events)(void *self, uint64_t after, uint32_t rows_max,
                  llmp_store_event_fn *see, void *ctx, struct llmp_error *err);
    int (*usage_sums)(void *self, const struct llmp_ledger_query *query,
                      llmp_ledger_sum_fn *see, void *ctx,
                      struct llmp_error *err);
    int (*usage_rows)(void *self, const struct llmp_ledger_query *query,
                      llmp_ledger_row_fn *see, void *ctx,
                      struct llmp_error *err);
    int (*counter)(void *self, struct llmp_str name, uint64_t window,
                   uint64_t now_wall_ns, struct llmp_counter *out,
                   struct llmp_error *err);
    /** A backend with a clock of its own, which all its clients share, may
     *  use it in place of now_wall_ns. */
    int (*lease)(void *self, const struct llmp_lease *lease, int64_t *granted,
                 struct llmp_error *err);
    int (*lease_return)(void *self, struct llmp_str counter, uint64_t window,
                        struct llmp_str holder, int64_t unused,
                        uint64_t now_wall_ns, struct llmp_error *err);
};

/**
 * Makes a store of a backend.
 *
 * @param ops   must outlive the store and all opened again from it
 * @param self  taken over; stays the caller's when this fails
 * @retval LLMP_E_INVALID  a required slot is missing
 */
LLMP_API LLMP_MUST_USE int llmp_store_new(struct llmp_store **out,
                                          const struct llmp_store_ops *ops,
                                          void *self, struct llmp_error *err);

#ifdef __cplusplus
}
#endif
#endif
