/* SPDX-License-Identifier: Apache-2.0 */
#include "journal/tickets.h"

#include "base/alloc.h"
#include "base/internal.h"

bool llmp_tickets_init(struct llmp_tickets *tickets, uint32_t max)
{
    /* Not zeroed: pages that are never needed are never touched. */
    tickets->places =
        llmp_resize(NULL, (size_t)llmp_mul_sat(max, sizeof(*tickets->places)));
    tickets->max = max;
    return tickets->places != NULL;
}

void llmp_tickets_fini(struct llmp_tickets *tickets)
{
    llmp_free((void *)tickets->places);
}

/* A number that was given back, if there is one. */
static bool take_free(struct llmp_tickets *tickets, uint32_t *number)
{
    uint64_t head = atomic_load(&tickets->free), next;

    do {
        if ((uint32_t)head == 0)
            return false;
        *number = (uint32_t)head - 1;
        next = (head >> 32) + 1;
        next = next << 32 | (uint32_t)atomic_load(&tickets->places[*number]);
    } while (!atomic_compare_exchange_weak(&tickets->free, &head, next));
    return true;
}

bool llmp_tickets_take(struct llmp_tickets *tickets, uint32_t *number)
{
    uint32_t fresh;

    if (take_free(tickets, number))
        return true;
    fresh = atomic_load(&tickets->fresh);
    do {
        if (fresh >= tickets->max)
            return take_free(tickets, number);
    } while (!atomic_compare_exchange_weak(&tickets->fresh, &fresh, fresh + 1));
    atomic_init(&tickets->places[fresh], 0);
    *number = fresh;
    return true;
}

void llmp_tickets_give(struct llmp_tickets *tickets, uint32_t number)
{
    uint64_t head = atomic_load(&tickets->free), next;

    do {
        atomic_store(&tickets->places[number], (uint32_t)head);
        next = (head >> 32) + 1;
        next = next << 32 | (number + 1);
    } while (!atomic_compare_exchange_weak(&tickets->free, &head, next));
}
