/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Duplicate keys: every key of an open object is remembered as a 64-bit hash
 * of its unescaped bytes. The hash is fed piece by piece and does not depend
 * on where the pieces were cut. Two different keys with one hash would be
 * refused as duplicates; equal keys never pass.
 */
#ifndef LLMP_BASE_JSON_KEYS_H
#define LLMP_BASE_JSON_KEYS_H

#include <llmproxy/json.h>

/* Up to here an object's keys are compared as they come, so that the error
 * names the place; a larger object is sorted when it ends. */
#define LLMP_JSON_KEYS_LINEAR 32

void llmp_json_key_start(struct llmp_json *reader);

/* Plain bytes of the key, and what an escape stands for: one UTF-16 unit. */
void llmp_json_key_bytes(struct llmp_json *reader, const uint8_t *bytes,
                         size_t count);
void llmp_json_key_unit(struct llmp_json *reader, uint16_t unit);

/*
 * The key is complete: LLMP_OK, LLMP_E_SYNTAX when the object has it already,
 * LLMP_E_LIMIT, LLMP_E_NOMEM.
 */
int llmp_json_key_end(struct llmp_json *reader);

/* The innermost object is complete: LLMP_OK, or LLMP_E_SYNTAX when two of its
 * keys are equal. */
int llmp_json_keys_check(struct llmp_json *reader);

#endif
