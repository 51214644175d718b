/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A text without case, compatibility forms, marks on Latin letters and what is
 * invisible. What looks like ASCII becomes it; a letter of another alphabet
 * only in a word that has letters of two alphabets. Where that is more than an
 * accident, words that only look like Latin ones are disguised as well: the
 * text is read once more.
 */
#include "base/internal.h"
#include "text/fold.h"
#include "text/utf8.h"
#include "text/view.h"

enum {
    WORD_MAX = 64,   /* characters that are looked at to judge a word */
    MIXED_MIN = 3,   /* words with two alphabets that are no accident, */
    MIXED_SHARE = 3, /* if they are one in so many of the foreign ones */
    HIDDEN_MIN = 4,  /* variation selectors in a row that are bytes */
};

struct folding {
    struct llmp_view_writer *w;
    bool changed;      /* something but the case of ASCII letters */
    bool judged;       /* the word is known to be mixed, or not */
    bool mixed;        /* it has letters of two alphabets */
    bool latin_before; /* in what was read of it */
    uint32_t alphabet; /* of the first foreign letter of it; 0: none yet */
    uint32_t mixed_words, foreign_words; /* so far; mixed ones among them */
    bool all;       /* every letter that looks like ASCII is a disguise */
    uint32_t base;  /* what the next mark is written onto */
    uint32_t marks; /* on it so far */
};

/* Whether a letter of another alphabet than `own` is in what follows of the
 * word. */
static bool other_ahead(struct llmp_str text, uint32_t own)
{
    for (int i = 0; i < WORD_MAX && text.len; i++) {
        uint32_t c = llmp_utf8_take(&text), to[LLMP_FOLD_MAX];
        size_t count = llmp_fold(to, c);

        if (count && !llmp_is_wordy(c) && !llmp_looks_like(c))
            return false;
        if (count && (llmp_is_latin(to[0]) ||
                      (!llmp_is_foreign(c) && llmp_looks_like(c)) ||
                      (llmp_is_foreign(c) && llmp_looks_like(c) &&
                       llmp_alphabet(c) != own)))
            return true;
    }
    return false;
}

/* Once a word, and only where it matters. */
static bool is_mixed(struct folding *f, uint32_t c, struct llmp_str rest)
{
    uint32_t own = llmp_alphabet(c);

    if (!f->judged) {
        f->mixed = f->latin_before || (f->alphabet && f->alphabet != own) ||
                   other_ahead(rest, own);
        f->mixed_words += f->mixed;
        f->foreign_words++;
    }
    f->judged = true;
    return f->mixed || f->all;
}

static uint32_t disguised(struct folding *f, uint32_t c, struct llmp_str rest)
{
    char plain = c < 0x80 ? 0 : llmp_looks_like(c);

    return plain && (!llmp_is_foreign(c) || is_mixed(f, c, rest))
               ? (uint32_t)plain
               : c;
}

/* One mark on a letter of another alphabet may belong to it. */
static bool drops_mark(struct folding *f)
{
    return f->base < 0x80 || llmp_is_latin(f->base) || ++f->marks > 1;
}

static void note(struct folding *f, uint32_t c)
{
    if (llmp_is_wordy(c)) {
        f->latin_before = f->latin_before || llmp_is_latin(c);
    } else {
        f->judged = f->latin_before = false;
        f->alphabet = 0;
    }
    f->base = c;
    f->marks = 0;
}

/* One code point, from[begin, end), with `rest` behind it. */
static void fold_one(struct folding *f, uint32_t c, size_t begin, size_t end)
{
    struct llmp_str from = f->w->from;
    struct llmp_str rest = { from.ptr + end, from.len - end };
    uint8_t bytes[LLMP_FOLD_MAX * LLMP_UTF8_BYTES];
    uint32_t to[LLMP_FOLD_MAX];
    size_t count = llmp_fold(to, c), size = 0;

    for (size_t i = 0; i < count; i++) {
        uint32_t one = disguised(f, to[i], rest);

        if (!f->alphabet && llmp_is_foreign(to[i]))
            f->alphabet = llmp_alphabet(to[i]);
        if (llmp_is_mark(one)) {
            if (drops_mark(f))
                continue;
        } else {
            note(f, one);
        }
        size += llmp_utf8_put(bytes + size, one);
    }
    f->changed = f->changed || size != end - begin ||
                 memcmp(bytes, from.ptr + begin, size) != 0;
    llmp_view_put(f->w, (struct llmp_str){ (const char *)bytes, size }, begin,
                  end - begin);
}

/* What of the last word of an ASCII run the next character belongs to. */
static void note_ascii(struct folding *f, struct llmp_str run)
{
    size_t i = run.len;

    while (i > 0 && llmp_is_wordy((uint8_t)run.ptr[i - 1]))
        i--;
    if (i > 0) {
        f->judged = f->latin_before = false;
        f->alphabet = 0;
    }
    for (; i < run.len; i++)
        note(f, (uint8_t)run.ptr[i]);
    f->base = (uint8_t)run.ptr[run.len - 1];
}

