/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: steady senders are left alone, however long; each way of being unlike
 * oneself is seen, by its feature; memory stays within its bounds; clocks may
 * do what they like.
 * Method: traffic of made-up senders with time and chance that we choose; texts
 * of random words. Bounds of false alarms are stated where they are asserted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka needs the headers above */
#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"
#include "guard/anomaly.h"
#include "guard/anomaly_math.h"

enum { TELL = 60, TEXT_MAX = 8192 };
#define S    LLMP_NS_PER_S
#define HOUR (3600 * S)

/* ---- chance -------------------------------------------------------------- */

static uint64_t seed;

static uint32_t draw(void)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(seed >> 33);
}

static float share(void) /* above 0, up to 1 */
{
    return ((float)(draw() & 0xffffff) + 1) / 16777216.0f;
}

/* Of a Poisson process. */
static uint64_t gap_ns(float mean_s)
{
    return (uint64_t)(llmp_log2(1 / share()) * .6931f * mean_s * (float)S);
}

static size_t add_word(char *to)
{
    static const char *const words[] = {
        "the",    "report", "please", "winter", "of",     "garden", "to",
        "number", "and",    "answer", "simple", "летом",  "in",     "window",
        "market", "is",     "family", "school", "a",      "городе", "music",
        "letter", "at",     "bridge", "yellow", "people", "for",    "river"
    };
    const char *word = words[draw() % LLMP_COUNT(words)];
    int number = (int)(draw() % 400);

    return (size_t)snprintf(to, 24, number < 100 ? "%s%d " : "%s ", word,
                            number);
}

static size_t make_prose(char *text, size_t size)
{
    size_t len = 0;

    while (len < size)
        len += add_word(text + len);
    return size;
}

/* ---- a sender ------------------------------------------------------------ */

struct sender {
    struct llmp_anomaly *anomaly;
    uint64_t principal, now_ns;
    float gap_s;
    size_t size; /* of texts: half to twice of it */
    char text[TEXT_MAX + 32];
    size_t len;
    unsigned refused_percent;
    /* What came of it. */
    unsigned known, alarms;
    struct llmp_anomaly_verdict last, worst;
};

static struct llmp_anomaly *make(uint32_t principals)
{
    const struct llmp_anomaly_options options = { .principals = principals,
                                                  .half_life_ns = 24 * HOUR,
                                                  .warm_ns = 600 * S };
    struct llmp_anomaly *anomaly;

    assert_int_equal(llmp_anomaly_new(&anomaly, &options, NULL), LLMP_OK);
    return anomaly;
}

static struct sender sender_of(struct llmp_anomaly *anomaly, uint64_t principal)
{
    return (struct sender){ .anomaly = anomaly,
                            .principal = principal,
                            .now_ns = HOUR,
                            .gap_s = 5,
                            .size = 800,
                            .refused_percent = 2 };
}

static void note(struct sender *s)
{
    struct llmp_anomaly_print print;
    const struct llmp_anomaly_request request = {
        .principal = s->principal,
        .now_ns = s->now_ns,
        .refused = draw() % 100 < s->refused_percent,
        .print = &print,
    };

    llmp_anomaly_look(&print, (struct llmp_str){ s->text, s->len });
    llmp_anomaly_note(s->anomaly, &request, TELL, &s->last);
    s->known += s->last.known;
    s->alarms += s->last.score >= TELL;
    if (s->last.score > s->worst.score)
        s->worst = s->last;
}

static void ask(struct sender *s)
{
    s->now_ns += gap_ns(s->gap_s);
    s->len = make_prose(s->text, s->size / 2 + draw() % (s->size * 3 / 2));
    note(s);
}

static void ask_often(struct sender *s, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        ask(s);
}

/* From here on it is another behaviour. */
static void forget_worst(struct sender *s)
{
    s->alarms = 0;
    s->worst = (struct llmp_anomaly_verdict){ .score = 0 };
}

