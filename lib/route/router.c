/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The router's table of states, its settings and regions. All of it is touched
 * when a set is made or released, not at a pick.
 */
#include "route/router.h"

#include "base/alloc.h"
#include "base/internal.h"

enum { LINE = 64 };

void llmp_router_lock(struct llmp_router *router)
{
    while (
        atomic_flag_test_and_set_explicit(&router->lock, memory_order_acquire))
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause()
#endif
            ;
}

void llmp_router_unlock(struct llmp_router *router)
{
    atomic_flag_clear_explicit(&router->lock, memory_order_release);
}

void llmp_retry_budget_init(struct llmp_retry_budget *budget,
                            const struct llmp_route_budget_options *opts)
{
    budget->slot_ns = opts->window_ns / LLMP_ROLLING_SLOTS;
    budget->floor = opts->floor;
    budget->permille = opts->permille;
}

/* ---- making and freeing -------------------------------------------------- */

static void router_freep(struct llmp_router **router)
{
    llmp_router_free(*router);
}

int llmp_router_new(struct llmp_router **out,
                    const struct llmp_router_options *opts,
                    struct llmp_error *err)
{
    struct llmp_router_options o = { .size = sizeof(o) };
    LLMP_AUTO(router_freep) struct llmp_router *router = NULL;

    LLMP_ENSURE(out, err, LLMP_E_INVALID, "out is required");
    if (opts)
        LLMP_TRY(
            llmp_options_read(&o, sizeof(o), sizeof(o), opts, opts->size, err));
    LLMP_TRY(llmp_retry_budget_read(&o.budget, err));
    router = llmp_alloc(sizeof(*router));
    LLMP_ENSURE(router, err, LLMP_E_NOMEM, "no memory for the router");
    atomic_flag_clear(&router->lock);
    llmp_retry_budget_init(&router->budget, &o.budget);
    router->synced.chains = llmp_alloc_array(LLMP_ROUTE_CHAINS_FIRST,
                                             sizeof(*router->synced.chains));
    LLMP_ENSURE(router->synced.chains, err, LLMP_E_NOMEM,
                "no memory for the router");
    router->synced.chain_count = LLMP_ROUTE_CHAINS_FIRST;
    LLMP_TRY(llmp_router_health(&router->health, router, o.health, err));
    *out = llmp_steal(&router);
    return LLMP_OK;
}

void llmp_router_free(struct llmp_router *router)
{
    if (!router)
        return;
    assert(router->synced.state_count == 0);
    llmp_free(router->synced.chains);
    while (router->synced.healths) {
        struct llmp_health_entry *entry = router->synced.healths;

        router->synced.healths = entry->next;
        llmp_free(entry);
    }
    for (uint32_t i = 0; i < router->synced.region_count; i++)
        llmp_free(router->synced.regions[i]);
    llmp_free(router);
}

size_t llmp_router_count(struct llmp_router *router)
{
    llmp_router_lock(router);

    size_t count = router->synced.state_count;

    llmp_router_unlock(router);
    return count;
}

int llmp_router_health(const struct llmp_health **out,
                       struct llmp_router *router,
                       const struct llmp_route_health *from,
                       struct llmp_error *err)
{
    struct llmp_health health;
    struct llmp_health_entry *entry = router->synced.healths;

    if (!from && router->health) {
        *out = router->health;
        return LLMP_OK;
    }
    LLMP_TRY(llmp_health_read(&health, from, err));
    while (entry && memcmp(&entry->health, &health, sizeof(health)) != 0)
        entry = entry->next;
    if (!entry) {
        entry = llmp_alloc(sizeof(*entry));
        LLMP_ENSURE(entry, err, LLMP_E_NOMEM, "no memory for health settings");
        entry->health = health;
        entry->next = router->synced.healths;
        router->synced.healths = entry;
    }
    *out = &entry->health;
    return LLMP_OK;
}

/* ---- regions ------------------------------------------------------------- */

static int region_locked(uint32_t *region, struct llmp_router *router,
                         struct llmp_str name, struct llmp_error *err)
{
    uint32_t count = router->synced.region_count;

