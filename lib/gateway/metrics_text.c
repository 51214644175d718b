/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics as Prometheus text. Names that OpenTelemetry's GenAI conventions
 * define are used where they fit (dots become underscores); what only a
 * gateway has is named llmgw_….
 */
#include <inttypes.h>
#include <stddef.h>

#include "base/internal.h"
#include "base/str.h"
#include "gateway/gateway.h"

enum { SUMS_MAX = LLMP_METRIC_SERIES_MAX };

static uint64_t get(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* A label's value with the three escapes of the text format. */
void llmp_metrics_label(struct llmp_buf *out, const char *name,
                        const char *value)
{
    (void)llmp_buf_printf(out, "%s=\"", name);
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            (void)llmp_buf_printf(out, "\\%c", *value);
        else if (*value == '\n')
            (void)llmp_buf_add(out, LLMP_STR("\\n"));
        else
            (void)llmp_buf_add(out, (struct llmp_str){ value, 1 });
    }
    (void)llmp_buf_add(out, LLMP_STR("\""));
}

static void add_labels(struct llmp_buf *out, const struct llmp_series *s)
{
    llmp_metrics_label(out, "gen_ai_operation_name", s->operation);
    (void)llmp_buf_add(out, LLMP_STR(","));
    llmp_metrics_label(out, "gen_ai_request_model", s->model);
    (void)llmp_buf_add(out, LLMP_STR(","));
    llmp_metrics_label(out, "gen_ai_provider_name", s->provider);
}

void llmp_metrics_head(struct llmp_buf *out, const char *name, const char *type,
                       const char *help)
{
    (void)llmp_buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                          type);
}

/* Two workers' series with the same labels are summed: Prometheus refuses
 * duplicates. */
struct table {
    struct llmp_series *sums;
    size_t count;
    uint64_t dropped; /* exchanges of series that found no place */
};

static bool same_labels(const struct llmp_series *a,
                        const struct llmp_series *b)
{
    return strcmp(a->operation, b->operation) == 0 &&
           strcmp(a->model, b->model) == 0 &&
           strcmp(a->provider, b->provider) == 0;
}

/* Everything behind the labels is counters of one type. */
static void add_counters(struct llmp_series *into,
                         const struct llmp_series *from)
{
    size_t first = offsetof(struct llmp_series, endings);
    size_t count = (sizeof(*into) - first) / sizeof(atomic_uint_fast64_t);
    atomic_uint_fast64_t *a = (atomic_uint_fast64_t *)((char *)into + first);
    const atomic_uint_fast64_t *b =
        (const atomic_uint_fast64_t *)((const char *)from + first);

    for (size_t i = 0; i < count; i++)
        atomic_store_explicit(&a[i], get(&a[i]) + get(&b[i]),
                              memory_order_relaxed);
}

static void add_to_table(struct table *table, const struct llmp_series *series)
{
    for (size_t i = 0; i < table->count; i++)
        if (same_labels(&table->sums[i], series)) {
            add_counters(&table->sums[i], series);
            return;
        }
    if (table->count == SUMS_MAX) {
        for (int e = 0; e < LLMP_ENDINGS; e++)
            table->dropped += get(&series->endings[e]);
        return;
    }

    struct llmp_series *sum = &table->sums[table->count++];

    sum->operation = series->operation;
    sum->model = series->model;
    sum->provider = series->provider;
    add_counters(sum, series);
}

static void add_counter(struct llmp_buf *out, const struct table *table,
                        const char *name, const char *help, size_t offset)
{
    llmp_metrics_head(out, name, "counter", help);
    for (size_t i = 0; i < table->count; i++) {
        const struct llmp_series *s = &table->sums[i];

        (void)llmp_buf_printf(out, "%s{", name);
        add_labels(out, s);
        (void)llmp_buf_printf(
            out, "} %" PRIu64 "\n",
            get((const atomic_uint_fast64_t *)((const char *)s + offset)));
    }
}

