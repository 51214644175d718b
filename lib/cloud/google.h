/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bearer tokens of Google for a service account (RFC 7523): an assertion is
 * signed with the account's key and exchanged for a token. The answer is read
 * by llmp_oauth_answer().
 */
#ifndef LLMP_CLOUD_GOOGLE_H
#define LLMP_CLOUD_GOOGLE_H

#include "cloud/request.h"

/* Read-only once made: any thread may make requests with it. */
struct llmp_google_account;

/*
 * Reads the JSON text of a service account's key file. Its token_uri is where
 * assertions will be sent: the file is trusted as the key in it is.
 *
 * @retval LLMP_E_SYNTAX   not JSON, or something is missing
 * @retval LLMP_E_INVALID  not a service account, or a key that cannot sign
 * @retval LLMP_E_LIMIT    too long
 * @retval LLMP_E_NOMEM    out of memory
 */
LLMP_MUST_USE int llmp_google_account_new(struct llmp_google_account **out,
                                          struct llmp_str json,
                                          struct llmp_error *err);

/* Accepts NULL. */
void llmp_google_account_free(struct llmp_google_account *account);

/*
 * A request for a token, with an assertion that holds an hour. Signing takes
 * about a millisecond: too long for an event loop that has others to serve.
 *
 * @param scope  empty: https://www.googleapis.com/auth/cloud-platform
 */
LLMP_MUST_USE int llmp_google_request(struct llmp_cloud_request *out,
                                      const struct llmp_google_account *account,
                                      struct llmp_str scope, uint64_t wall_ns,
                                      struct llmp_error *err);

#endif
