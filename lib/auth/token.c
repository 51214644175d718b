/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A token's claims become a principal, if all of them are what the policy asks
 * for. Numbers are taken exactly; what is missing is refused, not guessed.
 */
#include "auth/token.h"

#include "auth/text.h"
#include "base/internal.h"
#include "base/json_text.h"
#include "base/str.h"

#include <llmproxy/auth.h>

enum { LIST_MAX = 1000 }; /* values of a claim that is a list */

struct llmp_token *llmp_token_ref(struct llmp_token *token)
{
    if (token)
        atomic_fetch_add_explicit(&token->refs, 1, memory_order_relaxed);
    return token;
}

void llmp_token_unref(struct llmp_token *token)
{
    if (!token ||
        atomic_fetch_sub_explicit(&token->refs, 1, memory_order_acq_rel) != 1)
        return;
    llmp_issuer_unref(token->issuer);
    llmp_arena_fini(&token->arena);
    llmp_free(token);
}

static void token_unrefp(struct llmp_token **token)
{
    llmp_token_unref(*token);
}

void llmp_token_principal(const struct llmp_token *token,
                          struct llmp_principal *out)
{
    *out = token->principal;
}

bool llmp_token_is_likely(struct llmp_str text)
{
    /* Every header begins with '{"' or '{ ', which is "ey" or "ew". */
    return text.len > 2 && text.ptr[0] == 'e' &&
           memchr(text.ptr, '.', text.len) != NULL;
}

/* ---------------------------------------------------------------- claims -- */

struct reading {
    const struct llmp_token_policy *policy;
    struct llmp_token *token;
    bool issuer_ok, audience_ok, has_exp, has_iat;
    uint64_t exp_s, nbf_s, iat_s;
    unsigned values; /* seen so far */
};

/* A NumericDate: seconds, of which a fraction is cut off. */
static bool read_date(uint64_t *out, const struct llmp_json_token *token)
{
    struct llmp_str text = token->text;

    if (token->type != LLMP_JSON_NUMBER)
        return false;
    if (!memchr(text.ptr, 'e', text.len) && !memchr(text.ptr, 'E', text.len)) {
        const char *dot = memchr(text.ptr, '.', text.len);

        if (dot)
            text.len = (size_t)(dot - text.ptr);
    }
    return llmp_json_u64(text, out) == LLMP_OK;
}

/* Keeps the first value only: a list of teams gives the first one. */
static int keep_text(struct llmp_token *token, struct llmp_str *to,
                     const struct llmp_json_token *value)
{
    char *copy;

    if (to->len)
        return LLMP_OK;
    if (value->text.len > LLMP_KEY_TEXT_MAX * 4)
        return LLMP_AUTH_TOKEN_CLAIMS;
    copy = llmp_arena_take(&token->arena, value->text.len + 1);
    if (!copy)
        return LLMP_E_NOMEM;
    *to = (struct llmp_str){ copy, llmp_json_unescape(copy, value->text) };
    return LLMP_OK;
}

static void read_audience(struct reading *r, struct llmp_str raw)
{
    for (size_t i = 0; i < r->policy->audience_count; i++)
        r->audience_ok |= llmp_json_unescaped_eq(raw, r->policy->audiences[i]);
}

static void read_role(struct reading *r, struct llmp_str raw)
{
    enum llmp_role *role = &r->token->principal.role;

    for (size_t i = 0; i < r->policy->role_count; i++)
        if (llmp_json_unescaped_eq(raw, r->policy->roles[i].value) &&
            r->policy->roles[i].role > *role)
            *role = r->policy->roles[i].role;
}

static int read_string(struct reading *r, enum llmp_claim claim,
                       const struct llmp_json_token *value)
{
    struct llmp_principal *p = &r->token->principal;

    switch (claim) {
    case LLMP_CLAIM_ISS:
        r->issuer_ok = llmp_json_unescaped_eq(value->text, r->policy->issuer);
        return LLMP_OK;
    case LLMP_CLAIM_AUD:
        read_audience(r, value->text);
        return LLMP_OK;
    case LLMP_CLAIM_ROLE:
        read_role(r, value->text);
        return LLMP_OK;
    case LLMP_CLAIM_AMR:
        p->amr |= llmp_amr_find(value->text);
        return LLMP_OK;
    case LLMP_CLAIM_ACR:
        return keep_text(r->token, &p->acr, value);
    case LLMP_CLAIM_JTI:
        return keep_text(r->token, &p->id, value);
    case LLMP_CLAIM_USER:
        return keep_text(r->token, &p->user, value);
    case LLMP_CLAIM_NAME:
        return keep_text(r->token, &p->name, value);
    case LLMP_CLAIM_TEAM:
        return keep_text(r->token, &p->team, value);
    case LLMP_CLAIM_ORG:
        return keep_text(r->token, &p->org, value);
    case LLMP_CLAIM_GRANTOR:
        return keep_text(r->token, &p->grantor, value);
    case LLMP_CLAIM_ABOVE:
        return keep_text(r->token, &p->above, value);
    case LLMP_CLAIM_REGISTERED:
        p->registered = true;
        return LLMP_OK;
    case LLMP_CLAIM_GRANTOR_TAG:
        if (value->text.len >= sizeof(p->grantor_tag))
            return LLMP_AUTH_TOKEN_CLAIMS;
        memcpy(p->grantor_tag, value->text.ptr, value->text.len);
        return LLMP_OK;
    default:
        return LLMP_AUTH_TOKEN_CLAIMS;
    }
}

