/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of every key there is. Reading, defaults, checks of single values,
 * the JSON Schema and the reference page all walk it; none of them knows a key
 * by name. What spans several keys is in config_check.c and its neighbours.
 *
 * Reading fills a draft: the configuration as written, typed, with defaults.
 */
#ifndef LLMP_GATEWAY_CONFIG_SCHEMA_H
#define LLMP_GATEWAY_CONFIG_SCHEMA_H

#include "gateway/config_reading.h"
#include "gateway/config_tree.h"

enum llmp_key_kind {
    LLMP_KEY_BOOL,
    LLMP_KEY_COUNT,    /* whole number, min..max */
    LLMP_KEY_SIZE,     /* "32MiB" -> bytes, min..max */
    LLMP_KEY_DURATION, /* "30s" -> milliseconds, min..max */
    LLMP_KEY_INTEGER,  /* whole number, may be negative */
    LLMP_KEY_TEXT,     /* not empty */
    LLMP_KEY_CHOICE,   /* one of `choices` */
    LLMP_KEY_TEXTS,    /* a text or a list of up to max */
    LLMP_KEY_INTEGERS, /* such a number or a list of up to max */
    LLMP_KEY_PAIRS,    /* a mapping of up to max names to texts */
    LLMP_KEY_SECTION,  /* a mapping with keys of its own */
    LLMP_KEY_SECTIONS  /* a list of up to max such mappings */
};

#define LLMP_KEY_INTEGER_MAX 1000000 /* and down to minus that */

struct llmp_section;

struct llmp_key {
    const char *name;
    enum llmp_key_kind kind;
    size_t offset;        /* in the section's draft */
    const char *fallback; /* as it would be written; NULL: stays unset */
    uint64_t min, max;
    const char *const *choices; /* ends with NULL */
    const struct llmp_section *section;
    bool required;
    bool secret;      /* never quoted in a message */
    bool lines;       /* a text of several lines, a file's */
    const char *help; /* sentences in Markdown */
};

struct llmp_section {
    const char *name; /* for the schema's $defs and the page's headings */
    const char *help;
    size_t size; /* of its draft, which begins with a node */
    const struct llmp_key *keys;
    size_t key_count;
};

extern const struct llmp_section llmp_config_section;

/* One value. `node` is NULL when it was not written; then the rest is the
 * default, or zero when there is none. */
struct llmp_setting {
    const struct llmp_node *node;
    struct llmp_str text; /* NUL-terminated */
    uint64_t number;      /* bool, count, bytes, ms, index of the choice; of
                             an integer, two's complement */
    bool referenced;      /* came from ${…}: never quote it */
};

/* TEXTS and INTEGERS, and PAIRS, whose names are in the items' node->key. */
struct llmp_settings {
    const struct llmp_node *node;
    struct llmp_setting *items;
    size_t count;
};

struct llmp_drafts {
    const struct llmp_node *node;
    void *items;
    size_t count;
};

struct llmp_draft_tls {
    const struct llmp_node *node; /* NULL: the section was not written */
    struct llmp_setting cert, key, client_ca, client_auth, min_version, hsts;
};

struct llmp_draft_limits {
    const struct llmp_node *node;
    struct llmp_setting body, passthrough, held, error, event, header,
        json_depth, connections, streams;
};

struct llmp_draft_server_timeouts {
    const struct llmp_node *node;
    struct llmp_setting header, body, idle, write, drain;
};

struct llmp_draft_server {
    const struct llmp_node *node;
    struct llmp_settings listen;
    struct llmp_draft_tls tls;
    struct llmp_setting workers, access_log, allow_anonymous, http2, watch;
    struct llmp_draft_limits limits;
    struct llmp_draft_server_timeouts timeouts;
};

struct llmp_draft_budget {
    const struct llmp_node *node;
    struct llmp_setting day, week, month, total, soft, downgrade;
};

/* Of a key, a user, a team, an organisation, a model, a provider. */
struct llmp_draft_allowance {
    const struct llmp_node *node;
    struct llmp_setting requests, requests_burst, requests_day, tokens,
        tokens_day, tokens_month, input_tokens, output_tokens, concurrency;
    struct llmp_draft_budget budget;
};

