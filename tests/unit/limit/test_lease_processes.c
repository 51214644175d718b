/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: processes that share a budget by leasing slices of it from one SQLite
 * file admit no more than it together, and nearly all of it.
 * Method: real processes, each with a limiter and a store of its own; chosen
 * time; what each admitted comes back through a pipe.
 */
#include <llmproxy/store.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper.h"

/* One process alone cannot spend all of it, the two together could more. */
enum { PROCESSES = 2, LIMIT = 20000, TRIES = 1500 };

static const struct llmp_limit_rule shared = { .unit = LLMP_LIMIT_TOKENS,
                                               .window = LLMP_WINDOW_DAY,
                                               .amount = LIMIT,
                                               .leased = true };

static void feed(struct llmp_limiter *limiter, struct llmp_store *store,
                 struct llmp_str holder, struct llmp_time now)
{
    struct llmp_limit_want want;
    uint64_t cursor = 0;

    while (llmp_limit_lease_next(limiter, &cursor, now, &want)) {
        const struct llmp_lease lease = {
            .counter = llmp_limit_scope_id(want.scope),
            .window = want.window_start_s,
            .holder = holder,
            .want = (int64_t)want.want,
            .limit = (int64_t)want.limit,
            .now_wall_ns = now.wall_ns,
            .ttl_ns = 3600 * S,
        };
        int64_t granted = 0;
        struct llmp_counter counter = { 0 };

        /* A store that does not answer grants nothing. */
        if (llmp_store_lease(store, &lease, &granted, NULL) != LLMP_OK ||
            llmp_store_counter(store, lease.counter, lease.window, now.wall_ns,
                               &counter, NULL) != LLMP_OK)
            granted = 0;
        llmp_limit_lease_grant(&want, (uint64_t)granted,
                               (uint64_t)(counter.used + counter.leased), now);
        llmp_limit_scope_unref(want.scope);
    }
}

/* Ends leases; `all`: the process ends. */
static bool give_back(struct llmp_limiter *limiter, struct llmp_store *store,
                      struct llmp_str holder, bool all, struct llmp_time now)
{
    struct llmp_limit_want spare;
    uint64_t cursor = 0;
    bool ok = true;

    while (llmp_limit_lease_spare(limiter, &cursor, all, now, &spare)) {
        ok &= llmp_store_lease_return(
                  store, llmp_limit_scope_id(spare.scope), spare.window_start_s,
                  holder, (int64_t)spare.want, now.wall_ns, NULL) == LLMP_OK;
        llmp_limit_scope_unref(spare.scope);
    }
    return ok;
}

static int open_store(struct llmp_store **store, const char *path)
{
    struct llmp_store_sqlite_options opts;

    llmp_store_sqlite_options_init(&opts);
    opts.path = path;
    return llmp_store_open_sqlite(store, &opts, NULL);
}

/* One process: what it admitted, or nothing when anything fails. */
static uint64_t spend(const char *path, int index)
{
    char name[16];
    struct llmp_limiter *limiter;
    struct llmp_limit_scope *scope;
    struct llmp_store *store;
    uint64_t spent = 0;
    struct llmp_time now = at_ns(0);
    int len = snprintf(name, sizeof(name), "process-%d", index);
    struct llmp_str holder = { name, (size_t)len };

    if (open_store(&store, path) != LLMP_OK ||
        llmp_limiter_new(&limiter, 0, NULL) != LLMP_OK ||
        llmp_limiter_scope(&scope, limiter, LLMP_LIMIT_TEAM, LLMP_STR("t"),
                           &shared, 1, NULL) != LLMP_OK)
        return 0;
    for (int n = 0; n < TRIES; n++) {
        struct booking b;
        struct llmp_limit_amounts a =
            amounts_of(LLMP_LIMIT_TOKENS, 1 + (uint64_t)(n * 7 + index) % 23);

        now.wall_ns += 400 * MS; /* a quiet second is over soon */
        booking_init(&b);
        if (llmp_limit_reserve(&b.r, &scope, 1, &a, now, NULL, NULL) == LLMP_OK)
            spent += a.of[LLMP_LIMIT_TOKENS];
        feed(limiter, store, holder, now);
        if (!give_back(limiter, store, holder, false, now))
            return 0;
    }
    if (!give_back(limiter, store, holder, true, now))
        return 0;
    llmp_limit_scope_unref(scope);
    llmp_limiter_free(limiter);
    llmp_store_close(store);
    return spent;
}

static void processes_share_one_budget(void **state)
{
    char folder[] = "/tmp/llmp-lease-XXXXXX", path[64];
    struct llmp_store *store;
    struct llmp_counter counter;
    uint64_t total = 0;
    int pipes[2];

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof(path), "%s/store.db", folder);
    assert_int_equal(open_store(&store, path), LLMP_OK); /* makes it */
    llmp_store_close(store);
    assert_int_equal(pipe(pipes), 0);
    for (int i = 0; i < PROCESSES; i++)
        if (fork() == 0) {
            uint64_t spent = spend(path, i);

            _exit(write(pipes[1], &spent, sizeof(spent)) !=
                  (ssize_t)sizeof(spent));
        }
    for (int i = 0; i < PROCESSES; i++) {
        uint64_t spent = 0;
        int status;

        assert_true(wait(&status) > 0);
        assert_int_equal(read(pipes[0], &spent, sizeof(spent)), sizeof(spent));
        assert_true(spent > 0);
        total += spent;
    }
    assert_true(total <= LIMIT);
    assert_true(total >= LIMIT * 99 / 100);

    assert_int_equal(open_store(&store, path), LLMP_OK);
    assert_int_equal(llmp_store_counter(store, LLMP_STR("t"),
                                        llmp_limit_window_start_s(
                                            LLMP_WINDOW_DAY, at_ns(0).wall_ns),
                                        at_ns(0).wall_ns, &counter, NULL),
                     LLMP_OK);
    assert_int_equal(counter.used, total); /* the store knows the same */
    llmp_store_close(store);
    (void)unlink(path);
    (void)rmdir(folder);
    (void)close(pipes[0]);
    (void)close(pipes[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_share_one_budget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
