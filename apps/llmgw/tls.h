/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS for listeners: one context a configuration, reference counted, and the
 * keys that seal session tickets, which outlive contexts and processes.
 */
#ifndef LLMGW_TLS_H
#define LLMGW_TLS_H

#include <llmproxy/config.h>
#include <openssl/types.h>

/* ---- ticket keys: thread safe ---- */

#define GW_TICKET_KEY_COUNT 3

struct gw_ticket_keys;

/* What a take-over hands to the successor. */
struct gw_ticket_key {
    uint8_t name[16];
    uint8_t cipher[32];
    uint8_t mac[32];
    uint64_t made_wall_s; /* 0: no key */
};

struct gw_ticket_keys *gw_ticket_keys_new(void);
/* Accepts NULL. Wipes the keys. */
void gw_ticket_keys_free(struct gw_ticket_keys *keys);
/* All keys, the current one first. */
void gw_ticket_keys_export(struct gw_ticket_keys *keys,
                           struct gw_ticket_key out[GW_TICKET_KEY_COUNT]);
void gw_ticket_keys_import(struct gw_ticket_keys *keys,
                           const struct gw_ticket_key in[GW_TICKET_KEY_COUNT]);

/* ---- contexts ---- */

struct gw_tls;

/*
 * Reads certificate, key and client CA.
 *
 * @param out   receives NULL when the configuration has no certificate
 * @param keys  must outlive every connection
 * @retval LLMP_E_INVALID  a file cannot be read or used; the message says why
 */
int gw_tls_new(struct gw_tls **out, const struct llmp_server_config *conf,
               struct gw_ticket_keys *keys, struct llmp_error *err);

/* Any thread. Accept NULL. */
struct gw_tls *gw_tls_ref(struct gw_tls *tls);
void gw_tls_unref(struct gw_tls *tls);

/* The server's side of a new connection on `fd`, or NULL: no memory. */
SSL *gw_tls_accept(struct gw_tls *tls, int fd);

/* Whether the client agreed to HTTP/2. */
bool gw_tls_chose_http2(const SSL *ssl);

/* The name in the client's certificate, if it showed one that was verified: the
 * first DNS name, URI or e-mail address it is for, else its common name. To be
 * freed; NULL: none. (tls_name.c) */
char *gw_tls_client_name(const SSL *ssl);

#endif
