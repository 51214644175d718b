/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what others are asked about is asked about whole, in calls of the size
 * that they take; an answer of theirs means what its vendor says it means, and
 * what is no answer is not taken for a clean one. A stage that waits, or is not
 * in doubt, says so.
 * Method: each API's request is read again as JSON, its answers are written by
 * hand after the vendors' references; policies through the public header.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/internal.h"
#include "guard/remote.h"
#include "policy_fixture.h"

enum { SAID_MAX = 16 };

/* What an answer said, in words. */
struct said {
    char lines[SAID_MAX][160];
    size_t count;
};

static void hear(void *to, uint32_t piece, const struct llmp_guard_found *one)
{
    struct said *said = to;

    assert_true(said->count < SAID_MAX);
    (void)snprintf(said->lines[said->count++], sizeof(said->lines[0]),
                   "%u %s %s %u [%zu,%zu) %s", piece, one->kind,
                   llmp_guard_severity_name(one->severity), one->sure,
                   one->begin, one->end, one->label);
}

static struct llmp_remote_text text_of(enum llmp_guard_part part,
                                       const char *text)
{
    return (struct llmp_remote_text){ .part = part, .text = llmp_str_of(text) };
}

/* An answer about these texts; false: it is none. */
static bool answer(const struct llmp_remote_api *api,
                   const struct llmp_remote_text *texts, size_t count,
                   const char *json, struct said *said)
{
    struct llmp_remote_piece pieces[LLMP_REMOTE_PIECES_MAX];
    struct llmp_remote_cursor cursor = { 0, 0 };
    const struct llmp_json_value *root;
    struct llmp_arena arena;
    uint32_t n = llmp_remote_next(api, texts, count, &cursor, pieces);
    bool good;

    *said = (struct said){ .count = 0 };
    llmp_arena_init(&arena, 1024);
    assert_int_equal(llmp_json_tree(&root, llmp_str_of(json), 0, &arena, NULL),
                     LLMP_OK);
    good = api->answer(root, pieces, n, hear, said);
    llmp_arena_fini(&arena);
    return good;
}

static void check_lines(const struct said *said, size_t count,
                        const char *const *lines)
{
    for (size_t i = 0; i < count && i < said->count; i++)
        assert_string_equal(said->lines[i], lines[i]);
    assert_int_equal(said->count, count);
}

#define SAYS(said, ...)                                                   \
    check_lines(said,                                                     \
                sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *), \
                (const char *const[]){ __VA_ARGS__ })

static const char *written(const struct llmp_remote_settings *set,
                           const struct llmp_remote_text *texts, size_t count)
{
    static char out[4096];
    struct llmp_remote_piece pieces[LLMP_REMOTE_PIECES_MAX];
    struct llmp_remote_cursor cursor = { 0, 0 };
    struct llmp_buf path = { 0 }, body = { 0 };
    uint32_t n = llmp_remote_next(set->api, texts, count, &cursor, pieces);

    assert_true(set->api->path(&path, set));
    assert_true(set->api->request(&body, set, pieces, n));
    (void)snprintf(out, sizeof(out), "%.*s %.*s", (int)path.len, path.ptr,
                   (int)body.len, body.ptr);
    llmp_buf_fini(&path);
    llmp_buf_fini(&body);
    return out;
}

/* ---- pieces ------------------------------------------------------------- */

static void test_every_byte_is_in_a_piece(void **state)
{
    (void)state;
    static char text[60000];
    struct llmp_remote_text one = { .part = LLMP_GUARD_USER,
                                    .text = { text, sizeof(text) - 1 } };

    for (size_t i = 0; i < sizeof(text); i++) /* two bytes a character */
        text[i] = (char)(i % 2 ? 0x90 + i % 37 : 0xd0);
    for (size_t a = 0; llmp_remote_api(a); a++) {
        const struct llmp_remote_api *api = llmp_remote_api(a);
        struct llmp_remote_piece pieces[LLMP_REMOTE_PIECES_MAX];
        struct llmp_remote_cursor cursor = { 0, 0 };
        size_t seen = 0;

        if (!llmp_remote_takes(api, &one))
            continue;
        while (llmp_remote_next(api, &one, 1, &cursor, pieces)) {
            assert_true(pieces[0].text.len <= api->bytes_max);
            assert_true(pieces[0].begin <= seen);
            assert_int_equal(pieces[0].begin % 2, 0);
            assert_true(pieces[0].begin + pieces[0].text.len > seen);
            seen = pieces[0].begin + pieces[0].text.len;
        }
        assert_int_equal(seen, one.text.len);
    }
}

