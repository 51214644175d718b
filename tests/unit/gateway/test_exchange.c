/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an exchange gives a silent provider up at the right time, shows the
 * client nothing of our own credentials, and ends properly when memory is
 * short, from the gateway's making to the last byte.
 * Method: feeds by hand at times we choose; memory fails at 0, 1, 2, …. What
 * many interleavings do to it is tested in tests/sim.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"
#include "gateway/exchange.h"

#define IDLE_NS   (2 * LLMP_NS_PER_S)
#define BEGIN_NS  (1000 * LLMP_NS_PER_S)
#define CHAT_BODY "{\"model\":\"m\",\"messages\":[],\"stream\":true}"

static const char yaml[] = "providers:\n"
                           "  - name: p\n"
                           "    base_url: http://127.0.0.1:9/v1\n"
                           "    api_key: sk-very-secret-key\n"
                           "    timeouts: { first_byte: 9s, idle: 2s }\n"
                           "models: [{ name: m, provider: p }]\n";

static void fill_random(void *bytes, size_t size, void *ctx)
{
    (void)ctx;
    memset(bytes, 7, size);
}

static struct llmp_config *read_text(const char *text)
{
    const struct llmp_config_source source = { .size = sizeof(source) };
    struct llmp_config *config = NULL;
    struct llmp_error err;

    if (llmp_config_parse(&config, llmp_str_of(text), &source, &err) < 0)
        fail_msg("configuration: %s", err.message);
    return config;
}

static struct llmp_config *read_config(void)
{
    return read_text(yaml);
}

/* Everything an exchange needs, and what it asked for up to now. */
struct setting {
    struct llmp_config *config;
    struct llmp_gateway *gateway;
    struct llmp_worker *worker;
    struct llmp_exchange *x;
    struct llmp_time now;
    uint32_t call_id;
    uint16_t status;
    bool retry_refused, call_paused, cancelled, done;
    uint64_t tick_at_ns;
    size_t written, untaken;
    char last[512]; /* the end of the last write */
};

static void note_response(struct setting *s,
                          const struct llmp_response_head *head)
{
    s->status = head->status;
    for (size_t i = 0; i < head->header_count; i++) {
        struct llmp_str value = head->headers[i].value;

        if (llmp_str_eq(head->headers[i].name, LLMP_STR("x-should-retry")))
            s->retry_refused = llmp_str_eq(value, LLMP_STR("false"));
    }
}

static void note_write(struct setting *s, struct llmp_str bytes)
{
    size_t n =
        bytes.len < sizeof(s->last) - 1 ? bytes.len : sizeof(s->last) - 1;

    memcpy(s->last, bytes.ptr + bytes.len - n, n);
    s->last[n] = '\0';
    s->written += bytes.len;
    s->untaken += bytes.len;
}

static void take_asks(struct setting *s)
{
    struct llmp_ask ask;

    while (!s->done && llmp_exchange_next(s->x, &ask)) {
        switch (ask.kind) {
        case LLMP_ASK_CALL:
            s->call_id = ask.id;
            break;
        case LLMP_ASK_RESPOND:
            note_response(s, ask.response);
            break;
        case LLMP_ASK_WRITE:
            note_write(s, ask.bytes);
            break;
        case LLMP_ASK_PAUSE:
        case LLMP_ASK_RESUME:
            s->call_paused = ask.kind == LLMP_ASK_PAUSE;
            break;
        case LLMP_ASK_WAIT:
            s->tick_at_ns = ask.until_ns;
            break;
        case LLMP_ASK_CANCEL:
            s->cancelled = true;
            break;
        case LLMP_ASK_DONE:
            s->done = true;
            break;
        case LLMP_ASK_CALL_BODY:
            break;
        }
    }
}

static int open_exchange(struct setting *s)
{
    const struct llmp_random random = { .fill = fill_random };

    s->now = (struct llmp_time){ BEGIN_NS, BEGIN_NS };
    s->tick_at_ns = UINT64_MAX;
    LLMP_TRY(llmp_gateway_new(&s->gateway, s->config, &random, NULL));
    LLMP_TRY(llmp_worker_new(&s->worker, s->gateway, NULL));
    return llmp_exchange_new(&s->x, s->worker, s->now);
}

static void close_exchange(struct setting *s)
{
    llmp_exchange_free(s->x);
    llmp_worker_free(s->worker);
    llmp_gateway_free(s->gateway);
}

