/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything here that looks random comes from the seed and the number of the
 * request, so the same requests in the same order give the same answers.
 */
#ifndef LLMSIM_RANDOM_H
#define LLMSIM_RANDOM_H

#include <llmproxy/base.h>

struct sim_random {
    uint64_t state;
};

struct sim_random sim_random_of(uint64_t seed, uint64_t number);
uint64_t sim_random_u64(struct sim_random *random);
/* 0 ≤ result < 1. */
double sim_random_unit(struct sim_random *random);

/* A time in milliseconds, fixed or drawn anew for each request. */
struct sim_delay {
    enum { SIM_FIXED, SIM_UNIFORM, SIM_LOGNORMAL } kind;
    double a, b; /* value; from, to; median, sigma of the logarithm */
};

/* "200", "50..300", "lognormal:200:0.5"; false on anything else. */
bool sim_delay_parse(struct sim_delay *delay, struct llmp_str text);
uint64_t sim_delay_ns(const struct sim_delay *delay, struct sim_random *random);

/* A plain decimal number of the whole text, not negative. */
bool sim_number_parse(double *number, struct llmp_str text);

#endif
