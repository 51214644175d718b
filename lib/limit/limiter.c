/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The map from (kind, id) to scopes, their references, and their end. Look-ups
 * happen when a key, a team or a model becomes known, not at every request.
 */
#include "limit/limiter.h"

#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"

enum { CHAINS_FIRST = 16, SWEEP_CHAINS = 1024, RESTORABLE_S = 60 };

#define SCOPES_MAX_DEFAULT UINT64_C(4000000)

void *llmp_alloc_line(size_t size, void **memory)
{
    enum { LINE = 64 };
    char *block = llmp_alloc(size + LINE - 1);

    *memory = block;
    return block ? block + (LINE - (uintptr_t)block % LINE) % LINE : NULL;
}

void llmp_spin_lock(atomic_flag *flag)
{
    while (atomic_flag_test_and_set_explicit(flag, memory_order_acquire))
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause()
#endif
            ;
}

void llmp_spin_unlock(atomic_flag *flag)
{
    atomic_flag_clear_explicit(flag, memory_order_release);
}

int llmp_limiter_new(struct llmp_limiter **out, uint64_t scopes_max,
                     struct llmp_error *err)
{
    LLMP_ENSURE(out, err, LLMP_E_INVALID, "out is required");

    struct llmp_limiter *limiter = llmp_alloc(sizeof(*limiter));

    LLMP_ENSURE(limiter, err, LLMP_E_NOMEM, "no memory for the limiter");
    limiter->scopes_max = scopes_max ? scopes_max : SCOPES_MAX_DEFAULT;
    atomic_flag_clear(&limiter->laws_locked);
    for (size_t i = 0; i < LLMP_SHARDS; i++)
        atomic_flag_clear(&limiter->shards[i].locked);
    *out = limiter;
    return LLMP_OK;
}

static void scope_free(struct llmp_limit_scope *scope)
{
    for (uint32_t i = 0; i < scope->cell_count; i++)
        if (llmp_scope_is_calendar(scope, i))
            llmp_free(scope->cells[i].budget->memory);
    llmp_free(scope->memory);
}

void llmp_limiter_free(struct llmp_limiter *limiter)
{
    if (!limiter)
        return;
    llmp_leases_free(limiter);
    for (size_t i = 0; i < LLMP_SHARDS; i++) {
        struct llmp_shard *shard = &limiter->shards[i];

        for (size_t k = 0; k < shard->synced.chain_count; k++)
            while (shard->synced.chains[k]) {
                struct llmp_limit_scope *scope = shard->synced.chains[k];

                assert(scope->refs == 0);
                shard->synced.chains[k] = scope->next;
                scope_free(scope);
            }
        llmp_free(shard->synced.chains);
    }
    llmp_laws_free(limiter);
    llmp_free(limiter);
}

/* Mixed, because shards are chosen by the high bits and chains by the low
 * ones. Ids are ours or were authenticated, and chains grow with their number,
 * so nobody gains by colliding names. */
static uint64_t hash_of(enum llmp_limit_kind kind, struct llmp_str id)
{
    uint64_t h = llmp_str_hash(id, (uint64_t)kind);

    h ^= h >> 32;
    h *= UINT64_C(0xd6e8feb86659fd93);
    return h ^ h >> 32;
}

static struct llmp_shard *shard_of(struct llmp_limiter *limiter, uint64_t hash)
{
    return &limiter->shards[hash >> 58 & (LLMP_SHARDS - 1)];
}

static struct llmp_limit_scope *find_locked(const struct llmp_shard *shard,
                                            enum llmp_limit_kind kind,
                                            struct llmp_str id, uint64_t hash)
{
    if (!shard->synced.chain_count)
        return NULL;

    struct llmp_limit_scope *scope =
        shard->synced.chains[hash & (shard->synced.chain_count - 1)];

    while (scope && !(scope->hash == hash && scope->kind == kind &&
                      llmp_str_eq(llmp_limit_scope_id(scope), id)))
        scope = scope->next;
    return scope;
}

static bool grow_locked(struct llmp_shard *shard)
{
    size_t count = shard->synced.chain_count ? shard->synced.chain_count * 2
                                             : CHAINS_FIRST;
    struct llmp_limit_scope **chains = llmp_alloc_array(count, sizeof(*chains));

    if (!chains)
        return shard->synced.chain_count != 0; /* longer chains, then */
    for (size_t i = 0; i < shard->synced.chain_count; i++)
        while (shard->synced.chains[i]) {
            struct llmp_limit_scope *scope = shard->synced.chains[i];

            shard->synced.chains[i] = scope->next;
            scope->next = chains[scope->hash & (count - 1)];
            chains[scope->hash & (count - 1)] = scope;
        }
    llmp_free(shard->synced.chains);
    shard->synced.chains = chains;
    shard->synced.chain_count = count;
    return true;
}

