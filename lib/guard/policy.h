/* SPDX-License-Identifier: Apache-2.0 */
/* A policy as it is used: stages with their rules as bits of one set. */
#ifndef LLMP_GUARD_POLICY_H
#define LLMP_GUARD_POLICY_H

#include <stdatomic.h>

#include "base/alloc.h"
#include "guard/check.h"
#include "guard/linear.h"
#include "guard/ruleset.h"

struct llmp_stage {
    const struct llmp_check *check;
    const char *name;
    uint8_t actions[LLMP_GUARD_SEVERITIES];
    bool fail_open, acts; /* some action redacts or blocks */
    uint8_t style;
    uint32_t parts, sample_permille, sure_min;
    struct llmp_guard_list only, except, allow, models, keys, roles;
    uint64_t *rules; /* bits in the set; `words` of them */
    int (*run)(enum llmp_guard_part part, struct llmp_str text,
               void (*found)(const struct llmp_guard_found *one, void *to),
               void *to, void *ctx);
    void *ctx;
    bool doubts;                          /* `after` is there */
    uint32_t after, doubt_from, doubt_to; /* permille */
};

/* Views in which a rule makes no sense. */
enum llmp_view_class {
    LLMP_VIEWS_AS_WRITTEN, /* case and characters are those of the text */
    LLMP_VIEWS_FOLDED,     /* case is gone */
    LLMP_VIEWS_GUESSED,    /* characters are, too: digits became letters */
    LLMP_VIEW_CLASSES
};

struct llmp_guard_policy {
    atomic_uint refs;
    struct llmp_arena arena;
    struct llmp_stage *stages;
    size_t stage_count;
    uint32_t parts;
    struct llmp_linear model; /* where some stage takes it */
    struct llmp_ruleset *set;
    size_t words; /* of 64 rules */
    uint64_t *sensible[LLMP_VIEW_CLASSES];
    uint8_t key[LLMP_GUARD_KEY_SIZE];
    bool has_key;
    size_t text_max;
    char version[33];
};

/* One of the caller's rules as ours: one, or several where its words are many.
 * What it needs lives in the arena. */
int llmp_guard_read_rule(struct llmp_rule **out, size_t *count,
                         const struct llmp_guard_rule *rule,
                         struct llmp_arena *arena, struct llmp_error *err);

/* `pattern` with '*' for any text; ASCII letters are equal in either case. */
bool llmp_guard_glob(struct llmp_str pattern, struct llmp_str text);
bool llmp_guard_listed(struct llmp_guard_list list, struct llmp_str text);

/* Whether a stage wants findings of this kind. */
bool llmp_stage_wants(const struct llmp_stage *stage, const char *kind);

#endif
