/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What llmgw redteam tries: texts by family, of redteam.jsonl, which is part of
 * the program, and of files. A line is an object:
 *
 *     {"family": "override", "part": "user", "text": "Ignore all …"}
 *
 * "part" is one of llmp_guard_part_name(); without it: "user". What is of the
 * family "harmless" is no attack: what is done about it is a false alarm.
 */
#ifndef LLMGW_REDTEAM_ATTACKS_H
#define LLMGW_REDTEAM_ATTACKS_H

#include <llmproxy/guardrail.h>

#define GW_FAMILIES_MAX    64
#define GW_FAMILY_NAME_MAX 40 /* bytes, with its end */
#define GW_ATTACKS_MAX     100000
#define GW_ATTACK_TEXT_MAX 65536

struct gw_family {
    char name[GW_FAMILY_NAME_MAX];
    bool harmless;
    bool wanted; /* of --family; the caller's */
};

struct gw_attack {
    uint32_t family; /* index */
    enum llmp_guard_part part;
    struct llmp_str text;
};

struct gw_attacks {
    struct gw_family families[GW_FAMILIES_MAX]; /* in the order they came */
    uint32_t family_count;
    struct gw_attack *items;
    size_t count, cap;
};

/* Adds those of this program. @return false: there is no memory */
bool gw_attacks_add_shipped(struct gw_attacks *attacks);

/*
 * Adds those of lines.
 *
 * @param name  of where they are from, for `message`
 * @return false after saying in `message` which line is wrong, and how
 */
bool gw_attacks_add(struct gw_attacks *attacks, struct llmp_str lines,
                    const char *name, char message[256]);

void gw_attacks_fini(struct gw_attacks *attacks);

#endif
