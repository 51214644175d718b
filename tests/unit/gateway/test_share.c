/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a request that needs the store's word about a limit waits for it and
 * no longer, loses nothing meanwhile, and does what is configured where no
 * word comes; what a process does not need is the store's again.
 * Method: a store in memory whose thread is this one, feeds by hand at times we
 * choose; memory fails at 0, 1, 2, ….
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"
#include "gateway/exchange.h"

enum { LIMIT = 64, PATIENCE_MS = 600 };

#define NOON_NS   (UINT64_C(1795521600) * LLMP_NS_PER_S)
#define BEGIN_NS  (1000 * LLMP_NS_PER_S)
#define CHAT_BODY "{\"model\":\"gpt-x\",\"messages\":[]}"
#define UPLOAD                                        \
    "--b\r\nContent-Disposition: form-data; "         \
    "name=\"model\"\r\n\r\ngpt-x\r\n--b\r\n"          \
    "Content-Disposition: form-data; name=\"file\"; " \
    "filename=\"a\"\r\n\r\nsound"

static const char yaml[] = "providers:\n"
                           "  - name: p\n"
                           "    base_url: http://127.0.0.1:9/v1\n"
                           "    limits: { requests_day: 64 }\n"
                           "models: [{ name: 'gpt-*', provider: p }]\n"
                           "store: { path: unused, %s }\n";

static void fill_random(void *bytes, size_t size, void *ctx)
{
    static uint8_t next;

    (void)ctx;
    memset(bytes, ++next, size);
}

/* One process, and its exchange. */
struct setting {
    struct llmp_config *config;
    struct llmp_gateway *gateway;
    struct llmp_store *mine; /* a connection to look with */
    struct llmp_store_writer *writer;
    struct llmp_worker *worker;
    struct llmp_exchange *x;
    struct llmp_time now;
    uint64_t tick_at_ns;
    uint16_t status;
    bool called, paused, done;
    size_t sent; /* bytes to the provider */
};

static void take_asks(struct setting *s)
{
    struct llmp_ask ask;

    while (!s->done && llmp_exchange_next(s->x, &ask)) {
        s->called |= ask.kind == LLMP_ASK_CALL;
        s->done |= ask.kind == LLMP_ASK_DONE;
        if (ask.kind == LLMP_ASK_PAUSE || ask.kind == LLMP_ASK_RESUME)
            s->paused = ask.kind == LLMP_ASK_PAUSE;
        else if (ask.kind == LLMP_ASK_WAIT)
            s->tick_at_ns = ask.until_ns;
        else if (ask.kind == LLMP_ASK_RESPOND)
            s->status = ask.response->status;
        else if (ask.kind == LLMP_ASK_CALL_BODY)
            s->sent += ask.bytes.len;
    }
}

static int open_gateway(struct setting *s, const char *store,
                        struct llmp_store *shared)
{
    const struct llmp_config_source source = { .size = sizeof(source) };
    const struct llmp_random random = { .fill = fill_random };
    char text[512];
    struct llmp_store *theirs;

    (void)snprintf(text, sizeof(text), yaml, store);
    *s = (struct setting){ .now = { BEGIN_NS, NOON_NS } };
    LLMP_TRY(llmp_config_parse(&s->config, llmp_str_of(text), &source, NULL));
    LLMP_TRY(llmp_gateway_new(&s->gateway, s->config, &random, NULL));
    LLMP_TRY(shared ? llmp_store_open_again(&s->mine, shared, NULL)
                    : llmp_store_open_memory(&s->mine, NULL));
    LLMP_TRY(llmp_store_open_again(&theirs, s->mine, NULL));

    int rc = llmp_store_writer_new(&s->writer, theirs, NULL, NULL);

    if (rc < 0) {
        llmp_store_close(theirs);
        return rc;
    }
    llmp_gateway_set_store(s->gateway, s->writer, NULL, NULL);
    (void)llmp_store_writer_pump(s->writer, s->now.mono_ns);
    return llmp_worker_new(&s->worker, s->gateway, NULL);
}

static void pump(struct setting *s)
{
    while (llmp_store_writer_pump(s->writer, s->now.mono_ns) == 0)
        ;
}

static void end_exchange(struct setting *s)
{
    llmp_exchange_free(s->x);
    s->x = NULL;
}

static void close_gateway(struct setting *s)
{
    end_exchange(s);
    llmp_worker_free(s->worker);
    if (s->writer) {
        llmp_gateway_leave_store(s->gateway, s->now);
        pump(s);
        llmp_gateway_set_store(s->gateway, NULL, NULL, NULL);
    }
    llmp_store_writer_free(s->writer);
    llmp_store_close(s->mine);
    llmp_gateway_free(s->gateway);
    llmp_config_unref(s->config);
}

