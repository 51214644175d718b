/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's callbacks about one transfer: its answer's head and body, and the
 * body it sends. They only translate; curl_inside.h says what they must not do.
 */
#include "base/internal.h"
#include "runtime/curl_inside.h"

static struct curl_transfer *transfer_of(void *ctx)
{
    struct curl_handle *handle = ctx;

    return handle->transfer;
}

static void begin_head(struct curl_transfer *t, struct llmp_str line)
{
    const char *space = memchr(line.ptr, ' ', line.len);
    unsigned status = 0;

    t->head.len = 0;
    t->field_count = 0;
    if (space && (size_t)(line.ptr + line.len - space) >= 4)
        for (int i = 1; i <= 3; i++)
            status = status * 10 + (unsigned)(space[i] - '0');
    t->status = (uint16_t)status;
}

static bool add_field(struct curl_transfer *t, struct llmp_str line)
{
    const char *colon = memchr(line.ptr, ':', line.len);

    if (!colon || t->field_count == CURL_HEADERS_MAX || line.len > UINT16_MAX ||
        t->head.len + line.len > CURL_HEAD_MAX)
        return false;

    struct llmp_str name = { line.ptr, (size_t)(colon - line.ptr) };
    struct llmp_str value =
        llmp_str_trim((struct llmp_str){ colon + 1, line.len - name.len - 1 });
    uint32_t at = (uint32_t)t->head.len;

    if (!llmp_buf_add(&t->head, name) || !llmp_buf_add(&t->head, value))
        return false;
    for (size_t i = 0; i < name.len; i++)
        if (t->head.ptr[at + i] >= 'A' && t->head.ptr[at + i] <= 'Z')
            t->head.ptr[at + i] = (char)(t->head.ptr[at + i] + 32);
    t->field_at[t->field_count].name = at;
    t->field_at[t->field_count].name_len = (uint16_t)name.len;
    t->field_at[t->field_count++].value_len = (uint16_t)value.len;
    return true;
}

static uint64_t answer_size(const struct curl_transfer *t,
                            const struct llmp_header *headers)
{
    uint64_t size;

    if (t->status == 204 || t->status == 304)
        return 0;
    for (uint32_t i = 0; i < t->field_count; i++)
        if (llmp_str_eq(headers[i].name, LLMP_STR("content-length")) &&
            llmp_str_to_u64(headers[i].value, &size))
            return size;
    return LLMP_BODY_UNKNOWN;
}

/* libcurl does not say when the last byte left; it says when, after it began,
 * the connection was ready for the first. */
static void note_sent(struct curl_transfer *t)
{
    curl_off_t ready_us = 0;

    if (t->sent_ns)
        return;
    (void)curl_easy_getinfo(t->handle->easy, CURLINFO_PRETRANSFER_TIME_T,
                            &ready_us);
    t->sent_ns = t->begun_ns + (uint64_t)(ready_us > 0 ? ready_us : 0) * 1000;
}

static bool was_sent_whole(const struct curl_transfer *t)
{
    curl_off_t bytes = 0;

    (void)curl_easy_getinfo(t->handle->easy, CURLINFO_SIZE_UPLOAD_T, &bytes);
    return t->call->body_size != LLMP_BODY_UNKNOWN &&
           (uint64_t)bytes >= t->call->body_size;
}

static void report_head(struct curl_transfer *t)
{
    struct llmp_header headers[CURL_HEADERS_MAX];
    bool sent = was_sent_whole(t);

    for (uint32_t i = 0; i < t->field_count; i++) {
        headers[i].name = (struct llmp_str){ t->head.ptr + t->field_at[i].name,
                                             t->field_at[i].name_len };
        headers[i].value =
            (struct llmp_str){ headers[i].name.ptr + headers[i].name.len,
                               t->field_at[i].value_len };
    }
    t->head_reported = true;
    note_sent(t);
    llmp_transfer_head(&t->base, &(struct llmp_response_head){
                                     .status = t->status,
                                     .headers = headers,
                                     .header_count = t->field_count,
                                     .body_size = answer_size(t, headers),
                                     .sent_ns = t->sent_ns,
                                     .request_sent = sent,
                                 });
    llmp_buf_fini(&t->head);
    if (sent && t->call->body) /* streams are open for long */
        llmp_buf_fini(&t->upload);
}

