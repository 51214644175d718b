/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an answer that repeats the system prompt is found, whole or in part,
 * plain or disguised, in one piece or as a stream, and one that only uses some
 * of its words is not; a canary is found wherever it is said.
 * Method: a prompt by hand and one of random words; a policy through the public
 * header; memory fails at every request in turn.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <llmproxy/guardrail.h>

#include "base/internal.h"
#include "faulty_heap.h"
#include "guard/overlap.h"
#include "policy_fixture.h"

static const char prompt[] =
    "You are the travel desk of Example Airways. Never offer more than twenty "
    "percent off, and never mention the staff code. Если спросят о возврате "
    "денег, отвечай, что решение принимает старший менеджер смены, и ничего "
    "не обещай сам.";

static void begin(struct policy_fixture *f, enum llmp_guard_action mode)
{
    struct llmp_guard_stage stage = stage_of("leak", mode);

    policy_begin(f, &stage, 1);
    assert_int_equal(
        llmp_guard_session_protect(f->session, llmp_str_of(prompt)), LLMP_OK);
}

/* What is found in an answer, in words; "": nothing. */
static const char *found_in(struct policy_fixture *f, const char *answer)
{
    static char out[256];
    const struct llmp_guard_finding *one;

    (void)policy_scan(f, LLMP_GUARD_OUTPUT, llmp_str_of(answer));
    one = f->report.findings;
    if (!f->report.finding_count)
        return "";
    (void)snprintf(out, sizeof(out), "%s:%.*s", one->kind,
                   (int)(one->end - one->begin), answer + one->begin);
    return out;
}

static void test_what_repeats_it(void **state)
{
    struct policy_fixture f;

    (void)state;
    begin(&f, LLMP_GUARD_BLOCK);
    assert_string_equal(
        found_in(&f, "Sure! never OFFER more than - twenty percent off, and "
                     "never mention the staff code. OK?"),
        "leak.system_prompt:never OFFER more than - twenty percent off, and "
        "never mention the staff code");
    assert_string_equal(
        found_in(&f, "Вот: если спросят о возврате денег, отвечай, что решение "
                     "принимает старший менеджер смены, и ничего."),
        "leak.system_prompt:спросят о возврате денег, отвечай, что решение "
        "принимает старший менеджер смены, и ничего");
    /* base64 of the first sentence and half of the second */
    assert_memory_equal(
        found_in(&f, "WW91IGFyZSB0aGUgdHJhdmVsIGRlc2sgb2YgRXhhbXBsZSBBaXJ3YXlz"
                     "LiBOZXZlciBvZmZlciBtb3JlIHRoYW4gdHdlbnR5IHBlcmNlbnQ="),
        "leak.system_prompt:", 19);
    policy_end(&f);
}

static void test_what_does_not(void **state)
{
    static const char *const answers[] = {
        "I am the travel desk of Example Airways, and I can help.",
        "We never offer more than twenty percent off. That is all.",
        "Old men eat figs and walk by the river in the evening when it rains.",
        "",
        "You are the",
        "решение принимает старший менеджер смены"
    };
    struct policy_fixture f;

    (void)state;
    begin(&f, LLMP_GUARD_BLOCK);
    for (size_t i = 0; i < LLMP_COUNT(answers); i++)
        assert_string_equal(found_in(&f, answers[i]), "");
    policy_end(&f);
}

static void test_canaries(void **state)
{
    char canary[LLMP_GUARD_CANARY_SIZE], text[256], want[256];
    struct policy_fixture f;

    (void)state;
    begin(&f, LLMP_GUARD_BLOCK);
    for (uint64_t random = 1; random; random <<= 1) {
        llmp_guard_canary(canary, random);
        (void)snprintf(text, sizeof(text), "It says (%s).", canary);
        (void)snprintf(want, sizeof(want), "leak.canary:%s", canary);
        assert_string_equal(found_in(&f, text), want);
        canary[6] = canary[6] == 'f' ? '0' : 'f'; /* nobody's */
        (void)snprintf(text, sizeof(text), "It says (%s).", canary);
        assert_string_equal(found_in(&f, text), "");
    }
    llmp_guard_canary(canary, 77);
    for (char *c = canary; *c; c++)
        *c = *c >= 'a' && *c <= 'z' ? (char)(*c - 0x20) : *c;
    assert_memory_equal(found_in(&f, canary), "leak.canary", 11);
    policy_end(&f);
}

/* What of a stream goes on, fed in pieces of so many bytes. */
static size_t streamed(struct policy_fixture *f, const char *answer,
                       size_t piece, enum llmp_guard_action *action)
{
    struct llmp_guard_stream *stream;
    struct llmp_guard_flow flow;
    size_t len = strlen(answer), gone = 0;

    assert_int_equal(llmp_guard_stream_new(&stream, f->session, NULL, NULL),
                     LLMP_OK);
    for (size_t at = 0; at < len; at += piece) {
        struct llmp_str text = { answer + at,
                                 len - at < piece ? len - at : piece };

        assert_int_equal(
            llmp_guard_stream_feed(f->scanner, stream, text, 0, &flow),
            LLMP_OK);
        gone += flow.text.len;
    }
    assert_int_equal(llmp_guard_stream_end(f->scanner, stream, &flow), LLMP_OK);
    gone += flow.text.len;
    *action = flow.action;
    llmp_guard_stream_free(stream);
    return gone;
}

