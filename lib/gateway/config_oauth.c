/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Providers that want a bearer token which has to be fetched: which kind, from
 * where, and under which id it is kept, so that a reload keeps it.
 */
#include <openssl/evp.h>
#include <stdio.h>

#include "base/internal.h"
#include "cloud/google.h"
#include "gateway/config_check.h"

#define ENTRA_SCOPE    "https://cognitiveservices.azure.com/.default"
#define GIGACHAT_TOKEN "https://ngw.devices.sberbank.ru:9443/api/v2/oauth"

static int fail(struct llmp_reading *reading, const struct llmp_draft_oauth *o,
                const char *problem)
{
    return llmp_reading_fail(reading, o->node, LLMP_E_INVALID, "%s", problem);
}

static struct llmp_str join(struct llmp_reading *reading,
                            const struct llmp_str *parts, size_t count)
{
    return llmp_config_join(&reading->config->memory, parts, count);
}

static int take_client(struct llmp_reading *reading,
                       const struct llmp_draft_oauth *draft,
                       struct llmp_oauth_config *out)
{
    const struct llmp_str entra[] = {
        LLMP_STR("https://login.microsoftonline.com/"), draft->tenant.text,
        LLMP_STR("/oauth2/v2.0/token")
    };

    out->kind = LLMP_OAUTH_CLIENT;
    out->client_id = draft->client_id.text;
    out->client_secret = draft->client_secret.text;
    if (!out->client_id.len || !out->client_secret.len)
        return fail(reading, draft,
                    "'client_id' and 'client_secret' are needed");
    if (draft->token_url.node)
        out->token_url = draft->token_url.text;
    else if (draft->tenant.node)
        out->token_url = join(reading, entra, LLMP_COUNT(entra));
    else
        return fail(reading, draft, "'tenant' or 'token_url' is needed");
    out->scope = draft->scope.node    ? draft->scope.text
                 : draft->tenant.node ? LLMP_STR(ENTRA_SCOPE)
                                      : LLMP_STR("");
    return out->token_url.ptr ? LLMP_OK : llmp_reading_nomem(reading);
}

/* The key file says where its tokens are given. */
static int take_google(struct llmp_reading *reading,
                       const struct llmp_draft_oauth *draft,
                       struct llmp_oauth_config *out)
{
    struct llmp_cloud_request request = { .header_count = 0 };
    struct llmp_google_account *account;
    struct llmp_error err;
    int rc =
        llmp_google_account_new(&account, draft->service_account.text, &err);

    if (rc == LLMP_OK) {
        rc = llmp_google_request(&request, account, draft->scope.text, 0, &err);
        llmp_google_account_free(account);
    }
    if (rc == LLMP_E_NOMEM)
        return llmp_reading_nomem(reading);
    if (rc < 0)
        return llmp_reading_fail(reading, draft->service_account.node,
                                 LLMP_E_INVALID, "'service_account': %s",
                                 err.message);
    out->kind = LLMP_OAUTH_GOOGLE;
    out->account = draft->service_account.text;
    out->scope = draft->scope.text;
    out->token_url = join(reading, &request.url, 1);
    llmp_cloud_request_fini(&request);
    return out->token_url.ptr ? LLMP_OK : llmp_reading_nomem(reading);
}

static int take_kind(struct llmp_reading *reading,
                     const struct llmp_draft_oauth *draft,
                     struct llmp_oauth_config *out)
{
    int kinds = (draft->client_id.node || draft->client_secret.node) +
                (draft->credentials.node != NULL) +
                (draft->service_account.node != NULL);

    if (kinds != 1)
        return fail(reading, draft,
                    "one of 'client_id', 'credentials' and 'service_account' "
                    "says what kind it is");
    if (draft->service_account.node)
        return take_google(reading, draft, out);
    if (draft->client_id.node || draft->client_secret.node)
        return take_client(reading, draft, out);
    out->kind = LLMP_OAUTH_GIGACHAT;
    out->client_secret = draft->credentials.text;
    out->scope = draft->scope.text;
    out->token_url = draft->token_url.node ? draft->token_url.text
                                           : LLMP_STR(GIGACHAT_TOKEN);
    return LLMP_OK;
}

/* Who changes anything gets a token of his own. */
static int make_id(struct llmp_reading *reading, struct llmp_oauth_config *out)
{
    const struct llmp_str parts[] = { out->token_url,     LLMP_STR("\n"),
                                      out->client_id,     LLMP_STR("\n"),
                                      out->client_secret, LLMP_STR("\n"),
                                      out->scope,         LLMP_STR("\n"),
                                      out->account };
    struct llmp_str all =
        llmp_config_join(&reading->scratch, parts, LLMP_COUNT(parts));
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    char hex[65];

    if (!all.ptr ||
        EVP_Digest(all.ptr, all.len, digest, &len, EVP_sha256(), NULL) != 1)
        return llmp_reading_nomem(reading);

    const struct llmp_str text = { hex, (size_t)(llmp_put_hex(hex, digest, 32) -
                                                 hex) };

    out->id = join(reading, &text, 1);
    return out->id.ptr ? LLMP_OK : llmp_reading_nomem(reading);
}

int llmp_check_oauth(struct llmp_reading *reading,
                     const struct llmp_draft_provider *draft,
                     struct llmp_provider *provider)
{
    struct llmp_oauth_config *out = &provider->oauth;

    if (!draft->oauth.node)
        return LLMP_OK;
    if (draft->api_key.count)
        return fail(reading, &draft->oauth,
                    "'oauth' and 'api_key' exclude each other");
    LLMP_TRY(take_kind(reading, &draft->oauth, out));
    LLMP_TRY(llmp_check_origin(
        reading, draft->oauth.node, out->token_url, "token_url", false,
        draft->ca_file.node ? draft->ca_file.text.ptr : NULL, &out->origin));
    return make_id(reading, out);
}
