/* SPDX-License-Identifier: Apache-2.0 */
/* What fuzz targets share: cutting input at places that it chooses itself. */
#ifndef FUZZ_H
#define FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Never 0. */
static inline uint64_t fuzz_seed(const uint8_t *data, size_t size)
{
    uint64_t seed = 0xCBF29CE484222325u;

    for (size_t i = 0; i < size; i++)
        seed = (seed ^ data[i]) * 0x100000001B3u;
    return seed ? seed : 1;
}

/* The size of the next piece: mostly small, at times all that is left. With
 * a seed of 0 always that. */
static inline size_t fuzz_piece(uint64_t *seed, size_t left)
{
    if (*seed == 0)
        return left;
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;

    size_t n = (size_t)(*seed >> 20) % (*seed & 1 ? 4 : 300);

    return n < left ? n : left;
}

#endif
