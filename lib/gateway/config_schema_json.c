/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table as a JSON Schema (draft 2020-12), for editors. A reference may
 * stand for a value of any type, hence the alternatives.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_schema.h"

struct out {
    llmp_text_sink sink;
    void *ctx;
};

static void put(const struct out *out, const char *text)
{
    out->sink(llmp_str_of(text), out->ctx);
}

static void put_number(const struct out *out, uint64_t number)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    put(out, text);
}

/* Texts of the table are plain: only quotes and backslashes need care. */
static void put_quoted(const struct out *out, const char *text)
{
    put(out, "\"");
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            put(out, "\\");
        out->sink((struct llmp_str){ text, 1 }, out->ctx);
    }
    put(out, "\"");
}

static void put_choices(const struct out *out, const struct llmp_key *key)
{
    put(out, "\"anyOf\":[{\"enum\":[");
    for (size_t i = 0; key->choices[i]; i++) {
        put(out, i ? "," : "");
        put_quoted(out, key->choices[i]);
    }
    put(out, "]},{\"$ref\":\"#/$defs/reference\"}]");
}

static void put_count(const struct out *out, const struct llmp_key *key)
{
    put(out, "\"anyOf\":[{\"type\":\"integer\",\"minimum\":");
    put_number(out, key->min);
    put(out, ",\"maximum\":");
    put_number(out, key->max);
    put(out, "},{\"$ref\":\"#/$defs/reference\"}]");
}

static void put_integer(const struct out *out)
{
    put(out, "{\"type\":\"integer\",\"minimum\":-");
    put_number(out, LLMP_KEY_INTEGER_MAX);
    put(out, ",\"maximum\":");
    put_number(out, LLMP_KEY_INTEGER_MAX);
    put(out, "},{\"$ref\":\"#/$defs/reference\"}");
}

static void put_size(const struct out *out, const struct llmp_key *key)
{
    put(out, "\"anyOf\":[{\"type\":\"integer\",\"minimum\":");
    put_number(out, key->min);
    put(out, ",\"maximum\":");
    put_number(out, key->max);
    put(out, "},{\"type\":\"string\",\"pattern\":"
             "\"^[0-9]+(B|KiB|MiB|GiB)?$|[$][{]\"}]");
}

static void put_bounds(const struct out *out, const struct llmp_key *key,
                       const char *what)
{
    if (key->min) {
        put(out, ",\"min");
        put(out, what);
        put(out, "\":");
        put_number(out, key->min);
    }
    put(out, ",\"max");
    put(out, what);
    put(out, "\":");
    put_number(out, key->max);
}

static void put_type(const struct out *out, const struct llmp_key *key)
{
    switch (key->kind) {
    case LLMP_KEY_BOOL:
        put(out, "\"anyOf\":[{\"type\":\"boolean\"},"
                 "{\"$ref\":\"#/$defs/reference\"}]");
        return;
    case LLMP_KEY_COUNT:
        put_count(out, key);
        return;
    case LLMP_KEY_SIZE:
        put_size(out, key);
        return;
    case LLMP_KEY_DURATION:
        put(out, "\"type\":\"string\",\"pattern\":"
                 "\"^[0-9]+(ms|s|m|h|d)$|[$][{]\"");
        return;
    case LLMP_KEY_INTEGER:
        put(out, "\"anyOf\":[");
        put_integer(out);
        put(out, "]");
        return;
    case LLMP_KEY_INTEGERS:
        put(out, "\"anyOf\":[");
        put_integer(out);
        put(out, ",{\"type\":\"array\",\"items\":{\"anyOf\":[");
        put_integer(out);
        put(out, "]},\"minItems\":1");
        put_bounds(out, key, "Items");
        put(out, "}]");
        return;
    case LLMP_KEY_TEXT:
        put(out, "\"type\":\"string\",\"minLength\":1");
        return;
    case LLMP_KEY_CHOICE:
        put_choices(out, key);
        return;
    case LLMP_KEY_TEXTS:
        put(out, "\"anyOf\":[{\"type\":\"string\",\"minLength\":1},"
                 "{\"type\":\"array\",\"items\":"
                 "{\"type\":\"string\",\"minLength\":1},\"minItems\":1");
        put_bounds(out, key, "Items");
        put(out, "}]");
        return;
    case LLMP_KEY_PAIRS:
        put(out, "\"type\":[\"object\",\"null\"],\"additionalProperties\":"
                 "{\"type\":\"string\",\"minLength\":1}");
        put_bounds(out, key, "Properties");
        return;
    case LLMP_KEY_SECTION:
        put(out, "\"anyOf\":[{\"$ref\":\"#/$defs/");
        put(out, key->section->name);
        put(out, "\"},{\"type\":\"null\"}]");
        return;
    case LLMP_KEY_SECTIONS:
        put(out, key->required ? "\"type\":\"array\""
                               : "\"type\":[\"array\",\"null\"]");
        put(out, ",\"items\":{\"$ref\":\"#/$defs/");
        put(out, key->section->name);
        put(out, "\"}");
        put_bounds(out, key, "Items");
        return;
    }
}

static void put_default(const struct out *out, const struct llmp_key *key)
{
    if (!key->fallback)
        return;
    put(out, ",\"default\":");
    if (key->kind == LLMP_KEY_BOOL || key->kind == LLMP_KEY_COUNT)
        put(out, key->fallback);
    else
        put_quoted(out, key->fallback);
}

/* The inside of an object that describes `section`. */
static void put_section(const struct out *out,
                        const struct llmp_section *section)
{
    bool any = false;

    put(out, "\"description\":");
    put_quoted(out, section->help);
    put(out, ",\n  \"type\":\"object\",\"additionalProperties\":false,"
             "\n  \"properties\":{");
    for (size_t i = 0; i < section->key_count; i++) {
        const struct llmp_key *key = &section->keys[i];

        put(out, i ? ",\n    " : "\n    ");
        put_quoted(out, key->name);
        put(out, ":{\"description\":");
        put_quoted(out, key->help);
        put(out, ",");
        put_type(out, key);
        put_default(out, key);
        put(out, "}");
    }
    put(out, "}");
    for (size_t i = 0; i < section->key_count; i++) {
        if (!section->keys[i].required)
            continue;
        put(out, any ? "," : ",\n  \"required\":[");
        put_quoted(out, section->keys[i].name);
        any = true;
    }
    put(out, any ? "]" : "");
}

static void put_defs(const struct out *out, const struct llmp_section *section)
{
    for (size_t i = 0; i < section->key_count; i++) {
        const struct llmp_section *inner = section->keys[i].section;

        if (!inner)
            continue;
        put(out, ",\n");
        put_quoted(out, inner->name);
        put(out, ":{");
        put_section(out, inner);
        put(out, "}");
        put_defs(out, inner);
    }
}

void llmp_config_write_schema(llmp_text_sink sink, void *ctx)
{
    const struct out out = { sink, ctx };

    assert(sink);
    put(&out, "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\n"
              "\"title\":\"llmgw configuration\",\n");
    put_section(&out, &llmp_config_section);
    put(&out, ",\n\"$defs\":{\n\"reference\":{\"description\":"
              "\"${NAME}, ${NAME:-default} or ${file:PATH}.\","
              "\"type\":\"string\",\"pattern\":\"[$][{]\"}");
    put_defs(&out, &llmp_config_section);
    put(&out, "}}\n");
}
