/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Administration as an exchange: head, sender and body as ever, then a job on
 * the store's thread, which wakes the exchange when it is done. Who leaves
 * early leaves the job to end by itself.
 */
#include <llmproxy/admin.h>
#include <sodium.h>

#include "base/internal.h"
#include "gateway/config_url.h"
#include "gateway/exchange.h"

enum { PATIENCE_MS = 30000 };

/* Shared by the exchange and the job. */
struct llmp_x_admin {
    atomic_uint refs;
    atomic_bool done;
    struct llmp_waker *waker; /* a reference: the job's */
    bool no_memory;
    uint16_t status;
    uint64_t retry_after_s;
    char allow[64];
    struct llmp_str type; /* static text */
    struct llmp_buf body;
};

static const struct llmp_operation operation = {
    .name = { "admin", 5 },
    .body = LLMP_BODY_OURS,
    .local = LLMP_LOCAL_ADMIN,
};

static void wipe(struct llmp_buf *buf)
{
    if (buf->ptr)
        sodium_memzero(buf->ptr, buf->cap);
}

static void unref(struct llmp_x_admin *admin)
{
    if (atomic_fetch_sub_explicit(&admin->refs, 1, memory_order_acq_rel) != 1)
        return;
    wipe(&admin->body);
    llmp_buf_fini(&admin->body);
    llmp_waker_unref(admin->waker);
    llmp_free(admin);
}

void llmp_x_admin_drop(struct llmp_exchange *x)
{
    if (!x->operation || x->operation->body != LLMP_BODY_OURS)
        return;
    wipe(&x->out);  /* a new key's secret, a token */
    wipe(&x->body); /* a one-time code */
    if (x->admin)
        unref(x->admin);
    x->admin = NULL;
}

/* ---- the head ----------------------------------------------------------- */

bool llmp_x_admin_is_open(const struct llmp_exchange *x)
{
    return llmp_str_eq(x->summary.path, LLMP_STR("/health")) ||
           llmp_str_eq(x->summary.path, LLMP_STR("/openapi.json"));
}

bool llmp_x_admin_is_login(const struct llmp_exchange *x)
{
    return llmp_str_eq(x->summary.path, LLMP_STR("/admin/v1/login"));
}

/* "host:port", "[::1]:port" -> the host. */
static struct llmp_str without_port(struct llmp_str host)
{
    const char *end;

    if (host.len && host.ptr[0] == '[') {
        end = memchr(host.ptr, ']', host.len);
        if (!end)
            return (struct llmp_str){ NULL, 0 };
        return (struct llmp_str){ host.ptr + 1, (size_t)(end - host.ptr - 1) };
    }
    end = host.len ? memchr(host.ptr, ':', host.len) : NULL;
    return (struct llmp_str){ host.ptr,
                              end ? (size_t)(end - host.ptr) : host.len };
}

/* A page that a browser shows can make it send requests to names that lead
 * here, but then they have that page's name as Host. Addresses have none. */
static bool host_is_ours(const struct llmp_exchange *x, struct llmp_str field)
{
    const struct llmp_admin_config *admin = &x->config->admin;
    struct llmp_str host = without_port(field);
    struct llmp_address address;

    if (llmp_host_is_loopback(host) ||
        llmp_address_parse(&address, host, false) == LLMP_OK)
        return true;
    for (size_t i = 0; i < admin->host_count; i++)
        if (llmp_str_eq_nocase(admin->hosts[i], host))
            return true;
    return false;
}

static bool check_host(struct llmp_exchange *x,
                       const struct llmp_request_head *head)
{
    if (head->admin_local || host_is_ours(x, head->host))
        return true;
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 421,
                                          .code = "wrong_host",
                                          .ending = LLMP_END_REFUSED },
                  "This is not the host that you asked for; see "
                  "'admin.hosts'.");
    return false;
}

static bool check_address(struct llmp_exchange *x,
                          const struct llmp_request_head *head)
{
    struct llmp_address address;

    if (!head->peer.len) /* a Unix socket: its mode says who may */
        return true;
    if (llmp_x_find_address(x, head, &address) == LLMP_OK &&
        llmp_address_check(x->access->admin_allow, x->access->admin_deny,
                           &address) == LLMP_OK)
        return true;
    llmp_x_refuse_auth(x, LLMP_AUTH_ADDRESS_DENIED);
    return false;
}

void llmp_x_admin_head(struct llmp_exchange *x,
                       const struct llmp_request_head *head)
{
    bool ok = true;

    x->operation = &operation;
    x->summary.operation = operation.name;
    x->upstream_path = llmp_arena_str(&x->arena, head->target, &ok);
    if (!ok) {
        llmp_x_refuse_nomem(x);
        return;
    }
    if (check_host(x, head) && check_address(x, head) &&
        llmp_x_authenticate(x, head))
        llmp_x_request_known(x);
}

