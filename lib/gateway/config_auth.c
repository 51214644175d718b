/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may call, and what it costs: keys of the file, owners with limits,
 * issuers of tokens, prices. What a key or a pepper is, is never quoted.
 */
#include <openssl/evp.h>
#include <stdio.h>

#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_check.h"
#include "gateway/config_url.h"
#include "gateway/moment.h"
#include "gateway/record.h"

/* In the order of role_choices. */
static const enum llmp_role roles[] = { LLMP_ROLE_USER, LLMP_ROLE_SERVICE,
                                        LLMP_ROLE_DEVELOPER, LLMP_ROLE_AUDITOR,
                                        LLMP_ROLE_ADMIN };

static enum llmp_role role_of(const struct llmp_setting *setting)
{
    return setting->text.len ? roles[setting->number] : LLMP_ROLE_NONE;
}

/* The settings' texts in a row. */
int llmp_take_texts(struct llmp_reading *reading,
                    const struct llmp_settings *settings,
                    const struct llmp_str **out, size_t *count)
{
    struct llmp_str *texts = llmp_config_take_array(
        &reading->config->memory, settings->count, sizeof(*texts));

    if (!texts && settings->count)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < settings->count; i++)
        texts[i] = settings->items[i].text;
    *out = texts;
    *count = settings->count;
    return LLMP_OK;
}

/* Fails where one of them is no CIDR. */
int llmp_check_cidrs(struct llmp_reading *reading,
                     const struct llmp_settings *settings)
{
    for (size_t i = 0; i < settings->count; i++) {
        struct llmp_address_set *set;
        int rc = llmp_address_set_new(&set, &settings->items[i].text, 1, NULL);

        if (rc == LLMP_E_NOMEM)
            return llmp_reading_nomem(reading);
        if (rc < 0)
            return llmp_reading_fail(
                reading, settings->items[i].node, LLMP_E_INVALID,
                "%s is not an address or a CIDR such as 10.0.0.0/8",
                llmp_show(settings->items[i].text).text);
        llmp_address_set_unref(set);
    }
    return LLMP_OK;
}

/* ---- keys --------------------------------------------------------------- */

static int check_secret(struct llmp_reading *reading,
                        const struct llmp_draft_key *draft,
                        const struct llmp_draft_auth *auth,
                        struct llmp_key_config *key)
{
    if (!draft->key.node == !draft->hash.node)
        return llmp_reading_fail(reading, draft->node, LLMP_E_INVALID,
                                 "a key needs 'key' or 'hash', one of them");
    if (draft->key.node) {
        if (!llmp_api_key_is_valid(draft->key.text))
            return llmp_reading_fail(
                reading, draft->key.node, LLMP_E_INVALID,
                "'key' must be a key of llmgw (" LLMP_API_KEY_PREFIX
                "… with its checksum); make one with 'llmgw key make'");
        key->secret = draft->key.text;
        llmp_api_key_hash(key->options.generations[0].hash,
                          &reading->config->auth.pepper, key->secret);
        return LLMP_OK;
    }
    if (!auth->pepper.node)
        return llmp_reading_fail(reading, draft->hash.node, LLMP_E_INVALID,
                                 "'hash' needs 'auth.pepper'");
    if (!llmp_read_hex(key->options.generations[0].hash, LLMP_KEY_HASH_SIZE,
                       draft->hash.text))
        return llmp_reading_fail(reading, draft->hash.node, LLMP_E_INVALID,
                                 "'hash' must be 64 hex digits");
    return LLMP_OK;
}

static int check_expiry(struct llmp_reading *reading,
                        const struct llmp_draft_key *draft,
                        const struct llmp_draft_auth *auth,
                        struct llmp_key_config *key)
{
    if (!draft->expires.node && auth->keys_expire.number)
        return llmp_reading_fail(reading, draft->node, LLMP_E_INVALID,
                                 "'auth.keys_expire' demands 'expires'");
    if (draft->expires.node &&
        !llmp_moment_parse(draft->expires.text, &key->options.grant.expires_ns))
        return llmp_reading_fail(
            reading, draft->expires.node, LLMP_E_INVALID,
            "'expires' must be a day such as 2027-01-31, or a moment such as "
            "2027-01-31T12:00:00Z");
    return LLMP_OK;
}

