/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reservation over six cells costs: in cache on one thread, on two that
 * share a team's and a model's cells or nothing, and over many keys. Beside
 * it, in the same run and the same number of threads, one atomic addition to
 * one word: what sharing costs at least.
 *
 * The six: requests and tokens of a key, tokens and money of its team, requests
 * and tokens of a model. Prints "NAME VALUE" lines.
 */
#define _GNU_SOURCE /* processor affinity */
#include <llmproxy/limit.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { CELLS = 6, THREADS = 2, ROUNDS = 5, PICKS = 1 << 20 };

#define PLENTY (UINT64_C(1) << 40)

static struct llmp_limiter *limiter;
static uint64_t loops;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static struct llmp_limit_scope *scope(enum llmp_limit_kind kind, uint64_t n,
                                      enum llmp_limit_unit a,
                                      enum llmp_limit_unit b)
{
    struct llmp_limit_scope *out;
    struct llmp_limit_rule rules[2] = {
        { .unit = a, .amount = PLENTY },
        { .unit = b, .amount = PLENTY },
    };
    char id[24];

    for (int i = 0; i < 2; i++)
        if (rules[i].unit == LLMP_LIMIT_MONEY) { /* it does not drain */
            rules[i].window = LLMP_WINDOW_MONTH;
            rules[i].amount = UINT64_C(1) << 61;
        }
    int len = snprintf(id, sizeof(id), "key-%llu", (unsigned long long)n);
    if (llmp_limiter_scope(&out, limiter, kind,
                           (struct llmp_str){ id, (size_t)len }, rules, 2,
                           NULL) != LLMP_OK)
        abort();
    return out;
}

/* One thread's work: its keys in the order it takes them. */
struct work {
    struct llmp_limit_scope *scopes[3];   /* key, team, model */
    struct llmp_limit_scope *const *keys; /* NULL: always the same */
    const uint32_t *order;
    bool settle;
    int cpu;
    pthread_barrier_t *start;
    double ns;
};

static const struct llmp_limit_amounts amounts = {
    .of = { [LLMP_LIMIT_REQUESTS] = 1,
            [LLMP_LIMIT_TOKENS] = 700,
            [LLMP_LIMIT_MONEY] = 12345 },
    .sure = { [LLMP_LIMIT_REQUESTS] = 1, [LLMP_LIMIT_TOKENS] = 200 },
};
static const uint64_t used[LLMP_LIMIT_UNITS] = { [LLMP_LIMIT_REQUESTS] = 1,
                                                 [LLMP_LIMIT_TOKENS] = 400,
                                                 [LLMP_LIMIT_MONEY] = 9000 };

static void reserve_many(struct work *w, uint64_t count)
{
    struct llmp_limit_hold holds[CELLS];
    struct llmp_limit_scope *scopes[3] = { w->scopes[0], w->scopes[1],
                                           w->scopes[2] };
    struct llmp_time now = { 1000000000, UINT64_C(1795521600000000000) };

    for (uint64_t i = 0; i < count; i++) {
        struct llmp_reservation r = { holds, CELLS, 0 };

        if (w->keys)
            scopes[0] = w->keys[w->order[i % PICKS]];
        now.mono_ns += 1000;
        if (llmp_limit_reserve(&r, scopes, 3, &amounts, now, NULL, NULL) !=
                LLMP_OK ||
            r.count != CELLS)
            abort();
        if (w->settle)
            llmp_limit_settle(&r, used, now, NULL);
    }
}

