/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory backend: connections, the lock, batches that are all or nothing.
 * Every slot takes the lock, computes, gives the lock back and only then calls
 * the caller's function.
 */
#include "store/memory.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/internal.h"

/* What all connections to one store share. */
struct shared {
    pthread_mutex_t lock;
    struct {
        uint32_t connections;
        struct llmp_memory memory;
    } synced;
};

static struct llmp_memory *lock(struct shared *shared)
{
    (void)pthread_mutex_lock(&shared->lock);
    return &shared->synced.memory;
}

static void unlock(struct shared *shared)
{
    (void)pthread_mutex_unlock(&shared->lock);
}

/* ---- lists of counted items ---------------------------------------------- */

int llmp_memory_compare(struct llmp_str a, struct llmp_str b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common ? memcmp(a.ptr, b.ptr, common) : 0;

    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static bool list_reserve(struct llmp_memory_list *list)
{
    if (list->count < list->cap)
        return true;

    size_t cap = list->cap ? list->cap * 2 : 16;
    void *grown =
        llmp_resize(list->items, cap * sizeof(struct llmp_memory_item *));

    if (!grown)
        return false;
    list->items = grown;
    list->cap = cap;
    return true;
}

bool llmp_memory_list_insert(struct llmp_memory_list *list, size_t at,
                             struct llmp_memory_item *item)
{
    assert(at <= list->count);
    if (!list_reserve(list))
        return false;
    memmove(list->items + at + 1, list->items + at,
            (list->count - at) * sizeof(struct llmp_memory_item *));
    list->items[at] = item;
    list->count++;
    return true;
}

struct llmp_memory_item *llmp_memory_list_remove(struct llmp_memory_list *list,
                                                 size_t at)
{
    struct llmp_memory_item *item = list->items[at];

    assert(at < list->count);
    list->count--;
    memmove(list->items + at, list->items + at + 1,
            (list->count - at) * sizeof(struct llmp_memory_item *));
    return item;
}

bool llmp_memory_pick(struct llmp_memory_list *picked,
                      struct llmp_memory_item *item)
{
    if (!llmp_memory_list_insert(picked, picked->count, item))
        return false;
    item->refs++;
    return true;
}

void llmp_memory_unref(struct llmp_memory_item *item)
{
    if (item && --item->refs == 0)
        llmp_free(item);
}

static void list_fini(struct llmp_memory_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        llmp_memory_unref(list->items[i]);
    llmp_free(list->items);
    *list = (struct llmp_memory_list){ NULL };
}

static void give_back(struct shared *shared, struct llmp_memory_list *picked)
{
    (void)lock(shared);
    list_fini(picked);
    unlock(shared);
}

/* ---- connections --------------------------------------------------------- */

static void memory_fini(struct llmp_memory *memory)
{
    list_fini(&memory->docs);
    list_fini(&memory->events);
    list_fini(&memory->rows);
    list_fini(&memory->counters);
    list_fini(&memory->leases);
    llmp_free(memory->buckets);
    llmp_free(memory->undo);
}

static void close_memory(void *self)
{
    struct shared *shared = self;

    (void)lock(shared);
    uint32_t left = --shared->synced.connections;
    unlock(shared);
    if (left)
        return;
    memory_fini(&shared->synced.memory);
    (void)pthread_mutex_destroy(&shared->lock);
    llmp_free(shared);
}

static int open_again(void **out, void *self, struct llmp_error *err)
{
    struct shared *shared = self;
    (void)err;

    (void)lock(shared);
    shared->synced.connections++;
    unlock(shared);
    *out = shared;
    return LLMP_OK;
}

/* ---- batches ------------------------------------------------------------- */

bool llmp_memory_undo_add(struct llmp_memory *memory,
                          const struct llmp_memory_undo *undo)
{
    if (memory->undo_count == memory->undo_cap) {
        size_t cap = memory->undo_cap ? memory->undo_cap * 2 : 64;
        void *grown = llmp_resize(memory->undo, cap * sizeof(*undo));

        if (!grown)
            return false;
        memory->undo = grown;
        memory->undo_cap = cap;
    }
    memory->undo[memory->undo_count++] = *undo;
    return true;
}

static void take_back(struct llmp_memory *memory)
{
    memory->has_empty_counters = true;
    while (memory->undo_count) {
        const struct llmp_memory_undo *undo =
            &memory->undo[--memory->undo_count];

        switch (undo->kind) {
        case LLMP_STORE_PUT:
        case LLMP_STORE_DELETE:
            llmp_memory_put_undo(memory, undo);
            break;
        case LLMP_STORE_EVENT:
            llmp_memory_event_undo(memory);
            break;
        case LLMP_STORE_USAGE:
            llmp_memory_usage_undo(memory);
            break;
        case LLMP_STORE_REPRICE:
            llmp_memory_reprice_undo(memory, undo);
            break;
        case LLMP_STORE_TRIM: /* never fails, and is alone in its batch */
            break;
        case LLMP_STORE_ADD:
        case LLMP_STORE_FORGET:
            undo->counter->used = undo->used;
            break;
        }
    }
}

/* The batch holds: what it replaced is not needed any more. */
static void let_stand(struct llmp_memory *memory)
{
    for (size_t i = 0; i < memory->undo_count; i++) {
        if (memory->undo[i].doc)
            llmp_memory_unref(&memory->undo[i].doc->item);
        if (memory->undo[i].row)
            llmp_memory_unref(&memory->undo[i].row->item);
    }
    memory->undo_count = 0;
    llmp_memory_drop_oldest(memory);
    if (memory->has_empty_counters)
        llmp_memory_sweep(memory);
    memory->has_empty_counters = false;
}

static int trim(struct llmp_memory *memory, struct llmp_store_op *op)
{
    switch (op->of.trim->what) {
    case LLMP_STORE_OLD_ROWS:
        llmp_memory_trim_rows(memory, op);
        break;
    case LLMP_STORE_OLD_EVENTS:
        llmp_memory_trim_events(memory, op);
        break;
    case LLMP_STORE_OLD_TOMBSTONES:
        llmp_memory_trim_docs(memory, op);
        break;
    }
    return LLMP_OK;
}

static int run_op(struct llmp_memory *memory, struct llmp_store_op *op,
                  struct llmp_error *err)
{
    switch (op->kind) {
    case LLMP_STORE_PUT:
    case LLMP_STORE_DELETE:
        return llmp_memory_put(memory, op, err);
    case LLMP_STORE_EVENT:
        return llmp_memory_event(memory, op, err);
    case LLMP_STORE_USAGE:
        return llmp_memory_usage(memory, op, err);
    case LLMP_STORE_ADD:
        return llmp_memory_add(memory, op->of.add, &op->result, err);
    case LLMP_STORE_FORGET:
        return llmp_memory_forget(memory, op->of.add, err);
    case LLMP_STORE_REPRICE:
        return llmp_memory_reprice(memory, op, err);
    case LLMP_STORE_TRIM:
        return trim(memory, op);
    }
    return llmp_fail(err, LLMP_E_INVALID, "an operation of no known kind");
}

static int commit(void *self, struct llmp_store_op *ops, size_t count,
                  struct llmp_error *err)
{
    struct llmp_memory *memory = lock(self);
    int rc = LLMP_OK;

    for (size_t i = 0; rc == LLMP_OK && i < count; i++)
        rc = llmp_store_op_end(&ops[i], run_op(memory, &ops[i], err));
    if (rc == LLMP_OK)
        let_stand(memory);
    else
        take_back(memory);
    unlock(self);
    return rc;
}

/* ---- reading ------------------------------------------------------------- */

static int no_memory(struct llmp_error *err)
{
    return llmp_fail(err, LLMP_E_NOMEM, "no memory for what was asked");
}

static int show_docs(struct shared *shared, struct llmp_memory_list *picked,
                     bool complete, llmp_store_doc_fn *see, void *ctx,
                     struct llmp_error *err)
{
    int rc = complete ? LLMP_OK : no_memory(err);

    for (size_t i = 0; rc == LLMP_OK && i < picked->count; i++)
        rc = see(&((struct llmp_memory_doc *)picked->items[i])->doc, ctx);
    give_back(shared, picked);
    return rc;
}

static int get(void *self, struct llmp_str kind, struct llmp_str id,
               bool by_lookup, llmp_store_doc_fn *see, void *ctx,
               struct llmp_error *err)
{
    struct llmp_memory_list picked = { NULL };
    struct llmp_memory_doc *doc =
        llmp_memory_find(lock(self), kind, id, by_lookup);
    bool complete = !doc || llmp_memory_pick(&picked, &doc->item);

    unlock(self);
    if (!doc)
        return LLMP_MISS;
    return show_docs(self, &picked, complete, see, ctx, err);
}

static int list(void *self, const struct llmp_store_list *list,
                llmp_store_doc_fn *see, void *ctx, struct llmp_error *err)
{
    struct llmp_memory_list picked = { NULL };
    bool complete = llmp_memory_pick_list(lock(self), list, &picked);

    unlock(self);
    return show_docs(self, &picked, complete, see, ctx, err);
}

static int changes(void *self, uint64_t after, uint32_t rows_max,
                   llmp_store_doc_fn *see, void *ctx, struct llmp_error *err)
{
    struct llmp_memory_list picked = { NULL };
    bool complete =
        llmp_memory_pick_changes(lock(self), after, rows_max, &picked);

    unlock(self);
    return show_docs(self, &picked, complete, see, ctx, err);
}

static int events(void *self, uint64_t after, uint32_t rows_max,
                  llmp_store_event_fn *see, void *ctx, struct llmp_error *err)
{
    struct llmp_memory_list picked = { NULL };
    bool complete =
        llmp_memory_pick_events(lock(self), after, rows_max, &picked);
    int rc = LLMP_OK;

    unlock(self);
    if (!complete)
        rc = no_memory(err);
    for (size_t i = 0; rc == LLMP_OK && i < picked.count; i++)
        rc = see(&((struct llmp_memory_event *)picked.items[i])->event, ctx);
    give_back(self, &picked);
    return rc;
}

static int usage_rows(void *self, const struct llmp_ledger_query *query,
                      llmp_ledger_row_fn *see, void *ctx,
                      struct llmp_error *err)
{
    struct llmp_memory_list picked = { NULL };
    bool complete =
        llmp_memory_pick_rows(lock(self), query, query->rows_max, &picked);
    int rc = LLMP_OK;

    unlock(self);
    if (!complete)
        rc = no_memory(err);
    for (size_t i = 0; rc == LLMP_OK && i < picked.count; i++) {
        struct llmp_memory_row *row = (struct llmp_memory_row *)picked.items[i];

        rc = see(&row->usage, row->seq, ctx);
    }
    give_back(self, &picked);
    return rc;
}

static int usage_sums(void *self, const struct llmp_ledger_query *query,
                      llmp_ledger_sum_fn *see, void *ctx,
                      struct llmp_error *err)
{
    struct llmp_ledger_query all = *query;
    struct llmp_memory_list picked = { NULL };

    all.after_seq = 0;

    bool complete =
        llmp_memory_pick_rows(lock(self), &all, UINT64_MAX, &picked);
    int rc = LLMP_OK;

    unlock(self);
    if (!complete)
        rc = no_memory(err);
    if (rc == LLMP_OK)
        rc = llmp_memory_sums(&picked, query, see, ctx, err);
    give_back(self, &picked);
    return rc;
}

/* ---- counters ------------------------------------------------------------ */

static int counter(void *self, struct llmp_str name, uint64_t window,
                   uint64_t now_wall_ns, struct llmp_counter *out,
                   struct llmp_error *err)
{
    (void)err;
    llmp_memory_counter(lock(self), name, window, now_wall_ns, out);
    unlock(self);
    return LLMP_OK;
}

static int lease(void *self, const struct llmp_lease *lease, int64_t *granted,
                 struct llmp_error *err)
{
    int rc = llmp_memory_lease(lock(self), lease, granted, err);

    unlock(self);
    return rc;
}

static int lease_return(void *self, struct llmp_str name, uint64_t window,
                        struct llmp_str holder, int64_t unused,
                        uint64_t now_wall_ns, struct llmp_error *err)
{
    int rc = llmp_memory_lease_return(lock(self), name, window, holder, unused,
                                      now_wall_ns, err);

    unlock(self);
    return rc;
}

static const struct llmp_store_ops memory_ops = {
    .size = sizeof(memory_ops),
    .name = "memory",
    .close = close_memory,
    .open_again = open_again,
    .commit = commit,
    .get = get,
    .list = list,
    .changes = changes,
    .events = events,
    .usage_sums = usage_sums,
    .usage_rows = usage_rows,
    .counter = counter,
    .lease = lease,
    .lease_return = lease_return,
};

static void freep(struct shared **shared)
{
    if (!*shared)
        return;
    llmp_free((*shared)->synced.memory.buckets);
    llmp_free(*shared);
}

int llmp_store_open_memory(struct llmp_store **out, struct llmp_error *err)
{
    LLMP_ENSURE(out, err, LLMP_E_INVALID, "out is required");

    LLMP_AUTO(freep) struct shared *shared = llmp_alloc(sizeof(*shared));

    LLMP_ENSURE(shared, err, LLMP_E_NOMEM, "no memory for a store");
    shared->synced.connections = 1;
    shared->synced.memory.buckets =
        llmp_alloc_array(LLMP_MEMORY_BUCKETS, sizeof(struct llmp_memory_row *));
    LLMP_ENSURE(shared->synced.memory.buckets, err, LLMP_E_NOMEM,
                "no memory for a store");
    LLMP_ENSURE(pthread_mutex_init(&shared->lock, NULL) == 0, err, LLMP_E_NOMEM,
                "no memory for a store's lock");

    int rc = llmp_store_new(out, &memory_ops, shared, err);

    if (rc == LLMP_OK)
        shared = NULL;
    else
        (void)pthread_mutex_destroy(&shared->lock);
    return rc;
}
