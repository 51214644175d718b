/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes on their way out: a chain of borrowed blocks, first in, first out. */
#ifndef LLMGW_QUEUE_H
#define LLMGW_QUEUE_H

#include <stdbool.h>
#include <sys/uio.h>

#include "mem.h"

/* All zero: empty. */
struct gw_queue {
    struct gw_block *head, *tail;
    size_t size;
};

/* Room for `len` bytes in a row, or NULL: no memory. */
uint8_t *gw_queue_reserve(struct gw_queue *queue, struct gw_block_pool *pool,
                          size_t len);
/* `len` bytes of it were filled. */
void gw_queue_commit(struct gw_queue *queue, size_t len);
/* Copies bytes in; false: no memory, and only some are in. */
bool gw_queue_write(struct gw_queue *queue, struct gw_block_pool *pool,
                    const void *bytes, size_t len);
/* Releases the first `len` bytes. */
void gw_queue_consume(struct gw_queue *queue, struct gw_block_pool *pool,
                      size_t len);
/* Points `parts` at the contents, as far as they go; returns their number. */
int gw_queue_collect(const struct gw_queue *queue, struct iovec *parts,
                     int max);
void gw_queue_clear(struct gw_queue *queue, struct gw_block_pool *pool);

#endif
