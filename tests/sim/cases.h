/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the scripts share: a configuration, pieces of a chat, and how a result
 * is looked at. A seed that fails is named by sim_name_seed().
 */
#ifndef SIM_CASES_H
#define SIM_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/internal.h"
#include "faulty_heap.h"
#include "sim.h"

#define CONFIG                                     \
    "providers:\n"                                 \
    "  - name: sim\n"                              \
    "    base_url: http://127.0.0.1:9/v1\n"        \
    "    api_key: sk-very-secret-key\n"            \
    "    timeouts: { first_byte: 2s, idle: 1s }\n" \
    "models:\n"                                    \
    "  - { name: gpt-4o, provider: sim }\n"        \
    "  - { name: small, provider: sim, model: gpt-4o-mini }\n"

#define PROVIDERS                                                    \
    "providers:\n"                                                   \
    "  - { name: a, base_url: http://127.0.0.1:9/v1, api_key: k }\n" \
    "  - { name: b, base_url: http://127.0.0.1:8/openai }\n"         \
    "models:\n"

#define JSON_CHAT(more)                                                \
    LLMP_STR("{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\"," \
             "\"content\":\"caf\\u00e9 \xF0\x9F\x98\x80\"}]" more "}")

#define EVENT(text)                                            \
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":" \
    "{\"content\":\"" text "\"},\"finish_reason\":null}],\"usage\":null}\n\n"
#define FINISH                                                    \
    "data: {\"id\":\"c\",\"choices\":[{\"index\":0,\"delta\":{}," \
    "\"finish_reason\":\"stop\"}],\"usage\":null}\n\n"
#define USAGE                                                            \
    "data: {\"id\":\"c\",\"choices\":[],\"usage\":{\"prompt_tokens\":9," \
    "\"completion_tokens\":12,\"total_tokens\":21}}\n\n"
#define DONE "data: [DONE]\n\n"

/* The simulator of this file's tests, with CONFIG. */
static struct sim *sim;

static int set_up(void **state)
{
    (void)state;
    sim = sim_new(CONFIG);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    sim_free(sim);
    return 0;
}

#define SIM_TEST(f) cmocka_unit_test_teardown(f, sim_name_seed)

#define FOR_EACH_SEED(seed)                \
    for (uint64_t seed = sim_seed_first(); \
         seed < sim_seed_first() + sim_seed_count(); seed++)

static inline void expect_text(const struct sim_script *script, uint64_t seed,
                               const struct llmp_buf *got, struct llmp_str want)
{
    if (!llmp_str_eq(llmp_buf_str(got), want))
        fail_msg("%s: seed %llu: got\n%.*s\nwant\n%.*s", script->name,
                 (unsigned long long)seed, (int)got->len, got->ptr,
                 (int)want.len, want.ptr);
}

static inline bool has(const struct llmp_buf *text, const char *part)
{
    return llmp_str_find(llmp_buf_str(text), llmp_str_of(part)) != SIZE_MAX;
}

#endif
