/* SPDX-License-Identifier: Apache-2.0 */
/* What the answers of all clouds have in common. For the ring only. */
#ifndef LLMP_CLOUD_ANSWER_H
#define LLMP_CLOUD_ANSWER_H

#include <llmproxy/json.h>

#include "cloud/token.h"

/* Longer lives are cut: nothing that never expires comes from a server. */
#define LLMP_CLOUD_LIFETIME_MAX_NS (UINT64_C(86400) * 1000000000)
/* Of an answer that does not say. */
#define LLMP_CLOUD_LIFETIME_NS (UINT64_C(300) * 1000000000)

/* Reads a document of an allowed size and fills the fields. */
LLMP_MUST_USE int llmp_cloud_answer_read(struct llmp_str body,
                                         struct llmp_json_field *fields,
                                         uint32_t count,
                                         struct llmp_error *err);

/* The text of a field that is a string, unescaped where it lies in `body`;
 * empty: it is not there or no string. */
struct llmp_str llmp_cloud_answer_text(char *body, struct llmp_str whole,
                                       const struct llmp_json_field *field);

/* A number, or a string of one; false: neither. */
bool llmp_cloud_answer_number(const struct llmp_json_field *field,
                              uint64_t *out);

/*
 * Records a refusal: the server's words in short, without what could confuse a
 * terminal. Returns LLMP_E_INVALID, or LLMP_E_IO where a later try may succeed
 * (408, 429, 5xx), which the error says, too.
 */
int llmp_cloud_answer_refused(int http_status, struct llmp_str code,
                              struct llmp_str text, struct llmp_error *err);

/* A moment and a count of seconds as a lifetime from now, bounded. Zero: it is
 * over. */
uint64_t llmp_cloud_lifetime_until(uint64_t expires_ns, uint64_t wall_ns);
uint64_t llmp_cloud_lifetime_s(uint64_t seconds);

#endif