static void test_calls_are_filled(void **state)
{
    (void)state;
    static char word[3000];
    struct llmp_remote_text texts[12];
    struct llmp_remote_piece pieces[LLMP_REMOTE_PIECES_MAX];
    struct llmp_remote_cursor cursor = { 0, 0 };

    memset(word, 'a', sizeof(word) - 1);
    for (size_t i = 0; i < LLMP_COUNT(texts); i++)
        texts[i] = text_of(LLMP_GUARD_USER, word);
    texts[4].text.len = 0; /* nothing is no text */
    texts[5].is_image = true;
    /* 9,995 bytes, five texts */
    assert_int_equal(llmp_remote_next(&llmp_remote_azure_prompt_shields, texts,
                                      12, &cursor, pieces),
                     3);
    assert_int_equal(llmp_remote_next(&llmp_remote_azure_prompt_shields, texts,
                                      12, &cursor, pieces),
                     3);
    assert_int_equal(pieces[0].index, 3);
    assert_int_equal(pieces[1].index, 6);
    /* A picture comes alone. */
    cursor = (struct llmp_remote_cursor){ 3, 0 };
    assert_int_equal(llmp_remote_next(&llmp_remote_openai_moderation, texts, 12,
                                      &cursor, pieces),
                     1);
    assert_int_equal(llmp_remote_next(&llmp_remote_openai_moderation, texts, 12,
                                      &cursor, pieces),
                     1);
    assert_int_equal(pieces[0].index, 5);
    assert_int_equal(llmp_remote_next(&llmp_remote_openai_moderation, texts, 12,
                                      &cursor, pieces),
                     6);
    assert_int_equal(llmp_remote_next(&llmp_remote_openai_moderation, texts, 12,
                                      &cursor, pieces),
                     0);
}

static void test_names_and_apis_agree(void **state)
{
    (void)state;
    size_t i = 0;

    for (; llmp_remote_api(i); i++)
        assert_string_equal(llmp_remote_api(i)->name, llmp_remote_names[i]);
    assert_null(llmp_remote_names[i]);
}

/* ---- one by one --------------------------------------------------------- */

static void test_openai_moderation(void **state)
{
    (void)state;
    const struct llmp_remote_api *api = &llmp_remote_openai_moderation;
    const struct llmp_remote_settings set = { .api = api };
    const struct llmp_remote_text texts[] = {
        text_of(LLMP_GUARD_USER, "a \"b\""),
        text_of(LLMP_GUARD_DOCUMENT, "cd")
    };
    struct said said;

    assert_string_equal(written(&set, texts, 2),
                        "/moderations {\"model\":\"omni-moderation-latest\","
                        "\"input\":[\"a \\\"b\\\"\",\"cd\"]}");
    assert_true(answer(
        api, texts, 2,
        "{\"results\":[{\"flagged\":false,\"categories\":{\"hate\":false}},"
        "{\"flagged\":true,\"categories\":{\"hate\":false,\"sexual/minors\":"
        "true,\"self-harm/intent\":true,\"illicit\":null},\"category_scores\":"
        "{\"sexual/minors\":0.937,\"self-harm/intent\":9e-05}}]}",
        &said));
    SAYS(&said, "1 moderation.sexual_minors critical 93 [0,2) REMOVED",
         "1 moderation.self_harm_intent high 50 [0,2) REMOVED");
    assert_false(answer(api, texts, 2, "{\"results\":[]}", &said));
    assert_false(answer(api, texts, 2, "{\"error\":{}}", &said));
    assert_false(answer(api, texts, 2, "{\"results\":[{},{}]}", &said));
}

