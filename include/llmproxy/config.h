/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file llmproxy/config.h
 * A gateway's configuration: read from YAML, checked whole, then immutable.
 *
 * One table of keys (lib/gateway/config_schema.c) gives parsing, defaults,
 * checks, the JSON Schema and the reference page, so they cannot disagree.
 * The library reads no file and no environment: both are handed in.
 */
#ifndef LLMPROXY_CONFIG_H
#define LLMPROXY_CONFIG_H

#include <llmproxy/base.h>
#include <llmproxy/guardrail.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Opaque, immutable, reference counted (atomically). */
struct llmp_config;

/** How the text reaches what lies outside of it. */
struct llmp_config_source {
    size_t size;      /**< sizeof(struct llmp_config_source) */
    const char *name; /**< for messages, e.g. "gateway.yaml"; NULL: "config" */
    /**
     * The value of ${NAME}. Returns false if there is none. NULL: every
     * reference is an error. The value must hold until the call returns.
     */
    bool (*env)(const char *name, struct llmp_str *value, void *ctx);
    /**
     * The contents of ${file:PATH}; one trailing newline is removed. Returns
     * false after writing a reason. NULL: every reference is an error.
     */
    bool (*file)(const char *path, struct llmp_str *value, char reason[128],
                 void *ctx);
    void *ctx;
    /**
     * Whether a file that is read later (a certificate, an authority) can be
     * read. Returns false after writing a reason. NULL: that is not checked.
     */
    bool (*readable)(const char *path, char reason[128], void *ctx);
    /** Where compiled patterns of `guardrails` are kept. NULL: nowhere; then
     *  each reading compiles them, which takes some seconds. */
    const struct llmp_guard_cache *guard_cache;
};

/**
 * Parses and checks a whole configuration.
 *
 * @param out     receives a reference on LLMP_OK, untouched otherwise
 * @param source  read during the call only
 * @param err     on failure "NAME:LINE:COLUMN: what is wrong; did you mean …?"
 *                in `message`, with `line` and `column` set
 * @retval LLMP_OK           done
 * @retval LLMP_E_SYNTAX     not YAML, or a duplicate key, an alias or a tag,
 *                           which are not accepted
 * @retval LLMP_E_INVALID    an unknown key or an unacceptable value
 * @retval LLMP_E_TYPE       a value of the wrong type
 * @retval LLMP_E_NOT_FOUND  a name, variable or file that does not exist
 * @retval LLMP_E_LIMIT      the text is larger than 4 MiB or too deep, or a
 *                           value of references is longer than 64 KiB
 * @retval LLMP_E_NOMEM      out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_config_parse(
    struct llmp_config **out, struct llmp_str yaml,
    const struct llmp_config_source *source, struct llmp_error *err);

/**
 * The configuration for a start without a file: a provider for each key that
 * `source->env` knows (OPENAI_API_KEY with OPENAI_BASE_URL, ANTHROPIC_API_KEY,
 * …; docs/reference/config.md has all) and models that reach them.
 * LLMGW_LISTEN, LLMGW_ALLOW_ANONYMOUS and LLMGW_ALLOW_PLAIN_HTTP stand for the
 * keys of these names. Messages begin with "environment: VARIABLE: " and have
 * no line.
 *
 * @param source  `env` is required; `name` and `file` are not used
 * @retval LLMP_OK           done
 * @retval LLMP_E_NOT_FOUND  no key is set; the message lists what is looked for
 * @retval other             as llmp_config_parse()
 */
LLMP_API LLMP_MUST_USE int llmp_config_from_env(
    struct llmp_config **out, const struct llmp_config_source *source,
    struct llmp_error *err);

LLMP_API struct llmp_config *llmp_config_ref(struct llmp_config *config);
/** Accepts NULL. Secrets are wiped with the last reference. */
LLMP_API void llmp_config_unref(struct llmp_config *config);

/** Receives generated text piece by piece. */
typedef void (*llmp_text_sink)(struct llmp_str piece, void *ctx);

/** Writes the JSON Schema (draft 2020-12) of the configuration. */
LLMP_API void llmp_config_write_schema(llmp_text_sink sink, void *ctx);

/** Writes the reference page in Markdown. */
LLMP_API void llmp_config_write_reference(llmp_text_sink sink, void *ctx);