static int check_key(struct llmp_reading *reading,
                     const struct llmp_draft_key *draft,
                     const struct llmp_draft_auth *auth,
                     struct llmp_key_config *key)
{
    struct llmp_key_options *o = &key->options;

    llmp_key_options_init(o);
    o->id = o->name = draft->name.text;
    o->user = draft->user.text;
    o->team = draft->team.text;
    o->org = draft->organisation.text;
    o->disabled = draft->disabled.number != 0;
    o->grant.size = sizeof(o->grant);
    o->grant.role = role_of(&draft->role);
    LLMP_TRY(check_secret(reading, draft, auth, key));
    LLMP_TRY(check_expiry(reading, draft, auth, key));
    LLMP_TRY(llmp_check_cidrs(reading, &draft->allow));
    LLMP_TRY(llmp_check_cidrs(reading, &draft->deny));
    LLMP_TRY(llmp_take_texts(reading, &draft->models, &o->grant.models,
                             &o->grant.model_count));
    LLMP_TRY(llmp_take_texts(reading, &draft->routes, &o->grant.routes,
                             &o->grant.route_count));
    LLMP_TRY(
        llmp_take_texts(reading, &draft->allow, &o->allow, &o->allow_count));
    LLMP_TRY(llmp_take_texts(reading, &draft->deny, &o->deny, &o->deny_count));
    if (!draft->limits.requests.node)
        key->limits.rules[key->limits.count++] = (struct llmp_limit_rule){
            .unit = LLMP_LIMIT_REQUESTS,
            .amount = llmp_requests_of_role(o->grant.role)
        };
    return llmp_check_allowance(reading, &draft->limits, &key->limits);
}

static int check_keys(struct llmp_reading *reading,
                      const struct llmp_drafts *drafts,
                      const struct llmp_draft_auth *auth)
{
    struct llmp_auth_config *out = &reading->config->auth;
    const struct llmp_draft_key *items = drafts->items;

    out->keys = llmp_config_take_array(&reading->config->memory, drafts->count,
                                       sizeof(*out->keys));
    if (!out->keys && drafts->count)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < drafts->count; i++) {
        LLMP_TRY(check_key(reading, &items[i], auth, &out->keys[i]));
        for (size_t k = 0; k < i; k++) {
            if (llmp_str_eq(items[k].name.text, items[i].name.text))
                return llmp_reading_fail(reading, items[i].name.node,
                                         LLMP_E_INVALID,
                                         "a key of this 'name' is there twice");
            if (memcmp(out->keys[k].options.generations[0].hash,
                       out->keys[i].options.generations[0].hash,
                       LLMP_KEY_HASH_SIZE) == 0)
                return llmp_reading_fail(reading, items[i].node, LLMP_E_INVALID,
                                         "two keys are the same");
        }
        out->key_count = i + 1;
    }
    return LLMP_OK;
}

/* ---- owners ------------------------------------------------------------- */

static int check_owners(struct llmp_reading *reading,
                        const struct llmp_drafts *drafts,
                        enum llmp_limit_kind kind)
{
    struct llmp_auth_config *out = &reading->config->auth;
    const struct llmp_draft_owner *items = drafts->items;
    size_t before = out->owner_count;

    for (size_t i = 0; i < drafts->count; i++) {
        struct llmp_owner_config *owner = &out->owners[out->owner_count++];

        owner->kind = kind;
        owner->name = items[i].name.text;
        for (size_t k = before; k < before + i; k++)
            if (llmp_str_eq(out->owners[k].name, owner->name))
                return llmp_reading_fail(reading, items[i].name.node,
                                         LLMP_E_INVALID,
                                         "this 'name' is there twice");
        if (owner->name.len > LLMP_LIMIT_ID_MAX)
            return llmp_reading_fail(
                reading, items[i].name.node, LLMP_E_INVALID,
                "'name' has at most %d bytes", LLMP_LIMIT_ID_MAX);
        LLMP_TRY(
            llmp_check_allowance(reading, &items[i].limits, &owner->limits));
    }
    return LLMP_OK;
}

