/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one place where anything is allowed. Two tables: how far each role
 * reaches with an action (LLMP_ACTION_TABLE in the header), and which fields
 * an action can set, and who may. What is in neither cannot be done.
 */
#include "base/internal.h"
#include "base/str.h"

#include <llmproxy/auth.h>

/* How far: see LLMP_ACTION_TABLE. Own, team and organisation are nested. */
enum reach { N, W, T, O, G, A };

static const struct {
    const char *name;
    uint8_t reach[LLMP_ROLE_COUNT]; /* by role; none has none */
} actions[LLMP_ACTION_COUNT] = {
#define ACTION_ROW(name, value, text, user, service, developer, auditor, \
                   admin)                                                \
    [value] = { text, { N, user, service, developer, auditor, admin } },
    LLMP_ACTION_TABLE(ACTION_ROW)
#undef ACTION_ROW
};

/* Who may set a field: whoever may do the action, an admin, an admin of the
 * whole gateway. */
enum setter { ANYONE, ADMIN, GATEWAY };

/* A bit an action that can set the field. */
#define ON(name)   (UINT64_C(1) << LLMP_ACTION_##name)
#define KEY_NEW    ON(KEY_CREATE)
#define KEY_CHANGE ON(KEY_UPDATE)
#define KEY        (KEY_NEW | KEY_CHANGE)
#define USER       (ON(USER_CREATE) | ON(USER_UPDATE))
#define TEAM       (ON(TEAM_CREATE) | ON(TEAM_UPDATE))
#define ORG        (ON(ORG_CREATE) | ON(ORG_UPDATE))

static const struct field {
    struct llmp_str name;
    uint64_t actions;
    enum setter setter;
    bool grants; /* it gives something: needs object->grant */
} fields[] = {
#define FIELD(name, actions, setter, grants)                \
    {                                                       \
        { name, sizeof(name) - 1 }, actions, setter, grants \
    }
    FIELD("name", KEY | USER, ANYONE, false),
    FIELD("name", TEAM | ORG, ADMIN, false),
    FIELD("email", USER, ANYONE, false),
    FIELD("allow", KEY_NEW, ANYONE, false),
    FIELD("allow", KEY_CHANGE, ADMIN, false),
    FIELD("deny", KEY_NEW, ANYONE, false),
    FIELD("deny", KEY_CHANGE, ADMIN, false),
    FIELD("disabled", KEY_NEW, ANYONE, false),
    FIELD("disabled", KEY_CHANGE, ADMIN, false),
    FIELD("disabled", USER | TEAM, ADMIN, false),
    FIELD("models", KEY, ANYONE, true),
    FIELD("models", USER | TEAM | ORG, ADMIN, true),
    FIELD("routes", KEY, ANYONE, true),
    FIELD("routes", USER | TEAM | ORG, ADMIN, true),
    FIELD("limits", KEY, ANYONE, true),
    FIELD("limits", USER | TEAM | ORG, ADMIN, true),
    FIELD("expires", KEY, ANYONE, true),
    FIELD("expires", USER | TEAM | ORG, ADMIN, true),
    FIELD("budget", KEY_NEW, ANYONE, true),
    FIELD("budget", KEY_CHANGE | USER | TEAM | ORG, ADMIN, true),
    FIELD("role", KEY_NEW, ANYONE, true),
    FIELD("role", KEY_CHANGE | USER, ADMIN, true),
    /* Of a new key the owner is what the reach is checked with. */
    FIELD("user", KEY_NEW, ANYONE, false),
    FIELD("user", KEY_CHANGE, ADMIN, false),
    FIELD("team", KEY_NEW, ANYONE, false),
    FIELD("team", KEY_CHANGE | USER, ADMIN, false),
    FIELD("org", KEY_NEW, ANYONE, false),
    FIELD("org", ON(USER_CREATE) | ON(TEAM_CREATE), ADMIN, false),
    FIELD("org", KEY_CHANGE | ON(USER_UPDATE) | ON(TEAM_UPDATE), GATEWAY,
          false),
    FIELD("step_up", USER | TEAM | ORG, ADMIN, false),
    FIELD("amount", ON(BUDGET_UPDATE), ADMIN, true),
    FIELD("period", ON(BUDGET_UPDATE), ADMIN, true),
    FIELD("input", ON(PRICE_UPDATE), GATEWAY, false),
    FIELD("output", ON(PRICE_UPDATE), GATEWAY, false),
    FIELD("cached", ON(PRICE_UPDATE), GATEWAY, false),
    FIELD("role", ON(TOKEN_ISSUE), ANYONE, true),
    FIELD("expires", ON(TOKEN_ISSUE), ANYONE, true),
    /* End users are the issuer's own; a user of ours is somebody else. */
    FIELD("end_user", ON(TOKEN_ISSUE), ANYONE, false),
    FIELD("user", ON(TOKEN_ISSUE), ADMIN, false),
    FIELD("team", ON(TOKEN_ISSUE), ADMIN, false),
    FIELD("org", ON(TOKEN_ISSUE), ADMIN, false),
#undef FIELD
};

