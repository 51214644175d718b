/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writer: producers copy a row into one block of memory and push it; the
 * pumping thread commits what has come together. What fails stays in order at
 * the head and is tried again later; what the store refuses for ever is found
 * by committing one by one, and leaves.
 *
 *   stack (any thread) ──▶ waiting list (pump) ──▶ ops ──▶ commit ──▶ done
 */
#include <string.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "store/check.h"
#include "store/store.h"
#include "store/writer_queue.h"

enum {
    ITEMS_MAX = 65536,
    BATCH_MAX = 1024,
    BYTES_MAX_MIB = 64,
    RETRY_MIN_MS = 100,
    RETRY_MAX_MS = 10000,
};

/* A queued row or event with its texts in one block. `node` is first. */
struct item {
    struct llmp_writer_node node;
    size_t size;
    llmp_store_done_fn *done;
    void *ctx;
    enum llmp_store_op_kind kind;
    union {
        struct llmp_ledger_entry entry;
        struct llmp_store_event event;
    } of;
    struct llmp_ledger_row row;
    _Alignas(8) char bytes[]; /* a row's counters, then texts */
};

/* Oldest first. */
struct list {
    struct llmp_writer_node *first, **end;
};

struct llmp_store_writer {
    struct llmp_store *store;
    struct llmp_store_writer_options opts;
    struct llmp_writer_stack items, jobs;
    _Atomic uint64_t items_count, bytes; /* queued or waiting */
    _Atomic uint64_t committed, refused, full;
    _Atomic uint64_t failing_since_ns;
    _Atomic int state; /* enum llmp_store_state */
    struct {
        struct list waiting, jobs;
        size_t waiting_count;
        size_t jobs_behind; /* how many of them are in front of the jobs */
        uint64_t retry_at_ns, retry_ms; /* 0: not failing */
        struct llmp_store_op *ops;      /* room for a batch */
    } pump;
};

static void list_init(struct list *list)
{
    list->first = NULL;
    list->end = &list->first;
}

static void list_append(struct list *list, struct llmp_writer_node *nodes)
{
    *list->end = nodes;
    while (*list->end)
        list->end = &(*list->end)->next;
}

static struct llmp_writer_node *list_take(struct list *list)
{
    struct llmp_writer_node *node = list->first;

    if (node && !(list->first = node->next))
        list->end = &list->first;
    return node;
}

/* ---- making and ending --------------------------------------------------- */

void llmp_store_writer_options_init_sized(
    struct llmp_store_writer_options *opts, size_t size)
{
    const struct llmp_store_writer_options defaults = {
        .size = size,
        .items_max = ITEMS_MAX,
        .bytes_max = (uint64_t)BYTES_MAX_MIB << 20,
        .batch_max = BATCH_MAX,
        .retry_min_ms = RETRY_MIN_MS,
        .retry_max_ms = RETRY_MAX_MS,
    };

    memcpy(opts, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
}

static int check_options(const struct llmp_store_writer_options *o,
                         struct llmp_error *err)
{
    LLMP_ENSURE(o->items_max > 0 && o->bytes_max > 0, err, LLMP_E_INVALID,
                "a queue must have room");
    LLMP_ENSURE(o->batch_max > 0 && o->batch_max <= LLMP_STORE_BATCH_MAX, err,
                LLMP_E_INVALID, "a batch has 1 to %d rows",
                LLMP_STORE_BATCH_MAX);
    LLMP_ENSURE(o->retry_min_ms > 0 && o->retry_max_ms >= o->retry_min_ms, err,
                LLMP_E_INVALID, "the pauses between tries are wrong");
    return LLMP_OK;
}

static void freep(struct llmp_store_writer **writer)
{
    if (!*writer)
        return;
    llmp_free((*writer)->pump.ops);
    llmp_free(*writer);
}

int llmp_store_writer_new(struct llmp_store_writer **out,
                          struct llmp_store *store,
                          const struct llmp_store_writer_options *opts,
                          struct llmp_error *err)
{
    struct llmp_store_writer_options o;

    LLMP_ENSURE(out && store, err, LLMP_E_INVALID,
                "out and store are required");
    llmp_store_writer_options_init(&o);
    if (opts)
        LLMP_TRY(
            llmp_options_read(&o, sizeof(o), sizeof(o), opts, opts->size, err));
    LLMP_TRY(check_options(&o, err));

    LLMP_AUTO(freep)
    struct llmp_store_writer *writer = llmp_alloc(sizeof(*writer));

