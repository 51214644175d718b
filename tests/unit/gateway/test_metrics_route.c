/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: each attempt is counted once, at the deployment that was called and by
 * what came of it, over all workers; how deployments stand is written once for
 * each, however many models have it; memory may be short.
 * Method: requests by hand on two workers; memory fails at 0, 1, 2, ….
 */
#include <llmproxy/config.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "faulty_heap.h"
#include "routing_fixture.h"

static const char yaml[] =
    "providers:\n"
    "  - { name: p1, base_url: 'http://127.0.0.1:9001/v1' }\n"
    "  - { name: p2, base_url: 'http://127.0.0.1:9002/v1' }\n"
    "models:\n"
    "  - { name: m, deployments: [{ provider: p1, model: x },\n"
    "                             { provider: p2, model: x }] }\n"
    "  - { name: n, deployments: [{ provider: p2, model: x }] }\n"
    "routing: { breaker: { consecutive: 2 } }\n";

static const struct answers first_fails = { .status = { [1] = 500 } };
static char text[262144];

static void keep(struct llmp_str piece, void *ctx)
{
    (void)ctx;
    assert_true(piece.len < sizeof(text));
    memcpy(text, piece.ptr, piece.len);
    text[piece.len] = '\0';
}

static void has(const char *line)
{
    const char *at = strstr(text, line);

    if (!at || strstr(at + 1, line)) /* once */
        fail_msg("%s: %s", line, text);
}

static void attempts_are_counted_where_they_were_made(void **state)
{
    struct llmp_worker *other, *own;
    struct routed r;

    (void)state;
    routed_open(&r, yaml);
    assert_int_equal(llmp_worker_new(&other, r.gateway, NULL), LLMP_OK);
    own = r.worker;
    for (int i = 0; i < 2; i++) {
        r.worker = i ? other : own;
        assert_string_equal(
            routed_ask(
                &r, &(struct asked){ .body = HI("m"), .answers = &first_fails })
                .calls,
            "12");
    }
    assert_string_equal(
        routed_ask(&r, &(struct asked){ .body = HI("n") }).calls, "2");
    assert_int_equal(llmp_gateway_write_metrics(r.gateway, keep, NULL),
                     LLMP_OK);
    has("llmgw_deployment_attempts_total{deployment=\"p1/x\",outcome="
        "\"transient\"} 2\n");
    has("llmgw_deployment_attempts_total{deployment=\"p2/x\",outcome=\"ok\"} "
        "3\n");
    has("llmgw_deployment_failovers_total{deployment=\"p1/x\"} 2\n");
    assert_null(strstr(text, "failovers_total{deployment=\"p2/x\"}"));
    has("llmgw_deployment_state{deployment=\"p1/x\",state=\"open\"} 1\n");
    has("llmgw_deployment_state{deployment=\"p1/x\",state=\"closed\"} 0\n");
    has("llmgw_deployment_state{deployment=\"p2/x\",state=\"closed\"} 1\n");
    has("llmgw_deployment_in_flight{deployment=\"p2/x\"} 0\n");
    llmp_worker_free(other);
    r.worker = own;
    routed_close(&r);
}

static void memory_may_be_short(void **state)
{
    struct routed r;

    (void)state;
    routed_open(&r, yaml);
    assert_int_equal(routed_ask(&r, &(struct asked){ .body = HI("m") }).status,
                     200);
    for (int n = 0;; n++) {
        text[0] = '\0';
        faulty_heap_arm(n);

        int rc = llmp_gateway_write_metrics(r.gateway, keep, NULL);

        assert_int_equal(faulty_heap_live(), 0);
        if (rc == LLMP_OK) {
            assert_true(n > 2 && text[0]);
            break;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_int_equal(text[0], '\0');
    }
    faulty_heap_off();
    routed_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attempts_are_counted_where_they_were_made),
        cmocka_unit_test(memory_may_be_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
