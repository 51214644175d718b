/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: nobody can do more than the page says, whatever is combined.
 * Method: the whole matrix role × action × whose × field is generated and
 * compared with policy_matrix.h, which is there to be read in review
 * (`test-auth-policy --print` writes it anew); then rules that hold for the
 * whole matrix, stated apart from the tables.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "auth_fixture.h"

#define WIDE 100

static const enum llmp_role roles[] = { LLMP_ROLE_USER, LLMP_ROLE_SERVICE,
                                        LLMP_ROLE_DEVELOPER, LLMP_ROLE_AUDITOR,
                                        LLMP_ROLE_ADMIN };

/* Whose an object is, as seen by ann of team red of acme (or of nothing). */
enum whose { OWN, OWN_ELSEWHERE, TEAM, ORG, OTHER, GATEWAY, WHOSE_COUNT };

static struct llmp_policy_object object_of(enum whose whose, bool with_org)
{
    struct llmp_policy_object o = { .size = sizeof(o) };
    struct llmp_str acme = with_org ? S("acme") : S("");

    switch (whose) {
    case OWN:
        o.user = S("ann"), o.team = S("red"), o.org = acme;
        break;
    case OWN_ELSEWHERE: /* her name, another organisation's object */
        o.user = S("ann"), o.team = S("red"), o.org = S("evil");
        break;
    case TEAM:
        o.user = S("bob"), o.team = S("red"), o.org = acme;
        break;
    case ORG:
        o.user = S("cid"), o.team = S("blue"), o.org = acme;
        break;
    case OTHER:
        o.user = S("eve"), o.team = S("grey"), o.org = S("evil");
        break;
    default:
        break;
    }
    return o;
}

static struct llmp_principal principal_of(enum llmp_role role, bool with_org)
{
    return (struct llmp_principal){ .size = sizeof(struct llmp_principal),
                                    .kind = LLMP_PRINCIPAL_TOKEN,
                                    .role = role,
                                    .user = S("ann"),
                                    .team = S("red"),
                                    .org = with_org ? S("acme") : S("") };
}

static int decide(enum llmp_role role, bool with_org, enum llmp_action action,
                  enum whose whose, const char *field)
{
    struct llmp_principal p = principal_of(role, with_org);
    struct llmp_policy_object o = object_of(whose, with_org);
    struct llmp_grant grant = { .size = sizeof(grant), .role = LLMP_ROLE_USER };
    struct llmp_str name = llmp_str_of(field);

    /* A grant that every role but service may give, so that fields decide. */
    if (role == LLMP_ROLE_SERVICE)
        grant.role = LLMP_ROLE_SERVICE;
    o.fields = &name;
    o.field_count = field != NULL;
    o.grant = field ? &grant : NULL;
    return llmp_policy_decide(&p, action, &o, WALL_NS, NULL);
}

static char letter(int rc)
{
    return rc == LLMP_OK                   ? 'y'
           : rc == LLMP_AUTH_ACTION_DENIED ? '-'
           : rc == LLMP_AUTH_OBJECT_DENIED ? 'o'
           : rc == LLMP_AUTH_FIELD_DENIED  ? 'f'
                                           : '?';
}

/* "key.update developer acme:yoooo- none:…" and the same for each field. */
static void line_make(char *out, size_t size, enum llmp_action action,
                      enum llmp_role role, const char *field)
{
    char cells[2][WHOSE_COUNT + 1] = { "", "" };

    for (int with_org = 0; with_org < 2; with_org++)
        for (int whose = 0; whose < WHOSE_COUNT; whose++)
            cells[with_org][whose] = letter(
                decide(role, with_org, action, (enum whose)whose, field));
    (void)snprintf(out, size, "%s%s%s %s %s %s", llmp_action_name(action),
                   field ? ":" : "", field ? field : "", llmp_role_name(role),
                   cells[1], cells[0]);
}

