/* SPDX-License-Identifier: Apache-2.0 */
/* Single values: from text to numbers, and references to what they name. */
#ifndef LLMP_GATEWAY_CONFIG_VALUE_H
#define LLMP_GATEWAY_CONFIG_VALUE_H

#include "gateway/config_reading.h"

/* LLMP_OK, LLMP_E_SYNTAX (not such a value) or LLMP_E_LIMIT (too large). */
int llmp_value_count(struct llmp_str text, uint64_t *out);
/* From minus LLMP_KEY_INTEGER_MAX to that, as two's complement. */
int llmp_value_integer(struct llmp_str text, uint64_t *out);
int llmp_value_size(struct llmp_str text, uint64_t *bytes);
int llmp_value_duration(struct llmp_str text, uint64_t *ms);

bool llmp_value_bool(struct llmp_str text, uint64_t *out);

/* The shortest way to write a size or duration. */
void llmp_value_write_size(char out[24], uint64_t bytes);
void llmp_value_write_duration(char out[24], uint64_t ms);

/* Whether YAML reads a plain scalar as something else than text. */
bool llmp_value_is_number(struct llmp_str text);

/*
 * The node's text with ${NAME}, ${NAME:-default}, ${file:PATH} and $$
 * replaced; in the configuration's memory, NUL-terminated. `referenced` tells
 * whether anything came from outside.
 */
int llmp_value_expand(struct llmp_str *out, bool *referenced,
                      struct llmp_reading *reading,
                      const struct llmp_node *node);

#endif
