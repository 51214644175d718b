/* SPDX-License-Identifier: Apache-2.0 */
/* An explanation as a table for people, and as JSON for programs. */
#include "base/internal.h"
#include "base/json_out.h"
#include "gateway/explain.h"

static const char *const feature_names[] = {
    [LLMP_FEATURE_TOKENS] = "tokens",
    [LLMP_FEATURE_OUTPUT_TOKENS] = "output_tokens",
    [LLMP_FEATURE_TURNS] = "turns",
    [LLMP_FEATURE_TOOLS] = "tools",
    [LLMP_FEATURE_MEDIA] = "media",
    [LLMP_FEATURE_BYTES] = "bytes",
    [LLMP_FEATURE_CODE] = "code",
    [LLMP_FEATURE_QUESTIONS] = "questions",
    [LLMP_FEATURE_STEPS] = "steps",
    [LLMP_FEATURE_MATHS] = "maths",
    [LLMP_FEATURE_TERM] = "term",
};

/* "tried" stands for what a deployment cannot be told: it is passed over. */
static const char *reason_name(const struct llmp_explained *one)
{
    return one->reason.why == LLMP_WHY_TRIED
               ? "unsupported"
               : llmp_route_why_name(one->reason.why);
}

static bool is_chosen(const struct llmp_explanation *e, size_t index)
{
    return index == e->chosen;
}

/* Would it answer if those before it did not? */
static const char *verdict(const struct llmp_explanation *e, size_t index)
{
    if (is_chosen(e, index))
        return "chosen";
    return e->all[index].reason.why >= LLMP_WHY_LATER_TIER ? "next" : "no";
}

static void write_price(char out[LLMP_NANOS_TEXT_MAX], uint64_t nanos)
{
    if (nanos == UINT64_MAX)
        (void)llmp_put_str(out, (struct llmp_str){ "unknown", 8 });
    else
        (void)llmp_nanos_write(nanos, out);
}

/* ---- for people --------------------------------------------------------- */

static void add_score(struct llmp_buf *out, const struct llmp_explanation *e)
{
    const struct llmp_complexity_config *c = &e->model->complexity;
    const char *between = " (";

    if (e->model->strategy != LLMP_ROUTE_COMPLEXITY)
        return;
    (void)llmp_buf_printf(out, "complexity  %d points, level %u",
                          e->score.score, e->score.level);
    for (size_t i = 0; i < c->rule_count; i++) {
        const struct llmp_route_rule *rule = &c->rules[i];

        if (!(e->score.rules >> i & 1))
            continue;
        (void)llmp_buf_printf(out, "%s%s%s%.*s >= %llu: %+d", between,
                              feature_names[rule->feature],
                              rule->term.len ? " " : "", (int)rule->term.len,
                              rule->term.ptr,
                              (unsigned long long)rule->at_least, rule->points);
        between = ", ";
    }
    (void)llmp_buf_printf(out, "%s\n", between[0] == ',' ? ")" : "");
}

static void add_head(struct llmp_buf *out, const struct llmp_explanation *e)
{
    (void)llmp_buf_printf(out, "model       %.*s, strategy %s\n",
                          (int)e->asked.len, e->asked.ptr,
                          llmp_route_strategy_name(e->model->strategy));
    (void)llmp_buf_printf(out, "prompt      about %llu tokens%s\n",
                          (unsigned long long)e->input_tokens,
                          e->stream ? ", streamed" : "");
    add_score(out, e);
    if (e->rule != SIZE_MAX)
        (void)llmp_buf_printf(out, "rule        number %zu of %zu\n",
                              e->rule + 1, e->model->rule_count);
    else if (e->model->rule_count)
        (void)llmp_buf_printf(out, "rule        none of %zu holds\n",
                              e->model->rule_count);
    if (!e->regions.bound)
        return;
    (void)llmp_buf_printf(out, "residency   ");
    for (size_t i = 0; i < e->region_names.count; i++)
        (void)llmp_buf_printf(out, "%s%.*s", i ? ", " : "",
                              (int)e->region_names.items[i].len,
                              e->region_names.items[i].ptr);
    (void)llmp_buf_printf(out, e->region_names.count ? "\n" : "no region\n");
}

