/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The second factor of administrators that this gateway knows itself, and
 * tokens. An authenticator (RFC 6238) is a document beside its user: the
 * secret sealed under the pepper, the state in the clear. Each try is a write
 * by compare-and-set, so a code counts once however many processes are asked
 * at the same time.
 */
#include <llmproxy/json.h>
#include <sodium.h>

#include "base/internal.h"
#include "gateway/admin.h"
#include "gateway/moment.h"
#include "gateway/own_tokens.h"

#define KIND LLMP_STR("totp")

enum {
    SECRET_SIZE = 20, /* RFC 4226, 4: 160 bits */
    SEALED_SIZE = SECRET_SIZE + LLMP_SEAL_OVERHEAD,
    URI_MAX = 2048,
    TRIES_MAX = 8 /* of writing, while others write, too */
};

struct authenticator {
    uint64_t version;    /* of the document; 0: there is none */
    bool active;         /* a first code was right */
    uint64_t enrolled_s; /* wall */
    struct llmp_totp_state state;
    uint8_t sealed[SEALED_SIZE];
};

/* ---- the document -------------------------------------------------------- */

static bool read_number(const struct llmp_json_field *field, uint64_t *out)
{
    return field->found && llmp_json_u64(field->text, out) == LLMP_OK;
}

static int see(const struct llmp_store_doc *doc, void *ctx)
{
    static const char *const failed[] = { "failed0", "failed1", "failed2",
                                          "failed3", "failed4" };
    struct authenticator *to = ctx;
    struct llmp_json_field fields[4 + LLMP_TOTP_ATTEMPTS] = {
        { .path = "sealed" },
        { .path = "active" },
        { .path = "enrolled" },
        { .path = "counter" },
    };
    bool ok;

    _Static_assert(LLMP_COUNT(failed) == LLMP_TOTP_ATTEMPTS, "one each");
    for (size_t i = 0; i < LLMP_TOTP_ATTEMPTS; i++)
        fields[4 + i].path = failed[i];
    if (llmp_json_pick_all(doc->body, fields, LLMP_COUNT(fields), NULL) < 0)
        return LLMP_E_CORRUPT;
    ok = fields[0].found &&
         llmp_read_hex(to->sealed, SEALED_SIZE, fields[0].text) &&
         read_number(&fields[2], &to->enrolled_s) &&
         read_number(&fields[3], &to->state.counter_used);
    for (size_t i = 0; i < LLMP_TOTP_ATTEMPTS; i++)
        ok = ok && read_number(&fields[4 + i], &to->state.failed_s[i]);
    to->active = fields[1].found && fields[1].type == LLMP_JSON_TRUE;
    to->version = doc->version;
    return ok ? LLMP_OK : LLMP_E_CORRUPT;
}

static int load(struct llmp_admin *a, struct llmp_str user,
                struct authenticator *out)
{
    int rc;

    memset(out, 0, sizeof(*out));
    rc = llmp_store_get(a->store, KIND, user, see, out, a->err);
    return rc == LLMP_MISS ? LLMP_OK : rc;
}

static void write_body(struct llmp_buf *body, const struct authenticator *it)
{
    char hex[SEALED_SIZE * 2];

    (void)llmp_put_hex(hex, it->sealed, SEALED_SIZE);
    (void)llmp_buf_printf(body,
                          "{\"sealed\":\"%.*s\",\"active\":%s,\"enrolled\":%llu"
                          ",\"counter\":%llu",
                          (int)sizeof(hex), hex, it->active ? "true" : "false",
                          (unsigned long long)it->enrolled_s,
                          (unsigned long long)it->state.counter_used);
    for (size_t i = 0; i < LLMP_TOTP_ATTEMPTS; i++)
        (void)llmp_buf_printf(body, ",\"failed%zu\":%llu", i,
                              (unsigned long long)it->state.failed_s[i]);
    (void)llmp_buf_add(body, LLMP_STR("}"));
}

/* Writes it, or removes it, together with the event that says so. */
static int save(struct llmp_admin *a, struct llmp_str user,
                const struct authenticator *it, bool remove,
                struct llmp_store_event *event)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf body = { 0 };
    struct llmp_store_doc doc = { .kind = KIND,
                                  .id = user,
                                  .version = it->version,
                                  .updated_wall_ns = a->now.wall_ns };
    struct llmp_store_op ops[] = {
        { .kind = remove ? LLMP_STORE_DELETE : LLMP_STORE_PUT, .of.doc = &doc },
        { .kind = LLMP_STORE_EVENT, .of.event = event },
    };

    write_body(&body, it);
    if (body.failed)
        return LLMP_E_NOMEM;
    doc.body = llmp_buf_str(&body);
    LLMP_TRY(llmp_admin_event(a, event));
    return llmp_store_commit(a->store, ops, LLMP_COUNT(ops), a->err);
}

