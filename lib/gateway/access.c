/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/access.h"

#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"

static void holder_free(void *data)
{
    struct llmp_holder *holder = data;

    for (size_t i = 0; i < LLMP_CALLER_SCOPES; i++)
        llmp_limit_scope_unref(holder->scopes[i]);
    llmp_free(holder);
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
    for (size_t i = 0; access->issuers && i < config->auth.issuer_count; i++)
        llmp_issuer_unref(access->issuers[i]);
    llmp_free(access->issuers);
    llmp_prices_unref(access->prices);
    drop_scopes(access->owners, config->auth.owner_count);
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

static int make_owners(struct llmp_access *access, struct llmp_error *err)
{
    const struct llmp_auth_config *auth = &access->config->auth;

    access->owners =
        llmp_alloc_array(auth->owner_count + 1, sizeof(*access->owners));
    LLMP_ENSURE(access->owners, err, LLMP_E_NOMEM, "no memory for limits");
    for (size_t i = 0; i < auth->owner_count; i++)
        LLMP_TRY(llmp_limiter_scope(&access->owners[i], access->limiter,
                                    auth->owners[i].kind, auth->owners[i].name,
                                    auth->owners[i].limits.rules,
                                    auth->owners[i].limits.count, err));
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

static void lift(struct llmp_limiter *limiter,
                 const struct llmp_limit_scope *scope)
{
    struct llmp_limit_scope *again;

    if (llmp_limiter_scope(&again, limiter, llmp_limit_scope_kind(scope),
                           llmp_limit_scope_id(scope), NULL, 0,
                           NULL) == LLMP_OK)
        llmp_limit_scope_unref(again);
}

/* Owners and models that are not in the file any more have no limits. */
static void lift_old(const struct llmp_access *access,
                     const struct llmp_access *before)
{
    const struct llmp_config *now = access->config, *old = before->config;

    for (size_t i = 0; i < old->auth.owner_count; i++)
        if (before->owners[i] &&
            !has_scope(access->owners, now->auth.owner_count,
                       before->owners[i]))
            lift(access->limiter, before->owners[i]);
    for (size_t i = 0; i < old->model_count; i++)
        if (before->models[i] &&
            !has_scope(access->models, now->model_count, before->models[i]))
            lift(access->limiter, before->models[i]);
}

/* ---- keys --------------------------------------------------------------- */

static void find_owner(struct llmp_access *access, struct llmp_holder *holder,
                       enum llmp_limit_kind kind, struct llmp_str name)
{
    if (name.len && llmp_limiter_find(&holder->scopes[kind], access->limiter,
                                      kind, name) == LLMP_OK)
        holder->allowances[kind] =
            llmp_access_owner(access, holder->scopes[kind]);
}

static int holder_new(struct llmp_holder **out, struct llmp_access *access,
                      const struct llmp_key_config *key, struct llmp_error *err)
{
    struct llmp_holder *holder = llmp_alloc(sizeof(*holder));
    int rc = LLMP_OK;

    LLMP_ENSURE(holder, err, LLMP_E_NOMEM, "no memory for a key");
    find_owner(access, holder, LLMP_LIMIT_USER, key->options.user);
    find_owner(access, holder, LLMP_LIMIT_TEAM, key->options.team);
    find_owner(access, holder, LLMP_LIMIT_ORG, key->options.org);
    if (key->limits.count)
        rc = llmp_limiter_scope(
            &holder->scopes[LLMP_LIMIT_KEY], access->limiter, LLMP_LIMIT_KEY,
            key->options.id, key->limits.rules, key->limits.count, err);
    holder->allowances[LLMP_LIMIT_KEY] = &key->limits;
    if (rc < 0) {
        holder_free(holder);
        return rc;
    }
    *out = holder;
    return LLMP_OK;
}

static int key_new(struct llmp_key **out, struct llmp_access *access,
                   const struct llmp_key_config *config, struct llmp_error *err)
{
    struct llmp_key_options options = config->options;
    struct llmp_holder *holder = NULL;

    LLMP_TRY(holder_new(&holder, access, config, err));
    options.data = holder;
    options.data_free = holder_free;

    int rc = llmp_key_new(out, &options, err);

    if (rc < 0)
        holder_free(holder);
    return rc;
}

static int make_keyring(struct llmp_access *access, struct llmp_error *err)
{
    const struct llmp_auth_config *auth = &access->config->auth;
    struct llmp_key **keys =
        llmp_alloc_array(auth->key_count + 1, sizeof(*keys));
    int rc = LLMP_OK;

    LLMP_ENSURE(keys, err, LLMP_E_NOMEM, "no memory for keys");
    for (size_t i = 0; i < auth->key_count && rc == LLMP_OK; i++)
        rc = key_new(&keys[i], access, &auth->keys[i], err);
    if (rc == LLMP_OK)
        rc = llmp_keyring_new(&access->keyring, &auth->pepper, keys,
                              auth->key_count, err);
    for (size_t i = 0; i < auth->key_count; i++)
        llmp_key_unref(keys[i]);
    llmp_free(keys);
    return rc;
}

/* ---- issuers ------------------------------------------------------------ */

/* An issuer that was there before keeps what it has fetched, if nothing about
 * it has changed but perhaps how its claims are read. */
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

static int make_issuers(struct llmp_access *access, struct llmp_error *err)
{
    const struct llmp_auth_config *auth = &access->config->auth;

    access->issuers =
        llmp_alloc_array(auth->issuer_count + 1, sizeof(*access->issuers));
    LLMP_ENSURE(access->issuers, err, LLMP_E_NOMEM, "no memory for issuers");
    for (size_t i = 0; i < auth->issuer_count; i++)
        LLMP_TRY(make_issuer(&access->issuers[i], &auth->issuers[i], err));
    return LLMP_OK;
}

/* ---- prices ------------------------------------------------------------- */

static int make_prices(struct llmp_access *access, struct llmp_error *err)
{
    struct llmp_str text = access->config->prices.table;
    struct llmp_prices *shipped, *own;
    int rc;

    LLMP_TRY(llmp_prices_shipped(&shipped, err));
    if (!text.len) {
        access->prices = shipped;
        return LLMP_OK;
    }
    rc = llmp_prices_parse(&own, text, err);
    if (rc == LLMP_OK) {
        rc = llmp_prices_overlay(&access->prices, own, shipped, err);
        llmp_prices_unref(own);
    }
    llmp_prices_unref(shipped);
    return rc;
}

/* ---- all of it ---------------------------------------------------------- */

int llmp_access_new(struct llmp_access **out, struct llmp_limiter *limiter,
                    struct llmp_config *config,
                    const struct llmp_access *before, struct llmp_error *err)
{
    LLMP_AUTO(access_unrefp)
    struct llmp_access *access = llmp_alloc(sizeof(*access));

    LLMP_ENSURE(access, err, LLMP_E_NOMEM, "no memory for keys and limits");
    atomic_init(&access->refs, 1);
    access->limiter = limiter;
    access->config = llmp_config_ref(config);
    access->required = config->auth.key_count || config->auth.issuer_count ||
                       config->auth.tls_role != LLMP_ROLE_NONE;
    LLMP_TRY(make_owners(access, err));
    LLMP_TRY(make_models(access, err));
    LLMP_TRY(make_keyring(access, err));
    LLMP_TRY(make_issuers(access, err));
    LLMP_TRY(make_prices(access, err));
    if (config->auth.trusted_proxy_count)
        LLMP_TRY(llmp_address_set_new(&access->trusted,
                                      config->auth.trusted_proxies,
                                      config->auth.trusted_proxy_count, err));
    if (before)
        lift_old(access, before);
    *out = llmp_steal(&access);
    return LLMP_OK;
}

const struct llmp_allowance *llmp_access_owner(
    const struct llmp_access *access, const struct llmp_limit_scope *scope)
{
    const struct llmp_auth_config *auth = &access->config->auth;

    for (size_t i = 0; i < auth->owner_count; i++)
        if (access->owners[i] == scope)
            return &auth->owners[i].limits;
    return NULL;
}
