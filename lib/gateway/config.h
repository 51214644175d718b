/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration as the gateway reads it: plain immutable structs in one
 * arena. It never holds breaker, limiter or cache state: those are keyed by
 * the stable names found here.
 */
#ifndef LLMP_GATEWAY_CONFIG_H
#define LLMP_GATEWAY_CONFIG_H

#include <llmproxy/auth.h>
#include <llmproxy/config.h>
#include <llmproxy/limit.h>
#include <llmproxy/route.h>
#include <llmproxy/runtime.h>
#include <llmproxy/usage.h>
#include <stdatomic.h>

#include "cloud/sigv4.h"
#include "gateway/config_memory.h"
#include "gateway/face.h"
#include "guard/anomaly.h"
#include "guard/remote.h"

/* Limits of one owner, as written. */
struct llmp_allowance {
    struct llmp_limit_rule rules[LLMP_LIMIT_RULES_MAX];
    size_t count;
    struct llmp_str downgrade; /* a model's name; empty: none */
};

/* How a provider's bearer tokens are got. */
enum llmp_oauth_kind {
    LLMP_OAUTH_NONE,
    LLMP_OAUTH_CLIENT, /* client credentials, Microsoft Entra's too */
    LLMP_OAUTH_GIGACHAT,
    LLMP_OAUTH_GOOGLE /* a service account */
};

struct llmp_oauth_config {
    enum llmp_oauth_kind kind;
    struct llmp_str id; /* what tokens are kept under: made of all below */
    struct llmp_str token_url, client_id, client_secret, scope;
    struct llmp_str account;    /* Google's key file, JSON */
    struct llmp_origin *origin; /* of token_url */
};

/* Regions that requests must stay in; none: they may go anywhere. */
struct llmp_residency {
    const struct llmp_str *regions;
    size_t count;
};

struct llmp_names {
    const struct llmp_str *items;
    size_t count;
};

/* A field that a client may send; see llmp_config.rule_fields. */
struct llmp_rule_field {
    uint32_t index;
    struct llmp_str value;
};

enum { LLMP_RULE_FIELDS_MAX = 32 }; /* different ones, of all rules */

/* Requests of a kind. Who is named nowhere is not asked about: empty lists
 * always hold. */
struct llmp_when {
    const struct llmp_rule_field *fields; /* all of them */
    size_t field_count;
    struct llmp_names tags, keys, teams; /* one of each */
    uint64_t tokens_min, tokens_max;     /* of the prompt, as estimated */
};

/* Which deployments of the model may have them. */
struct llmp_model_rule {
    struct llmp_when when;
    const uint64_t *allowed; /* bits of deployments */
};

/* Who waits before whom. */
struct llmp_priority_rule {
    struct llmp_when when;
    uint32_t priority; /* enum llmp_priority */
};

enum llmp_priority {
    LLMP_PRIORITY_CRITICAL = 1, /* before them: whose turn was in vain */
    LLMP_PRIORITY_HIGH,
    LLMP_PRIORITY_NORMAL, /* of whom no rule says anything */
    LLMP_PRIORITY_LOW
};

/* Requests that wait until a deployment has room. */
struct llmp_queue_config {
    uint64_t size; /* of each line; 0: nobody waits */
    uint64_t wait_ms;
    const struct llmp_priority_rule *rules; /* the first that holds counts */
    size_t rule_count;
};

/* How hard a prompt is: points, and how many make a level. */
struct llmp_complexity_config {
    const struct llmp_route_rule *rules;
    size_t rule_count;
    const int32_t *thresholds;
    size_t threshold_count;
};

/* A vendor or server: base URL, credentials, how to reach it. */
struct llmp_provider {
    struct llmp_str name;
    enum llmp_face face;             /* what it speaks, and where */
    bool is_openai;                  /* OpenAI itself, or Azure */
    struct llmp_str region;          /* empty: nobody said */
    struct llmp_str api_version;     /* Azure's; empty: its newer paths */
    struct llmp_aws_credentials aws; /* Bedrock's; empty: none */
    struct llmp_str aws_region;
    struct llmp_oauth_config oauth;
    bool responses;            /* OpenAI-compatible: it has /responses */
    struct llmp_origin origin; /* where, over what; see runtime.h */
    struct llmp_str base_path; /* of base_url, without trailing '/': "/v1";
                                  may be empty */
    /* Ready request fields: the one with its key, of which there may be
     * several, and configured extras. */
    const struct llmp_header *credentials;
    const struct llmp_str *credential_ids; /* for whoever counts faults */
    size_t credential_count;
    const struct llmp_header *headers;
    size_t header_count;
    /* Every secret of this provider, so that error texts can be cleaned. */
    const struct llmp_str *secrets;
    size_t secret_count;
    uint64_t first_byte_timeout_ms;
    uint64_t idle_timeout_ms; /* between two pieces of an answer */
    bool inject_usage; /* ask streams for usage; some servers refuse the option
                        */
    struct llmp_str check_path;   /* behind base_path; empty: not checked */
    struct llmp_str vendor;       /* whose prices hold */
    struct llmp_allowance limits; /* of each model here */
};

