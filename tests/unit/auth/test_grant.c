/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a grant is within another exactly if nothing is wider.
 * Method: one field at a time; random pattern lists, where "within" must agree
 * with trying every name.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth_fixture.h"

static const struct llmp_grant plain = { .size = sizeof(plain),
                                         .role = LLMP_ROLE_USER };

static const char *wider(const struct llmp_grant *wanted,
                         const struct llmp_grant *grantor)
{
    const char *field = NULL;
    int rc = llmp_grant_check(wanted, grantor, &field);

    assert_int_equal(rc, field ? LLMP_AUTH_GRANT_WIDER : LLMP_OK);
    return field ? field : "";
}

static void numbers_and_ends(void **state)
{
    struct llmp_grant a = plain, b = plain;

    (void)state;
    assert_string_equal(wider(&a, NULL), "");
    assert_string_equal(wider(&a, &b), "");
    for (unsigned i = 0; llmp_grant_limit_name(i); i++) {
        b.limits[i] = 10;
        assert_string_equal(wider(&a, &b), llmp_grant_limit_name(i));
        a.limits[i] = 11;
        assert_string_equal(wider(&a, &b), llmp_grant_limit_name(i));
        a.limits[i] = 10;
        assert_string_equal(wider(&a, &b), "");
    }
    b.expires_ns = 5;
    assert_string_equal(wider(&a, &b), "expires");
    a.expires_ns = 5;
    assert_string_equal(wider(&a, &b), "");
    b.role = LLMP_ROLE_SERVICE;
    assert_string_equal(wider(&a, &b), "role");
}

static void chains_give_the_least(void **state)
{
    struct llmp_grant top = plain, middle = plain, low = plain;

    (void)state;
    middle.grantor = &top;
    low.grantor = &middle;
    top.limits[0] = 100;
    middle.limits[0] = 0;
    low.limits[0] = 200;
    assert_int_equal(llmp_grant_limit(&low, 0), 100);
    assert_int_equal(llmp_grant_limit(&low, 1), 0);
    assert_int_equal(llmp_grant_limit(NULL, 0), 0);
    assert_int_equal(llmp_grant_limit(&low, 99), 0);
    middle.expires_ns = 7;
    low.expires_ns = 9;
    assert_int_equal(llmp_grant_expires_ns(&low), 7);
    assert_string_equal(wider(&plain, &middle), "expires");
    middle.expires_ns = 0;
    assert_string_equal(wider(&plain, &middle), "requests_per_minute");
    top.grantor = &low;
    assert_int_equal(llmp_grant_check(&plain, &low, NULL), LLMP_E_LIMIT);
    assert_int_equal(llmp_grant_limit(&low, 1), 1);
    assert_false(llmp_grant_has_model(&low, S("m")));
    assert_false(llmp_grant_has_route(&low, S("m")));
}

static void a_star_inside_is_a_letter(void **state)
{
    struct llmp_str two = S("a**"), one = S("a*");
    struct llmp_grant a = plain, b = plain;

    (void)state;
    a.models = &one;
    b.models = &two;
    a.model_count = b.model_count = 1;
    assert_string_equal(wider(&a, &b), "models");
    assert_string_equal(wider(&b, &a), "");
}

/* Texts of up to three letters of {a, b}, perhaps with a star. */
static struct llmp_str pattern_make(char out[4], uint8_t random)
{
    size_t len = random % 3u + (random & 0x80 ? 0 : 1), i;

    for (i = 0; i < len; i++)
        out[i] = random >> (i + 2) & 1 ? 'a' : 'b';
    if (random & 0x80)
        out[i++] = '*';
    return (struct llmp_str){ out, i };
}

static bool any_has(const struct llmp_grant *narrow,
                    const struct llmp_grant *wide)
{
    /* Every name of up to five letters: longer than any pattern. */
    for (unsigned len = 1; len <= 5; len++)
        for (unsigned bits = 0; bits < 1u << len; bits++) {
            char name[5];

            for (unsigned i = 0; i < len; i++)
                name[i] = bits >> i & 1 ? 'a' : 'b';
            if (llmp_grant_has_model(narrow, (struct llmp_str){ name, len }) &&
                !llmp_grant_has_model(wide, (struct llmp_str){ name, len }))
                return true;
        }
    return false;
}

static void patterns_agree_with_names(void **state)
{
    uint64_t seed = 11;
    unsigned within = 0;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        uint8_t random[8];
        char texts[6][4];
        struct llmp_str list[6];
        struct llmp_grant narrow = plain, wide = plain;
        const char *field = NULL;
        bool ok;

        fixture_fill(random, sizeof(random), &seed);
        for (unsigned i = 0; i < 6; i++)
            list[i] = pattern_make(texts[i], random[i]);
        narrow.models = list;
        narrow.model_count = random[6] % 4;
        wide.models = list + 3;
        wide.model_count = random[7] % 4;
        ok = llmp_grant_check(&narrow, &wide, &field) == LLMP_OK;
        /* Never wider; it may refuse what only several patterns together
         * would cover. */
        if (ok)
            assert_false(any_has(&narrow, &wide));
        within += ok;
    }
    assert_true(within > 3000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_and_ends),
        cmocka_unit_test(chains_give_the_least),
        cmocka_unit_test(a_star_inside_is_a_letter),
        cmocka_unit_test(patterns_agree_with_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
