/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The OpenAPI document, from the routes and the table of fields. What is not in
 * either is written out here (lists, errors) and in admin_schemas.c.
 */
#include "base/internal.h"
#include "gateway/admin.h"

#define TEXT   "{\"type\":\"string\"}"
#define MOMENT "{\"type\":\"string\",\"format\":\"date-time\"}"
#define BOOL   "{\"type\":\"boolean\"}"

#define REF(name) "{\"$ref\":\"#/components/schemas/" name "\"}"

static void add(struct llmp_buf *out, const char *text)
{
    (void)llmp_buf_add(out, llmp_str_of(text));
}

static void add_json(struct llmp_buf *out, const char *text)
{
    (void)llmp_buf_json(out, llmp_str_of(text));
}

/* ---- fields ------------------------------------------------------------- */

static void add_count(struct llmp_buf *out, unsigned member)
{
    const struct llmp_limit_field *field = &llmp_limit_fields[member];
    bool soft = member == LLMP_MEMBER_BUDGET_SOFT;

    (void)llmp_buf_printf(out, "\"%s\":", field->name);
    if (member >= LLMP_MEMBER_BUDGET_DAY && !soft)
        add(out, "{\"type\":[\"string\",\"null\"],\"pattern\":"
                 "\"^[0-9]{1,9}(\\\\.[0-9]{1,9})?$\"");
    else
        (void)llmp_buf_printf(out,
                              "{\"type\":[\"integer\",\"null\"],"
                              "\"minimum\":%d,\"maximum\":%llu",
                              soft, (unsigned long long)field->max);
    add(out, ",\"description\":");
    add_json(out, field->help);
    add(out, "}");
}

static void add_limits(struct llmp_buf *out)
{
    add(out, "\"Limits\":{\"type\":\"object\",\"additionalProperties\":false,"
             "\"properties\":{");
    for (unsigned i = 0; i < LLMP_MEMBER_BUDGET_DAY; i++) {
        add_count(out, i);
        add(out, ",");
    }
    add(out, "\"budget\":{\"type\":[\"object\",\"null\"],"
             "\"additionalProperties\":false,\"properties\":{");
    for (unsigned i = LLMP_MEMBER_BUDGET_DAY; i < LLMP_LIMIT_MEMBERS; i++) {
        add_count(out, i);
        add(out, ",");
    }
    add(out, "\"downgrade\":{\"type\":[\"string\",\"null\"],\"description\":"
             "\"Name of a model that answers instead once `soft` is "
             "reached.\"}}}}}");
}

static void add_type(struct llmp_buf *out, const struct llmp_field *field,
                     bool request)
{
    const char *null = request ? ",\"null\"" : "";

    switch (field->type) {
    case LLMP_FIELD_TEXT:
        (void)llmp_buf_printf(out, "\"type\":[\"string\"%s],\"maxLength\":%u",
                              null, (unsigned)field->max);
        return;
    case LLMP_FIELD_TEXTS:
        (void)llmp_buf_printf(
            out,
            "\"type\":[\"array\"%s],\"maxItems\":%u,\"items\":"
            "{\"type\":\"string\",\"minLength\":1,\"maxLength\":256}",
            null, (unsigned)field->max);
        return;
    case LLMP_FIELD_ROLE:
        (void)llmp_buf_printf(
            out,
            "\"type\":[\"string\"%s],\"enum\":[\"user\",\"service\","
            "\"developer\",\"auditor\",\"admin\"%s]",
            null, request ? ",null" : "");
        return;
    case LLMP_FIELD_MOMENT:
        (void)llmp_buf_printf(
            out, "\"type\":[\"string\"%s],\"format\":\"date-time\"", null);
        return;
    case LLMP_FIELD_BOOL:
        (void)llmp_buf_printf(out, "\"type\":[\"boolean\"%s]", null);
        return;
    case LLMP_FIELD_LIMITS:
        if (request)
            add(out, "\"anyOf\":[{\"$ref\":\"#/components/schemas/Limits\"},"
                     "{\"type\":\"null\"}]");
        else
            add(out, "\"$ref\":\"#/components/schemas/Limits\"");
        return;
    case LLMP_FIELD_HASHES:
        return;
    }
}

enum form { ANSWER, CREATE, UPDATE };

static bool has_field(const struct llmp_field *field,
                      enum llmp_record_kind kind, enum form form)
{
    bool id = field->offset == offsetof(struct llmp_record, id);

    if (!(field->kinds >> kind & 1) || field->type == LLMP_FIELD_HASHES)
        return false;
    return form == ANSWER || field->policy ||
           (id && form == CREATE && kind != LLMP_RECORD_KEY);
}

