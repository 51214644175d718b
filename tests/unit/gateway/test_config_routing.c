/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what a configuration says about who answers arrives as the router wants
 * it, defaults are the router's own, and what cannot be meant is refused where
 * it stands.
 * Method: texts and the structs they become; memory fails at 0, 1, 2, ….
 */
#include <llmproxy/config.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "config_fixture.h"
#include "faulty_heap.h"
#include "gateway/config.h"

#define P "providers: [{ name: openai }]\n"

static struct llmp_config *read(const char *text)
{
    struct llmp_config *config = NULL;
    struct fixture none = { .env = NULL };
    struct llmp_error err = { 0 };

    if (fixture_parse(&config, text, &none, &err) < 0)
        fail_msg("%s", err.message);
    return config;
}

static void refuses(const char *text, int status, const char *message)
{
    struct llmp_config *config = NULL;
    struct fixture none = { .env = NULL };
    struct llmp_error err = { 0 };

    print_message("# %s\n", message);
    assert_int_equal(fixture_parse(&config, text, &none, &err), status);
    assert_non_null(strstr(err.message, message));
}

/* ---- how deployments are judged ------------------------------------------ */

static void settings_of_health_arrive(void **state)
{
    struct llmp_config *config =
        read(P "routing:\n"
               "  local_region: eu-west\n"
               "  breaker: { enabled: false, window: 10s, error_rate: 20,\n"
               "    min_requests: 7, consecutive: 3, open: 2s, open_max: 8s,\n"
               "    quota: 4s, down: 5m, retry_after_max: 1h, probe: 30s }\n"
               "  retry_budget: { percent: 0, floor: 0, window: 5s }\n"
               "  concurrency: { adaptive: true, first: 8, min: 2, max: 9 }\n");
    const struct llmp_routing_config *r = &config->routing;

    (void)state;
    assert_true(llmp_str_eq(r->local_region, LLMP_STR("eu-west")));
    assert_true(r->health.breaker_off);
    assert_int_equal(r->health.window_ns, 10 * LLMP_NS_PER_S);
    assert_int_equal(r->health.error_permille, 200);
    assert_int_equal(r->health.error_min, 7);
    assert_int_equal(r->health.consecutive_max, 3);
    assert_int_equal(r->health.open_ns, 2 * LLMP_NS_PER_S);
    assert_int_equal(r->health.open_ns_max, 8 * LLMP_NS_PER_S);
    assert_int_equal(r->health.quota_ns, 4 * LLMP_NS_PER_S);
    assert_int_equal(r->health.down_ns, 300 * LLMP_NS_PER_S);
    assert_int_equal(r->health.retry_after_ns_max, 3600 * LLMP_NS_PER_S);
    assert_int_equal(r->health.probe_ns, 30 * LLMP_NS_PER_S);
    assert_true(r->health.adaptive);
    assert_int_equal(r->health.limit_first, 8);
    assert_int_equal(r->health.limit_min, 2);
    assert_int_equal(r->health.limit_max, 9);
    /* There 0 would mean the default. */
    assert_int_equal(r->budget.permille, LLMP_ROUTE_OFF);
    assert_int_equal(r->budget.floor, LLMP_ROUTE_OFF);
    assert_int_equal(r->budget.window_ns, 5 * LLMP_NS_PER_S);
    llmp_config_unref(config);
}

/* As include/llmproxy/route.h has them. */
static void defaults_are_the_routers(void **state)
{
    struct llmp_config *config = read(P);
    const struct llmp_routing_config *r = &config->routing;

    (void)state;
    assert_int_equal(r->local_region.len, 0);
    assert_false(r->health.breaker_off);
    assert_int_equal(r->health.window_ns, 30 * LLMP_NS_PER_S);
    assert_int_equal(r->health.error_permille, 500);
    assert_int_equal(r->health.error_min, 5);
    assert_int_equal(r->health.consecutive_max, 5);
    assert_int_equal(r->health.open_ns, 15 * LLMP_NS_PER_S);
    assert_int_equal(r->health.open_ns_max, 120 * LLMP_NS_PER_S);
    assert_int_equal(r->health.quota_ns, 0); /* as open_ns */
    assert_int_equal(r->health.down_ns, 1800 * LLMP_NS_PER_S);
    assert_int_equal(r->health.retry_after_ns_max, 86400 * LLMP_NS_PER_S);
    assert_int_equal(r->health.probe_ns, 120 * LLMP_NS_PER_S);
    assert_false(r->health.adaptive);
    assert_int_equal(r->health.limit_first, 20);
    assert_int_equal(r->health.limit_min, 4);
    assert_int_equal(r->health.limit_max, 1000);
    assert_int_equal(r->budget.permille, 200);
    assert_int_equal(r->budget.floor, 10);
    assert_int_equal(r->budget.window_ns, 10 * LLMP_NS_PER_S);
    llmp_config_unref(config);
}

