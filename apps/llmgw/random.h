/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness from the kernel, bought in bulk. */
#ifndef LLMGW_RANDOM_H
#define LLMGW_RANDOM_H

#include <stddef.h>

/* Fills `size` bytes; any thread; cannot fail. For struct llmp_random. */
void gw_random_fill(void *bytes, size_t size, void *ctx);

#endif