static void add_record(struct llmp_buf *out, const char *name,
                       enum llmp_record_kind kind, enum form form, bool secret)
{
    static const char *const endings[] = { "", "Create", "Update" };
    bool first = true;

    (void)llmp_buf_printf(out,
                          "\"%s%s\":{\"type\":\"object\","
                          "\"additionalProperties\":false,\"properties\":{",
                          name, endings[form]);
    for (size_t i = 0; i < llmp_record_field_count; i++) {
        const struct llmp_field *field = &llmp_record_fields[i];

        if (!has_field(field, kind, form))
            continue;
        (void)llmp_buf_printf(out, "%s\"%s\":{", first ? "" : ",", field->name);
        first = false;
        add_type(out, field, form != ANSWER);
        add(out, ",\"description\":");
        add_json(out, field->help);
        add(out, "}");
    }
    if (form == ANSWER && kind == LLMP_RECORD_KEY)
        add(out, ",\"last_used_at\":" MOMENT ",\"source\":"
                 "{\"enum\":[\"file\",\"store\"],\"description\":\"One of the "
                 "file is changed there.\"}");
    if (secret)
        add(out, ",\"key\":" TEXT);
    add(out, "}");
    if (form == CREATE)
        add(out, kind == LLMP_RECORD_KEY ? ",\"required\":[\"name\"]"
                                         : ",\"required\":[\"id\"]");
    else if (form == ANSWER)
        add(out, secret ? ",\"required\":[\"id\",\"key\"]"
                        : ",\"required\":[\"id\"]");
    add(out, "},");
}

static void add_list(struct llmp_buf *out, const char *name, const char *item)
{
    (void)llmp_buf_printf(
        out,
        "\"%s\":{\"type\":\"object\",\"additionalProperties\":false,"
        "\"required\":[\"object\",\"data\",\"next\"],\"properties\":{"
        "\"object\":{\"const\":\"list\"},\"data\":{\"type\":\"array\","
        "\"items\":%s},\"next\":{\"type\":[\"string\",\"null\"],"
        "\"description\":\"What to ask for the next page with; null: this is "
        "the last.\"}}},",
        name, item);
}

#define TOTP_STATE                                                 \
    "\"user\":" TEXT ",\"state\":{\"enum\":[\"none\",\"pending\"," \
    "\"active\"],\"description\":\"Active once a first code was right.\"}"

#define TOTP_SCHEMAS                                                           \
    "\"NewTotp\":{\"type\":\"object\",\"additionalProperties\":false,"         \
    "\"required\":[\"user\",\"state\",\"secret\",\"uri\"],\"properties\":"     \
    "{" TOTP_STATE                                                             \
    ",\"secret\":{\"type\":\"string\",\"description\":\"Base32, to "           \
    "be typed in.\"},\"uri\":{\"type\":\"string\",\"description\":\"For a QR " \
    "code.\"}}},"                                                              \
    "\"Totp\":{\"type\":\"object\",\"additionalProperties\":false,"            \
    "\"required\":[\"user\",\"state\"],\"properties\":{" TOTP_STATE            \
    ",\"enrolled_at\":" MOMENT ",\"locked_until\":" MOMENT "}},"

#define LIFETIME                                                        \
    "\"lifetime_s\":{\"type\":[\"integer\",\"null\"],\"minimum\":3600," \
    "\"maximum\":86400,\"default\":3600}"

#define NAME(text)                                                       \
    "{\"type\":[\"string\",\"null\"],\"minLength\":1,\"maxLength\":128," \
    "\"description\":\"" text "\"}"