static void add_exchanges(struct llmp_buf *out, const struct table *table)
{
    llmp_metrics_head(out, "llmgw_exchanges_total", "counter",
                      "Exchanges by how they ended.");
    for (size_t i = 0; i < table->count; i++)
        for (int e = 0; e < LLMP_ENDINGS; e++) {
            if (!get(&table->sums[i].endings[e]))
                continue;
            (void)llmp_buf_add(out, LLMP_STR("llmgw_exchanges_total{"));
            add_labels(out, &table->sums[i]);
            (void)llmp_buf_printf(out, ",ending=\"%s\"} %" PRIu64 "\n",
                                  llmp_ending_name((enum llmp_ending)e),
                                  get(&table->sums[i].endings[e]));
        }
    llmp_metrics_head(out, "llmgw_responses_total", "counter",
                      "Answers by class of status; 0xx: none was sent.");
    for (size_t i = 0; i < table->count; i++)
        for (int c = 0; c < 6; c++) {
            if (!get(&table->sums[i].statuses[c]))
                continue;
            (void)llmp_buf_add(out, LLMP_STR("llmgw_responses_total{"));
            add_labels(out, &table->sums[i]);
            (void)llmp_buf_printf(out, ",class=\"%dxx\"} %" PRIu64 "\n", c,
                                  get(&table->sums[i].statuses[c]));
        }
}

struct histogram_name {
    const char *name, *help, *label; /* label: a further one, or NULL */
    size_t offset;
    bool tokens;
};

/* `labels` without braces; may be empty. */
static void write_histogram(struct llmp_buf *out, const char *name,
                            struct llmp_str labels,
                            const struct llmp_histogram *h, bool tokens)
{
    const uint64_t *bounds = llmp_metrics_bounds(tokens);
    const char *comma = labels.len ? "," : "";
    int len = (int)labels.len;
    double unit = tokens ? 1 : 1e9;
    uint64_t total = 0;

    for (size_t i = 0; i < LLMP_METRIC_BUCKETS; i++) {
        total += get(&h->count[i]);
        (void)llmp_buf_printf(out, "%s_bucket{%.*s%s", name, len, labels.ptr,
                              comma);
        if (i + 1 < LLMP_METRIC_BUCKETS)
            (void)llmp_buf_printf(out, "le=\"%.9g\"} %" PRIu64 "\n",
                                  (double)bounds[i] / unit, total);
        else
            (void)llmp_buf_printf(out, "le=\"+Inf\"} %" PRIu64 "\n", total);
    }
    /* As exact as Prometheus reads it: a rate is a difference. */
    (void)llmp_buf_printf(out, "%s_sum%s%.*s%s %.15g\n", name, len ? "{" : "",
                          len, labels.ptr, len ? "}" : "",
                          (double)get(&h->sum) / unit);
    (void)llmp_buf_printf(out, "%s_count%s%.*s%s %" PRIu64 "\n", name,
                          len ? "{" : "", len, labels.ptr, len ? "}" : "",
                          total);
}

static void add_histogram(struct llmp_buf *out, const struct llmp_series *s,
                          const struct histogram_name *what)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf labels = { 0 };

    add_labels(&labels, s);
    if (what->label)
        (void)llmp_buf_printf(&labels, ",%s", what->label);
    out->failed |= labels.failed;
    write_histogram(
        out, what->name, llmp_buf_str(&labels),
        (const struct llmp_histogram *)((const char *)s + what->offset),
        what->tokens);
}

#define AT(member) offsetof(struct llmp_series, member)