/* {"totp":"active"}, with the organisation whose auditors may read it. */
static struct llmp_str state_of(struct llmp_admin *a, const char *name,
                                const char *value, struct llmp_str user)
{
    const struct llmp_record *record = llmp_directory_find(
        &a->gateway->stored.directory, LLMP_RECORD_USER, user);
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf text = { 0 };
    bool ok = true;

    (void)llmp_buf_printf(&text, "{\"%s\":\"%s\"", name, value);
    if (record && record->org.len) {
        (void)llmp_buf_add(&text, LLMP_STR(",\"organisation\":"));
        (void)llmp_buf_json(&text, record->org);
    }
    (void)llmp_buf_add(&text, LLMP_STR("}"));
    return text.failed ? LLMP_STR("")
                       : llmp_arena_str(&a->arena, llmp_buf_str(&text), &ok);
}

static struct llmp_store_event event_of(const char *action,
                                        struct llmp_str user,
                                        struct llmp_str after)
{
    return (struct llmp_store_event){ .action = llmp_str_of(action),
                                      .object_kind = LLMP_STR("user"),
                                      .object_id = user,
                                      .after = after };
}

static int changed_meanwhile(struct llmp_admin *a, int rc)
{
    return rc == LLMP_CONFLICT
               ? llmp_admin_conflict(a, "conflict",
                                     "somebody else changed it first")
               : rc;
}

static int need_pepper(struct llmp_admin *a)
{
    if (a->access->config->auth.has_pepper)
        return LLMP_OK;
    return llmp_admin_conflict(a, "pepper_missing",
                               "an authenticator's secret needs auth.pepper in "
                               "the configuration");
}

/* ---- enrolment ----------------------------------------------------------- */

static int find_user(struct llmp_admin *a, enum llmp_action action)
{
    struct llmp_record *record = NULL;

    LLMP_TRY(
        llmp_admin_record(a, LLMP_RECORD_USER, LLMP_ACTION_USER_READ, &record));

    const struct llmp_policy_object object = llmp_admin_object(record);

    return llmp_admin_may(a, action, &object);
}

static void make_secret(struct llmp_admin *a, struct authenticator *it,
                        uint8_t secret[SECRET_SIZE])
{
    const struct llmp_random *random = &a->gateway->random;

    random->fill(secret, SECRET_SIZE, random->ctx);
    llmp_pepper_seal(it->sealed, &a->access->config->auth.pepper, a->id,
                     (struct llmp_str){ (char *)secret, SECRET_SIZE }, random);
    it->active = false;
    it->enrolled_s = a->now.wall_ns / LLMP_NS_PER_S;
    memset(&it->state, 0, sizeof(it->state));
}

static struct llmp_totp totp_of(const uint8_t secret[SECRET_SIZE])
{
    return (
        struct llmp_totp){ .size = sizeof(struct llmp_totp),
                           .secret = { (const char *)secret, SECRET_SIZE } };
}

/* The URI for a QR code, and its secret for who has to type it. */
static int answer_secret(struct llmp_admin *a,
                         const uint8_t secret[SECRET_SIZE])
{
    struct llmp_str head = LLMP_STR("secret=");
    struct llmp_totp totp = totp_of(secret);
    char uri[URI_MAX];
    size_t len = llmp_totp_uri(&totp, uri, sizeof(uri),
                               a->access->config->auth.tokens.issuer, a->id);
    struct llmp_str text = { uri, len };
    size_t at = llmp_str_find(text, head);

    if (at == SIZE_MAX)
        return LLMP_E_LIMIT;
    at += head.len;
    a->status = 201;
    (void)llmp_buf_add(&a->out, LLMP_STR("{\"user\":"));
    (void)llmp_buf_json(&a->out, a->id);
    (void)llmp_buf_printf(&a->out,
                          ",\"state\":\"pending\",\"secret\":\"%.*s\",\"uri\":",
                          (int)strcspn(uri + at, "&"), uri + at);
    (void)llmp_buf_json(&a->out, text);
    (void)llmp_buf_add(&a->out, LLMP_STR("}"));
    sodium_memzero(uri, sizeof(uri));
    return LLMP_OK;
}

int llmp_admin_totp_enrol(struct llmp_admin *a)
{
    struct llmp_store_event event =
        event_of("totp.enrol", a->id, state_of(a, "totp", "pending", a->id));
    uint8_t secret[SECRET_SIZE];
    struct authenticator it;
    int rc;

    LLMP_TRY(find_user(a, LLMP_ACTION_TOTP_ENROL));
    LLMP_TRY(need_pepper(a));
    LLMP_TRY(load(a, a->id, &it));
    if (it.active)
        return llmp_admin_conflict(a, "totp_active",
                                   "this user has an authenticator in use; an "
                                   "administrator can remove it");
    make_secret(a, &it, secret);
    rc = changed_meanwhile(a, save(a, a->id, &it, false, &event));
    if (rc == LLMP_OK)
        rc = answer_secret(a, secret);
    sodium_memzero(secret, sizeof(secret));
    return rc;
}