static int check_all_owners(struct llmp_reading *reading,
                            const struct llmp_draft *draft)
{
    struct llmp_auth_config *out = &reading->config->auth;
    size_t count =
        draft->users.count + draft->teams.count + draft->organisations.count;

    out->owners = llmp_config_take_array(&reading->config->memory, count,
                                         sizeof(*out->owners));
    if (!out->owners && count)
        return llmp_reading_nomem(reading);
    LLMP_TRY(check_owners(reading, &draft->users, LLMP_LIMIT_USER));
    LLMP_TRY(check_owners(reading, &draft->teams, LLMP_LIMIT_TEAM));
    return check_owners(reading, &draft->organisations, LLMP_LIMIT_ORG);
}

/* ---- issuers ------------------------------------------------------------ */

/* As strict as for providers. */
int llmp_check_origin(struct llmp_reading *reading,
                      const struct llmp_node *node, struct llmp_str text,
                      const char *name, bool plain, const char *ca_file,
                      struct llmp_origin **out)
{
    struct llmp_config_memory *memory = &reading->config->memory;
    struct llmp_origin *origin = llmp_config_take(memory, sizeof(*origin));
    struct llmp_url url;
    const char *problem = llmp_url_parse(&url, text, false);
    char port[8] = "";

    if (!origin)
        return llmp_reading_nomem(reading);
    if (problem)
        return llmp_reading_fail(reading, node, LLMP_E_INVALID, "'%s' %s", name,
                                 problem);

    bool https = llmp_str_eq(url.scheme, LLMP_STR("https"));

    if (!https && !plain)
        return llmp_reading_fail(reading, node, LLMP_E_INVALID,
                                 "'%s' must begin with https://", name);
    origin->port = url.port ? url.port : https ? 443 : 80;
    if (origin->port != (https ? 443 : 80))
        (void)snprintf(port, sizeof(port), ":%u", origin->port);

    const struct llmp_str host[] = { url.host };
    const struct llmp_str authority[] = {
        url.ipv6 ? LLMP_STR("[") : LLMP_STR(""), url.host,
        url.ipv6 ? LLMP_STR("]") : LLMP_STR(""), llmp_str_of(port)
    };

    origin->scheme = https ? "https" : "http";
    origin->host = llmp_config_join(memory, host, 1).ptr;
    origin->authority = llmp_config_join(memory, authority, 4).ptr;
    origin->tls_verify = true;
    origin->ca_file = ca_file;
    origin->connect_timeout_ms = 5000;
    if (!origin->host || !origin->authority)
        return llmp_reading_nomem(reading);

    const struct llmp_str id[] = {
        LLMP_STR("by url "), llmp_str_of(origin->scheme),
        LLMP_STR("://"),     llmp_str_of(origin->authority),
        LLMP_STR(" "),       llmp_str_of(origin->ca_file)
    };

    origin->id = llmp_config_join(memory, id, LLMP_COUNT(id)).ptr;
    *out = origin;
    return origin->id ? LLMP_OK : llmp_reading_nomem(reading);
}

static int origin_of(struct llmp_reading *reading,
                     const struct llmp_draft_issuer *draft,
                     const struct llmp_setting *setting, const char *name,
                     struct llmp_origin **out)
{
    return llmp_check_origin(
        reading, setting->node, setting->text, name,
        draft->allow_plain_http.number != 0,
        draft->ca_file.node ? draft->ca_file.text.ptr : NULL, out);
}

/* A mapping's key, which goes away with the file's tree, kept. */
static int keep_key(struct llmp_reading *reading,
                    const struct llmp_setting *item, struct llmp_str *out)
{
    *out =
        llmp_config_join(&reading->config->memory, &item->node->key->text, 1);
    return out->ptr ? LLMP_OK : llmp_reading_nomem(reading);
}

static int take_roles(struct llmp_reading *reading,
                      const struct llmp_settings *settings,
                      struct llmp_token_policy_options *policy)
{
    struct llmp_role_rule *rules = llmp_config_take_array(
        &reading->config->memory, settings->count, sizeof(*rules));

