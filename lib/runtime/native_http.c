/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of HTTP/1.1: writing a request, and llhttp's callbacks, which turn
 * an answer into reports. A callback that finds its transfer cancelled stops
 * the parser.
 */
#include "base/internal.h"
#include "runtime/native.h"

/* What tells where the body ends: at most 64 bytes. */
static char *put_framing(char *to, const struct llmp_call *call)
{
    if (call->body_size == LLMP_BODY_UNKNOWN)
        return llmp_put_str(to, LLMP_STR("transfer-encoding: chunked\r\n"));
    if (call->body_size == 0 && llmp_str_eq(call->method, LLMP_STR("GET")))
        return to; /* RFC 9110, 8.6 */
    to = llmp_put_str(to, LLMP_STR("content-length: "));
    to = llmp_put_u64(to, call->body_size);
    return llmp_put_str(to, LLMP_STR("\r\n"));
}

bool llmp_native_request_head(struct llmp_buf *out,
                              const struct llmp_call *call)
{
    struct llmp_str host = llmp_str_of(call->origin->authority);
    size_t need = call->method.len + call->path.len + host.len + 128;

    for (size_t i = 0; i < call->header_count; i++)
        need += call->headers[i].name.len + call->headers[i].value.len + 4;
    if (!llmp_buf_reserve(out, need))
        return false;

    char *to = out->ptr + out->len;

    to = llmp_put_str(to, call->method);
    *to++ = ' ';
    to = llmp_put_str(to, call->path);
    to = llmp_put_str(to, LLMP_STR(" HTTP/1.1\r\nhost: "));
    to = llmp_put_str(to, host);
    to = llmp_put_str(to, LLMP_STR("\r\n"));
    for (size_t i = 0; i < call->header_count; i++) {
        to = llmp_put_str(to, call->headers[i].name);
        to = llmp_put_str(to, LLMP_STR(": "));
        to = llmp_put_str(to, call->headers[i].value);
        to = llmp_put_str(to, LLMP_STR("\r\n"));
    }
    to = llmp_put_str(put_framing(to, call), LLMP_STR("\r\n"));
    assert((size_t)(to - out->ptr) <= out->len + need);
    out->len = (size_t)(to - out->ptr);
    return true;
}

bool llmp_native_add_upload(struct native_transfer *t, struct llmp_str bytes,
                            bool last)
{
    bool chunked = t->call->body_size == LLMP_BODY_UNKNOWN;

    if (bytes.len && chunked)
        (void)llmp_buf_printf(&t->out, "%zx\r\n", bytes.len);
    (void)llmp_buf_add(&t->out, bytes);
    if (bytes.len && chunked)
        (void)llmp_buf_add(&t->out, LLMP_STR("\r\n"));
    if (last && chunked)
        (void)llmp_buf_add(&t->out, LLMP_STR("0\r\n\r\n"));
    t->upload_last = last;
    return !t->out.failed;
}

/* What llhttp takes from on_headers_complete() for "no body follows". */
enum { SKIP_BODY = 1 };

static struct native_transfer *transfer_of(llhttp_t *parser)
{
    struct native_conn *conn = parser->data;

    return conn->transfer;
}

static int add_text(struct native_head *head, const char *at, size_t len)
{
    if (head->text.len + len > NATIVE_HEAD_MAX)
        return HPE_USER;
    return llmp_buf_add(&head->text, (struct llmp_str){ at, len }) ? 0
                                                                   : HPE_USER;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t len)
{
    struct native_head *head = transfer_of(parser)->head;

    if (head->in_value || head->count == 0) {
        if (head->count == NATIVE_FIELDS_MAX)
            return HPE_USER;
        head->in_value = false;
        head->count++;
        head->fields[head->count - 1].name = (uint32_t)head->text.len;
        head->fields[head->count - 1].name_len = 0;
        head->fields[head->count - 1].value_len = 0;
    }

    size_t from = head->text.len;

    if (add_text(head, at, len) != 0)
        return HPE_USER;
    for (size_t i = from; i < head->text.len; i++)
        if (head->text.ptr[i] >= 'A' && head->text.ptr[i] <= 'Z')
            head->text.ptr[i] = (char)(head->text.ptr[i] + 32);
    head->fields[head->count - 1].name_len += (uint32_t)len;
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t len)
{
    struct native_head *head = transfer_of(parser)->head;

    if (!head->in_value) {
        head->in_value = true;
        head->fields[head->count - 1].value = (uint32_t)head->text.len;
    }
    head->fields[head->count - 1].value_len += (uint32_t)len;
    return add_text(head, at, len);
}

