/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the libcurl transport: curl.c holds transfers and handles,
 * curl_http.c libcurl's callbacks about one transfer, curl_sockets.c its
 * sockets and its timer, curl_gate.c the bound on connections.
 *
 * libcurl's functions must not be called from its callbacks, and reports are
 * made in them: everything that adds, removes or resumes a handle while
 * `inside` is noted and done at the turn's end.
 */
#ifndef LLMP_RUNTIME_CURL_INSIDE_H
#define LLMP_RUNTIME_CURL_INSIDE_H

#include <curl/curl.h>

#include "base/alloc.h"
#include "base/str.h"
#include "runtime/transport.h"

enum {
    CURL_HEADERS_MAX = 64,
    CURL_FIELDS_MAX = 32, /* of a request */
    CURL_PATH_MAX = 256,  /* that a handle remembers */
    CURL_TRANSFERS_KEPT = 256,
    CURL_BUFFER_KEPT = 4096, /* of a kept transfer's buffers */
    CURL_HEAD_MAX = 64 * 1024,
    CURL_UPLOAD_HIGH = 256 * 1024,
    CURL_TOGETHER_MAX = 60 * 1024, /* libcurl sends head and body at once */
    CURL_HANDLES_KEPT = 64,
    CURL_CONNECTIONS_KEPT = 1024,
    CURL_READ_SIZE = 32 * 1024,
};

/* An easy handle, with what was last set for an origin: most calls go where
 * the handle's last one went, and setting all options costs as much as the
 * rest of a call. */
struct curl_handle {
    CURL *easy;
    CURLU *url;
    char *origin_id;
    char path[CURL_PATH_MAX];       /* that `url` has; empty: some longer one */
    struct curl_transfer *transfer; /* NULL while it is kept */
};

struct curl_transfer {
    struct llmp_transfer base;
    struct curl *curl;
    const struct llmp_call *call;
    struct curl_transfer *next; /* the list of things to do */
    struct curl_handle *handle;
    struct llmp_buf lines;  /* the request's fields, as `fields` has them */
    struct llmp_buf upload; /* a small body in one piece, or copies of an
                               upload that were not handed over yet */
    struct llmp_buf head;   /* field lines of the answer */
    size_t part, part_at;   /* next body byte to hand over */
    uint32_t field_count;
    uint16_t status;
    uint64_t begun_ns, sent_ns;
    bool upload_last, upload_full, upload_stalled;
    bool head_reported, paused;
    bool stalled; /* libcurl was told to keep what it has */
    bool has_fields, added, listed, dead;
    bool repeated;
    struct curl_gate *gate;       /* where it has a place, or is in line */
    struct curl_transfer *behind; /* in that line */
    bool in_line;

    /* From here on nothing is wiped for the next call. */
    struct { /* of `head`; the value stands behind the name */
        uint32_t name;
        uint16_t name_len, value_len;
    } field_at[CURL_HEADERS_MAX];
    struct curl_slist fields[CURL_FIELDS_MAX];
};

/* A socket of libcurl's, watched from its opening to its closing. */
struct curl_socket {
    struct llmp_watch watch; /* first: ready() casts back */
    struct curl *curl;
    CURL *opening; /* the handle that connects it; NULL: it is connected */
    curl_socket_t fd;
    unsigned wanted;  /* what libcurl wants to know */
    unsigned watched; /* what the loop reports */
};

struct curl {
    struct llmp_transport base;
    CURLM *multi;
    CURLSH *share; /* TLS sessions, over all handles */
    struct llmp_timer timer;
    struct curl_transfer *todo; /* to add, to resume, to free */
    struct curl_gate *gates;
    struct curl_handle *kept[CURL_HANDLES_KEPT];
    uint32_t kept_count;
    struct curl_transfer *free; /* by `next` */
    uint32_t free_count;
    struct curl_socket **sockets; /* by descriptor */
    size_t sockets_cap;
    size_t opening; /* how many of them */
    bool inside;    /* libcurl is on the stack */
};

/* curl_http.c */
void llmp_curl_set_callbacks(CURL *easy, struct curl_handle *handle);

/* curl_gate.c. LLMP_AGAIN: no place now, llmp_curl_gate_leave() of another
 * gives it one later, by returning it. */
int llmp_curl_gate_enter(struct curl_transfer *t);
struct curl_transfer *llmp_curl_gate_leave(struct curl_transfer *t);

/* curl_sockets.c */
void llmp_curl_sockets_init(struct curl *curl);
void llmp_curl_sockets_fini(struct curl *curl);
void llmp_curl_watch_handle(struct curl *curl, CURL *easy);
void llmp_curl_stop_opening(struct curl *curl, CURL *easy);
void llmp_curl_action(struct curl *curl, curl_socket_t fd, int events);

/* curl.c: takes the results that libcurl has ready; notes that a transfer is
 * to be begun, resumed or freed at the turn's end. */
void llmp_curl_collect(struct curl *curl);
void llmp_curl_note(struct curl_transfer *t);

#endif
