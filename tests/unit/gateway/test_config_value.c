/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: numbers with units are exact, never wrap, and are written back short.
 * Method: tables, with the ends of the range.
 */
#include "gateway/config_value.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"

struct row {
    const char *text;
    int rc;
    uint64_t value;
};

static void check(const struct row *rows, size_t count,
                  int (*parse)(struct llmp_str text, uint64_t *out))
{
    for (size_t i = 0; i < count; i++) {
        uint64_t value = 7;

        print_message("# %s\n", rows[i].text);
        assert_int_equal(parse(llmp_str_of(rows[i].text), &value), rows[i].rc);
        assert_true(value == (rows[i].rc == LLMP_OK ? rows[i].value : 7));
    }
}

static void counts(void **state)
{
    static const struct row rows[] = {
        { "0", LLMP_OK, 0 },
        { "007", LLMP_OK, 7 },
        { "18446744073709551615", LLMP_OK, UINT64_MAX },
        { "18446744073709551616", LLMP_E_LIMIT, 0 },
        { "-1", LLMP_E_LIMIT, 0 },
        { "-", LLMP_E_SYNTAX, 0 },
        { "--1", LLMP_E_SYNTAX, 0 },
        { "+1", LLMP_E_SYNTAX, 0 },
        { "", LLMP_E_SYNTAX, 0 },
        { "1.0", LLMP_E_SYNTAX, 0 },
        { "0x10", LLMP_E_SYNTAX, 0 },
        { "1 ", LLMP_E_SYNTAX, 0 },
        { "1KiB", LLMP_E_SYNTAX, 0 },
    };

    (void)state;
    check(rows, LLMP_COUNT(rows), llmp_value_count);
}

static void sizes(void **state)
{
    static const struct row rows[] = {
        { "0", LLMP_OK, 0 },
        { "1B", LLMP_OK, 1 },
        { "1024", LLMP_OK, 1024 },
        { "32MiB", LLMP_OK, 33554432 },
        { "17179869183GiB", LLMP_OK, UINT64_C(17179869183) << 30 },
        { "17179869184GiB", LLMP_E_LIMIT, 0 },
        { "1MB", LLMP_E_SYNTAX, 0 },
        { "1mib", LLMP_E_SYNTAX, 0 },
        { "1 MiB", LLMP_E_SYNTAX, 0 },
        { "MiB", LLMP_E_SYNTAX, 0 },
        { "1.5MiB", LLMP_E_SYNTAX, 0 },
    };

    (void)state;
    check(rows, LLMP_COUNT(rows), llmp_value_size);
}

static void durations(void **state)
{
    static const struct row rows[] = {
        { "0s", LLMP_OK, 0 },
        { "500ms", LLMP_OK, 500 },
        { "30s", LLMP_OK, 30000 },
        { "5m", LLMP_OK, 300000 },
        { "1h", LLMP_OK, 3600000 },
        { "365d", LLMP_OK, UINT64_C(31536000000) },
        { "213503982335d", LLMP_E_LIMIT, 0 },
        { "30", LLMP_E_SYNTAX, 0 },
        { "s", LLMP_E_SYNTAX, 0 },
        { "30S", LLMP_E_SYNTAX, 0 },
        { "1h30m", LLMP_E_SYNTAX, 0 },
        { "-1s", LLMP_E_SYNTAX, 0 },
    };

    (void)state;
    check(rows, LLMP_COUNT(rows), llmp_value_duration);
}

static void values_are_written_short(void **state)
{
    char text[24];

    (void)state;
    llmp_value_write_size(text, 0);
    assert_string_equal(text, "0");
    llmp_value_write_size(text, 1536);
    assert_string_equal(text, "1536B");
    llmp_value_write_size(text, UINT64_C(64) << 30);
    assert_string_equal(text, "64GiB");
    llmp_value_write_duration(text, 1);
    assert_string_equal(text, "1ms");
    llmp_value_write_duration(text, 90000);
    assert_string_equal(text, "90s");
    llmp_value_write_duration(text, 86400000);
    assert_string_equal(text, "1d");
}

static void yaml_numbers_are_known(void **state)
{
    static const char *const yes[] = { "0",    "-1",    "+1",   "1.5",  ".5",
                                       "1.",   "1e3",   "1E-3", "0x1F", "0o17",
                                       ".inf", "-.INF", ".nan" };
    static const char *const no[] = { "",    "-",          ".",
                                      "1a",  "1.2.3",      "e3",
                                      "1e",  "0xg",        "1_0",
                                      "30s", "2024-08-06", "127.0.0.1:80" };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(yes); i++)
        assert_true(llmp_value_is_number(llmp_str_of(yes[i])));
    for (size_t i = 0; i < LLMP_COUNT(no); i++)
        assert_false(llmp_value_is_number(llmp_str_of(no[i])));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts),
        cmocka_unit_test(sizes),
        cmocka_unit_test(durations),
        cmocka_unit_test(values_are_written_short),
        cmocka_unit_test(yaml_numbers_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
