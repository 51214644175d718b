/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request for a token: for oneself, for an end user of one's own, or, if an
 * administrator asks, for a user. The policy decides; the token carries what
 * it was issued with, so a grant that is narrowed later narrows it, too.
 */
#include <llmproxy/json.h>
#include <sodium.h>

#include "base/internal.h"
#include "gateway/access.h"
#include "gateway/own_tokens.h"

enum { TOKEN_MAX = 8192, TEXT_MAX = 128, DEPTH_MAX = 4 };

/* What the body says. */
struct asked {
    struct llmp_str user, team, org, end_user, code;
    enum llmp_role role; /* NONE: not said */
    uint64_t lifetime_s; /* 0: not said */
};

static int wrong(struct llmp_problem *problem, const char *field,
                 const char *what)
{
    return llmp_problem_set(problem, 400, "invalid_value", field, "%s: %s",
                            field, what);
}

/* ---- reading ------------------------------------------------------------- */

static int read_text(const struct llmp_token_wish *wish,
                     const struct llmp_json_token *token, const char *field,
                     struct llmp_str *out, struct llmp_problem *problem)
{
    char *copy;
    size_t len;

    if (token->type != LLMP_JSON_STRING)
        return wrong(problem, field, "a string is needed");
    copy = llmp_arena_take(wish->arena, token->text.len + 1);
    if (!copy)
        return LLMP_E_NOMEM;
    len = llmp_json_unescape(copy, token->text);
    if (len == 0 || len > TEXT_MAX)
        return wrong(problem, field, "1 to 128 bytes are needed");
    for (size_t i = 0; i < len; i++)
        if ((uint8_t)copy[i] < 0x20 || copy[i] == 0x7f)
            return wrong(problem, field, "it has control characters");
    *out = (struct llmp_str){ copy, len };
    return LLMP_OK;
}

static int read_lifetime(const struct llmp_token_wish *wish,
                         const struct llmp_json_token *token, uint64_t *out,
                         struct llmp_problem *problem)
{
    uint64_t max_s = wish->access->config->auth.tokens.lifetime_s_max;

    if (token->type != LLMP_JSON_NUMBER ||
        llmp_json_u64(token->text, out) < 0 ||
        *out < LLMP_TOKEN_LIFETIME_S_MIN || *out > max_s)
        return llmp_problem_set(problem, 400, "invalid_value", "lifetime_s",
                                "lifetime_s: from %u to %llu seconds",
                                LLMP_TOKEN_LIFETIME_S_MIN,
                                (unsigned long long)max_s);
    return LLMP_OK;
}

static int read_role(const struct llmp_token_wish *wish,
                     const struct llmp_json_token *token, enum llmp_role *out,
                     struct llmp_problem *problem)
{
    struct llmp_str text;

    LLMP_TRY(read_text(wish, token, "role", &text, problem));
    *out = llmp_role_find(text);
    if (*out == LLMP_ROLE_NONE)
        return wrong(problem, "role",
                     "a role is user, service, developer, auditor or admin");
    return LLMP_OK;
}

static int read_member(const struct llmp_token_wish *wish, struct llmp_str key,
                       const struct llmp_json_token *token, struct asked *asked,
                       struct llmp_problem *problem)
{
    const struct {
        const char *name;
        struct llmp_str *to;
    } texts[] = { { "user", &asked->user },
                  { "team", &asked->team },
                  { "organisation", &asked->org },
                  { "end_user", &asked->end_user },
                  { "code", &asked->code } };

    if (token->type == LLMP_JSON_NULL)
        return LLMP_OK;
    for (size_t i = 0; i < LLMP_COUNT(texts); i++)
        if (llmp_str_eq(key, llmp_str_of(texts[i].name)))
            return read_text(wish, token, texts[i].name, texts[i].to, problem);
    if (llmp_str_eq(key, LLMP_STR("role")))
        return read_role(wish, token, &asked->role, problem);
    if (llmp_str_eq(key, LLMP_STR("lifetime_s")))
        return read_lifetime(wish, token, &asked->lifetime_s, problem);
    return llmp_problem_set(problem, 400, "unknown_field", "",
                            "there is no field '%.*s'",
                            (int)(key.len < 60 ? key.len : 60), key.ptr);
}

static int read_members(const struct llmp_token_wish *wish,
                        struct llmp_json *json, struct asked *asked,
                        struct llmp_problem *problem)
{
    struct llmp_str key = { NULL, 0 };
    struct llmp_json_token token;
    struct llmp_error err;
    int rc;

