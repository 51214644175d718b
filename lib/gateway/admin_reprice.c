/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of the ledger get the cost that today's table of prices gives them. One
 * request is one page: so many rows are read, and what changes of them is one
 * commit, together with the event of the run. Whoever asks goes on with `run`
 * and `next`, so that no request lasts long and no job keeps the store from
 * booking.
 *
 * What a row has no price for stays as it is: what was known does not become
 * unknown, and what is unknown does not become nothing. Budgets follow in the
 * windows that are current, by counters of the same commit.
 */
#include <llmproxy/usage.h>
#include <sodium.h>

#include "base/internal.h"
#include "gateway/admin.h"
#include "gateway/counter.h"
#include "gateway/exchange.h"
#include "gateway/moment.h"
#include "gateway/pricing.h"

enum {
    PAGE_ROWS = 1000, /* of LLMP_STORE_MONEY_MAX each: sums have room */
    TRIES = 3,
    RUN_MAX = 40,
    /* What one row may add to a batch: itself, and its counters. */
    ROW_OPS_MAX = 1 + LLMP_X_SCOPES * LLMP_LIMIT_RULES_MAX,
    EVENT_BYTES = 16,
};

/* Rows of one model and currency, as they were and as they are now. */
struct total {
    struct total *next;
    struct llmp_str model;
    char currency[4];
    int64_t rows, changed, before, after, unknown_before, unknown_after;
};

/* A counter that moves, and the limit that is counted there. */
struct move {
    struct move *next;
    struct llmp_counter_add add;
    struct llmp_limit_scope *scope; /* a reference */
    struct llmp_limit_rule rule;
    const struct llmp_store_op *op;
};

struct reprice {
    struct llmp_admin *a;
    struct llmp_ledger_query query;
    bool only_unknown, dry_run, full, no_memory;
    struct llmp_str run;
    uint64_t seen, last; /* rows; where the page ends */
    int64_t changed, unpriced;
    struct total *totals, **totals_end;
    struct move *moves;
    struct llmp_store_op *ops; /* the event's, then the others */
    size_t op_count;
};

/* ---- one row ------------------------------------------------------------- */

static struct total *total_of(struct reprice *r,
                              const struct llmp_ledger_row *row)
{
    struct total *total = r->totals;
    bool ok = true;

    while (total && (!llmp_str_eq(total->model, row->model) ||
                     strcmp(total->currency, row->currency) != 0))
        total = total->next;
    if (total)
        return total;
    total = llmp_arena_take(&r->a->arena, sizeof(*total));
    if (!total)
        return NULL;
    *total = (struct total){
        .model = llmp_arena_str(&r->a->arena, row->model, &ok),
    };
    memcpy(total->currency, row->currency, sizeof(total->currency));
    *r->totals_end = total;
    r->totals_end = &total->next;
    return ok ? total : NULL;
}

/* What it costs by the prices of its time, in the currency that it has. */
static bool price_row(struct reprice *r, const struct llmp_ledger_row *row,
                      struct llmp_ledger_price *out)
{
    const struct llmp_access *access = r->a->access;
    const struct llmp_deployment_name deployment =
        llmp_deployment_of(access->config, row->deployment);
    const struct llmp_price *price =
        llmp_deployment_price(access->prices, &deployment, row->wall_ns);
    struct llmp_str currency = row->currency[0]
                                   ? llmp_str_of(row->currency)
                                   : access->config->prices.currency;
    struct llmp_price_info info = { .size = sizeof(info) };
    struct llmp_usage usage;
    uint64_t nanos;

    llmp_usage_init(&usage);
    usage.input_tokens = (uint64_t)row->input;
    usage.cached_tokens = (uint64_t)row->cached;
    usage.output_tokens = (uint64_t)row->output;
    usage.reasoning_tokens = (uint64_t)row->reasoning;
    if (!price || currency.len >= sizeof(out->currency) ||
        !llmp_operation_has_usage(row->operation) ||
        !llmp_deployment_cost(access->config, price, &usage, currency, &nanos))
        return false;
    llmp_price_describe(price, &info);
    out->cost_known = true;
    out->cost_nano = nanos < (uint64_t)LLMP_STORE_MONEY_MAX
                         ? (int64_t)nanos
                         : LLMP_STORE_MONEY_MAX;
    out->price_version = info.table_version;
    (void)llmp_put_str(out->currency, currency);
    return true;
}

