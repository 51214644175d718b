/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compact form of RFC 7515 under the rules of RFC 8725: three parts,
 * canonical Base64url, a header without members that would bring their own key
 * or change what the rest means. The header names a key; the key says which
 * algorithm it is for.
 */
#include "auth/jws.h"

#include "auth/base64url.h"
#include "base/internal.h"
#include "base/str.h"

#include <llmproxy/json.h>

struct parts {
    struct llmp_str header, payload, signature;
};

static bool split(struct parts *out, struct llmp_str text)
{
    struct llmp_str *parts[] = { &out->header, &out->payload, &out->signature };
    size_t index = 0, begin = 0;

    if (text.len > LLMP_TOKEN_LEN_MAX)
        return false;
    for (size_t i = 0; i <= text.len; i++) {
        if (i < text.len && text.ptr[i] != '.')
            continue;
        if (index == LLMP_COUNT(parts))
            return false;
        *parts[index++] = (struct llmp_str){ text.ptr + begin, i - begin };
        begin = i + 1;
    }
    return index == LLMP_COUNT(parts);
}

static int decode(struct llmp_str *out, struct llmp_str text,
                  struct llmp_arena *arena)
{
    uint8_t *bytes = llmp_arena_take(arena, LLMP_BASE64URL_BYTES(text.len));

    if (!bytes)
        return LLMP_E_NOMEM;
    out->ptr = (char *)bytes;
    return llmp_base64url_decode(bytes, &out->len, text)
               ? LLMP_OK
               : LLMP_AUTH_TOKEN_MALFORMED;
}

/* ---------------------------------------------------------------- header -- */

/* Members that bring a key along, or say that the rest means something else. */
static bool is_refused(struct llmp_str name)
{
    static const char *const names[] = { "jwk",  "jku", "x5u", "x5c",
                                         "crit", "b64", "zip", "enc",
                                         "cty",  "epk", "apu", "apv" };

    for (size_t i = 0; i < LLMP_COUNT(names); i++)
        if (llmp_str_eq(name, llmp_str_of(names[i])))
            return true;
    return false;
}

/* The decoded header is ours, so escapes are undone where they are. */
static struct llmp_str unescape(const struct llmp_json_token *token)
{
    char *at = (char *)(uintptr_t)token->text.ptr;

    if (!token->escaped)
        return token->text;
    return (struct llmp_str){ at, llmp_json_unescape(at, token->text) };
}

static int header_member(struct llmp_jws *out, struct llmp_str name,
                         const struct llmp_json_token *token)
{
    bool alg = llmp_str_eq(name, LLMP_STR("alg"));
    bool kid = llmp_str_eq(name, LLMP_STR("kid"));
    bool type = llmp_str_eq(name, LLMP_STR("typ"));

    if (is_refused(name))
        return LLMP_AUTH_TOKEN_HEADER;
    if (!alg && !kid && !type)
        return LLMP_OK;
    if (token->type != LLMP_JSON_STRING)
        return LLMP_AUTH_TOKEN_MALFORMED;
    if (alg)
        out->algorithm = llmp_alg_find(unescape(token));
    if (kid) {
        out->has_kid = true;
        out->kid = unescape(token);
    }
    if (type) {
        out->has_type = true;
        out->type = unescape(token);
    }
    return out->kid.len > LLMP_KID_MAX ? LLMP_AUTH_TOKEN_MALFORMED : LLMP_OK;
}

/* An object of members; those of inner values are read over. */
static int header_tokens(struct llmp_jws *out, struct llmp_json *json)
{
    struct llmp_json_token token;
    struct llmp_str name = LLMP_STR("");
    int rc = llmp_json_next(json, &token, NULL);

    if (rc != LLMP_OK || token.type != LLMP_JSON_OBJECT)
        return rc == LLMP_E_NOMEM ? rc : LLMP_AUTH_TOKEN_MALFORMED;
    while ((rc = llmp_json_next(json, &token, NULL)) == LLMP_OK) {
        if (token.depth != 1)
            continue;
        if (token.type == LLMP_JSON_KEY) {
            name = unescape(&token);
            continue;
        }
        rc = header_member(out, name, &token);
        if (rc != LLMP_OK)
            return rc;
    }
    if (rc == LLMP_E_NOMEM)
        return rc;
    return rc == LLMP_END ? LLMP_OK : LLMP_AUTH_TOKEN_MALFORMED;
}

static int header_read(struct llmp_jws *out, struct llmp_str header)
{
    struct llmp_json json;
    int rc;

    llmp_json_init(&json, 8);
    llmp_json_feed(&json, header, true);
    rc = header_tokens(out, &json);
    llmp_json_fini(&json);
    return rc;
}

/* ---------------------------------------------------------------- public -- */

int llmp_jws_open(struct llmp_jws *out, struct llmp_str text,
                  struct llmp_arena *arena)
{
    struct llmp_jws jws = { .algorithm = 0 };
    struct llmp_str header;
    struct parts parts;
    int rc;

    if (!split(&parts, text))
        return LLMP_AUTH_TOKEN_MALFORMED;
    if ((rc = decode(&header, parts.header, arena)) != LLMP_OK ||
        (rc = decode(&jws.payload, parts.payload, arena)) != LLMP_OK ||
        (rc = decode(&jws.signature, parts.signature, arena)) != LLMP_OK ||
        (rc = header_read(&jws, header)) != LLMP_OK)
        return rc;
    jws.signed_text =
        (struct llmp_str){ text.ptr, parts.header.len + 1 + parts.payload.len };
    *out = jws;
    return LLMP_OK;
}

int llmp_jws_payload(struct llmp_str *out, struct llmp_str text,
                     struct llmp_arena *arena)
{
    struct parts parts;

    if (!split(&parts, text))
        return LLMP_AUTH_TOKEN_MALFORMED;
    return decode(out, parts.payload, arena);
}

int llmp_jws_verify(const struct llmp_jws *jws, const struct llmp_jwks *keys,
                    uint32_t allowed)
{
    const struct llmp_jwk *key;

    if (!(jws->algorithm & allowed))
        return LLMP_AUTH_TOKEN_ALGORITHM;
    key = llmp_jwks_find(keys, jws->has_kid, jws->kid, jws->algorithm);
    if (!key)
        return LLMP_AUTH_TOKEN_KEY_UNKNOWN;
    if (!(key->algorithms & jws->algorithm))
        return LLMP_AUTH_TOKEN_ALGORITHM;
    return llmp_jwk_verify(key, jws->algorithm, jws->signed_text,
                           jws->signature);
}
