/* SPDX-License-Identifier: Apache-2.0 */
/* Anthropic's face: what reading and answering share. */
#ifndef LLMSIM_ANTHROPIC_H
#define LLMSIM_ANTHROPIC_H

#include "face.h"

extern const struct sim_rule sim_anthropic_rules[], sim_anthropic_count_rules[];

/* Answers from worker->ask. */
void sim_anthropic_say(struct sim_conn *conn, bool stream);

#endif
