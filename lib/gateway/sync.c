/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The change feed: what was written to the store, here or by another process,
 * comes into force. All on the store's thread. Changes are collected first,
 * because a slow store must not hold the lock; then put into the directory and
 * made what is in force under it.
 */
#include <llmproxy/json.h>

#include "base/internal.h"
#include "gateway/gateway.h"

enum { ROWS = 1000, SINGLE_MAX = 16 };

#define KEY_USE          LLMP_STR("key_use")
#define USED_EVERY_NS    (60 * LLMP_NS_PER_S)
#define USED_GRANULARITY 60 /* seconds that are not worth a write */

struct change {
    struct llmp_record *record; /* a reference; has its id at least */
    bool deleted;
    uint64_t used_s; /* not 0: only that */
};

struct changes {
    struct change items[ROWS];
    size_t count; /* of them */
    size_t rows;  /* of all that were shown */
    uint64_t seen;
};

static void drop(struct changes *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        llmp_record_unref(changes->items[i].record);
    changes->count = changes->rows = 0;
}

/* ---- collecting --------------------------------------------------------- */

static bool find_kind(struct llmp_str name, enum llmp_record_kind *kind)
{
    for (unsigned k = 0; k < LLMP_RECORD_KINDS; k++)
        if (llmp_str_eq(name, llmp_str_of(llmp_record_kind_names[k]))) {
            *kind = (enum llmp_record_kind)k;
            return true;
        }
    return false;
}

static uint64_t used_of(struct llmp_str body)
{
    struct llmp_json_field at = { .path = "at" };
    uint64_t s = 0;

    if (llmp_json_pick_all(body, &at, 1, NULL) < 0 || !at.found ||
        llmp_json_u64(at.text, &s) < 0)
        return 0;
    return s;
}

/* A document that cannot be read is as good as none. */
static int read_doc(struct change *change, const struct llmp_store_doc *doc)
{
    struct llmp_problem problem;
    bool ok = true;
    int rc = LLMP_OK;

    if (!doc->deleted && !change->used_s) {
        rc = llmp_record_read(change->record, doc->body, true, NULL, &problem);
        change->deleted = rc < 0;
    }
    if (rc == LLMP_E_NOMEM)
        return rc;
    change->record->id = llmp_arena_str(&change->record->arena, doc->id, &ok);
    change->record->version = doc->version;
    return ok ? LLMP_OK : LLMP_E_NOMEM;
}

static int see(const struct llmp_store_doc *doc, void *ctx)
{
    struct changes *changes = ctx;
    struct change *change = &changes->items[changes->count];
    enum llmp_record_kind kind = LLMP_RECORD_KEY;

    *change = (struct change){ .deleted = doc->deleted };
    if (llmp_str_eq(doc->kind, KEY_USE) && !doc->deleted)
        change->used_s = used_of(doc->body);
    if (find_kind(doc->kind, &kind) || change->used_s) {
        LLMP_TRY(llmp_record_new(&change->record, kind));
        changes->count++;
        LLMP_TRY(read_doc(change, doc));
    }
    changes->seen = doc->version;
    changes->rows++;
    return 0;
}

/* ---- bringing into force ------------------------------------------------ */

static void note_use(struct llmp_gateway *gateway, const struct change *change)
{
    struct llmp_record *record = llmp_directory_find(
        &gateway->stored.directory, LLMP_RECORD_KEY, change->record->id);

    if (record && record->last_used_s < change->used_s)
        record->last_used_s = change->used_s;
}

static int put(struct llmp_gateway *gateway, const struct changes *changes)
{
    struct llmp_directory *directory = &gateway->stored.directory;

    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->items[i];

        if (change->used_s)
            note_use(gateway, change);
        else if (change->deleted)
            llmp_directory_remove(directory, change->record->kind,
                                  change->record->id);
        else
            LLMP_TRY(llmp_directory_put(directory, change->record));
    }
    directory->seen = changes->seen;
    return LLMP_OK;
}

/* Whether other keys were made with it. */
static bool is_grantor(const struct llmp_directory *directory,
                       struct llmp_str id)
{
    const struct llmp_records *keys = &directory->kinds[LLMP_RECORD_KEY];
    const size_t head = sizeof("key:") - 1;

    for (size_t i = 0; i < keys->count; i++) {
        struct llmp_str by = keys->items[i]->created_by;

        if (by.len == head + id.len && memcmp(by.ptr, "key:", head) == 0 &&
            memcmp(by.ptr + head, id.ptr, id.len) == 0)
            return true;
    }
    return false;
}

