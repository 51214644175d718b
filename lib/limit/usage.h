/* SPDX-License-Identifier: Apache-2.0 */
/* How much of struct llmp_usage every caller has. */
#ifndef LLMP_LIMIT_USAGE_H
#define LLMP_LIMIT_USAGE_H

#include <llmproxy/usage.h>

#define LLMP_USAGE_V1_SIZE \
    (offsetof(struct llmp_usage, requests) + sizeof(uint64_t))

#endif
