/* SPDX-License-Identifier: Apache-2.0 */
/* The canonical form of a request, of which SigV4 signs the hash. */
#ifndef LLMP_CLOUD_SIGV4_CANONICAL_H
#define LLMP_CLOUD_SIGV4_CANONICAL_H

#include "cloud/sigv4.h"

/* What is hashed: the request's parts and all headers, those that signing adds
 * included. */
struct llmp_sigv4_canonical {
    struct llmp_str method, path, query, body_hash;
    struct llmp_sigv4_header headers[LLMP_SIGV4_HEADERS_MAX];
    size_t header_count;
};

/*
 * Hashes the canonical request. Sorts and lower-cases the headers on the way.
 *
 * @param names  receives the headers' names, joined by ';', in `arena`
 */
LLMP_MUST_USE int llmp_sigv4_canonical_hash(
    uint8_t hash[32], struct llmp_str *names,
    struct llmp_sigv4_canonical *canonical, struct llmp_arena *arena,
    struct llmp_error *err);

#endif
