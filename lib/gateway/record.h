/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document of the store that the gateway understands: a key, a user, a team,
 * an organisation. Counted; immutable once it is in a directory. What fields
 * there are is in record_schema.c; nothing else knows them one by one.
 */
#ifndef LLMP_GATEWAY_RECORD_H
#define LLMP_GATEWAY_RECORD_H

#include <llmproxy/auth.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/str.h"
#include "gateway/config.h"

/* The same numbers as LLMP_LIMIT_KEY, _USER, _TEAM, _ORG. */
enum llmp_record_kind {
    LLMP_RECORD_KEY,
    LLMP_RECORD_USER,
    LLMP_RECORD_TEAM,
    LLMP_RECORD_ORG
};
enum { LLMP_RECORD_KINDS = 4, LLMP_RECORD_ID_MAX = 128 };

struct llmp_texts {
    struct llmp_str *items;
    size_t count;
};

/* The members of `limits`, in the order of the table. */
enum llmp_limit_member {
    LLMP_MEMBER_REQUESTS,
    LLMP_MEMBER_REQUESTS_BURST,
    LLMP_MEMBER_REQUESTS_DAY,
    LLMP_MEMBER_TOKENS,
    LLMP_MEMBER_TOKENS_DAY,
    LLMP_MEMBER_TOKENS_MONTH,
    LLMP_MEMBER_INPUT_TOKENS,
    LLMP_MEMBER_OUTPUT_TOKENS,
    LLMP_MEMBER_CONCURRENCY,
    LLMP_MEMBER_BUDGET_DAY, /* from here on of `limits.budget` */
    LLMP_MEMBER_BUDGET_WEEK,
    LLMP_MEMBER_BUDGET_MONTH,
    LLMP_MEMBER_BUDGET_TOTAL,
    LLMP_MEMBER_BUDGET_SOFT
};
enum { LLMP_LIMIT_MEMBERS = LLMP_MEMBER_BUDGET_SOFT + 1 };

struct llmp_record_limits {
    uint32_t set; /* a bit a member */
    uint64_t of[LLMP_LIMIT_MEMBERS];
    struct llmp_str downgrade;
};

struct llmp_record {
    atomic_uint refs;
    struct llmp_arena arena; /* of all texts */
    enum llmp_record_kind kind;
    uint64_t version; /* in the store */
    struct llmp_str id, name, email, user, team, org;
    struct llmp_str created_by; /* who; "key_…" is a grantor */
    enum llmp_role role;        /* NONE: not set */
    struct llmp_texts models, routes, allow, deny;
    uint64_t expires_ns, created_ns, revoked_ns;
    bool disabled;
    struct llmp_record_limits limits;
    struct llmp_key_generation generations[LLMP_KEY_GENERATIONS];
    uint64_t last_used_s; /* as the store has it, elsewhere; the directory's */
};

/* ---- the table ---------------------------------------------------------- */

enum llmp_field_type {
    LLMP_FIELD_TEXT,
    LLMP_FIELD_TEXTS,
    LLMP_FIELD_ROLE,
    LLMP_FIELD_MOMENT,
    LLMP_FIELD_BOOL,
    LLMP_FIELD_LIMITS,
    LLMP_FIELD_HASHES /* of secrets: in the store only */
};

struct llmp_field {
    const char *name;
    enum llmp_field_type type;
    size_t offset;      /* in the record */
    unsigned kinds;     /* a bit a kind that has it */
    const char *policy; /* its name in llmp_action_field(); NULL: read only */
    uint32_t max;       /* bytes of a text, items of a list */
    const char *help;
};

extern const struct llmp_field llmp_record_fields[];
extern const size_t llmp_record_field_count;

struct llmp_limit_field {
    const char *name;
    uint64_t max;
    const char *help;
    int grant; /* index in llmp_grant.limits; -1: none */
    enum llmp_limit_unit unit;
    enum llmp_limit_window window;
};

extern const struct llmp_limit_field llmp_limit_fields[LLMP_LIMIT_MEMBERS];

/* "key", "user", "team", "organisation": in the store, in paths with an "s". */
extern const char *const llmp_record_kind_names[LLMP_RECORD_KINDS];

/* ---- calls -------------------------------------------------------------- */

int llmp_record_new(struct llmp_record **out, enum llmp_record_kind kind);
struct llmp_record *llmp_record_ref(struct llmp_record *record);
void llmp_record_unref(struct llmp_record *record); /* accepts NULL */

static inline void llmp_record_unrefp(struct llmp_record **record)
{
    llmp_record_unref(*record);
}

/* What is wrong with a body. */
struct llmp_problem {
    uint16_t status; /* HTTP; 0: none */
    const char *code;
    char field[64]; /* may be empty */
    char message[200];
};

int llmp_problem_set(struct llmp_problem *problem, uint16_t status,
                     const char *code, const char *field, const char *format,
                     ...) LLMP_PRINTF(5, 6);

/* The code of an authentication's or the policy's answer as errors say it:
 * "key_expired". NULL: no memory. */
const char *llmp_answer_code(struct llmp_arena *arena, int answer);

/* 403 with what the policy answered, also where it said with a negative answer
 * that a grant is too deep; `detail` is the field it is about, or empty. The
 * code lives in `arena`. LLMP_E_INVALID or LLMP_E_NOMEM. */
int llmp_problem_denied(struct llmp_problem *problem, struct llmp_arena *arena,
                        int answer, struct llmp_str detail);

/* A bit a field of the table that a body has. */
typedef uint64_t llmp_field_set;

/*
 * Reads a JSON object over the record: what is there is set, `null` unsets,
 * the rest stays. Lists and `limits` are replaced as a whole.
 *
 * @param stored  from the store: read-only fields, too, and unknown ones of a
 *                later version are passed over
 * @param seen    receives what was there; may be NULL
 * @retval LLMP_E_INVALID  see *problem
 * @retval LLMP_E_NOMEM
 */
int llmp_record_read(struct llmp_record *record, struct llmp_str json,
                     bool stored, llmp_field_set *seen,
                     struct llmp_problem *problem);

/* Adds the record as a JSON object; hashes only if `stored`. */
void llmp_record_write(struct llmp_buf *out, const struct llmp_record *record,
                       bool stored, uint64_t last_used_s);

/* A copy that may be changed. */
int llmp_record_copy(struct llmp_record **out,
                     const struct llmp_record *record);

/* Checks what single fields cannot tell. @retval LLMP_E_INVALID *problem */
int llmp_record_check(const struct llmp_record *record,
                      const struct llmp_config *config,
                      struct llmp_problem *problem);

/* The limiter's rules; a key's default number of requests included. False:
 * more than LLMP_LIMIT_RULES_MAX. */
bool llmp_record_allowance(const struct llmp_record *record,
                           struct llmp_allowance *out);

/* One link of a grant's chain; its lists are the record's. */
void llmp_record_grant(const struct llmp_record *record,
                       struct llmp_grant *out);

/* "key_…" ids; not secret. */
bool llmp_record_is_key_id(struct llmp_str text);

/* 300 requests a minute for people, 1,000 for those who run things. */
uint64_t llmp_requests_of_role(enum llmp_role role);

#endif
