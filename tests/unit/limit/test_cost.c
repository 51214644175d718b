/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a cost is the exact sum, rounded up once; each token is charged under
 * one item; what has no price makes it unknown; totals agree however they are
 * grouped.
 * Method: tables worked out by hand; random calls against long addition in
 * decimal digits, which knows neither 128 bits nor saturation.
 */
#include <llmproxy/usage.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "limit/price.h"
#include "random_usage.h"

#define N LLMP_NANOS

static void init_price(struct llmp_price *price, struct llmp_price_tier *tiers,
                       uint32_t above_base)
{
    *price = (struct llmp_price){ .tiers = tiers, .tier_count = above_base };
}

static void state_price(struct llmp_price_tier *tier, enum llmp_price_item item,
                        uint64_t nanos)
{
    tier->stated |= 1u << item;
    tier->nanos[item] = nanos;
}

/* 2.50 in, 1.25 cached, 3.125 and 5 written, 10 out. */
static struct llmp_price_tier chat_tier(void)
{
    struct llmp_price_tier tier = { 0 };

    state_price(&tier, LLMP_PRICE_INPUT, 2500000000);
    state_price(&tier, LLMP_PRICE_CACHED_INPUT, 1250000000);
    state_price(&tier, LLMP_PRICE_CACHE_WRITE_5M, 3125000000);
    state_price(&tier, LLMP_PRICE_CACHE_WRITE_1H, 5000000000);
    state_price(&tier, LLMP_PRICE_OUTPUT, 10000000000);
    return tier;
}

static void the_sum_is_exact_and_rounded_up_once(void **state)
{
    static const struct {
        struct llmp_usage usage;
        uint64_t nanos;
    } cases[] = {
        { { .input_tokens = 0 }, 0 },
        { { .input_tokens = 1 }, 2500 },
        { { .input_tokens = 1000000, .output_tokens = 1000000 }, 12500000000 },
        { { .input_tokens = 1000, .cached_tokens = 400 },
          600 * 2500 + 400 * 1250 },
        { { .input_tokens = 1000,
            .cached_tokens = 400,
            .cache_write_5m_tokens = 100,
            .cache_write_1h_tokens = 10,
            .output_tokens = 7,
            .reasoning_tokens = 5 },
          490 * 2500 + 400 * 1250 + 100 * 3125 + 10 * 5000 + 7 * 10000 },
        /* Contradictory: the input is raised to its cached part. */
        { { .input_tokens = 10, .cached_tokens = 1000 }, 1000 * 1250 },
    };
    struct llmp_price_tier tier = chat_tier();
    struct llmp_price price;

    (void)state;
    init_price(&price, &tier, 0);
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_usage usage = cases[i].usage;
        uint64_t nanos = 77;

        print_message("# case %zu\n", i);
        usage.size = sizeof(usage);
        assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
        assert_int_equal(nanos, cases[i].nanos);
    }

    /* Three millionths that are each below one nano-unit: together 1.2. */
    struct llmp_usage usage;
    uint64_t nanos;

    state_price(&tier, LLMP_PRICE_INPUT, 400000);
    state_price(&tier, LLMP_PRICE_CACHED_INPUT, 400000);
    state_price(&tier, LLMP_PRICE_OUTPUT, 400000);
    llmp_usage_init(&usage);
    usage.input_tokens = 2;
    usage.cached_tokens = 1;
    usage.output_tokens = 1;
    assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
    assert_int_equal(nanos, 2);
}

static void other_units_add_up(void **state)
{
    struct llmp_price_tier tier = { 0 };
    struct llmp_price price;
    struct llmp_usage usage;
    uint64_t nanos;

    (void)state;
    init_price(&price, &tier, 0);
    state_price(&tier, LLMP_PRICE_IMAGE, N / 25);
    state_price(&tier, LLMP_PRICE_AUDIO_MINUTE, 6000000);
    state_price(&tier, LLMP_PRICE_CHARACTERS, 15 * N);
    state_price(&tier, LLMP_PRICE_REQUEST, 5);

    llmp_usage_init(&usage);
    usage.images = 3;
    usage.audio_ms = 90000;
    usage.characters = 4;
    assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
    assert_int_equal(nanos, 3 * N / 25 + 9000000 + 60000 + 5);

    /* One millisecond of a price that it divides into thirds. */
    llmp_usage_init(&usage);
    usage.requests = 0;
    usage.audio_ms = 1;
    tier.nanos[LLMP_PRICE_AUDIO_MINUTE] = 20000;
    assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
    assert_int_equal(nanos, 1);
    usage.audio_ms = 3;
    assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
    assert_int_equal(nanos, 1);
    usage.audio_ms = 4;
    assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
    assert_int_equal(nanos, 2);
}

