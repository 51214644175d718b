/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a policy of its options. */
#include "auth/token_policy.h"

#include "base/internal.h"
#include "base/str.h"

enum { LEEWAY_S = 30, LIST_MAX = 256 };

void llmp_token_policy_options_init_sized(
    struct llmp_token_policy_options *opts, size_t size)
{
    struct llmp_token_policy_options defaults = {
        .leeway_s = LEEWAY_S,
        .user_path = LLMP_STR("sub"),
        .name_path = LLMP_STR("preferred_username"),
    };

    memset(opts, 0, size);
    memcpy(opts, &defaults, size < sizeof(defaults) ? size : sizeof(defaults));
    opts->size = size;
}

struct llmp_token_policy *llmp_token_policy_ref(
    struct llmp_token_policy *policy)
{
    if (policy)
        atomic_fetch_add_explicit(&policy->refs, 1, memory_order_relaxed);
    return policy;
}

void llmp_token_policy_unref(struct llmp_token_policy *policy)
{
    if (!policy ||
        atomic_fetch_sub_explicit(&policy->refs, 1, memory_order_acq_rel) != 1)
        return;
    llmp_arena_fini(&policy->arena);
    llmp_free(policy);
}

static void policy_unrefp(struct llmp_token_policy **policy)
{
    llmp_token_policy_unref(*policy);
}

static int check(const struct llmp_token_policy_options *o,
                 struct llmp_error *err)
{
    LLMP_ENSURE(o->issuer.len, err, LLMP_E_INVALID, "an issuer is required");
    LLMP_ENSURE(o->audience_count && o->audience_count <= LIST_MAX &&
                    o->role_count <= LIST_MAX,
                err, LLMP_E_INVALID,
                "1 to %d audiences and at most %d roles are possible", LIST_MAX,
                LIST_MAX);
    for (size_t i = 0; i < o->audience_count; i++)
        LLMP_ENSURE(o->audiences[i].len, err, LLMP_E_INVALID,
                    "an audience is empty");
    LLMP_ENSURE(o->leeway_s <= LLMP_TOKEN_LEEWAY_S_MAX, err, LLMP_E_INVALID,
                "more than %d s of leeway", LLMP_TOKEN_LEEWAY_S_MAX);
    return LLMP_OK;
}

/* Paths as configured, or as our own tokens have them. */
static int read_paths(struct llmp_token_policy *policy,
                      const struct llmp_token_policy_options *o,
                      struct llmp_error *err)
{
    const struct llmp_str texts[LLMP_CLAIM_COUNT] = {
        [LLMP_CLAIM_ISS] = LLMP_STR("iss"),
        [LLMP_CLAIM_AUD] = LLMP_STR("aud"),
        [LLMP_CLAIM_EXP] = LLMP_STR("exp"),
        [LLMP_CLAIM_NBF] = LLMP_STR("nbf"),
        [LLMP_CLAIM_IAT] = LLMP_STR("iat"),
        [LLMP_CLAIM_AUTH_TIME] = LLMP_STR("auth_time"),
        [LLMP_CLAIM_ACR] = LLMP_STR("acr"),
        [LLMP_CLAIM_AMR] = LLMP_STR("amr"),
        [LLMP_CLAIM_JTI] = LLMP_STR("jti"),
        [LLMP_CLAIM_USER] = o->own ? LLMP_STR("sub") : o->user_path,
        [LLMP_CLAIM_NAME] = o->own ? LLMP_STR("name") : o->name_path,
        [LLMP_CLAIM_TEAM] = o->own ? LLMP_STR("team") : o->team_path,
        [LLMP_CLAIM_ORG] = o->own ? LLMP_STR("org") : o->org_path,
        [LLMP_CLAIM_ROLE] = o->own ? LLMP_STR("role") : o->role_path,
        [LLMP_CLAIM_GRANTOR] = o->own ? LLMP_STR("grantor") : LLMP_STR(""),
        [LLMP_CLAIM_GRANTOR_TAG] =
            o->own ? LLMP_STR("grantor_tag") : LLMP_STR(""),
        [LLMP_CLAIM_REGISTERED] =
            o->own ? LLMP_STR("registered") : LLMP_STR(""),
        [LLMP_CLAIM_ABOVE] = o->own ? LLMP_STR("above") : LLMP_STR(""),
    };

