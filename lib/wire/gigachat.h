/* SPDX-License-Identifier: Apache-2.0 */
/* Sber's GigaChat: what its files share. */
#ifndef LLMP_WIRE_GIGACHAT_H
#define LLMP_WIRE_GIGACHAT_H

#include "wire/dialect.h"

int llmp_gigachat_write_request(struct llmp_buf *out,
                                const struct llmp_chat *chat,
                                struct llmp_wire *wire);

/* Calls have no ids there. One that has a state gets this and the state's name
 * for an id, so that the state is known again when the client says no more
 * than the id. */
#define LLMP_GIGACHAT_CALL "gigachat_"

#endif