/* One model at one provider in one region. */
struct llmp_deployment {
    const struct llmp_provider *provider;
    struct llmp_str upstream; /* model name there; empty: as asked */
    struct llmp_str id;       /* "provider/model": what is known of its health
                                 is kept under it */
    struct llmp_str region;   /* its own, or the provider's */
    struct llmp_str name;     /* for rules; empty: only the id */
    uint32_t weight, tier, level;
    uint32_t in_flight_max; /* 0: no limit but what adapts */
    uint64_t max_tokens;    /* where a dialect must say one; 0: its default */
};

/* Which requests may be asked of two deployments at a time. */
enum llmp_hedge_when {
    LLMP_HEDGE_NEVER,
    LLMP_HEDGE_MARKED, /* by the client */
    LLMP_HEDGE_ALWAYS  /* unless the client says no */
};

struct llmp_hedge_config {
    enum llmp_hedge_when when;
    uint64_t after_ns; /* 0: as the router has measured */
};

/* The name that clients ask for. */
struct llmp_model {
    struct llmp_str name;  /* may end in '*': a pattern */
    struct llmp_str strip; /* prefix removed before the name goes upstream */
    struct llmp_deployment *deployments;
    size_t deployment_count; /* 1 or more */
    enum llmp_route_strategy strategy;
    uint32_t retries;      /* of the same deployments, after all were tried */
    bool drop_unsupported; /* what a deployment cannot be told is left out */
    struct llmp_str on_context, on_filter; /* models that may do instead */
    struct llmp_hedge_config hedge;
    struct llmp_residency residency;
    const struct llmp_model_rule *rules; /* the first that holds counts */
    size_t rule_count;
    struct llmp_complexity_config complexity; /* of that strategy */
    uint32_t index; /* position in llmp_config.models */
    struct llmp_allowance limits;
};

/* An API key of the file. */
struct llmp_key_config {
    struct llmp_key_options options; /* but for `data` and the hash */
    struct llmp_str secret;          /* the key itself; empty: the hash is
                                        in options */
    struct llmp_residency residency;
    struct llmp_allowance limits;
};

/* A user, a team, an organisation. */
struct llmp_owner_config {
    enum llmp_limit_kind kind;
    struct llmp_str name;
    struct llmp_residency residency;
    struct llmp_allowance limits;
};

struct llmp_issuer_config {
    struct llmp_token_policy_options policy;
    struct llmp_str jwks_uri;        /* empty: discovery */
    struct llmp_origin *origin;      /* of the issuer, and of jwks_uri */
    struct llmp_origin *jwks_origin; /* may be the same */
    bool http_allowed;
};

enum { LLMP_TOKEN_SECRETS_MAX = 8 };

/* Tokens of our own. The first secret signs, the others still count. */
struct llmp_token_config {
    bool enabled;
    struct llmp_str issuer, audience;
    enum llmp_alg alg;
    uint64_t lifetime_s_max;
    uint8_t secrets[LLMP_TOKEN_SECRETS_MAX][32];
    size_t secret_count;
};

/* What is demanded of a login, and where. */
struct llmp_step_up_config {
    uint32_t roles;                /* a bit each; 0: all */
    const struct llmp_str *routes; /* names of operations; 0: all */
    size_t route_count;
    struct llmp_step_up required;
};

struct llmp_auth_config {
    struct llmp_pepper pepper;
    bool has_pepper;
    bool keys_expire;  /* a key without an end is refused */
    bool administered; /* keys are in a store, too: nobody calls without one */
    const struct llmp_str *trusted_proxies;
    size_t trusted_proxy_count;
    enum llmp_role tls_role; /* NONE: a certificate is no credential */
    struct llmp_key_config *keys;
    size_t key_count;
    struct llmp_owner_config *owners;
    size_t owner_count;
    struct llmp_issuer_config *issuers;
    size_t issuer_count;
    struct llmp_token_config tokens;
    struct llmp_step_up_config *step_ups;
    size_t step_up_count;
};

struct llmp_prices_config {
    struct llmp_str currency;
    struct llmp_rate *rates;
    size_t rate_count;
    struct llmp_str table; /* JSON; empty: only what is shipped */
    bool unknown_refused;  /* where a budget counts */
};

