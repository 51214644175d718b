/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record costs, beside copying the same bytes: an intent and its outcome
 * as the ledger writes them, from one thread and from two, into memory that a
 * file of the system's page cache would be. One "name value" a line.
 */
#include <llmproxy/journal.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SEGMENT = 4 << 20, SEGMENTS = 4, PAYLOAD = 300, OUTCOME = 300 };

static struct llmp_journal *journal;
static unsigned rounds = 2000000;
static uint64_t full;

static double now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static llmp_journal_at append(enum llmp_journal_type type, const char *bytes,
                              size_t size, llmp_journal_at intent)
{
    const struct llmp_str payload = { bytes, size };
    llmp_journal_at at = 0;

    while (llmp_journal_append(journal, type, &payload, 1, intent, &at) !=
           LLMP_OK) {
        static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

        (void)pthread_mutex_lock(&lock);
        full++;
        if (llmp_journal_prepare(journal, 1, 2) < 0)
            abort();
        (void)pthread_mutex_unlock(&lock);
    }
    return at;
}

static void *exchanges(void *ctx)
{
    char bytes[PAYLOAD];
    unsigned count = *(const unsigned *)ctx;

    memset(bytes, 'x', sizeof(bytes));
    for (unsigned i = 0; i < count; i++) {
        llmp_journal_at intent = append(LLMP_JOURNAL_INTENT, bytes, PAYLOAD, 0);

        llmp_journal_settle(
            journal, append(LLMP_JOURNAL_OUTCOME, bytes, OUTCOME, intent));
    }
    return NULL;
}

/* The same bytes to the same places, with nothing else. */
static double copy_ns(uint8_t *memory)
{
    char bytes[PAYLOAD];
    double start;
    size_t at = 0;

    memset(bytes, 'x', sizeof(bytes));
    start = now_ns();
    for (unsigned i = 0; i < 2 * rounds; i++) {
        memcpy(memory + at, bytes, sizeof(bytes));
        __asm__ volatile("" ::: "memory");
        at = (at + 320) % (SEGMENT - 320);
    }
    return (now_ns() - start) / (2 * rounds);
}

static double append_ns(unsigned threads)
{
    pthread_t thread[2];
    unsigned each = rounds / threads;
    double start = now_ns();

    for (unsigned i = 0; i < threads; i++)
        if (pthread_create(&thread[i], NULL, exchanges, &each) != 0)
            abort();
    for (unsigned i = 0; i < threads; i++)
        (void)pthread_join(thread[i], NULL);
    return (now_ns() - start) / (2.0 * each * threads);
}

int main(int argc, char **argv)
{
    struct llmp_journal_options opts;
    uint8_t *memory = NULL;

    if (argc > 1 && strcmp(argv[1], "--quick") == 0)
        rounds = 200000;
    llmp_journal_options_init(&opts);
    opts.segment_size = SEGMENT;
    if (llmp_journal_new(&journal, &opts, NULL) != LLMP_OK)
        return 1;
    for (int i = 0; i < SEGMENTS; i++) {
        memory = aligned_alloc(4096, SEGMENT);
        memset(memory, 0, SEGMENT);
        if (llmp_journal_add(journal, memory, NULL) != LLMP_OK)
            return 1;
    }
    printf("memcpy_ns %.1f\n", copy_ns(memory));
    memset(memory, 0, SEGMENT);
    printf("append_ns %.1f\n", append_ns(1));
    printf("append_2_threads_ns %.1f\n", append_ns(2));
    printf("segments_cleared %llu\n", (unsigned long long)full);
    return 0;
}
