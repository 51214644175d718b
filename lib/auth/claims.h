/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims by path. A path leads to a string, a number, or an array of them;
 * every value found is shown once, in the order of the text.
 */
#ifndef LLMP_AUTH_CLAIMS_H
#define LLMP_AUTH_CLAIMS_H

#include <llmproxy/auth.h>
#include <llmproxy/json.h>

#include "base/alloc.h"

struct llmp_claim_path {
    struct llmp_str segments[LLMP_CLAIM_SEGMENTS_MAX];
    unsigned count; /* 0: leads nowhere */
};

/* "realm_access.roles"; "\." is a dot inside a name. Segments lie in `arena`.
 * LLMP_OK, LLMP_E_INVALID, LLMP_E_NOMEM. */
int llmp_claim_path_parse(struct llmp_claim_path *out, struct llmp_str text,
                          struct llmp_arena *arena);

enum { LLMP_CLAIM_PATHS_MAX = 24 };

/* Returns LLMP_OK to go on; anything else ends the reading with it. */
typedef int llmp_claim_show(unsigned index, const struct llmp_json_token *token,
                            void *ctx);

/* Reads a claims set. LLMP_OK; LLMP_AUTH_TOKEN_MALFORMED (no JSON object,
 * a member twice); LLMP_E_NOMEM; what `show` said. */
int llmp_claims_read(struct llmp_str text, const struct llmp_claim_path *paths,
                     unsigned count, llmp_claim_show *show, void *ctx);

#endif
