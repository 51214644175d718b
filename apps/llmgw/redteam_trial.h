/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trying attacks: each text in each encoding is scanned as the part it would
 * come in, for one subject; what answers are made of is also streamed, in small
 * pieces. Trials are kept in a list, of which tables are made.
 */
#ifndef LLMGW_REDTEAM_TRIAL_H
#define LLMGW_REDTEAM_TRIAL_H

#include <llmproxy/guardrail.h>

#include "redteam_attacks.h"
#include "redteam_encode.h"

#define GW_ENCODINGS_MAX 32

/* One text, and what became of it. */
struct gw_trial {
    uint32_t attack; /* index */
    uint8_t encoding;
    bool streamed;
    uint8_t action; /* enum llmp_guard_action */
};

struct gw_trials {
    struct gw_trial *items;
    size_t count, cap;
};

/* What is tried, and before whom. */
struct gw_trial_plan {
    const struct gw_attacks *attacks;
    bool encodings[GW_ENCODINGS_MAX];
    struct llmp_guard_policy *policy;
    struct llmp_guard_subject subject;
    struct llmp_guard_stream_options stream;
};

/*
 * Tries all of a plan.
 *
 * @param trials  receives them; to be given to gw_trials_fini() in any case
 * @retval LLMP_OK       done
 * @retval LLMP_E_NOMEM  out of memory
 */
int gw_trials_run(struct gw_trials *trials, const struct gw_trial_plan *plan,
                  struct llmp_error *err);

void gw_trials_fini(struct gw_trials *trials);

/* How many of some trials ended with which action. */
struct gw_tally {
    size_t total;
    size_t by[LLMP_GUARD_ACTIONS];
};

/* Those that did not get through as they were. */
size_t gw_tally_stopped(const struct gw_tally *tally);
/* Percent, rounded down: 100 is all of them. */
unsigned gw_tally_percent(const struct gw_tally *tally, size_t count);
void gw_tally_add(struct gw_tally *tally, enum llmp_guard_action action);

/* "passed" for what was allowed, or recorded on trial; "flagged", "redacted",
 * "blocked". */
const char *gw_outcome_name(enum llmp_guard_action action);

#endif
