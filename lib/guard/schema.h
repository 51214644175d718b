/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a document is what a JSON schema says: the assertions of draft 7, and
 * of draft 2020-12 what structured output uses ("$defs", "prefixItems"); of
 * Google's dialect names of types in capitals, and "nullable". A schema comes
 * from whoever asks: neither it nor a document can take long, or much memory.
 *
 * What is not known is an annotation, as the drafts say; "format" is one, too.
 * A "$ref" leads to places in the same schema only.
 */
#ifndef LLMP_GUARD_SCHEMA_H
#define LLMP_GUARD_SCHEMA_H

#include "base/json_tree.h"

/*
 * @param wrong  receives the value that is not as it should be, on LLMP_MISS
 * @retval LLMP_OK             it conforms
 * @retval LLMP_MISS           it does not
 * @retval LLMP_E_UNSUPPORTED  a reference leads out of the schema, or nowhere
 * @retval LLMP_E_LIMIT        that would take too long
 * @retval LLMP_E_NOMEM        out of memory
 */
int llmp_schema_check(const struct llmp_json_value *schema,
                      const struct llmp_json_value *value,
                      const struct llmp_json_value **wrong);

/* The place that "#/a/b~1c" names, in percent-encoded form (RFC 6901, 6); NULL:
 * there is none, or it is no such pointer. */
const struct llmp_json_value *llmp_json_pointer(
    const struct llmp_json_value *root, struct llmp_str pointer);

/* ---- values (json_equal.c) ------------------------------------------------
 */

/* Whether two values are the same: numbers by what they are, objects whatever
 * the order of their members. Each comparison takes one of `left`; when there
 * is none left, or no memory, it is 0 and the answer is false. */
bool llmp_json_equal(const struct llmp_json_value *a,
                     const struct llmp_json_value *b, uint32_t *left);

/* -1, 0, 1: decimal numbers as JSON writes them, however long. */
int llmp_json_compare(struct llmp_str a, struct llmp_str b);

/* "1", "1.0", "1e2" are. */
bool llmp_json_is_integer(struct llmp_str number);

/* Whether a / b is an integer; true also where the digits are too many to tell.
 */
bool llmp_json_is_multiple(struct llmp_str a, struct llmp_str b);

#endif
