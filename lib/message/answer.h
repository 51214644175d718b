/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical form of an answer, whole or as a stream of events; texts as in
 * chat.h. A stream's part is open from PART to PART_END, and deltas between
 * belong to it; parts of one choice do not overlap.
 */
#ifndef LLMP_MESSAGE_ANSWER_H
#define LLMP_MESSAGE_ANSWER_H

#include "message/chat.h"

/* Token counts. `input` has what came from a cache and what was written to it;
 * `output` has the reasoning. */
struct llmp_token_usage {
    bool reported;
    uint64_t input, output, cached, cache_written, reasoning;
};

enum llmp_stop {
    LLMP_STOP_UNSAID,
    LLMP_STOP_END,
    LLMP_STOP_LENGTH,
    LLMP_STOP_TOOLS,
    LLMP_STOP_SEQUENCE, /* one of the client's */
    LLMP_STOP_FILTER,   /* the provider's filter */
    LLMP_STOP_REFUSAL,  /* the model would not */
    LLMP_STOP_PAUSE     /* ask again with what there is */
};

struct llmp_choice {
    struct llmp_choice *next;
    uint32_t index;
    enum llmp_stop stop;
    struct llmp_str stop_sequence; /* the one that was met; or empty */
    struct llmp_part *first, *last;
    struct llmp_str logprobs; /* raw, OpenAI's list of tokens; or empty */
};

struct llmp_answer {
    struct llmp_str id, model; /* JSON text; may be empty */
    uint64_t created_s;        /* since 1970; 0: not said */
    struct llmp_choice *first, *last;
    struct llmp_token_usage usage;
};

enum llmp_event_kind {
    LLMP_EVENT_START,     /* id, model, and what of usage is known */
    LLMP_EVENT_PART,      /* a part begins: `part` */
    LLMP_EVENT_DELTA,     /* more of it: `text`; of a tool call the next piece
                             of its arguments, as JSON text */
    LLMP_EVENT_SIGNATURE, /* of the open part: `text` */
    LLMP_EVENT_CITATION,  /* of the open part: `text` is raw, one citation */
    LLMP_EVENT_LOGPROBS,  /* `text` is raw, OpenAI's list of tokens */
    LLMP_EVENT_PART_END,
    LLMP_EVENT_STOP, /* of a choice: why */
    LLMP_EVENT_USAGE,
    LLMP_EVENT_ERROR, /* instead of the rest: `error` */
    LLMP_EVENT_END    /* the dialect's own end; exactly once */
};

/* What went wrong at a provider, in the words of none. */
enum llmp_fault {
    LLMP_FAULT_NONE,
    LLMP_FAULT_REQUEST, /* the client's: 400 */
    LLMP_FAULT_CONTEXT, /* too long for the model */
    LLMP_FAULT_FILTER,  /* the provider will not have the content */
    LLMP_FAULT_AUTH,    /* our key */
    LLMP_FAULT_QUOTA,   /* too many requests, or no money left */
    LLMP_FAULT_MODEL,   /* there is no such model */
    LLMP_FAULT_TRANSIENT
};

struct llmp_provider_error {
    enum llmp_fault fault;
    struct llmp_str message;           /* JSON text; as the provider says it */
    struct llmp_str type, code, param; /* the provider's own words; or empty */
};

struct llmp_event {
    enum llmp_event_kind kind;
    uint32_t choice;
    struct llmp_str id, model; /* START */
    uint64_t created_s;
    struct llmp_part part; /* PART: kind, and id and name of a tool call */
    struct llmp_str text;
    enum llmp_stop stop;
    struct llmp_str stop_sequence;
    struct llmp_token_usage usage; /* START, USAGE */
    struct llmp_provider_error error;
};

/* Where a stream's events go. A negative status ends the reading and comes
 * back unchanged. What an event points to holds during the call only. */
struct llmp_event_sink {
    int (*take)(const struct llmp_event *event, void *ctx);
    void *ctx;
};

/* What is added comes last. NULL: no memory. */
struct llmp_choice *llmp_answer_add(struct llmp_answer *answer,
                                    struct llmp_arena *arena);
struct llmp_part *llmp_choice_add(struct llmp_choice *choice,
                                  enum llmp_part_kind kind,
                                  struct llmp_arena *arena);

#endif