static const struct histogram_name histograms[] = {
    { "gen_ai_server_request_duration_seconds",
      "From the request's head to the answer's end.", NULL, AT(duration),
      false },
    { "gen_ai_server_time_to_first_token_seconds",
      "From the request's head to the first stream event.", NULL,
      AT(first_token), false },
    { "gen_ai_server_time_per_output_token_seconds",
      "Mean time between stream events of an answer.", NULL, AT(per_token),
      false },
    { "llmgw_own_duration_seconds",
      "The gateway's own time before the upstream call.", NULL, AT(own),
      false },
    { "llmgw_upstream_first_byte_seconds",
      "From the upstream call to its answer's head.", NULL, AT(upstream),
      false },
    { "gen_ai_client_token_usage", "Tokens as reported by the provider.",
      "gen_ai_token_type=\"input\"", AT(input_tokens), true },
    { "gen_ai_client_token_usage", NULL, "gen_ai_token_type=\"output\"",
      AT(output_tokens), true },
};

static void write_table(struct llmp_buf *out, const struct table *table)
{
    add_exchanges(out, table);
    for (size_t h = 0; h < LLMP_COUNT(histograms); h++) {
        if (histograms[h].help)
            llmp_metrics_head(out, histograms[h].name, "histogram",
                              histograms[h].help);
        for (size_t i = 0; i < table->count; i++)
            add_histogram(out, &table->sums[i], &histograms[h]);
    }
    add_counter(out, table, "llmgw_usage_unknown_total",
                "Exchanges that may have cost tokens nobody reported.",
                AT(usage_unknown));
    add_counter(out, table, "llmgw_usage_estimated_total",
                "Exchanges whose tokens were counted here.",
                AT(usage_estimated));
    add_counter(out, table, "llmgw_cost_nano_total",
                "What is known to have been spent, in 10^-9 of the configured "
                "currency.",
                AT(cost_nano));
    add_counter(out, table, "llmgw_cost_unknown_total",
                "Exchanges that cost something nobody knows.",
                AT(cost_unknown));
    add_counter(out, table, "llmgw_cached_tokens_total",
                "Input tokens that the provider had cached.",
                AT(cached_tokens));
    add_counter(out, table, "llmgw_reasoning_tokens_total",
                "Output tokens spent on reasoning.", AT(reasoning_tokens));
    add_counter(out, table, "llmgw_stream_events_total",
                "Stream events passed on.", AT(events));
    add_counter(out, table, "llmgw_request_bytes_total",
                "Bytes of request bodies.", AT(request_bytes));
    add_counter(out, table, "llmgw_response_bytes_total",
                "Bytes of answers' bodies.", AT(response_bytes));
}

static void add_turns(struct llmp_buf *out, const struct llmp_worker *workers)
{
    struct llmp_histogram sum = { 0 };

    for (const struct llmp_worker *w = workers; w; w = w->next) {
        for (size_t i = 0; i < LLMP_METRIC_BUCKETS; i++)
            sum.count[i] += get(&w->metrics.turns.count[i]);
        sum.sum += get(&w->metrics.turns.sum);
    }
    llmp_metrics_head(
        out, "llmgw_loop_turn_seconds", "histogram",
        "How long the event loops' turns take: nobody else is served "
        "meanwhile.");
    write_histogram(out, "llmgw_loop_turn_seconds", LLMP_STR(""), &sum, false);
}

static void add_queue(struct llmp_buf *out, const struct llmp_worker *workers)
{
    static const char *const names[] = { "joined", "refused" };

    llmp_metrics_head(out, "llmgw_queue_requests_total", "counter",
                      "Requests that waited for a deployment's room, and those "
                      "of them that got none.");
    for (size_t i = 0; i < LLMP_COUNT(names); i++) {
        uint64_t sum = 0;

        for (const struct llmp_worker *w = workers; w; w = w->next)
            sum += get(&w->metrics.queue[i]);
        (void)llmp_buf_printf(
            out, "llmgw_queue_requests_total{event=\"%s\"} %" PRIu64 "\n",
            names[i], sum);
    }
}

