/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The router's view of a configuration: a set of deployments for each model.
 * Made with it and counted; what is known of deployments is in the router,
 * which outlives both.
 */
#ifndef LLMP_GATEWAY_ROUTES_H
#define LLMP_GATEWAY_ROUTES_H

#include <llmproxy/route.h>
#include <llmproxy/usage.h>

#include "gateway/config.h"

struct llmp_routes;

/* Regions, as numbers of the router, that something must stay in. */
struct llmp_regions {
    uint64_t bits;
    bool bound; /* else it may go anywhere */
};

/* What must stay in both. */
static inline void llmp_regions_narrow(struct llmp_regions *to,
                                       struct llmp_regions by)
{
    if (!by.bound)
        return;
    to->bits = to->bound ? to->bits & by.bits : by.bits;
    to->bound = true;
}

int llmp_regions_of(struct llmp_regions *out, struct llmp_router *router,
                    const struct llmp_residency *residency,
                    struct llmp_error *err);

int llmp_routes_new(struct llmp_routes **out, struct llmp_router *router,
                    const struct llmp_config *config,
                    const struct llmp_prices *prices, struct llmp_error *err);
struct llmp_routes *llmp_routes_ref(struct llmp_routes *routes);
void llmp_routes_unref(struct llmp_routes *routes); /* accepts NULL */

/* The set of the model with this index. */
struct llmp_route_set *llmp_routes_of(const struct llmp_routes *routes,
                                      uint32_t model);

/* What the configuration says of where its requests must stay. */
struct llmp_regions llmp_routes_regions(const struct llmp_routes *routes,
                                        uint32_t model);

/* Whether any of its deployments is there. */
bool llmp_routes_reach(const struct llmp_routes *routes, uint32_t model,
                       struct llmp_regions regions);

/* Where this gateway is; 0: nobody said. */
uint32_t llmp_routes_local_region(const struct llmp_routes *routes);

/* What a thousand tokens in and as many out cost there, in 10^-9 of the
 * configured currency; UINT64_MAX: nobody knows. */
uint64_t llmp_routes_price(const struct llmp_model *model,
                           const struct llmp_deployment *deployment,
                           const struct llmp_config *config,
                           const struct llmp_prices *prices);

#endif
