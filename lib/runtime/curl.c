/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The libcurl transport: HTTP/2, proxies, and whatever the native client does
 * not speak. Here: handles, transfers, and the transport's face.
 *
 * What was found with 7.88: a paused HTTP/2 transfer buffers up to 32 MiB, so
 * HTTP/2 is opt-in; CURLOPT_NOSIGNAL saves nine sigactions a request;
 * MAXCONNECTS must lie above the concurrency, or connections are not kept;
 * with CURLOPT_POSTFIELDS a small body goes out with the head in one send,
 * with a read callback it takes a second one and two polls.
 */
#include <pthread.h>
#include <stdio.h>

#include "base/internal.h"
#include "runtime/curl_inside.h"

void llmp_curl_note(struct curl_transfer *t)
{
    if (!t->listed) {
        t->listed = true;
        t->next = t->curl->todo;
        t->curl->todo = t;
    }
    llmp_driver_want_turn_end(t->curl->base.driver);
}

/* ---- handles ---- */

static void free_handle(struct curl_handle *handle)
{
    curl_easy_cleanup(handle->easy);
    curl_url_cleanup(handle->url);
    llmp_free(handle->origin_id);
    llmp_free(handle);
}

/* What is the same for every call of every origin. */
static struct curl_handle *new_handle(struct curl *curl)
{
    struct curl_handle *handle = llmp_alloc(sizeof(*handle));

    if (!handle)
        return NULL;
    handle->easy = curl_easy_init();
    handle->url = curl_url();
    if (!handle->easy || !handle->url) {
        free_handle(handle);
        return NULL;
    }

    CURL *easy = handle->easy;

    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl_easy_setopt(easy, CURLOPT_SHARE, curl->share);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)CURL_READ_SIZE);
    curl_easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    curl_easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(easy, CURLOPT_CURLU, handle->url);
    llmp_curl_set_callbacks(easy, handle);
    llmp_curl_watch_handle(curl, easy);
    return handle;
}

/* What is the same for every call of one origin. */
static bool set_origin(struct curl_handle *handle,
                       const struct llmp_origin *origin)
{
    CURL *easy = handle->easy;
    char base[512];
    int len = snprintf(base, sizeof(base), "%s://%s", origin->scheme,
                       origin->authority);

    handle->origin_id = llmp_strdup(llmp_str_of(origin->id));
    if (!handle->origin_id || len < 0 || (size_t)len >= sizeof(base) ||
        curl_url_set(handle->url, CURLUPART_URL, base, 0) != CURLUE_OK)
        return false;
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION,
                     origin->http2 ? (long)CURL_HTTP_VERSION_2TLS
                                   : (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, origin->http2 ? 1L : 0L);
    /* An empty string also switches the environment's proxies off. */
    curl_easy_setopt(easy, CURLOPT_PROXY, origin->proxy ? origin->proxy : "");
    if (origin->ca_file)
        curl_easy_setopt(easy, CURLOPT_CAINFO, origin->ca_file);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER,
                     origin->tls_verify ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST,
                     origin->tls_verify ? 2L : 0L);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS,
                     (long)origin->connect_timeout_ms);
    return true;
}

/* A kept handle of this origin, else a new one: options such as CAINFO have
 * no way back to their default, so a handle never changes its origin. */
static struct curl_handle *take_handle(struct curl *curl,
                                       const struct llmp_origin *origin)
{
    struct curl_handle *handle;

    for (uint32_t i = curl->kept_count; i-- > 0;) {
        handle = curl->kept[i];
        if (strcmp(handle->origin_id, origin->id) != 0)
            continue;
        curl->kept[i] = curl->kept[--curl->kept_count];
        return handle;
    }
    handle = new_handle(curl);
    if (handle && !set_origin(handle, origin)) {
        free_handle(handle);
        return NULL;
    }
    return handle;
}

static void give_handle(struct curl *curl, struct curl_handle *handle)
{
    if (!handle)
        return;
    handle->transfer = NULL;
    if (curl->kept_count == CURL_HANDLES_KEPT) {
        free_handle(curl->kept[0]); /* perhaps of an origin long gone */
        curl->kept[0] = curl->kept[--curl->kept_count];
    }
    curl->kept[curl->kept_count++] = handle;
}

/* ---- one call ---- */

/* A transfer with the memory of one before, or a new one. */
static struct curl_transfer *take_transfer(struct curl *curl)
{
    struct curl_transfer *t = curl->free;

