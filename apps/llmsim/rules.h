/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request may look like: tables of members, so that a member that the
 * real API does not know is noticed here, too, and named.
 */
#ifndef LLMSIM_RULES_H
#define LLMSIM_RULES_H

#include "tree.h"

/* Types, to be combined. A list's elements follow `inside` if that is given,
 * and then are objects. */
enum {
    SIM_STR = 1,
    SIM_NUM = 2,
    SIM_BOOL = 4,
    SIM_OBJ = 8,
    SIM_LIST = 16,
    SIM_ANY = 31,
    SIM_REQUIRED = 32,
};

struct sim_rule {
    const char *name; /* NULL ends the table */
    unsigned types;
    const struct sim_rule *inside; /* NULL: anything */
    const char *when;   /* only if "type" is one of these words; NULL: always */
    const char *values; /* words, one of which a string must be; NULL: any */
};

enum sim_breach {
    SIM_UNKNOWN_MEMBER,
    SIM_MISSING_MEMBER,
    SIM_WRONG_TYPE,
    SIM_WRONG_VALUE
};

/* What is wrong, and where: "messages.0.content.1.text". */
struct sim_problem {
    enum sim_breach what;
    struct sim_buf path;
    size_t name_at; /* where in the path its last segment begins */
};

/*
 * Compares a value with its rules; false at the first problem.
 *
 * @param any_case  snake_case is as good as camelCase; the tree's keys become
 *                  those of the table
 */
bool sim_rules_hold(struct sim_node *value, const struct sim_rule *rules,
                    bool any_case, struct sim_problem *problem);

#endif
