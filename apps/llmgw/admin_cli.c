/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See admin_cli.h. Two tables: commands, which are a method and a path, and
 * options, which are members of the body or parameters of the query. What they
 * mean is the library's to judge.
 */
#define _GNU_SOURCE
#include "admin_cli.h"

#include <llmproxy/admin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin_call.h"
#include "admin_table.h"
#include "key_make.h"
#include "mem.h"
#include "reprice.h"

#define VALUES_MAX 256

static const char help[] =
    "usage: llmgw key create NAME [options]      make an API key; it is shown "
    "once\n"
    "       llmgw key list | show ID | update ID [options]\n"
    "       llmgw key rotate ID [--overlap SECONDS]\n"
    "       llmgw key revoke ID\n"
    "       llmgw key make [--pepper FILE]       a key for the configuration "
    "file\n"
    "       llmgw user|team|organisation create ID [options]\n"
    "       llmgw user|team|organisation list | show ID | update ID | delete "
    "ID\n"
    "       llmgw user totp ID | totp-show ID | totp-remove ID\n"
    "                                            a user's second factor\n"
    "       llmgw login [--code CODE] [--lifetime SECONDS]\n"
    "                                            a token for a key and a "
    "one-time code\n"
    "       llmgw token issue [--user ID] [--end-user NAME] [--role ROLE]\n"
    "                         [--lifetime SECONDS]   a short-lived token\n"
    "       llmgw usage [--from DAY] [--to DAY] [--by day,model,...] [--csv]\n"
    "       llmgw budget                         what limits have used\n"
    "       llmgw event                          what administrators did\n"
    "       llmgw prices [MODEL]                 what deployments cost now\n"
    "       llmgw reprice --from DAY [--to DAY] [--model NAME] "
    "[--only-unknown]\n"
    "                     [--dry-run]            the ledger by today's prices\n"
    "       llmgw openapi                        the admin API's document\n"
    "\n"
    "which gateway:\n"
    "  -c, --config FILE   its configuration: the server is asked at its "
    "admin\n"
    "                      socket, or the store is opened if it has none\n"
    "      --url URL       http://HOST:PORT or unix:PATH of its admin "
    "listener;\n"
    "                      the key comes from LLMGW_ADMIN_KEY\n"
    "\n"
    "output:\n"
    "      --json          for programs, as the admin API answers\n"
    "      --limit N, --after CURSOR   one page of a list\n"
    "\n"
    "fields (create, update; those with * may be repeated):\n"
    "  --name TEXT --email TEXT --user ID --team ID --organisation ID\n"
    "  --role user|service|developer|auditor|admin\n"
    "  --model NAME* --route NAME* --allow CIDR* --deny CIDR*\n"
    "  --expires DAY|MOMENT|never --disabled true|false\n"
    "  --requests N --requests-burst N --requests-day N --tokens N\n"
    "  --tokens-day N --tokens-month N --input-tokens N --output-tokens N\n"
    "  --concurrency N --budget-day AMOUNT --budget-week AMOUNT\n"
    "  --budget-month AMOUNT --budget-total AMOUNT --budget-soft PERCENT\n"
    "  --downgrade MODEL\n"
    "                      limits are set as a whole: what is not given is "
    "unset\n"
    "\n"
    "exit codes: 0 done, 1 it could not be done, 2 usage\n";

enum form { TEXT, LIST, NUMBER, BOOL, MOMENT, FLAG };
enum place { BODY, LIMITS, BUDGET, QUERY, LOCAL };

