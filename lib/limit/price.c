/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The price table: references, layers, and which entry a model's name means.
 * Entries are sorted by provider and model, so that each candidate name is one
 * binary search.
 */
#include "limit/price.h"

#include <stdlib.h>
#include <string.h>

#include "base/internal.h"
#include "base/str.h"

static const struct {
    const char *name;
    enum llmp_price_unit unit;
} items[LLMP_PRICE_ITEM_COUNT] = {
#define ITEM(name, key, unit) { key, LLMP_PRICE_PER_##unit },
    LLMP_PRICE_ITEM_TABLE(ITEM)
#undef ITEM
};

const char *llmp_price_item_name(enum llmp_price_item item)
{
    return (unsigned)item < LLMP_PRICE_ITEM_COUNT ? items[item].name
                                                  : "unknown item";
}

enum llmp_price_unit llmp_price_item_unit(enum llmp_price_item item)
{
    return (unsigned)item < LLMP_PRICE_ITEM_COUNT ? items[item].unit
                                                  : LLMP_PRICE_PER_TOKENS;
}

#define INFO_V1_SIZE (offsetof(struct llmp_price_info, partial) + sizeof(bool))

void llmp_price_describe(const struct llmp_price *price,
                         struct llmp_price_info *info)
{
    assert(price && info && info->size >= INFO_V1_SIZE);
    info->provider = price->provider;
    info->model = price->model;
    info->currency = price->currency;
    info->source = price->source;
    info->as_of = price->as_of;
    info->table_version = price->table_version;
    info->tier_count = price->tier_count;
    info->from_ns = llmp_mul_sat(price->from_s, LLMP_NS_PER_S);
    info->until_ns = llmp_mul_sat(price->until_s, LLMP_NS_PER_S);
    info->partial = price->weekdays || price->window_count > 0;
}

int llmp_price_item(const struct llmp_price *price, uint32_t tier,
                    enum llmp_price_item item, uint64_t *nanos)
{
    assert(price && nanos);
    if (tier > price->tier_count || (unsigned)item >= LLMP_PRICE_ITEM_COUNT ||
        !(price->tiers[tier].stated >> item & 1))
        return LLMP_MISS;
    *nanos = price->tiers[tier].nanos[item];
    return LLMP_OK;
}

uint64_t llmp_price_tier_above(const struct llmp_price *price, uint32_t tier)
{
    assert(price);
    return tier <= price->tier_count ? price->tiers[tier].above : 0;
}

struct llmp_prices *llmp_prices_new(void)
{
    struct llmp_prices *prices = llmp_alloc(sizeof(*prices));

    if (!prices)
        return NULL;
    atomic_init(&prices->refs, 1);
    llmp_arena_init(&prices->texts, 16384);
    return prices;
}

struct llmp_prices *llmp_prices_ref(struct llmp_prices *prices)
{
    assert(prices);
    atomic_fetch_add_explicit(&prices->refs, 1, memory_order_relaxed);
    return prices;
}

static void drop(struct llmp_prices *prices)
{
    llmp_arena_fini(&prices->texts);
    llmp_free(prices->entries);
    llmp_free(prices);
}

static bool is_last_reference(struct llmp_prices *prices)
{
    return atomic_fetch_sub_explicit(&prices->refs, 1, memory_order_acq_rel) ==
           1;
}

void llmp_prices_unref(struct llmp_prices *prices)
{
    if (!prices || !is_last_reference(prices))
        return;
    for (uint32_t i = 0; i < prices->layer_count; i++)
        if (is_last_reference(prices->layers[i]))
            drop(prices->layers[i]);
    drop(prices);
}

void llmp_prices_unrefp(struct llmp_prices **prices)
{
    llmp_prices_unref(*prices);
}

struct llmp_price *llmp_prices_push(struct llmp_prices *prices)
{
    if (prices->count == prices->capacity) {
        size_t capacity = prices->capacity ? 2 * prices->capacity : 16;
        struct llmp_price *entries =
            llmp_resize(prices->entries, capacity * sizeof(*entries));

        if (!entries)
            return NULL;
        prices->entries = entries;
        prices->capacity = capacity;
    }

    struct llmp_price *entry = &prices->entries[prices->count++];

    *entry = (struct llmp_price){ 0 };
    return entry;
}