static void add_line(struct llmp_buf *out, const struct llmp_explanation *e,
                     size_t index, int width)
{
    const struct llmp_explained *one = &e->all[index];
    struct llmp_str region = one->deployment->region;
    char price[LLMP_NANOS_TEXT_MAX];

    write_price(price, one->price);
    if (!region.len)
        region = LLMP_STR("-");
    (void)llmp_buf_printf(out, "%-*.*s  %-7s  %-13s  %-12.*s  %10s  %6u\n",
                          width, (int)one->deployment->id.len,
                          one->deployment->id.ptr, verdict(e, index),
                          reason_name(one), (int)region.len, region.ptr, price,
                          one->deployment->weight);
}

static void add_table(struct llmp_buf *out, const struct llmp_explanation *e)
{
    int width = 10;

    for (size_t i = 0; i < e->count; i++)
        if (e->all[i].deployment->id.len > (size_t)width &&
            e->all[i].deployment->id.len <= 64)
            width = (int)e->all[i].deployment->id.len;
    (void)llmp_buf_printf(out, "\n%-*s  %-7s  %-13s  %-12s  %10s  %6s\n", width,
                          "DEPLOYMENT", "VERDICT", "REASON", "REGION", "PRICE",
                          "WEIGHT");
    for (size_t i = 0; i < e->count; i++)
        add_line(out, e, i, width);
    (void)llmp_buf_printf(out,
                          "\nprices: a thousand tokens in and a thousand out, "
                          "in %.*s\n",
                          (int)e->config->prices.currency.len,
                          e->config->prices.currency.ptr);
}

static void add_lost(struct llmp_buf *out, const struct llmp_explanation *e)
{
    for (size_t i = 0; i < e->count; i++) {
        const struct llmp_explained *one = &e->all[i];

        if (!one->lost_count && !one->untold)
            continue;
        (void)llmp_buf_printf(out, "%.*s %s", (int)one->deployment->id.len,
                              one->deployment->id.ptr,
                              one->untold ? "cannot be told"
                                          : "would not be told");
        for (uint32_t k = 0; k < one->lost_count; k++)
            (void)llmp_buf_printf(out, "%s %.*s", k ? "," : ":",
                                  (int)one->lost[k].len, one->lost[k].ptr);
        (void)llmp_buf_printf(out, "%s\n",
                              one->untold && !e->model->drop_unsupported
                                  ? " (on_unsupported: reject)"
                                  : "");
    }
}

void llmp_explain_text(struct llmp_buf *out, const struct llmp_explanation *e)
{
    if (e->count) {
        add_head(out, e);
        add_table(out, e);
        add_lost(out, e);
    }
    if (e->refusal.status)
        (void)llmp_buf_printf(out, "%srefused: %u %s: %.*s\n",
                              e->count ? "\n" : "", e->refusal.status,
                              e->refusal.code, (int)e->refusal.message.len,
                              e->refusal.message.ptr);
}

/* ---- for programs ------------------------------------------------------- */

static void put_names(struct llmp_json_out *out, struct llmp_str key,
                      const struct llmp_str *names, size_t count)
{
    llmp_out_array(out, key);
    for (size_t i = 0; i < count; i++)
        llmp_out_string(out, LLMP_NO_KEY, names[i]);
    llmp_out_end_array(out);
}

static void put_i64(struct llmp_json_out *out, struct llmp_str key, int64_t n)
{
    char text[24];
    char *end = text;

    if (n < 0)
        *end++ = '-';
    end = llmp_put_u64(end, n < 0 ? -(uint64_t)n : (uint64_t)n);
    llmp_out_raw(out, key, (struct llmp_str){ text, (size_t)(end - text) });
}

static void put_score(struct llmp_json_out *out,
                      const struct llmp_explanation *e)
{
    const struct llmp_complexity_config *c = &e->model->complexity;

    llmp_out_object(out, LLMP_STR("complexity"));
    put_i64(out, LLMP_STR("score"), e->score.score);
    llmp_out_u64(out, LLMP_STR("level"), e->score.level);
    llmp_out_array(out, LLMP_STR("rules"));
    for (size_t i = 0; i < c->rule_count; i++) {
        if (!(e->score.rules >> i & 1))
            continue;
        llmp_out_object(out, LLMP_NO_KEY);
        llmp_out_string(out, LLMP_STR("feature"),
                        llmp_str_of(feature_names[c->rules[i].feature]));
        llmp_out_u64(out, LLMP_STR("at_least"), c->rules[i].at_least);
        if (c->rules[i].term.len)
            llmp_out_string(out, LLMP_STR("term"), c->rules[i].term);
        put_i64(out, LLMP_STR("points"), c->rules[i].points);
        llmp_out_end_object(out);
    }
    llmp_out_end_array(out);
    llmp_out_end_object(out);
}

