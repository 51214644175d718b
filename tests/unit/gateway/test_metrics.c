/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: /metrics is text that Prometheus takes, sums what workers counted,
 * and loses no exchange silently.
 * Method: exchanges are counted on workers made here; the text is read line
 * by line by a small strict reader; series are made until there is no place;
 * memory fails at 0, 1, 2, ….
 */
#include "gateway/metrics.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "faulty_heap.h"
#include "gateway/gateway.h"

#define LABELS                                                     \
    "gen_ai_operation_name=\"chat\",gen_ai_request_model=\"gpt\"," \
    "gen_ai_provider_name=\"openai\""

static struct llmp_worker *new_worker(struct llmp_worker *next)
{
    struct llmp_worker *worker = calloc(1, sizeof(*worker));

    worker->next = next;
    return worker;
}

static void free_workers(struct llmp_worker *worker)
{
    while (worker) {
        struct llmp_worker *next = worker->next;

        llmp_metrics_fini(&worker->metrics);
        free(worker);
        worker = next;
    }
}

static struct llmp_summary summary(void)
{
    return (struct llmp_summary){
        .size = sizeof(struct llmp_summary),
        .ending = LLMP_END_COMPLETE,
        .operation = LLMP_STR("chat"),
        .provider = LLMP_STR("openai"),
        .status = 200,
        .upstream_status = 200,
        .request_bytes = 100,
        .response_bytes = 1000,
        .duration_ns = 2000000000,
        .own_ns = 30000,
        .first_byte_ns = 500030000,
        .usage_basis = LLMP_USAGE_REPORTED,
        .input_tokens = 10,
        .output_tokens = 20,
        .cached_tokens = 3,
        .reasoning_tokens = 4,
    };
}

static void count(struct llmp_worker *worker, const char *model,
                  const struct llmp_summary *s)
{
    llmp_metrics_record(&worker->metrics, llmp_str_of(model), s);
}

/* The text, NUL-terminated; the caller frees it. */
static char *text_of(const struct llmp_worker *workers)
{
    struct llmp_buf out = { 0 };

    llmp_metrics_write(&out, workers);
    assert_false(out.failed);
    assert_true(llmp_buf_add(&out, (struct llmp_str){ "", 1 }));
    return out.ptr;
}

static void free_text(char *text)
{
    struct llmp_buf buf = { .ptr = text };

    llmp_buf_fini(&buf);
}

/* The number behind a line that begins with `name` and a blank. */
static double value_of(const char *text, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = text; (at = strstr(at, name)); at += len)
        if ((at == text || at[-1] == '\n') && at[len] == ' ')
            return strtod(at + len + 1, NULL);
    fail_msg("no line '%s' in:\n%s", name, text);
    return 0;
}

static bool has_line(const char *text, const char *line)
{
    size_t len = strlen(line);

    for (const char *at = text; (at = strstr(at, line)); at += len)
        if ((at == text || at[-1] == '\n') && at[len] == '\n')
            return true;
    return false;
}

/* ---- a strict reader ---------------------------------------------------- */

static const char *read_name(const char *at)
{
    assert_true(isalpha((unsigned char)*at) || *at == '_');
    while (isalnum((unsigned char)*at) || *at == '_')
        at++;
    return at;
}

static const char *read_label(const char *at)
{
    at = read_name(at);
    assert_memory_equal(at, "=\"", 2);
    for (at += 2; *at != '"'; at++) {
        assert_true(*at && *at != '\n');
        if (*at == '\\')
            assert_non_null(strchr("\\\"n", *++at));
    }
    return at + 1;
}

static const char *read_sample(const char *at)
{
    char *end;

    at = read_name(at);
    if (*at == '{') {
        do
            at = read_label(at + 1);
        while (*at == ',');
        assert_int_equal(*at++, '}');
    }
    assert_int_equal(*at, ' ');
    (void)strtod(at + 1, &end);
    assert_ptr_not_equal(end, at + 1);
    assert_int_equal(*end, '\n');
    return end + 1;
}

/* Every line is a comment or a sample, and samples have a type before. */
static void check_format(const char *text)
{
    char family[128] = "";

    for (const char *at = text; *at;) {
        if (*at != '#') {
            assert_memory_equal(at, family, strlen(family));
            at = read_sample(at);
            continue;
        }
        assert_int_equal(sscanf(at, "# HELP %127s ", family), 1);

        char type[16], again[128];

        at = strchr(at, '\n') + 1;
        assert_int_equal(sscanf(at, "# TYPE %127s %15s\n", again, type), 2);
        assert_string_equal(again, family);
        assert_true(strcmp(type, "counter") == 0 ||
                    strcmp(type, "gauge") == 0 ||
                    strcmp(type, "histogram") == 0);
        at = strchr(at, '\n') + 1;
    }
}