static void feed_request(struct setting *s, const char *method,
                         const char *target, const char *body)
{
    const struct llmp_header type = { LLMP_STR("content-type"),
                                      LLMP_STR("application/json") };
    const struct llmp_request_head head = {
        .method = llmp_str_of(method),
        .target = llmp_str_of(target),
        .headers = &type,
        .header_count = 1,
        .body_size = strlen(body),
        .http_major = 1,
        .http_minor = 1,
    };

    llmp_exchange_request_head(s->x, &head, s->now);
    take_asks(s);
    if (!s->done && *body) {
        llmp_exchange_request_body(s->x, llmp_str_of(body), s->now);
        take_asks(s);
    }
    if (!s->done) {
        llmp_exchange_request_end(s->x, s->now);
        take_asks(s);
    }
}

static void feed_answer_head(struct setting *s, uint16_t status,
                             const char *type)
{
    const struct llmp_header field = { LLMP_STR("content-type"),
                                       llmp_str_of(type) };
    const struct llmp_response_head head = {
        .status = status,
        .headers = &field,
        .header_count = 1,
        .body_size = LLMP_BODY_UNKNOWN,
        .sent_ns = s->now.mono_ns,
    };

    llmp_exchange_call_head(s->x, s->call_id, &head, s->now);
    take_asks(s);
}

static void feed_answer_body(struct setting *s, struct llmp_str bytes)
{
    llmp_exchange_call_body(s->x, s->call_id, bytes, s->now);
    take_asks(s);
}

static void open_chat(struct setting *s)
{
    *s = (struct setting){ .config = read_config() };
    assert_int_equal(open_exchange(s), LLMP_OK);
    feed_request(s, "POST", "/v1/chat/completions", CHAT_BODY);
    assert_int_equal(s->call_id, 1);
}

static void close_chat(struct setting *s)
{
    close_exchange(s);
    llmp_config_unref(s->config);
}

/* Ticks as a driver does: when it was asked to, until `until_ns`. */
static void let_pass(struct setting *s, uint64_t until_ns)
{
    while (!s->done && s->tick_at_ns <= until_ns) {
        s->now.mono_ns = s->now.wall_ns = s->tick_at_ns;
        s->tick_at_ns = UINT64_MAX;
        llmp_exchange_tick(s->x, s->now);
        take_asks(s);
    }
    s->now.mono_ns = s->now.wall_ns = until_ns;
}

/* Writes events until the call is paused; nothing of it was taken. */
static void write_until_paused(struct setting *s)
{
    static const struct llmp_str event =
        LLMP_STR("data: {\"choices\":[{\"index\":0,\"delta\":{}}]}\n\n");

    while (!s->call_paused) {
        assert_true(s->written < 1 << 20);
        feed_answer_body(s, event);
    }
}

static void take_all(struct setting *s)
{
    size_t n = s->untaken;

    s->untaken = 0;
    llmp_exchange_drained(s->x, n, s->now);
    take_asks(s);
}

/* ---- a silent provider --------------------------------------------------- */

static void a_provider_silent_after_a_pause_is_given_up(void **state)
{
    struct setting s;
    uint64_t resumed_ns;

    (void)state;
    open_chat(&s);
    feed_answer_head(&s, 200, "text/event-stream");
    write_until_paused(&s);
    /* A client that is slow for long: no fault of the provider's. */
    let_pass(&s, BEGIN_NS + 10 * IDLE_NS);
    assert_false(s.done);
    take_all(&s);
    assert_false(s.call_paused);
    resumed_ns = s.now.mono_ns;
    let_pass(&s, resumed_ns + IDLE_NS - 1);
    assert_false(s.done);
    let_pass(&s, resumed_ns + IDLE_NS);
    assert_true(s.done && s.cancelled);
    assert_int_equal(llmp_exchange_summary(s.x)->ending, LLMP_END_TIMEOUT);
    assert_non_null(strstr(s.last, "upstream_timeout"));
    close_chat(&s);
}

/* ---- our credentials ----------------------------------------------------- */

static void a_refusal_of_our_credentials_is_no_refusal_of_the_clients(
    void **state)
{
    static const struct {
        uint16_t upstream, client;
        bool retry_refused;
    } cases[] = {
        { 401, 502, true },  { 403, 502, true },  { 407, 502, true },
        { 301, 502, true },  { 400, 400, false }, { 404, 404, false },
        { 409, 409, false }, { 500, 500, false },
    };
    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct setting s;

        print_message("# %u\n", cases[i].upstream);
        open_chat(&s);
        feed_answer_head(&s, cases[i].upstream, "application/json");
        feed_answer_body(&s, LLMP_STR("{\"error\":{\"message\":\"no\"}}"));
        llmp_exchange_call_end(s.x, s.call_id, s.now);
        take_asks(&s);
        assert_true(s.done);
        assert_int_equal(s.status, cases[i].client);
        assert_int_equal(s.retry_refused, cases[i].retry_refused);
        assert_int_equal(llmp_exchange_summary(s.x)->upstream_status,
                         cases[i].upstream);
        close_chat(&s);
    }
}

