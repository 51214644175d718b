/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of many producers and one consumer: producers push onto a stack with
 * one compare-and-swap, the consumer takes all of it at once and turns it
 * round. Taking everything leaves no room for the ABA problem. Bounded by its
 * user.
 */
#ifndef LLMP_STORE_WRITER_QUEUE_H
#define LLMP_STORE_WRITER_QUEUE_H

#include <stdatomic.h>
#include <stddef.h>

struct llmp_store_writer;

struct llmp_writer_node {
    struct llmp_writer_node *next;
};

struct llmp_writer_stack {
    _Atomic(struct llmp_writer_node *) top;
};

static inline void llmp_writer_push(struct llmp_writer_stack *stack,
                                    struct llmp_writer_node *node)
{
    node->next = atomic_load_explicit(&stack->top, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&stack->top, &node->next,
                                                  node, memory_order_release,
                                                  memory_order_relaxed))
        ;
}

/* All that was pushed, oldest first. */
static inline struct llmp_writer_node *llmp_writer_take_all(
    struct llmp_writer_stack *stack)
{
    struct llmp_writer_node *newest =
        atomic_exchange_explicit(&stack->top, NULL, memory_order_acquire);
    struct llmp_writer_node *oldest = NULL;

    while (newest) {
        struct llmp_writer_node *next = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

/* writer.c: has pump called, as if something had been queued. */
void llmp_store_writer_wake(struct llmp_store_writer *writer);

#endif
