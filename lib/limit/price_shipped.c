/* SPDX-License-Identifier: Apache-2.0 */
/* The table that the library ships: data/prices.json as it is in the tree. */
#include "limit/price_shipped.h"

struct llmp_str llmp_prices_shipped_text(void)
{
    return (struct llmp_str){ (const char *)llmp_prices_json,
                              llmp_prices_json_size };
}

int llmp_prices_shipped(struct llmp_prices **out, struct llmp_error *err)
{
    return llmp_prices_parse(out, llmp_prices_shipped_text(), err);
}
