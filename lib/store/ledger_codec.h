/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A ledger entry as bytes, for the journal (docs/internals/store.md has the
 * format).
 */
#ifndef LLMP_STORE_LEDGER_CODEC_H
#define LLMP_STORE_LEDGER_CODEC_H

#include <llmproxy/store.h>

enum {
    /* The largest entry: eleven texts and as many counters as there may be. */
    LLMP_LEDGER_BYTES_MAX =
        96 + 11 * (2 + LLMP_STORE_NAME_MAX) +
        LLMP_STORE_COUNTERS_MAX * (2 + LLMP_STORE_NAME_MAX + 16)
};

/* Writes a checked entry; returns how many bytes it took. */
size_t llmp_ledger_encode(const struct llmp_ledger_entry *entry,
                          uint8_t bytes[LLMP_LEDGER_BYTES_MAX]);

/* An entry that was read: its texts lie in the bytes. */
struct llmp_ledger_decoded {
    struct llmp_ledger_entry entry;
    struct llmp_ledger_row row;
    struct llmp_counter_add counters[LLMP_STORE_COUNTERS_MAX];
};

/* False: these are not an entry's bytes. */
bool llmp_ledger_decode(struct llmp_ledger_decoded *out, struct llmp_str bytes);

#endif
