/* SPDX-License-Identifier: Apache-2.0 */
/* Anthropic's face: what reading and answering share. */
#ifndef LLMSIM_ANTHROPIC_H
#define LLMSIM_ANTHROPIC_H

#include "face.h"

/* Answers from worker->ask. */
void sim_anthropic_say(struct sim_conn *conn, bool stream);
/* The members of "error": type and message. */
const char *sim_anthropic_error_type(unsigned status);

#endif
