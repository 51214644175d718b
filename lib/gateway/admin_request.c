/* SPDX-License-Identifier: Apache-2.0 */
/* Routes, parameters, and what goes wrong before anything is done. */
#include <stdio.h>

#include "base/internal.h"
#include "base/json_scan.h"
#include "gateway/admin.h"
#include "gateway/moment.h"
#include "gateway/multipart.h"

#define V1    "/admin/v1/"
#define KEY   LLMP_RECORD_KEY
#define PAGES "limit after"

#define OWNER(kind, one, One, names)                                       \
    { "GET",      V1 names,      llmp_admin_owners_list,                   \
      kind,       "list_" names, "Lists " names ".",                       \
      One "List", NULL,          PAGES,                                    \
      200 },                                                               \
        { "POST", V1 names,      llmp_admin_owners_create,                 \
          kind,   "create_" one, "Makes one.",                             \
          One,    One "Create",  NULL,                                     \
          201 },                                                           \
        { "GET",                                                           \
          V1 names "/{id}",                                                \
          llmp_admin_owners_show,                                          \
          kind,                                                            \
          "show_" one,                                                     \
          "Shows one.",                                                    \
          One,                                                             \
          NULL,                                                            \
          NULL,                                                            \
          200 },                                                           \
        { "PATCH", V1 names "/{id}", llmp_admin_owners_update,             \
          kind,    "update_" one,    "Changes the fields that are given.", \
          One,     One "Update",     NULL,                                 \
          200 },                                                           \
    {                                                                      \
        "DELETE", V1 names "/{id}", llmp_admin_owners_delete, kind,        \
            "delete_" one, "Removes it, unless keys name it.", One, NULL,  \
            NULL, 200                                                      \
    }

const struct llmp_admin_route llmp_admin_routes[] = {
    { "GET", V1 "keys", llmp_admin_keys_list, KEY, "list_keys", "Lists keys.",
      "KeyList", NULL, PAGES " user team organisation", 200 },
    { "POST", V1 "keys", llmp_admin_keys_create, KEY, "create_key",
      "Makes a key; its secret is in this answer and nowhere else.", "NewKey",
      "KeyCreate", NULL, 201 },
    { "GET", V1 "keys/{id}", llmp_admin_keys_show, KEY, "show_key",
      "Shows a key.", "Key", NULL, NULL, 200 },
    { "PATCH", V1 "keys/{id}", llmp_admin_keys_update, KEY, "update_key",
      "Changes the fields that are given.", "Key", "KeyUpdate", NULL, 200 },
    { "DELETE", V1 "keys/{id}", llmp_admin_keys_revoke, KEY, "revoke_key",
      "Revokes a key for ever.", "Key", NULL, NULL, 200 },
    { "POST", V1 "keys/{id}/rotate", llmp_admin_keys_rotate, KEY, "rotate_key",
      "Gives a key a new secret; the one before is accepted for a while.",
      "NewKey", "Rotate", NULL, 200 },
    OWNER(LLMP_RECORD_USER, "user", "User", "users"),
    { "POST", V1 "users/{id}/totp", llmp_admin_totp_enrol, LLMP_RECORD_USER,
      "enrol_totp",
      "Gives the user an authenticator; its secret is in this answer and "
      "nowhere else. It is in use from the first login on.",
      "NewTotp", NULL, NULL, 201 },
    { "GET", V1 "users/{id}/totp", llmp_admin_totp_show, LLMP_RECORD_USER,
      "show_totp", "Whether the user has an authenticator.", "Totp", NULL, NULL,
      200 },
    { "DELETE", V1 "users/{id}/totp", llmp_admin_totp_remove, LLMP_RECORD_USER,
      "remove_totp", "Takes the user's authenticator away.", "Totp", NULL, NULL,
      200 },
    { "POST", V1 "login", llmp_admin_login, LLMP_RECORD_USER, "login",
      "Changes a credential and a one-time code for a token that says so.",
      "Token", "Login", NULL, 200 },
    { "POST", V1 "tokens", llmp_admin_tokens_issue, LLMP_RECORD_USER,
      "issue_token",
      "Issues a short-lived token, never wider than who asks for it.", "Token",
      "TokenRequest", NULL, 200 },
    OWNER(LLMP_RECORD_TEAM, "team", "Team", "teams"),
    OWNER(LLMP_RECORD_ORG, "organisation", "Organisation", "organisations"),
    { "GET", V1 "usage", llmp_admin_usage, KEY, "usage",
      "Sums of the ledger, grouped.", "UsageList", NULL,
      "from to key user team organisation model group_by format limit skip",
      200 },
    { "GET", V1 "budgets", llmp_admin_budgets, KEY, "budgets",
      "What limits of keys and owners have used in their present windows.",
      "BudgetList", NULL, NULL, 200 },
    { "GET", V1 "events", llmp_admin_events, KEY, "events",
      "What administrators did, oldest first.", "EventList", NULL,
      "limit after_seq", 200 },
    { "GET", V1 "prices", llmp_admin_prices, KEY, "prices",
      "What each deployment costs now, and how we know.", "PriceList", NULL,
      "model", 200 },
    { "POST", V1 "explain", llmp_admin_explain, KEY, "explain",
      "Says which deployment would be chosen for a request now, and why.",
      "Explanation", "Explain", NULL, 200 },
    { "POST", V1 "reprice", llmp_admin_reprice, KEY, "reprice",
      "Gives rows of the ledger the cost that today's prices make; one page.",
      "Reprice", NULL, "from to model only_unknown dry_run run after_seq",
      200 },
    { "GET", "/openapi.json", llmp_admin_openapi, KEY, "openapi",
      "This document.", "OpenApi", NULL, NULL, 200 },
    { "GET", "/health", llmp_admin_health, KEY, "health",
      "Whether the store works.", "Health", NULL, NULL, 200 },
};

