/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What guards are to one exchange: its session, what they said so far, and
 * the texts of its answer that are under way.
 *
 *   request ── texts ── scan ── edits ── the body that goes on
 *   answer, whole: likewise; as events: stage_inspect_stream.c
 */
#ifndef LLMP_GATEWAY_INSPECT_H
#define LLMP_GATEWAY_INSPECT_H

#include <llmproxy/guardrail.h>

#include "gateway/exchange.h"
#include "wire/filtered.h"
#include "wire/replace.h"
#include "wire/texts.h"

enum { LLMP_X_GUARD_KINDS = 32, LLMP_X_GUARD_OUTS = 4 };

/* A text of a stream, and how to write more of it. */
struct llmp_x_text_stream {
    struct llmp_x_text_stream *next;
    enum llmp_text_part part;
    uint32_t choice;
    uint64_t block;
    struct llmp_guard_stream *stream;
    bool ended;
    struct llmp_buf event; /* the data of the last event that had a piece */
    struct llmp_str name;  /* of its event line; in the arena */
    size_t at, size;       /* of the piece in it */
};

struct llmp_x_guard {
    struct llmp_guard_session *session;
    enum llmp_guard_action action; /* the strongest so far */
    struct {
        const char *kind;
        enum llmp_guard_action action;
        uint32_t count;
    } kinds[LLMP_X_GUARD_KINDS];
    uint32_t kind_count, kinds_left_out;
    struct {
        uint64_t bytes;
        uint32_t findings;
        uint16_t outcomes;  /* a bit for each enum llmp_guard_outcome */
        uint32_t calls, ms; /* of asking others */
    } stages[LLMP_GUARD_STAGES_MAX];
    uint32_t marked; /* texts that were */
    bool canary;     /* there is one */
    uint64_t opaque; /* bytes that nobody could look into: pictures, sound */

    struct llmp_x_remote *remote; /* others are asked; or NULL */

    void (*go_on)(struct llmp_exchange *x); /* with the whole answer */

    bool answers; /* what comes back is looked at */
    bool over;    /* what follows is our own */
    struct {      /* of the attempt's answer, event by event */
        struct llmp_x_text_stream *texts;
        struct llmp_wire_passing passing;
        struct llmp_sse sse;
        bool sse_open, blocked, failed;
        struct llmp_buf outs[LLMP_X_GUARD_OUTS]; /* one is filled, those before
                                                    it the client is given */
        size_t filled;
    } stream;
};

/* Texts of a document that have to be replaced. */
struct llmp_x_edits {
    struct llmp_buf list; /* of struct llmp_wire_replacement */
};

/* `plain` lives in the worker's scratch from now on. */
int llmp_x_edits_add(struct llmp_x_edits *edits, struct llmp_exchange *x,
                     struct llmp_str json, struct llmp_str plain);
/* Adds `document`, edited, to `out`; frees the list, whatever comes of it. */
int llmp_x_edits_make(struct llmp_x_edits *edits, struct llmp_buf *out,
                      struct llmp_str document);

/* A text without its escapes, perhaps in the scratch; NULL: no memory. */
struct llmp_str llmp_x_unescaped(struct llmp_exchange *x,
                                 const struct llmp_wire_text *text);

/* A text as its reader will see it. LLMP_MISS: there is none to be looked at.
 */
int llmp_x_plain(struct llmp_exchange *x, const struct llmp_wire_text *text,
                 struct llmp_str *plain);

/* Why a text must not pass, and where it stands. */
struct llmp_x_blocked {
    bool blocked;
    uint32_t stage;
    const char *kind; /* NULL: the stage could not look at it */
    char path[128];
};

/* What is done with the texts of a document, a bit each. */
enum llmp_x_look {
    LLMP_X_SCAN = 1,   /* they are scanned, and others asked */
    LLMP_X_HEAR = 2,   /* what others said of them counts */
    LLMP_X_RESTORE = 4 /* tokens are put back */
};

typedef int llmp_x_walk_fn(struct llmp_exchange *x,
                           const struct llmp_json_value *root,
                           const struct llmp_wire_text_sink *sink);

/*
 * Looks at all texts of a document; what has to be replaced is.
 *
 * LLMP_E_STATE: it must not pass, `blocked` says why; LLMP_E_LIMIT: nobody can
 * look at so much; others are `walk`'s.
 */
int llmp_x_look(struct llmp_exchange *x, struct llmp_buf *document,
                llmp_x_walk_fn *walk, enum llmp_x_look what,
                struct llmp_x_blocked *blocked, bool *changed);

/* ---- others are asked (asked.c, stage_remote.c)
 * ----------------------------------- */

/* Which text of a document: counted from 0, and from 1 within one that is a
 * document itself. */
struct llmp_x_where {
    uint32_t text, inner;
};

/* Somebody has to be asked about this text; `plain` is copied. Of pictures the
 * text itself counts. */
int llmp_x_remote_add(struct llmp_exchange *x,
                      const struct llmp_wire_text *text, struct llmp_str plain,
                      struct llmp_x_where at, uint32_t waiting);

/* Asks about all that was added, and calls `done` when that is over. False:
 * there is nothing to ask. */
bool llmp_x_remote_ask(struct llmp_exchange *x,
                       void (*done)(struct llmp_exchange *x));

/* What they said of a text; how many did. It is the scratch's. */
size_t llmp_x_remote_answers(
    struct llmp_exchange *x, struct llmp_x_where at, struct llmp_str plain,
    struct llmp_guard_answer answers[LLMP_GUARD_STAGES_MAX]);

/* Forgets what was asked and answered. */
void llmp_x_remote_drop(struct llmp_exchange *x);

/* Untrusted texts of the held body are marked, and a canary is put in
 * (stage_spotlight.c). LLMP_E_NOMEM */
int llmp_x_spotlight(struct llmp_exchange *x, bool *changed);

/* Which tool an answer calls. LLMP_E_STATE: it must not. */
bool llmp_x_guards_names(const struct llmp_exchange *x);
int llmp_x_look_at_name(struct llmp_exchange *x,
                        struct llmp_guard_scanner *scanner,
                        const struct llmp_wire_text *text,
                        struct llmp_guard_report *report);

/* As which its documents are read. */
enum llmp_shape llmp_x_guard_shape(const struct llmp_exchange *x);

/* The worker's scanner for the exchange's policy; NULL: no memory. */
struct llmp_guard_scanner *llmp_x_scanner(struct llmp_exchange *x);

void llmp_x_guard_note(struct llmp_exchange *x,
                       const struct llmp_guard_finding *findings, size_t count,
                       enum llmp_guard_action action);
void llmp_x_guard_run(struct llmp_exchange *x, uint32_t stage,
                      const struct llmp_guard_run *run);
void llmp_x_guard_runs(struct llmp_exchange *x,
                       const struct llmp_guard_run *runs, size_t count);

#endif
