/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function for each kind of keyword; a schema is all of them together. A
 * keyword that is of the wrong type asserts nothing.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "guard/schema.h"

#include <pcre2.h>

#include "base/internal.h"
#include "base/json_value.h"
#include "base/str.h"

#define K(text) LLMP_STR(text)

enum {
    STEPS_MAX = 300000, /* some hundred milliseconds at most */
    DEPTH_MAX = 128,    /* also of references that lead to each other */
    PATTERN_MAX = 1024,
    PATTERN_COSTS = 20,       /* steps, to compile it */
    PATTERN_TRIES_MIN = 1000, /* of its engine */
    PATTERN_TRIES = 10,       /* a byte, besides */
};

struct checking {
    const struct llmp_json_value *root, *wrong;
    struct llmp_buf plain; /* the string that was read last */
    uint32_t left;         /* steps; 0: too many */
    uint32_t depth;
};

typedef const struct llmp_json_value *value_t;

static int check(struct checking *c, value_t schema, value_t value);

static int miss(struct checking *c, value_t value)
{
    c->wrong = value;
    return LLMP_MISS;
}

static int must(struct checking *c, value_t value, bool holds)
{
    return holds ? LLMP_OK : miss(c, value);
}

#define HOLDS(status)          \
    do {                       \
        int holds_ = (status); \
        if (holds_ != LLMP_OK) \
            return holds_;     \
    } while (0)

static value_t keyword(value_t schema, struct llmp_str key,
                       enum llmp_json_type type)
{
    value_t value = llmp_json_member(schema, key);

    return llmp_json_is(value, type) ? value : NULL;
}

/* LLMP_E_LIMIT: that was too much. */
static int spend(struct checking *c, size_t steps)
{
    c->left = c->left > steps ? c->left - (uint32_t)steps : 0;
    return c->left ? LLMP_OK : LLMP_E_LIMIT;
}

/* A string without its escapes; until the next one is read. */
static int read_text(struct checking *c, value_t text, struct llmp_str *plain)
{
    *plain = text->text;
    HOLDS(spend(c, text->text.len / 64 + 1));
    if (!text->escaped)
        return LLMP_OK;
    c->plain.len = 0;
    if (!llmp_buf_reserve(&c->plain, text->text.len))
        return LLMP_E_NOMEM;
    plain->ptr = c->plain.ptr;
    plain->len = llmp_json_unescape(c->plain.ptr, text->text);
    return LLMP_OK;
}

static int same(struct checking *c, value_t a, value_t b, bool *yes)
{
    *yes = llmp_json_equal(a, b, &c->left);
    return c->left ? LLMP_OK : LLMP_E_LIMIT;
}

static bool is_schema(value_t value)
{
    return value &&
           (value->type == LLMP_JSON_OBJECT || value->type == LLMP_JSON_TRUE ||
            value->type == LLMP_JSON_FALSE);
}

/* ---- types and values --------------------------------------------------- */

static bool is_of_type(value_t value, value_t name)
{
    static const struct {
        struct llmp_str name;
        uint8_t type;
    } types[] = {
        { LLMP_STR("object"), LLMP_JSON_OBJECT },
        { LLMP_STR("array"), LLMP_JSON_ARRAY },
        { LLMP_STR("string"), LLMP_JSON_STRING },
        { LLMP_STR("number"), LLMP_JSON_NUMBER },
        { LLMP_STR("integer"), LLMP_JSON_NUMBER },
        { LLMP_STR("boolean"), LLMP_JSON_TRUE },
        { LLMP_STR("boolean"), LLMP_JSON_FALSE },
        { LLMP_STR("null"), LLMP_JSON_NULL },
    };

    for (size_t i = 0; i < LLMP_COUNT(types); i++)
        if (value->type == types[i].type &&
            llmp_str_eq_nocase(name->text, types[i].name))
            return types[i].name.ptr[0] != 'i' ||
                   llmp_json_is_integer(value->text);
    return false;
}

