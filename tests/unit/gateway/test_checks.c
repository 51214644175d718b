/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: each provider is asked in its time by each of its keys, once for all
 * workers; who does not answer is left alone until it does, a refused key until
 * it is accepted; and whatever answers is alive.
 * Method: exchanges without a client, fed by hand at times we choose; memory
 * fails at 0, 1, 2, ….
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "faulty_heap.h"
#include "routing_fixture.h"

#define TEN_S "routing: { checks: { interval: 10s, timeout: 2s } }\n"

static const char yaml[] =
    "providers:\n"
    "  - { name: p1, base_url: 'http://127.0.0.1:9001/v1',\n"
    "      api_key: [sk-one-11111, sk-two-22222] }\n"
    "  - { name: p2, base_url: 'http://127.0.0.1:9002/v1' }\n"
    "  - { name: unused, base_url: 'http://127.0.0.1:9003/v1' }\n"
    "  - { name: off, base_url: 'http://127.0.0.1:9004/v1', check: off }\n"
    "  - { name: odd, base_url: 'http://127.0.0.1:9005/v1', check: /ping,\n"
    "      dialect: anthropic, api_key: sk-odd-33333 }\n"
    "models:\n"
    "  - { name: m, deployments: [{ provider: p1 }, { provider: p2 }] }\n"
    "  - { name: o, deployments: [{ provider: off }, { provider: odd }] "
    "}\n" TEN_S;

enum { NO_ANSWER = 0, TIMES_OUT = 1, BREAKS = 2 };

/* What was asked by one check. */
struct call {
    char provider; /* the port's last digit */
    char path[64], key[64];
};

static void note_call(struct call *call, const struct llmp_call *asked)
{
    const char *where = asked->origin->authority;

    memset(call, 0, sizeof(*call));
    call->provider = where[strlen(where) - 1];
    (void)snprintf(call->path, sizeof(call->path), "%.*s %.*s",
                   (int)asked->method.len, asked->method.ptr,
                   (int)asked->path.len, asked->path.ptr);
    for (size_t i = 0; i < asked->header_count; i++)
        if (llmp_str_eq(asked->headers[i].name, LLMP_STR("authorization")) ||
            llmp_str_eq(asked->headers[i].name, LLMP_STR("x-api-key")))
            (void)snprintf(call->key, sizeof(call->key), "%.*s",
                           (int)asked->headers[i].value.len,
                           asked->headers[i].value.ptr);
}

static void answer(struct llmp_exchange *x, uint32_t id, struct routed *r,
                   uint16_t status)
{
    const struct llmp_response_head head = { .status = status,
                                             .body_size = LLMP_BODY_UNKNOWN };

    if (status == BREAKS) {
        llmp_exchange_call_fail(x, id, LLMP_CALL_CONNECT, false, r->now);
    } else if (status == TIMES_OUT) {
        r->now.mono_ns += 2 * LLMP_NS_PER_S;
        llmp_exchange_tick(x, r->now);
    } else {
        llmp_exchange_call_head(x, id, &head, r->now);
        llmp_exchange_call_body(x, id, LLMP_STR("whatever"), r->now);
        llmp_exchange_call_end(x, id, r->now);
    }
}

/* Makes one check, if one is due; `status` says what came of it. */
static bool check(struct routed *r, uint16_t status, struct call *call)
{
    struct llmp_exchange *x;
    struct llmp_ask ask;
    uint32_t id = 0;
    bool done = false;

    if (llmp_exchange_new(&x, r->worker, r->now) != LLMP_OK)
        return false;
    if (llmp_exchange_check(x, r->now) != LLMP_OK) {
        llmp_exchange_free(x);
        return false;
    }
    while (!done) {
        while (!done && llmp_exchange_next(x, &ask)) {
            assert_int_not_equal(ask.kind, LLMP_ASK_WRITE);
            if (ask.kind == LLMP_ASK_CALL) {
                id = ask.id;
                note_call(call, ask.call);
            }
            done = ask.kind == LLMP_ASK_DONE;
        }
        if (!done)
            answer(x, id, r, status);
    }
    llmp_exchange_free(x);
    return true;
}

static void sleep_s(struct routed *r, uint64_t s)
{
    r->now.mono_ns += s * LLMP_NS_PER_S;
    r->now.wall_ns += s * LLMP_NS_PER_S;
}

