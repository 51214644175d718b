/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request heads: see head.h. llhttp does the grammar; what is checked here in
 * addition are rules it leaves to its user (repeated and contradicting fields)
 * and those where releases of it have differed (line ends, folding, spaces).
 */
#include "head.h"

#include <llhttp.h>
#include <string.h>

static bool fail(struct gw_head_error *error, enum llmp_bad_request bad,
                 const char *reason)
{
    *error = (struct gw_head_error){ .bad = bad, .reason = reason };
    return false;
}

/* ---- scan ---------------------------------------------------------------- */

#define EVERY_BYTE(b) (0x0101010101010101U * (uint64_t)(b))

/* Has its high bits set where a byte of `v` is below 0x20 or 0x7f. Bytes above
 * the first such one may be marked wrongly, which does no harm here. */
static uint64_t control_marks(uint64_t v)
{
    uint64_t del = v ^ EVERY_BYTE(0x7f);

    return (((v - EVERY_BYTE(0x20)) & ~v) | ((del - EVERY_BYTE(1)) & ~del)) &
           EVERY_BYTE(0x80);
}

static bool is_control(uint8_t byte)
{
    return byte < 0x20 || byte == 0x7f;
}

/* The first control byte at or after `pos`, or `len`. */
static size_t next_control(const uint8_t *data, size_t pos, size_t len)
{
    while (len - pos >= 8) {
        uint64_t v;

        memcpy(&v, data + pos, 8);
        if (control_marks(v))
            break;
        pos += 8;
    }
    while (pos < len && !is_control(data[pos]))
        pos++;
    return pos;
}

/* Limits that hold for a head of which `len` bytes are here. */
static bool size_is_fine(const struct gw_head_scan *scan, size_t len,
                         size_t head_max, struct gw_head_error *error)
{
    /* The request line may exceed the target's limit by method and version. */
    if (scan->line == 0 && len > GW_URI_BYTES_MAX + 64)
        return fail(error, LLMP_BAD_URI_TOO_LONG, "the request target is long");
    if (len > head_max)
        return fail(error, LLMP_BAD_HEAD_TOO_LARGE, "the head is too large");
    return true;
}

/* A request line that is whole ends in a version: an HTTP/0.9 client would
 * wait for its answer now. */
static bool has_version(const uint8_t *line, size_t len)
{
    return len >= 9 && memcmp(line + len - 9, " HTTP/", 6) == 0;
}

/* Notes that a line ended before `next`. */
static enum gw_head_status end_line(struct gw_head_scan *scan,
                                    const uint8_t *data, size_t next,
                                    struct gw_head_error *error)
{
    size_t len = next - 2 - scan->line;

    if (len == 0 && scan->line > 0)
        return GW_HEAD_WHOLE;
    if (scan->line == 0 && !has_version(data, len)) {
        fail(error, LLMP_BAD_SYNTAX, "the request line is malformed");
        return GW_HEAD_BAD;
    }
    scan->line = next;
    return GW_HEAD_MORE;
}

/* A line that begins with space would continue the one before (obs-fold). */
static bool is_folded(const struct gw_head_scan *scan, const uint8_t *data,
                      size_t len, struct gw_head_error *error)
{
    return scan->line > 0 && scan->line < len &&
           (data[scan->line] == ' ' || data[scan->line] == '\t') &&
           !fail(error, LLMP_BAD_SYNTAX, "a folded field");
}

enum gw_head_status gw_head_scan(struct gw_head_scan *scan, const uint8_t *data,
                                 size_t len, size_t head_max, size_t *head_size,
                                 struct gw_head_error *error)
{
    size_t pos = scan->offset;

