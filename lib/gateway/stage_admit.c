/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much: what a request will use at most is set aside before the call, over
 * all limits that concern it or none. What was used: stage_settle.c.
 */
#include <stdio.h>

#include "base/internal.h"
#include "gateway/downgrade.h"
#include "gateway/exchange.h"
#include "gateway/pricing.h"

enum { OUTPUT_UNKNOWN = 1024 };

/* ---- what it costs ------------------------------------------------------- */

/* Pictures, sounds and the like are not counted yet, so nobody knows. */
bool llmp_x_cost_of(const struct llmp_exchange *x, uint64_t input,
                    uint64_t cached, uint64_t output, uint64_t reasoning,
                    uint64_t *nanos)
{
    struct llmp_usage usage;

    if (!x->attempt->price || !x->operation->usage)
        return false;
    llmp_usage_init(&usage);
    usage.requests = 1;
    usage.input_tokens = input;
    usage.cached_tokens = cached;
    usage.output_tokens = output;
    usage.reasoning_tokens = reasoning;
    return llmp_deployment_cost(x->config, x->attempt->price, &usage,
                                x->config->prices.currency, nanos);
}

/* ---- whose limits -------------------------------------------------------- */

/* A model at a provider, by itself. Without memory nobody passes: a limit that
 * cannot be looked at is none. */
static bool find_deployment(struct llmp_exchange *x)
{
    const struct llmp_provider *provider = x->attempt->deployment->provider;
    char id[LLMP_LIMIT_ID_MAX];
    size_t len;

    /* It had to wait, or this is of an attempt before. */
    if (x->scope_refs & 1 << LLMP_X_DEPLOYMENT_SCOPE)
        llmp_limit_scope_unref(x->scopes[LLMP_X_DEPLOYMENT_SCOPE]);
    x->scope_refs &= (uint8_t) ~(1 << LLMP_X_DEPLOYMENT_SCOPE);
    x->scopes[LLMP_X_DEPLOYMENT_SCOPE] = NULL;
    if (!provider->limits.count)
        return true;
    len = llmp_deployment_id(id, provider->name, x->summary.upstream_model);
    if (llmp_limiter_scope(
            &x->scopes[LLMP_X_DEPLOYMENT_SCOPE], llmp_worker_limiter(x->worker),
            LLMP_LIMIT_DEPLOYMENT, (struct llmp_str){ id, len },
            provider->limits.rules, provider->limits.count, NULL) != LLMP_OK) {
        llmp_x_refuse_nomem(x);
        return false;
    }
    x->scope_refs |= 1 << LLMP_X_DEPLOYMENT_SCOPE;
    return true;
}

static bool has_money(const struct llmp_exchange *x)
{
    for (size_t i = 0; i < LLMP_X_SCOPES; i++)
        if (x->scopes[i] &&
            llmp_limit_has(x->scopes[i], 1u << LLMP_LIMIT_MONEY))
            return true;
    return false;
}

/* ---- a budget that is nearly used up ------------------------------------- */

static bool is_soft(const struct llmp_limit_scope *scope, struct llmp_time now)
{
    struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX];
    size_t count =
        llmp_limit_look_at(scope, LLMP_WINDOWS_CALENDAR, now, states);

    for (size_t k = 0; k < count; k++)
        if (states[k].rule.unit == LLMP_LIMIT_MONEY &&
            states[k].rule.soft_permille &&
            states[k].used >=
                states[k].rule.amount / 1000 * states[k].rule.soft_permille)
            return true;
    return false;
}

/* Only where any model of text will do, and only to what the caller may use:
 * a budget narrows and never widens. */
static bool may_downgrade(const struct llmp_exchange *x,
                          const struct llmp_allowance *allowance)
{
    enum llmp_shape shape = x->operation->shape;

    return allowance && allowance->downgrade.len &&
           (shape == LLMP_SHAPE_CHAT || shape == LLMP_SHAPE_COMPLETIONS ||
            shape == LLMP_SHAPE_MESSAGES || shape == LLMP_SHAPE_RESPONSES) &&
           x->operation->local == LLMP_LOCAL_NO &&
           !llmp_str_eq(allowance->downgrade, x->routed) &&
           llmp_grant_has_model(x->principal.grant, allowance->downgrade);
}

