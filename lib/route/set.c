/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a set of what the caller lists, and its end. What is known of the
 * deployments is the router's; a set only names it.
 */
#include "route/set.h"

#include "base/internal.h"
#include "route/strategy.h"

enum {
    ARENA_BLOCK = 4096,
    WEIGHT_MAX = 1000000,
    LOAD_UNIT = 1 << 30,
    DEPLOYMENT_SIZE_MAX = 1024
};

void llmp_route_set_options_init_sized(struct llmp_route_set_options *opts,
                                       size_t size, size_t deployment_size)
{
    memset(opts, 0, size);
    opts->size = size;
    opts->deployment_size = deployment_size;
}

static void release_members(struct llmp_route_set *set)
{
    llmp_router_lock(set->router);
    for (uint32_t i = 0; i < set->count; i++) {
        struct llmp_member *m = &set->members[i];

        for (uint32_t k = 0; k < m->credential_count; k++)
            llmp_state_drop_credential(m->state, m->slots[k]);
        llmp_state_drop_set_locked(m->state);
    }
    llmp_router_unlock(set->router);
}

static void set_free(struct llmp_route_set *set)
{
    release_members(set);
    llmp_arena_fini(&set->arena);
    llmp_free(set);
}

struct llmp_route_set *llmp_route_set_ref(struct llmp_route_set *set)
{
    atomic_fetch_add(&set->refs, 1);
    return set;
}

void llmp_route_set_unref(struct llmp_route_set *set)
{
    if (set && atomic_fetch_sub(&set->refs, 1) == 1)
        set_free(set);
}

static void set_unrefp(struct llmp_route_set **set)
{
    llmp_route_set_unref(*set);
}

/* ---- naming deployments -------------------------------------------------- */

/* One entry of the list, whatever its size was when the caller was built. */
static int read_entry(struct llmp_route_deployment *out,
                      const struct llmp_route_set_options *o, size_t index,
                      struct llmp_error *err)
{
    const char *at = (const char *)o->deployments + index * o->deployment_size;

    memset(out, 0, sizeof(*out));
    LLMP_TRY(llmp_options_read(out, sizeof(*out), sizeof(*out), at,
                               o->deployment_size, err));
    LLMP_ENSURE(out->weight <= WEIGHT_MAX, err, LLMP_E_INVALID,
                "deployment %zu has a weight above %d", index, WEIGHT_MAX);
    LLMP_ENSURE(out->credential_count <= LLMP_ROUTE_CREDENTIALS_MAX, err,
                LLMP_E_LIMIT, "deployment %zu has more than %d credentials",
                index, LLMP_ROUTE_CREDENTIALS_MAX);
    LLMP_ENSURE(out->credentials || out->credential_count == 0, err,
                LLMP_E_INVALID, "deployment %zu lacks its credentials", index);
    return LLMP_OK;
}

/* Without any it has one that has no name. */
static int name_credentials(struct llmp_member *m,
                            const struct llmp_route_deployment *d,
                            struct llmp_error *err)
{
    size_t count = d->credential_count ? d->credential_count : 1;

    for (size_t i = 0; i < count; i++) {
        struct llmp_str id = d->credential_count ? d->credentials[i]
                                                 : (struct llmp_str){ "", 0 };
        uint8_t slot;

        LLMP_TRY(llmp_state_credential(&slot, m->state, id, err));
        m->slots[m->credential_count++] = slot;
        LLMP_ENSURE(!(m->slot_bits >> slot & 1), err, LLMP_E_INVALID,
                    "a deployment has the same credential twice");
        m->slot_bits |= UINT32_C(1) << slot;
    }
    return LLMP_OK;
}

static int name_one(struct llmp_route_set *set,
                    const struct llmp_route_deployment *d, uint32_t region,
                    struct llmp_error *err)
{
    const struct llmp_health *health;
    struct llmp_member *m = &set->members[set->count];

    *m = (struct llmp_member){
        .price = d->price,
        .weight = d->weight ? d->weight : 1,
        .load_unit = LOAD_UNIT / (d->weight ? d->weight : 1),
        .tier = d->tier,
        .level = d->level,
        .region = region,
    };
    LLMP_TRY(llmp_router_health(&health, set->router, d->health, err));
    LLMP_TRY(llmp_state_get(&m->state, set->router, d->id, err));
    set->count++; /* from here on it is released with the set */
    LLMP_ENSURE(m->state->synced.namer != set, err, LLMP_E_INVALID,
                "the deployment %.*s is listed twice", (int)d->id.len,
                d->id.ptr);
    m->state->synced.namer = set;
    m->state->synced.next_health = health;
    m->state->synced.next_in_flight_max =
        d->in_flight_max ? d->in_flight_max : UINT32_MAX;
    return name_credentials(m, d, err);
}

static int name_all(struct llmp_route_set *set,
                    const struct llmp_route_deployment *list,
                    const uint32_t *regions, size_t count,
                    struct llmp_error *err)
{
    int rc = LLMP_OK;

