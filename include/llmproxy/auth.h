/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file llmproxy/auth.h
 * Who is calling, and what may they do: API keys, tokens (JWT) and their
 * issuers, second factors, roles and one policy function, addresses.
 *
 * Nothing here reads a clock, a file or a socket: time and randomness are
 * arguments, and an issuer says which URL it wants fetched. A refusal is an
 * answer (`> 0`, enum llmp_auth_answer), not a failure.
 *
 * Threads: keys, key rings, key sets, tokens, token policies, signers and
 * address sets never change once made (but for counters) and are shared
 * freely, each holder with a reference of its own. An issuer is shared by all
 * threads. A token cache belongs to one.
 */
#ifndef LLMPROXY_AUTH_H
#define LLMPROXY_AUTH_H

#include <llmproxy/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------- answers -- */

/**
 * Why somebody is not let in: name, value, HTTP status, text. The texts say
 * nothing that a stranger may not know.
 */
#define LLMP_AUTH_ANSWER_TABLE(X)                                          \
    X(KEY_MALFORMED, 100, 401, "this is not an API key of this gateway")   \
    X(KEY_UNKNOWN, 101, 401, "the API key is not known")                   \
    X(KEY_EXPIRED, 102, 401, "the API key has expired")                    \
    X(KEY_REVOKED, 103, 401, "the API key was revoked")                    \
    X(KEY_DISABLED, 104, 401, "the API key is disabled")                   \
    X(KEY_SUPERSEDED, 105, 401, "the API key was replaced by a newer one") \
    X(TOKEN_MALFORMED, 110, 401, "the token is not well formed")           \
    X(TOKEN_HEADER, 111, 401,                                              \
      "the token's header has a member that is not "                       \
      "accepted")                                                          \
    X(TOKEN_ALGORITHM, 112, 401, "the token's algorithm is not accepted")  \
    X(TOKEN_KEY_UNKNOWN, 113, 401, "the token's signing key is not known") \
    X(TOKEN_SIGNATURE, 114, 401, "the token's signature is wrong")         \
    X(TOKEN_TYPE, 115, 401, "the token's type is not accepted")            \
    X(TOKEN_ISSUER, 116, 401, "the token's issuer is not accepted")        \
    X(TOKEN_AUDIENCE, 117, 401, "the token is for another audience")       \
    X(TOKEN_EXPIRED, 118, 401, "the token has expired")                    \
    X(TOKEN_NOT_YET, 119, 401, "the token is not valid yet")               \
    X(TOKEN_LIFETIME, 120, 401, "the token is valid for too long")         \
    X(TOKEN_CLAIMS, 121, 401, "a required claim is missing or unusable")   \
    X(TOKEN_ROLE, 122, 403, "no claim of the token gives a role")          \
    X(TOKEN_REVOKED, 124, 401,                                             \
      "the key that the token was issued with has ended")                  \
    X(ISSUER_DOWN, 123, 503, "the token's issuer cannot be reached")       \
    X(ADDRESS_DENIED, 130, 403, "the address is not allowed")              \
    X(ACTION_DENIED, 140, 403, "the role does not allow this")             \
    X(OBJECT_DENIED, 141, 403, "the role does not reach that far")         \
    X(FIELD_DENIED, 142, 403, "the field cannot be set by this role")      \
    X(GRANT_WIDER, 143, 403, "that is more than the grantor has")          \
    X(MODEL_DENIED, 144, 403, "the model is not allowed")                  \
    X(ROUTE_DENIED, 145, 403, "the route is not allowed")                  \
    X(GRANT_EXPIRED, 146, 403, "what this was granted by has expired")     \
    X(STEP_UP, 150, 401, "a stronger or more recent login is required")    \
    X(CODE_WRONG, 160, 401, "the code is wrong")                           \
    X(CODE_REPLAYED, 161, 401, "the code was used already")                \
    X(CODE_LOCKED, 162, 429, "too many wrong codes: wait")

enum llmp_auth_answer {
#define LLMP_AUTH_ANSWER_ENUM(name, value, http, text) LLMP_AUTH_##name = value,
    LLMP_AUTH_ANSWER_TABLE(LLMP_AUTH_ANSWER_ENUM)
#undef LLMP_AUTH_ANSWER_ENUM
};

/** "KEY_EXPIRED" for LLMP_AUTH_KEY_EXPIRED; "UNKNOWN" for anything else. */
LLMP_API const char *llmp_auth_answer_name(int answer);

/** A short English sentence without a full stop. */
LLMP_API const char *llmp_auth_answer_text(int answer);

/** The HTTP status it asks for; 500 for what is not in the table. */
LLMP_API unsigned llmp_auth_answer_http(int answer);

/**
 * The value of WWW-Authenticate for an answer (RFC 6750): `Bearer` alone for
 * no credentials (LLMP_OK), else with error and description; see also
 * llmp_step_up_challenge().
 *
 * @return bytes written without the NUL that follows; 0 if `size` is too
 *         small (192 always suffices)
 */
LLMP_API size_t llmp_auth_challenge(char *out, size_t size, int answer);

/* ----------------------------------------------------- roles and grants -- */

/** What somebody may be: name, value. */
#define LLMP_ROLE_TABLE(X)       \
    X(NONE, 0, "none")           \
    X(USER, 1, "user")           \
    X(SERVICE, 2, "service")     \
    X(DEVELOPER, 3, "developer") \
    X(AUDITOR, 4, "auditor")     \
    X(ADMIN, 5, "admin")

enum llmp_role {
#define LLMP_ROLE_ENUM(name, value, text) LLMP_ROLE_##name = value,
    LLMP_ROLE_TABLE(LLMP_ROLE_ENUM)
#undef LLMP_ROLE_ENUM
};
#define LLMP_ROLE_COUNT 6

/** "admin" for LLMP_ROLE_ADMIN; "none" for what is not a role. */
LLMP_API const char *llmp_role_name(enum llmp_role role);

/** The role of that name; LLMP_ROLE_NONE if there is none. */
LLMP_API enum llmp_role llmp_role_find(struct llmp_str name);

/** Whether every action that `role` allows is allowed by `of`, too. */
LLMP_API bool llmp_role_is_within(enum llmp_role role, enum llmp_role of);

/** The numbers a grant can limit. 0 always means: no limit. */
#define LLMP_GRANT_LIMIT_TABLE(X)                              \
    X(REQUESTS_PER_MINUTE, 0, "requests_per_minute")           \
    X(TOKENS_PER_MINUTE, 1, "tokens_per_minute")               \
    X(TOKENS_PER_DAY, 2, "tokens_per_day")                     \
    X(CONCURRENCY, 3, "concurrency")                           \
    X(BUDGET_MICROS, 4, "budget_micros")                       \
    X(BUDGET_MICROS_PER_MONTH, 5, "budget_micros_per_month")   \
    X(TOKENS_PER_MONTH, 6, "tokens_per_month")                 \
    X(REQUESTS_PER_DAY, 7, "requests_per_day")                 \
    X(INPUT_TOKENS_PER_MINUTE, 8, "input_tokens_per_minute")   \
    X(OUTPUT_TOKENS_PER_MINUTE, 9, "output_tokens_per_minute") \
    X(BUDGET_MICROS_PER_DAY, 10, "budget_micros_per_day")      \
    X(BUDGET_MICROS_PER_WEEK, 11, "budget_micros_per_week")

