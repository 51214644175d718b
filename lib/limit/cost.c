/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one call costs. Its usage is divided so that each token lies under one
 * item; each item finds its price; the exact sum, in 128 bits, is rounded up
 * once. Pure arithmetic.
 */
#include "base/internal.h"
#include "limit/price.h"
#include "limit/usage.h"

__extension__ typedef unsigned __int128 wide;

/* Everything is counted in 3,000,000ths of an item's unit, so that tokens by
 * the million, milliseconds by the minute and single things add up exactly. */
enum {
    PARTS = 3000000,
    PARTS_A_TOKEN = PARTS / 1000000,
    PARTS_A_MS = PARTS / 60000
};

/* Where an item without a price of its own gets one, in this order. */
enum { LENDERS_MAX = 3, NOBODY = LLMP_PRICE_ITEM_COUNT };
static const uint8_t lenders[LLMP_PRICE_ITEM_COUNT][LENDERS_MAX] = {
#define LEND(item, a, b, c) [LLMP_PRICE_##item] = { a, b, c }
    LEND(INPUT, NOBODY, NOBODY, NOBODY),
    LEND(CACHED_INPUT, LLMP_PRICE_INPUT, NOBODY, NOBODY),
    LEND(CACHE_WRITE_5M, NOBODY, NOBODY, NOBODY),
    LEND(CACHE_WRITE_1H, NOBODY, NOBODY, NOBODY),
    LEND(AUDIO_INPUT, NOBODY, NOBODY, NOBODY),
    LEND(CACHED_AUDIO_INPUT, LLMP_PRICE_AUDIO_INPUT, NOBODY, NOBODY),
    LEND(IMAGE_INPUT, LLMP_PRICE_INPUT, NOBODY, NOBODY),
    LEND(CACHED_IMAGE_INPUT, LLMP_PRICE_IMAGE_INPUT, LLMP_PRICE_CACHED_INPUT,
         LLMP_PRICE_INPUT),
    LEND(OUTPUT, NOBODY, NOBODY, NOBODY),
    LEND(REASONING, LLMP_PRICE_OUTPUT, NOBODY, NOBODY),
    LEND(AUDIO_OUTPUT, NOBODY, NOBODY, NOBODY),
    LEND(IMAGE_OUTPUT, NOBODY, NOBODY, NOBODY),
    LEND(IMAGE, NOBODY, NOBODY, NOBODY),
    LEND(AUDIO_MINUTE, NOBODY, NOBODY, NOBODY),
    LEND(CHARACTERS, NOBODY, NOBODY, NOBODY),
    LEND(REQUEST, NOBODY, NOBODY, NOBODY),
#undef LEND
};

