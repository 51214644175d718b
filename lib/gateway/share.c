/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What limits ask of the store while requests run, and give back to it: a job
 * on its thread, queued by the request that finds out that something is
 * wanted. Requests never wait for the job itself; those that cannot pass
 * without its answer are woken when it ends (stage_limits.c).
 */
#include "base/internal.h"
#include "base/str.h"
#include "gateway/counter.h"
#include "gateway/gateway.h"

/* A lease is given back long before the store ends it, unless its holder is
 * gone: then it counts as used. */
#define LEASE_TTL_NS (3600 * LLMP_NS_PER_S)
/* After a failure: how long nobody asks. */
#define RETRY_NS (200 * LLMP_NS_PER_MS)

/* One run of the job. */
struct asking {
    struct llmp_gateway *gateway;
    struct llmp_store *store;
    struct llmp_time now;
    struct llmp_error *err;
    size_t answers;
};

static struct llmp_str name_of(const struct llmp_limit_want *want,
                               char name[LLMP_STORE_NAME_MAX + 1])
{
    const struct llmp_limit_rule rule = { .unit = want->unit,
                                          .window = want->window };

    return (struct llmp_str){ name,
                              llmp_counter_name(name, want->scope, &rule) };
}

static int64_t clamp(uint64_t n)
{
    return n < (uint64_t)LLMP_STORE_MONEY_MAX ? (int64_t)n
                                              : LLMP_STORE_MONEY_MAX;
}

static struct llmp_str holder_of(const struct asking *a)
{
    return (struct llmp_str){ a->gateway->sharing.holder,
                              sizeof(a->gateway->sharing.holder) - 1 };
}

/* ---- asking -------------------------------------------------------------- */

static int ask_for_lease(struct asking *a, const struct llmp_limit_want *want,
                         struct llmp_str name)
{
    const struct llmp_lease lease = {
        .counter = name,
        .window = want->window_start_s,
        .holder = holder_of(a),
        .want = clamp(want->want),
        .limit = clamp(want->limit),
        .now_wall_ns = a->now.wall_ns,
        .ttl_ns = LEASE_TTL_NS,
    };
    struct llmp_counter counter = { 0 };
    int64_t granted = 0;
    int rc = llmp_store_lease(a->store, &lease, &granted, a->err);

    /* A grant counts, whether what others have is known or not. */
    if (rc == LLMP_OK &&
        llmp_store_counter(a->store, name, want->window_start_s, a->now.wall_ns,
                           &counter, NULL) == LLMP_OK)
        llmp_limit_lease_grant(want, (uint64_t)granted,
                               (uint64_t)(counter.used + counter.leased),
                               a->now);
    else if (rc == LLMP_OK)
        llmp_limit_lease_grant(want, (uint64_t)granted, 0, a->now);
    return rc;
}

static int ask_what_was_used(struct asking *a,
                             const struct llmp_limit_want *want,
                             struct llmp_str name)
{
    struct llmp_counter counter = { 0 };

    LLMP_TRY(llmp_store_counter(a->store, name, want->window_start_s,
                                a->now.wall_ns, &counter, a->err));
    llmp_limit_restore(want->scope, want->unit, want->window,
                       want->window_start_s,
                       counter.used > 0 ? (uint64_t)counter.used : 0, a->now);
    return LLMP_OK;
}

/* The store can never be asked about it, so it does not count with it. */
static bool is_hopeless(int status)
{
    return status == LLMP_E_INVALID || status == LLMP_E_LIMIT;
}

static int ask_about(struct asking *a, const struct llmp_limit_want *want)
{
    char text[LLMP_STORE_NAME_MAX + 1];
    struct llmp_str name = name_of(want, text);
    int rc = want->unknown ? ask_what_was_used(a, want, name)
                           : ask_for_lease(a, want, name);

    if (!is_hopeless(rc)) {
        a->answers += rc == LLMP_OK;
        return rc;
    }
    if (want->unknown)
        llmp_limit_restore(want->scope, want->unit, want->window,
                           want->window_start_s, 0, a->now);
    else
        llmp_limit_lease_grant(want, 0, want->limit, a->now);
    return LLMP_OK;
}

/* After a failure the rest is left: who still needs it will say so again. */
static int ask(struct asking *a)
{
    struct llmp_limit_want want;
    uint64_t cursor = 0;
    int rc = LLMP_OK;

    while (llmp_limit_lease_next(a->gateway->limiter, &cursor, a->now, &want)) {
        if (rc == LLMP_OK)
            rc = ask_about(a, &want);
        llmp_limit_scope_unref(want.scope);
    }
    return rc;
}

/* The debt first: with a lease that could not be returned too much counts, not
 * too little. */
static int give_one_back(struct asking *a, const struct llmp_limit_want *spare)
{
    char text[LLMP_STORE_NAME_MAX + 1];
    const struct llmp_counter_add add = {
        name_of(spare, text), spare->window_start_s,
        clamp(spare->debt) - (spare->late ? clamp(spare->want) : 0)
    };
    struct llmp_store_op op = { .kind = LLMP_STORE_ADD, .of.add = &add };

    if (add.amount)
        LLMP_TRY(llmp_store_commit(a->store, &op, 1, a->err));
    if (spare->late)
        return LLMP_OK;
    return llmp_store_lease_return(a->store, add.name, add.window, holder_of(a),
                                   clamp(spare->want), a->now.wall_ns, a->err);
}

