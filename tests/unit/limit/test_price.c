/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the entry that shares most of a model's name is found, in the upper
 * table first; what is not known is not found; references end where they
 * should.
 * Method: one table with names that contain each other, asked by a table of
 * names; piles of tables; memory fails at every request in turn.
 */
#include "limit/price.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "faulty_heap.h"

#define ENTRY(provider, model, input)                   \
    "{\"provider\":\"" provider "\",\"model\":\"" model \
    "\",\"currency\":\"USD\",\"input\":\"" input "\"}"
#define TABLE(version, entries) \
    "{\"version\":\"" version   \
    "\",\"date\":\"2026-11-24\",\"entries\":[" entries "]}"

/* The price of input tells the entries apart. */
#define NAMES                                                                                                                               \
    TABLE(                                                                                                                                  \
        "names",                                                                                                                            \
        ENTRY("p", "gpt-4o", "1") "," ENTRY("p", "gpt-4o-2024-05-13", "2") "," ENTRY("p", "gpt-4o-mini", "3") "," ENTRY(                    \
            "p", "gpt-4o-2024-11*",                                                                                                         \
            "4") "," ENTRY("p", "ft:*",                                                                                                     \
                           "5") "," ENTRY("p", "ft:gpt-4o*",                                                                                \
                                          "6") "," ENTRY("p", "same",                                                                       \
                                                         "7") "," ENTRY("p",                                                                \
                                                                        "same"                                                              \
                                                                        "*",                                                                \
                                                                        "8") "," ENTRY("q",                                                 \
                                                                                       "*",                                                 \
                                                                                       "9") "," ENTRY("pp",                                 \
                                                                                                      "gpt-4o",                             \
                                                                                                      "10") "," ENTRY("aws",                \
                                                                                                                      "anthropic.claude-x", \
                                                                                                                      "11"))

static struct llmp_prices *parse(const char *text)
{
    struct llmp_prices *prices = NULL;
    struct llmp_error err = { 0 };

    if (llmp_prices_parse(&prices, llmp_str_of(text), &err) != LLMP_OK)
        fail_msg("%u:%u: %s", err.line, err.column, err.message);
    return prices;
}

/* The input price found, in whole units; 0 for LLMP_MISS. */
static uint64_t ask(const struct llmp_prices *prices, const char *provider,
                    const char *model)
{
    const struct llmp_price *price = NULL;
    uint64_t nanos = 0;

    int rc = llmp_prices_find(prices, llmp_str_of(provider), llmp_str_of(model),
                              0, &price);

    if (rc == LLMP_MISS) {
        assert_null(price);
        return 0;
    }
    assert_int_equal(rc, LLMP_OK);
    assert_int_equal(llmp_price_item(price, 0, LLMP_PRICE_INPUT, &nanos),
                     LLMP_OK);
    return nanos / LLMP_NANOS;
}

