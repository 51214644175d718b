/* SPDX-License-Identifier: Apache-2.0 */
/* Putting answers into bytes: heads, framing, events, and what goes wrong. */
#ifndef LLMSIM_SAY_H
#define LLMSIM_SAY_H

#include "conn.h"

/* Adds the events of a stream that are due, as long as there is room, and
 * sets the timer for the next one; at the stream's end, changes the state. */
void sim_conn_make_events(struct sim_conn *conn);

#endif