static const struct option {
    const char *flag;
    const char *name; /* of the member or parameter */
    enum place place;
    enum form form;
} options[] = {
    { "--config", "config", LOCAL, TEXT },
    { "-c", "config", LOCAL, TEXT },
    { "--url", "url", LOCAL, TEXT },
    { "--name", "name", BODY, TEXT },
    { "--email", "email", BODY, TEXT },
    { "--user", "user", BODY, TEXT },
    { "--team", "team", BODY, TEXT },
    { "--organisation", "organisation", BODY, TEXT },
    { "--role", "role", BODY, TEXT },
    { "--model", "models", BODY, LIST },
    { "--route", "routes", BODY, LIST },
    { "--allow", "allow", BODY, LIST },
    { "--deny", "deny", BODY, LIST },
    { "--expires", "expires_at", BODY, MOMENT },
    { "--disabled", "disabled", BODY, BOOL },
    { "--overlap", "overlap_s", BODY, NUMBER },
    { "--end-user", "end_user", BODY, TEXT },
    { "--lifetime", "lifetime_s", BODY, NUMBER },
    { "--code", "code", BODY, TEXT },
    { "--requests", "requests", LIMITS, NUMBER },
    { "--requests-burst", "requests_burst", LIMITS, NUMBER },
    { "--requests-day", "requests_day", LIMITS, NUMBER },
    { "--tokens", "tokens", LIMITS, NUMBER },
    { "--tokens-day", "tokens_day", LIMITS, NUMBER },
    { "--tokens-month", "tokens_month", LIMITS, NUMBER },
    { "--input-tokens", "input_tokens", LIMITS, NUMBER },
    { "--output-tokens", "output_tokens", LIMITS, NUMBER },
    { "--concurrency", "concurrency", LIMITS, NUMBER },
    { "--budget-day", "day", BUDGET, TEXT },
    { "--budget-week", "week", BUDGET, TEXT },
    { "--budget-month", "month", BUDGET, TEXT },
    { "--budget-total", "total", BUDGET, TEXT },
    { "--budget-soft", "soft", BUDGET, NUMBER },
    { "--downgrade", "downgrade", BUDGET, TEXT },
    { "--limit", "limit", QUERY, TEXT },
    { "--after", "after", QUERY, TEXT },
    { "--from", "from", QUERY, TEXT },
    { "--to", "to", QUERY, TEXT },
    { "--by", "group_by", QUERY, TEXT },
    { "--key", "key", QUERY, TEXT },
    { "--csv", "format", QUERY, FLAG },
    { "--only-unknown", "only_unknown", QUERY, FLAG },
    { "--dry-run", "dry_run", QUERY, FLAG },
};
#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

static const char *const key_columns[] = {
    "id",       "name",       "user",         "team",   "role", "expires_at",
    "disabled", "revoked_at", "last_used_at", "source", NULL
};
static const char *const owner_columns[] = {
    "id", "name", "team", "organisation", "role", "disabled", NULL
};
static const char *const event_columns[] = {
    "seq", "at", "actor", "action", "object_kind", "object_id", NULL
};
static const char *const price_columns[] = {
    "model",          "provider",        "upstream", "status", "currency",
    "tiers.[].input", "tiers.[].output", "source",   "as_of",  NULL
};
static const char *const budget_columns[] = { "kind",      "id",    "unit",
                                              "window",    "limit", "used",
                                              "remaining", NULL };

static const struct command {
    const char *noun, *verb; /* verb NULL: there is none */
    const char *method, *path;
    /* "name": a member; "": it stands for the '*' in the path; "?model": a
     * parameter that need not be there; NULL: none. */
    const char *argument;
    const char *const *columns; /* of a list; NULL: one object */
    /* Names of options that it takes; "*": all that are fields. What it does
     * not take is refused and not passed over. */
    const char *takes;
} commands[] = {
#define OWNERS(noun, names)                                                  \
    { noun, "create", "POST", "/admin/v1/" names, "id", NULL, "*" },         \
        { noun, "list",        "GET",        "/admin/v1/" names,             \
          NULL, owner_columns, "limit after" },                              \
        { noun, "show", "GET", "/admin/v1/" names "/*", "", NULL, "" },      \
        { noun, "update", "PATCH", "/admin/v1/" names "/*", "", NULL, "*" }, \
    {                                                                        \
        noun, "delete", "DELETE", "/admin/v1/" names "/*", "", NULL, ""      \
    }
    { "key", "create", "POST", "/admin/v1/keys", "name", NULL, "*" },
    { "key", "list", "GET", "/admin/v1/keys", NULL, key_columns,
      "limit after user team organisation" },
    { "key", "show", "GET", "/admin/v1/keys/*", "", NULL, "" },
    { "key", "update", "PATCH", "/admin/v1/keys/*", "", NULL, "*" },
    { "key", "rotate", "POST", "/admin/v1/keys/*/rotate", "", NULL,
      "overlap_s" },
    { "key", "revoke", "DELETE", "/admin/v1/keys/*", "", NULL, "" },
    OWNERS("user", "users"),
    { "user", "totp", "POST", "/admin/v1/users/*/totp", "", NULL, "" },
    { "user", "totp-show", "GET", "/admin/v1/users/*/totp", "", NULL, "" },
    { "user", "totp-remove", "DELETE", "/admin/v1/users/*/totp", "", NULL, "" },
    { "token", "issue", "POST", "/admin/v1/tokens", NULL, NULL,
      "user team organisation end_user role lifetime_s" },
    { "login", NULL, "POST", "/admin/v1/login", NULL, NULL, "code lifetime_s" },
    OWNERS("team", "teams"),
    OWNERS("organisation", "organisations"),
    { "usage", NULL, "GET", "/admin/v1/usage", NULL, NULL,
      "from to group_by key user team organisation models limit after format" },
    { "budget", NULL, "GET", "/admin/v1/budgets", NULL, budget_columns, "" },
    { "event", NULL, "GET", "/admin/v1/events", NULL, event_columns,
      "limit after" },
    { "prices", NULL, "GET", "/admin/v1/prices", "?model", price_columns, "" },
    { "reprice", NULL, "POST", "/admin/v1/reprice", NULL, NULL,
      "from to models only_unknown dry_run" },
};
#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