struct llmp_draft_key {
    const struct llmp_node *node;
    struct llmp_setting name, key, hash, user, team, organisation, role,
        expires, disabled;
    struct llmp_settings models, routes, allow, deny, residency;
    struct llmp_draft_allowance limits;
};

/* A user, a team, an organisation. */
struct llmp_draft_owner {
    const struct llmp_node *node;
    struct llmp_setting name;
    struct llmp_settings residency;
    struct llmp_draft_allowance limits;
};

struct llmp_draft_issuer {
    const struct llmp_node *node;
    struct llmp_setting issuer, jwks_uri, access_tokens_only, leeway,
        allow_plain_http, ca_file, user_claim, name_claim, team_claim,
        organisation_claim, role_claim, role, team, organisation;
    struct llmp_settings audience, roles;
};

struct llmp_draft_tokens {
    const struct llmp_node *node;
    struct llmp_setting issuer, audience, secret, algorithm, lifetime_max;
    struct llmp_settings previous;
};

struct llmp_draft_step_up {
    const struct llmp_node *node;
    struct llmp_settings roles, routes, acr;
    struct llmp_setting multi_factor, max_age;
};

struct llmp_draft_auth {
    const struct llmp_node *node;
    struct llmp_setting pepper, keys_expire, tls_role;
    struct llmp_settings trusted_proxies;
    struct llmp_drafts issuers, step_up;
    struct llmp_draft_tokens tokens;
};

struct llmp_draft_prices {
    const struct llmp_node *node;
    struct llmp_setting table, currency, unknown;
    struct llmp_settings rates;
};

struct llmp_draft_retention {
    const struct llmp_node *node;
    struct llmp_setting ledger, events, deleted;
};

struct llmp_draft_store {
    const struct llmp_node *node;
    struct llmp_setting path, journal, on_failure, share_limits;
    struct llmp_draft_retention retention;
};

struct llmp_draft_admin {
    const struct llmp_node *node;
    struct llmp_setting listen;
    struct llmp_settings allow, deny, hosts;
};

struct llmp_draft_provider_timeouts {
    const struct llmp_node *node;
    struct llmp_setting connect, first_byte, idle;
};

struct llmp_draft_aws {
    const struct llmp_node *node;
    struct llmp_setting access_key, secret_key, session_token, region;
};

struct llmp_draft_oauth {
    const struct llmp_node *node;
    struct llmp_setting tenant, client_id, client_secret, scope, token_url,
        credentials, service_account;
};

struct llmp_draft_provider {
    const struct llmp_node *node;
    struct llmp_setting api_version;
    struct llmp_draft_aws aws;
    struct llmp_draft_oauth oauth;
    struct llmp_setting responses;
    struct llmp_setting name, preset, base_url, dialect, region, transport,
        http2, ca_file, proxy, tls_verify, allow_plain_http, connections,
        stream_usage;
    struct llmp_setting vendor, check;
    struct llmp_settings api_key, headers;
    struct llmp_draft_provider_timeouts timeouts;
    struct llmp_draft_allowance limits;
};

struct llmp_draft_deployment {
    const struct llmp_node *node;
    struct llmp_setting name, provider, model, region, weight, tier, level,
        max_tokens, concurrency;
};

struct llmp_draft_fallbacks {
    const struct llmp_node *node;
    struct llmp_setting context_length, content_filter;
};

struct llmp_draft_hedge {
    const struct llmp_node *node;
    struct llmp_setting when, after;
};

struct llmp_draft_when {
    const struct llmp_node *node;
    struct llmp_settings header, tag, key, team;
    struct llmp_setting prompt_tokens_min, prompt_tokens_max;
};

struct llmp_draft_rule {
    const struct llmp_node *node;
    struct llmp_draft_when when;
    struct llmp_settings deployments;
};

struct llmp_draft_points {
    const struct llmp_node *node;
    struct llmp_setting feature, at_least, term, points;
};

struct llmp_draft_complexity {
    const struct llmp_node *node;
    struct llmp_drafts rules;
    struct llmp_settings thresholds;
};

