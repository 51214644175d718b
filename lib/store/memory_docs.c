/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Documents and events in memory. Documents are sorted by kind and id, so a
 * page of a list is a stretch of the array; deleted ones stay as tombstones
 * for the change feed. Lookup keys are searched one by one: a gateway asks for
 * them when it starts, not for each request.
 */
#include <string.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"
#include "store/memory.h"

static struct llmp_memory_doc *doc_at(const struct llmp_memory *memory,
                                      size_t index)
{
    return (struct llmp_memory_doc *)memory->docs.items[index];
}

static int compare_key(const struct llmp_store_doc *doc, struct llmp_str kind,
                       struct llmp_str id)
{
    int order = llmp_memory_compare(doc->kind, kind);

    return order ? order : llmp_memory_compare(doc->id, id);
}

/* The first document that is not before (kind, id). */
static size_t lower_bound(const struct llmp_memory *memory,
                          struct llmp_str kind, struct llmp_str id)
{
    size_t low = 0, high = memory->docs.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (compare_key(&doc_at(memory, middle)->doc, kind, id) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct llmp_memory_doc *find_lookup(struct llmp_memory *memory,
                                           struct llmp_str kind,
                                           struct llmp_str lookup)
{
    for (size_t i = 0; i < memory->docs.count; i++) {
        struct llmp_memory_doc *at = doc_at(memory, i);

        if (!at->doc.deleted && llmp_str_eq(at->doc.kind, kind) &&
            llmp_str_eq(at->doc.lookup, lookup))
            return at;
    }
    return NULL;
}

struct llmp_memory_doc *llmp_memory_find(struct llmp_memory *memory,
                                         struct llmp_str kind,
                                         struct llmp_str id, bool by_lookup)
{
    if (by_lookup)
        return find_lookup(memory, kind, id);

    size_t at = lower_bound(memory, kind, id);

    if (at == memory->docs.count ||
        compare_key(&doc_at(memory, at)->doc, kind, id) != 0 ||
        doc_at(memory, at)->doc.deleted)
        return NULL;
    return doc_at(memory, at);
}

static struct llmp_memory_doc *copy_doc(const struct llmp_store_doc *doc,
                                        uint64_t version, bool deleted)
{
    size_t size = doc->kind.len + doc->id.len;

    if (!deleted)
        size += doc->body.len + doc->lookup.len;

    struct llmp_memory_doc *copy = llmp_alloc(sizeof(*copy) + size);
    char *to = copy ? copy->text : NULL;

    if (!copy)
        return NULL;
    copy->item.refs = 1;
    copy->doc = (struct llmp_store_doc){
        .kind = llmp_memory_copy(&to, doc->kind),
        .id = llmp_memory_copy(&to, doc->id),
        .version = version,
        .updated_wall_ns = doc->updated_wall_ns,
        .deleted = deleted,
    };
    if (!deleted) {
        copy->doc.body = llmp_memory_copy(&to, doc->body);
        copy->doc.lookup = llmp_memory_copy(&to, doc->lookup);
    }
    return copy;
}

/* Whether the batch may replace `old`, which may be NULL. */
static bool may_write(struct llmp_memory *memory,
                      const struct llmp_store_op *op,
                      const struct llmp_memory_doc *old)
{
    const struct llmp_store_doc *doc = op->of.doc;
    uint64_t version = old && !old->doc.deleted ? old->doc.version : 0;

    if (doc->version != LLMP_STORE_ANY && doc->version != version)
        return false;
    if (op->kind == LLMP_STORE_DELETE || doc->lookup.len == 0)
        return true;

    struct llmp_memory_doc *taken = find_lookup(memory, doc->kind, doc->lookup);

    return !taken || taken == old;
}

static int replace(struct llmp_memory *memory, size_t at,
                   struct llmp_memory_doc *old, struct llmp_memory_doc *new,
                   struct llmp_error *err)
{
    const struct llmp_memory_undo undo = { .kind = LLMP_STORE_PUT,
                                           .index = at,
                                           .doc = old };

    if (!old && !llmp_memory_list_insert(&memory->docs, at, &new->item))
        return llmp_fail(err, LLMP_E_NOMEM, "no memory for a document");
    memory->docs.items[at] = &new->item;
    if (llmp_memory_undo_add(memory, &undo))
        return LLMP_OK;
    if (old)
        memory->docs.items[at] = &old->item;
    else
        (void)llmp_memory_list_remove(&memory->docs, at);
    return llmp_fail(err, LLMP_E_NOMEM, "no memory for a document");
}

int llmp_memory_put(struct llmp_memory *memory, struct llmp_store_op *op,
                    struct llmp_error *err)
{
    const struct llmp_store_doc *doc = op->of.doc;
    size_t at = lower_bound(memory, doc->kind, doc->id);
    struct llmp_memory_doc *old = NULL;

    if (at < memory->docs.count &&
        compare_key(&doc_at(memory, at)->doc, doc->kind, doc->id) == 0)
        old = doc_at(memory, at);
    if (!may_write(memory, op, old))
        return LLMP_CONFLICT;
    /* Nothing is there that could be deleted. */
    if (op->kind == LLMP_STORE_DELETE && (!old || old->doc.deleted))
        return LLMP_OK;

    struct llmp_memory_doc *new =
        copy_doc(doc, memory->doc_version + 1, op->kind == LLMP_STORE_DELETE);

    LLMP_ENSURE(new, err, LLMP_E_NOMEM, "no memory for a document");

    int rc = replace(memory, at, old, new, err);

    if (rc < 0) {
        llmp_free(new);
        return rc;
    }
    op->result = (int64_t)++memory->doc_version;
    return LLMP_OK;
}

/* Undone backwards, so the place is the one that it was. A version given and
 * taken back is not given again: nobody saw it, but nobody minds a gap. */
void llmp_memory_put_undo(struct llmp_memory *memory,
                          const struct llmp_memory_undo *undo)
{
    llmp_memory_unref(memory->docs.items[undo->index]);
    if (undo->doc)
        memory->docs.items[undo->index] = &undo->doc->item;
    else
        (void)llmp_memory_list_remove(&memory->docs, undo->index);
}

bool llmp_memory_pick_list(struct llmp_memory *memory,
                           const struct llmp_store_list *list,
                           struct llmp_memory_list *picked)
{
    bool past = llmp_memory_compare(list->after, list->prefix) >= 0;
    struct llmp_str from = past ? list->after : list->prefix;

    for (size_t i = lower_bound(memory, list->kind, from);
         i < memory->docs.count && picked->count < list->rows_max; i++) {
        struct llmp_memory_doc *at = doc_at(memory, i);

        if (!llmp_str_eq(at->doc.kind, list->kind))
            break;
        if (at->doc.deleted || !llmp_str_starts(at->doc.id, list->prefix) ||
            llmp_memory_compare(at->doc.id, list->after) <= 0)
            continue;
        if (!llmp_memory_pick(picked, &at->item))
            return false;
    }
    return true;
}

/* Keeps the oldest `rows_max` changes, in order. */
bool llmp_memory_pick_changes(struct llmp_memory *memory, uint64_t after,
                              uint32_t rows_max,
                              struct llmp_memory_list *picked)
{
    for (size_t i = 0; i < memory->docs.count; i++) {
        struct llmp_memory_doc *doc = doc_at(memory, i);
        size_t at = picked->count;

        if (doc->doc.version <= after)
            continue;
        while (at > 0 &&
               ((struct llmp_memory_doc *)picked->items[at - 1])->doc.version >
                   doc->doc.version)
            at--;
        if (at == rows_max)
            continue;
        if (!llmp_memory_list_insert(picked, at, &doc->item))
            return false;
        doc->item.refs++;
        if (picked->count > rows_max)
            llmp_memory_unref(
                llmp_memory_list_remove(picked, picked->count - 1));
    }
    return true;
}

/* ---- events -------------------------------------------------------------- */

static struct llmp_memory_event *event_at(const struct llmp_memory *memory,
                                          size_t index)
{
    return (struct llmp_memory_event *)memory->events.items[index];
}

static bool has_event(const struct llmp_memory *memory, struct llmp_str id)
{
    for (size_t i = memory->events.count; i-- > 0;)
        if (llmp_str_eq(event_at(memory, i)->event.id, id))
            return true;
    return false;
}

static struct llmp_memory_event *copy_event(
    const struct llmp_store_event *event)
{
    size_t size = event->id.len + event->actor.len + event->action.len +
                  event->object_kind.len + event->object_id.len +
                  event->before.len + event->after.len;
    struct llmp_memory_event *copy = llmp_alloc(sizeof(*copy) + size);
    char *to = copy ? copy->text : NULL;

    if (!copy)
        return NULL;
    copy->item.refs = 1;
    copy->event = (struct llmp_store_event){
        .id = llmp_memory_copy(&to, event->id),
        .wall_ns = event->wall_ns,
        .actor = llmp_memory_copy(&to, event->actor),
        .action = llmp_memory_copy(&to, event->action),
        .object_kind = llmp_memory_copy(&to, event->object_kind),
        .object_id = llmp_memory_copy(&to, event->object_id),
        .before = llmp_memory_copy(&to, event->before),
        .after = llmp_memory_copy(&to, event->after),
    };
    return copy;
}

int llmp_memory_event(struct llmp_memory *memory, struct llmp_store_op *op,
                      struct llmp_error *err)
{
    const struct llmp_memory_undo undo = { .kind = LLMP_STORE_EVENT };

    if (has_event(memory, op->of.event->id))
        return LLMP_OK;

    struct llmp_memory_event *event = copy_event(op->of.event);
    struct llmp_memory_list *events = &memory->events;

    LLMP_ENSURE(event, err, LLMP_E_NOMEM, "no memory for an event");
    event->event.seq = memory->event_seq + 1;
    if (!llmp_memory_list_insert(events, events->count, &event->item)) {
        llmp_free(event);
        return llmp_fail(err, LLMP_E_NOMEM, "no memory for an event");
    }
    if (!llmp_memory_undo_add(memory, &undo)) {
        llmp_memory_event_undo(memory);
        return llmp_fail(err, LLMP_E_NOMEM, "no memory for an event");
    }
    memory->event_seq++;
    op->result = 1;
    return LLMP_OK;
}

void llmp_memory_event_undo(struct llmp_memory *memory)
{
    llmp_memory_unref(
        llmp_memory_list_remove(&memory->events, memory->events.count - 1));
}

bool llmp_memory_pick_events(struct llmp_memory *memory, uint64_t after,
                             uint32_t rows_max, struct llmp_memory_list *picked)
{
    for (size_t i = 0; i < memory->events.count && picked->count < rows_max;
         i++)
        if (event_at(memory, i)->event.seq > after &&
            !llmp_memory_pick(picked, memory->events.items[i]))
            return false;
    return true;
}

/* ---- what is old --------------------------------------------------------- */

void llmp_memory_trim_events(struct llmp_memory *memory,
                             struct llmp_store_op *op)
{
    struct llmp_memory_list *events = &memory->events;
    size_t kept = 0;

    for (size_t i = 0; i < events->count; i++) {
        struct llmp_memory_event *event = event_at(memory, i);

        if (llmp_memory_is_trimmed(op, event->event.wall_ns))
            llmp_memory_unref(&event->item);
        else
            events->items[kept++] = &event->item;
    }
    events->count = kept;
}

void llmp_memory_trim_docs(struct llmp_memory *memory, struct llmp_store_op *op)
{
    struct llmp_memory_list *docs = &memory->docs;
    size_t kept = 0;

    for (size_t i = 0; i < docs->count; i++) {
        struct llmp_memory_doc *doc = doc_at(memory, i);

        if (doc->doc.deleted &&
            llmp_memory_is_trimmed(op, doc->doc.updated_wall_ns))
            llmp_memory_unref(&doc->item);
        else
            docs->items[kept++] = &doc->item;
    }
    docs->count = kept;
}
