/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The smallest loop that carries a driver: one thread, one driver, poll(). A
 * program with a loop of its own lends that one by the same six hooks.
 */
#ifndef POLL_LOOP_H
#define POLL_LOOP_H

#include <llmproxy/gateway.h>

extern const struct llmp_loop_ops poll_loop; /* its context is not used */

bool poll_loop_init(void); /* before the driver is made */
void poll_loop_fini(void); /* after it was freed */

/* Waits until something happens and tells the driver. */
void poll_loop_turn(struct llmp_driver *driver);

#endif
