/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is sealed opens under the same pepper for the same thing, whole,
 * and nowhere else; what is derived tells purposes and peppers apart.
 * Method: round trips of several sizes, then every byte changed in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth_fixture.h"

static uint64_t seed = 9;
static const struct llmp_random random_source = { fixture_fill, &seed };

static struct llmp_pepper pepper_of(const char *text)
{
    struct llmp_pepper pepper;

    assert_int_equal(llmp_pepper_make(&pepper, llmp_str_of(text)), LLMP_OK);
    return pepper;
}

static void a_short_pepper_is_refused(void **state)
{
    struct llmp_pepper pepper;

    (void)state;
    assert_int_equal(llmp_pepper_make(&pepper, S("fifteen bytes..")),
                     LLMP_E_LIMIT);
    assert_int_equal(llmp_pepper_make(&pepper, S("sixteen bytes...")), LLMP_OK);
}

static void what_is_derived_differs(void **state)
{
    struct llmp_pepper one = pepper_of("a pepper, number one");
    struct llmp_pepper two = pepper_of("a pepper, number two");
    uint8_t a[32], b[32], c[32], again[32];

    (void)state;
    llmp_pepper_derive(a, &one, S("tokens"));
    llmp_pepper_derive(b, &one, S("other"));
    llmp_pepper_derive(c, &two, S("tokens"));
    llmp_pepper_derive(again, &one, S("tokens"));
    assert_memory_equal(a, again, 32);
    assert_memory_not_equal(a, b, 32);
    assert_memory_not_equal(a, c, 32);
    assert_memory_not_equal(a, one.bytes, 32);
}

static void what_is_sealed_opens(void **state)
{
    struct llmp_pepper pepper = pepper_of("a pepper, number one");
    char text[64] = "what nobody else should read, whatever its length may be";
    uint8_t sealed[64 + LLMP_SEAL_OVERHEAD], twice[64 + LLMP_SEAL_OVERHEAD];
    uint8_t open[64];

    (void)state;
    for (size_t len = 0; len <= sizeof(text); len += 16) {
        struct llmp_str bytes = { text, len };
        struct llmp_str whole = { (char *)sealed, len + LLMP_SEAL_OVERHEAD };

        llmp_pepper_seal(sealed, &pepper, S("anna"), bytes, &random_source);
        llmp_pepper_seal(twice, &pepper, S("anna"), bytes, &random_source);
        assert_memory_not_equal(sealed, twice, whole.len);
        assert_int_equal(llmp_pepper_open(open, &pepper, S("anna"), whole),
                         LLMP_OK);
        assert_memory_equal(open, text, len);
    }
}

static void it_opens_nowhere_else(void **state)
{
    struct llmp_pepper pepper = pepper_of("a pepper, number one");
    struct llmp_pepper other = pepper_of("a pepper, number two");
    uint8_t sealed[20 + LLMP_SEAL_OVERHEAD], open[20];
    struct llmp_str whole = { (char *)sealed, sizeof(sealed) };

    (void)state;
    llmp_pepper_seal(sealed, &pepper, S("anna"), S("twenty bytes of this"),
                     &random_source);
    assert_int_equal(llmp_pepper_open(open, &pepper, S("bert"), whole),
                     LLMP_E_INVALID);
    assert_int_equal(llmp_pepper_open(open, &other, S("anna"), whole),
                     LLMP_E_INVALID);
    for (size_t len = 0; len < sizeof(sealed); len++)
        assert_int_equal(
            llmp_pepper_open(open, &pepper, S("anna"),
                             (struct llmp_str){ (char *)sealed, len }),
            LLMP_E_INVALID);
    for (size_t i = 0; i < sizeof(sealed); i++) {
        sealed[i] ^= 1;
        assert_int_equal(llmp_pepper_open(open, &pepper, S("anna"), whole),
                         LLMP_E_INVALID);
        sealed[i] ^= 1;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_short_pepper_is_refused),
        cmocka_unit_test(what_is_derived_differs),
        cmocka_unit_test(what_is_sealed_opens),
        cmocka_unit_test(it_opens_nowhere_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
