/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys: of the file and of the store, in one ring. Each has its owners' limits
 * and, above its own grant, the chain of what it was given by: user, team,
 * organisation, then the key it was made with, and that one's owners.
 */
#include "base/internal.h"
#include "gateway/access.h"

#define GRANTOR "key:"

static void holder_free(void *data)
{
    struct llmp_holder *holder = data;

    for (size_t i = 0; i < LLMP_CALLER_SCOPES; i++)
        llmp_limit_scope_unref(holder->scopes[i]);
    for (size_t i = 0; i < holder->link_count; i++)
        llmp_record_unref(holder->kept[i]);
    llmp_record_unref(holder->record);
    llmp_free(holder);
}

/* ---- the chain ---------------------------------------------------------- */

static struct llmp_grant *add_link(struct llmp_holder *holder)
{
    if (holder->link_count == LLMP_GRANT_DEPTH_MAX) {
        holder->too_deep = true;
        return NULL;
    }
    return &holder->links[holder->link_count++];
}

/* Each once: a narrowing counts no more for being asked twice. */
static void add_record(struct llmp_holder *holder, struct llmp_record *record)
{
    struct llmp_grant *link;

    for (size_t i = 0; i < holder->link_count; i++)
        if (holder->kept[i] == record)
            return;
    link = add_link(holder);
    if (!link)
        return;
    llmp_record_grant(record, link);
    holder->kept[holder->link_count - 1] = llmp_record_ref(record);
}

/* Whether one of them is disabled. */
static bool add_owners(struct llmp_holder *holder,
                       const struct llmp_access *access, struct llmp_str user,
                       struct llmp_str team, struct llmp_str org)
{
    const struct llmp_str names[] = { [LLMP_LIMIT_USER] = user,
                                      [LLMP_LIMIT_TEAM] = team,
                                      [LLMP_LIMIT_ORG] = org };
    bool disabled = false;

    for (size_t k = LLMP_LIMIT_USER; k <= LLMP_LIMIT_ORG; k++) {
        const struct llmp_owner *owner =
            llmp_access_owner(access, (enum llmp_limit_kind)k, names[k]);

        if (!owner || !owner->record)
            continue;
        disabled = disabled || owner->record->disabled;
        add_record(holder, owner->record);
    }
    return disabled;
}

static const struct llmp_key_config *file_key(const struct llmp_access *access,
                                              struct llmp_str id)
{
    const struct llmp_auth_config *auth = &access->config->auth;

    for (size_t i = 0; i < auth->key_count; i++)
        if (llmp_str_eq(auth->keys[i].options.id, id))
            return &auth->keys[i];
    return NULL;
}

/* The key that made it, the key that made that one, …; an administrator at the
 * machine, or somebody with a token, is no grantor. */
static void add_grantors(struct llmp_holder *holder,
                         const struct llmp_access *access,
                         const struct llmp_directory *directory,
                         struct llmp_str created_by)
{
    while (llmp_str_starts(created_by, LLMP_STR(GRANTOR)) &&
           !holder->too_deep) {
        struct llmp_str id = { created_by.ptr + strlen(GRANTOR),
                               created_by.len - strlen(GRANTOR) };
        struct llmp_record *record =
            llmp_directory_find(directory, LLMP_RECORD_KEY, id);
        const struct llmp_key_config *file =
            record ? NULL : file_key(access, id);

        if (file) {
            struct llmp_grant *link = add_link(holder);

            if (link)
                *link = file->options.grant;
            (void)add_owners(holder, access, file->options.user,
                             file->options.team, file->options.org);
            return;
        }
        if (!record)
            return;
        add_record(holder, record);
        (void)add_owners(holder, access, record->user, record->team,
                         record->org);
        created_by = record->created_by;
    }
}

static const struct llmp_grant *tie(struct llmp_holder *holder)
{
    for (size_t i = 1; i < holder->link_count; i++)
        holder->links[i - 1].grantor = &holder->links[i];
    return holder->link_count ? &holder->links[0] : NULL;
}

/* ---- one key ------------------------------------------------------------ */

static void find_limits(const struct llmp_access *access,
                        struct llmp_holder *holder, enum llmp_limit_kind kind,
                        struct llmp_str name)
{
    const struct llmp_owner *owner = llmp_access_owner(access, kind, name);

    if (!owner || !owner->scope)
        return;
    holder->scopes[kind] = llmp_limit_scope_ref(owner->scope);
    holder->allowances[kind] = owner->limits;
}

static int key_new(struct llmp_key **out, struct llmp_access *access,
                   struct llmp_holder *holder, struct llmp_key_options *o,
                   const struct llmp_access *before, struct llmp_error *err)
{
    const struct llmp_key *old =
        before ? llmp_keyring_find(before->keyring, o->id) : NULL;

    find_limits(access, holder, LLMP_LIMIT_USER, o->user);
    find_limits(access, holder, LLMP_LIMIT_TEAM, o->team);
    find_limits(access, holder, LLMP_LIMIT_ORG, o->org);
    LLMP_TRY(llmp_access_scope(&holder->scopes[LLMP_LIMIT_KEY], access->limiter,
                               LLMP_LIMIT_KEY, o->id,
                               holder->allowances[LLMP_LIMIT_KEY], err));
    o->grant.grantor = tie(holder);
    o->disabled = o->disabled || holder->too_deep;
    if (old && llmp_key_last_used_s(old) > o->last_used_s)
        o->last_used_s = llmp_key_last_used_s(old);
    o->data = holder;
    o->data_free = holder_free;
    return llmp_key_new(out, o, err);
}

