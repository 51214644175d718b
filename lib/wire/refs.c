/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/refs.h"

#include <string.h>

#include "base/internal.h"
#include "base/str.h"

enum { NAME_MAX = 24 }; /* longer than any name here */

static const struct {
    struct llmp_str name;
    enum llmp_ref_kind kind;
} names[] = {
    { LLMP_STR("file_id"), LLMP_REF_FILE },
    { LLMP_STR("file_ids"), LLMP_REF_FILE },
    { LLMP_STR("input_file_id"), LLMP_REF_INPUT },
    { LLMP_STR("previous_response_id"), LLMP_REF_RESPONSE },
    { LLMP_STR("vector_store_ids"), LLMP_REF_OTHER },
    { LLMP_STR("vector_store_id"), LLMP_REF_OTHER },
    { LLMP_STR("conversation"), LLMP_REF_OTHER },
    { LLMP_STR("container"), LLMP_REF_OTHER },
    { LLMP_STR("fileUri"), LLMP_REF_OTHER },
    { LLMP_STR("file_uri"), LLMP_REF_OTHER },
    { LLMP_STR("cachedContent"), LLMP_REF_OTHER },
    { LLMP_STR("cached_content"), LLMP_REF_OTHER },
};

static enum llmp_ref_kind kind_of(struct llmp_str name)
{
    for (size_t i = 0; i < LLMP_COUNT(names); i++)
        if (llmp_str_eq(names[i].name, name))
            return names[i].kind;
    return LLMP_REF_NONE;
}

static bool is_skipped(struct llmp_str name, const struct llmp_str *skipped)
{
    for (; skipped->ptr; skipped++)
        if (llmp_str_eq(*skipped, name))
            return true;
    return false;
}

/* A name may be written with escapes, which only make it longer. */
static void see_key(struct llmp_refs *refs, const struct llmp_json_token *token,
                    const struct llmp_str *skipped)
{
    char plain[NAME_MAX * 6];
    struct llmp_str name = token->text;

    refs->key = LLMP_REF_NONE;
    if (token->cut || name.len > sizeof(plain) ||
        (!token->escaped && name.len > NAME_MAX))
        return;
    if (token->escaped) {
        name.len = llmp_json_unescape(plain, token->text);
        name.ptr = plain;
    }
    refs->skips = is_skipped(name, skipped);
    refs->skip_depth = token->depth;
    if (refs->skips)
        return;
    refs->key = kind_of(name);
    refs->key_depth = token->depth;
}

static void add(struct llmp_refs *refs, const struct llmp_json_token *token)
{
    if (refs->count == LLMP_REFS_MAX)
        refs->too_many = true;
    else
        refs->items[refs->count++] =
            (struct llmp_ref){ refs->key, token->offset, token->size };
}

/* {"conversation":{"id":…}} */
static bool is_id(const struct llmp_refs *refs,
                  const struct llmp_json_token *token)
{
    return refs->named && token->depth == refs->named_depth + 1 &&
           llmp_str_eq(token->text, LLMP_STR("id"));
}

static void see_value(struct llmp_refs *refs,
                      const struct llmp_json_token *token)
{
    if (token->type == LLMP_JSON_STRING)
        add(refs, token);
    if (token->type == LLMP_JSON_ARRAY && token->depth == refs->key_depth)
        return; /* its strings all count */
    if (token->type == LLMP_JSON_OBJECT && refs->key == LLMP_REF_OTHER) {
        refs->named = true;
        refs->named_depth = token->depth;
    }
    if (token->depth <= refs->key_depth)
        refs->key = LLMP_REF_NONE;
}

void llmp_refs_see(struct llmp_refs *refs, const struct llmp_json_token *token,
                   const struct llmp_str *skipped)
{
    if (refs->skips) {
        if (token->type != LLMP_JSON_KEY || token->depth > refs->skip_depth)
            return;
        refs->skips = false;
    }
    if (refs->named && token->type == LLMP_JSON_OBJECT_END &&
        token->depth <= refs->named_depth)
        refs->named = false;
    if (token->type == LLMP_JSON_KEY && is_id(refs, token)) {
        refs->key = LLMP_REF_OTHER;
        refs->key_depth = token->depth;
    } else if (token->type == LLMP_JSON_KEY) {
        see_key(refs, token, skipped);
    } else if (refs->key) {
        see_value(refs, token);
    }
}