/* Only some keys, which nothing else depends on. */
static bool is_small(const struct llmp_gateway *gateway,
                     const struct changes *changes)
{
    size_t count = 0;

    if (!gateway->stored.loaded || gateway->stored.stale)
        return false;
    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->items[i];

        if (change->used_s)
            continue;
        if (change->record->kind != LLMP_RECORD_KEY || ++count > SINGLE_MAX ||
            is_grantor(&gateway->stored.directory, change->record->id))
            return false;
    }
    return true;
}

static int change_keys(struct llmp_gateway *gateway,
                       const struct changes *changes, struct llmp_error *err)
{
    for (size_t i = 0; i < changes->count; i++) {
        const struct change *change = &changes->items[i];
        struct llmp_access *access, *before;
        int rc;

        if (change->used_s)
            continue;
        before = llmp_gateway_access(gateway);
        rc = llmp_access_with(&access, before, &gateway->stored.directory,
                              change->deleted ? NULL : change->record,
                              change->record->id, err);
        llmp_access_unref(before);
        LLMP_TRY(rc);
        llmp_gateway_swap(gateway, access);
    }
    return LLMP_OK;
}

/* `last`: nothing more follows at once. */
static int apply(struct llmp_gateway *gateway, const struct changes *changes,
                 bool last, struct llmp_error *err)
{
    struct llmp_stored *stored = &gateway->stored;
    bool small = is_small(gateway, changes);
    int rc = put(gateway, changes);

    if (rc == LLMP_OK && small)
        rc = change_keys(gateway, changes, err);
    stored->stale = stored->stale || !small || rc < 0;
    if (rc < 0 || !last || !stored->stale)
        return rc;
    stored->loaded = true;
    LLMP_TRY(llmp_gateway_rebuild(gateway, NULL, err));
    stored->stale = false;
    return LLMP_OK;
}

int llmp_gateway_sync_now(struct llmp_gateway *gateway,
                          struct llmp_store *store, struct llmp_error *err)
{
    struct changes *changes = llmp_alloc(sizeof(*changes));
    bool last = false;
    int rc = LLMP_OK;

    LLMP_ENSURE(changes, err, LLMP_E_NOMEM, "no memory for changes");
    while (rc >= 0 && !last) {
        changes->seen = gateway->stored.directory.seen;

        rc = llmp_store_changes(store, changes->seen, ROWS, see, changes, err);
        last = changes->rows < ROWS;
        if (rc >= 0) {
            (void)pthread_mutex_lock(&gateway->change);
            rc = apply(gateway, changes, last, err);
            (void)pthread_mutex_unlock(&gateway->change);
        }
        drop(changes);
    }
    llmp_free(changes);
    return rc < 0 ? rc : LLMP_OK;
}

/* ---- times of last use --------------------------------------------------- */

struct used {
    struct llmp_store_op ops[ROWS];
    struct llmp_store_doc docs[ROWS];
    char bodies[ROWS][32];
    struct llmp_record *records[ROWS];
    uint64_t at_s[ROWS];
    size_t count;
};

static void add_used(struct used *used, struct llmp_record *record,
                     uint64_t at_s, uint64_t wall_ns)
{
    struct llmp_store_doc *doc = &used->docs[used->count];
    struct llmp_buf text = { 0 };

    (void)llmp_buf_printf(&text, "{\"at\":%llu}", (unsigned long long)at_s);
    if (text.failed || text.len >= sizeof(used->bodies[0])) {
        llmp_buf_fini(&text);
        return;
    }
    memcpy(used->bodies[used->count], text.ptr, text.len);
    *doc = (struct llmp_store_doc){
        .kind = KEY_USE,
        .id = record->id,
        .version = LLMP_STORE_ANY,
        .body = { used->bodies[used->count], text.len },
        .updated_wall_ns = wall_ns,
    };
    llmp_buf_fini(&text);
    used->ops[used->count] =
        (struct llmp_store_op){ .kind = LLMP_STORE_PUT, .of.doc = doc };
    used->records[used->count] = record;
    used->at_s[used->count++] = at_s;
}

