/* SPDX-License-Identifier: Apache-2.0 */
/* What each deployment of the configuration costs now, and how we know. */
#include <llmproxy/usage.h>

#include "base/internal.h"
#include "gateway/admin.h"
#include "gateway/moment.h"
#include "gateway/pricing.h"

static void add_text(struct llmp_buf *out, const char *name,
                     struct llmp_str text)
{
    (void)llmp_buf_printf(out, ",\"%s\":", name);
    (void)llmp_buf_json(out, text);
}

static void add_moment(struct llmp_buf *out, const char *name, bool known,
                       uint64_t wall_ns)
{
    char text[LLMP_MOMENT_SIZE];

    if (known)
        (void)llmp_moment_write(text, wall_ns);
    (void)llmp_buf_printf(out, known ? ",\"%s\":\"%s\"" : ",\"%s\":null", name,
                          text);
}

/* Per million tokens or characters, per minute, or each: as the table has it.
 */
static void add_tier(struct llmp_buf *out, const struct llmp_price *price,
                     uint32_t tier)
{
    (void)llmp_buf_printf(
        out, "%s{\"above\":%llu", tier ? "," : "",
        (unsigned long long)llmp_price_tier_above(price, tier));
    for (unsigned i = 0; i < LLMP_PRICE_ITEM_COUNT; i++) {
        char text[LLMP_NANOS_TEXT_MAX];
        uint64_t nanos;

        if (llmp_price_item(price, tier, (enum llmp_price_item)i, &nanos) !=
            LLMP_OK)
            continue;
        (void)llmp_nanos_write(nanos, text);
        (void)llmp_buf_printf(out, ",\"%s\":\"%s\"",
                              llmp_price_item_name((enum llmp_price_item)i),
                              text);
    }
    (void)llmp_buf_add(out, LLMP_STR("}"));
}

static void add_price(struct llmp_buf *out, const struct llmp_price *price)
{
    struct llmp_price_info info = { .size = sizeof(info) };

    llmp_price_describe(price, &info);
    (void)llmp_buf_add(out, LLMP_STR(",\"status\":\"known\""));
    add_text(out, "currency", info.currency);
    add_text(out, "entry_provider", info.provider);
    add_text(out, "entry_model", info.model);
    add_text(out, "source", info.source);
    add_text(out, "as_of", info.as_of);
    add_text(out, "table", info.table_version);
    add_moment(out, "from", info.from_ns != 0, info.from_ns);
    add_moment(out, "until", info.until_ns != UINT64_MAX, info.until_ns);
    (void)llmp_buf_printf(out, ",\"certain_hours\":%s,\"tiers\":[",
                          info.partial ? "true" : "false");
    for (uint32_t i = 0; i <= info.tier_count; i++)
        add_tier(out, price, i);
    (void)llmp_buf_add(out, LLMP_STR("]"));
}

/* What stands behind a pattern is known when somebody asks for it by name. */
static void add_model(struct llmp_admin *a, const struct llmp_model *model,
                      const struct llmp_deployment *at, struct llmp_str name,
                      bool first)
{
    struct llmp_buf *out = &a->out;
    bool pattern = name.ptr[name.len - 1] == '*';
    const struct llmp_deployment_name deployment = {
        .provider = at->provider->name,
        .vendor = at->provider->vendor,
        .upstream = pattern ? name : llmp_model_upstream(model, at, name),
    };
    const struct llmp_price *price =
        pattern ? NULL
                : llmp_deployment_price(a->access->prices, &deployment,
                                        a->now.wall_ns);

    (void)llmp_buf_add(out, first ? LLMP_STR("{\"model\":")
                                  : LLMP_STR(",{\"model\":"));
    (void)llmp_buf_json(out, name);
    add_text(out, "provider", deployment.provider);
    add_text(out, "upstream", deployment.upstream);
    if (price)
        add_price(out, price);
    else
        add_text(out, "status",
                 pattern ? LLMP_STR("pattern") : LLMP_STR("unknown"));
    (void)llmp_buf_add(out, LLMP_STR("}"));
}

/* Each has a price of its own. */
static void add_deployments(struct llmp_admin *a,
                            const struct llmp_model *model,
                            struct llmp_str name, bool first)
{
    for (size_t d = 0; d < model->deployment_count; d++)
        add_model(a, model, &model->deployments[d], name, first && d == 0);
}

int llmp_admin_prices(struct llmp_admin *a)
{
    const struct llmp_config *config = a->access->config;
    const struct llmp_model *model;
    struct llmp_str name;

    LLMP_TRY(llmp_admin_may(a, LLMP_ACTION_PRICE_READ, NULL));
    LLMP_TRY(llmp_admin_parameter(a, "model", &name));
    llmp_admin_list_begin(a);
    if (name.len) {
        model = llmp_config_model(config, name);
        if (model)
            add_deployments(a, model, name, true);
    } else {
        for (size_t i = 0; i < config->model_count; i++)
            add_deployments(a, &config->models[i], config->models[i].name,
                            i == 0);
    }
    llmp_admin_list_end(a, (struct llmp_str){ NULL, 0 });
    return LLMP_OK;
}
