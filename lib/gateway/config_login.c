/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens of our own, and what a login must be. */
#include <sodium.h>

#include "base/internal.h"
#include "gateway/config_check.h"
#include "gateway/operation.h"

enum { SECRET_TEXT_MIN = 32 };

/* ---- tokens -------------------------------------------------------------- */

static void secret_of_text(uint8_t out[32], struct llmp_str text)
{
    static const unsigned char purpose[] = "llmproxy token secret";

    (void)crypto_generichash(out, 32, (const unsigned char *)text.ptr, text.len,
                             purpose, sizeof(purpose) - 1);
}

static int add_secret(struct llmp_reading *reading,
                      const struct llmp_setting *setting)
{
    struct llmp_token_config *out = &reading->config->auth.tokens;

    if (setting->text.len < SECRET_TEXT_MIN)
        return llmp_reading_fail(reading, setting->node, LLMP_E_INVALID,
                                 "a secret needs %d bytes or more",
                                 SECRET_TEXT_MIN);
    secret_of_text(out->secrets[out->secret_count++], setting->text);
    return LLMP_OK;
}

/* Whether a signing key can be made of it: of ES256 nearly always. */
static int try_signer(struct llmp_reading *reading,
                      const struct llmp_setting *secret)
{
    const struct llmp_token_config *tokens = &reading->config->auth.tokens;
    struct llmp_signer *signer;

    for (size_t i = 0; i < tokens->secret_count; i++) {
        int rc = llmp_signer_new(&signer, tokens->alg, LLMP_STR("try"),
                                 tokens->secrets[i], NULL);

        if (rc == LLMP_E_NOMEM)
            return llmp_reading_nomem(reading);
        if (rc < 0)
            return llmp_reading_fail(reading, secret->node, LLMP_E_INVALID,
                                     "no ES256 key can be made of this secret: "
                                     "take another");
        llmp_signer_unref(signer);
    }
    return LLMP_OK;
}

int llmp_check_tokens(struct llmp_reading *reading,
                      const struct llmp_draft_tokens *draft)
{
    struct llmp_auth_config *auth = &reading->config->auth;
    struct llmp_token_config *out = &auth->tokens;

    if (!draft->node && !auth->has_pepper)
        return LLMP_OK;
    if (!draft->secret.node && !auth->has_pepper)
        return llmp_reading_fail(reading, draft->node, LLMP_E_INVALID,
                                 "'tokens' needs 'secret', or 'auth.pepper' to "
                                 "derive it from");
    out->enabled = true;
    out->issuer = draft->issuer.text;
    out->audience =
        draft->audience.node ? draft->audience.text : draft->issuer.text;
    out->alg = draft->algorithm.number ? LLMP_ALG_ES256 : LLMP_ALG_EDDSA;
    out->lifetime_s_max = draft->lifetime_max.number / 1000;
    if (draft->secret.node)
        LLMP_TRY(add_secret(reading, &draft->secret));
    else
        llmp_pepper_derive(out->secrets[out->secret_count++], &auth->pepper,
                           LLMP_STR("llmproxy token secret"));
    for (size_t i = 0; i < draft->previous.count; i++)
        LLMP_TRY(add_secret(reading, &draft->previous.items[i]));
    for (size_t i = 0; i < auth->issuer_count; i++)
        if (llmp_str_eq(auth->issuers[i].policy.issuer, out->issuer))
            return llmp_reading_fail(reading, draft->issuer.node,
                                     LLMP_E_INVALID,
                                     "'issuer' is one of 'auth.issuers'");
    return try_signer(reading, &draft->secret);
}

/* ---- logins -------------------------------------------------------------- */

static int check_roles(struct llmp_reading *reading,
                       const struct llmp_settings *settings, uint32_t *out)
{
    for (size_t i = 0; i < settings->count; i++) {
        enum llmp_role role = llmp_role_find(settings->items[i].text);

        if (role == LLMP_ROLE_NONE)
            return llmp_reading_fail(
                reading, settings->items[i].node, LLMP_E_INVALID,
                "a role is user, service, developer, auditor or admin");
        *out |= UINT32_C(1) << role;
    }
    return LLMP_OK;
}

/* A demand that names no operation would demand nothing. */
static int check_routes(struct llmp_reading *reading,
                        const struct llmp_settings *settings)
{
    for (size_t i = 0; i < settings->count; i++)
        if (!llmp_str_eq(settings->items[i].text, LLMP_STR("admin")) &&
            !llmp_operation_is_name(settings->items[i].text))
            return llmp_reading_fail(
                reading, settings->items[i].node, LLMP_E_NOT_FOUND,
                "'routes' are operations such as chat, or admin; there is no "
                "%s",
                llmp_show(settings->items[i].text).text);
    return LLMP_OK;
}

static int check_step_up(struct llmp_reading *reading,
                         const struct llmp_draft_step_up *draft,
                         struct llmp_step_up_config *out)
{
    struct llmp_step_up *required = &out->required;

    required->size = sizeof(*required);
    required->multi_factor = draft->multi_factor.number != 0;
    required->max_age_s = draft->max_age.number / 1000;
    LLMP_TRY(check_roles(reading, &draft->roles, &out->roles));
    LLMP_TRY(check_routes(reading, &draft->routes));
    LLMP_TRY(llmp_take_texts(reading, &draft->routes, &out->routes,
                             &out->route_count));
    LLMP_TRY(llmp_take_texts(reading, &draft->acr, &required->acr,
                             &required->acr_count));
    if (!required->multi_factor && !required->acr_count && !required->max_age_s)
        return llmp_reading_fail(reading, draft->node, LLMP_E_INVALID,
                                 "it demands nothing: set 'multi_factor', "
                                 "'acr' or 'max_age' (a second or more)");
    return LLMP_OK;
}

int llmp_check_step_ups(struct llmp_reading *reading,
                        const struct llmp_drafts *drafts)
{
    struct llmp_auth_config *out = &reading->config->auth;
    const struct llmp_draft_step_up *items = drafts->items;

    out->step_ups = llmp_config_take_array(
        &reading->config->memory, drafts->count, sizeof(*out->step_ups));
    if (!out->step_ups && drafts->count)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < drafts->count; i++)
        LLMP_TRY(check_step_up(reading, &items[i], &out->step_ups[i]));
    out->step_up_count = drafts->count;
    return LLMP_OK;
}
