/* SPDX-License-Identifier: Apache-2.0 */
/* Usage that no provider would report: small and huge, consistent or not. */
#ifndef RANDOM_USAGE_H
#define RANDOM_USAGE_H

#include <llmproxy/usage.h>

static inline uint64_t random_u64(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed * 0x2545F4914F6CDD1Du;
}

static inline struct llmp_usage random_usage(uint64_t *seed)
{
    struct llmp_usage usage;

    llmp_usage_init(&usage);
    for (uint64_t *at = &usage.input_tokens; at < &usage.requests; at++) {
        uint64_t choice = random_u64(seed) % 16;

        if (choice < 6)
            continue;
        *at = random_u64(seed) >> (choice == 15 ? 0 : 34 + 2 * choice);
    }
    return usage;
}

#endif
