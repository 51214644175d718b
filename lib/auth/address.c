/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses as text. Strict: what two readers could understand differently
 * (leading zeros, shortened IPv4, zones) is not an address. IPv4 becomes
 * ::ffff:a.b.c.d, so that one address has one form wherever it came from.
 */
#include "auth/address.h"

#include "auth/text.h"
#include "base/internal.h"
#include "base/json_scan.h"
#include "base/str.h"

static const uint8_t v4_prefix[12] = {
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF
};

bool llmp_address_is_v4(const struct llmp_address *address)
{
    return memcmp(address->bytes, v4_prefix, sizeof(v4_prefix)) == 0;
}

void llmp_address_set_bytes(struct llmp_address *out, const void *bytes,
                            size_t size)
{
    assert(size == 4 || size == 16);
    memcpy(out->bytes, v4_prefix, sizeof(v4_prefix));
    memcpy(out->bytes + (16 - size), bytes, size);
}

/* A cursor over the text that is left. */
static bool take(struct llmp_str *text, char wanted)
{
    if (text->len == 0 || text->ptr[0] != wanted)
        return false;
    text->ptr++;
    text->len--;
    return true;
}

/* A decimal number of at most three digits, without leading zeros. */
static bool take_octet(struct llmp_str *text, uint8_t *out)
{
    unsigned value = 0;
    size_t n = 0;

    while (n < text->len && n < 4 && text->ptr[n] >= '0' && text->ptr[n] <= '9')
        value = value * 10 + (unsigned)(text->ptr[n++] - '0');
    if (n == 0 || n > 3 || value > 255 || (n > 1 && text->ptr[0] == '0'))
        return false;
    *out = (uint8_t)value;
    text->ptr += n;
    text->len -= n;
    return true;
}

static bool take_v4(struct llmp_str *text, uint8_t out[4])
{
    for (int i = 0; i < 4; i++)
        if ((i > 0 && !take(text, '.')) || !take_octet(text, &out[i]))
            return false;
    return true;
}

/* One to four hexadecimal digits. */
static bool take_group(struct llmp_str *text, uint8_t out[2])
{
    unsigned value = 0;
    size_t n = 0;

    while (n < text->len && n < 5) {
        unsigned digit = llmp_hex_digit((uint8_t)text->ptr[n]);

        if (digit > 15)
            break;
        value = value << 4 | digit;
        n++;
    }
    if (n == 0 || n > 4)
        return false;
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    text->ptr += n;
    text->len -= n;
    return true;
}

/* IPv4 in the last four bytes: it is there if a dot comes before a colon. */
static bool ends_in_v4(struct llmp_str text)
{
    for (size_t i = 0; i < text.len && text.ptr[i] != ':'; i++)
        if (text.ptr[i] == '.')
            return true;
    return false;
}

/* Moves what stands behind the gap "::" to the end. */
static bool close_gap(uint8_t bytes[16], size_t have, size_t gap)
{
    size_t behind = have - gap;

    if (have > 14) /* "::" stands for one group at least */
        return false;
    memmove(bytes + (16 - behind), bytes + gap, behind);
    memset(bytes + gap, 0, 16 - have);
    return true;
}

static bool take_v6(struct llmp_str *text, uint8_t bytes[16])
{
    size_t have = 0, gap = SIZE_MAX;

    if (text->len >= 2 && text->ptr[0] == ':' && text->ptr[1] == ':') {
        gap = 0;
        text->ptr += 2;
        text->len -= 2;
    }
    while (have < 16 && text->len && text->ptr[0] != ']' &&
           text->ptr[0] != '/') {
        if (have <= 12 && ends_in_v4(*text)) {
            if (!take_v4(text, bytes + have))
                return false;
            have += 4;
            break;
        }
        if (!take_group(text, bytes + have))
            return false;
        have += 2;
        if (!take(text, ':'))
            break;
        if (take(text, ':')) {
            if (gap != SIZE_MAX)
                return false;
            gap = have;
        } else if (have == 16 || text->len == 0 || text->ptr[0] == ']' ||
                   text->ptr[0] == '/') {
            return false; /* a colon at the end */
        }
    }
    return gap == SIZE_MAX ? have == 16 : close_gap(bytes, have, gap);
}