static void show(const struct sender *s, const char *what)
{
    print_message("# %s: %u alarms of %u; worst %u: rate %u refusals %u length "
                  "%u entropy %u repeats %u\n",
                  what, s->alarms, s->known, s->worst.score, s->worst.of[0],
                  s->worst.of[1], s->worst.of[2], s->worst.of[3],
                  s->worst.of[4]);
}

static int set_up(void **state)
{
    seed = 42;
    *state = make(100);
    return 0;
}

static int tear_down(void **state)
{
    llmp_anomaly_free(*state);
    return 0;
}

/* ---- the steady ---------------------------------------------------------- */

/* Bound: at most one alarm in 10,000 requests, over nine kinds of senders. */
static void leaves_the_steady_alone(void **state)
{
    static const float gaps[] = { .1f, 2, 30 };
    static const size_t sizes[] = { 100, 600, 3000 };
    unsigned alarms = 0, known = 0;

    for (size_t g = 0; g < LLMP_COUNT(gaps); g++)
        for (size_t z = 0; z < LLMP_COUNT(sizes); z++) {
            struct sender s = sender_of(*state, 10 * g + z);
            char name[64];

            s.gap_s = gaps[g];
            s.size = sizes[z];
            s.refused_percent = (unsigned)(z * 10);
            ask_often(&s, 20000);
            (void)snprintf(name, sizeof(name), "steady %zu %zu", g, z);
            show(&s, name);
            alarms += s.alarms;
            known += s.known;
        }
    print_message("# %u alarms in %u requests\n", alarms, known);
    assert_true(known > 100000);
    assert_true(alarms * 10000 <= known);
}

/* Fits of ten or so, pauses between, nobody there at night; one text in fifty
 * is long. Bound: one alarm in 2,000. */
static void leaves_people_alone(void **state)
{
    struct sender s = sender_of(*state, 3);

    for (unsigned i = 0; i < 40000; i++) {
        s.gap_s = draw() % 10 ? 4 : 600;
        s.size = draw() % 50 ? 500 : 4000;
        if (i % 400 == 0)
            s.now_ns += 14 * HOUR;
        ask(&s);
    }
    show(&s, "people");
    assert_true(s.known > 30000);
    assert_true(s.alarms * 2000 <= s.known);
}

static void says_nothing_of_beginners(void **state)
{
    struct sender s = sender_of(*state, 1);

    for (unsigned i = 0; i < LLMP_ANOMALY_WARM; i++) {
        ask(&s);
        assert_false(s.last.known);
        assert_int_equal(s.last.score, 0);
    }
    /* Also not after many, before ten minutes are over. */
    s = sender_of(*state, 2);
    s.gap_s = .01f;
    ask_often(&s, 2000);
    assert_int_equal(s.known, 0);
}

/* Ten times the rate and eight times the length, over two days. */
static void learns_a_slow_drift(void **state)
{
    struct sender s = sender_of(*state, 1);

    s.gap_s = 20;
    s.size = 400;
    ask_often(&s, 3000);
    forget_worst(&s);
    for (unsigned i = 0; i < 20000; i++) {
        s.gap_s = 20 / (1 + 9 * (float)i / 20000);
        s.size = 400 + 2800 * (size_t)i / 20000;
        ask(&s);
    }
    show(&s, "drift");
    assert_true(s.alarms <= 2);
}

/* ---- the unlike ---------------------------------------------------------- */

static struct sender settled(void **state)
{
    struct sender s = sender_of(*state, 7);

    ask_often(&s, 3000);
    forget_worst(&s);
    return s;
}

static void sees_a_burst(void **state)
{
    struct sender s = settled(state);

    s.gap_s = .1f;
    ask_often(&s, 200);
    show(&s, "burst");
    assert_true(s.alarms > 20);
    assert_int_equal(s.worst.strongest, LLMP_ANOMALY_RATE);
    assert_int_equal(s.worst.score, 100);
}

static void sees_refusals(void **state)
{
    struct sender s = settled(state);

    s.refused_percent = 100;
    ask_often(&s, 14);
    show(&s, "refusals");
    assert_true(s.alarms >= 1);
    assert_int_equal(s.worst.strongest, LLMP_ANOMALY_REFUSALS);
}