static int add_locked(struct llmp_limit_scope **out,
                      struct llmp_limiter *limiter, struct llmp_shard *shard,
                      enum llmp_limit_kind kind, struct llmp_str id,
                      uint64_t hash, struct llmp_error *err)
{
    LLMP_ENSURE(atomic_load(&limiter->scope_count) < limiter->scopes_max, err,
                LLMP_E_LIMIT, "there are %llu scopes already",
                (unsigned long long)limiter->scopes_max);
    LLMP_ENSURE(shard->synced.scope_count < shard->synced.chain_count ||
                    grow_locked(shard),
                err, LLMP_E_NOMEM, "no memory for a scope");

    void *memory;
    struct llmp_limit_scope *scope =
        llmp_alloc_line(sizeof(*scope) + id.len, &memory);

    LLMP_ENSURE(scope, err, LLMP_E_NOMEM, "no memory for a scope");
    scope->memory = memory;
    scope->limiter = limiter;
    scope->kind = (uint8_t)kind;
    scope->hash = hash;
    scope->id_len = (uint16_t)id.len;
    memcpy(scope->id, id.ptr, id.len);

    size_t at = hash & (shard->synced.chain_count - 1);

    scope->next = shard->synced.chains[at];
    shard->synced.chains[at] = scope;
    shard->synced.scope_count++;
    atomic_fetch_add(&limiter->scope_count, 1);
    *out = scope;
    return LLMP_OK;
}

/* ---- rules -------------------------------------------------------------- */

/* The cell of (unit, window), added if need be. */
static int cell_for(uint32_t *out, struct llmp_limit_scope *scope,
                    const struct llmp_limit_rule *rule, struct llmp_error *err)
{
    uint32_t count = scope->cell_count;

    for (uint32_t i = 0; i < count; i++)
        if (scope->units[i] == rule->unit &&
            scope->windows[i] == rule->window) {
            *out = i;
            return LLMP_OK;
        }
    LLMP_ENSURE(count < LLMP_LIMIT_CELLS_MAX, err, LLMP_E_LIMIT,
                "a scope has at most %d different limits in its life",
                LLMP_LIMIT_CELLS_MAX);
    scope->units[count] = (uint8_t)rule->unit;
    scope->windows[count] = (uint8_t)rule->window;
    if (llmp_scope_is_calendar(scope, count)) {
        scope->cells[count].budget = llmp_budget_new(&scope->limiter->backing);
        LLMP_ENSURE(scope->cells[count].budget, err, LLMP_E_NOMEM,
                    "no memory for a budget");
    }
    atomic_store_explicit(&scope->cell_count, count + 1, memory_order_release);
    *out = count;
    return LLMP_OK;
}

static int find_cells(uint32_t cells[], struct llmp_limit_scope *scope,
                      const struct llmp_law *const laws[], size_t count,
                      struct llmp_error *err)
{
    for (size_t i = 0; i < count; i++) {
        LLMP_TRY(cell_for(&cells[i], scope, &laws[i]->rule, err));
        for (size_t k = 0; k < i; k++)
            LLMP_ENSURE(cells[k] != cells[i], err, LLMP_E_INVALID,
                        "two limits have the same unit and window");
    }
    return LLMP_OK;
}

/* All rules or none: nothing is put in force before all cells are there. */
static int put_in_force(struct llmp_limit_scope *scope,
                        const struct llmp_law *const laws[], size_t count,
                        struct llmp_error *err)
{
    uint32_t cells[LLMP_LIMIT_RULES_MAX];

    LLMP_TRY(find_cells(cells, scope, laws, count, err));
    for (uint32_t i = 0; i < scope->cell_count; i++) {
        const struct llmp_law *law = NULL;

        for (size_t k = 0; k < count && !law; k++)
            if (cells[k] == i)
                law = laws[k];
        atomic_store_explicit(&scope->cells[i].law, law, memory_order_release);
    }
    return LLMP_OK;
}

static const struct llmp_law *law_of(struct llmp_limit_scope *scope,
                                     uint32_t cell)
{
    return atomic_load_explicit(&scope->cells[cell].law, memory_order_acquire);
}

static bool is_among(const struct llmp_law *law,
                     const struct llmp_limit_rule *rules, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (llmp_law_says(law, &rules[i]))
            return true;
    return false;
}

