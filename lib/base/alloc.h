/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: one place to look, one place to break. Checked allocation for what
 * lives on its own, an arena for what lives as long as an exchange.
 */
#ifndef LLMP_BASE_ALLOC_H
#define LLMP_BASE_ALLOC_H

#include <llmproxy/base.h>

/* Zeroed memory, or NULL. */
void *llmp_alloc(size_t size);
void *llmp_alloc_array(size_t count, size_t size);

/* Like realloc(); new bytes are not zeroed; on NULL the old block lives. */
void *llmp_resize(void *memory, size_t size);

/* Accepts NULL. */
void llmp_free(void *memory);

/* A NUL-terminated copy of `text`, or NULL. */
char *llmp_strdup(struct llmp_str text);

/*
 * An arena: memory taken piece by piece and given back all at once. Blocks
 * come from the heap; the first is kept across llmp_arena_reset(), so that a
 * pooled object asks the heap for nothing in the ordinary case.
 */
struct llmp_arena_block;
struct llmp_arena {
    struct llmp_arena_block *first, *now;
    size_t block_size; /* of an ordinary block */
    size_t used;       /* bytes in all blocks, for limits */
};

void llmp_arena_init(struct llmp_arena *arena, size_t block_size);
void llmp_arena_fini(struct llmp_arena *arena);

/* Gives everything back, but keeps the first block. */
void llmp_arena_reset(struct llmp_arena *arena);

/* Uninitialised memory aligned for any type, or NULL. */
void *llmp_arena_take(struct llmp_arena *arena, size_t size);

/* A copy of `text`; `ok` turns false when memory is short (ptr is NULL). */
struct llmp_str llmp_arena_str(struct llmp_arena *arena, struct llmp_str text,
                               bool *ok);

/* printf() into the arena; ptr is NULL when memory is short. */
struct llmp_str llmp_arena_printf(struct llmp_arena *arena, const char *format,
                                  ...) LLMP_PRINTF(2, 3);

#endif
