/* SPDX-License-Identifier: Apache-2.0 */
/* Documents and events in SQLite. */
#include "base/internal.h"
#include "base/str.h"
#include "store/sqlite.h"

/* ---- writing ------------------------------------------------------------- */

/* 0: there is none. */
static int version_now(struct llmp_sqlite *self,
                       const struct llmp_store_doc *doc, int64_t *version,
                       struct llmp_error *err)
{
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, LLMP_SQLITE_DOC_VERSION);
    llmp_sqlite_text(&call, doc->kind);
    llmp_sqlite_text(&call, doc->id);
    return llmp_sqlite_value(&call, 0, version, err);
}

static int next_version(struct llmp_sqlite *self, int64_t *version,
                        struct llmp_error *err)
{
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, LLMP_SQLITE_NEXT_VERSION);
    LLMP_TRY(llmp_sqlite_value(&call, 0, version, err));
    LLMP_ENSURE(*version > 0, err, LLMP_E_CORRUPT,
                "%s: its sequence is missing", self->path);
    return LLMP_OK;
}

/* The one thing that can be in the way is another document's lookup key. */
static int write_doc(struct llmp_sqlite *self, const struct llmp_store_op *op,
                     int64_t version, struct llmp_error *err)
{
    const struct llmp_store_doc *doc = op->of.doc;
    const struct llmp_str none = { "", 0 };
    bool deleted = op->kind == LLMP_STORE_DELETE;
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, LLMP_SQLITE_DOC_PUT);
    llmp_sqlite_text(&call, doc->kind);
    llmp_sqlite_text(&call, doc->id);
    llmp_sqlite_int(&call, version);
    llmp_sqlite_text(&call, deleted ? none : doc->lookup);
    llmp_sqlite_int(&call, (int64_t)doc->updated_wall_ns);
    llmp_sqlite_text(&call, deleted ? none : doc->body);
    llmp_sqlite_int(&call, deleted);

    int rc = llmp_sqlite_run(&call, err);

    return call.rc == SQLITE_CONSTRAINT_UNIQUE ? LLMP_CONFLICT : rc;
}

int llmp_sqlite_put(struct llmp_sqlite *self, struct llmp_store_op *op,
                    struct llmp_error *err)
{
    const struct llmp_store_doc *doc = op->of.doc;
    int64_t now = 0, next = 0;

    LLMP_TRY(version_now(self, doc, &now, err));
    if (doc->version != LLMP_STORE_ANY && doc->version != (uint64_t)now)
        return LLMP_CONFLICT;
    if (op->kind == LLMP_STORE_DELETE && now == 0)
        return LLMP_OK; /* nothing is there that could be deleted */
    LLMP_TRY(next_version(self, &next, err));

    int rc = write_doc(self, op, next, err);

    if (rc == LLMP_OK)
        op->result = next;
    return rc;
}

int llmp_sqlite_event(struct llmp_sqlite *self, struct llmp_store_op *op,
                      struct llmp_error *err)
{
    const struct llmp_store_event *event = op->of.event;
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, LLMP_SQLITE_EVENT_PUT);
    llmp_sqlite_text(&call, event->id);
    llmp_sqlite_int(&call, (int64_t)event->wall_ns);
    llmp_sqlite_text(&call, event->actor);
    llmp_sqlite_text(&call, event->action);
    llmp_sqlite_text(&call, event->object_kind);
    llmp_sqlite_text(&call, event->object_id);
    llmp_sqlite_text(&call, event->before);
    llmp_sqlite_text(&call, event->after);
    return llmp_sqlite_value(&call, 0, &op->result, err);
}

/* ---- reading ------------------------------------------------------------- */

