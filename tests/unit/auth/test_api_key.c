/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: keys have the published form, any change of one is noticed, and the
 * stored hash is what anybody with the pepper can recompute.
 * Method: known checksums, every character of keys changed in every way,
 * repeatable randomness.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth_fixture.h"

#define CRC_ZEROS   "2C8GjS"
#define CRC_LETTERS "34KlM6"
#define B2SUM       "a74de08b055b77e059052cbf77366f69d7f4a61ea8f7dfd11c6e7221c33d1d55"

static const char digits[] =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

static struct llmp_str key_str(const char *key)
{
    return (struct llmp_str){ key, LLMP_API_KEY_LEN };
}

static void make(char key[LLMP_API_KEY_SIZE], uint64_t seed)
{
    struct llmp_random random = { fixture_fill, &seed };

    llmp_api_key_make(key, &random);
}

static void checksums_are_crc32(void **state)
{
    (void)state;
    /* CRC-32 by another implementation, in Base62. */
    static const char *const keys[] = {
        "llmgw_000000000000000000000000000000" CRC_ZEROS,
        "llmgw_ABCDEFGHIJKLMNOPQRSTUVWXYZabcd" CRC_LETTERS,
    };

    for (size_t i = 0; i < LLMP_COUNT(keys); i++)
        assert_true(llmp_api_key_is_valid(llmp_str_of(keys[i])));
}

static void made_keys_are_valid_and_differ(void **state)
{
    char key[LLMP_API_KEY_SIZE], before[LLMP_API_KEY_SIZE] = "";
    unsigned seen[62] = { 0 };

    (void)state;
    for (uint64_t seed = 1; seed <= 2000; seed++) {
        make(key, seed);
        assert_int_equal(strlen(key), LLMP_API_KEY_LEN);
        assert_true(llmp_api_key_is_valid(key_str(key)));
        assert_string_not_equal(key, before);
        memcpy(before, key, sizeof(key));
        for (size_t i = 6; i < 36; i++)
            seen[strchr(digits, key[i]) - digits]++;
    }
    /* 60,000 digits: 968 of each, give or take six deviations. */
    for (size_t i = 0; i < 62; i++)
        assert_in_range(seen[i], 780, 1160);
}

static void every_change_is_noticed(void **state)
{
    char key[LLMP_API_KEY_SIZE];

    (void)state;
    make(key, 7);
    for (size_t i = 0; i < LLMP_API_KEY_LEN; i++) {
        char was = key[i];

        for (int c = 0; c < 256; c++) {
            key[i] = (char)c;
            assert_int_equal(llmp_api_key_is_valid(key_str(key)),
                             key[i] == was);
        }
        key[i] = was;
    }
    for (size_t len = 0; len < LLMP_API_KEY_LEN; len++)
        assert_false(llmp_api_key_is_valid((struct llmp_str){ key, len }));
    assert_false(
        llmp_api_key_is_valid((struct llmp_str){ key, LLMP_API_KEY_SIZE }));
    /* 6 digits hold more than 32 bits. */
    memcpy(key + 36, "zzzzzz", 6);
    assert_false(llmp_api_key_is_valid(key_str(key)));
}

static void hash_is_blake2b_of_pepper_and_key(void **state)
{
    /* printf of 32 times 'p' and the key, by `b2sum -l 256`. */
    static const char expected[] = B2SUM;
    struct llmp_pepper pepper;
    uint8_t hash[LLMP_KEY_HASH_SIZE];
    char hex[65];

    (void)state;
    memset(&pepper, 'p', sizeof(pepper));
    llmp_api_key_hash(hash, &pepper,
                      S("llmgw_000000000000000000000000000000" CRC_ZEROS));
    for (size_t i = 0; i < sizeof(hash); i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    assert_string_equal(hex, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksums_are_crc32),
        cmocka_unit_test(made_keys_are_valid_and_differ),
        cmocka_unit_test(every_change_is_noticed),
        cmocka_unit_test(hash_is_blake2b_of_pepper_and_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