static void test_openai_picture(void **state)
{
    (void)state;
    const struct llmp_remote_settings set = {
        .api = &llmp_remote_openai_moderation
    };
    struct llmp_remote_text one = { .part = LLMP_GUARD_IMAGE,
                                    .text = LLMP_STR("AAAA"),
                                    .media = LLMP_STR("image/gif"),
                                    .is_image = true };

    assert_non_null(strstr(written(&set, &one, 1),
                           "{\"type\":\"image_url\",\"image_url\":{\"url\":"
                           "\"data:image/gif;base64,AAAA\"}}"));
    one.is_url = true;
    one.text = LLMP_STR("https://a/b");
    assert_non_null(
        strstr(written(&set, &one, 1), "{\"url\":\"https://a/b\"}"));
}

static void test_prompt_shields(void **state)
{
    (void)state;
    const struct llmp_remote_api *api = &llmp_remote_azure_prompt_shields;
    const struct llmp_remote_settings set = { .api = api };
    const struct llmp_remote_text texts[] = {
        text_of(LLMP_GUARD_SYSTEM, "s"), text_of(LLMP_GUARD_TOOL_RESULT, "t"),
        text_of(LLMP_GUARD_USER, "u"), text_of(LLMP_GUARD_DOCUMENT, "d")
    };
    struct said said;

    assert_string_equal(written(&set, texts, 4),
                        "/contentsafety/text:shieldPrompt?api-version="
                        "2024-09-01 {\"userPrompt\":\"s\\nu\",\"documents\":["
                        "\"t\",\"d\"]}");
    assert_true(answer(api, texts, 4,
                       "{\"userPromptAnalysis\":{\"attackDetected\":true},"
                       "\"documentsAnalysis\":[{\"attackDetected\":false},"
                       "{\"attackDetected\":true}]}",
                       &said));
    SAYS(&said, "0 injection.prompt high 100 [0,1) REMOVED",
         "2 injection.prompt high 100 [0,1) REMOVED",
         "3 injection.indirect high 100 [0,1) REMOVED");
    assert_false(answer(api, texts, 4,
                        "{\"userPromptAnalysis\":{\"attackDetected\":false},"
                        "\"documentsAnalysis\":[{\"attackDetected\":false}]}",
                        &said));
    assert_false(answer(api, texts, 4,
                        "{\"userPromptAnalysis\":null,\"documentsAnalysis\":"
                        "[{\"attackDetected\":false},"
                        "{\"attackDetected\":false}]}",
                        &said));
    assert_true(answer(api, texts + 3, 1,
                       "{\"userPromptAnalysis\":null,\"documentsAnalysis\":"
                       "[{\"attackDetected\":false}]}",
                       &said));
}

static void test_azure_text(void **state)
{
    (void)state;
    const struct llmp_remote_api *api = &llmp_remote_azure_text;
    const struct llmp_remote_text one =
        text_of(LLMP_GUARD_USER, "a spade, a \"spade\"");
    struct said said;

    assert_true(answer(
        api, &one, 1,
        "{\"blocklistsMatch\":[{\"blocklistName\":\"b\",\"blocklistItemId\":"
        "\"1\",\"blocklistItemText\":\"spade\"}],\"categoriesAnalysis\":["
        "{\"category\":\"SelfHarm\",\"severity\":3},{\"category\":\"Hate\","
        "\"severity\":0},{\"category\":\"Sexual\",\"severity\":7}]}",
        &said));
    SAYS(&said, "0 moderation.self_harm medium 100 [0,18) REMOVED",
         "0 moderation.sexual critical 100 [0,18) REMOVED",
         "0 moderation.blocklist high 100 [2,7) BLOCKLIST",
         "0 moderation.blocklist high 100 [12,17) BLOCKLIST");
    assert_false(answer(api, &one, 1, "{\"categoriesAnalysis\":{}}", &said));
    assert_false(answer(api, &one, 1,
                        "{\"categoriesAnalysis\":[{\"category\":\"Hate\","
                        "\"severity\":\"high\"}]}",
                        &said));
}

