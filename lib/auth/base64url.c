/* SPDX-License-Identifier: Apache-2.0 */
/* See the header for what is accepted. */
#include "auth/base64url.h"

static const char digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* 0 … 63, or 64 for anything else. */
static uint32_t digit_value(char c)
{
    if (c >= 'A' && c <= 'Z')
        return (uint32_t)(c - 'A');
    if (c >= 'a' && c <= 'z')
        return (uint32_t)(c - 'a') + 26;
    if (c >= '0' && c <= '9')
        return (uint32_t)(c - '0') + 52;
    return c == '-' ? 62 : c == '_' ? 63 : 64;
}

bool llmp_base64url_decode(uint8_t *out, size_t *size, struct llmp_str text)
{
    uint32_t bits = 0, wrong = 0;
    unsigned have = 0;
    size_t n = 0;

    for (size_t i = 0; i < text.len; i++) {
        uint32_t value = digit_value(text.ptr[i]);

        wrong |= value;
        bits = bits << 6 | (value & 63);
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[n++] = (uint8_t)(bits >> have);
        }
    }
    *size = n;
    return !(wrong & 64) && text.len % 4 != 1 &&
           (bits & ((1u << have) - 1)) == 0;
}

char *llmp_base64url_encode(char *out, const void *bytes, size_t size)
{
    const uint8_t *at = bytes;
    uint32_t bits = 0;
    unsigned have = 0;

    for (size_t i = 0; i < size; i++) {
        bits = bits << 8 | at[i];
        have += 8;
        while (have >= 6) {
            have -= 6;
            *out++ = digits[bits >> have & 63];
        }
    }
    if (have)
        *out++ = digits[bits << (6 - have) & 63];
    return out;
}
