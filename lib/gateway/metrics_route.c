/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics by deployment: attempts, counted by each worker like its series (see
 * metrics.c), and how deployments stand, read from the router when asked.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"
#include "gateway/gateway.h"

static void add(atomic_uint_fast64_t *counter)
{
    /* One writer: a load and a store, no locked instruction. */
    atomic_store_explicit(
        counter, atomic_load_explicit(counter, memory_order_relaxed) + 1,
        memory_order_relaxed);
}

static uint64_t get(const atomic_uint_fast64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

/* ---- counting ----------------------------------------------------------- */

static struct llmp_attempts *find(struct llmp_metrics *metrics,
                                  struct llmp_str id)
{
    struct llmp_attempts **chain =
        &metrics->attempt_chains[llmp_str_hash(id, 0) %
                                 LLMP_COUNT(metrics->attempt_chains)];
    unsigned count =
        atomic_load_explicit(&metrics->attempts_count, memory_order_relaxed);
    struct llmp_attempts *one = *chain;

    while (one && !llmp_str_eq(llmp_str_of(one->id), id))
        one = one->next;
    if (one || count == LLMP_METRIC_DEPLOYMENTS_MAX)
        return one;
    one = llmp_alloc(sizeof(*one));
    if (!one)
        return NULL;
    one->id = llmp_strdup(id);
    if (!one->id) {
        llmp_free(one);
        return NULL;
    }
    one->next = *chain;
    *chain = one;
    atomic_store(&metrics->attempts[count], one);
    atomic_store_explicit(&metrics->attempts_count, count + 1,
                          memory_order_release);
    return one;
}

void llmp_metrics_attempt(struct llmp_metrics *metrics,
                          struct llmp_str deployment,
                          enum llmp_route_class outcome)
{
    struct llmp_attempts *one = find(metrics, deployment);

    if (one)
        add(&one->outcomes[outcome]);
}

void llmp_metrics_failover(struct llmp_metrics *metrics,
                           struct llmp_str deployment)
{
    struct llmp_attempts *one = find(metrics, deployment);

    if (one)
        add(&one->failovers);
}

void llmp_metrics_hedge(struct llmp_metrics *metrics,
                        struct llmp_str deployment, bool won)
{
    struct llmp_attempts *one = find(metrics, deployment);

    if (one)
        add(&one->hedges[won]);
}

void llmp_metrics_attempts_fini(struct llmp_metrics *metrics)
{
    unsigned count = atomic_load(&metrics->attempts_count);

    for (unsigned i = 0; i < count; i++) {
        struct llmp_attempts *one = atomic_load(&metrics->attempts[i]);

        llmp_free((void *)(uintptr_t)one->id);
        llmp_free(one);
    }
}

/* ---- writing ------------------------------------------------------------ */

/* Sums over workers: Prometheus refuses the same labels twice. */
struct sum {
    const char *id;
    uint64_t outcomes[LLMP_ROUTE_CLASSES], failovers, hedges[2];
};

static int compare_sums(const void *a, const void *b)
{
    return strcmp(((const struct sum *)a)->id, ((const struct sum *)b)->id);
}

static size_t collect(struct sum *sums, const struct llmp_worker *workers)
{
    size_t count = 0;

    for (const struct llmp_worker *w = workers; w; w = w->next) {
        unsigned n = atomic_load_explicit(&w->metrics.attempts_count,
                                          memory_order_acquire);

        for (unsigned i = 0; i < n; i++) {
            const struct llmp_attempts *one =
                atomic_load(&w->metrics.attempts[i]);
            struct sum *sum = &sums[count++];

            *sum = (struct sum){
                .id = one->id,
                .failovers = get(&one->failovers),
                .hedges = { get(&one->hedges[0]), get(&one->hedges[1]) },
            };
            for (int c = 0; c < LLMP_ROUTE_CLASSES; c++)
                sum->outcomes[c] = get(&one->outcomes[c]);
        }
    }
    return count;
}

/* Sorted, and those of one deployment in one; returns how many are left. */
static size_t merge(struct sum *sums, size_t count)
{
    size_t kept = 0;

    if (!count)
        return 0;
    qsort(sums, count, sizeof(*sums), compare_sums);
    for (size_t i = 1; i < count; i++) {
        if (strcmp(sums[kept].id, sums[i].id) != 0) {
            sums[++kept] = sums[i];
            continue;
        }
        sums[kept].failovers += sums[i].failovers;
        sums[kept].hedges[0] += sums[i].hedges[0];
        sums[kept].hedges[1] += sums[i].hedges[1];
        for (int c = 0; c < LLMP_ROUTE_CLASSES; c++)
            sums[kept].outcomes[c] += sums[i].outcomes[c];
    }
    return kept + 1;
}

static void write_hedges(struct llmp_buf *out, const struct sum *sums,
                         size_t count)
{
    static const char *const results[] = { "lost", "won" };

    llmp_metrics_head(out, "llmgw_deployment_hedges_total", "counter",
                      "Second calls beside one that was slow to begin: whether "
                      "this deployment was the first to answer.");
    for (size_t i = 0; i < count; i++)
        for (size_t r = 0; r < LLMP_COUNT(results); r++) {
            if (!sums[i].hedges[r])
                continue;
            (void)llmp_buf_add(out, LLMP_STR("llmgw_deployment_hedges_total{"));
            llmp_metrics_label(out, "deployment", sums[i].id);
            (void)llmp_buf_printf(out, ",result=\"%s\"} %" PRIu64 "\n",
                                  results[r], sums[i].hedges[r]);
        }
}

static void write_sums(struct llmp_buf *out, const struct sum *sums,
                       size_t count)
{
    llmp_metrics_head(out, "llmgw_deployment_attempts_total", "counter",
                      "Calls of a deployment by what came of them: whose fault "
                      "it was that they failed.");
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < LLMP_ROUTE_CLASSES; c++) {
            if (!sums[i].outcomes[c])
                continue;
            (void)llmp_buf_add(out,
                               LLMP_STR("llmgw_deployment_attempts_total{"));
            llmp_metrics_label(out, "deployment", sums[i].id);
            (void)llmp_buf_printf(
                out, ",outcome=\"%s\"} %" PRIu64 "\n",
                llmp_route_class_name((enum llmp_route_class)c),
                sums[i].outcomes[c]);
        }
    llmp_metrics_head(out, "llmgw_deployment_failovers_total", "counter",
                      "Calls of a deployment that failed and were followed by "
                      "another attempt.");
    for (size_t i = 0; i < count; i++) {
        if (!sums[i].failovers)
            continue;
        (void)llmp_buf_add(out, LLMP_STR("llmgw_deployment_failovers_total{"));
        llmp_metrics_label(out, "deployment", sums[i].id);
        (void)llmp_buf_printf(out, "} %" PRIu64 "\n", sums[i].failovers);
    }
    write_hedges(out, sums, count);
}

