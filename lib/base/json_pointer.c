/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json_value.h"

#include "base/internal.h"
#include "base/str.h"

enum { STEP_MAX = 256 /* bytes of one step */ };

/* One step of a pointer (RFC 6901), percent-decoded (RFC 3986); false: it is
 * not well formed. */
static bool read_step(struct llmp_str step, char *to, size_t *len)
{
    *len = 0;
    for (size_t i = 0; i < step.len; i++) {
        char ch = step.ptr[i];

        if (ch == '%') {
            uint8_t byte;

            if (step.len - i < 3 ||
                !llmp_read_hex(&byte, 1,
                               (struct llmp_str){ step.ptr + i + 1, 2 }))
                return false;
            ch = (char)byte;
            i += 2;
        } else if (ch == '~') {
            if (++i == step.len || (step.ptr[i] != '0' && step.ptr[i] != '1'))
                return false;
            ch = step.ptr[i] == '0' ? '~' : '/';
        }
        to[(*len)++] = ch;
    }
    return true;
}

static const struct llmp_json_value *step_into(
    const struct llmp_json_value *from, struct llmp_str name)
{
    uint64_t index;
    const struct llmp_json_value *v;

    if (from->type == LLMP_JSON_OBJECT)
        return llmp_json_member(from, name);
    if (from->type != LLMP_JSON_ARRAY || !llmp_str_to_u64(name, &index))
        return NULL;
    for (v = from->first; v && index > 0; index--)
        v = v->next;
    return v;
}

const struct llmp_json_value *llmp_json_pointer(
    const struct llmp_json_value *root, struct llmp_str pointer)
{
    const struct llmp_json_value *at = root;

    if (pointer.len == 0 || pointer.ptr[0] != '#')
        return NULL;
    for (size_t i = 1; at && i < pointer.len;) {
        struct llmp_str step = { pointer.ptr + i + 1, 0 };
        char name[STEP_MAX];
        size_t len;

        if (pointer.ptr[i] != '/')
            return NULL; /* a name: not ours to know */
        for (i++; i < pointer.len && pointer.ptr[i] != '/'; i++)
            step.len++;
        if (step.len > sizeof(name) || !read_step(step, name, &len))
            return NULL;
        at = step_into(at, (struct llmp_str){ name, len });
    }
    return at;
}
