/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The name under which the store counts what a limit of a calendar's window
 * has used: "team/research/money/month". Booked with each row of the ledger,
 * read again at a start.
 */
#ifndef LLMP_GATEWAY_COUNTER_H
#define LLMP_GATEWAY_COUNTER_H

#include <llmproxy/limit.h>
#include <llmproxy/store.h>

/* Writes it, NUL-terminated; returns its length. An id that is too long is cut
 * and told apart by its hash. */
size_t llmp_counter_name(char out[LLMP_STORE_NAME_MAX + 1],
                         const struct llmp_limit_scope *scope,
                         const struct llmp_limit_rule *rule);

/* Whether the store counts it: rolling limits are forgotten at a restart. */
static inline bool llmp_counter_is_kept(const struct llmp_limit_rule *rule)
{
    return rule->unit != LLMP_LIMIT_CONCURRENCY &&
           rule->window >= LLMP_WINDOW_DAY;
}

#endif
