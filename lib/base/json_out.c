/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_out.h"

/* Room is made once for what comes before a value, which is most of the
 * cost of a small one. */
static void begin(struct llmp_json_out *out, struct llmp_str key)
{
    struct llmp_buf *buf = out->buf;

    if (!llmp_buf_reserve(buf, key.len + 4))
        return;

    char *to = buf->ptr + buf->len;

    if (out->comma)
        *to++ = ',';
    if (key.len) {
        *to++ = '"';
        to = llmp_put_str(to, key);
        *to++ = '"';
        *to++ = ':';
    }
    buf->len = (size_t)(to - buf->ptr);
    out->comma = true;
}

void llmp_out_object(struct llmp_json_out *out, struct llmp_str key)
{
    begin(out, key);
    (void)llmp_buf_add(out->buf, LLMP_STR("{"));
    out->comma = false;
}

void llmp_out_array(struct llmp_json_out *out, struct llmp_str key)
{
    begin(out, key);
    (void)llmp_buf_add(out->buf, LLMP_STR("["));
    out->comma = false;
}

void llmp_out_end_object(struct llmp_json_out *out)
{
    (void)llmp_buf_add(out->buf, LLMP_STR("}"));
    out->comma = true;
}

void llmp_out_end_array(struct llmp_json_out *out)
{
    (void)llmp_buf_add(out->buf, LLMP_STR("]"));
    out->comma = true;
}

void llmp_out_raw(struct llmp_json_out *out, struct llmp_str key,
                  struct llmp_str value)
{
    begin(out, key);
    (void)llmp_buf_add(out->buf, value);
}

void llmp_out_raw_line(struct llmp_json_out *out, struct llmp_str key,
                       struct llmp_str value)
{
    begin(out, key);

    size_t from = out->buf->len;

    if (!llmp_buf_add(out->buf, value))
        return;
    for (size_t i = from; i < out->buf->len; i++)
        if (out->buf->ptr[i] == '\n' || out->buf->ptr[i] == '\r')
            out->buf->ptr[i] = ' ';
}

void llmp_out_begin_text(struct llmp_json_out *out, struct llmp_str key)
{
    begin(out, key);
    (void)llmp_buf_add(out->buf, LLMP_STR("\""));
}

void llmp_out_end_text(struct llmp_json_out *out)
{
    (void)llmp_buf_add(out->buf, LLMP_STR("\""));
}

void llmp_out_text(struct llmp_json_out *out, struct llmp_str key,
                   struct llmp_str text)
{
    llmp_out_begin_text(out, key);
    (void)llmp_buf_add(out->buf, text);
    llmp_out_end_text(out);
}

void llmp_out_string(struct llmp_json_out *out, struct llmp_str key,
                     struct llmp_str plain)
{
    begin(out, key);
    (void)llmp_buf_json(out->buf, plain);
}

void llmp_out_u64(struct llmp_json_out *out, struct llmp_str key,
                  uint64_t number)
{
    char digits[20];

    llmp_out_raw(out, key,
                 (struct llmp_str){
                     digits, (size_t)(llmp_put_u64(digits, number) - digits) });
}

void llmp_out_bool(struct llmp_json_out *out, struct llmp_str key, bool value)
{
    llmp_out_raw(out, key, value ? LLMP_STR("true") : LLMP_STR("false"));
}
