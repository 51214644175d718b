/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pricing.h"

#include "base/internal.h"
#include "base/str.h"

static bool split(struct llmp_str id, size_t at,
                  struct llmp_deployment_name *out)
{
    if (at >= id.len || id.ptr[at] != '/')
        return false;
    out->provider = (struct llmp_str){ id.ptr, at };
    out->upstream = (struct llmp_str){ id.ptr + at + 1, id.len - at - 1 };
    return true;
}

struct llmp_deployment_name llmp_deployment_of(const struct llmp_config *config,
                                               struct llmp_str id)
{
    struct llmp_deployment_name out = { .upstream = id };
    const char *slash = id.len ? memchr(id.ptr, '/', id.len) : NULL;

    for (size_t i = 0; i < config->provider_count; i++) {
        const struct llmp_provider *provider = &config->providers[i];

        if (!llmp_str_starts(id, provider->name) ||
            !split(id, provider->name.len, &out))
            continue;
        out.vendor = provider->vendor;
        return out;
    }
    if (slash && split(id, (size_t)(slash - id.ptr), &out))
        out.vendor = out.provider;
    return out;
}

const struct llmp_price *llmp_deployment_price(
    const struct llmp_prices *prices,
    const struct llmp_deployment_name *deployment, uint64_t wall_ns)
{
    const struct llmp_price *price = NULL;

    if (llmp_prices_find(prices, deployment->provider, deployment->upstream,
                         wall_ns, &price) == LLMP_OK ||
        llmp_prices_find(prices, deployment->vendor, deployment->upstream,
                         wall_ns, &price) == LLMP_OK)
        return price;
    return NULL;
}

const struct llmp_price *llmp_provider_price(
    const struct llmp_prices *prices, const struct llmp_provider *provider,
    struct llmp_str upstream, uint64_t wall_ns)
{
    const struct llmp_deployment_name deployment = { .provider = provider->name,
                                                     .vendor = provider->vendor,
                                                     .upstream = upstream };

    return llmp_deployment_price(prices, &deployment, wall_ns);
}

bool llmp_deployment_cost(const struct llmp_config *config,
                          const struct llmp_price *price,
                          const struct llmp_usage *usage,
                          struct llmp_str currency, uint64_t *nanos)
{
    const struct llmp_prices_config *prices = &config->prices;
    struct llmp_price_info info = { .size = sizeof(info) };
    uint64_t cost;

    if (llmp_cost(price, usage, &cost, NULL) != LLMP_OK)
        return false;
    llmp_price_describe(price, &info);
    return llmp_nanos_convert(cost, info.currency, currency, prices->rates,
                              prices->rate_count, nanos) == LLMP_OK;
}
