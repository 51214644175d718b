/* SPDX-License-Identifier: Apache-2.0 */
#include "text/fold.h"

#include <utf8proc.h>

#include "base/internal.h"

/* Unicode's "tags": ASCII that is not shown. */
enum { TAG_FIRST = 0xE0020, TAG_LAST = 0xE007E, TAG_BASE = 0xE0000 };

static char lower(uint32_t c)
{
    return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static size_t without_marks(uint32_t out[LLMP_FOLD_MAX], size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (!llmp_is_mark(out[i]))
            out[kept++] = out[i];
    return kept;
}

size_t llmp_fold(uint32_t out[LLMP_FOLD_MAX], uint32_t c)
{
    const utf8proc_property_t *property;
    int options = UTF8PROC_CASEFOLD, boundary = 0;
    utf8proc_ssize_t count;

    out[0] = (uint32_t)lower(c);
    if (c < 0x80)
        return 1;
    if (c >= TAG_FIRST && c <= TAG_LAST) {
        out[0] = (uint32_t)lower(c - TAG_BASE);
        return 1;
    }
    property = utf8proc_get_property((utf8proc_int32_t)c);
    if (property->ignorable)
        return 0;
    /* Canonical forms of other alphabets stay together: "й" is a letter. */
    if (property->decomp_type)
        options |= UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT;
    else if (llmp_is_latin(c))
        options |= UTF8PROC_DECOMPOSE;
    count = utf8proc_decompose_char((utf8proc_int32_t)c,
                                    (utf8proc_int32_t *)out, LLMP_FOLD_MAX,
                                    (utf8proc_option_t)options, &boundary);
    if (count <= 0 || count > LLMP_FOLD_MAX) {
        out[0] = c;
        return 1;
    }
    return llmp_is_latin(c) ? without_marks(out, (size_t)count) : (size_t)count;
}

static utf8proc_category_t category_of(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c);
}

bool llmp_is_mark(uint32_t c)
{
    return c >= 0x300 && (category_of(c) == UTF8PROC_CATEGORY_MN ||
                          category_of(c) == UTF8PROC_CATEGORY_ME);
}

bool llmp_is_wordy(uint32_t c)
{
    utf8proc_category_t category;

    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
               (c >= 'a' && c <= 'z');
    category = category_of(c);
    return (category >= UTF8PROC_CATEGORY_LU &&
            category <= UTF8PROC_CATEGORY_NO);
}

bool llmp_is_latin(uint32_t c)
{
    if (c < 0x80)
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    return (c >= 0xC0 && c <= 0x24F && c != 0xD7 && c != 0xF7) ||
           (c >= 0x1E00 && c <= 0x1EFF);
}

uint32_t llmp_alphabet(uint32_t c)
{
    enum { GREEK = 1, CYRILLIC, ARMENIAN, KANA_HAN, HANGUL, GEORGIAN, OTHER };
    static const struct {
        uint32_t first, last, alphabet;
    } ranges[] = {
        { 0x370, 0x3FF, GREEK },      { 0x400, 0x52F, CYRILLIC },
        { 0x530, 0x58F, ARMENIAN },   { 0x590, 0x109F, OTHER },
        { 0x10A0, 0x10FF, GEORGIAN }, { 0x1100, 0x11FF, HANGUL },
        { 0x1200, 0x139F, OTHER },    { 0x13A0, 0x13FF, OTHER + 1 },
        { 0x1780, 0x17FF, OTHER },    { 0x1C80, 0x1C8F, CYRILLIC },
        { 0x1C90, 0x1CBF, GEORGIAN }, { 0x1F00, 0x1FFF, GREEK },
        { 0x2DE0, 0x2DFF, CYRILLIC }, { 0x3040, 0x9FFF, KANA_HAN },
        { 0xA640, 0xA69F, CYRILLIC }, { 0xAC00, 0xD7FF, HANGUL },
    };

    for (size_t i = 0; i < LLMP_COUNT(ranges); i++)
        if (c >= ranges[i].first && c <= ranges[i].last)
            return ranges[i].alphabet;
    return 0;
}

bool llmp_is_foreign(uint32_t c)
{
    return c <= 0xD7FF && llmp_alphabet(c) != 0 &&
           !(c >= 0x13A0 && c <= 0x13FF);
}

int llmp_hidden_byte(uint32_t c)
{
    if (c >= 0xFE00 && c <= 0xFE0F)
        return (int)(c - 0xFE00);
    return c >= 0xE0100 && c <= 0xE01EF ? (int)(c - 0xE0100 + 16) : -1;
}

char llmp_looks_like(uint32_t c)
{
    size_t low = 0, high = llmp_lookalike_count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (llmp_lookalikes[middle].from < c)
            low = middle + 1;
        else
            high = middle;
    }
    return low < llmp_lookalike_count && llmp_lookalikes[low].from == c
               ? llmp_lookalikes[low].to
               : 0;
}