enum llmp_grant_limit_index {
#define LLMP_GRANT_LIMIT_ENUM(name, value, text) LLMP_GRANT_##name = value,
    LLMP_GRANT_LIMIT_TABLE(LLMP_GRANT_LIMIT_ENUM)
#undef LLMP_GRANT_LIMIT_ENUM
};
#define LLMP_GRANT_LIMIT_COUNT 16 /**< room for more; unused ones are 0 */
#define LLMP_GRANT_DEPTH_MAX   8  /**< longest chain of grantors */

/** "tokens_per_day" for LLMP_GRANT_TOKENS_PER_DAY; NULL beyond the table. */
LLMP_API const char *llmp_grant_limit_name(unsigned index);

/**
 * What somebody was given. Plain data: the lists are the caller's. A grant
 * never gives more than the one it came from, at any time: each question is
 * asked of the whole chain of `grantor`s.
 */
struct llmp_grant {
    size_t size; /**< sizeof(struct llmp_grant) */
    enum llmp_role role;
    const struct llmp_str *models; /**< names, or patterns ending in '*' */
    size_t model_count;            /**< 0: every model */
    const struct llmp_str *routes; /**< names of operations: "chat", … */
    size_t route_count;            /**< 0: every route */
    uint64_t limits[LLMP_GRANT_LIMIT_COUNT];
    uint64_t expires_ns;              /**< wall time; 0: never */
    const struct llmp_grant *grantor; /**< NULL: nobody above */
};

/**
 * Whether `wanted` is nowhere wider than `grantor` (with what is above it):
 * role, models, routes, limits, expiry.
 *
 * @param field  NULL, or receives the name of the first field that is wider
 * @retval LLMP_OK                it is not
 * @retval LLMP_AUTH_GRANT_WIDER  it is
 * @retval LLMP_E_LIMIT           the chain is longer than
 *                                LLMP_GRANT_DEPTH_MAX, or a circle
 */
LLMP_API LLMP_MUST_USE int llmp_grant_check(const struct llmp_grant *wanted,
                                            const struct llmp_grant *grantor,
                                            const char **field);

/** Whether the whole chain allows the model; NULL allows everything. */
LLMP_API bool llmp_grant_has_model(const struct llmp_grant *grant,
                                   struct llmp_str model);
LLMP_API bool llmp_grant_has_route(const struct llmp_grant *grant,
                                   struct llmp_str route);

/** The smallest limit in the chain; 0: none. */
LLMP_API uint64_t llmp_grant_limit(const struct llmp_grant *grant,
                                   unsigned index);

/** The earliest end in the chain, wall time; 0: never. */
LLMP_API uint64_t llmp_grant_expires_ns(const struct llmp_grant *grant);

/* ------------------------------------------------------------ principal -- */

enum llmp_principal_kind {
    LLMP_PRINCIPAL_ANONYMOUS,
    LLMP_PRINCIPAL_KEY,
    LLMP_PRINCIPAL_TOKEN,
    LLMP_PRINCIPAL_TLS,
    LLMP_PRINCIPAL_LOCAL /**< the control socket, the command line */
};

/**
 * How somebody proved who they are (RFC 8176): name, bit, text, class. Classes
 * are what a second factor must differ in: 1 knows, 2 has, 4 is, 0 neither.
 */
#define LLMP_AMR_TABLE(X)      \
    X(PWD, 0, "pwd", 1)        \
    X(PIN, 1, "pin", 1)        \
    X(KBA, 2, "kba", 1)        \
    X(OTP, 3, "otp", 2)        \
    X(HWK, 4, "hwk", 2)        \
    X(SWK, 5, "swk", 2)        \
    X(SC, 6, "sc", 2)          \
    X(POP, 7, "pop", 2)        \
    X(SMS, 8, "sms", 2)        \
    X(TEL, 9, "tel", 2)        \
    X(FPT, 10, "fpt", 4)       \
    X(FACE, 11, "face", 4)     \
    X(IRIS, 12, "iris", 4)     \
    X(RETINA, 13, "retina", 4) \
    X(VBM, 14, "vbm", 4)       \
    X(MFA, 15, "mfa", 0)       \
    X(MCA, 16, "mca", 0)       \
    X(GEO, 17, "geo", 0)       \
    X(RBA, 18, "rba", 0)       \
    X(USER, 19, "user", 0)     \
    X(WIA, 20, "wia", 0)

enum llmp_amr {
#define LLMP_AMR_ENUM(name, bit, text, class) LLMP_AMR_##name = 1 << bit,
    LLMP_AMR_TABLE(LLMP_AMR_ENUM)
#undef LLMP_AMR_ENUM
};

/** The bit of one value of `amr`; 0 for what RFC 8176 does not have. */
LLMP_API uint32_t llmp_amr_find(struct llmp_str text);

/** Whether `amr` has "mfa", or factors of two classes. */
LLMP_API bool llmp_amr_is_multi_factor(uint32_t amr);

#define LLMP_KEY_TAG_SIZE 17 /**< 16 hex digits and a NUL */

/**
 * Who is calling. Plain data that points into what it was made from (a key, a
 * token) and lives as long.
 */
struct llmp_principal {
    size_t size; /**< sizeof(struct llmp_principal) */
    enum llmp_principal_kind kind;
    enum llmp_role role;
    struct llmp_str id;   /**< of the key; the token's `jti` or subject */
    struct llmp_str name; /**< for people to read */
    struct llmp_str user, team, org; /**< empty: none */
    struct llmp_str acr;             /**< of the login; empty: not said */
    uint32_t amr;                    /**< bits of enum llmp_amr */
    uint64_t auth_time_s;            /**< of the login, wall; 0: not said */
    uint64_t expires_ns;             /**< wall; 0: never */
    const struct llmp_grant *grant;  /**< NULL: all that the role allows */
    struct llmp_str grantor; /**< id of the key that a token of our own was
                                  issued with: what ends or narrows the key
                                  does so to the token; empty: none */
    char grantor_tag[LLMP_KEY_TAG_SIZE]; /**< of a key: which of its secrets
                                              was shown; of a token: likewise,
                                              at issue. See llmp_key_tag() */
    struct llmp_str above; /**< of a token of our own for an end user: the user
                                or key that it hangs below; empty: none */
    bool registered; /**< of a token of our own: its user (or the user above its
                          end user) had a record when it was issued, which
                          bounded it, so it counts only while there is one */
};

/* --------------------------------------------------------------- policy -- */

/**
 * Everything that can be done: name, value, text, and how far each role
 * reaches: N nowhere, W what is its own, T its team's, O its organisation's
 * (everywhere, for an admin or auditor without organisation), G everywhere,
 * but only for an admin or auditor without organisation, A everywhere.
 * Order of roles: user, service, developer, auditor, admin.
 */
