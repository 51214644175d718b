/* SPDX-License-Identifier: Apache-2.0 */
/* The main thread while workers serve: signals, reload, drain, successor. */
#ifndef LLMGW_CONTROL_H
#define LLMGW_CONTROL_H

#include "cli.h"
#include "handover.h"
#include "server.h"
#include "watch.h"

/* Blocks the signals that gw_control_run() reads. Before any thread. */
void gw_control_block_signals(void);

/* Runs until the server has ended; returns the exit code.
 * @param handover  open or off
 * @param watch     the files as they were when they were read */
int gw_control_run(struct gw_server *server, const struct gw_options *options,
                   struct gw_handover *handover, struct gw_watch *watch);

/* "llmgw: …" and a line end to stderr. */
void gw_say(const char *format, ...) LLMP_PRINTF(1, 2);

#endif
