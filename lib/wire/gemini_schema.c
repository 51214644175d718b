/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google's Schema (Gemini API reference, "Schema") as JSON schema. Where a
 * schema stands, types are lower-cased, `nullable` becomes one more type, and
 * counts that are strings, as Google's JSON writes 64-bit numbers, become
 * numbers; what is no schema (a default, an example) stays as it stands.
 */
#include "base/internal.h"
#include "wire/gemini.h"

#define K(text) LLMP_STR(text)

enum place {
    RAW,
    TYPE,
    SKIP,   /* said by the type */
    COUNT,  /* a number, maybe in quotes */
    SCHEMA, /* a schema, or a list of them */
    NAMED   /* an object of schemas under the client's names */
};

static const struct {
    struct llmp_str name;
    enum place place;
} keys[] = {
    { LLMP_STR("type"), TYPE },
    { LLMP_STR("nullable"), SKIP },
    { LLMP_STR("properties"), NAMED },
    { LLMP_STR("defs"), NAMED },
    { LLMP_STR("items"), SCHEMA },
    { LLMP_STR("prefixItems"), SCHEMA },
    { LLMP_STR("anyOf"), SCHEMA },
    { LLMP_STR("additionalProperties"), SCHEMA },
    { LLMP_STR("minItems"), COUNT },
    { LLMP_STR("maxItems"), COUNT },
    { LLMP_STR("minLength"), COUNT },
    { LLMP_STR("maxLength"), COUNT },
    { LLMP_STR("minProperties"), COUNT },
    { LLMP_STR("maxProperties"), COUNT },
    { LLMP_STR("propertyOrdering"), RAW },
};

static void add(struct llmp_buf *out, struct llmp_str text)
{
    (void)llmp_buf_add(out, text);
}

static void put_lower(struct llmp_buf *out, struct llmp_str text)
{
    add(out, K("\""));
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        add(out, (struct llmp_str){ &c, 1 });
    }
    add(out, K("\""));
}

static void put_value(struct llmp_buf *out, const struct llmp_json_value *value)
{
    bool string = value->type == LLMP_JSON_STRING;

    if (string)
        add(out, K("\""));
    add(out, value->text);
    if (string)
        add(out, K("\""));
}

static void put_type(struct llmp_buf *out, const struct llmp_json_value *type,
                     bool nullable)
{
    if (type->type != LLMP_JSON_STRING) { /* a list: it is JSON schema */
        put_value(out, type);
        return;
    }
    if (nullable)
        add(out, K("["));
    put_lower(out, type->text);
    if (nullable)
        add(out, K(",\"null\"]"));
}

static void put_schema(struct llmp_buf *out,
                       const struct llmp_json_value *schema);

static void begin_member(struct llmp_buf *out, bool *comma, struct llmp_str key)
{
    if (*comma)
        add(out, K(","));
    *comma = true;
    (void)llmp_buf_json(out, key);
    add(out, K(":"));
}

static void put_named(struct llmp_buf *out, const struct llmp_json_value *named)
{
    bool comma = false;

    if (named->type != LLMP_JSON_OBJECT) {
        put_value(out, named);
        return;
    }
    add(out, K("{"));
    for (const struct llmp_json_value *v = named->first; v; v = v->next) {
        begin_member(out, &comma, v->key);
        put_schema(out, v);
    }
    add(out, K("}"));
}

static void put_list(struct llmp_buf *out, const struct llmp_json_value *list)
{
    add(out, K("["));
    for (const struct llmp_json_value *v = list->first; v; v = v->next) {
        if (v != list->first)
            add(out, K(","));
        put_schema(out, v);
    }
    add(out, K("]"));
}

/* A key that Google has two names for gets JSON schema's. */
static size_t find_key(struct llmp_str key)
{
    size_t k = 0;

    while (k < LLMP_COUNT(keys) && !llmp_gemini_is(key, keys[k].name))
        k++;
    return k;
}

static void put_member(struct llmp_buf *out, enum place place,
                       const struct llmp_json_value *value, bool nullable)
{
    uint64_t count;

    switch (place) {
    case TYPE:
        put_type(out, value, nullable);
        break;
    case SCHEMA:
        put_schema(out, value);
        break;
    case NAMED:
        put_named(out, value);
        break;
    case COUNT:
        if (value->type == LLMP_JSON_STRING &&
            llmp_json_u64(value->text, &count) == LLMP_OK)
            add(out, value->text);
        else
            put_value(out, value);
        break;
    case RAW:
    case SKIP:
        put_value(out, value);
        break;
    }
}

/* As deep as the document, whose depth the reader limits. */
static void put_schema(struct llmp_buf *out,
                       const struct llmp_json_value *schema)
{
    bool comma = false;
    bool nullable =
        llmp_json_is(llmp_gemini_get(schema, K("nullable")), LLMP_JSON_TRUE);

    if (schema->type == LLMP_JSON_ARRAY) {
        put_list(out, schema);
        return;
    }
    if (schema->type != LLMP_JSON_OBJECT) {
        put_value(out, schema);
        return;
    }
    add(out, K("{"));
    for (const struct llmp_json_value *v = schema->first; v; v = v->next) {
        size_t k = find_key(v->key);
        bool known = k < LLMP_COUNT(keys);

        if (known && (keys[k].place == SKIP || v->type == LLMP_JSON_NULL))
            continue;
        if (known && !llmp_str_eq(v->key, keys[k].name) &&
            llmp_json_get(schema, keys[k].name))
            known = false; /* it is there under both names */
        begin_member(out, &comma, known ? keys[k].name : v->key);
        put_member(out, known ? keys[k].place : RAW, v, nullable);
    }
    add(out, K("}"));
}

bool llmp_gemini_lower_schema(struct llmp_buf *out,
                              const struct llmp_json_value *schema)
{
    put_schema(out, schema);
    return !out->failed;
}