static bool take_port(struct llmp_str *text)
{
    uint64_t port;

    if (!take(text, ':') || text->len > 5 || !llmp_str_to_u64(*text, &port) ||
        port > 65535)
        return false;
    text->len = 0;
    return true;
}

int llmp_address_parse(struct llmp_address *out, struct llmp_str text,
                       bool port_allowed)
{
    struct llmp_address read = { { 0 } };
    uint8_t v4[4];
    bool bracket = take(&text, '['), port_possible = bracket;

    if (!bracket && ends_in_v4(text)) {
        if (!take_v4(&text, v4))
            return LLMP_E_SYNTAX;
        llmp_address_set_bytes(&read, v4, 4);
        port_possible = true;
    } else if (!take_v6(&text, read.bytes) || (bracket && !take(&text, ']'))) {
        return LLMP_E_SYNTAX;
    }
    if (text.len && !(port_allowed && port_possible && take_port(&text)))
        return LLMP_E_SYNTAX;
    *out = read;
    return LLMP_OK;
}

static unsigned group(const struct llmp_address *address, unsigned index)
{
    return (unsigned)address->bytes[index * 2] << 8 |
           address->bytes[index * 2 + 1];
}

/* The longest run of zero groups (RFC 5952): two at least, the first one. */
static void find_gap(const struct llmp_address *address, unsigned *begin,
                     unsigned *end)
{
    *begin = *end = 8;
    for (unsigned i = 0; i < 8; i++) {
        unsigned j = i;

        while (j < 8 && group(address, j) == 0)
            j++;
        if (j - i >= 2 && j - i > *end - *begin) {
            *begin = i;
            *end = j;
        }
        i = j > i ? j - 1 : i;
    }
}

size_t llmp_address_text(char out[LLMP_ADDRESS_TEXT_SIZE],
                         const struct llmp_address *address)
{
    const uint8_t *b = address->bytes;
    unsigned begin, end;
    size_t len = 0;

    if (llmp_address_is_v4(address))
        return llmp_text_print(out, LLMP_ADDRESS_TEXT_SIZE, "%u.%u.%u.%u",
                               b[12], b[13], b[14], b[15]);
    find_gap(address, &begin, &end);
    for (unsigned i = 0; i < 8; i++) {
        if (i == begin) {
            len +=
                llmp_text_print(out + len, LLMP_ADDRESS_TEXT_SIZE - len, "::");
            i = end - 1;
            continue;
        }
        len += llmp_text_print(out + len, LLMP_ADDRESS_TEXT_SIZE - len, "%s%x",
                               i > 0 && i != end ? ":" : "", group(address, i));
    }
    return len;
}

/* ------------------------------------------------------ X-Forwarded-For -- */

/* Cuts the last element off a field's value. */
static struct llmp_str last_element(struct llmp_str *line)
{
    size_t at = line->len;

    while (at > 0 && line->ptr[at - 1] != ',')
        at--;

    struct llmp_str element = { line->ptr + at, line->len - at };

    line->len = at ? at - 1 : 0;
    return llmp_str_trim(element);
}

int llmp_address_forwarded(struct llmp_address *out,
                           const struct llmp_address *peer,
                           const struct llmp_address_set *trusted,
                           const struct llmp_str *lines, size_t line_count)
{
    struct llmp_address client = *peer;
    unsigned hops = 0;

    for (size_t i = line_count; i > 0; i--) {
        struct llmp_str line = lines[i - 1];
        bool more = true;

        while (more && llmp_address_set_has(trusted, &client)) {
            struct llmp_str element;

            more = memchr(line.ptr ? line.ptr : "", ',', line.len) != NULL;
            element = last_element(&line);
            if (++hops > LLMP_FORWARDED_HOPS_MAX)
                return LLMP_E_LIMIT;
            if (llmp_address_parse(&client, element, true) != LLMP_OK)
                return LLMP_E_SYNTAX;
        }
    }
    *out = client;
    return LLMP_OK;
}
