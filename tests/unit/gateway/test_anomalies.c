/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: all workers share one table; other options begin anew; metrics sum the
 * workers, never name a sender, and are silent where nobody was judged.
 * Method: threads that note at the same time; workers made here.
 */
#include "gateway/anomalies.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"
#include "gateway/gateway.h"

enum { THREADS = 4, EACH = 20000, PRINCIPALS = 100 };

static void fill(void *bytes, size_t size, void *ctx)
{
    (void)ctx;
    memset(bytes, 7, size);
}

static const struct llmp_random random_source = { .fill = fill };

static struct llmp_anomaly_config config_of(uint32_t principals)
{
    return (struct llmp_anomaly_config){
        .enabled = true,
        .score = 60,
        .options = { .principals = principals,
                     .half_life_ns = 3600 * LLMP_NS_PER_S }
    };
}

static bool note(struct llmp_anomalies *anomalies,
                 const struct llmp_anomaly_config *config, uint32_t who,
                 uint64_t now_ns, struct llmp_anomaly_verdict *verdict)
{
    struct llmp_anomaly_request request = { .now_ns = now_ns };
    char name[32];
    int len = snprintf(name, sizeof(name), "key/%u", who);

    return llmp_anomalies_note(anomalies, config,
                               (struct llmp_str){ name, (size_t)len }, &request,
                               verdict);
}

static void *note_often(void *ctx)
{
    const struct llmp_anomaly_config config = config_of(PRINCIPALS);

    for (uint32_t i = 0; i < EACH; i++) {
        struct llmp_anomaly_verdict verdict;

        if (!note(ctx, &config, i % PRINCIPALS, i * LLMP_NS_PER_MS, &verdict) ||
            verdict.score > 100)
            return ctx;
    }
    return NULL;
}

static void is_shared_by_threads(void **state)
{
    struct llmp_anomalies anomalies;
    pthread_t threads[THREADS];

    (void)state;
    assert_int_equal(llmp_anomalies_init(&anomalies, &random_source), LLMP_OK);
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(
            pthread_create(&threads[i], NULL, note_often, &anomalies), 0);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed;

        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    /* No hash was lost, and none was found twice. */
    assert_int_equal(llmp_anomaly_count(anomalies.synced.table), PRINCIPALS);
    llmp_anomalies_fini(&anomalies);
}

static void other_options_begin_anew(void **state)
{
    struct llmp_anomaly_config config = config_of(10);
    struct llmp_anomaly_verdict verdict;
    struct llmp_anomalies anomalies;

    (void)state;
    assert_int_equal(llmp_anomalies_init(&anomalies, &random_source), LLMP_OK);
    for (uint32_t i = 0; i <= LLMP_ANOMALY_WARM; i++)
        assert_true(note(&anomalies, &config, 1, i, &verdict));
    assert_true(verdict.known);
    config.score = 1; /* is no business of the table */
    assert_true(note(&anomalies, &config, 1, 100, &verdict));
    assert_true(verdict.known);
    config.options.principals = 11;
    assert_true(note(&anomalies, &config, 1, 101, &verdict));
    assert_false(verdict.known);
    assert_int_equal(llmp_anomaly_count(anomalies.synced.table), 1);
    llmp_anomalies_fini(&anomalies);
}

static void without_memory_nothing_is_known(void **state)
{
    const struct llmp_anomaly_config config = config_of(10);
    struct llmp_anomaly_verdict verdict;
    struct llmp_anomalies anomalies;

    (void)state;
    assert_int_equal(llmp_anomalies_init(&anomalies, &random_source), LLMP_OK);
    for (int n = 0; n < 3; n++) {
        faulty_heap_arm(n);
        assert_false(note(&anomalies, &config, 1, 1, &verdict));
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_arm(-1);
    assert_true(note(&anomalies, &config, 1, 1, &verdict));
    llmp_anomalies_fini(&anomalies);
    assert_int_equal(faulty_heap_live(), 0);
    faulty_heap_off();
}

static void metrics_are_sums(void **state)
{
    static struct llmp_worker workers[2] = { { .next = &workers[1] } };
    static const struct {
        uint32_t worker, score;
        enum llmp_anomaly_feature feature;
    } seen[] = {
        { 0, 0, LLMP_ANOMALY_RATE },     { 0, 1, LLMP_ANOMALY_RATE },
        { 1, 10, LLMP_ANOMALY_RATE },    { 1, 11, LLMP_ANOMALY_RATE },
        { 0, 60, LLMP_ANOMALY_REPEATS }, { 1, 100, LLMP_ANOMALY_REPEATS },
        { 1, 99, LLMP_ANOMALY_LENGTH },
    };
    static const char *const lines[] = {
        "llmgw_anomaly_score_bucket{le=\"0\"} 1\n",
        "llmgw_anomaly_score_bucket{le=\"10\"} 3\n",
        "llmgw_anomaly_score_bucket{le=\"20\"} 4\n",
        "llmgw_anomaly_score_bucket{le=\"60\"} 5\n",
        "llmgw_anomaly_score_bucket{le=\"90\"} 5\n",
        "llmgw_anomaly_score_bucket{le=\"100\"} 7\n",
        "llmgw_anomaly_score_bucket{le=\"+Inf\"} 7\n",
        "llmgw_anomaly_score_sum 281\n",
        "llmgw_anomaly_score_count 7\n",
        "llmgw_anomalies_total{feature=\"rate\"} 0\n",
        "llmgw_anomalies_total{feature=\"length\"} 1\n",
        "llmgw_anomalies_total{feature=\"repeats\"} 2\n",
    };
    struct llmp_buf out = { 0 };

    (void)state;
    llmp_metrics_anomalies_write(&out, workers);
    assert_int_equal(out.len, 0);
    for (size_t i = 0; i < LLMP_COUNT(seen); i++) {
        const struct llmp_anomaly_verdict verdict = {
            .known = true,
            .score = seen[i].score,
            .strongest = seen[i].feature,
        };

        llmp_metrics_anomaly(&workers[seen[i].worker].metrics, &verdict,
                             seen[i].score >= 60);
    }
    llmp_metrics_anomalies_write(&out, workers);
    assert_true(llmp_buf_add(&out, (struct llmp_str){ "", 1 }));
    for (size_t i = 0; i < LLMP_COUNT(lines); i++) {
        print_message("# line %zu\n", i);
        assert_non_null(strstr(out.ptr, lines[i]));
    }
    llmp_buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_shared_by_threads),
        cmocka_unit_test(other_options_begin_anew),
        cmocka_unit_test(without_memory_nothing_is_known),
        cmocka_unit_test(metrics_are_sums),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
