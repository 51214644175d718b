/* SPDX-License-Identifier: Apache-2.0 */
/* Roots and powers to one per cent, which is what statistics of a few dozen
 * requests are good for; the library links no libm. */
#ifndef LLMP_GUARD_ANOMALY_MATH_H
#define LLMP_GUARD_ANOMALY_MATH_H

#include <stdint.h>
#include <string.h>

/* @param x  >= 1 */
static inline float llmp_log2(float x)
{
    uint32_t bits;
    float rest;

    memcpy(&bits, &x, sizeof(bits));

    float whole = (float)(int32_t)((bits >> 23 & 0xff) - 127);

    bits = (bits & 0x7fffff) | 0x3f800000;
    memcpy(&rest, &bits, sizeof(rest));
    /* The parabola through both ends of [1, 2]: at most .009 off. */
    return whole + (2 - rest / 3) * rest - 5.0f / 3;
}

/* @param x  > 0 */
static inline float llmp_root(float x)
{
    uint32_t bits;
    float root;

    memcpy(&bits, &x, sizeof(bits));
    bits = (bits >> 1) + 0x1fbd1df5; /* half of the exponent */
    memcpy(&root, &bits, sizeof(root));
    root = (root + x / root) / 2; /* Newton, twice */
    return (root + x / root) / 2;
}

/* What is left of one after so many half-lives: 2^-(time / half). */
static inline float llmp_decay(uint64_t time, uint64_t half)
{
    uint64_t whole = time / half;
    float x = (float)((double)(time % half) / (double)half);

    if (whole >= 60)
        return 0;
    /* e^(-x ln 2) as far as x^4: at most .002 off. */
    x = 1 + x * (-.69315f + x * (.24023f + x * (-.0555f + x * .0096f)));
    return x / (float)((uint64_t)1 << whole);
}

#endif
