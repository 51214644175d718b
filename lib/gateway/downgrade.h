/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a budget's `downgrade` saves anything: models are compared by what a
 * thousand tokens in and a thousand out cost. Who has no price is not compared.
 */
#ifndef LLMP_GATEWAY_DOWNGRADE_H
#define LLMP_GATEWAY_DOWNGRADE_H

#include "gateway/config.h"

/* A model under the name that a client asks for. */
struct llmp_named_model {
    const struct llmp_model *model;
    struct llmp_str name;
};

/* Both prices are known, and `to` costs more. */
bool llmp_downgrade_is_dearer(const struct llmp_config *config,
                              const struct llmp_prices *prices,
                              struct llmp_named_model from,
                              struct llmp_named_model to, uint64_t wall_ns);

#endif