static void the_longest_name_wins(void **state)
{
    static const struct {
        const char *provider, *model;
        uint64_t expect;
    } cases[] = {
        { "p", "gpt-4o", 1 },
        { "p", "gpt-4o-2024-08-06", 1 },
        { "p", "gpt-4o-20240806", 1 },
        { "p", "gpt-4o@20240806", 1 },
        { "p", "gpt-4o-2024-05-13", 2 },
        { "p", "gpt-4o-mini", 3 },
        { "p", "gpt-4o-mini-2024-07-18", 3 },
        { "p", "gpt-4o-2024-11-20", 4 }, /* longer than the dated name */
        { "p", "ft:x", 5 },
        { "p", "ft:gpt-4o:org", 6 },
        { "p", "ft:", 5 }, /* a pattern may stand for nothing */
        { "p", "same", 7 },
        { "p", "same-2024-01-01", 7 }, /* at one length the name */
        { "p", "samex", 8 },
        { "q", "anything", 9 },
        { "q", "", 9 },
        { "pp", "gpt-4o", 10 },
        { "aws", "anthropic.claude-x-20260101-v1:0", 11 },
        { "aws", "anthropic.claude-x-20260101", 11 },
        /* What only looks like it. */
        { "p", "gpt-4o-audio-preview", 0 },
        { "p", "gpt-4o-2024-08-6", 0 },
        { "p", "gpt-4o-2024-08-066", 0 },
        { "p", "gpt-4o-2024-08", 0 },
        { "p", "gpt-4o-2024x08-06", 0 },
        { "p", "gpt-4o-2024-08x06", 0 },
        { "p", "gpt-4o-2024", 0 },
        { "p", "gpt-4o-2024080", 0 },
        { "p", "gpt-4o-202408066", 0 },
        { "p", "gpt-4o.20240806", 0 },
        { "p", "gpt-4o-", 0 },
        { "p", "GPT-4o", 0 },
        { "p", "gpt-4", 0 },
        { "p", "", 0 },
        { "P", "gpt-4o", 0 },
        { "", "gpt-4o", 0 },
        { "aws", "anthropic.claude-x-20260101-v1:", 0 },
        { "aws", "anthropic.claude-x-20260101-v10", 0 },
        { "aws", "anthropic.claude-x-20260101-v1:x", 0 },
        { "aws", "anthropic.claude-x-v1:0", 0 },
    };
    struct llmp_prices *prices = parse(NAMES);

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        print_message("# %s %s\n", cases[i].provider, cases[i].model);
        assert_int_equal(ask(prices, cases[i].provider, cases[i].model),
                         cases[i].expect);
    }
    llmp_prices_unref(prices);
}

static void names_of_any_length_can_be_asked(void **state)
{
    struct llmp_prices *prices = parse(NAMES);
    char name[2 * LLMP_PRICES_NAME_MAX + 1];

    (void)state;
    for (size_t len = 0; len < sizeof(name); len++) {
        memset(name, 'x', len);
        name[len] = '\0';
        assert_int_equal(ask(prices, "p", name), 0);
        assert_int_equal(ask(prices, "q", name),
                         len <= LLMP_PRICES_NAME_MAX ? 9 : 0);
    }
    llmp_prices_unref(prices);
}

static void the_upper_table_comes_first(void **state)
{
    struct llmp_prices *base = parse(NAMES), *pile = NULL, *higher = NULL;
    struct llmp_prices *own = parse(
        TABLE("own", ENTRY("p", "gpt-4*", "20") "," ENTRY("mine", "x", "21")));
    struct llmp_prices *top = parse(TABLE("top", ENTRY("mine", "x", "30")));

    (void)state;
    assert_int_equal(llmp_prices_overlay(&pile, own, base, NULL), LLMP_OK);
    assert_int_equal(llmp_prices_overlay(&higher, top, pile, NULL), LLMP_OK);
    llmp_prices_unref(base);
    llmp_prices_unref(own);
    llmp_prices_unref(top);

    /* A pattern above beats a name below. */
    assert_int_equal(ask(pile, "p", "gpt-4o"), 20);
    assert_int_equal(ask(pile, "p", "ft:x"), 5);
    assert_int_equal(ask(pile, "mine", "x"), 21);
    assert_int_equal(ask(higher, "mine", "x"), 30);
    assert_int_equal(ask(higher, "p", "gpt-4o"), 20);
    assert_int_equal(ask(higher, "q", "x"), 9);
    assert_int_equal(ask(higher, "mine", "y"), 0);
    assert_true(llmp_str_eq(llmp_prices_version(higher), LLMP_STR("top")));
    assert_true(llmp_str_eq(llmp_prices_date(pile), LLMP_STR("2026-11-24")));

    assert_int_equal(llmp_prices_count(higher), 1 + 2 + 11);

    struct llmp_price_info info = { .size = sizeof(info) };

    llmp_price_describe(llmp_prices_at(higher, 0), &info);
    assert_true(llmp_str_eq(info.table_version, LLMP_STR("top")));
    llmp_price_describe(llmp_prices_at(higher, 1), &info);
    assert_true(llmp_str_eq(info.provider, LLMP_STR("mine")));
    llmp_price_describe(llmp_prices_at(higher, 3), &info);
    assert_true(llmp_str_eq(info.provider, LLMP_STR("aws")));
    assert_true(llmp_str_eq(info.table_version, LLMP_STR("names")));

    llmp_prices_unref(pile);
    assert_int_equal(ask(higher, "p", "gpt-4o"), 20);
    llmp_prices_unref(higher);
    llmp_prices_unref(NULL);
}