static int show_claim(unsigned index, const struct llmp_json_token *value,
                      void *ctx)
{
    struct reading *r = ctx;
    bool ok = true;

    if (++r->values > LIST_MAX)
        return LLMP_AUTH_TOKEN_CLAIMS;
    switch (index) {
    case LLMP_CLAIM_EXP:
        r->has_exp = ok = read_date(&r->exp_s, value);
        break;
    case LLMP_CLAIM_NBF:
        ok = read_date(&r->nbf_s, value);
        break;
    case LLMP_CLAIM_IAT:
        r->has_iat = ok = read_date(&r->iat_s, value);
        break;
    case LLMP_CLAIM_AUTH_TIME:
        ok = read_date(&r->token->principal.auth_time_s, value);
        break;
    default:
        if (value->type == LLMP_JSON_STRING)
            return read_string(r, (enum llmp_claim)index, value);
        /* Absent, in other words; the rest has to be text. */
        ok = value->type == LLMP_JSON_NULL;
    }
    return ok ? LLMP_OK : LLMP_AUTH_TOKEN_CLAIMS;
}

/* ---------------------------------------------------------------- checks -- */

static int check_times(const struct reading *r, uint64_t wall_s)
{
    uint64_t leeway_s = r->policy->leeway_s, max_s = r->policy->lifetime_s_max;

    if (!r->has_exp || (max_s && !r->has_iat))
        return LLMP_AUTH_TOKEN_CLAIMS;
    if (wall_s >= llmp_add_sat(r->exp_s, leeway_s))
        return LLMP_AUTH_TOKEN_EXPIRED;
    if (r->nbf_s > wall_s + leeway_s ||
        (r->has_iat && r->iat_s > wall_s + leeway_s))
        return LLMP_AUTH_TOKEN_NOT_YET;
    if (max_s && (r->exp_s < r->iat_s || r->exp_s - r->iat_s > max_s))
        return LLMP_AUTH_TOKEN_LIFETIME;
    return LLMP_OK;
}

static int check_claims(const struct reading *r, uint64_t wall_s,
                        struct llmp_error *err)
{
    int rc;

    LLMP_ENSURE(r->issuer_ok, err, LLMP_AUTH_TOKEN_ISSUER,
                "iss is not the configured issuer");
    LLMP_ENSURE(r->audience_ok, err, LLMP_AUTH_TOKEN_AUDIENCE,
                "aud has none of the configured audiences");
    rc = check_times(r, wall_s);
    LLMP_ENSURE(rc == LLMP_OK, err, rc, "exp, nbf and iat: %s",
                llmp_auth_answer_text(rc));
    LLMP_ENSURE(r->token->principal.user.len, err, LLMP_AUTH_TOKEN_CLAIMS,
                "the claim for the user is missing");
    LLMP_ENSURE(r->token->principal.role != LLMP_ROLE_NONE, err,
                LLMP_AUTH_TOKEN_ROLE, "no role matches and none is default");
    return LLMP_OK;
}

/* "at+jwt" and "application/at+jwt" are the same (RFC 7515, 4.1.9). */
static bool type_is(struct llmp_str type, struct llmp_str wanted)
{
    struct llmp_str head = LLMP_STR("application/");
    struct llmp_str start = { type.ptr, type.len < head.len ? 0 : head.len };

    if (start.len && llmp_str_eq_nocase(start, head))
        type = (struct llmp_str){ type.ptr + head.len, type.len - head.len };
    return llmp_str_eq_nocase(type, wanted);
}

static bool type_is_accepted(const struct llmp_token_policy *policy,
                             const struct llmp_jws *jws)
{
    if (type_is(jws->type, LLMP_STR("at+jwt")))
        return true;
    return !policy->access_tokens_only &&
           (!jws->has_type || type_is(jws->type, LLMP_STR("JWT")));
}

