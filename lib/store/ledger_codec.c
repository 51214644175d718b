/* SPDX-License-Identifier: Apache-2.0 */
#include "store/ledger_codec.h"

#include <string.h>

#include "base/internal.h"
#include "store/check.h"

/* Version 1 had no `object`, and may be left in a journal. */
enum { VERSION = 2, VERSION_WITHOUT_OBJECT = 1, CURRENCY = 3 };

/* The members in the order in which they are written. */
#define NUMBERS(X)     \
    X(input)           \
    X(cached)          \
    X(output)          \
    X(reasoning)       \
    X(requests)        \
    X(cost_nano)       \
    X(reserved_input)  \
    X(reserved_output) \
    X(reserved_cost_nano)

#define TEXTS(X)  \
    X(id)         \
    X(key)        \
    X(user)       \
    X(team)       \
    X(org)        \
    X(model)      \
    X(deployment) \
    X(operation)  \
    X(status)     \
    X(price_version)

/* ---- writing ------------------------------------------------------------- */

static uint8_t *put_u64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        *to++ = (uint8_t)(value >> 8 * i);
    return to;
}

static uint8_t *put_text(uint8_t *to, struct llmp_str text)
{
    *to++ = (uint8_t)text.len;
    *to++ = (uint8_t)(text.len >> 8);
    if (text.len)
        memcpy(to, text.ptr, text.len);
    return to + text.len;
}

size_t llmp_ledger_encode(const struct llmp_ledger_entry *entry,
                          uint8_t bytes[LLMP_LEDGER_BYTES_MAX])
{
    const struct llmp_ledger_row *row = entry->row;
    uint8_t *to = bytes;

    *to++ = VERSION;
    *to++ = (uint8_t)row->basis;
    *to++ = row->cost_known;
    memcpy(to, row->currency, CURRENCY);
    to = put_u64(to + CURRENCY, row->wall_ns);
#define PUT_NUMBER(member) to = put_u64(to, (uint64_t)row->member);
    NUMBERS(PUT_NUMBER)
#undef PUT_NUMBER
#define PUT_TEXT(member) to = put_text(to, row->member);
    TEXTS(PUT_TEXT)
#undef PUT_TEXT
    to = put_text(to, row->object);
    *to++ = (uint8_t)entry->counter_count;
    for (size_t i = 0; i < entry->counter_count; i++) {
        to = put_text(to, entry->counters[i].name);
        to = put_u64(to, entry->counters[i].window);
        to = put_u64(to, (uint64_t)entry->counters[i].amount);
    }
    assert(to - bytes <= LLMP_LEDGER_BYTES_MAX);
    return (size_t)(to - bytes);
}

/* ---- reading ------------------------------------------------------------- */

/* Never moves beyond the end: then `ok` is false and everything reads as 0. */
struct cursor {
    const uint8_t *at, *end;
    bool ok;
};

static const uint8_t *take(struct cursor *from, size_t size)
{
    const uint8_t *at = from->at;

    from->ok = from->ok && size <= (size_t)(from->end - from->at);
    if (!from->ok)
        return NULL;
    from->at += size;
    return at;
}

static uint8_t get_u8(struct cursor *from)
{
    const uint8_t *at = take(from, 1);

    return at ? *at : 0;
}

static uint64_t get_u64(struct cursor *from)
{
    const uint8_t *at = take(from, 8);
    uint64_t value = 0;

    for (int i = 0; at && i < 8; i++)
        value |= (uint64_t)at[i] << 8 * i;
    return value;
}

static struct llmp_str get_text(struct cursor *from)
{
    const uint8_t *size = take(from, 2);
    size_t len = size ? (size_t)(size[0] | size[1] << 8) : 0;
    const uint8_t *text = take(from, len);

    return (struct llmp_str){ (const char *)text, text ? len : 0 };
}

static void get_row(struct cursor *from, uint8_t version,
                    struct llmp_ledger_row *row)
{
    const uint8_t *currency;

    row->basis = (enum llmp_usage_basis)get_u8(from);
    row->cost_known = get_u8(from) != 0;
    currency = take(from, CURRENCY);
    if (currency)
        memcpy(row->currency, currency, CURRENCY);
    row->wall_ns = get_u64(from);
#define GET_NUMBER(member) row->member = (int64_t)get_u64(from);
    NUMBERS(GET_NUMBER)
#undef GET_NUMBER
#define GET_TEXT(member) row->member = get_text(from);
    TEXTS(GET_TEXT)
#undef GET_TEXT
    if (version != VERSION_WITHOUT_OBJECT)
        row->object = get_text(from);
}

static size_t get_counters(struct cursor *from,
                           struct llmp_counter_add counters[])
{
    size_t count = get_u8(from);

    from->ok = from->ok && count <= LLMP_STORE_COUNTERS_MAX;
    for (size_t i = 0; from->ok && i < count; i++) {
        counters[i].name = get_text(from);
        counters[i].window = get_u64(from);
        counters[i].amount = (int64_t)get_u64(from);
    }
    return count;
}

bool llmp_ledger_decode(struct llmp_ledger_decoded *out, struct llmp_str bytes)
{
    const uint8_t *begin = (const uint8_t *)bytes.ptr;
    struct cursor from = { begin, begin + bytes.len, true };
    uint8_t version = get_u8(&from);
    size_t count;

    *out = (struct llmp_ledger_decoded){ .row.size = sizeof(out->row) };
    if (version != VERSION && version != VERSION_WITHOUT_OBJECT)
        return false;
    get_row(&from, version, &out->row);
    count = get_counters(&from, out->counters);
    out->entry = (struct llmp_ledger_entry){ &out->row, out->counters, count };
    return from.ok && from.at == from.end &&
           llmp_store_check_entry(&out->entry, NULL) == LLMP_OK;
}
