/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a price table's JSON (docs/prices.md has its form). Strict, because a
 * price that is misspelt or left out would show only in an invoice: unknown
 * members, two entries for one time for one model and prices that are no
 * decimal text are refused, with their place.
 */
#include <llmproxy/json.h>
#include <string.h>

#include "base/internal.h"
#include "base/json_text.h"
#include "base/str.h"
#include "limit/price.h"

struct reading {
    struct llmp_json json;
    struct llmp_json_token token; /* the one looked at */
    struct llmp_str text;
    struct llmp_prices *prices;
    struct llmp_error *err;
};

/* Gives a failure that was just recorded its place: line and column of the
 * byte at `offset`. */
static int place(struct reading *r, int status, uint64_t offset)
{
    uint32_t line = 1, column = 1;

    if (!r->err)
        return status;
    for (size_t i = 0; i < offset && i < r->text.len; i++) {
        bool ends = r->text.ptr[i] == '\n';

        line += ends;
        column = ends ? 1 : column + 1;
    }
    r->err->line = line;
    r->err->column = column;
    return status;
}

/* Refuses the token looked at. */
#define REFUSE(r, status, ...) \
    place((r), llmp_fail((r)->err, (status), __VA_ARGS__), (r)->token.offset)

/* The next token; LLMP_END after the last one. */
static int next(struct reading *r)
{
    struct llmp_error err = { 0 };
    int rc = llmp_json_next(&r->json, &r->token, &err);

    assert(rc != LLMP_AGAIN);
    if (rc >= 0)
        return rc;
    /* The reader counts bytes of the text in `column`, from 1. */
    return place(r, llmp_fail(r->err, rc, "%s", err.message),
                 err.column ? err.column - 1 : 0);
}

static int expect(struct reading *r, enum llmp_json_type type, const char *what)
{
    if (r->token.type != type)
        return REFUSE(r, LLMP_E_TYPE, "%s is expected here", what);
    return LLMP_OK;
}

static bool is_key(const struct reading *r, const char *name)
{
    return llmp_json_unescaped_eq(r->token.text, llmp_str_of(name));
}

/* A string's text, in the table's memory. */
static int read_text(struct reading *r, struct llmp_str *out)
{
    LLMP_TRY(next(r));
    LLMP_TRY(expect(r, LLMP_JSON_STRING, "a string"));
    if (r->token.text.len > LLMP_PRICES_NAME_MAX)
        return REFUSE(r, LLMP_E_LIMIT, "a string has at most %d bytes",
                      LLMP_PRICES_NAME_MAX);

    char *copy = llmp_arena_take(&r->prices->texts, r->token.text.len + 1);

    if (!copy)
        return REFUSE(r, LLMP_E_NOMEM, "no memory for the prices");
    out->ptr = copy;
    out->len = llmp_json_unescape(copy, r->token.text);
    if (out->len == 0)
        return REFUSE(r, LLMP_E_INVALID, "the string is empty");
    return LLMP_OK;
}

/* Whether `text` has the form's characters, with a digit for each d. */
static bool has_form(struct llmp_str text, const char *form)
{
    if (text.len != strlen(form))
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (form[i] == 'd' ? text.ptr[i] < '0' || text.ptr[i] > '9'
                           : text.ptr[i] != form[i])
            return false;
    return true;
}