    llmp_router_lock(set->router);
    for (size_t i = 0; i < count && rc == LLMP_OK; i++)
        rc = name_one(set, &list[i], regions[i], err);
    for (uint32_t i = 0; i < set->count; i++)
        set->members[i].state->synced.namer = NULL;
    llmp_router_unlock(set->router);
    return rc;
}

/* When nothing can fail any more: settings of the latest set hold. */
static void put_in_force(struct llmp_route_set *set)
{
    llmp_router_lock(set->router);
    for (uint32_t i = 0; i < set->count; i++) {
        struct llmp_route_state *state = set->members[i].state;
        const struct llmp_health *health = state->synced.next_health;

        atomic_store(&state->health, health);
        atomic_store(&state->in_flight_max, state->synced.next_in_flight_max);
        atomic_store(&state->region, set->members[i].region);
        if (!health->adaptive)
            atomic_store(&state->limit, UINT32_MAX);
        else if (atomic_load(&state->limit) == UINT32_MAX)
            atomic_store(&state->limit, (uint32_t)health->limit_first);
    }
    llmp_router_unlock(set->router);
}

/* ---- making -------------------------------------------------------------- */

static int read_list(struct llmp_route_set *set,
                     const struct llmp_route_set_options *o,
                     struct llmp_error *err)
{
    struct llmp_arena *arena = &set->arena;
    struct llmp_route_deployment *list =
        llmp_arena_take(arena, o->count * sizeof(*list));
    uint32_t *regions = llmp_arena_take(arena, o->count * sizeof(*regions));

    set->members = llmp_arena_take(arena, o->count * sizeof(*set->members));
    LLMP_ENSURE(list && regions && set->members, err, LLMP_E_NOMEM,
                "no memory for a set of deployments");
    for (size_t i = 0; i < o->count; i++) {
        LLMP_TRY(read_entry(&list[i], o, i, err));
        LLMP_TRY(
            llmp_router_region(&regions[i], set->router, list[i].region, err));
    }
    return name_all(set, list, regions, o->count, err);
}

static int check(const struct llmp_route_set_options *o, struct llmp_error *err)
{
    LLMP_ENSURE(llmp_strategy_find(o->strategy), err, LLMP_E_INVALID,
                "there is no such strategy");
    LLMP_ENSURE(o->deployments && o->count >= 1 &&
                    o->count <= LLMP_ROUTE_DEPLOYMENTS_MAX,
                err, LLMP_E_INVALID, "a set has 1 to %d deployments",
                LLMP_ROUTE_DEPLOYMENTS_MAX);
    LLMP_ENSURE(o->deployment_size <= DEPLOYMENT_SIZE_MAX, err, LLMP_E_ABI,
                "entries of size %zu are not usable", o->deployment_size);
    LLMP_ENSURE(o->hash_load_permille == 0 || o->hash_load_permille >= 1000,
                err, LLMP_E_INVALID, "a bound below the mean load");
    return LLMP_OK;
}

int llmp_route_set_new(struct llmp_route_set **out, struct llmp_router *router,
                       const struct llmp_route_set_options *opts,
                       struct llmp_error *err)
{
    struct llmp_route_set_options o = { .size = sizeof(o) };
    LLMP_AUTO(set_unrefp) struct llmp_route_set *set = NULL;

    LLMP_ENSURE(out && router && opts, err, LLMP_E_INVALID,
                "out, router and opts are required");
    LLMP_TRY(
        llmp_options_read(&o, sizeof(o), sizeof(o), opts, opts->size, err));
    LLMP_TRY(check(&o, err));
    LLMP_TRY(llmp_retry_budget_read(&o.budget, err));
    set = llmp_alloc(sizeof(*set));
    LLMP_ENSURE(set, err, LLMP_E_NOMEM, "no memory for a set of deployments");
    atomic_init(&set->refs, 1);
    set->router = router;
    set->strategy = llmp_strategy_find(o.strategy);
    set->hash_load_permille =
        o.hash_load_permille ? o.hash_load_permille : 1250;
    set->hash_load_min = o.hash_load_min ? o.hash_load_min : 4;
    set->own_budget = o.own_budget;
    llmp_retry_budget_init(&set->budget, &o.budget);
    llmp_arena_init(&set->arena, ARENA_BLOCK);
    LLMP_TRY(read_list(set, &o, err));
    LLMP_TRY(llmp_set_group(set, err));
    put_in_force(set);
    *out = llmp_steal(&set);
    return LLMP_OK;
}

size_t llmp_route_set_count(const struct llmp_route_set *set)
{
    return set->count;
}

size_t llmp_route_set_words(const struct llmp_route_set *set)
{
    return (set->count + 63) / 64;
}

struct llmp_str llmp_route_set_id(const struct llmp_route_set *set,
                                  size_t index)
{
    return index < set->count ? llmp_state_id(set->members[index].state)
                              : (struct llmp_str){ NULL, 0 };
}