#define TOKEN_SCHEMAS                                                                                                                        \
    "\"Login\":{\"type\":\"object\",\"additionalProperties\":false,"                                                                         \
    "\"required\":[\"code\"],\"properties\":{\"code\":{\"type\":\"string\","                                                                 \
    "\"minLength\":1,\"maxLength\":128,\"description\":\"As the "                                                                            \
    "authenticator "                                                                                                                         \
    "shows it.\"}," LIFETIME "}},"                                                                                                           \
    "\"TokenRequest\":{\"type\":\"object\",\"additionalProperties\":false,"                                                                  \
    "\"properties\":{\"user\":" NAME("For whom; not given: for whoever asks.") ",\"team\":" NAME("Of that user.") ",\"organisation\":" NAME( \
        "Of that user.") ",\"end_user\":" NAME("A user of whoever asks, with "                                                               \
                                               "limits of its own.") ",\"role"                                                               \
                                                                     "\":{"                                                                  \
                                                                     "\"enum"                                                                \
                                                                     "\":["                                                                  \
                                                                     "\"user"                                                                \
                                                                     "\","                                                                   \
                                                                     "\"servi"                                                               \
                                                                     "ce\","                                                                 \
                                                                     "\"devel"                                                               \
                                                                     "oper\","                                                               \
                                                                     "\"audit"                                                               \
                                                                     "or\","                                                                 \
                                                                     "\"admin"                                                               \
                                                                     "\","                                                                   \
                                                                     "null]}"                                                                \
                                                                     "," LIFETIME                                                            \
                                                                     "}},"                                                                   \
                                                                     "\"Token"                                                               \
                                                                     "\":{"                                                                  \
                                                                     "\"type"                                                                \
                                                                     "\":"                                                                   \
                                                                     "\"objec"                                                               \
                                                                     "t\","                                                                  \
                                                                     "\"addit"                                                               \
                                                                     "ionalPr"                                                               \
                                                                     "opertie"                                                               \
                                                                     "s\":"                                                                  \
                                                                     "false,"                                                                \
                                                                     "\"requi"                                                               \
                                                                     "red\":["                                                               \
                                                                     "\"acces"                                                               \
                                                                     "s_"                                                                    \
                                                                     "token\""                                                               \
                                                                     ",\"toke"                                                               \
                                                                     "n_"                                                                    \
                                                                     "type\","                                                               \
                                                                     "\"expir"                                                               \
                                                                     "es_"                                                                   \
                                                                     "in\","                                                                 \
                                                                     "\"user"                                                                \
                                                                     "\","                                                                   \
                                                                     "\"role"                                                                \
                                                                     "\"],"                                                                  \
                                                                     "\"prope"                                                               \
                                                                     "rties\""                                                               \
                                                                     ":{"                                                                    \
                                                                     "\"acces"                                                               \
                                                                     "s_"                                                                    \
                                                                     "token\""                                                               \
                                                                     ":" TEXT                                                                \
                                                                     ",\"toke"                                                               \
                                                                     "n_"                                                                    \
                                                                     "type\":"                                                               \
                                                                     "{\"cons"                                                               \
                                                                     "t\":"                                                                  \
                                                                     "\"Beare"                                                               \
                                                                     "r\"},"                                                                 \
                                                                     "\"expir"                                                               \
                                                                     "es_"                                                                   \
                                                                     "in\":{"                                                                \
                                                                     "\"type"                                                                \
                                                                     "\":"                                                                   \
                                                                     "\"integ"                                                               \
                                                                     "er\"},"                                                                \
                                                                     "\"user"                                                                \
                                                                     "\""                                                                    \
                                                                     ":" TEXT                                                                \
                                                                     ",\"role"                                                               \
                                                                     "\""                                                                    \
                                                                     ":" TEXT                                                                \
                                                                     "}},"

static void add_schemas(struct llmp_buf *out)
{
    static const char *const names[] = { "Key", "User", "Team",
                                         "Organisation" };

    add(out, "\"schemas\":{");
    for (unsigned k = 0; k < LLMP_RECORD_KINDS; k++) {
        LLMP_AUTO(llmp_buf_fini) struct llmp_buf list = { 0 }, item = { 0 };

        for (unsigned form = ANSWER; form <= UPDATE; form++)
            add_record(out, names[k], (enum llmp_record_kind)k, (enum form)form,
                       false);
        (void)llmp_buf_printf(&list, "%sList", names[k]);
        (void)llmp_buf_printf(&item, "{\"$ref\":\"#/components/schemas/%s\"}",
                              names[k]);
        (void)llmp_buf_add(&list, (struct llmp_str){ "", 1 });
        (void)llmp_buf_add(&item, (struct llmp_str){ "", 1 });
        if (list.failed || item.failed)
            out->failed = true;
        else
            add_list(out, list.ptr, item.ptr);
    }
    add_record(out, "NewKey", LLMP_RECORD_KEY, ANSWER, true);
    llmp_admin_write_rows(out);
    add_list(out, "UsageList", REF("UsageRow"));
    add_list(out, "BudgetList", REF("Budget"));
    add_list(out, "EventList", REF("Event"));
    add_list(out, "PriceList", REF("Price"));
    add(out, "\"Rotate\":{\"type\":\"object\",\"properties\":{\"overlap_s\":"
             "{\"type\":\"integer\",\"minimum\":0,\"maximum\":2592000,"
             "\"default\":86400,\"description\":\"Seconds for which the secret "
             "before is accepted.\"}}}," TOTP_SCHEMAS TOKEN_SCHEMAS
             "\"OpenApi\":{\"type\":\"object\"},"
             "\"Health\":{\"type\":\"object\"},"
             "\"Error\":{\"type\":\"object\",\"required\":[\"error\"],"
             "\"properties\":{\"error\":{\"type\":\"object\",\"required\":"
             "[\"code\",\"message\"],\"properties\":{\"code\":" TEXT ","
             "\"message\":" TEXT ",\"field\":{\"type\":[\"string\","
             "\"null\"]}}}}},");
    add_limits(out);
    add(out, "}");
}

