/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/access.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"

static void owners_unref(struct llmp_owners *owners)
{
    if (!owners ||
        atomic_fetch_sub_explicit(&owners->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < owners->count; i++) {
        llmp_limit_scope_unref(owners->items[i].scope);
        llmp_record_unref(owners->items[i].record);
    }
    llmp_free(owners);
}

static void drop_scopes(struct llmp_limit_scope **scopes, size_t count)
{
    for (size_t i = 0; scopes && i < count; i++)
        llmp_limit_scope_unref(scopes[i]);
    llmp_free(scopes);
}

static void drop(struct llmp_access *access)
{
    const struct llmp_config *config = access->config;

    llmp_keyring_unref(access->keyring);
    llmp_address_set_unref(access->trusted);
    for (size_t i = 0; i < access->issuer_count; i++)
        llmp_issuer_unref(access->issuers[i]);
    llmp_free(access->issuers);
    llmp_own_tokens_unref(access->own);
    llmp_prices_unref(access->prices);
    owners_unref(access->owners);
    llmp_address_set_unref(access->admin_allow);
    llmp_address_set_unref(access->admin_deny);
    llmp_routes_unref(access->routes);
    drop_scopes(access->models, config->model_count);
    llmp_config_unref(access->config);
    llmp_free(access);
}

struct llmp_access *llmp_access_ref(struct llmp_access *access)
{
    atomic_fetch_add_explicit(&access->refs, 1, memory_order_relaxed);
    return access;
}

void llmp_access_unref(struct llmp_access *access)
{
    if (access &&
        atomic_fetch_sub_explicit(&access->refs, 1, memory_order_acq_rel) == 1)
        drop(access);
}

static void access_unrefp(struct llmp_access **access)
{
    llmp_access_unref(*access);
}

/* ---- scopes ------------------------------------------------------------- */

static void lift(struct llmp_limiter *limiter,
                 const struct llmp_limit_scope *scope)
{
    struct llmp_limit_scope *again;

    if (llmp_limiter_scope(&again, limiter, llmp_limit_scope_kind(scope),
                           llmp_limit_scope_id(scope), NULL, 0,
                           NULL) == LLMP_OK)
        llmp_limit_scope_unref(again);
}

int llmp_access_scope(struct llmp_limit_scope **out,
                      struct llmp_limiter *limiter, enum llmp_limit_kind kind,
                      struct llmp_str id,
                      const struct llmp_allowance *allowance,
                      struct llmp_error *err)
{
    struct llmp_limit_scope *old;

    if (allowance->count)
        return llmp_limiter_scope(out, limiter, kind, id, allowance->rules,
                                  allowance->count, err);
    *out = NULL;
    if (llmp_limiter_find(&old, limiter, kind, id) == LLMP_OK) {
        lift(limiter, old);
        llmp_limit_scope_unref(old);
    }
    return LLMP_OK;
}

static int compare(enum llmp_limit_kind kind, struct llmp_str name,
                   const struct llmp_owner *owner)
{
    size_t len = name.len < owner->name.len ? name.len : owner->name.len;
    int order;

    if (kind != owner->kind)
        return kind < owner->kind ? -1 : 1;
    order = len ? memcmp(name.ptr, owner->name.ptr, len) : 0;
    if (order)
        return order;
    return name.len < owner->name.len ? -1 : name.len > owner->name.len;
}

static int compare_owners(const void *a, const void *b)
{
    const struct llmp_owner *owner = a;

    return compare(owner->kind, owner->name, b);
}

static struct llmp_owner *find_owner(const struct llmp_owners *owners,
                                     size_t count, enum llmp_limit_kind kind,
                                     struct llmp_str name)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(kind, name, &owners->items[middle]);

        if (order == 0)
            return (struct llmp_owner *)&owners->items[middle];
        if (order > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct llmp_owner *llmp_access_owner(const struct llmp_access *access,
                                           enum llmp_limit_kind kind,
                                           struct llmp_str name)
{
    return name.len
               ? find_owner(access->owners, access->owners->count, kind, name)
               : NULL;
}

/* What the file says about an owner's limits holds; the store's record adds
 * the rest. */
static int add_records(struct llmp_owners *owners,
                       const struct llmp_directory *directory, size_t from_file)
{
    for (size_t k = LLMP_RECORD_USER; k < LLMP_RECORD_KINDS; k++)
        for (size_t i = 0; i < directory->kinds[k].count; i++) {
            struct llmp_record *record = directory->kinds[k].items[i];
            struct llmp_owner *owner = find_owner(
                owners, from_file, (enum llmp_limit_kind)k, record->id);

            if (!owner) {
                owner = &owners->items[owners->count++];
                owner->kind = (enum llmp_limit_kind)k;
                owner->name = record->id;
                if (!llmp_record_allowance(record, &owner->own))
                    return LLMP_E_LIMIT;
            }
            owner->record = llmp_record_ref(record);
        }
    return LLMP_OK;
}

static void sort_owners(struct llmp_owners *owners)
{
    if (owners->count)
        qsort(owners->items, owners->count, sizeof(owners->items[0]),
              compare_owners);
}

static int make_owners(struct llmp_access *access,
                       const struct llmp_directory *directory,
                       struct llmp_error *err)
{
    const struct llmp_auth_config *auth = &access->config->auth;
    size_t count = auth->owner_count;
    struct llmp_owners *owners;

    for (size_t k = LLMP_RECORD_USER; directory && k < LLMP_RECORD_KINDS; k++)
        count += directory->kinds[k].count;
    owners = llmp_alloc(sizeof(*owners) + count * sizeof(owners->items[0]));
    LLMP_ENSURE(owners, err, LLMP_E_NOMEM, "no memory for limits");
    atomic_init(&owners->refs, 1);
    access->owners = owners;
    for (size_t i = 0; i < auth->owner_count; i++) {
        struct llmp_owner *owner = &owners->items[owners->count++];

        *owner = (struct llmp_owner){ .kind = auth->owners[i].kind,
                                      .name = auth->owners[i].name,
                                      .limits = &auth->owners[i].limits };
        LLMP_TRY(llmp_regions_of(&owner->regions, access->router,
                                 &auth->owners[i].residency, err));
    }
    sort_owners(owners);
    if (directory && add_records(owners, directory, auth->owner_count) < 0)
        return llmp_fail(err, LLMP_E_LIMIT, "an owner has too many limits");
    sort_owners(owners);
    for (size_t i = 0; i < owners->count; i++) {
        struct llmp_owner *owner = &owners->items[i];

        if (!owner->limits)
            owner->limits = &owner->own;
        LLMP_TRY(llmp_access_scope(&owner->scope, access->limiter, owner->kind,
                                   owner->name, owner->limits, err));
    }
    return LLMP_OK;
}

static int make_models(struct llmp_access *access, struct llmp_error *err)
{
    const struct llmp_config *config = access->config;

    access->models =
        llmp_alloc_array(config->model_count + 1, sizeof(*access->models));
    LLMP_ENSURE(access->models, err, LLMP_E_NOMEM, "no memory for limits");
    for (size_t i = 0; i < config->model_count; i++) {
        const struct llmp_model *model = &config->models[i];

        if (model->limits.count)
            LLMP_TRY(llmp_limiter_scope(&access->models[model->index],
                                        access->limiter, LLMP_LIMIT_MODEL,
                                        model->name, model->limits.rules,
                                        model->limits.count, err));
    }
    return LLMP_OK;
}

static bool has_scope(struct llmp_limit_scope *const *scopes, size_t count,
                      const struct llmp_limit_scope *scope)
{
    for (size_t i = 0; i < count; i++)
        if (scopes[i] == scope)
            return true;
    return false;
}

/* Owners and models that are not there any more have no limits. */
static void lift_old(const struct llmp_access *access,
                     const struct llmp_access *before)
{
    const struct llmp_config *now = access->config, *old = before->config;

    for (size_t i = 0; i < before->owners->count; i++) {
        const struct llmp_owner *owner = &before->owners->items[i];

        if (owner->scope &&
            !llmp_access_owner(access, owner->kind, owner->name))
            lift(access->limiter, owner->scope);
    }
    for (size_t i = 0; i < old->model_count; i++)
        if (before->models[i] &&
            !has_scope(access->models, now->model_count, before->models[i]))
            lift(access->limiter, before->models[i]);
}

size_t llmp_deployment_id(char out[LLMP_LIMIT_ID_MAX], struct llmp_str provider,
                          struct llmp_str upstream)
{
    const struct llmp_str parts[] = { provider, LLMP_STR("/"), upstream };

    char *end = out;

    for (size_t i = 0; i < LLMP_COUNT(parts); i++) {
        size_t room = (size_t)(out + LLMP_LIMIT_ID_MAX - end);
        struct llmp_str part = parts[i];

        part.len = part.len < room ? part.len : room;
        end = llmp_put_str(end, part);
    }
    return (size_t)(end - out);
}

/* ---- issuers ------------------------------------------------------------ */

static int make_issuer(struct llmp_issuer **out,
                       const struct llmp_issuer_config *config,
                       struct llmp_error *err)
{
    struct llmp_issuer_options options;
    struct llmp_token_policy *policy;

    LLMP_TRY(llmp_token_policy_new(&policy, &config->policy, err));
    llmp_issuer_options_init(&options);
    options.policy = policy;
    options.jwks_uri = config->jwks_uri;
    options.http_allowed = config->http_allowed;

    int rc = llmp_issuer_new(out, &options, err);

    llmp_token_policy_unref(policy);
    return rc;
}

static bool same_texts(const struct llmp_str *a, size_t a_count,
                       const struct llmp_str *b, size_t b_count)
{
    for (size_t i = 0; i < a_count && a_count == b_count; i++)
        if (!llmp_str_eq(a[i], b[i]))
            return false;
    return a_count == b_count;
}

static bool same_roles(const struct llmp_token_policy_options *a,
                       const struct llmp_token_policy_options *b)
{
    for (size_t i = 0; i < a->role_count && a->role_count == b->role_count; i++)
        if (a->roles[i].role != b->roles[i].role ||
            !llmp_str_eq(a->roles[i].value, b->roles[i].value))
            return false;
    return a->role_count == b->role_count &&
           a->role_default == b->role_default &&
           llmp_str_eq(a->role_path, b->role_path);
}

static bool same_policy(const struct llmp_token_policy_options *a,
                        const struct llmp_token_policy_options *b)
{
    return llmp_str_eq(a->issuer, b->issuer) &&
           same_texts(a->audiences, a->audience_count, b->audiences,
                      b->audience_count) &&
           a->algorithms == b->algorithms &&
           a->access_tokens_only == b->access_tokens_only &&
           a->leeway_s == b->leeway_s &&
           a->lifetime_s_max == b->lifetime_s_max && same_roles(a, b) &&
           llmp_str_eq(a->user_path, b->user_path) &&
           llmp_str_eq(a->name_path, b->name_path) &&
           llmp_str_eq(a->team_path, b->team_path) &&
           llmp_str_eq(a->org_path, b->org_path) &&
           llmp_str_eq(a->team, b->team) && llmp_str_eq(a->org, b->org);
}

/* An issuer that is configured as before, which keeps what it has fetched: a
 * reload while it is down shuts nobody out. NULL: there is none. */
static struct llmp_issuer *issuer_before(const struct llmp_access *before,
                                         const struct llmp_issuer_config *now)
{
    const struct llmp_auth_config *auth = before ? &before->config->auth : NULL;

    for (size_t i = 0; auth && i < auth->issuer_count; i++) {
        const struct llmp_issuer_config *old = &auth->issuers[i];

        if (same_policy(&old->policy, &now->policy) &&
            llmp_str_eq(old->jwks_uri, now->jwks_uri) &&
            old->http_allowed == now->http_allowed)
            return llmp_issuer_ref(before->issuers[i]);
    }
    return NULL;
}

/* What was verified by it stays verified over a reload that keeps it. */
static int make_own(struct llmp_access *access,
                    const struct llmp_access *before, struct llmp_error *err)
{
    const struct llmp_token_config *tokens = &access->config->auth.tokens;

    if (!tokens->enabled)
        return LLMP_OK;
    if (before && before->own &&
        llmp_own_tokens_same(&before->config->auth.tokens, tokens))
        access->own = llmp_own_tokens_ref(before->own);
    else
        LLMP_TRY(llmp_own_tokens_new(&access->own, tokens, err));
    access->issuers[access->issuer_count++] =
        llmp_issuer_ref(access->own->issuer);
    return LLMP_OK;
}

static int make_issuers(struct llmp_access *access,
                        const struct llmp_access *before,
                        struct llmp_error *err)
{
    const struct llmp_auth_config *auth = &access->config->auth;

    access->issuers =
        llmp_alloc_array(auth->issuer_count + 1, sizeof(*access->issuers));
    LLMP_ENSURE(access->issuers, err, LLMP_E_NOMEM, "no memory for issuers");
    for (size_t i = 0; i < auth->issuer_count; i++) {
        access->issuers[i] = issuer_before(before, &auth->issuers[i]);
        if (!access->issuers[i])
            LLMP_TRY(make_issuer(&access->issuers[i], &auth->issuers[i], err));
        access->issuer_count++;
    }
    return make_own(access, before, err);
}

/* ---- prices ------------------------------------------------------------- */

int llmp_access_prices(struct llmp_prices **out,
                       const struct llmp_config *config, struct llmp_error *err)
{
    struct llmp_str text = config->prices.table;
    struct llmp_prices *shipped, *own;
    int rc;

    LLMP_TRY(llmp_prices_shipped(&shipped, err));
    if (!text.len) {
        *out = shipped;
        return LLMP_OK;
    }
    rc = llmp_prices_parse(&own, text, err);
    if (rc == LLMP_OK) {
        rc = llmp_prices_overlay(out, own, shipped, err);
        llmp_prices_unref(own);
    }
    llmp_prices_unref(shipped);
    return rc;
}

/* ---- all of it ---------------------------------------------------------- */

static int make_set(struct llmp_address_set **out, const struct llmp_str *items,
                    size_t count, struct llmp_error *err)
{
    return count ? llmp_address_set_new(out, items, count, err) : LLMP_OK;
}

static int make_sets(struct llmp_access *access, struct llmp_error *err)
{
    const struct llmp_config *config = access->config;
    const struct llmp_admin_config *admin = &config->admin;

    LLMP_TRY(make_set(&access->trusted, config->auth.trusted_proxies,
                      config->auth.trusted_proxy_count, err));
    LLMP_TRY(
        make_set(&access->admin_allow, admin->allow, admin->allow_count, err));
    return make_set(&access->admin_deny, admin->deny, admin->deny_count, err);
}

int llmp_access_new(struct llmp_access **out, struct llmp_limiter *limiter,
                    struct llmp_router *router, struct llmp_config *config,
                    const struct llmp_directory *directory,
                    const struct llmp_access *before, struct llmp_error *err)
{
    LLMP_AUTO(access_unrefp)
    struct llmp_access *access = llmp_alloc(sizeof(*access));

    LLMP_ENSURE(access, err, LLMP_E_NOMEM, "no memory for keys and limits");
    atomic_init(&access->refs, 1);
    access->limiter = limiter;
    access->router = router;
    access->config = llmp_config_ref(config);
    access->required = config->auth.key_count || config->auth.issuer_count ||
                       config->auth.tls_role != LLMP_ROLE_NONE ||
                       config->auth.administered || config->auth.step_up_count;
    LLMP_TRY(make_owners(access, directory, err));
    LLMP_TRY(make_models(access, err));
    LLMP_TRY(llmp_access_keys(access, directory, before, err));
    LLMP_TRY(make_issuers(access, before, err));
    LLMP_TRY(llmp_access_prices(&access->prices, config, err));
    LLMP_TRY(
        llmp_routes_new(&access->routes, router, config, access->prices, err));
    LLMP_TRY(make_sets(access, err));
    if (before)
        lift_old(access, before);
    *out = llmp_steal(&access);
    return LLMP_OK;
}

/* All but the keys is shared. */
static int copy(struct llmp_access **out, const struct llmp_access *from,
                struct llmp_error *err)
{
    const struct llmp_config *config = from->config;
    LLMP_AUTO(access_unrefp)
    struct llmp_access *access = llmp_alloc(sizeof(*access));

    LLMP_ENSURE(access, err, LLMP_E_NOMEM, "no memory for keys and limits");
    atomic_init(&access->refs, 1);
    access->limiter = from->limiter;
    access->router = from->router;
    access->routes = llmp_routes_ref(from->routes);
    access->config = llmp_config_ref(from->config);
    access->required = from->required;
    access->owners = from->owners;
    atomic_fetch_add_explicit(&access->owners->refs, 1, memory_order_relaxed);
    access->prices = llmp_prices_ref(from->prices);
    if (from->trusted)
        access->trusted = llmp_address_set_ref(from->trusted);
    if (from->admin_allow)
        access->admin_allow = llmp_address_set_ref(from->admin_allow);
    if (from->admin_deny)
        access->admin_deny = llmp_address_set_ref(from->admin_deny);
    access->models =
        llmp_alloc_array(config->model_count + 1, sizeof(*access->models));
    access->issuers =
        llmp_alloc_array(from->issuer_count + 1, sizeof(*access->issuers));
    LLMP_ENSURE(access->models && access->issuers, err, LLMP_E_NOMEM,
                "no memory for limits");
    for (size_t i = 0; i < config->model_count; i++)
        if (from->models[i])
            access->models[i] = llmp_limit_scope_ref(from->models[i]);
    for (; access->issuer_count < from->issuer_count; access->issuer_count++)
        access->issuers[access->issuer_count] =
            llmp_issuer_ref(from->issuers[access->issuer_count]);
    access->own = llmp_own_tokens_ref(from->own);
    *out = llmp_steal(&access);
    return LLMP_OK;
}

int llmp_access_with(struct llmp_access **out, const struct llmp_access *from,
                     const struct llmp_directory *directory,
                     const struct llmp_record *record, struct llmp_str id,
                     struct llmp_error *err)
{
    LLMP_AUTO(access_unrefp) struct llmp_access *access = NULL;
    struct llmp_key *key = NULL;
    int rc;

    LLMP_TRY(copy(&access, from, err));
    if (record) {
        LLMP_TRY(llmp_access_key(&key, access, directory, record, from, err));
        rc = llmp_keyring_with(&access->keyring, from->keyring, key, err);
        llmp_key_unref(key);
    } else {
        rc = llmp_keyring_without(&access->keyring, from->keyring, id, err);
    }
    if (rc == LLMP_MISS)
        access->keyring = llmp_keyring_ref(from->keyring);
    LLMP_TRY(rc);
    *out = llmp_steal(&access);
    return LLMP_OK;
}
