/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a person wants to see at the start. Made while the text is at hand:
 * a value that came from a reference is shown as the reference.
 */
#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_check.h"
#include "gateway/config_preset.h"

#define MODELS_SHOWN 50

static struct llmp_shown show(const struct llmp_setting *setting)
{
    return llmp_show(setting->referenced ? setting->node->text : setting->text);
}

static void add_listeners(struct llmp_buf *buf,
                          const struct llmp_draft_server *draft)
{
    static const char *const auth[] = { "", ", client certificates optional",
                                        ", client certificates required" };

    for (size_t i = 0; i < draft->listen.count; i++)
        (void)llmp_buf_printf(buf, "listen    %s%s%s\n",
                              show(&draft->listen.items[i]).text,
                              draft->tls.node ? " (TLS)" : "",
                              auth[draft->tls.client_auth.number]);
}

static void add_provider(struct llmp_buf *buf,
                         const struct llmp_draft_provider *draft,
                         const struct llmp_provider *provider)
{
    (void)llmp_buf_printf(buf, "provider  %s  ", show(&draft->name).text);
    if (draft->base_url.referenced)
        (void)llmp_buf_printf(buf, "%s", show(&draft->base_url).text);
    else
        (void)llmp_buf_printf(buf, "%s://%s%.*s", provider->origin.scheme,
                              provider->origin.authority,
                              (int)provider->base_path.len,
                              provider->base_path.ptr);
    (void)llmp_buf_printf(buf, "%s%s\n",
                          draft->api_key.node ? "  with key" : "",
                          draft->proxy.node ? "  by proxy" : "");
}

/* "guard     pii: redact" */
static void add_guards(struct llmp_buf *buf, const struct llmp_drafts *drafts)
{
    const struct llmp_draft_guard_stage *items = drafts->items;

    for (size_t i = 0; i < drafts->count; i++) {
        const struct llmp_draft_guard_remote *remote = &items[i].remote;

        (void)llmp_buf_printf(
            buf, "guard     %s: %s",
            show(items[i].name.node ? &items[i].name : &items[i].check).text,
            show(&items[i].mode).text);
        if (remote->node)
            (void)llmp_buf_printf(buf, ", asks %s",
                                  show(&remote->provider).text);
        (void)llmp_buf_printf(buf, "\n");
    }
}

static void add_model(struct llmp_buf *buf,
                      const struct llmp_draft_model *draft,
                      const struct llmp_config *config)
{
    (void)llmp_buf_printf(buf, "model     %s", show(&draft->name).text);
    if (draft->deployments.count)
        (void)llmp_buf_printf(buf, "  %zu deployments",
                              draft->deployments.count);
    else if (config->provider_count > 1)
        (void)llmp_buf_printf(buf, "  %s", show(&draft->provider).text);
    if (draft->model.node)
        (void)llmp_buf_printf(buf, "  as %s", show(&draft->model).text);
    (void)llmp_buf_printf(buf, "\n");
}

static void add_models(struct llmp_buf *buf, const struct llmp_drafts *drafts,
                       const struct llmp_config *config)
{
    const struct llmp_draft_model *items = drafts->items;

    for (size_t i = 0; i < drafts->count && i < MODELS_SHOWN; i++)
        add_model(buf, &items[i], config);
    if (drafts->count > MODELS_SHOWN)
        (void)llmp_buf_printf(buf, "          and %zu more\n",
                              drafts->count - MODELS_SHOWN);
    if (drafts->count)
        return;
    (void)llmp_buf_add(buf, config->provider_count == 1
                                ? LLMP_STR("model     *\n")
                                : LLMP_STR("model     PROVIDER/*\n"));
}

static void add_count(struct llmp_buf *buf, size_t count, const char *one,
                      const char *more, const char **between)
{
    if (!count)
        return;
    (void)llmp_buf_printf(buf, "%s%zu %s", *between, count,
                          count == 1 ? one : more);
    *between = ", ";
}

static void add_callers(struct llmp_buf *buf, const struct llmp_draft *draft,
                        const struct llmp_config *config)
{
    const struct llmp_draft_issuer *issuers = draft->auth.issuers.items;
    const char *between = "keys      ";

    add_count(buf, draft->keys.count, "of this file", "of this file", &between);
    if (config->auth.administered)
        (void)llmp_buf_printf(buf, "%sthose in the store", between);
    else if (!draft->keys.count)
        (void)llmp_buf_printf(buf, "keys      none");
    (void)llmp_buf_printf(buf, "\n");
    between = "limits    of ";
    add_count(buf, draft->users.count, "user", "users", &between);
    add_count(buf, draft->teams.count, "team", "teams", &between);
    add_count(buf, draft->organisations.count, "organisation", "organisations",
              &between);
    if (strcmp(between, ", ") == 0)
        (void)llmp_buf_printf(buf, "\n");
    for (size_t i = 0; i < draft->auth.issuers.count; i++)
        (void)llmp_buf_printf(buf, "issuer    %s\n",
                              show(&issuers[i].issuer).text);
}

static void add_kept(struct llmp_buf *buf, const char *what,
                     const struct llmp_setting *setting)
{
    if (setting->number)
        (void)llmp_buf_printf(buf, ", %s for %s", what, show(setting).text);
}

static void add_store(struct llmp_buf *buf, const struct llmp_draft *draft,
                      const struct llmp_config *config)
{
    const struct llmp_draft_store *store = &draft->store;

    if (store->node) {
        (void)llmp_buf_printf(buf, "store     %s", show(&store->path).text);
        add_kept(buf, "ledger", &store->retention.ledger);
        add_kept(buf, "events", &store->retention.events);
        (void)llmp_buf_printf(buf, "\n");
    }
    if (config->admin.listen)
        (void)llmp_buf_printf(buf, "admin     %s%s\n",
                              show(&draft->admin.listen).text,
                              config->admin.by_default ? " (by default)" : "");
}

int llmp_summary_make(struct llmp_reading *reading,
                      const struct llmp_draft *draft)
{
    struct llmp_config *config = reading->config;
    const struct llmp_draft_provider *providers = draft->providers.items;
    struct llmp_buf buf = { 0 };

    add_listeners(&buf, &draft->server);
    for (size_t i = 0; i < draft->providers.count; i++)
        add_provider(&buf, &providers[i], &config->providers[i]);
    add_models(&buf, &draft->models, config);
    add_callers(&buf, draft, config);
    add_guards(&buf, &draft->guardrails.stages);
    add_store(&buf, draft, config);
    if (!buf.failed) {
        const struct llmp_str text = llmp_buf_str(&buf);

        config->summary = llmp_config_join(&config->memory, &text, 1);
    }
    llmp_buf_fini(&buf);
    return config->summary.ptr ? LLMP_OK : llmp_reading_nomem(reading);
}
