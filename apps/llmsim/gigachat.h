/* SPDX-License-Identifier: Apache-2.0 */
/* GigaChat's face: what reading and answering share. */
#ifndef LLMSIM_GIGACHAT_H
#define LLMSIM_GIGACHAT_H

#include "face.h"

/* Answers from worker->ask. */
void sim_gigachat_say(struct sim_conn *conn, bool stream);

#endif