#define LLMP_ACTION_TABLE(X)                               \
    X(MODEL_USE, 0, "model.use", A, A, A, N, A)            \
    X(MODEL_LIST, 1, "model.list", A, A, A, A, A)          \
    X(KEY_CREATE, 2, "key.create", N, N, W, N, O)          \
    X(KEY_READ, 3, "key.read", W, N, W, O, O)              \
    X(KEY_LIST, 4, "key.list", W, N, W, O, O)              \
    X(KEY_UPDATE, 5, "key.update", N, N, W, N, O)          \
    X(KEY_ROTATE, 6, "key.rotate", W, N, W, N, O)          \
    X(KEY_REVOKE, 7, "key.revoke", N, N, W, N, O)          \
    X(USER_CREATE, 8, "user.create", N, N, N, N, O)        \
    X(USER_READ, 9, "user.read", W, N, W, O, O)            \
    X(USER_LIST, 10, "user.list", N, N, N, O, O)           \
    X(USER_UPDATE, 11, "user.update", W, N, W, N, O)       \
    X(USER_DELETE, 12, "user.delete", N, N, N, N, O)       \
    X(TEAM_CREATE, 13, "team.create", N, N, N, N, O)       \
    X(TEAM_READ, 14, "team.read", T, N, T, O, O)           \
    X(TEAM_LIST, 15, "team.list", N, N, N, O, O)           \
    X(TEAM_UPDATE, 16, "team.update", N, N, N, N, O)       \
    X(TEAM_DELETE, 17, "team.delete", N, N, N, N, O)       \
    X(ORG_CREATE, 18, "org.create", N, N, N, N, G)         \
    X(ORG_READ, 19, "org.read", N, N, O, O, O)             \
    X(ORG_UPDATE, 20, "org.update", N, N, N, N, G)         \
    X(ORG_DELETE, 21, "org.delete", N, N, N, N, G)         \
    X(BUDGET_READ, 22, "budget.read", W, N, T, O, O)       \
    X(BUDGET_UPDATE, 23, "budget.update", N, N, N, N, O)   \
    X(USAGE_READ, 24, "usage.read", W, N, T, O, O)         \
    X(PRICE_READ, 25, "price.read", N, N, A, A, A)         \
    X(PRICE_UPDATE, 26, "price.update", N, N, N, N, G)     \
    X(AUDIT_READ, 27, "audit.read", N, N, N, O, O)         \
    X(CONFIG_READ, 28, "config.read", N, N, N, G, G)       \
    X(CONFIG_RELOAD, 29, "config.reload", N, N, N, N, G)   \
    X(SESSION_READ, 30, "session.read", W, N, W, O, O)     \
    X(SESSION_REVOKE, 31, "session.revoke", W, N, W, W, O) \
    X(TOKEN_ISSUE, 32, "token.issue", W, W, W, W, O)       \
    X(SUBJECT_EXPORT, 33, "subject.export", W, N, W, O, O) \
    X(SUBJECT_ERASE, 34, "subject.erase", N, N, N, N, O)   \
    X(METRICS_READ, 35, "metrics.read", N, N, N, G, G)     \
    X(TOTP_ENROL, 36, "totp.enrol", N, N, N, N, O)         \
    X(TOTP_REMOVE, 37, "totp.remove", N, N, N, N, O)

enum llmp_action {
#define LLMP_ACTION_ENUM(name, value, ...) LLMP_ACTION_##name = value,
    LLMP_ACTION_TABLE(LLMP_ACTION_ENUM)
#undef LLMP_ACTION_ENUM
};
#define LLMP_ACTION_COUNT 38

/** "key.create" for LLMP_ACTION_KEY_CREATE; "unknown" beyond the table. */
LLMP_API const char *llmp_action_name(enum llmp_action action);

/** The fields that an action can set, in no particular order; NULL beyond the
 *  last. Which of them somebody may set is for llmp_policy_decide() to say. */
LLMP_API const char *llmp_action_field(enum llmp_action action, size_t index);

/** What an action is done to. Empty texts and NULL: does not apply. */
struct llmp_policy_object {
    size_t size;                     /**< sizeof(struct llmp_policy_object) */
    struct llmp_str id;              /**< of the key, if it is one */
    struct llmp_str user, team, org; /**< whose it is, or would be */
    const struct llmp_str *fields;   /**< of create and update: what is set */
    size_t field_count;
    const struct llmp_grant *grant; /**< of create and update: what the key,
                                         user or team would then have */
    struct llmp_str model, route;   /**< of LLMP_ACTION_MODEL_USE */
};

/**
 * Decides. The one place where anything is allowed: handlers call it with
 * what they are about to do and do nothing that it was not asked about.
 *
 * An object is `own` when it has the principal's user (or is the key that
 * asks), and then of the same team and organisation when it names them. A
 * principal without an organisation reaches every organisation only as admin
 * or auditor. What is granted is checked against the principal's own grant,
 * unless it hangs on it (`grantor`) and so can never be wider; then its role
 * is. A field that grants something, without a grant to check, is refused. The
 * role
 * is looked at all along the principal's chain of grantors. What changes hands
 * is asked about twice: as it is and as it would be.
 *
 * @param wall_ns  civil time, for grants that have ended
 * @param detail   NULL, or receives the name of the field that was refused,
 *                 static text or one of object->fields; empty: none
 * @retval LLMP_OK  allowed
 * @retval answer   LLMP_AUTH_ACTION_DENIED, _OBJECT_DENIED, _FIELD_DENIED,
 *                  _GRANT_WIDER, _MODEL_DENIED, _ROUTE_DENIED, _GRANT_EXPIRED
 * @retval LLMP_E_LIMIT  a grant's chain is too long
 */
LLMP_API LLMP_MUST_USE int llmp_policy_decide(
    const struct llmp_principal *principal, enum llmp_action action,
    const struct llmp_policy_object *object, uint64_t wall_ns,
    struct llmp_str *detail);

/* -------------------------------------------------------------- step up -- */

/** What a route or a role demands of the login. All that is given must hold. */
struct llmp_step_up {
    size_t size;                /**< sizeof(struct llmp_step_up) */
    const struct llmp_str *acr; /**< any of these; 0: not asked. With
                                     `multi_factor` they are another way to
                                     satisfy that */
    size_t acr_count;
    bool multi_factor;  /**< an `acr` above or llmp_amr_is_multi_factor() */
    uint64_t max_age_s; /**< of the login; 0: not asked */
};

/**
 * @retval LLMP_OK            the login is good enough
 * @retval LLMP_AUTH_STEP_UP  it is not: see llmp_step_up_challenge()
 */
LLMP_API LLMP_MUST_USE int llmp_step_up_check(
    const struct llmp_step_up *required, const struct llmp_principal *principal,
    uint64_t wall_ns);

/**
 * The value of WWW-Authenticate that asks for it (RFC 9470).
 *
 * @return bytes written without the NUL that follows; 0 if `size` is too small
 */
LLMP_API size_t llmp_step_up_challenge(char *out, size_t size,
                                       const struct llmp_step_up *required);

/* ------------------------------------------------------------ addresses -- */

