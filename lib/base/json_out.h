/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a document into a buffer, comma by comma. Nothing is checked while
 * writing: the buffer remembers when memory was short. A `key` is a literal
 * without characters that JSON escapes; an empty one means: an element.
 */
#ifndef LLMP_BASE_JSON_OUT_H
#define LLMP_BASE_JSON_OUT_H

#include "base/str.h"

struct llmp_json_out {
    struct llmp_buf *buf;
    bool comma; /* something stands before the next value */
};

void llmp_out_object(struct llmp_json_out *out, struct llmp_str key);
void llmp_out_array(struct llmp_json_out *out, struct llmp_str key);
void llmp_out_end_object(struct llmp_json_out *out);
void llmp_out_end_array(struct llmp_json_out *out);

/* A value as it stands: a number, true, a whole object. */
void llmp_out_raw(struct llmp_json_out *out, struct llmp_str key,
                  struct llmp_str value);

/* The same on one line, as an event stream needs it: line ends can only be
 * white space of the value, and become blanks. */
void llmp_out_raw_line(struct llmp_json_out *out, struct llmp_str key,
                       struct llmp_str value);

/* A string of what stands between the quotes of another. */
void llmp_out_text(struct llmp_json_out *out, struct llmp_str key,
                   struct llmp_str text);

/* A string of plain text, which is escaped. */
void llmp_out_string(struct llmp_json_out *out, struct llmp_str key,
                     struct llmp_str plain);

void llmp_out_u64(struct llmp_json_out *out, struct llmp_str key,
                  uint64_t number);
void llmp_out_bool(struct llmp_json_out *out, struct llmp_str key, bool value);

/* A string in parts: begin, add as often as needed, end. */
void llmp_out_begin_text(struct llmp_json_out *out, struct llmp_str key);
static inline void llmp_out_add_text(struct llmp_json_out *out,
                                     struct llmp_str text)
{
    (void)llmp_buf_add(out->buf, text);
}
void llmp_out_end_text(struct llmp_json_out *out);

/* The same for what is written only if there is something. */
static inline void llmp_out_raw_if(struct llmp_json_out *out,
                                   struct llmp_str key, struct llmp_str value)
{
    if (value.len)
        llmp_out_raw(out, key, value);
}

static inline void llmp_out_text_if(struct llmp_json_out *out,
                                    struct llmp_str key, struct llmp_str text)
{
    if (text.len)
        llmp_out_text(out, key, text);
}

#define LLMP_NO_KEY LLMP_STR("")

#endif
