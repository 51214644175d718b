/* SPDX-License-Identifier: Apache-2.0 */
/* `llmgw explain`: who would answer a request, and why. */
#ifndef LLMGW_EXPLAIN_H
#define LLMGW_EXPLAIN_H

/* argv[1] is "explain"; returns the exit code. */
int gw_explain_main(int argc, char **argv);

#endif
