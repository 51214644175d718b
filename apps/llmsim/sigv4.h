/* SPDX-License-Identifier: Apache-2.0 */
/* The check of AWS signatures, version 4 (AWS4-HMAC-SHA256, in the header). */
#ifndef LLMSIM_SIGV4_H
#define LLMSIM_SIGV4_H

#include "request.h"

/* `pair` is ACCESS:SECRET. Returns NULL when the signature is right, otherwise
 * what is wrong with it. How old it is does not matter. */
const char *sim_sigv4_check(const struct sim_request *request,
                            const char *pair);

#endif
