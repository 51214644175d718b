/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The native transport: which connection a transfer gets, what happens to
 * both when it ends, and the transport's face to the driver. An origin's kept
 * connections are used newest first, so that the others can grow old and go.
 */
#include "runtime/native.h"

#include "base/internal.h"

enum { TRANSFERS_KEPT = 256 };

static struct native *native_of(struct llmp_transport *transport)
{
    return (struct native *)transport;
}

static struct llmp_driver *driver_of(const struct native_transfer *t)
{
    return t->origin->native->base.driver;
}

/* ---- lists -------------------------------------------------------------- */

static bool list_remove(struct native_transfer **at, struct native_transfer *t)
{
    for (; *at; at = &(*at)->next)
        if (*at == t) {
            *at = t->next;
            t->next = NULL;
            t->listed = false;
            return true;
        }
    return false;
}

static void list_append(struct native_transfer **at, struct native_transfer *t)
{
    assert(!t->listed);
    while (*at)
        at = &(*at)->next;
    *at = t;
    t->next = NULL;
    t->listed = true;
}

static size_t list_length(const struct native_transfer *t)
{
    size_t n = 0;

    for (; t; t = t->next)
        n++;
    return n;
}

static struct native_transfer *list_take(struct native_transfer **list)
{
    struct native_transfer *t = *list;

    if (t)
        (void)list_remove(list, t);
    return t;
}

static void fail_later(struct native_transfer *t,
                       enum llmp_call_failure failure)
{
    t->failure = failure;
    list_append(&t->origin->native->failed, t);
    llmp_driver_want_turn_end(driver_of(t));
}

void llmp_native_resume_later(struct native_transfer *t)
{
    if (t->listed)
        return;
    list_append(&t->origin->native->resumed, t);
    llmp_driver_want_turn_end(driver_of(t));
}

/* ---- transfers ---------------------------------------------------------- */

static struct native_head *take_head(struct native *native)
{
    struct native_head *head =
        native->spare_head_count
            ? native->spare_heads[--native->spare_head_count]
            : llmp_alloc(sizeof(*head));

    if (head) {
        head->count = 0;
        head->in_value = false;
        head->text.len = 0;
        head->text.failed = false;
    }
    return head;
}

static void give_head(struct native *native, struct native_head *head)
{
    if (!head)
        return;
    if (native->spare_head_count < NATIVE_SPARES &&
        head->text.cap <= NATIVE_SPARE_MAX) {
        native->spare_heads[native->spare_head_count++] = head;
        return;
    }
    llmp_buf_fini(&head->text);
    llmp_free(head);
}

static struct llmp_buf take_out(struct native *native)
{
    struct llmp_buf out = { 0 };

    if (native->spare_out_count)
        out = native->spare_outs[--native->spare_out_count];
    out.len = 0;
    out.failed = false;
    return out;
}

static void give_out(struct native *native, struct llmp_buf *out)
{
    if (out->ptr && native->spare_out_count < NATIVE_SPARES &&
        out->cap <= NATIVE_SPARE_MAX)
        native->spare_outs[native->spare_out_count++] = *out;
    else
        llmp_buf_fini(out);
    *out = (struct llmp_buf){ 0 };
}

static void free_transfer(struct native_transfer *t)
{
    struct native *native = t->origin->native;

    assert(!t->listed && !t->conn);
    llmp_driver_timer_clear(driver_of(t), &t->timer);
    llmp_native_origin_left(t->origin);
    give_head(native, t->head);
    give_out(native, &t->out);
    if (native->free_count >= TRANSFERS_KEPT) {
        llmp_free(t);
        return;
    }
    t->next = native->free;
    native->free = t;
    native->free_count++;
}

static struct native_transfer *new_transfer(struct native *native,
                                            struct native_origin *origin,
                                            const struct llmp_call *call)
{
    struct native_transfer *t = native->free;

    if (t) {
        native->free = t->next;
        native->free_count--;
    } else {
        t = llmp_alloc(sizeof(*t));
        if (!t)
            return NULL;
    }
    *t = (struct native_transfer){ .call = call, .origin = origin };
    origin->transfers++;
    t->out = take_out(native);
    t->head = take_head(native);
    if (t->head && llmp_native_request_head(&t->out, call))
        return t;
    free_transfer(t);
    return NULL;
}

/* What was sent and read is reset; the call is begun anew. */
static bool rewind_transfer(struct native_transfer *t)
{
    t->out.len = 0;
    t->part = t->part_at = 0;
    t->sent = false;
    t->sent_ns = 0;
    return llmp_native_request_head(&t->out, t->call);
}

static void report_failure(struct native_transfer *t,
                           enum llmp_call_failure failure)
{
    if (!t->dead)
        llmp_transfer_fail(&t->base, failure, t->sent);
    free_transfer(t);
}

/* ---- connections -------------------------------------------------------- */

static void join(struct native_conn *conn, struct native_transfer *t)
{
    conn->transfer = t;
    t->conn = conn;
}