static void a_tier_prices_the_whole_call_and_stands_alone(void **state)
{
    struct llmp_price_tier tiers[3] = { chat_tier() };
    struct llmp_price price;
    struct llmp_usage usage;
    enum llmp_price_item missing;
    uint64_t nanos;

    (void)state;
    init_price(&price, tiers, 2);
    tiers[1].above = 200000;
    state_price(&tiers[1], LLMP_PRICE_INPUT, 5 * N);
    state_price(&tiers[1], LLMP_PRICE_OUTPUT, 20 * N);
    tiers[2].above = 400000;
    state_price(&tiers[2], LLMP_PRICE_INPUT, 7 * N);

    llmp_usage_init(&usage);
    usage.input_tokens = 200000;
    usage.output_tokens = 10;
    assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
    assert_int_equal(nanos, 200000 * 2500 + 100000);

    usage.input_tokens = 200001;
    assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
    assert_int_equal(nanos, 200001 * 5000 + 200000);

    /* No cached price in the tier: its input price, not the base's. */
    usage.cached_tokens = 200001;
    assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
    assert_int_equal(nanos, 200001 * 5000 + 200000);

    /* No output price in the tier: unknown, though the base has one. */
    usage.input_tokens = 400001;
    assert_int_equal(llmp_cost(&price, &usage, &nanos, &missing), LLMP_MISS);
    assert_int_equal(missing, LLMP_PRICE_OUTPUT);
    usage.output_tokens = 0;
    assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
    assert_int_equal(nanos, (uint64_t)400001 * 7000);
}

static void what_has_no_price_is_unknown(void **state)
{
    static const struct {
        struct llmp_usage usage;
        enum llmp_price_item missing;
    } cases[] = {
        { { .cache_write_5m_tokens = 1 }, LLMP_PRICE_CACHE_WRITE_5M },
        { { .cache_write_1h_tokens = 1 }, LLMP_PRICE_CACHE_WRITE_1H },
        { { .audio_input_tokens = 1 }, LLMP_PRICE_AUDIO_INPUT },
        { { .cached_audio_tokens = 1 }, LLMP_PRICE_CACHED_AUDIO_INPUT },
        { { .audio_output_tokens = 1 }, LLMP_PRICE_AUDIO_OUTPUT },
        { { .image_output_tokens = 1 }, LLMP_PRICE_IMAGE_OUTPUT },
        { { .images = 1 }, LLMP_PRICE_IMAGE },
        { { .audio_ms = 1 }, LLMP_PRICE_AUDIO_MINUTE },
        { { .characters = 1 }, LLMP_PRICE_CHARACTERS },
        /* Another measure of other sound does not cover it. */
        { { .audio_ms = 1, .images = 0, .output_tokens = 9 },
          LLMP_PRICE_AUDIO_MINUTE },
    };
    struct llmp_price_tier tier = { 0 }, nothing = { 0 };
    struct llmp_price price;
    uint64_t nanos = 77;
    enum llmp_price_item missing;

    (void)state;
    init_price(&price, &tier, 0);
    state_price(&tier, LLMP_PRICE_INPUT, 1);
    state_price(&tier, LLMP_PRICE_OUTPUT, 1);
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_usage usage = cases[i].usage;

        print_message("# case %zu\n", i);
        usage.size = sizeof(usage);
        usage.requests = 1;
        assert_int_equal(llmp_cost(&price, &usage, &nanos, &missing),
                         LLMP_MISS);
        assert_int_equal(missing, cases[i].missing);
        /* Once its price is stated, even as nothing, it is known. */
        state_price(&tier, cases[i].missing, 0);
        assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
        tier.stated = 1u << LLMP_PRICE_INPUT | 1u << LLMP_PRICE_OUTPUT;
        nanos = 77;
    }

    struct llmp_usage usage;

    llmp_usage_init(&usage);
    assert_int_equal(llmp_cost(NULL, &usage, &nanos, &missing), LLMP_MISS);
    usage.output_tokens = 1;
    init_price(&price, &nothing, 0);
    assert_int_equal(llmp_cost(&price, &usage, &nanos, &missing), LLMP_MISS);
    assert_int_equal(missing, LLMP_PRICE_OUTPUT);
    assert_int_equal(nanos, 77);
}

