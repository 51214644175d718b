/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Providers: where they are, what they are sent, and every secret of theirs.
 *
 * A URL, a key and a header value are never quoted in a message: a mistyped
 * one may be a secret in the wrong place.
 */
#include <openssl/evp.h>
#include <stdio.h>

#include "base/internal.h"
#include "base/str.h"
#include "gateway/config_check.h"
#include "gateway/config_preset.h"
#include "gateway/config_url.h"

#define NAME_LEN_MAX   64
#define CHECK_LEN_MAX  256
#define SECRET_LEN_MIN 4 /* anything shorter hides nothing */

struct build {
    struct llmp_reading *reading;
    const struct llmp_draft_provider *draft;
    struct llmp_provider *out;
    struct llmp_header *headers;
    struct llmp_str *secrets;
    bool has_secret;
};

static int fail(struct build *b, const struct llmp_node *node,
                const char *problem)
{
    return llmp_reading_fail(b->reading, node ? node : b->draft->node,
                             LLMP_E_INVALID, "%s", problem);
}

const struct llmp_provider *llmp_provider_find(const struct llmp_config *config,
                                               struct llmp_str name)
{
    for (size_t i = 0; i < config->provider_count; i++)
        if (llmp_str_eq(config->providers[i].name, name))
            return &config->providers[i];
    return NULL;
}

static bool is_word(struct llmp_str text, const char *marks)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
                  (c >= 'A' && c <= 'Z') ||
                  (c != '\0' && strchr(marks, c) != NULL);

        if (!ok)
            return false;
    }
    return text.len > 0;
}

static int check_name(struct build *b)
{
    const struct llmp_setting *name = &b->draft->name;

    if (name->text.len > NAME_LEN_MAX || !is_word(name->text, "._-"))
        return fail(b, name->node,
                    "a provider's 'name' has 1 to 64 letters, digits, '.', "
                    "'_' or '-'");
    if (llmp_provider_find(b->reading->config, name->text))
        return fail(b, name->node, "a provider of this 'name' is there twice");
    b->out->name = name->text;
    return LLMP_OK;
}

/* base_url, or that of the preset; *node is where to complain. */
static int find_url(struct build *b, struct llmp_str *url,
                    const struct llmp_node **node)
{
    const struct llmp_draft_provider *draft = b->draft;
    struct llmp_guess guess = llmp_guess_begin(draft->name.text);

    *node = draft->base_url.node;
    *url = draft->base_url.text;
    if (draft->base_url.node)
        return LLMP_OK;
    if (draft->preset.node) {
        *node = draft->preset.node;
        *url = llmp_str_of(llmp_presets[draft->preset.number].base_url);
        return LLMP_OK;
    }
    *node = draft->name.node;
    for (size_t i = 0; i < llmp_preset_count; i++) {
        struct llmp_str name = llmp_str_of(llmp_presets[i].name);

        *url = llmp_str_of(llmp_presets[i].base_url);
        if (llmp_str_eq(name, draft->name.text))
            return LLMP_OK;
        llmp_guess_offer(&guess, name);
    }
    return llmp_reading_fail(
        b->reading, draft->node, LLMP_E_INVALID,
        "this provider needs 'base_url' or 'preset'%s",
        draft->name.referenced ? "" : llmp_guess_hint(&guess).text);
}

static struct llmp_str lower(struct build *b, struct llmp_str text)
{
    struct llmp_str copy =
        llmp_config_join(&b->reading->config->memory, &text, 1);

    for (size_t i = 0; copy.ptr && i < copy.len; i++)
        if (copy.ptr[i] >= 'A' && copy.ptr[i] <= 'Z')
            ((char *)copy.ptr)[i] = (char)(copy.ptr[i] + 32);
    return copy;
}

static struct llmp_str join(struct build *b, const struct llmp_str *parts,
                            size_t count)
{
    return llmp_config_join(&b->reading->config->memory, parts, count);
}

static int fill_address(struct build *b, const struct llmp_url *url)
{
    struct llmp_origin *origin = &b->out->origin;
    bool https = llmp_str_eq(url->scheme, LLMP_STR("https"));
    struct llmp_str host = lower(b, url->host);
    char port[8] = "";

    origin->scheme = https ? "https" : "http";
    origin->host = host.ptr;
    origin->port = url->port ? url->port : https ? 443 : 80;
    if (origin->port != (https ? 443 : 80))
        (void)snprintf(port, sizeof(port), ":%u", origin->port);

    const struct llmp_str parts[] = {
        url->ipv6 ? LLMP_STR("[") : LLMP_STR(""),
        host,
        url->ipv6 ? LLMP_STR("]") : LLMP_STR(""),
        llmp_str_of(port),
    };

    origin->authority = join(b, parts, LLMP_COUNT(parts)).ptr;
    b->out->base_path = join(b, &url->path, 1);
    if (!origin->host || !origin->authority || !b->out->base_path.ptr)
        return llmp_reading_nomem(b->reading);
    return LLMP_OK;
}