static void begin_exchange(struct native_conn *conn)
{
    conn->state = NATIVE_BUSY;
    conn->want_write = false;
    llhttp_init(&conn->parser, HTTP_RESPONSE, &conn->origin->native->settings);
    conn->parser.data = conn;
}

/* A kept connection that takes the request, or false. */
static bool use_kept(struct native_transfer *t)
{
    struct native_conn *conn;

    while ((conn = t->origin->idle_first)) {
        llmp_native_idle_remove(conn);
        conn->reused = true;
        join(conn, t);
        begin_exchange(conn);
        if (llmp_native_conn_flush(conn) == LLMP_OK)
            return true;
        conn->transfer = NULL;
        t->conn = NULL;
        llmp_native_conn_close(conn);
        if (!rewind_transfer(t))
            return false;
    }
    return false;
}

static void connect_timeout(struct llmp_timer *timer);

static int connect_fresh(struct native_transfer *t)
{
    struct native_conn *conn;

    LLMP_TRY(llmp_native_conn_open(&conn, t->origin));
    join(conn, t);
    t->timer.fire = connect_timeout;
    return llmp_driver_timer_set(
        driver_of(t), &t->timer,
        llmp_now_ns() + t->call->origin->connect_timeout_ms * LLMP_NS_PER_MS);
}

static void answered(struct llmp_question *question);

/* Asks for the addresses unless somebody does already. */
static int ask_addresses(struct native_origin *origin)
{
    if (origin->asking)
        return LLMP_OK;
    origin->question.port = origin->port;
    origin->question.done = answered;
    strncpy(origin->question.host, origin->host,
            sizeof(origin->question.host) - 1);
    LLMP_TRY(llmp_question_ask(&origin->question, origin->native->base.driver));
    origin->asking = true;
    return LLMP_OK;
}

static bool has_room(const struct native_origin *origin)
{
    return !origin->open_max || origin->open < origin->open_max;
}

/* Gets the transfer going or puts it in line. */
static void attach(struct native_transfer *t, bool fresh)
{
    struct native_origin *origin = t->origin;

    if (!fresh && use_kept(t))
        return;
    if (origin->addresses.until_ns <= llmp_now_ns() &&
        ask_addresses(origin) < 0 && origin->addresses.count == 0) {
        fail_later(t, LLMP_CALL_RESOURCES);
        return;
    }
    if (origin->addresses.count == 0 || !has_room(origin))
        list_append(&origin->waiting, t);
    else if (connect_fresh(t) < 0 && !t->conn)
        fail_later(t, LLMP_CALL_CONNECT);
}

static void serve_waiting(struct native_origin *origin)
{
    while (origin->waiting && origin->addresses.count &&
           (origin->idle_first || has_room(origin)))
        attach(list_take(&origin->waiting), false);
}

static void answered(struct llmp_question *question)
{
    struct native_origin *origin =
        (struct native_origin *)((char *)question -
                                 offsetof(struct native_origin, question));

    origin->asking = false;
    if (question->found.count) {
        origin->addresses = question->found;
        origin->addresses.until_ns =
            llmp_now_ns() + NATIVE_ADDRESS_S * LLMP_NS_PER_S;
    }
    serve_waiting(origin);
    while (origin->addresses.count == 0 && origin->waiting)
        fail_later(list_take(&origin->waiting), LLMP_CALL_RESOLVE);
}

void llmp_native_connected(struct native_conn *conn)
{
    struct native_transfer *t = conn->transfer;

    llmp_driver_timer_clear(driver_of(t), &t->timer);
    begin_exchange(conn);
    llmp_native_conn_watch(conn);
    if (llmp_native_conn_flush(conn) < 0)
        llmp_native_broke(conn, LLMP_CALL_SEND);
}

static bool may_retry(const struct native_transfer *t, bool reused)
{
    return reused && !t->got_bytes && !t->retried && !t->dead &&
           (t->call->body || t->call->body_size == 0);
}

void llmp_native_broke(struct native_conn *conn, enum llmp_call_failure failure)
{
    struct native_transfer *t = conn->transfer;
    struct native_origin *origin = conn->origin;
    bool retry = may_retry(t, conn->reused);

    t->conn = NULL;
    if (t->listed)
        (void)list_remove(&origin->native->resumed, t);
    llmp_native_conn_close(conn);
    if (retry && rewind_transfer(t)) {
        t->retried = true;
        attach(t, true);
    } else {
        report_failure(t, failure);
    }
    serve_waiting(origin);
}

void llmp_native_finished(struct native_conn *conn, bool keep)
{
    struct native_transfer *t = conn->transfer;
    struct native_origin *origin = conn->origin;

    conn->transfer = NULL;
    t->conn = NULL;
    if (t->listed)
        (void)list_remove(&origin->native->resumed, t);
    if (keep && origin->idle_count < NATIVE_IDLE_MAX) {
        if (t->paused)
            llmp_native_conn_watch(conn);
        llmp_native_idle_add(conn);
    } else {
        llmp_native_conn_close(conn);
    }
    if (!t->dead)
        llmp_transfer_end(&t->base);
    free_transfer(t);
    serve_waiting(origin);
}

