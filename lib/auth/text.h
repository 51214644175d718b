/* SPDX-License-Identifier: Apache-2.0 */
/* Small text into memory of the caller: all of it, or nothing. */
#ifndef LLMP_AUTH_TEXT_H
#define LLMP_AUTH_TEXT_H

#include <stdarg.h>
#include <stdio.h>

#include "base/str.h"

/* snprintf() that returns the length, or 0 when the text does not fit. */
static inline size_t LLMP_PRINTF(3, 4)
    llmp_text_print(char *out, size_t size, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(out, size, format, args);
    va_end(args);
    if (len < 0 || (size_t)len >= size) {
        if (size)
            out[0] = '\0';
        return 0;
    }
    return (size_t)len;
}

/* A cursor that appends while there is room, and remembers when there was
 * none. One byte stays free for the NUL. */
struct llmp_text_out {
    char *at, *end;
    bool failed;
};

static inline struct llmp_text_out llmp_text_out(char *out, size_t size)
{
    return (struct llmp_text_out){ out, size ? out + size - 1 : out,
                                   size == 0 };
}

static inline void llmp_text_add(struct llmp_text_out *to, struct llmp_str text)
{
    if (to->failed || (size_t)(to->end - to->at) < text.len) {
        to->failed = true;
        return;
    }
    to->at = llmp_put_str(to->at, text);
}

static inline void llmp_text_add_u64(struct llmp_text_out *to, uint64_t value)
{
    char digits[20];
    char *end = llmp_put_u64(digits, value);

    llmp_text_add(to, (struct llmp_str){ digits, (size_t)(end - digits) });
}

/* Ends the text with a NUL; its length, 0 when something did not fit. */
static inline size_t llmp_text_end(struct llmp_text_out *to, char *out)
{
    if (to->failed)
        return 0;
    *to->at = '\0';
    return (size_t)(to->at - out);
}

#endif
