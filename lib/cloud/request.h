/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that fetches credentials, ready to be sent by whoever has sockets.
 * Its texts are secrets for the most part: they are one block of memory, which
 * is wiped by llmp_cloud_request_fini().
 */
#ifndef LLMP_CLOUD_REQUEST_H
#define LLMP_CLOUD_REQUEST_H

#include <llmproxy/base.h>

#include "base/str.h"

enum {
    LLMP_CLOUD_HEADERS_MAX = 5,
    LLMP_CLOUD_URL_MAX = 2048,
    LLMP_CLOUD_TEXT_MAX = 16384,   /* of a token, a secret, a scope */
    LLMP_CLOUD_ANSWER_MAX = 65536, /* what to read of an answer at most */
};

struct llmp_cloud_header {
    struct llmp_str name, value;
};

struct llmp_cloud_request {
    struct llmp_str method, url;
    struct llmp_cloud_header headers[LLMP_CLOUD_HEADERS_MAX];
    size_t header_count;
    struct llmp_str body; /* may be empty */
    struct llmp_buf text; /* private: what the spans above point into */
};

/* Wipes and releases. Accepts NULL and a request of zeros. */
void llmp_cloud_request_fini(struct llmp_cloud_request *request);

/*
 * For the makers of requests: makes room for `size` bytes, all that the texts
 * will need, so that they never move. A maker adds to `text` by the calls
 * below and looks at `text.failed` once.
 */
LLMP_MUST_USE int llmp_cloud_request_begin(struct llmp_cloud_request *request,
                                           struct llmp_str method,
                                           struct llmp_str url, size_t size,
                                           struct llmp_error *err);

/* Adds a header with a value that is copied. `name` is not. */
void llmp_cloud_request_header(struct llmp_cloud_request *request,
                               struct llmp_str name, struct llmp_str value);

/* Adds a header whose value was added to `text` from `begin` on. */
void llmp_cloud_request_header_from(struct llmp_cloud_request *request,
                                    struct llmp_str name, size_t begin);

/* Adds "name=value" to a form, the value encoded; with '&' when it is not the
 * first of the form that began at `begin`. */
void llmp_cloud_form_add(struct llmp_buf *form, size_t begin, const char *name,
                         struct llmp_str value);

/* Adds `text` encoded for a form: at most three bytes each. */
void llmp_cloud_encode(struct llmp_buf *to, struct llmp_str text);

/* Adds standard Base64, with padding. */
void llmp_cloud_base64(struct llmp_buf *to, struct llmp_str bytes);

/* The body is what was added to `text` from `begin` on: a form. */
void llmp_cloud_request_form(struct llmp_cloud_request *request, size_t begin);

/* LLMP_OK, or LLMP_E_LIMIT and an empty request, when the room was too small.
 */
LLMP_MUST_USE int llmp_cloud_request_end(struct llmp_cloud_request *request,
                                         struct llmp_error *err);

/* "https://…", or "http://…" where that is allowed, of visible ASCII, with a
 * host and no user. */
bool llmp_cloud_is_url(struct llmp_str url, bool plain_allowed);

/* Visible ASCII, 1 to `max` bytes: what can be the value of a header. */
bool llmp_cloud_is_visible(struct llmp_str text, size_t max);

#endif
