/* SPDX-License-Identifier: Apache-2.0 */
/* Moments of civil time as people write them (RFC 3339, UTC). Pure. */
#ifndef LLMP_GATEWAY_MOMENT_H
#define LLMP_GATEWAY_MOMENT_H

#include <llmproxy/base.h>

#define LLMP_MOMENT_SIZE 21 /* "2027-01-31T12:00:00Z" and a NUL */

/* "2027-01-31" is valid to its end, "2027-01-31T12:00:00Z" until then. False:
 * it is neither, or beyond what nanoseconds can hold. */
bool llmp_moment_parse(struct llmp_str text, uint64_t *wall_ns);

/* Writes it in whole seconds, with a NUL; returns the length. */
size_t llmp_moment_write(char out[LLMP_MOMENT_SIZE], uint64_t wall_ns);

/* The day of a count since 1970 as "2027-01-31"; returns the length. */
size_t llmp_moment_write_day(char out[LLMP_MOMENT_SIZE], uint64_t days);

#endif
