/* SPDX-License-Identifier: Apache-2.0 */
/* Text and buffers; no state beyond the caller's. */
#define _GNU_SOURCE /* memmem */
#include "base/str.h"

#include "base/json_scan.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/internal.h"

bool llmp_str_eq_nocase(struct llmp_str a, struct llmp_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (llmp_lower(a.ptr[i]) != llmp_lower(b.ptr[i]))
            return false;
    return true;
}

struct llmp_str llmp_str_of(const char *c_string)
{
    return (struct llmp_str){ c_string, c_string ? strlen(c_string) : 0 };
}

struct llmp_str llmp_str_trim(struct llmp_str text)
{
    while (text.len && (text.ptr[0] == ' ' || text.ptr[0] == '\t'))
        text = (struct llmp_str){ text.ptr + 1, text.len - 1 };
    while (text.len &&
           (text.ptr[text.len - 1] == ' ' || text.ptr[text.len - 1] == '\t'))
        text.len--;
    return text;
}

size_t llmp_str_find(struct llmp_str text, struct llmp_str needle)
{
    if (needle.len == 0)
        return 0;
    if (text.len < needle.len)
        return SIZE_MAX;

    const char *at = memmem(text.ptr, text.len, needle.ptr, needle.len);

    return at ? (size_t)(at - text.ptr) : SIZE_MAX;
}

size_t llmp_str_distance(struct llmp_str a, struct llmp_str b)
{
    size_t row[65];

    if (a.len > 64 || b.len > 64)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            size_t change = diagonal + (a.ptr[i - 1] != b.ptr[j - 1]);
            size_t best = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;

            diagonal = row[j];
            row[j] = best < change ? best : change;
        }
    }
    return row[b.len];
}

bool llmp_str_to_u64(struct llmp_str text, uint64_t *out)
{
    uint64_t value = 0;

    if (text.len == 0)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned digit = (unsigned)(text.ptr[i] - '0');

        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

uint64_t llmp_str_hash(struct llmp_str text, uint64_t seed)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ seed;

    for (size_t i = 0; i < text.len; i++)
        h = (h ^ (uint8_t)text.ptr[i]) * UINT64_C(0x100000001b3);
    return h;
}

char *llmp_put_hex(char *to, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        *to++ = digits[bytes[i] >> 4];
        *to++ = digits[bytes[i] & 15];
    }
    return to;
}

bool llmp_read_hex(uint8_t *out, size_t size, struct llmp_str text)
{
    if (text.len != size * 2)
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned high = llmp_hex_digit((uint8_t)text.ptr[2 * i]);
        unsigned low = llmp_hex_digit((uint8_t)text.ptr[2 * i + 1]);

        if (high > 15 || low > 15)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

char *llmp_put_u64(char *to, uint64_t value)
{
    char digits[20];
    size_t n = 0;

    do
        digits[n++] = (char)('0' + value % 10);
    while ((value /= 10));
    while (n)
        *to++ = digits[--n];
    return to;
}

void llmp_buf_fini(struct llmp_buf *buf)
{
    if (!buf)
        return;
    llmp_free(buf->ptr);
    *buf = (struct llmp_buf){ .limit = buf->limit };
}

bool llmp_buf_reserve(struct llmp_buf *buf, size_t more)
{
    if (buf->failed)
        return false;
    if (more <= buf->cap - buf->len)
        return true;

    size_t need = buf->len + more;

    if (need < more || (buf->limit && need > buf->limit)) {
        buf->failed = true;
        return false;
    }

    size_t cap = buf->cap < 256 ? 256 : buf->cap;

    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    if (buf->limit && cap > buf->limit)
        cap = buf->limit;

    char *grown = llmp_resize(buf->ptr, cap);

    if (!grown) {
        buf->failed = true;
        return false;
    }
    buf->ptr = grown;
    buf->cap = cap;
    return true;
}

bool llmp_buf_add(struct llmp_buf *buf, struct llmp_str text)
{
    if (!llmp_buf_reserve(buf, text.len))
        return false;
    if (text.len)
        memcpy(buf->ptr + buf->len, text.ptr, text.len);
    buf->len += text.len;
    return true;
}

bool llmp_buf_printf(struct llmp_buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !llmp_buf_reserve(buf, (size_t)len + 1))
        return false;
    va_start(args, format);
    (void)vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
    return true;
}

bool llmp_buf_percent(struct llmp_buf *buf, struct llmp_str text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i], low = llmp_lower(c);

        if ((low >= 'a' && low <= 'z') || (c >= '0' && c <= '9') ||
            memchr("-._~", c, 4))
            (void)llmp_buf_add(buf, (struct llmp_str){ &c, 1 });
        else
            (void)llmp_buf_printf(buf, "%%%02X", (unsigned char)c);
    }
    return !buf->failed;
}

void llmp_buf_consume(struct llmp_buf *buf, size_t n)
{
    assert(n <= buf->len);
    buf->len -= n;
    if (buf->len && n)
        memmove(buf->ptr, buf->ptr + n, buf->len);
}

int llmp_base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}
