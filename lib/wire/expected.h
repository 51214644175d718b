/* SPDX-License-Identifier: Apache-2.0 */
/* Structured output: the JSON schema that a request wants its answer to have.
 */
#ifndef LLMP_WIRE_EXPECTED_H
#define LLMP_WIRE_EXPECTED_H

#include "base/json_tree.h"
#include "wire/passing.h"

/* The schema's text: a span of the document, or a constant where any JSON, or
 * any object, will do. Empty: any text will do. */
struct llmp_str llmp_wire_expected(enum llmp_shape shape,
                                   const struct llmp_json_value *root);

#endif
