/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pick costs, of each strategy among 10, 100 and 1,000 deployments: all
 * healthy, with nine of ten broken, and with all but one; a report; and both on
 * two threads that share a set. Beside it, in the same run, one atomic addition
 * to one word.
 *
 * Prints "NAME VALUE" lines. Picks and reports come in batches of 256, so that
 * attempts are in flight and each half is timed alone.
 */
#define _GNU_SOURCE /* processor affinity */
#include <llmproxy/route.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MANY = 1000, BATCH = 256, ROUNDS = 5, THREADS = 2 };

static const size_t sizes[] = { 10, 100, 1000 };
static uint64_t loops;

static uint64_t clock_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

/* The state of splitmix64; its output feeds `random`. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return z ^ z >> 31;
}

static struct llmp_router *router;

static struct llmp_route_set *set_of(enum llmp_route_strategy strategy,
                                     size_t count)
{
    static struct llmp_route_deployment d[MANY];
    static char ids[MANY][24];
    struct llmp_route_set_options o;
    struct llmp_route_set *set;

    for (size_t i = 0; i < count; i++) {
        int len = snprintf(ids[i], sizeof(ids[i]), "d%zu", i);

        d[i] = (struct llmp_route_deployment){
            .id = { ids[i], (size_t)len },
            .weight = 1 + (uint32_t)i % 7,
            .price = i / 3,
            .level = (uint32_t)i % 3,
        };
    }
    llmp_route_set_options_init(&o);
    o.strategy = strategy;
    o.deployments = d;
    o.count = count;
    if (llmp_route_set_new(&set, router, &o, NULL) != LLMP_OK)
        abort();
    return set;
}

/* Measures all, so that latency has something to compare; `broken` of ten are
 * down afterwards, but never the last one. */
static void prepare(struct llmp_route_set *set, size_t count, size_t broken)
{
    uint64_t allowed[(MANY + 63) / 64];

    for (size_t i = 0; i < count; i++) {
        struct llmp_route_request r;
        struct llmp_route_outcome o;
        struct llmp_route_attempt a;

        memset(allowed, 0, sizeof(allowed));
        allowed[i / 64] = UINT64_C(1) << i % 64;
        llmp_route_request_init(&r);
        r.allowed = allowed;
        llmp_route_outcome_init(&o);
        o.outcome = i % 10 < broken && i + 1 < count ? LLMP_OUTCOME_NOT_FOUND
                                                     : LLMP_OUTCOME_OK;
        o.ttft_ns = 200000000 + i * 1000000;
        if (llmp_route_pick(&a, set, &r, 1000000000) != LLMP_OK)
            abort();
        llmp_route_report(&a, &o, 1000000000);
    }
}

struct work {
    struct llmp_route_set *set;
    int cpu;
    uint64_t random;
    pthread_barrier_t *start;
    double pick_ns, report_ns;
};

/* Picks in batches, so that many are in flight and each half is timed alone. */
static void run_batches(struct work *w, uint64_t batches)
{
    static _Thread_local struct llmp_route_attempt a[BATCH];
    uint64_t now_ns = 2000000000, picking = 0, reporting = 0;
    struct llmp_route_request r;
    struct llmp_route_outcome o;

    llmp_route_request_init(&r);
    llmp_route_outcome_init(&o);
    o.outcome = LLMP_OUTCOME_OK;
    o.ttft_ns = 250000000;
    o.duration_ns = 900000000;
    o.output_tokens = 60;
    for (uint64_t b = 0; b < batches; b++) {
        uint64_t begin = clock_ns(), middle;

        for (int i = 0; i < BATCH; i++) {
            r.random = next_random(&w->random);
            r.hash = r.random >> 50;
            r.level = (uint32_t)(r.random & 1);
            if (llmp_route_pick(&a[i], w->set, &r, now_ns) != LLMP_OK)
                abort();
        }
        middle = clock_ns();
        for (int i = 0; i < BATCH; i++)
            llmp_route_report(&a[i], &o, now_ns);
        reporting += clock_ns() - middle;
        picking += middle - begin;
        now_ns += 1000;
    }
    w->pick_ns = (double)picking / (double)(batches * BATCH);
    w->report_ns = (double)reporting / (double)(batches * BATCH);
}

static void *run(void *arg)
{
    struct work *w = arg;

    pin(w->cpu);
    run_batches(w, loops / BATCH / 10 + 1);
    pthread_barrier_wait(w->start);
    run_batches(w, loops / BATCH);
    return NULL;
}

/* The slower thread's figures, the best of a few rounds. */
static void best(struct llmp_route_set *set, int threads, double *pick_ns,
                 double *report_ns)
{
    *pick_ns = *report_ns = INFINITY;
    for (int round = 0; round < ROUNDS; round++) {
        struct work w[THREADS];
        pthread_t ids[THREADS];
        pthread_barrier_t start;
        double pick = 0, report = 0;

        pthread_barrier_init(&start, NULL, (unsigned)threads);
        for (int i = 0; i < threads; i++) {
            w[i] = (struct work){ .set = set,
                                  .cpu = i,
                                  .start = &start,
                                  .random = (uint64_t)(round * 10 + i) };
            pthread_create(&ids[i], NULL, run, &w[i]);
        }
        for (int i = 0; i < threads; i++) {
            pthread_join(ids[i], NULL);
            pick = w[i].pick_ns > pick ? w[i].pick_ns : pick;
            report = w[i].report_ns > report ? w[i].report_ns : report;
        }
        pthread_barrier_destroy(&start);
        *pick_ns = pick < *pick_ns ? pick : *pick_ns;
        *report_ns = report < *report_ns ? report : *report_ns;
    }
}

static void measure(enum llmp_route_strategy strategy, size_t count,
                    size_t broken, int threads, const char *name)
{
    struct llmp_route_set *set;
    double pick_ns, report_ns;

    if (llmp_router_new(&router, NULL, NULL) != LLMP_OK)
        abort();
    set = set_of(strategy, count);
    prepare(set, count, broken);
    best(set, threads, &pick_ns, &report_ns);
    printf("%s.%s.%zu.pick_ns %.1f\n", name, llmp_route_strategy_name(strategy),
           count, pick_ns);
    printf("%s.%s.%zu.report_ns %.1f\n", name,
           llmp_route_strategy_name(strategy), count, report_ns);
    fflush(stdout);
    llmp_route_set_unref(set);
    llmp_router_free(router);
}

static _Atomic uint64_t word;

static void measure_add(void)
{
    double least = INFINITY;

    pin(0);
    for (int round = 0; round < ROUNDS; round++) {
        uint64_t begin = clock_ns();

        for (uint64_t i = 0; i < loops; i++)
            atomic_fetch_add(&word, 1);

        double ns = (double)(clock_ns() - begin) / (double)loops;

        least = ns < least ? ns : least;
    }
    printf("atomic_add_ns %.1f\n", least);
}

int main(int argc, char **argv)
{
    loops = argc > 1 && strcmp(argv[1], "--quick") == 0 ? 20000 : 400000;
    measure_add();
    for (int s = 0; s < LLMP_ROUTE_STRATEGIES; s++)
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            enum llmp_route_strategy strategy = (enum llmp_route_strategy)s;

            measure(strategy, sizes[i], 0, 1, "healthy");
            measure(strategy, sizes[i], 9, 1, "broken");
        }
    for (int s = 0; s < LLMP_ROUTE_STRATEGIES; s++) {
        measure((enum llmp_route_strategy)s, MANY, 10, 1, "last");
        measure((enum llmp_route_strategy)s, 10, 0, 2, "two_threads");
    }
    return 0;
}
