/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Others are asked about texts: stage by stage, each with a few calls, all of
 * them before the provider's call, or behind its whole answer. Who does not
 * answer in time has failed; who fails often is not asked for a while.
 *
 *   added ── texts of a stage ── pieces of a call ── answer ── found, by text
 */
#include "base/internal.h"
#include "gateway/asked.h"

enum {
    FAILURES_MAX = 5, /* in a row, until somebody is left alone */
    ALONE_MS = 5000,
    CALL_HEADERS_MAX = 16 /* that a provider may have of its own */
};

static const struct llmp_guard_remote *remote_of(const struct llmp_exchange *x)
{
    return &x->config->guard.remotes[x->guard->remote->stage];
}

/* ---- calls -------------------------------------------------------------- */

static void next_stage(struct llmp_exchange *x);
static void next_call(struct llmp_exchange *x);

/* All workers know the same. A stage keeps its index when the configuration is
 * read again, or somebody else is left alone for a moment. */
static struct llmp_remote_health *health_of(struct llmp_exchange *x)
{
    return &x->worker->gateway->remotes[x->guard->remote->stage];
}

static bool is_left_alone(struct llmp_exchange *x)
{
    return x->now.mono_ns <
           atomic_load_explicit(&health_of(x)->until_ns, memory_order_relaxed);
}

static void note_failure(struct llmp_exchange *x)
{
    struct llmp_remote_health *health = health_of(x);

    if (atomic_fetch_add(&health->failures, 1) + 1 >= FAILURES_MAX)
        atomic_store(&health->until_ns,
                     llmp_add_sat(x->now.mono_ns, ALONE_MS * LLMP_NS_PER_MS));
}

/* What the stage did not see of the texts from `first` on. */
static void give_up(struct llmp_x_remote *r, size_t first, bool failed)
{
    for (size_t i = first; i < r->text_count; i++) {
        struct asked *one = asked_at(r, r->indices[i]);

        if (failed)
            one->failed |= 1u << r->stage;
        else
            one->cut |= 1u << r->stage;
    }
}

static void stage_over(struct llmp_exchange *x)
{
    struct llmp_x_remote *r = x->guard->remote;
    uint64_t ms = (x->now.mono_ns - r->stage_begun_ns) / LLMP_NS_PER_MS;

    x->guard->stages[r->stage].calls += r->calls;
    x->guard->stages[r->stage].ms += (uint32_t)ms;
    next_stage(x);
}

static void fail_stage(struct llmp_exchange *x)
{
    struct llmp_x_remote *r = x->guard->remote;

    note_failure(x);
    /* Of a text that was seen in part nothing is known, either. */
    give_up(r, r->piece_count ? r->pieces[0].index : r->cursor.text, true);
    llmp_metrics_guard_call(&x->worker->metrics, false);
    stage_over(x);
}

static void take_found(void *to, uint32_t piece,
                       const struct llmp_guard_found *one)
{
    struct llmp_x_remote *r = to;
    const struct llmp_remote_piece *of = &r->pieces[piece];
    struct asked *asked = asked_at(r, r->indices[of->index]);
    struct heard *heard = llmp_arena_take(&r->arena, sizeof(*heard));

    if (!heard) {
        r->nomem = true;
        return;
    }
    *heard = (struct heard){ asked->heard, r->stage, *one };
    heard->one.begin += of->begin;
    heard->one.end += of->begin;
    heard->one.kind = llmp_arena_printf(&r->arena, "%s", one->kind).ptr;
    heard->one.label =
        one->label ? llmp_arena_printf(&r->arena, "%s", one->label).ptr : NULL;
    r->nomem |= !heard->one.kind || (one->label && !heard->one.label);
    asked->heard = heard;
    asked->heard_count++;
}

static bool read_answer(struct llmp_exchange *x)
{
    struct llmp_x_remote *r = x->guard->remote;
    const struct llmp_json_value *root;
    bool good;

    if (r->status != 200 || r->answer.failed)
        return false;
    good = llmp_json_tree(&root, llmp_buf_str(&r->answer), 0,
                          &x->worker->scratch, NULL) == LLMP_OK &&
           llmp_json_is(root, LLMP_JSON_OBJECT) &&
           remote_of(x)->set.api->answer(root, r->pieces, r->piece_count,
                                         take_found, r) &&
           !r->nomem;
    llmp_arena_reset(&x->worker->scratch);
    return good;
}