static void each_line(void (*show)(const char *line, void *ctx), void *ctx)
{
    char line[WIDE];

    for (unsigned a = 0; a < LLMP_ACTION_COUNT; a++)
        for (size_t r = 0; r < LLMP_COUNT(roles); r++) {
            const char *field;

            line_make(line, sizeof(line), (enum llmp_action)a, roles[r], NULL);
            show(line, ctx);
            for (size_t f = 0;
                 (field = llmp_action_field((enum llmp_action)a, f)); f++) {
                line_make(line, sizeof(line), (enum llmp_action)a, roles[r],
                          field);
                show(line, ctx);
            }
        }
}

/* Columns: own, own elsewhere, team, organisation, other, the gateway's; for
 * a principal of an organisation, then for one of none. */
static const char *const golden[] = {
#include "policy_matrix.h"
};

static void compare_line(const char *line, void *ctx)
{
    size_t *index = ctx;

    assert_true(*index < LLMP_COUNT(golden));
    assert_string_equal(line, golden[(*index)++]);
}

static void the_matrix_is_the_reviewed_one(void **state)
{
    size_t index = 0;

    (void)state;
    each_line(compare_line, &index);
    assert_int_equal(index, LLMP_COUNT(golden));
}

/* ----------------------------------------------------------------- rules -- */

static bool reads(const char *name)
{
    return strstr(name, ".read") || strstr(name, ".list") ||
           strstr(name, ".export");
}

static bool is_model(const char *name)
{
    return strncmp(name, "model.", 6) == 0 || strcmp(name, "price.read") == 0;
}

/* What concerns nothing but how somebody is known. */
static bool is_login(const char *name)
{
    return strcmp(name, "session.revoke") == 0 ||
           strcmp(name, "token.issue") == 0 || strcmp(name, "totp.enrol") == 0;
}

/* One cell of the matrix, against rules in plain words. */
static void check_rules(enum llmp_role role, bool with_org, unsigned action,
                        enum whose whose)
{
    const char *name = llmp_action_name((enum llmp_action)action);
    int rc = decide(role, with_org, (enum llmp_action)action, whose, NULL);

    if (rc != LLMP_OK)
        return;
    if (role == LLMP_ROLE_AUDITOR)
        assert_true(reads(name) || (is_login(name) && whose == OWN));
    if (role == LLMP_ROLE_SERVICE)
        assert_true(strncmp(name, "model.", 6) == 0 ||
                    (strcmp(name, "token.issue") == 0 && whose == OWN));
    if (role == LLMP_ROLE_USER && !is_model(name))
        assert_true(whose == OWN ||
                    (whose == TEAM && strcmp(name, "team.read") == 0));
    /* Nobody leaves their organisation. */
    if (with_org && !is_model(name))
        assert_true(whose != OTHER && whose != OWN_ELSEWHERE);
    /* Without organisation only two see others. */
    if (!with_org && !is_model(name) && whose == OTHER)
        assert_true(role == LLMP_ROLE_ADMIN || role == LLMP_ROLE_AUDITOR);
}

static void rules_hold_everywhere(void **state)
{
    (void)state;
    for (size_t r = 0; r < LLMP_COUNT(roles); r++)
        for (unsigned a = 0; a < LLMP_ACTION_COUNT; a++)
            for (int whose = 0; whose < WHOSE_COUNT; whose++)
                for (int with_org = 0; with_org < 2; with_org++)
                    check_rules(roles[r], with_org, a, (enum whose)whose);
}

static void no_role_does_nothing(void **state)
{
    (void)state;
    for (unsigned a = 0; a < LLMP_ACTION_COUNT + 2; a++)
        for (int whose = 0; whose < WHOSE_COUNT; whose++) {
            assert_int_equal(decide(LLMP_ROLE_NONE, false, (enum llmp_action)a,
                                    (enum whose)whose, NULL),
                             LLMP_AUTH_ACTION_DENIED);
            assert_int_equal(decide((enum llmp_role)99, false,
                                    (enum llmp_action)a, (enum whose)whose,
                                    NULL),
                             LLMP_AUTH_ACTION_DENIED);
        }
}

