/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file llmproxy/gateway.h
 * The engine without sockets, threads or clocks: one exchange at a time is
 * fed what came and asked what it needs.
 *
 * Feeding: llmp_exchange_request_…(), _call_…(), _drained(), _tick(),
 * _stop(), _abort(). Asking: llmp_exchange_next() until it says no more. Bytes
 * that were fed must stay put until then, because asks point into them.
 * A driver for real sockets is in runtime.h; the tests have one for virtual
 * time.
 */
#ifndef LLMPROXY_GATEWAY_H
#define LLMPROXY_GATEWAY_H

#include <llmproxy/base.h>
#include <llmproxy/config.h>
#include <llmproxy/runtime.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Opaque: configuration, metrics, what all workers share. Thread safe. */
struct llmp_gateway;
/** Opaque: what one thread needs for itself. Used by one thread. */
struct llmp_worker;
/** Opaque: one client request and its answer. Lives on one worker. */
struct llmp_exchange;

/**
 * Creates the engine.
 *
 * @param config  a reference is taken
 * @param random  copied; `fill` must be thread safe
 * @retval LLMP_OK        done
 * @retval LLMP_E_INVALID an argument is NULL
 * @retval LLMP_E_NOMEM   out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_gateway_new(struct llmp_gateway **out,
                                            struct llmp_config *config,
                                            const struct llmp_random *random,
                                            struct llmp_error *err);

/** Every worker must be gone. Accepts NULL. */
LLMP_API void llmp_gateway_free(struct llmp_gateway *gateway);

/**
 * Swaps the configuration for exchanges that begin from now on. Limits are in
 * force at once, for those under way, too; what was used under old limits
 * counts under the new ones.
 *
 * From any thread, one at a time. A reference is taken.
 *
 * @retval LLMP_OK       done
 * @retval LLMP_E_LIMIT  keys or owners cannot have so many limits
 * @retval LLMP_E_NOMEM  out of memory; the old one stays in force, but limits
 * of owners may be the new ones already
 */
LLMP_API LLMP_MUST_USE int llmp_gateway_reload(struct llmp_gateway *gateway,
                                               struct llmp_config *config,
                                               struct llmp_error *err);

/** The configuration in force; the caller owns the reference. */
LLMP_API struct llmp_config *llmp_gateway_config(struct llmp_gateway *gateway);

/** What a request is, to explain who would answer it. */
struct llmp_explain_options {
    size_t size;          /**< by llmp_explain_options_init() */
    struct llmp_str path; /**< default "/v1/chat/completions" */
    struct llmp_str body; /**< JSON, as a client would send it */
    struct llmp_str key;  /**< name or id of the key that asks; empty: no key's
                               rules, residency and models hold */
    const struct llmp_header *headers; /**< names in lower case; may be NULL */
    size_t header_count;
    bool json; /**< for programs; else a table for people */
    /* New members go here, with 0 meaning "as before". Since 1.0: all above. */
};
LLMP_API void llmp_explain_options_init_sized(struct llmp_explain_options *opts,
                                              size_t size);
static inline void llmp_explain_options_init(struct llmp_explain_options *opts)
{
    llmp_explain_options_init_sized(opts, sizeof(*opts));
}

/**
 * Says which deployment would be chosen for a request now and why, and why not
 * the others: the model's rules, residency, how hard the prompt is, breakers,
 * prices, what a translation would lose. Nothing is called or counted. Limits
 * and budgets are not looked at. From any thread.
 *
 * @param opts  read during the call only
 * @param now   breakers and prices are those of this time
 * @param sink  called once, with the whole text; that the request would be
 *              refused is a part of it
 * @param ctx   handed to `sink`
 * @retval LLMP_OK           done
 * @retval LLMP_E_INVALID    nothing is routed at this path, or the body is not
 *                           usable
 * @retval LLMP_E_NOT_FOUND  there is no such key
 * @retval LLMP_E_ABI        see llmp_options
 * @retval LLMP_E_NOMEM      out of memory; `sink` was not called
 */
LLMP_API LLMP_MUST_USE int llmp_gateway_explain(
    struct llmp_gateway *gateway, const struct llmp_explain_options *opts,
    struct llmp_time now, llmp_text_sink sink, void *ctx,
    struct llmp_error *err);

struct llmp_ledger; /* store.h */
struct llmp_store_writer;

/**
 * Books every call of a provider from now on. From any thread, before
 * exchanges begin.
 *
 * @param ledger  NULL: nothing is booked; must outlive the exchanges
 */
LLMP_API void llmp_gateway_set_ledger(struct llmp_gateway *gateway,
                                      struct llmp_ledger *ledger);