/* NULL: it is not there, or known to cost more than what was asked for, or
 * nowhere where the request may go. */
static const struct llmp_model *cheaper_model(const struct llmp_exchange *x,
                                              struct llmp_str name)
{
    const struct llmp_named_model from = { x->model, x->routed };
    const struct llmp_named_model to = { llmp_config_model(x->config, name),
                                         name };

    if (!to.model || !llmp_x_reaches(x, to.model) ||
        llmp_downgrade_is_dearer(x->config, x->access->prices, from, to,
                                 x->now.wall_ns))
        return NULL;
    return to.model;
}

void llmp_x_downgrade(struct llmp_exchange *x)
{
    for (size_t i = 0; i < LLMP_X_MODEL_SCOPE; i++) {
        const struct llmp_allowance *allowance = x->allowances[i];
        const struct llmp_model *model;

        if (!x->scopes[i] || !may_downgrade(x, allowance) ||
            !is_soft(x->scopes[i], x->now))
            continue;
        model = cheaper_model(x, allowance->downgrade);
        if (!model)
            continue;
        x->model = model;
        x->routed = allowance->downgrade;
        x->summary.downgraded_to = allowance->downgrade;
        llmp_x_stay(x, model);
        return;
    }
}

/* ---- refusals ------------------------------------------------------------ */

/* "12.5" of 10^-9 units; counts as they are. */
static void write_amount(char out[32], enum llmp_limit_unit unit, uint64_t n)
{
    if (unit == LLMP_LIMIT_MONEY)
        (void)llmp_nanos_write(n, out);
    else
        (void)snprintf(out, 32, "%llu", (unsigned long long)n);
}

static const char *span_name(enum llmp_limit_unit unit,
                             enum llmp_limit_window window)
{
    static const char *const names[LLMP_LIMIT_WINDOWS] = {
        [LLMP_WINDOW_ROLLING] = " a minute", [LLMP_WINDOW_MINUTE] = " a minute",
        [LLMP_WINDOW_DAY] = " a day",        [LLMP_WINDOW_WEEK] = " a week",
        [LLMP_WINDOW_MONTH] = " a month",    [LLMP_WINDOW_TOTAL] = " in all",
    };

    return unit == LLMP_LIMIT_CONCURRENCY ? " at a time" : names[window];
}

/* "team research: tokens a minute" */
static struct llmp_str limit_text(struct llmp_exchange *x,
                                  const struct llmp_limit_scope *scope,
                                  enum llmp_limit_unit unit,
                                  enum llmp_limit_window window)
{
    struct llmp_str id = llmp_limit_scope_id(scope);

    return llmp_arena_printf(&x->arena, "%s %.*s: %s%s",
                             llmp_limit_kind_name(llmp_limit_scope_kind(scope)),
                             (int)id.len, id.ptr, llmp_limit_unit_name(unit),
                             span_name(unit, window));
}

/* The event of a soft threshold: the exchange that crossed it says so. */
void llmp_x_note_news(struct llmp_exchange *x,
                      const struct llmp_limit_news *news)
{
    if (news->crossing_count && !x->summary.soft_limit.len)
        x->summary.soft_limit =
            limit_text(x, news->crossings[0].scope, news->crossings[0].unit,
                       news->crossings[0].window);
}

/* Seconds, rounded up; NULL: coming back is of no use. */
static const char *retry_after(struct llmp_exchange *x,
                               const struct llmp_limit_refusal *r)
{
    uint64_t ns = r->retry_after_ns;

    if (ns == UINT64_MAX)
        return NULL;
    if (ns == 0) /* something has to end first */
        return "1";
    return llmp_arena_printf(&x->arena, "%llu",
                             (unsigned long long)((ns - 1) / LLMP_NS_PER_S + 1))
        .ptr;
}

