/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the native transport: an HTTP/1.1 client that keeps its
 * connections. native.c holds transfers, native_origin.c origins and their kept
 * connections, native_conn.c sockets and TLS, native_http.c the bytes of HTTP.
 */
#ifndef LLMP_RUNTIME_NATIVE_H
#define LLMP_RUNTIME_NATIVE_H

#include <llhttp.h>
#include <openssl/ssl.h>

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/resolve.h"
#include "runtime/transport.h"

enum {
    NATIVE_READ_SIZE = 64 * 1024, /* one buffer a driver, shared */
    NATIVE_READS_A_TURN = 4,      /* then others come first */
    NATIVE_HEAD_MAX = 64 * 1024,
    NATIVE_FIELDS_MAX = 64,
    NATIVE_UPLOAD_HIGH = 256 * 1024, /* unsent bytes at which uploads pause */
    NATIVE_IDLE_MAX = 512,           /* kept connections an origin */
    NATIVE_IDLE_S = 45,              /* shorter than what servers allow */
    NATIVE_ADDRESS_S = 60,
    NATIVE_SPARES = 64, /* of each kind of buffer, for the next calls */
    NATIVE_SPARE_MAX = 8 * 1024,
};

/* An answer's head while it comes in. */
struct native_head {
    struct llmp_buf text;
    struct {
        uint32_t name, name_len, value, value_len;
    } fields[NATIVE_FIELDS_MAX];
    uint32_t count;
    bool in_value;
};

struct native_conn;
struct native_origin;

struct native_transfer {
    struct llmp_transfer base;
    const struct llmp_call *call;
    struct native_origin *origin;
    struct native_conn *conn;     /* NULL while waiting for one */
    struct native_transfer *next; /* waiting, failed, resumed or free list */
    struct llmp_timer timer;      /* connecting */
    struct llmp_buf out;          /* head, then copies of an upload */
    size_t part, part_at;         /* next body byte to send */
    struct native_head *head;
    uint64_t sent_ns;
    enum llmp_call_failure failure;
    bool upload_last; /* the upload's end is in `out` */
    bool upload_full;
    bool sent; /* every byte was handed to the kernel */
    bool head_reported, complete, paused;
    bool got_bytes; /* of an answer */
    bool retried, reporting, dead, listed;
};

enum native_state {
    NATIVE_CONNECTING,
    NATIVE_HANDSHAKE,
    NATIVE_BUSY,
    NATIVE_IDLE
};

struct native_conn {
    struct llmp_watch watch; /* first: ready() casts back */
    struct native_origin *origin;
    struct native_transfer *transfer;
    struct native_conn *next, *prev; /* the origin's idle list, newest first */
    SSL *ssl;
    llhttp_t parser;
    uint64_t idle_since_ns;
    int fd;
    uint32_t address; /* which of the origin's addresses */
    enum native_state state;
    bool reused, want_write;
};

struct native_origin {
    struct native_origin *next;
    struct native *native;
    char *id, *host, *ca_file;
    uint16_t port;
    bool tls, verify;
    SSL_CTX *ctx;
    SSL_SESSION *session;
    struct llmp_addresses addresses;
    struct llmp_question question;
    bool asking;
    uint32_t open, open_max;
    uint32_t transfers;    /* that point here */
    uint64_t last_used_ns; /* when the last of them went */
    uint32_t idle_count;
    struct native_conn *idle_first, *idle_last;
    struct native_transfer *waiting; /* for a place, first come first */
};

struct native {
    struct llmp_transport base;
    struct native_origin *origins;
    struct native_transfer *free, *failed, *resumed;
    uint32_t free_count;
    struct native_head *spare_heads[NATIVE_SPARES];
    struct llmp_buf spare_outs[NATIVE_SPARES];
    uint32_t spare_head_count, spare_out_count;
    struct llmp_timer sweep;
    llhttp_settings_t settings;
    char *buffer; /* NATIVE_READ_SIZE */
};

/* native.c */
/* llmp_native_conn_resume() at the turn's end */
void llmp_native_resume_later(struct native_transfer *t);
void llmp_native_connected(struct native_conn *conn);
void llmp_native_broke(struct native_conn *conn,
                       enum llmp_call_failure failure);
void llmp_native_finished(struct native_conn *conn, bool keep);

/* native_origin.c */
/* LLMP_E_IO: its authority cannot be read */
int llmp_native_origin_find(struct native_origin **out, struct native *native,
                            const struct llmp_origin *from);
void llmp_native_origin_free(struct native_origin *origin);
/* A transfer ends; without any, the origin goes after a while. */
void llmp_native_origin_left(struct native_origin *origin);
void llmp_native_idle_add(struct native_conn *conn);
void llmp_native_idle_remove(struct native_conn *conn);
void llmp_native_idle_ended(struct native_conn *conn); /* by its server */
void llmp_native_sweep(struct llmp_timer *timer);

/* native_conn.c */
int llmp_native_conn_open(struct native_conn **out,
                          struct native_origin *origin);
void llmp_native_conn_close(struct native_conn *conn);
int llmp_native_conn_flush(struct native_conn *conn); /* < 0: broken */
void llmp_native_conn_read(struct native_conn *conn);
/* Reads what the socket does not show, and says that an upload has room. */
void llmp_native_conn_resume(struct native_conn *conn);
void llmp_native_conn_watch(struct native_conn *conn);
int llmp_native_tls_context(struct native_origin *origin);

/* native_http.c */
bool llmp_native_request_head(struct llmp_buf *out,
                              const struct llmp_call *call);
bool llmp_native_add_upload(struct native_transfer *t, struct llmp_str bytes,
                            bool last);
void llmp_native_settings_init(llhttp_settings_t *settings);

#endif
