/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A start without a file writes the file that somebody with these variables
 * would have written, and reads it: references instead of values, so that no
 * secret is in the text and every rule is the same.
 */
#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_make.h"
#include "gateway/config_preset.h"
#include "gateway/config_url.h"

struct writer {
    const struct llmp_config_source *source;
    struct llmp_buf yaml;
    const struct llmp_preset *found[32];
    size_t count;
};

static void writer_fini(struct writer *w)
{
    llmp_buf_fini(&w->yaml);
}

/* A variable that is set to nothing is as good as not set. */
static bool lookup(const struct writer *w, const char *name,
                   struct llmp_str *value)
{
    const struct llmp_config_source *source = w->source;

    return name && source->env(name, value, source->ctx) && value->len > 0;
}

static void write_server(struct writer *w)
{
    (void)llmp_buf_add(
        &w->yaml,
        LLMP_STR("server:\n"
                 "  listen: ${LLMGW_LISTEN:-127.0.0.1:8080}\n"
                 "  allow_anonymous: ${LLMGW_ALLOW_ANONYMOUS:-false}\n"
                 "providers:\n"));
}

/* Some vendors' own clients add the path, others want it in the variable. */
static const char *missing_path(const struct llmp_preset *preset,
                                struct llmp_str value)
{
    struct llmp_url url;

    if (!preset->path || llmp_url_parse(&url, value, false) || url.path.len)
        return "";
    return value.ptr[value.len - 1] == '/' ? preset->path + 1 : preset->path;
}

static void write_provider(struct writer *w, const struct llmp_preset *preset)
{
    struct llmp_str key, url;

    (void)llmp_buf_printf(&w->yaml,
                          "  - name: %s\n"
                          "    allow_plain_http: "
                          "${LLMGW_ALLOW_PLAIN_HTTP:-false}\n",
                          preset->name);
    if (lookup(w, preset->url_var, &url))
        (void)llmp_buf_printf(&w->yaml, "    base_url: ${%s}%s\n",
                              preset->url_var, missing_path(preset, url));
    else
        (void)llmp_buf_printf(&w->yaml, "    preset: %s\n", preset->name);
    if (lookup(w, preset->key_var, &key))
        (void)llmp_buf_printf(&w->yaml, "    api_key: ${%s}\n",
                              preset->key_var);
}

static void write_model(struct writer *w, struct llmp_str name,
                        const char *provider)
{
    (void)llmp_buf_printf(&w->yaml, "  - {name: \"%.*s\", provider: %s}\n",
                          (int)name.len, name.ptr, provider);
}

static void write_models(struct writer *w)
{
    (void)llmp_buf_add(&w->yaml, LLMP_STR("models:\n"));
    /* The first takes what nobody else claims; OpenAI is first in the table. */
    write_model(w, LLMP_STR("*"), w->found[0]->name);
    for (size_t i = 0; i < w->count; i++) {
        const char *name = w->found[i]->name;
        struct llmp_str patterns = llmp_str_of(w->found[i]->patterns);

        (void)llmp_buf_printf(
            &w->yaml, "  - {name: \"%s/*\", provider: %s, strip: %s/}\n", name,
            name, name);
        /* Its own names are the first one's anyway. */
        while (i > 0 && patterns.len) {
            size_t blank = llmp_str_find(patterns, LLMP_STR(" "));
            size_t len = blank == SIZE_MAX ? patterns.len : blank;
            size_t used = blank == SIZE_MAX ? len : len + 1;

            write_model(w, (struct llmp_str){ patterns.ptr, len }, name);
            patterns =
                (struct llmp_str){ patterns.ptr + used, patterns.len - used };
        }
    }
}

static int fail_empty(struct llmp_error *err)
{
    char names[160] = "";
    size_t used = 0;

    for (size_t i = 0; i < llmp_preset_count; i++) {
        struct llmp_str name = llmp_str_of(llmp_presets[i].key_var);

        if (name.len == 0 || used + name.len + 3 > sizeof(names))
            continue;
        memcpy(names + used, used ? ", " : "", used ? 2 : 0);
        used += used ? 2 : 0;
        memcpy(names + used, name.ptr, name.len + 1);
        used += name.len;
    }
    return llmp_fail(err, LLMP_E_NOT_FOUND,
                     "no provider in the environment: set OPENAI_BASE_URL or "
                     "one of %s, …",
                     names);
}

static void find_providers(struct writer *w)
{
    struct llmp_str value;

    for (size_t i = 0; i < llmp_preset_count; i++) {
        const struct llmp_preset *preset = &llmp_presets[i];
        /* A base URL alone is enough for OpenAI's: a local server. */
        bool found = lookup(w, preset->key_var, &value) ||
                     (i == 0 && lookup(w, preset->url_var, &value));

        if (found && w->count < LLMP_COUNT(w->found))
            w->found[w->count++] = preset;
    }
}

int llmp_config_from_env(struct llmp_config **out,
                         const struct llmp_config_source *source,
                         struct llmp_error *err)
{
    LLMP_AUTO(writer_fini) struct writer w = { .source = source };

    LLMP_ENSURE(out, err, LLMP_E_INVALID, "out is required");
    LLMP_ENSURE(source && source->env, err, LLMP_E_INVALID,
                "a source with env is required");
    find_providers(&w);
    if (w.count == 0)
        return fail_empty(err);
    write_server(&w);
    for (size_t i = 0; i < w.count; i++)
        write_provider(&w, w.found[i]);
    write_models(&w);
    LLMP_ENSURE(!w.yaml.failed, err, LLMP_E_NOMEM,
                "no memory for the configuration");

    struct llmp_config_source named = *source;

    named.name = "environment";
    return llmp_config_make(out, llmp_buf_str(&w.yaml), true, &named, err);
}
