/* SPDX-License-Identifier: Apache-2.0 */
/* Arithmetic on addresses as 128-bit numbers, highest byte first. */
#ifndef LLMP_AUTH_ADDRESS_H
#define LLMP_AUTH_ADDRESS_H

#include <llmproxy/auth.h>
#include <string.h>

static inline int llmp_address_compare(const struct llmp_address *a,
                                       const struct llmp_address *b)
{
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* Whether it is an IPv4 address. */
bool llmp_address_is_v4(const struct llmp_address *address);

/* For LLMP_AUTO. */
static inline void llmp_address_set_unrefp(struct llmp_address_set **set)
{
    llmp_address_set_unref(*set);
}

#endif
