/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what was reserved is settled, whatever happens: nothing runs any more
 * when all has ended, calendar cells hold exactly what the summaries say was
 * used, and a refusal has consumed nothing.
 * Method: crowds of random callers at once on two workers, with providers that
 * answer, stream, fail, cut and hang, and clients that leave, all by seed.
 */
#include "limits_cases.h"

enum { CROWD = 24 };

#define PATH "/v1/chat/completions"

static struct callers callers;

/* splitmix64, apart from the simulator's. */
static uint64_t draw(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- what providers do --------------------------------------------------- */

#define STREAM .status = 200, .type = "text/event-stream"
#define ANSWER                                                      \
    "{\"id\":\"x\",\"choices\":[],\"usage\":{\"prompt_tokens\":11," \
    "\"completion_tokens\":37,\"prompt_tokens_details\":"           \
    "{\"cached_tokens\":4}}}"

static const struct sim_step whole[] = {
    { 20, SIM_HEAD, .status = 200 },
    { 1, SIM_BODY, .bytes = LLMP_STR(ANSWER) },
    { 0, SIM_END },
};
static const struct sim_step silent_about_usage[] = {
    { 20, SIM_HEAD, .status = 200 },
    { 1, SIM_BODY, .bytes = LLMP_STR("{\"id\":\"x\",\"choices\":[]}") },
    { 0, SIM_END },
};
static const struct sim_step streams[] = {
    { 10, SIM_HEAD, STREAM },
    { 1, SIM_BODY, .bytes = LLMP_STR(EVENT("a")), .repeat = 9 },
    { 1, SIM_BODY, .bytes = LLMP_STR(FINISH USAGE DONE) },
    { 0, SIM_END },
};
static const struct sim_step streams_long[] = {
    { 10, SIM_HEAD, STREAM },
    { 1, SIM_BODY, .bytes = LLMP_STR(EVENT("a")), .repeat = 200 },
    { 1, SIM_BODY, .bytes = LLMP_STR(FINISH DONE) },
    { 0, SIM_END },
};
static const struct sim_step streams_and_breaks[] = {
    { 10, SIM_HEAD, STREAM },
    { 1, SIM_BODY, .bytes = LLMP_STR(EVENT("a")), .repeat = 70 },
    { 3, SIM_FAIL, .failure = LLMP_CALL_RECEIVE, .sent = true },
};
static const struct sim_step streams_an_error[] = {
    { 10, SIM_HEAD, STREAM },
    { 1, SIM_BODY, .bytes = LLMP_STR(EVENT("a")), .repeat = 66 },
    { 1, SIM_BODY,
      .bytes = LLMP_STR("data: {\"error\":{\"message\":\"no\"}}\n\n") },
    { 0, SIM_END },
};
static const struct sim_step streams_and_stalls[] = {
    { 10, SIM_HEAD, STREAM },
    { 1, SIM_BODY, .bytes = LLMP_STR(EVENT("a")) },
    { 0, SIM_HANG },
};
static const struct sim_step limited_itself[] = {
    { 5, SIM_HEAD, .status = 429, .field = "retry-after", .value = "7" },
    { 1, SIM_BODY, .bytes = LLMP_STR("{\"error\":{\"message\":\"slow\"}}") },
    { 0, SIM_END },
};
static const struct sim_step error_in_200[] = {
    { 5, SIM_HEAD, .status = 200 },
    { 1, SIM_BODY, .bytes = LLMP_STR("{\"error\":{\"message\":\"no\"}}") },
    { 0, SIM_END },
};
static const struct sim_step unreachable[] = {
    { 5, SIM_FAIL, .failure = LLMP_CALL_CONNECT },
};
static const struct sim_step breaks[] = {
    { 5, SIM_FAIL, .failure = LLMP_CALL_RECEIVE, .sent = true },
};
static const struct sim_step hangs[] = { { 0, SIM_HANG } };

#define PROVIDER(steps)          \
    {                            \
        steps, LLMP_COUNT(steps) \
    }

static const struct {
    const struct sim_step *steps;
    size_t count;
} unary_providers[] = {
    PROVIDER(whole),          PROVIDER(whole),        PROVIDER(whole),
    PROVIDER(limited_itself), PROVIDER(error_in_200), PROVIDER(unreachable),
    PROVIDER(breaks),         PROVIDER(hangs),        PROVIDER(silent_about_usage),
}, stream_providers[] = {
    PROVIDER(streams),            PROVIDER(streams),
    PROVIDER(streams_long),       PROVIDER(streams_and_breaks),
    PROVIDER(streams_an_error),   PROVIDER(streams_and_stalls),
    PROVIDER(limited_itself),     PROVIDER(unreachable),
};

static const char *const maximums[] = {
    "",
    "",
    ",\"max_tokens\":5",
    ",\"max_tokens\":100",
    ",\"max_completion_tokens\":1000000000",
};

static const char *const models[] = { "gpt-4o", "gpt-4o", "small", "odd",
                                      "nothing" };

/* One of everything. */
static void choose(struct sim_script *out, char body[400], uint64_t *dice)
{
    bool stream = draw(dice) % 2;
    size_t at = draw(dice) % (stream ? LLMP_COUNT(stream_providers)
                                     : LLMP_COUNT(unary_providers));

    (void)snprintf(body, 400,
                   "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\","
                   "\"content\":\"%0*d\"}]%s%s}",
                   models[draw(dice) % LLMP_COUNT(models)],
                   (int)(draw(dice) % 200 + 1), 1,
                   stream ? ",\"stream\":true" : "",
                   maximums[draw(dice) % LLMP_COUNT(maximums)]);
    *out = (struct sim_script){
        .name = "crowd",
        .path = PATH,
        .body = llmp_str_of(body),
        .field = "authorization",
        .value = callers.bearer[draw(dice) % KEYS],
        .provider =
            stream ? stream_providers[at].steps : unary_providers[at].steps,
        .steps =
            stream ? stream_providers[at].count : unary_providers[at].count,
        .start_ms = draw(dice) % 400,
    };
    if (draw(dice) % 4 == 0)
        out->client_gone_ms = draw(dice) % 60 + 1;
    else if (draw(dice) % 12 == 0)
        out->stop_ms = draw(dice) % 60 + 1;
}

/* ---- what must hold ----------------------------------------------------- */

struct expected {
    uint64_t requests, tokens, money;
};

/* What a summary says that its caller has used. */
static struct expected expect(const struct sim_result *r)
{
    const struct llmp_summary *s = &r->summary;
    uint64_t per_token = has(&r->call_body, "gpt-4o-mini") ? 600 : 10000;
    uint64_t in = s->input_tokens, out = s->output_tokens;
    uint64_t money = s->cost_nano;

    if (s->usage_basis == LLMP_USAGE_NONE)
        return (struct expected){ s->upstream_status != 0, 0, 0 };
    if (s->usage_basis == LLMP_USAGE_UNKNOWN) {
        /* What is held stays; a stream raised it every 64 events. */
        uint64_t charged = s->events / 64 * 64;

        in = s->reserved_input_tokens;
        out = s->reserved_output_tokens;
        money = s->reserved_cost_nano;
        if (charged > out) {
            money += money ? (charged - out) * per_token : 0;
            out = charged;
        }
    }
    return (struct expected){ 1, in + out, money };
}

static bool is(const struct sim_result *r, const char *key)
{
    return strcmp(r->key, key) == 0;
}

static void add(struct expected *sum, const struct sim_result *r)
{
    struct expected one = expect(r);

    sum->requests += one.requests;
    sum->tokens += one.tokens;
    sum->money += one.money;
}

#define SAME(seed, a, b)                                                      \
    do {                                                                      \
        if ((a) != (b))                                                       \
            fail_msg("seed %llu: %s is %llu, %s is %llu",                     \
                     (unsigned long long)(seed), #a, (unsigned long long)(a), \
                     #b, (unsigned long long)(b));                            \
    } while (0)

#define USED(kind, id, unit, window)                         \
    used_of(crowd, LLMP_LIMIT_##kind, id, LLMP_LIMIT_##unit, \
            LLMP_WINDOW_##window)

/* A huge maximum is set aside as it is where there is room for it. */
static void check_counts(const struct sim *crowd, uint64_t seed,
                         const struct sim_result *results)
{
    struct expected patient = { 0 }, hurried = { 0 }, poor = { 0 }, all = { 0 };

    for (size_t i = 0; i < CROWD; i++) {
        const struct llmp_summary *s = &results[i].summary;

        if (s->ending == LLMP_END_REFUSED && results[i].calls == 0)
            SAME(seed, expect(&results[i]).requests, 0u);
        add(&all, &results[i]);
        add(is(&results[i], "patient")   ? &patient
            : is(&results[i], "hurried") ? &hurried
                                         : &poor,
            &results[i]);
    }
    SAME(seed, USED(KEY, "patient", TOKENS, MONTH), patient.tokens);
    SAME(seed, USED(KEY, "patient", REQUESTS, DAY), patient.requests);
    SAME(seed, USED(KEY, "hurried", TOKENS, MONTH), hurried.tokens);
    SAME(seed, USED(KEY, "poor", TOKENS, MONTH), poor.tokens);
    SAME(seed, USED(KEY, "patient", MONEY, MONTH), patient.money);
    SAME(seed, USED(TEAM, "lab", TOKENS, MONTH),
         patient.tokens + hurried.tokens);
    SAME(seed, USED(TEAM, "lab", REQUESTS, DAY),
         patient.requests + hurried.requests);
    SAME(seed, USED(TEAM, "lab", MONEY, MONTH), patient.money + hurried.money);
    SAME(seed,
         USED(DEPLOYMENT, "sim/gpt-4o", REQUESTS, DAY) +
             USED(DEPLOYMENT, "sim/gpt-4o-mini", REQUESTS, DAY) +
             USED(DEPLOYMENT, "sim/nobody-knows", REQUESTS, DAY),
         all.requests);
    SAME(seed, USED(KEY, "patient", CONCURRENCY, ROLLING), 0u);
    SAME(seed, USED(DEPLOYMENT, "sim/gpt-4o", CONCURRENCY, ROLLING), 0u);
    SAME(seed, USED(DEPLOYMENT, "sim/gpt-4o-mini", CONCURRENCY, ROLLING), 0u);
}

/* A refusal by a limit says so, in the client's dialect. */
static void check_refusals(uint64_t seed, const struct sim_result *r)
{
    if (r->status == 429 && r->summary.upstream_status == 0) {
        assert_string_equal(r->error_code, "rate_limit_exceeded");
        assert_true(has(&r->head, "retry-after: ") ||
                    has(&r->body, "can never be served"));
        assert_int_equal(r->calls, 0);
    }
    if (r->status == 402) {
        assert_true(has(&r->body, "\"insufficient_quota\""));
        assert_int_equal(r->calls, 0);
    }
    if (r->cancels) /* it may have been sent, so it may cost something */
        assert_true(r->summary.usage_basis != LLMP_USAGE_NONE ||
                    r->summary.upstream_status != 0);
    if (r->status == 403) { /* 'odd' and 'nothing' are not for the poor */
        assert_string_equal(r->error_code, "model_denied");
        assert_string_equal(r->key, "poor");
    }
    SAME(seed, r->status == 500, false);
}

static void what_is_reserved_is_settled(void **state)
{
    (void)state;
    FOR_EACH_SEED(seed)
    {
        struct sim *crowd = sim_new(callers.yaml);
        static struct sim_script scripts[CROWD];
        static char bodies[CROWD][400];
        static struct sim_result results[CROWD];
        uint64_t dice = seed;

        for (size_t i = 0; i < CROWD; i++)
            choose(&scripts[i], bodies[i], &dice);
        sim_run_many(crowd, scripts, CROWD, seed, results);
        check_counts(crowd, seed, results);
        for (size_t i = 0; i < CROWD; i++) {
            check_refusals(seed, &results[i]);
            sim_result_fini(&results[i]);
        }
        sim_free(crowd);
    }
}

/* ---- exactly as many as the limit says ---------------------------------- */

static void fill_alike(struct sim_script *scripts, size_t count, size_t key,
                       const char *body)
{
    for (size_t i = 0; i < count; i++)
        scripts[i] = (struct sim_script){ .name = "alike",
                                          .path = PATH,
                                          .body = llmp_str_of(body),
                                          .field = "authorization",
                                          .value = callers.bearer[key],
                                          .provider = whole,
                                          .steps = LLMP_COUNT(whole) };
}

static size_t run_alike(struct sim *crowd, struct sim_script *scripts,
                        size_t count, uint64_t seed, uint32_t *open_max)
{
    static struct sim_result results[100];
    size_t passed = 0;

    sim_run_many(crowd, scripts, count, seed, results);
    for (size_t i = 0; i < count; i++) {
        passed += results[i].status == 200;
        *open_max = results[i].open_max;
        sim_result_fini(&results[i]);
    }
    return passed;
}

#define SMALL_BODY "{\"model\":\"gpt-4o\",\"messages\":[],\"max_tokens\":40}"

static void of_a_hundred_at_once_the_limit_passes(void **state)
{
    static struct sim_script scripts[100];
    uint32_t open;

    (void)state;
    fill_alike(scripts, 100, HURRIED, SMALL_BODY);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct sim *crowd = sim_new(callers.yaml);

        assert_int_equal(run_alike(crowd, scripts, 100, seed, &open), 5);
        /* 12 seconds later there is one more, and not before. */
        sim_sleep(crowd, 11000);
        assert_int_equal(run_alike(crowd, scripts, 100, seed, &open), 0);
        sim_sleep(crowd, 1000);
        assert_int_equal(run_alike(crowd, scripts, 100, seed, &open), 1);
        sim_free(crowd);
    }
}

static void no_more_run_at_once_than_may(void **state)
{
    static struct sim_script scripts[100];
    uint32_t open;

    (void)state;
    fill_alike(scripts, 100, PATIENT, SMALL_BODY);
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct sim *crowd = sim_new(callers.yaml);
        size_t passed = run_alike(crowd, scripts, 100, seed, &open);

        assert_int_equal(open, 4);
        assert_true(passed >= 4);
        sim_free(crowd);
    }
}

/* 663 tokens were let through a limit of 100 elsewhere (LiteLLM 18730). */
static void tokens_are_reserved_before_the_call(void **state)
{
    static struct sim_script scripts[50];
    uint32_t open;

    (void)state;
    /* 4,000 tokens a minute: 40 and 12 of input each, but five requests. */
    fill_alike(scripts, 50, HURRIED,
               "{\"model\":\"gpt-4o\",\"messages\":[],\"max_tokens\":1200}");
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct sim *crowd = sim_new(callers.yaml);

        /* Two of 1,200 fit into 3,000 output tokens while both run. */
        assert_int_equal(run_alike(crowd, scripts, 50, seed, &open), 2);
        assert_int_equal(open, 2);
        sim_free(crowd);
    }
}