const char *llmp_action_name(enum llmp_action action)
{
    return (unsigned)action < LLMP_ACTION_COUNT ? actions[action].name
                                                : "unknown";
}

const char *llmp_action_field(enum llmp_action action, size_t index)
{
    if ((unsigned)action >= LLMP_ACTION_COUNT)
        return NULL;
    for (size_t i = 0; i < LLMP_COUNT(fields); i++)
        if (fields[i].actions >> action & 1 && index-- == 0)
            return fields[i].name.ptr;
    return NULL;
}

static enum reach reach_of(enum llmp_role role, unsigned action)
{
    return (unsigned)role < LLMP_ROLE_COUNT
               ? (enum reach)actions[action].reach[role]
               : N;
}

static bool reach_covers(enum reach wide, enum reach narrow)
{
    if (narrow == N || wide == A || wide == narrow)
        return true;
    return narrow <= O && wide <= O && narrow <= wide;
}

bool llmp_role_is_within(enum llmp_role role, enum llmp_role of)
{
    for (unsigned i = 0; i < LLMP_ACTION_COUNT; i++)
        if (!reach_covers(reach_of(of, i), reach_of(role, i)))
            return false;
    return true;
}

static bool same(struct llmp_str a, struct llmp_str b)
{
    return a.len && llmp_str_eq(a, b);
}

/* What an object does not name contradicts nothing. */
static bool agrees(struct llmp_str object, struct llmp_str principal)
{
    return object.len == 0 || llmp_str_eq(object, principal);
}

static bool is_own(const struct llmp_principal *principal,
                   const struct llmp_policy_object *object)
{
    bool self = same(principal->user, object->user) ||
                (principal->kind == LLMP_PRINCIPAL_KEY &&
                 same(principal->id, object->id) &&
                 agrees(object->user, principal->user));

    /* No organisation is a place of its own, from where an admin reaches all:
     * it is nobody's in an organisation. */
    return self && agrees(object->team, principal->team) &&
           llmp_str_eq(object->org, principal->org);
}

static bool is_team(const struct llmp_principal *principal,
                    const struct llmp_policy_object *object)
{
    return same(principal->team, object->team) &&
           agrees(object->org, principal->org);
}

/* Only these two stand above all organisations when they belong to none. */
static bool is_everywhere(const struct llmp_principal *principal)
{
    return principal->org.len == 0 && (principal->role == LLMP_ROLE_ADMIN ||
                                       principal->role == LLMP_ROLE_AUDITOR);
}

static bool reaches(const struct llmp_principal *principal, enum reach reach,
                    const struct llmp_policy_object *object)
{
    switch (reach) {
    case A:
        return true;
    case G:
        return is_everywhere(principal);
    case O:
        return is_everywhere(principal) || is_own(principal, object) ||
               same(principal->org, object->org);
    case T:
        return is_own(principal, object) || is_team(principal, object);
    case W:
        return is_own(principal, object);
    case N:
        break;
    }
    return false;
}

/* Asks the role, and that of everybody who gave it. */
static int check_reach(const struct llmp_principal *principal,
                       enum llmp_action action,
                       const struct llmp_policy_object *object)
{
    const struct llmp_grant *link = principal->grant;
    enum reach reach = reach_of(principal->role, action);
    unsigned depth = 0;

    for (;; link = link->grantor) {
        if (reach == N)
            return LLMP_AUTH_ACTION_DENIED;
        if (!reaches(principal, reach, object))
            return LLMP_AUTH_OBJECT_DENIED;
        if (!link)
            return LLMP_OK;
        if (depth++ > LLMP_GRANT_DEPTH_MAX)
            return LLMP_E_LIMIT;
        reach = reach_of(link->role, action);
    }
}