/* All that are due: provider '1' by what `status` says, the others are well. */
static size_t check_all(struct routed *r, uint16_t status)
{
    struct call call;
    size_t count = 0;

    while (check(r, status, &call))
        count++;
    return count;
}

static enum llmp_route_breaker breaker_of(struct routed *r, size_t model,
                                          size_t index)
{
    struct llmp_access *access = r->gateway->synced.access;
    struct llmp_route_look look;

    llmp_route_look(llmp_routes_of(access->routes, (uint32_t)model), index,
                    r->now.mono_ns, &look);
    return look.breaker;
}

static char asked_first(struct routed *r)
{
    const struct asked asked = { .body = HI("m") };

    return routed_ask(r, &asked).calls[0];
}

/* ---- who is asked, and when ---------------------------------------------- */

static void each_is_asked_in_its_time(void **state)
{
    struct routed r;
    struct call call;
    char seen[8][160];
    size_t count = 0;
    (void)state;

    routed_open(&r, yaml);
    assert_int_equal(llmp_worker_check_ns(r.worker, r.now), r.now.mono_ns);
    assert_false(check(&r, 200, &call)); /* they are spread */
    assert_true(llmp_worker_check_ns(r.worker, r.now) > r.now.mono_ns);
    for (int ms = 0; ms < 10000; ms += 100) {
        r.now.mono_ns += 100 * LLMP_NS_PER_MS;
        while (check(&r, 200, &call)) {
            assert_true(count < 8);
            (void)snprintf(seen[count++], sizeof(seen[0]), "%c %s %s",
                           call.provider, call.path, call.key);
        }
    }
    assert_int_equal(count, 4);
    for (size_t i = 0; i < 4; i++) {
        static const char *const wanted[] = {
            "1 GET /v1/models Bearer sk-one-11111",
            "1 GET /v1/models Bearer sk-two-22222", "2 GET /v1/models ",
            "5 GET /v1/ping sk-odd-33333"
        };
        bool found = false;

        for (size_t k = 0; k < count; k++)
            found = found || strcmp(seen[k], wanted[i]) == 0;
        if (!found)
            fail_msg("nobody asked %s", wanted[i]);
    }
    sleep_s(&r, 10);
    assert_int_equal(check_all(&r, 200), 4);
    assert_int_equal(check_all(&r, 200), 0);
    routed_close(&r);
}

static void it_is_taken_once(void **state)
{
    struct routed r;
    struct llmp_exchange *one, *other;
    struct llmp_worker *second;
    (void)state;

    routed_open(&r, "providers: [{ name: p1, base_url: 'http://127.0.0.1:9001'"
                    " }]\n" TEN_S);
    assert_int_equal(llmp_worker_new(&second, r.gateway, NULL), LLMP_OK);
    assert_int_equal(check_all(&r, 200), 0);
    sleep_s(&r, 10);
    assert_int_equal(llmp_exchange_new(&one, r.worker, r.now), LLMP_OK);
    assert_int_equal(llmp_exchange_new(&other, second, r.now), LLMP_OK);
    assert_int_equal(llmp_exchange_check(one, r.now), LLMP_OK);
    assert_int_equal(llmp_exchange_check(other, r.now), LLMP_MISS);
    /* Whoever looks next does so in its time, though all are under way. */
    assert_int_equal(llmp_worker_check_ns(second, r.now),
                     r.now.mono_ns + 5 * LLMP_NS_PER_S);
    sleep_s(&r, 9);
    assert_int_equal(llmp_worker_check_ns(second, r.now),
                     r.now.mono_ns + LLMP_NS_PER_S);
    sleep_s(&r, 11); /* however long it takes */
    assert_int_equal(llmp_exchange_check(other, r.now), LLMP_MISS);
    llmp_exchange_free(one); /* it was dropped: somebody else may */
    assert_int_equal(llmp_exchange_check(other, r.now), LLMP_OK);
    llmp_exchange_abort(other, r.now);
    llmp_exchange_free(other);
    llmp_worker_free(second);
    routed_close(&r);
}

