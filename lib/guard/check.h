/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stage can be. Most of a check are rules, which are looked for together
 * with those of all other stages; what it does besides is its `look`.
 */
#ifndef LLMP_GUARD_CHECK_H
#define LLMP_GUARD_CHECK_H

#include <llmproxy/guardrail.h>

#include "guard/rule.h"

struct llmp_guard_scanner;

enum { LLMP_CHECK_TABLES = 4 };

struct llmp_check {
    const char *name;
    uint32_t parts; /* that it looks at unless told otherwise */
    const struct llmp_rules *tables[LLMP_CHECK_TABLES];
    uint32_t classes; /* of models, a bit each: enum llmp_linear_class */
    bool takes_rules, takes_callback;
    bool whole;       /* it looks at complete texts only */
    bool remote;      /* somebody else is asked */
    bool by_sentence; /* of a stream, `look` is for sentences; so it is where
                         there are `classes` */
    /* What of a find the stage's `allow` is about; NULL: all of it. */
    struct llmp_str (*allowed_by)(struct llmp_str found);
    /* Looks at the scanner's text once the rules have; adds findings by
     * llmp_scan_add(). Optional. */
    int (*look)(struct llmp_guard_scanner *scanner, uint32_t stage);
};

/* NULL: there is none of that name. */
const struct llmp_check *llmp_check_find(const char *name);

#endif
