/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Amounts: decimal text to nano-units and back, exactly; currencies by ratios
 * of integers.
 */
#include "base/internal.h"
#include "base/str.h"
#include "limit/price.h"

enum { NANO_DIGITS = 9 };

uint64_t llmp_nanos_add(uint64_t a, uint64_t b)
{
    uint64_t sum = llmp_add_sat(a, b);

    return sum < LLMP_NANOS_MAX ? sum : LLMP_NANOS_MAX;
}

/* Reads digits from *at on and appends them to *value, which stays large when
 * it has become too large; returns how many. */
static size_t read_digits(struct llmp_str text, size_t *at, uint64_t *value)
{
    size_t start = *at;

    for (; *at < text.len; (*at)++) {
        char c = text.ptr[*at];

        if (c < '0' || c > '9')
            break;
        *value = llmp_add_sat(llmp_mul_sat(*value, 10), (uint64_t)(c - '0'));
    }
    return *at - start;
}

int llmp_nanos_parse(struct llmp_str text, uint64_t *nanos)
{
    uint64_t value = 0;
    size_t at = 0, fraction = 0;

    assert(nanos);
    if (read_digits(text, &at, &value) == 0)
        return LLMP_E_SYNTAX;
    if (at < text.len && text.ptr[at] == '.') {
        at++;
        fraction = read_digits(text, &at, &value);
        if (fraction == 0 || fraction > NANO_DIGITS)
            return LLMP_E_SYNTAX;
    }
    if (at != text.len)
        return LLMP_E_SYNTAX;
    for (; fraction < NANO_DIGITS; fraction++)
        value = llmp_mul_sat(value, 10);
    if (value > LLMP_NANOS_MAX)
        return LLMP_E_LIMIT;
    *nanos = value;
    return LLMP_OK;
}

size_t llmp_nanos_write(uint64_t nanos, char text[LLMP_NANOS_TEXT_MAX])
{
    assert(text);

    char *end = llmp_put_u64(text, nanos / LLMP_NANOS);
    uint64_t rest = nanos % LLMP_NANOS;

    if (rest) {
        *end++ = '.';
        for (uint64_t place = LLMP_NANOS / 10; rest; place /= 10) {
            *end++ = (char)('0' + rest / place);
            rest %= place;
        }
    }
    *end = '\0';
    return (size_t)(end - text);
}

__extension__ typedef unsigned __int128 wide;

static uint64_t scale_up(uint64_t nanos, uint64_t numerator,
                         uint64_t denominator)
{
    wide product = (wide)nanos * numerator; /* cannot overflow */
    wide scaled = product / denominator + (product % denominator != 0);

    return scaled > LLMP_NANOS_MAX ? LLMP_NANOS_MAX : (uint64_t)scaled;
}

int llmp_nanos_convert(uint64_t nanos, struct llmp_str from, struct llmp_str to,
                       const struct llmp_rate *rates, size_t count,
                       uint64_t *out)
{
    assert(out && (rates || count == 0));
    if (llmp_str_eq(from, to)) {
        *out = nanos;
        return LLMP_OK;
    }
    for (size_t i = 0; i < count; i++) {
        const struct llmp_rate *rate = &rates[i];

        assert(rate->numerator > 0 && rate->denominator > 0);
        if (llmp_str_eq(rate->from, from) && llmp_str_eq(rate->to, to)) {
            *out = scale_up(nanos, rate->numerator, rate->denominator);
            return LLMP_OK;
        }
        if (llmp_str_eq(rate->from, to) && llmp_str_eq(rate->to, from)) {
            *out = scale_up(nanos, rate->denominator, rate->numerator);
            return LLMP_OK;
        }
    }
    return LLMP_MISS;
}
