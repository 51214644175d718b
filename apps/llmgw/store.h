/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What outlives the process: the store's file, the journal's folder, and the
 * thread that carries one into the other. Opened once; a reload does not move
 * it elsewhere.
 */
#ifndef LLMGW_STORE_H
#define LLMGW_STORE_H

#include <llmproxy/gateway.h>
#include <llmproxy/runtime.h>
#include <llmproxy/store.h>

struct gw_store;

/*
 * Opens what the configuration names and gives the gateway its ledger; limits
 * have what they had used before when it returns. `*out` stays NULL where no
 * store is configured.
 */
int gw_store_open(struct gw_store **out, struct llmp_gateway *gateway,
                  struct llmp_error *err);

/* Limits get what the store says was used, in a while: new ones after a
 * reload, all of them while another process books, too. */
void gw_store_restore(struct gw_store *store);

/* For administration; NULL: there is no store. */
struct llmp_store_writer *gw_store_writer(struct gw_store *store);

/* After the last exchange. Accepts NULL. */
void gw_store_close(struct gw_store *store);

#endif
