/* SPDX-License-Identifier: Apache-2.0 */
#include "request.h"

#include <strings.h>

/* A larger body's memory goes back to the heap after its request. */
#define BODY_KEEP_MAX ((size_t)4 << 20)

static struct sim_request *request_of(llhttp_t *parser)
{
    return parser->data;
}

static int too_large(struct sim_request *request)
{
    request->too_large = true;
    return -1;
}

static int add_head(struct sim_request *request, const char *at, size_t len)
{
    if (request->head.len + len > SIM_HEAD_BYTES_MAX)
        return too_large(request);
    sim_buf_add(&request->head, (struct llmp_str){ at, len });
    return 0;
}

static int on_head_bytes(llhttp_t *parser, const char *at, size_t len)
{
    return add_head(request_of(parser), at, len);
}

static int on_target_end(llhttp_t *parser)
{
    struct sim_request *request = request_of(parser);

    request->target_len = (uint32_t)request->head.len;
    (void)add_head(request, "", 1);
    request->name_at = (uint32_t)request->head.len;
    return 0;
}

static int on_name_end(llhttp_t *parser)
{
    struct sim_request *request = request_of(parser);

    (void)add_head(request, "", 1);
    request->value_at = (uint32_t)request->head.len;
    return 0;
}

/* Remembers the few fields that matter here. */
static void note_field(struct sim_request *request)
{
    const char *name = request->head.ptr + request->name_at;
    struct sim_span value = {
        .at = request->value_at,
        .len = (uint32_t)(request->head.len - request->value_at),
    };

    switch (request->value_at - request->name_at - 1) {
    case 5:
        if (strcasecmp(name, "x-sim") == 0)
            request->how = value;
        break;
    case 6:
        if (strcasecmp(name, "expect") == 0)
            request->expects_continue = true;
        break;
    case 13:
        if (strcasecmp(name, "authorization") == 0)
            request->authorization = value;
        break;
    default:
        break;
    }
}

static int on_value_end(llhttp_t *parser)
{
    struct sim_request *request = request_of(parser);

    note_field(request);
    (void)add_head(request, "", 1);
    /* ": " and the line's end instead of two NULs. */
    request->head_bytes += request->head.len - request->name_at + 2;
    request->name_at = (uint32_t)request->head.len;
    return 0;
}

static int on_head_end(llhttp_t *parser)
{
    struct sim_request *request = request_of(parser);

    request->head_done = true;
    request->head_bytes += strlen(sim_request_method(request)) + 1 +
                           request->target_len + strlen(" HTTP/1.1\r\n\r\n");
    if (parser->flags & F_CONTENT_LENGTH)
        request->body_left = parser->content_length;
    return request->body_left > SIM_BODY_BYTES_MAX ? too_large(request) : 0;
}

/* Makes the body, so far in the input, the request's own. */
static void settle(struct sim_request *request)
{
    struct llmp_str loose = request->loose;

    if (request->body.ptr && loose.ptr == request->body.ptr + request->body.len)
        request->body.len += loose.len;
    else
        sim_buf_add(&request->body, loose);
    request->loose = (struct llmp_str){ NULL, 0 };
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct sim_request *request = request_of(parser);

    if (request->loose.len)
        settle(request);
    if (request->body.len + len > SIM_BODY_BYTES_MAX)
        return too_large(request);
    request->loose = (struct llmp_str){ at, len };
    if (request->body.len)
        settle(request);
    request->body_left -= len < request->body_left ? len : request->body_left;
    return 0;
}

static int on_end(llhttp_t *parser)
{
    struct sim_request *request = request_of(parser);

    request->whole = true;
    request->keep_alive = llhttp_should_keep_alive(parser);
    return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
    .on_url = on_head_bytes,
    .on_url_complete = on_target_end,
    .on_header_field = on_head_bytes,
    .on_header_field_complete = on_name_end,
    .on_header_value = on_head_bytes,
    .on_header_value_complete = on_value_end,
    .on_headers_complete = on_head_end,
    .on_body = on_body,
    .on_message_complete = on_end,
};

void sim_request_init(struct sim_request *request)
{
    llhttp_init(&request->parser, HTTP_REQUEST, &settings);
    request->parser.data = request;
}

void sim_request_fini(struct sim_request *request)
{
    sim_buf_fini(&request->head);
    sim_buf_fini(&request->body);
}

void sim_request_reset(struct sim_request *request)
{
    struct sim_buf head = request->head, body = request->body;
    llhttp_t parser = request->parser;

    if (body.cap > BODY_KEEP_MAX)
        sim_buf_fini(&body);
    head.len = body.len = 0;
    *request = (struct sim_request){
        .parser = parser,
        .head = head,
        .body = body,
    };
    if (llhttp_get_errno(&request->parser) == HPE_PAUSED)
        llhttp_resume(&request->parser);
}

bool sim_request_feed(struct sim_request *request, struct llmp_str input,
                      size_t *used, const char **why)
{
    llhttp_errno_t rc = llhttp_execute(&request->parser, input.ptr, input.len);

    *used = input.len;
    if (rc == HPE_PAUSED) {
        *used = (size_t)(llhttp_get_error_pos(&request->parser) - input.ptr);
        return true;
    }
    if (request->loose.len)
        settle(request);
    *why = request->too_large ? "the request is too large"
                              : llhttp_get_error_reason(&request->parser);
    return rc == HPE_OK;
}

struct llmp_str sim_request_room(struct sim_request *request, size_t at_least)
{
    if (!request->head_done || request->body_left < at_least)
        return (struct llmp_str){ NULL, 0 };
    sim_buf_reserve(&request->body, (size_t)request->body_left);
    return (struct llmp_str){ request->body.ptr + request->body.len,
                              (size_t)request->body_left };
}

const char *sim_request_method(const struct sim_request *request)
{
    return llhttp_method_name((llhttp_method_t)request->parser.method);
}

struct llmp_str sim_request_target(const struct sim_request *request)
{
    return (struct llmp_str){ request->head.ptr, request->target_len };
}

struct llmp_str sim_request_text(const struct sim_request *request,
                                 struct sim_span span)
{
    if (span.at == 0)
        return (struct llmp_str){ "", 0 };
    return (struct llmp_str){ request->head.ptr + span.at, span.len };
}

struct llmp_str sim_request_field(const struct sim_request *request,
                                  const char *name)
{
    const char *at = request->head.ptr + request->target_len + 1;
    const char *end = request->head.ptr + request->head.len;

    while (at < end) {
        const char *value = at + strlen(at) + 1;
        size_t len = strlen(value);

        if (strcasecmp(at, name) == 0)
            return (struct llmp_str){ value, len };
        at = value + len + 1;
    }
    return (struct llmp_str){ "", 0 };
}

struct llmp_str sim_request_body(const struct sim_request *request)
{
    return request->loose.len ? request->loose : sim_buf_str(&request->body);
}