static int check_type(struct checking *c, value_t schema, value_t value)
{
    value_t type = llmp_json_member(schema, K("type"));

    if (llmp_json_is(llmp_json_member(schema, K("nullable")), LLMP_JSON_TRUE) &&
        value->type == LLMP_JSON_NULL)
        return LLMP_OK;
    if (llmp_json_is(type, LLMP_JSON_STRING))
        return must(c, value, is_of_type(value, type));
    if (!llmp_json_is(type, LLMP_JSON_ARRAY))
        return LLMP_OK;
    for (value_t one = type->first; one; one = one->next)
        if (one->type == LLMP_JSON_STRING && is_of_type(value, one))
            return LLMP_OK;
    return miss(c, value);
}

static int check_values(struct checking *c, value_t schema, value_t value)
{
    value_t constant = llmp_json_member(schema, K("const"));
    value_t list = keyword(schema, K("enum"), LLMP_JSON_ARRAY);
    bool yes = false;

    if (constant) {
        HOLDS(same(c, value, constant, &yes));
        HOLDS(must(c, value, yes));
    }
    if (!list)
        return LLMP_OK;
    for (value_t one = list->first; one; one = one->next) {
        HOLDS(same(c, value, one, &yes));
        if (yes)
            return LLMP_OK;
    }
    return miss(c, value);
}

/* ---- numbers ------------------------------------------------------------ */

static int check_number(struct checking *c, value_t schema, value_t value)
{
    value_t min = keyword(schema, K("minimum"), LLMP_JSON_NUMBER);
    value_t max = keyword(schema, K("maximum"), LLMP_JSON_NUMBER);
    value_t above = keyword(schema, K("exclusiveMinimum"), LLMP_JSON_NUMBER);
    value_t below = keyword(schema, K("exclusiveMaximum"), LLMP_JSON_NUMBER);
    value_t of = keyword(schema, K("multipleOf"), LLMP_JSON_NUMBER);
    struct llmp_str n = value->text;

    HOLDS(spend(c, n.len / 16));
    return must(c, value,
                (!min || llmp_json_compare(n, min->text) >= 0) &&
                    (!max || llmp_json_compare(n, max->text) <= 0) &&
                    (!above || llmp_json_compare(n, above->text) > 0) &&
                    (!below || llmp_json_compare(n, below->text) < 0) &&
                    (!of || llmp_json_is_multiple(n, of->text)));
}

/* A count that is at most, or at least, what a keyword says. */
static bool is_within(value_t schema, struct llmp_str min, struct llmp_str max,
                      uint64_t count)
{
    value_t low = keyword(schema, min, LLMP_JSON_NUMBER);
    value_t high = keyword(schema, max, LLMP_JSON_NUMBER);
    uint64_t limit;

    if (low && llmp_json_u64(low->text, &limit) == LLMP_OK && count < limit)
        return false;
    return !high || llmp_json_u64(high->text, &limit) < 0 || count <= limit;
}

/* ---- strings ------------------------------------------------------------ */

static uint64_t characters_of(struct llmp_str text)
{
    uint64_t count = 0;

    for (size_t i = 0; i < text.len; i++)
        count += ((uint8_t)text.ptr[i] & 0xc0) != 0x80;
    return count;
}

/* LLMP_OK: it matches; LLMP_MISS: it does not. A pattern that cannot be used
 * asserts nothing. */
static int run(struct llmp_str pattern, struct llmp_str text, uint32_t tries)
{
    pcre2_match_context *limits = NULL;
    pcre2_match_data *match = NULL;
    PCRE2_SIZE at;
    int error, rc = LLMP_E_NOMEM;
    pcre2_code *code =
        pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len,
                      PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &error, &at, NULL);

    if (!code)
        return LLMP_OK;
    limits = pcre2_match_context_create(NULL);
    match = pcre2_match_data_create(1, NULL);
    if (limits && match) {
        (void)pcre2_set_match_limit(limits, tries);
        (void)pcre2_set_heap_limit(limits, 1024);
        error = pcre2_match(code, (PCRE2_SPTR)text.ptr, text.len, 0, 0, match,
                            limits);
        rc = error >= 0                     ? LLMP_OK
             : error == PCRE2_ERROR_NOMATCH ? LLMP_MISS
                                            : LLMP_E_LIMIT;
    }
    pcre2_match_data_free(match);
    pcre2_match_context_free(limits);
    pcre2_code_free(code);
    return rc;
}

