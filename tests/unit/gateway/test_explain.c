/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is explained is what happens: the deployment that is said to be
 * chosen is the one that is called, and who is said to be refused is. All that
 * led there is named.
 * Method: requests are explained and then asked, in all combinations; memory
 * fails at 0, 1, 2, ….
 */
#include <llmproxy/config.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "faulty_heap.h"
#include "routing_fixture.h"

/* The last digit of a port is the last letter of its provider's name. */
static const char yaml[] =
    "providers:\n"
    "  - { name: p1, base_url: 'http://127.0.0.1:9001/v1', region: eu }\n"
    "  - { name: p2, base_url: 'http://127.0.0.1:9002/v1', region: us }\n"
    "  - { name: p3, base_url: 'http://127.0.0.1:9003/v1', region: eu,\n"
    "      dialect: anthropic }\n"
    "  - { name: p4, base_url: 'http://127.0.0.1:9004/v1', region: us }\n"
    "  - { name: p5, base_url: 'http://127.0.0.1:9005/v1', responses: false }\n"
    "models:\n"
    "  - { name: chatted, deployments: [{ provider: p5 }, { provider: p1 }] }\n"
    "  - name: ordered\n"
    "    deployments: [{ provider: p3 }, { provider: p1 }, { provider: p2 }]\n"
    "    rules: [{ when: { tag: us }, deployments: [p2/ordered] },\n"
    "            { when: { header: { x-plan: gold } },\n"
    "              deployments: [p3/ordered] },\n"
    "            { when: { team: t }, deployments: [p3/ordered, p1/ordered] "
    "}]\n"
    "  - name: hard\n"
    "    strategy: complexity\n"
    "    deployments: [{ provider: p4 }, { provider: p2, level: 1 },\n"
    "                  { provider: p3, level: 2 }]\n"
    "  - { name: kept, residency: eu, on_unsupported: drop,\n"
    "      deployments: [{ provider: p2 }, { provider: p3 }] }\n"
    "  - { name: away, residency: moon, provider: p1 }\n"
    "routing: { local_region: us }\n"
    "keys:\n"
    "  - { name: a, key: " KEY_A " }\n"
    "  - { name: b, key: " KEY_B ", team: t, residency: eu }\n"
    "  - { name: c, key: " KEY_C ", models: [kept], residency: us }\n";

#define SAY(model, more, content)                   \
    "{\"model\":\"" model "\"," more                \
    "\"messages\":[{\"role\":\"user\",\"content\":" \
    "\"" content "\"}]}"
#define CODE "```\\nx\\n``` Why? How? When?"
#define TOOL                                                          \
    "\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"," \
    "\"parameters\":{}}}],"

struct text {
    char bytes[16384];
    size_t len;
};

static void keep(struct llmp_str piece, void *ctx)
{
    struct text *text = ctx;

    assert_true(piece.len < sizeof(text->bytes));
    memcpy(text->bytes, piece.ptr, piece.len);
    text->bytes[piece.len] = '\0';
    text->len = piece.len;
}

static int explain(struct routed *r, const struct asked *asked,
                   const char *name, bool json, struct text *text,
                   struct llmp_error *err)
{
    struct llmp_explain_options o;
    struct llmp_header headers[4];

    llmp_explain_options_init(&o);
    o.body = llmp_str_of(asked->body);
    o.key = llmp_str_of(name);
    o.json = json;
    o.headers = headers;
    for (size_t i = 0; i < 8 && asked->headers[i]; i += 2)
        headers[o.header_count++] =
            (struct llmp_header){ llmp_str_of(asked->headers[i]),
                                  llmp_str_of(asked->headers[i + 1]) };
    return llmp_gateway_explain(r->gateway, &o, r->now, keep, text, err);
}

/* ---- it is what happens ------------------------------------------------- */

static void agrees(struct routed *r, const struct asked *asked,
                   const char *name, size_t *answered, size_t *refused)
{
    struct text text;
    struct came came;
    char wanted[32];

    assert_int_equal(explain(r, asked, name, true, &text, NULL), LLMP_OK);
    came = routed_ask(r, asked);
    print_message("# %s %s: %s %u\n", name, asked->body, came.calls,
                  came.status);
    if (came.calls[0]) {
        (void)snprintf(wanted, sizeof(wanted), "\"chosen\":\"p%c/",
                       came.calls[0]);
        ++*answered;
    } else {
        (void)snprintf(wanted, sizeof(wanted), "\"status\":%u,", came.status);
        ++*refused;
    }
    if (!strstr(text.bytes, wanted))
        fail_msg("no %s in %s", wanted, text.bytes);
}

