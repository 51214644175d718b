/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys: made, shown, changed, given a new secret, revoked. A secret is in the
 * one answer that made it; what is stored is its hash.
 */
#include <llmproxy/json.h>
#include <sodium.h>

#include "base/internal.h"
#include "gateway/admin.h"

enum { OVERLAP_S_DEFAULT = 86400 };

int llmp_admin_keys_list(struct llmp_admin *a)
{
    return llmp_admin_list(a, LLMP_ACTION_KEY_LIST);
}

/* One of the file is there, but is changed elsewhere. */
static int find(struct llmp_admin *a, enum llmp_action action,
                struct llmp_record **out)
{
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *file = NULL;

    LLMP_TRY(llmp_admin_find_file_key(a, &file));
    if (!file)
        return llmp_admin_record(a, LLMP_RECORD_KEY, LLMP_ACTION_KEY_READ, out);

    const struct llmp_policy_object object = llmp_admin_object(file);

    LLMP_TRY(llmp_admin_may(a, action, &object));
    return llmp_admin_conflict(a, "in_configuration",
                               "this key is in the configuration file, and is "
                               "changed there");
}

int llmp_admin_keys_show(struct llmp_admin *a)
{
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *file = NULL;
    struct llmp_record *record = NULL;

    LLMP_TRY(llmp_admin_find_file_key(a, &file));
    if (file) {
        llmp_admin_answer_from(a, 200, file, LLMP_ADMIN_FILE);
        return LLMP_OK;
    }
    LLMP_TRY(
        llmp_admin_record(a, LLMP_RECORD_KEY, LLMP_ACTION_KEY_READ, &record));
    llmp_admin_answer_record(a, 200, record, NULL);
    return LLMP_OK;
}

/* ---- making ------------------------------------------------------------- */

static int make_secret(struct llmp_admin *a, char secret[LLMP_API_KEY_SIZE],
                       uint8_t hash[LLMP_KEY_HASH_SIZE])
{
    const struct llmp_auth_config *auth = &a->access->config->auth;

    if (!auth->has_pepper)
        return llmp_admin_conflict(
            a, "pepper_missing",
            "keys in the store need auth.pepper in the configuration");
    llmp_api_key_make(secret, &a->gateway->random);
    llmp_api_key_hash(hash, &auth->pepper,
                      (struct llmp_str){ secret, LLMP_API_KEY_LEN });
    return LLMP_OK;
}

static bool is_seen(llmp_field_set seen, size_t offset)
{
    for (size_t i = 0; i < llmp_record_field_count; i++)
        if (llmp_record_fields[i].offset == offset)
            return seen >> i & 1;
    return false;
}

/* 90 days, or as long as whoever makes it; never, if that is asked for. */
static int set_expiry(struct llmp_admin *a, struct llmp_record *record,
                      llmp_field_set seen)
{
    uint64_t own_ns = llmp_grant_expires_ns(a->who.grant);
    bool demanded = a->access->config->auth.keys_expire;

    if (is_seen(seen, offsetof(struct llmp_record, expires_ns))) {
        if (record->expires_ns == 0 && demanded)
            return llmp_problem_set(&a->problem, 400, "expiry_required",
                                    "expires_at",
                                    "'auth.keys_expire' demands an end");
        if (record->expires_ns && record->expires_ns <= a->now.wall_ns)
            return llmp_problem_set(&a->problem, 400, "invalid_value",
                                    "expires_at", "expires_at is in the past");
        return LLMP_OK;
    }
    if (llmp_key_expiry(a->now.wall_ns, 0, 0, false, &record->expires_ns) !=
        LLMP_OK)
        return LLMP_E_LIMIT;
    if (own_ns && own_ns < record->expires_ns)
        record->expires_ns = own_ns;
    return LLMP_OK;
}

/* Who makes a key is what it is granted by: the chain must have room. */
static int check_depth(struct llmp_admin *a, const struct llmp_record *record)
{
    int rc =
        llmp_access_has_room(a->access, &a->gateway->stored.directory, record);

    if (rc != LLMP_E_LIMIT)
        return rc;
    return llmp_problem_set(&a->problem, 403, "grant_too_deep", "",
                            "what was granted passed through too many hands");
}

/* Whether it may be made or changed so. A new one is judged by all that it
 * gives, what was filled in included; a change by what it sets. */
static int ask(struct llmp_admin *a, enum llmp_action action,
               const struct llmp_record *record, llmp_field_set seen)
{
    struct llmp_str fields[LLMP_ADMIN_FIELDS_MAX];
    struct llmp_policy_object object = llmp_admin_object(record);
    struct llmp_grant grant;
    bool grants;

    object.fields = fields;
    object.field_count = llmp_admin_fields(record, seen, fields, &grants);
    llmp_record_grant(record, &grant);
    if (grants || action == LLMP_ACTION_KEY_CREATE)
        object.grant = &grant;
    return llmp_admin_may(a, action, &object);
}