/* What no claim said. */
static void fill_rest(struct reading *r)
{
    struct llmp_principal *p = &r->token->principal;

    if (p->role == LLMP_ROLE_NONE)
        p->role = r->policy->role_default;
    if (p->id.len == 0)
        p->id = p->user;
    r->token->issued_s = r->iat_s;
    p->expires_ns = llmp_mul_sat(llmp_add_sat(r->exp_s, r->policy->leeway_s),
                                 LLMP_NS_PER_S);
    r->token->ends_ns = p->expires_ns;
}

/* The policy may go before the token does. */
static int fill_org(struct llmp_token *token,
                    const struct llmp_token_policy *policy)
{
    struct llmp_principal *p = &token->principal;
    bool ok = true;

    if (p->team.len == 0 && policy->team.len)
        p->team = llmp_arena_str(&token->arena, policy->team, &ok);
    if (p->org.len == 0 && policy->org.len)
        p->org = llmp_arena_str(&token->arena, policy->org, &ok);
    return ok ? LLMP_OK : LLMP_E_NOMEM;
}

static struct llmp_token *token_alloc(void)
{
    struct llmp_token *token = llmp_alloc(sizeof(*token));

    if (!token)
        return NULL;
    atomic_init(&token->refs, 1);
    llmp_arena_init(&token->arena, 256);
    token->principal.size = sizeof(token->principal);
    token->principal.kind = LLMP_PRINCIPAL_TOKEN;
    return token;
}

int llmp_token_new(struct llmp_token **out,
                   const struct llmp_token_policy *policy,
                   const struct llmp_jws *jws, uint64_t wall_ns,
                   struct llmp_error *err)
{
    LLMP_AUTO(token_unrefp) struct llmp_token *token = NULL;
    struct reading r = { .policy = policy };
    int rc;

    LLMP_ENSURE(type_is_accepted(policy, jws), err, LLMP_AUTH_TOKEN_TYPE,
                "typ is not one of a token's");
    r.token = token = token_alloc();
    LLMP_ENSURE(token, err, LLMP_E_NOMEM, "no memory for the token");
    rc = llmp_claims_read(jws->payload, policy->paths, LLMP_CLAIM_COUNT,
                          show_claim, &r);
    LLMP_ENSURE(rc == LLMP_OK, err, rc, "the claims are not usable");
    fill_rest(&r);
    rc = check_claims(&r, wall_ns / LLMP_NS_PER_S, err);
    if (rc != LLMP_OK)
        return rc;
    LLMP_ENSURE(fill_org(token, policy) == LLMP_OK, err, LLMP_E_NOMEM,
                "no memory for the token");
    *out = llmp_steal(&token);
    return LLMP_OK;
}

static int verify(struct llmp_token **out,
                  const struct llmp_token_policy *policy,
                  const struct llmp_jwks *keys, struct llmp_str text,
                  uint64_t wall_ns, struct llmp_arena *arena,
                  struct llmp_error *err)
{
    struct llmp_jws jws;
    int rc = llmp_jws_open(&jws, text, arena);

    if (rc == LLMP_OK)
        rc = llmp_jws_verify(&jws, keys, policy->algorithms);
    LLMP_ENSURE(rc == LLMP_OK, err, rc, "%s", llmp_auth_answer_text(rc));
    return llmp_token_new(out, policy, &jws, wall_ns, err);
}

int llmp_token_verify(struct llmp_token **out,
                      const struct llmp_token_policy *policy,
                      const struct llmp_jwks *keys, struct llmp_str text,
                      uint64_t wall_ns, struct llmp_error *err)
{
    LLMP_AUTO(llmp_arena_fini) struct llmp_arena arena;

    llmp_arena_init(&arena, 2048);
    return verify(out, policy, keys, text, wall_ns, &arena, err);
}

/* ------------------------------------------------------------------ peek -- */

struct peek {
    char *out;
    size_t size;
    bool found;
};

static int show_issuer(unsigned index, const struct llmp_json_token *value,
                       void *ctx)
{
    struct peek *peek = ctx;

    (void)index;
    if (value->type != LLMP_JSON_STRING || value->text.len >= peek->size)
        return LLMP_AUTH_TOKEN_MALFORMED;
    peek->out[llmp_json_unescape(peek->out, value->text)] = '\0';
    peek->found = true;
    return LLMP_OK;
}

int llmp_token_peek_issuer(char *out, size_t size, struct llmp_str text)
{
    static const struct llmp_claim_path path = { { { "iss", 3 } }, 1 };
    LLMP_AUTO(llmp_arena_fini) struct llmp_arena arena;
    struct peek peek = { out, size, false };
    struct llmp_str payload;
    int rc;

    llmp_arena_init(&arena, 2048);
    rc = llmp_jws_payload(&payload, text, &arena);
    if (rc == LLMP_OK)
        rc = llmp_claims_read(payload, &path, 1, show_issuer, &peek);
    return rc != LLMP_OK || peek.found ? rc : LLMP_AUTH_TOKEN_MALFORMED;
}
