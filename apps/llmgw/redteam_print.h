/* SPDX-License-Identifier: Apache-2.0 */
/* What came of trials, for people and for programs. */
#ifndef LLMGW_REDTEAM_PRINT_H
#define LLMGW_REDTEAM_PRINT_H

#include <stdio.h>

#include "redteam_trial.h"

/* All attacks together, and all harmless texts. */
struct gw_totals {
    struct gw_tally attacks, harmless;
};

struct gw_totals gw_totals_of(const struct gw_trial_plan *plan,
                              const struct gw_trials *trials);

/* Families as rows, encodings as columns. @return false: there is no memory */
bool gw_trials_print_table(FILE *out, const struct gw_trial_plan *plan,
                           const struct gw_trials *trials);

/* The texts of one outcome ("passed", …), a line each. */
void gw_trials_print_texts(FILE *out, const struct gw_trial_plan *plan,
                           const struct gw_trials *trials, const char *outcome);

/* @param outcome  whose texts are listed, too; NULL: none
 * @return false: there is no memory */
bool gw_trials_print_json(FILE *out, const struct gw_trial_plan *plan,
                          const struct gw_trials *trials, const char *outcome);

#endif