/** An IPv6 address; IPv4 is ::ffff:a.b.c.d, so one address has one form. */
struct llmp_address {
    uint8_t bytes[16];
};

/**
 * Reads "192.0.2.1", "2001:db8::1", "[2001:db8::1]"; with `port_allowed` also
 * a port behind it. No leading zeros, no zone, no shortened IPv4.
 *
 * @retval LLMP_OK        done
 * @retval LLMP_E_SYNTAX  it is not an address; *out untouched
 */
LLMP_API LLMP_MUST_USE int llmp_address_parse(struct llmp_address *out,
                                              struct llmp_str text,
                                              bool port_allowed);

/** Makes one of a socket's 4 or 16 bytes. */
LLMP_API void llmp_address_set_bytes(struct llmp_address *out,
                                     const void *bytes, size_t size);

#define LLMP_ADDRESS_TEXT_SIZE 46

/** Writes it with a NUL, IPv4 in its own form; returns the length. */
LLMP_API size_t llmp_address_text(char out[LLMP_ADDRESS_TEXT_SIZE],
                                  const struct llmp_address *address);

/** Opaque, immutable, counted: ranges of addresses. */
struct llmp_address_set;

#define LLMP_ADDRESS_SET_MAX 65536 /**< entries of one set */

/**
 * Makes a set of CIDRs ("10.0.0.0/8", "2001:db8::/32") and addresses. "::/0"
 * is all of IPv6, not IPv4.
 *
 * @param err  names the entry that is wrong
 * @retval LLMP_E_SYNTAX  not a CIDR, or bits are set behind the prefix
 * @retval LLMP_E_LIMIT   too many
 * @retval LLMP_E_NOMEM   out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_address_set_new(struct llmp_address_set **out,
                                                const struct llmp_str *cidrs,
                                                size_t count,
                                                struct llmp_error *err);
LLMP_API struct llmp_address_set *llmp_address_set_ref(
    struct llmp_address_set *set);
LLMP_API void llmp_address_set_unref(struct llmp_address_set *set);

/** A NULL set contains nothing. */
LLMP_API bool llmp_address_set_has(const struct llmp_address_set *set,
                                   const struct llmp_address *address);

/**
 * Denied wins; an `allow` of NULL allows everything else.
 *
 * @param address  NULL: nobody knows it, so it is denied where there is a list
 * @retval LLMP_OK                   allowed
 * @retval LLMP_AUTH_ADDRESS_DENIED  not
 */
LLMP_API LLMP_MUST_USE int llmp_address_check(
    const struct llmp_address_set *allow, const struct llmp_address_set *deny,
    const struct llmp_address *address);

#define LLMP_FORWARDED_HOPS_MAX 32

/**
 * The client behind trusted proxies: X-Forwarded-For is believed only as far
 * as trusted proxies wrote it, that is from the right up to the first address
 * that is not trusted.
 *
 * @param peer     the socket's
 * @param trusted  NULL: nobody, the peer is the client
 * @param lines    values of the field, in the order they came
 * @retval LLMP_OK        *out is the client
 * @retval LLMP_E_SYNTAX  a trusted proxy wrote what is not an address
 * @retval LLMP_E_LIMIT   more trusted hops than LLMP_FORWARDED_HOPS_MAX
 */
LLMP_API LLMP_MUST_USE int llmp_address_forwarded(
    struct llmp_address *out, const struct llmp_address *peer,
    const struct llmp_address_set *trusted, const struct llmp_str *lines,
    size_t line_count);

/* ------------------------------------------------------------- API keys -- */

#define LLMP_API_KEY_PREFIX "llmgw_"
#define LLMP_API_KEY_LEN    42 /**< prefix, 30 digits (178 bits), 6 of CRC */
#define LLMP_API_KEY_SIZE   43
#define LLMP_KEY_HASH_SIZE  32
#define LLMP_PEPPER_SIZE    32

/** The secret without which stored hashes are worth nothing. */
struct llmp_pepper {
    uint8_t bytes[LLMP_PEPPER_SIZE];
};

#define LLMP_PEPPER_TEXT_MIN 16 /**< bytes; less could be guessed */

/**
 * Makes a pepper of a secret text: BLAKE2b-256 of it.
 *
 * @retval LLMP_E_LIMIT  the text is shorter than LLMP_PEPPER_TEXT_MIN
 */
LLMP_API LLMP_MUST_USE int llmp_pepper_make(struct llmp_pepper *out,
                                            struct llmp_str text);

/**
 * A secret of its own for another purpose: BLAKE2b-256 of the purpose's name
 * under the pepper. One does not tell of another, nor of the pepper.
 */
LLMP_API void llmp_pepper_derive(uint8_t out[32],
                                 const struct llmp_pepper *pepper,
                                 struct llmp_str purpose);

#define LLMP_SEAL_OVERHEAD 40 /**< bytes that sealing adds */

/**
 * Seals what has to be read again, unlike a key's hash: XChaCha20-Poly1305
 * under a secret of the pepper's, with a random nonce in front.
 *
 * @param context  what it belongs to: it opens nowhere else
 * @param out      receives bytes.len + LLMP_SEAL_OVERHEAD bytes
 */
LLMP_API void llmp_pepper_seal(uint8_t *out, const struct llmp_pepper *pepper,
                               struct llmp_str context, struct llmp_str bytes,
                               const struct llmp_random *random);

/**
 * Opens it.
 *
 * @param out  receives sealed.len - LLMP_SEAL_OVERHEAD bytes; the caller wipes
 *             them
 * @retval LLMP_OK         done
 * @retval LLMP_E_INVALID  another pepper, another context, or it was changed
 */
LLMP_API LLMP_MUST_USE int llmp_pepper_open(uint8_t *out,
                                            const struct llmp_pepper *pepper,
                                            struct llmp_str context,
                                            struct llmp_str sealed);

/** Makes a new key. The caller shows it once and wipes it. */
LLMP_API void llmp_api_key_make(char out[LLMP_API_KEY_SIZE],
                                const struct llmp_random *random);

/** Whether prefix, alphabet, length and checksum are a key's. */
LLMP_API bool llmp_api_key_is_valid(struct llmp_str text);

/** What is stored instead of the key: BLAKE2b-256(pepper ‖ key). */
LLMP_API void llmp_api_key_hash(uint8_t hash[LLMP_KEY_HASH_SIZE],
                                const struct llmp_pepper *pepper,
                                struct llmp_str text);

/** One of a key's secrets. Two overlap while a client changes over. */
struct llmp_key_generation {
    uint8_t hash[LLMP_KEY_HASH_SIZE]; /**< all zero: there is none */
    uint64_t until_ns;                /**< wall; 0: as long as the key */
};

#define LLMP_KEY_GENERATIONS   2
#define LLMP_KEY_LIFETIME_S    (90u * 86400u) /**< default */
#define LLMP_KEY_OVERLAP_S_MAX (30u * 86400u)
#define LLMP_KEY_LIST_MAX      1024 /**< models, routes, CIDRs of one key */
#define LLMP_KEY_TEXT_MAX      256  /**< bytes of a name or id */

