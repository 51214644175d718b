/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file llmproxy/admin.h
 * Administration of a gateway with a store: keys, users, teams,
 * organisations, usage, budgets, and the record of what was done.
 *
 * One call takes a request as the HTTP API has it (docs/openapi.json) and
 * answers with a status and JSON; the admin listener and the command line only
 * translate. The store blocks, so the work is a job on the store's thread.
 */
#ifndef LLMPROXY_ADMIN_H
#define LLMPROXY_ADMIN_H

#include <llmproxy/auth.h>
#include <llmproxy/gateway.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LLMP_ADMIN_BODY_MAX  (1u << 20) /**< bytes of a request's body */
#define LLMP_ADMIN_JOBS_MAX  64         /**< requests at a time */
#define LLMP_ADMIN_SHARE_MAX 8          /**< of them, of one principal */

/** What is asked for. Read during the call only. */
struct llmp_admin_request {
    size_t size;                     /**< sizeof(struct llmp_admin_request) */
    struct llmp_principal principal; /**< who asks, authenticated */
    struct llmp_str method;          /**< "POST" */
    struct llmp_str target;          /**< "/admin/v1/keys?limit=10" */
    struct llmp_str content_type;    /**< of the body; empty: none */
    struct llmp_str body;
};

struct llmp_admin_answer {
    size_t size;
    uint16_t status; /**< as of HTTP */
    struct llmp_str content_type, body;
    const char *allow; /**< with 405: methods that the path takes; or NULL */
    uint64_t retry_after_s; /**< with 429: when to come back; 0: not said */
};

/** The answer, once, on the store's thread. It holds during the call only: a
 *  new key's secret is in it, and is wiped afterwards. */
typedef void llmp_admin_done_fn(const struct llmp_admin_answer *answer,
                                void *ctx);

/**
 * Does what is asked for, if the principal may. What it changed is in force,
 * in this process, before `done` is called.
 *
 * @param now   both clocks
 * @param done  required; not called when this fails
 * @retval LLMP_OK         `done` will be called
 * @retval LLMP_E_INVALID  an argument is missing
 * @retval LLMP_E_STATE    the gateway has no store
 * @retval LLMP_FULL       too many requests are under way
 * @retval LLMP_LIMITED    too many of this principal are
 * @retval LLMP_E_NOMEM    out of memory
 */
LLMP_API LLMP_MUST_USE int llmp_admin_begin(
    struct llmp_gateway *gateway, const struct llmp_admin_request *request,
    struct llmp_time now, llmp_admin_done_fn *done, void *ctx,
    struct llmp_error *err);

/** Writes the OpenAPI 3.1 document of the HTTP API. */
LLMP_API void llmp_admin_write_openapi(llmp_text_sink sink, void *ctx);

#ifdef __cplusplus
}
#endif
#endif
