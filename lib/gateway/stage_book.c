/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the ledger is told: before a call, what it may cost at most, booked as
 * unknown should nothing more be heard; at the end, what it was. The row's id
 * is ours: a client that says the same request id twice pays twice.
 */
#include <stdio.h>

#include "base/internal.h"
#include "gateway/counter.h"
#include "gateway/exchange.h"

enum { BYTES_PER_TOKEN = 4 };

enum { ID_SIZE = 33 };

static void make_id(struct llmp_exchange *x, char id[ID_SIZE])
{
    uint8_t random[(ID_SIZE - 1) / 2];

    llmp_worker_random(x->worker, random, sizeof(random));
    *llmp_put_hex(id, random, sizeof(random)) = '\0';
}

/* The store's text has no NUL and an end. */
static struct llmp_str fit(struct llmp_str text)
{
    return (struct llmp_str){ text.ptr, text.len < LLMP_STORE_NAME_MAX
                                            ? text.len
                                            : LLMP_STORE_NAME_MAX };
}

static int64_t count_of(uint64_t n)
{
    return n < (uint64_t)LLMP_STORE_COUNT_MAX ? (int64_t)n
                                              : LLMP_STORE_COUNT_MAX;
}

static int64_t money_of(uint64_t n)
{
    return n < (uint64_t)LLMP_STORE_MONEY_MAX ? (int64_t)n
                                              : LLMP_STORE_MONEY_MAX;
}

/* ---- counters ------------------------------------------------------------ */

static bool add_counter(struct llmp_exchange *x,
                        const struct llmp_limit_scope *scope,
                        const struct llmp_limit_state *state)
{
    char name[LLMP_STORE_NAME_MAX + 1];
    size_t at = x->attempt->booked.counter_count;
    bool ok = true;

    /* What is leased is counted as it is returned. */
    if (!llmp_counter_is_kept(&state->rule) || state->rule.leased ||
        at == LLMP_STORE_COUNTERS_MAX)
        return true;
    if (at == 0) {
        x->attempt->booked.counters = llmp_arena_take(
            &x->arena,
            LLMP_STORE_COUNTERS_MAX * sizeof(*x->attempt->booked.counters));
        x->attempt->booked.units =
            llmp_arena_take(&x->arena, LLMP_STORE_COUNTERS_MAX);
        if (!x->attempt->booked.counters || !x->attempt->booked.units)
            return false;
    }

    size_t len = llmp_counter_name(name, scope, &state->rule);

    x->attempt->booked.counters[at] = (struct llmp_counter_add){
        .name = llmp_arena_str(&x->arena, (struct llmp_str){ name, len }, &ok),
        .window = state->window_start_s,
    };
    x->attempt->booked.units[at] = (uint8_t)state->rule.unit;
    x->attempt->booked.counter_count++;
    return ok;
}

/* Of the windows that were reserved from: what is settled after midnight goes
 * to the day before. */
static bool list_counters(struct llmp_exchange *x)
{
    struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX];

    for (size_t i = 0; i < LLMP_X_SCOPES; i++) {
        size_t count = x->scopes[i] ? llmp_limit_look_at(x->scopes[i],
                                                         LLMP_WINDOWS_CALENDAR,
                                                         x->now, states)
                                    : 0;

        for (size_t k = 0; k < count; k++)
            if (!add_counter(x, x->scopes[i], &states[k]))
                return false;
    }
    return true;
}

static void set_counters(struct llmp_exchange *x, int64_t requests,
                         uint64_t input, uint64_t output, uint64_t cost)
{
    for (size_t i = 0; i < x->attempt->booked.counter_count; i++) {
        int64_t *amount = &x->attempt->booked.counters[i].amount;

        switch ((enum llmp_limit_unit)x->attempt->booked.units[i]) {
        case LLMP_LIMIT_REQUESTS:
            *amount = requests;
            break;
        case LLMP_LIMIT_INPUT_TOKENS:
            *amount = count_of(input);
            break;
        case LLMP_LIMIT_OUTPUT_TOKENS:
            *amount = count_of(output);
            break;
        case LLMP_LIMIT_TOKENS:
            *amount = count_of(llmp_add_sat(input, output));
            break;
        case LLMP_LIMIT_MONEY:
            *amount = money_of(cost);
            break;
        case LLMP_LIMIT_CONCURRENCY:
            break;
        }
    }
}

/* ---- rows ---------------------------------------------------------------- */

