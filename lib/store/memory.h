/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory backend's data. One lock, which the public slots (memory.c) take;
 * everything else here is called with it held. Documents, events and rows are
 * immutable and counted, so that a reader takes references under the lock and
 * shows them without it.
 */
#ifndef LLMP_STORE_MEMORY_H
#define LLMP_STORE_MEMORY_H

#include <llmproxy/store.h>

#include "store/store.h"

enum {
    LLMP_MEMORY_ROWS_MAX = 65536, /* kept at least; an eighth more at most */
    LLMP_MEMORY_BUCKETS = 16384   /* of the index of rows by id */
};

/* Begins whatever is counted. */
struct llmp_memory_item {
    uint32_t refs;
};

struct llmp_memory_list {
    struct llmp_memory_item **items;
    size_t count, cap;
};

struct llmp_memory_doc {
    struct llmp_memory_item item;
    struct llmp_store_doc doc;
    char text[];
};

struct llmp_memory_event {
    struct llmp_memory_item item;
    struct llmp_store_event event;
    char text[];
};

struct llmp_memory_row {
    struct llmp_memory_item item;
    struct llmp_memory_row *next; /* in its bucket */
    struct llmp_ledger_row usage;
    uint64_t seq;
    char text[];
};

struct llmp_memory_counter {
    struct llmp_memory_item item;
    struct llmp_str name;
    uint64_t window;
    int64_t used;
    char text[];
};

struct llmp_memory_lease {
    struct llmp_memory_item item;
    struct llmp_str name, holder;
    uint64_t window, expires_wall_ns;
    int64_t amount;
    char text[];
};

/* What a batch has done so far, to be taken back if it fails. */
struct llmp_memory_undo {
    enum llmp_store_op_kind kind;
    size_t index;                /* of a document in `docs` */
    struct llmp_memory_doc *doc; /* what was there; NULL: nothing */
    struct llmp_memory_row *row; /* likewise of a row that was repriced */
    struct llmp_memory_counter *counter;
    int64_t used;
};

struct llmp_memory {
    struct llmp_memory_list docs;     /* by kind and id, tombstones too */
    struct llmp_memory_list events;   /* by sequence */
    struct llmp_memory_list rows;     /* by sequence */
    struct llmp_memory_list counters; /* by name and window */
    struct llmp_memory_list leases;
    struct llmp_memory_row **buckets;
    uint64_t doc_version, event_seq, row_seq;
    bool has_empty_counters;       /* some may be: sweep */
    struct llmp_memory_undo *undo; /* of the batch at work */
    size_t undo_count, undo_cap;
};

/* memory.c */
bool llmp_memory_list_insert(struct llmp_memory_list *list, size_t at,
                             struct llmp_memory_item *item);
struct llmp_memory_item *llmp_memory_list_remove(struct llmp_memory_list *list,
                                                 size_t at);
/* Adds a reference to `item`. */
bool llmp_memory_pick(struct llmp_memory_list *picked,
                      struct llmp_memory_item *item);
void llmp_memory_unref(struct llmp_memory_item *item);
bool llmp_memory_undo_add(struct llmp_memory *memory,
                          const struct llmp_memory_undo *undo);

/* Orders by bytes, a shorter text before its continuations. */
int llmp_memory_compare(struct llmp_str a, struct llmp_str b);

/* memory_docs.c. Each returns the operation's status. */
int llmp_memory_put(struct llmp_memory *memory, struct llmp_store_op *op,
                    struct llmp_error *err);
void llmp_memory_put_undo(struct llmp_memory *memory,
                          const struct llmp_memory_undo *undo);
int llmp_memory_event(struct llmp_memory *memory, struct llmp_store_op *op,
                      struct llmp_error *err);
void llmp_memory_event_undo(struct llmp_memory *memory);
void llmp_memory_trim_events(struct llmp_memory *memory,
                             struct llmp_store_op *op);
void llmp_memory_trim_docs(struct llmp_memory *memory,
                           struct llmp_store_op *op);
struct llmp_memory_doc *llmp_memory_find(struct llmp_memory *memory,
                                         struct llmp_str kind,
                                         struct llmp_str id, bool by_lookup);
bool llmp_memory_pick_list(struct llmp_memory *memory,
                           const struct llmp_store_list *list,
                           struct llmp_memory_list *picked);
bool llmp_memory_pick_changes(struct llmp_memory *memory, uint64_t after,
                              uint32_t rows_max,
                              struct llmp_memory_list *picked);
bool llmp_memory_pick_events(struct llmp_memory *memory, uint64_t after,
                             uint32_t rows_max,
                             struct llmp_memory_list *picked);

/* memory_ledger.c */
int llmp_memory_usage(struct llmp_memory *memory, struct llmp_store_op *op,
                      struct llmp_error *err);
void llmp_memory_usage_undo(struct llmp_memory *memory);
int llmp_memory_reprice(struct llmp_memory *memory, struct llmp_store_op *op,
                        struct llmp_error *err);
void llmp_memory_reprice_undo(struct llmp_memory *memory,
                              const struct llmp_memory_undo *undo);
void llmp_memory_trim_rows(struct llmp_memory *memory,
                           struct llmp_store_op *op);
void llmp_memory_drop_oldest(struct llmp_memory *memory);
bool llmp_memory_pick_rows(struct llmp_memory *memory,
                           const struct llmp_ledger_query *query,
                           uint64_t rows_max, struct llmp_memory_list *picked);
/* Needs no lock: `rows` are the caller's references. */
int llmp_memory_sums(const struct llmp_memory_list *rows,
                     const struct llmp_ledger_query *query,
                     llmp_ledger_sum_fn *see, void *ctx,
                     struct llmp_error *err);

/* memory_counters.c */
int llmp_memory_add(struct llmp_memory *memory,
                    const struct llmp_counter_add *add, int64_t *value,
                    struct llmp_error *err);
int llmp_memory_forget(struct llmp_memory *memory,
                       const struct llmp_counter_add *add,
                       struct llmp_error *err);
/* Removes counters that have come to nothing. */
void llmp_memory_sweep(struct llmp_memory *memory);
void llmp_memory_counter(struct llmp_memory *memory, struct llmp_str name,
                         uint64_t window, uint64_t now_wall_ns,
                         struct llmp_counter *out);
int llmp_memory_lease(struct llmp_memory *memory,
                      const struct llmp_lease *lease, int64_t *granted,
                      struct llmp_error *err);
int llmp_memory_lease_return(struct llmp_memory *memory, struct llmp_str name,
                             uint64_t window, struct llmp_str holder,
                             int64_t unused, uint64_t now_wall_ns,
                             struct llmp_error *err);

/* Whether what is that old goes with this operation, which counts it. */
static inline bool llmp_memory_is_trimmed(struct llmp_store_op *op,
                                          uint64_t wall_ns)
{
    const struct llmp_store_trim *trim = op->of.trim;

    if (wall_ns >= trim->before_wall_ns || op->result == trim->rows_max)
        return false;
    op->result++;
    return true;
}

/* Copies `text` to `*to`, moves that on, and returns the copy. */
static inline struct llmp_str llmp_memory_copy(char **to, struct llmp_str text)
{
    struct llmp_str copy = { *to, text.len };

    for (size_t i = 0; i < text.len; i++)
        (*to)[i] = text.ptr[i];
    *to += text.len;
    return copy;
}

#endif
