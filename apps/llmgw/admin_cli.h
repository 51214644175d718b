/* SPDX-License-Identifier: Apache-2.0 */
/* llmgw key|user|team|organisation|usage|budget|event …: command line to
 * requests of administration. */
#ifndef LLMGW_ADMIN_CLI_H
#define LLMGW_ADMIN_CLI_H

#include <stdbool.h>

/* Whether the command line is one of these. */
bool gw_admin_is_command(const char *name);

/* Runs it; returns the exit code: 0 done, 1 it could not be done, 2 usage. */
int gw_admin_main(int argc, char **argv);

#endif