/* A maximum beyond any bucket waits for the whole bucket, not for ever. */
static void a_huge_maximum_passes_once_the_bucket_is_full(void **state)
{
    struct sim_script script;
    uint32_t open;
    struct sim *crowd = sim_new(callers.yaml);

    (void)state;
    fill_alike(&script, 1, HURRIED,
               "{\"model\":\"gpt-4o\",\"messages\":[],"
               "\"max_tokens\":1000000000}");
    assert_int_equal(run_alike(crowd, &script, 1, 1, &open), 1);
    assert_int_equal(run_alike(crowd, &script, 1, 2, &open), 0);
    sim_sleep(crowd, 2000); /* 37 of 3,000 a minute were used */
    assert_int_equal(run_alike(crowd, &script, 1, 3, &open), 1);
    sim_free(crowd);
}

/* Nobody demands max_tokens: what is not known is guessed, then learned. */
static void without_a_maximum_it_passes(void **state)
{
    struct sim_script script;
    uint32_t open;
    struct sim *crowd = sim_new(callers.yaml);

    (void)state;
    fill_alike(&script, 1, HURRIED, "{\"model\":\"gpt-4o\",\"messages\":[]}");
    for (uint64_t i = 0; i < 50; i++) {
        assert_int_equal(run_alike(crowd, &script, 1, i + 1, &open), 1);
        sim_sleep(crowd, 12000);
    }
    sim_free(crowd);
}