static int check_url(struct build *b)
{
    struct llmp_str text;
    const struct llmp_node *node;
    struct llmp_url url;

    LLMP_TRY(find_url(b, &text, &node));

    const char *problem = llmp_url_parse(&url, text, false);

    if (!problem && !llmp_str_eq(url.scheme, LLMP_STR("https")) &&
        !llmp_str_eq(url.scheme, LLMP_STR("http")))
        problem = "must begin with https:// or http://";
    if (problem)
        return llmp_reading_fail(b->reading, node, LLMP_E_INVALID,
                                 "'base_url' %s", problem);
    return fill_address(b, &url);
}

/* ---- what is sent ---- */

static int add_secret(struct build *b, struct llmp_str secret)
{
    b->has_secret = true;
    if (secret.len >= SECRET_LEN_MIN)
        b->secrets[b->out->secret_count++] = secret;
    return LLMP_OK;
}

static int add_key(struct build *b, const struct llmp_setting *key,
                   struct llmp_header *credential, struct llmp_str *id)
{
    const struct llmp_face_row *row = llmp_face_row(b->out->face);
    const struct llmp_str parts[] = { row->key_prefix, key->text };
    char number[24];

    for (size_t i = 0; i < key->text.len; i++)
        if (key->text.ptr[i] <= ' ' || key->text.ptr[i] > '~')
            return fail(b, key->node,
                        "'api_key' contains a blank or another character "
                        "that no key has");
    credential->name = row->key_field;
    credential->value = join(b, parts, LLMP_COUNT(parts));

    /* Keys are told apart by their place: nothing of a secret may show. */
    struct llmp_str place = { number,
                              (size_t)snprintf(number, sizeof(number), "key%zu",
                                               b->out->credential_count + 1) };

    *id = join(b, &place, 1);
    if (!credential->value.ptr || !id->ptr)
        return llmp_reading_nomem(b->reading);
    b->out->credential_count++;
    return add_secret(b, key->text);
}

static int add_keys(struct build *b)
{
    const struct llmp_settings *keys = &b->draft->api_key;
    struct llmp_config_memory *memory = &b->reading->config->memory;
    struct llmp_header *credentials =
        llmp_config_take_array(memory, keys->count + 1, sizeof(*credentials));
    struct llmp_str *ids =
        llmp_config_take_array(memory, keys->count + 1, sizeof(*ids));

    if (!credentials || !ids)
        return llmp_reading_nomem(b->reading);
    b->out->credentials = credentials;
    b->out->credential_ids = ids;
    for (size_t i = 0; i < keys->count; i++)
        LLMP_TRY(add_key(b, &keys->items[i], &credentials[i], &ids[i]));
    return LLMP_OK;
}

/* Fields that frame, route or encode a message belong to the transport and
 * to the exchange. */
static bool is_reserved(struct llmp_str name)
{
    static const char *const names[] = {
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "expect",
        "content-type",
        "content-encoding",
        "accept-encoding",
        "proxy-authorization",
        "http2-settings",
    };

    for (size_t i = 0; i < LLMP_COUNT(names); i++)
        if (llmp_str_eq(name, llmp_str_of(names[i])))
            return true;
    return false;
}

/* Values of these are secrets even when they are written out. */
static bool is_secret_name(struct llmp_str name)
{
    static const char *const words[] = { "auth",   "key",    "token",
                                         "secret", "cookie", "password" };

    for (size_t i = 0; i < LLMP_COUNT(words); i++)
        if (llmp_str_find(name, llmp_str_of(words[i])) != SIZE_MAX)
            return true;
    return false;
}