/* What was said. */
struct line {
    const struct command *command;
    const char *argument;
    bool json;
    size_t count;
    struct {
        const struct option *option;
        const char *value;
    } values[VALUES_MAX];
};

static bool complain(const char *what, const char *about)
{
    (void)fprintf(stderr, "llmgw: %s%s; try llmgw key --help\n", what, about);
    return false;
}

bool gw_admin_is_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].noun, name) == 0)
            return true;
    return strcmp(name, "openapi") == 0;
}

/* ---- reading ------------------------------------------------------------- */

static const char *value_of(const struct line *line, const char *name)
{
    for (size_t i = 0; i < line->count; i++)
        if (strcmp(line->values[i].option->name, name) == 0)
            return line->values[i].value;
    return NULL;
}

static bool has_name(const char *names, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = names; *at;) {
        size_t size = strcspn(at, " ");

        if (size == len && memcmp(at, name, len) == 0)
            return true;
        at += size + (at[size] == ' ');
    }
    return false;
}

static bool takes(const struct command *command, const struct option *option)
{
    static const char no_fields[] = "overlap_s end_user lifetime_s code";
    bool field = option->place != LOCAL && option->place != QUERY &&
                 !has_name(no_fields, option->name);

    return option->place == LOCAL ||
           (field && strcmp(command->takes, "*") == 0) ||
           has_name(command->takes, option->name);
}

/* An option where a value should be: what was meant is not a text that looks
 * like one. */
static bool is_option(const char *arg)
{
    if (strcmp(arg, "--json") == 0)
        return true;
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strcmp(options[i].flag, arg) == 0)
            return true;
    return false;
}

/* "--name value" or "--name=value". */
static bool read_option(struct line *line, int argc, char **argv, int *at)
{
    const char *arg = argv[*at];
    const char *equals = strchr(arg, '=');
    size_t len = equals ? (size_t)(equals - arg) : strlen(arg);

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct option *option = &options[i];
        const char *value = equals ? equals + 1 : NULL;

        if (strlen(option->flag) != len || memcmp(option->flag, arg, len) != 0)
            continue;
        if (!takes(line->command, option))
            return complain("this command does not take ", option->flag);
        if (option->form == FLAG && value)
            return complain("this takes no value: ", option->flag);
        if (option->form == FLAG)
            value = option->flag;
        if (!value && *at + 1 < argc && !is_option(argv[*at + 1]))
            value = argv[++*at];
        if (!value)
            return complain("a value is missing after ", arg);
        if (line->count == VALUES_MAX ||
            (option->form != LIST && value_of(line, option->name)))
            return complain("too often: ", arg);
        line->values[line->count].option = option;
        line->values[line->count++].value = value;
        return true;
    }
    return complain("unknown option ", arg);
}

static bool read_word(struct line *line, const char *arg)
{
    if (!line->command->argument)
        return complain("unexpected argument ", arg);
    if (line->argument)
        return complain("one argument too many: ", arg);
    line->argument = arg;
    return true;
}