static void test_bedrock(void **state)
{
    (void)state;
    const struct llmp_remote_api *api = &llmp_remote_bedrock_guardrail;
    const struct llmp_remote_settings set = { .api = api,
                                              .guardrail = LLMP_STR("a/b"),
                                              .version = LLMP_STR("3") };
    const struct llmp_remote_text one =
        text_of(LLMP_GUARD_OUTPUT, "Ann\nLee, Ann");
    struct said said;

    assert_string_equal(written(&set, &one, 1),
                        "/guardrail/a%2Fb/version/3/apply {\"source\":"
                        "\"OUTPUT\",\"content\":[{\"text\":{\"text\":"
                        "\"Ann\\nLee, Ann\"}}]}");
    assert_true(answer(
        api, &one, 1,
        "{\"action\":\"GUARDRAIL_INTERVENED\",\"outputs\":[],\"assessments\":["
        "{\"sensitiveInformationPolicy\":{\"piiEntities\":[{\"match\":"
        "\"Ann\\nLee\",\"type\":\"NAME\",\"action\":\"ANONYMIZED\"}],"
        "\"regexes\":[{\"name\":\"my id\",\"match\":\"no\",\"action\":"
        "\"NONE\"}]},\"contentPolicy\":{\"filters\":[{\"type\":"
        "\"PROMPT_ATTACK\",\"confidence\":\"LOW\",\"action\":\"BLOCKED\"}]}}]}",
        &said));
    SAYS(&said, "0 injection.prompt high 60 [0,12) REMOVED",
         "0 pii.name high 100 [0,7) NAME", "0 pii.my_id low 100 [0,12) MY_ID");
    assert_true(answer(api, &one, 1,
                       "{\"action\":\"GUARDRAIL_INTERVENED\","
                       "\"assessments\":[{\"newPolicy\":{\"x\":1}}]}",
                       &said));
    SAYS(&said, "0 bedrock.intervened high 100 [0,12) REMOVED");
    assert_true(answer(api, &one, 1,
                       "{\"action\":\"NONE\",\"outputs\":[],"
                       "\"assessments\":[]}",
                       &said));
    assert_int_equal(said.count, 0);
    assert_false(answer(api, &one, 1, "{\"message\":\"no\"}", &said));
}

static void test_llama_guard(void **state)
{
    (void)state;
    const struct llmp_remote_api *api = &llmp_remote_llama_guard;
    const struct llmp_remote_settings set = { .api = api,
                                              .model = LLMP_STR("lg") };
    const struct llmp_remote_text one = text_of(LLMP_GUARD_USER, "Hi");
    const struct llmp_remote_text out = text_of(LLMP_GUARD_OUTPUT, "Ho");
    struct said said;

    assert_string_equal(written(&set, &one, 1),
                        "/chat/completions {\"model\":\"lg\",\"messages\":["
                        "{\"role\":\"user\",\"content\":\"Hi\"}],"
                        "\"temperature\":0,\"max_tokens\":32}");
    assert_non_null(strstr(written(&set, &out, 1),
                           "{\"role\":\"assistant\",\"content\":\"Ho\"}"));
    assert_true(answer(api, &one, 1,
                       "{\"choices\":[{\"message\":{\"content\":"
                       "\"\\n\\nunsafe\\nS10,S4,S99\"}}]}",
                       &said));
    SAYS(&said, "0 moderation.hate high 100 [0,2) REMOVED",
         "0 moderation.child_exploitation critical 100 [0,2) REMOVED");
    assert_true(answer(api, &one, 1,
                       "{\"choices\":[{\"message\":{\"content\":\"unsafe\"}}]}",
                       &said));
    SAYS(&said, "0 moderation.unsafe high 100 [0,2) REMOVED");
    assert_true(answer(api, &one, 1,
                       "{\"choices\":[{\"message\":{\"content\":\"safe\"}}]}",
                       &said));
    assert_int_equal(said.count, 0);
    assert_false(
        answer(api, &one, 1,
               "{\"choices\":[{\"message\":{\"content\":\"I cannot help.\"}}]}",
               &said));
    assert_false(answer(api, &one, 1, "{\"choices\":[]}", &said));
}

