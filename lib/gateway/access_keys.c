/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys: of the file and of the store, in one ring. Each has its owners' limits
 * and, above its own grant, the chain of what it was given by: user, team,
 * organisation, then the key it was made with, and that one's owners.
 */
#include "base/internal.h"
#include "gateway/access.h"

#define GRANTOR "key:"

static void drop_bounds(struct llmp_holder *holder)
{
    for (size_t i = 0; i < holder->bound_count; i++) {
        llmp_address_set_unref(holder->bounds[i].allow);
        llmp_address_set_unref(holder->bounds[i].deny);
    }
    llmp_free(holder->bounds);
}

static void holder_free(void *data)
{
    struct llmp_holder *holder = data;

    drop_bounds(holder);
    for (size_t i = 0; i < LLMP_CALLER_SCOPES; i++)
        llmp_limit_scope_unref(holder->scopes[i]);
    for (size_t i = 0; i < holder->link_count; i++)
        llmp_record_unref(holder->links[i].record);
    llmp_free(holder->links);
    llmp_record_unref(holder->record);
    llmp_free(holder);
}

/* ---- the chain ---------------------------------------------------------- */

/* Addresses as they are written. */
struct addresses {
    const struct llmp_str *allow, *deny;
    size_t allow_count, deny_count;
};

/* While it is being made. Records are not referred to yet. */
struct chain {
    struct addresses bounds[LLMP_GRANT_DEPTH_MAX];
    size_t bound_count;
    struct llmp_link links[LLMP_GRANT_DEPTH_MAX];
    size_t count;
    struct llmp_regions regions; /* of all links */
    bool too_deep;               /* it is longer than that: it gives nothing */
};

static struct llmp_link *add_link(struct chain *chain)
{
    if (chain->count == LLMP_GRANT_DEPTH_MAX) {
        chain->too_deep = true;
        return NULL;
    }
    return &chain->links[chain->count++];
}

/* Each once: a narrowing counts no more for being asked twice. */
static void add_record(struct chain *chain, struct llmp_record *record)
{
    struct llmp_link *link;

    for (size_t i = 0; i < chain->count; i++)
        if (chain->links[i].record == record)
            return;
    link = add_link(chain);
    if (!link)
        return;
    llmp_record_grant(record, &link->grant);
    link->record = record;
}

/* Whether one of them is disabled. */
static bool add_owners(struct chain *chain, const struct llmp_access *access,
                       struct llmp_str user, struct llmp_str team,
                       struct llmp_str org)
{
    const struct llmp_str names[] = { [LLMP_LIMIT_USER] = user,
                                      [LLMP_LIMIT_TEAM] = team,
                                      [LLMP_LIMIT_ORG] = org };
    bool disabled = false;

    for (size_t k = LLMP_LIMIT_USER; k <= LLMP_LIMIT_ORG; k++) {
        const struct llmp_owner *owner =
            llmp_access_owner(access, (enum llmp_limit_kind)k, names[k]);

        if (owner)
            llmp_regions_narrow(&chain->regions, owner->regions);
        if (!owner || !owner->record)
            continue;
        disabled = disabled || owner->record->disabled;
        add_record(chain, owner->record);
    }
    return disabled;
}

/* An admin's addresses say from where somebody administers; what an admin
 * makes for others may be used elsewhere. */
static void add_bound(struct chain *chain, enum llmp_role role,
                      const struct addresses *addresses)
{
    if (role == LLMP_ROLE_ADMIN ||
        addresses->allow_count + addresses->deny_count == 0)
        return;
    if (chain->bound_count == LLMP_GRANT_DEPTH_MAX)
        chain->too_deep = true;
    else
        chain->bounds[chain->bound_count++] = *addresses;
}

/* What cannot be told apart for want of memory is nowhere. */
static void add_residency(struct chain *chain, const struct llmp_access *access,
                          const struct llmp_residency *residency)
{
    struct llmp_regions regions = { .bound = true };

    (void)llmp_regions_of(&regions, access->router, residency, NULL);
    llmp_regions_narrow(&chain->regions, regions);
}

static void add_file_grantor(struct chain *chain,
                             const struct llmp_access *access,
                             const struct llmp_key_config *config)
{
    const struct llmp_key_options *o = &config->options;
    const struct addresses addresses = { o->allow, o->deny, o->allow_count,
                                         o->deny_count };
    struct llmp_link *link = add_link(chain);

    if (link)
        *link = (struct llmp_link){ .grant = o->grant };
    add_bound(chain, o->grant.role, &addresses);
    add_residency(chain, access, &config->residency);
    (void)add_owners(chain, access, o->user, o->team, o->org);
}

static void add_grantor(struct chain *chain, const struct llmp_access *access,
                        struct llmp_record *record)
{
    const struct addresses addresses = { record->allow.items,
                                         record->deny.items,
                                         record->allow.count,
                                         record->deny.count };

    add_record(chain, record);
    add_bound(chain, record->role, &addresses);
    (void)add_owners(chain, access, record->user, record->team, record->org);
}

const struct llmp_key_config *llmp_access_file_key(
    const struct llmp_access *access, struct llmp_str id)
{
    const struct llmp_auth_config *auth = &access->config->auth;

    for (size_t i = 0; i < auth->key_count; i++)
        if (llmp_str_eq(auth->keys[i].options.id, id))
            return &auth->keys[i];
    return NULL;
}

/* The key that made it, the key that made that one, …; an administrator at the
 * machine, or somebody with a token, is no grantor. */
