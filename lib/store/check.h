/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a caller may hand to a store, looked at in one place, so that no backend
 * has to: sizes of texts, UTF-8 without NUL, ranges of numbers.
 */
#ifndef LLMP_STORE_CHECK_H
#define LLMP_STORE_CHECK_H

#include <llmproxy/store.h>

enum llmp_store_need { LLMP_STORE_OPTIONAL, LLMP_STORE_REQUIRED };

int llmp_store_check_text(struct llmp_str text, size_t max,
                          enum llmp_store_need need, const char *what,
                          struct llmp_error *err);

int llmp_store_check_entry(const struct llmp_ledger_entry *entry,
                           struct llmp_error *err);
int llmp_store_check_event(const struct llmp_store_event *event,
                           struct llmp_error *err);
int llmp_store_check_op(const struct llmp_store_op *op, struct llmp_error *err);

/* Also fills in the default of rows_max. */
int llmp_store_check_query(struct llmp_ledger_query *query,
                           struct llmp_error *err);
int llmp_store_check_rows_max(uint32_t *rows_max, struct llmp_error *err);
int llmp_store_check_lease(const struct llmp_lease *lease,
                           struct llmp_error *err);

#endif