static int begin(struct setting *s, const char *target, const char *type,
                 const char *body, bool ends)
{
    const struct llmp_header header = { LLMP_STR("content-type"),
                                        llmp_str_of(type) };
    const struct llmp_request_head head = {
        .method = LLMP_STR("POST"),
        .target = llmp_str_of(target),
        .headers = &header,
        .header_count = 1,
        .body_size = ends ? strlen(body) : LLMP_BODY_UNKNOWN,
    };

    end_exchange(s);
    s->tick_at_ns = UINT64_MAX;
    s->status = 0;
    s->called = s->paused = s->done = false;
    s->sent = 0;
    LLMP_TRY(llmp_exchange_new(&s->x, s->worker, s->now));
    llmp_exchange_request_head(s->x, &head, s->now);
    take_asks(s);
    llmp_exchange_request_body(s->x, llmp_str_of(body), s->now);
    take_asks(s);
    if (ends)
        llmp_exchange_request_end(s->x, s->now);
    take_asks(s);
    return LLMP_OK;
}

static void chat(struct setting *s)
{
    assert_int_equal(
        begin(s, "/v1/chat/completions", "application/json", CHAT_BODY, true),
        LLMP_OK);
}

static void tick(struct setting *s)
{
    uint64_t passed = s->tick_at_ns - s->now.mono_ns;

    assert_true(s->tick_at_ns > s->now.mono_ns);
    s->now.mono_ns += passed;
    s->now.wall_ns += passed;
    llmp_exchange_tick(s->x, s->now);
    take_asks(s);
}

/* The call succeeds: the request is used. */
static void answer(struct setting *s)
{
    const struct llmp_response_head head = { .status = 200 };

    llmp_exchange_call_head(s->x, 1, &head, s->now);
    take_asks(s);
    llmp_exchange_call_end(s->x, 1, s->now);
    take_asks(s);
    end_exchange(s);
}

static struct llmp_counter counter(struct setting *s)
{
    struct llmp_counter got = { 0 };

    assert_int_equal(
        llmp_store_counter(s->mine, LLMP_STR("deployment/p/gpt-x/requests/day"),
                           llmp_limit_window_start_s(LLMP_WINDOW_DAY, NOON_NS),
                           s->now.wall_ns, &got, NULL),
        LLMP_OK);
    return got;
}

static void set_counter(struct setting *s, int64_t used)
{
    const struct llmp_counter_add add = {
        LLMP_STR("deployment/p/gpt-x/requests/day"),
        llmp_limit_window_start_s(LLMP_WINDOW_DAY, NOON_NS), used
    };
    struct llmp_store_op op = { .kind = LLMP_STORE_ADD, .of.add = &add };

    assert_int_equal(llmp_store_commit(s->mine, &op, 1, NULL), LLMP_OK);
}

static void the_first_waits_for_its_slice(void **state)
{
    struct setting s;

    (void)state;
    assert_int_equal(open_gateway(&s, "share_limits: true", NULL), LLMP_OK);
    chat(&s);
    assert_false(s.called || s.done);
    assert_true(s.tick_at_ns <= s.now.mono_ns + 25 * LLMP_NS_PER_MS);
    tick(&s); /* nothing yet: once more */
    assert_false(s.called || s.done);
    assert_null(llmp_worker_woken(s.worker));
    pump(&s); /* which wakes it; no time has to pass */
    assert_ptr_equal(llmp_worker_woken(s.worker), s.x);
    llmp_exchange_woken(s.x, s.now);
    take_asks(&s);
    assert_true(s.called);
    assert_true(counter(&s).leased > 1);
    answer(&s);
    chat(&s); /* there is more of it */
    assert_true(s.called);
    answer(&s);
    close_gateway(&s);
}

static void two_processes_have_one_limit(void **state)
{
    struct setting s[2];
    unsigned passed = 0;

    (void)state;
    assert_int_equal(open_gateway(&s[0], "share_limits: true", NULL), LLMP_OK);
    assert_int_equal(open_gateway(&s[1], "share_limits: true", s[0].mine),
                     LLMP_OK);
    for (int n = 0; n < 3 * LIMIT; n++) {
        struct setting *one = &s[n % 3 == 0];

        chat(one);
        for (int i = 0; i < 3 && !one->called && !one->done; i++) {
            pump(one);
            tick(one);
        }
        assert_true(one->called || one->status == 429);
        passed += one->called;
        if (one->called)
            answer(one);
    }
    assert_int_equal(passed, LIMIT);
    close_gateway(&s[1]);
    assert_int_equal(counter(&s[0]).leased + counter(&s[0]).used, LIMIT);
    close_gateway(&s[0]);
}

static void be_idle(struct setting *s)
{
    for (int n = 0; n < 2; n++) {
        s->now.mono_ns += 6 * LLMP_NS_PER_S;
        s->now.wall_ns += 6 * LLMP_NS_PER_S;
        llmp_gateway_sync(s->gateway, s->now);
        pump(s);
    }
}

