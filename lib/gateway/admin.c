/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request of administration from its copy to its answer: see admin.h and
 * docs/internals/admin.md. Handlers are in admin_*.c.
 */
#include "gateway/admin.h"

#include <sodium.h>

#include "base/internal.h"

enum { ARENA_BLOCK = 4096, OUT_MAX = 16 << 20, PAGE = 50, PAGE_MAX = 500 };
enum { ID_DIGITS = 20 };

/* ---- what one record needs ---------------------------------------------- */

struct llmp_policy_object llmp_admin_object(const struct llmp_record *record)
{
    struct llmp_policy_object object = { .size = sizeof(object),
                                         .user = record->user,
                                         .team = record->team,
                                         .org = record->org };

    switch (record->kind) {
    case LLMP_RECORD_KEY:
        object.id = record->id;
        break;
    case LLMP_RECORD_USER:
        object.user = record->id;
        break;
    case LLMP_RECORD_TEAM:
        object.team = record->id;
        break;
    case LLMP_RECORD_ORG:
        object.org = record->id;
        break;
    }
    return object;
}

static void add_field(struct llmp_str out[LLMP_ADMIN_FIELDS_MAX], size_t *count,
                      const char *name)
{
    struct llmp_str text = llmp_str_of(name);

    for (size_t i = 0; i < *count; i++)
        if (llmp_str_eq(out[i], text))
            return;
    assert(*count < LLMP_ADMIN_FIELDS_MAX);
    out[(*count)++] = text;
}

size_t llmp_admin_fields(const struct llmp_record *record, llmp_field_set seen,
                         struct llmp_str out[LLMP_ADMIN_FIELDS_MAX],
                         bool *grants)
{
    const unsigned money =
        (1u << LLMP_LIMIT_MEMBERS) - (1u << LLMP_MEMBER_BUDGET_DAY);
    size_t count = 0;

    *grants = false;
    for (size_t i = 0; i < llmp_record_field_count; i++) {
        const struct llmp_field *field = &llmp_record_fields[i];

        if (!(seen >> i & 1) || !field->policy)
            continue;
        add_field(out, &count, field->policy);
        *grants = *grants || field->type == LLMP_FIELD_ROLE ||
                  field->type == LLMP_FIELD_LIMITS ||
                  (field->type == LLMP_FIELD_MOMENT) ||
                  field->offset == offsetof(struct llmp_record, models) ||
                  field->offset == offsetof(struct llmp_record, routes);
        if (field->type == LLMP_FIELD_LIMITS &&
            (record->limits.set & money || record->limits.downgrade.len))
            add_field(out, &count, "budget");
    }
    return count;
}

uint64_t llmp_admin_last_used_s(const struct llmp_admin *a,
                                const struct llmp_record *record)
{
    const struct llmp_key *key =
        record->kind == LLMP_RECORD_KEY
            ? llmp_keyring_find(a->access->keyring, record->id)
            : NULL;
    uint64_t here = key ? llmp_key_last_used_s(key) : 0;

    return here > record->last_used_s ? here : record->last_used_s;
}

int llmp_admin_record(struct llmp_admin *a, enum llmp_record_kind kind,
                      enum llmp_action read, struct llmp_record **out)
{
    struct llmp_record *record =
        llmp_directory_find(&a->gateway->stored.directory, kind, a->id);

    if (!record)
        return llmp_admin_unknown(a);

    const struct llmp_policy_object object = llmp_admin_object(record);

    if (llmp_policy_decide(&a->who, read, &object, a->now.wall_ns, NULL) !=
        LLMP_OK)
        return llmp_admin_unknown(a);
    *out = record;
    return LLMP_OK;
}

int llmp_admin_make_id(struct llmp_admin *a, const char *prefix,
                       struct llmp_str *out)
{
    static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";
    const struct llmp_random *random = &a->gateway->random;
    uint8_t bytes[ID_DIGITS];
    size_t len = strlen(prefix);
    char *id = llmp_arena_take(&a->arena, len + ID_DIGITS);

    if (!id)
        return LLMP_E_NOMEM;
    random->fill(bytes, sizeof(bytes), random->ctx);
    memcpy(id, prefix, len);
    for (size_t i = 0; i < ID_DIGITS; i++)
        id[len + i] = digits[bytes[i] & 31];
    *out = (struct llmp_str){ id, len + ID_DIGITS };
    return LLMP_OK;
}

/* ---- owners ------------------------------------------------------------- */

