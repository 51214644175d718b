/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a provider's dialect can be told. Found out by telling it: a sample of
 * each feature is translated, so that this cannot differ from what happens to
 * requests.
 */
#ifndef LLMP_WIRE_CAPABILITY_H
#define LLMP_WIRE_CAPABILITY_H

#include "wire/dialect.h"

enum llmp_capability {
    LLMP_CAPABLE,         /* it arrives */
    LLMP_CAPABLE_IGNORED, /* it is left out and changes no answer */
    LLMP_CAPABLE_NOT      /* a request with it is refused, or it is dropped */
};

/* How many features are known; their names, as documented. */
size_t llmp_feature_count(void);
struct llmp_str llmp_feature_name(size_t feature);

/*
 * @param wire  as for a request, with an arena; `drop` and what was lost are
 *              set here
 * @retval LLMP_E_NOMEM  out of memory; else an enum llmp_capability
 */
int llmp_dialect_can(const struct llmp_dialect *dialect, size_t feature,
                     struct llmp_wire *wire);

#endif
