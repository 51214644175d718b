/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three actors share one virtual clock: the client that sends, the client
 * that reads, and the provider. Each has a time at which it acts next; the
 * earliest acts, the seed breaks ties. Fed bytes lie in a buffer that is
 * overwritten as soon as the asks were taken, so that a pointer kept too long
 * shows.
 */
#include "sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"
#include "gateway/gateway.h"

#define NEVER UINT64_MAX

enum { WORKERS = 2, AT_ONCE_MAX = 256, CALLS = 2 };

struct sim {
    struct llmp_gateway *gateway;
    struct llmp_worker *workers[WORKERS];
    struct llmp_time now; /* of what runs many at a time */
    size_t fetches;       /* from issuers, so far */
    uint64_t random;      /* what the gateway gets: ids differ, runs do not */
    uint64_t killed_at;   /* of sim_run_until_killed(); else NEVER */
    void (*meanwhile)(void *ctx); /* after each step of it */
    void *meanwhile_ctx;
};

/* A call that runs, and what its provider does. */
struct call {
    const struct sim_step *steps;
    size_t step_count;
    uint64_t step_at;
    size_t step, step_sent;
    uint32_t repeated;
    uint32_t id;
    const struct llmp_call *sending; /* its body is still being read */
    char *body;                      /* of it, as it was */
    bool open, paused;
};

/* One run. */
struct run {
    struct sim *sim;
    const struct sim_script *script;
    struct sim_result *out;
    struct llmp_exchange *x;
    uint64_t seed, random;
    struct llmp_time now;
    char *scratch; /* what was fed last */

    /* the client's sending side */
    uint64_t send_at;
    size_t sent;
    bool head_sent, end_sent, send_paused;

    /* its reading side */
    uint64_t read_at, gone_at, stop_at;
    size_t unread;
    bool responded, done;

    /* the providers: of a hedge two at a time */
    struct call calls[CALLS];
    uint64_t writable_at;
    uint32_t writable_id;

    uint64_t tick_at;
    uint64_t woken_at;
};

/* splitmix64: small, and every seed is a good one. */
static uint64_t mix(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void fill_random(void *bytes, size_t size, void *ctx)
{
    struct sim *sim = ctx;

    for (size_t i = 0; i < size; i++)
        ((uint8_t *)bytes)[i] = (uint8_t)mix(&sim->random);
}

static const struct llmp_time beginning = { LLMP_NS_PER_S,
                                            1700000000 * LLMP_NS_PER_S };

static struct llmp_config *parse(const char *yaml)
{
    struct llmp_config_source source = { .size = sizeof(source) };
    struct llmp_config *config = NULL;
    struct llmp_error err;

    if (llmp_config_parse(&config, llmp_str_of(yaml), &source, &err) < 0)
        fail_msg("configuration: %s", err.message);
    return config;
}

/* The shipped prices are read once for all simulations: it takes longer than
 * most runs. The linker puts the first of these in the place of the second. */
int __wrap_llmp_prices_shipped(struct llmp_prices **out,
                               struct llmp_error *err);
int __real_llmp_prices_shipped(struct llmp_prices **out,
                               struct llmp_error *err);

static struct llmp_prices *shipped;

int __wrap_llmp_prices_shipped(struct llmp_prices **out, struct llmp_error *err)
{
    (void)err;
    *out = llmp_prices_ref(shipped);
    return LLMP_OK;
}

struct sim *sim_new(const char *yaml)
{
    struct sim *sim = calloc(1, sizeof(*sim));
    struct llmp_random random = { .fill = fill_random, .ctx = sim };
    struct llmp_error err;

    sim->killed_at = NEVER;
    if (!shipped)
        assert_int_equal(__real_llmp_prices_shipped(&shipped, NULL), LLMP_OK);
    faulty_heap_arm(-1);

    struct llmp_config *config = parse(yaml);

    assert_int_equal(llmp_gateway_new(&sim->gateway, config, &random, &err), 0);
    for (size_t i = 0; i < WORKERS; i++)
        assert_int_equal(llmp_worker_new(&sim->workers[i], sim->gateway, &err),
                         0);
    llmp_config_unref(config);
    sim->now = beginning;
    return sim;
}

struct llmp_limiter *sim_limiter(const struct sim *sim)
{
    return llmp_worker_limiter(sim->workers[0]);
}

struct llmp_time sim_now(const struct sim *sim)
{
    return sim->now;
}

struct llmp_gateway *sim_gateway(const struct sim *sim)
{
    return sim->gateway;
}

void sim_sleep(struct sim *sim, uint64_t ms)
{
    sim->now.mono_ns += ms * LLMP_NS_PER_MS;
    sim->now.wall_ns += ms * LLMP_NS_PER_MS;
}

void sim_reload(struct sim *sim, const char *yaml)
{
    struct llmp_config *config = parse(yaml);

    assert_int_equal(llmp_gateway_reload(sim->gateway, config, NULL), LLMP_OK);
    llmp_config_unref(config);
}

void sim_free(struct sim *sim)
{
    for (size_t i = 0; i < WORKERS; i++)
        llmp_worker_free(sim->workers[i]);
    llmp_gateway_free(sim->gateway);
    free(sim);
}

/* The run whose result is being looked at. */
static const char *running;
static uint64_t running_seed;

int sim_name_seed(void **state)
{
    (void)state;
    if (running)
        print_message("# in script '%s': replay with LLMP_SIM_SEED=%llu\n",
                      running, (unsigned long long)running_seed);
    running = NULL;
    return 0;
}

void sim_result_fini(struct sim_result *result)
{
    running = NULL;
    llmp_buf_fini(&result->head);
    llmp_buf_fini(&result->body);
    llmp_buf_fini(&result->call_head);
    llmp_buf_fini(&result->call_body);
}

static uint64_t env_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);

    return text ? strtoull(text, NULL, 10) : otherwise;
}

