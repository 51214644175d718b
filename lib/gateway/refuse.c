/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers that are wholly ours: errors in the client's dialect, and the local
 * surfaces. They end the exchange. The connection ends with it only when what
 * came is no proper request; whether a rest of a body is worth skipping is the
 * server's to judge.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/internal.h"
#include "gateway/exchange.h"

void llmp_x_header(struct llmp_exchange *x, struct llmp_str name,
                   struct llmp_str value)
{
    if (x->attempt->response.header_count == LLMP_X_HEADERS)
        return;
    x->attempt->headers[x->attempt->response.header_count++] =
        (struct llmp_header){ name, value };
}

void llmp_x_answer_whole(struct llmp_exchange *x, uint16_t status,
                         struct llmp_str content_type, enum llmp_ending ending)
{
    x->attempt->response.status = status;
    x->attempt->response.headers = x->attempt->headers;
    x->attempt->response.body_size = x->out.len;
    x->attempt->response.close = x->connection_over;
    llmp_x_header(x, LLMP_STR("content-type"), content_type);
    if (x->request_id.len)
        llmp_x_header(x, LLMP_STR("x-request-id"), x->request_id);
    llmp_x_server_timing(x);
    llmp_x_cancel_call(x);
    llmp_x_respond(x);
    llmp_x_write(x, llmp_buf_str(&x->out));
    llmp_x_end(x, ending, true);
}

static const struct llmp_dialect *error_dialect(const struct llmp_exchange *x)
{
    return x->operation ? llmp_shape_errors(x->operation->shape)
                        : &llmp_dialect_openai;
}

/* Needs no memory: the text is static, the id is in the arena already. */
void llmp_x_refuse_nomem(struct llmp_exchange *x)
{
    if (llmp_x_yield(x))
        return;

    static const struct llmp_str openai =
        LLMP_STR("{\"error\":{\"message\":\"The gateway is out of memory.\","
                 "\"type\":\"server_error\",\"param\":null,"
                 "\"code\":\"out_of_memory\"}}");
    static const struct llmp_str anthropic =
        LLMP_STR("{\"type\":\"error\",\"error\":{\"type\":\"api_error\","
                 "\"message\":\"The gateway is out of memory.\"}}");
    struct llmp_str text =
        error_dialect(x) == &llmp_dialect_anthropic ? anthropic : openai;

    x->attempt->response = (struct llmp_response_head){
        .status = 503,
        .headers = x->attempt->headers,
        .body_size = text.len,
        .close = true,
    };
    llmp_x_header(x, LLMP_STR("content-type"), LLMP_STR("application/json"));
    if (x->request_id.len)
        llmp_x_header(x, LLMP_STR("x-request-id"), x->request_id);
    x->summary.error_code = LLMP_STR("out_of_memory");
    llmp_x_cancel_call(x);
    llmp_x_respond(x);
    llmp_x_write(x, text);
    llmp_x_end(x, LLMP_END_REFUSED, true);
}

/* The shape that docs/openapi.json has. */
static bool write_admin_error(struct llmp_buf *out, const char *code,
                              const char *message)
{
    (void)llmp_buf_printf(out,
                          "{\"error\":{\"code\":\"%s\",\"message\":", code);
    (void)llmp_buf_json(out, llmp_str_of(message));
    return llmp_buf_add(out, LLMP_STR(",\"field\":null}}"));
}

void llmp_x_refuse(struct llmp_exchange *x, const struct llmp_refusal *refusal,
                   const char *format, ...)
{
    char message[512];
    va_list args;

    if (llmp_x_yield(x))
        return;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);

    struct llmp_wire_error error = {
        .status = refusal->status,
        .type = refusal->type ? refusal->type
                              : llmp_openai_error_type(refusal->status),
        .code = refusal->code,
        .param = refusal->param,
        .message = llmp_str_of(message),
        .request_id = x->request_id,
    };

    x->out.len = 0;
    x->out.limit = 0; /* what was collected in it is of no interest any more */
    x->out.failed = false;
    x->attempt->response.header_count = 0;
    if (x->operation && x->operation->local == LLMP_LOCAL_ADMIN
            ? !write_admin_error(&x->out, refusal->code, message)
            : !error_dialect(x)->write_error(&x->out, &error)) {
        llmp_x_refuse_nomem(x);
        return;
    }
    x->summary.error_code = llmp_str_of(refusal->code);
    if (refusal->allow)
        llmp_x_header(x, LLMP_STR("allow"), llmp_str_of(refusal->allow));
    if (refusal->retry_after)
        llmp_x_header(x, LLMP_STR("retry-after"),
                      llmp_str_of(refusal->retry_after));
    if (refusal->challenge)
        llmp_x_header(x, LLMP_STR("www-authenticate"),
                      llmp_str_of(refusal->challenge));
    if (llmp_x_is_limited(x) || x->summary.limited_by.len)
        llmp_x_limit_fields(x);
    llmp_x_answer_whole(x, refusal->status, LLMP_STR("application/json"),
                        refusal->ending);
}