/* Idle leases end by the look that is taken now and then. */
static void what_is_idle_goes_back(void **state)
{
    struct setting s;

    (void)state;
    assert_int_equal(open_gateway(&s, "share_limits: true", NULL), LLMP_OK);
    chat(&s);
    pump(&s);
    tick(&s);
    answer(&s);
    be_idle(&s);
    assert_int_equal(counter(&s).leased, 0);
    assert_int_equal(counter(&s).used, 1);
    close_gateway(&s);
}

/* Reserved when the lease ended, and not used in the end: it is off the
 * counter with the next looks, or when the process ends. */
static void what_settles_late_goes_back(void **state)
{
    const uint64_t used[LLMP_LIMIT_UNITS] = { [LLMP_LIMIT_REQUESTS] = 1 };
    const struct llmp_limit_amounts amounts = { .of = { [LLMP_LIMIT_REQUESTS] =
                                                            2 } };

    (void)state;
    for (int at_the_end = 0; at_the_end < 2; at_the_end++) {
        struct setting s;
        struct llmp_limit_scope *scope;
        struct llmp_limit_hold holds[LLMP_LIMIT_CELLS_MAX];
        struct llmp_reservation r = { .holds = holds,
                                      .capacity = LLMP_COUNT(holds) };

        assert_int_equal(open_gateway(&s, "share_limits: true", NULL), LLMP_OK);
        chat(&s);
        pump(&s);
        tick(&s);
        answer(&s);
        assert_int_equal(llmp_limiter_find(&scope, s.gateway->limiter,
                                           LLMP_LIMIT_DEPLOYMENT,
                                           LLMP_STR("p/gpt-x")),
                         LLMP_OK);
        assert_int_equal(
            llmp_limit_reserve(&r, &scope, 1, &amounts, s.now, NULL, NULL),
            LLMP_OK);
        be_idle(&s);
        assert_int_equal(counter(&s).leased, 0);
        assert_int_equal(counter(&s).used, 3);
        llmp_limit_settle(&r, used, s.now, NULL);
        llmp_limit_scope_unref(scope);
        if (at_the_end)
            llmp_gateway_return_limits(s.gateway, s.now);
        else
            be_idle(&s);
        pump(&s);
        assert_int_equal(counter(&s).leased, 0);
        assert_int_equal(counter(&s).used, 2);
        close_gateway(&s);
    }
}

/* What comes of a body meanwhile is kept, and its end, too. */
static void an_upload_waits(void **state)
{
    struct setting s;
    const char tail[] = "more\r\n--b--\r\n";

    (void)state;
    assert_int_equal(open_gateway(&s, "share_limits: true", NULL), LLMP_OK);
    assert_int_equal(begin(&s, "/v1/audio/transcriptions",
                           "multipart/form-data; boundary=b", UPLOAD, false),
                     LLMP_OK);
    assert_true(s.paused && !s.called && !s.done);
    llmp_exchange_request_body(s.x, llmp_str_of(tail), s.now);
    take_asks(&s);
    pump(&s);
    tick(&s);
    assert_true(s.called && !s.paused);
    assert_int_equal(s.sent, strlen(UPLOAD) + strlen(tail));
    llmp_exchange_request_end(s.x, s.now);
    take_asks(&s);
    answer(&s);
    close_gateway(&s);

    assert_int_equal(open_gateway(&s, "share_limits: true", NULL), LLMP_OK);
    assert_int_equal(begin(&s, "/v1/audio/transcriptions",
                           "multipart/form-data; boundary=b", UPLOAD, false),
                     LLMP_OK);
    llmp_exchange_request_body(s.x, llmp_str_of(tail), s.now);
    llmp_exchange_request_end(s.x, s.now);
    take_asks(&s);
    pump(&s);
    tick(&s);
    assert_true(s.called && s.sent == 0); /* whole: with the call */
    close_gateway(&s);
}

static void who_waits_may_leave(void **state)
{
    struct setting s;

    (void)state;
    assert_int_equal(open_gateway(&s, "share_limits: true", NULL), LLMP_OK);
    chat(&s);
    llmp_exchange_abort(s.x, s.now);
    take_asks(&s);
    assert_true(s.done && !s.called);
    chat(&s);
    llmp_exchange_stop(s.x, s.now);
    take_asks(&s);
    assert_true(s.done && s.status == 503);
    close_gateway(&s);
}