/* ---- paths -------------------------------------------------------------- */

static const struct {
    const char *name, *schema, *help;
} parameters[] = {
    { "limit", "{\"type\":\"integer\",\"minimum\":1,\"maximum\":500}",
      "At most so many." },
    { "after", "{\"type\":\"string\",\"minLength\":1,\"maxLength\":128}",
      "`next` of the page before." },
    { "after_seq", "{\"type\":\"integer\",\"minimum\":0}",
      "`next` of the page before." },
    { "skip", "{\"type\":\"integer\",\"minimum\":0,\"maximum\":4294967295}",
      "`next` of the page before." },
    { "user", TEXT, "Only this user's." },
    { "team", TEXT, "Only this team's." },
    { "organisation", TEXT, "Only this organisation's." },
    { "key", TEXT, "Only of this key (its id)." },
    { "model", TEXT, "Only of this model." },
    { "from", MOMENT, "From here on: a day, or a moment." },
    { "to", MOMENT, "Before this moment; a day counts to its end." },
    { "group_by", TEXT,
      "Separated by commas: day, organisation, team, user, key, model." },
    { "only_unknown", BOOL, "Only rows whose cost is unknown." },
    { "dry_run", BOOL, "Nothing is changed." },
    { "run", "{\"type\":\"string\",\"minLength\":1,\"maxLength\":40}",
      "`run` of the page before: one run is one event." },
    { "format", "{\"enum\":[\"json\",\"csv\"]}", "" },
};

static void add_parameter(struct llmp_buf *out, const char *name, size_t len)
{
    for (size_t i = 0; i < LLMP_COUNT(parameters); i++) {
        if (strlen(parameters[i].name) != len ||
            memcmp(parameters[i].name, name, len) != 0)
            continue;
        (void)llmp_buf_printf(
            out,
            ",{\"name\":\"%s\",\"in\":\"query\",\"schema\":%s,"
            "\"description\":",
            parameters[i].name, parameters[i].schema);
        add_json(out, parameters[i].help);
        add(out, "}");
    }
}

/* The list begins with an entry that every route has, so that commas are
 * simple: the way to trace a request. */
static void add_parameters(struct llmp_buf *out,
                           const struct llmp_admin_route *route)
{
    add(out, "\"parameters\":[{\"name\":\"x-request-id\",\"in\":\"header\","
             "\"schema\":{\"type\":\"string\",\"maxLength\":128},"
             "\"description\":\"Comes back in the answer.\"}");
    if (strstr(route->path, "{id}"))
        add(out, ",{\"name\":\"id\",\"in\":\"path\",\"required\":true,"
                 "\"schema\":{\"type\":\"string\",\"minLength\":1,"
                 "\"maxLength\":128}}");
    for (const char *at = route->parameters; at && *at;) {
        size_t len = strcspn(at, " ");

        add_parameter(out, at, len);
        at += len + (at[len] == ' ');
    }
    add(out, "],");
}

static const struct {
    unsigned status;
    const char *text;
} errors[] = {
    { 400, "The request is not usable." },
    { 401, "No credential, or not an accepted one." },
    { 403, "The policy does not allow it." },
    { 404, "There is no such object, or it may not be seen." },
    { 405, "The path takes other methods." },
    { 408, "The request did not arrive in time." },
    { 409, "Somebody else changed it first, or something is in the way." },
    { 413, "The body is larger than 1 MiB." },
    { 414, "The URI is too long." },
    { 415, "The body is not JSON." },
    { 421, "Another host was asked for." },
    { 429, "Too much." },
    { 431, "The head is too large." },
    { 503, "The store does not answer, or too much is under way." },
};

/* Each operation refers to these. */
static void add_responses(struct llmp_buf *out)
{
    add(out, "\"responses\":{");
    for (size_t i = 0; i < LLMP_COUNT(errors); i++)
        (void)llmp_buf_printf(out,
                              "%s\"%u\":{\"description\":\"%s\",\"content\":"
                              "{\"application/json\":{\"schema\":{\"$ref\":"
                              "\"#/components/schemas/Error\"}}}}",
                              i ? "," : "", errors[i].status, errors[i].text);
    add(out, "},");
}

