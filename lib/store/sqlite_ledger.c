/* SPDX-License-Identifier: Apache-2.0 */
/* The usage ledger in SQLite. */
#include <string.h>

#include "base/internal.h"
#include "base/str.h"
#include "store/sqlite.h"

static int insert_row(struct llmp_sqlite *self,
                      const struct llmp_ledger_row *row, int64_t *inserted,
                      struct llmp_error *err)
{
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, LLMP_SQLITE_USAGE_PUT);
    llmp_sqlite_text(&call, row->id);
    llmp_sqlite_int(&call, (int64_t)row->wall_ns);
    llmp_sqlite_text(&call, row->key);
    llmp_sqlite_text(&call, row->user);
    llmp_sqlite_text(&call, row->team);
    llmp_sqlite_text(&call, row->org);
    llmp_sqlite_text(&call, row->model);
    llmp_sqlite_text(&call, row->deployment);
    llmp_sqlite_text(&call, row->operation);
    llmp_sqlite_text(&call, row->status);
    llmp_sqlite_int(&call, row->basis);
    llmp_sqlite_int(&call, row->input);
    llmp_sqlite_int(&call, row->cached);
    llmp_sqlite_int(&call, row->output);
    llmp_sqlite_int(&call, row->reasoning);
    llmp_sqlite_int(&call, row->requests);
    llmp_sqlite_int(&call, row->cost_nano);
    llmp_sqlite_text(&call, llmp_str_of(row->currency));
    llmp_sqlite_int(&call, row->cost_known);
    llmp_sqlite_text(&call, row->price_version);
    llmp_sqlite_int(&call, row->reserved_input);
    llmp_sqlite_int(&call, row->reserved_output);
    llmp_sqlite_int(&call, row->reserved_cost_nano);
    llmp_sqlite_text(&call, row->object);
    return llmp_sqlite_value(&call, 0, inserted, err);
}

int llmp_sqlite_usage(struct llmp_sqlite *self, struct llmp_store_op *op,
                      struct llmp_error *err)
{
    const struct llmp_ledger_entry *entry = op->of.usage;
    int64_t value;

    LLMP_TRY(insert_row(self, entry->row, &op->result, err));
    for (size_t i = 0; op->result && i < entry->counter_count; i++)
        LLMP_TRY(llmp_sqlite_add(self, &entry->counters[i], &value, err));
    return LLMP_OK;
}

int llmp_sqlite_reprice(struct llmp_sqlite *self, struct llmp_store_op *op,
                        struct llmp_error *err)
{
    const struct llmp_ledger_price *price = op->of.price;
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, LLMP_SQLITE_USAGE_REPRICE);
    llmp_sqlite_int(&call, price->cost_known);
    llmp_sqlite_int(&call, price->cost_nano);
    llmp_sqlite_text(&call, llmp_str_of(price->currency));
    llmp_sqlite_text(&call, price->price_version);
    llmp_sqlite_text(&call, price->id);
    llmp_sqlite_int(&call, price->was_known);
    llmp_sqlite_int(&call, price->was_nano);
    LLMP_TRY(llmp_sqlite_value(&call, 0, &op->result, err));
    return op->result ? LLMP_OK : LLMP_CONFLICT;
}

int llmp_sqlite_trim(struct llmp_sqlite *self, struct llmp_store_op *op,
                     struct llmp_error *err)
{
    static const enum llmp_sqlite_statement statements[] = {
        [LLMP_STORE_OLD_ROWS] = LLMP_SQLITE_USAGE_TRIM,
        [LLMP_STORE_OLD_EVENTS] = LLMP_SQLITE_EVENT_TRIM,
        [LLMP_STORE_OLD_TOMBSTONES] = LLMP_SQLITE_DOC_TRIM,
    };
    const struct llmp_store_trim *trim = op->of.trim;
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, statements[trim->what]);
    llmp_sqlite_int(&call, (int64_t)trim->before_wall_ns);
    llmp_sqlite_int(&call, trim->rows_max);
    LLMP_TRY(llmp_sqlite_run(&call, err));
    op->result = sqlite3_changes(self->db);
    return LLMP_OK;
}

/* ---- reading ------------------------------------------------------------- */

/* Parameters 1 to 7 of LLMP_SQLITE_FILTER. */
static void bind_filter(struct llmp_sqlite_call *call,
                        const struct llmp_ledger_query *query)
{
    llmp_sqlite_int(call, (int64_t)query->from_wall_ns);
    llmp_sqlite_int(call, (int64_t)query->to_wall_ns);
    llmp_sqlite_text_or_null(call, query->key);
    llmp_sqlite_text_or_null(call, query->user);
    llmp_sqlite_text_or_null(call, query->team);
    llmp_sqlite_text_or_null(call, query->org);
    llmp_sqlite_text_or_null(call, query->model);
}

static void get_currency(struct llmp_sqlite_call *call, char currency[4])
{
    struct llmp_str text = llmp_sqlite_get_text(call);

    memcpy(currency, text.ptr, text.len < 3 ? text.len : 3);
}

