/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where open intents are. An exchange holds a ticket's number, the ticket
 * holds the place: so an intent can be moved while its exchange goes on.
 * Numbers come from a lock-free free list, whose head carries a count against
 * the ABA problem.
 */
#ifndef LLMP_JOURNAL_TICKETS_H
#define LLMP_JOURNAL_TICKETS_H

#include <llmproxy/base.h>
#include <stdatomic.h>

struct llmp_tickets {
    /* In use: the place, never 0; ended: 0; free: the next free number. */
    _Atomic uint64_t *places;
    uint32_t max;
    _Atomic uint32_t fresh; /* numbers that were ever used */
    _Atomic uint64_t free;  /* count of changes << 32 | number + 1 */
};

bool llmp_tickets_init(struct llmp_tickets *tickets, uint32_t max);
void llmp_tickets_fini(struct llmp_tickets *tickets);

/* false: all are in use. */
bool llmp_tickets_take(struct llmp_tickets *tickets, uint32_t *number);
void llmp_tickets_give(struct llmp_tickets *tickets, uint32_t number);

#endif
