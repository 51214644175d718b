/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Watches a pass-through body on its way to the provider: whatever names a
 * model in it, wherever it comes, must name the one that was routed, or the
 * list of models could be talked round. It sees the bytes as the provider
 * will, after edits, and is stricter than any reader of forms: what could be
 * taken for a field named "model" is one.
 */
#ifndef LLMP_GATEWAY_UPLOAD_CHECK_H
#define LLMP_GATEWAY_UPLOAD_CHECK_H

#include "base/str.h"

struct llmp_upload_check;

/*
 * *out is NULL when the type is neither JSON nor a form: nothing in it is read
 * by name. `model` is what the provider must be told; it must stay.
 */
int llmp_upload_check_new(struct llmp_upload_check **out,
                          struct llmp_str content_type, struct llmp_str model,
                          uint32_t depth_max);
/* Accepts NULL. */
void llmp_upload_check_free(struct llmp_upload_check *check);

/* The next bytes. LLMP_OK, or LLMP_E_TYPE: another model; LLMP_E_SYNTAX,
 * LLMP_E_LIMIT: broken; LLMP_E_NOMEM. `check` may be NULL. */
int llmp_upload_check_feed(struct llmp_upload_check *check,
                           struct llmp_str bytes, bool last,
                           struct llmp_error *err);

#endif
