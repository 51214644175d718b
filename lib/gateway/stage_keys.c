/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keys of a token's issuer, when they are not at hand: of all exchanges
 * that want them one fetches, and wakes the others when it is done, well or
 * not. Meanwhile the client's body waits. Where to is in the configuration
 * only: an issuer's document cannot lead elsewhere.
 */
#include "base/internal.h"
#include "gateway/exchange.h"

enum {
    WHOLE_TIMEOUT_MS = 5000, /* until the client is told */
    FETCH_TIMEOUT_MS = 3000,
    LOOK_AGAIN_MS_MIN = 5 /* when nobody has woken it */
};

static void look_again(struct llmp_exchange *x);

/* "https://host/path" below the origin -> "/path"; empty: it is elsewhere. */
static struct llmp_str path_below(const struct llmp_origin *origin,
                                  struct llmp_str url)
{
    const struct llmp_str head[] = { llmp_str_of(origin->scheme),
                                     LLMP_STR("://"),
                                     llmp_str_of(origin->authority) };

    for (size_t i = 0; i < LLMP_COUNT(head); i++) {
        if (url.len < head[i].len ||
            !llmp_str_eq_nocase((struct llmp_str){ url.ptr, head[i].len },
                                head[i]))
            return (struct llmp_str){ NULL, 0 };
        url.ptr += head[i].len;
        url.len -= head[i].len;
    }
    return url.len && url.ptr[0] == '/' ? url : (struct llmp_str){ NULL, 0 };
}

/* The configured place that the URL lies in. */
static const struct llmp_origin *origin_for(const struct llmp_exchange *x,
                                            struct llmp_str url,
                                            struct llmp_str *path)
{
    const struct llmp_issuer_config *config =
        &x->config->auth.issuers[x->keys.issuer];

    *path = path_below(config->origin, url);
    if (path->len)
        return config->origin;
    *path = path_below(config->jwks_origin, url);
    return path->len ? config->jwks_origin : NULL;
}

static struct llmp_issuer *issuer_of(const struct llmp_exchange *x)
{
    return x->access->issuers[x->keys.issuer];
}

/* The fetch is over: those who waited for it see for themselves. */
static void fetch_over(struct llmp_exchange *x)
{
    x->keys.fetch = 0;
    llmp_wait_list_wake(&x->worker->gateway->keys);
}

void llmp_x_keys_drop(struct llmp_exchange *x)
{
    if (!x->keys.fetch)
        return;
    llmp_issuer_return(issuer_of(x), x->keys.fetch, x->now);
    fetch_over(x);
}

static void fetch_failed(struct llmp_exchange *x)
{
    if (!x->keys.fetch)
        return;
    llmp_issuer_failed(issuer_of(x), x->keys.fetch, x->now);
    fetch_over(x);
}

/* Until whoever fetches is done, or the fetch is given to somebody else. */
static void wait_for_others(struct llmp_exchange *x)
{
    bool woken = llmp_x_wait_in(x, &x->worker->gateway->keys);
    uint64_t due_ns = llmp_issuer_due_ns(issuer_of(x));
    uint64_t at_ns = due_ns < x->keys.until_ns ? due_ns : x->keys.until_ns;
    uint64_t ms = at_ns > x->now.mono_ns
                      ? (at_ns - x->now.mono_ns) / LLMP_NS_PER_MS + 1
                      : 0;

    if (!woken || ms < LOOK_AGAIN_MS_MIN)
        ms = LOOK_AGAIN_MS_MIN;
    llmp_x_deadline(x, ms);
}

static const struct llmp_x_receiver receiver;

static void begin_call(struct llmp_exchange *x, struct llmp_str url)
{
    static const struct llmp_header headers[] = {
        { { "accept", 6 }, { "application/json", 16 } },
        { { "user-agent", 10 },
          { "llmgw/" LLMP_VERSION, sizeof("llmgw/" LLMP_VERSION) - 1 } },
    };
    struct llmp_str path;
    const struct llmp_origin *origin = origin_for(x, url, &path);
    bool ok = true;

    if (origin)
        path = llmp_arena_str(&x->arena, path, &ok);
    if (!origin || !ok) {
        fetch_failed(x);
        look_again(x);
        return;
    }
    x->attempt->call = (struct llmp_call){
        .id = ++x->calls,
        .origin = origin,
        .method = LLMP_STR("GET"),
        .path = path,
        .headers = headers,
        .header_count = LLMP_COUNT(headers),
    };
    x->attempt->receiver = &receiver;
    x->attempt->call_open = true;
    x->keys.status = 0;
    x->out.len = 0;
    x->out.limit = LLMP_JWKS_SIZE_MAX;
    llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_CALL,
                                     .id = x->attempt->call.id,
                                     .call = &x->attempt->call });
    llmp_x_deadline(x, FETCH_TIMEOUT_MS);
}