const size_t llmp_admin_route_count = LLMP_COUNT(llmp_admin_routes);

/* ---- routes ------------------------------------------------------------- */

/* %XX becomes its byte. False: it cannot be, or has control characters. */
static bool decode(struct llmp_admin *a, struct llmp_str text, bool plus,
                   struct llmp_str *out)
{
    char *copy = llmp_arena_take(&a->arena, text.len + 1);
    size_t len = 0;

    for (size_t i = 0; copy && i < text.len; i++) {
        char c = text.ptr[i];

        if (c == '%') {
            unsigned high = i + 2 < text.len
                                ? llmp_hex_digit((uint8_t)text.ptr[i + 1])
                                : 16;
            unsigned low =
                high < 16 ? llmp_hex_digit((uint8_t)text.ptr[i + 2]) : 16;

            if (low > 15)
                return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if ((uint8_t)c < 0x20 || c == 0x7f)
            return false;
        copy[len++] = c;
    }
    *out = (struct llmp_str){ copy, copy ? len : 0 };
    return copy != NULL;
}

static bool matches(struct llmp_admin *a, const char *pattern)
{
    struct llmp_str path = a->path;

    a->id = (struct llmp_str){ NULL, 0 };
    while (*pattern) {
        size_t len = 0;

        if (*pattern != '{') {
            if (!path.len || path.ptr[0] != *pattern)
                return false;
            path.ptr++;
            path.len--;
            pattern++;
            continue;
        }
        while (len < path.len && path.ptr[len] != '/')
            len++;
        if (!decode(a, (struct llmp_str){ path.ptr, len }, false, &a->id) ||
            !a->id.len)
            return false;
        path.ptr += len;
        path.len -= len;
        pattern += sizeof("{id}") - 1;
    }
    return path.len == 0;
}

/* "GET, POST" of a path. */
static void add_allowed(struct llmp_admin *a, const char *method)
{
    struct llmp_str text =
        llmp_arena_printf(&a->arena, "%s%s%s", a->allow ? a->allow : "",
                          a->allow ? ", " : "", method);

    if (text.ptr)
        a->allow = text.ptr;
}

int llmp_admin_find(struct llmp_admin *a)
{
    for (size_t i = 0; i < llmp_admin_route_count; i++) {
        const struct llmp_admin_route *route = &llmp_admin_routes[i];

        if (!matches(a, route->path))
            continue;
        if (llmp_str_eq(a->method, llmp_str_of(route->method))) {
            a->route = route;
            a->allow = NULL;
            return LLMP_OK;
        }
        add_allowed(a, route->method);
    }
    if (a->allow)
        return llmp_problem_set(&a->problem, 405, "method_not_allowed", "",
                                "this path takes %s", a->allow);
    return llmp_problem_set(&a->problem, 404, "unknown_path", "",
                            "there is no such path");
}

/* ---- parameters --------------------------------------------------------- */

int llmp_admin_parameter(struct llmp_admin *a, const char *name,
                         struct llmp_str *out)
{
    struct llmp_str rest = a->query, key = llmp_str_of(name);
    bool found = false;

