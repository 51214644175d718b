/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decodes a chunked request body, strictly: every line ends in CRLF, sizes are
 * hexadecimal digits, extensions and trailers are skipped within a bound.
 * Pure: no memory, no copies; the body is reported as spans of the input.
 */
#ifndef LLMGW_CHUNKED_H
#define LLMGW_CHUNKED_H

#include <llmproxy/base.h>

/* All zero to begin with. */
struct gw_chunked {
    uint64_t left;     /* bytes to come of the current chunk */
    uint32_t overhead; /* bytes that were not body since the last that was */
    uint8_t state;
    uint8_t digits;
};

enum gw_chunked_status {
    GW_CHUNKED_MORE, /* all input is used */
    GW_CHUNKED_BODY, /* *body is a piece of the body; call again */
    GW_CHUNKED_END,  /* the body's end, trailers included */
    GW_CHUNKED_BAD
};

/* Takes bytes from the front of `input`. */
enum gw_chunked_status gw_chunked_next(struct gw_chunked *decoder,
                                       struct llmp_str *input,
                                       struct llmp_str *body);

#endif
