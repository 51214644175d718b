/* SPDX-License-Identifier: Apache-2.0 */
/* The server's part: who can reach it, and who may. */
#include "gateway/config_check.h"

#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_url.h"

static const char *or_null(const struct llmp_setting *setting)
{
    return setting->node ? setting->text.ptr : NULL;
}

/* The likeliest address somebody who wrote `text` had in mind. */
static struct llmp_hint listen_hint(const struct llmp_setting *setting)
{
    static const struct {
        const char *head, *meant;
    } names[] = { { "localhost:", "127.0.0.1:" },
                  { "*:", "0.0.0.0:" },
                  { ":", "0.0.0.0:" },
                  { "", "127.0.0.1:" } };
    struct llmp_hint hint = { "" };
    enum llmp_listen_kind kind;

    if (setting->referenced || setting->text.len > 40)
        return hint;
    for (size_t i = 0; i < LLMP_COUNT(names); i++) {
        struct llmp_str head = llmp_str_of(names[i].head);
        struct llmp_buf meant = { .limit = 80 };

        if (!llmp_str_starts(setting->text, head))
            continue;
        (void)llmp_buf_add(&meant, llmp_str_of(names[i].meant));
        (void)llmp_buf_add(&meant,
                           (struct llmp_str){ setting->text.ptr + head.len,
                                              setting->text.len - head.len });
        if (!meant.failed && !llmp_listen_parse(&kind, llmp_buf_str(&meant))) {
            struct llmp_guess guess = { .best = llmp_buf_str(&meant) };

            hint = llmp_guess_hint(&guess);
        }
        llmp_buf_fini(&meant);
        break;
    }
    return hint;
}

static int check_anonymous(struct llmp_reading *reading,
                           const struct llmp_draft_server *draft,
                           const struct llmp_setting *listen)
{
    const struct llmp_auth_config *auth = &reading->config->auth;

    if (auth->key_count || auth->issuer_count || auth->administered ||
        draft->allow_anonymous.number ||
        draft->tls.client_auth.number == LLMP_CLIENT_AUTH_REQUIRED)
        return LLMP_OK;
    if (reading->from_env)
        return llmp_reading_fail(
            reading, listen->node, LLMP_E_INVALID,
            "this listener can be reached from other machines, without "
            "authentication; to allow that, set LLMGW_ALLOW_ANONYMOUS=true");
    return llmp_reading_fail(
        reading, listen->node, LLMP_E_INVALID,
        "this listener can be reached from other machines, without "
        "authentication: add 'keys', set 'tls.client_auth: require' or, to "
        "allow that, 'server.allow_anonymous: true'");
}

static int check_listen(struct llmp_reading *reading,
                        const struct llmp_draft_server *draft)
{
    const struct llmp_settings *listen = &draft->listen;
    struct llmp_server_config *server = &reading->config->server;
    const char **out = llmp_config_take_array(&reading->config->memory,
                                              listen->count, sizeof(*out));

    if (!out)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < listen->count; i++) {
        const struct llmp_setting *item = &listen->items[i];
        enum llmp_listen_kind kind;
        const char *problem = llmp_listen_parse(&kind, item->text);

        if (problem)
            return llmp_reading_fail(reading, item->node, LLMP_E_INVALID,
                                     "'listen' %s%s", problem,
                                     listen_hint(item).text);
        if (kind == LLMP_LISTEN_OPEN)
            LLMP_TRY(check_anonymous(reading, draft, item));
        for (size_t j = 0; j < i; j++)
            if (llmp_str_eq(listen->items[j].text, item->text))
                return llmp_reading_fail(reading, item->node, LLMP_E_INVALID,
                                         "'listen' has this address twice");
        out[i] = item->text.ptr;
    }
    server->listen = out;
    server->listen_count = listen->count;
    return LLMP_OK;
}

static int check_tls(struct llmp_reading *reading,
                     const struct llmp_draft_tls *draft)
{
    struct llmp_server_config *server = &reading->config->server;
    bool authenticates = draft->client_auth.number != LLMP_CLIENT_AUTH_NONE;

    if (authenticates && !draft->client_ca.node)
        return llmp_reading_fail(reading, draft->client_auth.node,
                                 LLMP_E_INVALID,
                                 "'client_auth' needs 'client_ca'");
    if (!authenticates && draft->client_ca.node)
        return llmp_reading_fail(
            reading, draft->client_ca.node, LLMP_E_INVALID,
            "'client_ca' does nothing without 'client_auth: require' or "
            "'client_auth: optional'");
    server->tls = draft->node != NULL;
    server->tls_cert_file = or_null(&draft->cert);
    server->tls_key_file = or_null(&draft->key);
    server->tls_client_ca_file = or_null(&draft->client_ca);
    LLMP_TRY(llmp_reading_check_file(reading, draft->cert.node,
                                     server->tls_cert_file));
    LLMP_TRY(llmp_reading_check_file(reading, draft->key.node,
                                     server->tls_key_file));
    LLMP_TRY(llmp_reading_check_file(reading, draft->client_ca.node,
                                     server->tls_client_ca_file));
    server->tls_client_auth = (enum llmp_client_auth)draft->client_auth.number;
    server->tls_allow_1_2 = draft->min_version.number == LLMP_TLS_1_2;
    server->hsts_seconds = draft->hsts.number / 1000;
    return LLMP_OK;
}

static void fill_limits(struct llmp_config *config,
                        const struct llmp_draft_limits *draft)
{
    config->limits = (struct llmp_limits){
        .body_bytes_max = draft->body.number,
        .passthrough_bytes_max = draft->passthrough.number,
        .held_bytes_max = draft->held.number,
        .error_bytes_max = draft->error.number,
        .event_bytes_max = draft->event.number,
        .json_depth_max = (uint32_t)draft->json_depth.number,
    };
    config->server.header_bytes_max = (uint32_t)draft->header.number;
    config->server.connections_max = (uint32_t)draft->connections.number;
    config->server.streams_max = (uint32_t)draft->streams.number;
}

int llmp_check_server(struct llmp_reading *reading,
                      const struct llmp_draft_server *draft)
{
    struct llmp_server_config *server = &reading->config->server;

    server->size = sizeof(*server);
    server->workers = (uint32_t)draft->workers.number;
    server->access_log = draft->access_log.text.ptr;
    server->http2 = draft->http2.number;
    server->watch_config = draft->watch.number;
    server->header_timeout_ms = draft->timeouts.header.number;
    server->body_timeout_ms = draft->timeouts.body.number;
    server->idle_timeout_ms = draft->timeouts.idle.number;
    server->write_timeout_ms = draft->timeouts.write.number;
    server->drain_timeout_ms = draft->timeouts.drain.number;
    fill_limits(reading->config, &draft->limits);
    LLMP_TRY(check_tls(reading, &draft->tls));
    return check_listen(reading, draft);
}
