/* SPDX-License-Identifier: Apache-2.0 */
/* What noticing anomalies costs a request: ns to look at a text, and to note a
 * request among 10,000 principals. Prints "name ns" lines; the least of many
 * rounds. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/internal.h"
#include "guard/anomaly.h"

enum { ROUNDS = 200, EACH = 200, TEXT_MAX = 4096 };

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * LLMP_NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t seed = 1;

static uint64_t draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return seed >> 33;
}

/* Words of one to ten letters. */
static void make_text(char *text, size_t size)
{
    for (size_t i = 0; i < size; i++)
        text[i] = draw() % 6 ? (char)('a' + draw() % 26) : ' ';
}

static uint64_t time_look(const char *text, size_t size)
{
    uint64_t least = UINT64_MAX;

    for (int round = 0; round < ROUNDS; round++) {
        struct llmp_anomaly_print print;
        uint64_t begun = now_ns(), took;

        for (int i = 0; i < EACH; i++)
            llmp_anomaly_look(&print, (struct llmp_str){ text, size });
        took = (now_ns() - begun) / EACH;
        least = took < least ? took : least;
    }
    return least;
}

static uint64_t time_note(struct llmp_anomaly *anomaly,
                          const struct llmp_anomaly_print *print)
{
    uint64_t least = UINT64_MAX, now = 0;

    for (int round = 0; round < ROUNDS; round++) {
        struct llmp_anomaly_verdict verdict;
        uint64_t begun = now_ns(), took;

        for (int i = 0; i < EACH; i++) {
            const struct llmp_anomaly_request request = {
                .principal = draw() % 10000 * 0x9E3779B97F4A7C15u,
                .now_ns = now += LLMP_NS_PER_MS,
                .print = print,
            };

            llmp_anomaly_note(anomaly, &request, 60, &verdict);
        }
        took = (now_ns() - begun) / EACH;
        least = took < least ? took : least;
    }
    return least;
}

int main(void)
{
    const struct llmp_anomaly_options options = { .principals = 10000,
                                                  .half_life_ns =
                                                      86400 * LLMP_NS_PER_S };
    struct llmp_anomaly_print print;
    struct llmp_anomaly *anomaly;
    char text[TEXT_MAX];

    make_text(text, sizeof(text));
    if (llmp_anomaly_new(&anomaly, &options, NULL) != LLMP_OK)
        return EXIT_FAILURE;
    (void)printf("look_2kb %" PRIu64 "\n", time_look(text, 2048));
    (void)printf("look_4kb %" PRIu64 "\n", time_look(text, 4096));
    llmp_anomaly_look(&print, (struct llmp_str){ text, 2048 });
    (void)printf("note %" PRIu64 "\n", time_note(anomaly, &print));
    llmp_anomaly_free(anomaly);
    return EXIT_SUCCESS;
}
