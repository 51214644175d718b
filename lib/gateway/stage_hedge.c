/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hedge: what has not begun to answer in the time that nearly all answers
 * take is asked of another deployment, too. Whoever has something of an answer
 * first gives it; the other call is cancelled, and booked as what it may have
 * cost. The two attempts take turns in the exchange: the feed of either's call
 * puts it in hand, and the other lies in `rival` with what it left there.
 */
#include "base/internal.h"
#include "gateway/exchange.h"

#define SWAP(a, b)                \
    do {                          \
        __typeof__(a) kept = (a); \
        (a) = (b);                \
        (b) = kept;               \
    } while (0)

/* ---- whether, and when --------------------------------------------------- */

static bool is_wanted(const struct llmp_exchange *x)
{
    switch (x->model->hedge.when) {
    case LLMP_HEDGE_ALWAYS:
        return x->hedge_mark >= 0;
    case LLMP_HEDGE_MARKED:
        return x->hedge_mark > 0;
    case LLMP_HEDGE_NEVER:
        break;
    }
    return false;
}

void llmp_x_hedge_later(struct llmp_exchange *x)
{
    uint64_t after_ns;

    x->hedge_ns = 0;
    if (!x->model || x->model->deployment_count < 2 || x->rival ||
        x->operation->body != LLMP_BODY_JSON || !is_wanted(x))
        return;
    after_ns = x->model->hedge.after_ns;
    if (!after_ns && !x->summary.stream)
        return; /* how long whole answers take depends on their length */
    if (!after_ns)
        after_ns = llmp_route_hedge_ns(
            llmp_routes_of(x->access->routes, x->model->index),
            x->attempt->pick.index);
    if (after_ns != LLMP_ROUTE_NEVER)
        llmp_x_hedge_at(x, llmp_add_sat(x->now.mono_ns, after_ns));
}

void llmp_x_hedge_mark(struct llmp_exchange *x, struct llmp_str value)
{
    if (llmp_str_eq(value, LLMP_STR("true")) ||
        llmp_str_eq(value, LLMP_STR("1")))
        x->hedge_mark = 1;
    else if (llmp_str_eq(value, LLMP_STR("false")) ||
             llmp_str_eq(value, LLMP_STR("0")))
        x->hedge_mark = -1;
}

/* ---- two attempts -------------------------------------------------------- */

void llmp_x_turn(struct llmp_exchange *x)
{
    struct llmp_x_rival *r = x->rival;
    const uint8_t bit = 1 << LLMP_X_DEPLOYMENT_SCOPE;
    uint8_t scope_ref = x->scope_refs & bit;

    SWAP(x->attempt, r->attempt);
    SWAP(x->state, r->state);
    SWAP(x->deadline_ns, r->deadline_ns);
    SWAP(x->input, r->input);
    SWAP(x->out, r->out);
    SWAP(x->summary, r->summary);
    SWAP(x->scopes[LLMP_X_DEPLOYMENT_SCOPE], r->scope);
    x->scope_refs = (uint8_t)((x->scope_refs & ~bit) | r->scope_ref);
    r->scope_ref = scope_ref;
    x->summary.attempts = x->route.attempts;
}

/* The hedge's deployment has it in its metrics, once. */
static void count(struct llmp_exchange *x, bool won)
{
    if (x->rival->counted || !x->rival->called)
        return;
    x->rival->counted = true;
    llmp_metrics_hedge(&x->worker->metrics, x->rival->second.deployment->id,
                       won);
}

/* Who had so much time and said nothing may be hanging. */
static enum llmp_route_class blame(const struct llmp_exchange *x)
{
    bool overtaken = x->attempt == &x->first && x->attempt->called;

    return overtaken && !x->summary.upstream_status && x->attempt->call_open &&
                   x->rival->answered
               ? LLMP_OUTCOME_OVERTAKEN
               : LLMP_OUTCOME_ABANDONED;
}

void llmp_x_give_up(struct llmp_exchange *x)
{
    if (x->attempt == &x->rival->second)
        count(x, false);
    llmp_x_report(x, blame(x));
    llmp_x_credential_drop(x);
    llmp_x_cancel_call(x);
    llmp_x_close_attempt(x, LLMP_END_OVERTAKEN);
    llmp_x_forget_attempt(x);
    llmp_x_turn(x);
    x->rival->attempt = NULL;
}

void llmp_x_win(struct llmp_exchange *x)
{
    x->hedge_ns = 0;
    if (!llmp_x_races(x))
        return;
    x->rival->lent = !x->rival->attempt->request_sent;
    llmp_x_turn(x);
    llmp_x_give_up(x);
}

void llmp_x_hedge_answers(struct llmp_exchange *x)
{
    if (llmp_x_races(x))
        x->rival->answered = true;
    llmp_x_win(x);
    if (x->rival)
        count(x, x->attempt == &x->rival->second);
}

/* What of the summary is the other attempt's. */
static void forget_summary(struct llmp_summary *s)
{
    llmp_x_forget_answer(s);
    s->provider.len = s->upstream_model.len = 0;
    s->usage_basis = LLMP_USAGE_NONE;
    s->input_tokens = s->output_tokens = 0;
    s->cached_tokens = s->reasoning_tokens = 0;
}

void llmp_x_hedge(struct llmp_exchange *x)
{
    x->hedge_ns = 0;
    if (x->responded || !x->attempt->call_open || !x->attempt->receiver->costs)
        return; /* it is between two calls, or gets a token for one */
    x->rival = llmp_alloc(sizeof(*x->rival));
    if (!x->rival)
        return;
    x->rival->attempt = &x->rival->second;
    x->rival->state = LLMP_X_BODY;
    x->rival->deadline_ns = UINT64_MAX;
    x->rival->summary = x->summary;
    forget_summary(&x->rival->summary);
    llmp_x_turn(x);
    if (!llmp_x_pick_hedge(x)) {
        llmp_x_give_up(x);
        return;
    }

    int rc = llmp_x_admit_attempt(x);

    if (rc == LLMP_OK)
        llmp_x_call_plain(x);
    else if (rc == LLMP_LIMITED)
        llmp_x_give_up(x);
}

bool llmp_x_yield(struct llmp_exchange *x)
{
    if (!llmp_x_races(x))
        return false;
    llmp_x_give_up(x);
    return true;
}

void llmp_x_hedge_free(struct llmp_exchange *x)
{
    if (!x->rival)
        return;
    count(x, false); /* unless it answered */
    llmp_buf_fini(&x->rival->second.early);
    llmp_buf_fini(&x->rival->out);
    if (x->rival->scope_ref)
        llmp_limit_scope_unref(x->rival->scope);
    llmp_free(x->rival);
    x->rival = NULL;
    x->attempt = &x->first;
}
