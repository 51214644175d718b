/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of models when every name lies behind patterns of several
 * providers: they are asked one after the other, and what they list is shown
 * under the names that lead there. One that fails is left out, and so are those
 * that have not answered when the time for all of them is over.
 */
#include "base/internal.h"
#include "base/json_text.h"
#include "gateway/exchange.h"

enum {
    LIST_BYTES_MAX = 1 << 20,
    VISIBLE_MAX = 512,
    ONE_TIMEOUT_MS = 2000, /* of one provider */
    LIST_TIMEOUT_MS = 5000 /* of all together */
};

void llmp_x_add_model(struct llmp_buf *out, const struct llmp_model *model,
                      struct llmp_str id)
{
    (void)llmp_buf_add(out, LLMP_STR("{\"id\":"));
    (void)llmp_buf_json(out, id);
    (void)llmp_buf_add(
        out, LLMP_STR(",\"object\":\"model\",\"created\":0,\"owned_by\":"));
    (void)llmp_buf_json(out, model->deployments[0].provider->name);
    (void)llmp_buf_add(out, LLMP_STR("}"));
}

/* Shows one of the asked provider's models under the name that a pattern
 * turns into its id; one that no pattern takes is not to be had here. */
static void show(struct llmp_exchange *x, struct llmp_str id)
{
    const struct llmp_config *config = x->config;
    char text[VISIBLE_MAX];

    for (size_t i = config->literal_count; i < config->model_count; i++) {
        const struct llmp_model *model = &config->models[i];
        struct llmp_str strip = model->strip;

        if (model->deployments[0].provider !=
                x->attempt->deployment->provider ||
            strip.len + id.len > sizeof(text))
            continue;

        struct llmp_str name = { text, strip.len + id.len };

        (void)llmp_put_str(llmp_put_str(text, strip), id);
        if (llmp_config_model(config, name) != model ||
            !llmp_grant_has_model(x->principal.grant, name))
            continue;
        if (x->list.shown++)
            (void)llmp_buf_add(&x->out, LLMP_STR(","));
        llmp_x_add_model(&x->out, model, name);
        return;
    }
}

/* {"data":[{"id":"…", …}, …]} */
static void read_list(struct llmp_exchange *x)
{
    LLMP_AUTO(llmp_json_fini) struct llmp_json reader;
    struct llmp_json_token token;
    bool data = false, inside = false, id = false;
    char text[VISIBLE_MAX];

    llmp_json_init(&reader, 0);
    llmp_json_feed(&reader, llmp_buf_str(&x->body), true);
    while (llmp_json_next(&reader, &token, NULL) == LLMP_OK) {
        bool key = token.type == LLMP_JSON_KEY;

        if (token.depth == 1) {
            inside = data && token.type == LLMP_JSON_ARRAY;
            data = key && llmp_str_eq(token.text, LLMP_STR("data"));
        } else if (inside && token.depth == 3) {
            if (id && token.type == LLMP_JSON_STRING &&
                token.text.len <= sizeof(text))
                show(x, (struct llmp_str){
                            text, llmp_json_unescape(text, token.text) });
            id = key && llmp_str_eq(token.text, LLMP_STR("id"));
        }
    }
}

static const struct llmp_x_receiver receiver;

static const struct llmp_model *pattern_of(const struct llmp_config *config,
                                           const struct llmp_provider *provider)
{
    for (size_t i = config->literal_count; i < config->model_count; i++)
        if (config->models[i].deployments[0].provider == provider)
            return &config->models[i];
    return NULL;
}

static void ask_next(struct llmp_exchange *x)
{
    const struct llmp_config *config = x->config;

    x->body.len = 0;
    x->body.failed = false;
    x->list.good = false;
    while (x->list.next < config->provider_count &&
           x->now.mono_ns < x->list.until_ns) {
        const struct llmp_provider *provider =
            &config->providers[x->list.next++];

        x->model = pattern_of(config, provider);
        if (!x->model)
            continue;
        x->attempt->deployment = &x->model->deployments[0];
        llmp_x_call_get(x, LLMP_STR("/models"), &receiver);

        uint64_t left_ms = (x->list.until_ns - x->now.mono_ns) / LLMP_NS_PER_MS;

        if (x->state == LLMP_X_CALLING)
            llmp_x_deadline(x, left_ms < ONE_TIMEOUT_MS ? left_ms
                                                        : ONE_TIMEOUT_MS);
        return;
    }
    x->model = NULL;
    (void)llmp_buf_add(&x->out, LLMP_STR("]}"));
    if (x->out.failed)
        llmp_x_refuse_nomem(x);
    else
        llmp_x_answer_whole(x, 200, LLMP_STR("application/json"),
                            LLMP_END_COMPLETE);
}

void llmp_x_list_models(struct llmp_exchange *x)
{
    x->list.until_ns = llmp_add_sat(x->now.mono_ns,
                                    (uint64_t)LIST_TIMEOUT_MS * LLMP_NS_PER_MS);
    x->body.limit = LIST_BYTES_MAX;
    x->out.len = 0;
    (void)llmp_buf_add(&x->out, LLMP_STR("{\"object\":\"list\",\"data\":["));
    ask_next(x);
}

static void list_head(struct llmp_exchange *x,
                      const struct llmp_response_head *head)
{
    x->list.good = head->status == 200;
}

static void list_body(struct llmp_exchange *x, struct llmp_str bytes)
{
    x->list.good = x->list.good && llmp_buf_add(&x->body, bytes);
}

/* The call is over, well or not; one that is too slow is cancelled. */
static void list_over(struct llmp_exchange *x, const struct llmp_x_over *over)
{
    llmp_x_cancel_call(x);
    if (over->how == LLMP_X_ENDED_WELL && x->list.good)
        read_list(x);
    ask_next(x);
}

static const struct llmp_x_receiver receiver = {
    .head = list_head,
    .body = list_body,
    .over = list_over,
};
