/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Callers for the simulator: three keys and a team with limits of all sorts,
 * of which some are too wide ever to refuse, so that they count exactly.
 */
#ifndef SIM_LIMITS_CASES_H
#define SIM_LIMITS_CASES_H

#include <llmproxy/auth.h>
#include <llmproxy/limit.h>

#include "cases.h"

enum { KEYS = 3, PATIENT = 0, HURRIED = 1, POOR = 2 };

struct callers {
    char bearer[KEYS][160]; /* the field's value */
    char yaml[4096];
};

static inline void fill_counting(void *bytes, size_t size, void *ctx)
{
    uint8_t *state = ctx;

    for (size_t i = 0; i < size; i++)
        ((uint8_t *)bytes)[i] = (*state)++;
}

/* `more` is added to the file. */
static inline void callers_init(struct callers *c, const char *more)
{
    uint8_t state = 1;
    struct llmp_random random = { fill_counting, &state };
    char keys[KEYS][LLMP_API_KEY_SIZE];

    for (size_t i = 0; i < KEYS; i++) {
        llmp_api_key_make(keys[i], &random);
        (void)snprintf(c->bearer[i], sizeof(c->bearer[i]), "Bearer %s",
                       keys[i]);
    }
    (void)snprintf(
        c->yaml, sizeof(c->yaml),
        "providers:\n"
        "  - name: sim\n"
        "    base_url: http://127.0.0.1:9/v1\n"
        "    api_key: sk-very-secret-key\n"
        "    vendor: openai\n"
        "    timeouts: { first_byte: 2s, idle: 1s }\n"
        "    limits: { concurrency: 6, requests_day: 1000000 }\n"
        "models:\n"
        "  - { name: gpt-4o, provider: sim,\n"
        "      limits: { tokens_day: 100000000000 } }\n"
        "  - { name: small, provider: sim, model: gpt-4o-mini }\n"
        "  - { name: odd, provider: sim, model: nobody-knows }\n"
        "keys:\n"
        "  - { name: patient, key: %s, team: lab, user: ann,\n"
        "      limits: { requests: 0, concurrency: 4, tokens_month: "
        "100000000000, requests_day: 1000000,\n"
        "                budget: { month: \"1000000\" } } }\n"
        "  - { name: hurried, key: %s, team: lab,\n"
        "      limits: { requests: 5, tokens: 4000, output_tokens: 3000, "
        "tokens_month: 100000000000 } }\n"
        "  - { name: poor, key: %s, models: [gpt-4o, small],\n"
        "      limits: { requests: 0, tokens_month: 100000000000,\n"
        "                budget: { day: \"0.02\", soft: 50, downgrade: small } "
        "} }\n"
        "teams:\n"
        "  - { name: lab, limits: { tokens_month: 100000000000, requests_day: "
        "1000000, budget: { month: \"1000000\" } } }\n"
        "%s",
        keys[0], keys[1], keys[2], more);
}

/* What a cell says; 0 if there is none. */
static inline uint64_t used_of(const struct sim *s, enum llmp_limit_kind kind,
                               const char *id, enum llmp_limit_unit unit,
                               enum llmp_limit_window window)
{
    struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX];
    struct llmp_limit_scope *scope;
    uint64_t used = 0;

    if (llmp_limiter_find(&scope, sim_limiter(s), kind, llmp_str_of(id)) !=
        LLMP_OK)
        return 0;

    size_t count = llmp_limit_look(scope, sim_now(s), states);

    for (size_t i = 0; i < count; i++)
        if (states[i].rule.unit == unit && states[i].rule.window == window)
            used = states[i].used;
    llmp_limit_scope_unref(scope);
    return used;
}

#endif