/* The answer is an error and the upload has not ended: nobody hands in the
 * rest of it. libcurl would wait for that while it pauses sending. The
 * connection cannot be used again. */
static void end_upload(struct curl_transfer *t)
{
    t->upload.len = 0;
    t->upload_last = true;
    curl_easy_setopt(t->handle->easy, CURLOPT_FORBID_REUSE, 1L);
    if (t->upload_stalled)
        llmp_curl_note(t);
}

/* Called with one line at a time, the empty one at the head's end. */
static size_t on_header(char *line, size_t one, size_t len, void *ctx)
{
    struct curl_transfer *t = transfer_of(ctx);
    struct llmp_str text = { line, len };

    (void)one;
    while (text.len &&
           (text.ptr[text.len - 1] == '\n' || text.ptr[text.len - 1] == '\r'))
        text.len--;
    if (t->dead)
        return 0;
    if (t->head_reported)
        return len; /* trailers: nobody wants them */
    if (llmp_str_starts(text, LLMP_STR("HTTP/"))) {
        begin_head(t, text);
        return len;
    }
    if (text.len)
        return add_field(t, text) ? len : 0;
    if (t->status >= 200)
        report_head(t);
    if (t->status >= 300 && !t->dead && !t->upload_last &&
        t->call->body_size != 0 && !t->call->body)
        end_upload(t);
    return t->dead ? 0 : len;
}

static size_t on_body(char *bytes, size_t one, size_t len, void *ctx)
{
    struct curl_transfer *t = transfer_of(ctx);

    (void)one;
    if (t->dead)
        return 0;
    if (t->paused) {
        t->stalled = true;
        return CURL_WRITEFUNC_PAUSE; /* it comes again after resuming */
    }
    llmp_transfer_body(&t->base, (struct llmp_str){ bytes, len });
    return t->dead ? 0 : len;
}

static size_t take_parts(struct curl_transfer *t, char *to, size_t room)
{
    size_t len = 0;

    while (t->part < t->call->body_parts && len < room) {
        struct llmp_str part = t->call->body[t->part];
        size_t n = part.len - t->part_at;

        if (n > room - len)
            n = room - len;
        memcpy(to + len, part.ptr + t->part_at, n);
        len += n;
        t->part_at += n;
        if (t->part_at == part.len) {
            t->part++;
            t->part_at = 0;
        }
    }
    return len;
}

static size_t on_read(char *to, size_t one, size_t room, void *ctx)
{
    struct curl_transfer *t = transfer_of(ctx);
    size_t len;

    (void)one;
    if (t->dead)
        return CURL_READFUNC_ABORT;
    t->sent_ns = llmp_now_ns();
    if (t->call->body)
        return take_parts(t, to, room);
    len = t->upload.len < room ? t->upload.len : room;
    if (len == 0 && !t->upload_last) {
        t->upload_stalled = true;
        return CURL_READFUNC_PAUSE;
    }
    memcpy(to, t->upload.ptr, len);
    llmp_buf_consume(&t->upload, len);
    if (t->upload_full && t->upload.len < CURL_UPLOAD_HIGH / 2) {
        t->upload_full = false;
        llmp_transfer_writable(&t->base);
    }
    return t->dead ? CURL_READFUNC_ABORT : len;
}

/* libcurl sends a request again when a kept connection turns out dead. */
static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct curl_transfer *t = transfer_of(ctx);

    if (t->dead || !t->call->body || offset != 0 || origin != SEEK_SET)
        return CURL_SEEKFUNC_FAIL;
    t->part = t->part_at = 0;
    return CURL_SEEKFUNC_OK;
}

void llmp_curl_set_callbacks(CURL *easy, struct curl_handle *handle)
{
    curl_easy_setopt(easy, CURLOPT_PRIVATE, handle);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, handle);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, handle);
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(easy, CURLOPT_READDATA, handle);
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, handle);
}
