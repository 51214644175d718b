/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two things decide: what the grant is worth now, and what is going on about
 * its successor. The table in llmp_cloud_token_want() is all there is to it.
 */
#include "cloud/token.h"

#include <sodium.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"

#define MARGIN_MAX_NS  (10 * LLMP_NS_PER_S) /* for the way to the provider */
#define AHEAD_MAX_NS   (300 * LLMP_NS_PER_S)
#define REFUSED_NS     (10 * LLMP_NS_PER_S)
#define BACKOFF_MIN_NS LLMP_NS_PER_S
#define BACKOFF_MAX_NS (60 * LLMP_NS_PER_S)

enum worth { NOTHING, DUE, FRESH };
enum activity { IDLE, RUNNING, BACKING_OFF };

static void drop_grant(struct llmp_cloud_token *token)
{
    if (token->memory)
        sodium_memzero(token->memory, token->memory_size);
    llmp_free(token->memory);
    token->memory = NULL;
    token->memory_size = 0;
    token->grant = (struct llmp_cloud_grant){ .lifetime_ns = 0 };
    token->refresh_at_ns = token->valid_until_ns = 0;
}

void llmp_cloud_token_fini(struct llmp_cloud_token *token)
{
    if (!token)
        return;
    drop_grant(token);
    *token = (struct llmp_cloud_token){ .memory = NULL };
}

static enum worth worth_at(const struct llmp_cloud_token *token,
                           uint64_t now_ns)
{
    if (now_ns >= token->valid_until_ns)
        return NOTHING;
    return now_ns >= token->refresh_at_ns ? DUE : FRESH;
}

static enum activity activity_at(const struct llmp_cloud_token *token,
                                 uint64_t now_ns)
{
    if (token->fetching)
        return RUNNING;
    return token->failures && now_ns < token->retry_at_ns ? BACKING_OFF : IDLE;
}

enum llmp_cloud_want llmp_cloud_token_want(struct llmp_cloud_token *token,
                                           uint64_t now_ns)
{
    static const enum llmp_cloud_want wants[3][3] = {
        [NOTHING] = { [IDLE] = LLMP_CLOUD_FETCH,
                      [RUNNING] = LLMP_CLOUD_WAIT,
                      [BACKING_OFF] = LLMP_CLOUD_FAILED },
        [DUE] = { [IDLE] = LLMP_CLOUD_FETCH,
                  [RUNNING] = LLMP_CLOUD_USE,
                  [BACKING_OFF] = LLMP_CLOUD_USE },
        [FRESH] = { [IDLE] = LLMP_CLOUD_USE,
                    [RUNNING] = LLMP_CLOUD_USE,
                    [BACKING_OFF] = LLMP_CLOUD_USE },
    };
    enum llmp_cloud_want want =
        wants[worth_at(token, now_ns)][activity_at(token, now_ns)];

    if (want == LLMP_CLOUD_FETCH) {
        token->fetching = true;
        token->fetch_began_ns = now_ns;
    }
    return want;
}

const struct llmp_cloud_grant *llmp_cloud_token_grant(
    const struct llmp_cloud_token *token, uint64_t now_ns)
{
    return worth_at(token, now_ns) == NOTHING ? NULL : &token->grant;
}

static struct llmp_str copy(char **at, struct llmp_str text)
{
    struct llmp_str copied = { *at, text.len };

    *at = llmp_put_str(*at, text);
    return copied;
}

int llmp_cloud_token_put(struct llmp_cloud_token *token,
                         const struct llmp_cloud_grant *grant,
                         struct llmp_error *err)
{
    uint64_t lifetime_ns = grant->lifetime_ns, tenth_ns = lifetime_ns / 10;
    size_t size = grant->access.len + grant->secret.len + grant->session.len;
    char *memory = llmp_alloc(size), *at = memory;

    assert(token->fetching);
    LLMP_ENSURE(memory, err, LLMP_E_NOMEM, "no memory for a credential");
    drop_grant(token);
    token->memory = memory;
    token->memory_size = size;
    token->grant = (struct llmp_cloud_grant){
        .access = copy(&at, grant->access),
        .secret = copy(&at, grant->secret),
        .session = copy(&at, grant->session),
        .lifetime_ns = lifetime_ns,
    };
    /* Short lives have short margins: one of a minute is used 54 s. */
    lifetime_ns -= tenth_ns < MARGIN_MAX_NS ? tenth_ns : MARGIN_MAX_NS;
    token->valid_until_ns = llmp_add_sat(token->fetch_began_ns, lifetime_ns);
    lifetime_ns -= tenth_ns < AHEAD_MAX_NS ? tenth_ns : AHEAD_MAX_NS;
    token->refresh_at_ns = llmp_add_sat(token->fetch_began_ns, lifetime_ns);
    token->fetching = false;
    token->failures = 0;
    return LLMP_OK;
}

void llmp_cloud_token_failed(struct llmp_cloud_token *token, uint64_t now_ns,
                             bool retryable, uint64_t chance)
{
    uint64_t wait_ns = BACKOFF_MAX_NS;

    assert(token->fetching);
    if (retryable && token->failures < 6) {
        wait_ns = BACKOFF_MIN_NS << token->failures; /* below 64 s */
        wait_ns = wait_ns < BACKOFF_MAX_NS ? wait_ns : BACKOFF_MAX_NS;
    }
    wait_ns -= chance % (wait_ns / 4);
    token->retry_at_ns = llmp_add_sat(now_ns, wait_ns);
    token->failures += token->failures < UINT32_MAX;
    token->fetching = false;
}

void llmp_cloud_token_abandoned(struct llmp_cloud_token *token)
{
    assert(token->fetching);
    token->fetching = false;
}

void llmp_cloud_token_refused(struct llmp_cloud_token *token,
                              struct llmp_str access)
{
    if (token->valid_until_ns == 0 || !llmp_str_eq(token->grant.access, access))
        return;
    drop_grant(token);
    token->retry_at_ns = llmp_add_sat(token->fetch_began_ns, REFUSED_NS);
    token->failures = token->failures ? token->failures : 1;
}
