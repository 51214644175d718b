/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: each disguise is what its standard says, for bytes of any kind, and
 * within the room it was promised; the shipped attacks are well formed, and a
 * line that is not is named.
 * Method: vectors from the standards or written by hand; every byte and many
 * texts of random bytes through every encoding.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "mem.h"
#include "redteam_attacks.h"
#include "redteam_encode.h"

static struct llmp_str str(const char *text)
{
    return (struct llmp_str){ text, strlen(text) };
}

static const struct gw_encoding *find(const char *name)
{
    for (size_t i = 0; i < gw_encoding_count; i++)
        if (strcmp(gw_encodings[i].name, name) == 0)
            return &gw_encodings[i];
    fail_msg("no encoding %s", name);
    return NULL;
}

static void encodes_known_vectors(void **state)
{
    static const struct {
        const char *name, *text, *want; /* NULL: it does not apply */
    } vectors[] = {
        { "plain", "as is", "as is" },
        { "upper", "aя1ё", "AЯ1Ё" },
        { "upper", "A1", NULL },
        /* RFC 4648, 10 */
        { "base64", "f", "Zg==" },
        { "base64", "fo", "Zm8=" },
        { "base64", "foo", "Zm9v" },
        { "base64", "foob", "Zm9vYg==" },
        { "base64", "fooba", "Zm9vYmE=" },
        { "base64", "foobar", "Zm9vYmFy" },
        { "base64x2", "foobar", "Wm05dlltRnk=" },
        { "hex", "az\xff", "617aff" },
        { "percent", "a z", "%61%20%7A" },
        { "entities", "a€😀", "&#97;&#8364;&#128512;" },
        { "json", "a€😀", "\\u0061\\u20ac\\ud83d\\ude00" },
        { "rot13", "Hello, xyz", "Uryyb, klm" },
        { "rot13", "Привет", NULL },
        { "leet", "aeiost AB", "431057 4B" },
        { "spaced", "to be", "t o b e" },
        { "spaced", "да", "д а" },
        { "zerowidth", "ab",
          "a\xe2\x80\x8b"
          "b" },
        { "lookalike", "pax", "рах" },
        { "lookalike", "рах", "pax" },
        { "fullwidth", "a 1", "ａ １" },
        { "tags", "a b", "\xf3\xa0\x81\xa1\xf3\xa0\x80\xa0\xf3\xa0\x81\xa2" },
        { "bidi", "ab c",
          "\xe2\x80\xae"
          "ba\xe2\x80\xac \xe2\x80\xae"
          "c\xe2\x80\xac" },
        { "reversed", "aя€", "€яa" },
        { "reversed", "aba", NULL },
        { "morse", "SOS me 1", "... --- ... / -- . / .----" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct llmp_str out = { NULL, 0 };
        int rc = gw_encode(&out, find(vectors[i].name), str(vectors[i].text));

        print_message("# %s of %s\n", vectors[i].name, vectors[i].text);
        assert_int_equal(rc, vectors[i].want ? LLMP_OK : LLMP_MISS);
        if (rc != LLMP_OK) {
            assert_null(out.ptr);
            continue;
        }
        assert_int_equal(out.len, strlen(vectors[i].want));
        assert_memory_equal(out.ptr, vectors[i].want, out.len);
        gw_free((void *)out.ptr);
    }
}

/* Under a sanitizer this is also a test of what is read and written. */
static void keeps_within_its_room(void **state)
{
    uint32_t seed = 1;

    (void)state;
    for (int round = 0; round < 300; round++) {
        char text[40];
        size_t len = (size_t)round % sizeof(text) + 1;

        for (size_t i = 0; i < len; i++) {
            seed = seed * 1664525 + 1013904223;
            text[i] = (char)(seed >> 24);
        }
        for (size_t e = 0; e < gw_encoding_count; e++) {
            char *out = gw_alloc(GW_ENCODED_MAX(len));
            size_t got;

            assert_non_null(out);
            got = gw_encodings[e].run(out, (struct llmp_str){ text, len });
            assert_true(got <= GW_ENCODED_MAX(len));
            gw_free(out);
        }
    }
}

/* Done twice, these give what they were given. */
static void goes_back(void **state)
{
    static const char *const names[] = { "rot13", "reversed", "lookalike" };
    const char text[] = "Quick Wafting Zephyrs vex bold jim";

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        struct llmp_str once, twice;

        assert_int_equal(gw_encode(&once, find(names[i]), str(text)), LLMP_OK);
        assert_memory_not_equal(once.ptr, text, 5);
        char *back = gw_alloc(GW_ENCODED_MAX(once.len));

        assert_non_null(back);
        twice = (struct llmp_str){ back, find(names[i])->run(back, once) };
        assert_int_equal(twice.len, strlen(text));
        assert_memory_equal(twice.ptr, text, twice.len);
        gw_free((void *)once.ptr);
        gw_free(back);
    }
}