static bool copy_texts(struct llmp_record *record, struct llmp_texts *to,
                       const struct llmp_str *items, size_t count)
{
    bool ok = true;

    to->items = llmp_arena_take(&record->arena, count * sizeof(*to->items) + 1);
    to->count = to->items ? count : 0;
    for (size_t i = 0; i < to->count; i++)
        to->items[i] = llmp_arena_str(&record->arena, items[i], &ok);
    return ok && to->items;
}

/* The addresses that the key which asks, or which the token was issued with, is
 * bound to, in store or file. */
static void own_addresses(const struct llmp_admin *a,
                          struct llmp_key_options *out)
{
    struct llmp_str id =
        a->who.kind == LLMP_PRINCIPAL_KEY ? a->who.id : a->who.grantor;
    const struct llmp_key_config *file = llmp_access_file_key(a->access, id);
    const struct llmp_record *record =
        llmp_directory_find(&a->gateway->stored.directory, LLMP_RECORD_KEY, id);

    llmp_key_options_init(out);
    if (!id.len)
        return;
    if (file) { /* it is the one in force */
        *out = file->options;
    } else if (record) {
        out->allow = record->allow.items;
        out->allow_count = record->allow.count;
        out->deny = record->deny.items;
        out->deny_count = record->deny.count;
    }
}

/* What is not an admin's cannot leave its team, whose budget counts, nor the
 * addresses that the key which asks is bound to. */
static int stay_inside(struct llmp_admin *a, struct llmp_record *record)
{
    struct llmp_key_options own;

    if (a->who.role == LLMP_ROLE_ADMIN)
        return LLMP_OK;
    if (!llmp_str_eq(record->team, a->who.team))
        return llmp_admin_denied(a, LLMP_AUTH_OBJECT_DENIED, LLMP_STR("team"));
    own_addresses(a, &own);
    if (own.allow_count + own.deny_count == 0)
        return LLMP_OK;
    if (record->allow.count || record->deny.count)
        return llmp_admin_denied(a, LLMP_AUTH_FIELD_DENIED, LLMP_STR("allow"));
    return copy_texts(record, &record->allow, own.allow, own.allow_count) &&
                   copy_texts(record, &record->deny, own.deny, own.deny_count)
               ? LLMP_OK
               : LLMP_E_NOMEM;
}

int llmp_admin_keys_create(struct llmp_admin *a)
{
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *record = NULL;
    const struct llmp_policy_object own = { .size = sizeof(own),
                                            .user = a->who.user,
                                            .team = a->who.team,
                                            .org = a->who.org };
    char secret[LLMP_API_KEY_SIZE];
    llmp_field_set seen;

    LLMP_TRY(llmp_admin_may(a, LLMP_ACTION_KEY_CREATE, &own));
    LLMP_TRY(llmp_admin_check_body(a, true));
    LLMP_TRY(llmp_record_new(&record, LLMP_RECORD_KEY));
    LLMP_TRY(llmp_record_read(record, a->body, false, &seen, &a->problem));
    LLMP_TRY(llmp_admin_make_id(a, "key_", &record->id));
    llmp_admin_default_owner(a, record, seen);
    LLMP_TRY(stay_inside(a, record));
    if (record->role == LLMP_ROLE_NONE)
        record->role = LLMP_ROLE_USER;
    record->created_ns = a->now.wall_ns;
    record->created_by = a->maker;
    LLMP_TRY(set_expiry(a, record, seen));
    if (!record->name.len)
        return llmp_problem_set(&a->problem, 400, "invalid_value", "name",
                                "a name is needed");
    LLMP_TRY(llmp_record_check(record, a->access->config, &a->problem));
    LLMP_TRY(ask(a, LLMP_ACTION_KEY_CREATE, record, seen));
    LLMP_TRY(llmp_admin_check_owners(a, record));
    LLMP_TRY(make_secret(a, secret, record->generations[0].hash));
    LLMP_TRY(check_depth(a, record));

    int rc = llmp_admin_commit(a, LLMP_ACTION_KEY_CREATE, NULL, record);

    if (rc == LLMP_OK)
        llmp_admin_answer_record(a, 201, record, secret);
    sodium_memzero(secret, sizeof(secret));
    return rc;
}

/* ---- changing ----------------------------------------------------------- */

static int find_living(struct llmp_admin *a, enum llmp_action action,
                       struct llmp_record **out)
{
    struct llmp_record *record = NULL;

    LLMP_TRY(find(a, action, &record));
    if (record->revoked_ns)
        return llmp_admin_conflict(a, "key_revoked", "the key was revoked");
    *out = record;
    return LLMP_OK;
}