/* A field without a value gives no value span at all. */
static int on_header_value_complete(llhttp_t *parser)
{
    struct native_head *head = transfer_of(parser)->head;

    /* llhttp lets a field without a name pass. */
    if (head->count == 0 || head->fields[head->count - 1].name_len == 0)
        return HPE_USER;
    head->in_value = true;
    return 0;
}

/* Whatever its fields say (RFC 9112, 6.3). */
static bool has_no_body(const llhttp_t *parser)
{
    return parser->status_code < 200 || parser->status_code == 204 ||
           parser->status_code == 304;
}

static uint64_t body_size_of(const llhttp_t *parser)
{
    if (has_no_body(parser))
        return 0;
    return parser->flags & F_CONTENT_LENGTH ? parser->content_length
                                            : LLMP_BODY_UNKNOWN;
}

static void report_head(struct native_transfer *t, llhttp_t *parser)
{
    struct llmp_header headers[NATIVE_FIELDS_MAX];
    const struct native_head *head = t->head;

    for (uint32_t i = 0; i < head->count; i++) {
        headers[i].name =
            (struct llmp_str){ head->text.ptr + head->fields[i].name,
                               head->fields[i].name_len };
        headers[i].value =
            (struct llmp_str){ head->text.ptr + head->fields[i].value,
                               head->fields[i].value_len };
    }
    t->head_reported = true;
    llmp_transfer_head(&t->base, &(struct llmp_response_head){
                                     .status = parser->status_code,
                                     .headers = headers,
                                     .header_count = head->count,
                                     .body_size = body_size_of(parser),
                                     .sent_ns = t->sent_ns,
                                     .request_sent = t->sent,
                                     .connection_reused = t->conn->reused,
                                 });
}

static int on_headers_complete(llhttp_t *parser)
{
    struct native_transfer *t = transfer_of(parser);

    /* A status is three digits, and nobody asked to switch protocols. */
    if (parser->status_code < 100 || parser->status_code > 999 ||
        parser->status_code == 101)
        return HPE_USER;
    if (parser->status_code < 200) {
        t->head->text.len = 0;
        t->head->count = 0;
        t->head->in_value = false;
        return SKIP_BODY;
    }
    report_head(t, parser);
    if (t->dead)
        return HPE_USER;
    return has_no_body(parser) ? SKIP_BODY : 0;
}

static int on_body(llhttp_t *parser, const char *at, size_t len)
{
    struct native_transfer *t = transfer_of(parser);

    llmp_transfer_body(&t->base, (struct llmp_str){ at, len });
    return t->dead ? HPE_USER : 0;
}

static int on_message_complete(llhttp_t *parser)
{
    struct native_transfer *t = transfer_of(parser);

    if (!t->head_reported)
        return 0; /* an informational answer: the real one follows */
    t->complete = true;
    return HPE_PAUSED;
}

/* A trailer's fields come after the head was reported: nobody wants them. */
static int field_or_trailer(llhttp_t *parser, const char *at, size_t len)
{
    return transfer_of(parser)->head_reported
               ? 0
               : on_header_field(parser, at, len);
}

static int value_or_trailer(llhttp_t *parser, const char *at, size_t len)
{
    return transfer_of(parser)->head_reported
               ? 0
               : on_header_value(parser, at, len);
}

static int value_end_or_trailer(llhttp_t *parser)
{
    return transfer_of(parser)->head_reported
               ? 0
               : on_header_value_complete(parser);
}

void llmp_native_settings_init(llhttp_settings_t *settings)
{
    llhttp_settings_init(settings);
    settings->on_header_field = field_or_trailer;
    settings->on_header_value = value_or_trailer;
    settings->on_header_value_complete = value_end_or_trailer;
    settings->on_headers_complete = on_headers_complete;
    settings->on_body = on_body;
    settings->on_message_complete = on_message_complete;
}