static uint64_t sub_sat(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* Takes up to `wanted` of what is left; returns how much. */
static uint64_t take(uint64_t *left, uint64_t wanted)
{
    uint64_t taken = *left < wanted ? *left : wanted;

    *left -= taken;
    return taken;
}

/*
 * Input by kind and by cache. A report names the kinds of cached tokens or
 * not; those without a kind are text as far as there is text, then images,
 * then audio. What is written to a cache has a price without kinds.
 */
static void divide_input(const struct llmp_usage *usage, uint64_t *amounts)
{
    uint64_t audio =
        sub_sat(usage->audio_input_tokens, usage->cached_audio_tokens);
    uint64_t image =
        sub_sat(usage->image_input_tokens, usage->cached_image_tokens);
    uint64_t text =
        sub_sat(usage->input_tokens, llmp_add_sat(usage->audio_input_tokens,
                                                  usage->image_input_tokens));
    uint64_t cached =
        sub_sat(usage->cached_tokens, llmp_add_sat(usage->cached_audio_tokens,
                                                   usage->cached_image_tokens));
    uint64_t written = llmp_add_sat(usage->cache_write_5m_tokens,
                                    usage->cache_write_1h_tokens);

    amounts[LLMP_PRICE_CACHE_WRITE_5M] = usage->cache_write_5m_tokens;
    amounts[LLMP_PRICE_CACHE_WRITE_1H] = usage->cache_write_1h_tokens;
    written -= take(&text, written);
    written -= take(&image, written);
    (void)take(&audio, written);

    amounts[LLMP_PRICE_CACHED_INPUT] = take(&text, cached);
    cached -= amounts[LLMP_PRICE_CACHED_INPUT];

    uint64_t cached_image = take(&image, cached);
    uint64_t cached_audio = take(&audio, cached - cached_image);

    amounts[LLMP_PRICE_CACHED_IMAGE_INPUT] =
        llmp_add_sat(usage->cached_image_tokens, cached_image);
    amounts[LLMP_PRICE_CACHED_AUDIO_INPUT] =
        llmp_add_sat(usage->cached_audio_tokens, cached_audio);
    amounts[LLMP_PRICE_INPUT] = text;
    amounts[LLMP_PRICE_IMAGE_INPUT] = image;
    amounts[LLMP_PRICE_AUDIO_INPUT] = audio;
}

/* How much of each item was used: tokens, things, milliseconds. */
static void divide(const struct llmp_usage *usage, uint64_t *amounts)
{
    uint64_t parts = llmp_add_sat(
        usage->reasoning_tokens,
        llmp_add_sat(usage->audio_output_tokens, usage->image_output_tokens));

    divide_input(usage, amounts);
    amounts[LLMP_PRICE_OUTPUT] = sub_sat(usage->output_tokens, parts);
    amounts[LLMP_PRICE_REASONING] = usage->reasoning_tokens;
    amounts[LLMP_PRICE_AUDIO_OUTPUT] = usage->audio_output_tokens;
    amounts[LLMP_PRICE_IMAGE_OUTPUT] = usage->image_output_tokens;
    amounts[LLMP_PRICE_IMAGE] = usage->images;
    amounts[LLMP_PRICE_AUDIO_MINUTE] = usage->audio_ms;
    amounts[LLMP_PRICE_CHARACTERS] = usage->characters;
    amounts[LLMP_PRICE_REQUEST] = usage->requests;
}

static const struct llmp_price_tier *tier_for(const struct llmp_price *price,
                                              uint64_t input_tokens)
{
    uint32_t tier = price->tier_count;

    while (tier > 0 && input_tokens <= price->tiers[tier].above)
        tier--;
    return &price->tiers[tier];
}

/* The item's price in this tier, its own or lent; false when there is none. */
static bool price_of(const struct llmp_price_tier *tier, size_t item,
                     uint64_t *nanos)
{
    size_t from = item;

    for (size_t i = 0; !(tier->stated >> from & 1); i++) {
        if (i == LENDERS_MAX || lenders[item][i] == NOBODY)
            return false;
        from = lenders[item][i];
    }
    *nanos = tier->nanos[from];
    return true;
}

/* Whether the call counted what the item measures as tokens, too. */
static bool is_second_measure(const struct llmp_usage *usage, size_t item)
{
    switch (item) {
    case LLMP_PRICE_IMAGE:
        return usage->image_output_tokens > 0;
    case LLMP_PRICE_AUDIO_MINUTE:
        return usage->audio_input_tokens > 0;
    case LLMP_PRICE_CHARACTERS:
        return usage->audio_output_tokens > 0;
    case LLMP_PRICE_REQUEST:
        return true; /* no fee is what no price means */
    default:
        return false;
    }
}

static uint64_t parts_of_one(size_t item)
{
    switch (llmp_price_item_unit((enum llmp_price_item)item)) {
    case LLMP_PRICE_PER_TOKENS:
        return PARTS_A_TOKEN;
    case LLMP_PRICE_PER_MINUTE:
        return PARTS_A_MS;
    default:
        return PARTS;
    }
}

/* sum += amount × nanos × parts, as far as it goes. */
static void add_product(wide *sum, uint64_t amount, uint64_t nanos,
                        uint64_t parts)
{
    wide product = (wide)amount * nanos; /* cannot overflow */

    if (__builtin_mul_overflow(product, (wide)parts, &product) ||
        __builtin_add_overflow(*sum, product, sum))
        *sum = ~(wide)0;
}

static uint64_t divide_up(wide sum, wide by)
{
    wide quotient = sum / by + (sum % by != 0);

    return quotient > LLMP_NANOS_MAX ? LLMP_NANOS_MAX : (uint64_t)quotient;
}

int llmp_cost(const struct llmp_price *price, const struct llmp_usage *usage,
              uint64_t *nanos, enum llmp_price_item *missing)
{
    struct llmp_usage used = { 0 };
    uint64_t amounts[LLMP_PRICE_ITEM_COUNT] = { 0 };
    wide sum = 0;

    assert(usage && nanos);
    LLMP_TRY(llmp_options_read(&used, sizeof(used), LLMP_USAGE_V1_SIZE, usage,
                               usage->size, NULL));
    used.size = sizeof(used);
    if (missing)
        *missing = LLMP_PRICE_INPUT;
    if (!price)
        return LLMP_MISS;

    (void)llmp_usage_normalise(&used);
    divide(&used, amounts);

    const struct llmp_price_tier *tier = tier_for(price, used.input_tokens);

    for (size_t item = 0; item < LLMP_PRICE_ITEM_COUNT; item++) {
        uint64_t one;

        if (amounts[item] == 0)
            continue;
        if (price_of(tier, item, &one)) {
            add_product(&sum, amounts[item], one, parts_of_one(item));
        } else if (!is_second_measure(&used, item)) {
            if (missing)
                *missing = (enum llmp_price_item)item;
            return LLMP_MISS;
        }
    }
    *nanos = divide_up(sum, PARTS);
    return LLMP_OK;
}
