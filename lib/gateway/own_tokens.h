/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that the gateway issues itself: the key that signs them, the issuer
 * that they are verified by, and what a request for one may ask. A token is
 * never wider than what it was issued with: it names that key (`grantor`), and
 * counts only while, and only as far as, the key does.
 */
#ifndef LLMP_GATEWAY_OWN_TOKENS_H
#define LLMP_GATEWAY_OWN_TOKENS_H

#include <llmproxy/auth.h>
#include <stdatomic.h>

#include "base/alloc.h"
#include "base/str.h"
#include "gateway/config.h"
#include "gateway/record.h"

/* Between whoever issued a token and an end user of theirs, in a user's name:
 * nobody becomes somebody else by naming an end user. */
#define LLMP_END_USER_MARK '~'

/* The user, or for an end user the one above. */
static inline struct llmp_str llmp_user_above(const struct llmp_principal *p)
{
    return p->above.len ? p->above : p->user;
}

/* Whose doing it is, whichever token is shown: the key that it was issued with,
 * or the user. */
static inline struct llmp_str llmp_account_of(const struct llmp_principal *p)
{
    if (p->grantor.len)
        return p->grantor;
    return p->kind == LLMP_PRINCIPAL_KEY || !p->user.len ? p->id
                                                         : llmp_user_above(p);
}

/* Immutable, counted. */
struct llmp_own_tokens {
    atomic_uint refs;
    struct llmp_signer *signer;
    struct llmp_issuer *issuer;
    struct llmp_buf jwks; /* the public keys' document */
};

int llmp_own_tokens_new(struct llmp_own_tokens **out,
                        const struct llmp_token_config *config,
                        struct llmp_error *err);
struct llmp_own_tokens *llmp_own_tokens_ref(struct llmp_own_tokens *tokens);
void llmp_own_tokens_unref(struct llmp_own_tokens *tokens); /* accepts NULL */

/* Whether two configurations make the same. */
bool llmp_own_tokens_same(const struct llmp_token_config *a,
                          const struct llmp_token_config *b);

struct llmp_access;

/* Somebody asks for a token. */
struct llmp_token_wish {
    const struct llmp_access *access;
    const struct llmp_principal *who;
    struct llmp_str body;     /* JSON; empty: one like oneself */
    bool login;               /* a one-time code was right just now */
    bool administers;         /* it was asked where administration is: a user
                                 may be named, which is an event there */
    struct llmp_arena *arena; /* for what lives as long as this */
    const struct llmp_random *random;
    uint64_t wall_ns;
};

/* What was issued, for the record of it. In the wish's arena. */
struct llmp_token_given {
    struct llmp_str user, team, org;
    enum llmp_role role;
    uint64_t lifetime_s;
    bool other; /* it is neither for who asked nor for an end user of theirs */
};

/*
 * Issues one, if the policy allows: writes the answer as OAuth has it (RFC
 * 6749, 5.1).
 *
 * @param out  receives the answer: there is a secret in it
 * @retval LLMP_E_INVALID  see *problem
 * @retval LLMP_E_NOMEM
 */
int llmp_own_tokens_issue(const struct llmp_token_wish *wish,
                          struct llmp_buf *out, struct llmp_token_given *given,
                          struct llmp_problem *problem);

#endif
