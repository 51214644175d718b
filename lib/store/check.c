/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments of the store's calls. A row that a database refuses would be tried
 * again for ever, so everything that one of them might refuse is found here:
 * PostgreSQL takes no NUL and no broken UTF-8, SQLite no number above 2^63.
 */
#include "store/check.h"

#include <string.h>

#include "base/internal.h"
#include "base/json_scan.h"

enum { ROWS_DEFAULT = 1000 };

static bool is_clean_text(struct llmp_str text)
{
    const uint8_t *at = (const uint8_t *)text.ptr;
    const uint8_t *end = at + text.len;

    while (at < end) {
        size_t size = *at < 0x80 ? *at != 0 : llmp_utf8_size(at, end);

        if (size == 0)
            return false;
        at += size;
    }
    return true;
}

int llmp_store_check_text(struct llmp_str text, size_t max,
                          enum llmp_store_need need, const char *what,
                          struct llmp_error *err)
{
    LLMP_ENSURE(need == LLMP_STORE_OPTIONAL || text.len, err, LLMP_E_INVALID,
                "%s is required", what);
    LLMP_ENSURE(text.len <= max, err, LLMP_E_LIMIT,
                "%s has %zu bytes, at most %zu are stored", what, text.len,
                max);
    LLMP_ENSURE(text.len == 0 || (text.ptr && is_clean_text(text)), err,
                LLMP_E_INVALID, "%s is not UTF-8 or has a NUL in it", what);
    return LLMP_OK;
}

/* One text of a structure: where it is, how long it may be. */
struct text_rule {
    size_t offset;
    size_t max;
    enum llmp_store_need need;
    const char *what;
};

static int check_texts(const void *object, const struct text_rule *rules,
                       size_t count, struct llmp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        struct llmp_str text;

        memcpy(&text, (const char *)object + rules[i].offset, sizeof(text));
        LLMP_TRY(llmp_store_check_text(text, rules[i].max, rules[i].need,
                                       rules[i].what, err));
    }
    return LLMP_OK;
}

/* ---- documents and events ------------------------------------------------ */

static int check_doc(const struct llmp_store_doc *doc, bool put,
                     struct llmp_error *err)
{
    static const struct text_rule rules[] = {
        { offsetof(struct llmp_store_doc, kind), LLMP_STORE_KIND_MAX,
          LLMP_STORE_REQUIRED, "a document's kind" },
        { offsetof(struct llmp_store_doc, id), LLMP_STORE_NAME_MAX,
          LLMP_STORE_REQUIRED, "a document's id" },
        { offsetof(struct llmp_store_doc, lookup), LLMP_STORE_NAME_MAX,
          LLMP_STORE_OPTIONAL, "a document's lookup key" },
        { offsetof(struct llmp_store_doc, body), LLMP_STORE_BODY_MAX,
          LLMP_STORE_REQUIRED, "a document's body" },
    };

    LLMP_ENSURE(doc, err, LLMP_E_INVALID, "the operation has no document");
    LLMP_ENSURE(doc->version == LLMP_STORE_ANY || doc->version <= INT64_MAX,
                err, LLMP_E_LIMIT, "no document has such a version");
    LLMP_ENSURE(doc->updated_wall_ns <= INT64_MAX, err, LLMP_E_LIMIT,
                "a time is beyond the year 2262");
    return check_texts(doc, rules, LLMP_COUNT(rules) - !put, err);
}

int llmp_store_check_event(const struct llmp_store_event *event,
                           struct llmp_error *err)
{
    static const struct text_rule rules[] = {
        { offsetof(struct llmp_store_event, id), LLMP_STORE_ID_MAX,
          LLMP_STORE_REQUIRED, "an event's id" },
        { offsetof(struct llmp_store_event, actor), LLMP_STORE_NAME_MAX,
          LLMP_STORE_REQUIRED, "an event's actor" },
        { offsetof(struct llmp_store_event, action), LLMP_STORE_NAME_MAX,
          LLMP_STORE_REQUIRED, "an event's action" },
        { offsetof(struct llmp_store_event, object_kind), LLMP_STORE_KIND_MAX,
          LLMP_STORE_OPTIONAL, "an event's object kind" },
        { offsetof(struct llmp_store_event, object_id), LLMP_STORE_NAME_MAX,
          LLMP_STORE_OPTIONAL, "an event's object" },
        { offsetof(struct llmp_store_event, before), LLMP_STORE_BODY_MAX,
          LLMP_STORE_OPTIONAL, "what was before an event" },
        { offsetof(struct llmp_store_event, after), LLMP_STORE_BODY_MAX,
          LLMP_STORE_OPTIONAL, "what is after an event" },
    };

    LLMP_ENSURE(event, err, LLMP_E_INVALID, "the operation has no event");
    LLMP_ENSURE(event->wall_ns <= INT64_MAX, err, LLMP_E_LIMIT,
                "a time is beyond the year 2262");
    return check_texts(event, rules, LLMP_COUNT(rules), err);
}