static bool setter_is(const struct llmp_principal *principal,
                      enum setter setter)
{
    if (setter == ANYONE)
        return true;
    if (principal->role != LLMP_ROLE_ADMIN)
        return false;
    return setter == ADMIN || principal->org.len == 0;
}

static const struct field *field_find(enum llmp_action action,
                                      struct llmp_str name)
{
    for (size_t i = 0; i < LLMP_COUNT(fields); i++)
        if (fields[i].actions >> action & 1 &&
            llmp_str_eq(fields[i].name, name))
            return &fields[i];
    return NULL;
}

static int check_fields(const struct llmp_principal *principal,
                        enum llmp_action action,
                        const struct llmp_policy_object *object,
                        struct llmp_str *detail)
{
    for (size_t i = 0; i < object->field_count; i++) {
        const struct field *field = field_find(action, object->fields[i]);

        *detail = object->fields[i];
        if (!field || !setter_is(principal, field->setter))
            return LLMP_AUTH_FIELD_DENIED;
        if (field->grants && !object->grant)
            return LLMP_AUTH_GRANT_WIDER;
    }
    *detail = LLMP_STR("");
    return LLMP_OK;
}

/* What hangs on the giver's own grant is bounded by all of it at every use;
 * only the role is its own. */
static int check_role(const struct llmp_principal *principal,
                      enum llmp_role wanted, struct llmp_str *detail)
{
    const struct llmp_grant *link = principal->grant;
    bool within = llmp_role_is_within(wanted, principal->role);

    for (unsigned depth = 0; link && within; link = link->grantor) {
        if (depth++ > LLMP_GRANT_DEPTH_MAX)
            return LLMP_E_LIMIT;
        within = llmp_role_is_within(wanted, link->role);
    }
    *detail = within ? LLMP_STR("") : LLMP_STR("role");
    return within ? LLMP_OK : LLMP_AUTH_GRANT_WIDER;
}

/* What would be given is within the giver's role and grant. */
static int check_grant(const struct llmp_principal *principal,
                       const struct llmp_grant *wanted, struct llmp_str *detail)
{
    const struct llmp_grant role_alone = { .size = sizeof(role_alone),
                                           .role = principal->role,
                                           .grantor = principal->grant };
    const char *field = NULL;
    int rc;

    if (!wanted)
        return LLMP_OK;
    if (wanted->grantor && wanted->grantor == principal->grant)
        return check_role(principal, wanted->role, detail);
    rc = llmp_grant_check(wanted, &role_alone, &field);
    *detail = llmp_str_of(field);
    return rc;
}

static int check_use(const struct llmp_principal *principal,
                     const struct llmp_policy_object *object)
{
    if (object->model.len &&
        !llmp_grant_has_model(principal->grant, object->model))
        return LLMP_AUTH_MODEL_DENIED;
    if (object->route.len &&
        !llmp_grant_has_route(principal->grant, object->route))
        return LLMP_AUTH_ROUTE_DENIED;
    return LLMP_OK;
}

static bool has_ended(uint64_t expires_ns, uint64_t wall_ns)
{
    return expires_ns && wall_ns >= expires_ns;
}

static int decide(const struct llmp_principal *principal,
                  enum llmp_action action,
                  const struct llmp_policy_object *object, uint64_t wall_ns,
                  struct llmp_str *detail)
{
    int rc = check_reach(principal, action, object);

    if (rc != LLMP_OK)
        return rc;
    if (has_ended(principal->expires_ns, wall_ns) ||
        has_ended(llmp_grant_expires_ns(principal->grant), wall_ns))
        return LLMP_AUTH_GRANT_EXPIRED;
    rc = check_fields(principal, action, object, detail);
    if (rc != LLMP_OK)
        return rc;
    rc = check_grant(principal, object->grant, detail);
    return rc != LLMP_OK ? rc : check_use(principal, object);
}

int llmp_policy_decide(const struct llmp_principal *principal,
                       enum llmp_action action,
                       const struct llmp_policy_object *object,
                       uint64_t wall_ns, struct llmp_str *detail)
{
    static const struct llmp_policy_object nothing = { .size =
                                                           sizeof(nothing) };
    struct llmp_str ignored;

    assert(principal);
    if (detail)
        *detail = LLMP_STR("");
    if ((unsigned)action >= LLMP_ACTION_COUNT)
        return LLMP_AUTH_ACTION_DENIED;
    return decide(principal, action, object ? object : &nothing, wall_ns,
                  detail ? detail : &ignored);
}