    if (!t)
        return llmp_alloc(sizeof(*t));
    curl->free = t->next;
    curl->free_count--;

    struct llmp_buf lines = t->lines, upload = t->upload, head = t->head;

    memset(t, 0, offsetof(struct curl_transfer, field_at));
    lines.len = upload.len = head.len = 0;
    lines.failed = upload.failed = head.failed = false;
    t->lines = lines;
    t->upload = upload;
    t->head = head;
    return t;
}

static void free_memory(struct curl_transfer *t)
{
    llmp_buf_fini(&t->lines);
    llmp_buf_fini(&t->upload);
    llmp_buf_fini(&t->head);
    llmp_free(t);
}

static void give_transfer(struct curl *curl, struct curl_transfer *t)
{
    if (curl->free_count == CURL_TRANSFERS_KEPT ||
        t->lines.cap > CURL_BUFFER_KEPT || t->upload.cap > CURL_BUFFER_KEPT ||
        t->head.cap > CURL_BUFFER_KEPT) {
        free_memory(t);
        return;
    }
    t->next = curl->free;
    curl->free = t;
    curl->free_count++;
}

/* libcurl takes field lines as a list of C strings and only reads it: made
 * here in two pieces of memory instead of two for each line. */
static bool make_fields(struct curl_transfer *t)
{
    const struct llmp_call *call = t->call;
    /* libcurl asks for leave (100-continue) above 1 MiB. */
    bool large = call->body_size > 512 * 1024;
    bool chunked = call->body_size == LLMP_BODY_UNKNOWN;
    size_t need = 64, count = 0;

    for (size_t i = 0; i < call->header_count; i++)
        need += call->headers[i].name.len + call->headers[i].value.len + 3;
    if (call->header_count + 2 > CURL_FIELDS_MAX ||
        !llmp_buf_reserve(&t->lines, need))
        return false;

    char *to = t->lines.ptr;

    for (size_t i = 0; i < call->header_count; i++) {
        t->fields[count++].data = to;
        to = llmp_put_str(to, call->headers[i].name);
        to = llmp_put_str(to, LLMP_STR(": "));
        to = llmp_put_str(to, call->headers[i].value);
        *to++ = '\0';
    }
    if (large) {
        t->fields[count++].data = to;
        to = llmp_put_str(to, (struct llmp_str){ "Expect:", 8 });
    }
    if (chunked) {
        t->fields[count++].data = to;
        to = llmp_put_str(
            to, (struct llmp_str){ "Transfer-Encoding: chunked", 27 });
    }
    for (size_t i = 0; i < count; i++)
        t->fields[i].next = i + 1 < count ? &t->fields[i + 1] : NULL;
    t->lines.len = (size_t)(to - t->lines.ptr);
    t->has_fields = count > 0;
    return true;
}

/* Most calls of a handle have the path of the one before. */
static bool set_path(struct curl_transfer *t)
{
    struct curl_handle *handle = t->handle;
    struct llmp_str path = t->call->path;

    if (llmp_str_eq(llmp_str_of(handle->path), path))
        return true;
    handle->path[0] = '\0';
    t->head.len = 0;
    (void)llmp_buf_add(&t->head, path);
    (void)llmp_buf_add(&t->head, (struct llmp_str){ "", 1 });
    if (t->head.failed ||
        curl_url_set(handle->url, CURLUPART_PATH, t->head.ptr, 0) != CURLUE_OK)
        return false;
    if (path.len < sizeof(handle->path))
        memcpy(handle->path, t->head.ptr, path.len + 1);
    t->head.len = 0;
    return true;
}

/* A body that is small enough to go with the head, in one piece and in the
 * transfer's own memory: a call that is cancelled inside libcurl stays there
 * until the turn's end, and what was the caller's is gone by then. */
static bool together(struct curl_transfer *t, struct llmp_str *body)
{
    const struct llmp_call *call = t->call;

    if (!call->body || call->body_size > CURL_TOGETHER_MAX)
        return false;
    for (size_t i = 0; i < call->body_parts; i++)
        (void)llmp_buf_add(&t->upload, call->body[i]);
    *body = llmp_buf_str(&t->upload);
    return !t->upload.failed && body->len == call->body_size;
}

