/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the checksum is CRC-32C, by instruction and by table.
 * Method: the values of RFC 3720, B.4; both ways over every length and offset.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <string.h>

#include "journal/crc32c.h"

static void it_is_the_standard_one(void **state)
{
    uint8_t bytes[32];
    (void)state;

    memset(bytes, 0, sizeof(bytes));
    assert_int_equal(llmp_crc32c(0, bytes, 32), 0x8A9136AA);
    memset(bytes, 0xFF, sizeof(bytes));
    assert_int_equal(llmp_crc32c(0, bytes, 32), 0x62A8AB43);
    for (uint8_t i = 0; i < 32; i++)
        bytes[i] = i;
    assert_int_equal(llmp_crc32c(0, bytes, 32), 0x46DD794E);
    assert_int_equal(llmp_crc32c(0, "123456789", 9), 0xE3069283);
}

static void both_ways_agree_and_pieces_add_up(void **state)
{
    uint8_t bytes[80];
    (void)state;

    for (uint8_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)(i * 37 + 11);
    for (size_t from = 0; from < 9; from++)
        for (size_t size = 0; size + from <= sizeof(bytes); size++) {
            uint32_t whole = llmp_crc32c(7, bytes + from, size);
            size_t cut = size / 3;

            assert_int_equal(whole, llmp_crc32c_plain(7, bytes + from, size));
            assert_int_equal(whole,
                             llmp_crc32c(llmp_crc32c(7, bytes + from, cut),
                                         bytes + from + cut, size - cut));
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_the_standard_one),
        cmocka_unit_test(both_ways_agree_and_pieces_add_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
