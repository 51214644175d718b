/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators did; and whether the store works. */
#include "base/internal.h"
#include "gateway/admin.h"
#include "gateway/moment.h"

enum { PAGE = 100, PAGE_MAX = 1000 };

struct page {
    struct llmp_admin *a;
    uint64_t limit, shown, last;
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

static int see(const struct llmp_store_event *event, void *ctx)
{
    struct page *page = ctx;
    struct llmp_buf *out = &page->a->out;
    char at[LLMP_MOMENT_SIZE];

    if (page->shown == page->limit) {
        page->more = true;
        return 0;
    }
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
    page->last = event->seq;
    page->shown++;
    return 0;
}

int llmp_admin_events(struct llmp_admin *a)
{
    const struct llmp_policy_object all = { .size = sizeof(all) };
    struct page page = { .a = a, .limit = PAGE };
    struct llmp_str next = { NULL, 0 };
    uint64_t after = 0;

    LLMP_TRY(llmp_admin_may(a, LLMP_ACTION_AUDIT_READ, &all));
    LLMP_TRY(llmp_admin_number(a, "limit", 1, PAGE_MAX, &page.limit));
    LLMP_TRY(llmp_admin_number(a, "after_seq", 0, INT64_MAX, &after));
    llmp_admin_list_begin(a);
    LLMP_TRY(llmp_store_events(a->store, after, (uint32_t)page.limit + 1, see,
                               &page, a->err));
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
