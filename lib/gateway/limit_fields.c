/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer tells of limits: of all that concern the request, the nearest
 * one of requests and the nearest one of tokens.
 */
#include "base/internal.h"
#include "gateway/exchange.h"

struct tightest {
    bool found;
    const struct llmp_limit_scope *scope;
    struct llmp_limit_state state;
};

static void consider(struct tightest *t, const struct llmp_limit_scope *scope,
                     const struct llmp_limit_state *state)
{
    /* The part that is left, compared without dividing. */
    if (t->found &&
        (unsigned __int128)state->remaining * t->state.rule.amount >=
            (unsigned __int128)t->state.remaining * state->rule.amount)
        return;
    t->found = true;
    t->scope = scope;
    t->state = *state;
}

static void find_tightest(const struct llmp_exchange *x,
                          struct tightest *requests, struct tightest *tokens)
{
    struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX];

    for (size_t i = 0; i < LLMP_X_SCOPES; i++) {
        size_t count = x->scopes[i] ? llmp_limit_look_at(x->scopes[i],
                                                         LLMP_WINDOWS_ROLLING,
                                                         x->now, states)
                                    : 0;

        for (size_t k = 0; k < count; k++)
            if (states[k].rule.unit == LLMP_LIMIT_REQUESTS)
                consider(requests, x->scopes[i], &states[k]);
            else if (states[k].rule.unit == LLMP_LIMIT_TOKENS)
                consider(tokens, x->scopes[i], &states[k]);
    }
}

static void add_number(struct llmp_exchange *x, struct llmp_str name,
                       uint64_t value, const char *suffix)
{
    char *text = llmp_arena_take(&x->arena, 24);

    if (!text)
        return;

    char *end = llmp_put_str(llmp_put_u64(text, value), llmp_str_of(suffix));

    llmp_x_header(x, name, (struct llmp_str){ text, (size_t)(end - text) });
}

static void add_policy(struct llmp_buf *policy, struct llmp_buf *limit,
                       const struct tightest *t, const char *what)
{
    const char *whose = llmp_limit_kind_name(llmp_limit_scope_kind(t->scope));
    const char *comma = policy->len ? ", " : "";
    uint64_t s = (t->state.reset_ns + LLMP_NS_PER_S - 1) / LLMP_NS_PER_S;

    (void)llmp_buf_printf(
        policy, "%s\"%s-%s\";q=%llu;w=%llu", comma, whose, what,
        (unsigned long long)t->state.rule.amount,
        (unsigned long long)(t->state.rule.period_ns / LLMP_NS_PER_S));
    (void)llmp_buf_printf(limit, "%s\"%s-%s\";r=%llu;t=%llu", comma, whose,
                          what, (unsigned long long)t->state.remaining,
                          (unsigned long long)s);
}

static void add_kept(struct llmp_exchange *x, struct llmp_str name,
                     const struct llmp_buf *value)
{
    bool ok = true;
    struct llmp_str text = llmp_arena_str(&x->arena, llmp_buf_str(value), &ok);

    if (ok && !value->failed && text.len)
        llmp_x_header(x, name, text);
}

/* `RateLimit` fields (draft-ietf-httpapi-ratelimit-headers) and the ones that
 * OpenAI's clients know, of whichever limits are nearest. */
void llmp_x_limit_fields(struct llmp_exchange *x)
{
    struct tightest requests = { .found = false }, tokens = { .found = false };
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf policy = { 0 };
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf limit = { 0 };

    find_tightest(x, &requests, &tokens);
    if (requests.found) {
        add_policy(&policy, &limit, &requests, "requests");
        add_number(x, LLMP_STR("x-ratelimit-limit-requests"),
                   requests.state.rule.amount, "");
        add_number(x, LLMP_STR("x-ratelimit-remaining-requests"),
                   requests.state.remaining, "");
        add_number(x, LLMP_STR("x-ratelimit-reset-requests"),
                   (requests.state.reset_ns + 999999) / 1000000, "ms");
    }
    if (tokens.found) {
        add_policy(&policy, &limit, &tokens, "tokens");
        add_number(x, LLMP_STR("x-ratelimit-limit-tokens"),
                   tokens.state.rule.amount, "");
        add_number(x, LLMP_STR("x-ratelimit-remaining-tokens"),
                   tokens.state.remaining, "");
        add_number(x, LLMP_STR("x-ratelimit-reset-tokens"),
                   (tokens.state.reset_ns + 999999) / 1000000, "ms");
    }
    add_kept(x, LLMP_STR("ratelimit-policy"), &policy);
    add_kept(x, LLMP_STR("ratelimit"), &limit);
}
