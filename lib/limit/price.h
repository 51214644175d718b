/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a price table. An entry holds a base and a few tiers; a table
 * holds entries sorted by provider and model, and perhaps a table below it.
 */
#ifndef LLMP_LIMIT_PRICE_H
#define LLMP_LIMIT_PRICE_H

#include <llmproxy/usage.h>
#include <stdatomic.h>

#include "base/alloc.h"

struct llmp_price_tier {
    uint64_t above;  /* input tokens; the base has 0 and holds from the first */
    uint32_t stated; /* a bit an item */
    uint64_t nanos[LLMP_PRICE_ITEM_COUNT]; /* for the item's unit */
};

#define LLMP_PRICE_WINDOWS_MAX 4

struct llmp_price {
    struct llmp_str provider, model, currency, source, as_of;
    struct llmp_str table_version;
    uint64_t from_s, until_s; /* since 1970; 0 and UINT64_MAX: no bound */
    bool weekdays;            /* only from Monday to Friday, in UTC */
    uint32_t window_count;    /* 0: at every time of the day */
    struct {
        uint16_t from, to; /* minutes of a day in UTC, `to` excluded */
    } windows[LLMP_PRICE_WINDOWS_MAX];
    uint32_t tier_count;                 /* above the base */
    const struct llmp_price_tier *tiers; /* the base, then the others */
};

#define LLMP_PRICES_LAYERS_MAX 8

/* Either a flat table with entries or a pile of flat tables. */
struct llmp_prices {
    atomic_uint refs;
    uint32_t layer_count;                               /* 0: flat */
    struct llmp_prices *layers[LLMP_PRICES_LAYERS_MAX]; /* references of ours */
    struct llmp_str version, date;                      /* flat: in `texts` */
    struct llmp_price *entries; /* a heap array, sorted once sealed */
    size_t count, capacity;
    bool has_patterns; /* once sealed: a model ends in '*' */
    struct llmp_arena texts;
};

/* An empty flat table with one reference, or NULL. */
struct llmp_prices *llmp_prices_new(void);

/* Room for one more entry, zeroed, or NULL. Moves the others. */
struct llmp_price *llmp_prices_push(struct llmp_prices *prices);

/*
 * Sorts the entries by provider, model, and by when they begin, those for
 * certain hours or days last; nothing is added afterwards.
 *
 * @return NULL, or an entry that is there twice
 */
const struct llmp_price *llmp_prices_seal(struct llmp_prices *prices);

/* For LLMP_AUTO. */
void llmp_prices_unrefp(struct llmp_prices **prices);

#endif