static void sees_a_leap_in_length(void **state)
{
    struct sender s = settled(state);

    /* 64 times as long: what is looked at is still the end of it only. */
    s.now_ns += 5 * S;
    s.len = make_prose(s.text, TEXT_MAX);
    struct llmp_anomaly_print print;

    llmp_anomaly_look(&print, (struct llmp_str){ s.text, s.len });
    print.size = 51200;
    llmp_anomaly_note(*state,
                      &(struct llmp_anomaly_request){
                          .principal = 7, .now_ns = s.now_ns, .print = &print },
                      TELL, &s.worst);
    show(&s, "length");
    assert_true(s.worst.score >= TELL);
    assert_int_equal(s.worst.strongest, LLMP_ANOMALY_LENGTH);
}

static void sees_another_alphabet(void **state)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrs"
                                 "tuvwxyz0123456789+/";
    struct sender s = settled(state);

    s.len = 900;
    for (size_t i = 0; i < s.len; i++)
        s.text[i] = digits[draw() % 64];
    s.now_ns += 5 * S;
    note(&s);
    show(&s, "base64");
    assert_true(s.worst.score >= TELL);
    assert_int_equal(s.worst.strongest, LLMP_ANOMALY_ENTROPY);

    forget_worst(&s);
    memset(s.text, 'a', s.len);
    s.now_ns += 5 * S;
    note(&s);
    show(&s, "one letter");
    assert_true(s.worst.score >= TELL);
    assert_int_equal(s.worst.strongest, LLMP_ANOMALY_ENTROPY);
}

/* The same prompt with another number in it, again and again. */
static void sees_repeats(void **state)
{
    struct sender s = settled(state);
    char base[1024];
    size_t len = make_prose(base, 700);

    for (unsigned i = 0; i < 24; i++) {
        memcpy(s.text, base, len);
        s.len = len + (size_t)snprintf(s.text + len, 32, " attempt %u", i);
        s.now_ns += 5 * S;
        note(&s);
    }
    show(&s, "repeats");
    assert_true(s.alarms >= 3);
    assert_int_equal(s.worst.strongest, LLMP_ANOMALY_REPEATS);
}

/* Whose prompts were always of one form is not unlike itself. */
static void knows_a_template(void **state)
{
    struct sender s = sender_of(*state, 9);
    char base[1024];
    size_t len = make_prose(base, 700);

    for (unsigned i = 0; i < 2000; i++) {
        memcpy(s.text, base, len);
        s.len = len + (size_t)snprintf(s.text + len, 32, " item %u", draw());
        s.now_ns += gap_ns(5);
        note(&s);
    }
    show(&s, "template");
    assert_true(s.known > 1000);
    assert_int_equal(s.alarms, 0);
}

static void tells_once_in_ten_minutes(void **state)
{
    struct sender s = settled(state);
    unsigned told = 0;

    s.gap_s = .05f;
    for (unsigned i = 0; i < 400; i++) {
        ask(&s);
        told += s.last.score >= TELL && !s.last.told;
    }
    assert_int_equal(told, 1);
    s.now_ns += 660 * S;
    for (unsigned i = 0; i < 2000; i++) {
        ask(&s);
        told += s.last.score >= TELL && !s.last.told;
    }
    assert_int_equal(told, 2);
}

/* What an attacker does teaches little: afterwards all is as before. */
static void is_not_taught_by_one_attack(void **state)
{
    struct sender s = settled(state);

    for (unsigned round = 0; round < 3; round++) {
        forget_worst(&s);
        s.gap_s = .1f;
        ask_often(&s, 60);
        assert_int_equal(s.worst.score, 100);
        s.gap_s = 5;
        ask_often(&s, 200);
    }
}

/* ---- texts --------------------------------------------------------------- */

