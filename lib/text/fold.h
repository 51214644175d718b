/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One code point, as a reader sees it: without case, compatibility forms and
 * what is invisible; and what ASCII character it looks like.
 */
#ifndef LLMP_TEXT_FOLD_H
#define LLMP_TEXT_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LLMP_FOLD_MAX = 18 /* of U+FDFA */ };

/* Writes what `c` is folded to, 0 (it is invisible) to LLMP_FOLD_MAX code
 * points. Marks stay; those of Latin letters are taken off. */
size_t llmp_fold(uint32_t out[LLMP_FOLD_MAX], uint32_t c);

/* A mark that is written onto the character before it. */
bool llmp_is_mark(uint32_t c);

/* A letter or a digit, or a mark on one: what words are made of. */
bool llmp_is_wordy(uint32_t c);

/* A Latin letter, also with something added. */
bool llmp_is_latin(uint32_t c);

/* Of an alphabet that people write today, and not Latin: what looks like ASCII
 * there is mostly meant as it is. */
bool llmp_is_foreign(uint32_t c);

/* Which alphabet a foreign letter is of: the same number for the same one; 0:
 * it is not foreign. No word of any language has letters of two. */
uint32_t llmp_alphabet(uint32_t c);

/* The byte that a variation selector stands for where several follow each
 * other, and so vary nothing; -1: it is none. */
int llmp_hidden_byte(uint32_t c);

/* The lower-case ASCII letter or digit that `c` looks like; 0: none. */
char llmp_looks_like(uint32_t c);

/* Made when the library is built: scripts/confusables.py. In order. */
struct llmp_lookalike {
    uint32_t from;
    char to;
};
extern const struct llmp_lookalike llmp_lookalikes[];
extern const size_t llmp_lookalike_count;

#endif
