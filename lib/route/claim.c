/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Taking what was chosen, in this order: a place in flight, the deployment's
 * probe if it is due, a credential. Each by one compare-and-swap; what was
 * taken is given back when a later one fails.
 */
#include "base/internal.h"
#include "route/pick.h"

static bool take_place(struct llmp_route_state *state)
{
    uint64_t load = atomic_load_explicit(&state->load, memory_order_relaxed);
    uint32_t limit = llmp_state_limit(state);

    do {
        if (llmp_load_in_flight(load) >= limit)
            return false;
    } while (!atomic_compare_exchange_weak_explicit(
        &state->load, &load, load + LLMP_LOAD_ATTEMPT, memory_order_relaxed,
        memory_order_relaxed));
    return true;
}

/* Closed: passes as it is. Due: one wins the probe; `*word` is then the word it
 * won, by which its verdict is known as the probe's. */
static bool pass_gate(_Atomic uint64_t *gate, const struct llmp_health *health,
                      uint64_t now_ns, uint64_t *word)
{
    struct llmp_breaker_news news = { .health = health, .now_ns = now_ns };

    *word = atomic_load_explicit(gate, memory_order_relaxed);
    if (llmp_breaker_is_closed(*word))
        return true;
    if (!llmp_breaker_is_due(*word, now_ns))
        return false;

    uint64_t old = *word;

    *word = llmp_breaker_next(old, LLMP_BREAKER_DUE, &news);
    return atomic_compare_exchange_strong(gate, &old, *word);
}

/* Nothing came of the probe: the next may have it. */
static void release_gate(_Atomic uint64_t *gate,
                         const struct llmp_health *health, uint64_t now_ns,
                         uint64_t word)
{
    struct llmp_breaker_news news = { .health = health, .now_ns = now_ns };

    if (llmp_breaker_state(word) == LLMP_BREAKER_PROBING)
        (void)atomic_compare_exchange_strong(
            gate, &word,
            llmp_breaker_next(word, LLMP_BREAKER_PROBE_MUTE, &news));
}

/* From a random one on, so that those which are good share the traffic. */
static bool take_credential(struct llmp_pick *pick,
                            const struct llmp_member *member,
                            const struct llmp_health *health,
                            struct llmp_route_attempt *attempt)
{
    uint32_t count = member->credential_count;
    uint32_t first = count > 1 ? (uint32_t)llmp_pick_lot_below(pick, count) : 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = first + i < count ? first + i : first + i - count;

        if (!pass_gate(&member->state->credential_gates[member->slots[at]],
                       health, pick->now_ns, &attempt->credential_gate))
            continue;
        attempt->credential = at;
        return true;
    }
    return false;
}

/* Breakers do not count; one that is closed or would close first goes first. */
static void force_credential(const struct llmp_member *member,
                             struct llmp_route_attempt *attempt)
{
    uint64_t best_ns = 0;

    for (uint32_t i = 0; i < member->credential_count; i++) {
        uint64_t word =
            atomic_load(&member->state->credential_gates[member->slots[i]]);
        uint64_t when_ns =
            llmp_breaker_is_closed(word) ? 0 : llmp_breaker_when_ns(word);

        if (i > 0 && when_ns >= best_ns)
            continue;
        best_ns = when_ns;
        attempt->credential = i;
        attempt->credential_gate = word;
    }
}

static bool take_gates(struct llmp_pick *pick, const struct llmp_member *member,
                       bool forced, struct llmp_route_attempt *attempt)
{
    struct llmp_route_state *state = member->state;
    const struct llmp_health *health =
        atomic_load_explicit(&state->health, memory_order_relaxed);

    if (forced) {
        attempt->gate = atomic_load(&state->gate);
        force_credential(member, attempt);
        return true;
    }
    if (!pass_gate(&state->gate, health, pick->now_ns, &attempt->gate))
        return false;
    if (take_credential(pick, member, health, attempt))
        return true;
    release_gate(&state->gate, health, pick->now_ns, attempt->gate);
    return false;
}

static void use_room(struct llmp_pick *pick, struct llmp_route_state *state)
{
    uint64_t tokens = pick->request->tokens;
    uint64_t room = atomic_load_explicit(&state->room, memory_order_relaxed);

    while (tokens && room != UINT64_MAX &&
           !atomic_compare_exchange_weak_explicit(
               &state->room, &room, room > tokens ? room - tokens : 0,
               memory_order_relaxed, memory_order_relaxed))
        ;
}

static bool is_probe(uint64_t word)
{
    return llmp_breaker_state(word) == LLMP_BREAKER_PROBING;
}

bool llmp_pick_claim(struct llmp_pick *pick, uint32_t index, bool forced,
                     struct llmp_route_attempt *attempt)
{
    const struct llmp_member *member = &pick->set->members[index];
    const struct llmp_route_request *r = pick->request;

    assert(!r->resident || r->regions & llmp_route_region_bit(member->region));
    if (!take_place(member->state))
        return false;
    if (!take_gates(pick, member, forced, attempt)) {
        llmp_state_drop(member->state, LLMP_LOAD_ATTEMPT);
        return false;
    }
    use_room(pick, member->state);
    if (r->tried)
        r->tried[index / 64] |= UINT64_C(1) << index % 64;
    attempt->state = member->state;
    attempt->index = index;
    attempt->slot = member->slots[attempt->credential];
    attempt->slots = member->slot_bits;
    attempt->forced = forced;
    attempt->probe = !forced && (is_probe(attempt->gate) ||
                                 is_probe(attempt->credential_gate));
    attempt->spilled = r->local_region && member->region != r->local_region;
    return true;
}