    for (unsigned i = 0; i < LLMP_CLAIM_COUNT; i++) {
        int rc =
            llmp_claim_path_parse(&policy->paths[i], texts[i], &policy->arena);

        LLMP_ENSURE(rc == LLMP_OK, err, rc, "\"%.*s\" is not a claim's path",
                    (int)(texts[i].len < 60 ? texts[i].len : 60), texts[i].ptr);
    }
    LLMP_ENSURE(policy->paths[LLMP_CLAIM_USER].count, err, LLMP_E_INVALID,
                "a path for the user is required");
    return LLMP_OK;
}

/* Our own tokens name roles as we do. */
static const struct llmp_role_rule own_roles[] = {
#define OWN_ROLE(name, value, text) { { text, sizeof(text) - 1 }, value },
    LLMP_ROLE_TABLE(OWN_ROLE)
#undef OWN_ROLE
};

static int copy_lists(struct llmp_token_policy *policy,
                      const struct llmp_token_policy_options *o,
                      struct llmp_error *err)
{
    const struct llmp_role_rule *roles = o->own ? own_roles : o->roles;
    size_t count = o->own ? LLMP_COUNT(own_roles) : o->role_count;
    bool ok = true;

    policy->audiences = llmp_arena_take(
        &policy->arena, o->audience_count * sizeof(*policy->audiences));
    policy->roles =
        llmp_arena_take(&policy->arena, count * sizeof(*policy->roles) + 1);
    LLMP_ENSURE(policy->audiences && policy->roles, err, LLMP_E_NOMEM,
                "no memory for the token policy");
    for (size_t i = 0; i < o->audience_count; i++)
        policy->audiences[i] =
            llmp_arena_str(&policy->arena, o->audiences[i], &ok);
    for (size_t i = 0; i < count; i++)
        policy->roles[i] = (struct llmp_role_rule){
            llmp_arena_str(&policy->arena, roles[i].value, &ok), roles[i].role
        };
    policy->audience_count = o->audience_count;
    policy->role_count = count;
    policy->issuer = llmp_arena_str(&policy->arena, o->issuer, &ok);
    policy->team = llmp_arena_str(&policy->arena, o->team, &ok);
    policy->org = llmp_arena_str(&policy->arena, o->org, &ok);
    LLMP_ENSURE(ok, err, LLMP_E_NOMEM, "no memory for the token policy");
    return LLMP_OK;
}

int llmp_token_policy_new(struct llmp_token_policy **out,
                          const struct llmp_token_policy_options *opts,
                          struct llmp_error *err)
{
    struct llmp_token_policy_options o = { .size = sizeof(o) };
    LLMP_AUTO(policy_unrefp) struct llmp_token_policy *policy = NULL;

    LLMP_ENSURE(out && opts, err, LLMP_E_INVALID, "out and opts are required");
    LLMP_TRY(
        llmp_options_read(&o, sizeof(o), sizeof(o), opts, opts->size, err));
    LLMP_TRY(check(&o, err));
    policy = llmp_alloc(sizeof(*policy));
    LLMP_ENSURE(policy, err, LLMP_E_NOMEM, "no memory for the token policy");
    atomic_init(&policy->refs, 1);
    llmp_arena_init(&policy->arena, 1024);
    policy->algorithms = o.algorithms ? o.algorithms : LLMP_ALG_PUBLIC_KEY;
    policy->access_tokens_only = o.access_tokens_only || o.own;
    policy->leeway_s = o.leeway_s;
    policy->lifetime_s_max = o.lifetime_s_max;
    policy->role_default = o.own ? LLMP_ROLE_NONE : o.role_default;
    LLMP_TRY(read_paths(policy, &o, err));
    LLMP_TRY(copy_lists(policy, &o, err));
    *out = llmp_steal(&policy);
    return LLMP_OK;
}