static const char *unit_text(enum llmp_limit_unit unit)
{
    switch (unit) {
    case LLMP_LIMIT_REQUESTS:
        return "requests";
    case LLMP_LIMIT_INPUT_TOKENS:
        return "input tokens";
    case LLMP_LIMIT_OUTPUT_TOKENS:
        return "output tokens";
    case LLMP_LIMIT_TOKENS:
        return "tokens";
    case LLMP_LIMIT_MONEY:
    case LLMP_LIMIT_CONCURRENCY:
        break;
    }
    return "requests";
}

static void refuse_limited(struct llmp_exchange *x,
                           const struct llmp_limit_refusal *r)
{
    bool money = r->unit == LLMP_LIMIT_MONEY;
    struct llmp_str id = llmp_limit_scope_id(r->scope);
    struct llmp_str what =
        money ? x->config->prices.currency : llmp_str_of(unit_text(r->unit));
    char limit[32], asked[32], left[32];

    write_amount(limit, r->unit, r->limit);
    write_amount(asked, r->unit, r->asked);
    write_amount(left, r->unit, r->remaining);
    x->summary.limited_by = limit_text(x, r->scope, r->unit, r->window);
    llmp_metrics_limited(&x->worker->metrics, llmp_limit_scope_kind(r->scope),
                         r->unit);
    llmp_x_refuse(
        x,
        &(struct llmp_refusal){
            .status = money ? 402 : 429,
            .type = money ? "insufficient_quota"
                    : r->unit == LLMP_LIMIT_REQUESTS ||
                            r->unit == LLMP_LIMIT_CONCURRENCY
                        ? "requests"
                        : "tokens",
            .code = money ? "budget_exceeded" : "rate_limit_exceeded",
            .retry_after = retry_after(x, r),
            .ending = LLMP_END_REFUSED },
        "%s of %s '%.*s' reached: %s %.*s%s; this request needs %s, %s are "
        "left.%s",
        money ? "Budget" : "Limit",
        llmp_limit_kind_name(llmp_limit_scope_kind(r->scope)), (int)id.len,
        id.ptr, limit, (int)what.len, what.ptr, span_name(r->unit, r->window),
        asked, left,
        r->retry_after_ns == UINT64_MAX ? " It can never be served." : "");
}

/* Nobody knows what is left, and the configuration would rather not guess. */
static void refuse_unanswered(struct llmp_exchange *x,
                              const struct llmp_limit_refusal *r)
{
    struct llmp_str id = llmp_limit_scope_id(r->scope);

    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 503,
                                          .code = "limit_unknown",
                                          .retry_after = "1",
                                          .ending = LLMP_END_REFUSED },
                  "What is left of the limit of %s '%.*s' is kept in a store "
                  "that does not answer at the moment; ask again.",
                  llmp_limit_kind_name(llmp_limit_scope_kind(r->scope)),
                  (int)id.len, id.ptr);
}

static void refuse_unknown_price(struct llmp_exchange *x)
{
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 402,
                                          .type = "insufficient_quota",
                                          .code = "price_unknown",
                                          .ending = LLMP_END_REFUSED },
                  "A budget counts for this request, and nobody knows what "
                  "'%.*s' costs.",
                  (int)x->summary.model.len, x->summary.model.ptr);
}

/* ---- admitting ----------------------------------------------------------- */

/* Never 0, which is nobody's. */
static uint64_t hash_pair(struct llmp_str a, struct llmp_str b)
{
    uint64_t h = llmp_str_hash(b, llmp_str_hash(a, 0));

    h ^= h >> 29;
    h *= UINT64_C(0xbf58476d1ce4e5b9);
    return (h ^ h >> 32) | 1;
}

/* The most that the client allows, else what such answers were like. */
static uint64_t expect_output(struct llmp_exchange *x, uint64_t most)
{
    struct llmp_str who = llmp_account_of(&x->principal);

    if (!x->operation->usage || most == 0)
        return 0;
    x->output_guess_pair = hash_pair(who, x->routed);
    if (most != UINT64_MAX)
        return most;
    return llmp_limit_guess(llmp_worker_limiter(x->worker),
                            x->output_guess_pair, OUTPUT_UNKNOWN);
}

