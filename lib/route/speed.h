/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast one is: two moving means in one word, the time to the first token
 * and the time for each token after it. Not of the whole answer: that says how
 * much was asked for. What is old counts less and less, so that who was slow
 * once is tried again.
 */
#ifndef LLMP_ROUTE_SPEED_H
#define LLMP_ROUTE_SPEED_H

#include <stdatomic.h>
#include <stdint.h>

struct llmp_speed {
    _Atomic uint64_t means; /* first token in µs, high; a token in ns, low; 0:
                               not known */
    _Atomic uint64_t seen_ns;
};

struct llmp_pace {
    uint64_t ttft_ns, token_ns; /* 0: not known */
};

/* 0 where nothing was measured. */
void llmp_speed_add(struct llmp_speed *speed, uint64_t ttft_ns,
                    uint64_t token_ns, uint64_t now_ns);

struct llmp_pace llmp_speed_get(const struct llmp_speed *speed);

/* Expected time of so many tokens, less when it was measured long ago; 0: not
 * known. */
uint64_t llmp_speed_cost(const struct llmp_speed *speed, uint64_t tokens,
                         uint64_t stale_ns, uint64_t now_ns);

/* A moving mean of 32 bits: an eighth of the new one. 0 is "none yet". */
uint32_t llmp_mean_next(uint32_t mean, uint64_t sample);

#endif