    LLMP_ENSURE(writer, err, LLMP_E_NOMEM, "no memory for a writer");
    writer->pump.ops = llmp_alloc_array(o.batch_max, sizeof(*writer->pump.ops));
    LLMP_ENSURE(writer->pump.ops, err, LLMP_E_NOMEM, "no memory for a writer");
    writer->store = store;
    writer->opts = o;
    list_init(&writer->pump.waiting);
    list_init(&writer->pump.jobs);
    *out = llmp_steal(&writer);
    return LLMP_OK;
}

/* ---- producers ----------------------------------------------------------- */

void llmp_store_writer_wake(struct llmp_store_writer *writer)
{
    if (writer->opts.wake)
        writer->opts.wake(writer->opts.wake_ctx);
}

/* Reserves room before the memory is asked for. */
static bool take_room(struct llmp_store_writer *writer, size_t size)
{
    uint64_t items = atomic_fetch_add(&writer->items_count, 1) + 1;
    uint64_t bytes = atomic_fetch_add(&writer->bytes, size) + size;

    return items <= writer->opts.items_max && bytes <= writer->opts.bytes_max;
}

static void give_room(struct llmp_store_writer *writer, size_t size)
{
    (void)atomic_fetch_sub(&writer->bytes, size);
    (void)atomic_fetch_sub(&writer->items_count, 1);
}

static int new_item(struct item **out, struct llmp_store_writer *writer,
                    size_t bytes_size, struct llmp_error *err)
{
    size_t size = sizeof(struct item) + bytes_size;

    if (!take_room(writer, size)) {
        give_room(writer, size);
        (void)atomic_fetch_add(&writer->full, 1);
        return LLMP_FULL;
    }
    *out = llmp_resize(NULL, size);
    if (!*out) {
        give_room(writer, size);
        return llmp_fail(err, LLMP_E_NOMEM, "no memory for a row");
    }
    (*out)->size = size;
    return LLMP_OK;
}

static int submit(struct llmp_store_writer *writer, struct item *item,
                  llmp_store_done_fn *done, void *ctx)
{
    item->done = done;
    item->ctx = ctx;
    llmp_writer_push(&writer->items, &item->node);
    llmp_store_writer_wake(writer);
    return LLMP_OK;
}

static struct llmp_str copy_text(char **to, struct llmp_str text)
{
    struct llmp_str copy = { *to, text.len };

    if (text.len)
        memcpy(*to, text.ptr, text.len);
    *to += text.len;
    return copy;
}

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

static size_t entry_size(const struct llmp_ledger_entry *entry)
{
    size_t size = entry->counter_count * sizeof(struct llmp_counter_add);

#define ADD_SIZE(member) size += entry->row->member.len;
    ROW_TEXTS(ADD_SIZE)
#undef ADD_SIZE
    for (size_t i = 0; i < entry->counter_count; i++)
        size += entry->counters[i].name.len;
    return size;
}

static void copy_entry(struct item *item, const struct llmp_ledger_entry *entry)
{
    struct llmp_counter_add *counters = (void *)item->bytes;
    char *to = (char *)(counters + entry->counter_count);

    item->kind = LLMP_STORE_USAGE;
    item->row = *entry->row;
#define COPY_TEXT(member) item->row.member = copy_text(&to, entry->row->member);
    ROW_TEXTS(COPY_TEXT)
#undef COPY_TEXT
    for (size_t i = 0; i < entry->counter_count; i++) {
        counters[i] = entry->counters[i];
        counters[i].name = copy_text(&to, entry->counters[i].name);
    }
    item->of.entry = (struct llmp_ledger_entry){ &item->row, counters,
                                                 entry->counter_count };
}

int llmp_store_writer_row(struct llmp_store_writer *writer,
                          const struct llmp_ledger_entry *entry,
                          llmp_store_done_fn *done, void *ctx,
                          struct llmp_error *err)
{
    struct item *item = NULL;
    int rc;

    LLMP_ENSURE(writer, err, LLMP_E_INVALID, "a writer is required");
    LLMP_TRY(llmp_store_check_entry(entry, err));
    rc = new_item(&item, writer, entry_size(entry), err);
    if (rc != LLMP_OK)
        return rc;
    copy_entry(item, entry);
    return submit(writer, item, done, ctx);
}

int llmp_store_writer_event(struct llmp_store_writer *writer,
                            const struct llmp_store_event *event,
                            llmp_store_done_fn *done, void *ctx,
                            struct llmp_error *err)
{
    struct item *item = NULL;
    char *to;
    int rc;

