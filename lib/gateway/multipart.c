/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks for the part named "model" at the front of a multipart/form-data body
 * (RFC 7578). Nothing else is parsed: the parts pass through as they are.
 */
#include "gateway/multipart.h"

#include "base/internal.h"

bool llmp_is_media_type(struct llmp_str content_type, struct llmp_str type)
{
    return content_type.len >= type.len &&
           llmp_str_eq_nocase((struct llmp_str){ content_type.ptr, type.len },
                              type) &&
           (content_type.len == type.len || content_type.ptr[type.len] == ';' ||
            content_type.ptr[type.len] == ' ' ||
            content_type.ptr[type.len] == '\t');
}

/* Takes "name=value" from behind a ';' at the front of *text; a value in quotes
 * ends with its quote. False: there is none that can be understood. */
static bool take_parameter(struct llmp_str *text, struct llmp_str *name,
                           struct llmp_str *value)
{
    const char *at = text->ptr, *end = at + text->len, *from;

    while (at < end && (*at == ';' || *at == ' ' || *at == '\t'))
        at++;
    *text = (struct llmp_str){ at, (size_t)(end - at) };
    from = at;
    while (at < end && *at != '=' && *at != ';')
        at++;
    if (at == end || *at == ';')
        return false;
    *name = llmp_str_trim((struct llmp_str){ from, (size_t)(at - from) });
    at++;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    from = at;
    if (at < end && *at == '"') {
        from = ++at;
        while (at < end && *at != '"' && *at != '\\')
            at++;
        if (at == end || *at == '\\')
            return false;
        *value = (struct llmp_str){ from, (size_t)(at++ - from) };
    } else {
        while (at < end && *at != ';')
            at++;
        *value = llmp_str_trim((struct llmp_str){ from, (size_t)(at - from) });
    }
    *text = (struct llmp_str){ at, (size_t)(end - at) };
    return true;
}

struct llmp_str llmp_multipart_boundary(struct llmp_str content_type)
{
    static const struct llmp_str form = LLMP_STR("multipart/form-data");
    struct llmp_str none = { NULL, 0 }, found = none, name, value;

    if (!llmp_is_media_type(content_type, form))
        return none;

    struct llmp_str rest = { content_type.ptr + form.len,
                             content_type.len - form.len };

    while (rest.len && take_parameter(&rest, &name, &value)) {
        if (!llmp_str_eq_nocase(name, LLMP_STR("boundary")))
            continue;
        if (found.len) /* which of the two? */
            return none;
        found = value;
    }
    return found.len <= LLMP_BOUNDARY_MAX && llmp_str_trim(rest).len == 0
               ? found
               : none;
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
