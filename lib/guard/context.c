/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both the words and the text around a find are folded into the same form, so
 * that comparing bytes is enough. A find that needs words is rare: the text
 * around it is folded when it is asked for.
 */
#include "guard/context.h"

#include "base/internal.h"
#include "text/fold.h"
#include "text/utf8.h"

struct folded {
    char text[LLMP_CONTEXT_TEXT_MAX];
    size_t len;
    bool blank; /* it ends with one */
};

static void put_blank(struct folded *to)
{
    if (!to->blank && to->len < sizeof(to->text))
        to->text[to->len++] = ' ';
    to->blank = true;
}

static void put_code(struct folded *to, uint32_t code)
{
    uint8_t bytes[LLMP_UTF8_BYTES];
    size_t size;

    if (!llmp_is_wordy(code)) {
        put_blank(to);
        return;
    }
    size = llmp_utf8_put(bytes, code);
    if (sizeof(to->text) - to->len < size)
        return;
    memcpy(to->text + to->len, bytes, size);
    to->len += size;
    to->blank = false;
}

/* ASCII by hand: nearly all of it is. 0: a blank. */
static char fold_ascii(uint8_t c)
{
    static const char folded[128] = {
        ['0'] = '0', '1',         '2', '3', '4', '5', '6', '7', '8',
        '9',         ['A'] = 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h',
        'i',         'j',         'k', 'l', 'm', 'n', 'o', 'p', 'q',
        'r',         's',         't', 'u', 'v', 'w', 'x', 'y', 'z',
        ['a'] = 'a', 'b',         'c', 'd', 'e', 'f', 'g', 'h', 'i',
        'j',         'k',         'l', 'm', 'n', 'o', 'p', 'q', 'r',
        's',         't',         'u', 'v', 'w', 'x', 'y', 'z',
    };

    return folded[c];
}

static void put_ascii(struct folded *to, uint8_t c)
{
    char plain = fold_ascii(c);

    if (!plain) {
        put_blank(to);
        return;
    }
    to->text[to->len++] = plain;
    to->blank = false;
}

static void fold_into(struct folded *to, struct llmp_str text)
{
    while (text.len && to->len < sizeof(to->text)) {
        uint32_t codes[LLMP_FOLD_MAX];
        size_t count;

        if ((uint8_t)*text.ptr < 0x80) {
            put_ascii(to, (uint8_t)*text.ptr);
            text.ptr++;
            text.len--;
            continue;
        }
        count = llmp_fold(codes, llmp_utf8_take(&text));
        for (size_t i = 0; i < count; i++)
            put_code(to, codes[i]);
    }
}

static void note_first(struct llmp_context *out, struct llmp_str words)
{
    bool begins = true;

    memset(out->first, 0, sizeof(out->first));
    for (size_t i = 0; i < words.len; i++) {
        uint8_t c = (uint8_t)words.ptr[i];

        if (begins)
            out->first[c / 64] |= UINT64_C(1) << (c % 64);
        begins = c == '|';
    }
}

int llmp_context_init(struct llmp_context *out, struct llmp_arena *arena,
                      struct llmp_str words)
{
    struct folded all = { .len = 0 };
    bool ok = true;

    while (words.len) {
        size_t bar = llmp_str_find(words, LLMP_STR("|"));
        struct llmp_str word = { words.ptr, bar == SIZE_MAX ? words.len : bar };
        size_t taken = bar == SIZE_MAX ? words.len : bar + 1;
        bool open = word.len && word.ptr[word.len - 1] == '*';

        word.len -= open ? 1 : 0;
        all.blank = true; /* none at the beginning of a word */
        fold_into(&all, word);
        while (all.len && all.text[all.len - 1] == ' ')
            all.len--;
        if (all.len + 2 > sizeof(all.text))
            return LLMP_E_LIMIT;
        if (open)
            all.text[all.len++] = '*';
        all.text[all.len++] = '|';
        words.ptr += taken;
        words.len -= taken;
    }
    out->words =
        llmp_arena_str(arena, (struct llmp_str){ all.text, all.len }, &ok);
    note_first(out, (struct llmp_str){ all.text, all.len });
    return ok ? LLMP_OK : LLMP_E_NOMEM;
}

/* `text` ends with a blank. */
static bool starts_with_word(struct llmp_str text, struct llmp_str word)
{
    bool open = word.len && word.ptr[word.len - 1] == '*';

    word.len -= open ? 1 : 0;
    return word.len && llmp_str_starts(text, word) &&
           (open || text.ptr[word.len] == ' ');
}

static bool starts_with_some(struct llmp_str text, struct llmp_str words)
{
    while (words.len) {
        size_t len = 0;

        while (words.ptr[len] != '|')
            len++;
        if (starts_with_word(text, (struct llmp_str){ words.ptr, len }))
            return true;
        words.ptr += len + 1;
        words.len -= len + 1;
    }
    return false;
}

bool llmp_context_found(const struct llmp_context *context,
                        struct llmp_str before, struct llmp_str after)
{
    struct folded around = { .len = 0 };

    put_blank(&around);
    fold_into(&around, before);
    put_blank(&around);
    fold_into(&around, after);
    if (!around.blank && around.len == sizeof(around.text))
        around.len--;
    around.blank = false;
    put_blank(&around);
    for (size_t i = 1; i < around.len; i++) {
        uint8_t c = (uint8_t)around.text[i];

        if (around.text[i - 1] == ' ' &&
            (context->first[c / 64] >> (c % 64) & 1) &&
            starts_with_some(
                (struct llmp_str){ around.text + i, around.len - i },
                context->words))
            return true;
    }
    return false;
}
