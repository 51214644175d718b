/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/downgrade.h"

#include "base/alloc.h"
#include "base/internal.h"
#include "base/str.h"
#include "gateway/access.h"
#include "gateway/pricing.h"

enum { SAMPLE_TOKENS = 1000 };

/* In the budget's currency; false: nobody knows. */
static bool sample_cost(const struct llmp_config *config,
                        const struct llmp_prices *prices,
                        struct llmp_named_model at, uint64_t wall_ns,
                        uint64_t *nanos)
{
    /* The first one stands for all: they answer the same. */
    const struct llmp_deployment *deployment = &at.model->deployments[0];
    const struct llmp_price *price = llmp_provider_price(
        prices, deployment->provider,
        llmp_model_upstream(at.model, deployment, at.name), wall_ns);
    struct llmp_usage usage;

    llmp_usage_init(&usage);
    usage.requests = 1;
    usage.input_tokens = usage.output_tokens = SAMPLE_TOKENS;
    return price && llmp_deployment_cost(config, price, &usage,
                                         config->prices.currency, nanos);
}

bool llmp_downgrade_is_dearer(const struct llmp_config *config,
                              const struct llmp_prices *prices,
                              struct llmp_named_model from,
                              struct llmp_named_model to, uint64_t wall_ns)
{
    uint64_t before, after;

    return sample_cost(config, prices, from, wall_ns, &before) &&
           sample_cost(config, prices, to, wall_ns, &after) && after > before;
}

/* ---- what looks like a mistake ------------------------------------------- */

struct warning {
    const struct llmp_config *config;
    const struct llmp_prices *prices;
    uint64_t wall_ns;
    struct llmp_buf text;
};

/* Models with a price are there, and none costs more than this one. */
static bool saves_nothing(const struct warning *w, struct llmp_named_model to)
{
    uint64_t target, other;
    bool compared = false;

    if (!sample_cost(w->config, w->prices, to, w->wall_ns, &target))
        return false;
    for (size_t i = 0; i < w->config->literal_count; i++) {
        const struct llmp_model *model = &w->config->models[i];
        const struct llmp_named_model from = { model, model->name };

        if (model == to.model ||
            !sample_cost(w->config, w->prices, from, w->wall_ns, &other))
            continue;
        compared = true;
        if (other > target)
            return false;
    }
    return compared;
}

static void look_at(struct warning *w, enum llmp_limit_kind kind,
                    struct llmp_str name, const struct llmp_allowance *limits)
{
    struct llmp_str to = limits->downgrade;
    const struct llmp_named_model target = {
        to.len ? llmp_config_model(w->config, to) : NULL, to
    };

    if (target.model && saves_nothing(w, target))
        (void)llmp_buf_printf(&w->text,
                              "the budget of %s '%.*s' leads to '%.*s' when it "
                              "is nearly spent, and no model costs more\n",
                              llmp_limit_kind_name(kind), (int)name.len,
                              name.ptr, (int)to.len, to.ptr);
}

int llmp_config_write_warnings(const struct llmp_config *config,
                               uint64_t wall_ns, llmp_text_sink sink, void *ctx)
{
    struct warning w = { .config = config, .wall_ns = wall_ns };
    const struct llmp_auth_config *auth = &config->auth;
    struct llmp_prices *prices;
    int rc;

    LLMP_TRY(llmp_access_prices(&prices, config, NULL));
    w.prices = prices;
    for (size_t i = 0; i < auth->key_count; i++)
        look_at(&w, LLMP_LIMIT_KEY, auth->keys[i].options.id,
                &auth->keys[i].limits);
    for (size_t i = 0; i < auth->owner_count; i++)
        look_at(&w, auth->owners[i].kind, auth->owners[i].name,
                &auth->owners[i].limits);
    llmp_prices_unref(prices);
    if (!w.text.failed && w.text.len)
        sink(llmp_buf_str(&w.text), ctx);
    rc = w.text.failed ? LLMP_E_NOMEM : LLMP_OK;
    llmp_buf_fini(&w.text);
    return rc;
}
