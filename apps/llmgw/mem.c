/* SPDX-License-Identifier: Apache-2.0 */
/* The only caller of the C library's allocator in this program. */
#include "mem.h"

#include <stdlib.h>
#include <string.h>

/* What a worker keeps ready: 1 MiB. Bursts above that go back to the heap. */
#define POOL_KEEPS 64

void *gw_alloc(size_t size)
{
    return calloc(1, size);
}

void gw_free(void *memory)
{
    free(memory);
}

char *gw_copy_text(const char *text, size_t len)
{
    char *copy = gw_alloc(len + 1);

    if (copy)
        memcpy(copy, text, len);
    return copy;
}

struct gw_block *gw_block_take(struct gw_block_pool *pool, size_t cap)
{
    struct gw_block *block = pool->free;

    if (cap <= GW_BLOCK_CAP && block) {
        pool->free = block->next;
        pool->free_count--;
    } else {
        cap = cap <= GW_BLOCK_CAP ? GW_BLOCK_CAP : cap;
        block = malloc(sizeof(*block) + cap);
        if (!block)
            return NULL;
        block->cap = cap;
    }
    block->next = NULL;
    block->start = 0;
    block->end = 0;
    return block;
}

void gw_block_give(struct gw_block_pool *pool, struct gw_block *block)
{
    if (!block)
        return;
    if (block->cap != GW_BLOCK_CAP || pool->free_count >= POOL_KEEPS) {
        free(block);
        return;
    }
    block->next = pool->free;
    pool->free = block;
    pool->free_count++;
}

void gw_block_pool_fini(struct gw_block_pool *pool)
{
    while (pool->free) {
        struct gw_block *block = pool->free;

        pool->free = block->next;
        free(block);
    }
    pool->free_count = 0;
}
