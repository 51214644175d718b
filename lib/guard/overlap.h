/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which texts repeat another one, word by word: every five words in a row are a
 * shingle (Broder, "On the resemblance and containment of documents", 1997),
 * and a run of shingles that the other text has, too, repeats it.
 */
#ifndef LLMP_GUARD_OVERLAP_H
#define LLMP_GUARD_OVERLAP_H

#include "base/alloc.h"
#include "base/str.h"

enum {
    LLMP_OVERLAP_WORDS = 5,    /* of a shingle */
    LLMP_OVERLAP_MAX = 16384,  /* shingles that are kept */
    LLMP_OVERLAP_RUN_MIN = 12, /* words that are no coincidence */
};

/* Shingles of texts: their hashes, open addressing; 0 is no hash. */
struct llmp_overlap {
    uint32_t *hashes;
    uint32_t count, room; /* `room` is a power of two, or 0 */
    bool full;            /* some are not kept */
};

void llmp_overlap_fini(struct llmp_overlap *overlap);

/* False: out of memory; what was kept before stays. */
bool llmp_overlap_add(struct llmp_overlap *overlap, struct llmp_str text);

/* A run of words that is in both: bytes of the text. */
struct llmp_overlap_run {
    size_t begin, end;
    uint32_t words;
};

/* The next run of at least LLMP_OVERLAP_RUN_MIN words at or behind `from`;
 * false: there is none. */
bool llmp_overlap_next(const struct llmp_overlap *overlap, struct llmp_str text,
                       size_t from, struct llmp_overlap_run *run);

#endif