static bool is_seen(llmp_field_set seen, size_t offset)
{
    for (size_t i = 0; i < llmp_record_field_count; i++)
        if (llmp_record_fields[i].offset == offset)
            return seen >> i & 1;
    return false;
}

void llmp_admin_default_owner(const struct llmp_admin *a,
                              struct llmp_record *record, llmp_field_set seen)
{
    const struct llmp_principal *who = &a->who;
    bool ok = true;

    if (!is_seen(seen, offsetof(struct llmp_record, org)) &&
        record->kind != LLMP_RECORD_ORG)
        record->org = llmp_arena_str(&record->arena, who->org, &ok);
    if (who->role == LLMP_ROLE_ADMIN || record->kind != LLMP_RECORD_KEY)
        return;
    if (!is_seen(seen, offsetof(struct llmp_record, user)))
        record->user = llmp_arena_str(&record->arena, who->user, &ok);
    if (!is_seen(seen, offsetof(struct llmp_record, team)))
        record->team = llmp_arena_str(&record->arena, who->team, &ok);
}

static bool is_in_file(const struct llmp_admin *a, enum llmp_limit_kind kind,
                       struct llmp_str name)
{
    const struct llmp_owner *owner = llmp_access_owner(a->access, kind, name);

    return owner && !owner->record;
}

/* Owners that the file has belong to no organisation: whoever is of one does
 * not spend what they have. */
static int check_file_owners(struct llmp_admin *a,
                             const struct llmp_record *record)
{
    bool user = record->kind == LLMP_RECORD_KEY &&
                !llmp_str_eq(record->user, a->who.user) &&
                is_in_file(a, LLMP_LIMIT_USER, record->user);
    bool team = record->kind != LLMP_RECORD_TEAM &&
                !llmp_str_eq(record->team, a->who.team) &&
                is_in_file(a, LLMP_LIMIT_TEAM, record->team);

    if (!a->who.org.len || (!user && !team))
        return LLMP_OK;
    return llmp_problem_set(
        &a->problem, 409, "other_organisation", user ? "user" : "team",
        "this %s is of no organisation", user ? "user" : "team");
}

/* Whether the owner is of that organisation. Who is of none may also name
 * owners of none; and everybody themselves. */
static bool fits(const struct llmp_admin *a, const struct llmp_record *owner,
                 struct llmp_str org)
{
    const struct llmp_str *own =
        owner->kind == LLMP_RECORD_USER ? &a->who.user : &a->who.team;

    return llmp_str_eq(owner->org, org) ||
           (!owner->org.len &&
            (!a->who.org.len || llmp_str_eq(owner->id, *own)));
}

/* Nobody gets into an organisation by naming one of its teams or users, nor
 * out of their own. */
int llmp_admin_check_owners(struct llmp_admin *a,
                            const struct llmp_record *record)
{
    const struct llmp_directory *directory = &a->gateway->stored.directory;
    const struct llmp_record *owners[] = {
        record->kind == LLMP_RECORD_KEY
            ? llmp_directory_find(directory, LLMP_RECORD_USER, record->user)
            : NULL,
        llmp_directory_find(directory, LLMP_RECORD_TEAM,
                            record->kind == LLMP_RECORD_TEAM
                                ? (struct llmp_str){ NULL, 0 }
                                : record->team),
    };

    for (size_t i = 0; i < LLMP_COUNT(owners); i++)
        if (owners[i] && !fits(a, owners[i], record->org))
            return llmp_problem_set(&a->problem, 409, "other_organisation",
                                    llmp_record_kind_names[owners[i]->kind],
                                    "this %s belongs to another organisation",
                                    llmp_record_kind_names[owners[i]->kind]);
    return check_file_owners(a, record);
}

/* ---- changing ----------------------------------------------------------- */

static void write_view(struct llmp_admin *a, struct llmp_buf *out,
                       const struct llmp_record *record)
{
    if (record)
        llmp_record_write(out, record, false,
                          llmp_admin_last_used_s(a, record));
}

static struct llmp_str lookup_of(const struct llmp_record *record,
                                 char hex[LLMP_KEY_HASH_SIZE * 2])
{
    if (record->kind != LLMP_RECORD_KEY)
        return (struct llmp_str){ NULL, 0 };
    (void)llmp_put_hex(hex, record->generations[0].hash, LLMP_KEY_HASH_SIZE);
    return (struct llmp_str){ hex, LLMP_KEY_HASH_SIZE * 2 };
}

