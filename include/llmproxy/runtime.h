/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file llmproxy/runtime.h
 * Drives exchanges on a host's event loop: the only part of the library with
 * sockets and threads.
 *
 * One driver a thread. The host lends its loop by six hooks and tells the
 * driver what became ready; the driver carries the exchanges' calls to the
 * providers and brings their answers back.
 */
#ifndef LLMPROXY_RUNTIME_H
#define LLMPROXY_RUNTIME_H

#include <llmproxy/base.h>
#include <llmproxy/journal.h>

#ifdef __cplusplus
extern "C" {
#endif

struct llmp_gateway;
struct llmp_request_head; /* gateway.h */
struct llmp_response_head;
struct llmp_summary;

/** One HTTP field. Names in lower case wherever the library makes them. */
struct llmp_header {
    struct llmp_str name, value;
};

enum llmp_transport_kind {
    LLMP_TRANSPORT_NATIVE, /**< own HTTP/1.1 keep-alive client */
    LLMP_TRANSPORT_CURL    /**< libcurl: HTTP/2, proxies, odd servers */
};

/** Where a provider is and how to get there. Part of the configuration. */
struct llmp_origin {
    const char *id;     /**< stable: equal ids share connections */
    const char *scheme; /**< "http" or "https" */
    const char *host;   /**< name or address, IPv6 without brackets */
    uint16_t port;
    const char *authority; /**< "host" or "host:port", as in a Host field */
    enum llmp_transport_kind transport;
    bool http2;          /**< curl and https only */
    const char *ca_file; /**< PEM; NULL: the system's */
    const char *proxy;   /**< URL; NULL: none; curl only */
    bool tls_verify;     /**< false only for tests on loopback */
    uint64_t connect_timeout_ms;
    uint32_t connections_max; /**< a driver; 0: no bound */
};

enum llmp_ready { LLMP_READ = 1, LLMP_WRITE = 2 };

/** A host's event loop, as one thread's driver sees it. */
struct llmp_loop_ops {
    size_t size; /**< sizeof(struct llmp_loop_ops) */
    /**
     * Starts to watch a descriptor, level-triggered; returns a handle, or
     * NULL when that is impossible. `token` goes back to llmp_driver_ready().
     */
    void *(*watch_new)(int fd, unsigned events, void *token, void *loop);
    /** Changes the events; 0 keeps the handle, reports nothing. */
    void (*watch_set)(void *watch, unsigned events, void *loop);
    /** Ends a watch; afterwards its token is never reported again. */
    void (*watch_free)(void *watch, void *loop);
    /** Sets the one timer to a monotonic time; UINT64_MAX stops it. */
    void (*timer)(uint64_t at_ns, void *loop);
    /** Asks for one llmp_driver_turn_end() before the loop sleeps again. */
    void (*turn_end)(void *loop);
    /** From any thread: have llmp_driver_woken() called on the loop's. */
    void (*wake)(void *loop);
};

/** Opaque: one thread's driver. */
struct llmp_driver;

struct llmp_driver_options {
    size_t size;           /**< sizeof(struct llmp_driver_options) */
    uint32_t pool_threads; /**< offload threads of this driver; 0: 1 */
};

/**
 * Makes a driver on the calling thread; all other calls, but the loop's wake,
 * come from that thread.
 *
 * @param gateway  must outlive the driver
 * @param ops      must outlive the driver; every hook is required
 * @param opts     NULL: defaults
 * @retval LLMP_OK        done
 * @retval LLMP_E_INVALID a hook is missing
 * @retval LLMP_E_ABI     `opts` was made for a newer library
 * @retval LLMP_E_NOMEM   out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_driver_new(
    struct llmp_driver **out, struct llmp_gateway *gateway,
    const struct llmp_loop_ops *ops, void *loop,
    const struct llmp_driver_options *opts, struct llmp_error *err);

/** Every exchange must have ended. Accepts NULL. */
LLMP_API void llmp_driver_free(struct llmp_driver *driver);

/* What the loop reports, on the driver's thread. Each may call client
 * callbacks of any drive. */

/** A watched descriptor is ready. @param token as given to watch_new()
 *  @param events of enum llmp_ready, one or both */
LLMP_API void llmp_driver_ready(struct llmp_driver *driver, void *token,
                                unsigned events);
/** The time given to timer() has come; too early does no harm. */
LLMP_API void llmp_driver_timer(struct llmp_driver *driver);
/** The turn that turn_end() asked for ends. */
LLMP_API void llmp_driver_turn_end(struct llmp_driver *driver);
/** After wake(), once or more often. */
LLMP_API void llmp_driver_woken(struct llmp_driver *driver);

/** For the metrics: the loop's last turn took so long, from the first callback
 *  to the sleep. Optional. @param turn_ns nanoseconds */
LLMP_API void llmp_driver_took(struct llmp_driver *driver, uint64_t turn_ns);

/** Monotonic and civil time of now; one vDSO call each. */
LLMP_API struct llmp_time llmp_clock(void);

/**
 * The client's side of one exchange. The driver calls these from within any
 * llmp_driver_… or llmp_drive_… call on its thread, never from elsewhere.
 */
struct llmp_client_ops {
    size_t size; /**< sizeof(struct llmp_client_ops) */
    /** The answer's head, once. Pointers hold during the call only. */
    void (*respond)(const struct llmp_response_head *head, void *ctx);
    /** A piece of the body: copy what is not sent at once, then report with
     *  llmp_drive_drained() what the client took. */
    void (*write)(struct llmp_str bytes, void *ctx);
    /** The exchange has ended, once, last; the drive is gone when this
     *  returns. `summary->complete` false: the body is cut short, so the
     *  connection (or HTTP/2 stream) must be reset, not ended. */
    void (*done)(const struct llmp_summary *summary, void *ctx);
    /** Stop (true) or go on (false) feeding the request body. */
    void (*pause)(bool paused, void *ctx);
};

/** Opaque: one exchange being driven. */
struct llmp_drive;

/**
 * Opens an exchange.
 *
 * @param ops  must outlive the drive
 * @retval LLMP_OK       done
 * @retval LLMP_E_NOMEM  out of memory: answer 503 yourself
 */
LLMP_API LLMP_MUST_USE int llmp_drive_open(struct llmp_drive **out,
                                           struct llmp_driver *driver,
                                           const struct llmp_client_ops *ops,
                                           void *ctx);

/* What the client sends, in this order. Each may end the exchange, after which
 * the drive is gone (see done). */

/** The head. @param head read during the call only */
LLMP_API void llmp_drive_head(struct llmp_drive *drive,
                              const struct llmp_request_head *head);
/** The next bytes of the body. @param bytes read during the call only */
LLMP_API void llmp_drive_body(struct llmp_drive *drive, struct llmp_str bytes);
/** The body is complete, or there is none. */
LLMP_API void llmp_drive_end(struct llmp_drive *drive);
/** The client took `n` more bytes of the body: never more than written. */
LLMP_API void llmp_drive_drained(struct llmp_drive *drive, size_t n);
/** The host shuts down: the exchange ends now, properly where that is possible:
 *  a 503, or an error event in a stream. done() is called. */
LLMP_API void llmp_drive_stop(struct llmp_drive *drive);
/** The client is gone: cancels the upstream call; done() is called. */
LLMP_API void llmp_drive_abort(struct llmp_drive *drive);

/* ---- what outlives the process: the journal's files, the store's thread - */

struct llmp_store; /* store.h */
struct llmp_store_writer;
struct llmp_store_writer_options;
struct llmp_ledger;
struct llmp_ledger_options;

/** Opaque: a folder of mapped files with a journal in them. One process owns
 *  it at a time. */
struct llmp_journal_file;

struct llmp_journal_file_options {
    size_t size;               /**< set by …_init() */
    const char *folder;        /**< required; made with mode 0700 if need be */
    uint32_t segment_size;     /**< bytes a file; default 4 MiB */
    uint32_t segments_max;     /**< files; default 32, at least 3 */
    uint32_t open_max;         /**< exchanges at once; default 16384 */
    struct llmp_random random; /**< required */
};

LLMP_API void llmp_journal_file_options_init_sized(
    struct llmp_journal_file_options *opts, size_t size);

static inline void llmp_journal_file_options_init(
    struct llmp_journal_file_options *opts)
{
    llmp_journal_file_options_init_sized(opts, sizeof(*opts));
}

/**
 * Opens the folder's files and makes the first ones. What an earlier process
 * left is kept for llmp_ledger_recover().
 *
 * @param wall_ns  for the heads of new segments
 * @retval LLMP_OK            done
 * @retval LLMP_E_INVALID     an option is missing or not acceptable
 * @retval LLMP_E_STATE       another process owns the folder
 * @retval LLMP_E_IO          it cannot be made, read or filled (disk full)
 * @retval LLMP_E_UNSUPPORTED a file is of a later version or another size
 * @retval LLMP_E_CORRUPT     a file is no journal
 * @retval LLMP_E_NOMEM       out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_journal_file_open(
    struct llmp_journal_file **out,
    const struct llmp_journal_file_options *opts, uint64_t wall_ns,
    struct llmp_error *err);

/** Nobody may use the journal any more. Accepts NULL. */
LLMP_API void llmp_journal_file_close(struct llmp_journal_file *file);

/** The journal in it; lives as long as `file`. */
LLMP_API struct llmp_journal *llmp_journal_file_journal(
    struct llmp_journal_file *file);

/**
 * Has the next segment ready, in a new file if need be. The store's thread
 * calls it; a program without one calls it from one thread, after each switch.
 *
 * @retval LLMP_OK    done
 * @retval LLMP_FULL  all files hold what is not settled
 * @retval LLMP_E_IO  the disk is full or fails; what there is goes on
 */
LLMP_API LLMP_MUST_USE int llmp_journal_file_maintain(
    struct llmp_journal_file *file, uint64_t wall_ns, struct llmp_error *err);

/**
 * Makes what was appended before this call survive a crash of the machine.
 * From any thread that may block.
 *
 * @retval LLMP_OK    done
 * @retval LLMP_E_IO  it failed, now or earlier: the journal takes nothing any
 *                    more, because the system may have dropped the pages that
 *                    it could not write and would call them clean
 */
LLMP_API LLMP_MUST_USE int llmp_journal_file_sync(
    struct llmp_journal_file *file, struct llmp_error *err);

/** Opaque: a thread that pumps a store's writer and ledger, and with a journal
 *  another one that keeps its next segment ready, however slow the store. */
struct llmp_store_thread;

struct llmp_store_thread_options {
    size_t size;                       /**< set by …_init() */
    struct llmp_journal_file *journal; /**< NULL: none; must outlive it */
    /** NULL: defaults. `wake` is set by the thread. */
    const struct llmp_store_writer_options *writer;
    const struct llmp_ledger_options *ledger; /**< NULL: defaults */
};

LLMP_API void llmp_store_thread_options_init_sized(
    struct llmp_store_thread_options *opts, size_t size);

static inline void llmp_store_thread_options_init(
    struct llmp_store_thread_options *opts)
{
    llmp_store_thread_options_init_sized(opts, sizeof(*opts));
}

/**
 * Makes writer and ledger, queues what an earlier process left in the journal,
 * and starts the thread.
 *
 * @param store  taken over, also when this fails
 * @param opts   NULL: defaults
 * @retval LLMP_OK       done
 * @retval LLMP_E_IO     no thread or descriptor is to be had
 * @retval LLMP_E_NOMEM  out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_store_thread_start(
    struct llmp_store_thread **out, struct llmp_store *store,
    const struct llmp_store_thread_options *opts, struct llmp_error *err);

/**
 * Lets the thread commit what is queued, at most for `patience_ms`, ends it and
 * frees writer and ledger, which nobody may use any more. What was not
 * committed stays in the journal. Accepts NULL.
 */
LLMP_API void llmp_store_thread_stop(struct llmp_store_thread *thread,
                                     uint64_t patience_ms);

/** For jobs and health; lives as long as the thread. */
LLMP_API struct llmp_store_writer *llmp_store_thread_writer(
    struct llmp_store_thread *thread);
/** For begin and end; lives as long as the thread. */
LLMP_API struct llmp_ledger *llmp_store_thread_ledger(
    struct llmp_store_thread *thread);

#ifdef __cplusplus
}
#endif
#endif
