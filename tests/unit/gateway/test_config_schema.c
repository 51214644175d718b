/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the table is sound, and what is generated from it has every key.
 * Method: walk the table; look each key up in both texts.
 */
#include "gateway/config_schema.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "config_fixture.h"

static struct collected schema, reference;

static size_t draft_size(const struct llmp_key *key)
{
    switch (key->kind) {
    case LLMP_KEY_TEXTS:
    case LLMP_KEY_INTEGERS:
    case LLMP_KEY_PAIRS:
        return sizeof(struct llmp_settings);
    case LLMP_KEY_SECTION:
        return key->section->size;
    case LLMP_KEY_SECTIONS:
        return sizeof(struct llmp_drafts);
    default:
        return sizeof(struct llmp_setting);
    }
}

static void check_key(const struct llmp_section *section,
                      const struct llmp_key *key)
{
    bool number = key->kind == LLMP_KEY_COUNT || key->kind == LLMP_KEY_SIZE ||
                  key->kind == LLMP_KEY_DURATION;
    bool bounded = number || key->kind == LLMP_KEY_TEXTS ||
                   key->kind == LLMP_KEY_INTEGERS ||
                   key->kind == LLMP_KEY_PAIRS ||
                   key->kind == LLMP_KEY_SECTIONS;
    bool nested =
        key->kind == LLMP_KEY_SECTION || key->kind == LLMP_KEY_SECTIONS;
    char text[512];

    print_message("# %s.%s\n", section->name, key->name);
    assert_true(key->offset + draft_size(key) <= section->size);
    assert_int_equal(key->choices != NULL, key->kind == LLMP_KEY_CHOICE);
    assert_int_equal(key->section != NULL, nested);
    assert_int_equal(key->max > 0, bounded);
    assert_true(key->min <= key->max);
    assert_false(key->required && key->fallback);
    assert_true(!number || key->fallback);

    (void)snprintf(text, sizeof(text), "\"%s\":{\"description\":\"%s\",",
                   key->name, key->help);
    assert_non_null(strstr(schema.text, text));
    (void)snprintf(text, sizeof(text), "| `%s` | ", key->name);
    assert_non_null(strstr(reference.text, text));
    assert_non_null(strstr(reference.text, key->help));
}

static void check_section(const struct llmp_section *section, size_t depth)
{
    assert_true(depth < 8);
    for (size_t i = 0; i < section->key_count; i++) {
        const struct llmp_key *key = &section->keys[i];

        check_key(section, key);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(section->keys[j].name, key->name);
            /* No two keys share a place. */
            assert_true(
                section->keys[j].offset + draft_size(&section->keys[j]) <=
                    key->offset ||
                key->offset + draft_size(key) <= section->keys[j].offset);
        }
        if (key->section)
            check_section(key->section, depth + 1);
    }
}

static void the_table_is_sound_and_written_out(void **state)
{
    (void)state;
    llmp_config_write_schema(collect, &schema);
    llmp_config_write_reference(collect, &reference);
    check_section(&llmp_config_section, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_is_sound_and_written_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