static int commit(struct llmp_admin *a, const struct llmp_store_doc *doc,
                  bool remove, const struct llmp_store_event *event)
{
    struct llmp_store_op ops[] = {
        { .kind = remove ? LLMP_STORE_DELETE : LLMP_STORE_PUT, .of.doc = doc },
        { .kind = LLMP_STORE_EVENT, .of.event = event },
    };
    int rc = llmp_store_commit(a->store, ops, LLMP_COUNT(ops), a->err);

    if (rc == LLMP_CONFLICT)
        return llmp_admin_conflict(a, "conflict",
                                   "somebody else changed it first, or it is "
                                   "there already");
    return rc;
}

int llmp_admin_event(struct llmp_admin *a, struct llmp_store_event *event)
{
    event->wall_ns = a->now.wall_ns;
    event->actor = a->actor;
    return llmp_admin_make_id(a, "evt_", &event->id);
}

int llmp_admin_commit(struct llmp_admin *a, enum llmp_action action,
                      const struct llmp_record *before,
                      struct llmp_record *after)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf body = { 0 };
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf old = { 0 };
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf fresh = { 0 };
    const struct llmp_record *record = after ? after : before;
    char hex[LLMP_KEY_HASH_SIZE * 2];
    struct llmp_store_event event = {
        .action = llmp_str_of(llmp_action_name(action)),
        .object_kind = llmp_str_of(llmp_record_kind_names[record->kind]),
        .object_id = record->id,
    };
    struct llmp_store_doc doc = {
        .kind = event.object_kind,
        .id = record->id,
        .version = before ? before->version : 0,
        .updated_wall_ns = a->now.wall_ns,
        .lookup = lookup_of(record, hex),
    };

    write_view(a, &old, before);
    write_view(a, &fresh, after);
    if (after)
        llmp_record_write(&body, after, true, 0);
    if (body.failed || old.failed || fresh.failed)
        return LLMP_E_NOMEM;
    LLMP_TRY(llmp_admin_event(a, &event));
    event.before = llmp_buf_str(&old);
    event.after = llmp_buf_str(&fresh);
    doc.body = llmp_buf_str(&body);
    LLMP_TRY(commit(a, &doc, !after, &event));
    /* It is done, whatever this says; the next one would bring it, too. */
    (void)llmp_gateway_sync_now(a->gateway, a->store, a->err);
    return LLMP_OK;
}

/* ---- answering ---------------------------------------------------------- */

/* What an event does not have: where a key is kept. */
static void write_answer(struct llmp_admin *a, const struct llmp_record *record,
                         enum llmp_admin_source source)
{
    write_view(a, &a->out, record);
    if (record->kind != LLMP_RECORD_KEY || a->out.failed)
        return;
    a->out.len--; /* the closing brace */
    (void)llmp_buf_printf(&a->out, ",\"source\":\"%s\"}",
                          source == LLMP_ADMIN_FILE ? "file" : "store");
}

void llmp_admin_answer_from(struct llmp_admin *a, uint16_t status,
                            const struct llmp_record *record,
                            enum llmp_admin_source source)
{
    a->status = status;
    write_answer(a, record, source);
}

void llmp_admin_answer_record(struct llmp_admin *a, uint16_t status,
                              const struct llmp_record *record,
                              const char *secret)
{
    llmp_admin_answer_from(a, status, record, LLMP_ADMIN_STORE);
    if (!secret || a->out.failed)
        return;
    a->out.len--; /* the closing brace */
    (void)llmp_buf_printf(&a->out, ",\"key\":\"%s\"}", secret);
}

void llmp_admin_list_begin(struct llmp_admin *a)
{
    a->status = 200;
    (void)llmp_buf_add(&a->out, LLMP_STR("{\"object\":\"list\",\"data\":["));
}

void llmp_admin_list_end(struct llmp_admin *a, struct llmp_str next)
{
    (void)llmp_buf_add(&a->out, LLMP_STR("],\"next\":"));
    if (next.len)
        (void)llmp_buf_json(&a->out, next);
    else
        (void)llmp_buf_add(&a->out, LLMP_STR("null"));
    (void)llmp_buf_add(&a->out, LLMP_STR("}"));
}

/* One page while it is filled. */
struct listing {
    struct llmp_admin *a;
    enum llmp_action action;
    struct llmp_str user, team, org; /* ptr NULL: any */
    uint64_t limit, shown;
    struct llmp_str last, next;
};

static bool passes(struct llmp_str wanted, struct llmp_str has)
{
    return !wanted.ptr || llmp_str_eq(wanted, has);
}

