/* SPDX-License-Identifier: Apache-2.0 */
/* A request needs some bytes of randomness (ids); a system call for each would
 * cost more than using them. Every thread keeps a stock of its own; what is
 * handed out is wiped from it. */
#include "random.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define STOCK_SIZE 1024

static _Thread_local struct {
    size_t left;
    uint8_t bytes[STOCK_SIZE];
} stock;

static void fill_from_kernel(uint8_t *bytes, size_t size)
{
    while (size > 0) {
        ssize_t got = getrandom(bytes, size, 0);

        if (got < 0 && errno != EINTR)
            abort(); /* no program should go on without randomness */
        if (got <= 0)
            continue;
        bytes += got;
        size -= (size_t)got;
    }
}

void gw_random_fill(void *bytes, size_t size, void *ctx)
{
    (void)ctx;
    if (size > STOCK_SIZE / 4) {
        fill_from_kernel(bytes, size);
        return;
    }
    if (stock.left < size) {
        fill_from_kernel(stock.bytes, STOCK_SIZE);
        stock.left = STOCK_SIZE;
    }
    stock.left -= size;
    memcpy(bytes, stock.bytes + stock.left, size);
    explicit_bzero(stock.bytes + stock.left, size);
}