/* What budgets were told of it: see stage_book.c. */
static int64_t counted(const struct llmp_ledger_row *row)
{
    if (row->cost_known)
        return row->cost_nano;
    return row->requests ? row->reserved_cost_nano : 0;
}

static struct llmp_store_op *add_op(struct reprice *r,
                                    enum llmp_store_op_kind kind)
{
    struct llmp_store_op *op = &r->ops[r->op_count++];

    assert(r->op_count <= LLMP_STORE_BATCH_MAX);
    *op = (struct llmp_store_op){ .kind = kind };
    return op;
}

/* ---- budgets ------------------------------------------------------------- */

static bool move_counter(struct reprice *r, struct llmp_limit_scope *scope,
                         const struct llmp_limit_state *state, int64_t amount)
{
    char name[LLMP_STORE_NAME_MAX + 1];
    struct llmp_str text = { name,
                             llmp_counter_name(name, scope, &state->rule) };
    struct move *move = r->moves;
    struct llmp_store_op *op;
    bool ok = true;

    while (move && !llmp_str_eq(move->add.name, text))
        move = move->next;
    if (move) {
        move->add.amount += amount;
        return true;
    }
    move = llmp_arena_take(&r->a->arena, sizeof(*move));
    if (!move)
        return false;
    op = add_op(r, LLMP_STORE_ADD);
    op->of.add = &move->add;
    *move = (struct move){
        .next = r->moves,
        .add = { llmp_arena_str(&r->a->arena, text, &ok), state->window_start_s,
                 amount },
        .scope = llmp_limit_scope_ref(scope),
        .rule = state->rule,
        .op = op,
    };
    r->moves = move;
    return ok;
}

/* In the windows that are current and in which the row lies. */
static bool move_scope(struct reprice *r, enum llmp_limit_kind kind,
                       struct llmp_str id, uint64_t wall_ns, int64_t amount)
{
    struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX];
    struct llmp_limit_scope *scope;
    size_t count;
    bool ok = true;

    if (!id.len ||
        llmp_limiter_find(&scope, r->a->access->limiter, kind, id) != LLMP_OK)
        return true;
    count = llmp_limit_look(scope, r->a->now, states);
    for (size_t i = 0; i < count; i++)
        if (states[i].rule.unit == LLMP_LIMIT_MONEY &&
            llmp_counter_is_kept(&states[i].rule) &&
            wall_ns / LLMP_NS_PER_S >= states[i].window_start_s)
            ok = move_counter(r, scope, &states[i], amount) && ok;
    llmp_limit_scope_unref(scope);
    return ok;
}

static bool move_budgets(struct reprice *r, const struct llmp_ledger_row *row,
                         int64_t amount)
{
    const struct llmp_model *model =
        llmp_config_model(r->a->access->config, row->model);
    const char *mark =
        row->user.len ? memchr(row->user.ptr, LLMP_END_USER_MARK, row->user.len)
                      : NULL;
    const struct llmp_str base = { row->user.ptr,
                                   mark ? (size_t)(mark - row->user.ptr)
                                        : row->user.len };
    const struct llmp_str ids[LLMP_LIMIT_KINDS] = {
        [LLMP_LIMIT_KEY] = row->key,
        [LLMP_LIMIT_USER] = row->user,
        [LLMP_LIMIT_TEAM] = row->team,
        [LLMP_LIMIT_ORG] = row->org,
        [LLMP_LIMIT_MODEL] = model ? model->name : row->model,
        [LLMP_LIMIT_DEPLOYMENT] = row->deployment,
    };
    bool ok = true;

    for (unsigned kind = 0; amount && kind < LLMP_LIMIT_KINDS; kind++)
        ok = move_scope(r, (enum llmp_limit_kind)kind, ids[kind], row->wall_ns,
                        amount) &&
             ok;
    if (amount &&
        base.len < row->user.len) /* an end user's: also who is above */
        ok = move_scope(r, LLMP_LIMIT_USER, base, row->wall_ns, amount) && ok;
    return ok;
}

/* Of a limit that processes share, what they hold of it belongs to it. */
static int64_t used_now(struct reprice *r, const struct move *move)
{
    struct llmp_counter counter;

    if (!move->rule.leased)
        return move->op->result;
    return llmp_store_counter(r->a->store, move->add.name, move->add.window,
                              r->a->now.wall_ns, &counter, NULL) == LLMP_OK
               ? counter.used + counter.leased
               : 0;
}

/* Here at once; in another process that has a budget to itself with its next
 * start, in one that shares it when it asks for more. */
