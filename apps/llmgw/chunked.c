/* SPDX-License-Identifier: Apache-2.0 */
/* The chunked coding: see chunked.h. */
#include "chunked.h"

#include <string.h>

/* Extensions of one chunk, or all trailers, end within this. */
#define OVERHEAD_MAX 8192
/* 2^60 bytes are enough for one chunk. */
#define DIGITS_MAX 15

/*
 *  state      | hex digit | ;         | CR           | LF          | other
 *  SIZE       | SIZE      | EXTENSION | SIZE_LF      | bad         | bad
 *  EXTENSION  | stay      | stay      | SIZE_LF      | bad         | stay,
 * controls bad SIZE_LF    | bad       | bad       | bad          | DATA, LINE
 * | bad DATA       |   `left` bytes of body, then DATA_CR                |
 *  DATA_CR    | bad       | bad       | DATA_LF      | bad         | bad
 *  DATA_LF    | bad       | bad       | bad          | SIZE        | bad
 *  LINE       | TRAILER   | TRAILER   | END_LF       | bad         | TRAILER
 *  TRAILER    | stay      | stay      | TRAILER_LF   | bad         | stay,
 * controls bad TRAILER_LF | bad       | bad       | bad          | LINE | bad
 *  END_LF     | bad       | bad       | bad          | the end     | bad
 */
enum {
    SIZE,
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    LINE,
    TRAILER,
    TRAILER_LF,
    END_LF,
    ENDED,
    BROKEN
};

static int hex_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool is_text(uint8_t c)
{
    return (c >= 0x20 && c != 0x7f) || c == '\t';
}

static uint8_t step_size(struct gw_chunked *d, uint8_t c)
{
    int digit = hex_value(c);

    if (digit >= 0) {
        if (d->digits == DIGITS_MAX)
            return BROKEN;
        d->digits++;
        d->left = d->left * 16 + (uint64_t)digit;
        return SIZE;
    }
    if (d->digits == 0)
        return BROKEN;
    return c == ';' ? EXTENSION : c == '\r' ? SIZE_LF : BROKEN;
}

/* The state after one byte that is not body. */
static uint8_t step(struct gw_chunked *d, uint8_t c)
{
    switch (d->state) {
    case SIZE:
        return step_size(d, c);
    case EXTENSION:
        return c == '\r' ? SIZE_LF : is_text(c) ? EXTENSION : BROKEN;
    case SIZE_LF:
        d->digits = 0;
        return c != '\n' ? BROKEN : d->left > 0 ? DATA : LINE;
    case DATA_CR:
        return c == '\r' ? DATA_LF : BROKEN;
    case DATA_LF:
        return c == '\n' ? SIZE : BROKEN;
    case LINE:
        return c == '\r' ? END_LF : is_text(c) ? TRAILER : BROKEN;
    case TRAILER:
        return c == '\r' ? TRAILER_LF : is_text(c) ? TRAILER : BROKEN;
    case TRAILER_LF:
        return c == '\n' ? LINE : BROKEN;
    case END_LF:
        return c == '\n' ? ENDED : BROKEN;
    default:
        return BROKEN;
    }
}

enum gw_chunked_status gw_chunked_next(struct gw_chunked *decoder,
                                       struct llmp_str *input,
                                       struct llmp_str *body)
{
    while (input->len > 0) {
        if (decoder->state == DATA) {
            size_t len =
                decoder->left < input->len ? (size_t)decoder->left : input->len;

            *body = (struct llmp_str){ input->ptr, len };
            input->ptr += len;
            input->len -= len;
            decoder->left -= len;
            decoder->overhead = 0;
            if (decoder->left == 0)
                decoder->state = DATA_CR;
            return GW_CHUNKED_BODY;
        }
        decoder->state = step(decoder, (uint8_t)*input->ptr);
        if (decoder->state == BROKEN || ++decoder->overhead > OVERHEAD_MAX)
            return GW_CHUNKED_BAD;
        input->ptr++;
        input->len--;
        if (decoder->state == ENDED)
            return GW_CHUNKED_END;
    }
    return GW_CHUNKED_MORE;
}