struct llmp_limit_amounts llmp_x_amounts_of(const struct llmp_exchange *x)
{
    const struct llmp_summary *s = &x->summary;
    uint64_t in = s->reserved_input_tokens, out = s->reserved_output_tokens;
    struct llmp_limit_amounts a = { { 0 }, { 0 } };

    a.of[LLMP_LIMIT_REQUESTS] = a.sure[LLMP_LIMIT_REQUESTS] = 1;
    a.of[LLMP_LIMIT_CONCURRENCY] = a.sure[LLMP_LIMIT_CONCURRENCY] = 1;
    a.of[LLMP_LIMIT_INPUT_TOKENS] = in;
    a.of[LLMP_LIMIT_OUTPUT_TOKENS] = out;
    a.of[LLMP_LIMIT_TOKENS] = llmp_add_sat(in, out);
    a.of[LLMP_LIMIT_MONEY] = s->reserved_cost_nano;
    /* Input is counted by its bytes: of text, three quarters are beyond doubt.
     */
    a.sure[LLMP_LIMIT_INPUT_TOKENS] = a.sure[LLMP_LIMIT_TOKENS] = in - in / 4;
    return a;
}

/* Room for what is to be reserved; kept from one try to the next. */
static bool make_room(struct llmp_exchange *x, struct llmp_reservation *to,
                      size_t holds)
{
    if (holds <= to->capacity)
        return true;
    to->holds = llmp_arena_take(&x->arena, holds * sizeof(*to->holds));
    to->capacity = to->holds ? (uint32_t)holds : 0;
    return to->holds != NULL;
}

/* All limits of these owners, or none. */
static int reserve_part(struct llmp_exchange *x, struct llmp_reservation *to,
                        size_t first, size_t count,
                        struct llmp_limit_refusal *why)
{
    struct llmp_limit_scope *const *scopes = &x->scopes[first];
    struct llmp_limit_amounts amounts = llmp_x_amounts_of(x);
    struct llmp_limit_news news = { .crossing_count = 0 };
    int rc;

    do { /* limits may come while we count them */
        size_t holds = llmp_limit_holds(scopes, count);

        if (holds == 0)
            return LLMP_OK;
        if (!make_room(x, to, holds))
            return LLMP_E_NOMEM;
        rc =
            llmp_limit_reserve(to, scopes, count, &amounts, x->now, why, &news);
    } while (rc < 0);
    llmp_x_note_news(x, &news);
    return rc;
}

/* The principal's part, with the model's, whichever deployment answers; then
 * the attempt's. Of a refused request nothing is held, and nothing used. */
static int reserve(struct llmp_exchange *x, struct llmp_limit_refusal *why)
{
    static const uint64_t nothing[LLMP_LIMIT_UNITS];
    int rc = reserve_part(x, &x->reserved, 0, LLMP_X_DEPLOYMENT_SCOPE, why);

    if (rc != LLMP_OK)
        return rc;
    rc =
        reserve_part(x, &x->attempt->reserved, LLMP_X_DEPLOYMENT_SCOPE, 1, why);
    if (rc != LLMP_OK)
        llmp_limit_settle(&x->reserved, nothing, x->now, NULL);
    return rc;
}

/* LLMP_LIMITED: by the deployment's own limits, see `why`; negative: it was
 * refused, or waits for what the store says. */
static int set_aside(struct llmp_exchange *x, struct llmp_limit_refusal *why)
{
    int rc = reserve(x, why);

    if (rc == LLMP_LIMITED && why->pending) {
        if (llmp_x_wait_for_limits(x))
            return LLMP_E_STATE;
        rc = reserve(x, why); /* by itself, if it may */
    }
    if (rc == LLMP_OK) {
        if (llmp_limit_lease_wanted(llmp_worker_limiter(x->worker)))
            llmp_gateway_ask(x->worker->gateway, x->now);
        return LLMP_OK;
    }
    if (rc < 0)
        llmp_x_refuse_nomem(x);
    else if (why->pending)
        refuse_unanswered(x, why);
    else if (why->scope == x->scopes[LLMP_X_DEPLOYMENT_SCOPE])
        return LLMP_LIMITED;
    else
        refuse_limited(x, why);
    return LLMP_E_STATE;
}