/* Every field that is known anywhere, and some that are not, in every action:
 * only those on the action's list ever pass (CVE-2026-47101, 47102). */
static void only_listed_fields_pass(void **state)
{
    static const char *const odd[] = {
        "id",        "hash",           "Role",    "role ", "",
        "user_role", "allowed_routes", "created", "*"
    };

    (void)state;
    for (unsigned a = 0; a < LLMP_ACTION_COUNT; a++) {
        for (size_t i = 0; i < LLMP_COUNT(odd); i++)
            assert_true(decide(LLMP_ROLE_ADMIN, false, (enum llmp_action)a,
                               GATEWAY, odd[i]) != LLMP_OK);
        for (unsigned b = 0; b < LLMP_ACTION_COUNT; b++) {
            const char *field;

            for (size_t f = 0;
                 (field = llmp_action_field((enum llmp_action)b, f)); f++) {
                bool listed = false;
                const char *own;

                for (size_t g = 0;
                     (own = llmp_action_field((enum llmp_action)a, g)); g++)
                    listed |= strcmp(own, field) == 0;
                if (!listed)
                    assert_true(decide(LLMP_ROLE_ADMIN, false,
                                       (enum llmp_action)a, GATEWAY,
                                       field) != LLMP_OK);
            }
        }
    }
}

static void roles_are_nested_where_they_should_be(void **state)
{
    (void)state;
    assert_true(llmp_role_is_within(LLMP_ROLE_SERVICE, LLMP_ROLE_USER));
    assert_true(llmp_role_is_within(LLMP_ROLE_USER, LLMP_ROLE_DEVELOPER));
    assert_true(llmp_role_is_within(LLMP_ROLE_DEVELOPER, LLMP_ROLE_ADMIN));
    assert_true(llmp_role_is_within(LLMP_ROLE_AUDITOR, LLMP_ROLE_ADMIN));
    assert_false(llmp_role_is_within(LLMP_ROLE_AUDITOR, LLMP_ROLE_DEVELOPER));
    assert_false(llmp_role_is_within(LLMP_ROLE_DEVELOPER, LLMP_ROLE_AUDITOR));
    assert_false(llmp_role_is_within(LLMP_ROLE_USER, LLMP_ROLE_SERVICE));
    assert_false(llmp_role_is_within(LLMP_ROLE_ADMIN, LLMP_ROLE_AUDITOR));
    assert_false(llmp_role_is_within(LLMP_ROLE_USER, LLMP_ROLE_NONE));
}

/* ---------------------------------------------------------------- grants -- */

static int create_key(const struct llmp_principal *p,
                      const struct llmp_grant *grant, struct llmp_str *detail)
{
    static const struct llmp_str fields[] = { { "name", 4 },
                                              { "role", 4 },
                                              { "models", 6 } };
    struct llmp_policy_object o = object_of(OWN, true);

    o.fields = fields;
    o.field_count = 3;
    o.grant = grant;
    return llmp_policy_decide(p, LLMP_ACTION_KEY_CREATE, &o, WALL_NS, detail);
}

static void nobody_grants_more_than_they_have(void **state)
{
    static const struct llmp_str models[] = { { "gpt-4*", 6 } };
    static const struct llmp_str wider[] = { { "gpt-*", 5 } };
    struct llmp_grant own = { .size = sizeof(own),
                              .role = LLMP_ROLE_DEVELOPER,
                              .models = models,
                              .model_count = 1 };
    struct llmp_grant wanted = own;
    struct llmp_principal p = principal_of(LLMP_ROLE_DEVELOPER, true);
    struct llmp_str detail;

    (void)state;
    p.grant = &own;
    assert_int_equal(create_key(&p, &wanted, &detail), LLMP_OK);
    assert_int_equal(detail.len, 0);
    wanted.models = wider;
    assert_int_equal(create_key(&p, &wanted, &detail), LLMP_AUTH_GRANT_WIDER);
    assert_true(llmp_str_eq(detail, S("models")));
    wanted = own;
    wanted.role = LLMP_ROLE_ADMIN;
    assert_int_equal(create_key(&p, &wanted, &detail), LLMP_AUTH_GRANT_WIDER);
    assert_true(llmp_str_eq(detail, S("role")));
    /* Without a grant to look at, nothing that grants is set. */
    assert_int_equal(create_key(&p, NULL, &detail), LLMP_AUTH_GRANT_WIDER);
    /* The role bounds also those who have no grant of their own. */
    p.grant = NULL;
    wanted.role = LLMP_ROLE_AUDITOR;
    assert_int_equal(create_key(&p, &wanted, &detail), LLMP_AUTH_GRANT_WIDER);
}

