/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ids in a request's body that lead to what lies at the provider: files,
 * earlier answers. Seen token by token as the body is read; the names are those
 * of the vendors' API references. What is the caller's own data (a tool's
 * arguments, schemas, metadata) is not looked into.
 */
#ifndef LLMP_WIRE_REFS_H
#define LLMP_WIRE_REFS_H

#include <llmproxy/json.h>

enum { LLMP_REFS_MAX = 8 };

enum llmp_ref_kind {
    LLMP_REF_NONE,
    LLMP_REF_FILE,     /* file_id, file_ids */
    LLMP_REF_INPUT,    /* input_file_id: of a batch */
    LLMP_REF_RESPONSE, /* previous_response_id */
    LLMP_REF_OTHER /* of what the gateway does not know: vector stores, … */
};

struct llmp_ref {
    enum llmp_ref_kind kind;
    uint64_t offset, size; /* of the string in the body, with its quotes */
};

struct llmp_refs {
    struct llmp_ref items[LLMP_REFS_MAX];
    uint8_t count;
    bool too_many;
    bool skips; /* inside the value of a key at `skip_depth` */
    bool named; /* inside an object at `named_depth` whose "id" it is */
    enum llmp_ref_kind key; /* whose value comes, or whose array is open */
    uint32_t key_depth, skip_depth, named_depth;
};

/* @param skipped  names of members whose values are the caller's own, up to
 *                 NULL */
void llmp_refs_see(struct llmp_refs *refs, const struct llmp_json_token *token,
                   const struct llmp_str *skipped);

#endif
