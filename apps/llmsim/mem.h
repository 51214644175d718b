/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and growing text. This is a tool for tests: when memory is gone it
 * says so and ends, so no caller looks. No other file calls malloc().
 */
#ifndef LLMSIM_MEM_H
#define LLMSIM_MEM_H

#include <llmproxy/base.h>
#include <string.h>

/* Zeroed. */
void *sim_alloc(size_t size);
/* Accepts NULL. */
void sim_free(void *memory);

struct sim_buf {
    char *ptr;
    size_t len, cap;
};

void sim_buf_fini(struct sim_buf *buf);
/* Room for `more` bytes behind len. */
void sim_buf_grow(struct sim_buf *buf, size_t more);
void sim_buf_printf(struct sim_buf *buf, const char *format, ...)
    LLMP_PRINTF(2, 3);
void sim_buf_u64(struct sim_buf *buf, uint64_t number);

/* As the inside of a JSON string. Bytes above 0x7E become \u0080 … \u00FF, so
 * that a reader gets any bytes back by encoding the text as Latin-1. */
void sim_buf_escape(struct sim_buf *buf, struct llmp_str bytes);

/* As a JSON string, with quotes; UTF-8 stays as it is. */
void sim_buf_quote(struct sim_buf *buf, struct llmp_str text);
/* The inside of one. */
void sim_buf_quote_inside(struct sim_buf *buf, struct llmp_str text);

void sim_buf_base64(struct sim_buf *buf, struct llmp_str bytes);

static inline void sim_buf_reserve(struct sim_buf *buf, size_t more)
{
    if (buf->cap - buf->len < more)
        sim_buf_grow(buf, more);
}

static inline void sim_buf_add(struct sim_buf *buf, struct llmp_str text)
{
    sim_buf_reserve(buf, text.len);
    if (text.len)
        memcpy(buf->ptr + buf->len, text.ptr, text.len);
    buf->len += text.len;
}

static inline void sim_buf_text(struct sim_buf *buf, const char *text)
{
    sim_buf_add(buf, (struct llmp_str){ text, strlen(text) });
}

static inline struct llmp_str sim_buf_str(const struct sim_buf *buf)
{
    return (struct llmp_str){ buf->ptr, buf->len };
}

static inline bool sim_str_is(struct llmp_str text, const char *literal)
{
    return text.len == strlen(literal) &&
           (text.len == 0 || memcmp(text.ptr, literal, text.len) == 0);
}

static inline bool sim_str_starts(struct llmp_str text, const char *head)
{
    size_t len = strlen(head);

    return text.len >= len && memcmp(text.ptr, head, len) == 0;
}

#endif
