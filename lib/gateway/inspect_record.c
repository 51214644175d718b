/* SPDX-License-Identifier: Apache-2.0 */
/* What guards found in an exchange, by kind and by stage, for its record. */
#include "base/internal.h"
#include "gateway/inspect.h"

/* What others call it does not live as long. */
static const char *copy_kind(struct llmp_exchange *x, const char *kind)
{
    return llmp_arena_printf(&x->arena, "%s", kind).ptr;
}

void llmp_x_guard_note(struct llmp_exchange *x,
                       const struct llmp_guard_finding *findings, size_t count,
                       enum llmp_guard_action action)
{
    struct llmp_x_guard *g = x->guard;

    if (action > g->action)
        g->action = action;
    for (size_t i = 0; i < count; i++) {
        uint32_t k = 0;

        while (k < g->kind_count &&
               (strcmp(g->kinds[k].kind, findings[i].kind) != 0 ||
                g->kinds[k].action != findings[i].action))
            k++;
        if (k == LLMP_X_GUARD_KINDS) {
            g->kinds_left_out++;
            continue;
        }
        if (k == g->kind_count) {
            const char *kind = copy_kind(x, findings[i].kind);

            if (!kind) {
                g->kinds_left_out++;
                continue;
            }
            g->kinds[k].kind = kind;
            g->kinds[k].action = findings[i].action;
            g->kinds[k].count = 0;
            g->kind_count++;
        }
        g->kinds[k].count++;
    }
}

void llmp_x_guard_run(struct llmp_exchange *x, uint32_t stage,
                      const struct llmp_guard_run *run)
{
    x->guard->stages[stage].bytes += run->bytes;
    x->guard->stages[stage].findings += run->findings;
    /* That it waits is not the end of it. */
    if (run->outcome != LLMP_GUARD_WAITS)
        x->guard->stages[stage].outcomes |= (uint16_t)(1u << run->outcome);
}

void llmp_x_guard_runs(struct llmp_exchange *x,
                       const struct llmp_guard_run *runs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        llmp_x_guard_run(x, (uint32_t)i, &runs[i]);
}

static void add_stage(struct llmp_exchange *x, struct llmp_buf *out, size_t i)
{
    const char *name = llmp_guard_policy_stage_name(x->config->guard.policy, i);
    bool first = true;

    (void)llmp_buf_json(out, llmp_str_of(name));
    (void)llmp_buf_printf(out,
                          ":{\"bytes\":%llu,\"findings\":%u,\"outcome\":\"",
                          (unsigned long long)x->guard->stages[i].bytes,
                          x->guard->stages[i].findings);
    for (int o = 0; o < LLMP_GUARD_OUTCOMES; o++)
        if (x->guard->stages[i].outcomes >> o & 1) {
            (void)llmp_buf_printf(
                out, "%s%s", first ? "" : ",",
                llmp_guard_outcome_name((enum llmp_guard_outcome)o));
            first = false;
        }
    (void)llmp_buf_add(out, first ? LLMP_STR("idle\"") : LLMP_STR("\""));
    if (x->guard->stages[i].calls)
        (void)llmp_buf_printf(out, ",\"calls\":%u,\"ms\":%u",
                              x->guard->stages[i].calls,
                              x->guard->stages[i].ms);
    (void)llmp_buf_add(out, LLMP_STR("}"));
}

void llmp_x_guard_sum_up(struct llmp_exchange *x)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf out = { 0 };
    const struct llmp_x_guard *g = x->guard;
    bool ok = true;

    if (!g || !g->session)
        return;
    llmp_metrics_guarded(&x->worker->metrics, g->action);
    (void)llmp_buf_printf(
        &out, "{\"policy\":\"%.12s\",\"action\":\"%s\",\"findings\":{",
        llmp_guard_policy_version(x->config->guard.policy),
        llmp_guard_action_name(g->action));
    for (uint32_t k = 0; k < g->kind_count; k++)
        (void)llmp_buf_printf(&out, "%s\"%s:%s\":%u", k ? "," : "",
                              llmp_guard_action_name(g->kinds[k].action),
                              g->kinds[k].kind, g->kinds[k].count);
    (void)llmp_buf_add(&out, LLMP_STR("},\"stages\":{"));
    for (size_t i = 0;
         i < llmp_guard_policy_stage_count(x->config->guard.policy); i++) {
        if (i)
            (void)llmp_buf_add(&out, LLMP_STR(","));
        add_stage(x, &out, i);
    }
    (void)llmp_buf_add(&out, LLMP_STR("}"));
    if (g->marked)
        (void)llmp_buf_printf(&out, ",\"marked\":%u", g->marked);
    if (g->canary)
        (void)llmp_buf_add(&out, LLMP_STR(",\"canary\":true"));
    if (g->opaque)
        (void)llmp_buf_printf(&out, ",\"opaque_bytes\":%llu",
                              (unsigned long long)g->opaque);
    (void)llmp_buf_add(&out, LLMP_STR("}"));
    if (out.len > LLMP_SUMMARY_GUARD_MAX) { /* what matters most */
        out.len = 0;
        (void)llmp_buf_printf(
            &out, "{\"policy\":\"%.12s\",\"action\":\"%s\",\"cut\":true}",
            llmp_guard_policy_version(x->config->guard.policy),
            llmp_guard_action_name(g->action));
    }
    if (!out.failed)
        x->summary.guard = llmp_arena_str(&x->arena, llmp_buf_str(&out), &ok);
}
