/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a secret is in the request's fields and nowhere else: no message, no
 * summary, no generated text, and no memory once the configuration is gone.
 * Method: canaries in every place that takes a value; each block of memory is
 * searched as it goes back to the heap, and what libyaml left is searched for
 * in the process's own heap.
 */
#define _GNU_SOURCE /* memmem */
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/internal.h"
#include "base/str.h"
#include "config_fixture.h"
#include "gateway/config.h"

#define CANARY_END "5b1d4f60"
#define CANARY     "canary-7f3a9c2e-0f1e2d3c-" CANARY_END

static const char *const env[][2] = {
    { "SECRET", CANARY },
    { "URL", "https://" CANARY ".example/" CANARY },
    { "PROXY", "http://" CANARY ":" CANARY "@" CANARY ":3128" },
    { "LISTEN", "unix:/" CANARY },
    { NULL, NULL },
};
static const char *const files[][2] = { { "key", CANARY "\n" },
                                        { NULL, NULL } };
static struct fixture fixture = { .env = env, .files = files };

static const char by_reference[] =
    "server:\n"
    "  listen: ${LISTEN}\n"
    "  access_log: ${SECRET}\n"
    "providers:\n"
    "  - name: ${SECRET}\n"
    "    base_url: ${URL}\n"
    "    api_key: ${file:key}\n"
    "    headers: { a: 'x ${SECRET}', b: '${file:key}' }\n"
    "    proxy: ${PROXY}\n"
    "    ca_file: ${SECRET}\n"
    "  - name: literal\n"
    "    base_url: https://literal.example/v1\n"
    "    api_key: " CANARY "\n"
    "    headers: { x-api-key: " CANARY " }\n"
    "    proxy: 'http://u:" CANARY "@p:3128'\n"
    "models:\n"
    "  - { name: '${SECRET}', provider: '${SECRET}', model: '${SECRET}' }\n";

static void no_output_has_it(void **state)
{
    static struct collected text;
    struct llmp_config *config = NULL;
    struct llmp_error err;

    (void)state;
    if (fixture_parse(&config, by_reference, &fixture, &err) < 0)
        fail_msg("%s", err.message);
    llmp_config_write_summary(config, collect, &text);
    assert_non_null(strstr(text.text, "literal"));
    assert_non_null(strstr(text.text, "${URL}"));
    assert_null(strstr(text.text, "canary"));
    for (size_t i = 0; i < config->provider_count; i++)
        assert_null(strstr(strrchr(config->providers[i].origin.id, '='), "@"));
    assert_null(strstr(config->providers[1].origin.id, "canary"));
    llmp_config_unref(config);
}

/* Every secret of a provider is known, so that texts can be cleaned. */
static void every_secret_is_listed(void **state)
{
    struct llmp_config *config = NULL;

    (void)state;
    assert_int_equal(fixture_parse(&config, by_reference, &fixture, NULL),
                     LLMP_OK);

    const struct llmp_provider *first = &config->providers[0];
    const struct llmp_provider *second = &config->providers[1];

    assert_int_equal(first->secret_count,
                     6); /* key, 2 + 1 fields, 2 of proxy */
    assert_int_equal(second->secret_count, 4);
    for (size_t i = 0; i < second->secret_count; i++)
        assert_true(llmp_str_find(second->secrets[i], LLMP_STR("canary")) !=
                    SIZE_MAX);
    llmp_config_unref(config);
}

/* The same text broken in every place: whatever the message is. */
static void no_message_has_it(void **state)
{
    char text[sizeof(by_reference)];

    (void)state;
    for (size_t i = 0; i + 1 < sizeof(by_reference); i++) {
        static const char marks[] = {
            '\t', '$', '{', '\'', ' ', 'x', '\n', ':'
        };

        for (size_t j = 0; j < sizeof(marks); j++) {
            struct llmp_config *config = NULL;
            struct llmp_error err = { .message = "" };

            memcpy(text, by_reference, sizeof(text));
            text[i] = marks[j];
            (void)(fixture_parse(&config, text, &fixture, &err) < 0);
            if (strstr(err.message, "canary"))
                fail_msg("%s", err.message);
            llmp_config_unref(config);
        }
    }
}

static size_t found;

/* Looks at a block before the heap gets it back; it never moves unseen. */
static void *watching_resize(void *memory, size_t size)
{
    size_t old = memory ? malloc_usable_size(memory) : 0;
    void *fresh = size ? calloc(1, size) : NULL; /* valgrind sees no gaps */

    if (memory) {
        found += memmem(memory, old, "canary-", 7) != NULL;
        if (fresh)
            memcpy(fresh, memory, old < size ? old : size);
        free(memory);
    }
    return fresh;
}

static void memory_is_wiped(void **state)
{
    struct llmp_config *config = NULL;

    (void)state;
    found = 0;
    llmp_set_allocator(watching_resize);
    assert_int_equal(fixture_parse(&config, by_reference, &fixture, NULL),
                     LLMP_OK);
    llmp_config_unref(config);
    assert_int_equal(found, 0);

    /* The same when it comes to nothing. */
    assert_true(fixture_parse(&config,
                              "providers:\n"
                              "- { name: openai, api_key: '${SECRET}' }\n"
                              "- { name: groq, api_key: " CANARY " }\n"
                              "models: [{ name: a }]\n",
                              &fixture, NULL) < 0);
    assert_int_equal(found, 0);
    llmp_set_allocator(NULL);
}

/* Whether the process's heap has a trace of a canary: of its end, since the
 * heap writes over the beginning of what it gets back. */
static bool heap_has_it(void)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    unsigned long begin, end;
    bool has = false;
    char line[256];

    assert_non_null(maps);
    while (fgets(line, sizeof(line), maps))
        if (strstr(line, "[heap]") &&
            sscanf(line, "%lx-%lx", &begin, &end) == 2)
            has = has || memmem((const void *)begin, end - begin, CANARY_END,
                                sizeof(CANARY_END) - 1);
    (void)fclose(maps);
    return has;
}

/* libyaml has memory of its own: what is left there of a literal key? */
static void nothing_stays_in_the_heap(void **state)
{
    static const char *const broken[] = {
        "providers: [{name: openai, api_key: " CANARY ", nonsense: 1}]",
        "providers: [{name: openai, api_key: " CANARY "}]\n"
        "models: [{name: " CANARY ", provider: x}]",
        "providers:\n- api_key: " CANARY "\n b: " CANARY "\n  c: d: e",
        "a: \"" CANARY CANARY CANARY CANARY CANARY CANARY CANARY "\"\n"
        "b: [" CANARY ", *x]",
        "- *x " CANARY, /* queued behind the alias, which may be a key */
    };
    struct llmp_config *config = NULL;

    (void)state;
    assert_int_equal(fixture_parse(&config, by_reference, &fixture, NULL),
                     LLMP_OK);
    llmp_config_unref(config);
    assert_false(heap_has_it());
    for (size_t i = 0; i < LLMP_COUNT(broken); i++) {
        assert_true(fixture_parse(&config, broken[i], &fixture, NULL) < 0);
        assert_false(heap_has_it());
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_stays_in_the_heap),
        cmocka_unit_test(no_output_has_it),
        cmocka_unit_test(every_secret_is_listed),
        cmocka_unit_test(no_message_has_it),
        cmocka_unit_test(memory_is_wiped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