static bool find_command(struct line *line, int argc, char **argv, int *at)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const struct command *command = &commands[i];

        if (strcmp(command->noun, argv[1]) != 0)
            continue;
        if (!command->verb ||
            (argc > 2 && strcmp(command->verb, argv[2]) == 0)) {
            line->command = command;
            *at = command->verb ? 3 : 2;
            return true;
        }
    }
    (void)fprintf(stderr,
                  "llmgw: there is no command %s%s%s; try llmgw key --help\n",
                  argv[1], argc > 2 ? " " : "", argc > 2 ? argv[2] : "");
    return false;
}

static bool read_line(struct line *line, int argc, char **argv)
{
    int at;

    if (!find_command(line, argc, argv, &at))
        return false;
    for (; at < argc; at++) {
        bool ok = true;

        if (strcmp(argv[at], "--json") == 0)
            line->json = true;
        else if (argv[at][0] == '-')
            ok = read_option(line, argc, argv, &at);
        else
            ok = read_word(line, argv[at]);
        if (!ok)
            return false;
    }
    if (line->json && value_of(line, "format"))
        return complain("--json and --csv do not go together", "");
    if (line->command->argument && line->command->argument[0] != '?' &&
        !line->argument)
        return complain("it needs a name or id: ", line->command->verb);
    return true;
}

/* ---- the request --------------------------------------------------------- */

static void put_list(FILE *out, const struct line *line, size_t first)
{
    bool more = false;

    (void)fputc('[', out);
    for (size_t i = first; i < line->count; i++)
        if (line->values[i].option == line->values[first].option) {
            (void)fputs(more ? "," : "", out);
            gw_admin_put_json(out, line->values[i].value);
            more = true;
        }
    (void)fputc(']', out);
}

/* A number that is none is sent as a text, so that the answer says so. */
static void put_value(FILE *out, const struct line *line, size_t i)
{
    const char *value = line->values[i].value;
    enum form form = line->values[i].option->form;
    bool plain = (form == NUMBER && *value &&
                  strspn(value, "0123456789") == strlen(value) &&
                  (value[0] != '0' || !value[1])) ||
                 (form == BOOL &&
                  (strcmp(value, "true") == 0 || strcmp(value, "false") == 0));

    if (form == LIST)
        put_list(out, line, i);
    else if (form == MOMENT && strcmp(value, "never") == 0)
        (void)fputs("null", out);
    else if (plain)
        (void)fputs(value, out);
    else
        gw_admin_put_json(out, value);
}

static bool is_first(const struct line *line, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (line->values[k].option == line->values[i].option)
            return false;
    return true;
}

/* The members of one place; returns how many there were. */
static unsigned put_members(FILE *out, const struct line *line,
                            enum place place, bool comma)
{
    unsigned count = 0;

    for (size_t i = 0; i < line->count; i++) {
        if (line->values[i].option->place != place || !is_first(line, i))
            continue;
        (void)fprintf(out, "%s\"%s\":", comma || count ? "," : "",
                      line->values[i].option->name);
        put_value(out, line, i);
        count++;
    }
    return count;
}

static bool has_place(const struct line *line, enum place place)
{
    for (size_t i = 0; i < line->count; i++)
        if (line->values[i].option->place == place)
            return true;
    return false;
}

static void put_body(FILE *out, const struct line *line)
{
    const char *argument = line->command->argument;
    bool comma = argument && *argument;

    (void)fputc('{', out);
    if (comma) {
        (void)fprintf(out, "\"%s\":", argument);
        gw_admin_put_json(out, line->argument);
    }
    comma = put_members(out, line, BODY, comma) || comma;
    if (has_place(line, LIMITS) || has_place(line, BUDGET)) {
        bool more;

        (void)fprintf(out, "%s\"limits\":{", comma ? "," : "");
        more = put_members(out, line, LIMITS, false);
        if (has_place(line, BUDGET)) {
            (void)fprintf(out, "%s\"budget\":{", more ? "," : "");
            (void)put_members(out, line, BUDGET, false);
            (void)fputc('}', out);
        }
        (void)fputc('}', out);
    }
    (void)fputc('}', out);
}

static void put_escaped(FILE *out, const char *text)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuv"
        "wxyz0123456789-_.~,:";

    for (; *text; text++)
        if (strchr(plain, *text))
            (void)fputc(*text, out);
        else
            (void)fprintf(out, "%%%02X", (unsigned char)*text);
}