struct llmp_key_options {
    size_t size;                     /**< set by llmp_key_options_init() */
    struct llmp_str id;              /**< required; not secret */
    struct llmp_str name;            /**< for people */
    struct llmp_str user, team, org; /**< whose it is */
    struct llmp_key_generation generations[LLMP_KEY_GENERATIONS];
    uint64_t created_ns;
    bool revoked, disabled;
    /** Role, models, routes, limits, expiry; the lists are copied. `grantor`
     *  is kept as it is and has to outlive the key (`data` may own it). */
    struct llmp_grant grant;
    const struct llmp_str *allow; /**< CIDRs; 0: from everywhere */
    size_t allow_count;
    const struct llmp_str *deny;
    size_t deny_count;
    uint64_t last_used_s;          /**< what is known from before */
    void *data;                    /**< the embedder's; comes with the key */
    void (*data_free)(void *data); /**< NULL: nothing to do */
};

LLMP_API void llmp_key_options_init_sized(struct llmp_key_options *opts,
                                          size_t size);

static inline void llmp_key_options_init(struct llmp_key_options *opts)
{
    llmp_key_options_init_sized(opts, sizeof(*opts));
}

/**
 * Makes the expiry a new key gets.
 *
 * @param wanted_s    lifetime asked for; 0: the default (90 days)
 * @param lifetime_s_max  a policy's longest lifetime; 0: keys may live for ever
 *                    if `never` is asked for
 * @param never       asks for a key that does not expire
 * @param expires_ns  receives wall time; 0: never
 * @retval LLMP_OK
 * @retval LLMP_E_LIMIT  the policy demands an (earlier) end
 */
LLMP_API LLMP_MUST_USE int llmp_key_expiry(uint64_t wall_ns, uint64_t wanted_s,
                                           uint64_t lifetime_s_max, bool never,
                                           uint64_t *expires_ns);

/**
 * Puts a new secret's hash in front; the one that was there stays valid until
 * `overlap_s` from now, the one before it ends at once.
 *
 * @retval LLMP_E_LIMIT  longer than LLMP_KEY_OVERLAP_S_MAX
 */
LLMP_API LLMP_MUST_USE int llmp_key_rotate(
    struct llmp_key_generation generations[LLMP_KEY_GENERATIONS],
    const uint8_t hash[LLMP_KEY_HASH_SIZE], uint64_t overlap_s,
    uint64_t wall_ns);

/** Opaque, counted; never changes but for its time of last use. */
struct llmp_key;

/**
 * @param out   receives a reference on LLMP_OK; `data` is then the key's, on
 *              any failure it stays the caller's
 * @retval LLMP_E_INVALID  no id, no generation, no role
 * @retval LLMP_E_SYNTAX   a CIDR is wrong
 * @retval LLMP_E_LIMIT    a text or a list is too long
 * @retval LLMP_E_ABI, LLMP_E_NOMEM
 */
LLMP_API LLMP_MUST_USE int llmp_key_new(struct llmp_key **out,
                                        const struct llmp_key_options *opts,
                                        struct llmp_error *err);
LLMP_API struct llmp_key *llmp_key_ref(struct llmp_key *key);
LLMP_API void llmp_key_unref(struct llmp_key *key);

/** Who the key's holder is; points into the key. */
LLMP_API void llmp_key_principal(const struct llmp_key *key,
                                 struct llmp_principal *out);
LLMP_API const struct llmp_grant *llmp_key_grant(const struct llmp_key *key);
LLMP_API struct llmp_str llmp_key_id(const struct llmp_key *key);

/** Names one of its secrets, with a NUL; empty if there is none. It is a fourth
 *  of a keyed hash: without the pepper it tells nothing, and with it no more
 *  than that the secret is this one. @param generation  as in struct
 * llmp_key_use */
LLMP_API void llmp_key_tag(const struct llmp_key *key, unsigned generation,
                           char out[LLMP_KEY_TAG_SIZE]);

/**
 * Whether what was done with a secret still counts, now that only its tag is
 * at hand.
 *
 * @retval LLMP_OK                   one of the key's secrets, which counts
 * @retval LLMP_AUTH_KEY_SUPERSEDED  it was rotated away, or never was
 * @retval answer                    as llmp_key_state()
 */
LLMP_API LLMP_MUST_USE int llmp_key_tag_state(const struct llmp_key *key,
                                              const char *tag,
                                              uint64_t wall_ns);
LLMP_API void *llmp_key_data(const struct llmp_key *key);
LLMP_API uint64_t llmp_key_created_ns(const struct llmp_key *key);

/** Wall seconds, from any thread. */
LLMP_API uint64_t llmp_key_last_used_s(const struct llmp_key *key);

/** LLMP_OK, or LLMP_AUTH_ADDRESS_DENIED by the key's own lists; an `address` of
 *  NULL is nobody knows which. */
LLMP_API LLMP_MUST_USE int llmp_key_check_address(
    const struct llmp_key *key, const struct llmp_address *address);

/**
 * What is left of a key when the caller does not keep its options: revoked,
 * disabled, expired at `wall_ns`, or LLMP_OK.
 */
LLMP_API LLMP_MUST_USE int llmp_key_state(const struct llmp_key *key,
                                          uint64_t wall_ns);

/* ------------------------------------------------------------- key ring -- */

/**
 * Opaque, immutable, counted: all keys by the hash of their secrets. A change
 * makes a new ring that shares most of the old one, so whoever holds the
 * current ring swaps it and no reader ever waits.
 */
struct llmp_keyring;

/**
 * Makes a ring of `count` keys at once (it takes references of its own).
 *
 * @param pepper  copied
 * @retval LLMP_E_INVALID  two keys with one id or one secret
 * @retval LLMP_E_NOMEM
 */
LLMP_API LLMP_MUST_USE int llmp_keyring_new(struct llmp_keyring **out,
                                            const struct llmp_pepper *pepper,
                                            struct llmp_key *const *keys,
                                            size_t count,
                                            struct llmp_error *err);
LLMP_API struct llmp_keyring *llmp_keyring_ref(struct llmp_keyring *ring);
LLMP_API void llmp_keyring_unref(struct llmp_keyring *ring);

/**
 * A ring with `key` in it, instead of the key with the same id if there is
 * one. Costs about count / 256.
 *
 * @retval LLMP_E_INVALID  another key has one of its secrets
 */
LLMP_API LLMP_MUST_USE int llmp_keyring_with(struct llmp_keyring **out,
                                             struct llmp_keyring *ring,
                                             struct llmp_key *key,
                                             struct llmp_error *err);

/** A ring without the key of that id. LLMP_MISS: there is none, *out is not
 *  written. */
LLMP_API LLMP_MUST_USE int llmp_keyring_without(struct llmp_keyring **out,
                                                struct llmp_keyring *ring,
                                                struct llmp_str id,
                                                struct llmp_error *err);

/** The key of that id, or NULL; belongs to the ring. */
LLMP_API struct llmp_key *llmp_keyring_find(const struct llmp_keyring *ring,
                                            struct llmp_str id);
