/* SPDX-License-Identifier: Apache-2.0 */
/* Counters and leases in SQLite. A lease is a transaction of its own. */
#include "base/internal.h"
#include "store/sqlite.h"

int llmp_sqlite_add(struct llmp_sqlite *self,
                    const struct llmp_counter_add *add, int64_t *value,
                    struct llmp_error *err)
{
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, LLMP_SQLITE_COUNTER_ADD);
    llmp_sqlite_text(&call, add->name);
    llmp_sqlite_int(&call, (int64_t)add->window);
    llmp_sqlite_int(&call, add->amount);
    return llmp_sqlite_value(&call, 0, value, err);
}

static int run_on(struct llmp_sqlite *self, enum llmp_sqlite_statement which,
                  struct llmp_str name, uint64_t window, struct llmp_error *err)
{
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, which);
    llmp_sqlite_text(&call, name);
    llmp_sqlite_int(&call, (int64_t)window);
    return llmp_sqlite_run(&call, err);
}

int llmp_sqlite_forget(struct llmp_sqlite *self,
                       const struct llmp_counter_add *add,
                       struct llmp_error *err)
{
    LLMP_TRY(
        run_on(self, LLMP_SQLITE_COUNTER_FORGET, add->name, add->window, err));
    return run_on(self, LLMP_SQLITE_LEASE_FORGET, add->name, add->window, err);
}

int llmp_sqlite_counter(void *self, struct llmp_str name, uint64_t window,
                        uint64_t now_wall_ns, struct llmp_counter *out,
                        struct llmp_error *err)
{
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, LLMP_SQLITE_COUNTER_READ);
    llmp_sqlite_text(&call, name);
    llmp_sqlite_int(&call, (int64_t)window);
    llmp_sqlite_int(&call, (int64_t)now_wall_ns);

    int rc = llmp_sqlite_step(&call, err);

    if (rc == LLMP_AGAIN) {
        out->used = llmp_sqlite_get_int(&call);
        out->leased = llmp_sqlite_get_int(&call);
    }
    llmp_sqlite_end(&call);
    return rc < 0 ? rc : LLMP_OK;
}

/* ---- leases, within a transaction ---------------------------------------- */

/* Leases that have ended count as used from now on. */
static int expire(struct llmp_sqlite *self, struct llmp_str name,
                  uint64_t window, uint64_t now_wall_ns, struct llmp_error *err)
{
    static const enum llmp_sqlite_statement steps[] = {
        LLMP_SQLITE_LEASE_EXPIRE_COUNT, LLMP_SQLITE_LEASE_EXPIRE
    };

    for (size_t i = 0; i < LLMP_COUNT(steps); i++) {
        struct llmp_sqlite_call call;

        llmp_sqlite_call(&call, self, steps[i]);
        llmp_sqlite_text(&call, name);
        llmp_sqlite_int(&call, (int64_t)window);
        llmp_sqlite_int(&call, (int64_t)now_wall_ns);
        LLMP_TRY(llmp_sqlite_run(&call, err));
    }
    return LLMP_OK;
}

/* `extended` is 0 when the holder has no lease yet. */
static int extend(struct llmp_sqlite *self, const struct llmp_lease *lease,
                  int64_t amount, int64_t *extended, struct llmp_error *err)
{
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, LLMP_SQLITE_LEASE_EXTEND);
    llmp_sqlite_int(&call, amount);
    llmp_sqlite_int(&call, (int64_t)(lease->now_wall_ns + lease->ttl_ns));
    llmp_sqlite_text(&call, lease->counter);
    llmp_sqlite_int(&call, (int64_t)lease->window);
    llmp_sqlite_text(&call, lease->holder);
    return llmp_sqlite_value(&call, 0, extended, err);
}

static int put(struct llmp_sqlite *self, const struct llmp_lease *lease,
               int64_t amount, struct llmp_error *err)
{
    struct llmp_sqlite_call call;

    llmp_sqlite_call(&call, self, LLMP_SQLITE_LEASE_PUT);
    llmp_sqlite_text(&call, lease->counter);
    llmp_sqlite_int(&call, (int64_t)lease->window);
    llmp_sqlite_text(&call, lease->holder);
    llmp_sqlite_int(&call, amount);
    llmp_sqlite_int(&call, (int64_t)(lease->now_wall_ns + lease->ttl_ns));
    return llmp_sqlite_run(&call, err);
}

static int grant(struct llmp_sqlite *self, const struct llmp_lease *lease,
                 int64_t *granted, struct llmp_error *err)
{
    struct llmp_counter counter = { 0 };
    int64_t extended = 0;

    LLMP_TRY(
        expire(self, lease->counter, lease->window, lease->now_wall_ns, err));
    LLMP_TRY(llmp_sqlite_counter(self, lease->counter, lease->window,
                                 lease->now_wall_ns, &counter, err));
    *granted = llmp_lease_left(&counter, lease);
    LLMP_TRY(extend(self, lease, *granted, &extended, err));
    if (!extended && *granted > 0)
        LLMP_TRY(put(self, lease, *granted, err));
    return LLMP_OK;
}

int llmp_sqlite_lease(void *self, const struct llmp_lease *lease,
                      int64_t *granted, struct llmp_error *err)
{
    int64_t amount = 0;
    int rc;

    LLMP_TRY(llmp_sqlite_begin(self, err));
    rc = grant(self, lease, &amount, err);
    rc = llmp_sqlite_finish(self, rc, err);
    if (rc == LLMP_OK)
        *granted = amount;
    return rc;
}

/* LLMP_MISS must not roll the expiry back: the caller commits it. */
static int give_back(struct llmp_sqlite *self, const struct llmp_lease *lease,
                     int64_t unused, bool *found, struct llmp_error *err)
{
    struct llmp_sqlite_call call;
    struct llmp_counter_add spent = { lease->counter, lease->window, 0 };
    int64_t amount = -1, value;

    LLMP_TRY(
        expire(self, lease->counter, lease->window, lease->now_wall_ns, err));
    llmp_sqlite_call(&call, self, LLMP_SQLITE_LEASE_END);
    llmp_sqlite_text(&call, lease->counter);
    llmp_sqlite_int(&call, (int64_t)lease->window);
    llmp_sqlite_text(&call, lease->holder);
    LLMP_TRY(llmp_sqlite_value(&call, -1, &amount, err));
    *found = amount >= 0;
    if (!*found)
        return LLMP_OK;
    LLMP_ENSURE(unused <= amount, err, LLMP_E_INVALID,
                "more is returned than was leased");
    spent.amount = amount - unused;
    return llmp_sqlite_add(self, &spent, &value, err);
}

int llmp_sqlite_lease_return(void *self, struct llmp_str counter,
                             uint64_t window, struct llmp_str holder,
                             int64_t unused, uint64_t now_wall_ns,
                             struct llmp_error *err)
{
    const struct llmp_lease lease = { .counter = counter,
                                      .window = window,
                                      .holder = holder,
                                      .now_wall_ns = now_wall_ns };
    bool found = false;
    int rc;

    LLMP_TRY(llmp_sqlite_begin(self, err));
    rc = give_back(self, &lease, unused, &found, err);
    rc = llmp_sqlite_finish(self, rc, err);
    return rc == LLMP_OK && !found ? LLMP_MISS : rc;
}
