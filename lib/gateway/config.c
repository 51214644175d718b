/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A configuration's life: made from text in one go, shared by reference
 * counts, wiped when the last one goes.
 */
#include <sodium.h>
#include <stdatomic.h>

#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_check.h"
#include "gateway/config_make.h"

static const char default_name[] = "config";

static void drop(struct llmp_config *config)
{
    struct llmp_config_memory memory = config->memory;

    llmp_guard_policy_unref(config->guard.policy);
    llmp_config_memory_fini(&memory);
    sodium_memzero(config, sizeof(*config)); /* the pepper, tokens' secrets */
    llmp_free(config);
}

static void config_unrefp(struct llmp_config **config)
{
    llmp_config_unref(*config);
}

static void reading_fini(struct llmp_reading *reading)
{
    llmp_config_memory_fini(&reading->scratch);
}

/* The first version's members end before `readable`. */
#define SOURCE_V1_SIZE offsetof(struct llmp_config_source, readable)

static int read_source(struct llmp_reading *reading,
                       const struct llmp_config_source *source)
{
    struct llmp_config_source *own = &reading->source;

    own->size = sizeof(*own);
    if (source)
        LLMP_TRY(llmp_options_read(own, sizeof(*own), SOURCE_V1_SIZE, source,
                                   source->size, reading->err));
    if (!own->name)
        own->name = default_name;
    return LLMP_OK;
}

/* Too short a time would be noticed when the records are gone. */
static int check_kept(struct llmp_reading *reading, const char *name,
                      const struct llmp_setting *setting, uint64_t days_min)
{
    if (!setting->number || setting->number >= days_min * 24 * 3600 * 1000)
        return LLMP_OK;
    return llmp_reading_fail(reading, setting->node, LLMP_E_INVALID,
                             "'%s' is at least %llud, or 0s: for ever", name,
                             (unsigned long long)days_min);
}

static int check_retention(struct llmp_reading *reading,
                           const struct llmp_draft_retention *draft)
{
    struct llmp_store_config *store = &reading->config->store;

    LLMP_TRY(check_kept(reading, "ledger", &draft->ledger, 32));
    LLMP_TRY(check_kept(reading, "events", &draft->events, 1));
    LLMP_TRY(check_kept(reading, "deleted", &draft->deleted, 1));
    store->ledger_ms = draft->ledger.number;
    store->events_ms = draft->events.number;
    store->deleted_ms = draft->deleted.number;
    return LLMP_OK;
}

static int check_store(struct llmp_reading *reading,
                       const struct llmp_draft_store *draft)
{
    struct llmp_store_config *store = &reading->config->store;
    const struct llmp_str journal[] = { draft->path.text,
                                        LLMP_STR(".journal") };

    store->size = sizeof(*store);
    if (!draft->node)
        return LLMP_OK;
    store->path = draft->path.text.ptr;
    reading->config->auth.administered = reading->config->auth.has_pepper;
    store->journal =
        draft->journal.node
            ? draft->journal.text.ptr
            : llmp_config_join(&reading->config->memory, journal, 2).ptr;
    store->refuse = draft->on_failure.number != 0;
    LLMP_TRY(check_retention(reading, &draft->retention));
    store->share_limits = draft->share_limits.number != 0;
    return store->journal ? LLMP_OK : llmp_reading_nomem(reading);
}

static int fill(struct llmp_reading *reading)
{
    struct llmp_node *root = NULL;
    struct llmp_draft draft = { 0 };

    LLMP_TRY(llmp_tree_parse(&root, reading));
    LLMP_TRY(llmp_draft_read(&draft, reading, root));
    LLMP_TRY(llmp_check_providers(reading, &draft.providers));
    LLMP_TRY(llmp_check_models(reading, &draft.models));
    LLMP_TRY(llmp_check_routing(reading, &draft.routing));
    LLMP_TRY(llmp_check_objects(reading, &draft.objects));
    LLMP_TRY(llmp_check_auth(reading, &draft));
    LLMP_TRY(llmp_check_guardrails(reading, &draft.guardrails));
    LLMP_TRY(llmp_check_anomaly(reading, &draft.guardrails.anomaly));
    LLMP_TRY(llmp_check_prices(reading, &draft.prices));
    LLMP_TRY(check_store(reading, &draft.store));
    LLMP_TRY(llmp_check_admin(reading, &draft.admin));
    LLMP_TRY(llmp_check_server(reading, &draft.server));
    return llmp_summary_make(reading, &draft);
}

int llmp_config_make(struct llmp_config **out, struct llmp_str yaml,
                     bool from_env, const struct llmp_config_source *source,
                     struct llmp_error *err)
{
    LLMP_AUTO(config_unrefp) struct llmp_config *config = NULL;
    LLMP_AUTO(reading_fini)
    struct llmp_reading reading = { .text = yaml,
                                    .from_env = from_env,
                                    .err = err };

    llmp_config_memory_init(&reading.scratch);
    LLMP_TRY(read_source(&reading, source));
    config = llmp_alloc(sizeof(*config));
    if (!config)
        return llmp_reading_nomem(&reading);
    atomic_init(&config->refs, 1);
    llmp_config_memory_init(&config->memory);
    reading.config = config;
    LLMP_TRY(fill(&reading));
    *out = llmp_steal(&config);
    return LLMP_OK;
}

int llmp_config_parse(struct llmp_config **out, struct llmp_str yaml,
                      const struct llmp_config_source *source,
                      struct llmp_error *err)
{
    LLMP_ENSURE(out, err, LLMP_E_INVALID, "out is required");
    LLMP_ENSURE(yaml.ptr || yaml.len == 0, err, LLMP_E_INVALID,
                "yaml has a length but no bytes");
    return llmp_config_make(out, yaml, false, source, err);
}

struct llmp_config *llmp_config_ref(struct llmp_config *config)
{
    assert(config);
    atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
    return config;
}

void llmp_config_unref(struct llmp_config *config)
{
    if (!config)
        return;
    /* Everything that others did with it happens before it is wiped. */
    if (atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel) == 1)
        drop(config);
}

const struct llmp_server_config *llmp_config_server(
    const struct llmp_config *config)
{
    assert(config);
    return &config->server;
}

const struct llmp_store_config *llmp_config_store(
    const struct llmp_config *config)
{
    assert(config);
    return &config->store;
}

struct llmp_guard_policy *llmp_config_guard_policy(
    const struct llmp_config *config, struct llmp_guard_stream_options *stream)
{
    assert(config);
    if (stream) {
        stream->hold_bytes = config->guard.hold_bytes;
        stream->hold_ns = config->guard.hold_ns;
    }
    return config->guard.policy;
}

const struct llmp_admin_config *llmp_config_admin(
    const struct llmp_config *config)
{
    assert(config);
    return &config->admin;
}

void llmp_config_write_summary(const struct llmp_config *config,
                               llmp_text_sink sink, void *ctx)
{
    assert(config && sink);
    sink(config->summary, ctx);
}
