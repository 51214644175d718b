/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker's counters. Only its thread writes; /metrics reads from any
 * thread, so members are relaxed atomics and series are only ever added.
 */
#ifndef LLMP_GATEWAY_METRICS_H
#define LLMP_GATEWAY_METRICS_H

#include <llmproxy/gateway.h>
#include <llmproxy/guardrail.h>
#include <llmproxy/limit.h>
#include <llmproxy/route.h>
#include <stdatomic.h>

#include "guard/anomaly.h"

enum {
    LLMP_METRIC_BUCKETS = 18, /* with the one for everything larger */
    LLMP_METRIC_SCORES = 11,  /* buckets of ten, and one for 0 */
    LLMP_METRIC_SERIES_MAX = 1024,
    LLMP_METRIC_DEPLOYMENTS_MAX = 1024,
    LLMP_ENDINGS = LLMP_END_OVERTAKEN + 1,
};

struct llmp_histogram {
    atomic_uint_fast64_t count[LLMP_METRIC_BUCKETS];
    atomic_uint_fast64_t sum; /* ns, or tokens */
};

/* One operation, model and provider. */
struct llmp_series {
    struct llmp_series *next; /* in its hash chain */
    const char *operation, *model, *provider;
    atomic_uint_fast64_t endings[LLMP_ENDINGS];
    atomic_uint_fast64_t statuses[6]; /* by hundreds; 0: none sent */
    atomic_uint_fast64_t usage_unknown, usage_estimated;
    atomic_uint_fast64_t cost_nano, cost_unknown;
    atomic_uint_fast64_t request_bytes, response_bytes, events;
    atomic_uint_fast64_t cached_tokens, reasoning_tokens;
    struct llmp_histogram duration, first_token, per_token, own, upstream;
    struct llmp_histogram input_tokens, output_tokens;
};

/* Attempts at one deployment. */
struct llmp_attempts {
    struct llmp_attempts *next; /* in its hash chain */
    const char *id;
    atomic_uint_fast64_t outcomes[LLMP_ROUTE_CLASSES];
    atomic_uint_fast64_t failovers; /* another attempt followed */
    atomic_uint_fast64_t hedges[2]; /* that were lost, that were won */
};

struct llmp_metrics {
    struct llmp_series *_Atomic series[LLMP_METRIC_SERIES_MAX];
    atomic_uint series_count;
    struct llmp_series *chains[256];
    struct llmp_attempts *_Atomic attempts[LLMP_METRIC_DEPLOYMENTS_MAX];
    atomic_uint attempts_count;
    struct llmp_attempts *attempt_chains[64];
    atomic_uint_fast64_t in_flight;
    atomic_uint_fast64_t dropped;  /* exchanges whose series found no place */
    struct llmp_histogram turns;   /* of the loop */
    atomic_uint_fast64_t queue[2]; /* by enum llmp_queue_event */
    atomic_uint_fast64_t limited[LLMP_LIMIT_KINDS][LLMP_LIMIT_UNITS];
    atomic_uint_fast64_t guarded[LLMP_GUARD_ACTIONS];
    atomic_uint_fast64_t guard_calls[2]; /* failed; answered */
    atomic_uint_fast64_t anomaly_scores[LLMP_METRIC_SCORES], anomaly_sum;
    atomic_uint_fast64_t anomalies[LLMP_ANOMALY_FEATURES]; /* past the mark */
};

enum llmp_queue_event { LLMP_QUEUE_JOINED, LLMP_QUEUE_REFUSED };
void llmp_metrics_queue(struct llmp_metrics *metrics,
                        enum llmp_queue_event event);

void llmp_metrics_fini(struct llmp_metrics *metrics);

/* Whether names that clients chose may still become series: half of the places
 * are for configured ones. */
bool llmp_metrics_has_room(const struct llmp_metrics *metrics);

/* Counts one ended exchange. */
void llmp_metrics_record(struct llmp_metrics *metrics, struct llmp_str model,
                         const struct llmp_summary *summary);

/* Counts one refusal by a limit. */
void llmp_metrics_limited(struct llmp_metrics *metrics,
                          enum llmp_limit_kind kind, enum llmp_limit_unit unit);

/* Counts one exchange that guards looked at, by the strongest of what they did.
 */
void llmp_metrics_guarded(struct llmp_metrics *metrics,
                          enum llmp_guard_action action);

/* Counts one call of somebody whom guards ask. */
void llmp_metrics_guard_call(struct llmp_metrics *metrics, bool answered);

/* Counts one turn of the worker's loop. */
void llmp_metrics_turn(struct llmp_metrics *metrics, uint64_t turn_ns);

/* The histograms' upper bounds: of times in ns, or of tokens. */
const uint64_t *llmp_metrics_bounds(bool tokens);

/* Writes the sum over a list of workers in Prometheus text format. */
struct llmp_buf;
struct llmp_worker;
void llmp_metrics_write(struct llmp_buf *out,
                        const struct llmp_worker *workers);

/* metrics_route.c ----------------------------------------------------------*/

/* Counts one attempt that has ended. What finds no place is not counted: there
 * are as many places as a configuration has deployments, nearly always. */
void llmp_metrics_attempt(struct llmp_metrics *metrics,
                          struct llmp_str deployment,
                          enum llmp_route_class outcome);
/* It failed, and another attempt follows. */
void llmp_metrics_failover(struct llmp_metrics *metrics,
                           struct llmp_str deployment);
/* As the hedge of another one's call it has answered first, or not. */
void llmp_metrics_hedge(struct llmp_metrics *metrics,
                        struct llmp_str deployment, bool won);
void llmp_metrics_attempts_fini(struct llmp_metrics *metrics);
void llmp_metrics_attempts_write(struct llmp_buf *out,
                                 const struct llmp_worker *workers);

/* A request's score; `passed`: the threshold. */
void llmp_metrics_anomaly(struct llmp_metrics *metrics,
                          const struct llmp_anomaly_verdict *verdict,
                          bool passed);
void llmp_metrics_anomalies_write(struct llmp_buf *out,
                                  const struct llmp_worker *workers);

/* How all deployments of a configuration stand. */
struct llmp_access;
void llmp_metrics_deployments_write(struct llmp_buf *out,
                                    const struct llmp_access *access);

struct llmp_lines;
void llmp_metrics_waiting_write(struct llmp_buf *out,
                                const struct llmp_lines *lines);

/* metrics_text.c: what every metric begins with; a label's value escaped. */
void llmp_metrics_head(struct llmp_buf *out, const char *name, const char *type,
                       const char *help);
void llmp_metrics_label(struct llmp_buf *out, const char *name,
                        const char *value);

#endif