/* What cannot be returned counts as used. */
static int give_back(struct asking *a, bool all)
{
    struct llmp_limit_want spare;
    uint64_t cursor = 0;
    int rc = LLMP_OK;

    /* After a failure the others may be returned the next time. */
    while (rc >= 0 && llmp_limit_lease_spare(a->gateway->limiter, &cursor, all,
                                             a->now, &spare)) {
        rc = give_one_back(a, &spare);
        llmp_limit_scope_unref(spare.scope);
        rc = is_hopeless(rc) ? LLMP_OK : rc;
    }
    return rc < 0 ? rc : LLMP_OK;
}

/* Whoever fails leaves others their turn; where requests are to be served all
 * the same, they do without. */
static void note_end(struct asking *a, int rc)
{
    struct llmp_sharing *sharing = &a->gateway->sharing;

    if (rc < 0) {
        atomic_store(&sharing->retry_ns, a->now.mono_ns + RETRY_NS);
        if (!sharing->refuse)
            llmp_limiter_alone(a->gateway->limiter,
                               a->now.wall_ns + LLMP_ALONE_NS);
    } else if (a->answers) {
        llmp_limiter_alone(a->gateway->limiter, 0);
    }
}

int llmp_gateway_share_now(struct llmp_gateway *gateway,
                           struct llmp_store *store, struct llmp_time now,
                           struct llmp_error *err)
{
    struct asking a = {
        .gateway = gateway, .store = store, .now = now, .err = err
    };
    bool ending = atomic_load(&gateway->sharing.ending);
    int rc = give_back(&a, ending);

    if (rc == LLMP_OK && !ending)
        rc = ask(&a);
    note_end(&a, rc);
    return rc;
}

/* ---- the job ------------------------------------------------------------- */

static struct llmp_gateway *gateway_of(struct llmp_store_job *job)
{
    return (void *)((char *)job - offsetof(struct llmp_gateway, sharing.job));
}

static int run(struct llmp_store_job *job, struct llmp_store *store,
               struct llmp_error *err)
{
    struct llmp_gateway *gateway = gateway_of(job);

    return llmp_gateway_share_now(gateway, store, gateway->sharing.now, err);
}

static void begin(struct llmp_gateway *gateway, struct llmp_time now);

/* A job that gives all back stops at the first failure: once more, then.
 * LLMP_E_STATE: the store's thread is gone. */
static bool tries_again(struct llmp_sharing *sharing, int status)
{
    bool again = status < 0 && status != LLMP_E_STATE && !sharing->gave_all;

    sharing->gave_all = true;
    return again;
}

/* What was pushed while the job ran may have been missed by it, and the end
 * may have come, which does not depend on how this one went. */
static bool has_more(struct llmp_gateway *gateway, int status)
{
    if (atomic_load(&gateway->sharing.ending))
        return status != LLMP_E_STATE;
    return status == LLMP_OK && llmp_limit_lease_wanted(gateway->limiter);
}

static void finish(struct llmp_store_job *job, int status,
                   const struct llmp_error *err)
{
    struct llmp_gateway *gateway = gateway_of(job);
    struct llmp_sharing *sharing = &gateway->sharing;
    struct llmp_time now = sharing->now;
    bool gave_all = sharing->gives_all;
    bool again = gave_all && tries_again(sharing, status);

    (void)err; /* who waits sees for itself */
    atomic_store(&sharing->asking, false);
    llmp_wait_list_wake(&sharing->waiting);
    if (gave_all ? again : has_more(gateway, status))
        begin(gateway, now);
}

static void begin(struct llmp_gateway *gateway, struct llmp_time now)
{
    struct llmp_sharing *sharing = &gateway->sharing;

    if (!gateway->stored.writer || atomic_exchange(&sharing->asking, true))
        return;
    sharing->now = now;
    sharing->gives_all = atomic_load(&sharing->ending);
    sharing->job.run = run;
    sharing->job.done = finish;
    llmp_store_writer_job(gateway->stored.writer, &sharing->job);
}

void llmp_gateway_ask(struct llmp_gateway *gateway, struct llmp_time now)
{
    if (now.mono_ns >= atomic_load(&gateway->sharing.retry_ns))
        begin(gateway, now);
}

void llmp_gateway_share(struct llmp_gateway *gateway)
{
    struct llmp_sharing *sharing = &gateway->sharing;
    const struct llmp_store_config *store = &gateway->synced.config->store;
    uint8_t random[(sizeof(sharing->holder) - 1) / 2];

    gateway->random.fill(random, sizeof(random), gateway->random.ctx);
    *llmp_put_hex(sharing->holder, random, sizeof(random)) = '\0';
    sharing->refuse = store->refuse;
    llmp_limiter_back(gateway->limiter, store->share_limits
                                            ? LLMP_BACKING_SHARED
                                            : LLMP_BACKING_RESTORED);
}

void llmp_gateway_return_limits(struct llmp_gateway *gateway,
                                struct llmp_time now)
{
    atomic_store(&gateway->sharing.ending, true);
    begin(gateway, now);
}
