/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tree + table -> draft. Members are read in the order of the text, so that
 * the first error reported is the first there is; what was not written gets
 * its default through the same functions.
 */
#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_schema.h"
#include "gateway/config_value.h"

static int read_section(struct llmp_reading *reading,
                        const struct llmp_section *section,
                        const struct llmp_node *node, void *draft);

static struct llmp_setting *setting_at(const struct llmp_key *key, void *draft)
{
    return (struct llmp_setting *)((char *)draft + key->offset);
}

static int wrong_type(struct llmp_reading *reading, const struct llmp_key *key,
                      const struct llmp_node *node, const char *wanted)
{
    if (llmp_node_is_null(node))
        return llmp_reading_fail(reading, node, LLMP_E_TYPE,
                                 "'%s' has no value; it must be %s", key->name,
                                 wanted);
    return llmp_reading_fail(reading, node, LLMP_E_TYPE,
                             "'%s' must be %s, not %s", key->name, wanted,
                             llmp_node_kind_name(node));
}

static int out_of_range(struct llmp_reading *reading,
                        const struct llmp_key *key,
                        const struct llmp_setting *setting)
{
    char min[24], max[24];

    if (key->kind == LLMP_KEY_INTEGER || key->kind == LLMP_KEY_INTEGERS)
        return llmp_reading_fail(reading, setting->node, LLMP_E_INVALID,
                                 "'%s' must be from -%d to %d", key->name,
                                 LLMP_KEY_INTEGER_MAX, LLMP_KEY_INTEGER_MAX);
    if (key->kind == LLMP_KEY_COUNT)
        return llmp_reading_fail(reading, setting->node, LLMP_E_INVALID,
                                 "'%s' must be from %llu to %llu", key->name,
                                 (unsigned long long)key->min,
                                 (unsigned long long)key->max);
    if (key->kind == LLMP_KEY_SIZE) {
        llmp_value_write_size(min, key->min);
        llmp_value_write_size(max, key->max);
    } else {
        llmp_value_write_duration(min, key->min);
        llmp_value_write_duration(max, key->max);
    }
    return llmp_reading_fail(reading, setting->node, LLMP_E_INVALID,
                             "'%s' must be from %s to %s", key->name, min, max);
}

/* Of setting->text, which is the default when nothing was written. */
static int parse_number(struct llmp_reading *reading,
                        const struct llmp_key *key,
                        struct llmp_setting *setting)
{
    static const struct {
        int (*parse)(struct llmp_str text, uint64_t *out);
        const char *wanted;
    } kinds[] = {
        [LLMP_KEY_COUNT] = { llmp_value_count, "a whole number" },
        [LLMP_KEY_INTEGER] = { llmp_value_integer, "a whole number" },
        [LLMP_KEY_INTEGERS] = { llmp_value_integer, "whole numbers" },
        [LLMP_KEY_SIZE] = { llmp_value_size,
                            "a size such as 512KiB, 32MiB or 1GiB" },
        [LLMP_KEY_DURATION] = { llmp_value_duration,
                                "a duration such as 500ms, 30s, 5m or 1h" },
    };
    int rc = kinds[key->kind].parse(setting->text, &setting->number);

    if (rc == LLMP_E_SYNTAX)
        return llmp_reading_fail(
            reading, setting->node,
            key->kind == LLMP_KEY_SIZE || key->kind == LLMP_KEY_DURATION
                ? LLMP_E_INVALID
                : LLMP_E_TYPE,
            "'%s' must be %s", key->name, kinds[key->kind].wanted);
    if (rc == LLMP_OK &&
        (key->kind == LLMP_KEY_INTEGER || key->kind == LLMP_KEY_INTEGERS))
        return LLMP_OK;
    if (rc < 0 || setting->number < key->min || setting->number > key->max)
        return out_of_range(reading, key, setting);
    return LLMP_OK;
}

/* YAML's older words for it are texts today. */
static int parse_bool(struct llmp_reading *reading, const struct llmp_key *key,
                      struct llmp_setting *setting)
{
    static const char *const words[][2] = {
        { "yes", "true" }, { "on", "true" },   { "1", "true" },
        { "no", "false" }, { "off", "false" }, { "0", "false" },
    };
    struct llmp_guess guess = llmp_guess_begin(setting->text);

