/* SPDX-License-Identifier: Apache-2.0 */
/* The head of an HTTP/1 answer as bytes; reason phrases; the Date field. */
#ifndef LLMGW_RESPOND_H
#define LLMGW_RESPOND_H

#include <llmproxy/gateway.h>

/* "Server" and "Date", formatted once a second. */
struct gw_date {
    uint64_t second;
    char value[32]; /* "Sun, 06 Nov 1994 08:49:37 GMT" */
    char fields[64];
    size_t fields_len;
};

/* Brings `date` up to `wall_ns`. */
void gw_date_set(struct gw_date *date, uint64_t wall_ns);

/* How the body's end is marked. */
enum gw_body_framing { GW_FRAMING_NONE, GW_FRAMING_LENGTH, GW_FRAMING_CHUNKED };

struct gw_response_format {
    const struct gw_date *date;
    enum gw_body_framing framing;
    bool close;            /* say that the connection ends */
    bool keep_alive;       /* say that it does not, to HTTP/1.0 */
    uint64_t hsts_seconds; /* 0: no field */
};

/* An upper bound of what gw_response_write() needs. */
size_t gw_response_size(const struct llmp_response_head *head);
/* Writes the head and returns its length. */
size_t gw_response_write(uint8_t *out, const struct llmp_response_head *head,
                         const struct gw_response_format *format);

/* "hsts_seconds" as a field value; returns its length. */
size_t gw_hsts_write(char out[48], uint64_t seconds);

/* Decimal digits; returns their number (at most 20). */
size_t gw_decimal_write(char *out, uint64_t value);

#endif
