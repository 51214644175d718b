/* SPDX-License-Identifier: Apache-2.0 */
/* Chains of blocks: see queue.h. */
#include "queue.h"

#include <assert.h>
#include <string.h>

uint8_t *gw_queue_reserve(struct gw_queue *queue, struct gw_block_pool *pool,
                          size_t len)
{
    struct gw_block *tail = queue->tail;

    if (tail && tail->cap - tail->end >= len)
        return tail->data + tail->end;
    tail = gw_block_take(pool, len);
    if (!tail)
        return NULL;
    if (queue->tail)
        queue->tail->next = tail;
    else
        queue->head = tail;
    queue->tail = tail;
    return tail->data;
}

void gw_queue_commit(struct gw_queue *queue, size_t len)
{
    assert(queue->tail->cap - queue->tail->end >= len);
    queue->tail->end += len;
    queue->size += len;
}

bool gw_queue_write(struct gw_queue *queue, struct gw_block_pool *pool,
                    const void *bytes, size_t len)
{
    const uint8_t *from = bytes;

    while (len > 0) {
        uint8_t *room = gw_queue_reserve(queue, pool, 1);

        if (!room)
            return false;
        size_t piece = queue->tail->cap - queue->tail->end;

        if (piece > len)
            piece = len;
        memcpy(room, from, piece);
        gw_queue_commit(queue, piece);
        from += piece;
        len -= piece;
    }
    return true;
}

void gw_queue_consume(struct gw_queue *queue, struct gw_block_pool *pool,
                      size_t len)
{
    assert(len <= queue->size);
    queue->size -= len;
    while (queue->head) {
        struct gw_block *block = queue->head;
        size_t held = block->end - block->start;

        if (len < held) {
            block->start += len;
            return;
        }
        len -= held;
        queue->head = block->next;
        if (!queue->head)
            queue->tail = NULL;
        gw_block_give(pool, block);
    }
}

int gw_queue_collect(const struct gw_queue *queue, struct iovec *parts, int max)
{
    int count = 0;

    for (struct gw_block *block = queue->head; block && count < max;
         block = block->next)
        parts[count++] = (struct iovec){
            .iov_base = block->data + block->start,
            .iov_len = block->end - block->start,
        };
    return count;
}

void gw_queue_clear(struct gw_queue *queue, struct gw_block_pool *pool)
{
    gw_queue_consume(queue, pool, queue->size);
}