/* @param id  for the deployment's; used until the row was handed over */
static void fill_row(struct llmp_exchange *x, struct llmp_ledger_row *row,
                     char id[LLMP_LIMIT_ID_MAX])
{
    const struct llmp_summary *s = &x->summary;
    struct llmp_price_info info = { .size = sizeof(info) };

    if (x->attempt->price)
        llmp_price_describe(x->attempt->price, &info);
    *row = (struct llmp_ledger_row){
        .size = sizeof(*row),
        .id = { x->attempt->booked.id, sizeof(x->attempt->booked.id) - 1 },
        .wall_ns = s->started_wall_ns,
        .key = fit(s->key),
        .user = fit(s->user),
        .team = fit(s->team),
        .org = fit(s->org),
        .model = fit(x->attempt->booked.model),
        .deployment = fit((struct llmp_str){
            id, llmp_deployment_id(id, x->attempt->booked.provider,
                                   x->attempt->booked.upstream) }),
        .operation = fit(s->operation),
        .status = LLMP_STR("begun"),
        .basis = LLMP_USAGE_UNKNOWN,
        .requests = 1,
        .price_version = fit(info.table_version),
        .reserved_input = count_of(s->reserved_input_tokens),
        .reserved_output = count_of(s->reserved_output_tokens),
        .reserved_cost_nano = money_of(s->reserved_cost_nano),
    };
    if (s->currency.len < sizeof(row->currency))
        (void)llmp_put_str(row->currency, s->currency);
}

static void refuse_unkept(struct llmp_exchange *x)
{
    llmp_x_refuse(x,
                  &(struct llmp_refusal){ .status = 503,
                                          .code = "ledger_full",
                                          .retry_after = "1",
                                          .ending = LLMP_END_REFUSED },
                  "Usage cannot be kept at the moment; ask again.");
}

bool llmp_x_book_intent(struct llmp_exchange *x)
{
    struct llmp_ledger *ledger = llmp_worker_ledger(x->worker);
    const struct llmp_summary *s = &x->summary;
    struct llmp_ledger_row row;
    char id[LLMP_LIMIT_ID_MAX];

    if (!ledger)
        return true;
    make_id(x, x->attempt->booked.id);
    x->attempt->booked.model = x->routed;
    x->attempt->booked.provider = s->provider;
    x->attempt->booked.upstream = s->upstream_model;
    x->attempt->booked.counter_count = 0; /* those of an attempt before */
    fill_row(x, &row, id);
    if (!list_counters(x)) {
        llmp_x_refuse_nomem(x);
        return false;
    }
    set_counters(x, !x->route.counted && !llmp_x_races(x),
                 s->reserved_input_tokens, s->reserved_output_tokens,
                 s->reserved_cost_nano);

    const struct llmp_ledger_entry entry = { &row, x->attempt->booked.counters,
                                             x->attempt->booked.counter_count };
    int rc = llmp_ledger_begin(ledger, &entry, &x->attempt->booked.at, NULL);

    if (rc == LLMP_OK) {
        x->attempt->booked.open = true;
        return true;
    }
    refuse_unkept(x);
    return false;
}

/* Nothing is booked as nothing when it may have been something: what nobody
 * knows counts as what was set aside. */
static void fill_outcome(struct llmp_exchange *x, struct llmp_ledger_row *row)
{
    const struct llmp_summary *s = &x->summary;
    bool unknown = s->usage_basis == LLMP_USAGE_UNKNOWN;
    /* One request of the client's, however many attempts. */
    int64_t requests = x->attempt->call_reached && !x->route.counted;
    const char *ending = llmp_ending_name(s->ending);

    row->status = llmp_str_of(ending);
    row->object = x->attempt->made;
    if (x->operation->object == LLMP_OBJECT_FILE_MADE) /* for a batch of it */
        row->reserved_input = count_of(x->body_seen / BYTES_PER_TOKEN);
    row->basis = s->usage_basis;
    row->requests = x->attempt->call_reached;
    row->cost_known = s->cost_known;
    row->cost_nano = s->cost_known ? money_of(s->cost_nano) : 0;
    if (unknown) {
        set_counters(x, requests, s->reserved_input_tokens,
                     s->reserved_output_tokens, s->reserved_cost_nano);
        return;
    }
    row->input = count_of(s->input_tokens);
    row->cached =
        count_of(s->cached_tokens < s->input_tokens ? s->cached_tokens
                                                    : s->input_tokens);
    row->output = count_of(s->output_tokens);
    row->reasoning =
        count_of(s->reasoning_tokens < s->output_tokens ? s->reasoning_tokens
                                                        : s->output_tokens);
    set_counters(x, requests, s->input_tokens, s->output_tokens,
                 s->cost_known
                     ? s->cost_nano
                     : (x->attempt->call_reached ? s->reserved_cost_nano : 0));
}