    *out = (struct llmp_str){ NULL, 0 };
    while (rest.len) {
        const char *end = memchr(rest.ptr, '&', rest.len);
        struct llmp_str pair = { rest.ptr,
                                 end ? (size_t)(end - rest.ptr) : rest.len };

        rest.ptr += pair.len + (end != NULL);
        rest.len -= pair.len + (end != NULL);
        if (!llmp_str_starts(pair, key) || pair.len <= key.len ||
            pair.ptr[key.len] != '=')
            continue;
        pair.ptr += key.len + 1;
        pair.len -= key.len + 1;
        if (found || !decode(a, pair, true, out) ||
            out->len > LLMP_STORE_NAME_MAX)
            return llmp_problem_set(&a->problem, 400, "invalid_parameter", name,
                                    "%s is there twice, or not usable", name);
        found = true;
    }
    return LLMP_OK;
}

static bool has_parameter(const struct llmp_admin_route *route,
                          struct llmp_str name)
{
    for (const char *at = route->parameters; at && *at;) {
        size_t len = strcspn(at, " ");

        if (llmp_str_eq(name, (struct llmp_str){ at, len }))
            return true;
        at += len + (at[len] == ' ');
    }
    return false;
}

int llmp_admin_only_known(struct llmp_admin *a)
{
    struct llmp_str rest = a->query;

    while (rest.len) {
        const char *end = memchr(rest.ptr, '&', rest.len);
        struct llmp_str pair = { rest.ptr,
                                 end ? (size_t)(end - rest.ptr) : rest.len };
        const char *equals = pair.len ? memchr(pair.ptr, '=', pair.len) : NULL;
        struct llmp_str name = { pair.ptr, equals ? (size_t)(equals - pair.ptr)
                                                  : pair.len };

        rest.ptr += pair.len + (end != NULL);
        rest.len -= pair.len + (end != NULL);
        if (pair.len && (!equals || !has_parameter(a->route, name)))
            return llmp_problem_set(&a->problem, 400, "unknown_parameter", "",
                                    "this path takes: %s",
                                    a->route->parameters);
    }
    return LLMP_OK;
}

int llmp_admin_number(struct llmp_admin *a, const char *name, uint64_t min,
                      uint64_t max, uint64_t *out)
{
    struct llmp_str text;

    LLMP_TRY(llmp_admin_parameter(a, name, &text));
    if (!text.ptr)
        return LLMP_OK;
    if (!llmp_str_to_u64(text, out) || *out < min || *out > max)
        return llmp_problem_set(&a->problem, 400, "invalid_parameter", name,
                                "%s must be a number from %llu to %llu", name,
                                (unsigned long long)min,
                                (unsigned long long)max);
    return LLMP_OK;
}

int llmp_admin_moment(struct llmp_admin *a, const char *name, uint64_t *out)
{
    struct llmp_str text;

    LLMP_TRY(llmp_admin_parameter(a, name, &text));
    if (!text.ptr)
        return LLMP_OK;
    if (!llmp_moment_parse(text, out))
        return llmp_problem_set(&a->problem, 400, "invalid_parameter", name,
                                "%s must be such as 2027-01-31, or "
                                "2027-01-31T12:00:00Z",
                                name);
    /* As a beginning a day begins when it begins. */
    if (text.len == sizeof("2027-01-31") - 1 && strcmp(name, "from") == 0)
        *out -= 86400 * LLMP_NS_PER_S;
    return LLMP_OK;
}

int llmp_admin_span(struct llmp_admin *a, uint64_t *from, uint64_t *to)
{
    LLMP_TRY(llmp_admin_moment(a, "from", from));
    LLMP_TRY(llmp_admin_moment(a, "to", to));
    if (!*to || *from < *to)
        return LLMP_OK;
    return llmp_problem_set(&a->problem, 400, "invalid_parameter", "to",
                            "'to' is before 'from'");
}

/* ---- problems ----------------------------------------------------------- */

int llmp_admin_denied(struct llmp_admin *a, int answer, struct llmp_str detail)
{
    return llmp_problem_denied(&a->problem, &a->arena, answer, detail);
}

int llmp_admin_may(struct llmp_admin *a, enum llmp_action action,
                   const struct llmp_policy_object *object)
{
    struct llmp_str detail;
    int answer =
        llmp_policy_decide(&a->who, action, object, a->now.wall_ns, &detail);

    return answer == LLMP_OK ? LLMP_OK : llmp_admin_denied(a, answer, detail);
}

int llmp_admin_unknown(struct llmp_admin *a)
{
    return llmp_problem_set(&a->problem, 404, "not_found", "",
                            "there is no such %s",
                            llmp_record_kind_names[a->route->kind]);
}

int llmp_admin_conflict(struct llmp_admin *a, const char *code,
                        const char *message)
{
    return llmp_problem_set(&a->problem, 409, code, "", "%s", message);
}

int llmp_admin_check_body(struct llmp_admin *a, bool required)
{
    if (a->body.len == 0)
        return required ? llmp_problem_set(&a->problem, 400, "invalid_json", "",
                                           "a JSON object is needed as body")
                        : LLMP_OK;
    if (llmp_is_media_type(a->content_type, LLMP_STR("application/json")))
        return LLMP_OK;
    return llmp_problem_set(&a->problem, 415, "unsupported_type", "",
                            "the body must be application/json");
}