static void test_streams_end_behind_it(void **state)
{
    static const char head[] = "Well, here it is. ";
    char answer[1024];
    enum llmp_guard_action action;
    struct policy_fixture f;
    size_t gone = 0;

    (void)state;
    (void)snprintf(answer, sizeof(answer), "%s%s", head, prompt);
    begin(&f, LLMP_GUARD_BLOCK);
    for (size_t piece = 1; piece < 40; piece++) {
        size_t now = streamed(&f, answer, piece, &action);

        assert_int_equal(action, LLMP_GUARD_BLOCK);
        assert_true(piece == 1 || now == gone);
        gone = now;
    }
    assert_true(gone < strlen(head) + 240); /* of 380 */
    policy_end(&f);
}

/* A canary is a word like any other: no byte of it goes on. */
static void test_streams_hold_a_canary(void **state)
{
    char canary[LLMP_GUARD_CANARY_SIZE], answer[128];
    enum llmp_guard_action action;
    struct policy_fixture f;

    (void)state;
    llmp_guard_canary(canary, 5);
    (void)snprintf(answer, sizeof(answer), "It says %s here.", canary);
    begin(&f, LLMP_GUARD_BLOCK);
    for (size_t piece = 1; piece < 40; piece++) {
        assert_true(streamed(&f, answer, piece, &action) <= 8);
        assert_int_equal(action, LLMP_GUARD_BLOCK);
    }
    policy_end(&f);
}

/* Any run of random words that is long enough, and no other. */
static void test_runs_of_random_words(void **state)
{
    struct llmp_overlap overlap = { NULL };
    static char told[60000], said[2048];
    static size_t words[9000];
    size_t len = 0, count = 0;

    (void)state;
    srand(7);
    while (len < sizeof(told) - 16) {
        words[count++] = len;
        len += (size_t)snprintf(told + len, sizeof(told) - len, "w%x ",
                                (unsigned)rand());
    }
    assert_true(llmp_overlap_add(&overlap, (struct llmp_str){ told, len }));
    for (size_t i = 0; i + 40 < count; i += 97) {
        size_t run_words = 8 + i % 9;
        int n = snprintf(said, sizeof(said), "a b c ");
        struct llmp_overlap_run run;
        bool found;

        n += snprintf(said + n, sizeof(said) - (size_t)n, "%.*s",
                      (int)(words[i + run_words] - words[i]), told + words[i]);
        (void)snprintf(said + n, sizeof(said) - (size_t)n, "d e f");
        found = llmp_overlap_next(&overlap, llmp_str_of(said), 0, &run);
        assert_int_equal(found, run_words >= LLMP_OVERLAP_RUN_MIN);
        if (found) {
            assert_int_equal(run.words, run_words);
            assert_int_equal(run.begin, 6);
            assert_int_equal(run.end, (size_t)n - 1);
        }
    }
    llmp_overlap_fini(&overlap);
}

static void test_a_long_prompt_is_bounded(void **state)
{
    struct llmp_overlap overlap = { NULL };
    char word[80];

    (void)state;
    for (int i = 0; i < 40000; i++) {
        (void)snprintf(word, sizeof(word), "a%d b%d c%d d%d e%d", i, i, i, i,
                       i);
        assert_true(llmp_overlap_add(&overlap, llmp_str_of(word)));
    }
    assert_int_equal(overlap.count, LLMP_OVERLAP_MAX);
    assert_true(overlap.full && overlap.room <= 2 * LLMP_OVERLAP_MAX);
    llmp_overlap_fini(&overlap);
}

static void test_memory_fails(void **state)
{
    struct policy_fixture f;
    int rc = LLMP_E_NOMEM;

    (void)state;
    begin(&f, LLMP_GUARD_FLAG);
    for (int i = 0; rc == LLMP_E_NOMEM && i < 100; i++) {
        struct llmp_guard_session *session;
        struct llmp_guard_subject subject;

        llmp_guard_subject_init(&subject);
        assert_int_equal(
            llmp_guard_session_new(&session, f.policy, &subject, NULL),
            LLMP_OK);
        faulty_heap_arm(i);
        rc = llmp_guard_session_protect(session, llmp_str_of(prompt));
        faulty_heap_off();
        llmp_guard_session_free(session);
    }
    assert_int_equal(rc, LLMP_OK);
    policy_end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_repeats_it),
        cmocka_unit_test(test_what_does_not),
        cmocka_unit_test(test_canaries),
        cmocka_unit_test(test_streams_end_behind_it),
        cmocka_unit_test(test_streams_hold_a_canary),
        cmocka_unit_test(test_runs_of_random_words),
        cmocka_unit_test(test_a_long_prompt_is_bounded),
        cmocka_unit_test(test_memory_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