    for (uint32_t i = 0; i < count; i++)
        if (llmp_str_eq(llmp_str_of(router->synced.regions[i]), name)) {
            *region = i + 1;
            return LLMP_OK;
        }
    LLMP_ENSURE(count < LLMP_ROUTE_REGIONS_MAX, err, LLMP_E_LIMIT,
                "a router knows at most %d regions", LLMP_ROUTE_REGIONS_MAX);

    char *copy = llmp_strdup(name);

    LLMP_ENSURE(copy, err, LLMP_E_NOMEM, "no memory for a region");
    router->synced.regions[count] = copy;
    router->synced.region_count++;
    *region = count + 1;
    return LLMP_OK;
}

int llmp_router_region(uint32_t *region, struct llmp_router *router,
                       struct llmp_str name, struct llmp_error *err)
{
    LLMP_ENSURE(name.len <= LLMP_ROUTE_ID_MAX &&
                    (!name.len || !memchr(name.ptr, 0, name.len)),
                err, LLMP_E_INVALID, "a region's name is not usable");
    if (name.len == 0) {
        *region = 0;
        return LLMP_OK;
    }
    llmp_router_lock(router);

    int rc = region_locked(region, router, name, err);

    llmp_router_unlock(router);
    return rc;
}

struct llmp_str llmp_router_region_name(struct llmp_router *router,
                                        uint32_t region)
{
    struct llmp_str name = { NULL, 0 };

    llmp_router_lock(router);
    if (region && region <= router->synced.region_count)
        name = llmp_str_of(router->synced.regions[region - 1]);
    llmp_router_unlock(router);
    return name;
}

/* ---- states -------------------------------------------------------------- */

static uint64_t hash_of(struct llmp_str id)
{
    uint64_t h = llmp_str_hash(id, 0);

    h ^= h >> 32;
    h *= UINT64_C(0xd6e8feb86659fd93);
    return h ^ h >> 32;
}

static struct llmp_route_state **chain_of(struct llmp_router *router,
                                          uint64_t hash)
{
    return &router->synced.chains[hash & (router->synced.chain_count - 1)];
}

static struct llmp_route_state *find_locked(struct llmp_router *router,
                                            struct llmp_str id)
{
    uint64_t hash = hash_of(id);
    struct llmp_route_state *state = *chain_of(router, hash);

    while (state &&
           !(state->hash == hash && llmp_str_eq(llmp_state_id(state), id)))
        state = state->synced.next;
    return state;
}

/* Chains stay longer when memory is short. */
static void grow_locked(struct llmp_router *router)
{
    size_t old_count = router->synced.chain_count;
    struct llmp_route_state **old = router->synced.chains;
    struct llmp_route_state **chains =
        llmp_alloc_array(old_count * 2, sizeof(*chains));

    if (!chains)
        return;
    router->synced.chains = chains;
    router->synced.chain_count = old_count * 2;
    for (size_t i = 0; i < old_count; i++)
        while (old[i]) {
            struct llmp_route_state *state = old[i];

            old[i] = state->synced.next;
            state->synced.next = *chain_of(router, state->hash);
            *chain_of(router, state->hash) = state;
        }
    llmp_free(old);
}

/* Begins with a cache line, so that what a pick looks at is not torn. */
static struct llmp_route_state *state_new(struct llmp_str id)
{
    char *memory = llmp_alloc(sizeof(struct llmp_route_state) + id.len + LINE);
    struct llmp_route_state *state;

    if (!memory)
        return NULL;
    state = (void *)(memory + (LINE - (uintptr_t)memory % LINE) % LINE);
    state->memory = memory;
    atomic_init(&state->room, UINT64_MAX);
    atomic_init(&state->limit, UINT32_MAX);
    atomic_init(&state->in_flight_max, UINT32_MAX);
    atomic_flag_clear(&state->gradient.step.busy);
    state->hash = hash_of(id);
    state->id_len = (uint32_t)id.len;
    memcpy(state->id, id.ptr, id.len);
    return state;
}