/* ---- ledger and counters ------------------------------------------------- */

static int check_row_texts(const struct llmp_ledger_row *row,
                           struct llmp_error *err)
{
#define ROW_TEXT(member, max, need)                          \
    {                                                        \
        offsetof(struct llmp_ledger_row, member), max, need, \
            "a row's " #member                               \
    }
    static const struct text_rule rules[] = {
        ROW_TEXT(id, LLMP_STORE_ID_MAX, LLMP_STORE_REQUIRED),
        ROW_TEXT(key, LLMP_STORE_NAME_MAX, LLMP_STORE_OPTIONAL),
        ROW_TEXT(user, LLMP_STORE_NAME_MAX, LLMP_STORE_OPTIONAL),
        ROW_TEXT(team, LLMP_STORE_NAME_MAX, LLMP_STORE_OPTIONAL),
        ROW_TEXT(org, LLMP_STORE_NAME_MAX, LLMP_STORE_OPTIONAL),
        ROW_TEXT(model, LLMP_STORE_NAME_MAX, LLMP_STORE_OPTIONAL),
        ROW_TEXT(deployment, LLMP_STORE_NAME_MAX, LLMP_STORE_OPTIONAL),
        ROW_TEXT(operation, LLMP_STORE_KIND_MAX, LLMP_STORE_OPTIONAL),
        ROW_TEXT(status, LLMP_STORE_KIND_MAX, LLMP_STORE_OPTIONAL),
        ROW_TEXT(object, LLMP_STORE_NAME_MAX, LLMP_STORE_OPTIONAL),
        ROW_TEXT(price_version, LLMP_STORE_KIND_MAX, LLMP_STORE_OPTIONAL),
    };
#undef ROW_TEXT

    return check_texts(row, rules, LLMP_COUNT(rules), err);
}

static bool is_currency(const char currency[4])
{
    size_t len = 0;

    while (len < 3 && currency[len] >= 'A' && currency[len] <= 'Z')
        len++;
    return (len == 0 || len == 3) && currency[len] == '\0';
}

static bool is_money(int64_t amount)
{
    return amount >= -LLMP_STORE_MONEY_MAX && amount <= LLMP_STORE_MONEY_MAX;
}

static int check_row_numbers(const struct llmp_ledger_row *row,
                             struct llmp_error *err)
{
    const int64_t counts[] = { row->input,          row->cached,
                               row->output,         row->reasoning,
                               row->requests,       row->reserved_input,
                               row->reserved_output };

    for (size_t i = 0; i < LLMP_COUNT(counts); i++)
        LLMP_ENSURE(counts[i] >= 0 && counts[i] <= LLMP_STORE_COUNT_MAX, err,
                    LLMP_E_LIMIT, "a row's count is not in range");
    LLMP_ENSURE(is_money(row->cost_nano) && is_money(row->reserved_cost_nano),
                err, LLMP_E_LIMIT, "a row's cost is not in range");
    LLMP_ENSURE(is_currency(row->currency), err, LLMP_E_INVALID,
                "a currency has three capital letters");
    LLMP_ENSURE((unsigned)row->basis < (unsigned)LLMP_LEDGER_BASES, err,
                LLMP_E_INVALID, "a row's basis is none that is known");
    LLMP_ENSURE(row->wall_ns <= INT64_MAX, err, LLMP_E_LIMIT,
                "a time is beyond the year 2262");
    return LLMP_OK;
}

static int check_price(const struct llmp_ledger_price *price,
                       struct llmp_error *err)
{
    LLMP_ENSURE(price, err, LLMP_E_INVALID, "the operation has no price");
    LLMP_ENSURE(is_money(price->cost_nano) && is_money(price->was_nano), err,
                LLMP_E_LIMIT, "a row's cost is not in range");
    LLMP_ENSURE(is_currency(price->currency), err, LLMP_E_INVALID,
                "a currency has three capital letters");
    LLMP_TRY(llmp_store_check_text(price->id, LLMP_STORE_ID_MAX,
                                   LLMP_STORE_REQUIRED, "a row's id", err));
    return llmp_store_check_text(price->price_version, LLMP_STORE_KIND_MAX,
                                 LLMP_STORE_OPTIONAL, "a row's price_version",
                                 err);
}

static int check_trim(const struct llmp_store_trim *trim,
                      struct llmp_error *err)
{
    LLMP_ENSURE(trim && (unsigned)trim->what <= LLMP_STORE_OLD_TOMBSTONES, err,
                LLMP_E_INVALID, "the operation does not say what is old");
    LLMP_ENSURE(trim->before_wall_ns <= INT64_MAX, err, LLMP_E_LIMIT,
                "a time is beyond the year 2262");
    LLMP_ENSURE(trim->rows_max >= 1 && trim->rows_max <= LLMP_STORE_ROWS_MAX,
                err, LLMP_E_LIMIT, "1 to %d are trimmed at once",
                LLMP_STORE_ROWS_MAX);
    return LLMP_OK;
}

