/* SPDX-License-Identifier: Apache-2.0 */
/* f(0), f(1) … f(255): for tables that the compiler writes out. */
#ifndef LLMP_BASE_TIMES_H
#define LLMP_BASE_TIMES_H

#define LLMP_TIMES_4(f, i) f(i), f((i) + 1), f((i) + 2), f((i) + 3)
#define LLMP_TIMES_16(f, i)                                                 \
    LLMP_TIMES_4(f, i), LLMP_TIMES_4(f, (i) + 4), LLMP_TIMES_4(f, (i) + 8), \
        LLMP_TIMES_4(f, (i) + 12)
#define LLMP_TIMES_64(f, i)                          \
    LLMP_TIMES_16(f, i), LLMP_TIMES_16(f, (i) + 16), \
        LLMP_TIMES_16(f, (i) + 32), LLMP_TIMES_16(f, (i) + 48)
#define LLMP_TIMES_256(f)                                             \
    LLMP_TIMES_64(f, 0), LLMP_TIMES_64(f, 64), LLMP_TIMES_64(f, 128), \
        LLMP_TIMES_64(f, 192)

#endif