    if (llmp_value_bool(setting->text, &setting->number))
        return LLMP_OK;
    llmp_guess_offer(&guess, LLMP_STR("true"));
    llmp_guess_offer(&guess, LLMP_STR("false"));
    for (size_t i = 0; i < LLMP_COUNT(words); i++)
        if (llmp_str_eq_nocase(setting->text, llmp_str_of(words[i][0])))
            guess = (struct llmp_guess){ .best = llmp_str_of(words[i][1]) };
    return llmp_reading_fail(
        reading, setting->node, LLMP_E_TYPE, "'%s' must be true or false%s",
        key->name, setting->referenced ? "" : llmp_guess_hint(&guess).text);
}

/* "a, b, c" of a choice, as far as there is room. */
static void list_choices(char out[160], const char *const *choices)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; choices[i]; i++) {
        size_t len = strlen(choices[i]);

        if (used + len + 3 > 160)
            return;
        memcpy(out + used, ", ", 2);
        used += i ? 2 : 0;
        memcpy(out + used, choices[i], len + 1);
        used += len;
    }
}

static int parse_choice(struct llmp_reading *reading,
                        const struct llmp_key *key,
                        struct llmp_setting *setting)
{
    struct llmp_guess guess = llmp_guess_begin(setting->text);
    char all[160];

    for (size_t i = 0; key->choices[i]; i++) {
        struct llmp_str choice = llmp_str_of(key->choices[i]);

        if (llmp_str_eq(choice, setting->text)) {
            setting->number = i;
            return LLMP_OK;
        }
        llmp_guess_offer(&guess, choice);
    }

    struct llmp_hint hint = llmp_guess_hint(&guess);

    list_choices(all, key->choices);
    if (setting->referenced || !hint.text[0])
        return llmp_reading_fail(reading, setting->node, LLMP_E_INVALID,
                                 "'%s' must be one of %s", key->name, all);
    return llmp_reading_fail(reading, setting->node, LLMP_E_INVALID,
                             "'%s' cannot be '%s'%s", key->name,
                             llmp_show(setting->text).text, hint.text);
}

static int check_text(struct llmp_reading *reading, const struct llmp_key *key,
                      const struct llmp_setting *setting)
{
    if (setting->text.len == 0)
        return llmp_reading_fail(reading, setting->node, LLMP_E_INVALID,
                                 "'%s' is empty", key->name);
    for (size_t i = 0; i < setting->text.len; i++) {
        unsigned char c = (unsigned char)setting->text.ptr[i];

        if (key->lines && (c == '\n' || c == '\r' || c == '\t'))
            continue;
        if (c < 0x20 || c == 0x7f)
            return llmp_reading_fail(reading, setting->node, LLMP_E_INVALID,
                                     "'%s' contains a control character",
                                     key->name);
    }
    return LLMP_OK;
}

static int parse_setting(struct llmp_reading *reading,
                         const struct llmp_key *key,
                         struct llmp_setting *setting)
{
    switch (key->kind) {
    case LLMP_KEY_BOOL:
        return parse_bool(reading, key, setting);
    case LLMP_KEY_CHOICE:
        return parse_choice(reading, key, setting);
    case LLMP_KEY_COUNT:
    case LLMP_KEY_INTEGER:
    case LLMP_KEY_INTEGERS:
    case LLMP_KEY_SIZE:
    case LLMP_KEY_DURATION:
        return parse_number(reading, key, setting);
    default:
        return check_text(reading, key, setting);
    }
}

/* What YAML itself would call the value must be what the key wants. A value
 * with a reference has the type of what it becomes. */
static int check_yaml_type(struct llmp_reading *reading,
                           const struct llmp_key *key,
                           const struct llmp_node *node)
{
    uint64_t ignored;
    bool number = node->plain && llmp_value_is_number(node->text);
    bool boolean = node->plain && llmp_value_bool(node->text, &ignored);

    if (llmp_str_find(node->text, LLMP_STR("$")) != SIZE_MAX)
        return LLMP_OK;
    switch (key->kind) {
    case LLMP_KEY_BOOL:
        if (!node->plain)
            return llmp_reading_fail(
                reading, node, LLMP_E_TYPE,
                "'%s' must be true or false, without quotes", key->name);
        return LLMP_OK;
    case LLMP_KEY_COUNT:
    case LLMP_KEY_INTEGER:
    case LLMP_KEY_INTEGERS:
        if (!node->plain)
            return llmp_reading_fail(
                reading, node, LLMP_E_TYPE,
                "'%s' must be a whole number, without quotes", key->name);
        return LLMP_OK;
    case LLMP_KEY_SIZE:
        return LLMP_OK;
    case LLMP_KEY_DURATION:
        if (number)
            return llmp_reading_fail(reading, node, LLMP_E_TYPE,
                                     "'%s' needs a unit: ms, s, m, h or d",
                                     key->name);
        return LLMP_OK;
    default:
        if (number || boolean)
            return llmp_reading_fail(reading, node, LLMP_E_TYPE,
                                     "'%s' must be a text, not a %s: put it "
                                     "in quotes",
                                     key->name, number ? "number" : "boolean");
        return LLMP_OK;
    }
}