static void tells_texts_apart(void **state)
{
    unsigned alike = 0, near = 0, cased = 0;

    (void)state;
    for (unsigned i = 0; i < 500; i++) {
        char one[2048], two[2048];
        struct llmp_anomaly_print a, b;
        size_t len = make_prose(one, 1000);

        llmp_anomaly_look(&a, (struct llmp_str){ one, len });
        llmp_anomaly_look(&b, (struct llmp_str){ two, make_prose(two, 1000) });
        alike += llmp_anomaly_alike(&a, &b);

        len += (size_t)snprintf(one + len, 64, " and %u", draw());
        llmp_anomaly_look(&b, (struct llmp_str){ one, len });
        near += llmp_anomaly_alike(&a, &b);

        llmp_anomaly_look(&a, (struct llmp_str){ one, len });
        for (size_t k = 0; k < len; k++) {
            one[k] = one[k] == ' ' && k % 3 == 0 ? '\n' : one[k];
            if (one[k] >= 'a' && one[k] <= 'z')
                one[k] = (char)(one[k] - 0x20);
        }
        llmp_anomaly_look(&b, (struct llmp_str){ one, len });
        cased += llmp_anomaly_alike(&a, &b);
    }
    print_message("# alike %u, near %u, cased %u of 500\n", alike, near, cased);
    assert_true(alike <= 5);
    assert_true(near >= 490);
    assert_int_equal(cased, 500);
}

static void measures_entropy(void **state)
{
    struct llmp_anomaly_print print;
    uint8_t all[4096];

    (void)state;
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (uint8_t)i;
    llmp_anomaly_look(&print, (struct llmp_str){ (char *)all, sizeof(all) });
    assert_true(print.entropy > 7.95f && print.entropy < 8.05f);
    memset(all, 'x', sizeof(all));
    llmp_anomaly_look(&print, (struct llmp_str){ (char *)all, sizeof(all) });
    assert_true(print.entropy > -.05f && print.entropy < .05f);
    llmp_anomaly_look(&print, (struct llmp_str){ (char *)all, 63 });
    assert_true(print.entropy < 0);
    assert_int_equal(print.size, 63);
    llmp_anomaly_look(&print, (struct llmp_str){ NULL, 0 });
    assert_int_equal(print.size, 0);
    assert_false(llmp_anomaly_alike(&print, &print));
}

static void reckons_well_enough(void **state)
{
    (void)state;
    for (uint32_t bit = 0; bit < 31; bit++) {
        float x = (float)(1u << bit), y = llmp_root(x);

        assert_true(llmp_log2(x) > (float)bit - .01f &&
                    llmp_log2(x) < (float)bit + .01f);
        assert_true(y * y > x * .99f && y * y < x * 1.01f);
    }
    for (uint64_t i = 0; i <= 200; i++) {
        float now = llmp_decay(i * S / 10, S), later;

        later = llmp_decay(i * S / 10 + S, S);
        assert_true(now <= 1 && later <= now * .505f && later >= now * .495f);
    }
    assert_true(llmp_decay(UINT64_MAX, 1) == 0);
}

/* ---- memory and clocks --------------------------------------------------- */

/* Somebody who asks all the time is kept while thousands of others pass by. */
static void keeps_whoever_is_active(void **state)
{
    struct llmp_anomaly *anomaly = make(16);
    struct sender s = sender_of(anomaly, 0);
    unsigned known = 0;

    (void)state;
    for (uint64_t i = 1; i < 20000; i++) {
        struct llmp_anomaly_verdict verdict;

        if (i % 4 == 0)
            ask(&s);
        known += i % 4 == 0 && s.last.known;
        llmp_anomaly_note(anomaly,
                          &(struct llmp_anomaly_request){ .principal = i * 977,
                                                          .now_ns = s.now_ns },
                          TELL, &verdict);
        assert_false(verdict.known);
        assert_true(llmp_anomaly_count(anomaly) <= 16);
    }
    assert_int_equal(llmp_anomaly_count(anomaly), 16);
    assert_true(known > 4000);
    llmp_anomaly_free(anomaly);
}

/* Any order of principals, times and texts: scores stay within bounds, and the
 * same requests give the same scores. */
