/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts that others are asked about (asked.c), and the call in hand
 * (stage_remote.c).
 */
#ifndef LLMP_GATEWAY_ASKED_H
#define LLMP_GATEWAY_ASKED_H

#include "gateway/inspect.h"

/* What an answer says of a text, for one stage. */
struct heard {
    struct heard *next;
    uint32_t stage;
    struct llmp_guard_found one;
};

/* A text that others are asked about. */
struct asked {
    struct llmp_x_where at;
    struct llmp_remote_text text;
    uint32_t waiting, cut, failed; /* stages, a bit each */
    struct heard *heard;
    uint32_t heard_count;
};

struct llmp_x_remote {
    struct llmp_arena arena;
    struct llmp_buf asked; /* of struct asked */
    void (*done)(struct llmp_exchange *x);
    uint64_t begun_ns;

    /* The stage in hand. */
    uint32_t left; /* those behind it, a bit each */
    uint32_t stage, calls;
    uint64_t stage_begun_ns, until_ns;
    struct llmp_remote_text *texts; /* that it is to see */
    uint32_t *indices;              /* of them in `asked` */
    size_t text_count;
    struct llmp_remote_cursor cursor;

    /* The call in hand. */
    struct llmp_remote_piece pieces[LLMP_REMOTE_PIECES_MAX];
    uint32_t piece_count;
    struct llmp_buf body, answer;
    uint16_t status;
    bool nomem;
};

static inline struct asked *asked_at(const struct llmp_x_remote *r,
                                     size_t index)
{
    return (struct asked *)(void *)r->asked.ptr + index;
}

static inline size_t asked_count(const struct llmp_x_remote *r)
{
    return r->asked.len / sizeof(struct asked);
}

#endif
