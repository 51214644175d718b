/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger in memory: rows in the order in which they were booked, an index
 * by id, sums made when they are asked for.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"
#include "store/memory.h"

#define NS_PER_DAY (86400 * LLMP_NS_PER_S)

static struct llmp_memory_row *row_at(const struct llmp_memory_list *rows,
                                      size_t index)
{
    return (struct llmp_memory_row *)rows->items[index];
}

static size_t bucket_of(struct llmp_str id)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);

    for (size_t i = 0; i < id.len; i++)
        hash = (hash ^ (uint8_t)id.ptr[i]) * UINT64_C(0x100000001B3);
    return (size_t)(hash >> 32) % LLMP_MEMORY_BUCKETS;
}

/* NULL: there is none. */
static struct llmp_memory_row *find_row(const struct llmp_memory *memory,
                                        struct llmp_str id)
{
    struct llmp_memory_row *at = memory->buckets[bucket_of(id)];

    while (at && !llmp_str_eq(at->usage.id, id))
        at = at->next;
    return at;
}

/* The texts of a row, in one order. */
#define ROW_TEXTS(X) \
    X(id)            \
    X(key)           \
    X(user)          \
    X(team)          \
    X(org)           \
    X(model)         \
    X(deployment)    \
    X(operation)     \
    X(status)        \
    X(object)        \
    X(price_version)

static struct llmp_memory_row *copy_row(const struct llmp_ledger_row *usage)
{
    size_t size = 0;

#define ADD_SIZE(member) size += usage->member.len;
    ROW_TEXTS(ADD_SIZE)
#undef ADD_SIZE

    struct llmp_memory_row *copy = llmp_alloc(sizeof(*copy) + size);
    char *to = copy ? copy->text : NULL;

    if (!copy)
        return NULL;
    copy->item.refs = 1;
    copy->usage = *usage;
#define COPY_TEXT(member) \
    copy->usage.member = llmp_memory_copy(&to, usage->member);
    ROW_TEXTS(COPY_TEXT)
#undef COPY_TEXT
    return copy;
}

static void link_row(struct llmp_memory *memory, struct llmp_memory_row *row)
{
    struct llmp_memory_row **bucket =
        &memory->buckets[bucket_of(row->usage.id)];

    row->next = *bucket;
    *bucket = row;
}

static int append(struct llmp_memory *memory,
                  const struct llmp_ledger_row *usage, struct llmp_error *err)
{
    const struct llmp_memory_undo undo = { .kind = LLMP_STORE_USAGE };
    struct llmp_memory_row *row = copy_row(usage);

    LLMP_ENSURE(row, err, LLMP_E_NOMEM, "no memory for a row");
    if (!llmp_memory_list_insert(&memory->rows, memory->rows.count,
                                 &row->item)) {
        llmp_free(row);
        return llmp_fail(err, LLMP_E_NOMEM, "no memory for a row");
    }

    link_row(memory, row);
    row->seq = ++memory->row_seq;
    if (llmp_memory_undo_add(memory, &undo))
        return LLMP_OK;
    llmp_memory_usage_undo(memory);
    return llmp_fail(err, LLMP_E_NOMEM, "no memory for a row");
}

static void unlink_row(struct llmp_memory *memory, struct llmp_memory_row *row)
{
    struct llmp_memory_row **at = &memory->buckets[bucket_of(row->usage.id)];

    while (*at != row)
        at = &(*at)->next;
    *at = row->next;
}

void llmp_memory_usage_undo(struct llmp_memory *memory)
{
    struct llmp_memory_list *rows = &memory->rows;

    unlink_row(memory, row_at(rows, rows->count - 1));
    llmp_memory_unref(llmp_memory_list_remove(rows, rows->count - 1));
}

/* An eighth at once, so that the array is not moved for each row. */
void llmp_memory_drop_oldest(struct llmp_memory *memory)
{
    struct llmp_memory_list *rows = &memory->rows;

    if (rows->count < LLMP_MEMORY_ROWS_MAX / 8 * 9)
        return;

    size_t drop = rows->count - LLMP_MEMORY_ROWS_MAX;

    for (size_t i = 0; i < drop; i++) {
        unlink_row(memory, row_at(rows, i));
        llmp_memory_unref(rows->items[i]);
    }
    rows->count -= drop;
    memmove(rows->items, rows->items + drop,
            rows->count * sizeof(struct llmp_memory_item *));
}

int llmp_memory_usage(struct llmp_memory *memory, struct llmp_store_op *op,
                      struct llmp_error *err)
{
    const struct llmp_ledger_entry *entry = op->of.usage;
    int64_t value;

