/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Providers that need no base URL: one row each. A start without a file tries
 * the variables of every row that has them.
 */
#ifndef LLMP_GATEWAY_CONFIG_PRESET_H
#define LLMP_GATEWAY_CONFIG_PRESET_H

#include <llmproxy/base.h>

#include "gateway/face.h"

struct llmp_preset {
    const char *name;
    const char *base_url;
    const char *key_var;  /* its key in the environment; NULL: needs none */
    const char *url_var;  /* replaces base_url */
    const char *path;     /* added when url_var's value has no path: vendors
                             differ in whether theirs includes it */
    const char *patterns; /* names that are its own, separated by blanks */
    enum llmp_face face;  /* what base_url speaks */
};

extern const struct llmp_preset llmp_presets[];
extern const size_t llmp_preset_count;

/* The names, for the schema; as many as presets, then NULL. */
extern const char *const llmp_preset_names[];

#endif
