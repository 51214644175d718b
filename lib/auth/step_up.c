/* SPDX-License-Identifier: Apache-2.0 */
/* Is the login good enough for this, and how to ask for a better (RFC 9470). */
#include "auth/text.h"
#include "base/internal.h"

#include <llmproxy/auth.h>

static bool has_acr(const struct llmp_step_up *required, struct llmp_str acr)
{
    for (size_t i = 0; acr.len && i < required->acr_count; i++)
        if (llmp_str_eq(required->acr[i], acr))
            return true;
    return false;
}

/* A clock that is ahead by a little does not make a login older. */
static bool is_recent(const struct llmp_step_up *required, uint64_t auth_time_s,
                      uint64_t wall_ns)
{
    uint64_t wall_s = wall_ns / LLMP_NS_PER_S;

    if (required->max_age_s == 0)
        return true;
    return auth_time_s && auth_time_s <= wall_s + LLMP_TOKEN_LEEWAY_S_MAX &&
           wall_s <= llmp_add_sat(auth_time_s, required->max_age_s);
}

int llmp_step_up_check(const struct llmp_step_up *required,
                       const struct llmp_principal *principal, uint64_t wall_ns)
{
    bool acr = has_acr(required, principal->acr);

    if (required->acr_count && !acr && !required->multi_factor)
        return LLMP_AUTH_STEP_UP;
    if (required->multi_factor && !acr &&
        !llmp_amr_is_multi_factor(principal->amr))
        return LLMP_AUTH_STEP_UP;
    return is_recent(required, principal->auth_time_s, wall_ns)
               ? LLMP_OK
               : LLMP_AUTH_STEP_UP;
}

/* Inside of quotes: what would end them is left out. */
static void add_quoted(struct llmp_text_out *to, struct llmp_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] >= ' ' && text.ptr[i] < 0x7F && text.ptr[i] != '"' &&
            text.ptr[i] != '\\')
            llmp_text_add(to, (struct llmp_str){ text.ptr + i, 1 });
}

size_t llmp_step_up_challenge(char *out, size_t size,
                              const struct llmp_step_up *required)
{
    struct llmp_text_out to = llmp_text_out(out, size);

    llmp_text_add(&to,
                  LLMP_STR("Bearer error=\"insufficient_user_authentication\", "
                           "error_description=\"a stronger or more recent "
                           "login is required\""));
    if (required->acr_count)
        llmp_text_add(&to, LLMP_STR(", acr_values=\""));
    for (size_t i = 0; i < required->acr_count; i++) {
        if (i)
            llmp_text_add(&to, LLMP_STR(" "));
        add_quoted(&to, required->acr[i]);
    }
    if (required->acr_count)
        llmp_text_add(&to, LLMP_STR("\""));
    if (required->max_age_s) {
        llmp_text_add(&to, LLMP_STR(", max_age="));
        llmp_text_add_u64(&to, required->max_age_s);
    }
    return llmp_text_end(&to, out);
}