/* What this deployment would cost at most; false: nobody knows. */
static bool estimate(struct llmp_exchange *x)
{
    struct llmp_summary *s = &x->summary;

    x->attempt->price =
        llmp_provider_price(x->access->prices, x->attempt->deployment->provider,
                            s->upstream_model, x->now.wall_ns);
    s->reserved_cost_nano = 0;
    return llmp_x_cost_of(x, s->reserved_input_tokens, 0,
                          s->reserved_output_tokens, 0, &s->reserved_cost_nano);
}

static bool lacks_price(struct llmp_exchange *x)
{
    return !estimate(x) && x->config->prices.unknown_refused && has_money(x);
}

/* Of a pass-through body the front is edited for the deployment that was
 * picked, and for no other. */
static int spill(struct llmp_exchange *x)
{
    return x->operation->body == LLMP_BODY_JSON ? llmp_x_spill(x) : LLMP_MISS;
}

/* With the deployment that was picked, or one that may be asked now. */
static bool admit(struct llmp_exchange *x)
{
    struct llmp_limit_refusal why = { .pending = false };
    int rc, picked = LLMP_OK;

    do {
        (void)llmp_x_renamed(x, x->summary.model); /* notes what it is told */
        if (!find_deployment(x))
            return false;
        why.scope = NULL;
        rc = lacks_price(x) ? LLMP_LIMITED : set_aside(x, &why);
        if (rc == LLMP_LIMITED)
            picked = spill(x);
    } while (rc == LLMP_LIMITED && picked == LLMP_OK);
    if (picked == LLMP_FULL && llmp_x_queue(x))
        return false;
    if (rc == LLMP_LIMITED && why.scope)
        refuse_limited(x, &why);
    else if (rc == LLMP_LIMITED)
        refuse_unknown_price(x);
    return rc == LLMP_OK && llmp_x_book_intent(x);
}

bool llmp_x_hold(struct llmp_exchange *x)
{
    struct llmp_limit_refusal why = { .pending = false };
    int rc;

    if (x->queue.holds)
        return true;
    x->summary.reserved_cost_nano = 0; /* nobody knows yet who answers */
    rc = reserve_part(x, &x->reserved, 0, LLMP_X_DEPLOYMENT_SCOPE, &why);
    x->queue.holds = rc == LLMP_OK;
    if (rc == LLMP_OK || (rc == LLMP_LIMITED && why.pending))
        return true;
    if (rc < 0)
        llmp_x_refuse_nomem(x);
    else
        refuse_limited(x, &why);
    return false;
}

void llmp_x_let_go(struct llmp_exchange *x)
{
    static const uint64_t nothing[LLMP_LIMIT_UNITS];

    if (x->queue.holds)
        llmp_limit_settle(&x->reserved, nothing, x->now, NULL);
    x->queue.holds = false;
}

bool llmp_x_admit(struct llmp_exchange *x, uint64_t input_tokens,
                  uint64_t output_tokens_max)
{
    struct llmp_summary *s = &x->summary;

    x->scopes[LLMP_X_MODEL_SCOPE] = x->access->models[x->model->index];
    s->currency = x->config->prices.currency;
    s->reserved_input_tokens = input_tokens;
    s->reserved_output_tokens = expect_output(x, output_tokens_max);
    return llmp_x_pick(x) && admit(x);
}

int llmp_x_admit_attempt(struct llmp_exchange *x)
{
    struct llmp_limit_refusal why = { .pending = false };
    int rc;

    (void)llmp_x_renamed(x, x->summary.model);
    if (!find_deployment(x))
        return LLMP_E_NOMEM;
    if (lacks_price(x))
        return LLMP_LIMITED;
    rc = reserve_part(x, &x->attempt->reserved, LLMP_X_DEPLOYMENT_SCOPE, 1,
                      &why);
    if (rc < 0)
        llmp_x_refuse_nomem(x);
    if (rc != LLMP_OK)
        return rc;
    return llmp_x_book_intent(x) ? LLMP_OK : LLMP_E_STATE;
}
