/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Others are asked about texts: stage by stage, each with a few calls, all of
 * them before the provider's call, or behind its whole answer. Who does not
 * answer in time has failed; who fails often is not asked for a while.
 *
 *   added ── texts of a stage ── pieces of a call ── answer ── found, by text
 */
#include "base/internal.h"
#include "gateway/inspect.h"
#include "wire/text_looks.h"

enum {
    ASKED_MAX = 4096, /* texts of one document */
    FAILURES_MAX = 5, /* in a row, until somebody is left alone */
    ALONE_MS = 5000,
    CALL_HEADERS_MAX = 16 /* that a provider may have of its own */
};

/* What an answer says of a text, for one stage. */
struct heard {
    struct heard *next;
    uint32_t stage;
    struct llmp_guard_found one;
};

/* A text that others are asked about. */
struct asked {
    struct llmp_x_where at;
    struct llmp_remote_text text;
    uint32_t waiting, cut, failed; /* stages, a bit each */
    struct heard *heard;
    uint32_t heard_count;
};

struct llmp_x_remote {
    struct llmp_arena arena;
    struct llmp_buf asked; /* of struct asked */
    void (*done)(struct llmp_exchange *x);
    uint64_t begun_ns;

    /* The stage in hand. */
    uint32_t left; /* those behind it, a bit each */
    uint32_t stage, calls;
    uint64_t stage_begun_ns, until_ns;
    struct llmp_remote_text *texts; /* that it is to see */
    uint32_t *indices;              /* of them in `asked` */
    size_t text_count;
    struct llmp_remote_cursor cursor;

    /* The call in hand. */
    struct llmp_remote_piece pieces[LLMP_REMOTE_PIECES_MAX];
    uint32_t piece_count;
    struct llmp_buf body, answer;
    uint16_t status;
    bool nomem;
};

static struct asked *asked_at(const struct llmp_x_remote *r, size_t index)
{
    return (struct asked *)(void *)r->asked.ptr + index;
}

static size_t asked_count(const struct llmp_x_remote *r)
{
    return r->asked.len / sizeof(struct asked);
}

static const struct llmp_guard_remote *remote_of(const struct llmp_exchange *x)
{
    return &x->config->guard.remotes[x->guard->remote->stage];
}

void llmp_x_remote_drop(struct llmp_exchange *x)
{
    struct llmp_x_remote *r = x->guard->remote;

    if (!r)
        return;
    x->guard->remote = NULL;
    llmp_buf_fini(&r->asked);
    llmp_buf_fini(&r->body);
    llmp_buf_fini(&r->answer);
    llmp_arena_fini(&r->arena);
    llmp_free(r);
}

/* ---- what is asked about ------------------------------------------------ */

static struct llmp_x_remote *begin(struct llmp_exchange *x)
{
    struct llmp_x_remote *r = x->guard->remote;

    if (r)
        return r;
    r = llmp_alloc(sizeof(*r));
    if (!r)
        return NULL;
    llmp_arena_init(&r->arena, 4096);
    x->guard->remote = r;
    return r;
}

static bool is_picture_type(struct llmp_str media)
{
    static const char *const types[] = {
        "image/png",  "image/jpeg", "image/jpg",  "image/gif",
        "image/webp", "image/bmp",  "image/tiff", "png",
        "jpeg",       "gif",        "webp"
    };

    for (size_t i = 0; i < LLMP_COUNT(types); i++)
        if (llmp_str_eq_nocase(media, llmp_str_of(types[i])))
            return true;
    return false;
}

static bool is_web(struct llmp_str url)
{
    return llmp_str_starts(url, LLMP_STR("https://")) ||
           llmp_str_starts(url, LLMP_STR("http://"));
}

/* Bedrock's clients say "png". */
static struct llmp_str full_type(struct llmp_x_remote *r, struct llmp_str media)
{
    if (!media.len || memchr(media.ptr, '/', media.len))
        return media;
    return llmp_arena_printf(&r->arena, "image/%.*s", (int)media.len,
                             media.ptr);
}

/* A picture by its bytes, in base64. */
static bool take_picture(struct llmp_x_remote *r,
                         const struct llmp_wire_text *text, struct asked *one)
{
    struct llmp_str json =
        text->escaped ? llmp_wire_plain(text->json, &r->arena) : text->json;
    struct llmp_str media = text->media, data = json;
    bool ok = json.ptr != NULL;

    (void)llmp_text_is_data_url(json, &media, &data);
    one->text.is_image = true;
    one->text.text = llmp_arena_str(&r->arena, data, &ok);
    one->text.media = full_type(r, llmp_arena_str(&r->arena, media, &ok));
    return ok;
}

/* Which of the stages cannot be asked about it. */
static uint32_t cannot_see(const struct llmp_exchange *x,
                           const struct asked *one)
{
    uint32_t cut = 0;

    for (uint32_t i = 0; i < LLMP_GUARD_STAGES_MAX; i++) {
        const struct llmp_guard_remote *remote;

        if (!(one->waiting >> i & 1))
            continue;
        remote = &x->config->guard.remotes[i];
        if (!llmp_remote_takes(remote->set.api, &one->text) ||
            (one->text.is_url && !remote->image_urls) ||
            (one->text.is_image && !one->text.is_url &&
             (one->text.text.len / 4 * 3 > remote->image_bytes_max ||
              (one->text.media.len && !is_picture_type(one->text.media)))))
            cut |= 1u << i;
    }
    return cut;
}

