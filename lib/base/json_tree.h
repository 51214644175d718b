/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A document as a tree, for what has to be put together anew: translating one
 * dialect into another. Values are spans of the document, so that texts and
 * numbers can be written elsewhere as they stand. What only has to be looked
 * into is read without a tree, see json.h and json_member.h.
 */
#ifndef LLMP_BASE_JSON_TREE_H
#define LLMP_BASE_JSON_TREE_H

#include <llmproxy/json.h>

#include "base/alloc.h"

/* Of one document: more than any chat has, and 18 MiB of tree at most. */
#define LLMP_JSON_VALUES_MAX 262144

struct llmp_json_value {
    struct llmp_str key;  /* of a member, without its escapes; else empty */
    struct llmp_str text; /* a string's between its quotes, as it stands;
                             anything else's from its first byte to its last */
    const struct llmp_json_value *first, *next;
    uint32_t count; /* elements or members */
    uint8_t type;   /* enum llmp_json_type; OBJECT and ARRAY for containers */
    bool escaped;   /* a string: `text` contains backslashes */
};

/*
 * Reads a whole document. The tree points into it and into `arena`.
 *
 * @param depth_max  as for llmp_json_init()
 * @retval LLMP_E_LIMIT  too deep, or more than LLMP_JSON_VALUES_MAX values
 * @retval other         as llmp_json_next()
 */
int llmp_json_tree(const struct llmp_json_value **out, struct llmp_str document,
                   uint32_t depth_max, struct llmp_arena *arena,
                   struct llmp_error *err);

/* The same, but numbers are not hung below an array that holds them: it has
 * them in its `text` and `count` only. For answers full of vectors. */
int llmp_json_tree_of_vectors(const struct llmp_json_value **out,
                              struct llmp_str document, uint32_t depth_max,
                              struct llmp_arena *arena, struct llmp_error *err);

/* A member that is there and is not null; else NULL. Also for NULL. */
const struct llmp_json_value *llmp_json_get(
    const struct llmp_json_value *object, struct llmp_str key);

/* The same, but null is a value like any other. */
const struct llmp_json_value *llmp_json_member(
    const struct llmp_json_value *object, struct llmp_str key);

static inline bool llmp_json_is(const struct llmp_json_value *value,
                                enum llmp_json_type type)
{
    return value && value->type == type;
}

/* Whether a string reads as `text`, however it is written. */
bool llmp_json_text_is(const struct llmp_json_value *value,
                       struct llmp_str text);

/* A string's or other value's text; empty for NULL. */
static inline struct llmp_str llmp_json_text(
    const struct llmp_json_value *value)
{
    return value ? value->text : (struct llmp_str){ NULL, 0 };
}

#endif
