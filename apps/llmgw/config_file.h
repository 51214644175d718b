/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Brings a configuration from the file system and the environment to the
 * library, which reads neither.
 */
#ifndef LLMGW_CONFIG_FILE_H
#define LLMGW_CONFIG_FILE_H

#include <llmproxy/config.h>

#include "watch.h"

/*
 * Reads and checks a configuration.
 *
 * @param path    NULL: from the environment alone
 * @param listen  what to say for LLMGW_LISTEN in that case, or NULL
 * @param watch   is told which files are referred to; or NULL
 * @retval other  as llmp_config_parse(); LLMP_E_IO: the file cannot be read
 */
int gw_config_load(struct llmp_config **out, const char *path,
                   const char *listen, struct gw_watch *watch,
                   struct llmp_error *err);

/* Says what looks like a mistake in it. */
void gw_config_warn(const struct llmp_config *config);

#endif