void llmp_x_admin_body(struct llmp_exchange *x)
{
    bool large =
        x->body_size != LLMP_BODY_UNKNOWN && x->body_size > LLMP_ADMIN_BODY_MAX;

    x->body.limit = LLMP_ADMIN_BODY_MAX;
    if (large || x->body.len > LLMP_ADMIN_BODY_MAX) {
        llmp_x_refuse(x,
                      &(struct llmp_refusal){ .status = 413,
                                              .code = "body_too_large",
                                              .ending = LLMP_END_REFUSED },
                      "The body is larger than the %u bytes that are accepted.",
                      LLMP_ADMIN_BODY_MAX);
        return;
    }
    if (x->content_encoding.len &&
        !llmp_str_eq(x->content_encoding, LLMP_STR("identity"))) {
        llmp_x_refuse(x,
                      &(struct llmp_refusal){ .status = 415,
                                              .code = "unsupported_encoding",
                                              .ending = LLMP_END_REFUSED },
                      "Send the body as it is.");
        return;
    }
    x->state = LLMP_X_BODY;
}

/* ---- the job ------------------------------------------------------------ */

/* On the store's thread. */
static void done(const struct llmp_admin_answer *answer, void *ctx)
{
    struct llmp_x_admin *admin = ctx;
    bool csv = llmp_str_starts(answer->content_type, LLMP_STR("text/csv"));

    admin->status = answer->status;
    admin->retry_after_s = answer->retry_after_s;
    admin->type = csv ? LLMP_STR("text/csv; charset=utf-8")
                      : LLMP_STR("application/json");
    if (answer->allow && strlen(answer->allow) < sizeof(admin->allow))
        memcpy(admin->allow, answer->allow, strlen(answer->allow) + 1);
    (void)llmp_buf_add(&admin->body, answer->body);
    admin->no_memory = admin->body.failed;
    atomic_store_explicit(&admin->done, true, memory_order_release);
    llmp_waker_wake(admin->waker);
    unref(admin);
}

static void refuse_busy(struct llmp_exchange *x, int rc)
{
    if (rc == LLMP_E_NOMEM) {
        llmp_x_refuse_nomem(x);
        return;
    }
    if (rc == LLMP_LIMITED) {
        llmp_x_refuse(x,
                      &(struct llmp_refusal){ .status = 429,
                                              .code = "too_many_requests",
                                              .retry_after = "1",
                                              .ending = LLMP_END_REFUSED },
                      "At most %d requests of one caller at a time.",
                      LLMP_ADMIN_SHARE_MAX);
        return;
    }
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 503,
                                          .code = "store_unavailable",
                                          .retry_after = "1",
                                          .ending = LLMP_END_REFUSED },
                  rc == LLMP_FULL ? "Too many requests are under way."
                                  : "There is no store that answers.");
}

void llmp_x_admin_end(struct llmp_exchange *x)
{
    const struct llmp_admin_request request = {
        .size = sizeof(request),
        .principal = x->principal,
        .method = x->summary.method,
        .target = x->upstream_path,
        .content_type = x->content_type,
        .body = llmp_buf_str(&x->body),
    };
    struct llmp_x_admin *admin = llmp_alloc(sizeof(*admin));
    int rc;

    if (!admin || !llmp_x_waker(x)) {
        llmp_free(admin);
        llmp_x_refuse_nomem(x);
        return;
    }
    atomic_init(&admin->refs, 2);
    admin->waker = llmp_waker_ref(x->waker);
    rc = llmp_admin_begin(x->worker->gateway, &request, x->now, done, admin,
                          NULL);
    if (rc != LLMP_OK) {
        llmp_waker_unref(admin->waker);
        llmp_free(admin);
        refuse_busy(x, rc);
        return;
    }
    x->admin = admin;
    x->state = LLMP_X_ADMIN;
    llmp_x_deadline(x, PATIENCE_MS);
}

void llmp_x_admin_tick(struct llmp_exchange *x)
{
    if (atomic_load_explicit(&x->admin->done, memory_order_acquire))
        llmp_x_admin_woken(x);
    else
        refuse_busy(x, LLMP_E_STATE);
}

void llmp_x_admin_woken(struct llmp_exchange *x)
{
    struct llmp_x_admin *admin = x->admin;

    if (!atomic_load_explicit(&admin->done, memory_order_acquire))
        return;
    llmp_x_no_deadline(x);
    x->out.len = 0;
    x->out.limit = 0;
    if (admin->no_memory ||
        !llmp_buf_add(&x->out, llmp_buf_str(&admin->body))) {
        llmp_x_refuse_nomem(x);
        return;
    }
    if (admin->allow[0])
        llmp_x_header(x, LLMP_STR("allow"), llmp_str_of(admin->allow));
    if (admin->status == 429 && admin->retry_after_s)
        llmp_x_header(
            x, LLMP_STR("retry-after"),
            llmp_arena_printf(&x->arena, "%llu",
                              (unsigned long long)admin->retry_after_s));
    if (admin->status == 401)
        llmp_x_header(x, LLMP_STR("www-authenticate"), LLMP_STR("Bearer"));
    llmp_x_header(x, LLMP_STR("cache-control"), LLMP_STR("no-store"));
    llmp_x_answer_whole(x, admin->status, admin->type,
                        admin->status < 400 ? LLMP_END_COMPLETE
                                            : LLMP_END_REFUSED);
}
