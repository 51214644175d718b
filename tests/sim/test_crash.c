/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: whenever the process is killed, each call of a provider is booked once:
 * as it ended if it had ended, else as unknown with what was set aside, never
 * as nothing and never twice; and without a crash the ledger is what the
 * providers served.
 * Method: a crowd of exchanges on a journal in plain memory and a store in
 * memory; all of the process is dropped at a moment that the seed chooses,
 * while the store's thread has got as far as it has; a second process over the
 * same memory and store recovers, and a third finds nothing to do.
 */
#include "ledger_cases.h"
#include "limits_cases.h"

enum { CROWD = 20 };

#define PATH   "/v1/chat/completions"
#define STREAM .status = 200, .type = "text/event-stream"

static const struct sim_step whole[] = {
    { 20, SIM_HEAD, .status = 200 },
    { 5, SIM_BODY,
      .bytes = LLMP_STR("{\"id\":\"x\",\"choices\":[],\"usage\":{"
                        "\"prompt_tokens\":11,\"completion_tokens\":7,"
                        "\"total_tokens\":18}}") },
    { 1, SIM_END },
};
static const struct sim_step streams[] = {
    { 10, SIM_HEAD, STREAM },
    { 2, SIM_BODY, .bytes = LLMP_STR(EVENT("a")), .repeat = 30 },
    { 1, SIM_BODY, .bytes = LLMP_STR(FINISH USAGE DONE) },
    { 0, SIM_END },
};
static const struct sim_step breaks[] = {
    { 15, SIM_FAIL, .failure = LLMP_CALL_RECEIVE, .sent = true },
};
static const struct sim_step unreachable[] = {
    { 5, SIM_FAIL, .failure = LLMP_CALL_CONNECT },
};
static const struct sim_step hangs[] = { { 0, SIM_HANG } };

#define PROVIDER(steps, stream)          \
    {                                    \
        steps, LLMP_COUNT(steps), stream \
    }

static const struct {
    const struct sim_step *steps;
    size_t count;
    bool stream;
} providers[] = {
    PROVIDER(whole, false),  PROVIDER(streams, true),
    PROVIDER(breaks, false), PROVIDER(unreachable, false),
    PROVIDER(hangs, true),
};

static struct {
    char bearer[CROWD][160];
    char yaml[8192];
} callers;

static void fill(void *bytes, size_t size, void *ctx)
{
    for (size_t i = 0; i < size; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)draw(ctx);
}

/* A key each, so that rows tell whose they are. */
static int make_callers(void **state)
{
    uint64_t dice = 1;
    struct llmp_random random = { fill, &dice };
    size_t at = (size_t)snprintf(
        callers.yaml, sizeof(callers.yaml), "%s",
        "providers:\n"
        "  - { name: sim, base_url: 'http://127.0.0.1:9/v1', vendor: openai,\n"
        "      timeouts: { first_byte: 300ms, idle: 200ms } }\n"
        "models: [{ name: gpt-4o, provider: sim }]\n"
        "keys:\n");

    (void)state;
    for (size_t i = 0; i < CROWD; i++) {
        char key[LLMP_API_KEY_SIZE];

        llmp_api_key_make(key, &random);
        (void)snprintf(callers.bearer[i], sizeof(callers.bearer[i]),
                       "Bearer %s", key);
        at += (size_t)snprintf(callers.yaml + at, sizeof(callers.yaml) - at,
                               "  - { name: k%zu, key: %s }\n", i, key);
    }
    return 0;
}

/* ---- what must hold ----------------------------------------------------- */

struct booked {
    unsigned rows;
    enum llmp_usage_basis basis;
    int64_t input, output, reserved;
};

static int see(const struct llmp_ledger_row *row, uint64_t seq, void *ctx)
{
    struct booked *booked = ctx;
    const struct llmp_str number = { row->key.ptr + 1, row->key.len - 1 };
    uint64_t caller;

    (void)seq;
    assert_true(llmp_str_starts(row->key, LLMP_STR("k")));
    assert_true(llmp_str_to_u64(number, &caller) && caller < CROWD);
    booked[caller].rows++;
    booked[caller].basis = row->basis;
    booked[caller].input = row->input;
    booked[caller].output = row->output;
    booked[caller].reserved = row->reserved_output;
    return 0;
}

