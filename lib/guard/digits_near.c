/* SPDX-License-Identifier: Apache-2.0 */
/* Eight bytes at a time: most of them have no digit. */
#include "guard/digits_near.h"

#include <string.h>

/* The top bit of each byte that is a digit. */
static uint64_t digits_of(uint64_t bytes)
{
    const uint64_t each = UINT64_C(0x0101010101010101);
    uint64_t low = bytes & each * 0x7F;

    return (low + each * (0x80 - '0')) & ~(low + each * (0x7F - '9')) & ~bytes &
           each * 0x80;
}

static size_t next_digit(struct llmp_str text, size_t at)
{
    for (; text.len - at >= 8; at += 8) {
        uint64_t bytes;

        memcpy(&bytes, text.ptr + at, 8);
        if (digits_of(bytes))
            break;
    }
    while (at < text.len && (text.ptr[at] < '0' || text.ptr[at] > '9'))
        at++;
    return at;
}

bool llmp_digits_near_next(struct llmp_digits_near *near, struct llmp_str text,
                           size_t *at, uint64_t begin, uint64_t *place)
{
    while (*at < text.len) {
        size_t digit = next_digit(text, *at);
        uint64_t *oldest = &near->last[(near->count + 1) % LLMP_DIGITS_NEAR];

        *at = digit;
        if (digit == text.len)
            return false;
        *at = digit + 1;
        near->last[near->count++ % LLMP_DIGITS_NEAR] = begin + digit;
        if (near->count >= LLMP_DIGITS_NEAR &&
            begin + digit - *oldest < LLMP_DIGITS_NEAR_WITHIN) {
            *place = begin + digit;
            return true;
        }
    }
    return false;
}