static int file_key_new(struct llmp_key **out, struct llmp_access *access,
                        const struct llmp_key_config *config,
                        const struct llmp_access *before,
                        struct llmp_error *err)
{
    struct llmp_key_options options = config->options;
    struct llmp_holder *holder = llmp_alloc(sizeof(*holder));

    LLMP_ENSURE(holder, err, LLMP_E_NOMEM, "no memory for a key");
    holder->allowances[LLMP_LIMIT_KEY] = &config->limits;
    options.disabled =
        add_owners(holder, access, options.user, options.team, options.org) ||
        options.disabled;

    int rc = key_new(out, access, holder, &options, before, err);

    if (rc < 0)
        holder_free(holder);
    return rc;
}

static void fill_options(struct llmp_key_options *o,
                         const struct llmp_record *record)
{
    llmp_key_options_init(o);
    o->id = record->id;
    o->name = record->name;
    o->user = record->user;
    o->team = record->team;
    o->org = record->org;
    memcpy(o->generations, record->generations, sizeof(o->generations));
    o->created_ns = record->created_ns;
    o->revoked = record->revoked_ns != 0;
    o->disabled = record->disabled;
    llmp_record_grant(record, &o->grant);
    o->allow = record->allow.items;
    o->allow_count = record->allow.count;
    o->deny = record->deny.items;
    o->deny_count = record->deny.count;
    o->last_used_s = record->last_used_s;
}

int llmp_access_has_room(const struct llmp_access *access,
                         const struct llmp_directory *directory,
                         const struct llmp_record *record)
{
    struct llmp_holder *holder = llmp_alloc(sizeof(*holder));
    bool fits;

    if (!holder)
        return LLMP_E_NOMEM;
    (void)add_owners(holder, access, record->user, record->team, record->org);
    add_grantors(holder, access, directory, record->created_by);
    fits = !holder->too_deep;
    holder_free(holder);
    return fits ? LLMP_OK : LLMP_E_LIMIT;
}

int llmp_access_key(struct llmp_key **out, struct llmp_access *access,
                    const struct llmp_directory *directory,
                    const struct llmp_record *record,
                    const struct llmp_access *before, struct llmp_error *err)
{
    struct llmp_key_options options;
    struct llmp_holder *holder = llmp_alloc(sizeof(*holder));
    int rc = LLMP_E_LIMIT;

    LLMP_ENSURE(holder, err, LLMP_E_NOMEM, "no memory for a key");
    holder->record = llmp_record_ref((struct llmp_record *)record);
    fill_options(&options, record);
    options.disabled =
        add_owners(holder, access, record->user, record->team, record->org) ||
        options.disabled;
    add_grantors(holder, access, directory, record->created_by);
    holder->allowances[LLMP_LIMIT_KEY] = &holder->own;
    if (llmp_record_allowance(record, &holder->own))
        rc = key_new(out, access, holder, &options, before, err);
    if (rc < 0)
        holder_free(holder);
    return rc;
}

/* ---- all keys ----------------------------------------------------------- */

/* One that the store has and that cannot be used is left out: it must not keep
 * all others from working. Memory is another matter. */
static int add_stored(struct llmp_key **keys, size_t *count,
                      struct llmp_access *access,
                      const struct llmp_directory *directory,
                      const struct llmp_access *before, struct llmp_error *err)
{
    const struct llmp_records *records = &directory->kinds[LLMP_RECORD_KEY];

    for (size_t i = 0; i < records->count; i++) {
        int rc;

        if (file_key(access, records->items[i]->id))
            continue;
        rc = llmp_access_key(&keys[*count], access, directory,
                             records->items[i], before, err);
        if (rc == LLMP_E_NOMEM)
            return rc;
        *count += rc == LLMP_OK;
    }
    return LLMP_OK;
}

int llmp_access_keys(struct llmp_access *access,
                     const struct llmp_directory *directory,
                     const struct llmp_access *before, struct llmp_error *err)
{
    const struct llmp_auth_config *auth = &access->config->auth;
    size_t stored = directory ? directory->kinds[LLMP_RECORD_KEY].count : 0;
    struct llmp_key **keys =
        llmp_alloc_array(auth->key_count + stored + 1, sizeof(*keys));
    size_t count = 0;
    int rc = LLMP_OK;

    LLMP_ENSURE(keys, err, LLMP_E_NOMEM, "no memory for keys");
    while (count < auth->key_count && rc == LLMP_OK) {
        rc =
            file_key_new(&keys[count], access, &auth->keys[count], before, err);
        count += rc == LLMP_OK;
    }
    if (rc == LLMP_OK && directory)
        rc = add_stored(keys, &count, access, directory, before, err);
    if (rc == LLMP_OK)
        rc =
            llmp_keyring_new(&access->keyring, &auth->pepper, keys, count, err);
    for (size_t i = 0; i < count; i++)
        llmp_key_unref(keys[i]);
    llmp_free(keys);
    return rc;
}
