/* SPDX-License-Identifier: Apache-2.0 */
/* Session tickets: see tickets.c. */
#ifndef LLMGW_TICKETS_H
#define LLMGW_TICKETS_H

#include "tls.h"

/* Has `ctx` seal and open its tickets with `keys`. */
void gw_tickets_use(SSL_CTX *ctx, struct gw_ticket_keys *keys);

#endif
