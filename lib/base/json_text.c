/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token's text means: strings without their escapes, numbers as
 * integers. The text usually comes from the reader and is well formed; on
 * anything else these functions stay inside it and give some answer.
 */
#include "base/json_text.h"

#include <string.h>

#include "base/internal.h"
#include "base/json_scan.h"

/* The unit of "\uXXXX" at `at`; false when there is no such thing. */
static bool read_unit(const uint8_t *at, const uint8_t *end, uint16_t *unit)
{
    unsigned value = 0;

    if (end - at < 6 || at[0] != '\\' || at[1] != 'u')
        return false;
    for (int i = 2; i < 6; i++) {
        unsigned digit = llmp_hex_digit(at[i]);

        if (digit > 15)
            return false;
        value = value << 4 | digit;
    }
    *unit = (uint16_t)value;
    return true;
}

/* Reads one escape (at least its backslash), writes what it stands for. */
static size_t read_escape(const uint8_t *at, const uint8_t *end, uint8_t out[4],
                          size_t *out_len)
{
    static const char names[] = "\"\\/bfnrt", meaning[] = "\"\\/\b\f\n\r\t";
    uint16_t unit, low;

    if (read_unit(at, end, &unit)) {
        if (llmp_utf16_is_high(unit) && read_unit(at + 6, end, &low) &&
            llmp_utf16_is_low(low)) {
            *out_len = llmp_utf8_put(out, llmp_utf16_pair(unit, low));
            return 12;
        }
        bool lone = llmp_utf16_is_high(unit) || llmp_utf16_is_low(unit);

        *out_len = llmp_utf8_put(out, lone ? LLMP_UTF8_REPLACEMENT : unit);
        return 6;
    }

    const char *name = end - at > 1 && at[1] ? strchr(names, at[1]) : NULL;

    out[0] = name ? (uint8_t)meaning[name - names] : *at;
    *out_len = 1;
    return name ? 2 : 1;
}

static size_t run_len(const uint8_t *at, const uint8_t *end)
{
    const uint8_t *stop = memchr(at, '\\', (size_t)(end - at));

    return (size_t)((stop ? stop : end) - at);
}

size_t llmp_json_unescape(char *out, struct llmp_str raw)
{
    const uint8_t *at = (const uint8_t *)raw.ptr;
    const uint8_t *end = raw.len ? at + raw.len : at;
    char *to = out;

    while (at != end) {
        size_t len = run_len(at, end);

        memmove(to, at, len);
        to += len;
        at += len;
        if (at == end)
            break;

        uint8_t bytes[4];

        at += read_escape(at, end, bytes, &len);
        memcpy(to, bytes, len);
        to += len;
    }
    return (size_t)(to - out);
}

bool llmp_json_unescaped_eq(struct llmp_str raw, struct llmp_str text)
{
    const uint8_t *at = (const uint8_t *)raw.ptr;
    const uint8_t *end = raw.len ? at + raw.len : at;

    while (at != end) {
        uint8_t bytes[4];
        const uint8_t *part = at;
        size_t len = run_len(at, end);

        if (len) {
            at += len;
        } else {
            at += read_escape(at, end, bytes, &len);
            part = bytes;
        }
        if (len > text.len || memcmp(part, text.ptr, len) != 0)
            return false;
        text = (struct llmp_str){ text.ptr + len, text.len - len };
    }
    return text.len == 0;
}

/* A number's digits without point, and where the point belongs. */
struct decimal {
    uint64_t value;
    int64_t exponent; /* of ten */
    bool overflow;    /* a digit other than 0 did not fit */
};

static void add_digit(struct decimal *d, char digit, bool fraction)
{
    uint64_t add = (uint64_t)(digit - '0');

    if (d->overflow || d->value > (UINT64_MAX - add) / 10) {
        /* Zeros behind a full value only move the point. */
        d->overflow |= add != 0;
        d->exponent += !fraction;
        return;
    }
    d->value = d->value * 10 + add;
    d->exponent -= fraction;
}

static const char *read_digits(struct decimal *d, const char *at,
                               const char *end, bool fraction)
{
    while (at < end && *at >= '0' && *at <= '9')
        add_digit(d, *at++, fraction);
    return at;
}

#define EXPONENT_MAX INT64_C(1000000000)

static const char *read_exponent(struct decimal *d, const char *at,
                                 const char *end)
{
    bool negative = at < end && *at == '-';
    int64_t exponent = 0;

    if (at < end && (*at == '-' || *at == '+'))
        at++;
    for (; at < end && *at >= '0' && *at <= '9'; at++)
        if (exponent < EXPONENT_MAX)
            exponent = exponent * 10 + (*at - '0');
    d->exponent += negative ? -exponent : exponent;
    return at;
}

/* value times ten to the exponent, if that is an integer of 64 bits. */
static bool scale(const struct decimal *d, uint64_t *out)
{
    uint64_t value = d->value;
    int64_t exponent = value ? d->exponent : 0;

    if (d->overflow)
        return false;
    for (; exponent < 0; exponent++) {
        if (value % 10)
            return false;
        value /= 10;
    }
    for (; exponent > 0; exponent--) {
        if (value > UINT64_MAX / 10)
            return false;
        value *= 10;
    }
    *out = value;
    return true;
}

int llmp_json_u64(struct llmp_str number, uint64_t *out)
{
    struct decimal d = { 0 };
    const char *at = number.ptr;
    const char *end = number.len ? at + number.len : at;

    if (number.len == 0 || *at < '0' || *at > '9')
        return LLMP_E_TYPE;
    at = read_digits(&d, at, end, false);
    if (at < end && *at == '.')
        at = read_digits(&d, at + 1, end, true);
    if (at < end && (*at == 'e' || *at == 'E'))
        at = read_exponent(&d, at + 1, end);
    return at == end && scale(&d, out) ? LLMP_OK : LLMP_E_TYPE;
}