/**
 * Gives budgets and daily or monthly limits what the store says was used in
 * their present windows: after a start, and after a reload. Limits that have
 * it already are left alone. Returns at once; the store's thread does it.
 *
 * @param done  called on the store's thread when it is done, or has failed
 *              (negative status); may be NULL
 * @retval LLMP_E_NOMEM  out of memory; `done` is not called
 */
LLMP_API LLMP_MUST_USE int llmp_gateway_restore_limits(
    struct llmp_gateway *gateway, struct llmp_store_writer *writer,
    struct llmp_time now, void (*done)(int status, void *ctx), void *ctx);

/**
 * Keys, users, teams and organisations that are administered in a store join
 * those of the configuration. Returns at once; the store's thread reads them.
 * Before workers begin.
 *
 * @param writer  must outlive the exchanges; NULL: there is none any more, see
 *                llmp_gateway_leave_store()
 * @param done    called on the store's thread when they are in force, or could
 *                not be read (negative status); may be NULL
 */
LLMP_API void llmp_gateway_set_store(struct llmp_gateway *gateway,
                                     struct llmp_store_writer *writer,
                                     void (*done)(int status, void *ctx),
                                     void *ctx);

/**
 * Has the store's thread look for what other processes changed there, unless
 * it does so already. Call it every 300 ms or so: a key that was revoked
 * elsewhere is refused here after that. From one thread.
 */
LLMP_API void llmp_gateway_sync(struct llmp_gateway *gateway,
                                struct llmp_time now);

/**
 * The process ends: what it has of limits that are shared with others, and has
 * not used, is given back, and it is written when keys were last used. After
 * the last exchange, before the store's thread is stopped, which does it; then
 * comes llmp_gateway_set_store() with NULL. Without a store nothing happens.
 */
LLMP_API void llmp_gateway_leave_store(struct llmp_gateway *gateway,
                                       struct llmp_time now);

/** While draining, /health/ready answers 503. From any thread. */
LLMP_API void llmp_gateway_drain(struct llmp_gateway *gateway, bool draining);

/**
 * Makes what one thread needs: the pool of exchanges, metrics, randomness.
 * May be called on any thread; the worker is used by one at a time.
 *
 * @param out      receives the worker on LLMP_OK; owned by the caller
 * @param gateway  must outlive the worker
 * @param err      NULL, or receives details
 * @retval LLMP_OK       done
 * @retval LLMP_E_NOMEM  out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_worker_new(struct llmp_worker **out,
                                           struct llmp_gateway *gateway,
                                           struct llmp_error *err);
/** Every exchange must be gone. Accepts NULL. */
LLMP_API void llmp_worker_free(struct llmp_worker *worker);

/**
 * Has `wake` called when an exchange of this worker has news: a job is done,
 * another exchange has fetched what it waits for. Then the worker's thread
 * calls llmp_worker_woken() until it has nothing, and feeds each exchange with
 * llmp_exchange_woken(). Without it, exchanges look again by their timers.
 *
 * @param wake  called from any thread, with a lock held: it may only raise a
 *              flag or write to a descriptor; NULL: nothing is called any more
 */
LLMP_API void llmp_worker_on_wake(struct llmp_worker *worker,
                                  void (*wake)(void *ctx), void *ctx);

/** The next exchange that has news; NULL: none. On the worker's thread. */
LLMP_API struct llmp_exchange *llmp_worker_woken(struct llmp_worker *worker);

/**
 * When to call llmp_exchange_check() next: some seconds ahead at most, because
 * a reload may change it. On the worker's thread.
 */
LLMP_API uint64_t llmp_worker_check_ns(struct llmp_worker *worker,
                                       struct llmp_time now);

/** For the metrics: a turn of the worker's loop took so long.
 *  @param turn_ns  nanoseconds */
LLMP_API void llmp_worker_took(struct llmp_worker *worker, uint64_t turn_ns);

/** Why a request never became one: found by the server's HTTP parser. */
enum llmp_bad_request {
    LLMP_BAD_NONE,           /**< it is a proper request */
    LLMP_BAD_SYNTAX,         /**< 400: not HTTP, or a smuggling shape */
    LLMP_BAD_HEAD_TOO_LARGE, /**< 431 */
    LLMP_BAD_URI_TOO_LONG,   /**< 414 */
    LLMP_BAD_HEAD_TIMEOUT,   /**< 408 */
    LLMP_BAD_VERSION,        /**< 505 */
    LLMP_BAD_EXPECTATION     /**< 417 */
};

#define LLMP_BODY_UNKNOWN UINT64_MAX /**< chunked, or ends with the stream */