static int add_header(struct build *b, const struct llmp_setting *setting)
{
    const struct llmp_node *key = setting->node->key;
    const struct llmp_str value = setting->text;
    struct llmp_str name = lower(b, key->text);

    if (!name.ptr)
        return llmp_reading_nomem(b->reading);
    if (!is_word(name, "!#$%&'*+-.^_`|~"))
        return fail(b, key, "this is not a header's name");
    if (is_reserved(name))
        return llmp_reading_fail(b->reading, key, LLMP_E_INVALID,
                                 "the header '%s' is set by the gateway itself",
                                 llmp_show(name).text);
    if (b->out->credential_count &&
        llmp_str_eq(b->out->credentials[0].name, name))
        return llmp_reading_fail(b->reading, key, LLMP_E_INVALID,
                                 "the header '%s' is there twice ('api_key' "
                                 "sets %s)",
                                 llmp_show(name).text, llmp_show(name).text);
    for (size_t i = 0; i < b->out->header_count; i++)
        if (llmp_str_eq(b->headers[i].name, name))
            return llmp_reading_fail(b->reading, key, LLMP_E_INVALID,
                                     "the header '%s' is there twice",
                                     llmp_show(name).text);
    if (value.ptr[0] == ' ' || value.ptr[value.len - 1] == ' ')
        return fail(b, setting->node,
                    "a header's value may not begin or end with a blank");
    b->headers[b->out->header_count++] = (struct llmp_header){ name, value };
    if (!setting->referenced && !is_secret_name(name))
        return LLMP_OK;
    LLMP_TRY(add_secret(b, value));

    /* "Bearer abc": what follows the scheme is the secret. */
    const char *blank = memchr(value.ptr, ' ', value.len);

    if (!blank)
        return LLMP_OK;
    return add_secret(
        b, (struct llmp_str){ blank + 1,
                              (size_t)(value.ptr + value.len - blank - 1) });
}

static int add_headers(struct build *b)
{
    const struct llmp_settings *headers = &b->draft->headers;
    struct llmp_config_memory *memory = &b->reading->config->memory;

    b->headers =
        llmp_config_take_array(memory, headers->count + 1, sizeof(*b->headers));
    b->secrets = llmp_config_take_array(
        memory, 2 * headers->count + b->draft->api_key.count + 6,
        sizeof(*b->secrets));
    if (!b->headers || !b->secrets)
        return llmp_reading_nomem(b->reading);
    LLMP_TRY(add_keys(b));
    for (size_t i = 0; i < headers->count; i++)
        LLMP_TRY(add_header(b, &headers->items[i]));
    b->out->headers = b->headers;
    b->out->secrets = b->secrets;
    return LLMP_OK;
}

/* ---- how it is reached ---- */

static int check_proxy(struct build *b)
{
    const struct llmp_setting *proxy = &b->draft->proxy;
    static const char *const schemes[] = { "http", "https", "socks5",
                                           "socks5h" };
    struct llmp_url url;
    bool known = false;

    if (!proxy->node)
        return LLMP_OK;

    const char *problem = llmp_url_parse(&url, proxy->text, true);

    for (size_t i = 0; !problem && i < LLMP_COUNT(schemes); i++)
        known = known || llmp_str_eq(url.scheme, llmp_str_of(schemes[i]));
    if (!problem && !known)
        problem = "must begin with http://, https://, socks5:// or socks5h://";
    if (!problem && url.path.len)
        problem = "may have no path";
    if (problem)
        return llmp_reading_fail(b->reading, proxy->node, LLMP_E_INVALID,
                                 "'proxy' %s", problem);
    b->out->origin.proxy = proxy->text.ptr;
    if (url.userinfo.len == 0)
        return LLMP_OK;

    const char *colon = memchr(url.userinfo.ptr, ':', url.userinfo.len);

    LLMP_TRY(add_secret(b, url.userinfo));
    if (!colon)
        return LLMP_OK;
    return add_secret(
        b,
        (struct llmp_str){ colon + 1, (size_t)(url.userinfo.ptr +
                                               url.userinfo.len - colon - 1) });
}

static int check_transport(struct build *b)
{
    const struct llmp_draft_provider *draft = b->draft;
    struct llmp_origin *origin = &b->out->origin;
    bool https = strcmp(origin->scheme, "https") == 0;
    bool needs_curl = draft->proxy.node || draft->http2.number;

    origin->http2 = draft->http2.number;
    origin->transport = draft->transport.node
                            ? (enum llmp_transport_kind)draft->transport.number
                        : needs_curl ? LLMP_TRANSPORT_CURL
                                     : LLMP_TRANSPORT_NATIVE;
    if (origin->transport == LLMP_TRANSPORT_NATIVE && draft->proxy.node)
        return fail(b, draft->proxy.node, "'proxy' needs 'transport: curl'");
    if (origin->transport == LLMP_TRANSPORT_NATIVE && origin->http2)
        return fail(b, draft->http2.node, "'http2' needs 'transport: curl'");
    if (origin->http2 && !https)
        return fail(b, draft->http2.node, "'http2' needs an https base_url");
    return check_proxy(b);
}

