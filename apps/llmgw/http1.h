/* SPDX-License-Identifier: Apache-2.0 */
/* What a connection knows while it speaks HTTP/1: see http1.c. */
#ifndef LLMGW_HTTP1_H
#define LLMGW_HTTP1_H

#include "chunked.h"
#include "head.h"

struct gw_conn;

enum gw_http1_state {
    GW_HTTP1_IDLE,    /* between requests */
    GW_HTTP1_HEAD,    /* part of a head is here */
    GW_HTTP1_BODY,    /* an exchange runs, its request is not whole */
    GW_HTTP1_SKIP,    /* answered early; the rest of the request is dropped */
    GW_HTTP1_ANSWER,  /* an exchange runs, its request is whole */
    GW_HTTP1_REFUSED, /* an exchange answers a bad request */
    GW_HTTP1_CLOSING  /* nothing more begins here */
};

struct gw_http1 {
    enum gw_http1_state state;
    struct llmp_drive *drive; /* or NULL */
    struct gw_head_scan scan;
    struct gw_chunked chunked;
    uint64_t body_left;   /* of the request; LLMP_BODY_UNKNOWN: chunked */
    uint64_t answer_left; /* of a body with a declared length */
    size_t body_piece;    /* bytes of the request since its time began */
    size_t unreported;    /* body bytes that drained() has not heard of */
    bool ended;           /* done() was called: settle at the turn's end */
    bool whole;           /* the answer has its proper end */
    bool responded;       /* the answer's head is out */
    bool keep_alive;      /* as the client wishes */
    bool close;           /* after this answer */
    bool old;             /* HTTP/1.0 */
    bool answer_is_chunked;
    bool answer_until_close;
    bool answer_has_no_body; /* HEAD, 204, 304 */
    bool head_only;          /* the method is HEAD */
    bool paused;             /* the exchange takes no body now */
    bool owes_continue;      /* "100 Continue" once the body is wanted */
    bool body_began;
    bool served; /* an exchange ended here before */
};

/* Makes a connection speak HTTP/1 from its first byte. */
void gw_http1_init(struct gw_conn *conn);

/* ---- between http1.c and http1_answer.c ---- */

/* What is read and dropped of a request that was answered early, so that the
 * connection can be kept. */
#define GW_HTTP1_SKIP_MAX 65536

extern const struct llmp_client_ops gw_http1_client_ops;

void gw_http1_set_state(struct gw_conn *conn, enum gw_http1_state state);
void gw_http1_set_wants_input(struct gw_conn *conn);

#endif