static void add_moment(struct llmp_buf *out, const char *name, uint64_t wall_s)
{
    char text[LLMP_MOMENT_SIZE];

    if (wall_s && llmp_moment_write(text, wall_s * LLMP_NS_PER_S))
        (void)llmp_buf_printf(out, ",\"%s\":\"%s\"", name, text);
}

int llmp_admin_totp_show(struct llmp_admin *a)
{
    struct authenticator it;
    uint64_t oldest;

    LLMP_TRY(find_user(a, LLMP_ACTION_USER_READ));
    LLMP_TRY(load(a, a->id, &it));
    oldest = it.state.failed_s[0];
    a->status = 200;
    (void)llmp_buf_add(&a->out, LLMP_STR("{\"user\":"));
    (void)llmp_buf_json(&a->out, a->id);
    (void)llmp_buf_printf(&a->out, ",\"state\":\"%s\"",
                          !it.version ? "none"
                          : it.active ? "active"
                                      : "pending");
    add_moment(&a->out, "enrolled_at", it.enrolled_s);
    if (oldest &&
        oldest + LLMP_TOTP_ATTEMPTS_S > a->now.wall_ns / LLMP_NS_PER_S)
        add_moment(&a->out, "locked_until", oldest + LLMP_TOTP_ATTEMPTS_S);
    (void)llmp_buf_add(&a->out, LLMP_STR("}"));
    return LLMP_OK;
}

int llmp_admin_totp_remove(struct llmp_admin *a)
{
    struct llmp_store_event event =
        event_of("totp.remove", a->id, state_of(a, "totp", "none", a->id));
    struct authenticator it;

    LLMP_TRY(find_user(a, LLMP_ACTION_TOTP_REMOVE));
    LLMP_TRY(load(a, a->id, &it));
    if (!it.version)
        return llmp_problem_set(&a->problem, 404, "totp_missing", "",
                                "this user has no authenticator");
    event.before = state_of(a, "totp", it.active ? "active" : "pending", a->id);
    LLMP_TRY(changed_meanwhile(a, save(a, a->id, &it, true, &event)));
    a->status = 200;
    (void)llmp_buf_add(&a->out, LLMP_STR("{\"user\":"));
    (void)llmp_buf_json(&a->out, a->id);
    (void)llmp_buf_add(&a->out, LLMP_STR(",\"state\":\"none\"}"));
    return LLMP_OK;
}

void llmp_admin_totp_forget(struct llmp_admin *a, struct llmp_str user)
{
    struct llmp_store_event event =
        event_of("totp.remove", user, state_of(a, "totp", "none", user));
    struct authenticator it;

    /* What stays behind helps nobody: there is no such user. */
    if (load(a, user, &it) == LLMP_OK && it.version)
        (void)save(a, user, &it, true, &event);
}

/* ---- tokens -------------------------------------------------------------- */

static int issue(struct llmp_admin *a, bool login,
                 struct llmp_token_given *given)
{
    const struct llmp_token_wish wish = {
        .access = a->access,
        .who = &a->who,
        .body = a->body,
        .login = login,
        .administers = true,
        .arena = &a->arena,
        .random = &a->gateway->random,
        .wall_ns = a->now.wall_ns,
    };

    a->status = 200;
    return llmp_own_tokens_issue(&wish, &a->out, given, &a->problem);
}

static int write_event(struct llmp_admin *a,
                       const struct llmp_token_given *given)
{
    LLMP_AUTO(llmp_buf_fini) struct llmp_buf after = { 0 };
    struct llmp_store_event event =
        event_of("token.issue", given->user, LLMP_STR(""));
    struct llmp_store_op op = { .kind = LLMP_STORE_EVENT, .of.event = &event };

    (void)llmp_buf_add(&after, LLMP_STR("{\"user\":"));
    (void)llmp_buf_json(&after, given->user);
    (void)llmp_buf_add(&after, LLMP_STR(",\"team\":"));
    (void)llmp_buf_json(&after, given->team);
    (void)llmp_buf_add(&after, LLMP_STR(",\"organisation\":"));
    (void)llmp_buf_json(&after, given->org);
    (void)llmp_buf_printf(&after, ",\"role\":\"%s\",\"lifetime_s\":%llu}",
                          llmp_role_name(given->role),
                          (unsigned long long)given->lifetime_s);
    if (after.failed)
        return LLMP_E_NOMEM;
    event.after = llmp_buf_str(&after);
    LLMP_TRY(llmp_admin_event(a, &event));
    return llmp_store_commit(a->store, &op, 1, a->err);
}

