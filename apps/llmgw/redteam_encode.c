/* SPDX-License-Identifier: Apache-2.0 */
/* See redteam_encode.h. Each disguise is a loop over bytes or characters. */
#include "redteam_encode.h"

#include <stdio.h>
#include <string.h>

#include "mem.h"

/* ---- characters ---------------------------------------------------------- */

/* The next character and where it ends; a byte that begins none is itself. */
static uint32_t take_char(struct llmp_str text, size_t *at)
{
    uint32_t first = (unsigned char)text.ptr[*at];
    size_t more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc2 ? 1 : 0;
    uint32_t c = more ? first & (0x3fU >> more) : first;

    if (first >= 0xf5 || *at + more >= text.len)
        more = 0;
    for (size_t i = 1; i <= more; i++) {
        uint32_t next = (unsigned char)text.ptr[*at + i];

        if ((next & 0xc0) != 0x80) {
            more = 0;
            break;
        }
        c = c << 6 | (next & 0x3f);
    }
    *at += more + 1;
    return more ? c : first;
}

static size_t put_char(char *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xc0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xe0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3f));
        out[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (char)(0xf0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3f));
    out[2] = (char)(0x80 | (c >> 6 & 0x3f));
    out[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static bool is_ascii_letter(uint32_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_cyrillic(uint32_t c)
{
    return c >= 0x410 && c <= 0x44f;
}

static bool is_letter(uint32_t c)
{
    return is_ascii_letter(c) || is_cyrillic(c) || c == 0x401 || c == 0x451;
}

/* Maps each character to one, and leaves the rest as it stands. */
static size_t map_chars(char *out, struct llmp_str text,
                        uint32_t (*map)(uint32_t))
{
    size_t len = 0;

    for (size_t at = 0; at < text.len;) {
        size_t from = at;
        uint32_t c = take_char(text, &at);
        uint32_t other = map(c);

        if (other != c) {
            len += put_char(out + len, other);
            continue;
        }
        memcpy(out + len, text.ptr + from, at - from);
        len += at - from;
    }
    return len;
}

/* ---- one for one --------------------------------------------------------- */

static size_t encode_plain(char *out, struct llmp_str text)
{
    if (text.len)
        memcpy(out, text.ptr, text.len);
    return text.len;
}

static uint32_t upper_of(uint32_t c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 0x430 && c <= 0x44f))
        return c - 0x20;
    return c == 0x451 ? 0x401 : c;
}

static size_t encode_upper(char *out, struct llmp_str text)
{
    return map_chars(out, text, upper_of);
}

static uint32_t rot13_of(uint32_t c)
{
    uint32_t base = c >= 'a' ? 'a' : 'A';

    return is_ascii_letter(c) ? base + (c - base + 13) % 26 : c;
}

static size_t encode_rot13(char *out, struct llmp_str text)
{
    return map_chars(out, text, rot13_of);
}

static uint32_t leet_of(uint32_t c)
{
    static const char plain[] = "aeiost", digits[] = "431057";
    const char *found =
        is_ascii_letter(c) ? strchr(plain, (int)(c | 0x20)) : NULL;

    return found ? (unsigned char)digits[found - plain] : c;
}

static size_t encode_leet(char *out, struct llmp_str text)
{
    return map_chars(out, text, leet_of);
}

/* Unicode's "Halfwidth and Fullwidth Forms". */
static uint32_t wide_of(uint32_t c)
{
    return c > 0x20 && c < 0x7f ? c + 0xfee0 : c;
}

static size_t encode_full_width(char *out, struct llmp_str text)
{
    return map_chars(out, text, wide_of);
}

/* Unicode's tag characters: nothing is shown, models read them. */
static uint32_t tag_of(uint32_t c)
{
    return c >= 0x20 && c < 0x7f ? c + 0xe0000 : c;
}

static size_t encode_tags(char *out, struct llmp_str text)
{
    return map_chars(out, text, tag_of);
}

