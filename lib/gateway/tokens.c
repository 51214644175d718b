/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/tokens.h"

#include "base/internal.h"
#include "base/str.h"

static const struct llmp_str scheme = { "Bearer ", 7 };

int llmp_tokens_init(struct llmp_tokens *tokens)
{
    if (pthread_mutex_init(&tokens->lock, NULL) != 0)
        return LLMP_E_NOMEM;
    return llmp_wait_list_init(&tokens->waiting);
}

void llmp_tokens_fini(struct llmp_tokens *tokens)
{
    while (tokens->synced.first) {
        struct llmp_vendor_token *token = tokens->synced.first;

        tokens->synced.first = token->next;
        llmp_cloud_token_fini(&token->token);
        llmp_free(token);
    }
    llmp_wait_list_fini(&tokens->waiting);
    (void)pthread_mutex_destroy(&tokens->lock);
}

static struct llmp_vendor_token *find(struct llmp_tokens *tokens,
                                      struct llmp_str id)
{
    struct llmp_vendor_token *token = tokens->synced.first;

    while (token && !llmp_str_eq(llmp_str_of(token->id), id))
        token = token->next;
    if (token || id.len >= sizeof(token->id))
        return token;
    token = llmp_alloc(sizeof(*token));
    if (!token)
        return NULL;
    memcpy(token->id, id.ptr, id.len);
    token->next = tokens->synced.first;
    tokens->synced.first = token;
    return token;
}

struct llmp_vendor_token *llmp_tokens_find(struct llmp_tokens *tokens,
                                           struct llmp_str id)
{
    struct llmp_vendor_token *token;

    (void)pthread_mutex_lock(&tokens->lock);
    token = find(tokens, id);
    (void)pthread_mutex_unlock(&tokens->lock);
    return token;
}

/* Copied under the lock: the next put replaces it. */
static bool copy_bearer(const struct llmp_cloud_grant *grant,
                        struct llmp_arena *arena, struct llmp_str *bearer)
{
    size_t size = scheme.len + grant->access.len;
    char *text = llmp_arena_take(arena, size);

    if (!text)
        return false;
    (void)llmp_put_str(llmp_put_str(text, scheme), grant->access);
    *bearer = (struct llmp_str){ text, size };
    return true;
}

int llmp_tokens_want(struct llmp_tokens *tokens,
                     struct llmp_vendor_token *token, uint64_t now_ns,
                     struct llmp_arena *arena, struct llmp_str *bearer)
{
    const struct llmp_cloud_grant *grant;
    int want;

    (void)pthread_mutex_lock(&tokens->lock);
    want = (int)llmp_cloud_token_want(&token->token, now_ns);
    grant = llmp_cloud_token_grant(&token->token, now_ns);
    if (grant && !copy_bearer(grant, arena, bearer)) {
        if (want == LLMP_CLOUD_FETCH) /* it is not fetched then */
            llmp_cloud_token_abandoned(&token->token);
        want = LLMP_E_NOMEM;
    }
    (void)pthread_mutex_unlock(&tokens->lock);
    return want;
}

void llmp_tokens_report(struct llmp_tokens *tokens,
                        struct llmp_vendor_token *token,
                        const struct llmp_cloud_grant *grant, bool retryable,
                        uint64_t now_ns, uint64_t chance)
{
    (void)pthread_mutex_lock(&tokens->lock);
    if (!grant || llmp_cloud_token_put(&token->token, grant, NULL) != LLMP_OK)
        llmp_cloud_token_failed(&token->token, now_ns, grant || retryable,
                                chance);
    (void)pthread_mutex_unlock(&tokens->lock);
    llmp_wait_list_wake(&tokens->waiting);
}

void llmp_tokens_abandon(struct llmp_tokens *tokens,
                         struct llmp_vendor_token *token)
{
    (void)pthread_mutex_lock(&tokens->lock);
    llmp_cloud_token_abandoned(&token->token);
    (void)pthread_mutex_unlock(&tokens->lock);
    llmp_wait_list_wake(&tokens->waiting);
}

void llmp_tokens_refused(struct llmp_tokens *tokens,
                         struct llmp_vendor_token *token,
                         struct llmp_str bearer)
{
    if (!llmp_str_starts(bearer, scheme))
        return;
    bearer =
        (struct llmp_str){ bearer.ptr + scheme.len, bearer.len - scheme.len };
    (void)pthread_mutex_lock(&tokens->lock);
    llmp_cloud_token_refused(&token->token, bearer);
    (void)pthread_mutex_unlock(&tokens->lock);
}