int llmp_admin_tokens_issue(struct llmp_admin *a)
{
    struct llmp_token_given given;
    int rc;

    LLMP_TRY(llmp_admin_check_body(a, false));
    LLMP_TRY(issue(a, false, &given));
    if (!given.other) /* as at the clients' listener: nobody administers */
        return LLMP_OK;
    rc = write_event(a, &given);
    if (rc < 0) { /* what nobody would know of is not given out */
        sodium_memzero(a->out.ptr, a->out.len);
        a->out.len = 0;
    }
    return rc;
}

/* ---- login --------------------------------------------------------------- */

static int check_code(struct llmp_admin *a, struct authenticator *it,
                      struct llmp_str code, uint64_t *retry_s)
{
    struct llmp_str sealed = { (const char *)it->sealed, SEALED_SIZE };
    struct llmp_totp totp;
    uint8_t secret[SECRET_SIZE];
    int answer;

    if (llmp_pepper_open(secret, &a->access->config->auth.pepper, a->who.user,
                         sealed) != LLMP_OK)
        return llmp_admin_conflict(a, "pepper_changed",
                                   "the authenticator was enrolled under "
                                   "another auth.pepper: enrol it anew");
    totp = totp_of(secret);
    answer = llmp_totp_check(&totp, &it->state, code, a->now.wall_ns, retry_s);
    sodium_memzero(secret, sizeof(secret));
    it->active = it->active || answer == LLMP_OK;
    return answer;
}

static const char *result_text(int answer)
{
    return answer == LLMP_OK                   ? "accepted"
           : answer == LLMP_AUTH_CODE_REPLAYED ? "replayed"
                                               : "wrong";
}

/* What the code is worth, written down before anybody is told. */
static int try_code(struct llmp_admin *a, struct llmp_str code)
{
    for (unsigned i = 0; i < TRIES_MAX; i++) {
        struct llmp_store_event event;
        struct authenticator it;
        int answer, rc;

        LLMP_TRY(load(a, a->who.user, &it));
        if (!it.version)
            return llmp_problem_set(&a->problem, 403, "totp_missing", "",
                                    "this user has no authenticator: an "
                                    "administrator enrols one");
        answer = check_code(a, &it, code, &a->retry_after_s);
        if (answer < 0 || answer == LLMP_AUTH_CODE_LOCKED)
            return answer;
        event =
            event_of("login", a->who.user,
                     state_of(a, "result", result_text(answer), a->who.user));
        rc = save(a, a->who.user, &it, false, &event);
        if (rc != LLMP_CONFLICT)
            return rc < 0 ? rc : answer;
    }
    return llmp_admin_conflict(a, "conflict",
                               "too many logins of this user at a time");
}

static int read_code(struct llmp_admin *a, struct llmp_str *out)
{
    struct llmp_json_field field = { .path = "code" };
    int rc = llmp_json_pick_all(a->body, &field, 1, NULL);

    if (rc == LLMP_E_NOMEM)
        return rc;
    if (rc < 0 || !field.found || field.type != LLMP_JSON_STRING ||
        field.text.len == 0)
        return llmp_problem_set(&a->problem, 400, "invalid_value", "code",
                                "code: the one-time code is needed, as a text");
    *out = field.text; /* digits: nothing is escaped in a good one */
    return LLMP_OK;
}

/* The second factor needs a first, and somebody whose it is. */
static int check_who(struct llmp_admin *a)
{
    if (a->who.kind == LLMP_PRINCIPAL_LOCAL)
        return llmp_admin_conflict(a, "local",
                                   "who is at the machine needs no login");
    if (!a->who.user.len)
        return llmp_problem_set(&a->problem, 403, "no_user", "",
                                "this credential is no user's, so there is no "
                                "authenticator for it");
    return LLMP_OK;
}

static int refuse_code(struct llmp_admin *a, int answer)
{
    int rc = llmp_admin_denied(a, answer, LLMP_STR(""));

    if (rc == LLMP_E_INVALID)
        a->problem.status = (uint16_t)llmp_auth_answer_http(answer);
    return rc;
}

int llmp_admin_login(struct llmp_admin *a)
{
    struct llmp_token_given given;
    struct llmp_str code = { NULL, 0 };
    int answer;

    LLMP_TRY(llmp_admin_check_body(a, true));
    LLMP_TRY(check_who(a));
    LLMP_TRY(need_pepper(a));
    LLMP_TRY(read_code(a, &code));
    answer = try_code(a, code);
    if (answer != LLMP_OK)
        return answer < 0 ? answer : refuse_code(a, answer);
    return issue(a, true, &given);
}
