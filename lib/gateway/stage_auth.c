/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who calls: from the head's credential to a principal and the scopes whose
 * limits count. Nobody's body is read before that. What a credential is, is
 * never said, logged or passed on.
 */
#include "auth/token.h"
#include "base/internal.h"
#include "gateway/exchange.h"
#include "gateway/record.h"

enum { CHALLENGE_SIZE = 192 };

void llmp_x_refuse_auth(struct llmp_exchange *x, int answer)
{
    char challenge[CHALLENGE_SIZE];

    (void)llmp_auth_challenge(challenge, sizeof(challenge), answer);

    unsigned status = llmp_auth_answer_http(answer);
    /* What outlives this call lives in the arena. */
    const char *code = llmp_answer_code(&x->arena, answer);
    struct llmp_str kept = llmp_arena_printf(&x->arena, "%s", challenge);

    if (!kept.ptr || !code) {
        llmp_x_refuse_nomem(x);
        return;
    }
    llmp_x_refuse(
        x,
        &(struct llmp_refusal){ .status = (uint16_t)status,
                                .code = code,
                                .challenge = status == 401 ? kept.ptr : NULL,
                                .ending = LLMP_END_REFUSED },
        "Not allowed: %s.", llmp_auth_answer_text(answer));
}

void llmp_x_refuse_nobody(struct llmp_exchange *x)
{
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 401,
                                          .code = "missing_credential",
                                          .challenge = "Bearer",
                                          .ending = LLMP_END_REFUSED },
                  "Show an API key or a token: 'authorization: Bearer …'.");
}

/* ---- the credential ------------------------------------------------------ */

/* Several that differ are refused: another reader might believe another. */
static int add_credential(struct llmp_str *found, struct llmp_str value)
{
    if (found->len && !llmp_str_eq(*found, value))
        return LLMP_E_INVALID;
    *found = value;
    return LLMP_OK;
}

static int find_credential(const struct llmp_request_head *head,
                           struct llmp_str *out)
{
    struct llmp_str bearer = LLMP_STR("bearer ");

    *out = (struct llmp_str){ NULL, 0 };
    for (size_t i = 0; i < head->header_count; i++) {
        struct llmp_str name = head->headers[i].name;
        struct llmp_str value = llmp_str_trim(head->headers[i].value);

        if (llmp_str_eq(name, LLMP_STR("authorization"))) {
            if (value.len <= bearer.len ||
                !llmp_str_eq_nocase((struct llmp_str){ value.ptr, bearer.len },
                                    bearer))
                return LLMP_E_INVALID;
            value.ptr += bearer.len;
            value.len -= bearer.len;
            LLMP_TRY(add_credential(out, llmp_str_trim(value)));
        } else if (llmp_str_eq(name, LLMP_STR("x-api-key")) ||
                   llmp_str_eq(name, LLMP_STR("x-goog-api-key")) ||
                   llmp_str_eq(name, LLMP_STR("api-key"))) {
            LLMP_TRY(add_credential(out, value));
        }
    }
    return LLMP_OK;
}

/* The client's address, behind proxies that are trusted. */
int llmp_x_find_address(const struct llmp_exchange *x,
                        const struct llmp_request_head *head,
                        struct llmp_address *out)
{
    struct llmp_address peer;
    struct llmp_str lines[LLMP_FORWARDED_HOPS_MAX];
    size_t count = 0;

    LLMP_TRY(llmp_address_parse(&peer, head->peer, true));
    for (size_t i = 0; i < head->header_count; i++)
        if (llmp_str_eq(head->headers[i].name, LLMP_STR("x-forwarded-for"))) {
            if (count == LLMP_COUNT(lines))
                return LLMP_E_LIMIT;
            lines[count++] = head->headers[i].value;
        }
    return llmp_address_forwarded(out, &peer, x->access->trusted, lines, count);
}

/* A key that is bound to addresses cannot be used from nowhere: a Unix socket
 * has no address, and what a trusted proxy says may be no address or too long;
 * `head` is NULL where nobody asks from anywhere. */
