/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* memmem */
#include "random.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "mem.h"

/* No single delay is longer than an hour. */
#define DELAY_MS_MAX 3600000.0

/* splitmix64: every state gives another value, which is enough here. */
uint64_t sim_random_u64(struct sim_random *random)
{
    uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);

    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

struct sim_random sim_random_of(uint64_t seed, uint64_t number)
{
    struct sim_random random = { seed };

    random.state = sim_random_u64(&random) + number;
    random.state = sim_random_u64(&random);
    return random;
}

double sim_random_unit(struct sim_random *random)
{
    return (double)(sim_random_u64(random) >> 11) * 0x1p-53;
}

bool sim_number_parse(double *number, struct llmp_str text)
{
    char copy[32];
    char *end;

    if (text.len == 0 || text.len >= sizeof(copy) || text.ptr[0] < '0' ||
        text.ptr[0] > '9')
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = '\0';

    double value = strtod(copy, &end);

    if (*end || !isfinite(value))
        return false;
    *number = value;
    return true;
}

static bool parse_two(struct llmp_str text, const char *between, double *a,
                      double *b)
{
    const char *at = memmem(text.ptr, text.len, between, strlen(between));

    if (!at)
        return false;

    size_t first = (size_t)(at - text.ptr), second = first + strlen(between);

    return sim_number_parse(a, (struct llmp_str){ text.ptr, first }) &&
           sim_number_parse(
               b, (struct llmp_str){ text.ptr + second, text.len - second });
}

bool sim_delay_parse(struct sim_delay *delay, struct llmp_str text)
{
    static const char lognormal[] = "lognormal:";
    struct sim_delay d = { .kind = SIM_FIXED };

    if (sim_str_starts(text, lognormal)) {
        size_t skip = sizeof(lognormal) - 1;

        d.kind = SIM_LOGNORMAL;
        text = (struct llmp_str){ text.ptr + skip, text.len - skip };
        if (!parse_two(text, ":", &d.a, &d.b))
            return false;
    } else if (parse_two(text, "..", &d.a, &d.b)) {
        d.kind = SIM_UNIFORM;
        if (d.b < d.a)
            return false;
    } else if (!sim_number_parse(&d.a, text)) {
        return false;
    }
    *delay = d;
    return true;
}

/* Box and Muller's: two uniform numbers give a normal one. */
static double normal(struct sim_random *random)
{
    double radius = sqrt(-2 * log(1 - sim_random_unit(random)));

    return radius * cos(2 * M_PI * sim_random_unit(random));
}

uint64_t sim_delay_ns(const struct sim_delay *delay, struct sim_random *random)
{
    double ms = delay->a;

    if (delay->kind == SIM_UNIFORM)
        ms += (delay->b - delay->a) * sim_random_unit(random);
    else if (delay->kind == SIM_LOGNORMAL)
        ms *= exp(delay->b * normal(random));
    return (uint64_t)(fmin(ms, DELAY_MS_MAX) * 1e6);
}