/** A client's request head. */
struct llmp_request_head {
    enum llmp_bad_request bad; /**< else the exchange only answers that */
    const char *bad_reason;    /**< one phrase, or NULL */
    struct llmp_str method;    /**< "POST" */
    struct llmp_str target;    /**< origin form: "/v1/models?limit=1" */
    struct llmp_str host;      /**< Host or :authority; checked on the listener
                                    for administration only */
    const struct llmp_header *headers; /**< names in lower case */
    size_t header_count;
    uint64_t body_size;   /**< 0: no body; LLMP_BODY_UNKNOWN */
    uint64_t received_ns; /**< monotonic, when its last byte was there */
    struct llmp_str peer; /**< address, for the log; may be empty */
    uint8_t http_major, http_minor;
    bool tls;
    bool admin;       /**< it came to the listener for administration */
    bool admin_local; /**< from this machine, from a process of our own user:
                           an administrator, if it shows no credential */
    struct llmp_str tls_name; /**< of the client's certificate, if it was
                                   verified; else empty */
};

/** An answer's head: the client's or an upstream's. */
struct llmp_response_head {
    uint16_t status;
    const struct llmp_header *headers; /**< no connection-level fields */
    size_t header_count;
    uint64_t body_size;     /**< 0: none; LLMP_BODY_UNKNOWN */
    bool close;             /**< to a client: end the connection afterwards */
    uint64_t sent_ns;       /**< from an upstream: when the request's last byte
                                 (or first 64 KiB) was handed to the kernel */
    bool request_sent;      /**< from an upstream: all of it; else the call's
                                 body is still being read */
    bool connection_reused; /**< from an upstream */
};

/** One request to a provider. Pointers hold until that call has ended. */
struct llmp_call {
    uint32_t id;
    const struct llmp_origin *origin;
    struct llmp_str method, path;      /**< path with query */
    const struct llmp_header *headers; /**< Host and framing are the
                                            transport's */
    size_t header_count;
    uint64_t body_size;          /**< LLMP_BODY_UNKNOWN: chunked */
    const struct llmp_str *body; /**< the whole body in parts, if it is
                                      at hand; else NULL and CALL_BODY
                                      asks follow */
    size_t body_parts;
};

/** How an upstream call failed. */
enum llmp_call_failure {
    LLMP_CALL_RESOLVE,  /**< no such host */
    LLMP_CALL_CONNECT,  /**< refused, unreachable, timed out connecting */
    LLMP_CALL_TLS,      /**< handshake or certificate */
    LLMP_CALL_SEND,     /**< broke while the request was being sent */
    LLMP_CALL_RECEIVE,  /**< broke before the answer's end */
    LLMP_CALL_PROTOCOL, /**< the answer is not HTTP, or beyond the limits */
    LLMP_CALL_RESOURCES /**< memory or descriptors are short here */
};

enum llmp_ask_kind {
    LLMP_ASK_CALL,      /**< begin `call` */
    LLMP_ASK_CALL_BODY, /**< send `bytes` to call `id`; `last` with the end */
    LLMP_ASK_CANCEL,    /**< call `id` is not wanted any more: report nothing
                             about it from now on */
    LLMP_ASK_RESPOND,   /**< `response` to the client */
    LLMP_ASK_WRITE,     /**< `bytes` to the client */
    LLMP_ASK_DONE,      /**< the exchange has ended: free it */
    LLMP_ASK_PAUSE,     /**< stop feeding: the request (id 0) or call `id` */
    LLMP_ASK_RESUME,    /**< go on */
    LLMP_ASK_WAIT       /**< feed _tick() at `until_ns` (UINT64_MAX: never);
                             replaces the wait before */
};

/** What an exchange needs. `bytes` and `response` hold until the next call of
 *  llmp_exchange_next() or feed; `call` until that call has ended, failed or
 *  been cancelled. */
struct llmp_ask {
    enum llmp_ask_kind kind;
    uint32_t id; /**< of the call; 0: the request */
    bool last;
    struct llmp_str bytes;
    const struct llmp_call *call;
    const struct llmp_response_head *response;
    uint64_t until_ns;
};

/**
 * Opens an exchange under the configuration in force. As all calls with an
 * exchange: on the worker's thread.
 *
 * @param out     receives the exchange on LLMP_OK; given back with
 *                llmp_exchange_free()
 * @param worker  must outlive the exchange
 * @param now     both clocks; monotonic time must not go backwards
 * @retval LLMP_OK       done
 * @retval LLMP_E_NOMEM  out of memory: answer 503 without it
 */
