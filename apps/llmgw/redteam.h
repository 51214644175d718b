/* SPDX-License-Identifier: Apache-2.0 */
/* `llmgw redteam`: what the guards of a configuration do about known attacks,
 * as they are and disguised. Nothing is called. */
#ifndef LLMGW_REDTEAM_H
#define LLMGW_REDTEAM_H

int gw_redteam_main(int argc, char **argv);

#endif
