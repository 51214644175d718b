/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an object is its owner's and nobody else's, and an id is nothing but
 * one.
 * Method: tables of makers and callers, of texts.
 */
#include "gateway/objects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"

struct who {
    const char *key, *user, *team, *org;
};

static struct llmp_object_owner owner_of(const struct who *who)
{
    return (struct llmp_object_owner){ llmp_str_of(who->key),
                                       llmp_str_of(who->user),
                                       llmp_str_of(who->team),
                                       llmp_str_of(who->org) };
}

static const struct {
    struct who maker, caller;
    bool is, is_alone; /* its; its if the caller shares with nobody */
} cases[] = {
    { { "k1", "ann", "red", "acme" }, { "k1", "ann", "red", "acme" }, 1, 1 },
    { { "k1", "ann", "red", "acme" }, { "k2", "bob", "red", "acme" }, 1, 0 },
    { { "k1", "ann", "red", "acme" }, { "k1", "ann", "blue", "acme" }, 0, 0 },
    { { "k1", "ann", "red", "acme" }, { "k1", "ann", "red", "other" }, 0, 0 },
    { { "k1", "ann", "red", "acme" }, { "k1", "ann", "red", "" }, 0, 0 },
    { { "k1", "ann", "red", "" }, { "k1", "ann", "", "" }, 0, 0 },
    { { "k1", "ann", "", "" }, { "k1", "ann", "red", "" }, 0, 0 },
    { { "k1", "ann", "", "acme" }, { "k2", "", "", "acme" }, 1, 0 },
    { { "k1", "ann", "", "" }, { "k2", "ann", "", "" }, 1, 1 },
    { { "k1", "ann", "", "" }, { "k1", "bob", "", "" }, 0, 0 },
    { { "k1", "ann", "", "" }, { "k1", "", "", "" }, 0, 0 },
    { { "k1", "", "", "" }, { "k1", "ann", "", "" }, 0, 0 },
    { { "k1", "", "", "" }, { "k1", "", "", "" }, 1, 1 },
    { { "k1", "", "", "" }, { "k2", "", "", "" }, 0, 1 },
};

static void it_is_its_owners(void **state)
{
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_object object = { .found = true,
                                      .owner = owner_of(&cases[i].maker) };
        struct llmp_object_owner caller = owner_of(&cases[i].caller);

        print_message("# %zu\n", i);
        assert_int_equal(llmp_object_is_of(&object, &caller, false),
                         cases[i].is);
        if (cases[i].caller.user[0]) /* an end user has a name */
            assert_int_equal(llmp_object_is_of(&object, &caller, true),
                             cases[i].is_alone);
        object.found = false;
        assert_false(llmp_object_is_of(&object, &caller, false));
    }
}

static void an_id_is_plain(void **state)
{
    static const struct llmp_str good[] = { LLMP_STR("file-abc123"),
                                            LLMP_STR("batch_1"),
                                            LLMP_STR("resp_0A") };
    static const struct llmp_str bad[] = {
        { "", 0 },         LLMP_STR("a/b"), LLMP_STR(".."),
        LLMP_STR("a.b"),   { "a\0b", 3 },   LLMP_STR("a b"),
        LLMP_STR("a%2fb"), LLMP_STR("a?b"), LLMP_STR("\xC3\xA4"),
    };
    char text[LLMP_STORE_NAME_MAX + 1];
    (void)state;

    for (size_t i = 0; i < LLMP_COUNT(good); i++)
        assert_true(llmp_object_is_id(good[i]));
    for (size_t i = 0; i < LLMP_COUNT(bad); i++)
        assert_false(llmp_object_is_id(bad[i]));
    memset(text, 'a', sizeof(text));
    assert_true(llmp_object_is_id((struct llmp_str){ text, sizeof(text) - 1 }));
    assert_false(llmp_object_is_id((struct llmp_str){ text, sizeof(text) }));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_its_owners),
        cmocka_unit_test(an_id_is_plain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
