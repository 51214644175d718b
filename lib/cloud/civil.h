/* SPDX-License-Identifier: Apache-2.0 */
/* Moments as AWS writes them, in UTC. Pure. */
#ifndef LLMP_CLOUD_CIVIL_H
#define LLMP_CLOUD_CIVIL_H

#include <llmproxy/base.h>

enum { LLMP_CIVIL_BASIC_SIZE = 17, LLMP_CIVIL_DATE_LEN = 8 };

/* Writes "20150830T123600Z" and a NUL; the first LLMP_CIVIL_DATE_LEN bytes are
 * the date. */
void llmp_civil_basic(char out[LLMP_CIVIL_BASIC_SIZE], uint64_t wall_ns);

/* Reads "2015-08-30T12:36:00Z"; a fraction of a second may be there and is
 * dropped. False: it is not that, before 1970 or behind 2499. */
bool llmp_civil_parse(struct llmp_str text, uint64_t *wall_ns);

#endif
