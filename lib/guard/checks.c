/* SPDX-License-Identifier: Apache-2.0 */
/* The checks that there are. */
#include <string.h>

#include "base/internal.h"
#include "guard/scan.h"

#define BIT(part) (1u << LLMP_GUARD_##part)

/* What others wrote, on its way in or out. */
enum {
    ALL = (1u << LLMP_GUARD_PARTS) - 1 - BIT(IMAGE) - BIT(TOOL_NAME),
    INPUT = BIT(USER) | BIT(TOOL_RESULT) | BIT(DOCUMENT) | BIT(OTHER),
    OUTPUT = BIT(OUTPUT) | BIT(REASONING) | BIT(TOOL_ARGUMENTS)
};

/* Every tool is a find; `allow` names those that are none. */
static int look_at_tool(struct llmp_guard_scanner *scanner, uint32_t stage)
{
    llmp_scan_add(scanner,
                  &(struct llmp_guard_finding){ .kind = "tool.call",
                                                .view = "original",
                                                .stage = stage,
                                                .sure = 100,
                                                .severity = LLMP_GUARD_HIGH,
                                                .end = scanner->text.len },
                  "TOOL");
    return LLMP_OK;
}

static const struct llmp_check checks[] = {
    { .name = "pii",
      .parts = ALL,
      .tables = { &llmp_rules_pii, &llmp_rules_national, &llmp_rules_russia } },
    { .name = "secrets",
      .parts = ALL,
      .tables = { &llmp_rules_keys, &llmp_rules_secrets } },
    { .name = "injection",
      .parts = INPUT,
      .tables = { &llmp_rules_injection },
      .classes = 1u << LLMP_LINEAR_INJECTION | 1u << LLMP_LINEAR_INDIRECT,
      .look = llmp_check_injection },
    { .name = "moderation",
      .parts = INPUT | OUTPUT,
      .tables = { &llmp_rules_lexicon },
      .classes = 1u << LLMP_LINEAR_TOXICITY | 1u << LLMP_LINEAR_HATE |
                 1u << LLMP_LINEAR_SEXUAL | 1u << LLMP_LINEAR_VIOLENCE |
                 1u << LLMP_LINEAR_SELF_HARM | 1u << LLMP_LINEAR_ILLICIT,
      .look = llmp_check_moderation },
    { .name = "urls",
      .parts = OUTPUT,
      .tables = { &llmp_rules_urls },
      .allowed_by = llmp_url_host },
    { .name = "leak",
      .parts = OUTPUT,
      .tables = { &llmp_rules_leak },
      .by_sentence = true,
      .look = llmp_check_leak },
    { .name = "schema",
      .parts = BIT(OUTPUT),
      .whole = true,
      .look = llmp_check_schema },
    { .name = "tools", .parts = BIT(TOOL_NAME), .look = look_at_tool },
    { .name = "rules", .parts = ALL, .takes_rules = true },
    { .name = "callback",
      .parts = ALL,
      .takes_callback = true,
      .whole = true,
      .look = llmp_check_callback },
    { .name = "remote",
      .parts = INPUT | OUTPUT,
      .remote = true,
      .whole = true,
      .look = llmp_check_remote },
};

const struct llmp_check *llmp_check_find(const char *name)
{
    for (size_t i = 0; name && i < LLMP_COUNT(checks); i++)
        if (strcmp(checks[i].name, name) == 0)
            return &checks[i];
    return NULL;
}

uint32_t llmp_guard_check_parts(const char *check)
{
    const struct llmp_check *found = llmp_check_find(check);

    return found ? found->parts : 0;
}