static void bring_into_force(struct reprice *r)
{
    for (const struct move *move = r->moves; move; move = move->next) {
        int64_t used = used_now(r, move);

        llmp_limit_correct(move->scope, move->rule.unit, move->rule.window,
                           move->add.window, move->add.amount, r->a->now);
        if (used > 0)
            llmp_limit_restore(move->scope, move->rule.unit, move->rule.window,
                               move->add.window, (uint64_t)used, r->a->now);
    }
}

/* A row may be older than a limit, whose counter it never fed: what is taken
 * away from that would be more than was ever put there. */
static int bound_moves(struct reprice *r)
{
    for (struct move *move = r->moves; move; move = move->next) {
        struct llmp_counter counter = { 0 };

        if (move->add.amount >= 0)
            continue;
        LLMP_TRY(llmp_store_counter(r->a->store, move->add.name,
                                    move->add.window, r->a->now.wall_ns,
                                    &counter, r->a->err));
        if (counter.used < 0)
            counter.used = 0;
        if (move->add.amount < -counter.used)
            move->add.amount = -counter.used;
    }
    return LLMP_OK;
}

static void drop_moves(struct reprice *r)
{
    for (struct move *move = r->moves; move; move = move->next)
        llmp_limit_scope_unref(move->scope);
    r->moves = NULL;
}

/* ---- a page -------------------------------------------------------------- */

static bool change(struct reprice *r, const struct llmp_ledger_row *row,
                   const struct llmp_ledger_price *price)
{
    struct llmp_ledger_price *copy =
        llmp_arena_take(&r->a->arena, sizeof(*copy));
    bool ok = true;

    if (!copy)
        return false;
    *copy = *price;
    copy->id = llmp_arena_str(&r->a->arena, row->id, &ok);
    copy->was_known = row->cost_known;
    copy->was_nano = row->cost_known ? row->cost_nano : 0;
    add_op(r, LLMP_STORE_REPRICE)->of.price = copy;
    r->changed++;
    return move_budgets(r, row, price->cost_nano - counted(row)) && ok;
}

static bool is_same(const struct llmp_ledger_row *row,
                    const struct llmp_ledger_price *price)
{
    return row->cost_known && row->cost_nano == price->cost_nano;
}

/* What nobody counted cannot be priced; what nothing was sent for costs
 * nothing, whatever the prices. */
static bool is_priced(const struct reprice *r,
                      const struct llmp_ledger_row *row)
{
    return (row->basis == LLMP_USAGE_REPORTED ||
            row->basis == LLMP_USAGE_ESTIMATED) &&
           !(r->only_unknown && row->cost_known);
}

static int see(const struct llmp_ledger_row *row, uint64_t seq, void *ctx)
{
    struct reprice *r = ctx;
    struct llmp_ledger_price price = { .cost_known = row->cost_known,
                                       .cost_nano = row->cost_nano };
    struct total *total;

    r->full = r->seen == PAGE_ROWS ||
              r->op_count + ROW_OPS_MAX > LLMP_STORE_BATCH_MAX;
    if (r->full)
        return LLMP_OK;
    total = total_of(r, row);
    if (!total)
        return LLMP_E_NOMEM;
    total->rows++;
    total->unknown_before += !row->cost_known;
    total->before += row->cost_known ? row->cost_nano : 0;
    if (is_priced(r, row)) {
        bool priced = price_row(r, row, &price);

        r->unpriced += !priced;
        if (priced && !is_same(row, &price)) {
            total->changed++;
            if (!change(r, row, &price))
                return LLMP_E_NOMEM;
        }
    }
    total->unknown_after += !price.cost_known;
    total->after += price.cost_known ? price.cost_nano : 0;
    r->last = seq;
    r->seen++;
    return LLMP_OK;
}

static int read_page(struct reprice *r)
{
    r->full = false;
    r->seen = 0;
    r->changed = r->unpriced = 0;
    r->totals = NULL;
    r->totals_end = &r->totals;
    r->op_count = 1;
    r->last = r->query.after_seq;
    r->query.rows_max = PAGE_ROWS + 1;
    return llmp_store_ledger_rows(r->a->store, &r->query, see, r, r->a->err);
}

/* ---- the event ----------------------------------------------------------- */

