/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/routes.h"

#include <stdatomic.h>

#include "base/internal.h"
#include "gateway/pricing.h"

/* What a model's requests can and may reach. */
struct place {
    struct llmp_route_set *set;
    struct llmp_lines *lines;    /* NULL: nobody waits */
    struct llmp_regions regions; /* where they must stay */
    uint64_t reach;              /* bits of its deployments' regions */
};

struct llmp_routes {
    atomic_uint refs;
    uint32_t local_region;
    size_t count;
    struct place places[]; /* by the model's index */
};

int llmp_regions_of(struct llmp_regions *out, struct llmp_router *router,
                    const struct llmp_residency *residency,
                    struct llmp_error *err)
{
    struct llmp_regions regions = { .bound = residency->count > 0 };

    for (size_t i = 0; i < residency->count; i++) {
        uint32_t region;

        LLMP_TRY(
            llmp_router_region(&region, router, residency->regions[i], err));
        regions.bits |= llmp_route_region_bit(region);
    }
    *out = regions;
    return LLMP_OK;
}

/* The price that will hold longest is the one to compare by. */
uint64_t llmp_routes_price(const struct llmp_model *model,
                           const struct llmp_deployment *deployment,
                           const struct llmp_config *config,
                           const struct llmp_prices *prices)
{
    const struct llmp_price *price = llmp_provider_price(
        prices, deployment->provider,
        llmp_model_upstream(model, deployment, model->name), UINT64_MAX - 1);
    struct llmp_usage usage;
    uint64_t nanos;

    llmp_usage_init(&usage);
    usage.requests = 1;
    usage.input_tokens = usage.output_tokens = 1000;
    return price && llmp_deployment_cost(config, price, &usage,
                                         config->prices.currency, &nanos)
               ? nanos
               : UINT64_MAX;
}

static int make_set(struct llmp_route_set **out, struct llmp_router *router,
                    const struct llmp_model *model,
                    const struct llmp_config *config,
                    const struct llmp_prices *prices, struct llmp_error *err)
{
    struct llmp_route_deployment *list =
        llmp_alloc_array(model->deployment_count, sizeof(*list));
    struct llmp_route_set_options options;
    int rc;

    LLMP_ENSURE(list, err, LLMP_E_NOMEM, "no memory for routes");
    for (size_t i = 0; i < model->deployment_count; i++) {
        const struct llmp_deployment *d = &model->deployments[i];

        list[i] = (struct llmp_route_deployment){
            .id = d->id,
            .region = d->region,
            .credentials = d->provider->credential_count
                               ? d->provider->credential_ids
                               : NULL,
            .credential_count = d->provider->credential_count,
            .weight = d->weight,
            .tier = d->tier,
            .level = d->level,
            .in_flight_max = d->in_flight_max,
            .price = llmp_routes_price(model, d, config, prices),
            .health = &config->routing.health,
        };
    }
    llmp_route_set_options_init(&options);
    options.strategy = model->strategy;
    options.deployments = list;
    options.count = model->deployment_count;
    rc = llmp_route_set_new(out, router, &options, err);
    llmp_free(list);
    return rc;
}

static int make_place(struct place *place, struct llmp_router *router,
                      const struct llmp_model *model,
                      const struct llmp_config *config,
                      const struct llmp_prices *prices, struct llmp_error *err)
{
    LLMP_TRY(make_set(&place->set, router, model, config, prices, err));
    for (size_t i = 0; i < model->deployment_count; i++) {
        uint32_t region;

        LLMP_TRY(llmp_router_region(&region, router,
                                    model->deployments[i].region, err));
        place->reach |= llmp_route_region_bit(region);
    }
    return llmp_regions_of(&place->regions, router, &model->residency, err);
}

static void unrefp(struct llmp_routes **routes)
{
    llmp_routes_unref(*routes);
}

int llmp_routes_new(struct llmp_routes **out, struct llmp_router *router,
                    const struct llmp_config *config,
                    const struct llmp_prices *prices, struct llmp_error *err)
{
    LLMP_AUTO(unrefp)
    struct llmp_routes *routes = llmp_alloc(
        sizeof(*routes) + config->model_count * sizeof(routes->places[0]));

    LLMP_ENSURE(routes, err, LLMP_E_NOMEM, "no memory for routes");
    atomic_init(&routes->refs, 1);
    routes->count = config->model_count;
    for (size_t i = 0; i < config->model_count; i++)
        LLMP_TRY(make_place(&routes->places[i], router, &config->models[i],
                            config, prices, err));
    LLMP_TRY(llmp_router_region(&routes->local_region, router,
                                config->routing.local_region, err));
    *out = llmp_steal(&routes);
    return LLMP_OK;
}

struct llmp_routes *llmp_routes_ref(struct llmp_routes *routes)
{
    atomic_fetch_add_explicit(&routes->refs, 1, memory_order_relaxed);
    return routes;
}

void llmp_routes_unref(struct llmp_routes *routes)
{
    if (!routes ||
        atomic_fetch_sub_explicit(&routes->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < routes->count; i++)
        llmp_route_set_unref(routes->places[i].set);
    llmp_free(routes);
}

struct llmp_route_set *llmp_routes_of(const struct llmp_routes *routes,
                                      uint32_t model)
{
    assert(model < routes->count);
    return routes->places[model].set;
}

struct llmp_regions llmp_routes_regions(const struct llmp_routes *routes,
                                        uint32_t model)
{
    assert(model < routes->count);
    return routes->places[model].regions;
}

bool llmp_routes_reach(const struct llmp_routes *routes, uint32_t model,
                       struct llmp_regions regions)
{
    assert(model < routes->count);
    return !regions.bound || (routes->places[model].reach & regions.bits);
}

uint32_t llmp_routes_local_region(const struct llmp_routes *routes)
{
    return routes->local_region;
}
