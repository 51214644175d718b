/* SPDX-License-Identifier: Apache-2.0 */
/* A store as the public calls see it: a backend and one connection of it. */
#ifndef LLMP_STORE_STORE_H
#define LLMP_STORE_STORE_H

#include <llmproxy/store.h>

struct llmp_store {
    const struct llmp_store_ops *ops;
    void *self;
};

/* The operation at `op` failed for good, or met somebody else's change. */
static inline int llmp_store_op_end(struct llmp_store_op *op, int status)
{
    op->status = status;
    return status;
}

/* How much of what is wanted may be leased: never negative. */
static inline int64_t llmp_lease_left(const struct llmp_counter *counter,
                                      const struct llmp_lease *wanted)
{
    int64_t taken, left;

    /* Beyond the range is beyond any limit; a counter may be below zero. */
    if (__builtin_add_overflow(counter->used, counter->leased, &taken))
        return 0;
    if (__builtin_sub_overflow(wanted->limit, taken, &left))
        left = INT64_MAX;
    if (left < 0)
        return 0;
    return left < wanted->want ? left : wanted->want;
}

#endif
