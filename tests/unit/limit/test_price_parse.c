/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a table is read as it is written, and whatever is wrong in one is
 * refused at its place.
 * Method: a table of texts, each wrong in one way, with status and place; a
 * full table cut off at every byte; memory fails at every request in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "faulty_heap.h"
#include "limit/price.h"

#define HEAD  "{\"version\":\"1\",\"date\":\"2026-11-24\",\"entries\":[\n"
#define ENTRY "{\"provider\":\"p\",\"model\":\"m\",\"currency\":\"USD\",\n"
#define TAIL  "}\n]}"

static const char everything[] =
    "{\"note\":\"n\",\"version\":\"1\",\"date\":\"2026-11-24\",\"entries\":["
    "{\"provider\":\"p\",\"model\":\"\\u006d\\\"\",\"currency\":\"USD\","
    "\"input\":\"1\",\"note\":\"n\",\"source\":\"s\",\"as_of\":\"2026-01-01\","
    "\"from\":\"2026-01-01\",\"until\":\"2027-01-01\","
    "\"daily\":[\"01:00-04:30\",\"23:00-24:00\"],"
    "\"tiers\":[{\"input\":\"2\",\"above\":5},{\"above\":6,\"output\":\"3\"}]},"
    "{\"provider\":\"p\",\"model\":\"*\",\"currency\":\"USD\",\"request\":"
    "\"0\"}]}";

