/* SPDX-License-Identifier: Apache-2.0 */
/* Stores for tests: one in memory, one in a SQLite file of its own folder. */
#ifndef STORE_FIXTURE_H
#define STORE_FIXTURE_H

#include <llmproxy/store.h>

enum backend { BACKEND_MEMORY, BACKEND_SQLITE };

struct store_fixture {
    enum backend backend;
    char folder[64], path[96];
    struct llmp_store *store;
};

void store_fixture_open(struct store_fixture *fixture, enum backend backend);
/* Closes, and removes the folder with all that is in it. */
void store_fixture_close(struct store_fixture *fixture);

/* A folder of its own for a test. */
void store_fixture_folder(char folder[64]);
void store_fixture_remove(const char *folder);

/* A row that costs 7 nano-dollars and used 10, 4, 5, 2 tokens. */
struct llmp_ledger_row usage_row(const char *id);

#endif