/* Latin letters with twins in Cyrillic or Greek, and the way back. */
static uint32_t twin_of(uint32_t c)
{
    static const struct {
        uint16_t latin, other;
    } twins[] = {
        { 'a', 0x430 }, { 'c', 0x441 }, { 'e', 0x435 }, { 'i', 0x456 },
        { 'j', 0x458 }, { 'o', 0x43e }, { 'p', 0x440 }, { 's', 0x455 },
        { 'x', 0x445 }, { 'y', 0x443 }, { 'v', 0x3bd }, { 'A', 0x391 },
        { 'B', 0x392 }, { 'E', 0x395 }, { 'H', 0x397 }, { 'I', 0x399 },
        { 'K', 0x39a }, { 'M', 0x39c }, { 'N', 0x39d }, { 'O', 0x39f },
        { 'P', 0x3a1 }, { 'T', 0x3a4 }, { 'X', 0x3a7 }, { 'Y', 0x3a5 },
        { 'Z', 0x396 }, { 'C', 0x421 },
    };

    for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++) {
        if (twins[i].latin == c)
            return twins[i].other;
        if (twins[i].other == c)
            return twins[i].latin;
    }
    return c;
}

static size_t encode_look_alikes(char *out, struct llmp_str text)
{
    return map_chars(out, text, twin_of);
}

static size_t encode_reversed(char *out, struct llmp_str text)
{
    for (size_t at = 0; at < text.len;) {
        size_t from = at;

        (void)take_char(text, &at);
        memcpy(out + text.len - at, text.ptr + from, at - from);
    }
    return text.len;
}

/* ---- something between, or around ---------------------------------------- */

static size_t put_between(char *out, struct llmp_str text, const char *mark)
{
    size_t len = 0, mark_len = strlen(mark);
    bool was_letter = false;

    for (size_t at = 0; at < text.len;) {
        size_t from = at;
        bool letter = is_letter(take_char(text, &at));

        if (letter && was_letter) {
            memcpy(out + len, mark, mark_len);
            len += mark_len;
        }
        was_letter = letter;
        memcpy(out + len, text.ptr + from, at - from);
        len += at - from;
    }
    return len;
}

static size_t encode_spaced(char *out, struct llmp_str text)
{
    return put_between(out, text, " ");
}

/* U+200B */
static size_t encode_zero_width(char *out, struct llmp_str text)
{
    return put_between(out, text, "\xe2\x80\x8b");
}

/* Each word backwards between U+202E and U+202C: a reader sees it as it was. */
static size_t encode_bidi(char *out, struct llmp_str text)
{
    static const char begin[] = "\xe2\x80\xae", end[] = "\xe2\x80\xac";
    size_t len = 0;

    for (size_t at = 0; at < text.len;) {
        const char *word = text.ptr + at;
        const char *gap = memchr(word, ' ', text.len - at);
        size_t size = gap ? (size_t)(gap - word) : text.len - at;

        memcpy(out + len, begin, 3);
        len += 3;
        len += encode_reversed(out + len, (struct llmp_str){ word, size });
        memcpy(out + len, end, 3);
        len += 3;
        if (gap)
            out[len++] = ' ';
        at += size + 1;
    }
    return len;
}

/* ---- other alphabets ----------------------------------------------------- */

/* RFC 4648, 4 */
static size_t encode_base64(char *out, struct llmp_str text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                                 "tuvwxyz0123456789+/";
    const unsigned char *bytes = (const unsigned char *)text.ptr;
    size_t len = 0;

    for (size_t i = 0; i < text.len; i += 3) {
        size_t left = text.len - i;
        uint32_t three = (uint32_t)bytes[i] << 16 |
                         (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? (uint32_t)bytes[i + 2] : 0);

        for (size_t d = 0; d < 4; d++)
            out[len++] = d <= left ? digits[three >> (18 - 6 * d) & 63] : '=';
    }
    return len;
}

static size_t encode_base64_twice(char *out, struct llmp_str text)
{
    /* The first goes behind where the second will end: 16/9 of the text, and
     * 4/3 again, fit into sixteen. */
    char *inner = out + text.len * 8 + 32;
    size_t len = encode_base64(inner, text);

    return encode_base64(out, (struct llmp_str){ inner, len });
}

static size_t put_hex(char *out, struct llmp_str text, const char *digits,
                      const char *mark)
{
    size_t len = 0, mark_len = strlen(mark);

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        memcpy(out + len, mark, mark_len);
        len += mark_len;
        out[len++] = digits[c >> 4];
        out[len++] = digits[c & 15];
    }
    return len;
}

static size_t encode_hex(char *out, struct llmp_str text)
{
    return put_hex(out, text, "0123456789abcdef", "");
}

/* RFC 3986, 2.1 */
static size_t encode_percent(char *out, struct llmp_str text)
{
    return put_hex(out, text, "0123456789ABCDEF", "%");
}