static int check_address(const struct llmp_exchange *x,
                         const struct llmp_request_head *head,
                         const struct llmp_key *key)
{
    struct llmp_address address;
    bool known = head && llmp_x_find_address(x, head, &address) == LLMP_OK;
    int answer = llmp_key_check_address(key, known ? &address : NULL);

    return answer != LLMP_OK ? answer
                             : llmp_holder_check_address(
                                   llmp_key_data(key), known ? &address : NULL);
}

static void note_caller(struct llmp_exchange *x)
{
    struct llmp_summary *s = &x->summary;

    s->key = x->principal.kind == LLMP_PRINCIPAL_KEY ? x->principal.id
                                                     : x->principal.grantor;
    s->user = x->principal.user;
    s->team = x->principal.team;
    s->org = x->principal.org;
}

/* ---- who it is ----------------------------------------------------------- */

static bool be_key(struct llmp_exchange *x,
                   const struct llmp_request_head *head,
                   struct llmp_str credential)
{
    struct llmp_key_use use;
    int answer = llmp_keyring_check(x->access->keyring, credential,
                                    x->now.wall_ns, &use);

    if (use.key)
        x->summary.key = llmp_key_id(use.key); /* also of an expired one */
    if (answer == LLMP_OK)
        answer = check_address(x, head, use.key);
    if (answer != LLMP_OK) {
        llmp_x_refuse_auth(x, answer);
        return false;
    }
    llmp_key_principal(use.key, &x->principal);
    llmp_key_tag(use.key, use.generation, x->principal.grantor_tag);

    const struct llmp_holder *holder = llmp_key_data(use.key);

    memcpy(x->scopes, holder->scopes, sizeof(holder->scopes));
    memcpy(x->allowances, holder->allowances, sizeof(holder->allowances));
    x->route.regions = holder->regions;
    return true;
}

/* Limits of somebody whose key we do not have: those of the owners of these
 * names, in the file or the store. */
static void find_scope(struct llmp_exchange *x, size_t slot,
                       enum llmp_limit_kind kind, struct llmp_str name)
{
    const struct llmp_owner *owner = llmp_access_owner(x->access, kind, name);

    if (!owner || !owner->scope)
        return;
    x->scopes[slot] = llmp_limit_scope_ref(owner->scope);
    x->scope_refs |= (uint8_t)(1 << slot);
    x->allowances[slot] = owner->limits;
}

/* A user of tokens without limits of its own has those of its role; so has one
 * whose own were taken out of the file. */
static bool user_scope(struct llmp_exchange *x, size_t slot,
                       struct llmp_str user)
{
    struct llmp_limit_rule rule = {
        .unit = LLMP_LIMIT_REQUESTS,
        .amount = llmp_requests_of_role(x->principal.role),
    };

    find_scope(x, slot, LLMP_LIMIT_USER, user);
    if (!user.len || x->allowances[slot] ||
        (x->scopes[slot] && llmp_limit_has(x->scopes[slot], ~0u)))
        return true;
    if (x->scopes[slot])
        llmp_limit_scope_unref(x->scopes[slot]);
    x->scopes[slot] = NULL;
    x->scope_refs &= (uint8_t) ~(1 << slot);
    if (user.len > LLMP_LIMIT_ID_MAX) {
        llmp_x_refuse_auth(x, LLMP_AUTH_TOKEN_CLAIMS);
        return false;
    }
    if (llmp_limiter_scope(&x->scopes[slot], llmp_worker_limiter(x->worker),
                           LLMP_LIMIT_USER, user, &rule, 1, NULL) != LLMP_OK) {
        llmp_x_refuse_nomem(x);
        return false;
    }
    x->scope_refs |= (uint8_t)(1 << slot);
    return true;
}

/* ---- what bounds a token ------------------------------------------------- */

/* Of whom a token speaks. */
struct bearer {
    struct llmp_str base;          /* the user, or the one above an end user */
    struct llmp_principal grantor; /* kind ANONYMOUS: there is none */
    const struct llmp_grant **end; /* of the principal's chain so far */
};

/* What the store says about an owner bounds a token like a key. What the key
 * that it was issued with has for a link is there already. */
static bool bind_owner(struct llmp_exchange *x, struct bearer *b,
                       enum llmp_limit_kind kind, struct llmp_str name,
                       struct llmp_str grantors)
{
    const struct llmp_owner *owner = llmp_access_owner(x->access, kind, name);
    struct llmp_grant *link;

