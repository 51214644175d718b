/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: what is asked for, and the commands that only print. */
#ifndef LLMGW_CLI_H
#define LLMGW_CLI_H

#include <llmproxy/base.h>

#define GW_LISTEN_MAX 16

enum gw_command {
    GW_COMMAND_SERVE,
    GW_COMMAND_CHECK,
    GW_COMMAND_SCHEMA,
    GW_COMMAND_REFERENCE,
    GW_COMMAND_VERSION,
    GW_COMMAND_HELP
};

struct gw_options {
    enum gw_command command;
    const char *config_path; /* NULL: from the environment */
    const char *listen[GW_LISTEN_MAX];
    size_t listen_count;
    const char *control_path;   /* socket for a successor, or NULL */
    const char *take_over_path; /* the predecessor's, or NULL */
};

/* False after telling on stderr what is wrong. */
bool gw_cli_parse(struct gw_options *options, int argc, char **argv);

/* Runs a command that is not GW_COMMAND_SERVE; returns the exit code. */
int gw_cli_run(const struct gw_options *options);

#endif