    if (is_folded(scan, data, len, error))
        return GW_HEAD_BAD;
    while ((pos = next_control(data, pos, len)) < len) {
        if (data[pos] == '\t' && scan->line > 0 && pos > scan->line) {
            pos++;
            continue;
        }
        if (data[pos] != '\r') {
            fail(error, LLMP_BAD_SYNTAX,
                 data[pos] == '\n' ? "a line ends without CR"
                                   : "a control byte in the head");
            return GW_HEAD_BAD;
        }
        if (pos + 1 == len)
            break;
        if (data[pos + 1] != '\n') {
            fail(error, LLMP_BAD_SYNTAX, "CR without LF");
            return GW_HEAD_BAD;
        }
        pos += 2;
        enum gw_head_status status = end_line(scan, data, pos, error);

        if (status == GW_HEAD_WHOLE) {
            *head_size = pos;
            scan->offset = pos;
            return size_is_fine(scan, pos, head_max, error) ? GW_HEAD_WHOLE
                                                            : GW_HEAD_BAD;
        }
        if (status == GW_HEAD_BAD || is_folded(scan, data, len, error))
            return GW_HEAD_BAD;
    }
    scan->offset = pos;
    return size_is_fine(scan, len, head_max, error) ? GW_HEAD_MORE
                                                    : GW_HEAD_BAD;
}

/* ---- parse --------------------------------------------------------------- */

/* What llhttp's callbacks fill. */
struct builder {
    struct gw_head *head;
    bool in_value;
    bool overflow;
};

/* llhttp may report one span in pieces, which lie side by side. */
static void extend(struct llmp_str *span, const char *at, size_t len)
{
    if (!span->ptr)
        span->ptr = at;
    span->len = (size_t)(at - span->ptr) + len;
}

static int on_url(llhttp_t *parser, const char *at, size_t len)
{
    struct builder *b = parser->data;

    extend(&b->head->target, at, len);
    return 0;
}

static int on_field(llhttp_t *parser, const char *at, size_t len)
{
    struct builder *b = parser->data;
    struct gw_head *head = b->head;

    if (b->in_value || head->field_count == 0) {
        if (head->field_count == GW_HEAD_FIELDS_MAX) {
            b->overflow = true;
            return HPE_USER;
        }
        head->fields[head->field_count++] = (struct llmp_header){ 0 };
        b->in_value = false;
    }
    extend(&head->fields[head->field_count - 1].name, at, len);
    return 0;
}

/* Comes for empty values, too, which on_value need not. */
static int on_field_complete(llhttp_t *parser)
{
    struct builder *b = parser->data;

    b->in_value = true;
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t len)
{
    struct builder *b = parser->data;

    extend(&b->head->fields[b->head->field_count - 1].value, at, len);
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    (void)parser;
    return HPE_PAUSED; /* the body is not llhttp's business */
}

static const llhttp_settings_t settings = {
    .on_url = on_url,
    .on_header_field = on_field,
    .on_header_field_complete = on_field_complete,
    .on_header_value = on_value,
    .on_headers_complete = on_headers_complete,
};

bool gw_str_equal_nocase(struct llmp_str a, struct llmp_str b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++) {
        uint8_t x = (uint8_t)a.ptr[i];
        uint8_t y = (uint8_t)b.ptr[i];

        if (x != y && ((x ^ y) != 0x20 || (x | 0x20) < 'a' || (x | 0x20) > 'z'))
            return false;
    }
    return true;
}