/* False: the page is full. @param cursor  what goes on behind it */
static bool list_one(struct listing *l, const struct llmp_record *record,
                     enum llmp_admin_source source, struct llmp_str cursor)
{
    const struct llmp_policy_object object = llmp_admin_object(record);

    if (llmp_policy_decide(&l->a->who, l->action, &object, l->a->now.wall_ns,
                           NULL) != LLMP_OK ||
        !passes(l->user, record->user) || !passes(l->team, record->team) ||
        !passes(l->org, record->org))
        return true;
    if (l->shown == l->limit) {
        l->next = l->last;
        return false;
    }
    if (l->shown++)
        (void)llmp_buf_add(&l->a->out, LLMP_STR(","));
    write_answer(l->a, record, source);
    l->last = cursor;
    return true;
}

/* Those of the file come first, with cursors that no id of the store can be:
 * "file/2" is behind the second. */
#define FILE_CURSOR LLMP_STR("file/")

static int list_file(struct listing *l, struct llmp_str after)
{
    const struct llmp_auth_config *auth = &l->a->access->config->auth;
    const size_t head = FILE_CURSOR.len;
    uint64_t i = 0;

    if (after.len &&
        (!llmp_str_starts(after, FILE_CURSOR) ||
         !llmp_str_to_u64(
             (struct llmp_str){ after.ptr + head, after.len - head }, &i)))
        return LLMP_OK;
    for (; i < auth->key_count && !l->next.len; i++) {
        LLMP_AUTO(llmp_record_unrefp) struct llmp_record *record = NULL;
        struct llmp_str cursor = llmp_arena_printf(&l->a->arena, "file/%llu",
                                                   (unsigned long long)i + 1);

        if (!cursor.ptr)
            return LLMP_E_NOMEM;
        LLMP_TRY(llmp_admin_file_key(&record, &auth->keys[i]));
        (void)list_one(l, record, LLMP_ADMIN_FILE, cursor);
    }
    return LLMP_OK;
}

static void list_stored(struct listing *l, struct llmp_str after)
{
    const struct llmp_directory *directory = &l->a->gateway->stored.directory;
    enum llmp_record_kind kind = l->a->route->kind;
    const struct llmp_records *records = &directory->kinds[kind];

    for (size_t i = llmp_directory_after(directory, kind, after);
         i < records->count && !l->next.len; i++)
        (void)list_one(l, records->items[i], LLMP_ADMIN_STORE,
                       records->items[i]->id);
}

int llmp_admin_list(struct llmp_admin *a, enum llmp_action action)
{
    const struct llmp_policy_object own = { .size = sizeof(own),
                                            .id = a->who.id,
                                            .user = a->who.user,
                                            .team = a->who.team,
                                            .org = a->who.org };
    struct listing l = { .a = a, .action = action, .limit = PAGE };
    struct llmp_str after;

    LLMP_TRY(llmp_admin_number(a, "limit", 1, PAGE_MAX, &l.limit));
    LLMP_TRY(llmp_admin_parameter(a, "after", &after));
    LLMP_TRY(llmp_admin_parameter(a, "user", &l.user));
    LLMP_TRY(llmp_admin_parameter(a, "team", &l.team));
    LLMP_TRY(llmp_admin_parameter(a, "organisation", &l.org));
    LLMP_TRY(llmp_admin_may(a, action, &own));
    llmp_admin_list_begin(a);
    if (a->route->kind == LLMP_RECORD_KEY) {
        LLMP_TRY(list_file(&l, after));
        if (llmp_str_starts(after, FILE_CURSOR))
            after = (struct llmp_str){ NULL, 0 };
    }
    list_stored(&l, after);
    llmp_admin_list_end(a, l.next);
    return LLMP_OK;
}

/* ---- the job ------------------------------------------------------------ */

/* What the store could not do is no fault of the client's. */
static void answer_problem(struct llmp_admin *a, int rc)
{
    struct llmp_problem *p = &a->problem;

    if (rc == LLMP_E_NOMEM)
        (void)llmp_problem_set(p, 503, "out_of_memory", "",
                               "the gateway is out of memory");
    else if (rc != LLMP_E_INVALID || !p->status)
        (void)llmp_problem_set(p, 503, "store_unavailable", "",
                               "the store does not answer: %s",
                               llmp_status_text(rc));
    llmp_buf_fini(&a->out);
    a->out = (struct llmp_buf){ .limit = OUT_MAX };
    a->status = p->status;
    a->answer_type = LLMP_STR("application/json");
    (void)llmp_buf_printf(&a->out,
                          "{\"error\":{\"code\":\"%s\",\"message\":", p->code);
    (void)llmp_buf_json(&a->out, llmp_str_of(p->message));
    (void)llmp_buf_add(&a->out, LLMP_STR(",\"field\":"));
    if (p->field[0])
        (void)llmp_buf_json(&a->out, llmp_str_of(p->field));
    else
        (void)llmp_buf_add(&a->out, LLMP_STR("null"));
    (void)llmp_buf_add(&a->out, LLMP_STR("}}"));
}