static void set_call(struct curl_transfer *t)
{
    CURL *easy = t->handle->easy;
    struct llmp_str body = { NULL, 0 };
    bool get = llmp_str_eq(t->call->method, LLMP_STR("GET"));

    t->handle->transfer = t;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER,
                     t->has_fields ? t->fields : NULL);
    curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 0L);
    curl_easy_setopt(easy, get ? CURLOPT_HTTPGET : CURLOPT_POST, 1L);
    if (get)
        return;
    if (!together(t, &body))
        body.ptr = NULL;
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body.ptr);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE,
                     t->call->body_size == LLMP_BODY_UNKNOWN
                         ? (curl_off_t)-1
                         : (curl_off_t)t->call->body_size);
}

static void remove_handle(struct curl_transfer *t)
{
    llmp_curl_stop_opening(t->curl, t->handle->easy);
    (void)curl_multi_remove_handle(t->curl->multi, t->handle->easy);
    t->added = false;
}

static void free_transfer(struct curl_transfer *t)
{
    struct curl *curl = t->curl;
    struct curl_transfer *next = llmp_curl_gate_leave(t);

    if (next)
        llmp_curl_note(next);
    assert(!t->listed);
    if (t->added)
        remove_handle(t);
    give_handle(curl, t->handle);
    give_transfer(curl, t);
}

static int curl_start(struct llmp_transport *transport,
                      struct llmp_transfer **out, const struct llmp_call *call)
{
    struct curl *curl = (struct curl *)transport;
    struct curl_transfer *t = take_transfer(curl);

    if (!t)
        return LLMP_E_NOMEM;
    t->curl = curl;
    t->call = call;
    t->handle = take_handle(curl, call->origin);
    if (!t->handle || !make_fields(t) || !set_path(t)) {
        free_transfer(t);
        return LLMP_E_NOMEM;
    }
    set_call(t);
    llmp_curl_note(t); /* added at the turn's end */
    *out = &t->base;
    return LLMP_OK;
}

static int curl_body(struct llmp_transfer *transfer, struct llmp_str bytes,
                     bool last)
{
    struct curl_transfer *t = (struct curl_transfer *)transfer;

    if (!llmp_buf_add(&t->upload, bytes))
        return LLMP_E_NOMEM; /* libcurl will find the body too short */
    t->upload_last |= last;
    if (t->upload_stalled)
        llmp_curl_note(t);
    t->upload_full = t->upload.len > CURL_UPLOAD_HIGH;
    return t->upload_full;
}

static void curl_pause(struct llmp_transfer *transfer, bool paused)
{
    struct curl_transfer *t = (struct curl_transfer *)transfer;

    t->paused = paused;
    if (!paused && t->stalled)
        llmp_curl_note(t);
}

static void curl_cancel(struct llmp_transfer *transfer)
{
    struct curl_transfer *t = (struct curl_transfer *)transfer;

    /* A large body lies in the exchange, which goes away: it must not be read
     * any more, so the handle is removed here if that is possible; else see
     * on_read(). */
    t->dead = true;
    if (!t->curl->inside && t->added)
        remove_handle(t);
    llmp_curl_note(t);
}

/* ---- results ---- */

static enum llmp_call_failure failure_of(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return LLMP_CALL_RESOLVE;
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
        return LLMP_CALL_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return LLMP_CALL_TLS;
    case CURLE_SEND_ERROR:
        return LLMP_CALL_SEND;
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_HTTP2_STREAM:
        return LLMP_CALL_RECEIVE;
    case CURLE_OUT_OF_MEMORY:
        return LLMP_CALL_RESOURCES;
    default:
        return LLMP_CALL_PROTOCOL;
    }
}

static bool was_sent(const struct curl_transfer *t)
{
    curl_off_t before_sending = 0;

    (void)curl_easy_getinfo(t->handle->easy, CURLINFO_PRETRANSFER_TIME_T,
                            &before_sending);
    return before_sending > 0;
}

static void unlist(struct curl_transfer *t)
{
    struct curl_transfer **at = &t->curl->todo;

    if (!t->listed)
        return;
    while (*at != t)
        at = &(*at)->next;
    *at = t->next;
    t->listed = false;
}

/* libcurl repeats what met a dead kept connection itself, but it counts over
 * a handle's whole life and gives up at every sixth. */
