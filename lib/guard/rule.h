/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule: a pattern, what must hold of what it found, and how sure that makes
 * us. Rules of our own are tables (rules_*.c); users' are read from YAML into
 * the same shape. docs/internals/guard.md says how they are run.
 */
#ifndef LLMP_GUARD_RULE_H
#define LLMP_GUARD_RULE_H

#include <llmproxy/guardrail.h>

enum {
    LLMP_RULE_BEFORE = 160,   /* bytes that a check may look back at */
    LLMP_RULE_AFTER = 160,    /* and ahead */
    LLMP_RULE_SPAN_MAX = 512, /* of one match, without its tail */
    LLMP_RULE_TAIL_MAX = 16384
};

/* What a pattern found, in the view that it was found in. */
struct llmp_rule_match {
    struct llmp_str text;   /* the bytes that would be redacted */
    struct llmp_str before; /* at most LLMP_RULE_BEFORE bytes, up to `text` */
    struct llmp_str after;  /* at most LLMP_RULE_AFTER bytes, from its end */
};

enum llmp_rule_flag {
    LLMP_RULE_CASELESS = 1 << 0,
    /* Without a word of `context` nearby it is not a finding. */
    LLMP_RULE_NEEDS_CONTEXT = 1 << 1,
    /* Case carries meaning (Base58, keys): folded views are not looked at. */
    LLMP_RULE_EXACT_CASE = 1 << 2,
};

struct llmp_rule {
    const char *name; /* of the finding: "pii.card" */
    /* PCRE2's syntax, in UTF-8; look-around is allowed. Group 1, where there
     * is one, is what was found; else all of it is. At most
     * LLMP_RULE_SPAN_MAX bytes, so that a stream need not be held for long. */
    const char *pattern;
    /* A character class ("[A-Za-z0-9_-]") that the find goes on with, at most
     * LLMP_RULE_TAIL_MAX bytes; NULL: none. */
    const char *tail;
    bool (*valid)(
        const struct llmp_rule_match *match); /* NULL: the shape is enough */
    /* Whole words, without case in any script, one of which stands before or
     * behind, separated by '|'; NULL: none. */
    const char *context;
    uint8_t severity; /* enum llmp_guard_severity */
    /* How sure, in percent, without a word of `context` and with one. */
    uint8_t sure, sure_in_context;
    uint8_t flags;
    uint8_t scripts;   /* bits of text/script.h; text without a letter of one of
                          these is not looked at. 0: all is */
    const char *label; /* of the placeholder: "CARD" makes "[CARD_1]" */
};

/* A table, and how many. */
struct llmp_rules {
    const struct llmp_rule *items;
    size_t count;
};

extern const struct llmp_rules llmp_rules_pii;      /* of no country */
extern const struct llmp_rules llmp_rules_national; /* of countries */
extern const struct llmp_rules llmp_rules_russia;   /* numbers of Russia */
extern const struct llmp_rules llmp_rules_keys;     /* what vendors give out */
extern const struct llmp_rules llmp_rules_secrets; /* passwords, private keys */
extern const struct llmp_rules llmp_rules_injection; /* how it is worded */
extern const struct llmp_rules llmp_rules_lexicon;   /* of moderation */
extern const struct llmp_rules llmp_rules_leak;      /* canaries */
extern const struct llmp_rules llmp_rules_urls;      /* what leads elsewhere */

/* The host that an address leads to, as a browser reads it, without port and
 * final dot; empty: that is not certain. */
struct llmp_str llmp_url_host(struct llmp_str url);

#endif
