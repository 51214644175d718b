/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for the part named "model" at the front of a multipart/form-data body
 * (RFC 7578). Nothing else is parsed: the parts pass through as they are.
 */
#include "gateway/multipart.h"

#include "base/internal.h"

struct llmp_str llmp_multipart_boundary(struct llmp_str content_type)
{
    struct llmp_str none = { NULL, 0 };
    struct llmp_str key = LLMP_STR("boundary=");

    if (!llmp_str_starts(content_type, LLMP_STR("multipart/form-data")))
        return none;

    size_t at = llmp_str_find(content_type, key);

    if (at == SIZE_MAX)
        return none;

    struct llmp_str value = { content_type.ptr + at + key.len,
                              content_type.len - at - key.len };
    const char *end;

    if (value.len && value.ptr[0] == '"') {
        value = (struct llmp_str){ value.ptr + 1, value.len - 1 };
        end = memchr(value.ptr, '"', value.len);
        if (!end)
            return none;
    } else {
        end = value.len ? memchr(value.ptr, ';', value.len) : NULL;
    }
    if (end)
        value.len = (size_t)(end - value.ptr);
    value = llmp_str_trim(value);
    return value.len <= LLMP_BOUNDARY_MAX ? value : none;
}

static struct llmp_str after(struct llmp_str text, size_t n)
{
    return (struct llmp_str){ text.ptr + n, text.len - n };
}

/* Whether a part's head names it "model". */
static bool names_model(struct llmp_str head)
{
    static const struct llmp_str field = { "content-disposition:", 20 };

    while (head.len) {
        size_t end = llmp_str_find(head, LLMP_STR("\r\n"));
        struct llmp_str line = { head.ptr, end == SIZE_MAX ? head.len : end };

        if (line.len > field.len &&
            llmp_str_eq_nocase((struct llmp_str){ line.ptr, field.len },
                               field) &&
            (llmp_str_find(line, LLMP_STR(" name=\"model\"")) != SIZE_MAX ||
             llmp_str_find(line, LLMP_STR(";name=\"model\"")) != SIZE_MAX))
            return true;
        if (end == SIZE_MAX)
            break;
        head = after(head, end + 2);
    }
    return false;
}

int llmp_multipart_model(struct llmp_str content_type, struct llmp_str front,
                         struct llmp_str *value)
{
    struct llmp_str boundary = llmp_multipart_boundary(content_type);
    char mark_text[LLMP_BOUNDARY_MAX + 4] = "\r\n--";

    if (boundary.len == 0)
        return -1;
    memcpy(mark_text + 4, boundary.ptr, boundary.len);

    struct llmp_str mark = { mark_text, boundary.len + 4 };
    struct llmp_str first = { mark_text + 2, boundary.len + 2 };

    if (front.len < first.len)
        return 0;
    if (!llmp_str_starts(front, first))
        return -1;
    front = after(front, first.len);

    for (;;) {
        if (llmp_str_starts(front, LLMP_STR("--")))
            return -1; /* the end, and no model */

        size_t head_end = llmp_str_find(front, LLMP_STR("\r\n\r\n"));

        if (head_end == SIZE_MAX)
            return 0;

        struct llmp_str head = { front.ptr, head_end };
        struct llmp_str body = after(front, head_end + 4);
        size_t body_end = llmp_str_find(body, mark);

        if (body_end == SIZE_MAX)
            return 0;
        if (names_model(head)) {
            *value = (struct llmp_str){ body.ptr, body_end };
            return body_end ? 1 : -1;
        }
        front = after(body, body_end + mark.len);
    }
}
