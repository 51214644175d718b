/* SPDX-License-Identifier: Apache-2.0 */
/* Writing text as a JSON string. */
#include "base/json_scan.h"
#include "base/str.h"

static struct llmp_str escape(uint8_t byte, char room[8])
{
    static const char hex[] = "0123456789abcdef";
    static const char names[256] = {
        ['"'] = '"',  ['\\'] = '\\', ['\b'] = 'b', ['\f'] = 'f',
        ['\n'] = 'n', ['\r'] = 'r',  ['\t'] = 't',
    };

    room[0] = '\\';
    if (names[byte]) {
        room[1] = names[byte];
        return (struct llmp_str){ room, 2 };
    }
    memcpy(room + 1, "u00", 3);
    room[4] = hex[byte >> 4];
    room[5] = hex[byte & 15];
    return (struct llmp_str){ room, 6 };
}

bool llmp_buf_json(struct llmp_buf *buf, struct llmp_str text)
{
    const uint8_t *at = (const uint8_t *)text.ptr;
    const uint8_t *end = text.len ? at + text.len : at;

    llmp_buf_add(buf, LLMP_STR("\""));
    while (at != end && !buf->failed) {
        const uint8_t *stop = llmp_json_skip_plain(at, end);
        char room[8];

        llmp_buf_add(
            buf, (struct llmp_str){ (const char *)at, (size_t)(stop - at) });
        at = stop;
        if (at == end)
            break;
        if (*at < 0x80) {
            llmp_buf_add(buf, escape(*at++, room));
            continue;
        }

        size_t size = llmp_utf8_size(at, end);

        llmp_buf_add(buf, size ? (struct llmp_str){ (const char *)at, size }
                               : LLMP_STR("\xEF\xBF\xBD"));
        at += size ? size : 1;
    }
    return llmp_buf_add(buf, LLMP_STR("\""));
}
