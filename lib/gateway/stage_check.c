/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A health check: an exchange without a client that asks a provider for
 * something that costs nothing (its list of models), with one of its keys, and
 * tells checks.c whether it answered.
 */
#include "base/internal.h"
#include "gateway/exchange.h"

enum { READ_MAX = 64 * 1024 }; /* of the answer, so that the connection stays */

static const struct llmp_operation operation = {
    .name = { "check", 5 },
    .method = { "GET", 3 },
    .body = LLMP_BODY_NONE,
};

static void report(struct llmp_exchange *x, enum llmp_check_result result)
{
    struct llmp_gateway *gateway = x->worker->gateway;

    if (!x->check.job.check)
        return;
    llmp_checks_report(&gateway->checks, gateway->router, x->config,
                       &x->check.job, result, x->now.mono_ns, llmp_x_random(x));
    x->check.job.check = NULL;
}

/* Any answer is a sign of life, but that of a server in need. Only 401 is sure
 * to be about the key: a key may be good for answers and not for this. */
static enum llmp_check_result result_of(uint16_t status)
{
    if (status >= 500 || status == 408)
        return LLMP_CHECK_DEAD;
    if (status == 401)
        return LLMP_CHECK_REFUSED;
    return status == 429 ? LLMP_CHECK_UNSAID : LLMP_CHECK_ALIVE;
}

static void check_head(struct llmp_exchange *x,
                       const struct llmp_response_head *head)
{
    report(x, result_of(head->status));
}

static void check_body(struct llmp_exchange *x, struct llmp_str bytes)
{
    x->check.read += bytes.len;
    if (x->check.read > READ_MAX)
        llmp_x_end(x, LLMP_END_COMPLETE, true);
}

static void check_over(struct llmp_exchange *x, const struct llmp_x_over *over)
{
    if (over->how == LLMP_X_FAILED && over->failure == LLMP_CALL_RESOURCES)
        report(x, LLMP_CHECK_UNSAID); /* our own lack */
    report(x, LLMP_CHECK_DEAD);       /* unless its head has come */
    llmp_x_end(x, LLMP_END_COMPLETE, true);
}

static const struct llmp_x_receiver receiver = {
    .head = check_head,
    .body = check_body,
    .over = check_over,
};

static void make_call(struct llmp_exchange *x)
{
    llmp_x_call_get(x, x->check.job.provider->check_path, &receiver);
    if (x->attempt->call_open)
        llmp_x_deadline(x,
                        x->config->routing.checks.timeout_ns / LLMP_NS_PER_MS);
}

void llmp_x_check_drop(struct llmp_exchange *x)
{
    report(x, LLMP_CHECK_UNSAID);
}

int llmp_exchange_check(struct llmp_exchange *x, struct llmp_time now)
{
    struct llmp_worker *worker = x->worker;

    x->now = now;
    x->begun_ns = now.mono_ns;
    if (!llmp_checks_take(&worker->gateway->checks, x->config,
                          worker->config_version, now.mono_ns, llmp_x_random(x),
                          &x->check.job))
        return LLMP_MISS;
    x->check.open = true;
    atomic_fetch_sub_explicit(&worker->metrics.in_flight, 1,
                              memory_order_relaxed); /* nobody's request */
    x->operation = &operation;
    x->summary.operation = operation.name;
    x->request_ended = true;
    x->attempt->deployment =
        llmp_config_deployment_at(x->config, x->check.job.provider);
    x->attempt->pick.credential = (uint32_t)x->check.job.credential;
    x->attempt->make_call = make_call;
    if (llmp_x_has_credential(x))
        make_call(x);
    return LLMP_OK;
}

uint64_t llmp_worker_check_ns(struct llmp_worker *worker, struct llmp_time now)
{
    enum { LOOK_AGAIN_S = 5 }; /* a reload may have changed everything */
    struct llmp_gateway *gateway = worker->gateway;
    uint64_t next_ns = llmp_checks_next(&gateway->checks);
    uint64_t again_ns = llmp_add_sat(now.mono_ns, LOOK_AGAIN_S * LLMP_NS_PER_S);

    if (llmp_gateway_draining(gateway))
        return again_ns;
    if (!llmp_checks_is_current(&gateway->checks,
                                atomic_load(&gateway->version)))
        return now.mono_ns;
    return next_ns < again_ns ? next_ns : again_ns;
}