/* A token hangs on the grant of whoever issues it: what that has not, the token
 * never has, and only its role is to be judged. */
static void what_hangs_on_a_grant_is_judged_by_its_role(void **state)
{
    static const struct llmp_str models[] = { { "gpt-4*", 6 } };
    static const struct llmp_str fields[] = { { "role", 4 } };
    struct llmp_grant above = { .size = sizeof(above),
                                .role = LLMP_ROLE_SERVICE };
    struct llmp_grant own = { .size = sizeof(own),
                              .role = LLMP_ROLE_DEVELOPER,
                              .models = models,
                              .model_count = 1 };
    struct llmp_grant wanted = { .size = sizeof(wanted),
                                 .role = LLMP_ROLE_USER,
                                 .grantor = &own };
    struct llmp_principal p = principal_of(LLMP_ROLE_DEVELOPER, true);
    struct llmp_policy_object o = object_of(OWN, true);
    struct llmp_str detail;

    (void)state;
    p.grant = &own;
    o.fields = fields;
    o.field_count = 1;
    o.grant = &wanted;
    assert_int_equal(
        llmp_policy_decide(&p, LLMP_ACTION_TOKEN_ISSUE, &o, WALL_NS, &detail),
        LLMP_OK);
    wanted.role = LLMP_ROLE_AUDITOR;
    assert_int_equal(
        llmp_policy_decide(&p, LLMP_ACTION_TOKEN_ISSUE, &o, WALL_NS, &detail),
        LLMP_AUTH_GRANT_WIDER);
    assert_true(llmp_str_eq(detail, S("role")));
    /* All along the chain. */
    own.grantor = &above;
    wanted.role = LLMP_ROLE_USER;
    assert_int_equal(
        llmp_policy_decide(&p, LLMP_ACTION_TOKEN_ISSUE, &o, WALL_NS, &detail),
        LLMP_AUTH_GRANT_WIDER);
    wanted.role = LLMP_ROLE_SERVICE;
    assert_int_equal(
        llmp_policy_decide(&p, LLMP_ACTION_TOKEN_ISSUE, &o, WALL_NS, &detail),
        LLMP_OK);
    /* One that hangs on another's is judged whole. */
    wanted.grantor = &above;
    assert_int_equal(
        llmp_policy_decide(&p, LLMP_ACTION_TOKEN_ISSUE, &o, WALL_NS, &detail),
        LLMP_AUTH_GRANT_WIDER);
    assert_true(llmp_str_eq(detail, S("models")));
    /* A chain without end gives nothing. */
    above.grantor = &own;
    wanted.grantor = &own;
    assert_true(llmp_policy_decide(&p, LLMP_ACTION_TOKEN_ISSUE, &o, WALL_NS,
                                   &detail) != LLMP_OK);
}

static int use(const struct llmp_grant *grant, const char *model,
               const char *route)
{
    struct llmp_principal p = principal_of(LLMP_ROLE_USER, true);
    struct llmp_policy_object o = { .size = sizeof(o),
                                    .model = llmp_str_of(model),
                                    .route = llmp_str_of(route) };

    p.grant = grant;
    return llmp_policy_decide(&p, LLMP_ACTION_MODEL_USE, &o, WALL_NS, NULL);
}