static void remote_head(struct llmp_exchange *x,
                        const struct llmp_response_head *head)
{
    x->guard->remote->status = head->status;
}

static void remote_body(struct llmp_exchange *x, struct llmp_str bytes)
{
    (void)llmp_buf_add(&x->guard->remote->answer, bytes); /* `failed` tells */
}

static void remote_over(struct llmp_exchange *x, const struct llmp_x_over *over)
{
    llmp_x_cancel_call(x);
    if (over->how != LLMP_X_ENDED_WELL || !read_answer(x)) {
        fail_stage(x);
        return;
    }
    atomic_store(&health_of(x)->failures, 0);
    llmp_metrics_guard_call(&x->worker->metrics, true);
    next_call(x);
}

static const struct llmp_x_receiver receiver = {
    .head = remote_head,
    .body = remote_body,
    .over = remote_over,
};

/* The provider's key, where the service wants it. */
static void add_key(struct llmp_exchange *x,
                    const struct llmp_guard_remote *remote)
{
    const struct llmp_provider *provider = remote->provider;
    struct llmp_str prefix = llmp_face_row(provider->face)->key_prefix;
    struct llmp_header key;

    if (!provider->credential_count)
        return;
    key = provider->credentials[0];
    if (remote->set.api->key_field) {
        key.name = llmp_str_of(remote->set.api->key_field);
        if (llmp_str_starts(key.value, prefix)) {
            key.value.ptr += prefix.len;
            key.value.len -= prefix.len;
        }
    }
    llmp_x_call_header(x, key.name, key.value);
}

static bool make_call(struct llmp_exchange *x, struct llmp_str path)
{
    struct llmp_x_remote *r = x->guard->remote;
    const struct llmp_guard_remote *remote = remote_of(x);
    const struct llmp_provider *provider = remote->provider;
    struct llmp_x_attempt *attempt = x->attempt;

    attempt->parts[0] = llmp_buf_str(&r->body);
    attempt->call = (struct llmp_call){
        .id = ++x->calls,
        .origin = &provider->origin,
        .method = LLMP_STR("POST"),
        .path = path,
        .headers = attempt->call_headers,
        .body_size = r->body.len,
        .body = attempt->parts,
        .body_parts = 1,
    };
    add_key(x, remote);
    for (size_t i = 0; i < provider->header_count && i < CALL_HEADERS_MAX; i++)
        llmp_x_call_header(x, provider->headers[i].name,
                           provider->headers[i].value);
    llmp_x_call_header(x, LLMP_STR("content-type"),
                       LLMP_STR("application/json"));
    llmp_x_call_header(x, LLMP_STR("accept"), LLMP_STR("application/json"));
    llmp_x_call_header(x, LLMP_STR("user-agent"),
                       LLMP_STR("llmgw/" LLMP_VERSION));
    llmp_x_call_header(x, LLMP_STR("x-request-id"), x->request_id);
    return llmp_x_sign(x, provider, attempt->parts, 1) == LLMP_OK;
}

static bool write_call(struct llmp_exchange *x, struct llmp_str *path)
{
    struct llmp_x_remote *r = x->guard->remote;
    const struct llmp_guard_remote *remote = remote_of(x);
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf to = { 0 };
    bool ok = llmp_buf_add(&to, remote->provider->base_path) &&
              remote->set.api->path(&to, &remote->set);

    r->body.len = 0;
    r->body.failed = false;
    ok = ok && remote->set.api->request(&r->body, &remote->set, r->pieces,
                                        r->piece_count);
    if (ok && !to.len)
        (void)llmp_buf_add(&to, LLMP_STR("/"));
    if (ok)
        *path = llmp_arena_str(&r->arena, llmp_buf_str(&to), &ok);
    return ok;
}

