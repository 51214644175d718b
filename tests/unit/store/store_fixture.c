/* SPDX-License-Identifier: Apache-2.0 */
#include "store_fixture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(cond)                                       \
    do {                                                  \
        if (!(cond)) {                                    \
            fprintf(stderr, "%s: %s\n", __func__, #cond); \
            abort();                                      \
        }                                                 \
    } while (0)

void store_fixture_folder(char folder[64])
{
    const char *base = getenv("TMPDIR");

    (void)snprintf(folder, 64, "%.40s/llmp-store-XXXXXX", base ? base : "/tmp");
    CHECK(mkdtemp(folder));
}

void store_fixture_remove(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    CHECK(dir);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    (void)closedir(dir);
    (void)rmdir(folder);
}

void store_fixture_open(struct store_fixture *fixture, enum backend backend)
{
    struct llmp_store_sqlite_options opts;
    struct llmp_error err = { 0 };

    *fixture = (struct store_fixture){ .backend = backend };
    store_fixture_folder(fixture->folder);
    (void)snprintf(fixture->path, sizeof(fixture->path), "%s/store.db",
                   fixture->folder);
    llmp_store_sqlite_options_init(&opts);
    opts.path = fixture->path;

    int rc = backend == BACKEND_SQLITE
                 ? llmp_store_open_sqlite(&fixture->store, &opts, &err)
                 : llmp_store_open_memory(&fixture->store, &err);

    if (rc != LLMP_OK)
        fprintf(stderr, "%s\n", err.message);
    CHECK(rc == LLMP_OK);
}

void store_fixture_close(struct store_fixture *fixture)
{
    llmp_store_close(fixture->store);
    store_fixture_remove(fixture->folder);
}

struct llmp_ledger_row usage_row(const char *id)
{
    return (struct llmp_ledger_row){
        .size = sizeof(struct llmp_ledger_row),
        .id = { id, strlen(id) },
        .wall_ns = 1000,
        .key = LLMP_STR("key-1"),
        .user = LLMP_STR("ann"),
        .team = LLMP_STR("red"),
        .org = LLMP_STR("acme"),
        .model = LLMP_STR("gpt"),
        .deployment = LLMP_STR("openai/gpt"),
        .operation = LLMP_STR("chat"),
        .status = LLMP_STR("complete"),
        .object = LLMP_STR("resp_1"),
        .basis = LLMP_USAGE_REPORTED,
        .input = 10,
        .cached = 4,
        .output = 5,
        .reasoning = 2,
        .requests = 1,
        .cost_nano = 7,
        .currency = "USD",
        .cost_known = true,
        .price_version = LLMP_STR("2026-01"),
    };
}
