/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whatever the text is: it becomes a table that finds its own entries and
 * prices with them, or an error with a place inside the text; a failure leaves
 * *out alone.
 */
#include <llmproxy/usage.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define CHECK(cond)  \
    do {             \
        if (!(cond)) \
            abort(); \
    } while (0)

static void check_entry(const struct llmp_prices *prices, size_t index,
                        struct llmp_usage *usage)
{
    const struct llmp_price *entry = llmp_prices_at(prices, index), *found;
    struct llmp_price_info info = { .size = sizeof(info) };
    enum llmp_price_item missing;
    uint64_t nanos = 0;

    llmp_price_describe(entry, &info);
    CHECK(info.provider.len && info.model.len && info.currency.len == 3);
    CHECK(info.from_ns <= info.until_ns);

    int rc = llmp_prices_find(prices, info.provider, info.model, info.from_ns,
                              &found);

    CHECK(rc == LLMP_OK || (rc == LLMP_MISS && info.partial));
    usage->input_tokens = llmp_price_tier_above(entry, info.tier_count) + 1;
    rc = llmp_cost(entry, usage, &nanos, &missing);
    CHECK(rc == LLMP_OK ? nanos <= LLMP_NANOS_MAX
                        : missing < LLMP_PRICE_ITEM_COUNT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct llmp_str text = { (const char *)data, size };
    struct llmp_prices *prices = NULL;
    struct llmp_error err = { 0 };
    struct llmp_usage usage;

    int rc = llmp_prices_parse(&prices, text, &err);

    if (rc < 0) {
        CHECK(rc == err.status && !prices && strlen(err.message) > 0);
        CHECK(err.line <= size + 1 && err.column <= size + 1);
        return 0;
    }
    llmp_usage_init(&usage);
    for (size_t i = 0; i < llmp_prices_count(prices); i++)
        check_entry(prices, i, &usage);
    llmp_prices_unref(prices);
    return 0;
}
