/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's memory: structures, and blocks of bytes that connections borrow
 * while they hold data and give back at once. No other file calls malloc().
 */
#ifndef LLMGW_MEM_H
#define LLMGW_MEM_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed memory, or NULL. */
void *gw_alloc(size_t size);
/* Accepts NULL. */
void gw_free(void *memory);
/* A NUL-terminated copy, or NULL. */
char *gw_copy_text(const char *text, size_t len);

/* Bytes [start, end) of `data` are in use. */
struct gw_block {
    struct gw_block *next;
    size_t start, end, cap;
    uint8_t data[];
};

/* Free blocks of the usual size, for one thread. */
struct gw_block_pool {
    struct gw_block *free;
    unsigned free_count;
};

/* A usual block is what one page-aligned 16 KiB piece of memory can hold. */
#define GW_BLOCK_CAP (16384 - sizeof(struct gw_block))

/* An empty block that holds `cap` bytes or more, or NULL. */
struct gw_block *gw_block_take(struct gw_block_pool *pool, size_t cap);
/* Accepts NULL. */
void gw_block_give(struct gw_block_pool *pool, struct gw_block *block);
void gw_block_pool_fini(struct gw_block_pool *pool);

#endif