static void add_limited(struct llmp_buf *out, const struct llmp_worker *workers)
{
    llmp_metrics_head(
        out, "llmgw_limited_total", "counter",
        "Requests refused because a limit was reached, by whose and of "
        "what.");
    for (int kind = 0; kind < LLMP_LIMIT_KINDS; kind++)
        for (int unit = 0; unit < LLMP_LIMIT_UNITS; unit++) {
            uint64_t sum = 0;

            for (const struct llmp_worker *w = workers; w; w = w->next)
                sum += get(&w->metrics.limited[kind][unit]);
            if (sum)
                (void)llmp_buf_printf(
                    out,
                    "llmgw_limited_total{limit=\"%s\",unit=\"%s\"} %" PRIu64
                    "\n",
                    llmp_limit_kind_name((enum llmp_limit_kind)kind),
                    llmp_limit_unit_name((enum llmp_limit_unit)unit), sum);
        }
}

static void add_guarded(struct llmp_buf *out, const struct llmp_worker *workers)
{
    llmp_metrics_head(out, "llmgw_guarded_total", "counter",
                      "Exchanges that guards looked at, by the strongest of "
                      "what they did.");
    for (int action = 0; action < LLMP_GUARD_ACTIONS; action++) {
        uint64_t sum = 0;

        for (const struct llmp_worker *w = workers; w; w = w->next)
            sum += get(&w->metrics.guarded[action]);
        if (sum)
            (void)llmp_buf_printf(
                out, "llmgw_guarded_total{action=\"%s\"} %" PRIu64 "\n",
                llmp_guard_action_name((enum llmp_guard_action)action), sum);
    }
}

static void add_guard_calls(struct llmp_buf *out,
                            const struct llmp_worker *workers)
{
    static const char *const outcomes[] = { "failed", "answered" };

    llmp_metrics_head(out, "llmgw_guard_calls_total", "counter",
                      "Calls of those whom guards ask.");
    for (size_t i = 0; i < LLMP_COUNT(outcomes); i++) {
        uint64_t sum = 0;

        for (const struct llmp_worker *w = workers; w; w = w->next)
            sum += get(&w->metrics.guard_calls[i]);
        if (sum)
            (void)llmp_buf_printf(
                out, "llmgw_guard_calls_total{outcome=\"%s\"} %" PRIu64 "\n",
                outcomes[i], sum);
    }
}

void llmp_metrics_write(struct llmp_buf *out, const struct llmp_worker *workers)
{
    struct table table = { 0 };
    uint64_t in_flight = 0;

    table.sums = llmp_alloc_array(SUMS_MAX, sizeof(*table.sums));
    if (!table.sums) {
        out->failed = true;
        return;
    }
    for (const struct llmp_worker *w = workers; w; w = w->next) {
        unsigned count = atomic_load_explicit(&w->metrics.series_count,
                                              memory_order_acquire);

        in_flight += get(&w->metrics.in_flight);
        table.dropped += get(&w->metrics.dropped);
        for (unsigned i = 0; i < count; i++)
            add_to_table(&table, atomic_load(&w->metrics.series[i]));
    }
    llmp_metrics_head(out, "llmgw_exchanges_in_flight", "gauge",
                      "Exchanges now open.");
    (void)llmp_buf_printf(out, "llmgw_exchanges_in_flight %" PRIu64 "\n",
                          in_flight);
    llmp_metrics_head(out, "llmgw_metrics_dropped_total", "counter",
                      "Exchanges not counted below: too many series.");
    (void)llmp_buf_printf(out, "llmgw_metrics_dropped_total %" PRIu64 "\n",
                          table.dropped);
    add_turns(out, workers);
    add_queue(out, workers);
    add_limited(out, workers);
    add_guarded(out, workers);
    add_guard_calls(out, workers);
    llmp_metrics_anomalies_write(out, workers);
    llmp_metrics_attempts_write(out, workers);
    write_table(out, &table);
    llmp_free(table.sums);
}
