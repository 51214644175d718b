/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others are asked about: texts and pictures of one document, in its
 * order; and what they said of each.
 */
#include "gateway/asked.h"

#include "base/internal.h"
#include "wire/text_looks.h"

enum { ASKED_MAX = 4096 /* texts of one document */ };

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