static void what_is_wrong_is_refused_at_its_place(void **state)
{
    static const struct {
        const char *text;
        int rc;
        uint32_t line, column;
    } cases[] = {
        { "", LLMP_E_SYNTAX, 1, 1 },
        { "[]", LLMP_E_TYPE, 1, 1 },
        { "{}", LLMP_E_INVALID, 1, 2 },
        { "{\"version\":1}", LLMP_E_TYPE, 1, 12 },
        { "{\"version\":\"\"}", LLMP_E_INVALID, 1, 12 },
        { "{\"date\":\"24.11.2026\"}", LLMP_E_INVALID, 1, 9 },
        { "{\"date\":\"2026-11-2x\"}", LLMP_E_INVALID, 1, 9 },
        { "{\"entries\":{}}", LLMP_E_TYPE, 1, 12 },
        { "{\"entries\":[1]}", LLMP_E_TYPE, 1, 13 },
        { "{\"prices\":[]}", LLMP_E_INVALID, 1, 2 },
        { HEAD "{}]}", LLMP_E_INVALID, 2, 1 },
        { HEAD ENTRY "\"input\":2.5" TAIL, LLMP_E_TYPE, 3, 9 },
        { HEAD ENTRY "\"input\":null" TAIL, LLMP_E_TYPE, 3, 9 },
        { HEAD ENTRY "\"input\":\"2,5\"" TAIL, LLMP_E_SYNTAX, 3, 9 },
        { HEAD ENTRY "\"input\":\"-1\"" TAIL, LLMP_E_SYNTAX, 3, 9 },
        { HEAD ENTRY "\"input\":\"99999999999\"" TAIL, LLMP_E_LIMIT, 3, 9 },
        { HEAD ENTRY "\"inptu\":\"1\"" TAIL, LLMP_E_INVALID, 3, 1 },
        { HEAD ENTRY "\"input\":\"1\",\"input\":\"1\"" TAIL, LLMP_E_SYNTAX, 3,
          13 },
        { HEAD ENTRY "\"as_of\":\"2026\"" TAIL, LLMP_E_INVALID, 3, 9 },
        { HEAD ENTRY "\"source\":\"s\"" TAIL, LLMP_E_INVALID, 2, 1 },
        { HEAD "{\"model\":\"a*b\"" TAIL, LLMP_E_INVALID, 2, 10 },
        { HEAD "{\"model\":\"**\"" TAIL, LLMP_E_INVALID, 2, 10 },
        { HEAD "{\"currency\":\"usd\"" TAIL, LLMP_E_INVALID, 2, 13 },
        { HEAD "{\"currency\":\"USDT\"" TAIL, LLMP_E_INVALID, 2, 13 },
        { HEAD ENTRY "\"from\":\"2026-13-01\"" TAIL, LLMP_E_INVALID, 3, 8 },
        { HEAD ENTRY "\"from\":\"1969-12-31\"" TAIL, LLMP_E_INVALID, 3, 8 },
        { HEAD ENTRY "\"until\":\"2501-01-01\"" TAIL, LLMP_E_INVALID, 3, 9 },
        { HEAD ENTRY "\"input\":\"1\",\"from\":\"2026-01-01\",\"until\":\"2026-"
                     "01-01\"" TAIL,
          LLMP_E_INVALID, 2, 1 },
        { HEAD ENTRY "\"daily\":\"01:00-02:00\"" TAIL, LLMP_E_TYPE, 3, 9 },
        { HEAD ENTRY "\"daily\":[1]" TAIL, LLMP_E_TYPE, 3, 10 },
        { HEAD ENTRY "\"daily\":[\"1-2\"]" TAIL, LLMP_E_INVALID, 3, 10 },
        { HEAD ENTRY "\"daily\":[\"22:00-02:00\"]" TAIL, LLMP_E_INVALID, 3,
          10 },
        { HEAD ENTRY "\"daily\":[\"22:60-23:00\"]" TAIL, LLMP_E_INVALID, 3,
          10 },
        { HEAD ENTRY "\"daily\":[\"22:00-24:01\"]" TAIL, LLMP_E_INVALID, 3,
          10 },
        { HEAD ENTRY
          "\"daily\":[\"01:00-02:00\",\"03:00-04:00\",\"05:00-06:00\","
          "\"07:00-08:00\",\"09:00-10:00\"]" TAIL,
          LLMP_E_LIMIT, 3, 66 },
        { HEAD ENTRY "\"tiers\":{}" TAIL, LLMP_E_TYPE, 3, 9 },
        { HEAD ENTRY "\"tiers\":[{\"input\":\"1\"}]" TAIL, LLMP_E_INVALID, 3,
          10 },
        { HEAD ENTRY "\"tiers\":[{\"above\":1}]" TAIL, LLMP_E_INVALID, 3, 10 },
        { HEAD ENTRY "\"tiers\":[{\"above\":1.5}]" TAIL, LLMP_E_TYPE, 3, 19 },
        { HEAD ENTRY "\"tiers\":[{\"above\":-1}]" TAIL, LLMP_E_TYPE, 3, 19 },
        { HEAD ENTRY "\"tiers\":[{\"abov\":1}]" TAIL, LLMP_E_INVALID, 3, 11 },
        { HEAD ENTRY "\"tiers\":[{\"above\":2,\"input\":\"1\"},"
                     "{\"above\":2,\"input\":\"1\"}]" TAIL,
          LLMP_E_INVALID, 3, 34 },
        { HEAD ENTRY
          "\"tiers\":[{\"above\":1,\"input\":\"1\"},{\"above\":2,\"input\":"
          "\"1\"},{\"above\":3,\"input\":\"1\"},{\"above\":4,\"input\":\"1\"},"
          "{\"above\":5,\"input\":\"1\"}]" TAIL,
          LLMP_E_LIMIT, 3, 106 },
        { HEAD ENTRY "\"input\":\"1\"},\n" ENTRY "\"output\":\"1\"" TAIL,
          LLMP_E_INVALID, 0, 0 }, /* twice the same: seen when sorted */
        { HEAD ENTRY "\"input\":\"1\"" TAIL "x", LLMP_E_SYNTAX, 4, 3 },
        { HEAD ENTRY "\"input\":\"1\"", LLMP_E_SYNTAX, 3, 12 },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_prices *prices = NULL;
        struct llmp_error err = { 0 };
        int rc = llmp_prices_parse(&prices, llmp_str_of(cases[i].text), &err);

        print_message("# %zu: %u:%u %s\n", i, err.line, err.column,
                      err.message);
        assert_int_equal(rc, cases[i].rc);
        assert_int_equal(err.status, rc);
        assert_null(prices);
        assert_int_equal(err.line, cases[i].line);
        assert_int_equal(err.column, cases[i].column);
        assert_int_equal(
            llmp_prices_parse(&prices, llmp_str_of(cases[i].text), NULL), rc);
    }
}

