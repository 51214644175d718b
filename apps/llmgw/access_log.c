/* SPDX-License-Identifier: Apache-2.0 */
/* The access log: see access_log.h. */
#define _GNU_SOURCE
#include "access_log.h"

#include <llmproxy/usage.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "mem.h"
#include "respond.h"

/* Texts are cut to this many bytes; each may grow sixfold by escaping. */
#define TEXT_MAX       512
#define LINE_MAX_BYTES (20 * 6 * TEXT_MAX + 1024 + LLMP_SUMMARY_GUARD_MAX)

_Static_assert(LINE_MAX_BYTES < GW_LOG_BUFFER_SIZE, "a line must fit");

static void put(struct gw_log_buffer *log, const char *text, size_t len)
{
    memcpy(log->bytes + log->used, text, len);
    log->used += len;
}

static void put_text(struct gw_log_buffer *log, const char *text)
{
    put(log, text, strlen(text));
}

/* The length of the UTF-8 sequence at `p`, or 0 if it is not one. */
static size_t utf8_length(const uint8_t *p, size_t left)
{
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;

    if (len == 1)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4 || len > left)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    if ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ||
        (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f))
        return 0;
    return len;
}

static void put_escaped(struct gw_log_buffer *log, uint8_t byte)
{
    static const char hex[] = "0123456789abcdef";
    char code[6] = { '\\', 'u', '0', '0', hex[byte >> 4], hex[byte & 15] };

    if (byte == '"' || byte == '\\') {
        code[1] = (char)byte;
        put(log, code, 2);
        return;
    }
    put(log, code, sizeof(code));
}

/* The inside of a JSON string. */
static void put_json(struct gw_log_buffer *log, struct llmp_str text)
{
    const uint8_t *p = (const uint8_t *)text.ptr;
    size_t left = text.len < TEXT_MAX ? text.len : TEXT_MAX;

    while (left > 0) {
        size_t len = utf8_length(p, left);

        if (len == 0) {
            put_text(log, "\\ufffd");
            len = 1;
        } else if (len == 1 &&
                   (*p < 0x20 || *p == '"' || *p == '\\' || *p == 0x7f)) {
            put_escaped(log, *p);
        } else {
            put(log, (const char *)p, len);
        }
        p += len;
        left -= len;
    }
}

/* `key` is `,"name":"`. */
static void add_text(struct gw_log_buffer *log, const char *key,
                     struct llmp_str value)
{
    if (value.len == 0)
        return;
    put_text(log, key);
    put_json(log, value);
    put(log, "\"", 1);
}

/* `key` is `,"name":`. */
static void add_number(struct gw_log_buffer *log, const char *key,
                       uint64_t value)
{
    put_text(log, key);
    log->used += gw_decimal_write(log->bytes + log->used, value);
}

static void add_number_if(struct gw_log_buffer *log, const char *key,
                          uint64_t value)
{
    if (value > 0)
        add_number(log, key, value);
}

static void add_time(struct gw_log_buffer *log, uint64_t wall_ns)
{
    uint64_t second = wall_ns / 1000000000U;
    unsigned ms = (unsigned)(wall_ns / 1000000U % 1000U);
    char fraction[5] = { '.', (char)('0' + ms / 100),
                         (char)('0' + ms / 10 % 10), (char)('0' + ms % 10),
                         'Z' };

    if (second != log->second) {
        time_t civil = (time_t)second;
        struct tm tm;

        (void)gmtime_r(&civil, &tm);
        (void)strftime(log->time, sizeof(log->time), "%Y-%m-%dT%H:%M:%S", &tm);
        log->second = second;
    }
    put_text(log, "{\"time\":\"");
    put_text(log, log->time);
    put(log, fraction, sizeof(fraction));
    put(log, "\"", 1);
}

static void add_usage(struct gw_log_buffer *log, const struct llmp_summary *s)
{
    if (s->usage_basis == LLMP_USAGE_NONE)
        return;
    put_text(log, s->usage_basis == LLMP_USAGE_REPORTED
                      ? ",\"usage\":\"reported\""
                  : s->usage_basis == LLMP_USAGE_ESTIMATED
                      ? ",\"usage\":\"estimated\""
                      : ",\"usage\":\"unknown\"");
    if (s->usage_basis == LLMP_USAGE_UNKNOWN)
        return;
    add_number(log, ",\"input_tokens\":", s->input_tokens);
    add_number(log, ",\"output_tokens\":", s->output_tokens);
    add_number_if(log, ",\"cached_tokens\":", s->cached_tokens);
    add_number_if(log, ",\"reasoning_tokens\":", s->reasoning_tokens);
}

/* A cost that nobody knows is said to be that. */
static void add_cost(struct gw_log_buffer *log, const struct llmp_summary *s)
{
    char amount[LLMP_NANOS_TEXT_MAX];

    if (s->usage_basis == LLMP_USAGE_NONE || s->currency.len == 0)
        return;
    (void)llmp_nanos_write(s->cost_nano, amount);
    put_text(log, ",\"cost\":");
    if (s->cost_known) {
        put_text(log, "\"");
        put_text(log, amount);
        put_text(log, "\"");
    } else {
        put_text(log, "null");
    }
    add_text(log, ",\"currency\":\"", s->currency);
}

