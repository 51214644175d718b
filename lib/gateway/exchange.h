/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of an exchange, shared by its stages. The stages are plain
 * functions called in one order; exchange.c alone knows the order.
 */
#ifndef LLMP_GATEWAY_EXCHANGE_H
#define LLMP_GATEWAY_EXCHANGE_H

#include <llmproxy/gateway.h>

#include "base/alloc.h"
#include "base/str.h"
#include "gateway/config.h"
#include "gateway/gateway.h"
#include "gateway/operation.h"
#include "gateway/upload_check.h"
#include "message/sse.h"
#include "wire/openai.h"

enum llmp_x_state {
    LLMP_X_HEAD,      /* nothing came yet */
    LLMP_X_BODY,      /* a body is being held */
    LLMP_X_UPLOAD,    /* a call runs and the body goes straight to it */
    LLMP_X_CALLING,   /* a call runs, its answer is awaited */
    LLMP_X_ANSWERING, /* the answer is on its way to the client */
    LLMP_X_ERROR,     /* an upstream's error body is being collected */
    LLMP_X_ENDED
};

/* What an answer's body is to us. */
enum llmp_x_answer {
    LLMP_ANSWER_OPAQUE, /* passed on unread */
    LLMP_ANSWER_ERROR,  /* collected, cleaned, and sent whole */
    LLMP_ANSWER_JSON,   /* passed on, its usage read on the way */
    LLMP_ANSWER_EVENTS  /* passed on event by event */
};

enum {
    LLMP_X_ASKS = 8,
    LLMP_X_HEADERS = 40,
    LLMP_X_CALL_HEADERS = 24,
    LLMP_X_BUFFER_KEPT = 4096, /* of a pooled exchange's buffers */
    LLMP_X_UNSENT_HIGH = 64 * 1024,
    LLMP_X_UNSENT_LOW = 16 * 1024,
    LLMP_X_PASS_WINDOW = 64 * 1024, /* where `model` must come in */
};

struct llmp_exchange {
    struct llmp_worker *worker;
    struct llmp_config *config; /* one reference for the whole exchange */
    struct llmp_arena arena;
    struct llmp_exchange *next_free;
    enum llmp_x_state state;
    struct llmp_time now;
    uint64_t begun_ns; /* when the head was received */

    /* What is to be asked: a ring. */
    uint8_t ask_first, ask_count;
    struct llmp_str input; /* a piece of the answer not yet turned to asks */

    /* The request. */
    const struct llmp_operation *operation;
    struct llmp_str request_id;
    struct llmp_buf body; /* held body; given back when it was sent */
    uint64_t held;        /* what of it counts in the worker's sum */
    uint64_t body_size, body_seen;
    bool request_ended, request_paused;
    bool connection_over; /* it is no proper request */
    struct llmp_str content_type, content_encoding, traceparent, tracestate,
        beta;
    struct llmp_str model_header;
    struct llmp_str upstream_path; /* behind the provider's base path; empty:
                                      the operation's */
    const struct llmp_model *model;
    bool client_wants_usage, usage_injected;

    /* What `reader` is. */
    enum { LLMP_READS_NOTHING, LLMP_READS_REQUEST, LLMP_READS_ANSWER } reads;

    /* The call. */
    struct llmp_call call;
    bool call_open; /* begun and not yet ended, failed, cancelled */
    bool call_paused;
    bool call_reached; /* the provider may have begun to work */
    bool upload_ended;
    struct llmp_upload_check *upload_check; /* of a pass-through body */
    uint64_t call_begun_ns, call_sent_ns;

    /* The answer. */
    enum llmp_x_answer answer;
    struct llmp_response_head response;
    struct llmp_buf out; /* our own body: errors, local answers */
    struct llmp_sse sse;
    bool sse_open;
    bool responded; /* the client has the answer's head */
    bool stream_done, stream_finished;
    size_t unsent; /* given to the client, not yet taken by it */

    struct {               /* of models, gathered from several providers */
        bool open, good;   /* good: of the call that runs */
        uint64_t until_ns; /* when the list is given as far as it is */
        size_t next;       /* provider to ask */
        size_t shown;
    } list;

    uint64_t deadline_ns, wait_ns; /* when to give up; when a tick comes */
    struct llmp_summary summary;

    /* From here on nothing is wiped for the next exchange: what is valid is
     * said above (counts, `reads`). */
    struct llmp_ask asks[LLMP_X_ASKS];
    union { /* one reader at a time: the request's, then the answer's */
        struct llmp_openai_request request;
        struct llmp_openai_usage_reader answer;
    } reader;
    struct llmp_header call_headers[LLMP_X_CALL_HEADERS];
    struct llmp_str parts[LLMP_OPENAI_PARTS_MAX];
    struct llmp_header headers[LLMP_X_HEADERS];
};