static void limits_hold(void **state)
{
    struct llmp_prices *prices = NULL;
    struct llmp_error err;
    char text[512];

    (void)state;
    for (int len = LLMP_PRICES_NAME_MAX; len < LLMP_PRICES_NAME_MAX + 2;
         len++) {
        (void)snprintf(text, sizeof(text),
                       "{\"version\":\"%0*d\",\"date\":\"2026-11-24\"}", len,
                       1);

        int rc = llmp_prices_parse(&prices, llmp_str_of(text), &err);

        assert_int_equal(rc,
                         len > LLMP_PRICES_NAME_MAX ? LLMP_E_LIMIT : LLMP_OK);
        if (rc == LLMP_OK)
            assert_int_equal(llmp_prices_count(prices), 0);
        llmp_prices_unref(prices);
        prices = NULL;
    }

    struct llmp_str huge = { text, LLMP_PRICES_TEXT_MAX + 1 };

    assert_int_equal(llmp_prices_parse(&prices, huge, &err), LLMP_E_LIMIT);
    assert_int_equal(llmp_prices_parse(NULL, LLMP_STR("{}"), &err),
                     LLMP_E_INVALID);
    assert_int_equal(
        llmp_prices_parse(&prices, (struct llmp_str){ NULL, 1 }, &err),
        LLMP_E_INVALID);
    assert_null(prices);
}

static void a_cut_table_is_none(void **state)
{
    (void)state;
    for (size_t len = 0; len < sizeof(everything) - 1; len++) {
        struct llmp_prices *prices = NULL;
        struct llmp_error err = { 0 };
        char *text = malloc(len + 1); /* so that a sanitizer sees its end */

        memcpy(text, everything, len);
        assert_int_equal(
            llmp_prices_parse(&prices, (struct llmp_str){ text, len }, &err),
            LLMP_E_SYNTAX);
        assert_null(prices);
        free(text);
    }
}

static void everything_is_read(void **state)
{
    struct llmp_prices *prices = NULL;
    const struct llmp_price *price;

    (void)state;
    assert_int_equal(llmp_prices_parse(&prices, llmp_str_of(everything), NULL),
                     LLMP_OK);
    assert_int_equal(llmp_prices_count(prices), 2);
    price = llmp_prices_at(prices, 1);
    assert_true(llmp_str_eq(price->model, LLMP_STR("m\"")));
    assert_int_equal(price->tier_count, 2);
    assert_int_equal(price->tiers[2].above, 6);
    assert_int_equal(price->window_count, 2);
    assert_int_equal(price->windows[0].to, 4 * 60 + 30);
    assert_int_equal(price->windows[1].to, 24 * 60);
    assert_int_equal(price->from_s, 1767225600); /* 2026-01-01T00:00:00Z */
    assert_int_equal(price->until_s, 1798761600);
    llmp_prices_unref(prices);
}

static void days_are_counted_right(void **state)
{
    static const struct {
        const char *day;
        uint64_t second;
    } cases[] = {
        { "1970-01-01", 0 },          { "1970-03-01", 5097600 },
        { "2000-02-29", 951782400 },  { "2000-03-01", 951868800 },
        { "2024-12-31", 1735603200 }, { "2026-11-24", 1795478400 },
        { "2100-03-01", 4107542400 },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_prices *prices = NULL;
        char text[256];

        (void)snprintf(text, sizeof(text),
                       HEAD ENTRY "\"input\":\"1\",\"from\":\"%s\"" TAIL,
                       cases[i].day);
        assert_int_equal(llmp_prices_parse(&prices, llmp_str_of(text), NULL),
                         LLMP_OK);
        print_message("# %s\n", cases[i].day);
        assert_int_equal(llmp_prices_at(prices, 0)->from_s, cases[i].second);
        llmp_prices_unref(prices);
    }
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct llmp_prices *prices = NULL;
        struct llmp_error err = { 0 };

        faulty_heap_arm(n);

        int rc = llmp_prices_parse(&prices, llmp_str_of(everything), &err);

        if (rc == LLMP_OK) {
            llmp_prices_unref(prices);
            assert_int_equal(faulty_heap_live(), 0);
            assert_true(n > 2);
            break;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_int_equal(err.status, rc);
        assert_null(prices);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_wrong_is_refused_at_its_place),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(a_cut_table_is_none),
        cmocka_unit_test(everything_is_read),
        cmocka_unit_test(days_are_counted_right),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests_name("price_parse", tests, NULL, NULL);
}