void llmp_x_book_outcome(struct llmp_exchange *x)
{
    struct llmp_ledger *ledger = llmp_worker_ledger(x->worker);
    struct llmp_ledger_row row;
    char id[LLMP_LIMIT_ID_MAX];

    if (!x->attempt->booked.open)
        return;
    x->attempt->booked.open = false;
    if (!x->attempt->called) { /* it never came to a call */
        llmp_ledger_cancel(ledger, x->attempt->booked.at);
        return;
    }
    fill_row(x, &row, id);
    fill_outcome(x, &row);

    const struct llmp_ledger_entry entry = { &row, x->attempt->booked.counters,
                                             x->attempt->booked.counter_count };

    /* What cannot be kept is counted there; the intent is booked then. */
    int kept = llmp_ledger_end(ledger, x->attempt->booked.at, &entry, NULL);

    (void)kept;
}

/* ---- what was made besides ----------------------------------------------- */

/* The same each time that the answer tells of it, so it is booked once. */
static void id_of_object(const struct llmp_exchange *x, struct llmp_str object,
                         char id[33])
{
    struct llmp_str provider = x->attempt->booked.provider;
    uint64_t high = llmp_str_hash(provider, 0);
    uint64_t low = llmp_str_hash(object, high);

    (void)snprintf(id, 33, "%016llx%016llx",
                   (unsigned long long)llmp_str_hash(object, ~low),
                   (unsigned long long)low);
}

void llmp_x_book_object(struct llmp_exchange *x, struct llmp_str object)
{
    struct llmp_ledger *ledger = llmp_worker_ledger(x->worker);
    char deployment[LLMP_LIMIT_ID_MAX], id[33];
    struct llmp_ledger_row row;
    llmp_journal_at at;

    if (!ledger || !x->attempt->booked.open)
        return;
    fill_row(x, &row, deployment);
    id_of_object(x, object, id);
    row.id = (struct llmp_str){ id, sizeof(id) - 1 };
    row.operation = LLMP_STR("files");
    row.status = LLMP_STR("made");
    row.basis = LLMP_USAGE_NONE;
    row.requests = 0;
    row.reserved_input = row.reserved_output = row.reserved_cost_nano = 0;
    row.cost_known = true;
    row.object = object;

    const struct llmp_ledger_entry made = { &row, NULL, 0 };

    if (llmp_ledger_begin(ledger, &made, &at, NULL) == LLMP_OK)
        (void)!llmp_ledger_end(ledger, at, &made, NULL);
}

void llmp_x_book_unguarded(struct llmp_exchange *x)
{
    struct llmp_store_writer *writer = x->worker->gateway->stored.writer;
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf after = { 0 };
    struct llmp_store_event event = {
        .id = { x->attempt->booked.id, sizeof(x->attempt->booked.id) - 1 },
        .wall_ns = x->now.wall_ns,
        .actor = fit(x->summary.key),
        .action = LLMP_STR("batch.unguarded"),
        .object_kind = LLMP_STR("batch"),
        .object_id = x->attempt->made,
    };

    if (!writer || !x->attempt->made.len)
        return;
    (void)llmp_buf_add(&after, LLMP_STR("{\"input_file\":"));
    (void)llmp_buf_json(&after, x->object.ids[0]);
    (void)llmp_buf_add(&after, LLMP_STR(",\"model\":"));
    (void)llmp_buf_json(&after, x->object.model);
    (void)llmp_buf_add(&after, LLMP_STR(",\"organisation\":"));
    (void)llmp_buf_json(&after, x->summary.org);
    (void)llmp_buf_printf(&after, ",\"estimated_tokens\":%llu}",
                          (unsigned long long)x->object.input_tokens);
    event.after = llmp_buf_str(&after);
    if (!after.failed)
        (void)!llmp_store_writer_event(writer, &event, NULL, NULL, NULL);
}

/* Such an exchange may have no row, nor the id of one. */
void llmp_x_book_anomaly(struct llmp_exchange *x, struct llmp_str principal,
                         struct llmp_str after)
{
    struct llmp_store_writer *writer = x->worker->gateway->stored.writer;
    char id[ID_SIZE];
    struct llmp_store_event event = {
        .id = { id, sizeof(id) - 1 },
        .wall_ns = x->now.wall_ns,
        .actor = fit(principal),
        .action = LLMP_STR("anomaly.seen"),
        .object_kind = LLMP_STR("principal"),
        .object_id = fit(principal),
        .after = after,
    };

    if (!writer)
        return;
    make_id(x, id);
    (void)!llmp_store_writer_event(writer, &event, NULL, NULL, NULL);
}