LLMP_API size_t llmp_keyring_count(const struct llmp_keyring *ring);

/** Visits every key, in no particular order, until `visit` returns false. */
LLMP_API void llmp_keyring_each(const struct llmp_keyring *ring,
                                bool (*visit)(struct llmp_key *key, void *ctx),
                                void *ctx);

/** What a check found out besides who it is. */
struct llmp_key_use {
    struct llmp_key *key; /**< belongs to the ring; NULL: unknown */
    unsigned generation;  /**< 0 the current secret, 1 the one before */
    uint64_t until_ns;    /**< when this secret ends, wall; 0: never */
    bool superseded;      /**< a newer secret exists: tell the client */
};

/**
 * Looks a presented key up and says whether it counts now. Rubbish is refused
 * before anything is hashed; a success notes the time of use.
 *
 * @param use  NULL, or receives details; `key` also for an expired, revoked,
 *             disabled or superseded one (for the audit log)
 * @retval LLMP_OK  the key counts; its address lists are not yet asked
 * @retval answer   LLMP_AUTH_KEY_*
 */
LLMP_API LLMP_MUST_USE int llmp_keyring_check(const struct llmp_keyring *ring,
                                              struct llmp_str text,
                                              uint64_t wall_ns,
                                              struct llmp_key_use *use);

/* ------------------------------------------------- key sets and tokens -- */

/** Signature algorithms: name, bit, text. HS* only where asked for by name. */
#define LLMP_ALG_TABLE(X) \
    X(RS256, 0, "RS256")  \
    X(RS384, 1, "RS384")  \
    X(RS512, 2, "RS512")  \
    X(PS256, 3, "PS256")  \
    X(PS384, 4, "PS384")  \
    X(PS512, 5, "PS512")  \
    X(ES256, 6, "ES256")  \
    X(ES384, 7, "ES384")  \
    X(ES512, 8, "ES512")  \
    X(EDDSA, 9, "EdDSA")  \
    X(HS256, 10, "HS256") \
    X(HS384, 11, "HS384") \
    X(HS512, 12, "HS512")

enum llmp_alg {
#define LLMP_ALG_ENUM(name, bit, text) LLMP_ALG_##name = 1 << bit,
    LLMP_ALG_TABLE(LLMP_ALG_ENUM)
#undef LLMP_ALG_ENUM
};
#define LLMP_ALG_PUBLIC_KEY 0x3FF /**< all but HS*: the default */

/** The bit of an algorithm's name, compared exactly; 0: there is none. */
LLMP_API uint32_t llmp_alg_find(struct llmp_str name);

/** Opaque, immutable, counted: an issuer's keys, each bound to what it may
 *  verify. */
struct llmp_jwks;

#define LLMP_JWKS_SIZE_MAX (256u * 1024u)
#define LLMP_JWKS_KEYS_MAX 64

/**
 * Reads a JWK set (RFC 7517), or one key. Keys that cannot verify signatures
 * (another use, an unknown type, weak: RSA below 2048 bits, an even or tiny
 * exponent, a ROCA modulus, a point that is not on its curve, private parts)
 * are left out.
 *
 * @param algorithms  bits of enum llmp_alg that may be used at all; 0:
 *                    LLMP_ALG_PUBLIC_KEY. HS* and others in one set are
 *                    refused: what verifies for one would sign for the other
 * @retval LLMP_E_SYNTAX   not JSON or not a key set
 * @retval LLMP_E_INVALID  a `kid` twice, or secret and public keys mixed
 * @retval LLMP_E_LIMIT    too large, or too many keys
 * @retval LLMP_E_NOMEM
 */
LLMP_API LLMP_MUST_USE int llmp_jwks_parse(struct llmp_jwks **out,
                                           struct llmp_str text,
                                           uint32_t algorithms,
                                           struct llmp_error *err);
LLMP_API struct llmp_jwks *llmp_jwks_ref(struct llmp_jwks *keys);
LLMP_API void llmp_jwks_unref(struct llmp_jwks *keys);
LLMP_API size_t llmp_jwks_count(const struct llmp_jwks *keys);
/** How many were left out. */
LLMP_API size_t llmp_jwks_skipped(const struct llmp_jwks *keys);

/** A claim's value that gives a role. */
struct llmp_role_rule {
    struct llmp_str value;
    enum llmp_role role;
};

#define LLMP_TOKEN_LEN_MAX      16384
#define LLMP_TOKEN_LEEWAY_S_MAX 300
#define LLMP_CLAIM_SEGMENTS_MAX 6

/**
 * What a token must be, and how its claims become a principal. A path is
 * dotted ("realm_access.roles"); a dot inside a name is written "\.". A path
 * may lead to a string or to an array of strings.
 */
struct llmp_token_policy_options {
    size_t size;            /**< set by llmp_token_policy_options_init() */
    struct llmp_str issuer; /**< required: `iss` is exactly this */
    const struct llmp_str *audiences; /**< required: `aud` has one of these */
    size_t audience_count;
    uint32_t algorithms;       /**< bits; 0: LLMP_ALG_PUBLIC_KEY */
    bool access_tokens_only;   /**< `typ` must be at+jwt (RFC 9068); else also
                                    JWT or none */
    uint32_t leeway_s;         /**< of exp, nbf, iat; default 30, at most 300 */
    uint64_t lifetime_s_max;   /**< exp - iat; 0: not limited */
    struct llmp_str user_path; /**< default "sub" */
    struct llmp_str name_path; /**< default "preferred_username" */
    struct llmp_str team_path; /**< default: none */
    struct llmp_str org_path;  /**< default: none */
    struct llmp_str role_path; /**< default: none */
    const struct llmp_role_rule *roles; /**< the widest that matches counts */
    size_t role_count;
    enum llmp_role role_default; /**< when none matches; NONE: refused */
    struct llmp_str team, org;   /**< when there is no path for them */
    bool own;                    /**< the gateway's own tokens: claims user,
                                      team, org, role as it writes them */
};

LLMP_API void llmp_token_policy_options_init_sized(
    struct llmp_token_policy_options *opts, size_t size);

static inline void llmp_token_policy_options_init(
    struct llmp_token_policy_options *opts)
{
    llmp_token_policy_options_init_sized(opts, sizeof(*opts));
}

/** Opaque, immutable, counted. */
struct llmp_token_policy;

/**
 * @retval LLMP_E_INVALID  no issuer or audience, an unusable path or number
 * @retval LLMP_E_ABI, LLMP_E_NOMEM
 */
LLMP_API LLMP_MUST_USE int llmp_token_policy_new(
    struct llmp_token_policy **out,
    const struct llmp_token_policy_options *opts, struct llmp_error *err);
LLMP_API struct llmp_token_policy *llmp_token_policy_ref(
    struct llmp_token_policy *policy);
LLMP_API void llmp_token_policy_unref(struct llmp_token_policy *policy);

/** Opaque, immutable, counted: a token that was verified. */
struct llmp_token;

