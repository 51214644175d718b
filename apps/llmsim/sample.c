/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured output: a value that fits a JSON schema. It knows what schemas
 * for language models use, and keeps numbers and lengths in their bounds; a
 * pattern it does not try to match.
 */
#include "plan.h"

/* Schemas may refer to themselves. */
#define DEPTH_MAX 12

struct sample {
    const struct sim_node *root;
    struct sim_buf *out;
};

static void add_value(const struct sample *sample,
                      const struct sim_node *schema, int depth);

static struct llmp_str cut_segment(struct llmp_str *path)
{
    const char *slash = path->len ? memchr(path->ptr, '/', path->len) : NULL;
    size_t len = slash ? (size_t)(slash - path->ptr) : path->len;
    struct llmp_str segment = { path->ptr, len };

    path->ptr += len + (slash != NULL);
    path->len -= len + (slash != NULL);
    return segment;
}

/* "#/$defs/Name". */
static const struct sim_node *look_up(const struct sim_node *root,
                                      struct llmp_str path)
{
    const struct sim_node *node = root;

    if (!sim_str_starts(path, "#/"))
        return NULL;
    path = (struct llmp_str){ path.ptr + 2, path.len - 2 };
    while (node && path.len) {
        struct llmp_str name = cut_segment(&path);

        node = sim_first(node);
        while (node && (node->key.len != name.len ||
                        memcmp(node->key.ptr, name.ptr, name.len) != 0))
            node = node->next;
    }
    return node;
}

/* Any case: Gemini writes STRING. A list of types: the first. */
static bool type_is(const struct sim_node *schema, const char *name)
{
    const struct sim_node *type = sim_get(schema, "type");
    struct llmp_str text =
        sim_text(type && type->type == LLMP_JSON_ARRAY ? type->child : type);

    if (text.len != strlen(name))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((text.ptr[i] | 0x20) != name[i])
            return false;
    return true;
}

static void add_object(const struct sample *sample,
                       const struct sim_node *schema, int depth)
{
    const struct sim_node *one = sim_first(sim_get(schema, "properties"));

    sim_buf_text(sample->out, "{");
    for (bool first = true; one; one = one->next, first = false) {
        sim_buf_text(sample->out, first ? "" : ",");
        sim_buf_quote(sample->out, one->key);
        sim_buf_text(sample->out, ":");
        add_value(sample, one, depth + 1);
    }
    sim_buf_text(sample->out, "}");
}

static void add_array(const struct sample *sample,
                      const struct sim_node *schema, int depth)
{
    const struct sim_node *items = sim_get(schema, "items");
    uint64_t count = sim_u64(sim_get(schema, "minItems"), 1);

    sim_buf_text(sample->out, "[");
    for (uint64_t i = 0; depth < DEPTH_MAX && i < (count ? count : 1) && i < 64;
         i++) {
        sim_buf_text(sample->out, i ? "," : "");
        add_value(sample, items, depth + 1);
    }
    sim_buf_text(sample->out, "]");
}

static void add_string(const struct sample *sample,
                       const struct sim_node *schema)
{
    const struct sim_node *format = sim_get(schema, "format");
    uint64_t least = sim_u64(sim_get(schema, "minLength"), 0);
    uint64_t most = sim_u64(sim_get(schema, "maxLength"), UINT64_MAX);

    if (sim_text_is(format, "date-time")) {
        sim_buf_text(sample->out, "\"2025-01-01T00:00:00Z\"");
    } else if (sim_text_is(format, "date")) {
        sim_buf_text(sample->out, "\"2025-01-01\"");
    } else {
        uint64_t len = least > 4 ? least : most < 4 ? most : 4;

        sim_buf_text(sample->out, "\"");
        for (uint64_t i = 0; i < len && i < 65536; i++)
            sim_buf_add(sample->out, (struct llmp_str){ &"text"[i % 4], 1 });
        sim_buf_text(sample->out, "\"");
    }
}

static void add_number(const struct sample *sample,
                       const struct sim_node *schema, const char *usual)
{
    const struct sim_node *least = sim_get(schema, "minimum");
    const struct sim_node *most = sim_get(schema, "maximum");

    if (least && least->type == LLMP_JSON_NUMBER)
        sim_buf_add(sample->out, least->text);
    else if (most && most->type == LLMP_JSON_NUMBER)
        sim_buf_add(sample->out, most->text);
    else
        sim_buf_text(sample->out, usual);
}

/* The schema that stands for this one. */
static const struct sim_node *resolve(const struct sample *sample,
                                      const struct sim_node *schema)
{
    static const char *const either[] = { "anyOf", "oneOf", "allOf" };

    for (int i = 0; schema && i < DEPTH_MAX; i++) {
        const struct sim_node *to = sim_get(schema, "$ref");

        if (to)
            to = look_up(sample->root, sim_text(to));
        for (size_t k = 0; !to && k < 3; k++)
            to = sim_first(sim_get(schema, either[k]));
        if (!to)
            break;
        schema = to;
    }
    return schema;
}

static void add_value(const struct sample *sample,
                      const struct sim_node *schema, int depth)
{
    const struct sim_node *fixed;

    schema = resolve(sample, schema);
    fixed = sim_get(schema, "const");
    if (!fixed)
        fixed = sim_first(sim_get(schema, "enum"));
    if (depth >= DEPTH_MAX)
        sim_buf_text(sample->out, "null");
    else if (fixed)
        sim_node_write(fixed, sample->out);
    else if (type_is(schema, "object") || sim_get(schema, "properties"))
        add_object(sample, schema, depth);
    else if (type_is(schema, "array"))
        add_array(sample, schema, depth);
    else if (type_is(schema, "integer"))
        add_number(sample, schema, "7");
    else if (type_is(schema, "number"))
        add_number(sample, schema, "1.5");
    else if (type_is(schema, "boolean"))
        sim_buf_text(sample->out, "true");
    else if (type_is(schema, "null"))
        sim_buf_text(sample->out, "null");
    else
        add_string(sample, schema);
}

void sim_sample(const struct sim_node *schema, const struct sim_node *root,
                struct sim_buf *out)
{
    struct sample sample = { .root = root, .out = out };

    add_value(&sample, schema, 0);
}
