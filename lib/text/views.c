/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which views there are, and the way back. Views are worked off in the order in
 * which they are made: what was decoded is folded and decoded once more.
 */
#include "text/views.h"

#include "base/internal.h"
#include "text/view.h"

const char *llmp_view_name(enum llmp_view_kind kind)
{
    static const char *const names[LLMP_VIEW_KINDS] = {
        "original", "folded", "leet", "joined", "percent",
        "entities", "base64", "hex",  "rot13",
    };

    return (unsigned)kind < LLMP_VIEW_KINDS ? names[kind] : "unknown";
}

void llmp_views_init(struct llmp_views *views)
{
    memset(views, 0, sizeof(*views));
}

void llmp_views_fini(struct llmp_views *views)
{
    for (size_t i = 0; i < LLMP_VIEWS_MAX; i++) {
        llmp_buf_fini(&views->items[i].bytes);
        llmp_buf_fini(&views->items[i].pieces);
    }
    llmp_views_init(views);
}

/* ---- writing ------------------------------------------------------------- */

static struct llmp_view_piece *last_piece(const struct llmp_view *view)
{
    size_t size = sizeof(struct llmp_view_piece);

    return view->pieces.len
               ? (struct llmp_view_piece *)(void *)(view->pieces.ptr +
                                                    view->pieces.len - size)
               : NULL;
}

static void add_piece(struct llmp_view *view, size_t begin, size_t size,
                      bool as_is)
{
    struct llmp_view_piece *last = last_piece(view);
    struct llmp_view_piece piece = { (uint32_t)view->bytes.len, (uint32_t)begin,
                                     (uint32_t)size, as_is };

    if (last && as_is && last->as_is && last->from + last->size == begin)
        last->size += (uint32_t)size;
    else
        (void)llmp_buf_add(&view->pieces,
                           (struct llmp_str){ (char *)&piece, sizeof(piece) });
}

static bool take_room(struct llmp_view_writer *w, size_t size)
{
    if (size > w->views->room) {
        w->views->room = 0; /* and nothing smaller comes in its place */
        w->views->cut = true;
        return false;
    }
    w->views->room -= size;
    return true;
}

void llmp_view_put(struct llmp_view_writer *w, struct llmp_str bytes,
                   size_t begin, size_t size)
{
    if (bytes.len == 0 || !take_room(w, bytes.len))
        return;
    add_piece(w->view, begin, size,
              bytes.len == size &&
                  memcmp(bytes.ptr, w->from.ptr + begin, size) == 0);
    (void)llmp_buf_add(&w->view->bytes, bytes);
}

void llmp_view_restart(struct llmp_view_writer *w)
{
    if (w->views->room)
        w->views->room += w->view->bytes.len;
    w->view->bytes.len = w->view->pieces.len = 0;
}

void llmp_view_copy(struct llmp_view_writer *w, size_t begin, size_t end)
{
    if (begin == end || !take_room(w, end - begin))
        return;
    add_piece(w->view, begin, end - begin, true);
    (void)llmp_buf_add(&w->view->bytes,
                       (struct llmp_str){ w->from.ptr + begin, end - begin });
}

void llmp_view_copy_lower(struct llmp_view_writer *w, size_t begin, size_t end)
{
    size_t at = w->view->bytes.len;

    llmp_view_copy(w, begin, end);
    for (; at < w->view->bytes.len; at++) {
        char *c = &w->view->bytes.ptr[at];

        *c = (char)(*c >= 'A' && *c <= 'Z' ? *c | 0x20 : *c);
    }
}

/* ---- which --------------------------------------------------------------- */

static const struct {
    bool (*write)(struct llmp_view_writer *w);
    bool decodes;
} makers[LLMP_VIEW_KINDS] = {
    [LLMP_VIEW_FOLDED] = { llmp_view_fold, false },
    [LLMP_VIEW_LEET] = { llmp_view_leet, false },
    [LLMP_VIEW_JOINED] = { llmp_view_joined, false },
    [LLMP_VIEW_PERCENT] = { llmp_view_percent, true },
    [LLMP_VIEW_ENTITIES] = { llmp_view_entities, true },
    [LLMP_VIEW_BASE64] = { llmp_view_base64, true },
    [LLMP_VIEW_HEX] = { llmp_view_hex, true },
    [LLMP_VIEW_ROT13] = { llmp_view_rot13, true },
};