static void connect_timeout(struct llmp_timer *timer)
{
    struct native_transfer *t =
        (struct native_transfer *)((char *)timer -
                                   offsetof(struct native_transfer, timer));

    llmp_native_broke(t->conn, LLMP_CALL_CONNECT);
}

/* ---- the transport's face ----------------------------------------------- */

static int native_start(struct llmp_transport *transport,
                        struct llmp_transfer **out,
                        const struct llmp_call *call)
{
    struct native *native = native_of(transport);
    struct native_origin *origin = NULL;
    struct native_transfer *t;

    LLMP_TRY(llmp_native_origin_find(&origin, native, call->origin));
    t = new_transfer(native, origin, call);
    if (!t)
        return LLMP_E_NOMEM;
    attach(t, false);
    *out = &t->base;
    return LLMP_OK;
}

static int native_body(struct llmp_transfer *transfer, struct llmp_str bytes,
                       bool last)
{
    struct native_transfer *t = (struct native_transfer *)transfer;

    if (!llmp_native_add_upload(t, bytes, last)) {
        if (!t->listed)
            fail_later(t, LLMP_CALL_RESOURCES);
        return LLMP_E_NOMEM;
    }
    if (t->conn && t->conn->state == NATIVE_BUSY && !t->conn->want_write)
        (void)llmp_native_conn_flush(t->conn); /* broken: reading will tell */
    t->upload_full = t->out.len > NATIVE_UPLOAD_HIGH;
    return t->upload_full;
}

static void native_pause(struct llmp_transfer *transfer, bool paused)
{
    struct native_transfer *t = (struct native_transfer *)transfer;

    if (t->paused == paused)
        return;
    t->paused = paused;
    if (!t->conn || t->conn->state != NATIVE_BUSY)
        return;
    llmp_native_conn_watch(t->conn);
    if (!paused && t->conn->ssl)
        llmp_native_resume_later(
            t); /* TLS may hold what the socket does not show */
}

static void native_cancel(struct llmp_transfer *transfer)
{
    struct native_transfer *t = (struct native_transfer *)transfer;
    struct native_origin *origin = t->origin;

    t->dead = true;
    if (t->reporting)
        return; /* whoever reports looks at it and cleans up */
    if (t->listed && !list_remove(&origin->waiting, t) &&
        !list_remove(&origin->native->failed, t))
        (void)list_remove(&origin->native->resumed, t);
    if (t->conn) {
        t->conn->transfer = NULL;
        llmp_native_conn_close(t->conn);
        t->conn = NULL;
    }
    free_transfer(t);
    if (origin->waiting)
        serve_waiting(origin);
}

static void native_turn_end(struct llmp_transport *transport)
{
    struct native *native = native_of(transport);
    struct native_transfer *t;

    while ((t = list_take(&native->failed))) {
        if (t->conn) {
            t->conn->transfer = NULL;
            llmp_native_conn_close(t->conn);
            t->conn = NULL;
        }
        report_failure(t, t->failure);
    }

    /* Those who want another go are appended: they get it next turn. */
    for (size_t n = list_length(native->resumed); n > 0; n--) {
        t = list_take(&native->resumed);
        if (t)
            llmp_native_conn_resume(t->conn);
    }
}

static void native_free(struct llmp_transport *transport)
{
    struct native *native = native_of(transport);

    llmp_driver_timer_clear(native->base.driver, &native->sweep);
    while (native->origins) {
        struct native_origin *origin = native->origins;

        native->origins = origin->next;
        llmp_native_origin_free(origin);
    }
    while (native->free) {
        struct native_transfer *t = native->free;

        native->free = t->next;
        llmp_free(t);
    }
    while (native->spare_head_count) {
        struct native_head *head =
            native->spare_heads[--native->spare_head_count];

        llmp_buf_fini(&head->text);
        llmp_free(head);
    }
    while (native->spare_out_count)
        llmp_buf_fini(&native->spare_outs[--native->spare_out_count]);
    llmp_free(native->buffer);
    llmp_free(native);
}

static const struct llmp_transport_ops native_ops = {
    .size = sizeof(native_ops),
    .name = "native",
    .start = native_start,
    .body = native_body,
    .pause = native_pause,
    .cancel = native_cancel,
    .turn_end = native_turn_end,
    .free = native_free,
};

int llmp_native_new(struct llmp_transport **out, struct llmp_driver *driver)
{
    struct native *native = llmp_alloc(sizeof(*native));

    if (!native)
        return LLMP_E_NOMEM;
    native->buffer = llmp_resize(NULL, NATIVE_READ_SIZE);
    if (!native->buffer) {
        llmp_free(native);
        return LLMP_E_NOMEM;
    }
    native->base.ops = &native_ops;
    native->base.driver = driver;
    native->sweep.fire = llmp_native_sweep;
    llmp_native_settings_init(&native->settings);
    *out = &native->base;
    return LLMP_OK;
}