/* Wall time of a day in November 2026 and a minute of it. */
static uint64_t november(uint64_t day, uint64_t hour, uint64_t minute)
{
    return (UINT64_C(1793491200) + (day - 1) * 86400 + hour * 3600 +
            minute * 60) *
           LLMP_NS_PER_S;
}

static void prices_hold_at_their_time(void **state)
{
#define PART "{\"provider\":\"p\",\"model\":\"m\",\"currency\":\"USD\","
#define PEAK "\"daily\":[\"01:00-04:00\",\"23:00-24:00\"],\"weekdays\":true,"
    static const char text[] =
        TABLE("v", PART "\"input\":\"1\",\"until\":\"2026-11-10\"}," PART
                        "\"input\":\"2\"," PEAK "\"from\":\"2026-11-02\"}," PART
                        "\"input\":\"3\",\"from\":\"2026-11-17\","
                        "\"until\":\"2026-11-20\"},"
                        "{\"provider\":\"p\",\"model\":\"*\","
                        "\"currency\":\"USD\",\"input\":\"9\"}");
    static const struct {
        uint64_t day, hour, minute, expect;
    } cases[] = {
        { 1, 2, 0, 1 },    { 2, 0, 59, 1 }, { 2, 1, 0, 2 },
        { 2, 3, 59, 2 },   { 2, 4, 0, 1 },  { 2, 22, 59, 1 },
        { 2, 23, 59, 2 },  { 3, 0, 0, 1 },  { 6, 2, 0, 2 },
        { 7, 2, 0, 1 }, /* a Saturday */
        { 8, 2, 0, 1 },    { 9, 2, 0, 2 },  { 9, 23, 59, 2 },
        { 10, 0, 0, 9 }, /* none of them holds: the pattern */
        { 10, 1, 0, 2 },   { 17, 2, 0, 3 }, /* the latest to begin */
        { 19, 23, 59, 3 }, { 20, 2, 0, 2 }, { 20, 5, 0, 9 },
    };
    struct llmp_prices *prices = parse(text);

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        const struct llmp_price *price = NULL;
        uint64_t nanos;

        print_message("# case %zu\n", i);
        assert_int_equal(llmp_prices_find(prices, LLMP_STR("p"), LLMP_STR("m"),
                                          november(cases[i].day, cases[i].hour,
                                                   cases[i].minute),
                                          &price),
                         LLMP_OK);
        assert_int_equal(llmp_price_item(price, 0, LLMP_PRICE_INPUT, &nanos),
                         LLMP_OK);
        assert_int_equal(nanos, cases[i].expect * LLMP_NANOS);
    }

    struct llmp_price_info info = { .size = sizeof(info) };

    llmp_price_describe(llmp_prices_at(prices, 2), &info);
    assert_true(info.partial);
    assert_true(info.from_ns == november(2, 0, 0));
    assert_true(info.until_ns == UINT64_MAX);
    llmp_price_describe(llmp_prices_at(prices, 1), &info);
    assert_false(info.partial);
    assert_true(info.until_ns == november(10, 0, 0));
    llmp_prices_unref(prices);
#undef PART
#undef PEAK
}

static void a_pile_has_an_end(void **state)
{
    struct llmp_prices *pile = parse(NAMES), *out = NULL;
    struct llmp_error err;

    (void)state;
    for (int i = 1; i < LLMP_PRICES_LAYERS_MAX; i++) {
        struct llmp_prices *own = parse(TABLE("own", ENTRY("p", "x", "1")));

        assert_int_equal(llmp_prices_overlay(&out, own, pile, &err), LLMP_OK);
        llmp_prices_unref(own);
        llmp_prices_unref(pile);
        pile = out;
    }
    out = NULL;
    assert_int_equal(llmp_prices_overlay(&out, pile, pile, &err), LLMP_E_LIMIT);
    assert_null(out);
    assert_int_equal(llmp_prices_overlay(&out, pile, NULL, &err),
                     LLMP_E_INVALID);
    llmp_prices_unref(pile);
}