/* LLMP_OK: it was made; LLMP_MISS: it says nothing new, or has no place. */
static int make(struct llmp_views *views, uint32_t of, enum llmp_view_kind kind)
{
    const struct llmp_view *from = &views->items[of];
    struct llmp_view *view = &views->items[views->count];
    size_t room = views->room;

    if (views->count == LLMP_VIEWS_MAX) {
        views->cut = true;
        return LLMP_MISS;
    }
    view->bytes.len = view->pieces.len = 0;
    view->bytes.failed = view->pieces.failed = false;
    view->kind = kind;
    view->of = of;
    view->decoded = from->decoded + makers[kind].decodes;
    struct llmp_view_writer w = { views, view, from->text };

    if (!makers[kind].write(&w)) {
        views->room = room;
        return LLMP_MISS;
    }
    if (view->bytes.failed || view->pieces.failed)
        return LLMP_E_NOMEM;
    view->text = llmp_buf_str(&view->bytes);
    views->count++;
    return LLMP_OK;
}

static bool is_decoded(const struct llmp_view *view)
{
    return view->kind == LLMP_VIEW_ORIGINAL || makers[view->kind].decodes;
}

enum {
    DISGUISES = 1 << LLMP_VIEW_LEET | 1 << LLMP_VIEW_JOINED,
    ENCODINGS = 1 << LLMP_VIEW_PERCENT | 1 << LLMP_VIEW_ENTITIES |
                1 << LLMP_VIEW_BASE64 | 1 << LLMP_VIEW_HEX |
                1 << LLMP_VIEW_ROT13
};

static int make_some(struct llmp_views *views, uint32_t of, uint32_t kinds)
{
    int rc = LLMP_OK;

    for (int kind = 0; rc >= 0 && kind < LLMP_VIEW_KINDS; kind++)
        if (kinds >> kind & 1)
            rc = make(views, of, (enum llmp_view_kind)kind);
    return rc;
}

/* All that is made of one view. Disguised words are looked for in what is
 * folded, where there is such a view. */
static int expand(struct llmp_views *views, uint32_t of)
{
    uint32_t kinds = llmp_view_triggers(views->items[of].text), words = of;
    int rc = make(views, of, LLMP_VIEW_FOLDED);

    if (rc == LLMP_OK)
        words = views->count - 1;
    if (rc >= 0)
        rc = make_some(views, words,
                       (words == of
                            ? kinds
                            : llmp_view_triggers(views->items[words].text)) &
                           DISGUISES);
    if (rc >= 0 && views->items[of].decoded < LLMP_VIEW_DECODED_MAX)
        rc = make_some(views, of, kinds & ENCODINGS);
    return rc < 0 ? rc : LLMP_OK;
}

int llmp_views_make(struct llmp_views *views, struct llmp_str text,
                    size_t bytes_max)
{
    if (text.len > UINT32_MAX)
        return LLMP_E_LIMIT;
    views->count = 1;
    views->cut = false;
    views->room = bytes_max;
    views->items[0].kind = LLMP_VIEW_ORIGINAL;
    views->items[0].of = views->items[0].decoded = 0;
    views->items[0].text = text;
    for (uint32_t i = 0; i < views->count; i++) {
        int rc = is_decoded(&views->items[i]) ? expand(views, i) : LLMP_OK;

        if (rc < 0) {
            views->count = 1;
            return rc;
        }
    }
    return LLMP_OK;
}

/* ---- the way back -------------------------------------------------------- */

/* The last piece that begins at or before `at`. */
static const struct llmp_view_piece *piece_at(const struct llmp_view *view,
                                              size_t at)
{
    const struct llmp_view_piece *pieces =
        (const struct llmp_view_piece *)(const void *)view->pieces.ptr;
    size_t low = 0, high = view->pieces.len / sizeof(*pieces);

    while (high - low > 1) {
        size_t middle = (low + high) / 2;

        if (pieces[middle].at <= at)
            low = middle;
        else
            high = middle;
    }
    return &pieces[low];
}

static struct llmp_text_span step_back(const struct llmp_view *view,
                                       struct llmp_text_span span)
{
    const struct llmp_view_piece *first = piece_at(view, span.begin);
    const struct llmp_view_piece *last = piece_at(view, span.end - 1);

    return (struct llmp_text_span){
        first->as_is ? first->from + (span.begin - first->at) : first->from,
        last->as_is ? last->from + (span.end - last->at)
                    : (size_t)last->from + last->size,
    };
}

struct llmp_text_span llmp_views_locate(const struct llmp_views *views,
                                        uint32_t index,
                                        struct llmp_text_span span)
{
    assert(index < views->count && span.begin < span.end);
    assert(span.end <= views->items[index].text.len);
    for (; index; index = views->items[index].of)
        span = step_back(&views->items[index], span);
    return span;
}
