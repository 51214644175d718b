/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store's public calls: check what the caller supplied, hand it to the
 * backend. Nothing here knows a database.
 */
#include "store/store.h"

#include <string.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "store/check.h"

static bool has_all_slots(const struct llmp_store_ops *ops)
{
    return ops->name && ops->close && ops->open_again && ops->commit &&
           ops->get && ops->list && ops->changes && ops->events &&
           ops->usage_sums && ops->usage_rows && ops->counter && ops->lease &&
           ops->lease_return;
}

int llmp_store_new(struct llmp_store **out, const struct llmp_store_ops *ops,
                   void *self, struct llmp_error *err)
{
    LLMP_ENSURE(out && ops, err, LLMP_E_INVALID, "out and ops are required");
    LLMP_ENSURE(ops->size >= sizeof(*ops), err, LLMP_E_ABI,
                "a backend's table of %zu bytes is too old", ops->size);
    LLMP_ENSURE(has_all_slots(ops), err, LLMP_E_INVALID,
                "a backend's required function is missing");

    struct llmp_store *store = llmp_alloc(sizeof(*store));

    LLMP_ENSURE(store, err, LLMP_E_NOMEM, "no memory for a store");
    *store = (struct llmp_store){ ops, self };
    *out = store;
    return LLMP_OK;
}

int llmp_store_open_again(struct llmp_store **out, struct llmp_store *store,
                          struct llmp_error *err)
{
    void *self = NULL;

    LLMP_ENSURE(out && store, err, LLMP_E_INVALID,
                "out and store are required");
    LLMP_TRY(store->ops->open_again(&self, store->self, err));

    int rc = llmp_store_new(out, store->ops, self, err);

    if (rc < 0)
        store->ops->close(self);
    return rc;
}

void llmp_store_close(struct llmp_store *store)
{
    if (!store)
        return;
    store->ops->close(store->self);
    llmp_free(store);
}

const char *llmp_store_name(const struct llmp_store *store)
{
    return store->ops->name;
}

int llmp_store_commit(struct llmp_store *store, struct llmp_store_op *ops,
                      size_t count, struct llmp_error *err)
{
    LLMP_ENSURE(store && (ops || count == 0), err, LLMP_E_INVALID,
                "store and ops are required");
    LLMP_ENSURE(count <= LLMP_STORE_BATCH_MAX, err, LLMP_E_LIMIT,
                "a batch has at most %d operations", LLMP_STORE_BATCH_MAX);
    for (size_t i = 0; i < count; i++) {
        ops[i].status = LLMP_OK;
        ops[i].result = 0;
    }
    for (size_t i = 0; i < count; i++) {
        LLMP_TRY(llmp_store_op_end(&ops[i], llmp_store_check_op(&ops[i], err)));
        LLMP_ENSURE(ops[i].kind != LLMP_STORE_TRIM || count == 1, err,
                    LLMP_E_INVALID, "what is old is trimmed by itself");
    }
    return count ? store->ops->commit(store->self, ops, count, err) : LLMP_OK;
}

static int get(struct llmp_store *store, struct llmp_str kind,
               struct llmp_str id, bool by_lookup, llmp_store_doc_fn *see,
               void *ctx, struct llmp_error *err)
{
    LLMP_ENSURE(store && see, err, LLMP_E_INVALID,
                "store and see are required");
    LLMP_TRY(llmp_store_check_text(kind, LLMP_STORE_KIND_MAX,
                                   LLMP_STORE_REQUIRED, "a document's kind",
                                   err));
    LLMP_TRY(llmp_store_check_text(id, LLMP_STORE_NAME_MAX, LLMP_STORE_REQUIRED,
                                   "a document's id", err));
    return store->ops->get(store->self, kind, id, by_lookup, see, ctx, err);
}

int llmp_store_get(struct llmp_store *store, struct llmp_str kind,
                   struct llmp_str id, llmp_store_doc_fn *see, void *ctx,
                   struct llmp_error *err)
{
    return get(store, kind, id, false, see, ctx, err);
}

int llmp_store_find(struct llmp_store *store, struct llmp_str kind,
                    struct llmp_str lookup, llmp_store_doc_fn *see, void *ctx,
                    struct llmp_error *err)
{
    return get(store, kind, lookup, true, see, ctx, err);
}

int llmp_store_list(struct llmp_store *store,
                    const struct llmp_store_list *list, llmp_store_doc_fn *see,
                    void *ctx, struct llmp_error *err)
{
    LLMP_ENSURE(store && list && see, err, LLMP_E_INVALID,
                "store, list and see are required");

    struct llmp_store_list checked = *list;

    LLMP_TRY(llmp_store_check_text(list->kind, LLMP_STORE_KIND_MAX,
                                   LLMP_STORE_REQUIRED, "a document's kind",
                                   err));
    LLMP_TRY(llmp_store_check_text(list->prefix, LLMP_STORE_NAME_MAX,
                                   LLMP_STORE_OPTIONAL, "a prefix", err));
    LLMP_TRY(llmp_store_check_text(list->after, LLMP_STORE_NAME_MAX,
                                   LLMP_STORE_OPTIONAL, "a cursor", err));
    LLMP_TRY(llmp_store_check_rows_max(&checked.rows_max, err));
    return store->ops->list(store->self, &checked, see, ctx, err);
}

