/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counting exchanges. One worker's thread writes its own series with plain
 * relaxed stores; a scrape sums over workers while they go on. A series is
 * named by configuration (operation, model, provider); behind a pattern, by the
 * models that the provider has served, as long as there is room.
 */
#include "gateway/metrics.h"

#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"

void llmp_metrics_fini(struct llmp_metrics *metrics)
{
    unsigned count = atomic_load(&metrics->series_count);

    for (unsigned i = 0; i < count; i++) {
        struct llmp_series *series = atomic_load(&metrics->series[i]);

        llmp_free((void *)(uintptr_t)series->operation);
        llmp_free((void *)(uintptr_t)series->model);
        llmp_free((void *)(uintptr_t)series->provider);
        llmp_free(series);
    }
    llmp_metrics_attempts_fini(metrics);
}

static void add(atomic_uint_fast64_t *counter, uint64_t n)
{
    /* One writer: a load and a store, no locked instruction. */
    atomic_store_explicit(
        counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
        memory_order_relaxed);
}

static uint32_t hash_labels(struct llmp_str a, struct llmp_str b,
                            struct llmp_str c)
{
    const struct llmp_str labels[] = { a, b, c };
    uint32_t hash = 2166136261u; /* FNV-1a: labels come from configuration */

    for (size_t k = 0; k < 3; k++)
        for (size_t i = 0; i < labels[k].len; i++)
            hash = (hash ^ (uint8_t)labels[k].ptr[i]) * 16777619u;
    return hash;
}

static struct llmp_series *new_series(struct llmp_str operation,
                                      struct llmp_str model,
                                      struct llmp_str provider)
{
    struct llmp_series *series = llmp_alloc(sizeof(*series));

    if (!series)
        return NULL;
    series->operation = llmp_strdup(operation);
    series->model = llmp_strdup(model);
    series->provider = llmp_strdup(provider);
    if (series->operation && series->model && series->provider)
        return series;
    llmp_free((void *)(uintptr_t)series->operation);
    llmp_free((void *)(uintptr_t)series->model);
    llmp_free((void *)(uintptr_t)series->provider);
    llmp_free(series);
    return NULL;
}

static bool same_text(const char *text, struct llmp_str other)
{
    return llmp_str_eq(llmp_str_of(text), other);
}

static struct llmp_series *find_series(struct llmp_metrics *metrics,
                                       struct llmp_str operation,
                                       struct llmp_str model,
                                       struct llmp_str provider)
{
    uint32_t chain = hash_labels(operation, model, provider) % 256;
    unsigned count =
        atomic_load_explicit(&metrics->series_count, memory_order_relaxed);

    for (struct llmp_series *s = metrics->chains[chain]; s; s = s->next)
        if (same_text(s->operation, operation) && same_text(s->model, model) &&
            same_text(s->provider, provider))
            return s;
    if (count == LLMP_METRIC_SERIES_MAX)
        return NULL;

    struct llmp_series *series = new_series(operation, model, provider);

    if (!series)
        return NULL;
    series->next = metrics->chains[chain];
    metrics->chains[chain] = series;
    atomic_store(&metrics->series[count], series);
    atomic_store_explicit(&metrics->series_count, count + 1,
                          memory_order_release);
    return series;
}

bool llmp_metrics_has_room(const struct llmp_metrics *metrics)
{
    return atomic_load_explicit(&metrics->series_count, memory_order_relaxed) <
           LLMP_METRIC_SERIES_MAX / 2;
}

/* Upper bounds in ns: 25 µs … 120 s. The last bucket takes the rest. */
static const uint64_t time_bounds[LLMP_METRIC_BUCKETS - 1] = {
    25000,     50000,      100000,     250000,      500000,       1000000,
    2500000,   5000000,    10000000,   50000000,    100000000,    250000000,
    500000000, 1000000000, 5000000000, 30000000000, 120000000000,
};

/* OpenTelemetry's buckets for gen_ai.client.token.usage, and three more. */
static const uint64_t token_bounds[LLMP_METRIC_BUCKETS - 1] = {
    1,     4,     16,     64,     256,     1024,    4096,     8192,     16384,
    32768, 65536, 131072, 262144, 1048576, 4194304, 16777216, 67108864,
};

const uint64_t *llmp_metrics_bounds(bool tokens)
{
    return tokens ? token_bounds : time_bounds;
}

static void observe(struct llmp_histogram *histogram, const uint64_t *bounds,
                    uint64_t value)
{
    size_t i = 0;

    while (i < LLMP_METRIC_BUCKETS - 1 && value > bounds[i])
        i++;
    add(&histogram->count[i], 1);
    add(&histogram->sum, value);
}

static void record_tokens(struct llmp_series *series,
                          const struct llmp_summary *s)
{
    if (s->usage_basis == LLMP_USAGE_UNKNOWN)
        add(&series->usage_unknown, 1);
    if (s->usage_basis == LLMP_USAGE_ESTIMATED)
        add(&series->usage_estimated, 1);
    if (s->usage_basis != LLMP_USAGE_NONE && !s->cost_known)
        add(&series->cost_unknown, 1);
    add(&series->cost_nano, s->cost_nano);
    if (s->usage_basis != LLMP_USAGE_REPORTED)
        return;
    observe(&series->input_tokens, token_bounds, s->input_tokens);
    observe(&series->output_tokens, token_bounds, s->output_tokens);
    add(&series->cached_tokens, s->cached_tokens);
    add(&series->reasoning_tokens, s->reasoning_tokens);
}

void llmp_metrics_record(struct llmp_metrics *metrics, struct llmp_str model,
                         const struct llmp_summary *s)
{
    struct llmp_series *series =
        find_series(metrics, s->operation, model, s->provider);

    if (!series) {
        add(&metrics->dropped, 1);
        return;
    }
    add(&series->endings[s->ending], 1);
    add(&series->statuses[s->status / 100 % 6], 1);
    add(&series->request_bytes, s->request_bytes);
    add(&series->response_bytes, s->response_bytes);
    add(&series->events, s->events);
    observe(&series->duration, time_bounds, s->duration_ns);
    if (s->own_ns)
        observe(&series->own, time_bounds, s->own_ns);
    if (s->first_byte_ns > s->own_ns && s->upstream_status)
        observe(&series->upstream, time_bounds, s->first_byte_ns - s->own_ns);
    if (s->first_token_ns)
        observe(&series->first_token, time_bounds, s->first_token_ns);
    if (s->first_token_ns && s->events > 1)
        observe(&series->per_token, time_bounds,
                (s->last_token_ns - s->first_token_ns) / (s->events - 1));
    record_tokens(series, s);
}

void llmp_metrics_queue(struct llmp_metrics *metrics,
                        enum llmp_queue_event event)
{
    add(&metrics->queue[event], 1);
}

void llmp_metrics_guarded(struct llmp_metrics *metrics,
                          enum llmp_guard_action action)
{
    add(&metrics->guarded[action], 1);
}

void llmp_metrics_guard_call(struct llmp_metrics *metrics, bool answered)
{
    add(&metrics->guard_calls[answered], 1);
}

void llmp_metrics_limited(struct llmp_metrics *metrics,
                          enum llmp_limit_kind kind, enum llmp_limit_unit unit)
{
    add(&metrics->limited[kind][unit], 1);
}

void llmp_metrics_turn(struct llmp_metrics *metrics, uint64_t turn_ns)
{
    observe(&metrics->turns, time_bounds, turn_ns);
}
