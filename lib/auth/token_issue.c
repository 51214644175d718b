/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of our own: access tokens (RFC 9068) that say who the principal is
 * and never outlive what it was derived from. */
#include "auth/base64url.h"
#include "auth/signer.h"
#include "base/internal.h"
#include "base/str.h"

enum { JTI_SIZE = 16, CLAIMS_MAX = 8192 };

static int check(const struct llmp_token_options *o, struct llmp_error *err)
{
    LLMP_ENSURE(
        o->issuer.len && o->audience.len && o->random && o->random->fill, err,
        LLMP_E_INVALID, "issuer, audience and random are required");
    LLMP_ENSURE(o->principal && o->principal->user.len &&
                    o->principal->role != LLMP_ROLE_NONE,
                err, LLMP_E_INVALID,
                "a principal with user and role is needed");
    LLMP_ENSURE(o->lifetime_s == 0 ||
                    (o->lifetime_s >= LLMP_TOKEN_LIFETIME_S_MIN &&
                     o->lifetime_s <= LLMP_TOKEN_LIFETIME_S_MAX),
                err, LLMP_E_INVALID, "a token lives 1 to 24 hours");
    return LLMP_OK;
}

/* When it ends: never after the principal, or what that was granted by. */
static int end_of(const struct llmp_token_options *o, uint64_t *exp_s,
                  struct llmp_error *err)
{
    uint64_t now_s = o->wall_ns / LLMP_NS_PER_S;
    uint64_t grant_ns = llmp_grant_expires_ns(o->principal->grant);
    uint64_t ends_ns = o->principal->expires_ns;

    *exp_s =
        now_s + (o->lifetime_s ? o->lifetime_s : LLMP_TOKEN_LIFETIME_S_MIN);
    if (grant_ns && (!ends_ns || grant_ns < ends_ns))
        ends_ns = grant_ns;
    if (ends_ns && ends_ns / LLMP_NS_PER_S < *exp_s)
        *exp_s = ends_ns / LLMP_NS_PER_S;
    LLMP_ENSURE(*exp_s > now_s, err, LLMP_E_STATE,
                "the principal's own credential has ended");
    return LLMP_OK;
}

static void put_claim(struct llmp_buf *buf, const char *name,
                      struct llmp_str value)
{
    if (value.len == 0)
        return;
    (void)llmp_buf_printf(buf, ",\"%s\":", name);
    (void)llmp_buf_json(buf, value);
}

static void put_amr(struct llmp_buf *buf, uint32_t amr)
{
    static const char *const names[] = {
#define AMR_NAME(name, bit, text, class) [bit] = text,
        LLMP_AMR_TABLE(AMR_NAME)
#undef AMR_NAME
    };

    if (!amr)
        return;
    (void)llmp_buf_add(buf, LLMP_STR(",\"amr\":["));
    for (size_t i = 0; i < LLMP_COUNT(names); i++)
        if (amr >> i & 1)
            (void)llmp_buf_printf(buf, "%s\"%s\"",
                                  amr & ((1u << i) - 1) ? "," : "", names[i]);
    (void)llmp_buf_add(buf, LLMP_STR("]"));
}

static void put_claims(struct llmp_buf *buf, const struct llmp_token_options *o,
                       uint64_t exp_s)
{
    const struct llmp_principal *p = o->principal;
    uint8_t bytes[JTI_SIZE];
    char jti[LLMP_BASE64URL_LEN(JTI_SIZE)];

    o->random->fill(bytes, sizeof(bytes), o->random->ctx);
    (void)llmp_base64url_encode(jti, bytes, sizeof(bytes));
    (void)llmp_buf_printf(buf, "{\"iat\":%llu,\"exp\":%llu",
                          (unsigned long long)(o->wall_ns / LLMP_NS_PER_S),
                          (unsigned long long)exp_s);
    put_claim(buf, "iss", o->issuer);
    put_claim(buf, "aud", o->audience);
    put_claim(buf, "jti", (struct llmp_str){ jti, sizeof(jti) });
    put_claim(buf, "sub", p->user);
    put_claim(buf, "name", p->name);
    put_claim(buf, "team", p->team);
    put_claim(buf, "org", p->org);
    put_claim(buf, "role", llmp_str_of(llmp_role_name(p->role)));
    put_claim(buf, "grantor",
              p->kind == LLMP_PRINCIPAL_KEY ? p->id : p->grantor);
    put_claim(buf, "grantor_tag", llmp_str_of(p->grantor_tag));
    put_claim(buf, "above", p->above);
    if (p->registered)
        put_claim(buf, "registered", LLMP_STR("user"));
    put_claim(buf, "acr", p->acr);
    put_amr(buf, p->amr);
    if (p->auth_time_s)
        (void)llmp_buf_printf(buf, ",\"auth_time\":%llu",
                              (unsigned long long)p->auth_time_s);
    (void)llmp_buf_add(buf, LLMP_STR("}"));
}

/* Writes header.payload.signature; the room was checked. */
static int put_token(const struct llmp_signer *signer, char *out, size_t *len,
                     struct llmp_str claims, struct llmp_error *err)
{
    uint8_t signature[LLMP_SIGNATURE_SIZE];
    char header[160], *at = out;
    int n = snprintf(header, sizeof(header),
                     "{\"alg\":\"%s\",\"typ\":\"at+jwt\",\"kid\":\"%s\"}",
                     signer->alg == LLMP_ALG_EDDSA ? "EdDSA" : "ES256",
                     signer->kid);

    at = llmp_base64url_encode(at, header, (size_t)n);
    *at++ = '.';
    at = llmp_base64url_encode(at, claims.ptr, claims.len);
    LLMP_ENSURE(llmp_signer_sign(signer,
                                 (struct llmp_str){ out, (size_t)(at - out) },
                                 signature),
                err, LLMP_E_NOMEM, "no memory for signing");
    *at++ = '.';
    at = llmp_base64url_encode(at, signature, sizeof(signature));
    *at = '\0';
    *len = (size_t)(at - out);
    return LLMP_OK;
}

int llmp_token_issue(const struct llmp_signer *signer, char *out, size_t size,
                     size_t *len, const struct llmp_token_options *opts,
                     struct llmp_error *err)
{
    struct llmp_token_options o = { .size = sizeof(o) };
    struct llmp_buf claims = { .limit = CLAIMS_MAX };
    uint64_t exp_s;
    int rc;

    LLMP_ENSURE(signer && out && len && opts, err, LLMP_E_INVALID,
                "signer, out, len and opts are required");
    LLMP_TRY(
        llmp_options_read(&o, sizeof(o), sizeof(o), opts, opts->size, err));
    LLMP_TRY(check(&o, err));
    LLMP_TRY(end_of(&o, &exp_s, err));
    if (o.expires_s)
        *o.expires_s = exp_s;
    put_claims(&claims, &o, exp_s);
    if (claims.failed)
        rc = llmp_fail(err, LLMP_E_NOMEM, "no memory for the token");
    else if (LLMP_BASE64URL_LEN(claims.len) + 400 > size)
        rc = llmp_fail(err, LLMP_E_LIMIT, "the token does not fit");
    else
        rc = put_token(signer, out, len, llmp_buf_str(&claims), err);
    llmp_buf_fini(&claims);
    return rc;
}
