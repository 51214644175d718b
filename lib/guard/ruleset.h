/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All patterns of a table at once: a Vectorscan database says where something
 * may be,
 * PCRE2 says what it is and where it begins, the rule's own checks say whether
 * it is that. A set is immutable and shared; what a thread needs for itself is
 * its scratch.
 *
 *  text ── database ── hits (rule, end) ── clusters ── PCRE2 ── valid, context
 *                                                                  └── finds
 */
#ifndef LLMP_GUARD_RULESET_H
#define LLMP_GUARD_RULESET_H

#include "base/str.h"
#include "guard/rule.h"

enum {
    LLMP_RULESET_RULES_MAX = 8192,
    LLMP_RULESET_HITS_MAX = 4096, /* clusters of one text; more are cut */
    LLMP_RULESET_SLACK = 64,      /* bytes around a hit that look-around sees */
    LLMP_RULESET_FLOW_BACK = 256
};

struct llmp_ruleset;
struct llmp_ruleset_scratch;

/* A rule's pattern says that it was found. Offsets are of the text that was
 * scanned. */
struct llmp_rule_find {
    uint32_t rule; /* index in the set, in the order of its tables */
    uint32_t sure; /* percent */
    size_t begin, end;
};

/* What a scan calls for each find; in no particular order. */
typedef void llmp_rule_found_fn(const struct llmp_rule_find *find, void *ctx);

/* Which rules a scan is about: NULL, or a bit for each rule. */
struct llmp_rule_mask {
    const uint64_t *bits;
};

/*
 * @param tables   live as long as the set; together at most
 *                 LLMP_RULESET_RULES_MAX rules
 * @param cache    NULL, or where compiled databases are kept
 * @retval LLMP_OK         done
 * @retval LLMP_E_SYNTAX   a pattern is wrong, or could take too long; `err`
 *                         names its rule
 * @retval LLMP_E_LIMIT    too many rules
 * @retval LLMP_E_NOMEM    out of memory
 */
int llmp_ruleset_new(struct llmp_ruleset **out, const struct llmp_rules *tables,
                     size_t count, const struct llmp_guard_cache *cache,
                     struct llmp_error *err);
void llmp_ruleset_free(struct llmp_ruleset *set); /* accepts NULL */

size_t llmp_ruleset_count(const struct llmp_ruleset *set);
const struct llmp_rule *llmp_ruleset_rule(const struct llmp_ruleset *set,
                                          size_t index);

/* The longest match of a rule, without its tail; LLMP_RULE_SPAN_MAX where it
 * has no end by itself. */
size_t llmp_ruleset_width(const struct llmp_ruleset *set, size_t index);

/* Scratch serves one scan at a time, of this set. */
int llmp_ruleset_scratch_new(struct llmp_ruleset_scratch **out,
                             const struct llmp_ruleset *set,
                             struct llmp_error *err);
void llmp_ruleset_scratch_free(struct llmp_ruleset_scratch *scratch);

/*
 * Looks for all rules of `mask` in a whole text, which may be anything; bytes
 * that are no UTF-8 are read as a control character each.
 *
 * @retval LLMP_OK       the whole text was looked at
 * @retval LLMP_LIMITED  not all of it: so much was found that the rest was
 *                       left out, or a pattern met its match limit
 * @retval LLMP_E_NOMEM  out of memory: nothing can be said
 * @retval LLMP_E_LIMIT  the text is longer than 4 GiB
 */
int llmp_ruleset_scan(const struct llmp_ruleset *set,
                      struct llmp_ruleset_scratch *scratch,
                      struct llmp_str text, struct llmp_rule_mask mask,
                      llmp_rule_found_fn *found, void *ctx);

/* Places where matches of one rule end, close together. */
struct llmp_rule_hits {
    uint32_t rule;
    size_t first, last;
};

/*
 * Says what hits are. Text must be UTF-8.
 *
 * @param done  no find begins before it; set behind the last one
 */
int llmp_ruleset_confirm(const struct llmp_ruleset *set,
                         struct llmp_ruleset_scratch *scratch,
                         struct llmp_str text, struct llmp_rule_hits hits,
                         size_t *done, llmp_rule_found_fn *found, void *ctx);

/* ---- texts that come in pieces ------------------------------------------ */

struct llmp_ruleset_flow;

/* A match of a rule ends `to` bytes from the begin. */
typedef void llmp_rule_hit_fn(uint32_t rule, uint64_t to, void *ctx);

int llmp_ruleset_flow_open(struct llmp_ruleset_flow **out,
                           const struct llmp_ruleset *set,
                           struct llmp_rule_mask mask);
/*
 * The next piece, of whole UTF-8 characters.
 *
 * @param text   what is known, which ends with the piece: all that came, or
 *               LLMP_RULESET_FLOW_BACK bytes before the piece
 * @param fresh  how long the piece is
 */
int llmp_ruleset_flow_scan(struct llmp_ruleset_flow *flow,
                           struct llmp_ruleset_scratch *scratch,
                           struct llmp_str text, size_t fresh,
                           struct llmp_rule_mask mask, llmp_rule_hit_fn *hit,
                           void *ctx);
/* With `hit`, what ends with the text is told. Accepts NULL. */
void llmp_ruleset_flow_close(struct llmp_ruleset_flow *flow,
                             struct llmp_ruleset_scratch *scratch,
                             struct llmp_rule_mask mask, llmp_rule_hit_fn *hit,
                             void *ctx);
/* Whether a find of the rule goes on with this byte. */
bool llmp_ruleset_goes_on(const struct llmp_ruleset *set, size_t index,
                          uint8_t byte);

#endif
