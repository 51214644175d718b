/* SPDX-License-Identifier: Apache-2.0 */
/* The one way from text to configuration, with a file and without. */
#ifndef LLMP_GATEWAY_CONFIG_MAKE_H
#define LLMP_GATEWAY_CONFIG_MAKE_H

#include <llmproxy/config.h>

/* `from_env`: the text is ours, so messages give no position in it. */
int llmp_config_make(struct llmp_config **out, struct llmp_str yaml,
                     bool from_env, const struct llmp_config_source *source,
                     struct llmp_error *err);

#endif
