/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gateway whose providers answer what a test says, by their port: which one
 * is asked is what the tests are about.
 */
#ifndef ROUTING_FIXTURE_H
#define ROUTING_FIXTURE_H

#include <stdio.h>
#include <string.h>

#include "base/internal.h"
#include "config_fixture.h"
#include "gateway/exchange.h"

#define KEY_A "llmgw_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAA0uCPlr"
#define KEY_B "llmgw_BBBBBBBBBBBBBBBBBBBBBBBBBBBBBB1rpRcy"
#define KEY_C "llmgw_CCCCCCCCCCCCCCCCCCCCCCCCCCCCCC48bxyY"

#define HI(model)                                                \
    "{\"model\":\"" model "\",\"messages\":[{\"role\":\"user\"," \
    "\"content\":\"Hi\"}]}"

enum { FIXTURE_CALLS_MAX = 16 };

/* What a provider answers, by the last digit of its port; 0: a good answer. */
struct answers {
    uint16_t status[10];
    const char *body[10];
};

struct asked {
    const char *key;        /* NULL: none */
    const char *headers[8]; /* name, value, … */
    const char *body;
    const struct answers *answers; /* NULL: all are good */
};

/* What came of it. */
struct came {
    char calls[FIXTURE_CALLS_MAX + 1]; /* a digit a call: whom it went to */
    uint16_t status;
    char body[2048];
};

struct routed {
    struct llmp_config *config;
    struct llmp_gateway *gateway;
    struct llmp_worker *worker;
    struct llmp_time now;
};

static inline void fixture_random(void *bytes, size_t size, void *ctx)
{
    (void)ctx;
    memset(bytes, 7, size);
}

static inline void routed_open(struct routed *r, const char *yaml)
{
    const struct llmp_random random = { .fill = fixture_random };
    struct fixture none = { .env = NULL };
    struct llmp_error err = { 0 };

    *r = (struct routed){ .now = { LLMP_NS_PER_S * 1000,
                                   LLMP_NS_PER_S * 1000 } };
    if (fixture_parse(&r->config, yaml, &none, &err) < 0 ||
        llmp_gateway_new(&r->gateway, r->config, &random, &err) < 0)
        fail_msg("%s", err.message);
    assert_int_equal(llmp_worker_new(&r->worker, r->gateway, NULL), LLMP_OK);
}

static inline void routed_close(struct routed *r)
{
    llmp_worker_free(r->worker);
    llmp_gateway_free(r->gateway);
    llmp_config_unref(r->config);
}

static inline void routed_answer(struct llmp_exchange *x, struct routed *r,
                                 uint32_t id, char whom,
                                 const struct answers *answers)
{
    const struct llmp_header type = { LLMP_STR("content-type"),
                                      LLMP_STR("application/json") };
    uint16_t status = answers ? answers->status[whom - '0'] : 0;
    const char *body = answers ? answers->body[whom - '0'] : NULL;
    const struct llmp_response_head head = { .status = status ? status : 200,
                                             .headers = &type,
                                             .header_count = 1,
                                             .body_size = LLMP_BODY_UNKNOWN,
                                             .request_sent = true };

    llmp_exchange_call_head(x, id, &head, r->now);
    llmp_exchange_call_body(
        x, id, llmp_str_of(body ? body : "{\"choices\":[]}"), r->now);
    llmp_exchange_call_end(x, id, r->now);
}

/* Takes what it asks; a call is answered when all asks were taken. */
static inline void routed_pump(struct llmp_exchange *x, struct routed *r,
                               const struct asked *asked, struct came *came)
{
    struct llmp_ask ask;
    size_t calls = 0;
    bool done = false;

    while (!done) {
        uint32_t call = 0;
        uint64_t until_ns = UINT64_MAX;

        while (!done && llmp_exchange_next(x, &ask)) {
            if (ask.kind == LLMP_ASK_CALL) {
                const char *where = ask.call->origin->authority;

                assert_true(calls < FIXTURE_CALLS_MAX);
                came->calls[calls++] = where[strlen(where) - 1];
                call = ask.id;
            } else if (ask.kind == LLMP_ASK_RESPOND) {
                came->status = ask.response->status;
            } else if (ask.kind == LLMP_ASK_WRITE) {
                size_t at = strlen(came->body);

                assert_true(at + ask.bytes.len < sizeof(came->body));
                memcpy(came->body + at, ask.bytes.ptr, ask.bytes.len);
            } else if (ask.kind == LLMP_ASK_WAIT) {
                until_ns = ask.until_ns;
            }
            done = ask.kind == LLMP_ASK_DONE;
        }
        if (call)
            routed_answer(x, r, call, came->calls[calls - 1], asked->answers);
        else if (!done) { /* it waits before it goes on */
            assert_true(until_ns != UINT64_MAX);
            r->now.mono_ns = until_ns;
            llmp_exchange_tick(x, r->now);
        }
    }
}

static inline struct came routed_ask(struct routed *r,
                                     const struct asked *asked)
{
    struct llmp_header headers[8] = { { LLMP_STR("content-type"),
                                        LLMP_STR("application/json") } };
    struct llmp_request_head head = { .method = LLMP_STR("POST"),
                                      .target =
                                          LLMP_STR("/v1/chat/completions"),
                                      .headers = headers,
                                      .header_count = 1,
                                      .body_size = strlen(asked->body) };
    struct came came = { .status = 0 };
    struct llmp_exchange *x;

    if (asked->key)
        headers[head.header_count++] =
            (struct llmp_header){ LLMP_STR("x-api-key"),
                                  llmp_str_of(asked->key) };
    for (size_t i = 0; i < 8 && asked->headers[i]; i += 2)
        headers[head.header_count++] =
            (struct llmp_header){ llmp_str_of(asked->headers[i]),
                                  llmp_str_of(asked->headers[i + 1]) };
    assert_int_equal(llmp_exchange_new(&x, r->worker, r->now), LLMP_OK);
    llmp_exchange_request_head(x, &head, r->now);
    llmp_exchange_request_body(x, llmp_str_of(asked->body), r->now);
    llmp_exchange_request_end(x, r->now);
    routed_pump(x, r, asked, &came);
    llmp_exchange_free(x);
    return came;
}

#endif