static void no_answer_comes(void **state)
{
    static const char *const stores[] = {
        "share_limits: true", "share_limits: true, on_failure: refuse",
        "share_limits: false", "share_limits: false, on_failure: refuse"
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(stores); i++) {
        struct setting s;
        uint64_t begun_ns;

        assert_int_equal(open_gateway(&s, stores[i], NULL), LLMP_OK);
        chat(&s);
        begun_ns = s.now.mono_ns;
        while (!s.called && !s.done)
            tick(&s);
        assert_int_equal(s.called, i % 2 == 0);
        assert_int_equal(s.status, i % 2 == 0 ? 0 : 503);
        assert_true(s.now.mono_ns - begun_ns <
                    2 * PATIENCE_MS * LLMP_NS_PER_MS);
        if (s.called) {
            answer(&s);
            chat(&s); /* the next does not wait at all */
            assert_true(s.called);
        }
        close_gateway(&s);
    }
}

/* Others' answers wake it, too: its patience is as long as without them. */
static void wakes_do_not_prolong_the_wait(void **state)
{
    struct setting s;
    uint64_t begun_ns;

    (void)state;
    assert_int_equal(open_gateway(&s, "share_limits: true", NULL), LLMP_OK);
    chat(&s);
    begun_ns = s.now.mono_ns;
    for (int i = 0; i < 12; i++) {
        llmp_exchange_woken(s.x, s.now);
        take_asks(&s);
    }
    tick(&s);
    assert_true(s.tick_at_ns - s.now.mono_ns <= 40 * LLMP_NS_PER_MS);
    for (int i = 0; i < 12; i++) {
        llmp_exchange_woken(s.x, s.now);
        take_asks(&s);
    }
    while (!s.called && !s.done)
        tick(&s);
    assert_true(s.now.mono_ns - begun_ns == PATIENCE_MS * LLMP_NS_PER_MS);
    close_gateway(&s);
}

/* Behind a pattern: what was used before the start is known when it is called
 * for the first time. */
static void a_model_behind_a_pattern_is_restored(void **state)
{
    struct setting s;

    (void)state;
    assert_int_equal(open_gateway(&s, "share_limits: false", NULL), LLMP_OK);
    set_counter(&s, LIMIT - 1);
    chat(&s);
    assert_false(s.called || s.done);
    pump(&s);
    tick(&s);
    assert_true(s.called);
    answer(&s);
    chat(&s);
    assert_true(s.done && s.status == 429);
    close_gateway(&s);
}

static void gpt_y(struct setting *s)
{
    assert_int_equal(begin(s, "/v1/chat/completions", "application/json",
                           "{\"model\":\"gpt-y\",\"messages\":[]}", true),
                     LLMP_OK);
}

/* Of two leases the first cannot be returned: by a job that was under way when
 * the end came, or by the one that gives all back. The other is returned. */
static void the_end_survives_a_failure(void **state)
{
    (void)state;
    for (int under_way = 0; under_way < 2; under_way++) {
        struct setting s;

        faulty_heap_arm(-1);
        assert_int_equal(open_gateway(&s, "share_limits: true", NULL), LLMP_OK);
        chat(&s);
        pump(&s);
        tick(&s);
        answer(&s);
        gpt_y(&s);
        pump(&s);
        tick(&s);
        assert_true(s.called);
        answer(&s);
        pump(&s);
        assert_true(counter(&s).leased > 0);
        if (under_way)
            llmp_gateway_ask(s.gateway, s.now);
        llmp_gateway_return_limits(s.gateway, s.now);
        faulty_heap_fail_from(0);
        (void)llmp_store_writer_pump(s.writer, s.now.mono_ns);
        faulty_heap_fail_from(-1);
        pump(&s);
        assert_int_equal(counter(&s).leased, 0);
        assert_int_equal(counter(&s).used, 1);
        close_gateway(&s);
    }
    faulty_heap_off();
}

static int play(struct setting *s)
{
    LLMP_TRY(open_gateway(s, "share_limits: true", NULL));
    LLMP_TRY(
        begin(s, "/v1/chat/completions", "application/json", CHAT_BODY, true));
    pump(s);
    if (!s->called && !s->done)
        tick(s);
    return s->called ? LLMP_OK : LLMP_E_NOMEM;
}

static void survives_every_allocation_failure(void **state)
{
    int rc = LLMP_E_NOMEM;

    (void)state;
    for (int n = 0; rc != LLMP_OK; n++) {
        struct setting s;

        assert_true(n < 10000);
        faulty_heap_arm(n);
        rc = play(&s);
        close_gateway(&s);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_waits_for_its_slice),
        cmocka_unit_test(two_processes_have_one_limit),
        cmocka_unit_test(what_is_idle_goes_back),
        cmocka_unit_test(what_settles_late_goes_back),
        cmocka_unit_test(an_upload_waits),
        cmocka_unit_test(who_waits_may_leave),
        cmocka_unit_test(no_answer_comes),
        cmocka_unit_test(wakes_do_not_prolong_the_wait),
        cmocka_unit_test(a_model_behind_a_pattern_is_restored),
        cmocka_unit_test(the_end_survives_a_failure),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
