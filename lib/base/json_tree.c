/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_tree.h"

#include "base/internal.h"
#include "base/json_text.h"
#include "base/str.h"

/* The containers that are open, and where the next value of each is hung. */
struct build {
    struct llmp_arena *arena;
    struct llmp_str document;
    struct llmp_error *err;
    struct llmp_str key; /* of the next value */
    uint32_t depth, values;
    bool vectors; /* no nodes for an array's numbers */
    const struct llmp_json_value *root;
    struct {
        struct llmp_json_value *container;
        struct llmp_json_value *last;
    } open[LLMP_JSON_DEPTH_MAX + 1];
};

static int take_key(struct build *b, const struct llmp_json_token *token)
{
    b->key = token->text;
    if (!token->escaped)
        return LLMP_OK;

    char *plain = llmp_arena_take(b->arena, token->text.len + 1);

    LLMP_ENSURE(plain, b->err, LLMP_E_NOMEM, "no memory for the document");
    b->key = (struct llmp_str){ plain, llmp_json_unescape(plain, token->text) };
    return LLMP_OK;
}

/* A number that its array only counts. */
static bool is_counted(struct build *b, const struct llmp_json_token *token)
{
    struct llmp_json_value *container = b->open[b->depth].container;

    if (!b->vectors || token->type != LLMP_JSON_NUMBER || b->depth == 0 ||
        container->type != LLMP_JSON_ARRAY)
        return false;
    container->count++;
    return true;
}

static int add_value(struct build *b, const struct llmp_json_token *token)
{
    if (is_counted(b, token))
        return LLMP_OK;
    LLMP_ENSURE(++b->values <= LLMP_JSON_VALUES_MAX, b->err, LLMP_E_LIMIT,
                "the document has more than %d values", LLMP_JSON_VALUES_MAX);

    struct llmp_json_value *value = llmp_arena_take(b->arena, sizeof(*value));

    LLMP_ENSURE(value, b->err, LLMP_E_NOMEM, "no memory for the document");
    *value = (struct llmp_json_value){
        .key = b->key,
        .text = token->text,
        .type = (uint8_t)token->type,
        .escaped = token->escaped,
    };
    b->key.len = 0;
    if (b->depth == 0) {
        b->root = value;
    } else {
        struct llmp_json_value *container = b->open[b->depth].container;

        if (b->open[b->depth].last)
            b->open[b->depth].last->next = value;
        else
            container->first = value;
        b->open[b->depth].last = value;
        container->count++;
    }
    if (token->type != LLMP_JSON_OBJECT && token->type != LLMP_JSON_ARRAY)
        return LLMP_OK;
    value->text.ptr = b->document.ptr + token->offset;
    b->depth++;
    b->open[b->depth].container = value;
    b->open[b->depth].last = NULL;
    return LLMP_OK;
}

static void close_container(struct build *b,
                            const struct llmp_json_token *token)
{
    struct llmp_json_value *value = b->open[b->depth--].container;

    value->text.len = (size_t)(b->document.ptr + token->offset + token->size -
                               value->text.ptr);
}

static int take_token(struct build *b, const struct llmp_json_token *token)
{
    switch (token->type) {
    case LLMP_JSON_KEY:
        return take_key(b, token);
    case LLMP_JSON_OBJECT_END:
    case LLMP_JSON_ARRAY_END:
        close_container(b, token);
        return LLMP_OK;
    default:
        return add_value(b, token);
    }
}

static int build_tree(struct build *b, const struct llmp_json_value **out,
                      uint32_t depth_max)
{
    LLMP_AUTO(llmp_json_fini) struct llmp_json reader;
    struct llmp_json_token token;
    int rc;

    llmp_json_init(&reader, depth_max);
    llmp_json_feed(&reader, b->document, true);
    while ((rc = llmp_json_next(&reader, &token, b->err)) == LLMP_OK)
        LLMP_TRY(take_token(b, &token));
    if (rc != LLMP_END)
        return rc;
    *out = b->root;
    return LLMP_OK;
}

int llmp_json_tree(const struct llmp_json_value **out, struct llmp_str document,
                   uint32_t depth_max, struct llmp_arena *arena,
                   struct llmp_error *err)
{
    struct build b = { .arena = arena, .document = document, .err = err };

    return build_tree(&b, out, depth_max);
}

int llmp_json_tree_of_vectors(const struct llmp_json_value **out,
                              struct llmp_str document, uint32_t depth_max,
                              struct llmp_arena *arena, struct llmp_error *err)
{
    struct build b = {
        .arena = arena, .document = document, .err = err, .vectors = true
    };

    return build_tree(&b, out, depth_max);
}

const struct llmp_json_value *llmp_json_member(
    const struct llmp_json_value *object, struct llmp_str key)
{
    if (!llmp_json_is(object, LLMP_JSON_OBJECT))
        return NULL;
    for (const struct llmp_json_value *v = object->first; v; v = v->next)
        if (llmp_str_eq(v->key, key))
            return v;
    return NULL;
}

const struct llmp_json_value *llmp_json_get(
    const struct llmp_json_value *object, struct llmp_str key)
{
    const struct llmp_json_value *value = llmp_json_member(object, key);

    return llmp_json_is(value, LLMP_JSON_NULL) ? NULL : value;
}

bool llmp_json_text_is(const struct llmp_json_value *value,
                       struct llmp_str text)
{
    if (!llmp_json_is(value, LLMP_JSON_STRING))
        return false;
    return value->escaped ? llmp_json_unescaped_eq(value->text, text)
                          : llmp_str_eq(value->text, text);
}