static void add_amount(struct llmp_buf *out, const char *name, int64_t nano)
{
    char text[LLMP_NANOS_TEXT_MAX];

    (void)llmp_nanos_write((uint64_t)(nano < 0 ? -nano : nano), text);
    (void)llmp_buf_printf(out, ",\"%s\":\"%s%s\"", name, nano < 0 ? "-" : "",
                          text);
}

static void add_totals(struct llmp_buf *out, const struct reprice *r)
{
    (void)llmp_buf_add(out, LLMP_STR(",\"models\":["));
    for (const struct total *t = r->totals; t; t = t->next) {
        (void)llmp_buf_add(out, t == r->totals ? LLMP_STR("{\"model\":")
                                               : LLMP_STR(",{\"model\":"));
        (void)llmp_buf_json(out, t->model);
        (void)llmp_buf_printf(
            out,
            ",\"currency\":\"%s\",\"rows\":%lld,\"changed\":%lld,"
            "\"rows_unknown_before\":%lld,\"rows_unknown_after\":%lld",
            t->currency, (long long)t->rows, (long long)t->changed,
            (long long)t->unknown_before, (long long)t->unknown_after);
        add_amount(out, "before", t->before);
        add_amount(out, "after", t->after);
        (void)llmp_buf_add(out, LLMP_STR("}"));
    }
    (void)llmp_buf_add(out, LLMP_STR("]"));
}

static void add_next(struct llmp_buf *out, const struct reprice *r)
{
    if (r->full)
        (void)llmp_buf_printf(out, ",\"next\":\"%llu\"",
                              (unsigned long long)r->last);
    else
        (void)llmp_buf_add(out, LLMP_STR(",\"next\":null"));
}

/* What was asked for, without what differs from page to page. */
static void describe(struct llmp_buf *out, const struct reprice *r)
{
    char from[LLMP_MOMENT_SIZE], to[LLMP_MOMENT_SIZE];

    (void)llmp_moment_write(from, r->query.from_wall_ns);
    (void)llmp_moment_write(to, r->query.to_wall_ns);
    (void)llmp_buf_add(out, LLMP_STR("{\"run\":"));
    (void)llmp_buf_json(out, r->run);
    (void)llmp_buf_printf(out, ",\"from\":\"%s\",\"to\":", from);
    if (r->query.to_wall_ns)
        (void)llmp_buf_printf(out, "\"%s\"", to);
    else
        (void)llmp_buf_add(out, LLMP_STR("null"));
    (void)llmp_buf_add(out, LLMP_STR(",\"model\":"));
    if (r->query.model.ptr)
        (void)llmp_buf_json(out, r->query.model);
    else
        (void)llmp_buf_add(out, LLMP_STR("null"));
    (void)llmp_buf_printf(out, ",\"only_unknown\":%s,\"prices\":",
                          r->only_unknown ? "true" : "false");
    (void)llmp_buf_json(out, llmp_prices_version(r->a->access->prices));
}

/*
 * An event given twice is stored once: the pages of a run share its id. As that
 * follows from who asks for what, by which table, no page can pass under the
 * event of another run.
 */
static bool name_event(const struct reprice *r, const struct llmp_buf *what,
                       char id[4 + 2 * EVENT_BYTES])
{
    uint8_t hash[EVENT_BYTES];
    crypto_generichash_state state;
    struct llmp_str actor = r->a->actor, text = llmp_buf_str(what);

    if (crypto_generichash_init(&state, NULL, 0, sizeof(hash)) != 0)
        return false;
    (void)crypto_generichash_update(&state, (const uint8_t *)actor.ptr,
                                    actor.len);
    (void)crypto_generichash_update(&state, (const uint8_t *)"", 1);
    (void)crypto_generichash_update(&state, (const uint8_t *)text.ptr,
                                    text.len);
    (void)crypto_generichash_final(&state, hash, sizeof(hash));
    memcpy(id, "rpr_", 4);
    (void)llmp_put_hex(id + 4, hash, sizeof(hash));
    return true;
}

