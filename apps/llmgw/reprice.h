/* SPDX-License-Identifier: Apache-2.0 */
/* `llmgw reprice`: the pages of one run, added up and shown. */
#ifndef LLMGW_REPRICE_H
#define LLMGW_REPRICE_H

#include <llmproxy/base.h>

struct gw_reprice;

/* NULL: no memory. */
struct gw_reprice *gw_reprice_new(void);
void gw_reprice_free(struct gw_reprice *reprice); /* accepts NULL */

/* Adds a page, and tells on stderr how far it is. False: no memory. */
bool gw_reprice_add(struct gw_reprice *reprice, struct llmp_str answer);

/* "run=…&after_seq=…" of the page that follows; NULL: there is none. */
const char *gw_reprice_next(const struct gw_reprice *reprice);

void gw_reprice_print(const struct gw_reprice *reprice, bool json);

#endif
