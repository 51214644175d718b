/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One view under construction: bytes are put behind each other, each with the
 * span of the text that they stand for. What is copied as it stands is one
 * piece, however long.
 */
#ifndef LLMP_TEXT_VIEW_H
#define LLMP_TEXT_VIEW_H

#include "text/views.h"

enum {
    LLMP_VIEW_RUN_MIN = 16,   /* characters: twelve or eight bytes of text */
    LLMP_VIEW_SPACED_MIN = 4, /* letters with gaps */
    LLMP_VIEW_ESCAPES_MIN = 3 /* in a text */
};

struct llmp_view_piece {
    uint32_t at;   /* where in the view; it ends where the next one begins */
    uint32_t from; /* where in the text that the view was made from */
    uint32_t size; /* there */
    bool as_is;    /* byte for byte */
};

struct llmp_view_writer {
    struct llmp_views *views;
    struct llmp_view *view;
    struct llmp_str from; /* the text that it is made from */
};

/* Bytes that stand for from[begin, begin + size). */
void llmp_view_put(struct llmp_view_writer *w, struct llmp_str bytes,
                   size_t begin, size_t size);

/* What was put so far is not the view: it begins again. */
void llmp_view_restart(struct llmp_view_writer *w);

/* from[begin, end) itself. */
void llmp_view_copy(struct llmp_view_writer *w, size_t begin, size_t end);

/* As copy, with ASCII letters in lower case. */
void llmp_view_copy_lower(struct llmp_view_writer *w, size_t begin, size_t end);

/* A bit for each kind of view that may say something new of this text; none but
 * LLMP_VIEW_FOLDED, which tells by itself, is missed. */
uint32_t llmp_view_triggers(struct llmp_str text);

/* Each writes a view of `w->from`; false: it would say nothing new. */
bool llmp_view_fold(struct llmp_view_writer *w);
bool llmp_view_leet(struct llmp_view_writer *w);
bool llmp_view_joined(struct llmp_view_writer *w);
bool llmp_view_percent(struct llmp_view_writer *w);
bool llmp_view_entities(struct llmp_view_writer *w);
bool llmp_view_base64(struct llmp_view_writer *w);
bool llmp_view_hex(struct llmp_view_writer *w);
bool llmp_view_rot13(struct llmp_view_writer *w);

#endif
