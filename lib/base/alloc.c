/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The allocator hook is the library's one mutable global: it has to be the
 * same for every object, and tests replace it to make the n-th request fail.
 */
#include "base/alloc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/internal.h"

static void *libc_resize(void *memory, size_t size)
{
    if (size == 0) {
        free(memory);
        return NULL;
    }
    return realloc(memory, size);
}

static void *(*resize_hook)(void *memory, size_t size) = libc_resize;

void llmp_set_allocator(void *(*resize)(void *memory, size_t size))
{
    resize_hook = resize ? resize : libc_resize;
}

void *llmp_resize(void *memory, size_t size)
{
    assert(size > 0);
    return resize_hook(memory, size);
}

void llmp_free(void *memory)
{
    if (memory)
        (void)resize_hook(memory, 0);
}

void *llmp_alloc(size_t size)
{
    void *memory = resize_hook(NULL, size ? size : 1);

    if (memory)
        memset(memory, 0, size);
    return memory;
}

void *llmp_alloc_array(size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return NULL;
    return llmp_alloc(count * size);
}

char *llmp_strdup(struct llmp_str text)
{
    char *copy = llmp_alloc(text.len + 1);

    if (copy && text.len)
        memcpy(copy, text.ptr, text.len);
    return copy;
}

struct llmp_arena_block {
    struct llmp_arena_block *next;
    size_t size, used;
    _Alignas(max_align_t) char bytes[];
};

void llmp_arena_init(struct llmp_arena *arena, size_t block_size)
{
    *arena = (struct llmp_arena){ .block_size = block_size };
}

static void free_chain(struct llmp_arena_block *block)
{
    while (block) {
        struct llmp_arena_block *next = block->next;

        llmp_free(block);
        block = next;
    }
}

void llmp_arena_fini(struct llmp_arena *arena)
{
    free_chain(arena->first);
    *arena = (struct llmp_arena){ .block_size = arena->block_size };
}

void llmp_arena_reset(struct llmp_arena *arena)
{
    if (arena->first) {
        free_chain(arena->first->next);
        arena->first->next = NULL;
        arena->first->used = 0;
    }
    arena->now = arena->first;
    arena->used = 0;
}

static struct llmp_arena_block *add_block(struct llmp_arena *arena, size_t size)
{
    size_t room = size > arena->block_size ? size : arena->block_size;

    if (room > SIZE_MAX - sizeof(struct llmp_arena_block))
        return NULL;

    struct llmp_arena_block *block = llmp_resize(NULL, sizeof(*block) + room);

    if (!block)
        return NULL;
    *block = (struct llmp_arena_block){ .size = room };
    if (arena->now)
        arena->now->next = block;
    else
        arena->first = block;
    arena->now = block;
    return block;
}

void *llmp_arena_take(struct llmp_arena *arena, size_t size)
{
    struct llmp_arena_block *block = arena->now;
    size_t align = _Alignof(max_align_t);

    if (size > SIZE_MAX - align)
        return NULL;
    size = (size + align - 1) / align * align;
    if (!block || block->size - block->used < size)
        block = add_block(arena, size);
    if (!block)
        return NULL;

    void *memory = block->bytes + block->used;

    block->used += size;
    arena->used += size;
    return memory;
}

struct llmp_str llmp_arena_str(struct llmp_arena *arena, struct llmp_str text,
                               bool *ok)
{
    char *copy = llmp_arena_take(arena, text.len + 1);

    if (!copy) {
        *ok = false;
        return (struct llmp_str){ NULL, 0 };
    }
    if (text.len)
        memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';
    return (struct llmp_str){ copy, text.len };
}

struct llmp_str llmp_arena_printf(struct llmp_arena *arena, const char *format,
                                  ...)
{
    va_list args;

    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);

    char *text = len < 0 ? NULL : llmp_arena_take(arena, (size_t)len + 1);

    if (!text)
        return (struct llmp_str){ NULL, 0 };
    va_start(args, format);
    (void)vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return (struct llmp_str){ text, (size_t)len };
}