static bool is_open(const struct llmp_admin_route *route)
{
    return strcmp(route->operation, "health") == 0 ||
           strcmp(route->operation, "openapi") == 0;
}

/* What can come of this route: a document that promises everything tells
 * nothing. */
static bool can_fail_with(const struct llmp_admin_route *route, unsigned status)
{
    bool reads = strcmp(route->method, "GET") == 0;

    switch (status) {
    case 401:
    case 403:
    case 429:
        return !is_open(route);
    case 404:
        return !reads || strstr(route->path, "{id}");
    case 409:
    case 415:
        return !reads;
    default:
        return true;
    }
}

static void add_errors(struct llmp_buf *out,
                       const struct llmp_admin_route *route)
{
    for (size_t i = 0; i < LLMP_COUNT(errors); i++)
        if (can_fail_with(route, errors[i].status))
            (void)llmp_buf_printf(
                out, ",\"%u\":{\"$ref\":\"#/components/responses/%u\"}",
                errors[i].status, errors[i].status);
}

static bool is_optional(const char *body)
{
    return strcmp(body, "Rotate") == 0 || strcmp(body, "TokenRequest") == 0;
}

static void add_operation(struct llmp_buf *out,
                          const struct llmp_admin_route *route)
{
    static const char *const methods[][2] = { { "GET", "get" },
                                              { "POST", "post" },
                                              { "PATCH", "patch" },
                                              { "DELETE", "delete" } };
    for (size_t i = 0; i < LLMP_COUNT(methods); i++)
        if (strcmp(route->method, methods[i][0]) == 0)
            (void)llmp_buf_printf(out, "\"%s\":{", methods[i][1]);
    (void)llmp_buf_printf(
        out, "\"operationId\":\"%s\",\"summary\":", route->operation);
    add_json(out, route->summary);
    add(out, ",");
    if (is_open(route))
        add(out, "\"security\":[],");
    add_parameters(out, route);
    if (route->body)
        (void)llmp_buf_printf(out,
                              "\"requestBody\":{\"required\":%s,\"content\":"
                              "{\"application/json\":{\"schema\":{\"$ref\":"
                              "\"#/components/schemas/%s\"}}}},",
                              is_optional(route->body) ? "false" : "true",
                              route->body);
    (void)llmp_buf_printf(
        out,
        "\"responses\":{\"%u\":{\"description\":\"Done.\",\"content\":"
        "{\"application/json\":{\"schema\":{\"$ref\":"
        "\"#/components/schemas/%s\"}}%s}}",
        route->status, route->answer,
        strcmp(route->operation, "usage") == 0
            ? ",\"text/csv\":{\"schema\":{\"type\":\"string\"}}"
            : "");
    add_errors(out, route);
    add(out, "}}");
}

static void add_paths(struct llmp_buf *out)
{
    add(out, "\"paths\":{");
    for (size_t i = 0; i < llmp_admin_route_count; i++) {
        const struct llmp_admin_route *route = &llmp_admin_routes[i];
        bool again = false, later = false;

        for (size_t k = 0; k < i; k++)
            again =
                again || strcmp(llmp_admin_routes[k].path, route->path) == 0;
        if (again)
            continue;
        (void)llmp_buf_printf(out, "%s\"%s\":{", i ? "," : "", route->path);
        for (size_t k = i; k < llmp_admin_route_count; k++) {
            if (strcmp(llmp_admin_routes[k].path, route->path) != 0)
                continue;
            if (later)
                add(out, ",");
            later = true;
            add_operation(out, &llmp_admin_routes[k]);
        }
        add(out, "}");
    }
    add(out, "},");
}

static void write(struct llmp_buf *out)
{
    add(out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"llmgw "
             "administration\",\"version\":\"" LLMP_VERSION "\","
             "\"description\":\"Keys, users, teams, organisations, usage. What "
             "somebody may do is decided by role: see "
             "docs/internals/auth.md.\"},"
             "\"servers\":[{\"url\":\"http://127.0.0.1:8081\"}],"
             "\"security\":[{\"key\":[]}],");
    add_paths(out);
    add(out, "\"components\":{\"securitySchemes\":{\"key\":{\"type\":\"http\","
             "\"scheme\":\"bearer\"}},");
    add_responses(out);
    add_schemas(out);
    add(out, "}}");
}

int llmp_admin_openapi(struct llmp_admin *a)
{
    a->status = 200;
    write(&a->out);
    return LLMP_OK;
}

void llmp_admin_write_openapi(llmp_text_sink sink, void *ctx)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf text = { 0 };

    write(&text);
    if (!text.failed)
        sink(llmp_buf_str(&text), ctx);
}
