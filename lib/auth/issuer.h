/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an issuer remembers. `synced` is read and written under the spin lock
 * only, which is held for a few loads and stores: never over an allocation, a
 * parse, or somebody else's code.
 */
#ifndef LLMP_AUTH_ISSUER_H
#define LLMP_AUTH_ISSUER_H

#include <stdatomic.h>

#include "auth/token.h"

enum { LLMP_UNKNOWN_KIDS = 64, LLMP_BODY_HASH_SIZE = 32 };

struct llmp_issuer {
    atomic_uint refs;
    struct llmp_issuer_options o; /* its pointers are references or unused */
    char jwks_uri[LLMP_ISSUER_URL_SIZE];  /* configured; or empty */
    char discovery[LLMP_ISSUER_URL_SIZE]; /* where the document is */
    bool fixed;                           /* keys are handed in */
    atomic_uint_fast64_t version;         /* grows when tokens may be void */
    atomic_uint_fast64_t revoked_before_s;
    atomic_flag lock;
    struct {
        struct llmp_jwks *keys;                 /* NULL: there never were any */
        uint8_t body_hash[LLMP_BODY_HASH_SIZE]; /* of the document they are */
        char uri[LLMP_ISSUER_URL_SIZE]; /* where the keys are; or empty */
        uint64_t discovered_ns, fetched_ns;
        uint64_t refresh_ns; /* the keys are good until then */
        uint64_t retry_ns;   /* nothing is fetched before */
        uint64_t cooled_ns;  /* an unknown kid may ask again then */
        bool wanted;         /* an unknown kid asks for a fetch */
        uint64_t lease_id;   /* of the fetch on its way; 0: none */
        uint64_t lease_until_ns;
        bool lease_discovery;
        uint64_t failures, fetches;
        struct {
            uint64_t hash, until_ns;
        } unknown[LLMP_UNKNOWN_KIDS];
        unsigned unknown_next; /* the oldest */
    } synced;
};

static inline void llmp_issuer_lock(struct llmp_issuer *issuer)
{
    while (
        atomic_flag_test_and_set_explicit(&issuer->lock, memory_order_acquire))
        ;
}

static inline void llmp_issuer_unlock(struct llmp_issuer *issuer)
{
    atomic_flag_clear_explicit(&issuer->lock, memory_order_release);
}

/* Under the lock: whether a fetch is on its way, or would be given out. */
bool llmp_issuer_is_fetching(const struct llmp_issuer *issuer, uint64_t now_ns);
/* One is at it, or will be: under way, due, or just given back. */
bool llmp_issuer_is_coming(const struct llmp_issuer *issuer, uint64_t now_ns);
bool llmp_issuer_is_due(const struct llmp_issuer *issuer, uint64_t now_ns);

/* Whether `text` is a URL that may be fetched: https (or http where that is
 * allowed), a host, no user, no fragment, nothing odd. */
bool llmp_issuer_url_is_sound(const struct llmp_issuer *issuer,
                              struct llmp_str text);

/* Reads a discovery document; writes the URL of the keys. */
int llmp_issuer_discover(const struct llmp_issuer *issuer, struct llmp_str body,
                         char uri[LLMP_ISSUER_URL_SIZE],
                         struct llmp_error *err);

#endif
