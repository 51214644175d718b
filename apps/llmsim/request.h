/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request as it is read: llhttp's callbacks gather head and body. A body
 * that lies in one read is not copied.
 */
#ifndef LLMSIM_REQUEST_H
#define LLMSIM_REQUEST_H

#include <llhttp.h>

#include "mem.h"

#define SIM_HEAD_BYTES_MAX 65536
#define SIM_BODY_BYTES_MAX (UINT64_C(256) << 20)

struct sim_span {
    uint32_t at, len; /* in request->head; `at` 0: absent */
};

struct sim_request {
    llhttp_t parser;
    struct sim_buf head; /* target, then names and values: each ends with NUL */
    uint32_t name_at, value_at;
    uint32_t target_len;
    struct sim_span authorization, how;
    bool head_done, whole, keep_alive, expects_continue;
    bool too_large;
    uint64_t head_bytes;
    uint64_t body_left;    /* by Content-Length */
    struct llmp_str loose; /* a body that lies in the input */
    struct sim_buf body;
};

void sim_request_init(struct sim_request *request);
void sim_request_fini(struct sim_request *request);

/* Begins anew; keeps memory up to a bound. */
void sim_request_reset(struct sim_request *request);

/*
 * Reads from `input` up to the end of the request; says how much that was.
 * Returns false on what is not HTTP, with a reason, or above the limits.
 * Afterwards either `whole` is true and sim_request_body() holds as long as
 * `input`, or everything was copied.
 */
bool sim_request_feed(struct sim_request *request, struct llmp_str input,
                      size_t *used, const char **why);

/* Where to read a large body to, so that it is not copied: `len` 0 if there
 * is none. What was read there goes to sim_request_feed(). */
struct llmp_str sim_request_room(struct sim_request *request, size_t at_least);

const char *sim_request_method(const struct sim_request *request);
struct llmp_str sim_request_target(const struct sim_request *request);
struct llmp_str sim_request_text(const struct sim_request *request,
                                 struct sim_span span);
/* The first field of that name; empty if there is none. */
struct llmp_str sim_request_field(const struct sim_request *request,
                                  const char *name);
struct llmp_str sim_request_body(const struct sim_request *request);

#endif
