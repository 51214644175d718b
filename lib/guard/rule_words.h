/* SPDX-License-Identifier: Apache-2.0 */
/* What rules of words are made of: rules_injection.c, rules_lexicon.c. */
#ifndef LLMP_GUARD_RULE_WORDS_H
#define LLMP_GUARD_RULE_WORDS_H

#include "guard/rule.h"

/* Anything in between, of one sentence. Not twice beside Russian letters: of
 * two bytes each, they make the pattern too large. */
#define LLMP_SOME "[^.!?\\n]{0,28}?"
/* Where a Russian word begins, goes on and ends: "\\b", "\\w" are for ASCII. */
#define LLMP_RU_FROM "(?<![а-яё])"
#define LLMP_RU_MORE "[а-яё]{0,6}"
#define LLMP_RU_TO   "(?![а-яё])"

#define LLMP_WORDING(kind, shape, how_bad, how_sure)                   \
    {                                                                  \
        .name = kind, .pattern = shape, .sure = how_sure,              \
        .sure_in_context = how_sure, .severity = LLMP_GUARD_##how_bad, \
        .label = "REMOVED", .flags = LLMP_RULE_CASELESS                \
    }

#endif
