/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text by pointer and length, and a growable buffer with an end.
 */
#ifndef LLMP_BASE_STR_H
#define LLMP_BASE_STR_H

#include <llmproxy/base.h>
#include <string.h>

static inline bool llmp_str_eq(struct llmp_str a, struct llmp_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

/* An ASCII capital as a small letter; anything else as it is. */
static inline char llmp_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
}

/* ASCII letters compare equal in either case. */
bool llmp_str_eq_nocase(struct llmp_str a, struct llmp_str b);

static inline bool llmp_str_starts(struct llmp_str text, struct llmp_str head)
{
    return text.len >= head.len &&
           (head.len == 0 || memcmp(text.ptr, head.ptr, head.len) == 0);
}

struct llmp_str llmp_str_of(const char *c_string); /* NULL gives an empty one */
struct llmp_str llmp_str_trim(struct llmp_str text); /* blanks and tabs */

/* Where `needle` begins in `text`; SIZE_MAX when it is not there. */
size_t llmp_str_find(struct llmp_str text, struct llmp_str needle);

/* Levenshtein distance of two short texts (both at most 64 bytes, else
 * SIZE_MAX), for suggestions. */
size_t llmp_str_distance(struct llmp_str a, struct llmp_str b);

/* FNV-1a (Fowler, Noll, Vo), 64 bits: for tables of names that nobody gains by
 * colliding. `seed` tells tables, or parts of a name, apart. */
uint64_t llmp_str_hash(struct llmp_str text, uint64_t seed);

/* A decimal number of the whole text; false on anything else or overflow. */
bool llmp_str_to_u64(struct llmp_str text, uint64_t *out);

/* Writes `text` where there is room for it; returns the end. */
static inline char *llmp_put_str(char *to, struct llmp_str text)
{
    if (text.len)
        memcpy(to, text.ptr, text.len);
    return to + text.len;
}

/* Writes two digits a byte; returns the end. */
char *llmp_put_hex(char *to, const uint8_t *bytes, size_t size);

/* Reads two hexadecimal digits a byte; false unless `text` is just that. */
bool llmp_read_hex(uint8_t *out, size_t size, struct llmp_str text);

/* What a digit of base64 stands for, in either alphabet (RFC 4648, 4 and 5);
 * -1: it is none. */
int llmp_base64_digit(char c);

/* Writes `value` in decimal, at most 20 bytes; returns the end. */
char *llmp_put_u64(char *to, uint64_t value);

/*
 * A byte buffer. Appending fails (and remembers it in `failed`) rather than
 * grow above `limit` or when memory is short; the caller may append many
 * times and look once.
 */
struct llmp_buf {
    char *ptr;
    size_t len, cap;
    size_t limit; /* 0: none */
    bool failed;
};

void llmp_buf_fini(struct llmp_buf *buf);

/* Makes room for `more` bytes behind len. */
bool llmp_buf_reserve(struct llmp_buf *buf, size_t more);
bool llmp_buf_add(struct llmp_buf *buf, struct llmp_str text);
bool llmp_buf_printf(struct llmp_buf *buf, const char *format, ...)
    LLMP_PRINTF(2, 3);

/* Adds `text` as a JSON string with quotes; invalid UTF-8 becomes U+FFFD. */
bool llmp_buf_json(struct llmp_buf *buf, struct llmp_str text);

/* Adds `text` as one part of a path: what RFC 3986, 2.3, does not reserve
 * stays, the rest is percent-encoded. */
bool llmp_buf_percent(struct llmp_buf *buf, struct llmp_str text);

/* Removes `n` bytes at the front. */
void llmp_buf_consume(struct llmp_buf *buf, size_t n);

static inline struct llmp_str llmp_buf_str(const struct llmp_buf *buf)
{
    return (struct llmp_str){ buf->ptr, buf->len };
}

#endif