/* No sample twice: Prometheus drops the whole answer. */
static void check_unique(const char *text)
{
    for (const char *at = text; *at; at = strchr(at, '\n') + 1) {
        size_t len = strcspn(at, "\n");
        size_t name = len;
        char line[1024] = "\n";

        if (*at == '#' || len > sizeof(line) - 3)
            continue;
        while (at[name - 1] != ' ')
            name--;
        memcpy(line + 1, at, name);
        line[name + 1] = '\0';
        assert_null(strstr(at, line));
    }
}

/* ---- tests -------------------------------------------------------------- */

static void two_workers_are_summed(void **state)
{
    struct llmp_worker *workers = new_worker(new_worker(NULL));
    struct llmp_summary s = summary();
    (void)state;

    count(workers, "gpt", &s);
    count(workers, "gpt", &s);
    s.ending = LLMP_END_TIMEOUT;
    s.status = 504;
    s.usage_basis = LLMP_USAGE_UNKNOWN;
    count(workers->next, "gpt", &s);
    s.ending = LLMP_END_CLIENT_GONE;
    s.status = 0;
    s.usage_basis = LLMP_USAGE_NONE;
    count(workers->next, "other", &s);
    atomic_store(&workers->metrics.in_flight, 3);
    atomic_store(&workers->next->metrics.in_flight, 4);

    char *text = text_of(workers);

    check_format(text);
    check_unique(text);
    assert_true(has_line(text, "llmgw_exchanges_in_flight 7"));
    assert_true(has_line(text, "llmgw_metrics_dropped_total 0"));
    assert_true(has_line(text, "llmgw_exchanges_total{" LABELS
                               ",ending=\"complete\"} 2"));
    assert_true(has_line(text, "llmgw_exchanges_total{" LABELS
                               ",ending=\"timeout\"} 1"));
    assert_true(
        has_line(text, "llmgw_responses_total{" LABELS ",class=\"5xx\"} 1"));
    assert_true(has_line(text, "llmgw_request_bytes_total{" LABELS "} 300"));
    assert_true(has_line(text, "llmgw_usage_unknown_total{" LABELS "} 1"));
    assert_true(has_line(text, "llmgw_cached_tokens_total{" LABELS "} 6"));
    assert_true(has_line(text, "llmgw_reasoning_tokens_total{" LABELS "} 8"));
    assert_non_null(strstr(text, "class=\"0xx\"} 1\n"));
    free_text(text);
    free_workers(workers);
}

static void histograms_add_up(void **state)
{
    static const uint64_t durations[] = {
        0, 25000, 25001, 50000, 1000000000, UINT64_C(1) << 50
    };
    struct llmp_worker *workers = new_worker(NULL);
    struct llmp_summary s = summary();
    (void)state;

    for (size_t i = 0; i < LLMP_COUNT(durations); i++) {
        s.duration_ns = durations[i];
        count(workers, "gpt", &s);
    }

    char *text = text_of(workers);
#define DURATION "gen_ai_server_request_duration_seconds"

    assert_true(
        has_line(text, DURATION "_bucket{" LABELS ",le=\"2.5e-05\"} 2"));
    assert_true(has_line(text, DURATION "_bucket{" LABELS ",le=\"5e-05\"} 4"));
    assert_true(has_line(text, DURATION "_bucket{" LABELS ",le=\"1\"} 5"));
    assert_true(has_line(text, DURATION "_bucket{" LABELS ",le=\"120\"} 5"));
    assert_true(has_line(text, DURATION "_bucket{" LABELS ",le=\"+Inf\"} 6"));
    assert_true(has_line(text, DURATION "_count{" LABELS "} 6"));
    assert_true(value_of(text, DURATION "_sum{" LABELS "}") > 1125900.9);
    assert_true(has_line(text, "gen_ai_client_token_usage_sum{" LABELS
                               ",gen_ai_token_type=\"input\"} 60"));
    assert_true(has_line(text, "gen_ai_client_token_usage_count{" LABELS
                               ",gen_ai_token_type=\"output\"} 6"));
    assert_true(
        has_line(text, "llmgw_upstream_first_byte_seconds_sum{" LABELS "} 3"));
    free_text(text);
    free_workers(workers);
}

/* A day of a busy gateway: the last token is still seen. */
static void large_sums_are_exact(void **state)
{
    struct llmp_worker *workers = new_worker(NULL);
    struct llmp_summary s = summary();
    (void)state;

    s.input_tokens = 123456789012;
    count(workers, "gpt", &s);
    s.input_tokens = 1;
    count(workers, "gpt", &s);

    char *text = text_of(workers);

    assert_true(value_of(text,
                         "gen_ai_client_token_usage_sum{" LABELS
                         ",gen_ai_token_type=\"input\"}") == 123456789013.0);
    free_text(text);
    free_workers(workers);
}