static void what_contradicts_itself_is_refused(void **state)
{
    (void)state;
    refuses(P "routing: { breaker: { open: 5m } }\n", LLMP_E_INVALID,
            "the first open time is above the longest");
    refuses(P "routing: { concurrency: { min: 30 } }\n", LLMP_E_INVALID,
            "limits of concurrency are not in order");
    refuses(P "routing: { breaker: { error_rate: 101 } }\n", LLMP_E_INVALID,
            "'error_rate' must be from 1 to 100");
    refuses(P "routing: { breaker: { windwo: 1s } }\n", LLMP_E_INVALID,
            "did you mean 'window'?");
}

/* ---- rules -------------------------------------------------------------- */

#define D                                                                  \
    "models: [{ name: m, deployments: [{ model: a, name: x }, { model: b " \
    "}],\n"

static void rules_name_deployments(void **state)
{
    struct llmp_config *config =
        read(P D "rules: [{ when: { header: { X-A: '1' }, team: [t, u],\n"
                 "  prompt_tokens_min: 5 }, deployments: openai/b },\n"
                 "  { deployments: [x, openai/b] }] }]\n");
    const struct llmp_model *m = &config->models[0];

    (void)state;
    assert_int_equal(m->rule_count, 2);
    assert_int_equal(config->rule_field_count, 1);
    assert_true(llmp_str_eq(config->rule_fields[0], LLMP_STR("x-a")));
    assert_int_equal(m->rules[0].when.field_count, 1);
    assert_int_equal(m->rules[0].when.teams.count, 2);
    assert_int_equal(m->rules[0].when.tokens_min, 5);
    assert_int_equal(m->rules[0].when.tokens_max, UINT64_MAX);
    assert_int_equal(*m->rules[0].allowed, 2);
    assert_int_equal(*m->rules[1].allowed, 3);
    llmp_config_unref(config);
}

static void rules_that_cannot_be_meant_are_refused(void **state)
{
    (void)state;
    refuses(P D "rules: [{ deployments: opeani/b }] }]\n", LLMP_E_NOT_FOUND,
            "the model has no deployment of this name; did you mean "
            "'openai/b'?");
    refuses(P D "rules: [{ when: { tag: a } }] }]\n", LLMP_E_INVALID,
            "'deployments' is missing");
    refuses(P D "rules: [{ when: { header: { Authorization: a } },\n"
                "deployments: x }] }]\n",
            LLMP_E_INVALID, "a rule cannot ask for a credential");
    refuses(P D "rules: [{ when: { prompt_tokens_min: 9, prompt_tokens_max: 8 "
                "},\ndeployments: x }] }]\n",
            LLMP_E_INVALID, "this never holds");
    refuses(P "models: [{ name: m, deployments: [{ model: a, name: x },\n"
              "  { model: b, name: x }] }]\n",
            LLMP_E_INVALID, "a deployment of this 'name' is there twice");
}

/* ---- two at a time, and none at all ------------------------------------ */

static void hedges_and_queues_arrive(void **state)
{
    struct llmp_config *config =
        read(P "models: [{ name: m, hedge: { when: always, after: 70ms },\n"
               "  deployments: [{ model: a, concurrency: 5 }] },\n"
               "  { name: n }]\n"
               "routing: { queue: { size: 7, wait: 2s, priorities: [\n"
               "  { when: { team: t }, priority: critical },\n"
               "  { priority: low } ] } }\n");
    const struct llmp_queue_config *q = &config->routing.queue;

    (void)state;
    assert_int_equal(config->models[0].hedge.when, LLMP_HEDGE_ALWAYS);
    assert_int_equal(config->models[0].hedge.after_ns, 70 * LLMP_NS_PER_MS);
    assert_int_equal(config->models[0].deployments[0].in_flight_max, 5);
    assert_int_equal(config->models[1].hedge.when, LLMP_HEDGE_MARKED);
    assert_int_equal(config->models[1].hedge.after_ns, 0);
    assert_int_equal(config->models[1].deployments[0].in_flight_max, 0);
    assert_int_equal(q->size, 7);
    assert_int_equal(q->wait_ms, 2000);
    assert_int_equal(q->rule_count, 2);
    assert_int_equal(q->rules[0].priority, LLMP_PRIORITY_CRITICAL);
    assert_int_equal(q->rules[0].when.teams.count, 1);
    assert_int_equal(q->rules[1].priority, LLMP_PRIORITY_LOW);
    llmp_config_unref(config);
    refuses(P "routing: { queue: { priorities: [ { when: { tag: a } } ] } }\n",
            LLMP_E_INVALID, "'priority' is missing");
    refuses(P "models: [{ name: m, hedge: { when: often } }]\n", LLMP_E_INVALID,
            "'when' must be one of");
}