static void holds_for_any_traffic(void **state)
{
    struct llmp_anomaly *twins[] = { make(5), make(5) };
    char text[600];

    (void)state;
    for (unsigned i = 0; i < 60000; i++) {
        struct llmp_anomaly_verdict verdicts[2];
        struct llmp_anomaly_print print;
        struct llmp_anomaly_request request = {
            .principal = (uint64_t)(draw() % 9) << (draw() % 50),
            .now_ns = draw() % 8 ? (uint64_t)i * S : (uint64_t)draw() << 33,
            .refused = draw() % 3 == 0,
            .print = draw() % 4 ? &print : NULL,
        };
        size_t len = draw() % sizeof(text);

        for (size_t k = 0; k < len; k++)
            text[k] = (char)(draw() % (1 + i % 256));
        llmp_anomaly_look(&print, (struct llmp_str){ text, len });
        for (size_t t = 0; t < 2; t++)
            llmp_anomaly_note(twins[t], &request, TELL, &verdicts[t]);
        assert_memory_equal(&verdicts[0], &verdicts[1], sizeof(verdicts[0]));
        assert_true(verdicts[0].score <= 100);
        for (size_t f = 0; f < LLMP_ANOMALY_FEATURES; f++)
            assert_true(verdicts[0].of[f] <= verdicts[0].score + 1);
        assert_true(verdicts[0].known || verdicts[0].score == 0);
    }
    llmp_anomaly_free(twins[0]);
    llmp_anomaly_free(twins[1]);
}

static void bears_a_clock_that_leaps(void **state)
{
    struct sender s = settled(state);
    uint64_t before = s.now_ns;

    s.now_ns = 0; /* back: nothing is forgotten, it counts as a burst at most */
    ask(&s);
    assert_true(s.last.known);
    assert_true(s.last.score < TELL);
    s.now_ns = before + 400 * 24 * HOUR; /* a year on: who was that? */
    ask(&s);
    assert_false(s.last.known);
    assert_int_equal(s.last.score, 0);
    forget_worst(&s);
    ask_often(&s, 3000);
    assert_int_equal(s.alarms, 0);
}

static void survives_every_allocation_failure(void **state)
{
    const struct llmp_anomaly_options options = { .principals = 10,
                                                  .half_life_ns = HOUR };

    (void)state;
    for (int n = 0;; n++) {
        struct llmp_anomaly *anomaly = NULL;
        struct llmp_error err;
        int rc;

        faulty_heap_arm(n);
        rc = llmp_anomaly_new(&anomaly, &options, &err);
        if (rc == LLMP_OK) {
            llmp_anomaly_free(anomaly);
            assert_int_equal(faulty_heap_live(), 0);
            assert_int_equal(n, 3);
            break;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_null(anomaly);
        assert_int_equal(faulty_heap_live(), 0);
    }
    faulty_heap_off();
}

static void refuses_what_makes_no_sense(void **state)
{
    const struct llmp_anomaly_options wrong[] = {
        { .principals = 0, .half_life_ns = 1 },
        { .principals = LLMP_ANOMALY_PRINCIPALS_MAX + 1, .half_life_ns = 1 },
        { .principals = 1, .half_life_ns = 0 },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(wrong); i++) {
        struct llmp_anomaly *anomaly = NULL;

        assert_int_equal(llmp_anomaly_new(&anomaly, &wrong[i], NULL),
                         LLMP_E_INVALID);
        assert_null(anomaly);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(leaves_the_steady_alone),
        TEST(leaves_people_alone),
        TEST(says_nothing_of_beginners),
        TEST(learns_a_slow_drift),
        TEST(sees_a_burst),
        TEST(sees_refusals),
        TEST(sees_a_leap_in_length),
        TEST(sees_another_alphabet),
        TEST(sees_repeats),
        TEST(knows_a_template),
        TEST(tells_once_in_ten_minutes),
        TEST(is_not_taught_by_one_attack),
        TEST(tells_texts_apart),
        TEST(measures_entropy),
        TEST(reckons_well_enough),
        TEST(keeps_whoever_is_active),
        TEST(holds_for_any_traffic),
        TEST(bears_a_clock_that_leaps),
        TEST(survives_every_allocation_failure),
        TEST(refuses_what_makes_no_sense),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