static int check_trust(struct build *b)
{
    const struct llmp_draft_provider *draft = b->draft;
    struct llmp_origin *origin = &b->out->origin;
    bool https = strcmp(origin->scheme, "https") == 0;
    bool loopback = llmp_host_is_loopback(llmp_str_of(origin->host));

    origin->tls_verify = draft->tls_verify.number;
    origin->ca_file = draft->ca_file.node ? draft->ca_file.text.ptr : NULL;
    LLMP_TRY(llmp_reading_check_file(b->reading, draft->ca_file.node,
                                     origin->ca_file));
    if (!origin->tls_verify && !loopback)
        return fail(b, draft->tls_verify.node,
                    "'tls_verify: false' is accepted for this machine "
                    "(127.0.0.1, ::1, localhost) only; name the authority "
                    "with 'ca_file'");
    if (https || loopback || !b->has_secret || draft->allow_plain_http.number)
        return LLMP_OK;
    if (b->reading->from_env)
        return fail(b, draft->base_url.node,
                    "plain http would send a secret readable to another "
                    "machine: use https or, to allow it, set "
                    "LLMGW_ALLOW_PLAIN_HTTP=true");
    return fail(b,
                draft->base_url.node ? draft->base_url.node : draft->name.node,
                "plain http would send a secret readable to another machine: "
                "use https or, to allow it, 'allow_plain_http: true'");
}

