/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration as the gateway reads it: plain immutable structs in one
 * arena. It never holds breaker, limiter or cache state: those are keyed by
 * the stable names found here.
 */
#ifndef LLMP_GATEWAY_CONFIG_H
#define LLMP_GATEWAY_CONFIG_H

#include <llmproxy/config.h>
#include <llmproxy/runtime.h>
#include <stdatomic.h>

#include "gateway/config_memory.h"

/* A vendor or server: base URL, credentials, how to reach it. */
struct llmp_provider {
    struct llmp_str name;
    struct llmp_origin origin; /* where, over what; see runtime.h */
    struct llmp_str base_path; /* of base_url, without trailing '/': "/v1";
                                  may be empty */
    /* Ready request fields: authorization and configured extras. */
    const struct llmp_header *headers;
    size_t header_count;
    /* Every secret of this provider, so that error texts can be cleaned. */
    const struct llmp_str *secrets;
    size_t secret_count;
    uint64_t first_byte_timeout_ms;
    uint64_t idle_timeout_ms; /* between two pieces of an answer */
    bool inject_usage; /* ask streams for usage; some servers refuse the option
                        */
};

/* The name that clients ask for. */
struct llmp_model {
    struct llmp_str name;  /* may end in '*': a pattern */
    struct llmp_str strip; /* prefix removed before the name goes upstream */
    const struct llmp_provider *provider;
    struct llmp_str upstream; /* model name there; empty: as asked */
    uint32_t index;           /* position in llmp_config.models */
};

struct llmp_limits {
    uint64_t body_bytes_max;        /* a JSON body that is held whole */
    uint64_t passthrough_bytes_max; /* a streamed upload */
    uint64_t held_bytes_max;        /* all held bodies of a worker together */
    uint64_t error_bytes_max;       /* of an upstream's error body */
    uint64_t event_bytes_max; /* of one stream event that is looked into */
    uint32_t json_depth_max;
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
    struct llmp_str summary; /* for llmp_config_write_summary() */
};

/* The model that serves `name`: the literal one, else the longest pattern.
 * NULL if there is none. */
const struct llmp_model *llmp_config_model(const struct llmp_config *config,
                                           struct llmp_str name);

#define LLMP_NEAREST_MAX 3

/* Up to three literal names that `name` may have been meant to be, the nearest
 * first; returns how many. Bounded work, whatever a client asks for. */
size_t llmp_config_nearest(const struct llmp_config *config,
                           struct llmp_str name,
                           struct llmp_str out[LLMP_NEAREST_MAX]);

#endif
