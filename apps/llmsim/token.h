/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access tokens, as the OAuth endpoints give them. A token says when it ends
 * and proves that with a MAC under the seed, so no worker has to remember any.
 */
#ifndef LLMSIM_TOKEN_H
#define LLMSIM_TOKEN_H

#include "options.h"

/* Adds a new token; returns when it ends, in milliseconds since 1970. */
uint64_t sim_token_add(const struct sim_options *opts, uint64_t number,
                       struct sim_buf *out);
bool sim_token_is_good(const struct sim_options *opts, struct llmp_str token);

#endif