/* The cost of `usage` when only these items have a price. */
static uint64_t cost_with(struct llmp_usage usage, enum llmp_price_item a,
                          uint64_t price_a, enum llmp_price_item b,
                          uint64_t price_b)
{
    struct llmp_price_tier tier = { 0 };
    struct llmp_price price;
    uint64_t nanos = 0;

    init_price(&price, &tier, 0);
    state_price(&tier, a, price_a * 1000000);
    state_price(&tier, b, price_b * 1000000);
    usage.size = sizeof(usage);
    assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
    return nanos;
}

static void prices_are_lent_by_the_stated_rules_only(void **state)
{
    const struct llmp_usage cached = { .input_tokens = 5, .cached_tokens = 3 };
    const struct llmp_usage image = { .input_tokens = 9,
                                      .image_input_tokens = 4 };
    const struct llmp_usage cached_image = { .input_tokens = 9,
                                             .cached_tokens = 4,
                                             .image_input_tokens = 4,
                                             .cached_image_tokens = 4 };
    const struct llmp_usage thought = { .output_tokens = 9,
                                        .reasoning_tokens = 4 };
    const struct llmp_usage painted = { .output_tokens = 9,
                                        .image_output_tokens = 9,
                                        .images = 1 };

    (void)state;
    assert_int_equal(
        cost_with(cached, LLMP_PRICE_INPUT, 10, LLMP_PRICE_CACHED_INPUT, 1),
        23);
    assert_int_equal(
        cost_with(cached, LLMP_PRICE_INPUT, 10, LLMP_PRICE_OUTPUT, 1), 50);
    assert_int_equal(
        cost_with(image, LLMP_PRICE_INPUT, 10, LLMP_PRICE_OUTPUT, 1), 90);
    assert_int_equal(
        cost_with(image, LLMP_PRICE_INPUT, 10, LLMP_PRICE_IMAGE_INPUT, 1), 54);
    assert_int_equal(cost_with(cached_image, LLMP_PRICE_INPUT, 10,
                               LLMP_PRICE_IMAGE_INPUT, 3),
                     62);
    assert_int_equal(cost_with(cached_image, LLMP_PRICE_INPUT, 10,
                               LLMP_PRICE_CACHED_INPUT, 3),
                     62);
    assert_int_equal(cost_with(cached_image, LLMP_PRICE_INPUT, 10,
                               LLMP_PRICE_CACHED_IMAGE_INPUT, 2),
                     58);
    assert_int_equal(
        cost_with(thought, LLMP_PRICE_OUTPUT, 10, LLMP_PRICE_INPUT, 1), 90);
    assert_int_equal(
        cost_with(thought, LLMP_PRICE_OUTPUT, 10, LLMP_PRICE_REASONING, 20),
        130);
    assert_int_equal(
        cost_with(painted, LLMP_PRICE_OUTPUT, 10, LLMP_PRICE_IMAGE_OUTPUT, 30),
        270);
}

static void cached_tokens_without_a_kind_are_text_first(void **state)
{
    const struct llmp_usage usage = { .input_tokens = 10,
                                      .cached_tokens = 7,
                                      .image_input_tokens = 4,
                                      .audio_input_tokens = 2 };

    struct llmp_price_tier tier = { 0 };
    struct llmp_price price;
    struct llmp_usage used = usage;
    uint64_t nanos;

    (void)state;
    init_price(&price, &tier, 0);
    state_price(&tier, LLMP_PRICE_INPUT, 1000000);
    state_price(&tier, LLMP_PRICE_CACHED_INPUT, 100000000);
    state_price(&tier, LLMP_PRICE_IMAGE_INPUT, 10000000000);
    state_price(&tier, LLMP_PRICE_CACHED_IMAGE_INPUT, 1000000000000);
    state_price(&tier, LLMP_PRICE_AUDIO_INPUT, 100000000000000);
    used.size = sizeof(used);
    /* Text 4, cached; images 4, three of them cached; audio 2. */
    assert_int_equal(llmp_cost(&price, &used, &nanos, NULL), LLMP_OK);
    assert_int_equal(nanos, 4 * UINT64_C(100) + 1 * UINT64_C(10000) +
                                3 * UINT64_C(1000000) +
                                2 * UINT64_C(100000000));
}

/* Long addition: numbers of up to 80 decimal digits, the lowest first. */
struct digits {
    uint32_t digit[80];
};