uint64_t sim_seed_count(void)
{
    return env_number("LLMP_SIM_SEEDS", getenv("LLMP_SIM_SEED") ? 1 : 200);
}

uint64_t sim_seed_first(void)
{
    return env_number("LLMP_SIM_SEED", 1);
}

static uint64_t draw(struct run *run)
{
    return mix(&run->random);
}

#define CHECK(run, cond)                                       \
    do {                                                       \
        if (!(cond))                                           \
            fail_msg("%s: seed %llu: %s", (run)->script->name, \
                     (unsigned long long)(run)->seed, #cond);  \
    } while (0)

static uint64_t soon(struct run *run)
{
    return run->now.mono_ns + draw(run) % (2 * LLMP_NS_PER_MS);
}

/* A piece of `left` bytes: often all, often one, sometimes in between. */
static size_t cut(struct run *run, size_t left)
{
    uint64_t dice = draw(run) % 4;

    if (left <= 1 || dice == 0)
        return left;
    if (dice == 1)
        return 1;
    return 1 + draw(run) % (left < 5000 ? left : 5000);
}

/* ---- asks --------------------------------------------------------------- */

/* The steps of whoever is called. */
static void choose_steps(struct run *run, struct call *to,
                         const struct llmp_call *call)
{
    const struct sim_script *script = run->script;

    to->steps = script->provider;
    to->step_count = script->steps;
    if (llmp_str_starts(call->path, LLMP_STR("/issuer"))) {
        CHECK(run, script->issuer);
        run->out->fetches++;
        to->step_count = run->sim->fetches++;
        to->steps = script->issuer(call->path, &to->step_count);
    } else if (script->answer) {
        const struct sim_answer answer =
            script->answer(call, run->now, script->answer_ctx);

        to->steps = answer.steps;
        to->step_count = answer.count;
    }
    to->step_at = to->step_count ? run->now.mono_ns +
                                       to->steps[0].after_ms * LLMP_NS_PER_MS
                                 : NEVER;
}

static struct call *find_call(struct run *run, uint32_t id)
{
    for (size_t i = 0; i < CALLS; i++)
        if (run->calls[i].open && run->calls[i].id == id)
            return &run->calls[i];
    return NULL;
}

static uint32_t count_open(const struct run *run)
{
    uint32_t count = 0;

    for (size_t i = 0; i < CALLS; i++)
        count += run->calls[i].open;
    return count;
}

/* All of the body was sent, or nobody wants it any more. */
static void stop_sending(struct call *call)
{
    call->sending = NULL;
    free(call->body);
    call->body = NULL;
}

static void close_call(struct call *call)
{
    call->open = false;
    stop_sending(call);
}

static struct call *new_call(struct run *run, uint32_t id)
{
    struct call *free_one = NULL;

    CHECK(run, !find_call(run, id));
    for (size_t i = 0; i < CALLS; i++)
        if (!run->calls[i].open)
            free_one = &run->calls[i];
    CHECK(run, free_one);
    CHECK(run, run->script->hedges || count_open(run) == 0);
    *free_one = (struct call){ .open = true, .id = id };
    return free_one;
}

static void note_call(struct run *run, const struct llmp_call *call)
{
    struct sim_result *out = run->out;
    struct call *to = new_call(run, call->id);

    CHECK(run, !run->responded); /* who began to answer answers */
    out->calls++;
    out->call_head.len = out->call_body.len = 0;
    (void)llmp_buf_printf(&out->call_head, "%.*s %.*s\n", (int)call->method.len,
                          call->method.ptr, (int)call->path.len,
                          call->path.ptr);
    for (size_t i = 0; i < call->header_count; i++)
        (void)llmp_buf_printf(
            &out->call_head, "%.*s: %.*s\n", (int)call->headers[i].name.len,
            call->headers[i].name.ptr, (int)call->headers[i].value.len,
            call->headers[i].value.ptr);
    for (size_t i = 0; call->body && i < call->body_parts; i++)
        (void)llmp_buf_add(&out->call_body, call->body[i]);
    if (call->body) {
        CHECK(run, call->body_size == out->call_body.len);
        to->sending = call;
        to->body = malloc(out->call_body.len + 1);
        memcpy(to->body, out->call_body.ptr, out->call_body.len);
    }
    choose_steps(run, to, call);
}

/* A provider may answer while a transport still sends: until the transport has
 * said that all is sent, the body stays where it is. */
static void check_sending(struct run *run)
{
    for (size_t k = 0; k < CALLS; k++) {
        const struct llmp_call *call = run->calls[k].sending;
        size_t at = 0;

        for (size_t i = 0; call && i < call->body_parts; i++) {
            CHECK(run, memcmp(call->body[i].ptr, run->calls[k].body + at,
                              call->body[i].len) == 0);
            at += call->body[i].len;
        }
    }
}

static void note_response(struct run *run,
                          const struct llmp_response_head *head)
{
    CHECK(run, !run->responded);
    run->responded = true;
    run->out->status = head->status;
    run->out->close = head->close;
    for (size_t i = 0; i < head->header_count; i++)
        (void)llmp_buf_printf(
            &run->out->head, "%.*s: %.*s\n", (int)head->headers[i].name.len,
            head->headers[i].name.ptr, (int)head->headers[i].value.len,
            head->headers[i].value.ptr);
}

static void note_write(struct run *run, struct llmp_str bytes)
{
    CHECK(run, run->responded);
    CHECK(run, bytes.len > 0);
    (void)llmp_buf_add(&run->out->body, bytes);
    run->unread += bytes.len;
    if (run->unread > run->out->unsent_max)
        run->out->unsent_max = run->unread;
    if (run->read_at == NEVER)
        run->read_at = soon(run);
}

static void note_done(struct run *run)
{
    const struct llmp_summary *s = llmp_exchange_summary(run->x);

    run->done = true;
    run->out->summary = *s;
    run->out->ended_ms = run->now.mono_ns / LLMP_NS_PER_MS;
    (void)snprintf(run->out->error_code, sizeof(run->out->error_code), "%.*s",
                   (int)s->error_code.len, s->error_code.ptr);
    (void)snprintf(run->out->model, sizeof(run->out->model), "%.*s",
                   (int)s->model.len, s->model.ptr);
    (void)snprintf(run->out->key, sizeof(run->out->key), "%.*s",
                   (int)s->key.len, s->key.ptr);
    (void)snprintf(run->out->user, sizeof(run->out->user), "%.*s",
                   (int)s->user.len, s->user.ptr);
}

static void note_pause(struct run *run, uint32_t id, bool paused)
{
    *(paused ? &run->out->pauses : &run->out->resumes) += 1;
    if (id == 0)
        run->send_paused = paused;
    else if (find_call(run, id))
        find_call(run, id)->paused = paused;
}

/* Memory is short for the exchange only, not for what observes it. */
static bool next_ask(struct run *run, struct llmp_ask *ask)
{
    faulty_heap_pause(0);
    bool more = llmp_exchange_next(run->x, ask);
    faulty_heap_pause(1);
    return more;
}

static void take_asks(struct run *run)
{
    struct llmp_ask ask;

    while (next_ask(run, &ask)) {
        CHECK(run, !run->done);
        switch (ask.kind) {
        case LLMP_ASK_CALL:
            note_call(run, ask.call);
            break;
        case LLMP_ASK_CALL_BODY:
            CHECK(run, find_call(run, ask.id));
            (void)llmp_buf_add(&run->out->call_body, ask.bytes);
            if (run->script->call_full && !ask.last) {
                llmp_exchange_call_full(run->x, ask.id, run->now);
                run->writable_at = soon(run);
                run->writable_id = ask.id;
            }
            break;
        case LLMP_ASK_CANCEL:
            CHECK(run, find_call(run, ask.id));
            close_call(find_call(run, ask.id));
            run->out->cancels++;
            break;
        case LLMP_ASK_RESPOND:
            note_response(run, ask.response);
            break;
        case LLMP_ASK_WRITE:
            note_write(run, ask.bytes);
            break;
        case LLMP_ASK_PAUSE:
        case LLMP_ASK_RESUME:
            note_pause(run, ask.id, ask.kind == LLMP_ASK_PAUSE);
            break;
        case LLMP_ASK_WAIT:
            run->tick_at = ask.until_ns;
            break;
        case LLMP_ASK_DONE:
            note_done(run);
            break;
        }
    }
    free(run->scratch); /* whoever still points there is found out */
    run->scratch = NULL;
}

static struct llmp_str lend(struct run *run, struct llmp_str bytes)
{
    free(run->scratch);
    run->scratch = malloc(bytes.len ? bytes.len : 1);
    if (bytes.len)
        memcpy(run->scratch, bytes.ptr, bytes.len);
    return (struct llmp_str){ run->scratch, bytes.len };
}

/* ---- actors ------------------------------------------------------------- */

static void send_head(struct run *run)
{
    const struct sim_script *s = run->script;
    struct llmp_header headers[] = {
        { LLMP_STR("content-type"),
          llmp_str_of(s->type ? s->type : "application/json") },
        { llmp_str_of(s->field ? s->field : "x-nothing"),
          llmp_str_of(s->value) },
        { llmp_str_of(s->field2 ? s->field2 : "x-nothing-else"),
          llmp_str_of(s->value2) },
    };
    struct llmp_request_head head = {
        .method = llmp_str_of(s->method ? s->method : "POST"),
        .target = llmp_str_of(s->path),
        .headers = headers,
        .header_count = LLMP_COUNT(headers),
        .body_size = s->body_size ? s->body_size : s->body.len,
        .received_ns = run->now.mono_ns,
    };

    run->head_sent = true;
    llmp_exchange_request_head(run->x, &head, run->now);
}

static void act_sender(struct run *run)
{
    const struct sim_script *s = run->script;

    run->send_at = soon(run) + s->send_ms * LLMP_NS_PER_MS;
    if (!run->head_sent) {
        send_head(run);
    } else if (run->sent < s->body.len) {
        size_t n = cut(run, s->body.len - run->sent);

        llmp_exchange_request_body(
            run->x, lend(run, (struct llmp_str){ s->body.ptr + run->sent, n }),
            run->now);
        run->sent += n;
    } else {
        run->end_sent = true;
        run->send_at = NEVER;
        llmp_exchange_request_end(run->x, run->now);
    }
}

static void act_reader(struct run *run)
{
    uint64_t rate = run->script->client_rate;
    size_t n = run->unread;

    if (rate && n > rate / 100)
        n = (size_t)(rate / 100);
    run->unread -= n;
    run->read_at = run->unread ? run->now.mono_ns + 10 * LLMP_NS_PER_MS : NEVER;
    llmp_exchange_drained(run->x, n, run->now);
}

static void provider_head(struct run *run, struct call *call,
                          const struct sim_step *step)
{
    struct llmp_header headers[] = {
        { LLMP_STR("content-type"),
          llmp_str_of(step->type ? step->type : "application/json") },
        { llmp_str_of(step->field ? step->field : "x-inside"),
          llmp_str_of(step->value ? step->value : "secret") },
    };
    struct llmp_response_head head = {
        .status = step->status,
        .headers = headers,
        .header_count = 2,
        .body_size = LLMP_BODY_UNKNOWN,
        .sent_ns = run->now.mono_ns,
        .request_sent = draw(run) & 1,
    };

    if (head.request_sent)
        stop_sending(call);

    llmp_exchange_call_head(run->x, call->id, &head, run->now);
}

static bool provider_body(struct run *run, struct call *call,
                          const struct sim_step *step)
{
    size_t n = cut(run, step->bytes.len - call->step_sent);

    llmp_exchange_call_body(
        run->x, call->id,
        lend(run, (struct llmp_str){ step->bytes.ptr + call->step_sent, n }),
        run->now);
    call->step_sent += n;
    if (call->step_sent < step->bytes.len)
        return false;
    call->step_sent = 0;
    return ++call->repeated >= step->repeat;
}

static void act_provider_of(struct run *run, struct call *call)
{
    const struct sim_step *step = &call->steps[call->step];
    uint32_t id = call->id;
    bool over = true;

    check_sending(run);
    switch (step->kind) {
    case SIM_HEAD:
        provider_head(run, call, step);
        break;
    case SIM_BODY:
        over = provider_body(run, call, step);
        break;
    case SIM_END:
        close_call(call);
        llmp_exchange_call_end(run->x, id, run->now);
        return;
    case SIM_FAIL:
        close_call(call);
        llmp_exchange_call_fail(run->x, id, step->failure, step->sent,
                                run->now);
        return;
    case SIM_HANG:
        call->step_at = NEVER;
        return;
    }
    if (!over) {
        call->step_at = soon(run);
        return;
    }
    call->repeated = 0;
    call->step++;
    call->step_at =
        call->step < call->step_count
            ? soon(run) + call->steps[call->step].after_ms * LLMP_NS_PER_MS
            : NEVER;
}

static void act_provider(struct run *run)
{
    act_provider_of(run, &run->calls[0]);
}

static void act_other_provider(struct run *run)
{
    act_provider_of(run, &run->calls[1]);
}

static void act_gone(struct run *run)
{
    run->gone_at = NEVER;
    llmp_exchange_abort(run->x, run->now);
}

static void act_stop(struct run *run)
{
    run->stop_at = NEVER;
    if (run->head_sent)
        llmp_exchange_stop(run->x, run->now);
}

static void act_tick(struct run *run)
{
    run->tick_at = NEVER;
    llmp_exchange_tick(run->x, run->now);
}

static void act_woken(struct run *run)
{
    run->woken_at = NEVER;
    llmp_exchange_woken(run->x, run->now);
}

static void act_writable(struct run *run)
{
    run->writable_at = NEVER;
    llmp_exchange_call_writable(run->x, run->writable_id, run->now);
}

static uint64_t step_at(const struct call *call)
{
    return call->open && !call->paused ? call->step_at : NEVER;
}

struct actor {
    uint64_t at;
    void (*act)(struct run *run);
};

/* The earliest actor; among equals the seed chooses. */
static struct actor next_actor(struct run *run)
{
    struct actor actors[] = {
        { run->send_paused && !run->script->send_anyway ? NEVER : run->send_at,
          act_sender },
        { run->read_at, act_reader },
        { step_at(&run->calls[0]), act_provider },
        { step_at(&run->calls[1]), act_other_provider },
        { run->gone_at, act_gone },
        { run->stop_at, act_stop },
        { run->tick_at, act_tick },
        { run->writable_at, act_writable },
        { run->woken_at, act_woken },
    };
    size_t count = LLMP_COUNT(actors);
    size_t first = draw(run) % count, best = first;

    for (size_t i = 1; i < count; i++)
        if (actors[(first + i) % count].at < actors[best].at)
            best = (first + i) % count;
    return actors[best];
}

/* At `ms` behind its start, if at all. */
static uint64_t later(const struct run *run, uint64_t ms)
{
    return ms ? run->send_at + ms * LLMP_NS_PER_MS : NEVER;
}

static void begin(struct run *run, struct llmp_worker *worker)
{
    const struct sim_script *script = run->script;

    *run->out = (struct sim_result){ 0 };
    run->read_at = run->tick_at = NEVER;
    run->writable_at = run->woken_at = NEVER;
    run->send_at = run->now.mono_ns + script->start_ms * LLMP_NS_PER_MS;
    run->gone_at = later(run, script->client_gone_ms);
    run->stop_at = later(run, script->stop_ms);
    assert_int_equal(llmp_exchange_new(&run->x, worker, run->now), 0);
    llmp_exchange_set_data(run->x, run);
}

/* Who was woken learns of it at some time, like everything. */
static void collect_woken(struct sim *sim, uint64_t mono_ns)
{
    struct llmp_exchange *x;

    for (size_t i = 0; i < WORKERS; i++)
        while ((x = llmp_worker_woken(sim->workers[i]))) {
            struct run *run = llmp_exchange_data(x);

            if (run->woken_at == NEVER)
                run->woken_at = mono_ns + draw(run) % LLMP_NS_PER_MS;
        }
}

static void act(struct run *run, struct actor actor)
{
    CHECK(run, actor.at != NEVER); /* else it would wait for ever */
    if (actor.at > run->now.mono_ns) {
        run->now.wall_ns += actor.at - run->now.mono_ns;
        run->now.mono_ns = actor.at;
    }
    faulty_heap_pause(0);
    actor.act(run);
    faulty_heap_pause(1);
    take_asks(run);
}

static void end(struct run *run)
{
    CHECK(run, count_open(run) == 0);
    llmp_exchange_free(run->x);
    run->x = NULL;
}

void sim_run(struct sim *sim, const struct sim_script *script, uint64_t seed,
             struct sim_result *result)
{
    struct run run = { .sim = sim,
                       .script = script,
                       .out = result,
                       .seed = seed,
                       .random = seed * 1000003,
                       .now = beginning };

    running = script->name;
    running_seed = seed;
    begin(&run, sim->workers[0]);
    faulty_heap_fail_from(script->fail_allocation ? script->fail_allocation - 1
                                                  : -1);
    for (uint64_t n = 0; !run.done; n++) {
        CHECK(&run, n < 1000000);
        act(&run, next_actor(&run));
        collect_woken(sim, run.now.mono_ns);
    }
    end(&run);
    faulty_heap_fail_from(-1);
}

/* ---- several ------------------------------------------------------------ */

/* The one that acts first, and the number of calls that run. */
static struct run *next_run(struct run *runs, size_t count, uint32_t *open)
{
    struct run *first = NULL;
    uint64_t first_at = NEVER;

    *open = 0;
    for (size_t i = 0; i < count; i++) {
        if (!runs[i].x)
            continue;
        *open += count_open(&runs[i]);

        uint64_t at = next_actor(&runs[i]).at;

        if (!first || at < first_at) {
            first = &runs[i];
            first_at = at;
        }
    }
    return first;
}

/* The process was killed: nobody ends anything. */
static void drop_all(struct run *runs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        llmp_exchange_free(runs[i].x);
        for (size_t k = 0; k < CALLS; k++)
            stop_sending(&runs[i].calls[k]);
    }
}

