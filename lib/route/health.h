/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How health is judged, with all defaults in place. Only words of one size, so
 * that two can be compared byte by byte and a router keeps each only once.
 */
#ifndef LLMP_ROUTE_HEALTH_H
#define LLMP_ROUTE_HEALTH_H

#include <llmproxy/route.h>

struct llmp_health {
    uint64_t slot_ns; /* a sixth of the window */
    uint64_t error_permille, error_min, consecutive_max;
    uint64_t jitter_permille;
    uint64_t open_ns, open_ns_max, quota_ns, down_ns;
    uint64_t retry_after_ns_max, probe_ns, stale_ns;
    uint64_t breaker_off, adaptive;
    uint64_t limit_first, limit_min, limit_max, tolerance_permille;
    uint64_t hedge_permille, hedge_samples_min;
};

/* `from` may be NULL: all defaults. */
int llmp_health_read(struct llmp_health *out,
                     const struct llmp_route_health *from,
                     struct llmp_error *err);

/* The retry budget with its defaults; checks it. */
int llmp_retry_budget_read(struct llmp_route_budget_options *budget,
                           struct llmp_error *err);

#endif
