/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file llmproxy/usage.h
 * What a call used, what that costs, and where prices come from.
 *
 * Money is an integer: nano-units of a currency (10^-9 dollars, roubles, …).
 * A price that nobody knows makes the cost unknown, never zero. Nothing here
 * reads a clock; tables are immutable and may be shared between threads, the
 * rest are pure functions.
 */
#ifndef LLMPROXY_USAGE_H
#define LLMPROXY_USAGE_H

#include <llmproxy/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * What one call of one deployment used. Tokens are counted twice over: "all"
 * members hold everything of their direction, and each part lies inside the
 * member that its comment names. Parts of one whole do not overlap, except
 * that the kinds (audio, image) and the cache's parts are two divisions of the
 * same input, which meet in `cached_audio_tokens` and `cached_image_tokens`.
 *
 * A dialect that reports otherwise (Anthropic's input_tokens leaves the
 * cache's parts out; some leave reasoning out of the output) is brought into
 * this form by whoever reads it.
 */
struct llmp_usage {
    size_t size; /**< set by llmp_usage_init() */

    uint64_t input_tokens;          /**< all */
    uint64_t cached_tokens;         /**< of input: read from a cache */
    uint64_t cache_write_5m_tokens; /**< of input: written, for minutes */
    uint64_t cache_write_1h_tokens; /**< of input: written, for an hour */
    uint64_t audio_input_tokens;    /**< of input */
    uint64_t image_input_tokens;    /**< of input */
    uint64_t cached_audio_tokens;   /**< of cached and of audio_input */
    uint64_t cached_image_tokens;   /**< of cached and of image_input */

    uint64_t output_tokens;       /**< all */
    uint64_t reasoning_tokens;    /**< of output */
    uint64_t audio_output_tokens; /**< of output */
    uint64_t image_output_tokens; /**< of output */

    uint64_t images;     /**< pictures made */
    uint64_t audio_ms;   /**< of sound that was transcribed */
    uint64_t characters; /**< of text that was spoken */
    uint64_t requests;   /**< calls; 1 unless this is a sum */
    /* New members go here, with 0 meaning "none". Since 0.1: all above. */
};

LLMP_API void llmp_usage_init_sized(struct llmp_usage *usage, size_t size);

/** Nothing was used, in one request. */
static inline void llmp_usage_init(struct llmp_usage *usage)
{
    llmp_usage_init_sized(usage, sizeof(*usage));
}

/**
 * Makes a report agree with itself, by raising what is too small: a part that
 * was reported was there, so a whole is at least the sum of its parts. Nothing
 * is ever lowered, and nothing can become negative.
 *
 * @return true if something was raised: the provider contradicts itself
 */
LLMP_API bool llmp_usage_normalise(struct llmp_usage *usage);

/** Adds `more` to `sum`, member by member; stops at UINT64_MAX. Sums are for
 *  showing: costs are added, never computed from summed usage. */
LLMP_API void llmp_usage_add(struct llmp_usage *sum,
                             const struct llmp_usage *more);

/** 10^-9 units of a currency make one unit. */
#define LLMP_NANOS UINT64_C(1000000000)

/** The largest amount: it fits a signed 64-bit column. Costs stop there. */
#define LLMP_NANOS_MAX ((uint64_t)INT64_MAX)

/**
 * What has a price: name, JSON key, quantity that one price buys. The text
 * kinds are what is left of input and output without the parts that have a
 * line of their own.
 */
#define LLMP_PRICE_ITEM_TABLE(X)                        \
    X(INPUT, "input", TOKENS)                           \
    X(CACHED_INPUT, "cached_input", TOKENS)             \
    X(CACHE_WRITE_5M, "cache_write_5m", TOKENS)         \
    X(CACHE_WRITE_1H, "cache_write_1h", TOKENS)         \
    X(AUDIO_INPUT, "audio_input", TOKENS)               \
    X(CACHED_AUDIO_INPUT, "cached_audio_input", TOKENS) \
    X(IMAGE_INPUT, "image_input", TOKENS)               \
    X(CACHED_IMAGE_INPUT, "cached_image_input", TOKENS) \
    X(OUTPUT, "output", TOKENS)                         \
    X(REASONING, "reasoning", TOKENS)                   \
    X(AUDIO_OUTPUT, "audio_output", TOKENS)             \
    X(IMAGE_OUTPUT, "image_output", TOKENS)             \
    X(IMAGE, "image", EACH)                             \
    X(AUDIO_MINUTE, "audio_minute", MINUTE)             \
    X(CHARACTERS, "characters", TOKENS)                 \
    X(REQUEST, "request", EACH)

enum llmp_price_item {
#define LLMP_PRICE_ITEM_ENUM(name, key, unit) LLMP_PRICE_##name,
    LLMP_PRICE_ITEM_TABLE(LLMP_PRICE_ITEM_ENUM)
#undef LLMP_PRICE_ITEM_ENUM
        LLMP_PRICE_ITEM_COUNT
};

/** "cached_input" for LLMP_PRICE_CACHED_INPUT; "unknown item" otherwise. */
LLMP_API const char *llmp_price_item_name(enum llmp_price_item item);

/** What a price is for. */
enum llmp_price_unit {
    LLMP_PRICE_PER_TOKENS, /**< 1,000,000 tokens, or characters */
    LLMP_PRICE_PER_MINUTE, /**< a minute of sound */
    LLMP_PRICE_PER_EACH    /**< one picture, one request */
};

LLMP_API enum llmp_price_unit llmp_price_item_unit(enum llmp_price_item item);

/**
 * The prices of one model at one provider. Part of a table and valid as long
 * as that is.
 */
struct llmp_price;

/** Who is priced, in what, and how we know. Strings belong to the table. */
struct llmp_price_info {
    size_t size;
    struct llmp_str provider, model; /**< as the table has them: may end in * */
    struct llmp_str currency;        /**< ISO 4217: "USD" */
    struct llmp_str source;          /**< where the figures were read */
    struct llmp_str as_of;           /**< when they held: "2026-11-24" */
    struct llmp_str table_version;   /**< of the table that the entry is in */
    uint32_t tier_count;             /**< above the base; see below */
    uint64_t from_ns;                /**< wall time; 0: since ever */
    uint64_t until_ns;               /**< exclusive; UINT64_MAX: no end */
    bool partial;                    /**< only at certain hours or weekdays */
};

/** @param info  `size` set by the caller; filled */
LLMP_API void llmp_price_describe(const struct llmp_price *price,
                                  struct llmp_price_info *info);

#define LLMP_PRICE_TIERS_MAX 4

/**
 * One figure as the table states it, without fall-backs.
 *
 * @param tier   0: the base; 1 …: the tiers by rising threshold
 * @param nanos  on LLMP_OK: nano-units for the item's unit
 * @retval LLMP_OK    stated
 * @retval LLMP_MISS  not stated, or no such tier
 */
LLMP_API LLMP_MUST_USE int llmp_price_item(const struct llmp_price *price,
                                           uint32_t tier,
                                           enum llmp_price_item item,
                                           uint64_t *nanos);

/** A tier holds for calls whose whole input is longer than this many tokens;
 *  0 for the base and for tiers that are not there. */
LLMP_API uint64_t llmp_price_tier_above(const struct llmp_price *price,
                                        uint32_t tier);

/**
 * Prices one call. The exact sum is rounded up once, to whole nano-units; it
 * stops at LLMP_NANOS_MAX. The usage is normalised first, on a copy.
 *
 * The tier is chosen by `input_tokens` and prices the whole call; it stands
 * alone, so what it does not state is not taken from the base. What was used
 * without a price of its own is priced by these rules, else it is unknown:
 * - cached input as input (a provider without a discount has no price for it);
 *   cached audio as audio input; cached images as image input if that has a
 *   price of its own, else as cached input;
 * - image input as input, reasoning as output (models that charge them
 *   differently say so);
 * - a request costs nothing by itself; pictures, seconds and characters need
 *   no price when the same call counted them as image output, audio input or
 *   audio output tokens;
 * - never guessed: input, output, cache writes, audio, image output.
 *
 * @param price    NULL: nobody knows, the answer is LLMP_MISS
 * @param nanos    on LLMP_OK, in the price's currency
 * @param missing  NULL, or on LLMP_MISS the first item that lacks a price
 * @retval LLMP_OK     known
 * @retval LLMP_MISS   unknown: something was used that has no price
 * @retval LLMP_E_ABI  `usage` uses members that this library does not know
 */
LLMP_API LLMP_MUST_USE int llmp_cost(const struct llmp_price *price,
                                     const struct llmp_usage *usage,
                                     uint64_t *nanos,
                                     enum llmp_price_item *missing);

/** a + b, at most LLMP_NANOS_MAX. */
LLMP_API uint64_t llmp_nanos_add(uint64_t a, uint64_t b);

/**
 * Reads a decimal number exactly: "2.50", "0.0375", "12". No sign, exponent or
 * blanks; at most nine digits after the point, and one on each side of it.
 *
 * @retval LLMP_OK        *nanos = the number × 10^9
 * @retval LLMP_E_SYNTAX  not such a number
 * @retval LLMP_E_LIMIT   above LLMP_NANOS_MAX
 */
LLMP_API LLMP_MUST_USE int llmp_nanos_parse(struct llmp_str text,
                                            uint64_t *nanos);

#define LLMP_NANOS_TEXT_MAX 24

/**
 * Writes an amount in decimal without needless zeroes: "2.5", "0.000000001".
 *
 * @param text  receives a NUL-terminated text
 * @return its length
 */
LLMP_API size_t llmp_nanos_write(uint64_t nanos,
                                 char text[LLMP_NANOS_TEXT_MAX]);

/** One unit of `from` is numerator ÷ denominator units of `to`. */
struct llmp_rate {
    struct llmp_str from, to;
    uint64_t numerator, denominator; /**< both above 0 */
};

/**
 * Converts an amount, rounding up once. A rate serves both directions; rates
 * are not chained. The first that fits is taken.
 *
 * @param rates  NULL is allowed when `count` is 0
 * @retval LLMP_OK    *out is the amount in `to`; the same amount when both
 *                    currencies are the same
 * @retval LLMP_MISS  no rate: unknown
 */
LLMP_API LLMP_MUST_USE int llmp_nanos_convert(uint64_t nanos,
                                              struct llmp_str from,
                                              struct llmp_str to,
                                              const struct llmp_rate *rates,
                                              size_t count, uint64_t *out);

/** A price table: immutable, reference counted (from any thread). */
struct llmp_prices;

#define LLMP_PRICES_TEXT_MAX  (8u << 20) /**< bytes of a table's text */
#define LLMP_PRICES_COUNT_MAX 32768      /**< entries of a table */
#define LLMP_PRICES_NAME_MAX  200        /**< bytes of any of its strings */

/**
 * Reads a table from JSON (the form is in docs/prices.md). Unknown members are
 * refused, so that a misspelt price is not a missing one.
 *
 * @param out   receives the table on LLMP_OK, with one reference
 * @param text  not needed after the call
 * @param err   NULL, or receives details, with line and column
 * @retval LLMP_OK        done
 * @retval LLMP_E_SYNTAX  not JSON, or a number that is no decimal
 * @retval LLMP_E_TYPE    a member of the wrong type
 * @retval LLMP_E_INVALID a member is missing, unknown, or not acceptable; two
 *                        entries for one provider and model
 * @retval LLMP_E_LIMIT   larger than the limits above
 * @retval LLMP_E_NOMEM   out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_prices_parse(struct llmp_prices **out,
                                             struct llmp_str text,
                                             struct llmp_error *err);

/** The text of the table that the library ships. */
LLMP_API struct llmp_str llmp_prices_shipped_text(void);

/** Reads that table. Each call makes one of its own: keep it. As above. */
LLMP_API LLMP_MUST_USE int llmp_prices_shipped(struct llmp_prices **out,
                                               struct llmp_error *err);

/**
 * Lays one table over another. Where `over` has an entry that fits, it
 * replaces the one below as a whole. Either may be laid over another already;
 * eight tables at most.
 *
 * @param out    receives the pile on LLMP_OK, with one reference
 * @param over   references are taken, of `base` too
 * @param err    NULL, or receives details
 * @retval LLMP_OK         done
 * @retval LLMP_E_INVALID  an argument is NULL
 * @retval LLMP_E_LIMIT    too many tables
 * @retval LLMP_E_NOMEM    out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_prices_overlay(struct llmp_prices **out,
                                               struct llmp_prices *over,
                                               struct llmp_prices *base,
                                               struct llmp_error *err);

/** From any thread. Returns its argument. */
LLMP_API struct llmp_prices *llmp_prices_ref(struct llmp_prices *prices);

/** Accepts NULL. */
LLMP_API void llmp_prices_unref(struct llmp_prices *prices);

/** As the text says, e.g. "2026-11-24.1" and "2026-11-24"; a pile's is that of
 *  its top. */
LLMP_API struct llmp_str llmp_prices_version(const struct llmp_prices *prices);
LLMP_API struct llmp_str llmp_prices_date(const struct llmp_prices *prices);

/**
 * Finds the prices of a model. The provider must be equal; of the entries that
 * fit the model, the one that shares most of its name is taken: the name
 * itself; the name without a date behind it (gpt-4o for gpt-4o-2024-08-06,
 * also -20240806, @20240806, and Bedrock's -20240806-v1:0); a pattern with a
 * `*` at its end. Case matters. Of several entries for that name the one that
 * holds at the time of the call is taken: the latest to begin, and one for
 * certain hours or weekdays before one for all.
 *
 * A deployment's own price is an entry under the name of the configured
 * provider: ask for that name first, then for the vendor's.
 *
 * @param wall_ns  when the call was made, since 1970; prices change at dates
 *                 and, at some providers, with the time of day
 * @param price    on LLMP_OK; valid as long as `prices` is
 * @retval LLMP_OK    found
 * @retval LLMP_MISS  nobody knows
 */
LLMP_API LLMP_MUST_USE int llmp_prices_find(const struct llmp_prices *prices,
                                            struct llmp_str provider,
                                            struct llmp_str model,
                                            uint64_t wall_ns,
                                            const struct llmp_price **price);

/** Entries, those below included; the top's come first, each table's sorted
 *  by provider and model. */
LLMP_API size_t llmp_prices_count(const struct llmp_prices *prices);

/** The entry at `index`, below llmp_prices_count(). */
LLMP_API const struct llmp_price *llmp_prices_at(
    const struct llmp_prices *prices, size_t index);

#ifdef __cplusplus
}
#endif
#endif