static void pin(int cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    (void)pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

static void *run_work(void *arg)
{
    struct work *w = arg;

    pin(w->cpu);
    reserve_many(w, loops / 10 + 1);
    pthread_barrier_wait(w->start);

    uint64_t begin = now_ns();

    reserve_many(w, loops);
    w->ns = (double)(now_ns() - begin) / (double)loops;
    return NULL;
}

static _Atomic uint64_t word;

static void *run_add(void *arg)
{
    struct work *w = arg;

    pin(w->cpu);
    pthread_barrier_wait(w->start);

    uint64_t begin = now_ns();

    for (uint64_t i = 0; i < loops; i++)
        atomic_fetch_add(&word, 1);
    w->ns = (double)(now_ns() - begin) / (double)loops;
    return NULL;
}

/* The slower thread's nanoseconds, the best of a few rounds: what the machine
 * adds by doing something else is not ours. */
static double best(void *(*run)(void *), struct work *works, int threads)
{
    double least = INFINITY;

    for (int round = 0; round < ROUNDS; round++) {
        pthread_t ids[THREADS];
        pthread_barrier_t start;
        double most = 0;

        pthread_barrier_init(&start, NULL, (unsigned)threads);
        for (int i = 0; i < threads; i++) {
            works[i].start = &start;
            works[i].cpu = i;
            pthread_create(&ids[i], NULL, run, &works[i]);
        }
        for (int i = 0; i < threads; i++) {
            pthread_join(ids[i], NULL);
            most = works[i].ns > most ? works[i].ns : most;
        }
        pthread_barrier_destroy(&start);
        least = most < least ? most : least;
    }
    return least;
}

static void few_keys(void)
{
    struct work w[THREADS];

    memset(w, 0, sizeof(w));
    for (uint64_t i = 0; i < THREADS; i++) {
        w[i].scopes[0] =
            scope(LLMP_LIMIT_KEY, i, LLMP_LIMIT_REQUESTS, LLMP_LIMIT_TOKENS);
        w[i].scopes[1] =
            scope(LLMP_LIMIT_TEAM, i, LLMP_LIMIT_TOKENS, LLMP_LIMIT_MONEY);
        w[i].scopes[2] =
            scope(LLMP_LIMIT_MODEL, i, LLMP_LIMIT_REQUESTS, LLMP_LIMIT_TOKENS);
    }
    printf("one_thread.atomic_add_ns %.1f\n", best(run_add, w, 1));
    printf("one_thread.reserve_ns %.1f\n", best(run_work, w, 1));
    w[0].settle = w[1].settle = true;
    printf("one_thread.reserve_settle_ns %.1f\n", best(run_work, w, 1));
    w[0].settle = w[1].settle = false;
    printf("two_threads.atomic_add_shared_ns %.1f\n", best(run_add, w, 2));
    printf("two_threads.reserve_apart_ns %.1f\n", best(run_work, w, 2));
    w[1].scopes[1] = w[0].scopes[1]; /* the team's and the model's cells */
    w[1].scopes[2] = w[0].scopes[2];
    printf("two_threads.reserve_shared_ns %.1f\n", best(run_work, w, 2));
    w[0].settle = w[1].settle = true;
    printf("two_threads.reserve_settle_shared_ns %.1f\n", best(run_work, w, 2));
}

static uint64_t rng = 88172645463325252u;

static double uniform(void)
{
    rng ^= rng << 13;
    rng ^= rng >> 7;
    rng ^= rng << 17;
    return (double)(rng >> 11) / 9007199254740992.0;
}

/* Ranks by Zipf's law with exponent 1, by inverting its sum's integral. */
static uint32_t zipf(uint64_t keys)
{
    uint64_t rank = (uint64_t)pow((double)keys, uniform());

    return (uint32_t)(rank > keys ? keys - 1 : rank ? rank - 1 : 0);
}

static uint64_t resident_bytes(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long pages[2] = { 0, 0 };

    if (!f || fscanf(f, "%lu %lu", &pages[0], &pages[1]) != 2)
        abort();
    fclose(f);
    return pages[1] * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void many_keys(uint64_t count, uint32_t *order)
{
    struct llmp_limit_scope **keys = calloc(count, sizeof(*keys));
    struct work w[THREADS];
    uint64_t before = resident_bytes();

    if (!keys)
        abort();
    for (uint64_t i = 0; i < count; i++)
        keys[i] =
            scope(LLMP_LIMIT_USER, i, LLMP_LIMIT_REQUESTS, LLMP_LIMIT_TOKENS);
    if (count >= 100000)
        printf("keys_%llu.bytes_a_key %.0f\n", (unsigned long long)count,
               (double)(resident_bytes() - before) / (double)count);
    memset(w, 0, sizeof(w));
    for (uint64_t i = 0; i < THREADS; i++) {
        w[i].keys = keys;
        w[i].order = order;
        w[i].scopes[1] =
            scope(LLMP_LIMIT_TEAM, i, LLMP_LIMIT_TOKENS, LLMP_LIMIT_MONEY);
        w[i].scopes[2] =
            scope(LLMP_LIMIT_MODEL, i, LLMP_LIMIT_REQUESTS, LLMP_LIMIT_TOKENS);
    }
    for (int law = 0; law < 2; law++) {
        for (size_t i = 0; i < PICKS; i++)
            order[i] =
                law ? zipf(count) : (uint32_t)(uniform() * (double)count);
        for (int threads = 1; threads <= THREADS; threads++)
            printf("keys_%llu.%s_%d_thread_ns %.1f\n",
                   (unsigned long long)count, law ? "zipf" : "uniform", threads,
                   best(run_work, w, threads));
    }
    free(keys); /* the limiter keeps its scopes */
}

int main(int argc, char **argv)
{
    bool quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    uint32_t *order = calloc(PICKS, sizeof(*order));

    loops = quick ? 300000 : 3000000;
    if (!order || llmp_limiter_new(&limiter, 0, NULL) != LLMP_OK)
        return 1;
    few_keys();
    many_keys(1, order);
    many_keys(1000, order);
    many_keys(1000000, order);
    free(order);
    return 0;
}