void gw_log_add(struct gw_log_buffer *log, const struct llmp_summary *s)
{
    if (log->fd < 0)
        return;
    if (log->used + LINE_MAX_BYTES > GW_LOG_BUFFER_SIZE)
        gw_log_flush(log);

    const char *ending = llmp_ending_name(s->ending);

    add_time(log, s->started_wall_ns);
    add_text(log, ",\"request_id\":\"", s->request_id);
    add_text(log, ",\"method\":\"", s->method);
    add_text(log, ",\"path\":\"", s->path);
    add_number_if(log, ",\"status\":", s->status);
    add_text(log, ",\"ending\":\"",
             (struct llmp_str){ ending, strlen(ending) });
    add_text(log, ",\"error\":\"", s->error_code);
    add_text(log, ",\"operation\":\"", s->operation);
    add_text(log, ",\"model\":\"", s->model);
    add_text(log, ",\"provider\":\"", s->provider);
    add_text(log, ",\"upstream_model\":\"", s->upstream_model);
    add_number_if(log, ",\"upstream_status\":", s->upstream_status);
    add_text(log, ",\"upstream_request_id\":\"", s->upstream_request_id);
    put_text(log, s->stream ? ",\"stream\":true" : ",\"stream\":false");
    add_number(log, ",\"request_bytes\":", s->request_bytes);
    add_number(log, ",\"response_bytes\":", s->response_bytes);
    add_number(log, ",\"duration_us\":", s->duration_ns / 1000);
    add_number(log, ",\"own_us\":", s->own_ns / 1000);
    add_number_if(log, ",\"first_byte_us\":", s->first_byte_ns / 1000);
    add_number_if(log, ",\"first_token_us\":", s->first_token_ns / 1000);
    add_number_if(log, ",\"events\":", s->events);
    add_usage(log, s);
    add_text(log, ",\"key\":\"", s->key);
    add_text(log, ",\"user\":\"", s->user);
    add_text(log, ",\"team\":\"", s->team);
    add_text(log, ",\"organisation\":\"", s->org);
    add_text(log, ",\"limited_by\":\"", s->limited_by);
    add_text(log, ",\"soft_limit\":\"", s->soft_limit);
    add_text(log, ",\"downgraded_to\":\"", s->downgraded_to);
    add_text(log, ",\"dropped\":\"", s->dropped);
    if (s->guard.len) {
        put_text(log, ",\"guard\":");
        put(log, s->guard.ptr, s->guard.len);
    }
    if (s->anomaly_score) {
        add_number(log, ",\"anomaly\":{\"score\":", s->anomaly_score);
        add_text(log, ",\"feature\":\"", s->anomaly_feature);
        put_text(log, "}");
    }
    if (s->attempts > 1)
        add_number(log, ",\"attempts\":", s->attempts);
    add_number_if(log, ",\"queued_us\":", s->queued_ns / 1000);
    if (s->hedged)
        put_text(log, ",\"hedged\":true");
    add_cost(log, s);
    add_text(log, ",\"peer\":\"", s->peer);
    put_text(log, "}\n");
}

void gw_log_flush(struct gw_log_buffer *log)
{
    if (log->used == 0)
        return;
    /* A log that cannot be written (full disk, closed pipe) loses lines, not
     * requests: there is nobody to tell and nothing to wait for. */
    ssize_t ignored = write(log->fd, log->bytes, log->used);

    (void)ignored;
    log->used = 0;
}

bool gw_log_buffer_init(struct gw_log_buffer *log, int fd)
{
    *log = (struct gw_log_buffer){ .fd = fd };
    if (fd < 0)
        return true;
    log->bytes = gw_alloc(GW_LOG_BUFFER_SIZE);
    return log->bytes != NULL;
}

void gw_log_buffer_fini(struct gw_log_buffer *log)
{
    gw_log_flush(log);
    gw_free(log->bytes);
    *log = (struct gw_log_buffer){ .fd = -1 };
}

static int open_path(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

int gw_log_open(int *fd, const char *target, struct llmp_error *err)
{
    *fd = -1;
    if (!target || strcmp(target, "off") == 0)
        return LLMP_OK;
    if (strcmp(target, "stdout") == 0)
        *fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    else if (strcmp(target, "stderr") == 0)
        *fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    else
        *fd = open_path(target);
    if (*fd >= 0)
        return LLMP_OK;
    *err = (struct llmp_error){ .status = LLMP_E_IO };
    (void)snprintf(err->message, sizeof(err->message),
                   "cannot open the access log %s: %s", target,
                   strerror(errno));
    return LLMP_E_IO;
}

void gw_log_reopen(int fd, const char *target)
{
    int fresh;

    if (fd < 0 || strcmp(target, "stdout") == 0 ||
        strcmp(target, "stderr") == 0)
        return;
    fresh = open_path(target);
    if (fresh < 0)
        return; /* the old file keeps being written */
    (void)dup3(fresh, fd, O_CLOEXEC);
    (void)close(fresh);
}
