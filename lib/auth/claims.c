/* SPDX-License-Identifier: Apache-2.0 */
/* Follows the tokens of a claims set along several paths at once. */
#include "auth/claims.h"

#include "base/internal.h"
#include "base/json_text.h"
#include "base/str.h"

static bool end_segment(struct llmp_claim_path *path, const char *begin,
                        const char *end)
{
    if (path->count == LLMP_CLAIM_SEGMENTS_MAX || begin == end)
        return false;
    path->segments[path->count++] =
        (struct llmp_str){ begin, (size_t)(end - begin) };
    return true;
}

int llmp_claim_path_parse(struct llmp_claim_path *out, struct llmp_str text,
                          struct llmp_arena *arena)
{
    struct llmp_claim_path path = { .count = 0 };
    char *at = llmp_arena_take(arena, text.len + 1), *begin = at;

    if (!at)
        return LLMP_E_NOMEM;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\\' && i + 1 < text.len) {
            *at++ = text.ptr[++i];
        } else if (text.ptr[i] == '.') {
            if (!end_segment(&path, begin, at))
                return LLMP_E_INVALID;
            begin = at;
        } else {
            *at++ = text.ptr[i];
        }
    }
    if (text.len && !end_segment(&path, begin, at))
        return LLMP_E_INVALID;
    *out = path;
    return LLMP_OK;
}

/* Where each path stands: how many of its names the open objects have, and
 * whether the next value at its depth is what it leads to. */
struct following {
    const struct llmp_claim_path *path;
    unsigned matched;
    bool due, each; /* the next value; every element of the open array */
};

static void follow_key(struct following *f, const struct llmp_json_token *token)
{
    unsigned level = token->depth; /* names count from 1, as depths here do */

    f->due = f->path->count >= level && f->matched == level - 1 &&
             llmp_json_unescaped_eq(token->text, f->path->segments[level - 1]);
}

/* Whether the value is one to show; opens objects and arrays on the way. */
static bool follow_value(struct following *f,
                         const struct llmp_json_token *token)
{
    unsigned level = token->depth;
    bool due = f->due, leaf = due && f->path->count == level;

    f->due = false;
    switch (token->type) {
    case LLMP_JSON_OBJECT:
        if (due && !leaf)
            f->matched = level;
        return false;
    case LLMP_JSON_ARRAY:
        f->each |= leaf;
        return false;
    case LLMP_JSON_OBJECT_END:
        if (f->matched >= level && level > 0)
            f->matched = level - 1;
        return false;
    case LLMP_JSON_ARRAY_END:
        f->each &= level > f->path->count;
        return false;
    default:
        return leaf || (f->each && level == f->path->count + 1);
    }
}

static int show_token(struct following *following, unsigned count,
                      const struct llmp_json_token *token,
                      llmp_claim_show *show, void *ctx)
{
    for (unsigned i = 0; i < count; i++) {
        struct following *f = &following[i];

        if (token->type == LLMP_JSON_KEY) {
            follow_key(f, token);
            continue;
        }
        if (follow_value(f, token)) {
            int rc = show(i, token, ctx);

            if (rc != LLMP_OK)
                return rc;
        }
    }
    return LLMP_OK;
}

static int read_tokens(struct llmp_json *json, struct following *following,
                       unsigned count, llmp_claim_show *show, void *ctx)
{
    struct llmp_json_token token;
    bool root = true;
    int rc;

    while ((rc = llmp_json_next(json, &token, NULL)) == LLMP_OK) {
        if (root && token.type != LLMP_JSON_OBJECT)
            return LLMP_AUTH_TOKEN_MALFORMED;
        root = false;
        rc = show_token(following, count, &token, show, ctx);
        if (rc != LLMP_OK)
            return rc;
    }
    if (rc == LLMP_E_NOMEM)
        return rc;
    return rc == LLMP_END ? LLMP_OK : LLMP_AUTH_TOKEN_MALFORMED;
}

int llmp_claims_read(struct llmp_str text, const struct llmp_claim_path *paths,
                     unsigned count, llmp_claim_show *show, void *ctx)
{
    struct following following[LLMP_CLAIM_PATHS_MAX];
    struct llmp_json json;
    int rc;

    assert(count <= LLMP_CLAIM_PATHS_MAX);
    for (unsigned i = 0; i < count; i++)
        following[i] = (struct following){ .path = &paths[i] };
    llmp_json_init(&json, 32);
    llmp_json_feed(&json, text, true);
    rc = read_tokens(&json, following, count, show, ctx);
    llmp_json_fini(&json);
    return rc;
}
