/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One text under a scanner: views are made, rules looked for in each, checks
 * asked; what they add is a raw finding, and what is left of those at the end
 * is the report (findings.c).
 */
#ifndef LLMP_GUARD_SCAN_H
#define LLMP_GUARD_SCAN_H

#include "guard/policy.h"
#include "guard/session.h"
#include "text/views.h"

enum { LLMP_SCAN_FINDINGS_MAX = 4096 };
#define LLMP_SCAN_NO_RULE UINT32_MAX

/* A finding, and what its replacement is called. */
struct llmp_scan_found {
    struct llmp_guard_finding finding;
    const char *label;
    uint32_t rule; /* in the policy's set; LLMP_SCAN_NO_RULE */
};

/* What the models say of the views of a text. */
struct llmp_model_scores {
    bool known;
    float probability[LLMP_LINEAR_CLASSES];
    struct llmp_text_span span[LLMP_LINEAR_CLASSES]; /* of what was viewed */
    uint32_t view[LLMP_LINEAR_CLASSES];
};

struct llmp_guard_scanner {
    struct llmp_guard_policy *policy;
    struct llmp_ruleset_scratch *scratch;
    struct llmp_views views;
    struct llmp_arena arena; /* of one scan */
    struct llmp_scan_found *found;
    size_t found_count;
    struct llmp_guard_finding *findings; /* of the last report */
    struct llmp_guard_edit *edits;
    struct llmp_guard_run runs[LLMP_GUARD_STAGES_MAX];
    struct llmp_buf applied;
    struct llmp_linear_scratch linear;
    struct llmp_model_scores models;
    uint64_t *wanted; /* rules of the scan's stages; policy->words */
    uint64_t *masked; /* those that make sense in a view */

    struct llmp_guard_session *session; /* of the scan that goes on */
    enum llmp_guard_part part;
    struct llmp_str text;
    uint32_t playing; /* stages, a bit each */
    uint32_t view;    /* that is looked at */
    size_t offset;    /* of what the views are made of, in `text` */
};

/* Adds a finding of a stage; what its options leave out is dropped. `label` and
 * `finding->kind` live as long as the policy, or in the scanner's arena. */
void llmp_scan_add(struct llmp_guard_scanner *scanner,
                   const struct llmp_guard_finding *finding, const char *label);

/* The same for what a rule found, of every stage that has the rule. */
void llmp_scan_add_rule(struct llmp_guard_scanner *scanner, uint32_t rule,
                        uint32_t sure, const char *view,
                        struct llmp_text_span span);

/* Looks for rules in the views of a part of `text`, from the view `first` on.
 * LLMP_LIMITED: not all of it could be looked at. */
int llmp_scan_views(struct llmp_guard_scanner *scanner, size_t offset,
                    struct llmp_str part, uint32_t first);

/* Which stages are on for such a part, and what their rules are. */
void llmp_scan_begin(struct llmp_guard_scanner *scanner,
                     struct llmp_guard_session *session,
                     enum llmp_guard_part part);

/* Sorts, drops what is within something surer, and fills the report. */
int llmp_scan_report(struct llmp_guard_scanner *scanner,
                     struct llmp_guard_report *report);

/* check_model.c */
int llmp_check_injection(struct llmp_guard_scanner *scanner, uint32_t stage);
int llmp_check_moderation(struct llmp_guard_scanner *scanner, uint32_t stage);

/* check_leak.c */
int llmp_check_leak(struct llmp_guard_scanner *scanner, uint32_t stage);

/* check_callback.c */
int llmp_check_callback(struct llmp_guard_scanner *scanner, uint32_t stage);
/* Adds what the host, or somebody else, found; false: it makes no sense, or no
 * memory. */
bool llmp_scan_take(struct llmp_guard_scanner *scanner, uint32_t stage,
                    const struct llmp_guard_found *one);

/* check_schema.c */
int llmp_check_schema(struct llmp_guard_scanner *scanner, uint32_t stage);

/* check_remote.c */
int llmp_check_remote(struct llmp_guard_scanner *scanner, uint32_t stage);

#endif