static void test_webhook(void **state)
{
    (void)state;
    const struct llmp_remote_api *api = &llmp_remote_webhook;
    const struct llmp_remote_settings set = { .api = api,
                                              .path = LLMP_STR("/p") };
    const struct llmp_remote_text texts[] = {
        text_of(LLMP_GUARD_USER, "abc"), text_of(LLMP_GUARD_DOCUMENT, "defg")
    };
    struct said said;

    assert_string_equal(written(&set, texts, 2),
                        "/p {\"version\":1,\"texts\":[{\"part\":\"user\","
                        "\"text\":\"abc\"},{\"part\":\"document\",\"text\":"
                        "\"defg\"}]}");
    assert_true(answer(api, texts, 2,
                       "{\"findings\":[{\"text\":1,\"kind\":\"a.b\",\"begin\":"
                       "1,\"end\":3,\"severity\":\"low\",\"sure\":70,"
                       "\"label\":\"X\"},{\"kind\":\"c\"}]}",
                       &said));
    SAYS(&said, "1 a.b low 70 [1,3) X", "0 c high 100 [0,3) REDACTED");
    assert_true(answer(api, texts, 2, "{\"findings\":[]}", &said));
    static const char *const wrong[] = {
        "{}",
        "{\"findings\":[{}]}",
        "{\"findings\":[{\"kind\":\"a b\"}]}",
        "{\"findings\":[{\"kind\":\"a\",\"text\":2}]}",
        "{\"findings\":[{\"kind\":\"a\",\"end\":4}]}",
        "{\"findings\":[{\"kind\":\"a\",\"begin\":2,\"end\":1}]}",
        "{\"findings\":[{\"kind\":\"a\",\"begin\":-1}]}",
        "{\"findings\":[{\"kind\":\"a\",\"severity\":\"huge\"}]}",
        "{\"findings\":[{\"kind\":\"a\",\"sure\":101}]}",
    };
    for (size_t i = 0; i < LLMP_COUNT(wrong); i++)
        assert_false(answer(api, texts, 2, wrong[i], &said));
}

/* ---- policies ----------------------------------------------------------- */

static enum llmp_guard_outcome outcome_of(struct policy_fixture *f,
                                          const char *text, uint32_t stage)
{
    (void)policy_scan(f, LLMP_GUARD_USER, llmp_str_of(text));
    return f->report.runs[stage].outcome;
}

static int sure_of_it(enum llmp_guard_part part, struct llmp_str text,
                      void (*found)(const struct llmp_guard_found *one,
                                    void *to),
                      void *to, void *ctx)
{
    (void)part;
    if (text.len && text.ptr[0] >= '0' && text.ptr[0] <= '9')
        found(
            &(struct llmp_guard_found){
                .kind = "digit",
                .sure = (uint32_t)(text.ptr[0] - '0') * 10 + 5,
                .end = 1 },
            to);
    return text.len && text.ptr[0] == '!' ? LLMP_E_STATE : *(const int *)ctx;
}

