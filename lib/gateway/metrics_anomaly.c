/* SPDX-License-Identifier: Apache-2.0 */
/* Scores of all senders together, and which features passed the threshold:
 * never a series for each sender. */
#include <inttypes.h>

#include "base/internal.h"
#include "gateway/gateway.h"

static void add(atomic_uint_fast64_t *counter, uint64_t n)
{
    atomic_store_explicit(
        counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
        memory_order_relaxed);
}

static uint64_t get(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* Bucket i takes scores up to 10 * i. */
void llmp_metrics_anomaly(struct llmp_metrics *metrics,
                          const struct llmp_anomaly_verdict *verdict,
                          bool passed)
{
    add(&metrics->anomaly_scores[(verdict->score + 9) / 10], 1);
    add(&metrics->anomaly_sum, verdict->score);
    if (passed)
        add(&metrics->anomalies[verdict->strongest], 1);
}

static void write_scores(struct llmp_buf *out,
                         const struct llmp_worker *workers)
{
    uint64_t total = 0, sum = 0;

    llmp_metrics_head(out, "llmgw_anomaly_score", "histogram",
                      "How unlike their senders' earlier ones requests were, "
                      "of 100.");
    for (unsigned i = 0; i < LLMP_METRIC_SCORES; i++) {
        for (const struct llmp_worker *w = workers; w; w = w->next)
            total += get(&w->metrics.anomaly_scores[i]);
        (void)llmp_buf_printf(
            out, "llmgw_anomaly_score_bucket{le=\"%u\"} %" PRIu64 "\n", i * 10,
            total);
    }
    for (const struct llmp_worker *w = workers; w; w = w->next)
        sum += get(&w->metrics.anomaly_sum);
    (void)llmp_buf_printf(out,
                          "llmgw_anomaly_score_bucket{le=\"+Inf\"} %" PRIu64
                          "\nllmgw_anomaly_score_sum %" PRIu64
                          "\nllmgw_anomaly_score_count %" PRIu64 "\n",
                          total, sum, total);
}

static bool is_any(const struct llmp_worker *workers)
{
    for (const struct llmp_worker *w = workers; w; w = w->next)
        for (unsigned i = 0; i < LLMP_METRIC_SCORES; i++)
            if (get(&w->metrics.anomaly_scores[i]))
                return true;
    return false;
}

/* Nothing where nobody was judged yet: it is mostly off. */
void llmp_metrics_anomalies_write(struct llmp_buf *out,
                                  const struct llmp_worker *workers)
{
    if (!is_any(workers))
        return;
    write_scores(out, workers);
    llmp_metrics_head(out, "llmgw_anomalies_total", "counter",
                      "Requests whose score passed the threshold, by the "
                      "feature that was most unlike.");
    for (int f = 0; f < LLMP_ANOMALY_FEATURES; f++) {
        uint64_t sum = 0;

        for (const struct llmp_worker *w = workers; w; w = w->next)
            sum += get(&w->metrics.anomalies[f]);
        (void)llmp_buf_printf(
            out, "llmgw_anomalies_total{feature=\"%s\"} %" PRIu64 "\n",
            llmp_anomaly_feature_name((enum llmp_anomaly_feature)f), sum);
    }
}