static void a_reload_changes_who_is_asked(void **state)
{
    struct fixture none = { .env = NULL };
    struct llmp_config *config;
    struct routed r;
    (void)state;

    routed_open(&r, yaml);
    assert_int_equal(check_all(&r, 200), 0);
    assert_int_equal(fixture_parse(&config,
                                   "providers: [{ name: p2, base_url: "
                                   "'http://127.0.0.1:9002/v1' }]\n" TEN_S,
                                   &none, NULL),
                     LLMP_OK);
    assert_int_equal(llmp_gateway_reload(r.gateway, config, NULL), LLMP_OK);
    llmp_config_unref(config);
    assert_int_equal(llmp_worker_check_ns(r.worker, r.now), r.now.mono_ns);
    assert_int_equal(check_all(&r, 200), 0);
    sleep_s(&r, 10);
    assert_int_equal(check_all(&r, 200), 1);
    assert_int_equal(fixture_parse(&config,
                                   "providers: [{ name: p2, base_url: "
                                   "'http://127.0.0.1:9002/v1' }]\n"
                                   "routing: { checks: { interval: 0s } }\n",
                                   &none, NULL),
                     LLMP_OK);
    assert_int_equal(llmp_gateway_reload(r.gateway, config, NULL), LLMP_OK);
    llmp_config_unref(config);
    sleep_s(&r, 30);
    assert_int_equal(check_all(&r, 200), 0);
    routed_close(&r);
}

/* ---- what it is good for ------------------------------------------------- */

static void who_is_dead_is_left_alone(void **state)
{
    static const uint16_t signs[] = { BREAKS, TIMES_OUT, 500, 503, 408 };
    (void)state;

    for (size_t i = 0; i < LLMP_COUNT(signs); i++) {
        struct routed r;
        struct call call;

        print_message("# %u\n", signs[i]);
        routed_open(&r, "providers:\n"
                        "  - { name: p1, base_url: 'http://127.0.0.1:9001' }\n"
                        "  - { name: p2, base_url: 'http://127.0.0.1:9002',\n"
                        "      check: off }\n"
                        "models: [{ name: m, deployments: [{ provider: p1 }, "
                        "{ provider: p2 }] }]\n" TEN_S);
        assert_false(check(&r, 200, &call));
        sleep_s(&r, 10);
        assert_true(check(&r, signs[i], &call));
        assert_int_equal(asked_first(&r), '1'); /* once is no time */
        sleep_s(&r, 10);
        assert_true(check(&r, signs[i], &call));
        assert_int_equal(breaker_of(&r, 0, 0), LLMP_BREAKER_OPEN);
        assert_int_equal(asked_first(&r), '2');
        for (int n = 0; n < 20; n++) { /* its breaker alone would probe */
            sleep_s(&r, 10);
            assert_true(check(&r, signs[i], &call));
            assert_int_equal(asked_first(&r), '2');
        }
        sleep_s(&r, 10);
        assert_true(check(&r, 404, &call)); /* an answer is an answer */
        assert_int_equal(asked_first(&r), '1');
        assert_int_equal(breaker_of(&r, 0, 0), LLMP_BREAKER_CLOSED);
        routed_close(&r);
    }
}

/* What answers checks and fails requests has its breaker's time. */
static void checks_do_not_open_what_requests_closed(void **state)
{
    const struct answers bad = { .status = { [1] = 500 } };
    const struct asked asked = { .body = HI("m"), .answers = &bad };
    struct routed r;
    (void)state;

    routed_open(&r, yaml);
    assert_int_equal(check_all(&r, 200), 0);
    sleep_s(&r, 10);
    assert_int_equal(check_all(&r, 200), 4);
    for (int i = 0; i < 5; i++)
        (void)routed_ask(&r, &asked);
    assert_int_equal(breaker_of(&r, 0, 0), LLMP_BREAKER_OPEN);
    sleep_s(&r, 10);
    assert_int_equal(check_all(&r, 200), 4);
    assert_int_equal(asked_first(&r), '2');
    routed_close(&r);
}

