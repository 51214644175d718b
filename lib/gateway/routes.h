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

int llmp_routes_new(struct llmp_routes **out, struct llmp_router *router,
                    const struct llmp_config *config,
                    const struct llmp_prices *prices, struct llmp_error *err);
struct llmp_routes *llmp_routes_ref(struct llmp_routes *routes);
void llmp_routes_unref(struct llmp_routes *routes); /* accepts NULL */

/* The set of the model with this index. */
struct llmp_route_set *llmp_routes_of(const struct llmp_routes *routes,
                                      uint32_t model);

#endif