static bool has_body(const struct command *command)
{
    return (strcmp(command->method, "POST") == 0 ||
            strcmp(command->method, "PATCH") == 0) &&
           strcmp(command->noun, "reprice") != 0;
}

/* What is a member of a body is a filter where there is none. */
static void put_target(FILE *out, const struct line *line, const char *more)
{
    const struct command *command = line->command;
    bool body = has_body(command);
    char mark = '?';

    for (const char *at = command->path; *at; at++)
        if (*at == '*')
            put_escaped(out, line->argument);
        else
            (void)fputc(*at, out);
    for (size_t i = 0; i < line->count; i++) {
        const struct option *option = line->values[i].option;
        const char *name = option->name;

        if (option->place != QUERY && (body || option->place != BODY))
            continue;
        if (strcmp(command->noun, "event") == 0 && strcmp(name, "after") == 0)
            name = "after_seq";
        if (strcmp(command->noun, "usage") == 0 && strcmp(name, "after") == 0)
            name = "skip";
        if (strcmp(name, "models") == 0)
            name = "model";
        (void)fprintf(out, "%c%s=", mark, name);
        put_escaped(out, option->form != FLAG          ? line->values[i].value
                         : strcmp(name, "format") == 0 ? "csv"
                                                       : "true");
        mark = '&';
    }
    if (line->argument && command->argument[0] == '?') {
        (void)fprintf(out, "%c%s=", mark, command->argument + 1);
        put_escaped(out, line->argument);
        mark = '&';
    }
    if (more)
        (void)fprintf(out, "%c%s", mark, more);
}

/* ---- the answer ---------------------------------------------------------- */

static void print_usage(const struct line *line, struct llmp_str json)
{
    static const char *const numbers[] = { "requests",      "input_tokens",
                                           "output_tokens", "cost",
                                           "currency",      NULL };
    const char *columns[GW_COLUMNS_MAX + 2];
    char groups[128] = "";
    size_t count = 0;
    char *rest = groups;

    (void)snprintf(groups, sizeof(groups), "%s",
                   value_of(line, "group_by") ? value_of(line, "group_by")
                                              : "");
    while (*rest && count < 5) {
        columns[count++] = rest;
        rest += strcspn(rest, ",");
        if (*rest)
            *rest++ = '\0';
    }
    for (size_t i = 0; numbers[i]; i++)
        columns[count++] = numbers[i];
    columns[count] = NULL;
    gw_admin_print_list(stdout, json, columns);
}

/* Nothing else goes to standard output, so that a shell can take it. */
static void print_token(struct llmp_str json)
{
    char *token = gw_admin_member(json, "access_token");
    char *seconds = gw_admin_member(json, "expires_in");

    (void)printf("%s\n", token ? token : "");
    (void)fprintf(stderr, "it counts for %s seconds\n",
                  seconds ? seconds : "some");
    if (token)
        explicit_bzero(token, strlen(token));
    gw_free(token);
    gw_free(seconds);
}

static void print_good(const struct line *line, struct llmp_str json)
{
    char *secret;

    bool csv = value_of(line, "format") != NULL;

    if (line->json || csv) {
        (void)fwrite(json.ptr, 1, json.len, stdout);
        (void)fputs(csv ? "" : "\n", stdout);
        return;
    }
    if (line->command->columns) {
        gw_admin_print_list(stdout, json, line->command->columns);
        return;
    }
    if (strcmp(line->command->noun, "usage") == 0) {
        print_usage(line, json);
        return;
    }
    if (strcmp(line->command->noun, "token") == 0 ||
        strcmp(line->command->noun, "login") == 0) {
        print_token(json);
        return;
    }
    gw_admin_print_object(stdout, json, "key");
    if (strcmp(line->command->noun, "key") != 0)
        return;
    secret = gw_admin_member(json, "key");
    if (secret && *secret)
        (void)printf("\n%s\n\nThis is the key. It is not shown again.\n",
                     secret);
    if (secret)
        explicit_bzero(secret, strlen(secret));
    gw_free(secret);
}