static void test_a_stage_waits_where_there_is_doubt(void **state)
{
    (void)state;
    static const int good = LLMP_OK;
    struct llmp_guard_stage stages[] = { stage_of("callback", LLMP_GUARD_FLAG),
                                         stage_of("remote", LLMP_GUARD_BLOCK) };
    struct policy_fixture f;

    stages[0].run = sure_of_it;
    stages[0].ctx = (void *)(uintptr_t)&good;
    stages[0].sure_min = 0;
    stages[1].after = "callback";
    stages[1].doubt_from = 30;
    stages[1].doubt_to = 70;
    policy_begin(&f, stages, 2);
    assert_int_equal(outcome_of(&f, "none", 1), LLMP_GUARD_NO_DOUBT);
    assert_int_equal(outcome_of(&f, "2", 1), LLMP_GUARD_NO_DOUBT);
    assert_int_equal(outcome_of(&f, "3", 1), LLMP_GUARD_WAITS);
    assert_int_equal(outcome_of(&f, "6", 1), LLMP_GUARD_WAITS);
    assert_int_equal(outcome_of(&f, "7", 1), LLMP_GUARD_NO_DOUBT);
    assert_int_equal(outcome_of(&f, "!", 1), LLMP_GUARD_WAITS); /* it failed */
    assert_int_equal(f.report.action, LLMP_GUARD_ALLOW); /* not yet known */
    assert_int_equal(llmp_guard_session_waits(f.session, LLMP_GUARD_USER), 2);
    assert_int_equal(llmp_guard_session_waits(f.session, LLMP_GUARD_SYSTEM), 0);
    policy_end(&f);
}

static void test_answers_become_a_report(void **state)
{
    (void)state;
    struct llmp_guard_stage stages[] = { stage_of("remote", LLMP_GUARD_REDACT),
                                         stage_of("remote",
                                                  LLMP_GUARD_REDACT) };
    static const struct llmp_str except[] = { { "b.*", 3 } };
    /* In the middle of the second 'ж'. */
    const struct llmp_guard_found found[] = {
        { "a.x", LLMP_GUARD_HIGH, 90, 3, 6, "NAME" },
        { "b.x", LLMP_GUARD_HIGH, 90, 0, 2, NULL }
    };
    struct llmp_guard_answer answers[] = { { 0, LLMP_GUARD_RAN, found, 2 },
                                           { 1, LLMP_GUARD_RAN, found, 1 } };
    struct llmp_str text = LLMP_STR("жжжa"), out;
    struct policy_fixture f;

    stages[0].except = (struct llmp_guard_list){ except, 1 };
    stages[1].name = "second";
    policy_begin(&f, stages, 2);
    assert_int_equal(llmp_guard_answered(f.scanner, f.session, LLMP_GUARD_USER,
                                         text, answers, 2, &f.report),
                     LLMP_OK);
    assert_int_equal(f.report.action, LLMP_GUARD_REDACT);
    assert_int_equal(f.report.finding_count, 2);
    assert_int_equal(f.report.edit_count, 1);
    assert_int_equal(f.report.runs[0].outcome, LLMP_GUARD_RAN);
    assert_int_equal(f.report.runs[0].bytes, text.len);
    assert_int_equal(f.report.runs[0].score, 900);
    assert_int_equal(llmp_guard_apply(f.scanner, text, &f.report, &out),
                     LLMP_OK);
    assert_true(llmp_str_eq(out, LLMP_STR("ж[NAME_1]a")));
    policy_end(&f);
}