int llmp_admin_keys_update(struct llmp_admin *a)
{
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *record = NULL;
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *before = NULL;
    struct llmp_record *found = NULL;
    llmp_field_set seen;

    LLMP_TRY(find_living(a, LLMP_ACTION_KEY_UPDATE, &found));
    before = llmp_record_ref(found);
    LLMP_TRY(ask(a, LLMP_ACTION_KEY_UPDATE, before, 0));
    LLMP_TRY(llmp_admin_check_body(a, true));
    LLMP_TRY(llmp_record_copy(&record, before));
    LLMP_TRY(llmp_record_read(record, a->body, false, &seen, &a->problem));
    if (record->role == LLMP_ROLE_NONE || !record->name.len)
        return llmp_problem_set(&a->problem, 400, "invalid_value",
                                record->name.len ? "role" : "name",
                                "a key has a name and a role");
    LLMP_TRY(llmp_record_check(record, a->access->config, &a->problem));
    LLMP_TRY(ask(a, LLMP_ACTION_KEY_UPDATE, record, seen));
    if (is_seen(seen, offsetof(struct llmp_record, expires_ns)))
        LLMP_TRY(set_expiry(a, record, seen));
    LLMP_TRY(llmp_admin_check_owners(a, record));
    LLMP_TRY(check_depth(a, record));
    LLMP_TRY(llmp_admin_commit(a, LLMP_ACTION_KEY_UPDATE, before, record));
    llmp_admin_answer_record(a, 200, record, NULL);
    return LLMP_OK;
}

int llmp_admin_keys_revoke(struct llmp_admin *a)
{
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *record = NULL;
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *before = NULL;
    struct llmp_record *found = NULL;

    LLMP_TRY(find(a, LLMP_ACTION_KEY_REVOKE, &found));
    before = llmp_record_ref(found);

    const struct llmp_policy_object object = llmp_admin_object(before);

    LLMP_TRY(llmp_admin_may(a, LLMP_ACTION_KEY_REVOKE, &object));
    if (before->revoked_ns) { /* that is what was wanted */
        llmp_admin_answer_record(a, 200, before, NULL);
        return LLMP_OK;
    }
    LLMP_TRY(llmp_record_copy(&record, before));
    record->revoked_ns = a->now.wall_ns;
    LLMP_TRY(llmp_admin_commit(a, LLMP_ACTION_KEY_REVOKE, before, record));
    llmp_admin_answer_record(a, 200, record, NULL);
    return LLMP_OK;
}

/* ---- a new secret ------------------------------------------------------- */

/* {"overlap_s": 3600} */
static int read_overlap(struct llmp_admin *a, uint64_t *overlap_s)
{
    struct llmp_json_field field = { .path = "overlap_s" };
    struct llmp_error err;

    *overlap_s = OVERLAP_S_DEFAULT;
    LLMP_TRY(llmp_admin_check_body(a, false));
    if (!a->body.len)
        return LLMP_OK;

    int rc = llmp_json_pick_all(a->body, &field, 1, &err);

    if (rc == LLMP_E_NOMEM)
        return rc;
    if (rc < 0 || a->body.ptr[0] != '{')
        return llmp_problem_set(&a->problem, 400, "invalid_json", "",
                                "the body must be a JSON object");
    if (!field.found)
        return LLMP_OK;
    if (field.type != LLMP_JSON_NUMBER || field.cut ||
        llmp_json_u64(field.text, overlap_s) < 0 ||
        *overlap_s > LLMP_KEY_OVERLAP_S_MAX)
        return llmp_problem_set(&a->problem, 400, "invalid_value", "overlap_s",
                                "overlap_s must be a number from 0 to %u",
                                LLMP_KEY_OVERLAP_S_MAX);
    return LLMP_OK;
}

int llmp_admin_keys_rotate(struct llmp_admin *a)
{
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *record = NULL;
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *before = NULL;
    struct llmp_record *found = NULL;
    char secret[LLMP_API_KEY_SIZE];
    uint8_t hash[LLMP_KEY_HASH_SIZE];
    uint64_t overlap_s;

    LLMP_TRY(find_living(a, LLMP_ACTION_KEY_ROTATE, &found));
    before = llmp_record_ref(found);

    struct llmp_policy_object object = llmp_admin_object(before);
    struct llmp_grant grant;

    /* Who gets a key's secret can do all that it can; a key that renews itself
     * gets nothing new. */
    llmp_record_grant(before, &grant);
    if (a->who.kind != LLMP_PRINCIPAL_KEY ||
        !llmp_str_eq(a->who.id, before->id))
        object.grant = &grant;
    LLMP_TRY(llmp_admin_may(a, LLMP_ACTION_KEY_ROTATE, &object));
    LLMP_TRY(read_overlap(a, &overlap_s));
    LLMP_TRY(llmp_record_copy(&record, before));
    LLMP_TRY(make_secret(a, secret, hash));
    if (llmp_key_rotate(record->generations, hash, overlap_s, a->now.wall_ns) !=
        LLMP_OK)
        return LLMP_E_LIMIT;

    int rc = llmp_admin_commit(a, LLMP_ACTION_KEY_ROTATE, before, record);

    if (rc == LLMP_OK)
        llmp_admin_answer_record(a, 200, record, secret);
    sodium_memzero(secret, sizeof(secret));
    return rc;
}