/* What was granted by somebody who has less now is worth less now. */
static void grants_are_checked_at_use(void **state)
{
    static const struct llmp_str models[] = { { "gpt-*", 5 } };
    static const struct llmp_str routes[] = { { "chat", 4 } };
    struct llmp_grant owner = { .size = sizeof(owner),
                                .role = LLMP_ROLE_DEVELOPER };
    struct llmp_grant key = { .size = sizeof(key),
                              .role = LLMP_ROLE_USER,
                              .grantor = &owner };

    (void)state;
    assert_int_equal(use(&key, "claude", "embeddings"), LLMP_OK);
    owner.models = models;
    owner.model_count = 1;
    assert_int_equal(use(&key, "claude", "chat"), LLMP_AUTH_MODEL_DENIED);
    assert_int_equal(use(&key, "gpt-4o", "chat"), LLMP_OK);
    owner.routes = routes;
    owner.route_count = 1;
    assert_int_equal(use(&key, "gpt-4o", "embeddings"), LLMP_AUTH_ROUTE_DENIED);
    owner.expires_ns = WALL_NS;
    assert_int_equal(use(&key, "gpt-4o", "chat"), LLMP_AUTH_GRANT_EXPIRED);
    owner.expires_ns = 0;
    owner.role = LLMP_ROLE_AUDITOR; /* who may use no model */
    assert_int_equal(use(&key, "gpt-4o", "chat"), LLMP_AUTH_ACTION_DENIED);
}

static void a_circle_of_grantors_gives_nothing(void **state)
{
    struct llmp_grant a = { .size = sizeof(a), .role = LLMP_ROLE_USER };
    struct llmp_grant b = { .size = sizeof(b),
                            .role = LLMP_ROLE_USER,
                            .grantor = &a };

    (void)state;
    a.grantor = &b;
    assert_true(use(&a, "m", "chat") != LLMP_OK);
}

static void a_key_is_its_own(void **state)
{
    struct llmp_principal p = { .size = sizeof(p),
                                .kind = LLMP_PRINCIPAL_KEY,
                                .role = LLMP_ROLE_USER,
                                .id = S("key-1") };
    struct llmp_policy_object o = { .size = sizeof(o), .id = S("key-1") };

    (void)state;
    assert_int_equal(
        llmp_policy_decide(&p, LLMP_ACTION_KEY_ROTATE, &o, 0, NULL), LLMP_OK);
    o.user = S("eve"); /* a key of that name, but another's */
    assert_int_equal(
        llmp_policy_decide(&p, LLMP_ACTION_KEY_ROTATE, &o, 0, NULL),
        LLMP_AUTH_OBJECT_DENIED);
    o.user = S("");
    o.id = S("key-2");
    assert_int_equal(
        llmp_policy_decide(&p, LLMP_ACTION_KEY_ROTATE, &o, 0, NULL),
        LLMP_AUTH_OBJECT_DENIED);
    assert_int_equal(
        llmp_policy_decide(&p, LLMP_ACTION_KEY_ROTATE, NULL, 0, NULL),
        LLMP_AUTH_OBJECT_DENIED);
}

static void print_line(const char *line, void *ctx)
{
    (void)ctx;
    printf("\"%s\",\n", line);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_matrix_is_the_reviewed_one),
        cmocka_unit_test(rules_hold_everywhere),
        cmocka_unit_test(no_role_does_nothing),
        cmocka_unit_test(only_listed_fields_pass),
        cmocka_unit_test(roles_are_nested_where_they_should_be),
        cmocka_unit_test(nobody_grants_more_than_they_have),
        cmocka_unit_test(what_hangs_on_a_grant_is_judged_by_its_role),
        cmocka_unit_test(grants_are_checked_at_use),
        cmocka_unit_test(a_circle_of_grantors_gives_nothing),
        cmocka_unit_test(a_key_is_its_own),
    };

    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        each_line(print_line, NULL);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
