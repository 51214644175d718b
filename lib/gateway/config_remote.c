/* SPDX-License-Identifier: Apache-2.0 */
/* Guards that ask somebody else: whom, how long, and about what. */
#include "base/internal.h"
#include "gateway/config_check.h"

static int fail(struct llmp_reading *reading, const struct llmp_node *node,
                const char *why)
{
    return llmp_reading_fail(reading, node, LLMP_E_INVALID, "%s", why);
}

static int find_provider(struct llmp_reading *reading,
                         const struct llmp_setting *name,
                         const struct llmp_provider **out)
{
    struct llmp_guess guess = llmp_guess_begin(name->text);

    *out = llmp_provider_find(reading->config, name->text);
    if (*out)
        return LLMP_OK;
    for (size_t i = 0; i < reading->config->provider_count; i++)
        llmp_guess_offer(&guess, reading->config->providers[i].name);
    return llmp_reading_fail(
        reading, name->node, LLMP_E_NOT_FOUND, "there is no provider '%s'%s",
        llmp_show(name->text).text, llmp_guess_hint(&guess).text);
}

/* A path that is sent as it stands. */
static bool is_path(struct llmp_str path)
{
    for (size_t i = 0; i < path.len; i++)
        if (path.ptr[i] <= ' ' || path.ptr[i] > '~' ||
            memchr("\"#<>\\^`{|}", path.ptr[i], 10))
            return false;
    return path.len > 0 && path.ptr[0] == '/';
}

/* What one API needs, and another does not know. */
static int check_settings(struct llmp_reading *reading,
                          const struct llmp_draft_guard_remote *draft,
                          const struct llmp_guard_remote *remote)
{
    const struct llmp_remote_api *api = remote->set.api;
    bool bedrock = api->needs_guardrail;

    if (api->needs_model && !draft->model.node)
        return fail(reading, draft->node, "this API needs 'model'");
    if (bedrock != (draft->guardrail.node != NULL))
        return fail(reading, draft->node,
                    bedrock ? "this API needs 'guardrail'"
                            : "'guardrail' is for 'bedrock_guardrail'");
    if (bedrock != (remote->provider->face == LLMP_FACE_BEDROCK))
        return fail(reading, draft->provider.node,
                    "'bedrock_guardrail', and nothing else, asks a provider "
                    "with 'dialect: bedrock'");
    if (remote->provider->oauth.kind != LLMP_OAUTH_NONE)
        return fail(reading, draft->provider.node,
                    "guards ask providers with 'api_key', 'headers' or 'aws'; "
                    "this one has 'oauth'");
    if (draft->path.node && !is_path(draft->path.text))
        return fail(reading, draft->path.node,
                    "'path' begins with '/', and has no blanks");
    return LLMP_OK;
}

static int take_remote(struct llmp_reading *reading,
                       const struct llmp_draft_guard_remote *draft,
                       struct llmp_guard_remote *remote)
{
    LLMP_TRY(find_provider(reading, &draft->provider, &remote->provider));
    remote->set = (struct llmp_remote_settings){
        .api = llmp_remote_api((size_t)draft->api.number),
        .model = draft->model.text,
        .guardrail = draft->guardrail.text,
        .version = draft->version.text,
        .path = draft->path.text,
    };
    remote->timeout_ms = draft->timeout.number;
    remote->calls_max = (uint32_t)draft->calls.number;
    remote->image_bytes_max = draft->image_size.number;
    remote->image_urls = draft->image_urls.number != 0;
    return check_settings(reading, draft, remote);
}

int llmp_check_remotes(struct llmp_reading *reading,
                       const struct llmp_drafts *stages)
{
    const struct llmp_draft_guard_stage *items = stages->items;
    struct llmp_guard_remote *remotes = NULL;

    for (size_t i = 0; i < stages->count; i++) {
        bool asks = llmp_str_eq(items[i].check.text, LLMP_STR("remote"));

        if (!asks && items[i].remote.node)
            return fail(reading, items[i].remote.node,
                        "'remote' is for 'check: remote'");
        if (!asks)
            continue;
        if (!items[i].remote.node)
            return fail(reading, items[i].node,
                        "'check: remote' needs 'remote'");
        if (!remotes)
            remotes = llmp_config_take_array(&reading->config->memory,
                                             stages->count, sizeof(*remotes));
        if (!remotes)
            return llmp_reading_nomem(reading);
        LLMP_TRY(take_remote(reading, &items[i].remote, &remotes[i]));
    }
    reading->config->guard.remotes = remotes;
    return LLMP_OK;
}
