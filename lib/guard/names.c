/* SPDX-License-Identifier: Apache-2.0 */
/* Words for numbers, and options' defaults. */
#include <string.h>

#include "base/internal.h"
#include "guard/policy.h"

static const char *name_of(const char *const *names, size_t count, int value)
{
    return value >= 0 && (size_t)value < count ? names[value] : "unknown";
}

#define NAMED(function, type, ...)                            \
    const char *function(type value)                          \
    {                                                         \
        static const char *const names[] = { __VA_ARGS__ };   \
                                                              \
        return name_of(names, LLMP_COUNT(names), (int)value); \
    }

NAMED(llmp_guard_part_name, enum llmp_guard_part, "system", "user", "assistant",
      "tool_result", "tool_arguments", "document", "image", "output",
      "reasoning", "other", "tool_name")
NAMED(llmp_guard_severity_name, enum llmp_guard_severity, "low", "medium",
      "high", "critical")
NAMED(llmp_guard_action_name, enum llmp_guard_action, "allow", "shadow", "flag",
      "redact", "block")
NAMED(llmp_guard_style_name, enum llmp_guard_style, "placeholder", "mask",
      "pseudonym", "token")
NAMED(llmp_guard_spotlight_mode_name, enum llmp_guard_spotlight_mode, "delimit",
      "datamark", "encode")
NAMED(llmp_guard_outcome_name, enum llmp_guard_outcome, "ran", "cut", "failed",
      "no_part", "no_scope", "no_sample", "no_stream", "no_doubt", "waits")

/* Fills what the caller knows of a struct whose first member is its size. */
static void init_sized(void *to, size_t size, const void *defaults, size_t full)
{
    memset(to, 0, size);
    memcpy(to, defaults, size < full ? size : full);
    *(size_t *)to = size;
}

void llmp_guard_rule_init_sized(struct llmp_guard_rule *rule, size_t size)
{
    const struct llmp_guard_rule defaults = { .severity = LLMP_GUARD_MEDIUM };

    init_sized(rule, size, &defaults, sizeof(defaults));
}

void llmp_guard_stage_init_sized(struct llmp_guard_stage *stage, size_t size)
{
    const struct llmp_guard_stage defaults = { .mode = LLMP_GUARD_FLAG,
                                               .sample_permille = 1000,
                                               .sure_min = 50,
                                               .doubt_to = 101 };

    init_sized(stage, size, &defaults, sizeof(defaults));
}

void llmp_guard_options_init_sized(struct llmp_guard_options *opts, size_t size)
{
    const struct llmp_guard_options defaults = { .text_max = 1 << 20 };

    init_sized(opts, size, &defaults, sizeof(defaults));
}

void llmp_guard_subject_init_sized(struct llmp_guard_subject *subject,
                                   size_t size)
{
    const struct llmp_guard_subject defaults = { .lot = 0 };

    init_sized(subject, size, &defaults, sizeof(defaults));
}

void llmp_guard_stream_options_init_sized(
    struct llmp_guard_stream_options *opts, size_t size)
{
    const struct llmp_guard_stream_options defaults = {
        .part = LLMP_GUARD_OUTPUT,
        .hold_bytes = 512,
        .hold_ns = 200 * LLMP_NS_PER_MS,
    };

    init_sized(opts, size, &defaults, sizeof(defaults));
}
