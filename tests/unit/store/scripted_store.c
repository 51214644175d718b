/* SPDX-License-Identifier: Apache-2.0 */
#include "scripted_store.h"

#include <sched.h>
#include <stdlib.h>

#include "base/internal.h"
#include "base/str.h"

static void close_scripted(void *self)
{
    struct scripted_store *script = self;

    llmp_store_close(script->inner);
}

static int open_again(void **out, void *self, struct llmp_error *err)
{
    (void)out;
    (void)self;
    return llmp_fail(err, LLMP_E_UNSUPPORTED, "once only");
}

static int refuse_poison(const struct scripted_store *script,
                         const struct llmp_store_op *ops, size_t count)
{
    for (size_t i = 0; script->poison && i < count; i++)
        if (ops[i].kind == LLMP_STORE_USAGE &&
            llmp_str_eq(ops[i].of.usage->row->id, llmp_str_of(script->poison)))
            return LLMP_E_LIMIT;
    return LLMP_OK;
}

static int commit(void *self, struct llmp_store_op *ops, size_t count,
                  struct llmp_error *err)
{
    struct scripted_store *script = self;
    int rc = atomic_load(&script->answer);

    (void)atomic_fetch_add(&script->commits, 1);
    if ((int)count > atomic_load(&script->largest))
        atomic_store(&script->largest, (int)count);
    while (atomic_load(&script->held))
        (void)sched_yield();
    if (rc == LLMP_OK)
        rc = refuse_poison(script, ops, count);
    if (rc == LLMP_OK)
        return llmp_store_commit(script->inner, ops, count, err);
    (void)llmp_fail(err, rc, "as the script says");
    if (err)
        err->object_dead = atomic_load(&script->dead);
    return rc;
}

static int get(void *self, struct llmp_str kind, struct llmp_str id,
               bool by_lookup, llmp_store_doc_fn *see, void *ctx,
               struct llmp_error *err)
{
    struct scripted_store *script = self;

    (void)by_lookup;
    return llmp_store_get(script->inner, kind, id, see, ctx, err);
}

static int list(void *self, const struct llmp_store_list *list_of,
                llmp_store_doc_fn *see, void *ctx, struct llmp_error *err)
{
    struct scripted_store *script = self;

    return llmp_store_list(script->inner, list_of, see, ctx, err);
}

static int changes(void *self, uint64_t after, uint32_t rows_max,
                   llmp_store_doc_fn *see, void *ctx, struct llmp_error *err)
{
    struct scripted_store *script = self;

    return llmp_store_changes(script->inner, after, rows_max, see, ctx, err);
}

static int events(void *self, uint64_t after, uint32_t rows_max,
                  llmp_store_event_fn *see, void *ctx, struct llmp_error *err)
{
    struct scripted_store *script = self;

    return llmp_store_events(script->inner, after, rows_max, see, ctx, err);
}

static int sums(void *self, const struct llmp_ledger_query *query,
                llmp_ledger_sum_fn *see, void *ctx, struct llmp_error *err)
{
    struct scripted_store *script = self;

    return llmp_store_ledger_sums(script->inner, query, see, ctx, err);
}

static int rows(void *self, const struct llmp_ledger_query *query,
                llmp_ledger_row_fn *see, void *ctx, struct llmp_error *err)
{
    struct scripted_store *script = self;

    return llmp_store_ledger_rows(script->inner, query, see, ctx, err);
}

static int counter(void *self, struct llmp_str name, uint64_t window,
                   uint64_t now_wall_ns, struct llmp_counter *out,
                   struct llmp_error *err)
{
    struct scripted_store *script = self;

    return llmp_store_counter(script->inner, name, window, now_wall_ns, out,
                              err);
}

static int lease(void *self, const struct llmp_lease *wanted, int64_t *granted,
                 struct llmp_error *err)
{
    struct scripted_store *script = self;

    return llmp_store_lease(script->inner, wanted, granted, err);
}

static int lease_return(void *self, struct llmp_str name, uint64_t window,
                        struct llmp_str holder, int64_t unused,
                        uint64_t now_wall_ns, struct llmp_error *err)
{
    struct scripted_store *script = self;

    return llmp_store_lease_return(script->inner, name, window, holder, unused,
                                   now_wall_ns, err);
}

struct llmp_store *scripted_store_open(struct scripted_store *script)
{
    static const struct llmp_store_ops ops = {
        .size = sizeof(ops),
        .name = "scripted",
        .close = close_scripted,
        .open_again = open_again,
        .commit = commit,
        .get = get,
        .list = list,
        .changes = changes,
        .events = events,
        .usage_sums = sums,
        .usage_rows = rows,
        .counter = counter,
        .lease = lease,
        .lease_return = lease_return,
    };
    struct llmp_store *store = NULL;

    if (llmp_store_open_memory(&script->inner, NULL) != LLMP_OK ||
        llmp_store_new(&store, &ops, script, NULL) != LLMP_OK)
        abort();
    return store;
}