/* Uses that are newer by `granularity_s`. Whether there are more of them. */
static bool write_used(struct llmp_gateway *gateway, struct llmp_store *store,
                       uint64_t wall_ns, uint64_t granularity_s)
{
    struct llmp_stored *stored = &gateway->stored;
    const struct llmp_records *keys = &stored->directory.kinds[LLMP_RECORD_KEY];
    struct llmp_access *access;
    struct used *used = llmp_alloc(sizeof(*used));
    bool done = false;

    if (!used)
        return false;
    access = llmp_gateway_access(gateway);
    for (size_t i = 0; i < keys->count && used->count < ROWS; i++) {
        struct llmp_record *record = keys->items[i];
        const struct llmp_key *key =
            llmp_keyring_find(access->keyring, record->id);
        uint64_t at_s = key ? llmp_key_last_used_s(key) : 0;

        if (at_s >= record->last_used_s + granularity_s)
            add_used(used, record, at_s, wall_ns);
    }
    /* What fails is tried again in a minute. */
    if (used->count)
        done =
            llmp_store_commit(store, used->ops, used->count, NULL) == LLMP_OK;
    (void)pthread_mutex_lock(&gateway->change); /* who makes keys reads it */
    for (size_t i = 0; done && i < used->count; i++)
        used->records[i]->last_used_s = used->at_s[i];
    (void)pthread_mutex_unlock(&gateway->change);
    done = done && used->count == ROWS;
    llmp_access_unref(access);
    llmp_free(used);
    return done;
}

static void write_used_now_and_then(struct llmp_gateway *gateway,
                                    struct llmp_store *store)
{
    struct llmp_stored *stored = &gateway->stored;
    struct llmp_time now = stored->now;

    if (now.mono_ns - stored->used_at_ns < USED_EVERY_NS)
        return;
    stored->used_at_ns = now.mono_ns;
    (void)write_used(gateway, store, now.wall_ns, USED_GRANULARITY);
}

/* The last job before the store goes: the uses of the last minute. */
struct farewell {
    struct llmp_store_job job; /* first */
    struct llmp_gateway *gateway;
};

static int say_farewell(struct llmp_store_job *job, struct llmp_store *store,
                        struct llmp_error *err)
{
    struct llmp_gateway *gateway = ((struct farewell *)job)->gateway;

    (void)err;
    while (gateway->stored.loaded &&
           write_used(gateway, store, gateway->stored.now.wall_ns, 1))
        ;
    return LLMP_OK;
}

static void drop_farewell(struct llmp_store_job *job, int status,
                          const struct llmp_error *err)
{
    (void)status;
    (void)err;
    llmp_free(job);
}

static void queue_farewell(struct llmp_gateway *gateway)
{
    struct farewell *farewell = llmp_alloc(sizeof(*farewell));

    if (!farewell)
        return;
    farewell->job.run = say_farewell;
    farewell->job.done = drop_farewell;
    farewell->gateway = gateway;
    llmp_store_writer_job(gateway->stored.writer, &farewell->job);
}

/* ---- the job ------------------------------------------------------------ */

static int run(struct llmp_store_job *job, struct llmp_store *store,
               struct llmp_error *err)
{
    struct llmp_gateway *gateway =
        (void *)((char *)job - offsetof(struct llmp_gateway, stored.job));

    LLMP_TRY(llmp_gateway_sync_now(gateway, store, err));
    write_used_now_and_then(gateway, store);
    llmp_gateway_trim(gateway, store, gateway->stored.now);
    return gateway->stored.now.mono_ns
               ? llmp_gateway_share_now(gateway, store, gateway->stored.now,
                                        err)
               : LLMP_OK; /* before anything runs */
}

static void finish(struct llmp_store_job *job, int status,
                   const struct llmp_error *err)
{
    struct llmp_gateway *gateway =
        (void *)((char *)job - offsetof(struct llmp_gateway, stored.job));
    void (*loaded)(int, void *) = gateway->stored.loaded_fn;

    (void)err; /* the next one may do better; the writer's health tells */
    gateway->stored.loaded_fn = NULL;
    if (loaded)
        loaded(status, gateway->stored.loaded_ctx);
    atomic_store(&gateway->stored.syncing, false);
}

static void begin(struct llmp_gateway *gateway)
{
    gateway->stored.job.run = run;
    gateway->stored.job.done = finish;
    llmp_store_writer_job(gateway->stored.writer, &gateway->stored.job);
}

void llmp_gateway_set_store(struct llmp_gateway *gateway,
                            struct llmp_store_writer *writer,
                            void (*done)(int status, void *ctx), void *ctx)
{
    gateway->stored.writer = writer;
    if (!writer)
        return;
    llmp_gateway_share(gateway);
    atomic_store(&gateway->stored.syncing, true);
    gateway->stored.loaded_fn = done;
    gateway->stored.loaded_ctx = ctx;
    begin(gateway);
}

void llmp_gateway_leave_store(struct llmp_gateway *gateway,
                              struct llmp_time now)
{
    if (!gateway->stored.writer)
        return;
    llmp_gateway_return_limits(gateway, now);
    queue_farewell(gateway);
}

void llmp_gateway_sync(struct llmp_gateway *gateway, struct llmp_time now)
{
    if (!gateway->stored.writer ||
        atomic_exchange(&gateway->stored.syncing, true))
        return;
    gateway->stored.now = now;
    begin(gateway);
}