struct llmp_draft_model {
    const struct llmp_node *node;
    struct llmp_setting name, provider, model, strip, strategy, on_unsupported,
        retries;
    struct llmp_settings residency;
    struct llmp_drafts deployments, rules;
    struct llmp_draft_complexity complexity;
    struct llmp_draft_fallbacks fallbacks;
    struct llmp_draft_hedge hedge;
    struct llmp_draft_allowance limits;
};

struct llmp_draft_breaker {
    const struct llmp_node *node;
    struct llmp_setting enabled, window, error_rate, min_requests, consecutive,
        open, open_max, quota, down, retry_after_max, probe;
};

struct llmp_draft_retry_budget {
    const struct llmp_node *node;
    struct llmp_setting percent, floor, window;
};

struct llmp_draft_concurrency {
    const struct llmp_node *node;
    struct llmp_setting adaptive, first, min, max;
};

struct llmp_draft_priority {
    const struct llmp_node *node;
    struct llmp_draft_when when;
    struct llmp_setting priority;
};

struct llmp_draft_checks {
    const struct llmp_node *node;
    struct llmp_setting interval, timeout, failures;
};

struct llmp_draft_queue {
    const struct llmp_node *node;
    struct llmp_setting size, wait;
    struct llmp_drafts priorities;
};

struct llmp_draft_routing {
    const struct llmp_node *node;
    struct llmp_setting local_region;
    struct llmp_draft_breaker breaker;
    struct llmp_draft_retry_budget retry_budget;
    struct llmp_draft_concurrency concurrency;
    struct llmp_draft_queue queue;
    struct llmp_draft_checks checks;
};

struct llmp_draft_guard_rule {
    const struct llmp_node *node;
    struct llmp_setting name, pattern, exact_case, language, severity, label;
    struct llmp_settings keywords, context;
};

struct llmp_draft_guard_actions {
    const struct llmp_node *node;
    struct llmp_setting low, medium, high, critical;
};

struct llmp_draft_guard_doubt {
    const struct llmp_node *node;
    struct llmp_setting from, to;
};

struct llmp_draft_guard_remote {
    const struct llmp_node *node;
    struct llmp_setting api, provider, model, guardrail, version, path, timeout,
        calls, image_size, image_urls;
};

struct llmp_draft_guard_stage {
    const struct llmp_node *node;
    struct llmp_setting check, name, mode, sample, sure, on_failure, style,
        after;
    struct llmp_draft_guard_doubt doubt;
    struct llmp_draft_guard_remote remote;
    struct llmp_draft_guard_actions actions;
    struct llmp_settings parts, only, except, allow, models, keys, roles;
    struct llmp_drafts rules;
};

struct llmp_draft_guard_hold {
    const struct llmp_node *node;
    struct llmp_setting bytes, time;
};

struct llmp_draft_spotlight {
    const struct llmp_node *node;
    struct llmp_setting mode, mark, instructions;
    struct llmp_settings parts;
};

struct llmp_draft_anomaly {
    const struct llmp_node *node;
    struct llmp_setting enabled, score, half_life, warm_up, principals;
};

struct llmp_draft_guardrails {
    const struct llmp_node *node;
    struct llmp_drafts stages;
    struct llmp_draft_spotlight spotlight;
    struct llmp_setting key, text_max, canary;
    struct llmp_draft_guard_hold hold;
    struct llmp_draft_anomaly anomaly;
};

struct llmp_draft_objects {
    const struct llmp_node *node;
    struct llmp_setting shared, batches, model;
};

struct llmp_draft {
    const struct llmp_node *node;
    struct llmp_draft_server server;
    struct llmp_drafts providers, models, keys, users, teams, organisations;
    struct llmp_draft_routing routing;
    struct llmp_draft_objects objects;
    struct llmp_draft_guardrails guardrails;
    struct llmp_draft_auth auth;
    struct llmp_draft_prices prices;
    struct llmp_draft_store store;
    struct llmp_draft_admin admin;
};

/* Choices, in the order of the table. */
enum llmp_tls_version { LLMP_TLS_1_2, LLMP_TLS_1_3 };

/* Reads `root` (NULL: nothing was written) into a zeroed draft. */
int llmp_draft_read(struct llmp_draft *draft, struct llmp_reading *reading,
                    const struct llmp_node *root);

#endif