static void test_who_did_not_answer_blocks(void **state)
{
    (void)state;
    struct llmp_guard_stage stages[] = { stage_of("remote", LLMP_GUARD_BLOCK),
                                         stage_of("pii", LLMP_GUARD_FLAG) };
    static const struct llmp_str only[] = { { "pii.card", 8 } };
    struct llmp_guard_found far = { "a", LLMP_GUARD_HIGH, 90, 0, 9, NULL };
    struct llmp_guard_answer one = { 0, LLMP_GUARD_FAILED, NULL, 0 };
    struct llmp_str text = LLMP_STR("hello");
    struct policy_fixture f;

    stages[1].only = (struct llmp_guard_list){ only, 1 };
    for (int open = 0; open < 2; open++) {
        stages[0].fail_open = open;
        policy_begin(&f, stages, 2);
        one = (struct llmp_guard_answer){ 0, LLMP_GUARD_FAILED, NULL, 0 };
        assert_int_equal(llmp_guard_answered(f.scanner, f.session,
                                             LLMP_GUARD_USER, text, &one, 1,
                                             &f.report),
                         LLMP_OK);
        assert_int_equal(f.report.action,
                         open ? LLMP_GUARD_ALLOW : LLMP_GUARD_BLOCK);
        assert_int_equal(f.report.runs[0].bytes, 0);
        one.stage = 1; /* it is not asked anybody about */
        assert_int_equal(llmp_guard_answered(f.scanner, f.session,
                                             LLMP_GUARD_USER, text, &one, 1,
                                             &f.report),
                         LLMP_E_INVALID);
        one = (struct llmp_guard_answer){ 0, LLMP_GUARD_RAN, &far, 1 };
        assert_int_equal(llmp_guard_answered(f.scanner, f.session,
                                             LLMP_GUARD_USER, text, &one, 1,
                                             &f.report),
                         LLMP_E_INVALID);
        one = (struct llmp_guard_answer){ 0, LLMP_GUARD_WAITS, NULL, 0 };
        assert_int_equal(llmp_guard_answered(f.scanner, f.session,
                                             LLMP_GUARD_USER, text, &one, 1,
                                             &f.report),
                         LLMP_E_INVALID);
        policy_end(&f);
    }
}

static void test_a_stream_cannot_ask(void **state)
{
    (void)state;
    struct llmp_guard_stage stage = stage_of("remote", LLMP_GUARD_BLOCK);
    struct llmp_guard_stream *stream;
    struct policy_fixture f;

    policy_begin(&f, &stage, 1);
    assert_int_equal(llmp_guard_stream_new(&stream, f.session, NULL, NULL),
                     LLMP_E_UNSUPPORTED);
    policy_end(&f);
}

static void test_mistakes(void **state)
{
    (void)state;
    static const struct {
        const char *check, *after;
        uint32_t from, to;
        const char *says;
    } cases[] = {
        { "remote", "none", 0, 101, "no stage before it" },
        { "remote", "other", 0, 101, "no stage before it" },
        { "remote", "first", 60, 60, "no score is at least 60" },
        { "remote", "first", 0, 102, "no score" },
        { "injection", "first", 0, 101, "does not wait for doubt" },
    };

    for (size_t i = 0; i < LLMP_COUNT(cases); i++) {
        struct llmp_guard_stage stages[] = {
            stage_of("moderation", LLMP_GUARD_FLAG),
            stage_of("remote", LLMP_GUARD_FLAG),
            stage_of(cases[i].check, LLMP_GUARD_FLAG)
        };
        struct llmp_guard_policy *policy;
        struct llmp_guard_options opts;
        struct llmp_error err;

        stages[0].name = "first";
        stages[1].name = "other";
        stages[2].after = cases[i].after;
        stages[2].doubt_from = cases[i].from;
        stages[2].doubt_to = cases[i].to;
        llmp_guard_options_init(&opts);
        opts.stages = stages;
        opts.stage_count = 3;
        assert_int_equal(llmp_guard_policy_new(&policy, &opts, &err),
                         LLMP_E_INVALID);
        assert_non_null(strstr(err.message, cases[i].says));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_byte_is_in_a_piece),
        cmocka_unit_test(test_calls_are_filled),
        cmocka_unit_test(test_names_and_apis_agree),
        cmocka_unit_test(test_openai_moderation),
        cmocka_unit_test(test_openai_picture),
        cmocka_unit_test(test_prompt_shields),
        cmocka_unit_test(test_azure_text),
        cmocka_unit_test(test_bedrock),
        cmocka_unit_test(test_llama_guard),
        cmocka_unit_test(test_webhook),
        cmocka_unit_test(test_a_stage_waits_where_there_is_doubt),
        cmocka_unit_test(test_answers_become_a_report),
        cmocka_unit_test(test_who_did_not_answer_blocks),
        cmocka_unit_test(test_a_stream_cannot_ask),
        cmocka_unit_test(test_mistakes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