static int matches(struct checking *c, struct llmp_str pattern,
                   struct llmp_str text)
{
    size_t tries = PATTERN_TRIES_MIN + text.len * PATTERN_TRIES;

    if (pattern.len > PATTERN_MAX)
        return LLMP_E_LIMIT;
    HOLDS(spend(c, PATTERN_COSTS + tries / 500));
    return run(pattern, text, (uint32_t)tries);
}

static int check_string(struct checking *c, value_t schema, value_t value)
{
    value_t pattern = keyword(schema, K("pattern"), LLMP_JSON_STRING);
    char plain[PATTERN_MAX];
    struct llmp_str text;
    int rc;

    HOLDS(read_text(c, value, &text));
    HOLDS(must(c, value,
               is_within(schema, K("minLength"), K("maxLength"),
                         characters_of(text))));
    if (!pattern)
        return LLMP_OK;
    if (pattern->text.len > sizeof(plain))
        return LLMP_E_LIMIT;
    rc = matches(
        c, (struct llmp_str){ plain, llmp_json_unescape(plain, pattern->text) },
        text);
    return rc == LLMP_MISS ? miss(c, value) : rc;
}

/* ---- arrays ------------------------------------------------------------- */

static int check_unique(struct checking *c, value_t array)
{
    bool yes;

    for (value_t a = array->first; a; a = a->next)
        for (value_t b = a->next; b; b = b->next) {
            HOLDS(same(c, a, b, &yes));
            HOLDS(must(c, array, !yes));
        }
    return LLMP_OK;
}

static int check_contains(struct checking *c, value_t schema, value_t array)
{
    value_t one = llmp_json_member(schema, K("contains"));

    if (!is_schema(one))
        return LLMP_OK;
    for (value_t v = array->first; v; v = v->next) {
        int rc = check(c, one, v);

        if (rc != LLMP_MISS)
            return rc;
    }
    return miss(c, array);
}

/* The first ones have schemas of their own; the rest share one. */
static int check_items(struct checking *c, value_t schema, value_t array)
{
    value_t first = keyword(schema, K("prefixItems"), LLMP_JSON_ARRAY);
    value_t rest = llmp_json_member(schema, K("items")), v = array->first;

    if (!first && llmp_json_is(rest, LLMP_JSON_ARRAY)) { /* draft 7 */
        first = rest;
        rest = llmp_json_member(schema, K("additionalItems"));
    }
    for (value_t one = first ? first->first : NULL; one && v;
         one = one->next, v = v->next)
        HOLDS(check(c, one, v));
    for (; is_schema(rest) && v; v = v->next)
        HOLDS(check(c, rest, v));
    return LLMP_OK;
}

static int check_array(struct checking *c, value_t schema, value_t array)
{
    HOLDS(must(c, array,
               is_within(schema, K("minItems"), K("maxItems"), array->count)));
    HOLDS(check_items(c, schema, array));
    HOLDS(check_contains(c, schema, array));
    return llmp_json_is(llmp_json_member(schema, K("uniqueItems")),
                        LLMP_JSON_TRUE)
               ? check_unique(c, array)
               : LLMP_OK;
}

/* ---- objects ------------------------------------------------------------ */

static int check_required(struct checking *c, value_t names, value_t object)
{
    for (value_t name = names ? names->first : NULL; name; name = name->next) {
        struct llmp_str plain;

        if (name->type != LLMP_JSON_STRING)
            continue;
        HOLDS(read_text(c, name, &plain));
        HOLDS(spend(c, object->count / 64));
        HOLDS(must(c, object, llmp_json_member(object, plain) != NULL));
    }
    return LLMP_OK;
}

