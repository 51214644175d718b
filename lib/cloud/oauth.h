/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearer tokens by OAuth 2.0's client credentials (RFC 6749, 4.4), as
 * Microsoft Entra gives them, and GigaChat's relative of it.
 */
#ifndef LLMP_CLOUD_OAUTH_H
#define LLMP_CLOUD_OAUTH_H

#include "cloud/request.h"
#include "cloud/token.h"

enum llmp_oauth_auth {
    LLMP_OAUTH_BODY,  /* id and secret are fields of the form */
    LLMP_OAUTH_BASIC, /* they are in the Authorization header */
};

struct llmp_oauth_client {
    struct llmp_str token_url; /* https only: it gets the secret */
    struct llmp_str id, secret;
    struct llmp_str scope; /* empty: none is sent */
    enum llmp_oauth_auth auth;
};

/* LLMP_OK: `out` is to be released; LLMP_E_INVALID, LLMP_E_LIMIT,
 * LLMP_E_NOMEM: it is empty. */
LLMP_MUST_USE int llmp_oauth_request(struct llmp_cloud_request *out,
                                     const struct llmp_oauth_client *client,
                                     struct llmp_error *err);

/*
 * A token of Microsoft Entra ID for `tenant`, from the public cloud's address.
 * `client->token_url` is not looked at.
 */
LLMP_MUST_USE int llmp_entra_request(struct llmp_cloud_request *out,
                                     struct llmp_str tenant,
                                     const struct llmp_oauth_client *client,
                                     struct llmp_error *err);

struct llmp_gigachat_client {
    struct llmp_str token_url;   /* empty: the public one */
    struct llmp_str credentials; /* the Basic value, as the console shows it */
    struct llmp_str scope;       /* empty: GIGACHAT_API_PERS */
};

/* @param random  16 fresh random bytes, of which the request's id is made */
LLMP_MUST_USE int llmp_gigachat_request(
    struct llmp_cloud_request *out, const struct llmp_gigachat_client *client,
    const uint8_t random[16], struct llmp_error *err);

/*
 * Reads the answer to any request above, and to Google's.
 *
 * @param out      receives spans of `body`
 * @param body     is written to: escapes are decoded in place. It holds a
 *                 secret; wiping it is the caller's
 * @param wall_ns  when the answer came: GigaChat gives a moment, not a life
 * @retval LLMP_E_INVALID  the server refused for good
 * @retval LLMP_E_IO       it refused, and may not later (err->retryable)
 * @retval LLMP_E_SYNTAX   not an answer that can be understood
 * @retval LLMP_E_LIMIT    the answer or the token is too long
 */
LLMP_MUST_USE int llmp_oauth_answer(struct llmp_cloud_grant *out,
                                    int http_status, char *body,
                                    size_t body_size, uint64_t wall_ns,
                                    struct llmp_error *err);

#endif