static void labels_are_escaped(void **state)
{
    struct llmp_worker *workers = new_worker(NULL);
    struct llmp_summary s = summary();
    (void)state;

    s.provider = LLMP_STR("p} 1\n# x");
    count(workers, "a\"b\\c\nd,e=\"f\"", &s);
    count(workers, "", &s);
    s.operation = LLMP_STR("");
    s.provider = LLMP_STR("");
    count(workers, "\xC3\xA4", &s);

    char *text = text_of(workers);

    check_format(text);
    check_unique(text);
    assert_non_null(strstr(text, "model=\"a\\\"b\\\\c\\nd,e=\\\"f\\\"\","
                                 "gen_ai_provider_name=\"p} 1\\n# x\""));
    assert_non_null(
        strstr(text, "name=\"\",gen_ai_request_model=\"\xC3\xA4\""));
    free_text(text);
    free_workers(workers);
}

/* Labels that are equal when written one behind the other are still two. */
static void labels_are_told_apart(void **state)
{
    struct llmp_worker *workers = new_worker(NULL);
    struct llmp_summary s = summary();
    (void)state;

    s.provider = LLMP_STR("bc");
    count(workers, "a", &s);
    s.provider = LLMP_STR("c");
    count(workers, "ab", &s);
    assert_int_equal(atomic_load(&workers->metrics.series_count), 2);
    free_workers(workers);
}

static void count_models(struct llmp_worker *worker, int from, int to)
{
    struct llmp_summary s = summary();

    for (int i = from; i < to; i++) {
        char model[32];

        (void)snprintf(model, sizeof(model), "model-%d", i);
        count(worker, model, &s);
    }
}

/* All exchanges that the text tells of, dropped ones too. */
static double exchanges_in(const char *text)
{
    double sum = value_of(text, "llmgw_metrics_dropped_total");

    /* By lines: strstr() under ASan looks at all of this large text. */
    for (const char *at = text; *at; at = strchr(at, '\n') + 1) {
        const char *number = strchr(at, '\n');

        if (strncmp(at, "llmgw_exchanges_total{", 22) != 0)
            continue;
        while (number[-1] != ' ')
            number--;
        sum += strtod(number, NULL);
    }
    return sum;
}

static void what_finds_no_place_is_counted(void **state)
{
    enum { MAX = LLMP_METRIC_SERIES_MAX };
    struct llmp_worker *workers = new_worker(new_worker(NULL));
    (void)state;

    count_models(workers, 0, MAX + 10);
    assert_int_equal(atomic_load(&workers->metrics.dropped), 10);
    count_models(workers, 0, 1); /* one that has its place */
    assert_int_equal(atomic_load(&workers->metrics.dropped), 10);

    char *text = text_of(workers);

    assert_true(has_line(text, "llmgw_metrics_dropped_total 10"));
    assert_true(exchanges_in(text) == MAX + 11);
    free_text(text);

    /* Both workers have room, but the sum has not. */
    count_models(workers->next, MAX - 5, MAX + 5);
    text = text_of(workers);
    assert_true(exchanges_in(text) == MAX + 11 + 10);
    check_format(text);
    free_text(text);
    free_workers(workers);
}

/* What cannot be counted for want of memory counts as dropped. */
static void a_failing_heap_drops_and_nothing_else(void **state)
{
    (void)state;
    for (int nth = 0; nth <= 5; nth++) {
        struct llmp_worker *workers = new_worker(NULL);
        struct llmp_summary s = summary();
        struct llmp_buf out = { 0 };

        faulty_heap_arm(nth);
        count(workers, "gpt", &s);
        assert_int_equal(atomic_load(&workers->metrics.dropped), nth < 4);
        assert_int_equal(atomic_load(&workers->metrics.series_count), nth >= 4);
        llmp_metrics_write(&out, workers);
        assert_true(out.failed);
        llmp_buf_fini(&out);
        faulty_heap_pause(1);
        count(workers, "gpt", &s);
        free_workers(workers);
        assert_int_equal(faulty_heap_live(), 0);
        faulty_heap_off();
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_workers_are_summed),
        cmocka_unit_test(histograms_add_up),
        cmocka_unit_test(large_sums_are_exact),
        cmocka_unit_test(labels_are_escaped),
        cmocka_unit_test(labels_are_told_apart),
        cmocka_unit_test(what_finds_no_place_is_counted),
        cmocka_unit_test(a_failing_heap_drops_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
