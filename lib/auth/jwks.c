/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A JWK set as a document from outside: read token by token with the tree's
 * reader (no member twice), unusable keys left out, ambiguous sets refused.
 */
#include <sodium.h>

#include "auth/alg.h"
#include "auth/jwk.h"
#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"

#include <llmproxy/json.h>

struct llmp_jwks *llmp_jwks_ref(struct llmp_jwks *keys)
{
    if (keys)
        atomic_fetch_add_explicit(&keys->refs, 1, memory_order_relaxed);
    return keys;
}

void llmp_jwks_unref(struct llmp_jwks *keys)
{
    if (!keys ||
        atomic_fetch_sub_explicit(&keys->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < keys->count; i++) {
        if (keys->keys[i].secret.len)
            sodium_memzero((char *)(uintptr_t)keys->keys[i].secret.ptr,
                           keys->keys[i].secret.len);
        llmp_jwk_fini(&keys->keys[i]);
    }
    if (keys->arena)
        llmp_arena_fini(keys->arena);
    llmp_free(keys->arena);
    llmp_free(keys->keys);
    llmp_free(keys);
}

size_t llmp_jwks_count(const struct llmp_jwks *keys)
{
    return keys->count;
}

size_t llmp_jwks_skipped(const struct llmp_jwks *keys)
{
    return keys->skipped;
}

const struct llmp_jwk *llmp_jwks_find(const struct llmp_jwks *keys,
                                      bool has_kid, struct llmp_str kid,
                                      uint32_t algorithm)
{
    const struct llmp_jwk *found = NULL;

    for (size_t i = 0; i < keys->count; i++) {
        const struct llmp_jwk *key = &keys->keys[i];

        if (has_kid && llmp_str_eq(key->kid, kid))
            return key;
        if (has_kid || !(key->algorithms & algorithm))
            continue;
        if (found)
            return NULL; /* without a name it has to be the only one */
        found = key;
    }
    return found;
}

/* --------------------------------------------------------------- reading -- */

struct reading {
    struct llmp_jwks *keys;
    struct llmp_json json;
    uint32_t allowed;
    struct llmp_error *err;
};

static int next(struct reading *r, struct llmp_json_token *token)
{
    int rc = llmp_json_next(&r->json, token, r->err);

    if (rc == LLMP_AGAIN || rc == LLMP_END)
        return llmp_fail(r->err, LLMP_E_SYNTAX, "the key set ends too early");
    return rc;
}

/* Reads over the value whose first token is `token`. */
static int skip(struct reading *r, struct llmp_json_token token)
{
    uint32_t depth = token.depth;

    if (token.type != LLMP_JSON_OBJECT && token.type != LLMP_JSON_ARRAY)
        return LLMP_OK;
    do {
        LLMP_TRY(next(r, &token));
    } while (token.depth > depth);
    return LLMP_OK;
}

/* The text of a string without its escapes. */
static int text_of(struct reading *r, const struct llmp_json_token *token,
                   struct llmp_str *out)
{
    char *copy;

    *out = token->text;
    if (!token->escaped)
        return LLMP_OK;
    copy = llmp_arena_take(r->keys->arena, token->text.len + 1);
    LLMP_ENSURE(copy, r->err, LLMP_E_NOMEM, "no memory for the key set");
    *out = (struct llmp_str){ copy, llmp_json_unescape(copy, token->text) };
    return LLMP_OK;
}

static int read_key_ops(struct reading *r, struct llmp_jwk_members *members)
{
    struct llmp_json_token token;

    members->key_ops = true;
    for (;;) {
        LLMP_TRY(next(r, &token));
        if (token.type == LLMP_JSON_ARRAY_END)
            return LLMP_OK;
        members->odd |= token.type != LLMP_JSON_STRING;
        members->verifies |= token.type == LLMP_JSON_STRING &&
                             llmp_str_eq(token.text, LLMP_STR("verify"));
        LLMP_TRY(skip(r, token));
    }
}

static struct llmp_str *member_find(struct llmp_jwk_members *members,
                                    struct llmp_str name)
{
    const struct {
        struct llmp_str name, *value;
    } known[] = {
        { LLMP_STR("kty"), &members->kty }, { LLMP_STR("kid"), &members->kid },
        { LLMP_STR("use"), &members->use }, { LLMP_STR("alg"), &members->alg },
        { LLMP_STR("crv"), &members->crv }, { LLMP_STR("x"), &members->x },
        { LLMP_STR("y"), &members->y },     { LLMP_STR("n"), &members->n },
        { LLMP_STR("e"), &members->e },     { LLMP_STR("k"), &members->k },
    };

    for (size_t i = 0; i < LLMP_COUNT(known); i++)
        if (llmp_str_eq(known[i].name, name))
            return known[i].value;
    return NULL;
}

static bool is_private(struct llmp_str name)
{
    static const char *const names[] = { "d", "p", "q", "dp", "dq", "qi" };

    for (size_t i = 0; i < LLMP_COUNT(names); i++)
        if (llmp_str_eq(name, llmp_str_of(names[i])))
            return true;
    return false;
}

static int read_member(struct reading *r, struct llmp_jwk_members *members,
                       struct llmp_json_token token)
{
    struct llmp_str name, *value;

    LLMP_TRY(text_of(r, &token, &name));
    LLMP_TRY(next(r, &token));
    if (llmp_str_eq(name, LLMP_STR("key_ops")) && token.type == LLMP_JSON_ARRAY)
        return read_key_ops(r, members);
    members->is_private |= is_private(name);
    value = member_find(members, name);
    if (!value && !llmp_str_eq(name, LLMP_STR("key_ops")))
        return skip(r, token);
    if (!value || token.type != LLMP_JSON_STRING) {
        members->odd = true;
        return skip(r, token);
    }
    return text_of(r, &token, value);
}

static bool has_kid(const struct llmp_jwks *keys, struct llmp_str kid)
{
    for (size_t i = 0; kid.len && i < keys->count; i++)
        if (llmp_str_eq(keys->keys[i].kid, kid))
            return true;
    return false;
}

static int add_key(struct reading *r, const struct llmp_jwk_members *members)
{
    struct llmp_jwks *keys = r->keys;
    struct llmp_jwk key;
    int rc = llmp_jwk_init(&key, members, r->allowed, keys->arena);

    if (rc == LLMP_MISS) {
        llmp_jwk_fini(&key);
        keys->skipped++;
        return LLMP_OK;
    }
    if (rc == LLMP_OK && has_kid(keys, key.kid)) {
        llmp_jwk_fini(&key);
        return llmp_fail(r->err, LLMP_E_INVALID,
                         "two keys have the kid \"%.*s\"", (int)key.kid.len,
                         key.kid.ptr);
    }
    LLMP_ENSURE(rc == LLMP_OK, r->err, rc, "no memory for the key set");
    keys->keys[keys->count++] = key;
    return LLMP_OK;
}

/* Behind the '{' of one key; `token` is its first member's name. */
static int read_key(struct reading *r, struct llmp_json_token token)
{
    struct llmp_jwk_members members = { { 0 } };

    LLMP_ENSURE(r->keys->count + r->keys->skipped < LLMP_JWKS_KEYS_MAX, r->err,
                LLMP_E_LIMIT, "more than %d keys", LLMP_JWKS_KEYS_MAX);
    while (token.type == LLMP_JSON_KEY) {
        LLMP_TRY(read_member(r, &members, token));
        LLMP_TRY(next(r, &token));
    }
    return add_key(r, &members);
}

static int read_keys(struct reading *r)
{
    struct llmp_json_token token;

    LLMP_TRY(next(r, &token));
    LLMP_ENSURE(token.type == LLMP_JSON_ARRAY, r->err, LLMP_E_SYNTAX,
                "\"keys\" is not an array");
    for (;;) {
        LLMP_TRY(next(r, &token));
        if (token.type == LLMP_JSON_ARRAY_END)
            return LLMP_OK;
        LLMP_ENSURE(token.type == LLMP_JSON_OBJECT, r->err, LLMP_E_SYNTAX,
                    "a key is not an object");
        LLMP_TRY(next(r, &token));
        LLMP_TRY(read_key(r, token));
    }
}

/* The root: a set has "keys", a single key has "kty". */
static int read_root(struct reading *r, bool *found)
{
    struct llmp_json_token token;

    LLMP_TRY(next(r, &token));
    LLMP_ENSURE(token.type == LLMP_JSON_OBJECT, r->err, LLMP_E_SYNTAX,
                "a key set is an object");
    for (;;) {
        bool keys;

        LLMP_TRY(next(r, &token));
        if (token.type == LLMP_JSON_OBJECT_END)
            return LLMP_OK;
        keys = llmp_str_eq(token.text, LLMP_STR("keys"));
        if (keys) {
            *found = true;
            LLMP_TRY(read_keys(r));
            continue;
        }
        LLMP_TRY(next(r, &token));
        LLMP_TRY(skip(r, token));
    }
}

static bool is_single(struct llmp_str text)
{
    struct llmp_json_field fields[] = { { .path = "keys" }, { .path = "kty" } };

    return llmp_json_pick_all(text, fields, 2, NULL) == LLMP_OK &&
           !fields[0].found && fields[1].found;
}

static int read_set(struct reading *r, struct llmp_str text)
{
    struct llmp_json_token token;
    bool found = false;
    int rc;

    if (is_single(text)) {
        LLMP_TRY(next(r, &token));
        LLMP_TRY(next(r, &token));
        LLMP_TRY(read_key(r, token));
        found = true;
    } else {
        LLMP_TRY(read_root(r, &found));
    }
    rc = llmp_json_next(&r->json, &token, r->err);
    if (rc < 0)
        return rc;
    LLMP_ENSURE(found && rc == LLMP_END, r->err, LLMP_E_SYNTAX,
                "this is not a key set");
    return LLMP_OK;
}

/* Who knows a secret could sign for those who trust the set. */
static bool is_mixed(const struct llmp_jwks *keys)
{
    uint32_t all = 0;

    for (size_t i = 0; i < keys->count; i++)
        all |= keys->keys[i].algorithms;
    return (all & LLMP_ALG_HMAC) && (all & ~(uint32_t)LLMP_ALG_HMAC);
}

static struct llmp_jwks *jwks_new(void)
{
    struct llmp_jwks *keys = llmp_alloc(sizeof(*keys));

    if (!keys)
        return NULL;
    atomic_init(&keys->refs, 1);
    keys->keys = llmp_alloc_array(LLMP_JWKS_KEYS_MAX, sizeof(*keys->keys));
    keys->arena = llmp_alloc(sizeof(*keys->arena));
    if (!keys->keys || !keys->arena) {
        llmp_jwks_unref(keys);
        return NULL;
    }
    llmp_arena_init(keys->arena, 1024);
    return keys;
}

int llmp_jwks_parse(struct llmp_jwks **out, struct llmp_str text,
                    uint32_t algorithms, struct llmp_error *err)
{
    struct reading r = { .err = err };
    int rc;

    LLMP_ENSURE(text.len <= LLMP_JWKS_SIZE_MAX, err, LLMP_E_LIMIT,
                "a key set may have %u bytes", LLMP_JWKS_SIZE_MAX);
    r.allowed = algorithms ? algorithms : LLMP_ALG_PUBLIC_KEY;
    r.keys = jwks_new();
    LLMP_ENSURE(r.keys, err, LLMP_E_NOMEM, "no memory for the key set");
    llmp_json_init(&r.json, 16);
    llmp_json_feed(&r.json, text, true);
    rc = read_set(&r, text);
    llmp_json_fini(&r.json);
    if (rc == LLMP_OK && is_mixed(r.keys))
        rc = llmp_fail(err, LLMP_E_INVALID,
                       "secret and public keys are in one set");
    if (rc != LLMP_OK) {
        llmp_jwks_unref(r.keys);
        return rc;
    }
    *out = r.keys;
    return LLMP_OK;
}