/* The proxy's password separates connections but must not be readable. */
static int make_id(struct build *b)
{
    struct llmp_origin *origin = &b->out->origin;
    struct llmp_str proxy = llmp_str_of(origin->proxy);
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned digest_len = 0;
    char hex[33] = "-";
    char flags[64];

    if (proxy.len && EVP_Digest(proxy.ptr, proxy.len, digest, &digest_len,
                                EVP_sha256(), NULL) != 1)
        return llmp_reading_nomem(b->reading);
    for (size_t i = 0; i < digest_len && i < 16; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    (void)snprintf(flags, sizeof(flags), ":%u %s%s%s", origin->port,
                   origin->transport == LLMP_TRANSPORT_CURL ? "curl" : "native",
                   origin->http2 ? " h2" : "",
                   origin->tls_verify ? "" : " unverified");

    const struct llmp_str parts[] = {
        llmp_str_of(origin->scheme),
        LLMP_STR("://"),
        llmp_str_of(origin->host),
        llmp_str_of(flags),
        LLMP_STR(" proxy="),
        llmp_str_of(hex),
        LLMP_STR(" ca="),
        llmp_str_of(origin->ca_file),
    };

    origin->id = join(b, parts, LLMP_COUNT(parts)).ptr;
    return origin->id ? LLMP_OK : llmp_reading_nomem(b->reading);
}

static int check_aws(struct build *b)
{
    const struct llmp_draft_provider *draft = b->draft;
    const struct llmp_draft_aws *aws = &draft->aws;

    if (draft->api_version.node && b->out->face != LLMP_FACE_AZURE)
        return fail(b, draft->api_version.node,
                    "'api_version' is for 'dialect: azure'");
    b->out->api_version = draft->api_version.text;
    if (!aws->node)
        return LLMP_OK;
    if (b->out->face != LLMP_FACE_BEDROCK)
        return fail(b, aws->node, "'aws' is for 'dialect: bedrock'");
    if (draft->api_key.count)
        return fail(b, aws->node, "'aws' and 'api_key' exclude each other");
    b->out->aws = (struct llmp_aws_credentials){
        .access = aws->access_key.text,
        .secret = aws->secret_key.text,
        .session = aws->session_token.text,
    };
    b->out->aws_region = aws->region.text;
    if (!b->out->region.len)
        b->out->region = aws->region.text;
    LLMP_TRY(add_secret(b, aws->secret_key.text));
    return aws->session_token.node ? add_secret(b, aws->session_token.text)
                                   : LLMP_OK;
}

/* A preset's is what its base URL speaks; elsewhere it may be anything. */
static enum llmp_face find_face(const struct llmp_draft_provider *draft)
{
    if (draft->dialect.node)
        return (enum llmp_face)draft->dialect.number;
    for (size_t i = 0; i < llmp_preset_count; i++)
        if (draft->preset.node
                ? draft->preset.number == i
                : llmp_str_eq(draft->name.text,
                              llmp_str_of(llmp_presets[i].name)) &&
                      (!draft->base_url.node || draft->base_url.referenced))
            return llmp_presets[i].face;
    return LLMP_FACE_OPENAI;
}

/* Compatible servers that are known not to have it. */
static bool has_responses(const struct llmp_draft_provider *draft)
{
    static const char *const without[] = { "mistral",  "deepseek",
                                           "cloudru",  "together",
                                           "cerebras", "gemini-openai" };
    struct llmp_str name =
        draft->preset.node ? draft->preset.text : draft->name.text;

    for (size_t i = 0; i < LLMP_COUNT(without); i++)
        if (llmp_str_eq(name, llmp_str_of(without[i])))
            return false;
    return true;
}

/* What a face has that costs nothing; each short where that can be asked. */
static struct llmp_str free_path(struct build *b)
{
    const struct llmp_str versioned[] = { LLMP_STR("/models?api-version="),
                                          b->draft->api_version.text };

    switch (b->out->face) {
    case LLMP_FACE_AZURE:
        return b->draft->api_version.node ? join(b, versioned, 2)
                                          : LLMP_STR("/models");
    case LLMP_FACE_ANTHROPIC:
        return LLMP_STR("/models?limit=1");
    case LLMP_FACE_GEMINI:
        return LLMP_STR("/models?pageSize=1");
    case LLMP_FACE_VERTEX:
    case LLMP_FACE_BEDROCK:
        return LLMP_STR("/");
    default:
        return LLMP_STR("/models");
    }
}

static int check_check(struct build *b)
{
    const struct llmp_setting *check = &b->draft->check;

    if (!check->node) {
        b->out->check_path = free_path(b);
        return b->out->check_path.ptr ? LLMP_OK
                                      : llmp_reading_nomem(b->reading);
    }
    if (llmp_str_eq(check->text, LLMP_STR("off")))
        return LLMP_OK;
    if (check->text.ptr[0] != '/' || check->text.len > CHECK_LEN_MAX ||
        !is_word(check->text, "/-._~%!$&'()*+,;=:@?"))
        return fail(b, check->node,
                    "'check' is 'off', or a path below 'base_url' that begins "
                    "with '/'");
    b->out->check_path = check->text;
    return LLMP_OK;
}

static int check_provider(struct build *b)
{
    const struct llmp_draft_provider *draft = b->draft;

    LLMP_TRY(check_name(b));
    LLMP_TRY(check_url(b));
    b->out->face = find_face(draft);
    b->out->region = draft->region.text;
    LLMP_TRY(add_headers(b));
    LLMP_TRY(check_aws(b));
    LLMP_TRY(llmp_check_oauth(b->reading, draft, b->out));
    if (draft->oauth.node) {
        LLMP_TRY(add_secret(b, b->out->oauth.client_secret));
        b->has_secret = true;
    }
    /* Before the proxy's password counts as a secret: it goes to the proxy. */
    LLMP_TRY(check_trust(b));
    LLMP_TRY(check_transport(b));
    b->out->origin.connect_timeout_ms = draft->timeouts.connect.number;
    b->out->origin.connections_max = (uint32_t)draft->connections.number;
    b->out->first_byte_timeout_ms = draft->timeouts.first_byte.number;
    b->out->idle_timeout_ms = draft->timeouts.idle.number;
    b->out->inject_usage = draft->stream_usage.number;
    b->out->responses =
        draft->responses.node ? draft->responses.number : has_responses(draft);
    b->out->vendor = draft->vendor.node   ? draft->vendor.text
                     : draft->preset.node ? draft->preset.text
                                          : draft->name.text;
    b->out->is_openai = b->out->face == LLMP_FACE_AZURE ||
                        llmp_str_eq(b->out->vendor, LLMP_STR("openai"));
    LLMP_TRY(llmp_check_allowance(b->reading, &draft->limits, &b->out->limits));
    LLMP_TRY(check_check(b));
    return make_id(b);
}

int llmp_check_providers(struct llmp_reading *reading,
                         const struct llmp_drafts *drafts)
{
    struct llmp_config *config = reading->config;
    const struct llmp_draft_provider *items = drafts->items;

    config->providers = llmp_config_take_array(&config->memory, drafts->count,
                                               sizeof(*config->providers));
    if (!config->providers)
        return llmp_reading_nomem(reading);
    for (size_t i = 0; i < drafts->count; i++) {
        struct build b = { .reading = reading,
                           .draft = &items[i],
                           .out = &config->providers[i] };

        LLMP_TRY(check_provider(&b));
        config->provider_count++;
    }
    return LLMP_OK;
}