    if (!rules && settings->count)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < settings->count; i++) {
        const struct llmp_setting *item = &settings->items[i];

        LLMP_TRY(keep_key(reading, item, &rules[i].value));
        rules[i].role = llmp_role_find(item->text);
        if (rules[i].role == LLMP_ROLE_NONE)
            return llmp_reading_fail(
                reading, item->node, LLMP_E_INVALID,
                "a role is user, service, developer, auditor or admin");
    }
    policy->roles = rules;
    policy->role_count = settings->count;
    return LLMP_OK;
}

static int check_issuer(struct llmp_reading *reading,
                        const struct llmp_draft_issuer *draft,
                        struct llmp_issuer_config *out)
{
    struct llmp_token_policy_options *policy = &out->policy;
    struct llmp_token_policy *tried;

    llmp_token_policy_options_init(policy);
    policy->issuer = draft->issuer.text;
    policy->access_tokens_only = draft->access_tokens_only.number != 0;
    policy->leeway_s = (uint32_t)(draft->leeway.number / 1000);
    policy->user_path = draft->user_claim.text;
    policy->name_path = draft->name_claim.text;
    policy->team_path = draft->team_claim.text;
    policy->org_path = draft->organisation_claim.text;
    policy->role_path = draft->role_claim.text;
    policy->role_default = role_of(&draft->role);
    policy->team = draft->team.text;
    policy->org = draft->organisation.text;
    out->http_allowed = draft->allow_plain_http.number != 0;
    out->jwks_uri = draft->jwks_uri.text;
    LLMP_TRY(llmp_take_texts(reading, &draft->audience, &policy->audiences,
                             &policy->audience_count));
    LLMP_TRY(take_roles(reading, &draft->roles, policy));
    LLMP_TRY(origin_of(reading, draft, &draft->issuer, "issuer", &out->origin));
    out->jwks_origin = out->origin;
    if (draft->jwks_uri.node)
        LLMP_TRY(origin_of(reading, draft, &draft->jwks_uri, "jwks_uri",
                           &out->jwks_origin));
    LLMP_TRY(llmp_reading_check_file(reading, draft->ca_file.node,
                                     out->origin->ca_file));

    struct llmp_error err;
    int rc = llmp_token_policy_new(&tried, policy, &err);

    if (rc == LLMP_E_NOMEM)
        return llmp_reading_nomem(reading);
    if (rc < 0)
        return llmp_reading_fail(reading, draft->node, LLMP_E_INVALID, "%s",
                                 err.message);
    llmp_token_policy_unref(tried);
    return LLMP_OK;
}

static int check_issuers(struct llmp_reading *reading,
                         const struct llmp_drafts *drafts)
{
    struct llmp_auth_config *out = &reading->config->auth;
    const struct llmp_draft_issuer *items = drafts->items;

    out->issuers = llmp_config_take_array(&reading->config->memory,
                                          drafts->count, sizeof(*out->issuers));
    if (!out->issuers && drafts->count)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < drafts->count; i++) {
        for (size_t k = 0; k < i; k++)
            if (llmp_str_eq(items[k].issuer.text, items[i].issuer.text))
                return llmp_reading_fail(reading, items[i].issuer.node,
                                         LLMP_E_INVALID,
                                         "this 'issuer' is there twice");
        LLMP_TRY(check_issuer(reading, &items[i], &out->issuers[i]));
        out->issuer_count = i + 1;
    }
    return LLMP_OK;
}

/* ---- all of it ---------------------------------------------------------- */

static int check_pepper(struct llmp_reading *reading,
                        const struct llmp_setting *pepper)
{
    if (!pepper->node)
        return LLMP_OK; /* hashes are in memory only */
    if (llmp_pepper_make(&reading->config->auth.pepper, pepper->text) < 0)
        return llmp_reading_fail(reading, pepper->node, LLMP_E_INVALID,
                                 "'pepper' needs %d bytes or more",
                                 LLMP_PEPPER_TEXT_MIN);
    reading->config->auth.has_pepper = true;
    return LLMP_OK;
}

