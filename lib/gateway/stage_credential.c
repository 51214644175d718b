/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The provider's bearer token, where it has to be fetched: of all exchanges
 * that want it one asks for it, with a call of its own before the provider's;
 * the others wait, or use the one before while that holds. Where to is in the
 * configuration only.
 */
#include <sodium.h>

#include "base/internal.h"
#include "cloud/google.h"
#include "cloud/oauth.h"
#include "gateway/exchange.h"

enum {
    WHOLE_TIMEOUT_MS = 10000, /* until the client is told */
    FETCH_TIMEOUT_MS = 5000,
    LOOK_AGAIN_MS = 100 /* when nobody has woken it */
};

static struct llmp_tokens *tokens_of(struct llmp_exchange *x)
{
    return &x->worker->gateway->tokens;
}

static void forget_fetch(struct llmp_exchange *x)
{
    x->attempt->credential.token = NULL;
    llmp_cloud_request_fini(&x->attempt->credential.request);
}

static void fetch_over(struct llmp_exchange *x,
                       const struct llmp_cloud_grant *grant, bool retryable)
{
    if (!x->attempt->credential.token)
        return;
    llmp_tokens_report(tokens_of(x), x->attempt->credential.token, grant,
                       retryable, x->now.mono_ns, llmp_x_random(x));
    forget_fetch(x);
}

void llmp_x_credential_drop(struct llmp_exchange *x)
{
    if (!x->attempt->credential.token)
        return;
    llmp_tokens_abandon(tokens_of(x), x->attempt->credential.token);
    forget_fetch(x);
}

/* ---- the request -------------------------------------------------------- */

static int google_request(struct llmp_cloud_request *out,
                          const struct llmp_oauth_config *oauth,
                          uint64_t wall_ns, struct llmp_error *err)
{
    struct llmp_google_account *account;
    int rc;

    LLMP_TRY(llmp_google_account_new(&account, oauth->account, err));
    rc = llmp_google_request(out, account, oauth->scope, wall_ns, err);
    llmp_google_account_free(account);
    return rc;
}

static int make_request(struct llmp_exchange *x, struct llmp_error *err)
{
    const struct llmp_oauth_config *oauth =
        &x->attempt->deployment->provider->oauth;
    struct llmp_cloud_request *out = &x->attempt->credential.request;
    uint8_t random[16];

    switch (oauth->kind) {
    case LLMP_OAUTH_GIGACHAT:
        llmp_worker_random(x->worker, random, sizeof(random));
        return llmp_gigachat_request(
            out,
            &(struct llmp_gigachat_client){ .token_url = oauth->token_url,
                                            .credentials = oauth->client_secret,
                                            .scope = oauth->scope },
            random, err);
    case LLMP_OAUTH_GOOGLE:
        return google_request(out, oauth, x->now.wall_ns, err);
    default:
        return llmp_oauth_request(
            out,
            &(struct llmp_oauth_client){ .token_url = oauth->token_url,
                                         .id = oauth->client_id,
                                         .secret = oauth->client_secret,
                                         .scope = oauth->scope,
                                         .auth = LLMP_OAUTH_BODY },
            err);
    }
}

/* "https://host/path" -> "/path" */
static struct llmp_str path_of(struct llmp_str url)
{
    size_t at = llmp_str_find(url, LLMP_STR("://"));
    struct llmp_str rest = { url.ptr + at + 3, url.len - at - 3 };
    const char *slash = memchr(rest.ptr, '/', rest.len);

    if (!slash)
        return LLMP_STR("/");
    return (struct llmp_str){ slash, (size_t)(rest.ptr + rest.len - slash) };
}

static const struct llmp_x_receiver receiver;

static void begin_call(struct llmp_exchange *x)
{
    const struct llmp_cloud_request *request = &x->attempt->credential.request;

    for (size_t i = 0; i < request->header_count; i++)
        x->attempt->call_headers[i] =
            (struct llmp_header){ request->headers[i].name,
                                  request->headers[i].value };
    x->attempt->parts[0] = request->body;
    x->attempt->call = (struct llmp_call){
        .id = ++x->calls,
        .origin = x->attempt->deployment->provider->oauth.origin,
        .method = request->method,
        .path = path_of(request->url),
        .headers = x->attempt->call_headers,
        .header_count = request->header_count,
        .body_size = request->body.len,
        .body = x->attempt->parts,
        .body_parts = 1,
    };
    x->attempt->receiver = &receiver;
    x->attempt->call_open = true;
    x->attempt->credential.status = 0;
    x->out.len = 0;
    x->out.limit = LLMP_CLOUD_ANSWER_MAX;
    x->out.failed = false;
    llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_CALL,
                                     .id = x->attempt->call.id,
                                     .call = &x->attempt->call });
    llmp_x_call_deadline(x, FETCH_TIMEOUT_MS);
}

