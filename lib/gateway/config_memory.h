/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a configuration: an arena that remembers what it gave out, so
 * that every byte (keys of providers among them) is wiped before the heap gets
 * it back.
 */
#ifndef LLMP_GATEWAY_CONFIG_MEMORY_H
#define LLMP_GATEWAY_CONFIG_MEMORY_H

#include "base/alloc.h"

struct llmp_config_piece;
struct llmp_config_memory {
    struct llmp_arena arena;
    struct llmp_config_piece *pieces; /* the newest first */
};

void llmp_config_memory_init(struct llmp_config_memory *memory);

/* Wipes, then frees. */
void llmp_config_memory_fini(struct llmp_config_memory *memory);

/* Zeroed memory, or NULL. */
void *llmp_config_take(struct llmp_config_memory *memory, size_t size);
void *llmp_config_take_array(struct llmp_config_memory *memory, size_t count,
                             size_t size);

/* The parts in a row, with a NUL behind them; ptr is NULL when memory is
 * short. */
struct llmp_str llmp_config_join(struct llmp_config_memory *memory,
                                 const struct llmp_str *parts, size_t count);

#endif