static void digits_add(struct digits *sum, const struct digits *more)
{
    uint32_t carry = 0;

    for (size_t i = 0; i < 80; i++) {
        carry += sum->digit[i] + more->digit[i];
        sum->digit[i] = carry % 10;
        carry /= 10;
    }
    assert_int_equal(carry, 0);
}

/* sum += a × b, one decimal digit of a after the other. */
static void digits_add_product(struct digits *sum, uint64_t a, uint64_t b)
{
    for (size_t shift = 0; a > 0; shift++, a /= 10) {
        struct digits row = { { 0 } };
        uint64_t rest = b;

        for (size_t i = shift; rest > 0; i++, rest /= 10)
            row.digit[i] = (uint32_t)(rest % 10);
        for (uint64_t times = a % 10; times > 0; times--)
            digits_add(sum, &row);
    }
}

/* The sum divided by 10^6, up, at most LLMP_NANOS_MAX. */
static uint64_t digits_to_nanos(const struct digits *sum)
{
    uint64_t value = 0;
    bool up = false;

    for (size_t i = 0; i < 6; i++)
        up = up || sum->digit[i];
    for (size_t i = 80; i-- > 6;)
        value = llmp_add_sat(llmp_mul_sat(value, 10), sum->digit[i]);
    value = llmp_add_sat(value, up);
    return value < LLMP_NANOS_MAX ? value : LLMP_NANOS_MAX;
}

static void random_calls_cost_what_long_addition_says(void **state)
{
    uint64_t seed = 11;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        struct llmp_price_tier tier = { 0 };
        struct llmp_price price;
        struct llmp_usage usage;
        struct digits sum = { { 0 } };
        uint64_t nanos, part[6];
        unsigned size = (unsigned)(random_u64(&seed) % 60);

        init_price(&price, &tier, 0);
        for (int item = 0; item < LLMP_PRICE_ITEM_COUNT; item++)
            state_price(&tier, (enum llmp_price_item)item,
                        random_u64(&seed) >> random_u64(&seed) % 60);
        llmp_usage_init(&usage);
        usage.requests = 0;
        for (size_t k = 0; k < LLMP_COUNT(part); k++)
            part[k] = random_u64(&seed) >> (4 + size);
        usage.input_tokens = part[0] + part[1] + part[2] + part[3];
        usage.cached_tokens = part[1];
        usage.cache_write_5m_tokens = part[2];
        usage.cache_write_1h_tokens = part[3];
        usage.output_tokens = part[4] + part[5];
        usage.audio_output_tokens = part[5];
        digits_add_product(&sum, part[0], tier.nanos[LLMP_PRICE_INPUT]);
        digits_add_product(&sum, part[1], tier.nanos[LLMP_PRICE_CACHED_INPUT]);
        digits_add_product(&sum, part[2],
                           tier.nanos[LLMP_PRICE_CACHE_WRITE_5M]);
        digits_add_product(&sum, part[3],
                           tier.nanos[LLMP_PRICE_CACHE_WRITE_1H]);
        digits_add_product(&sum, part[4], tier.nanos[LLMP_PRICE_OUTPUT]);
        digits_add_product(&sum, part[5], tier.nanos[LLMP_PRICE_AUDIO_OUTPUT]);

        assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
        if (nanos != digits_to_nanos(&sum))
            fail_msg("round %d: %llu", i, (unsigned long long)nanos);
    }
}

/* With one price for everything, only the totals matter: no token is charged
 * twice or not at all, however inconsistent the report. */
static void every_token_is_charged_once(void **state)
{
    struct llmp_price_tier tier = { 0 };
    struct llmp_price price;
    uint64_t seed = 5;

    (void)state;
    init_price(&price, &tier, 0);
    for (int item = 0; item < LLMP_PRICE_ITEM_COUNT; item++)
        if (llmp_price_item_unit((enum llmp_price_item)item) ==
            LLMP_PRICE_PER_TOKENS)
            state_price(&tier, (enum llmp_price_item)item, 1000000);
    for (int i = 0; i < 20000; i++) {
        struct llmp_usage usage = random_usage(&seed);
        uint64_t nanos;

        usage.images = usage.audio_ms = usage.characters = 0;
        assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
        (void)llmp_usage_normalise(&usage);
        if (usage.input_tokens < UINT64_MAX && usage.output_tokens < UINT64_MAX)
            assert_true(nanos == llmp_nanos_add(usage.input_tokens,
                                                usage.output_tokens));
        else
            assert_true(nanos == LLMP_NANOS_MAX);
    }
}