static bool may_repeat(const struct curl_transfer *t, CURLcode code)
{
    long connects = 1;

    if (code != CURLE_SEND_ERROR || t->repeated || t->dead || t->status ||
        !(t->call->body || t->call->body_size == 0))
        return false;
    (void)curl_easy_getinfo(t->handle->easy, CURLINFO_NUM_CONNECTS, &connects);
    return connects == 0;
}

static void repeat(struct curl_transfer *t)
{
    t->repeated = true;
    t->part = t->part_at = 0;
    llmp_curl_note(t);
}

void llmp_curl_collect(struct curl *curl)
{
    CURLMsg *message;
    int left;

    while ((message = curl_multi_info_read(curl->multi, &left))) {
        struct curl_handle *handle = NULL;
        CURLcode code = message->data.result;

        (void)curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
                                &handle);

        struct curl_transfer *t = handle->transfer;

        (void)curl_multi_remove_handle(curl->multi, t->handle->easy);
        t->added = false;
        unlist(t);
        if (may_repeat(t, code)) {
            repeat(t);
            continue;
        }
        if (!t->dead && code == CURLE_OK)
            llmp_transfer_end(&t->base);
        else if (!t->dead)
            llmp_transfer_fail(&t->base, failure_of(code), was_sent(t));
        free_transfer(t);
    }
}

static void begin(struct curl_transfer *t)
{
    int entered = llmp_curl_gate_enter(t);

    if (entered == LLMP_AGAIN)
        return;
    t->begun_ns = llmp_now_ns();
    if (entered == LLMP_OK &&
        curl_multi_add_handle(t->curl->multi, t->handle->easy) == CURLM_OK) {
        t->added = true;
        return;
    }
    llmp_transfer_fail(&t->base, LLMP_CALL_RESOURCES, false);
    free_transfer(t);
}

static void resume(struct curl_transfer *t)
{
    int mask = 0;

    if (t->paused)
        mask |= CURLPAUSE_RECV;
    if (t->upload_stalled && !t->upload.len && !t->upload_last)
        mask |= CURLPAUSE_SEND;
    else
        t->upload_stalled = false;
    t->stalled = t->paused;
    t->curl->inside = true; /* it delivers what it had kept */
    (void)curl_easy_pause(t->handle->easy, mask);
    t->curl->inside = false;
}

static void curl_turn_end(struct llmp_transport *transport)
{
    struct curl *curl = (struct curl *)transport;
    bool any = false;

    while (curl->todo) {
        struct curl_transfer *t = curl->todo;

        unlist(t);
        any = true;
        if (t->dead)
            free_transfer(t);
        else if (!t->added)
            begin(t);
        else
            resume(t);
    }
    if (any)
        llmp_curl_action(curl, CURL_SOCKET_TIMEOUT, 0);
}

static void curl_close(struct llmp_transport *transport)
{
    struct curl *curl = (struct curl *)transport;

    if (curl->multi)
        curl_turn_end(transport); /* frees what was cancelled last */
    while (curl->kept_count)
        free_handle(curl->kept[--curl->kept_count]);
    while (curl->free)
        free_memory(take_transfer(curl));
    (void)curl_multi_cleanup(curl->multi);
    (void)curl_share_cleanup(curl->share);
    llmp_curl_sockets_fini(curl);
    llmp_free(curl);
}

static const struct llmp_transport_ops curl_ops = {
    .size = sizeof(curl_ops),
    .name = "curl",
    .start = curl_start,
    .body = curl_body,
    .pause = curl_pause,
    .cancel = curl_cancel,
    .turn_end = curl_turn_end,
    .free = curl_close,
};

static void global_init(void)
{
    (void)curl_global_init(CURL_GLOBAL_DEFAULT);
}

int llmp_curl_new(struct llmp_transport **out, struct llmp_driver *driver)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct curl *curl = llmp_alloc(sizeof(*curl));

    if (!curl)
        return LLMP_E_NOMEM;
    (void)pthread_once(&once, global_init);
    curl->base.ops = &curl_ops;
    curl->base.driver = driver;
    curl->multi = curl_multi_init();
    curl->share = curl_share_init();
    if (!curl->multi || !curl->share) {
        curl_close(&curl->base);
        return LLMP_E_NOMEM;
    }
    curl_share_setopt(curl->share, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    curl_multi_setopt(curl->multi, CURLMOPT_MAXCONNECTS,
                      (long)CURL_CONNECTIONS_KEPT);
    llmp_curl_sockets_init(curl);
    *out = &curl->base;
    return LLMP_OK;
}