static void ships_enough_of_each_family(void **state)
{
    struct gw_attacks attacks = { .items = NULL };
    size_t counts[GW_FAMILIES_MAX] = { 0 }, cyrillic[GW_FAMILIES_MAX] = { 0 };
    size_t harmless = 0;

    (void)state;
    assert_true(gw_attacks_add_shipped(&attacks));
    for (size_t i = 0; i < attacks.count; i++) {
        const struct gw_attack *attack = &attacks.items[i];

        counts[attack->family]++;
        cyrillic[attack->family] +=
            memchr(attack->text.ptr, 0xd0, attack->text.len) != NULL;
        for (size_t k = 0; k < i; k++)
            assert_false(attacks.items[k].text.len == attack->text.len &&
                         memcmp(attacks.items[k].text.ptr, attack->text.ptr,
                                attack->text.len) == 0);
    }
    for (uint32_t f = 0; f < attacks.family_count; f++) {
        print_message("# %s\n", attacks.families[f].name);
        assert_true(counts[f] >= 15);
        assert_true(cyrillic[f] >= 2);
        harmless += attacks.families[f].harmless;
    }
    assert_int_equal(harmless, 1);
    gw_attacks_fini(&attacks);
}

static void says_which_line_is_wrong(void **state)
{
    static const struct {
        const char *lines, *says; /* NULL: they are good */
    } files[] = {
        { "", NULL },
        { "\n{\"family\":\"a\",\"text\":\"x\"}\r\n", NULL },
        { "{\"family\":\"a\",\"text\":\"x\"}\n{", "f:2: it is no JSON" },
        { "{\"family\":\"a\"}", "f:1: 'family' and 'text' are needed" },
        { "{\"family\":1,\"text\":\"x\"}", "f:1: 'family' and 'text'" },
        { "{\"family\":\"a b\",\"text\":\"x\"}", "f:1: a family has a name" },
        { "{\"family\":\"\",\"text\":\"x\"}", "f:1: a family has a name" },
        { "{\"family\":\"a\",\"text\":\"x\",\"part\":\"mouth\"}",
          "f:1: there is no such part" },
        { "{\"family\":\"a\",\"text\":\"x\",\"part\":7}", "f:1: 'part' is a" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct gw_attacks attacks = { .items = NULL };
        char message[256] = "";
        bool good = gw_attacks_add(&attacks, str(files[i].lines), "f", message);

        print_message("# file %zu\n", i);
        assert_int_equal(good, files[i].says == NULL);
        if (files[i].says)
            assert_non_null(strstr(message, files[i].says));
        gw_attacks_fini(&attacks);
    }
}

static void reads_all_of_a_line(void **state)
{
    struct gw_attacks attacks = { .items = NULL };
    char message[256];

    (void)state;
    assert_true(gw_attacks_add(&attacks,
                               str("{\"family\":\"mine\",\"part\":\"document\","
                                   "\"text\":\"a\\u00e9\"}\n"
                                   "{\"family\":\"harmless\",\"text\":\"b\"}"),
                               "f", message));
    assert_int_equal(attacks.count, 2);
    assert_int_equal(attacks.items[0].part, LLMP_GUARD_DOCUMENT);
    assert_int_equal(attacks.items[0].text.len, 3);
    assert_memory_equal(attacks.items[0].text.ptr, "a\xc3\xa9", 3);
    assert_int_equal(attacks.items[1].part, LLMP_GUARD_USER);
    assert_false(attacks.families[attacks.items[0].family].harmless);
    assert_true(attacks.families[attacks.items[1].family].harmless);
    gw_attacks_fini(&attacks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodes_known_vectors),
        cmocka_unit_test(keeps_within_its_room),
        cmocka_unit_test(goes_back),
        cmocka_unit_test(ships_enough_of_each_family),
        cmocka_unit_test(says_which_line_is_wrong),
        cmocka_unit_test(reads_all_of_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