    if (!owner || !owner->record || llmp_str_eq(name, grantors))
        return true;
    if (owner->record->disabled) {
        llmp_x_refuse_auth(x, LLMP_AUTH_ACTION_DENIED);
        return false;
    }
    link = llmp_arena_take(&x->arena, sizeof(*link));
    if (!link) {
        llmp_x_refuse_nomem(x);
        return false;
    }
    llmp_record_grant(owner->record, link);
    link->grantor = NULL;
    *b->end = link;
    b->end = &link->grantor;
    return true;
}

static bool bind_owners(struct llmp_exchange *x, struct bearer *b)
{
    const struct llmp_principal *p = &x->principal, *g = &b->grantor;
    bool end_user = p->above.len != 0;

    return bind_owner(x, b, LLMP_LIMIT_USER, p->user, g->user) &&
           (!end_user || bind_owner(x, b, LLMP_LIMIT_USER, b->base, g->user)) &&
           bind_owner(x, b, LLMP_LIMIT_TEAM, p->team, g->team) &&
           bind_owner(x, b, LLMP_LIMIT_ORG, p->org, g->org);
}

/* A token of our own counts while the key does that it was issued with, from
 * where the key may be used, within the key's limits and grant. `head` NULL:
 * nobody knows from where. */
static int find_grantor(struct llmp_exchange *x,
                        const struct llmp_request_head *head, struct bearer *b)
{
    const struct llmp_holder *holder;
    const struct llmp_key *key;
    int answer;

    if (!x->principal.grantor.len)
        return LLMP_OK;
    key = llmp_keyring_find(x->access->keyring, x->principal.grantor);
    if (!key || llmp_key_tag_state(key, x->principal.grantor_tag,
                                   x->now.wall_ns) != LLMP_OK)
        return LLMP_AUTH_TOKEN_REVOKED;
    answer = check_address(x, head, key);
    llmp_key_principal(key, &b->grantor);
    holder = llmp_key_data(key);
    x->scopes[LLMP_LIMIT_KEY] = holder->scopes[LLMP_LIMIT_KEY];
    x->allowances[LLMP_LIMIT_KEY] = holder->allowances[LLMP_LIMIT_KEY];
    llmp_regions_narrow(&x->route.regions, holder->regions);
    return answer;
}

/* What a token asks stays where its owners say. */
static void stay_with_owners(struct llmp_exchange *x, const struct bearer *b)
{
    const struct llmp_principal *p = &x->principal;
    const struct {
        enum llmp_limit_kind kind;
        struct llmp_str name;
    } owners[] = { { LLMP_LIMIT_USER, p->user },
                   { LLMP_LIMIT_USER, b->base },
                   { LLMP_LIMIT_TEAM, p->team },
                   { LLMP_LIMIT_ORG, p->org } };

    for (size_t i = 0; i < LLMP_COUNT(owners); i++) {
        const struct llmp_owner *owner =
            llmp_access_owner(x->access, owners[i].kind, owners[i].name);

        if (owner)
            llmp_regions_narrow(&x->route.regions, owner->regions);
    }
}

/* Whose record bounded it when it was issued has one. */
static bool is_registered(const struct llmp_exchange *x, const struct bearer *b)
{
    const struct llmp_owner *owner =
        llmp_access_owner(x->access, LLMP_LIMIT_USER, b->base);

    return owner && owner->record;
}

/* Of who is above an end user all limits hold, too; where that is the holder of
 * the key that it was issued with, the key has those of its role. */
static bool find_user_scopes(struct llmp_exchange *x, const struct bearer *b)
{
    const struct llmp_principal *p = &x->principal;

    if (!p->above.len)
        return user_scope(x, LLMP_LIMIT_USER, p->user);
    if (llmp_str_eq(b->base, b->grantor.user) ||
        llmp_str_eq(b->base, b->grantor.id))
        find_scope(x, LLMP_LIMIT_USER, LLMP_LIMIT_USER, b->base);
    else if (!user_scope(x, LLMP_LIMIT_USER, b->base))
        return false;
    return user_scope(x, LLMP_X_END_USER_SCOPE, p->user);
}