static bool str_equal(struct llmp_str a, struct llmp_str b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static void lower(uint8_t *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        text[i] |= (uint8_t)((text[i] >= 'A' && text[i] <= 'Z') << 5);
}

/* Digits only: no sign, no list, no space, nothing above 2^63. */
static bool read_length(struct llmp_str text, uint64_t *out)
{
    uint64_t value = 0;

    if (text.len == 0 || text.len > 18)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    *out = value;
    return true;
}

/* The fields that decide where a request ends and whom it is for. */
struct framing {
    unsigned hosts, lengths, encodings, expectations;
    struct llmp_str encoding, length, expectation;
};

static void note_framing(struct framing *f, struct gw_head *head,
                         const struct llmp_header *field)
{
    switch (field->name.len) {
    case 4:
        if (str_equal(field->name, LLMP_STR("host"))) {
            f->hosts++;
            head->host = field->value;
        }
        break;
    case 6:
        if (str_equal(field->name, LLMP_STR("expect"))) {
            f->expectations++;
            f->expectation = field->value;
        }
        break;
    case 14:
        if (str_equal(field->name, LLMP_STR("content-length"))) {
            f->lengths++;
            f->length = field->value;
        }
        break;
    case 17:
        if (str_equal(field->name, LLMP_STR("transfer-encoding"))) {
            f->encodings++;
            f->encoding = field->value;
        }
        break;
    default:
        break;
    }
}

static bool check_body(const struct framing *f, struct gw_head *head,
                       struct gw_head_error *error)
{
    if (f->encodings > 0 && f->lengths > 0)
        return fail(error, LLMP_BAD_SYNTAX,
                    "both Content-Length and Transfer-Encoding");
    if (f->lengths > 1)
        return fail(error, LLMP_BAD_SYNTAX, "Content-Length is repeated");
    if (f->lengths == 1 && !read_length(f->length, &head->body_size))
        return fail(error, LLMP_BAD_SYNTAX, "Content-Length is not a number");
    if (f->encodings == 0)
        return true;
    if (f->encodings > 1 ||
        !gw_str_equal_nocase(f->encoding, LLMP_STR("chunked")) ||
        head->http_minor == 0)
        return fail(error, LLMP_BAD_SYNTAX,
                    "Transfer-Encoding is not a single \"chunked\"");
    head->body_size = LLMP_BODY_UNKNOWN;
    return true;
}

static bool check_expectation(const struct framing *f, struct gw_head *head,
                              struct gw_head_error *error)
{
    if (f->expectations == 0)
        return true;
    if (f->expectations > 1 ||
        !gw_str_equal_nocase(f->expectation, LLMP_STR("100-continue")))
        return fail(error, LLMP_BAD_EXPECTATION,
                    "only \"100-continue\" can be expected");
    head->expects_continue = head->http_minor > 0 && head->body_size > 0;
    return true;
}

bool gw_host_is_valid(struct llmp_str host)
{
    static const char marks[] = "-._~%!$&'()*+,;=:[]";

    if (host.len == 0 || host.len > 255 + 6)
        return false;
    for (size_t i = 0; i < host.len; i++) {
        char c = host.ptr[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                     (c >= 'A' && c <= 'Z');

        if (!alnum && (c == '\0' || !strchr(marks, c)))
            return false;
    }
    return true;
}

/* "http://host/path" becomes "/path" when it names the same host. */
static bool make_origin_form(struct gw_head *head, struct gw_head_error *error)
{
    static const char *const schemes[] = { "http://", "https://" };
    struct llmp_str rest = head->target;

    if (rest.len > 0 && rest.ptr[0] == '/')
        return true;
    for (size_t i = 0; i < 2; i++) {
        size_t len = strlen(schemes[i]);
        struct llmp_str start = { rest.ptr, len };

        if (rest.len <= len ||
            !gw_str_equal_nocase(start, (struct llmp_str){ schemes[i], len }))
            continue;
        rest.ptr += len;
        rest.len -= len;
        const char *slash = memchr(rest.ptr, '/', rest.len);
        struct llmp_str authority = { rest.ptr, slash
                                                    ? (size_t)(slash - rest.ptr)
                                                    : rest.len };

        if (head->host.len > 0 && !gw_str_equal_nocase(authority, head->host))
            return fail(error, LLMP_BAD_SYNTAX,
                        "the target names another host than Host");
        head->target =
            slash ? (struct llmp_str){ slash, rest.len - authority.len }
                  : LLMP_STR("/");
        return true;
    }
    return fail(error, LLMP_BAD_SYNTAX, "the request target is not a path");
}

static bool check_host(const struct framing *f, const struct gw_head *head,
                       struct gw_head_error *error)
{
    if (f->hosts > 1)
        return fail(error, LLMP_BAD_SYNTAX, "Host is repeated");
    if (f->hosts == 0)
        return head->http_minor == 0 ||
               fail(error, LLMP_BAD_SYNTAX, "Host is missing");
    if (!gw_host_is_valid(head->host))
        return fail(error, LLMP_BAD_SYNTAX, "Host is not valid");
    return true;
}

/* One method, one space, one target, one space, one version. */
static bool check_request_line(struct gw_head *head, const uint8_t *data,
                               size_t size, struct gw_head_error *error)
{
    const uint8_t *end = memchr(data, '\r', size);
    size_t line = end ? (size_t)(end - data) : size;

    if (head->target.len > GW_URI_BYTES_MAX)
        return fail(error, LLMP_BAD_URI_TOO_LONG, "the request target is long");
    if (head->target.ptr != head->method.ptr + head->method.len + 1 ||
        line != head->method.len + 1 + head->target.len + 9)
        return fail(error, LLMP_BAD_SYNTAX, "the request line is malformed");
    return true;
}

static bool run_llhttp(struct gw_head *head, const uint8_t *data, size_t size,
                       llhttp_t *parser, struct gw_head_error *error)
{
    struct builder b = { .head = head };

    llhttp_init(parser, HTTP_REQUEST, &settings);
    parser->data = &b;
    llhttp_errno_t status = llhttp_execute(parser, (const char *)data, size);

    parser->data = NULL;
    if (b.overflow)
        return fail(error, LLMP_BAD_HEAD_TOO_LARGE, "too many fields");
    if (status == HPE_INVALID_VERSION)
        return fail(error, LLMP_BAD_VERSION, "not a version of HTTP");
    if (status == HPE_OK)
        return fail(error, LLMP_BAD_SYNTAX, "the head has no end");
    if (status != HPE_PAUSED)
        return fail(error, LLMP_BAD_SYNTAX, llhttp_get_error_reason(parser));
    if (parser->http_major != 1 || parser->http_minor > 1)
        return fail(error, LLMP_BAD_VERSION, "not a version that is served");
    head->http_major = parser->http_major;
    head->http_minor = parser->http_minor;
    return true;
}

/* Says which bytes are the method before anything can fail. */
static void find_method(struct gw_head *head, const uint8_t *data, size_t size)
{
    const uint8_t *space = memchr(data, ' ', size < 32 ? size : 32);

    head->method = (struct llmp_str){ (const char *)data,
                                      space ? (size_t)(space - data) : 0 };
}

bool gw_head_parse(struct gw_head *head, uint8_t *data, size_t size,
                   struct gw_head_error *error)
{
    struct framing f = { 0 };
    llhttp_t parser;

    *head = (struct gw_head){ .fields = head->fields };
    find_method(head, data, size);
    if (!run_llhttp(head, data, size, &parser, error) ||
        !check_request_line(head, data, size, error))
        return false;

    for (size_t i = 0; i < head->field_count; i++) {
        struct llmp_header *field = &head->fields[i];

        if (field->name.len == 0)
            return fail(error, LLMP_BAD_SYNTAX, "a field without a name");
        lower(data + (field->name.ptr - (const char *)data), field->name.len);
        while (field->value.len > 0 &&
               (field->value.ptr[field->value.len - 1] == ' ' ||
                field->value.ptr[field->value.len - 1] == '\t'))
            field->value.len--;
        note_framing(&f, head, field);
    }
    head->keep_alive = head->http_minor > 0
                           ? !(parser.flags & F_CONNECTION_CLOSE)
                           : (parser.flags & F_CONNECTION_KEEP_ALIVE) != 0;
    return check_host(&f, head, error) && check_body(&f, head, error) &&
           check_expectation(&f, head, error) && make_origin_form(head, error);
}
