/* SPDX-License-Identifier: Apache-2.0 */
/* What all workers count together, and the last request one of them saw. */
#ifndef LLMSIM_STATS_H
#define LLMSIM_STATS_H

#include <pthread.h>
#include <stdatomic.h>

#include "mem.h"

/* requests = completed + aborted + cut + open. /sim/… is not counted. */
#define SIM_STATS_TABLE(X)                                    \
    X(requests)  /* heads read */                             \
    X(completed) /* answers handed to the kernel, whole */    \
    X(aborted)   /* the client left before that */            \
    X(cut)       /* answers cut or reset by us, on request */ \
    X(open)      /* requests in progress */                   \
    X(bytes_in)                                               \
    X(bytes_out)                                              \
    X(connections) /* accepted */                             \
    X(connections_open)

struct sim_stats {
#define SIM_STATS_MEMBER(name) atomic_uint_fast64_t name;
    SIM_STATS_TABLE(SIM_STATS_MEMBER)
#undef SIM_STATS_MEMBER
    atomic_uint_fast64_t ordinal; /* of the next request */
};

static inline void sim_stats_add(atomic_uint_fast64_t *counter, uint64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static inline void sim_stats_sub(atomic_uint_fast64_t *counter, uint64_t n)
{
    atomic_fetch_sub_explicit(counter, n, memory_order_relaxed);
}

void sim_stats_write(const struct sim_stats *stats, struct sim_buf *out);
/* All but what is open now; requests are numbered from 0 again. */
void sim_stats_reset(struct sim_stats *stats);

/* A larger body is not kept. */
#define SIM_LAST_BODY_MAX 65536

struct sim_last {
    pthread_mutex_t lock;
    struct {
        bool any;
        const char *method;
        struct sim_buf head; /* target, then fields: each ends with NUL */
        struct sim_buf body;
        uint64_t head_bytes, body_bytes;
    } synced;
};

void sim_last_init(struct sim_last *last);
void sim_last_set(struct sim_last *last, const char *method,
                  struct llmp_str head, uint64_t head_bytes,
                  struct llmp_str body);
/* Writes JSON; `null` when there was none. */
void sim_last_write(struct sim_last *last, struct sim_buf *out);
void sim_last_reset(struct sim_last *last);

#endif