/* A downgrade leads to a model that there is. */
static int check_downgrade(struct llmp_reading *reading,
                           const struct llmp_draft_allowance *draft)
{
    const struct llmp_setting *name = &draft->budget.downgrade;

    if (name->node && !llmp_config_model(reading->config, name->text))
        return llmp_reading_fail(reading, name->node, LLMP_E_NOT_FOUND,
                                 "'downgrade' names no model");
    return LLMP_OK;
}

static int check_downgrades(struct llmp_reading *reading,
                            const struct llmp_draft *draft)
{
    const struct llmp_draft_key *keys = draft->keys.items;
    const struct llmp_drafts *owners[] = { &draft->users, &draft->teams,
                                           &draft->organisations };

    for (size_t i = 0; i < draft->keys.count; i++)
        LLMP_TRY(check_downgrade(reading, &keys[i].limits));
    for (size_t k = 0; k < LLMP_COUNT(owners); k++) {
        const struct llmp_draft_owner *items = owners[k]->items;

        for (size_t i = 0; i < owners[k]->count; i++)
            LLMP_TRY(check_downgrade(reading, &items[i].limits));
    }
    return LLMP_OK;
}

int llmp_check_auth(struct llmp_reading *reading,
                    const struct llmp_draft *draft)
{
    struct llmp_auth_config *out = &reading->config->auth;

    out->tls_role = role_of(&draft->auth.tls_role);
    out->keys_expire = draft->auth.keys_expire.number != 0;
    LLMP_TRY(check_pepper(reading, &draft->auth.pepper));
    LLMP_TRY(llmp_check_cidrs(reading, &draft->auth.trusted_proxies));
    LLMP_TRY(llmp_take_texts(reading, &draft->auth.trusted_proxies,
                             &out->trusted_proxies, &out->trusted_proxy_count));
    LLMP_TRY(check_keys(reading, &draft->keys, &draft->auth));
    LLMP_TRY(check_all_owners(reading, draft));
    LLMP_TRY(check_issuers(reading, &draft->auth.issuers));
    LLMP_TRY(llmp_check_tokens(reading, &draft->auth.tokens));
    LLMP_TRY(llmp_check_step_ups(reading, &draft->auth.step_up));
    return check_downgrades(reading, draft);
}

static bool is_currency(struct llmp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] < 'A' || text.ptr[i] > 'Z')
            return false;
    return text.len == 3;
}

int llmp_check_prices(struct llmp_reading *reading,
                      const struct llmp_draft_prices *draft)
{
    struct llmp_prices_config *out = &reading->config->prices;

    out->currency = draft->currency.text;
    out->table = draft->table.text;
    out->unknown_refused = draft->unknown.number == 0;
    if (!is_currency(out->currency))
        return llmp_reading_fail(reading, draft->currency.node, LLMP_E_INVALID,
                                 "'currency' must be a code such as USD");
    out->rates = llmp_config_take_array(
        &reading->config->memory, draft->rates.count, sizeof(*out->rates));
    if (!out->rates && draft->rates.count)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < draft->rates.count; i++) {
        const struct llmp_setting *item = &draft->rates.items[i];
        struct llmp_rate *rate = &out->rates[i];

        LLMP_TRY(keep_key(reading, item, &rate->from));
        rate->to = out->currency;
        rate->denominator = LLMP_NANOS;
        if (!is_currency(rate->from) ||
            llmp_nanos_parse(item->text, &rate->numerator) < 0 ||
            rate->numerator == 0)
            return llmp_reading_fail(reading, item->node, LLMP_E_INVALID,
                                     "'rates' are such as { RUB: \"0.0125\" }");
    }
    out->rate_count = draft->rates.count;
    if (draft->table.node) {
        struct llmp_prices *tried;
        struct llmp_error err;
        int rc = llmp_prices_parse(&tried, out->table, &err);

        if (rc == LLMP_E_NOMEM)
            return llmp_reading_nomem(reading);
        if (rc < 0)
            return llmp_reading_fail(reading, draft->table.node, LLMP_E_INVALID,
                                     "'table', line %u: %s", err.line,
                                     err.message);
        llmp_prices_unref(tried);
    }
    return LLMP_OK;
}
