/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/objects.h"

#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"

enum { TEXTS_BLOCK = 1024 };

void llmp_object_look_unref(struct llmp_object_look *look)
{
    if (!look ||
        atomic_fetch_sub_explicit(&look->refs, 1, memory_order_acq_rel) != 1)
        return;
    llmp_arena_fini(look->texts);
    llmp_free(look->texts);
    llmp_waker_unref(look->waker);
    llmp_free(look);
}

/* ---- on the store's thread ----------------------------------------------- */

struct seeing {
    struct llmp_object_look *look;
    struct llmp_object *object;
    bool ok;
};

static int see(const struct llmp_ledger_row *row, uint64_t seq, void *ctx)
{
    struct seeing *s = ctx;
    struct llmp_object *o = s->object;
    struct llmp_arena *texts = s->look->texts;

    (void)seq;
    o->found = true;
    o->owner.key = llmp_arena_str(texts, row->key, &s->ok);
    o->owner.user = llmp_arena_str(texts, row->user, &s->ok);
    o->owner.team = llmp_arena_str(texts, row->team, &s->ok);
    o->owner.org = llmp_arena_str(texts, row->org, &s->ok);
    o->model = llmp_arena_str(texts, row->model, &s->ok);
    o->deployment = llmp_arena_str(texts, row->deployment, &s->ok);
    o->input_tokens =
        row->reserved_input > 0 ? (uint64_t)row->reserved_input : 0;
    return 0;
}

static struct llmp_object_look *look_of(struct llmp_store_job *job)
{
    return (void *)((char *)job - offsetof(struct llmp_object_look, job));
}

/* The first row that has it: whoever made it. */
static int run(struct llmp_store_job *job, struct llmp_store *store,
               struct llmp_error *err)
{
    struct llmp_object_look *look = look_of(job);

    for (size_t i = 0; i < look->count; i++) {
        struct seeing seeing = { look, &look->objects[i], true };
        struct llmp_ledger_query query;

        llmp_ledger_query_init(&query);
        query.object = look->ids[i];
        query.rows_max = 1;
        LLMP_TRY(llmp_store_ledger_rows(store, &query, see, &seeing, err));
        if (!seeing.ok)
            return LLMP_E_NOMEM;
    }
    return LLMP_OK;
}

static void done(struct llmp_store_job *job, int status,
                 const struct llmp_error *err)
{
    struct llmp_object_look *look = look_of(job);

    (void)err;
    look->status = status;
    atomic_store_explicit(&look->done, true, memory_order_release);
    llmp_waker_wake(look->waker);
    llmp_object_look_unref(look);
}

/* ---- asking -------------------------------------------------------------- */

static struct llmp_object_look *make(const struct llmp_str *ids, size_t count,
                                     struct llmp_waker *waker)
{
    struct llmp_object_look *look = llmp_alloc(sizeof(*look));
    bool ok = true;

    if (!look)
        return NULL;
    look->texts = llmp_alloc(sizeof(*look->texts));
    if (!look->texts) {
        llmp_free(look);
        return NULL;
    }
    llmp_arena_init(look->texts, TEXTS_BLOCK);
    atomic_init(&look->refs, 1);
    look->waker = llmp_waker_ref(waker);
    look->count = count;
    for (size_t i = 0; i < count; i++)
        look->ids[i] = llmp_arena_str(look->texts, ids[i], &ok);
    if (ok)
        return look;
    llmp_object_look_unref(look);
    return NULL;
}

int llmp_objects_look(struct llmp_object_look **out,
                      struct llmp_store_writer *writer,
                      const struct llmp_str *ids, size_t count,
                      struct llmp_waker *waker)
{
    struct llmp_object_look *look = make(ids, count, waker);

    if (!look)
        return LLMP_E_NOMEM;
    atomic_store(&look->refs, 2);
    look->job.run = run;
    look->job.done = done;
    *out = look;
    llmp_store_writer_job(writer, &look->job);
    return LLMP_OK;
}

/* ---- whose it is --------------------------------------------------------- */

bool llmp_object_is_of(const struct llmp_object *object,
                       const struct llmp_object_owner *caller, bool alone)
{
    const struct llmp_object_owner *owner = &object->owner;

    if (!object->found || !llmp_str_eq(owner->org, caller->org) ||
        !llmp_str_eq(owner->team, caller->team))
        return false;
    if (alone)
        return llmp_str_eq(owner->user, caller->user);
    if (caller->team.len || caller->org.len)
        return true;
    if (caller->user.len || owner->user.len)
        return llmp_str_eq(owner->user, caller->user);
    return llmp_str_eq(owner->key, caller->key);
}

bool llmp_object_is_id(struct llmp_str text)
{
    if (text.len == 0 || text.len > LLMP_STORE_NAME_MAX)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
              (c >= '0' && c <= '9') || c == '-' || c == '_'))
            return false;
    }
    return true;
}
