/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A credential that expires, and when to fetch its successor. Pure but for the
 * memory of the credential: no clock, no lock, no call of anybody.
 *
 * Threads: who shares one holds a lock of his own around each call, and copies
 * what llmp_cloud_token_grant() shows before giving the lock back.
 */
#ifndef LLMP_CLOUD_TOKEN_H
#define LLMP_CLOUD_TOKEN_H

#include <llmproxy/base.h>

/* What an answer gave. A bearer token is `access` alone; AWS's credentials are
 * all three. */
struct llmp_cloud_grant {
    struct llmp_str access, secret, session;
    uint64_t lifetime_ns; /* from the begin of the fetch */
};

enum llmp_cloud_want {
    LLMP_CLOUD_USE,    /* llmp_cloud_token_grant() holds */
    LLMP_CLOUD_FETCH,  /* you fetch, and report by put, failed or
                          abandoned. A grant that
                          still holds, if there is one, may be used meanwhile */
    LLMP_CLOUD_WAIT,   /* somebody fetches and there is nothing to use */
    LLMP_CLOUD_FAILED, /* fetching failed; nobody tries before retry_at_ns */
};

/* Read-only for others. Starts as zeros. */
struct llmp_cloud_token {
    struct llmp_cloud_grant grant; /* texts in `memory` */
    char *memory;                  /* wiped before it is released */
    size_t memory_size;
    uint64_t refresh_at_ns;  /* from here on a successor is wanted */
    uint64_t valid_until_ns; /* 0: there is no grant */
    uint64_t fetch_began_ns;
    uint64_t retry_at_ns;
    uint32_t failures; /* in a row */
    bool fetching;
};

/* Wipes and releases. Accepts NULL and zeros; what is left is zeros. */
void llmp_cloud_token_fini(struct llmp_cloud_token *token);

/*
 * What to do now. After FETCH everybody else is told USE or WAIT until the
 * fetch is reported.
 *
 * @param now_ns  monotonic
 */
LLMP_MUST_USE enum llmp_cloud_want llmp_cloud_token_want(
    struct llmp_cloud_token *token, uint64_t now_ns);

/* The grant that holds now, or NULL. It holds until the next put or fini. */
const struct llmp_cloud_grant *llmp_cloud_token_grant(
    const struct llmp_cloud_token *token, uint64_t now_ns);

/*
 * The fetch brought `grant`, whose texts are copied. LLMP_E_NOMEM: the token is
 * as before, and the fetch is still to be reported, by failed.
 */
LLMP_MUST_USE int llmp_cloud_token_put(struct llmp_cloud_token *token,
                                       const struct llmp_cloud_grant *grant,
                                       struct llmp_error *err);

/*
 * The fetch failed. The next is 1 s later, then twice as long up to a minute,
 * each somewhat less by chance.
 *
 * @param retryable  false: a minute at once, as nothing will be different soon
 * @param chance     any random number
 */
void llmp_cloud_token_failed(struct llmp_cloud_token *token, uint64_t now_ns,
                             bool retryable, uint64_t chance);

/* Who was to fetch went away, which says nothing of whom he asked: the next one
 * who wants it fetches. */
void llmp_cloud_token_abandoned(struct llmp_cloud_token *token);

/*
 * A provider refused a grant whose `access` this was. If it is still the one
 * that is kept, it is given up, and its successor is fetched, but not within
 * 10 s of the last fetch: a provider that refuses each must not cause a fetch
 * for each request.
 */
void llmp_cloud_token_refused(struct llmp_cloud_token *token,
                              struct llmp_str access);

#endif