static void what_is_explained_happens(void **state)
{
    static const struct {
        const char *key, *name;
    } keys[] = { { KEY_A, "a" }, { KEY_B, "b" }, { KEY_C, "c" } };
    static const char *const headers[][2] = { { NULL, NULL },
                                              { "x-llmproxy-tags", "x,us" },
                                              { "x-plan", "gold" } };
    static const char *const bodies[] = {
        SAY("ordered", "", "Hi"), SAY("ordered", "\"seed\":1,", "Hi"),
        SAY("hard", "", "Hi"),    SAY("hard", "", CODE),
        SAY("hard", TOOL, CODE),  SAY("hard", "\"seed\":1,", CODE),
        SAY("kept", "", "Hi"),    SAY("kept", "\"seed\":1,", "Hi"),
        SAY("away", "", "Hi"),    SAY("nowhere", "", "Hi"),
    };
    size_t answered = 0, refused = 0;
    struct routed r;

    (void)state;
    routed_open(&r, yaml);
    for (size_t k = 0; k < LLMP_COUNT(keys); k++)
        for (size_t h = 0; h < LLMP_COUNT(headers); h++)
            for (size_t b = 0; b < LLMP_COUNT(bodies); b++)
                agrees(&r,
                       &(struct asked){
                           .key = keys[k].key,
                           .headers = { headers[h][0], headers[h][1] },
                           .body = bodies[b] },
                       keys[k].name, &answered, &refused);
    routed_close(&r);
    assert_true(answered > 20 && refused > 20);
}

static void an_open_breaker_is_seen(void **state)
{
    static const struct answers first_fails = { .status = { [4] = 500 } };
    const struct asked asked = { .key = KEY_A,
                                 .body = SAY("hard", "", "Hi"),
                                 .answers = &first_fails };
    struct routed r;
    struct text text;

    (void)state;
    routed_open(&r, yaml);
    for (int i = 0; i < 5; i++)
        assert_int_equal(routed_ask(&r, &asked).calls[0], '4');
    assert_int_equal(explain(&r, &asked, "a", true, &text, NULL), LLMP_OK);
    assert_non_null(strstr(text.bytes, "\"chosen\":\"p2/hard\""));
    assert_non_null(strstr(text.bytes, "\"reason\":\"open\""));
    assert_non_null(strstr(text.bytes, "\"breaker\":\"open\""));
    routed_close(&r);
}

/* One that has no Responses of its own is told them as chat. */
static void responses_may_be_translated(void **state)
{
    struct llmp_explain_options o;
    const char *first, *second;
    struct routed r;
    struct text text;

    (void)state;
    routed_open(&r, yaml);
    llmp_explain_options_init(&o);
    o.path = LLMP_STR("/v1/responses");
    o.body = LLMP_STR("{\"model\":\"chatted\",\"input\":\"Hi\"}");
    o.json = true;
    assert_int_equal(
        llmp_gateway_explain(r.gateway, &o, r.now, keep, &text, NULL), LLMP_OK);
    first = strstr(text.bytes, "\"translated\":true");
    second = strstr(text.bytes, "\"translated\":false");
    assert_true(first && second && first < second);
    routed_close(&r);
}

/* ---- it is said why ----------------------------------------------------- */