static void read_ledger(struct process *p, struct booked booked[CROWD])
{
    struct llmp_ledger_query query;

    memset(booked, 0, CROWD * sizeof(*booked));
    llmp_ledger_query_init(&query);
    assert_int_equal(llmp_store_ledger_rows(p->kept, &query, see, booked, NULL),
                     LLMP_OK);
}

static void check(const struct booked *b, const struct sim_result *r)
{
    const struct llmp_summary *s = &r->summary;

    assert_int_equal(b->rows, r->calls);
    if (!r->calls)
        return;
    if (!s->size) { /* it was under way */
        assert_int_equal(b->basis, LLMP_USAGE_UNKNOWN);
        assert_true(b->reserved > 0);
        return;
    }
    assert_int_equal(b->basis, s->usage_basis);
    if (s->usage_basis == LLMP_USAGE_REPORTED ||
        s->usage_basis == LLMP_USAGE_ESTIMATED) {
        assert_int_equal(b->input, s->input_tokens);
        assert_int_equal(b->output, s->output_tokens);
    }
}

static void choose(struct sim_script *out, size_t i, uint64_t *dice)
{
    size_t at = draw(dice) % LLMP_COUNT(providers);

    *out = (struct sim_script){
        .name = "killed",
        .path = PATH,
        .body = providers[at].stream ? JSON_CHAT(",\"stream\":true")
                                     : JSON_CHAT(""),
        .field = "authorization",
        .value = callers.bearer[i],
        .provider = providers[at].steps,
        .steps = providers[at].count,
        .start_ms = draw(dice) % 120,
        .client_gone_ms = draw(dice) % 5 ? 0 : draw(dice) % 60 + 1,
    };
}

/* Another process finds what is left; one more finds nothing. */
static void recover(struct process *p, const struct sim_result *results)
{
    struct booked booked[CROWD], again[CROWD];
    uint64_t outcomes, intents;

    stop(p);
    start(p);
    assert_true(llmp_ledger_recover(p->ledger, &outcomes, &intents) >= 0);
    pump_all(p);
    read_ledger(p, booked);
    for (size_t i = 0; i < CROWD; i++)
        check(&booked[i], &results[i]);
    stop(p);
    start(p);
    assert_int_equal(llmp_ledger_recover(p->ledger, &outcomes, &intents),
                     LLMP_OK);
    assert_int_equal(outcomes + intents, 0);
    pump_all(p);
    read_ledger(p, again);
    assert_memory_equal(booked, again, sizeof(booked));
}

static void run_one(uint64_t seed, uint64_t killed_ms)
{
    static struct sim_script scripts[CROWD];
    static struct sim_result results[CROWD];
    struct process p = { .dice = seed };

    begin_process(&p);
    sim = sim_new(callers.yaml);
    llmp_gateway_set_ledger(sim_gateway(sim), p.ledger);
    for (size_t i = 0; i < CROWD; i++)
        choose(&scripts[i], i, &p.dice);
    sim_run_until_killed(sim, scripts, CROWD, seed, results, killed_ms,
                         now_and_then, &p);
    llmp_gateway_set_ledger(sim_gateway(sim), NULL);
    recover(&p, results);
    end_process(&p);
    for (size_t i = 0; i < CROWD; i++)
        sim_result_fini(&results[i]);
    sim_free(sim);
}

static void killed_at_any_time_each_call_is_booked_once(void **state)
{
    (void)state;
    FOR_EACH_SEED(seed)
    {
        uint64_t dice = seed;

        run_one(seed, draw(&dice) % 500 + 1);
    }
}

static void unharmed_the_ledger_is_what_was_served(void **state)
{
    (void)state;
    FOR_EACH_SEED(seed)
    {
        run_one(seed, 1000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_TEST(killed_at_any_time_each_call_is_booked_once),
        SIM_TEST(unharmed_the_ledger_is_what_was_served),
    };

    (void)set_up;
    (void)tear_down;
    (void)expect_text;
    return cmocka_run_group_tests(tests, make_callers, NULL);
}
