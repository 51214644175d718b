/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the login is good enough for what is asked: `auth.step_up`. An API
 * key says nothing of a login, so it never is; a token's claims do.
 */
#include "base/internal.h"
#include "gateway/exchange.h"

enum { CHALLENGE_SIZE = 8192 };

static bool concerns(const struct llmp_exchange *x,
                     const struct llmp_step_up_config *rule)
{
    if (rule->roles && !(rule->roles >> x->principal.role & 1))
        return false;
    for (size_t i = 0; i < rule->route_count; i++)
        if (llmp_str_eq(rule->routes[i], x->operation->name))
            return true;
    return rule->route_count == 0;
}

/* RFC 9470: the answer says what would do. */
static void refuse_login(struct llmp_exchange *x,
                         const struct llmp_step_up *required)
{
    char *challenge = llmp_arena_take(&x->arena, CHALLENGE_SIZE);

    if (!challenge ||
        !llmp_step_up_challenge(challenge, CHALLENGE_SIZE, required)) {
        llmp_x_refuse_nomem(x);
        return;
    }
    llmp_x_refuse(
        x,
        &(struct llmp_refusal){ .status = 401,
                                .code = "insufficient_user_authentication",
                                .challenge = challenge,
                                .ending = LLMP_END_REFUSED },
        "Not allowed: %s.", llmp_auth_answer_text(LLMP_AUTH_STEP_UP));
}

/* Who reaches the admin socket as the user that runs llmgw could read its
 * secrets, too; and logging in is what the demand asks for. */
static bool is_exempt(const struct llmp_exchange *x)
{
    return x->principal.kind == LLMP_PRINCIPAL_LOCAL ||
           (x->operation->local == LLMP_LOCAL_ADMIN &&
            llmp_x_admin_is_login(x));
}

bool llmp_x_check_login(struct llmp_exchange *x)
{
    const struct llmp_auth_config *auth = &x->config->auth;

    if (!auth->step_up_count || is_exempt(x))
        return true;
    for (size_t i = 0; i < auth->step_up_count; i++) {
        const struct llmp_step_up_config *rule = &auth->step_ups[i];

        if (!concerns(x, rule) ||
            llmp_step_up_check(&rule->required, &x->principal,
                               x->now.wall_ns) == LLMP_OK)
            continue;
        refuse_login(x, &rule->required);
        return false;
    }
    return true;
}
