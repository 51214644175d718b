/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store keeps no longer than the configuration says. A small batch
 * with each tick of the host, between the commits of others, until nothing is
 * old; then again in an hour. Counters are no rows: what budgets have used is
 * never forgotten here.
 */
#include "base/internal.h"
#include "gateway/gateway.h"

enum { TRIM_ROWS = 1500, TRIM_KINDS = LLMP_STORE_OLD_TOMBSTONES + 1 };

#define TRIM_EVERY_NS (3600 * LLMP_NS_PER_S)

static uint64_t kept_ms(const struct llmp_store_config *config,
                        enum llmp_store_age what)
{
    switch (what) {
    case LLMP_STORE_OLD_ROWS:
        return config->ledger_ms;
    case LLMP_STORE_OLD_EVENTS:
        return config->events_ms;
    case LLMP_STORE_OLD_TOMBSTONES:
        return config->deleted_ms;
    }
    return 0;
}

/* Whether more of it is there. What fails is tried again in an hour. */
static bool trim(struct llmp_store *store, enum llmp_store_age what,
                 uint64_t before_wall_ns)
{
    const struct llmp_store_trim old = { what, before_wall_ns, TRIM_ROWS };
    struct llmp_store_op op = { .kind = LLMP_STORE_TRIM, .of.trim = &old };

    return llmp_store_commit(store, &op, 1, NULL) == LLMP_OK &&
           op.result == TRIM_ROWS;
}

/* All kinds with each tick, so that none waits for another to come to its end.
 */
void llmp_gateway_trim(struct llmp_gateway *gateway, struct llmp_store *store,
                       struct llmp_time now)
{
    struct llmp_stored *stored = &gateway->stored;
    struct llmp_config *config;
    bool more = false;

    /* The first job, which loads, has no time yet. */
    if (!now.wall_ns || now.mono_ns < stored->trim_at_ns)
        return;
    config = llmp_gateway_config(gateway);
    for (unsigned k = 0; k < TRIM_KINDS; k++) {
        enum llmp_store_age what = (enum llmp_store_age)k;
        uint64_t ns = llmp_mul_sat(kept_ms(llmp_config_store(config), what),
                                   LLMP_NS_PER_MS);

        if (ns && ns < now.wall_ns && trim(store, what, now.wall_ns - ns))
            more = true;
    }
    llmp_config_unref(config);
    if (!more)
        stored->trim_at_ns = now.mono_ns + TRIM_EVERY_NS;
}
