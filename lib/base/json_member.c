/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the bytes; strings are skipped 16 at a time. */
#include "base/json_member.h"

#include <stddef.h>
#include <string.h>

#include "base/json_scan.h"

enum { ALL_KEYS = (1 << LLMP_JSON_MEMBERS) - 1 };

void llmp_json_members_init(struct llmp_json_members *m, struct llmp_str first,
                            struct llmp_str second)
{
    memset(m, 0, offsetof(struct llmp_json_members, text));
    m->member[0].name = first;
    m->member[1].name = second;
    m->keeping = -1;
}

struct llmp_str llmp_json_members_value(const struct llmp_json_members *m,
                                        int which)
{
    if (!m->member[which].found || m->member[which].cut)
        return (struct llmp_str){ NULL, 0 };
    return (struct llmp_str){ m->text + m->member[which].at,
                              m->member[which].len };
}

/* Keeps the value's bytes [from, to) of a piece. */
static void keep(struct llmp_json_members *m, const uint8_t *from,
                 const uint8_t *to)
{
    size_t n = (size_t)(to - from);

    if (n > LLMP_JSON_MEMBER_TEXT_MAX - m->len) {
        m->member[m->keeping].cut = true;
        m->len = m->member[m->keeping].at; /* room for the other one */
        return;
    }
    if (m->member[m->keeping].cut)
        return;
    memcpy(m->text + m->len, from, n);
    m->len += (uint32_t)n;
}

static void match_key(struct llmp_json_members *m, const uint8_t *from,
                      const uint8_t *to)
{
    size_t n = (size_t)(to - from);

    for (int i = 0; i < LLMP_JSON_MEMBERS; i++) {
        struct llmp_str name = m->member[i].name;

        if (m->keys >> i & 1 && (n > name.len - m->matched ||
                                 memcmp(name.ptr + m->matched, from, n) != 0))
            m->keys &= ~(1u << i);
    }
    m->matched += (uint32_t)n;
}

/* A key is a name only if nothing of the name is left. */
static void end_key(struct llmp_json_members *m)
{
    m->in_key = false;
    for (int i = 0; i < LLMP_JSON_MEMBERS; i++)
        if (m->member[i].name.len != m->matched)
            m->keys &= ~(1u << i);
}

/* Inside a string: returns where it goes on behind it, or `end`. */
static const uint8_t *skip_string(struct llmp_json_members *m,
                                  const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        if (m->escape) {
            m->escape = false;
            m->keys = 0; /* the names have no escapes */
            at++;
            continue;
        }

        const uint8_t *stop = llmp_json_skip_plain(at, end);

        if (m->in_key && m->keys)
            match_key(m, at, stop);
        at = stop;
        if (at == end)
            break;
        if (*at == '"') {
            m->in_string = false;
            if (m->in_key)
                end_key(m);
            return at + 1;
        }
        if (m->in_key && *at >= 0x80)
            m->keys = 0;
        m->escape = *at++ == '\\';
    }
    return at;
}

static void begin_string(struct llmp_json_members *m)
{
    m->in_string = true;
    m->in_key = m->key_next && m->depth == 1;
    if (!m->in_key)
        return;
    m->key_next = false;
    m->keys = ALL_KEYS;
    m->matched = 0;
}

/* A member of the root object has ended before `at`. */
static void end_member(struct llmp_json_members *m, const uint8_t *from,
                       const uint8_t *at)
{
    m->keys = 0;
    if (m->keeping < 0)
        return;
    keep(m, from, at);
    m->member[m->keeping].found = true;
    m->member[m->keeping].len = m->len - m->member[m->keeping].at;
    m->keeping = -1;
}

/* A member that comes again: its first value gives its room back. */
static void drop_value(struct llmp_json_members *m, int which)
{
    uint32_t at = m->member[which].at, len = m->member[which].len;

    if (!m->member[which].found || len == 0)
        return;
    memmove(m->text + at, m->text + at + len, m->len - at - len);
    m->len -= len;
    for (int i = 0; i < LLMP_JSON_MEMBERS; i++)
        if (m->member[i].at > at)
            m->member[i].at -= len;
}

static bool begin_value(struct llmp_json_members *m)
{
    if (m->depth != 1 || !m->keys)
        return false;
    m->keeping = __builtin_ctz(m->keys);
    drop_value(m, m->keeping);
    m->member[m->keeping].found = m->member[m->keeping].cut = false;
    m->member[m->keeping].at = m->len;
    return true;
}

/* A byte outside of strings; returns true when a value to keep begins behind
 * it. */
static bool structure(struct llmp_json_members *m, const uint8_t *from,
                      const uint8_t *at)
{
    switch (*at) {
    case '"':
        begin_string(m);
        return false;
    case '{':
    case '[':
        m->key_next = m->depth++ == 0;
        return false;
    case '}':
    case ']':
        if (m->depth == 1)
            end_member(m, from, at);
        m->depth -= m->depth > 0;
        return false;
    case ',':
        if (m->depth == 1) {
            end_member(m, from, at);
            m->key_next = true;
        }
        return false;
    case ':':
        return begin_value(m);
    default:
        return false;
    }
}

void llmp_json_members_feed(struct llmp_json_members *m, struct llmp_str piece)
{
    const uint8_t *at = (const uint8_t *)piece.ptr;
    const uint8_t *end = at + piece.len;
    const uint8_t *from = at; /* of the part of a value in this piece */

    if (piece.len == 0)
        return;
    while (at < end) {
        if (m->in_string) {
            at = skip_string(m, at, end);
            continue;
        }
        if (structure(m, from, at))
            from = at + 1;
        at++;
    }
    if (m->keeping >= 0)
        keep(m, from, end);
}
