/* SPDX-License-Identifier: Apache-2.0 */
/* Answer heads: see respond.h. No printf in here: this runs for every one. */
#include "respond.h"

#include <string.h>
#include <time.h>

#define FIXED_SIZE 320 /* status line, own fields, framing, the empty line */

static struct llmp_str reason_phrase(unsigned status)
{
#define REASON(code, text) \
    case code:             \
        return LLMP_STR(text)
    switch (status) {
        REASON(200, "OK");
        REASON(201, "Created");
        REASON(202, "Accepted");
        REASON(204, "No Content");
        REASON(206, "Partial Content");
        REASON(301, "Moved Permanently");
        REASON(302, "Found");
        REASON(304, "Not Modified");
        REASON(307, "Temporary Redirect");
        REASON(308, "Permanent Redirect");
        REASON(400, "Bad Request");
        REASON(401, "Unauthorized");
        REASON(402, "Payment Required");
        REASON(403, "Forbidden");
        REASON(404, "Not Found");
        REASON(405, "Method Not Allowed");
        REASON(406, "Not Acceptable");
        REASON(408, "Request Timeout");
        REASON(409, "Conflict");
        REASON(410, "Gone");
        REASON(411, "Length Required");
        REASON(413, "Content Too Large");
        REASON(414, "URI Too Long");
        REASON(415, "Unsupported Media Type");
        REASON(417, "Expectation Failed");
        REASON(422, "Unprocessable Content");
        REASON(424, "Failed Dependency");
        REASON(429, "Too Many Requests");
        REASON(431, "Request Header Fields Too Large");
        REASON(500, "Internal Server Error");
        REASON(501, "Not Implemented");
        REASON(502, "Bad Gateway");
        REASON(503, "Service Unavailable");
        REASON(504, "Gateway Timeout");
        REASON(505, "HTTP Version Not Supported");
        REASON(529, "Overloaded");
    default:
        return LLMP_STR("Status");
    }
#undef REASON
}

static uint8_t *put(uint8_t *out, struct llmp_str text)
{
    if (text.len > 0)
        memcpy(out, text.ptr, text.len);
    return out + text.len;
}

size_t gw_decimal_write(char *out, uint64_t value)
{
    char digits[20];
    size_t count = 0;

    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < count; i++)
        out[i] = digits[count - 1 - i];
    return count;
}

static uint8_t *put_decimal(uint8_t *out, uint64_t value)
{
    return out + gw_decimal_write((char *)out, value);
}

void gw_date_set(struct gw_date *date, uint64_t wall_ns)
{
    uint64_t second = wall_ns / 1000000000U;
    time_t civil = (time_t)second;
    struct tm tm;
    uint8_t *end = (uint8_t *)date->fields;

    if (second == date->second)
        return;
    date->second = second;
    /* The program never sets a locale, so names are the English ones. */
    (void)gmtime_r(&civil, &tm);
    (void)strftime(date->value, sizeof(date->value),
                   "%a, %d %b %Y %H:%M:%S GMT", &tm);
    end = put(end, LLMP_STR("server: llmgw\r\ndate: "));
    end = put(end, (struct llmp_str){ date->value, strlen(date->value) });
    end = put(end, LLMP_STR("\r\n"));
    date->fields_len = (size_t)(end - (uint8_t *)date->fields);
}

size_t gw_hsts_write(char out[48], uint64_t seconds)
{
    uint8_t *end = put((uint8_t *)out, LLMP_STR("max-age="));

    end = put_decimal(end, seconds);
    return (size_t)(end - (uint8_t *)out);
}

size_t gw_response_size(const struct llmp_response_head *head)
{
    size_t size = FIXED_SIZE;

    for (size_t i = 0; i < head->header_count; i++)
        size += head->headers[i].name.len + head->headers[i].value.len + 4;
    return size;
}

static uint8_t *put_own_fields(uint8_t *out,
                               const struct llmp_response_head *head,
                               const struct gw_response_format *format)
{
    switch (format->framing) {
    case GW_FRAMING_LENGTH:
        out = put(out, LLMP_STR("content-length: "));
        out = put_decimal(out, head->body_size);
        out = put(out, LLMP_STR("\r\n"));
        break;
    case GW_FRAMING_CHUNKED:
        out = put(out, LLMP_STR("transfer-encoding: chunked\r\n"));
        break;
    case GW_FRAMING_NONE:
        break;
    }
    if (format->close)
        out = put(out, LLMP_STR("connection: close\r\n"));
    else if (format->keep_alive)
        out = put(out, LLMP_STR("connection: keep-alive\r\n"));
    if (format->hsts_seconds > 0) {
        char value[48];
        size_t len = gw_hsts_write(value, format->hsts_seconds);

        out = put(out, LLMP_STR("strict-transport-security: "));
        out = put(out, (struct llmp_str){ value, len });
        out = put(out, LLMP_STR("\r\n"));
    }
    return out;
}

size_t gw_response_write(uint8_t *out, const struct llmp_response_head *head,
                         const struct gw_response_format *format)
{
    uint8_t *begin = out;

    out = put(out, LLMP_STR("HTTP/1.1 "));
    out = put_decimal(out, head->status);
    *out++ = ' ';
    out = put(out, reason_phrase(head->status));
    out = put(out, LLMP_STR("\r\n"));
    out = put(out, (struct llmp_str){ format->date->fields,
                                      format->date->fields_len });
    for (size_t i = 0; i < head->header_count; i++) {
        out = put(out, head->headers[i].name);
        out = put(out, LLMP_STR(": "));
        out = put(out, head->headers[i].value);
        out = put(out, LLMP_STR("\r\n"));
    }
    out = put_own_fields(out, head, format);
    out = put(out, LLMP_STR("\r\n"));
    return (size_t)(out - begin);
}
