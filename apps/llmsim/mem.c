/* SPDX-License-Identifier: Apache-2.0 */
#include "mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static void *or_end(void *memory)
{
    if (!memory) {
        fputs("llmsim: out of memory\n", stderr);
        abort();
    }
    return memory;
}

void *sim_alloc(size_t size)
{
    return or_end(calloc(1, size));
}

void sim_free(void *memory)
{
    free(memory);
}

void sim_buf_fini(struct sim_buf *buf)
{
    free(buf->ptr);
    *buf = (struct sim_buf){ 0 };
}

void sim_buf_grow(struct sim_buf *buf, size_t more)
{
    size_t cap = buf->cap ? buf->cap : 512;

    while (cap - buf->len < more)
        cap *= 2;
    buf->ptr = or_end(realloc(buf->ptr, cap));
    buf->cap = cap;
}

void sim_buf_printf(struct sim_buf *buf, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len <= 0)
        return;
    sim_buf_reserve(buf, (size_t)len + 1);
    va_start(args, format);
    (void)vsnprintf(buf->ptr + buf->len, (size_t)len + 1, format, args);
    va_end(args);
    buf->len += (size_t)len;
}

void sim_buf_u64(struct sim_buf *buf, uint64_t number)
{
    char digits[20];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    sim_buf_add(buf, (struct llmp_str){ digits + at, sizeof(digits) - at });
}

void sim_buf_escape(struct sim_buf *buf, struct llmp_str bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char byte = (unsigned char)bytes.ptr[i];

        if (byte == '"' || byte == '\\')
            sim_buf_add(buf, LLMP_STR("\\"));
        if (byte < 0x20 || byte > 0x7E)
            sim_buf_printf(buf, "\\u%04x", byte);
        else
            sim_buf_add(buf, (struct llmp_str){ bytes.ptr + i, 1 });
    }
}

void sim_buf_quote_inside(struct sim_buf *buf, struct llmp_str text)
{
    size_t from = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char byte = (unsigned char)text.ptr[i];

        if (byte >= 0x20 && byte != '"' && byte != '\\')
            continue;
        sim_buf_add(buf, (struct llmp_str){ text.ptr + from, i - from });
        if (byte < 0x20)
            sim_buf_printf(buf, "\\u%04x", byte);
        else
            sim_buf_printf(buf, "\\%c", byte);
        from = i + 1;
    }
    sim_buf_add(buf, (struct llmp_str){ text.ptr + from, text.len - from });
}

void sim_buf_quote(struct sim_buf *buf, struct llmp_str text)
{
    sim_buf_text(buf, "\"");
    sim_buf_quote_inside(buf, text);
    sim_buf_text(buf, "\"");
}

void sim_buf_base64(struct sim_buf *buf, struct llmp_str bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";

    sim_buf_reserve(buf, (bytes.len + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        uint32_t group = (uint32_t)(unsigned char)bytes.ptr[i] << 16;
        char *out = buf->ptr + buf->len;

        if (left > 1)
            group |= (uint32_t)(unsigned char)bytes.ptr[i + 1] << 8;
        if (left > 2)
            group |= (unsigned char)bytes.ptr[i + 2];
        out[0] = digits[group >> 18];
        out[1] = digits[group >> 12 & 63];
        out[2] = left > 1 ? digits[group >> 6 & 63] : '=';
        out[3] = left > 2 ? digits[group & 63] : '=';
        buf->len += 4;
    }
}