static void all_that_led_there_is_named(void **state)
{
    static const struct {
        const char *name, *body;
        bool json;
        const char *says[6];
    } rows[] = {
        { "a",
          SAY("hard", TOOL, CODE),
          true,
          { "\"complexity\":{\"score\":4,\"level\":1,\"rules\":[{\"feature\":"
            "\"tools\",\"at_least\":1,\"points\":1},{\"feature\":\"code\","
            "\"at_least\":2,\"points\":2},{\"feature\":\"questions\","
            "\"at_least\":3,\"points\":1}]}",
            "\"reason\":\"other_level\"", "\"strategy\":\"complexity\"" } },
        { "a",
          SAY("ordered", "\"seed\":1,", "Hi"),
          true,
          { "\"reason\":\"unsupported\"", "\"lost\":[\"seed\"]",
            "\"supported\":false", "\"chosen\":\"p2/ordered\"",
            "\"reason\":\"farther\"" } },
        { "b",
          SAY("kept", "\"seed\":1,", "Hi"),
          true,
          { "\"residency\":[\"eu\"]", "\"chosen\":\"p3/kept\"",
            "\"lost\":[\"seed\"]", "\"supported\":true",
            "\"on_unsupported\":\"drop\"" } },
        { "b",
          SAY("ordered", "", "Hi"),
          true,
          { "\"rule\":3", "\"reason\":\"residency\"" } },
        { "c", SAY("hard", "", "Hi"), true, { "\"code\":\"model_denied\"" } },
        { "c", SAY("kept", "", "Hi"), true, { "\"code\":\"residency\"" } },
        { "b",
          SAY("kept", "\"seed\":1,", "Hi"),
          false,
          { "model       kept, strategy ordered\n", "residency   eu\n",
            "p3/kept     chosen   chosen ", "p2/kept     no       residency ",
            "p3/kept would not be told: seed\n" } },
        { "a",
          SAY("hard", "", CODE),
          false,
          { "complexity  3 points, level 1 (code >= 2: +2, questions >= 3: "
            "+1)\n",
            "DEPLOYMENT" } },
        { "a",
          SAY("nowhere", "", "Hi"),
          false,
          { "refused: 404 model_not_found" } },
    };
    struct routed r;
    struct text text;

    (void)state;
    routed_open(&r, yaml);
    for (size_t i = 0; i < LLMP_COUNT(rows); i++) {
        const struct asked asked = { .body = rows[i].body };

        print_message("# %s\n", rows[i].body);
        assert_int_equal(
            explain(&r, &asked, rows[i].name, rows[i].json, &text, NULL),
            LLMP_OK);
        for (size_t k = 0; k < 6 && rows[i].says[k]; k++)
            if (!strstr(text.bytes, rows[i].says[k]))
                fail_msg("no %s in %s", rows[i].says[k], text.bytes);
    }
    routed_close(&r);
}

static void what_cannot_be_explained_is_refused(void **state)
{
    struct llmp_explain_options o;
    struct llmp_error err;
    struct routed r;
    struct text text;

    (void)state;
    routed_open(&r, yaml);
    assert_int_equal(
        explain(&r, &(struct asked){ .body = "{" }, NULL, true, &text, &err),
        LLMP_E_INVALID);
    assert_int_equal(explain(&r, &(struct asked){ .body = "{\"model\":1}" },
                             NULL, true, &text, &err),
                     LLMP_E_INVALID);
    assert_int_equal(explain(&r, &(struct asked){ .body = HI("hard") },
                             "nobody", true, &text, &err),
                     LLMP_E_NOT_FOUND);
    llmp_explain_options_init(&o);
    o.body = LLMP_STR("{}");
    o.path = LLMP_STR("/v1/audio/speech");
    assert_int_equal(
        llmp_gateway_explain(r.gateway, &o, r.now, keep, &text, &err),
        LLMP_E_INVALID);
    assert_non_null(strstr(err.message, "/v1/audio/speech"));
    o.size = 3;
    assert_int_equal(
        llmp_gateway_explain(r.gateway, &o, r.now, keep, &text, &err),
        LLMP_E_ABI);
    routed_close(&r);
}

static void memory_may_be_short(void **state)
{
    const struct asked asked = { .body = SAY("hard", "\"seed\":1,", CODE) };
    struct routed r;
    struct text text;

    (void)state;
    routed_open(&r, yaml);
    for (int n = 0;; n++) {
        struct llmp_error err = { 0 };

        text.len = 0;
        faulty_heap_arm(n);

        int rc = explain(&r, &asked, "b", n % 2, &text, &err);

        assert_int_equal(faulty_heap_live(), 0);
        if (rc == LLMP_OK) {
            assert_true(n > 3 && text.len);
            break;
        }
        assert_int_equal(rc, LLMP_E_NOMEM);
        assert_int_equal(err.status, rc);
        assert_int_equal(text.len, 0);
    }
    faulty_heap_off();
    routed_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_explained_happens),
        cmocka_unit_test(an_open_breaker_is_seen),
        cmocka_unit_test(responses_may_be_translated),
        cmocka_unit_test(all_that_led_there_is_named),
        cmocka_unit_test(what_cannot_be_explained_is_refused),
        cmocka_unit_test(memory_may_be_short),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