/* HTML, 13.2.5.75 */
static size_t encode_entities(char *out, struct llmp_str text)
{
    size_t len = 0;

    for (size_t at = 0; at < text.len;) {
        uint32_t c = take_char(text, &at);
        char piece[16];
        int size = snprintf(piece, sizeof(piece), "&#%u;", (unsigned)c);

        memcpy(out + len, piece, (size_t)size);
        len += (size_t)size;
    }
    return len;
}

/* RFC 8259, 7: all of it as \uXXXX, as a model is shown code. */
static size_t encode_json(char *out, struct llmp_str text)
{
    size_t len = 0;

    for (size_t at = 0; at < text.len;) {
        uint32_t c = take_char(text, &at);
        char piece[16];
        int size = c < 0x10000
                       ? snprintf(piece, sizeof(piece), "\\u%04x", (unsigned)c)
                       : snprintf(piece, sizeof(piece), "\\u%04x\\u%04x",
                                  (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
                                  (unsigned)(0xdc00 + ((c - 0x10000) & 0x3ff)));

        memcpy(out + len, piece, (size_t)size);
        len += (size_t)size;
    }
    return len;
}

/* ITU-R M.1677-1; letters apart by a blank, words by " / ". */
static size_t encode_morse(char *out, struct llmp_str text)
{
    static const char *const letters[] = {
        ".-",   "-...", "-.-.", "-..",  ".",   "..-.", "--.",  "....", "..",
        ".---", "-.-",  ".-..", "--",   "-.",  "---",  ".--.", "--.-", ".-.",
        "...",  "-",    "..-",  "...-", ".--", "-..-", "-.--", "--.."
    };
    static const char *const digits[] = { "-----", ".----", "..---", "...--",
                                          "....-", ".....", "-....", "--...",
                                          "---..", "----." };
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        const char *code = is_ascii_letter(c)      ? letters[(c | 0x20) - 'a']
                           : c >= '0' && c <= '9'  ? digits[c - '0']
                           : c == ' ' || c == '\n' ? "/"
                                                   : NULL;

        if (!code)
            continue;
        if (len)
            out[len++] = ' ';
        memcpy(out + len, code, strlen(code));
        len += strlen(code);
    }
    return len;
}

/* ---- the table ----------------------------------------------------------- */

const struct gw_encoding gw_encodings[] = {
    { "plain", "as it is", false, encode_plain },
    { "upper", "capital letters", false, encode_upper },
    { "base64", "RFC 4648", false, encode_base64 },
    { "base64x2", "base64 of base64", false, encode_base64_twice },
    { "hex", "two digits a byte", false, encode_hex },
    { "percent", "%XX for each byte", false, encode_percent },
    { "entities", "&#N; for each character", false, encode_entities },
    { "json", "\\uXXXX for each character", false, encode_json },
    { "rot13", "Latin letters 13 places on", true, encode_rot13 },
    { "leet", "digits for letters", true, encode_leet },
    { "spaced", "a blank between letters", false, encode_spaced },
    { "zerowidth", "U+200B between letters", false, encode_zero_width },
    { "lookalike", "letters of Cyrillic and Greek for Latin, and back", false,
      encode_look_alikes },
    { "fullwidth", "the wide forms of ASCII", true, encode_full_width },
    { "tags", "invisible tag characters", true, encode_tags },
    { "bidi", "each word backwards, shown forwards", false, encode_bidi },
    { "reversed", "all of it backwards", false, encode_reversed },
    { "morse", "dots and dashes", true, encode_morse },
};
const size_t gw_encoding_count = sizeof(gw_encodings) / sizeof(gw_encodings[0]);

static bool is_ascii(struct llmp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] >= 0x80)
            return false;
    return true;
}

int gw_encode(struct llmp_str *out, const struct gw_encoding *encoding,
              struct llmp_str text)
{
    bool plain = encoding->run == encode_plain;
    char *bytes;
    size_t len;

    if (encoding->ascii_only && !is_ascii(text))
        return LLMP_MISS;
    bytes = gw_alloc(GW_ENCODED_MAX(text.len));
    if (!bytes)
        return LLMP_E_NOMEM;
    len = encoding->run(bytes, text);
    if (!plain && len == text.len && memcmp(bytes, text.ptr, len) == 0) {
        gw_free(bytes);
        return LLMP_MISS;
    }
    *out = (struct llmp_str){ bytes, len };
    return LLMP_OK;
}