static bool be_owner(struct llmp_exchange *x,
                     const struct llmp_request_head *head)
{
    struct bearer b = { .base = llmp_user_above(&x->principal),
                        .end = &x->principal.grant };
    int answer = find_grantor(x, head, &b);

    if (answer == LLMP_OK && x->principal.registered && !is_registered(x, &b))
        answer = LLMP_AUTH_TOKEN_REVOKED;
    if (answer != LLMP_OK) {
        llmp_x_refuse_auth(x, answer);
        return false;
    }
    if (!bind_owners(x, &b))
        return false;
    *b.end = b.grantor.grant;
    stay_with_owners(x, &b);
    find_scope(x, LLMP_LIMIT_TEAM, LLMP_LIMIT_TEAM, x->principal.team);
    find_scope(x, LLMP_LIMIT_ORG, LLMP_LIMIT_ORG, x->principal.org);
    return find_user_scopes(x, &b);
}

/* ---- the token ----------------------------------------------------------- */

/* Its index; SIZE_MAX: it is nobody we know. */
static size_t find_issuer(const struct llmp_exchange *x,
                          struct llmp_str credential)
{
    char name[LLMP_ISSUER_URL_SIZE];

    if (llmp_token_peek_issuer(name, sizeof(name), credential) != LLMP_OK)
        return SIZE_MAX;
    for (size_t i = 0; i < x->access->issuer_count; i++)
        if (llmp_str_eq(llmp_issuer_name(x->access->issuers[i]),
                        llmp_str_of(name)))
            return i;
    return SIZE_MAX;
}

static void be_token(struct llmp_exchange *x, struct llmp_token *token)
{
    x->token = token;
    llmp_token_principal(token, &x->principal);
}

static int verify(struct llmp_exchange *x, size_t issuer,
                  struct llmp_str credential)
{
    struct llmp_token_cache *cache = llmp_worker_tokens(x->worker);
    struct llmp_token *token;

    if (issuer == SIZE_MAX)
        return LLMP_AUTH_TOKEN_ISSUER;

    int rc = llmp_issuer_verify(x->access->issuers[issuer], &token, credential,
                                x->now, NULL);

    if (rc != LLMP_OK)
        return rc;
    if (cache)
        llmp_token_cache_put(cache, credential, token, x->now);
    be_token(x, token);
    return LLMP_OK;
}

/* What a verification means, but for LLMP_AGAIN. */
static bool conclude(struct llmp_exchange *x,
                     const struct llmp_request_head *head, int rc)
{
    if (rc == LLMP_OK)
        return be_owner(x, head);
    if (rc == LLMP_E_NOMEM)
        llmp_x_refuse_nomem(x);
    else
        llmp_x_refuse_auth(x, rc > 0 ? rc : LLMP_AUTH_TOKEN_MALFORMED);
    return false;
}

/* A reload may have taken its issuer away, or read its claims anew. */
static bool is_ours(const struct llmp_exchange *x,
                    const struct llmp_token *token)
{
    for (size_t i = 0; i < x->access->issuer_count; i++)
        if (x->access->issuers[i] == token->issuer)
            return true;
    return false;
}

/* A token that was verified before, under keys that still hold. */
static bool known_token(struct llmp_exchange *x, struct llmp_str credential)
{
    struct llmp_token_cache *cache = llmp_worker_tokens(x->worker);
    struct llmp_token *token =
        cache ? llmp_token_cache_get(cache, credential, x->now) : NULL;

    if (!token || !is_ours(x, token))
        return false;
    be_token(x, llmp_token_ref(token));
    return true;
}

static bool is_due(const struct llmp_exchange *x, size_t issuer)
{
    return issuer < x->access->issuer_count &&
           llmp_issuer_due_ns(x->access->issuers[issuer]) <= x->now.mono_ns;
}

/* Keys that were taken back must not count for as long as the others do: from
 * time to time they are fetched, whether they are missed or not. */
static bool wants_keys(const struct llmp_exchange *x,
                       struct llmp_str credential, size_t *issuer)
{
    for (size_t i = 0; i < x->access->issuer_count; i++)
        if (is_due(x, i)) {
            *issuer = find_issuer(x, credential);
            return is_due(x, *issuer);
        }
    return false;
}

static bool be_bearer(struct llmp_exchange *x,
                      const struct llmp_request_head *head,
                      struct llmp_str credential)
{
    size_t issuer;
    int rc;

