/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calendar's windows, in UTC: where the one that a moment lies in begins
 * and ends. Pure arithmetic.
 */
#ifndef LLMP_LIMIT_WINDOW_H
#define LLMP_LIMIT_WINDOW_H

#include <llmproxy/limit.h>

struct llmp_span {
    uint64_t begin_s; /* seconds since 1970 */
    uint64_t end_s;   /* UINT64_MAX: it has none */
};

struct llmp_span llmp_window_at(enum llmp_limit_window window,
                                uint64_t wall_ns);

#endif