/* How often providers are asked whether they are there. */
struct llmp_check_config {
    uint64_t interval_ns; /* 0: never */
    uint64_t timeout_ns;
    uint32_t failures; /* in a row until it counts as dead */
};

/* How deployments are judged, for all models. */
struct llmp_routing_config {
    struct llmp_str local_region; /* empty: none is nearer than another */
    struct llmp_route_health health;
    struct llmp_route_budget_options budget;
    struct llmp_queue_config queue;
    struct llmp_check_config checks;
};

/* Files, batches and stored responses at providers. */
struct llmp_objects_config {
    bool shared; /* all callers are one owner */
    bool batches_unguarded;
    struct llmp_str model; /* whose provider takes files; empty: must be said */
};

struct llmp_limits {
    uint64_t body_bytes_max;        /* a JSON body that is held whole */
    uint64_t passthrough_bytes_max; /* a streamed upload */
    uint64_t held_bytes_max;        /* all held bodies of a worker together */
    uint64_t error_bytes_max;       /* of an upstream's error body */
    uint64_t event_bytes_max; /* of one stream event that is looked into */
    uint32_t json_depth_max;
};

/* Whom a stage asks. */
struct llmp_guard_remote {
    const struct llmp_provider *provider; /* NULL: nobody, it knows itself */
    struct llmp_remote_settings set;
    uint64_t timeout_ms; /* of all calls for one document */
    uint32_t calls_max;  /* likewise */
    uint64_t image_bytes_max;
    bool image_urls; /* it may be given addresses of pictures */
};

/* How untrusted texts are marked before a model sees them. */
struct llmp_spotlight_config {
    bool on;
    enum llmp_guard_spotlight_mode mode;
    uint32_t parts; /* a bit each */
    const char *mark;
    struct llmp_str instructions; /* a template that is well formed */
};

/* What may pass. */
struct llmp_guard_config {
    struct llmp_spotlight_config spotlight;
    bool canary;                             /* is put into system prompts */
    struct llmp_guard_policy *policy;        /* NULL: everything */
    const struct llmp_guard_remote *remotes; /* of each stage; NULL: none asks
                                                anybody */
    size_t hold_bytes;                       /* of streams */
    uint64_t hold_ns;
};

/* Who behaves unlike themselves. */
struct llmp_anomaly_config {
    bool enabled;
    uint32_t score; /* from which somebody is told */
    struct llmp_anomaly_options options;
};

struct llmp_config {
    atomic_uint refs;
    struct llmp_config_memory memory; /* of everything below */
    struct llmp_server_config server;
    struct llmp_limits limits;
    struct llmp_provider *providers;
    size_t provider_count;
    struct llmp_model *models; /* literal names sorted, then patterns */
    size_t model_count, literal_count;
    struct llmp_routing_config routing;
    struct llmp_objects_config objects;
    struct llmp_guard_config guard;
    struct llmp_anomaly_config anomaly;
    struct llmp_str *rule_fields; /* names that rules ask for */
    size_t rule_field_count;
    struct llmp_store_config store;
    struct llmp_admin_config admin;
    struct llmp_auth_config auth;
    struct llmp_prices_config prices;
    struct llmp_str summary; /* for llmp_config_write_summary() */
};

/* The model that serves `name`: the literal one, else the longest pattern.
 * NULL if there is none. */
const struct llmp_model *llmp_config_model(const struct llmp_config *config,
                                           struct llmp_str name);

/* The first deployment at this provider; NULL: no model uses it. */
const struct llmp_deployment *llmp_config_deployment_at(
    const struct llmp_config *config, const struct llmp_provider *provider);

/* What the deployment's provider is asked for when a client asks for `name`. */
struct llmp_str llmp_model_upstream(const struct llmp_model *model,
                                    const struct llmp_deployment *deployment,
                                    struct llmp_str name);

/* Whether the provider takes requests of this shape as they are. */
bool llmp_provider_speaks(const struct llmp_provider *provider,
                          enum llmp_shape shape);

/* What a translation for the deployment goes by; arena, err and the time are
 * the caller's to add. */
struct llmp_wire llmp_deployment_wire(const struct llmp_model *model,
                                      const struct llmp_deployment *deployment);

#define LLMP_NEAREST_MAX 3

/* Up to three literal names that `name` may have been meant to be, the nearest
 * first; returns how many. Bounded work, whatever a client asks for. */
size_t llmp_config_nearest(const struct llmp_config *config,
                           struct llmp_str name,
                           struct llmp_str out[LLMP_NEAREST_MAX]);

#endif