/**
 * Writes a summary for people: one line a listener, provider and model, which
 * begins with that word ("listen", "provider", "model"). A value that came
 * from a reference is shown as the reference; secrets are not shown.
 */
LLMP_API void llmp_config_write_summary(const struct llmp_config *config,
                                        llmp_text_sink sink, void *ctx);

/**
 * Writes what is allowed and looks like a mistake, a line each, in one piece:
 * a budget whose `downgrade` costs no less than any other model. Nothing is
 * written where there is nothing to say.
 *
 * @param wall_ns  prices are those of this time
 * @retval LLMP_OK       done
 * @retval LLMP_E_NOMEM  out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_config_write_warnings(
    const struct llmp_config *config, uint64_t wall_ns, llmp_text_sink sink,
    void *ctx);

enum llmp_client_auth {
    LLMP_CLIENT_AUTH_NONE,
    LLMP_CLIENT_AUTH_OPTIONAL,
    LLMP_CLIENT_AUTH_REQUIRED
};

/** What a server needs to know; lives as long as the configuration. */
struct llmp_server_config {
    size_t size;
    const char *const *listen; /**< "127.0.0.1:8080", "[::]:443", "unix:/p" */
    size_t listen_count;
    uint32_t workers;          /**< 0: one a core */
    bool tls;                  /**< tls_cert is set */
    const char *tls_cert_file; /**< PEM chain, or NULL */
    const char *tls_key_file;
    const char *tls_client_ca_file; /**< or NULL */
    enum llmp_client_auth tls_client_auth;
    bool tls_allow_1_2;
    uint64_t hsts_seconds; /**< 0: no header */
    bool http2; /**< offered by ALPN, and cleartext prior knowledge */
    uint32_t connections_max; /**< over all workers */
    uint32_t streams_max; /**< concurrent streams of one HTTP/2 connection */
    uint32_t header_bytes_max; /**< request line and fields together */
    uint64_t
        header_timeout_ms;    /**< from the first byte to the end of the head */
    uint64_t body_timeout_ms; /**< between two pieces of a request body */
    uint64_t idle_timeout_ms; /**< between requests */
    uint64_t write_timeout_ms; /**< a client that takes nothing */
    uint64_t drain_timeout_ms; /**< after SIGTERM */
    const char *access_log;    /**< "off", "stdout", "stderr" or a path */
    bool watch_config;         /**< reload when the file changes */
};

LLMP_API const struct llmp_server_config *llmp_config_server(
    const struct llmp_config *config);

/** What outlives the process; lives as long as the configuration. */
struct llmp_store_config {
    size_t size;
    const char *path;    /**< of the SQLite file; NULL: there is no store */
    const char *journal; /**< folder */
    bool refuse;         /**< requests whose usage can be kept nowhere */
    /** How long is kept, 0 for ever: rows of the ledger, events of
     *  administration, notes that a document was deleted. */
    uint64_t ledger_ms, events_ms, deleted_ms;
    bool share_limits; /**< of days and longer, with other processes */
};

LLMP_API const struct llmp_store_config *llmp_config_store(
    const struct llmp_config *config);

/** The listener for administration; lives as long as the configuration. */
struct llmp_admin_config {
    size_t size;
    const char *listen; /**< "127.0.0.1:8081", "unix:/p"; NULL: there is none */
    const struct llmp_str *allow, *deny; /**< CIDRs */
    size_t allow_count, deny_count;
    const struct llmp_str *hosts; /**< names that clients may use */
    size_t host_count;
    /** Nobody asked for this listener: keys are administered, and nothing is
     *  said about where. If it cannot be opened, go on without. */
    bool by_default;
};

LLMP_API const struct llmp_admin_config *llmp_config_admin(
    const struct llmp_config *config);

/**
 * The guards of `guardrails`.
 *
 * @param stream  NULL, or receives `hold_bytes` and `hold_ns`; made by
 *                llmp_guard_stream_options_init()
 * @return lives as long as the configuration; NULL: there are none
 */
LLMP_API struct llmp_guard_policy *llmp_config_guard_policy(
    const struct llmp_config *config,
    struct llmp_guard_stream_options *stream);

#ifdef __cplusplus
}
#endif
#endif
