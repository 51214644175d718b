/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client's connection: bytes in, bytes out, TLS, timeouts, and the ways to
 * end it. What the bytes mean is a protocol's business (http1.c, http2.c).
 *
 * Everything a protocol does in a callback is noted; the socket is written to
 * once, at the end of the turn.
 */
#ifndef LLMGW_CONN_H
#define LLMGW_CONN_H

#include <openssl/types.h>

#include "http1.h"
#include "http2.h"
#include "loop.h"
#include "queue.h"

struct gw_conn;
struct gw_http2;

/* How bytes become exchanges. */
struct gw_protocol {
    const char *name;
    /*
     * Takes bytes from the front of `data` and says how many; what is left
     * comes again, with more behind it, while `conn->wants_input`.
     */
    size_t (*input)(struct gw_conn *conn, uint8_t *data, size_t len);
    /* The turn ends: act on what was noted, before output is written. */
    void (*turn)(struct gw_conn *conn);
    /* Output was written, or all of it was given up. */
    void (*written)(struct gw_conn *conn);
    /* The connection goes: abort what runs. `conn->timer` may say why. */
    void (*gone)(struct gw_conn *conn);
    /* A timeout passed. */
    void (*timeout)(struct gw_conn *conn, enum gw_timeout timeout);
    /* The worker drains: end as soon as nothing is under way. */
    void (*drain)(struct gw_conn *conn);
    /* The time to finish is over: end what runs, properly if possible. */
    void (*stop)(struct gw_conn *conn);
};

extern const struct gw_protocol gw_http1_protocol;
extern const struct gw_protocol gw_http2_protocol;

enum gw_conn_state {
    GW_CONN_OPEN,
    GW_CONN_CLOSING,  /* writes what is left, then FIN */
    GW_CONN_DRAINING, /* the same, then discards input for a while */
    GW_CONN_CUTTING,  /* the same as CLOSING, but RST */
    GW_CONN_LINGER,   /* FIN is out; discards input */
    GW_CONN_DEAD      /* freed at the end of the turn */
};

#define GW_CONN_MAGIC 0x636f6e6eU

struct gw_conn {
    uint32_t magic;
    enum gw_conn_state state;
    struct gw_worker *worker;
    const struct gw_protocol *protocol;
    struct event event;
    int fd;
    SSL *ssl;       /* or NULL */
    char *tls_name; /* whom the client's certificate names, or NULL */
    struct gw_timer timer;
    struct gw_link all, dirty;

    bool handshaking; /* TLS has not agreed yet */
    bool readable;    /* the kernel may have bytes */
    bool peer_closed; /* FIN or RST came */
    bool blocked;     /* the kernel takes no more for now */
    bool broken;      /* an I/O error or no memory: to be dropped */
    bool wants_input; /* set by the protocol */

    struct gw_block *in; /* input that is kept, or NULL */
    struct gw_queue out;

    bool admin;       /* it came to the listener for administration */
    bool admin_local; /* from a process of our own user */
    size_t lingered;  /* bytes discarded so far */
    uint8_t peer_len;
    char peer[47]; /* the address as text */

    struct gw_http1 http1;
    struct gw_http2 *http2;
};

/* Takes over an accepted socket. Closes it when that fails. */
void gw_conn_new(struct gw_worker *worker, int fd, const char *peer,
                 struct gw_tls *tls, bool admin, bool admin_local);

/* Frees what died in this turn; with the worker's spare ones at its end. */
void gw_conn_reap(struct gw_worker *worker);
void gw_conn_free_spare(struct gw_worker *worker);

/* The turn's end for one connection. */
void gw_conn_turn(struct gw_conn *conn);
/* Has it called. */
void gw_conn_dirty(struct gw_conn *conn);
/* Goes on with input that one turn did not finish. */
void gw_conn_go_on(struct gw_conn *conn);

/* Whose idle timer this is. */
struct gw_conn *gw_conn_of_timer(struct gw_timer *timer);

/* Room for `len` bytes in a row; NULL marks the connection as broken. */
uint8_t *gw_conn_reserve(struct gw_conn *conn, size_t len);
/* `len` bytes of it were filled. */
void gw_conn_commit(struct gw_conn *conn, size_t len);
/* Copies bytes to the output. */
void gw_conn_write(struct gw_conn *conn, const void *bytes, size_t len);
/* The same, but tries the kernel first: for pieces that are dear to copy. */
void gw_conn_write_now(struct gw_conn *conn, const void *bytes, size_t len);

void gw_conn_arm(struct gw_conn *conn, enum gw_timeout timeout);

/* Ends it once the output is written, in one of the ways above. */
void gw_conn_finish(struct gw_conn *conn, enum gw_conn_state how);
/* Drops it now. */
void gw_conn_drop(struct gw_conn *conn);

static inline bool gw_conn_is_open(const struct gw_conn *conn)
{
    return conn->state == GW_CONN_OPEN;
}

#endif
