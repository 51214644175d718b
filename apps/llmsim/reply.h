/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An answer: what a dialect fills in, and how a stream's events are asked for.
 * Everything is made from the reply alone, so it outlives the request.
 */
#ifndef LLMSIM_REPLY_H
#define LLMSIM_REPLY_H

#include "behaviour.h"

/* 2025-01-01, so that answers do not depend on the day. */
#define SIM_CREATED "1735689600"

struct sim_reply;
struct sim_plan;
struct sim_face;

enum sim_fault { SIM_FAULT_MALFORMED, SIM_FAULT_ERROR };

/* A dialect's stream: `lead` events, one for each token of each choice, `tail`
 * events. */
struct sim_script {
    size_t (*lead)(const struct sim_reply *reply);
    size_t (*tail)(const struct sim_reply *reply);
    /* Adds event `index`, complete with its blank line. */
    void (*event)(const struct sim_reply *reply, uint64_t index,
                  struct sim_buf *out);
    const char *error; /* an error as an event; NULL: the usual one */
    const char *type;  /* of the content; NULL: text/event-stream */
    /* Adds what stands for an event that was to break; NULL: `error`, and
     * broken JSON in OpenAI's form. */
    void (*fault)(const struct sim_reply *reply, enum sim_fault fault,
                  struct sim_buf *out);
};

struct sim_reply {
    struct sim_behaviour how;
    struct sim_random random;
    const struct sim_face *face;
    struct sim_plan *plan;  /* kept for later ones; NULL: none yet */
    uint64_t ordinal;       /* of the request, for ids */
    struct sim_buf model;   /* as JSON, without quotes */
    struct sim_buf meant;   /* the model decoded, if it has escapes */
    struct sim_buf tool;    /* its name, likewise; empty: none is called */
    struct sim_buf prefix;  /* of every event, made once */
    struct sim_buf headers; /* further response fields, with line ends */
    char echo[96];          /* says this instead of its text; or empty */
    uint64_t prompt_tokens, tokens, choices;
    bool whole;        /* the request has more than is picked from it */
    bool wants_usage;  /* of a stream, at its end */
    bool cut_by_limit; /* max_tokens was less than we would say */
    uint64_t now_ns;   /* when the event is made */

    const struct sim_script *script; /* NULL: in one piece */
    uint64_t next, count;            /* events */
    uint64_t first_ns;               /* when the first token is due */
    uint64_t interval_ns;
};

void sim_reply_fini(struct sim_reply *reply);
/* Begins anew, keeps small memory. */
void sim_reply_reset(struct sim_reply *reply);

/* Adds token `index`, to stand in a JSON string. */
void sim_reply_token(const struct sim_reply *reply, uint64_t index,
                     struct sim_buf *out);

/* Text that stands in a body without being copied into it. */
struct sim_piece {
    unsigned status;
    const char *type; /* of the content */
    struct llmp_str body;
    struct llmp_str large; /* static; may be empty */
    size_t large_at;       /* where in the body */
};

/* Adds all tokens to `out`; if they are many and `piece` is given, leaves them
 * as piece->large for this place. */
void sim_reply_text(const struct sim_reply *reply, struct sim_buf *out,
                    struct sim_piece *piece);

/* Adds a piece of the arguments of the tool call, to stand in a string. */
#define SIM_TOOL_PIECES 7
void sim_reply_argument(uint64_t index, struct sim_buf *out);

/* `"prompt_tokens":…` and so on, with braces. */
void sim_reply_usage(const struct sim_reply *reply, struct sim_buf *out);

/* When event `index` of the stream is due. */
uint64_t sim_reply_due_ns(const struct sim_reply *reply, uint64_t index);

#endif