/* Begins a fetch, if it is for this exchange to do; else waits. */
static void fetch(struct llmp_exchange *x)
{
    struct llmp_issuer_fetch next;

    if (llmp_issuer_fetch(issuer_of(x), &next, x->now) != LLMP_OK) {
        wait_for_others(x);
        return;
    }
    x->keys.fetch = next.id;
    begin_call(x, llmp_str_of(next.url));
}

/* The caller is known: what was put off happens. */
static void go_on(struct llmp_exchange *x)
{
    llmp_x_no_deadline(x);
    x->out.len = 0;
    x->out.limit = 0;
    if (x->request_paused) {
        x->request_paused = false;
        llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_RESUME });
    }
    llmp_x_request_known(x);
}

static void look_again(struct llmp_exchange *x)
{
    bool again = false;

    if (llmp_x_verify_again(x, x->keys.credential, &again))
        go_on(x);
    else if (again && x->now.mono_ns < x->keys.until_ns)
        fetch(x);
    else if (again)
        llmp_x_refuse_auth(x, LLMP_AUTH_ISSUER_DOWN);
}

bool llmp_x_fetch_keys(struct llmp_exchange *x, struct llmp_str credential,
                       size_t issuer)
{
    bool ok = true;

    x->keys.issuer = issuer;
    x->keys.credential = llmp_arena_str(&x->arena, credential, &ok);
    if (!ok) {
        llmp_x_refuse_nomem(x);
        return false;
    }
    x->state = LLMP_X_AUTH;
    x->keys.until_ns = llmp_add_sat(x->now.mono_ns, (uint64_t)WHOLE_TIMEOUT_MS *
                                                        LLMP_NS_PER_MS);
    if (!x->request_ended) {
        x->request_paused = true;
        llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_PAUSE });
    }
    fetch(x);
    return false;
}

/* Seconds of `max-age`; 0: not said. */
static uint64_t max_age(const struct llmp_response_head *head)
{
    struct llmp_str name = LLMP_STR("max-age=");

    for (size_t i = 0; i < head->header_count; i++) {
        struct llmp_str value = head->headers[i].value;
        size_t at;
        uint64_t s = 0;

        if (!llmp_str_eq(head->headers[i].name, LLMP_STR("cache-control")))
            continue;
        at = llmp_str_find(value, name);
        for (at = at == SIZE_MAX ? value.len : at + name.len;
             at < value.len && value.ptr[at] >= '0' && value.ptr[at] <= '9' &&
             s < 1000000000;
             at++)
            s = s * 10 + (uint64_t)(value.ptr[at] - '0');
        return s;
    }
    return 0;
}

static void keys_head(struct llmp_exchange *x,
                      const struct llmp_response_head *head)
{
    x->keys.status = head->status;
    x->keys.max_age_s = max_age(head);
}

static void keys_body(struct llmp_exchange *x, struct llmp_str bytes)
{
    (void)llmp_buf_add(&x->out, bytes); /* `failed` tells */
}

static void keys_over(struct llmp_exchange *x, const struct llmp_x_over *over)
{
    uint64_t id = x->keys.fetch;

    llmp_x_cancel_call(x);
    if (over->how == LLMP_X_ENDED_WELL && x->keys.status == 200 &&
        !x->out.failed &&
        llmp_issuer_fed(issuer_of(x), id, llmp_buf_str(&x->out),
                        x->keys.max_age_s, x->now, NULL) >= 0)
        fetch_over(x);
    fetch_failed(x);
    x->out.failed = false;
    look_again(x);
}

static const struct llmp_x_receiver receiver = {
    .head = keys_head,
    .body = keys_body,
    .over = keys_over,
};

void llmp_x_keys_woken(struct llmp_exchange *x)
{
    if (!x->attempt->call_open)
        look_again(x);
}