/* ---- Russian, at a run --------------------------------------------------- */

/* A letter of the Russian alphabet: two bytes. */
static bool is_russian(struct llmp_str text, size_t i)
{
    uint8_t first, second;

    if (i + 1 >= text.len)
        return false;
    first = (uint8_t)text.ptr[i];
    second = (uint8_t)text.ptr[i + 1];
    return (first == 0xD0 && (second >= 0x90 || second == 0x81)) ||
           (first == 0xD1 && (second <= 0x8F || second == 0x91));
}

/* How long the word is, if it is of nothing else; else 0. */
static size_t russian_word(const struct folding *f, struct llmp_str rest)
{
    size_t len = 0;

    while (is_russian(rest, len))
        len += 2;
    if (f->latin_before || f->all || f->alphabet ||
        (len < rest.len && ((uint8_t)rest.ptr[len] >= 0x80 ||
                            llmp_is_wordy((uint8_t)rest.ptr[len]))))
        return 0;
    return len;
}

static void lower_russian(struct folding *f, size_t at)
{
    struct llmp_buf *bytes = &f->w->view->bytes;

    for (; at < bytes->len; at += 2) {
        uint8_t *c = (uint8_t *)bytes->ptr + at;

        if (c[0] != 0xD0 || c[1] >= 0xB0)
            continue;
        f->changed = true;
        if (c[1] == 0x81) { /* U+0401 to U+0451 */
            c[0] = 0xD1;
            c[1] = 0x91;
        } else if (c[1] < 0xA0) { /* U+0410 to U+0430 … */
            c[1] = (uint8_t)(c[1] + 0x20);
        } else { /* U+0420 to U+0440 … */
            c[0] = 0xD1;
            c[1] = (uint8_t)(c[1] - 0x20);
        }
    }
}

static void fold_russian(struct folding *f, size_t begin, size_t len)
{
    size_t at = f->w->view->bytes.len;

    llmp_view_copy(f->w, begin, begin + len);
    lower_russian(f, at);
    f->foreign_words++;
    note(f, 0x430);
}

/* ---- bytes in what is invisible ------------------------------------------ */

/* How many bytes of variation selectors begin the text, if there are several;
 * else 0. */
static size_t hidden_run(struct llmp_str text)
{
    size_t len = text.len, count = 0;

    while (text.len) {
        struct llmp_str rest = text;

        if (llmp_hidden_byte(llmp_utf8_take(&rest)) < 0)
            break;
        text = rest;
        count++;
    }
    return count >= HIDDEN_MIN ? len - text.len : 0;
}

static void show_hidden(struct folding *f, size_t begin, size_t len)
{
    struct llmp_str rest = { f->w->from.ptr + begin, len };

    f->changed = true;
    while (rest.len) {
        size_t at = begin + len - rest.len;
        char byte = (char)llmp_hidden_byte(llmp_utf8_take(&rest));

        byte = llmp_lower(byte);
        llmp_view_put(f->w, (struct llmp_str){ &byte, 1 }, at,
                      begin + len - rest.len - at);
    }
    f->judged = f->latin_before = false;
    f->alphabet = 0;
    f->base = ' ';
}

/* ---- the whole ------------------------------------------------------------
 */

static void fold_all(struct folding *f)
{
    struct llmp_view_writer *w = f->w;
    struct llmp_str rest = w->from;

    while (rest.len) {
        size_t begin = w->from.len - rest.len;
        size_t run = llmp_utf8_ascii(rest), word;

        if (run) {
            llmp_view_copy_lower(w, begin, begin + run);
            note_ascii(f, (struct llmp_str){ rest.ptr, run });
        } else if ((word = russian_word(f, rest)) > 0) {
            run = word;
            fold_russian(f, begin, word);
        } else if ((uint8_t)*rest.ptr >= 0xEF && (run = hidden_run(rest)) > 0) {
            show_hidden(f, begin, run);
        } else {
            struct llmp_str left = rest;
            uint32_t c = llmp_utf8_take(&left);

            run = rest.len - left.len;
            fold_one(f, c, begin, begin + run);
        }
        rest.ptr += run;
        rest.len -= run;
    }
}

bool llmp_view_fold(struct llmp_view_writer *w)
{
    struct folding f = { .w = w };

    if (llmp_utf8_ascii(w->from) == w->from.len)
        return false; /* rules do not care for the case of ASCII */
    fold_all(&f);
    if (f.mixed_words < MIXED_MIN ||
        f.mixed_words * MIXED_SHARE < f.foreign_words || w->views->cut)
        return f.changed;
    llmp_view_restart(w);
    f = (struct folding){ .w = w, .all = true };
    fold_all(&f);
    return f.changed;
}
