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
#include "gateway/directory.h"
#include "gateway/own_tokens.h"
#include "gateway/routes.h"

/* Scopes of whoever calls, in this order: key, user, team, organisation. */
enum { LLMP_CALLER_SCOPES = 4 };

/* A user, a team or an organisation that the file or the store knows. */
struct llmp_owner {
    enum llmp_limit_kind kind;
    struct llmp_str name;
    const struct llmp_allowance *limits; /* of the file, or `own` */
    struct llmp_allowance own;
    struct llmp_limit_scope *scope; /* NULL: no limits */
    struct llmp_record *record;     /* of the store; or NULL */
    struct llmp_regions regions;    /* as the file says */
};

/* Shared by snapshots that differ in keys only. */
struct llmp_owners {
    atomic_uint refs;
    size_t count;
    struct llmp_owner items[]; /* by kind and name */
};

/* One link of what a key was granted by. */
struct llmp_link {
    struct llmp_grant grant;
    struct llmp_record *record; /* whose lists it has; NULL: of the file */
};

/* Addresses of a key that granted another: both hold for what it gave. */
struct llmp_bound {
    struct llmp_address_set *allow, *deny; /* NULL: none */
};

/* What hangs on a key: its owners' limits, where a spent budget leads, and
 * what it was granted by. */
struct llmp_holder {
    struct llmp_limit_scope *scopes[LLMP_CALLER_SCOPES]; /* NULL: no limits */
    const struct llmp_allowance *allowances[LLMP_CALLER_SCOPES]; /* theirs */
    struct llmp_allowance own;  /* of a key of the store */
    struct llmp_record *record; /* likewise; or NULL */
    struct llmp_link *links;    /* the chain above it */
    size_t link_count;
    struct llmp_bound *bounds; /* of keys in the chain that have any */
    size_t bound_count;
    struct llmp_regions regions; /* its own, of its owners and of the chain */
};

struct llmp_access {
    atomic_uint refs;
    struct llmp_limiter *limiter;
    struct llmp_router *router;
    struct llmp_routes *routes;
    struct llmp_config *config; /* a reference */
    bool required;              /* nobody calls without a credential */
    struct llmp_keyring *keyring;
    struct llmp_address_set *trusted; /* proxies */
    struct llmp_issuer **issuers;     /* as in config->auth.issuers, then our
                                         own if there is one */
    size_t issuer_count;
    struct llmp_own_tokens *own; /* NULL: we issue none */
    struct llmp_prices *prices;
    struct llmp_owners *owners;
    struct llmp_limit_scope **models; /* by index; NULL: no limits */
    struct llmp_address_set *admin_allow, *admin_deny;
};

/*
 * Makes it. Rules are in force from now on.
 *
 * @param directory  what the store has; NULL: there is none
 * @param before     NULL, or what is to be replaced: owners that are gone lose
 *                   their limits, keys keep their time of last use
 */
int llmp_access_new(struct llmp_access **out, struct llmp_limiter *limiter,
                    struct llmp_router *router, struct llmp_config *config,
                    const struct llmp_directory *directory,
                    const struct llmp_access *before, struct llmp_error *err);

/* The same with one key of the store made anew, or removed when `record` is
 * NULL. */
int llmp_access_with(struct llmp_access **out, const struct llmp_access *access,
                     const struct llmp_directory *directory,
                     const struct llmp_record *record, struct llmp_str id,
                     struct llmp_error *err);
struct llmp_access *llmp_access_ref(struct llmp_access *access);
void llmp_access_unref(struct llmp_access *access); /* accepts NULL */

/* access_keys.c: all keys of file and store -> access->keyring */
int llmp_access_keys(struct llmp_access *access,
                     const struct llmp_directory *directory,
                     const struct llmp_access *before, struct llmp_error *err);
int llmp_access_key(struct llmp_key **out, struct llmp_access *access,
                    const struct llmp_directory *directory,
                    const struct llmp_record *record,
                    const struct llmp_access *before, struct llmp_error *err);

/* A key of the file; NULL: none of that id. */
const struct llmp_key_config *llmp_access_file_key(
    const struct llmp_access *access, struct llmp_str id);

/* Whether all keys that it was granted by may be used from there.
 * @param address  NULL: nobody knows it */
int llmp_holder_check_address(const struct llmp_holder *holder,
                              const struct llmp_address *address);

/* Whether what a key would be granted by is a chain that is short enough:
 * LLMP_OK, LLMP_E_LIMIT. */
int llmp_access_has_room(const struct llmp_access *access,
                         const struct llmp_directory *directory,
                         const struct llmp_record *record);

/* The scope with these rules and no others; NULL in *out: there are none. */
int llmp_access_scope(struct llmp_limit_scope **out,
                      struct llmp_limiter *limiter, enum llmp_limit_kind kind,
                      struct llmp_str id,
                      const struct llmp_allowance *allowance,
                      struct llmp_error *err);

/* The configuration's table over the shipped one. */
int llmp_access_prices(struct llmp_prices **out,
                       const struct llmp_config *config,
                       struct llmp_error *err);

/* NULL: neither file nor store knows it. */
const struct llmp_owner *llmp_access_owner(const struct llmp_access *access,
                                           enum llmp_limit_kind kind,
                                           struct llmp_str name);

/* "provider/model", cut where it is too long: how limits and the ledger name a
 * deployment. Returns its length. */
size_t llmp_deployment_id(char out[LLMP_LIMIT_ID_MAX], struct llmp_str provider,
                          struct llmp_str upstream);

#endif
