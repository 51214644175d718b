/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenAI's dialect: what is read from a request and an answer, what may be
 * edited in a request, and how an error looks. Pure functions over text; the
 * shapes are those of OpenAI's API reference (chat, completions, embeddings,
 * responses) and of its "errors" guide.
 */
#ifndef LLMP_WIRE_OPENAI_H
#define LLMP_WIRE_OPENAI_H

#include <llmproxy/json.h>

#include "base/alloc.h"
#include "base/json_member.h"
#include "base/str.h"
#include "message/answer.h"
#include "wire/refs.h"

/* Which members a JSON request must or may have. */
enum llmp_shape {
    LLMP_SHAPE_CHAT,
    LLMP_SHAPE_COMPLETIONS,
    LLMP_SHAPE_EMBEDDINGS,
    LLMP_SHAPE_RESPONSES,
    LLMP_SHAPE_MESSAGES,    /* Anthropic's */
    LLMP_SHAPE_COUNT,       /* Anthropic's: how many tokens would it be? */
    LLMP_SHAPE_ANY,         /* only `model` is looked at */
    LLMP_SHAPE_GEMINI,      /* Google's generateContent: the path says model and
                               whether it is a stream */
    LLMP_SHAPE_GEMINI_OTHER /* Google's other methods: nothing is looked at */
};

/* Reads a request as it comes; nothing of the text is kept, only offsets. */
struct llmp_request_reader {
    struct llmp_json json;
    struct llmp_json_pick pick;
    struct llmp_json_field fields[LLMP_JSON_FIELDS_MAX];
    enum llmp_shape shape;
    uint32_t field_count;
    bool root_seen, root_is_object;
    uint64_t root_offset; /* of the opening brace */
    struct {              /* chat: where in "messages" the reader is */
        uint32_t index;
        uint8_t member; /* whose value comes next */
        bool next, inside;
    } messages;
    struct llmp_refs refs; /* what lies at the provider */
    char wrong[32];        /* the path of a member of the wrong type */
};

void llmp_request_init(struct llmp_request_reader *request,
                       enum llmp_shape shape, uint32_t depth_max);
void llmp_request_fini(struct llmp_request_reader *request);

/*
 * LLMP_AGAIN: more; LLMP_END: the document is complete and correct JSON;
 * LLMP_E_TYPE: a message is none, `wrong` says which member; other negative:
 * as llmp_json_next().
 */
int llmp_request_feed(struct llmp_request_reader *request,
                      struct llmp_str piece, bool last, struct llmp_error *err);

/* Whether the `model` member has been read already. */
bool llmp_request_has_model(const struct llmp_request_reader *request);

/*
 * Checks presence and types of the members.
 *
 * @param param  on LLMP_E_TYPE receives the member's path
 */
int llmp_request_check(const struct llmp_request_reader *request,
                       const char **param, struct llmp_error *err);

/* The model asked for, decoded into `arena`; empty if absent or no memory. */
struct llmp_str llmp_request_model(const struct llmp_request_reader *request,
                                   struct llmp_str body,
                                   struct llmp_arena *arena);

bool llmp_request_stream(const struct llmp_request_reader *request);

/* The client itself asked for the usage chunk. */
bool llmp_request_wants_usage(const struct llmp_request_reader *request);

/* The most output that the request allows, of all its choices together;
 * UINT64_MAX: it does not say. `body` is the whole of it. */
uint64_t llmp_request_output_max(const struct llmp_request_reader *request,
                                 struct llmp_str body);

#define LLMP_REQUEST_PARTS_MAX 7

/* Replace `size` bytes at `offset` by `text`. */
struct llmp_request_change {
    uint64_t offset, size;
    struct llmp_str text;
};

/* Where a request can be edited; outlives its reader, because a request may be
 * sent more than once. */
struct llmp_request_plan {
    bool has_model;
    struct llmp_request_change model; /* its text is said later */
    struct llmp_request_change usage; /* asks a stream for its counts */
};

void llmp_request_plan(const struct llmp_request_reader *request,
                       struct llmp_str body, struct llmp_request_plan *plan);

/*
 * The body as it goes upstream, in parts that point into `body` and `arena`.
 *
 * @param model   replaces the model's name; empty: leave it
 * @param usage   make sure that stream_options.include_usage is true
 * @return the number of parts, 0 when memory is short
 */