    while ((rc = llmp_json_next(json, &token, &err)) == LLMP_OK) {
        if (token.depth == 0) {
            if (token.type != LLMP_JSON_OBJECT &&
                token.type != LLMP_JSON_OBJECT_END)
                return llmp_problem_set(problem, 400, "invalid_json", "",
                                        "a JSON object is needed as body");
        } else if (token.type == LLMP_JSON_KEY) {
            key = token.text;
        } else {
            LLMP_TRY(read_member(wish, key, &token, asked, problem));
        }
    }
    if (rc == LLMP_END || rc == LLMP_E_NOMEM)
        return rc == LLMP_END ? LLMP_OK : rc;
    return llmp_problem_set(problem, 400, "invalid_json", "",
                            "the body is not usable JSON: %s",
                            rc == LLMP_AGAIN ? "it ends early" : err.message);
}

static int read_body(const struct llmp_token_wish *wish, struct asked *asked,
                     struct llmp_problem *problem)
{
    LLMP_AUTO(llmp_json_fini) struct llmp_json json;

    llmp_json_init(&json, DEPTH_MAX);
    if (!wish->body.len)
        return LLMP_OK;
    llmp_json_feed(&json, wish->body, true);
    return read_members(wish, &json, asked, problem);
}

/* ---- who it will be ------------------------------------------------------ */

/* A user of ours who is not the one that asks. */
static bool is_other(const struct llmp_token_wish *wish,
                     const struct asked *asked)
{
    return asked->user.len && !llmp_str_eq(asked->user, wish->who->user);
}

static bool is_oneself(const struct llmp_token_wish *wish,
                       const struct asked *asked)
{
    return !asked->end_user.len && !is_other(wish, asked);
}

static const struct llmp_record *record_of(const struct llmp_token_wish *wish,
                                           enum llmp_limit_kind kind,
                                           struct llmp_str name)
{
    const struct llmp_owner *owner =
        llmp_access_owner(wish->access, kind, name);

    return owner ? owner->record : NULL;
}

/* Nobody gets into an organisation by naming one of its teams or users, nor
 * out of their own. */
static int check_org(const struct llmp_record *record,
                     const struct llmp_principal *who, struct llmp_str org,
                     struct llmp_problem *problem)
{
    if (!record || llmp_str_eq(record->org, org) ||
        (!record->org.len && !who->org.len))
        return LLMP_OK;
    return llmp_problem_set(problem, 409, "other_organisation",
                            llmp_record_kind_names[record->kind],
                            "this %s belongs to another organisation",
                            llmp_record_kind_names[record->kind]);
}

/* Owners that the file has belong to no organisation: whoever is of one does
 * not spend what they have. */
static int check_file(const struct llmp_token_wish *wish,
                      enum llmp_limit_kind kind, struct llmp_str name,
                      struct llmp_problem *problem)
{
    const struct llmp_owner *owner =
        llmp_access_owner(wish->access, kind, name);
    struct llmp_str own =
        kind == LLMP_LIMIT_USER ? wish->who->user : wish->who->team;

    if (!wish->who->org.len || !owner || owner->record ||
        llmp_str_eq(name, own))
        return LLMP_OK;
    return llmp_problem_set(problem, 409, "other_organisation",
                            kind == LLMP_LIMIT_USER ? "user" : "team",
                            "this %s is of no organisation",
                            kind == LLMP_LIMIT_USER ? "user" : "team");
}

/* A user whom an administrator names: with the team and organisation that are
 * known of it, unless others are named. */
static int be_user(const struct llmp_token_wish *wish,
                   const struct asked *asked, struct llmp_principal *to,
                   struct llmp_problem *problem)
{
    const struct llmp_record *record =
        record_of(wish, LLMP_LIMIT_USER, asked->user);

    if (memchr(asked->user.ptr, LLMP_END_USER_MARK, asked->user.len))
        return wrong(problem, "user", "'~' cannot be in it: name 'end_user'");
    to->user = to->name = asked->user;
    to->above = (struct llmp_str){ NULL, 0 };
    to->team = asked->team;
    to->org = asked->org.len ? asked->org : wish->who->org;
    if (record && !asked->team.len)
        to->team = record->team;
    if (record && !asked->org.len)
        to->org = record->org;
    LLMP_TRY(check_file(wish, LLMP_LIMIT_USER, to->user, problem));
    LLMP_TRY(check_file(wish, LLMP_LIMIT_TEAM, to->team, problem));
    LLMP_TRY(check_org(record, wish->who, to->org, problem));
    return check_org(record_of(wish, LLMP_LIMIT_TEAM, to->team), wish->who,
                     to->org, problem);
}

