/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two steps: finding where an event ends (a blank line), with a few bits of
 * state that survive the end of a piece, and reading the lines of a complete
 * event. Nearly every event is one data line, whose end the first step has
 * seen already, so that each byte is looked at once.
 *
 * A line ends with LF, CR or CRLF. An event that ends with a CR is given at
 * once: whether an LF follows cannot be waited for. If it does in the same
 * piece, it is the end of this event's raw, else the begin of the next one's.
 */
#include "message/sse.h"

#include "base/internal.h"

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* What an event that came in parts may leave allocated. */
#define GATHER_KEEP_MAX 16384

void llmp_sse_init(struct llmp_sse *sse, size_t event_max)
{
    assert(event_max > 0);
    *sse = (struct llmp_sse){
        .piece = LLMP_STR(""),
        .event_max = event_max,
        .scan = { .line_empty = true },
    };
}

void llmp_sse_fini(struct llmp_sse *sse)
{
    if (!sse)
        return;
    llmp_buf_fini(&sse->gather);
    llmp_buf_fini(&sse->joined);
}

void llmp_sse_feed(struct llmp_sse *sse, struct llmp_str piece)
{
    assert(sse->pos == sse->piece.len);
    sse->piece = piece.len ? piece : LLMP_STR("");
    sse->pos = 0;
}

/* The first CR or LF in [at, end), or `end`. */
static const char *skip_line(const char *at, const char *end)
{
#ifdef __SSE2__
    const __m128i cr = _mm_set1_epi8('\r'), lf = _mm_set1_epi8('\n');

    for (; end - at >= 16; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        int mask = _mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, cr), _mm_cmpeq_epi8(bytes, lf)));

        if (mask)
            return at + __builtin_ctz((unsigned)mask);
    }
#endif
    while (at < end && *at != '\r' && *at != '\n')
        at++;
    return at;
}

/* Goes on looking for the blank line in [begin, end), before which `before`
 * bytes of the event came. Returns the place behind the line end that completes
 * the event, or NULL. */
static const char *find_end(struct llmp_sse_scan *scan, const char *begin,
                            const char *end, size_t before)
{
    for (const char *at = begin; at < end; at++) {
        if (scan->line_empty) {
            bool crlf = scan->after_cr && *at == '\n';

            scan->after_cr = *at == '\r';
            if (crlf) {
                scan->stray_lf |= scan->lines == 0;
                continue;
            }
            if (*at == '\r' || *at == '\n')
                return at + 1;
            scan->line_empty = false;
        }
        at = skip_line(at, end);
        if (at == end)
            break;
        if (scan->lines++ == 0)
            scan->first_line = before + (size_t)(at - begin);
        scan->line_empty = true;
        scan->after_cr = *at == '\r';
    }
    return NULL;
}

/* The value of `line` if its field is `name`. */
static bool field_is(struct llmp_str line, struct llmp_str name,
                     struct llmp_str *value)
{
    if (!llmp_str_starts(line, name))
        return false;
    line = (struct llmp_str){ line.ptr + name.len, line.len - name.len };
    if (line.len && line.ptr[0] != ':')
        return false;

    size_t skip = line.len > 1 && line.ptr[1] == ' ' ? 2 : line.len > 0;

    *value = (struct llmp_str){ line.ptr + skip, line.len - skip };
    return true;
}

/* A second or later data line: the values are copied together. */
static int join(struct llmp_sse *sse, struct llmp_sse_event *event,
                struct llmp_str value)
{
    struct llmp_buf *joined = &sse->joined;

    if (event->data_lines == 1) {
        joined->len = 0;
        llmp_buf_add(joined, event->data);
    }
    llmp_buf_add(joined, LLMP_STR("\n"));
    if (!llmp_buf_add(joined, value))
        return LLMP_E_NOMEM;
    event->data = llmp_buf_str(joined);
    return LLMP_OK;
}

static int read_line(struct llmp_sse *sse, struct llmp_sse_event *event,
                     struct llmp_str line)
{
    struct llmp_str value;

    if (field_is(line, LLMP_STR("data"), &value)) {
        if (event->data_lines)
            LLMP_TRY(join(sse, event, value));
        else
            event->data = value;
        event->data_lines++;
    } else if (field_is(line, LLMP_STR("event"), &value)) {
        event->name = value;
    }
    return LLMP_OK;
}

