/* SPDX-License-Identifier: Apache-2.0 */
/* What scripts/embed.py makes of data/prices.json. */
#ifndef LLMP_LIMIT_PRICE_SHIPPED_H
#define LLMP_LIMIT_PRICE_SHIPPED_H

#include <llmproxy/usage.h>

extern const unsigned char llmp_prices_json[];
extern const size_t llmp_prices_json_size;

#endif