int llmp_x_remote_add(struct llmp_exchange *x,
                      const struct llmp_wire_text *text, struct llmp_str plain,
                      struct llmp_x_where at, uint32_t waiting)
{
    struct llmp_x_remote *r = begin(x);
    struct asked one = { .at = at, .waiting = waiting };
    bool ok = r != NULL;

    if (!ok || asked_count(r) == ASKED_MAX)
        return ok ? LLMP_E_LIMIT : LLMP_E_NOMEM;
    one.text.part = (enum llmp_guard_part)text->part;
    if (text->opaque) {
        ok = take_picture(r, text, &one);
    } else {
        one.text.text = llmp_arena_str(&r->arena, plain, &ok);
        one.text.is_image = one.text.is_url =
            text->part == LLMP_TEXT_IMAGE && is_web(plain);
    }
    one.cut = cannot_see(x, &one);
    return ok && llmp_buf_add(&r->asked, (struct llmp_str){ (const char *)&one,
                                                            sizeof(one) })
               ? LLMP_OK
               : LLMP_E_NOMEM;
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

static void add_header(struct llmp_x_attempt *attempt, struct llmp_str name,
                       struct llmp_str value)
{
    if (value.len && attempt->call.header_count < LLMP_X_CALL_HEADERS)
        attempt->call_headers[attempt->call.header_count++] =
            (struct llmp_header){ name, value };
}

/* The provider's key, where the service wants it. */
static void add_key(struct llmp_x_attempt *attempt,
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
    add_header(attempt, key.name, key.value);
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
    add_key(attempt, remote);
    for (size_t i = 0; i < provider->header_count && i < CALL_HEADERS_MAX; i++)
        add_header(attempt, provider->headers[i].name,
                   provider->headers[i].value);
    add_header(attempt, LLMP_STR("content-type"), LLMP_STR("application/json"));
    add_header(attempt, LLMP_STR("accept"), LLMP_STR("application/json"));
    add_header(attempt, LLMP_STR("user-agent"),
               LLMP_STR("llmgw/" LLMP_VERSION));
    add_header(attempt, LLMP_STR("x-request-id"), x->request_id);
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

/* ---- what they said ----------------------------------------------------- */

static bool is_before(struct llmp_x_where a, struct llmp_x_where b)
{
    return a.text != b.text ? a.text < b.text : a.inner < b.inner;
}

/* They were added in the document's order. */
static const struct asked *find(const struct llmp_x_remote *r,
                                struct llmp_x_where at)
{
    size_t low = 0, high = asked_count(r);

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (is_before(asked_at(r, middle)->at, at))
            low = middle + 1;
        else
            high = middle;
    }
    return low < asked_count(r) && !is_before(at, asked_at(r, low)->at)
               ? asked_at(r, low)
               : NULL;
}

/* The findings of one stage, in a row. */
static const struct llmp_guard_found *found_by(struct llmp_exchange *x,
                                               const struct asked *asked,
                                               uint32_t stage, size_t *count)
{
    struct llmp_guard_found *list = llmp_arena_take(
        &x->worker->scratch, (asked->heard_count + 1) * sizeof(*list));
    size_t left;

    *count = 0;
    for (const struct heard *h = asked->heard; h; h = h->next)
        *count += h->stage == stage;
    left = *count;
    for (const struct heard *h = asked->heard; list && h; h = h->next)
        if (h->stage == stage) /* the newest comes first */
            list[--left] = h->one;
    return list;
}

static struct llmp_guard_answer answer_of(struct llmp_exchange *x,
                                          const struct asked *asked,
                                          uint32_t stage)
{
    struct llmp_guard_answer answer = { .stage = stage };
    uint32_t bit = 1u << stage;

    answer.found = found_by(x, asked, stage, &answer.found_count);
    answer.outcome = asked->failed & bit || !answer.found ? LLMP_GUARD_FAILED
                     : asked->cut & bit                   ? LLMP_GUARD_CUT
                                                          : LLMP_GUARD_RAN;
    return answer;
}

/* A text that is no longer what was asked about was not looked at. */
size_t llmp_x_remote_answers(
    struct llmp_exchange *x, struct llmp_x_where at, struct llmp_str plain,
    struct llmp_guard_answer answers[LLMP_GUARD_STAGES_MAX])
{
    const struct llmp_x_remote *r = x->guard->remote;
    const struct asked *asked = r ? find(r, at) : NULL;
    size_t count = 0;

    for (uint32_t i = 0; asked && i < LLMP_GUARD_STAGES_MAX; i++) {
        if (!(asked->waiting >> i & 1))
            continue;
        answers[count] = answer_of(x, asked, i);
        if (plain.len && !llmp_str_eq(plain, asked->text.text)) {
            answers[count].outcome = LLMP_GUARD_FAILED;
            answers[count].found_count = 0;
        }
        count++;
    }
    return count;
}
