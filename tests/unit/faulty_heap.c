/* SPDX-License-Identifier: Apache-2.0 */
#include "faulty_heap.h"

#include <llmproxy/base.h>
#include <stdlib.h>

static int countdown = -1;
static int live;
static int paused;

static void *resize(void *memory, size_t size)
{
    if (size == 0) {
        live -= memory != NULL;
        free(memory);
        return NULL;
    }
    if (countdown == 0 && !paused)
        return NULL; /* this one, and every one after it */
    if (countdown > 0 && !paused)
        countdown--;

    void *grown = realloc(memory, size);

    live += grown && !memory;
    return grown;
}

void faulty_heap_fail_from(int nth)
{
    countdown = nth;
    paused = 0;
}

void faulty_heap_arm(int nth)
{
    faulty_heap_fail_from(nth);
    live = 0;
    llmp_set_allocator(resize);
}

void faulty_heap_pause(int on)
{
    paused = on;
}

int faulty_heap_live(void)
{
    return live;
}

void faulty_heap_off(void)
{
    countdown = -1;
    llmp_set_allocator(NULL);
}