    LLMP_ENSURE(writer, err, LLMP_E_INVALID, "a writer is required");
    LLMP_TRY(llmp_store_check_event(event, err));
    rc = new_item(&item, writer,
                  event->id.len + event->actor.len + event->action.len +
                      event->object_kind.len + event->object_id.len +
                      event->before.len + event->after.len,
                  err);
    if (rc != LLMP_OK)
        return rc;
    to = item->bytes;
    item->kind = LLMP_STORE_EVENT;
    item->of.event = (struct llmp_store_event){
        .id = copy_text(&to, event->id),
        .wall_ns = event->wall_ns,
        .actor = copy_text(&to, event->actor),
        .action = copy_text(&to, event->action),
        .object_kind = copy_text(&to, event->object_kind),
        .object_id = copy_text(&to, event->object_id),
        .before = copy_text(&to, event->before),
        .after = copy_text(&to, event->after),
    };
    return submit(writer, item, done, ctx);
}

/* A job's `next` is its first member and serves as the queue's. */
_Static_assert(offsetof(struct llmp_store_job, next) == 0 &&
                   sizeof(struct llmp_writer_node) ==
                       sizeof(struct llmp_store_job *),
               "a job begins with its node");

void llmp_store_writer_job(struct llmp_store_writer *writer,
                           struct llmp_store_job *job)
{
    llmp_writer_push(&writer->jobs, (struct llmp_writer_node *)(void *)job);
    llmp_store_writer_wake(writer);
}

/* ---- the pumping thread -------------------------------------------------- */

static void end_item(struct llmp_store_writer *writer, struct item *item,
                     int status)
{
    size_t size = item->size;
    llmp_store_done_fn *done = item->done;
    void *ctx = item->ctx;

    llmp_free(item);
    give_room(writer, size);
    if (done)
        done(status, ctx);
}

static void end_first(struct llmp_store_writer *writer, size_t count,
                      int status)
{
    size_t behind = writer->pump.jobs_behind;

    writer->pump.jobs_behind = behind > count ? behind - count : 0;
    writer->pump.waiting_count -= count;
    for (size_t i = 0; i < count; i++)
        end_item(writer, (struct item *)list_take(&writer->pump.waiting),
                 status);
}

/* Fills in operations for the oldest items; returns how many. */
static size_t fill_batch(struct llmp_store_writer *writer, size_t max)
{
    struct llmp_writer_node *at = writer->pump.waiting.first;
    size_t count = 0;

    for (; at && count < max; at = at->next, count++) {
        struct item *item = (struct item *)at;
        struct llmp_store_op *op = &writer->pump.ops[count];

        *op = (struct llmp_store_op){ .kind = item->kind };
        if (item->kind == LLMP_STORE_USAGE)
            op->of.usage = &item->of.entry;
        else
            op->of.event = &item->of.event;
    }
    return count;
}

static void note_works(struct llmp_store_writer *writer)
{
    writer->pump.retry_ms = 0;
    writer->pump.retry_at_ns = 0;
    atomic_store(&writer->failing_since_ns, 0);
    atomic_store(&writer->state, LLMP_STORE_WORKS);
}

static void note_fails(struct llmp_store_writer *writer,
                       const struct llmp_error *err, uint64_t now_ns)
{
    uint64_t pause_ms = llmp_mul_sat(writer->pump.retry_ms, 2);
    uint64_t none = 0;

    if (pause_ms < writer->opts.retry_min_ms)
        pause_ms = writer->opts.retry_min_ms;
    if (pause_ms > writer->opts.retry_max_ms)
        pause_ms = writer->opts.retry_max_ms;
    writer->pump.retry_ms = pause_ms;
    writer->pump.retry_at_ns =
        llmp_add_sat(now_ns, llmp_mul_sat(pause_ms, LLMP_NS_PER_MS));
    (void)atomic_compare_exchange_strong(&writer->failing_since_ns, &none,
                                         now_ns ? now_ns : 1);
    atomic_store(&writer->state,
                 err->object_dead ? LLMP_STORE_DEAD : LLMP_STORE_FAILS);
}

/* Another try cannot help: it is the rows' fault and not the store's. */
static bool is_for_ever(int status)
{
    return status > 0 || status == LLMP_E_INVALID || status == LLMP_E_LIMIT ||
           status == LLMP_E_ABI || status == LLMP_E_UNSUPPORTED;
}

/* Commits the `max` oldest. Returns whether to go on. */
static bool commit_batch(struct llmp_store_writer *writer, size_t max,
                         uint64_t now_ns)
{
    struct llmp_error err = { 0 };
    size_t count = fill_batch(writer, max);
    int rc = llmp_store_commit(writer->store, writer->pump.ops, count, &err);

    if (rc == LLMP_OK) {
        note_works(writer);
        (void)atomic_fetch_add(&writer->committed, count);
        end_first(writer, count, LLMP_OK);
        return true;
    }
    if (!is_for_ever(rc)) {
        note_fails(writer, &err, now_ns);
        return false;
    }
    if (count == 1) {
        (void)atomic_fetch_add(&writer->refused, 1);
        end_first(writer, 1, rc);
        return true;
    }
    /* One of them is to blame; the others must not wait for it. */
    for (size_t i = 0; i < count; i++)
        if (!commit_batch(writer, 1, now_ns))
            return false;
    return true;
}

static void run_jobs(struct llmp_store_writer *writer)
{
    struct llmp_writer_node *node;

    while ((node = list_take(&writer->pump.jobs))) {
        struct llmp_store_job *job = (struct llmp_store_job *)(void *)node;
        struct llmp_error err = { 0 };
        int rc = job->run(job, writer->store, &err);

        job->done(job, rc, &err);
    }
}

static void take_items(struct llmp_store_writer *writer)
{
    struct llmp_writer_node *taken = llmp_writer_take_all(&writer->items);

    for (struct llmp_writer_node *at = taken; at; at = at->next)
        writer->pump.waiting_count++;
    list_append(&writer->pump.waiting, taken);
}

/* Jobs first: a row that was queued before a job is then taken with it. Later
 * jobs wait until these have run. */
static void take_queued(struct llmp_store_writer *writer)
{
    bool first = !writer->pump.jobs.first;

    if (first)
        list_append(&writer->pump.jobs, llmp_writer_take_all(&writer->jobs));
    take_items(writer);
    if (first && writer->pump.jobs.first)
        writer->pump.jobs_behind = writer->pump.waiting_count;
}

static bool may_commit(const struct llmp_store_writer *writer, uint64_t now_ns)
{
    return writer->pump.waiting.first &&
           atomic_load(&writer->state) != LLMP_STORE_DEAD &&
           now_ns >= writer->pump.retry_at_ns;
}

static uint64_t wait_ns(struct llmp_store_writer *writer, uint64_t now_ns)
{
    if (writer->pump.jobs.first || atomic_load(&writer->jobs.top))
        return 0;
    if (!writer->pump.waiting.first ||
        atomic_load(&writer->state) == LLMP_STORE_DEAD)
        return UINT64_MAX;
    return writer->pump.retry_at_ns > now_ns ? writer->pump.retry_at_ns - now_ns
                                             : 0;
}

/* Jobs wait for the rows in front of them, unless the store fails. */
uint64_t llmp_store_writer_pump(struct llmp_store_writer *writer,
                                uint64_t now_ns)
{
    take_queued(writer);
    if (may_commit(writer, now_ns))
        (void)commit_batch(writer, writer->opts.batch_max, now_ns);
    if (writer->pump.jobs_behind == 0 ||
        atomic_load(&writer->state) != LLMP_STORE_WORKS)
        run_jobs(writer);
    return wait_ns(writer, now_ns);
}

/* ---- health and end ------------------------------------------------------ */

void llmp_store_writer_health(const struct llmp_store_writer *writer,
                              struct llmp_store_health *out)
{
    uint64_t items = atomic_load(&writer->items_count);
    uint64_t bytes = atomic_load(&writer->bytes);

    *out = (struct llmp_store_health){
        .state = (enum llmp_store_state)atomic_load(&writer->state),
        .failing_since_ns = atomic_load(&writer->failing_since_ns),
        .items = items,
        .bytes = bytes,
        .committed = atomic_load(&writer->committed),
        .refused = atomic_load(&writer->refused),
        .full = atomic_load(&writer->full),
        .has_room = items < writer->opts.items_max &&
                    bytes + 2 * sizeof(struct item) <= writer->opts.bytes_max,
    };
}

void llmp_store_writer_free(struct llmp_store_writer *writer)
{
    struct llmp_writer_node *node;
    const struct llmp_error err = { .status = LLMP_E_STATE,
                                    .message = "the store is being closed" };

    if (!writer)
        return;
    take_queued(writer);
    list_append(&writer->pump.jobs, llmp_writer_take_all(&writer->jobs));
    while (writer->pump.waiting.first)
        end_first(writer, 1, LLMP_E_STATE);
    while ((node = list_take(&writer->pump.jobs))) {
        struct llmp_store_job *job = (struct llmp_store_job *)(void *)node;

        job->done(job, LLMP_E_STATE, &err);
    }
    llmp_store_close(writer->store);
    freep(&writer);
}