static void add_grantors(struct chain *chain, const struct llmp_access *access,
                         const struct llmp_directory *directory,
                         struct llmp_str created_by)
{
    while (llmp_str_starts(created_by, LLMP_STR(GRANTOR)) && !chain->too_deep) {
        struct llmp_str id = { created_by.ptr + strlen(GRANTOR),
                               created_by.len - strlen(GRANTOR) };
        struct llmp_record *record =
            llmp_directory_find(directory, LLMP_RECORD_KEY, id);
        const struct llmp_key_config *file =
            record ? NULL : llmp_access_file_key(access, id);

        if (file)
            add_file_grantor(chain, access, file);
        if (!record)
            return;
        add_grantor(chain, access, record);
        created_by = record->created_by;
    }
}

/* Moves the chain to where it stays, and ties its links together. */
static int tie(struct llmp_holder *holder, const struct chain *chain,
               const struct llmp_grant **first)
{
    *first = NULL;
    if (!chain->count)
        return LLMP_OK;
    holder->links = llmp_alloc_array(chain->count, sizeof(*holder->links));
    if (!holder->links)
        return LLMP_E_NOMEM;
    for (size_t i = 0; i < chain->count; i++) {
        struct llmp_link *link = &holder->links[i];

        *link = chain->links[i];
        link->grant.grantor = NULL;
        if (link->record)
            (void)llmp_record_ref(link->record);
        if (i)
            holder->links[i - 1].grant.grantor = &link->grant;
    }
    holder->link_count = chain->count;
    *first = &holder->links[0].grant;
    return LLMP_OK;
}

static int make_set(struct llmp_address_set **out, const struct llmp_str *items,
                    size_t count, struct llmp_error *err)
{
    return count ? llmp_address_set_new(out, items, count, err) : LLMP_OK;
}

static int make_bounds(struct llmp_holder *holder, const struct chain *chain,
                       struct llmp_error *err)
{
    if (!chain->bound_count)
        return LLMP_OK;
    holder->bounds =
        llmp_alloc_array(chain->bound_count, sizeof(*holder->bounds));
    LLMP_ENSURE(holder->bounds, err, LLMP_E_NOMEM, "no memory for a key");
    holder->bound_count = chain->bound_count;
    for (size_t i = 0; i < chain->bound_count; i++) {
        const struct addresses *from = &chain->bounds[i];
        struct llmp_bound *to = &holder->bounds[i];

        LLMP_TRY(make_set(&to->allow, from->allow, from->allow_count, err));
        LLMP_TRY(make_set(&to->deny, from->deny, from->deny_count, err));
    }
    return LLMP_OK;
}

int llmp_holder_check_address(const struct llmp_holder *holder,
                              const struct llmp_address *address)
{
    int answer = LLMP_OK;

    for (size_t i = 0; answer == LLMP_OK && i < holder->bound_count; i++)
        answer = llmp_address_check(holder->bounds[i].allow,
                                    holder->bounds[i].deny, address);
    return answer;
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
                   struct llmp_holder *holder, const struct chain *chain,
                   struct llmp_key_options *o, const struct llmp_access *before,
                   struct llmp_error *err)
{
    const struct llmp_key *old =
        before ? llmp_keyring_find(before->keyring, o->id) : NULL;

    find_limits(access, holder, LLMP_LIMIT_USER, o->user);
    find_limits(access, holder, LLMP_LIMIT_TEAM, o->team);
    find_limits(access, holder, LLMP_LIMIT_ORG, o->org);
    LLMP_TRY(llmp_access_scope(&holder->scopes[LLMP_LIMIT_KEY], access->limiter,
                               LLMP_LIMIT_KEY, o->id,
                               holder->allowances[LLMP_LIMIT_KEY], err));
    LLMP_ENSURE(tie(holder, chain, &o->grant.grantor) == LLMP_OK, err,
                LLMP_E_NOMEM, "no memory for a key");
    LLMP_TRY(make_bounds(holder, chain, err));
    holder->regions = chain->regions;
    o->disabled = o->disabled || chain->too_deep;
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
    struct chain chain = { .count = 0 };
    int rc;

    LLMP_ENSURE(holder, err, LLMP_E_NOMEM, "no memory for a key");
    holder->allowances[LLMP_LIMIT_KEY] = &config->limits;
    rc = llmp_regions_of(&chain.regions, access->router, &config->residency,
                         err);
    options.disabled =
        add_owners(&chain, access, options.user, options.team, options.org) ||
        options.disabled;
    if (rc == LLMP_OK)
        rc = key_new(out, access, holder, &chain, &options, before, err);
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
    struct chain chain = { .count = 0 };

    (void)add_owners(&chain, access, record->user, record->team, record->org);
    add_grantors(&chain, access, directory, record->created_by);
    return chain.too_deep ? LLMP_E_LIMIT : LLMP_OK;
}

int llmp_access_key(struct llmp_key **out, struct llmp_access *access,
                    const struct llmp_directory *directory,
                    const struct llmp_record *record,
                    const struct llmp_access *before, struct llmp_error *err)
{
    struct llmp_key_options options;
    struct llmp_holder *holder = llmp_alloc(sizeof(*holder));
    struct chain chain = { .count = 0 };
    int rc = LLMP_E_LIMIT;

    LLMP_ENSURE(holder, err, LLMP_E_NOMEM, "no memory for a key");
    holder->record = llmp_record_ref((struct llmp_record *)record);
    fill_options(&options, record);
    options.disabled =
        add_owners(&chain, access, record->user, record->team, record->org) ||
        options.disabled;
    add_grantors(&chain, access, directory, record->created_by);
    holder->allowances[LLMP_LIMIT_KEY] = &holder->own;
    if (llmp_record_allowance(record, &holder->own))
        rc = key_new(out, access, holder, &chain, &options, before, err);
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

        if (llmp_access_file_key(access, records->items[i]->id))
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
