/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a prompt's points are those that a person counts by hand, in either
 * dialect, and looking at it is bounded; a prompt goes to the level that it
 * needs, by the rules of the file or the default ones.
 * Method: bodies and their scores; a gateway with a cheap and a good
 * deployment; memory fails at 0, 1, 2, ….
 */
#include <llmproxy/config.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "faulty_heap.h"
#include "gateway/prompt.h"
#include "routing_fixture.h"

static const struct llmp_route_rule rules[] = {
    { .feature = LLMP_FEATURE_TOKENS, .at_least = 100, .points = 1 },
    { .feature = LLMP_FEATURE_OUTPUT_TOKENS, .at_least = 10, .points = 10 },
    { .feature = LLMP_FEATURE_TURNS, .at_least = 3, .points = 100 },
    { .feature = LLMP_FEATURE_TOOLS, .at_least = 2, .points = 1000 },
    { .feature = LLMP_FEATURE_MEDIA, .at_least = 1, .points = 10000 },
    { .feature = LLMP_FEATURE_CODE, .at_least = 2, .points = 100000 },
    { .feature = LLMP_FEATURE_QUESTIONS, .at_least = 2, .points = -1 },
    { .feature = LLMP_FEATURE_TERM, .points = 1000000, .term = LLMP_STR("ab") },
};
static const int32_t thresholds[] = { 1, 1000 };
static const struct llmp_complexity_config complexity = {
    rules, LLMP_COUNT(rules), thresholds, LLMP_COUNT(thresholds)
};

static struct llmp_route_score score(const char *body)
{
    const struct llmp_prompt prompt = { .body = llmp_str_of(body) };
    struct llmp_route_score out;
    struct llmp_arena arena;

    llmp_arena_init(&arena, 4096);
    assert_int_equal(llmp_prompt_score(&out, &complexity, &prompt, &arena),
                     LLMP_OK);
    llmp_arena_fini(&arena);
    return out;
}

#define U(content) "{\"role\":\"user\",\"content\":" content "}"
#define A(content) "{\"role\":\"assistant\",\"content\":" content "}"
#define M(list)    "{\"messages\":[" list "]}"

static void points_are_those_counted_by_hand(void **state)
{
    static const struct {
        const char *what, *body;
        int32_t score;
    } rows[] = {
        { "nothing", "{}", 0 },
        { "no messages", M(""), 0 },
        { "turns", M(U("\"a\"") "," A("\"b\"") "," U("\"c\"")), 100 },
        { "tools", "{\"messages\":[],\"tools\":[{},{}]}", 1000 },
        { "a picture for OpenAI",
          M(U("[{\"type\":\"image_url\",\"image_url\":{}}]")), 10000 },
        { "a document for Anthropic",
          M(U("[{\"type\":\"document\",\"source\":{}}]")), 10000 },
        { "code, with escaped lines", M(U("\"```\\nx\\n```\"")), 100000 },
        { "fences in the middle of lines are none",
          M(U("\"a ```x``` ```y```\"")), 0 },
        { "questions in two turns", M(U("\"a?\"") "," U("\"b?\"")), -1 },
        { "what others say is not counted",
          M(A("\"a? b? ab\"") ",{\"role\":\"system\",\"content\":\"ab\"}"), 0 },
        { "a term, in a part", M(U("[{\"type\":\"text\",\"text\":\"AB!\"}]")),
          1000000 },
        { "a word that only begins so", M(U("\"abc\"")), 0 },
        { "the last four turns",
          M(U("\"ab\"") "," U("\"1\"") "," U("\"2\"") "," U("\"3\"") "," U(
              "\"4\"")),
          100 },
        { "results of tools are no turns of the user",
          M(U("\"ab\"") "," U("[{\"type\":\"tool_result\"}]") "," U(
              "[{"
              "\"type\":"
              "\"tool_"
              "result\"}"
              "]") "," U("[{\"type\":"
                         "\"tool_result\"}]") "," U("[{\"type\":\"tool_"
                                                    "result\"}]")),
          1000100 },
        { "Responses: a text", "{\"input\":\"ab\"}", 1000000 },
        { "Responses: parts",
          "{\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_"
          "text\","
          "\"text\":\"ab\"}]}]}",
          1000000 },
        { "a prompt of Completions", "{\"prompt\":\"ab\"}", 1000000 },
        { "shapes that are wrong",
          M("1,[],{\"role\":2},{\"content\":{}}," U("[1,\"ab\",{\"text\":3}]")),
          100 },
        { "not JSON", "{", 0 },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(rows); i++) {
        print_message("# %s\n", rows[i].what);
        assert_int_equal(score(rows[i].body).score, rows[i].score);
    }
}