/* ---- having one --------------------------------------------------------- */

/* No token, no call: somebody else may answer. */
static void give_up(struct llmp_exchange *x)
{
    if (x->check.open) { /* that says nothing about the provider */
        llmp_x_end(x, LLMP_END_UPSTREAM_FAILED, true);
        return;
    }
    if (llmp_x_fail_over(x, LLMP_OUTCOME_AUTH))
        return;
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 502,
                                          .code = "upstream_credential",
                                          .ending = LLMP_END_UPSTREAM_FAILED },
                  "The gateway could not get a token for the provider.");
}

static void fetch(struct llmp_exchange *x, struct llmp_vendor_token *token)
{
    struct llmp_error err;

    x->attempt->credential.token = token;
    if (make_request(x, &err) < 0) {
        fetch_over(x, NULL, false);
        give_up(x);
        return;
    }
    begin_call(x);
}

static void wait_for_others(struct llmp_exchange *x)
{
    (void)llmp_x_wait_in(x, &tokens_of(x)->waiting);
    llmp_x_call_deadline(x, LOOK_AGAIN_MS);
}

/* True: `x->attempt->bearer` is there. */
static bool look(struct llmp_exchange *x)
{
    const struct llmp_oauth_config *oauth =
        &x->attempt->deployment->provider->oauth;
    struct llmp_vendor_token *token = llmp_tokens_find(tokens_of(x), oauth->id);
    int want;

    x->attempt->bearer.len = 0;
    if (!token) {
        llmp_x_refuse_nomem(x);
        return false;
    }
    want = llmp_tokens_want(tokens_of(x), token, x->now.mono_ns, &x->arena,
                            &x->attempt->bearer);
    switch (want) {
    case LLMP_CLOUD_USE:
        return true;
    case LLMP_CLOUD_FETCH:
        fetch(x, token);
        return false;
    case LLMP_CLOUD_WAIT:
        if (x->now.mono_ns < x->attempt->credential.until_ns &&
            x->now.mono_ns < x->route.until_ns)
            wait_for_others(x);
        else
            give_up(x);
        return false;
    case LLMP_CLOUD_FAILED:
        give_up(x);
        return false;
    default:
        llmp_x_refuse_nomem(x);
        return false;
    }
}

bool llmp_x_has_credential(struct llmp_exchange *x)
{
    x->attempt->bearer.len = 0;
    if (x->attempt->deployment->provider->oauth.kind == LLMP_OAUTH_NONE)
        return true;
    x->state = LLMP_X_CREDENTIAL;
    x->attempt->credential.until_ns =
        llmp_add_sat(x->now.mono_ns, WHOLE_TIMEOUT_MS * LLMP_NS_PER_MS);
    return look(x);
}

static void go_on(struct llmp_exchange *x)
{
    if (!look(x))
        return;
    x->out.len = 0;
    x->out.limit = 0;
    llmp_x_no_deadline(x);
    x->attempt->make_call(x);
}

static void credential_head(struct llmp_exchange *x,
                            const struct llmp_response_head *head)
{
    x->attempt->credential.status = head->status;
}

static void credential_body(struct llmp_exchange *x, struct llmp_str bytes)
{
    (void)llmp_buf_add(&x->out, bytes); /* `failed` tells */
}

static void credential_over(struct llmp_exchange *x,
                            const struct llmp_x_over *over)
{
    struct llmp_cloud_grant grant;
    struct llmp_error err = { .retryable = true };

    llmp_x_cancel_call(x);
    if (over->how == LLMP_X_ENDED_WELL && !x->out.failed &&
        llmp_oauth_answer(&grant, x->attempt->credential.status, x->out.ptr,
                          x->out.len, x->now.wall_ns, &err) == LLMP_OK)
        fetch_over(x, &grant, true);
    else
        fetch_over(x, NULL, err.retryable);
    if (x->out.ptr)
        sodium_memzero(x->out.ptr, x->out.cap);
    x->out.failed = false;
    go_on(x);
}

static const struct llmp_x_receiver receiver = {
    .head = credential_head,
    .body = credential_body,
    .over = credential_over,
};

void llmp_x_credential_woken(struct llmp_exchange *x)
{
    if (!x->attempt->call_open)
        go_on(x);
}

void llmp_x_credential_refused(struct llmp_exchange *x)
{
    const struct llmp_oauth_config *oauth =
        &x->attempt->deployment->provider->oauth;
    struct llmp_vendor_token *token;

    if (!x->attempt->bearer.len)
        return;
    token = llmp_tokens_find(tokens_of(x), oauth->id);
    if (token)
        llmp_tokens_refused(tokens_of(x), token, x->attempt->bearer);
}
