/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What limits had used before a start, from the store's counters: one job on
 * the store's thread for all scopes that are in force.
 */
#include <stdio.h>

#include "base/internal.h"
#include "base/str.h"
#include "gateway/counter.h"
#include "gateway/gateway.h"

enum { ID_CUT = 64 };

size_t llmp_counter_name(char out[LLMP_STORE_NAME_MAX + 1],
                         const struct llmp_limit_scope *scope,
                         const struct llmp_limit_rule *rule)
{
    struct llmp_str id = llmp_limit_scope_id(scope);
    char hash[20] = "";
    int len;

    if (id.len > ID_CUT) {
        uint64_t h = llmp_str_hash(id, 0);

        (void)snprintf(hash, sizeof(hash), "#%016llx", (unsigned long long)h);
        for (id.len = ID_CUT; (id.ptr[id.len] & 0xc0) == 0x80; id.len--)
            ; /* between two characters: names are UTF-8 */
    }
    len = snprintf(out, LLMP_STORE_NAME_MAX + 1, "%s/%.*s%s/%s/%s",
                   llmp_limit_kind_name(llmp_limit_scope_kind(scope)),
                   (int)id.len, id.ptr, hash, llmp_limit_unit_name(rule->unit),
                   llmp_limit_window_name(rule->window));
    return (size_t)len;
}

struct restoring {
    struct llmp_store_job job; /* first: it is freed as this */
    struct llmp_access *access;
    struct llmp_time now;
    void (*done)(int status, void *ctx);
    void *ctx;
    int status;
    struct llmp_store *store; /* while it runs */
    struct llmp_error *err;
};

static void restore_scope(struct restoring *r, struct llmp_limit_scope *scope)
{
    struct llmp_limit_state states[LLMP_LIMIT_RULES_MAX];
    size_t count = scope ? llmp_limit_look(scope, r->now, states) : 0;

    for (size_t i = 0; i < count && r->status >= 0; i++) {
        char name[LLMP_STORE_NAME_MAX + 1];
        struct llmp_counter counter;

        if (!llmp_counter_is_kept(&states[i].rule))
            continue;

        size_t len = llmp_counter_name(name, scope, &states[i].rule);

        r->status = llmp_store_counter(r->store, (struct llmp_str){ name, len },
                                       states[i].window_start_s, r->now.wall_ns,
                                       &counter, r->err);
        /* Of a leased one what others hold, too, is not ours to use. */
        if (states[i].rule.leased)
            counter.used += counter.leased;
        if (r->status == LLMP_OK)
            llmp_limit_restore(scope, states[i].rule.unit,
                               states[i].rule.window, states[i].window_start_s,
                               counter.used > 0 ? (uint64_t)counter.used : 0,
                               r->now);
    }
}

static bool restore_key(struct llmp_key *key, void *ctx)
{
    const struct llmp_holder *holder = llmp_key_data(key);

    restore_scope(ctx, holder->scopes[LLMP_LIMIT_KEY]);
    return true;
}

/* Models at providers, by name; those behind patterns are asked for when they
 * are known (share.c). */
static void restore_deployment(struct restoring *r,
                               const struct llmp_model *model,
                               const struct llmp_deployment *deployment)
{
    const struct llmp_provider *provider = deployment->provider;
    struct llmp_limit_scope *scope;
    char id[LLMP_LIMIT_ID_MAX];
    size_t len;

    if (!provider->limits.count)
        return;
    len =
        llmp_deployment_id(id, provider->name,
                           llmp_model_upstream(model, deployment, model->name));
    r->status =
        llmp_limiter_scope(&scope, r->access->limiter, LLMP_LIMIT_DEPLOYMENT,
                           (struct llmp_str){ id, len }, provider->limits.rules,
                           provider->limits.count, r->err);
    if (r->status < 0)
        return;
    restore_scope(r, scope);
    llmp_limit_scope_unref(scope);
}

static int run(struct llmp_store_job *job, struct llmp_store *store,
               struct llmp_error *err)
{
    struct restoring *r = (struct restoring *)job;
    const struct llmp_config *config = r->access->config;

    r->store = store;
    r->err = err;
    for (size_t i = 0; i < r->access->owners->count; i++)
        restore_scope(r, r->access->owners->items[i].scope);
    for (size_t i = 0; i < config->model_count; i++)
        restore_scope(r, r->access->models[i]);
    for (size_t i = 0; i < config->literal_count; i++)
        for (size_t d = 0;
             d < config->models[i].deployment_count && r->status >= 0; d++)
            restore_deployment(r, &config->models[i],
                               &config->models[i].deployments[d]);
    llmp_keyring_each(r->access->keyring, restore_key, r);
    return r->status < 0 ? r->status : LLMP_OK;
}

static void finish(struct llmp_store_job *job, int status,
                   const struct llmp_error *err)
{
    struct restoring *r = (struct restoring *)job;

    (void)err;
    if (r->done)
        r->done(status, r->ctx);
    llmp_access_unref(r->access);
    llmp_free(r);
}

int llmp_gateway_restore_limits(struct llmp_gateway *gateway,
                                struct llmp_store_writer *writer,
                                struct llmp_time now,
                                void (*done)(int status, void *ctx), void *ctx)
{
    struct restoring *r = llmp_alloc(sizeof(*r));

    if (!r)
        return LLMP_E_NOMEM;
    r->job.run = run;
    r->job.done = finish;
    r->access = llmp_gateway_access(gateway);
    r->now = now;
    r->done = done;
    r->ctx = ctx;
    llmp_store_writer_job(writer, &r->job);
    return LLMP_OK;
}