static int check_add(const struct llmp_counter_add *add, struct llmp_error *err)
{
    LLMP_ENSURE(add, err, LLMP_E_INVALID, "the operation has no counter");
    LLMP_ENSURE(add->window <= INT64_MAX && is_money(add->amount), err,
                LLMP_E_LIMIT, "a counter's step is not in range");
    return llmp_store_check_text(add->name, LLMP_STORE_NAME_MAX,
                                 LLMP_STORE_REQUIRED, "a counter's name", err);
}

int llmp_store_check_entry(const struct llmp_ledger_entry *entry,
                           struct llmp_error *err)
{
    LLMP_ENSURE(entry && entry->row, err, LLMP_E_INVALID,
                "the operation has no row");
    LLMP_ENSURE(entry->row->size == sizeof(*entry->row), err, LLMP_E_ABI,
                "a row of %zu bytes is of another version", entry->row->size);
    LLMP_ENSURE(entry->counter_count <= LLMP_STORE_COUNTERS_MAX, err,
                LLMP_E_LIMIT, "a row moves at most %d counters",
                LLMP_STORE_COUNTERS_MAX);
    LLMP_ENSURE(entry->counters || entry->counter_count == 0, err,
                LLMP_E_INVALID, "a row's counters are missing");
    LLMP_TRY(check_row_texts(entry->row, err));
    LLMP_TRY(check_row_numbers(entry->row, err));
    for (size_t i = 0; i < entry->counter_count; i++)
        LLMP_TRY(check_add(&entry->counters[i], err));
    return LLMP_OK;
}

int llmp_store_check_op(const struct llmp_store_op *op, struct llmp_error *err)
{
    switch (op->kind) {
    case LLMP_STORE_PUT:
        return check_doc(op->of.doc, true, err);
    case LLMP_STORE_DELETE:
        return check_doc(op->of.doc, false, err);
    case LLMP_STORE_EVENT:
        return llmp_store_check_event(op->of.event, err);
    case LLMP_STORE_USAGE:
        return llmp_store_check_entry(op->of.usage, err);
    case LLMP_STORE_ADD:
    case LLMP_STORE_FORGET:
        return check_add(op->of.add, err);
    case LLMP_STORE_REPRICE:
        return check_price(op->of.price, err);
    case LLMP_STORE_TRIM:
        return check_trim(op->of.trim, err);
    }
    return llmp_fail(err, LLMP_E_INVALID, "an operation of no known kind");
}

int llmp_store_check_lease(const struct llmp_lease *lease,
                           struct llmp_error *err)
{
    LLMP_ENSURE(lease, err, LLMP_E_INVALID, "a lease is required");
    LLMP_ENSURE(lease->want >= 0 && lease->limit >= 0 &&
                    is_money(lease->want) && is_money(lease->limit),
                err, LLMP_E_LIMIT, "a lease is not in range");
    LLMP_ENSURE(lease->window <= INT64_MAX && lease->ttl_ns <= INT64_MAX / 2 &&
                    lease->now_wall_ns <= INT64_MAX / 2,
                err, LLMP_E_LIMIT, "a lease's time is not in range");
    LLMP_TRY(llmp_store_check_text(lease->holder, LLMP_STORE_ID_MAX,
                                   LLMP_STORE_REQUIRED, "a lease's holder",
                                   err));
    return llmp_store_check_text(lease->counter, LLMP_STORE_NAME_MAX,
                                 LLMP_STORE_REQUIRED, "a counter's name", err);
}

/* ---- reading ------------------------------------------------------------- */

int llmp_store_check_rows_max(uint32_t *rows_max, struct llmp_error *err)
{
    if (*rows_max == 0)
        *rows_max = ROWS_DEFAULT;
    LLMP_ENSURE(*rows_max <= LLMP_STORE_ROWS_MAX, err, LLMP_E_LIMIT,
                "at most %d rows at once", LLMP_STORE_ROWS_MAX);
    return LLMP_OK;
}

int llmp_store_check_query(struct llmp_ledger_query *query,
                           struct llmp_error *err)
{
    const struct llmp_str *filters[] = { &query->key,   &query->user,
                                         &query->team,  &query->org,
                                         &query->model, &query->object };

    for (size_t i = 0; i < LLMP_COUNT(filters); i++)
        LLMP_TRY(llmp_store_check_text(*filters[i], LLMP_STORE_NAME_MAX,
                                       LLMP_STORE_OPTIONAL, "a filter", err));
    LLMP_ENSURE(query->groups < 2 * LLMP_LEDGER_BY_MODEL, err, LLMP_E_INVALID,
                "a query groups by something unknown");
    if (query->to_wall_ns == 0 || query->to_wall_ns > INT64_MAX)
        query->to_wall_ns = INT64_MAX;
    LLMP_ENSURE(query->from_wall_ns <= INT64_MAX &&
                    query->rows_skip <= INT64_MAX &&
                    query->after_seq <= INT64_MAX,
                err, LLMP_E_LIMIT, "a query's number is not in range");
    return llmp_store_check_rows_max(&query->rows_max, err);
}