static int show(const struct line *line, const struct gw_admin_call *call)
{
    struct llmp_str json = { call->answer, call->answer_len };
    char *message;

    if (call->status >= 200 && call->status < 300) {
        print_good(line, json);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    if (line->json)
        (void)printf("%.*s\n", (int)json.len, json.ptr);
    message = gw_admin_member(json, "error.message");
    (void)fprintf(stderr, "llmgw: %s (%u)\n",
                  message && *message ? message : "the server refused",
                  call->status);
    gw_free(message);
    return 1;
}

/* A code is asked for where it was not given: what is typed in a command line
 * stays in histories. */
static bool ask_code(struct line *line)
{
    static char code[64];

    if (strcmp(line->command->noun, "login") != 0 || value_of(line, "code"))
        return true;
    (void)fputs("one-time code: ", stderr);
    if (!fgets(code, sizeof(code), stdin) || line->count == VALUES_MAX)
        return complain("a code is needed", "");
    code[strcspn(code, "\r\n")] = '\0';
    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strcmp(options[i].name, "code") == 0)
            line->values[line->count].option = &options[i];
    line->values[line->count++].value = code;
    return true;
}

/* False after telling why. @param more  of the query; or NULL */
static bool ask(const struct line *line, const char *more,
                struct gw_admin_call *call)
{
    char *body = NULL, *target = NULL;
    size_t body_len = 0, target_len = 0;
    FILE *body_out = open_memstream(&body, &body_len);
    FILE *target_out = open_memstream(&target, &target_len);
    bool ok = false;

    *call = (struct gw_admin_call){ .config_path = value_of(line, "config"),
                                    .url = value_of(line, "url"),
                                    .key = getenv("LLMGW_ADMIN_KEY"),
                                    .method = line->command->method };
    if (body_out && has_body(line->command))
        put_body(body_out, line);
    if (target_out)
        put_target(target_out, line, more);
    if (body_out && fclose(body_out) == 0 && target_out &&
        fclose(target_out) == 0) {
        call->target = target;
        call->body = (struct llmp_str){ body, body_len };
        ok = gw_admin_call(call);
    } else {
        (void)fprintf(stderr, "llmgw: out of memory\n");
    }
    call->target = NULL;
    call->body = (struct llmp_str){ NULL, 0 };
    gw_free(body);
    gw_free(target);
    return ok;
}

static void forget(struct gw_admin_call *call)
{
    if (call->answer)
        explicit_bzero(call->answer, call->answer_len);
    gw_free(call->answer);
    call->answer = NULL;
}

/* Page by page, until all is done or one fails; what was done stays done. */
static int run_reprice(const struct line *line)
{
    struct gw_reprice *reprice = gw_reprice_new();
    const char *more = NULL;
    bool ok = reprice != NULL;

    do {
        struct gw_admin_call call = { .status = 0 };

        ok = ok && ask(line, more, &call);
        if (ok && call.status != 200) {
            (void)show(line, &call);
            ok = false;
        }
        ok = ok && gw_reprice_add(reprice, (struct llmp_str){
                                               call.answer, call.answer_len });
        forget(&call);
        more = ok ? gw_reprice_next(reprice) : NULL;
    } while (more);
    if (ok)
        gw_reprice_print(reprice, line->json);
    gw_reprice_free(reprice);
    return ok && fflush(stdout) == 0 ? 0 : 1;
}

static int run(const struct line *line)
{
    struct gw_admin_call call;
    int code = 1;

    if (strcmp(line->command->noun, "reprice") == 0)
        return run_reprice(line);
    if (ask(line, NULL, &call))
        code = show(line, &call);
    forget(&call);
    return code;
}

static void print_piece(struct llmp_str piece, void *ctx)
{
    (void)fwrite(piece.ptr, 1, piece.len, ctx);
}

int gw_admin_main(int argc, char **argv)
{
    struct line *line;
    int code = 2;

    if (argc > 2 && strcmp(argv[1], "key") == 0 && strcmp(argv[2], "make") == 0)
        return gw_key_make(argc - 3, argv + 3);
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
            (void)fputs(help, stdout);
            return fflush(stdout) == 0 ? 0 : 1;
        }
    if (strcmp(argv[1], "openapi") == 0) {
        llmp_admin_write_openapi(print_piece, stdout);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    line = gw_alloc(sizeof(*line));
    if (line && read_line(line, argc, argv) && ask_code(line))
        code = run(line);
    gw_free(line);
    return code;
}