/* ---- many who come once -------------------------------------------------- */

/* A request of the caller whose certificate has this name. */
static uint16_t ask_as(struct setting *s, const char *name)
{
    const struct llmp_request_head head = {
        .method = LLMP_STR("GET"),
        .target = LLMP_STR("/v1/models"),
        .tls = true,
        .tls_name = llmp_str_of(name),
    };

    s->status = 0;
    s->done = false;
    assert_int_equal(llmp_exchange_new(&s->x, s->worker, s->now), LLMP_OK);
    llmp_exchange_request_head(s->x, &head, s->now);
    take_asks(s);
    llmp_exchange_free(s->x);
    s->x = NULL;
    return s->status;
}

/* Each has limits of its own: they are not kept for ever. */
static void who_does_not_come_again_is_forgotten(void **state)
{
    static const char text[] =
        "providers: [{ name: p, base_url: 'http://127.0.0.1:9/v1' }]\n"
        "models: [{ name: m, provider: p }]\n"
        "auth: { tls_role: user }\n";
    struct setting s = { .config = read_text(text) };
    uint64_t most = 0;

    (void)state;
    assert_int_equal(open_exchange(&s), LLMP_OK);
    llmp_exchange_free(s.x);
    for (unsigned i = 0; i < 200000; i++) {
        uint64_t count = llmp_limiter_count(s.gateway->limiter);
        char name[32];

        (void)snprintf(name, sizeof(name), "user-%u", i);
        assert_int_equal(ask_as(&s, name), 200);
        s.now.mono_ns += LLMP_NS_PER_MS;
        most = count > most ? count : most;
    }
    assert_true(most > 1000 && most < 30000);
    close_chat(&s);
}

/* ---- without memory ------------------------------------------------------ */

/* A call is answered as well as it can be. */
static void answer_call(struct setting *s)
{
    feed_answer_head(s, 200, "text/event-stream");
    if (!s->done)
        feed_answer_body(s, LLMP_STR("data: {\"choices\":[]}\n"));
    if (!s->done)
        feed_answer_body(s, LLMP_STR("\ndata: [DONE]\n\n"));
    if (!s->done) {
        llmp_exchange_call_end(s->x, s->call_id, s->now);
        take_asks(s);
    }
}

/* Returns whether all went as if there were enough memory. */
static bool serve(struct setting *s, const char *method, const char *target,
                  const char *body)
{
    if (open_exchange(s) < 0)
        return false;
    feed_request(s, method, target, body);
    if (s->call_id && !s->done)
        answer_call(s);
    assert_true(s->done);
    if (s->status == 200 && llmp_exchange_summary(s->x)->complete)
        return true;
    assert_true(s->status == 503 || !llmp_exchange_summary(s->x)->complete);
    return false;
}

static void a_gateway_without_memory_leaves_nothing_behind(void **state)
{
    static const struct {
        const char *method, *target, *body;
    } cases[] = {
        { "GET", "/health/live", "" },
        { "GET", "/v1/models", "" },
        { "GET", "/metrics", "" },
        { "POST", "/v1/chat/completions", CHAT_BODY },
    };
    struct llmp_config *config = read_config();

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        int nth = 0;

        print_message("# %s\n", cases[i].target);
        for (bool done = false; !done; nth++) {
            struct setting s = { .config = config };

            assert_true(nth < 200);
            faulty_heap_arm(nth);
            done = serve(&s, cases[i].method, cases[i].target, cases[i].body);
            close_exchange(&s);
            assert_int_equal(faulty_heap_live(), 0);
        }
        faulty_heap_off();
        assert_true(nth > 4); /* gateway, worker, exchange, arena, … */
    }
    llmp_config_unref(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_does_not_come_again_is_forgotten),
        cmocka_unit_test(a_provider_silent_after_a_pause_is_given_up),
        cmocka_unit_test(
            a_refusal_of_our_credentials_is_no_refusal_of_the_clients),
        cmocka_unit_test(a_gateway_without_memory_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
