/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the shipped table is sound: each entry says since when and from where
 * it is known, chat models can be priced, and no figure is off by orders of
 * magnitude.
 * Method: walks over all entries; looks up a few models by the names that
 * people use.
 */
#include <llmproxy/usage.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"

#define NOVEMBER_24_NS (UINT64_C(1795478400) * LLMP_NS_PER_S)

static struct llmp_prices *shipped(void)
{
    struct llmp_prices *prices = NULL;
    struct llmp_error err = { 0 };

    if (llmp_prices_shipped(&prices, &err) != LLMP_OK)
        fail_msg("%u:%u: %s", err.line, err.column, err.message);
    return prices;
}

/* The item's figure, or 0. */
static uint64_t figure(const struct llmp_price *price, uint32_t tier,
                       enum llmp_price_item item)
{
    uint64_t nanos = 0;

    return llmp_price_item(price, tier, item, &nanos) == LLMP_OK ? nanos : 0;
}

static void check_tier(const struct llmp_price *price, uint32_t tier)
{
    uint64_t input = figure(price, tier, LLMP_PRICE_INPUT);

    for (int item = 0; item < LLMP_PRICE_ITEM_COUNT; item++) {
        uint64_t nanos = figure(price, tier, (enum llmp_price_item)item);

        /* Roubles are the smallest unit in the table. */
        assert_true(nanos <= 200000 * LLMP_NANOS);
    }
    assert_true(figure(price, tier, LLMP_PRICE_CACHED_INPUT) <= input);
    assert_true(figure(price, tier, LLMP_PRICE_CACHE_WRITE_1H) <= 2 * input);
}

static void every_entry_is_sound(void **state)
{
    struct llmp_prices *prices = shipped();
    size_t count = llmp_prices_count(prices);

    (void)state;
    assert_true(count > 0);
    assert_true(llmp_prices_version(prices).len > 0);
    for (size_t i = 0; i < count; i++) {
        const struct llmp_price *price = llmp_prices_at(prices, i), *found;
        struct llmp_price_info info = { .size = sizeof(info) };

        llmp_price_describe(price, &info);
        print_message("# %.*s %.*s\n", (int)info.provider.len,
                      info.provider.ptr, (int)info.model.len, info.model.ptr);
        assert_true(info.source.len > 0);
        assert_int_equal(info.as_of.len, 10);
        assert_null(memchr(info.model.ptr, '*', info.model.len));
        for (uint32_t tier = 0; tier <= info.tier_count; tier++)
            check_tier(price, tier);
        if (!info.partial) {
            assert_int_equal(llmp_prices_find(prices, info.provider, info.model,
                                              info.from_ns, &found),
                             LLMP_OK);
        }
    }
    llmp_prices_unref(prices);
}

static void known_models_have_their_price(void **state)
{
    static const struct {
        const char *provider, *model;
        uint64_t input, output; /* of 10^-3 dollars or roubles a million */
    } cases[] = {
        { "openai", "gpt-4o", 2500, 10000 },
        { "openai", "gpt-4o-2024-08-06", 2500, 10000 },
        { "openai", "gpt-4o-2024-05-13", 5000, 15000 },
        { "openai", "gpt-4o-mini-2024-07-18", 150, 600 },
        { "openai", "gpt-5.4", 2500, 15000 },
        { "anthropic", "claude-haiku-4-5-20251001", 1000, 5000 },
        { "anthropic", "claude-opus-4-8", 5000, 25000 },
        { "gemini", "gemini-2.5-flash", 300, 2500 },
        { "vertex", "claude-opus-5-5", 4000, 20000 },
        { "xai", "grok-4.7", 2000, 6000 },
        { "mistral", "mistral-large-4", 700, 2100 },
        { "bedrock", "amazon.nova-pro-v1:0", 800, 3200 },
        { "azure", "gpt-4o", 2500, 10000 },
        { "cloudru", "deepseek-ai/DeepSeek-V4-Pro", 183000, 732000 },
    };
    struct llmp_prices *prices = shipped();

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        const struct llmp_price *price = NULL;

        print_message("# %s\n", cases[i].model);
        assert_int_equal(llmp_prices_find(prices,
                                          llmp_str_of(cases[i].provider),
                                          llmp_str_of(cases[i].model),
                                          NOVEMBER_24_NS, &price),
                         LLMP_OK);
        assert_int_equal(figure(price, 0, LLMP_PRICE_INPUT),
                         cases[i].input * 1000000);
        assert_int_equal(figure(price, 0, LLMP_PRICE_OUTPUT),
                         cases[i].output * 1000000);
    }

    const struct llmp_price *price = NULL;

    assert_int_equal(llmp_prices_find(prices, LLMP_STR("openai"),
                                      LLMP_STR("gpt-unheard-of"),
                                      NOVEMBER_24_NS, &price),
                     LLMP_MISS);
    llmp_prices_unref(prices);
}

static void prices_change_when_they_were_announced_to(void **state)
{
    static const struct {
        const char *provider, *model;
        uint64_t wall_s, output; /* of 10^-3 dollars a million */
    } cases[] = {
        { "gemini", "gemini-4-argon", 1796083199, 10000 }, /* November */
        { "gemini", "gemini-4-argon", 1796083200, 20000 }, /* December */
        /* Tuesday, 24 November 2026: 00:59, 01:00, 05:00 UTC; the Saturday
         * after it, 01:00. */
        { "deepseek", "deepseek-v4-pro", 1795481940, 1980 },
        { "deepseek", "deepseek-v4-pro", 1795482000, 3960 },
        { "deepseek", "deepseek-v4-pro", 1795496400, 1980 },
        { "deepseek", "deepseek-v4-pro", 1795827600, 1980 },
    };
    struct llmp_prices *prices = shipped();

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        const struct llmp_price *price = NULL;

        print_message("# case %zu\n", i);
        assert_int_equal(
            llmp_prices_find(prices, llmp_str_of(cases[i].provider),
                             llmp_str_of(cases[i].model),
                             cases[i].wall_s * LLMP_NS_PER_S, &price),
            LLMP_OK);
        assert_int_equal(figure(price, 0, LLMP_PRICE_OUTPUT),
                         cases[i].output * 1000000);
    }
    llmp_prices_unref(prices);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_entry_is_sound),
        cmocka_unit_test(known_models_have_their_price),
        cmocka_unit_test(prices_change_when_they_were_announced_to),
    };

    return cmocka_run_group_tests_name("price_shipped", tests, NULL, NULL);
}