static int read_date(struct reading *r, struct llmp_str *out)
{
    LLMP_TRY(read_text(r, out));
    if (!has_form(*out, "dddd-dd-dd"))
        return REFUSE(r, LLMP_E_INVALID, "a date is written 2026-01-31");
    return LLMP_OK;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar from then on. */
static uint64_t days_to(unsigned year, unsigned month, unsigned day)
{
    /* Years begin in March, so that the leap day is a year's last. */
    unsigned y = month > 2 ? year : year - 1;
    unsigned m = month > 2 ? month - 3 : month + 9;

    return 365u * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 -
           719468;
}

static unsigned number(struct llmp_str text, size_t at, size_t count)
{
    unsigned value = 0;

    for (size_t i = at; i < at + count; i++)
        value = 10 * value + (unsigned)(text.ptr[i] - '0');
    return value;
}

/* A date as the second in UTC at which it begins. */
static int read_day(struct reading *r, uint64_t *second)
{
    struct llmp_str text;

    LLMP_TRY(read_date(r, &text));

    unsigned year = number(text, 0, 4), month = number(text, 5, 2);
    unsigned day = number(text, 8, 2);

    /* Nanoseconds since 1970 end in 2554. */
    if (year < 1970 || year > 2500 || month < 1 || month > 12 || day < 1 ||
        day > 31)
        return REFUSE(r, LLMP_E_INVALID, "there is no such day");
    *second = days_to(year, month, day) * 86400;
    return LLMP_OK;
}

/* "01:00-04:00", up to "24:00". */
static int read_window(struct reading *r, struct llmp_price *price)
{
    struct llmp_str text = r->token.text;
    uint32_t i = price->window_count;

    LLMP_TRY(expect(r, LLMP_JSON_STRING, "hours as \"01:00-04:00\""));
    if (i == LLMP_PRICE_WINDOWS_MAX)
        return REFUSE(r, LLMP_E_LIMIT, "a day has at most %d windows",
                      LLMP_PRICE_WINDOWS_MAX);
    if (!has_form(text, "dd:dd-dd:dd"))
        return REFUSE(r, LLMP_E_INVALID, "hours are written 01:00-04:00");

    unsigned from = 60 * number(text, 0, 2) + number(text, 3, 2);
    unsigned to = 60 * number(text, 6, 2) + number(text, 9, 2);

    if (from >= to || to > 24 * 60 || number(text, 3, 2) > 59 ||
        number(text, 9, 2) > 59)
        return REFUSE(r, LLMP_E_INVALID,
                      "a window ends later on the same day (UTC)");
    price->windows[i].from = (uint16_t)from;
    price->windows[i].to = (uint16_t)to;
    price->window_count++;
    return LLMP_OK;
}

static int read_daily(struct reading *r, struct llmp_price *price)
{
    LLMP_TRY(next(r));
    LLMP_TRY(expect(r, LLMP_JSON_ARRAY, "a list of hours"));
    for (;;) {
        LLMP_TRY(next(r));
        if (r->token.type == LLMP_JSON_ARRAY_END)
            return LLMP_OK;
        LLMP_TRY(read_window(r, price));
    }
}

static int read_flag(struct reading *r, bool *flag)
{
    LLMP_TRY(next(r));
    *flag = r->token.type == LLMP_JSON_TRUE;
    if (*flag)
        return LLMP_OK;
    return expect(r, LLMP_JSON_FALSE, "true or false");
}

static int read_currency(struct reading *r, struct llmp_str *out)
{
    bool good = true;

    LLMP_TRY(read_text(r, out));
    for (size_t i = 0; i < out->len; i++)
        good = good && out->ptr[i] >= 'A' && out->ptr[i] <= 'Z';
    if (!good || out->len != 3)
        return REFUSE(r, LLMP_E_INVALID,
                      "a currency is three capital letters, such as USD");
    return LLMP_OK;
}

static int read_model(struct reading *r, struct llmp_str *out)
{
    LLMP_TRY(read_text(r, out));

    const char *star = memchr(out->ptr, '*', out->len);

    if (star && star != out->ptr + out->len - 1)
        return REFUSE(r, LLMP_E_INVALID,
                      "a * can only be the last character of a model");
    return LLMP_OK;
}

/* Reads the price of the item that the key looked at names; LLMP_MISS when it
 * names none. */
static int read_item(struct reading *r, struct llmp_price_tier *tier)
{
    uint32_t item = 0;

    while (item < LLMP_PRICE_ITEM_COUNT &&
           !is_key(r, llmp_price_item_name((enum llmp_price_item)item)))
        item++;
    if (item == LLMP_PRICE_ITEM_COUNT)
        return LLMP_MISS;

    LLMP_TRY(next(r));
    LLMP_TRY(
        expect(r, LLMP_JSON_STRING, "a price as a string, such as \"2.50\""));

    int rc = llmp_nanos_parse(r->token.text, &tier->nanos[item]);

    if (rc == LLMP_E_LIMIT)
        return REFUSE(r, rc, "the price is too large");
    if (rc < 0)
        return REFUSE(r, rc,
                      "a price is a decimal such as \"2.50\" with at "
                      "most nine digits after the point");
    tier->stated |= 1u << item;
    return LLMP_OK;
}

static int unknown_member(struct reading *r)
{
    return REFUSE(r, LLMP_E_INVALID, "there is no member '%.*s'",
                  (int)(r->token.text.len < 60 ? r->token.text.len : 60),
                  r->token.text.ptr);
}

static int read_above(struct reading *r, uint64_t *above)
{
    LLMP_TRY(next(r));
    LLMP_TRY(expect(r, LLMP_JSON_NUMBER, "a number of tokens"));
    if (llmp_json_u64(r->token.text, above) != LLMP_OK)
        return REFUSE(r, LLMP_E_TYPE, "a number of tokens is a whole number");
    return LLMP_OK;
}

/* One tier; its brace is the token looked at. */
static int read_tier(struct reading *r, struct llmp_price_tier *tier,
                     uint64_t least)
{
    uint64_t start = r->token.offset;

    LLMP_TRY(expect(r, LLMP_JSON_OBJECT, "a tier {…}"));
    for (;;) {
        LLMP_TRY(next(r));
        if (r->token.type == LLMP_JSON_OBJECT_END)
            break;
        if (is_key(r, "above")) {
            LLMP_TRY(read_above(r, &tier->above));
            continue;
        }

        int rc = read_item(r, tier);

        LLMP_TRY(rc);
        if (rc == LLMP_MISS)
            return unknown_member(r);
    }
    r->token.offset = start;
    if (tier->above <= least)
        return REFUSE(r, LLMP_E_INVALID,
                      "a tier says 'above', more than the one before it");
    if (!tier->stated)
        return REFUSE(r, LLMP_E_INVALID, "the tier states no price");
    return LLMP_OK;
}

/* What is being read of one entry, before it is known how many tiers it has. */
struct draft {
    struct llmp_price price;
    struct llmp_price_tier tiers[1 + LLMP_PRICE_TIERS_MAX];
};

static int read_tiers(struct reading *r, struct draft *draft)
{
    uint32_t *count = &draft->price.tier_count;

    LLMP_TRY(next(r));
    LLMP_TRY(expect(r, LLMP_JSON_ARRAY, "a list of tiers"));
    for (;;) {
        LLMP_TRY(next(r));
        if (r->token.type == LLMP_JSON_ARRAY_END)
            return LLMP_OK;
        if (*count == LLMP_PRICE_TIERS_MAX)
            return REFUSE(r, LLMP_E_LIMIT, "an entry has at most %d tiers",
                          LLMP_PRICE_TIERS_MAX);
        LLMP_TRY(read_tier(r, &draft->tiers[*count + 1],
                           draft->tiers[*count].above));
        ++*count;
    }
}

/* One member of an entry; its key is the token looked at. */
static int read_member(struct reading *r, struct draft *draft)
{
    struct llmp_price *price = &draft->price;
    struct llmp_str note;

    if (is_key(r, "provider"))
        return read_text(r, &price->provider);
    if (is_key(r, "model"))
        return read_model(r, &price->model);
    if (is_key(r, "currency"))
        return read_currency(r, &price->currency);
    if (is_key(r, "source"))
        return read_text(r, &price->source);
    if (is_key(r, "as_of"))
        return read_date(r, &price->as_of);
    if (is_key(r, "note"))
        return read_text(r, &note);
    if (is_key(r, "from"))
        return read_day(r, &price->from_s);
    if (is_key(r, "until"))
        return read_day(r, &price->until_s);
    if (is_key(r, "daily"))
        return read_daily(r, price);
    if (is_key(r, "weekdays"))
        return read_flag(r, &price->weekdays);
    if (is_key(r, "tiers"))
        return read_tiers(r, draft);

    int rc = read_item(r, &draft->tiers[0]);

    return rc == LLMP_MISS ? unknown_member(r) : rc;
}

/* The entry is complete: its tiers get their place in the table's memory. */
static int keep(struct reading *r, struct draft *draft)
{
    size_t size = (1 + draft->price.tier_count) * sizeof(draft->tiers[0]);
    struct llmp_price_tier *tiers = llmp_arena_take(&r->prices->texts, size);
    struct llmp_price *entry = tiers ? llmp_prices_push(r->prices) : NULL;

    if (!entry)
        return REFUSE(r, LLMP_E_NOMEM, "no memory for the prices");
    memcpy(tiers, draft->tiers, size);
    *entry = draft->price;
    entry->tiers = tiers;
    return LLMP_OK;
}

/* One entry; its brace is the token looked at. */
static int read_entry(struct reading *r)
{
    struct draft draft = { .price.until_s = UINT64_MAX };
    uint64_t start = r->token.offset;

    LLMP_TRY(expect(r, LLMP_JSON_OBJECT, "an entry {…}"));
    for (;;) {
        LLMP_TRY(next(r));
        if (r->token.type == LLMP_JSON_OBJECT_END)
            break;
        LLMP_TRY(read_member(r, &draft));
    }
    r->token.offset = start;
    if (!draft.price.provider.len || !draft.price.model.len ||
        !draft.price.currency.len)
        return REFUSE(r, LLMP_E_INVALID,
                      "an entry has a provider, a model and a currency");
    if (draft.price.from_s >= draft.price.until_s)
        return REFUSE(r, LLMP_E_INVALID, "'until' is later than 'from'");
    if (!draft.tiers[0].stated)
        return REFUSE(r, LLMP_E_INVALID, "the entry states no price");
    if (r->prices->count == LLMP_PRICES_COUNT_MAX)
        return REFUSE(r, LLMP_E_LIMIT, "a table has at most %d entries",
                      LLMP_PRICES_COUNT_MAX);
    return keep(r, &draft);
}

static int read_entries(struct reading *r)
{
    LLMP_TRY(next(r));
    LLMP_TRY(expect(r, LLMP_JSON_ARRAY, "a list of entries"));
    for (;;) {
        LLMP_TRY(next(r));
        if (r->token.type == LLMP_JSON_ARRAY_END)
            return LLMP_OK;
        LLMP_TRY(read_entry(r));
    }
}

static int read_table(struct reading *r)
{
    struct llmp_str note;

    LLMP_TRY(next(r));
    LLMP_TRY(expect(r, LLMP_JSON_OBJECT, "a table {…}"));
    for (;;) {
        LLMP_TRY(next(r));
        if (r->token.type == LLMP_JSON_OBJECT_END)
            break;
        if (is_key(r, "version"))
            LLMP_TRY(read_text(r, &r->prices->version));
        else if (is_key(r, "date"))
            LLMP_TRY(read_date(r, &r->prices->date));
        else if (is_key(r, "note"))
            LLMP_TRY(read_text(r, &note));
        else if (is_key(r, "entries"))
            LLMP_TRY(read_entries(r));
        else
            return unknown_member(r);
    }
    if (!r->prices->version.len || !r->prices->date.len)
        return REFUSE(r, LLMP_E_INVALID, "a table has a version and a date");
    return next(r); /* nothing follows: LLMP_END */
}

static int finish(struct reading *r)
{
    const struct llmp_price *twice = llmp_prices_seal(r->prices);

    if (twice)
        return llmp_fail(
            r->err, LLMP_E_INVALID,
            "two entries for one time for '%.*s' of '%.*s'",
            (int)twice->model.len, twice->model.ptr,
            (int)(twice->provider.len < 40 ? twice->provider.len : 40),
            twice->provider.ptr);
    for (size_t i = 0; i < r->prices->count; i++)
        r->prices->entries[i].table_version = r->prices->version;
    return LLMP_OK;
}

static int parse(struct reading *r)
{
    llmp_json_init(&r->json, 0);
    llmp_json_feed(&r->json, r->text, true);

    int rc = read_table(r);

    llmp_json_fini(&r->json);
    LLMP_TRY(rc);
    return finish(r);
}

int llmp_prices_parse(struct llmp_prices **out, struct llmp_str text,
                      struct llmp_error *err)
{
    LLMP_ENSURE(out, err, LLMP_E_INVALID, "out is required");
    LLMP_ENSURE(text.ptr || text.len == 0, err, LLMP_E_INVALID,
                "text has a length but no bytes");
    LLMP_ENSURE(text.len <= LLMP_PRICES_TEXT_MAX, err, LLMP_E_LIMIT,
                "a price table has at most %u bytes", LLMP_PRICES_TEXT_MAX);

    LLMP_AUTO(llmp_prices_unrefp)
    struct llmp_prices *prices = llmp_prices_new();
    struct reading r = { .text = text, .prices = prices, .err = err };

    LLMP_ENSURE(prices, err, LLMP_E_NOMEM, "no memory for the prices");
    LLMP_TRY(parse(&r));
    *out = llmp_steal(&prices);
    return LLMP_OK;
}