static void a_spent_budget_stops_and_downgrades_before(void **state)
{
    struct sim *crowd = sim_new(callers.yaml);
    size_t passed = 0, downgraded = 0;
    struct sim_result r;

    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        struct sim_script script;

        fill_alike(&script, 1, POOR,
                   "{\"model\":\"gpt-4o\",\"messages\":[],\"max_tokens\":100}");
        sim_run_many(crowd, &script, 1, i + 1, &r);

        bool small = has(&r.call_body, "\"gpt-4o-mini\"");
        uint64_t spent = USED(KEY, "poor", MONEY, DAY);

        assert_true(spent <= 20000000);
        assert_int_equal(small,
                         has(&r.head, "x-llmproxy-downgraded-to: small"));
        passed += r.status == 200;
        downgraded += small;
        if (r.status == 402) {
            assert_true(has(&r.body, "key 'poor'"));
            assert_true(has(&r.body, "0.02 USD a day"));
            sim_result_fini(&r);
            break;
        }
        sim_result_fini(&r);
    }
    assert_true(passed > 300);
    assert_true(downgraded > 200);
    sim_free(crowd);
}

static void an_unknown_price_is_never_zero(void **state)
{
    struct sim *crowd = sim_new(callers.yaml);
    struct sim_script script;
    struct sim_result r;
    char other[4200];

    (void)state;
    fill_alike(&script, 1, PATIENT, "{\"model\":\"odd\",\"messages\":[]}");
    sim_run_many(crowd, &script, 1, 1, &r);
    assert_int_equal(r.status, 402);
    assert_string_equal(r.error_code, "price_unknown");
    assert_int_equal(r.calls, 0);
    sim_result_fini(&r);

    (void)snprintf(other, sizeof(other), "%sprices: { unknown: allow }\n",
                   callers.yaml);
    sim_reload(crowd, other);
    sim_run_many(crowd, &script, 1, 1, &r);
    assert_int_equal(r.status, 200);
    assert_false(r.summary.cost_known);
    sim_result_fini(&r);
    sim_free(crowd);
}

