/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of our own, where clients are: whoever shows a credential gets a
 * short-lived one for itself or for an end user of its own. Needs no store.
 */
#include "base/internal.h"
#include "gateway/exchange.h"
#include "gateway/multipart.h"
#include "gateway/own_tokens.h"

static void fill(void *out, size_t size, void *ctx)
{
    llmp_worker_random(ctx, out, size);
}

static void refuse(struct llmp_exchange *x, int rc,
                   const struct llmp_problem *problem)
{
    struct llmp_str field;

    if (rc != LLMP_E_INVALID) {
        llmp_x_refuse_nomem(x);
        return;
    }
    field = llmp_arena_printf(&x->arena, "%s", problem->field);
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = problem->status,
                                          .code = problem->code,
                                          .param = field.len ? field.ptr : NULL,
                                          .ending = LLMP_END_REFUSED },
                  "%s.", problem->message);
}

static int check_type(const struct llmp_exchange *x,
                      struct llmp_problem *problem)
{
    if (!x->body.len ||
        llmp_is_media_type(x->content_type, LLMP_STR("application/json")))
        return LLMP_OK;
    return llmp_problem_set(problem, 415, "unsupported_type", "",
                            "The body must be application/json");
}

void llmp_x_issue_token(struct llmp_exchange *x)
{
    const struct llmp_random random = { .fill = fill, .ctx = x->worker };
    const struct llmp_token_wish wish = {
        .access = x->access,
        .who = &x->principal,
        .body = llmp_buf_str(&x->body),
        .arena = &x->arena,
        .random = &random,
        .wall_ns = x->now.wall_ns,
    };
    struct llmp_token_given given;
    struct llmp_problem problem;
    int rc;

    if (x->principal.kind == LLMP_PRINCIPAL_ANONYMOUS) {
        llmp_x_refuse_nobody(x);
        return;
    }
    x->out.len = 0;
    rc = check_type(x, &problem);
    if (rc == LLMP_OK)
        rc = llmp_own_tokens_issue(&wish, &x->out, &given, &problem);
    if (rc != LLMP_OK) {
        refuse(x, rc, &problem);
        return;
    }
    llmp_x_header(x, LLMP_STR("cache-control"), LLMP_STR("no-store"));
    llmp_x_answer_whole(x, 200, LLMP_STR("application/json"),
                        LLMP_END_COMPLETE);
}

void llmp_x_show_jwks(struct llmp_exchange *x)
{
    struct llmp_str keys = x->access->own ? llmp_buf_str(&x->access->own->jwks)
                                          : LLMP_STR("{\"keys\":[]}");

    if (!llmp_buf_add(&x->out, keys)) {
        llmp_x_refuse_nomem(x);
        return;
    }
    llmp_x_header(x, LLMP_STR("cache-control"), LLMP_STR("max-age=300"));
    llmp_x_answer_whole(x, 200, LLMP_STR("application/jwk-set+json"),
                        LLMP_END_COMPLETE);
}
