/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What was used: a stream that outgrows what was set aside is charged as it
 * goes; an attempt that another follows, and the exchange at its end, are
 * settled, each once, however they ended.
 */
#include "base/internal.h"
#include "gateway/exchange.h"

enum { CHARGE_EVERY = 64 };

static void used_now(const struct llmp_exchange *x, uint64_t input,
                     uint64_t output, uint64_t used[LLMP_LIMIT_UNITS])
{
    const struct llmp_summary *s = &x->summary;

    used[LLMP_LIMIT_REQUESTS] = 1;
    used[LLMP_LIMIT_INPUT_TOKENS] = input;
    used[LLMP_LIMIT_OUTPUT_TOKENS] = output;
    used[LLMP_LIMIT_TOKENS] = llmp_add_sat(input, output);
    used[LLMP_LIMIT_CONCURRENCY] = 0;
    if (!llmp_x_cost_of(x, input, s->cached_tokens, output, s->reasoning_tokens,
                        &used[LLMP_LIMIT_MONEY]))
        used[LLMP_LIMIT_MONEY] = UINT64_MAX; /* keep what is held */
}

/* An event is about a token. */
void llmp_x_charge(struct llmp_exchange *x)
{
    struct llmp_limit_news news = { .crossing_count = 0 };
    uint64_t used[LLMP_LIMIT_UNITS];
    uint64_t events = x->summary.events;

    if (!llmp_x_is_limited(x) || events % CHARGE_EVERY ||
        events <= x->summary.reserved_output_tokens)
        return;
    used_now(x, x->summary.reserved_input_tokens, events, used);
    llmp_limit_charge(&x->reserved, used, x->now, &news);
    llmp_limit_charge(&x->attempt->reserved, used, x->now, &news);
    llmp_x_note_news(x, &news);
}

static void book_cost(struct llmp_exchange *x)
{
    struct llmp_summary *s = &x->summary;

    if (s->usage_basis == LLMP_USAGE_REPORTED ||
        s->usage_basis == LLMP_USAGE_ESTIMATED)
        s->cost_known = llmp_x_cost_of(x, s->input_tokens, s->cached_tokens,
                                       s->output_tokens, s->reasoning_tokens,
                                       &s->cost_nano);
    else if (s->usage_basis == LLMP_USAGE_NONE)
        s->cost_known = !x->attempt->call_reached || x->operation->usage;
    if (!s->cost_known)
        s->cost_nano = 0;
}

/* What was used, by the attempt that runs: all that is held when nobody knows.
 */
static void used_by_attempt(const struct llmp_exchange *x,
                            uint64_t used[LLMP_LIMIT_UNITS])
{
    const struct llmp_summary *s = &x->summary;

    memset(used, 0, LLMP_LIMIT_UNITS * sizeof(*used));
    if (s->usage_basis == LLMP_USAGE_UNKNOWN) {
        for (size_t i = 0; i < LLMP_LIMIT_UNITS; i++)
            used[i] = UINT64_MAX;
    } else if (s->usage_basis == LLMP_USAGE_REPORTED ||
               s->usage_basis == LLMP_USAGE_ESTIMATED) {
        used_now(x, s->input_tokens, s->output_tokens, used);
    } else {
        used[LLMP_LIMIT_REQUESTS] =
            x->attempt->call_reached; /* else all of it back */
    }
}

/* What earlier attempts may have cost is used, too. What is held was meant for
 * the first of them, which may have had another price. */
static void add_spent(const struct llmp_exchange *x,
                      uint64_t used[LLMP_LIMIT_UNITS])
{
    const struct llmp_limit_amounts held = llmp_x_amounts_of(x);

    if (!x->route.counted)
        return;
    for (size_t i = 0; i < LLMP_LIMIT_UNITS; i++)
        used[i] = llmp_add_sat(used[i] == UINT64_MAX ? held.of[i] : used[i],
                               x->route.spent[i]);
    used[LLMP_LIMIT_REQUESTS] = 1;
    used[LLMP_LIMIT_CONCURRENCY] = 0;
}

void llmp_x_close_attempt(struct llmp_exchange *x, enum llmp_ending ending)
{
    struct llmp_summary *s = &x->summary;
    const struct llmp_limit_amounts held = llmp_x_amounts_of(x);
    uint64_t used[LLMP_LIMIT_UNITS] = { 0 };

    /* What was sent and never answered may have been done. */
    bool unknown = x->attempt->call_reached && !llmp_x_was_refused(x) &&
                   x->operation->usage;

    s->usage_basis = unknown ? LLMP_USAGE_UNKNOWN : LLMP_USAGE_NONE;
    s->ending = ending;
    s->input_tokens = s->output_tokens = 0; /* what it began to say */
    s->cached_tokens = s->reasoning_tokens = 0;
    book_cost(x);
    used_by_attempt(x, used);
    llmp_limit_settle(&x->attempt->reserved, used, x->now, NULL);
    llmp_x_book_outcome(x);
    x->route.counted |= x->attempt->call_reached;
    if (unknown) {
        x->route.failed_before = true;
        for (size_t i = 0; i < LLMP_LIMIT_UNITS; i++)
            x->route.spent[i] = llmp_add_sat(x->route.spent[i], held.of[i]);
    }
    s->usage_basis = LLMP_USAGE_NONE;
    s->cost_known = false;
    s->cost_nano = 0;
    x->attempt->call_reached = x->attempt->request_sent = x->attempt->called =
        false;
}

void llmp_x_settle(struct llmp_exchange *x)
{
    struct llmp_summary *s = &x->summary;
    struct llmp_limit_news news = { .crossing_count = 0 };
    uint64_t used[LLMP_LIMIT_UNITS];

    if (!x->operation || !x->model || !x->attempt->deployment)
        return;
    book_cost(x);
    if (s->usage_basis == LLMP_USAGE_REPORTED && x->output_guess_pair)
        llmp_limit_learn(llmp_worker_limiter(x->worker), x->output_guess_pair,
                         s->output_tokens);
    if (!llmp_x_is_limited(x))
        return;
    used_by_attempt(x, used);
    llmp_limit_settle(&x->attempt->reserved, used, x->now, &news);
    add_spent(x, used);
    llmp_limit_settle(&x->reserved, used, x->now, &news);
    llmp_x_note_news(x, &news);
}