int llmp_state_get(struct llmp_route_state **out, struct llmp_router *router,
                   struct llmp_str id, struct llmp_error *err)
{
    LLMP_ENSURE(id.len >= 1 && id.len <= LLMP_ROUTE_ID_MAX, err, LLMP_E_INVALID,
                "a deployment's id has 1 to %d bytes", LLMP_ROUTE_ID_MAX);

    struct llmp_route_state *state = find_locked(router, id);

    if (!state) {
        if (router->synced.state_count >= router->synced.chain_count)
            grow_locked(router);
        state = state_new(id);
        LLMP_ENSURE(state, err, LLMP_E_NOMEM, "no memory for a deployment");
        state->router = router;
        atomic_init(&state->health, router->health);
        state->synced.next = *chain_of(router, state->hash);
        *chain_of(router, state->hash) = state;
        router->synced.state_count++;
    }
    atomic_fetch_add(&state->load, LLMP_LOAD_SET);
    *out = state;
    return LLMP_OK;
}

static void state_free(struct llmp_route_state *state)
{
    for (int i = 0; i < LLMP_ROUTE_CREDENTIALS_MAX; i++)
        llmp_free(state->synced.credentials[i].id);
    llmp_free(state->memory);
}

/* Frees what is at `state` if it is in the table and nobody needs it. By
 * address: it may be gone, and another in its place, which then is as free to
 * be freed if its load is 0. */
static void sweep_locked(struct llmp_router *router,
                         struct llmp_route_state *state, uint64_t hash)
{
    struct llmp_route_state **at = chain_of(router, hash);

    while (*at && *at != state)
        at = &(*at)->synced.next;
    if (!*at || atomic_load(&state->load) != 0)
        return;
    *at = state->synced.next;
    router->synced.state_count--;
    state_free(state);
}

void llmp_state_drop(struct llmp_route_state *state, uint64_t load)
{
    struct llmp_router *router = state->router;
    uint64_t hash = state->hash;

    /* From the subtraction on it may be somebody else's to free. */
    if (atomic_fetch_sub(&state->load, load) != load)
        return;
    llmp_router_lock(router);
    sweep_locked(router, state, hash);
    llmp_router_unlock(router);
}

void llmp_state_drop_set_locked(struct llmp_route_state *state)
{
    struct llmp_router *router = state->router;
    uint64_t hash = state->hash;

    if (atomic_fetch_sub(&state->load, LLMP_LOAD_SET) == LLMP_LOAD_SET)
        sweep_locked(router, state, hash);
}

/* ---- credentials --------------------------------------------------------- */

/* An unused slot, or one that no set names any more: attempts that still use
 * it are told apart by the breaker's generation. */
static uint8_t free_slot(const struct llmp_route_state *state)
{
    const struct llmp_credential *c = state->synced.credentials;
    uint8_t slot = 0;

    while (slot < LLMP_ROUTE_CREDENTIALS_MAX && c[slot].id)
        slot++;
    if (slot < LLMP_ROUTE_CREDENTIALS_MAX)
        return slot;
    for (slot = 0; slot < LLMP_ROUTE_CREDENTIALS_MAX && c[slot].refs; slot++)
        ;
    return slot;
}

int llmp_state_credential(uint8_t *slot, struct llmp_route_state *state,
                          struct llmp_str id, struct llmp_error *err)
{
    struct llmp_credential *c = state->synced.credentials;
    uint8_t at = 0;

    LLMP_ENSURE(id.len <= LLMP_ROUTE_ID_MAX &&
                    (!id.len || !memchr(id.ptr, 0, id.len)),
                err, LLMP_E_INVALID, "a credential's id is not usable");
    while (at < LLMP_ROUTE_CREDENTIALS_MAX &&
           !(c[at].id && llmp_str_eq(llmp_str_of(c[at].id), id)))
        at++;
    if (at == LLMP_ROUTE_CREDENTIALS_MAX) {
        char *copy = llmp_strdup(id);

        LLMP_ENSURE(copy, err, LLMP_E_NOMEM, "no memory for a credential");
        at = free_slot(state);
        if (at == LLMP_ROUTE_CREDENTIALS_MAX)
            llmp_free(copy);
        LLMP_ENSURE(at < LLMP_ROUTE_CREDENTIALS_MAX, err, LLMP_E_LIMIT,
                    "a deployment has at most %d credentials at a time",
                    LLMP_ROUTE_CREDENTIALS_MAX);
        llmp_free(c[at].id);
        c[at] = (struct llmp_credential){ .id = copy };
        atomic_store(
            &state->credential_gates[at],
            llmp_breaker_renew(atomic_load(&state->credential_gates[at])));
    }
    c[at].refs++;
    *slot = at;
    return LLMP_OK;
}