    if (find_row(memory, entry->row->id))
        return LLMP_OK;
    LLMP_TRY(append(memory, entry->row, err));
    for (size_t i = 0; i < entry->counter_count; i++)
        LLMP_TRY(llmp_memory_add(memory, &entry->counters[i], &value, err));
    op->result = 1;
    return LLMP_OK;
}

/* ---- other prices -------------------------------------------------------- */

static size_t index_of(const struct llmp_memory *memory, uint64_t seq)
{
    size_t low = 0, high = memory->rows.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (row_at(&memory->rows, middle)->seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void replace_row(struct llmp_memory *memory, size_t index,
                        struct llmp_memory_row *row)
{
    unlink_row(memory, row_at(&memory->rows, index));
    memory->rows.items[index] = &row->item;
    link_row(memory, row);
}

int llmp_memory_reprice(struct llmp_memory *memory, struct llmp_store_op *op,
                        struct llmp_error *err)
{
    const struct llmp_ledger_price *price = op->of.price;
    struct llmp_memory_row *old = find_row(memory, price->id), *row;
    struct llmp_memory_undo undo = { .kind = LLMP_STORE_REPRICE, .row = old };
    struct llmp_ledger_row usage;

    if (!old || old->usage.cost_known != price->was_known ||
        (price->was_known && old->usage.cost_nano != price->was_nano))
        return LLMP_CONFLICT;
    usage = old->usage;
    usage.cost_known = price->cost_known;
    usage.cost_nano = price->cost_nano;
    memcpy(usage.currency, price->currency, sizeof(usage.currency));
    usage.price_version = price->price_version;
    row = copy_row(&usage);
    LLMP_ENSURE(row, err, LLMP_E_NOMEM, "no memory for a row");
    row->seq = old->seq;
    undo.index = index_of(memory, old->seq);
    if (!llmp_memory_undo_add(memory, &undo)) {
        llmp_free(row);
        return llmp_fail(err, LLMP_E_NOMEM, "no memory for a row");
    }
    replace_row(memory, undo.index, row);
    op->result = 1;
    return LLMP_OK;
}

void llmp_memory_reprice_undo(struct llmp_memory *memory,
                              const struct llmp_memory_undo *undo)
{
    struct llmp_memory_item *repriced = memory->rows.items[undo->index];

    replace_row(memory, undo->index, undo->row);
    llmp_memory_unref(repriced);
}

void llmp_memory_trim_rows(struct llmp_memory *memory, struct llmp_store_op *op)
{
    struct llmp_memory_list *rows = &memory->rows;
    size_t kept = 0;

    for (size_t i = 0; i < rows->count; i++) {
        struct llmp_memory_row *row = row_at(rows, i);

        if (!llmp_memory_is_trimmed(op, row->usage.wall_ns)) {
            rows->items[kept++] = &row->item;
            continue;
        }
        unlink_row(memory, row);
        llmp_memory_unref(&row->item);
    }
    rows->count = kept;
}

/* ---- queries ------------------------------------------------------------- */

static bool passes(struct llmp_str filter, struct llmp_str value)
{
    return !filter.ptr || llmp_str_eq(filter, value);
}

static bool matches(const struct llmp_ledger_query *query,
                    const struct llmp_ledger_row *row)
{
    return row->wall_ns >= query->from_wall_ns &&
           row->wall_ns < query->to_wall_ns && passes(query->key, row->key) &&
           passes(query->user, row->user) && passes(query->team, row->team) &&
           passes(query->org, row->org) && passes(query->model, row->model) &&
           passes(query->object, row->object);
}

bool llmp_memory_pick_rows(struct llmp_memory *memory,
                           const struct llmp_ledger_query *query,
                           uint64_t rows_max, struct llmp_memory_list *picked)
{
    for (size_t i = 0; i < memory->rows.count && picked->count < rows_max;
         i++) {
        struct llmp_memory_row *row = row_at(&memory->rows, i);

        if (row->seq > query->after_seq && matches(query, &row->usage) &&
            !llmp_memory_pick(picked, &row->item))
            return false;
    }
    return true;
}

static struct llmp_ledger_sum group_of(const struct llmp_ledger_row *row,
                                       unsigned groups)
{
    const struct llmp_str none = { "", 0 };
    struct llmp_ledger_sum sum = {
        .day = groups & LLMP_LEDGER_BY_DAY ? row->wall_ns / NS_PER_DAY : 0,
        .org = groups & LLMP_LEDGER_BY_ORG ? row->org : none,
        .team = groups & LLMP_LEDGER_BY_TEAM ? row->team : none,
        .user = groups & LLMP_LEDGER_BY_USER ? row->user : none,
        .key = groups & LLMP_LEDGER_BY_KEY ? row->key : none,
        .model = groups & LLMP_LEDGER_BY_MODEL ? row->model : none,
    };

    memcpy(sum.currency, row->currency, sizeof(sum.currency));
    return sum;
}

static int compare_groups(const struct llmp_ledger_sum *a,
                          const struct llmp_ledger_sum *b)
{
    const struct llmp_str left[] = { a->org, a->team, a->user, a->key,
                                     a->model };
    const struct llmp_str right[] = { b->org, b->team, b->user, b->key,
                                      b->model };

    if (a->day != b->day)
        return a->day < b->day ? -1 : 1;
    for (size_t i = 0; i < LLMP_COUNT(left); i++) {
        int order = llmp_memory_compare(left[i], right[i]);

        if (order)
            return order;
    }
    return strncmp(a->currency, b->currency, sizeof(a->currency));
}

struct sums {
    struct llmp_ledger_sum *items;
    size_t count, cap;
};

static struct llmp_ledger_sum *insert_sum(struct sums *sums, size_t at,
                                          const struct llmp_ledger_sum *group)
{
    if (sums->count == sums->cap) {
        size_t cap = sums->cap ? sums->cap * 2 : 16;
        void *grown = llmp_resize(sums->items, cap * sizeof(*group));

        if (!grown)
            return NULL;
        sums->items = grown;
        sums->cap = cap;
    }
    memmove(sums->items + at + 1, sums->items + at,
            (sums->count - at) * sizeof(*group));
    sums->items[at] = *group;
    sums->count++;
    return &sums->items[at];
}

/* The sum of the row's group, made if need be; NULL: no memory. */
static struct llmp_ledger_sum *sum_of(struct sums *sums,
                                      const struct llmp_ledger_sum *group)
{
    size_t low = 0, high = sums->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_groups(&sums->items[middle], group);

        if (order == 0)
            return &sums->items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return insert_sum(sums, low, group);
}

static void add_to(int64_t *to, int64_t amount, bool *ok)
{
    *ok = !__builtin_add_overflow(*to, amount, to) && *ok;
}

static bool add_row(struct llmp_ledger_sum *sum,
                    const struct llmp_ledger_row *row)
{
    bool unknown = row->basis == LLMP_USAGE_UNKNOWN;
    bool ok = true;

    sum->rows++;
    sum->rows_by_basis[row->basis]++;
    sum->rows_cost_unknown += !row->cost_known;
    add_to(&sum->requests, row->requests, &ok);
    add_to(&sum->input, row->input, &ok);
    add_to(&sum->cached, row->cached, &ok);
    add_to(&sum->output, row->output, &ok);
    add_to(&sum->reasoning, row->reasoning, &ok);
    add_to(&sum->cost_nano, row->cost_known ? row->cost_nano : 0, &ok);
    add_to(&sum->reserved_input, unknown ? row->reserved_input : 0, &ok);
    add_to(&sum->reserved_output, unknown ? row->reserved_output : 0, &ok);
    add_to(&sum->reserved_cost_nano, unknown ? row->reserved_cost_nano : 0,
           &ok);
    return ok;
}

static int sum_up(struct sums *sums, const struct llmp_memory_list *rows,
                  unsigned groups, struct llmp_error *err)
{
    for (size_t i = 0; i < rows->count; i++) {
        const struct llmp_ledger_row *row = &row_at(rows, i)->usage;
        const struct llmp_ledger_sum group = group_of(row, groups);
        struct llmp_ledger_sum *sum = sum_of(sums, &group);

        LLMP_ENSURE(sum, err, LLMP_E_NOMEM, "no memory for sums");
        LLMP_ENSURE(add_row(sum, row), err, LLMP_E_LIMIT, "a sum is too large");
    }
    return LLMP_OK;
}

int llmp_memory_sums(const struct llmp_memory_list *rows,
                     const struct llmp_ledger_query *query,
                     llmp_ledger_sum_fn *see, void *ctx, struct llmp_error *err)
{
    struct sums sums = { NULL };
    int rc = sum_up(&sums, rows, query->groups, err);
    size_t first =
        query->rows_skip < sums.count ? (size_t)query->rows_skip : sums.count;

    for (size_t i = first;
         rc == LLMP_OK && i < sums.count && i - first < query->rows_max; i++)
        rc = see(&sums.items[i], ctx);
    llmp_free(sums.items);
    return rc;
}
