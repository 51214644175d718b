/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Disguises: what a person or a program does to a text so that a model still
 * reads it and a filter does not.
 */
#ifndef LLMGW_REDTEAM_ENCODE_H
#define LLMGW_REDTEAM_ENCODE_H

#include <llmproxy/base.h>

struct gw_encoding {
    const char *name;
    const char *what; /* for the help text */
    /* It says nothing of other letters: such texts are not counted. */
    bool ascii_only;
    /* Appends to `out`, which has room for GW_ENCODED_MAX(text.len) bytes;
     * returns how many it wrote. Bytes that are no UTF-8 are taken one by one.
     */
    size_t (*run)(char *out, struct llmp_str text);
};

/* The most that is needed is eight, and as much again for what is encoded
 * twice. */
#define GW_ENCODED_MAX(len) ((len)*16 + 64)

extern const struct gw_encoding gw_encodings[];
extern const size_t gw_encoding_count;

/*
 * Encodes.
 *
 * @param out  receives the text, to be given to gw_free()
 * @retval LLMP_OK       done
 * @retval LLMP_MISS     it does not apply: `ascii_only`, or nothing would
 * change
 * @retval LLMP_E_NOMEM  out of memory
 */
int gw_encode(struct llmp_str *out, const struct gw_encoding *encoding,
              struct llmp_str text);

#endif