static int handle(struct llmp_admin *a)
{
    LLMP_TRY(llmp_admin_find(a));
    LLMP_TRY(llmp_gateway_sync_now(a->gateway, a->store, a->err));
    a->access = llmp_gateway_access(a->gateway);
    LLMP_TRY(a->route->handle(a));
    return a->out.failed ? LLMP_E_NOMEM : LLMP_OK;
}

/* Whoever asks without end keeps nobody else from asking. Two may have one
 * share: there are more shares than jobs. */
static atomic_uint *share_of(struct llmp_gateway *gateway,
                             const struct llmp_principal *who)
{
    return &gateway->stored.shares[llmp_str_hash(llmp_account_of(who), 0) %
                                   LLMP_ADMIN_SHARES];
}

static void leave(struct llmp_gateway *gateway, atomic_uint *share)
{
    atomic_fetch_sub(share, 1);
    atomic_fetch_sub(&gateway->stored.requests, 1);
}

static int enter(struct llmp_gateway *gateway, atomic_uint *share)
{
    bool full =
        atomic_fetch_add(&gateway->stored.requests, 1) >= LLMP_ADMIN_JOBS_MAX;
    bool much = atomic_fetch_add(share, 1) >= LLMP_ADMIN_SHARE_MAX;

    if (!full && !much)
        return LLMP_OK;
    leave(gateway, share);
    return much ? LLMP_LIMITED : LLMP_FULL;
}

static int run(struct llmp_store_job *job, struct llmp_store *store,
               struct llmp_error *err)
{
    struct llmp_admin *a = (struct llmp_admin *)job;
    int rc;

    a->store = store;
    a->err = err;
    rc = handle(a);
    if (rc < 0)
        answer_problem(a, rc);
    return LLMP_OK;
}

static void drop(struct llmp_admin *a)
{
    if (a->out.ptr)
        sodium_memzero(a->out.ptr, a->out.cap); /* with a secret, maybe */
    if (a->body.ptr)                            /* with a one-time code */
        sodium_memzero((char *)(uintptr_t)a->body.ptr, a->body.len);
    llmp_buf_fini(&a->out);
    llmp_access_unref(a->access);
    llmp_arena_fini(&a->arena);
    llmp_free(a);
}

static void finish(struct llmp_store_job *job, int status,
                   const struct llmp_error *err)
{
    struct llmp_admin *a = (struct llmp_admin *)job;
    struct llmp_admin_answer answer = { .size = sizeof(answer) };

    (void)err;
    if (status < 0)
        answer_problem(a, status);
    answer.status = a->status;
    answer.content_type = a->answer_type;
    answer.body = llmp_buf_str(&a->out);
    answer.allow = a->allow;
    answer.retry_after_s = a->retry_after_s;
    a->done(&answer, a->ctx);
    leave(a->gateway, a->share);
    drop(a);
}

/* ---- beginning ---------------------------------------------------------- */

static bool copy_texts(struct llmp_arena *arena, const struct llmp_str **items,
                       size_t count)
{
    struct llmp_str *copy = llmp_arena_take(arena, (count + 1) * sizeof(*copy));
    bool ok = copy != NULL;

    for (size_t i = 0; ok && i < count; i++)
        copy[i] = llmp_arena_str(arena, (*items)[i], &ok);
    *items = copy;
    return ok;
}

/* The chain, whose links may be gone when the job runs. */
static bool copy_grants(struct llmp_arena *arena,
                        const struct llmp_grant **grant)
{
    for (unsigned depth = 0; *grant && depth <= LLMP_GRANT_DEPTH_MAX; depth++) {
        struct llmp_grant *copy = llmp_arena_take(arena, sizeof(*copy));

        if (!copy)
            return false;
        *copy = **grant;
        if (!copy_texts(arena, &copy->models, copy->model_count) ||
            !copy_texts(arena, &copy->routes, copy->route_count))
            return false;
        *grant = copy;
        grant = &copy->grantor;
    }
    return true;
}

