/* SPDX-License-Identifier: Apache-2.0 */
/* `llmgw key make`: a fresh key for the configuration, without any store. */
#ifndef LLMGW_KEY_MAKE_H
#define LLMGW_KEY_MAKE_H

/* Reads what stands behind `key make`; returns the exit code. */
int gw_key_make(int argc, char **argv);

#endif