/* exchange.c: asks and endings */
void llmp_x_ask(struct llmp_exchange *x, struct llmp_ask ask);
void llmp_x_deadline(struct llmp_exchange *x, uint64_t timeout_ms);
void llmp_x_no_deadline(struct llmp_exchange *x);
void llmp_x_respond(struct llmp_exchange *x);
void llmp_x_write(struct llmp_exchange *x, struct llmp_str bytes);
void llmp_x_end(struct llmp_exchange *x, enum llmp_ending ending,
                bool complete);
void llmp_x_cancel_call(struct llmp_exchange *x);
void llmp_x_release_body(struct llmp_exchange *x); /* it was sent */
void llmp_x_stop_reading(struct llmp_exchange *x); /* gives the reader back */

/* From the request's arrival to its call's last byte, or to now. */
uint64_t llmp_x_own_ns(const struct llmp_exchange *x);

/* stage_request.c */
void llmp_x_request_head(struct llmp_exchange *x,
                         const struct llmp_request_head *head);
void llmp_x_request_body(struct llmp_exchange *x, struct llmp_str bytes);
void llmp_x_request_end(struct llmp_exchange *x);
bool llmp_x_uploads(const struct llmp_exchange *x); /* straight to the call */

/* stage_call.c */
bool llmp_x_route(struct llmp_exchange *x, struct llmp_str model);
void llmp_x_refuse_unknown(struct llmp_exchange *x,
                           struct llmp_str model); /* and names near ones */
void llmp_x_call(struct llmp_exchange *x, const struct llmp_str *body,
                 size_t parts, uint64_t body_size);
void llmp_x_call_plain(struct llmp_exchange *x); /* the held body, edited */
void llmp_x_call_get(struct llmp_exchange *x,
                     struct llmp_str path); /* below the base path */

/* The name for upstream; empty when it is the one that was asked for. */
struct llmp_str llmp_x_renamed(struct llmp_exchange *x, struct llmp_str model);

/* The held front of a pass-through body with its `model`, which may be empty,
 * replaced by `name`. */
size_t llmp_x_pass_edit(struct llmp_exchange *x, struct llmp_str front,
                        struct llmp_str model, struct llmp_str name,
                        struct llmp_str parts[LLMP_OPENAI_PARTS_MAX]);

/* stage_answer.c */
void llmp_x_answer_head(struct llmp_exchange *x,
                        const struct llmp_response_head *head);
void llmp_x_answer_body(struct llmp_exchange *x, struct llmp_str bytes);
bool llmp_x_answer_pump(struct llmp_exchange *x);
void llmp_x_answer_end(struct llmp_exchange *x);
void llmp_x_answer_fail(struct llmp_exchange *x, enum llmp_call_failure failure,
                        bool sent);
void llmp_x_answer_timeout(struct llmp_exchange *x);
void llmp_x_answer_stop(struct llmp_exchange *x);
void llmp_x_server_timing(struct llmp_exchange *x); /* adds the field */

/* stage_local.c */
void llmp_x_local(struct llmp_exchange *x, struct llmp_str path);

/* stage_models.c: while `list.open`, a call's answer is its business */
void llmp_x_list_models(struct llmp_exchange *x);
void llmp_x_list_head(struct llmp_exchange *x, uint16_t status);
void llmp_x_list_body(struct llmp_exchange *x, struct llmp_str bytes);
void llmp_x_list_end(struct llmp_exchange *x, bool well);
void llmp_x_add_model(struct llmp_buf *out, const struct llmp_model *model,
                      struct llmp_str id);

/* refuse.c: an answer of our own in the client's dialect; ends the exchange */
struct llmp_refusal {
    uint16_t status;
    const char *code;
    const char *param;
    const char *type;        /* NULL: the one that goes with the status */
    const char *allow;       /* for 405 */
    const char *retry_after; /* seconds; NULL: nothing is said */
    enum llmp_ending ending;
};
void llmp_x_refuse(struct llmp_exchange *x, const struct llmp_refusal *refusal,
                   const char *format, ...) LLMP_PRINTF(3, 4);
void llmp_x_refuse_nomem(struct llmp_exchange *x);

/* Adds one field to the client's answer; drops it when there is no room. */
void llmp_x_header(struct llmp_exchange *x, struct llmp_str name,
                   struct llmp_str value);

/* Sends `x->out` as a whole answer and ends. */
void llmp_x_answer_whole(struct llmp_exchange *x, uint16_t status,
                         struct llmp_str content_type, enum llmp_ending ending);

#endif
