/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The origins of the native transport and their kept connections: a list,
 * newest first, which a sweep shortens from its old end.
 */
#include "base/internal.h"
#include "runtime/native.h"

void llmp_native_idle_remove(struct native_conn *conn)
{
    struct native_origin *origin = conn->origin;

    *(conn->prev ? &conn->prev->next : &origin->idle_first) = conn->next;
    *(conn->next ? &conn->next->prev : &origin->idle_last) = conn->prev;
    conn->next = conn->prev = NULL;
    origin->idle_count--;
}

void llmp_native_idle_add(struct native_conn *conn)
{
    struct native_origin *origin = conn->origin;

    conn->state = NATIVE_IDLE;
    conn->idle_since_ns = llmp_now_ns();
    conn->next = origin->idle_first;
    *(conn->next ? &conn->next->prev : &origin->idle_last) = conn;
    origin->idle_first = conn;
    origin->idle_count++;
}

void llmp_native_idle_ended(struct native_conn *conn)
{
    llmp_native_idle_remove(conn);
    llmp_native_conn_close(conn);
}

void llmp_native_origin_free(struct native_origin *origin)
{
    while (origin->idle_first)
        llmp_native_idle_ended(origin->idle_first);
    assert(origin->open == 0);
    SSL_SESSION_free(origin->session);
    SSL_CTX_free(origin->ctx);
    llmp_free(origin->id);
    llmp_free(origin->host);
    llmp_free(origin->ca_file);
    llmp_free(origin);
}

static int new_origin(struct native_origin **out, struct native *native,
                      const struct llmp_origin *from)
{
    struct native_origin *origin = llmp_alloc(sizeof(*origin));
    int status = LLMP_E_NOMEM;

    if (!origin)
        return status;
    origin->native = native;
    origin->id = llmp_strdup(llmp_str_of(from->id));
    origin->host = llmp_strdup(llmp_str_of(from->host));
    origin->ca_file =
        from->ca_file ? llmp_strdup(llmp_str_of(from->ca_file)) : NULL;
    origin->port = from->port;
    origin->tls = strcmp(from->scheme, "https") == 0;
    origin->verify = from->tls_verify;
    if (!origin->id || !origin->host || (from->ca_file && !origin->ca_file) ||
        strlen(origin->host) >= sizeof(origin->question.host) ||
        (origin->tls && (status = llmp_native_tls_context(origin)) < 0)) {
        llmp_native_origin_free(origin);
        return status;
    }
    (void)llmp_address_literal(&origin->addresses, origin->host, origin->port);
    origin->next = native->origins;
    native->origins = origin;
    *out = origin;
    return LLMP_OK;
}

int llmp_native_origin_find(struct native_origin **out, struct native *native,
                            const struct llmp_origin *from)
{
    struct native_origin *origin = native->origins;

    while (origin && strcmp(origin->id, from->id) != 0)
        origin = origin->next;
    if (!origin)
        LLMP_TRY(new_origin(&origin, native, from));
    origin->open_max = from->connections_max;
    *out = origin;
    return LLMP_OK;
}

static void sweep_later(struct native *native, uint64_t now_ns)
{
    if (!native->sweep.place)
        (void)llmp_driver_timer_set(native->base.driver, &native->sweep,
                                    now_ns + NATIVE_IDLE_S * LLMP_NS_PER_S / 3);
}

void llmp_native_origin_left(struct native_origin *origin)
{
    if (--origin->transfers > 0)
        return;
    origin->last_used_ns = llmp_now_ns();
    sweep_later(origin->native, origin->last_used_ns);
}

static bool is_over(uint64_t since_ns, uint64_t now_ns)
{
    return now_ns - since_ns > NATIVE_IDLE_S * LLMP_NS_PER_S;
}

/* Nobody has used it for long: perhaps it left the configuration. Should it
 * come back, its authority is read anew. */
static bool is_unused(const struct native_origin *origin, uint64_t now_ns)
{
    return origin->transfers == 0 && origin->open == 0 && !origin->asking &&
           is_over(origin->last_used_ns, now_ns);
}

void llmp_native_sweep(struct llmp_timer *timer)
{
    struct native *native =
        (struct native *)((char *)timer - offsetof(struct native, sweep));
    struct native_origin **at = &native->origins;
    uint64_t now_ns = llmp_now_ns();

    while (*at) {
        struct native_origin *o = *at;

        while (o->idle_last && is_over(o->idle_last->idle_since_ns, now_ns))
            llmp_native_idle_ended(o->idle_last);
        if (is_unused(o, now_ns)) {
            *at = o->next;
            llmp_native_origin_free(o);
        } else {
            at = &o->next;
        }
    }
    if (native->origins)
        sweep_later(native, now_ns);
}
