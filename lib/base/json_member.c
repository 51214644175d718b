/* SPDX-License-Identifier: Apache-2.0 */
/* One pass over the bytes; strings are skipped 16 at a time. */
#include "base/json_member.h"

#include <stddef.h>
#include <string.h>

#include "base/json_scan.h"
#include "base/str.h"

void llmp_json_members_init(struct llmp_json_members *m,
                            const struct llmp_str *names, size_t count)
{
    memset(m, 0, offsetof(struct llmp_json_members, text));
    for (size_t i = 0; i < count; i++)
        m->member[i].name = names[i];
    m->all_keys = (1u << count) - 1;
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

struct llmp_str llmp_json_members_so_far(const struct llmp_json_members *m,
                                         int which)
{
    if (m->keeping != which)
        return llmp_json_members_value(m, which);
    return (struct llmp_str){ m->text + m->member[which].at,
                              m->len - m->member[which].at };
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
    m->keys = m->all_keys;
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

/* What a byte outside of strings is, as far as it matters. */
enum { NOTHING, QUOTE, OPEN, CLOSE, COLON, COMMA, NUMBER };

static const uint8_t classes[256] = {
    ['"'] = QUOTE, ['{'] = OPEN,           ['['] = OPEN,
    ['}'] = CLOSE, [']'] = CLOSE,          [':'] = COLON,
    [','] = COMMA, ['0' ... '9'] = NUMBER, ['-'] = NUMBER,
};

/* Inside a value of the root's, where no key matters: returns where it goes on
 * at the byte that leads back to the root, in an unfinished string, or at the
 * end. */
static const uint8_t *skip_nested(struct llmp_json_members *m,
                                  const uint8_t *at, const uint8_t *end)
{
    uint32_t depth = m->depth;

    for (; at < end; at++) {
        uint8_t class = classes[*at];

        if (class == NOTHING || class > CLOSE)
            continue;
        if (class == QUOTE) {
            at = llmp_json_skip_to_quote(at + 1, end);
            if (at < end && *at == '"')
                continue;
            m->in_string = true; /* an escape, or the piece ends in it */
            m->in_key = false;
            break;
        }
        if (class == CLOSE && depth == 2)
            break; /* the root's own business */
        depth = class == OPEN ? depth + 1 : depth - 1;
    }
    m->depth = depth;
    return at;
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
    case '[':
        m->begun = true;
        m->key_next = m->depth++ == 0;
        return false;
    case '{':
        m->key_next = m->depth++ == 0;
        return false;
    case '}':
    case ']':
        m->begun = true;
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
        m->begun = true;
        return begin_value(m);
    default:
        m->begun |= m->depth == 0 && *at > ' '; /* the root is no container */
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
        if (m->depth > 1) {
            at = skip_nested(m, at, end);
            if (at == end || m->in_string)
                continue;
        }
        if (structure(m, from, at))
            from = at + 1;
        at++;
    }
    if (m->keeping >= 0)
        keep(m, from, end);
}

/* ---- numbers of a whole object ------------------------------------------ */

/* The closing quote of the string that begins at `at`, or `end`. */
static const char *string_end(const char *at, const char *end)
{
    while (at < end) {
        at = (const char *)llmp_json_skip_to_quote((const uint8_t *)at,
                                                   (const uint8_t *)end);
        if (at < end && *at == '"')
            return at;
        at = end - at > 2 ? at + 2 : end;
    }
    return end;
}

static const char *number_end(const char *at, const char *end)
{
    while (at < end && (classes[(uint8_t)*at] == NUMBER || *at == '.' ||
                        *at == '+' || *at == 'e' || *at == 'E'))
        at++;
    return at;
}

/* Where in the object a value is: behind which keys. */
struct place {
    uint32_t depth;
    struct llmp_str outer, key;
    bool behind_colon;
};

static void take_number(struct llmp_json_number *numbers, size_t count,
                        const struct place *place, struct llmp_str text)
{
    struct llmp_str none = { NULL, 0 };
    struct llmp_str outer = place->depth == 2 ? place->outer : none;

    if (!place->behind_colon || place->depth > 2 ||
        (place->depth == 2 && outer.len == 0))
        return;
    for (size_t i = 0; i < count; i++)
        if (llmp_str_eq(numbers[i].name, place->key) &&
            llmp_str_eq(numbers[i].outer, outer))
            numbers[i].text = text;
}

void llmp_json_numbers(struct llmp_str object, struct llmp_json_number *numbers,
                       size_t count)
{
    const char *at = object.len ? object.ptr : "", *end = at + object.len;
    const char *from;
    struct place place = { 0 };

    for (size_t i = 0; i < count; i++)
        numbers[i].text = (struct llmp_str){ NULL, 0 };
    for (; at < end; at++) {
        uint8_t class = classes[(uint8_t)*at];

        if (class == NOTHING)
            continue;
        from = at;
        if (class == QUOTE) {
            at = string_end(++from, end);
            place.key = (struct llmp_str){ from, (size_t)(at - from) };
        } else if (class == OPEN && ++place.depth == 2) {
            place.outer = place.key;
        } else if (class == CLOSE) {
            place.depth -= place.depth > 0;
        } else if (class == NUMBER) {
            at = number_end(from, end);
            take_number(numbers, count, &place,
                        (struct llmp_str){ from, (size_t)(at - from) });
            at--;
        }
        place.behind_colon = class == COLON;
    }
}