static int compare_str(struct llmp_str a, struct llmp_str b)
{
    size_t shorter = a.len < b.len ? a.len : b.len;
    int order = shorter ? memcmp(a.ptr, b.ptr, shorter) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_names(const void *left, const void *right)
{
    const struct llmp_price *a = left, *b = right;
    int order = compare_str(a->provider, b->provider);

    return order ? order : compare_str(a->model, b->model);
}

/* Whether it holds at a part of the time between its dates only. */
static bool is_partial(const struct llmp_price *entry)
{
    return entry->weekdays || entry->window_count > 0;
}

static int compare_entries(const void *left, const void *right)
{
    const struct llmp_price *a = left, *b = right;
    int order = compare_names(a, b);

    if (order)
        return order;
    if (a->from_s != b->from_s)
        return a->from_s < b->from_s ? -1 : 1;
    return is_partial(a) - is_partial(b);
}

const struct llmp_price *llmp_prices_seal(struct llmp_prices *prices)
{
    if (prices->count)
        qsort(prices->entries, prices->count, sizeof(*prices->entries),
              compare_entries);
    for (size_t i = 0; i < prices->count; i++) {
        const struct llmp_price *entry = &prices->entries[i];

        if (i > 0 && compare_entries(entry - 1, entry) == 0)
            return entry;
        if (entry->model.ptr[entry->model.len - 1] == '*')
            prices->has_patterns = true;
    }
    return NULL;
}

/* The flat tables that `prices` is, the upper ones first. */
static uint32_t layers_of(const struct llmp_prices *prices,
                          const struct llmp_prices *layers[])
{
    if (prices->layer_count == 0) {
        layers[0] = prices;
        return 1;
    }
    for (uint32_t i = 0; i < prices->layer_count; i++)
        layers[i] = prices->layers[i];
    return prices->layer_count;
}

static void add_layers(struct llmp_prices *pile, struct llmp_prices *from)
{
    if (from->layer_count == 0)
        pile->layers[pile->layer_count++] = llmp_prices_ref(from);
    for (uint32_t i = 0; i < from->layer_count; i++)
        pile->layers[pile->layer_count++] = llmp_prices_ref(from->layers[i]);
}

int llmp_prices_overlay(struct llmp_prices **out, struct llmp_prices *over,
                        struct llmp_prices *base, struct llmp_error *err)
{
    LLMP_ENSURE(out && over && base, err, LLMP_E_INVALID,
                "out, over and base are required");

    const struct llmp_prices *layers[LLMP_PRICES_LAYERS_MAX];
    uint32_t height = layers_of(over, layers) + layers_of(base, layers);

    LLMP_ENSURE(height <= LLMP_PRICES_LAYERS_MAX, err, LLMP_E_LIMIT,
                "at most %d price tables can be laid over each other",
                LLMP_PRICES_LAYERS_MAX);

    struct llmp_prices *pile = llmp_prices_new();

    LLMP_ENSURE(pile, err, LLMP_E_NOMEM, "no memory for the prices");
    add_layers(pile, over);
    add_layers(pile, base);
    pile->version = pile->layers[0]->version;
    pile->date = pile->layers[0]->date;
    *out = pile;
    return LLMP_OK;
}

struct llmp_str llmp_prices_version(const struct llmp_prices *prices)
{
    assert(prices);
    return prices->version;
}

struct llmp_str llmp_prices_date(const struct llmp_prices *prices)
{
    assert(prices);
    return prices->date;
}

size_t llmp_prices_count(const struct llmp_prices *prices)
{
    const struct llmp_prices *layers[LLMP_PRICES_LAYERS_MAX];
    size_t count = 0;

    assert(prices);

    uint32_t height = layers_of(prices, layers);

    for (uint32_t i = 0; i < height; i++)
        count += layers[i]->count;
    return count;
}

const struct llmp_price *llmp_prices_at(const struct llmp_prices *prices,
                                        size_t index)
{
    const struct llmp_prices *layers[LLMP_PRICES_LAYERS_MAX];

    assert(prices && index < llmp_prices_count(prices));

    uint32_t layer = 0;

    (void)layers_of(prices, layers);
    while (index >= layers[layer]->count)
        index -= layers[layer++]->count;
    return &layers[layer]->entries[index];
}

/* Skips `count` digits at `at`; 0 when they are not there. */
static size_t digits(struct llmp_str text, size_t at, size_t count)
{
    if (at > text.len || text.len - at < count)
        return 0;
    for (size_t i = at; i < at + count; i++)
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return 0;
    return at + count;
}

/* The end of a date at `at`: 2024-08-06 or 20240806; 0 when there is none. */
static size_t date_end(struct llmp_str text, size_t at)
{
    size_t plain = digits(text, at, 8);
    size_t year = digits(text, at, 4);

    if (plain)
        return plain;
    if (!year || year >= text.len || text.ptr[year] != '-')
        return 0;

    size_t month = digits(text, year + 1, 2);

    if (!month || month >= text.len || text.ptr[month] != '-')
        return 0;
    return digits(text, month + 1, 2);
}

/* Whether `text` is what vendors put behind a name to say which release of the
 * same model is meant: -2024-08-06, -20240806, @20240806, -20240806-v1:0. */
static bool is_dated_suffix(struct llmp_str text)
{
    if (text.len == 0 || (text.ptr[0] != '-' && text.ptr[0] != '@'))
        return false;

    size_t end = date_end(text, 1);

    if (end == 0 || end == text.len)
        return end != 0;
    return text.len - end == 5 && memcmp(text.ptr + end, "-v", 2) == 0 &&
           digits(text, end + 2, 1) && text.ptr[end + 3] == ':' &&
           digits(text, end + 4, 1);
}

static bool holds_at(const struct llmp_price *entry, uint64_t wall_s)
{
    uint64_t minute = wall_s / 60 % (24 * 60);
    uint64_t weekday = (wall_s / 86400 + 3) % 7; /* 1970 began on day 3 */

    if (wall_s < entry->from_s || wall_s >= entry->until_s)
        return false;
    if (entry->weekdays && weekday > 4)
        return false;
    for (uint32_t i = 0; i < entry->window_count; i++)
        if (minute >= entry->windows[i].from && minute < entry->windows[i].to)
            return true;
    return entry->window_count == 0;
}

/* Of the entries around `found` that have its names, the last that holds. */
static const struct llmp_price *at_time(const struct llmp_prices *table,
                                        const struct llmp_price *found,
                                        uint64_t wall_s)
{
    const struct llmp_price *end = table->entries + table->count;
    const struct llmp_price *at = found;

    while (at + 1 < end && compare_names(at + 1, found) == 0)
        at++;
    for (; compare_names(at, found) == 0; at--) {
        if (holds_at(at, wall_s))
            return at;
        if (at == table->entries)
            break;
    }
    return NULL;
}

/* What is looked for. */
struct query {
    struct llmp_str provider, model;
    uint64_t wall_s;
};

/* The entry whose model is `name`, with a '*' behind it if `pattern`. */
static const struct llmp_price *search(const struct llmp_prices *table,
                                       const struct query *query,
                                       struct llmp_str name, bool pattern)
{
    char text[LLMP_PRICES_NAME_MAX + 1];
    struct llmp_price wanted = { .provider = query->provider, .model = name };

    if (pattern) {
        char *end = llmp_put_str(text, name);

        *end++ = '*';
        wanted.model = (struct llmp_str){ text, (size_t)(end - text) };
    }

    const struct llmp_price *found =
        bsearch(&wanted, table->entries, table->count, sizeof(*table->entries),
                compare_names);

    return found ? at_time(table, found, query->wall_s) : NULL;
}

static const struct llmp_price *find_in(const struct llmp_prices *table,
                                        const struct query *query)
{
    struct llmp_str model = query->model;

    if (model.len > LLMP_PRICES_NAME_MAX || table->count == 0)
        return NULL;
    /* The longest head first; at one length a name before a pattern. */
    for (size_t cut = 0; cut <= model.len; cut++) {
        const struct llmp_price *found = NULL;
        struct llmp_str head = { model.ptr, model.len - cut };
        struct llmp_str tail = { model.ptr + head.len, cut };

        if (cut == 0 || is_dated_suffix(tail))
            found = search(table, query, head, false);
        if (!found && table->has_patterns)
            found = search(table, query, head, true);
        if (found)
            return found;
    }
    return NULL;
}

int llmp_prices_find(const struct llmp_prices *prices, struct llmp_str provider,
                     struct llmp_str model, uint64_t wall_ns,
                     const struct llmp_price **price)
{
    const struct query query = { provider, model, wall_ns / LLMP_NS_PER_S };
    const struct llmp_prices *layers[LLMP_PRICES_LAYERS_MAX];

    assert(prices && price);

    uint32_t height = layers_of(prices, layers);

    for (uint32_t i = 0; i < height; i++) {
        const struct llmp_price *found = find_in(layers[i], &query);

        if (found) {
            *price = found;
            return LLMP_OK;
        }
    }
    return LLMP_MISS;
}