static int read_setting(struct llmp_reading *reading,
                        const struct llmp_key *key,
                        const struct llmp_node *node,
                        struct llmp_setting *setting)
{
    if (node->kind != LLMP_NODE_SCALAR || llmp_node_is_null(node))
        return wrong_type(reading, key, node, "a single value");
    LLMP_TRY(check_yaml_type(reading, key, node));
    setting->node = node;
    LLMP_TRY(
        llmp_value_expand(&setting->text, &setting->referenced, reading, node));
    return parse_setting(reading, key, setting);
}

/* A list of texts, or one alone; or the members of a mapping. */
static int read_settings(struct llmp_reading *reading,
                         const struct llmp_key *key,
                         const struct llmp_node *node,
                         struct llmp_settings *settings)
{
    bool pairs = key->kind == LLMP_KEY_PAIRS;
    bool alone = !pairs && node->kind == LLMP_NODE_SCALAR;
    size_t count = alone ? 1 : node->count;
    const struct llmp_node *item = alone ? node : node->first;

    if (pairs && node->kind != LLMP_NODE_MAP)
        return wrong_type(reading, key, node, "a mapping");
    if (!pairs && node->kind == LLMP_NODE_MAP)
        return wrong_type(reading, key, node,
                          key->kind == LLMP_KEY_TEXTS
                              ? "a text or a list of texts"
                              : "a number or a list of numbers");
    if (count > key->max || (count == 0 && !pairs))
        return llmp_reading_fail(reading, node, LLMP_E_INVALID,
                                 "'%s' must have from %d to %llu entries",
                                 key->name, pairs ? 0 : 1,
                                 (unsigned long long)key->max);
    settings->node = node;
    settings->items = llmp_config_take_array(&reading->scratch, count,
                                             sizeof(*settings->items));
    if (!settings->items)
        return llmp_reading_nomem(reading);
    settings->count = count;
    for (size_t i = 0; i < count; i++, item = item->next)
        LLMP_TRY(read_setting(reading, key, item, &settings->items[i]));
    return LLMP_OK;
}

static int read_sections(struct llmp_reading *reading,
                         const struct llmp_key *key,
                         const struct llmp_node *node,
                         struct llmp_drafts *drafts)
{
    size_t size = key->section->size;
    size_t i = 0;

    if (node->kind != LLMP_NODE_LIST)
        return wrong_type(reading, key, node, "a list");
    if (node->count < key->min || node->count > key->max)
        return llmp_reading_fail(reading, node, LLMP_E_INVALID,
                                 "'%s' must have from %llu to %llu entries",
                                 key->name, (unsigned long long)key->min,
                                 (unsigned long long)key->max);
    drafts->node = node;
    drafts->items =
        llmp_config_take_array(&reading->scratch, node->count, size);
    if (!drafts->items)
        return llmp_reading_nomem(reading);
    drafts->count = node->count;
    for (const struct llmp_node *n = node->first; n; n = n->next, i++) {
        if (n->kind != LLMP_NODE_MAP)
            return llmp_reading_fail(reading, n, LLMP_E_TYPE,
                                     "an entry of '%s' must be a mapping, not "
                                     "%s",
                                     key->name, llmp_node_kind_name(n));
        LLMP_TRY(read_section(reading, key->section, n,
                              (char *)drafts->items + i * size));
    }
    return LLMP_OK;
}

