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

#endif
