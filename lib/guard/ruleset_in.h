/* SPDX-License-Identifier: Apache-2.0 */
/* What a set of rules is made of, for the files that make it and use it. */
#ifndef LLMP_GUARD_RULESET_IN_H
#define LLMP_GUARD_RULESET_IN_H

#define PCRE2_CODE_UNIT_WIDTH 8
#include <hs.h>
#include <pcre2.h>

#include "base/alloc.h"
#include "base/utf8.h"
#include "guard/context.h"
#include "guard/digits_near.h"
#include "guard/ruleset.h"

/* Backtracking steps that one confirmation may take. What takes more on
 * probe texts is refused when it is loaded. */
#define LLMP_RULE_STEPS_MAX 200000u

struct llmp_compiled_rule {
    const struct llmp_rule *rule;
    pcre2_code *code;
    uint32_t hs_flags;
    uint32_t width;
    bool number;      /* struct llmp_rule_group */
    uint64_t tail[2]; /* ASCII that the find goes on with; rule->tail */
    struct llmp_context context;
};

/*
 * Rules that are looked for together. Those of numbers are apart from a table's
 * others: each of their matches has LLMP_DIGITS_NEAR digits and no more bytes
 * than LLMP_DIGITS_NEAR_WITHIN, so that prose need not be asked.
 */
struct llmp_rule_group {
    uint32_t *rules;
    size_t count;
    bool numbers;
    bool ends; /* some rule asks for the end of the text */
    hs_database_t *database;
};

struct llmp_rule_groups {
    struct llmp_rule_group *items;
    size_t count;
};

/* What a match of a group of numbers may reach back or ahead from its last
 * digit, or its first one, and the characters beside it. */
enum { LLMP_NUMBER_REACH = LLMP_DIGITS_NEAR_WITHIN + 2 * LLMP_UTF8_BYTES };

struct llmp_ruleset {
    struct llmp_compiled_rule *rules;
    size_t count;
    struct llmp_arena arena;
    pcre2_general_context *memory;
    pcre2_match_context *limits;
    /* Of whole texts: a table's are two. Of streams, where each call costs as
     * much as some hundred bytes: those that are no numbers are one. */
    struct llmp_rule_groups blocks, flows;
};

struct llmp_ruleset_scratch {
    hs_scratch_t *hs;
    pcre2_match_data *match;
    struct llmp_rule_hits *hits;
    size_t hit_count;
    uint32_t *latest; /* for each rule: which hits, + 1; 0: none */
    size_t *done;     /* for each rule: how far it was confirmed */
    size_t rule_count;
    bool cut;
    struct llmp_rule_mask mask; /* of the scan that goes on */
    size_t shift, end;          /* of what is scanned, in the text */
    struct llmp_buf clean;      /* the text, without what is no UTF-8 */
};

static inline bool llmp_rule_tail_has(const struct llmp_compiled_rule *rule,
                                      uint8_t byte)
{
    return byte < 0x80 && (rule->tail[byte / 64] >> (byte % 64) & 1);
}

static inline bool llmp_rule_wanted(struct llmp_rule_mask mask, uint32_t rule)
{
    return !mask.bits || (mask.bits[rule / 64] >> (rule % 64) & 1);
}

/* Compiles one rule for PCRE2 and looks at it: its width, whether Vectorscan
 * has it as it stands or as a filter, whether some text keeps it busy. */
int llmp_rule_compile(struct llmp_ruleset *set, struct llmp_compiled_rule *out,
                      const struct llmp_rule *rule, struct llmp_error *err);

/* Some rule of the group. */
bool llmp_group_wanted(const struct llmp_rule_group *group,
                       struct llmp_rule_mask mask);

/* Makes the database of a group, or takes it from the cache. */
int llmp_ruleset_database(const struct llmp_ruleset *set,
                          struct llmp_rule_group *group, unsigned mode,
                          const struct llmp_guard_cache *cache,
                          struct llmp_error *err);

#endif