/* "chatapp~customer-17": its own limits and its own line in the ledger, below
 * whoever issues the token. */
static int be_end_user(const struct llmp_token_wish *wish,
                       const struct asked *asked, struct llmp_principal *to,
                       struct llmp_problem *problem)
{
    struct llmp_str above = to->user.len ? to->user : wish->who->id;

    if (!above.len)
        return wrong(problem, "user", "it is needed");
    if (memchr(asked->end_user.ptr, LLMP_END_USER_MARK, asked->end_user.len))
        return wrong(problem, "end_user", "'~' cannot be in it");
    to->user = llmp_arena_printf(wish->arena, "%.*s%c%.*s", (int)above.len,
                                 above.len ? above.ptr : "", LLMP_END_USER_MARK,
                                 (int)asked->end_user.len, asked->end_user.ptr);
    if (!to->user.ptr)
        return LLMP_E_NOMEM;
    if (to->user.len > LLMP_LIMIT_ID_MAX)
        return wrong(problem, "end_user", "the name is too long");
    to->above = above;
    to->name = asked->end_user;
    return LLMP_OK;
}

static enum llmp_role default_role(const struct llmp_token_wish *wish,
                                   bool oneself)
{
    if (oneself || wish->who->role == LLMP_ROLE_SERVICE)
        return wish->who->role;
    return LLMP_ROLE_USER;
}

/* A login is the principal's own: nobody else has logged in by it. */
static void carry_login(const struct llmp_token_wish *wish, bool oneself,
                        struct llmp_principal *to)
{
    if (!oneself) {
        to->acr = (struct llmp_str){ NULL, 0 };
        to->amr = 0;
        to->auth_time_s = 0;
    } else if (wish->login) {
        /* The key is what one knows, the code what one has. */
        to->amr |= wish->who->kind == LLMP_PRINCIPAL_KEY
                       ? LLMP_AMR_PWD | LLMP_AMR_OTP
                       : LLMP_AMR_OTP;
        to->auth_time_s = wish->wall_ns / LLMP_NS_PER_S;
    }
}

static int make_principal(const struct llmp_token_wish *wish,
                          const struct asked *asked, struct llmp_principal *to,
                          struct llmp_problem *problem)
{
    bool oneself = is_oneself(wish, asked), other = is_other(wish, asked);

    *to = *wish->who;
    if (wish->login && !oneself)
        return wrong(problem, "user", "a code is for oneself");
    if (asked->code.len && !wish->login)
        return wrong(problem, "code", "log in at the admin listener");
    if (other && !wish->administers)
        return llmp_problem_set(problem, 403, "object_denied", "user",
                                "tokens for other users are an "
                                "administrator's, at the admin listener");
    if (asked->end_user.len && wish->who->above.len)
        return llmp_problem_set(problem, 403, "object_denied", "end_user",
                                "an end user has no end users");
    if (!other && (asked->team.len || asked->org.len))
        return wrong(problem, asked->team.len ? "team" : "organisation",
                     "it is given together with a user");
    if (other)
        LLMP_TRY(be_user(wish, asked, to, problem));
    if (!to->user.len && !asked->end_user.len) {
        if (wish->who->kind != LLMP_PRINCIPAL_KEY)
            return wrong(problem, "user", "it is needed");
        to->user = wish->who->id; /* a key that is nobody's is itself */
    }
    if (asked->end_user.len)
        LLMP_TRY(be_end_user(wish, asked, to, problem));
    to->role = asked->role ? asked->role : default_role(wish, oneself);
    carry_login(wish, oneself, to);
    to->registered =
        record_of(wish, LLMP_LIMIT_USER, llmp_user_above(to)) != NULL;
    return LLMP_OK;
}

/* ---- whether it may ------------------------------------------------------ */

static size_t name_fields(const struct llmp_token_wish *wish,
                          const struct asked *asked, struct llmp_str out[6])
{
    size_t count = 0;

    if (is_other(wish, asked))
        out[count++] = LLMP_STR("user");
    if (asked->team.len)
        out[count++] = LLMP_STR("team");
    if (asked->org.len)
        out[count++] = LLMP_STR("org");
    if (asked->end_user.len)
        out[count++] = LLMP_STR("end_user");
    if (asked->role)
        out[count++] = LLMP_STR("role");
    if (asked->lifetime_s)
        out[count++] = LLMP_STR("expires");
    return count;
}