static bool copy_principal(struct llmp_admin *a,
                           const struct llmp_principal *from)
{
    struct llmp_principal *who = &a->who;
    bool ok = true;

    *who = *from;
    who->id = llmp_arena_str(&a->arena, from->id, &ok);
    who->name = llmp_arena_str(&a->arena, from->name, &ok);
    who->user = llmp_arena_str(&a->arena, from->user, &ok);
    who->team = llmp_arena_str(&a->arena, from->team, &ok);
    who->org = llmp_arena_str(&a->arena, from->org, &ok);
    who->acr = llmp_arena_str(&a->arena, from->acr, &ok);
    who->grantor = llmp_arena_str(&a->arena, from->grantor, &ok);
    who->above = llmp_arena_str(&a->arena, from->above, &ok);
    return ok && copy_grants(&a->arena, &who->grant);
}

/* For events, and to find the grantor again. */
static bool name_actor(struct llmp_admin *a)
{
    const char *kind = "local";
    struct llmp_str name = { NULL, 0 };

    if (a->who.kind == LLMP_PRINCIPAL_KEY) {
        kind = "key:";
        name = a->who.id;
    } else if (a->who.kind != LLMP_PRINCIPAL_LOCAL) {
        kind = "user:";
        name = a->who.user.len ? a->who.user : a->who.id;
    }
    if (name.len > LLMP_STORE_NAME_MAX - strlen("user:"))
        name.len = LLMP_STORE_NAME_MAX - strlen("user:");
    a->actor = llmp_arena_printf(&a->arena, "%s%.*s", kind, (int)name.len,
                                 name.len ? name.ptr : "");
    a->maker = a->actor;
    if (a->who.grantor.len)
        a->maker = llmp_arena_printf(
            &a->arena, "key:%.*s", (int)a->who.grantor.len, a->who.grantor.ptr);
    return a->actor.ptr && a->maker.ptr;
}

static bool copy_request(struct llmp_admin *a,
                         const struct llmp_admin_request *request)
{
    struct llmp_str target = request->target;
    const char *mark = target.len ? memchr(target.ptr, '?', target.len) : NULL;
    size_t path_len = mark ? (size_t)(mark - target.ptr) : target.len;
    bool ok = true;

    a->method = llmp_arena_str(&a->arena, request->method, &ok);
    a->path = llmp_arena_str(&a->arena,
                             (struct llmp_str){ target.ptr, path_len }, &ok);
    if (mark)
        a->query = llmp_arena_str(
            &a->arena, (struct llmp_str){ mark + 1, target.len - path_len - 1 },
            &ok);
    a->content_type = llmp_arena_str(&a->arena, request->content_type, &ok);
    a->body = llmp_arena_str(&a->arena, request->body, &ok);
    return ok && copy_principal(a, &request->principal) && name_actor(a);
}

int llmp_admin_begin(struct llmp_gateway *gateway,
                     const struct llmp_admin_request *request,
                     struct llmp_time now, llmp_admin_done_fn *done, void *ctx,
                     struct llmp_error *err)
{
    struct llmp_admin *a;
    atomic_uint *share;
    int rc;

    LLMP_ENSURE(gateway && request && done, err, LLMP_E_INVALID,
                "gateway, request and done are required");
    LLMP_ENSURE(request->body.len <= LLMP_ADMIN_BODY_MAX, err, LLMP_E_INVALID,
                "the body is too large");
    LLMP_ENSURE(gateway->stored.writer, err, LLMP_E_STATE,
                "the gateway has no store");
    share = share_of(gateway, &request->principal);
    rc = enter(gateway, share);
    if (rc != LLMP_OK)
        return rc;
    a = llmp_alloc(sizeof(*a));
    if (a)
        llmp_arena_init(&a->arena, ARENA_BLOCK);
    if (!a || !copy_request(a, request)) {
        leave(gateway, share);
        if (a)
            drop(a);
        return llmp_fail(err, LLMP_E_NOMEM, "no memory for the request");
    }
    a->job.run = run;
    a->job.done = finish;
    a->gateway = gateway;
    a->share = share;
    a->now = now;
    a->done = done;
    a->ctx = ctx;
    a->answer_type = LLMP_STR("application/json");
    a->out.limit = OUT_MAX;
    llmp_store_writer_job(gateway->stored.writer, &a->job);
    return LLMP_OK;
}