/* All schemas whose pattern fits the name; `known`: there are some. */
static int check_patterns(struct checking *c, value_t patterns, value_t member,
                          bool *known)
{
    for (value_t p = patterns ? patterns->first : NULL; p; p = p->next) {
        int rc = matches(c, p->key, member->key);

        if (rc == LLMP_MISS)
            continue;
        HOLDS(rc);
        *known = true;
        HOLDS(check(c, p, member));
    }
    return LLMP_OK;
}

static int check_members(struct checking *c, value_t schema, value_t object)
{
    value_t properties = keyword(schema, K("properties"), LLMP_JSON_OBJECT);
    value_t patterns =
        keyword(schema, K("patternProperties"), LLMP_JSON_OBJECT);
    value_t others = llmp_json_member(schema, K("additionalProperties"));

    for (value_t m = object->first; m; m = m->next) {
        value_t one = properties ? llmp_json_member(properties, m->key) : NULL;
        bool known = one != NULL;

        HOLDS(spend(c, properties ? properties->count / 64 + 1 : 1));
        if (one)
            HOLDS(check(c, one, m));
        HOLDS(check_patterns(c, patterns, m, &known));
        if (!known && is_schema(others))
            HOLDS(check(c, others, m));
    }
    return LLMP_OK;
}

/* A name is a string like any other. */
static int check_names(struct checking *c, value_t schema, value_t object)
{
    value_t names = llmp_json_member(schema, K("propertyNames"));

    for (value_t m = object->first; is_schema(names) && m; m = m->next) {
        LLMP_AUTO(llmp_buf_fini) struct llmp_buf json = { 0 };
        struct llmp_json_value name = { .type = LLMP_JSON_STRING };
        int rc;

        HOLDS(spend(c, m->key.len / 64 + 1));
        if (!llmp_buf_json(&json, m->key))
            return LLMP_E_NOMEM;
        name.text = (struct llmp_str){ json.ptr + 1, json.len - 2 };
        name.escaped = memchr(name.text.ptr, '\\', name.text.len) != NULL;
        rc = check(c, names, &name);
        if (rc == LLMP_MISS)
            c->wrong = object;
        HOLDS(rc);
    }
    return LLMP_OK;
}

/* Who has one member has others, too, or conforms to a schema. */
static int check_dependencies(struct checking *c, value_t schema,
                              value_t object)
{
    static const struct llmp_str keys[] = { LLMP_STR("dependencies"),
                                            LLMP_STR("dependentRequired"),
                                            LLMP_STR("dependentSchemas") };

    for (size_t i = 0; i < LLMP_COUNT(keys); i++) {
        value_t list = keyword(schema, keys[i], LLMP_JSON_OBJECT);

        for (value_t one = list ? list->first : NULL; one; one = one->next) {
            if (!llmp_json_member(object, one->key))
                continue;
            if (one->type == LLMP_JSON_ARRAY)
                HOLDS(check_required(c, one, object));
            else if (is_schema(one))
                HOLDS(check(c, one, object));
        }
    }
    return LLMP_OK;
}

static int check_object(struct checking *c, value_t schema, value_t object)
{
    HOLDS(must(c, object,
               is_within(schema, K("minProperties"), K("maxProperties"),
                         object->count)));
    HOLDS(check_required(c, keyword(schema, K("required"), LLMP_JSON_ARRAY),
                         object));
    HOLDS(check_members(c, schema, object));
    HOLDS(check_names(c, schema, object));
    return check_dependencies(c, schema, object);
}

/* ---- schemas of schemas ------------------------------------------------- */

/* How many of the list hold, counted to two. */
static int count_of(struct checking *c, value_t list, value_t value,
                    uint32_t *count)
{
    *count = 0;
    for (value_t one = list->first; one && *count < 2; one = one->next) {
        int rc = check(c, one, value);

        if (rc == LLMP_OK)
            ++*count;
        else if (rc != LLMP_MISS)
            return rc;
    }
    return LLMP_OK;
}