/**
 * Verifies a compact token (RFC 7519 under RFC 8725): one of `keys`, bound to
 * its algorithm, signed it; type and claims are what `policy` asks for.
 *
 * @param out  receives a reference on LLMP_OK
 * @param err  NULL, or receives what is wrong beyond the answer; it may be
 *             logged, not sent to the client
 * @retval LLMP_OK      done
 * @retval answer       LLMP_AUTH_TOKEN_*
 * @retval LLMP_E_NOMEM out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_token_verify(
    struct llmp_token **out, const struct llmp_token_policy *policy,
    const struct llmp_jwks *keys, struct llmp_str text, uint64_t wall_ns,
    struct llmp_error *err);
LLMP_API struct llmp_token *llmp_token_ref(struct llmp_token *token);
LLMP_API void llmp_token_unref(struct llmp_token *token);

/** Who holds it; points into the token. */
LLMP_API void llmp_token_principal(const struct llmp_token *token,
                                   struct llmp_principal *out);

/**
 * Reads the issuer out of a token that was not verified, to find out whom to
 * ask about it. Believe nothing else of it.
 *
 * @param out  receives `iss` and a NUL
 * @retval LLMP_OK                    done
 * @retval LLMP_AUTH_TOKEN_MALFORMED  not a token, no issuer, or it is longer
 */
LLMP_API LLMP_MUST_USE int llmp_token_peek_issuer(char *out, size_t size,
                                                  struct llmp_str text);

/** Whether a bearer credential looks like a token rather than a key. */
LLMP_API bool llmp_token_is_likely(struct llmp_str text);

/* --------------------------------------------------------------- issuer -- */

/**
 * Opaque, counted, shared by all threads: where tokens come from. It finds the
 * keys (OpenID Connect discovery, then the key set) through whoever drives
 * it, refreshes them, and keeps the last good set while the issuer is down.
 */
struct llmp_issuer;

#define LLMP_ISSUER_URL_SIZE 1024

struct llmp_issuer_options {
    size_t size;                      /**< set by llmp_issuer_options_init() */
    struct llmp_token_policy *policy; /**< required; a reference is taken */
    struct llmp_str jwks_uri;         /**< empty: found by discovery */
    /** Keys at hand: nothing is ever fetched. See llmp_issuer_set_keys(). */
    struct llmp_jwks *keys;
    bool http_allowed;        /**< plain http:// too, for tests and localhost */
    bool other_hosts_allowed; /**< jwks_uri may be at another host */
    uint64_t refresh_s_min;   /**< default 60: Cache-Control is clamped to */
    uint64_t refresh_s_max;   /**< default 86400: these two */
    uint64_t cooldown_s;      /**< default 30: between fetches for a new kid */
    uint64_t unknown_kid_s;   /**< default 600: a kid stays unknown */
    uint64_t stale_s_max;     /**< default 86400: keys count after their
                                   refresh failed */
    uint64_t lease_s;         /**< default 15: a fetch is given to another */
};

LLMP_API void llmp_issuer_options_init_sized(struct llmp_issuer_options *opts,
                                             size_t size);

static inline void llmp_issuer_options_init(struct llmp_issuer_options *opts)
{
    llmp_issuer_options_init_sized(opts, sizeof(*opts));
}

/**
 * @retval LLMP_E_INVALID  no policy; its issuer or jwks_uri is not an https
 *                         URL; HS* algorithms with fetched keys
 * @retval LLMP_E_ABI, LLMP_E_LIMIT, LLMP_E_NOMEM
 */
LLMP_API LLMP_MUST_USE int llmp_issuer_new(
    struct llmp_issuer **out, const struct llmp_issuer_options *opts,
    struct llmp_error *err);
LLMP_API struct llmp_issuer *llmp_issuer_ref(struct llmp_issuer *issuer);
LLMP_API void llmp_issuer_unref(struct llmp_issuer *issuer);

/** Its name, as in `iss`. */
LLMP_API struct llmp_str llmp_issuer_name(const struct llmp_issuer *issuer);

/**
 * Verifies a token with the keys at hand.
 *
 * @retval LLMP_OK, answers  as llmp_token_verify(), and LLMP_AUTH_ISSUER_DOWN
 * @retval LLMP_AGAIN        its keys are being fetched or should be: call
 *                           llmp_issuer_fetch(), and this again when the fetch
 *                           was reported (by whomever)
 */
LLMP_API LLMP_MUST_USE int llmp_issuer_verify(struct llmp_issuer *issuer,
                                              struct llmp_token **out,
                                              struct llmp_str text,
                                              struct llmp_time now,
                                              struct llmp_error *err);

/** A fetch that somebody took on. */
struct llmp_issuer_fetch {
    uint64_t id;
    bool discovery; /**< the document about the issuer; else its keys */
    char url[LLMP_ISSUER_URL_SIZE]; /**< GET; follow no redirect; read at most
                                         LLMP_JWKS_SIZE_MAX bytes */
};

/**
 * Asks whether something has to be fetched now. Of all callers one gets it,
 * and must report it by llmp_issuer_fed() or llmp_issuer_failed(); after
 * `lease_s` it is given to somebody else.
 *
 * @retval LLMP_OK    fetch fetch->url
 * @retval LLMP_MISS  nothing to do, or somebody is at it
 */
LLMP_API LLMP_MUST_USE int llmp_issuer_fetch(struct llmp_issuer *issuer,
                                             struct llmp_issuer_fetch *fetch,
                                             struct llmp_time now);

/**
 * Reports a 200 answer.
 *
 * @param max_age_s  of Cache-Control; 0: not said
 * @retval LLMP_OK     the keys are there
 * @retval LLMP_AGAIN  ask llmp_issuer_fetch() again: the keys come next
 * @retval LLMP_MISS   the fetch was given to somebody else; nothing is changed
 * @retval negative    the document is not acceptable, which counts as failed
 */
LLMP_API LLMP_MUST_USE int llmp_issuer_fed(struct llmp_issuer *issuer,
                                           uint64_t id, struct llmp_str body,
                                           uint64_t max_age_s,
                                           struct llmp_time now,
                                           struct llmp_error *err);

/** Reports that there was no such answer. */
LLMP_API void llmp_issuer_failed(struct llmp_issuer *issuer, uint64_t id,
                                 struct llmp_time now);

/** Gives the fetch back: whoever did it has to leave, which says nothing about
 *  the issuer. Another gets it after a twentieth of a second. */
LLMP_API void llmp_issuer_return(struct llmp_issuer *issuer, uint64_t id,
                                 struct llmp_time now);

/** When llmp_issuer_fetch() should be asked next (monotonic); UINT64_MAX:
 *  never. */
LLMP_API uint64_t llmp_issuer_due_ns(struct llmp_issuer *issuer);

/** Replaces the keys of an issuer that was made with keys; every cached token
 *  is verified anew. LLMP_E_STATE: it fetches its own. */
LLMP_API LLMP_MUST_USE int llmp_issuer_set_keys(struct llmp_issuer *issuer,
                                                struct llmp_jwks *keys);

/** Tokens issued before `wall_s` count no more; cached ones are dropped. */
LLMP_API void llmp_issuer_revoke_before(struct llmp_issuer *issuer,
                                        uint64_t wall_s);

