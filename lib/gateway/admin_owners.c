/* SPDX-License-Identifier: Apache-2.0 */
/* Users, teams and organisations: the same for each, under other actions. */
#include "base/internal.h"
#include "gateway/admin.h"

static const struct {
    enum llmp_action create, read, list, update, remove;
} actions[LLMP_RECORD_KINDS] = {
    [LLMP_RECORD_USER] = { LLMP_ACTION_USER_CREATE, LLMP_ACTION_USER_READ,
                           LLMP_ACTION_USER_LIST, LLMP_ACTION_USER_UPDATE,
                           LLMP_ACTION_USER_DELETE },
    [LLMP_RECORD_TEAM] = { LLMP_ACTION_TEAM_CREATE, LLMP_ACTION_TEAM_READ,
                           LLMP_ACTION_TEAM_LIST, LLMP_ACTION_TEAM_UPDATE,
                           LLMP_ACTION_TEAM_DELETE },
    [LLMP_RECORD_ORG] = { LLMP_ACTION_ORG_CREATE, LLMP_ACTION_ORG_READ,
                          LLMP_ACTION_ORG_READ, LLMP_ACTION_ORG_UPDATE,
                          LLMP_ACTION_ORG_DELETE },
};

int llmp_admin_owners_list(struct llmp_admin *a)
{
    return llmp_admin_list(a, actions[a->route->kind].list);
}

static int find(struct llmp_admin *a, struct llmp_record **out)
{
    return llmp_admin_record(a, a->route->kind, actions[a->route->kind].read,
                             out);
}

int llmp_admin_owners_show(struct llmp_admin *a)
{
    struct llmp_record *record = NULL;

    LLMP_TRY(find(a, &record));
    llmp_admin_answer_record(a, 200, record, NULL);
    return LLMP_OK;
}

/* What changes hands is asked about twice: as it is, without fields, and as
 * it would be. */
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
    if (grants)
        object.grant = &grant;
    return llmp_admin_may(a, action, &object);
}

static bool is_in_file(const struct llmp_admin *a, struct llmp_str id)
{
    const struct llmp_auth_config *auth = &a->access->config->auth;

    for (size_t i = 0; i < auth->owner_count; i++)
        if ((unsigned)auth->owners[i].kind == (unsigned)a->route->kind &&
            llmp_str_eq(auth->owners[i].name, id))
            return true;
    return false;
}

int llmp_admin_owners_create(struct llmp_admin *a)
{
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *record = NULL;
    const struct llmp_policy_object own = { .size = sizeof(own),
                                            .org = a->who.org };
    enum llmp_action action = actions[a->route->kind].create;
    llmp_field_set seen;

    LLMP_TRY(llmp_admin_may(a, action, &own));
    LLMP_TRY(llmp_admin_check_body(a, true));
    LLMP_TRY(llmp_record_new(&record, a->route->kind));
    LLMP_TRY(llmp_record_read(record, a->body, false, &seen, &a->problem));
    llmp_admin_default_owner(a, record, seen);
    record->created_ns = a->now.wall_ns;
    record->created_by = a->maker;
    LLMP_TRY(llmp_record_check(record, a->access->config, &a->problem));
    LLMP_TRY(ask(a, action, record, seen));
    LLMP_TRY(llmp_admin_check_owners(a, record));
    if (is_in_file(a, record->id))
        return llmp_admin_conflict(a, "in_configuration",
                                   "the configuration file has this one");
    LLMP_TRY(llmp_admin_commit(a, action, NULL, record));
    llmp_admin_answer_record(a, 201, record, NULL);
    return LLMP_OK;
}

int llmp_admin_owners_update(struct llmp_admin *a)
{
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *record = NULL;
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *before = NULL;
    enum llmp_action action = actions[a->route->kind].update;
    struct llmp_record *found = NULL;
    llmp_field_set seen;

    LLMP_TRY(find(a, &found));
    before = llmp_record_ref(found);
    LLMP_TRY(ask(a, action, before, 0));
    LLMP_TRY(llmp_admin_check_body(a, true));
    LLMP_TRY(llmp_record_copy(&record, before));
    LLMP_TRY(llmp_record_read(record, a->body, false, &seen, &a->problem));
    LLMP_TRY(llmp_record_check(record, a->access->config, &a->problem));
    LLMP_TRY(ask(a, action, record, seen));
    LLMP_TRY(llmp_admin_check_owners(a, record));
    LLMP_TRY(llmp_admin_commit(a, action, before, record));
    llmp_admin_answer_record(a, 200, record, NULL);
    return LLMP_OK;
}

/* A key that still counts, and a user or team, would lose what bounds it. */
static bool is_named(const struct llmp_admin *a,
                     const struct llmp_record *owner)
{
    const struct llmp_directory *directory = &a->gateway->stored.directory;

    for (size_t k = 0; k < LLMP_RECORD_KINDS; k++)
        for (size_t i = 0; i < directory->kinds[k].count; i++) {
            const struct llmp_record *record = directory->kinds[k].items[i];
            struct llmp_str name =
                owner->kind == LLMP_RECORD_USER   ? record->user
                : owner->kind == LLMP_RECORD_TEAM ? record->team
                                                  : record->org;

            if (!record->revoked_ns && llmp_str_eq(name, owner->id))
                return true;
        }
    return false;
}

int llmp_admin_owners_delete(struct llmp_admin *a)
{
    LLMP_AUTO(llmp_record_unrefp) struct llmp_record *before = NULL;
    enum llmp_action action = actions[a->route->kind].remove;
    struct llmp_record *found = NULL;

    LLMP_TRY(find(a, &found));
    before = llmp_record_ref(found);

    const struct llmp_policy_object object = llmp_admin_object(before);

    LLMP_TRY(llmp_admin_may(a, action, &object));
    if (is_named(a, before))
        return llmp_admin_conflict(
            a, "in_use",
            "keys that are not revoked, users or teams still name it");
    LLMP_TRY(llmp_admin_commit(a, action, before, NULL));
    if (before->kind == LLMP_RECORD_USER)
        llmp_admin_totp_forget(a, before->id);
    llmp_admin_answer_record(a, 200, before, NULL);
    return LLMP_OK;
}