size_t llmp_request_edit(const struct llmp_request_plan *plan,
                         struct llmp_str body, struct llmp_str model,
                         bool usage, struct llmp_arena *arena,
                         struct llmp_str parts[LLMP_REQUEST_PARTS_MAX]);

/* Reads the usage of an answer that comes in pieces. */
struct llmp_peek {
    enum llmp_shape shape;
    struct llmp_json_members members; /* "usage", "error", "id" */
    char front[32]; /* of Anthropic's: {"type":"error", … says it first */
    size_t front_len;
};

void llmp_peek_init(struct llmp_peek *reader, enum llmp_shape shape);
void llmp_peek_feed(struct llmp_peek *reader, struct llmp_str piece);

/* What the pieces so far say about the answer. */
enum llmp_peek_verdict {
    LLMP_PEEK_UNDECIDED, /* its first member is not known yet */
    LLMP_PEEK_CONTENT,   /* as far as it goes */
    LLMP_PEEK_ERROR      /* it has an error instead of content */
};

enum llmp_peek_verdict llmp_peek_verdict(const struct llmp_peek *reader);

/*
 * After the last piece.
 *
 * @return true if the answer has an error instead of content
 */
bool llmp_peek_end(const struct llmp_peek *reader,
                   struct llmp_token_usage *usage);

/* The id of a response that the provider keeps; empty: none. */
struct llmp_str llmp_peek_object(const struct llmp_peek *reader);

/* What one event of a stream says. */
struct llmp_peek_event {
    bool done;       /* the dialect's own end of the stream */
    bool finished;   /* a finish_reason: the text is complete */
    bool error;      /* an error instead of content */
    bool obscure;    /* not understood: it may say anything */
    bool usage_only; /* usage and no choices: the chunk nobody asked for */
    struct llmp_str object; /* as llmp_peek_object() */
    struct llmp_token_usage usage;
};

/*
 * @param name   of its event line; may be empty
 * @param data   may be empty: a comment
 * @param sofar  what earlier events said of usage, where a dialect tells it in
 *               parts; zero at first
 */
void llmp_peek_event_read(enum llmp_shape shape, struct llmp_str name,
                          struct llmp_str data, struct llmp_token_usage *sofar,
                          struct llmp_peek_event *out);

/* Whether an event has something of the answer: text, a piece of a call, an
 * end. Before the first such event another provider can still be asked. What
 * is not understood counts as content. */
bool llmp_peek_is_content(enum llmp_shape shape, struct llmp_str data);

/* What the client is told when something goes wrong. */
struct llmp_openai_error {
    const char *type;  /* "invalid_request_error" */
    const char *code;  /* or NULL: null */
    const char *param; /* or NULL: null */
    struct llmp_str message;
};

/* Adds {"error":{…}} to `out`. */
bool llmp_openai_error_write(struct llmp_buf *out,
                             const struct llmp_openai_error *error);

/* The same as an event that ends a stream, in the shape's own form. */
bool llmp_openai_error_event(struct llmp_buf *out, enum llmp_shape shape,
                             const struct llmp_openai_error *error);

/* The error "type" that goes with a status. */
const char *llmp_openai_error_type(uint16_t status);

/*
 * Adds `text` to `out` with every secret, and whatever looks like a key, an
 * organisation or a project id, masked.
 */
bool llmp_wire_mask(struct llmp_buf *out, struct llmp_str text,
                    const struct llmp_str *secrets, size_t count);

/* Whether there is anything to mask. */
bool llmp_wire_has_secret(struct llmp_str text, const struct llmp_str *secrets,
                          size_t count);

struct llmp_dialect;

/*
 * A provider's error, made fit for the client, in its dialect: message, type,
 * code and param survive, but keys, organisation and project ids, and every
 * `secret` are masked. One without a message, or about our credentials, becomes
 * one plain sentence.
 */
bool llmp_wire_error_clean(struct llmp_buf *out,
                           const struct llmp_dialect *client, uint16_t status,
                           const struct llmp_provider_error *error,
                           struct llmp_str request_id,
                           const struct llmp_str *secrets, size_t count);

#endif
