/* SPDX-License-Identifier: Apache-2.0 */
/* What routing needs of a multipart/form-data body (RFC 7578). */
#ifndef LLMP_GATEWAY_MULTIPART_H
#define LLMP_GATEWAY_MULTIPART_H

#include "base/str.h"

enum { LLMP_BOUNDARY_MAX = 70 }; /* RFC 2046, 5.1.1 */

/* Whether a Content-Type is this type, whatever its case and parameters. */
bool llmp_is_media_type(struct llmp_str content_type, struct llmp_str type);

/* The boundary parameter, without quotes; empty if it is no form, or one whose
 * type two readers could understand differently. */
struct llmp_str llmp_multipart_boundary(struct llmp_str content_type);

/* Finds the part named "model" at a body's front. 1: found, 0: more is needed,
 * -1: there is none, or the body cannot be understood. */
int llmp_multipart_model(struct llmp_str content_type, struct llmp_str front,
                         struct llmp_str *value);

#endif