int llmp_store_changes(struct llmp_store *store, uint64_t after,
                       uint32_t rows_max, llmp_store_doc_fn *see, void *ctx,
                       struct llmp_error *err)
{
    LLMP_ENSURE(store && see, err, LLMP_E_INVALID,
                "store and see are required");
    LLMP_ENSURE(after <= INT64_MAX, err, LLMP_E_LIMIT, "no such change");
    LLMP_TRY(llmp_store_check_rows_max(&rows_max, err));
    return store->ops->changes(store->self, after, rows_max, see, ctx, err);
}

int llmp_store_events(struct llmp_store *store, uint64_t after,
                      uint32_t rows_max, llmp_store_event_fn *see, void *ctx,
                      struct llmp_error *err)
{
    LLMP_ENSURE(store && see, err, LLMP_E_INVALID,
                "store and see are required");
    LLMP_ENSURE(after <= INT64_MAX, err, LLMP_E_LIMIT, "no such event");
    LLMP_TRY(llmp_store_check_rows_max(&rows_max, err));
    return store->ops->events(store->self, after, rows_max, see, ctx, err);
}

void llmp_ledger_query_init_sized(struct llmp_ledger_query *query, size_t size)
{
    const struct llmp_ledger_query blank = { .size = size };

    memcpy(query, &blank, size < sizeof(blank) ? size : sizeof(blank));
}

static int read_query(struct llmp_ledger_query *into,
                      const struct llmp_ledger_query *query,
                      struct llmp_error *err)
{
    LLMP_ENSURE(query, err, LLMP_E_INVALID, "a query is required");
    llmp_ledger_query_init(into);
    LLMP_TRY(llmp_options_read(into, sizeof(*into), sizeof(*into), query,
                               query->size, err));
    return llmp_store_check_query(into, err);
}

int llmp_store_ledger_sums(struct llmp_store *store,
                           const struct llmp_ledger_query *query,
                           llmp_ledger_sum_fn *see, void *ctx,
                           struct llmp_error *err)
{
    struct llmp_ledger_query checked;

    LLMP_ENSURE(store && see, err, LLMP_E_INVALID,
                "store and see are required");
    LLMP_TRY(read_query(&checked, query, err));
    return store->ops->usage_sums(store->self, &checked, see, ctx, err);
}

int llmp_store_ledger_rows(struct llmp_store *store,
                           const struct llmp_ledger_query *query,
                           llmp_ledger_row_fn *see, void *ctx,
                           struct llmp_error *err)
{
    struct llmp_ledger_query checked;

    LLMP_ENSURE(store && see, err, LLMP_E_INVALID,
                "store and see are required");
    LLMP_TRY(read_query(&checked, query, err));
    return store->ops->usage_rows(store->self, &checked, see, ctx, err);
}

int llmp_store_counter(struct llmp_store *store, struct llmp_str name,
                       uint64_t window, uint64_t now_wall_ns,
                       struct llmp_counter *out, struct llmp_error *err)
{
    LLMP_ENSURE(store && out, err, LLMP_E_INVALID,
                "store and out are required");
    LLMP_ENSURE(window <= INT64_MAX && now_wall_ns <= INT64_MAX, err,
                LLMP_E_LIMIT, "no counter has such a window");
    LLMP_TRY(llmp_store_check_text(name, LLMP_STORE_NAME_MAX,
                                   LLMP_STORE_REQUIRED, "a counter's name",
                                   err));
    return store->ops->counter(store->self, name, window, now_wall_ns, out,
                               err);
}

int llmp_store_lease(struct llmp_store *store, const struct llmp_lease *lease,
                     int64_t *granted, struct llmp_error *err)
{
    LLMP_ENSURE(store && granted, err, LLMP_E_INVALID,
                "store and granted are required");
    LLMP_TRY(llmp_store_check_lease(lease, err));
    return store->ops->lease(store->self, lease, granted, err);
}

int llmp_store_lease_return(struct llmp_store *store, struct llmp_str counter,
                            uint64_t window, struct llmp_str holder,
                            int64_t unused, uint64_t now_wall_ns,
                            struct llmp_error *err)
{
    const struct llmp_lease lease = { .counter = counter,
                                      .window = window,
                                      .holder = holder,
                                      .want = unused,
                                      .now_wall_ns = now_wall_ns };

    LLMP_ENSURE(store, err, LLMP_E_INVALID, "a store is required");
    LLMP_TRY(llmp_store_check_lease(&lease, err));
    return store->ops->lease_return(store->self, counter, window, holder,
                                    unused, now_wall_ns, err);
}