static void the_largest_stops_at_the_end(void **state)
{
    struct llmp_price_tier tier = { 0 };
    struct llmp_price price;
    struct llmp_usage usage;
    uint64_t nanos;

    (void)state;
    init_price(&price, &tier, 0);
    for (int item = 0; item < LLMP_PRICE_ITEM_COUNT; item++)
        state_price(&tier, (enum llmp_price_item)item, UINT64_MAX);
    llmp_usage_init(&usage);
    for (uint64_t *at = &usage.input_tokens; at <= &usage.requests; at++)
        *at = UINT64_MAX;
    assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
    assert_true(nanos == LLMP_NANOS_MAX);
}

/* A ledger: each call priced by itself; totals by day, by key and over all. */
static void a_repriced_ledger_agrees_with_itself(void **state)
{
    enum { CALLS = 5000, DAYS = 7, KEYS = 13 };
    struct llmp_price_tier tier = chat_tier();
    struct llmp_price price;
    uint64_t seed = 9, total = 0, by_day[DAYS] = { 0 }, by_key[KEYS] = { 0 };
    uint64_t first_pass[CALLS];

    (void)state;
    state_price(&tier, LLMP_PRICE_INPUT, 2500001); /* leaves remainders */
    init_price(&price, &tier, 0);
    for (int pass = 0; pass < 2; pass++) {
        seed = 9;
        for (int i = 0; i < CALLS; i++) {
            struct llmp_usage usage;
            uint64_t nanos;

            llmp_usage_init(&usage);
            usage.input_tokens = random_u64(&seed) % 100000;
            usage.cached_tokens = random_u64(&seed) % 1000;
            usage.output_tokens = random_u64(&seed) % 5000;
            assert_int_equal(llmp_cost(&price, &usage, &nanos, NULL), LLMP_OK);
            if (pass == 1) {
                assert_int_equal(nanos, first_pass[i]);
                continue;
            }
            first_pass[i] = nanos;
            total = llmp_nanos_add(total, nanos);
            by_day[i % DAYS] = llmp_nanos_add(by_day[i % DAYS], nanos);
            by_key[i % KEYS] = llmp_nanos_add(by_key[i % KEYS], nanos);
        }
    }

    uint64_t days = 0, keys = 0;

    for (int i = 0; i < DAYS; i++)
        days = llmp_nanos_add(days, by_day[i]);
    for (int i = 0; i < KEYS; i++)
        keys = llmp_nanos_add(keys, by_key[i]);
    assert_int_equal(days, total);
    assert_int_equal(keys, total);
}

static void usage_of_another_version_is_read(void **state)
{
    struct llmp_price_tier tier = chat_tier();
    struct llmp_price price;
    struct {
        struct llmp_usage usage;
        uint64_t newer;
    } caller = { .newer = 0 };
    uint64_t nanos = 77;

    (void)state;
    init_price(&price, &tier, 0);
    llmp_usage_init_sized(&caller.usage, sizeof(caller));
    caller.usage.input_tokens = 1;
    assert_int_equal(llmp_cost(&price, &caller.usage, &nanos, NULL), LLMP_OK);
    assert_int_equal(nanos, 2500);
    caller.newer = 1; /* it used something that we cannot price */
    assert_int_equal(llmp_cost(&price, &caller.usage, &nanos, NULL),
                     LLMP_E_ABI);
    caller.usage.size = 8;
    assert_int_equal(llmp_cost(&price, &caller.usage, &nanos, NULL),
                     LLMP_E_ABI);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sum_is_exact_and_rounded_up_once),
        cmocka_unit_test(other_units_add_up),
        cmocka_unit_test(a_tier_prices_the_whole_call_and_stands_alone),
        cmocka_unit_test(what_has_no_price_is_unknown),
        cmocka_unit_test(prices_are_lent_by_the_stated_rules_only),
        cmocka_unit_test(cached_tokens_without_a_kind_are_text_first),
        cmocka_unit_test(random_calls_cost_what_long_addition_says),
        cmocka_unit_test(every_token_is_charged_once),
        cmocka_unit_test(the_largest_stops_at_the_end),
        cmocka_unit_test(a_repriced_ledger_agrees_with_itself),
        cmocka_unit_test(usage_of_another_version_is_read),
    };

    return cmocka_run_group_tests_name("cost", tests, NULL, NULL);
}
