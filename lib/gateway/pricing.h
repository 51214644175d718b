/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a deployment costs: its own price, else its vendor's, and the cost of a
 * call in the currency that is wanted.
 */
#ifndef LLMP_GATEWAY_PRICING_H
#define LLMP_GATEWAY_PRICING_H

#include "gateway/access.h"

/* A deployment's name taken apart. */
struct llmp_deployment_name {
    struct llmp_str provider, vendor, upstream;
};

/* "provider/model", as a ledger's row has it. A provider that the file does not
 * have any more is its own vendor. */
struct llmp_deployment_name llmp_deployment_of(const struct llmp_config *config,
                                               struct llmp_str id);

/* NULL: nobody knows. */
const struct llmp_price *llmp_deployment_price(
    const struct llmp_prices *prices,
    const struct llmp_deployment_name *deployment, uint64_t wall_ns);

/* The same of what a provider calls `upstream`. */
const struct llmp_price *llmp_provider_price(
    const struct llmp_prices *prices, const struct llmp_provider *provider,
    struct llmp_str upstream, uint64_t wall_ns);

/* False: unknown, also because no rate leads to `currency`. */
bool llmp_deployment_cost(const struct llmp_config *config,
                          const struct llmp_price *price,
                          const struct llmp_usage *usage,
                          struct llmp_str currency, uint64_t *nanos);

#endif