/* The event has the sums of the page that it is committed with. */
static int commit_page(struct reprice *r)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf what = { 0 };
    char id[4 + 2 * EVENT_BYTES];
    struct llmp_store_event event = {
        .id = { id, sizeof(id) },
        .wall_ns = r->a->now.wall_ns,
        .actor = r->a->actor,
        .action = llmp_str_of(llmp_action_name(LLMP_ACTION_PRICE_UPDATE)),
        .object_kind = LLMP_STR("ledger"),
        .object_id = r->run,
    };

    describe(&what, r);
    if (what.failed || !name_event(r, &what, id))
        return LLMP_E_NOMEM;
    (void)llmp_buf_printf(&what, ",\"rows\":%llu,\"changed\":%lld",
                          (unsigned long long)r->seen, (long long)r->changed);
    add_totals(&what, r);
    add_next(&what, r);
    (void)llmp_buf_add(&what, LLMP_STR("}"));
    if (what.failed)
        return LLMP_E_NOMEM;
    event.after = llmp_buf_str(&what);
    r->ops[0] =
        (struct llmp_store_op){ .kind = LLMP_STORE_EVENT, .of.event = &event };
    LLMP_TRY(bound_moves(r));
    return llmp_store_commit(r->a->store, r->ops, r->op_count, r->a->err);
}

/* ---- the request --------------------------------------------------------- */

static int read_flag(struct llmp_admin *a, const char *name, bool *out)
{
    struct llmp_str text;

    LLMP_TRY(llmp_admin_parameter(a, name, &text));
    *out = llmp_str_eq(text, LLMP_STR("true"));
    if (!text.ptr || *out || llmp_str_eq(text, LLMP_STR("false")))
        return LLMP_OK;
    return llmp_problem_set(&a->problem, 400, "invalid_parameter", name,
                            "%s is true or false", name);
}

static int read_request(struct reprice *r)
{
    struct llmp_admin *a = r->a;
    struct llmp_str from;

    LLMP_TRY(llmp_admin_only_known(a));
    LLMP_TRY(llmp_admin_parameter(a, "from", &from));
    if (!from.len)
        return llmp_problem_set(&a->problem, 400, "invalid_parameter", "from",
                                "say from when on, with 'from'");
    LLMP_TRY(llmp_admin_span(a, &r->query.from_wall_ns, &r->query.to_wall_ns));
    LLMP_TRY(llmp_admin_parameter(a, "model", &r->query.model));
    LLMP_TRY(
        llmp_admin_number(a, "after_seq", 0, INT64_MAX, &r->query.after_seq));
    LLMP_TRY(read_flag(a, "only_unknown", &r->only_unknown));
    LLMP_TRY(read_flag(a, "dry_run", &r->dry_run));
    LLMP_TRY(llmp_admin_parameter(a, "run", &r->run));
    if (r->run.len > RUN_MAX)
        return llmp_problem_set(&a->problem, 400, "invalid_parameter", "run",
                                "this is no run");
    return r->run.len ? LLMP_OK : llmp_admin_make_id(a, "run_", &r->run);
}

static int answer(struct reprice *r)
{
    struct llmp_buf *out = &r->a->out;

    r->a->status = 200;
    out->len = 0;
    describe(out, r);
    (void)llmp_buf_printf(
        out, ",\"dry_run\":%s,\"rows\":%llu,\"changed\":%lld,\"unpriced\":%lld",
        r->dry_run ? "true" : "false", (unsigned long long)r->seen,
        (long long)r->changed, (long long)r->unpriced);
    add_totals(out, r);
    add_next(out, r);
    (void)llmp_buf_add(out, LLMP_STR("}"));
    return out->failed ? LLMP_E_NOMEM : LLMP_OK;
}

/* Somebody else may price the same rows at the same time. The answer is there
 * before the commit: nobody hears of a failure when it is done. */
static int run_page(struct reprice *r)
{
    int rc = LLMP_CONFLICT;

    for (int i = 0; rc == LLMP_CONFLICT && i < TRIES; i++) {
        drop_moves(r);
        LLMP_TRY(read_page(r));
        LLMP_TRY(answer(r));
        rc = r->dry_run || !r->changed ? LLMP_OK : commit_page(r);
    }
    if (rc == LLMP_CONFLICT)
        return llmp_admin_conflict(r->a, "conflict",
                                   "somebody else changes the same rows");
    if (rc == LLMP_OK && !r->dry_run)
        bring_into_force(r);
    return rc;
}

int llmp_admin_reprice(struct llmp_admin *a)
{
    struct reprice r = { .a = a };
    int rc;

    LLMP_TRY(llmp_admin_may(a, LLMP_ACTION_PRICE_UPDATE, NULL));
    llmp_ledger_query_init(&r.query);
    LLMP_TRY(read_request(&r));
    r.ops = llmp_arena_take(&a->arena, LLMP_STORE_BATCH_MAX * sizeof(*r.ops));
    if (!r.ops)
        return LLMP_E_NOMEM;
    rc = run_page(&r);
    drop_moves(&r);
    return rc;
}
