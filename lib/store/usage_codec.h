/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger entry as bytes, for the journal (docs/internals/store.md has the
 * format).
 */
#ifndef LLMP_STORE_USAGE_CODEC_H
#define LLMP_STORE_USAGE_CODEC_H

#include <llmproxy/store.h>

enum {
    /* The largest entry: ten texts and as many counters as there may be. */
    LLMP_USAGE_BYTES_MAX =
        96 + 10 * (2 + LLMP_STORE_NAME_MAX) +
        LLMP_STORE_COUNTERS_MAX * (2 + LLMP_STORE_NAME_MAX + 16)
};

/* Writes a checked entry; returns how many bytes it took. */
size_t llmp_usage_encode(const struct llmp_usage_entry *entry,
                         uint8_t bytes[LLMP_USAGE_BYTES_MAX]);

/* An entry that was read: its texts lie in the bytes. */
struct llmp_usage_decoded {
    struct llmp_usage_entry entry;
    struct llmp_usage row;
    struct llmp_counter_add counters[LLMP_STORE_COUNTERS_MAX];
};

/* False: these are not an entry's bytes. */
bool llmp_usage_decode(struct llmp_usage_decoded *out, struct llmp_str bytes);

#endif