    if (wants_keys(x, credential, &issuer))
        return llmp_x_fetch_keys(x, credential, issuer);
    if (known_token(x, credential))
        return be_owner(x, head);
    issuer = find_issuer(x, credential);
    rc = verify(x, issuer, credential);
    return rc == LLMP_AGAIN ? llmp_x_fetch_keys(x, credential, issuer)
                            : conclude(x, head, rc);
}

bool llmp_x_verify_again(struct llmp_exchange *x, struct llmp_str credential,
                         bool *again)
{
    int rc = verify(x, x->keys.issuer, credential);

    *again = rc == LLMP_AGAIN;
    if (*again || !conclude(x, NULL, rc))
        return false;
    note_caller(x);
    return llmp_x_check_login(x);
}

static bool be_certificate(struct llmp_exchange *x, struct llmp_str name)
{
    bool ok = true;

    x->principal.kind = LLMP_PRINCIPAL_TLS;
    x->principal.role = x->config->auth.tls_role;
    x->principal.id = x->principal.user = x->principal.name =
        llmp_arena_str(&x->arena, name, &ok);
    if (ok)
        return be_owner(x, NULL);
    llmp_x_refuse_nomem(x);
    return false;
}

static bool be_somebody(struct llmp_exchange *x,
                        const struct llmp_request_head *head)
{
    struct llmp_str credential;

    if (find_credential(head, &credential) < 0) {
        llmp_x_refuse(x,
                      &(struct llmp_refusal){ .status = 401,
                                              .code = "bad_credential",
                                              .challenge = "Bearer",
                                              .ending = LLMP_END_REFUSED },
                      "One credential is accepted, as 'Bearer …'.");
        return false;
    }
    if (credential.len == 0) {
        if (head->admin && head->admin_local) {
            x->principal.kind = LLMP_PRINCIPAL_LOCAL;
            x->principal.role = LLMP_ROLE_ADMIN;
            x->principal.name = LLMP_STR("local");
            return true;
        }
        if (head->tls_name.len && x->config->auth.tls_role != LLMP_ROLE_NONE)
            return be_certificate(x, head->tls_name);
        llmp_x_refuse_nobody(x);
        return false;
    }
    if (x->access->issuer_count && llmp_token_is_likely(credential))
        return be_bearer(x, head, credential);
    return be_key(x, head, credential);
}

/* Health is for load balancers, which have no key. */
static bool is_open(const struct llmp_exchange *x)
{
    if (x->operation->local == LLMP_LOCAL_ADMIN)
        return llmp_x_admin_is_open(x);
    return !x->access->required || x->operation->local == LLMP_LOCAL_LIVE ||
           x->operation->local == LLMP_LOCAL_READY ||
           x->operation->local == LLMP_LOCAL_JWKS;
}

bool llmp_x_authenticate(struct llmp_exchange *x,
                         const struct llmp_request_head *head)
{
    x->principal.size = sizeof(x->principal);
    if (is_open(x))
        return true;
    if (!be_somebody(x, head))
        return false;
    note_caller(x);
    return llmp_x_check_login(x);
}

/* ---- what it may do ------------------------------------------------------ */

bool llmp_x_may(struct llmp_exchange *x, enum llmp_action action,
                struct llmp_str model)
{
    struct llmp_policy_object object = { .size = sizeof(object),
                                         .user = x->principal.user,
                                         .team = x->principal.team,
                                         .org = x->principal.org,
                                         .model = model };

    if (!x->access->required)
        return true;
    if (action == LLMP_ACTION_MODEL_USE)
        object.route = x->operation->name;
    if (action == LLMP_ACTION_METRICS_READ)
        object.user = object.team = object.org = (struct llmp_str){ NULL, 0 };

    int answer = llmp_policy_decide(&x->principal, action, &object,
                                    x->now.wall_ns, NULL);

    if (answer != LLMP_OK)
        llmp_x_refuse_auth(x, answer);
    return answer == LLMP_OK;
}

void llmp_x_forget_caller(struct llmp_exchange *x)
{
    for (size_t i = 0; i < LLMP_X_SCOPES; i++)
        if (x->scope_refs & 1 << i)
            llmp_limit_scope_unref(x->scopes[i]);
    llmp_token_unref(x->token);
}
