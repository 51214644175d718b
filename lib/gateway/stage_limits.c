/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request that may pass as soon as the store has answered (share.c), which
 * wakes it; a timer stands behind that. Where no answer comes in time, the
 * configuration says whether it goes on without.
 */
#include "base/internal.h"
#include "gateway/exchange.h"

enum {
    PATIENCE_MS = 600,  /* an answer takes a commit or two */
    FIRST_LOOK_MS = 20, /* doubled each time that it was in vain */
};

/* Not beyond the end of patience. */
static uint64_t look_ms(const struct llmp_exchange *x)
{
    uint64_t left_ns = x->limits.until_ns - x->now.mono_ns;
    uint64_t left_ms = (left_ns + LLMP_NS_PER_MS - 1) / LLMP_NS_PER_MS;

    return x->limits.look_ms < left_ms ? x->limits.look_ms : left_ms;
}

bool llmp_x_wait_for_limits(struct llmp_exchange *x)
{
    struct llmp_gateway *gateway = x->worker->gateway;

    if (!x->limits.until_ns) {
        x->limits.until_ns = llmp_add_sat(
            x->now.mono_ns, (uint64_t)PATIENCE_MS * LLMP_NS_PER_MS);
        x->limits.look_ms = FIRST_LOOK_MS;
        x->limits.had_end = x->request_ended;
    }
    /* In the list first, so that no answer can come in between. */
    (void)llmp_x_wait_in(x, &gateway->sharing.waiting);
    llmp_gateway_ask(gateway, x->now);
    if (x->now.mono_ns >= x->limits.until_ns) {
        if (!gateway->sharing.refuse)
            llmp_limiter_alone(gateway->limiter,
                               x->now.wall_ns + LLMP_ALONE_NS);
        return false;
    }
    x->state = LLMP_X_LIMITS;
    if (!x->request_ended && !x->request_paused) {
        x->request_paused = true;
        llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_PAUSE });
    }
    llmp_x_deadline(x, look_ms(x));
    return true;
}

void llmp_x_limits_tick(struct llmp_exchange *x)
{
    if (x->limits.look_ms < PATIENCE_MS)
        x->limits.look_ms *= 2;
    llmp_x_limits_woken(x);
}

/* As often as there is news, which says nothing about how slow the store is. */
void llmp_x_limits_woken(struct llmp_exchange *x)
{
    llmp_x_no_deadline(x);
    x->state = LLMP_X_BODY;
    llmp_x_admit_again(x, x->request_ended && !x->limits.had_end);
    if (x->state == LLMP_X_LIMITS || x->state == LLMP_X_ENDED ||
        !x->request_paused)
        return;
    x->request_paused = false;
    llmp_x_ask(x, (struct llmp_ask){ .kind = LLMP_ASK_RESUME });
}
