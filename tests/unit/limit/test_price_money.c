/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: decimal text is read and written exactly; currencies convert both
 * ways, rounded up, and not at all without a rate.
 * Method: tables at the edges; random amounts written and read again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "random_usage.h"

static void decimals_are_read_exactly(void **state)
{
    static const struct {
        const char *text;
        int rc;
        uint64_t nanos;
    } cases[] = {
        { "0", LLMP_OK, 0 },
        { "2.50", LLMP_OK, 2500000000 },
        { "0.0025", LLMP_OK, 2500000 },
        { "0.000000001", LLMP_OK, 1 },
        { "007", LLMP_OK, 7000000000 },
        { "0.0000000010", LLMP_E_SYNTAX, 0 }, /* ten digits */
        { "9223372036.854775807", LLMP_OK, INT64_MAX },
        { "9223372036.854775808", LLMP_E_LIMIT, 0 },
        { "9223372037", LLMP_E_LIMIT, 0 },
        { "99999999999999999999999999999", LLMP_E_LIMIT, 0 },
        { "", LLMP_E_SYNTAX, 0 },
        { ".5", LLMP_E_SYNTAX, 0 },
        { "5.", LLMP_E_SYNTAX, 0 },
        { "-1", LLMP_E_SYNTAX, 0 },
        { "+1", LLMP_E_SYNTAX, 0 },
        { "1e3", LLMP_E_SYNTAX, 0 },
        { "1,5", LLMP_E_SYNTAX, 0 },
        { " 1", LLMP_E_SYNTAX, 0 },
        { "1 ", LLMP_E_SYNTAX, 0 },
        { "1.2.3", LLMP_E_SYNTAX, 0 },
        { "$1", LLMP_E_SYNTAX, 0 },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        uint64_t nanos = 77;

        print_message("# '%s'\n", cases[i].text);
        assert_int_equal(llmp_nanos_parse(llmp_str_of(cases[i].text), &nanos),
                         cases[i].rc);
        assert_true(nanos == (cases[i].rc == LLMP_OK ? cases[i].nanos : 77));
    }
}

static void what_is_written_is_read_again(void **state)
{
    static const struct {
        uint64_t nanos;
        const char *text;
    } cases[] = {
        { 0, "0" },
        { 1, "0.000000001" },
        { 2500000000, "2.5" },
        { 10000000000, "10" },
        { 1050000000, "1.05" },
        { UINT64_MAX, "18446744073.709551615" },
    };
    char text[LLMP_NANOS_TEXT_MAX];
    uint64_t seed = 3;

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        assert_int_equal(llmp_nanos_write(cases[i].nanos, text),
                         strlen(cases[i].text));
        assert_string_equal(text, cases[i].text);
    }
    for (int i = 0; i < 20000; i++) {
        uint64_t nanos = random_u64(&seed) >> (1 + i % 63), again;

        (void)llmp_nanos_write(nanos, text);
        assert_int_equal(llmp_nanos_parse(llmp_str_of(text), &again), LLMP_OK);
        assert_true(again == nanos);
    }
}

static void currencies_convert_with_a_rate_only(void **state)
{
    static const struct llmp_rate rates[] = {
        { LLMP_STR("USD"), LLMP_STR("RUB"), 925, 10 },
        { LLMP_STR("EUR"), LLMP_STR("USD"), 3, 2 },
        { LLMP_STR("USD"), LLMP_STR("RUB"), 1, 1 }, /* never reached */
    };
    static const struct {
        uint64_t nanos;
        const char *from, *to;
        int rc;
        uint64_t out;
    } cases[] = {
        { 5, "USD", "USD", LLMP_OK, 5 },
        { UINT64_MAX, "XTS", "XTS", LLMP_OK, UINT64_MAX },
        { 2, "USD", "RUB", LLMP_OK, 185 },
        { 1, "USD", "RUB", LLMP_OK, 93 }, /* 92.5, up */
        { 185, "RUB", "USD", LLMP_OK, 2 },
        { 186, "RUB", "USD", LLMP_OK, 3 },
        { 0, "RUB", "USD", LLMP_OK, 0 },
        { LLMP_NANOS_MAX, "USD", "RUB", LLMP_OK, LLMP_NANOS_MAX },
        { 1, "EUR", "RUB", LLMP_MISS, 77 }, /* no chains */
        { 1, "GBP", "USD", LLMP_MISS, 77 },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        uint64_t out = 77;

        print_message("# case %zu\n", i);
        assert_int_equal(llmp_nanos_convert(cases[i].nanos,
                                            llmp_str_of(cases[i].from),
                                            llmp_str_of(cases[i].to), rates,
                                            LLMP_COUNT(rates), &out),
                         cases[i].rc);
        assert_true(out == cases[i].out);
    }

    uint64_t out = 77;

    assert_int_equal(
        llmp_nanos_convert(1, LLMP_STR("USD"), LLMP_STR("RUB"), NULL, 0, &out),
        LLMP_MISS);
    assert_int_equal(out, 77);
}

static void amounts_stop_at_the_largest(void **state)
{
    (void)state;
    assert_int_equal(llmp_nanos_add(2, 3), 5);
    assert_true(llmp_nanos_add(LLMP_NANOS_MAX, 1) == LLMP_NANOS_MAX);
    assert_true(llmp_nanos_add(UINT64_MAX, UINT64_MAX) == LLMP_NANOS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decimals_are_read_exactly),
        cmocka_unit_test(what_is_written_is_read_again),
        cmocka_unit_test(currencies_convert_with_a_rate_only),
        cmocka_unit_test(amounts_stop_at_the_largest),
    };

    return cmocka_run_group_tests_name("price_money", tests, NULL, NULL);
}
