/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AWS credentials that expire, from the two services that run beside a
 * program: the container credentials endpoint (ECS, EKS Pod Identity) and the
 * instance metadata service, version 2 (EC2). Both answer alike.
 *
 * Static keys need nothing of this: they are a struct llmp_aws_credentials.
 */
#ifndef LLMP_CLOUD_AWS_H
#define LLMP_CLOUD_AWS_H

#include "cloud/request.h"
#include "cloud/sigv4.h"
#include "cloud/token.h"

#define LLMP_IMDS_BASE      "http://169.254.169.254"
#define LLMP_ECS_BASE       "http://169.254.170.2"
#define LLMP_IMDS_SESSION_S 21600 /* how long the first step's token lives */

enum { LLMP_IMDS_ROLE_MAX = 128 };

/*
 * The container endpoint.
 *
 * @param url            AWS_CONTAINER_CREDENTIALS_FULL_URI, or LLMP_ECS_BASE
 *                       and AWS_CONTAINER_CREDENTIALS_RELATIVE_URI. http only
 *                       for a host that is this machine or its own endpoints
 * @param authorization  the value of AWS_CONTAINER_AUTHORIZATION_TOKEN or of
 *                       the file that is named for it; may be empty
 */
LLMP_MUST_USE int llmp_ecs_request(struct llmp_cloud_request *out,
                                   struct llmp_str url,
                                   struct llmp_str authorization,
                                   struct llmp_error *err);

/*
 * The instance metadata service, in three steps: a session token; with it the
 * name of the role, the answer's first line; with both the credentials.
 *
 * @param base  empty: LLMP_IMDS_BASE
 */
LLMP_MUST_USE int llmp_imds_session_request(struct llmp_cloud_request *out,
                                            struct llmp_str base,
                                            struct llmp_error *err);

/* @param role  empty: the request for its name */
LLMP_MUST_USE int llmp_imds_request(struct llmp_cloud_request *out,
                                    struct llmp_str base,
                                    struct llmp_str session,
                                    struct llmp_str role,
                                    struct llmp_error *err);

/* The one line of an answer to the first two steps, a span of `body`. */
LLMP_MUST_USE int llmp_imds_line(struct llmp_str *out, int http_status,
                                 struct llmp_str body, struct llmp_error *err);

/*
 * Reads credentials. `body` is written to, and holds secrets: see
 * llmp_oauth_answer(), whose statuses are these, too.
 */
LLMP_MUST_USE int llmp_aws_answer(struct llmp_cloud_grant *out, int http_status,
                                  char *body, size_t body_size,
                                  uint64_t wall_ns, struct llmp_error *err);

/* A grant as what llmp_sigv4_key_make() takes. */
static inline struct llmp_aws_credentials llmp_aws_of(
    const struct llmp_cloud_grant *grant)
{
    return (struct llmp_aws_credentials){
        .access = grant->access,
        .secret = grant->secret,
        .session = grant->session,
    };
}

#endif