static void put_standing(struct llmp_json_out *out,
                         const struct llmp_explained *one)
{
    char price[LLMP_NANOS_TEXT_MAX];

    write_price(price, one->price);
    if (one->price == UINT64_MAX)
        llmp_out_raw(out, LLMP_STR("price"), LLMP_STR("null"));
    else
        llmp_out_string(out, LLMP_STR("price"), llmp_str_of(price));
    llmp_out_string(out, LLMP_STR("breaker"),
                    llmp_str_of(llmp_route_breaker_name(one->look.breaker)));
    llmp_out_u64(out, LLMP_STR("in_flight"), one->look.in_flight);
}

static void put_deployment(struct llmp_json_out *out,
                           const struct llmp_explanation *e, size_t index)
{
    const struct llmp_explained *one = &e->all[index];
    const struct llmp_deployment *d = one->deployment;

    llmp_out_object(out, LLMP_NO_KEY);
    llmp_out_string(out, LLMP_STR("id"), d->id);
    if (d->name.len)
        llmp_out_string(out, LLMP_STR("name"), d->name);
    llmp_out_string(out, LLMP_STR("provider"), d->provider->name);
    llmp_out_string(out, LLMP_STR("upstream_model"), one->upstream);
    llmp_out_string(out, LLMP_STR("region"), d->region);
    llmp_out_u64(out, LLMP_STR("weight"), d->weight);
    llmp_out_u64(out, LLMP_STR("tier"), d->tier);
    llmp_out_u64(out, LLMP_STR("level"), d->level);
    llmp_out_string(out, LLMP_STR("verdict"), llmp_str_of(verdict(e, index)));
    llmp_out_string(out, LLMP_STR("reason"), llmp_str_of(reason_name(one)));
    put_standing(out, one);
    llmp_out_bool(out, LLMP_STR("translated"), one->translated);
    llmp_out_bool(out, LLMP_STR("supported"), !one->untold);
    put_names(out, LLMP_STR("lost"), one->lost, one->lost_count);
    llmp_out_end_object(out);
}

static void put_model(struct llmp_json_out *out,
                      const struct llmp_explanation *e)
{
    llmp_out_string(out, LLMP_STR("strategy"),
                    llmp_str_of(llmp_route_strategy_name(e->model->strategy)));
    llmp_out_string(out, LLMP_STR("on_unsupported"),
                    e->model->drop_unsupported ? LLMP_STR("drop")
                                               : LLMP_STR("reject"));
    if (e->regions.bound)
        put_names(out, LLMP_STR("residency"), e->region_names.items,
                  e->region_names.count);
    if (e->rule != SIZE_MAX)
        llmp_out_u64(out, LLMP_STR("rule"), e->rule + 1);
    if (e->model->strategy == LLMP_ROUTE_COMPLEXITY)
        put_score(out, e);
    llmp_out_string(out, LLMP_STR("currency"), e->config->prices.currency);
    llmp_out_array(out, LLMP_STR("deployments"));
    for (size_t i = 0; i < e->count; i++)
        put_deployment(out, e, i);
    llmp_out_end_array(out);
}

void llmp_explain_json(struct llmp_buf *buf, const struct llmp_explanation *e)
{
    struct llmp_json_out out = { .buf = buf };

    llmp_out_object(&out, LLMP_NO_KEY);
    llmp_out_string(&out, LLMP_STR("model"), e->asked);
    llmp_out_string(&out, LLMP_STR("operation"), e->operation->name);
    llmp_out_u64(&out, LLMP_STR("input_tokens"), e->input_tokens);
    if (e->chosen != SIZE_MAX)
        llmp_out_string(&out, LLMP_STR("chosen"),
                        e->all[e->chosen].deployment->id);
    if (e->refusal.status) {
        llmp_out_object(&out, LLMP_STR("refusal"));
        llmp_out_u64(&out, LLMP_STR("status"), e->refusal.status);
        llmp_out_string(&out, LLMP_STR("code"), llmp_str_of(e->refusal.code));
        llmp_out_string(&out, LLMP_STR("message"), e->refusal.message);
        llmp_out_end_object(&out);
    }
    if (e->count)
        put_model(&out, e);
    llmp_out_end_object(&out);
    (void)llmp_buf_add(buf, LLMP_STR("\n"));
}
