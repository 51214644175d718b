/* SPDX-License-Identifier: Apache-2.0 */
/* The table as a page: docs/reference/config.md. */
#include <stdarg.h>
#include <stdio.h>

#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_preset.h"
#include "gateway/config_schema.h"
#include "gateway/config_value.h"

struct out {
    llmp_text_sink sink;
    void *ctx;
};

static void put(const struct out *out, const char *format, ...)
    LLMP_PRINTF(2, 3);

static void put(const struct out *out, const char *format, ...)
{
    char text[1024];
    va_list args;

    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    assert(len >= 0 && (size_t)len < sizeof(text));
    out->sink((struct llmp_str){ text, (size_t)len }, out->ctx);
}

static void put_range(const struct out *out, const struct llmp_key *key,
                      void (*write)(char text[24], uint64_t number))
{
    char min[24], max[24];

    write(min, key->min);
    write(max, key->max);
    put(out, "%s … %s", min, max);
}

static void put_type(const struct out *out, const struct llmp_key *key)
{
    switch (key->kind) {
    case LLMP_KEY_BOOL:
        put(out, "`true`, `false`");
        return;
    case LLMP_KEY_COUNT:
        put(out, "%llu … %llu", (unsigned long long)key->min,
            (unsigned long long)key->max);
        return;
    case LLMP_KEY_SIZE:
        put(out, "size, ");
        put_range(out, key, llmp_value_write_size);
        return;
    case LLMP_KEY_DURATION:
        put(out, "duration, ");
        put_range(out, key, llmp_value_write_duration);
        return;
    case LLMP_KEY_INTEGER:
        put(out, "whole number");
        return;
    case LLMP_KEY_INTEGERS:
        put(out, "whole number or list of them");
        return;
    case LLMP_KEY_TEXT:
        put(out, key->secret ? "text, secret" : "text");
        return;
    case LLMP_KEY_CHOICE:
        if (key->choices == llmp_preset_names) {
            put(out, "[a preset](#presets)");
            return;
        }
        for (size_t i = 0; key->choices[i]; i++)
            put(out, "%s`%s`", i ? ", " : "", key->choices[i]);
        return;
    case LLMP_KEY_TEXTS:
        put(out, "text or list of texts");
        return;
    case LLMP_KEY_PAIRS:
        put(out, "mapping of texts");
        return;
    case LLMP_KEY_SECTION:
        put(out, "mapping, see `%s`", key->section->name);
        return;
    case LLMP_KEY_SECTIONS:
        put(out, "list, see `%s`", key->section->name);
        return;
    }
}

static void put_section(const struct out *out,
                        const struct llmp_section *section)
{
    put(out, "%s\n\n| key | value | default | meaning |\n|---|---|---|---|\n",
        section->help);
    for (size_t i = 0; i < section->key_count; i++) {
        const struct llmp_key *key = &section->keys[i];

        put(out, "| `%s` | ", key->name);
        put_type(out, key);
        if (key->required)
            put(out, " | required");
        else if (key->fallback)
            put(out, " | `%s`", key->fallback);
        else
            put(out, " | ");
        put(out, " | %s |\n", key->help);
    }
    for (size_t i = 0; i < section->key_count; i++)
        if (section->keys[i].section) {
            put(out, "\n## `%s`\n\n", section->keys[i].section->name);
            put_section(out, section->keys[i].section);
        }
}

static void put_presets(const struct out *out)
{
    put(out,
        "\n## Presets\n\n"
        "Without a file, `llmgw` serves every provider whose key it finds in "
        "the environment: `NAME/*` for each, the names in the last column, "
        "and everything else at the first of this table. A base URL "
        "variable replaces the preset's; `OPENAI_BASE_URL` is enough alone. "
        "`LLMGW_LISTEN`, `LLMGW_ALLOW_ANONYMOUS` and "
        "`LLMGW_ALLOW_PLAIN_HTTP` stand for the keys of these names.\n\n");
    put(out, "| preset | base URL | key | base URL variable | names |\n"
             "|---|---|---|---|---|\n");
    for (size_t i = 0; i < llmp_preset_count; i++) {
        const struct llmp_preset *p = &llmp_presets[i];

        put(out, "| `%s` | `%s` |", p->name, p->base_url);
        put(out, p->key_var ? " `%s` |" : "%s |", p->key_var ? p->key_var : "");
        put(out, p->url_var ? " `%s` |" : "%s |", p->url_var ? p->url_var : "");
        put(out, p->patterns ? " `%s` |\n" : "%s |\n",
            p->patterns ? p->patterns : "");
    }
}

void llmp_config_write_reference(llmp_text_sink sink, void *ctx)
{
    const struct out out = { sink, ctx };

    assert(sink);
    put(&out,
        "# Configuration\n\n"
        "<!-- Generated from lib/gateway/config_schema.c; do not edit. -->\n\n"
        "YAML in UTF-8. An unknown key, a wrong type or a name that does not "
        "exist is an error with file, line and column; anchors, aliases, tags "
        "and duplicate keys are refused. `llmgw schema` prints a JSON Schema "
        "for editors.\n\n"
        "Durations have a unit: `ms`, `s`, `m`, `h`, `d`. Sizes: `KiB`, "
        "`MiB`, `GiB`, or bytes without unit.\n\n");
    put(&out,
        "Any single value may contain references: `${NAME}` is a variable of "
        "the environment, `${NAME:-default}` has a default for when it is not "
        "set or empty, `${file:PATH}` the contents of a file without its last "
        "newline; `$$` is a `$`. Values that came from references, and keys "
        "marked secret, never appear in messages.\n\n");
    put_section(&out, &llmp_config_section);
    put_presets(&out);
}