static int read_member(struct llmp_reading *reading, const struct llmp_key *key,
                       const struct llmp_node *node, void *draft)
{
    void *place = (char *)draft + key->offset;

    switch (key->kind) {
    case LLMP_KEY_SECTION:
        if (node->kind != LLMP_NODE_MAP)
            return wrong_type(reading, key, node, "a mapping");
        return read_section(reading, key->section, node, place);
    case LLMP_KEY_SECTIONS:
        return read_sections(reading, key, node, place);
    case LLMP_KEY_TEXTS:
    case LLMP_KEY_INTEGERS:
    case LLMP_KEY_PAIRS:
        return read_settings(reading, key, node, place);
    default:
        return read_setting(reading, key, node, setting_at(key, draft));
    }
}

static int read_texts_default(struct llmp_reading *reading,
                              const struct llmp_key *key,
                              struct llmp_settings *settings)
{
    settings->items =
        llmp_config_take(&reading->scratch, sizeof(*settings->items));
    if (!settings->items)
        return llmp_reading_nomem(reading);
    settings->items[0].text = llmp_str_of(key->fallback);
    settings->count = 1;
    return LLMP_OK;
}

static int read_default(struct llmp_reading *reading,
                        const struct llmp_key *key,
                        const struct llmp_node *parent, void *draft)
{
    void *place = (char *)draft + key->offset;

    if (key->required)
        return llmp_reading_fail(reading, parent, LLMP_E_INVALID,
                                 "'%s' is missing", key->name);
    if (key->kind == LLMP_KEY_SECTION)
        return read_section(reading, key->section, NULL, place);
    if (!key->fallback)
        return LLMP_OK;
    if (key->kind == LLMP_KEY_TEXTS)
        return read_texts_default(reading, key, place);
    setting_at(key, draft)->text = llmp_str_of(key->fallback);
    return parse_setting(reading, key, setting_at(key, draft));
}

static bool is_container(const struct llmp_key *key)
{
    return key->kind == LLMP_KEY_SECTION || key->kind == LLMP_KEY_SECTIONS ||
           key->kind == LLMP_KEY_PAIRS;
}

/* "models:" with everything below it commented out is as good as nothing. */
static const struct llmp_node *written(const struct llmp_key *key,
                                       const struct llmp_node *section)
{
    const struct llmp_node *node =
        llmp_node_member(section, llmp_str_of(key->name));

    return is_container(key) && llmp_node_is_null(node) ? NULL : node;
}

static int unknown_key(struct llmp_reading *reading,
                       const struct llmp_section *section,
                       const struct llmp_node *node)
{
    struct llmp_guess guess = llmp_guess_begin(node->key->text);

    for (size_t i = 0; i < section->key_count; i++)
        llmp_guess_offer(&guess, llmp_str_of(section->keys[i].name));
    return llmp_reading_fail(
        reading, node->key, LLMP_E_INVALID, "unknown key '%s'%s",
        llmp_show(node->key->text).text, llmp_guess_hint(&guess).text);
}

static const struct llmp_key *find_key(const struct llmp_section *section,
                                       struct llmp_str name)
{
    for (size_t i = 0; i < section->key_count; i++)
        if (llmp_str_eq(llmp_str_of(section->keys[i].name), name))
            return &section->keys[i];
    return NULL;
}

static int read_section(struct llmp_reading *reading,
                        const struct llmp_section *section,
                        const struct llmp_node *node, void *draft)
{
    *(const struct llmp_node **)draft = node;
    for (const struct llmp_node *n = node ? node->first : NULL; n;
         n = n->next) {
        const struct llmp_key *key = find_key(section, n->key->text);

        if (!key)
            return unknown_key(reading, section, n);
        if (written(key, node))
            LLMP_TRY(read_member(reading, key, n, draft));
    }
    for (size_t i = 0; i < section->key_count; i++) {
        const struct llmp_key *key = &section->keys[i];

        /* Required keys matter only in sections that were written; the root
         * always is. */
        if (written(key, node) ||
            (key->required && !node && section != &llmp_config_section))
            continue;
        LLMP_TRY(read_default(reading, key, node, draft));
    }
    return LLMP_OK;
}

int llmp_draft_read(struct llmp_draft *draft, struct llmp_reading *reading,
                    const struct llmp_node *root)
{
    if (llmp_node_is_null(root))
        root = NULL;
    if (root && root->kind != LLMP_NODE_MAP)
        return llmp_reading_fail(reading, root, LLMP_E_TYPE,
                                 "a configuration is a mapping, not %s",
                                 llmp_node_kind_name(root));
    return read_section(reading, &llmp_config_section, root, draft);
}
