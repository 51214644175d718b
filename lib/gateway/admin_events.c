/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators did; and whether the store works. */
#include <llmproxy/json.h>

#include "base/internal.h"
#include "gateway/admin.h"
#include "gateway/moment.h"

/* Events of others are passed over: so many at most for one page. */
enum { PAGE = 100, PAGE_MAX = 1000, READ = 1000, READS_MAX = 20 };

struct page {
    struct llmp_admin *a;
    struct llmp_str org; /* only this one's; empty: all */
    uint64_t limit, shown, last;
    uint32_t read;
    bool more;
};

static void add_text(struct llmp_buf *out, const char *name,
                     struct llmp_str text)
{
    (void)llmp_buf_printf(out, ",\"%s\":", name);
    (void)llmp_buf_json(out, text);
}

static void add_json(struct llmp_buf *out, const char *name,
                     struct llmp_str json)
{
    (void)llmp_buf_printf(out, ",\"%s\":", name);
    (void)llmp_buf_add(out, json.len ? json : LLMP_STR("null"));
}

/* Whether a state that an event shows is of the page's organisation. */
static bool is_ours(const struct page *page,
                    const struct llmp_store_event *event, struct llmp_str state)
{
    struct llmp_json_field org = { .path = "organisation" };

    if (!page->org.len || !state.len)
        return !page->org.len;
    if (llmp_str_eq(event->object_kind, LLMP_STR("organisation")))
        return llmp_str_eq(event->object_id, page->org);
    return llmp_json_pick_all(state, &org, 1, NULL) == LLMP_OK && org.found &&
           !org.escaped && org.type == LLMP_JSON_STRING &&
           llmp_str_eq(org.text, page->org);
}

static void show(struct page *page, const struct llmp_store_event *event)
{
    struct llmp_buf *out = &page->a->out;
    char at[LLMP_MOMENT_SIZE];

    (void)llmp_moment_write(at, event->wall_ns);
    (void)llmp_buf_printf(out, "%s{\"seq\":%llu,\"at\":\"%s\"",
                          page->shown ? "," : "",
                          (unsigned long long)event->seq, at);
    add_text(out, "id", event->id);
    add_text(out, "actor", event->actor);
    add_text(out, "action", event->action);
    add_text(out, "object_kind", event->object_kind);
    add_text(out, "object_id", event->object_id);
    add_json(out, "before", event->before);
    add_json(out, "after", event->after);
    (void)llmp_buf_add(out, LLMP_STR("}"));
    page->shown++;
}

/* Of what changed hands, each organisation sees its own side. */
static int see(const struct llmp_store_event *event, void *ctx)
{
    struct page *page = ctx;
    struct llmp_store_event ours = *event;
    bool before = is_ours(page, event, event->before);
    bool after = is_ours(page, event, event->after);

    page->more = page->shown == page->limit;
    if (page->more)
        return 0;
    page->read++;
    page->last = event->seq;
    if (!before)
        ours.before = (struct llmp_str){ NULL, 0 };
    if (!after)
        ours.after = (struct llmp_str){ NULL, 0 };
    if (before || after)
        show(page, &ours);
    return 0;
}

/* Until the page is full, or nothing more is there. */
static int read_events(struct page *page)
{
    for (unsigned i = 0; i < READS_MAX && !page->more; i++) {
        page->read = 0;
        LLMP_TRY(llmp_store_events(page->a->store, page->last, READ, see, page,
                                   page->a->err));
        if (page->read < READ)
            return LLMP_OK;
    }
    page->more = true;
    return LLMP_OK;
}

int llmp_admin_events(struct llmp_admin *a)
{
    const struct llmp_policy_object object = { .size = sizeof(object),
                                               .org = a->who.org };
    struct page page = { .a = a, .org = a->who.org, .limit = PAGE };
    struct llmp_str next = { NULL, 0 };

    LLMP_TRY(llmp_admin_may(a, LLMP_ACTION_AUDIT_READ, &object));
    LLMP_TRY(llmp_admin_number(a, "limit", 1, PAGE_MAX, &page.limit));
    LLMP_TRY(llmp_admin_number(a, "after_seq", 0, INT64_MAX, &page.last));
    llmp_admin_list_begin(a);
    LLMP_TRY(read_events(&page));
    if (page.more)
        next =
            llmp_arena_printf(&a->arena, "%llu", (unsigned long long)page.last);
    llmp_admin_list_end(a, next);
    return LLMP_OK;
}

int llmp_admin_health(struct llmp_admin *a)
{
    a->status = 200;
    (void)llmp_buf_add(&a->out, LLMP_STR("{\"status\":\"ok\"}"));
    return LLMP_OK;
}