static int ask_policy(const struct llmp_token_wish *wish,
                      const struct asked *asked,
                      const struct llmp_principal *to,
                      struct llmp_problem *problem)
{
    const struct llmp_principal *who = wish->who;
    bool other = is_other(wish, asked);
    const struct llmp_grant wanted = { .size = sizeof(wanted),
                                       .role = to->role,
                                       .grantor = who->grant };
    struct llmp_str fields[6], detail;
    const struct llmp_policy_object object = {
        .size = sizeof(object),
        .id = other ? (struct llmp_str){ NULL, 0 } : who->id,
        /* Whose end user it is, is who is asked about. */
        .user = other ? asked->user : who->user,
        .team = to->team,
        .org = to->org,
        .fields = fields,
        .field_count = name_fields(wish, asked, fields),
        .grant = &wanted,
    };
    int answer = llmp_policy_decide(who, LLMP_ACTION_TOKEN_ISSUE, &object,
                                    wish->wall_ns, &detail);

    return answer == LLMP_OK
               ? LLMP_OK
               : llmp_problem_denied(problem, wish->arena, answer, detail);
}

/* ---- issuing ------------------------------------------------------------- */

static int answer(struct llmp_buf *out, struct llmp_str token,
                  const struct llmp_token_given *given)
{
    (void)llmp_buf_add(out, LLMP_STR("{\"access_token\":\""));
    (void)llmp_buf_add(out, token);
    (void)llmp_buf_printf(out,
                          "\",\"token_type\":\"Bearer\",\"expires_in\":%llu,"
                          "\"user\":",
                          (unsigned long long)given->lifetime_s);
    (void)llmp_buf_json(out, given->user);
    (void)llmp_buf_printf(out, ",\"role\":\"%s\"}",
                          llmp_role_name(given->role));
    return out->failed ? LLMP_E_NOMEM : LLMP_OK;
}

static int issue(const struct llmp_token_wish *wish, const struct asked *asked,
                 const struct llmp_principal *to, struct llmp_buf *out,
                 struct llmp_token_given *given, struct llmp_problem *problem)
{
    const struct llmp_token_config *config = &wish->access->config->auth.tokens;
    uint64_t expires_s = 0;
    const struct llmp_token_options options = {
        .size = sizeof(options),
        .issuer = config->issuer,
        .audience = config->audience,
        .principal = to,
        .lifetime_s = asked->lifetime_s,
        .wall_ns = wish->wall_ns,
        .random = wish->random,
        .expires_s = &expires_s,
    };
    char *text = llmp_arena_take(wish->arena, TOKEN_MAX);
    struct llmp_error err;
    size_t len = 0;
    int rc;

    if (!text)
        return LLMP_E_NOMEM;
    rc = llmp_token_issue(wish->access->own->signer, text, TOKEN_MAX, &len,
                          &options, &err);
    if (rc == LLMP_OK) {
        *given = (struct llmp_token_given){
            .user = to->user,
            .team = to->team,
            .org = to->org,
            .role = to->role,
            .other = is_other(wish, asked),
            .lifetime_s = expires_s - wish->wall_ns / LLMP_NS_PER_S,
        };
        rc = answer(out, (struct llmp_str){ text, len }, given);
    } else if (rc != LLMP_E_NOMEM) {
        rc = llmp_problem_set(problem, rc == LLMP_E_STATE ? 403 : 400,
                              rc == LLMP_E_STATE ? "grant_expired"
                                                 : "invalid_value",
                              "", "%s", err.message);
    }
    sodium_memzero(text, TOKEN_MAX);
    return rc;
}

int llmp_own_tokens_issue(const struct llmp_token_wish *wish,
                          struct llmp_buf *out, struct llmp_token_given *given,
                          struct llmp_problem *problem)
{
    struct asked asked = { .role = LLMP_ROLE_NONE };
    struct llmp_principal to;

    if (!wish->access->own)
        return llmp_problem_set(problem, 404, "no_tokens", "",
                                "tokens are issued where 'auth.tokens' or "
                                "'auth.pepper' is configured");
    LLMP_TRY(read_body(wish, &asked, problem));
    LLMP_TRY(make_principal(wish, &asked, &to, problem));
    LLMP_TRY(ask_policy(wish, &asked, &to, problem));
    return issue(wish, &asked, &to, out, given, problem);
}
