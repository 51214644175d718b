/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantiles of recent times: a histogram of eight steps an octave from 1 ms to
 * about two minutes, so an answer is off by 6 % at most. When it is full all
 * counts are halved: what was seen last counts most. Threads add without a
 * lock; a count that is lost while it is halved is borne.
 */
#ifndef LLMP_ROUTE_QUANTILE_H
#define LLMP_ROUTE_QUANTILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { LLMP_QUANTILE_STEPS = 8, LLMP_QUANTILE_BUCKETS = 17 * 8 };

struct llmp_quantile {
    _Atomic uint32_t total;
    _Atomic uint32_t counts[LLMP_QUANTILE_BUCKETS];
};

void llmp_quantile_add(struct llmp_quantile *q, uint64_t ns);

bool llmp_quantile_any(const struct llmp_quantile *q);

/* 0 if nothing was added. */
uint64_t llmp_quantile_get(const struct llmp_quantile *q, uint32_t permille);

#endif
