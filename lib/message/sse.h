/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits a text/event-stream (WHATWG HTML, 9.2) into events, as it comes, in
 * pieces of any size. Every byte fed comes out again, once and in order, in
 * the `raw` of some event or in llmp_sse_rest(): who forwards these forwards
 * the stream unaltered.
 *
 * An event that lies in one piece is a span of it and costs no allocation, and
 * events that follow each other in one piece are adjacent in memory, so that
 * several can be forwarded by one write. Only one that comes in parts is
 * gathered, up to a limit; a larger one passes through without being looked
 * at.
 */
#ifndef LLMP_MESSAGE_SSE_H
#define LLMP_MESSAGE_SSE_H

#include <llmproxy/base.h>

#include "base/str.h"

enum llmp_sse_kind {
    LLMP_SSE_EVENT,     /* a whole event */
    LLMP_SSE_TOO_LARGE, /* the first part of one above the limit */
    LLMP_SSE_MORE,      /* a further part of that */
};

struct llmp_sse_event {
    enum llmp_sse_kind kind;
    bool last;            /* the event ends with this; always for EVENT */
    bool held;            /* raw is the splitter's memory: it holds until the
                             next call only, not as long as the piece */
    struct llmp_str raw;  /* with the blank line that ends it */
    struct llmp_str data; /* the values of its data lines, joined by LF; holds
                             until the next call */
    struct llmp_str name; /* of its last event line; empty: "message" */
    uint32_t data_lines;  /* 0: a comment, or nothing to dispatch */
};

/* Where the search for an event's end is. Private. */
struct llmp_sse_scan {
    size_t first_line; /* where the first line ends */
    uint32_t lines;    /* complete ones, without the blank one */
    bool line_empty;   /* nothing yet on the line that is read */
    bool after_cr;     /* an LF now belongs to the line end before */
    bool stray_lf;     /* that happened at the event's very begin */
};

/* The members are private. */
struct llmp_sse {
    struct llmp_str piece;
    size_t pos; /* where in it the event begins, or goes on */
    size_t event_max;
    struct llmp_sse_scan scan;
    struct llmp_buf gather; /* an event that comes in parts */
    struct llmp_buf joined; /* several data lines */
    bool given;             /* `gather` has been handed out */
    bool passing;           /* inside an event above the limit */
    bool begun;             /* no byte order mark is possible any more */
};

/*
 * @param event_max  an event of more bytes is TOO_LARGE; > 0
 */
void llmp_sse_init(struct llmp_sse *sse, size_t event_max);

/* Accepts NULL. */
void llmp_sse_fini(struct llmp_sse *sse);

/* Hands in the next piece, which must stay put until llmp_sse_next() has
 * asked for more; the one before must be used up. */
void llmp_sse_feed(struct llmp_sse *sse, struct llmp_str piece);

/*
 * LLMP_OK: an event or a part of one; LLMP_AGAIN: feed the next piece;
 * LLMP_E_NOMEM: out of memory, the stream cannot go on.
 */
int llmp_sse_next(struct llmp_sse *sse, struct llmp_sse_event *event);

/*
 * At the end of the stream: the bytes of an event without its blank line. The
 * standard says to drop it, a proxy should still forward it. Holds until
 * llmp_sse_fini(). Empty inside an event that is TOO_LARGE.
 */
struct llmp_str llmp_sse_rest(const struct llmp_sse *sse);

#endif
