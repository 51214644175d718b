/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of addresses: ranges, sorted, those that touch joined, so that looking
 * one up is a binary search however the CIDRs overlap.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "auth/address.h"
#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"

struct range {
    struct llmp_address first, last;
};

struct llmp_address_set {
    atomic_uint refs;
    size_t count;
    struct range ranges[];
};

/* The prefix length behind '/', in bits of 128; absent: the whole address. */
static bool prefix_parse(struct llmp_str text, bool v4, unsigned *bits)
{
    uint64_t value;
    unsigned base = v4 ? 96 : 0;

    if (text.len > 3 || (text.len > 1 && text.ptr[0] == '0') ||
        !llmp_str_to_u64(text, &value) || value > 128 - base)
        return false;
    *bits = (unsigned)value + base;
    return true;
}

/* Sets the bits behind the prefix in `last`; false if `first` has any. */
static bool range_fill(struct range *range, unsigned bits)
{
    range->last = range->first;
    for (unsigned i = 0; i < 16; i++) {
        unsigned kept = bits >= i * 8 + 8 ? 8 : bits > i * 8 ? bits - i * 8 : 0;
        uint8_t rest = (uint8_t)(0xFF >> kept);

        if (range->first.bytes[i] & rest)
            return false;
        range->last.bytes[i] |= rest;
    }
    return true;
}

static bool cidr_parse(struct range *range, struct llmp_str text)
{
    struct llmp_str address = text;
    unsigned bits = 128;

    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '/') {
            address.len = i;
            break;
        }
    if (llmp_address_parse(&range->first, address, false) != LLMP_OK)
        return false;
    /* ::ffff:10.0.0.0/104 counts from 0, 10.0.0.0/8 from 96. */
    bool v4 = !memchr(address.ptr, ':', address.len);

    if (address.len < text.len &&
        !prefix_parse((struct llmp_str){ text.ptr + address.len + 1,
                                         text.len - address.len - 1 },
                      v4, &bits))
        return false;
    return range_fill(range, bits);
}

/*
 * IPv4 lies inside of IPv6's space, but who writes "::/0" does not mean it:
 * such a range is taken apart around it. Returns how many ranges there are.
 */
static size_t leave_v4_out(struct range ranges[2])
{
    struct range *low = &ranges[0], *high = &ranges[1];
    struct range v4 = { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF } },
                        { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF,
                            0xFF, 0xFF, 0xFF } } };

    if (llmp_address_compare(&low->first, &v4.first) >= 0 ||
        llmp_address_compare(&low->last, &v4.last) <= 0)
        return 1;
    high->last = low->last;
    high->first = (struct llmp_address){ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } };
    low->last = (struct llmp_address){ { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF,
                                         0xFE, 0xFF, 0xFF, 0xFF, 0xFF } };
    return 2;
}

static int range_compare(const void *a, const void *b)
{
    const struct range *left = a, *right = b;

    return llmp_address_compare(&left->first, &right->first);
}

static size_t join_ranges(struct range *ranges, size_t count)
{
    size_t kept = 0;

    for (size_t i = 1; i < count; i++) {
        if (llmp_address_compare(&ranges[i].first, &ranges[kept].last) > 0)
            ranges[++kept] = ranges[i];
        else if (llmp_address_compare(&ranges[i].last, &ranges[kept].last) > 0)
            ranges[kept].last = ranges[i].last;
    }
    return count ? kept + 1 : 0;
}

int llmp_address_set_new(struct llmp_address_set **out,
                         const struct llmp_str *cidrs, size_t count,
                         struct llmp_error *err)
{
    LLMP_AUTO(llmp_address_set_unrefp) struct llmp_address_set *set = NULL;

    LLMP_ENSURE(count <= LLMP_ADDRESS_SET_MAX, err, LLMP_E_LIMIT,
                "more than %d addresses", LLMP_ADDRESS_SET_MAX);
    set = llmp_alloc(sizeof(*set) + 2 * count * sizeof(set->ranges[0]));
    LLMP_ENSURE(set, err, LLMP_E_NOMEM, "no memory for the addresses");
    atomic_init(&set->refs, 1);
    for (size_t i = 0; i < count; i++) {
        struct range *range = &set->ranges[set->count];

        LLMP_ENSURE(cidr_parse(range, cidrs[i]), err, LLMP_E_SYNTAX,
                    "\"%.*s\" is not an address or a CIDR without bits behind "
                    "its prefix",
                    (int)(cidrs[i].len < 50 ? cidrs[i].len : 50), cidrs[i].ptr);
        set->count += leave_v4_out(range);
    }
    qsort(set->ranges, set->count, sizeof(set->ranges[0]), range_compare);
    set->count = join_ranges(set->ranges, set->count);
    *out = llmp_steal(&set);
    return LLMP_OK;
}

struct llmp_address_set *llmp_address_set_ref(struct llmp_address_set *set)
{
    if (set)
        atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
    return set;
}

void llmp_address_set_unref(struct llmp_address_set *set)
{
    if (set &&
        atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) == 1)
        llmp_free(set);
}

bool llmp_address_set_has(const struct llmp_address_set *set,
                          const struct llmp_address *address)
{
    size_t low = 0, high = set ? set->count : 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct range *range = &set->ranges[middle];

        if (llmp_address_compare(address, &range->first) < 0)
            high = middle;
        else if (llmp_address_compare(address, &range->last) > 0)
            low = middle + 1;
        else
            return true;
    }
    return false;
}

int llmp_address_check(const struct llmp_address_set *allow,
                       const struct llmp_address_set *deny,
                       const struct llmp_address *address)
{
    bool allowed = address
                       ? !llmp_address_set_has(deny, address) &&
                             (!allow || llmp_address_set_has(allow, address))
                       : !allow && !deny;

    return allowed ? LLMP_OK : LLMP_AUTH_ADDRESS_DENIED;
}
