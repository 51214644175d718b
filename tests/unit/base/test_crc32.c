/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the checksum is the one everybody else computes, at any size, place in
 * memory and cut.
 * Method: published check values, and the definition, bit by bit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/crc32.h"
#include "base/internal.h"
#include "base/str.h"

static uint32_t by_definition(const uint8_t *at, size_t size)
{
    uint32_t crc = 0xFFFFFFFFu;

    for (size_t i = 0; i < size * 8; i++) {
        uint32_t bit = (crc ^ (uint32_t)(at[i / 8] >> (i % 8))) & 1;

        crc = crc >> 1 ^ (bit ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static void known_values(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t crc;
    } steps[] = {
        { "", 0 },
        { "123456789", 0xCBF43926u },
        { "The quick brown fox jumps over the lazy dog", 0x414FA339u },
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++)
        assert_int_equal(llmp_crc32(0, steps[i].text, strlen(steps[i].text)),
                         steps[i].crc);
}

static void every_size_place_and_cut(void **state)
{
    (void)state;
    uint8_t bytes[80];

    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 151 + 13);
    for (size_t at = 0; at < 8; at++)
        for (size_t size = 0; size <= 64; size++) {
            uint32_t expected = by_definition(bytes + at, size);

            for (size_t cut = 0; cut <= size; cut++) {
                uint32_t crc = llmp_crc32(0, bytes + at, cut);

                assert_int_equal(llmp_crc32(crc, bytes + at + cut, size - cut),
                                 expected);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(every_size_place_and_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
