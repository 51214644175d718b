/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arena of lib/base does not tell where its blocks are, and need not: each
 * piece carries its own size and the way to the piece before it.
 */
#include "gateway/config_memory.h"

#include <openssl/crypto.h>
#include <string.h>

#define BLOCK_SIZE 4096

struct llmp_config_piece {
    struct llmp_config_piece *before;
    size_t size;
    _Alignas(max_align_t) char bytes[];
};

void llmp_config_memory_init(struct llmp_config_memory *memory)
{
    *memory = (struct llmp_config_memory){ 0 };
    llmp_arena_init(&memory->arena, BLOCK_SIZE);
}

void llmp_config_memory_fini(struct llmp_config_memory *memory)
{
    for (struct llmp_config_piece *p = memory->pieces; p; p = p->before)
        OPENSSL_cleanse(p->bytes, p->size);
    memory->pieces = NULL;
    llmp_arena_fini(&memory->arena);
}

void *llmp_config_take(struct llmp_config_memory *memory, size_t size)
{
    if (size > SIZE_MAX - sizeof(struct llmp_config_piece))
        return NULL;

    struct llmp_config_piece *piece =
        llmp_arena_take(&memory->arena, sizeof(*piece) + size);

    if (!piece)
        return NULL;
    *piece =
        (struct llmp_config_piece){ .before = memory->pieces, .size = size };
    memset(piece->bytes, 0, size);
    memory->pieces = piece;
    return piece->bytes;
}

void *llmp_config_take_array(struct llmp_config_memory *memory, size_t count,
                             size_t size)
{
    if (size && count > SIZE_MAX / size)
        return NULL;
    return llmp_config_take(memory, count * size);
}

struct llmp_str llmp_config_join(struct llmp_config_memory *memory,
                                 const struct llmp_str *parts, size_t count)
{
    size_t len = 0;

    for (size_t i = 0; i < count; i++)
        len += parts[i].len;

    char *text = llmp_config_take(memory, len + 1);

    if (!text)
        return (struct llmp_str){ NULL, 0 };

    size_t at = 0;

    for (size_t i = 0; i < count; i++) {
        if (parts[i].len)
            memcpy(text + at, parts[i].ptr, parts[i].len);
        at += parts[i].len;
    }
    return (struct llmp_str){ text, len };
}