/* As many laws as rules, and each among them: laws differ from one another. */
static bool is_in_force(struct llmp_limit_scope *scope,
                        const struct llmp_limit_rule *rules, size_t count)
{
    size_t laws = 0;

    for (uint32_t i = 0; i < scope->cell_count; i++) {
        const struct llmp_law *law = law_of(scope, i);

        if (law && !is_among(law, rules, count))
            return false;
        laws += law != NULL;
    }
    return laws == count;
}

/* The scope if it is there and obeys just these rules: who asks at each
 * request must not wait for the list of laws. */
static bool find_as_it_is(struct llmp_limit_scope **out,
                          struct llmp_limiter *limiter,
                          enum llmp_limit_kind kind, struct llmp_str id,
                          const struct llmp_limit_rule *rules, size_t count)
{
    uint64_t hash = hash_of(kind, id);
    struct llmp_shard *shard = shard_of(limiter, hash);
    struct llmp_limit_scope *scope;
    bool found;

    llmp_spin_lock(&shard->locked);
    scope = find_locked(shard, kind, id, hash);
    found = scope && is_in_force(scope, rules, count);
    if (found)
        *out = llmp_limit_scope_ref(scope);
    llmp_spin_unlock(&shard->locked);
    return found;
}

static int scope_locked(struct llmp_limit_scope **out,
                        struct llmp_limiter *limiter, struct llmp_shard *shard,
                        enum llmp_limit_kind kind, struct llmp_str id,
                        uint64_t hash, const struct llmp_law *const laws[],
                        size_t count, struct llmp_error *err)
{
    struct llmp_limit_scope *scope = find_locked(shard, kind, id, hash);

    if (!scope)
        LLMP_TRY(add_locked(&scope, limiter, shard, kind, id, hash, err));
    LLMP_TRY(put_in_force(scope, laws, count, err)); /* an empty one is swept */
    *out = llmp_limit_scope_ref(scope);
    return LLMP_OK;
}

int llmp_limiter_scope(struct llmp_limit_scope **out,
                       struct llmp_limiter *limiter, enum llmp_limit_kind kind,
                       struct llmp_str id, const struct llmp_limit_rule *rules,
                       size_t count, struct llmp_error *err)
{
    const struct llmp_law *laws[LLMP_LIMIT_RULES_MAX];

    assert(limiter);
    LLMP_ENSURE(out && (rules || count == 0), err, LLMP_E_INVALID,
                "out and rules are required");
    LLMP_ENSURE((unsigned)kind < LLMP_LIMIT_KINDS, err, LLMP_E_INVALID,
                "the kind is unknown");
    LLMP_ENSURE(id.len > 0 && id.len <= LLMP_LIMIT_ID_MAX, err, LLMP_E_INVALID,
                "a scope's id has 1 to %d bytes", LLMP_LIMIT_ID_MAX);
    LLMP_ENSURE(count <= LLMP_LIMIT_RULES_MAX, err, LLMP_E_LIMIT,
                "a scope has at most %d limits", LLMP_LIMIT_RULES_MAX);
    if (find_as_it_is(out, limiter, kind, id, rules, count))
        return LLMP_OK;
    for (size_t i = 0; i < count; i++)
        LLMP_TRY(llmp_law_get(&laws[i], limiter, &rules[i], err));

    uint64_t hash = hash_of(kind, id);
    struct llmp_shard *shard = shard_of(limiter, hash);

    llmp_spin_lock(&shard->locked);
    int rc =
        scope_locked(out, limiter, shard, kind, id, hash, laws, count, err);
    llmp_spin_unlock(&shard->locked);
    return rc;
}

int llmp_limiter_find(struct llmp_limit_scope **out,
                      struct llmp_limiter *limiter, enum llmp_limit_kind kind,
                      struct llmp_str id)
{
    uint64_t hash = hash_of(kind, id);
    struct llmp_shard *shard = shard_of(limiter, hash);
    int rc = LLMP_E_NOT_FOUND;

    llmp_spin_lock(&shard->locked);
    struct llmp_limit_scope *scope = find_locked(shard, kind, id, hash);
    if (scope) {
        *out = llmp_limit_scope_ref(scope);
        rc = LLMP_OK;
    }
    llmp_spin_unlock(&shard->locked);
    return rc;
}

/* ---- references --------------------------------------------------------- */

struct llmp_limit_scope *llmp_limit_scope_ref(struct llmp_limit_scope *scope)
{
    atomic_fetch_add_explicit(&scope->refs, 1, memory_order_relaxed);
    return scope;
}

void llmp_limit_scope_unref(struct llmp_limit_scope *scope)
{
    if (!scope)
        return;

    uint32_t before =
        atomic_fetch_sub_explicit(&scope->refs, 1, memory_order_release);

    assert(before > 0);
    (void)before;
}