void llmp_state_drop_credential(struct llmp_route_state *state, uint8_t slot)
{
    assert(state->synced.credentials[slot].refs > 0);
    state->synced.credentials[slot].refs--;
}

/* ---- from outside -------------------------------------------------------- */

int llmp_router_set_room(struct llmp_router *router, struct llmp_str id,
                         uint64_t room)
{
    llmp_router_lock(router);

    struct llmp_route_state *state = find_locked(router, id);

    if (state)
        atomic_store_explicit(&state->room, room, memory_order_relaxed);
    llmp_router_unlock(router);
    return state ? LLMP_OK : LLMP_MISS;
}

int llmp_router_close(struct llmp_router *router, struct llmp_str id,
                      uint64_t now_ns)
{
    llmp_router_lock(router);

    struct llmp_route_state *state = find_locked(router, id);

    if (state) {
        struct llmp_breaker_news news = { .health = atomic_load(&state->health),
                                          .now_ns = now_ns };

        llmp_state_reset(state, &news);
    }
    llmp_router_unlock(router);
    return state ? LLMP_OK : LLMP_MISS;
}

/* NULL: the state has no credential of this id. Under the lock. */
static _Atomic uint64_t *credential_gate(struct llmp_route_state *state,
                                         struct llmp_str id)
{
    const struct llmp_credential *c = state->synced.credentials;

    for (size_t i = 0; i < LLMP_ROUTE_CREDENTIALS_MAX; i++)
        if (c[i].id && c[i].refs && llmp_str_eq(llmp_str_of(c[i].id), id))
            return &state->credential_gates[i];
    return NULL;
}

static bool note_finding(struct llmp_route_state *state,
                         enum llmp_route_finding finding,
                         struct llmp_str credential,
                         const struct llmp_breaker_news *news)
{
    bool key = finding == LLMP_FOUND_KEY_BAD || finding == LLMP_FOUND_KEY_GOOD;
    _Atomic uint64_t *gate =
        key ? credential_gate(state, credential) : &state->gate;

    if (!gate)
        return false;
    switch (finding) {
    case LLMP_FOUND_DEAD:
        if (!news->health->breaker_off)
            llmp_gate_note(gate, LLMP_BREAKER_TRIP, news);
        break;
    case LLMP_FOUND_ALIVE:
        if (llmp_breaker_state(atomic_load(gate)) != LLMP_BREAKER_DOWN)
            llmp_gate_note(gate, LLMP_BREAKER_BACK, news);
        break;
    case LLMP_FOUND_KEY_BAD:
        llmp_gate_note(gate, LLMP_BREAKER_FATAL, news);
        break;
    case LLMP_FOUND_KEY_GOOD: /* a quota is another matter */
        if (llmp_breaker_state(atomic_load(gate)) == LLMP_BREAKER_DOWN)
            llmp_gate_note(gate, LLMP_BREAKER_BACK, news);
        break;
    }
    return true;
}

int llmp_router_found(struct llmp_router *router, struct llmp_str id,
                      enum llmp_route_finding finding,
                      struct llmp_str credential, uint64_t away_ns,
                      uint64_t random, uint64_t now_ns)
{
    bool noted = false;

    llmp_router_lock(router);

    struct llmp_route_state *state = find_locked(router, id);

    if (state) {
        const struct llmp_health *health = atomic_load(&state->health);
        const struct llmp_breaker_news news = { .health = health,
                                                .now_ns = now_ns,
                                                .open_ns = health->open_ns,
                                                .retry_after_ns = away_ns,
                                                .random = random };

        noted = note_finding(state, finding, credential, &news);
    }
    llmp_router_unlock(router);
    return noted ? LLMP_OK : LLMP_MISS;
}
