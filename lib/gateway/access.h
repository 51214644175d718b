/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may call and whose limits count, made from a configuration: keys, token
 * issuers, scopes, prices. Immutable but for counters; reference counted;
 * swapped together with the configuration. What has been used is not here but
 * in the limiter, which stays.
 */
#ifndef LLMP_GATEWAY_ACCESS_H
#define LLMP_GATEWAY_ACCESS_H

#include <llmproxy/auth.h>
#include <llmproxy/limit.h>
#include <llmproxy/usage.h>
#include <stdatomic.h>

#include "gateway/config.h"

/* Scopes of whoever calls, in this order: key, user, team, organisation. */
enum { LLMP_CALLER_SCOPES = 4 };

/* What hangs on a key: its owners' limits, and where a spent budget leads. */
struct llmp_holder {
    struct llmp_limit_scope *scopes[LLMP_CALLER_SCOPES]; /* NULL: no limits */
    const struct llmp_allowance *allowances[LLMP_CALLER_SCOPES]; /* theirs */
};

struct llmp_access {
    atomic_uint refs;
    struct llmp_limiter *limiter;
    struct llmp_config *config; /* a reference */
    bool required;              /* nobody calls without a credential */
    struct llmp_keyring *keyring;
    struct llmp_address_set *trusted; /* proxies */
    struct llmp_issuer **issuers;     /* as in config->auth.issuers */
    struct llmp_prices *prices;
    struct llmp_limit_scope **owners; /* as in config->auth.owners */
    struct llmp_limit_scope **models; /* by index; NULL: no limits */
};

/*
 * Makes it. Rules are in force from now on.
 *
 * @param before  NULL, or what is to be replaced: issuers that are the same
 *                keep their keys, owners that are gone lose their limits
 */
int llmp_access_new(struct llmp_access **out, struct llmp_limiter *limiter,
                    struct llmp_config *config,
                    const struct llmp_access *before, struct llmp_error *err);
struct llmp_access *llmp_access_ref(struct llmp_access *access);
void llmp_access_unref(struct llmp_access *access); /* accepts NULL */

/* Limits of an owner as configured; NULL: none. */
const struct llmp_allowance *llmp_access_owner(
    const struct llmp_access *access, const struct llmp_limit_scope *scope);

#endif
