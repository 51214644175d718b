/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All records of the store, sorted by id. It belongs to the store's thread;
 * whoever reads it elsewhere (a reload) and whoever changes it holds the
 * gateway's `change` lock.
 */
#ifndef LLMP_GATEWAY_DIRECTORY_H
#define LLMP_GATEWAY_DIRECTORY_H

#include <llmproxy/store.h>

#include "gateway/record.h"

struct llmp_records {
    struct llmp_record **items; /* references, by id */
    size_t count, cap;
};

struct llmp_directory {
    struct llmp_records kinds[LLMP_RECORD_KINDS];
    uint64_t seen; /* how far the change feed was read */
};

void llmp_directory_fini(struct llmp_directory *directory);

/* NULL: there is none. */
struct llmp_record *llmp_directory_find(const struct llmp_directory *directory,
                                        enum llmp_record_kind kind,
                                        struct llmp_str id);

/* Where the first record with an id above `after` stands; an empty `after`
 * gives 0. */
size_t llmp_directory_after(const struct llmp_directory *directory,
                            enum llmp_record_kind kind, struct llmp_str after);

/* Takes a reference of its own, in place of the one with the same id. */
int llmp_directory_put(struct llmp_directory *directory,
                       struct llmp_record *record);
void llmp_directory_remove(struct llmp_directory *directory,
                           enum llmp_record_kind kind, struct llmp_str id);

#endif
