/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP/2 on a connection: http2.c has the session and its defences,
 * http2_stream.c one exchange on a stream. nghttp2 does the protocol.
 */
#ifndef LLMGW_HTTP2_H
#define LLMGW_HTTP2_H

#include <llmproxy/gateway.h>
#include <nghttp2/nghttp2.h>

#include "list.h"
#include "queue.h"
#include "timers.h"

struct gw_conn;
struct gw_http2;
struct gw_stream;

/* The first bytes of every HTTP/2 connection. */
#define GW_HTTP2_PREFACE      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define GW_HTTP2_PREFACE_SIZE 24

/* Makes the connection speak HTTP/2 from its next byte. False: no memory. */
bool gw_http2_begin(struct gw_conn *conn);

/* Accepts NULL. Every stream must be gone. */
void gw_http2_free(struct gw_http2 *http2);

/* ---- between http2.c and http2_stream.c ---- */

/* What a client may do at once, and what it may do for ever. */
struct gw_allowance {
    uint64_t left;
    uint64_t since_ns;
};

/* The head that is arriving: a connection has one at a time. */
struct gw_http2_head {
    struct gw_block *block; /* lengths, name, value; again and again */
    size_t field_count;
    enum llmp_bad_request bad;
    const char *bad_reason;
};

struct gw_http2 {
    struct gw_conn *conn;
    nghttp2_session *session;
    struct gw_link streams; /* gw_stream.all */
    struct gw_link work;    /* gw_stream.work: to be looked at in the turn */
    size_t stream_count;
    struct gw_http2_head head;
    struct gw_stream *arriving; /* whose head that is, or NULL */
    unsigned continuations;     /* of that head */
    size_t unpacked;            /* bytes of that head's fields */
    struct gw_allowance wasted, overhead;
    bool abusive; /* the connection goes */
};

#define GW_STREAM_MAGIC 0x68327374U

struct gw_stream {
    uint32_t magic;
    int32_t id;
    struct gw_http2 *http2;
    struct llmp_drive *drive; /* or NULL */
    struct gw_link all, work;
    struct gw_timer timer;
    struct gw_queue out;  /* of the answer */
    struct gw_queue held; /* of the request: came while it was paused */
    size_t taken;         /* bytes of `out` that drained() has not heard of */
    size_t skipped;       /* bytes of the request that nobody reads */
    size_t body_piece;    /* bytes of it since its time began */
    bool request_ended;   /* the client has sent all */
    bool end_given;       /* the exchange was told so */
    bool paused;          /* the exchange takes no body now */
    bool responded;       /* the answer's head is submitted */
    bool answer_ended;    /* `out` is the rest of it */
    bool answer_sent;     /* END_STREAM is out */
    bool has_no_body;     /* of the answer: HEAD, 204, 304 */
    bool head_only;       /* the method is HEAD */
    bool owes_continue;
    bool closing; /* nghttp2 forgets it now: submit nothing */
};

/* A stream begins; NULL: no memory. */
struct gw_stream *gw_stream_new(struct gw_http2 *http2, int32_t id);
/* Aborts what runs. */
void gw_stream_free(struct gw_stream *stream);
/* Its head is whole, in http2->head. */
void gw_stream_head(struct gw_stream *stream);
void gw_stream_body(struct gw_stream *stream, const uint8_t *data, size_t len);
void gw_stream_request_end(struct gw_stream *stream);
/* END_STREAM was sent. */
void gw_stream_answer_sent(struct gw_stream *stream);
/* What was noted: input that was held, bytes that were taken. */
void gw_stream_turn(struct gw_stream *stream);
void gw_stream_written(struct gw_stream *stream);
/* A whole DATA frame goes into the connection's output. */
int gw_stream_send_data(nghttp2_session *session, nghttp2_frame *frame,
                        const uint8_t *frame_head, size_t len,
                        nghttp2_data_source *source, void *user_data);

#endif