static void begin_call(struct llmp_exchange *x)
{
    struct llmp_x_remote *r = x->guard->remote;
    struct llmp_str path;

    r->status = 0;
    r->answer.len = 0;
    r->answer.limit = LLMP_REMOTE_ANSWER_MAX;
    r->answer.failed = false;
    if (!write_call(x, &path) || !make_call(x, path)) {
        fail_stage(x);
        return;
    }
    r->calls++;
    x->state = LLMP_X_GUARD;
    x->attempt->receiver = &receiver;
    x->attempt->call_open = true;
    llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_CALL,
                                     .id = x->attempt->call.id,
                                     .call = &x->attempt->call });
    llmp_x_call_deadline(x, (r->until_ns - x->now.mono_ns) / LLMP_NS_PER_MS);
}

static void next_call(struct llmp_exchange *x)
{
    struct llmp_x_remote *r = x->guard->remote;
    const struct llmp_guard_remote *remote = remote_of(x);

    if (x->now.mono_ns >= r->until_ns && r->cursor.text < r->text_count) {
        r->piece_count = 0;
        fail_stage(x);
        return;
    }
    if (r->calls == remote->calls_max) {
        give_up(r, r->cursor.text, false);
        stage_over(x);
        return;
    }
    r->piece_count = llmp_remote_next(remote->set.api, r->texts, r->text_count,
                                      &r->cursor, r->pieces);
    if (r->piece_count)
        begin_call(x);
    else
        stage_over(x);
}

/* ---- stage by stage ----------------------------------------------------- */

static void all_asked(struct llmp_exchange *x)
{
    struct llmp_x_remote *r = x->guard->remote;

    if (!x->call_begun_ns)
        x->others_ns += x->now.mono_ns - r->begun_ns;
    llmp_x_no_deadline(x);
    r->done(x);
}

/* The texts that the stage is to see, and can. */
static bool choose_texts(struct llmp_x_remote *r)
{
    size_t count = asked_count(r);

    r->texts = llmp_arena_take(&r->arena, count * sizeof(*r->texts) + 1);
    r->indices = llmp_arena_take(&r->arena, count * sizeof(*r->indices) + 1);
    r->text_count = 0;
    if (!r->texts || !r->indices)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct asked *one = asked_at(r, i);

        if ((one->waiting & ~one->cut) >> r->stage & 1) {
            r->indices[r->text_count] = (uint32_t)i;
            r->texts[r->text_count++] = one->text;
        }
    }
    return true;
}

/* There was no memory to begin with the stage. */
static void fail_all(struct llmp_x_remote *r)
{
    for (size_t i = 0; i < asked_count(r); i++)
        asked_at(r, i)->failed |= asked_at(r, i)->waiting & 1u << r->stage;
}

static void next_stage(struct llmp_exchange *x)
{
    struct llmp_x_remote *r = x->guard->remote;

    while (r->left) {
        uint32_t stage = 0;

        while (!(r->left >> stage & 1))
            stage++;
        r->left &= ~(1u << stage);
        r->stage = stage;
        r->calls = 0;
        r->cursor = (struct llmp_remote_cursor){ 0, 0 };
        r->stage_begun_ns = x->now.mono_ns;
        r->until_ns =
            llmp_add_sat(x->now.mono_ns, llmp_mul_sat(remote_of(x)->timeout_ms,
                                                      LLMP_NS_PER_MS));
        if (!choose_texts(r)) {
            fail_all(r);
        } else if (is_left_alone(x)) {
            give_up(r, 0, true);
        } else if (r->text_count) {
            next_call(x);
            return;
        }
    }
    all_asked(x);
}

bool llmp_x_remote_ask(struct llmp_exchange *x,
                       void (*done)(struct llmp_exchange *x))
{
    struct llmp_x_remote *r = x->guard->remote;

    if (!r)
        return false;
    llmp_x_win(x); /* nobody answers meanwhile */
    r->done = done;
    r->begun_ns = x->now.mono_ns;
    for (size_t i = 0; i < asked_count(r); i++)
        r->left |= asked_at(r, i)->waiting;
    next_stage(x);
    return true;
}