static int check_lists(struct checking *c, value_t schema, value_t value)
{
    value_t all = keyword(schema, K("allOf"), LLMP_JSON_ARRAY);
    value_t any = keyword(schema, K("anyOf"), LLMP_JSON_ARRAY);
    value_t one = keyword(schema, K("oneOf"), LLMP_JSON_ARRAY);
    uint32_t count;

    for (value_t v = all ? all->first : NULL; v; v = v->next)
        HOLDS(check(c, v, value));
    if (any) {
        HOLDS(count_of(c, any, value, &count));
        HOLDS(must(c, value, count > 0));
    }
    if (one) {
        HOLDS(count_of(c, one, value, &count));
        HOLDS(must(c, value, count == 1));
    }
    return LLMP_OK;
}

static int check_conditions(struct checking *c, value_t schema, value_t value)
{
    value_t not_it = llmp_json_member(schema, K("not")),
            test = llmp_json_member(schema, K("if"));
    value_t branch;
    int rc;

    if (is_schema(not_it)) {
        rc = check(c, not_it, value);
        if (rc == LLMP_OK)
            return miss(c, value);
        if (rc != LLMP_MISS)
            return rc;
    }
    if (!is_schema(test))
        return LLMP_OK;
    rc = check(c, test, value);
    if (rc != LLMP_OK && rc != LLMP_MISS)
        return rc;
    branch = llmp_json_member(schema, rc == LLMP_OK ? K("then") : K("else"));
    return is_schema(branch) ? check(c, branch, value) : LLMP_OK;
}

static int check_reference(struct checking *c, value_t ref, value_t value)
{
    struct llmp_str pointer;
    value_t schema;

    HOLDS(read_text(c, ref, &pointer));
    schema = llmp_json_pointer(c->root, pointer);
    return is_schema(schema) ? check(c, schema, value) : LLMP_E_UNSUPPORTED;
}

/* ---- a schema ----------------------------------------------------------- */

static int check_all(struct checking *c, value_t schema, value_t value)
{
    value_t ref = keyword(schema, K("$ref"), LLMP_JSON_STRING);

    /* What stands beside it counts since draft 2019-09. */
    if (ref)
        HOLDS(check_reference(c, ref, value));
    HOLDS(check_type(c, schema, value));
    HOLDS(check_values(c, schema, value));
    switch (value->type) {
    case LLMP_JSON_NUMBER:
        HOLDS(check_number(c, schema, value));
        break;
    case LLMP_JSON_STRING:
        HOLDS(check_string(c, schema, value));
        break;
    case LLMP_JSON_ARRAY:
        HOLDS(check_array(c, schema, value));
        break;
    case LLMP_JSON_OBJECT:
        HOLDS(check_object(c, schema, value));
        break;
    default:
        break;
    }
    HOLDS(check_lists(c, schema, value));
    return check_conditions(c, schema, value);
}

static int check(struct checking *c, value_t schema, value_t value)
{
    int rc;

    if (schema->type == LLMP_JSON_FALSE)
        return miss(c, value);
    if (schema->type != LLMP_JSON_OBJECT)
        return LLMP_OK;
    if (c->depth == DEPTH_MAX)
        return LLMP_E_LIMIT;
    HOLDS(spend(c, 1));
    c->depth++;
    rc = check_all(c, schema, value);
    c->depth--;
    return rc;
}

int llmp_schema_check(const struct llmp_json_value *schema,
                      const struct llmp_json_value *value,
                      const struct llmp_json_value **wrong)
{
    struct checking c = { .root = schema, .left = STEPS_MAX };
    int rc = check(&c, schema, value);

    *wrong = rc == LLMP_MISS ? c.wrong : NULL;
    llmp_buf_fini(&c.plain);
    return rc;
}