/* ---- complexity --------------------------------------------------------- */

#define C "models: [{ name: m, strategy: complexity, "

static void points_arrive_or_have_defaults(void **state)
{
    struct llmp_config *config =
        read(P C "complexity: { rules: [{ feature: steps, points: -3 },\n"
                 "  { feature: term, term: a b, at_least: 2, points: 4 }],\n"
                 "  thresholds: [-1, 0, 7] } }]\n");
    const struct llmp_complexity_config *c = &config->models[0].complexity;

    (void)state;
    assert_int_equal(c->rule_count, 2);
    assert_int_equal(c->rules[0].feature, LLMP_FEATURE_STEPS);
    assert_int_equal(c->rules[0].points, -3);
    assert_int_equal(c->rules[0].at_least, 1);
    assert_true(llmp_str_eq(c->rules[1].term, LLMP_STR("a b")));
    assert_int_equal(c->threshold_count, 3);
    assert_int_equal(c->thresholds[0], -1);
    assert_int_equal(c->thresholds[2], 7);
    llmp_config_unref(config);
    config = read(P "models: [{ name: m, strategy: complexity }]\n");
    c = &config->models[0].complexity;
    assert_true(c->rule_count > 3);
    assert_int_equal(c->threshold_count, 2);
    llmp_config_unref(config);
}

static void points_that_cannot_be_meant_are_refused(void **state)
{
    (void)state;
    refuses(P "models: [{ name: m, complexity: { thresholds: 1 } }]\n",
            LLMP_E_INVALID, "does nothing without 'strategy: complexity'");
    refuses(P C "complexity: { thresholds: [2, 2] } }]\n", LLMP_E_INVALID,
            "'thresholds' must rise");
    refuses(P C "complexity: { thresholds: [a] } }]\n", LLMP_E_TYPE,
            "'thresholds' must be whole numbers");
    refuses(P C "complexity: { rules: [{ feature: turns, points: 1.5 }] } }]\n",
            LLMP_E_TYPE, "'points' must be a whole number");
    refuses(P C "complexity: { rules: [{ feature: turns, points: -1000001 }] } "
                "}]\n",
            LLMP_E_INVALID, "'points' must be from -1000000 to 1000000");
    refuses(P C "complexity: { rules: [{ feature: turn, points: 1 }] } }]\n",
            LLMP_E_INVALID, "did you mean 'turns'?");
    refuses(P C "complexity: { rules: [{ feature: term, points: 1 }] } }]\n",
            LLMP_E_INVALID, "go together");
}

/* ---- memory -------------------------------------------------------------- */

static const char everything[] =
    P "routing: { local_region: a, breaker: { open: 1s }, queue: {\n"
      "  priorities: [{ when: { key: k, tag: t }, priority: low }] } }\n" D
      "residency: [a, b], rules: [{ when: { header: { a: b, c: d }, tag: t,\n"
      "  key: k, team: t }, deployments: [x, openai/b] }],\n"
      "strategy: complexity, complexity: { thresholds: [1, 2],\n"
      "  rules: [{ feature: turns, points: 1 }] } }]\n";

static void survives_every_allocation_failure(void **state)
{
    (void)state;
    for (int n = 0;; n++) {
        struct llmp_config *config = NULL;
        struct fixture none = { .env = NULL };
        struct llmp_error err = { 0 };

        faulty_heap_arm(n);

        int rc = fixture_parse(&config, everything, &none, &err);

        if (rc == LLMP_OK) {
            llmp_config_unref(config);
            assert_int_equal(faulty_heap_live(), 0);
            assert_true(n > 3);
            break;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_null(config);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_off();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_of_health_arrive),
        cmocka_unit_test(defaults_are_the_routers),
        cmocka_unit_test(what_contradicts_itself_is_refused),
        cmocka_unit_test(hedges_and_queues_arrive),
        cmocka_unit_test(points_arrive_or_have_defaults),
        cmocka_unit_test(points_that_cannot_be_meant_are_refused),
        cmocka_unit_test(rules_name_deployments),
        cmocka_unit_test(rules_that_cannot_be_meant_are_refused),
        cmocka_unit_test(survives_every_allocation_failure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
