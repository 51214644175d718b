/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether somebody behaves unlike themselves: the body's print when it is
 * complete, a verdict at the end, when it is known whether the request was
 * refused. Nobody is refused for it; it is said in the access log, in metrics,
 * and by an event.
 */
#include "base/internal.h"
#include "gateway/exchange.h"
#include "gateway/inspect.h"

static bool is_wanted(const struct llmp_exchange *x)
{
    return x->config->anomaly.enabled && x->operation && !x->check.open &&
           x->operation->body == LLMP_BODY_JSON;
}

void llmp_x_anomaly_look(struct llmp_exchange *x)
{
    if (!is_wanted(x))
        return;
    x->print = llmp_arena_take(&x->arena, sizeof(*x->print));
    if (x->print)
        llmp_anomaly_look(x->print, llmp_buf_str(&x->body));
}

/* Tokens change; whose they are does not. A kind stands before each name. */
static struct llmp_str principal_of(struct llmp_exchange *x)
{
    const struct llmp_principal *p = &x->principal;
    struct llmp_str name = p->id;
    const char *kind = "id";

    if (p->kind == LLMP_PRINCIPAL_ANONYMOUS)
        return LLMP_STR("anonymous");
    if (p->kind == LLMP_PRINCIPAL_KEY) {
        kind = "key";
    } else if (p->user.len) {
        kind = "user";
        name = p->user;
    } else if (p->grantor.len) {
        kind = "key";
        name = p->grantor;
    }
    return llmp_arena_printf(&x->arena, "%s/%.*s", kind, (int)name.len,
                             name.ptr);
}

static bool was_refused(const struct llmp_exchange *x)
{
    return x->summary.error_code.len > 0 ||
           (x->guard && x->guard->action == LLMP_GUARD_BLOCK);
}

static void tell(struct llmp_exchange *x, struct llmp_str principal,
                 const struct llmp_anomaly_verdict *verdict)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf after = { 0 };

    (void)llmp_buf_printf(&after, "{\"score\":%u,\"feature\":\"%s\"",
                          verdict->score,
                          llmp_anomaly_feature_name(verdict->strongest));
    for (uint32_t i = 0; i < LLMP_ANOMALY_FEATURES; i++)
        (void)llmp_buf_printf(
            &after, ",\"%s\":%u",
            llmp_anomaly_feature_name((enum llmp_anomaly_feature)i),
            verdict->of[i]);
    (void)llmp_buf_add(&after, LLMP_STR(",\"request_id\":"));
    (void)llmp_buf_json(&after, x->summary.request_id);
    (void)llmp_buf_add(&after, LLMP_STR(",\"organisation\":"));
    (void)llmp_buf_json(&after, x->summary.org);
    (void)llmp_buf_add(&after, LLMP_STR("}"));
    if (!after.failed)
        llmp_x_book_anomaly(x, principal, llmp_buf_str(&after));
}

void llmp_x_anomaly_note(struct llmp_exchange *x)
{
    struct llmp_anomaly_verdict verdict;
    struct llmp_anomaly_request request = { .now_ns = x->now.mono_ns,
                                            .refused = was_refused(x),
                                            .print = x->print };
    struct llmp_str principal;

    /* Of 401 nobody knows who asked. */
    if (!is_wanted(x) || x->summary.status == 401)
        return;
    principal = principal_of(x);
    if (!principal.ptr ||
        !llmp_anomalies_note(&x->worker->gateway->anomalies,
                             &x->config->anomaly, principal, &request,
                             &verdict) ||
        !verdict.known)
        return;
    llmp_metrics_anomaly(&x->worker->metrics, &verdict,
                         verdict.score >= x->config->anomaly.score);
    if (verdict.score < x->config->anomaly.score)
        return;
    x->summary.anomaly_score = verdict.score;
    x->summary.anomaly_feature =
        llmp_str_of(llmp_anomaly_feature_name(verdict.strongest));
    if (!verdict.told)
        tell(x, principal, &verdict);
}