void llmp_metrics_attempts_write(struct llmp_buf *out,
                                 const struct llmp_worker *workers)
{
    size_t room = 1; /* workers count on, so only as many as fit */
    struct sum *sums;

    for (const struct llmp_worker *w = workers; w; w = w->next)
        room += LLMP_METRIC_DEPLOYMENTS_MAX;
    sums = llmp_alloc_array(room, sizeof(*sums));
    if (!sums) {
        out->failed = true;
        return;
    }
    write_sums(out, sums, merge(sums, collect(sums, workers)));
    llmp_free(sums);
}

/* ---- how deployments stand ---------------------------------------------- */

struct stand {
    const char *id; /* NUL-terminated, of the configuration */
    struct llmp_route_set *set;
    size_t index;
};

static int compare_stands(const void *a, const void *b)
{
    return strcmp(((const struct stand *)a)->id, ((const struct stand *)b)->id);
}

/* Of all models, each deployment once; returns how many. */
static size_t list_stands(struct stand *all, const struct llmp_access *access)
{
    const struct llmp_config *config = access->config;
    size_t count = 0, kept = 0;

    for (size_t m = 0; m < config->model_count; m++)
        for (size_t d = 0; d < config->models[m].deployment_count; d++)
            all[count++] = (struct stand){
                .id = config->models[m].deployments[d].id.ptr,
                .set = llmp_routes_of(access->routes, (uint32_t)m),
                .index = d,
            };
    qsort(all, count, sizeof(*all), compare_stands);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || strcmp(all[kept - 1].id, all[i].id) != 0)
            all[kept++] = all[i];
    return kept;
}

static void write_states(struct llmp_buf *out, const struct stand *all,
                         size_t count)
{
    llmp_metrics_head(out, "llmgw_deployment_state", "gauge",
                      "1 for the state that a deployment's breaker is in.");
    for (size_t i = 0; i < count; i++) {
        struct llmp_route_look look;

        llmp_route_look(all[i].set, all[i].index, 0, &look);
        for (int s = LLMP_BREAKER_CLOSED; s <= LLMP_BREAKER_PROBING; s++) {
            (void)llmp_buf_add(out, LLMP_STR("llmgw_deployment_state{"));
            llmp_metrics_label(out, "deployment", all[i].id);
            (void)llmp_buf_printf(
                out, ",state=\"%s\"} %d\n",
                llmp_route_breaker_name((enum llmp_route_breaker)s),
                (int)look.breaker == s);
        }
    }
}

static void write_in_flight(struct llmp_buf *out, const struct stand *all,
                            size_t count)
{
    llmp_metrics_head(out, "llmgw_deployment_in_flight", "gauge",
                      "Calls of a deployment that run now.");
    for (size_t i = 0; i < count; i++) {
        struct llmp_route_look look;

        llmp_route_look(all[i].set, all[i].index, 0, &look);
        (void)llmp_buf_add(out, LLMP_STR("llmgw_deployment_in_flight{"));
        llmp_metrics_label(out, "deployment", all[i].id);
        (void)llmp_buf_printf(out, "} %u\n", look.in_flight);
    }
}

void llmp_metrics_waiting_write(struct llmp_buf *out,
                                const struct llmp_lines *lines)
{
    llmp_metrics_head(out, "llmgw_queue_waiting", "gauge",
                      "Requests that wait for a deployment's room now.");
    (void)llmp_buf_printf(out, "llmgw_queue_waiting %zu\n",
                          llmp_lines_count(lines));
}

void llmp_metrics_deployments_write(struct llmp_buf *out,
                                    const struct llmp_access *access)
{
    const struct llmp_config *config = access->config;
    size_t count = 1;
    struct stand *all;

    for (size_t m = 0; m < config->model_count; m++)
        count += config->models[m].deployment_count;
    all = llmp_alloc_array(count, sizeof(*all));
    if (!all) {
        out->failed = true;
        return;
    }
    count = list_stands(all, access);
    write_states(out, all, count);
    write_in_flight(out, all, count);
    llmp_free(all);
}