enum llmp_limit_kind llmp_limit_scope_kind(const struct llmp_limit_scope *scope)
{
    return (enum llmp_limit_kind)scope->kind;
}

struct llmp_str llmp_limit_scope_id(const struct llmp_limit_scope *scope)
{
    return (struct llmp_str){ scope->id, scope->id_len };
}

uint64_t llmp_limiter_count(const struct llmp_limiter *limiter)
{
    return atomic_load(&limiter->scope_count);
}

/* ---- sweeping ----------------------------------------------------------- */

/* What is used of it can be read again: it is booked, because nobody has used
 * any for a minute, and a store reads nothing before it has booked what came
 * earlier. Called under the shard's lock. */
static bool is_restorable(struct llmp_budget *b, uint64_t used, uint64_t wall_s)
{
    struct llmp_lease_window *seen = &b->leases[atomic_load(&b->turn) % 2];

    if (!llmp_budget_is_backed(b, LLMP_BACKING_RESTORED))
        return false;
    if (atomic_load(&seen->seen_s) == 0 ||
        atomic_load(&seen->seen_used) != used) {
        atomic_store(&seen->seen_used, used);
        atomic_store(&seen->seen_s, wall_s);
    }
    return wall_s >= atomic_load(&seen->seen_s) + RESTORABLE_S;
}

/* Nobody refers to it, so it holds no lease: the store has it all, unless more
 * was used than was ever granted, or something came back since. */
static bool is_returned(struct llmp_limit_scope *scope, uint32_t i)
{
    const struct llmp_law *law = atomic_load(&scope->cells[i].law);
    struct llmp_budget *b = scope->cells[i].budget;
    struct llmp_budget_window *w = &b->windows[atomic_load(&b->turn) % 2];

    return (law ? llmp_budget_is_leased(b, law)
                : llmp_budget_is_backed(b, LLMP_BACKING_SHARED)) &&
           atomic_load(&w->used) == atomic_load(&w->granted);
}

static bool budget_is_idle(struct llmp_limit_scope *scope, uint32_t i,
                           uint64_t wall_s)
{
    struct llmp_budget *b = scope->cells[i].budget;
    struct llmp_budget_window *w = &b->windows[atomic_load(&b->turn) % 2];
    uint64_t used = atomic_load(&w->used);

    return atomic_load(&b->end_s) <= wall_s || is_returned(scope, i) ||
           (used == 0 && atomic_load(&w->granted) == 0) ||
           is_restorable(b, used, wall_s);
}

static bool cell_is_idle(struct llmp_limit_scope *scope, uint32_t i,
                         struct llmp_time now)
{
    struct llmp_cell *cell = &scope->cells[i];

    if (scope->units[i] == LLMP_LIMIT_CONCURRENCY)
        return atomic_load(&cell->word) == 0;
    if (llmp_scope_is_rolling(scope, i))
        return atomic_load(&cell->word) <= now.mono_ns;
    return budget_is_idle(scope, i, now.wall_ns / LLMP_NS_PER_S);
}

static bool is_idle(struct llmp_limit_scope *scope, struct llmp_time now)
{
    if (atomic_load_explicit(&scope->refs, memory_order_acquire) != 0)
        return false;
    for (uint32_t i = 0; i < scope->cell_count; i++)
        if (!cell_is_idle(scope, i, now))
            return false;
    return true;
}

static size_t sweep_locked(struct llmp_shard *shard, struct llmp_time now)
{
    size_t freed = 0;

    for (size_t n = 0; n < SWEEP_CHAINS && n < shard->synced.chain_count; n++) {
        struct llmp_limit_scope **at =
            &shard->synced.chains[shard->synced.swept++ &
                                  (shard->synced.chain_count - 1)];

        while (*at) {
            struct llmp_limit_scope *scope = *at;

            if (!is_idle(scope, now)) {
                at = &scope->next;
                continue;
            }
            *at = scope->next;
            scope_free(scope);
            freed++;
        }
    }
    shard->synced.scope_count -= freed;
    return freed;
}

size_t llmp_limiter_sweep(struct llmp_limiter *limiter, struct llmp_time now)
{
    struct llmp_shard *shard =
        &limiter
             ->shards[atomic_fetch_add(&limiter->sweep_shard, 1) % LLMP_SHARDS];

    llmp_spin_lock(&shard->locked);
    size_t freed = sweep_locked(shard, now);
    llmp_spin_unlock(&shard->locked);
    atomic_fetch_sub(&limiter->scope_count, freed);
    return freed;
}
