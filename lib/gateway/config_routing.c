/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How deployments are judged -> settings of the router. What goes together is
 * known there: a router is made of them once, for its opinion.
 */
#include "base/internal.h"
#include "gateway/config_check.h"

static uint64_t ns_of(const struct llmp_setting *ms)
{
    return llmp_mul_sat(ms->number, LLMP_NS_PER_MS);
}

/* There 0 means "default". */
static uint32_t or_off(uint64_t number)
{
    return number ? (uint32_t)number : LLMP_ROUTE_OFF;
}

static void fill_health(struct llmp_route_health *health,
                        const struct llmp_draft_breaker *breaker,
                        const struct llmp_draft_concurrency *concurrency)
{
    llmp_route_health_init(health);
    health->breaker_off = !breaker->enabled.number;
    health->window_ns = ns_of(&breaker->window);
    health->error_permille = (uint32_t)breaker->error_rate.number * 10;
    health->error_min = (uint32_t)breaker->min_requests.number;
    health->consecutive_max = (uint32_t)breaker->consecutive.number;
    health->open_ns = ns_of(&breaker->open);
    health->open_ns_max = ns_of(&breaker->open_max);
    health->quota_ns = ns_of(&breaker->quota);
    health->down_ns = ns_of(&breaker->down);
    health->retry_after_ns_max = ns_of(&breaker->retry_after_max);
    health->probe_ns = ns_of(&breaker->probe);
    health->adaptive = concurrency->adaptive.number;
    health->limit_first = (uint32_t)concurrency->first.number;
    health->limit_min = (uint32_t)concurrency->min.number;
    health->limit_max = (uint32_t)concurrency->max.number;
}

int llmp_check_objects(struct llmp_reading *reading,
                       const struct llmp_draft_objects *draft)
{
    struct llmp_objects_config *objects = &reading->config->objects;

    objects->shared = draft->shared.number != 0;
    objects->batches_unguarded = draft->batches.number != 0;
    objects->model = draft->model.text;
    if (draft->model.node &&
        !llmp_config_model(reading->config, draft->model.text))
        return llmp_reading_fail(reading, draft->model.node, LLMP_E_NOT_FOUND,
                                 "there is no model of this name");
    return LLMP_OK;
}

int llmp_check_routing(struct llmp_reading *reading,
                       const struct llmp_draft_routing *draft)
{
    struct llmp_routing_config *routing = &reading->config->routing;
    struct llmp_router_options options;
    struct llmp_router *router;
    struct llmp_error err;

    routing->local_region = draft->local_region.text;
    fill_health(&routing->health, &draft->breaker, &draft->concurrency);
    routing->budget = (struct llmp_route_budget_options){
        .permille = or_off(draft->retry_budget.percent.number * 10),
        .floor = or_off(draft->retry_budget.floor.number),
        .window_ns = ns_of(&draft->retry_budget.window),
    };
    routing->checks = (struct llmp_check_config){
        .interval_ns = ns_of(&draft->checks.interval),
        .timeout_ns = ns_of(&draft->checks.timeout),
        .failures = (uint32_t)draft->checks.failures.number,
    };
    routing->queue.size = draft->queue.size.number;
    routing->queue.wait_ms = draft->queue.wait.number;
    LLMP_TRY(llmp_check_priorities(reading, &draft->queue.priorities,
                                   &routing->queue));
    llmp_router_options_init(&options);
    options.health = &routing->health;
    options.budget = routing->budget;

    int rc = llmp_router_new(&router, &options, &err);

    if (rc == LLMP_E_NOMEM)
        return llmp_reading_nomem(reading);
    if (rc < 0)
        return llmp_reading_fail(reading, draft->node, LLMP_E_INVALID, "%s",
                                 err.message);
    llmp_router_free(router);
    return LLMP_OK;
}
