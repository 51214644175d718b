/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request of administration while it is worked on, and what its handlers
 * share. A handler returns LLMP_OK with `status` and `out` set, or a failure:
 * LLMP_E_INVALID with `problem` set is the client's, all else is the store's.
 */
#ifndef LLMP_GATEWAY_ADMIN_H
#define LLMP_GATEWAY_ADMIN_H

#include <llmproxy/admin.h>
#include <llmproxy/store.h>

#include "gateway/gateway.h"

struct llmp_admin;

struct llmp_admin_route {
    const char *method;
    const char *path; /* "{id}" stands for one segment */
    int (*handle)(struct llmp_admin *a);
    enum llmp_record_kind kind;
    const char *operation; /* operationId */
    const char *summary;
    const char *answer;     /* name of the schema of a good answer */
    const char *body;       /* of the request's body; NULL: none */
    const char *parameters; /* names, separated by blanks; NULL: none */
    uint16_t status;        /* of a good answer */
};

extern const struct llmp_admin_route llmp_admin_routes[];
extern const size_t llmp_admin_route_count;

struct llmp_admin {
    struct llmp_store_job job; /* first */
    struct llmp_gateway *gateway;
    atomic_uint *share; /* of the principal, in the requests under way */
    struct llmp_arena arena;
    struct llmp_principal who;
    struct llmp_str actor; /* "key:…", "user:…", "local" */
    struct llmp_str maker; /* the key that what is made is granted by, whether
                              it was shown or a token of it; else the actor */
    struct llmp_str method, path, query, content_type, body;
    struct llmp_time now;
    llmp_admin_done_fn *done;
    void *ctx;

    /* While it runs. */
    const struct llmp_admin_route *route;
    struct llmp_str id; /* what stands for {id} */
    struct llmp_store *store;
    struct llmp_error *err;
    struct llmp_access *access; /* a reference */
    struct llmp_problem problem;

    /* The answer. */
    uint16_t status;
    struct llmp_str answer_type;
    const char *allow;
    uint64_t retry_after_s; /* with 429 */
    struct llmp_buf out;
};

/* admin_request.c ----------------------------------------------------------*/

/* Finds the route; sets `problem` to 404 or 405. */
int llmp_admin_find(struct llmp_admin *a);

/* A parameter of the query, decoded; ptr NULL: it is not there. */
int llmp_admin_parameter(struct llmp_admin *a, const char *name,
                         struct llmp_str *out);
int llmp_admin_number(struct llmp_admin *a, const char *name, uint64_t min,
                      uint64_t max, uint64_t *out);
int llmp_admin_moment(struct llmp_admin *a, const char *name, uint64_t *out);
int llmp_admin_span(struct llmp_admin *a, uint64_t *from, uint64_t *to);

/* The problem that an answer of the policy is. */
int llmp_admin_denied(struct llmp_admin *a, int answer, struct llmp_str detail);

/* Asks the policy; LLMP_OK or `problem`. */
int llmp_admin_may(struct llmp_admin *a, enum llmp_action action,
                   const struct llmp_policy_object *object);

int llmp_admin_unknown(struct llmp_admin *a); /* 404 */
int llmp_admin_conflict(struct llmp_admin *a, const char *code,
                        const char *message); /* 409 */

/* A body that has to be there, or (empty) need not. */
int llmp_admin_check_body(struct llmp_admin *a, bool required);

/* Refuses parameters that the route does not have: where a misspelt one would
 * change more than was meant. */
int llmp_admin_only_known(struct llmp_admin *a);

/* admin_schemas.c: of rows that are no records, each with a comma behind it. */
void llmp_admin_write_rows(struct llmp_buf *out);

/* admin.c ------------------------------------------------------------------*/

/* Fills in when, who, and an id. */
int llmp_admin_event(struct llmp_admin *a, struct llmp_store_event *event);

/* Commits a record (its new content; NULL: it goes) together with the event,
 * and brings it into force. `before` NULL: it is new. */
int llmp_admin_commit(struct llmp_admin *a, enum llmp_action action,
                      const struct llmp_record *before,
                      struct llmp_record *after);