static int show_row(struct llmp_sqlite_call *call, llmp_ledger_row_fn *see,
                    void *ctx)
{
    struct llmp_ledger_row row = { .size = sizeof(row) };
    uint64_t seq = (uint64_t)llmp_sqlite_get_int(call);

    row.id = llmp_sqlite_get_text(call);
    row.wall_ns = (uint64_t)llmp_sqlite_get_int(call);
    row.key = llmp_sqlite_get_text(call);
    row.user = llmp_sqlite_get_text(call);
    row.team = llmp_sqlite_get_text(call);
    row.org = llmp_sqlite_get_text(call);
    row.model = llmp_sqlite_get_text(call);
    row.deployment = llmp_sqlite_get_text(call);
    row.operation = llmp_sqlite_get_text(call);
    row.status = llmp_sqlite_get_text(call);
    row.basis = (enum llmp_usage_basis)llmp_sqlite_get_int(call);
    row.input = llmp_sqlite_get_int(call);
    row.cached = llmp_sqlite_get_int(call);
    row.output = llmp_sqlite_get_int(call);
    row.reasoning = llmp_sqlite_get_int(call);
    row.requests = llmp_sqlite_get_int(call);
    row.cost_nano = llmp_sqlite_get_int(call);
    get_currency(call, row.currency);
    row.cost_known = llmp_sqlite_get_int(call) != 0;
    row.price_version = llmp_sqlite_get_text(call);
    row.reserved_input = llmp_sqlite_get_int(call);
    row.reserved_output = llmp_sqlite_get_int(call);
    row.reserved_cost_nano = llmp_sqlite_get_int(call);
    row.object = llmp_sqlite_get_text(call);
    return see(&row, seq, ctx);
}

int llmp_sqlite_usage_rows(void *self, const struct llmp_ledger_query *query,
                           llmp_ledger_row_fn *see, void *ctx,
                           struct llmp_error *err)
{
    struct llmp_sqlite_call call;
    int rc;

    llmp_sqlite_call(&call, self,
                     query->object.ptr ? LLMP_SQLITE_USAGE_OBJECT
                                       : LLMP_SQLITE_USAGE_ROWS);
    bind_filter(&call, query);
    llmp_sqlite_int(&call, (int64_t)query->after_seq);
    llmp_sqlite_int(&call, query->rows_max);
    if (query->object.ptr)
        llmp_sqlite_text(&call, query->object);
    while ((rc = llmp_sqlite_step(&call, err)) == LLMP_AGAIN) {
        rc = show_row(&call, see, ctx);
        if (rc != LLMP_OK)
            break;
    }
    llmp_sqlite_end(&call);
    return rc;
}

static int show_sum(struct llmp_sqlite_call *call, llmp_ledger_sum_fn *see,
                    void *ctx)
{
    struct llmp_ledger_sum sum = { .day = (uint64_t)llmp_sqlite_get_int(call) };

    sum.org = llmp_sqlite_get_text(call);
    sum.team = llmp_sqlite_get_text(call);
    sum.user = llmp_sqlite_get_text(call);
    sum.key = llmp_sqlite_get_text(call);
    sum.model = llmp_sqlite_get_text(call);
    get_currency(call, sum.currency);
    sum.rows = llmp_sqlite_get_int(call);
    sum.requests = llmp_sqlite_get_int(call);
    sum.input = llmp_sqlite_get_int(call);
    sum.cached = llmp_sqlite_get_int(call);
    sum.output = llmp_sqlite_get_int(call);
    sum.reasoning = llmp_sqlite_get_int(call);
    sum.cost_nano = llmp_sqlite_get_int(call);
    for (size_t i = 0; i < LLMP_LEDGER_BASES; i++)
        sum.rows_by_basis[i] = llmp_sqlite_get_int(call);
    sum.rows_cost_unknown = llmp_sqlite_get_int(call);
    sum.reserved_input = llmp_sqlite_get_int(call);
    sum.reserved_output = llmp_sqlite_get_int(call);
    sum.reserved_cost_nano = llmp_sqlite_get_int(call);
    return see(&sum, ctx);
}

int llmp_sqlite_usage_sums(void *self, const struct llmp_ledger_query *query,
                           llmp_ledger_sum_fn *see, void *ctx,
                           struct llmp_error *err)
{
    struct llmp_sqlite_call call;
    int rc;

    llmp_sqlite_call(&call, self, LLMP_SQLITE_USAGE_SUMS);
    bind_filter(&call, query);
    llmp_sqlite_int(&call, query->groups);
    llmp_sqlite_int(&call, query->rows_max);
    llmp_sqlite_int(&call, (int64_t)query->rows_skip);
    while ((rc = llmp_sqlite_step(&call, err)) == LLMP_AGAIN) {
        rc = show_sum(&call, see, ctx);
        if (rc != LLMP_OK)
            break;
    }
    llmp_sqlite_end(&call);
    return rc;
}