static void an_entry_tells_what_it_states(void **state)
{
    struct llmp_prices *prices = parse(TABLE(
        "v",
        "{\"provider\":\"p\",\"model\":\"m\",\"currency\":\"RUB\","
        "\"source\":\"s\",\"as_of\":\"2026-01-02\",\"output\":\"0\","
        "\"audio_minute\":\"0.006\",\"tiers\":["
        "{\"above\":200,\"input\":\"2\"},{\"above\":300,\"input\":\"3\"}]}"));
    const struct llmp_price *price = llmp_prices_at(prices, 0);
    struct llmp_price_info info = { .size = sizeof(info) };
    uint64_t nanos = 77;

    (void)state;
    llmp_price_describe(price, &info);
    assert_true(llmp_str_eq(info.currency, LLMP_STR("RUB")));
    assert_true(llmp_str_eq(info.source, LLMP_STR("s")));
    assert_true(llmp_str_eq(info.as_of, LLMP_STR("2026-01-02")));
    assert_int_equal(info.tier_count, 2);
    assert_int_equal(llmp_price_tier_above(price, 0), 0);
    assert_int_equal(llmp_price_tier_above(price, 1), 200);
    assert_int_equal(llmp_price_tier_above(price, 2), 300);
    assert_int_equal(llmp_price_tier_above(price, 3), 0);

    assert_int_equal(llmp_price_item(price, 0, LLMP_PRICE_INPUT, &nanos),
                     LLMP_MISS);
    assert_int_equal(nanos, 77);
    assert_int_equal(llmp_price_item(price, 0, LLMP_PRICE_OUTPUT, &nanos),
                     LLMP_OK);
    assert_int_equal(nanos, 0); /* stated to be free, which is not unknown */
    assert_int_equal(llmp_price_item(price, 2, LLMP_PRICE_INPUT, &nanos),
                     LLMP_OK);
    assert_int_equal(nanos, 3 * LLMP_NANOS);
    assert_int_equal(llmp_price_item(price, 3, LLMP_PRICE_INPUT, &nanos),
                     LLMP_MISS);
    assert_int_equal(llmp_price_item(price, 0, LLMP_PRICE_ITEM_COUNT, &nanos),
                     LLMP_MISS);
    llmp_prices_unref(prices);

    assert_string_equal(llmp_price_item_name(LLMP_PRICE_CACHE_WRITE_1H),
                        "cache_write_1h");
    assert_string_equal(llmp_price_item_name(LLMP_PRICE_ITEM_COUNT),
                        "unknown item");
    assert_int_equal(llmp_price_item_unit(LLMP_PRICE_AUDIO_MINUTE),
                     LLMP_PRICE_PER_MINUTE);
    assert_int_equal(llmp_price_item_unit(LLMP_PRICE_IMAGE),
                     LLMP_PRICE_PER_EACH);
    assert_int_equal(llmp_price_item_unit(LLMP_PRICE_CHARACTERS),
                     LLMP_PRICE_PER_TOKENS);
}

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct llmp_prices *base = NULL, *own = NULL, *pile = NULL;
        struct llmp_error err = { 0 };

        faulty_heap_arm(n);

        int rc = llmp_prices_parse(&base, llmp_str_of(NAMES), &err);

        if (rc == LLMP_OK)
            rc = llmp_prices_parse(&own, llmp_str_of(NAMES), &err);
        if (rc == LLMP_OK)
            rc = llmp_prices_overlay(&pile, own, base, &err);
        llmp_prices_unref(base);
        llmp_prices_unref(own);
        if (rc == LLMP_OK) {
            assert_int_equal(ask(pile, "p", "gpt-4o"), 1);
            llmp_prices_unref(pile);
            assert_int_equal(faulty_heap_live(), 0);
            assert_true(n > 3);
            break;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_int_equal(err.status, rc);
        assert_null(pile);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_name_wins),
        cmocka_unit_test(names_of_any_length_can_be_asked),
        cmocka_unit_test(the_upper_table_comes_first),
        cmocka_unit_test(prices_hold_at_their_time),
        cmocka_unit_test(a_pile_has_an_end),
        cmocka_unit_test(an_entry_tells_what_it_states),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests_name("price", tests, NULL, NULL);
}