/* Counts outlive a new file; new amounts count at once. */
static void a_reload_keeps_what_was_counted(void **state)
{
    static struct sim_script scripts[100];
    struct sim *crowd = sim_new(callers.yaml);
    char other[sizeof(callers.yaml)];
    uint32_t open;

    (void)state;
    (void)snprintf(other, sizeof(other), "%s", callers.yaml);
    memcpy(strstr(other, "requests: 5,"), "requests: 6,", 12);
    fill_alike(scripts, 100, HURRIED, SMALL_BODY);
    assert_int_equal(run_alike(crowd, scripts, 100, 1, &open), 5);

    uint64_t tokens = USED(KEY, "hurried", TOKENS, MONTH);

    sim_reload(crowd, callers.yaml);
    assert_int_equal(run_alike(crowd, scripts, 100, 2, &open), 0);
    SAME(0, USED(KEY, "hurried", TOKENS, MONTH), tokens);
    sim_reload(crowd, other);
    assert_int_equal(USED(KEY, "hurried", TOKENS, MONTH), tokens);
    assert_true(run_alike(crowd, scripts, 100, 3, &open) <= 1);
    sim_sleep(crowd, 60000);
    assert_int_equal(run_alike(crowd, scripts, 100, 4, &open), 6);
    sim_free(crowd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        SIM_TEST(what_is_reserved_is_settled),
        SIM_TEST(of_a_hundred_at_once_the_limit_passes),
        SIM_TEST(no_more_run_at_once_than_may),
        SIM_TEST(tokens_are_reserved_before_the_call),
        SIM_TEST(a_huge_maximum_passes_once_the_bucket_is_full),
        SIM_TEST(without_a_maximum_it_passes),
        SIM_TEST(a_spent_budget_stops_and_downgrades_before),
        SIM_TEST(an_unknown_price_is_never_zero),
        SIM_TEST(a_reload_keeps_what_was_counted),
    };

    callers_init(&callers, "");
    (void)set_up;
    (void)tear_down;
    (void)expect_text;
    (void)sim;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
