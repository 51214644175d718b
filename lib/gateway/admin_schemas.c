/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas of rows that are no records: usage, budgets, events, prices. Tables,
 * one a row, in the order in which the handlers write the members.
 */
#include "base/internal.h"
#include "gateway/admin.h"

#define TEXT    "{\"type\":\"string\"}"
#define DAY     "{\"type\":\"string\",\"format\":\"date\"}"
#define MOMENT  "{\"type\":\"string\",\"format\":\"date-time\"}"
#define MAYBE   "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define INTEGER "{\"type\":\"integer\"}"
#define BOOL    "{\"type\":\"boolean\"}"
#define STATE   "{\"type\":[\"object\",\"null\"]}"
#define DECIMAL                \
    "{\"type\":\"string\","    \
    "\"pattern\":\"^-?[0-9]+(" \
    "\\\\.[0-9]+)?$\"}"
#define NEXT "{\"type\":[\"string\",\"null\"]}"
#define LIST(name)                                                         \
    "{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/" name \
    "\"}}"

struct member {
    const char *name, *schema;
    bool optional;
};

static const struct member usage_row[] = {
    { "day", DAY, true },
    { "organisation", TEXT, true },
    { "team", TEXT, true },
    { "user", TEXT, true },
    { "key", TEXT, true },
    { "model", TEXT, true },
    { "requests", INTEGER },
    { "input_tokens", INTEGER },
    { "cached_tokens", INTEGER },
    { "output_tokens", INTEGER },
    { "reasoning_tokens", INTEGER },
    { "rows", INTEGER },
    { "rows_estimated", INTEGER },
    { "rows_unknown", INTEGER },
    { "rows_cost_unknown", INTEGER },
    { "cost", DECIMAL },
    { "currency", TEXT },
};

static const struct member budget[] = {
    { "kind", "{\"enum\":[\"key\",\"user\",\"team\",\"organisation\"]}" },
    { "id", TEXT },
    { "unit", TEXT },
    { "window", TEXT },
    { "limit", DECIMAL },
    { "used", DECIMAL },
    { "remaining", DECIMAL },
    { "reset_s", INTEGER },
};

static const struct member event[] = {
    { "seq", INTEGER },    { "at", MOMENT },    { "id", TEXT },
    { "actor", TEXT },     { "action", TEXT },  { "object_kind", TEXT },
    { "object_id", TEXT }, { "before", STATE }, { "after", STATE },
};

static const struct member price[] = {
    { "model", TEXT },
    { "provider", TEXT },
    { "upstream", TEXT },
    { "status", "{\"enum\":[\"known\",\"unknown\",\"pattern\"],"
                "\"description\":\"pattern: ask for a name with `model`.\"}" },
    { "currency", TEXT, true },
    { "entry_provider", TEXT, true },
    { "entry_model", TEXT, true },
    { "source", TEXT, true },
    { "as_of", TEXT, true },
    { "table", TEXT, true },
    { "from", MAYBE, true },
    { "until", MAYBE, true },
    { "certain_hours", BOOL, true },
    { "tiers",
      "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":"
      "[\"above\"],\"properties\":{\"above\":{\"type\":\"integer\"}},"
      "\"additionalProperties\":" DECIMAL "}}",
      true },
};

static const struct member repriced_model[] = {
    { "model", TEXT },
    { "currency", TEXT },
    { "rows", INTEGER },
    { "changed", INTEGER },
    { "rows_unknown_before", INTEGER },
    { "rows_unknown_after", INTEGER },
    { "before", DECIMAL },
    { "after", DECIMAL },
};

static const struct member reprice[] = {
    { "run", TEXT },
    { "from", MOMENT },
    { "to", MAYBE },
    { "model", NEXT },
    { "only_unknown", BOOL },
    { "prices", TEXT },
    { "dry_run", BOOL },
    { "rows", INTEGER },
    { "changed", INTEGER },
    { "unpriced", INTEGER },
    { "models", LIST("RepricedModel") },
    { "next", NEXT },
};

#define OBJECT "{\"type\":\"object\"}"
#define TEXTS  "{\"type\":\"array\",\"items\":{\"type\":\"string\"}}"

static const struct member explain[] = {
    { "request", "{\"type\":\"object\",\"description\":\"As a client would "
                 "send it.\"}" },
    { "path", TEXT, true },
    { "key", TEXT, true },
    { "headers",
      "{\"type\":\"object\",\"maxProperties\":64,\"additionalProperties\":" TEXT
      ",\"description\":\"Names in lower case.\"}",
      true },
};

static const struct member explained[] = {
    { "id", TEXT },
    { "name", TEXT, true },
    { "provider", TEXT },
    { "upstream_model", TEXT },
    { "region", TEXT },
    { "weight", INTEGER },
    { "tier", INTEGER },
    { "level", INTEGER },
    { "verdict", "{\"enum\":[\"chosen\",\"next\",\"no\"]}" },
    { "reason", TEXT },
    { "price", "{\"type\":[\"string\",\"null\"]}" },
    { "breaker", TEXT },
    { "in_flight", INTEGER },
    { "translated", BOOL },
    { "supported", BOOL },
    { "lost", TEXTS },
};

static const struct member explanation[] = {
    { "model", TEXT },
    { "operation", TEXT },
    { "input_tokens", INTEGER },
    { "chosen", TEXT, true },
    { "refusal", OBJECT, true },
    { "strategy", TEXT, true },
    { "on_unsupported", TEXT, true },
    { "residency", TEXTS, true },
    { "rule", INTEGER, true },
    { "complexity", OBJECT, true },
    { "currency", TEXT, true },
    { "deployments", LIST("ExplainedDeployment"), true },
};

static void add_row(struct llmp_buf *out, const char *name,
                    const struct member *members, size_t count)
{
    const char *comma = "";

    (void)llmp_buf_printf(out,
                          "\"%s\":{\"type\":\"object\","
                          "\"additionalProperties\":false,\"properties\":{",
                          name);
    for (size_t i = 0; i < count; i++)
        (void)llmp_buf_printf(out, "%s\"%s\":%s", i ? "," : "", members[i].name,
                              members[i].schema);
    (void)llmp_buf_add(out, LLMP_STR("},\"required\":["));
    for (size_t i = 0; i < count; i++) {
        if (members[i].optional)
            continue;
        (void)llmp_buf_printf(out, "%s\"%s\"", comma, members[i].name);
        comma = ",";
    }
    (void)llmp_buf_add(out, LLMP_STR("]},"));
}

void llmp_admin_write_rows(struct llmp_buf *out)
{
    add_row(out, "UsageRow", usage_row, LLMP_COUNT(usage_row));
    add_row(out, "Budget", budget, LLMP_COUNT(budget));
    add_row(out, "Event", event, LLMP_COUNT(event));
    add_row(out, "Price", price, LLMP_COUNT(price));
    add_row(out, "Explain", explain, LLMP_COUNT(explain));
    add_row(out, "ExplainedDeployment", explained, LLMP_COUNT(explained));
    add_row(out, "Explanation", explanation, LLMP_COUNT(explanation));
    add_row(out, "RepricedModel", repriced_model, LLMP_COUNT(repriced_model));
    add_row(out, "Reprice", reprice, LLMP_COUNT(reprice));
}