/* Reads the lines of event->raw, which is whole. */
static int read_event(struct llmp_sse *sse, struct llmp_sse_event *event)
{
    const char *at = event->raw.ptr, *end = at + event->raw.len;
    const char *first_line = at + sse->scan.first_line;

    at += sse->scan.stray_lf;
    if (!sse->begun && event->raw.len > 3 && memcmp(at, "\xEF\xBB\xBF", 3) == 0)
        at += 3;
    if (sse->scan.lines <= 1)
        end = sse->scan.lines ? first_line : at;
    while (at < end) {
        const char *stop = sse->scan.lines == 1 ? end : skip_line(at, end);

        LLMP_TRY(read_line(sse, event,
                           (struct llmp_str){ at, (size_t)(stop - at) }));
        at = stop + 1; /* an LF behind a CR becomes a blank line */
    }
    return LLMP_OK;
}

static void begin_next(struct llmp_sse *sse)
{
    sse->scan = (struct llmp_sse_scan){
        .line_empty = true,
        .after_cr = sse->scan.after_cr,
    };
    sse->begun = true;
    sse->passing = false;
}

/* What of the piece belongs to an event above the limit. */
static int pass(struct llmp_sse *sse, struct llmp_sse_event *event,
                struct llmp_str bytes, bool last)
{
    *event = (struct llmp_sse_event){
        .kind = sse->passing ? LLMP_SSE_MORE : LLMP_SSE_TOO_LARGE,
        .last = last,
        .raw = bytes,
    };
    sse->pos += bytes.len;
    sse->passing = true;
    if (last)
        begin_next(sse);
    return LLMP_OK;
}

/* The event is found to be above the limit when a part of it was gathered
 * already: that part first. */
static int pass_gathered(struct llmp_sse *sse, struct llmp_sse_event *event)
{
    *event = (struct llmp_sse_event){
        .kind = LLMP_SSE_TOO_LARGE,
        .held = true,
        .raw = llmp_buf_str(&sse->gather),
    };
    sse->given = sse->passing = true;
    return LLMP_OK;
}

static int give(struct llmp_sse *sse, struct llmp_sse_event *event,
                struct llmp_str bytes)
{
    bool held = sse->gather.len > 0;

    if (held && !llmp_buf_add(&sse->gather, bytes))
        return LLMP_E_NOMEM;
    *event = (struct llmp_sse_event){
        .kind = LLMP_SSE_EVENT,
        .last = true,
        .held = held,
        .raw = held ? llmp_buf_str(&sse->gather) : bytes,
    };
    sse->given = held;
    sse->pos += bytes.len;
    LLMP_TRY(read_event(sse, event));
    begin_next(sse);
    return LLMP_OK;
}

static void drop_given(struct llmp_sse *sse)
{
    sse->given = false;
    sse->gather.len = 0;
    if (sse->gather.cap > GATHER_KEEP_MAX)
        llmp_buf_fini(&sse->gather);
}

int llmp_sse_next(struct llmp_sse *sse, struct llmp_sse_event *event)
{
    if (sse->given)
        drop_given(sse);
    if (sse->pos == sse->piece.len)
        return LLMP_AGAIN;

    const char *begin = sse->piece.ptr + sse->pos;
    const char *end = sse->piece.ptr + sse->piece.len;
    size_t before = sse->gather.len;
    struct llmp_sse_scan scan = sse->scan;
    const char *stop = find_end(&scan, begin, end, before);
    size_t size = before + (size_t)((stop ? stop : end) - begin);

    if (size - scan.stray_lf > sse->event_max && before)
        return pass_gathered(sse, event);
    if (stop && scan.after_cr && stop < end && *stop == '\n') {
        scan.after_cr = false;
        stop++;
    }
    sse->scan = scan;

    struct llmp_str bytes = { begin, (size_t)((stop ? stop : end) - begin) };

    if (sse->passing || size - scan.stray_lf > sse->event_max)
        return pass(sse, event, bytes, stop != NULL);
    if (stop)
        return give(sse, event, bytes);
    if (!llmp_buf_add(&sse->gather, bytes))
        return LLMP_E_NOMEM;
    sse->pos = sse->piece.len;
    return LLMP_AGAIN;
}

struct llmp_str llmp_sse_rest(const struct llmp_sse *sse)
{
    return sse->given ? (struct llmp_str){ NULL, 0 }
                      : llmp_buf_str(&sse->gather);
}
