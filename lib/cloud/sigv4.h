/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS Signature Version 4 in headers, for services other than S3: the path is
 * normalised and encoded once more than it is sent. Pure: the time is an
 * argument, and nothing is kept.
 */
#ifndef LLMP_CLOUD_SIGV4_H
#define LLMP_CLOUD_SIGV4_H

#include <llmproxy/base.h>

#include "base/alloc.h"

enum {
    LLMP_AWS_ACCESS_MAX = 128,
    LLMP_AWS_SECRET_MAX = 256,
    LLMP_SIGV4_NAME_MAX = 64, /* of a region, of a service */
    LLMP_SIGV4_CREDENTIAL_MAX = 320,
    LLMP_SIGV4_HEADERS_MAX = 64,
    LLMP_SIGV4_PARAMETERS_MAX = 64,
};

struct llmp_aws_credentials {
    struct llmp_str access, secret;
    struct llmp_str session; /* empty: these do not expire */
};

/*
 * A signing key: good for one day (UTC), region and service, to be kept by the
 * caller and wiped. It depends on the secret too: who changes that under the
 * same access key makes a new one.
 */
struct llmp_sigv4_key {
    uint8_t key[32];
    char credential[LLMP_SIGV4_CREDENTIAL_MAX]; /* access key/date/region/… */
    size_t access_len, credential_len;
};

/* LLMP_OK; LLMP_E_INVALID: a text is empty, too long or has characters that
 * would change what is signed. */
LLMP_MUST_USE int llmp_sigv4_key_make(
    struct llmp_sigv4_key *key, const struct llmp_aws_credentials *credentials,
    struct llmp_str region, struct llmp_str service, uint64_t wall_ns,
    struct llmp_error *err);

/* Whether `key` was made of the same access key, region, service and day. */
bool llmp_sigv4_key_fits(const struct llmp_sigv4_key *key,
                         struct llmp_str access, struct llmp_str region,
                         struct llmp_str service, uint64_t wall_ns);

/* Accepts NULL, and a key that was never made. */
void llmp_sigv4_key_wipe(struct llmp_sigv4_key *key);

struct llmp_sigv4_header {
    struct llmp_str name, value;
};

struct llmp_sigv4_request {
    struct llmp_str method;
    struct llmp_str host;  /* as in the Host header */
    struct llmp_str path;  /* as sent, percent-encoded; empty means "/" */
    struct llmp_str query; /* as sent, without '?'; a '+' is a plus */
    /* To be signed besides host and those that signing adds. */
    const struct llmp_sigv4_header *headers;
    size_t header_count;
    const struct llmp_str *body; /* its parts, in order */
    size_t body_count;
    bool send_body_hash; /* x-amz-content-sha256 is sent, and signed */
};

/* Values of the headers to add; empty: do not send it. */
struct llmp_sigv4_headers {
    struct llmp_str authorization;
    struct llmp_str date;           /* x-amz-date */
    struct llmp_str security_token; /* x-amz-security-token */
    struct llmp_str content_sha256; /* x-amz-content-sha256 */
};

/*
 * Signs a request.
 *
 * @param out      written on LLMP_OK; the texts are in `arena`, and
 *                 security_token is the caller's own
 * @param session  the session token, or empty
 * @retval LLMP_E_INVALID  a header or the query cannot be signed as it is
 * @retval LLMP_E_STATE    the key is of another day
 * @retval LLMP_E_LIMIT    too many headers or parameters
 * @retval LLMP_E_NOMEM    out of memory
 */
LLMP_MUST_USE int llmp_sigv4_sign(struct llmp_sigv4_headers *out,
                                  const struct llmp_sigv4_request *request,
                                  const struct llmp_sigv4_key *key,
                                  struct llmp_str session, uint64_t wall_ns,
                                  struct llmp_arena *arena,
                                  struct llmp_error *err);

#endif