enum llmp_admin_source { LLMP_ADMIN_STORE, LLMP_ADMIN_FILE };

/* Answers with one record. @param source  of a key */
void llmp_admin_answer_from(struct llmp_admin *a, uint16_t status,
                            const struct llmp_record *record,
                            enum llmp_admin_source source);
void llmp_admin_answer_record(struct llmp_admin *a, uint16_t status,
                              const struct llmp_record *record,
                              const char *secret);

/* The names of fields for the policy, without repetition. */
enum { LLMP_ADMIN_FIELDS_MAX = 24 };
size_t llmp_admin_fields(const struct llmp_record *record, llmp_field_set seen,
                         struct llmp_str out[LLMP_ADMIN_FIELDS_MAX],
                         bool *grants);

/* What the policy is asked about a record. */
struct llmp_policy_object llmp_admin_object(const struct llmp_record *record);

/* The record that the path names; somebody else's is as if it were not there,
 * unless it may be seen. */
int llmp_admin_record(struct llmp_admin *a, enum llmp_record_kind kind,
                      enum llmp_action read, struct llmp_record **out);

/* Records of a route's kind that the principal may see, page by page. */
int llmp_admin_list(struct llmp_admin *a, enum llmp_action action);

/* The list's frame: {"object":"list","data":[ … ],"next":…} */
void llmp_admin_list_begin(struct llmp_admin *a);
void llmp_admin_list_end(struct llmp_admin *a, struct llmp_str next);

uint64_t llmp_admin_last_used_s(const struct llmp_admin *a,
                                const struct llmp_record *record);

/* An id that is random: `prefix` and 20 digits. */
int llmp_admin_make_id(struct llmp_admin *a, const char *prefix,
                       struct llmp_str *out);

/* Its own owners, where a principal does not reach further. */
void llmp_admin_default_owner(const struct llmp_admin *a,
                              struct llmp_record *record, llmp_field_set seen);
int llmp_admin_check_owners(struct llmp_admin *a,
                            const struct llmp_record *record);

/* admin_login.c: a user is gone, and so is its authenticator. */
void llmp_admin_totp_forget(struct llmp_admin *a, struct llmp_str user);

/* admin_file_keys.c: a key of the file as a record, for as long as `key` is. */
int llmp_admin_file_key(struct llmp_record **out,
                        const struct llmp_key_config *key);

/* The key of the file that the path names, a reference; NULL: it is none of
 * the file. Fails with 404 where it may not be seen. */
int llmp_admin_find_file_key(struct llmp_admin *a, struct llmp_record **out);

/* Handlers. */
int llmp_admin_keys_list(struct llmp_admin *a);
int llmp_admin_keys_create(struct llmp_admin *a);
int llmp_admin_keys_show(struct llmp_admin *a);
int llmp_admin_keys_update(struct llmp_admin *a);
int llmp_admin_keys_revoke(struct llmp_admin *a);
int llmp_admin_keys_rotate(struct llmp_admin *a);
int llmp_admin_owners_list(struct llmp_admin *a);
int llmp_admin_owners_create(struct llmp_admin *a);
int llmp_admin_owners_show(struct llmp_admin *a);
int llmp_admin_owners_update(struct llmp_admin *a);
int llmp_admin_owners_delete(struct llmp_admin *a);
int llmp_admin_totp_enrol(struct llmp_admin *a);
int llmp_admin_totp_show(struct llmp_admin *a);
int llmp_admin_totp_remove(struct llmp_admin *a);
int llmp_admin_login(struct llmp_admin *a);
int llmp_admin_tokens_issue(struct llmp_admin *a);
int llmp_admin_usage(struct llmp_admin *a);
int llmp_admin_budgets(struct llmp_admin *a);
int llmp_admin_events(struct llmp_admin *a);
int llmp_admin_prices(struct llmp_admin *a);
int llmp_admin_explain(struct llmp_admin *a);
int llmp_admin_reprice(struct llmp_admin *a);
int llmp_admin_openapi(struct llmp_admin *a);
int llmp_admin_health(struct llmp_admin *a);

#endif