static void sizes_are_the_callers(void **state)
{
    const struct llmp_prompt prompt = { .body = LLMP_STR("{}"),
                                        .input_tokens = 100,
                                        .output_tokens = 10 };
    struct llmp_route_score out;
    struct llmp_arena arena;

    (void)state;
    llmp_arena_init(&arena, 4096);
    assert_int_equal(llmp_prompt_score(&out, &complexity, &prompt, &arena),
                     LLMP_OK);
    llmp_arena_fini(&arena);
    assert_int_equal(out.score, 11);
    assert_int_equal(out.level, 1);
    assert_int_equal(out.rules, 3);
}

/* 64 KiB of texts are looked at, from the newest on, and cut at a blank. */
static void much_text_is_looked_at_in_part(void **state)
{
    enum { SIZE = 200000 };
    char *body = llmp_alloc(SIZE + 256);
    char *end = body;

    (void)state;
    assert_non_null(body);
    end = llmp_put_str(end, LLMP_STR("{\"messages\":[{\"role\":\"user\","
                                     "\"content\":\"ab "));
    for (size_t i = 0; i < SIZE / 4; i++)
        end = llmp_put_str(end, LLMP_STR("\\\\x ")); /* escapes at the cut */
    end = llmp_put_str(end, LLMP_STR("??\"}]}"));
    assert_int_equal(score(body).score, 1000000); /* not the question marks */
    llmp_free(body);
}

static void memory_may_be_short(void **state)
{
    static const char body[] = M(U("\"```\\nab\\n```\""));

    (void)state;
    for (int n = 0;; n++) {
        const struct llmp_prompt prompt = { .body = llmp_str_of(body) };
        struct llmp_route_score out;
        struct llmp_arena arena;

        faulty_heap_arm(n);
        llmp_arena_init(&arena, 16);

        int rc = llmp_prompt_score(&out, &complexity, &prompt, &arena);

        llmp_arena_fini(&arena);
        assert_int_equal(faulty_heap_live(), 0);
        if (rc == LLMP_OK) {
            assert_int_equal(out.score, 1100000);
            assert_true(n > 1);
            break;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
    }
    faulty_heap_off();
}

/* ---- in a gateway -------------------------------------------------------- */

#define GATEWAY(complexity)                                       \
    "providers:\n"                                                \
    "  - { name: cheap, base_url: 'http://127.0.0.1:9001/v1' }\n" \
    "  - { name: good, base_url: 'http://127.0.0.1:9002/v1' }\n"  \
    "  - { name: best, base_url: 'http://127.0.0.1:9003/v1' }\n"  \
    "models:\n"                                                   \
    "  - name: m\n"                                               \
    "    strategy: complexity\n" complexity                       \
    "    deployments: [{ provider: best, level: 2 },\n"           \
    "      { provider: good, level: 1 }, { provider: cheap, level: 0 }]\n"

#define ASK(content) "{\"model\":\"m\",\"messages\":[" U(content) "]}"
#define CODE         "\"```\\nx\\n```\""
#define HARD                                                                \
    "\"```\\nx = a + b < c > d % e == f <= g\\n```\\nWhy? How? When?\\n1. " \
    "a\\n2. "                                                               \
    "b\\n3. c\""

static void a_prompt_goes_to_its_level(void **state)
{
    static const char own[] =
        GATEWAY("    complexity: { rules: [\n"
                "      { feature: term, term: 'prove that', points: 9 },\n"
                "      { feature: questions, points: -5 }], thresholds: 7 }\n");
    static const struct {
        const char *yaml, *body, *calls;
    } rows[] = {
        { GATEWAY(""), ASK("\"Hi\""), "1" },
        { GATEWAY(""), ASK(CODE), "2" },
        { GATEWAY(""), ASK(HARD), "3" },
        { own, ASK("\"Please prove that 1 = 1.\""), "2" },
        { own, ASK("\"Can you prove that?\""), "1" },
        { own, ASK(HARD), "1" },
    };

    (void)state;
    for (size_t i = 0; i < LLMP_COUNT(rows); i++) {
        struct routed r;
        struct came came;

        print_message("# %s\n", rows[i].body);
        routed_open(&r, rows[i].yaml);
        came = routed_ask(&r, &(struct asked){ .body = rows[i].body });
        assert_string_equal(came.calls, rows[i].calls);
        routed_close(&r);
    }
}

static void a_higher_level_stands_in_before_a_lower_one(void **state)
{
    static const struct answers second_fails = { .status = { [2] = 500 } };
    struct routed r;
    struct came came;

    (void)state;
    routed_open(&r, GATEWAY(""));
    came = routed_ask(
        &r, &(struct asked){ .body = ASK(CODE), .answers = &second_fails });
    assert_string_equal(came.calls, "23");
    assert_int_equal(came.status, 200);
    routed_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_are_those_counted_by_hand),
        cmocka_unit_test(sizes_are_the_callers),
        cmocka_unit_test(much_text_is_looked_at_in_part),
        cmocka_unit_test(memory_may_be_short),
        cmocka_unit_test(a_prompt_goes_to_its_level),
        cmocka_unit_test(a_higher_level_stands_in_before_a_lower_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