static int show_docs(struct llmp_sqlite_call *call, llmp_store_doc_fn *see,
                     void *ctx, struct llmp_error *err)
{
    int rc;

    while ((rc = llmp_sqlite_step(call, err)) == LLMP_AGAIN) {
        struct llmp_store_doc doc = { 0 };

        doc.kind = llmp_sqlite_get_text(call);
        doc.id = llmp_sqlite_get_text(call);
        doc.version = (uint64_t)llmp_sqlite_get_int(call);
        doc.lookup = llmp_sqlite_get_text(call);
        doc.updated_wall_ns = (uint64_t)llmp_sqlite_get_int(call);
        doc.body = llmp_sqlite_get_text(call);
        doc.deleted = llmp_sqlite_get_int(call) != 0;
        rc = see(&doc, ctx);
        if (rc != LLMP_OK)
            break;
    }
    llmp_sqlite_end(call);
    return rc;
}

/* Tells "shown" from "none". */
struct shown {
    llmp_store_doc_fn *see;
    void *ctx;
    bool any;
};

static int show_one(const struct llmp_store_doc *doc, void *ctx)
{
    struct shown *shown = ctx;

    shown->any = true;
    return shown->see(doc, shown->ctx);
}

int llmp_sqlite_get(void *self, struct llmp_str kind, struct llmp_str id,
                    bool by_lookup, llmp_store_doc_fn *see, void *ctx,
                    struct llmp_error *err)
{
    struct shown shown = { see, ctx, false };
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self,
                     by_lookup ? LLMP_SQLITE_DOC_FIND : LLMP_SQLITE_DOC_GET);
    llmp_sqlite_text(&call, kind);
    llmp_sqlite_text(&call, id);

    int rc = show_docs(&call, show_one, &shown, err);

    return rc == LLMP_OK && !shown.any ? LLMP_MISS : rc;
}

int llmp_sqlite_list(void *self, const struct llmp_store_list *list,
                     llmp_store_doc_fn *see, void *ctx, struct llmp_error *err)
{
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, LLMP_SQLITE_DOC_LIST);
    llmp_sqlite_text(&call, list->kind);
    llmp_sqlite_text(&call, list->prefix);
    llmp_sqlite_text(&call, list->after);
    llmp_sqlite_int(&call, list->rows_max);
    return show_docs(&call, see, ctx, err);
}

int llmp_sqlite_changes(void *self, uint64_t after, uint32_t rows_max,
                        llmp_store_doc_fn *see, void *ctx,
                        struct llmp_error *err)
{
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, LLMP_SQLITE_DOC_CHANGES);
    llmp_sqlite_int(&call, (int64_t)after);
    llmp_sqlite_int(&call, rows_max);
    return show_docs(&call, see, ctx, err);
}

static int show_event(struct llmp_sqlite_call *call, llmp_store_event_fn *see,
                      void *ctx)
{
    struct llmp_store_event event = { 0 };

    event.seq = (uint64_t)llmp_sqlite_get_int(call);
    event.id = llmp_sqlite_get_text(call);
    event.wall_ns = (uint64_t)llmp_sqlite_get_int(call);
    event.actor = llmp_sqlite_get_text(call);
    event.action = llmp_sqlite_get_text(call);
    event.object_kind = llmp_sqlite_get_text(call);
    event.object_id = llmp_sqlite_get_text(call);
    event.before = llmp_sqlite_get_text(call);
    event.after = llmp_sqlite_get_text(call);
    return see(&event, ctx);
}

int llmp_sqlite_events(void *self, uint64_t after, uint32_t rows_max,
                       llmp_store_event_fn *see, void *ctx,
                       struct llmp_error *err)
{
    struct llmp_sqlite_call call;
    int rc;

    llmp_sqlite_call(&call, self, LLMP_SQLITE_EVENT_LIST);
    llmp_sqlite_int(&call, (int64_t)after);
    llmp_sqlite_int(&call, rows_max);
    while ((rc = llmp_sqlite_step(&call, err)) == LLMP_AGAIN) {
        rc = show_event(&call, see, ctx);
        if (rc != LLMP_OK)
            break;
    }
    llmp_sqlite_end(&call);
    return rc;
}