void sim_run_until_killed(struct sim *sim, const struct sim_script *scripts,
                          size_t count, uint64_t seed,
                          struct sim_result *results, uint64_t killed_ms,
                          void (*meanwhile)(void *ctx), void *ctx)
{
    sim->killed_at = sim->now.mono_ns + killed_ms * LLMP_NS_PER_MS;
    sim->meanwhile = meanwhile;
    sim->meanwhile_ctx = ctx;
    sim_run_many(sim, scripts, count, seed, results);
    sim->killed_at = NEVER;
    sim->meanwhile = NULL;
}

void sim_run_many(struct sim *sim, const struct sim_script *scripts,
                  size_t count, uint64_t seed, struct sim_result *results)
{
    static struct run runs[AT_ONCE_MAX];
    struct run *run;
    uint32_t open, open_max = 0;

    assert_true(count <= AT_ONCE_MAX);
    running = scripts[0].name;
    running_seed = seed;
    for (size_t i = 0; i < count; i++) {
        runs[i] = (struct run){ .sim = sim,
                                .script = &scripts[i],
                                .out = &results[i],
                                .seed = seed,
                                .random = seed * 1000003 + i * 7919,
                                .now = sim->now };
        begin(&runs[i], sim->workers[(seed + i) % WORKERS]);
    }
    while ((run = next_run(runs, count, &open)) &&
           next_actor(run).at < sim->killed_at) {
        open_max = open > open_max ? open : open_max;
        run->now = sim->now;
        act(run, next_actor(run));
        sim->now = run->now;
        if (run->done)
            end(run);
        collect_woken(sim, sim->now.mono_ns);
        if (sim->meanwhile)
            sim->meanwhile(sim->meanwhile_ctx);
    }
    drop_all(runs, count);
    for (size_t i = 0; i < count; i++)
        results[i].open_max = open_max;
}