LLMP_API LLMP_MUST_USE int llmp_exchange_new(struct llmp_exchange **out,
                                             struct llmp_worker *worker,
                                             struct llmp_time now);

/** What the driver knows it by; NULL until it says so. */
LLMP_API void llmp_exchange_set_data(struct llmp_exchange *exchange,
                                     void *data);
LLMP_API void *llmp_exchange_data(const struct llmp_exchange *exchange);

/** After LLMP_ASK_DONE, or at any time to drop everything. Accepts NULL. */
LLMP_API void llmp_exchange_free(struct llmp_exchange *exchange);

/**
 * Makes a fresh exchange a health check of a provider, if one is due: it has no
 * client, asks for a call, and ends. All workers of a gateway share the list of
 * what is due; a driver that never calls this makes no checks.
 *
 * @retval LLMP_OK    begun: take its asks
 * @retval LLMP_MISS  nothing is due: free it
 */
LLMP_API LLMP_MUST_USE int llmp_exchange_check(struct llmp_exchange *exchange,
                                               struct llmp_time now);

/* Feeds. None fails: what goes wrong becomes an answer. Each is followed by
 * llmp_exchange_next() until that returns false. Feeds about a call that has
 * ended, or for an exchange that has, are ignored. */

/**
 * The client's head, once and first.
 *
 * @param head  read during the call only; names in lower case
 */
LLMP_API void llmp_exchange_request_head(struct llmp_exchange *exchange,
                                         const struct llmp_request_head *head,
                                         struct llmp_time now);

/**
 * The next bytes of the client's body.
 *
 * @param bytes  any size, empty too; must stay put until the asks were taken
 */
LLMP_API void llmp_exchange_request_body(struct llmp_exchange *exchange,
                                         struct llmp_str bytes,
                                         struct llmp_time now);

/** The client's body is complete. Also for a head without a body. */
LLMP_API void llmp_exchange_request_end(struct llmp_exchange *exchange,
                                        struct llmp_time now);

/**
 * A provider's final head: informational ones (1xx) are the driver's.
 *
 * @param id    of the call
 * @param head  read during the call only, but for header texts, which must
 *              stay put until the asks were taken
 */
LLMP_API void llmp_exchange_call_head(struct llmp_exchange *exchange,
                                      uint32_t id,
                                      const struct llmp_response_head *head,
                                      struct llmp_time now);

/** The next bytes of its body; they must stay put until the asks were taken. */
LLMP_API void llmp_exchange_call_body(struct llmp_exchange *exchange,
                                      uint32_t id, struct llmp_str bytes,
                                      struct llmp_time now);

/** Its body has come to its proper end; the call is over. */
LLMP_API void llmp_exchange_call_end(struct llmp_exchange *exchange,
                                     uint32_t id, struct llmp_time now);

/**
 * The call is over without a proper end.
 *
 * @param sent  the provider may have received the whole request, and may ask
 *              money for it
 */
LLMP_API void llmp_exchange_call_fail(struct llmp_exchange *exchange,
                                      uint32_t id,
                                      enum llmp_call_failure failure, bool sent,
                                      struct llmp_time now);

/** A full upload to call `id` has room again. */
LLMP_API void llmp_exchange_call_writable(struct llmp_exchange *exchange,
                                          uint32_t id, struct llmp_time now);

/** An upload to call `id` is full: the request is paused until
 *  _call_writable(). What the client has under way is still handed on. */
LLMP_API void llmp_exchange_call_full(struct llmp_exchange *exchange,
                                      uint32_t id, struct llmp_time now);

/** @param n  bytes of LLMP_ASK_WRITE that the client took since the last call;
 *            never more than were written */
LLMP_API void llmp_exchange_drained(struct llmp_exchange *exchange, size_t n,
                                    struct llmp_time now);

/** The time of LLMP_ASK_WAIT has come; too early does no harm. */
LLMP_API void llmp_exchange_tick(struct llmp_exchange *exchange,
                                 struct llmp_time now);

/** Somebody has news for it: see llmp_worker_woken(). Once too often does no
 *  harm. */
LLMP_API void llmp_exchange_woken(struct llmp_exchange *exchange,
                                  struct llmp_time now);

/** The gateway shuts down: the exchange ends now, with a 503 if nothing was
 *  answered yet, with an error event in a stream. */
LLMP_API void llmp_exchange_stop(struct llmp_exchange *exchange,
                                 struct llmp_time now);

/** The client is gone: the call is cancelled, nothing more is written. */
LLMP_API void llmp_exchange_abort(struct llmp_exchange *exchange,
                                  struct llmp_time now);