static void a_refused_key_is_left_until_it_is_good(void **state)
{
    struct llmp_access *access;
    struct llmp_route_set *set;
    struct routed r;
    struct call call;
    (void)state;

    routed_open(&r, yaml);
    access = r.gateway->synced.access;
    set = llmp_routes_of(access->routes, 0);
    assert_int_equal(check_all(&r, 200), 0);
    sleep_s(&r, 10);
    for (int n = 0; n < 4; n++) {
        struct llmp_exchange *x;
        struct llmp_ask ask;
        uint32_t id = 0;

        assert_int_equal(llmp_exchange_new(&x, r.worker, r.now), LLMP_OK);
        assert_int_equal(llmp_exchange_check(x, r.now), LLMP_OK);
        while (llmp_exchange_next(x, &ask))
            if (ask.kind == LLMP_ASK_CALL) {
                id = ask.id;
                note_call(&call, ask.call);
            }
        answer(x, id, &r, strstr(call.key, "two") ? 401 : 200);
        while (llmp_exchange_next(x, &ask))
            ;
        llmp_exchange_free(x);
    }
    assert_int_equal(llmp_route_look_credential(set, 0, 0, NULL),
                     LLMP_BREAKER_CLOSED);
    assert_int_equal(llmp_route_look_credential(set, 0, 1, NULL),
                     LLMP_BREAKER_DOWN);
    assert_int_equal(breaker_of(&r, 0, 0), LLMP_BREAKER_CLOSED);
    sleep_s(&r, 10);
    assert_int_equal(check_all(&r, 403), 4); /* it may not list models */
    assert_int_equal(llmp_route_look_credential(set, 0, 1, NULL),
                     LLMP_BREAKER_OPEN); /* the next request tries it */
    routed_close(&r);
}

static void reload(struct routed *r, const char *text)
{
    struct fixture none = { .env = NULL };
    struct llmp_config *config;

    assert_int_equal(fixture_parse(&config, text, &none, NULL), LLMP_OK);
    assert_int_equal(llmp_gateway_reload(r->gateway, config, NULL), LLMP_OK);
    llmp_config_unref(config);
}

/* Makes one check; the status by what its key has in it. */
static void check_by_key(struct routed *r, const char *mark, uint16_t status)
{
    struct llmp_exchange *x;
    struct llmp_ask ask;
    struct call call = { 0 };
    uint32_t id = 0;

    assert_int_equal(llmp_exchange_new(&x, r->worker, r->now), LLMP_OK);
    assert_int_equal(llmp_exchange_check(x, r->now), LLMP_OK);
    while (llmp_exchange_next(x, &ask))
        if (ask.kind == LLMP_ASK_CALL) {
            id = ask.id;
            note_call(&call, ask.call);
        }
    answer(x, id, r, strstr(call.key, mark) ? status : 200);
    while (llmp_exchange_next(x, &ask))
        ;
    llmp_exchange_free(x);
}

#define TWO_KEYS                                                      \
    "providers: [{ name: p1, base_url: 'http://127.0.0.1:9001/v1',\n" \
    "  api_key: [sk-one-11111, sk-two-22222] }]\n"                    \
    "models: [{ name: m, provider: p1 }]\n" TEN_S

/* By one key it seems dead, by the other it answers: it is not. */
static void a_provider_is_dead_by_all_its_keys(void **state)
{
    struct routed r;
    (void)state;

    routed_open(&r, TWO_KEYS);
    assert_int_equal(check_all(&r, 200), 0);
    for (int round = 0; round < 4; round++) {
        sleep_s(&r, 10);
        check_by_key(&r, "two", 503);
        check_by_key(&r, "two", 503);
        assert_int_equal(breaker_of(&r, 0, 0), LLMP_BREAKER_CLOSED);
    }
    for (int round = 0; round < 2; round++) {
        sleep_s(&r, 10);
        assert_int_equal(check_all(&r, 503), 2);
    }
    assert_int_equal(breaker_of(&r, 0, 0), LLMP_BREAKER_OPEN);
    sleep_s(&r, 10);
    check_by_key(&r, "two", 503); /* one of them answers */
    check_by_key(&r, "two", 503);
    assert_int_equal(asked_first(&r), '1');
    routed_close(&r);
}

#define ONE_KEY(key, more)                                            \
    "providers: [{ name: p1, base_url: 'http://127.0.0.1:9001/v1',\n" \
    "  api_key: " key " }]\nmodels: [{ name: m, provider: p1 }]\n" more

static enum llmp_route_breaker key_of(struct routed *r)
{
    struct llmp_access *access = r->gateway->synced.access;

    return llmp_route_look_credential(llmp_routes_of(access->routes, 0), 0, 0,
                                      NULL);
}

static void what_was_found_survives_a_reload(void **state)
{
    struct routed r;
    (void)state;

    routed_open(&r, ONE_KEY("sk-one-11111", TEN_S));
    assert_int_equal(check_all(&r, 200), 0);
    for (int round = 0; round < 2; round++) {
        sleep_s(&r, 10);
        reload(&r, ONE_KEY("sk-one-11111", TEN_S));
        assert_int_equal(check_all(&r, 503), 1);
    }
    assert_int_equal(breaker_of(&r, 0, 0), LLMP_BREAKER_OPEN);
    routed_close(&r);
}

