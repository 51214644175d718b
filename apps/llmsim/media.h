/* SPDX-License-Identifier: Apache-2.0 */
/* Payloads in a request: base64 and what is said about the bytes. */
#ifndef LLMSIM_MEDIA_H
#define LLMSIM_MEDIA_H

#include "mem.h"

#define SIM_HEX_SIZE (2 * 32 + 1)

/* Appends the bytes; false if it is not base64. '-' and '_' stand for '+' and
 * '/', and padding may be missing, as in URLs. */
bool sim_base64_decode(struct sim_buf *out, struct llmp_str text);

/* SHA-256 in hexadecimal, with a NUL. */
void sim_sha256_hex(char hex[SIM_HEX_SIZE], struct llmp_str bytes);
void sim_hex(char *hex, const unsigned char *bytes, size_t count);

/* "%3A" is ":". */
void sim_percent_decode(struct sim_buf *out, struct llmp_str text);
/* The same in a form, where '+' is a blank. */
void sim_form_decode(struct sim_buf *out, struct llmp_str text);

/* "data:image/png;base64,…" in its parts; false if it is no such URL. */
bool sim_data_url(struct llmp_str url, struct llmp_str *type,
                  struct llmp_str *base64);

/* The value of a parameter in "a=1&b=2", as it stands; empty if absent. */
struct llmp_str sim_query_get(struct llmp_str query, const char *name);

#endif