/**
 * Takes the next ask.
 *
 * @param ask  written when there is one
 * @return false when there is none until the next feed
 */
LLMP_API bool llmp_exchange_next(struct llmp_exchange *exchange,
                                 struct llmp_ask *ask);

/** How an exchange ended. */
enum llmp_ending {
    LLMP_END_COMPLETE,        /**< the whole answer, with its proper end */
    LLMP_END_REFUSED,         /**< by the gateway: see status and error_code */
    LLMP_END_UPSTREAM_ERROR,  /**< the provider answered with an error */
    LLMP_END_UPSTREAM_FAILED, /**< no answer: connect, cut, protocol */
    LLMP_END_TIMEOUT,         /**< the provider was too slow */
    LLMP_END_CUT,             /**< the answer broke after it had begun */
    LLMP_END_CLIENT_GONE,
    LLMP_END_OVERTAKEN /**< of an attempt, in the ledger: that of a hedge which
                            was not the first to answer */
};

/** "complete", "refused", … for logs and metrics. */
LLMP_API const char *llmp_ending_name(enum llmp_ending ending);

#define LLMP_SUMMARY_GUARD_MAX 4096 /**< bytes of llmp_summary.guard */

/** One exchange, for the access log. No prompt text, no secret. */
struct llmp_summary {
    size_t size;
    bool complete; /**< the client's answer has its proper end */
    enum llmp_ending ending;
    struct llmp_str request_id;
    struct llmp_str operation;    /**< "chat", "embeddings", …; or empty */
    struct llmp_str method, path; /**< path without query */
    struct llmp_str model;        /**< as asked */
    struct llmp_str provider, upstream_model;
    struct llmp_str upstream_request_id;
    struct llmp_str error_code; /**< of our own refusal, else empty */
    struct llmp_str peer;
    uint16_t status;          /**< sent to the client; 0: none */
    uint16_t upstream_status; /**< 0: none */
    bool stream;
    uint64_t started_wall_ns;
    uint64_t request_bytes, response_bytes;
    uint64_t duration_ns;    /**< head received to end */
    uint64_t own_ns;         /**< the gateway's part before the first byte */
    uint64_t first_byte_ns;  /**< head received to answer's head; 0: none */
    uint64_t first_token_ns; /**< to the first content event; 0: none */
    uint64_t last_token_ns;  /**< to the last content event; 0: none */
    uint64_t events;         /**< stream events passed on */
    enum llmp_usage_basis usage_basis;
    uint64_t input_tokens, output_tokens, cached_tokens, reasoning_tokens;
    struct llmp_str key, user, team, org; /**< who called; or empty */
    struct llmp_str downgraded_to; /**< the model that answered instead, because
                                        a budget is nearly used up; or empty */
    struct llmp_str limited_by;    /**< of a refusal by a limit: "team research:
                                        tokens a minute" */
    struct llmp_str soft_limit; /**< a budget that this exchange took past its
                                     soft threshold: "team research: money a
                                     day"; each crossing is said once */
    bool cost_known;            /**< else nobody knows what it cost */
    uint64_t cost_nano;         /**< 10^-9 of `currency` */
    struct llmp_str currency;
    uint32_t attempts;       /**< calls of providers for this request */
    uint64_t queued_ns;      /**< waited for a deployment's room; 0: not */
    bool hedged;             /**< two of them ran at a time */
    struct llmp_str dropped; /**< what the provider's dialect could not say and
                                  was left out: "seed,tools[0].strict"; or
                                  empty */
    struct llmp_str guard;   /**< what guards said, a JSON object; or empty:
                                  they were not asked */
    /** What had been set aside. */
    uint64_t reserved_input_tokens, reserved_output_tokens, reserved_cost_nano;
    /** How unlike its sender's earlier ones it was, of 100, where that passed
     *  `guardrails.anomaly.score`; else 0. */
    uint32_t anomaly_score;
    struct llmp_str anomaly_feature; /**< "rate", …: what was most so */
};

/** Complete once LLMP_ASK_DONE was given; holds until the exchange is freed. */
LLMP_API const struct llmp_summary *llmp_exchange_summary(
    const struct llmp_exchange *exchange);

/**
 * Writes all metrics in Prometheus text format. From any thread.
 *
 * @param sink  called once, with the whole text
 * @param ctx   handed to `sink`
 * @retval LLMP_OK       done
 * @retval LLMP_E_NOMEM  out of memory; `sink` was not called
 */
LLMP_API LLMP_MUST_USE int llmp_gateway_write_metrics(
    struct llmp_gateway *gateway, llmp_text_sink sink, void *ctx);

#ifdef __cplusplus
}
#endif
#endif