/* A key that requests found bad is not made good by a check that it passes,
 * but another key in its place is tried. */
static void a_new_key_is_tried(void **state)
{
    const struct answers forbidden = { .status = { [1] = 403 } };
    const struct asked asked = { .body = HI("m"), .answers = &forbidden };
    struct routed r;
    (void)state;

    routed_open(&r, ONE_KEY("sk-one-11111", TEN_S));
    assert_int_equal(check_all(&r, 200), 0);
    (void)routed_ask(&r, &asked);
    assert_int_equal(key_of(&r), LLMP_BREAKER_DOWN);
    sleep_s(&r, 10);
    assert_int_equal(check_all(&r, 200), 1);
    assert_int_equal(key_of(&r), LLMP_BREAKER_DOWN);
    reload(&r, ONE_KEY("sk-two-22222", TEN_S));
    assert_int_equal(check_all(&r, 200), 0);
    sleep_s(&r, 10);
    assert_int_equal(check_all(&r, 200), 1);
    assert_int_equal(key_of(&r), LLMP_BREAKER_OPEN); /* and due */
    assert_int_equal(asked_first(&r), '1');
    assert_int_equal(key_of(&r), LLMP_BREAKER_CLOSED);
    routed_close(&r);
}

static void a_shorter_interval_holds_at_once(void **state)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf text = { 0 };
    struct routed r;
    (void)state;

    routed_open(&r, ONE_KEY("[sk-one-11111, sk-two-22222]",
                            "routing: { checks: { interval: 1h } }\n"));
    assert_int_equal(check_all(&r, 200), 0);
    reload(&r,
           ONE_KEY("sk-one-11111", "routing: { checks: { interval: 1s } }\n"));
    assert_int_equal(check_all(&r, 200), 0);
    sleep_s(&r, 1);
    assert_int_equal(check_all(&r, 200), 1); /* the other key is gone */
    llmp_checks_write_metrics(&r.gateway->checks, &text);
    (void)llmp_buf_add(&text, (struct llmp_str){ "", 1 });
    assert_non_null(strstr(text.ptr, "key=\"key1\""));
    assert_null(strstr(text.ptr, "key=\"key2\""));
    routed_close(&r);
}

static void what_was_found_is_in_the_metrics(void **state)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf text = { 0 };
    struct routed r;
    struct call call;
    (void)state;

    routed_open(&r, "providers: [{ name: p1, base_url: 'http://127.0.0.1:9001'"
                    " }]\n" TEN_S);
    assert_false(check(&r, 200, &call));
    sleep_s(&r, 10);
    assert_true(check(&r, BREAKS, &call));
    llmp_checks_write_metrics(&r.gateway->checks, &text);
    (void)llmp_buf_add(&text, (struct llmp_str){ "", 1 });
    assert_non_null(
        strstr(text.ptr, "llmgw_provider_checks_total{provider=\"p1\",key=\"\","
                         "result=\"dead\"} 1\n"));
    assert_non_null(
        strstr(text.ptr, "llmgw_provider_alive{provider=\"p1\",key=\"\"} 0\n"));
    routed_close(&r);
}

static void lack_of_memory_leaves_nothing_behind(void **state)
{
    (void)state;
    for (int n = 0; n < 40; n++) {
        struct routed r;
        struct call call;

        routed_open(&r, yaml);
        (void)check(&r, 200, &call);
        sleep_s(&r, 10);
        faulty_heap_fail_from(n);
        while (check(&r, 200, &call))
            ;
        faulty_heap_fail_from(-1);
        routed_close(&r);
        assert_int_equal(faulty_heap_live(), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_asked_in_its_time),
        cmocka_unit_test(it_is_taken_once),
        cmocka_unit_test(a_reload_changes_who_is_asked),
        cmocka_unit_test(who_is_dead_is_left_alone),
        cmocka_unit_test(checks_do_not_open_what_requests_closed),
        cmocka_unit_test(a_refused_key_is_left_until_it_is_good),
        cmocka_unit_test(a_provider_is_dead_by_all_its_keys),
        cmocka_unit_test(what_was_found_survives_a_reload),
        cmocka_unit_test(a_new_key_is_tried),
        cmocka_unit_test(a_shorter_interval_holds_at_once),
        cmocka_unit_test(what_was_found_is_in_the_metrics),
        cmocka_unit_test(lack_of_memory_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