/** What is known about it, for metrics and status pages. */
struct llmp_issuer_status {
    size_t size; /**< sizeof(struct llmp_issuer_status) */
    size_t key_count;
    uint64_t version;    /**< grows when keys change */
    uint64_t fetched_ns; /**< monotonic; 0: never */
    uint64_t failures;   /**< in a row */
    uint64_t fetches;    /**< ever begun */
    bool fetching;
};
LLMP_API void llmp_issuer_status(struct llmp_issuer *issuer,
                                 struct llmp_issuer_status *out);

/* ---------------------------------------------------------- token cache -- */

/** Opaque; used by one thread: tokens that were verified, by a keyed hash of
 *  their whole text. */
struct llmp_token_cache;

#define LLMP_TOKEN_CACHE_MAX 65536

/**
 * @param capacity  entries; 0: 1024
 * @param ttl_s     how long an entry counts at most; 0: 300
 * @param random    read during the call: nobody can aim at an entry
 * @retval LLMP_E_LIMIT  capacity is above LLMP_TOKEN_CACHE_MAX
 * @retval LLMP_E_NOMEM
 */
LLMP_API LLMP_MUST_USE int llmp_token_cache_new(
    struct llmp_token_cache **out, size_t capacity, uint64_t ttl_s,
    const struct llmp_random *random, struct llmp_error *err);
LLMP_API void llmp_token_cache_free(struct llmp_token_cache *cache);

/**
 * The token of exactly this text, if it was verified before, has not ended,
 * and its issuer's keys are the same. Belongs to the cache: take a reference
 * to keep it. NULL: verify it.
 */
LLMP_API struct llmp_token *llmp_token_cache_get(struct llmp_token_cache *cache,
                                                 struct llmp_str text,
                                                 struct llmp_time now);

/** Keeps a reference; only tokens of llmp_issuer_verify() are kept. */
LLMP_API void llmp_token_cache_put(struct llmp_token_cache *cache,
                                   struct llmp_str text,
                                   struct llmp_token *token,
                                   struct llmp_time now);

/* ----------------------------------------------------------- own tokens -- */

/** Opaque, immutable, counted: a private key that signs our own tokens. */
struct llmp_signer;

/**
 * @param alg     LLMP_ALG_EDDSA or LLMP_ALG_ES256
 * @param kid     names the key in tokens; 1 … 64 bytes of [A-Za-z0-9._-]
 * @param secret  32 unpredictable bytes: the Ed25519 seed, or the scalar of
 *                P-256 (LLMP_E_INVALID for the few that cannot be one)
 */
LLMP_API LLMP_MUST_USE int llmp_signer_new(struct llmp_signer **out,
                                           enum llmp_alg alg,
                                           struct llmp_str kid,
                                           const uint8_t secret[32],
                                           struct llmp_error *err);
LLMP_API struct llmp_signer *llmp_signer_ref(struct llmp_signer *signer);
LLMP_API void llmp_signer_unref(struct llmp_signer *signer);

/** The public half as a JWK set of one key; returns the length, 0 if it does
 *  not fit (512 always suffices). */
LLMP_API size_t llmp_signer_jwks(const struct llmp_signer *signer, char *out,
                                 size_t size);

#define LLMP_TOKEN_LIFETIME_S_MIN 3600u
#define LLMP_TOKEN_LIFETIME_S_MAX 86400u

/** What a token of our own says. */
struct llmp_token_options {
    size_t size;                      /**< sizeof(struct llmp_token_options) */
    struct llmp_str issuer, audience; /**< required */
    const struct llmp_principal *principal; /**< required, with user and role;
                                                 acr, amr, auth_time go along */
    uint64_t lifetime_s;                    /**< 1 … 24 h; 0: 1 h */
    uint64_t wall_ns;
    const struct llmp_random *random; /**< for `jti` */
    uint64_t *expires_s; /**< NULL, or receives when it ends, wall */
};

/**
 * Issues a token (`typ` at+jwt). It never outlives the principal, and names
 * what it was issued with: the principal's grantor, or the key it is.
 *
 * @param out  receives the token and a NUL
 * @param len  receives its length
 * @retval LLMP_E_INVALID  something required is missing, or the lifetime is
 *                         outside of the bounds
 * @retval LLMP_E_STATE    the principal's own credential has ended
 * @retval LLMP_E_LIMIT    it does not fit into `size`
 * @retval LLMP_E_NOMEM
 */
LLMP_API LLMP_MUST_USE int llmp_token_issue(
    const struct llmp_signer *signer, char *out, size_t size, size_t *len,
    const struct llmp_token_options *opts, struct llmp_error *err);

/* ----------------------------------------------------------------- TOTP -- */

enum llmp_totp_hash {
    LLMP_TOTP_SHA1, /**< what every authenticator understands */
    LLMP_TOTP_SHA256,
    LLMP_TOTP_SHA512
};

#define LLMP_TOTP_SECRET_SIZE_MIN 16
#define LLMP_TOTP_SECRET_SIZE_MAX 64
#define LLMP_TOTP_ATTEMPTS        5    /**< wrong codes within … */
#define LLMP_TOTP_ATTEMPTS_S      600u /**< … this long lock it */

/** One authenticator (RFC 6238). */
struct llmp_totp {
    size_t size;            /**< sizeof(struct llmp_totp) */
    struct llmp_str secret; /**< bytes, not text */
    enum llmp_totp_hash hash;
    unsigned digits;   /**< 6 … 8; 0: 6 */
    unsigned period_s; /**< 15 … 120; 0: 30 */
};

/** What must be stored with it and written back after every check. All zero
 *  at first. */
struct llmp_totp_state {
    uint64_t counter_used;                 /**< last one accepted, plus 1 */
    uint64_t failed_s[LLMP_TOTP_ATTEMPTS]; /**< the last wrong codes */
};

/** The code at a time, with a NUL; returns its length, 0 if `totp` is
 *  unusable. For enrolment and tests. */
LLMP_API size_t llmp_totp_code(const struct llmp_totp *totp, uint64_t wall_ns,
                               char out[9]);

/**
 * Checks a code: of this period or one beside it, never twice, and not after
 * five wrong ones in ten minutes.
 *
 * @param state    changed on every answer
 * @param retry_s  NULL, or receives how long it stays locked
 * @retval LLMP_OK
 * @retval answer  LLMP_AUTH_CODE_WRONG, _REPLAYED, _LOCKED
 * @retval LLMP_E_INVALID  `totp` is unusable
 */
LLMP_API LLMP_MUST_USE int llmp_totp_check(const struct llmp_totp *totp,
                                           struct llmp_totp_state *state,
                                           struct llmp_str code,
                                           uint64_t wall_ns, uint64_t *retry_s);

/** The otpauth:// URI that a QR code carries; returns the length, 0 if it does
 *  not fit. Holds the secret: show once, wipe. */
LLMP_API size_t llmp_totp_uri(const struct llmp_totp *totp, char *out,
                              size_t size, struct llmp_str issuer,
                              struct llmp_str account);

#ifdef __cplusplus
}
#endif
#endif
